/* What the queue of those who are away does when messages repeat and when the storage fails. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/offline_kit.h"

#include "server/core/route.h"
#include "server/core/session.h"

/* Origin keys. */

static void the_same_envelope_twice_is_stored_once(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, ROMEO);
	struct origin origin = { .stream = "0123456789abcde", .number = 7 };
	for (int i = 0; i < 2; i++) {
		route(w, stanza_of(f->h, "juliet@localhost/balcony", "<message to='"
			ROMEO "' id='m1' type='chat'><body>1</body>"
			"</message>"), &origin);
		harness_run(f->h);
	}
	assert_int_equal(harness_log_rows(f->h, ROMEO), 1);
	/* It has been dealt with: there is nothing to complain of. */
	sees_nothing(f->juliet);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	answers(romeo);
	sees_nothing(romeo);
}

static void two_origins_are_two_messages(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, ROMEO);
	struct origin origins[] = { { .stream = "0123456789abcde", .number = 7 }, { .stream = "0123456789abcde",
		.number = 8 },
		{ .stream = "1123456789abcde", .number = 7 }, { .number = 0 }, { .number = 0 } };
	for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
		route(w, stanza_of(f->h, "juliet@localhost/balcony", "<message to='"
			ROMEO "' type='chat'><body>1</body></message>"),
			&origins[i]);
		harness_run(f->h);
	}
	assert_int_equal(harness_log_rows(f->h, ROMEO), ARRAY_LEN(origins));
}

/* One message to two accounts has one origin, and an id in each log. */
static void one_origin_in_two_logs_has_two_ids(void **state)
{
	struct fixture *f = *state;
	harness_account(f->h, "tybalt@localhost");
	struct origin origin = { .stream = "0123456789abcde", .number = 7 };
	static const char *const to[] = { ROMEO, "tybalt@localhost" };
	for (int i = 0; i < 2; i++) {
		char text[100];
		snprintf(text, sizeof(text), "<message to='%s' type='chat'><body>1</body></message>", to[i]);
		route(harness_worker(f->h, to[i]), stanza_of(f->h, "juliet@localhost/balcony", text), &origin);
		harness_run(f->h);
	}
	static const struct statement ids = { "SELECT count(DISTINCT id) FROM log WHERE ?1 = ''", NULL };
	assert_int_equal(harness_number(f->h, &ids, ""), 2);
}

/* Failures. */

/* D9 */
static void a_full_storage_is_a_constraint_for_the_sender(void **state)
{
	struct fixture *f = *state;
	f->h->faults.commit = true;
	says_number(f, ROMEO, 1);
	harness_advance(f->h, 100);
	assert_true(storage_is_waiting(f->h->sim.storage));
	says_number(f, ROMEO, 2);
	sees(f->juliet, "<message from='" ROMEO "' id='m2' to='juliet@localhost/balcony' type='error'>"
		ERROR("wait", "resource-constraint") "</message>");
	sees_nothing(f->juliet);
	f->h->faults.commit = false;
	harness_advance(f->h, 2000);
	says_number(f, ROMEO, 3);
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 2);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	sees_stored(romeo, 3);
}

/* Online users do not notice (E5). */
static void a_full_storage_does_not_stop_those_who_are_there(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	harness_account(f->h, "away@localhost");
	f->h->faults.commit = true;
	says(f->juliet, "<message to='away@localhost' type='chat'><body>1</body></message>");
	harness_advance(f->h, 100);
	says_number(f, ROMEO, 1);
	sees_live(romeo, 1);
}

/* D2, D8 */
static void a_row_that_cannot_be_stored_is_returned(void **state)
{
	struct fixture *f = *state;
	f->h->faults.unit = "INTO log";
	says_number(f, ROMEO, 1);
	sees(f->juliet, "<message from='" ROMEO "' id='m1' to='juliet@localhost/balcony' type='error'>"
		"<error type='*'><* xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>~</message>");
	f->h->faults.unit = NULL;
	says_number(f, ROMEO, 2);
	sees_nothing(f->juliet);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 2);
	answers(romeo);
	says_number(f, ROMEO, 3);
	sees_live(romeo, 3);
}

static void the_last_rows_that_could_not_be_stored_do_not_stop_the_delivery(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	f->h->faults.unit = "INTO log";
	says_number(f, ROMEO, 2);
	overlooks(f->juliet);
	f->h->faults.unit = NULL;
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	answers(romeo);
	sees_nothing(romeo);
	says_number(f, ROMEO, 3);
	sees_live(romeo, 3);
}

static void an_answer_that_cannot_be_stored_means_again(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	f->h->faults.unit = "cursors";
	answers(romeo);
	f->h->faults.unit = NULL;
	says_number(f, ROMEO, 2);
	sees_live(romeo, 2);
	harness_crash(f->h);
	romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
}

static void rows_that_cannot_be_read_are_asked_for_again(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *romeo = opens(f->h, ROMEO "/phone");
	f->h->faults.query = "stanza FROM log";
	says(romeo, "<presence/>");
	sees(romeo, "<presence ~");
	says_number(f, ROMEO, 2);
	harness_advance(f->h, 5000);
	sees_nothing(romeo);
	f->h->faults.query = NULL;
	harness_advance(f->h, 1000);
	sees_stored(romeo, 1);
	sees_stored(romeo, 2);
	answers(romeo);
	assert_int_equal(harness_log_rows(f->h, ROMEO), 0);
}

static void another_session_takes_over_from_one_that_waits_for_them(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	struct peer *phone = opens(f->h, ROMEO "/phone");
	f->h->faults.query = "stanza FROM log";
	says(phone, "<presence/>");
	struct peer *home = comes(f, ROMEO "/home", 0);
	overlooks(home);
	dies(phone);
	harness_run(f->h);
	f->h->faults.query = NULL;
	harness_advance(f->h, 2000);
	sees_somewhere(home, "<presence ~ type='unavailable'/>");
	sees_stored(home, 1);
	answers(home);
}

/* D1: the sender is told nothing, so only its own crash can lose it. */
static void a_crash_before_the_commit_may_lose_it_and_after_it_may_not(void **state)
{
	struct fixture *f = *state;
	says_number(f, ROMEO, 1);
	stands_still(f->h, SIM_WRITER);
	says_number(f, ROMEO, 2);
	harness_crash(f->h);
	struct peer *romeo = comes(f, ROMEO "/phone", 0);
	sees_stored(romeo, 1);
	answers(romeo);
	sees_nothing(romeo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_envelope_twice_is_stored_once),
		TEST(two_origins_are_two_messages),
		TEST(one_origin_in_two_logs_has_two_ids),
		TEST(a_full_storage_is_a_constraint_for_the_sender),
		TEST(a_full_storage_does_not_stop_those_who_are_there),
		TEST(a_row_that_cannot_be_stored_is_returned),
		TEST(the_last_rows_that_could_not_be_stored_do_not_stop_the_delivery),
		TEST(an_answer_that_cannot_be_stored_means_again),
		TEST(rows_that_cannot_be_read_are_asked_for_again),
		TEST(another_session_takes_over_from_one_that_waits_for_them),
		TEST(a_crash_before_the_commit_may_lose_it_and_after_it_may_not),
	};
	return cmocka_run_group_tests_name("modules/offline_storage", tests, NULL, NULL);
}
