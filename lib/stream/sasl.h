/* What the two sides of SASL share: mechanisms, channel bindings, failures, keys and tokens (RFC 6120, 6; RFC 5802; RFC 7677;
 * XEP-0388; XEP-0484). */
#ifndef LINNET_SASL_H
#define LINNET_SASL_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/crypto/digest.h"

#include <stdbool.h>
#include <stdint.h>

/* In order of preference: the first that both sides have is taken. A set of them is a mask of 1u << mechanism. Those that end in
 * PLUS, and two of the HT family, bind the login to the TLS connection. */
enum sasl_mechanism {
	SASL_EXTERNAL, /* the certificate that the client has shown under TLS (XEP-0178) */
	SASL_SCRAM_SHA_512_PLUS,
	SASL_SCRAM_SHA_256_PLUS,
	SASL_SCRAM_SHA_1_PLUS,
	SASL_SCRAM_SHA_512,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_1,
	SASL_PLAIN,
	SASL_ANONYMOUS, /* an account that lasts as long as its session (XEP-0175) */
	SASL_HT_SHA_256_EXPR, /* a token (XEP-0484), bound by tls-exporter; those of this family are never in a list of mechanisms */
	SASL_HT_SHA_256_ENDP, /* … by tls-server-end-point */
	SASL_HT_SHA_256_NONE, /* … by nothing */
	SASL_MECHANISMS
};

#define SASL_BIT(m) (1u << (m))
#define SASL_PLUS_BITS (SASL_BIT(SASL_SCRAM_SHA_512_PLUS) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS))
#define SASL_SCRAM_BITS                                                                                                \
	(SASL_PLUS_BITS | SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_1))
#define SASL_TOKEN_BITS                                                                                                \
	(SASL_BIT(SASL_HT_SHA_256_EXPR) | SASL_BIT(SASL_HT_SHA_256_ENDP) | SASL_BIT(SASL_HT_SHA_256_NONE))

/* Channel bindings, the best first (RFC 9266; RFC 5929). */
enum sasl_binding { SASL_TLS_EXPORTER, SASL_TLS_SERVER_END_POINT, SASL_TLS_UNIQUE, SASL_BINDINGS };

/* "tls-exporter", … */
struct str sasl_binding_name(enum sasl_binding b);
CHECK bool sasl_binding_parse(struct str name, enum sasl_binding *b_r);

struct sasl_binding_data {
	uint8_t n; /* 0: this connection does not have it */
	unsigned char bytes[DIGEST_BYTES_MAX];
};

/* What a login has to know of the TLS connection below it. */
struct sasl_tls {
	unsigned version; /* as on the wire: 0x0304 is TLS 1.3; 0: there is no TLS */
	struct sasl_binding_data bindings[SASL_BINDINGS];
	/* The receiving side: the addresses (id-on-xmppAddr, RFC 6120, 13.7.1.4) in the client's certificate, if it has shown one that
	 * is trusted. Borrowed. */
	const struct str *addresses;
	size_t address_count;
};

/* "SCRAM-SHA-256", … */
struct str sasl_mechanism_name(enum sasl_mechanism m);
/* False if it is none of ours. */
CHECK bool sasl_mechanism_parse(struct str name, enum sasl_mechanism *m_r);

/* The names of a mask, the best first, and how many there are; room for SASL_MECHANISMS, or SASL_BINDINGS. */
size_t sasl_mechanism_names(unsigned mask, struct str *names_r);
size_t sasl_binding_names(unsigned mask, struct str *names_r);

/* X(constant, element): RFC 6120, 6.5.1 to 6.5.11. */
#define SASL_FAILURES(X)                                                                                               \
	X(ABORTED, "aborted")                                                                                          \
	X(ACCOUNT_DISABLED, "account-disabled")                                                                        \
	X(CREDENTIALS_EXPIRED, "credentials-expired")                                                                  \
	X(ENCRYPTION_REQUIRED, "encryption-required")                                                                  \
	X(INCORRECT_ENCODING, "incorrect-encoding")                                                                    \
	X(INVALID_AUTHZID, "invalid-authzid")                                                                          \
	X(INVALID_MECHANISM, "invalid-mechanism")                                                                      \
	X(MALFORMED_REQUEST, "malformed-request")                                                                      \
	X(MECHANISM_TOO_WEAK, "mechanism-too-weak")                                                                    \
	X(NOT_AUTHORIZED, "not-authorized")                                                                            \
	X(TEMPORARY_AUTH_FAILURE, "temporary-auth-failure")

enum sasl_failure {
	SASL_OK,
#define X(constant, element) SASL_##constant,
	SASL_FAILURES(X)
#undef X
};

struct str sasl_failure_name(enum sasl_failure f);
/* An unknown name reads as not-authorized. */
enum sasl_failure sasl_failure_parse(struct str name);

/* The one message of PLAIN (RFC 4616, 2); slices of it. */
struct sasl_plain {
	struct str authzid; /* may be empty */
	struct str username, password;
};
/* False for anything else than its grammar: two zero bytes, UTF-8, a name and a password. */
CHECK bool sasl_plain_parse(struct str message, struct sasl_plain *plain_r);

#define SCRAM_SALT_BYTES 16
#define SCRAM_SALT_BYTES_MAX 64
#define SCRAM_ITERATIONS 10000
#define SCRAM_ITERATIONS_MAX 10000000

/* What is stored of a password for one hash function (RFC 5802, 3): nothing from which one could log in. */
struct scram_keys {
	bool is_set;
	uint32_t iterations;
	uint32_t salt_n;
	unsigned char salt[SCRAM_SALT_BYTES_MAX];
	unsigned char stored_key[DIGEST_BYTES_MAX]; /* digest_bytes() of them */
	unsigned char server_key[DIGEST_BYTES_MAX];
};

/* What is stored of an account's password: keys for each hash function, each with a salt of its own, or for some of them (an
 * import may know one only; then only its mechanisms can be used). */
struct sasl_credentials {
	struct scram_keys keys[DIGESTS];
};

/* Tokens for the returning client (XEP-0484). */
#define SASL_TOKEN_BYTES_MAX 128

/* One that a client may log in with. A secret. */
struct sasl_token {
	uint8_t n; /* 0: there is none */
	bool is_expired;
	enum sasl_mechanism mechanism; /* the only one it may be used with */
	unsigned char bytes[SASL_TOKEN_BYTES_MAX];
};

/* At most two of one client: the one in use, and one that was handed out to take its place. */
enum sasl_token_slot { SASL_TOKEN_NEW, SASL_TOKEN_CURRENT, SASL_TOKEN_SLOTS };

/* From SaltedPassword, i.e. digest_pbkdf2 of the prepared password. */
void scram_keys_from_salted(struct scram_keys *k, enum digest d, const unsigned char *salted_password);
/* From a password (not yet prepared) with the salt and iterations already in `k`; slow by design. False if SASLprep
 * refuses the password. */
CHECK bool scram_keys_derive(struct scram_keys *k, enum digest d, struct str password);

#endif
