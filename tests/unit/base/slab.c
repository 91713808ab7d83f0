/* Tests of lib/base/slab.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/random.h"
#include "lib/base/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

static slab_handle alloc(struct slab *s)
{
	void *object;
	slab_handle h = slab_alloc(s, &object);
	assert_ptr_equal(slab_get(s, h), object);
	return h;
}

static void nothing_and_unknown_handles_find_nothing(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 16, 100);
	assert_null(slab_get(&s, 0));
	assert_null(slab_get(&s, 1u << 22));
	slab_handle h = alloc(&s);
	assert_true(h > SLAB_OBJECTS_MAX);
	assert_null(slab_get(&s, 0));
	assert_null(slab_get(&s, h + 1));
	assert_null(slab_get(&s, UINT32_MAX));
	slab_fini(&s);
}

static void stale_handle_finds_nothing(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 16, 1);
	slab_handle first = alloc(&s);
	slab_free(&s, first);
	assert_null(slab_get(&s, first));
	slab_handle second = alloc(&s);
	assert_int_not_equal(first, second);
	assert_null(slab_get(&s, first));
	assert_dies(slab_free(&s, first));
	slab_free(&s, second);
	assert_dies(slab_free(&s, second));
	slab_fini(&s);
}

static void handle_comes_again_after_1023_lives_and_not_before(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 16, 1);
	slab_handle first = alloc(&s);
	slab_free(&s, first);
	for (int life = 1; life < 1023; life++) {
		slab_handle h = alloc(&s);
		assert_int_not_equal(h, 0);
		assert_int_not_equal(h, first);
		assert_null(slab_get(&s, first));
		slab_free(&s, h);
		/* Nor while the next life, which may have the same generation, has not begun. */
		assert_null(slab_get(&s, first));
	}
	assert_int_equal(alloc(&s), first);
	slab_fini(&s);
}

static void slots_are_used_again_in_the_order_of_freeing(void **state)
{
	(void)state;
	static const int order[] = { 3, 0, 4, 1, 2 };
	struct slab s;
	slab_init(&s, 16, 100);
	void *objects[5], *object;
	slab_handle handles[5];
	for (int i = 0; i < 5; i++)
		handles[i] = slab_alloc(&s, &objects[i]);
	for (int i = 0; i < 5; i++)
		slab_free(&s, handles[order[i]]);
	for (int i = 0; i < 5; i++) {
		assert_int_not_equal(slab_alloc(&s, &object), 0);
		assert_ptr_equal(object, objects[order[i]]);
	}
	assert_int_equal(s.used, 5);
	slab_fini(&s);
}

static void objects_are_zeroed_and_aligned(void **state)
{
	(void)state;
	static const char zeros[100];
	static const size_t sizes[] = { 1, 4, 8, 13, 100 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct slab s;
		slab_init(&s, sizes[i], 2000);
		for (int n = 0; n < 3000; n++) {
			void *object;
			slab_handle h = slab_alloc(&s, &object);
			assert_int_equal((uintptr_t)object % 8, 0);
			assert_memory_equal(object, zeros, sizes[i]);
			memset(object, 0xff, sizes[i]);
			if (n % 3)
				slab_free(&s, h);
		}
		slab_fini(&s);
	}
}

static void no_more_than_max_are_alive(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 16, 3);
	slab_handle handles[3];
	for (int i = 0; i < 3; i++)
		handles[i] = alloc(&s);
	void *object = &s;
	assert_int_equal(slab_alloc(&s, &object), 0);
	assert_null(object);
	slab_free(&s, handles[1]);
	assert_int_not_equal(alloc(&s), 0);
	assert_int_equal(slab_alloc(&s, &object), 0);
	slab_fini(&s);
	slab_init(&s, 16, 0);
	assert_int_equal(slab_alloc(&s, &object), 0);
	slab_fini(&s);
	assert_dies(slab_init(&s, 16, SLAB_OBJECTS_MAX + 1));
}

/* All 22 bits of slot. */
static void the_greatest_slab_can_be_filled_emptied_and_filled(void **state)
{
	(void)state;
	struct slab s;
	void *object;
	slab_init(&s, 8, SLAB_OBJECTS_MAX);
	for (int round = 0; round < 2; round++) {
		slab_handle h = 0;
		for (uint32_t i = 0; i < SLAB_OBJECTS_MAX; i++) {
			h = slab_alloc(&s, &object);
			*(uint64_t *)object = h;
		}
		assert_int_equal(slab_alloc(&s, &object), 0);
		assert_true(h != 0 && *(uint64_t *)slab_get(&s, h) == h);
		uint32_t seen = 0;
		for (h = slab_next(&s, 0); h; h = slab_next(&s, h), seen++) {
			assert_true(*(uint64_t *)slab_get(&s, h) == h);
			slab_free(&s, h);
		}
		assert_int_equal(seen, SLAB_OBJECTS_MAX);
		assert_int_equal(s.count, 0);
	}
	slab_fini(&s);
}

static void objects_may_be_greater_than_a_page(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 100000, 5);
	for (int i = 0; i < 5; i++) {
		void *object;
		assert_int_not_equal(slab_alloc(&s, &object), 0);
		memset(object, i, 100000);
	}
	int i = 0;
	for (slab_handle h = slab_next(&s, 0); h; h = slab_next(&s, h), i++)
		assert_int_equal(((char *)slab_get(&s, h))[99999], i);
	assert_int_equal(i, 5);
	slab_fini(&s);
}

#if !UNDER_ASAN
static void memory_beside_the_objects_is_small(void **state)
{
	(void)state;
	for (size_t bytes = 8; bytes <= 4096; bytes += 8) {
		struct slab s;
		slab_init(&s, bytes, 1000);
		size_t page = (size_t)(bytes + 4) << s.page_bits;
		assert_true(page > 32768 && page <= 65536);
		slab_fini(&s);
	}
}
#endif

struct life {
	slab_handle h;
	uint64_t value;
};

static void slab_behaves_like_a_list_of_objects(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 1);
	struct random_source r = random_seeded_source(&seeded);
	struct slab s;
	slab_init(&s, 1000, 200);
	struct life alive[200], dead[200] = { 0 };
	size_t n = 0;
	for (int step = 0; step < 20000; step++) {
		if (random_below(&r, 200) >= n) {
			void *object;
			alive[n] = (struct life){ slab_alloc(&s, &object), random_u64(&r) };
			memcpy((char *)object + 992, &alive[n].value, 8);
			n++;
		} else {
			size_t which = random_below(&r, n);
			slab_free(&s, alive[which].h);
			dead[step % 200] = alive[which];
			alive[which] = alive[--n];
		}
		assert_int_equal(s.count, n);
		if (step % 50)
			continue;
		for (size_t i = 0; i < n; i++)
			assert_memory_equal((char *)slab_get(&s, alive[i].h) + 992, &alive[i].value, 8);
		for (size_t i = 0; i < 200; i++)
			assert_null(slab_get(&s, dead[i].h));
		size_t seen = 0;
		for (slab_handle h = slab_next(&s, 0); h; h = slab_next(&s, h))
			seen++;
		assert_int_equal(seen, n);
	}
	assert_true(s.used <= 200);
	slab_fini(&s);
}

static void walking_and_freeing_sees_each_once(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 500, 1000);
	for (int i = 0; i < 1000; i++)
		(void)alloc(&s);
	for (uint32_t left = 1000; left > 0;) {
		uint32_t seen = 0;
		for (slab_handle h = slab_next(&s, 0); h; h = slab_next(&s, h)) {
			assert_non_null(slab_get(&s, h));
			if (seen++ % 3 == 0)
				slab_free(&s, h);
		}
		assert_int_equal(seen, left);
		left -= (seen + 2) / 3;
		assert_int_equal(s.count, left);
	}
	assert_int_equal(slab_next(&s, 0), 0);
	slab_fini(&s);
}

#if UNDER_ASAN
static void sanitizer_sees_freed_objects_and_overruns(void **state)
{
	(void)state;
	struct slab s;
	slab_init(&s, 16, 10);
	void *a, *b;
	slab_handle h = slab_alloc(&s, &a);
	assert_int_not_equal(slab_alloc(&s, &b), 0);
	assert_null(__asan_region_is_poisoned(a, 16));
	assert_true(__asan_address_is_poisoned((char *)a + 16));
	slab_free(&s, h);
	assert_true(__asan_address_is_poisoned(a));
	assert_null(__asan_region_is_poisoned(b, 16));
	slab_fini(&s);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_and_unknown_handles_find_nothing),
		cmocka_unit_test(stale_handle_finds_nothing),
		cmocka_unit_test(handle_comes_again_after_1023_lives_and_not_before),
		cmocka_unit_test(slots_are_used_again_in_the_order_of_freeing),
		cmocka_unit_test(objects_are_zeroed_and_aligned),
		cmocka_unit_test(no_more_than_max_are_alive),
		cmocka_unit_test(the_greatest_slab_can_be_filled_emptied_and_filled),
		cmocka_unit_test(objects_may_be_greater_than_a_page),
#if UNDER_ASAN
		cmocka_unit_test(sanitizer_sees_freed_objects_and_overruns),
#else
		cmocka_unit_test(memory_beside_the_objects_is_small),
#endif
		cmocka_unit_test(slab_behaves_like_a_list_of_objects),
		cmocka_unit_test(walking_and_freeing_sees_each_once),
	};
	return cmocka_run_group_tests_name("base/slab", tests, NULL, NULL);
}
