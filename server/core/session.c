/* Sessions: what a client sends goes to its account's modules and the router; what it is sent waits here for tickets and for room.
 *
 *     session_send ─▶ nothing waits: straight to the transport
 *                  └▶ queue ─▶ session_flush: as far as the first unreleased ticket, or until the transport is full
 *
 * A session ends in two steps: session_end (ours) or SESSION_END (the edge's) marks it, and session_on_closed, which needs the
 * account's parts, takes it apart. */
#include "server/core/session.h"

#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/core/account.h"
#include "server/core/anonymous.h"
#include "server/core/deliver.h"
#include "server/core/iq.h"
#include "server/core/module.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/worker.h"

#include <string.h>

/* A stanza this small cannot grow beyond SESSION_STANZA_BYTES_MAX: nine bytes are the least that make a kilobyte. */
#define SMALL_BYTES (8u << 10)
/* What one entry costs beside its stanza. */
#define ENTRY_BYTES 64

struct queued {
	struct queued *next;
	struct stanza *stanza, *otherwise;
	struct outcome *outcome;
	const struct jid *to; /* in memory of its own; or NULL */
	size_t bytes;
	bool recorded; /* whoever loses it can read it again */
	bool deferred; /* not for this session: it waits for the end of it */
	struct copies *copies; /* or NULL */
};

static struct worker *worker_of(const struct session *s)
{
	return s->account->entity.worker;
}

static void describe(const struct log *log, struct buf *b)
{
	const struct session *s = CONTAINER_OF_CONST(log, struct session, log);
	buf_printf(b, "user=" STR_FMT, STR_ARG(jid_full(s->jid)));
}

struct session *session_open(struct account *a, const struct jid *full, struct transport *t, const struct origin *origin)
{
	struct worker *w = a->entity.worker;
	void *object;
	slab_handle h = slab_alloc(&w->sessions, &object);
	assert_always(h != 0);
	struct session *s = object;
	s->account = a;
	s->transport = t;
	s->handle = h;
	s->jid = jid_new(full);
	s->log = log_child(&w->log, describe);
	s->origin = *origin;
	s->last_input_ms = worker_now(w);
	list_init(&s->flush_link);
	list_add_last(&a->sessions, &s->link);
	a->session_count++;
	atomic_fetch_add_explicit(&w->session_count, 1, memory_order_relaxed);
	log_info(&s->log, "session opened");
	for (size_t i = 0; i < w->server->module_count; i++)
		if (w->server->modules[i]->on_session_open)
			w->server->modules[i]->on_session_open(s);
	return s;
}

struct session *session_get(struct worker *w, slab_handle h)
{
	return slab_get(&w->sessions, h);
}

/* Output. */

struct copies *copies_new(void)
{
	struct copies *c = mem_zalloc(sizeof(*c));
	c->refs = 1;
	return c;
}

void copies_unref(struct copies **pointer)
{
	struct copies *c = *pointer;
	*pointer = NULL;
	if (c && --c->refs == 0)
		mem_free(c);
}

static void queued_free(struct queued *q)
{
	copies_unref(&q->copies);
	stanza_unref(&q->stanza);
	stanza_unref(&q->otherwise);
	outcome_unref(&q->outcome);
	jid_free(&q->to);
	mem_free(q);
}

static struct queued *pop(struct session *s)
{
	struct queued *q = s->first;
	s->first = q->next;
	if (!s->first)
		s->last = NULL;
	s->queued_bytes -= q->bytes;
	return q;
}

static bool write_out(struct session *s, struct stanza *stanza, const struct jid *to)
{
	if (!s->transport->ops->write(s->transport, stanza, to)) {
		s->blocked = true;
		return false;
	}
	worker_count(worker_of(s), stanzas_out);
	return true;
}

/* Moves the session to one of the worker's lists; the end of the turn, or the next release, looks at it. */
static void list_in(struct session *s, struct list *list)
{
	list_remove(&s->flush_link);
	list_add_last(list, &s->flush_link);
}

void session_flush(struct session *s)
{
	struct worker *w = worker_of(s);
	list_remove(&s->flush_link);
	while (s->first && s->transport && !s->blocked && !s->first->deferred) {
		struct queued *q = s->first;
		if (q->outcome && q->outcome->ticket > w->released) {
			list_in(s, &w->stalled);
			return;
		}
		struct stanza *stanza = q->outcome && q->outcome->error ? q->otherwise : q->stanza;
		if (q->outcome && q->outcome->repeated)
			stanza = NULL;
		if (stanza && !write_out(s, stanza, q->to))
			return;
		if (q->copies)
			q->copies->written = true;
		queued_free(pop(s));
	}
}

/* One stanza may always wait, however large it is: a roster, or what one client may send. */
static bool holds_too_much(const struct session *s)
{
	size_t largest = 0;
	if (s->queued_bytes <= SESSION_QUEUE_MAX_BYTES)
		return false;
	for (const struct queued *q = s->first; q; q = q->next)
		if (q->bytes > largest)
			largest = q->bytes;
	return s->queued_bytes - largest > SESSION_QUEUE_MAX_BYTES;
}

static struct queued *enqueue(struct session *s, struct stanza *stanza, const struct jid *to, struct outcome *outcome,
	struct stanza *otherwise)
{
	struct queued *q = mem_zalloc(sizeof(*q));
	q->stanza = stanza_ref(stanza);
	q->otherwise = otherwise ? stanza_ref(otherwise) : NULL;
	q->outcome = outcome ? outcome_ref(outcome) : NULL;
	q->to = to ? jid_new(to) : NULL;
	q->bytes = ENTRY_BYTES + stanza_bytes(stanza);
	if (s->last)
		s->last->next = q;
	else
		s->first = q;
	s->last = q;
	s->queued_bytes += q->bytes;
	if (!s->blocked)
		list_in(s, &worker_of(s)->to_flush);
	if (holds_too_much(s))
		session_end(s, STREAM_RESOURCE_CONSTRAINT, "the client reads too slowly");
	return q;
}

/* NULL if nothing had to be queued. */
static struct queued *send(struct session *s, struct stanza *stanza, const struct jid *to)
{
	if (s->closing || !s->transport || (!s->first && !s->blocked && write_out(s, stanza, to)))
		return NULL;
	return enqueue(s, stanza, to, NULL, NULL);
}

void session_send(struct session *s, struct stanza *stanza, const struct jid *to)
{
	send(s, stanza, to);
}

void session_send_recorded(struct session *s, struct stanza *stanza)
{
	struct queued *q = send(s, stanza, NULL);
	if (q)
		q->recorded = true;
}

void session_send_copy(struct session *s, struct stanza *stanza, struct copies *copies)
{
	struct queued *q = send(s, stanza, NULL);
	if (!copies)
		return;
	if (q) {
		q->copies = copies;
		copies->refs++;
	} else if (!s->closing) {
		copies->written = true;
	}
}

void session_send_fact(struct session *s, struct stanza *stanza, struct outcome *outcome, struct stanza *otherwise)
{
	if (!outcome || s->closing || !s->transport)
		session_send(s, stanza, NULL);
	else
		enqueue(s, stanza, NULL, outcome, otherwise);
}

void session_on_writable(struct session *s, uint64_t bytes)
{
	if (s->transport && s->transport->ops->acknowledge)
		s->transport->ops->acknowledge(s->transport, (size_t)bytes);
	s->blocked = false;
	session_flush(s);
}

/* The end. */

void session_defer(struct session *s, struct stanza *message)
{
	assert_always(s->closing);
	enqueue(s, message, NULL, NULL, NULL)->deferred = true;
	stanza_unref(&message);
}

void session_end(struct session *s, enum stream_condition condition, const char *text)
{
	struct worker *w = worker_of(s);
	if (s->closing)
		return;
	s->closing = true;
	s->end_condition = condition;
	s->end_text = text;
	struct envelope *v = envelope_new(ENVELOPE_SESSION_END, JID_BYTES_MAX + 256);
	v->to = jid_dup(v->arena, account_jid(s->account));
	v->target = (struct remote_handle){ w->index, s->handle };
	v->text = str_from_c(text);
	worker_send(w, w->index, v);
}

static void release_transport(struct session *s)
{
	if (!s->transport)
		return;
	session_flush(s);
	if (s->closing)
		s->transport->ops->close(s->transport, s->end_condition, s->end_text);
	s->transport->ops->release(s->transport);
	s->transport = NULL;
}

static void unlist(struct session *s)
{
	struct worker *w = worker_of(s);
	list_remove(&s->flush_link);
	list_remove(&s->link);
	loop_clear_timer(w->loop, w->session_kind, s->handle);
	s->account->session_count--;
	atomic_fetch_sub_explicit(&w->session_count, 1, memory_order_relaxed);
}

static void session_free(struct session *s)
{
	struct worker *w = worker_of(s);
	while (s->first)
		queued_free(pop(s));
	session_drop_presence(s);
	jid_free(&s->jid);
	mem_free(s->timers);
	mem_free(s->data);
	slab_free(&w->sessions, s->handle);
}

/* False if another session has got it, or still will. */
static bool is_last_copy(const struct queued *q)
{
	return !q->copies || (!q->copies->written && q->copies->refs == 1);
}

/* Messages that were still waiting to be written are treated as if they arrived now (docs/GUARANTEES.md, D2). */
static void redeliver(struct account *a, struct queued *q)
{
	while (q) {
		struct queued *next = q->next;
		bool is_lost = !q->outcome && !q->recorded && q->stanza->kind == STANZA_MESSAGE &&
			(q->stanza->type != MESSAGE_ERROR || q->deferred) && is_last_copy(q);
		if (is_lost && a->state == ACCOUNT_MISSING)
			route_error_condition(a->entity.worker, q->stanza, STANZA_SERVICE_UNAVAILABLE, NULL);
		else if (is_lost)
			deliver_incoming(a, stanza_ref(q->stanza), NULL);
		queued_free(q);
		q = next;
	}
}

void session_on_closed(struct session *s, struct str why)
{
	struct account *a = s->account;
	struct worker *w = worker_of(s);
	log_info(&s->log, "session closed reason=\"" STR_FMT "\"", STR_ARG(why));
	release_transport(s);
	unlist(s);
	for (size_t i = 0; i < w->server->module_count; i++)
		if (w->server->modules[i]->on_session_close)
			w->server->modules[i]->on_session_close(s);
	struct queued *waiting = s->first;
	s->first = s->last = NULL;
	session_free(s);
	redeliver(a, waiting);
	entity_touch(&a->entity);
}

void session_drop(struct session *s)
{
	const struct server *server = worker_of(s)->server;
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->on_session_drop)
			server->modules[i]->on_session_drop(s);
	if (s->transport)
		s->transport->ops->release(s->transport);
	s->transport = NULL;
	unlist(s);
	session_free(s);
}

/* Input. */

void session_refuse(struct session *s, const struct stanza *stanza, const struct stanza_error *error)
{
	struct stanza *answer = stanza_error_answer(stanza, error);
	if (answer)
		session_send(s, answer, s->jid);
	stanza_unref(&answer);
}

/* True if the address is the server's business in this user's name: none, or the user's own bare JID. */
static bool is_to_self(const struct session *s, const struct stanza *iq)
{
	return !iq->to || (jid_is_bare(iq->to) && jid_equal_bare(iq->to, s->jid));
}

/* An answer to an IQ of one of our modules: ids are "module:…", sent from the host or the account. */
static bool take_answer(struct session *s, struct stanza *iq)
{
	const struct server *server = worker_of(s)->server;
	if (iq->type != IQ_RESULT && iq->type != IQ_ERROR)
		return false;
	if (!is_to_self(s, iq) && !(jid_is_domain(iq->to) && str_eq(jid_domain(iq->to), jid_domain(s->jid))))
		return false;
	struct str rest = iq->id, name;
	if (!str_cut(&rest, ':', &name))
		return true;
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->on_iq_answer && str_eq(name, str_from_c(server->modules[i]->name)))
			server->modules[i]->on_iq_answer(s, iq);
	return true;
}

static void on_iq(struct session *s, struct stanza *iq)
{
	struct worker *w = worker_of(s);
	if (take_answer(s, iq))
		return;
	if (is_to_self(s, iq))
		iq_handle(w, iq, s->account, s, str_make(NULL, 0));
	else
		route(w, stanza_ref(iq), &s->origin);
}

/* Long namespaces with short prefixes may become many times as long when they are written without. */
static bool is_too_large(struct session *s, struct stanza *stanza)
{
	struct buf *b = &worker_of(s)->transport_scratch;
	if (stanza_bytes(stanza) <= SMALL_BYTES)
		return false;
	stanza_write_stored(b, stanza);
	bool too_large = buf_failed(b) || buf_len(b) > SESSION_STANZA_BYTES_MAX;
	buf_clear(b);
	return too_large;
}

void session_on_stanza(struct session *s, struct stanza *stanza, const struct stanza_error *refusal)
{
	struct worker *w = worker_of(s);
	struct stanza_error too_large = stanza_error_make(STANZA_POLICY_VIOLATION, "the stanza becomes too large"), not_allowed;
	worker_count(w, stanzas_in);
	s->last_input_ms = worker_now(w);
	s->origin.number++;
	if ((!refusal || refusal->condition == STANZA_OK) && is_too_large(s, stanza))
		refusal = &too_large;
	else if (!anonymous_may_send(s, stanza, &not_allowed))
		refusal = &not_allowed;
	if (refusal && refusal->condition != STANZA_OK) {
		session_refuse(s, stanza, refusal);
		return;
	}
	switch (stanza->kind) {
	case STANZA_MESSAGE: deliver_outgoing(s, stanza_ref(stanza), &s->origin); break;
	case STANZA_PRESENCE: w->server->presence_module->on_presence_sent(s, stanza); break;
	case STANZA_IQ: on_iq(s, stanza); break;
	}
}

/* Presence: as bytes it takes a fourth of the room of a tree, or less, and it is seldom asked for. */

bool session_set_presence(struct session *s, struct stanza *presence)
{
	struct buf *b = &worker_of(s)->transport_scratch;
	stanza_write_stored(b, presence);
	struct stanza *read = buf_failed(b) ? NULL : stanza_parse_stored(buf_str(b), NULL);
	bool can_be_kept = read != NULL;
	if (can_be_kept) {
		session_drop_presence(s);
		s->presence = str_make(memcpy(mem_alloc(buf_len(b)), buf_str(b).p, buf_len(b)), buf_len(b));
	}
	stanza_unref(&read);
	buf_clear(b);
	return can_be_kept;
}

void session_drop_presence(struct session *s)
{
	mem_free((char *)s->presence.p);
	s->presence = str_make(NULL, 0);
}

struct stanza *session_presence(const struct session *s)
{
	struct stanza *presence = stanza_parse_stored(s->presence, NULL);
	assert_always(presence); /* it has been read when it was set */
	return presence;
}

uint64_t session_last_input_ms(const struct session *s)
{
	const struct transport *t = s->transport;
	uint64_t bytes_ms = t && t->ops->last_input_ms ? t->ops->last_input_ms(t) : 0;
	return bytes_ms > s->last_input_ms ? bytes_ms : s->last_input_ms;
}

/* What modules keep, and their timers. */

void *session_data(const struct session *s, const struct module *m)
{
	return s->data ? s->data[server_module_index(worker_of(s)->server, m)] : NULL;
}

void session_set_data(struct session *s, const struct module *m, void *data)
{
	const struct server *server = worker_of(s)->server;
	if (!s->data)
		s->data = mem_zalloc_array(server->module_count, sizeof(*s->data));
	s->data[server_module_index(server, m)] = data;
}

static void arm(struct session *s)
{
	struct worker *w = worker_of(s);
	uint64_t first = UINT64_MAX;
	for (size_t i = 0; i < w->server->module_count; i++)
		if (s->timers[i] < first)
			first = s->timers[i];
	if (first == UINT64_MAX)
		loop_clear_timer(w->loop, w->session_kind, s->handle);
	else
		loop_set_timer(w->loop, w->session_kind, s->handle, first);
}

void session_set_timer(struct session *s, const struct module *m, uint64_t at_ms)
{
	const struct server *server = worker_of(s)->server;
	if (!s->timers) {
		s->timers = mem_alloc(server->module_count * sizeof(*s->timers));
		for (size_t i = 0; i < server->module_count; i++)
			s->timers[i] = UINT64_MAX;
	}
	s->timers[server_module_index(server, m)] = at_ms;
	arm(s);
}

void session_on_timer(void *ctx, slab_handle h)
{
	struct worker *w = ctx;
	struct session *s = session_get(w, h);
	uint64_t now = worker_now(w);
	for (size_t i = 0; i < w->server->module_count; i++) {
		if (s->timers[i] > now)
			continue;
		s->timers[i] = UINT64_MAX;
		w->server->modules[i]->on_session_timer(s); /* ends sessions by envelope only, so `s` stays */
	}
	arm(s);
}
