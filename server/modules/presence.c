/* Presence (RFC 6121, 3 and 4): broadcast, directed presence, probes, and subscriptions.
 *
 * A subscription stanza changes the rosters of two accounts that share no transaction. The sender's change and the stanza are one
 * unit, with the stanza in the outbox; the receiver applies it in a unit of its own (outbox.h). What is to change is decided by
 * subscription_next() alone. */
#include "server/modules/presence.h"

#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/multicast.h"
#include "server/core/outbox.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/modules/roster.h"
#include "server/modules/roster_store.h"
#include "server/modules/subscription.h"

#define STATES_PAGE 1000

/* Whom a session has sent presence directly (4.6); kept as its data. */
struct directed {
	size_t count;
	const struct jid *to[SESSION_DIRECTED_MAX];
	struct arena *arenas[SESSION_DIRECTED_MAX]; /* each of one address: clients may add and remove them without end */
};

static struct worker *worker_of(const struct session *s)
{
	return s->account->entity.worker;
}

static struct stanza *make_presence(enum stanza_type type, const struct jid *from, const struct jid *to)
{
	struct stanza_draft draft = stanza_new(type);
	return stanza_finish(&draft, str_make(NULL, 0), from, to);
}

static bool is_subscription(enum stanza_type t)
{
	return t == PRESENCE_SUBSCRIBE || t == PRESENCE_SUBSCRIBED || t == PRESENCE_UNSUBSCRIBE || t == PRESENCE_UNSUBSCRIBED;
}

/* For the session that has sent it: also where nobody else would be answered, since what it wants is not done. */
static struct stanza *make_refusal(
	struct session *s, const struct stanza *presence, enum stanza_condition condition, const char *text)
{
	struct stanza_error error = stanza_error_make(condition, text);
	struct stanza_draft draft = stanza_new(PRESENCE_ERROR);
	xml_add_shared(draft.arena, draft.root, stanza_error_build(draft.arena, &error));
	return stanza_finish(&draft, presence->id, presence->to, s->jid);
}

static void refuse(struct session *s, const struct stanza *presence, enum stanza_condition condition, const char *text)
{
	struct stanza *refusal = make_refusal(s, presence, condition, text);
	session_send(s, refusal, NULL);
	stanza_unref(&refusal);
}

/* Broadcast. */

/* Sends one stanza to all contacts whose subscription has one of these bits. */
static void to_contacts(struct account *a, struct stanza *s, uint8_t mask)
{
	struct roster *r = roster_of(a);
	const struct jid **to = mem_alloc((r->count + 1) * sizeof(*to));
	size_t count = 0;
	ROSTER_FOR_EACH(item, a)
		if (item->state & mask)
			to[count++] = item->jid;
	multicast(a->entity.worker, s, to, count);
	mem_free(to);
}

static void to_own_sessions(struct account *a, struct stanza *s)
{
	ACCOUNT_FOR_EACH_SESSION(other, a)
		if (session_is_available(other))
			session_send(other, s, account_jid(a));
}

static int8_t priority_of(const struct stanza *s, bool *ok_r)
{
	const struct xml_node *e = xml_child(s->root, NS_CONTENT, STR("priority"));
	*ok_r = true;
	if (!e)
		return 0;
	struct arena *a = arena_new(256, 1u << 20);
	struct str text = str_trim(xml_text(e, a));
	bool negative = str_has_prefix(text, STR("-"));
	uint64_t n = 0;
	*ok_r = str_parse_u64(str_from(text, negative ? 1 : 0), negative ? 128 : 127, &n);
	arena_free(&a);
	return (int8_t)(negative ? -(int)n : (int)n);
}

static void show(struct session *to, const struct session *of)
{
	struct stanza *presence = session_presence(of);
	session_send(to, presence, to->jid);
	stanza_unref(&presence);
}

/* 4.2.2: a session becomes available for the first time. */
static void on_initial(struct session *s)
{
	struct account *a = s->account;
	struct stanza *probe = make_presence(PRESENCE_PROBE, s->jid, NULL);
	to_contacts(a, probe, SUBSCRIPTION_TO); /* 4.3.1 */
	stanza_unref(&probe);
	ACCOUNT_FOR_EACH_SESSION(other, a)
		if (other != s && session_is_available(other))
			show(s, other);
	/* Requests that wait for an answer come again until they have one (3.1.3). */
	ROSTER_FOR_EACH(item, a)
		if (item->state & SUBSCRIPTION_PENDING_IN && item->request)
			session_send_fact(s, item->request, worker_outcome(&a->entity), NULL);
}

static void on_available(struct session *s, struct stanza *presence)
{
	const struct server *server = worker_of(s)->server;
	bool initial = !session_is_available(s), ok;
	int8_t priority = priority_of(presence, &ok);
	if (!ok) {
		refuse(s, presence, STANZA_BAD_REQUEST, "the priority is no number from -128 to 127"); /* 4.7.2.3 */
		return;
	}
	if (!session_set_presence(s, presence)) {
		refuse(s, presence, STANZA_POLICY_VIOLATION, "the presence cannot be kept");
		return;
	}
	s->priority = priority;
	to_own_sessions(s->account, presence);
	to_contacts(s->account, presence, SUBSCRIPTION_FROM);
	if (initial)
		on_initial(s);
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->on_session_available)
			server->modules[i]->on_session_available(s);
}

static void forget_directed(struct directed *d, size_t at)
{
	arena_free(&d->arenas[at]);
	d->to[at] = d->to[--d->count];
	d->arenas[at] = d->arenas[d->count];
}

static void directed_free(struct directed *d)
{
	while (d && d->count)
		forget_directed(d, d->count - 1);
	mem_free(d);
}

/* A contact who was told with all others need not be told again. */
static void forget_told(struct account *a, struct directed *d)
{
	for (size_t i = d->count; i-- > 0;)
		if (jid_is_bare(d->to[i]) && roster_tells(a, d->to[i]))
			forget_directed(d, i);
}

/* 4.5.2, and on every kind of loss: whoever has been told that it is available is told that it is not. */
static void on_unavailable(struct session *s, struct stanza *presence)
{
	struct directed *d = session_data(s, &presence_module);
	if (session_is_available(s)) {
		to_contacts(s->account, presence, SUBSCRIPTION_FROM);
		to_own_sessions(s->account, presence);
		if (d)
			forget_told(s->account, d);
	}
	session_drop_presence(s);
	if (d)
		multicast(worker_of(s), presence, d->to, d->count);
	session_set_data(s, &presence_module, NULL);
	directed_free(d);
}

static void on_session_close(struct session *s)
{
	if (!session_is_available(s) && !session_data(s, &presence_module))
		return;
	struct stanza *gone = make_presence(PRESENCE_UNAVAILABLE, s->jid, NULL);
	on_unavailable(s, gone);
	stanza_unref(&gone);
}

static void on_session_drop(struct session *s)
{
	directed_free(session_data(s, &presence_module));
}

/* Directed presence (4.6). */

static size_t find_directed(const struct directed *d, const struct jid *to)
{
	size_t i = 0;
	while (i < d->count && !jid_equal(d->to[i], to))
		i++;
	return i;
}

static void note_directed(struct session *s, const struct jid *to, bool available)
{
	struct directed *d = session_data(s, &presence_module);
	if (!d) {
		if (!available)
			return;
		d = mem_zalloc(sizeof(*d));
		session_set_data(s, &presence_module, d);
	}
	size_t at = find_directed(d, to);
	if (available && at == d->count && d->count < SESSION_DIRECTED_MAX) {
		d->arenas[at] = arena_new(JID_ARENA_BYTES(jid_full(to).n), JID_ARENA_BYTES_MAX);
		d->to[at] = jid_dup(d->arenas[at], to);
		d->count++;
	} else if (!available && at < d->count) {
		forget_directed(d, at);
	}
}

/* RFC 6121, 8.5.3.1: by subscription, or by directed presence to it (its account or this resource). */
static bool may_ask(struct session *s, const struct stanza *iq)
{
	const struct directed *d = session_data(s, &presence_module);
	const struct jid *from = iq->from;
	if (roster_tells(s->account, from))
		return true;
	for (size_t i = 0; d && i < d->count; i++)
		if (jid_equal_bare(d->to[i], from) && (jid_is_bare(d->to[i]) || jid_equal(d->to[i], from)))
			return true;
	return false;
}

/* Subscriptions. */

void presence_on_unit(struct worker *w, uint32_t entity, const struct unit *u, void *ctx)
{
	roster_on_unit(w, entity, u, ctx);
}

static int64_t heard_of(struct account *a, const struct jid *contact)
{
	const struct roster_item *item = roster_find(a, contact);
	return item ? item->heard : 0;
}

static void add_to_outbox(struct account *a, struct unit *u, enum stanza_type type, const struct jid *to, int64_t basis)
{
	struct stanza *s = make_presence(type, account_jid(a), to);
	outbox_send(a, u, s, basis);
	stanza_unref(&s);
}

/* What ends all that is between the two. */
static size_t endings(uint8_t state, enum stanza_type types_r[2])
{
	size_t n = 0;
	if (state & (SUBSCRIPTION_TO | SUBSCRIPTION_PENDING_OUT))
		types_r[n++] = PRESENCE_UNSUBSCRIBE;
	if (state & (SUBSCRIPTION_FROM | SUBSCRIPTION_PENDING_IN))
		types_r[n++] = PRESENCE_UNSUBSCRIBED;
	return n;
}

static void cancel(struct account *a, struct unit *u, const struct roster_item *item, int64_t basis)
{
	enum stanza_type types[2];
	for (size_t i = 0, n = endings(item->state, types); i < n; i++)
		add_to_outbox(a, u, types[i], item->jid, basis);
}

void presence_cancel(struct account *a, struct unit *u, const struct roster_item *item)
{
	cancel(a, u, item, item->heard);
}

static void on_account_leave(struct account *a, struct unit *u)
{
	ROSTER_FOR_EACH(item, a)
		cancel(a, u, item, OUTBOX_BASIS_ALL);
}

static void write_endings(struct outbox_writer *o, const struct jid *account, struct str contact, uint8_t state)
{
	struct arena *arena = arena_new(512, JID_ARENA_BYTES_MAX);
	enum stanza_type types[2];
	const struct jid *to;
	const char *why;
	size_t n = jid_parse(arena, contact, &to, &why) == 0 ? endings(state, types) : 0;
	for (size_t i = 0; i < n; i++) {
		struct stanza *s = make_presence(types[i], account, to);
		outbox_write(o, s);
		stanza_unref(&s);
	}
	arena_free(&arena);
}

static bool on_stored_account_leave(struct storage *s, const struct jid *account, struct outbox_writer *o)
{
	struct query *page = NULL;
	struct str contact = STR("");
	uint8_t state;
	bool ok, more;
	do {
		struct query *q = roster_store_states(jid_bare(account), contact, STATES_PAGE);
		query_free(&page); /* `contact` was in it */
		page = q;
		ok = storage_query_now(s, q) == 0;
		for (size_t r = 0; r < q->rows && (ok = roster_store_state(q, r, &contact, &state)); r++)
			write_endings(o, account, contact, state);
		more = q->more;
	} while (ok && more);
	query_free(&page);
	return ok;
}

/* Tells one contact the presence of all sessions; `type` says whether as it is, or that they are gone. */
static void tell(struct account *a, const struct jid *contact, enum stanza_type type)
{
	ACCOUNT_FOR_EACH_SESSION(s, a) {
		if (!session_is_available(s))
			continue;
		struct stanza *p = type == PRESENCE_AVAILABLE ? session_presence(s) : make_presence(type, s->jid, NULL);
		multicast(a->entity.worker, p, &contact, 1);
		stanza_unref(&p);
	}
}

void presence_withdraw(struct account *a, const struct jid *contact, uint8_t before, uint8_t after)
{
	if (before & SUBSCRIPTION_FROM && !(after & SUBSCRIPTION_FROM))
		tell(a, contact, PRESENCE_UNAVAILABLE);
}

/* Only these two are seen in the roster (A.1). */
static bool is_visible_change(uint8_t before, uint8_t after)
{
	uint8_t mask = SUBSCRIPTION_BOTH | SUBSCRIPTION_PENDING_OUT;
	return (before & mask) != (after & mask);
}

static uint8_t state_of(struct account *a, const struct jid *contact)
{
	const struct roster_item *item = roster_find(a, contact);
	return item ? item->state : 0;
}

/* What becomes of it, in `u`. False after a refusal. */
static bool apply_sent(struct session *s, struct stanza *presence, const struct jid *contact, struct unit *u,
	const struct subscription_step *step, uint8_t before)
{
	struct account *a = s->account;
	if (jid_equal(contact, account_jid(a))) {
		refuse(s, presence, STANZA_NOT_ALLOWED, "an account cannot be its own contact");
		return false;
	}
	/* D9. Here, where it begins: what other accounts have begun is in their outboxes, and waits. */
	if (storage_is_waiting(worker_of(s)->server->storage)) {
		refuse(s, presence, STANZA_RESOURCE_CONSTRAINT, "nothing can be stored at the moment");
		return false;
	}
	int64_t heard = heard_of(a, contact); /* of an item that may go */
	if (step->state != before && !roster_set_state(a, u, contact, step->state, NULL)) {
		refuse(s, presence, STANZA_RESOURCE_CONSTRAINT, "the roster is full");
		return false;
	}
	if (step->pass) {
		struct stanza *bare = stanza_derive(presence, &(struct stanza_change){ .to = contact });
		outbox_send(a, u, bare, heard);
		stanza_unref(&bare);
	}
	return true;
}

/* 3.1.2 and its kin: a session of the account sends a subscription stanza. */
static void on_subscription_sent(struct session *s, struct stanza *presence)
{
	struct account *a = s->account;
	struct arena *arena = arena_new(512, JID_ARENA_BYTES_MAX);
	const struct jid *contact = jid_to_bare(arena, presence->to);
	uint8_t before = state_of(a, contact);
	struct subscription_step step = subscription_next(before, SUBSCRIPTION_SENT, presence->type);
	struct unit *u = unit_new();
	if (!apply_sent(s, presence, contact, u, &step, before)) {
		unit_free(&u);
		arena_free(&arena);
		return;
	}
	struct outcome *o = worker_commit(&a->entity, u, presence_on_unit, NULL);
	worker_route_fact(worker_of(s), o, NULL,
		make_refusal(s, presence, STANZA_RESOURCE_CONSTRAINT, "this could not be stored"));
	if (is_visible_change(before, step.state))
		roster_push(a, contact, o);
	/* 3.1.6; a local contact asks for it itself: on_outbox_added */
	if (presence->type == PRESENCE_SUBSCRIBED && step.pass && !server_is_host(worker_of(s)->server, jid_domain(contact)))
		tell(a, contact, PRESENCE_AVAILABLE);
	presence_withdraw(a, contact, before, step.state);
	arena_free(&arena);
}

struct later {
	uint8_t state;
	bool any;
};

/* Something that this account has asked of the contact, who has not heard it yet. */
static void say_again(const struct stanza *payload, void *ctx)
{
	struct later *later = ctx;
	if (payload->type != PRESENCE_SUBSCRIBE && payload->type != PRESENCE_UNSUBSCRIBE)
		return;
	later->state = subscription_next(later->state, SUBSCRIPTION_SENT, payload->type).state;
	later->any = true;
}

/* Two local accounts may say something at the same time. Who is subscribed to is decided by the contact, in the order in which it hears
 * and says: so its answer to what came earlier is applied as if it had come before what it has not heard yet. */
static struct subscription_step decide(struct account *a, const struct outbox_arrival *entry, uint8_t before)
{
	const uint8_t own = SUBSCRIPTION_TO | SUBSCRIPTION_PENDING_OUT;
	struct subscription_step step = subscription_next(before, SUBSCRIPTION_RECEIVED, entry->payload->type);
	if (entry->payload->type == PRESENCE_SUBSCRIBED || entry->payload->type == PRESENCE_UNSUBSCRIBED) {
		struct later later = { .state = entry->payload->type == PRESENCE_SUBSCRIBED ? SUBSCRIPTION_TO : 0 };
		outbox_for_each_since(a, entry->payload->from, entry->basis, say_again, &later);
		if (later.any)
			step.state = (uint8_t)((before & ~own) | (later.state & own));
	}
	return step;
}

/* A subscription stanza of another account, to be applied in `u`. */
static void apply_received(
	struct account *a, const struct outbox_arrival *entry, struct unit *u, uint8_t *before_r, uint8_t *after_r)
{
	struct stanza *presence = entry->payload;
	const struct jid *contact = presence->from;
	*before_r = *after_r = state_of(a, contact);
	struct subscription_step step = decide(a, entry, *before_r);
	struct stanza *request = presence->type == PRESENCE_SUBSCRIBE ? presence : NULL;
	if (step.state != *before_r && !roster_set_state(a, u, contact, step.state, request))
		return; /* a full roster takes no more requests; the contact may ask again */
	*after_r = step.state;
	struct roster_item *item = roster_find(a, contact);
	if (item)
		item->heard = entry->number;
	/* A local contact who has unsubscribed knows; "unsubscribed" could only undo what it has asked for since. */
	bool knows = step.reply == PRESENCE_UNSUBSCRIBED && server_is_host(a->entity.worker->server, jid_domain(contact));
	if (step.reply != PRESENCE_AVAILABLE && !knows)
		add_to_outbox(a, u, step.reply, contact, entry->number);
}

static void on_outbox(
	struct account *a, const struct outbox_arrival *entry, struct unit *u, struct outbox_effect *effect)
{
	uint8_t before, after;
	if (!is_subscription(entry->payload->type))
		return;
	apply_received(a, entry, u, &before, &after);
	effect->deliver = before != after;
	effect->push = is_visible_change(before, after);
	effect->before = before;
	effect->after = after;
}

/* A local contact has approved (3.1.6). Its presence is asked for, by the sessions that are there: one that becomes available later asks
 * by itself (4.3.1), so each is told once, and none is missed. */
static void ask_for_presence(struct account *a, const struct jid *contact)
{
	ACCOUNT_FOR_EACH_SESSION(s, a) {
		if (!session_is_available(s))
			continue;
		struct stanza *p = make_presence(PRESENCE_PROBE, s->jid, NULL);
		multicast(a->entity.worker, p, &contact, 1);
		stanza_unref(&p);
	}
}

/* The unit of on_outbox has been added: what the user's sessions see of it. */
static void on_outbox_added(struct account *a, struct stanza *payload, const struct outbox_effect *effect, struct outcome *o)
{
	if (effect->deliver) {
		ACCOUNT_FOR_EACH_SESSION(s, a)
			if (session_is_available(s))
				session_send_fact(s, payload, o, NULL);
	}
	if (effect->push)
		roster_push(a, payload->from, o);
	presence_withdraw(a, payload->from, effect->before, effect->after);
	if (effect->after & ~effect->before & SUBSCRIPTION_TO)
		ask_for_presence(a, payload->from);
}

static void on_outbox_undone(struct account *a)
{
	account_drop_part(a, &roster_module);
}

/* Presence to the account or its sessions. */

/* 4.3.2: each session's presence, to the session that asks; nothing for those who may not know. */
static void on_probe(struct account *a, struct stanza *probe)
{
	if (roster_tells(a, probe->from))
		tell(a, probe->from, PRESENCE_AVAILABLE);
}

static void on_presence(struct account *a, struct stanza *s, const struct jid *to)
{
	if (s->type == PRESENCE_PROBE) {
		on_probe(a, s);
		return;
	}
	if (is_subscription(s->type))
		return; /* comes by outbox only */
	if (!jid_is_bare(to)) {
		struct session *session = account_find_session(a, jid_resource(to));
		if (session)
			session_send(session, s, to); /* 8.5.3.1 */
		return;
	}
	/* 8.5.2.1.2; errors too: they answer what was sent with the bare JID. */
	ACCOUNT_FOR_EACH_SESSION(session, a)
		if (session_is_available(session))
			session_send(session, s, to);
}

static void on_presence_sent(struct session *s, struct stanza *presence)
{
	if (is_subscription(presence->type)) {
		if (presence->to)
			on_subscription_sent(s, presence);
		else
			refuse(s, presence, STANZA_BAD_REQUEST, "whose presence?");
	} else if (presence->to) {
		if (presence->type == PRESENCE_AVAILABLE || presence->type == PRESENCE_UNAVAILABLE)
			note_directed(s, presence->to, presence->type == PRESENCE_AVAILABLE);
		route(worker_of(s), stanza_ref(presence), &s->origin);
	} else if (presence->type == PRESENCE_AVAILABLE) {
		on_available(s, presence);
	} else if (presence->type == PRESENCE_UNAVAILABLE) {
		on_unavailable(s, presence);
	}
}

const struct module presence_module = {
	.name = "presence",
	.version = "RFC 6121",
	.required = true,
	.summary = "Tells contacts who is there, and lets them ask for it",
	.on_presence_sent = on_presence_sent,
	.on_presence = on_presence,
	.on_outbox = on_outbox,
	.on_outbox_added = on_outbox_added,
	.on_outbox_undone = on_outbox_undone,
	.may_ask = may_ask,
	.on_session_close = on_session_close,
	.on_session_drop = on_session_drop,
	.on_account_leave = on_account_leave,
	.on_stored_account_leave = on_stored_account_leave,
};
