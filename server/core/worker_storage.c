/* A worker's side of the storage: the batch of the turn, the tickets, and queries that wait for one.
 *
 *     worker_commit ─▶ batch of this turn ── worker_submit ─▶ writer ── worker_on_batch ─▶ batch_run:
 *         on_done of each unit, tickets released, stalled sessions and held queries looked at again */
#include "server/core/worker.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/core/entity.h"
#include "server/core/outbox.h"
#include "server/core/route.h"
#include "server/core/server.h"

struct worker_batch {
	struct batch batch;
	struct post post;
	struct list link; /* in worker->batches */
	struct fact *first_fact, *last_fact; /* to route when it is durable */
};

/* What a worker knows about a unit while the writer has it. */
struct unit_context {
	slab_handle entity;
	unit_done *on_done;
	void *ctx;
	struct outcome *outcome;
};

/* A stanza that asserts what a unit says. */
struct fact {
	struct fact *next;
	struct outcome *outcome;
	struct stanza *stanza, *otherwise;
};

struct outcome *outcome_ref(struct outcome *o)
{
	o->refs++;
	return o;
}

void outcome_unref(struct outcome **pointer)
{
	struct outcome *o = *pointer;
	*pointer = NULL;
	if (o && --o->refs == 0)
		mem_free(o);
}

/* Units. */

static struct worker_batch *current_batch(struct worker *w)
{
	if (!w->batch) {
		w->batch = mem_zalloc(sizeof(*w->batch));
		list_init(&w->batch->batch.units);
		w->batch->batch.ticket = w->ticket;
		w->batch->batch.owner = w;
	}
	return w->batch;
}

static struct outcome *commit(struct worker *w, slab_handle entity, struct unit *u, unit_done *on_done, void *ctx)
{
	struct unit_context *c = mem_zalloc(sizeof(*c));
	struct outcome *o = mem_zalloc(sizeof(*o));
	*o = (struct outcome){ .refs = 2, .ticket = w->ticket };
	*c = (struct unit_context){ .entity = entity, .on_done = on_done, .ctx = ctx, .outcome = o };
	u->ctx = c;
	list_add_last(&current_batch(w)->batch.units, &u->link);
	w->units_added++;
	outcome_unref(&w->last_outcome);
	w->last_outcome = o;
	return o;
}

struct outcome *worker_commit(struct entity *e, struct unit *u, unit_done *on_done, void *ctx)
{
	struct outcome *o = commit(e->worker, e->handle, u, on_done, ctx);
	e->ticket = o->ticket;
	outcome_unref(&e->outcome);
	e->outcome = outcome_ref(o);
	return o;
}

struct outcome *worker_outcome(struct entity *e)
{
	return e->ticket > e->worker->released ? e->outcome : NULL;
}

void worker_commit_alone(struct worker *w, struct unit *u, unit_done *on_done, void *ctx)
{
	commit(w, 0, u, on_done, ctx);
}

void worker_route_fact(struct worker *w, struct outcome *o, struct stanza *s, struct stanza *otherwise)
{
	struct worker_batch *b = current_batch(w);
	struct fact *f = mem_zalloc(sizeof(*f));
	*f = (struct fact){ .outcome = outcome_ref(o), .stanza = s, .otherwise = otherwise };
	if (b->last_fact)
		b->last_fact->next = f;
	else
		b->first_fact = f;
	b->last_fact = f;
}

void worker_submit(struct worker *w)
{
	struct worker_batch *b = w->batch;
	w->batch = NULL;
	outcome_unref(&w->last_outcome);
	if (!b)
		return;
	w->ticket++;
	list_add_last(&w->batches, &b->link);
	storage_submit(w->server->storage, &b->batch);
}

static void finish_unit(struct worker *w, struct unit *u)
{
	struct unit_context *c = u->ctx;
	c->outcome->error = u->error;
	c->outcome->repeated = u->repeated;
	worker_count(w, units);
	if (u->error) {
		worker_count(w, unit_failures);
		log_warn(&w->log, "a unit could not be stored and was refused");
	}
	outbox_on_unit(w, c->entity, u);
	if (c->on_done)
		c->on_done(w, c->entity, u, c->ctx);
	outcome_unref(&c->outcome);
	mem_free(c);
	unit_free(&u);
}

static void fact_free(struct fact *f)
{
	stanza_unref(&f->stanza);
	stanza_unref(&f->otherwise);
	outcome_unref(&f->outcome);
	mem_free(f);
}

static void route_facts(struct worker *w, struct fact *f)
{
	while (f) {
		struct fact *next = f->next;
		struct stanza *chosen = f->outcome->error ? f->otherwise : f->stanza;
		if (chosen && !f->outcome->repeated)
			route(w, stanza_ref(chosen), NULL);
		fact_free(f);
		f = next;
	}
}

static void submit_held(struct worker *w);

static void batch_run(struct worker *w, struct post *p)
{
	struct worker_batch *b = CONTAINER_OF(p, struct worker_batch, post);
	assert_always(b->batch.ticket == w->released + 1);
	list_remove(&b->link);
	for (struct list *l; (l = list_take_first(&b->batch.units));)
		finish_unit(w, CONTAINER_OF(l, struct unit, link));
	w->released = b->batch.ticket;
	route_facts(w, b->first_fact);
	mem_free(b);
	for (struct list *l; (l = list_take_first(&w->stalled));)
		list_add_last(&w->to_flush, l);
	submit_held(w);
}

/* Behind worker_storage_fini(), which has forgotten it. */
static void batch_drop(struct worker *w, struct post *p)
{
	struct batch *b = &CONTAINER_OF(p, struct worker_batch, post)->batch;
	(void)w;
	batch_free(&b);
}

void worker_on_batch(struct batch *batch)
{
	struct worker_batch *b = CONTAINER_OF(batch, struct worker_batch, batch);
	b->post.run = batch_run;
	b->post.drop = batch_drop;
	worker_post_from_outside(batch->owner, &b->post);
}

/* Queries. */

/* Lives in the query's arena. */
struct worker_query {
	struct list link; /* in worker->held */
	struct post post;
	struct query *query;
	uint64_t ticket;
	slab_handle handle; /* of the entity, or whatever the caller named */
	query_done *on_done;
	worker_query_done *on_done_alone;
	void *ctx;
};

static void query_run(struct worker *w, struct post *p)
{
	struct worker_query *wq = CONTAINER_OF(p, struct worker_query, post);
	struct entity *e = wq->on_done ? entity_get(w, wq->handle) : NULL;
	if (wq->on_done_alone)
		wq->on_done_alone(w, wq->handle, wq->query);
	else if (e)
		wq->on_done(e, wq->query, wq->ctx);
	struct query *q = wq->query;
	query_free(&q);
}

static void query_drop(struct worker *w, struct post *p)
{
	struct query *q = CONTAINER_OF(p, struct worker_query, post)->query;
	(void)w;
	query_free(&q);
}

void worker_on_query(struct query *q)
{
	struct worker_query *wq = q->ctx;
	wq->post.run = query_run;
	wq->post.drop = query_drop;
	worker_post_from_outside(q->owner, &wq->post);
}

static void ask(struct worker *w, struct worker_query *wq)
{
	if (wq->ticket > w->released)
		list_add_last(&w->held, &wq->link);
	else
		storage_query(w->server->storage, wq->query);
}

static void submit_held(struct worker *w)
{
	LIST_FOR_EACH_SAFE(l, &w->held) {
		struct worker_query *wq = CONTAINER_OF(l, struct worker_query, link);
		if (wq->ticket > w->released)
			continue;
		list_remove(l);
		storage_query(w->server->storage, wq->query);
	}
}

static struct worker_query *new_query(struct worker *w, struct query *q, slab_handle handle)
{
	struct worker_query *wq = arena_zalloc(q->arena, sizeof(*wq));
	wq->query = q;
	wq->handle = handle;
	q->owner = w;
	q->ctx = wq;
	return wq;
}

void worker_query(struct entity *e, struct query *q, query_done *on_done, void *ctx)
{
	struct worker_query *wq = new_query(e->worker, q, e->handle);
	wq->ticket = e->ticket;
	wq->on_done = on_done;
	wq->ctx = ctx;
	ask(e->worker, wq);
}

void worker_query_alone(struct worker *w, struct query *q, worker_query_done *on_done, slab_handle handle)
{
	struct worker_query *wq = new_query(w, q, handle);
	wq->on_done_alone = on_done;
	ask(w, wq);
}

/* The writer keeps the batch, and frees it; what is ours beside it goes here. */
static void forget_batch(struct worker_batch *b)
{
	LIST_FOR_EACH (l, &b->batch.units) {
		struct unit_context *c = CONTAINER_OF(l, struct unit, link)->ctx;
		outcome_unref(&c->outcome);
		mem_free(c);
	}
	for (struct fact *f = b->first_fact, *next; f; f = next) {
		next = f->next;
		fact_free(f);
	}
}

/* What the storage could not commit before the end is lost, and what waits for it is not asked any more. */
void worker_storage_fini(struct worker *w)
{
	assert_always(!w->batch);
	outcome_unref(&w->last_outcome);
	for (struct list *l; (l = list_take_first(&w->batches));)
		forget_batch(CONTAINER_OF(l, struct worker_batch, link));
	for (struct list *l; (l = list_take_first(&w->held));) {
		struct query *q = CONTAINER_OF(l, struct worker_query, link)->query;
		query_free(&q);
	}
}
