/* Subscriptions end to end (RFC 6121, Appendix A, with 3.1 to 3.4): in each state of the two accounts, with and without
 * pre-approvals on either side, each of the four stanzas. The tables say what becomes of it (unit/modules/subscription
 * has them cell by cell); here it is who sees what of that: the stanza, pushes, presence, and that both rosters
 * agree. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"

#include <stdio.h>

#define APPROVED SUBSCRIPTION_APPROVED

/* In romeo's view. */
static const uint8_t states[] = {
	0,
	SUBSCRIPTION_PENDING_OUT,
	SUBSCRIPTION_PENDING_IN,
	SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_PENDING_IN,
	SUBSCRIPTION_TO,
	SUBSCRIPTION_TO | SUBSCRIPTION_PENDING_IN,
	SUBSCRIPTION_FROM,
	SUBSCRIPTION_FROM | SUBSCRIPTION_PENDING_OUT,
	SUBSCRIPTION_BOTH,
};

static const enum stanza_type types[] = { PRESENCE_SUBSCRIBE, PRESENCE_UNSUBSCRIBE, PRESENCE_SUBSCRIBED,
	PRESENCE_UNSUBSCRIBED };

struct cell {
	struct harness *h;
	struct peer *romeo, *juliet;
	uint8_t his, hers; /* as the tables have them */
};

static void sends(struct peer *p, const char *type, const char *to)
{
	says(p, "<presence type='%s' to='%s@localhost'/>", type, to);
}

/* An approval that is given first stays when it is used. */
static void brings_about(struct cell *c, uint8_t his, uint8_t hers)
{
	if (his & APPROVED)
		sends(c->romeo, "subscribed", "juliet");
	if (hers & APPROVED)
		sends(c->juliet, "subscribed", "romeo");
	if (his & (SUBSCRIPTION_TO | SUBSCRIPTION_PENDING_OUT))
		sends(c->romeo, "subscribe", "juliet");
	if (his & (SUBSCRIPTION_FROM | SUBSCRIPTION_PENDING_IN))
		sends(c->juliet, "subscribe", "romeo");
	if (his & SUBSCRIPTION_TO)
		sends(c->juliet, "subscribed", "romeo");
	if (his & SUBSCRIPTION_FROM)
		sends(c->romeo, "subscribed", "juliet");
}

static uint8_t state_in(const struct cell *c, const char *owner, const char *contact)
{
	return state_of(c->h, owner, contact) | (is_approved(c->h, owner, contact) ? APPROVED : 0);
}

static void check_states(const struct cell *c, const char *when)
{
	uint8_t his = state_in(c, "romeo@localhost", "juliet@localhost"), hers = state_in(c, "juliet@localhost", "romeo@localhost");
	if (his != c->his || hers != c->hers)
		fail_msg("%s: romeo has %u, not %u; juliet has %u, not %u", when, his, c->his, hers, c->hers);
}

static void cell_init(struct cell *c, uint8_t his, uint8_t hers)
{
	*c = (struct cell){ .h = harness_new(2, NULL), .his = his, .hers = hers };
	harness_account(c->h, "romeo@localhost");
	harness_account(c->h, "juliet@localhost");
	c->romeo = opens(c->h, "romeo@localhost/phone");
	c->juliet = opens(c->h, "juliet@localhost/balcony");
	struct peer *both[] = { c->romeo, c->juliet };
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		says(both[i], "<iq type='get' id='g'>" EMPTY "</iq>");
		says(both[i], "<presence/>");
	}
	brings_about(c, his, hers);
	check_states(c, "at first");
	overlooks(c->romeo);
	overlooks(c->juliet);
}

/* What one of the two should see. */
struct expected {
	enum stanza_type stanza[2]; /* of the other; MESSAGE_NORMAL: none */
	unsigned pushes;
	bool appears, goes; /* the other's session */
};

/* How many of those that it has seen contain this. */
static unsigned take(struct peer *p, const char *part)
{
	unsigned n = 0;
	for (char *line; (line = peer_take(p)); mem_free(line))
		n += strstr(line, part) != NULL;
	return n;
}

/* The lines that it has seen, each of which has to be one that was expected. */
static void check_seen(struct peer *p, const char *other, const struct expected *e, const char *what)
{
	unsigned pushes = 0, appears = 0, goes = 0, stanzas = 0, wanted = 0;
	char from[80], available[100], bare[80];
	snprintf(from, sizeof(from), "<presence from='%s@localhost/", other);
	snprintf(bare, sizeof(bare), "<presence from='%s@localhost' ", other);
	for (size_t i = 0; i < 2; i++)
		wanted += e->stanza[i] != MESSAGE_NORMAL;
	for (char *line; (line = peer_take(p)); mem_free(line)) {
		bool is_presence = strncmp(line, from, strlen(from)) == 0;
		pushes += strstr(line, " type='set'><query xmlns='jabber:iq:roster' ver=") != NULL;
		goes += is_presence && strstr(line, "type='unavailable'");
		appears += is_presence && !strstr(line, "type=");
		for (size_t i = 0; i < 2 && strncmp(line, bare, strlen(bare)) == 0; i++) {
			if (e->stanza[i] == MESSAGE_NORMAL)
				continue;
			snprintf(available, sizeof(available), " type='" STR_FMT "'", STR_ARG(stanza_type_name(e->stanza[i])));
			stanzas += strstr(line, available) != NULL;
		}
		if (strncmp(line, bare, strlen(bare)) == 0 && !wanted)
			fail_msg("%s: nobody should have told " STR_FMT " %s", what, STR_ARG(jid_full(p->jid)), line);
	}
	if (stanzas != wanted || pushes != e->pushes || appears != e->appears || (goes > 0) != e->goes || goes > 1)
		fail_msg("%s: " STR_FMT " has seen %u stanzas, %u pushes, %u appear, %u go; not %u, %u, %u, %u", what,
			STR_ARG(jid_full(p->jid)), stanzas, pushes, appears, goes, wanted, e->pushes, e->appears, e->goes);
}

/* One more step of one side: what it sees, and what the other side sees of losing or having presence. */
static void apply(uint8_t *state, enum subscription_way way, enum stanza_type type, struct expected *own, struct expected *other)
{
	struct subscription_step step = subscription_next(*state, way, type);
	own->pushes += subscription_is_visible(*state, step.state);
	if (way == SUBSCRIPTION_RECEIVED && step.pass)
		own->stanza[own->stanza[0] != MESSAGE_NORMAL] = type;
	own->appears |= (step.state & ~*state & SUBSCRIPTION_TO) != 0;
	other->goes |= (*state & ~step.state & SUBSCRIPTION_FROM) != 0;
	*state = step.state;
}

static void check(uint8_t his, uint8_t hers, enum stanza_type type)
{
	struct cell c;
	struct expected romeo = { 0 }, juliet = { 0 };
	char what[100];
	snprintf(what, sizeof(what), STR_FMT " in state %u, hers %u", STR_ARG(stanza_type_name(type)), his, hers);
	cell_init(&c, his, hers);
	says(c.romeo, "<presence type='" STR_FMT "' to='juliet@localhost'/>", STR_ARG(stanza_type_name(type)));
	struct subscription_step sent = subscription_next(c.his, SUBSCRIPTION_SENT, type);
	apply(&c.his, SUBSCRIPTION_SENT, type, &romeo, &juliet);
	if (sent.pass) {
		struct subscription_step received = subscription_next(c.hers, SUBSCRIPTION_RECEIVED, type);
		apply(&c.hers, SUBSCRIPTION_RECEIVED, type, &juliet, &romeo);
		/* Whoever has unsubscribed here knows that, and is not told again. */
		if (received.reply == PRESENCE_SUBSCRIBED)
			apply(&c.his, SUBSCRIPTION_RECEIVED, PRESENCE_SUBSCRIBED, &romeo, &juliet);
	}
	check_states(&c, what);
	check_seen(c.romeo, "juliet", &romeo, what);
	check_seen(c.juliet, "romeo", &juliet, what);
	assert_int_equal(harness_outbox_rows(c.h), 0);
	/* As it was durable. */
	harness_crash(c.h);
	check_states(&c, what);
	harness_free(&c.h);
}

/* An approval excludes a request that waits for it. */
static void check_approvals(uint8_t his, uint8_t hers)
{
	for (int a = 0; a < 4; a++) {
		uint8_t x = his | (a & 1 ? APPROVED : 0), y = hers | (a & 2 ? APPROVED : 0);
		if ((x & APPROVED && x & SUBSCRIPTION_PENDING_IN) || (y & APPROVED && y & SUBSCRIPTION_PENDING_IN))
			continue;
		for (size_t t = 0; t < ARRAY_LEN(types); t++)
			check(x, y, types[t]);
	}
}

static void each_stanza_in_each_state(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(states); s++)
		check_approvals(states[s], mirrored(states[s]));
}

/* 3.2.3, 3.3.3: the stanza comes before the push that it explains; 3.2.2: and the end of the presence before both. */
static void what_explains_a_push_comes_before_it(void **state)
{
	(void)state;
	struct cell c;
	cell_init(&c, SUBSCRIPTION_BOTH, SUBSCRIPTION_BOTH);
	sends(c.romeo, "unsubscribed", "juliet");
	sees(c.juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees(c.juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribed'/>");
	sees(c.juliet, "<iq ~<item jid='romeo@localhost' subscription='from'/>~");
	sees_nothing(c.juliet);
	overlooks(c.romeo);
	sends(c.juliet, "unsubscribed", "romeo");
	overlooks(c.romeo);
	overlooks(c.juliet);
	harness_free(&c.h);
	cell_init(&c, SUBSCRIPTION_TO, SUBSCRIPTION_FROM);
	sends(c.romeo, "unsubscribe", "juliet");
	sees(c.juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribe'/>");
	sees(c.juliet, "<iq ~<item jid='romeo@localhost' subscription='none'/>~");
	sees_nothing(c.juliet);
	sees(c.romeo, "<iq ~<item jid='juliet@localhost' subscription='none'/>~");
	sees(c.romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost' type='unavailable'/>");
	sees_nothing(c.romeo);
	harness_free(&c.h);
}

/* 2.2: a request is for the available sessions (3.1.3); what explains a push is for those that have asked for the
 * roster (3.1.6, 3.2.3, 3.3.3), available or not. */
static void check_who_hears(enum stanza_type type, uint8_t his)
{
	struct cell c;
	char stanza[100];
	snprintf(stanza, sizeof(stanza), "<presence from='romeo@localhost' to='juliet@localhost' type='" STR_FMT "'/>",
		STR_ARG(stanza_type_name(type)));
	cell_init(&c, his, mirrored(his));
	struct peer *there = opens(c.h, "juliet@localhost/there"), *list = opens(c.h, "juliet@localhost/list");
	says(list, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(there, "<presence/>");
	struct peer *all[] = { c.juliet, there, list };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		overlooks(all[i]);
	says(c.romeo, "<presence type='" STR_FMT "' to='juliet@localhost'/>", STR_ARG(stanza_type_name(type)));
	assert_int_equal(take(c.juliet, stanza), 1);
	assert_int_equal(take(there, stanza), type == PRESENCE_SUBSCRIBE);
	assert_int_equal(take(list, stanza), type != PRESENCE_SUBSCRIBE);
	harness_free(&c.h);
}

static void each_stanza_reaches_the_sessions_it_is_for(void **state)
{
	(void)state;
	check_who_hears(PRESENCE_SUBSCRIBE, 0);
	check_who_hears(PRESENCE_SUBSCRIBED, SUBSCRIPTION_PENDING_IN);
	check_who_hears(PRESENCE_UNSUBSCRIBED, SUBSCRIPTION_FROM);
	check_who_hears(PRESENCE_UNSUBSCRIBED, SUBSCRIPTION_PENDING_IN);
	check_who_hears(PRESENCE_UNSUBSCRIBE, SUBSCRIPTION_TO);
	check_who_hears(PRESENCE_UNSUBSCRIBE, SUBSCRIPTION_PENDING_OUT);
}

/* 3.4.2: the request is not shown to the user. */
static void an_approved_request_is_answered_without_asking(void **state)
{
	(void)state;
	struct cell c;
	cell_init(&c, APPROVED, 0);
	sends(c.juliet, "subscribe", "romeo");
	sees(c.romeo, "<iq ~<item approved='true' jid='juliet@localhost' subscription='from'/>~");
	sees_nothing(c.romeo);
	sees(c.juliet, "<iq ~<item ask='subscribe' jid='romeo@localhost' subscription='none'/>~");
	sees(c.juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='subscribed'/>");
	sees(c.juliet, "<iq ~<item jid='romeo@localhost' subscription='to'/>~");
	sees(c.juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost/balcony'/>");
	sees_nothing(c.juliet);
	/* It stays: she may go and come. */
	sends(c.juliet, "unsubscribe", "romeo");
	overlooks(c.romeo);
	sends(c.juliet, "subscribe", "romeo");
	assert_int_equal(take(c.romeo, "type='subscribe'"), 0);
	c.his = SUBSCRIPTION_FROM | APPROVED;
	c.hers = SUBSCRIPTION_TO;
	check_states(&c, "again");
	/* Until he takes it back. */
	sends(c.romeo, "unsubscribed", "juliet");
	sends(c.juliet, "subscribe", "romeo");
	assert_int_equal(take(c.romeo, "type='subscribe'"), 1);
	harness_free(&c.h);
}

/* 3.4.2: nothing is routed, and 3.2.2: nor is the cancellation. */
static void the_contact_hears_nothing_of_an_approval(void **state)
{
	(void)state;
	struct cell c;
	cell_init(&c, 0, 0);
	sends(c.romeo, "subscribed", "juliet");
	sees(c.romeo, "<iq ~<item approved='true' jid='juliet@localhost' subscription='none'/>~");
	sends(c.romeo, "subscribed", "juliet");
	sees_nothing(c.romeo);
	sends(c.romeo, "unsubscribed", "juliet");
	sees(c.romeo, "<iq ~<item jid='juliet@localhost' subscription='none'/>~");
	sees_nothing(c.romeo);
	sees_nothing(c.juliet);
	/* Removing the item ends it too. */
	sends(c.romeo, "subscribed", "juliet");
	says(c.romeo, "<iq type='set' id='s'>" ROSTER("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
	overlooks(c.romeo);
	sees_nothing(c.juliet);
	sends(c.juliet, "subscribe", "romeo");
	sees(c.romeo, "<presence from='juliet@localhost' to='romeo@localhost' type='subscribe'/>");
	harness_free(&c.h);
}

/* A set of name and groups leaves it alone, and 2.1.2.1: cannot give it. */
static void a_roster_set_does_not_touch_an_approval(void **state)
{
	(void)state;
	struct cell c;
	cell_init(&c, APPROVED, 0);
	says(c.romeo, "<iq type='set' id='s'>" ROSTER("<item jid='juliet@localhost' name='J' approved='false'/>") "</iq>");
	sees(c.romeo, "<iq ~<item approved='true' jid='juliet@localhost' name='J' subscription='none'/>~");
	harness_free(&c.h);
	cell_init(&c, 0, 0);
	says(c.romeo, "<iq type='set' id='s'>" ROSTER("<item jid='juliet@localhost' approved='true'/>") "</iq>");
	sees(c.romeo, "<iq ~<item jid='juliet@localhost' subscription='none'/>~");
	harness_free(&c.h);
}

/* Both act at once, approvals among it: whatever crosses, they agree in the end. */
static void whatever_crosses_both_rosters_agree(void **state)
{
	(void)state;
	struct cell c;
	cell_init(&c, 0, 0);
	struct world *w = &c.h->sim.world;
	for (int round = 0; round < 200; round++) {
		if (world_below(w, 2))
			stands_still(c.h, SIM_WRITER);
		for (int i = 0; i < 8; i++) {
			bool by_romeo = world_below(w, 2);
			enum stanza_type type = types[world_below(w, ARRAY_LEN(types))];
			posts(by_romeo ? c.romeo : c.juliet, "<presence type='" STR_FMT "' to='%s@localhost'/>",
				STR_ARG(stanza_type_name(type)), by_romeo ? "juliet" : "romeo");
			if (world_below(w, 2))
				harness_run(c.h);
		}
		goes_on(c.h, SIM_WRITER);
		harness_run(c.h);
		overlooks(c.romeo);
		overlooks(c.juliet);
		assert_int_equal(state_of(c.h, "romeo@localhost", "juliet@localhost"),
			mirrored(state_of(c.h, "juliet@localhost", "romeo@localhost")));
		assert_int_equal(harness_outbox_rows(c.h), 0);
	}
	harness_free(&c.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_stanza_in_each_state),
		cmocka_unit_test(what_explains_a_push_comes_before_it),
		cmocka_unit_test(each_stanza_reaches_the_sessions_it_is_for),
		cmocka_unit_test(an_approved_request_is_answered_without_asking),
		cmocka_unit_test(the_contact_hears_nothing_of_an_approval),
		cmocka_unit_test(a_roster_set_does_not_touch_an_approval),
		cmocka_unit_test(whatever_crosses_both_rosters_agree),
	};
	return cmocka_run_group_tests_name("modules/presence_states", tests, NULL, NULL);
}
