/* Tests of lib/base/random.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/random.h"

#include <string.h>

/* The published values of both generators. */
static void seeding_is_splitmix64(void **state)
{
	(void)state;
	struct random_seeded s;
	random_seeded_init(&s, 0);
	assert_int_equal(s.state[0], 0xe220a8397b1dcdaf);
	assert_int_equal(s.state[1], 0x6e789e6aa1b965f4);
	assert_int_equal(s.state[2], 0x06c45d188009454f);
	assert_int_equal(s.state[3], 0xf88bb8a8724c81ec);
}

static void seeded_source_is_xoshiro256_starstar(void **state)
{
	(void)state;
	struct random_seeded s = { { 1, 2, 3, 4 } };
	struct random_source r = random_seeded_source(&s);
	assert_int_equal(random_u64(&r), 11520);
	assert_int_equal(random_u64(&r), 0);
	assert_int_equal(random_u64(&r), 1509978240);
	assert_int_equal(random_u64(&r), 1215971899390074240);
}

static void bytes_come_in_little_endian_order(void **state)
{
	(void)state;
	struct random_seeded s = { { 1, 2, 3, 4 } };
	struct random_source r = random_seeded_source(&s);
	unsigned char bytes[11] = { 0 };
	random_fill(&r, bytes, 10);
	const unsigned char expected[11] = { 0x00, 0x2d };
	assert_memory_equal(bytes, expected, sizeof(expected));
	/* What was left of the second word is not used again. */
	assert_int_equal(random_u64(&r), 1509978240);
}

static void same_seed_gives_the_same_bytes(void **state)
{
	(void)state;
	struct random_seeded a, b, c;
	random_seeded_init(&a, 7);
	random_seeded_init(&b, 7);
	random_seeded_init(&c, 8);
	struct random_source ra = random_seeded_source(&a), rb = random_seeded_source(&b);
	struct random_source rc = random_seeded_source(&c);
	char pa[100], pb[100], pc[100];
	random_fill(&ra, pa, sizeof(pa));
	random_fill(&rb, pb, sizeof(pb));
	random_fill(&rc, pc, sizeof(pc));
	assert_memory_equal(pa, pb, sizeof(pa));
	assert_memory_not_equal(pa, pc, sizeof(pa));
}

/* A source that gives the words of a list. */
struct script {
	const uint64_t *next;
};

static void fill_from_script(void *ctx, void *p, size_t n)
{
	struct script *s = ctx;
	assert_int_equal(n, 8);
	memcpy(p, s->next++, 8);
}

static void below_refuses_words_that_would_favour_small_results(void **state)
{
	(void)state;
	/* 2^64 mod 10 is 6: 0 to 5 are refused, so that 10 × n words remain. */
	const uint64_t words[] = { 0, 5, 6, 15, UINT64_MAX };
	struct script script = { words };
	struct random_source r = { fill_from_script, &script };
	assert_int_equal(random_below(&r, 10), 6);
	assert_int_equal(random_below(&r, 10), 5);
	assert_int_equal(random_below(&r, 10), 5);
	assert_ptr_equal(script.next, words + 5);
}

static void below_stays_below_and_reaches_everything(void **state)
{
	(void)state;
	struct random_seeded s;
	random_seeded_init(&s, 1);
	struct random_source r = random_seeded_source(&s);
	unsigned seen[7] = { 0 };
	for (int i = 0; i < 7000; i++) {
		uint64_t v = random_below(&r, 7);
		assert_true(v < 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 850, 1150);
	assert_int_equal(random_below(&r, 1), 0);
	assert_true(random_below(&r, UINT64_MAX) < UINT64_MAX);
	assert_dies((void)random_below(&r, 0));
}

static void text_uses_the_whole_base64url_alphabet_and_nothing_else(void **state)
{
	(void)state;
	struct random_seeded s;
	random_seeded_init(&s, 3);
	struct random_source r = random_seeded_source(&s);
	char text[6400 + 1] = { 0 };
	random_text(&r, text, 6400);
	unsigned seen[256] = { 0 };
	for (int i = 0; i < 6400; i++)
		seen[(unsigned char)text[i]]++;
	unsigned total = 0;
	for (const char *p = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *p; p++) {
		assert_in_range(seen[(unsigned char)*p], 50, 150);
		total += seen[(unsigned char)*p];
	}
	assert_int_equal(total, 6400);
	assert_int_equal(text[6400], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeding_is_splitmix64),
		cmocka_unit_test(seeded_source_is_xoshiro256_starstar),
		cmocka_unit_test(bytes_come_in_little_endian_order),
		cmocka_unit_test(same_seed_gives_the_same_bytes),
		cmocka_unit_test(below_refuses_words_that_would_favour_small_results),
		cmocka_unit_test(below_stays_below_and_reaches_everything),
		cmocka_unit_test(text_uses_the_whole_base64url_alphabet_and_nothing_else),
	};
	return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
