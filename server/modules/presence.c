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
#include "server/modules/directed.h"
#include "server/modules/roster.h"
#include "server/modules/roster_store.h"
#include "server/modules/subscription.h"

#define STATES_PAGE 1000
/* What a request for a subscription may take of memory: it is kept until it is answered. */
#define REQUEST_BYTES_MAX (64u << 10)
/* What a session is told of them at once: the rest comes when these have been answered. Strangers are not to end it. */
#define REQUESTS_BYTES_MAX (SESSION_QUEUE_MAX_BYTES / 2)

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

/* Requests that wait for an answer come again until they have one (3.1.3). */
static void tell_requests(struct session *s)
{
	struct account *a = s->account;
	size_t bytes = 0;
	ROSTER_FOR_EACH(item, a) {
		if (!(item->state & SUBSCRIPTION_PENDING_IN) || !item->request || bytes >= REQUESTS_BYTES_MAX)
			continue;
		bytes += stanza_bytes(item->request);
		session_send_fact(s, item->request, worker_outcome(&a->entity), NULL);
	}
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
	tell_requests(s);
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

/* It has been told with all others who are subscribed. */
static bool was_told(const struct session *s, const struct jid *account)
{
	return session_is_available(s) && roster_tells(s->account, account);
}

/* 4.5.2, and on every kind of loss: whoever has been told that it is available is told that it is not. */
static void on_unavailable(struct session *s, struct stanza *presence)
{
	if (session_is_available(s)) {
		to_contacts(s->account, presence, SUBSCRIPTION_FROM);
		to_own_sessions(s->account, presence);
	}
	directed_take_back(s, presence, was_told);
	session_drop_presence(s);
}

static void on_session_close(struct session *s)
{
	if (!session_is_available(s) && !directed_is_used(s)) {
		directed_drop(s);
		return;
	}
	struct stanza *gone = make_presence(PRESENCE_UNAVAILABLE, s->jid, NULL);
	on_unavailable(s, gone);
	stanza_unref(&gone);
}

/* Who may know. */

/* RFC 6121, 8.5.3.1: by subscription, or by directed presence to it (its account or this resource). */
static bool may_ask(struct session *s, const struct stanza *iq)
{
	return roster_tells(s->account, iq->from) || directed_has(s, iq->from);
}

static bool knows(struct account *a, const struct jid *who)
{
	if (roster_tells(a, who))
		return true;
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (directed_has(s, who))
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

/* Also of what it was told directly (4.6.1). */
void presence_withdraw(struct account *a, const struct jid *contact, uint8_t before, uint8_t after)
{
	if (!(before & SUBSCRIPTION_FROM) || after & SUBSCRIPTION_FROM)
		return;
	tell(a, contact, PRESENCE_UNAVAILABLE);
	ACCOUNT_FOR_EACH_SESSION(s, a) {
		if (!session_is_available(s) || !directed_is_used(s))
			continue;
		struct stanza *gone = make_presence(PRESENCE_UNAVAILABLE, s->jid, NULL);
		directed_end(s, gone, contact);
		stanza_unref(&gone);
	}
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
	if (presence->type == PRESENCE_SUBSCRIBE && !account_may_subscribe(a, s)) {
		struct stanza_error error = stanza_error_make(STANZA_POLICY_VIOLATION, "too many requests");
		error.type = STANZA_ERROR_WAIT; /* RFC 6120, 8.3.3.12 */
		session_refuse(s, presence, &error);
		return;
	}
	if (presence->type == PRESENCE_SUBSCRIBE && stanza_bytes(presence) > REQUEST_BYTES_MAX) {
		refuse(s, presence, STANZA_POLICY_VIOLATION, "the request is too large");
		return;
	}
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
	if (subscription_is_visible(before, step.state))
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
		step.pass = step.state != before;
	}
	return step;
}

/* A subscription stanza of another account, to be applied in `u`. */
static void apply_received(
	struct account *a, const struct outbox_arrival *entry, struct unit *u, struct outbox_effect *effect)
{
	struct stanza *presence = entry->payload;
	const struct jid *contact = presence->from;
	effect->before = effect->after = state_of(a, contact);
	struct subscription_step step = decide(a, entry, effect->before);
	struct stanza *request = presence->type == PRESENCE_SUBSCRIBE ? presence : NULL;
	if (step.state != effect->before && !roster_set_state(a, u, contact, step.state, request))
		return; /* a full roster takes no more requests; the contact may ask again */
	effect->after = step.state;
	effect->deliver = step.pass;
	effect->push = subscription_is_visible(effect->before, effect->after);
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
	if (is_subscription(entry->payload->type))
		apply_received(a, entry, u, effect);
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

/* A request is for whoever is there (3.1.3); the others come with the push that they explain (3.1.6, 3.2.3, 3.3.3). */
static bool hears(const struct session *s, enum stanza_type type)
{
	return type == PRESENCE_SUBSCRIBE ? session_is_available(s) : s->interested;
}

/* The unit of on_outbox has been added: what the user's sessions see of it. */
static void on_outbox_added(struct account *a, struct stanza *payload, const struct outbox_effect *effect, struct outcome *o)
{
	if (effect->deliver) {
		ACCOUNT_FOR_EACH_SESSION(s, a)
			if (hears(s, payload->type))
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

static void answer_probe(struct account *a, struct stanza *probe, enum stanza_type type, struct str id, const struct jid *from)
{
	struct stanza_draft draft = stanza_new(type);
	route(a->entity.worker, stanza_finish(&draft, id, from, probe->from), NULL);
}

/* 4.3.2, 4.6.6: of one session its mere presence. */
static void on_probe_of_session(struct account *a, struct stanza *probe, const struct jid *to)
{
	const struct session *s = account_find_session(a, jid_resource(to));
	bool is_told = roster_tells(a, probe->from);
	if (s && session_is_available(s) && is_told) {
		struct stanza *last = session_presence(s);
		answer_probe(a, probe, PRESENCE_AVAILABLE, last->id, to);
		stanza_unref(&last);
	} else if (s && directed_has(s, probe->from)) {
		answer_probe(a, probe, PRESENCE_AVAILABLE, str_make(NULL, 0), to);
	} else if (is_told) {
		answer_probe(a, probe, PRESENCE_UNAVAILABLE, probe->id, to);
	}
}

/* 4.3.2: each session's presence, to the session that asks; nothing for those who may not know. That nobody is there is
 * said to a client who asks for it, not to the server, whose probes (without an address of their own) go to all
 * contacts. */
static void on_probe(struct account *a, struct stanza *probe, const struct jid *to)
{
	if (!jid_is_bare(to)) {
		on_probe_of_session(a, probe, to);
		return;
	}
	if (!roster_tells(a, probe->from))
		return;
	tell(a, probe->from, PRESENCE_AVAILABLE);
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (session_is_available(s))
			return;
	if (probe->to)
		answer_probe(a, probe, PRESENCE_UNAVAILABLE, probe->id, account_jid(a));
}

/* 4.6.1: whoever has gone need not be told. */
static void on_sender_gone(struct account *a, const struct jid *sender)
{
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (directed_is_used(s))
			directed_note(s, sender, false);
}

static void on_presence(struct account *a, struct stanza *s, const struct jid *to)
{
	if (s->type == PRESENCE_PROBE) {
		on_probe(a, s, to);
		return;
	}
	if (is_subscription(s->type))
		return; /* comes by outbox only */
	if (s->type == PRESENCE_UNAVAILABLE)
		on_sender_gone(a, s->from);
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
			directed_note(s, presence->to, presence->type == PRESENCE_AVAILABLE);
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
	.stream_features = STR_INIT("<sub xmlns='urn:xmpp:features:pre-approval'/>"),
	.on_presence_sent = on_presence_sent,
	.on_presence = on_presence,
	.on_outbox = on_outbox,
	.on_outbox_added = on_outbox_added,
	.on_outbox_undone = on_outbox_undone,
	.may_ask = may_ask,
	.knows = knows,
	.on_session_close = on_session_close,
	.on_session_drop = directed_drop,
	.on_account_leave = on_account_leave,
	.on_stored_account_leave = on_stored_account_leave,
};
