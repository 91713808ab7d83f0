/* The folder of the simulated disk, and its power. */
#include "tests/sim/disk.h"

#include "lib/base/fault.h"
#include "tests/sim/disk_internal.h"

static struct disk_file *file_of(struct list *link)
{
	return CONTAINER_OF(link, struct disk_file, link);
}

/* SQLite seeds its generator once a process, from the default VFS of that moment. */
static void forget_randomness(void)
{
	sqlite3_randomness(0, NULL);
}

void disk_init(struct disk *d, struct world *w)
{
	*d = (struct disk){ .world = w, .room = UINT64_MAX, .replaced = sqlite3_vfs_find(NULL) };
	list_init(&d->files);
	disk_vfs_fill(&d->vfs, d);
	assert_always(sqlite3_vfs_register(&d->vfs, 1) == SQLITE_OK);
	forget_randomness();
}

void disk_fini(struct disk *d)
{
	sqlite3_vfs_unregister(&d->vfs);
	sqlite3_vfs_register(d->replaced, 1);
	forget_randomness();
	LIST_FOR_EACH_SAFE(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		disk_file_free(&f);
	}
}

struct disk_file *disk_find(struct disk *d, const char *name)
{
	LIST_FOR_EACH(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		if (!f->is_deleted && f->name && strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

struct disk_file *disk_make(struct disk *d, const char *name)
{
	struct disk_file *f = disk_file_new(name, ++d->made);
	list_add_last(&d->files, &f->link);
	return f;
}

void disk_delete(struct disk_file *f)
{
	f->is_deleted = true;
	f->is_gone = !f->name;
}

void disk_sync_name(struct disk *d, struct disk_file *f)
{
	f->is_new = false;
	/* What had this name before cannot come back any more. */
	LIST_FOR_EACH(link, &d->files)
	{
		struct disk_file *other = file_of(link);
		if (other->is_deleted && other->name && strcmp(other->name, f->name) == 0)
			other->is_gone = true;
	}
	disk_tidy(d);
}

void disk_sync_folder(struct disk *d)
{
	LIST_FOR_EACH(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		f->is_new = false;
		f->is_gone = f->is_deleted;
	}
	disk_tidy(d);
}

void disk_tidy(struct disk *d)
{
	d->used = 0;
	LIST_FOR_EACH_SAFE(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		d->used += f->is_deleted ? 0 : f->written.n + f->shared_bytes;
		if (f->is_gone && list_is_empty(&f->handles))
			disk_file_free(&f);
	}
}

bool disk_is_synced(const struct disk *d)
{
	LIST_FOR_EACH(link, &d->files)
	{
		const struct disk_file *f = file_of(link);
		if (f->name && !f->is_deleted && (f->is_new || !list_is_empty(&f->changes)))
			return false;
	}
	return true;
}

struct disk_fate disk_fate_draw(struct world *w)
{
	struct disk_fate fate = { 0 };
	switch (world_below(w, 5)) {
	case 0: break;
	case 1: fate.kept = 1000; break;
	case 2: fate.in_order = true; break;
	default:
		fate.in_order = world_chance(w, 500);
		fate.kept = (unsigned)world_below(w, 1001);
		fate.spoiled = world_chance(w, 300) ? 50 : 0;
		break;
	}
	return fate;
}

static bool is_open(const struct disk *d)
{
	LIST_FOR_EACH(link, &d->files)
	if (!list_is_empty(&file_of(link)->handles))
		return true;
	return false;
}

void disk_kill(struct disk *d)
{
	assert_always(!is_open(d));
	world_trace(d->world, "disk killed", d->touches, d->used, STR(""));
	d->dead = false;
	d->dies_at = 0;
}

void disk_abandon(struct disk *d)
{
	LIST_FOR_EACH(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		LIST_FOR_EACH_SAFE(handle, &f->handles)
		{
			struct disk_handle *h = CONTAINER_OF(handle, struct disk_handle, link);
			disk_shared_unmap(&h->base, 0);
			list_remove(&h->link);
			if (h->deletes)
				disk_delete(f);
		}
	}
	disk_tidy(d);
	disk_kill(d);
}

/* A file that was deleted comes back, or one that was made disappears. */
static void settle_name(struct disk *d, struct disk_file *f, struct disk_fate fate)
{
	bool is_certain = !f->is_deleted && !f->is_new;
	bool exists = is_certain || world_chance(d->world, f->is_deleted ? 1000 - fate.kept : fate.kept);
	f->is_deleted = f->is_gone = !exists;
	f->is_new = false;
	if (!is_certain)
		world_trace(d->world, exists ? "disk has" : "disk has not", f->number, 0, str_from_c(f->name));
}

/* Of several files that had one name, one after the other, the last is the one that the folder tells of. */
static void settle_folder(struct disk *d, struct disk_fate fate)
{
	LIST_FOR_EACH(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		settle_name(d, f, fate);
		struct disk_file *earlier = f->is_deleted ? NULL : disk_find(d, f->name);
		if (earlier && earlier != f)
			earlier->is_deleted = earlier->is_gone = true;
	}
}

void disk_cut_power(struct disk *d)
{
	disk_kill(d);
	world_trace(d->world, "disk without power", d->touches, 0, STR(""));
	struct disk_fate common = disk_fate_draw(d->world);
	bool is_common = world_chance(d->world, 500);
	LIST_FOR_EACH(link, &d->files)
	{
		struct disk_file *f = file_of(link);
		disk_file_settle(f, d->world, is_common ? common : disk_fate_draw(d->world));
		disk_file_forget(f);
	}
	settle_folder(d, is_common ? common : disk_fate_draw(d->world));
	disk_tidy(d);
}
