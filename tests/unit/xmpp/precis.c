/* The two profiles: the examples of RFC 8265, the order of the rules, what is unchanged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xmpp/precis.h"

#include <string.h>

static int setup(void **state)
{
	*state = arena_new(4096, SIZE_MAX);
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static void assert_username(struct arena *a, const char *in, const char *expected)
{
	struct str out = { NULL, 0 };
	assert_int_equal(precis_username_case_mapped(a, str_from_c(in), &out), 0);
	assert_string_equal(arena_dup(a, out).p, expected);
	assert_int_equal(precis_username_case_mapped(a, out, &out), 0);
	assert_string_equal(arena_dup(a, out).p, expected);
}

static void assert_opaque(struct arena *a, const char *in, const char *expected)
{
	struct str out = { NULL, 0 };
	assert_int_equal(precis_opaque_string(a, str_from_c(in), &out), 0);
	assert_string_equal(arena_dup(a, out).p, expected);
	assert_int_equal(precis_opaque_string(a, out, &out), 0);
	assert_string_equal(arena_dup(a, out).p, expected);
}

static void assert_no_username(struct arena *a, const char *in, enum precis_error error)
{
	struct str out = STR("untouched");
	assert_int_equal(precis_username_case_mapped(a, str_from_c(in), &out), -(int)error);
	assert_string_equal(out.p, "untouched");
}

static void assert_not_opaque(struct arena *a, const char *in, enum precis_error error)
{
	struct str out = STR("untouched");
	assert_int_equal(precis_opaque_string(a, str_from_c(in), &out), -(int)error);
	assert_string_equal(out.p, "untouched");
}

/* RFC 8265, 3.6, by number. */
static void username_examples_of_rfc_8265_hold(void **state)
{
	assert_username(*state, "juliet@example.com", "juliet@example.com"); /* 1 */
	assert_username(*state, "fussball", "fussball"); /* 2 */
	assert_username(*state, "fu\u00dfball", "fu\u00dfball"); /* 3 */
	assert_username(*state, "\u03c0", "\u03c0"); /* 4 */
	assert_username(*state, "\u03a3", "\u03c3"); /* 5 */
	assert_username(*state, "\u03c3", "\u03c3"); /* 6 */
	assert_username(*state, "\u03c2", "\u03c2"); /* 7 */
	assert_no_username(*state, "foo bar", PRECIS_BAD_CODE_POINT); /* 8 */
	assert_no_username(*state, "", PRECIS_EMPTY); /* 9 */
	assert_no_username(*state, "henry\u2163", PRECIS_BAD_CODE_POINT); /* 10 */
	assert_no_username(*state, "\u221e", PRECIS_BAD_CODE_POINT); /* 11 */
}

/* RFC 8265, 4.3, by number. */
static void password_examples_of_rfc_8265_hold(void **state)
{
	assert_opaque(*state, "correct horse battery staple", "correct horse battery staple"); /* 12 */
	assert_opaque(*state, "Correct Horse Battery Staple", "Correct Horse Battery Staple"); /* 13 */
	assert_opaque(*state, "\u03c0\u00df\u00e5", "\u03c0\u00df\u00e5"); /* 14 */
	assert_opaque(*state, "Jack of \u2666s", "Jack of \u2666s"); /* 15 */
	assert_opaque(*state, "foo\u1680bar", "foo bar"); /* 16 */
	assert_not_opaque(*state, "", PRECIS_EMPTY); /* 17 */
	assert_not_opaque(*state, "my cat is a \tby", PRECIS_BAD_CODE_POINT); /* 18 */
}

static void username_is_mapped_before_it_is_checked(void **state)
{
	assert_username(*state, "\uff21\uff22\uff23", "abc"); /* fullwidth, HasCompat */
	assert_username(*state, "\uff76\uff9e", "\u30ac"); /* halfwidth, then composed */
	assert_username(*state, "\u212b", "\u00e5"); /* HasCompat too */
	assert_username(*state, "\u1100\u1161\u11a8", "\uac01"); /* jamo of a modern syllable */
	assert_username(*state, "A\u030a", "\u00e5");
	assert_username(*state, "\u0130", "i\u0307"); /* the only lower case that is longer */
	assert_username(*state, "a\u0130\u0130b\u00c4", "ai\u0307i\u0307b\u00e4");
	assert_username(*state, "\u1f88", "\u1f80"); /* titlecase */
}

static void capital_sigma_does_not_look_at_its_neighbours(void **state)
{
	assert_username(*state, "\u039f\u03a3", "\u03bf\u03c3");
	assert_username(*state, "\u03a3\u039f\u03a3", "\u03c3\u03bf\u03c3");
}

static void opaque_string_maps_spaces_and_normalises_and_no_more(void **state)
{
	assert_opaque(*state, "\u00a0\u2003\u3000", "   ");
	assert_opaque(*state, "A\u030a\u212b", "\u00c5\u00c5");
	assert_opaque(*state, "\uff21\u2163\ufb01", "\uff21\u2163\ufb01");
	assert_opaque(*state, " \u00e4 ", " \u00e4 ");
}

static void opaque_string_has_no_rule_on_direction(void **state)
{
	assert_opaque(*state, "\u05d0a\u0661", "\u05d0a\u0661");
	assert_no_username(*state, "\u05d0a", PRECIS_BAD_BIDI);
}

static void direction_is_judged_after_the_mapping(void **state)
{
	assert_username(*state, "\u05d0\uff11", "\u05d01");
	assert_no_username(*state, "\u05d0\uff21", PRECIS_BAD_BIDI);
}

static void each_error_has_its_code(void **state)
{
	assert_no_username(*state, "\xc3", PRECIS_NOT_UTF8);
	assert_no_username(*state, "\u00e4\xed\xa0\x80", PRECIS_NOT_UTF8);
	assert_no_username(*state, "a\u200d", PRECIS_BAD_CONTEXT);
	assert_no_username(*state, "\u0660\u06f0", PRECIS_BAD_BIDI); /* first in order */
	assert_no_username(*state, "\u0628\u0660\u06f0", PRECIS_BAD_BIDI); /* AN and EN */
	assert_not_opaque(*state, "\u0660\u06f0", PRECIS_BAD_CONTEXT);
	assert_not_opaque(*state, "\xff", PRECIS_NOT_UTF8);
	assert_not_opaque(*state, "\u00e4\x7f", PRECIS_BAD_CODE_POINT);
	assert_not_opaque(*state, "\u0378", PRECIS_BAD_CODE_POINT);
	assert_not_opaque(*state, "\ue000", PRECIS_BAD_CODE_POINT);
}

static void controls_and_zero_bytes_are_refused(void **state)
{
	struct str out;
	for (int c = 0; c < 0x20; c++) {
		char ascii[] = "a?", mixed[] = "\u00e4?";
		ascii[1] = mixed[2] = (char)c;
		assert_int_equal(precis_username_case_mapped(*state, str_make(ascii, 2), &out), -PRECIS_BAD_CODE_POINT);
		assert_int_equal(precis_opaque_string(*state, str_make(ascii, 2), &out), -PRECIS_BAD_CODE_POINT);
		assert_int_equal(precis_username_case_mapped(*state, str_make(mixed, 3), &out), -PRECIS_BAD_CODE_POINT);
		assert_int_equal(precis_opaque_string(*state, str_make(mixed, 3), &out), -PRECIS_BAD_CODE_POINT);
	}
}

static void unchanged_input_is_returned_itself(void **state)
{
	static const char *const names[] = { "juliet", "j\u00fcl\u00efet", "\u30b8\u30e5", "\uac00" };
	size_t before = arena_bytes(*state);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str out;
		assert_int_equal(precis_username_case_mapped(*state, str_from_c(names[i]), &out), 0);
		assert_ptr_equal(out.p, names[i]);
		assert_int_equal(precis_opaque_string(*state, str_from_c(names[i]), &out), 0);
		assert_ptr_equal(out.p, names[i]);
	}
	assert_int_equal(arena_bytes(*state), before);
}

static void every_error_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int x = PRECIS_EMPTY; x <= PRECIS_BAD_BIDI; x++)
		for (int y = x + 1; y <= PRECIS_BAD_BIDI + 1; y++)
			assert_string_not_equal(precis_error_text(-x), precis_error_text(-y));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(username_examples_of_rfc_8265_hold),
		T(password_examples_of_rfc_8265_hold),
		T(username_is_mapped_before_it_is_checked),
		T(capital_sigma_does_not_look_at_its_neighbours),
		T(opaque_string_maps_spaces_and_normalises_and_no_more),
		T(opaque_string_has_no_rule_on_direction),
		T(direction_is_judged_after_the_mapping),
		T(each_error_has_its_code),
		T(controls_and_zero_bytes_are_refused),
		T(unchanged_input_is_returned_itself),
		T(every_error_has_a_text_of_its_own),
	};
	return cmocka_run_group_tests_name("xmpp/precis", tests, NULL, NULL);
}
