/* What a database has to do for the storage: a table of functions, one table a back-end, sqlite.c being the first.
 *
 * Every function returns 0 or one of the three errors of storage.h, as a negative number; telling them apart is the
 * back-end's business, in one place of it. What they promise, and tests/unit/storage/contract.c asks of each:
 *
 * - A commit that returns 0 is durable in the sense of `durability`. One that returns -STORAGE_WAIT has certainly not
 *   happened: a back-end that cannot know (a connection lost on the way) has to find out before it answers.
 * - Only run, query and script return -STORAGE_UNIT, and the transaction then stands as it was before that call.
 * - After -STORAGE_WAIT the caller rolls back; whether the database has done so itself is no concern of the caller.
 * - After -STORAGE_FATAL the connection is only closed, with `clean` false: nothing may be written or flushed then
 *   (docs/GUARANTEES.md, D8). Kernels report a failed write-back once; a second fsync would claim that all is well.
 *
 * A connection is used by one thread at a time. To add a back-end: write the table, name it in storage_options.backend,
 * run the contract test on it. */
#ifndef LINNET_BACKEND_H
#define LINNET_BACKEND_H

#include "server/storage/storage.h"

struct backend;

/* The beginning of every back-end's own struct. */
struct connection {
	const struct backend *backend;
};

enum backend_role {
	BACKEND_WRITER, /* the one that writes; makes the database if there is none */
	BACKEND_READER, /* refuses to change anything; the database exists */
};

struct backend_options {
	const char *database; /* SQLite: the path of the file */
	const char *vfs;
	enum storage_durability durability;
	enum backend_role role;
};

struct backend {
	const char *name;

	/* On an error nothing is open, and `why` is a message for the operator. */
	int (*open)(const struct backend_options *options, struct connection **c_r, char *why, size_t why_bytes);
	void (*close)(struct connection **c, bool clean);

	/* One transaction at a time, with the right to write from its beginning. */
	int (*begin)(struct connection *c);
	int (*commit)(struct connection *c);
	int (*rollback)(struct connection *c);

	/* Inside a transaction, not nested. */
	int (*savepoint)(struct connection *c);
	int (*release)(struct connection *c);
	/* Undoes to the savepoint and ends it. */
	int (*rollback_to)(struct connection *c);

	/* Runs an INSERT, UPDATE or DELETE; *changes_r is the number of rows it touched. */
	int (*run)(struct connection *c, const struct statement *st, const struct value *params, size_t count,
		uint64_t *changes_r);
	/* Runs a SELECT and fills in the query's rows, columns, values and `more`; these are untouched on an error. */
	int (*query)(struct connection *c, struct query *q);
	/* Several statements without parameters, of which none ends the transaction: a migration. */
	int (*script)(struct connection *c, const char *sql);

	/* The writer between two transactions: work that the database wants done now and then. `idle`: nothing else is
	 * waiting to be written. */
	int (*tidy)(struct connection *c, bool idle);

	/* About the last error of the connection; valid until its next call. */
	const char *(*why)(const struct connection *c);
};

extern const struct backend sqlite_backend;

/* For back-ends: makes room for row number q->rows, q->columns being set, and returns its values. */
struct value *query_add_row(struct query *q);

#endif
