/* Locks and shared memory of the simulated disk: what connections of one process are to each other. The rules are those
 * of SQLite's file locking (SHARED, RESERVED, PENDING, EXCLUSIVE) and of the slots of its wal-index. */
#include "lib/base/fault.h"
#include "tests/sim/disk_internal.h"
#include "tests/sim/memory.h"

/* Whoever holds this slot of the wal-index alone is the writer. */
#define SLOT_WRITER 1u

static struct disk_handle *handle_of(struct list *link)
{
	return CONTAINER_OF(link, struct disk_handle, link);
}

static int busy(const struct disk_handle *h, const char *what, unsigned wanted)
{
	world_trace(h->disk->world, what, h->file->number, wanted, STR(""));
	return SQLITE_BUSY;
}

static int level_of_others(const struct disk_handle *h)
{
	int level = SQLITE_LOCK_NONE;
	LIST_FOR_EACH(link, &h->file->handles)
	if (handle_of(link) != h && handle_of(link)->level > level)
		level = handle_of(link)->level;
	return level;
}

int disk_lock(sqlite3_file *base, int level)
{
	struct disk_handle *h = disk_handle_of(base);
	if (h->disk->dead)
		return SQLITE_IOERR_LOCK;
	if (h->level >= level)
		return SQLITE_OK;
	int others = level_of_others(h);
	bool refused = level == SQLITE_LOCK_SHARED ? others >= SQLITE_LOCK_PENDING
						   : others >= SQLITE_LOCK_RESERVED || h->disk->held;
	if (refused)
		return busy(h, "disk lock busy", (unsigned)level);
	/* Readers are waited for, and no new ones come. */
	if (level == SQLITE_LOCK_EXCLUSIVE && others >= SQLITE_LOCK_SHARED) {
		h->level = SQLITE_LOCK_PENDING;
		return busy(h, "disk lock busy", (unsigned)level);
	}
	h->level = level;
	return SQLITE_OK;
}

int disk_unlock(sqlite3_file *base, int level)
{
	struct disk_handle *h = disk_handle_of(base);
	if (h->level > level)
		h->level = level;
	return SQLITE_OK;
}

int disk_check_reserved(sqlite3_file *base, int *reserved_r)
{
	struct disk_handle *h = disk_handle_of(base);
	if (h->disk->dead)
		return SQLITE_IOERR_CHECKRESERVEDLOCK;
	*reserved_r = h->level >= SQLITE_LOCK_RESERVED || level_of_others(h) >= SQLITE_LOCK_RESERVED;
	return SQLITE_OK;
}

/* The wal-index is a file as well, though nobody cares what becomes of it. */
static int make_region(struct disk *d, struct disk_file *f, size_t region, size_t bytes)
{
	if (d->used > d->room || bytes > d->room - d->used)
		return SQLITE_IOERR_SHMSIZE;
	if (region >= f->shared_count) {
		size_t count = region + 1;
		f->shared = sim_resize(f->shared, count * sizeof(f->shared[0]));
		memset(f->shared + f->shared_count, 0, (count - f->shared_count) * sizeof(f->shared[0]));
		f->shared_count = count;
	}
	f->shared[region] = sim_zalloc(bytes);
	f->shared_bytes += bytes;
	disk_tidy(d);
	return SQLITE_OK;
}

int disk_shared_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **p_r)
{
	struct disk_handle *h = disk_handle_of(base);
	struct disk_file *f = h->file;
	size_t i = (size_t)region;
	*p_r = NULL;
	if (h->disk->dead)
		return SQLITE_IOERR_SHMMAP;
	h->has_shared = true;
	int code = SQLITE_OK;
	if (extend && (i >= f->shared_count || !f->shared[i]))
		code = make_region(h->disk, f, i, (size_t)bytes);
	if (i < f->shared_count)
		*p_r = f->shared[i];
	return code;
}

static bool is_taken(const struct disk_handle *h, unsigned slots, bool exclusive)
{
	if (h->disk->held && slots & SLOT_WRITER)
		return true;
	LIST_FOR_EACH(link, &h->file->handles)
	{
		const struct disk_handle *other = handle_of(link);
		if (other != h && slots & (other->slots_exclusive | (exclusive ? other->slots_shared : 0)))
			return true;
	}
	return false;
}

int disk_shared_lock(sqlite3_file *base, int first, int count, int flags)
{
	struct disk_handle *h = disk_handle_of(base);
	unsigned slots = ((1u << count) - 1) << first;
	bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
	unsigned *mine = exclusive ? &h->slots_exclusive : &h->slots_shared;
	if (flags & SQLITE_SHM_UNLOCK) {
		*mine &= ~slots;
		return SQLITE_OK;
	}
	if (h->disk->dead)
		return SQLITE_IOERR_SHMLOCK;
	/* From shared to exclusive and back only by way of none. */
	assert_always(!(slots & (exclusive ? h->slots_shared : h->slots_exclusive)));
	if (is_taken(h, slots, exclusive))
		return busy(h, exclusive ? "disk slots busy" : "disk slots exclusive", slots);
	*mine |= slots;
	return SQLITE_OK;
}

void disk_shared_barrier(sqlite3_file *base)
{
	(void)base;
}

static bool is_shared(const struct disk_file *f)
{
	LIST_FOR_EACH(link, &f->handles)
	if (handle_of(link)->has_shared)
		return true;
	return false;
}

int disk_shared_unmap(sqlite3_file *base, int delete)
{
	(void)delete; /* Whoever comes first begins with an empty one, as on Unix. */
	struct disk_handle *h = disk_handle_of(base);
	struct disk_file *f = h->file;
	h->has_shared = false;
	h->slots_shared = h->slots_exclusive = 0;
	if (is_shared(f))
		return SQLITE_OK;
	for (size_t i = 0; i < f->shared_count; i++)
		free(f->shared[i]);
	free(f->shared);
	f->shared = NULL;
	f->shared_count = f->shared_bytes = 0;
	disk_tidy(h->disk);
	return SQLITE_OK;
}
