/* SASLprep (RFC 4013): how passwords, and names in SASL exchanges, are prepared before they are hashed. */
#ifndef LINNET_SASLPREP_H
#define LINNET_SASLPREP_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

/* As a query string (code points that Unicode 3.2 had not assigned pass; reason in docs/PROTOCOL.md). 0 with a slice in
 * `a` (or `in` itself), or -1: not UTF-8, a prohibited character, a violation of the bidi rule, or nothing left. */
CHECK int saslprep(struct arena *a, struct str in, struct str *out_r);

#endif
