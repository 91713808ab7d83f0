/* Where commands make their changes: in the server that runs on the data folder, through its admin socket; or, if none does, in
 * the data folder itself, under its lock. */
#ifndef LINNET_CMD_STORE_H
#define LINNET_CMD_STORE_H

#include "cmd/admin_client.h"
#include "lib/base/log.h"
#include "lib/base/macros.h"
#include "server/core/config.h"
#include "server/core/host_table.h"
#include "server/storage/storage.h"

#include <jansson.h>

struct store {
	const char *command; /* for messages */
	const struct config *config;
	struct admin_client *server; /* or: */
	struct storage *storage;
	struct migration *migrations;
	struct log_sink sink;
	struct log log;
	char *folder;
};

/* All return 0, or an exit code with the reason on stderr. */

/* Its address must not change; store_close() also after a failure. */
CHECK int store_open(const char *command, const struct config *config, struct store *s);
void store_close(struct store *s);
/* The hosts that are served, or would be; the caller's. */
CHECK int store_hosts(struct store *s, struct host_table **hosts_r);

/* With a server: a request (taken) whose result does not matter. */
CHECK int store_ask(struct store *s, json_t *request);
/* Without: a unit (taken); `failure` is what it means that it cannot be. */
CHECK int store_commit(struct store *s, struct unit *u, const char *failure);

#endif
