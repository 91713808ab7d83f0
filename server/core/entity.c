/* Making, finding, loading and evicting entities. An envelope takes this way:
 *
 *     entity_deliver ─▶ in memory? ─ no ─▶ made, start() ─┐
 *            │ yes                                         ▼
 *            └─▶ waiting, or not is_ready()? ─ yes ─▶ waits in it ── entity_resume ─▶ tried again, in order
 *                      │ no
 *                      ▼
 *                   handle() */
#include "server/core/entity.h"

#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/worker.h"

#define IDLE_MS 60000
#define RETRY_MS 1000

uint32_t entity_slot_of(const struct jid *key)
{
	return (uint32_t)(key->hash % ENTITY_SLOTS);
}

uint32_t entity_worker(const struct worker *w, const struct jid *key)
{
	return entity_slot_of(key) % w->server->worker_count;
}

static bool key_equal(const struct hash_node *node, const void *key)
{
	return jid_equal_bare(CONTAINER_OF_CONST(node, struct entity, node)->key, key);
}

struct entity *entity_find(struct worker *w, const struct jid *key)
{
	struct hash_node *node = hash_table_find(&w->by_key, key->hash, key_equal, key);
	return node ? CONTAINER_OF(node, struct entity, node) : NULL;
}

struct entity *entity_get(struct worker *w, slab_handle h)
{
	struct entity_slot *slot = slab_get(&w->entities, h);
	return slot ? slot->entity : NULL;
}

/* NULL when there are as many entities as there can be. */
static struct entity *make(struct worker *w, const struct entity_kind *kind, const struct jid *key)
{
	void *slot;
	slab_handle h = slab_alloc(&w->entities, &slot);
	if (!h)
		return NULL;
	struct entity *e = mem_zalloc(kind->bytes);
	((struct entity_slot *)slot)->entity = e;
	e->worker = w;
	e->kind = kind;
	e->handle = h;
	e->key = jid_new_bare(key);
	hash_table_insert(&w->by_key, &e->node, e->key->hash);
	entity_touch(e);
	return e;
}

static void drop(struct entity *e)
{
	struct worker *w = e->worker;
	hash_table_remove(&w->by_key, &e->node);
	loop_clear_timer(w->loop, w->entity_kind, e->handle);
	slab_free(&w->entities, e->handle);
	for (struct envelope *v = e->waiting_first, *next; v; v = next) {
		next = v->next;
		envelope_free(&v);
	}
	e->kind->fini(e);
	outcome_unref(&e->outcome);
	jid_free(&e->key);
	mem_free(e);
}

static void wait_in(struct entity *e, struct envelope *v)
{
	if (e->waiting_count >= ENTITY_WAITING_MAX && e->kind->refuse(e, v)) {
		envelope_free(&v);
		return;
	}
	v->next = NULL;
	if (e->waiting_last)
		e->waiting_last->next = v;
	else
		e->waiting_first = v;
	e->waiting_last = v;
	e->waiting_count++;
}

void entity_deliver(struct worker *w, const struct entity_kind *kind, struct envelope *v)
{
	struct entity *e = entity_find(w, v->to);
	if (!e) {
		e = make(w, kind, v->to);
		if (!e) {
			if (v->kind == ENVELOPE_STANZA)
				route_error_condition(w, v->stanza, STANZA_RESOURCE_CONSTRAINT, "the server is full");
			envelope_free(&v);
			return;
		}
		e->kind->start(e);
	}
	entity_touch(e);
	if (e->loads || e->waiting_first || !e->kind->is_ready(e, v))
		wait_in(e, v);
	else
		e->kind->handle(e, v);
}

void entity_wait(struct entity *e)
{
	e->loads++;
}

void entity_resume(struct entity *e)
{
	assert_always(e->loads > 0);
	e->loads--;
	while (!e->loads && e->waiting_first) {
		struct envelope *v = e->waiting_first;
		if (!e->kind->is_ready(e, v))
			return;
		e->waiting_first = v->next;
		if (!e->waiting_first)
			e->waiting_last = NULL;
		e->waiting_count--;
		v->next = NULL;
		e->kind->handle(e, v);
	}
}

void entity_retry(struct entity *e)
{
	struct worker *w = e->worker;
	entity_wait(e);
	e->retries = e->timer_set = true;
	loop_set_timer(w->loop, w->entity_kind, e->handle, worker_now(w) + RETRY_MS);
}

void entity_touch(struct entity *e)
{
	struct worker *w = e->worker;
	e->used_ms = worker_now(w);
	if (!e->timer_set)
		loop_set_timer(w->loop, w->entity_kind, e->handle, e->used_ms + IDLE_MS);
	e->timer_set = true;
}

void entity_on_timer(void *ctx, slab_handle h)
{
	struct worker *w = ctx;
	struct entity *e = entity_get(w, h);
	bool busy = e->loads || e->waiting_first || e->ticket > w->released;
	bool retries = e->retries;
	e->timer_set = e->retries = false;
	if (busy)
		entity_touch(e);
	if (retries)
		entity_resume(e);
	else if (busy)
		return;
	else if (worker_now(w) - e->used_ms < IDLE_MS) {
		loop_set_timer(w->loop, w->entity_kind, h, e->used_ms + IDLE_MS);
		e->timer_set = true;
	} else if (e->kind->is_idle(e))
		drop(e);
	/* Else it stays, without a timer, until the next entity_touch(). */
}

void entity_drop_all(struct worker *w)
{
	for (slab_handle h = 0; (h = slab_next(&w->entities, h)) != 0;)
		drop(entity_get(w, h));
}
