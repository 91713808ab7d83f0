/* Rosters: what was written, and whether all sides agree. */
#include "tests/sim/storm/rosters.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"
#include "tests/sim/storm/storm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

void rosters_init(struct rosters *r)
{
	*r = (struct rosters){ .room = FIRST_ROOM, .list = mem_zalloc_array(FIRST_ROOM, sizeof(struct roster_write)) };
}

void rosters_fini(struct rosters *r)
{
	mem_free(r->list);
}

static size_t add(struct storm_client *c, unsigned contact, bool removes)
{
	struct rosters *r = &c->storm->rosters;
	if (r->count == r->room) {
		struct roster_write *list = mem_zalloc_array(r->room * 2, sizeof(*list));
		memcpy(list, r->list, r->count * sizeof(*list));
		mem_free(r->list);
		r->list = list;
		r->room *= 2;
	}
	r->list[r->count] = (struct roster_write){ .account = c->account, .contact = contact, .removes = removes,
		.sent = c->storm->step };
	c->storm->counts.roster_writes++;
	return r->count++;
}

void rosters_set(struct storm_client *c, unsigned contact)
{
	size_t n = add(c, contact, false);
	client_ask(c, "<iq type='set' id='%" PRIu64 "-r%zu'><query xmlns='jabber:iq:roster'>"
		"<item jid='u%u@localhost' name='n%zu'/></query></iq>", c->stream, n, contact, n);
}

void rosters_remove(struct storm_client *c, unsigned contact)
{
	size_t n = add(c, contact, true);
	client_ask(c, "<iq type='set' id='%" PRIu64 "-r%zu'><query xmlns='jabber:iq:roster'>"
		"<item jid='u%u@localhost' subscription='remove'/></query></iq>", c->stream, n, contact);
}

void roster_on_answer(struct storm_client *c, uint64_t number, bool is_error)
{
	struct rosters *r = &c->storm->rosters;
	assert_always(number < r->count);
	r->list[number].refused = is_error;
	r->list[number].told = c->storm->step;
}

/* Copies of rosters. */

static const char *const subscriptions[] = { "none", "to", "from", "both" };

static bool read_item(const struct xml_node *e, struct storm_item *item_r)
{
	struct str subscription = xml_attr(e, STR("subscription"));
	*item_r = (struct storm_item){ .asks = str_eq(xml_attr(e, STR("ask")), STR("subscribe")),
		.approved = str_eq(xml_attr(e, STR("approved")), STR("true")) };
	snprintf(item_r->name, sizeof(item_r->name), STR_FMT, STR_ARG(xml_attr(e, STR("name"))));
	if (str_eq(subscription, STR("remove")))
		return true;
	item_r->is_there = true;
	for (unsigned i = 0; i < ARRAY_LEN(subscriptions); i++) {
		item_r->subscription = i;
		if (str_eq(subscription, str_from_c(subscriptions[i])))
			return true;
	}
	return false;
}

/* The number behind the line, 0 for the version of a roster that has never changed; in the same line it only rises. */
static uint64_t number_of(const char *version)
{
	const char *dot = strchr(version, '.');
	return dot ? strtoull(dot + 1, NULL, 10) : 0;
}

static void keep(struct storm_client *c, struct str version, bool is_push)
{
	char text[STORM_VERSION_MAX];
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(version));
	if (is_push && c->version[0] && number_of(text) <= number_of(c->version))
		storm_violation(c->storm, "client %u got a push of version %s behind %s", c->number, text, c->version);
	memcpy(c->version, text, sizeof(text));
	memcpy(c->kept, c->items, sizeof(c->items));
}

void roster_on_same(struct storm_client *c)
{
	if (!c->version[0])
		storm_violation(c->storm, "client %u was sent no roster, though it has none", c->number);
	memcpy(c->items, c->kept, sizeof(c->items));
	c->has_roster = true;
	c->storm->counts.same_rosters++;
}

void roster_on_query(struct storm_client *c, const struct xml_node *query, bool is_push)
{
	unsigned contact;
	if (!is_push) {
		memset(c->items, 0, sizeof(c->items));
		c->has_roster = true;
	}
	XML_FOR_EACH_CHILD(e, query) {
		struct storm_item item;
		char jid[64];
		snprintf(jid, sizeof(jid), STR_FMT, STR_ARG(xml_attr(e, STR("jid"))));
		if (!read_item(e, &item) || sscanf(jid, "u%u@localhost", &contact) != 1 || contact >= STORM_ACCOUNTS) {
			storm_violation(c->storm, "client %u got a strange entry of the roster: %s", c->number, jid);
			return;
		}
		c->items[contact] = item;
	}
	if (c->has_roster)
		keep(c, xml_attr(query, STR("ver")), is_push);
}

/* Checks. */

static const char *text_of(const struct storm_item *item, char out[64])
{
	if (item->is_there)
		snprintf(out, 64, "%s%s%s, name '%s'", subscriptions[item->subscription], item->asks ? ", asks" : "",
			item->approved ? ", approved" : "", item->name);
	else
		snprintf(out, 64, "not there");
	return out;
}

static bool is_same(const struct storm_item *x, const struct storm_item *y)
{
	return x->is_there == y->is_there && x->subscription == y->subscription && x->asks == y->asks &&
	       x->approved == y->approved && strcmp(x->name, y->name) == 0;
}

const struct storm_client *roster_holder(const struct storm *st, unsigned account)
{
	for (unsigned i = account * STORM_RESOURCES; i < (account + 1) * STORM_RESOURCES; i++)
		if (client_is_ready(&st->clients[i]) && st->clients[i].has_roster)
			return &st->clients[i];
	return NULL;
}

static void check_devices(struct storm *st, unsigned account)
{
	const struct storm_client *first = roster_holder(st, account);
	for (unsigned i = account * STORM_RESOURCES; first && i < (account + 1) * STORM_RESOURCES; i++) {
		const struct storm_client *c = &st->clients[i];
		if (!client_is_ready(c) || !c->has_roster)
			continue;
		for (unsigned contact = 0; contact < STORM_ACCOUNTS; contact++) {
			char x[64], y[64];
			if (!is_same(&c->items[contact], &first->items[contact]))
				storm_violation(st, "clients %u and %u have different rosters: u%u is \"%s\" here, \"%s\""
					" there", first->number, c->number, contact,
					text_of(&first->items[contact], x), text_of(&c->items[contact], y));
		}
	}
}

static bool has_to(const struct storm_item *item)
{
	return item->subscription & SUBSCRIBED_TO;
}

static bool has_from(const struct storm_item *item)
{
	return item->subscription & SUBSCRIBED_FROM;
}

/* RFC 6121, Appendix A: x's "to" is y's "from". */
static void check_pair(struct storm *st, unsigned x, unsigned y)
{
	const struct storm_client *cx = roster_holder(st, x), *cy = roster_holder(st, y);
	char tx[64], ty[64];
	if (!cx || !cy)
		return;
	const struct storm_item *ix = &cx->items[y], *iy = &cy->items[x];
	if (has_to(ix) != has_from(iy))
		storm_violation(st, "u%u has u%u as \"%s\", but u%u has u%u as \"%s\"", x, y, text_of(ix, tx), y, x,
			text_of(iy, ty));
	if (ix->asks && iy->approved)
		storm_violation(st, "u%u asks u%u, who has approved before: \"%s\"", x, y, text_of(iy, ty));
	if (ix->asks && has_to(ix))
		storm_violation(st, "u%u asks for what it has: u%u is \"%s\"", x, y, text_of(ix, tx));
}

/* A request that waits for an answer has come to all who are there (RFC 6121, 3.1.3). */
static void check_request(struct storm *st, unsigned x, unsigned y)
{
	const struct storm_client *cx = roster_holder(st, x);
	if (!cx || !cx->items[y].asks)
		return;
	for (unsigned i = y * STORM_RESOURCES; i < (y + 1) * STORM_RESOURCES; i++) {
		const struct storm_client *cy = &st->clients[i];
		if (client_is_ready(cy) && cy->priority != STORM_AWAY && !cy->asked_by[x])
			storm_violation(st, "u%u asks u%u for a subscription, but client %u was not asked", x, y, i);
	}
}

/* It had happened, if at all, when the other one was sent. */
static bool is_over_before(const struct roster_write *w, const struct roster_write *later)
{
	uint64_t over = w->told ? w->told : w->settled;
	return over && over < later->sent;
}

/* Could this write be the last one that counts? */
static bool may_be_last(const struct rosters *r, const struct roster_write *w)
{
	if (w->refused)
		return false;
	for (size_t i = 0; i < r->count; i++) {
		const struct roster_write *v = &r->list[i];
		if (v->account == w->account && v->contact == w->contact && v->told && !v->refused &&
			is_over_before(w, v))
			return false;
	}
	return true;
}

/* No entry, or one without a name: nothing was ever written for certain, or a removal may have been the last. */
static bool may_be_unwritten(const struct rosters *r, unsigned account, unsigned contact)
{
	bool is_written = false;
	for (size_t i = 0; i < r->count; i++) {
		const struct roster_write *w = &r->list[i];
		if (w->account != account || w->contact != contact)
			continue;
		if (w->removes && may_be_last(r, w))
			return true;
		is_written |= w->told && !w->refused;
	}
	return !is_written;
}

static bool is_acceptable(const struct rosters *r, unsigned account, unsigned contact, const char *name)
{
	size_t n;
	if (!name[0])
		return may_be_unwritten(r, account, contact);
	if (sscanf(name, "n%zu", &n) != 1 || n >= r->count)
		return false;
	const struct roster_write *w = &r->list[n];
	return w->account == account && w->contact == contact && !w->removes && may_be_last(r, w);
}

static void check_writes(struct storm *st, unsigned account)
{
	const struct storm_client *c = roster_holder(st, account);
	char text[64];
	for (unsigned contact = 0; c && contact < STORM_ACCOUNTS; contact++)
		if (!is_acceptable(&st->rosters, account, contact, c->items[contact].name))
			storm_violation(st, "the roster of u%u has u%u as \"%s\", which is not what was written last",
				account, contact, text_of(&c->items[contact], text));
}

/* What nobody was told of has happened by now, or never will. */
static void settle(struct storm *st)
{
	for (size_t i = 0; i < st->rosters.count; i++) {
		struct roster_write *w = &st->rosters.list[i];
		if (!w->told && !w->settled)
			w->settled = st->step;
	}
}

void rosters_check(struct storm *st)
{
	settle(st);
	for (unsigned x = 0; x < STORM_ACCOUNTS; x++) {
		check_devices(st, x);
		check_writes(st, x);
		for (unsigned y = 0; y < STORM_ACCOUNTS; y++)
			if (x != y) {
				check_pair(st, x, y);
				check_request(st, x, y);
			}
	}
}

void rosters_check_end(struct storm *st)
{
	rosters_check(st);
	for (unsigned x = 0; x < STORM_ACCOUNTS; x++) {
		for (unsigned y = 0; y < STORM_ACCOUNTS; y++) {
			const struct storm_client *cx = roster_holder(st, x), *cy = roster_holder(st, y);
			if (x == y || !cx || !cy)
				continue;
			if (cy->asked_by[x] && !cx->items[y].asks)
				storm_violation(st, "u%u was asked for a subscription, but u%u does not ask", y, x);
		}
	}
}
