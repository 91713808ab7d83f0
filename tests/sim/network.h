/* A network in memory: net.h with virtual time and an order drawn from a seed. Several nets (one a loop) may stand on
 * one of it. Tests play peers through network_dial() and what follows it, or by a loop on a net of their own.
 *
 * Sockets are numbers, the lowest that is free. As with TCP, bytes arrive in order and late (latency_ms), the end
 * behind them; a socket that is closed with input that is unread or still on its way resets its peer; and a reset,
 * which takes no time, destroys what the peer has not read. Port 9 never answers.
 *
 * All that is done is traced: connect, accept, write (lost: to nobody any more), read, end, close, reset, cut. */
#ifndef LINNET_TESTS_SIM_NETWORK_H
#define LINNET_TESTS_SIM_NETWORK_H

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/net/net.h"
#include "tests/sim/world.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETWORK_NOBODY UINT_MAX /* the host of peers that are played by the test */

struct network;

/* The net of one loop. */
struct sim_net {
	struct network *network;
	unsigned host; /* sockets that it opens or accepts belong to this host: see network_cut */
	struct list watched; /* sockets */
	bool woken;
	bool never_sleeps; /* a wait with nothing to report returns at once; else it moves the time on */
};

struct sim_socket;

struct network {
	struct world *world;
	struct sim_socket **sockets;
	size_t socket_count; /* slots; those that are free are NULL */
	size_t capacity; /* what may be on its way to a socket or wait there unread */
	size_t chunk; /* > 0: a read or write moves 1 to chunk bytes, as drawn */
	unsigned latency_ms; /* bytes and connections are on their way for 0 to so long, as drawn */
	int accept_error; /* < 0: what accepting gives, instead of a connection */
	bool spurious; /* sockets that are ready for writing take nothing */
	unsigned reads, writes, watches, waits; /* calls so far */
};

void network_init(struct network *n, struct world *w);
/* Fails (an assertion) if a socket is still open. */
void network_fini(struct network *n);

/* Its address must not change afterwards. */
struct net sim_net_init(struct sim_net *net, struct network *n, unsigned host);

/* When something that is on its way arrives next: a monotonic time, or UINT64_MAX. */
uint64_t network_next_ms(const struct network *n);

/* The host is gone (killed, or without power): nothing that it still does with its sockets shows anywhere. A peer
 * reads some of what was on its way to it, as drawn, and then the reset. What the host opens afterwards is alive. */
void network_cut(struct network *n, unsigned host);

/* Closes what a host that has been cut had open, when it cannot do that itself any more. */
void network_abandon(struct network *n, unsigned host);

/* A peer played by the test. */

/* A socket connected to what listens at `to`, or -ECONNREFUSED. */
int network_dial(struct network *n, const struct net_address *to);
/* The same from an address of its own. */
int network_dial_from(struct network *n, const struct net_address *to, const struct net_address *from);
/* Two connected sockets. */
void network_pair(struct network *n, int *a_r, int *b_r);
/* What net_write and net_read do, without limits, delays or counting; though nothing arrives before what is on its way
 * already. network_end() and network_close() have no delay either. */
void network_send(struct network *n, int socket, struct str data);
/* What has come to the socket, taken away. At most `max` bytes; appended to b, which may be NULL. */
void network_receive(struct network *n, int socket, struct buf *b, size_t max);
/* Bytes that network_receive would give. */
size_t network_waiting(const struct network *n, int socket);
/* The end has come behind all that was received. */
bool network_peer_has_ended(const struct network *n, int socket);
bool network_is_reset(const struct network *n, int socket);
unsigned network_host_of(const struct network *n, int socket);
/* Is it watched for this (NET_READ, NET_WRITE)? */
bool network_is_watched(const struct network *n, int socket, unsigned interest);
void network_end(struct network *n, int socket);
void network_reset(struct network *n, int socket);
void network_close(struct network *n, int socket);
/* Sockets that are open. */
size_t network_open_count(const struct network *n);

struct net_address network_address(uint16_t port);

#endif
