/* For tests: the server's part of a login by SCRAM, with room for it to be wrong. */
#ifndef LINNET_TEST_STREAM_LIAR_H
#define LINNET_TEST_STREAM_LIAR_H

#include "tests/unit/stream/client.h"

#include "lib/stream/scram.h"

struct liar {
	enum digest digest;
	const char *nonce; /* in place of ours and its own */
	const char *salt;  /* in place of base64 */
	unsigned iterations;
	const char *more; /* behind the iterations */
	/* Made by liar_challenge. */
	struct scram_client_first first;
	struct str message; /* what it was parsed from */
	struct str challenge;
};

/* The data of the last element `name` that the client has sent. */
struct str liar_hear(struct client *c, const char *name);
/* The server says <NAME xmlns='ns'>base64</NAME>; what was said before is forgotten. */
void liar_say(struct client *c, const char *ns, const char *name, struct str data);

/* Reads the client's first message out of element `name`, and answers. */
void liar_challenge(struct client *c, struct liar *l, const char *ns, const char *name);
/* Reads its last one, checks it against the password "pencil", and returns the server's: v=… */
struct str liar_signature(struct client *c, const struct liar *l, bool is_right);

#endif
