/* The rows of rosters: tables roster and roster_version, made by roster-1.sql and roster-2.sql. */
#ifndef LINNET_ROSTER_STORE_H
#define LINNET_ROSTER_STORE_H

#include "lib/base/str.h"
#include "lib/xmpp/jid.h"
#include "server/modules/roster.h"
#include "server/storage/storage.h"

extern const struct migration roster_migrations[]; /* embedded from roster-*.sql */

/* An empty item, not linked anywhere, in an arena of its own. */
struct roster_item *roster_item_new(const struct jid *jid);
void roster_item_free(struct roster_item *item);

/* All items; `before` is NULL, or an answer that was cut short and is gone on with. */
struct query *roster_store_query(struct str owner, const struct query *before, size_t rows_max);
/* NULL for a row that cannot be right. */
struct roster_item *roster_store_parse(const struct value *columns, size_t count);
void roster_store_put(struct unit *u, struct str owner, const struct roster_item *item);
void roster_store_remove(struct unit *u, struct str owner, const struct jid *jid);
void roster_store_remove_all(struct unit *u, struct str owner);

/* The version, which is read into an empty roster. */
struct query *roster_store_version(struct str owner);
void roster_store_parse_version(const struct query *q, struct roster *r);
void roster_store_put_version(struct unit *u, struct str owner, const struct roster *r);

/* Contacts with a state, in order from the one after `after` on (empty: the first): what is left of a roster without its
 * names, groups and requests. */
struct query *roster_store_states(struct str owner, struct str after, size_t rows_max);
/* False for a row that cannot be right. */
CHECK bool roster_store_state(const struct query *q, size_t r, struct str *jid_r, uint8_t *state_r);

#endif
