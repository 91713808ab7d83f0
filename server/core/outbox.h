/* The outbox: how a change of one account reliably reaches another, although no transaction spans both.
 *
 * The sender's unit holds the change and an outbox row. Once durable, the entry is sent; the receiver applies it together with the
 * record that it has, answers, and the row goes. Entries of one sender arrive in the order of their numbers; what a stop interrupted
 * is sent again at the next start, and an entry that had been applied already is only answered.
 *
 *     sender: unit { change, row n } ─▶ durable ─▶ OUTBOX n ─▶ receiver: unit { seen n, or nothing more; change }
 *     sender: unit { remove row n } ◀──────────── OUTBOX_DONE n ◀── durable */
#ifndef LINNET_CORE_OUTBOX_H
#define LINNET_CORE_OUTBOX_H

#include "lib/base/str.h"
#include "lib/xmpp/stanza.h"
#include "server/core/account.h"

struct envelope;
struct server;
struct unit;

extern const struct module outbox_module;

/* Adds an entry to the unit, which is then committed with worker_commit() in this turn: a stanza (borrowed) from this account with
 * the receiver's bare JID as `to`. For remote domains the stanza itself is routed. */
void outbox_send(struct account *a, struct unit *u, struct stanza *payload);
/* A unit of that entity has come back: sends its entries, or forgets them with it. */
void outbox_on_unit(struct worker *w, slab_handle entity, const struct unit *u);

/* Arrivals. */
void outbox_on_entry(struct account *a, struct envelope *v);
void outbox_on_done(struct account *a, struct envelope *v);
/* Tells the sender of an entry that it has been dealt with. */
void outbox_answer(struct account *a, const struct envelope *v);

/* At the start of the server, before its threads: wakes the accounts that have entries left from an earlier run. */
void outbox_recover(struct server *s);

#endif
