/* Edges: client connections. An edge has the socket, TLS and the stream; the account that it logs in to has the session. It lives
 * in a slab of its worker, from the accepted connection until both its connection and its session have let go of it.
 *
 *     accept ─▶ stream (receiver.h): TLS, login ─▶ SESSION_OPEN ─▶ owner ─▶ SESSION_OPENED ─▶ bound: stanzas ⇄ SESSION_STANZA, write */
#ifndef LINNET_EDGE_H
#define LINNET_EDGE_H

#include "lib/net/conn.h"
#include "lib/stream/receiver.h"
#include "server/core/envelope.h"
#include "server/core/transport.h"

struct worker;

/* What all edges of one listener share. Immutable. */
struct edge_kind {
	struct receiver_config receiver;
	struct tls_use tls; /* but for its context, which is that of the hosts */
	bool direct_tls;
};

void edge_worker_init(struct worker *w);
void edge_worker_fini(struct worker *w);

/* A connection has been accepted; the socket is taken. */
void edge_accept(struct worker *w, const struct edge_kind *kind, int socket, const struct net_address *peer);
/* SESSION_OPENED, EDGE_WRITE, EDGE_CLOSE. The envelope is taken. */
void edge_receive(struct worker *w, struct envelope *v);

/* At the end of a turn: takes those that have logged in to an account of another worker there. */
void edge_move_all(struct worker *w);

/* What the owner of a session writes to: the edge itself if it is this worker's, else a remote_edge. */
struct transport *edge_transport(struct worker *w, struct remote_handle edge);

/* Ends with host-gone the streams that are not bound, of hosts that are not served any more. `text` is static. */
void edge_close_unserved(struct worker *w, const char *text);
/* Ends with not-authorized the streams that have logged in to this account and are not bound yet: those of a client, or (n 0) all.
 * `text` is static. */
void edge_close_revoked(struct worker *w, const struct jid *jid, struct str client, const char *text);
/* Who is at the other end of a session's transport, and how (tls_r->version NULL: without TLS). False if that is not known here. */
CHECK bool edge_find_peer(const struct transport *t, struct net_address *peer_r, struct tls_info *tls_r);

/* At a graceful stop: ends all streams with system-shutdown. */
void edge_close_all(struct worker *w, enum stream_condition condition, const char *text);

#endif
