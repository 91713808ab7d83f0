/* Tests of tests/sim/network.c and network_ops.c: a server on a host of its own, asked as a loop would ask it, and
 * clients, some of them on another host. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sim/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER, CLIENT };

#define LATENCY_MS 50
#define SEEDS      50

struct scene {
	struct world world;
	struct network network;
	struct sim_net sim_nets[2];
	struct net server, client;
	struct net_address address;
	int listener;
};

static void start(struct scene *s, uint64_t seed, unsigned latency_ms)
{
	world_init(&s->world, seed);
	network_init(&s->network, &s->world);
	s->network.latency_ms = latency_ms;
	s->server = sim_net_init(&s->sim_nets[SERVER], &s->network, SERVER);
	s->client = sim_net_init(&s->sim_nets[CLIENT], &s->network, CLIENT);
	s->address = network_address(5222);
	s->listener = net_listen(&s->server, &s->address, NET_LISTEN_FIRST);
	assert_true(s->listener >= 0);
}

/* Whatever is open is closed. */
static void stop(struct scene *s)
{
	for (int i = 0; i < (int)s->network.socket_count; i++)
		if (s->network.sockets[i] && i != s->listener)
			network_close(&s->network, i);
	network_close(&s->network, s->listener);
	network_fini(&s->network);
}

static int set_up(void **state)
{
	static struct scene scene;
	start(&scene, 1, 0);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	stop(*state);
	return 0;
}

static void pass(struct scene *s, uint64_t ms)
{
	s->world.now_ms += ms;
}

/* To the time at which something arrives; false if nothing does. */
static bool pass_to_next(struct scene *s)
{
	uint64_t next = network_next_ms(&s->network);
	if (next == UINT64_MAX)
		return false;
	assert_true(next > s->world.now_ms);
	assert_true(next <= s->world.now_ms + s->network.latency_ms);
	s->world.now_ms = next;
	return true;
}

/* A connection of the two hosts. */
static void connect_both(struct scene *s, int *client_r, int *server_r)
{
	struct net_address peer;
	*client_r = net_connect(&s->client, &s->address, NULL);
	assert_true(*client_r >= 0);
	pass(s, s->network.latency_ms);
	*server_r = net_accept(&s->server, s->listener, &peer);
	assert_true(*server_r >= 0);
	assert_int_equal(net_connect_result(&s->client, *client_r), 0);
}

static ptrdiff_t writes(const struct net *net, int socket, const char *text)
{
	struct str part = str_from_c(text);
	return net_write(net, socket, &part, 1);
}

/* Reads what there is, at most so much at once, and returns what the last read gave, which is not bytes. */
static ptrdiff_t reads(const struct net *net, int socket, struct buf *b, size_t max)
{
	char bytes[4096];
	ptrdiff_t n;
	while ((n = net_read(net, socket, bytes, max)) > 0)
		buf_add(b, str_make(bytes, (size_t)n));
	return n;
}

static void assert_reads(const struct net *net, int socket, const char *text, ptrdiff_t end)
{
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	assert_int_equal(reads(net, socket, &b, 4096), end);
	assert_int_equal(buf_len(&b), strlen(text));
	assert_memory_equal(buf_len(&b) ? buf_str(&b).p : "", text, strlen(text));
	buf_fini(&b);
}

/* What a socket is ready for. */
static unsigned ready_for(const struct net *net, int socket)
{
	struct net_event events[64];
	unsigned ready = 0;
	assert_int_equal(net_watch(net, socket, 0, NET_READ | NET_WRITE, (uint64_t)socket), 0);
	int n = net_wait(net, 0, events, ARRAY_LEN(events));
	for (int i = 0; i < n; i++)
		if (events[i].token == (uint64_t)socket)
			ready = events[i].ready;
	assert_int_equal(net_watch(net, socket, NET_READ | NET_WRITE, 0, 0), 0);
	return ready;
}

/* Sockets. */

static void the_lowest_free_number_is_used_again(void **state)
{
	struct scene *s = *state;
	int sockets[1000];
	for (int i = 0; i < 1000; i += 2) {
		network_pair(&s->network, &sockets[i], &sockets[i + 1]);
		assert_int_equal(sockets[i], i + 1);
		assert_int_equal(sockets[i + 1], i + 2);
	}
	assert_int_equal(network_open_count(&s->network), 1001);
	network_close(&s->network, sockets[700]);
	network_close(&s->network, sockets[30]);
	assert_int_equal(network_dial(&s->network, &s->address), sockets[30]);
	network_send(&s->network, sockets[998], STR("far"));
	assert_int_equal(network_waiting(&s->network, sockets[999]), 3);
}

static void sockets_belong_to_the_host_that_opens_or_accepts_them(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	connect_both(s, &mine, &theirs);
	assert_int_equal(network_host_of(&s->network, mine), CLIENT);
	assert_int_equal(network_host_of(&s->network, theirs), SERVER);
	assert_int_equal(network_host_of(&s->network, network_dial(&s->network, &s->address)), NETWORK_NOBODY);
}

static void listeners_that_join_share_what_comes(void **state)
{
	struct scene *s = *state;
	struct net_address a = network_address(1), peer;
	int listeners[2], counts[2] = { 0 };
	for (int i = 0; i < 2; i++)
		listeners[i] = net_listen(&s->server, &a, NET_LISTEN_JOIN);
	for (int i = 0; i < 100; i++)
		assert_true(network_dial(&s->network, &a) >= 0);
	for (int i = 0; i < 2; i++)
		while (net_accept(&s->server, listeners[i], &peer) >= 0)
			counts[i]++;
	assert_in_range(counts[0], 30, 70);
	assert_int_equal(counts[0] + counts[1], 100);
}

/* Waiting. */

static void all_that_is_ready_is_reported_in_a_drawn_order(void **state)
{
	struct scene *s = *state;
	struct net_event events[10];
	unsigned first[10] = { 0 };
	for (uint64_t i = 0; i < 10; i++) {
		int mine, theirs;
		network_pair(&s->network, &mine, &theirs);
		assert_int_equal(net_watch(&s->server, mine, 0, NET_READ, i), 0);
		network_send(&s->network, theirs, STR("x"));
	}
	for (int round = 0; round < 1000; round++) {
		unsigned seen = 0;
		assert_int_equal(net_wait(&s->server, 0, events, 10), 10);
		for (int i = 0; i < 10; i++)
			seen |= 1u << events[i].token;
		assert_int_equal(seen, 0x3ff);
		first[events[0].token]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(first[i], 50, 150);
}

static void what_does_not_fit_is_drawn_so_that_nobody_starves(void **state)
{
	struct scene *s = *state;
	struct net_event events[3];
	unsigned seen[10] = { 0 };
	for (uint64_t i = 0; i < 10; i++) {
		int mine, theirs;
		network_pair(&s->network, &mine, &theirs);
		assert_int_equal(net_watch(&s->server, mine, 0, NET_WRITE, i), 0);
	}
	for (int round = 0; round < 1000; round++) {
		assert_int_equal(net_wait(&s->server, 0, events, 3), 3);
		for (int i = 0; i < 3; i++)
			seen[events[i].token]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(seen[i], 200, 400);
}

static void what_a_socket_is_watched_for_can_be_asked(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	network_pair(&s->network, &mine, &theirs);
	assert_false(network_is_watched(&s->network, mine, NET_READ));
	assert_int_equal(net_watch(&s->server, mine, 0, NET_WRITE, 1), 0);
	assert_true(network_is_watched(&s->network, mine, NET_WRITE));
	assert_false(network_is_watched(&s->network, mine, NET_READ));
	assert_false(network_is_watched(&s->network, theirs, NET_WRITE));
	assert_int_equal(net_watch(&s->server, mine, NET_WRITE, 0, 1), 0);
	assert_false(network_is_watched(&s->network, mine, NET_WRITE));
}

static void a_wait_moves_the_time_on_to_what_comes(void **state)
{
	struct scene *s = *state;
	struct net_event event;
	int mine, theirs;
	s->network.latency_ms = LATENCY_MS;
	connect_both(s, &mine, &theirs);
	assert_int_equal(net_watch(&s->server, theirs, 0, NET_READ, 7), 0);
	assert_int_equal(writes(&s->client, mine, "x"), 1);
	uint64_t next = network_next_ms(&s->network);
	assert_true(next > s->world.now_ms);
	assert_int_equal(net_wait(&s->server, 1000, &event, 1), 1);
	assert_int_equal(s->world.now_ms, next);
	assert_reads(&s->server, theirs, "x", -EAGAIN);
	assert_int_equal(net_wait(&s->server, 1000, &event, 1), 0);
	assert_int_equal(s->world.now_ms, next + 1000);
}

static void one_that_never_sleeps_moves_nothing_on(void **state)
{
	struct scene *s = *state;
	struct net_event event;
	uint64_t now = s->world.now_ms;
	s->sim_nets[SERVER].never_sleeps = true;
	assert_int_equal(net_wait(&s->server, 1000, &event, 1), 0);
	assert_int_equal(net_wait(&s->server, -1, &event, 1), 0);
	assert_int_equal(s->world.now_ms, now);
}

/* On the way. */

static void without_latency_everything_is_there_at_once(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	connect_both(s, &mine, &theirs);
	assert_int_equal(writes(&s->client, mine, "hello"), 5);
	net_shutdown(&s->client, mine);
	assert_int_equal(network_next_ms(&s->network), UINT64_MAX);
	assert_reads(&s->server, theirs, "hello", 0);
}

static void bytes_come_late_and_in_order(void **state)
{
	(void)state;
	uint64_t longest = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct scene s;
		struct buf got, sent;
		int mine, theirs;
		start(&s, seed, LATENCY_MS);
		connect_both(&s, &mine, &theirs);
		buf_init(&got, SIZE_MAX / 2);
		buf_init(&sent, SIZE_MAX / 2);
		uint64_t begin = s.world.now_ms;
		for (int i = 0; i < 100; i++) {
			char text[8];
			snprintf(text, sizeof(text), "%d ", i);
			buf_add(&sent, str_from_c(text));
			assert_int_equal(writes(&s.server, theirs, text), (ptrdiff_t)strlen(text));
			if (i % 10 == 0)
				pass(&s, 1);
			assert_int_equal(reads(&s.client, mine, &got, 3), -EAGAIN);
			assert_true(str_has_prefix(buf_str(&sent), buf_str(&got)));
		}
		net_shutdown(&s.server, theirs);
		while (pass_to_next(&s))
			if (reads(&s.client, mine, &got, 3) == 0)
				break;
		assert_true(str_eq(buf_str(&sent), buf_str(&got)));
		assert_int_equal(network_next_ms(&s.network), UINT64_MAX);
		if (s.world.now_ms - begin > longest)
			longest = s.world.now_ms - begin;
		buf_fini(&got);
		buf_fini(&sent);
		stop(&s);
	}
	/* Ten of them pass while it is written. */
	assert_in_range(longest, LATENCY_MS - 5, LATENCY_MS + 10);
}

static void the_end_comes_behind_the_bytes(void **state)
{
	(void)state;
	unsigned later = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct scene s;
		int mine, theirs;
		start(&s, seed, LATENCY_MS);
		connect_both(&s, &mine, &theirs);
		assert_int_equal(writes(&s.server, theirs, "last words"), 10);
		uint64_t bytes_ms = network_next_ms(&s.network);
		if (seed % 2)
			net_shutdown(&s.server, theirs);
		else
			net_close(&s.server, theirs);
		while (!network_peer_has_ended(&s.network, mine)) {
			assert_false(network_is_reset(&s.network, mine));
			assert_true(pass_to_next(&s));
		}
		later += s.world.now_ms > bytes_ms;
		assert_reads(&s.client, mine, "last words", 0);
		stop(&s);
	}
	assert_in_range(later, 15, 35);
}

static void what_is_written_before_the_end_is_known_leads_nowhere(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	s->network.latency_ms = LATENCY_MS;
	connect_both(s, &mine, &theirs);
	net_close(&s->server, theirs);
	assert_int_equal(ready_for(&s->client, mine), NET_WRITE);
	assert_int_equal(writes(&s->client, mine, "lost"), 4);
	pass(s, LATENCY_MS);
	assert_int_equal(ready_for(&s->client, mine), NET_READ | NET_WRITE);
	assert_int_equal(writes(&s->client, mine, "told"), -EPIPE);
}

static void a_socket_closed_with_input_on_its_way_resets_its_peer(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	s->network.latency_ms = LATENCY_MS;
	connect_both(s, &mine, &theirs);
	assert_int_equal(writes(&s->server, theirs, "never seen"), 10);
	assert_int_equal(writes(&s->client, mine, "unread"), 6);
	net_close(&s->server, theirs);
	assert_true(network_is_reset(&s->network, mine));
	assert_reads(&s->client, mine, "", -ECONNRESET);
	assert_int_equal(writes(&s->client, mine, "x"), -ECONNRESET);
	assert_int_equal(network_next_ms(&s->network), UINT64_MAX);
}

static void connections_arrive_late_and_then_what_was_sent_with_them(void **state)
{
	(void)state;
	unsigned late = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct scene s;
		struct net_address peer;
		start(&s, seed, LATENCY_MS);
		int mine = network_dial(&s.network, &s.address), theirs;
		network_send(&s.network, mine, STR("early"));
		network_close(&s.network, mine);
		if (network_next_ms(&s.network) != UINT64_MAX) {
			late++;
			assert_int_equal(net_accept(&s.server, s.listener, &peer), -EAGAIN);
			assert_int_equal(ready_for(&s.server, s.listener), 0);
			assert_true(pass_to_next(&s));
		}
		theirs = net_accept(&s.server, s.listener, &peer);
		assert_reads(&s.server, theirs, "early", 0);
		stop(&s);
	}
	assert_true(late > SEEDS / 2);
}

static void connections_may_overtake_each_other(void **state)
{
	struct scene *s = *state;
	struct net_address peer, from = s->address;
	unsigned overtaken = 0, last = 0;
	s->network.latency_ms = LATENCY_MS;
	for (uint16_t i = 0; i < 20; i++) {
		from.port = (uint16_t)(100 + i);
		assert_true(net_connect(&s->client, &s->address, &from) >= 0);
	}
	for (unsigned accepted = 0; accepted < 20;) {
		if (net_accept(&s->server, s->listener, &peer) == -EAGAIN) {
			assert_true(pass_to_next(s));
			continue;
		}
		accepted++;
		overtaken += peer.port < last;
		last = peer.port;
	}
	assert_in_range(overtaken, 3, 17);
}

static void a_socket_that_is_connecting_does_nothing(void **state)
{
	(void)state;
	unsigned late = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct scene s;
		start(&s, seed, LATENCY_MS);
		int mine = net_connect(&s.client, &s.address, NULL);
		if (network_next_ms(&s.network) != UINT64_MAX) {
			late++;
			assert_int_equal(ready_for(&s.client, mine), 0);
			assert_int_equal(writes(&s.client, mine, "x"), -EAGAIN);
			assert_true(pass_to_next(&s));
		}
		assert_int_equal(ready_for(&s.client, mine), NET_WRITE);
		assert_int_equal(writes(&s.client, mine, "x"), 1);
		stop(&s);
	}
	assert_true(late > SEEDS / 2);
}

static void who_is_refused_is_told_late_too(void **state)
{
	struct scene *s = *state;
	struct net_address nobody = network_address(1);
	s->network.latency_ms = LATENCY_MS;
	int mine = net_connect(&s->client, &nobody, NULL);
	assert_int_equal(ready_for(&s->client, mine), 0);
	pass(s, LATENCY_MS);
	assert_int_equal(ready_for(&s->client, mine), NET_READ | NET_WRITE);
	assert_int_equal(net_connect_result(&s->client, mine), -ECONNREFUSED);
	assert_int_equal(network_dial(&s->network, &nobody), -ECONNREFUSED);
}

static void port_9_never_answers(void **state)
{
	struct scene *s = *state;
	struct net_address hole = network_address(9);
	int mine = net_connect(&s->client, &hole, NULL);
	assert_int_equal(network_next_ms(&s->network), UINT64_MAX);
	pass(s, 1u << 30);
	assert_int_equal(ready_for(&s->client, mine), 0);
}

static void what_the_test_sends_stays_behind_what_is_on_its_way(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	s->network.latency_ms = LATENCY_MS;
	connect_both(s, &mine, &theirs);
	network_send(&s->network, mine, STR("at once, "));
	assert_int_equal(network_waiting(&s->network, theirs), 9);
	assert_int_equal(writes(&s->client, mine, "late, "), 6);
	assert_int_equal(network_waiting(&s->network, theirs), 9);
	network_send(&s->network, mine, STR("behind it"));
	assert_int_equal(network_waiting(&s->network, theirs), 9);
	pass(s, LATENCY_MS);
	assert_reads(&s->server, theirs, "at once, late, behind it", -EAGAIN);
}

/* Little at a time. */

static void chunks_are_short_and_lose_nothing(void **state)
{
	struct scene *s = *state;
	char bytes[100];
	int mine, theirs;
	bool sizes[4] = { false };
	connect_both(s, &mine, &theirs);
	s->network.chunk = 3;
	for (int i = 0; i < 50; i++) {
		ptrdiff_t n = writes(&s->client, mine, "abcdefghij");
		assert_in_range(n, 1, 3);
		sizes[n] = true;
		s->network.chunk = 0;
		assert_int_equal(writes(&s->client, mine, &"abcdefghij"[n]), 10 - n);
		s->network.chunk = 3;
		for (ptrdiff_t at = 0; at < 10; at += n) {
			n = net_read(&s->server, theirs, bytes, sizeof(bytes));
			assert_in_range(n, 1, 3);
			assert_memory_equal(bytes, &"abcdefghij"[at], n);
		}
	}
	assert_true(sizes[1] && sizes[2] && sizes[3]);
}

static void a_writer_waits_for_room(void **state)
{
	struct scene *s = *state;
	const struct str parts[] = { STR("abcd"), STR("efgh"), STR("ijkl") };
	int mine, theirs;
	connect_both(s, &mine, &theirs);
	s->network.latency_ms = LATENCY_MS;
	s->network.capacity = 10;
	assert_int_equal(net_write(&s->client, mine, parts, 3), 10);
	/* What is on its way counts. */
	assert_int_equal(net_write(&s->client, mine, parts, 3), -EAGAIN);
	assert_int_equal(ready_for(&s->client, mine), 0);
	pass(s, LATENCY_MS);
	assert_int_equal(ready_for(&s->client, mine), 0);
	network_receive(&s->network, theirs, NULL, 3);
	assert_int_equal(ready_for(&s->client, mine), NET_WRITE);
	assert_int_equal(net_write(&s->client, mine, parts, 3), 3);
	pass(s, LATENCY_MS);
	assert_reads(&s->server, theirs, "defghijabc", -EAGAIN);
}

/* The cut. */

static void a_cut_gives_a_prefix_and_a_reset(void **state)
{
	(void)state;
	unsigned counts[7] = { 0 };
	for (uint64_t seed = 0; seed < 4 * SEEDS; seed++) {
		struct scene s;
		struct buf got;
		int mine, theirs;
		start(&s, seed, LATENCY_MS);
		connect_both(&s, &mine, &theirs);
		assert_int_equal(writes(&s.server, theirs, "abc"), 3);
		pass(&s, LATENCY_MS);
		assert_int_equal(writes(&s.server, theirs, "d"), 1);
		assert_int_equal(writes(&s.server, theirs, "ef"), 2);
		if (seed % 3 == 1)
			net_shutdown(&s.server, theirs);
		if (seed % 3 == 2)
			net_close(&s.server, theirs);
		network_cut(&s.network, SERVER);
		buf_init(&got, SIZE_MAX / 2);
		while (reads(&s.client, mine, &got, 2) == -EAGAIN)
			assert_true(pass_to_next(&s));
		assert_true(network_is_reset(&s.network, mine));
		assert_true(str_has_prefix(STR("abcdef"), buf_str(&got)));
		assert_true(buf_len(&got) >= 3);
		counts[buf_len(&got)]++;
		assert_int_equal(writes(&s.client, mine, "x"), -ECONNRESET);
		assert_int_equal(network_next_ms(&s.network), UINT64_MAX);
		buf_fini(&got);
		stop(&s);
	}
	for (int n = 3; n <= 6; n++)
		assert_true(counts[n] > 20);
}

static void nothing_that_a_dead_host_does_shows(void **state)
{
	struct scene *s = *state;
	struct net_address peer;
	int mine, theirs, late;
	connect_both(s, &mine, &theirs);
	late = net_connect(&s->client, &s->address, NULL);
	assert_int_equal(writes(&s->client, mine, "unread"), 6);
	network_cut(&s->network, SERVER);
	assert_int_equal(writes(&s->server, theirs, "a ghost"), 7);
	net_shutdown(&s->server, theirs);
	net_close(&s->server, theirs);
	assert_reads(&s->client, mine, "", -ECONNRESET);
	assert_reads(&s->client, late, "", -ECONNRESET);
	assert_int_equal(net_accept(&s->server, s->listener, &peer), -EAGAIN);
	assert_int_equal(network_dial(&s->network, &s->address), -ECONNREFUSED);
}

static void a_dead_host_reads_nothing(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	s->network.latency_ms = LATENCY_MS;
	connect_both(s, &mine, &theirs);
	assert_int_equal(writes(&s->client, mine, "arrived"), 7);
	pass(s, LATENCY_MS);
	assert_int_equal(writes(&s->client, mine, "on its way"), 10);
	network_cut(&s->network, SERVER);
	/* Nobody knows yet. */
	assert_int_equal(writes(&s->client, mine, "more"), 4);
	pass(s, LATENCY_MS);
	assert_reads(&s->server, theirs, "", -EAGAIN);
	assert_int_equal(ready_for(&s->server, theirs), NET_WRITE);
}

static void a_host_comes_back_while_its_dead_are_still_buried(void **state)
{
	struct scene *s = *state;
	int mine, theirs, old = s->listener;
	connect_both(s, &mine, &theirs);
	network_cut(&s->network, SERVER);
	s->listener = net_listen(&s->server, &s->address, NET_LISTEN_FIRST);
	assert_true(s->listener >= 0);
	int again, accepted;
	connect_both(s, &again, &accepted);
	net_close(&s->server, theirs);
	net_close(&s->server, old);
	assert_int_equal(writes(&s->server, accepted, "alive"), 5);
	assert_reads(&s->client, again, "alive", -EAGAIN);
}

static void what_has_ended_before_a_cut_has_ended(void **state)
{
	struct scene *s = *state;
	int mine, theirs;
	connect_both(s, &mine, &theirs);
	assert_int_equal(writes(&s->server, theirs, "bye"), 3);
	net_close(&s->server, theirs);
	network_cut(&s->network, SERVER);
	assert_reads(&s->client, mine, "bye", 0);
}

static void other_hosts_are_not_cut(void **state)
{
	struct scene *s = *state;
	int mine, theirs, test, accepted;
	struct net_address peer;
	connect_both(s, &mine, &theirs);
	test = network_dial(&s->network, &s->address);
	accepted = net_accept(&s->server, s->listener, &peer);
	network_cut(&s->network, CLIENT);
	assert_reads(&s->server, theirs, "", -ECONNRESET);
	assert_int_equal(writes(&s->server, accepted, "well"), 4);
	assert_int_equal(network_waiting(&s->network, test), 4);
}

/* The trace. */

/* Much of what can happen, in an order that is drawn too. */
static uint64_t trace_of(uint64_t seed)
{
	struct scene s;
	struct buf got;
	int mine[5], theirs[5];
	start(&s, seed, LATENCY_MS);
	buf_init(&got, SIZE_MAX / 2);
	for (int i = 0; i < 5; i++)
		connect_both(&s, &mine[i], &theirs[i]);
	s.network.chunk = 5;
	for (int n = 0; n < 200; n++) {
		int i = n % 4;
		assert_true(writes(&s.client, mine[i], "ping ping") > 0);
		assert_true(writes(&s.server, theirs[i], "pong") > 0);
		pass(&s, 1);
		(void)reads(&s.server, theirs[i], &got, 100);
		(void)reads(&s.client, mine[i], &got, 100);
	}
	net_close(&s.client, mine[0]);
	net_close(&s.server, theirs[4]);
	network_cut(&s.network, SERVER);
	uint64_t trace = s.world.trace;
	buf_fini(&got);
	stop(&s);
	return trace;
}

static void one_seed_has_one_trace(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 5; seed++) {
		assert_int_equal(trace_of(seed), trace_of(seed));
		assert_true(trace_of(seed) != trace_of(seed + 1));
	}
}

static void the_bytes_and_their_sockets_are_traced(void **state)
{
	struct scene *s = *state;
	char *text = NULL;
	size_t n = 0;
	int mine, theirs;
	s->world.print = open_memstream(&text, &n);
	assert_non_null(s->world.print);
	connect_both(s, &mine, &theirs);
	assert_int_equal(writes(&s->client, mine, "hello"), 5);
	assert_reads(&s->server, theirs, "hello", -EAGAIN);
	net_shutdown(&s->client, mine);
	assert_int_equal(writes(&s->server, theirs, "answer"), 6);
	net_close(&s->client, mine);
	net_close(&s->server, theirs);
	fclose(s->world.print);
	s->world.print = NULL;
	static const char *const lines[] = { "connect 1 5222 0 ", "accept 2 0 0 ", "write 1 0 5 hello",
		"read 2 0 5 hello", "end 1 0 0 ", "write 2 0 6 answer", "reset 1 0 0 ", "close 2 0 0 " };
	const char *at = text;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		at = strstr(at, lines[i]);
		assert_non_null(at);
	}
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_lowest_free_number_is_used_again),
		TEST(sockets_belong_to_the_host_that_opens_or_accepts_them),
		TEST(listeners_that_join_share_what_comes),
		TEST(all_that_is_ready_is_reported_in_a_drawn_order),
		TEST(what_does_not_fit_is_drawn_so_that_nobody_starves),
		TEST(what_a_socket_is_watched_for_can_be_asked),
		TEST(a_wait_moves_the_time_on_to_what_comes),
		TEST(one_that_never_sleeps_moves_nothing_on),
		TEST(without_latency_everything_is_there_at_once),
		cmocka_unit_test(bytes_come_late_and_in_order),
		cmocka_unit_test(the_end_comes_behind_the_bytes),
		TEST(what_is_written_before_the_end_is_known_leads_nowhere),
		TEST(a_socket_closed_with_input_on_its_way_resets_its_peer),
		cmocka_unit_test(connections_arrive_late_and_then_what_was_sent_with_them),
		TEST(connections_may_overtake_each_other),
		cmocka_unit_test(a_socket_that_is_connecting_does_nothing),
		TEST(who_is_refused_is_told_late_too),
		TEST(port_9_never_answers),
		TEST(what_the_test_sends_stays_behind_what_is_on_its_way),
		TEST(chunks_are_short_and_lose_nothing),
		TEST(a_writer_waits_for_room),
		cmocka_unit_test(a_cut_gives_a_prefix_and_a_reset),
		TEST(nothing_that_a_dead_host_does_shows),
		TEST(a_dead_host_reads_nothing),
		TEST(a_host_comes_back_while_its_dead_are_still_buried),
		TEST(what_has_ended_before_a_cut_has_ended),
		TEST(other_hosts_are_not_cut),
		cmocka_unit_test(one_seed_has_one_trace),
		TEST(the_bytes_and_their_sockets_are_traced),
	};
	return cmocka_run_group_tests_name("sim/network", tests, NULL, NULL);
}
