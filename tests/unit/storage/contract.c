/* The contract of storage.h and backend.h, which every back-end has to keep. What it needs to know of the one under
 * test is in struct subject; nothing here names a database. */
#include "tests/unit/storage/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static const struct subject *const subject = &contract_subject;

static const struct statement delete_item = { "DELETE FROM items WHERE owner = ?1 AND n = ?2" };
static const struct statement update_item = { "UPDATE items SET text = ?3 WHERE owner = ?1 AND n = ?2" };
static const struct statement unknown_table = { "SELECT n FROM no_such_table" };

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	subject->prepare(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	subject->set_full(false);
	subject->set_broken(false);
	fixture_fini(f);
	subject->cleanup(f);
	free(f);
	return 0;
}

/* A unit of two rows. */
static struct unit *pair_unit(const char *owner, int64_t first, int64_t second)
{
	struct unit *u = item_unit(owner, first);
	UNIT_ADD(u, &put_item, value_text(str_from_c(owner)), value_int(second), value_null(), value_null());
	return u;
}

static struct unit *large_unit(const char *owner, int64_t n, size_t bytes)
{
	char *p = malloc(bytes);
	for (size_t i = 0; i < bytes; i++)
		p[i] = (char)(i * 2654435761u >> 13);
	struct unit *u = unit_new();
	UNIT_ADD(u, &put_item, value_text(str_from_c(owner)), value_int(n), value_null(),
		value_blob(str_make(p, bytes)));
	free(p);
	return u;
}

static void committed_unit_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(item_count(f, "romeo"), 1);
}

static void nothing_comes_back_before_a_step(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	assert_int_equal(take_all(f), 0);
	assert_int_equal(storage_uncommitted_units(f->s), 1);
	drive(f);
	assert_int_equal(take_all(f), 1);
	assert_int_equal(storage_uncommitted_units(f->s), 0);
}

static void check_flushed(struct batch *b)
{
	unsigned *unflushed = b->owner;
	*unflushed += !subject->is_flushed();
	batch_free(&b);
}

static void batch_comes_back_after_its_flush(void **state)
{
	struct fixture *f = *state;
	unsigned unflushed = 0;
	f->options.on_batch = check_flushed;
	fixture_open(f);
	for (int64_t i = 0; i < 20; i++) {
		struct unit *u = item_unit("romeo", i);
		struct batch *b = batch_new(&unflushed, (uint64_t)i);
		list_add_last(&b->units, &u->link);
		storage_submit(f->s, b);
		if (i % 3 == 0)
			drive(f);
	}
	drive(f);
	assert_int_equal(storage_uncommitted_units(f->s), 0);
	assert_int_equal(unflushed, 0);
}

static void batches_come_back_in_order(void **state)
{
	struct fixture *f = *state;
	struct inbox second;
	inbox_init(&second);
	fixture_open(f);
	/* More than fits one transaction. */
	for (int64_t i = 0; i < 400; i++) {
		struct unit *const units[] = { item_unit("romeo", 2 * i), item_unit("romeo", 2 * i + 1) };
		submit_batch(f->s, i % 3 ? &f->inbox : &second, units, 2);
	}
	drive(f);
	uint64_t last = 0, last_of_second = 0;
	struct batch *b;
	while ((b = inbox_take(&f->inbox))) {
		assert_int_equal(b->ticket, ++last);
		batch_free(&b);
	}
	while ((b = inbox_take(&second))) {
		assert_int_equal(b->ticket, ++last_of_second);
		batch_free(&b);
	}
	assert_int_equal(last + last_of_second, 400);
	assert_int_equal(item_count(f, "romeo"), 800);
	inbox_fini(&second);
}

static void one_bad_unit_fails_alone(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 7)), 0);
	/* The second fails in its second statement, after the first has worked. */
	struct unit *const units[] = { item_unit("romeo", 1), pair_unit("romeo", 2, 7), item_unit("romeo", 3) };
	submit_batch(f->s, &f->inbox, units, 3);
	drive(f);
	assert_int_equal(units[0]->error, 0);
	assert_int_equal(units[1]->error, -STORAGE_UNIT);
	assert_int_equal(units[2]->error, 0);
	assert_int_equal(take_all(f), 3);
	assert_int_equal(item_count(f, "romeo"), 3);
	assert_false(storage_is_waiting(f->s));
}

static void every_unit_of_a_batch_may_fail(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 7)), 0);
	struct unit *const units[] = { item_unit("romeo", 7), item_unit("romeo", 7) };
	submit_batch(f->s, &f->inbox, units, 2);
	drive(f);
	assert_int_equal(units[0]->error, -STORAGE_UNIT);
	assert_int_equal(units[1]->error, -STORAGE_UNIT);
	assert_int_equal(take_all(f), 2);
	assert_int_equal(commit_unit(f, item_unit("romeo", 8)), 0);
}

static void value_of_the_wrong_kind_fails_its_unit(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct unit *u = unit_new();
	UNIT_ADD(u, &put_item, value_text(STR("romeo")), value_text(STR("seven")), value_null(), value_null());
	assert_int_equal(commit_unit(f, u), -STORAGE_UNIT);
}

static int commit_text(struct fixture *f, struct str text)
{
	struct unit *u = unit_new();
	UNIT_ADD(u, &put_item, value_text(STR("romeo")), value_int(1), value_text(text), value_null());
	return commit_unit(f, u);
}

static void text_that_is_none_fails_its_unit(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_text(f, STR("a\0b")), -STORAGE_UNIT);
	assert_int_equal(commit_text(f, STR("\xc3")), -STORAGE_UNIT);
	assert_int_equal(commit_text(f, STR("\xed\xa0\x80")), -STORAGE_UNIT);
	assert_int_equal(item_count(f, "romeo"), 0);
	assert_int_equal(commit_text(f, STR("ab")), 0);
}

static void text_that_is_none_fails_its_query(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct query *q = ask(f, query_new(&count_items, VALUES(value_text(STR("a\0b"))), 1));
	assert_int_equal(q->error, -STORAGE_UNIT);
	query_free(&q);
}

static void repeated_unit_stops_at_its_key(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int round = 0; round < 2; round++) {
		struct unit *u = unit_new();
		UNIT_ADD(u, &update_item, value_text(STR("before")), value_int(1), value_null());
		UNIT_ADD_ONCE(u, &put_item_once, value_text(STR("key")), value_int(1), value_null(), value_null());
		/* The second time this would be a constraint error. */
		UNIT_ADD(u, &put_item, value_text(STR("effect")), value_int(1), value_null(), value_null());
		submit_unit(f->s, &f->inbox, u);
		drive(f);
		assert_int_equal(u->error, 0);
		assert_int_equal(u->repeated, round == 1);
		assert_int_equal(take_all(f), 1);
	}
	assert_int_equal(item_count(f, "effect"), 1);
}

static void repetition_inside_one_transaction_is_seen(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct unit *units[2];
	for (int i = 0; i < 2; i++) {
		units[i] = unit_new();
		UNIT_ADD_ONCE(
			units[i], &put_item_once, value_text(STR("key")), value_int(1), value_null(), value_null());
	}
	submit_batch(f->s, &f->inbox, units, 2);
	drive(f);
	assert_false(units[0]->repeated);
	assert_true(units[1]->repeated);
}

static void repetition_survives_a_replay(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct unit *first = unit_new();
	UNIT_ADD_ONCE(first, &put_item_once, value_text(STR("key")), value_int(1), value_null(), value_null());
	struct unit *bad = pair_unit("romeo", 1, 1);
	struct unit *const units[] = { first, bad };
	submit_batch(f->s, &f->inbox, units, 2);
	drive(f);
	assert_false(first->repeated);
	assert_int_equal(first->error, 0);
	assert_int_equal(bad->error, -STORAGE_UNIT);
}

static void statement_that_must_touch_a_row_fails_without(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 1; n <= 2; n++) {
		struct unit *u = item_unit("romeo", n);
		UNIT_ADD_MUST(u, &update_item, value_text(STR("romeo")), value_int(1), value_text(STR("new")));
		assert_int_equal(commit_unit(f, u), 0);
	}
	struct unit *u = item_unit("romeo", 3);
	UNIT_ADD_MUST(u, &delete_item, value_text(STR("romeo")), value_int(99));
	assert_int_equal(commit_unit(f, u), -STORAGE_UNIT);
	assert_int_equal(item_count(f, "romeo"), 2);
}

static void empty_batch_keeps_its_place(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	submit_batch(f->s, &f->inbox, NULL, 0);
	drive(f);
	for (uint64_t ticket = 1; ticket <= 2; ticket++) {
		struct batch *b = inbox_take(&f->inbox);
		assert_non_null(b);
		assert_int_equal(b->ticket, ticket);
		batch_free(&b);
	}
}

static void values_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	static const int64_t numbers[] = { INT64_MIN, -1, 0, 1, INT64_MAX };
	const struct str texts[] = { STR(""), STR("a"), STR("ß€😀 'quoted\" ?1 -- ;"), STR("\xef\xbf\xbf"),
		STR("\x01\x7f") };
	const struct str blobs[] = { STR(""), STR("\0"), STR("\0\xff\xfe\0"), STR("\xc3"), STR("plain") };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct unit *u = unit_new();
		UNIT_ADD(u, &put_item, value_text(STR("romeo")), value_int(numbers[i]), value_text(texts[i]),
			value_blob(blobs[i]));
		assert_int_equal(commit_unit(f, u), 0);
	}
	struct query *q = ask(f, query_new(&read_items, VALUES(value_text(STR("romeo"))), 10));
	assert_int_equal(q->rows, ARRAY_LEN(numbers));
	assert_int_equal(q->columns, 3);
	assert_false(q->more);
	for (size_t i = 0; i < q->rows; i++) {
		const struct value *v = query_row(q, i);
		assert_int_equal(v[0].kind, VALUE_INT);
		assert_true(v[0].i == numbers[i]);
		assert_int_equal(v[1].kind, VALUE_TEXT);
		assert_true(str_eq(v[1].s, texts[i]));
		assert_int_equal(v[2].kind, VALUE_BLOB);
		assert_true(str_eq(v[2].s, blobs[i]));
	}
	assert_null(query_row(q, q->rows));
	query_free(&q);
}

static void null_is_not_the_empty_value(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct unit *u = unit_new();
	UNIT_ADD(u, &put_item, value_text(STR("romeo")), value_int(1), value_null(), value_null());
	assert_int_equal(commit_unit(f, u), 0);
	struct query *q = ask(f, query_new(&read_items, VALUES(value_text(STR("romeo"))), 10));
	assert_int_equal(query_row(q, 0)[1].kind, VALUE_NULL);
	assert_int_equal(query_row(q, 0)[2].kind, VALUE_NULL);
	query_free(&q);
}

static void large_values_are_kept_whole(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	const size_t bytes = (size_t)3 << 20;
	assert_int_equal(commit_unit(f, large_unit("romeo", 1, bytes)), 0);
	struct query *q = ask(f, query_new(&read_items, VALUES(value_text(STR("romeo"))), 1));
	struct str data = query_row(q, 0)[2].s;
	assert_int_equal(data.n, bytes);
	for (size_t i = 0; i < bytes; i++)
		if (data.p[i] != (char)(i * 2654435761u >> 13))
			fail_msg("byte %zu differs", i);
	query_free(&q);
}

static void value_over_the_limit_fails_its_unit(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, large_unit("romeo", 1, VALUE_BYTES_MAX)), 0);
	assert_int_equal(commit_unit(f, large_unit("romeo", 2, VALUE_BYTES_MAX + 1)), -STORAGE_UNIT);
	assert_int_equal(commit_unit(f, item_unit("romeo", 2)), 0);
}

static void query_stops_at_its_row_limit(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t i = 1; i <= 40; i++)
		submit_unit(f->s, &f->inbox, item_unit("romeo", i));
	drive(f);
	static const struct {
		size_t rows_max, rows;
		bool more;
	} cases[] = { { 0, 0, true }, { 1, 1, true }, { 39, 39, true }, { 40, 40, false }, { 100, 40, false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct query *q = ask(f, query_new(&read_items, VALUES(value_text(STR("romeo"))), cases[i].rows_max));
		assert_int_equal(q->error, 0);
		assert_int_equal(q->rows, cases[i].rows);
		assert_int_equal(q->more, cases[i].more);
		for (size_t r = 0; r < q->rows; r++)
			assert_int_equal(query_row(q, r)[0].i, r + 1);
		query_free(&q);
	}
}

static void query_stops_at_its_byte_limit(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t i = 1; i <= 4; i++)
		assert_int_equal(commit_unit(f, large_unit("romeo", i, QUERY_BYTES_MAX / 2)), 0);
	struct query *q = ask(f, query_new(&read_items, VALUES(value_text(STR("romeo"))), 10));
	assert_int_equal(q->rows, 2);
	assert_true(q->more);
	query_free(&q);
}

static void query_that_cannot_work_says_so(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct query *q = ask(f, query_new(&unknown_table, NULL, 0, 1));
	assert_int_equal(q->error, -STORAGE_UNIT);
	assert_int_equal(q->rows, 0);
	query_free(&q);
	assert_int_equal(f->fatal_calls, 0);
	assert_int_equal(item_count(f, "romeo"), 0);
}

static void query_cannot_change_anything(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct query *q = ask(
		f, query_new(&put_item, VALUES(value_text(STR("romeo")), value_int(1), value_null(), value_null()), 1));
	assert_int_equal(q->error, -STORAGE_UNIT);
	query_free(&q);
	assert_int_equal(item_count(f, "romeo"), 0);
}

static void query_sees_what_came_back_before_it(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 1; n <= 30; n++) {
		assert_int_equal(commit_unit(f, item_unit("romeo", n)), 0);
		assert_int_equal(item_count(f, "romeo"), n);
	}
}

/* While nothing can be written: more is submitted, time passes, nothing comes back. */
static void wait_out(struct fixture *f)
{
	assert_true(storage_is_waiting(f->s));
	assert_int_equal(take_all(f), 0);
	assert_int_equal(storage_uncommitted_units(f->s), 1);
	submit_unit(f->s, &f->inbox, item_unit("juliet", 1));
	submit_unit(f->s, &f->inbox, item_unit("juliet", 2));
	for (int i = 0; i < 8; i++) {
		uint64_t at = drive(f);
		assert_true(at > f->now_ms && at <= f->now_ms + 500);
		f->now_ms = at;
	}
	assert_int_equal(take_all(f), 0);
	assert_int_equal(storage_uncommitted_units(f->s), 3);
	/* Reading goes on meanwhile. */
	assert_int_equal(item_count(f, "juliet"), 0);
}

static void check_all_released(struct fixture *f)
{
	f->now_ms += 1000;
	drive(f);
	assert_false(storage_is_waiting(f->s));
	assert_int_equal(storage_uncommitted_units(f->s), 0);
	uint64_t last = 0;
	struct batch *b;
	while ((b = inbox_take(&f->inbox))) {
		assert_int_equal(b->ticket, ++last);
		assert_int_equal(CONTAINER_OF(b->units.next, struct unit, link)->error, 0);
		batch_free(&b);
	}
	assert_int_equal(last, f->inbox.ticket);
	assert_int_equal(item_count(f, "juliet"), 2);
	assert_int_equal(f->fatal_calls, 0);
	fixture_close(f);
	fixture_open(f);
	assert_int_equal(item_count(f, "juliet"), 2);
}

static void held_database_delays_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	subject->hold(f);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	drive(f);
	wait_out(f);
	subject->let_go(f);
	check_all_released(f);
	assert_int_equal(item_count(f, "romeo"), 1);
}

static void full_disk_delays_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	subject->set_full(true);
	submit_unit(f->s, &f->inbox, large_unit("romeo", 1, 1 << 20));
	drive(f);
	wait_out(f);
	subject->set_full(false);
	check_all_released(f);
	assert_int_equal(item_count(f, "romeo"), 1);
}

static void waiting_is_logged_once(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	subject->hold(f);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	for (int i = 0; i < 5; i++)
		f->now_ms = drive(f);
	const char *first = strstr(f->log_text, "storage waits");
	assert_non_null(first);
	assert_null(strstr(first + 1, "storage waits"));
}

static void bad_unit_is_found_after_a_wait(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 7)), 0);
	subject->hold(f);
	struct unit *const units[] = { item_unit("romeo", 1), item_unit("romeo", 7), item_unit("romeo", 2) };
	submit_batch(f->s, &f->inbox, units, 3);
	f->now_ms = drive(f);
	subject->let_go(f);
	drive(f);
	assert_int_equal(units[0]->error, 0);
	assert_int_equal(units[1]->error, -STORAGE_UNIT);
	assert_int_equal(units[2]->error, 0);
	assert_int_equal(item_count(f, "romeo"), 3);
}

static void failed_flush_is_fatal_once_and_nothing_comes_back(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 1; n <= 5; n++)
		assert_int_equal(commit_unit(f, item_unit("romeo", n)), 0);
	subject->set_broken(true);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 6));
	assert_true(drive(f) == UINT64_MAX);
	assert_int_equal(f->fatal_calls, 1);
	assert_int_not_equal(f->fatal_why[0], 0);
	/* Not even when the disk seems to work again: what it has lost is not known. */
	subject->set_broken(false);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 7));
	struct query *q = query_new(&count_items, VALUES(value_text(STR("romeo"))), 1);
	q->owner = &f->inbox;
	storage_query(f->s, q);
	f->now_ms += 100000;
	assert_true(drive(f) == UINT64_MAX);
	assert_int_equal(take_all(f), 0);
	assert_null(inbox_take_query(&f->inbox));
	assert_int_equal(f->fatal_calls, 1);
}

static void nothing_is_written_or_flushed_after_a_failed_flush(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	subject->set_broken(true);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 2));
	drive(f);
	subject->set_broken(false);
	unsigned before = subject->touched();
	submit_unit(f->s, &f->inbox, item_unit("romeo", 3));
	drive(f);
	fixture_close(f);
	assert_int_equal(subject->touched(), before);
}

static void what_came_back_before_a_failed_flush_is_there(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	for (int64_t n = 1; n <= 5; n++)
		assert_int_equal(commit_unit(f, item_unit("romeo", n)), 0);
	subject->set_broken(true);
	submit_unit(f->s, &f->inbox, item_unit("juliet", 1));
	drive(f);
	fixture_close(f);
	subject->set_broken(false);
	fixture_open(f);
	assert_int_equal(item_count(f, "romeo"), 5);
	assert_int_equal(commit_unit(f, item_unit("romeo", 6)), 0);
}

static void corrupt_database_is_refused_with_a_reason(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	fixture_close(f);
	subject->corrupt(f);
	assert_int_equal(fixture_try_open(f), -STORAGE_FATAL);
	assert_null(f->s);
	assert_non_null(strstr(f->why, "damaged"));
	assert_non_null(strstr(f->why, f->folder));
}

static void commands_commit_and_read_without_a_driver(void **state)
{
	struct fixture *f = *state;
	f->options.on_batch = NULL;
	f->options.on_query = NULL;
	fixture_open(f);
	struct unit *u = item_unit("romeo", 1);
	assert_int_equal(storage_commit_now(f->s, u), 0);
	unit_free(&u);
	u = pair_unit("romeo", 2, 1);
	assert_int_equal(storage_commit_now(f->s, u), -STORAGE_UNIT);
	unit_free(&u);
	struct query *q = query_new(&count_items, VALUES(value_text(STR("romeo"))), 1);
	assert_int_equal(storage_query_now(f->s, q), 0);
	assert_int_equal(query_row(q, 0)[0].i, 1);
	query_free(&q);
	subject->hold(f);
	u = item_unit("romeo", 3);
	assert_int_equal(storage_commit_now(f->s, u), -STORAGE_WAIT);
	subject->let_go(f);
	assert_int_equal(storage_commit_now(f->s, u), 0);
	unit_free(&u);
}

static void what_has_not_come_back_is_dropped_at_the_end(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	subject->hold(f);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 1));
	drive(f);
	submit_unit(f->s, &f->inbox, item_unit("romeo", 2));
	struct query *q = query_new(&count_items, VALUES(value_text(STR("romeo"))), 1);
	storage_query(f->s, q);
	fixture_close(f);
	subject->let_go(f);
	assert_int_equal(take_all(f), 0);
	fixture_open(f);
	assert_int_equal(item_count(f, "romeo"), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(committed_unit_is_there_after_reopening),
		T(nothing_comes_back_before_a_step),
		T(batch_comes_back_after_its_flush),
		T(batches_come_back_in_order),
		T(one_bad_unit_fails_alone),
		T(every_unit_of_a_batch_may_fail),
		T(value_of_the_wrong_kind_fails_its_unit),
		T(text_that_is_none_fails_its_unit),
		T(text_that_is_none_fails_its_query),
		T(repeated_unit_stops_at_its_key),
		T(repetition_inside_one_transaction_is_seen),
		T(repetition_survives_a_replay),
		T(statement_that_must_touch_a_row_fails_without),
		T(empty_batch_keeps_its_place),
		T(values_come_back_as_they_were),
		T(null_is_not_the_empty_value),
		T(large_values_are_kept_whole),
		T(value_over_the_limit_fails_its_unit),
		T(query_stops_at_its_row_limit),
		T(query_stops_at_its_byte_limit),
		T(query_that_cannot_work_says_so),
		T(query_cannot_change_anything),
		T(query_sees_what_came_back_before_it),
		T(held_database_delays_and_loses_nothing),
		T(full_disk_delays_and_loses_nothing),
		T(waiting_is_logged_once),
		T(bad_unit_is_found_after_a_wait),
		T(failed_flush_is_fatal_once_and_nothing_comes_back),
		T(nothing_is_written_or_flushed_after_a_failed_flush),
		T(what_came_back_before_a_failed_flush_is_there),
		T(corrupt_database_is_refused_with_a_reason),
		T(commands_commit_and_read_without_a_driver),
		T(what_has_not_come_back_is_dropped_at_the_end),
	};
	return cmocka_run_group_tests_name(subject->group, tests, NULL, NULL);
}
