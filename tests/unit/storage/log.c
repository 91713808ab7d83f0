/* The log of an owner: once by id, in order by number, no number twice; cursors only go forward. */
#include "server/storage/log.h"

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
	f->options.migrations = NULL;
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

static struct unit *append(const char *owner, int64_t n, const char *id, unsigned flags)
{
	struct unit *u = unit_new();
	log_append(u, &(struct log_row){
			      .owner = str_from_c(owner),
			      .n = n,
			      .peer = STR("juliet@example.org"),
			      .id = str_from_c(id),
			      .flags = flags,
			      .stamp_ms = 1700000000000 + n,
			      .stanza = STR("<message/>"),
		      });
	return u;
}

static void append_range(struct fixture *f, const char *owner, int64_t from, int64_t to, unsigned flags)
{
	char id[32];
	for (int64_t n = from; n <= to; n++) {
		snprintf(id, sizeof(id), "id-%d", (int)n);
		submit_unit(f->s, &f->inbox, append(owner, n, id, flags));
	}
	drive(f);
	assert_int_equal(take_all(f), to - from + 1);
}

static int64_t last_of(struct fixture *f, const char *owner)
{
	int64_t n = -1;
	struct query *q = ask(f, log_last(str_from_c(owner)));
	assert_true(log_last_read(q, &n));
	query_free(&q);
	return n;
}

static int64_t cursor_of(struct fixture *f, const char *owner, const char *name)
{
	int64_t n = -1;
	struct query *q = ask(f, cursor_get(str_from_c(owner), str_from_c(name)));
	assert_true(cursor_get_read(q, &n));
	query_free(&q);
	return n;
}

static void set_cursor(struct fixture *f, const char *owner, const char *name, int64_t n)
{
	struct unit *u = unit_new();
	cursor_set(u, str_from_c(owner), str_from_c(name), n);
	assert_int_equal(commit_unit(f, u), 0);
}

static void delete_queued(struct fixture *f, const char *owner, int64_t after, int64_t up_to)
{
	struct unit *u = unit_new();
	log_delete_queued(u, str_from_c(owner), after, up_to);
	assert_int_equal(commit_unit(f, u), 0);
}

static void row_is_read_as_it_was_appended(void **state)
{
	struct fixture *f = *state;
	struct unit *u = unit_new();
	const struct log_row written = { STR("romeo@example.org"), 3, STR("j\xc3\xbcliet@example.org"), STR("abc"),
		LOG_ARCHIVED, 1700000000123, STR("<message>\0\xff</message>") };
	log_append(u, &written);
	assert_int_equal(commit_unit(f, u), 0);
	struct query *q = ask(f, log_read_after(written.owner, 2, 10));
	struct log_row row;
	assert_int_equal(q->rows, 1);
	assert_true(log_read_row(q, 0, &row));
	assert_true(row.n == 3);
	assert_true(str_eq(row.peer, written.peer));
	assert_true(str_eq(row.id, written.id));
	assert_int_equal(row.flags, LOG_ARCHIVED);
	assert_true(row.stamp_ms == written.stamp_ms);
	assert_true(str_eq(row.stanza, written.stanza));
	assert_false(log_read_row(q, 1, &row));
	query_free(&q);
}

static void same_id_is_appended_once(void **state)
{
	struct fixture *f = *state;
	/* Again with a number of its own, as after a restart; and with the same number, as a repeated unit. */
	static const int64_t numbers[] = { 1, 2, 1 };
	for (int i = 0; i < 3; i++) {
		struct unit *u = append("romeo", numbers[i], "same", LOG_ARCHIVED);
		cursor_set(u, STR("romeo"), STR("sm"), 10 + i);
		submit_unit(f->s, &f->inbox, u);
		drive(f);
		assert_int_equal(u->error, 0);
		assert_int_equal(u->repeated, i > 0);
		take_all(f);
	}
	assert_int_equal(cursor_of(f, "romeo", "sm"), 10);
	assert_int_equal(last_of(f, "romeo"), 10);
}

static void same_id_in_another_log_is_another_row(void **state)
{
	struct fixture *f = *state;
	struct unit *u = append("romeo", 1, "same", 0);
	submit_unit(f->s, &f->inbox, u);
	struct unit *other = append("juliet", 1, "same", 0);
	submit_unit(f->s, &f->inbox, other);
	drive(f);
	assert_false(u->repeated);
	assert_false(other->repeated);
	assert_int_equal(last_of(f, "juliet"), 1);
}

static void number_that_is_taken_fails_the_unit(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(commit_unit(f, append("romeo", 1, "a", 0)), 0);
	assert_int_equal(commit_unit(f, append("romeo", 1, "b", 0)), -STORAGE_UNIT);
}

static void rows_are_read_in_order_page_by_page(void **state)
{
	struct fixture *f = *state;
	append_range(f, "romeo", 1, 25, LOG_ARCHIVED);
	append_range(f, "juliet", 1, 3, LOG_ARCHIVED);
	int64_t after = 0;
	for (bool more = true; more;) {
		struct query *q = ask(f, log_read_after(STR("romeo"), after, 10));
		more = q->more;
		assert_int_equal(more, after < 20);
		for (size_t r = 0; r < q->rows; r++) {
			struct log_row row;
			assert_true(log_read_row(q, r, &row));
			assert_true(row.n == ++after);
		}
		query_free(&q);
	}
	assert_int_equal(after, 25);
}

static void last_page_that_is_full_is_the_last(void **state)
{
	struct fixture *f = *state;
	append_range(f, "romeo", 1, 10, 0);
	struct query *q = ask(f, log_read_after(STR("romeo"), 0, 10));
	assert_int_equal(q->rows, 10);
	assert_false(q->more);
	query_free(&q);
}

static void only_queued_rows_in_the_range_are_deleted(void **state)
{
	struct fixture *f = *state;
	append_range(f, "romeo", 1, 4, 0);
	append_range(f, "romeo", 5, 6, LOG_ARCHIVED);
	append_range(f, "romeo", 7, 9, 0);
	append_range(f, "juliet", 1, 3, 0);
	delete_queued(f, "romeo", 1, 8);
	static const int64_t left[] = { 1, 5, 6, 9 };
	struct query *q = ask(f, log_read_after(STR("romeo"), 0, 10));
	assert_int_equal(q->rows, ARRAY_LEN(left));
	for (size_t r = 0; r < q->rows; r++)
		assert_true(query_row(q, r)[0].i == left[r]);
	query_free(&q);
	assert_int_equal(last_of(f, "juliet"), 3);
}

static void number_of_a_deleted_row_is_remembered(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(last_of(f, "romeo"), 0);
	append_range(f, "romeo", 1, 9, 0);
	assert_int_equal(last_of(f, "romeo"), 9);
	delete_queued(f, "romeo", 0, 9);
	assert_int_equal(last_of(f, "romeo"), 9);
	append_range(f, "romeo", 10, 11, 0);
	assert_int_equal(last_of(f, "romeo"), 11);
	/* Even when it was the cursors' last trace. */
	set_cursor(f, "romeo", "sm", 11);
	delete_queued(f, "romeo", 9, 11);
	struct unit *u = unit_new();
	cursor_remove(u, STR("romeo"), STR("sm"));
	assert_int_equal(commit_unit(f, u), 0);
	assert_int_equal(last_of(f, "romeo"), 11);
}

static void cursor_only_goes_forward(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(cursor_of(f, "romeo", "sm"), 0);
	static const int64_t set[] = { 5, 3, 5, 8, 0 }, expected[] = { 5, 5, 5, 8, 8 };
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		set_cursor(f, "romeo", "sm", set[i]);
		assert_true(cursor_of(f, "romeo", "sm") == expected[i]);
	}
	assert_int_equal(cursor_of(f, "romeo", "other"), 0);
	assert_int_equal(cursor_of(f, "juliet", "sm"), 0);
}

static void cursors_are_listed_without_nobodys(void **state)
{
	struct fixture *f = *state;
	set_cursor(f, "romeo", "b", 2);
	set_cursor(f, "romeo", "a", 1);
	set_cursor(f, "juliet", "c", 3);
	delete_queued(f, "romeo", 0, 9);
	struct query *q = ask(f, cursor_list(STR("romeo"), 10));
	struct str name;
	int64_t n;
	assert_int_equal(q->rows, 2);
	assert_true(cursor_list_row(q, 0, &name, &n));
	assert_true(str_eq(name, STR("a")) && n == 1);
	assert_true(cursor_list_row(q, 1, &name, &n));
	assert_true(str_eq(name, STR("b")) && n == 2);
	assert_false(cursor_list_row(q, 2, &name, &n));
	query_free(&q);
}

static void removed_owner_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	append_range(f, "romeo", 1, 5, LOG_ARCHIVED);
	append_range(f, "juliet", 1, 5, LOG_ARCHIVED);
	set_cursor(f, "romeo", "sm", 3);
	struct unit *u = unit_new();
	log_remove_owner(u, STR("romeo"));
	assert_int_equal(commit_unit(f, u), 0);
	assert_int_equal(last_of(f, "romeo"), 0);
	assert_int_equal(cursor_of(f, "romeo", "sm"), 0);
	assert_int_equal(last_of(f, "juliet"), 5);
}

static void row_of_another_shape_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct log_row row;
	struct str name;
	int64_t n;
	append_range(f, "romeo", 1, 1, 0);
	static const struct statement odd = { "SELECT 'x', 'x', 'x', 'x', 'x', 'x'" };
	struct query *q = ask(f, query_new(&odd, NULL, 0, 1));
	assert_int_equal(q->rows, 1);
	assert_false(log_read_row(q, 0, &row));
	assert_false(log_last_read(q, &n));
	assert_false(cursor_list_row(q, 0, &name, &n));
	query_free(&q);
}

/* A page of a long log costs what it returns, not what the log holds. */
static void reading_uses_the_index(void **state)
{
	struct fixture *f = *state;
	char plan[512];
	struct query *q = log_read_after(STR("romeo"), 0, 10);
	query_plan(f, q, plan, sizeof(plan));
	query_free(&q);
	assert_string_equal(plan, "SEARCH log USING INDEX sqlite_autoindex_log_1 (owner=? AND n>?)\n");
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(row_is_read_as_it_was_appended),
		T(same_id_is_appended_once),
		T(same_id_in_another_log_is_another_row),
		T(number_that_is_taken_fails_the_unit),
		T(rows_are_read_in_order_page_by_page),
		T(last_page_that_is_full_is_the_last),
		T(only_queued_rows_in_the_range_are_deleted),
		T(number_of_a_deleted_row_is_remembered),
		T(cursor_only_goes_forward),
		T(cursors_are_listed_without_nobodys),
		T(removed_owner_leaves_nothing),
		T(row_of_another_shape_is_not_read),
		T(reading_uses_the_index),
	};
	return cmocka_run_group_tests_name("storage/log", tests, NULL, NULL);
}
