/* Opening, closing and failing: the frame around the writer (writer.c) and the readers (reader.c). */
#include "server/storage/internal.h"

#include "lib/base/mem.h"

#include <stdio.h>

#define DATABASE_FILE "linnet.db"
#define FAILED_STARTS_MAX 3
#define PATH_BYTES 4096

static int open_folder(struct storage *s, char *why, size_t why_bytes)
{
	const char *path = s->options.folder;
	char reason[WHY_BYTES] = "";
	if (!path)
		return 0;
	if (folder_open(&s->folder, path, why, why_bytes))
		return -STORAGE_UNIT;
	unsigned failures = folder_failures(&s->folder, reason, sizeof(reason));
	s->read_only = failures >= FAILED_STARTS_MAX;
	if (s->read_only)
		log_error(s->options.log,
			"storage is read-only: the last %u starts failed before anything could be written (%s); "
			"when the cause is gone, remove %s/" FOLDER_FAILURES_FILE " and start again",
			failures, reason, path);
	else if (folder_touch(&s->folder, path, DATABASE_FILE, why, why_bytes))
		return -STORAGE_UNIT;
	return 0;
}

static int open_writer(struct storage *s, const struct backend_options *options, char *why, size_t why_bytes)
{
	int error = s->backend->open(options, &s->writer, why, why_bytes);
	if (!error)
		error = migrate(s->writer, storage_migrations, why, why_bytes);
	if (!error && s->options.migrations)
		error = migrate(s->writer, s->options.migrations, why, why_bytes);
	return error;
}

static int open_connections(struct storage *s, char *why, size_t why_bytes)
{
	char database[PATH_BYTES];
	const char *folder = s->options.folder;
	int n = snprintf(database, sizeof(database), "%s%s" DATABASE_FILE, folder ? folder : "", folder ? "/" : "");
	if (n >= PATH_BYTES) {
		snprintf(why, why_bytes, "the name of the data folder is too long");
		return -STORAGE_UNIT;
	}
	struct backend_options options = { database, s->options.vfs, s->options.durability, BACKEND_WRITER };
	int error = s->read_only ? 0 : open_writer(s, &options, why, why_bytes);
	options.role = BACKEND_READER;
	for (unsigned i = 0; i < s->options.readers && !error; i++)
		error = s->backend->open(&options, &s->readers[i], why, why_bytes);
	return error;
}

static struct storage *storage_new(const struct storage_options *options)
{
	struct storage *s = mem_zalloc(sizeof(*s));
	s->options = *options;
	s->backend = options->backend ? options->backend : &sqlite_backend;
	s->folder = (struct folder){ -1, -1 };
	if (s->options.readers == 0)
		s->options.readers = 1;
	s->readers = mem_zalloc_array(s->options.readers, sizeof(s->readers[0]));
	s->wake_writer = options->wake_writer;
	s->wake_reader = options->wake_reader;
	s->wake_ctx = options->ctx;
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_mutex_init(&s->release_lock, NULL);
	list_init(&s->batches);
	list_init(&s->queries);
	list_init(&s->taken);
	return s;
}

int storage_open(const struct storage_options *options, struct storage **s_r, char *why, size_t why_bytes)
{
	struct storage *s = storage_new(options);
	int error = open_folder(s, why, why_bytes);
	if (!error)
		error = open_connections(s, why, why_bytes);
	if (error == -STORAGE_FATAL) {
		s->failed = true;
		if (options->folder && !s->read_only)
			folder_add_failure(&s->folder, why);
	}
	if (error)
		storage_close(&s);
	else
		s->options.folder = NULL; /* may go away; the descriptors stay */
	*s_r = s;
	return error;
}

static void drop(struct list *batches)
{
	struct list *link;
	while ((link = list_take_first(batches))) {
		struct batch *b = CONTAINER_OF(link, struct batch, link);
		batch_free(&b);
	}
}

void storage_close(struct storage **pointer)
{
	struct storage *s = *pointer;
	*pointer = NULL;
	if (!s)
		return;
	struct list *link;
	drop(&s->taken);
	drop(&s->batches);
	while ((link = list_take_first(&s->queries))) {
		struct query *q = CONTAINER_OF(link, struct query, link);
		query_free(&q);
	}
	for (unsigned i = 0; i < s->options.readers; i++)
		s->backend->close(&s->readers[i], !s->failed);
	/* Last: closing the last connection is what tidies up. */
	s->backend->close(&s->writer, !s->failed);
	folder_close(&s->folder);
	pthread_mutex_destroy(&s->queue_lock);
	pthread_mutex_destroy(&s->release_lock);
	mem_free(s->readers);
	mem_free(s);
}

void storage_fail(struct storage *s, const char *why)
{
	pthread_mutex_lock(&s->release_lock);
	bool first = !s->failed;
	s->failed = true;
	if (first) {
		log_error(s->options.log, "storage failed: %s", why);
		if (!s->progressed && !s->read_only && s->folder.fd >= 0)
			folder_add_failure(&s->folder, why);
		if (s->options.on_fatal)
			s->options.on_fatal(s->options.ctx, why);
	}
	pthread_mutex_unlock(&s->release_lock);
}

bool storage_is_waiting(const struct storage *s)
{
	return s->read_only || s->waiting;
}

uint64_t storage_uncommitted_units(const struct storage *s)
{
	return s->uncommitted;
}

bool storage_is_read_only(const struct storage *s)
{
	return s->read_only;
}
