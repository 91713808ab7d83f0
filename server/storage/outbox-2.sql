-- How much of its receiver's outbox had been applied when the entry was made. See outbox.h.
ALTER TABLE outbox ADD COLUMN basis INTEGER NOT NULL DEFAULT 0;
