/* What limits mean for a connection: who is let in, who has to go, how fast it is read; and how it is told, counted and logged.
 * For the files that make up the edge. */
#ifndef LINNET_EDGE_LIMITS_H
#define LINNET_EDGE_LIMITS_H

#include "lib/base/log.h"
#include "lib/net/address.h"
#include "lib/stream/sasl.h"
#include "server/core/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct edge;
struct worker;

/* Stanzas of one connection that are read before the others get their turn. */
#define EDGE_STANZAS_A_TURN 128

/* A connection has come, to be served by `e`, which has a stream. False, and the socket is closed: it may not. */
bool edge_may_enter(struct edge *e, int socket);
/* It has logged in or ends: its place is another's. */
void edge_leave_guests(struct edge *e);

/* False: the try to log in that the stream asks about is to be refused without a look. */
bool edge_may_try_login(struct edge *e);
void edge_note_login_failure(struct edge *e, enum sasl_failure failure);

/* What it has sent, to be paid for by waiting. */
void edge_charge(struct edge *e, size_t bytes, unsigned stanzas);

/* Counts that a limit was met, and says so, though not each time. `log` is of who met it; `a` may be NULL. */
void limit_met(struct worker *w, enum limit which, const struct log *log, const struct net_address *a);

#endif
