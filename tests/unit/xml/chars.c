/* Tests of lib/xml/chars.c: every code point, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/xml/chars.h"
#include "tests/unit/xml/trees.h"

#include <stdio.h>

/* UTF-8 by its arithmetic, surrogates and all; the rest of `out` is zero. */
static size_t encode(uint32_t u, char out[16])
{
	memset(out, 0, 16);
	if (u < 0x80) {
		out[0] = (char)u;
		return 1;
	}
	size_t n = u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i; i--, u >>= 6)
		out[i] = (char)(0x80 | (u & 0x3F));
	out[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | u);
	return n;
}

/* XML 1.0, fifth edition, production 2 */
static bool is_char(uint32_t u)
{
	return u == 9 || u == 10 || u == 13 || (u >= 32 && u <= 0xD7FF) || (u >= 0xE000 && u <= 0xFFFD) ||
		(u >= 0x10000 && u <= 0x10FFFF);
}

/* Production 4, without the colon */
static bool is_name_start(uint32_t u)
{
	if (u < 0x80)
		return (u >= 'A' && u <= 'Z') || u == '_' || (u >= 'a' && u <= 'z');
	if (u < 0x300)
		return u >= 0xC0 && u != 0xD7 && u != 0xF7;
	if (u < 0x2000)
		return u >= 0x370 && u != 0x37E;
	if (u < 0x3000)
		return u == 0x200C || u == 0x200D || (u >= 0x2070 && u <= 0x218F) || (u >= 0x2C00 && u <= 0x2FEF);
	if (u <= 0xFFFF)
		return u != 0x3000 && (u <= 0xD7FF || (u >= 0xF900 && u <= 0xFDCF) || (u >= 0xFDF0 && u <= 0xFFFD));
	return u <= 0xEFFFF;
}

/* Production 4a, without the colon */
static bool is_name(uint32_t u)
{
	return is_name_start(u) || u == '-' || u == '.' || (u >= '0' && u <= '9') || u == 0xB7 ||
		(u >= 0x300 && u <= 0x36F) || u == 0x203F || u == 0x2040;
}

static void every_code_point_is_in_its_classes(void **state)
{
	(void)state;
	for (uint32_t u = 1; u <= 0x10FFFF; u++) {
		char text[16];
		size_t n = encode(u, text);
		if ((xml_name_end(text) == text + n) != is_name_start(u))
			fail_msg("U+%04X: as the first of a name", u);
		memmove(text + 1, text, n);
		text[0] = 'a';
		if ((xml_name_end(text) == text + 1 + n) != is_name(u))
			fail_msg("U+%04X: in a name", u);
		int error = 0;
		const char *why;
		if (u >= 0x80 && (xml_chars_beyond_ascii(text + 1, &error, &why) != NULL) != is_char(u))
			fail_msg("U+%04X: in text", u);
		assert_int_equal(xml_is_text(str_make(text + 1, n)), is_char(u));
		if (error)
			assert_int_equal(error, (u & 0xFFFE) == 0xFFFE ? -XML_NOT_WELL_FORMED : -XML_ENCODING);
	}
}

static void every_ascii_byte_stands_in_text_as_xml_says(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x80; c++) {
		char text[] = "<a>.</a>", value[] = "<a b='.'/>";
		text[3] = value[6] = (char)c;
		struct tree t;
		const char *why;
		int error = tree_try(&t, str_make(text, sizeof(text) - 1), NULL, &why);
		tree_free(&t);
		assert_int_equal(error == 0, is_char(c) && c != '<' && c != '&');
		error = tree_try(&t, str_make(value, sizeof(value) - 1), NULL, &why);
		tree_free(&t);
		assert_int_equal(error == 0, is_char(c) && c != '<' && c != '&' && c != '\'');
	}
}

static void what_is_not_utf_8_is_refused_everywhere(void **state)
{
	(void)state;
	static const struct str wrong[] = {
		STR_INIT("\x80"), STR_INIT("\xBF"), STR_INIT("\xC0\x80"), STR_INIT("\xC1\xBF"), STR_INIT("\xC2"),
		STR_INIT("\xC2\x7F"), STR_INIT("\xC2\xC0"), STR_INIT("\xE0\x9F\xBF"), STR_INIT("\xE1\x80"),
		STR_INIT("\xE1\x80\x7F"), STR_INIT("\xED\xA0\x80"), STR_INIT("\xED\xBF\xBF"),
		STR_INIT("\xF0\x8F\xBF\xBF"), STR_INIT("\xF1\x80\x80"), STR_INIT("\xF4\x90\x80\x80"),
		STR_INIT("\xF5\x80\x80\x80"), STR_INIT("\xFE"), STR_INIT("\xFF"), STR_INIT("\xC3\xA9\xA9"),
	};
	static const char *const places[] = {
		"<a>%s</a>", "<a b='%s'/>", "<a>0123456789abcdef%s</a>", "<a b='0123456789abcdef%s' c=''/>", "<a%s/>",
		"<a b%s=''/>", "<a xmlns='urn:%s'/>", "<a><![CDATA[%s]]></a>", "<a>&lt;%s</a>", "<p%s:a xmlns:p='u'/>",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(xml_is_text(wrong[i]));
		for (size_t j = 0; j < ARRAY_LEN(places); j++) {
			char text[100];
			int n = snprintf(text, sizeof(text), places[j], wrong[i].p);
			assert_refused(str_make(text, (size_t)n), XML_ENCODING);
		}
	}
}

static void texts_are_checked_as_a_whole(void **state)
{
	(void)state;
	assert_true(xml_is_text(STR("")));
	assert_true(xml_is_text(STR("plain\r\n\ttext \xF0\x9F\x98\x80")));
	assert_false(xml_is_text(STR("plain\0text")));
	assert_false(xml_is_text(STR("plain text\x1B")));
	assert_false(xml_is_text(STR("\xEF\xBF\xBF")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_in_its_classes),
		cmocka_unit_test(every_ascii_byte_stands_in_text_as_xml_says),
		cmocka_unit_test(what_is_not_utf_8_is_refused_everywhere),
		cmocka_unit_test(texts_are_checked_as_a_whole),
	};
	return cmocka_run_group_tests_name(GROUP("chars"), tests, NULL, NULL);
}
