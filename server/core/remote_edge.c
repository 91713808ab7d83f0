/* The transport to an edge on another worker, where connections do not move: a session's bytes travel as envelopes.
 *
 * What a turn writes goes as one EDGE_WRITE. The edge answers with as many bytes as its connection has room for again
 * (SESSION_WRITABLE), so no more than a window is ever on its way. Releasing the transport lets the edge go, by EDGE_CLOSE. */
#include "server/core/remote_edge.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"
#include "server/core/worker.h"

#define WINDOW_BYTES (256u << 10)
#define WRITE_BYTES_MAX (4u << 20)

struct remote_edge {
	struct transport transport;
	struct worker *worker;
	struct remote_handle edge;
	struct list link; /* in worker->remote_edges while there is something to send */
	struct buf bytes;
	size_t in_flight;
	enum stream_condition condition;
	const char *text;
};

static struct remote_edge *of_transport(struct transport *t)
{
	return CONTAINER_OF(t, struct remote_edge, transport);
}

static bool remote_write(struct transport *t, struct stanza *s, const struct jid *to)
{
	struct remote_edge *r = of_transport(t);
	if (r->in_flight + buf_len(&r->bytes) > WINDOW_BYTES)
		return false;
	stanza_write(&r->bytes, s, NULL, to, &(struct xml_dialect){ .content = NS_CLIENT });
	list_remove(&r->link);
	list_add_last(&r->worker->remote_edges, &r->link);
	return true;
}

static void send_bytes(struct remote_edge *r)
{
	list_remove(&r->link);
	if (!buf_len(&r->bytes))
		return;
	struct envelope *v = envelope_new(ENVELOPE_EDGE_WRITE, buf_len(&r->bytes) + 1);
	v->target = r->edge;
	v->bytes = arena_dup(v->arena, buf_str(&r->bytes));
	r->in_flight += buf_len(&r->bytes);
	buf_fini(&r->bytes);
	worker_send(r->worker, r->edge.worker, v);
}

void remote_edges_send(struct worker *w)
{
	while (!list_is_empty(&w->remote_edges))
		send_bytes(CONTAINER_OF(w->remote_edges.next, struct remote_edge, link));
}

static void remote_acknowledge(struct transport *t, size_t bytes)
{
	struct remote_edge *r = of_transport(t);
	r->in_flight -= bytes < r->in_flight ? bytes : r->in_flight;
}

static void remote_close(struct transport *t, enum stream_condition condition, const char *text)
{
	struct remote_edge *r = of_transport(t);
	r->condition = condition;
	r->text = text;
}

static void remote_release(struct transport *t)
{
	struct remote_edge *r = of_transport(t);
	send_bytes(r);
	struct envelope *v = envelope_new(ENVELOPE_EDGE_CLOSE, 0);
	v->target = r->edge;
	v->condition = r->condition;
	v->text = str_from_c(r->text);
	worker_send(r->worker, r->edge.worker, v);
	buf_fini(&r->bytes);
	mem_free(r);
}

static const struct transport_ops ops = {
	.name = "remote-edge",
	.write = remote_write,
	.close = remote_close,
	.acknowledge = remote_acknowledge,
	.release = remote_release,
};

struct transport *remote_edge_new(struct worker *w, struct remote_handle edge)
{
	struct remote_edge *r = mem_zalloc(sizeof(*r));
	r->transport.ops = &ops;
	r->worker = w;
	r->edge = edge;
	list_init(&r->link);
	buf_init(&r->bytes, WRITE_BYTES_MAX);
	return &r->transport;
}
