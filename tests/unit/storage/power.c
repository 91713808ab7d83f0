/* Loss of power at any moment, on a simulated disk and over many seeds: what came back is there afterwards, and every
 * unit is there whole or not at all. (crash.c is the same for the death of the process, on a real disk.) */
#include "tests/sim/disk.h"
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define SEEDS       200
#define ROUNDS      4
#define OWNERS      2
#define LARGE_BYTES 100000
#define SMALL_BYTES 3000

static const char *const owners[OWNERS] = { "romeo", "juliet" };
static const struct statement extent = { "SELECT count(*), coalesce(max(n), -1) FROM items WHERE owner = ?1" };
static const struct statement integrity = { "PRAGMA integrity_check(1)" };

/* A life of the storage on one disk. An owner's unit u is its rows 2u and 2u + 1. */
struct life {
	struct fixture f;
	struct world world;
	struct disk disk;
	size_t data_bytes; /* of a row */
	int64_t next[OWNERS]; /* unit to be submitted */
	int64_t known[OWNERS]; /* units that came back or were read */
	uint64_t returned; /* units in all */
	bool begun; /* between begin() and end() */
};

static void begin(struct life *l, uint64_t seed)
{
	*l = (struct life){ 0 };
	l->begun = true;
	fixture_init(&l->f);
	world_init(&l->world, seed);
	disk_init(&l->disk, &l->world);
	l->f.options.folder = NULL;
	l->f.options.vfs = DISK_NAME;
	/* Now and then so much that checkpoints are among what is interrupted. */
	l->data_bytes = seed % 20 == 0 ? LARGE_BYTES : SMALL_BYTES;
}

static void end(struct life *l)
{
	l->disk.dead = true;
	fixture_fini(&l->f);
	disk_fini(&l->disk);
	l->begun = false;
}

static int setup(void **state)
{
	static struct life l;
	l.begun = false;
	*state = &l;
	return 0;
}

/* After a failure too, for the sake of the tests that follow. */
static int teardown(void **state)
{
	struct life *l = *state;
	if (l->begun)
		end(l);
	return 0;
}

static struct unit *two_rows(const struct life *l, int owner, int64_t u)
{
	static const char bytes[LARGE_BYTES];
	struct unit *unit = unit_new();
	for (int64_t i = 0; i < 2; i++)
		UNIT_ADD(unit, &put_item, value_text(str_from_c(owners[owner])), value_int(2 * u + i), value_null(),
			value_blob(str_make(bytes, l->data_bytes)));
	return unit;
}

/* A batch of one to three units of one owner; the last unit tells whose and which it is. */
static void submit(struct life *l)
{
	struct unit *units[3];
	int owner = (int)world_below(&l->world, OWNERS);
	size_t count = 1 + (size_t)world_below(&l->world, 3);
	for (size_t i = 0; i < count; i++) {
		units[i] = two_rows(l, owner, l->next[owner]++);
		units[i]->ctx = &l->known[owner];
	}
	submit_batch(l->f.s, &l->f.inbox, units, count);
}

static void receive(struct life *l)
{
	struct batch *b;
	while ((b = inbox_take(&l->f.inbox))) {
		LIST_FOR_EACH(link, &b->units)
		{
			struct unit *u = CONTAINER_OF(link, struct unit, link);
			int64_t *known = u->ctx;
			assert_int_equal(u->error, 0);
			(*known)++;
			l->returned++;
		}
		batch_free(&b);
	}
}

/* Reads what is there, and compares it with what came back. Reading is an assertion too: it has to stay. */
static void check(struct life *l)
{
	struct query *sound = query_new(&integrity, NULL, 0, 1);
	assert_int_equal(storage_query_now(l->f.s, sound), 0);
	assert_true(str_eq(query_row(sound, 0)[0].s, STR("ok")));
	query_free(&sound);
	for (int i = 0; i < OWNERS; i++) {
		struct query *q = query_new(&extent, VALUES(value_text(str_from_c(owners[i]))), 1);
		assert_int_equal(storage_query_now(l->f.s, q), 0);
		int64_t count = query_row(q, 0)[0].i, last = query_row(q, 0)[1].i;
		query_free(&q);
		if (count != last + 1 || count % 2)
			fail_msg("%s has %d rows, the last is %d: a unit is torn", owners[i], (int)count, (int)last);
		if (count < 2 * l->known[i])
			fail_msg("%s: of %d units that came back there are %d", owners[i], (int)l->known[i],
				(int)count / 2);
		if (count > 2 * l->next[i])
			fail_msg("%s: %d units of %d that were submitted", owners[i], (int)count / 2, (int)l->next[i]);
		l->known[i] = l->next[i] = count / 2;
	}
}

/* Submits and steps until the storage has failed, or `batches` have been submitted and stepped for. */
static void work(struct life *l, int batches)
{
	for (int i = 0; i < batches && !l->f.fatal_calls; i++) {
		submit(l);
		if (world_chance(&l->world, 400)) {
			storage_writer_step(l->f.s);
			receive(l);
		}
	}
	while (storage_writer_step(l->f.s) == 0)
		receive(l);
	receive(l);
}

/* The storage opens, unless power goes meanwhile. */
static bool start(struct life *l)
{
	l->f.fatal_calls = 0;
	int error = fixture_try_open(&l->f);
	if (error && !l->disk.dead)
		fail_msg("storage_open: %d, %s", error, l->f.why);
	return !error;
}

static void stop(struct life *l)
{
	fixture_close(&l->f);
	assert_null(inbox_take(&l->f.inbox));
}

static void without_power_what_came_back_is_there(void **state)
{
	struct life *l = *state;
	uint64_t returned = 0, failed = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(l, seed);
		for (int round = 0; round < ROUNDS; round++) {
			l->disk.dies_at = l->disk.touches + 1 + world_below(&l->world, l->data_bytes / 15);
			if (start(l)) {
				check(l);
				work(l, 60);
			}
			failed += l->disk.dead;
			l->disk.dead = true;
			stop(l);
			disk_cut_power(&l->disk);
			assert_true(start(l));
			check(l);
			stop(l);
		}
		returned += l->returned;
		end(l);
	}
	/* It was cut off in the middle, and had something to lose. */
	assert_true(failed > SEEDS * ROUNDS / 2);
	assert_true(returned > SEEDS * ROUNDS * 10);
}

static void killed_at_the_weaker_level_it_loses_nothing(void **state)
{
	struct life *l = *state;
	for (uint64_t seed = 0; seed < SEEDS / 2; seed++) {
		begin(l, seed);
		l->f.options.durability = STORAGE_PROCESS;
		for (int round = 0; round < ROUNDS; round++) {
			l->disk.dies_at = l->disk.touches + 1 + world_below(&l->world, l->data_bytes / 15);
			if (start(l))
				work(l, 60);
			l->disk.dead = true;
			stop(l);
			disk_kill(&l->disk);
			assert_true(start(l));
			check(l);
			stop(l);
		}
		end(l);
	}
}

/* A flush fails, the server ends and is started again: what it reads then looks well, but was perhaps never written.
 * From now on it has to be there, without power too. */
static void what_was_read_after_a_failed_flush_is_there_without_power(void **state)
{
	struct life *l = *state;
	unsigned recovered = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(l, seed);
		assert_true(start(l));
		work(l, (int)world_below(&l->world, 10));
		l->disk.syncs_fail = true;
		int64_t before = l->known[0] + l->known[1];
		work(l, 3);
		assert_int_equal(l->f.fatal_calls, 1);
		assert_int_equal(l->known[0] + l->known[1], before);
		stop(l);
		l->disk.syncs_fail = false;
		assert_true(start(l));
		check(l);
		recovered += l->known[0] + l->known[1] > before;
		work(l, (int)world_below(&l->world, 3));
		l->disk.dead = true;
		stop(l);
		disk_cut_power(&l->disk);
		assert_true(start(l));
		check(l);
		stop(l);
		end(l);
	}
	assert_true(recovered > SEEDS / 2);
}

static uint64_t trace_of(struct life *l, uint64_t seed)
{
	begin(l, seed);
	assert_true(start(l));
	work(l, 20);
	stop(l);
	uint64_t trace = l->world.trace;
	end(l);
	return trace;
}

static void same_seed_does_the_same(void **state)
{
	struct life *l = *state;
	assert_true(trace_of(l, 3) == trace_of(l, 3));
	assert_true(trace_of(l, 3) != trace_of(l, 4));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_power_what_came_back_is_there),
		T(killed_at_the_weaker_level_it_loses_nothing),
		T(what_was_read_after_a_failed_flush_is_there_without_power),
		T(same_seed_does_the_same),
	};
	return cmocka_run_group_tests_name("storage/power", tests, NULL, NULL);
}
