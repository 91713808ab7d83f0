/* The connections of a loop: the table, its queues and spare buffers, and how a connection ends. */
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/net/conn_private.h"

#include <errno.h>
#include <string.h>

/* Ciphertext that waits for the socket: a train of records and answers to the peer's, or a flight of the handshake. */
#define RAW_MAX (128 * 1024)
/* Spare buffers kept a loop, and how large each may have grown. */
#define SPARE_MAX 64
#define SPARE_BYTES 8192

const struct conn_limits conn_limits_default = {
	.connections = 65536,
	.output_max = 1024 * 1024,
	.output_high = 256 * 1024,
	.output_low = 64 * 1024,
	.connect_ms = 30000,
	.handshake_ms = 10000,
	.stall_ms = 60000,
	.close_ms = 5000,
	/* No rate. */
};

/* Queues */

static void queue_push(struct conn_queue *q, slab_handle h)
{
	if (q->n == q->cap) {
		q->cap = q->cap ? 2 * q->cap : 64;
		q->handles = mem_resize(q->handles, q->cap * sizeof(*q->handles));
	}
	q->handles[q->n++] = h;
}

void conn_queue_shift(struct conn_queue *q, size_t n)
{
	q->n -= n;
	if (q->n)
		memmove(q->handles, q->handles + n, q->n * sizeof(*q->handles));
}

void conn_queue_flush(struct conns *cs, struct conn *c)
{
	if (c->in_flush_queue)
		return;
	c->in_flush_queue = true;
	queue_push(&cs->to_flush, c->self);
	loop_need(cs->loop, LOOP_FLUSH);
}

void conn_queue_input(struct conns *cs, struct conn *c)
{
	if (c->in_input_queue)
		return;
	c->in_input_queue = true;
	queue_push(&cs->to_input, c->self);
	loop_need(cs->loop, LOOP_INPUT);
}

/* Buffers */

void conn_set_bounds(const struct conns *cs, struct conn_io *io)
{
	io->in.max = sizeof(cs->plain);
	io->raw.max = RAW_MAX;
	io->out.max = cs->limits.output_max;
}

struct conn_io *conn_get_io(struct conns *cs, struct conn *c)
{
	if (c->io)
		return c->io;
	c->io = cs->spare;
	if (c->io) {
		cs->spare = c->io->next;
		cs->spare_count--;
		c->io->next = NULL;
	} else {
		c->io = mem_zalloc(sizeof(*c->io));
		conn_set_bounds(cs, c->io);
	}
	return c->io;
}

void conn_free_io(struct conn_io *io)
{
	if (!io)
		return;
	buf_fini(&io->in);
	buf_fini(&io->raw);
	buf_fini(&io->out);
	mem_free(io->why);
	mem_free(io);
}

void conn_release_io(struct conns *cs, struct conn *c)
{
	struct conn_io *io = c->io;
	if (!io || buf_len(&io->in) || conn_pending(c) || io->why)
		return;
	c->io = NULL;
	if (cs->spare_count >= SPARE_MAX || io->in.cap + io->raw.cap + io->out.cap > SPARE_BYTES) {
		conn_free_io(io);
		return;
	}
	io->next = cs->spare;
	cs->spare = io;
	cs->spare_count++;
}

/* The end */

void conn_die(struct conns *cs, struct conn *c, enum conn_reason reason, int error)
{
	if (c->state == CONN_DEAD)
		return;
	c->died_in = c->state;
	c->state = CONN_DEAD;
	c->reason = (uint8_t)reason;
	c->error = (uint8_t)error;
	queue_push(&cs->dead, c->self);
	loop_need(cs->loop, LOOP_CLOSED);
}

void conn_begin_close(struct conns *cs, struct conn *c, enum conn_reason reason)
{
	c->state = CONN_FLUSHING;
	c->reason = (uint8_t)reason;
	c->phase_at = loop_now_ms(cs->loop) + cs->limits.close_ms;
	if (c->io)
		buf_fini(&c->io->in);
	conn_queue_flush(cs, c);
}

void conn_fail_tls(struct conns *cs, struct conn *c, const char *why)
{
	struct str text = str_from_c(why);
	struct conn_io *io = conn_get_io(cs, c);
	buf_fini(&io->out);
	mem_free(io->why);
	io->why = mem_zalloc(text.n + 1);
	memcpy(io->why, text.p, text.n);
	c->handshaking = c->hello_due = false;
	c->end_sent = true;
	if (c->state == CONN_CONNECTING)
		conn_die(cs, c, CONN_TLS_FAILED, 0);
	else
		conn_begin_close(cs, c, CONN_TLS_FAILED);
}

static const char *timeout_text(const struct conn *c)
{
	switch ((enum conn_state)c->died_in) {
	case CONN_CONNECTING: return "timed out connecting";
	case CONN_OPEN: return c->handshaking ? "timed out in the TLS handshake" : "the peer takes no output";
	default: return "timed out closing";
	}
}

static const char *end_text(const struct conn *c, char *room, size_t room_bytes)
{
	switch ((enum conn_reason)c->reason) {
	case CONN_CLOSED: return "closed";
	case CONN_ABORTED: return "aborted";
	case CONN_PEER_CLOSED: return "closed by the peer";
	case CONN_FAILED: return strerror_r(c->error, room, room_bytes);
	case CONN_TLS_FAILED: return c->io->why;
	case CONN_TIMED_OUT: return timeout_text(c);
	}
	return "";
}

static void run_closed(void *ctx)
{
	struct conns *cs = ctx;
	/* The callbacks may add to them. */
	for (; cs->told < cs->dead.n; cs->told++) {
		struct conn *c = slab_get(&cs->slab, cs->dead.handles[cs->told]);
		char room[128];
		struct conn_end end = {
			.reason = c->reason,
			.error = c->reason == CONN_FAILED ? c->error : 0,
			.text = end_text(c, room, sizeof(room)),
		};
		cs->busy = c->self;
		if (c->ops->on_closed)
			c->ops->on_closed(c->owner, c->self, &end);
		cs->busy = 0;
	}
}

static void destroy(struct conns *cs, struct conn *c)
{
	loop_clear_timer(cs->loop, cs->kind, c->self);
	if (c->ssl)
		tls_session_free(c->ssl);
	tls_context_unref(&c->tls);
	conn_free_io(c->io);
	net_close(cs->net, c->socket);
	slab_free(&cs->slab, c->self);
}

static void run_free(void *ctx)
{
	struct conns *cs = ctx;
	for (size_t i = 0; i < cs->told; i++)
		destroy(cs, slab_get(&cs->slab, cs->dead.handles[i]));
	conn_queue_shift(&cs->dead, cs->told);
	cs->told = 0;
}

/* The table */

struct conns *conns_new(struct loop *l, const struct conn_limits *limits)
{
	struct conns *cs = mem_zalloc(sizeof(*cs));
	cs->loop = l;
	cs->net = loop_net(l);
	cs->limits = *limits;
	slab_init(&cs->slab, sizeof(struct conn), limits->connections);
	buf_init(&cs->tls.out, RAW_MAX);
	const struct loop_kind kind = {
		.slab = &cs->slab,
		.timer_offset = offsetof(struct conn, timer),
		.on_ready = conn_on_ready,
		.on_timer = conn_on_timer,
		.ctx = cs,
	};
	cs->kind = loop_add_kind(l, &kind);
	cs->input_hook = (struct loop_hook){ .run = conn_run_input, .ctx = cs };
	cs->closed_hook = (struct loop_hook){ .run = run_closed, .ctx = cs };
	cs->flush_hook = (struct loop_hook){ .run = conn_run_flush, .ctx = cs };
	cs->free_hook = (struct loop_hook){ .run = run_free, .ctx = cs };
	loop_add_hook(l, LOOP_INPUT, &cs->input_hook);
	loop_add_hook(l, LOOP_CLOSED, &cs->closed_hook);
	loop_add_hook(l, LOOP_FLUSH, &cs->flush_hook);
	loop_add_hook(l, LOOP_FREE, &cs->free_hook);
	return cs;
}

void conns_free(struct conns **pointer)
{
	struct conns *cs = *pointer;
	*pointer = NULL;
	if (!cs)
		return;
	for (slab_handle h = 0; (h = slab_next(&cs->slab, h)) != 0;)
		destroy(cs, slab_get(&cs->slab, h));
	loop_remove_hook(&cs->input_hook);
	loop_remove_hook(&cs->closed_hook);
	loop_remove_hook(&cs->flush_hook);
	loop_remove_hook(&cs->free_hook);
	loop_remove_kind(cs->loop, cs->kind);
	while (cs->spare) {
		struct conn_io *io = cs->spare;
		cs->spare = io->next;
		conn_free_io(io);
	}
	mem_free(cs->to_input.handles);
	mem_free(cs->to_flush.handles);
	mem_free(cs->dead.handles);
	buf_fini(&cs->tls.out);
	slab_fini(&cs->slab);
	mem_free(cs);
}

uint32_t conns_count(const struct conns *cs)
{
	return cs->slab.count;
}

struct loop *conns_loop(const struct conns *cs)
{
	return cs->loop;
}

size_t conn_bytes(void)
{
	return sizeof(struct conn);
}
