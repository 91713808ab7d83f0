/* Clients of the benchmarks: many on one loop, each logged in with presence, on our own stream and connections.
 *
 *     struct clients *c = clients_new(&o);
 *     clients_login(c, 0, count);
 *     … clients_send(…), clients_run_until(c, is_done, ctx) …
 *     clients_free(&c);
 *
 * Whatever goes wrong ends the process with a line on stderr; so does a silence of ten seconds. */
#ifndef LINNET_BENCH_CLIENTS_H
#define LINNET_BENCH_CLIENTS_H

#include "lib/base/str.h"
#include "lib/net/address.h"
#include "lib/xmpp/stanza.h"

#include <stdbool.h>

struct clients;

struct clients_options {
	unsigned count;
	struct net_address server;
	bool tls; /* from the first byte */
	/* Of the client with that number; the stanza is borrowed. Presence is not told. */
	void (*on_stanza)(void *ctx, unsigned number, const struct stanza *s);
	void *ctx;
};

struct clients *clients_new(const struct clients_options *o);
/* Drops the connections. */
void clients_free(struct clients **c);

/* So many more, a few at a time, until the presence of each has come back to it. */
void clients_login(struct clients *c, unsigned count);
void clients_send(struct clients *c, unsigned number, struct str bytes);
void clients_run_until(struct clients *c, bool (*is_done)(void *ctx), void *ctx);

#endif
