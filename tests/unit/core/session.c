/* Sessions: what waits for a slow client and what becomes of it, and every way in which a session ends. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/session.h"

#include <stdio.h>

struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(2, NULL);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = arrives(f->h, "romeo@localhost/phone");
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

static void says_number(struct peer *from, const char *to, int n)
{
	says(from, "<message to='%s' id='m%d' type='chat'><body>%d</body></message>", to, n, n);
}

static void sees_number(struct peer *p, int n)
{
	char pattern[100];
	snprintf(pattern, sizeof(pattern), "<message ~ id='m%d' ~<body>%d</body>~", n, n);
	sees(p, pattern);
}

/* A message of about so many bytes. */
static void says_large(struct peer *from, const char *to, const char *id, size_t bytes)
{
	char *body = mem_alloc(bytes + 1);
	memset(body, 'x', bytes);
	body[bytes] = 0;
	says(from, "<message to='%s' id='%s' type='chat'><body>%s</body></message>", to, id, body);
	mem_free(body);
}

static void a_full_transport_gets_all_in_order_when_there_is_room(void **state)
{
	struct fixture *f = *state;
	says_number(f->juliet, "romeo@localhost", 1);
	becomes_full(f->romeo);
	for (int n = 2; n < 12; n++)
		says_number(f->juliet, n % 2 ? "romeo@localhost" : "romeo@localhost/phone", n);
	sees_number(f->romeo, 1);
	sees_nothing(f->romeo);
	becomes_writable(f->romeo);
	for (int n = 2; n < 12; n++)
		sees_number(f->romeo, n);
	sees_nothing(f->romeo);
}

static void a_reader_that_is_too_slow_is_ended(void **state)
{
	struct fixture *f = *state;
	int n = 0;
	becomes_full(f->romeo);
	for (; session_of(f->romeo) && n < 30; n++)
		says_large(f->juliet, "romeo@localhost", "large", 20000);
	/* The memory counts, which is more than the bytes. */
	assert_in_range(n, 5, 14);
	assert_true(f->romeo->ended);
	assert_int_equal(f->romeo->condition, STREAM_RESOURCE_CONSTRAINT);
	assert_true(is_released(f->romeo));
	/* D2: nothing is lost. */
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), n);
	sees_nothing(f->juliet);
}

/* What a stanza shares with another one counts too: the memory is held all the same. */
static void a_shared_body_counts_for_the_bound(void **state)
{
	struct fixture *f = *state;
	becomes_full(f->romeo);
	for (int n = 0; session_of(f->romeo) && n < 30; n++) {
		char *body = mem_alloc(20001);
		memset(body, 'x', 20000);
		body[20000] = 0;
		/* Dropping the forged id makes a derived stanza. */
		says(f->juliet, "<message to='romeo@localhost' type='chat'><stanza-id xmlns='urn:xmpp:sid:0' "
			"by='romeo@localhost' id='1'/><body>%s</body></message>", body);
		mem_free(body);
	}
	assert_null(session_of(f->romeo));
	assert_int_equal(f->romeo->condition, STREAM_RESOURCE_CONSTRAINT);
}

static void what_was_not_sent_waits_in_order_for_the_next_session(void **state)
{
	struct fixture *f = *state;
	becomes_full(f->romeo);
	for (int n = 0; n < 10; n++)
		says_number(f->juliet, n % 3 ? "romeo@localhost" : "romeo@localhost/phone", n);
	dies(f->romeo);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 10);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(home, "<presence/>");
	sees(home, "<presence ~");
	for (int n = 0; n < 10; n++)
		sees_number(home, n);
	sees(home, "<iq ~ type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees_nothing(home);
}

static void what_another_session_has_got_is_not_delivered_anew(void **state)
{
	struct fixture *f = *state;
	struct peer *home = arrives(f->h, "romeo@localhost/home");
	overlooks(f->romeo);
	becomes_full(f->romeo);
	says_number(f->juliet, "romeo@localhost", 1);
	sees_number(home, 1);
	dies(f->romeo);
	harness_run(f->h);
	sees(home, "<presence ~ type='unavailable'/>");
	sees_nothing(home);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 0);
}

/* Neither of two had got it: it is kept once. */
static void what_no_session_has_got_is_delivered_anew_once(void **state)
{
	struct fixture *f = *state;
	struct peer *home = arrives(f->h, "romeo@localhost/home");
	becomes_full(f->romeo);
	becomes_full(home);
	says_number(f->juliet, "romeo@localhost", 1);
	dies(f->romeo);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 0);
	dies(home);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 1);
}

static void what_was_not_sent_goes_to_another_session_that_takes_it(void **state)
{
	struct fixture *f = *state;
	struct peer *home = arrives(f->h, "romeo@localhost/home");
	says(f->romeo, "<presence><priority>5</priority></presence>");
	overlooks(home);
	becomes_full(f->romeo);
	for (int n = 0; n < 3; n++)
		says_number(f->juliet, "romeo@localhost", n);
	sees_nothing(home);
	dies(f->romeo);
	harness_run(f->h);
	sees_somewhere(home, "<presence from='romeo@localhost/phone' ~ type='unavailable'/>");
	for (int n = 0; n < 3; n++)
		sees_number(home, n);
	sees_nothing(home);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 0);
}

static void a_message_that_cannot_be_kept_is_returned(void **state)
{
	struct fixture *f = *state;
	becomes_full(f->romeo);
	says(f->juliet, "<message to='romeo@localhost/phone' id='n' type='normal'><body>1</body></message>");
	dies(f->romeo);
	harness_run(f->h);
	sees(f->juliet, "<message from='romeo@localhost/phone' id='n' to='juliet@localhost/balcony' type='error'>"
		ERROR("cancel", "service-unavailable") "</message>");
	sees_nothing(f->juliet);
}

static void iqs_and_presence_that_were_not_sent_are_forgotten(void **state)
{
	struct fixture *f = *state;
	becomes_full(f->romeo);
	says(f->romeo, "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	says(f->juliet, "<presence to='romeo@localhost'/>");
	says(f->juliet, "<message to='romeo@localhost/phone' type='error' id='e'/>");
	dies(f->romeo);
	harness_run(f->h);
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 0);
}

/* D5: a row that waited in the queue of a session is still in the log; it must not become another one. */
static void a_row_of_the_log_that_was_not_sent_is_stored_only_once(void **state)
{
	struct fixture *f = *state;
	dies(f->romeo);
	harness_run(f->h);
	for (int n = 0; n < 3; n++)
		says_number(f->juliet, "romeo@localhost", n);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	becomes_full(home);
	says(home, "<presence/>");
	dies(home);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 3);
	struct peer *again = opens(f->h, "romeo@localhost/again");
	says(again, "<presence/>");
	sees(again, "<presence ~");
	for (int n = 0; n < 3; n++)
		sees_number(again, n);
	sees(again, "<iq ~ type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees_nothing(again);
}

static void a_message_that_arrives_before_the_end_is_noticed_is_not_lost(void **state)
{
	struct fixture *f = *state;
	/* The end and the message are both under way. */
	dies(f->romeo);
	posts(f->juliet, "<message to='romeo@localhost' id='m1' type='chat'><body>1</body></message>");
	becomes_full(f->romeo);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 1);
}

/* Both ends of one session at a time. */
static void an_end_from_both_sides_is_one(void **state)
{
	struct fixture *f = *state;
	becomes_full(f->romeo);
	session_end(session_of(f->romeo), STREAM_POLICY_VIOLATION, "the first reason");
	session_end(session_of(f->romeo), STREAM_RESET, "another one");
	dies(f->romeo);
	dies(f->romeo);
	harness_run(f->h);
	assert_null(session_of(f->romeo));
	assert_int_equal(f->romeo->condition, STREAM_POLICY_VIOLATION);
	assert_string_equal(f->romeo->text, "the first reason");
	assert_int_equal(atomic_load(&harness_worker(f->h, "romeo@localhost")->session_count),
		harness_worker(f->h, "romeo@localhost") == harness_worker(f->h, "juliet@localhost"));
}

static void what_comes_for_a_session_that_has_gone_is_dropped(void **state)
{
	struct fixture *f = *state;
	dies(f->romeo);
	posts(f->romeo, "<message to='juliet@localhost' type='chat'><body>1</body></message>");
	harness_run(f->h);
	becomes_writable(f->romeo);
	sees_nothing(f->juliet);
}

static void a_session_that_we_end_leaves_its_messages_behind_in_order(void **state)
{
	struct fixture *f = *state;
	becomes_full(f->romeo);
	says_number(f->juliet, "romeo@localhost", 1);
	session_end(session_of(f->romeo), STREAM_POLICY_VIOLATION, "enough");
	/* What comes after its end has begun is not for it any more. */
	says_number(f->juliet, "romeo@localhost", 2);
	sees_nothing(f->romeo);
	assert_true(f->romeo->ended);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(home, "<presence/>");
	sees(home, "<presence ~");
	sees_number(home, 1);
	sees_number(home, 2);
}

/* D6: all of them come in one turn, and one in the middle is too much for the queue. */
static void what_comes_in_the_turn_of_the_end_stays_behind_what_was_queued(void **state)
{
	struct fixture *f = *state;
	char *body = mem_alloc(20001);
	memset(body, 'x', 20000);
	body[20000] = 0;
	becomes_full(f->romeo);
	for (int n = 0; n < 24; n++)
		posts(f->juliet, "<message to='romeo@localhost%s' id='m%d' type='chat'><body>%s</body></message>",
			n % 2 ? "/phone" : "", n, body);
	harness_run(f->h);
	mem_free(body);
	assert_true(f->romeo->ended);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(home, "<presence/>");
	sees(home, "<presence ~");
	/* The first batch of them. */
	for (int n = 0; n < 5; n++) {
		char pattern[64];
		snprintf(pattern, sizeof(pattern), "<message ~ id='m%d' ~", n);
		sees(home, pattern);
	}
}

static void results_behind_a_ticket_go_with_the_session(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='a@localhost'/></query></iq>");
	says_number(f->juliet, "romeo@localhost", 1);
	dies(f->romeo);
	harness_run(f->h);
	assert_null(session_of(f->romeo));
	harness_commit(f->h);
	harness_commit(f->h);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 1);
	assert_true(is_released(f->romeo));
}

static void timers_of_a_session_that_has_gone_do_not_fire(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	f->h = harness_new(1, "modules: {ping: {interval: 60s, timeout: 30s}}\n");
	harness_account(f->h, "romeo@localhost");
	struct peer *p = opens(f->h, "romeo@localhost/phone");
	dies(p);
	harness_run(f->h);
	harness_advance(f->h, 200000);
	sees_nothing(p);
	assert_false(p->ended);
}

/* Over real edges: the owner's answers are part of it. */

static void a_resource_in_use_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct peer *old = logs_in(f->h, "romeo@localhost/home");
	says(old, "<presence/>");
	says(f->juliet, "<presence to='romeo@localhost'/>");
	says(old, "<presence to='juliet@localhost/balcony'/>");
	overlooks(f->juliet);
	overlooks(f->romeo);
	struct peer *new = logs_in(f->h, "romeo@localhost/home");
	assert_true(old->ended);
	assert_int_equal(old->condition, STREAM_CONFLICT);
	says(new, "<presence><show>away</show></presence>");
	/* The old one is gone for all before the new one comes. */
	sees(f->romeo, "<presence from='romeo@localhost/home' to='romeo@localhost' type='unavailable'/>");
	sees(f->romeo, "<presence from='romeo@localhost/home' to='romeo@localhost'><show>away</show></presence>");
	sees(f->juliet, "<presence from='romeo@localhost/home' to='juliet@localhost/balcony' type='unavailable'/>");
	says_number(f->juliet, "romeo@localhost/home", 7);
	sees_somewhere(new, "<message ~ id='m7' ~");
	sees_nothing(f->juliet);
}

static void a_resource_is_taken_over_in_one_turn_in_order(void **state)
{
	struct fixture *f = *state;
	struct peer *old = logs_in(f->h, "romeo@localhost/home");
	says(old, "<presence/>");
	overlooks(f->romeo);
	/* The presence of the new one comes with its request to bind. */
	int socket = socket_of(old);
	assert_true(socket >= 0);
	struct peer *new = dials(f->h, "romeo@localhost/home", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	while (!is_bound(new))
		harness_run(f->h);
	says(new, "<presence/>");
	sees(f->romeo, "<presence from='romeo@localhost/home' to='romeo@localhost' type='unavailable'/>");
	sees(f->romeo, "<presence from='romeo@localhost/home' to='romeo@localhost'/>");
	sees_nothing(f->romeo);
}

static void the_seventeenth_session_is_refused(void **state)
{
	struct fixture *f = *state;
	struct peer *last = NULL;
	for (int n = 1; n < 16; n++) {
		char jid[64];
		snprintf(jid, sizeof(jid), "romeo@localhost/n%d", n);
		last = logs_in(f->h, jid);
	}
	struct peer *refused = dials(f->h, "romeo@localhost/one-more", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	harness_run(f->h);
	assert_false(is_bound(refused));
	/* A resource that is in use may still be taken over. */
	struct peer *taken = logs_in(f->h, "romeo@localhost/n15");
	assert_true(last->ended);
	assert_false(taken->ended);
	/* And one that goes makes room. */
	closes(taken);
	harness_run(f->h);
	(void)logs_in(f->h, "romeo@localhost/one-more");
}

static void a_slow_client_is_told_why_it_is_ended(void **state)
{
	struct fixture *f = *state;
	struct peer *slow = logs_in(f->h, "romeo@localhost/slow");
	says(slow, "<presence><priority>5</priority></presence>");
	stops_reading(slow);
	for (int n = 0; n < 100; n++)
		says_large(f->juliet, "romeo@localhost", "large", 20000);
	assert_null(account_find_session(harness_find(f->h, "romeo@localhost"), STR("slow")));
	/* All that the connection had not taken yet is delivered elsewhere. */
	sees_somewhere(f->romeo, "<message ~ id='large' ~");
}

static void a_client_that_is_slow_for_a_while_misses_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *slow = logs_in(f->h, "romeo@localhost/slow");
	says(slow, "<presence><priority>5</priority></presence>");
	overlooks(slow);
	f->h->sim.network.capacity = 4096;
	/* As much as the connection takes, and then some. */
	for (int n = 0; n < 18; n++) {
		char id[8];
		snprintf(id, sizeof(id), "l%d", n);
		posts(f->juliet, "<message to='romeo@localhost' id='%s' type='chat'><body>%*s</body></message>", id,
			18000, "x");
	}
	harness_run(f->h);
	for (int n = 0; n < 18; n++) {
		char pattern[64];
		snprintf(pattern, sizeof(pattern), "<message ~ id='l%d' ~", n);
		sees(slow, pattern);
	}
	sees_nothing(slow);
	assert_false(slow->ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_transport_gets_all_in_order_when_there_is_room),
		TEST(a_reader_that_is_too_slow_is_ended),
		TEST(a_shared_body_counts_for_the_bound),
		TEST(what_was_not_sent_waits_in_order_for_the_next_session),
		TEST(what_another_session_has_got_is_not_delivered_anew),
		TEST(what_no_session_has_got_is_delivered_anew_once),
		TEST(what_was_not_sent_goes_to_another_session_that_takes_it),
		TEST(a_message_that_cannot_be_kept_is_returned),
		TEST(iqs_and_presence_that_were_not_sent_are_forgotten),
		TEST(a_row_of_the_log_that_was_not_sent_is_stored_only_once),
		TEST(a_message_that_arrives_before_the_end_is_noticed_is_not_lost),
		TEST(an_end_from_both_sides_is_one),
		TEST(what_comes_for_a_session_that_has_gone_is_dropped),
		TEST(a_session_that_we_end_leaves_its_messages_behind_in_order),
		TEST(what_comes_in_the_turn_of_the_end_stays_behind_what_was_queued),
		TEST(results_behind_a_ticket_go_with_the_session),
		TEST(timers_of_a_session_that_has_gone_do_not_fire),
		TEST(a_resource_in_use_is_taken_over),
		TEST(a_resource_is_taken_over_in_one_turn_in_order),
		TEST(the_seventeenth_session_is_refused),
		TEST(a_slow_client_is_told_why_it_is_ended),
		TEST(a_client_that_is_slow_for_a_while_misses_nothing),
	};
	return cmocka_run_group_tests_name("core/session", tests, NULL, NULL);
}
