/* The rows of rosters: table roster, made by roster-1.sql. */
#ifndef LINNET_ROSTER_STORE_H
#define LINNET_ROSTER_STORE_H

#include "lib/base/str.h"
#include "lib/xmpp/jid.h"
#include "server/modules/roster.h"
#include "server/storage/storage.h"

extern const struct migration roster_migrations[]; /* embedded from roster-*.sql */

/* An empty item, not linked anywhere, in an arena of its own. */
struct roster_item *roster_item_new(const struct jid *jid);

struct query *roster_store_query(struct str owner, size_t rows_max);
/* NULL for a row that cannot be right. */
struct roster_item *roster_store_parse(const struct value *columns, size_t count);
void roster_store_put(struct unit *u, struct str owner, const struct roster_item *item);
void roster_store_remove(struct unit *u, struct str owner, const struct jid *jid);
void roster_store_remove_all(struct unit *u, struct str owner);

#endif
