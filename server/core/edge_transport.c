/* The edge as its session sees it: a transport. */
#include "lib/base/fault.h"
#include "server/core/edge_impl.h"
#include "server/core/remote_edge.h"
#include "server/core/worker.h"

static struct edge *of_transport(struct transport *t)
{
	return CONTAINER_OF(t, struct edge, transport);
}

static bool transport_write(struct transport *t, struct stanza *s, const struct jid *to)
{
	struct edge *e = of_transport(t);
	struct worker *w = e->worker;
	if (e->state != EDGE_BOUND || !e->conn || conn_is_congested(w->conns, e->conn))
		return false;
	struct xml_dialect dialect = receiver_dialect(e->receiver);
	stanza_write(&w->transport_scratch, s, NULL, to, &dialect);
	assert_always(!buf_failed(&w->transport_scratch));
	bool taken = conn_write(w->conns, e->conn, buf_str(&w->transport_scratch));
	buf_clear(&w->transport_scratch);
	return taken;
}

static void transport_close(struct transport *t, enum stream_condition condition, const char *text)
{
	struct edge *e = of_transport(t);
	struct buf *b = &e->worker->transport_scratch;
	if (!e->conn)
		return;
	edge_close_behind(e);
	/* Nothing, if the stream has ended by itself meanwhile: then its last words are on their way already. */
	receiver_close(e->receiver, condition, text, b);
	if (buf_len(b) && !conn_write(e->worker->conns, e->conn, buf_str(b)))
		conn_abort(e->worker->conns, e->conn);
	buf_clear(b);
	conn_close(e->worker->conns, e->conn);
}

static uint64_t transport_last_input_ms(const struct transport *t)
{
	const struct edge *e = CONTAINER_OF_CONST(t, struct edge, transport);
	return conn_last_input_ms(e->worker->conns, e->conn);
}

static void transport_release(struct transport *t)
{
	struct edge *e = of_transport(t);
	e->state = EDGE_UNBOUND;
	edge_close_behind(e);
	if (!e->conn)
		edge_free(e);
}

const struct transport_ops edge_transport_ops = {
	.name = "tcp",
	.write = transport_write,
	.close = transport_close,
	.last_input_ms = transport_last_input_ms,
	.release = transport_release,
};

struct transport *edge_transport(struct worker *w, struct remote_handle edge)
{
	if (edge.worker != w->index)
		return remote_edge_new(w, edge);
	struct edge *e = slab_get(&w->edges, edge.handle);
	assert_always(e && e->state == EDGE_OPENING);
	return &e->transport;
}

bool edge_find_peer(const struct transport *t, struct net_address *peer_r, struct tls_info *tls_r)
{
	if (t->ops != &edge_transport_ops)
		return false;
	const struct edge *e = CONTAINER_OF_CONST(t, struct edge, transport);
	*tls_r = (struct tls_info){ 0 };
	(void)conn_tls_info(e->worker->conns, e->conn, tls_r);
	return conn_peer_address(e->worker->conns, e->conn, peer_r) == 0;
}
