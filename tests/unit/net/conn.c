/* Tests of data on connections without TLS (lib/net/conn.c, conn_input.c, conn_output.c): writing, reading,
 * back-pressure and the move, on a network in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/connkit.h"

#define SEEDS 20

static void many_writes_of_a_turn_are_one(void **state)
{
	struct scene *s = *state;
	for (int i = 0; i < 10; i++)
		assert_true(conn_write(s->conns, s->owner.c, STR("<message/>")));
	assert_int_equal(s->network.writes, 0);
	assert_int_equal(conn_pending_bytes(s->conns, s->owner.c), 100);
	scene_turn(s);
	assert_int_equal(s->network.writes, 1);
	assert_int_equal(conn_pending_bytes(s->conns, s->owner.c), 0);
	struct buf b;
	buf_init(&b, 1000);
	network_receive(&s->network, s->peer, &b, SIZE_MAX);
	assert_int_equal(buf_len(&b), 100);
	buf_fini(&b);
	scene_turn(s);
	assert_int_equal(s->network.writes, 1);
}

static void answer_leaves_in_the_turn_of_its_question(void **state)
{
	struct scene *s = *state;
	network_send(&s->network, s->peer, STR("ping"));
	scene_turn(s);
	assert_int_equal(s->owner.data_calls, 1);
	unsigned watches = s->network.watches;
	s->network.waits = s->network.reads = s->network.writes = 0;
	s->owner.on_data = NULL;
	network_send(&s->network, s->peer, STR("ping"));
	assert_true(conn_write(s->conns, s->owner.c, STR("pong")));
	scene_turn(s);
	scene_assert_received(s, "pong");
	/* What a small message costs: */
	assert_int_equal(s->network.waits, 1);
	assert_int_equal(s->network.reads, 1);
	assert_int_equal(s->network.writes, 1);
	assert_int_equal(s->network.watches, watches);
}

static void writing_between_turns_does_not_wait(void **state)
{
	struct scene *s = *state;
	scene_turn(s);
	uint64_t begin = s->world.now_ms;
	assert_true(conn_write(s->conns, s->owner.c, STR("x")));
	loop_turn(s->loop, 60000);
	scene_assert_received(s, "x");
	assert_int_equal(s->world.now_ms, begin);
	loop_turn(s->loop, 60000);
	assert_int_equal(s->world.now_ms, begin + 60000);
}

static void what_the_socket_does_not_take_waits_in_order(void **state)
{
	struct scene *s = *state;
	s->network.capacity = 4;
	assert_true(conn_write(s->conns, s->owner.c, STR("abcdef")));
	scene_turn(s);
	assert_int_equal(conn_pending_bytes(s->conns, s->owner.c), 2);
	unsigned writes = s->network.writes;
	assert_true(conn_write(s->conns, s->owner.c, STR("gh")));
	scene_turn(s);
	scene_turn(s);
	/* It is not tried again before it is ready. */
	assert_int_equal(s->network.writes, writes);
	scene_assert_received(s, "abcd");
	scene_turn(s);
	scene_assert_received(s, "efgh");
	scene_turn(s);
	assert_int_equal(conn_pending_bytes(s->conns, s->owner.c), 0);
}

static void bytes_pass_unchanged_whatever_the_sizes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct scene s;
		scene_start(&s, seed);
		s.network.chunk = 1 + seed * 7;
		s.network.capacity = 1 + seed * 11;
		struct buf sent, received, said;
		buf_init(&sent, SIZE_MAX / 2);
		buf_init(&received, SIZE_MAX / 2);
		buf_init(&said, SIZE_MAX / 2);
		while (buf_len(&received) < 3000 || buf_len(&s.owner.got) < 3000) {
			char bytes[100];
			size_t n = (size_t)random_below(&s.world.random, sizeof(bytes));
			random_fill(&s.world.random, bytes, n);
			if (conn_write(s.conns, s.owner.c, str_make(bytes, n)))
				buf_add(&sent, str_make(bytes, n));
			network_send(&s.network, s.peer, str_make(bytes, n));
			buf_add(&said, str_make(bytes, n));
			scene_turn(&s);
			network_receive(&s.network, s.peer, &received, (size_t)random_below(&s.world.random, 200));
		}
		assert_memory_equal(buf_str(&received).p, buf_str(&sent).p, buf_len(&received));
		assert_memory_equal(buf_str(&s.owner.got).p, buf_str(&said).p, buf_len(&s.owner.got));
		buf_fini(&sent);
		buf_fini(&received);
		buf_fini(&said);
		scene_stop(&s);
	}
}

static void slow_reader_meets_the_bound_exactly(void **state)
{
	struct scene *s = *state;
	s->network.capacity = 0;
	assert_true(conn_write(s->conns, s->owner.c, zeros(9990)));
	scene_turn(s);
	assert_false(conn_write(s->conns, s->owner.c, zeros(11)));
	assert_int_equal(conn_pending_bytes(s->conns, s->owner.c), 9990);
	assert_true(conn_write(s->conns, s->owner.c, zeros(10)));
	assert_false(conn_write(s->conns, s->owner.c, zeros(1)));
	assert_false(conn_write(s->conns, s->owner.c, str_make(NULL, SIZE_MAX)));
	assert_true(conn_write(s->conns, s->owner.c, zeros(0)));
	scene_turn(s);
	assert_int_equal(conn_pending_bytes(s->conns, s->owner.c), 10000);
	assert_int_equal(s->owner.closed, 0);
}

static void writable_is_told_once_below_the_low_mark(void **state)
{
	struct scene *s = *state;
	s->network.capacity = 500;
	assert_true(conn_write(s->conns, s->owner.c, zeros(4000)));
	assert_false(conn_is_congested(s->conns, s->owner.c));
	assert_true(conn_write(s->conns, s->owner.c, zeros(1)));
	assert_true(conn_is_congested(s->conns, s->owner.c));
	while (conn_pending_bytes(s->conns, s->owner.c) > 1000) {
		assert_int_equal(s->owner.writable, 0);
		scene_turn(s);
		network_receive(&s->network, s->peer, NULL, SIZE_MAX);
	}
	assert_int_equal(s->owner.writable, 1);
	assert_false(conn_is_congested(s->conns, s->owner.c));
	for (int i = 0; i < 10; i++) {
		scene_turn(s);
		network_receive(&s->network, s->peer, NULL, SIZE_MAX);
	}
	assert_int_equal(s->owner.writable, 1);
}

static void refill(struct owner *o)
{
	assert_true(conn_write(o->scene->conns, o->c, zeros(5000)));
}

/* It takes everything, so on_writable comes again and again: others have their turn in between. */
static void greedy_writer_gets_one_refill_a_turn(void **state)
{
	struct scene *s = *state;
	s->network.capacity = SIZE_MAX / 2;
	s->owner.on_writable = refill;
	refill(&s->owner);
	for (unsigned i = 1; i < 10; i++) {
		loop_turn(s->loop, 1000);
		assert_int_equal(s->owner.writable, i);
	}
	s->owner.on_writable = NULL;
}

static void paused_connection_is_not_read(void **state)
{
	struct scene *s = *state;
	conn_pause(s->conns, s->owner.c);
	network_send(&s->network, s->peer, STR("abc"));
	scene_turn(s);
	scene_turn(s);
	assert_int_equal(s->network.reads, 0);
	/* Nor does it spin. */
	uint64_t begin = s->world.now_ms;
	loop_turn(s->loop, 1000);
	assert_int_equal(s->world.now_ms, begin + 1000);
	conn_resume(s->conns, s->owner.c);
	scene_turn(s);
	scene_turn(s);
	assert_true(str_eq(buf_str(&s->owner.got), STR("abc")));
}

static void pausing_and_resuming_in_one_turn_costs_nothing(void **state)
{
	struct scene *s = *state;
	scene_turn(s);
	unsigned watches = s->network.watches;
	conn_pause(s->conns, s->owner.c);
	conn_resume(s->conns, s->owner.c);
	scene_turn(s);
	assert_int_equal(s->network.watches, watches);
}

static void pause_other(struct owner *o, struct str data)
{
	(void)data;
	if (o->other)
		conn_pause(o->scene->conns, o->other->c);
}

/* Both are ready in this turn; whoever comes first pauses the other one. */
static void pausing_works_within_the_turn(void **state)
{
	struct scene *s = *state;
	int mine, peer;
	network_pair(&s->network, &mine, &peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->second, &s->second.c), 0);
	s->owner.on_data = s->second.on_data = pause_other;
	s->owner.other = &s->second;
	s->second.other = &s->owner;
	network_send(&s->network, s->peer, STR("a"));
	network_send(&s->network, peer, STR("b"));
	scene_turn(s);
	assert_int_equal(s->owner.data_calls + s->second.data_calls, 1);
	network_close(&s->network, peer);
}

static void what_was_not_taken_comes_again_first(void **state)
{
	struct scene *s = *state;
	s->owner.take = 3;
	network_send(&s->network, s->peer, STR("abcdefgh"));
	scene_turn(s);
	assert_int_equal(s->owner.data_calls, 1);
	network_send(&s->network, s->peer, STR("ij"));
	scene_turn(s);
	assert_int_equal(s->owner.data_calls, 1);
	conn_resume(s->conns, s->owner.c);
	scene_turn(s);
	assert_true(str_eq(buf_str(&s->owner.got), STR("abcdef")));
	s->owner.take = SIZE_MAX;
	conn_resume(s->conns, s->owner.c);
	scene_turn(s);
	scene_turn(s);
	assert_true(str_eq(buf_str(&s->owner.got), STR("abcdefghij")));
	assert_int_equal(s->owner.data_calls, 4);
}

static void resume_at_once(struct owner *o, struct str data)
{
	(void)data;
	conn_pause(o->scene->conns, o->c);
	conn_resume(o->scene->conns, o->c);
}

static void resuming_inside_on_data_is_overruled_by_what_is_left(void **state)
{
	struct scene *s = *state;
	s->owner.take = 2;
	s->owner.on_data = resume_at_once;
	network_send(&s->network, s->peer, STR("abcd"));
	scene_turn(s);
	assert_int_equal(s->owner.data_calls, 1);
	s->owner.take = SIZE_MAX;
	conn_resume(s->conns, s->owner.c);
	scene_turn(s);
	assert_true(str_eq(buf_str(&s->owner.got), STR("abcd")));
}

static void end_of_input_waits_for_what_was_not_taken(void **state)
{
	struct scene *s = *state;
	s->owner.take = 1;
	network_send(&s->network, s->peer, STR("ab"));
	network_end(&s->network, s->peer);
	scene_turn(s);
	scene_turn(s);
	assert_int_equal(s->owner.closed, 0);
	conn_resume(s->conns, s->owner.c);
	for (int i = 0; i < 3; i++)
		scene_turn(s);
	assert_true(str_eq(buf_str(&s->owner.got), STR("ab")));
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_PEER_CLOSED);
}

static void one_turn_reads_a_bounded_part(void **state)
{
	struct scene *s = *state;
	int mine, peer;
	network_pair(&s->network, &mine, &peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->second, &s->second.c), 0);
	for (int i = 0; i < 4; i++)
		network_send(&s->network, s->peer, zeros(300000));
	network_send(&s->network, peer, STR("x"));
	scene_turn(s);
	assert_int_equal(buf_len(&s->owner.got), CONN_READ_BYTES);
	assert_int_equal(buf_len(&s->second.got), 1);
	scene_turn(s);
	assert_int_equal(buf_len(&s->owner.got), 2 * CONN_READ_BYTES);
	network_receive(&s->network, mine, NULL, SIZE_MAX);
	network_close(&s->network, peer);
}

static void move_keeps_input_output_and_order(void **state)
{
	struct scene *s = *state;
	struct sim_net other_sim_net;
	struct net other_net = sim_net_init(&other_sim_net, &s->network, 0);
	struct loop *other_loop = loop_new(&other_net, &s->world.clock);
	struct conns *other = conns_new(other_loop, &scene_limits);
	s->owner.take = 2;
	s->network.capacity = 3;
	network_send(&s->network, s->peer, STR("abcd"));
	assert_true(conn_write(s->conns, s->owner.c, STR("12345")));
	scene_turn(s);
	network_send(&s->network, s->peer, STR("ef"));
	assert_true(conn_write(s->conns, s->owner.c, STR("67")));
	conn_set_timeout(s->conns, s->owner.c, 10);
	struct conn_parts parts;
	assert_true(conn_detach(s->conns, s->owner.c, &parts));
	assert_false(conn_write(s->conns, s->owner.c, STR("x")));
	assert_true(scene_is_empty(s));
	scene_run_until(s, s->world.now_ms + 1000);
	assert_int_equal(s->owner.closed, 0);

	s->second.take = SIZE_MAX;
	assert_int_equal(conn_attach(other, &parts, &owner_ops, &s->second, &s->second.c), 0);
	assert_int_equal(s->second.data_calls, 0);
	scene_assert_received(s, "123");
	loop_turn(other_loop, 1000);
	loop_turn(other_loop, 1000);
	assert_true(str_eq(buf_str(&s->owner.got), STR("ab")));
	assert_true(str_eq(buf_str(&s->second.got), STR("cdef")));
	scene_assert_received(s, "456");
	loop_turn(other_loop, 1000);
	scene_assert_received(s, "7");
	/* Nobody frees the parts twice. */
	conn_parts_discard(&parts, &other_net);
	s->second.scene = &(struct scene){ .conns = other };
	conns_free(&other);
	loop_free(&other_loop);
}

static void end_of_input_moves_too(void **state)
{
	struct scene *s = *state;
	struct conn_parts parts;
	s->owner.take = 1;
	network_send(&s->network, s->peer, STR("ab"));
	scene_turn(s);
	network_end(&s->network, s->peer);
	assert_true(conn_detach(s->conns, s->owner.c, &parts));
	assert_int_equal(conn_attach(s->conns, &parts, &owner_ops, &s->second, &s->second.c), 0);
	for (int i = 0; i < 3; i++)
		scene_turn(s);
	assert_true(str_eq(buf_str(&s->second.got), STR("b")));
	assert_int_equal(s->second.closed, 1);
	assert_int_equal(s->second.reason, CONN_PEER_CLOSED);
}

static void parts_can_be_discarded(void **state)
{
	struct scene *s = *state;
	struct conn_parts parts;
	s->owner.take = 1;
	network_send(&s->network, s->peer, STR("ab"));
	assert_true(conn_write(s->conns, s->owner.c, STR("12345")));
	s->network.capacity = 2;
	scene_turn(s);
	assert_true(conn_detach(s->conns, s->owner.c, &parts));
	conn_parts_discard(&parts, loop_net(s->loop));
	assert_int_equal(network_open_count(&s->network), 1);
}

static void closing_connection_does_not_move(void **state)
{
	struct scene *s = *state;
	struct conn_parts parts;
	conn_close(s->conns, s->owner.c);
	assert_false(conn_detach(s->conns, s->owner.c, &parts));
	conn_abort(s->conns, s->owner.c);
	assert_false(conn_detach(s->conns, s->owner.c, &parts));
}

static void addresses_and_credentials_are_those_of_the_socket(void **state)
{
	struct scene *s = *state;
	struct net_address a;
	struct net_credentials c;
	assert_int_equal(conn_local_address(s->conns, s->owner.c, &a), 0);
	assert_int_equal(a.port, 40000);
	assert_int_equal(conn_peer_address(s->conns, s->owner.c, &a), 0);
	assert_int_equal(conn_peer_credentials(s->conns, s->owner.c, &c), 0);
	assert_int_equal(c.uid, 7);
}

/* The same seed gives the same calls in the same order; another one does not. */
static void storm(uint64_t seed, struct buf *trace)
{
	struct scene s;
	scene_start(&s, seed);
	s.network.chunk = 50;
	s.network.capacity = 2000;
	for (int i = 0; i < 300; i++) {
		uint64_t what = random_below(&s.world.random, 6);
		if (what == 0)
			network_send(&s.network, s.peer, zeros(random_below(&s.world.random, 300)));
		else if (what == 1)
			(void)!conn_write(s.conns, s.owner.c, zeros(random_below(&s.world.random, 900)));
		else if (what == 2)
			network_receive(&s.network, s.peer, NULL, random_below(&s.world.random, 900));
		else if (what == 3)
			conn_pause(s.conns, s.owner.c);
		else if (what == 4)
			conn_resume(s.conns, s.owner.c);
		loop_turn(s.loop, (unsigned)random_below(&s.world.random, 100));
		buf_printf(trace, "%zu %zu %u %u\n", buf_len(&s.owner.got), conn_pending_bytes(s.conns, s.owner.c),
			s.network.reads, s.network.writes);
	}
	scene_stop(&s);
}

static void same_seed_gives_the_same_trace(void **state)
{
	(void)state;
	struct buf a, b, c;
	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	buf_init(&c, 1 << 20);
	storm(7, &a);
	storm(7, &b);
	storm(8, &c);
	assert_true(str_eq(buf_str(&a), buf_str(&b)));
	assert_false(str_eq(buf_str(&a), buf_str(&c)));
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNKIT_TEST(many_writes_of_a_turn_are_one),
		CONNKIT_TEST(answer_leaves_in_the_turn_of_its_question),
		CONNKIT_TEST(writing_between_turns_does_not_wait),
		CONNKIT_TEST(what_the_socket_does_not_take_waits_in_order),
		cmocka_unit_test(bytes_pass_unchanged_whatever_the_sizes),
		CONNKIT_TEST(slow_reader_meets_the_bound_exactly),
		CONNKIT_TEST(writable_is_told_once_below_the_low_mark),
		CONNKIT_TEST(greedy_writer_gets_one_refill_a_turn),
		CONNKIT_TEST(paused_connection_is_not_read),
		CONNKIT_TEST(pausing_and_resuming_in_one_turn_costs_nothing),
		CONNKIT_TEST(pausing_works_within_the_turn),
		CONNKIT_TEST(what_was_not_taken_comes_again_first),
		CONNKIT_TEST(resuming_inside_on_data_is_overruled_by_what_is_left),
		CONNKIT_TEST(end_of_input_waits_for_what_was_not_taken),
		CONNKIT_TEST(one_turn_reads_a_bounded_part),
		CONNKIT_TEST(move_keeps_input_output_and_order),
		CONNKIT_TEST(end_of_input_moves_too),
		CONNKIT_TEST(parts_can_be_discarded),
		CONNKIT_TEST(closing_connection_does_not_move),
		CONNKIT_TEST(addresses_and_credentials_are_those_of_the_socket),
		cmocka_unit_test(same_seed_gives_the_same_trace),
	};
	return cmocka_run_group_tests_name("net/conn", tests, NULL, NULL);
}
