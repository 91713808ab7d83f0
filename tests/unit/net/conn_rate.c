/* Tests of lib/net/conn_rate.c and of yielding, on a network in memory, in virtual time. The limits are those of a table of its
 * own: 1,000 bytes a second, 5,000 at once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/connkit.h"

#define RATE  1000
#define BURST 5000

static bool throttled;

static void charge(struct owner *o, struct str data)
{
	throttled |= conn_charge(o->scene->conns, o->c, data.n);
}

/* A connection of a table with a rate. */
static int set_up(void **state)
{
	int r = scene_set_up(state);
	struct scene *s = *state;
	struct conn_limits limits = scene_limits;
	limits.rate_bytes_per_s = RATE;
	limits.rate_burst_bytes = BURST;
	conns_free(&s->conns);
	s->conns = conns_new(s->loop, &limits);
	network_close(&s->network, s->peer);
	int mine;
	network_pair(&s->network, &mine, &s->peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->owner, &s->owner.c), 0);
	s->owner.on_data = charge;
	throttled = false;
	return r;
}

static void sends(struct scene *s, size_t n)
{
	network_send(&s->network, s->peer, zeros(n));
	scene_turn(s);
	scene_turn(s);
}

static size_t got(const struct scene *s)
{
	return buf_len(&s->owner.got);
}

static void a_burst_is_read_at_once(void **state)
{
	struct scene *s = *state;
	sends(s, BURST);
	assert_int_equal(got(s), BURST);
	assert_false(throttled);
}

static void beyond_the_burst_it_waits_as_long_as_the_surplus_takes(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	sends(s, BURST);
	sends(s, 2000);
	assert_true(throttled);
	assert_int_equal(got(s), BURST + 2000);
	sends(s, 1);
	scene_run_until(s, begin + 1990);
	assert_int_equal(got(s), BURST + 2000);
	scene_run_until(s, begin + 2010);
	assert_int_equal(got(s), BURST + 2001);
}

/* Over a long time, however much is there to be read. */
static void the_rate_is_kept(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	s->network.capacity = 1000;
	for (int i = 0; i < 100000; i++) {
		while (network_waiting(&s->network, s->peer) > 0)
			network_receive(&s->network, s->peer, NULL, SIZE_MAX);
		network_send(&s->network, s->peer, zeros(50));
		scene_run_until(s, begin + (uint64_t)i);
	}
	/* 100 seconds at 50,000 bytes a second came to 100 × 1,000 and the burst. */
	assert_in_range(got(s), 100 * RATE, 100 * RATE + BURST + CONN_READ_BYTES);
}

static void an_idle_one_needs_no_timer_and_gets_its_burst_back(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	sends(s, BURST);
	assert_int_equal(loop_next_ms(s->loop), UINT64_MAX);
	s->world.now_ms = begin + 3000;
	sends(s, 3000);
	assert_false(throttled);
	sends(s, 1);
	assert_true(throttled);
	/* A year later, too. */
	scene_run_until(s, begin + 10000);
	s->world.now_ms = begin + UINT64_C(366) * 86400000;
	throttled = false;
	sends(s, BURST);
	assert_false(throttled);
}

static void one_that_sends_a_little_too_fast_is_not_woken_all_the_time(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	sends(s, BURST);
	unsigned before = s->owner.data_calls;
	for (uint64_t ms = 0; ms < 10000; ms += 10) {
		network_send(&s->network, s->peer, zeros(11));
		scene_run_until(s, begin + ms);
	}
	assert_in_range(s->owner.data_calls - before, 20, 110);
}

static void what_it_cost_moves_with_it(void **state)
{
	struct scene *s = *state;
	struct conn_parts parts;
	uint64_t begin = s->world.now_ms;
	sends(s, BURST + 1000);
	assert_true(throttled);
	assert_true(conn_detach(s->conns, s->owner.c, &parts));
	assert_int_equal(conn_attach(s->conns, &parts, &owner_ops, &s->owner, &s->owner.c), 0);
	sends(s, 10);
	assert_int_equal(got(s), BURST + 1000);
	scene_run_until(s, begin + 1010);
	assert_int_equal(got(s), BURST + 1010);
}

static void a_throttled_one_still_writes_and_ends(void **state)
{
	struct scene *s = *state;
	sends(s, BURST + 100000);
	assert_true(throttled);
	assert_true(conn_write(s->conns, s->owner.c, STR("hello")));
	scene_turn(s);
	scene_assert_received(s, "hello");
	conn_close(s->conns, s->owner.c);
	scene_turn(s);
	network_end(&s->network, s->peer);
	for (int i = 0; i < 5; i++)
		scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
}

static void charging_one_that_has_gone_does_nothing(void **state)
{
	struct scene *s = *state;
	assert_false(conn_charge(s->conns, 0, 1u << 30));
	conn_abort(s->conns, s->owner.c);
	assert_false(conn_charge(s->conns, s->owner.c, 1u << 30));
	scene_turn(s);
}

static void enormous_charges_do_not_overflow(void **state)
{
	struct scene *s = *state;
	assert_true(conn_charge(s->conns, s->owner.c, SIZE_MAX));
	assert_false(conn_charge(s->conns, s->owner.c, SIZE_MAX));
	network_send(&s->network, s->peer, STR("x"));
	scene_run_until(s, s->world.now_ms + 100000);
	assert_int_equal(got(s), 0);
}

/* conn_yield */

static unsigned empty_calls;

static size_t on_data_in_bits(void *owner, slab_handle c, struct str data)
{
	struct owner *o = owner;
	buf_add(&o->got, data);
	if (data.n == 0)
		empty_calls++;
	if (empty_calls < 3)
		conn_yield(o->scene->conns, c);
	return data.n;
}

static void one_that_yields_is_called_again_behind_the_others(void **state)
{
	struct scene *s = *state;
	static const struct conn_ops ops = { .on_data = on_data_in_bits };
	empty_calls = 0;
	conn_set_owner(s->conns, s->owner.c, &ops, &s->owner);
	network_send(&s->network, s->peer, STR("a"));
	scene_turn(s);
	network_send(&s->network, s->peer, STR("b"));
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(empty_calls, n);
		/* What came meanwhile waits. */
		assert_int_equal(got(s), 1);
		scene_turn(s);
	}
	scene_turn(s);
	assert_int_equal(got(s), 2);
	assert_int_equal(empty_calls, 3);
	conn_set_owner(s->conns, s->owner.c, &owner_ops, &s->owner);
}

/* conn_finish */

static void one_that_finishes_says_its_last_words_and_does_not_wait(void **state)
{
	struct scene *s = *state;
	assert_true(conn_write(s->conns, s->owner.c, STR("bye")));
	conn_finish(s->conns, s->owner.c);
	scene_turn(s);
	scene_turn(s);
	scene_assert_received(s, "bye");
	assert_true(network_peer_has_ended(&s->network, s->peer));
	assert_int_equal(s->owner.closed, 1);
	assert_true(scene_is_empty(s));
}

static void one_that_finishes_with_a_peer_that_does_not_read_ends_too(void **state)
{
	struct scene *s = *state;
	s->network.capacity = 1;
	assert_true(conn_write(s->conns, s->owner.c, STR("bye")));
	conn_finish(s->conns, s->owner.c);
	scene_turn(s);
	scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_true(scene_is_empty(s));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_burst_is_read_at_once),
		TEST(beyond_the_burst_it_waits_as_long_as_the_surplus_takes),
		TEST(the_rate_is_kept),
		TEST(an_idle_one_needs_no_timer_and_gets_its_burst_back),
		TEST(one_that_sends_a_little_too_fast_is_not_woken_all_the_time),
		TEST(what_it_cost_moves_with_it),
		TEST(a_throttled_one_still_writes_and_ends),
		TEST(charging_one_that_has_gone_does_nothing),
		TEST(enormous_charges_do_not_overflow),
		TEST(one_that_yields_is_called_again_behind_the_others),
		TEST(one_that_finishes_says_its_last_words_and_does_not_wait),
		TEST(one_that_finishes_with_a_peer_that_does_not_read_ends_too),
	};
	return cmocka_run_group_tests_name("net/conn_rate", tests, NULL, NULL);
}
