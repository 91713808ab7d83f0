/* Stanzas: what is taken and what refused, making, answering. Deriving and sharing: stanza_share.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"
#include "tests/unit/xmpp/stanza_helper.h"

static enum stanza_condition take(const char *text, struct stanza **s_r)
{
	const char *why = NULL;
	struct arena *a;
	const struct xml_node *root = parse_element(text, &a);
	enum stanza_condition c = stanza_take(&a, root, s_r, &why);
	assert_null(a);
	assert_non_null(*s_r);
	assert_int_equal(why != NULL, c != STANZA_OK);
	return c;
}

static void assert_refused(const char *text, enum stanza_condition expected)
{
	struct stanza *s;
	enum stanza_condition c = take(text, &s);
	if (c != expected)
		fail_msg("%s is %d, not %d", text, c, expected);
	stanza_unref(&s);
}

static void assert_type(const char *text, enum stanza_kind kind, enum stanza_type type)
{
	struct stanza *s;
	assert_int_equal(take(text, &s), STANZA_OK);
	assert_int_equal(s->kind, kind);
	assert_int_equal(s->type, type);
	stanza_unref(&s);
}

static void fields_are_read_from_the_root(void **state)
{
	(void)state;
	struct stanza *s;
	const char *text = "<message from='a@b.example/c' to='d.example' id='1' type='chat' xml:lang='de'/>";
	assert_int_equal(take(text, &s), STANZA_OK);
	assert_int_equal(s->kind, STANZA_MESSAGE);
	assert_int_equal(s->type, MESSAGE_CHAT);
	assert_str(s->id, "1");
	assert_str(s->lang, "de");
	assert_str(jid_full(s->from), "a@b.example/c");
	assert_str(jid_full(s->to), "d.example");
	stanza_unref(&s);
	assert_null(s);
	assert_int_equal(take("<presence/>", &s), STANZA_OK);
	assert_null(s->id.p);
	assert_null(s->lang.p);
	assert_null(s->from);
	assert_null(s->to);
	stanza_unref(&s);
	stanza_unref(&s);
}

static void every_type_is_read_by_its_name(void **state)
{
	(void)state;
	for (int t = MESSAGE_NORMAL; t <= IQ_ERROR; t++) {
		enum stanza_type type = (enum stanza_type)t;
		enum stanza_kind kind = t <= MESSAGE_ERROR ? STANZA_MESSAGE :
			t <= PRESENCE_ERROR			? STANZA_PRESENCE :
								  STANZA_IQ;
		struct arena *a = arena_new(1024, SIZE_MAX);
		struct str name = stanza_kind_name(kind), type_name = stanza_type_name(type);
		struct str attr = type_name.n ? arena_printf(a, "type='" STR_FMT "'", STR_ARG(type_name)) : STR(" ");
		struct str text = arena_printf(a, "<" STR_FMT " id='1' " STR_FMT "><error/></" STR_FMT ">",
			STR_ARG(name), STR_ARG(attr), STR_ARG(name));
		assert_type(text.p, kind, type);
		arena_free(&a);
	}
}

/* RFC 6121, 5.2.2 and 4.7.1. */
static void unknown_type_is_normal_for_a_message_and_refused_elsewhere(void **state)
{
	(void)state;
	assert_type("<message type='normal'/>", STANZA_MESSAGE, MESSAGE_NORMAL);
	assert_type("<message type='new'/>", STANZA_MESSAGE, MESSAGE_NORMAL);
	assert_type("<message type=''/>", STANZA_MESSAGE, MESSAGE_NORMAL);
	assert_type("<message type='subscribe'/>", STANZA_MESSAGE, MESSAGE_NORMAL);
	assert_type("<message type='Chat'/>", STANZA_MESSAGE, MESSAGE_NORMAL);
	assert_refused("<presence type='available'/>", STANZA_BAD_REQUEST);
	assert_refused("<presence type=''/>", STANZA_BAD_REQUEST);
	assert_refused("<presence type='invisible'/>", STANZA_BAD_REQUEST);
	assert_refused("<presence type='chat'/>", STANZA_BAD_REQUEST);
	assert_refused("<iq id='1' type='subscribe'><ping xmlns='urn:xmpp:ping'/></iq>", STANZA_BAD_REQUEST);
	assert_refused("<iq id='1'><ping xmlns='urn:xmpp:ping'/></iq>", STANZA_BAD_REQUEST);
}

/* RFC 6120, 8.2.3: rules by number. */
static void iq_obeys_its_rules(void **state)
{
	(void)state;
	assert_refused("<iq type='get'><a xmlns='x'/></iq>", STANZA_BAD_REQUEST); /* 1 */
	assert_refused("<iq type='get' id=''><a xmlns='x'/></iq>", STANZA_BAD_REQUEST);
	assert_refused("<iq type='get' id='1'/>", STANZA_BAD_REQUEST); /* 5 */
	assert_refused("<iq type='get' id='1'>text</iq>", STANZA_BAD_REQUEST);
	assert_refused("<iq type='set' id='1'><a xmlns='x'/><a xmlns='x'/></iq>", STANZA_BAD_REQUEST);
	assert_type("<iq type='set' id='1'>\n<a xmlns='x'><b/><c/></a>\n</iq>", STANZA_IQ, IQ_SET);
	assert_type("<iq type='result' id='1'/>", STANZA_IQ, IQ_RESULT); /* 6 */
	assert_type("<iq type='result' id='1'><a xmlns='x'/></iq>", STANZA_IQ, IQ_RESULT);
	assert_refused("<iq type='result' id='1'><a xmlns='x'/><b/></iq>", STANZA_BAD_REQUEST);
	assert_type("<iq type='error' id='1'><a xmlns='x'/><error/></iq>", STANZA_IQ, IQ_ERROR); /* 7 */
	assert_refused("<iq type='error' id='1'><a xmlns='x'/></iq>", STANZA_BAD_REQUEST);
	assert_refused("<iq type='error' id='1'><error xmlns='x'/></iq>", STANZA_BAD_REQUEST);
}

static void malformed_addresses_are_told_from_other_faults(void **state)
{
	(void)state;
	assert_refused("<message to='ch@r@cters.example'/>", STANZA_JID_MALFORMED);
	assert_refused("<message to=''/>", STANZA_JID_MALFORMED);
	assert_refused("<message from='a b@c.example'/>", STANZA_JID_MALFORMED);
	assert_refused("<iq type='nonsense' to='@'/>", STANZA_JID_MALFORMED);
	assert_type("<message xmlns:x='urn:x' x:to='@' x:from='@'/>", STANZA_MESSAGE, MESSAGE_NORMAL);
}

static void normalised_addresses_are_what_the_root_says(void **state)
{
	(void)state;
	struct stanza *s;
	assert_int_equal(take("<message xmlns:x='urn:x' to='A@B.Example./C' x:to='X' from='xn--mnchen-3ya'/>", &s),
		STANZA_OK);
	assert_str(jid_full(s->to), "a@b.example/C");
	assert_str(xml_attr(s->root, STR("to")), "a@b.example/C");
	assert_str(xml_attr(s->root, STR("from")), "m\u00fcnchen");
	assert_str(xml_attr_ns(s->root, STR("urn:x"), STR("to")), "X");
	assert_written(s, NULL, NULL,
		"<message from='m\u00fcnchen' to='a@b.example/C' xmlns:a1='urn:x' a1:to='X'/>");
	stanza_unref(&s);
}

static void only_the_three_names_of_the_content_namespace_are_stanzas(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_stanza;
		enum stanza_kind kind;
	} cases[] = {
		{ "<message/>", true, STANZA_MESSAGE },
		{ "<presence/>", true, STANZA_PRESENCE },
		{ "<iq/>", true, STANZA_IQ },
		{ "<Message/>", false, 0 },
		{ "<messages/>", false, 0 },
		{ "<message xmlns='jabber:server'/>", false, 0 },
		{ "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", false, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *a;
		enum stanza_kind kind = STANZA_MESSAGE;
		assert_int_equal(stanza_kind_of(parse_element(cases[i].text, &a), &kind), cases[i].is_stanza);
		if (cases[i].is_stanza)
			assert_int_equal(kind, cases[i].kind);
		arena_free(&a);
	}
}

static void made_stanza_has_its_fields_in_the_root(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, SIZE_MAX);
	const struct jid *from = jid(a, "a@b.example/c"), *to = jid(a, "d@e.example");
	struct stanza_draft draft = stanza_new(MESSAGE_CHAT);
	xml_add_with_text(draft.arena, draft.root, NS_CONTENT, STR("body"), STR("hi"));
	xml_set_ns(draft.arena, draft.root, NS_XML, STR("lang"), STR("en"));
	struct stanza *s = stanza_finish(&draft, STR("7"), from, to);
	assert_null(draft.arena);
	arena_free(&a); /* it has copies of the addresses */
	assert_int_equal(s->type, MESSAGE_CHAT);
	assert_str(s->id, "7");
	assert_str(s->lang, "en");
	assert_str(jid_full(s->from), "a@b.example/c");
	assert_written(s, NULL, NULL,
		"<message from='a@b.example/c' id='7' to='d@e.example' type='chat' xml:lang='en'><body>hi</body>"
		"</message>");
	stanza_unref(&s);
}

static void plain_types_are_written_by_leaving_them_out(void **state)
{
	(void)state;
	struct stanza_draft draft = stanza_new(PRESENCE_AVAILABLE);
	struct stanza *s = stanza_finish(&draft, STR(""), NULL, NULL);
	assert_int_equal(s->type, PRESENCE_AVAILABLE);
	assert_null(s->id.p);
	assert_written(s, NULL, NULL, "<presence/>");
	stanza_unref(&s);
	draft = stanza_new(MESSAGE_NORMAL);
	s = stanza_finish(&draft, STR(""), NULL, NULL);
	assert_int_equal(s->type, MESSAGE_NORMAL);
	assert_written(s, NULL, NULL, "<message/>");
	stanza_unref(&s);
}

static void result_swaps_addresses_and_keeps_the_id(void **state)
{
	(void)state;
	struct arena *a;
	struct stanza *iq;
	assert_int_equal(take("<iq type='get' id='q' from='a@b.example/c' to='d.example'><x xmlns='urn:x'/></iq>", &iq),
		STANZA_OK);
	const struct xml_node *payload = parse_element("<y xmlns='urn:y'>1<z/></y>", &a);
	struct stanza *full = stanza_result(iq, payload), *empty = stanza_result(iq, NULL);
	arena_free(&a);
	stanza_unref(&iq);
	assert_int_equal(full->type, IQ_RESULT);
	assert_written(full, NULL, NULL,
		"<iq from='d.example' id='q' to='a@b.example/c' type='result'><y xmlns='urn:y'>1<z/></y></iq>");
	assert_written(empty, NULL, NULL, "<iq from='d.example' id='q' to='a@b.example/c' type='result'/>");
	stanza_unref(&full);
	stanza_unref(&empty);
}

#define XMLNS "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"

static void assert_answer(const char *text, enum stanza_condition c, const char *expected)
{
	struct stanza *s;
	(void)take(text, &s);
	struct stanza_error error = stanza_error_make(c, NULL);
	struct stanza *answer = stanza_error_answer(s, &error);
	stanza_unref(&s);
	if (!expected) {
		assert_null(answer);
		return;
	}
	assert_non_null(answer);
	assert_written(answer, NULL, NULL, expected);
	stanza_unref(&answer);
}

/* RFC 6120, 8.3.1, and the examples of 8.3.3.1 and 8.3.3.5. */
static void error_answer_swaps_addresses_and_mirrors_the_id(void **state)
{
	(void)state;
	assert_answer("<iq from='juliet@im.example.com/balcony' id='zj3v142b' to='im.example.com' type='subscribe'>"
		      "<ping xmlns='urn:xmpp:ping'/></iq>",
		STANZA_BAD_REQUEST,
		"<iq from='im.example.com' id='zj3v142b' to='juliet@im.example.com/balcony' type='error'>"
		"<ping xmlns='urn:xmpp:ping'/><error type='modify'><bad-request " XMLNS "/></error></iq>");
	assert_answer("<message from='juliet@im.example.com/churchyard' id='sj2b371v' to='romeo@example.net' "
		      "type='chat'><body>Thy lips are warm.</body></message>",
		STANZA_GONE,
		"<message from='romeo@example.net' id='sj2b371v' to='juliet@im.example.com/churchyard' type='error'>"
		"<error type='cancel'><gone " XMLNS "/></error></message>");
	assert_answer("<presence to='r@muc.example/n'/>", STANZA_CONFLICT,
		"<presence from='r@muc.example/n' type='error'><error type='cancel'><conflict " XMLNS "/></error>"
		"</presence>");
}

/* RFC 6120, 8.3.1: rule 3. */
static void error_answer_has_an_id_if_it_must(void **state)
{
	(void)state;
	assert_answer("<iq type='get'><a xmlns='x'/></iq>", STANZA_BAD_REQUEST,
		"<iq id='' type='error'><a xmlns='x'/><error type='modify'><bad-request " XMLNS "/></error></iq>");
	assert_answer("<message id=''/>", STANZA_GONE,
		"<message id='' type='error'><error type='cancel'><gone " XMLNS "/></error></message>");
	assert_answer("<message/>", STANZA_GONE,
		"<message type='error'><error type='cancel'><gone " XMLNS "/></error></message>");
}

/* RFC 6120, 8.3.1: rule 2. */
static void error_answer_has_no_malformed_address(void **state)
{
	(void)state;
	assert_answer("<iq type='get' id='1' from='a@b.example/c' to='ch@r@cters.example'><a xmlns='x'/></iq>",
		STANZA_JID_MALFORMED,
		"<iq id='1' to='a@b.example/c' type='error'><a xmlns='x'/><error type='modify'><jid-malformed " XMLNS
		"/></error></iq>");
}

/* RFC 6120, 8.2.3, rule 4, and 8.3.1, rule 8. */
static void errors_results_and_mere_news_are_not_answered(void **state)
{
	(void)state;
	static const char *const silent[] = {
		"<message type='error'><error/></message>", "<presence type='error'><error/></presence>",
		"<iq type='error' id='1'><error/></iq>", "<iq type='error' id='1'/>", "<iq type='result' id='1'/>",
		"<iq type='result' id='1'><a/><b/></iq>", "<presence type='unavailable'/>",
		"<presence type='subscribed'/>",
		"<presence type='unsubscribe'/>", "<presence type='unsubscribed'/>",
	};
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		assert_answer(silent[i], STANZA_SERVICE_UNAVAILABLE, NULL);
	static const char *const answered[] = {
		"<message/>", "<message type='groupchat'/>", "<presence/>", "<presence type='subscribe'/>",
		"<presence type='probe'/>", "<iq type='set' id='1'><a/></iq>", "<presence type='nonsense'/>", "<iq/>",
	};
	for (size_t i = 0; i < ARRAY_LEN(answered); i++) {
		struct stanza *s;
		(void)take(answered[i], &s);
		struct stanza_error error = stanza_error_make(STANZA_SERVICE_UNAVAILABLE, NULL);
		struct stanza *answer = stanza_error_answer(s, &error);
		assert_non_null(answer);
		assert_null(stanza_error_answer(answer, &error));
		stanza_unref(&answer);
		stanza_unref(&s);
	}
}

static bool echoes(size_t text_bytes)
{
	struct arena *a = arena_new(16384, SIZE_MAX);
	char *text = arena_alloc_bytes(a, text_bytes + 1);
	memset(text, 'x', text_bytes);
	text[text_bytes] = 0;
	struct stanza *s;
	assert_int_equal(take(arena_printf(a, "<iq type='set' id='1'><a xmlns='x'>%s</a></iq>", text).p, &s),
		STANZA_OK);
	struct stanza_error error = stanza_error_make(STANZA_NOT_ALLOWED, NULL);
	struct stanza *answer = stanza_error_answer(s, &error);
	bool echoed = xml_child(answer->root, STR("x"), STR("a")) != NULL;
	assert_non_null(xml_child(answer->root, NS_CONTENT, STR("error")));
	assert_int_equal(xml_child_count(answer->root), echoed ? 2 : 1);
	stanza_unref(&answer);
	stanza_unref(&s);
	arena_free(&a);
	return echoed;
}

static void request_is_echoed_up_to_4_kib(void **state)
{
	(void)state;
	size_t tags = strlen("<a xmlns='x'></a>");
	assert_true(echoes(4096 - tags));
	assert_false(echoes(4096 - tags + 1));
	assert_false(echoes(100000));
}

static void bytes_of_a_stanza_are_those_of_its_arena(void **state)
{
	(void)state;
	struct stanza *small, *large;
	struct arena *a = arena_new(1024, SIZE_MAX);
	char text[4001];
	memset(text, 'x', 4000);
	text[4000] = 0;
	assert_int_equal(take("<message/>", &small), STANZA_OK);
	assert_int_equal(take(arena_printf(a, "<message><body>%s</body></message>", text).p, &large), STANZA_OK);
	assert_true(stanza_bytes(small) > 0);
	assert_true(stanza_bytes(large) >= stanza_bytes(small) + 4000);
	stanza_unref(&small);
	stanza_unref(&large);
	arena_free(&a);
}

/* Inputs a sender may choose must not make the arena abort: both addresses as long and as awkward as they can be. */
static void extra_bytes_are_enough_for_any_address(void **state)
{
	(void)state;
	struct arena *a = arena_new(16384, SIZE_MAX), *tree;
	char part[1024];
	memset(part, 'x', 1023);
	part[1023] = 0;
	struct str text = arena_printf(a, "<message to='%s@xn--mnchen-3ya.example/%s' from='%s@\u00fc.example/%s'/>",
		part, part,
		part, part);
	const struct xml_node *root = parse_element(text.p, &tree);
	struct arena *bounded = arena_new(0, 64 * 1024 + STANZA_EXTRA_BYTES_MAX);
	struct xml_node *copy = xml_dup(bounded, root);
	(void)arena_alloc(bounded, 64 * 1024 + 200 - arena_bytes(bounded));
	struct stanza *s;
	const char *why;
	assert_int_equal(stanza_take(&bounded, copy, &s, &why), STANZA_OK);
	assert_int_equal(jid_local(s->to).n, 1023);
	assert_int_equal(jid_resource(s->from).n, 1023);
	stanza_unref(&s);
	arena_free(&tree);
	arena_free(&a);
	assert_true(stanza_extra_bytes(STR(""), STR("")) < stanza_extra_bytes(STR("a"), STR("")));
	assert_true(stanza_extra_bytes(STR("aa"), STR("bb")) < STANZA_EXTRA_BYTES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_read_from_the_root),
		cmocka_unit_test(every_type_is_read_by_its_name),
		cmocka_unit_test(unknown_type_is_normal_for_a_message_and_refused_elsewhere),
		cmocka_unit_test(iq_obeys_its_rules),
		cmocka_unit_test(malformed_addresses_are_told_from_other_faults),
		cmocka_unit_test(normalised_addresses_are_what_the_root_says),
		cmocka_unit_test(only_the_three_names_of_the_content_namespace_are_stanzas),
		cmocka_unit_test(made_stanza_has_its_fields_in_the_root),
		cmocka_unit_test(plain_types_are_written_by_leaving_them_out),
		cmocka_unit_test(result_swaps_addresses_and_keeps_the_id),
		cmocka_unit_test(error_answer_swaps_addresses_and_mirrors_the_id),
		cmocka_unit_test(error_answer_has_an_id_if_it_must),
		cmocka_unit_test(error_answer_has_no_malformed_address),
		cmocka_unit_test(errors_results_and_mere_news_are_not_answered),
		cmocka_unit_test(request_is_echoed_up_to_4_kib),
		cmocka_unit_test(bytes_of_a_stanza_are_those_of_its_arena),
		cmocka_unit_test(extra_bytes_are_enough_for_any_address),
	};
	return cmocka_run_group_tests_name("xmpp/stanza", tests, NULL, NULL);
}
