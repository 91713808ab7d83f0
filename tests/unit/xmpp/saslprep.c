/* SASLprep: the examples of RFC 4013, each table, and that it is Unicode 3.2. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xmpp/saslprep.h"

static int setup(void **state)
{
	*state = arena_new(1024, SIZE_MAX);
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static void assert_prepared(struct arena *a, const char *in, const char *expected)
{
	struct str out;
	assert_int_equal(saslprep(a, str_from_c(in), &out), 0);
	assert_string_equal(arena_dup(a, out).p, expected);
}

static void assert_refused(struct arena *a, struct str in)
{
	struct str out = STR("untouched");
	assert_int_equal(saslprep(a, in, &out), -1);
	assert_string_equal(out.p, "untouched");
}

/* RFC 4013, 3, by number. */
static void examples_of_rfc_4013_hold(void **state)
{
	assert_prepared(*state, "I\u00adX", "IX"); /* 1 */
	assert_prepared(*state, "user", "user"); /* 2 */
	assert_prepared(*state, "USER", "USER"); /* 3 */
	assert_prepared(*state, "\u00aa", "a"); /* 4 */
	assert_prepared(*state, "\u2168", "IX"); /* 5 */
	assert_refused(*state, STR("\x07")); /* 6 */
	assert_refused(*state, STR("\u06271")); /* 7 */
}

static void printable_ascii_is_returned_itself(void **state)
{
	const char all[] = " !\"#$%&'()*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~";
	struct str out;
	assert_int_equal(saslprep(*state, str_from_c(all), &out), 0);
	assert_ptr_equal(out.p, all);
	assert_int_equal(out.n, sizeof(all) - 1);
}

static void nothing_left_is_refused(void **state)
{
	assert_refused(*state, STR(""));
	assert_refused(*state, STR("\u00ad"));
	assert_refused(*state, STR("\ufeff\u2060\ufe0f"));
}

static void spaces_are_mapped_first(void **state)
{
	assert_prepared(*state, "a\u00a0\u1680\u2003\u202f\u205f\u3000b", "a      b");
	assert_prepared(*state, "a\u200bb", "a b"); /* also in the table that is mapped to nothing */
}

static void each_prohibited_table_is_prohibited(void **state)
{
	static const char *const bad[] = {
		/* C.2 */
		"a\t", "a\x7f", "\xc2\x85", "\u06dd", "\u180e", "\u2028", "\u2061", "\u206a", "\ufff9", "\U0001d173",
		"\ue000", "\U000f0000", "\U0010fffd", /* C.3 */
		"\ufdd0", "\uffff", "\U0001fffe", "\U0010ffff", /* C.4 */
		"\ufffd", "\ufffc", /* C.6 */
		"\u2ff0", /* C.7 */
		"\u200e", "\u202e", "\u206f", /* C.8 */
		"\U000e0001", "\U000e0041", /* C.9 */
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(*state, arena_printf(*state, "x%s", bad[i]));
	assert_refused(*state, STR("a\0b"));
	assert_refused(*state, STR("\u00e4\0b"));
	assert_prepared(*state, "x\u0340", "x\u0300"); /* C.8 too, but normalised before */
}

static void directions_do_not_mix(void **state)
{
	assert_prepared(*state, "\u06271\u0628", "\u06271\u0628");
	assert_prepared(*state, "\u0627", "\u0627");
	assert_refused(*state, STR("\u0627a\u0628"));
	assert_refused(*state, STR("1\u0627"));
	assert_refused(*state, STR("\u0627\u0628!"));
	assert_refused(*state, STR("a\u0627"));
}

static void bytes_that_are_not_utf8_are_refused(void **state)
{
	assert_refused(*state, STR("a\xff"));
	assert_refused(*state, STR("\xed\xa0\x80"));
	assert_refused(*state, STR("\xc0\x80"));
}

/* RFC 3454, 7: unassigned code points pass as they are, whatever later versions made of them. */
static void code_points_newer_than_unicode_3_2_are_left_alone(void **state)
{
	assert_prepared(*state, "\U0001f600", "\U0001f600");
	assert_prepared(*state, "\U0001f130", "\U0001f130"); /* a squared A: compatibility, since 5.2 */
	assert_prepared(*state, "\u07caa", "\u07caa"); /* right-to-left, since 5.0 */
	assert_prepared(*state, "a\u0358\u0323", "a\u0358\u0323"); /* combining, since 4.1: is not reordered */
	assert_prepared(*state, "\U0002f868", "\U0002136a"); /* corrected in 4.0 */
}

static void normalisation_works_across_what_is_known(void **state)
{
	assert_prepared(*state, "a\u0308\U0001f600a\u0308", "\u00e4\U0001f600\u00e4");
	assert_prepared(*state, "a\u00ad\u0308", "\u00e4"); /* what is mapped to nothing does not part them */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(examples_of_rfc_4013_hold),
		T(printable_ascii_is_returned_itself),
		T(nothing_left_is_refused),
		T(spaces_are_mapped_first),
		T(each_prohibited_table_is_prohibited),
		T(directions_do_not_mix),
		T(bytes_that_are_not_utf8_are_refused),
		T(code_points_newer_than_unicode_3_2_are_left_alone),
		T(normalisation_works_across_what_is_known),
	};
	return cmocka_run_group_tests_name("xmpp/saslprep", tests, NULL, NULL);
}
