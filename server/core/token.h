/* What is derived from a server's secrets for a client: its tokens (XEP-0484), and the part of its resource that the server makes
 * (XEP-0386). Pure functions; any thread. */
#ifndef LINNET_TOKEN_H
#define LINNET_TOKEN_H

#include "lib/base/str.h"
#include "lib/stream/sasl.h"

#define TOKEN_KEY_BYTES  32
#define TOKEN_SALT_BYTES 16
/* Characters of the server's part of a resource: 72 bits. */
#define CLIENT_RESOURCE_CHARS 12

/* The token of the client `client` of `owner` (a bare JID), for one mechanism: text, 43 characters. *token_r is a secret; is_expired is
 * left false. Each other argument gives another token. */
void token_derive(struct str key, struct str salt, struct str owner, struct str client, enum sasl_mechanism mechanism,
	struct sasl_token *token_r);

/* The same for the same client each time, and says nothing about its id: CLIENT_RESOURCE_CHARS of the base64url alphabet. */
void client_resource(struct str secret, struct str owner, struct str client, char *out);

#endif
