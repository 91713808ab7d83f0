/* Strings of code points: both encodings, growth, the mappings. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xmpp/ucs4.h"

static void assert_text(struct ucs4 *s, const char *expected)
{
	struct arena *a = arena_new(256, SIZE_MAX);
	assert_string_equal(arena_dup(a, ucs4_encode(s, a)).p, expected);
	arena_free(&a);
}

/* Applies it, which changes the string, and again, which does not. */
static void assert_mapped(bool (*map)(struct ucs4 *), const char *in, const char *expected)
{
	struct ucs4 s;
	assert_true(ucs4_decode(&s, str_from_c(in)));
	assert_int_equal(map(&s), strcmp(in, expected) != 0);
	assert_text(&s, expected);
	assert_false(map(&s));
	assert_text(&s, expected);
	ucs4_fini(&s);
}

static void decoding_and_encoding_give_the_same_bytes(void **state)
{
	(void)state;
	struct ucs4 s;
	assert_true(ucs4_decode(&s, STR("a\u00e4\u20ac\U0001f600")));
	assert_int_equal(s.n, 4);
	assert_int_equal(s.p[3], 0x1f600);
	assert_text(&s, "a\u00e4\u20ac\U0001f600");
	ucs4_fini(&s);
	assert_int_equal(s.n, 0);
	assert_true(ucs4_decode(&s, STR("")));
	assert_text(&s, "");
	ucs4_fini(&s);
}

static void bytes_that_are_not_utf8_do_not_decode(void **state)
{
	(void)state;
	static const char *const bad[] = { "\x80", "a\xc3", "\xc1\x81", "\xe0\x80\x80", "\xed\xbf\xbf",
		"\xf5\x80\x80\x80" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ucs4 s;
		assert_false(ucs4_decode(&s, str_from_c(bad[i])));
		assert_null(s.p);
	}
}

static void added_code_points_stay_when_it_grows(void **state)
{
	(void)state;
	struct ucs4 s = { 0 };
	for (uint32_t i = 0; i < 1000; i++)
		ucs4_add(&s, &i, 1);
	ucs4_add(&s, NULL, 0);
	assert_int_equal(s.n, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(s.p[i], i);
	ucs4_fini(&s);
}

static void width_is_mapped_for_the_two_forms_alone(void **state)
{
	(void)state;
	assert_mapped(ucs4_map_width, "\uff21\uff5e\uff76\uffe6\u3000\uffe8", "A~\u30ab\u20a9 \u2502");
	assert_mapped(ucs4_map_width, "a\u30ab\u2163\ufb01\u3001\u2ffc", "a\u30ab\u2163\ufb01\u3001\u2ffc");
	assert_mapped(ucs4_map_width, "\uffa0", "\u3164"); /* one step, not to its end */
}

static void lower_case_may_be_longer(void **state)
{
	(void)state;
	assert_mapped(ucs4_map_lower, "\u00c4\u0410\u1e9e\U00010400", "\u00e4\u0430\u00df\U00010428");
	assert_mapped(ucs4_map_lower, "\u0130", "i\u0307");
	assert_mapped(ucs4_map_lower, "\u0130\u0130A", "i\u0307i\u0307a");
	assert_mapped(ucs4_map_lower, "a\u0130", "ai\u0307");
	assert_mapped(ucs4_map_lower, "\u00e4\u0131\u03c2", "\u00e4\u0131\u03c2");
}

static void spaces_become_one_kind(void **state)
{
	(void)state;
	assert_mapped(ucs4_map_spaces, "a b\u00a0\u1680\u2000\u202f\u205f\u3000", "a b      ");
	assert_mapped(ucs4_map_spaces, "\t\u200b\u2028\u180e", "\t\u200b\u2028\u180e");
}

static void nfc_composes_and_says_whether_it_did(void **state)
{
	(void)state;
	assert_mapped(ucs4_normalise_nfc, "a\u0308", "\u00e4");
	assert_mapped(ucs4_normalise_nfc, "\u0323\u0307", "\u0323\u0307");
	assert_mapped(ucs4_normalise_nfc, "q\u0307\u0323", "q\u0323\u0307");
	assert_mapped(ucs4_normalise_nfc, "\u00e4\u02ff", "\u00e4\u02ff");
	assert_mapped(ucs4_normalise_nfc, "\u0958", "\u0915\u093c");
	assert_mapped(ucs4_normalise_nfc, "", "");
}

static void nfkc_is_appended(void **state)
{
	(void)state;
	struct ucs4 s = { 0 };
	ucs4_add_nfkc(&s, (const uint32_t[]){ 0xfb01, 0x2163 }, 2);
	ucs4_add_nfkc(&s, NULL, 0);
	ucs4_add_nfkc(&s, (const uint32_t[]){ 'a', 0x308 }, 2);
	assert_text(&s, "fiIV\u00e4");
	ucs4_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding_and_encoding_give_the_same_bytes),
		cmocka_unit_test(bytes_that_are_not_utf8_do_not_decode),
		cmocka_unit_test(added_code_points_stay_when_it_grows),
		cmocka_unit_test(width_is_mapped_for_the_two_forms_alone),
		cmocka_unit_test(lower_case_may_be_longer),
		cmocka_unit_test(spaces_become_one_kind),
		cmocka_unit_test(nfc_composes_and_says_whether_it_did),
		cmocka_unit_test(nfkc_is_appended),
	};
	return cmocka_run_group_tests_name("xmpp/ucs4", tests, NULL, NULL);
}
