/* What all workers share: configuration, modules, tables, storage. Written once before the first turn, immutable afterwards, but
 * for the table of hosts (host_change.h); the storage and the pool have locks of their own. */
#ifndef LINNET_SERVER_H
#define LINNET_SERVER_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/macros.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "server/core/config.h"
#include "server/core/host_change.h"
#include "server/core/host_table.h"
#include "server/core/module.h"
#include "server/core/token.h"
#include "server/storage/storage.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_kind;
struct host_change;
struct hashpool;
struct iq_table;
struct limits;
struct mechanisms;
struct worker;

struct server {
	const struct config *config;
	_Atomic(struct host_table *) hosts; /* server_hosts() */
	struct host_change *host_change; /* under way; the admin's worker only */
	struct tls_loader tls_loader;
	/* The modules that are on, in the order of the list, and their configuration structs. */
	const struct module **modules;
	const void **module_conf;
	size_t module_count;
	const struct module *presence_module;
	struct iq_table *iq;
	struct buf stream_features; /* of all modules, as bytes */
	struct storage *storage;
	struct hashpool *hashpool;
	struct limits *limits; /* has a lock of its own */
	uint64_t connections_max;
	struct worker **workers;
	uint32_t worker_count;
	const struct clock *clock;
	const struct random_source *random; /* any thread may use it */
	const struct log *log;
	unsigned char fake_salt_secret[32];
	unsigned char token_key[TOKEN_KEY_BYTES]; /* not in the database: server/storage/clients.h */
	unsigned char resource_secret[32];
	struct mechanisms *mechanisms;
	bool encodes_envelopes; /* the test mode in which workers are as strange to each other as processes: no moves either */
};

/* What a driver provides. All outlive the server. */
struct server_parts {
	const struct config *config;
	const struct module *const *modules;
	const struct clock *clock;
	const struct random_source *random;
	const struct log *log;
	struct storage *storage;
	struct hashpool *hashpool;
	struct tls_loader tls_loader; /* for hosts that are added; load NULL: they share the context that there is */
	uint64_t descriptors; /* that connections may take; 0: no matter how many */
	bool encodes_envelopes;
};

/* 0, or -1 with a line for the operator in why: modules that contradict each other. Workers are added by the driver: see
 * server_add_worker. */
CHECK int server_init(struct server *s, const struct server_parts *parts, char *why, size_t why_bytes);
/* Exactly config->workers of them, before the first turn of any. */
void server_add_worker(struct server *s, struct worker *w);
void server_fini(struct server *s);

/* The hosts of this moment: not to be kept beyond the call, nor to be asked for by other threads than workers' while these run. */
const struct host_table *server_hosts(const struct server *s);
/* The context of the first table, before the first turn; the reference is taken. */
void server_set_tls(struct server *s, struct tls_context *tls);
/* True if the domain (normalised) is served here. */
bool server_is_host(const struct server *s, struct str domain);
/* Place of a module that is on. */
size_t server_module_index(const struct server *s, const struct module *m);
/* Its configuration struct. */
const void *server_module_conf(const struct server *s, const struct module *m);

/* After how long without any traffic a client is looked after (XEP-0478, idle-seconds); 0: never. */
uint64_t server_idle_ms(const struct server *s);

/* Fills in what the streams of a listener need. */
void server_edge_kind(const struct server *s, const struct config_listener *l, struct edge_kind *kind_r);

/* The migrations of the core and of all modules, on or off; ends with feature NULL. The caller frees it with mem_free(). */
struct migration *server_migrations(const struct module *const *modules);

#endif
