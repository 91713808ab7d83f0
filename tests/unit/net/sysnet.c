/* Tests of lib/net/sysnet.c, and of listeners and connections on it: real sockets of this machine, on ports the system
 * chooses. The loops' clock stands still; whatever happens here happens because a socket is ready. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/net/conn.h"
#include "lib/net/listen.h"
#include "lib/net/sysnet.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY 1000

static uint64_t still_ms(void *ctx)
{
	(void)ctx;
	return 1000;
}

static int64_t still_wall_ms(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct clock still = { .mono_ms = still_ms, .wall_ms = still_wall_ms };

/* A server that echoes and clients that compare, all on one loop. */
struct scene {
	struct sysnet sysnet;
	struct net net;
	struct loop *loop;
	struct conns *conns;
	struct listeners *listeners;
	slab_handle listener;
	struct net_address address;
	char folder[64];
	unsigned accepted, connected, closed;
	struct conn_end last_end;
	struct buf echoed;
	slab_handle server; /* the one accepted last */
	bool holds; /* the server takes connections and nothing else */
};

static size_t on_server_data(void *owner, slab_handle c, struct str data)
{
	struct scene *s = owner;
	assert_true(conn_write(s->conns, c, data));
	return data.n;
}

static void on_closed(void *owner, slab_handle c, const struct conn_end *end)
{
	(void)c;
	struct scene *s = owner;
	s->closed++;
	s->last_end = *end;
}

static const struct conn_ops server_ops = { .on_data = on_server_data, .on_closed = on_closed };

static void on_connected(void *owner, slab_handle c)
{
	(void)c;
	struct scene *s = owner;
	s->connected++;
}

static size_t on_client_data(void *owner, slab_handle c, struct str data)
{
	(void)c;
	struct scene *s = owner;
	buf_add(&s->echoed, data);
	return data.n;
}

static const struct conn_ops client_ops = {
	.on_connected = on_connected, .on_data = on_client_data, .on_closed = on_closed
};

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	struct scene *s = ctx;
	(void)peer;
	s->accepted++;
	assert_int_equal(conn_accept(s->conns, socket, &server_ops, s, &s->server), 0);
	if (s->holds)
		conn_pause(s->conns, s->server);
}

static int set_up(void **state)
{
	static struct scene scene;
	scene = (struct scene){ 0 };
	*state = &scene;
	snprintf(scene.folder, sizeof(scene.folder), "/tmp/linnet-net-XXXXXX");
	assert_non_null(mkdtemp(scene.folder));
	assert_int_equal(sysnet_init(&scene.sysnet), 0);
	scene.net = sysnet_net(&scene.sysnet);
	scene.loop = loop_new(&scene.net, &still);
	scene.conns = conns_new(scene.loop, &conn_limits_default);
	scene.listeners = listeners_new(scene.loop);
	buf_init(&scene.echoed, SIZE_MAX / 2);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	listeners_free(&s->listeners);
	conns_free(&s->conns);
	loop_free(&s->loop);
	sysnet_fini(&s->sysnet);
	buf_fini(&s->echoed);
	assert_int_equal(rmdir(s->folder), 0);
	return 0;
}

static void start_listening(struct scene *s, const char *address)
{
	struct net_address a;
	assert_true(net_address_parse(str_from_c(address), &a));
	assert_int_equal(listener_open(s->listeners, &a, NET_LISTEN_FIRST, on_accept, s, &s->listener), 0);
	assert_int_equal(listener_address(s->listeners, s->listener, &s->address), 0);
}

static slab_handle dial(struct scene *s)
{
	slab_handle c;
	assert_int_equal(conn_connect(s->conns, &s->address, NULL, &client_ops, s, &c), 0);
	return c;
}

static void run_until_echoed(struct scene *s, size_t bytes)
{
	while (buf_len(&s->echoed) < bytes)
		loop_turn(s->loop, 10000);
}

static void assert_echo(struct scene *s)
{
	slab_handle c = dial(s);
	assert_true(conn_write(s->conns, c, STR("hello")));
	run_until_echoed(s, 5);
	assert_true(str_eq(buf_str(&s->echoed), STR("hello")));
	assert_int_equal(s->accepted, 1);
	assert_int_equal(s->connected, 1);
	struct net_address a, b;
	assert_int_equal(conn_local_address(s->conns, c, &a), 0);
	assert_int_equal(conn_peer_address(s->conns, s->server, &b), 0);
	assert_true(net_address_eq(&a, &b));
	conn_close(s->conns, c);
	while (s->closed < 2)
		loop_turn(s->loop, 10000);
	assert_int_equal(conns_count(s->conns), 0);
}

static void ipv4_echo(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	assert_int_not_equal(s->address.port, 0);
	assert_echo(s);
}

static void ipv6_echo(void **state)
{
	struct scene *s = *state;
	struct net_address a;
	assert_true(net_address_parse(STR("[::1]:0"), &a));
	int probe = net_listen(&s->net, &a, NET_LISTEN_FIRST);
	if (probe == -EADDRNOTAVAIL || probe == -EAFNOSUPPORT)
		skip();
	assert_true(probe >= 0);
	net_close(&s->net, probe);
	start_listening(s, "[::1]:0");
	assert_echo(s);
}

static void unix_path(const struct scene *s, char *text, size_t n)
{
	snprintf(text, n, "unix:%s/admin.sock", s->folder);
}

static void unix_socket_is_its_users_and_knows_its_peer(void **state)
{
	struct scene *s = *state;
	char text[128];
	unix_path(s, text, sizeof(text));
	start_listening(s, text);
	struct stat st;
	assert_int_equal(stat(text + 5, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	slab_handle c = dial(s);
	assert_true(conn_write(s->conns, c, STR("hello")));
	run_until_echoed(s, 5);
	struct net_credentials who;
	assert_int_equal(conn_peer_credentials(s->conns, s->server, &who), 0);
	assert_int_equal(who.uid, geteuid());
	assert_int_equal(who.gid, getegid());
	assert_int_equal(who.pid, getpid());
	assert_int_equal(unlink(text + 5), 0);
}

static void credentials_are_for_unix_sockets(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	slab_handle c = dial(s);
	struct net_credentials who;
	assert_int_equal(conn_peer_credentials(s->conns, c, &who), -ENOTSUP);
}

static void unix_socket_of_the_dead_is_replaced_and_of_the_living_is_not(void **state)
{
	struct scene *s = *state;
	char text[128];
	struct net_address a;
	unix_path(s, text, sizeof(text));
	assert_true(net_address_parse(str_from_c(text), &a));
	int first = net_listen(&s->net, &a, NET_LISTEN_FIRST);
	assert_true(first >= 0);
	assert_int_equal(net_listen(&s->net, &a, NET_LISTEN_FIRST), -EADDRINUSE);
	net_close(&s->net, first);
	int second = net_listen(&s->net, &a, NET_LISTEN_FIRST);
	assert_true(second >= 0);
	net_close(&s->net, second);
	assert_int_equal(unlink(a.path), 0);
	/* What is no socket is nobody's to remove. */
	int fd = open(a.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(net_listen(&s->net, &a, NET_LISTEN_FIRST), -EADDRINUSE);
	assert_int_equal(unlink(a.path), 0);
}

static void busy_port_is_told_and_shared_only_with_those_who_join(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	assert_int_equal(net_listen(&s->net, &s->address, NET_LISTEN_FIRST), -EADDRINUSE);
	int joined = net_listen(&s->net, &s->address, NET_LISTEN_JOIN);
	assert_true(joined >= 0);
	assert_int_equal(net_listen(&s->net, &s->address, NET_LISTEN_FIRST), -EADDRINUSE);
	/* The first one goes; the other still has the port. */
	listener_close(s->listeners, s->listener);
	assert_int_equal(net_listen(&s->net, &s->address, NET_LISTEN_FIRST), -EADDRINUSE);
	net_close(&s->net, joined);
	/* Somebody else's, who does not share. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	s->address.port = ntohs(in.sin_port);
	assert_int_equal(net_listen(&s->net, &s->address, NET_LISTEN_JOIN), -EADDRINUSE);
	close(fd);
}

static void joined_listeners_share_what_comes_in(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	int joined = net_listen(&s->net, &s->address, NET_LISTEN_JOIN);
	assert_true(joined >= 0);
	for (int i = 0; i < 64; i++)
		dial(s);
	while (s->connected < 64)
		loop_turn(s->loop, 10000);
	unsigned elsewhere = 0;
	struct net_address peer;
	int fd;
	while ((fd = net_accept(&s->net, joined, &peer)) >= 0) {
		elsewhere++;
		net_close(&s->net, fd);
	}
	assert_int_equal(fd, -EAGAIN);
	while (s->accepted + elsewhere < 64)
		loop_turn(s->loop, 10000);
	assert_in_range(elsewhere, 1, 63);
	net_close(&s->net, joined);
}

static void address_that_is_not_ours_is_told(void **state)
{
	struct scene *s = *state;
	struct net_address a;
	assert_true(net_address_parse(STR("192.0.2.1:0"), &a));
	assert_int_equal(net_listen(&s->net, &a, NET_LISTEN_FIRST), -EADDRNOTAVAIL);
	struct net_address none = { 0 };
	assert_int_equal(net_listen(&s->net, &none, NET_LISTEN_FIRST), -EAFNOSUPPORT);
	assert_int_equal(net_connect(&s->net, &none, NULL), -EAFNOSUPPORT);
}

static void client_may_choose_its_address(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	struct net_address from, seen;
	assert_true(net_address_parse(STR("127.0.0.77:0"), &from));
	slab_handle c;
	assert_int_equal(conn_connect(s->conns, &s->address, &from, &client_ops, s, &c), 0);
	while (s->accepted == 0)
		loop_turn(s->loop, 10000);
	assert_int_equal(conn_peer_address(s->conns, s->server, &seen), 0);
	assert_memory_equal(seen.ip, from.ip, 4);
	assert_int_not_equal(seen.port, 0);
}

static void refused_connection_is_told(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	listener_close(s->listeners, s->listener);
	dial(s);
	while (s->closed == 0)
		loop_turn(s->loop, 10000);
	assert_int_equal(s->connected, 0);
	assert_int_equal(s->last_end.reason, CONN_FAILED);
	assert_int_equal(s->last_end.error, ECONNREFUSED);
}

static int raw_dial(struct scene *s)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(s->address.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static void reset_by_peer(int fd)
{
	struct linger now = { .l_onoff = 1 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

static void peer_that_resets_is_told(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	int fd = raw_dial(s);
	while (s->accepted == 0)
		loop_turn(s->loop, 10000);
	reset_by_peer(fd);
	while (s->closed == 0)
		loop_turn(s->loop, 10000);
	assert_int_equal(s->last_end.reason, CONN_FAILED);
	assert_int_equal(s->last_end.error, ECONNRESET);
}

/* No SIGPIPE, and no endless readiness while paused. */
static void peer_that_resets_a_paused_connection_is_found_when_writing(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	s->holds = true;
	int fd = raw_dial(s);
	while (s->accepted == 0)
		loop_turn(s->loop, 10000);
	loop_turn(s->loop, 0);
	reset_by_peer(fd);
	struct net_event events[8];
	assert_int_equal(net_wait(&s->net, 0, events, 8), 0);
	loop_turn(s->loop, 0);
	assert_int_equal(s->closed, 0);
	assert_true(conn_write(s->conns, s->server, STR("x")));
	while (s->closed == 0)
		loop_turn(s->loop, 10000);
	assert_int_equal(s->last_end.reason, CONN_FAILED);
	assert_true(s->last_end.error == EPIPE || s->last_end.error == ECONNRESET);
}

static void writing_to_a_peer_that_is_gone_raises_no_signal(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	s->holds = true;
	int fd = raw_dial(s);
	while (s->accepted == 0)
		loop_turn(s->loop, 10000);
	struct conn_parts parts;
	assert_true(conn_detach(s->conns, s->server, &parts));
	reset_by_peer(fd);
	struct str x = STR("x");
	assert_int_equal(net_write(&s->net, parts.socket, &x, 1), -ECONNRESET);
	assert_int_equal(net_write(&s->net, parts.socket, &x, 1), -EPIPE);
	conn_parts_discard(&parts, &s->net);
}

static void sockets_do_not_wait_for_more_and_are_closed_on_exec(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	int listener = net_listen(&s->net, &s->address, NET_LISTEN_JOIN);
	struct net_address peer;
	int client = net_connect(&s->net, &s->address, NULL), server = -EAGAIN;
	/* Whichever listener has got it. */
	while (server < 0 && s->accepted == 0) {
		loop_turn(s->loop, 1);
		server = net_accept(&s->net, listener, &peer);
		if (server == -EAGAIN && s->accepted) {
			net_close(&s->net, client);
			client = net_connect(&s->net, &s->address, NULL);
			s->accepted = 0;
		}
	}
	const int fds[] = { server, client };
	for (int i = 0; i < 2; i++) {
		int on = 0;
		socklen_t n = sizeof(on);
		assert_int_equal(getsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
		assert_int_not_equal(on, 0);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		net_close(&s->net, fds[i]);
	}
	net_close(&s->net, listener);
}

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t n = sizeof(value);
	assert_int_equal(getsockopt(fd, level, option, &value, &n), 0);
	return value;
}

/* RFC 6120, 4.6.1 and 4.6.4: at most every five minutes, and at last there is an end. */
static void lost_peers_are_looked_for_by_the_system(void **state)
{
	struct scene *s = *state;
	static const char *const addresses[] = { "127.0.0.1:0", "[::1]:0" };
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct net_address a, peer;
		assert_true(net_address_parse(str_from_c(addresses[i]), &a));
		int listener = net_listen(&s->net, &a, NET_LISTEN_FIRST);
		if (listener < 0)
			continue; /* no IPv6 here */
		assert_int_equal(net_local_address(&s->net, listener, &a), 0);
		int client = net_connect(&s->net, &a, NULL), server;
		while ((server = net_accept(&s->net, listener, &peer)) == -EAGAIN)
			(void)poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, 1000);
		assert_true(server >= 0);
		assert_int_equal(option_of(server, SOL_SOCKET, SO_KEEPALIVE), 1);
		assert_true(option_of(server, IPPROTO_TCP, TCP_KEEPIDLE) >= 300);
		assert_true(option_of(server, IPPROTO_TCP, TCP_KEEPIDLE) <= 1800);
		int silent = option_of(server, IPPROTO_TCP, TCP_KEEPINTVL) * option_of(server, IPPROTO_TCP, TCP_KEEPCNT);
		assert_int_equal(option_of(server, IPPROTO_TCP, TCP_USER_TIMEOUT), silent * 1000);
		net_close(&s->net, server);
		net_close(&s->net, client);
		net_close(&s->net, listener);
	}
}

static void *wake_later(void *ctx)
{
	struct scene *s = ctx;
	loop_wake(s->loop);
	return NULL;
}

static bool wake_is_used_up(const struct scene *s)
{
	struct pollfd p = { .fd = s->sysnet.wakeup, .events = POLLIN };
	return poll(&p, 1, 0) == 0;
}

static void other_threads_wake_it(void **state)
{
	struct scene *s = *state;
	for (int i = 0; i < 100; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, wake_later, s), 0);
		loop_turn(s->loop, 60000);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(wake_is_used_up(s));
	}
	/* Many are one. */
	for (int i = 0; i < 100; i++)
		loop_wake(s->loop);
	loop_turn(s->loop, 60000);
	assert_true(wake_is_used_up(s));
}

static void want_descriptors(rlim_t wanted)
{
	struct rlimit r;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_cur >= wanted)
		return;
	if (r.rlim_max < wanted)
		skip();
	r.rlim_cur = wanted;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
}

static void thousand_connections_echo(void **state)
{
	struct scene *s = *state;
	want_descriptors(2 * MANY + 100);
	start_listening(s, "127.0.0.1:0");
	static slab_handle clients[MANY];
	for (int i = 0; i < MANY; i++) {
		clients[i] = dial(s);
		loop_turn(s->loop, 0);
	}
	while (s->connected < MANY || s->accepted < MANY)
		loop_turn(s->loop, 10000);
	assert_int_equal(conns_count(s->conns), 2 * MANY);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < MANY; i++)
			assert_true(conn_write(s->conns, clients[i], STR("0123456789")));
		run_until_echoed(s, (size_t)round * MANY * 10);
	}
	for (int i = 0; i < MANY; i++)
		conn_close(s->conns, clients[i]);
	while (s->closed < 2 * MANY)
		loop_turn(s->loop, 10000);
	assert_int_equal(conns_count(s->conns), 0);
}

static void spinning_is_not_what_it_does_without_descriptors(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	struct rlimit before, few;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	/* The peers exist already when the limit falls to what is open. */
	int peers[20];
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		peers[i] = raw_dial(s);
	int highest = dup(0);
	close(highest);
	few = before;
	few.rlim_cur = (rlim_t)highest + 5;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 10; i++)
		loop_turn(s->loop, 0);
	assert_int_equal(s->accepted, 5);
	assert_int_equal(listeners_dropped(s->listeners), 15);
	/* Nobody waits any more: nothing is ready. */
	struct net_event events[8];
	assert_int_equal(net_wait(&s->net, 0, events, 8), 0);
	/* Those dropped see the end, those accepted are served. */
	unsigned ended = 0;
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		char c;
		ended += recv(peers[i], &c, 1, MSG_DONTWAIT) == 0;
	}
	assert_int_equal(ended, 15);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	slab_handle c = dial(s);
	assert_true(conn_write(s->conns, c, STR("again")));
	run_until_echoed(s, 5);
	assert_int_equal(s->accepted, 6);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		close(peers[i]);
}

/* security.md, Q4: what comes and goes leaves nothing behind. */
static void connecting_and_aborting_leaves_no_descriptor(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	int before = dup(0);
	close(before);
	for (unsigned i = 1; i <= 200; i++) {
		int fd = raw_dial(s);
		reset_by_peer(fd);
		while (s->closed < i)
			loop_turn(s->loop, 10000);
	}
	int after = dup(0);
	close(after);
	assert_int_equal(before, after);
	assert_int_equal(conns_count(s->conns), 0);
}

static void large_transfers_arrive_whole(void **state)
{
	struct scene *s = *state;
	start_listening(s, "127.0.0.1:0");
	slab_handle c = dial(s);
	static char bytes[500000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 11);
	for (int round = 0; round < 4; round++) {
		assert_true(conn_write(s->conns, c, str_make(bytes, sizeof(bytes))));
		run_until_echoed(s, sizeof(bytes));
		assert_memory_equal(buf_str(&s->echoed).p, bytes, sizeof(bytes));
		buf_clear(&s->echoed);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ipv4_echo),
		TEST(ipv6_echo),
		TEST(unix_socket_is_its_users_and_knows_its_peer),
		TEST(credentials_are_for_unix_sockets),
		TEST(unix_socket_of_the_dead_is_replaced_and_of_the_living_is_not),
		TEST(busy_port_is_told_and_shared_only_with_those_who_join),
		TEST(joined_listeners_share_what_comes_in),
		TEST(address_that_is_not_ours_is_told),
		TEST(client_may_choose_its_address),
		TEST(refused_connection_is_told),
		TEST(peer_that_resets_is_told),
		TEST(peer_that_resets_a_paused_connection_is_found_when_writing),
		TEST(writing_to_a_peer_that_is_gone_raises_no_signal),
		TEST(sockets_do_not_wait_for_more_and_are_closed_on_exec),
		TEST(lost_peers_are_looked_for_by_the_system),
		TEST(other_threads_wake_it),
		TEST(thousand_connections_echo),
		TEST(spinning_is_not_what_it_does_without_descriptors),
		TEST(connecting_and_aborting_leaves_no_descriptor),
		TEST(large_transfers_arrive_whole),
	};
	return cmocka_run_group_tests_name("net/sysnet", tests, NULL, NULL);
}
