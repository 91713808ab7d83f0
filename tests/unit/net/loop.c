/* Tests of lib/net/loop.c, on a network in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/wheel.h"
#include "lib/net/loop.h"
#include "tests/sim/network.h"

#include <string.h>

/* Objects with a timer and perhaps a socket, which note what happens to them. */
struct thing {
	struct wheel_node timer;
	int name;
	slab_handle kills; /* freed by our on_ready */
};

struct scene {
	struct world world;
	struct network network;
	struct sim_net sim_net;
	struct loop *loop;
	struct slab slab;
	unsigned kind;
	int seen[32]; /* names, in the order of events */
	size_t seen_count;
	uint64_t rearm_ms;
	struct loop_hook hooks[8];
	char phases[64];
};

static void note(struct scene *s, int name)
{
	assert_true(s->seen_count < 32);
	s->seen[s->seen_count++] = name;
}

static void on_ready(void *ctx, slab_handle h, unsigned ready)
{
	struct scene *s = ctx;
	const struct thing *t = slab_get(&s->slab, h);
	assert_int_equal(ready, NET_READ);
	note(s, t->name);
	if (t->kills && slab_get(&s->slab, t->kills))
		slab_free(&s->slab, t->kills);
}

static void on_timer(void *ctx, slab_handle h)
{
	struct scene *s = ctx;
	const struct thing *t = slab_get(&s->slab, h);
	note(s, t->name);
	if (s->rearm_ms)
		loop_set_timer(s->loop, s->kind, h, loop_now_ms(s->loop) + s->rearm_ms);
}

static int set_up(void **state)
{
	static struct scene scene;
	scene = (struct scene){ 0 };
	*state = &scene;
	world_init(&scene.world, 1);
	network_init(&scene.network, &scene.world);
	struct net net = sim_net_init(&scene.sim_net, &scene.network, 0);
	scene.loop = loop_new(&net, &scene.world.clock);
	slab_init(&scene.slab, sizeof(struct thing), 100);
	const struct loop_kind kind = {
		.slab = &scene.slab,
		.timer_offset = offsetof(struct thing, timer),
		.on_ready = on_ready,
		.on_timer = on_timer,
		.ctx = &scene,
	};
	scene.kind = loop_add_kind(scene.loop, &kind);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	loop_remove_kind(s->loop, s->kind);
	loop_free(&s->loop);
	slab_fini(&s->slab);
	network_fini(&s->network);
	return 0;
}

static slab_handle add(struct scene *s, int name)
{
	void *object;
	slab_handle h = slab_alloc(&s->slab, &object);
	((struct thing *)object)->name = name;
	return h;
}

static void timer_ends_the_wait_and_fires_in_its_tick(void **state)
{
	struct scene *s = *state;
	slab_handle h = add(s, 1);
	uint64_t begin = s->world.now_ms;
	loop_set_timer(s->loop, s->kind, h, begin + 1234);
	assert_int_equal(loop_next_ms(s->loop) > begin, 1);
	while (s->seen_count == 0)
		loop_turn(s->loop, 60000);
	assert_int_equal(s->world.now_ms, begin + 1240);
	assert_int_equal(loop_now_ms(s->loop), begin + 1240);
	assert_int_equal(loop_next_ms(s->loop), UINT64_MAX);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	loop_set_timer(s->loop, s->kind, add(s, 3), begin + 300000);
	loop_set_timer(s->loop, s->kind, add(s, 1), begin + 20);
	loop_set_timer(s->loop, s->kind, add(s, 2), begin + 5000);
	slab_handle gone = add(s, 9);
	loop_set_timer(s->loop, s->kind, gone, begin + 100);
	loop_clear_timer(s->loop, s->kind, gone);
	s->world.now_ms += 400000;
	loop_turn(s->loop, 60000);
	assert_int_equal(s->seen_count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s->seen[i], i + 1);
	assert_int_equal(s->world.now_ms, begin + 400000);
}

static void timer_may_arm_itself_again(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	s->rearm_ms = 10;
	loop_set_timer(s->loop, s->kind, add(s, 1), begin + 10);
	for (int i = 0; i < 5; i++)
		loop_turn(s->loop, 1000);
	assert_int_equal(s->seen_count, 5);
	assert_int_equal(s->world.now_ms, begin + 50);
}

static void turn_waits_no_longer_than_asked(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	loop_turn(s->loop, 70);
	assert_int_equal(s->world.now_ms, begin + 70);
	loop_turn(s->loop, 0);
	assert_int_equal(s->world.now_ms, begin + 70);
}

/* Handling took long: the wait is counted from the present, not from when the turn began. */
static void time_spent_in_a_turn_is_not_waited_again(void **state)
{
	struct scene *s = *state;
	loop_set_timer(s->loop, s->kind, add(s, 1), s->world.now_ms + 100);
	loop_turn(s->loop, 0);
	uint64_t end = s->world.now_ms + 100;
	s->world.now_ms += 60;
	loop_turn(s->loop, 1000);
	assert_int_equal(s->world.now_ms, end);
	assert_int_equal(s->seen_count, 1);
}

static void wake_ends_the_wait(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	loop_wake(s->loop);
	loop_turn(s->loop, 1000);
	assert_int_equal(s->world.now_ms, begin);
	loop_turn(s->loop, 1000);
	assert_int_equal(s->world.now_ms, begin + 1000);
}

static void ready_sockets_reach_their_objects(void **state)
{
	struct scene *s = *state;
	int mine[3], peer[3];
	for (int i = 0; i < 3; i++) {
		network_pair(&s->network, &mine[i], &peer[i]);
		assert_int_equal(loop_watch(s->loop, s->kind, add(s, i), mine[i], 0, NET_READ), 0);
	}
	network_send(&s->network, peer[1], STR("x"));
	loop_turn(s->loop, 1000);
	assert_int_equal(s->seen_count, 1);
	assert_int_equal(s->seen[0], 1);
	for (int i = 0; i < 3; i++) {
		network_receive(&s->network, mine[i], NULL, SIZE_MAX);
		network_close(&s->network, mine[i]);
		network_close(&s->network, peer[i]);
	}
}

static void event_of_an_object_freed_in_this_turn_is_dropped(void **state)
{
	struct scene *s = *state;
	int mine[2], peer[2];
	slab_handle h[2];
	for (int i = 0; i < 2; i++) {
		network_pair(&s->network, &mine[i], &peer[i]);
		h[i] = add(s, i);
		assert_int_equal(loop_watch(s->loop, s->kind, h[i], mine[i], 0, NET_READ), 0);
		network_send(&s->network, peer[i], STR("x"));
	}
	((struct thing *)slab_get(&s->slab, h[0]))->kills = h[1];
	((struct thing *)slab_get(&s->slab, h[1]))->kills = h[0];
	loop_turn(s->loop, 1000);
	assert_int_equal(s->seen_count, 1);
	/* A new object in the same slot is another one. */
	slab_handle again = add(s, 7);
	assert_true(again != h[0] && again != h[1]);
	network_receive(&s->network, mine[s->seen[0]], NULL, SIZE_MAX);
	loop_turn(s->loop, 0);
	assert_int_equal(s->seen_count, 1);
	for (int i = 0; i < 2; i++) {
		network_receive(&s->network, mine[i], NULL, SIZE_MAX);
		network_close(&s->network, mine[i]);
		network_close(&s->network, peer[i]);
	}
}

struct marker {
	struct scene *scene;
	char mark;
	enum loop_phase needs;
	bool needs_more;
};

static void run_marker(void *ctx)
{
	struct marker *m = ctx;
	char *end = m->scene->phases + strlen(m->scene->phases);
	assert_true(end < m->scene->phases + sizeof(m->scene->phases) - 1);
	*end = m->mark;
	if (m->needs_more) {
		m->needs_more = false;
		loop_need(m->scene->loop, m->needs);
	}
}

static void phases_run_in_their_order_and_hooks_in_theirs(void **state)
{
	struct scene *s = *state;
	static const struct {
		enum loop_phase phase;
		char mark;
	} wanted[] = { { LOOP_FREE, 'f' }, { LOOP_END, 'e' }, { LOOP_INPUT, 'i' }, { LOOP_FLUSH, 'w' },
		{ LOOP_CLOSED, 'c' }, { LOOP_INBOX, 'b' }, { LOOP_END, 'E' } };
	struct marker markers[ARRAY_LEN(wanted)];
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		markers[i] = (struct marker){ .scene = s, .mark = wanted[i].mark };
		s->hooks[i] = (struct loop_hook){ .run = run_marker, .ctx = &markers[i] };
		loop_add_hook(s->loop, wanted[i].phase, &s->hooks[i]);
	}
	loop_turn(s->loop, 0);
	assert_string_equal(s->phases, "ibceEwf");
	loop_remove_hook(&s->hooks[1]);
	loop_turn(s->loop, 0);
	assert_string_equal(s->phases, "ibceEwfibcEwf");
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (i != 1)
			loop_remove_hook(&s->hooks[i]);
}

static void work_for_a_phase_still_to_come_lets_the_next_turn_wait(void **state)
{
	struct scene *s = *state;
	struct marker m = { .scene = s, .mark = 'e' };
	s->hooks[0] = (struct loop_hook){ .run = run_marker, .ctx = &m };
	loop_add_hook(s->loop, LOOP_END, &s->hooks[0]);
	const struct {
		enum loop_phase needs;
		unsigned waited;
	} cases[] = { { LOOP_FLUSH, 50 }, { LOOP_END, 0 }, { LOOP_INPUT, 0 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		m.needs = cases[i].needs;
		m.needs_more = true;
		loop_turn(s->loop, 0);
		uint64_t begin = s->world.now_ms;
		assert_int_equal(loop_next_ms(s->loop), cases[i].waited ? UINT64_MAX : 0);
		loop_turn(s->loop, 50);
		assert_int_equal(s->world.now_ms - begin, cases[i].waited);
	}
	/* Between two turns, everything is still to come. */
	loop_need(s->loop, LOOP_FREE);
	uint64_t begin = s->world.now_ms;
	loop_turn(s->loop, 50);
	assert_int_equal(s->world.now_ms, begin);
	loop_remove_hook(&s->hooks[0]);
}

static void two_kinds_do_not_meet(void **state)
{
	struct scene *s = *state;
	struct slab other;
	slab_init(&other, sizeof(struct thing), 10);
	struct scene second = { .loop = s->loop };
	const struct loop_kind k = {
		.slab = &other,
		.timer_offset = offsetof(struct thing, timer),
		.on_timer = on_timer,
		.ctx = &second,
	};
	unsigned kind = loop_add_kind(s->loop, &k);
	second.slab = other;
	void *object;
	slab_handle h = slab_alloc(&other, &object);
	slab_handle mine = add(s, 1);
	assert_int_equal(h, mine);
	((struct thing *)object)->name = 2;
	second.slab = other;
	loop_set_timer(s->loop, kind, h, s->world.now_ms + 10);
	loop_turn(s->loop, 100);
	assert_int_equal(s->seen_count, 0);
	assert_int_equal(second.seen_count, 1);
	assert_int_equal(second.seen[0], 2);
	loop_remove_kind(s->loop, kind);
	slab_fini(&other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(timer_ends_the_wait_and_fires_in_its_tick),
		TEST(timers_fire_in_the_order_of_their_deadlines),
		TEST(timer_may_arm_itself_again),
		TEST(turn_waits_no_longer_than_asked),
		TEST(time_spent_in_a_turn_is_not_waited_again),
		TEST(wake_ends_the_wait),
		TEST(ready_sockets_reach_their_objects),
		TEST(event_of_an_object_freed_in_this_turn_is_dropped),
		TEST(phases_run_in_their_order_and_hooks_in_theirs),
		TEST(work_for_a_phase_still_to_come_lets_the_next_turn_wait),
		TEST(two_kinds_do_not_meet),
	};
	return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
