/* Tests of lib/crypto/digest.c: the vectors of FIPS 180, RFC 2202, 4231, 6070 and 7914, 11; the others were computed
 * with another implementation. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/base64.h"
#include "lib/crypto/digest.h"

#include <string.h>

static const enum digest all[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

/* The first bytes of `out` are those of `hex`; what is behind the digest was not written. */
static void assert_digest(enum digest d, const unsigned char *out, const char *hex)
{
	char text[2 * DIGEST_BYTES_MAX + 1] = { 0 };
	size_t n = strlen(hex);
	assert_in_range(n, 32, 2 * digest_bytes(d));
	hex_encode(str_make(out, n / 2), text);
	assert_string_equal(text, hex);
	for (size_t i = digest_bytes(d); i < DIGEST_BYTES_MAX; i++)
		assert_int_equal(out[i], 0xee);
}

#define FRESH(out)                                                                                                     \
	unsigned char out[DIGEST_BYTES_MAX];                                                                           \
	memset(out, 0xee, sizeof(out))

static void sizes_and_names(void **state)
{
	(void)state;
	static const size_t bytes[] = { 20, 32, 64 };
	static const struct str names[] = { STR_INIT("sha-1"), STR_INIT("sha-256"), STR_INIT("sha-512") };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_int_equal(digest_bytes(all[i]), bytes[i]);
		assert_true(str_eq(digest_name(all[i]), names[i]));
	}
}

static void digests_of_known_texts(void **state)
{
	(void)state;
	static const struct {
		enum digest d;
		struct str data;
		const char *hex;
	} vectors[] = {
		{ DIGEST_SHA1, { NULL, 0 }, "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
		{ DIGEST_SHA1, STR_INIT("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ DIGEST_SHA1, STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
			"84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
		{ DIGEST_SHA256, { NULL, 0 }, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ DIGEST_SHA256, STR_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ DIGEST_SHA256, STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ DIGEST_SHA512, { NULL, 0 },
			"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
			"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
		{ DIGEST_SHA512, STR_INIT("abc"),
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	};
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		FRESH(out);
		digest_compute(vectors[i].d, vectors[i].data, out);
		assert_digest(vectors[i].d, out, vectors[i].hex);
	}
}

static void hmac_sha1_vectors_of_rfc_2202(void **state)
{
	(void)state;
	unsigned char b0b[20], baa[80], bdd[50], bcd[50], b0c[20], counting[25];
	memset(b0b, 0x0b, sizeof(b0b));
	memset(baa, 0xaa, sizeof(baa));
	memset(bdd, 0xdd, sizeof(bdd));
	memset(bcd, 0xcd, sizeof(bcd));
	memset(b0c, 0x0c, sizeof(b0c));
	for (size_t i = 0; i < sizeof(counting); i++)
		counting[i] = (unsigned char)(i + 1);
	const struct {
		struct str key, data;
		const char *hex;
	} vectors[] = {
		{ str_make(b0b, 20), STR("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00" },
		{ STR("Jefe"), STR("what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
		{ str_make(baa, 20), str_make(bdd, 50), "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
		{ str_make(counting, 25), str_make(bcd, 50), "4c9007f4026250c6bc8414f9bf50c86c2d7235da" },
		{ str_make(b0c, 20), STR("Test With Truncation"), "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04" },
		{ str_make(baa, 80), STR("Test Using Larger Than Block-Size Key - Hash Key First"),
			"aa4ae5e15272d00e95705637ce8a3b55ed402112" },
		{ str_make(baa, 80), STR("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
			"e8e99d0f45237d786d6bbaa7965c7808bbff1a91" },
	};
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		FRESH(out);
		digest_hmac(DIGEST_SHA1, vectors[i].key, vectors[i].data, out);
		assert_digest(DIGEST_SHA1, out, vectors[i].hex);
	}
}

static void hmac_sha2_vectors_of_rfc_4231(void **state)
{
	(void)state;
	unsigned char b0b[20], baa[131], bdd[50], bcd[50], b0c[20], counting[25];
	memset(b0b, 0x0b, sizeof(b0b));
	memset(baa, 0xaa, sizeof(baa));
	memset(bdd, 0xdd, sizeof(bdd));
	memset(bcd, 0xcd, sizeof(bcd));
	memset(b0c, 0x0c, sizeof(b0c));
	for (size_t i = 0; i < sizeof(counting); i++)
		counting[i] = (unsigned char)(i + 1);
	const struct {
		struct str key, data;
		const char *sha256, *sha512;
	} vectors[] = {
		{ str_make(b0b, 20), STR("Hi There"),
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
			"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
		{ STR("Jefe"), STR("what do ya want for nothing?"),
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
		{ str_make(baa, 20), str_make(bdd, 50),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
			"fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
			"bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" },
		{ str_make(counting, 25), str_make(bcd, 50),
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
			"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
			"a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd" },
		{ str_make(b0c, 20), STR("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b",
			"415fad6271580a531d4179bc891d87a6" },
		{ str_make(baa, 131), STR("Test Using Larger Than Block-Size Key - Hash Key First"),
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
			"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
			"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
		{ str_make(baa, 131),
			STR("This is a test using a larger than block-size key and a larger than block-size data. "
			    "The key needs to be hashed before being used by the HMAC algorithm."),
			"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
			"e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
			"b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" },
	};
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		FRESH(sha256);
		digest_hmac(DIGEST_SHA256, vectors[i].key, vectors[i].data, sha256);
		assert_digest(DIGEST_SHA256, sha256, vectors[i].sha256);
		FRESH(sha512);
		digest_hmac(DIGEST_SHA512, vectors[i].key, vectors[i].data, sha512);
		assert_digest(DIGEST_SHA512, sha512, vectors[i].sha512);
	}
}

static void hmac_keys_around_the_block_size_and_empty(void **state)
{
	(void)state;
	static const struct {
		enum digest d;
		size_t block;
		const char *whole, *longer, *empty; /* their first 16 bytes */
	} vectors[] = {
		{ DIGEST_SHA1, 64, "c079690cbeecf22700fb9aa55717edd4", "9627f4aecb38ec3f6e54a1290417baf1",
			"fbdb1d1b18aa6c08324b7d64b71fb763" },
		{ DIGEST_SHA256, 64, "4ad458bc38a391d72ea559af4da22824", "d5fe0b5d8fb05bd4bd11e39f5eaf091b",
			"b613679a0814d9ec772f95d778c35fc5" },
		{ DIGEST_SHA512, 128, "e32d5d110d7f994ad77ea22866fd9024", "ccbe239a2629e91a94778fa1649a811f",
			"b936cee86c9f87aa5d3c6f2e84cb5a42" },
	};
	char key[129];
	memset(key, 'k', sizeof(key));
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		FRESH(out);
		digest_hmac(vectors[i].d, str_make(key, vectors[i].block), STR("d"), out);
		assert_digest(vectors[i].d, out, vectors[i].whole);
		digest_hmac(vectors[i].d, str_make(key, vectors[i].block + 1), STR("d"), out);
		assert_digest(vectors[i].d, out, vectors[i].longer);
		digest_hmac(vectors[i].d, (struct str){ NULL, 0 }, (struct str){ NULL, 0 }, out);
		assert_digest(vectors[i].d, out, vectors[i].empty);
	}
}

static void output_may_be_the_input(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		FRESH(first);
		FRESH(second);
		FRESH(out);
		size_t n = digest_bytes(all[i]);
		digest_hmac(all[i], STR("key"), str_make(out, n), first);
		digest_hmac(all[i], STR("key"), str_make(out, n), out);
		assert_memory_equal(out, first, n);
		digest_hmac(all[i], str_make(first, n), str_make(first, n), second);
		digest_hmac(all[i], str_make(out, n), str_make(out, n), out);
		assert_memory_equal(out, second, n);
		digest_compute(all[i], str_make(second, n), first);
		digest_compute(all[i], str_make(out, n), out);
		assert_memory_equal(out, first, n);
	}
}

static void pbkdf2_vectors(void **state)
{
	(void)state;
	static const struct {
		enum digest d;
		struct str password, salt;
		uint32_t iterations;
		const char *hex;
	} vectors[] = {
		/* RFC 6070; of the longer and the shorter output, what both have */
		{ DIGEST_SHA1, STR_INIT("password"), STR_INIT("salt"), 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
		{ DIGEST_SHA1, STR_INIT("password"), STR_INIT("salt"), 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
		{ DIGEST_SHA1, STR_INIT("password"), STR_INIT("salt"), 4096,
			"4b007901b765489abead49d926f721d065a429c1" },
		{ DIGEST_SHA1, STR_INIT("passwordPASSWORDpassword"), STR_INIT("saltSALTsaltSALTsaltSALTsaltSALTsalt"),
			4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a96" },
		{ DIGEST_SHA1, STR_INIT("pass\0word"), STR_INIT("sa\0lt"), 4096, "56fa6aa75548099dcc37d7f03425e0c3" },
		/* RFC 7914, 11: the first block */
		{ DIGEST_SHA256, STR_INIT("passwd"), STR_INIT("salt"), 1,
			"55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc" },
		{ DIGEST_SHA256, STR_INIT("Password"), STR_INIT("NaCl"), 80000,
			"4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56" },
		{ DIGEST_SHA512, STR_INIT("password"), STR_INIT("salt"), 4096,
			"d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
			"143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5" },
		/* Nothing given, as NULL and as "" */
		{ DIGEST_SHA1, { NULL, 0 }, STR_INIT("salt"), 2, "133a4ce837b4d2521ee2bf03e11c71ca794e0797" },
		{ DIGEST_SHA1, STR_INIT(""), STR_INIT("salt"), 2, "133a4ce837b4d2521ee2bf03e11c71ca794e0797" },
		{ DIGEST_SHA256, STR_INIT("password"), { NULL, 0 }, 2,
			"8bc2f9167a81cdcfad1235cd9047f1136271c1f978fcfcb35e22dbeafa4634f6" },
	};
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		FRESH(out);
		digest_pbkdf2(vectors[i].d, vectors[i].password, vectors[i].salt, vectors[i].iterations, out);
		assert_digest(vectors[i].d, out, vectors[i].hex);
	}
}

static void secrets_are_equal_if_all_bytes_are(void **state)
{
	(void)state;
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	assert_true(ct_equal(str_make(a, 64), str_make(b, 64)));
	for (size_t i = 0; i < 64; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b[i] = (unsigned char)(1 << bit);
			assert_false(ct_equal(str_make(a, 64), str_make(b, 64)));
		}
		b[i] = 0;
	}
	assert_false(ct_equal(str_make(a, 64), str_make(b, 63)));
	assert_false(ct_equal(str_make(a, 0), str_make(b, 1)));
	assert_true(ct_equal((struct str){ NULL, 0 }, STR("")));
}

static void wiping_zeroes_exactly_what_it_was_given(void **state)
{
	(void)state;
	unsigned char bytes[10];
	memset(bytes, 0xee, sizeof(bytes));
	secret_wipe(bytes + 1, 8);
	const unsigned char expected[10] = { 0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0xee };
	assert_memory_equal(bytes, expected, 10);
	secret_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_names),
		cmocka_unit_test(digests_of_known_texts),
		cmocka_unit_test(hmac_sha1_vectors_of_rfc_2202),
		cmocka_unit_test(hmac_sha2_vectors_of_rfc_4231),
		cmocka_unit_test(hmac_keys_around_the_block_size_and_empty),
		cmocka_unit_test(output_may_be_the_input),
		cmocka_unit_test(pbkdf2_vectors),
		cmocka_unit_test(secrets_are_equal_if_all_bytes_are),
		cmocka_unit_test(wiping_zeroes_exactly_what_it_was_given),
	};
	return cmocka_run_group_tests_name("crypto/digest", tests, NULL, NULL);
}
