/* What the storage's tests share: a folder of their own, a clock they move, a storage with its callbacks recorded, and
 * one small table. A fixture is static or on the stack; nothing here is global. */
#ifndef LINNET_TEST_STORAGE_HARNESS_H
#define LINNET_TEST_STORAGE_HARNESS_H

#include "server/storage/backend.h"
#include "server/storage/storage.h"

#include <pthread.h>
#include <stdatomic.h>

/* Where a worker's batches and queries come back to. */
struct inbox {
	pthread_mutex_t lock;
	struct list batches, queries;
	uint64_t ticket; /* the last one submitted */
};

struct fixture {
	char root[64]; /* removed at the end, with all that is in it */
	char folder[80]; /* the data folder */
	struct storage_options options;
	struct storage *s;
	char why[512]; /* of the last storage_open that failed */
	_Atomic uint64_t now_ms;
	struct clock clock;
	struct log_sink sink;
	struct log log;
	char log_text[4096]; /* what was logged, errors and warnings */
	_Atomic unsigned fatal_calls;
	char fatal_why[512];
	struct inbox inbox;
};

/* The folder is not made yet. Options are those of SQLite with the table "items"; a test changes them before it opens.
 */
void fixture_init(struct fixture *f);
/* Closes what is open. */
void fixture_fini(struct fixture *f);
void fixture_open(struct fixture *f);
int fixture_try_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_path(const struct fixture *f, const char *name, char *path, size_t path_bytes);

void inbox_init(struct inbox *in);
/* Frees what came back and nobody took. */
void inbox_fini(struct inbox *in);
/* The first batch or query that came back, in order; NULL if none. */
struct batch *inbox_take(struct inbox *in);
struct query *inbox_take_query(struct inbox *in);

/* owner, n, text, data. */
extern const struct migration items_migrations[];
extern const struct statement put_item, put_item_once, count_items, read_items;

/* A unit that puts one row into the table. */
struct unit *item_unit(const char *owner, int64_t n);
void submit_batch(struct storage *s, struct inbox *in, struct unit *const *units, size_t count);
void submit_unit(struct storage *s, struct inbox *in, struct unit *u);

/* Steps writer and readers until nothing happens at this time. Returns when the writer wants to be called again. */
uint64_t drive(struct fixture *f);
/* Submits one unit, drives, and returns its error; it must come back. */
int commit_unit(struct fixture *f, struct unit *u);
/* Runs a query through the reader; the caller frees it. */
struct query *ask(struct fixture *f, struct query *q);
/* Rows of "items" of one owner. */
int64_t item_count(struct fixture *f, const char *owner);
/* How SQLite will go about a query: its plan, a line a step. */
void query_plan(const struct fixture *f, const struct query *q, char *text, size_t text_bytes);
/* Takes what has come back: how many units there were in all. */
size_t take_all(struct fixture *f);

#endif
