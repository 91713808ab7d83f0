/* What everything simulated stands on: time that passes only when it is told to, chance that comes from a seed, and
 * the trace, a running hash of all that happens. Two runs of one seed that differ anywhere have different traces, and
 * with `print` set they show where.
 *
 * There are two sources of chance, so that a change in how much the server draws does not shift what happens to it:
 * `random` is the server's and its clients' (ids, salts), `chance` is the simulation's (orders, delays, faults). */
#ifndef LINNET_TESTS_SIM_WORLD_H
#define LINNET_TESTS_SIM_WORLD_H

#include "lib/base/clock.h"
#include "lib/base/macros.h"
#include "lib/base/random.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct world {
	uint64_t now_ms; /* monotonic */
	int64_t wall_offset_ms; /* wall clock - monotonic */
	struct clock clock;
	struct random_seeded random_seed, chance_seed;
	struct random_source random, chance;
	uint64_t trace;
	FILE *print; /* NULL, or where each step of the trace is written */
};

/* Its address must not change afterwards. */
void world_init(struct world *w, uint64_t seed);

/* A number in [0, bound) from `chance`; bound is not 0. */
uint64_t world_below(struct world *w, uint64_t bound);
/* True with so many chances in a thousand. */
bool world_chance(struct world *w, unsigned permille);

/* Something has happened: `what` is static, the numbers and the bytes say what exactly. Never an address. */
void world_trace(struct world *w, const char *what, uint64_t a, uint64_t b, struct str bytes);

#endif
