/* Messages for those who are away: kept, delivered in order and recognisably, forgotten on the client's word
 * (docs/GUARANTEES.md, D2, D4, D5, D6, D9). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/offline_kit.h"

#include "server/core/route.h"
#include "server/core/session.h"

static void a_message_waits_and_comes_with_its_time_and_id(void **state)
{
	struct fixture *f = *state;
	f->h->sim.world.wall_offset_ms = 1020121705000 - (int64_t)f->h->sim.world.now_ms;
	says_number(f, ROMEO, 1);
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 1);
	harness_advance(f->h, 3600000);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees(romeo, "<message from='juliet@localhost/balcony' id='m1' to='" ROMEO "' type='chat'>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='" ROMEO "' id='*'/>"
		"<delay xmlns='urn:xmpp:delay' from='localhost' "
		"stamp='2002-04-29T23:08:25*Z'/><body>1</body></message>");
	answers(romeo);
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
	assert_int_equal(cursor(f), 1);
}

static void many_come_in_order(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 20);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 20; n++)
		sees_stored(romeo, n);
	answers(romeo);
	sees_nothing(romeo);
	says_number(f, ROMEO, 20);
	sees_live(romeo, 20);
}

static void a_session_without_presence_gets_nothing(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *romeo = opens(f->h, ROMEO "/phone");
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 1);
}

static void nor_does_one_with_negative_priority(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", -1);
	sees_nothing(romeo);
	says_number(f, ROMEO, 2);
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 2);
	/* It may change its mind. */
	says(romeo, "<presence><priority>0</priority></presence>");
	sees(romeo, "<presence ~");
	sees_stored(romeo, 1);
	sees_stored(romeo, 2);
	answers(romeo);
}

/* D4 */
static void rows_stay_until_the_ping_is_answered(void **state)
{
	struct fixture *f = *state;
	char id[64];
	says_numbers(f, 0, 3);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 3; n++)
		sees_stored(romeo, n);
	sees_ping(romeo, id);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 3);
	assert_int_equal(cursor(f), 0);
	/* Neither an answer of another id, nor anything else, will do. */
	says(romeo, "<iq type='result' to='localhost' id='offline:2'/>");
	says(romeo, "<iq type='result' to='localhost' id='offline:4'/>");
	says(romeo, "<iq type='result' to='localhost' id='offline:'/>");
	says(romeo, "<iq type='result' to='localhost' id='offline:-3'/>");
	says(romeo, "<iq type='result' to='juliet@localhost' id='%s'/>", id);
	says(romeo, "<iq type='get' to='localhost' id='x'><ping xmlns='urn:xmpp:ping'/></iq>");
	overlooks(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 3);
	/* An error is an answer too: it says as well that the batch has been read. */
	says(romeo, "<iq type='error' to='localhost' id='%s'>" ERROR("cancel", "service-unavailable") "</iq>", id);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
	assert_int_equal(cursor(f), 3);
}

static void the_answer_of_another_session_does_not_count(void **state)
{
	struct fixture *f = *state;
	char id[64];
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	struct peer *home = comes(f, ROMEO "/home", 0);
	sees(home, "<presence ~");
	sees_stored(romeo, 1);
	sees_ping(romeo, id);
	sees_nothing(home);
	says(home, "<iq type='result' to='localhost' id='%s'/>", id);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 1);
}

/* D5 */
static void a_link_that_dies_before_the_answer_gets_them_again_with_the_same_ids(void **state)
{
	struct fixture *f = *state;
	char id[64], *first[3], *again;
	says_numbers(f, 0, 3);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 3; n++)
		first[n] = peer_take(romeo);
	sees_ping(romeo, id);
	dies(romeo);
	harness_run(f->h);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 3);
	romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 3; n++) {
		again = peer_take(romeo);
		assert_string_equal(again, first[n]);
		mem_free(again);
		mem_free(first[n]);
	}
	answers(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
}

static void a_crash_before_the_answer_gives_them_again_with_the_same_ids(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	char *first = peer_take(romeo), *again;
	harness_crash(f->h);
	romeo = comes(f, ROMEO "/phone", 0);
	again = peer_take(romeo);
	assert_string_equal(first, again);
	mem_free(first);
	mem_free(again);
}

static void a_crash_after_the_answer_was_committed_does_not(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	answers(romeo);
	harness_crash(f->h);
	romeo = comes(f, ROMEO "/phone", 0);
	sees_nothing(romeo);
	/* Numbers go on: a number never means two rows. */
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
	dies(romeo);
	harness_run(f->h);
	says_number(f, ROMEO, 2);
	static const struct statement last = { "SELECT max(n) FROM log WHERE owner = ?1", NULL };
	assert_int_equal(harness_number(f->h, &last, ROMEO), 2);
}

/* D6 */
static void what_comes_during_delivery_takes_its_turn(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 3);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	says_number(f, ROMEO, 3);
	says_number(f, ROMEO "/phone", 4);
	for (int n = 0; n < 3; n++)
		sees_stored(romeo, n);
	answers(romeo);
	sees_stored(romeo, 3);
	sees(romeo, "<message ~ id='m4' to='" ROMEO "/phone' ~<body>4</body></message>");
	answers(romeo);
	sees_nothing(romeo);
	says_number(f, ROMEO, 5);
	sees_live(romeo, 5);
}

static void what_comes_while_rows_are_read_takes_its_turn(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 3);
	struct peer *romeo = opens(f->h, ROMEO "/phone");
	stands_still(f->h, SIM_READERS);
	says(romeo, "<presence/>");
	sees(romeo, "<presence ~");
	says_number(f, ROMEO, 3);
	sees_nothing(romeo);
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	for (int n = 0; n < 3; n++)
		sees_stored(romeo, n);
	/* The last one came before the rows were read, or after: it comes once, behind. */
	char id[64];
	char *line = peer_take(romeo);
	if (strstr(line, "id='m3'")) {
		mem_free(line);
		answers(romeo);
	} else {
		char *at = strstr(line, "id='offline:");
		snprintf(id, sizeof(id), "%.*s", (int)strcspn(at + 4, "'"), at + 4);
		mem_free(line);
		says(romeo, "<iq type='result' to='localhost' id='%s'/>", id);
		sees_stored(romeo, 3);
		answers(romeo);
	}
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
}

/* Not even those that were under way to a session that has just died. */
static void what_a_dying_session_leaves_goes_behind_what_waits(void **state)
{
	struct fixture *f = *state;
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	becomes_full(phone);
	says_numbers(f, 0, 3);
	dies(phone);
	harness_run(f->h);
	says_number(f, ROMEO, 3);
	struct peer *home = comes(f, ROMEO "/home", 0);
	for (int n = 0; n < 4; n++)
		sees_stored(home, n);
	answers(home);
}

static void iqs_presence_and_what_is_not_kept_do_not_wait_for_delivery(void **state)
{
	struct fixture *f = *state;
	char id[64];
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	sees_ping(romeo, id);
	says(f->juliet, "<message to='" ROMEO "' type='headline' id='h'><body>1</body></message>");
	sees(romeo, "<message ~ id='h' ~");
	says(f->juliet, "<presence to='" ROMEO "'/>");
	sees(romeo, "<presence ~");
}

static void batches_have_fifty_rows(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 120);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 120; n++) {
		if (n == 50 || n == 100) {
			answers(romeo);
			assert_int_equal(cursor(f), n);
		}
		sees_stored(romeo, n);
	}
	answers(romeo);
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
	assert_int_equal(cursor(f), 120);
}

static void batches_have_128_kib(void **state)
{
	struct fixture *f = *state;
	for (int n = 0; n < 6; n++)
		posts(f->juliet, "<message to='" ROMEO "' id='m%d' type='chat'><body>%60000d</body></message>", n, n);
	harness_run(f->h);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 6; n++) {
		char pattern[40];
		if (n == 3)
			answers(romeo);
		snprintf(pattern, sizeof(pattern), "<message ~ id='m%d' ~", n);
		sees(romeo, pattern);
	}
	answers(romeo);
	sees_nothing(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
}

/* What one answer of the storage may hold (4 MiB) is less than a batch of rows may be. */
static void rows_of_the_largest_size_all_come(void **state)
{
	struct fixture *f = *state;
	char *body = mem_alloc(200001);
	memset(body, '\'', 200000);
	body[200000] = 0;
	for (int n = 0; n < 8; n++)
		says(f->juliet, "<message to='" ROMEO "' id='m%d' type='chat'><body>%s</body></message>", n, body);
	mem_free(body);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 8);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 8; n++) {
		char pattern[40];
		snprintf(pattern, sizeof(pattern), "<message ~ id='m%d' ~", n);
		sees(romeo, pattern);
		answers(romeo);
	}
	sees_nothing(romeo);
	sees_nothing(f->juliet);
}

static void many_changes_of_namespace_survive_the_log(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_lit(&b, "<message to='" ROMEO "' id='m1' type='chat' xmlns:a='urn:a'>");
	for (int n = 0; n < 1000; n++)
		buf_lit(&b, "<a:x/>");
	buf_lit(&b, "<body>1</body></message>");
	says(f->juliet, STR_FMT, STR_ARG(buf_str(&b)));
	buf_fini(&b);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees(romeo, "<message ~ id='m1' ~<body>1</body></message>");
	assert_int_equal(f->h->log_errors, 0);
}

/* Several sessions. */

static void the_first_of_two_sessions_gets_them(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	struct peer *home = comes(f, ROMEO "/home", 5);
	sees(home, "<presence from='" ROMEO "/phone' ~");
	sees_stored(phone, 1);
	sees_nothing(home);
	char id[64];
	sees_somewhere(phone, "<presence from='" ROMEO "/home' ~");
	sees_ping(phone, id);
	says(phone, "<iq type='result' to='localhost' id='%s'/>", id);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
	sees_nothing(home);
	says_number(f, ROMEO, 2);
	sees_live(home, 2);
}

static void the_second_takes_over_when_the_first_dies(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 3);
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	struct peer *home = comes(f, ROMEO "/home", 0);
	overlooks(home);
	for (int n = 0; n < 3; n++)
		sees_stored(phone, n);
	dies(phone);
	harness_run(f->h);
	sees(home, "<presence ~ type='unavailable'/>");
	for (int n = 0; n < 3; n++)
		sees_stored(home, n);
	answers(home);
	sees_nothing(home);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
}

static void the_second_takes_over_when_the_first_dies_while_rows_are_read(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 3);
	struct peer *phone = opens(f->h, ROMEO "/phone");
	struct peer *home = opens(f->h, ROMEO "/home");
	stands_still(f->h, SIM_READERS);
	says(phone, "<presence/>");
	says(home, "<presence/>");
	overlooks(home);
	dies(phone);
	harness_run(f->h);
	sees(home, "<presence ~ type='unavailable'/>");
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	for (int n = 0; n < 3; n++)
		sees_stored(home, n);
	answers(home);
	sees_nothing(home);
}

/* RFC 6121, 4.7.2.3 and 4.5: it takes no more; another one does. */
static void a_session_that_becomes_negative_gets_no_further_batch(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 60);
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 50; n++)
		sees_stored(phone, n);
	says(phone, "<presence><priority>-1</priority></presence>");
	sees_somewhere(phone, "<presence ~");
	answers(phone);
	sees_nothing(phone);
	struct peer *home = comes(f, ROMEO "/home", 0);
	sees(home, "<presence ~");
	for (int n = 50; n < 60; n++)
		sees_stored(home, n);
	answers(home);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
}

static void a_session_that_becomes_unavailable_gets_no_further_batch(void **state)
{
	struct fixture *f = *state;
	says_numbers(f, 0, 60);
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	for (int n = 0; n < 50; n++)
		sees_stored(phone, n);
	says(phone, "<presence type='unavailable'/>");
	sees_somewhere(phone, "<presence ~ type='unavailable'/>");
	answers(phone);
	sees_nothing(phone);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 10);
}

/* RFC 6121, 8.5.3.1: while one session is being served, a message to another one's full JID is that one's. */
static void a_message_to_another_session_goes_to_it(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	struct peer *home = comes(f, ROMEO "/home", 0);
	overlooks(home);
	says(f->juliet, "<message to='" ROMEO "/home' id='x' type='chat'><body>1</body></message>");
	sees(home, "<message ~ id='x' ~");
	sees_stored(phone, 1);
}

/* Nor does the delivery change what is said for one that is not there. */
static void a_normal_message_to_no_session_is_returned_as_ever(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	(void)comes(f, ROMEO "/phone", 0);
	says(f->juliet, "<message to='" ROMEO "/none' id='x'><body>1</body></message>");
	sees(f->juliet, "<message ~ id='x' ~" ERROR("cancel", "service-unavailable") "</message>");
	says(f->juliet, "<message to='" ROMEO "/none' id='y' type='chat'><body>1</body></message>");
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 2);
}

/* It would keep the account's messages from all others for ever. */
static void a_session_that_does_not_answer_is_ended(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *phone = comes(f, ROMEO "/phone", 0);
	struct peer *home = comes(f, ROMEO "/home", 0);
	overlooks(home);
	sees_stored(phone, 1);
	says_number(f, ROMEO, 2);
	harness_advance(f->h, 299000);
	sees_nothing(home);
	harness_advance(f->h, 1100);
	assert_true(phone->ended);
	assert_int_equal(phone->condition, STREAM_CONNECTION_TIMEOUT);
	sees(home, "<presence ~ type='unavailable'/>");
	sees_stored(home, 1);
	sees_stored(home, 2);
	answers(home);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
	says_number(f, ROMEO, 3);
	sees_live(home, 3);
	/* One that has answered is left alone. */
	harness_advance(f->h, 400000);
	assert_false(home->ended);
}

/* What is not kept. */

static void what_says_nothing_that_lasts_is_not_kept(void **state)
{
	struct fixture *f = *state;
	static const char *const inside[] = {
		"<composing xmlns='http://jabber.org/protocol/chatstates'/>",
		"<paused xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>",
		"<body>secret</body><no-store xmlns='urn:xmpp:hints'/>",
		"",
	};
	static const char *const kept[] = {
		"<body>1</body><active xmlns='http://jabber.org/protocol/chatstates'/>",
		"<received xmlns='urn:xmpp:receipts' id='1'/>",
		"<body>1</body><no-copy xmlns='urn:xmpp:hints'/>",
	};
	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		says(f->juliet, "<message to='" ROMEO "' type='chat'>%s</message>", inside[i]);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		says(f->juliet, "<message to='" ROMEO "' type='chat'>%s</message>", kept[i]);
	assert_int_equal(harness_log_rows(f->h, ROMEO), ARRAY_LEN(kept));
	sees_nothing(f->juliet);
}

static void chat_states_pass_while_a_queue_is_being_delivered(void **state)
{
	struct fixture *f = *state;
	char id[64];
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	sees_ping(romeo, id);
	says(f->juliet, "<message to='" ROMEO "' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/>"
		"</message>");
	sees(romeo, "<message ~<composing ~");
	assert_int_equal(harness_log_rows(f->h, ROMEO), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_waits_and_comes_with_its_time_and_id),
		TEST(many_come_in_order),
		TEST(a_session_without_presence_gets_nothing),
		TEST(nor_does_one_with_negative_priority),
		TEST(rows_stay_until_the_ping_is_answered),
		TEST(the_answer_of_another_session_does_not_count),
		TEST(a_link_that_dies_before_the_answer_gets_them_again_with_the_same_ids),
		TEST(a_crash_before_the_answer_gives_them_again_with_the_same_ids),
		TEST(a_crash_after_the_answer_was_committed_does_not),
		TEST(what_comes_during_delivery_takes_its_turn),
		TEST(what_comes_while_rows_are_read_takes_its_turn),
		TEST(what_a_dying_session_leaves_goes_behind_what_waits),
		TEST(iqs_presence_and_what_is_not_kept_do_not_wait_for_delivery),
		TEST(batches_have_fifty_rows),
		TEST(batches_have_128_kib),
		TEST(rows_of_the_largest_size_all_come),
		TEST(many_changes_of_namespace_survive_the_log),
		TEST(the_first_of_two_sessions_gets_them),
		TEST(the_second_takes_over_when_the_first_dies),
		TEST(the_second_takes_over_when_the_first_dies_while_rows_are_read),
		TEST(a_session_that_becomes_negative_gets_no_further_batch),
		TEST(a_session_that_becomes_unavailable_gets_no_further_batch),
		TEST(a_message_to_another_session_goes_to_it),
		TEST(a_normal_message_to_no_session_is_returned_as_ever),
		TEST(a_session_that_does_not_answer_is_ended),
		TEST(what_says_nothing_that_lasts_is_not_kept),
		TEST(chat_states_pass_while_a_queue_is_being_delivered),
	};
	return cmocka_run_group_tests_name("modules/offline", tests, NULL, NULL);
}
