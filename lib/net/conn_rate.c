/* Connections, rates: a bucket of bytes that leaks with time, and no timer while it has room. Its level is kept as of the last
 * input, so that nothing happens between two reads; one that overflows is not read until its level is down again. */
#include "lib/net/conn_private.h"

/* Else one who sends a little too fast would be watched and unwatched with each packet. */
#define PAUSE_MS_MIN 100

static uint32_t leaked(const struct conns *cs, uint64_t ms)
{
	uint64_t bytes;
	if (__builtin_mul_overflow(ms, cs->limits.rate_bytes_per_s, &bytes))
		return UINT32_MAX;
	bytes /= 1000;
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

void conn_note_input(const struct conns *cs, struct conn *c)
{
	uint64_t now = loop_now_ms(cs->loop);
	if (c->debt) {
		uint32_t less = leaked(cs, now - c->input_ms);
		c->debt = c->debt > less ? c->debt - less : 0;
	}
	c->input_ms = now;
	c->idle_behind_ms = 0;
}

uint64_t conn_resume_at(const struct conns *cs, const struct conn *c)
{
	uint64_t surplus = c->debt > cs->limits.rate_burst_bytes ? c->debt - cs->limits.rate_burst_bytes : 0;
	uint64_t ms = surplus * 1000 / cs->limits.rate_bytes_per_s;
	return c->input_ms + (ms > PAUSE_MS_MIN ? ms : PAUSE_MS_MIN);
}

bool conn_charge(struct conns *cs, slab_handle h, size_t bytes)
{
	struct conn *c = slab_get(&cs->slab, h);
	if (!c || c->state != CONN_OPEN || !cs->limits.rate_bytes_per_s)
		return false;
	/* conn_note_input() was called when they came. */
	uint32_t room = UINT32_MAX - c->debt;
	c->debt += bytes < room ? (uint32_t)bytes : room;
	if (c->throttled || c->debt <= cs->limits.rate_burst_bytes)
		return false;
	c->throttled = true;
	conn_queue_flush(cs, c);
	return true;
}
