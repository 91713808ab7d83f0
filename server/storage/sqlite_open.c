/* Opening and closing SQLite databases: settings, whose file it is, and what a crash has left behind.
 *
 * After a crash the pages of the last commits may be in the system's cache only: the process died, or the disk failed,
 * between the write and its fsync, and reading them back proves nothing. So before anything is asserted from them, the
 * writer's first act is a checkpoint of all that was recovered: those pages are written again, to the database file,
 * and flushed through a descriptor that never failed. */
#include "server/storage/sqlite.h"

#include "lib/base/mem.h"

#include <inttypes.h>
#include <stdio.h>

/* A value and what a row adds to it; SQLite's own limit is a billion. */
#define LENGTH_MAX ((int)VALUE_BYTES_MAX + 65536)
/* After a burst the WAL file is cut back to this. */
#define WAL_BYTES_KEPT "67108864"

/* What holds for every connection. mmap is off because a read error must be an error, not a signal; temporary files
 * would be one more thing to fail, so they stay in memory. */
static const char common_settings[] = "PRAGMA foreign_keys=OFF;"
				      "PRAGMA mmap_size=0;"
				      "PRAGMA temp_store=MEMORY;"
				      "PRAGMA cell_size_check=ON;";
static const char reader_settings[] = "PRAGMA query_only=ON;"
				      "PRAGMA cache_size=-4000;";
static const char writer_settings[] = "PRAGMA cache_size=-16000;"
				      "PRAGMA secure_delete=FAST;"
				      "PRAGMA journal_size_limit=" WAL_BYTES_KEPT ";";
static const char power_settings[] = "PRAGMA synchronous=FULL;";
/* Flushes at checkpoints only: survives the death of the process, not of the machine. */
static const char process_settings[] = "PRAGMA synchronous=NORMAL;";

static void configure(sqlite3 *db)
{
	static const struct {
		int option, value;
	} switches[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(switches); i++)
		sqlite3_db_config(db, switches[i].option, switches[i].value, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_busy_timeout(db, 0);
}

static int settle(struct sqlite *c, const char *sql)
{
	return sqlite_fail(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
}

/* The single value of a pragma or SELECT. */
static int ask(struct sqlite *c, const char *sql, int64_t *value_r)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL);
	if (code)
		return sqlite_fail(c, code);
	int error = sqlite_fail(c, sqlite3_step(stmt));
	if (!error)
		*value_r = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return error;
}

/* Is it ours, or empty and to be made ours? Nothing is written before this is known. */
static int identify(struct sqlite *c, bool *is_new_r)
{
	int64_t id, format, tables;
	int error = ask(c, "PRAGMA application_id", &id);
	if (!error)
		error = ask(c, "PRAGMA user_version", &format);
	if (!error)
		error = ask(c, "SELECT count(*) FROM sqlite_schema", &tables);
	if (error)
		return error;
	*is_new_r = id == 0 && format == 0 && tables == 0;
	if (!*is_new_r && id != DATABASE_APPLICATION_ID) {
		snprintf(c->why, sizeof(c->why), "it is the database of another program");
		return -STORAGE_UNIT;
	}
	if (format > DATABASE_FORMAT) {
		snprintf(c->why, sizeof(c->why),
			"it was made by a newer version of Linnet (format %" PRId64 ", this one knows %d)", format,
			DATABASE_FORMAT);
		return -STORAGE_UNIT;
	}
	return 0;
}

static int make_ours(struct sqlite *c)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
		DATABASE_APPLICATION_ID, DATABASE_FORMAT);
	return settle(c, sql);
}

static int use_wal(struct sqlite *c)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(c->db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
	if (code)
		return sqlite_fail(c, code);
	int error = sqlite_fail(c, sqlite3_step(stmt));
	if (!error && strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0) {
		snprintf(c->why, sizeof(c->why), "WAL mode is not possible here");
		error = -STORAGE_UNIT;
	}
	sqlite3_finalize(stmt);
	return error;
}

/* The checkpoint leaves the old WAL in force. If a flush failed, the disk may have it in parts only, and after a loss of
 * power those would be laid over the newer pages. So it is made void at once, by a transaction that changes nothing:
 * SQLite writes and flushes a new header for it. (Not by a truncation, which is flushed who knows when.) */
static int checkpoint_recovered(struct sqlite *c)
{
	int pages;
	int error = sqlite_fail(
		c, sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_RESTART, &pages, NULL));
	return error || pages <= 0 ? error : make_ours(c);
}

static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	struct sqlite *c = ctx;
	c->wal_pages = pages;
	return SQLITE_OK;
}

static int start_writer(struct sqlite *c, enum storage_durability durability)
{
	bool is_new;
	int error = identify(c, &is_new);
	if (error)
		return error;
	if (sqlite3_db_readonly(c->db, "main")) {
		snprintf(c->why, sizeof(c->why), "it is not writable");
		return -STORAGE_UNIT;
	}
	error = settle(c, writer_settings);
	if (!error)
		error = settle(c, durability == STORAGE_POWER ? power_settings : process_settings);
	if (!error)
		error = use_wal(c);
	if (!error && is_new)
		error = make_ours(c);
	if (!error)
		error = checkpoint_recovered(c);
	/* In place of SQLite's own, which would checkpoint inside a commit. */
	sqlite3_wal_hook(c->db, on_commit, c);
	return error;
}

static int start_reader(struct sqlite *c)
{
	bool is_new;
	int error = identify(c, &is_new);
	return error ? error : settle(c, reader_settings);
}

static void say(const struct backend_options *options, int error, const char *what, char *why, size_t why_bytes)
{
	const char *kind = error == -STORAGE_WAIT    ? "cannot be used now"
			   : error == -STORAGE_FATAL ? "is damaged or cannot be read"
						     : "cannot be used";
	snprintf(why, why_bytes, "the database %s %s: %s", options->database, kind, what);
}

int sqlite_open(const struct backend_options *options, struct connection **c_r, char *why, size_t why_bytes)
{
	bool is_writer = options->role == BACKEND_WRITER;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	flags |= is_writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(options->database, &db, flags, options->vfs);
	if (!db) {
		say(options, -STORAGE_WAIT, "no memory", why, why_bytes);
		return -STORAGE_WAIT;
	}
	struct sqlite *c = mem_zalloc(sizeof(*c));
	c->base.backend = &sqlite_backend;
	c->db = db;
	int error = sqlite_fail(c, code);
	if (!error) {
		configure(db);
		error = settle(c, common_settings);
	}
	if (!error)
		error = is_writer ? start_writer(c, options->durability) : start_reader(c);
	struct connection *base = &c->base;
	if (error) {
		say(options, error, c->why, why, why_bytes);
		sqlite_close(&base, false);
	}
	*c_r = base;
	return error;
}

void sqlite_close(struct connection **pointer, bool clean)
{
	struct connection *base = *pointer;
	*pointer = NULL;
	if (!base)
		return;
	struct sqlite *c = sqlite_of(base);
	/* Closing the last connection checkpoints, which writes and flushes: not after a failure. */
	if (!clean)
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	for (size_t i = 0; i < c->slot_count; i++)
		sqlite3_finalize(c->slots[i].stmt);
	sqlite3_close(c->db);
	mem_free(c->slots);
	mem_free(c);
}
