/* Durable data: units that are written together, tickets that say when they are on disk, and queries.
 *
 * Workers never touch a database. A worker gathers the units of a turn in a batch and submits it; the one writer
 * commits the batches of all workers in groups, one transaction each (group commit), and hands every batch back when it
 * is durable. A ticket is a place in a worker's sequence of batches: it is released when its batch came back, and all
 * of one worker's batches come back in order. Output that asserts a durable fact waits for the ticket
 * (docs/GUARANTEES.md, D1).
 *
 *     worker                        writer                          worker
 *     unit_add … batch ── submit ─▶ begin · units · commit ── on_batch ─▶ release tickets, call the units' on_done
 *                                   │ unit error: replay one by one in savepoints; the bad one gets its error
 *                                   │ wait error: roll back, release nothing, retry later (full, busy, gone)
 *                                   └ fatal error: on_fatal; nothing is released any more
 *
 * Writer and readers are structs with step(): a thread is only a driver for them (thread.h), and the simulator another.
 * A back-end is a struct of functions (backend.h); SQLite is sqlite.c. A feature's tables are .sql files beside its
 * code, FEATURE-NUMBER.sql, embedded by embed-sql.py. */
#ifndef LINNET_STORAGE_H
#define LINNET_STORAGE_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The three kinds of failure (design: one log, tickets, units), as negative int. */
enum storage_error {
	STORAGE_UNIT = 1, /* this unit or query cannot succeed: a constraint, a value */
	STORAGE_WAIT, /* nothing can be written at the moment: disk full, database locked, server gone */
	STORAGE_FATAL, /* the data cannot be trusted or reached any more: I/O error, failed fsync, corruption */
};

enum storage_durability { STORAGE_POWER, STORAGE_PROCESS };

/* A statement in the common subset of SQL, prepared once a connection; parameters are ?1, ?2, …. Always a static const:
 * its address is its identity. */
struct statement {
	const char *sql;
	const char *postgres; /* NULL: the same text */
};

/* Text is UTF-8 without zero bytes: a unit or query with any other fails (-STORAGE_UNIT), with every back-end. */
enum value_kind { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB };

struct value {
	enum value_kind kind;
	int64_t i;
	struct str s;
};

static inline struct value value_int(int64_t i)
{
	return (struct value){ .kind = VALUE_INT, .i = i };
}

static inline struct value value_text(struct str s)
{
	return (struct value){ .kind = VALUE_TEXT, .s = s };
}

static inline struct value value_blob(struct str s)
{
	return (struct value){ .kind = VALUE_BLOB, .s = s };
}

static inline struct value value_null(void)
{
	return (struct value){ .kind = VALUE_NULL };
}

/* A unit: what must be durable together for one owner. Made and read on its worker; the writer has it in between. */
struct unit {
	struct list link; /* in its batch */
	struct arena *arena;
	struct unit_step *first, *last;
	int error; /* 0, or -STORAGE_UNIT once done */
	bool repeated; /* a unit_add_once found its row there already: no later statement ran */
	bool invalid; /* holds a value that none may be: it will fail */
	/* On the worker when the unit is durable or has failed. May be NULL. */
	void (*on_done)(struct unit *u, void *ctx);
	void *ctx;
};

/* How much one value may hold, and all values of a unit together; beyond that the unit fails (-STORAGE_UNIT). */
#define UNIT_BYTES_MAX ((size_t)64 << 20)
#define VALUE_BYTES_MAX ((size_t)16 << 20)

struct unit *unit_new(void);
void unit_free(struct unit **u);
/* An INSERT, UPDATE or DELETE. Values are copied. */
void unit_add(struct unit *u, const struct statement *st, const struct value *params, size_t count);
/* The same for an INSERT … ON CONFLICT DO NOTHING that makes the unit happen once (origin keys): if it inserts nothing,
 * the rest of the unit is left out and `repeated` is set. */
void unit_add_once(struct unit *u, const struct statement *st, const struct value *params, size_t count);
/* The same for a statement that has to touch a row (an UPDATE of what must be there): otherwise the unit fails. */
void unit_add_must(struct unit *u, const struct statement *st, const struct value *params, size_t count);

/* The arguments `params, count` in one: unit_add(u, &st, VALUES(value_text(owner), value_int(n))). */
#define VALUES(...)                                                                                                    \
	(const struct value[]){ __VA_ARGS__ }, sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value)
#define UNIT_ADD(u, st, ...) unit_add((u), (st), VALUES(__VA_ARGS__))
#define UNIT_ADD_ONCE(u, st, ...) unit_add_once((u), (st), VALUES(__VA_ARGS__))
#define UNIT_ADD_MUST(u, st, ...) unit_add_must((u), (st), VALUES(__VA_ARGS__))

/* What a worker submits: its units of one turn, in order. */
struct batch {
	struct list link;
	struct list units;
	uint64_t ticket; /* the worker's sequence number; rises by one a batch */
	void *owner; /* the worker, for on_batch */
};

struct batch *batch_new(void *owner, uint64_t ticket);
/* With the units that are still in it. */
void batch_free(struct batch **b);

/* A query: rows are returned whole, in the query's arena. Reading stops at rows_max, and with the row that brings the
 * answer over QUERY_BYTES_MAX. */
#define QUERY_BYTES_MAX ((size_t)4 << 20)

struct query {
	struct list link;
	struct arena *arena;
	const struct statement *st;
	struct value *params;
	size_t param_count;
	size_t rows_max;
	bool invalid; /* as in struct unit */
	/* The answer: row r, column c is values[r * columns + c]. */
	int error; /* 0, -STORAGE_UNIT, or -STORAGE_WAIT (try again later) */
	size_t rows, columns;
	struct value *values;
	size_t row_room; /* rows that `values` has room for */
	bool more; /* reading stopped before the last row */
	void *owner; /* the worker, for on_query */
	void (*on_done)(struct query *q, void *ctx); /* the worker's to call; the query is the callee's to free */
	void *ctx;
};

struct query *query_new(const struct statement *st, const struct value *params, size_t count, size_t rows_max);
void query_free(struct query **q);
/* Row r of the answer, of `columns` values; NULL if there is no such row. */
const struct value *query_row(const struct query *q, size_t r);

/* The tables of one feature: migrations by number, from 1, each run once, in order, in one transaction. `sql` may hold
 * several statements. */
struct migration {
	const char *feature;
	unsigned number;
	const char *sql;
};

struct storage_options {
	/* The data folder, made if missing (mode 0700) and locked. NULL: none, then nothing but `vfs` is touched (the
	 * simulator), and failed starts are not counted. */
	const char *folder;
	const char *vfs; /* SQLite VFS, NULL: the default; the simulator has one of its own */
	const struct backend *backend; /* NULL: SQLite */
	enum storage_durability durability;
	/* Of the modules, run after the storage's own. Ends with feature NULL; may be NULL. */
	const struct migration *migrations;
	const struct clock *clock; /* for retries */
	const struct log *log;
	unsigned readers; /* connections that queries run on, at least one */
	/* Called by the driver of the writer or a reader: must only pass the thing on to the worker's inbox; submitting
	 * is fine too. */
	void (*on_batch)(struct batch *b);
	void (*on_query)(struct query *q);
	/* A fatal error; the server has to stop. At most once, and nothing comes back after it. A command that only
	 * uses the calls for commands may leave all of these NULL. */
	void (*on_fatal)(void *ctx, const char *why);
	/* There is work for step(): wakes the driver. Any thread. NULL where the driver polls or is thread.h. */
	void (*wake_writer)(void *ctx);
	void (*wake_reader)(void *ctx);
	void *ctx;
};

struct storage;

/* Opens under the folder's lock, recovers, migrates; read-only if the last three starts failed before they could commit
 * anything. 0, or -STORAGE_UNIT (locked by another process, folder not usable, newer than this program),
 * -STORAGE_WAIT, -STORAGE_FATAL (corrupt), with a message for the operator in why. What `options` points to must live
 * as long as the storage; `options` itself and the strings in it need not. */
CHECK int storage_open(const struct storage_options *options, struct storage **s_r, char *why, size_t why_bytes);
/* No driver runs any more. What was submitted and has not come back (the storage waits, or failed) is freed without a
 * call of on_done: it was never acknowledged. After a fatal error nothing is written or flushed. */
void storage_close(struct storage **s);

/* Any thread. The batch and its units are the storage's until on_batch. The queue has no limit of its own: whoever
 * submits stops accepting durable work while storage_is_waiting() (docs/GUARANTEES.md, D9). */
void storage_submit(struct storage *s, struct batch *b);
/* Any thread. Reads what was committed before it starts. */
void storage_query(struct storage *s, struct query *q);

/* Commits what has gathered, at most one transaction. Returns the monotonic time in ms at which it wants to be called
 * again although nothing is submitted (a retry), 0 for at once, UINT64_MAX for never. One driver at a time. */
uint64_t storage_writer_step(struct storage *s);
/* Answers one query of those that wait, on reader number `reader`. False if there was none. */
bool storage_reader_step(struct storage *s, unsigned reader);

/* True between a wait error and the next commit: the disk has no room or the database is held. Always true when it is
 * read-only. Any thread. */
bool storage_is_waiting(const struct storage *s);
/* Units submitted and not handed back yet. Any thread. */
uint64_t storage_uncommitted_units(const struct storage *s);
/* True if it was opened read-only after repeated failed starts. Every unit fails then. */
bool storage_is_read_only(const struct storage *s);

/* For commands that work without a server, while no driver runs: commits one unit, or runs one query, in the calling
 * thread. 0 or the negative error; a wait error is not retried. The unit or query stays the caller's. */
CHECK int storage_commit_now(struct storage *s, struct unit *u);
CHECK int storage_query_now(struct storage *s, struct query *q);

#endif
