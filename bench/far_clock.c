#include "bench/far_clock.h"

#include "lib/net/sysclock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic uint64_t ahead_ms;

static int64_t read_ms(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + (int64_t)atomic_load(&ahead_ms);
}

static uint64_t mono_ms(void *ctx)
{
	(void)ctx;
	return (uint64_t)read_ms(CLOCK_MONOTONIC);
}

static int64_t wall_ms(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_REALTIME);
}

const struct clock sysclock = { .mono_ms = mono_ms, .wall_ms = wall_ms };

void far_clock_forward(uint64_t ms)
{
	atomic_fetch_add(&ahead_ms, ms);
}
