/* IQs: one handler for a key, exactly one answer, answers of clients to the module that asked. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/iq.h"
#include "server/core/session.h"

#define UNAVAILABLE                                                                                                    \
	"<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

extern const struct module message_module, offline_module, outbox_module, ping_module, presence_module, roster_module;

/* Two modules that want the same. */

static struct iq_answer say_one(const struct iq_call *call)
{
	struct xml_node *e = xml_new(call->arena, STR("urn:t"), STR("one"));
	return iq_result(e);
}

static struct iq_answer say_two(const struct iq_call *call)
{
	(void)call;
	return iq_error(STANZA_GONE, "two");
}

static struct iq_table *table_of(const struct iq_handler *x, const struct iq_handler *y, char why[256])
{
	struct module first = { .name = "first", .iq = x }, second = { .name = "second", .iq = y };
	const struct module *modules[] = { &first, &second };
	struct random_seeded seed;
	random_seeded_init(&seed, 1);
	struct random_source random = random_seeded_source(&seed);
	return iq_table_new(modules, 2, &random, why, 256);
}

static void two_modules_that_claim_one_key_stop_the_start(void **state)
{
	const struct iq_handler x[] = { { IQ_GET, TO_HOST | TO_SELF, STR_INIT("urn:t"), STR_INIT("a"), say_one }, {
		0 } };
	const struct iq_handler y[] = { { IQ_GET, TO_ACCOUNT | TO_SELF, STR_INIT("urn:t"), STR_INIT("a"), say_two }, {
		0 } };
	char why[256] = "";
	(void)state;
	assert_null(table_of(x, y, why));
	assert_string_equal(why, "module second answers an iq that another module answers already: a in urn:t");
}

static void keys_that_differ_in_one_part_stand_side_by_side(void **state)
{
	const struct iq_handler x[] = { { IQ_GET, TO_HOST, STR_INIT("urn:t"), STR_INIT("a"), say_one }, { 0 } };
	const struct iq_handler y[] = {
		{ IQ_SET, TO_HOST, STR_INIT("urn:t"), STR_INIT("a"), say_two },
		{ IQ_GET, TO_SELF, STR_INIT("urn:t"), STR_INIT("a"), say_two },
		{ IQ_GET, TO_HOST, STR_INIT("urn:u"), STR_INIT("a"), say_two },
		{ IQ_GET, TO_HOST, STR_INIT("urn:t"), STR_INIT("b"), say_two },
		{ 0 },
	};
	char why[256] = "";
	(void)state;
	struct iq_table *t = table_of(x, y, why);
	assert_string_equal(why, "");
	assert_non_null(t);
	iq_table_free(&t);
}

/* A server with a module that answers differently for each target. */

static struct iq_answer say_host(const struct iq_call *call)
{
	struct xml_node *e = xml_new(call->arena, STR("urn:t"), STR("host"));
	xml_set(call->arena, e, STR("name"), call->host);
	assert_null(call->account);
	assert_null(call->session);
	return iq_result(e);
}

static struct iq_answer say_account(const struct iq_call *call)
{
	assert_null(call->session);
	return iq_result(xml_new(call->arena, STR("urn:t"), STR("account")));
}

static struct iq_answer say_self(const struct iq_call *call)
{
	assert_non_null(call->session);
	assert_ptr_equal(call->session->account, call->account);
	return iq_result(xml_new(call->arena, STR("urn:t"), STR("self")));
}

static struct iq_answer say_any_account(const struct iq_call *call)
{
	assert_non_null(call->account);
	return iq_result(NULL);
}

static struct iq_answer say_late(const struct iq_call *call)
{
	struct iq_answer answer = iq_error(STANZA_GONE, NULL);
	iq_answer_later(call->worker, stanza_ref(call->iq), answer);
	return iq_later();
}

/* The id of the last answer, counted. */
static void on_answer(struct session *s, struct stanza *iq)
{
	struct stanza_draft draft = stanza_new(MESSAGE_HEADLINE);
	xml_add_with_text(draft.arena, draft.root, XML_NS_CONTENT, STR("body"), arena_dup(draft.arena, iq->id));
	struct stanza *note = stanza_finish(&draft, STR("answered"), NULL, NULL);
	session_send(s, note, NULL);
	stanza_unref(&note);
}

/* Of the accounts in these tests all may know. */
static bool knows(struct account *a, const struct jid *who)
{
	(void)a;
	(void)who;
	return true;
}

static const struct module answering_module = {
	.name = "answering",
	.version = "0",
	.summary = "Answers",
	.iq = (const struct iq_handler[]){
		{ IQ_GET, TO_HOST, STR_INIT("urn:t"), STR_INIT("x"), say_host },
		{ IQ_GET, TO_ACCOUNT, STR_INIT("urn:t"), STR_INIT("x"), say_account },
		{ IQ_GET, TO_SELF, STR_INIT("urn:t"), STR_INIT("x"), say_self },
		{ IQ_SET, TO_ACCOUNT, STR_INIT("urn:t"), STR_INIT("any"), say_any_account },
		{ IQ_GET, TO_HOST, STR_INIT("urn:t"), STR_INIT("late"), say_late },
		{ 0 } },
	.knows = knows,
	.on_iq_answer = on_answer,
};

static const struct module *const modules[] = { &outbox_module, &roster_module, &presence_module, &offline_module,
	&message_module, &ping_module, &answering_module, NULL };

struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	f->h = harness_new_as(&(struct harness_options){ .workers = 2, .modules = modules });
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = opens(f->h, "romeo@localhost/phone");
	f->juliet = opens(f->h, "juliet@localhost/balcony");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	mem_free(f);
	return 0;
}

static void the_target_chooses_the_handler(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='localhost'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='localhost' id='1' to='romeo@localhost/phone' type='result'><host xmlns='urn:t' "
		"name='localhost'/></iq>");
	says(f->romeo, "<iq type='get' id='2' to='localhost/any'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='localhost/any' id='2' to='romeo@localhost/phone' type='result'><host xmlns='urn:t' "
		"name='localhost'/></iq>");
	says(f->romeo, "<iq type='get' id='3' to='juliet@localhost'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='juliet@localhost' id='3' to='romeo@localhost/phone' type='result'><account "
		"xmlns='urn:t'/></iq>");
	says(f->romeo, "<iq type='get' id='4'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq id='4' to='romeo@localhost/phone' type='result'><self xmlns='urn:t'/></iq>");
	says(f->romeo, "<iq type='get' id='5' to='romeo@localhost'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='romeo@localhost' id='5' to='romeo@localhost/phone' type='result'><self "
		"xmlns='urn:t'/></iq>");
	sees_nothing(f->juliet);
}

static void what_any_may_ask_of_an_account_its_own_sessions_may_too(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='1'><any xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq id='1' to='romeo@localhost/phone' type='result'/>");
	says(f->romeo, "<iq type='set' id='2' to='juliet@localhost'><any xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='juliet@localhost' id='2' to='romeo@localhost/phone' type='result'/>");
}

static void what_nobody_handles_gets_service_unavailable_once(void **state)
{
	struct fixture *f = *state;
	static const char *const requests[] = { "type='get' id='i' to='localhost'><y xmlns='urn:t'/>",
		"type='set' id='i' to='localhost'><x xmlns='urn:t'/>",
		"type='get' id='i' to='localhost'><x xmlns='urn:u'/>",
		"type='get' id='i' to='juliet@localhost'><y xmlns='urn:t'/>", "type='get' id='i'><y xmlns='urn:t'/>",
		"type='get' id='i' to='juliet@localhost/none'><x xmlns='urn:t'/>",
		"type='get' id='i' to='nobody@localhost'><x xmlns='urn:t'/>" };
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		says(f->romeo, "<iq %s</iq>", requests[i]);
		char *line = peer_take(f->romeo);
		assert_non_null(line);
		assert_non_null(strstr(line, "id='i' to='romeo@localhost/phone' type='error'>"));
		assert_non_null(strstr(line, UNAVAILABLE));
		mem_free(line);
		sees_nothing(f->romeo);
	}
}

static void a_remote_address_cannot_be_reached(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='far.example'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='far.example' id='1' to='romeo@localhost/phone' type='error'><x xmlns='urn:t'/>"
		ERROR("cancel", "remote-server-not-found") "</iq>");
}

static void results_and_errors_that_nobody_waits_for_are_dropped(void **state)
{
	struct fixture *f = *state;
	static const char *const targets[] = { "", "to='localhost'", "to='juliet@localhost'", "to='romeo@localhost'",
		"to='juliet@localhost/none'", "to='nobody@localhost'" };
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		says(f->romeo, "<iq type='result' id='x' %s/>", targets[i]);
		says(f->romeo, "<iq type='error' id='x' %s><error type='cancel'><gone "
			"xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", targets[i]);
	}
	sees_nothing(f->romeo);
	sees_nothing(f->juliet);
}

static void an_answer_goes_to_the_module_that_its_id_names(void **state)
{
	struct fixture *f = *state;
	static const char *const good[] = { "", "to='localhost'", "to='romeo@localhost'" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		says(f->romeo, "<iq type='result' id='answering:%d' %s/>", (int)i, good[i]);
		sees(f->romeo, "<message id='answered' type='headline'><body>answering:*</body></message>");
	}
	says(f->romeo, "<iq type='error' id='answering:e' to='localhost'><error type='cancel'><gone "
		"xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	sees(f->romeo, "<message id='answered' type='headline'><body>answering:e</body></message>");
}

static void an_answer_to_others_or_of_another_name_does_not(void **state)
{
	struct fixture *f = *state;
	static const char *const others[] = { "id='answering:1' to='juliet@localhost'", "id='answering' to='localhost'",
		"id='answeringx:1' to='localhost'", "id='answer:1' to='localhost'", "id=':answering:1' to='localhost'"
		};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		says(f->romeo, "<iq type='result' %s/>", others[i]);
	sees_nothing(f->romeo);
	/* Between two clients it is nobody else's business. */
	says(f->romeo, "<iq type='result' id='answering:1' to='juliet@localhost/balcony'/>");
	sees_nothing(f->romeo);
	sees(f->juliet, "<iq from='romeo@localhost/phone' id='answering:1' to='juliet@localhost/balcony' "
		"type='result'/>");
}

static void a_late_answer_is_the_only_one(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='localhost'><late xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='localhost' id='1' to='romeo@localhost/phone' type='error'><late xmlns='urn:t'/>"
		"<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	sees_nothing(f->romeo);
}

static void a_stranger_may_not_ask_a_session(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='juliet@localhost/balcony'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='juliet@localhost/balcony' id='1' to='romeo@localhost/phone' type='error'>"
		"<x xmlns='urn:t'/>" UNAVAILABLE "</iq>");
	sees_nothing(f->juliet);
	/* RFC 6121, 8.5.3.1: by directed presence. */
	says(f->juliet, "<presence to='romeo@localhost/phone'/>");
	sees(f->romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost/phone'/>");
	says(f->romeo, "<iq type='get' id='2' to='juliet@localhost/balcony'><x xmlns='urn:t'/></iq>");
	sees(f->juliet, "<iq from='romeo@localhost/phone' id='2' to='juliet@localhost/balcony' type='get'>"
		"<x xmlns='urn:t'/></iq>");
	sees_nothing(f->romeo);
	says(f->juliet, "<presence type='unavailable' to='romeo@localhost/phone'/>");
	overlooks(f->romeo);
	says(f->romeo, "<iq type='get' id='3' to='juliet@localhost/balcony'><x xmlns='urn:t'/></iq>");
	sees(f->romeo, "<iq from='juliet@localhost/balcony' id='3' ~" UNAVAILABLE "</iq>");
}

static void a_session_may_ask_another_one_of_its_account(void **state)
{
	struct fixture *f = *state;
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(f->romeo, "<iq type='get' id='1' to='romeo@localhost/home'><x xmlns='urn:t'/></iq>");
	sees(home, "<iq from='romeo@localhost/phone' id='1' to='romeo@localhost/home' type='get'><x "
		"xmlns='urn:t'/></iq>");
	says(home, "<iq type='result' id='1' to='romeo@localhost/phone'/>");
	sees(f->romeo, "<iq from='romeo@localhost/home' id='1' to='romeo@localhost/phone' type='result'/>");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_modules_that_claim_one_key_stop_the_start),
		cmocka_unit_test(keys_that_differ_in_one_part_stand_side_by_side),
		TEST(the_target_chooses_the_handler),
		TEST(what_any_may_ask_of_an_account_its_own_sessions_may_too),
		TEST(what_nobody_handles_gets_service_unavailable_once),
		TEST(a_remote_address_cannot_be_reached),
		TEST(results_and_errors_that_nobody_waits_for_are_dropped),
		TEST(an_answer_goes_to_the_module_that_its_id_names),
		TEST(an_answer_to_others_or_of_another_name_does_not),
		TEST(a_late_answer_is_the_only_one),
		TEST(a_stranger_may_not_ask_a_session),
		TEST(a_session_may_ask_another_one_of_its_account),
	};
	return cmocka_run_group_tests_name("core/iq", tests, NULL, NULL);
}
