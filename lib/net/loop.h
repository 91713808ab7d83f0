/* The event loop, one turn at a time: wait, hand readiness and timers to the objects they belong to, then go through
 * the phases of the end of the turn. It knows no connection: those are one kind of object (conn.h), listeners another
 * (listen.h), and whoever has objects with timers adds a kind of their own.
 *
 *     wait ─▶ sockets ─▶ timers ─▶ INPUT ─▶ INBOX ─▶ CLOSED ─▶ END ─▶ FLUSH ─▶ FREE
 *
 * Objects live in slabs and are named by handles, so an event or a timer of one that is gone is recognised. An object
 * dies in the phase FREE (or outside of its own callbacks), so that no callback frees its caller.
 *
 * One thread at a time drives a loop; only loop_wake() may be called by others. */
#ifndef LINNET_LOOP_H
#define LINNET_LOOP_H

#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/slab.h"
#include "lib/net/net.h"

#include <stddef.h>
#include <stdint.h>

struct loop;

/* `net` is the loop's alone. Both outlive it. */
struct loop *loop_new(const struct net *net, const struct clock *clock);
/* Whatever was added to it must have been removed. */
void loop_free(struct loop **l);

/* One turn; waits at most `wait_ms`, less if a timer or work left over comes first. */
void loop_turn(struct loop *l, unsigned wait_ms);
/* Makes the present or the next wait return at once. Any thread. */
void loop_wake(struct loop *l);
/* Monotonic time, read once a turn behind the wait; callbacks, and everything else between two turns, use this. */
uint64_t loop_now_ms(const struct loop *l);
/* When the next turn has something to do without anything coming in: at once (0), at a monotonic time, never
 * (UINT64_MAX). For drivers of several loops in virtual time. */
uint64_t loop_next_ms(const struct loop *l);

const struct net *loop_net(const struct loop *l);
const struct clock *loop_clock(const struct loop *l);

/* A kind of objects: those of one slab. What it does not use is NULL. */
struct loop_kind {
	struct slab *slab;
	size_t timer_offset; /* of a struct wheel_node in the object */
	/* The object's socket is ready for what it is watched for. */
	void (*on_ready)(void *ctx, slab_handle h, unsigned ready);
	/* The object's timer, disarmed now. To arm it again for a time that has passed is a bug: it would never end. */
	void (*on_timer)(void *ctx, slab_handle h);
	void *ctx;
};

/* Number of the kind in the calls below. Copied; the slab outlives it. */
unsigned loop_add_kind(struct loop *l, const struct loop_kind *kind);
void loop_remove_kind(struct loop *l, unsigned kind);

/* net_watch() for the socket of an object. */
CHECK int loop_watch(struct loop *l, unsigned kind, slab_handle h, int socket, unsigned was, unsigned interest);

/* Arms or re-arms the object's timer: fires in the first turn at or after `at_ms` (rounded up to 10 ms). */
void loop_set_timer(struct loop *l, unsigned kind, slab_handle h, uint64_t at_ms);
/* Before its object is freed, a timer must be cleared. */
void loop_clear_timer(struct loop *l, unsigned kind, slab_handle h);

enum loop_phase {
	LOOP_INPUT, /* what earlier turns have left */
	LOOP_INBOX, /* take what other threads have sent */
	LOOP_CLOSED, /* tell the owners of what has ended */
	LOOP_END, /* hand over what has gathered: batches, envelopes */
	LOOP_FLUSH, /* write */
	LOOP_FREE, /* free what has ended */
	LOOP_PHASES
};

/* Runs in its phase of every turn; in one phase, those added first run first. Not to be added or removed from within
 * a hook. */
struct loop_hook {
	struct list link;
	void (*run)(void *ctx);
	void *ctx;
};

/* There is work for a hook of this phase: if the phase has begun or is over in this turn, or no turn is going on, the
 * next one does not wait. */
void loop_need(struct loop *l, enum loop_phase phase);

/* The hook is the caller's, who sets run and ctx. */
void loop_add_hook(struct loop *l, enum loop_phase phase, struct loop_hook *hook);
void loop_remove_hook(struct loop_hook *hook);

#endif
