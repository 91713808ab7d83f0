/* Entities: what waits while one loads, when it goes, and what is said for one that does not exist or cannot be
 * read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "server/core/route.h"
#include "server/core/session.h"

#include <stdio.h>

#define IDLE_MS 60000

struct fixture {
	struct harness *h;
	struct peer *juliet;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(2, NULL);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static void a_key_always_has_the_same_slot(void **state)
{
	struct fixture *f = *state;
	/* Of every process, so the numbers stand here. */
	assert_int_equal(entity_slot_of(jid_of(f->h, "romeo@localhost")),
		entity_slot_of(jid_of(f->h, "ROMEO@localhost/phone")));
	const struct jid *romeo = jid_of(f->h, "romeo@localhost");
	assert_int_equal(romeo->hash % ENTITY_SLOTS, entity_slot_of(romeo));
}

/* Loading. */

/* All parts of romeo go, his sessions stay; juliet's are there. */
static void forget(struct fixture *f)
{
	harness_advance(f->h, 2 * IDLE_MS);
	says(f->juliet, "<message to='juliet@localhost/balcony' type='headline'/>");
	overlooks(f->juliet);
}

static void envelopes_wait_in_order_while_it_loads(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	forget(f);
	stands_still(f->h, SIM_READERS);
	for (int n = 0; n < 20; n++) {
		char id[8];
		snprintf(id, sizeof(id), "m%d", n);
		says(f->juliet, "<message to='romeo@localhost' id='%s' type='chat'><body>1</body></message>", id);
	}
	sees_nothing(romeo);
	assert_int_equal(harness_find(f->h, "romeo@localhost")->entity.waiting_count, 20);
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	for (int n = 0; n < 20; n++) {
		char pattern[64];
		snprintf(pattern, sizeof(pattern), "<message ~ id='m%d' ~", n);
		sees(romeo, pattern);
	}
	sees_nothing(romeo);
}

static void what_needs_no_load_does_not_overtake(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	forget(f);
	stands_still(f->h, SIM_READERS);
	says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	/* A session that opens needs nothing but the account. */
	struct peer *late = dials(f->h, "romeo@localhost/late", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	assert_true(is_bound(late));
	sees(romeo, "<message ~ id='m' ~");
}

static void one_that_is_asked_for_twice_is_loaded_once(void **state)
{
	struct fixture *f = *state;
	unsigned before = f->h->faults.queries;
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	unsigned once = f->h->faults.queries - before;
	assert_true(once > 0);
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>2</body></message>");
	assert_int_equal(f->h->faults.queries, before + once);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 2);
}

static void more_than_the_bound_is_refused(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "juliet@localhost");
	stands_still(f->h, SIM_READERS);
	for (int n = 0; n < ENTITY_WAITING_MAX; n++)
		route(w, stanza_of(f->h, "juliet@localhost/balcony",
			"<message to='romeo@localhost' id='in' type='chat'>"
			"<body>1</body></message>"), NULL);
	harness_run(f->h);
	sees_nothing(f->juliet);
	says(f->juliet, "<message to='romeo@localhost' id='out' type='chat'><body>1</body></message>");
	sees(f->juliet, "<message from='romeo@localhost' id='out' to='juliet@localhost/balcony' type='error'>"
		ERROR("wait", "resource-constraint") "</message>");
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), ENTITY_WAITING_MAX);
}

/* However many strangers wait, the end of a session is not lost; else it would stay for ever. */
static void the_end_of_a_session_is_not_refused(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "juliet@localhost");
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	forget(f);
	stands_still(f->h, SIM_READERS);
	for (int n = 0; n < ENTITY_WAITING_MAX; n++)
		route(w, stanza_of(f->h, "juliet@localhost/balcony",
			"<message to='romeo@localhost' type='headline'/>"), NULL);
	harness_run(f->h);
	dies(romeo);
	harness_run(f->h);
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	assert_null(session_of(romeo));
	assert_true(is_released(romeo));
}

/* D9: nor is what a session says itself; it is told that it was not heard. */
static void what_a_session_says_beyond_the_bound_is_refused(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 2 * IDLE_MS);
	stands_still(f->h, SIM_READERS);
	for (int n = 0; n < ENTITY_WAITING_MAX; n++)
		posts(f->juliet, "<message to='romeo@localhost' type='headline'/>");
	posts(f->juliet, "<message to='romeo@localhost' id='out'><body>1</body></message>");
	harness_run(f->h);
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	sees(f->juliet, "<message ~ id='out' ~" ERROR("wait", "resource-constraint") "</message>");
}

/* Eviction. */

static void one_that_is_idle_goes(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	assert_non_null(harness_find(f->h, "romeo@localhost"));
	harness_advance(f->h, IDLE_MS - 1000);
	assert_non_null(harness_find(f->h, "romeo@localhost"));
	harness_advance(f->h, 1100);
	assert_null(harness_find(f->h, "romeo@localhost"));
	/* One with a session stays, without its parts. */
	assert_non_null(harness_find(f->h, "juliet@localhost"));
	assert_null(harness_find(f->h, "juliet@localhost")->parts);
}

static void activity_puts_it_off(void **state)
{
	struct fixture *f = *state;
	for (int n = 0; n < 4; n++) {
		says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
		harness_advance(f->h, IDLE_MS - 10000);
	}
	assert_non_null(harness_find(f->h, "romeo@localhost"));
	harness_advance(f->h, 11000);
	assert_null(harness_find(f->h, "romeo@localhost"));
}

static void one_with_an_uncommitted_unit_stays(void **state)
{
	struct fixture *f = *state;
	f->h->faults.commit = true;
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	harness_advance(f->h, 3 * IDLE_MS);
	assert_non_null(harness_find(f->h, "romeo@localhost"));
	f->h->faults.commit = false;
	harness_advance(f->h, 3 * IDLE_MS);
	assert_null(harness_find(f->h, "romeo@localhost"));
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 1);
}

static void one_that_loads_stays(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_READERS);
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	harness_advance(f->h, 3 * IDLE_MS);
	assert_non_null(harness_find(f->h, "romeo@localhost"));
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 1);
}

static void one_whose_session_has_gone_goes_too(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	harness_advance(f->h, 3 * IDLE_MS);
	assert_non_null(harness_find(f->h, "romeo@localhost"));
	dies(romeo);
	harness_run(f->h);
	harness_advance(f->h, IDLE_MS + 100);
	assert_null(harness_find(f->h, "romeo@localhost"));
}

/* RFC 6121, 8.5.1 */

static void messages_and_iqs_for_nobody_are_returned(void **state)
{
	struct fixture *f = *state;
	static const char *const to[] = { "nobody@localhost", "nobody@localhost/x" };
	static const char *const types[] = { "normal", "chat", "groupchat" };
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		char pattern[300];
		for (size_t t = 0; t < ARRAY_LEN(types); t++) {
			says(f->juliet, "<message to='%s' id='m' type='%s'><body>1</body></message>", to[i], types[t]);
			snprintf(pattern, sizeof(pattern), "<message from='%s' id='m' to='juliet@localhost/balcony' "
				"type='error'>"
				ERROR("cancel", "service-unavailable") "</message>", to[i]);
			sees(f->juliet, pattern);
		}
		says(f->juliet, "<iq to='%s' id='q' type='get'><ping xmlns='urn:xmpp:ping'/></iq>", to[i]);
		snprintf(pattern, sizeof(pattern), "<iq from='%s' id='q' to='juliet@localhost/balcony' type='error'>~"
			ERROR("cancel", "service-unavailable") "</iq>", to[i]);
		sees(f->juliet, pattern);
	}
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, "nobody@localhost"), 0);
}

/* Table 1: a headline to the bare JID is S, not E. */
static void headlines_for_nobody_are_dropped(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='nobody@localhost' type='headline'><body>1</body></message>");
	sees_nothing(f->juliet);
}

static void presence_for_nobody_is_dropped(void **state)
{
	struct fixture *f = *state;
	static const char *const types[] = { "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed",
		"probe", "error" };
	says(f->juliet, "<presence to='nobody@localhost'/>");
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		says(f->juliet, "<presence to='nobody@localhost' type='%s'/>", types[t]);
		says(f->juliet, "<presence to='nobody@localhost/x' type='%s'/>", types[t]);
	}
	sees_nothing(f->juliet);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

static void errors_and_results_for_nobody_are_dropped(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='nobody@localhost' type='error'/>");
	says(f->juliet, "<iq to='nobody@localhost' type='result' id='r'/>");
	says(f->juliet, "<iq to='nobody@localhost/x' type='error' id='r'>" ERROR("cancel", "gone") "</iq>");
	sees_nothing(f->juliet);
}

static void one_that_was_missing_can_be_made(void **state)
{
	struct fixture *f = *state;
	struct envelope *v = envelope_new(ENVELOPE_ACCOUNT_CHANGED, 256);
	struct worker *w = harness_worker(f->h, "new@localhost");
	says(f->juliet, "<message to='new@localhost' type='chat'><body>1</body></message>");
	sees(f->juliet, "<message ~ type='error'~");
	harness_account(f->h, "new@localhost");
	v->to = jid_dup(v->arena, jid_of(f->h, "new@localhost"));
	worker_send(w, w->index, v);
	harness_run(f->h);
	says(f->juliet, "<message to='new@localhost' type='chat'><body>2</body></message>");
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, "new@localhost"), 1);
}

/* A storage that cannot be read. */

static void an_account_that_cannot_be_read_is_a_constraint_until_it_can(void **state)
{
	struct fixture *f = *state;
	f->h->faults.query = "FROM accounts";
	says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	sees(f->juliet, "<message from='romeo@localhost' id='m' to='juliet@localhost/balcony' type='error'>"
		ERROR("wait", "resource-constraint") "</message>");
	says(f->juliet, "<iq to='romeo@localhost' id='q' type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->juliet, "<iq ~ id='q' ~" ERROR("wait", "resource-constraint") "</iq>");
	f->h->faults.query = NULL;
	says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 1);
}

static void each_that_waited_is_answered(void **state)
{
	struct fixture *f = *state;
	f->h->faults.query = "FROM accounts";
	stands_still(f->h, SIM_READERS);
	for (int n = 0; n < 5; n++)
		says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	for (int n = 0; n < 5; n++)
		sees(f->juliet, "<message ~ id='m' ~" ERROR("wait", "resource-constraint") "</message>");
	sees_nothing(f->juliet);
}

static void a_part_that_cannot_be_read_is_a_constraint_until_it_can(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	forget(f);
	static const char *const parts[] = { "FROM log", "FROM cursors" };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		f->h->faults.query = parts[i];
		says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
		sees(f->juliet, "<message ~ id='m' ~" ERROR("wait", "resource-constraint") "</message>");
	}
	f->h->faults.query = NULL;
	says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	sees(romeo, "<message ~ id='m' ~");
	sees_nothing(f->juliet);
}

/* D2 */
static void what_a_session_says_then_is_answered_to_it(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 2 * IDLE_MS);
	f->h->faults.query = "FROM roster";
	says(f->juliet, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	sees(f->juliet, "<iq id='r' to='juliet@localhost/balcony' type='error'>~" ERROR("wait", "resource-constraint")
		"</iq>");
	f->h->faults.query = "FROM log";
	says(f->juliet, "<message to='romeo@localhost' id='m' type='chat'><body>1</body></message>");
	sees(f->juliet, "<message from='romeo@localhost' id='m' to='juliet@localhost/balcony' type='error'>"
		ERROR("wait", "resource-constraint") "</message>");
	sees_nothing(f->juliet);
	f->h->faults.query = NULL;
	says(f->juliet, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	sees(f->juliet, "<iq id='r' ~ type='result'~");
}

static void the_end_of_a_session_is_not_lost_then(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	forget(f);
	f->h->faults.query = "FROM roster";
	dies(romeo);
	harness_run(f->h);
	harness_advance(f->h, 10000);
	f->h->faults.query = NULL;
	harness_advance(f->h, 10000);
	assert_null(session_of(romeo));
	assert_true(is_released(romeo));
}

static void nor_is_the_entry_of_an_outbox(void **state)
{
	struct fixture *f = *state;
	f->h->faults.query = "FROM accounts";
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	harness_advance(f->h, 10000);
	f->h->faults.query = NULL;
	harness_advance(f->h, 10000);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	struct peer *romeo = opens(f->h, "romeo@localhost/phone");
	says(romeo, "<presence/>");
	sees_somewhere(romeo, "<presence from='juliet@localhost' to='romeo@localhost' type='subscribe'/>");
}

static void a_login_is_refused_then_and_works_later(void **state)
{
	struct fixture *f = *state;
	f->h->faults.query = "FROM accounts";
	struct peer *p = dials(f->h, "romeo@localhost/phone", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	harness_run(f->h);
	assert_false(is_bound(p));
	assert_int_equal(login_failure(p), SASL_TEMPORARY_AUTH_FAILURE);
	f->h->faults.query = NULL;
	(void)logs_in(f->h, "romeo@localhost/phone");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_always_has_the_same_slot),
		TEST(envelopes_wait_in_order_while_it_loads),
		TEST(what_needs_no_load_does_not_overtake),
		TEST(one_that_is_asked_for_twice_is_loaded_once),
		TEST(more_than_the_bound_is_refused),
		TEST(the_end_of_a_session_is_not_refused),
		TEST(what_a_session_says_beyond_the_bound_is_refused),
		TEST(one_that_is_idle_goes),
		TEST(activity_puts_it_off),
		TEST(one_with_an_uncommitted_unit_stays),
		TEST(one_that_loads_stays),
		TEST(one_whose_session_has_gone_goes_too),
		TEST(messages_and_iqs_for_nobody_are_returned),
		TEST(headlines_for_nobody_are_dropped),
		TEST(presence_for_nobody_is_dropped),
		TEST(errors_and_results_for_nobody_are_dropped),
		TEST(one_that_was_missing_can_be_made),
		TEST(an_account_that_cannot_be_read_is_a_constraint_until_it_can),
		TEST(each_that_waited_is_answered),
		TEST(a_part_that_cannot_be_read_is_a_constraint_until_it_can),
		TEST(what_a_session_says_then_is_answered_to_it),
		TEST(the_end_of_a_session_is_not_lost_then),
		TEST(nor_is_the_entry_of_an_outbox),
		TEST(a_login_is_refused_then_and_works_later),
	};
	return cmocka_run_group_tests_name("core/entity", tests, NULL, NULL);
}
