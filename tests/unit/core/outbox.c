/* The outbox: a change of one account reaches the other one exactly once, whatever stops in between. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "server/core/outbox.h"
#include "server/modules/subscription.h"
#include "server/storage/accounts.h"
#include "server/storage/outbox.h"

#include <stdio.h>

#define SUBSCRIBE "<presence from='juliet@localhost' to='romeo@localhost' type='subscribe'/>"

struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet;
};

static void reopen(struct fixture *f)
{
	f->romeo = arrives(f->h, "romeo@localhost/phone");
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
}

static int begin(void **state, bool encoded)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	/* Two workers, so that an entry crosses from one to the other in a turn of its own. */
	f->h = harness_new_as(&(struct harness_options){ .workers = 2, .encoded = encoded });
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	assert_ptr_not_equal(harness_worker(f->h, "romeo@localhost"), harness_worker(f->h, "juliet@localhost"));
	reopen(f);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return begin(state, false);
}

static int setup_encoded(void **state)
{
	return begin(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

/* -1: there is no row. */
static int64_t row_state(struct harness *h, const char *owner, const char *contact)
{
	static const struct statement st = {
		"SELECT coalesce(max(state), -1) FROM roster WHERE owner || ' ' || jid = ?1", NULL };
	char key[200];
	snprintf(key, sizeof(key), "%s %s", owner, contact);
	return harness_number(h, &st, key);
}

static void assert_asked(struct harness *h)
{
	assert_int_equal(row_state(h, "juliet@localhost", "romeo@localhost"), SUBSCRIPTION_PENDING_OUT);
	assert_int_equal(row_state(h, "romeo@localhost", "juliet@localhost"), SUBSCRIPTION_PENDING_IN);
	assert_int_equal(harness_outbox_rows(h), 0);
}

static void an_entry_takes_three_commits(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	assert_int_equal(harness_outbox_rows(f->h), 0);
	sees_nothing(f->romeo);
	harness_commit(f->h);
	/* Hers is durable, and the entry with it; his is under way. */
	assert_int_equal(harness_outbox_rows(f->h), 1);
	assert_int_equal(row_state(f->h, "juliet@localhost", "romeo@localhost"), SUBSCRIPTION_PENDING_OUT);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), -1);
	sees_nothing(f->romeo);
	harness_commit(f->h);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), SUBSCRIPTION_PENDING_IN);
	assert_int_equal(harness_outbox_rows(f->h), 1);
	sees(f->romeo, SUBSCRIBE);
	harness_commit(f->h);
	assert_asked(f->h);
	assert_int_equal(storage_uncommitted_units(f->h->sim.storage), 0);
}

/* Loses all that was not committed after so many commits; the rosters agree in the end. */
static void crash_after(struct fixture *f, int commits)
{
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	for (int i = 0; i < commits; i++)
		harness_commit(f->h);
	harness_crash(f->h);
}

static void what_was_not_committed_by_the_sender_never_happened(void **state)
{
	struct fixture *f = *state;
	crash_after(f, 0);
	assert_int_equal(row_state(f->h, "juliet@localhost", "romeo@localhost"), -1);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), -1);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

static void a_crash_before_the_receivers_commit_loses_nothing(void **state)
{
	struct fixture *f = *state;
	crash_after(f, 1);
	assert_asked(f->h);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(home, "<presence/>");
	sees(home, "<presence from='romeo@localhost/home' ~");
	sees(home, SUBSCRIBE);
	sees_nothing(home);
}

static void a_crash_before_the_entry_is_forgotten_repeats_nothing(void **state)
{
	struct fixture *f = *state;
	crash_after(f, 2);
	assert_asked(f->h);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(home, "<presence/>");
	sees(home, "<presence from='romeo@localhost/home' ~");
	sees(home, SUBSCRIBE);
	sees_nothing(home);
}

/* Sessions of the receiver see nothing of a repetition either. */
static void a_repetition_is_not_seen(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	sees(f->romeo, SUBSCRIBE);
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), -1);
	overlooks(f->romeo);
	overlooks(f->juliet);
	for (int i = 0; i < 3; i++) {
		struct envelope *v = envelope_new(ENVELOPE_OUTBOX, 4096);
		v->to = jid_dup(v->arena, jid_of(f->h, "romeo@localhost"));
		v->owner = STR("juliet@localhost");
		v->number = 1;
		v->stanza = stanza_of(f->h, NULL, SUBSCRIBE);
		worker_send(w, w->index, v);
		harness_run(f->h);
	}
	sees_nothing(f->romeo);
	sees_nothing(f->juliet);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), -1);
	/* Nor is anything of it in memory. */
	says(f->romeo, "<presence type='subscribed' to='juliet@localhost'/>");
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), SUBSCRIPTION_APPROVED);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

/* What happens to the receiver while a repetition is being found out is not lost, nor does the repetition show in it.
 * */
static void a_repetition_does_not_spoil_what_comes_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	struct envelope *v = envelope_new(ENVELOPE_OUTBOX, 4096);
	v->to = jid_dup(v->arena, jid_of(f->h, "romeo@localhost"));
	v->owner = STR("juliet@localhost");
	v->number = 1;
	v->stanza = stanza_of(f->h, NULL, SUBSCRIBE);
	v->flag = true; /* sent again after a crash */
	stands_still(f->h, SIM_WRITER);
	worker_send(w, w->index, v);
	harness_run(f->h);
	says(f->romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost' name='J'/>"
		"</query></iq>");
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), 0);
}

static void an_entry_to_a_missing_account_is_answered(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<presence type='subscribe' to='nobody@localhost'/>");
	assert_int_equal(harness_outbox_rows(f->h), 0);
	assert_int_equal(row_state(f->h, "nobody@localhost", "juliet@localhost"), -1);
	/* RFC 6121, 8.5.1: in silence. */
	sees_nothing(f->juliet);
	harness_advance(f->h, 200000);
	assert_null(harness_find(f->h, "nobody@localhost"));
}

/* So that a receiver's one number a sender says it all. */
static void entries_arrive_in_their_order(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	for (int i = 0; i < 5; i++) {
		posts(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
		posts(f->juliet, "<presence type='unsubscribe' to='romeo@localhost'/>");
	}
	posts(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	harness_run(f->h);
	harness_commit(f->h);
	assert_int_equal(harness_outbox_rows(f->h), 11);
	harness_crash(f->h);
	assert_asked(f->h);
}

static void entries_left_over_come_before_new_ones(void **state)
{
	struct fixture *f = *state;
	crash_after(f, 1);
	goes_on(f->h, SIM_WRITER);
	reopen(f);
	says(f->juliet, "<presence type='unsubscribe' to='romeo@localhost'/>");
	assert_int_equal(row_state(f->h, "juliet@localhost", "romeo@localhost"), 0);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), -1);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

/* Many owners, each with something left: more than one page of them, too, is found at the start. */
static void all_owners_are_woken_after_a_crash(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 30; i++) {
		char jid[64];
		snprintf(jid, sizeof(jid), "u%d@localhost", i);
		harness_account(f->h, jid);
	}
	stands_still(f->h, SIM_WRITER);
	for (int i = 0; i < 30; i++) {
		char jid[64];
		snprintf(jid, sizeof(jid), "u%d@localhost/x", i);
		struct peer *p = opens(f->h, jid);
		posts(p, "<presence type='subscribe' to='romeo@localhost'/>");
	}
	harness_run(f->h);
	harness_commit(f->h);
	assert_int_equal(harness_outbox_rows(f->h), 30);
	harness_crash(f->h);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	static const struct statement count = { "SELECT count(*) FROM roster WHERE owner = ?1", NULL };
	assert_int_equal(harness_number(f->h, &count, "romeo@localhost"), 30);
}

static void an_entry_whose_unit_failed_is_not_sent(void **state)
{
	struct fixture *f = *state;
	f->h->faults.unit = "INTO roster";
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	f->h->faults.unit = NULL;
	sees_nothing(f->romeo);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	/* Its number is left out, and nobody minds. */
	overlooks(f->juliet);
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	sees(f->romeo, SUBSCRIBE);
	assert_asked(f->h);
}

/* It can never be applied, and would only come again. */
static void an_entry_that_the_receiver_cannot_store_goes(void **state)
{
	struct fixture *f = *state;
	f->h->faults.unit = "INTO seen";
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	f->h->faults.unit = NULL;
	harness_commit(f->h);
	f->h->faults.unit = "INTO roster";
	harness_commit(f->h);
	f->h->faults.unit = NULL;
	harness_commit(f->h);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	sees_nothing(f->romeo);
}

static void entries_outlive_the_memory_of_their_sender(void **state)
{
	struct fixture *f = *state;
	f->h->faults.query = "FROM roster";
	dies(f->romeo);
	f->h->faults.query = NULL;
	harness_run(f->h);
	harness_advance(f->h, 200000);
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	assert_asked(f->h);
	harness_advance(f->h, 200000);
	/* Numbers go on where they were. */
	says(f->juliet, "<presence type='unsubscribe' to='romeo@localhost'/>");
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), -1);
}

/* A stanza that grows when it is written, as far as the receiver takes any, is told after a crash too. */
static void a_large_entry_survives_a_crash(void **state)
{
	struct fixture *f = *state;
	char status[60001];
	memset(status, '"', 60000);
	status[60000] = 0;
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	assert_asked(f->h);
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<presence type='subscribed' to='juliet@localhost'><status>%s%s%s%s</status></presence>", status,
		status, status, status);
	harness_commit(f->h);
	harness_crash(f->h);
	harness_run(f->h);
	assert_int_equal(row_state(f->h, "juliet@localhost", "romeo@localhost"), SUBSCRIPTION_TO);
	assert_int_equal(row_state(f->h, "romeo@localhost", "juliet@localhost"), SUBSCRIPTION_FROM);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

/* Both with envelopes as pointers and as bytes. */
#define TEST(name)                                                                                                     \
	{ #name, name, setup, teardown, NULL }, { #name "_encoded", name, setup_encoded, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_takes_three_commits),
		TEST(what_was_not_committed_by_the_sender_never_happened),
		TEST(a_crash_before_the_receivers_commit_loses_nothing),
		TEST(a_crash_before_the_entry_is_forgotten_repeats_nothing),
		TEST(a_repetition_is_not_seen),
		TEST(a_repetition_does_not_spoil_what_comes_meanwhile),
		TEST(an_entry_to_a_missing_account_is_answered),
		TEST(entries_arrive_in_their_order),
		TEST(entries_left_over_come_before_new_ones),
		TEST(all_owners_are_woken_after_a_crash),
		TEST(an_entry_whose_unit_failed_is_not_sent),
		TEST(an_entry_that_the_receiver_cannot_store_goes),
		TEST(entries_outlive_the_memory_of_their_sender),
		TEST(a_large_entry_survives_a_crash),
	};
	return cmocka_run_group_tests_name("core/outbox", tests, NULL, NULL);
}
