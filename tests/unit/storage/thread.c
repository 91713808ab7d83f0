/* The real drivers, with several threads that submit and ask: nothing is lost, nothing overtakes. For ThreadSanitizer
 * above all. Nobody sleeps: who waits, waits for something that comes back. */
#include "server/storage/thread.h"

#include "tests/unit/storage/fault_vfs.h"
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKERS 3
#define BATCHES 200

static struct fault_vfs disk;

/* A thread that submits, and what came back to it. */
struct worker {
	struct fixture *f;
	char owner[16];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list batches, queries;
	uint64_t returned; /* batches */
	bool disordered;
	int64_t counted; /* the last answer */
	uint64_t answers;
};

static void on_batch(struct batch *b)
{
	struct worker *w = b->owner;
	pthread_mutex_lock(&w->lock);
	w->disordered = w->disordered || b->ticket != w->returned + 1;
	w->returned = b->ticket;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	batch_free(&b);
}

static void on_query(struct query *q)
{
	struct worker *w = q->owner;
	pthread_mutex_lock(&w->lock);
	w->counted = q->error ? -1 : query_row(q, 0)[0].i;
	w->answers++;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	query_free(&q);
}

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	fault_vfs_install(&disk);
	f->options.vfs = disk.name;
	f->options.durability = STORAGE_PROCESS;
	f->options.on_batch = on_batch;
	f->options.on_query = on_query;
	fixture_open(f);
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

static void worker_init(struct worker *w, struct fixture *f, unsigned number)
{
	memset(w, 0, sizeof(*w));
	w->f = f;
	snprintf(w->owner, sizeof(w->owner), "worker%u", number);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
}

static void worker_fini(struct worker *w)
{
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
}

static void submit(struct worker *w, uint64_t ticket)
{
	struct batch *b = batch_new(w, ticket);
	for (int64_t i = 0; i < 2; i++)
		list_add_last(&b->units, &item_unit(w->owner, 2 * (int64_t)ticket + i)->link);
	storage_submit(w->f->s, b);
}

static uint64_t wait_for_batch(struct worker *w, uint64_t ticket)
{
	pthread_mutex_lock(&w->lock);
	while (w->returned < ticket)
		pthread_cond_wait(&w->changed, &w->lock);
	uint64_t returned = w->returned;
	pthread_mutex_unlock(&w->lock);
	return returned;
}

static int64_t count_rows(struct worker *w)
{
	struct query *q = query_new(&count_items, VALUES(value_text(str_from_c(w->owner))), 1);
	q->owner = w;
	pthread_mutex_lock(&w->lock);
	uint64_t answers = w->answers;
	pthread_mutex_unlock(&w->lock);
	storage_query(w->f->s, q);
	pthread_mutex_lock(&w->lock);
	while (w->answers == answers)
		pthread_cond_wait(&w->changed, &w->lock);
	int64_t n = w->counted;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* Submits all; waits now and then for what it has submitted and looks whether it is there. NULL if so. */
static void *work(void *ctx)
{
	struct worker *w = ctx;
	for (uint64_t ticket = 1; ticket <= BATCHES; ticket++) {
		submit(w, ticket);
		if (ticket % 16 != 0)
			continue;
		uint64_t returned = wait_for_batch(w, ticket);
		if (count_rows(w) < 2 * (int64_t)returned)
			return w;
	}
	wait_for_batch(w, BATCHES);
	return NULL;
}

static void units_of_many_threads_come_back_in_order(void **state)
{
	struct fixture *f = *state;
	struct worker workers[WORKERS];
	struct storage_threads *t = storage_threads_start(f->s);
	assert_non_null(t);
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_init(&workers[i], f, i);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		void *failed;
		pthread_join(workers[i].thread, &failed);
		assert_null(failed);
		assert_false(workers[i].disordered);
		assert_int_equal(count_rows(&workers[i]), 2 * BATCHES);
	}
	storage_threads_stop(&t);
	assert_null(t);
	assert_int_equal(storage_uncommitted_units(f->s), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_fini(&workers[i]);
}

static void stopping_finishes_what_was_submitted(void **state)
{
	struct fixture *f = *state;
	struct worker w;
	worker_init(&w, f, 0);
	for (uint64_t round = 0; round < 20; round++) {
		struct storage_threads *t = storage_threads_start(f->s);
		assert_non_null(t);
		for (uint64_t i = 1; i <= 10; i++)
			submit(&w, 10 * round + i);
		storage_threads_stop(&t);
		assert_int_equal(w.returned, 10 * round + 10);
		assert_false(w.disordered);
	}
	worker_fini(&w);
}

static void stopping_does_not_wait_for_room(void **state)
{
	struct fixture *f = *state;
	struct worker w;
	worker_init(&w, f, 0);
	struct storage_threads *t = storage_threads_start(f->s);
	assert_non_null(t);
	disk.is_full = true;
	submit(&w, 1);
	storage_threads_stop(&t);
	assert_int_equal(w.returned, 0);
	assert_true(storage_is_waiting(f->s));
	disk.is_full = false;
	f->now_ms += 1000;
	t = storage_threads_start(f->s);
	storage_threads_stop(&t);
	assert_int_equal(w.returned, 1);
	worker_fini(&w);
}

/* A clock that stands still until it has been asked a few times: then so much time has passed that a retry is due. */
struct patient_clock {
	_Atomic unsigned asked;
};

static uint64_t patient_ms(void *ctx)
{
	struct patient_clock *c = ctx;
	return c->asked++ < 10 ? 1000 : 100000;
}

static void retry_comes_without_a_call(void **state)
{
	struct fixture *f = *state;
	struct patient_clock patient = { 0 };
	const struct clock clock = { patient_ms, NULL, &patient };
	struct worker w;
	fixture_close(f);
	f->options.clock = &clock;
	fixture_open(f);
	worker_init(&w, f, 0);
	disk.is_full = true;
	submit(&w, 1);
	assert_true(storage_writer_step(f->s) > 1000);
	disk.is_full = false;
	struct storage_threads *t = storage_threads_start(f->s);
	assert_non_null(t);
	/* One call at the most (the start) finds it too early; the others are the thread's own. */
	wait_for_batch(&w, 1);
	assert_true(patient.asked > 10);
	storage_threads_stop(&t);
	worker_fini(&w);
}

static void fatal_error_reaches_the_server_once(void **state)
{
	struct fixture *f = *state;
	struct worker w;
	worker_init(&w, f, 0);
	struct storage_threads *t = storage_threads_start(f->s);
	assert_non_null(t);
	submit(&w, 1);
	wait_for_batch(&w, 1);
	disk.write_fails = true;
	for (uint64_t ticket = 2; ticket < 20; ticket++)
		submit(&w, ticket);
	storage_threads_stop(&t);
	assert_int_equal(f->fatal_calls, 1);
	assert_int_equal(w.returned, 1);
	disk.write_fails = false;
	worker_fini(&w);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(units_of_many_threads_come_back_in_order),
		T(stopping_finishes_what_was_submitted),
		T(stopping_does_not_wait_for_room),
		T(retry_comes_without_a_call),
		T(fatal_error_reaches_the_server_once),
	};
	return cmocka_run_group_tests_name("storage/thread", tests, NULL, NULL);
}
