/* Guests: connections that have not logged in, of all workers, and the fixed number of places that they share (docs/SECURITY.md,
 * Q1). Each place stands for GUEST_BYTES of memory. When all are taken, the oldest guest of the network with the most guests gives
 * way: a /24 of IPv4, a /48 of IPv6, what one party easily gets hold of. Among networks with as many guests it is the one that has
 * had so many for longest; so with one guest each, the oldest of all.
 *
 * Every call is O(1). limits.c has the lock. */
#ifndef LINNET_GUESTS_H
#define LINNET_GUESTS_H

#include "lib/base/slab.h"
#include "server/core/addresses.h"

/* What one guest may take in memory, TLS included: tests/unit/core/aborted.c measures it. */
#define GUEST_BYTES (96u << 10)

struct guest_network;

struct guests {
	uint32_t max;
	struct hash_key key;
	struct hash_table networks;
	struct slab slab;
	struct list *by_count; /* for each number of guests the networks that have so many */
	uint32_t most; /* the largest number that a network has */
};

struct guest {
	struct list link; /* in its network, the oldest first */
	struct guest_network *network;
	struct net_address address;
	uint32_t worker;
	slab_handle self, edge;
};

void guests_init(struct guests *g, uint32_t max, const struct random_source *r);
void guests_fini(struct guests *g);

static inline bool guests_is_full(const struct guests *g)
{
	return g->slab.count == g->max;
}

/* It is not full. */
slab_handle guests_add(struct guests *g, const struct net_address *a, uint32_t worker, slab_handle edge);
/* NULL if it is none any more. */
struct guest *guests_get(const struct guests *g, slab_handle h);
/* The one to give way; there is one. */
struct guest *guests_last_welcome(const struct guests *g);
void guests_remove(struct guests *g, struct guest *guest);

#endif
