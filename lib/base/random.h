/* A source of random bytes: the system's in production, a seeded one in the simulator and the tests. */
#ifndef LINNET_RANDOM_H
#define LINNET_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
	/* Never fails; bytes fit for secrets, unless the source is a seeded one. */
	void (*fill)(void *ctx, void *p, size_t n);
	void *ctx;
};

static inline void random_fill(const struct random_source *r, void *p, size_t n)
{
	r->fill(r->ctx, p, n);
}

uint64_t random_u64(const struct random_source *r);
/* Uniform in [0, bound); bound is not 0. */
uint64_t random_below(const struct random_source *r, uint64_t bound);
/* n characters of the base64url alphabet (6 bits each), not terminated: 22 of them exceed 128 bits. */
void random_text(const struct random_source *r, char *p, size_t n);

/* A reproducible source (not for secrets): the same seed gives the same bytes on every machine. */
struct random_seeded {
	uint64_t state[4];
};
void random_seeded_init(struct random_seeded *s, uint64_t seed);
struct random_source random_seeded_source(struct random_seeded *s);

#endif
