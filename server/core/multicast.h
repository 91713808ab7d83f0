/* One stanza to many accounts or sessions: it crosses to each worker once, with the list of those who live there. */
#ifndef LINNET_MULTICAST_H
#define LINNET_MULTICAST_H

#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"

#include <stddef.h>

struct worker;
struct envelope;

/* Sends presence (the stanza is borrowed) to each of the JIDs with that address as its `to`. Those to remote domains are routed one by
 * one. Local accounts without a session are not woken: for them it is dropped where they live. */
void multicast(struct worker *w, struct stanza *s, const struct jid *const *to, size_t count);
/* On arrival. */
void multicast_deliver(struct worker *w, struct envelope *v);

#endif
