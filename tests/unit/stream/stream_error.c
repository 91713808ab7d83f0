/* Stream errors, written and read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/stream/limits.h"
#include "lib/stream/stream_error.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#define CONDITION(name) "<" name " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
#define TEXT(text)      "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>" text "</text>"

static void conditions_read_as_they_are_written(void **state)
{
	(void)state;
	assert_int_equal(stream_condition_name(STREAM_OK).n, 0);
	for (enum stream_condition c = STREAM_OK + 1; c <= STREAM_UNSUPPORTED_VERSION; c++)
		assert_int_equal(stream_condition_parse(stream_condition_name(c)), c);
	assert_true(str_eq(stream_condition_name(STREAM_UNSUPPORTED_STANZA_TYPE), STR("unsupported-stanza-type")));
}

/* RFC 6120, 4.9.2 */
static void unknown_condition_reads_as_undefined(void **state)
{
	(void)state;
	assert_int_equal(stream_condition_parse(STR("xml-not-well-formed")), STREAM_UNDEFINED_CONDITION);
	assert_int_equal(stream_condition_parse(STR("")), STREAM_UNDEFINED_CONDITION);
}

static void errors_of_xml_have_their_conditions(void **state)
{
	(void)state;
	assert_int_equal(stream_condition_of_xml(-XML_NOT_WELL_FORMED), STREAM_NOT_WELL_FORMED);
	assert_int_equal(stream_condition_of_xml(-XML_RESTRICTED), STREAM_RESTRICTED_XML);
	assert_int_equal(stream_condition_of_xml(-XML_LIMIT), STREAM_POLICY_VIOLATION);
	assert_int_equal(stream_condition_of_xml(-XML_ENCODING), STREAM_UNSUPPORTED_ENCODING);
	assert_int_equal(stream_condition_of_xml(-XML_VERSION), STREAM_UNSUPPORTED_VERSION);
	assert_int_equal(stream_condition_of_xml(-XML_FORBIDDEN), STREAM_BAD_FORMAT);
}

static void error_is_written_with_and_without_text(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	stream_error_write(&b, STREAM_CONFLICT, STR(""));
	assert_true(str_eq(buf_str(&b), STR("<stream:error>" CONDITION("conflict") "</stream:error>")));
	buf_clear(&b);
	stream_error_write(&b, STREAM_RESET, STR("a < b"));
	assert_true(str_eq(buf_str(&b), STR("<stream:error>" CONDITION("reset") TEXT("a &lt; b") "</stream:error>")));
	buf_fini(&b);
}

static void check(const char *in, enum stream_condition condition, const char *text)
{
	struct arena *a;
	const struct xml_node *root;
	const char *why;
	struct str got;
	const struct xml_scope scope = { 0 };
	if (xml_parse_document(str_from_c(in), &stream_limits_client, &scope, &a, &root, &why))
		fail_msg("%s: %s", in, why);
	assert_int_equal(stream_error_parse(root, a, &got), condition);
	assert_true(str_eq(got, str_from_c(text)));
	arena_free(&a);
}

static void received_errors_are_read(void **state)
{
	(void)state;
	check("<error>" CONDITION("conflict") "</error>", STREAM_CONFLICT, "");
	check("<error>\n" TEXT("so <![CDATA[&]]> so") CONDITION("reset") "<x xmlns='urn:x'/></error>", STREAM_RESET,
		"so & so");
	check("<error/>", STREAM_UNDEFINED_CONDITION, "");
	check("<error>" CONDITION("surprise") "</error>", STREAM_UNDEFINED_CONDITION, "");
	check("<error><conflict xmlns='urn:x'/></error>", STREAM_UNDEFINED_CONDITION, "");
	check("<error>" CONDITION("reset") CONDITION("conflict") "</error>", STREAM_RESET, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_read_as_they_are_written),
		cmocka_unit_test(unknown_condition_reads_as_undefined),
		cmocka_unit_test(errors_of_xml_have_their_conditions),
		cmocka_unit_test(error_is_written_with_and_without_text),
		cmocka_unit_test(received_errors_are_read),
	};
	return cmocka_run_group_tests_name("stream/stream_error", tests, NULL, NULL);
}
