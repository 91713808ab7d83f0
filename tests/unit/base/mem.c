/* Tests of lib/base/mem.c. Each that replaces the hooks puts the usual ones back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void no_more(size_t n)
{
	(void)n;
	abort();
}

static const struct mem_hooks usual_hooks = { malloc, realloc, free, no_more };

static int put_usual_hooks_back(void **state)
{
	(void)state;
	mem_set_hooks(&usual_hooks);
	return 0;
}

static jmp_buf ran_out;
static size_t wanted;

static void *alloc_nothing(size_t n)
{
	(void)n;
	return NULL;
}

static void *resize_nothing(void *p, size_t n)
{
	(void)p, (void)n;
	return NULL;
}

static void jump(size_t n)
{
	wanted = n;
	longjmp(ran_out, 1);
}

static const struct mem_hooks poor_hooks = { alloc_nothing, resize_nothing, free, jump };

static void running_out_calls_the_hook(void **state)
{
	(void)state;
	mem_set_hooks(&poor_hooks);
	void *volatile p = &wanted;
	if (!setjmp(ran_out))
		p = mem_alloc(10);
	assert_int_equal(wanted, 10);
	if (!setjmp(ran_out))
		p = mem_zalloc(11);
	assert_int_equal(wanted, 11);
	if (!setjmp(ran_out))
		p = mem_resize(NULL, 12);
	assert_int_equal(wanted, 12);
	assert_ptr_equal(p, &wanted);
}

static void overflowing_array_counts_as_running_out(void **state)
{
	(void)state;
	static const struct mem_hooks hooks = { malloc, realloc, free, jump };
	mem_set_hooks(&hooks);
	void *volatile p = &wanted;
	wanted = 0;
	if (!setjmp(ran_out))
		p = mem_zalloc_array(SIZE_MAX / 8 + 2, 8);
	assert_true(wanted == SIZE_MAX);
	assert_ptr_equal(p, &wanted);
}

static void hook_that_returns_is_not_survived(void **state)
{
	(void)state;
	static const struct mem_hooks hooks = { alloc_nothing, resize_nothing, free, no_more };
	mem_set_hooks(&hooks);
	assert_dies((void)mem_alloc(1));
}

static void *alloc_dirty(size_t n)
{
	void *p = malloc(n);
	return p ? memset(p, 0xa5, n) : NULL;
}

static void zalloc_clears(void **state)
{
	(void)state;
	static const struct mem_hooks hooks = { alloc_dirty, realloc, free, no_more };
	static const char zeros[100];
	mem_set_hooks(&hooks);
	char *p = mem_zalloc(100), *q = mem_zalloc_array(25, 4);
	assert_memory_equal(p, zeros, 100);
	assert_memory_equal(q, zeros, 100);
	mem_free(p);
	mem_free(q);
}

static void *alloc_null_for_nothing(size_t n)
{
	return n ? malloc(n) : NULL;
}

static void *resize_null_for_nothing(void *p, size_t n)
{
	return n ? realloc(p, n) : NULL;
}

/* C leaves open what malloc(0) gives. */
static void nothing_is_an_allocation_too(void **state)
{
	(void)state;
	static const struct mem_hooks hooks = { alloc_null_for_nothing, resize_null_for_nothing, free, no_more };
	mem_set_hooks(&hooks);
	void *p = mem_alloc(0), *q = mem_zalloc_array(0, 8), *r = mem_resize(NULL, 0);
	assert_true(p && q && r);
	mem_free(p);
	mem_free(q);
	mem_free(r);
	mem_free(NULL);
}

static void resize_keeps_the_content(void **state)
{
	(void)state;
	char *p = mem_alloc(4);
	memcpy(p, "abcd", 4);
	p = mem_resize(p, 100000);
	assert_memory_equal(p, "abcd", 4);
	p = mem_resize(p, 2);
	assert_memory_equal(p, "ab", 2);
	mem_free(p);
}

/* The hooks that are there if nobody has replaced them: this comes first. */
static void without_hooks_a_line_says_so_and_the_process_is_aborted(void **state)
{
	(void)state;
	char line[100] = "";
	int pipes[2], status = 0;
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(pipes[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		mem_exhausted(12);
	}
	close(pipes[1]);
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(read(pipes[0], line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "linnet: out of memory (12 bytes wanted)\n");
	close(pipes[0]);
}

static void who_finds_no_memory_elsewhere_ends_in_the_same_way(void **state)
{
	(void)state;
	static const struct mem_hooks hooks = { malloc, realloc, free, jump };
	mem_set_hooks(&hooks);
	wanted = 1;
	if (!setjmp(ran_out))
		mem_exhausted(0);
	assert_int_equal(wanted, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_hooks_a_line_says_so_and_the_process_is_aborted),
		cmocka_unit_test_teardown(who_finds_no_memory_elsewhere_ends_in_the_same_way, put_usual_hooks_back),
		cmocka_unit_test_teardown(running_out_calls_the_hook, put_usual_hooks_back),
		cmocka_unit_test_teardown(overflowing_array_counts_as_running_out, put_usual_hooks_back),
		cmocka_unit_test_teardown(hook_that_returns_is_not_survived, put_usual_hooks_back),
		cmocka_unit_test_teardown(zalloc_clears, put_usual_hooks_back),
		cmocka_unit_test_teardown(nothing_is_an_allocation_too, put_usual_hooks_back),
		cmocka_unit_test(resize_keeps_the_content),
	};
	return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
