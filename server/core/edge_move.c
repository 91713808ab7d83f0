/* The move: a connection that has logged in goes, once, to the worker that owns its account, with its stream and all that is unread and
 * unsent. From then on edge and session are on one worker.
 *
 *     RECEIVER_LOGGED_IN ─▶ worker->moving ── end of the turn: edge_move_all ─▶ post ─▶ arrive, on the owner ─▶ the stream goes on */
#include "lib/base/mem.h"
#include "server/core/edge_impl.h"
#include "server/core/entity.h"
#include "server/core/server.h"
#include "server/core/worker.h"

struct move {
	struct post post;
	struct conn_parts parts;
	struct receiver *receiver;
	const struct edge_kind *kind;
	struct net_address peer;
	struct str wanted;
	struct edge_intent intent;
	uint64_t bind_by_ms;
};

static unsigned time_left(const struct worker *w, uint64_t until_ms)
{
	return until_ms > worker_now(w) ? (unsigned)(until_ms - worker_now(w)) : 1;
}

static void drop(struct worker *w, struct post *p)
{
	struct move *m = CONTAINER_OF(p, struct move, post);
	conn_parts_discard(&m->parts, loop_net(w->loop));
	receiver_free(&m->receiver);
	mem_free((char *)m->wanted.p);
	mem_free(m);
}

static void arrive(struct worker *w, struct post *p)
{
	struct move *m = CONTAINER_OF(p, struct move, post);
	struct edge *e = edge_new(w, m->kind, &m->peer);
	if (!e) {
		drop(w, p);
		return;
	}
	e->receiver = m->receiver;
	e->login->wanted = m->wanted;
	e->login->intent = m->intent;
	e->login->bind_by_ms = m->bind_by_ms;
	if (conn_attach(w->conns, &m->parts, &edge_conn_ops, e, &e->conn) != 0) {
		edge_free(e);
	} else if (!server_is_host(w->server, receiver_host(e->receiver))) {
		edge_end(e, STREAM_HOST_GONE, "this host is not served any more");
	} else {
		conn_set_deadline(w->conns, e->conn, time_left(w, e->login->bind_by_ms));
		if (e->login->wanted.p)
			edge_open_session(e, e->login->wanted);
		edge_resume_grant(e);
		edge_pump(e);
	}
	mem_free(m);
}

static void leave(struct edge *e)
{
	struct worker *w = e->worker;
	struct move *m = mem_zalloc(sizeof(*m));
	list_remove(&e->login->move_link);
	e->login->moving = false;
	/* It may have begun to end in the same turn; then it ends here. */
	if (!e->conn || !conn_detach(w->conns, e->conn, &m->parts)) {
		mem_free(m);
		return;
	}
	m->post.run = arrive;
	m->post.drop = drop;
	m->receiver = e->receiver;
	m->kind = e->kind;
	m->peer = e->login->peer;
	m->wanted = e->login->wanted;
	m->intent = e->login->intent;
	m->bind_by_ms = e->login->bind_by_ms;
	worker_post(w, entity_worker(w, receiver_jid(e->receiver)), &m->post);
	e->receiver = NULL;
	e->login->wanted = str_make(NULL, 0);
	edge_free(e);
}

void edge_move_all(struct worker *w)
{
	while (!list_is_empty(&w->moving))
		leave(CONTAINER_OF(w->moving.next, struct edge_login, move_link)->edge);
}
