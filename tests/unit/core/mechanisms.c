/* Tests of server/core/mechanisms.c: a family of SCRAM is offered as long as every account of the host has it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "server/core/mechanisms.h"
#include "server/core/server.h"
#include "server/storage/accounts.h"

#define HOST STR("localhost")
#define REST (SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_EXTERNAL) | SASL_TOKEN_BITS)
#define SHA1 (SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS))

static unsigned offered(struct harness *h, struct str host)
{
	return mechanisms_of(h->sim.server.mechanisms, host);
}

/* With keys of these families, as an administrator adds them. */
static void add(struct harness *h, const char *localpart, unsigned digests)
{
	struct sasl_credentials c = h->credentials;
	struct account_row row = { .host = HOST, .localpart = str_from_c(localpart) };
	struct unit *u = unit_new();
	for (enum digest d = 0; d < DIGESTS; d++) {
		c.keys[d].is_set = digests & 1u << d;
		c.keys[d].iterations = 1;
		c.keys[d].salt_n = 16;
	}
	accounts_put(u, &row, &c);
	assert_int_equal(storage_commit_now(h->sim.storage, u), 0);
	unit_free(&u);
	mechanisms_account_changed(&h->sim.workers[0].worker, HOST, mechanisms_lacking(&c));
}

static void take_away(struct harness *h, const char *localpart)
{
	struct unit *u = unit_new();
	accounts_remove(u, HOST, str_from_c(localpart));
	assert_int_equal(storage_commit_now(h->sim.storage, u), 0);
	unit_free(&u);
	mechanisms_account_changed(&h->sim.workers[0].worker, HOST, 0);
}

static void one_account_without_a_family_is_enough(void **state)
{
	struct harness *h = harness_new(1, NULL);
	(void)state;
	assert_int_equal(offered(h, HOST), SASL_SCRAM_BITS | REST);
	add(h, "romeo", 7);
	assert_int_equal(offered(h, HOST), SASL_SCRAM_BITS | REST);
	add(h, "juliet", 1u << DIGEST_SHA1);
	assert_int_equal(offered(h, HOST), SHA1 | REST); /* at once */
	harness_run(h);
	assert_int_equal(offered(h, HOST), SHA1 | REST);
	assert_int_equal(offered(h, STR("other.example")), SASL_SCRAM_BITS | REST);
	harness_crash(h);
	assert_int_equal(offered(h, HOST), SHA1 | REST);
	take_away(h, "juliet");
	harness_run(h);
	assert_int_equal(offered(h, HOST), SASL_SCRAM_BITS | REST);
	harness_free(&h);
}

static void only_the_last_answer_counts(void **state)
{
	struct harness *h = harness_new(1, NULL);
	(void)state;
	add(h, "juliet", 1u << DIGEST_SHA1);
	take_away(h, "juliet");
	add(h, "nurse", 1u << DIGEST_SHA256);
	harness_run(h);
	assert_int_equal(offered(h, HOST), (SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS)) | REST);
	harness_free(&h);
}

static void configuration_limits_what_is_offered(void **state)
{
	struct harness *h = harness_new(1, "mechanisms: [SCRAM-SHA-1]\nfast: off\nanonymous: [localhost]\n");
	(void)state;
	assert_int_equal(offered(h, HOST), SHA1 | SASL_BIT(SASL_ANONYMOUS));
	assert_int_equal(offered(h, STR("other.example")), SHA1);
	harness_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_account_without_a_family_is_enough),
		cmocka_unit_test(only_the_last_answer_counts),
		cmocka_unit_test(configuration_limits_what_is_offered),
	};
	return cmocka_run_group_tests_name("core/mechanisms", tests, NULL, NULL);
}
