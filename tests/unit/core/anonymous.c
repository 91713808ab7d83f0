/* Tests of server/core/anonymous.c and of accounts that last as long as their session: what they may do, and that nothing is left. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness_raw.h"

#define NOT_ALLOWED "<not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"

struct guest {
	struct raw raw;
	struct str jid, bare; /* in the harness's arena */
};

static int setup(void **state)
{
	struct harness *h = harness_new(2, "anonymous: [localhost]\n");
	harness_account(h, "juliet@localhost");
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct harness *h = *state;
	harness_free(&h);
	return 0;
}

static void logs_in_as_nobody(struct guest *g, struct harness *h, unsigned worker)
{
	raw_init(&g->raw, h, worker);
	raw_says(&g->raw, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
	assert_heard(&g->raw, "<success");
	raw_says(&g->raw, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='localhost'>");
	raw_says(&g->raw, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>mine</resource></bind></iq>");
	g->jid = raw_between(&g->raw, "<jid>", "</jid>");
	assert_true(g->jid.n > 0);
	g->bare = str_first(g->jid, str_index(g->jid, '/'));
}

static void account_is_a_uuid_with_a_resource_of_ours(void **state)
{
	struct guest g[2];
	for (unsigned i = 0; i < 2; i++) {
		logs_in_as_nobody(&g[i], *state, i);
		assert_int_equal(str_index(g[i].bare, '@'), 36);
		assert_false(str_has_suffix(g[i].jid, STR("/mine")));
	}
	assert_false(str_eq(g[0].bare, g[1].bare));
	for (unsigned i = 0; i < 2; i++)
		raw_fini(&g[i].raw);
}

/* XEP-0175, 5 */
static void disco_tells_that_it_is_anonymous(void **state)
{
	struct guest g;
	logs_in_as_nobody(&g, *state, 0);
	raw_says(&g.raw, "<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	assert_heard(&g.raw, "<identity category='account' type='anonymous'/>");
	raw_fini(&g.raw);
}

static void it_talks_to_users_of_the_server(void **state)
{
	struct guest g;
	struct peer *juliet = arrives(*state, "juliet@localhost/balcony");
	logs_in_as_nobody(&g, *state, 0);
	raw_says(&g.raw, "<message to='juliet@localhost' type='chat'><body>hi</body></message>");
	sees(juliet, "<message ~<body>hi</body></message>");
	says(juliet, "<message to='" STR_FMT "' type='chat'><body>who?</body></message>", STR_ARG(g.jid));
	raw_listens(&g.raw);
	assert_heard(&g.raw, "<body>who?</body>");
	raw_fini(&g.raw);
}

static void what_would_outlast_it_is_refused(void **state)
{
	static const char *const refused[] = {
		"<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query></iq>",
		"<presence to='juliet@localhost' type='subscribe' id='s'/>",
		"<presence to='juliet@localhost' type='subscribed' id='s'/>",
		"<message to='user@elsewhere.example' id='m'><body>x</body></message>",
		"<iq type='get' to='elsewhere.example' id='i'><ping xmlns='urn:xmpp:ping'/></iq>",
	};
	struct guest g;
	struct peer *juliet = arrives(*state, "juliet@localhost/balcony");
	logs_in_as_nobody(&g, *state, 0);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		raw_says(&g.raw, "%s", refused[i]);
		/* Answers to subscriptions ask nothing, so they get no error (docs/PROTOCOL.md). */
		if (i != 2)
			assert_heard(&g.raw, NOT_ALLOWED);
		else
			assert_not_heard(&g.raw, "<presence");
	}
	raw_says(&g.raw, "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
	assert_heard(&g.raw, "type='result'");
	sees_nothing(juliet);
	raw_fini(&g.raw);
}

static void subscriptions_to_it_find_nobody(void **state)
{
	static const struct statement roster_rows = { "SELECT count(*) FROM roster WHERE owner = ?1" };
	char bare[128];
	struct guest g;
	struct peer *juliet = arrives(*state, "juliet@localhost/balcony");
	logs_in_as_nobody(&g, *state, 0);
	raw_says(&g.raw, "<presence/>");
	says(juliet, "<presence to='" STR_FMT "' type='subscribe'/>", STR_ARG(g.bare));
	raw_listens(&g.raw);
	assert_not_heard(&g.raw, "type='subscribe'");
	snprintf(bare, sizeof(bare), STR_FMT, STR_ARG(g.bare));
	assert_int_equal(harness_number(*state, &roster_rows, bare), 0);
	assert_int_equal(harness_outbox_rows(*state), 0);
	raw_fini(&g.raw);
}

static void messages_are_not_kept_for_it(void **state)
{
	char bare[128];
	struct guest g;
	struct peer *juliet = arrives(*state, "juliet@localhost/balcony");
	logs_in_as_nobody(&g, *state, 0);
	snprintf(bare, sizeof(bare), STR_FMT, STR_ARG(g.bare));
	raw_says(&g.raw, "<presence><priority>-1</priority></presence>");
	says(juliet, "<message to='%s' type='chat'><body>one</body></message>", bare);
	sees(juliet, "<message ~<service-unavailable ~");
	raw_fini(&g.raw);
	says(juliet, "<message to='%s' type='chat'><body>two</body></message>", bare);
	sees(juliet, "<message ~<service-unavailable ~");
	assert_int_equal(harness_log_rows(*state, bare), 0);
	assert_true(!harness_find(*state, bare) || !harness_find(*state, bare)->is_anonymous);
}

static void it_is_offered_where_it_is_switched_on_only(void **state)
{
	struct raw r;
	struct harness *h = harness_new(1, NULL);
	(void)state;
	raw_init(&r, h, 0);
	raw_says(&r, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
	assert_heard(&r, "<invalid-mechanism/>");
	raw_fini(&r);
	harness_free(&h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(account_is_a_uuid_with_a_resource_of_ours),
		TEST(disco_tells_that_it_is_anonymous),
		TEST(it_talks_to_users_of_the_server),
		TEST(what_would_outlast_it_is_refused),
		TEST(subscriptions_to_it_find_nobody),
		TEST(messages_are_not_kept_for_it),
		cmocka_unit_test(it_is_offered_where_it_is_switched_on_only),
	};
	return cmocka_run_group_tests_name("core/anonymous", tests, NULL, NULL);
}
