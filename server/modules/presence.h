/* What roster.c needs of presence.c when a contact is removed. */
#ifndef LINNET_PRESENCE_H
#define LINNET_PRESENCE_H

#include "lib/xmpp/jid.h"
#include "server/core/module.h"

#include <stdint.h>

struct account;
struct unit;
struct worker;

extern const struct module presence_module;

struct roster_item;

/* Adds to the unit what tells a contact that everything between the two ends, given the entry so far (RFC 6121, 2.5.2). Commit it
 * with presence_on_unit. */
void presence_cancel(struct account *a, struct unit *u, const struct roster_item *item);
/* The contact is no longer told this account's presence, if the change from `before` to `after` says so: its sessions appear
 * unavailable to it (3.2.2, 3.3.3). */
void presence_withdraw(struct account *a, const struct jid *contact, uint8_t before, uint8_t after);
/* on_done of units with roster changes: a failed or repeated one makes the roster be loaded anew. */
void presence_on_unit(struct worker *w, uint32_t entity, const struct unit *u, void *ctx);

#endif
