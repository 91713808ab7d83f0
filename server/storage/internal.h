/* The insides of struct storage, for the files of this folder that make it up: storage.c opens and closes it, writer.c
 * and reader.c do its work, thread.c drives them. Nobody else includes this. */
#ifndef LINNET_STORAGE_INTERNAL_H
#define LINNET_STORAGE_INTERNAL_H

#include "server/storage/backend.h"
#include "server/storage/folder.h"
#include "server/storage/storage.h"

#include <pthread.h>
#include <stdatomic.h>

#define WHY_BYTES 512

enum step_kind {
	STEP_ANY,
	STEP_ONCE, /* touching no row ends the unit: it has happened before */
	STEP_MUST, /* touching no row is an error of the unit */
};

struct unit_step {
	struct unit_step *next;
	const struct statement *st;
	enum step_kind kind;
	size_t count;
	struct value params[];
};

struct storage {
	struct storage_options options;
	const struct backend *backend;
	struct folder folder;
	bool read_only;

	/* What any thread may touch, under this lock. */
	pthread_mutex_t queue_lock;
	struct list batches, queries; /* submitted and not taken yet */
	void (*wake_writer)(void *ctx);
	void (*wake_reader)(void *ctx);
	void *wake_ctx;

	_Atomic uint64_t uncommitted;
	_Atomic bool waiting;

	/* Held while something is handed back and while a fatal error is told: nothing comes back after that. */
	pthread_mutex_t release_lock;
	_Atomic bool failed;
	_Atomic bool progressed; /* something was committed since the start */

	/* The writer's own. */
	struct connection *writer;
	struct list taken; /* the batches of the transaction at hand; kept over a wait error */
	uint64_t retry_at_ms;
	uint64_t retry_ms;

	struct connection **readers;
};

/* A fatal error: tells the operator and the server, the first time. */
void storage_fail(struct storage *s, const char *why);

/* Commits all units of a list of batches in one transaction, replaying it if one of them is at fault. 0 when all that
 * can be committed is, with the units' own errors set; else -STORAGE_WAIT (nothing happened) or -STORAGE_FATAL. */
CHECK int writer_commit(struct storage *s, struct list *batches);

/* Brings the tables of one list of migrations up to date. As storage_open. */
CHECK int migrate(struct connection *c, const struct migration *migrations, char *why, size_t why_bytes);

/* The storage's own tables: log, accounts, outbox. Generated from the .sql files beside this one. */
extern const struct migration storage_migrations[];

#endif
