-- Accounts and what is stored of their passwords. See accounts.h.
CREATE TABLE accounts (
	host TEXT NOT NULL,
	localpart TEXT NOT NULL,
	scram_sha1 BLOB, -- salt, iterations and keys as accounts.c packs them; NULL: this mechanism cannot be used
	scram_sha256 BLOB,
	created INTEGER NOT NULL, -- ms since 1970, UTC
	flags INTEGER NOT NULL, -- enum accounts_flags
	PRIMARY KEY (host, localpart)
) STRICT, WITHOUT ROWID;
