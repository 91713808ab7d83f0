/* Tests of lib/net/sysrandom.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/net/sysrandom.h"

#include <string.h>

static void every_byte_is_filled_and_none_beyond(void **state)
{
	(void)state;
	static unsigned char p[100002], seen[100002];
	for (int round = 0; round < 8; round++) {
		memset(p, 0, sizeof(p));
		random_fill(&sysrandom, p + 1, sizeof(p) - 2);
		for (size_t i = 0; i < sizeof(p); i++)
			seen[i] |= p[i];
	}
	/* A byte that is 0 in eight of eight rounds: once in 2^64. */
	for (size_t i = 1; i < sizeof(p) - 1; i++)
		assert_int_not_equal(seen[i], 0);
	assert_int_equal(seen[0], 0);
	assert_int_equal(seen[sizeof(p) - 1], 0);
	random_fill(&sysrandom, p, 0);
}

static void two_fills_differ(void **state)
{
	(void)state;
	unsigned char a[32], b[32];
	random_fill(&sysrandom, a, sizeof(a));
	random_fill(&sysrandom, b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_filled_and_none_beyond),
		cmocka_unit_test(two_fills_differ),
	};
	return cmocka_run_group_tests_name("net/sysrandom", tests, NULL, NULL);
}
