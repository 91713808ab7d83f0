/* What the tests of the simulated disk share: a disk in a world of its own, and SQL on it in a line. */
#ifndef LINNET_TEST_SIM_DISK_KIT_H
#define LINNET_TEST_SIM_DISK_KIT_H

#include "tests/sim/disk.h"

/* Static or on the stack; does not move. */
struct disk_kit {
	struct world world;
	struct disk disk;
};

void disk_kit_init(struct disk_kit *k, uint64_t seed);
void disk_kit_fini(struct disk_kit *k);

/* The database "test.db", without waiting for locks. SQLite's result code; it has to be closed in any case. */
int sql_try_open(sqlite3 **db_r);
/* The same; the test fails if it cannot be opened. */
sqlite3 *sql_open(void);
void sql_close(sqlite3 **db);
/* SQLite's (extended) result code. */
int sql_run(sqlite3 *db, const char *sql);
/* Fails the test unless it works. */
void sql_must(sqlite3 *db, const char *sql);
/* The single value of the first row as a number; -1 if there is none, or on an error. */
int64_t sql_number(sqlite3 *db, const char *sql);
bool sql_is_sound(sqlite3 *db);

#endif
