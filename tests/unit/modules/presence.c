/* Presence (RFC 6121, 3 and 4): who is told what, and subscriptions between accounts on different workers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/session.h"
#include "server/modules/subscription.h"

#include <stdio.h>

#define EMPTY "<query xmlns='jabber:iq:roster'/>"

/* Three accounts on three workers. */
struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet, *nurse;
};

static int begin(void **state, bool encoded)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(&(struct harness_options){ .workers = 3, .encoded = encoded });
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	harness_account(f->h, "nurse@localhost");
	assert_true(harness_worker(f->h, "romeo@localhost") != harness_worker(f->h, "juliet@localhost") &&
		harness_worker(f->h, "romeo@localhost") != harness_worker(f->h, "nurse@localhost") &&
		harness_worker(f->h, "juliet@localhost") != harness_worker(f->h, "nurse@localhost"));
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

/* The state of `contact` in the roster of `owner`, on disk and in memory alike. */
static uint8_t state_of(struct harness *h, const char *owner, const char *contact)
{
	static const struct statement st = {
		"SELECT coalesce(max(state), 0) FROM roster WHERE owner || ' ' || jid = ?1", NULL };
	char key[200];
	snprintf(key, sizeof(key), "%s %s", owner, contact);
	return (uint8_t)harness_number(h, &st, key);
}

/* A state seen from the other side. */
static uint8_t mirrored(uint8_t s)
{
	return (uint8_t)((s & SUBSCRIPTION_TO ? SUBSCRIPTION_FROM : 0) | (s & SUBSCRIPTION_FROM ? SUBSCRIPTION_TO : 0) |
		(s & SUBSCRIPTION_PENDING_OUT ? SUBSCRIPTION_PENDING_IN : 0) |
		(s & SUBSCRIPTION_PENDING_IN ? SUBSCRIPTION_PENDING_OUT : 0));
}

#define assert_state(h, owner, contact, state)                                                                         \
	do {                                                                                                           \
		assert_int_equal(state_of(h, owner "@localhost", contact "@localhost"), state);                        \
		assert_int_equal(state_of(h, contact "@localhost", owner "@localhost"), mirrored(state));              \
	} while (0)

/* Bare sessions that only subscribe. */
static void open_all(struct fixture *f)
{
	f->romeo = opens(f->h, "romeo@localhost/phone");
	f->juliet = opens(f->h, "juliet@localhost/balcony");
	f->nurse = opens(f->h, "nurse@localhost/kitchen");
}

/* `from` may see `to`. */
static void subscribe(struct peer *from, const char *from_jid, struct peer *to, const char *to_jid)
{
	says(from, "<presence type='subscribe' to='%s'/>", to_jid);
	says(to, "<presence type='subscribed' to='%s'/>", from_jid);
	overlooks(from);
	overlooks(to);
}

/* romeo and juliet see each other; nurse sees romeo, he does not see her. */
static void befriend(struct fixture *f)
{
	open_all(f);
	subscribe(f->romeo, "romeo@localhost", f->juliet, "juliet@localhost");
	subscribe(f->juliet, "juliet@localhost", f->romeo, "romeo@localhost");
	subscribe(f->nurse, "nurse@localhost", f->romeo, "romeo@localhost");
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_BOTH);
	assert_state(f->h, "romeo", "nurse", SUBSCRIPTION_FROM);
}

/* Subscriptions. */

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
	sees(f->romeo, "<iq id='*' to='romeo@localhost/phone' type='set'><query xmlns='jabber:iq:roster'><item "
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
	sees_somewhere(f->romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost'/>");
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
		{ true, "subscribed", 0 },
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

/* One side acts at a time, with commits where the seed has them. It asks for nothing that it has already: that would
 * be answered (A.3.1), and the answer could cross with what it does next. */
static void whatever_one_side_does_both_rosters_agree_in_the_end(void **state)
{
	static const enum stanza_type types[] = { PRESENCE_SUBSCRIBE, PRESENCE_SUBSCRIBED, PRESENCE_UNSUBSCRIBE,
		PRESENCE_UNSUBSCRIBED };
	struct fixture *f = *state;
	uint8_t model = 0; /* romeo's view */
	open_all(f);
	for (int round = 0; round < 150; round++) {
		bool by_romeo = round % 2 == 0;
		uint8_t mine = by_romeo ? model : mirrored(model);
		f->h->stops.writer = random_below(&f->h->order, 2) == 0;
		for (int i = 0; i < 6; i++) {
			enum stanza_type type = types[random_below(&f->h->order, 4)];
			if (type == PRESENCE_SUBSCRIBE && mine & SUBSCRIPTION_TO)
				continue;
			posts(by_romeo ? f->romeo : f->juliet, "<presence type='" STR_FMT "' to='%s@localhost'/>",
				STR_ARG(stanza_type_name(type)), by_romeo ? "juliet" : "romeo");
			mine = subscription_next(mine, SUBSCRIPTION_SENT, type).state;
			if (random_below(&f->h->order, 2))
				harness_run(f->h);
		}
		f->h->stops.writer = false;
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
	befriend(f);
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
	f->h->stops.writer = true;
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
}

/* Broadcast. */

static void presence_goes_to_contacts_that_may_know_and_to_oneself(void **state)
{
	struct fixture *f = *state;
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
	befriend(f);
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence/>");
	overlooks(f->juliet);
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribed'/>");
	sees_nothing(f->juliet);
	says(f->romeo, "<presence><show>away</show></presence>");
	sees_nothing(f->juliet);
}

/* Presence must not wake the sleeping. */
static void presence_makes_no_entity_of_an_account_without_sessions(void **state)
{
	struct fixture *f = *state;
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
	befriend(f);
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
		subscribe(friends[i], bare, f->romeo, "romeo@localhost");
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

/* Both with envelopes as pointers and as bytes. */
#define TEST(name)                                                                                                     \
	{ #name, name, setup, teardown, NULL }, { #name "_encoded", name, setup_encoded, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asking_and_granting_agree_on_both_sides),
		TEST(every_step_agrees_on_both_sides),
		TEST(whatever_one_side_does_both_rosters_agree_in_the_end),
		TEST(asking_right_after_giving_up_is_asking),
		TEST(a_request_comes_again_until_it_is_answered),
		TEST(a_request_that_is_not_durable_yet_is_not_shown),
		TEST(a_full_address_is_made_bare),
		TEST(nobody_subscribes_to_oneself),
		TEST(a_request_to_another_server_is_returned),
		TEST(a_subscription_that_cannot_be_stored_is_answered),
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
