/* Presence (RFC 6121, 4): who is told what. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/presence_kit.h"

#include "server/core/session.h"

#include <stdio.h>

/* Broadcast. */

static void presence_goes_to_contacts_that_may_know_and_to_oneself(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	struct peer *home = arrives(f->h, "romeo@localhost/home");
	says(f->juliet, "<presence/>");
	says(f->nurse, "<presence/>");
	overlooks(home);
	overlooks(f->juliet);
	overlooks(f->nurse);
	says(f->romeo, "<presence><show>away</show></presence>");
	/* 4.2.2, 4.4.2 */
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost'><show>away</show></presence>");
	sees(f->nurse, "<presence from='romeo@localhost/phone' to='nurse@localhost'><show>away</show></presence>");
	sees(home, "<presence from='romeo@localhost/phone' to='romeo@localhost'><show>away</show></presence>");
	sees_nothing(f->juliet);
	sees_nothing(f->nurse);
	sees_nothing(home);
	/* Her presence is none of romeo's business. */
	overlooks(f->romeo);
	says(f->nurse, "<presence><show>dnd</show></presence>");
	sees_nothing(f->romeo);
}

/* 4.3.1: the answers to the probes. */
static void a_session_that_comes_learns_who_is_there(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->juliet, "<presence><status>here</status></presence>");
	struct peer *chamber = arrives(f->h, "juliet@localhost/chamber");
	says(f->nurse, "<presence/>");
	says(f->romeo, "<presence/>");
	sees(f->romeo, "<presence from='romeo@localhost/phone' to='romeo@localhost'/>");
	sees_somewhere(f->romeo, "<presence from='juliet@localhost/balcony' "
		"to='romeo@localhost/phone'><status>here</status>"
		"</presence>");
	sees_somewhere(f->romeo, "<presence from='juliet@localhost/chamber' to='romeo@localhost/phone'/>");
	sees_nothing(f->romeo);
	/* Only the first presence asks. */
	says(f->romeo, "<presence><show>away</show></presence>");
	sees(f->romeo, "<presence from='romeo@localhost/phone' ~<show>away</show></presence>");
	sees_nothing(f->romeo);
	overlooks(chamber);
}

static void a_second_session_learns_of_the_first(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence><show>chat</show></presence>");
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(home, "<presence/>");
	sees(home, "<presence from='romeo@localhost/home' to='romeo@localhost'/>");
	sees(home, "<presence from='romeo@localhost/phone' to='romeo@localhost/home'><show>chat</show></presence>");
	sees_nothing(home);
}

/* 4.5.2 */
static void going_is_told_to_all_who_knew(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence/>");
	overlooks(f->juliet);
	overlooks(f->romeo);
	says(f->romeo, "<presence type='unavailable'><status>bye</status></presence>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' "
		"type='unavailable'><status>bye</status>"
		"</presence>");
	sees_nothing(f->juliet);
	/* It gets no presence any more, and its end says nothing new. */
	overlooks(f->romeo);
	says(f->juliet, "<presence><show>away</show></presence>");
	sees_nothing(f->romeo);
	overlooks(f->juliet);
	dies(f->romeo);
	harness_run(f->h);
	sees_nothing(f->juliet);
}

static void a_link_that_dies_is_told_to_all_who_knew(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	struct peer *home = arrives(f->h, "romeo@localhost/home");
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence/>");
	overlooks(f->juliet);
	overlooks(home);
	dies(f->romeo);
	harness_run(f->h);
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees(home, "<presence from='romeo@localhost/phone' to='romeo@localhost' type='unavailable'/>");
	sees_nothing(f->juliet);
	sees_nothing(home);
}

static void parts_that_were_evicted_change_nothing(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence/>");
	overlooks(f->juliet);
	harness_advance(f->h, 200000);
	dies(f->romeo);
	harness_run(f->h);
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
}

static void cancelling_tells_that_one_is_gone(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence/>");
	overlooks(f->juliet);
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees_nothing(f->juliet);
	says(f->romeo, "<presence><show>away</show></presence>");
	sees_nothing(f->juliet);
}

/* Presence must not wake the sleeping. */
static void presence_makes_no_entity_of_an_account_without_sessions(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	dies(f->juliet);
	dies(f->nurse);
	harness_run(f->h);
	harness_advance(f->h, 200000);
	assert_null(harness_find(f->h, "juliet@localhost"));
	says(f->romeo, "<presence/>");
	says(f->romeo, "<presence type='unavailable'/>");
	assert_null(harness_find(f->h, "juliet@localhost"));
	assert_null(harness_find(f->h, "nurse@localhost"));
}

static void nor_does_it_keep_one_in_memory(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence/>");
	dies(f->juliet);
	harness_run(f->h);
	for (int i = 0; i < 3; i++) {
		assert_true(i < 2 || !harness_find(f->h, "juliet@localhost"));
		harness_advance(f->h, 40000);
		says(f->romeo, "<presence><show>away</show></presence>");
	}
}

/* Probes. */

static void probes_of_those_who_may_not_know_get_nothing(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence/>");
	says(f->nurse, "<presence/>");
	overlooks(f->nurse);
	overlooks(f->romeo);
	says(f->romeo, "<presence type='probe' to='nurse@localhost'/>");
	says(f->romeo, "<presence type='probe' to='nurse@localhost/kitchen'/>");
	sees_nothing(f->romeo);
	says(f->nurse, "<presence type='probe' to='romeo@localhost'/>");
	sees(f->nurse, "<presence from='romeo@localhost/phone' to='nurse@localhost/kitchen'/>");
	sees_nothing(f->nurse);
}

/* Directed presence (4.6). */

static void directed_presence_goes_to_one_and_is_taken_back_at_the_end(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	says(f->nurse, "<presence/>");
	overlooks(f->juliet);
	overlooks(f->nurse);
	says(f->romeo, "<presence to='juliet@localhost'><status>psst</status></presence>");
	says(f->romeo, "<presence to='nurse@localhost/kitchen'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' "
		"to='juliet@localhost'><status>psst</status></presence>");
	sees(f->nurse, "<presence from='romeo@localhost/phone' to='nurse@localhost/kitchen'/>");
	says(f->romeo, "<presence/>");
	sees_nothing(f->juliet);
	sees_nothing(f->nurse);
	dies(f->romeo);
	harness_run(f->h);
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees(f->nurse, "<presence from='romeo@localhost/phone' to='nurse@localhost/kitchen' type='unavailable'/>");
	sees_nothing(f->juliet);
	sees_nothing(f->nurse);
}

static void what_was_taken_back_already_is_not_again(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	overlooks(f->juliet);
	says(f->romeo, "<presence to='juliet@localhost'/>");
	says(f->romeo, "<presence to='juliet@localhost' type='unavailable'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	says(f->romeo, "<presence type='unavailable'/>");
	dies(f->romeo);
	harness_run(f->h);
	sees_nothing(f->juliet);
}

static void unavailable_presence_takes_directed_presence_back_once(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	overlooks(f->juliet);
	says(f->romeo, "<presence to='juliet@localhost'/>");
	says(f->romeo, "<presence type='unavailable'/>");
	sees(f->juliet, "<presence ~/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	dies(f->romeo);
	harness_run(f->h);
	sees_nothing(f->juliet);
}

/* One that is a contact as well hears it once. */
static void a_contact_is_told_of_the_end_once(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence/>");
	says(f->romeo, "<presence to='juliet@localhost'><show>chat</show></presence>");
	overlooks(f->juliet);
	dies(f->romeo);
	harness_run(f->h);
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees_nothing(f->juliet);
}

/* A client that goes on for ever costs no more than one that does it once. */
static void directed_presence_to_and_fro_is_harmless(void **state)
{
	struct fixture *f = *state;
	char resource[1000];
	open_all(f);
	memset(resource, 'r', sizeof(resource) - 1);
	resource[sizeof(resource) - 1] = 0;
	for (int i = 0; i < 1200; i++) {
		posts(f->romeo, "<presence to='juliet@localhost/%s'/>", resource);
		posts(f->romeo, "<presence to='juliet@localhost/%s' type='unavailable'/>", resource);
		if (i % 100 == 0)
			harness_run(f->h);
	}
	harness_run(f->h);
	assert_non_null(session_of(f->romeo));
	says(f->romeo, "<presence to='juliet@localhost/balcony'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost/balcony'/>");
}

static void there_is_a_bound_of_directed_presences(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	for (int i = 0; i < 300; i++)
		says(f->romeo, "<presence to='juliet@localhost/r%d'/>", i);
	assert_non_null(session_of(f->romeo));
	/* Those within the bound are told. */
	struct peer *r7 = opens(f->h, "juliet@localhost/r7");
	dies(f->romeo);
	harness_run(f->h);
	sees(r7, "<presence ~ type='unavailable'/>");
}

/* Priority (4.7.2.3). */

static void a_wrong_priority_is_refused_and_changes_nothing(void **state)
{
	static const char *const wrong[] = { "128", "-129", "x", "", "1.5", "--1", "+1", "99999999999999999999" };
	struct fixture *f = *state;
	befriend_all(f);
	says(f->juliet, "<presence/>");
	overlooks(f->juliet);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		says(f->romeo, "<presence id='p'><priority>%s</priority></presence>", wrong[i]);
		sees(f->romeo, "<presence ~id='p' to='romeo@localhost/phone' type='error'>" ERROR("modify",
			"bad-request")
			"</presence>");
		sees_nothing(f->romeo);
		sees_nothing(f->juliet);
		assert_false(session_is_available(session_of(f->romeo)));
	}
}

static void priorities_are_what_they_say(void **state)
{
	static const struct {
		const char *text;
		int value;
	} right[] = { { "127", 127 }, { "-128", -128 }, { "0", 0 }, { "-0", 0 }, { " 5 ", 5 } };
	struct fixture *f = *state;
	open_all(f);
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		says(f->romeo, "<presence><priority>%s</priority></presence>", right[i].text);
		assert_int_equal(session_of(f->romeo)->priority, right[i].value);
	}
	says(f->romeo, "<presence/>");
	assert_int_equal(session_of(f->romeo)->priority, 0);
}

/* Presence of all other kinds. */

static void presence_to_a_session_that_is_not_there_is_dropped(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence to='juliet@localhost/none'/>");
	says(f->romeo, "<presence to='juliet@localhost/none' type='unavailable'/>");
	says(f->romeo, "<presence to='localhost'/>");
	says(f->romeo, "<presence to='juliet@localhost' type='error'>" ERROR("cancel", "gone")
		"</presence>"); /* not available */
	sees_nothing(f->romeo);
	sees_nothing(f->juliet);
	says(f->romeo, "<presence to='juliet@localhost/balcony' type='error'>" ERROR("cancel", "gone") "</presence>");
	sees(f->juliet, "<presence ~ type='error'>~");
}

/* Whatever their number, it crosses to another worker once. */
static void presence_with_many_contacts_reaches_them_all(void **state)
{
	struct fixture *f = *state;
	struct peer *friends[20];
	open_all(f);
	for (int i = 0; i < 20; i++) {
		char bare[64], full[80];
		snprintf(bare, sizeof(bare), "friend%d@localhost", i);
		snprintf(full, sizeof(full), "%s/x", bare);
		harness_account(f->h, bare);
		friends[i] = arrives(f->h, full);
		subscribe(friends[i], f->romeo);
	}
	uint64_t before = atomic_load(&harness_worker(f->h, "romeo@localhost")->counters.envelopes);
	says(f->romeo, "<presence/>");
	for (int i = 0; i < 20; i++) {
		sees(friends[i], "<presence from='romeo@localhost/phone' to='friend*@localhost'/>");
		sees_nothing(friends[i]);
	}
	/* Once to each other worker. */
	assert_in_range(atomic_load(&harness_worker(f->h, "romeo@localhost")->counters.envelopes) - before, 1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(presence_goes_to_contacts_that_may_know_and_to_oneself),
		TEST(a_session_that_comes_learns_who_is_there),
		TEST(a_second_session_learns_of_the_first),
		TEST(going_is_told_to_all_who_knew),
		TEST(a_link_that_dies_is_told_to_all_who_knew),
		TEST(parts_that_were_evicted_change_nothing),
		TEST(cancelling_tells_that_one_is_gone),
		TEST(presence_makes_no_entity_of_an_account_without_sessions),
		TEST(nor_does_it_keep_one_in_memory),
		TEST(probes_of_those_who_may_not_know_get_nothing),
		TEST(directed_presence_goes_to_one_and_is_taken_back_at_the_end),
		TEST(what_was_taken_back_already_is_not_again),
		TEST(unavailable_presence_takes_directed_presence_back_once),
		TEST(a_contact_is_told_of_the_end_once),
		TEST(directed_presence_to_and_fro_is_harmless),
		TEST(there_is_a_bound_of_directed_presences),
		TEST(a_wrong_priority_is_refused_and_changes_nothing),
		TEST(priorities_are_what_they_say),
		TEST(presence_to_a_session_that_is_not_there_is_dropped),
		TEST(presence_with_many_contacts_reaches_them_all),
	};
	return cmocka_run_group_tests_name("modules/presence", tests, NULL, NULL);
}
