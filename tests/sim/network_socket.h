/* For network*.c only: a socket, and what happens to it. */
#ifndef LINNET_TESTS_SIM_NETWORK_SOCKET_H
#define LINNET_TESTS_SIM_NETWORK_SOCKET_H

#include "lib/base/list.h"
#include "tests/sim/network.h"

#define CLIENT_PORT 40000 /* of those that ask for none */

struct sim_socket {
	int number;
	int peer; /* -1: none any more */
	unsigned host, peer_host;
	struct net_address address, peer_address;
	bool listening;
	struct list waiting; /* of a listener: not accepted yet, in the order in which they arrive */
	struct list waiting_link;
	uint64_t connected_ms; /* UINT64_MAX: never */
	int connect_error; /* < 0 */
	/* What comes to it. */
	struct list air; /* packets, in the order in which they were sent */
	size_t air_bytes;
	struct buf in; /* what has arrived */
	bool peer_ended; /* nothing comes behind `in`, */
	bool reset; /* nor goes anywhere */
	bool ended; /* shut down by this side */
	bool dead; /* its host has been cut */
	struct sim_net *watcher;
	struct list watched_link;
	unsigned interest;
	uint64_t token;
};

struct sim_socket *network_add(struct network *n, unsigned host);
/* An open one, with all that has arrived. */
struct sim_socket *network_get(const struct network *n, int socket);
/* NULL: none any more. */
struct sim_socket *network_peer(const struct network *n, const struct sim_socket *s);
/* Takes what has arrived out of the air. */
void network_settle(const struct network *n, struct sim_socket *s);
/* What was sent to it and nobody has taken. */
size_t network_unread(const struct sim_socket *s);

/* One that listens there; among several, a drawn one. NULL: none. */
struct sim_socket *network_find_listener(struct network *n, const struct net_address *a);
struct sim_socket *network_connect(struct network *n, const struct net_address *to, const struct net_address *from,
	unsigned host);

/* How long something is on its way. */
uint64_t network_delay(struct network *n);
/* Bytes, the end, or all that closing means, to the peer, if there is one. */
void network_put(struct network *n, struct sim_socket *s, struct str bytes, uint64_t delay);
void network_finish(struct network *n, struct sim_socket *s, uint64_t delay);
void network_hang_up(struct network *n, struct sim_socket *s, uint64_t delay);

void network_trace(struct network *n, const char *what, const struct sim_socket *s, uint64_t number, struct str bytes);

#endif
