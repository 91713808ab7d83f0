/* SipHash-1-3 (Aumasson and Bernstein, 2012) and hash tables.
 *
 * A table of 2^bits buckets takes the top bits of hash * salt, the salt random and odd: for any two different hashes
 * the chance to share a bucket is at most 2 in 2^bits, whoever chose them (Dietzfelbinger et al., 1997). With top bits,
 * the neighbours 2i and 2i + 1 of the larger table are bucket i of the smaller one, whether it grows or shrinks.
 *
 *     moving:   [0, moved) of the smaller table's buckets: read and write the new array
 *               [moved, end): still in the old one; their buckets in the new array have no value yet
 *
 * So a node is in exactly one place, which its hash names, and a new array needs no clearing. A table doubles when
 * nodes exceed buckets and halves below a quarter; with 4 buckets a call a move is over before the next can begin. */
#include "lib/base/hash.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <endian.h>
#include <string.h>

#define BITS_MIN 3
#define MOVES_A_CALL 4

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline __attribute__((always_inline)) void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

uint64_t hash_bytes(struct hash_key key, struct str s)
{
	struct sip sip = {
		key.k0 ^ 0x736f6d6570736575,
		key.k1 ^ 0x646f72616e646f6d,
		key.k0 ^ 0x6c7967656e657261,
		key.k1 ^ 0x7465646279746573,
	};
	uint64_t word;
	size_t at = 0;
	for (; s.n - at >= 8; at += 8) {
		memcpy(&word, s.p + at, 8);
		sip_word(&sip, le64toh(word));
	}
	word = (uint64_t)s.n << 56;
	for (int shift = 0; at < s.n; at++, shift += 8)
		word |= (uint64_t)(unsigned char)s.p[at] << shift;
	sip_word(&sip, word);
	sip.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&sip);
	return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

struct hash_key hash_key_new(const struct random_source *r)
{
	uint64_t k0 = random_u64(r);
	return (struct hash_key){ k0, random_u64(r) };
}

void hash_table_init(struct hash_table *t, const struct random_source *r)
{
	*t = (struct hash_table){ .salt = random_u64(r) | 1 };
}

void hash_table_fini(struct hash_table *t)
{
	mem_free(t->buckets);
	mem_free(t->old);
	*t = (struct hash_table){ .salt = t->salt };
}

/* While moving: of the smaller table. */
static unsigned smaller_bits(const struct hash_table *t)
{
	return t->bits < t->old_bits ? t->bits : t->old_bits;
}

static size_t bucket_number(const struct hash_table *t, uint64_t hash, unsigned bits)
{
	return (size_t)(hash * t->salt >> (64 - bits));
}

static bool is_unmoved(const struct hash_table *t, uint64_t hash)
{
	return t->old && bucket_number(t, hash, smaller_bits(t)) >= t->moved;
}

/* The one bucket in which a node of this hash is, or will be. */
static struct hash_node **bucket_of(const struct hash_table *t, uint64_t hash)
{
	if (is_unmoved(t, hash))
		return &t->old[bucket_number(t, hash, t->old_bits)];
	return &t->buckets[bucket_number(t, hash, t->bits)];
}

static struct hash_node **buckets_new(unsigned bits)
{
	size_t bytes;
	assert_always(bits < 48 && !__builtin_mul_overflow((size_t)1 << bits, sizeof(struct hash_node *), &bytes));
	return mem_alloc(bytes);
}

/* Moves one bucket of the smaller table: one into two when growing, two into one when shrinking. */
static void move_one(struct hash_table *t)
{
	unsigned bits = smaller_bits(t);
	size_t from = t->moved << (t->old_bits - bits), from_end = (t->moved + 1) << (t->old_bits - bits);
	size_t to = t->moved << (t->bits - bits), to_end = (t->moved + 1) << (t->bits - bits);
	for (; to < to_end; to++)
		t->buckets[to] = NULL;
	for (; from < from_end; from++) {
		for (struct hash_node *node = t->old[from], *next; node; node = next) {
			next = node->next;
			struct hash_node **bucket = &t->buckets[bucket_number(t, node->hash, t->bits)];
			node->next = *bucket;
			*bucket = node;
		}
	}
	t->moved++;
}

static void move_some(struct hash_table *t)
{
	if (!t->old)
		return;
	size_t end = (size_t)1 << smaller_bits(t);
	for (int i = 0; i < MOVES_A_CALL && t->moved < end; i++)
		move_one(t);
	if (t->moved == end) {
		mem_free(t->old);
		t->old = NULL;
	}
}

static void resize(struct hash_table *t, unsigned bits)
{
	assert_always(!t->old);
	t->old = t->buckets;
	t->old_bits = t->bits;
	t->buckets = buckets_new(bits);
	t->bits = bits;
	t->moved = 0;
}

void hash_table_insert(struct hash_table *t, struct hash_node *node, uint64_t hash)
{
	if (!t->buckets) {
		t->bits = BITS_MIN;
		t->buckets = buckets_new(BITS_MIN);
		memset(t->buckets, 0, sizeof(struct hash_node *) << BITS_MIN);
	}
	move_some(t);
	struct hash_node **bucket = bucket_of(t, hash);
	*node = (struct hash_node){ *bucket, hash };
	*bucket = node;
	t->count++;
	if (t->count > (size_t)1 << t->bits)
		resize(t, t->bits + 1);
}

void hash_table_remove(struct hash_table *t, struct hash_node *node)
{
	assert_always(t->buckets);
	struct hash_node **at = bucket_of(t, node->hash);
	while (*at != node) {
		assert_always(*at);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	t->count--;
	if (t->count == 0) {
		hash_table_fini(t);
		return;
	}
	move_some(t);
	if (t->bits > BITS_MIN && t->count < (size_t)1 << (t->bits - 2))
		resize(t, t->bits - 1);
}

struct hash_node *hash_table_find(const struct hash_table *t, uint64_t hash, hash_equal *equal, const void *key)
{
	if (!t->buckets)
		return NULL;
	for (struct hash_node *node = *bucket_of(t, hash); node; node = node->next)
		if (node->hash == hash && equal(node, key))
			return node;
	return NULL;
}

/* The first node in [from, end) of an array. */
static struct hash_node *first_node(struct hash_node *const *buckets, size_t from, size_t end)
{
	for (; from < end; from++)
		if (buckets[from])
			return buckets[from];
	return NULL;
}

struct hash_node *hash_table_next(const struct hash_table *t, const struct hash_node *node)
{
	if (!t->buckets)
		return NULL;
	if (node && node->next)
		return node->next;
	/* First what is in the new array, up to where the move has come; then the rest of the old one. */
	bool in_old = node && is_unmoved(t, node->hash);
	struct hash_node *next = NULL;
	if (!in_old) {
		size_t end = t->old ? t->moved << (t->bits - smaller_bits(t)) : (size_t)1 << t->bits;
		next = first_node(t->buckets, node ? bucket_number(t, node->hash, t->bits) + 1 : 0, end);
	}
	if (!next && t->old) {
		size_t from = t->moved << (t->old_bits - smaller_bits(t));
		if (in_old)
			from = bucket_number(t, node->hash, t->old_bits) + 1;
		next = first_node(t->old, from, (size_t)1 << t->old_bits);
	}
	return next;
}
