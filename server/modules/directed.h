/* Directed presence (RFC 6121, 4.6): whom a session has told that it is there, beside those who are told by
 * subscription. The list is kept as what presence.c keeps of a session. */
#ifndef LINNET_DIRECTED_H
#define LINNET_DIRECTED_H

#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"

#include <stdbool.h>

struct session;

/* The session has sent presence to that address: that it is there, or (also if it was never on the list) that it is
 * not. Beyond SESSION_DIRECTED_MAX addresses nothing is noted. */
void directed_note(struct session *s, const struct jid *to, bool available);
/* True if that has been sent to this address, or to its account. */
bool directed_has(const struct session *s, const struct jid *who);
/* Forgets the account, which knows already, and its resources, to which this (unavailable) presence is sent: those that have not
 * sent presence get only what is addressed to them. */
void directed_end(struct session *s, struct stanza *presence, const struct jid *account);
/* True if the list is not empty. */
bool directed_is_used(const struct session *s);
/* Sends this (unavailable) presence to all on the list, but to the accounts for which `knows` is true, and forgets the
 * list. */
void directed_take_back(struct session *s, struct stanza *presence, bool (*knows)(const struct session *s, const struct jid *account));
/* Forgets the list. */
void directed_drop(struct session *s);

#endif
