/* Tests of server/core/token.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/core/token.h"

#include <string.h>

static struct sasl_token derive(const char *key, const char *salt, const char *owner, const char *client, enum sasl_mechanism m)
{
	struct sasl_token t;
	token_derive(str_from_c(key), str_from_c(salt), str_from_c(owner), str_from_c(client), m, &t);
	return t;
}

static void each_part_makes_another_token(void **state)
{
	const struct sasl_token tokens[] = {
		derive("k", "s", "romeo@x", "id", SASL_HT_SHA_256_NONE),
		derive("l", "s", "romeo@x", "id", SASL_HT_SHA_256_NONE),
		derive("k", "t", "romeo@x", "id", SASL_HT_SHA_256_NONE),
		derive("k", "s", "romeo@y", "id", SASL_HT_SHA_256_NONE),
		derive("k", "s", "romeo@x", "ie", SASL_HT_SHA_256_NONE),
		derive("k", "s", "romeo@xi", "d", SASL_HT_SHA_256_NONE),
		derive("k", "s", "romeo@x", "id", SASL_HT_SHA_256_ENDP),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		assert_int_equal(tokens[i].n, 43);
		for (size_t c = 0; c < 43; c++)
			assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", tokens[i].bytes[c]));
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(tokens[i].bytes, tokens[j].bytes, 43);
	}
	struct sasl_token again = derive("k", "s", "romeo@x", "id", SASL_HT_SHA_256_NONE);
	assert_memory_equal(again.bytes, tokens[0].bytes, 43);
}

static void resource_is_the_clients_own(void **state)
{
	char a[CLIENT_RESOURCE_CHARS], b[CLIENT_RESOURCE_CHARS];
	(void)state;
	client_resource(STR("secret"), STR("romeo@x"), STR("id"), a);
	client_resource(STR("secret"), STR("romeo@x"), STR("id"), b);
	assert_memory_equal(a, b, sizeof(a));
	client_resource(STR("secret"), STR("juliet@x"), STR("id"), b);
	assert_memory_not_equal(a, b, sizeof(a));
	client_resource(STR("other"), STR("romeo@x"), STR("id"), b);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_makes_another_token),
		cmocka_unit_test(resource_is_the_clients_own),
	};
	return cmocka_run_group_tests_name("core/token", tests, NULL, NULL);
}
