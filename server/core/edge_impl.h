/* The insides of an edge, for the files that make it up: edge.c drives its stream, edge_transport.c is what its session writes to,
 * edge_move.c takes it to the worker of its account. Nobody else includes this. */
#ifndef LINNET_EDGE_IMPL_H
#define LINNET_EDGE_IMPL_H

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/net/address.h"
#include "server/core/edge.h"
#include "server/core/token.h"
#include "server/storage/accounts.h"
#include "server/storage/clients.h"

#include <stdint.h>

/* Until it is bound (docs/SECURITY.md, Q3). */
#define EDGE_UNBOUND_MS 30000

/* An id of a client is a UUID. */
#define EDGE_CLIENT_BYTES 36

enum edge_state {
	EDGE_UNBOUND,
	EDGE_OPENING, /* SESSION_OPEN is on its way */
	EDGE_BOUND,
};

struct edge {
	struct transport transport;
	struct worker *worker;
	const struct edge_kind *kind;
	struct receiver *receiver;
	slab_handle handle, conn; /* conn: 0 once it has ended */
	struct remote_handle session;
	uint32_t unacknowledged; /* bytes of a session elsewhere, written here since it was last told: less than the output's bound */
	uint8_t state; /* enum edge_state */
	bool asks; /* somebody owes it an answer by its handle: keys, tokens, a hash, a unit */
	bool ended; /* the session's side has been told, or told us */
	bool closing; /* the client has closed its stream; ours follows what the session has to say */
	struct log log;
	struct edge_login *login; /* until it is bound */
};

/* What a login has shown of itself that the session depends on; goes along with a move. */
struct edge_intent {
	enum sasl_mechanism mechanism;
	uint64_t open_flags; /* enum session_open_flags */
	char client[EDGE_CLIENT_BYTES]; /* who it says it is; zeros: it did not say */
	const struct receiver_grant *grant; /* asked for while it was moving; the stream's */
	struct accounts_keys keys; /* of the account, as they were looked up */
	struct client_token tokens[SASL_TOKEN_SLOTS]; /* of the client, as they were looked up */
	unsigned char salts[SASL_TOKEN_SLOTS][TOKEN_SALT_BYTES];
};

/* What is needed before there is a session, and goes when there is one. */
struct edge_login {
	struct edge *edge;
	struct net_address peer;
	uint64_t bind_by_ms; /* monotonic: EDGE_UNBOUND_MS from its accepting */
	struct list move_link; /* in worker->moving */
	bool moving; /* logged in to an account of another worker: goes there at the end of the turn */
	slab_handle guest; /* its place among those that have not logged in (limits.h); 0: none */
	struct edge_intent intent;
	struct str wanted; /* the resource to bind once there, in memory of its own; p NULL: not asked for yet */
};

extern const struct conn_ops edge_conn_ops;
extern const struct transport_ops edge_transport_ops;

/* An edge without connection or stream; NULL if there are too many. */
struct edge *edge_new(struct worker *w, const struct edge_kind *kind, const struct net_address *peer);
void edge_free(struct edge *e);
/* The answer that it waits for has come. NULL if its connection has ended: then it has stayed for that only, since its handle would
 * come again some day, and the answer with it to somebody else. */
struct edge *edge_answered(struct worker *w, slab_handle h);
/* Goes on with what the stream has to say. */
void edge_pump(struct edge *e);
/* Ours is closed, if it is due. */
void edge_close_behind(struct edge *e);
/* Ends the stream from our side; its session, if it has one, is told. `text` is static. */
void edge_end(struct edge *e, enum stream_condition condition, const char *text);
/* Asks the account for a session with this resource. */
void edge_open_session(struct edge *e, struct str resource);

/* edge_login.c */

/* The handshake is done. */
void edge_tls_started(struct edge *e);
void edge_find_tokens(struct edge *e, const struct receiver_event *ev);
/* Keeps it, once the edge is where it belongs. */
void edge_grant(struct edge *e, const struct receiver_grant *g);
/* The edge has moved: goes on with a grant that was waiting for that. */
void edge_resume_grant(struct edge *e);
/* The resource for bind.is_inline (XEP-0386, 4.2). */
struct str edge_inline_resource(struct edge *e, const struct receiver_event *ev, struct arena *a);

#endif
