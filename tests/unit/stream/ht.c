/* SASL-HT: its message, and that the two hashes are what they are said to be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/stream/ht.h"

#include <string.h>

static const struct sasl_binding_data data = { .n = 4, .bytes = "data" };

static void hashes_are_over_label_and_binding(void **state)
{
	(void)state;
	unsigned char hash[HT_HASH_BYTES], wanted[HT_HASH_BYTES];
	digest_hmac(DIGEST_SHA256, STR("token"), STR("Initiatordata"), wanted);
	ht_initiator_hash(STR("token"), &data, hash);
	assert_memory_equal(hash, wanted, sizeof(hash));
	digest_hmac(DIGEST_SHA256, STR("token"), STR("Responderdata"), wanted);
	ht_responder_hash(STR("token"), &data, hash);
	assert_memory_equal(hash, wanted, sizeof(hash));
	digest_hmac(DIGEST_SHA256, STR("token"), STR("Responder"), wanted);
	ht_responder_hash(STR("token"), NULL, hash);
	assert_memory_equal(hash, wanted, sizeof(hash));
}

static void message_is_read_as_it_is_written(void **state)
{
	(void)state;
	struct arena *a = arena_new(256, 4096);
	unsigned char hash[HT_HASH_BYTES];
	struct ht_message m;
	struct str s = ht_write(a, STR("romeo"), STR("token"), &data);
	assert_true(ht_parse(s, &m));
	ht_initiator_hash(STR("token"), &data, hash);
	assert_true(str_eq(m.username, STR("romeo")));
	assert_true(str_eq(m.hash, str_make(hash, sizeof(hash))));
	arena_free(&a);
}

/* A hash of a wrong length is a wrong hash, and not the grammar's business. */
static void malformed_messages_are_refused(void **state)
{
	(void)state;
	struct ht_message m;
	assert_false(ht_parse(STR(""), &m));
	assert_false(ht_parse(STR("romeo"), &m));
	assert_false(ht_parse(STR("\0hash"), &m));
	assert_false(ht_parse(STR("rom\377o\0hash"), &m));
	assert_true(ht_parse(STR("romeo\0ha\0sh"), &m));
	assert_true(str_eq(m.hash, STR("ha\0sh")));
	assert_true(ht_parse(STR("romeo\0"), &m));
	assert_int_equal(m.hash.n, 0);
}

static void each_mechanism_has_its_binding(void **state)
{
	(void)state;
	assert_int_equal(ht_binding(SASL_HT_SHA_256_EXPR), SASL_TLS_EXPORTER);
	assert_int_equal(ht_binding(SASL_HT_SHA_256_ENDP), SASL_TLS_SERVER_END_POINT);
	assert_int_equal(ht_binding(SASL_HT_SHA_256_NONE), SASL_BINDINGS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_over_label_and_binding),
		cmocka_unit_test(message_is_read_as_it_is_written),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(each_mechanism_has_its_binding),
	};
	return cmocka_run_group_tests_name("stream/ht", tests, NULL, NULL);
}
