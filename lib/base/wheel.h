/* A hierarchical timing wheel over the objects of one slab.
 *
 * A node is 12 bytes inside its object: a deadline in ticks and two links, which are slab handles. Setting and
 * clearing are O(1); activity need not touch the wheel at all: keep a timestamp, and re-arm when the timer fires.
 * Deadlines are 32-bit ticks compared across the wrap, at most 2^31 - 1 ticks (248 days) ahead. Handles given to it
 * are alive. One thread. */
#ifndef LINNET_WHEEL_H
#define LINNET_WHEEL_H

#include "lib/base/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_TICK_MS 10
#define WHEEL_LEVELS 4
#define WHEEL_SLOTS 256

struct wheel_node {
	uint32_t deadline; /* in ticks; meaningful while armed */
	slab_handle next, prev; /* zero, as in a fresh object: not armed; else as wheel.c says */
};

struct wheel {
	struct slab *slab;
	size_t node_offset; /* of the struct wheel_node inside the slab's objects */
	uint64_t now; /* in ticks: nothing before it is armed */
	uint32_t armed;
	uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit per bucket that is not empty */
	slab_handle buckets[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* `now_ms` is monotonic time. */
void wheel_init(struct wheel *w, struct slab *slab, size_t node_offset, uint64_t now_ms);

/* Fires at the first advance at or after `at_ms` rounded up to a tick, never before it; never in the call itself. Arms
 * or re-arms. A time that has passed counts as now: set again and again by whoever handles it, it makes one round of
 * wheel_advance endless. A time beyond 2^31 - 1 ticks counts as that: look whether it is time when it fires. */
void wheel_set(struct wheel *w, slab_handle h, uint64_t at_ms);
/* Nothing if it is not armed. Before its object is freed, a node must be cleared. */
void wheel_clear(struct wheel *w, slab_handle h);
bool wheel_is_set(const struct wheel *w, slab_handle h);

/* Moves time on and returns one expired object at a time, disarmed, in the order of their deadlines (in ticks);
 * 0 when there are no more. Call it until 0. */
slab_handle wheel_advance(struct wheel *w, uint64_t now_ms);

/* When wheel_advance has to be called next: not later than the first deadline, and later than `now` unless one is
 * due. UINT64_MAX when nothing is armed. */
uint64_t wheel_next_ms(const struct wheel *w);

#endif
