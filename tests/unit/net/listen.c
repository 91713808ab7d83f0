/* Tests of lib/net/listen.c, on a network in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/net/listen.h"
#include "tests/sim/network.h"

#include <errno.h>

struct scene {
	struct world world;
	struct network network;
	struct sim_net sim_net;
	struct loop *loop;
	struct listeners *listeners;
	slab_handle listener;
	struct net_address address;
	unsigned accepted;
	bool closes;
	int peers[100];
	size_t peer_count;
};

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	struct scene *s = ctx;
	s->accepted++;
	assert_int_equal(peer->port, 40000);
	network_close(&s->network, socket);
	if (s->closes)
		listener_close(s->listeners, s->listener);
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
	scene.listeners = listeners_new(scene.loop);
	scene.address = network_address(5222);
	assert_int_equal(
		listener_open(scene.listeners, &scene.address, NET_LISTEN_FIRST, on_accept, &scene, &scene.listener),
		0);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	listeners_free(&s->listeners);
	loop_free(&s->loop);
	for (size_t i = 0; i < s->peer_count; i++)
		network_close(&s->network, s->peers[i]);
	network_fini(&s->network);
	return 0;
}

static void dial(struct scene *s, unsigned count)
{
	while (count--) {
		s->peers[s->peer_count] = network_dial(&s->network, &s->address);
		assert_true(s->peers[s->peer_count] >= 0);
		s->peer_count++;
	}
}

static void connections_are_handed_over(void **state)
{
	struct scene *s = *state;
	dial(s, 3);
	loop_turn(s->loop, 1000);
	assert_int_equal(s->accepted, 3);
	uint64_t begin = s->world.now_ms;
	loop_turn(s->loop, 1000);
	assert_int_equal(s->world.now_ms, begin + 1000);
}

static void one_turn_takes_64_at_most(void **state)
{
	struct scene *s = *state;
	dial(s, 70);
	loop_turn(s->loop, 0);
	assert_int_equal(s->accepted, 64);
	loop_turn(s->loop, 0);
	assert_int_equal(s->accepted, 70);
}

static void what_was_dropped_is_counted(void **state)
{
	struct scene *s = *state;
	dial(s, 3);
	s->network.accept_error = -EMFILE;
	loop_turn(s->loop, 0);
	assert_int_equal(s->accepted, 0);
	assert_int_equal(listeners_dropped(s->listeners), 3);
	s->network.accept_error = -ECONNABORTED;
	dial(s, 2);
	loop_turn(s->loop, 0);
	assert_int_equal(listeners_dropped(s->listeners), 3);
	s->network.accept_error = 0;
	dial(s, 1);
	loop_turn(s->loop, 0);
	assert_int_equal(s->accepted, 1);
}

static void listener_rests_when_nothing_can_be_accepted(void **state)
{
	struct scene *s = *state;
	dial(s, 1);
	s->network.accept_error = -ENOMEM;
	uint64_t begin = s->world.now_ms;
	loop_turn(s->loop, 1000);
	unsigned waits = s->network.waits;
	while (s->world.now_ms < begin + 1000)
		loop_turn(s->loop, (unsigned)(begin + 1000 - s->world.now_ms));
	assert_in_range(s->network.waits - waits, 5, 30);
	assert_int_equal(s->accepted, 0);
	s->network.accept_error = 0;
	begin = s->world.now_ms;
	while (s->accepted == 0)
		loop_turn(s->loop, 1000);
	assert_in_range(s->world.now_ms - begin, 0, 100);
}

static void listener_may_be_closed_from_its_callback(void **state)
{
	struct scene *s = *state;
	s->closes = true;
	dial(s, 3);
	loop_turn(s->loop, 0);
	assert_int_equal(s->accepted, 1);
	assert_int_equal(network_dial(&s->network, &s->address), -ECONNREFUSED);
	struct net_address a;
	assert_int_equal(listener_address(s->listeners, s->listener, &a), -ENOTCONN);
	listener_close(s->listeners, s->listener);
}

static void resting_listener_can_be_closed(void **state)
{
	struct scene *s = *state;
	dial(s, 1);
	s->network.accept_error = -ENOMEM;
	loop_turn(s->loop, 0);
	listener_close(s->listeners, s->listener);
	assert_int_equal(loop_next_ms(s->loop), UINT64_MAX);
}

static void address_in_use_is_told(void **state)
{
	struct scene *s = *state;
	slab_handle h = 0;
	assert_int_equal(listener_open(s->listeners, &s->address, NET_LISTEN_FIRST, on_accept, s, &h), -EADDRINUSE);
	assert_int_equal(h, 0);
	struct net_address a;
	assert_int_equal(listener_address(s->listeners, s->listener, &a), 0);
	assert_true(net_address_eq(&a, &s->address));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_handed_over),
		TEST(one_turn_takes_64_at_most),
		TEST(what_was_dropped_is_counted),
		TEST(listener_rests_when_nothing_can_be_accepted),
		TEST(listener_may_be_closed_from_its_callback),
		TEST(resting_listener_can_be_closed),
		TEST(address_in_use_is_told),
	};
	return cmocka_run_group_tests_name("net/listen", tests, NULL, NULL);
}
