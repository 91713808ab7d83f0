/* What a run of a scenario is given: a loop with its network and clock, the server's addresses, and what may be done to
 * the server. The command gives it real sockets and time (cmd/scenario.c), the simulator its own. */
#ifndef LINNET_SCENARIO_HOST_H
#define LINNET_SCENARIO_HOST_H

#include "cmd/scenario/scenario.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/net/address.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"
#include "lib/stream/initiator.h"
#include "lib/xmpp/jid.h"

#include <stdbool.h>

#define SCENARIO_STEP_MS 10000

/* Outlives the run. A function that is NULL is not available, and a scenario that needs it is skipped. */
struct scenario_host {
	struct loop *loop;
	const struct random_source *random;
	/* Where the server listens, by enum initiator_tls; NET_NONE: nowhere, as far as is known. */
	struct net_address servers[INITIATOR_TLS_NONE + 1];
	enum initiator_tls tls; /* of clients that do not say */
	struct tls_context *tls_context; /* of a client; NULL: no TLS */
	unsigned step_ms; /* what a step may take; SCENARIO_STEP_MS, as a rule */
	/* The password of an account; p NULL: its localpart. Lives as long as the run. */
	struct str (*password)(void *ctx, const struct jid *account);
	/* Does this to the server; scenario_run_server_done() says when it is done. False: not possible. */
	bool (*act)(void *ctx, enum server_act act);
	/* Waits until nothing more will happen without new input; then scenario_run_settled(). If NULL, "receives
	 * nothing" pings. */
	void (*settle)(void *ctx);
	void *ctx;
};

#endif
