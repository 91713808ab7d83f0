/* What the two files of the SQLite back-end share. Nobody else includes this, but their unit test. */
#ifndef LINNET_SQLITE_H
#define LINNET_SQLITE_H

#include "server/storage/backend.h"

#include <sqlite3.h>

/* "Lnnt": in the header of our database files, for file(1) and for refusing anybody else's. */
#define DATABASE_APPLICATION_ID 0x4c6e6e74
/* How the file is laid out apart from the tables of the migrations; raised if that ever changes. */
#define DATABASE_FORMAT 1

struct prepared {
	const struct statement *key;
	sqlite3_stmt *stmt;
};

struct sqlite {
	struct connection base;
	sqlite3 *db;
	struct prepared *slots;
	size_t slot_count, slots_used;
	int wal_pages; /* in the WAL after the last commit and not checkpointed; the writer's only */
	char why[256];
};

struct sqlite *sqlite_of(struct connection *c);

/* What a result code means: 0, -STORAGE_UNIT, -STORAGE_WAIT or -STORAGE_FATAL. */
int sqlite_classify(int code, int system_errno);
/* The same for the last call on this connection, keeping SQLite's words for why(). */
int sqlite_fail(struct sqlite *c, int code);

/* struct backend's open and close. */
int sqlite_open(const struct backend_options *options, struct connection **c_r, char *why, size_t why_bytes);
void sqlite_close(struct connection **c, bool clean);

#endif
