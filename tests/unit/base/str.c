/* Tests of lib/base/str.h and str.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/str.h"

#define NONE ((struct str){ NULL, 0 })

static void assert_str_equal(struct str a, struct str b)
{
	assert_int_equal(a.n, b.n);
	if (a.n)
		assert_memory_equal(a.p, b.p, a.n);
}

static void equality_is_of_length_and_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("a\0")));
	assert_true(str_eq(NONE, STR("")));
	assert_true(str_eq(NONE, NONE));
}

static void order_is_of_unsigned_bytes_and_a_prefix_comes_first(void **state)
{
	(void)state;
	static const struct str sorted[] = {
		STR_INIT(""), STR_INIT("\0"), STR_INIT("a"), STR_INIT("a\0"), STR_INIT("ab"), STR_INIT("b"),
		STR_INIT("\xff"),
	};
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
			int order = str_cmp(sorted[i], sorted[j]);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	assert_int_equal(str_cmp(NONE, STR("")), 0);
}

static void prefix_and_suffix(void **state)
{
	(void)state;
	assert_true(str_has_prefix(STR("abc"), STR("ab")));
	assert_true(str_has_prefix(STR("abc"), STR("abc")));
	assert_true(str_has_prefix(STR("abc"), NONE));
	assert_true(str_has_prefix(NONE, NONE));
	assert_false(str_has_prefix(STR("abc"), STR("abcd")));
	assert_false(str_has_prefix(STR("abc"), STR("b")));
	assert_true(str_has_suffix(STR("abc"), STR("bc")));
	assert_true(str_has_suffix(STR("abc"), NONE));
	assert_true(str_has_suffix(NONE, NONE));
	assert_false(str_has_suffix(STR("abc"), STR("zabc")));
	assert_false(str_has_suffix(STR("abc"), STR("ab")));
}

static void slices_stay_inside(void **state)
{
	(void)state;
	struct str s = STR("abc");
	assert_str_equal(str_from(s, 0), s);
	assert_str_equal(str_from(s, 1), STR("bc"));
	assert_ptr_equal(str_from(s, 3).p, s.p + 3);
	assert_int_equal(str_from(s, SIZE_MAX).n, 0);
	assert_ptr_equal(str_from(s, SIZE_MAX).p, s.p + 3);
	assert_str_equal(str_first(s, 2), STR("ab"));
	assert_str_equal(str_first(s, SIZE_MAX), s);
	assert_null(str_from(NONE, 1).p);
	assert_int_equal(str_first(NONE, 1).n, 0);
	assert_str_equal(str_from_c("abc"), s);
	assert_int_equal(str_from_c(NULL).n, 0);
}

static void only_ascii_letters_compare_without_case(void **state)
{
	(void)state;
	assert_true(str_eq_nocase(STR("aZ09@[`{"), STR("Az09@[`{")));
	assert_false(str_eq_nocase(STR("@"), STR("`")));
	assert_false(str_eq_nocase(STR("["), STR("{")));
	assert_false(str_eq_nocase(STR("\xc4"), STR("\xe4")));
	assert_false(str_eq_nocase(STR("a"), STR("ab")));
	assert_true(str_eq_nocase(NONE, STR("")));
}

static void index_is_of_the_first_or_the_end(void **state)
{
	(void)state;
	assert_int_equal(str_index(STR("a@b@c"), '@'), 1);
	assert_int_equal(str_index(STR("abc"), '@'), 3);
	assert_int_equal(str_index(STR("ab\0"), '\0'), 2);
	assert_int_equal(str_index(NONE, '@'), 0);
}

static void cutting_walks_a_list(void **state)
{
	(void)state;
	struct str s = STR("a,,bc,"), head;
	assert_true(str_cut(&s, ',', &head));
	assert_str_equal(head, STR("a"));
	assert_true(str_cut(&s, ',', &head));
	assert_str_equal(head, STR(""));
	assert_true(str_cut(&s, ',', &head));
	assert_str_equal(head, STR("bc"));
	assert_false(str_cut(&s, ',', &head));
	assert_str_equal(head, STR(""));
	s = STR("abc");
	assert_false(str_cut(&s, ',', &head));
	assert_str_equal(head, STR("abc"));
	assert_int_equal(s.n, 0);
	s = NONE;
	assert_false(str_cut(&s, ',', &head));
	assert_int_equal(head.n, 0);
}

static void trimming_takes_white_space_at_both_ends_only(void **state)
{
	(void)state;
	assert_str_equal(str_trim(STR(" \t\r\na b\n\r\t ")), STR("a b"));
	assert_str_equal(str_trim(STR(" \t")), STR(""));
	assert_str_equal(str_trim(STR("\v\f")), STR("\v\f"));
	assert_int_equal(str_trim(NONE).n, 0);
}

static void numbers_are_digits_within_the_bound(void **state)
{
	(void)state;
	uint64_t v = 7;
	assert_true(str_parse_u64(STR("0"), 0, &v));
	assert_int_equal(v, 0);
	assert_true(str_parse_u64(STR("0012"), 12, &v));
	assert_int_equal(v, 12);
	assert_true(str_parse_u64(STR("18446744073709551615"), UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	static const struct str bad[] = {
		STR_INIT(""), STR_INIT("+1"), STR_INIT("-1"), STR_INIT(" 1"), STR_INIT("1 "), STR_INIT("1\0"),
		STR_INIT("0x1"), STR_INIT("1.0"), STR_INIT("/"), STR_INIT(":"), STR_INIT("18446744073709551616"),
		STR_INIT("28446744073709551615"), STR_INIT("184467440737095516150"),
		STR_INIT("99999999999999999999999999"),
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		v = 7;
		assert_false(str_parse_u64(bad[i], UINT64_MAX, &v));
		assert_int_equal(v, 7);
	}
	assert_false(str_parse_u64(STR("13"), 12, &v));
	assert_false(str_parse_u64(NONE, 12, &v));
	assert_int_equal(v, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_is_of_length_and_bytes),
		cmocka_unit_test(order_is_of_unsigned_bytes_and_a_prefix_comes_first),
		cmocka_unit_test(prefix_and_suffix),
		cmocka_unit_test(slices_stay_inside),
		cmocka_unit_test(only_ascii_letters_compare_without_case),
		cmocka_unit_test(index_is_of_the_first_or_the_end),
		cmocka_unit_test(cutting_walks_a_list),
		cmocka_unit_test(trimming_takes_white_space_at_both_ends_only),
		cmocka_unit_test(numbers_are_digits_within_the_bound),
	};
	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
