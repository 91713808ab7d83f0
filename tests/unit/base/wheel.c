/* Tests of lib/base/wheel.c; the model is an array of deadlines. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/random.h"
#include "lib/base/wheel.h"

#define AHEAD_MAX ((uint64_t)INT32_MAX)

struct object {
	uint64_t before; /* so that the node is not at the beginning */
	struct wheel_node node;
};

struct fixture {
	struct slab slab;
	struct wheel wheel;
};

static void set_up(struct fixture *f, uint64_t now_ms)
{
	slab_init(&f->slab, sizeof(struct object), 1000);
	wheel_init(&f->wheel, &f->slab, offsetof(struct object, node), now_ms);
}

static slab_handle add(struct fixture *f)
{
	void *object;
	slab_handle h = slab_alloc(&f->slab, &object);
	assert_int_not_equal(h, 0);
	return h;
}

static void fresh_object_is_not_armed(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 0);
	slab_handle h = add(&f);
	assert_false(wheel_is_set(&f.wheel, h));
	wheel_clear(&f.wheel, h);
	assert_true(wheel_next_ms(&f.wheel) == UINT64_MAX);
	assert_int_equal(wheel_advance(&f.wheel, 1000000), 0);
	assert_int_equal(f.wheel.armed, 0);
	slab_fini(&f.slab);
}

static void fires_at_its_tick_once_and_is_disarmed(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 1000);
	slab_handle h = add(&f);
	wheel_set(&f.wheel, h, 1051);
	assert_true(wheel_is_set(&f.wheel, h));
	assert_int_equal(wheel_next_ms(&f.wheel), 1060);
	/* 1,051 is rounded up to a tick: it is never early. */
	assert_int_equal(wheel_advance(&f.wheel, 1059), 0);
	assert_int_equal(wheel_advance(&f.wheel, 1060), h);
	assert_false(wheel_is_set(&f.wheel, h));
	assert_int_equal(wheel_advance(&f.wheel, 1060), 0);
	assert_true(wheel_next_ms(&f.wheel) == UINT64_MAX);
	wheel_set(&f.wheel, h, 1070);
	assert_int_equal(wheel_advance(&f.wheel, 1069), 0);
	assert_int_equal(wheel_advance(&f.wheel, 1070), h);
	slab_fini(&f.slab);
}

static void past_deadline_fires_at_the_next_advance(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 100000);
	slab_handle h = add(&f);
	static const uint64_t times[] = { 0, 99999, 100000 };
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		wheel_set(&f.wheel, h, times[i]);
		assert_true(wheel_is_set(&f.wheel, h));
		assert_true(wheel_next_ms(&f.wheel) <= 100000);
		assert_int_equal(wheel_advance(&f.wheel, 100000), h);
		assert_int_equal(wheel_advance(&f.wheel, 100000), 0);
	}
	slab_fini(&f.slab);
}

static void setting_again_moves_it(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 0);
	slab_handle h = add(&f);
	wheel_set(&f.wheel, h, 500);
	wheel_set(&f.wheel, h, 100000000);
	wheel_set(&f.wheel, h, 700);
	assert_int_equal(f.wheel.armed, 1);
	assert_int_equal(wheel_advance(&f.wheel, 690), 0);
	assert_int_equal(wheel_advance(&f.wheel, 700), h);
	assert_int_equal(wheel_advance(&f.wheel, 1000000000), 0);
	slab_fini(&f.slab);
}

static void deadlines_too_far_fire_at_the_farthest_tick(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 12345 * WHEEL_TICK_MS);
	slab_handle h = add(&f);
	wheel_set(&f.wheel, h, UINT64_MAX);
	uint64_t farthest = (12345 + AHEAD_MAX) * WHEEL_TICK_MS;
	assert_int_equal(wheel_advance(&f.wheel, farthest - 1), 0);
	assert_int_equal(wheel_advance(&f.wheel, farthest), h);
	slab_fini(&f.slab);
}

/* Would take for ever if each tick were looked at. */
static void idle_time_passes_at_once(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 0);
	slab_handle h = add(&f);
	uint64_t now = 0;
	for (int i = 0; i < 10000; i++) {
		now += (uint64_t)1 << 40;
		assert_int_equal(wheel_advance(&f.wheel, now), 0);
	}
	for (int i = 0; i < 10000; i++) {
		now += AHEAD_MAX * WHEEL_TICK_MS;
		wheel_set(&f.wheel, h, now);
		assert_int_equal(wheel_advance(&f.wheel, now), h);
	}
	slab_fini(&f.slab);
}

/* A driver that sleeps until wheel_next_ms wakes up for nothing three times at most. */
static void far_deadline_costs_few_wake_ups(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 9);
	struct random_source r = random_seeded_source(&seeded);
	struct fixture f;
	uint64_t now = 77777777777;
	set_up(&f, now);
	slab_handle h = add(&f);
	for (int i = 0; i < 1000; i++) {
		uint64_t at = now + 1 + random_below(&r, (uint64_t)1 << random_below(&r, 34));
		wheel_set(&f.wheel, h, at);
		int idle = 0;
		for (;; idle++) {
			uint64_t next = wheel_next_ms(&f.wheel);
			assert_true(next > now && next < at + WHEEL_TICK_MS);
			now = next;
			if (wheel_advance(&f.wheel, now) == h)
				break;
			assert_true(now < at);
		}
		assert_true(now >= at && idle <= 3);
	}
	slab_fini(&f.slab);
}

static void freeing_an_armed_object_is_noticed(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, 0);
	slab_handle h = add(&f);
	wheel_set(&f.wheel, h, 100);
	slab_free(&f.slab, h);
	assert_dies((void)wheel_advance(&f.wheel, 100));
	assert_dies(wheel_set(&f.wheel, h, 100));
	slab_fini(&f.slab);
}

#define TIMERS 300

struct model {
	struct fixture f;
	struct random_source random;
	slab_handle handles[TIMERS];
	uint64_t due[TIMERS]; /* in ticks; 0 is not armed */
	uint64_t now_ms;
	uint64_t now_tick; /* of the last that fired, while there may be more */
	unsigned fired;
};

static uint64_t first_due(const struct model *m)
{
	uint64_t first = UINT64_MAX;
	for (size_t i = 0; i < TIMERS; i++)
		if (m->due[i] && m->due[i] < first)
			first = m->due[i];
	return first;
}

static void model_set(struct model *m, size_t i)
{
	/* From milliseconds to beyond the farthest; sometimes already past. */
	uint64_t at_ms = m->now_ms + random_below(&m->random, (uint64_t)1 << random_below(&m->random, 36));
	if (random_below(&m->random, 10) == 0)
		at_ms = m->now_ms - random_below(&m->random, 1000);
	uint64_t tick = (at_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
	if (tick < m->now_tick)
		tick = m->now_tick;
	if (tick > m->now_tick + AHEAD_MAX)
		tick = m->now_tick + AHEAD_MAX;
	wheel_set(&m->f.wheel, m->handles[i], at_ms);
	m->due[i] = tick;
}

static void model_clear(struct model *m, size_t i)
{
	wheel_clear(&m->f.wheel, m->handles[i]);
	m->due[i] = 0;
	/* Now and then the object goes too, and another comes to its slot. */
	if (random_below(&m->random, 4) == 0) {
		slab_free(&m->f.slab, m->handles[i]);
		m->handles[i] = add(&m->f);
	}
}

static void model_advance(struct model *m, uint64_t to_ms)
{
	m->now_ms = to_ms;
	for (slab_handle h; (h = wheel_advance(&m->f.wheel, to_ms));) {
		size_t i = 0;
		while (i < TIMERS && m->handles[i] != h)
			i++;
		assert_true(i < TIMERS && m->due[i]);
		assert_false(wheel_is_set(&m->f.wheel, h));
		assert_true(m->due[i] * WHEEL_TICK_MS <= to_ms);
		assert_true(m->due[i] == first_due(m));
		m->now_tick = m->due[i];
		m->due[i] = 0;
		m->fired++;
		/* What a handler may do: arm itself or others, clear others. */
		if (random_below(&m->random, 3) == 0)
			model_set(m, random_below(&m->random, 2) ? i : random_below(&m->random, TIMERS));
		if (random_below(&m->random, 10) == 0)
			model_clear(m, random_below(&m->random, TIMERS));
	}
	m->now_tick = to_ms / WHEEL_TICK_MS;
	assert_true(first_due(m) > m->now_tick);
}

static void check_state(const struct model *m)
{
	uint32_t armed = 0;
	for (size_t i = 0; i < TIMERS; i++) {
		armed += m->due[i] != 0;
		assert_int_equal(wheel_is_set(&m->f.wheel, m->handles[i]), m->due[i] != 0);
	}
	assert_int_equal(m->f.wheel.armed, armed);
	uint64_t next = wheel_next_ms(&m->f.wheel), first = first_due(m);
	if (!armed)
		assert_true(next == UINT64_MAX);
	else
		assert_true(next <= first * WHEEL_TICK_MS && (next > m->now_ms || first <= m->now_tick));
}

static void run_model(uint64_t seed, uint64_t start_ms)
{
	static struct model m;
	m = (struct model){ .now_ms = start_ms, .now_tick = start_ms / WHEEL_TICK_MS };
	struct random_seeded seeded;
	random_seeded_init(&seeded, seed);
	m.random = random_seeded_source(&seeded);
	set_up(&m.f, start_ms);
	for (size_t i = 0; i < TIMERS; i++)
		m.handles[i] = add(&m.f);
	for (int step = 0; step < 6000; step++) {
		uint64_t far_ms;
		switch (random_below(&m.random, 6)) {
		case 0:
			far_ms = (uint64_t)1 << random_below(&m.random, 34);
			model_advance(&m, m.now_ms + random_below(&m.random, far_ms));
			break;
		case 1:
			/* As a driver would: exactly when asked to. */
			if (first_due(&m) != UINT64_MAX && wheel_next_ms(&m.f.wheel) > m.now_ms)
				model_advance(&m, wheel_next_ms(&m.f.wheel));
			break;
		case 2:
			model_clear(&m, random_below(&m.random, TIMERS));
			break;
		default:
			model_set(&m, random_below(&m.random, TIMERS));
		}
		check_state(&m);
	}
	assert_true(m.fired > 1000);
	slab_fini(&m.f.slab);
}

static void wheel_behaves_like_a_sorted_list(void **state)
{
	(void)state;
	run_model(1, 1000000);
	run_model(2, 0x123456789abc);
	/* The deadlines' 32 bits wrap soon. */
	run_model(3, (((uint64_t)1 << 32) - 500) * WHEEL_TICK_MS);
	run_model(4, (((uint64_t)5 << 32) - 100000) * WHEEL_TICK_MS);
	run_model(5, ((uint64_t)1 << 31) * WHEEL_TICK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_object_is_not_armed),
		cmocka_unit_test(fires_at_its_tick_once_and_is_disarmed),
		cmocka_unit_test(past_deadline_fires_at_the_next_advance),
		cmocka_unit_test(setting_again_moves_it),
		cmocka_unit_test(deadlines_too_far_fire_at_the_farthest_tick),
		cmocka_unit_test(idle_time_passes_at_once),
		cmocka_unit_test(far_deadline_costs_few_wake_ups),
		cmocka_unit_test(freeing_an_armed_object_is_noticed),
		cmocka_unit_test(wheel_behaves_like_a_sorted_list),
	};
	return cmocka_run_group_tests_name("base/wheel", tests, NULL, NULL);
}
