/* Hashes, HMAC and PBKDF2 over OpenSSL, and the two ways to treat a secret: compare in constant time, wipe after use.
 * Nothing here fails but by a bug or lack of memory; no state, any thread. */
#ifndef LINNET_DIGEST_H
#define LINNET_DIGEST_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

#define DIGESTS 3

#define DIGEST_BYTES_MAX 64

/* Bytes of its output: 20, 32, 64. */
size_t digest_bytes(enum digest d);
/* "sha-1", "sha-256", "sha-512" (the names of XEP-0300). */
struct str digest_name(enum digest d);

/* Each writes digest_bytes(d) bytes; of the first two, `out` may be an input. */
void digest_compute(enum digest d, struct str data, unsigned char *out);
void digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out);
/* RFC 8018 with HMAC, 1 to INT_MAX iterations. About 0.25 µs an iteration (0.55 with SHA-512): never on a worker with
 * more than a few. */
void digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out);

/* For secrets: the time depends on the lengths only. */
CHECK bool ct_equal(struct str a, struct str b);
/* Zeroes memory in a way the compiler keeps. */
void secret_wipe(void *p, size_t n);

#endif
