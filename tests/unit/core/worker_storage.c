/* What leaves before its unit is durable, and what does not (docs/GUARANTEES.md, D1, D6); what becomes of output
 * whose unit fails; queries that wait for their entity's ticket. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "server/core/session.h"

#include <stdio.h>

#define ROSTER(inside) "<query xmlns='jabber:iq:roster'>" inside "</query>"
#define SET_NURSE(id) "<iq type='set' id='" id "'>" ROSTER("<item jid='nurse@localhost' name='Nurse'/>") "</iq>"
#define NURSE_SENT ROSTER("<item jid='nurse@localhost' name='Nurse'/>")
#define NURSE "<query xmlns='jabber:iq:roster' ver='*'>" "<item jid='nurse@localhost' name='Nurse' subscription='none'/>" "</query>"
#define SELF " to='romeo@localhost/phone' "

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
	says(f->romeo, "<iq type='get' id='r'>" ROSTER("") "</iq>");
	overlooks(f->romeo);
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

static void an_iq_result_and_its_push_leave_with_the_commit(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, SET_NURSE("s"));
	harness_advance(f->h, 5000);
	sees_nothing(f->romeo);
	assert_int_equal(storage_uncommitted_units(f->h->sim.storage), 1);
	harness_commit(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" NURSE "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sees_nothing(f->romeo);
}

static void what_is_queued_behind_a_result_keeps_its_place(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='romeo@localhost' id='before' type='chat'><body>1</body></message>");
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, SET_NURSE("s"));
	says(f->juliet, "<message to='romeo@localhost' id='behind' type='chat'><body>2</body></message>");
	says(f->romeo, "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->romeo, "<message ~ id='before' ~</message>");
	sees_nothing(f->romeo);
	harness_commit(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" NURSE "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sees(f->romeo, "<message ~ id='behind' ~</message>");
	sees(f->romeo, "<iq id='p'" SELF "type='result'/>");
	sees_nothing(f->romeo);
}

static void the_traffic_of_others_does_not_wait(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, SET_NURSE("s"));
	says(f->romeo, "<message to='juliet@localhost' id='m' type='chat'><body>1</body></message>");
	sees(f->juliet, "<message ~ id='m' ~</message>");
	/* Not even that of another session of the account that gets no push. */
	struct peer *home = opens(f->h, "romeo@localhost/home");
	says(f->juliet, "<message to='romeo@localhost/home' id='n' type='chat'><body>1</body></message>");
	sees(home, "<message ~ id='n' ~</message>");
	sees_nothing(f->romeo);
	harness_commit(f->h);
	sees_somewhere(f->romeo, "<iq id='s' ~");
}

static void tickets_of_several_turns_are_released_in_their_order(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	for (int i = 1; i <= 3; i++) {
		says(f->romeo, "<iq type='set' id='s%d'>" ROSTER("<item jid='n%d@localhost'/>") "</iq>", i, i);
		says(f->romeo, "<iq type='get' id='p%d'><ping xmlns='urn:xmpp:ping'/></iq>", i);
	}
	assert_int_equal(storage_uncommitted_units(f->h->sim.storage), 3);
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	assert_int_equal(w->ticket, w->released + 4);
	sees_nothing(f->romeo);
	harness_commit(f->h);
	for (int i = 1; i <= 3; i++) {
		char pattern[200];
		snprintf(pattern, sizeof(pattern), "<iq id='*'" SELF "type='set'>~jid='n%d@localhost'~", i);
		sees(f->romeo, pattern);
		snprintf(pattern, sizeof(pattern), "<iq id='s%d'" SELF "type='result'/>", i);
		sees(f->romeo, pattern);
		snprintf(pattern, sizeof(pattern), "<iq id='p%d'" SELF "type='result'/>", i);
		sees(f->romeo, pattern);
	}
	sees_nothing(f->romeo);
	assert_true(w->ticket == w->released + 1);
}

static void a_later_turn_waits_for_its_own_commit(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, SET_NURSE("s1"));
	/* The second one comes in the turn in which the first one's commit does. */
	(void)sim_step_part(&f->h->sim, SIM_WRITER);
	posts(f->romeo, SET_NURSE("s2"));
	harness_run(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" NURSE "</iq>");
	sees(f->romeo, "<iq id='s1'" SELF "type='result'/>");
	sees_nothing(f->romeo);
	harness_commit(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" NURSE "</iq>");
	sees(f->romeo, "<iq id='s2'" SELF "type='result'/>");
}

static void a_failed_unit_becomes_an_error_and_is_not_pushed(void **state)
{
	struct fixture *f = *state;
	f->h->faults.unit = "INTO roster";
	says(f->romeo, SET_NURSE("s"));
	sees(f->romeo, "<iq id='s'" SELF "type='error'>" NURSE_SENT ERROR("wait", "resource-constraint") "</iq>");
	sees_nothing(f->romeo);
}

static void a_failed_unit_makes_the_roster_be_read_anew(void **state)
{
	struct fixture *f = *state;
	f->h->faults.unit = "INTO roster";
	says(f->romeo, SET_NURSE("s"));
	overlooks(f->romeo);
	says(f->romeo, "<iq type='get' id='g1'>" ROSTER("") "</iq>");
	sees(f->romeo, "<iq id='g1'" SELF "type='result'><query xmlns='jabber:iq:roster' ver='*'/></iq>");
	f->h->faults.unit = NULL;
	says(f->romeo, SET_NURSE("s"));
	overlooks(f->romeo);
	says(f->romeo, "<iq type='get' id='g2'>" ROSTER("") "</iq>");
	sees(f->romeo, "<iq id='g2'" SELF "type='result'>" NURSE "</iq>");
}

static void a_failed_unit_takes_no_others_with_it(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, SET_NURSE("s"));
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	/* Only juliet's unit has an outbox row. */
	f->h->faults.unit = "INTO outbox";
	harness_commit(f->h);
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" NURSE "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sees_nothing(f->romeo);
	sees(f->juliet, "<presence ~ type='error'>~");
}

static void nothing_false_leaves_while_the_storage_waits(void **state)
{
	struct fixture *f = *state;
	f->h->faults.commit = true;
	says(f->romeo, SET_NURSE("s"));
	harness_advance(f->h, 10000);
	sees_nothing(f->romeo);
	assert_true(storage_is_waiting(f->h->sim.storage));
	f->h->faults.commit = false;
	harness_advance(f->h, 1000);
	sees_somewhere(f->romeo, "<iq id='s'" SELF "type='result'/>");
}

/* Queries. */

static const struct statement read_log = { "SELECT count(*) FROM log WHERE owner = ?1 OR ?1 = '-'", NULL };

struct answer {
	unsigned count;
	int64_t rows;
};

static void on_rows(struct entity *e, const struct query *q, void *ctx)
{
	struct answer *a = ctx;
	(void)e;
	assert_int_equal(q->error, 0);
	a->count++;
	a->rows = query_row(q, 0)[0].i;
}

static void ask(struct harness *h, const char *jid, struct answer *a)
{
	struct account *account = harness_find(h, jid);
	worker_query(&account->entity, query_new(&read_log, VALUES(value_text(str_from_c(jid))), 1), on_rows, a);
}

static void a_query_waits_for_its_entitys_last_unit(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	stands_still(f->h, SIM_WRITER);
	dies(f->romeo);
	harness_run(f->h);
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	ask(f->h, "romeo@localhost", &a);
	harness_run(f->h);
	assert_int_equal(a.count, 0);
	harness_commit(f->h);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.rows, 1);
}

static void a_query_of_another_entity_does_not_wait(void **state)
{
	struct fixture *f = *state;
	struct answer a = { 0 };
	stands_still(f->h, SIM_WRITER);
	dies(f->romeo);
	harness_run(f->h);
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	ask(f->h, "juliet@localhost", &a);
	harness_run(f->h);
	assert_int_equal(a.count, 1);
	harness_commit(f->h);
}

static void on_alone(struct worker *w, slab_handle handle, const struct query *q)
{
	(void)w;
	(void)q;
	assert_int_equal(handle, 4711);
}

static void a_query_of_no_entity_never_waits(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, SET_NURSE("s"));
	unsigned before = f->h->faults.queries;
	worker_query_alone(w, query_new(&read_log, VALUES(value_text(STR("-"))), 1), on_alone, 4711);
	harness_run(f->h);
	assert_int_equal(f->h->faults.queries, before + 1);
	harness_commit(f->h);
}

static void a_fact_is_routed_with_its_commit(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	struct account *a = harness_find(f->h, "romeo@localhost");
	static const struct statement nothing = { "DELETE FROM log WHERE owner = ?1", NULL };
	for (int fails = 0; fails < 2; fails++) {
		struct unit *u = unit_new();
		stands_still(f->h, SIM_WRITER);
		f->h->faults.unit = fails ? "DELETE FROM log" : NULL;
		UNIT_ADD(u, &nothing, value_text(STR("nobody@localhost")));
		worker_route_fact(w, worker_commit(&a->entity, u, NULL, NULL),
			stanza_of(f->h, "romeo@localhost/phone", "<message to='juliet@localhost' id='yes'/>"),
			stanza_of(f->h, "romeo@localhost/phone", "<message to='juliet@localhost' id='no'/>"));
		harness_run(f->h);
		sees_nothing(f->juliet);
		harness_commit(f->h);
		sees(f->juliet, fails ? "<message ~ id='no' ~" : "<message ~ id='yes' ~");
		sees_nothing(f->juliet);
	}
}

/* Neither what a repetition says nor that it has failed: it has been said. */
static void what_a_repetition_would_say_is_not_said_again(void **state)
{
	struct fixture *f = *state;
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	struct account *a = harness_find(f->h, "romeo@localhost");
	static const struct statement once = {
		"INSERT INTO cursors (owner, name, n) VALUES (?1, 'x', 1) ON CONFLICT (owner, name) DO NOTHING", NULL };
	for (int round = 0; round < 2; round++) {
		struct unit *u = unit_new();
		UNIT_ADD_ONCE(u, &once, value_text(STR("romeo@localhost")));
		struct outcome *o = worker_commit(&a->entity, u, NULL, NULL);
		struct stanza *yes = stanza_of(f->h, "romeo@localhost/phone", "<message to='juliet@localhost' id='yes'/>");
		struct stanza *no = stanza_of(f->h, "romeo@localhost/phone", "<message to='juliet@localhost' id='no'/>");
		session_send_fact(session_of(f->romeo), yes, o, no);
		worker_route_fact(w, o, yes, no);
		harness_run(f->h);
		if (round == 0) {
			sees(f->romeo, "<message ~ id='yes' ~");
			sees(f->juliet, "<message ~ id='yes' ~");
		}
		sees_nothing(f->romeo);
		sees_nothing(f->juliet);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_iq_result_and_its_push_leave_with_the_commit),
		TEST(what_is_queued_behind_a_result_keeps_its_place),
		TEST(the_traffic_of_others_does_not_wait),
		TEST(tickets_of_several_turns_are_released_in_their_order),
		TEST(a_later_turn_waits_for_its_own_commit),
		TEST(a_failed_unit_becomes_an_error_and_is_not_pushed),
		TEST(a_failed_unit_makes_the_roster_be_read_anew),
		TEST(a_failed_unit_takes_no_others_with_it),
		TEST(nothing_false_leaves_while_the_storage_waits),
		TEST(a_query_waits_for_its_entitys_last_unit),
		TEST(a_query_of_another_entity_does_not_wait),
		TEST(a_query_of_no_entity_never_waits),
		TEST(a_fact_is_routed_with_its_commit),
		TEST(what_a_repetition_would_say_is_not_said_again),
	};
	return cmocka_run_group_tests_name("core/worker_storage", tests, NULL, NULL);
}
