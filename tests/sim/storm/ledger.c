/* Messages: what was said, what became certain, what arrived. */
#include "tests/sim/storm/ledger.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "tests/sim/storm/storm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_ROOM  64

void ledger_init(struct ledger *l)
{
	*l = (struct ledger){ .room = FIRST_ROOM, .list = mem_zalloc_array(FIRST_ROOM, sizeof(struct said)) };
}

void ledger_fini(struct ledger *l)
{
	mem_free(l->list);
}

static struct said *add(struct ledger *l)
{
	if (l->count == l->room) {
		struct said *list = mem_zalloc_array(l->room * 2, sizeof(*list));
		memcpy(list, l->list, l->count * sizeof(*list));
		mem_free(l->list);
		l->list = list;
		l->room *= 2;
	}
	return &l->list[l->count++];
}

static const char *type_name(enum said_type type)
{
	static const char *const names[] = { "chat", "normal", "headline" };
	return names[type];
}

void ledger_say(struct storm_client *c, unsigned to, int resource, enum said_type type, unsigned padding_n)
{
	struct storm *st = c->storm;
	size_t n = st->ledger.count;
	char padding[LEDGER_PADDING_MAX + 1];
	assert_always(padding_n <= LEDGER_PADDING_MAX);
	memset(padding, 'x', sizeof(padding));
	const struct jid *jid =
		resource < 0 ? st->accounts[to] : st->clients[to * STORM_RESOURCES + (unsigned)resource].jid;
	*add(&st->ledger) = (struct said){ .from = c->number, .stream = c->stream, .to = to, .resource = resource,
		.type = type, .step = st->step, .epoch = st->epoch };
	st->counts.messages++;
	client_post(c, "<message to='" STR_FMT "' type='%s' id='m%zu'><body>%.*s</body></message>", STR_ARG(jid_full(jid)),
		type_name(type), n, (int)padding_n, padding);
}

/* Refused or answered by the account, behind all that this stream has sent to it. */
void ledger_ask(struct storm_client *c, unsigned to)
{
	client_ask(c, "<iq type='get' id='%" PRIu64 "-k%zu' to='u%u@localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
		c->stream, c->storm->ledger.count * STORM_ACCOUNTS + to, to);
}

struct storm_client *ledger_last_writer(struct storm *st, unsigned to)
{
	for (size_t i = st->ledger.count; i-- > 0;) {
		struct storm_client *c = &st->clients[st->ledger.list[i].from];
		if (st->ledger.list[i].to == to)
			return client_is_ready(c) ? c : NULL;
	}
	return NULL;
}

/* What the server keeps for somebody who is away: RFC 6121, 8.5.2.2.1 and 8.5.3.2.1. */
static bool is_kept(const struct said *s)
{
	return s->type == SAID_CHAT || (s->type == SAID_NORMAL && s->resource < 0);
}

void ledger_on_answer(struct storm_client *c, uint64_t number)
{
	struct storm *st = c->storm;
	size_t before = number / STORM_ACCOUNTS;
	unsigned to = number % STORM_ACCOUNTS;
	assert_always(before <= st->ledger.count);
	for (size_t i = before; i-- > 0;) {
		struct said *s = &st->ledger.list[i];
		if (s->stream != c->stream || s->to != to)
			continue;
		if (s->dealt_with)
			break;
		s->dealt_with = is_kept(s) && st->sessions[to] == 0 && s->step > st->sessions_seen[to];
	}
}

void ledger_on_durable(struct storm *st)
{
	struct ledger *l = &st->ledger;
	for (size_t i = l->uncertain; i < l->count; i++) {
		struct said *s = &l->list[i];
		if (s->dealt_with && !s->certain && !s->refused && s->epoch == st->epoch) {
			s->certain = true;
			st->counts.certain++;
		}
	}
}

/* Arrivals. */

static struct said *find(struct storm_client *c, uint64_t number)
{
	struct ledger *l = &c->storm->ledger;
	if (number < l->count)
		return &l->list[number];
	storm_violation(c->storm, "client %u got message %" PRIu64 ", which was never sent", c->number, number);
	return NULL;
}

static void check_copy(struct storm_client *c, const struct said *s, uint64_t n, struct str from, struct str id)
{
	struct storm *st = c->storm;
	const struct storm_client *sender = &st->clients[s->from];
	if (!str_eq(from, jid_full(sender->jid)) || s->to != c->account)
		storm_violation(st, "message %" PRIu64 " went astray: it says that it is from " STR_FMT
			", and came to client %u", n, STR_ARG(from), c->number);
	if (s->copies[c->resource] && s->received_on[c->resource] == c->stream)
		storm_violation(st, "client %u got message %" PRIu64 " twice in one session", c->number, n);
	if (s->acknowledged)
		storm_violation(st, "client %u got message %" PRIu64 " again, which had been acknowledged", c->number,
			n);
	if (id.n && s->id[0] && !str_eq(id, str_from_c(s->id)))
		storm_violation(st, "message %" PRIu64 " came again with another stanza-id: first %s, then " STR_FMT, n,
			s->id, STR_ARG(id));
}

/* It is available for messages to the bare JID, and knows that the server has seen that. */
static bool is_in_line(const struct storm_client *c)
{
	return c->priority >= 0 && c->sees[c->number] == c->status;
}

/* What was sent to this very device could pass what was kept, if that was for another device to collect, which then went
 * or would not take it. */
static bool may_have_passed(const struct storm_client *c, uint64_t place)
{
	const struct said *s = &c->storm->ledger.list[place - 1];
	return s->resource >= 0 &&
	       (c->storm->sessions[c->account] > 1 || c->storm->session_ended[c->account] > s->step);
}

/* docs/GUARANTEES.md, D6 */
static void check_order(struct storm_client *c, const struct said *s, uint64_t n, bool is_delayed)
{
	struct storm_order *o = &c->newest[s->from];
	uint64_t place = n + 1, before = o->kept;
	if (is_delayed && o->live_in_line > before && !may_have_passed(c, o->live_in_line))
		before = o->live_in_line;
	if (!is_delayed && o->live > before)
		before = o->live;
	/* What could not be written to a device any more is delivered anew when its session ends, and so comes late; so
	 * does what was kept for one device, and then collected by another. */
	bool may_be_late = !s->dealt_with && (is_delayed || c->storm->session_ended[c->account] > s->step);
	if (place <= before && !may_be_late)
		storm_violation(c->storm, "client %u got message %" PRIu64 " behind message %" PRIu64
			" of the same sender", c->number, n, before - 1);
	if (is_delayed && s->dealt_with)
		o->kept = place;
	else if (!is_delayed)
		o->live = place;
	if (!is_delayed && s->type != SAID_HEADLINE && is_in_line(c))
		o->live_in_line = place;
}

void ledger_on_message(struct storm_client *c, uint64_t number, struct str from, struct str id, bool is_delayed)
{
	struct storm *st = c->storm;
	struct said *s = find(c, number);
	if (!s)
		return;
	check_copy(c, s, number, from, id);
	if (id.n && !is_delayed)
		storm_violation(st, "message %" PRIu64 " has a stanza-id, but does not say that it is late", number);
	check_order(c, s, number, is_delayed);
	if (s->copies[c->resource]++)
		st->counts.redelivered++;
	else
		st->counts.received++;
	s->received_on[c->resource] = c->stream;
	if (id.n)
		snprintf(s->id, sizeof(s->id), STR_FMT, STR_ARG(id));
}

void ledger_on_error(struct storm_client *c, uint64_t number)
{
	struct said *s = find(c, number);
	if (!s)
		return;
	if (s->stream != c->stream && s->from != c->number)
		storm_violation(c->storm, "client %u got the error for message %" PRIu64 " of client %u", c->number,
			number, s->from);
	s->refused = true;
	c->storm->counts.refused++;
}

/* Checks. */

static unsigned copies(const struct said *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < STORM_RESOURCES; i++)
		n += s->copies[i];
	return n;
}

static int highest_priority(const struct storm *st, unsigned account)
{
	int highest = -1;
	for (unsigned i = account * STORM_RESOURCES; i < (account + 1) * STORM_RESOURCES; i++)
		if (client_is_ready(&st->clients[i]) && st->clients[i].priority > highest)
			highest = st->clients[i].priority;
	return highest;
}

/* Copies for one device: RFC 6121, 8.5.2.1.1, 8.5.3.1 and 8.5.3.2.1. */
static unsigned expected(const struct storm *st, const struct said *s, const struct storm_client *c, int highest)
{
	const struct storm_client *addressed =
		s->resource < 0 ? NULL : &st->clients[s->to * STORM_RESOURCES + (unsigned)s->resource];
	if (addressed && client_is_ready(addressed))
		return c == addressed;
	if (addressed && s->type != SAID_CHAT)
		return 0;
	if (!client_is_ready(c) || c->priority < 0)
		return 0;
	return s->type == SAID_HEADLINE || c->priority == highest;
}

/* Nothing has happened to the sender, the recipient's devices, the server or its disk since it was sent. */
static bool is_undisturbed(const struct storm *st, const struct said *s)
{
	return s->step > st->calm && s->epoch == st->epoch && st->changed[s->to] <= st->calm &&
	       st->troubled <= st->calm && st->clients[s->from].stream == s->stream && st->clients[s->from].bound;
}

static void check_undisturbed(struct storm *st, size_t n)
{
	const struct said *s = &st->ledger.list[n];
	int highest = highest_priority(st, s->to);
	unsigned expected_sum = 0;
	for (unsigned i = 0; i < STORM_RESOURCES; i++) {
		const struct storm_client *c = &st->clients[s->to * STORM_RESOURCES + i];
		unsigned e = expected(st, s, c, highest);
		expected_sum += e;
		if (s->copies[i] != e)
			storm_violation(st, "client %u has got %u copies of message %zu, not %u", c->number,
				s->copies[i], n, e);
	}
	if (expected_sum == 0 && !is_kept(s) && s->type != SAID_HEADLINE && !s->refused)
		storm_violation(st, "message %zu was neither delivered nor refused", n);
	if ((expected_sum > 0 || is_kept(s)) && s->refused)
		storm_violation(st, "message %zu was refused without need", n);
}

/* Whoever has got a copy has answered the ping behind it on the same stream, and since then all became durable. */
static bool is_acknowledged(const struct storm *st, const struct said *s, size_t n)
{
	for (unsigned i = 0; i < STORM_RESOURCES; i++) {
		const struct storm_client *c = &st->clients[s->to * STORM_RESOURCES + i];
		if (s->id[0] && s->copies[i] && c->stream == s->received_on[i] && client_is_ready(c) &&
			n < c->answered)
			return true;
	}
	return false;
}

void ledger_check(struct storm *st)
{
	struct ledger *l = &st->ledger;
	for (size_t i = l->checked; i < l->count; i++)
		if (is_undisturbed(st, &l->list[i]))
			check_undisturbed(st, i);
	for (size_t i = 0; i < l->count; i++)
		if (is_acknowledged(st, &l->list[i], i))
			l->list[i].acknowledged = true;
	l->checked = l->uncertain = l->count;
}

void ledger_check_end(struct storm *st)
{
	struct ledger *l = &st->ledger;
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].certain && copies(&l->list[i]) == 0)
			storm_violation(st, "message %zu to u%u was certain, and is lost", i, l->list[i].to);
}
