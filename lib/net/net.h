/* Sockets and readiness, asked of whoever drives us: the system (sysnet.h), or a simulator in its place.
 *
 * A `struct net` belongs to one loop. A socket is watched by one net at a time; it may move to another one of the same
 * kind (watch it with 0 here, then with what is wanted there). All calls return at once, except net_wait. Results are 0
 * or more, or a negative errno. One thread, but for net_wake(). */
#ifndef LINNET_NET_H
#define LINNET_NET_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/net/address.h"

#include <stddef.h>
#include <stdint.h>

/* What a socket is watched for, and what it is ready for. An error and a hang-up make it ready for both: the next read
 * or write tells. */
#define NET_READ 1u
#define NET_WRITE 2u

struct net_event {
	uint64_t token;
	unsigned ready;
};

struct net_credentials {
	uint32_t uid, gid;
	int32_t pid;
};

/* How to listen. */
enum net_listen {
	NET_LISTEN_FIRST, /* -EADDRINUSE if anybody listens there already */
	/* Beside those of the same user: the system shares out what comes in. Not for Unix sockets. */
	NET_LISTEN_JOIN,
};

struct net_ops {
	/* A listening socket. Port 0 takes a free one. "[::]" is all addresses, those of IPv4 too. A Unix socket is
	 * accessible to its own user only; one whose owner has gone is replaced. */
	int (*listen)(void *ctx, const struct net_address *a, enum net_listen how);
	/* The next connection. -EAGAIN: none is waiting. -ECONNABORTED: that one is gone already, try again. -EMFILE:
	 * there was no descriptor for it, it has been dropped, try again. Else: nothing can be accepted for the time
	 * being. */
	int (*accept)(void *ctx, int listener, struct net_address *peer_r);
	/* A socket that is becoming a connection; when it is ready for NET_WRITE, ask connect_result. `from` may be
	 * NULL (any local address); its port may be 0. */
	int (*connect)(void *ctx, const struct net_address *to, const struct net_address *from);
	int (*connect_result)(void *ctx, int socket);
	/* Bytes read, 0 at the end, -EAGAIN if there are none. */
	ptrdiff_t (*read)(void *ctx, int socket, void *p, size_t n);
	/* Bytes written, maybe fewer than all; -EAGAIN if none. */
	ptrdiff_t (*write)(void *ctx, int socket, const struct str *parts, size_t count);
	/* No more will be written; the peer reads the end behind what was. */
	void (*shutdown)(void *ctx, int socket);
	/* A socket that is watched must be unwatched first, or its last user be this net. */
	void (*close)(void *ctx, int socket);
	/* Changes what it is watched for from `was` to `interest`; 0: not at all. Events carry `token`, which is not
	 * UINT64_MAX. Readiness is a level: it is reported as long as it lasts. */
	int (*watch)(void *ctx, int socket, unsigned was, unsigned interest, uint64_t token);
	/* Sleeps until something is ready, net_wake, or timeout_ms (-1: for ever). The count of events. */
	int (*wait)(void *ctx, int timeout_ms, struct net_event *events, size_t max);
	/* Makes the present or the next wait return. Any thread. */
	void (*wake)(void *ctx);
	int (*local_address)(void *ctx, int socket, struct net_address *a_r);
	int (*peer_address)(void *ctx, int socket, struct net_address *a_r);
	/* Of a Unix socket: who connected. */
	int (*peer_credentials)(void *ctx, int socket, struct net_credentials *c_r);
};

struct net {
	const struct net_ops *ops;
	void *ctx;
};

CHECK static inline int net_listen(const struct net *n, const struct net_address *a, enum net_listen how)
{
	return n->ops->listen(n->ctx, a, how);
}

CHECK static inline int net_accept(const struct net *n, int listener, struct net_address *peer_r)
{
	return n->ops->accept(n->ctx, listener, peer_r);
}

CHECK static inline int net_connect(const struct net *n, const struct net_address *to, const struct net_address *from)
{
	return n->ops->connect(n->ctx, to, from);
}

CHECK static inline int net_connect_result(const struct net *n, int socket)
{
	return n->ops->connect_result(n->ctx, socket);
}

CHECK static inline ptrdiff_t net_read(const struct net *n, int socket, void *p, size_t bytes)
{
	return n->ops->read(n->ctx, socket, p, bytes);
}

CHECK static inline ptrdiff_t net_write(const struct net *n, int socket, const struct str *parts, size_t count)
{
	return n->ops->write(n->ctx, socket, parts, count);
}

static inline void net_shutdown(const struct net *n, int socket)
{
	n->ops->shutdown(n->ctx, socket);
}

static inline void net_close(const struct net *n, int socket)
{
	n->ops->close(n->ctx, socket);
}

CHECK static inline int net_watch(const struct net *n, int socket, unsigned was, unsigned interest, uint64_t token)
{
	return n->ops->watch(n->ctx, socket, was, interest, token);
}

CHECK static inline int net_wait(const struct net *n, int timeout_ms, struct net_event *events, size_t max)
{
	return n->ops->wait(n->ctx, timeout_ms, events, max);
}

static inline void net_wake(const struct net *n)
{
	n->ops->wake(n->ctx);
}

CHECK static inline int net_local_address(const struct net *n, int socket, struct net_address *a_r)
{
	return n->ops->local_address(n->ctx, socket, a_r);
}

CHECK static inline int net_peer_address(const struct net *n, int socket, struct net_address *a_r)
{
	return n->ops->peer_address(n->ctx, socket, a_r);
}

CHECK static inline int net_peer_credentials(const struct net *n, int socket, struct net_credentials *c_r)
{
	return n->ops->peer_credentials(n->ctx, socket, c_r);
}

#endif
