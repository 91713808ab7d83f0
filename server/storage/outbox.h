/* The outbox: what an entity has to tell another, made durable in the unit that decided it.
 *
 *     sender                                   receiver
 *     outbox_row_add in its own unit ── row ──▶    outbox_apply_once, then the effect, in one unit
 *     outbox_row_remove in a unit    ◀── answer ── once that unit is durable (or was `repeated`)
 *
 * Whatever is lost on the way is sent again, by the sender's entity when it is made anew (outbox_owners, outbox_read);
 * what arrives twice is a no-op. The receiver remembers one number a sender, so a sender's rows must reach it in the
 * order of their numbers: send them in that order, again too. Numbers are the sender's to give: it asks outbox_last()
 * once, and counts from there. They outlive the account, since receivers remember them: a later account of the same
 * name goes on counting. Rows of an account that was removed stay until they are answered. */
#ifndef LINNET_OUTBOX_H
#define LINNET_OUTBOX_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stdint.h>

struct outbox_row {
	struct str owner; /* who tells; not filled in when read */
	int64_t n; /* from 1 */
	struct str target; /* who is told */
	unsigned kind; /* of envelope */
	struct str payload;
	int64_t basis; /* the number of the receiver's last row that the owner had applied by then; 0 if none */
};

void outbox_row_add(struct unit *u, const struct outbox_row *row);
void outbox_row_remove(struct unit *u, struct str owner, int64_t n);
/* In the receiver's unit, before the effect: if `owner` has applied row n of the outbox of `origin`, the unit ends here
 * and is `repeated`. */
void outbox_apply_once(struct unit *u, struct str owner, struct str origin, int64_t n);

/* The rows with n > after, in order. */
struct query *outbox_read(struct str owner, int64_t after, size_t limit);
CHECK bool outbox_read_row(const struct query *q, size_t r, struct outbox_row *row_r);

/* The highest number ever used; 0 if none. */
struct query *outbox_last(struct str owner);
CHECK bool outbox_last_read(const struct query *q, int64_t *n_r);

/* The owners that have rows, in order, from the one after `after` on. */
struct query *outbox_owners(struct str after, size_t limit);
CHECK bool outbox_owners_row(const struct query *q, size_t r, struct str *owner_r);

#endif
