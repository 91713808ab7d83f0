/* What is particular to SQLite: result codes, settings, whose file it is, flushing, checkpoints, damage. */
#include "server/storage/sqlite.h"

#include "tests/unit/storage/fault_vfs.h"
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fault_vfs disk;

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	fault_vfs_install(&disk);
	f->options.vfs = disk.name;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	fault_vfs_remove(&disk);
	free(*state);
	return 0;
}

static sqlite3 *open_beside(struct fixture *f)
{
	char path[256];
	sqlite3 *db;
	fixture_path(f, "linnet.db", path, sizeof(path));
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, disk.name), SQLITE_OK);
	return db;
}

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static off_t file_size(struct fixture *f, const char *name)
{
	char path[256];
	struct stat st;
	fixture_path(f, name, path, sizeof(path));
	return stat(path, &st) ? 0 : st.st_size;
}

static void result_codes_have_their_meaning(void **state)
{
	(void)state;
	static const struct {
		int code, system_errno, error;
	} cases[] = {
		{ SQLITE_OK, 0, 0 },
		{ SQLITE_ROW, 0, 0 },
		{ SQLITE_DONE, 0, 0 },
		{ SQLITE_CONSTRAINT_UNIQUE, 0, -STORAGE_UNIT },
		{ SQLITE_CONSTRAINT_DATATYPE, 0, -STORAGE_UNIT },
		{ SQLITE_TOOBIG, 0, -STORAGE_UNIT },
		{ SQLITE_MISMATCH, 0, -STORAGE_UNIT },
		{ SQLITE_RANGE, 0, -STORAGE_UNIT },
		{ SQLITE_ERROR, 0, -STORAGE_UNIT },
		{ SQLITE_BUSY, 0, -STORAGE_WAIT },
		{ SQLITE_BUSY_SNAPSHOT, 0, -STORAGE_WAIT },
		{ SQLITE_BUSY_RECOVERY, 0, -STORAGE_WAIT },
		{ SQLITE_LOCKED, 0, -STORAGE_WAIT },
		{ SQLITE_FULL, 0, -STORAGE_WAIT },
		{ SQLITE_NOMEM, 0, -STORAGE_WAIT },
		{ SQLITE_IOERR_NOMEM, 0, -STORAGE_WAIT },
		{ SQLITE_IOERR_SHMSIZE, ENOSPC, -STORAGE_WAIT },
		{ SQLITE_IOERR_WRITE, ENOSPC, -STORAGE_WAIT },
		{ SQLITE_IOERR_WRITE, EDQUOT, -STORAGE_WAIT },
		{ SQLITE_IOERR_WRITE, EIO, -STORAGE_FATAL },
		{ SQLITE_IOERR_READ, 0, -STORAGE_FATAL },
		{ SQLITE_IOERR_FSYNC, ENOSPC, -STORAGE_FATAL },
		{ SQLITE_IOERR_SHORT_READ, 0, -STORAGE_FATAL },
		{ SQLITE_CORRUPT, 0, -STORAGE_FATAL },
		{ SQLITE_CORRUPT_INDEX, 0, -STORAGE_FATAL },
		{ SQLITE_NOTADB, 0, -STORAGE_FATAL },
		{ SQLITE_READONLY, 0, -STORAGE_FATAL },
		{ SQLITE_READONLY_DBMOVED, 0, -STORAGE_FATAL },
		{ SQLITE_CANTOPEN, 0, -STORAGE_FATAL },
		{ SQLITE_PERM, 0, -STORAGE_FATAL },
		{ SQLITE_MISUSE, 0, -STORAGE_FATAL },
		{ 12345 << 8 | 77, 0, -STORAGE_FATAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (sqlite_classify(cases[i].code, cases[i].system_errno) != cases[i].error)
			fail_msg("code %d is %d", cases[i].code, sqlite_classify(cases[i].code, cases[i].system_errno));
}

static void more_statements_than_the_cache_began_with_work(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 300 };
	static char texts[COUNT][48];
	static struct statement statements[COUNT];
	fixture_open(f);
	for (int i = 0; i < COUNT; i++) {
		snprintf(texts[i], sizeof(texts[i]), "SELECT %d FROM (SELECT 1)", i);
		statements[i] = (struct statement){ texts[i], NULL };
	}
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < COUNT; i++) {
			struct query *q = query_new(&statements[i], NULL, 0, 1);
			assert_int_equal(storage_query_now(f->s, q), 0);
			assert_int_equal(query_row(q, 0)[0].i, i);
			query_free(&q);
		}
	}
}

static void column_of_another_kind_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct statement real = { "SELECT 1.5" };
	fixture_open(f);
	struct query *q = query_new(&real, NULL, 0, 1);
	assert_int_equal(storage_query_now(f->s, q), -STORAGE_UNIT);
	assert_int_equal(q->rows, 0);
	query_free(&q);
}

static void file_says_whose_it_is(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	sqlite3 *db = open_beside(f);
	assert_int_equal(number(db, "PRAGMA application_id"), DATABASE_APPLICATION_ID);
	assert_int_equal(number(db, "PRAGMA user_version"), DATABASE_FORMAT);
	assert_int_equal(number(db, "PRAGMA page_size"), 4096);
	sqlite3_close(db);
}

static void not_even_a_migration_edits_the_schema(void **state)
{
	struct fixture *f = *state;
	const struct migration edits[] = {
		{ "edits", 1, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = sql" },
		{ NULL, 0, NULL },
	};
	f->options.migrations = edits;
	assert_int_equal(fixture_try_open(f), -STORAGE_UNIT);
	assert_non_null(strstr(f->why, "may not be modified"));
}

static void every_table_is_strict(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	sqlite3 *db = open_beside(f);
	assert_int_equal(
		number(db, "SELECT count(*) FROM pragma_table_list WHERE NOT strict AND name NOT LIKE 'sqlite%'"), 0);
	assert_in_range(number(db, "SELECT count(*) FROM pragma_table_list WHERE strict"), 6, 100);
	sqlite3_close(db);
}

static void database_of_another_program_is_refused_untouched(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(f->folder, 0700), 0);
	sqlite3 *db = open_beside(f);
	execute(db, "CREATE TABLE theirs (x)");
	sqlite3_close(db);
	unsigned before = disk.touched;
	assert_int_equal(fixture_try_open(f), -STORAGE_UNIT);
	assert_non_null(strstr(f->why, "another program"));
	assert_int_equal(disk.touched, before);
}

static void newer_format_is_refused_untouched(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	sqlite3 *db = open_beside(f);
	execute(db, "PRAGMA user_version=99");
	sqlite3_close(db);
	unsigned before = disk.touched;
	assert_int_equal(fixture_try_open(f), -STORAGE_UNIT);
	assert_non_null(strstr(f->why, "newer version of Linnet (format 99, this one knows 1)"));
	assert_int_equal(disk.touched, before);
}

static void database_held_by_another_program_at_the_start_is_no_damage(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	sqlite3 *db = open_beside(f);
	execute(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; CREATE TABLE t (x); COMMIT");
	assert_int_equal(fixture_try_open(f), -STORAGE_WAIT);
	assert_non_null(strstr(f->why, "locked"));
	sqlite3_close(db);
	fixture_open(f);
}

static void power_flushes_once_a_commit(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	unsigned before = disk.syncs;
	for (int64_t n = 2; n < 12; n++)
		assert_int_equal(commit_unit(f, item_unit("romeo", n)), 0);
	assert_int_equal(disk.syncs - before, 10);
	assert_false(disk.is_dirty);
}

static void process_writes_and_does_not_flush(void **state)
{
	struct fixture *f = *state;
	f->options.durability = STORAGE_PROCESS;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	unsigned syncs = disk.syncs, writes = disk.writes;
	for (int64_t n = 2; n < 12; n++)
		assert_int_equal(commit_unit(f, item_unit("romeo", n)), 0);
	assert_int_equal(disk.syncs, syncs);
	assert_true(disk.writes > writes);
	fixture_close(f);
	assert_false(disk.is_dirty);
}

/* The frames of the failed commit are in the file; that they can be read proves nothing about the disk. */
static void what_is_recovered_is_flushed_before_it_is_read(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	disk.sync_fails = true;
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	drive(f);
	fixture_close(f);
	disk.sync_fails = false;
	assert_true(file_size(f, "linnet.db-wal") > 0);
	assert_true(disk.is_dirty);
	fixture_open(f);
	assert_false(disk.is_dirty);
	assert_int_equal(item_count(f, "romeo"), 1);
}

static void start_whose_flush_fails_is_fatal(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	disk.sync_fails = true;
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	drive(f);
	fixture_close(f);
	assert_int_equal(fixture_try_open(f), -STORAGE_FATAL);
	unsigned touched = disk.touched;
	assert_int_equal(fixture_try_open(f), -STORAGE_FATAL);
	assert_true(disk.touched > touched);
}

static void submit_large(struct fixture *f, int64_t n)
{
	static const char bytes[50000];
	struct unit *u = unit_new();
	UNIT_ADD(u, &put_item, value_text(STR("romeo")), value_int(n), value_null(),
		value_blob(str_make(bytes, sizeof(bytes))));
	submit_unit(f->s, &f->inbox, u);
}

static void wal_stays_bounded(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 0; n < 1200; n++) {
		submit_large(f, n);
		storage_writer_step(f->s);
	}
	assert_in_range(file_size(f, "linnet.db-wal"), 1, 4200 * 4120);
	assert_int_equal(take_all(f), 1200);
}

static void idle_writer_empties_the_wal(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 0; n < 100; n++)
		submit_large(f, n);
	unsigned syncs = disk.syncs;
	drive(f);
	assert_true(file_size(f, "linnet.db") > 100 * 50000);
	assert_true(disk.syncs > syncs + 1);
	take_all(f);
}

/* By the system itself: no file of this process may become longer. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void limit_of_a_files_size_delays_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	signal(SIGXFSZ, SIG_IGN);
	limit_files((rlim_t)file_size(f, "linnet.db-wal"));
	submit_large(f, 2);
	uint64_t again = drive(f);
	limit_files(RLIM_INFINITY);
	assert_int_equal(f->fatal_calls, 0);
	assert_true(storage_is_waiting(f->s));
	f->now_ms = again;
	drive(f);
	assert_int_equal(take_all(f), 1);
	assert_int_equal(item_count(f, "romeo"), 2);
}

static void checkpoint_without_room_is_put_off(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 0; n < 100; n++)
		submit_large(f, n);
	assert_int_equal(storage_writer_step(f->s), 0);
	disk.is_full = true;
	drive(f);
	assert_int_equal(f->fatal_calls, 0);
	assert_false(storage_is_waiting(f->s));
	disk.is_full = false;
	assert_int_equal(take_all(f), 100);
	assert_int_equal(item_count(f, "romeo"), 100);
}

static void failed_checkpoint_is_fatal(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 0; n < 100; n++)
		submit_large(f, n);
	assert_int_equal(storage_writer_step(f->s), 0);
	disk.sync_fails = true;
	drive(f);
	assert_int_equal(f->fatal_calls, 1);
	unsigned touched = disk.touched;
	fixture_close(f);
	assert_int_equal(disk.touched, touched);
	disk.sync_fails = false;
	assert_int_equal(take_all(f), 100);
	fixture_open(f);
	assert_int_equal(item_count(f, "romeo"), 100);
}

static void failed_read_is_fatal_and_the_query_stays(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 0; n < 200; n++)
		submit_large(f, n);
	drive(f);
	take_all(f);
	disk.read_fails = true;
	struct query *q = query_new(&read_items, VALUES(value_text(STR("romeo"))), 200);
	q->owner = &f->inbox;
	storage_query(f->s, q);
	drive(f);
	assert_int_equal(f->fatal_calls, 1);
	assert_null(inbox_take_query(&f->inbox));
	disk.read_fails = false;
	submit_unit(f->s, &f->inbox, item_unit("juliet", 1));
	drive(f);
	assert_int_equal(take_all(f), 0);
}

/* Overwrites every page but the first. */
static void damage_pages(struct fixture *f)
{
	char path[256], garbage[4096];
	memset(garbage, 0xa5, sizeof(garbage));
	off_t size = file_size(f, "linnet.db");
	fixture_path(f, "linnet.db", path, sizeof(path));
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (off_t at = sizeof(garbage); at < size; at += (off_t)sizeof(garbage))
		assert_int_equal(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
	close(fd);
}

static void nothing_is_written_after_a_failed_write(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	disk.write_fails = true;
	submit_unit(f->s, &f->inbox, item_unit("romeo", 2));
	drive(f);
	assert_int_equal(f->fatal_calls, 1);
	unsigned touched = disk.touched;
	disk.write_fails = false;
	fixture_close(f);
	assert_int_equal(disk.touched, touched);
	fixture_open(f);
	assert_int_equal(item_count(f, "romeo"), 1);
}

static void damaged_pages_are_fatal_at_the_start(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	damage_pages(f);
	assert_int_equal(fixture_try_open(f), -STORAGE_FATAL);
	assert_non_null(strstr(f->why, "malformed"));
}

static void damage_found_while_writing_is_fatal(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 0; n < 100; n++)
		submit_large(f, n);
	drive(f);
	fixture_close(f);
	take_all(f);
	fixture_open(f);
	sqlite3 *db = open_beside(f);
	execute(db, "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage=1000000 WHERE name='items';"
		    "PRAGMA schema_version=12345");
	sqlite3_close(db);
	submit_unit(f->s, &f->inbox, item_unit("juliet", 1));
	drive(f);
	assert_int_equal(f->fatal_calls, 1);
	assert_int_equal(take_all(f), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(result_codes_have_their_meaning),
		T(more_statements_than_the_cache_began_with_work),
		T(column_of_another_kind_is_refused),
		T(file_says_whose_it_is),
		T(not_even_a_migration_edits_the_schema),
		T(every_table_is_strict),
		T(database_of_another_program_is_refused_untouched),
		T(newer_format_is_refused_untouched),
		T(database_held_by_another_program_at_the_start_is_no_damage),
		T(power_flushes_once_a_commit),
		T(process_writes_and_does_not_flush),
		T(what_is_recovered_is_flushed_before_it_is_read),
		T(start_whose_flush_fails_is_fatal),
		T(wal_stays_bounded),
		T(idle_writer_empties_the_wal),
		T(limit_of_a_files_size_delays_and_loses_nothing),
		T(checkpoint_without_room_is_put_off),
		T(failed_checkpoint_is_fatal),
		T(failed_read_is_fatal_and_the_query_stays),
		T(nothing_is_written_after_a_failed_write),
		T(damaged_pages_are_fatal_at_the_start),
		T(damage_found_while_writing_is_fatal),
	};
	return cmocka_run_group_tests_name("storage/sqlite", tests, NULL, NULL);
}
