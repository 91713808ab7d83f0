/* The data folder: what is made, who may have it, and what an operator is told. */
#include "server/storage/folder.h"

#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

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

static mode_t mode_of(const struct fixture *f, const char *name)
{
	char path[256];
	struct stat st;
	fixture_path(f, name, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void folder_and_files_are_private(void **state)
{
	struct fixture *f = *state;
	mode_t before = umask(0);
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
	umask(before);
	assert_int_equal(mode_of(f, ""), 0700);
	assert_int_equal(mode_of(f, "linnet.db"), 0600);
	assert_int_equal(mode_of(f, "linnet.db-wal"), 0600);
	assert_int_equal(mode_of(f, "linnet.db-shm"), 0600);
	assert_int_equal(mode_of(f, "lock"), 0600);
}

static void existing_folder_is_used(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(f->folder, 0750), 0);
	fixture_open(f);
	assert_int_equal(mode_of(f, ""), 0750);
}

static void expect_refusal(struct fixture *f, const char *text)
{
	assert_int_equal(fixture_try_open(f), -STORAGE_UNIT);
	assert_null(f->s);
	if (!strstr(f->why, text) || !strstr(f->why, f->folder))
		fail_msg("\"%s\" does not say \"%s\" and \"%s\"", f->why, text, f->folder);
}

static void second_opener_in_the_process_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	struct storage *first = f->s;
	char text[64];
	snprintf(text, sizeof(text), "in use by process %ld", (long)getpid());
	expect_refusal(f, text);
	f->s = first;
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
}

/* A child that opens the storage, says so with a byte, and waits to be killed. */
static pid_t start_holder(struct fixture *f)
{
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
		int error = fixture_try_open(f);
		(void)!write(ready[1], error ? "n" : "y", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void lock_of_another_process_names_it_and_goes_with_it(void **state)
{
	struct fixture *f = *state;
	pid_t child = start_holder(f);
	char text[64];
	snprintf(text, sizeof(text), "in use by process %ld", (long)child);
	expect_refusal(f, text);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fixture_open(f);
	assert_int_equal(commit_unit(f, item_unit("romeo", 1)), 0);
}

static void lock_is_free_after_closing(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	fixture_open(f);
}

static void file_in_place_of_the_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->folder, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	expect_refusal(f, "not a folder but a file");
}

static void missing_parent_is_refused(void **state)
{
	struct fixture *f = *state;
	snprintf(f->folder + strlen(f->folder), sizeof(f->folder) - strlen(f->folder), "/no/such");
	expect_refusal(f, "No such file or directory");
}

/* Opens the storage as a user to whom nothing here belongs, and gives back what the operator is told. */
static void open_as_nobody(struct fixture *f)
{
	int answer[2];
	assert_int_equal(pipe(answer), 0);
	pid_t child = fork();
	if (child == 0) {
		bool changed = geteuid() || (setgroups(0, NULL) == 0 && setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
		int error = changed ? fixture_try_open(f) : 0;
		dprintf(answer[1], "%d %s", error, f->why);
		_exit(0);
	}
	close(answer[1]);
	char text[sizeof(f->why)];
	ssize_t n = read(answer[0], text, sizeof(text) - 1);
	close(answer[0]);
	waitpid(child, NULL, 0);
	assert_true(n > 0);
	text[n] = 0;
	assert_int_equal(strtol(text, NULL, 10), -STORAGE_UNIT);
	snprintf(f->why, sizeof(f->why), "%s", text);
}

static void folder_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(chmod(f->root, 0755), 0);
	assert_int_equal(mkdir(f->folder, 0500), 0);
	assert_int_equal(chmod(f->folder, geteuid() ? 0500 : 0755), 0);
	open_as_nobody(f);
	assert_non_null(strstr(f->why, "is not writable for user"));
	assert_non_null(strstr(f->why, "Permission denied"));
}

static void unwritable_database_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[256];
	fixture_open(f);
	fixture_close(f);
	/* As after a run as root: the folder is the user's, the database is not. */
	assert_int_equal(chmod(f->root, 0755), 0);
	assert_int_equal(chmod(f->folder, 0777), 0);
	fixture_path(f, "lock", path, sizeof(path));
	assert_int_equal(chmod(path, 0666), 0);
	fixture_path(f, "linnet.db", path, sizeof(path));
	assert_int_equal(chmod(path, 0444), 0);
	open_as_nobody(f);
	assert_non_null(strstr(f->why, "linnet.db is not writable for user"));
}

static void folder_that_cannot_be_made_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(chmod(f->root, geteuid() ? 0500 : 0755), 0);
	open_as_nobody(f);
	chmod(f->root, 0700);
	assert_non_null(strstr(f->why, "cannot make the data folder"));
	assert_non_null(strstr(f->why, "Permission denied"));
}

static void failures_are_counted_with_the_last_reason(void **state)
{
	struct fixture *f = *state;
	struct folder folder;
	char why[128] = "";
	assert_int_equal(folder_open(&folder, f->folder, why, sizeof(why)), 0);
	assert_int_equal(folder_failures(&folder, why, sizeof(why)), 0);
	folder_add_failure(&folder, "first");
	folder_add_failure(&folder, "second\nwith a second line");
	assert_int_equal(folder_failures(&folder, why, sizeof(why)), 2);
	assert_string_equal(why, "second");
	folder_clear_failures(&folder);
	assert_int_equal(folder_failures(&folder, why, sizeof(why)), 0);
	folder_close(&folder);
}

static void record_of_failures_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct folder folder;
	struct stat st;
	char why[128], path[256], reason[2000];
	assert_int_equal(folder_open(&folder, f->folder, why, sizeof(why)), 0);
	memset(reason, 'x', sizeof(reason));
	reason[sizeof(reason) - 1] = 0;
	for (int i = 0; i < 100; i++)
		folder_add_failure(&folder, reason);
	fixture_path(f, FOLDER_FAILURES_FILE, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 4096);
	assert_in_range(folder_failures(&folder, why, sizeof(why)), 3, 100);
	folder_close(&folder);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(folder_and_files_are_private),
		T(existing_folder_is_used),
		T(second_opener_in_the_process_is_refused),
		T(lock_of_another_process_names_it_and_goes_with_it),
		T(lock_is_free_after_closing),
		T(file_in_place_of_the_folder_is_refused),
		T(missing_parent_is_refused),
		T(folder_of_another_user_is_refused),
		T(unwritable_database_is_refused),
		T(folder_that_cannot_be_made_is_refused),
		T(failures_are_counted_with_the_last_reason),
		T(record_of_failures_is_bounded),
	};
	return cmocka_run_group_tests_name("storage/folder", tests, NULL, NULL);
}
