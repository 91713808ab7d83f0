/* Tests of lib/net/conn_timer.c, on a network in memory: time is virtual, so deadlines are exact. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/connkit.h"

static void closing_has_a_deadline(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	s->network.capacity = 1;
	assert_true(conn_write(s->conns, s->owner.c, STR("xy")));
	conn_close(s->conns, s->owner.c);
	scene_run_until(s, begin + 4999);
	assert_int_equal(s->owner.closed, 0);
	scene_run_until(s, begin + 5000);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_TIMED_OUT);
	assert_string_equal(s->owner.text, "timed out closing");
}

static void peer_that_never_closes_is_left_at_the_deadline(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	conn_close(s->conns, s->owner.c);
	scene_run_until(s, begin + 4999);
	assert_int_equal(s->owner.closed, 0);
	scene_run_until(s, begin + 5000);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_CLOSED);
	assert_true(scene_is_empty(s));
}

static void silence_is_told_once_at_its_time(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	conn_set_timeout(s->conns, s->owner.c, 10000);
	scene_run_until(s, begin + 9999);
	assert_int_equal(s->owner.idle, 0);
	scene_run_until(s, begin + 10000);
	assert_int_equal(s->owner.idle, 1);
	scene_run_until(s, begin + 100000);
	assert_int_equal(s->owner.idle, 1);
	/* Counted from now on, although nothing has come in for long. */
	conn_set_timeout(s->conns, s->owner.c, 500);
	scene_run_until(s, begin + 100499);
	assert_int_equal(s->owner.idle, 1);
	scene_run_until(s, begin + 100500);
	assert_int_equal(s->owner.idle, 2);
}

static void input_puts_the_timeout_off(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	conn_set_timeout(s->conns, s->owner.c, 10000);
	for (int i = 1; i <= 5; i++) {
		scene_run_until(s, begin + (uint64_t)i * 6000);
		network_send(&s->network, s->peer, STR(" "));
		scene_turn(s);
		assert_int_equal(conn_last_input_ms(s->conns, s->owner.c), s->world.now_ms);
	}
	scene_run_until(s, begin + 39999);
	assert_int_equal(s->owner.idle, 0);
	scene_run_until(s, begin + 40000);
	assert_int_equal(s->owner.idle, 1);
}

static void timeout_can_be_shortened_and_switched_off(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	conn_set_timeout(s->conns, s->owner.c, 100000);
	conn_set_timeout(s->conns, s->owner.c, 50);
	scene_run_until(s, begin + 49);
	assert_int_equal(s->owner.idle, 0);
	scene_run_until(s, begin + 50);
	assert_int_equal(s->owner.idle, 1);
	conn_set_timeout(s->conns, s->owner.c, 50);
	conn_set_timeout(s->conns, s->owner.c, 0);
	scene_run_until(s, begin + 1000);
	assert_int_equal(s->owner.idle, 1);
}

static void deadline_comes_whatever_comes_in(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	conn_set_deadline(s->conns, s->owner.c, 3000);
	for (int i = 1; i < 30; i++) {
		scene_run_until(s, begin + (uint64_t)i * 100);
		network_send(&s->network, s->peer, STR(" "));
		scene_turn(s);
	}
	scene_run_until(s, begin + 2999);
	assert_int_equal(s->owner.deadline, 0);
	scene_run_until(s, begin + 3000);
	assert_int_equal(s->owner.deadline, 1);
	scene_run_until(s, begin + 10000);
	assert_int_equal(s->owner.deadline, 1);
	assert_int_equal(s->owner.idle, 0);
}

static void abort_own(struct owner *o)
{
	conn_abort(o->scene->conns, o->c);
}

static void nothing_is_told_between_the_end_and_on_closed(void **state)
{
	struct scene *s = *state;
	s->owner.on_timeout = abort_own;
	conn_set_deadline(s->conns, s->owner.c, 100);
	conn_set_timeout(s->conns, s->owner.c, 100);
	scene_run_until(s, s->world.now_ms + 200);
	assert_int_equal(s->owner.deadline, 1);
	assert_int_equal(s->owner.idle, 0);
	assert_int_equal(s->owner.closed, 1);
}

static void peer_that_takes_nothing_for_a_minute_is_given_up(void **state)
{
	struct scene *s = *state;
	uint64_t begin = s->world.now_ms;
	s->network.capacity = 10;
	assert_true(conn_write(s->conns, s->owner.c, zeros(100)));
	scene_turn(s);
	/* Progress, however small, and our own writing is none. */
	scene_run_until(s, begin + 50000);
	network_receive(&s->network, s->peer, NULL, 1);
	scene_run_until(s, begin + 90000);
	assert_true(conn_write(s->conns, s->owner.c, zeros(100)));
	scene_run_until(s, begin + 109999);
	assert_int_equal(s->owner.closed, 0);
	scene_run_until(s, begin + 110000);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_TIMED_OUT);
	assert_string_equal(s->owner.text, "the peer takes no output");
}

static void kept_input_is_no_stalled_output(void **state)
{
	struct scene *s = *state;
	s->owner.take = 1;
	network_send(&s->network, s->peer, STR("ab"));
	assert_true(conn_write(s->conns, s->owner.c, STR("x")));
	scene_turn(s);
	scene_run_until(s, s->world.now_ms + 1000000);
	assert_int_equal(s->owner.closed, 0);
}

static void readiness_without_progress_is_none(void **state)
{
	struct scene *s = *state;
	s->network.spurious = true;
	assert_true(conn_write(s->conns, s->owner.c, STR("x")));
	for (int i = 0; i < 60; i++) {
		assert_int_equal(s->owner.closed, 0);
		scene_turn(s);
		s->world.now_ms += 1000;
	}
	scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_TIMED_OUT);
}

static void idle_connection_without_output_is_never_given_up(void **state)
{
	struct scene *s = *state;
	assert_true(conn_write(s->conns, s->owner.c, STR("x")));
	scene_run_until(s, s->world.now_ms + 1000000);
	assert_int_equal(s->owner.closed, 0);
	assert_int_equal(loop_next_ms(s->loop), UINT64_MAX);
}

static void connecting_has_a_deadline(void **state)
{
	struct scene *s = *state;
	struct net_address a = network_address(9);
	uint64_t begin = s->world.now_ms;
	assert_int_equal(conn_connect(s->conns, &a, NULL, &owner_ops, &s->second, &s->second.c), 0);
	scene_run_until(s, begin + 29999);
	assert_int_equal(s->second.closed, 0);
	scene_run_until(s, begin + 30000);
	assert_int_equal(s->second.closed, 1);
	assert_int_equal(s->second.reason, CONN_TIMED_OUT);
	assert_string_equal(s->second.text, "timed out connecting");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNKIT_TEST(closing_has_a_deadline),
		CONNKIT_TEST(peer_that_never_closes_is_left_at_the_deadline),
		CONNKIT_TEST(silence_is_told_once_at_its_time),
		CONNKIT_TEST(input_puts_the_timeout_off),
		CONNKIT_TEST(timeout_can_be_shortened_and_switched_off),
		CONNKIT_TEST(deadline_comes_whatever_comes_in),
		CONNKIT_TEST(nothing_is_told_between_the_end_and_on_closed),
		CONNKIT_TEST(peer_that_takes_nothing_for_a_minute_is_given_up),
		CONNKIT_TEST(kept_input_is_no_stalled_output),
		CONNKIT_TEST(readiness_without_progress_is_none),
		CONNKIT_TEST(idle_connection_without_output_is_never_given_up),
		CONNKIT_TEST(connecting_has_a_deadline),
	};
	return cmocka_run_group_tests_name("net/conn_timer", tests, NULL, NULL);
}
