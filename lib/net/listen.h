/* Listening sockets on a loop. At most 64 connections are taken from one of them in a turn; when nothing can be
 * accepted it rests for a tenth of a second instead of spinning. */
#ifndef LINNET_LISTEN_H
#define LINNET_LISTEN_H

#include "lib/base/macros.h"
#include "lib/base/slab.h"
#include "lib/net/loop.h"
#include "lib/net/net.h"

struct listeners;

struct listeners *listeners_new(struct loop *l);
/* Closes them all. */
void listeners_free(struct listeners **ls);

/* Takes a connection: the socket is the callee's. */
typedef void listener_on_accept(void *ctx, int socket, const struct net_address *peer);

/* 0 or a negative errno (-EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EAFNOSUPPORT …). */
CHECK int listener_open(struct listeners *ls, const struct net_address *a, enum net_listen how,
	listener_on_accept *on_accept, void *ctx, slab_handle *h_r);
/* At once: those still waiting to be accepted are refused. */
void listener_close(struct listeners *ls, slab_handle h);
/* With the port that was taken, if 0 was asked for. */
CHECK int listener_address(const struct listeners *ls, slab_handle h, struct net_address *a_r);
/* Connections dropped or refused for lack of descriptors or memory, of all listeners. */
uint64_t listeners_dropped(const struct listeners *ls);

#endif
