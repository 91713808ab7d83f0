/* SQLite under the contract once more, on the simulated disk: what holds on a real one has to hold on this one. */
#include "tests/sim/disk.h"
#include "tests/unit/storage/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static struct world world;
static struct disk disk;

static void prepare(struct fixture *f)
{
	world_init(&world, 1);
	disk_init(&disk, &world);
	f->options.vfs = DISK_NAME;
}

static void cleanup(struct fixture *f)
{
	(void)f;
	disk_fini(&disk);
}

static void hold(struct fixture *f)
{
	(void)f;
	disk.held = true;
}

static void let_go(struct fixture *f)
{
	(void)f;
	disk.held = false;
}

static void set_full(bool is_full)
{
	disk.room = is_full ? disk.used : UINT64_MAX;
}

static void set_broken(bool is_broken)
{
	disk.syncs_fail = is_broken;
}

static bool is_flushed(void)
{
	return disk_is_synced(&disk);
}

static unsigned touched(void)
{
	return (unsigned)disk.touches;
}

static void corrupt(struct fixture *f)
{
	char path[256], bytes[10000];
	sqlite3_file *file = malloc((size_t)disk.vfs.szOsFile);
	fixture_path(f, "linnet.db", path, sizeof(path));
	memset(bytes, 'x', sizeof(bytes));
	int flags = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE;
	assert_int_equal(disk.vfs.xOpen(&disk.vfs, path, file, flags, NULL), SQLITE_OK);
	assert_int_equal(file->pMethods->xWrite(file, bytes, (int)sizeof(bytes), 0), SQLITE_OK);
	file->pMethods->xClose(file);
	free(file);
}

const struct subject contract_subject = {
	.group = "storage/contract_simulated",
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
