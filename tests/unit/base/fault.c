/* Tests of lib/base/fault.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/fault.h"

#include <string.h>

static void what_is_true_passes_and_is_evaluated_once(void **state)
{
	(void)state;
	int times = 0;
	assert_always(++times);
	assert_int_equal(times, 1);
}

static void what_is_false_aborts(void **state)
{
	(void)state;
	assert_dies(assert_always(1 + 1 == 3));
}

static void abort_says_what_and_where(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dies_quietly();
		dup2(ends[1], STDERR_FILENO);
		fault_raise("some/file.c", 42, "x == y");
	}
	char text[200] = { 0 };
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	assert_true(child > 0 && dies_aborted(child));
	assert_string_equal(text, "linnet: bug at some/file.c:42: x == y\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_true_passes_and_is_evaluated_once),
		cmocka_unit_test(what_is_false_aborts),
		cmocka_unit_test(abort_says_what_and_where),
	};
	return cmocka_run_group_tests_name("base/fault", tests, NULL, NULL);
}
