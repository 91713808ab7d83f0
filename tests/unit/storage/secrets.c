/* Secrets: made once, the same after every start, and each name has its own. */
#include "server/storage/secrets.h"

#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void secret_is_the_same_after_a_restart(void **state)
{
	struct fixture f;
	struct random_seeded seeded;
	unsigned char first[32], again[32], other[32], nothing[32] = { 0 };
	(void)state;
	random_seeded_init(&seeded, 1);
	struct random_source random = random_seeded_source(&seeded);
	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(secret_load(f.s, &random, STR("salt"), first, sizeof(first)), 0);
	assert_memory_not_equal(first, nothing, sizeof(first));
	fixture_close(&f);
	fixture_open(&f);
	assert_int_equal(secret_load(f.s, &random, STR("salt"), again, sizeof(again)), 0);
	assert_memory_equal(again, first, sizeof(first));
	assert_int_equal(secret_load(f.s, &random, STR("pepper"), other, sizeof(other)), 0);
	assert_memory_not_equal(other, first, sizeof(first));
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_is_the_same_after_a_restart),
	};
	return cmocka_run_group_tests_name("storage/secrets", tests, NULL, NULL);
}
