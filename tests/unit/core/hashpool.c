/* The pool for PBKDF2: right results for the right worker, a bound, nothing left behind. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "server/core/hashpool.h"

#define SALT STR("salt")
#define JOBS_MAX 1024

struct heard {
	unsigned count, refused;
	slab_handle last;
	unsigned char salted[DIGEST_BYTES_MAX];
};

/* A worker has no place for a test's own data; its counter of units is not used here. */
static void on_done(struct worker *w, slab_handle handle, const unsigned char *salted)
{
	struct heard *heard = (struct heard *)(uintptr_t)w->units_added;
	heard->count++;
	heard->refused += salted == NULL;
	heard->last = handle;
	if (salted)
		memcpy(heard->salted, salted, sizeof(heard->salted));
}

struct fixture {
	struct harness *h;
	struct hashpool *pool;
	struct heard heard[2];
	unsigned wakes;
};

static void wake(void *ctx)
{
	(*(unsigned *)ctx)++;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(2, NULL);
	f->pool = hashpool_new(wake, &f->wakes);
	for (int i = 0; i < 2; i++)
		f->h->sim.workers[i].worker.units_added = (uintptr_t)&f->heard[i];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	hashpool_free(&f->pool);
	hashpool_free(&f->pool);
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static void submit(struct fixture *f, int worker, slab_handle handle)
{
	struct worker *w = &f->h->sim.workers[worker].worker;
	hashpool_submit(f->pool, w, handle, DIGEST_SHA256, STR("pencil"), SALT, 2, on_done);
}

static void results_reach_the_worker_that_asked(void **state)
{
	struct fixture *f = *state;
	unsigned char expected[DIGEST_BYTES_MAX] = { 0 };
	submit(f, 0, 11);
	submit(f, 1, 22);
	assert_int_equal(f->wakes, 2);
	harness_run(f->h);
	assert_int_equal(f->heard[0].count + f->heard[1].count, 0);
	assert_true(hashpool_step(f->pool));
	harness_run(f->h);
	assert_int_equal(f->heard[0].count, 1);
	assert_int_equal(f->heard[1].count, 0);
	assert_true(hashpool_step(f->pool));
	assert_false(hashpool_step(f->pool));
	harness_run(f->h);
	assert_int_equal(f->heard[1].count, 1);
	assert_int_equal(f->heard[0].last, 11);
	assert_int_equal(f->heard[1].last, 22);
	digest_pbkdf2(DIGEST_SHA256, STR("pencil"), SALT, 2, expected);
	assert_memory_equal(f->heard[0].salted, expected, 32);
	assert_memory_equal(f->heard[1].salted, expected, 32);
}

static void a_full_pool_answers_with_nothing(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < JOBS_MAX; i++)
		submit(f, 0, i + 1);
	harness_run(f->h);
	assert_int_equal(f->heard[0].count, 0);
	submit(f, 1, 4711);
	assert_int_equal(f->wakes, JOBS_MAX);
	harness_run(f->h);
	assert_int_equal(f->heard[1].count, 1);
	assert_int_equal(f->heard[1].refused, 1);
	assert_int_equal(f->heard[1].last, 4711);
	/* One done makes room for one. */
	assert_true(hashpool_step(f->pool));
	submit(f, 1, 4712);
	submit(f, 1, 4713);
	harness_run(f->h);
	assert_int_equal(f->heard[1].refused, 2);
	assert_int_equal(f->heard[1].last, 4713);
	while (hashpool_step(f->pool))
		;
	harness_run(f->h);
	assert_int_equal(f->heard[0].count, JOBS_MAX);
	assert_int_equal(f->heard[0].refused, 0);
	assert_int_equal(f->heard[0].last, JOBS_MAX);
	assert_int_equal(f->heard[1].count, 3);
	assert_int_equal(f->heard[1].refused, 2);
}

static void what_still_waits_goes_with_the_pool(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < 3; i++)
		submit(f, 0, i + 1);
	hashpool_free(&f->pool);
	assert_null(f->pool);
	harness_run(f->h);
	assert_int_equal(f->heard[0].count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(results_reach_the_worker_that_asked),
		TEST(a_full_pool_answers_with_nothing),
		TEST(what_still_waits_goes_with_the_pool),
	};
	return cmocka_run_group_tests_name("core/hashpool", tests, NULL, NULL);
}
