/* Domainparts (RFC 7622, 3.2), apart from the rest of a JID. Slow path: jid_normalise_domain in jid.h. */
#ifndef LINNET_JID_DOMAIN_H
#define LINNET_JID_DOMAIN_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* The ASCII host names that need no more than lower case: writes in.n bytes to `out`. False for everything else,
 * right or wrong, with whatever has been written. A trailing dot has been stripped. */
CHECK bool jid_domain_lower_ascii(struct str in, char *out);

#endif
