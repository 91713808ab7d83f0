-- Versions of rosters (RFC 6121, 2.6): the version that the last change of an item made. An item that has been removed stays as a row
-- that is not listed, as long as the version of the roster that still had it is known. See roster.h.
ALTER TABLE roster ADD COLUMN ver INTEGER NOT NULL DEFAULT 0;

CREATE TABLE roster_version (
	owner TEXT NOT NULL PRIMARY KEY,
	line TEXT NOT NULL, -- drawn when the account's roster changes for the first time
	ver INTEGER NOT NULL, -- the newest
	oldest INTEGER NOT NULL -- the oldest from which on all changes are known
) STRICT, WITHOUT ROWID;
