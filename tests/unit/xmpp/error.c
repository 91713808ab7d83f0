/* Stanza errors: the table, building, reading what others build. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xml/parser.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/ns.h"

static const struct xml_limits limits = {
	.bytes = 65536, .depth = 16, .elements = 100, .attributes = 16, .declarations = 16, .name_bytes = 256,
	.uri_bytes = 256, .value_bytes = 4096,
};
static const struct xml_dialect client = { STR_INIT("jabber:client"), false };

/* Reads the error of <message>INSIDE</message>. Strings are borrowed from *arena_r, the caller's. */
static struct stanza_error parse(const char *inside, struct arena **arena_r)
{
	static const struct xml_declaration declaration = { STR_INIT(""), STR_INIT("jabber:client") };
	struct xml_scope scope = { &declaration, 1, STR("jabber:client") };
	struct arena *text = arena_new(1024, SIZE_MAX);
	const struct xml_node *root;
	const char *why;
	struct stanza_error error;
	struct str document = arena_printf(text, "<message type='error'>%s</message>", inside);
	assert_int_equal(xml_parse_document(document, &limits, &scope, arena_r, &root, &why), 0);
	arena_free(&text);
	stanza_error_parse(root, *arena_r, &error);
	return error;
}

#define XMLNS "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"

static void assert_parsed(const char *inside, enum stanza_condition condition, enum stanza_error_type type)
{
	struct arena *a;
	struct stanza_error error = parse(inside, &a);
	assert_int_equal(error.condition, condition);
	assert_int_equal(error.type, type);
	arena_free(&a);
}

static void assert_built(struct stanza_error error, const char *expected)
{
	struct arena *a = arena_new(1024, SIZE_MAX);
	struct buf b;
	buf_init(&b, 4096);
	xml_write(&b, stanza_error_build(a, &error), &client);
	assert_string_equal(arena_dup(a, buf_str(&b)).p, expected);
	buf_fini(&b);
	arena_free(&a);
}

/* RFC 6120, 8.3.3: the recommended type of each, in the order of the text. */
static void every_condition_has_the_type_of_the_rfc(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum stanza_error_type type;
	} conditions[] = {
		{ "bad-request", STANZA_ERROR_MODIFY },
		{ "conflict", STANZA_ERROR_CANCEL },
		{ "feature-not-implemented", STANZA_ERROR_CANCEL },
		{ "forbidden", STANZA_ERROR_AUTH },
		{ "gone", STANZA_ERROR_CANCEL },
		{ "internal-server-error", STANZA_ERROR_CANCEL },
		{ "item-not-found", STANZA_ERROR_CANCEL },
		{ "jid-malformed", STANZA_ERROR_MODIFY },
		{ "not-acceptable", STANZA_ERROR_MODIFY },
		{ "not-allowed", STANZA_ERROR_CANCEL },
		{ "not-authorized", STANZA_ERROR_AUTH },
		{ "policy-violation", STANZA_ERROR_MODIFY },
		{ "recipient-unavailable", STANZA_ERROR_WAIT },
		{ "redirect", STANZA_ERROR_MODIFY },
		{ "registration-required", STANZA_ERROR_AUTH },
		{ "remote-server-not-found", STANZA_ERROR_CANCEL },
		{ "remote-server-timeout", STANZA_ERROR_WAIT },
		{ "resource-constraint", STANZA_ERROR_WAIT },
		{ "service-unavailable", STANZA_ERROR_CANCEL },
		{ "subscription-required", STANZA_ERROR_AUTH },
		{ "undefined-condition", STANZA_ERROR_CANCEL },
		{ "unexpected-request", STANZA_ERROR_WAIT },
	};
	assert_int_equal(ARRAY_LEN(conditions), STANZA_UNEXPECTED_REQUEST);
	assert_true(str_is_empty(stanza_condition_name(STANZA_OK)));
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		enum stanza_condition c = (enum stanza_condition)(i + 1);
		assert_true(str_eq(stanza_condition_name(c), str_from_c(conditions[i].name)));
		assert_int_equal(stanza_error_make(c, NULL).type, conditions[i].type);
	}
}

static void every_condition_survives_building_and_parsing(void **state)
{
	(void)state;
	for (int c = STANZA_OK + 1; c <= STANZA_UNEXPECTED_REQUEST; c++) {
		for (int t = STANZA_ERROR_AUTH; t <= STANZA_ERROR_WAIT; t++) {
			struct arena *a = arena_new(1024, SIZE_MAX);
			struct stanza_error in = stanza_error_make((enum stanza_condition)c, "why"), out;
			in.type = (enum stanza_error_type)t;
			in.app_ns = STR("urn:example:app");
			in.app_name = STR("special");
			struct xml_node *stanza = xml_new(a, NS_CONTENT, STR("iq"));
			xml_add_shared(a, stanza, stanza_error_build(a, &in));
			stanza_error_parse(stanza, a, &out);
			assert_int_equal(out.condition, c);
			assert_int_equal(out.type, t);
			assert_true(str_eq(out.text, STR("why")));
			assert_true(str_eq(out.app_ns, in.app_ns) && str_eq(out.app_name, in.app_name));
			arena_free(&a);
		}
	}
}

static void element_has_the_form_of_the_rfc(void **state)
{
	(void)state;
	assert_built(stanza_error_make(STANZA_ITEM_NOT_FOUND, NULL),
		"<error type='cancel'><item-not-found " XMLNS "/></error>");
	struct stanza_error error = stanza_error_make(STANZA_FEATURE_NOT_IMPLEMENTED, "a < b");
	error.app_ns = STR("http://jabber.org/protocol/pubsub#errors");
	error.app_name = STR("unsupported");
	assert_built(error,
		"<error type='cancel'><feature-not-implemented " XMLNS "/>"
		"<text " XMLNS " xml:lang='en'>a &lt; b</text>"
		"<unsupported xmlns='http://jabber.org/protocol/pubsub#errors'/></error>");
}

static void built_element_keeps_no_string_of_the_error(void **state)
{
	(void)state;
	char text[] = "text", ns[] = "urn:x", name[] = "name";
	struct arena *a = arena_new(1024, SIZE_MAX);
	struct stanza_error error = stanza_error_make(STANZA_CONFLICT, text);
	error.app_ns = str_from_c(ns);
	error.app_name = str_from_c(name);
	struct xml_node *e = stanza_error_build(a, &error);
	text[0] = ns[0] = name[0] = '?';
	assert_non_null(xml_child(e, STR("urn:x"), STR("name")));
	assert_true(str_eq(xml_text(xml_child(e, NS_STANZA_ERRORS, STR("text")), a), STR("text")));
	arena_free(&a);
}

static void errors_of_others_are_read(void **state)
{
	(void)state;
	assert_parsed("<error type='wait'><conflict " XMLNS "/></error>", STANZA_CONFLICT, STANZA_ERROR_WAIT);
	assert_parsed("<error><forbidden " XMLNS "/></error>", STANZA_FORBIDDEN, STANZA_ERROR_AUTH);
	assert_parsed("<error type='x'><forbidden " XMLNS "/></error>", STANZA_FORBIDDEN, STANZA_ERROR_AUTH);
	assert_parsed("<body/><error type='modify'><text " XMLNS "/><gone " XMLNS ">xmpp:a</gone></error>", STANZA_GONE,
		STANZA_ERROR_MODIFY);
	struct arena *a;
	struct stanza_error error = parse(
		"<error><a xmlns='urn:1'/><b xmlns='urn:2'/><text " XMLNS ">x<y xmlns='z'/>y</text></error>", &a);
	assert_true(str_eq(error.app_ns, STR("urn:1")) && str_eq(error.app_name, STR("a")));
	assert_true(str_eq(error.text, STR("xy")));
	arena_free(&a);
}

/* RFC 6120, 8.3.2. */
static void what_is_not_known_is_an_undefined_condition(void **state)
{
	(void)state;
	assert_parsed("", STANZA_UNDEFINED_CONDITION, STANZA_ERROR_CANCEL);
	assert_parsed("<error/>", STANZA_UNDEFINED_CONDITION, STANZA_ERROR_CANCEL);
	assert_parsed("<error type='wait'><new-thing " XMLNS "/></error>", STANZA_UNDEFINED_CONDITION,
		STANZA_ERROR_WAIT);
	assert_parsed("<error type='wait'><conflict xmlns='urn:other'/></error>", STANZA_UNDEFINED_CONDITION,
		STANZA_ERROR_WAIT);
	assert_parsed("<error xmlns='urn:other' type='wait'><conflict " XMLNS "/></error>", STANZA_UNDEFINED_CONDITION,
		STANZA_ERROR_CANCEL);
	assert_parsed("<error type='wait'><conflict " XMLNS "/><gone " XMLNS "/></error>", STANZA_CONFLICT,
		STANZA_ERROR_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_condition_has_the_type_of_the_rfc),
		cmocka_unit_test(every_condition_survives_building_and_parsing),
		cmocka_unit_test(element_has_the_form_of_the_rfc),
		cmocka_unit_test(built_element_keeps_no_string_of_the_error),
		cmocka_unit_test(errors_of_others_are_read),
		cmocka_unit_test(what_is_not_known_is_an_undefined_condition),
	};
	return cmocka_run_group_tests_name("xmpp/error", tests, NULL, NULL);
}
