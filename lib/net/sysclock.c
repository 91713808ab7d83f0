/* clock.h over clock_gettime. */
#include "lib/net/sysclock.h"

#include "lib/base/fault.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec t;
	assert_always(clock_gettime(id, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
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
