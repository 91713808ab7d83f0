/* The way of a message through the named phases of module.h: on the sender's account, then on the recipient's. */
#ifndef LINNET_DELIVER_H
#define LINNET_DELIVER_H

#include "lib/xmpp/stanza.h"
#include "server/core/account.h"
#include "server/core/envelope.h"
#include "server/core/module.h"

/* One message on its way through one account. */
struct passage {
	struct account *account; /* whose phase it is */
	struct session *session; /* outgoing: the sender's; incoming: NULL */
	struct stanza *stanza; /* a phase may replace it (passage_replace) */
	struct origin origin;
	struct stanza_error refusal; /* of PASS_REFUSED */
	const void *conf; /* the module's */
	bool recorded; /* it has a row in the account's log, so a later loss can be made good */
};

/* The reference is taken; the old one is given up. */
void passage_replace(struct passage *p, struct stanza *s);

/* A message of this session, stamped and checked: through the outgoing phases, then routed. Taken. */
void deliver_outgoing(struct session *s, struct stanza *message, const struct origin *origin);
/* A message to this account or a resource of it: through the incoming phases. Taken. */
void deliver_incoming(struct account *a, struct stanza *message, const struct origin *origin);

#endif
