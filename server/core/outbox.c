/* The outbox of an account in memory: the entries that have no answer yet, in the order of their numbers. */
#include "server/core/outbox.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "server/core/entity.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/storage/outbox.h"

#define PAYLOAD_BYTES_MAX (SESSION_STANZA_BYTES_MAX + SESSION_STANZA_EXTRA_BYTES)
#define ROWS_MAX 100000
#define OWNERS_PAGE 1000

struct entry {
	struct list link;
	const struct unit *unit; /* that it waits for; NULL: durable, and sent */
	int64_t n, basis;
	struct stanza *payload;
};

/* The part of an account. */
struct outbox {
	struct list entries;
	int64_t last; /* highest number given out */
};

static struct outbox *outbox_of(struct account *a)
{
	return account_part(a, &outbox_module);
}

static void entry_free(struct entry *e)
{
	list_remove(&e->link);
	stanza_unref(&e->payload);
	mem_free(e);
}

/* The reference is taken. */
static struct entry *entry_add(struct outbox *o, int64_t n, int64_t basis, struct stanza *payload)
{
	struct entry *e = mem_zalloc(sizeof(*e));
	e->n = n;
	e->basis = basis;
	e->payload = payload;
	list_add_last(&o->entries, &e->link);
	return e;
}

/* Sending. */

/* `again`: an earlier run may have sent it too. */
static void transmit(struct account *a, const struct entry *e, bool again)
{
	struct worker *w = a->entity.worker;
	struct envelope *v = envelope_new(ENVELOPE_OUTBOX, 2 * JID_BYTES_MAX + 256);
	v->to = jid_dup(v->arena, e->payload->to);
	v->owner = arena_dup(v->arena, account_owner(a));
	v->number = (uint64_t)e->n;
	v->basis = (uint64_t)e->basis;
	v->stanza = stanza_ref(e->payload);
	v->flag = again;
	worker_send(w, entity_worker(w, v->to), v);
}

static void add_row(struct unit *u, struct str owner, int64_t n, int64_t basis, struct stanza *payload)
{
	struct buf bytes;
	buf_init(&bytes, PAYLOAD_BYTES_MAX);
	stanza_write_stored(&bytes, payload);
	outbox_row_add(u, &(struct outbox_row){ .owner = owner, .n = n, .target = jid_bare(payload->to),
		.kind = payload->kind, .payload = buf_str(&bytes), .basis = basis });
	buf_fini(&bytes);
}

void outbox_send(struct account *a, struct unit *u, struct stanza *payload, int64_t basis)
{
	struct worker *w = a->entity.worker;
	if (!server_is_host(w->server, jid_domain(payload->to))) {
		route(w, stanza_ref(payload), NULL);
		return;
	}
	struct outbox *o = outbox_of(a);
	struct entry *e = entry_add(o, ++o->last, basis, stanza_ref(payload));
	e->unit = u;
	add_row(u, account_owner(a), e->n, basis, payload);
}

void outbox_for_each_since(struct account *a, const struct jid *to, int64_t basis,
	void (*each)(const struct stanza *payload, void *ctx), void *ctx)
{
	LIST_FOR_EACH (l, &outbox_of(a)->entries) {
		const struct entry *e = CONTAINER_OF(l, struct entry, link);
		if (e->n > basis && jid_equal_bare(e->payload->to, to))
			each(e->payload, ctx);
	}
}

bool outbox_writer_init(struct outbox_writer *o, struct storage *s, struct str owner, struct unit *u)
{
	struct query *q = outbox_last(owner);
	*o = (struct outbox_writer){ .unit = u, .owner = owner };
	bool ok = storage_query_now(s, q) == 0 && outbox_last_read(q, &o->last);
	query_free(&q);
	return ok;
}

void outbox_write(struct outbox_writer *o, struct stanza *payload)
{
	add_row(o->unit, o->owner, ++o->last, OUTBOX_BASIS_ALL, payload);
}

void outbox_on_unit(struct worker *w, slab_handle entity, const struct unit *u)
{
	struct entity *found = entity_get(w, entity);
	if (!found || found->kind != &account_kind)
		return;
	struct account *a = CONTAINER_OF(found, struct account, entity);
	if (!account_has_part(a, &outbox_module))
		return;
	LIST_FOR_EACH_SAFE(l, &outbox_of(a)->entries) {
		struct entry *e = CONTAINER_OF(l, struct entry, link);
		if (e->unit != u)
			continue;
		e->unit = NULL;
		if (u->error || u->repeated)
			entry_free(e);
		else
			transmit(a, e, false);
	}
}

void outbox_on_done(struct account *a, struct envelope *v)
{
	LIST_FOR_EACH_SAFE(l, &outbox_of(a)->entries) {
		struct entry *e = CONTAINER_OF(l, struct entry, link);
		if ((uint64_t)e->n != v->number || e->unit)
			continue;
		struct unit *u = unit_new();
		outbox_row_remove(u, account_owner(a), e->n);
		worker_commit(&a->entity, u, NULL, NULL);
		entry_free(e);
	}
}

/* Receiving. */

/* Which entry it was. */
struct arrival {
	struct str owner;
	uint64_t number;
	bool again;
};

static struct arrival arrival_of(const struct envelope *v)
{
	return (struct arrival){ v->owner, v->number, v->flag };
}

static void answer(struct worker *w, const struct arrival *arrival)
{
	struct envelope *v = envelope_new(ENVELOPE_OUTBOX_DONE, JID_BYTES_MAX + 256);
	const char *why;
	v->number = arrival->number;
	v->flag = arrival->again;
	if (jid_parse(v->arena, arrival->owner, &v->to, &why) != 0)
		envelope_free(&v);
	else
		worker_send(w, entity_worker(w, v->to), v);
}

void outbox_answer(struct account *a, const struct envelope *v)
{
	struct arrival arrival = arrival_of(v);
	answer(a->entity.worker, &arrival);
}

/* The entry has been applied, now or earlier; or never can be, and would only come again. */
static void on_applied(struct worker *w, slab_handle entity, const struct unit *u, void *ctx)
{
	struct entity *e = entity_get(w, entity);
	const struct arrival *arrival = ctx;
	answer(w, arrival);
	for (size_t i = 0; e && (u->error || u->repeated) && i < w->server->module_count; i++)
		if (w->server->modules[i]->on_outbox_undone)
			w->server->modules[i]->on_outbox_undone(CONTAINER_OF(e, struct account, entity));
	if (e && arrival->again)
		entity_resume(e);
}

void outbox_on_entry(struct account *a, struct envelope *v)
{
	const struct server *server = a->entity.worker->server;
	const struct outbox_arrival entry = { v->stanza, (int64_t)v->number, (int64_t)v->basis };
	struct outbox_effect effect = { 0 };
	struct unit *u = unit_new();
	struct arrival *arrival = arena_alloc(u->arena, sizeof(*arrival));
	*arrival = arrival_of(v);
	arrival->owner = arena_dup(u->arena, v->owner);
	/* Until it is known whether it counts, nothing else may happen to what it has changed. */
	if (arrival->again)
		entity_wait(&a->entity);
	outbox_apply_once(u, account_owner(a), v->owner, (int64_t)v->number);
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->on_outbox)
			server->modules[i]->on_outbox(a, &entry, u, &effect);
	struct outcome *o = worker_commit(&a->entity, u, on_applied, arrival);
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->on_outbox_added)
			server->modules[i]->on_outbox_added(a, v->stanza, &effect, o);
}

void outbox_recover(struct server *s)
{
	struct arena *scratch = arena_new(4096, 1u << 30);
	struct str after = str_make(NULL, 0);
	for (size_t rows = 1; rows;) {
		struct query *q = outbox_owners(after, OWNERS_PAGE);
		rows = storage_query_now(s->storage, q) == 0 ? q->rows : 0;
		for (size_t r = 0; r < rows; r++) {
			struct envelope *v = envelope_new(ENVELOPE_OUTBOX_DONE, JID_BYTES_MAX + 256);
			struct str owner;
			const char *why;
			if (!outbox_owners_row(q, r, &owner) || jid_parse(v->arena, owner, &v->to, &why) != 0) {
				envelope_free(&v);
				continue;
			}
			after = arena_dup(scratch, owner);
			uint32_t to = entity_slot_of(v->to) % s->worker_count;
			worker_send(s->workers[to], to, v); /* its thread has not begun: */
			loop_wake(s->workers[to]->loop); /* its first turn is not to wait for somebody to come */
		}
		query_free(&q);
	}
	arena_free(&scratch);
}

/* The part: what a stop has left is sent again as soon as it is loaded. */

static struct query *query(struct account *a, unsigned which, const struct query *before)
{
	struct outbox_row last = { 0 };
	if (which == 0)
		return outbox_last(account_owner(a));
	if (before && !outbox_read_row(before, before->rows - 1, &last))
		log_error(&a->entity.worker->log, "the outbox of " STR_FMT " cannot be read", STR_ARG(account_owner(a)));
	return outbox_read(account_owner(a), last.n, ROWS_MAX);
}

static void parse_rows(struct account *a, struct outbox *o, const struct query *q)
{
	struct outbox_row row;
	for (size_t r = 0; r < q->rows && outbox_read_row(q, r, &row); r++) {
		struct stanza *payload = stanza_parse_stored(row.payload, NULL);
		if (payload && payload->to)
			transmit(a, entry_add(o, row.n, row.basis, payload), true);
		else
			stanza_unref(&payload);
	}
}

static void *parse(struct account *a, void *part, const struct query *q, unsigned which)
{
	struct outbox *o = part;
	if (which == 1) {
		parse_rows(a, o, q);
		return o;
	}
	o = mem_zalloc(sizeof(*o));
	list_init(&o->entries);
	if (!outbox_last_read(q, &o->last))
		log_error(&a->entity.worker->log, "the outbox of " STR_FMT " cannot be read", STR_ARG(account_owner(a)));
	return o;
}

static void part_free(void *part)
{
	struct outbox *o = part;
	while (!list_is_empty(&o->entries))
		entry_free(CONTAINER_OF(o->entries.next, struct entry, link));
	mem_free(o);
}

static bool part_is_busy(const void *part)
{
	return !list_is_empty(&((const struct outbox *)part)->entries);
}

static const struct account_part part = {
	.query_count = 2,
	.query = query,
	.parse = parse,
	.free = part_free,
	.is_busy = part_is_busy,
	.needed_for = NEEDED_FOR_PRESENCE | NEEDED_FOR_IQ | NEEDED_FOR_OUTBOX,
};

const struct module outbox_module = {
	.name = "outbox",
	.version = "1",
	.summary = "Carries changes from one account to another, whatever stops in between",
	.required = true,
	.part = &part,
};
