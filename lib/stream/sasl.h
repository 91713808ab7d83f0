/* What the two sides of SASL share: mechanisms, failures, and keys (RFC 6120, 6; RFC 5802; RFC 7677). */
#ifndef LINNET_SASL_H
#define LINNET_SASL_H

#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/crypto/digest.h"

#include <stdbool.h>
#include <stdint.h>

/* In order of preference: the first that both sides have is taken. A set of them is a mask of 1u << mechanism. */
enum sasl_mechanism { SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_1, SASL_PLAIN, SASL_MECHANISMS };

#define SASL_BIT(m) (1u << (m))

/* "SCRAM-SHA-256", … */
struct str sasl_mechanism_name(enum sasl_mechanism m);
/* False if it is none of ours. */
CHECK bool sasl_mechanism_parse(struct str name, enum sasl_mechanism *m_r);

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

/* What is stored of an account's password. Both families, each with a salt of its own, or one (an import may know
 * only one; then only its mechanism can be used). */
struct sasl_credentials {
	struct scram_keys sha1, sha256;
};

/* From SaltedPassword, i.e. digest_pbkdf2 of the prepared password. */
void scram_keys_from_salted(struct scram_keys *k, enum digest d, const unsigned char *salted_password);
/* From a password (not yet prepared) with the salt and iterations already in `k`; slow by design. False if SASLprep
 * refuses the password. */
CHECK bool scram_keys_derive(struct scram_keys *k, enum digest d, struct str password);

#endif
