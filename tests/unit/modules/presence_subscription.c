/* Subscriptions (RFC 6121, 3) between accounts on different workers: both rosters agree, whoever acts and whenever. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/presence_kit.h"

#include <stdio.h>

static void asking_and_granting_agree_on_both_sides(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(f->juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(f->romeo, "<presence/>");
	says(f->juliet, "<presence/>");
	overlooks(f->romeo);
	overlooks(f->juliet);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost' id='x'><status>Let me</status></presence>");
	/* 3.1.2, 3.1.3 */
	sees(f->romeo, "<iq id='*' to='romeo@localhost/phone' type='set'><query xmlns='jabber:iq:roster' ver='*'><item "
		"ask='subscribe' "
		"jid='juliet@localhost' subscription='none'/></query></iq>");
	sees_nothing(f->romeo);
	sees(f->juliet, "<presence from='romeo@localhost' id='x' to='juliet@localhost' type='subscribe'>"
		"<status>Let me</status></presence>");
	sees_nothing(f->juliet);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
	/* 3.1.5, 3.1.6 */
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	sees(f->juliet, "<iq id='*' ~<item jid='romeo@localhost' subscription='from'/></query></iq>");
	sees_nothing(f->juliet);
	sees_somewhere(f->romeo, "<presence from='juliet@localhost' to='romeo@localhost' type='subscribed'/>");
	sees_somewhere(f->romeo, "<iq id='*' ~<item jid='juliet@localhost' subscription='to'/></query></iq>");
	sees_somewhere(f->romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost/phone'/>");
	sees_nothing(f->romeo);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_TO);
}

static void every_step_agrees_on_both_sides(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	struct {
		bool by_romeo;
		const char *type;
		uint8_t after;
	} steps[] = {
		{ true, "subscribe", SUBSCRIPTION_PENDING_OUT },
		{ false, "subscribe", SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_PENDING_IN },
		{ true, "subscribed", SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_FROM },
		{ true, "unsubscribe", SUBSCRIPTION_FROM },
		{ true, "subscribe", SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_FROM },
		{ false, "subscribed", SUBSCRIPTION_BOTH },
		{ false, "subscribe", SUBSCRIPTION_BOTH },
		{ true, "subscribed", SUBSCRIPTION_BOTH },
		{ false, "unsubscribed", SUBSCRIPTION_FROM },
		{ false, "unsubscribe", 0 },
		{ false, "unsubscribed", 0 },
		{ false, "subscribe", SUBSCRIPTION_PENDING_IN },
		{ true, "unsubscribed", 0 },
		{ true, "subscribe", SUBSCRIPTION_PENDING_OUT },
		{ true, "unsubscribe", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct peer *p = steps[i].by_romeo ? f->romeo : f->juliet;
		says(p, "<presence type='%s' to='%s@localhost'/>", steps[i].type, steps[i].by_romeo ? "juliet"
			: "romeo");
		assert_state(f->h, "romeo", "juliet", steps[i].after);
		assert_int_equal(harness_outbox_rows(f->h), 0);
	}
}

/* One side acts at a time, with commits where the seed has them. It asks for nothing that it has already, nor approves
 * what nobody asks for: that would be answered (A.3.1), and the answer could cross with what it does next. */
static void whatever_one_side_does_both_rosters_agree_in_the_end(void **state)
{
	static const enum stanza_type types[] = { PRESENCE_SUBSCRIBE, PRESENCE_SUBSCRIBED, PRESENCE_UNSUBSCRIBE,
		PRESENCE_UNSUBSCRIBED };
	struct fixture *f = *state;
	struct world *w = &f->h->sim.world;
	uint8_t model = 0; /* romeo's view */
	open_all(f);
	for (int round = 0; round < 150; round++) {
		bool by_romeo = round % 2 == 0;
		uint8_t mine = by_romeo ? model : mirrored(model);
		if (world_below(w, 2))
			stands_still(f->h, SIM_WRITER);
		for (int i = 0; i < 6; i++) {
			enum stanza_type type = types[world_below(w, 4)];
			if ((type == PRESENCE_SUBSCRIBE && mine & SUBSCRIPTION_TO) ||
				(type == PRESENCE_SUBSCRIBED && !(mine & SUBSCRIPTION_PENDING_IN)))
				continue;
			posts(by_romeo ? f->romeo : f->juliet, "<presence type='" STR_FMT "' to='%s@localhost'/>",
				STR_ARG(stanza_type_name(type)), by_romeo ? "juliet" : "romeo");
			mine = subscription_next(mine, SUBSCRIPTION_SENT, type).state;
			if (world_below(w, 2))
				harness_run(f->h);
		}
		goes_on(f->h, SIM_WRITER);
		harness_run(f->h);
		overlooks(f->romeo);
		overlooks(f->juliet);
		model = by_romeo ? mine : mirrored(mine);
		assert_state(f->h, "romeo", "juliet", model);
		assert_int_equal(harness_outbox_rows(f->h), 0);
	}
}

/* Clients do so to be asked for again. */
static void asking_right_after_giving_up_is_asking(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	posts(f->romeo, "<presence type='unsubscribe' to='juliet@localhost'/>");
	posts(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	harness_run(f->h);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_FROM | SUBSCRIPTION_PENDING_OUT);
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_BOTH);
}

/* 3.1.3: as often as it takes. */
static void a_request_comes_again_until_it_is_answered(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	sees_nothing(f->juliet);
	for (int i = 0; i < 2; i++) {
		says(f->juliet, "<presence/>");
		sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
		says(f->juliet, "<presence type='unavailable'/>");
		overlooks(f->juliet);
	}
	harness_crash(f->h);
	open_all(f);
	says(f->juliet, "<presence/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
	says(f->juliet, "<presence type='unsubscribed' to='romeo@localhost'/>");
	struct peer *other = opens(f->h, "juliet@localhost/other");
	says(other, "<presence/>");
	sees(other, "<presence from='juliet@localhost/other' ~");
	sees(other, "<presence from='juliet@localhost/balcony' ~");
	sees_nothing(other);
}

/* docs/GUARANTEES.md, D1: not before it is durable that it has been asked. */
static void a_request_that_is_not_durable_yet_is_not_shown(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	harness_commit(f->h);
	assert_int_equal(state_of(f->h, "juliet@localhost", "romeo@localhost"), 0);
	says(f->juliet, "<presence/>");
	sees(f->juliet, "<presence from='juliet@localhost/balcony' ~");
	sees_nothing(f->juliet);
	harness_commit(f->h);
	sees(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
}

static void a_full_address_is_made_bare(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost/balcony'/>");
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
	says(f->juliet, "<presence/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribe'/>");
}

static void nobody_subscribes_to_oneself(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence type='subscribe' to='romeo@localhost' id='x'/>");
	assert_int_equal(state_of(f->h, "romeo@localhost", "romeo@localhost"), 0);
	sees(f->romeo, "<presence from='romeo@localhost' id='x' to='*' type='error'>" ERROR("cancel", "not-allowed")
		"</presence>");
	says(f->romeo, "<presence type='subscribe' id='y'/>");
	sees(f->romeo, "<presence ~id='y' ~ type='error'>~");
}

static void a_request_to_another_server_is_returned(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence/>");
	overlooks(f->romeo);
	says(f->romeo, "<presence type='subscribe' to='someone@far.example' id='x'/>");
	sees(f->romeo, "<presence from='someone@far.example' id='x' to='*' type='error'>"
		ERROR("cancel", "remote-server-not-found") "</presence>");
}

/* Nothing reaches the other side before all of it has been said. */
static void what_both_say_at_the_same_time_agrees_in_the_end(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='unsubscribe' to='juliet@localhost'/>");
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
	/* She approves and takes it back, while he gives up. */
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(f->juliet, "<presence type='unsubscribed' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='unsubscribe' to='juliet@localhost'/>");
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	assert_state(f->h, "romeo", "juliet", 0);
}

/* The same when a stop comes in between, and only the disk knows what was said. */
static void what_both_had_said_before_a_stop_agrees_in_the_end(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='unsubscribe' to='juliet@localhost'/>");
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	while (storage_writer_step(f->h->sim.storage) == 0)
		;
	harness_crash(f->h);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_PENDING_OUT);
}

/* 3.1.6 */
static void a_session_that_appears_during_the_approval_sees_the_contact(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	stands_still(f->h, SIM_WRITER);
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(f->romeo, "<presence/>");
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	sees_somewhere(f->romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost/phone'/>");
	sees(f->romeo, "<presence from='romeo@localhost/phone' to='romeo@localhost'/>");
	sees_nothing(f->romeo);
}

/* What strangers put into their requests, and how many ask, ends no session of hers: else they could keep her out. */
static void requests_of_strangers_end_no_session(void **state)
{
	enum { STRANGERS = 40, ELEMENTS = 300 };
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	struct buf b;
	buf_init(&b, 1u << 20);
	for (int i = 0; i < ELEMENTS; i++)
		buf_printf(&b, "<a/>");
	buf_add_byte(&b, 0);
	for (int i = 0; i < STRANGERS; i++) {
		char jid[40];
		snprintf(jid, sizeof(jid), "s%d@localhost/x", i);
		harness_account(f->h, jid);
		says(opens(f->h, jid), "<presence type='subscribe' to='juliet@localhost'><x xmlns='urn:x'>%s</x></presence>",
			buf_str(&b).p);
	}
	assert_false(f->juliet->ended);
	for (int i = 0; i < 2; i++) {
		dies(f->juliet);
		harness_run(f->h);
		f->juliet = opens(f->h, "juliet@localhost/balcony");
		becomes_full(f->juliet);
		says(f->juliet, "<presence/>");
		becomes_writable(f->juliet);
		assert_false(f->juliet->ended);
		sees_somewhere(f->juliet, "<presence from='s0@localhost' ~ type='subscribe'>~");
		harness_crash(f->h);
		f->juliet = opens(f->h, "juliet@localhost/balcony");
	}
	buf_fini(&b);
}

/* A request is kept until it is answered, so there is a bound for what is in it. */
static void a_request_that_is_too_large_is_refused(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence/>");
	struct buf b;
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "<a/>%050d", i);
	buf_add_byte(&b, 0);
	overlooks(f->juliet);
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost' id='x'>%s</presence>", buf_str(&b).p);
	sees(f->romeo, "<presence ~ id='x' ~ type='error'>~" ERROR("modify", "policy-violation") "</presence>");
	sees_nothing(f->juliet);
	assert_false(f->juliet->ended);
	assert_state(f->h, "romeo", "juliet", 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_of_strangers_end_no_session),
		TEST(a_request_that_is_too_large_is_refused),
		TEST(asking_and_granting_agree_on_both_sides),
		TEST(every_step_agrees_on_both_sides),
		TEST(whatever_one_side_does_both_rosters_agree_in_the_end),
		TEST(asking_right_after_giving_up_is_asking),
		TEST(what_both_say_at_the_same_time_agrees_in_the_end),
		TEST(what_both_had_said_before_a_stop_agrees_in_the_end),
		TEST(a_session_that_appears_during_the_approval_sees_the_contact),
		TEST(a_request_comes_again_until_it_is_answered),
		TEST(a_request_that_is_not_durable_yet_is_not_shown),
		TEST(a_full_address_is_made_bare),
		TEST(nobody_subscribes_to_oneself),
		TEST(a_request_to_another_server_is_returned),
	};
	return cmocka_run_group_tests_name("modules/presence_subscription", tests, NULL, NULL);
}
