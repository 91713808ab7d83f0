/* The fixture of the storage's tests. */
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const struct migration items_migrations[] = {
	{ "items", 1,
		"CREATE TABLE items (owner TEXT NOT NULL, n INTEGER NOT NULL, text TEXT, data BLOB,"
		" PRIMARY KEY (owner, n)) STRICT" },
	{ NULL, 0, NULL },
};

const struct statement put_item = { "INSERT INTO items (owner, n, text, data) VALUES (?1, ?2, ?3, ?4)" };
const struct statement put_item_once = {
	"INSERT INTO items (owner, n, text, data) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (owner, n) DO NOTHING",
};
const struct statement count_items = { "SELECT count(*) FROM items WHERE owner = ?1" };
const struct statement read_items = { "SELECT n, text, data FROM items WHERE owner = ?1 ORDER BY n" };

static uint64_t mono_ms(void *ctx)
{
	struct fixture *f = ctx;
	return f->now_ms;
}

static int64_t wall_ms(void *ctx)
{
	(void)ctx;
	return 0;
}

static void keep_line(void *ctx, enum log_level level, struct str line)
{
	(void)level;
	struct fixture *f = ctx;
	size_t n = strlen(f->log_text);
	snprintf(f->log_text + n, sizeof(f->log_text) - n, STR_FMT "\n", STR_ARG(line));
}

static void on_batch(struct batch *b)
{
	struct inbox *in = b->owner;
	pthread_mutex_lock(&in->lock);
	list_add_last(&in->batches, &b->link);
	pthread_mutex_unlock(&in->lock);
}

static void on_query(struct query *q)
{
	struct inbox *in = q->owner;
	pthread_mutex_lock(&in->lock);
	list_add_last(&in->queries, &q->link);
	pthread_mutex_unlock(&in->lock);
}

static void on_fatal(void *ctx, const char *why)
{
	struct fixture *f = ctx;
	f->fatal_calls++;
	snprintf(f->fatal_why, sizeof(f->fatal_why), "%s", why);
}

void inbox_init(struct inbox *in)
{
	pthread_mutex_init(&in->lock, NULL);
	list_init(&in->batches);
	list_init(&in->queries);
	in->ticket = 0;
}

static struct list *take_link(struct inbox *in, struct list *from)
{
	pthread_mutex_lock(&in->lock);
	struct list *link = list_take_first(from);
	pthread_mutex_unlock(&in->lock);
	return link;
}

struct batch *inbox_take(struct inbox *in)
{
	struct list *link = take_link(in, &in->batches);
	return link ? CONTAINER_OF(link, struct batch, link) : NULL;
}

struct query *inbox_take_query(struct inbox *in)
{
	struct list *link = take_link(in, &in->queries);
	return link ? CONTAINER_OF(link, struct query, link) : NULL;
}

void inbox_fini(struct inbox *in)
{
	struct batch *b;
	struct query *q;
	while ((b = inbox_take(in)))
		batch_free(&b);
	while ((q = inbox_take_query(in)))
		query_free(&q);
	pthread_mutex_destroy(&in->lock);
}

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	const char *tmp = getenv("TMPDIR");
	snprintf(f->root, sizeof(f->root), "%.40s/linnet-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->folder, sizeof(f->folder), "%s/data", f->root);
	f->now_ms = 1000;
	f->clock = (struct clock){ mono_ms, wall_ms, f };
	f->sink = (struct log_sink){ keep_line, f, LOG_LEVEL_WARN };
	f->log = (struct log){ &f->sink, NULL, NULL };
	inbox_init(&f->inbox);
	f->options = (struct storage_options){
		.folder = f->folder,
		.durability = STORAGE_POWER,
		.migrations = items_migrations,
		.clock = &f->clock,
		.log = &f->log,
		.readers = 2,
		.on_batch = on_batch,
		.on_query = on_query,
		.on_fatal = on_fatal,
		.ctx = f,
	};
}

/* Two levels are all there is. */
static void remove_tree(const char *path, int depth)
{
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));) {
		char inner[512];
		if (e->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%.200s", path, e->d_name);
		if (unlink(inner) && depth)
			remove_tree(inner, depth - 1);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

void fixture_fini(struct fixture *f)
{
	storage_close(&f->s);
	inbox_fini(&f->inbox);
	remove_tree(f->root, 1);
}

int fixture_try_open(struct fixture *f)
{
	f->why[0] = 0;
	return storage_open(&f->options, &f->s, f->why, sizeof(f->why));
}

void fixture_open(struct fixture *f)
{
	int error = fixture_try_open(f);
	if (error)
		fail_msg("storage_open: %d, %s", error, f->why);
}

void fixture_close(struct fixture *f)
{
	storage_close(&f->s);
}

void fixture_path(const struct fixture *f, const char *name, char *path, size_t path_bytes)
{
	snprintf(path, path_bytes, "%s/%s", f->folder, name);
}

struct unit *item_unit(const char *owner, int64_t n)
{
	struct unit *u = unit_new();
	UNIT_ADD(u, &put_item, value_text(str_from_c(owner)), value_int(n), value_text(STR("text")),
		value_blob(STR("data")));
	return u;
}

void submit_batch(struct storage *s, struct inbox *in, struct unit *const *units, size_t count)
{
	struct batch *b = batch_new(in, ++in->ticket);
	for (size_t i = 0; i < count; i++)
		list_add_last(&b->units, &units[i]->link);
	storage_submit(s, b);
}

void submit_unit(struct storage *s, struct inbox *in, struct unit *u)
{
	submit_batch(s, in, &u, 1);
}

uint64_t drive(struct fixture *f)
{
	uint64_t at;
	do {
		at = storage_writer_step(f->s);
		while (storage_reader_step(f->s, 0) || storage_reader_step(f->s, f->options.readers - 1)) {
		}
	} while (at == 0);
	return at;
}

int commit_unit(struct fixture *f, struct unit *u)
{
	submit_unit(f->s, &f->inbox, u);
	drive(f);
	struct batch *b = inbox_take(&f->inbox);
	assert_non_null(b);
	assert_true(CONTAINER_OF(b->units.next, struct unit, link) == u);
	int error = u->error;
	batch_free(&b);
	return error;
}

struct query *ask(struct fixture *f, struct query *q)
{
	q->owner = &f->inbox;
	storage_query(f->s, q);
	drive(f);
	struct query *answer = inbox_take_query(&f->inbox);
	assert_true(answer == q);
	return q;
}

int64_t item_count(struct fixture *f, const char *owner)
{
	struct query *q = ask(f, query_new(&count_items, VALUES(value_text(str_from_c(owner))), 1));
	assert_int_equal(q->error, 0);
	assert_int_equal(q->rows, 1);
	int64_t n = query_row(q, 0)[0].i;
	query_free(&q);
	return n;
}

void query_plan(const struct fixture *f, const struct query *q, char *text, size_t text_bytes)
{
	char path[256], sql[1024];
	sqlite3 *db;
	sqlite3_stmt *stmt;
	size_t n = 0;
	fixture_path(f, "linnet.db", path, sizeof(path));
	snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", q->st->sql);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		n += (size_t)snprintf(text + n, text_bytes - n, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

size_t take_all(struct fixture *f)
{
	size_t units = 0;
	struct batch *b;
	while ((b = inbox_take(&f->inbox))) {
		LIST_FOR_EACH(link, &b->units)
		units++;
		batch_free(&b);
	}
	return units;
}
