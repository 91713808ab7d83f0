/* SQLite under the contract, on a disk that can be full or broken. */
#include "tests/unit/storage/fault_vfs.h"
#include "tests/unit/storage/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static struct fault_vfs disk;
static sqlite3 *other;

static void prepare(struct fixture *f)
{
	fault_vfs_install(&disk);
	f->options.backend = &sqlite_backend;
	f->options.vfs = disk.name;
}

static void let_go(struct fixture *f)
{
	(void)f;
	sqlite3_close(other);
	other = NULL;
}

static void cleanup(struct fixture *f)
{
	let_go(f);
	fault_vfs_remove(&disk);
}

static void hold(struct fixture *f)
{
	char path[256];
	fixture_path(f, "linnet.db", path, sizeof(path));
	assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READWRITE, disk.name), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void set_full(bool is_full)
{
	disk.is_full = is_full;
}

static void set_broken(bool is_broken)
{
	disk.sync_fails = is_broken;
}

static bool is_flushed(void)
{
	return !disk.is_dirty;
}

static unsigned touched(void)
{
	return disk.touched;
}

static void corrupt(struct fixture *f)
{
	char path[256];
	fixture_path(f, "linnet.db", path, sizeof(path));
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("not a database ", file);
	fclose(file);
}

const struct subject contract_subject = {
	.group = "storage/contract",
	.prepare = prepare,
	.cleanup = cleanup,
	.hold = hold,
	.let_go = let_go,
	.set_full = set_full,
	.set_broken = set_broken,
	.is_flushed = is_flushed,
	.touched = touched,
	.corrupt = corrupt,
};
