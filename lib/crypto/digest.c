/* Digests over OpenSSL's EVP. HMAC is built here from two digests in one context: OpenSSL's own one-shot looks its
 * algorithm up several times over and takes twice as long. */
#include "lib/crypto/digest.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define BLOCK_BYTES_MAX 128 /* SHA-512's */

size_t digest_bytes(enum digest d)
{
	static const unsigned char bytes[] = { [DIGEST_SHA1] = 20, [DIGEST_SHA256] = 32, [DIGEST_SHA512] = 64 };
	assert_always(d < ARRAY_LEN(bytes));
	return bytes[d];
}

struct str digest_name(enum digest d)
{
	static const struct str names[] = {
		[DIGEST_SHA1] = STR_INIT("sha-1"),
		[DIGEST_SHA256] = STR_INIT("sha-256"),
		[DIGEST_SHA512] = STR_INIT("sha-512"),
	};
	assert_always(d < ARRAY_LEN(names));
	return names[d];
}

static const EVP_MD *algorithm(enum digest d)
{
	switch (d) {
	case DIGEST_SHA1: return EVP_sha1();
	case DIGEST_SHA256: return EVP_sha256();
	case DIGEST_SHA512: return EVP_sha512();
	}
	assert_always(!"a digest");
}

/* OpenSSL allocates in all of these, and nothing else makes them fail; its errors tell that only now and then. */
static void must(bool ok)
{
	if (UNLIKELY(!ok))
		mem_exhausted(0);
}

void digest_compute(enum digest d, struct str data, unsigned char *out)
{
	must(EVP_Digest(data.p, data.n, out, NULL, algorithm(d), NULL) == 1);
}

/* Digests two pieces as one; `md` NULL means the one the context has had before. */
static void digest_two(EVP_MD_CTX *ctx, const EVP_MD *md, struct str a, struct str b, unsigned char *out)
{
	must(EVP_DigestInit_ex(ctx, md, NULL) == 1);
	must(EVP_DigestUpdate(ctx, a.p, a.n) == 1);
	must(EVP_DigestUpdate(ctx, b.p, b.n) == 1);
	must(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
}

/* RFC 2104, 2: H(key ^ opad, H(key ^ ipad, data)). */
void digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out)
{
	const EVP_MD *md = algorithm(d);
	size_t block = d == DIGEST_SHA512 ? 128 : 64;
	unsigned char inner[BLOCK_BYTES_MAX] = { 0 }, outer[BLOCK_BYTES_MAX], hash[DIGEST_BYTES_MAX];
	if (key.n > block)
		digest_compute(d, key, inner);
	else if (key.n > 0)
		memcpy(inner, key.p, key.n);
	for (size_t i = 0; i < block; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(ctx != NULL);
	digest_two(ctx, md, str_make(inner, block), data, hash);
	digest_two(ctx, NULL, str_make(outer, block), str_make(hash, digest_bytes(d)), out);
	EVP_MD_CTX_free(ctx);
	secret_wipe(inner, sizeof(inner));
	secret_wipe(outer, sizeof(outer));
	secret_wipe(hash, sizeof(hash));
}

void digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out)
{
	assert_always(password.n <= INT_MAX && salt.n <= INT_MAX && iterations >= 1 && iterations <= INT_MAX);
	int ok = PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)salt.p, (int)salt.n,
		(int)iterations, algorithm(d), (int)digest_bytes(d), out);
	must(ok == 1);
}

bool ct_equal(struct str a, struct str b)
{
	return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

void secret_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
