/* The roster of an account in memory (RFC 6121, 2): what roster_iq.c answers from and presence.c works on.
 *
 * Every change that clients see makes a new version of it (2.6): a number that only rises, in a line that is drawn with the first
 * change, so that no version of another roster under the same name is taken for one of this. An item keeps the version of its last
 * change. One that has been removed leaves a trace, so that clients which come back hear of it; of the ROSTER_TRACES_MAX last ones. */
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
struct session;
struct unit;

extern const struct module roster_module;
extern const struct account_part roster_part; /* its part */

#define ROSTER_ITEMS_MAX 4096
#define ROSTER_GROUPS_MAX 64
/* All of it as XML, since the answer to a get is written in one piece: less than a stanza may have (SESSION_STANZA_BYTES_MAX). */
#define ROSTER_BYTES_MAX (3u << 19)
#define ROSTER_TRACES_MAX 64
#define ROSTER_LINE_CHARS 12

struct roster_item {
	struct list link;
	struct arena *arena; /* of this item and all it points to */
	const struct jid *jid; /* bare, as a rule */
	struct str name;
	struct str *groups;
	size_t group_count;
	size_t bytes; /* as XML, or more: what it counts in the roster's */
	uint8_t state; /* mask of SUBSCRIPTION_… */
	bool listed; /* a roster item; else only a request to the user is noted (A.1, state 3), or a trace */
	struct stanza *request; /* the presence that asked, while SUBSCRIPTION_PENDING_IN */
	int64_t heard; /* the number of the last entry of the contact's outbox that has been applied here; 0: none */
	int64_t ver; /* of the last change that clients saw; 0: none, or longer ago than anybody asks for */
};

struct roster {
	struct list items;
	size_t count;
	size_t bytes; /* of all items */
	char line[ROSTER_LINE_CHARS]; /* line[0] is 0: it has not changed yet */
	int64_t ver; /* the newest */
	int64_t oldest; /* from this one on all changes are known */
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
/* False if there is no room for that item, which may be in the place of an older one. */
bool roster_has_room(struct account *a, const struct roster_item *item);
/* Puts an item (taken) of roster_item_new(), with name and groups, into memory and the unit, if there is room; what an older one of
 * that JID had of subscriptions it keeps. */
void roster_put(struct account *a, struct unit *u, struct roster_item *item);
/* Takes it out, but for a trace. */
void roster_remove(struct account *a, struct unit *u, struct roster_item *item);

/* Sends the item as it is now to all interested sessions, when the outcome's unit is durable (RFC 6121, 2.1.6). */
void roster_push(struct account *a, const struct jid *jid, struct outcome *o);
/* The same to one session. */
void roster_push_to(struct session *s, const struct roster_item *item, struct outcome *o);

/* As clients are told it; in the arena. */
struct str roster_version(struct account *a, struct arena *arena);
/* What has changed since that version: items and traces, in that order of their changes, in the arena. False if it is
 * not known, or takes more bytes than all items do (2.6.3). */
CHECK bool roster_changes(
	struct account *a, struct str since, struct arena *arena, struct roster_item ***items_r, size_t *count_r);
/* One item as XML (2.1.2). */
void roster_add_item(struct arena *a, struct xml_node *query, const struct roster_item *item);
/* After a unit with roster changes: pass to worker_commit. A failed one makes the roster be loaded anew. */
void roster_on_unit(struct worker *w, uint32_t entity, const struct unit *u, void *ctx);

#endif
