/* Tests of tests/sim/world.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

static void time_passes_when_it_is_told_to(void **state)
{
	struct world w;
	(void)state;
	world_init(&w, 1);
	uint64_t mono = clock_mono_ms(&w.clock);
	int64_t wall = clock_wall_ms(&w.clock);
	assert_int_equal(clock_mono_ms(&w.clock), mono);
	w.now_ms += 1234;
	assert_int_equal(clock_mono_ms(&w.clock), mono + 1234);
	assert_int_equal(clock_wall_ms(&w.clock), wall + 1234);
	w.wall_offset_ms -= 5000;
	assert_int_equal(clock_mono_ms(&w.clock), mono + 1234);
	assert_int_equal(clock_wall_ms(&w.clock), wall - 3766);
}

static void what_the_server_draws_does_not_shift_what_happens_to_it(void **state)
{
	struct world a, b;
	(void)state;
	world_init(&a, 1);
	world_init(&b, 1);
	for (int i = 0; i < 100; i++)
		(void)random_u64(&a.random);
	for (int i = 0; i < 100; i++)
		assert_int_equal(world_below(&a, 1000000), world_below(&b, 1000000));
}

static void the_two_sources_differ_from_each_other_and_between_seeds(void **state)
{
	struct world a, b;
	(void)state;
	world_init(&a, 1);
	world_init(&b, 2);
	uint64_t drawn[] = { random_u64(&a.random), random_u64(&a.chance), random_u64(&b.random),
		random_u64(&b.chance) };
	for (size_t i = 0; i < ARRAY_LEN(drawn); i++)
		for (size_t j = 0; j < i; j++)
			assert_true(drawn[i] != drawn[j]);
}

static void chances_are_permille(void **state)
{
	struct world w;
	unsigned hits = 0;
	(void)state;
	world_init(&w, 1);
	for (int i = 0; i < 10000; i++) {
		assert_false(world_chance(&w, 0));
		assert_true(world_chance(&w, 1000));
		hits += world_chance(&w, 300);
	}
	assert_in_range(hits, 2800, 3200);
}

/* What is traced, and when. */
struct step {
	uint64_t delay_ms;
	const char *what;
	uint64_t a, b;
	struct str bytes;
};

static uint64_t traced(const struct step *steps, size_t n)
{
	struct world w;
	world_init(&w, 1);
	for (size_t i = 0; i < n; i++) {
		w.now_ms += steps[i].delay_ms;
		world_trace(&w, steps[i].what, steps[i].a, steps[i].b, steps[i].bytes);
	}
	return w.trace;
}

static void the_trace_tells_all_that_differs(void **state)
{
	const struct step one = { 1, "read", 2, 3, STR_INIT("bytes") };
	const struct step others[] = { { 2, "read", 2, 3, STR_INIT("bytes") }, { 1, "reed", 2, 3, STR_INIT("bytes") },
		{ 1, "read", 4, 3, STR_INIT("bytes") }, { 1, "read", 2, 4, STR_INIT("bytes") },
		{ 1, "read", 2, 3, STR_INIT("byte") }, { 1, "read", 2, 3, STR_INIT("bytse") } };
	(void)state;
	assert_int_equal(traced(&one, 1), traced(&one, 1));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_true(traced(&others[i], 1) != traced(&one, 1));
	assert_true(traced(others, 2) != traced((const struct step[]){ others[1], others[0] }, 2));
}

static void each_step_is_printed_as_a_line(void **state)
{
	struct world w;
	char *text = NULL;
	size_t n = 0;
	(void)state;
	world_init(&w, 1);
	w.now_ms = 77;
	w.print = open_memstream(&text, &n);
	assert_non_null(w.print);
	world_trace(&w, "read", 2, 3, STR("a\n\xffz"));
	fclose(w.print);
	const char *expected = "77 read 2 3 4 a..z = ";
	assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
	assert_int_equal(n, strlen(expected) + 17);
	assert_int_equal(strtoull(text + strlen(expected), NULL, 16), w.trace);
	assert_int_equal(text[n - 1], '\n');
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_passes_when_it_is_told_to),
		cmocka_unit_test(what_the_server_draws_does_not_shift_what_happens_to_it),
		cmocka_unit_test(the_two_sources_differ_from_each_other_and_between_seeds),
		cmocka_unit_test(chances_are_permille),
		cmocka_unit_test(the_trace_tells_all_that_differs),
		cmocka_unit_test(each_step_is_printed_as_a_line),
	};
	return cmocka_run_group_tests_name("sim/world", tests, NULL, NULL);
}
