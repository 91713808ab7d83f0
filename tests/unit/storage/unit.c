/* Units, batches and queries: values are copied, and what no back-end may hold is noticed. */
#include "server/storage/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static const struct statement st = { "x" };

static void values_are_copied(void **state)
{
	(void)state;
	char text[] = "romeo", blob[] = "ab\0c";
	struct unit *u = unit_new();
	UNIT_ADD(u, &st, value_text(str_make(text, 5)), value_blob(str_make(blob, 4)), value_int(-7), value_null());
	memset(text, 'x', 5);
	memset(blob, 'x', 4);
	const struct value *v = u->first->params;
	assert_int_equal(u->first->count, 4);
	assert_true(str_eq(v[0].s, STR("romeo")));
	assert_true(str_eq(v[1].s, STR("ab\0c")));
	assert_true(v[2].i == -7);
	assert_int_equal(v[3].kind, VALUE_NULL);
	unit_free(&u);
	assert_null(u);
	unit_free(&u);
}

static void steps_keep_their_order_and_kind(void **state)
{
	(void)state;
	struct unit *u = unit_new();
	UNIT_ADD(u, &st, value_int(1));
	UNIT_ADD_ONCE(u, &st, value_int(2));
	UNIT_ADD_MUST(u, &st, value_int(3));
	unit_add(u, &st, NULL, 0);
	static const enum step_kind kinds[] = { STEP_ANY, STEP_ONCE, STEP_MUST, STEP_ANY };
	size_t n = 0;
	for (struct unit_step *step = u->first; step; step = step->next, n++) {
		assert_int_equal(step->kind, kinds[n]);
		if (step->count)
			assert_int_equal(step->params[0].i, n + 1);
	}
	assert_int_equal(n, 4);
	assert_false(u->invalid);
	unit_free(&u);
}

static bool makes_invalid(struct value v)
{
	struct unit *u = unit_new();
	unit_add(u, &st, &v, 1);
	bool invalid = u->invalid;
	/* Nothing that follows makes it right again. */
	UNIT_ADD(u, &st, value_int(1));
	assert_int_equal(u->invalid, invalid);
	unit_free(&u);
	struct query *q = query_new(&st, &v, 1, 1);
	assert_int_equal(q->invalid, invalid);
	query_free(&q);
	return invalid;
}

static void text_is_utf8_without_zero_bytes(void **state)
{
	(void)state;
	assert_false(makes_invalid(value_text(STR(""))));
	assert_false(makes_invalid(value_text((struct str){ NULL, 0 })));
	assert_false(makes_invalid(value_text(STR("\xf4\x8f\xbf\xbf"))));
	assert_true(makes_invalid(value_text(STR("\0"))));
	assert_true(makes_invalid(value_text(STR("end\0"))));
	assert_true(makes_invalid(value_text(STR("\x80"))));
	assert_true(makes_invalid(value_text(STR("\xc0\x80"))));
	assert_true(makes_invalid(value_text(STR("\xf4\x90\x80\x80"))));
	assert_false(makes_invalid(value_blob(STR("\0\x80\xff"))));
	assert_false(makes_invalid(value_null()));
}

static void long_values_are_refused(void **state)
{
	(void)state;
	char *p = calloc(1, VALUE_BYTES_MAX + 1);
	assert_false(makes_invalid(value_blob(str_make(p, VALUE_BYTES_MAX))));
	assert_true(makes_invalid(value_blob(str_make(p, VALUE_BYTES_MAX + 1))));
	free(p);
}

static void unit_is_bounded(void **state)
{
	(void)state;
	char *p = calloc(1, VALUE_BYTES_MAX);
	struct unit *u = unit_new();
	for (int i = 0; i < 100; i++)
		UNIT_ADD(u, &st, value_blob(str_make(p, VALUE_BYTES_MAX)));
	assert_true(u->invalid);
	assert_true(arena_bytes(u->arena) < 4 * UNIT_BYTES_MAX);
	unit_free(&u);
	free(p);
}

static void batch_takes_its_units_along(void **state)
{
	(void)state;
	int owner;
	struct batch *b = batch_new(&owner, 7);
	assert_ptr_equal(b->owner, &owner);
	assert_int_equal(b->ticket, 7);
	for (int i = 0; i < 3; i++)
		list_add_last(&b->units, &unit_new()->link);
	batch_free(&b); /* a leak would be told by the sanitizer */
	assert_null(b);
	batch_free(&b);
}

static void rows_are_added_without_losing_any(void **state)
{
	(void)state;
	struct query *q = query_new(&st, NULL, 0, 1000);
	q->columns = 2;
	for (int64_t i = 0; i < 500; i++) {
		struct value *row = query_add_row(q);
		row[0] = value_int(i);
		row[1] = value_null();
	}
	assert_int_equal(q->rows, 500);
	for (size_t i = 0; i < 500; i++)
		assert_int_equal(query_row(q, i)[0].i, i);
	assert_null(query_row(q, 500));
	query_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_copied),
		cmocka_unit_test(steps_keep_their_order_and_kind),
		cmocka_unit_test(text_is_utf8_without_zero_bytes),
		cmocka_unit_test(long_values_are_refused),
		cmocka_unit_test(unit_is_bounded),
		cmocka_unit_test(batch_takes_its_units_along),
		cmocka_unit_test(rows_are_added_without_losing_any),
	};
	return cmocka_run_group_tests_name("storage/unit", tests, NULL, NULL);
}
