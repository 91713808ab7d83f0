/* Limits at the edge. Those who are refused are told so in plain text only, in one write and without a wait: what they cost must be
 * little. With TLS from the first byte they are just closed. */
#include "server/core/edge_limits.h"

#include "lib/base/mem.h"
#include "server/core/edge_impl.h"
#include "server/core/server.h"
#include "server/core/worker.h"

/* What a stanza costs beside its bytes: presence that takes a dozen bytes may go to thousands. */
#define STANZA_BYTES 256
/* Between two lines about one limit. */
#define NOTE_MS 10000

/* Telling. */

static const char *const limit_names[LIMIT_COUNT] = {
#define X(name, help) #name,
	LIMITS(X)
#undef X
};

static void count(struct worker *w, enum limit which)
{
	switch (which) {
#define X(name, help)                                                                                                  \
	case LIMIT_##name: worker_count(w, name); break;
		LIMITS(X)
#undef X
	case LIMIT_COUNT: break;
	}
}

void limit_met(struct worker *w, enum limit which, const struct log *log, const struct net_address *a)
{
	struct limit_note *note = &w->limit_notes[which];
	char text[NET_ADDRESS_TEXT];
	count(w, which);
	if (worker_now(w) < note->next_ms) {
		note->unsaid++;
		return;
	}
	log_info(log, "limit=%s%s" STR_FMT " unsaid=%u", limit_names[which], a ? " address=" : "",
		STR_ARG(a ? net_address_format(a, text) : STR("")), note->unsaid);
	*note = (struct limit_note){ .next_ms = worker_now(w) + NOTE_MS };
}

/* Coming and going. */

static void refuse(struct edge *e, int socket, enum limit which, enum stream_condition condition, const char *text)
{
	struct worker *w = e->worker;
	const struct net *net = loop_net(w->loop);
	limit_met(w, which, &e->log, &e->login->peer);
	if (!e->kind->direct_tls) {
		receiver_close(e->receiver, condition, text, &w->scratch);
		struct str words = buf_str(&w->scratch);
		if (net_write(net, socket, &words, 1) > 0)
			net_shutdown(net, socket);
		buf_clear(&w->scratch);
	}
	net_close(net, socket);
}

static bool is_full(const struct server *s)
{
	uint64_t edges = 0;
	for (uint32_t i = 0; i < s->worker_count; i++)
		edges += atomic_load_explicit(&s->workers[i]->edge_count, memory_order_relaxed);
	return edges > s->connections_max;
}

struct eviction {
	struct post post;
	slab_handle edge;
};

static void drop_eviction(struct worker *w, struct post *p)
{
	(void)w;
	mem_free(CONTAINER_OF(p, struct eviction, post));
}

/* On the worker that has it. It may have logged in meanwhile; then it stays. */
static void run_eviction(struct worker *w, struct post *p)
{
	struct eviction *v = CONTAINER_OF(p, struct eviction, post);
	struct edge *e = slab_get(&w->edges, v->edge);
	mem_free(v);
	if (!e || !e->conn || receiver_jid(e->receiver))
		return;
	limit_met(w, LIMIT_evicted, &e->log, &e->login->peer);
	receiver_close(e->receiver, STREAM_RESOURCE_CONSTRAINT, "too many connections", &w->scratch); /* RFC 6120, 4.9.3.17 */
	if (buf_len(&w->scratch) && !conn_write(w->conns, e->conn, buf_str(&w->scratch)))
		conn_abort(w->conns, e->conn);
	buf_clear(&w->scratch);
	conn_finish(w->conns, e->conn);
}

static void evict(struct worker *w, struct remote_handle edge)
{
	struct eviction *v = mem_zalloc(sizeof(*v));
	v->edge = edge.handle;
	v->post.run = run_eviction;
	v->post.drop = drop_eviction;
	worker_post(w, edge.worker, &v->post);
}

bool edge_may_enter(struct edge *e, int socket)
{
	struct worker *w = e->worker;
	if (is_full(w->server)) {
		refuse(e, socket, LIMIT_refused_full, STREAM_RESOURCE_CONSTRAINT, "too many connections");
		return false;
	}
	struct limits_entry entry = limits_enter(w->server->limits, &e->login->peer, worker_now(w), w->index, e->handle);
	/* RFC 6120, 4.9.3.14; 13.12 */
	switch (entry.answer) {
	case LIMITS_TOO_MANY:
		refuse(e, socket, LIMIT_refused_per_address, STREAM_POLICY_VIOLATION, "too many connections of this address");
		return false;
	case LIMITS_TOO_OFTEN:
		refuse(e, socket, LIMIT_refused_per_minute, STREAM_POLICY_VIOLATION, "too many new connections of this address");
		return false;
	case LIMITS_ADMITTED: break;
	}
	e->login->guest = entry.guest;
	if (entry.evicted.handle)
		evict(w, entry.evicted);
	return true;
}

void edge_leave_guests(struct edge *e)
{
	limits_leave(e->worker->server->limits, e->login->guest);
	e->login->guest = 0;
}

/* Logging in. */

bool edge_may_try_login(struct edge *e)
{
	struct worker *w = e->worker;
	if (limits_may_log_in(w->server->limits, &e->login->peer, worker_now(w)))
		return true;
	limit_met(w, LIMIT_logins_put_off, &e->log, &e->login->peer);
	return false;
}

void edge_note_login_failure(struct edge *e, enum sasl_failure failure)
{
	/* Others are not about who it is. */
	if (failure == SASL_NOT_AUTHORIZED)
		limits_login_failed(e->worker->server->limits, &e->login->peer, worker_now(e->worker));
}

/* Reading. */

void edge_charge(struct edge *e, size_t bytes, unsigned stanzas)
{
	if (conn_charge(e->worker->conns, e->conn, bytes + (size_t)stanzas * STANZA_BYTES))
		limit_met(e->worker, LIMIT_throttled, &e->log, e->login ? &e->login->peer : NULL);
}
