/* Tests of the move of live TLS connections between two loops, each driven by a thread of its own, with data under way
 * in both directions: real sockets, real threads (run under ThreadSanitizer, too). The clock stands still. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/net/listen.h"
#include "lib/net/sysnet.h"
#include "tests/unit/net/tlskit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 8
#define CLIENT_BYTES 1200000
/* What a client has under way at most. */
#define AHEAD_BYTES 30000
/* A connection moves when it has received so much since its last move. */
#define MOVE_BYTES 20000

static uint64_t still_ms(void *ctx)
{
	(void)ctx;
	return 1000;
}

static int64_t still_wall_ms(void *ctx)
{
	(void)ctx;
	return 1700000000000;
}

static const struct clock still = { .mono_ms = still_ms, .wall_ms = still_wall_ms };

/* An echoing server's side of a connection: owned by the worker it is on. */
struct session {
	struct worker *worker;
	struct session *next; /* in an inbox */
	struct conn_parts parts;
	slab_handle c;
	size_t since_move;
	bool leaves;
};

struct worker {
	struct sysnet sysnet;
	struct net net;
	struct loop *loop;
	struct conns *conns;
	struct loop_hook inbox_hook, end_hook;
	struct worker *other;
	pthread_mutex_t lock; /* guards inbox and stops */
	struct session *inbox;
	bool stops;
	bool stopped; /* the thread's own */
	struct session *leaving[CLIENTS];
	size_t leaving_count;
	unsigned arrivals;
	struct tls_context *tls; /* the first one's, for new connections */
	struct listeners *listeners;
	slab_handle listener;
	pthread_t thread;
};

static size_t on_session_data(void *owner, slab_handle c, struct str data)
{
	struct session *s = owner;
	struct worker *w = s->worker;
	/* Some is left for the worker it goes to. */
	size_t take = s->since_move + data.n >= MOVE_BYTES && data.n > 10 ? data.n - 10 : data.n;
	assert_always(conn_write(w->conns, c, str_first(data, take)));
	s->since_move += take;
	if (s->since_move >= MOVE_BYTES && !s->leaves) {
		s->leaves = true;
		conn_pause(w->conns, c);
		w->leaving[w->leaving_count++] = s;
	} else if (take < data.n) {
		conn_resume(w->conns, c);
	}
	return take;
}

static void on_session_closed(void *owner, slab_handle c, const struct conn_end *end)
{
	(void)c;
	(void)end;
	struct session *s = owner;
	/* One that leaves is let go by on_end. */
	s->c = 0;
	if (!s->leaves)
		mem_free(s);
}

static const struct conn_ops session_ops = { .on_data = on_session_data, .on_closed = on_session_closed };

static void post(struct worker *w, struct session *s)
{
	pthread_mutex_lock(&w->lock);
	s->next = w->inbox;
	w->inbox = s;
	pthread_mutex_unlock(&w->lock);
	loop_wake(w->loop);
}

static void on_inbox(void *ctx)
{
	struct worker *w = ctx;
	pthread_mutex_lock(&w->lock);
	struct session *s = w->inbox;
	w->inbox = NULL;
	w->stopped = w->stops;
	pthread_mutex_unlock(&w->lock);
	while (s) {
		struct session *next = s->next;
		s->worker = w;
		s->since_move = 0;
		s->leaves = false;
		w->arrivals++;
		assert_always(conn_attach(w->conns, &s->parts, &session_ops, s, &s->c) == 0);
		s = next;
	}
}

static void on_end(void *ctx)
{
	struct worker *w = ctx;
	for (size_t i = 0; i < w->leaving_count; i++) {
		struct session *s = w->leaving[i];
		if (conn_detach(w->conns, s->c, &s->parts)) {
			post(w->other, s);
		} else if (s->c) {
			s->leaves = false;
		} else {
			mem_free(s);
		}
	}
	w->leaving_count = 0;
}

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	(void)peer;
	struct worker *w = ctx;
	struct session *s = mem_zalloc(sizeof(*s));
	s->worker = w;
	assert_always(conn_accept(w->conns, socket, &session_ops, s, &s->c) == 0);
	struct tls_use use = { .context = w->tls };
	conn_start_tls(w->conns, s->c, &use);
}

static void *drive(void *ctx)
{
	struct worker *w = ctx;
	while (!w->stopped)
		loop_turn(w->loop, 60000);
	return NULL;
}

static void start_worker(struct worker *w, struct worker *other)
{
	*w = (struct worker){ .other = other };
	assert_int_equal(sysnet_init(&w->sysnet), 0);
	w->net = sysnet_net(&w->sysnet);
	w->loop = loop_new(&w->net, &still);
	w->conns = conns_new(w->loop, &conn_limits_default);
	w->listeners = listeners_new(w->loop);
	w->inbox_hook = (struct loop_hook){ .run = on_inbox, .ctx = w };
	w->end_hook = (struct loop_hook){ .run = on_end, .ctx = w };
	loop_add_hook(w->loop, LOOP_INBOX, &w->inbox_hook);
	loop_add_hook(w->loop, LOOP_END, &w->end_hook);
	pthread_mutex_init(&w->lock, NULL);
}

static void stop_worker(struct worker *w)
{
	listeners_free(&w->listeners);
	loop_remove_hook(&w->inbox_hook);
	loop_remove_hook(&w->end_hook);
	conns_free(&w->conns);
	loop_free(&w->loop);
	sysnet_fini(&w->sysnet);
	pthread_mutex_destroy(&w->lock);
}

struct client {
	struct conns *conns;
	slab_handle c;
	size_t sent, received;
	bool closed;
};

static char byte_at(size_t i)
{
	return (char)(i * 2654435761u >> 15);
}

static void say_more(struct client *c)
{
	char bytes[3000];
	while (c->sent < CLIENT_BYTES && c->sent - c->received < AHEAD_BYTES) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = byte_at(c->sent + i);
		assert_true(conn_write(c->conns, c->c, str_make(bytes, sizeof(bytes))));
		c->sent += sizeof(bytes);
	}
}

static size_t on_client_data(void *owner, slab_handle h, struct str data)
{
	(void)h;
	struct client *c = owner;
	for (size_t i = 0; i < data.n; i++)
		if (data.p[i] != byte_at(c->received + i))
			fail_msg("byte %zu differs", c->received + i);
	c->received += data.n;
	say_more(c);
	if (c->received >= CLIENT_BYTES && c->received == c->sent)
		conn_close(c->conns, c->c);
	return data.n;
}

static void on_client_tls(void *owner, slab_handle h)
{
	(void)h;
	say_more(owner);
}

static void on_client_closed(void *owner, slab_handle h, const struct conn_end *end)
{
	(void)h;
	struct client *c = owner;
	c->closed = true;
	if (end->reason != CONN_CLOSED)
		fail_msg("%s", end->text);
}

static const struct conn_ops client_ops = {
	.on_data = on_client_data, .on_tls = on_client_tls, .on_closed = on_client_closed
};

static bool has_work(const struct worker *w)
{
	return conns_count(w->conns) || w->inbox;
}

static void live_tls_connections_move_between_two_threads(void **state)
{
	(void)state;
	static struct worker workers[2];
	struct kit kit;
	kit_init(&kit);
	start_worker(&workers[0], &workers[1]);
	start_worker(&workers[1], &workers[0]);
	workers[0].tls = kit_server(&kit, &still, "im.example");
	struct tls_context *trust = kit_client(&kit, &still, kit.certificate);
	struct net_address a;
	assert_true(net_address_parse(STR("127.0.0.1:0"), &a));
	assert_int_equal(
		listener_open(workers[0].listeners, &a, NET_LISTEN_FIRST, on_accept, &workers[0], &workers[0].listener),
		0);
	assert_int_equal(listener_address(workers[0].listeners, workers[0].listener, &a), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, drive, &workers[i]), 0);

	struct sysnet sysnet;
	assert_int_equal(sysnet_init(&sysnet), 0);
	struct net net = sysnet_net(&sysnet);
	struct loop *loop = loop_new(&net, &still);
	struct conns *conns = conns_new(loop, &conn_limits_default);
	struct client clients[CLIENTS] = { 0 };
	for (int i = 0; i < CLIENTS; i++) {
		struct tls_use use = { .context = trust, .host = "im.example" };
		clients[i].conns = conns;
		assert_int_equal(conn_connect(conns, &a, NULL, &client_ops, &clients[i], &clients[i].c), 0);
		conn_start_tls(conns, clients[i].c, &use);
	}
	for (int i = 0; i < CLIENTS; i++) {
		while (!clients[i].closed)
			loop_turn(loop, 60000);
		assert_int_equal(clients[i].received, clients[i].sent);
	}

	for (int i = 0; i < 2; i++) {
		pthread_mutex_lock(&workers[i].lock);
		workers[i].stops = true;
		pthread_mutex_unlock(&workers[i].lock);
		loop_wake(workers[i].loop);
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	}
	print_message("moves: %u there, %u back\n", workers[1].arrivals, workers[0].arrivals);
	assert_true(workers[0].arrivals > CLIENTS && workers[1].arrivals > CLIENTS);
	conns_free(&conns);
	loop_free(&loop);
	sysnet_fini(&sysnet);
	/* The clients have closed: their sessions will be told, perhaps after one more move. */
	while (has_work(&workers[0]) || has_work(&workers[1])) {
		loop_turn(workers[0].loop, 1);
		loop_turn(workers[1].loop, 1);
	}
	tls_context_unref(&trust);
	tls_context_unref(&workers[0].tls);
	stop_worker(&workers[0]);
	stop_worker(&workers[1]);
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_tls_connections_move_between_two_threads),
	};
	return cmocka_run_group_tests_name("net/conn_move", tests, NULL, NULL);
}
