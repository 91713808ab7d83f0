/* SQLite on the simulated disk: connections side by side, and a disk in trouble. What power does is in disk_file.c (to
 * a file) and disk_power.c (to a database). */
#include "tests/unit/sim/disk_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#define PUT_ONE   "INSERT INTO t (data) VALUES (randomblob(1000))"
#define PUT_LARGE "INSERT INTO t (data) VALUES (randomblob(100000))"
#define COUNT     "SELECT count(*) FROM t"

struct test {
	struct disk_kit kit;
	sqlite3 *writer, *reader;
	sqlite3 *late; /* NULL until a test opens it */
};

static int setup(void **state)
{
	static struct test t;
	t = (struct test){ 0 };
	disk_kit_init(&t.kit, 1);
	t.writer = sql_open();
	sql_must(t.writer, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
			   "CREATE TABLE t (n INTEGER PRIMARY KEY, data BLOB);" PUT_ONE);
	t.reader = sql_open();
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;
	sqlite3_close(t->late);
	sqlite3_close(t->reader);
	sqlite3_close(t->writer);
	disk_kit_fini(&t->kit);
	return 0;
}

static void check_sound(struct test *t)
{
	assert_true(sql_is_sound(t->reader));
	assert_true(sql_is_sound(t->writer));
}

static void reader_keeps_its_snapshot_while_the_writer_commits(void **state)
{
	struct test *t = *state;
	sql_must(t->reader, "BEGIN");
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	for (int i = 0; i < 100; i++)
		sql_must(t->writer, PUT_ONE);
	assert_int_equal(sql_number(t->writer, COUNT), 101);
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->reader, "COMMIT");
	assert_int_equal(sql_number(t->reader, COUNT), 101);
	check_sound(t);
}

static void there_is_one_writer_at_a_time(void **state)
{
	struct test *t = *state;
	sql_must(t->writer, "BEGIN IMMEDIATE;" PUT_ONE);
	assert_int_equal(sql_run(t->reader, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->writer, "COMMIT");
	sql_must(t->reader, "BEGIN IMMEDIATE;" PUT_ONE "; COMMIT");
	assert_int_equal(sql_number(t->writer, COUNT), 3);
	check_sound(t);
}

static void checkpoint_stops_where_a_reader_is(void **state)
{
	struct test *t = *state;
	uint64_t used = t->kit.disk.used;
	sql_must(t->reader, "BEGIN");
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->writer, PUT_LARGE);
	/* The value is 1 if it was kept from it. */
	assert_int_equal(sql_number(t->writer, "PRAGMA wal_checkpoint(TRUNCATE)"), 1);
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->reader, "COMMIT");
	assert_true(t->kit.disk.used > used + 100000);
	assert_int_equal(sql_number(t->writer, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	assert_in_range(t->kit.disk.used, 100000, used + 110000);
	assert_int_equal(sql_number(t->reader, COUNT), 2);
	check_sound(t);
}

static void vacuum_gives_room_back(void **state)
{
	struct test *t = *state;
	for (int i = 0; i < 10; i++)
		sql_must(t->writer, PUT_LARGE);
	sql_must(t->writer, "DELETE FROM t WHERE n > 1; VACUUM");
	assert_int_equal(sql_number(t->writer, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	assert_true(t->kit.disk.used < 100000);
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	check_sound(t);
}

static void last_connection_tidies_up(void **state)
{
	struct test *t = *state;
	uint64_t made = t->kit.disk.made;
	sql_close(&t->reader);
	sql_close(&t->writer);
	assert_int_equal(t->kit.disk.used, 2 * 4096);
	assert_int_equal(t->kit.disk.made, made);
	t->writer = sql_open();
	assert_int_equal(sql_number(t->writer, COUNT), 1);
}

static void rollback_journal_keeps_readers_and_writer_apart(void **state)
{
	struct test *t = *state;
	sql_close(&t->reader);
	sql_must(t->writer, "PRAGMA journal_mode=DELETE");
	t->reader = sql_open();
	sql_must(t->reader, "BEGIN");
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->writer, "BEGIN IMMEDIATE;" PUT_ONE);
	assert_int_equal(sql_run(t->writer, "COMMIT"), SQLITE_BUSY);
	/* The writer waits: nobody may come any more. */
	t->late = sql_open();
	assert_int_equal(sql_run(t->late, COUNT), SQLITE_BUSY);
	sql_must(t->reader, "COMMIT");
	sql_must(t->writer, "COMMIT");
	assert_int_equal(sql_number(t->late, COUNT), 2);
	sql_must(t->writer, "BEGIN EXCLUSIVE");
	assert_int_equal(sql_run(t->late, COUNT), SQLITE_BUSY);
	sql_must(t->writer, "ROLLBACK");
	check_sound(t);
}

static void full_disk_refuses_until_there_is_room(void **state)
{
	struct test *t = *state;
	t->kit.disk.room = t->kit.disk.used + 10000;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sql_run(t->writer, PUT_LARGE), SQLITE_FULL);
	assert_true(t->kit.disk.used <= t->kit.disk.room);
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->writer, PUT_ONE);
	t->kit.disk.room = UINT64_MAX;
	sql_must(t->writer, PUT_LARGE);
	assert_int_equal(sql_number(t->reader, COUNT), 3);
	check_sound(t);
}

static void held_database_is_busy_for_writers_only(void **state)
{
	struct test *t = *state;
	t->kit.disk.held = true;
	assert_int_equal(sql_run(t->writer, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	t->kit.disk.held = false;
	sql_must(t->writer, PUT_ONE);
	assert_int_equal(sql_number(t->reader, COUNT), 2);
}

static void failing_disk_is_an_io_error(void **state)
{
	struct test *t = *state;
	struct disk *d = &t->kit.disk;
	d->writes_fail = true;
	assert_int_equal(sql_run(t->writer, PUT_ONE), SQLITE_IOERR_WRITE);
	d->writes_fail = false;
	d->syncs_fail = true;
	assert_int_equal(sql_run(t->writer, PUT_ONE), SQLITE_IOERR_FSYNC);
	d->syncs_fail = false;
	/* What the connections have in their caches is no matter. */
	t->late = sql_open();
	d->reads_fail = true;
	assert_int_equal(sql_run(t->late, COUNT), SQLITE_IOERR_READ);
	assert_int_equal(sqlite3_system_errno(t->late), EIO);
	d->reads_fail = false;
	assert_true(sql_number(t->late, COUNT) >= 1);
	check_sound(t);
}

static void nothing_happens_to_a_dead_disk(void **state)
{
	struct test *t = *state;
	struct disk *d = &t->kit.disk;
	sql_must(t->writer, "BEGIN IMMEDIATE;" PUT_LARGE);
	uint64_t trace = t->kit.world.trace, touches = d->touches;
	d->dead = true;
	assert_int_equal(sql_run(t->writer, "COMMIT") & 0xff, SQLITE_IOERR);
	assert_int_equal(sql_run(t->reader, COUNT) & 0xff, SQLITE_IOERR);
	sql_close(&t->reader);
	sql_close(&t->writer);
	assert_int_equal(t->kit.world.trace, trace);
	assert_int_equal(d->touches, touches);
	disk_kill(d);
	t->writer = sql_open();
	t->reader = sql_open();
	assert_int_equal(sql_number(t->reader, COUNT), 1);
	sql_must(t->writer, PUT_LARGE);
	check_sound(t);
}

static void power_goes_at_the_touch_that_was_asked_for(void **state)
{
	struct test *t = *state;
	struct disk *d = &t->kit.disk;
	d->dies_at = d->touches + 2;
	assert_int_equal(sql_run(t->writer, PUT_ONE) & 0xff, SQLITE_IOERR);
	assert_true(d->dead);
	assert_int_equal(d->touches, d->dies_at);
	sql_close(&t->reader);
	sql_close(&t->writer);
	disk_kill(d);
	assert_false(d->dead);
	assert_int_equal(d->dies_at, 0);
}

static void time_and_chance_are_those_of_the_world(void **state)
{
	struct test *t = *state;
	assert_int_equal(sql_number(t->writer, "SELECT strftime('%s')"), 1700001000);
	t->kit.world.now_ms += 5000;
	assert_int_equal(sql_number(t->writer, "SELECT strftime('%s')"), 1700001005);
	/* SQLite waits, and no time passes but the world's. */
	sql_must(t->writer, "BEGIN IMMEDIATE");
	sqlite3_busy_timeout(t->reader, 2000);
	assert_int_equal(sql_run(t->reader, "BEGIN IMMEDIATE"), SQLITE_BUSY);
	assert_in_range(t->kit.world.now_ms, 1006900, 1007100);
}

static uint64_t trace_of(uint64_t seed)
{
	struct disk_kit k;
	disk_kit_init(&k, seed);
	sqlite3 *db = sql_open();
	sql_must(db, "PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, data BLOB)");
	for (int i = 0; i < 20; i++)
		sql_must(db, PUT_ONE);
	k.disk.dies_at = k.disk.touches + 3;
	sql_run(db, PUT_LARGE);
	sql_close(&db);
	disk_cut_power(&k.disk);
	db = sql_open();
	assert_int_equal(sql_number(db, COUNT), 20);
	sql_close(&db);
	disk_kit_fini(&k);
	return k.world.trace;
}

static void same_seed_has_the_same_trace(void **state)
{
	(void)state;
	uint64_t first = trace_of(7);
	assert_true(trace_of(8) != first);
	assert_true(trace_of(7) == first);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reader_keeps_its_snapshot_while_the_writer_commits),
		T(there_is_one_writer_at_a_time),
		T(checkpoint_stops_where_a_reader_is),
		T(vacuum_gives_room_back),
		T(last_connection_tidies_up),
		T(rollback_journal_keeps_readers_and_writer_apart),
		T(full_disk_refuses_until_there_is_room),
		T(held_database_is_busy_for_writers_only),
		T(failing_disk_is_an_io_error),
		T(nothing_happens_to_a_dead_disk),
		T(power_goes_at_the_touch_that_was_asked_for),
		T(time_and_chance_are_those_of_the_world),
		cmocka_unit_test(same_seed_has_the_same_trace),
	};
	return cmocka_run_group_tests_name("sim/disk", tests, NULL, NULL);
}
