/* What a session writes to when its edge is on another worker. */
#ifndef LINNET_REMOTE_EDGE_H
#define LINNET_REMOTE_EDGE_H

#include "server/core/envelope.h"
#include "server/core/transport.h"

struct worker;

struct transport *remote_edge_new(struct worker *w, struct remote_handle edge);
/* At the end of a turn: what was written goes on its way. */
void remote_edges_send(struct worker *w);

#endif
