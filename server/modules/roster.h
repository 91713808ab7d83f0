/* The roster of an account in memory (RFC 6121, 2): what roster.c answers IQs from and presence.c works on. */
#ifndef LINNET_ROSTER_H
#define LINNET_ROSTER_H

#include "lib/base/arena.h"
#include "lib/base/list.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"
#include "server/core/module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct outcome;
struct unit;

extern const struct module roster_module;

#define ROSTER_ITEMS_MAX 4096
#define ROSTER_GROUPS_MAX 64

struct roster_item {
	struct list link;
	struct arena *arena; /* of this item and all it points to */
	const struct jid *jid; /* bare, as a rule */
	struct str name;
	struct str *groups;
	size_t group_count;
	uint8_t state; /* mask of SUBSCRIPTION_… */
	bool listed; /* a roster item; else only a request to the user is noted (A.1, state 3) */
	struct stanza *request; /* the presence that asked, while SUBSCRIPTION_PENDING_IN */
	int64_t heard; /* the number of the last entry of the contact's outbox that has been applied here; 0: none */
};

struct roster {
	struct list items;
	size_t count;
};

struct roster *roster_of(struct account *a);
/* NULL if there is none. */
struct roster_item *roster_find(struct account *a, const struct jid *jid);
/* True if that contact (bare or full JID) is told this account's presence. */
bool roster_tells(struct account *a, const struct jid *jid);

#define ROSTER_FOR_EACH(item, a)                                                                                       \
	LIST_FOR_EACH(item##_link, &roster_of(a)->items)                                                               \
	for (struct roster_item *item = CONTAINER_OF(item##_link, struct roster_item, link); item; item = NULL)

/* Sets the subscription state of a contact, in memory and in the unit, making the entry if need be; `request` (borrowed) when it
 * becomes pending in. An entry without anything left to say goes. False if the roster is full. */
CHECK bool roster_set_state(
	struct account *a, struct unit *u, const struct jid *jid, uint8_t state, struct stanza *request);
/* Sends the item as it is now to all interested sessions, when the outcome's unit is durable (RFC 6121, 2.1.6). */
void roster_push(struct account *a, const struct jid *jid, struct outcome *o);
/* After a unit with roster changes: pass to worker_commit. A failed one makes the roster be loaded anew. */
void roster_on_unit(struct worker *w, uint32_t entity, const struct unit *u, void *ctx);

#endif
