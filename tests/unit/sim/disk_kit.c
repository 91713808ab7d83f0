/* The fixture of the tests of the simulated disk. */
#include "tests/unit/sim/disk_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void disk_kit_init(struct disk_kit *k, uint64_t seed)
{
	world_init(&k->world, seed);
	disk_init(&k->disk, &k->world);
}

void disk_kit_fini(struct disk_kit *k)
{
	disk_fini(&k->disk);
}

int sql_try_open(sqlite3 **db_r)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	return sqlite3_open_v2("test.db", db_r, flags, NULL);
}

sqlite3 *sql_open(void)
{
	sqlite3 *db;
	assert_int_equal(sql_try_open(&db), SQLITE_OK);
	return db;
}

void sql_close(sqlite3 **db)
{
	assert_int_equal(sqlite3_close(*db), SQLITE_OK);
	*db = NULL;
}

int sql_run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

void sql_must(sqlite3 *db, const char *sql)
{
	int code = sql_run(db, sql);
	if (code)
		fail_msg("%s: %s (%d)", sql, sqlite3_errmsg(db), code);
}

int64_t sql_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
		return -1;
	int64_t n = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
	sqlite3_finalize(stmt);
	return n;
}

bool sql_is_sound(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL))
		return false;
	bool sound = sqlite3_step(stmt) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
	sqlite3_finalize(stmt);
	return sound;
}
