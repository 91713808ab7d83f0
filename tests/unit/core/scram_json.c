/* SCRAM keys as JSON: what is written is read back, and nothing that is missing, unknown or of a wrong size passes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/core/scram_json.h"

#include <stdio.h>
#include <string.h>

static struct scram_keys keys(unsigned char seed, uint32_t salt_n)
{
	struct scram_keys k = { .is_set = true, .iterations = 4096u + seed, .salt_n = salt_n };
	memset(k.salt, seed, salt_n);
	memset(k.stored_key, seed + 1, sizeof(k.stored_key));
	memset(k.server_key, seed + 2, sizeof(k.server_key));
	return k;
}

static void assert_keys(const struct scram_keys *x, const struct scram_keys *y, size_t n)
{
	assert_int_equal(x->is_set, y->is_set);
	if (!x->is_set)
		return;
	assert_int_equal(x->iterations, y->iterations);
	assert_int_equal(x->salt_n, y->salt_n);
	assert_memory_equal(x->salt, y->salt, x->salt_n);
	assert_memory_equal(x->stored_key, y->stored_key, n);
	assert_memory_equal(x->server_key, y->server_key, n);
}

static void what_is_built_is_parsed(void **state)
{
	const struct sasl_credentials all[] = {
		{ .keys[DIGEST_SHA1] = keys(1, 16), .keys[DIGEST_SHA256] = keys(7, 64) },
		{ .keys[DIGEST_SHA1] = keys(3, 8) },
		{ .keys[DIGEST_SHA256] = keys(250, 16), .keys[DIGEST_SHA512] = keys(9, 32) },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct sasl_credentials c;
		const char *why = NULL;
		json_t *j = scram_json_build(&all[i]);
		assert_true(scram_json_parse(j, &c, &why));
		assert_keys(&c.keys[DIGEST_SHA1], &all[i].keys[DIGEST_SHA1], 20);
		assert_keys(&c.keys[DIGEST_SHA256], &all[i].keys[DIGEST_SHA256], 32);
		assert_keys(&c.keys[DIGEST_SHA512], &all[i].keys[DIGEST_SHA512], 64);
		json_decref(j);
	}
}

#define SALT   "AAECAwQFBgcICQoLDA0ODw=="
#define KEY20  "AAECAwQFBgcICQoLDA0ODxAREhM="
#define KEY32  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define GOOD   "\"salt\":\"" SALT "\",\"iterations\":4096,"
#define KEYS20 "\"stored_key\":\"" KEY20 "\",\"server_key\":\"" KEY20 "\""

static const char *why_not(const char *text)
{
	struct sasl_credentials c;
	const char *why = "it passed";
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(j);
	(void)!scram_json_parse(j, &c, &why);
	json_decref(j);
	return why;
}

static void a_known_example_is_parsed(void **state)
{
	(void)state;
	assert_string_equal(why_not("{\"sha-1\":{" GOOD KEYS20 "}}"), "it passed");
}

static void what_is_no_object_of_known_hashes_is_refused(void **state)
{
	static const char *const texts[] = { "null", "[]", "{}", "5", "\"sha-1\"" };
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(why_not(texts[i]), "scram is an object of sha-1, sha-256 or sha-512, or several of them");
	assert_string_equal(why_not("{\"sha-384\":{" GOOD KEYS20 "}}"), "scram knows sha-1, sha-256 and sha-512");
	assert_string_equal(why_not("{\"sha-1\":{" GOOD KEYS20 "},\"SHA-256\":{}}"), "scram knows sha-1, sha-256 and sha-512");
}

static void keys_are_exactly_four_values(void **state)
{
	static const char why[] = "keys are an object of salt, iterations, stored_key and server_key";
	(void)state;
	assert_string_equal(why_not("{\"sha-1\":null}"), why);
	assert_string_equal(why_not("{\"sha-1\":{}}"), why);
	assert_string_equal(why_not("{\"sha-1\":{" GOOD "\"stored_key\":\"" KEY20 "\"}}"), why);
	assert_string_equal(why_not("{\"sha-1\":{" GOOD KEYS20 ",\"more\":1}}"), why);
}

static void sizes_are_checked(void **state)
{
	(void)state;
	assert_string_equal(why_not("{\"sha-1\":{\"salt\":\"AAECAwQFBg==\",\"iterations\":4096," KEYS20 "}}"),
		"salt is not base64 of 8 to 64 bytes");
	assert_string_equal(why_not("{\"sha-1\":{\"salt\":\"\",\"iterations\":4096," KEYS20 "}}"),
		"salt is not base64 of 8 to 64 bytes");
	assert_string_equal(why_not("{\"sha-1\":{\"salt\":5,\"iterations\":4096," KEYS20 "}}"),
		"salt is not base64 of 8 to 64 bytes");
	char salt65[300];
	snprintf(salt65, sizeof(salt65), "{\"sha-1\":{\"salt\":\"%s%s\",\"iterations\":4096," KEYS20 "}}",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=");
	assert_string_equal(why_not(salt65), "salt is not base64 of 8 to 64 bytes");
	assert_string_equal(why_not("{\"sha-256\":{" GOOD KEYS20 "}}"),
		"stored_key is not base64 of the digest's size");
	assert_string_equal(why_not("{\"sha-1\":{" GOOD "\"stored_key\":\"" KEY20 "\",\"server_key\":\"" KEY32 "\"}}"),
		"server_key is not base64 of the digest's size");
}

static void base64_is_strict(void **state)
{
	static const char *const salts[] = { "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODw==\\n",
		"AAECAwQFBgcICQoLDA0ODx==",
		"AAECAwQF gcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0OD_==" };
	(void)state;
	for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), "{\"sha-1\":{\"salt\":\"%s\",\"iterations\":4096," KEYS20 "}}", salts[i]);
		assert_string_equal(why_not(text), "salt is not base64 of 8 to 64 bytes");
	}
}

static void iterations_have_bounds(void **state)
{
	static const char *const wrong[] = { "0", "-1", "10000001", "\"4096\"", "4096.5", "null", "99999999999" };
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), "{\"sha-1\":{\"salt\":\"" SALT "\",\"iterations\":%s," KEYS20 "}}",
			wrong[i]);
		assert_string_equal(why_not(text), "iterations is no number from 1 to 10000000");
	}
}

/* One family that is wrong spoils the other one; nothing is taken over. */
static void a_refusal_leaves_nothing_behind(void **state)
{
	struct sasl_credentials c = { .keys[DIGEST_SHA1] = { .iterations = 4711 } };
	const char *why = NULL;
	json_t *j = json_loads("{\"sha-1\":{" GOOD KEYS20 "},\"sha-256\":{" GOOD KEYS20 "}}", 0, NULL);
	(void)state;
	assert_false(scram_json_parse(j, &c, &why));
	assert_non_null(why);
	assert_int_equal(c.keys[DIGEST_SHA1].iterations, 4711);
	assert_false(c.keys[DIGEST_SHA1].is_set);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_parsed),
		cmocka_unit_test(a_known_example_is_parsed),
		cmocka_unit_test(what_is_no_object_of_known_hashes_is_refused),
		cmocka_unit_test(keys_are_exactly_four_values),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(iterations_have_bounds),
		cmocka_unit_test(a_refusal_leaves_nothing_behind),
	};
	return cmocka_run_group_tests_name("core/scram_json", tests, NULL, NULL);
}
