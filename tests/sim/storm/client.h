/* A device of one of the people in a storm: its stream, and what it knows by what it was told. */
#ifndef LINNET_TESTS_STORM_CLIENT_H
#define LINNET_TESTS_STORM_CLIENT_H

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/stream/initiator.h"
#include "tests/sim/storm/tokens.h"

#include <stdbool.h>
#include <stdint.h>

#define STORM_ACCOUNTS  5
#define STORM_RESOURCES 3
#define STORM_CLIENTS   (STORM_ACCOUNTS * STORM_RESOURCES)
#define STORM_NAME_MAX  24
#define STORM_VERSION_MAX 48
#define STORM_AWAY      INT16_MIN

struct storm;

enum storm_subscription { SUBSCRIBED_NONE, SUBSCRIBED_TO, SUBSCRIBED_FROM, SUBSCRIBED_BOTH };

/* What a client knows of one contact. */
struct storm_item {
	bool is_there;
	enum storm_subscription subscription;
	bool asks, approved;
	char name[STORM_NAME_MAX];
};

/* The last messages from one device, by their place in the ledger, from 1. What was kept comes later than what could be
 * delivered at once, as long as this device took no messages to the bare JID; and headlines wait for nothing. */
struct storm_order {
	uint64_t live, kept;
	uint64_t live_in_line; /* that could have been kept, while this device took what is kept */
};

struct storm_client {
	struct storm *storm;
	unsigned number, account, resource;
	bool is_newer; /* logs in by SASL2, on streams that count as protected */
	const struct jid *jid; /* what it has been bound as; until then, and without Bind 2, with the resource that it asks for */
	struct initiator_config config;
	struct initiator *initiator; /* NULL: not connected */
	int socket;
	int ghost; /* the connection of its last session, which it has left open when it came back; -1: none */
	struct buf in, out;
	uint64_t stream; /* number of the connection */
	bool bound;
	bool silent; /* neither reads nor answers */
	bool closes; /* has sent the end of its stream */
	int priority; /* of the presence it has sent last; STORM_AWAY: none, or unavailable */
	unsigned status; /* number of that presence */
	unsigned unanswered; /* requests */
	bool has_roster; /* has been told the roster, and gets pushes */
	struct storm_item items[STORM_ACCOUNTS];
	/* What it keeps for the next session: the roster and its version (RFC 6121, 2.6); empty: nothing yet. */
	struct storm_item kept[STORM_ACCOUNTS];
	char version[STORM_VERSION_MAX];
	bool asked_by[STORM_ACCOUNTS]; /* has got a request for a subscription in this session */
	unsigned sees[STORM_CLIENTS]; /* the status of each device; 0: not available */
	struct storm_order newest[STORM_CLIENTS]; /* from each device */
	uint64_t answered; /* messages of the ledger before this one may have been acknowledged */
	struct storm_tokens tokens;
};

void client_init(struct storm *st, unsigned number);
void client_fini(struct storm_client *c);

/* Begins a stream; nothing happens if nobody listens. */
void client_connect(struct storm_client *c);
/* Comes back although its session is still there: on another connection, and it never looks at the first again. */
void client_connect_again(struct storm_client *c);
/* When all is calm: the session that it came back from has ended. */
void client_check(struct storm_client *c);
/* Its connection is reset, behind so many thousandths of a stanza that it had begun to send. */
void client_cut(struct storm_client *c, unsigned permille);
/* Ends its stream as one should. */
void client_close(struct storm_client *c);
/* False if there was nothing to do. */
bool client_step(struct storm_client *c);

static inline bool client_is_ready(const struct storm_client *c)
{
	return c->bound && !c->closes;
}

/* Sends that text. */
void client_post(struct storm_client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same for a request, which will be answered. */
void client_ask(struct storm_client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Sends a presence with this priority, or unavailable. */
void client_appear(struct storm_client *c, int priority);
/* A subscription stanza of that type. */
void client_subscribe(struct storm_client *c, const char *type, unsigned contact);
void client_ask_for_roster(struct storm_client *c);

#endif
