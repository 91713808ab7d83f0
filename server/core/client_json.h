/* A client as the admin socket and the command line program tell it. */
#ifndef LINNET_CLIENT_JSON_H
#define LINNET_CLIENT_JSON_H

#include "server/storage/clients.h"

#include <jansson.h>

/* {"owner", "id", "software", "device", "created_ms", "last_login_ms", "mechanism", "address", "token_expiry_ms"}: the last is when its last
 * token ends, null if it has none that still lasts. */
json_t *client_json_build(const struct client_row *row, int64_t now_ms);

#endif
