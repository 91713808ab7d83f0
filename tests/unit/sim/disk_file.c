/* What becomes of a file of the simulated disk when power goes, over many seeds: what may be lost is lost in one of
 * them and kept in another, what may not is in none. Files are used through the VFS, as SQLite does. */
#include "tests/unit/sim/disk_kit.h"

#include "lib/base/macros.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SEEDS 200
#define PIECE 512
#define BYTES (4 * PIECE)

#define PLAIN (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
#define WAL   (SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)

/* An open file; `memory` is what SQLite would allocate for it. */
struct file {
	union {
		sqlite3_file base;
		char memory[256];
	};
};

struct test {
	struct disk_kit kit;
	bool has_kit; /* between begin() and end() */
	struct file file; /* "f", open all the time */
	struct file other; /* whatever a test opens */
};

/* How often something was so and not so. */
struct tally {
	unsigned yes, no;
};

static void add(struct tally *t, bool yes)
{
	if (yes)
		t->yes++;
	else
		t->no++;
}

static void check_both(const struct tally *t)
{
	assert_true(t->yes > SEEDS / 20);
	assert_true(t->no > SEEDS / 20);
}

static void file_open(struct test *t, struct file *f, const char *name, int flags)
{
	sqlite3_vfs *vfs = &t->kit.disk.vfs;
	assert_true((size_t)vfs->szOsFile <= sizeof(*f));
	assert_int_equal(vfs->xOpen(vfs, name, &f->base, flags, NULL), SQLITE_OK);
}

static void file_close(struct file *f)
{
	assert_int_equal(f->base.pMethods->xClose(&f->base), SQLITE_OK);
}

static void file_put(struct file *f, char c, int n, int64_t at)
{
	char bytes[BYTES];
	memset(bytes, c, sizeof(bytes));
	assert_int_equal(f->base.pMethods->xWrite(&f->base, bytes, n, at), SQLITE_OK);
}

static void file_sync(struct file *f)
{
	assert_int_equal(f->base.pMethods->xSync(&f->base, SQLITE_SYNC_NORMAL), SQLITE_OK);
}

static void file_truncate(struct file *f, int64_t size)
{
	assert_int_equal(f->base.pMethods->xTruncate(&f->base, size), SQLITE_OK);
}

static int64_t file_size(struct file *f)
{
	sqlite3_int64 size;
	assert_int_equal(f->base.pMethods->xFileSize(&f->base, &size), SQLITE_OK);
	return size;
}

static char file_at(struct file *f, int64_t at)
{
	char c;
	assert_int_equal(f->base.pMethods->xRead(&f->base, &c, 1, at), SQLITE_OK);
	return c;
}

/* True if all of these bytes are `c`. */
static bool file_holds(struct file *f, char c, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		if (file_at(f, i) != c)
			return false;
	return true;
}

static bool file_exists(struct test *t, const char *name)
{
	sqlite3_vfs *vfs = &t->kit.disk.vfs;
	int is;
	assert_int_equal(vfs->xAccess(vfs, name, SQLITE_ACCESS_READWRITE, &is), SQLITE_OK);
	return is;
}

static void file_delete(struct test *t, const char *name, int syncs_folder)
{
	sqlite3_vfs *vfs = &t->kit.disk.vfs;
	assert_int_equal(vfs->xDelete(vfs, name, syncs_folder), SQLITE_OK);
}

/* A file "f" of four pieces of 'a', safe on disk; open. */
static void begin(struct test *t, uint64_t seed)
{
	disk_kit_init(&t->kit, seed);
	t->has_kit = true;
	file_open(t, &t->file, "f", WAL);
	file_put(&t->file, 'a', BYTES, 0);
	file_sync(&t->file);
	assert_true(disk_is_synced(&t->kit.disk));
}

/* Power goes and comes back; "f" is open again. */
static void cut(struct test *t)
{
	t->kit.disk.dead = true;
	file_close(&t->file);
	disk_cut_power(&t->kit.disk);
	assert_true(disk_is_synced(&t->kit.disk));
	file_open(t, &t->file, "f", WAL);
}

static void end(struct test *t)
{
	file_close(&t->file);
	disk_kit_fini(&t->kit);
	t->has_kit = false;
}

static int setup(void **state)
{
	static struct test t;
	t = (struct test){ 0 };
	*state = &t;
	return 0;
}

/* After a failure too, for the sake of the tests that follow. */
static int teardown(void **state)
{
	struct test *t = *state;
	if (t->has_kit && t->other.base.pMethods)
		file_close(&t->other);
	if (t->has_kit)
		end(t);
	return 0;
}

static void short_read_is_filled_with_zeros(void **state)
{
	struct test *t = *state;
	begin(t, 1);
	char bytes[8] = "xxxxxxxx";
	assert_int_equal(t->file.base.pMethods->xRead(&t->file.base, bytes, 8, BYTES - 3), SQLITE_IOERR_SHORT_READ);
	assert_memory_equal(bytes, "aaa\0\0\0\0\0", 8);
	file_put(&t->file, 'b', 1, BYTES + 100);
	assert_true(file_holds(&t->file, 0, BYTES, BYTES + 100));
	end(t);
}

static void killed_process_loses_nothing(void **state)
{
	struct test *t = *state;
	begin(t, 1);
	file_put(&t->file, 'b', BYTES, 100);
	t->kit.disk.dead = true;
	file_close(&t->file);
	disk_kill(&t->kit.disk);
	file_open(t, &t->file, "f", WAL);
	assert_true(file_holds(&t->file, 'a', 0, 100));
	assert_true(file_holds(&t->file, 'b', 100, BYTES + 100));
	assert_int_equal(file_size(&t->file), BYTES + 100);
	/* Nor is any of it safer than before. */
	assert_false(disk_is_synced(&t->kit.disk));
	end(t);
}

static void what_was_synced_is_there(void **state)
{
	struct test *t = *state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_put(&t->file, 'b', PIECE, 10);
		file_truncate(&t->file, 2 * PIECE);
		file_put(&t->file, 'c', 1, 3 * PIECE);
		file_sync(&t->file);
		cut(t);
		assert_int_equal(file_size(&t->file), 3 * PIECE + 1);
		assert_true(file_holds(&t->file, 'a', 0, 10));
		assert_true(file_holds(&t->file, 'b', 10, 10 + PIECE));
		assert_true(file_holds(&t->file, 'a', 10 + PIECE, 2 * PIECE));
		assert_true(file_holds(&t->file, 0, 2 * PIECE, 3 * PIECE));
		end(t);
	}
}

static void write_is_lost_kept_or_torn_and_its_neighbours_are_not_hurt(void **state)
{
	struct test *t = *state;
	unsigned lost = 0, kept = 0, torn = 0, spoiled = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_put(&t->file, 'b', 3 * PIECE, 100);
		cut(t);
		assert_true(file_holds(&t->file, 'a', 0, 100));
		assert_true(file_holds(&t->file, 'a', 100 + 3 * PIECE, BYTES));
		assert_int_equal(file_size(&t->file), BYTES);
		unsigned old = 0, new = 0;
		for (int64_t piece = 0; piece < 4; piece++) {
			int64_t from = piece ? piece * PIECE : 100;
			int64_t to = piece < 3 ? (piece + 1) * PIECE : 3 * PIECE + 100;
			old += file_holds(&t->file, 'a', from, to);
			new += file_holds(&t->file, 'b', from, to);
		}
		lost += old == 4;
		kept += new == 4;
		torn += old && new;
		spoiled += old + new < 4;
		end(t);
	}
	assert_true(lost > SEEDS / 10 && kept > SEEDS / 10 && torn > SEEDS / 10 && spoiled > 0);
}

static void earlier_write_may_be_lost_and_a_later_one_kept(void **state)
{
	struct test *t = *state;
	unsigned both[2][2] = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_put(&t->file, 'b', 1, 0);
		file_put(&t->file, 'b', 1, 1);
		cut(t);
		both[file_at(&t->file, 0) == 'b'][file_at(&t->file, 1) == 'b']++;
		end(t);
	}
	assert_true(both[0][0] && both[0][1] && both[1][0] && both[1][1]);
}

static void length_is_lost_apart_from_content(void **state)
{
	struct test *t = *state;
	struct tally grown = { 0 }, filled = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_put(&t->file, 'b', PIECE, BYTES);
		cut(t);
		int64_t size = file_size(&t->file);
		assert_true(size == BYTES || size == BYTES + PIECE);
		add(&grown, size > BYTES);
		if (size > BYTES)
			add(&filled, file_holds(&t->file, 'b', BYTES, size));
		end(t);
	}
	check_both(&grown);
	check_both(&filled);
}

static void truncation_happens_or_not(void **state)
{
	struct test *t = *state;
	struct tally short_now = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_truncate(&t->file, PIECE);
		assert_int_equal(file_size(&t->file), PIECE);
		cut(t);
		int64_t size = file_size(&t->file);
		assert_true(size == PIECE || size == BYTES);
		assert_true(file_holds(&t->file, 'a', 0, size));
		add(&short_now, size == PIECE);
		end(t);
	}
	check_both(&short_now);
}

static void failed_sync_may_lose_what_a_later_one_does_not_bring_back(void **state)
{
	struct test *t = *state;
	struct tally kept = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_put(&t->file, 'b', 1, 0);
		t->kit.disk.syncs_fail = true;
		assert_int_equal(t->file.base.pMethods->xSync(&t->file.base, SQLITE_SYNC_NORMAL), SQLITE_IOERR_FSYNC);
		t->kit.disk.syncs_fail = false;
		assert_int_equal(file_at(&t->file, 0), 'b');
		file_put(&t->file, 'c', 1, 1);
		file_sync(&t->file);
		assert_int_equal(file_at(&t->file, 0), 'b');
		cut(t);
		assert_int_equal(file_at(&t->file, 1), 'c');
		add(&kept, file_at(&t->file, 0) == 'b');
		end(t);
	}
	check_both(&kept);
}

static void new_file_may_be_missing_until_it_or_its_folder_is_synced(void **state)
{
	struct test *t = *state;
	struct tally unsynced = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_open(t, &t->other, "before", PLAIN);
		file_close(&t->other);
		file_open(t, &t->other, "wal", WAL);
		file_sync(&t->other);
		file_close(&t->other);
		file_open(t, &t->other, "synced", PLAIN);
		file_sync(&t->other);
		file_close(&t->other);
		file_open(t, &t->other, "after", PLAIN);
		file_close(&t->other);
		cut(t);
		assert_true(file_exists(t, "f") && file_exists(t, "before"));
		assert_true(file_exists(t, "wal") && file_exists(t, "synced"));
		add(&unsynced, file_exists(t, "after"));
		end(t);
	}
	check_both(&unsynced);
}

static void deleted_file_may_come_back_until_its_folder_is_synced(void **state)
{
	struct test *t = *state;
	struct tally back = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		static const char *const names[] = { "early", "late", "synced" };
		begin(t, seed);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			file_open(t, &t->other, names[i], WAL);
			file_put(&t->other, 'a', 10, 0);
			file_sync(&t->other);
			file_close(&t->other);
		}
		file_delete(t, "early", 0);
		file_delete(t, "synced", 1);
		file_delete(t, "late", 0);
		assert_false(file_exists(t, "late"));
		cut(t);
		assert_false(file_exists(t, "early") || file_exists(t, "synced"));
		add(&back, file_exists(t, "late"));
		if (file_exists(t, "late")) {
			file_open(t, &t->other, "late", WAL);
			assert_true(file_size(&t->other) == 10 && file_holds(&t->other, 'a', 0, 10));
			file_close(&t->other);
		}
		end(t);
	}
	check_both(&back);
}

static void file_made_anew_is_the_old_one_the_new_one_or_none(void **state)
{
	struct test *t = *state;
	unsigned none = 0, old = 0, new = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		begin(t, seed);
		file_open(t, &t->other, "g", PLAIN);
		file_put(&t->other, 'a', 10, 0);
		file_sync(&t->other);
		file_close(&t->other);
		file_delete(t, "g", 0);
		file_open(t, &t->other, "g", PLAIN);
		assert_int_equal(file_size(&t->other), 0);
		file_close(&t->other);
		cut(t);
		bool exists = file_exists(t, "g");
		file_open(t, &t->other, "g", PLAIN);
		int64_t size = file_size(&t->other);
		file_close(&t->other);
		none += !exists;
		new += exists && size == 0;
		old += size == 10;
		end(t);
	}
	assert_true(none > SEEDS / 20 && old > SEEDS / 20 && new > SEEDS / 20);
}

static void file_is_there_until_its_last_handle_is_closed(void **state)
{
	struct test *t = *state;
	begin(t, 1);
	file_open(t, &t->other, NULL, SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_EXCLUSIVE | SQLITE_OPEN_DELETEONCLOSE);
	file_put(&t->other, 't', 100, 0);
	assert_int_equal(t->kit.disk.used, BYTES + 100);
	assert_true(file_holds(&t->other, 't', 0, 100));
	file_close(&t->other);
	assert_int_equal(t->kit.disk.used, BYTES);
	file_delete(t, "f", 1);
	assert_int_equal(t->kit.disk.used, 0);
	assert_false(file_exists(t, "f"));
	assert_true(file_holds(&t->file, 'a', 0, BYTES));
	end(t);
}

static void file_that_is_not_there_is_not_opened_without_being_made(void **state)
{
	struct test *t = *state;
	begin(t, 1);
	sqlite3_vfs *vfs = &t->kit.disk.vfs;
	assert_int_equal(vfs->xOpen(vfs, "g", &t->other.base, PLAIN & ~SQLITE_OPEN_CREATE, NULL), SQLITE_CANTOPEN);
	assert_null(t->other.base.pMethods);
	assert_int_equal(vfs->xOpen(vfs, "f", &t->other.base, PLAIN | SQLITE_OPEN_EXCLUSIVE, NULL), SQLITE_CANTOPEN);
	assert_int_equal(vfs->xDelete(vfs, "g", 0), SQLITE_IOERR_DELETE_NOENT);
	end(t);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(short_read_is_filled_with_zeros),
		T(killed_process_loses_nothing),
		T(what_was_synced_is_there),
		T(write_is_lost_kept_or_torn_and_its_neighbours_are_not_hurt),
		T(earlier_write_may_be_lost_and_a_later_one_kept),
		T(length_is_lost_apart_from_content),
		T(truncation_happens_or_not),
		T(failed_sync_may_lose_what_a_later_one_does_not_bring_back),
		T(new_file_may_be_missing_until_it_or_its_folder_is_synced),
		T(deleted_file_may_come_back_until_its_folder_is_synced),
		T(file_made_anew_is_the_old_one_the_new_one_or_none),
		T(file_is_there_until_its_last_handle_is_closed),
		T(file_that_is_not_there_is_not_opened_without_being_made),
	};
	return cmocka_run_group_tests_name("sim/disk_file", tests, NULL, NULL);
}
