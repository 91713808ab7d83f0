/* Tests of lib/base/utf8.c, against the grammar of RFC 3629, 4, written out here as ranges. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/utf8.h"

#include <stdlib.h>

struct range {
	unsigned char from, to;
};

static const struct range grammar[][4] = {
	{ { 0x00, 0x7f } }, /* UTF8-1 */
	{ { 0xc2, 0xdf }, { 0x80, 0xbf } }, /* UTF8-2 */
	{ { 0xe0, 0xe0 }, { 0xa0, 0xbf }, { 0x80, 0xbf } }, /* UTF8-3 */
	{ { 0xe1, 0xec }, { 0x80, 0xbf }, { 0x80, 0xbf } },
	{ { 0xed, 0xed }, { 0x80, 0x9f }, { 0x80, 0xbf } },
	{ { 0xee, 0xef }, { 0x80, 0xbf }, { 0x80, 0xbf } },
	{ { 0xf0, 0xf0 }, { 0x90, 0xbf }, { 0x80, 0xbf }, { 0x80, 0xbf } }, /* UTF8-4 */
	{ { 0xf1, 0xf3 }, { 0x80, 0xbf }, { 0x80, 0xbf }, { 0x80, 0xbf } },
	{ { 0xf4, 0xf4 }, { 0x80, 0x8f }, { 0x80, 0xbf }, { 0x80, 0xbf } },
};

/* How many bytes the first character takes by the grammar, or 0. */
static size_t expected_length(const unsigned char *p, size_t n)
{
	for (size_t rule = 0; rule < ARRAY_LEN(grammar); rule++) {
		size_t i = 0;
		while (i < 4 && (i == 0 || grammar[rule][i].to) && i < n && p[i] >= grammar[rule][i].from &&
			p[i] <= grammar[rule][i].to)
			i++;
		if (i == 4 || (i > 0 && !grammar[rule][i].to))
			return i;
	}
	return 0;
}

static void check_take(const unsigned char *p, size_t n)
{
	struct str s = str_make(p, n);
	size_t expected = expected_length(p, n);
	int32_t code_point = utf8_take(&s);
	if (expected == 0) {
		assert_true(code_point == -1 && s.n == n && (const unsigned char *)s.p == p);
	} else {
		char out[4];
		assert_true(s.n == n - expected && (const unsigned char *)s.p == p + expected);
		assert_true(utf8_write((uint32_t)code_point, out) == expected && !memcmp(out, p, expected));
	}
	assert_true(utf8_is_valid(str_make(p, n)) == (n == 0 || (expected != 0 && utf8_is_valid(s))));
}

static void every_sequence_of_up_to_three_bytes_is_judged_by_the_grammar(void **state)
{
	(void)state;
	unsigned char p[3] = { 0 };
	check_take(p, 0);
	for (int a = 0; a < 256; a++) {
		p[0] = (unsigned char)a;
		check_take(p, 1);
		for (int b = 0; b < 256; b++) {
			p[1] = (unsigned char)b;
			check_take(p, 2);
			for (int c = 0x70; c < 0xd0; c++) {
				p[2] = (unsigned char)c;
				check_take(p, 3);
			}
		}
	}
}

static void sequences_of_four_bytes_are_judged_by_the_grammar(void **state)
{
	(void)state;
	static const unsigned char edges[] = { 0x00, 0x7f, 0x80, 0x81, 0x9f, 0xa0, 0xbe, 0xbf, 0xc0, 0xff };
	for (unsigned lead = 0xe000; lead <= 0xffff; lead++)
		for (size_t c = 0; c < ARRAY_LEN(edges); c++)
			for (size_t d = 0; d < ARRAY_LEN(edges); d++) {
				const unsigned char p[4] = { lead >> 8, lead & 0xff, edges[c], edges[d] };
				check_take(p, 4);
				check_take(p, 3);
			}
}

static void every_code_point_survives(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		if (c == 0xd800)
			c = 0xe000;
		char out[4];
		size_t n = utf8_write(c, out);
		struct str s = str_make(out, n);
		assert_true(n == (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4));
		assert_true(utf8_is_valid(s));
		assert_true(utf8_take(&s) == (int32_t)c && s.n == 0);
	}
}

static void surrogates_and_numbers_above_the_last_are_not_written(void **state)
{
	(void)state;
	char out[4];
	assert_dies(utf8_write(0xd800, out));
	assert_dies(utf8_write(0xdfff, out));
	assert_dies(utf8_write(0x110000, out));
}

/* The fast path looks at eight bytes at a time: whatever the offset, nothing is missed and nothing beyond is read. */
static void one_bad_byte_is_found_at_every_offset(void **state)
{
	(void)state;
	for (size_t n = 1; n < 40; n++) {
		char *p = malloc(n);
		memset(p, 'a', n);
		assert_true(utf8_is_valid(str_make(p, n)));
		assert_true(utf8_is_ascii(str_make(p, n)));
		for (size_t at = 0; at < n; at++) {
			p[at] = (char)0xff;
			assert_false(utf8_is_valid(str_make(p, n)));
			assert_false(utf8_is_ascii(str_make(p, n)));
			p[at] = (char)0xc3;
			assert_false(utf8_is_valid(str_make(p, n)));
			if (at + 1 < n) {
				p[at + 1] = (char)0xa9;
				assert_true(utf8_is_valid(str_make(p, n)));
				assert_false(utf8_is_ascii(str_make(p, n)));
				p[at + 1] = 'a';
			}
			p[at] = 'a';
		}
		free(p);
	}
}

static void empty_text_is_valid_ascii(void **state)
{
	(void)state;
	assert_true(utf8_is_valid((struct str){ NULL, 0 }));
	assert_true(utf8_is_ascii((struct str){ NULL, 0 }));
	struct str s = { NULL, 0 };
	assert_int_equal(utf8_take(&s), -1);
}

static void text_is_cut_between_code_points(void **state)
{
	(void)state;
	/* 1, 2, 3 and 4 bytes */
	char *p = malloc(10);
	memcpy(p, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10);
	struct str s = str_make(p, 10);
	static const size_t expected[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };
	for (size_t n = 0; n < ARRAY_LEN(expected); n++) {
		struct str first = utf8_first(s, n);
		assert_ptr_equal(first.p, s.p);
		assert_int_equal(first.n, expected[n]);
	}
	free(p);
	assert_int_equal(utf8_first((struct str){ NULL, 0 }, 5).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sequence_of_up_to_three_bytes_is_judged_by_the_grammar),
		cmocka_unit_test(sequences_of_four_bytes_are_judged_by_the_grammar),
		cmocka_unit_test(every_code_point_survives),
		cmocka_unit_test(surrogates_and_numbers_above_the_last_are_not_written),
		cmocka_unit_test(one_bad_byte_is_found_at_every_offset),
		cmocka_unit_test(empty_text_is_valid_ascii),
		cmocka_unit_test(text_is_cut_between_code_points),
	};
	return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
