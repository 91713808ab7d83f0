/* The turn of a worker: envelopes to itself and to others, in order; and its end, whatever is under way. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"

#include <stdio.h>

static struct harness *begin(unsigned workers)
{
	struct harness *h = harness_new(workers, NULL);
	harness_account(h, "romeo@localhost");
	harness_account(h, "juliet@localhost");
	return h;
}

/* Posts. */

struct note {
	struct post post;
	unsigned *heard;
	unsigned number, children;
	uint32_t to;
};

/* Hears that its turn has come, and sends what it is told to. */
static void run_note(struct worker *w, struct post *p)
{
	struct note *n = CONTAINER_OF(p, struct note, post);
	assert_int_equal(w->index, n->to);
	assert_int_equal(*n->heard, n->number);
	++*n->heard;
	if (n->children) {
		n->children--;
		n->number++;
		worker_post(w, w->index, &n->post);
	}
}

static void posts_between_two_workers_keep_their_order(void **state)
{
	struct harness *h = begin(2);
	struct note notes[100];
	unsigned heard = 0;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(notes); i++) {
		notes[i] = (struct note){ .post.run = run_note, .heard = &heard, .number = i, .to = 1 };
		worker_post(&h->sim.workers[0].worker, 1, &notes[i].post);
		if (i % 10 == 9)
			worker_step(&h->sim.workers[0].worker, 0);
	}
	assert_int_equal(heard, 0);
	worker_step(&h->sim.workers[1].worker, 0);
	assert_int_equal(heard, 100);
	harness_free(&h);
}

static void posts_to_itself_are_run_in_the_same_turn(void **state)
{
	struct harness *h = begin(1);
	unsigned heard = 0;
	struct note n = { .post.run = run_note, .heard = &heard, .children = 20 };
	(void)state;
	worker_post(&h->sim.workers[0].worker, 0, &n.post);
	worker_step(&h->sim.workers[0].worker, 0);
	assert_int_equal(heard, 21);
	harness_free(&h);
}

/* A chain without end does not keep the sockets from their turn; and the next one does not wait. */
static void posts_to_itself_without_end_leave_room_for_others(void **state)
{
	struct harness *h = begin(1);
	unsigned heard = 0;
	struct note n = { .post.run = run_note, .heard = &heard, .children = 1000 };
	uint64_t now = h->sim.world.now_ms;
	(void)state;
	h->sim.workers[0].sim_net.never_sleeps = false;
	worker_post(&h->sim.workers[0].worker, 0, &n.post);
	worker_step(&h->sim.workers[0].worker, 0);
	assert_in_range(heard, 2, 999);
	unsigned turns = 1;
	while (heard < 1001) {
		worker_step(&h->sim.workers[0].worker, 60000);
		turns++;
	}
	assert_in_range(turns, 2, 100);
	assert_int_equal(h->sim.world.now_ms, now);
	harness_free(&h);
}

static void a_post_from_outside_wakes_the_worker(void **state)
{
	struct harness *h = begin(1);
	unsigned heard = 0;
	struct note n = { .post.run = run_note, .heard = &heard };
	uint64_t now = h->sim.world.now_ms;
	(void)state;
	harness_run(h);
	h->sim.workers[0].sim_net.never_sleeps = false;
	worker_post_from_outside(&h->sim.workers[0].worker, &n.post);
	worker_step(&h->sim.workers[0].worker, 60000);
	assert_int_equal(heard, 1);
	assert_int_equal(h->sim.world.now_ms, now);
	harness_free(&h);
}

static void a_worker_without_work_waits(void **state)
{
	struct harness *h = begin(1);
	(void)state;
	harness_run(h);
	uint64_t now = h->sim.world.now_ms;
	h->sim.workers[0].sim_net.never_sleeps = false;
	worker_step(&h->sim.workers[0].worker, 1234);
	assert_int_equal(h->sim.world.now_ms, now + 1234);
	harness_free(&h);
}

/* D6, across workers: IQs, messages and presence of one sender to one receiver arrive as they were sent. */
static void stanzas_between_two_sessions_keep_their_order(void **state)
{
	struct harness *h = begin(2);
	(void)state;
	struct peer *romeo = arrives(h, "romeo@localhost/phone"), *juliet = arrives(h, "juliet@localhost/balcony");
	says(juliet, "<presence to='romeo@localhost/phone'/>"); /* he may ask her then */
	overlooks(romeo);
	for (int n = 0; n < 60; n++) {
		switch (n % 3) {
		case 0: posts(romeo, "<message to='juliet@localhost/balcony' id='%d'/>", n); break;
		case 1: posts(romeo, "<iq type='get' to='juliet@localhost/balcony' id='%d'><q xmlns='urn:q'/></iq>",
			n); break;
		default: posts(romeo, "<presence to='juliet@localhost/balcony' id='%d'/>", n); break;
		}
		if (n % 7 == 0)
			(void)harness_step(h);
	}
	harness_run(h);
	for (int n = 0; n < 60; n++) {
		char pattern[100];
		snprintf(pattern, sizeof(pattern), "<* from='romeo@localhost/phone' id='%d' ~", n);
		sees(juliet, pattern);
	}
	sees_nothing(juliet);
	harness_free(&h);
}

static void the_same_seed_gives_the_same_run(void **state)
{
	char *first = NULL;
	(void)state;
	for (int round = 0; round < 2; round++) {
		struct harness *h = begin(3);
		struct peer *romeo = arrives(h, "romeo@localhost/phone"), *juliet = logs_in(h, "juliet@localhost");
		says(juliet, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
		overlooks(juliet);
		says(juliet, "<presence type='subscribe' to='romeo@localhost'/>");
		(void)romeo;
		/* With its random id and the random resource. */
		char *line = peer_take(juliet);
		assert_non_null(line);
		if (first)
			assert_string_equal(first, line);
		mem_free(first);
		first = line;
		harness_free(&h);
	}
	mem_free(first);
}

/* The end. */

static void a_worker_may_end_while_its_units_cannot_be_committed(void **state)
{
	struct harness *h = begin(1);
	(void)state;
	struct peer *romeo = arrives(h, "romeo@localhost/phone"), *juliet = arrives(h, "juliet@localhost/balcony");
	h->faults.commit = true;
	/* In one turn: later ones would be refused. */
	posts(juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='a@localhost'/></query></iq>");
	harness_advance(h, 10000);
	assert_int_equal(storage_uncommitted_units(h->sim.storage), 2);
	harness_abandon(&h);
}

static void and_while_reads_wait_for_them(void **state)
{
	struct harness *h = begin(1);
	(void)state;
	struct peer *juliet = arrives(h, "juliet@localhost/balcony"), *romeo = opens(h, "romeo@localhost/phone");
	dies(romeo);
	harness_run(h);
	h->faults.commit = true;
	says(juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	/* His rows are to be read behind that one. */
	romeo = opens(h, "romeo@localhost/phone");
	says(romeo, "<presence/>");
	assert_false(list_is_empty(&h->sim.workers[0].worker.held));
	harness_abandon(&h);
}

/* In the middle of logins, of moves, with posts and reads under way: nothing leaks. */
static void ends_at_any_time(bool encoded)
{
	for (unsigned steps = 0; steps < 30; steps++) {
		struct harness *h = harness_new_as(&(struct harness_options){ .workers = 3, .encoded = encoded });
		harness_account(h, "romeo@localhost");
		harness_account(h, "juliet@localhost");
		struct peer *romeo = arrives(h, "romeo@localhost/phone"), *juliet = logs_in(h, "juliet@localhost");
		(void)dials_elsewhere(h, "romeo@localhost", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
		posts(romeo, "<message to='juliet@localhost' type='chat'><body>1</body></message>");
		posts(romeo, "<presence type='subscribe' to='juliet@localhost'/>");
		posts(juliet, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
		for (unsigned i = 0; i < steps; i++)
			(void)harness_step(h);
		harness_abandon(&h);
	}
}

static void workers_may_end_at_any_time(void **state)
{
	(void)state;
	ends_at_any_time(false);
}

static void and_with_encoded_envelopes(void **state)
{
	(void)state;
	ends_at_any_time(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_between_two_workers_keep_their_order),
		cmocka_unit_test(posts_to_itself_are_run_in_the_same_turn),
		cmocka_unit_test(posts_to_itself_without_end_leave_room_for_others),
		cmocka_unit_test(a_post_from_outside_wakes_the_worker),
		cmocka_unit_test(a_worker_without_work_waits),
		cmocka_unit_test(stanzas_between_two_sessions_keep_their_order),
		cmocka_unit_test(the_same_seed_gives_the_same_run),
		cmocka_unit_test(a_worker_may_end_while_its_units_cannot_be_committed),
		cmocka_unit_test(and_while_reads_wait_for_them),
		cmocka_unit_test(workers_may_end_at_any_time),
		cmocka_unit_test(and_with_encoded_envelopes),
	};
	return cmocka_run_group_tests_name("core/worker", tests, NULL, NULL);
}
