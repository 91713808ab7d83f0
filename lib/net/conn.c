/* Connections: the calls of their owners. The table is conns.c; receiving conn_input.c, sending conn_output.c,
 * deadlines conn_timer.c. */
#include "lib/net/conn.h"

#include "lib/base/fault.h"
#include "lib/net/conn_private.h"

#include <errno.h>

static struct conn *find(const struct conns *cs, slab_handle h)
{
	return slab_get(&cs->slab, h);
}

/* One that its owner can still use. */
static struct conn *find_live(const struct conns *cs, slab_handle h)
{
	struct conn *c = find(cs, h);
	return c && c->state <= CONN_OPEN ? c : NULL;
}

/* Takes the socket, also on an error. */
static int add(
	struct conns *cs, int socket, enum conn_state state, const struct conn_ops *ops, void *owner, struct conn **c_r)
{
	void *object;
	slab_handle h = slab_alloc(&cs->slab, &object);
	int r = -ENOBUFS;
	if (h) {
		struct conn *c = *c_r = object;
		c->ops = ops;
		c->owner = owner;
		c->socket = socket;
		c->self = h;
		c->state = state;
		c->input_ms = loop_now_ms(cs->loop);
		c->interest = state == CONN_CONNECTING ? NET_WRITE : NET_READ;
		r = loop_watch(cs->loop, cs->kind, h, socket, 0, c->interest);
		if (r == 0)
			return 0;
		slab_free(&cs->slab, h);
	}
	net_close(cs->net, socket);
	return r;
}

int conn_accept(struct conns *cs, int socket, const struct conn_ops *ops, void *owner, slab_handle *c_r)
{
	struct conn *c;
	int r = add(cs, socket, CONN_OPEN, ops, owner, &c);
	if (r == 0)
		*c_r = c->self;
	return r;
}

int conn_connect(struct conns *cs, const struct net_address *to, const struct net_address *from,
	const struct conn_ops *ops, void *owner, slab_handle *c_r)
{
	struct conn *c;
	int r = net_connect(cs->net, to, from);
	if (r >= 0)
		r = add(cs, r, CONN_CONNECTING, ops, owner, &c);
	if (r < 0)
		return r;
	c->phase_at = c->input_ms + cs->limits.connect_ms;
	conn_arm(cs, c);
	*c_r = c->self;
	return 0;
}

void conn_set_owner(struct conns *cs, slab_handle h, const struct conn_ops *ops, void *owner)
{
	struct conn *c = find(cs, h);
	if (!c)
		return;
	c->ops = ops;
	c->owner = owner;
}

/* Data */

bool conn_write(struct conns *cs, slab_handle h, struct str data)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return false;
	size_t pending = conn_pending(c);
	if (data.n > cs->limits.output_max || pending > cs->limits.output_max - data.n)
		return false;
	if (data.n == 0)
		return true;
	buf_add(&conn_get_io(cs, c)->out, data);
	if (pending + data.n > cs->limits.output_high)
		c->congested = true;
	conn_queue_flush(cs, c);
	return true;
}

size_t conn_pending_bytes(const struct conns *cs, slab_handle h)
{
	const struct conn *c = find(cs, h);
	return c && c->state != CONN_DEAD ? conn_pending(c) : 0;
}

bool conn_is_congested(const struct conns *cs, slab_handle h)
{
	const struct conn *c = find_live(cs, h);
	return c && c->congested;
}

void conn_pause(struct conns *cs, slab_handle h)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return;
	c->paused = true;
	conn_queue_flush(cs, c);
}

void conn_resume(struct conns *cs, slab_handle h)
{
	struct conn *c = find_live(cs, h);
	if (!c || !c->paused)
		return;
	c->paused = false;
	if (conn_has_kept_input(c))
		conn_queue_input(cs, c);
	conn_queue_flush(cs, c);
}

void conn_yield(struct conns *cs, slab_handle h)
{
	struct conn *c = find_live(cs, h);
	if (!c || c->state != CONN_OPEN)
		return;
	c->yields = true;
	conn_queue_input(cs, c);
	conn_queue_flush(cs, c);
}

uint64_t conn_last_input_ms(const struct conns *cs, slab_handle h)
{
	const struct conn *c = find(cs, h);
	return c ? c->input_ms : 0;
}

/* Timers */

void conn_set_timeout(struct conns *cs, slab_handle h, unsigned ms)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return;
	uint64_t behind = loop_now_ms(cs->loop) - c->input_ms;
	c->idle_ms = ms;
	c->idle_behind_ms = behind < UINT32_MAX ? (uint32_t)behind : UINT32_MAX;
	conn_arm(cs, c);
}

void conn_set_deadline(struct conns *cs, slab_handle h, unsigned ms)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return;
	c->deadline_at = ms ? loop_now_ms(cs->loop) + ms : 0;
	conn_arm(cs, c);
}

/* Ending */

void conn_close(struct conns *cs, slab_handle h)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return;
	if (c->state == CONN_CONNECTING)
		conn_die(cs, c, CONN_ABORTED, 0);
	else
		conn_begin_close(cs, c, CONN_CLOSED);
}

void conn_finish(struct conns *cs, slab_handle h)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return;
	if (c->state == CONN_CONNECTING || c->handshaking) {
		conn_die(cs, c, CONN_ABORTED, 0);
		return;
	}
	c->hurries = true;
	conn_begin_close(cs, c, CONN_CLOSED);
}

void conn_abort(struct conns *cs, slab_handle h)
{
	struct conn *c = find(cs, h);
	if (c)
		conn_die(cs, c, CONN_ABORTED, 0);
}

/* TLS */

void conn_start_tls(struct conns *cs, slab_handle h, const struct tls_use *how)
{
	struct conn *c = find_live(cs, h);
	if (!c)
		return;
	assert_always(!c->ssl);
	struct conn_io *io = conn_get_io(cs, c);
	/* docs/SECURITY.md, T1 */
	buf_fini(&io->in);
	buf_add(&io->raw, buf_str(&io->out));
	buf_fini(&io->out);
	char why[TLS_WHY_BYTES] = "too much to be sent before TLS";
	if (!buf_failed(&io->raw))
		c->ssl = tls_session_new(how, &cs->tls, why);
	if (!c->ssl) {
		conn_fail_tls(cs, c, why);
		return;
	}
	c->tls = tls_context_ref(how->context);
	c->alpn = (uint8_t)how->alpn;
	c->handshaking = true;
	c->hello_due = !how->context->is_server;
	c->paused = false;
	if (c->state == CONN_OPEN)
		c->phase_at = loop_now_ms(cs->loop) + cs->limits.handshake_ms;
	conn_queue_flush(cs, c);
}

bool conn_has_tls(const struct conns *cs, slab_handle h)
{
	const struct conn *c = find(cs, h);
	return c && c->ssl && !c->handshaking;
}

bool conn_tls_info(const struct conns *cs, slab_handle h, struct tls_info *info_r)
{
	if (!conn_has_tls(cs, h))
		return false;
	tls_session_info(find(cs, h)->ssl, info_r);
	return true;
}

bool conn_tls_facts(const struct conns *cs, slab_handle h, const struct tls_trust *clients, struct arena *a,
	struct sasl_tls *facts_r)
{
	if (!conn_has_tls(cs, h))
		return false;
	const struct conn *c = find(cs, h);
	tls_session_facts(c->ssl, c->tls, clients, a, facts_r);
	return true;
}

/* Addresses */

int conn_local_address(const struct conns *cs, slab_handle h, struct net_address *a_r)
{
	const struct conn *c = find(cs, h);
	return c ? net_local_address(cs->net, c->socket, a_r) : -ENOTCONN;
}

int conn_peer_address(const struct conns *cs, slab_handle h, struct net_address *a_r)
{
	const struct conn *c = find(cs, h);
	return c ? net_peer_address(cs->net, c->socket, a_r) : -ENOTCONN;
}

int conn_peer_credentials(const struct conns *cs, slab_handle h, struct net_credentials *c_r)
{
	const struct conn *c = find(cs, h);
	return c ? net_peer_credentials(cs->net, c->socket, c_r) : -ENOTCONN;
}

/* The move */

bool conn_detach(struct conns *cs, slab_handle h, struct conn_parts *parts_r)
{
	struct conn *c = find(cs, h);
	assert_always(!c || cs->busy != h);
	if (!c || c->state != CONN_OPEN || c->handshaking)
		return false;
	if (loop_watch(cs->loop, cs->kind, h, c->socket, c->interest, 0) < 0)
		return false;
	conn_release_io(cs, c);
	if (c->ssl)
		tls_session_bind(c->ssl, NULL);
	*parts_r = (struct conn_parts){
		.socket = c->socket,
		.ssl = c->ssl,
		.tls = c->tls,
		.io = c->io,
		.last_input_ms = c->input_ms,
		.debt = c->debt,
		.throttled = c->throttled,
		.congested = c->congested,
		.ended = c->ended,
	};
	loop_clear_timer(cs->loop, cs->kind, h);
	slab_free(&cs->slab, h);
	return true;
}

static void discard(struct conn_parts *p)
{
	if (p->ssl)
		tls_session_free(p->ssl);
	tls_context_unref(&p->tls);
	conn_free_io(p->io);
	*p = (struct conn_parts){ .socket = -1 };
}

int conn_attach(struct conns *cs, struct conn_parts *p, const struct conn_ops *ops, void *owner, slab_handle *c_r)
{
	struct conn *c;
	int r = add(cs, p->socket, CONN_OPEN, ops, owner, &c);
	if (r < 0) {
		discard(p);
		return r;
	}
	c->ssl = p->ssl;
	c->tls = p->tls;
	c->io = p->io;
	c->input_ms = p->last_input_ms;
	c->debt = p->debt;
	c->throttled = p->throttled && cs->limits.rate_bytes_per_s;
	c->congested = p->congested;
	c->ended = p->ended;
	if (c->ssl)
		tls_session_bind(c->ssl, &cs->tls);
	if (c->io)
		conn_set_bounds(cs, c->io);
	if (c->ended || conn_has_kept_input(c))
		conn_queue_input(cs, c);
	conn_queue_flush(cs, c);
	*p = (struct conn_parts){ .socket = -1 };
	*c_r = c->self;
	return 0;
}

void conn_parts_discard(struct conn_parts *p, const struct net *net)
{
	if (p->socket < 0)
		return;
	net_close(net, p->socket);
	discard(p);
}
