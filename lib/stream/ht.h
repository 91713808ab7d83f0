/* The messages of SASL-HT (draft-schmaus-kitten-sasl-ht), with which a token of XEP-0484 is used, as pure functions;
 * what the two sides do with them is in exchange_token.c and the initiator.
 *
 *     initiator   authcid NUL HMAC(token, "Initiator" binding)
 *     responder   HMAC(token, "Responder" binding)
 *
 * The hash is SHA-256 in all mechanisms here. */
#ifndef LINNET_HT_H
#define LINNET_HT_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/sasl.h"

#include <stdbool.h>

#define HT_HASH_BYTES 32

struct ht_message {
	struct str username;
	struct str hash; /* of any length */
};

/* The binding that a mechanism of tokens is bound with; SASL_BINDINGS: none. */
enum sasl_binding ht_binding(enum sasl_mechanism m);

/* The bytes of the binding, in HMACs; NULL: without one. Each writes HT_HASH_BYTES. */
void ht_initiator_hash(struct str token, const struct sasl_binding_data *binding, unsigned char *hash_r);
void ht_responder_hash(struct str token, const struct sasl_binding_data *binding, unsigned char *hash_r);

/* The initiator's message. */
struct str ht_write(struct arena *a, struct str username, struct str token, const struct sasl_binding_data *binding);
/* False without a name in UTF-8 and a zero byte behind it. Slices of the message. */
CHECK bool ht_parse(struct str message, struct ht_message *m_r);

#endif
