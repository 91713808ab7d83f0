/* A session: one bound resource of an account, on the account's worker. It has the state, the queue and the transport handle;
 * the socket is its edge's affair. */
#ifndef LINNET_SESSION_H
#define LINNET_SESSION_H

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/slab.h"
#include "lib/base/wheel.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"
#include "server/core/envelope.h"
#include "server/core/transport.h"

#include <stdbool.h>
#include <stdint.h>

struct account;
struct module;
struct outcome;
struct queued; /* session.c */
struct worker;

#define SESSION_QUEUE_MAX_BYTES (256u << 10) /* beside the largest of what waits */
#define SESSION_DIRECTED_MAX 256
/* What one stanza of a client may become when it is written anew: room for every character escaped. What is sent and stored has
 * room for that, and for what we add. */
#define SESSION_STANZA_BYTES_MAX (2u << 20)
#define SESSION_STANZA_EXTRA_BYTES (64u << 10)

struct session {
	struct list link; /* in account->sessions */
	struct account *account;
	struct transport *transport; /* NULL once its edge has gone */
	const struct jid *jid; /* full, in memory of its own */
	struct list flush_link; /* in worker->to_flush or worker->stalled */
	slab_handle handle;
	struct wheel_node timer;
	struct log log;
	struct str presence; /* the last broadcast one, available, as it is stored, in memory of its own; p NULL: not available */
	int8_t priority;
	bool interested; /* has asked for the roster: gets pushes (RFC 6121, 2.1.6) */
	bool blocked, closing;
	enum stream_condition end_condition; /* of session_end, once closing */
	const char *end_text;
	uint64_t *timers; /* by place in the module list, NULL until the first is set: session_set_timer */
	uint64_t last_input_ms; /* when the client last sent a stanza, monotonic */
	struct queued *first, *last; /* what waits for a ticket or for room */
	size_t queued_bytes;
	void **data; /* by place in the module list, NULL until the first is set */
	struct origin origin; /* of the next stanza: stream and number */
};

static inline bool session_is_available(const struct session *s)
{
	return s->presence.p != NULL;
}

/* Its last broadcast presence from now on. False, with nothing changed, if that cannot be kept. */
CHECK bool session_set_presence(struct session *s, struct stanza *presence);
/* It is not available any more. */
void session_drop_presence(struct session *s);
/* Of one that is available: a reference, the caller's. */
struct stanza *session_presence(const struct session *s);

/* Queues a stanza (a reference is added) for this client; `to` replaces its address if not NULL (borrowed). In order, whatever
 * it waits for. */
void session_send(struct session *s, struct stanza *stanza, const struct jid *to);
/* The same for a message that has a row in the account's log: should the session end before it has left, that row is what is
 * left of it. */
void session_send_recorded(struct session *s, struct stanza *stanza);
/* One message that several sessions of an account get. What one of them has not been sent when it ends is not delivered anew, as long
 * as another one has got it or will. Reference counted, on one worker. */
struct copies {
	unsigned refs;
	bool written;
};
struct copies *copies_new(void);
void copies_unref(struct copies **c);
/* A reference on `copies` is added; NULL: this is the only one. */
void session_send_copy(struct session *s, struct stanza *stanza, struct copies *copies);
/* The same for what asserts a durable fact: it leaves when the unit is durable. If the unit fails, `otherwise` (a reference is
 * added; may be NULL: nothing) takes its place. Without an outcome (NULL) as session_send. */
void session_send_fact(struct session *s, struct stanza *stanza, struct outcome *outcome, struct stanza *otherwise);

/* Answers what this session has sent with an error, if one may be sent (RFC 6120, 8.3.1). The stanza is borrowed. */
void session_refuse(struct session *s, const struct stanza *stanza, const struct stanza_error *error);

/* It is being ended: a message to its account, whatever the resource, is delivered after that, behind what it has not been
 * sent. Taken. */
void session_defer(struct session *s, struct stanza *message);
/* Ends it from our side, soon: the stream error goes out behind what may still be written by then. `text` is static. */
void session_end(struct session *s, enum stream_condition condition, const char *text);

/* Monotonic time of the last sign of life: a stanza, or any byte if the transport knows of them (RFC 6120, 4.6.1). */
uint64_t session_last_input_ms(const struct session *s);

/* Calls on_session_timer of the module at or after that monotonic time; one pending time a session and module, UINT64_MAX
 * clears it. */
void session_set_timer(struct session *s, const struct module *m, uint64_t at_ms);

/* What a module keeps of a session; NULL until set. Freed by the module in on_session_close. */
void *session_data(const struct session *s, const struct module *m);
void session_set_data(struct session *s, const struct module *m, void *data);

/* From the edge, on the account's worker. */
struct session *session_open(
	struct account *a, const struct jid *full, struct transport *t, const struct origin *origin);
void session_on_stanza(struct session *s, struct stanza *stanza, const struct stanza_error *refusal);
/* There is room again: for so many of the bytes written so far, if the transport does not know by itself. */
void session_on_writable(struct session *s, uint64_t bytes);
/* The stream is over; `why` for the log. */
void session_on_closed(struct session *s, struct str why);
/* At the end of the worker: nobody is told. */
void session_drop(struct session *s);
/* Writes what may leave; called for the sessions that asked for it at the end of a turn, and when tickets are released. */
void session_flush(struct session *s);
/* Its timer. `ctx` is the worker. */
void session_on_timer(void *ctx, slab_handle h);
/* By handle; NULL if it has gone. */
struct session *session_get(struct worker *w, slab_handle h);

#endif
