/* Where a stanza goes (RFC 6120, 10): to an entity, to a handler of the host, or back with an error. */
#ifndef LINNET_ROUTE_H
#define LINNET_ROUTE_H

#include "lib/xmpp/stanza.h"
#include "server/core/envelope.h"

struct worker;
struct account;
struct session;

/* Routes a stanza (taken) that has both addresses, on the sender's worker. `origin` may be NULL. */
void route(struct worker *w, struct stanza *s, const struct origin *origin);

/* Answers it with an error, routed to its sender, if one may be sent (RFC 6120, 8.3.1). The stanza is borrowed. */
void route_error(struct worker *w, const struct stanza *s, const struct stanza_error *error);
void route_error_condition(struct worker *w, const struct stanza *s, enum stanza_condition condition, const char *text);

#endif
