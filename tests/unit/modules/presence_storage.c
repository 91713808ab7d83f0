/* What becomes of subscriptions when they cannot be stored, and when an account goes while no server runs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/presence_kit.h"

#include "server/core/outbox.h"
#include "server/modules/presence.h"
#include "server/modules/roster.h"
#include "server/storage/accounts.h"

/* D8: what could not be stored is told. */
static void a_subscription_that_cannot_be_stored_is_answered(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	f->h->faults.unit = "INTO outbox";
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost' id='x'/>");
	sees(f->romeo, "<presence ~ id='x' ~ type='error'>~");
	f->h->faults.unit = NULL;
	assert_state(f->h, "romeo", "juliet", 0);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost' id='x'/>");
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
	/* Nor is the end of one left undone in silence. */
	f->h->faults.unit = "INTO outbox";
	says(f->romeo, "<presence type='unsubscribe' to='juliet@localhost' id='y'/>");
	sees(f->romeo, "<presence from='juliet@localhost' id='y' to='romeo@localhost/phone' type='error'>"
		ERROR("wait", "resource-constraint") "</presence>");
	f->h->faults.unit = NULL;
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
}

/* D9 */
static void a_subscription_is_refused_while_nothing_can_be_stored(void **state)
{
	struct fixture *f = *state;
	static const char *const types[] = { "subscribe", "subscribed", "unsubscribe", "unsubscribed" };
	befriend_all(f);
	says(f->juliet, "<presence type='subscribe' to='nurse@localhost'/>");
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(f->romeo, "<presence/>");
	overlooks(f->romeo);
	f->h->faults.commit = true;
	says(f->nurse, "<presence type='unsubscribed' to='juliet@localhost'/>");
	harness_advance(f->h, 100);
	overlooks(f->juliet);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		says(f->romeo, "<presence type='%s' to='juliet@localhost/x' id='x'/>", types[i]);
		sees(f->romeo, "<presence from='juliet@localhost/x' id='x' to='romeo@localhost/phone' type='error'>"
			ERROR("wait", "resource-constraint") "</presence>");
	}
	/* It has left nothing behind: no change in memory, no push, no presence taken back, nothing in the queue. */
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(f->romeo, "<iq id='g' ~<item jid='juliet@localhost' subscription='both'/>~");
	sees_nothing(f->romeo);
	sees_nothing(f->juliet);
	assert_int_equal(storage_uncommitted_units(f->h->sim.storage), 1);
	f->h->faults.commit = false;
	harness_advance(f->h, 2000);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_BOTH);
	assert_state(f->h, "juliet", "nurse", 0);
	says(f->romeo, "<presence type='unsubscribe' to='juliet@localhost'/>");
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_FROM);
}

/* What one side has stored is not refused by the other. */
static void what_is_under_way_waits_until_it_can_be_stored(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	overlooks(f->juliet);
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	harness_commit(f->h);
	goes_on(f->h, SIM_WRITER);
	f->h->faults.commit = true;
	harness_advance(f->h, 10000);
	assert_true(storage_is_waiting(f->h->sim.storage));
	assert_int_equal(harness_outbox_rows(f->h), 1);
	sees_nothing(f->romeo);
	sees_nothing(f->juliet);
	f->h->faults.commit = false;
	harness_advance(f->h, 2000);
	sees_nothing(f->romeo);
	sees(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

/* As `linnet user remove` does without a server. */
static void remove_stored(struct fixture *f, const char *jid)
{
	const struct jid *account = jid_of(f->h, jid);
	struct outbox_writer o;
	struct unit *u = unit_new();
	harness_crash(f->h);
	accounts_remove(u, jid_domain(account), jid_local(account));
	assert_true(outbox_writer_init(&o, f->h->sim.storage, jid_bare(account), u));
	assert_true(presence_module.on_stored_account_leave(f->h->sim.storage, account, &o));
	roster_module.on_account_remove(jid_bare(account), u);
	assert_int_equal(storage_commit_now(f->h->sim.storage, u), 0);
	unit_free(&u);
}

static void contacts_are_told_of_a_removal_without_a_server(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence type='subscribe' to='nurse@localhost'/>");
	remove_stored(f, "romeo@localhost");
	assert_int_equal(harness_outbox_rows(f->h), 4);
	assert_int_equal(state_of(f->h, "juliet@localhost", "romeo@localhost"), SUBSCRIPTION_BOTH);
	harness_crash(f->h);
	harness_run(f->h);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	assert_state(f->h, "romeo", "juliet", 0);
	assert_state(f->h, "romeo", "nurse", 0);
	/* A later account of the same name goes on counting: what it says is not taken for what was heard. */
	harness_account(f->h, "romeo@localhost");
	harness_crash(f->h);
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
	says(f->juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(f->juliet, "<iq id='g' ~<item jid='romeo@localhost' subscription='none'/></query></iq>");
	f->romeo = opens(f->h, "romeo@localhost/phone");
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	sees(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
}

static void however_many_there_are(void **state)
{
	struct fixture *f = *state;
	static const struct statement st = {
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
		" INSERT INTO roster (owner, jid, name, groups, state, listed, request)"
		" SELECT ?1, 'c' || i || '@localhost', '', '', i % 4, 1, NULL FROM n", NULL };
	static const struct statement targets = { "SELECT count(DISTINCT target) FROM outbox WHERE owner = ?1", NULL };
	struct unit *u = unit_new();
	UNIT_ADD(u, &st, value_text(STR("romeo@localhost")));
	assert_int_equal(storage_commit_now(f->h->sim.storage, u), 0);
	unit_free(&u);
	remove_stored(f, "romeo@localhost");
	/* Of four, one has no state, and one has two ends. */
	assert_int_equal(harness_number(f->h, &targets, "romeo@localhost"), 2500 * 3 / 4);
	assert_int_equal(harness_outbox_rows(f->h), 2500);
	harness_crash(f->h);
	harness_run(f->h);
	assert_int_equal(harness_outbox_rows(f->h), 0);
}

static void what_cannot_be_read_is_not_removed(void **state)
{
	struct fixture *f = *state;
	struct outbox_writer o;
	struct unit *u = unit_new();
	f->h->faults.query = "FROM seen";
	assert_false(outbox_writer_init(&o, f->h->sim.storage, STR("romeo@localhost"), u));
	f->h->faults.query = "FROM roster";
	assert_true(outbox_writer_init(&o, f->h->sim.storage, STR("romeo@localhost"), u));
	assert_false(presence_module.on_stored_account_leave(f->h->sim.storage, jid_of(f->h, "romeo@localhost"), &o));
	f->h->faults.query = NULL;
	unit_free(&u);
}

/* Both with envelopes as pointers and as bytes. */
#define TEST(name)                                                                                                     \
	{ #name, name, setup, teardown, NULL }, { #name "_encoded", name, setup_encoded, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_subscription_that_cannot_be_stored_is_answered),
		TEST(a_subscription_is_refused_while_nothing_can_be_stored),
		TEST(what_is_under_way_waits_until_it_can_be_stored),
		TEST(contacts_are_told_of_a_removal_without_a_server),
		TEST(however_many_there_are),
		TEST(what_cannot_be_read_is_not_removed),
	};
	return cmocka_run_group_tests_name("modules/presence_storage", tests, NULL, NULL);
}
