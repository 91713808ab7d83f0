/* Connections, time: one timer each, armed for the nearest of its deadlines. Deadlines that move away (activity does
 * that) do not touch it; it fires too early then, and is armed again. */
#include "lib/net/conn_private.h"

static void sooner(uint64_t *at, uint64_t other)
{
	if (other && (*at == 0 || other < *at))
		*at = other;
}

static uint64_t idle_at(const struct conn *c)
{
	return c->idle_ms ? c->input_ms + c->idle_behind_ms + c->idle_ms : 0;
}

static uint64_t stalled_at(const struct conns *cs, const struct conn *c)
{
	return c->io && c->io->progress_ms ? c->io->progress_ms + cs->limits.stall_ms : 0;
}

void conn_arm(struct conns *cs, struct conn *c)
{
	uint64_t at = 0;
	sooner(&at, c->phase_at);
	sooner(&at, stalled_at(cs, c));
	if (c->state <= CONN_OPEN) {
		sooner(&at, c->deadline_at);
		sooner(&at, idle_at(c));
		if (c->throttled)
			sooner(&at, conn_resume_at(cs, c));
	}
	if (at == 0 || (c->timer_at && c->timer_at <= at))
		return;
	c->timer_at = at;
	loop_set_timer(cs->loop, cs->kind, c->self, at);
}

static bool is_due(const struct conns *cs, uint64_t at)
{
	return at && at <= loop_now_ms(cs->loop);
}

static void fire(struct conns *cs, struct conn *c)
{
	if (is_due(cs, c->phase_at) || is_due(cs, stalled_at(cs, c))) {
		/* What the peer still had to say did not matter. */
		conn_die(cs, c, c->state == CONN_DRAINING ? c->reason : CONN_TIMED_OUT, 0);
		return;
	}
	if (c->throttled && is_due(cs, conn_resume_at(cs, c))) {
		c->throttled = false;
		conn_queue_flush(cs, c);
	}
	bool deadline = is_due(cs, c->deadline_at), idle = is_due(cs, idle_at(c));
	if (deadline && c->state <= CONN_OPEN) {
		c->deadline_at = 0;
		if (c->ops->on_timeout)
			c->ops->on_timeout(c->owner, c->self, CONN_DEADLINE);
	}
	/* Unless it has just been set again. */
	if (idle && c->state <= CONN_OPEN && is_due(cs, idle_at(c))) {
		c->idle_ms = 0;
		if (c->ops->on_timeout)
			c->ops->on_timeout(c->owner, c->self, CONN_IDLE);
	}
	conn_arm(cs, c);
}

void conn_on_timer(void *ctx, slab_handle h)
{
	struct conns *cs = ctx;
	struct conn *c = slab_get(&cs->slab, h);
	c->timer_at = 0;
	if (c->state == CONN_DEAD)
		return;
	cs->busy = h;
	fire(cs, c);
	cs->busy = 0;
}
