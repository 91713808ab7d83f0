/* The hosts that are served at one moment, with the TLS context that names all of them. Immutable once it is published
 * (hosts.h): a change makes another table. */
#ifndef LINNET_HOST_TABLE_H
#define LINNET_HOST_TABLE_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct storage;
struct tls_context;
struct host_table;

struct host {
	struct str name; /* normalised */
	struct str certificate, key; /* paths; empty: self-signed */
	bool is_configured; /* by the configuration file: not to be removed while the server runs */
};

#define HOSTS_MAX 65536

/* Copies all of it; names differ. The first one is also for TLS clients that name none. */
struct host_table *host_table_new(const struct host *hosts, size_t count);
/* Those of the configuration, then those that the storage knows beside them, by domain. NULL, and one line in why. While nothing
 * drives the storage. */
CHECK struct host_table *host_table_read(const struct config *c, struct storage *s, char *why, size_t why_bytes);
/* The same hosts and one more; without one of them. No TLS context yet. */
struct host_table *host_table_with(const struct host_table *t, const struct host *h);
struct host_table *host_table_without(const struct host_table *t, struct str name);
void host_table_free(struct host_table **t);

size_t host_table_count(const struct host_table *t);
const struct host *host_table_get(const struct host_table *t, size_t i);
/* NULL if the domain (normalised) is not served. */
const struct host *host_table_find(const struct host_table *t, struct str name);

/* Before it is published. The reference is taken. */
void host_table_set_tls(struct host_table *t, struct tls_context *tls);
/* Borrowed; NULL where there are no listeners with TLS. */
struct tls_context *host_table_tls(const struct host_table *t);

#endif
