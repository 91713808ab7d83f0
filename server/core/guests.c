/* Guests and their networks. A network is listed under its number of guests, which changes by one at a time: so the largest is known
 * without a search. */
#include "server/core/guests.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <string.h>

struct guest_network {
	struct hash_node node;
	struct list count_link;
	struct list guests;
	struct source source;
	uint32_t count;
};

void guests_init(struct guests *g, uint32_t max, const struct random_source *r)
{
	*g = (struct guests){ .max = max, .key = hash_key_new(r) };
	hash_table_init(&g->networks, r);
	slab_init(&g->slab, sizeof(struct guest), max);
	g->by_count = mem_zalloc_array((size_t)max + 1, sizeof(*g->by_count));
	for (uint32_t n = 0; n <= max; n++)
		list_init(&g->by_count[n]);
}

void guests_fini(struct guests *g)
{
	for (slab_handle h; (h = slab_next(&g->slab, 0)) != 0;)
		guests_remove(g, slab_get(&g->slab, h));
	hash_table_fini(&g->networks);
	slab_fini(&g->slab);
	mem_free(g->by_count);
}

static bool equals(const struct hash_node *node, const void *key)
{
	return memcmp(&CONTAINER_OF_CONST(node, struct guest_network, node)->source, key, sizeof(struct source)) == 0;
}

static struct guest_network *network_of(struct guests *g, const struct net_address *a)
{
	struct source s = source_of(a, 24, 48);
	uint64_t hash = hash_bytes(g->key, source_str(&s));
	struct hash_node *node = hash_table_find(&g->networks, hash, equals, &s);
	if (node)
		return CONTAINER_OF(node, struct guest_network, node);
	struct guest_network *n = mem_zalloc(sizeof(*n));
	n->source = s;
	list_init(&n->guests);
	list_init(&n->count_link);
	hash_table_insert(&g->networks, &n->node, hash);
	return n;
}

static void set_count(struct guests *g, struct guest_network *n, uint32_t count)
{
	n->count = count;
	list_remove(&n->count_link);
	if (count > 0)
		list_add_last(&g->by_count[count], &n->count_link);
	if (count > g->most)
		g->most = count;
	if (g->most > 0 && list_is_empty(&g->by_count[g->most]))
		g->most--;
}

slab_handle guests_add(struct guests *g, const struct net_address *a, uint32_t worker, slab_handle edge)
{
	void *object;
	slab_handle h = slab_alloc(&g->slab, &object);
	struct guest *guest = object;
	assert_always(h);
	*guest = (struct guest){ .network = network_of(g, a), .address = *a, .worker = worker, .self = h, .edge = edge };
	list_add_last(&guest->network->guests, &guest->link);
	set_count(g, guest->network, guest->network->count + 1);
	return h;
}

struct guest *guests_get(const struct guests *g, slab_handle h)
{
	return slab_get(&g->slab, h);
}

struct guest *guests_last_welcome(const struct guests *g)
{
	const struct guest_network *n = CONTAINER_OF(g->by_count[g->most].next, struct guest_network, count_link);
	assert_always(g->most > 0);
	return CONTAINER_OF(n->guests.next, struct guest, link);
}

void guests_remove(struct guests *g, struct guest *guest)
{
	struct guest_network *n = guest->network;
	list_remove(&guest->link);
	slab_free(&g->slab, guest->self);
	set_count(g, n, n->count - 1);
	if (n->count == 0) {
		hash_table_remove(&g->networks, &n->node);
		mem_free(n);
	}
}
