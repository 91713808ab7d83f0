/* The derived property, the contextual rules, the Bidi Rule; tests/conformance compares every code point. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/xmpp/precis.h"
#include "lib/xmpp/precis_rules.h"
#include "lib/xmpp/ucs4.h"

static int check(const char *text, bool freeform)
{
	struct ucs4 s;
	assert_true(ucs4_decode(&s, str_from_c(text)));
	int error = precis_check_class(&s, freeform);
	ucs4_fini(&s);
	return error;
}

static void assert_allowed(const char *text)
{
	assert_int_equal(check(text, false), 0);
	assert_int_equal(check(text, true), 0);
}

static void assert_bad_context(const char *text)
{
	assert_int_equal(check(text, false), -PRECIS_BAD_CONTEXT);
	assert_int_equal(check(text, true), -PRECIS_BAD_CONTEXT);
}

/* RFC 8264, 8: one or two of each line, and cases that more than one line would take. */
static void property_follows_the_order_of_the_tests(void **state)
{
	(void)state;
	static const struct {
		uint32_t code_point;
		enum precis_property property;
	} cases[] = {
		/* Exceptions, and what is next to them. */
		{ 0xdf, PRECIS_PVALID }, { 0x3c2, PRECIS_PVALID }, { 0xb7, PRECIS_CONTEXTO },
		{ 0x640, PRECIS_DISALLOWED }, { 0x660, PRECIS_CONTEXTO }, { 0x6f9, PRECIS_CONTEXTO },
		{ 0x30fb, PRECIS_CONTEXTO }, { 0x66a, PRECIS_FREE }, { 0x3030, PRECIS_FREE },
		{ 0x3036, PRECIS_FREE }, { 0x3008, PRECIS_FREE },
		/* Unassigned, though ignorable too. */
		{ 0x378, PRECIS_UNASSIGNED }, { 0xe0080, PRECIS_UNASSIGNED }, { 0x2065, PRECIS_UNASSIGNED },
		/* ASCII7. */
		{ '!', PRECIS_PVALID }, { '~', PRECIS_PVALID }, { 'A', PRECIS_PVALID },
		/* JoinControl, though ignorable too. */
		{ 0x200c, PRECIS_CONTEXTJ }, { 0x200d, PRECIS_CONTEXTJ },
		/* OldHangulJamo. */
		{ 0x1100, PRECIS_DISALLOWED }, { 0xa960, PRECIS_DISALLOWED }, { 0xd7fb, PRECIS_DISALLOWED },
		/* PrecisIgnorableProperties. */
		{ 0xad, PRECIS_DISALLOWED }, { 0xfdd0, PRECIS_DISALLOWED }, { 0x10ffff, PRECIS_DISALLOWED },
		/* Controls. */
		{ 0, PRECIS_DISALLOWED }, { 0x1f, PRECIS_DISALLOWED }, { 0x7f, PRECIS_DISALLOWED },
		{ 0x9f, PRECIS_DISALLOWED },
		/* HasCompat, a composition exclusion among them; then what decomposes but composes again. */
		{ 0x2163, PRECIS_FREE }, { 0xff21, PRECIS_FREE }, { 0xfb01, PRECIS_FREE }, { 0x212b, PRECIS_FREE },
		{ 0x958, PRECIS_FREE }, { 0xc5, PRECIS_PVALID }, { 0xac00, PRECIS_PVALID },
		/* LetterDigits. */
		{ 0xe4, PRECIS_PVALID }, { 0x4e00, PRECIS_PVALID }, { 0x301, PRECIS_PVALID },
		/* OtherLetterDigits, Spaces, Symbols, Punctuation. */
		{ 0x16ee, PRECIS_FREE }, { 0x488, PRECIS_FREE }, { ' ', PRECIS_FREE }, { 0x1680, PRECIS_FREE },
		{ 0x2665, PRECIS_FREE }, { 0xa9, PRECIS_FREE }, { 0xa1, PRECIS_FREE }, { 0x2010, PRECIS_FREE },
		/* All others. */
		{ 0xe000, PRECIS_DISALLOWED }, { 0xd800, PRECIS_DISALLOWED }, { 0x2028, PRECIS_DISALLOWED },
		{ 0x600, PRECIS_DISALLOWED },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (precis_property(cases[i].code_point) != cases[i].property)
			fail_msg("U+%04X has %d", cases[i].code_point, precis_property(cases[i].code_point));
}

static void property_decides_by_class(void **state)
{
	(void)state;
	assert_allowed("a\u00e4\u4e00");
	assert_int_equal(check("a\u2665", false), -PRECIS_BAD_CODE_POINT);
	assert_int_equal(check("a\u2665 ", true), 0);
	assert_int_equal(check("a\u00ad", true), -PRECIS_BAD_CODE_POINT);
	assert_int_equal(check("a\u0378", true), -PRECIS_BAD_CODE_POINT);
}

/* RFC 5892, A.1. */
static void zwnj_stands_after_a_virama_or_between_joining_letters(void **state)
{
	(void)state;
	assert_allowed("\u0915\u094d\u200c\u0937");
	assert_allowed("\u0628\u200c\u0628"); /* D, D */
	assert_allowed("\u0628\u064b\u200c\u064b\u064c\u0627"); /* D, T, T, T, R */
	assert_allowed("\ua872\u200c\u0628"); /* L, D */
	assert_bad_context("\u200c");
	assert_bad_context("\u0628\u200c");
	assert_bad_context("\u200c\u0628");
	assert_bad_context("a\u200cb");
	assert_bad_context("\u0627\u200c\u0628"); /* R does not join to its left neighbour's side */
	assert_bad_context("\u0628\u200c\ua872");
	assert_bad_context("\u064b\u200c\u0628"); /* nothing before the transparent one */
	assert_bad_context("\u0628\u200c\u064b");
	assert_bad_context("\u0628\u200c\u200c\u0628");
}

/* RFC 5892, A.2. */
static void zwj_stands_after_a_virama(void **state)
{
	(void)state;
	assert_allowed("\u0915\u094d\u200d\u0937");
	assert_bad_context("\u200d");
	assert_bad_context("\u0628\u200d\u0628");
	assert_bad_context("\u094d\u0915\u200d");
}

/* RFC 5892, A.3 to A.6. */
static void punctuation_needs_the_neighbours_it_has_in_its_language(void **state)
{
	(void)state;
	assert_allowed("l\u00b7l");
	assert_bad_context("\u00b7l");
	assert_bad_context("l\u00b7");
	assert_bad_context("l\u00b7a");
	assert_bad_context("L\u00b7l");
	assert_allowed("\u0375\u03b1");
	assert_bad_context("\u0375");
	assert_bad_context("\u03b1\u0375");
	assert_bad_context("\u0375a");
	assert_allowed("\u05d0\u05f3");
	assert_allowed("\u05d0\u05f4");
	assert_bad_context("\u05f3\u05d0");
	assert_bad_context("\u05f4");
	assert_bad_context("a\u05f4");
}

/* RFC 5892, A.7. */
static void katakana_middle_dot_needs_kana_or_han_anywhere(void **state)
{
	(void)state;
	assert_allowed("\u30fb\u30ab");
	assert_allowed("a\u30fbb\u3042");
	assert_allowed("\u4e00a\u30fb");
	assert_bad_context("\u30fb");
	assert_bad_context("a\u30fb\u30fbb");
}

/* RFC 5892, A.8 and A.9. */
static void arabic_digits_of_two_kinds_do_not_mix(void **state)
{
	(void)state;
	assert_allowed("\u0660\u0669");
	assert_allowed("\u06f0\u06f9");
	assert_bad_context("\u0660\u06f0");
	assert_bad_context("\u06f9a\u0669");
}

static bool bidi(const char *text)
{
	struct ucs4 s;
	assert_true(ucs4_decode(&s, str_from_c(text)));
	bool holds = precis_bidi_holds(&s);
	ucs4_fini(&s);
	return holds;
}

/* RFC 5893, 2: conditions by number. */
static void bidi_rule_holds_by_its_conditions(void **state)
{
	(void)state;
	assert_true(bidi("abc") && bidi("1a") && bidi("-")); /* nothing from right to left: no rule */
	assert_true(bidi("\u05d0") && bidi("\u0628") && bidi("\u05d01"));
	assert_false(bidi("1\u05d0") || bidi("-\u05d0") || bidi("\u0301\u05d0") || bidi("\u0660")); /* 1 */
	assert_false(bidi("\u05d0a\u05d0") || bidi("\u05d0\u202e\u05d0")); /* 2 */
	assert_true(bidi("\u05d0-+,%!\u05d0"));
	assert_false(bidi("\u05d0-") || bidi("\u05d0!\u0301")); /* 3 */
	assert_true(bidi("\u05d0\u0301\u0301") && bidi("\u05d01\u0301") && bidi("\u0628\u0660"));
	assert_false(bidi("\u06281\u0660") || bidi("\u0628\u0660a1\u0628") || bidi("\u0628\u06601\u0628")); /* 4 */
	assert_false(bidi("a\u05d0") || bidi("a\u0660b")); /* 5 */
}

/* What each rule likes least, so long that anything but a linear search would run into the test's time limit. */
static void rules_are_linear_in_their_input(void **state)
{
	(void)state;
	static const char *const units[] = {
		"\u30fb", "\u0660", "\u0628\u064b\u064b\u064b\u064b\u200c\u064b\u064b\u064b\u0628", "l\u00b7l",
		"\u0375\u03b1",
	};
	static const int results[] = { -PRECIS_BAD_CONTEXT, 0, 0, 0, 0 };
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct ucs4 unit, all = { 0 };
		assert_true(ucs4_decode(&unit, str_from_c(units[i])));
		while (all.n < 300000)
			ucs4_add(&all, unit.p, unit.n);
		assert_int_equal(precis_check_class(&all, true), results[i]);
		(void)precis_bidi_holds(&all);
		ucs4_fini(&unit);
		ucs4_fini(&all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(property_follows_the_order_of_the_tests),
		cmocka_unit_test(property_decides_by_class),
		cmocka_unit_test(zwnj_stands_after_a_virama_or_between_joining_letters),
		cmocka_unit_test(zwj_stands_after_a_virama),
		cmocka_unit_test(punctuation_needs_the_neighbours_it_has_in_its_language),
		cmocka_unit_test(katakana_middle_dot_needs_kana_or_han_anywhere),
		cmocka_unit_test(arabic_digits_of_two_kinds_do_not_mix),
		cmocka_unit_test(bidi_rule_holds_by_its_conditions),
		cmocka_unit_test(rules_are_linear_in_their_input),
	};
	return cmocka_run_group_tests_name("xmpp/precis_rules", tests, NULL, NULL);
}
