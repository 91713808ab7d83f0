/* The turn of the event loop; loop.h has its drawing. */
#include "lib/net/loop.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/base/wheel.h"

#include <limits.h>
#include <stdbool.h>

#define KINDS_MAX 16
#define EVENTS_MAX 256

struct kind {
	struct loop_kind k; /* slab NULL: a free place */
	struct wheel *wheel; /* NULL: no timers */
};

struct loop {
	struct net net;
	const struct clock *clock;
	uint64_t now_ms;
	bool again; /* the next turn is not to wait */
	int phase; /* that is running; -1: before the first, LOOP_PHASES: between two turns */
	struct kind kinds[KINDS_MAX];
	struct list hooks[LOOP_PHASES];
	struct net_event events[EVENTS_MAX];
};

struct loop *loop_new(const struct net *net, const struct clock *clock)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	l->net = *net;
	l->clock = clock;
	l->phase = LOOP_PHASES;
	l->now_ms = clock_mono_ms(clock);
	for (size_t i = 0; i < LOOP_PHASES; i++)
		list_init(&l->hooks[i]);
	return l;
}

void loop_free(struct loop **pointer)
{
	struct loop *l = *pointer;
	*pointer = NULL;
	if (!l)
		return;
	for (size_t i = 0; i < KINDS_MAX; i++)
		assert_always(!l->kinds[i].k.slab);
	for (size_t i = 0; i < LOOP_PHASES; i++)
		assert_always(list_is_empty(&l->hooks[i]));
	mem_free(l);
}

unsigned loop_add_kind(struct loop *l, const struct loop_kind *kind)
{
	unsigned i = 0;
	while (i < KINDS_MAX && l->kinds[i].k.slab)
		i++;
	assert_always(i < KINDS_MAX && kind->slab);
	l->kinds[i].k = *kind;
	if (kind->on_timer) {
		l->kinds[i].wheel = mem_alloc(sizeof(struct wheel));
		wheel_init(l->kinds[i].wheel, kind->slab, kind->timer_offset, l->now_ms);
	}
	return i;
}

void loop_remove_kind(struct loop *l, unsigned kind)
{
	mem_free(l->kinds[kind].wheel);
	l->kinds[kind] = (struct kind){ 0 };
}

int loop_watch(struct loop *l, unsigned kind, slab_handle h, int socket, unsigned was, unsigned interest)
{
	return net_watch(&l->net, socket, was, interest, (uint64_t)kind << 32 | h);
}

void loop_set_timer(struct loop *l, unsigned kind, slab_handle h, uint64_t at_ms)
{
	wheel_set(l->kinds[kind].wheel, h, at_ms);
}

void loop_clear_timer(struct loop *l, unsigned kind, slab_handle h)
{
	wheel_clear(l->kinds[kind].wheel, h);
}

void loop_add_hook(struct loop *l, enum loop_phase phase, struct loop_hook *hook)
{
	list_add_last(&l->hooks[phase], &hook->link);
}

void loop_remove_hook(struct loop_hook *hook)
{
	list_remove(&hook->link);
}

uint64_t loop_next_ms(const struct loop *l)
{
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < KINDS_MAX && !l->again; i++) {
		uint64_t at = l->kinds[i].wheel ? wheel_next_ms(l->kinds[i].wheel) : UINT64_MAX;
		if (at < next)
			next = at;
	}
	return l->again ? 0 : next;
}

static int timeout_ms(const struct loop *l, unsigned wait_ms)
{
	uint64_t next = loop_next_ms(l), wait = wait_ms;
	if (next != UINT64_MAX) {
		/* Not l->now_ms: the turn before may have taken long. */
		uint64_t now = clock_mono_ms(l->clock);
		uint64_t until = next > now ? next - now : 0;
		if (until < wait)
			wait = until;
	}
	return wait < INT_MAX ? (int)wait : INT_MAX;
}

static void dispatch(struct loop *l, const struct net_event *e)
{
	uint64_t kind = e->token >> 32;
	slab_handle h = (slab_handle)e->token;
	assert_always(kind < KINDS_MAX);
	const struct loop_kind *k = &l->kinds[kind].k;
	/* Something that happened earlier in this turn may have ended it. */
	if (k->slab && slab_get(k->slab, h))
		k->on_ready(k->ctx, h, e->ready);
}

static void fire_timers(struct loop *l)
{
	for (size_t i = 0; i < KINDS_MAX; i++) {
		const struct kind *k = &l->kinds[i];
		slab_handle h;
		while (k->wheel && (h = wheel_advance(k->wheel, l->now_ms)) != 0)
			k->k.on_timer(k->k.ctx, h);
	}
}

void loop_turn(struct loop *l, unsigned wait_ms)
{
	int timeout = timeout_ms(l, wait_ms);
	l->again = false;
	l->phase = -1;
	int count = net_wait(&l->net, timeout, l->events, EVENTS_MAX);
	assert_always(count >= 0);
	l->now_ms = clock_mono_ms(l->clock);
	for (int i = 0; i < count; i++)
		dispatch(l, &l->events[i]);
	fire_timers(l);
	while (++l->phase < LOOP_PHASES) {
		LIST_FOR_EACH (link, &l->hooks[l->phase]) {
			const struct loop_hook *hook = CONTAINER_OF(link, struct loop_hook, link);
			hook->run(hook->ctx);
		}
	}
}

void loop_wake(struct loop *l)
{
	net_wake(&l->net);
}

void loop_need(struct loop *l, enum loop_phase phase)
{
	if ((int)phase <= l->phase)
		l->again = true;
}

uint64_t loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}

const struct net *loop_net(const struct loop *l)
{
	return &l->net;
}

const struct clock *loop_clock(const struct loop *l)
{
	return l->clock;
}
