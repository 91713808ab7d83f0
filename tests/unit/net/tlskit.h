/* For tests of TLS: certificates in a folder of their own, contexts, and two connections of one loop, a client and a
 * server, on a network in memory. */
#ifndef LINNET_TESTS_TLSKIT_H
#define LINNET_TESTS_TLSKIT_H

#include "lib/base/buf.h"
#include "lib/net/conn.h"
#include "lib/net/tls.h"
#include "tests/sim/network.h"

#include <stdbool.h>

/* A folder that is removed with everything in it. */
struct kit {
	char folder[64];
	char certificate[128], key[128], why[256];
};

void kit_init(struct kit *k);
void kit_fini(struct kit *k);
/* Makes NAME.crt and NAME.key for the hosts (up to a NULL); their paths are in k->certificate and k->key until the next
 * one. Valid for 90 days. */
void kit_certificate(struct kit *k, const struct clock *clock, const char *name, const char *const *hosts);
/* A server with one such certificate for one host, speaking xmpp-client. */
struct tls_context *kit_server(struct kit *k, const struct clock *clock, const char *host);
/* A client that trusts this file (NULL: everybody), speaking xmpp-client. */
struct tls_context *kit_client(struct kit *k, const struct clock *clock, const char *ca_file);

/* One end of a connection. */
struct end {
	struct conns *conns;
	slab_handle c;
	struct buf got;
	size_t take; /* at most so much of each on_data */
	unsigned data_calls, tls, writable, closed;
	enum conn_reason reason;
	char text[256];
	void (*on_data)(struct end *e, struct str data);
	void (*on_tls)(struct end *e);
	const struct tls_use *starts; /* TLS, when it has received anything */
};

void end_init(struct end *e, struct conns *cs);
void end_fini(struct end *e);
extern const struct conn_ops end_ops;

struct pair {
	struct world world;
	struct network network;
	struct sim_net sim_net;
	struct loop *loop;
	struct conns *conns;
	struct kit kit;
	struct tls_context *server_context, *client_context;
	struct tls_use server_use, client_use;
	struct end server, client;
	int server_socket, client_socket;
};

extern const struct conn_limits pair_limits;

/* Everything but the connections, which are plain after pair_connect(). */
void pair_init(struct pair *p, uint64_t seed);
void pair_connect(struct pair *p);
/* Both begin TLS. */
void pair_start_tls(struct pair *p);
void pair_fini(struct pair *p);
/* n turns that do not wait. */
void pair_turns(struct pair *p, unsigned n);

#endif
