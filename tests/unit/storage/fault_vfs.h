/* A SQLite VFS over the default one whose disk can be full or broken,, that counts what
 * reaches the disk, and that can kill the process at a place of choice. */
#ifndef LINNET_TEST_FAULT_VFS_H
#define LINNET_TEST_FAULT_VFS_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fault_vfs {
	sqlite3_vfs base;
	sqlite3_vfs *real;
	char name[16];
	_Atomic bool is_full; /* writes that would make a file longer fail with SQLITE_FULL */
	_Atomic bool sync_fails, write_fails, read_fails; /* with an I/O error */
	_Atomic unsigned writes, syncs; /* successful ones */
	_Atomic unsigned touched; /* writes, truncations and syncs that were asked for, successful or not */
	_Atomic bool is_dirty; /* something was written after the last sync */
	unsigned dies_at; /* this many touches, and the process is gone: in the middle, if it is a write; 0: never */
};

/* One at a time in a program; `v` stays until it is removed. */
void fault_vfs_install(struct fault_vfs *v);
void fault_vfs_remove(struct fault_vfs *v);

#endif
