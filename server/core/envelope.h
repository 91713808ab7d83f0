/* Envelopes: everything that crosses between entities, or between an edge and the owner of its session, is one of these.
 *
 * The list is closed, and each kind can be written to bytes and read back: in one process an envelope passes by pointer, in
 * the mode `envelopes: encoded` every one that changes worker goes through its encoding, so that another process is
 * nothing new. To add a kind: a line in ENVELOPE_KINDS, its fields below, its coding in envelope.c, its case where it arrives. */
#ifndef LINNET_ENVELOPE_H
#define LINNET_ENVELOPE_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/stream_error.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"
#include "server/core/inbox.h"

#include <stdbool.h>
#include <stdint.h>

/* X(constant, name): where it is handled stands behind it. */
#define ENVELOPE_KINDS(X)                                                                                              \
	X(STANZA, "stanza") /* to an entity: route.c → entity.c */                                                     \
	X(MULTICAST, "multicast") /* to a worker: multicast.c */                                                       \
	X(OUTBOX, "outbox") /* to an entity: outbox.c */                                                               \
	X(OUTBOX_DONE, "outbox-done") /* to an entity: outbox.c */                                                     \
	X(SESSION_OPEN, "session-open") /* edge → account: account.c */                                                \
	X(SESSION_OPENED, "session-opened") /* account → edge: edge.c */                                               \
	X(SESSION_STANZA, "session-stanza") /* edge → session: session.c */                                            \
	X(SESSION_WRITABLE, "session-writable") /* edge → session: session.c */                                        \
	X(SESSION_END, "session-end") /* edge → session: session.c */                                                  \
	X(EDGE_WRITE, "edge-write") /* session → edge: edge.c */                                                       \
	X(EDGE_CLOSE, "edge-close") /* session → edge: edge.c */                                                       \
	X(ACCOUNT_CHANGED, "account-changed") /* admin → account: account.c */                                        \
	X(ACCOUNT_REMOVE, "account-remove") /* admin → account: account.c */                                           \
	X(SESSION_REVOKE, "session-revoke") /* admin → account: account.c */                                            \
	X(ADMIN_DONE, "admin-done") /* account → admin: admin.c */

enum envelope_kind {
#define X(constant, name) ENVELOPE_##constant,
	ENVELOPE_KINDS(X)
#undef X
	ENVELOPE_KINDS_END
};

/* An object on a worker, named so that it may be gone when the name arrives. */
struct remote_handle {
	uint32_t worker;
	uint32_t handle;
};

/* Names the cause of an effect: the sender's stream and the number of the stanza on it. An effect applied twice is a no-op. */
struct origin {
	uint8_t stream[16];
	uint64_t number; /* from 1; 0: there is no origin */
};

/* Who a multicast is for: an account (its available sessions, or one of them). */
struct multicast_target {
	const struct jid *to;
};

/* How a session is opened: `number` of SESSION_OPEN. */
enum session_open_flags {
	SESSION_OPEN_OF_CLIENT = 1, /* `text` ends with the part that is the client's own: older sessions with that part end */
	SESSION_OPEN_ANONYMOUS = 2, /* the account lasts as long as the session; the resource is the server's to choose */
};

struct envelope {
	struct post post; /* on its way to a worker */
	struct envelope *next; /* in an entity that is not ready */
	enum envelope_kind kind;
	struct arena *arena; /* what the slices and JIDs below live in; the envelope too */
	/* Which fields count: see the table in envelope.c. */
	const struct jid *to; /* the entity: its bare JID is the key */
	struct remote_handle target, source;
	struct stanza *stanza; /* one reference */
	struct stanza_error refusal;
	struct origin origin;
	const struct multicast_target *targets;
	size_t target_count;
	struct str owner, text, bytes;
	uint64_t number, basis;
	enum stream_condition condition;
	bool flag;
};

#define ENVELOPE_BYTES_MAX (16u << 20)

/* Empty, of this kind, in an arena of its own with room for `extra_bytes`. */
struct envelope *envelope_new(enum envelope_kind kind, size_t extra_bytes);
void envelope_free(struct envelope **e);

/* Appends the encoding. */
void envelope_encode(const struct envelope *e, struct buf *b);
/* NULL if the bytes are not an envelope: they come from another process of ours, but are read as if from a stranger. */
struct envelope *envelope_decode(struct str bytes);

struct str envelope_kind_name(enum envelope_kind kind);

#endif
