/* Migrations: once each, in order, whole or not at all, never backwards. */
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

/* clang-format off */
#define FIRST { "pets", 1, "CREATE TABLE pets (name TEXT NOT NULL); INSERT INTO pets VALUES ('one')" }
#define SECOND { "pets", 2, "INSERT INTO pets VALUES ('two')" }
#define THIRD_HALF { "pets", 3, "INSERT INTO pets VALUES ('three'); INSERT INTO no_such_table VALUES (1)" }
#define THIRD_RUNAWAY { "pets", 3, "INSERT INTO pets VALUES ('three'); COMMIT" }
#define THIRD { "pets", 3, "INSERT INTO pets VALUES ('three')" }
#define OTHER { "plants", 1, "CREATE TABLE plants (name TEXT NOT NULL); INSERT INTO pets VALUES ('plant')" }
#define END { NULL, 0, NULL }
/* clang-format on */

static const struct statement count_pets = { "SELECT count(*) FROM pets" };

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static int open_with(struct fixture *f, const struct migration *migrations)
{
	fixture_close(f);
	f->options.migrations = migrations;
	return fixture_try_open(f);
}

static int64_t pets(struct fixture *f)
{
	struct query *q = ask(f, query_new(&count_pets, NULL, 0, 1));
	assert_int_equal(q->error, 0);
	int64_t n = query_row(q, 0)[0].i;
	query_free(&q);
	return n;
}

static void each_runs_once(void **state)
{
	struct fixture *f = *state;
	const struct migration both[] = { FIRST, SECOND, END };
	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_with(f, both), 0);
		assert_int_equal(pets(f), 2);
	}
}

static void new_ones_run_after_the_old(void **state)
{
	struct fixture *f = *state;
	const struct migration one[] = { FIRST, END };
	const struct migration more[] = { FIRST, SECOND, OTHER, END };
	assert_int_equal(open_with(f, one), 0);
	assert_int_equal(pets(f), 1);
	assert_int_equal(open_with(f, more), 0);
	assert_int_equal(pets(f), 3);
}

static void failing_one_leaves_nothing_and_keeps_those_before(void **state)
{
	struct fixture *f = *state;
	const struct migration failing[] = { FIRST, SECOND, THIRD_HALF, END };
	const struct migration mended[] = { FIRST, SECOND, THIRD, END };
	assert_int_equal(open_with(f, failing), -STORAGE_UNIT);
	assert_null(f->s);
	assert_non_null(strstr(f->why, "pets-3"));
	assert_non_null(strstr(f->why, "no_such_table"));
	const struct migration before[] = { FIRST, SECOND, END };
	assert_int_equal(open_with(f, before), 0);
	assert_int_equal(pets(f), 2);
	assert_int_equal(open_with(f, mended), 0);
	assert_int_equal(pets(f), 3);
}

static void one_that_ends_its_transaction_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct migration runaway[] = { FIRST, SECOND, THIRD_RUNAWAY, END };
	assert_int_equal(open_with(f, runaway), -STORAGE_FATAL);
	assert_non_null(strstr(f->why, "ended the transaction"));
}

static void tables_of_a_newer_program_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct migration newer[] = { FIRST, SECOND, END };
	const struct migration older[] = { OTHER, FIRST, END };
	assert_int_equal(open_with(f, newer), 0);
	assert_int_equal(open_with(f, older), -STORAGE_UNIT);
	assert_null(f->s);
	assert_non_null(strstr(f->why, "newer version"));
	assert_non_null(strstr(f->why, "pets 2"));
	/* And nothing of the older one was done first. */
	assert_int_equal(open_with(f, newer), 0);
	assert_int_equal(pets(f), 2);
}

static void feature_that_was_switched_off_is_left_alone(void **state)
{
	struct fixture *f = *state;
	const struct migration all[] = { FIRST, OTHER, END };
	const struct migration without[] = { FIRST, END };
	assert_int_equal(open_with(f, all), 0);
	assert_int_equal(open_with(f, without), 0);
	assert_int_equal(open_with(f, all), 0);
	assert_int_equal(pets(f), 2);
}

static void storage_works_without_any_of_modules(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(open_with(f, NULL), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_runs_once),
		T(new_ones_run_after_the_old),
		T(failing_one_leaves_nothing_and_keeps_those_before),
		T(one_that_ends_its_transaction_is_refused),
		T(tables_of_a_newer_program_are_refused),
		T(feature_that_was_switched_off_is_left_alone),
		T(storage_works_without_any_of_modules),
	};
	return cmocka_run_group_tests_name("storage/migrate", tests, NULL, NULL);
}
