/* What a loop asks of a network in memory. */
#include "tests/sim/network_socket.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <string.h>

static struct network *network_of(void *ctx)
{
	return ((struct sim_net *)ctx)->network;
}

static size_t draw_part(struct network *n, size_t bytes)
{
	if (n->chunk == 0 || bytes == 0)
		return bytes;
	size_t part = 1 + (size_t)world_below(n->world, n->chunk);
	return part < bytes ? part : bytes;
}

static int op_listen(void *ctx, const struct net_address *a, enum net_listen how)
{
	struct network *n = network_of(ctx);
	if (how == NET_LISTEN_FIRST && network_find_listener(n, a))
		return -EADDRINUSE;
	struct sim_socket *s = network_add(n, ((struct sim_net *)ctx)->host);
	s->listening = true;
	s->address = *a;
	return s->number;
}

/* The first that has arrived, or NULL. */
static struct sim_socket *first_waiting(const struct network *n, const struct sim_socket *listener)
{
	if (listener->dead || list_is_empty(&listener->waiting))
		return NULL;
	struct sim_socket *s = CONTAINER_OF(listener->waiting.next, struct sim_socket, waiting_link);
	return s->connected_ms <= n->world->now_ms ? s : NULL;
}

static int op_accept(void *ctx, int listener, struct net_address *peer_r)
{
	struct network *n = network_of(ctx);
	struct sim_socket *l = network_get(n, listener);
	assert_always(l->listening);
	struct sim_socket *s = first_waiting(n, l);
	if (!s)
		return -EAGAIN;
	if (n->accept_error && n->accept_error != -EMFILE && n->accept_error != -ECONNABORTED)
		return n->accept_error;
	list_remove(&s->waiting_link);
	if (n->accept_error) {
		network_hang_up(n, s, 0);
		return n->accept_error;
	}
	*peer_r = s->peer_address;
	network_trace(n, "accept", s, (uint64_t)listener, STR(""));
	return s->number;
}

static int op_connect(void *ctx, const struct net_address *to, const struct net_address *from)
{
	struct sim_net *net = ctx;
	struct net_address any = network_address(CLIENT_PORT);
	return network_connect(net->network, to, from ? from : &any, net->host)->number;
}

static int op_connect_result(void *ctx, int socket)
{
	return network_get(network_of(ctx), socket)->connect_error;
}

static bool is_connected(const struct network *n, const struct sim_socket *s)
{
	return s->connected_ms <= n->world->now_ms;
}

static ptrdiff_t op_read(void *ctx, int socket, void *p, size_t bytes)
{
	struct network *n = network_of(ctx);
	struct sim_socket *s = network_get(n, socket);
	n->reads++;
	if (s->reset && buf_len(&s->in) == 0)
		return -ECONNRESET;
	struct str data = str_first(buf_str(&s->in), draw_part(n, bytes));
	if (data.n == 0 && !s->peer_ended)
		return -EAGAIN;
	network_trace(n, "read", s, 0, data);
	if (data.n)
		memcpy(p, data.p, data.n);
	buf_consume(&s->in, data.n);
	return (ptrdiff_t)data.n;
}

/* Has the peer gone, without the socket knowing it? What is written then leads nowhere. */
static bool is_unheard(const struct sim_socket *s)
{
	return s->dead || (s->peer < 0 && !list_is_empty(&s->air));
}

/* What a write may take; or what it fails with. */
static ptrdiff_t room_of(struct network *n, const struct sim_socket *s)
{
	if (is_unheard(s))
		return PTRDIFF_MAX;
	if (s->reset)
		return -ECONNRESET;
	if (!is_connected(n, s))
		return -EAGAIN;
	const struct sim_socket *p = network_peer(n, s);
	if (!p)
		return -EPIPE;
	if (network_unread(p) >= n->capacity || n->spurious)
		return -EAGAIN;
	return (ptrdiff_t)draw_part(n, n->capacity - network_unread(p));
}

static ptrdiff_t op_write(void *ctx, int socket, const struct str *parts, size_t count)
{
	struct network *n = network_of(ctx);
	struct sim_socket *s = network_get(n, socket);
	struct buf bytes;
	n->writes++;
	assert_always(!s->ended);
	ptrdiff_t room = room_of(n, s);
	if (room < 0)
		return room;
	buf_init(&bytes, SIZE_MAX / 2);
	for (size_t i = 0; i < count; i++)
		buf_add(&bytes, str_first(parts[i], (size_t)room - buf_len(&bytes)));
	ptrdiff_t written = (ptrdiff_t)buf_len(&bytes);
	assert_always(written > 0);
	network_put(n, s, buf_str(&bytes), network_delay(n));
	buf_fini(&bytes);
	return written;
}

static void op_shutdown(void *ctx, int socket)
{
	struct network *n = network_of(ctx);
	struct sim_socket *s = network_get(n, socket);
	network_trace(n, "end", s, 0, STR(""));
	network_finish(n, s, network_delay(n));
}

static void op_close(void *ctx, int socket)
{
	struct network *n = network_of(ctx);
	network_hang_up(n, network_get(n, socket), network_delay(n));
}

static int op_watch(void *ctx, int socket, unsigned was, unsigned interest, uint64_t token)
{
	struct sim_net *net = ctx;
	struct sim_socket *s = network_get(net->network, socket);
	net->network->watches++;
	assert_always(s->interest == was);
	assert_always(was == 0 || s->watcher == net);
	if (was == 0 && interest)
		list_add_last(&net->watched, &s->watched_link);
	if (interest == 0)
		list_remove(&s->watched_link);
	s->watcher = net;
	s->interest = interest;
	s->token = token;
	return 0;
}

static unsigned readiness(const struct network *n, const struct sim_socket *s)
{
	if (s->listening)
		return first_waiting(n, s) ? NET_READ : 0;
	if (!is_connected(n, s))
		return 0;
	if (is_unheard(s))
		return NET_WRITE | (buf_len(&s->in) || s->peer_ended ? NET_READ : 0);
	if (s->reset || s->peer < 0)
		return NET_READ | NET_WRITE;
	unsigned ready = buf_len(&s->in) || s->peer_ended ? NET_READ : 0;
	if (network_unread(network_peer(n, s)) < n->capacity)
		ready |= NET_WRITE;
	return ready;
}

/* All that is ready, in a drawn order; if that is too much, a drawn choice of it. */
static size_t collect(struct sim_net *net, struct net_event *events, size_t max)
{
	struct network *n = net->network;
	size_t count = 0;
	LIST_FOR_EACH (link, &net->watched) {
		struct sim_socket *s = CONTAINER_OF(link, struct sim_socket, watched_link);
		network_settle(n, s);
		unsigned ready = readiness(n, s) & s->interest;
		if (ready == 0)
			continue;
		size_t at = count ? (size_t)world_below(n->world, count + 1) : 0;
		if (at < count && count < max)
			events[count] = events[at];
		count++;
		if (at < max)
			events[at] = (struct net_event){ s->token, ready };
	}
	return count < max ? count : max;
}

/* Until something arrives, or the wait ends. */
static void sleep_for(struct network *n, uint64_t ms)
{
	uint64_t until = n->world->now_ms + ms, next = network_next_ms(n);
	n->world->now_ms = next < until ? next : until;
}

static int op_wait(void *ctx, int timeout_ms, struct net_event *events, size_t max)
{
	struct sim_net *net = ctx;
	net->network->waits++;
	size_t count = collect(net, events, max);
	if (count == 0 && !net->woken && !net->never_sleeps) {
		assert_always(timeout_ms >= 0);
		sleep_for(net->network, (uint64_t)timeout_ms);
		count = collect(net, events, max);
	}
	net->woken = false;
	return (int)count;
}

static void op_wake(void *ctx)
{
	((struct sim_net *)ctx)->woken = true;
}

static int op_local_address(void *ctx, int socket, struct net_address *a_r)
{
	*a_r = network_get(network_of(ctx), socket)->address;
	return 0;
}

static int op_peer_address(void *ctx, int socket, struct net_address *a_r)
{
	const struct network *n = network_of(ctx);
	const struct sim_socket *p = network_peer(n, network_get(n, socket));
	if (!p)
		return -ENOTCONN;
	*a_r = p->address;
	return 0;
}

static int op_peer_credentials(void *ctx, int socket, struct net_credentials *c_r)
{
	(void)ctx;
	(void)socket;
	*c_r = (struct net_credentials){ .uid = 7 };
	return 0;
}

static const struct net_ops ops = {
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

struct net sim_net_init(struct sim_net *net, struct network *n, unsigned host)
{
	*net = (struct sim_net){ .network = n, .host = host };
	list_init(&net->watched);
	return (struct net){ &ops, net };
}
