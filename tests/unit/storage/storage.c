/* Opening after failures: three starts in a row that could not commit anything make the fourth one read-only. */
#include "tests/unit/storage/fault_vfs.h"
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct fault_vfs disk;

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	fault_vfs_install(&disk);
	f->options.vfs = disk.name;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	fixture_close(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	disk.sync_fails = false;
	fixture_fini(*state);
	fault_vfs_remove(&disk);
	free(*state);
	return 0;
}

/* A start that ends with a failed flush, before or after its first commit. */
static void fail_once(struct fixture *f, int64_t commit_first)
{
	fixture_open(f);
	assert_false(storage_is_read_only(f->s));
	if (commit_first)
		assert_int_equal(commit_unit(f, item_unit("juliet", commit_first)), 0);
	disk.sync_fails = true;
	/* Another number each time: it may well be found again by the next start. */
	submit_unit(f->s, &f->inbox, item_unit("nurse", (int64_t)++f->now_ms));
	drive(f);
	disk.sync_fails = false;
	assert_int_equal(take_all(f), 0);
	fixture_close(f);
}

static void remove_record(struct fixture *f)
{
	char path[256];
	fixture_path(f, "failed-starts", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
}

static void open_read_only(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		fail_once(f, 0);
	fixture_open(f);
	assert_true(storage_is_read_only(f->s));
}

static void fourth_start_is_read_only_and_says_why(void **state)
{
	struct fixture *f = *state;
	open_read_only(f);
	assert_non_null(strstr(f->log_text, "read-only"));
	assert_non_null(strstr(f->log_text, "disk I/O error"));
	assert_non_null(strstr(f->log_text, "failed-starts"));
}

static void read_only_storage_answers_and_refuses(void **state)
{
	struct fixture *f = *state;
	open_read_only(f);
	assert_true(storage_is_waiting(f->s));
	assert_int_equal(item_count(f, "romeo"), 1);
	unsigned before = disk.touched;
	assert_int_equal(commit_unit(f, item_unit("romeo", 2)), -STORAGE_UNIT);
	struct unit *u = item_unit("romeo", 3);
	assert_int_equal(storage_commit_now(f->s, u), -STORAGE_UNIT);
	unit_free(&u);
	assert_int_equal(item_count(f, "romeo"), 1);
	fixture_close(f);
	assert_int_equal(disk.touched, before);
}

static void read_only_start_is_no_failed_start(void **state)
{
	struct fixture *f = *state;
	open_read_only(f);
	fixture_close(f);
	remove_record(f);
	fixture_open(f);
	assert_false(storage_is_read_only(f->s));
	assert_int_equal(commit_unit(f, item_unit("romeo", 2)), 0);
}

static void commit_forgets_earlier_failures(void **state)
{
	struct fixture *f = *state;
	for (int64_t round = 1; round <= 3; round++) {
		fail_once(f, 0);
		fail_once(f, 0);
		fail_once(f, round);
	}
	fixture_open(f);
	assert_false(storage_is_read_only(f->s));
	assert_int_equal(item_count(f, "juliet"), 3);
}

static void start_without_commits_is_no_failure(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 5; i++) {
		fixture_open(f);
		assert_false(storage_is_read_only(f->s));
		fixture_close(f);
	}
}

static void start_without_commits_forgets_no_failure(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		fail_once(f, 0);
		fixture_open(f);
		fixture_close(f);
	}
	fixture_open(f);
	assert_true(storage_is_read_only(f->s));
}

static void failure_while_opening_counts(void **state)
{
	struct fixture *f = *state;
	disk.read_fails = true;
	for (int i = 0; i < 3; i++)
		assert_int_equal(fixture_try_open(f), -STORAGE_FATAL);
	disk.read_fails = false;
	fixture_open(f);
	assert_true(storage_is_read_only(f->s));
}

static void lack_of_room_is_no_failed_start(void **state)
{
	struct fixture *f = *state;
	disk.is_full = true;
	for (int i = 0; i < 4; i++) {
		fixture_open(f);
		submit_unit(f->s, &f->inbox, item_unit("romeo", 2));
		drive(f);
		assert_true(storage_is_waiting(f->s));
		fixture_close(f);
	}
	disk.is_full = false;
	fixture_open(f);
	assert_false(storage_is_read_only(f->s));
}

static void storage_without_a_folder_uses_the_vfs_alone(void **state)
{
	struct fixture *f = *state;
	char before[4096];
	assert_non_null(getcwd(before, sizeof(before)));
	/* The name is then relative; only the VFS knows to what. */
	assert_int_equal(chdir(f->root), 0);
	f->options.folder = NULL;
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	fixture_close(f);
	assert_int_not_equal(access("lock", F_OK), 0);
	assert_int_equal(access("linnet.db", F_OK), 0);
	assert_int_equal(chdir(before), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fourth_start_is_read_only_and_says_why),
		T(read_only_storage_answers_and_refuses),
		T(read_only_start_is_no_failed_start),
		T(commit_forgets_earlier_failures),
		T(start_without_commits_is_no_failure),
		T(start_without_commits_forgets_no_failure),
		T(failure_while_opening_counts),
		T(lack_of_room_is_no_failed_start),
		T(storage_without_a_folder_uses_the_vfs_alone),
	};
	return cmocka_run_group_tests_name("storage/storage", tests, NULL, NULL);
}
