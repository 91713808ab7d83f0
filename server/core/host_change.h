/* Hosts that come and go while the server runs. server->hosts is the table (host_table.h), one atomic pointer: whoever asks reads
 * it within a call and keeps nothing of it, so nothing on the way of a stanza takes a lock.
 *
 *     check ─▶ TLS context, on a thread of the driver's ─▶ unit { row } ─▶ durable: server->hosts = the new table
 *                                                              ┌──────────────────────┘
 *                                                              ▼
 *                   each worker, once: lets go of what has gone ─▶ confirms ─▶ all have: the old table is freed, the answer
 *
 * A worker that confirms is between two envelopes, so it looks at the old table no more. One change at a time; they are begun and
 * answered on the worker of the admin socket. */
#ifndef LINNET_HOST_CHANGE_H
#define LINNET_HOST_CHANGE_H

#include "server/core/host_table.h"

#include <stdint.h>

struct server;
struct tls_context;
struct worker;

/* A context to be made for these hosts. The driver fills in `tls`, or `why` if that stays NULL, and calls done(): once, on any
 * thread. */
struct tls_load {
	const struct host_table *hosts;
	struct tls_context *tls;
	char why[512];
	void (*done)(struct tls_load *l);
};

struct tls_loader {
	void (*load)(void *ctx, struct tls_load *l);
	void *ctx;
};

/* Each answers the admin's request, at once or later. A host's accounts and what is theirs is left where it is. */
void host_change_add(struct worker *w, uint32_t client, const struct host *h);
void host_change_remove(struct worker *w, uint32_t client, struct str name);

/* At the end of the server, behind that of all workers and of the driver's thread. */
void host_change_free(struct server *s);

#endif
