/* Tests of lib/base/arena.c, in both of its modes: an AddressSanitizer build takes the other one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"

#include <stdlib.h>

/* What the arena asks of the heap. */
static size_t heap_bytes, heap_calls;

static void *alloc_counted(size_t n)
{
	heap_bytes += n;
	heap_calls++;
	return malloc(n);
}

static void no_more(size_t n)
{
	(void)n;
	abort();
}

static const struct mem_hooks counting_hooks = { alloc_counted, realloc, free, no_more };

static int reset_counts(void **state)
{
	(void)state;
	heap_bytes = heap_calls = 0;
	return 0;
}

struct piece {
	unsigned char *p;
	size_t n;
	unsigned char fill;
};

static void allocations_are_aligned_and_do_not_overlap(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 1);
	struct random_source r = random_seeded_source(&seeded);
	struct arena *a = arena_new(100, 1 << 20);
	struct piece pieces[500];
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct piece *piece = &pieces[i];
		piece->n = random_below(&r, i % 10 ? 40 : 2000);
		piece->fill = (unsigned char)i;
		bool is_text = random_below(&r, 2);
		piece->p = is_text ? (void *)arena_alloc_bytes(a, piece->n) : arena_alloc(a, piece->n);
		assert_non_null(piece->p);
		if (!is_text)
			assert_int_equal((uintptr_t)piece->p % 8, 0);
		memset(piece->p, piece->fill, piece->n);
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t k = 0; k < pieces[i].n; k++)
			assert_true(pieces[i].p[k] == pieces[i].fill);
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void zalloc_clears(void **state)
{
	(void)state;
	static const char zeros[64];
	struct arena *a = arena_new(4096, 1 << 20);
	for (int i = 0; i < 200; i++)
		assert_memory_equal(arena_zalloc(a, 64), zeros, 64);
	arena_free(&a);
}

static void first_bytes_cost_one_heap_allocation(void **state)
{
	(void)state;
	struct arena *a = arena_new(1000, 2000);
#if !UNDER_ASAN
	for (int i = 0; i < 25; i++)
		(void)arena_alloc(a, 40);
	assert_int_equal(heap_calls, 1);
	(void)arena_alloc_bytes(a, 1);
	assert_int_equal(heap_calls, 2);
#endif
	arena_free(&a);
}

static void bytes_are_what_the_heap_gave(void **state)
{
	(void)state;
	struct arena *a = arena_new(64, 1 << 20);
	assert_int_equal(arena_bytes(a), heap_bytes);
	for (size_t n = 0; n < 1000; n += 7) {
		(void)arena_alloc(a, n);
		(void)arena_alloc_bytes(a, n);
		assert_int_equal(arena_bytes(a), heap_bytes);
	}
	arena_free(&a);
}

#if !UNDER_ASAN
/* Held bytes stay in proportion to taken ones, whatever their sizes. */
static void heap_stays_in_proportion(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 2);
	struct random_source r = random_seeded_source(&seeded);
	for (int round = 0; round < 50; round++) {
		struct arena *a = arena_new(0, 1 << 24);
		size_t taken = 0, largest = 1 + random_below(&r, 5000);
		while (taken < 1 << 19) {
			size_t n = 8 * random_below(&r, largest);
			(void)arena_alloc(a, n);
			taken += n;
			assert_true(arena_bytes(a) <= 4 * taken + 4096);
		}
		assert_true(heap_calls < 200u * (unsigned)(round + 1));
		arena_free(&a);
	}
}
#endif

/* The sum of what was asked for counts, in both modes, whatever the chunks and the alignment cost. */
static void max_bytes_can_be_taken_and_not_one_more(void **state)
{
	(void)state;
	static const size_t firsts[] = { 0, 16, 100, 1000, 5000 };
	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		struct arena *a = arena_new(firsts[i], 1000);
		for (int k = 0; k < 90; k++)
			(void)arena_alloc(a, 11);
		(void)arena_alloc_bytes(a, 10);
		(void)arena_alloc(a, 0);
		assert_dies((void)arena_alloc_bytes(a, 1));
		assert_dies((void)arena_alloc(a, 1));
		assert_dies((void)arena_alloc(a, SIZE_MAX));
		assert_dies((void)arena_dup(a, STR("")));
		assert_dies((void)arena_printf(a, "x"));
		arena_free(&a);
	}
}

static void dup_is_a_terminated_copy(void **state)
{
	(void)state;
	struct arena *a = arena_new(0, 4096);
	char text[] = "romeo";
	struct str s = arena_dup(a, str_make(text, 5));
	text[0] = 'x';
	assert_int_equal(s.n, 5);
	assert_string_equal(s.p, "romeo");
	struct str empty = arena_dup(a, (struct str){ NULL, 0 });
	assert_int_equal(empty.n, 0);
	assert_string_equal(empty.p, "");
	arena_free(&a);
}

static void printf_fits_or_takes_a_new_chunk(void **state)
{
	(void)state;
	for (int width = 0; width < 700; width += 3) {
		struct arena *a = arena_new(256, 4096);
		struct str before = arena_dup(a, STR("before"));
		struct str s = arena_printf(a, "%*d", width, 7);
		struct str after = arena_dup(a, STR("after"));
		assert_int_equal(s.n, width ? width : 1);
		assert_int_equal(s.p[s.n - 1], '7');
		assert_int_equal(s.p[s.n], 0);
		assert_string_equal(before.p, "before");
		assert_string_equal(after.p, "after");
		arena_free(&a);
	}
}

int main(void)
{
	mem_set_hooks(&counting_hooks);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_do_not_overlap),
		cmocka_unit_test(zalloc_clears),
		cmocka_unit_test_setup(first_bytes_cost_one_heap_allocation, reset_counts),
		cmocka_unit_test_setup(bytes_are_what_the_heap_gave, reset_counts),
#if !UNDER_ASAN
		cmocka_unit_test_setup(heap_stays_in_proportion, reset_counts),
#endif
		cmocka_unit_test(max_bytes_can_be_taken_and_not_one_more),
		cmocka_unit_test(dup_is_a_terminated_copy),
		cmocka_unit_test(printf_fits_or_takes_a_new_chunk),
	};
	return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
