/* Connections: byte streams over TCP or Unix sockets, with or without TLS, on a loop.
 *
 * A connection is named by a handle. Each call takes it, and does nothing (or says so) when the connection is gone, so
 * nobody needs to know when that happened. One that has ended tells on_closed(), exactly once and last of all, in the
 * phase CLOSED of the turn; its handle finds nothing afterwards.
 *
 * Writing: conn_write() appends to a bounded buffer; in the phase FLUSH each connection that has output writes it with
 * one system call, under TLS as one train of records. Reading: one read of at most CONN_READ_BYTES a turn; who charges for
 * it (conn_charge) has it read at a rate.
 *
 *     conn_connect ─▶ CONNECTING ─▶ OPEN ◀─ conn_accept, conn_attach
 *                                    │ conn_close, end of input, TLS failure
 *                                    ▼
 *                        FLUSHING: what was written, close_notify
 *                                    ▼
 *                        DRAINING: input is read and dropped until the peer closes too, so that the
 *                                    │    system does not answer it with a reset that destroys our last words
 *                                    ▼
 *     conn_abort, errors, deadlines ─▶ DEAD
 *
 * An idle connection holds its struct conn and, under TLS, what OpenSSL needs; no buffers. One thread a loop. */
#ifndef LINNET_CONN_H
#define LINNET_CONN_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/slab.h"
#include "lib/base/str.h"
#include "lib/net/loop.h"
#include "lib/net/net.h"
#include "lib/net/tls.h"
#include "lib/stream/sasl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONN_READ_BYTES 65536
/* What the facts about a TLS session take of an arena at most. */
#define CONN_FACTS_BYTES_MAX (1u << 20)

enum conn_reason {
	CONN_CLOSED, /* conn_close(); everything had been sent */
	CONN_ABORTED, /* conn_abort() */
	CONN_PEER_CLOSED, /* the peer ended its side; what we had written was sent */
	CONN_FAILED, /* `error` says how: reset, refused, unreachable … */
	CONN_TLS_FAILED, /* `text` says why */
	CONN_TIMED_OUT, /* `text` says in what: connecting, the TLS handshake, writing, closing */
};

struct conn_end {
	enum conn_reason reason;
	int error; /* CONN_FAILED: an errno; else 0 */
	const char *text; /* one readable line; never NULL; gone after the call */
};

enum conn_timer {
	CONN_IDLE, /* conn_set_timeout */
	CONN_DEADLINE, /* conn_set_deadline */
};

/* What a connection tells its owner. What it does not care for is NULL. No call comes from within one of the functions
 * below; on_closed is the last. */
struct conn_ops {
	/* conn_connect() has succeeded. */
	void (*on_connected)(void *owner, slab_handle c);
	/* Plain text, valid during the call. Returns how many bytes it took; when fewer than all, the rest is kept,
	 * reading pauses, and the rest comes again, first, after conn_resume(). */
	size_t (*on_data)(void *owner, slab_handle c, struct str data);
	/* What is pending has sunk to output_low, after it had exceeded output_high. */
	void (*on_writable)(void *owner, slab_handle c);
	/* The TLS handshake is done. */
	void (*on_tls)(void *owner, slab_handle c);
	/* A timer, which is off now. */
	void (*on_timeout)(void *owner, slab_handle c, enum conn_timer which);
	void (*on_closed)(void *owner, slab_handle c, const struct conn_end *end);
};

struct conn_limits {
	uint32_t connections;
	size_t output_max; /* pending bytes: conn_write refuses what would exceed them */
	size_t output_high, output_low; /* on_writable */
	unsigned connect_ms;
	unsigned handshake_ms;
	unsigned stall_ms; /* no progress in writing although there is output */
	unsigned close_ms; /* from conn_close, or the peer's end, to the end */
	/* What conn_charge() is about: so much a second, and so much at once; 0: no rate. */
	uint32_t rate_bytes_per_s, rate_burst_bytes;
};

/* 65,536 connections, 1 MiB of output (high 256 KiB, low 64 KiB), 30 s to connect, 10 s for TLS, 60 s without progress,
 * 5 s to close. */
extern const struct conn_limits conn_limits_default;

struct conns;

/* All connections of a loop. Adds its hooks to the loop's phases. Limits are copied. */
struct conns *conns_new(struct loop *l, const struct conn_limits *limits);
/* Drops those that are left without a word to their owners. Before loop_free(). */
void conns_free(struct conns **cs);
uint32_t conns_count(const struct conns *cs);
struct loop *conns_loop(const struct conns *cs);

/* Beginning. 0, or a negative errno (-ENOBUFS: limits.connections are there already); then the socket of conn_accept
 * has been closed. `from` may be NULL. */
CHECK int conn_accept(struct conns *cs, int socket, const struct conn_ops *ops, void *owner, slab_handle *c_r);
CHECK int conn_connect(struct conns *cs, const struct net_address *to, const struct net_address *from,
	const struct conn_ops *ops, void *owner, slab_handle *c_r);
/* From now on `ops` and `owner` are told. */
void conn_set_owner(struct conns *cs, slab_handle c, const struct conn_ops *ops, void *owner);

/* Appends; sent at the end of the turn. False if nothing was taken: the bound would be exceeded (a reader that is too
 * slow: close or abort it), or it is closing or gone. While connecting or in the handshake, output waits. */
CHECK bool conn_write(struct conns *cs, slab_handle c, struct str data);
/* Bytes written and not yet accepted by the system, TLS overhead included. */
size_t conn_pending_bytes(const struct conns *cs, slab_handle c);
/* More than output_high is pending: on_writable will come. */
bool conn_is_congested(const struct conns *cs, slab_handle c);

/* Back-pressure: no on_data until conn_resume(). Once paused, nothing is read, nor is the peer's end noticed. */
void conn_pause(struct conns *cs, slab_handle c);
void conn_resume(struct conns *cs, slab_handle c);

/* Sets so many bytes on the account of one that has just been given some (in on_data): what came, or more where it made more
 * work. Beyond the burst nothing is read until the rest has been worked off at the rate of the limits: that is back-pressure,
 * no error. True if that begins now. Costs nothing while the connection is idle. */
bool conn_charge(struct conns *cs, slab_handle c, size_t bytes);
/* From on_data: others first. Nothing is read until on_data has come again, with no bytes, in the next phase INPUT: once what all
 * the others have sent was looked at. */
void conn_yield(struct conns *cs, slab_handle c);

/* Begins TLS behind what has been written so far, in the role of how->context. Every byte of plain text received so far
 * is dropped: what on_data did not take, or would not take of its present data, never comes (T1). Ends a pause; one
 * that comes later holds back data, not the handshake. Once a connection. */
void conn_start_tls(struct conns *cs, slab_handle c, const struct tls_use *how);
/* True once the handshake is done. */
bool conn_has_tls(const struct conns *cs, slab_handle c);
/* The protocol agreed on by ALPN, the version and the cipher; of a server, the name that the client asked for. False
 * without TLS. The slices are valid until the connection ends. */
bool conn_tls_info(const struct conns *cs, slab_handle c, struct tls_info *info_r);
/* What a login may know of the TLS below it: its channel bindings, and of a server the addresses in the client's certificate, if
 * `clients` (that of conn_start_tls; may be NULL) believe it; they live in `a`, with room for CONN_FACTS_BYTES_MAX. False without
 * TLS. */
bool conn_tls_facts(const struct conns *cs, slab_handle c, const struct tls_trust *clients, struct arena *a,
	struct sasl_tls *facts_r);

/* Sends what is pending, then ends; no more on_data, no more writing. While connecting: as conn_abort(). */
void conn_close(struct conns *cs, slab_handle c);
/* Sends what the system takes of it at the end of this turn, and ends without waiting for the peer; at once if TLS is not there
 * yet. Not sure to arrive. */
void conn_finish(struct conns *cs, slab_handle c);
/* Ends at once. */
void conn_abort(struct conns *cs, slab_handle c);

/* Timers; 0 switches off. Each fires once. Idle: when nothing has come in for `ms`, counted from this call at the
 * earliest; coming in costs no more than a timestamp. Deadline: `ms` from now, whatever comes in. */
void conn_set_timeout(struct conns *cs, slab_handle c, unsigned ms);
void conn_set_deadline(struct conns *cs, slab_handle c, unsigned ms);
/* Monotonic time at which bytes came in last (at first: of its beginning); 0 if it is gone. */
uint64_t conn_last_input_ms(const struct conns *cs, slab_handle c);

CHECK int conn_local_address(const struct conns *cs, slab_handle c, struct net_address *a_r);
CHECK int conn_peer_address(const struct conns *cs, slab_handle c, struct net_address *a_r);
CHECK int conn_peer_credentials(const struct conns *cs, slab_handle c, struct net_credentials *c_r);

/* The move: a live connection on its way from one loop to another, owned by whoever holds it, on any thread. */
struct conn_parts {
	int socket;
	struct ssl_st *ssl; /* NULL: plain */
	struct tls_context *tls;
	struct conn_io *io; /* input not taken, output not sent; NULL: none */
	uint64_t last_input_ms;
	uint32_t debt;
	bool congested, ended, throttled;
};

/* Takes it out of its loop without on_closed; timers are lost. Not from a callback of this connection: in the phase
 * END, mostly. False, and nothing happens, unless it is open and not in a handshake. */
CHECK bool conn_detach(struct conns *cs, slab_handle c, struct conn_parts *parts_r);
/* Goes on where it was, not paused: first on_data for what was not taken, in the next turn; output in order. On an
 * error the parts have been discarded. */
CHECK int conn_attach(
	struct conns *cs, struct conn_parts *parts, const struct conn_ops *ops, void *owner, slab_handle *c_r);
/* For parts that nobody will attach. `net` is any of the same kind. */
void conn_parts_discard(struct conn_parts *parts, const struct net *net);

/* sizeof(struct conn), for reports. */
size_t conn_bytes(void);

#endif
