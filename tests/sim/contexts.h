/* TLS for simulations: a server's context for one host, with a certificate of its own, and a client's that trusts this
 * certificate alone. Made once a program: contexts are immutable, and keys are dear.
 *
 * What OpenSSL draws does not come from any seed, so a simulation with TLS is not the same twice. */
#ifndef LINNET_TESTS_SIM_CONTEXTS_H
#define LINNET_TESTS_SIM_CONTEXTS_H

#include "lib/base/macros.h"
#include "lib/net/tls.h"
#include "tests/sim/world.h"

#include <stddef.h>

struct contexts {
	struct world world; /* its time, at which the certificate is looked at, is the beginning of all simulations */
	struct tls_context *server, *client;
};

/* Its address must not change afterwards. 0, or -1 with one line in `why`. */
CHECK int contexts_init(struct contexts *c, const char *host, char *why, size_t why_bytes);
/* Also for one that is all 0, or after a failure. */
void contexts_fini(struct contexts *c);

#endif
