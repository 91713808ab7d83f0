/* Tests of lib/xml/decode.c: what values and text mean. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/xml/trees.h"

#include <stdio.h>

/* The text of <a>…</a>, with up to 40 plain bytes before it, so that it meets the wide scans at every offset. */
static void assert_text(const char *in, struct str wanted)
{
	char text[200], full[200];
	for (int before = 0; before <= 40; before++) {
		int n = snprintf(text, sizeof(text), "<a>%.*s%s</a>", before,
			"a long row of bytes that are all of them plain", in);
		struct tree t = tree_parse(str_make(text, (size_t)n), NULL);
		memcpy(full, text + 3, (size_t)before);
		memcpy(full + before, wanted.p, wanted.n);
		assert_str_equal(xml_text(t.root, t.arena), str_make(full, (size_t)before + wanted.n));
		assert_true(!t.root->children || !t.root->children->next);
		tree_free(&t);
	}
}

static void assert_value(const char *in, struct str wanted)
{
	char text[200], full[200];
	for (int before = 0; before <= 40; before++) {
		int n = snprintf(text, sizeof(text), "<a b='%.*s%s' c='d'/>", before,
			"a long row of bytes that are all of them plain", in);
		struct tree t = tree_parse(str_make(text, (size_t)n), NULL);
		memcpy(full, text + 6, (size_t)before);
		memcpy(full + before, wanted.p, wanted.n);
		assert_str_equal(xml_attr(t.root, STR("b")), str_make(full, (size_t)before + wanted.n));
		assert_str_equal(xml_attr(t.root, STR("c")), STR("d"));
		tree_free(&t);
	}
}

static void assert_both(const char *in, struct str wanted)
{
	assert_text(in, wanted);
	assert_value(in, wanted);
}

static void assert_both_refused(const char *in, int error)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "<a>%s</a>", in);
	assert_refused(str_make(text, (size_t)n), error);
	n = snprintf(text, sizeof(text), "<a b='%s'/>", in);
	assert_refused(str_make(text, (size_t)n), error);
	n = snprintf(text, sizeof(text), "<a b='%s' c='&lt;'/>", in);
	assert_refused(str_make(text, (size_t)n), error);
}

static void predefined_entities_are_decoded(void **state)
{
	(void)state;
	assert_both("&lt;&gt;&amp;&apos;&quot;", STR("<>&'\""));
	assert_both("&amp;lt;", STR("&lt;"));
	assert_both("x&lt;y", STR("x<y"));
	assert_both("&amp;&amp;amp;&amp;", STR("&&amp;&"));
}

static void character_references_are_decoded(void **state)
{
	(void)state;
	assert_both("&#65;&#x41;&#x000041;&#0000065;", STR("AAAA"));
	assert_both("&#233;&#xe9;&#xE9;", STR("\xC3\xA9\xC3\xA9\xC3\xA9"));
	assert_both("&#x20AC;", STR("\xE2\x82\xAC"));
	assert_both("&#x1F600;&#x10FFFF;", STR("\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF"));
	assert_both("&#60;&#38;&#39;", STR("<&'"));
	assert_both("&#xFFFD;&#xE000;&#xD7FF;&#x10000;",
		STR("\xEF\xBF\xBD\xEE\x80\x80\xED\x9F\xBF\xF0\x90\x80\x80"));
}

static void references_keep_the_white_space_they_name(void **state)
{
	(void)state;
	assert_both("&#9;&#10;&#13;&#32;&#13;&#10;", STR("\t\n\r \r\n"));
}

static void references_to_what_is_no_character_are_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"&#0;", "&#1;", "&#x1F;", "&#xB;", "&#xD800;", "&#xDFFF;", "&#xFFFE;", "&#xFFFF;", "&#x110000;",
		"&#65536000;", "&#4294967361;", "&#x100000041;", "&#18446744073709551681;",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_both_refused(cases[i], XML_NOT_WELL_FORMED);
}

static void references_of_another_form_are_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"&", "& ", "&;", "&lt", "&lt ", "&lt &gt;", "&#;", "&#x;", "&#X41;", "&#65", "&#6 5;", "&#xG;", "&#-1;",
		"&#65a;", "&#", "&1;", "&-a;", "& lt;", "&a:b;", "&&amp;", "&\xC3\x97;",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_both_refused(cases[i], XML_NOT_WELL_FORMED);
}

static void references_to_other_entities_are_restricted_xml(void **state)
{
	(void)state;
	static const char *const cases[] = { "&nbsp;", "&LT;", "&lts;", "&ltx;", "&a;", "&\xC3\xA9;", "&amp.x;" };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_both_refused(cases[i], XML_RESTRICTED);
}

/* XML 1.0, 2.11 */
static void line_ends_in_text_are_one_line_feed(void **state)
{
	(void)state;
	assert_text("\r\n", STR("\n"));
	assert_text("\r", STR("\n"));
	assert_text("1\r\n\r\n2\r\r3\n\n4\n\r5", STR("1\n\n2\n\n3\n\n4\n\n5"));
	assert_text("\t \r", STR("\t \n"));
	assert_text("\r&#10;", STR("\n\n"));
	assert_text("&#13;\n", STR("\r\n"));
	assert_text("<![CDATA[1\r\n2\r3]]>\r\n", STR("1\n2\n3\n"));
	assert_text("\r<![CDATA[\n]]>", STR("\n\n"));
}

/* XML 1.0, 3.3.3 */
static void white_space_in_values_is_a_space(void **state)
{
	(void)state;
	assert_value("\t", STR(" "));
	assert_value("\r\n", STR(" "));
	assert_value("1\n2\r3\t4\r\n5\n\r6\r\r7", STR("1 2 3 4 5  6  7"));
	assert_value("  x  ", STR("  x  "));
	assert_value("\r&#10;", STR(" \n"));
}

static void cdata_is_text(void **state)
{
	(void)state;
	assert_text("<![CDATA[<b>&amp;</b>]]>", STR("<b>&amp;</b>"));
	assert_text("<![CDATA[]]>", STR(""));
	assert_text("x<![CDATA[y]]>z", STR("xyz"));
	assert_text("<![CDATA[1]]><![CDATA[2]]>&#51;<![CDATA[4]]>", STR("1234"));
	assert_text("<![CDATA[]]]]><![CDATA[>]]>", STR("]]>"));
	assert_text("<![CDATA[] ]] ]>]]]]]>", STR("] ]] ]>]]]"));
	assert_text("<![CDATA[<![CDATA[]]>", STR("<![CDATA["));
	assert_text("<![CDATA[]x>]x]]>", STR("]x>]x"));
	assert_text("<![CDATA[\xC3\xA9\xF0\x9F\x98\x80]]>\xC3\xA9", STR("\xC3\xA9\xF0\x9F\x98\x80\xC3\xA9"));
}

static void empty_text_is_no_node(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a><![CDATA[]]><b/><![CDATA[]]><![CDATA[]]></a>"), NULL);
	assert_int_equal(t.root->children->kind, XML_ELEMENT);
	assert_null(t.root->children->next);
	tree_free(&t);
}

static void end_of_cdata_in_text_is_refused(void **state)
{
	(void)state;
	assert_refused(STR("<a>]]></a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a>]]]></a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a>&amp;]]></a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a><![CDATA[]]>]]></a>"), XML_NOT_WELL_FORMED);
	assert_text("]]&gt;", STR("]]>"));
	assert_text("]&#93;>", STR("]]>"));
	assert_text("] ]> ]>", STR("] ]> ]>"));
	assert_text("]]<![CDATA[>]]>", STR("]]>"));
	assert_value("]]>", STR("]]>"));
}

static void values_keep_the_other_quote_and_all_signs_but_less(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a b='\">' c=\"'>\" d='' e=\"\"/>"), NULL);
	assert_str_equal(xml_attr(t.root, STR("b")), STR("\">"));
	assert_str_equal(xml_attr(t.root, STR("c")), STR("'>"));
	assert_str_equal(xml_attr(t.root, STR("d")), STR(""));
	assert_non_null(xml_attr(t.root, STR("d")).p);
	assert_non_null(xml_attr(t.root, STR("e")).p);
	tree_free(&t);
	assert_refused(STR("<a b='&lt;<'/>"), XML_NOT_WELL_FORMED);
}

static void byte_order_mark_in_text_is_a_character(void **state)
{
	(void)state;
	assert_both("\xEF\xBB\xBFx\xEF\xBB\xBF", STR("\xEF\xBB\xBFx\xEF\xBB\xBF"));
}

/* What shrinks is moved, over distances of all sizes. */
static void much_of_everything_is_decoded_in_place(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 7);
	struct random_source r = random_seeded_source(&seeded);
	static const struct {
		struct str in, out;
	} pieces[] = {
		{ STR_INIT("plain"), STR_INIT("plain") }, { STR_INIT("&lt;"), STR_INIT("<") },
		{ STR_INIT("&#x1F600;"), STR_INIT("\xF0\x9F\x98\x80") }, { STR_INIT("\xC3\xA9"), STR_INIT("\xC3\xA9") },
		{ STR_INIT("\r\n"), STR_INIT("\n") }, { STR_INIT("<![CDATA[&]]>"), STR_INIT("&") },
		{ STR_INIT("more than sixteen plain bytes"), STR_INIT("more than sixteen plain bytes") },
	};
	struct buf in, out;
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int round = 0; round < 200; round++) {
		buf_clear(&in);
		buf_clear(&out);
		buf_lit(&in, "<a>");
		for (uint64_t n = random_below(&r, 40); n; n--) {
			size_t i = random_below(&r, ARRAY_LEN(pieces));
			buf_add(&in, pieces[i].in);
			buf_add(&out, pieces[i].out);
		}
		buf_lit(&in, "</a>");
		struct tree t = tree_parse(buf_str(&in), NULL);
		assert_str_equal(xml_text(t.root, t.arena), buf_str(&out));
		tree_free(&t);
	}
	buf_fini(&in);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predefined_entities_are_decoded),
		cmocka_unit_test(character_references_are_decoded),
		cmocka_unit_test(references_keep_the_white_space_they_name),
		cmocka_unit_test(references_to_what_is_no_character_are_refused),
		cmocka_unit_test(references_of_another_form_are_refused),
		cmocka_unit_test(references_to_other_entities_are_restricted_xml),
		cmocka_unit_test(line_ends_in_text_are_one_line_feed),
		cmocka_unit_test(white_space_in_values_is_a_space),
		cmocka_unit_test(cdata_is_text),
		cmocka_unit_test(empty_text_is_no_node),
		cmocka_unit_test(end_of_cdata_in_text_is_refused),
		cmocka_unit_test(values_keep_the_other_quote_and_all_signs_but_less),
		cmocka_unit_test(byte_order_mark_in_text_is_a_character),
		cmocka_unit_test(much_of_everything_is_decoded_in_place),
	};
	return cmocka_run_group_tests_name(GROUP("decode"), tests, NULL, NULL);
}
