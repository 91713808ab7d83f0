/* What the files of connections share. Nobody else includes this. */
#ifndef LINNET_CONN_PRIVATE_H
#define LINNET_CONN_PRIVATE_H

#include "lib/base/buf.h"
#include "lib/base/wheel.h"
#include "lib/net/conn.h"
#include "lib/net/tls_session.h"

#include <stdbool.h>
#include <stdint.h>

enum conn_state { CONN_CONNECTING, CONN_OPEN, CONN_FLUSHING, CONN_DRAINING, CONN_DEAD };

/* Buffers of a connection that has something in them; else it has none of this. */
struct conn_io {
	struct buf in; /* plain text that on_data did not take */
	struct buf raw; /* for the socket as it is, before `out` */
	struct buf out; /* written by the owner; under TLS not encrypted yet */
	uint64_t progress_ms; /* while blocked: when that began, or the socket last took something; else 0 */
	char *why; /* of a TLS failure */
	struct conn_io *next; /* among the spare ones */
};

struct conn {
	const struct conn_ops *ops;
	void *owner;
	SSL *ssl;
	struct tls_context *tls;
	struct conn_io *io;
	uint64_t input_ms;
	uint64_t deadline_at; /* 0: none */
	uint64_t phase_at; /* the end of connecting, of the handshake, of closing; 0: none */
	uint64_t timer_at; /* what the timer is armed for; 0: it is not */
	struct wheel_node timer;
	unsigned idle_ms; /* 0: none */
	uint32_t idle_behind_ms; /* how long after the last input conn_set_timeout was called; 0: before it */
	uint32_t debt; /* bytes charged for and not worked off, as of input_ms */
	int socket;
	slab_handle self;
	uint8_t state;
	uint8_t reason; /* of its end, from FLUSHING on */
	uint8_t error; /* an errno */
	uint8_t died_in; /* its last state before DEAD */
	uint8_t interest; /* what the net watches */
	uint8_t alpn;
	bool handshaking : 1;
	bool hello_due : 1; /* as a client it has to begin the handshake */
	bool end_sent : 1; /* close_notify has been made, or must not be */
	bool paused : 1;
	bool blocked : 1; /* the socket takes no more */
	bool congested : 1; /* on_writable is owed */
	bool ended : 1; /* the peer's input has */
	bool in_flush_queue : 1;
	bool in_input_queue : 1;
	bool throttled : 1; /* its debt is too large: nothing is read until it has sunk */
	bool yields : 1; /* on_data comes again, behind the others */
	bool hurries : 1; /* conn_finish: nobody waits for the peer */
};

/* Handles in the order of their coming; some may be stale. */
struct conn_queue {
	slab_handle *handles;
	size_t n, cap;
};

struct conns {
	struct loop *loop;
	const struct net *net;
	struct conn_limits limits;
	struct slab slab;
	unsigned kind;
	slab_handle busy; /* the one whose callback may be running */
	struct conn_queue to_input, to_flush, dead;
	size_t told; /* of the dead: those that have had on_closed */
	struct tls_io tls;
	struct conn_io *spare;
	unsigned spare_count;
	struct loop_hook input_hook, closed_hook, flush_hook, free_hook;
	char read[CONN_READ_BYTES];
	/* A read of ciphertext, completed by what OpenSSL kept of a record, and room for the next record. */
	char plain[CONN_READ_BYTES + 2 * TLS_RECORD_BYTES];
};

/* conns.c */

struct conn_io *conn_get_io(struct conns *cs, struct conn *c);
/* Gives the buffers back if nothing is in them. */
void conn_release_io(struct conns *cs, struct conn *c);
void conn_free_io(struct conn_io *io);
/* The limits of this table, for buffers that came from another one. */
void conn_set_bounds(const struct conns *cs, struct conn_io *io);
void conn_queue_flush(struct conns *cs, struct conn *c);
void conn_queue_input(struct conns *cs, struct conn *c);
/* Takes the first n handles off a queue. */
void conn_queue_shift(struct conn_queue *q, size_t n);
void conn_begin_close(struct conns *cs, struct conn *c, enum conn_reason reason);
void conn_die(struct conns *cs, struct conn *c, enum conn_reason reason, int error);
/* The session is of no use any more; what it made last (an alert) is still sent. */
void conn_fail_tls(struct conns *cs, struct conn *c, const char *why);

/* conn_rate.c */

/* Bytes have come in: the debt as it is now. */
void conn_note_input(const struct conns *cs, struct conn *c);
/* When one that is throttled may be read again. */
uint64_t conn_resume_at(const struct conns *cs, const struct conn *c);

/* conn_timer.c */

void conn_on_timer(void *ctx, slab_handle h);
/* Sees to it that the timer does not fire later than the nearest deadline. */
void conn_arm(struct conns *cs, struct conn *c);

/* conn_input.c */

void conn_on_ready(void *ctx, slab_handle h, unsigned ready);
void conn_run_input(void *ctx);
/* A step of the handshake with cs->tls.in. True when it is done. */
bool conn_handshake(struct conns *cs, struct conn *c);

/* conn_output.c */

void conn_run_flush(void *ctx);
/* Moves ciphertext made outside of a flush to the connection. */
void conn_collect(struct conns *cs, struct conn *c);

static inline size_t conn_pending(const struct conn *c)
{
	return c->io ? buf_len(&c->io->raw) + buf_len(&c->io->out) : 0;
}

static inline bool conn_has_kept_input(const struct conn *c)
{
	return c->io && buf_len(&c->io->in) > 0;
}

#endif
