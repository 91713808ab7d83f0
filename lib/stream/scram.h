/* The messages and the arithmetic of SCRAM (RFC 5802, 3, 5 and 7; RFC 7677) as pure functions; what the two sides do
 * with them is in exchange_scram.c and initiator_sasl.c.
 *
 *     client-first   gs2-header "n=" name ",r=" nonce         gs2-header: flag "," ["a=" authzid] ","
 *     server-first   "r=" nonce nonce ",s=" salt ",i=" iterations [",h=" hash] [",t=" version]
 *     client-final   "c=" gs2-header binding ",r=" nonce nonce ",p=" proof
 *     server-final   "v=" signature
 *
 * A parsed message is slices of what was parsed. Unknown extensions are passed over; the mandatory extension "m=",
 * which nobody has defined, is a failure (RFC 5802, 5.1). */
#ifndef LINNET_SCRAM_H
#define LINNET_SCRAM_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/crypto/digest.h"
#include "lib/stream/sasl.h"

#include <stdbool.h>
#include <stdint.h>

/* Characters of the part of the nonce that each side makes: 144 bits. */
#define SCRAM_NONCE_BYTES 24
/* What servers announce at least (RFC 5802, 5.1; RFC 7677, 4); a client takes no less. */
#define SCRAM_ITERATIONS_MIN 4096

struct scram_client_first {
	char binding; /* the flag: 'n', 'y' or 'p' */
	struct str binding_name; /* behind "p="; empty with the other flags */
	struct str gs2; /* the header, second comma included */
	struct str authzid; /* as it was sent; empty: none */
	struct str username; /* likewise */
	struct str nonce;
	struct str bare; /* what goes into the proof: all behind the header */
};

struct scram_server_first {
	struct str nonce;
	struct str salt; /* base64 */
	uint32_t iterations;
	struct str list_hash; /* base64 (XEP-0474); empty: not sent */
	struct str tls_version; /* four digits (XEP-0515); empty: not sent */
};

struct scram_client_final {
	struct str without_proof;
	struct str binding; /* what scram_binding_write made */
	struct str nonce;
	struct str proof; /* base64 */
};

/* False for what the grammar does not have (RFC 5802, 7). */
CHECK bool scram_client_first_parse(struct str message, struct scram_client_first *m_r);
CHECK bool scram_server_first_parse(struct str message, struct scram_server_first *m_r);
CHECK bool scram_client_final_parse(struct str message, struct scram_client_final *m_r);
/* Also false for an error (`e=`); *signature_r is base64. */
CHECK bool scram_server_final_parse(struct str message, struct str *signature_r);

struct str scram_server_first_write(struct arena *a, const struct scram_server_first *m);

/* The value of `c=`: base64 of the header that was sent first and the channel binding; NULL: without one. */
struct str scram_binding_write(struct arena *a, struct str gs2, const struct sasl_binding_data *binding);
/* The value of `t=`: a version as on the wire. */
struct str scram_tls_version_write(struct arena *a, unsigned version);
/* The value of `h=` (XEP-0474, 6.1): base64 of a hash over the names of all mechanisms and channel bindings that were
 * offered, in any order. No bindings means that none were announced (XEP-0440). */
struct str scram_list_hash(struct arena *a, enum digest d, const struct str *mechanisms, size_t mechanism_count,
	const struct str *bindings, size_t binding_count);

/* Names in messages: "," is "=2C", "=" is "=3D". False if a "=" begins anything else. */
struct str scram_name_write(struct arena *a, struct str name);
CHECK bool scram_name_parse(struct arena *a, struct str in, struct str *name_r);

/* The hash of a mechanism that is SCRAM. */
enum digest scram_digest(enum sasl_mechanism m);

/* What both proofs are about (AuthMessage). */
struct str scram_auth_message(
	struct arena *a, struct str client_first_bare, struct str server_first, struct str client_final_without_proof);

/* The client's proof and the server's signature, digest_bytes(d) each, from SaltedPassword. */
void scram_prove(enum digest d, const unsigned char *salted_password, struct str auth_message, unsigned char *proof_r,
	unsigned char *signature_r);
/* The server's side: true if the proof is right for the keys. The signature is made in either case, so that both cost
 * the same. */
CHECK bool scram_verify(enum digest d, const struct scram_keys *k, struct str auth_message, const unsigned char *proof,
	unsigned char *signature_r);

#endif
