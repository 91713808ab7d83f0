/* A running server: the parts of server/ with the system's clock, sockets and files behind them, and a thread for each. */
#ifndef LINNET_CMD_INSTANCE_H
#define LINNET_CMD_INSTANCE_H

#include "lib/base/log.h"
#include "lib/base/macros.h"
#include "lib/net/address.h"
#include "server/core/config.h"

#include <stdbool.h>
#include <stddef.h>

struct instance;

/* All outlive the instance. */
struct instance_options {
	const struct config *config;
	const struct log *log;
	bool encodes_envelopes; /* see server.h */
};

/* Opens the data folder, listens, starts the threads. 0, or an exit code with one line in why. */
CHECK int instance_start(const struct instance_options *o, struct instance **i_r, char *why, size_t why_bytes);
/* "ready pid=N data=DIR admin=… c2s=…" (no line feed); valid until instance_stop. */
const char *instance_ready_line(const struct instance *i);
/* True once the storage has failed for good: the process has to end. Any thread. */
bool instance_has_failed(const struct instance *i);
/* Ends all streams, waits until everything is committed (ten seconds at most), ends the threads, closes. */
void instance_stop(struct instance **i);

#endif
