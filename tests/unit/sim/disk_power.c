/* A database on the simulated disk, over many seeds: transactions of known content, power or the process gone at some
 * touch, and what is there afterwards.
 *
 * Transaction n puts ROWS rows of its own, removes those of the transaction KEPT before it, and says "n" in a table of
 * one row: so the whole state follows from the last n. */
#include "tests/unit/sim/disk_kit.h"

#include "lib/base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define SEEDS    300
#define ROUNDS   3
#define TOUCHES  150 /* a round ends within so many */
#define ROWS     4
#define KEPT     6
#define DATA_MAX 3000
#define NOTHING  (-1) /* not even tables */
#define UNSOUND  (-2)

struct plan {
	const char *settings;
	bool cuts_power; /* or kills */
	bool loses; /* it may lose what was committed */
};

struct run {
	struct disk_kit kit;
	const struct plan *plan;
	sqlite3 *db, *reader;
	int64_t committed; /* the last transaction whose commit was said to be done */
	int64_t begun;
};

/* What happened over all seeds. */
struct result {
	unsigned unsound, lost, in_flight_kept, in_flight_lost;
};

static size_t data_of(int64_t n, int64_t i, char *p)
{
	struct random_seeded seeded;
	random_seeded_init(&seeded, (uint64_t)(n * ROWS + i));
	struct random_source random = random_seeded_source(&seeded);
	size_t bytes = (size_t)random_below(&random, i ? 100 : DATA_MAX);
	random_fill(&random, p, bytes);
	return bytes;
}

static int put_row(sqlite3 *db, int64_t n, int64_t i)
{
	char data[DATA_MAX];
	size_t bytes = data_of(n, i, data);
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?1, ?2, ?3)", -1, &stmt, NULL);
	if (code)
		return code;
	sqlite3_bind_int64(stmt, 1, n);
	sqlite3_bind_int64(stmt, 2, i);
	sqlite3_bind_blob64(stmt, 3, data, bytes, SQLITE_STATIC);
	sqlite3_step(stmt);
	return sqlite3_finalize(stmt);
}

static int transact(sqlite3 *db, int64_t n)
{
	char sql[200];
	int code = sql_run(db, "BEGIN IMMEDIATE");
	for (int64_t i = 0; i < ROWS && !code; i++)
		code = put_row(db, n, i);
	snprintf(sql, sizeof(sql), "DELETE FROM t WHERE n = %d; UPDATE last SET n = %d; COMMIT", (int)n - KEPT, (int)n);
	return code ? code : sql_run(db, sql);
}

static bool is_row(sqlite3_stmt *stmt, int64_t n, int64_t i)
{
	char data[DATA_MAX];
	size_t bytes = data_of(n, i, data);
	const void *p = sqlite3_column_blob(stmt, 2);
	struct str there = str_make(p, (size_t)sqlite3_column_bytes(stmt, 2));
	return sqlite3_column_int64(stmt, 0) == n && sqlite3_column_int64(stmt, 1) == i &&
		str_eq(str_make(data, bytes), there);
}

/* The last transaction that is there, if all is as it has to be after it; NOTHING; or UNSOUND. */
static int64_t read_state(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	if (!sql_is_sound(db))
		return UNSOUND;
	if (sql_number(db, "SELECT count(*) FROM sqlite_schema") == 0)
		return NOTHING;
	int64_t last = sql_number(db, "SELECT n FROM last"), n = last > KEPT ? last - KEPT + 1 : 1, i = 0;
	if (last < 0 || sqlite3_prepare_v2(db, "SELECT n, i, data FROM t ORDER BY n, i", -1, &stmt, NULL))
		return UNSOUND;
	bool right = true;
	for (; sqlite3_step(stmt) == SQLITE_ROW; i = (i + 1) % ROWS, n += i == 0)
		right = right && is_row(stmt, n, i);
	sqlite3_finalize(stmt);
	return right && n == last + 1 && i == 0 ? last : UNSOUND;
}

static void close_both(struct run *r)
{
	sqlite3_close(r->reader);
	sqlite3_close(r->db);
}

static int open_both(struct run *r)
{
	char page_size[40];
	int code = sql_try_open(&r->db), reader_code = sql_try_open(&r->reader);
	/* For a database that is empty still, and for a VACUUM without a WAL. */
	snprintf(page_size, sizeof(page_size), "PRAGMA page_size=%d", 512 << world_below(&r->kit.world, 4));
	if (!code)
		code = sql_run(r->db, page_size);
	if (!code)
		code = sql_run(r->db, r->plan->settings);
	return code ? code : reader_code;
}

/* Something that happens between two transactions. */
static void disturb(struct run *r)
{
	struct world *w = &r->kit.world;
	static const char *const checkpoints[] = { "PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(RESTART)",
		"PRAGMA wal_checkpoint(TRUNCATE)" };
	if (world_chance(w, 200))
		sql_run(r->reader, "BEGIN; SELECT count(*) FROM t");
	if (world_chance(w, 300))
		sql_run(r->reader, "COMMIT");
	if (world_chance(w, 100))
		sql_run(r->db, checkpoints[world_below(w, ARRAY_LEN(checkpoints))]);
	if (world_chance(w, 20))
		sql_run(r->db, "VACUUM");
	if (world_chance(w, 30)) {
		close_both(r);
		open_both(r);
	}
}

static void begin(struct run *r)
{
	static const char tables[] =
		"BEGIN; CREATE TABLE IF NOT EXISTS t (n INTEGER, i INTEGER, data BLOB, PRIMARY KEY (n, i));"
		"CREATE TABLE IF NOT EXISTS last (n INTEGER); INSERT INTO last SELECT 0 WHERE NOT EXISTS"
		" (SELECT 1 FROM last); COMMIT";
	int code = open_both(r);
	if (!code)
		code = sql_run(r->db, tables);
	if (!code && r->committed == NOTHING)
		r->committed = 0;
	if (r->begun == NOTHING)
		r->begun = 0;
}

/* Until the disk dies, at a touch that is drawn. */
static void work(struct run *r)
{
	struct disk *d = &r->kit.disk;
	d->dies_at = d->touches + 1 + world_below(&r->kit.world, TOUCHES);
	begin(r);
	while (!d->dead) {
		r->begun++;
		if (transact(r->db, r->begun) == SQLITE_OK) {
			r->committed = r->begun;
			disturb(r);
		} else if (!d->dead) {
			/* A reader was in the way; the next transaction is the same one. */
			sql_run(r->db, "ROLLBACK");
			sql_run(r->reader, "COMMIT");
			r->begun--;
		}
	}
	close_both(r);
	if (r->plan->cuts_power)
		disk_cut_power(d);
	else
		disk_kill(d);
}

static bool compare(struct run *r, struct result *result)
{
	sqlite3 *db = sql_open();
	int64_t there = read_state(db);
	sqlite3_close(db);
	bool sound = there != UNSOUND && there <= r->begun;
	result->unsound += !sound;
	result->lost += sound && there < r->committed;
	result->in_flight_kept += there > r->committed;
	result->in_flight_lost += there == r->committed && r->begun > there;
	r->committed = r->begun = there;
	return sound;
}

static struct result run_seeds(const struct plan *plan)
{
	struct result result = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct run r = { .plan = plan, .committed = NOTHING, .begun = NOTHING };
		disk_kit_init(&r.kit, seed);
		for (int round = 0; round < ROUNDS; round++) {
			work(&r);
			if (compare(&r, &result))
				continue;
			if (!plan->loses)
				print_message("seed %d, round %d: unsound\n", (int)seed, round);
			break;
		}
		disk_kit_fini(&r.kit);
	}
	return result;
}

static struct result check(const struct plan *plan)
{
	struct result result = run_seeds(plan);
	assert_int_equal(result.unsound, 0);
	/* It was cut off in the middle. */
	assert_true(result.in_flight_lost > SEEDS);
	if (plan->loses)
		assert_true(result.lost > 0);
	else
		assert_int_equal(result.lost, 0);
	return result;
}

#define WAL     "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=20;"
#define JOURNAL "PRAGMA journal_mode=DELETE;"

static void full_wal_keeps_what_was_committed(void **state)
{
	(void)state;
	struct result result = check(&(struct plan){ WAL "PRAGMA synchronous=FULL", .cuts_power = true });
	assert_true(result.in_flight_kept > 0);
}

static void normal_wal_keeps_what_was_committed_when_killed(void **state)
{
	(void)state;
	check(&(struct plan){ WAL "PRAGMA synchronous=NORMAL", .cuts_power = false });
}

static void normal_wal_keeps_a_prefix_without_power(void **state)
{
	(void)state;
	check(&(struct plan){ WAL "PRAGMA synchronous=NORMAL", .cuts_power = true, .loses = true });
}

static void extra_journal_keeps_what_was_committed(void **state)
{
	(void)state;
	check(&(struct plan){ JOURNAL "PRAGMA synchronous=EXTRA", .cuts_power = true });
}

static void full_journal_may_undo_what_was_committed_and_is_sound(void **state)
{
	(void)state;
	check(&(struct plan){ JOURNAL "PRAGMA synchronous=FULL", .cuts_power = true, .loses = true });
}

/* The controls: the disk has teeth. */
static void without_syncs_a_database_is_ruined(void **state)
{
	(void)state;
	struct plan plan = { WAL "PRAGMA synchronous=OFF", .cuts_power = true, .loses = true };
	struct result result = run_seeds(&plan);
	assert_true(result.unsound > SEEDS / 20);
}

static void without_a_journal_a_killed_database_is_ruined(void **state)
{
	(void)state;
	struct plan plan = { "PRAGMA journal_mode=OFF; PRAGMA synchronous=FULL", .cuts_power = false, .loses = true };
	struct result result = run_seeds(&plan);
	assert_true(result.unsound > SEEDS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_wal_keeps_what_was_committed),
		cmocka_unit_test(normal_wal_keeps_what_was_committed_when_killed),
		cmocka_unit_test(normal_wal_keeps_a_prefix_without_power),
		cmocka_unit_test(extra_journal_keeps_what_was_committed),
		cmocka_unit_test(full_journal_may_undo_what_was_committed_and_is_sound),
		cmocka_unit_test(without_syncs_a_database_is_ruined),
		cmocka_unit_test(without_a_journal_a_killed_database_is_ruined),
	};
	return cmocka_run_group_tests_name("sim/disk_power", tests, NULL, NULL);
}
