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

static void check_redirect(const char *in, const char *host, unsigned port)
{
	struct arena *a = arena_new(256, 65536);
	struct stream_redirect r = { STR_INIT("untouched"), 1 };
	assert_int_equal(stream_redirect_parse(a, str_from_c(in), &r), host != NULL);
	if (!str_eq(r.host, str_from_c(host ? host : "untouched")))
		fail_msg("%s: " STR_FMT, in, STR_ARG(r.host));
	assert_int_equal(r.port, host ? port : 1);
	arena_free(&a);
}

/* RFC 6120, 4.9.3.19 */
static void redirects_are_a_domainpart_and_perhaps_a_port(void **state)
{
	(void)state;
	check_redirect("im.example", "im.example", 0);
	check_redirect("IM.Example:9222", "im.example", 9222);
	check_redirect("192.0.2.1:5222", "192.0.2.1", 5222);
	check_redirect("\n  [2001:41D0:1:A49b::1]:9222\t", "[2001:41d0:1:a49b::1]", 9222);
	check_redirect("[::1]", "[::1]", 0);
	check_redirect("im.example:65535", "im.example", 65535);
	static const char *const wrong[] = { "", " ", ":", ":5222", "im.example:", "im.example:0", "im.example:65536",
		"im.example:-1", "im.example: 5222", "im.example:5222:1", "::1", "2001:db8::1", "[::1]5222", "[::1", "[::1]:",
		"[]", "[im.example]:1", "romeo@im.example", "im.example/x", "im example", "im.example:18446744073709551617" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		check_redirect(wrong[i], NULL, 0);
}

static void redirects_read_as_they_are_written(void **state)
{
	(void)state;
	static const struct stream_redirect places[] = { { STR_INIT("im.example"), 0 }, { STR_INIT("[2001:db8::1]"), 9222 } };
	static const char *const content[] = { "im.example", "[2001:db8::1]:9222" };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct buf b, whole;
		struct arena *a;
		const struct xml_node *root;
		const struct xml_scope scope = { 0 };
		struct stream_redirect r;
		const char *why;
		buf_init(&b, 4096);
		buf_init(&whole, 4096);
		stream_redirect_write(&b, &places[i]);
		buf_printf(&whole, "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>%s</see-other-host>"
			"</stream:error>", content[i]);
		assert_true(str_eq(buf_str(&b), buf_str(&whole)));
		/* As it is read on a stream, where the prefix has been declared. */
		buf_clear(&whole);
		buf_printf(&whole, "<x xmlns:stream='http://etherx.jabber.org/streams'>" STR_FMT "</x>", STR_ARG(buf_str(&b)));
		assert_int_equal(xml_parse_document(buf_str(&whole), &stream_limits_client, &scope, &a, &root, &why), 0);
		assert_true(stream_redirect_read(xml_first(root), a, &r));
		assert_true(str_eq(r.host, places[i].host));
		assert_int_equal(r.port, places[i].port);
		arena_free(&a);
		buf_fini(&whole);
		buf_fini(&b);
	}
}

static void redirects_to_nowhere_are_not_read(void **state)
{
	(void)state;
	static const char *const in[] = {
		"<error/>",
		"<error>" CONDITION("see-other-host") "</error>",
		"<error>" CONDITION("conflict") TEXT("im.example") "</error>",
		"<error><see-other-host xmlns='urn:x'>im.example</see-other-host></error>",
		"<error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>im.example:99999</see-other-host></error>",
	};
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct arena *a;
		const struct xml_node *root;
		const struct xml_scope scope = { 0 };
		struct stream_redirect r;
		const char *why;
		assert_int_equal(xml_parse_document(str_from_c(in[i]), &stream_limits_client, &scope, &a, &root, &why), 0);
		assert_false(stream_redirect_read(root, a, &r));
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_read_as_they_are_written),
		cmocka_unit_test(unknown_condition_reads_as_undefined),
		cmocka_unit_test(errors_of_xml_have_their_conditions),
		cmocka_unit_test(error_is_written_with_and_without_text),
		cmocka_unit_test(received_errors_are_read),
		cmocka_unit_test(redirects_are_a_domainpart_and_perhaps_a_port),
		cmocka_unit_test(redirects_read_as_they_are_written),
		cmocka_unit_test(redirects_to_nowhere_are_not_read),
	};
	return cmocka_run_group_tests_name("stream/stream_error", tests, NULL, NULL);
}
