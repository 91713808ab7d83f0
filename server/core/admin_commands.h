/* Commands of the admin socket that stand in files of their own; the table of all is in admin_commands.c. */
#ifndef LINNET_ADMIN_COMMANDS_H
#define LINNET_ADMIN_COMMANDS_H

#include "server/core/admin.h"

/* admin_hosts.c */
void admin_run_host_add(const struct admin_call *call);
void admin_run_host_list(const struct admin_call *call);
void admin_run_host_remove(const struct admin_call *call);

#endif
