/* Fan-out of presence: grouped by worker, one envelope each. */
#include "server/core/multicast.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "server/core/account.h"
#include "server/core/entity.h"
#include "server/core/envelope.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/worker.h"

/* Addresses of one envelope; more take several. */
#define TARGETS_MAX 4096

static void route_one(struct worker *w, struct stanza *s, const struct jid *to)
{
	route(w, stanza_derive(s, &(struct stanza_change){ .to = to }), NULL);
}

/* Fills an envelope with those of `to` that live on `worker`, from *at on; NULL if there are none. */
static struct envelope *gather(
	struct worker *w, struct stanza *s, const struct jid *const *to, size_t count, uint32_t worker, size_t *at)
{
	struct envelope *v = NULL;
	struct multicast_target *targets = NULL;
	for (; *at < count; ++*at) {
		const struct jid *j = to[*at];
		if (!server_is_host(w->server, jid_domain(j)) || entity_worker(w, j) != worker)
			continue;
		if (!v) {
			v = envelope_new(ENVELOPE_MULTICAST, 0);
			v->stanza = stanza_ref(s);
			v->targets = targets = arena_alloc(v->arena, sizeof(*targets) * TARGETS_MAX);
		}
		targets[v->target_count++].to = jid_dup(v->arena, j);
		if (v->target_count == TARGETS_MAX) {
			++*at;
			break;
		}
	}
	return v;
}

void multicast(struct worker *w, struct stanza *s, const struct jid *const *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!server_is_host(w->server, jid_domain(to[i])))
			route_one(w, s, to[i]);
	for (uint32_t worker = 0; worker < w->server->worker_count; worker++) {
		size_t at = 0;
		for (struct envelope *v; (v = gather(w, s, to, count, worker, &at));)
			worker_send(w, worker, v);
	}
}

/* Presence must not wake the sleeping: only accounts that are in memory with a session are told. */
void multicast_deliver(struct worker *w, struct envelope *v)
{
	for (size_t i = 0; i < v->target_count; i++) {
		struct entity *e = entity_find(w, v->targets[i].to);
		if (!e || !account_has_session(e))
			continue;
		struct envelope *one = envelope_new(ENVELOPE_MULTICAST, JID_BYTES_MAX + 256);
		one->stanza = stanza_ref(v->stanza);
		one->to = jid_dup(one->arena, v->targets[i].to);
		entity_deliver(w, e->kind, one);
	}
	envelope_free(&v);
}
