/* The turn of a worker. What the loop's phases mean here:
 *
 *     sockets, timers   edges, sessions and entities do their work; posts to others gather in chains
 *     INBOX             posts of other threads are run
 *     END               posts to itself are run until none is left; the turn's units are submitted as one batch; sessions
 *                       write what may leave; the chains are pushed to the other workers
 *     FLUSH             the loop writes to the sockets, once a connection */
#include "server/core/worker.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/core/account.h"
#include "server/core/admin.h"
#include "server/core/edge.h"
#include "server/core/entity.h"
#include "server/core/multicast.h"
#include "server/core/remote_edge.h"
#include "server/core/server.h"
#include "server/core/session.h"

#include <stdio.h>

/* Posts that a worker sends itself in one turn, before sockets get their chance again. */
#define SELF_ROUNDS 64

static void describe(const struct log *log, struct buf *b)
{
	buf_printf(b, "worker=%u", CONTAINER_OF_CONST(log, struct worker, log)->index);
}

/* Envelopes. */

static void receive(struct worker *w, struct envelope *v)
{
	switch (v->kind) {
	case ENVELOPE_MULTICAST: multicast_deliver(w, v); break;
	case ENVELOPE_SESSION_OPENED:
	case ENVELOPE_EDGE_WRITE:
	case ENVELOPE_EDGE_CLOSE: edge_receive(w, v); break;
	case ENVELOPE_ADMIN_DONE: admin_receive(w, v); break;
	case ENVELOPE_ACCOUNT_CHANGED:
		if (entity_find(w, v->to))
			entity_deliver(w, &account_kind, v);
		else
			envelope_free(&v); /* it will be read when it is made */
		break;
	default: entity_deliver(w, &account_kind, v); break;
	}
}

static void drop_envelope(struct worker *w, struct post *p)
{
	struct envelope *v = CONTAINER_OF(p, struct envelope, post);
	(void)w;
	envelope_free(&v);
}

static void run_envelope(struct worker *w, struct post *p)
{
	receive(w, CONTAINER_OF(p, struct envelope, post));
}

/* The same envelope as if it came from another process. */
static struct envelope *recode(struct envelope *v)
{
	struct buf bytes;
	buf_init(&bytes, ENVELOPE_BYTES_MAX);
	envelope_encode(v, &bytes);
	assert_always(!buf_failed(&bytes));
	struct envelope *copy = envelope_decode(buf_str(&bytes));
	assert_always(copy);
	envelope_free(&v);
	buf_fini(&bytes);
	return copy;
}

void worker_send(struct worker *w, uint32_t to, struct envelope *v)
{
	if (to != w->index && w->server->encodes_envelopes)
		v = recode(v);
	v->post.run = run_envelope;
	v->post.drop = drop_envelope;
	if (to != w->index)
		worker_count(w, envelopes);
	worker_post(w, to, &v->post);
}

void worker_post(struct worker *w, uint32_t to, struct post *p)
{
	struct chain *c = &w->out[to];
	p->next = NULL;
	if (c->last)
		c->last->next = p;
	else
		c->first = p;
	c->last = p;
}

void worker_post_from_outside(struct worker *to, struct post *p)
{
	if (inbox_push(&to->inbox, p, p))
		loop_wake(to->loop);
}

static void run_chain(struct worker *w, struct post *p)
{
	while (p) {
		struct post *next = p->next;
		p->run(w, p);
		p = next;
	}
}

/* The turn. */

static void on_inbox(void *ctx)
{
	struct worker *w = ctx;
	run_chain(w, inbox_take(&w->inbox));
}

static void run_own(struct worker *w)
{
	struct chain *c = &w->out[w->index];
	for (int round = 0; c->first && round < SELF_ROUNDS; round++) {
		struct post *first = c->first;
		c->first = c->last = NULL;
		run_chain(w, first);
	}
}

static void flush_sessions(struct worker *w)
{
	while (!list_is_empty(&w->to_flush)) {
		struct session *s = CONTAINER_OF(w->to_flush.next, struct session, flush_link);
		session_flush(s);
	}
}

static void push_chains(struct worker *w)
{
	for (uint32_t i = 0; i < w->server->worker_count; i++) {
		struct chain *c = &w->out[i];
		if (i == w->index || !c->first)
			continue;
		struct worker *to = w->server->workers[i];
		struct chain taken = *c;
		c->first = c->last = NULL;
		if (inbox_push(&to->inbox, taken.first, taken.last))
			loop_wake(to->loop);
	}
}

static void on_end(void *ctx)
{
	struct worker *w = ctx;
	run_own(w);
	edge_move_all(w);
	worker_submit(w);
	flush_sessions(w);
	remote_edges_send(w);
	push_chains(w);
	if (w->out[w->index].first || w->batch)
		loop_wake(w->loop); /* work was left over: the next turn is not to wait */
}

void worker_init(struct worker *w, struct server *server, uint32_t index, struct loop *loop, const struct clock *clock,
	const struct random_source *random, const struct log *log)
{
	*w = (struct worker){ .server = server, .index = index, .loop = loop, .clock = clock, .random = random, .ticket = 1 };
	w->log = log_child(log, describe);
	w->out = mem_zalloc_array(server->worker_count, sizeof(*w->out));
	inbox_init(&w->inbox);
	list_init(&w->batches);
	list_init(&w->held);
	list_init(&w->to_flush);
	list_init(&w->stalled);
	list_init(&w->remote_edges);
	hash_table_init(&w->by_key, random);
	slab_init(&w->entities, sizeof(struct entity_slot), SLAB_OBJECTS_MAX);
	slab_init(&w->sessions, sizeof(struct session), SLAB_OBJECTS_MAX);
	w->entity_kind = loop_add_kind(loop, &(struct loop_kind){ .slab = &w->entities,
		.timer_offset = offsetof(struct entity_slot, timer), .on_timer = entity_on_timer, .ctx = w });
	w->session_kind = loop_add_kind(loop, &(struct loop_kind){ .slab = &w->sessions,
		.timer_offset = offsetof(struct session, timer), .on_timer = session_on_timer, .ctx = w });
	edge_worker_init(w);
	w->on_inbox = (struct loop_hook){ .run = on_inbox, .ctx = w };
	w->on_end = (struct loop_hook){ .run = on_end, .ctx = w };
	loop_add_hook(loop, LOOP_INBOX, &w->on_inbox);
	loop_add_hook(loop, LOOP_END, &w->on_end);
}

static void drop_chain(struct worker *w, struct post *p)
{
	while (p) {
		struct post *next = p->next;
		if (p->drop)
			p->drop(w, p);
		else
			mem_free(p);
		p = next;
	}
}

void worker_fini(struct worker *w)
{
	loop_remove_hook(&w->on_inbox);
	loop_remove_hook(&w->on_end);
	entity_drop_all(w); /* sessions let go of their edges */
	edge_worker_fini(w);
	worker_storage_fini(w);
	for (uint32_t i = 0; i < w->server->worker_count; i++)
		drop_chain(w, w->out[i].first);
	drop_chain(w, inbox_take(&w->inbox));
	loop_remove_kind(w->loop, w->entity_kind);
	loop_remove_kind(w->loop, w->session_kind);
	slab_fini(&w->entities);
	slab_fini(&w->sessions);
	hash_table_fini(&w->by_key);
	mem_free(w->out);
}

void worker_step(struct worker *w, unsigned wait_ms)
{
	loop_turn(w->loop, wait_ms);
}
