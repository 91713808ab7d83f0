-- One log for each account and each room: one row a message, numbered by its owner. See log.h.
--
-- A rowid table on purpose. WITHOUT ROWID (clustered by owner) reads a page of 50 in half the time, but costs a third
-- to a half of the writes per second, and twice the bytes once messages pass a fifth of a database page, as encrypted
-- ones do.
--
-- Two indexes, (owner, n) and (owner, id). The third, (owner, peer, n), comes with the archive, which is its only user.
CREATE TABLE log (
	owner TEXT NOT NULL, -- bare JID of the account or room
	n INTEGER NOT NULL, -- rises; the order of the archive
	peer TEXT NOT NULL, -- bare JID of the other side
	id TEXT NOT NULL, -- stanza-id; made from the origin key, so that the same message is stored once
	flags INTEGER NOT NULL, -- enum log_flags
	stamp INTEGER NOT NULL, -- ms since 1970, UTC
	stanza BLOB NOT NULL,
	PRIMARY KEY (owner, n),
	UNIQUE (owner, id)
) STRICT;

-- How far each reader of a log has come. The name '' is nobody's: the highest number whose row has been deleted.
CREATE TABLE cursors (
	owner TEXT NOT NULL,
	name TEXT NOT NULL,
	n INTEGER NOT NULL, -- everything up to here is dealt with
	PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;
