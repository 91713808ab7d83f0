/* SQLite as a back-end: one file in WAL mode, a connection that writes and some that read.
 *
 * WAL lets readers and the writer work side by side and makes a commit one append and one fsync. Its checkpoints are
 * run by the writer itself, between transactions (tidy): a second connection that copied pages while this one goes on
 * writing would never catch up under load, and the WAL would grow without end. The writer does it when it has nothing
 * else to do and the WAL is worth it (4 MB: a pause of about 10 ms), or when the WAL has become long (16 MB).
 *
 * No call here ever sleeps: a database that another program holds is an answer, not a wait (busy_timeout 0). What is
 * only known to this file about opening a database is in sqlite_open.c. */
#include "server/storage/sqlite.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <stdio.h>

/* In pages of 4 KiB. */
#define CHECKPOINT_IDLE_PAGES 1000
#define CHECKPOINT_FORCED_PAGES 4000

static const struct statement begin_st = { "BEGIN IMMEDIATE" };
static const struct statement commit_st = { "COMMIT" };
static const struct statement rollback_st = { "ROLLBACK" };
static const struct statement savepoint_st = { "SAVEPOINT unit" };
static const struct statement release_st = { "RELEASE unit" };
static const struct statement rollback_to_st = { "ROLLBACK TO unit" };

struct sqlite *sqlite_of(struct connection *c)
{
	return CONTAINER_OF(c, struct sqlite, base);
}

/* A file that may not grow, by disk, quota or limit of size. */
static bool is_full(int system_errno)
{
	return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
}

/* The one place that says what SQLite's result codes mean to us. What is not named is fatal. */
int sqlite_classify(int code, int system_errno)
{
	switch (code) {
	case SQLITE_IOERR_NOMEM:
	case SQLITE_IOERR_BLOCKED:
	case SQLITE_IOERR_SHMSIZE: /* the index of the WAL could not grow; it holds no data, and nothing was written yet
				    */
		return -STORAGE_WAIT;
	case SQLITE_IOERR_WRITE: return is_full(system_errno) ? -STORAGE_WAIT : -STORAGE_FATAL;
	default: break;
	}
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_ERROR: /* in SQL: an unknown table, an overflow */ return -STORAGE_UNIT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_NOMEM:
	case SQLITE_PROTOCOL: /* lost a race for the WAL's locks many times */
	case SQLITE_SCHEMA: /* the same with another program's schema changes */
	case SQLITE_ABORT:
	case SQLITE_INTERRUPT: return -STORAGE_WAIT;
	default: return -STORAGE_FATAL;
	}
}

static int last_errno(struct sqlite3_file *f)
{
	int e = 0;
	if (f && f->pMethods && f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &e) != SQLITE_OK)
		e = 0;
	return e;
}

/* SQLite does not keep it when a COMMIT fails; the file of the WAL does. */
static int find_errno(struct sqlite *c)
{
	int e = sqlite3_system_errno(c->db);
	sqlite3_file *wal = NULL;
	if (e == 0 && sqlite3_file_control(c->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK)
		e = last_errno(wal);
	return e;
}

int sqlite_fail(struct sqlite *c, int code)
{
	/* It outlives its error, so it means something after these two only. */
	bool from_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
	int system_errno = from_system ? find_errno(c) : 0;
	int error = sqlite_classify(code, system_errno);
	if (error)
		snprintf(c->why, sizeof(c->why), "%s%s%s (SQLite code %d)", sqlite3_errmsg(c->db),
			system_errno ? ": " : "", system_errno ? strerror(system_errno) : "", code);
	return error;
}

/* The cache of prepared statements: open addressing by the address of the struct statement, never more than half full.
 * It holds what the program's text holds, so it needs no limit. */
static struct prepared *find_slot(struct prepared *slots, size_t count, const struct statement *st)
{
	uint64_t mixed = (uint64_t)(uintptr_t)st * 0x9e3779b97f4a7c15u;
	for (size_t at = (size_t)(mixed >> 32);; at++) {
		struct prepared *slot = &slots[at & (count - 1)];
		if (!slot->key || slot->key == st)
			return slot;
	}
}

static void grow_cache(struct sqlite *c)
{
	size_t count = c->slot_count ? 2 * c->slot_count : 64;
	struct prepared *slots = mem_zalloc_array(count, sizeof(*slots));
	for (size_t i = 0; i < c->slot_count; i++)
		if (c->slots[i].key)
			*find_slot(slots, count, c->slots[i].key) = c->slots[i];
	mem_free(c->slots);
	c->slots = slots;
	c->slot_count = count;
}

static int prepare(struct sqlite *c, const struct statement *st, sqlite3_stmt **stmt_r)
{
	if (2 * c->slots_used >= c->slot_count)
		grow_cache(c);
	struct prepared *slot = find_slot(c->slots, c->slot_count, st);
	if (!slot->key) {
		sqlite3_stmt *stmt;
		int code = sqlite3_prepare_v3(c->db, st->sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
		if (code)
			return sqlite_fail(c, code);
		*slot = (struct prepared){ st, stmt };
		c->slots_used++;
	}
	*stmt_r = slot->stmt;
	return 0;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct value *v)
{
	/* A NULL pointer would bind NULL, not the empty value. */
	const char *p = v->s.n ? v->s.p : "";
	switch (v->kind) {
	case VALUE_NULL: return sqlite3_bind_null(stmt, at);
	case VALUE_INT: return sqlite3_bind_int64(stmt, at, v->i);
	case VALUE_TEXT: return sqlite3_bind_text64(stmt, at, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8);
	case VALUE_BLOB: return sqlite3_bind_blob64(stmt, at, p, v->s.n, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

static int bind(struct sqlite *c, sqlite3_stmt *stmt, const struct value *params, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int code = bind_one(stmt, (int)i + 1, &params[i]);
		if (code)
			return sqlite_fail(c, code);
	}
	return 0;
}

/* The values bound belong to the caller: they must not stay behind. */
static void let_go(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

static int sqlite_run(struct connection *base, const struct statement *st, const struct value *params, size_t count,
	uint64_t *changes_r)
{
	struct sqlite *c = sqlite_of(base);
	sqlite3_stmt *stmt;
	int error = prepare(c, st, &stmt);
	if (error)
		return error;
	error = bind(c, stmt, params, count);
	int code;
	while (!error && (code = sqlite3_step(stmt)) != SQLITE_DONE)
		error = sqlite_fail(c, code);
	let_go(stmt);
	if (!error)
		*changes_r = (uint64_t)sqlite3_changes64(c->db);
	return error;
}

/* A statement of ours that has no reason to fail by itself: where the values of a unit cannot be to blame. */
static int control(struct connection *base, const struct statement *st)
{
	uint64_t changes;
	int error = sqlite_run(base, st, NULL, 0, &changes);
	return error == -STORAGE_UNIT ? -STORAGE_FATAL : error;
}

static int sqlite_begin(struct connection *c)
{
	return control(c, &begin_st);
}

static int sqlite_commit(struct connection *c)
{
	return control(c, &commit_st);
}

static int sqlite_rollback(struct connection *c)
{
	/* After some errors SQLite has done it already. */
	if (sqlite3_get_autocommit(sqlite_of(c)->db))
		return 0;
	return control(c, &rollback_st);
}

static int sqlite_savepoint(struct connection *c)
{
	return control(c, &savepoint_st);
}

static int sqlite_release(struct connection *c)
{
	return control(c, &release_st);
}

static int sqlite_rollback_to(struct connection *c)
{
	int error = control(c, &rollback_to_st);
	return error ? error : control(c, &release_st);
}

static int take_value(struct sqlite *c, struct arena *a, sqlite3_stmt *stmt, int column, struct value *v_r)
{
	int type = sqlite3_column_type(stmt, column);
	*v_r = value_null();
	if (type == SQLITE_NULL)
		return 0;
	if (type == SQLITE_INTEGER) {
		*v_r = value_int(sqlite3_column_int64(stmt, column));
		return 0;
	}
	if (type != SQLITE_TEXT && type != SQLITE_BLOB) {
		snprintf(c->why, sizeof(c->why), "a column is neither integer, text nor blob");
		return -STORAGE_UNIT;
	}
	/* Text too: the database is UTF-8, so it is there as it is. */
	const void *p = sqlite3_column_blob(stmt, column);
	size_t n = (size_t)sqlite3_column_bytes(stmt, column);
	if (!p && n)
		return sqlite_fail(c, SQLITE_NOMEM);
	struct str s = arena_dup(a, str_make(p, n));
	*v_r = type == SQLITE_TEXT ? value_text(s) : value_blob(s);
	return 0;
}

static int take_row(struct sqlite *c, struct query *q, sqlite3_stmt *stmt, size_t *bytes)
{
	q->columns = (size_t)sqlite3_column_count(stmt);
	struct value *row = query_add_row(q);
	for (size_t i = 0; i < q->columns; i++) {
		int error = take_value(c, q->arena, stmt, (int)i, &row[i]);
		if (error)
			return error;
		*bytes += sizeof(row[i]) + row[i].s.n;
	}
	return 0;
}

static int take_rows(struct sqlite *c, struct query *q, sqlite3_stmt *stmt)
{
	size_t bytes = 0;
	int code, error = 0;
	if (!sqlite3_stmt_readonly(stmt)) {
		snprintf(c->why, sizeof(c->why), "a query may not change anything");
		return -STORAGE_UNIT;
	}
	while (!error && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			return sqlite_fail(c, code);
		if (q->rows >= q->rows_max || bytes > QUERY_BYTES_MAX) {
			q->more = true;
			break;
		}
		error = take_row(c, q, stmt, &bytes);
	}
	return error;
}

static int sqlite_query(struct connection *base, struct query *q)
{
	struct sqlite *c = sqlite_of(base);
	sqlite3_stmt *stmt;
	int error = prepare(c, q->st, &stmt);
	if (error)
		return error;
	q->rows = 0;
	q->more = false;
	error = bind(c, stmt, q->params, q->param_count);
	if (!error)
		error = take_rows(c, q, stmt);
	/* The reset ends the read transaction: an open one would hold up checkpoints. */
	let_go(stmt);
	if (error) {
		q->rows = 0;
		q->more = false;
	}
	return error;
}

static int sqlite_script(struct connection *base, const char *sql)
{
	struct sqlite *c = sqlite_of(base);
	int error = sqlite_fail(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
	if (!error && sqlite3_get_autocommit(c->db)) {
		snprintf(c->why, sizeof(c->why), "the script ended the transaction it ran in");
		return -STORAGE_FATAL;
	}
	return error;
}

static int sqlite_tidy(struct connection *base, bool idle)
{
	struct sqlite *c = sqlite_of(base);
	if (c->wal_pages < (idle ? CHECKPOINT_IDLE_PAGES : CHECKPOINT_FORCED_PAGES))
		return 0;
	/* If a reader is in the way it does what it can; the next one does the rest. */
	c->wal_pages = 0;
	int error = sqlite_fail(c, sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
	/* Nothing depends on it: without room now, there may be room next time. */
	return error == -STORAGE_FATAL ? error : 0;
}

static const char *sqlite_why(const struct connection *c)
{
	return CONTAINER_OF_CONST(c, struct sqlite, base)->why;
}

const struct backend sqlite_backend = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.savepoint = sqlite_savepoint,
	.release = sqlite_release,
	.rollback_to = sqlite_rollback_to,
	.run = sqlite_run,
	.query = sqlite_query,
	.script = sqlite_script,
	.tidy = sqlite_tidy,
	.why = sqlite_why,
};
