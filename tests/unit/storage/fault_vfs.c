/* The VFS shim: each method passes on to the real one unless the disk is said to be in trouble. */
#include "tests/unit/storage/fault_vfs.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fault_file {
	sqlite3_file base;
	struct fault_vfs *vfs;
	sqlite3_file *real;
};

static struct fault_file *of(sqlite3_file *f)
{
	return (struct fault_file *)f;
}

static int fault_close(sqlite3_file *f)
{
	sqlite3_file *real = of(f)->real;
	return real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
}

static int fault_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	if (of(f)->vfs->read_fails)
		return SQLITE_IOERR_READ;
	return of(f)->real->pMethods->xRead(of(f)->real, p, n, at);
}

static bool touch(struct fault_vfs *v)
{
	return ++v->touched == v->dies_at;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static int fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	struct fault_vfs *v = of(f)->vfs;
	sqlite3_file *real = of(f)->real;
	sqlite3_int64 size = 0;
	if (touch(v)) {
		real->pMethods->xWrite(real, p, n / 2, at);
		die();
	}
	if (v->write_fails)
		return SQLITE_IOERR_WRITE;
	if (v->is_full && (real->pMethods->xFileSize(real, &size) || at + n > size))
		return SQLITE_FULL;
	v->writes++;
	v->is_dirty = true;
	return real->pMethods->xWrite(real, p, n, at);
}

static int fault_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (touch(of(f)->vfs))
		die();
	return of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int fault_sync(sqlite3_file *f, int flags)
{
	struct fault_vfs *v = of(f)->vfs;
	if (touch(v))
		die();
	if (v->sync_fails)
		return SQLITE_IOERR_FSYNC;
	v->syncs++;
	v->is_dirty = false;
	return of(f)->real->pMethods->xSync(of(f)->real, flags);
}

static int fault_file_size(sqlite3_file *f, sqlite3_int64 *size_r)
{
	return of(f)->real->pMethods->xFileSize(of(f)->real, size_r);
}

static int fault_lock(sqlite3_file *f, int level)
{
	return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int fault_unlock(sqlite3_file *f, int level)
{
	return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int fault_check_lock(sqlite3_file *f, int *locked_r)
{
	return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, locked_r);
}

static int fault_control(sqlite3_file *f, int op, void *arg)
{
	return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int fault_sector_size(sqlite3_file *f)
{
	return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int fault_characteristics(sqlite3_file *f)
{
	return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p_r)
{
	return of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, p_r);
}

static int fault_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return of(f)->real->pMethods->xShmLock(of(f)->real, offset, n, flags);
}

static void fault_shm_barrier(sqlite3_file *f)
{
	of(f)->real->pMethods->xShmBarrier(of(f)->real);
}

static int fault_shm_unmap(sqlite3_file *f, int remove)
{
	return of(f)->real->pMethods->xShmUnmap(of(f)->real, remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = fault_close,
	.xRead = fault_read,
	.xWrite = fault_write,
	.xTruncate = fault_truncate,
	.xSync = fault_sync,
	.xFileSize = fault_file_size,
	.xLock = fault_lock,
	.xUnlock = fault_unlock,
	.xCheckReservedLock = fault_check_lock,
	.xFileControl = fault_control,
	.xSectorSize = fault_sector_size,
	.xDeviceCharacteristics = fault_characteristics,
	.xShmMap = fault_shm_map,
	.xShmLock = fault_shm_lock,
	.xShmBarrier = fault_shm_barrier,
	.xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *flags_r)
{
	struct fault_vfs *v = (struct fault_vfs *)vfs;
	struct fault_file *file = of(f);
	file->vfs = v;
	file->real = (sqlite3_file *)(file + 1);
	memset(file->real, 0, sizeof(*file->real));
	int code = v->real->xOpen(v->real, path, file->real, flags, flags_r);
	file->base.pMethods = code == SQLITE_OK ? &methods : NULL;
	return code;
}

static int fault_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct fault_vfs *v = (struct fault_vfs *)vfs;
	if (touch(v))
		die();
	return v->real->xDelete(v->real, path, sync);
}

void fault_vfs_install(struct fault_vfs *v)
{
	memset(v, 0, sizeof(*v));
	v->real = sqlite3_vfs_find(NULL);
	v->base = *v->real; /* time, randomness and names as they are */
	snprintf(v->name, sizeof(v->name), "fault");
	v->base.zName = v->name;
	v->base.pNext = NULL;
	v->base.szOsFile = (int)sizeof(struct fault_file) + v->real->szOsFile;
	v->base.xOpen = fault_open;
	v->base.xDelete = fault_delete;
	sqlite3_vfs_register(&v->base, 0);
}

void fault_vfs_remove(struct fault_vfs *v)
{
	sqlite3_vfs_unregister(&v->base);
}
