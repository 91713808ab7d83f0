/* The states of a presence subscription between a user and a contact, and what each kind of stanza does to them: RFC 6121,
 * Appendix A, as one pure function. */
#ifndef LINNET_SUBSCRIPTION_H
#define LINNET_SUBSCRIPTION_H

#include "lib/xmpp/stanza.h"

#include <stdbool.h>
#include <stdint.h>

/* A.1: the user's view. A state is a mask; SUBSCRIPTION_TO excludes PENDING_OUT, SUBSCRIPTION_FROM excludes PENDING_IN. */
#define SUBSCRIPTION_TO 1u /* the user is told the contact's presence */
#define SUBSCRIPTION_FROM 2u /* the contact is told the user's presence */
#define SUBSCRIPTION_BOTH 3u
#define SUBSCRIPTION_PENDING_OUT 4u /* the user has asked */
#define SUBSCRIPTION_PENDING_IN 8u /* the contact has asked */
/* 3.4: the user has said yes before the contact asks, and has not taken it back. Excludes PENDING_IN. */
#define SUBSCRIPTION_APPROVED 16u

enum subscription_way { SUBSCRIPTION_SENT, SUBSCRIPTION_RECEIVED };

struct subscription_step {
	uint8_t state; /* the new one */
	bool pass; /* route it (sent), or deliver it to the user (received) */
	enum stanza_type reply; /* to a received one, in the user's name; PRESENCE_AVAILABLE: none */
};

/* True if clients see the difference in the roster (A.1): it is pushed, and makes a new version (2.6.3). */
bool subscription_is_visible(uint8_t before, uint8_t after);

/* `type` is one of PRESENCE_SUBSCRIBE, _SUBSCRIBED, _UNSUBSCRIBE, _UNSUBSCRIBED. */
struct subscription_step subscription_next(uint8_t state, enum subscription_way way, enum stanza_type type);

#endif
