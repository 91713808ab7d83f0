/* Commands of the admin socket about sessions, and the clients that have tokens. For the table in admin_commands.c. */
#ifndef LINNET_ADMIN_SESSIONS_H
#define LINNET_ADMIN_SESSIONS_H

#include "server/core/admin.h"

/* {"jid"?} → {"sessions": [{"jid", "idle_ms", "address"?, "tls"?, "priority"?}], "more": number of those left out}. */
void admin_run_session_list(const struct admin_call *call);
/* {"jid"}, or {"owner", "id"} of the last one of the page before, empty at first → [{"owner", "id", "software", …}]. */
void admin_run_client_list(const struct admin_call *call);
/* {"jid", "client"}; without a client: all of that account's. Answered when its tokens have ended for good and its sessions, too. */
void admin_run_session_revoke(const struct admin_call *call);

#endif
