/* The outbox: rows wait until they are removed, an effect happens once, no number is given twice. */
#include "server/storage/outbox.h"

#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static int add(struct fixture *f, const char *owner, int64_t n, const char *target)
{
	struct unit *u = unit_new();
	outbox_row_add(u, &(struct outbox_row){ str_from_c(owner), n, str_from_c(target), 5, STR("pay\0load"), n + 40 });
	return commit_unit(f, u);
}

static void remove_row(struct fixture *f, const char *owner, int64_t n)
{
	struct unit *u = unit_new();
	outbox_row_remove(u, str_from_c(owner), n);
	assert_int_equal(commit_unit(f, u), 0);
}

static int64_t last_of(struct fixture *f, const char *owner)
{
	int64_t n = -1;
	struct query *q = ask(f, outbox_last(str_from_c(owner)));
	assert_true(outbox_last_read(q, &n));
	query_free(&q);
	return n;
}

static void rows_are_read_in_order_until_removed(void **state)
{
	struct fixture *f = *state;
	for (int64_t n = 1; n <= 5; n++)
		assert_int_equal(add(f, "romeo", n, n % 2 ? "juliet" : "nurse"), 0);
	remove_row(f, "romeo", 2);
	remove_row(f, "romeo", 2);
	static const int64_t left[] = { 3, 4, 5 };
	struct query *q = ask(f, outbox_read(STR("romeo"), 1, 3));
	struct outbox_row row;
	assert_int_equal(q->rows, 3);
	assert_false(q->more);
	for (size_t r = 0; r < q->rows; r++) {
		assert_true(outbox_read_row(q, r, &row));
		assert_true(row.n == left[r]);
		assert_true(str_eq(row.target, row.n % 2 ? STR("juliet") : STR("nurse")));
		assert_int_equal(row.kind, 5);
		assert_true(str_eq(row.payload, STR("pay\0load")));
	}
	assert_false(outbox_read_row(q, 3, &row));
	query_free(&q);
	q = ask(f, outbox_read(STR("romeo"), 0, 2));
	assert_true(q->more);
	query_free(&q);
}

static void numbers_are_remembered_when_rows_are_gone(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(last_of(f, "romeo"), 0);
	assert_int_equal(add(f, "romeo", 1, "juliet"), 0);
	assert_int_equal(add(f, "romeo", 2, "juliet"), 0);
	remove_row(f, "romeo", 1);
	remove_row(f, "romeo", 2);
	assert_int_equal(last_of(f, "romeo"), 2);
	assert_int_equal(last_of(f, "juliet"), 0);
}

static void number_given_twice_fails_the_unit(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add(f, "romeo", 2, "juliet"), 0);
	remove_row(f, "romeo", 2);
	assert_int_equal(add(f, "romeo", 2, "juliet"), -STORAGE_UNIT);
	assert_int_equal(add(f, "romeo", 1, "juliet"), -STORAGE_UNIT);
	assert_int_equal(add(f, "romeo", 3, "juliet"), 0);
}

/* Applies row n of `origin` at `owner`; true if the effect took place. */
static bool apply(struct fixture *f, const char *owner, const char *origin, int64_t n)
{
	struct unit *u = unit_new();
	outbox_apply_once(u, str_from_c(owner), str_from_c(origin), n);
	UNIT_ADD(u, &put_item, value_text(str_from_c(owner)), value_int(n), value_null(), value_null());
	submit_unit(f->s, &f->inbox, u);
	drive(f);
	assert_int_equal(u->error, 0);
	bool effect = !u->repeated;
	take_all(f);
	return effect;
}

static void effect_happens_once_a_number(void **state)
{
	struct fixture *f = *state;
	assert_true(apply(f, "juliet", "romeo", 1));
	assert_false(apply(f, "juliet", "romeo", 1));
	/* Numbers have gaps: others were told something between. */
	assert_true(apply(f, "juliet", "romeo", 5));
	assert_false(apply(f, "juliet", "romeo", 1));
	assert_false(apply(f, "juliet", "romeo", 5));
	assert_int_equal(item_count(f, "juliet"), 2);
	fixture_close(f);
	fixture_open(f);
	assert_false(apply(f, "juliet", "romeo", 5));
	assert_true(apply(f, "juliet", "romeo", 6));
}

static void origins_are_counted_apart(void **state)
{
	struct fixture *f = *state;
	assert_true(apply(f, "juliet", "romeo", 3));
	assert_true(apply(f, "juliet", "nurse", 1));
	assert_true(apply(f, "romeo", "nurse", 1));
	/* What one has applied says nothing about what it has sent. */
	assert_int_equal(last_of(f, "juliet"), 0);
}

static void owners_with_rows_are_listed_once(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(add(f, "romeo", 1, "x"), 0);
	assert_int_equal(add(f, "romeo", 2, "x"), 0);
	assert_int_equal(add(f, "juliet", 1, "x"), 0);
	assert_int_equal(add(f, "nurse", 1, "x"), 0);
	remove_row(f, "nurse", 1);
	struct query *q = ask(f, outbox_owners(STR(""), 1));
	struct str owner;
	assert_int_equal(q->rows, 1);
	assert_true(q->more);
	assert_true(outbox_owners_row(q, 0, &owner));
	assert_true(str_eq(owner, STR("juliet")));
	query_free(&q);
	q = ask(f, outbox_owners(STR("juliet"), 10));
	assert_int_equal(q->rows, 1);
	assert_true(outbox_owners_row(q, 0, &owner));
	assert_true(str_eq(owner, STR("romeo")));
	assert_false(outbox_owners_row(q, 1, &owner));
	query_free(&q);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_are_read_in_order_until_removed),
		T(numbers_are_remembered_when_rows_are_gone),
		T(number_given_twice_fails_the_unit),
		T(effect_happens_once_a_number),
		T(origins_are_counted_apart),
		T(owners_with_rows_are_listed_once),
	};
	return cmocka_run_group_tests_name("storage/outbox", tests, NULL, NULL);
}
