/* The writer against a back-end made of a script: what it asks for, in which order, when each single call fails. */
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define BAD 99 /* a parameter that makes its statement a unit error */

/* Each call is one letter: Begin, run, Commit, Rollback, Savepoint, reLease, Undo to the savepoint; t and i tidy,
 * the latter when idle; q query. */
struct script {
	struct connection connection;
	char trace[4096];
	size_t calls;
	size_t fail_at; /* the call with this number fails, counted from 1; 0: none */
	int fail_with;
	bool keeps_failing;
	unsigned closed_clean, closed_dirty;
	struct storage *read_in_commit; /* its reader is stepped inside a commit */
	struct storage *write_in_query; /* its writer is stepped inside a query */
};

static struct script script;
static const struct statement st = { "" };

static int call(char letter)
{
	assert_true(script.calls + 1 < sizeof(script.trace));
	script.trace[script.calls++] = letter;
	bool fails = script.keeps_failing ? script.calls >= script.fail_at : script.calls == script.fail_at;
	return fails && script.fail_at ? script.fail_with : 0;
}

static int fake_open(const struct backend_options *options, struct connection **c_r, char *why, size_t why_bytes)
{
	(void)options;
	(void)why;
	(void)why_bytes;
	*c_r = &script.connection;
	return 0;
}

static void fake_close(struct connection **c, bool clean)
{
	script.closed_clean += clean;
	script.closed_dirty += !clean;
	*c = NULL;
}

static int fake_begin(struct connection *c)
{
	(void)c;
	return call('B');
}

static int fake_commit(struct connection *c)
{
	(void)c;
	if (script.read_in_commit)
		storage_reader_step(script.read_in_commit, 0);
	return call('C');
}

static int fake_rollback(struct connection *c)
{
	(void)c;
	return call('R');
}

static int fake_savepoint(struct connection *c)
{
	(void)c;
	return call('S');
}

static int fake_release(struct connection *c)
{
	(void)c;
	return call('L');
}

static int fake_rollback_to(struct connection *c)
{
	(void)c;
	return call('U');
}

static int fake_run(struct connection *c, const struct statement *statement, const struct value *params, size_t count,
	uint64_t *changes_r)
{
	(void)c;
	(void)statement;
	int error = call('r');
	*changes_r = 1;
	if (error)
		return error;
	return count == 1 && params[0].i == BAD ? -STORAGE_UNIT : 0;
}

static int fake_query(struct connection *c, struct query *q)
{
	(void)c;
	(void)q;
	if (script.write_in_query)
		storage_writer_step(script.write_in_query);
	return call('q');
}

static int fake_script(struct connection *c, const char *sql)
{
	(void)c;
	(void)sql;
	return 0;
}

static int fake_tidy(struct connection *c, bool idle)
{
	(void)c;
	return call(idle ? 'i' : 't');
}

static const char *fake_why(const struct connection *c)
{
	(void)c;
	return "as the script says";
}

static const struct backend fake_backend = {
	.name = "fake",
	.open = fake_open,
	.close = fake_close,
	.begin = fake_begin,
	.commit = fake_commit,
	.rollback = fake_rollback,
	.savepoint = fake_savepoint,
	.release = fake_release,
	.rollback_to = fake_rollback_to,
	.run = fake_run,
	.query = fake_query,
	.script = fake_script,
	.tidy = fake_tidy,
	.why = fake_why,
};

static void forget_calls(void)
{
	memset(script.trace, 0, sizeof(script.trace));
	script.calls = script.fail_at = 0;
}

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	f->options.folder = NULL;
	f->options.backend = &fake_backend;
	memset(&script, 0, sizeof(script));
	script.connection.backend = &fake_backend;
	fixture_open(f);
	forget_calls();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static struct unit *unit_of(int64_t value)
{
	struct unit *u = unit_new();
	UNIT_ADD(u, &st, value_int(value));
	return u;
}

static void submit_values(struct fixture *f, const int64_t *values, size_t count)
{
	struct unit *units[8];
	for (size_t i = 0; i < count; i++)
		units[i] = unit_of(values[i]);
	submit_batch(f->s, &f->inbox, units, count);
}

static void batches_share_a_transaction(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	submit_values(f, (int64_t[]){ 2, 3 }, 2);
	assert_true(drive(f) == UINT64_MAX);
	assert_string_equal(script.trace, "BrrrCti");
	assert_int_equal(take_all(f), 3);
}

static void transaction_ends_with_the_batch_that_fills_it(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 300; i++)
		submit_values(f, (int64_t[]){ 1, 2 }, 2);
	assert_int_equal(storage_writer_step(f->s), 0);
	assert_int_equal(take_all(f), 256);
	assert_int_equal(storage_uncommitted_units(f->s), 600 - 256);
	drive(f);
	assert_int_equal(take_all(f), 600 - 256);
}

static void step_without_work_only_tidies(void **state)
{
	struct fixture *f = *state;
	assert_true(storage_writer_step(f->s) == UINT64_MAX);
	assert_string_equal(script.trace, "i");
}

static void unit_error_is_replayed_in_savepoints(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1, BAD, 3 }, 3);
	drive(f);
	assert_string_equal(script.trace, "BrrRBSrLSrUSrLCti");
	assert_int_equal(take_all(f), 3);
}

/* What is submitted in the tests of every call: two batches, one unit of which is bad. Returns how many calls that is.
 */
static size_t submit_all_kinds(struct fixture *f)
{
	submit_values(f, (int64_t[]){ 1, BAD }, 2);
	submit_values(f, (int64_t[]){ 3 }, 1);
	return strlen("BrrRBSrLSrUSrLC");
}

static void wait_error_at_any_call_loses_and_releases_nothing(void **state)
{
	struct fixture *f = *state;
	size_t calls = submit_all_kinds(f);
	drive(f);
	assert_int_equal(take_all(f), 3);
	for (size_t at = 1; at <= calls; at++) {
		forget_calls();
		script.fail_at = at;
		script.fail_with = -STORAGE_WAIT;
		submit_all_kinds(f);
		uint64_t again = drive(f);
		/* A rollback that cannot be done leaves nothing to go on with. */
		if (at == strlen("BrrR")) {
			assert_int_equal(f->fatal_calls, 1);
			assert_int_equal(take_all(f), 0);
			teardown(state);
			setup(state);
			f = *state;
			continue;
		}
		assert_int_equal(again, f->now_ms + 10);
		assert_true(storage_is_waiting(f->s));
		assert_int_equal(take_all(f), 0);
		assert_int_equal(script.trace[script.calls - 1], 'R');
		f->now_ms = again;
		drive(f);
		assert_int_equal(take_all(f), 3);
		assert_false(storage_is_waiting(f->s));
		assert_int_equal(f->fatal_calls, 0);
	}
}

static void fatal_error_at_any_call_ends_everything(void **state)
{
	struct fixture *f = *state;
	size_t calls = strlen("BrrRBSrLSrUSrLC");
	for (size_t at = 1; at <= calls; at++) {
		submit_all_kinds(f);
		script.fail_at = at;
		script.fail_with = -STORAGE_FATAL;
		assert_true(drive(f) == UINT64_MAX);
		assert_int_equal(f->fatal_calls, 1);
		assert_string_equal(f->fatal_why, "as the script says");
		assert_int_equal(take_all(f), 0);
		assert_int_equal(script.calls, at);
		submit_all_kinds(f);
		assert_true(drive(f) == UINT64_MAX);
		fixture_close(f);
		assert_int_equal(script.calls, at);
		assert_int_equal(script.closed_clean, 0);
		assert_int_equal(f->fatal_calls, 1);
		assert_int_equal(take_all(f), 0);
		teardown(state);
		setup(state);
		f = *state;
	}
}

static void unit_error_of_a_commit_is_fatal(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1, BAD }, 2);
	script.fail_at = strlen("BrrRBSrLSrUC");
	script.fail_with = -STORAGE_UNIT;
	drive(f);
	assert_int_equal(f->fatal_calls, 1);
	assert_int_equal(take_all(f), 0);
}

static void retries_come_at_growing_intervals(void **state)
{
	struct fixture *f = *state;
	static const uint64_t intervals[] = { 10, 20, 40, 80, 160, 320, 500, 500 };
	submit_values(f, (int64_t[]){ 1 }, 1);
	for (size_t i = 0; i < ARRAY_LEN(intervals); i++) {
		forget_calls();
		script.fail_at = 1;
		script.fail_with = -STORAGE_WAIT;
		assert_int_equal(drive(f), f->now_ms + intervals[i]);
		/* Before that time it does not even ask. */
		forget_calls();
		f->now_ms += intervals[i] - 1;
		assert_int_equal(drive(f), f->now_ms + 1);
		assert_int_equal(script.calls, 0);
		f->now_ms++;
	}
	drive(f);
	assert_int_equal(take_all(f), 1);
	/* The next trouble begins with the shortest again. */
	forget_calls();
	script.fail_at = 1;
	submit_values(f, (int64_t[]){ 1 }, 1);
	assert_int_equal(drive(f), f->now_ms + 10);
}

static void what_comes_during_a_wait_stays_behind(void **state)
{
	struct fixture *f = *state;
	script.fail_at = 1;
	script.fail_with = -STORAGE_WAIT;
	submit_values(f, (int64_t[]){ 1 }, 1);
	f->now_ms = drive(f);
	submit_values(f, (int64_t[]){ 2 }, 1);
	drive(f);
	for (uint64_t ticket = 1; ticket <= 2; ticket++) {
		struct batch *b = inbox_take(&f->inbox);
		assert_int_equal(b->ticket, ticket);
		batch_free(&b);
	}
}

static void failed_tidying_is_fatal_after_the_release(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	script.fail_at = strlen("BrCt");
	script.fail_with = -STORAGE_FATAL;
	drive(f);
	assert_int_equal(take_all(f), 1);
	assert_int_equal(f->fatal_calls, 1);
}

static void transaction_does_not_grow_during_a_wait(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	for (int i = 0; i < 5; i++) {
		forget_calls();
		script.fail_at = strlen("BrC");
		script.fail_with = -STORAGE_WAIT;
		f->now_ms = drive(f);
		assert_string_equal(script.trace, "BrCR");
		submit_values(f, (int64_t[]){ 2 }, 1);
	}
	drive(f);
	assert_int_equal(take_all(f), 6);
}

static void submit_query(struct fixture *f)
{
	struct query *q = query_new(&st, NULL, 0, 1);
	q->owner = &f->inbox;
	storage_query(f->s, q);
}

static void answer_does_not_come_back_when_the_writer_failed_meanwhile(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	submit_query(f);
	script.write_in_query = f->s;
	script.fail_at = strlen("BrC");
	script.fail_with = -STORAGE_FATAL;
	assert_false(storage_reader_step(f->s, 0));
	assert_string_equal(script.trace, "BrCq");
	assert_null(inbox_take_query(&f->inbox));
}

static void two_failures_at_once_are_told_once(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	submit_query(f);
	script.read_in_commit = f->s;
	script.fail_at = strlen("Brq");
	script.fail_with = -STORAGE_FATAL;
	script.keeps_failing = true;
	storage_writer_step(f->s);
	assert_string_equal(script.trace, "BrqC");
	assert_int_equal(f->fatal_calls, 1);
}

static void nothing_comes_back_when_a_reader_failed_meanwhile(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	submit_query(f);
	script.read_in_commit = f->s;
	script.fail_at = strlen("Brq");
	script.fail_with = -STORAGE_FATAL;
	storage_writer_step(f->s);
	assert_string_equal(script.trace, "BrqC");
	assert_int_equal(f->fatal_calls, 1);
	assert_int_equal(take_all(f), 0);
	assert_null(inbox_take_query(&f->inbox));
}

static void clean_end_is_told_to_the_back_end(void **state)
{
	struct fixture *f = *state;
	submit_values(f, (int64_t[]){ 1 }, 1);
	drive(f);
	fixture_close(f);
	assert_int_equal(script.closed_dirty, 0);
	assert_int_equal(script.closed_clean, 1 + f->options.readers);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(batches_share_a_transaction),
		T(transaction_ends_with_the_batch_that_fills_it),
		T(step_without_work_only_tidies),
		T(unit_error_is_replayed_in_savepoints),
		T(wait_error_at_any_call_loses_and_releases_nothing),
		T(fatal_error_at_any_call_ends_everything),
		T(unit_error_of_a_commit_is_fatal),
		T(retries_come_at_growing_intervals),
		T(what_comes_during_a_wait_stays_behind),
		T(failed_tidying_is_fatal_after_the_release),
		T(transaction_does_not_grow_during_a_wait),
		T(nothing_comes_back_when_a_reader_failed_meanwhile),
		T(answer_does_not_come_back_when_the_writer_failed_meanwhile),
		T(two_failures_at_once_are_told_once),
		T(clean_end_is_told_to_the_back_end),
	};
	return cmocka_run_group_tests_name("storage/writer", tests, NULL, NULL);
}
