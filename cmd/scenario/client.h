/* One client of a run: a connection, what has come in on it and has not been looked at, and how it ended. A login is
 * lib/stream/initiator.h's; a raw client has bytes only.
 *
 * A client that has logged in answers the pings of its server (XEP-0199), unless the scenario names one, and those are
 * never seen; neither are the answers to client_ping(). */
#ifndef LINNET_SCENARIO_CLIENT_H
#define LINNET_SCENARIO_CLIENT_H

#include "cmd/scenario/host.h"
#include "cmd/scenario/raw.h"
#include "cmd/scenario/scenario.h"
#include "lib/base/arena.h"
#include "lib/base/list.h"
#include "lib/base/slab.h"
#include "lib/base/str.h"
#include "lib/net/conn.h"
#include "lib/stream/initiator.h"
#include "lib/xml/node.h"
#include "lib/xmpp/stanza.h"

#include <stdbool.h>
#include <stdint.h>

/* What is sent at once. */
#define CLIENT_OUTPUT_MAX (16u << 20)

/* What the clients of a run share. */
struct client_site {
	const struct scenario_host *host;
	struct conns *conns;
};

enum client_state {
	CLIENT_OFF,
	CLIENT_OPENING, /* connecting, TLS, login */
	CLIENT_BOUND,
	CLIENT_RAW,
	CLIENT_OVER, /* the connection has ended; what came in can still be read */
};

/* How it ended, and what the server said. */
struct client_end {
	bool by_server; /* `condition` is the server's; else it is what we had against the server */
	enum stream_condition condition;
	enum sasl_failure failure;
	enum stanza_condition refusal;
	char text[256]; /* for people */
};

/* A stanza, or any other element. */
struct client_item {
	struct list link;
	struct stanza *stanza; /* or: */
	struct arena *arena;
	const struct xml_node *root;
};

enum client_reading { CLIENT_READS, CLIENT_READS_SLOWLY, CLIENT_READS_NOT };

/* What its installation keeps from one connection to the next. */
struct client_memory {
	char id[37]; /* a UUID; empty: it has not been needed yet */
	struct sasl_token token; /* n 0: none */
	struct initiator_offer offer;
	struct arena *arena; /* of its slices */
};

/* How the login went. */
struct client_login {
	bool has_bound, is_token_refused;
	enum sasl_binding binding;
	unsigned tokens; /* that came: mask of SASL_BIT */
	unsigned hashed; /* mask of 1u << enum digest */
	unsigned flights; /* of ours, from TLS on until it is bound */
};

struct client {
	const struct client_site *site;
	const struct scenario_client *definition;
	unsigned number;
	enum client_state state;
	slab_handle conn;
	struct arena *arena; /* of this connection */
	const struct connect_how *how;
	struct tls_use tls;
	bool has_tls;
	struct initiator_config config;
	struct initiator_offer known; /* config's */
	struct initiator *initiator; /* NULL: raw */
	struct client_login login;
	struct client_memory memory;
	enum client_reading reading;
	size_t slow_bytes; /* read since the last pause, where it reads slowly */
	struct list inbox;
	size_t inbox_count;
	struct raw raw;
	bool may_be_amid;    /* bytes were sent last: the beginning of an element, perhaps */
	uint64_t ping, pong; /* the last that was sent, and answered */
	struct client_end end;
};

void client_init(
	struct client *c, const struct client_site *site, const struct scenario_client *definition, unsigned number);
/* Drops a connection and forgets all but its memory. It is off then. */
void client_reset(struct client *c);
void client_fini(struct client *c);

/* The address that `how` asks for; NET_NONE: the host does not have it. */
const struct net_address *client_server(const struct scenario_host *host, const struct connect_how *how);

/* A client that is off begins to connect; it becomes bound or raw, or it is over. `domain` is the one that a raw
 * client's TLS wants to see. */
void client_connect(struct client *c, const struct connect_how *how, struct str domain);
/* What it does not have that `how` needs; NULL: nothing. */
const char *client_missing(const struct client *c, const struct connect_how *how);
/* False if nothing was taken. */
CHECK bool client_write(struct client *c, struct str bytes);
void client_start_tls(struct client *c);
/* Closes the stream of a bound client. */
void client_close(struct client *c);
void client_set_reading(struct client *c, enum client_reading reading);

/* Sends a ping to the server: once `pong` is `ping`, all that came before its answer is in the inbox. */
void client_ping(struct client *c);
bool client_has_pong(const struct client *c);

/* Full JID; NULL unless it has been bound. */
const struct jid *client_jid(const struct client *c);

/* The first item that has not been taken; NULL if there is none. */
struct client_item *client_first(const struct client *c);
/* Frees it. */
void client_drop_item(struct client *c, struct client_item *item);
/* The client's own presence, coming back to it (RFC 6121, 4.2.2 and 4.5.2): hidden unless it is named. */
bool client_is_echo(const struct client *c, const struct xml_node *root);

#endif
