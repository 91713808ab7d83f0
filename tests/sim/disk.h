/* The disk of a simulation: an SQLite VFS that keeps its files in memory, and loses what a real disk would lose.
 *
 * A file has two states: what programs read (written), and what survives the loss of power (synced). A sync makes the
 * second equal to the first. When power goes, each write since then has reached the disk or not, in any order, as a
 * whole or in part: that is drawn from `chance`, for each 512-byte piece by itself; so are changes of a file's length,
 * and files that were made or deleted and whose folder was not synced. A piece that was on its way may also hold
 * anything afterwards. (What stands next to the bytes written is never hurt: SQLITE_IOCAP_POWERSAFE_OVERWRITE, which
 * SQLite takes for granted.) How much is lost is drawn first: nothing, everything, all after some moment, or a mixture.
 *
 * There is one folder, whatever the names say. It is synced as SQLite does it on Unix: by the first sync of a WAL or
 * journal through a connection, and by a deletion that asks for it. A file that is synced is in its folder too.
 *
 * While it is installed it is the program's default VFS, and SQLite's own randomness and time come from the world. All
 * connections are of one process, on one thread. Everything that is written, synced, truncated, opened and deleted is
 * traced, and each lock that is refused.
 *
 * disk.c has the folder and the power, disk_file.c what a file holds, disk_vfs.c the methods that SQLite calls,
 * disk_lock.c its locks. A new kind of trouble is a field here and a line in disk_vfs.c. */
#ifndef LINNET_TESTS_SIM_DISK_H
#define LINNET_TESTS_SIM_DISK_H

#include "lib/base/list.h"
#include "tests/sim/world.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DISK_NAME "simulated"

/* How a touch fails. All but a write have one way. */
enum disk_fault {
	DISK_WELL,
	DISK_ERROR, /* nothing was done */
	DISK_ERROR_IN_PART, /* a write: some of it was done, as drawn */
	DISK_FULL, /* a write: the same, and there was no more room */
};

struct disk {
	sqlite3_vfs vfs;
	sqlite3_vfs *replaced; /* the default before */
	struct world *world;
	struct list files;
	uint64_t made; /* files so far: each has its number in the trace */
	/* Bytes that all files may have together; UINT64_MAX: no limit. Beyond: SQLITE_FULL, with as much written as
	 * there was room for. */
	uint64_t room;
	/* Another process has the database open in WAL mode and holds it for writing: SQLITE_BUSY for whoever wants to
	 * write, or to be alone with it (the recovery of a WAL; the last checkpoint when it is closed). */
	bool held;
	/* I/O errors. A write that fails may have been done in part; truncations and deletions fail with it. After a
	 * sync that failed, what was written before it may never reach the disk, whatever is synced later (as with
	 * Linux, which takes the pages for clean). */
	bool reads_fail, writes_fail, syncs_fail;
	/* Asked before each touch, and each read (then any fault is DISK_ERROR); NULL: none fails by this. */
	enum disk_fault (*find_fault)(void *ctx, bool is_read);
	void *fault_ctx;
	enum disk_fault fault; /* of the present touch */
	bool dead; /* there is no power: everything fails, nothing changes */
	uint64_t touches; /* writes, truncations, syncs, deletions so far, failed ones too; not those while dead */
	uint64_t dies_at; /* at this touch (in the middle, if it is a write) power goes; 0: never */
	uint64_t used; /* bytes of all files, and of the shared memory beside them */
	uint64_t syncs;
};

/* Installs it. One at a time in a program; no database is open. Its address must not change. */
void disk_init(struct disk *d, struct world *w);
/* Uninstalls it. All databases are closed. */
void disk_fini(struct disk *d);

/* After a kill or a loss of power: set `dead`, let the connections be closed, then call one of these, which end it.
 * Killed: what was written is there; locks and shared memory are gone. Without power: the same, but what was not synced
 * is lost or torn. Both end `dies_at`. The other troubles stay as they are set. */
void disk_kill(struct disk *d);
void disk_cut_power(struct disk *d);

/* The process is gone without having closed anything; then as disk_kill(). What it had open is not usable any more. */
void disk_abandon(struct disk *d);

/* True if no file holds anything that a loss of power could take away. */
bool disk_is_synced(const struct disk *d);

#endif
