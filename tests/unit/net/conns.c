/* Tests of lib/net/conns.c: how connections begin and end, and what their owners are told, on a network in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/connkit.h"

#include <errno.h>

static void close_sends_what_is_pending_first(void **state)
{
	struct scene *s = *state;
	s->network.capacity = 4;
	assert_true(conn_write(s->conns, s->owner.c, STR("</stream>")));
	conn_close(s->conns, s->owner.c);
	assert_false(conn_write(s->conns, s->owner.c, STR("more")));
	scene_turn(s);
	scene_assert_received(s, "</st");
	assert_false(network_peer_has_ended(&s->network, s->peer));
	scene_turn(s);
	scene_assert_received(s, "ream");
	scene_turn(s);
	scene_assert_received(s, ">");
	assert_true(network_peer_has_ended(&s->network, s->peer));
	scene_turn(s);
	assert_int_equal(s->owner.closed, 0);
	network_end(&s->network, s->peer);
	scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_CLOSED);
	assert_true(scene_is_empty(s));
}

/* A close with unread input would reset the connection, and the reset would overtake our last words. */
static void last_words_arrive_although_the_peer_goes_on_sending(void **state)
{
	struct scene *s = *state;
	assert_true(conn_write(s->conns, s->owner.c, STR("error")));
	conn_close(s->conns, s->owner.c);
	for (int i = 0; i < 10; i++) {
		network_send(&s->network, s->peer, zeros(200000));
		scene_turn(s);
	}
	assert_false(network_is_reset(&s->network, s->peer));
	scene_assert_received(s, "error");
	assert_int_equal(s->owner.data_calls, 0);
	network_end(&s->network, s->peer);
	for (int i = 0; i < 40; i++)
		scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_CLOSED);
}

static void abort_ends_at_the_end_of_the_turn(void **state)
{
	struct scene *s = *state;
	assert_true(conn_write(s->conns, s->owner.c, STR("never")));
	conn_abort(s->conns, s->owner.c);
	assert_int_equal(s->owner.closed, 0);
	scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_ABORTED);
	scene_assert_received(s, "");
	assert_true(network_peer_has_ended(&s->network, s->peer));
	assert_true(scene_is_empty(s));
}

static void end_of_input_sends_what_is_pending_and_ends(void **state)
{
	struct scene *s = *state;
	network_send(&s->network, s->peer, STR("last"));
	network_end(&s->network, s->peer);
	s->network.capacity = 2;
	assert_true(conn_write(s->conns, s->owner.c, STR("abc")));
	scene_turn(s);
	scene_turn(s);
	assert_true(str_eq(buf_str(&s->owner.got), STR("last")));
	assert_int_equal(s->owner.closed, 0);
	scene_assert_received(s, "ab");
	scene_turn(s);
	scene_turn(s);
	scene_assert_received(s, "c");
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_PEER_CLOSED);
	assert_true(scene_is_empty(s));
}

static void reset_is_told_with_its_error(void **state)
{
	struct scene *s = *state;
	network_reset(&s->network, s->peer);
	s->peer = -1;
	scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.reason, CONN_FAILED);
	assert_int_equal(s->owner.error, ECONNRESET);
	assert_string_equal(s->owner.text, "Connection reset by peer");
}

static void reset_found_while_writing_is_told_in_the_next_turn(void **state)
{
	struct scene *s = *state;
	conn_pause(s->conns, s->owner.c);
	scene_turn(s);
	network_reset(&s->network, s->peer);
	s->peer = -1;
	scene_turn(s);
	assert_int_equal(s->owner.closed, 0);
	assert_true(conn_write(s->conns, s->owner.c, STR("x")));
	scene_turn(s);
	uint64_t begin = s->world.now_ms;
	loop_turn(s->loop, 60000);
	assert_int_equal(s->world.now_ms, begin);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->owner.error, ECONNRESET);
	assert_true(scene_is_empty(s));
}

static void stale_handle_does_nothing(void **state)
{
	struct scene *s = *state;
	slab_handle stale = s->owner.c;
	conn_abort(s->conns, stale);
	scene_turn(s);
	/* Another one may have its slot. */
	int mine, peer;
	network_pair(&s->network, &mine, &peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->second, &s->second.c), 0);
	struct net_address a;
	struct net_credentials credentials;
	struct conn_parts parts;
	assert_false(conn_write(s->conns, stale, STR("x")));
	assert_int_equal(conn_pending_bytes(s->conns, stale), 0);
	assert_false(conn_is_congested(s->conns, stale));
	assert_false(conn_has_tls(s->conns, stale));
	assert_int_equal(conn_last_input_ms(s->conns, stale), 0);
	assert_int_equal(conn_local_address(s->conns, stale, &a), -ENOTCONN);
	assert_int_equal(conn_peer_address(s->conns, stale, &a), -ENOTCONN);
	assert_int_equal(conn_peer_credentials(s->conns, stale, &credentials), -ENOTCONN);
	assert_false(conn_detach(s->conns, stale, &parts));
	conn_pause(s->conns, stale);
	conn_resume(s->conns, stale);
	conn_set_timeout(s->conns, stale, 1);
	conn_set_deadline(s->conns, stale, 1);
	conn_set_owner(s->conns, stale, &owner_ops, NULL);
	conn_start_tls(s->conns, stale, NULL);
	conn_close(s->conns, stale);
	conn_abort(s->conns, stale);
	scene_run_until(s, s->world.now_ms + 1000);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->second.closed, 0);
	assert_int_equal(conns_count(s->conns), 1);
	network_close(&s->network, peer);
}

static slab_handle listener_socket(struct scene *s, const struct net_address *a)
{
	return (slab_handle)net_listen(loop_net(s->loop), a, NET_LISTEN_FIRST);
}

static void connecting_succeeds_and_waiting_output_leaves(void **state)
{
	struct scene *s = *state;
	struct net_address a = network_address(5222), from = network_address(0), seen;
	int listener = (int)listener_socket(s, &a);
	assert_int_equal(conn_connect(s->conns, &a, &from, &owner_ops, &s->second, &s->second.c), 0);
	assert_true(conn_write(s->conns, s->second.c, STR("hello")));
	assert_int_equal(s->second.connected, 0);
	scene_turn(s);
	assert_int_equal(s->second.connected, 1);
	int peer = net_accept(loop_net(s->loop), listener, &seen);
	assert_true(peer >= 0);
	struct buf b;
	buf_init(&b, 100);
	network_receive(&s->network, peer, &b, 100);
	assert_true(str_eq(buf_str(&b), STR("hello")));
	buf_fini(&b);
	network_send(&s->network, peer, STR("hi"));
	scene_turn(s);
	assert_true(str_eq(buf_str(&s->second.got), STR("hi")));
	network_close(&s->network, peer);
	network_close(&s->network, listener);
}

static void refused_connection_is_told(void **state)
{
	struct scene *s = *state;
	struct net_address a = network_address(1);
	assert_int_equal(conn_connect(s->conns, &a, NULL, &owner_ops, &s->second, &s->second.c), 0);
	scene_turn(s);
	assert_int_equal(s->second.connected, 0);
	assert_int_equal(s->second.closed, 1);
	assert_int_equal(s->second.reason, CONN_FAILED);
	assert_int_equal(s->second.error, ECONNREFUSED);
}

static void connecting_can_be_given_up(void **state)
{
	struct scene *s = *state;
	struct net_address a = network_address(9);
	assert_int_equal(conn_connect(s->conns, &a, NULL, &owner_ops, &s->second, &s->second.c), 0);
	conn_close(s->conns, s->second.c);
	scene_turn(s);
	assert_int_equal(s->second.closed, 1);
	assert_int_equal(s->second.reason, CONN_ABORTED);
}

static void table_is_bounded(void **state)
{
	struct scene *s = *state;
	int peers[20];
	for (int i = 0; i < 20; i++) {
		int mine;
		network_pair(&s->network, &mine, &peers[i]);
		slab_handle c;
		assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->second, &c), i < 19 ? 0 : -ENOBUFS);
	}
	assert_int_equal(conns_count(s->conns), 20);
	/* The socket was closed. */
	assert_true(network_peer_has_ended(&s->network, peers[19]));
	for (int i = 0; i < 20; i++)
		network_close(&s->network, peers[i]);
}

static void abort_other(struct owner *o)
{
	if (o->other) {
		assert_int_equal(o->other->closed, 0);
		assert_true(conn_write(o->scene->conns, o->other->c, STR("bye")));
	}
}

static void on_closed_may_write_to_others_in_the_same_turn(void **state)
{
	struct scene *s = *state;
	int mine, peer;
	network_pair(&s->network, &mine, &peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->second, &s->second.c), 0);
	s->second.on_closed = abort_other;
	s->second.other = &s->owner;
	conn_abort(s->conns, s->second.c);
	scene_turn(s);
	scene_assert_received(s, "bye");
	network_close(&s->network, peer);
}

static void end_other(struct owner *o)
{
	conn_abort(o->scene->conns, o->other->c);
}

static void endings_that_follow_from_another_are_told_in_the_same_turn(void **state)
{
	struct scene *s = *state;
	int mine, peer;
	network_pair(&s->network, &mine, &peer);
	assert_int_equal(conn_accept(s->conns, mine, &owner_ops, &s->second, &s->second.c), 0);
	s->second.on_closed = end_other;
	s->second.other = &s->owner;
	conn_abort(s->conns, s->second.c);
	scene_turn(s);
	assert_int_equal(s->owner.closed, 1);
	assert_int_equal(s->second.closed, 1);
	assert_true(scene_is_empty(s));
	network_close(&s->network, peer);
}

static void abort_in_data(struct owner *o, struct str data)
{
	(void)data;
	conn_abort(o->scene->conns, o->c);
}

static void callback_may_end_its_own_connection(void **state)
{
	struct scene *s = *state;
	s->owner.on_data = abort_in_data;
	s->owner.take = 1;
	network_send(&s->network, s->peer, STR("abc"));
	scene_turn(s);
	assert_int_equal(s->owner.data_calls, 1);
	assert_int_equal(s->owner.closed, 1);
	assert_true(scene_is_empty(s));
}

static void new_owner_is_told_instead(void **state)
{
	struct scene *s = *state;
	s->second.c = s->owner.c;
	conn_set_owner(s->conns, s->owner.c, &owner_ops, &s->second);
	network_send(&s->network, s->peer, STR("abc"));
	scene_turn(s);
	conn_abort(s->conns, s->owner.c);
	scene_turn(s);
	assert_int_equal(s->owner.data_calls + s->owner.closed, 0);
	assert_int_equal(s->second.data_calls, 1);
	assert_int_equal(s->second.closed, 1);
}

static void owner_may_listen_to_nothing(void **state)
{
	struct scene *s = *state;
	static const struct conn_ops deaf = { 0 };
	conn_set_owner(s->conns, s->owner.c, &deaf, NULL);
	conn_set_deadline(s->conns, s->owner.c, 10);
	conn_set_timeout(s->conns, s->owner.c, 10);
	network_send(&s->network, s->peer, STR("abc"));
	scene_run_until(s, s->world.now_ms + 100);
	assert_true(conn_write(s->conns, s->owner.c, zeros(5000)));
	network_end(&s->network, s->peer);
	for (int i = 0; i < 5; i++)
		scene_turn(s);
	network_receive(&s->network, s->peer, NULL, SIZE_MAX);
	assert_true(scene_is_empty(s));
}

static void struct_is_small(void **state)
{
	(void)state;
	print_message("sizeof(struct conn): %zu\n", conn_bytes());
	assert_true(conn_bytes() <= 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNKIT_TEST(close_sends_what_is_pending_first),
		CONNKIT_TEST(last_words_arrive_although_the_peer_goes_on_sending),
		CONNKIT_TEST(abort_ends_at_the_end_of_the_turn),
		CONNKIT_TEST(end_of_input_sends_what_is_pending_and_ends),
		CONNKIT_TEST(reset_is_told_with_its_error),
		CONNKIT_TEST(reset_found_while_writing_is_told_in_the_next_turn),
		CONNKIT_TEST(stale_handle_does_nothing),
		CONNKIT_TEST(connecting_succeeds_and_waiting_output_leaves),
		CONNKIT_TEST(refused_connection_is_told),
		CONNKIT_TEST(connecting_can_be_given_up),
		CONNKIT_TEST(table_is_bounded),
		CONNKIT_TEST(on_closed_may_write_to_others_in_the_same_turn),
		CONNKIT_TEST(endings_that_follow_from_another_are_told_in_the_same_turn),
		CONNKIT_TEST(callback_may_end_its_own_connection),
		CONNKIT_TEST(new_owner_is_told_instead),
		CONNKIT_TEST(owner_may_listen_to_nothing),
		CONNKIT_TEST(struct_is_small),
	};
	return cmocka_run_group_tests_name("net/conns", tests, NULL, NULL);
}
