/* A worker: an event loop with its connections, sessions and entities, and the only thread that ever touches them.
 *
 * worker_step() is one turn: what the sockets and other threads brought, timers, then the end of the turn: envelopes for
 * others go out in one push each, the units of the turn are submitted as one batch, connections are flushed. A thread is only a
 * driver for it (server.c), the simulator another. */
#ifndef LINNET_WORKER_H
#define LINNET_WORKER_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/base/slab.h"
#include "lib/net/conn.h"
#include "lib/net/loop.h"
#include "server/core/envelope.h"
#include "server/core/inbox.h"
#include "server/core/limits.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

struct admin;
struct entity;
struct server;
struct worker_batch; /* worker_storage.c */

/* Counted on the worker, read from anywhere. X(name, help) */
#define WORKER_COUNTERS(X)                                                                                             \
	X(stanzas_in, "stanzas received from clients")                                                                 \
	X(stanzas_out, "stanzas written to clients")                                                                   \
	X(connections, "connections accepted")                                                                         \
	X(logins, "logins that succeeded")                                                                             \
	X(login_failures, "logins that failed")                                                                        \
	X(stream_errors, "streams ended with an error by us")                                                          \
	X(units, "units committed")                                                                                    \
	X(unit_failures, "units that failed")                                                                          \
	X(envelopes, "envelopes sent to another worker")                                                               \
	LIMITS(X)

struct worker_counters {
#define X(name, help) _Atomic(uint64_t) name;
	WORKER_COUNTERS(X)
#undef X
};

#define worker_count(w, name) atomic_fetch_add_explicit(&(w)->counters.name, 1, memory_order_relaxed)

/* When a limit's being met is written next, and how many times it was not (edge_limits.h). */
struct limit_note {
	uint64_t next_ms;
	unsigned unsaid;
};

struct chain {
	struct post *first, *last;
};

struct worker {
	struct server *server; /* immutable parts: configuration, modules, peers */
	uint32_t index;
	struct loop *loop;
	const struct clock *clock;
	const struct random_source *random;
	struct log log;
	struct inbox inbox;
	struct chain *out; /* for each worker, the posts of this turn */

	struct slab entities, sessions, edges;
	unsigned entity_kind, session_kind; /* of the loop */
	struct conns *conns;
	struct buf scratch, transport_scratch; /* of edges: empty between two uses */
	struct loop_hook on_inbox, on_end;
	struct hash_table by_key; /* entities */

	/* The batch of this turn, or NULL; `ticket` is that of the batch being gathered, or of the next. */
	struct worker_batch *batch;
	uint64_t ticket;
	uint64_t units_added; /* so far: tells whether a handler has added one */
	struct outcome *last_outcome; /* of the last unit added, until the end of the turn */
	uint64_t released; /* every ticket up to here is durable */
	struct list batches; /* that the writer has */
	struct list held; /* queries that wait for a ticket */

	struct admin *admin; /* on the worker that serves the admin socket; else NULL */

	struct list to_flush; /* sessions with something new to write */
	struct list remote_edges; /* of sessions here that have written something */
	struct list moving; /* edges that go to another worker */
	struct list stalled; /* sessions whose queue begins with an unreleased ticket */
	struct worker_counters counters;
	struct limit_note limit_notes[LIMIT_COUNT];
	_Atomic(uint32_t) session_count, edge_count;
};

/* `loop` is the worker's from then on. */
void worker_init(struct worker *w, struct server *server, uint32_t index, struct loop *loop, const struct clock *clock,
	const struct random_source *random, const struct log *log);
void worker_fini(struct worker *w);
/* One turn; waits at most `wait_ms` for something to happen. */
void worker_step(struct worker *w, unsigned wait_ms);

/* To the worker with this index, itself included: delivered in order, at the end of the turn, or within it if it is this
 * one. The envelope is taken. */
void worker_send(struct worker *w, uint32_t to, struct envelope *v);
/* The same for a post that stays in this process. */
void worker_post(struct worker *w, uint32_t to, struct post *p);
/* From any other thread: at once. */
void worker_post_from_outside(struct worker *to, struct post *p);

/* Storage. */

/* Says what became of a unit to those whose output depends on it; reference counted, on one worker. */
struct outcome {
	unsigned refs;
	uint64_t ticket;
	int error; /* not 0: the unit has failed */
	bool repeated; /* it had happened before: what it says has been said */
};
struct outcome *outcome_ref(struct outcome *o);
void outcome_unref(struct outcome **o);

/* What on_done is told: the entity's handle (it may have gone), the unit's error and whether it was a repetition. It is not called
 * if the worker ends before; so `ctx` lives in the unit's arena, or is nobody's to free. */
typedef void unit_done(struct worker *w, slab_handle entity, const struct unit *u, void *ctx);
/* Adds the unit (taken) to this turn's batch, in the name of this entity. The outcome is borrowed until the end of the turn: ref it,
 * or hand it to session_send_fact(). on_done may be NULL. */
struct outcome *worker_commit(struct entity *e, struct unit *u, unit_done *on_done, void *ctx);

/* That of the entity's last unit, if it is not durable yet, else NULL: what tells of the entity's state waits for it. Borrowed as
 * above. */
struct outcome *worker_outcome(struct entity *e);

/* Runs the query (taken) once the entity's last unit is durable. on_done may look at it only during the call; it is not called if
 * the entity has gone meanwhile. */
typedef void query_done(struct entity *e, const struct query *q, void *ctx);
void worker_query(struct entity *e, struct query *q, query_done *on_done, void *ctx);
/* The same for what concerns no entity (credentials); `handle` is passed through. */
typedef void worker_query_done(struct worker *w, slab_handle handle, const struct query *q);
void worker_query_alone(struct worker *w, struct query *q, worker_query_done *on_done, slab_handle handle);

/* Adds a unit that belongs to no entity in memory (an administrator's). */
void worker_commit_alone(struct worker *w, struct unit *u, unit_done *on_done, void *ctx);
/* Routes `s` (taken; may be NULL) when the outcome's unit is durable; if it fails, `otherwise` (taken; may be NULL). */
void worker_route_fact(struct worker *w, struct outcome *o, struct stanza *s, struct stanza *otherwise);

/* For worker.c: the end of the turn, and the end of the worker. */
void worker_submit(struct worker *w);
void worker_storage_fini(struct worker *w);

/* Given to storage_open(): they only post. */
void worker_on_batch(struct batch *b);
void worker_on_query(struct query *q);

/* Monotonic time of this turn, and wall time, in ms. */
static inline uint64_t worker_now(const struct worker *w)
{
	return loop_now_ms(w->loop);
}

static inline int64_t worker_wall(const struct worker *w)
{
	return clock_wall_ms(w->clock);
}

#endif
