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

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xmpp/stanza.h"
#include "server/core/account.h"

#include <stdbool.h>
#include <stdint.h>

struct envelope;
struct server;
struct storage;
struct unit;

extern const struct module outbox_module;

/* Adds an entry to the unit, which is then committed with worker_commit() in this turn: a stanza (borrowed) from this account with
 * the receiver's bare JID as `to`, made when so many of the receiver's entries had been applied here. For remote domains the stanza
 * itself is routed. */
void outbox_send(struct account *a, struct unit *u, struct stanza *payload, int64_t basis);
/* Calls `each` for what this account has told another one behind entry number `basis`, in order, as far as there is no answer yet. */
void outbox_for_each_since(struct account *a, const struct jid *to, int64_t basis,
	void (*each)(const struct stanza *payload, void *ctx), void *ctx);
/* As basis: whatever has been told meanwhile, this is the end of it. */
#define OUTBOX_BASIS_ALL INT64_MAX

/* The same without a server, for a unit that is committed before one starts: that one delivers what is in it. */
struct outbox_writer {
	struct unit *unit;
	struct str owner; /* whose outbox */
	int64_t last; /* number given out */
};
/* Both are borrowed as long as the writer. False if the storage cannot be read. */
CHECK bool outbox_writer_init(struct outbox_writer *o, struct storage *s, struct str owner, struct unit *u);
void outbox_write(struct outbox_writer *o, struct stanza *payload);

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
