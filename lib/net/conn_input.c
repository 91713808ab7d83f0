/* Connections, receiving: socket → (TLS) → on_data. */
#include "lib/base/fault.h"
#include "lib/net/conn_private.h"

#include <errno.h>

/* So that a handshake that is too long is noticed early. */
#define HANDSHAKE_READ_BYTES 8192

static void keep(struct conns *cs, struct conn *c, struct str rest)
{
	struct conn_io *io = conn_get_io(cs, c);
	buf_add(&io->in, rest);
	assert_always(!buf_failed(&io->in));
	c->paused = true;
	conn_queue_flush(cs, c);
}

static void deliver(struct conns *cs, struct conn *c, struct str data)
{
	if (c->state != CONN_OPEN)
		return;
	const SSL *before = c->ssl;
	size_t taken = data.n;
	if (c->paused || c->yields)
		taken = 0;
	else if (c->ops->on_data)
		taken = c->ops->on_data(c->owner, c->self, data);
	assert_always(taken <= data.n);
	/* docs/SECURITY.md, T1: if TLS began in the call, the rest is what somebody injected. */
	if (taken < data.n && c->state == CONN_OPEN && c->ssl == before)
		keep(cs, c, str_from(data, taken));
}

static void input_ended(struct conns *cs, struct conn *c)
{
	c->ended = true;
	if (c->state == CONN_DRAINING)
		conn_die(cs, c, c->reason, 0);
	else if (c->handshaking)
		conn_die(cs, c, CONN_PEER_CLOSED, 0);
	else if (c->state == CONN_OPEN && !c->yields && !conn_has_kept_input(c))
		conn_begin_close(cs, c, CONN_PEER_CLOSED);
}

bool conn_handshake(struct conns *cs, struct conn *c)
{
	char why[TLS_WHY_BYTES];
	cs->tls.alpn = c->alpn;
	enum tls_result r = tls_session_handshake(c->ssl, &cs->tls, why);
	conn_collect(cs, c);
	if (c->state == CONN_DEAD)
		return false;
	if (r == TLS_ENDED)
		input_ended(cs, c);
	if (r == TLS_BROKEN)
		conn_fail_tls(cs, c, why);
	if (r != TLS_DONE)
		return false;
	c->handshaking = false;
	conn_queue_flush(cs, c);
	if (c->state == CONN_OPEN) {
		c->phase_at = 0;
		if (c->ops->on_tls)
			c->ops->on_tls(c->owner, c->self);
	}
	return true;
}

static void read_records(struct conns *cs, struct conn *c)
{
	char why[TLS_WHY_BYTES];
	size_t n = 0, got;
	enum tls_result r;
	while ((r = tls_session_read(c->ssl, cs->plain + n, sizeof(cs->plain) - n, &got, why)) == TLS_DONE) {
		n += got;
		assert_always(sizeof(cs->plain) - n >= TLS_RECORD_BYTES);
	}
	/* Answers to what is not data. */
	conn_collect(cs, c);
	if (n)
		deliver(cs, c, str_make(cs->plain, n));
	if (c->state != CONN_OPEN)
		return;
	if (r == TLS_ENDED)
		input_ended(cs, c);
	else if (r == TLS_BROKEN)
		conn_fail_tls(cs, c, why);
}

static void read_tls(struct conns *cs, struct conn *c, struct str data)
{
	cs->tls.in = data;
	if ((!c->handshaking || conn_handshake(cs, c)) && c->state == CONN_OPEN)
		read_records(cs, c);
	cs->tls.in = (struct str){ 0 };
}

static void read_socket(struct conns *cs, struct conn *c)
{
	ptrdiff_t n = net_read(cs->net, c->socket, cs->read, c->handshaking ? HANDSHAKE_READ_BYTES : sizeof(cs->read));
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		/* While draining, the peer has no more to say that matters. */
		conn_die(cs, c, c->state == CONN_DRAINING ? c->reason : CONN_FAILED, (int)-n);
	} else if (n == 0) {
		input_ended(cs, c);
	} else {
		conn_note_input(cs, c);
		struct str data = str_make(cs->read, (size_t)n);
		if (c->ssl && c->state != CONN_DRAINING)
			read_tls(cs, c, data);
		else
			deliver(cs, c, data);
	}
}

static void finish_connecting(struct conns *cs, struct conn *c)
{
	int r = net_connect_result(cs->net, c->socket);
	if (r < 0) {
		conn_die(cs, c, CONN_FAILED, -r);
		return;
	}
	c->state = CONN_OPEN;
	conn_note_input(cs, c);
	c->phase_at = c->handshaking ? c->input_ms + cs->limits.handshake_ms : 0;
	conn_queue_flush(cs, c);
	if (c->ops->on_connected)
		c->ops->on_connected(c->owner, c->self);
}

void conn_on_ready(void *ctx, slab_handle h, unsigned ready)
{
	struct conns *cs = ctx;
	struct conn *c = slab_get(&cs->slab, h);
	cs->busy = h;
	if (c->state == CONN_CONNECTING) {
		finish_connecting(cs, c);
	} else if (c->state != CONN_DEAD) {
		/* Somebody may have paused or closed it since the net was asked. */
		bool wanted = c->state == CONN_DRAINING || c->handshaking ||
			(c->state == CONN_OPEN && !c->paused && !c->throttled && !c->yields && !conn_has_kept_input(c));
		if ((ready & c->interest & NET_READ) && wanted)
			read_socket(cs, c);
		if ((ready & c->interest & NET_WRITE) && c->blocked) {
			c->blocked = false;
			conn_queue_flush(cs, c);
		}
	}
	cs->busy = 0;
}

static void give_kept_input(struct conns *cs, struct conn *c)
{
	if (c->state != CONN_OPEN || c->paused)
		return;
	if (c->yields) {
		c->yields = false;
		if (c->ops->on_data)
			(void)c->ops->on_data(c->owner, c->self, str_make(NULL, 0));
		conn_queue_flush(cs, c);
		if (c->yields || c->paused || c->state != CONN_OPEN)
			return;
	}
	if (conn_has_kept_input(c)) {
		/* Taken away, for on_data may leave some of it again. */
		struct buf kept = c->io->in;
		buf_init(&c->io->in, sizeof(cs->plain));
		deliver(cs, c, buf_str(&kept));
		buf_fini(&kept);
	}
	if (c->ended && c->state == CONN_OPEN && !conn_has_kept_input(c))
		conn_begin_close(cs, c, CONN_PEER_CLOSED);
	conn_queue_flush(cs, c);
}

void conn_run_input(void *ctx)
{
	struct conns *cs = ctx;
	size_t n = cs->to_input.n;
	for (size_t i = 0; i < n; i++) {
		struct conn *c = slab_get(&cs->slab, cs->to_input.handles[i]);
		if (!c)
			continue;
		c->in_input_queue = false;
		cs->busy = c->self;
		give_kept_input(cs, c);
		cs->busy = 0;
	}
	conn_queue_shift(&cs->to_input, n);
}
