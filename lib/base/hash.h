/* Seeded hashing (SipHash-1-3) and hash tables of intrusive nodes.
 *
 * A table may be keyed by bytes a peer chose: its key comes from a random source (docs/SECURITY.md, P7). */
#ifndef LINNET_HASH_H
#define LINNET_HASH_H

#include "lib/base/macros.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k0, k1;
};

uint64_t hash_bytes(struct hash_key key, struct str s);
struct hash_key hash_key_new(const struct random_source *r);

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

/* Chained buckets, as many as nodes at least; grows and shrinks by itself, a few buckets with each insertion and
 * removal, so that no single call is slow. An empty table holds no heap. One thread. */
struct hash_table {
	struct hash_node **buckets; /* those in use */
	struct hash_node **old; /* those being emptied, or NULL */
	size_t moved; /* of the smaller of both: buckets that have moved */
	size_t count;
	uint64_t salt; /* odd */
	unsigned char bits, old_bits; /* an array has 1 << bits buckets */
};

/* Mixes a salt of its own into every hash, so hashes that others can predict (but not collide in all 64 bits)
 * are fine as keys. */
void hash_table_init(struct hash_table *t, const struct random_source *r);
/* The nodes belong to the caller; they are not touched. */
void hash_table_fini(struct hash_table *t);

/* The caller has made sure that no equal node is in it. */
void hash_table_insert(struct hash_table *t, struct hash_node *node, uint64_t hash);
void hash_table_remove(struct hash_table *t, struct hash_node *node);

/* True if `node` is the one meant by `key`; called only for nodes of equal hash. */
typedef bool hash_equal(const struct hash_node *node, const void *key);
struct hash_node *hash_table_find(const struct hash_table *t, uint64_t hash, hash_equal *equal, const void *key);

/* Walks all nodes in no particular order: NULL begins, NULL ends. Between two calls the table must not change. */
struct hash_node *hash_table_next(const struct hash_table *t, const struct hash_node *node);

#endif
