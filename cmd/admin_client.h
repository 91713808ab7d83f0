/* The other end of the admin socket: one request, one answer, blocking. */
#ifndef LINNET_CMD_ADMIN_CLIENT_H
#define LINNET_CMD_ADMIN_CLIENT_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <jansson.h>

struct admin_client;

enum admin_connection {
	ADMIN_CONNECTED,
	ADMIN_NOT_RUNNING, /* nobody listens: there is no server */
	ADMIN_FAILED, /* said on stderr */
};

/* To the server of this data folder. */
CHECK enum admin_connection admin_connect(const char *command, struct str folder, struct admin_client **c_r);
void admin_disconnect(struct admin_client **c);
/* The request is taken. A new reference to the "result"; or NULL, and what the server said on stderr. */
CHECK json_t *admin_request(struct admin_client *c, json_t *request);

#endif
