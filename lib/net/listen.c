/* Listening sockets. */
#include "lib/net/listen.h"

#include "lib/base/mem.h"
#include "lib/base/wheel.h"

#include <errno.h>
#include <stdbool.h>

#define LISTENERS_MAX 256
#define ACCEPTS_A_TURN 64
#define REST_MS 100

struct listener {
	int socket;
	unsigned interest;
	struct wheel_node timer; /* while it rests */
	listener_on_accept *on_accept;
	void *ctx;
};

struct listeners {
	struct loop *loop;
	struct slab slab;
	unsigned kind;
	uint64_t dropped;
};

static bool watch(struct listeners *ls, slab_handle h, struct listener *l, unsigned interest)
{
	if (loop_watch(ls->loop, ls->kind, h, l->socket, l->interest, interest) < 0)
		return false;
	l->interest = interest;
	return true;
}

static void rest(struct listeners *ls, slab_handle h, struct listener *l)
{
	ls->dropped++;
	(void)watch(ls, h, l, 0);
	loop_set_timer(ls->loop, ls->kind, h, loop_now_ms(ls->loop) + REST_MS);
}

static void on_ready(void *ctx, slab_handle h, unsigned ready)
{
	(void)ready;
	struct listeners *ls = ctx;
	struct listener *l;
	/* on_accept may close the listener. */
	for (unsigned i = 0; i < ACCEPTS_A_TURN && (l = slab_get(&ls->slab, h)); i++) {
		struct net_address peer;
		int r = net_accept(loop_net(ls->loop), l->socket, &peer);
		if (r >= 0) {
			l->on_accept(l->ctx, r, &peer);
		} else if (r == -EAGAIN) {
			return;
		} else if (r == -EMFILE) {
			ls->dropped++;
		} else if (r != -ECONNABORTED) {
			rest(ls, h, l);
			return;
		}
	}
}

static void on_timer(void *ctx, slab_handle h)
{
	struct listeners *ls = ctx;
	struct listener *l = slab_get(&ls->slab, h);
	if (!watch(ls, h, l, NET_READ))
		rest(ls, h, l);
}

struct listeners *listeners_new(struct loop *loop)
{
	struct listeners *ls = mem_zalloc(sizeof(*ls));
	ls->loop = loop;
	slab_init(&ls->slab, sizeof(struct listener), LISTENERS_MAX);
	const struct loop_kind kind = {
		.slab = &ls->slab,
		.timer_offset = offsetof(struct listener, timer),
		.on_ready = on_ready,
		.on_timer = on_timer,
		.ctx = ls,
	};
	ls->kind = loop_add_kind(loop, &kind);
	return ls;
}

void listeners_free(struct listeners **pointer)
{
	struct listeners *ls = *pointer;
	*pointer = NULL;
	if (!ls)
		return;
	for (slab_handle h = 0; (h = slab_next(&ls->slab, h)) != 0;)
		listener_close(ls, h);
	loop_remove_kind(ls->loop, ls->kind);
	slab_fini(&ls->slab);
	mem_free(ls);
}

int listener_open(struct listeners *ls, const struct net_address *a, enum net_listen how, listener_on_accept *on_accept,
	void *ctx, slab_handle *h_r)
{
	void *object;
	slab_handle h = slab_alloc(&ls->slab, &object);
	if (!h)
		return -ENOBUFS;
	struct listener *l = object;
	l->on_accept = on_accept;
	l->ctx = ctx;
	l->socket = net_listen(loop_net(ls->loop), a, how);
	int r = l->socket;
	if (r >= 0) {
		r = loop_watch(ls->loop, ls->kind, h, l->socket, 0, NET_READ);
		if (r < 0)
			net_close(loop_net(ls->loop), l->socket);
	}
	if (r < 0) {
		slab_free(&ls->slab, h);
		return r;
	}
	l->interest = NET_READ;
	*h_r = h;
	return 0;
}

void listener_close(struct listeners *ls, slab_handle h)
{
	struct listener *l = slab_get(&ls->slab, h);
	if (!l)
		return;
	loop_clear_timer(ls->loop, ls->kind, h);
	(void)watch(ls, h, l, 0);
	net_close(loop_net(ls->loop), l->socket);
	slab_free(&ls->slab, h);
}

int listener_address(const struct listeners *ls, slab_handle h, struct net_address *a_r)
{
	const struct listener *l = slab_get(&ls->slab, h);
	return l ? net_local_address(loop_net(ls->loop), l->socket, a_r) : -ENOTCONN;
}

uint64_t listeners_dropped(const struct listeners *ls)
{
	return ls->dropped;
}
