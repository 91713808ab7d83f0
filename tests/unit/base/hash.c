/* Tests of lib/base/hash.c. The table's fields are read where a promise is about cost. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/hash.h"

#include <stdlib.h>

/* Key 00 01 … 0f, data 00 01 …: computed by a program of its own that also agrees with CPython's hash(bytes). */
static void siphash_1_3_vectors(void **state)
{
	(void)state;
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {
		{ 0, 0xabac0158050fc4dc }, { 1, 0xc9f49bf37d57ca93 }, { 2, 0x82cb9b024dc7d44d },
		{ 3, 0x8bf80ab8e7ddf7fb }, { 4, 0xcf75576088d38328 }, { 5, 0xdef9d52f49533b67 },
		{ 6, 0xc50d2b50c59f22a7 }, { 7, 0xd3927d989bb11140 }, { 8, 0x369095118d299a8e },
		{ 9, 0x25a48eb36c063de4 }, { 15, 0xd320d86d2a519956 }, { 16, 0xcc4fdd1a7d908b66 },
		{ 17, 0x9cf2689063dbd80c }, { 63, 0x9d199062b7bbb3a8 }, { 255, 0xf76214e3153c4a15 },
		{ 256, 0x75b3e64e167de370 },
	};
	unsigned char data[257];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)i;
	const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		assert_true(hash_bytes(key, str_make(data, vectors[i].n)) == vectors[i].hash);
	assert_true(hash_bytes(key, (struct str){ NULL, 0 }) == vectors[0].hash);
	/* Where the bytes lie does not matter. */
	memmove(data + 1, data, 256);
	assert_true(hash_bytes(key, str_make(data + 1, 63)) == 0x9d199062b7bbb3a8);
}

struct fixture {
	struct random_seeded seeded;
	struct random_source random;
	struct hash_table table;
};

static void set_up(struct fixture *f, uint64_t seed)
{
	random_seeded_init(&f->seeded, seed);
	f->random = random_seeded_source(&f->seeded);
	hash_table_init(&f->table, &f->random);
}

static void keys_come_from_the_source(void **state)
{
	(void)state;
	struct random_seeded seeded = { { 1, 2, 3, 4 } };
	struct random_source r = random_seeded_source(&seeded);
	struct hash_key key = hash_key_new(&r);
	assert_int_equal(key.k0, 11520);
	assert_int_equal(key.k1, 0);
}

struct item {
	uint64_t name;
	struct hash_node node;
	bool is_in;
	unsigned visits;
};

static bool has_name(const struct hash_node *node, const void *key)
{
	return CONTAINER_OF_CONST(node, struct item, node)->name == *(const uint64_t *)key;
}

static struct item *find(const struct hash_table *t, uint64_t hash, uint64_t name)
{
	struct hash_node *node = hash_table_find(t, hash, has_name, &name);
	return node ? CONTAINER_OF(node, struct item, node) : NULL;
}

static void empty_table_holds_no_heap(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 1);
	assert_null(f.table.buckets);
	assert_null(find(&f.table, 1, 1));
	assert_null(hash_table_next(&f.table, NULL));
	static struct item items[1100];
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		hash_table_insert(&f.table, &items[i].node, i);
	/* It is in the middle of a move. */
	assert_non_null(f.table.old);
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		hash_table_remove(&f.table, &items[i].node);
	assert_int_equal(f.table.count, 0);
	assert_null(f.table.buckets);
	assert_null(f.table.old);
	hash_table_insert(&f.table, &items[0].node, 5);
	hash_table_fini(&f.table);
	assert_null(f.table.buckets);
}

static void equal_hashes_are_told_apart_by_the_caller(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 1);
	struct item items[20] = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		items[i].name = i;
		hash_table_insert(&f.table, &items[i].node, 77);
	}
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		assert_ptr_equal(find(&f.table, 77, i), &items[i]);
	assert_null(find(&f.table, 77, 20));
	hash_table_remove(&f.table, &items[7].node);
	assert_null(find(&f.table, 77, 7));
	assert_ptr_equal(find(&f.table, 77, 8), &items[8]);
	hash_table_fini(&f.table);
}

static void other_hashes_are_told_apart_by_the_table(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 1);
	static struct item items[100];
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		hash_table_insert(&f.table, &items[i].node, random_u64(&f.random));
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		assert_ptr_equal(find(&f.table, items[i].node.hash, 0), &items[i]);
	hash_table_fini(&f.table);
}

static void removing_what_is_not_in_is_a_bug(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 1);
	struct item in = { 0 }, out = { 0 };
	assert_dies(hash_table_remove(&f.table, &out.node));
	hash_table_insert(&f.table, &in.node, 1);
	assert_dies(hash_table_remove(&f.table, &out.node));
	hash_table_fini(&f.table);
}

/* Each item that is in is seen once, all others never. */
static void check_walk(const struct hash_table *t, struct item *items, size_t n)
{
	size_t seen = 0;
	for (struct hash_node *node = hash_table_next(t, NULL); node; node = hash_table_next(t, node), seen++)
		CONTAINER_OF(node, struct item, node)->visits++;
	assert_int_equal(seen, t->count);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(items[i].visits, items[i].is_in);
		items[i].visits = 0;
	}
}

/* Random insertions and removals, in waves so that it grows and shrinks; everything is looked up and walked between. */
static void table_behaves_like_a_set(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 3);
	static struct item items[600];
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		items[i].name = i;
	for (int step = 0; step < 20000; step++) {
		struct item *item = &items[random_below(&f.random, ARRAY_LEN(items))];
		bool wanted = random_below(&f.random, 1000) < (step / 2000 % 2 ? 20 : 950);
		uint64_t hash = item->name * 3;
		if (wanted && !item->is_in)
			hash_table_insert(&f.table, &item->node, hash);
		else if (!wanted && item->is_in)
			hash_table_remove(&f.table, &item->node);
		item->is_in = wanted;
		assert_ptr_equal(find(&f.table, hash, item->name), wanted ? item : NULL);
		if (step % 13 != 0)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(items); i++)
			assert_ptr_equal(find(&f.table, i * 3, i), items[i].is_in ? &items[i] : NULL);
		check_walk(&f.table, items, ARRAY_LEN(items));
	}
	hash_table_fini(&f.table);
}

static size_t chain_length(const struct hash_node *node)
{
	size_t n = 0;
	for (; node; node = node->next)
		n++;
	return n;
}

/* How many nodes the next call may move: those of the next four buckets of the smaller array. */
static size_t next_moves(const struct hash_table *t)
{
	size_t n = 0;
	if (!t->old)
		return 0;
	unsigned bits = t->bits < t->old_bits ? t->bits : t->old_bits;
	size_t from = t->moved << (t->old_bits - bits), to = (t->moved + 4) << (t->old_bits - bits);
	for (; from < to && from < (size_t)1 << t->old_bits; from++)
		n += chain_length(t->old[from]);
	return n;
}

struct cost {
	size_t most_nodes, most_buckets;
};

static void measure(const struct hash_table *t, struct cost *c, size_t nodes, const void *old, size_t moved)
{
	c->most_nodes = nodes > c->most_nodes ? nodes : c->most_nodes;
	if (old && t->old == old && t->moved - moved > c->most_buckets)
		c->most_buckets = t->moved - moved;
	assert_true(t->count <= (size_t)1 << t->bits);
}

static void no_call_moves_more_than_a_few_nodes(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 4);
	static struct item items[100000];
	struct hash_table *t = &f.table;
	struct cost cost = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		size_t nodes = next_moves(t), moved = t->moved;
		const void *old = t->old;
		hash_table_insert(t, &items[i].node, random_u64(&f.random));
		measure(t, &cost, nodes, old, moved);
	}
	assert_int_equal(t->bits, 17);
	for (size_t i = 0; i < ARRAY_LEN(items) - 10; i++) {
		size_t nodes = next_moves(t), moved = t->moved;
		const void *old = t->old;
		hash_table_remove(t, &items[i].node);
		measure(t, &cost, nodes, old, moved);
	}
	assert_int_equal(cost.most_buckets, 4);
	assert_in_range(cost.most_nodes, 4, 24);
	/* It has shrunk with them. */
	assert_in_range(t->bits, 3, 6);
	hash_table_fini(t);
}

static size_t longest_chain(const struct hash_table *t)
{
	size_t longest = 0;
	assert_null(t->old);
	for (size_t i = 0; i < (size_t)1 << t->bits; i++) {
		size_t n = chain_length(t->buckets[i]);
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* Hashes that differ in some bits only, wherever those are, as a peer might choose them. */
static void predictable_hashes_spread(void **state)
{
	(void)state;
	static struct item items[3000];
	for (int shift = 0; shift <= 52; shift++) {
		for (int reversed = 0; reversed < 2; reversed++) {
			struct fixture f;
			set_up(&f, (uint64_t)shift);
			for (size_t i = 0; i < ARRAY_LEN(items); i++) {
				uint64_t hash = (uint64_t)i << shift;
				hash_table_insert(&f.table, &items[i].node, reversed ? __builtin_bswap64(hash) : hash);
			}
			assert_in_range(longest_chain(&f.table), 1, 12);
			hash_table_fini(&f.table);
		}
	}
}

static void tables_of_other_salts_put_nodes_elsewhere(void **state)
{
	(void)state;
	static struct item items[2][1000];
	struct fixture f[2];
	for (int k = 0; k < 2; k++) {
		set_up(&f[k], (uint64_t)k);
		for (size_t i = 0; i < 1000; i++) {
			items[k][i].name = i;
			hash_table_insert(&f[k].table, &items[k][i].node, i * 0x9e3779b97f4a7c15);
		}
	}
	unsigned same = 0;
	struct hash_node *a = hash_table_next(&f[0].table, NULL), *b = hash_table_next(&f[1].table, NULL);
	for (; a; a = hash_table_next(&f[0].table, a), b = hash_table_next(&f[1].table, b))
		same += CONTAINER_OF(a, struct item, node)->name == CONTAINER_OF(b, struct item, node)->name;
	assert_true(same < 20);
	hash_table_fini(&f[0].table);
	hash_table_fini(&f[1].table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_1_3_vectors),
		cmocka_unit_test(keys_come_from_the_source),
		cmocka_unit_test(empty_table_holds_no_heap),
		cmocka_unit_test(equal_hashes_are_told_apart_by_the_caller),
		cmocka_unit_test(other_hashes_are_told_apart_by_the_table),
		cmocka_unit_test(removing_what_is_not_in_is_a_bug),
		cmocka_unit_test(table_behaves_like_a_set),
		cmocka_unit_test(no_call_moves_more_than_a_few_nodes),
		cmocka_unit_test(predictable_hashes_spread),
		cmocka_unit_test(tables_of_other_salts_put_nodes_elsewhere),
	};
	return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
