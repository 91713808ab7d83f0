/* The methods of the simulated disk that SQLite calls, but for the locks: each is refused if the disk is in such
 * trouble, then traced and done. */
#include "tests/sim/disk_internal.h"

#include <errno.h>

#define NAME_BYTES   1024
#define SECTOR_BYTES 512
/* sqlite3_vfs.xCurrentTimeInt64: 1970 as a Julian day, in milliseconds. */
#define EPOCH_MS INT64_C(210866760000000)

#define SYNCED_WITH_FOLDER (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)

static struct disk *disk_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* Counts what would change the disk. True if power goes in the middle of it. */
static bool touch(struct disk *d)
{
	d->fault = d->find_fault ? d->find_fault(d->fault_ctx, false) : DISK_WELL;
	if (++d->touches != d->dies_at)
		return false;
	world_trace(d->world, "disk dies", d->touches, 0, STR(""));
	d->dead = true;
	return true;
}

static bool write_fails(const struct disk *d)
{
	return d->writes_fail || d->fault;
}

static bool sync_fails(const struct disk *d)
{
	return d->syncs_fail || d->fault;
}

static bool read_fails(const struct disk *d)
{
	return d->reads_fail || (d->find_fault && d->find_fault(d->fault_ctx, true));
}

/* Of n bytes that are being written when it fails. */
static size_t done_before_failure(struct disk *d, size_t n)
{
	return d->fault == DISK_ERROR ? 0 : (size_t)world_below(d->world, (uint64_t)n + 1);
}

static int disk_close(sqlite3_file *base)
{
	struct disk_handle *h = disk_handle_of(base);
	disk_shared_unmap(base, 0);
	list_remove(&h->link);
	if (h->deletes)
		disk_delete(h->file);
	disk_tidy(h->disk);
	base->pMethods = NULL;
	return SQLITE_OK;
}

static int disk_read(sqlite3_file *base, void *p, int n, sqlite3_int64 at)
{
	const struct disk_handle *h = disk_handle_of(base);
	if (h->disk->dead || read_fails(h->disk))
		return SQLITE_IOERR_READ;
	size_t got = disk_file_read(h->file, p, (size_t)n, (uint64_t)at);
	return got < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

/* Of n bytes, those that there is room for. */
static size_t fitting(const struct disk_handle *h, size_t n, uint64_t at)
{
	const struct disk *d = h->disk;
	uint64_t size = h->file->written.n;
	uint64_t grows = at + n > size ? at + n - size : 0;
	uint64_t room = d->room > d->used ? d->room - d->used : 0;
	uint64_t excess = grows > room ? grows - room : 0;
	return excess < n ? n - (size_t)excess : 0;
}

static int disk_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 at)
{
	struct disk_handle *h = disk_handle_of(base);
	struct disk *d = h->disk;
	if (d->dead)
		return SQLITE_IOERR_WRITE;
	size_t wanted = (size_t)n;
	bool dies = touch(d), fails = dies || write_fails(d);
	if (fails)
		wanted = done_before_failure(d, wanted);
	size_t fits = fitting(h, wanted, (uint64_t)at);
	struct str bytes = str_make(p, fits);
	world_trace(d->world, fails || fits < wanted ? "disk write in part" : "disk write", h->file->number,
		(uint64_t)at, bytes);
	disk_file_write(h->file, bytes, (uint64_t)at);
	disk_tidy(d);
	if (fails)
		return !dies && d->fault == DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return fits < wanted ? SQLITE_FULL : SQLITE_OK;
}

static int disk_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct disk_handle *h = disk_handle_of(base);
	struct disk *d = h->disk;
	if (d->dead)
		return SQLITE_IOERR_TRUNCATE;
	bool dies = touch(d);
	if (dies ? world_chance(d->world, 500) : !write_fails(d)) {
		world_trace(d->world, "disk truncate", h->file->number, (uint64_t)size, STR(""));
		disk_file_truncate(h->file, (uint64_t)size);
		disk_tidy(d);
	}
	return dies || write_fails(d) ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int disk_sync(sqlite3_file *base, int flags)
{
	(void)flags;
	struct disk_handle *h = disk_handle_of(base);
	struct disk *d = h->disk;
	if (d->dead || touch(d))
		return SQLITE_IOERR_FSYNC;
	world_trace(d->world, sync_fails(d) ? "disk sync failed" : "disk sync", h->file->number, 0, STR(""));
	if (sync_fails(d)) {
		disk_file_settle(h->file, d->world, disk_fate_draw(d->world));
		return SQLITE_IOERR_FSYNC;
	}
	d->syncs++;
	disk_file_sync(h->file);
	if (h->syncs_folder)
		disk_sync_folder(d);
	else if (h->file->name && !h->file->is_deleted)
		disk_sync_name(d, h->file);
	h->syncs_folder = false;
	return SQLITE_OK;
}

static int disk_size(sqlite3_file *base, sqlite3_int64 *size_r)
{
	const struct disk_handle *h = disk_handle_of(base);
	if (h->disk->dead)
		return SQLITE_IOERR_FSTAT;
	*size_r = (sqlite3_int64)h->file->written.n;
	return SQLITE_OK;
}

static int disk_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int disk_sector_size(sqlite3_file *base)
{
	(void)base;
	return SECTOR_BYTES;
}

static int disk_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_check_reserved,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector_size,
	.xDeviceCharacteristics = disk_characteristics,
	.xShmMap = disk_shared_map,
	.xShmLock = disk_shared_lock,
	.xShmBarrier = disk_shared_barrier,
	.xShmUnmap = disk_shared_unmap,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_r)
{
	struct disk *d = disk_of(vfs);
	struct disk_handle *h = disk_handle_of(base);
	base->pMethods = NULL;
	if (d->dead)
		return SQLITE_IOERR;
	struct disk_file *f = name ? disk_find(d, name) : NULL;
	bool is_new = !f;
	if (f ? (flags & SQLITE_OPEN_EXCLUSIVE) != 0 : !(flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	if (is_new)
		f = disk_make(d, name);
	world_trace(d->world, is_new ? "disk make" : "disk open", f->number, (uint64_t)flags, str_from_c(name));
	*h = (struct disk_handle){ .base = { &methods }, .disk = d, .file = f };
	h->deletes = flags & SQLITE_OPEN_DELETEONCLOSE;
	h->syncs_folder = flags & SQLITE_OPEN_CREATE && flags & SYNCED_WITH_FOLDER;
	list_add_last(&f->handles, &h->link);
	if (flags_r)
		*flags_r = flags;
	return SQLITE_OK;
}

static int disk_remove(sqlite3_vfs *vfs, const char *name, int syncs_folder)
{
	struct disk *d = disk_of(vfs);
	if (d->dead)
		return SQLITE_IOERR_DELETE;
	bool dies = touch(d);
	struct disk_file *f = disk_find(d, name);
	if (!f)
		return dies ? SQLITE_IOERR_DELETE : SQLITE_IOERR_DELETE_NOENT;
	if (dies ? world_chance(d->world, 500) : !write_fails(d)) {
		world_trace(d->world, "disk delete", f->number, (uint64_t)syncs_folder, str_from_c(name));
		disk_delete(f);
		disk_tidy(d);
	}
	if (dies || write_fails(d))
		return SQLITE_IOERR_DELETE;
	if (syncs_folder && d->syncs_fail)
		return SQLITE_IOERR_DIR_FSYNC;
	if (syncs_folder)
		disk_sync_folder(d);
	return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *is_r)
{
	struct disk *d = disk_of(vfs);
	if (d->dead)
		return SQLITE_IOERR_ACCESS;
	const struct disk_file *f = disk_find(d, name);
	/* As on Unix, where SQLite takes an empty journal or WAL for none. */
	*is_r = f && (flags != SQLITE_ACCESS_EXISTS || f->written.n > 0);
	return SQLITE_OK;
}

static int disk_full_name(sqlite3_vfs *vfs, const char *name, int bytes, char *full_r)
{
	(void)vfs;
	size_t n = strlen(name) + 1;
	if (n > (size_t)bytes)
		return SQLITE_CANTOPEN;
	memcpy(full_r, name, n);
	return SQLITE_OK;
}

static int disk_randomness(sqlite3_vfs *vfs, int n, char *p)
{
	random_fill(&disk_of(vfs)->world->random, p, (size_t)n);
	return n;
}

static int disk_sleep(sqlite3_vfs *vfs, int us)
{
	struct world *w = disk_of(vfs)->world;
	world_trace(w, "disk sleep", (uint64_t)us, 0, STR(""));
	w->now_ms += ((uint64_t)us + 999) / 1000;
	return us;
}

static int disk_time(sqlite3_vfs *vfs, sqlite3_int64 *ms_r)
{
	*ms_r = EPOCH_MS + clock_wall_ms(&disk_of(vfs)->world->clock);
	return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs, int n, char *text)
{
	(void)vfs;
	(void)n;
	(void)text;
	return EIO;
}

void disk_vfs_fill(sqlite3_vfs *vfs, struct disk *d)
{
	*vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)sizeof(struct disk_handle),
		.mxPathname = NAME_BYTES,
		.zName = DISK_NAME,
		.pAppData = d,
		.xOpen = disk_open,
		.xDelete = disk_remove,
		.xAccess = disk_access,
		.xFullPathname = disk_full_name,
		.xRandomness = disk_randomness,
		.xSleep = disk_sleep,
		.xGetLastError = disk_last_error,
		.xCurrentTimeInt64 = disk_time,
	};
}
