/* kill -9 at any moment: what came back is there afterwards, and every unit is there whole or not at all.
 *
 * A child process writes units and tells each one that came back on a pipe: the ledger. It dies inside a chosen write
 * or flush, or at a moment that nobody chose; the next start is compared with the ledger. */
#include "lib/base/random.h"
#include "tests/unit/storage/fault_vfs.h"
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWNERS 2
#define ENDLESS 1000000

static const char *const owners[OWNERS] = { "romeo", "juliet" };
static const struct statement extent = { "SELECT count(*), coalesce(max(n), -1) FROM items WHERE owner = ?1" };

static struct fault_vfs disk;

/* A line of the ledger: this unit of this owner has come back. */
struct entry {
	int64_t owner, unit;
};

struct teller {
	int ledger;
	int64_t owner;
};

/* What the parent knows: the highest unit of each owner that came back; -1: none. */
struct known {
	int64_t last[OWNERS];
	size_t entries;
};

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	fault_vfs_install(&disk);
	f->options.vfs = disk.name;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	fault_vfs_remove(&disk);
	free(*state);
	return 0;
}

static void tell(struct batch *b)
{
	const struct teller *t = b->owner;
	const struct entry e = { t->owner, (int64_t)b->ticket };
	if (CONTAINER_OF(b->units.next, struct unit, link)->error || write(t->ledger, &e, sizeof(e)) != sizeof(e))
		_exit(4);
	batch_free(&b);
}

/* Two rows, 2n and 2n + 1. */
static struct unit *two_rows(const char *owner, int64_t n)
{
	static const char bytes[3000];
	struct unit *u = unit_new();
	for (int64_t i = 0; i < 2; i++)
		UNIT_ADD(u, &put_item, value_text(str_from_c(owner)), value_int(2 * n + i), value_null(),
			value_blob(str_make(bytes, sizeof(bytes))));
	return u;
}

static int64_t rows_of(struct storage *s, const char *owner)
{
	struct query *q = query_new(&count_items, VALUES(value_text(str_from_c(owner))), 1);
	if (storage_query_now(s, q))
		_exit(5);
	int64_t n = query_row(q, 0)[0].i;
	query_free(&q);
	return n;
}

/* The child: goes on where the database ends, for so many rounds of one unit an owner; then ends in good order. */
static void write_units(struct fixture *f, int ledger, int rounds)
{
	struct teller tellers[OWNERS];
	int64_t next[OWNERS];
	f->options.on_batch = tell;
	if (fixture_try_open(f))
		_exit(3);
	for (int i = 0; i < OWNERS; i++) {
		tellers[i] = (struct teller){ ledger, i };
		next[i] = rows_of(f->s, owners[i]) / 2;
	}
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < OWNERS; i++) {
			struct batch *b = batch_new(&tellers[i], (uint64_t)next[i]);
			list_add_last(&b->units, &two_rows(owners[i], next[i])->link);
			next[i]++;
			storage_submit(f->s, b);
			if (round % 3 == i)
				storage_writer_step(f->s);
		}
	}
	while (storage_writer_step(f->s) == 0) {
	}
	fixture_close(f);
	_exit(0);
}

static pid_t start_child(struct fixture *f, int *ledger_r, int rounds, unsigned dies_at)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
		close(ends[0]);
		disk.touched = 0;
		disk.dies_at = dies_at;
		write_units(f, ends[1], rounds);
	}
	close(ends[1]);
	*ledger_r = ends[0];
	return child;
}

/* Reads at most `max` lines of the ledger. */
static void read_ledger(int ledger, struct known *k, size_t max)
{
	struct entry e;
	for (size_t i = 0; i < max && read(ledger, &e, sizeof(e)) == sizeof(e); i++) {
		assert_in_range(e.owner, 0, OWNERS - 1);
		assert_true(e.unit == k->last[e.owner] + 1 || k->last[e.owner] == -1);
		k->last[e.owner] = e.unit;
		k->entries++;
	}
}

static void compare_with_ledger(struct fixture *f, const struct known *k)
{
	fixture_open(f);
	for (int i = 0; i < OWNERS; i++) {
		struct query *q = ask(f, query_new(&extent, VALUES(value_text(str_from_c(owners[i]))), 1));
		const struct value *v = query_row(q, 0);
		int64_t count = v[0].i, last = v[1].i;
		query_free(&q);
		if (count != last + 1 || count % 2)
			fail_msg("%s has %d rows, the last is %d: a unit is torn", owners[i], (int)count, (int)last);
		if (count < 2 * (k->last[i] + 1))
			fail_msg("%s: unit %d came back and is lost", owners[i], (int)k->last[i]);
	}
	fixture_close(f);
}

static int end_of(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void killed_inside_every_write_and_flush(void **state)
{
	struct fixture *f = *state;
	unsigned at = 1;
	size_t entries = 0;
	for (int status = 0; at == 1 || WIFSIGNALED(status); at++) {
		struct known k = { { -1, -1 }, 0 };
		int ledger;
		pid_t child = start_child(f, &ledger, 4, at);
		read_ledger(ledger, &k, SIZE_MAX);
		close(ledger);
		status = end_of(child);
		if (WIFSIGNALED(status))
			assert_int_equal(WTERMSIG(status), SIGKILL);
		else
			assert_int_equal(WEXITSTATUS(status), 0);
		compare_with_ledger(f, &k);
		entries += k.entries;
	}
	/* It was killed in each of them, and came far enough to have something to lose. */
	assert_in_range(at, 40, 1000);
	assert_true(entries > at);
}

static void killed_at_random_moments(void **state)
{
	struct fixture *f = *state;
	struct random_seeded seeded;
	/* The weaker level promises this much too, and gets further between two deaths. */
	f->options.durability = STORAGE_PROCESS;
	random_seeded_init(&seeded, 1);
	struct random_source random = random_seeded_source(&seeded);
	struct known total = { { -1, -1 }, 0 };
	for (int round = 0; round < 100; round++) {
		struct known k = { { -1, -1 }, 0 };
		int ledger;
		pid_t child = start_child(f, &ledger, ENDLESS, 0);
		read_ledger(ledger, &k, random_below(&random, 150));
		kill(child, SIGKILL);
		read_ledger(ledger, &k, SIZE_MAX);
		close(ledger);
		assert_true(WIFSIGNALED(end_of(child)));
		compare_with_ledger(f, &k);
		total.entries += k.entries;
	}
	assert_true(total.entries > 1000);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(killed_inside_every_write_and_flush),
		T(killed_at_random_moments),
	};
	return cmocka_run_group_tests_name("storage/crash", tests, NULL, NULL);
}
