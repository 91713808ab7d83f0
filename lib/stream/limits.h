/* The limits of docs/SECURITY.md, P3, for each kind of peer, and what is refused inside stanzas (S5). */
#ifndef LINNET_STREAM_LIMITS_H
#define LINNET_STREAM_LIMITS_H

#include "lib/xml/xml.h"

extern const struct xml_limits stream_limits_before; /* before authentication */
extern const struct xml_limits stream_limits_client; /* an authenticated client */
extern const struct xml_limits stream_limits_server; /* what a client accepts from its server */
extern const struct xml_rules stream_rules;

#endif
