/* Tests of lib/base/buf.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/buf.h"
#include "lib/base/random.h"

static void assert_content(const struct buf *b, struct str expected)
{
	struct str s = buf_str(b);
	assert_int_equal(s.n, expected.n);
	assert_int_equal(buf_len(b), expected.n);
	if (s.n)
		assert_memory_equal(s.p, expected.p, s.n);
}

static void fresh_and_finished_buffers_hold_no_heap(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 100);
	assert_null(b.p);
	buf_add(&b, (struct str){ NULL, 0 });
	buf_lit(&b, "");
	buf_clear(&b);
	buf_truncate(&b, 0);
	buf_consume(&b, 0);
	assert_null(b.p);
	assert_content(&b, STR(""));
	buf_lit(&b, "x");
	buf_fini(&b);
	assert_null(b.p);
	assert_content(&b, STR(""));
	buf_lit(&b, "again");
	assert_content(&b, STR("again"));
	buf_fini(&b);
}

static void content_may_reach_max_and_not_one_more(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 5, 255, 256, 257, 1000, 4096 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf b;
		buf_init(&b, sizes[i]);
		for (size_t n = 0; n < sizes[i]; n++)
			buf_add_byte(&b, 'x');
		assert_false(buf_failed(&b));
		assert_int_equal(buf_len(&b), sizes[i]);
		buf_add_byte(&b, 'y');
		assert_true(buf_failed(&b));
		assert_int_equal(buf_len(&b), sizes[i]);
		buf_fini(&b);
	}
}

static void failure_sticks_until_cleared(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 5);
	buf_lit(&b, "abc");
	buf_lit(&b, "def");
	assert_true(buf_failed(&b));
	buf_lit(&b, "d");
	buf_add_byte(&b, 'd');
	buf_add_u64(&b, 1);
	buf_printf(&b, "d");
	assert_null(buf_reserve(&b, 0));
	assert_content(&b, STR("abc"));
	buf_clear(&b);
	assert_false(buf_failed(&b));
	buf_lit(&b, "abcde");
	assert_content(&b, STR("abcde"));
	assert_false(buf_failed(&b));
	buf_fini(&b);
}

static void enormous_requests_fail(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_lit(&b, "x");
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_clear(&b);
	assert_null(buf_reserve(&b, (1 << 20) + 1));
	buf_fini(&b);
	/* No bound: sizes near the end of the address space must not make the arithmetic wrap. */
	buf_init(&b, SIZE_MAX);
	for (int i = 0; i < 1000; i++)
		buf_lit(&b, "0123456789");
	assert_int_equal(buf_len(&b), 10000);
	buf_fini(&b);
}

static void numbers_are_decimal(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 100);
	buf_add_u64(&b, 0);
	buf_add_byte(&b, ' ');
	buf_add_u64(&b, 1090);
	buf_add_byte(&b, ' ');
	buf_add_u64(&b, UINT64_MAX);
	assert_content(&b, STR("0 1090 18446744073709551615"));
	buf_fini(&b);
}

static void printf_appends_any_length_or_nothing(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 600);
	for (int n = 1; n <= 600; n++) {
		buf_clear(&b);
		buf_printf(&b, "%*d", n, 7);
		assert_false(buf_failed(&b));
		assert_int_equal(buf_len(&b), n);
		assert_int_equal(buf_str(&b).p[n - 1], '7');
	}
	buf_clear(&b);
	buf_printf(&b, "%s=%d", "x", 5);
	buf_printf(&b, "%*d", 598, 7);
	assert_true(buf_failed(&b));
	assert_content(&b, STR("x=5"));
	buf_fini(&b);
}

static void reserved_room_is_committed_in_part(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1000);
	buf_lit(&b, "ab");
	char *p = buf_reserve(&b, 998);
	assert_non_null(p);
	memset(p, 'c', 998);
	buf_commit(&b, 3);
	assert_content(&b, STR("abccc"));
	assert_dies(buf_commit(&b, 996));
	assert_dies(buf_truncate(&b, 6));
	assert_dies(buf_consume(&b, 6));
	buf_fini(&b);
}

/* Against an array that is simply moved. */
static void buffer_behaves_like_an_array(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 5);
	struct random_source r = random_seeded_source(&seeded);
	static const size_t sizes[] = { 1, 7, 100, 3000 };
	for (size_t i = 0; i < 20000; i++) {
		static struct buf b;
		static char model[3000];
		static size_t n, max;
		if (i % 5000 == 0) {
			buf_fini(&b);
			max = sizes[i / 5000];
			buf_init(&b, max);
			n = 0;
		}
		char text[64];
		size_t len = random_below(&r, sizeof(text) + 1), out = random_below(&r, n + 1);
		random_fill(&r, text, len);
		switch (random_below(&r, 8)) {
		case 0:
			buf_consume(&b, out);
			memmove(model, model + out, n - out);
			n -= out;
			break;
		case 1:
			buf_truncate(&b, out);
			n = out;
			break;
		default:
			buf_add(&b, str_make(text, len));
			assert_int_equal(buf_failed(&b), len > max - n);
			if (buf_failed(&b)) {
				buf_clear(&b);
				n = 0;
			} else {
				memcpy(model + n, text, len);
				n += len;
			}
		}
		assert_content(&b, str_make(model, n));
		if (i % 5000 == 4999)
			buf_fini(&b);
	}
}

/* A slow reader: the buffer is nearly full, a little is taken, a little comes. Each byte consumed may pay for moving
 * few bytes, never for moving them all. */
static void full_buffer_is_not_moved_for_each_byte(void **state)
{
	(void)state;
	static const size_t fills[] = { 100, 9999, 7000, 5001, 4000, 1000 };
	for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
		struct buf b;
		size_t moved = 0;
		buf_init(&b, 10000);
		for (size_t n = 0; n < fills[i]; n++)
			buf_add_byte(&b, 'x');
		for (int n = 0; n < 100000; n++) {
			buf_consume(&b, 1);
			size_t start = b.start;
			buf_add_byte(&b, 'x');
			if (b.start < start)
				moved += buf_len(&b);
		}
		assert_int_equal(buf_len(&b), fills[i]);
		assert_true(moved <= 5 * 100000);
		assert_true(b.cap <= 12500);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_and_finished_buffers_hold_no_heap),
		cmocka_unit_test(content_may_reach_max_and_not_one_more),
		cmocka_unit_test(failure_sticks_until_cleared),
		cmocka_unit_test(enormous_requests_fail),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(printf_appends_any_length_or_nothing),
		cmocka_unit_test(reserved_room_is_committed_in_part),
		cmocka_unit_test(buffer_behaves_like_an_array),
		cmocka_unit_test(full_buffer_is_not_moved_for_each_byte),
	};
	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
