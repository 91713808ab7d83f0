-- The clients that have logged in to each account and said who they are, with their tokens. See clients.h.
CREATE TABLE clients (
	owner TEXT NOT NULL, -- bare JID
	id TEXT NOT NULL, -- as the client names itself (XEP-0388, 2.4)
	software TEXT NOT NULL,
	device TEXT NOT NULL,
	created INTEGER NOT NULL, -- ms since 1970, UTC, as all times here
	last_login INTEGER NOT NULL,
	mechanism TEXT NOT NULL, -- of that login
	address TEXT NOT NULL,
	new_mechanism TEXT, -- the token that was handed out and not used yet; NULL: none
	new_salt BLOB,
	new_issued INTEGER,
	new_expiry INTEGER,
	current_mechanism TEXT, -- the token in use; NULL: none
	current_salt BLOB,
	current_issued INTEGER,
	current_expiry INTEGER,
	PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;
