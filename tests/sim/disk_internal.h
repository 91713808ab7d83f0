/* The insides of the simulated disk, for the files named in disk.h. Nobody else includes this. */
#ifndef LINNET_TESTS_SIM_DISK_INTERNAL_H
#define LINNET_TESTS_SIM_DISK_INTERNAL_H

#include "lib/base/str.h"
#include "tests/sim/disk.h"

#include <stddef.h>

/* Bytes; those from n to room are zero. */
struct disk_image {
	char *p;
	size_t n, room;
};

struct disk_file {
	struct list link; /* in disk.files, in the order in which they were made */
	uint64_t number;
	char *name; /* NULL: a temporary file, which has none */
	struct disk_image written, synced;
	struct list changes; /* between the two, in order */
	struct list handles;
	bool is_new; /* its name may not have reached the disk */
	/* Nobody finds it any more. While its deletion may not have reached the disk, it can come back. */
	bool is_deleted;
	bool is_gone; /* deleted for good: lives until its last handle is closed */
	char **shared; /* the regions of its shared memory; NULL ones do not exist */
	size_t shared_count, shared_bytes;
};

/* What SQLite has for an open file. */
struct disk_handle {
	sqlite3_file base;
	struct disk *disk;
	struct disk_file *file;
	struct list link; /* in its file */
	bool syncs_folder; /* with its first sync */
	bool deletes; /* when it is closed */
	int level; /* SQLITE_LOCK_… */
	bool has_shared; /* memory */
	unsigned slots_shared, slots_exclusive; /* of the shared memory: a bit each */
};

/* How much of what is not synced reaches the disk: chances in a thousand. */
struct disk_fate {
	bool in_order; /* first, all up to some change */
	unsigned kept; /* for each piece, each length and each name by itself */
	unsigned spoiled; /* for each piece: holds anything */
};

struct disk_fate disk_fate_draw(struct world *w);

/* disk_file.c: nothing here can fail. */

struct disk_file *disk_file_new(const char *name, uint64_t number);
void disk_file_free(struct disk_file **f);
/* Of n bytes from `at` on, those that exist; the others are zero. */
size_t disk_file_read(const struct disk_file *f, char *p, size_t n, uint64_t at);
void disk_file_write(struct disk_file *f, struct str bytes, uint64_t at);
void disk_file_truncate(struct disk_file *f, uint64_t size);
/* All changes are on disk. */
void disk_file_sync(struct disk_file *f);
/* As many changes as are drawn are on disk, the others will never be; programs see no difference. */
void disk_file_settle(struct disk_file *f, struct world *w, struct disk_fate fate);
/* Programs see what is on disk. */
void disk_file_forget(struct disk_file *f);

/* disk.c */

/* By its name; NULL if there is none. */
struct disk_file *disk_find(struct disk *d, const char *name);
struct disk_file *disk_make(struct disk *d, const char *name);
void disk_delete(struct disk_file *f);
/* A file that exists is in the folder on disk. */
void disk_sync_name(struct disk *d, struct disk_file *f);
/* So is all that was made, and what was deleted is not. */
void disk_sync_folder(struct disk *d);
/* Frees what is deleted for good and not open, and counts what is used. */
void disk_tidy(struct disk *d);

/* disk_vfs.c */

void disk_vfs_fill(sqlite3_vfs *vfs, struct disk *d);

static inline struct disk_handle *disk_handle_of(sqlite3_file *f)
{
	return (struct disk_handle *)f;
}

/* disk_lock.c: methods of an open file. */

int disk_lock(sqlite3_file *base, int level);
int disk_unlock(sqlite3_file *base, int level);
int disk_check_reserved(sqlite3_file *base, int *reserved_r);
int disk_shared_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **p_r);
int disk_shared_lock(sqlite3_file *base, int first, int count, int flags);
void disk_shared_barrier(sqlite3_file *base);
int disk_shared_unmap(sqlite3_file *base, int delete);

#endif
