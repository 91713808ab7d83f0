/* A network in memory. Sockets are indexes; a stream's bytes wait in the `in` of the socket they go to. As with TCP, a
 * socket that is closed with unread input resets its peer, and a reset destroys what the peer has not read. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/fakenet.h"

#include <errno.h>
#include <string.h>

static uint64_t mono_ms(void *ctx)
{
	const struct fake_world *w = ctx;
	return w->now_ms;
}

static int64_t wall_ms(void *ctx)
{
	const struct fake_world *w = ctx;
	return (int64_t)w->now_ms + w->wall_offset_ms;
}

void fake_init(struct fake_world *w, uint64_t seed)
{
	*w = (struct fake_world){ .now_ms = 1000000, .wall_offset_ms = 1700000000000, .capacity = 65536 };
	w->clock = (struct clock){ mono_ms, wall_ms, w };
	random_seeded_init(&w->seed, seed);
	w->random = random_seeded_source(&w->seed);
}

void fake_fini(struct fake_world *w)
{
	assert_int_equal(fake_open_count(w), 0);
	for (int i = 0; i < FAKE_SOCKETS_MAX; i++)
		buf_fini(&w->sockets[i].in);
}

size_t fake_open_count(const struct fake_world *w)
{
	size_t n = 0;
	for (int i = 0; i < FAKE_SOCKETS_MAX; i++)
		n += w->sockets[i].used;
	return n;
}

struct net_address fake_address(uint16_t port)
{
	struct net_address a;
	assert_true(net_address_make(STR("127.0.0.1"), port, &a));
	return a;
}

static struct fake_socket *get(struct fake_world *w, int socket)
{
	assert_in_range(socket, 0, FAKE_SOCKETS_MAX - 1);
	assert_true(w->sockets[socket].used);
	return &w->sockets[socket];
}

static int add(struct fake_world *w)
{
	for (int i = 0; i < FAKE_SOCKETS_MAX; i++) {
		struct fake_socket *s = &w->sockets[i];
		if (s->used)
			continue;
		*s = (struct fake_socket){ .used = true, .peer = -1 };
		buf_init(&s->in, SIZE_MAX / 2);
		return i;
	}
	return -EMFILE;
}

void fake_pair(struct fake_world *w, int *a_r, int *b_r)
{
	*a_r = add(w);
	*b_r = add(w);
	get(w, *a_r)->peer = *b_r;
	get(w, *b_r)->peer = *a_r;
	get(w, *a_r)->address = fake_address(40000);
}

int fake_dial(struct fake_world *w, const struct net_address *to)
{
	for (int i = 0; i < FAKE_SOCKETS_MAX; i++) {
		struct fake_socket *l = &w->sockets[i];
		if (!l->used || !l->listening || !net_address_eq(&l->address, to))
			continue;
		int mine, theirs;
		fake_pair(w, &mine, &theirs);
		l->waiting[l->waiting_count++] = theirs;
		return mine;
	}
	return -ECONNREFUSED;
}

static size_t drawn(struct fake_world *w, size_t n)
{
	if (w->chunk == 0 || n == 0)
		return n;
	size_t part = 1 + (size_t)random_below(&w->random, w->chunk);
	return part < n ? part : n;
}

void fake_send(struct fake_world *w, int socket, struct str data)
{
	const struct fake_socket *s = get(w, socket);
	if (s->peer >= 0)
		buf_add(&get(w, s->peer)->in, data);
}

void fake_receive(struct fake_world *w, int socket, struct buf *b, size_t max)
{
	struct fake_socket *s = get(w, socket);
	struct str data = str_first(buf_str(&s->in), max);
	if (b)
		buf_add(b, data);
	buf_consume(&s->in, data.n);
}

bool fake_peer_has_ended(const struct fake_world *w, int socket)
{
	return w->sockets[socket].peer_ended;
}

bool fake_is_reset(const struct fake_world *w, int socket)
{
	return w->sockets[socket].reset;
}

void fake_end(struct fake_world *w, int socket)
{
	struct fake_socket *s = get(w, socket);
	s->ended = true;
	if (s->peer >= 0)
		get(w, s->peer)->peer_ended = true;
}

void fake_reset(struct fake_world *w, int socket)
{
	struct fake_socket *s = get(w, socket);
	if (s->peer >= 0) {
		struct fake_socket *p = get(w, s->peer);
		p->reset = true;
		p->peer = -1;
		buf_clear(&p->in);
	}
	buf_fini(&s->in);
	s->used = false;
}

void fake_close(struct fake_world *w, int socket)
{
	struct fake_socket *s = get(w, socket);
	if (buf_len(&s->in)) {
		fake_reset(w, socket);
		return;
	}
	fake_end(w, socket);
	if (s->peer >= 0)
		get(w, s->peer)->peer = -1;
	for (size_t i = 0; i < s->waiting_count; i++)
		fake_close(w, s->waiting[i]);
	buf_fini(&s->in);
	s->used = false;
}

static int op_listen(void *ctx, const struct net_address *a, enum net_listen how)
{
	struct fake_world *w = ((struct fake_net *)ctx)->world;
	for (int i = 0; i < FAKE_SOCKETS_MAX; i++) {
		const struct fake_socket *l = &w->sockets[i];
		if (l->used && l->listening && net_address_eq(&l->address, a) && how == NET_LISTEN_FIRST)
			return -EADDRINUSE;
	}
	int socket = add(w);
	if (socket >= 0) {
		get(w, socket)->listening = true;
		get(w, socket)->address = *a;
	}
	return socket;
}

static int op_accept(void *ctx, int listener, struct net_address *peer_r)
{
	struct fake_world *w = ((struct fake_net *)ctx)->world;
	struct fake_socket *l = get(w, listener);
	assert_true(l->listening);
	if (l->waiting_count == 0)
		return -EAGAIN;
	if (w->accept_error && w->accept_error != -EMFILE && w->accept_error != -ECONNABORTED)
		return w->accept_error;
	int socket = l->waiting[0];
	l->waiting_count--;
	memmove(l->waiting, l->waiting + 1, l->waiting_count * sizeof(l->waiting[0]));
	if (w->accept_error) {
		fake_close(w, socket);
		return w->accept_error;
	}
	*peer_r = fake_address(40000);
	return socket;
}

static int op_connect(void *ctx, const struct net_address *to, const struct net_address *from)
{
	struct fake_world *w = ((struct fake_net *)ctx)->world;
	/* Port 9 swallows connections. */
	int socket = to->port == 9 ? add(w) : fake_dial(w, to);
	if (socket == -ECONNREFUSED) {
		socket = add(w);
		get(w, socket)->connect_error = -ECONNREFUSED;
	} else if (to->port == 9) {
		get(w, socket)->connect_error = 1;
	}
	if (from)
		get(w, socket)->address = *from;
	return socket;
}

static int op_connect_result(void *ctx, int socket)
{
	return get(((struct fake_net *)ctx)->world, socket)->connect_error;
}

static ptrdiff_t op_read(void *ctx, int socket, void *p, size_t n)
{
	struct fake_world *w = ((struct fake_net *)ctx)->world;
	struct fake_socket *s = get(w, socket);
	w->reads++;
	if (s->reset)
		return -ECONNRESET;
	struct str data = str_first(buf_str(&s->in), drawn(w, n));
	if (data.n == 0)
		return s->peer_ended ? 0 : -EAGAIN;
	memcpy(p, data.p, data.n);
	buf_consume(&s->in, data.n);
	return (ptrdiff_t)data.n;
}

static ptrdiff_t op_write(void *ctx, int socket, const struct str *parts, size_t count)
{
	struct fake_world *w = ((struct fake_net *)ctx)->world;
	struct fake_socket *s = get(w, socket);
	w->writes++;
	assert_false(s->ended);
	if (s->reset)
		return -ECONNRESET;
	if (s->peer < 0)
		return -EPIPE;
	struct buf *in = &get(w, s->peer)->in;
	size_t room = buf_len(in) < w->capacity && !w->spurious ? drawn(w, w->capacity - buf_len(in)) : 0;
	size_t written = 0, total = 0;
	for (size_t i = 0; i < count; i++) {
		struct str part = str_first(parts[i], room - written);
		buf_add(in, part);
		written += part.n;
		total += parts[i].n;
	}
	assert_true(total > 0);
	return written ? (ptrdiff_t)written : -EAGAIN;
}

static void op_shutdown(void *ctx, int socket)
{
	fake_end(((struct fake_net *)ctx)->world, socket);
}

static void op_close(void *ctx, int socket)
{
	fake_close(((struct fake_net *)ctx)->world, socket);
}

static int op_watch(void *ctx, int socket, unsigned was, unsigned interest, uint64_t token)
{
	struct fake_net *n = ctx;
	struct fake_socket *s = get(n->world, socket);
	n->world->watches++;
	assert_int_equal(s->interest, was);
	assert_true(was == 0 || s->watcher == n);
	s->watcher = n;
	s->interest = interest;
	s->token = token;
	return 0;
}

static unsigned readiness(struct fake_world *w, const struct fake_socket *s)
{
	if (s->listening)
		return s->waiting_count ? NET_READ : 0;
	if (s->connect_error == 1)
		return 0;
	if (s->reset || s->connect_error || s->peer < 0)
		return NET_READ | NET_WRITE;
	unsigned ready = buf_len(&s->in) || s->peer_ended ? NET_READ : 0;
	if (buf_len(&get(w, s->peer)->in) < w->capacity)
		ready |= NET_WRITE;
	return ready;
}

static int op_wait(void *ctx, int timeout_ms, struct net_event *events, size_t max)
{
	struct fake_net *n = ctx;
	struct fake_world *w = n->world;
	w->waits++;
	size_t count = 0;
	for (int i = 0; i < FAKE_SOCKETS_MAX; i++) {
		const struct fake_socket *s = &w->sockets[i];
		if (!s->used || s->watcher != n)
			continue;
		unsigned ready = readiness(w, s) & s->interest;
		if (ready && count < max)
			events[count++] = (struct net_event){ s->token, ready };
	}
	for (size_t i = count; i > 1; i--) {
		size_t j = (size_t)random_below(&w->random, i);
		struct net_event e = events[i - 1];
		events[i - 1] = events[j];
		events[j] = e;
	}
	if (count == 0 && !n->woken) {
		assert_true(timeout_ms >= 0);
		w->now_ms += (uint64_t)timeout_ms;
	}
	n->woken = false;
	return (int)count;
}

static void op_wake(void *ctx)
{
	((struct fake_net *)ctx)->woken = true;
}

static int op_local_address(void *ctx, int socket, struct net_address *a_r)
{
	*a_r = get(((struct fake_net *)ctx)->world, socket)->address;
	return 0;
}

static int op_peer_address(void *ctx, int socket, struct net_address *a_r)
{
	struct fake_world *w = ((struct fake_net *)ctx)->world;
	int peer = get(w, socket)->peer;
	if (peer < 0)
		return -ENOTCONN;
	*a_r = get(w, peer)->address;
	return 0;
}

static int op_peer_credentials(void *ctx, int socket, struct net_credentials *c_r)
{
	(void)ctx;
	(void)socket;
	*c_r = (struct net_credentials){ .uid = 7 };
	return 0;
}

static const struct net_ops fake_ops = {
	.listen = op_listen,
	.accept = op_accept,
	.connect = op_connect,
	.connect_result = op_connect_result,
	.read = op_read,
	.write = op_write,
	.shutdown = op_shutdown,
	.close = op_close,
	.watch = op_watch,
	.wait = op_wait,
	.wake = op_wake,
	.local_address = op_local_address,
	.peer_address = op_peer_address,
	.peer_credentials = op_peer_credentials,
};

struct net fake_net(struct fake_net *n, struct fake_world *w)
{
	*n = (struct fake_net){ .world = w };
	return (struct net){ &fake_ops, n };
}
