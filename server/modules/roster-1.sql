-- Rosters: one row a contact, or a stranger whose request waits for an answer. See roster_store.c.
CREATE TABLE roster (
	owner TEXT NOT NULL, -- bare JID of the account
	jid TEXT NOT NULL,
	name TEXT NOT NULL,
	groups TEXT NOT NULL, -- separated by U+001F
	state INTEGER NOT NULL, -- mask of SUBSCRIPTION_... (subscription.h)
	listed INTEGER NOT NULL, -- 0: only a request, not in the roster that clients see
	request BLOB, -- the presence stanza that asked, as long as it waits
	PRIMARY KEY (owner, jid)
) STRICT, WITHOUT ROWID;
