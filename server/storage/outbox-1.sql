-- What one entity has to tell another, from the unit that decided it until the other has applied it. See outbox.h.
CREATE TABLE outbox (
	owner TEXT NOT NULL,
	n INTEGER NOT NULL,
	target TEXT NOT NULL,
	kind INTEGER NOT NULL,
	payload BLOB NOT NULL,
	PRIMARY KEY (owner, n)
) STRICT, WITHOUT ROWID;

-- The highest number that `owner` has applied out of the outbox of `origin`. The origin '' is the owner's own outbox:
-- the highest number that it has given out.
CREATE TABLE seen (
	owner TEXT NOT NULL,
	origin TEXT NOT NULL,
	n INTEGER NOT NULL,
	PRIMARY KEY (owner, origin)
) STRICT, WITHOUT ROWID;
