/* A network in memory. What goes to a socket is in the air, in packets that may arrive from some time on, and then in
 * the socket's `in`. Nothing happens at that time: packets are taken out of the air, in their order, when somebody
 * looks at the socket. What loops ask is in network_ops.c. */
#include "tests/sim/network_socket.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define CAPACITY   65536
#define BLACK_HOLE 9 /* the port that swallows connections */

enum packet_kind { PACKET_BYTES, PACKET_END, PACKET_RESET };

struct packet {
	struct list link;
	enum packet_kind kind;
	uint64_t at_ms;
	size_t n;
	char bytes[];
};

void network_trace(struct network *n, const char *what, const struct sim_socket *s, uint64_t number, struct str bytes)
{
	world_trace(n->world, what, (uint64_t)s->number, number, bytes);
}

/* The air. */

static struct packet *first_packet(const struct sim_socket *s)
{
	return list_is_empty(&s->air) ? NULL : CONTAINER_OF(s->air.next, struct packet, link);
}

static void drop_packet(struct sim_socket *s, struct packet *p)
{
	list_remove(&p->link);
	s->air_bytes -= p->n;
	mem_free(p);
}

void network_settle(const struct network *n, struct sim_socket *s)
{
	for (struct packet *p; (p = first_packet(s)) && p->at_ms <= n->world->now_ms;) {
		buf_add(&s->in, str_make(p->bytes, p->n));
		s->peer_ended |= p->kind == PACKET_END;
		s->reset |= p->kind == PACKET_RESET;
		drop_packet(s, p);
	}
}

struct sim_socket *network_get(const struct network *n, int socket)
{
	assert_always(socket >= 0 && (size_t)socket < n->socket_count && n->sockets[socket]);
	network_settle(n, n->sockets[socket]);
	return n->sockets[socket];
}

struct sim_socket *network_peer(const struct network *n, const struct sim_socket *s)
{
	return s->peer >= 0 ? network_get(n, s->peer) : NULL;
}

uint64_t network_delay(struct network *n)
{
	return n->latency_ms ? world_below(n->world, (uint64_t)n->latency_ms + 1) : 0;
}

/* It arrives with what is in front of it, or later. */
static void send_packet(struct network *n, struct sim_socket *to, enum packet_kind kind, struct str bytes,
	uint64_t delay)
{
	struct packet *p = mem_alloc(sizeof(*p) + bytes.n);
	*p = (struct packet){ .kind = kind, .at_ms = n->world->now_ms + delay, .n = bytes.n };
	if (bytes.n)
		memcpy(p->bytes, bytes.p, bytes.n);
	list_add_last(&to->air, &p->link);
	to->air_bytes += bytes.n;
	network_settle(n, to);
}

void network_put(struct network *n, struct sim_socket *s, struct str bytes, uint64_t delay)
{
	struct sim_socket *p = network_peer(n, s);
	network_trace(n, p ? "write" : "lost", s, 0, bytes);
	if (p && bytes.n)
		send_packet(n, p, PACKET_BYTES, bytes, delay);
}

static void forget_input(struct sim_socket *s)
{
	for (struct packet *p; (p = first_packet(s));)
		drop_packet(s, p);
	buf_clear(&s->in);
}

size_t network_unread(const struct sim_socket *s)
{
	return s->air_bytes + buf_len(&s->in);
}

/* Sockets begin and end. */

void network_init(struct network *n, struct world *w)
{
	*n = (struct network){ .world = w, .capacity = CAPACITY };
}

void network_fini(struct network *n)
{
	assert_always(network_open_count(n) == 0);
	mem_free(n->sockets);
	*n = (struct network){ 0 };
}

size_t network_open_count(const struct network *n)
{
	size_t count = 0;
	for (size_t i = 0; i < n->socket_count; i++)
		count += !!n->sockets[i];
	return count;
}

struct net_address network_address(uint16_t port)
{
	struct net_address a;
	int r = net_address_make(STR("127.0.0.1"), port, &a);
	assert_always(r);
	return a;
}

static size_t free_slot(struct network *n)
{
	size_t slot = 0;
	while (slot < n->socket_count && n->sockets[slot])
		slot++;
	if (slot == n->socket_count) {
		size_t count = slot ? 2 * slot : 16;
		assert_always(count <= INT_MAX);
		n->sockets = mem_resize(n->sockets, count * sizeof(struct sim_socket *));
		for (; n->socket_count < count; n->socket_count++)
			n->sockets[n->socket_count] = NULL;
	}
	return slot;
}

struct sim_socket *network_add(struct network *n, unsigned host)
{
	struct sim_socket *s = mem_alloc(sizeof(*s));
	size_t slot = free_slot(n);
	*s = (struct sim_socket){ .number = (int)slot, .peer = -1, .host = host, .peer_host = NETWORK_NOBODY };
	list_init(&s->waiting);
	list_init(&s->waiting_link);
	list_init(&s->watched_link);
	list_init(&s->air);
	buf_init(&s->in, SIZE_MAX / 2);
	n->sockets[slot] = s;
	return s;
}

static void discard(struct network *n, struct sim_socket *s)
{
	n->sockets[s->number] = NULL;
	list_remove(&s->waiting_link);
	list_remove(&s->watched_link);
	forget_input(s);
	buf_fini(&s->in);
	mem_free(s);
}

static void join(struct sim_socket *a, struct sim_socket *b)
{
	a->peer = b->number;
	b->peer = a->number;
	a->peer_host = b->host;
	b->peer_host = a->host;
	b->peer_address = a->address;
}

void network_pair(struct network *n, int *a_r, int *b_r)
{
	struct sim_socket *a = network_add(n, NETWORK_NOBODY), *b = network_add(n, NETWORK_NOBODY);
	a->address = network_address(CLIENT_PORT);
	join(a, b);
	*a_r = a->number;
	*b_r = b->number;
}

struct sim_socket *network_find_listener(struct network *n, const struct net_address *a)
{
	struct sim_socket *found = NULL;
	uint64_t count = 0;
	for (size_t i = 0; i < n->socket_count; i++) {
		struct sim_socket *l = n->sockets[i];
		if (!l || !l->listening || l->dead || !net_address_eq(&l->address, a))
			continue;
		if (++count == 1 || world_below(n->world, count) == 0)
			found = l;
	}
	return found;
}

/* Behind all that arrive no later. */
static void add_waiting(struct sim_socket *listener, struct sim_socket *s)
{
	struct list *at = &listener->waiting;
	while (at->prev != &listener->waiting &&
		CONTAINER_OF(at->prev, struct sim_socket, waiting_link)->connected_ms > s->connected_ms)
		at = at->prev;
	list_insert_before(at, &s->waiting_link);
}

struct sim_socket *network_connect(struct network *n, const struct net_address *to, const struct net_address *from,
	unsigned host)
{
	struct sim_socket *s = network_add(n, host), *listener = network_find_listener(n, to);
	s->address = *from;
	if (s->address.port == 0)
		s->address.port = CLIENT_PORT;
	s->connected_ms = to->port == BLACK_HOLE ? UINT64_MAX : n->world->now_ms + network_delay(n);
	network_trace(n, "connect", s, to->port, STR(""));
	if (to->port != BLACK_HOLE && !listener)
		s->connect_error = -ECONNREFUSED;
	if (to->port == BLACK_HOLE || !listener)
		return s;
	struct sim_socket *theirs = network_add(n, listener->host);
	theirs->address = listener->address;
	theirs->connected_ms = s->connected_ms;
	join(s, theirs);
	add_waiting(listener, theirs);
	return s;
}

int network_dial(struct network *n, const struct net_address *to)
{
	struct net_address from = network_address(CLIENT_PORT);
	return network_dial_from(n, to, &from);
}

int network_dial_from(struct network *n, const struct net_address *to, const struct net_address *from)
{
	struct sim_socket *s = network_connect(n, to, from, NETWORK_NOBODY);
	if (s->connect_error == 0)
		return s->number;
	discard(n, s);
	return -ECONNREFUSED;
}

/* How connections end. */

void network_finish(struct network *n, struct sim_socket *s, uint64_t delay)
{
	struct sim_socket *p = network_peer(n, s);
	if (p && !s->ended)
		send_packet(n, p, PACKET_END, STR(""), delay);
	s->ended = true;
}

static void reset(struct network *n, struct sim_socket *s)
{
	struct sim_socket *p = network_peer(n, s);
	network_trace(n, "reset", s, 0, STR(""));
	if (p) {
		p->reset = true;
		p->peer = -1;
		forget_input(p);
	}
	discard(n, s);
}

static void hang_up(struct network *n, struct sim_socket *s, uint64_t delay)
{
	struct sim_socket *p = network_peer(n, s);
	if (network_unread(s)) {
		reset(n, s);
		return;
	}
	network_trace(n, "close", s, 0, STR(""));
	network_finish(n, s, delay);
	if (p)
		p->peer = -1;
	discard(n, s);
}

void network_hang_up(struct network *n, struct sim_socket *s, uint64_t delay)
{
	LIST_FOR_EACH_SAFE (link, &s->waiting)
		hang_up(n, CONTAINER_OF(link, struct sim_socket, waiting_link), delay);
	hang_up(n, s, delay);
}

/* Only a drawn part of what is in the air arrives, and a reset behind it. */
static void cut_short(struct network *n, struct sim_socket *s)
{
	uint64_t left = world_below(n->world, (uint64_t)s->air_bytes + 1);
	LIST_FOR_EACH_SAFE (link, &s->air) {
		struct packet *p = CONTAINER_OF(link, struct packet, link);
		if (p->n > left) {
			s->air_bytes -= p->n - (size_t)left;
			p->n = (size_t)left;
		}
		left -= p->n;
		if (p->n == 0)
			drop_packet(s, p);
	}
	send_packet(n, s, PACKET_RESET, STR(""), network_delay(n));
	s->peer = -1;
}

static void kill_socket(struct sim_socket *s)
{
	s->dead = true;
	s->peer = -1;
	forget_input(s);
}

void network_cut(struct network *n, unsigned host)
{
	world_trace(n->world, "cut", host, 0, STR(""));
	for (size_t i = 0; i < n->socket_count; i++) {
		struct sim_socket *s = n->sockets[i];
		if (s && s->host == host)
			kill_socket(s);
	}
	for (size_t i = 0; i < n->socket_count; i++) {
		struct sim_socket *s = n->sockets[i];
		if (!s || s->peer_host != host)
			continue;
		network_settle(n, s);
		/* Else all has arrived, the end too. */
		if (s->peer >= 0 || !list_is_empty(&s->air))
			cut_short(n, s);
	}
}

void network_abandon(struct network *n, unsigned host)
{
	for (size_t i = 0; i < n->socket_count; i++) {
		struct sim_socket *s = n->sockets[i];
		if (!s || s->host != host || !s->dead)
			continue;
		if (s->interest)
			list_remove(&s->watched_link);
		s->interest = 0;
		network_hang_up(n, s, 0);
	}
}

uint64_t network_next_ms(const struct network *n)
{
	uint64_t now = n->world->now_ms, next = UINT64_MAX;
	for (size_t i = 0; i < n->socket_count; i++) {
		struct sim_socket *s = n->sockets[i];
		if (!s || s->dead)
			continue;
		network_settle(n, s);
		const struct packet *p = first_packet(s);
		if (p && p->at_ms < next)
			next = p->at_ms;
		if (s->connected_ms > now && s->connected_ms < next)
			next = s->connected_ms;
	}
	return next;
}

/* A peer played by the test. */

void network_send(struct network *n, int socket, struct str data)
{
	network_put(n, network_get(n, socket), data, 0);
}

void network_receive(struct network *n, int socket, struct buf *b, size_t max)
{
	struct sim_socket *s = network_get(n, socket);
	struct str data = str_first(buf_str(&s->in), max);
	if (data.n)
		network_trace(n, "read", s, 0, data);
	if (b)
		buf_add(b, data);
	buf_consume(&s->in, data.n);
}

size_t network_waiting(const struct network *n, int socket)
{
	return buf_len(&network_get(n, socket)->in);
}

bool network_peer_has_ended(const struct network *n, int socket)
{
	return network_get(n, socket)->peer_ended;
}

bool network_is_reset(const struct network *n, int socket)
{
	return network_get(n, socket)->reset;
}

unsigned network_host_of(const struct network *n, int socket)
{
	return network_get(n, socket)->host;
}

bool network_is_watched(const struct network *n, int socket, unsigned interest)
{
	return (network_get(n, socket)->interest & interest) == interest;
}

void network_end(struct network *n, int socket)
{
	struct sim_socket *s = network_get(n, socket);
	network_trace(n, "end", s, 0, STR(""));
	network_finish(n, s, 0);
}

void network_reset(struct network *n, int socket)
{
	reset(n, network_get(n, socket));
}

void network_close(struct network *n, int socket)
{
	network_hang_up(n, network_get(n, socket), 0);
}
