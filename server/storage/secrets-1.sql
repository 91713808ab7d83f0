-- Secrets that the server makes for itself once and keeps. See secrets.h.
CREATE TABLE secrets (
	name TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;
