/* What is derived from a random source, and the reproducible source: xoshiro256**, seeded by splitmix64 (Blackman and
 * Vigna, "Scrambled linear pseudorandom number generators", 2021). Bytes are taken in little-endian order, so that a
 * seed means the same everywhere. */
#include "lib/base/random.h"

#include "lib/base/fault.h"

#include <endian.h>
#include <string.h>

uint64_t random_u64(const struct random_source *r)
{
	uint64_t v;
	random_fill(r, &v, sizeof(v));
	return le64toh(v);
}

uint64_t random_below(const struct random_source *r, uint64_t bound)
{
	assert_always(bound > 0);
	/* 2^64 mod bound: without the values below it, every remainder is equally frequent. */
	uint64_t first_fair = -bound % bound;
	uint64_t v;
	do
		v = random_u64(r);
	while (v < first_fair);
	return v % bound;
}

void random_text(const struct random_source *r, char *p, size_t n)
{
	static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	random_fill(r, p, n);
	for (size_t i = 0; i < n; i++)
		p[i] = alphabet[(unsigned char)p[i] & 63];
}

static uint64_t rotate_left(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t xoshiro256(uint64_t s[4])
{
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

static void fill_seeded(void *ctx, void *p, size_t n)
{
	struct random_seeded *s = ctx;
	for (char *at = p; n > 0;) {
		uint64_t v = htole64(xoshiro256(s->state));
		size_t step = n < sizeof(v) ? n : sizeof(v);
		memcpy(at, &v, step);
		at += step;
		n -= step;
	}
}

void random_seeded_init(struct random_seeded *s, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		s->state[i] = splitmix64(&seed);
}

struct random_source random_seeded_source(struct random_seeded *s)
{
	return (struct random_source){ fill_seeded, s };
}
