/* A network in memory for tests: net.h with virtual time and an order drawn from a seed. Several nets (one a loop) may
 * stand on one of it. The test itself plays the peers, through fake_dial() and what follows it. */
#ifndef LINNET_TESTS_FAKENET_H
#define LINNET_TESTS_FAKENET_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/net/net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_SOCKETS_MAX 256

struct fake_net;

struct fake_socket {
	bool used, listening;
	int peer; /* -1: none any more */
	int waiting[FAKE_SOCKETS_MAX]; /* of a listener: not accepted yet */
	size_t waiting_count;
	struct buf in;
	bool peer_ended; /* nothing comes behind `in` */
	bool ended; /* shut down by this side */
	bool reset;
	int connect_error; /* < 0; 1: never decided */
	struct net_address address;
	struct fake_net *watcher;
	unsigned interest;
	uint64_t token;
};

struct fake_world {
	uint64_t now_ms;
	int64_t wall_offset_ms;
	struct clock clock;
	struct random_seeded seed;
	struct random_source random;
	struct fake_socket sockets[FAKE_SOCKETS_MAX];
	size_t capacity; /* of a socket's `in`: what the peer can write ahead */
	size_t chunk; /* > 0: a read or write moves 1 to chunk bytes, as drawn */
	int accept_error; /* < 0: what accepting gives, instead of a connection */
	bool spurious; /* sockets that are ready for writing take nothing */
	unsigned reads, writes, watches, waits; /* calls so far */
};

struct fake_net {
	struct fake_world *world;
	bool woken;
};

void fake_init(struct fake_world *w, uint64_t seed);
/* Fails the test if a socket is still open. */
void fake_fini(struct fake_world *w);

struct net fake_net(struct fake_net *n, struct fake_world *w);

/* The test's side. */

/* A socket connected to what listens at `to`, or -ECONNREFUSED. */
int fake_dial(struct fake_world *w, const struct net_address *to);
/* Two connected sockets. */
void fake_pair(struct fake_world *w, int *a_r, int *b_r);
/* What net_write and net_read do, without limits or counting. */
void fake_send(struct fake_world *w, int socket, struct str data);
/* Everything that has come to the socket, taken away. At most `max` bytes; appended to b. */
void fake_receive(struct fake_world *w, int socket, struct buf *b, size_t max);
bool fake_peer_has_ended(const struct fake_world *w, int socket);
bool fake_is_reset(const struct fake_world *w, int socket);
void fake_end(struct fake_world *w, int socket);
void fake_reset(struct fake_world *w, int socket);
void fake_close(struct fake_world *w, int socket);
/* Sockets that are open. */
size_t fake_open_count(const struct fake_world *w);

struct net_address fake_address(uint16_t port);

#endif
