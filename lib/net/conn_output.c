/* Connections, sending: `out` → (TLS) → `raw` → socket, once a turn. Ciphertext is made into the buffer of the loop,
 * and only what the socket did not take of it is copied to the connection. */
#include "lib/base/fault.h"
#include "lib/net/conn_private.h"

#include <errno.h>

/* Plain text encrypted for one system call. */
#define TRAIN_BYTES 65536
/* System calls for one connection in one turn. */
#define TRAINS_A_TURN 4

void conn_collect(struct conns *cs, struct conn *c)
{
	struct buf *made = &cs->tls.out;
	if (buf_len(made) && c->state != CONN_DEAD) {
		struct conn_io *io = conn_get_io(cs, c);
		buf_add(&io->raw, buf_str(made));
		/* A peer that does not read, and makes us answer: key updates. */
		if (buf_failed(&io->raw))
			conn_die(cs, c, CONN_FAILED, ENOBUFS);
		else
			conn_queue_flush(cs, c);
	}
	buf_clear(made);
}

static bool encrypts(const struct conn *c)
{
	return c->ssl && !c->handshaking && !c->end_sent;
}

/* A train of records, the last of all with close_notify. What the socket did not take of the one before is part of it,
 * so the ciphertext that waits stays bounded. */
static void encrypt(struct conns *cs, struct conn *c)
{
	struct buf *out = &c->io->out;
	size_t waiting = buf_len(&c->io->raw);
	struct str plain = str_first(buf_str(out), waiting < TRAIN_BYTES ? TRAIN_BYTES - waiting : 0);
	char why[TLS_WHY_BYTES];
	if (tls_session_write(c->ssl, plain, why) == TLS_BROKEN) {
		conn_fail_tls(cs, c, why);
		return;
	}
	buf_consume(out, plain.n);
	if (c->state == CONN_FLUSHING && buf_len(out) == 0) {
		tls_session_end(c->ssl);
		c->end_sent = true;
	}
}

/* One system call. False when there is nothing to write, or the socket took less than that. */
static bool write_train(struct conns *cs, struct conn *c)
{
	struct conn_io *io = c->io;
	if (encrypts(c))
		encrypt(cs, c);
	struct buf *second = c->ssl ? &cs->tls.out : &io->out;
	const struct str parts[] = { buf_str(&io->raw), buf_str(second) };
	size_t total = parts[0].n + parts[1].n;
	if (total == 0)
		return false;
	ptrdiff_t n = net_write(cs->net, c->socket, parts, ARRAY_LEN(parts));
	if (n < 0 && n != -EAGAIN) {
		buf_clear(&cs->tls.out);
		conn_die(cs, c, CONN_FAILED, (int)-n);
		return false;
	}
	size_t taken = n > 0 ? (size_t)n : 0;
	size_t of_raw = taken < parts[0].n ? taken : parts[0].n;
	buf_consume(&io->raw, of_raw);
	buf_consume(second, taken - of_raw);
	c->blocked = taken < total;
	if (!c->blocked)
		io->progress_ms = 0;
	else if (taken > 0 || io->progress_ms == 0)
		io->progress_ms = loop_now_ms(cs->loop);
	if (c->ssl)
		conn_collect(cs, c);
	return !c->blocked;
}

static void send_pending(struct conns *cs, struct conn *c)
{
	for (unsigned i = 0; i < TRAINS_A_TURN; i++)
		if (!write_train(cs, c))
			return;
	if (conn_pending(c))
		conn_queue_flush(cs, c);
}

static void finish_flushing(struct conns *cs, struct conn *c)
{
	if (c->ended || c->hurries) {
		conn_die(cs, c, c->reason, 0);
		return;
	}
	net_shutdown(cs->net, c->socket);
	c->state = CONN_DRAINING;
}

static bool is_read(const struct conn *c)
{
	return !c->paused && !c->throttled && !c->yields;
}

static unsigned wanted_interest(const struct conn *c)
{
	unsigned interest = 0;
	switch ((enum conn_state)c->state) {
	case CONN_CONNECTING: return NET_WRITE;
	case CONN_OPEN: interest = is_read(c) || c->handshaking ? NET_READ : 0; break;
	case CONN_FLUSHING: interest = c->handshaking ? NET_READ : 0; break;
	case CONN_DRAINING: interest = NET_READ; break;
	case CONN_DEAD: break;
	}
	return interest | (c->blocked ? NET_WRITE : 0);
}

static void watch(struct conns *cs, struct conn *c)
{
	unsigned wanted = wanted_interest(c);
	if (wanted == c->interest)
		return;
	int r = loop_watch(cs->loop, cs->kind, c->self, c->socket, c->interest, wanted);
	if (r < 0)
		conn_die(cs, c, CONN_FAILED, -r);
	else
		c->interest = (uint8_t)wanted;
}

static void tell_writable(const struct conns *cs, struct conn *c)
{
	if (c->state != CONN_OPEN || !c->congested || conn_pending(c) > cs->limits.output_low)
		return;
	c->congested = false;
	if (c->ops->on_writable)
		c->ops->on_writable(c->owner, c->self);
}

static void flush(struct conns *cs, struct conn *c)
{
	if (c->hello_due && c->state != CONN_CONNECTING) {
		c->hello_due = false;
		conn_handshake(cs, c);
	}
	if (c->state != CONN_CONNECTING && !c->blocked) {
		/* close_notify goes out even when nothing else does. */
		bool ends = c->state == CONN_FLUSHING && encrypts(c);
		if (c->io || ends) {
			conn_get_io(cs, c);
			send_pending(cs, c);
		}
	}
	tell_writable(cs, c);
	if (c->state == CONN_FLUSHING && !c->handshaking && (conn_pending(c) == 0 || c->hurries))
		finish_flushing(cs, c);
	if (c->state == CONN_DEAD)
		return;
	conn_release_io(cs, c);
	watch(cs, c);
	conn_arm(cs, c);
}

void conn_run_flush(void *ctx)
{
	struct conns *cs = ctx;
	/* What callbacks add meanwhile waits for the next turn, or one writer could hold up all. */
	size_t n = cs->to_flush.n;
	for (size_t i = 0; i < n; i++) {
		struct conn *c = slab_get(&cs->slab, cs->to_flush.handles[i]);
		if (!c)
			continue;
		c->in_flush_queue = false;
		cs->busy = c->self;
		if (c->state != CONN_DEAD)
			flush(cs, c);
		cs->busy = 0;
	}
	conn_queue_shift(&cs->to_flush, n);
}
