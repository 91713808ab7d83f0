/* Time, asked of whoever drives us. Milliseconds. */
#ifndef LINNET_CLOCK_H
#define LINNET_CLOCK_H

#include <stdint.h>

struct clock {
	/* Never steps back; the origin is arbitrary. For every timeout. */
	uint64_t (*mono_ms)(void *ctx);
	/* Since 1970 in UTC; may step. For stamps and certificates only. */
	int64_t (*wall_ms)(void *ctx);
	void *ctx;
};

static inline uint64_t clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c->ctx);
}

static inline int64_t clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c->ctx);
}

#endif
