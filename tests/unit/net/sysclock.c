/* Tests of lib/net/sysclock.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/net/sysclock.h"

static void monotonic_time_does_not_step_back(void **state)
{
	(void)state;
	uint64_t last = clock_mono_ms(&sysclock);
	for (int i = 0; i < 10000; i++) {
		uint64_t now = clock_mono_ms(&sysclock);
		assert_true(now >= last && now - last < 60000);
		last = now;
	}
}

static void wall_time_is_in_milliseconds_of_this_century(void **state)
{
	(void)state;
	int64_t now = clock_wall_ms(&sysclock);
	assert_true(now > 1577836800000 && now < 4102444800000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monotonic_time_does_not_step_back),
		cmocka_unit_test(wall_time_is_in_milliseconds_of_this_century),
	};
	return cmocka_run_group_tests_name("net/sysclock", tests, NULL, NULL);
}
