/* Tests of cmd/scenario/report.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cmd/scenario/report.h"
#include "lib/stream/limits.h"
#include "lib/xml/parser.h"

#include <string.h>

static const struct report_case cases[] = {
	{ STR_INIT("one"), SCENARIO_PASSED, STR_INIT(""), 12 },
	{ STR_INIT("two"), SCENARIO_FAILED, STR_INIT("f:3: it fails\n  <a b='1'/>\n"), 61007 },
	{ STR_INIT("three"), SCENARIO_SKIPPED, STR_INIT("line 3: no"), 0 },
};

static void lines_say_what_came_of_each(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		report_case(&out, &cases[i]);
	report_sum(&out, cases, ARRAY_LEN(cases));
	buf_add_byte(&out, 0);
	assert_string_equal(buf_str(&out).p, "passed  one (0.012 s)\n"
					     "FAILED  two (61.007 s)\nf:3: it fails\n  <a b='1'/>\n"
					     "skipped three (0.000 s): line 3: no\n"
					     "1 passed, 1 failed, 1 skipped\n");
	buf_fini(&out);
}

static const struct xml_node *parse_report(struct str text, struct arena **a_r)
{
	const struct xml_node *root;
	const char *why = NULL;
	struct str declaration;
	str_cut(&text, '\n', &declaration);
	assert_true(str_has_prefix(declaration, STR("<?xml ")));
	if (xml_parse_document(text, &stream_limits_server, NULL, a_r, &root, &why) != 0)
		fail_msg("%s", why);
	return root;
}

static void junit_has_a_case_a_scenario(void **state)
{
	struct buf out;
	struct arena *a;
	(void)state;
	buf_init(&out, 4096);
	report_junit(&out, STR("<x>"), cases, ARRAY_LEN(cases));
	const struct xml_node *suite = xml_first(parse_report(buf_str(&out), &a));
	assert_true(str_eq(xml_attr(suite, STR("name")), STR("<x>")));
	assert_true(str_eq(xml_attr(suite, STR("tests")), STR("3")));
	assert_true(str_eq(xml_attr(suite, STR("failures")), STR("1")));
	assert_true(str_eq(xml_attr(suite, STR("skipped")), STR("1")));
	const struct xml_node *one = xml_first(suite), *two = xml_next(one), *three = xml_next(two);
	assert_null(xml_first(one));
	assert_true(str_eq(xml_attr(one, STR("name")), STR("one")));
	assert_true(str_eq(xml_attr(two, STR("time")), STR("61.007")));
	assert_true(str_eq(xml_name(xml_first(two)), STR("failure")));
	assert_true(str_eq(xml_attr(xml_first(two), STR("message")), STR("f:3: it fails")));
	assert_true(str_eq(xml_text(xml_first(two), a), STR("  <a b='1'/>\n")));
	assert_true(str_eq(xml_name(xml_first(three)), STR("skipped")));
	assert_null(xml_next(three));
	arena_free(&a);
	buf_fini(&out);
}

static void junit_is_xml_whatever_the_texts_are(void **state)
{
	static const struct report_case odd = { STR_INIT("a\x01<\xff'é"), SCENARIO_FAILED,
		STR_INIT("]]>\x1b[0m&\n\xc3\0"), 1 };
	struct buf out;
	struct arena *a;
	(void)state;
	buf_init(&out, 4096);
	report_junit(&out, STR("s"), &odd, 1);
	const struct xml_node *one = xml_first(xml_first(parse_report(buf_str(&out), &a)));
	assert_true(str_eq(xml_attr(one, STR("name")), STR("a?<?'é")));
	assert_true(str_eq(xml_attr(xml_first(one), STR("message")), STR("]]>?[0m&")));
	assert_true(str_eq(xml_text(xml_first(one), a), STR("??")));
	arena_free(&a);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_what_came_of_each),
		cmocka_unit_test(junit_has_a_case_a_scenario),
		cmocka_unit_test(junit_is_xml_whatever_the_texts_are),
	};
	return cmocka_run_group_tests_name("scenario/report", tests, NULL, NULL);
}
