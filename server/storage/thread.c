/* Threads for the writer and the readers. Each loop is: note how many calls there were, work until there is nothing
 * left, sleep unless there was another call since. So no call is lost, and none is needed while it works. */
#include "server/storage/thread.h"

#include "lib/base/mem.h"
#include "server/storage/internal.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

struct bell {
	pthread_mutex_t lock;
	pthread_cond_t rung;
	uint64_t calls;
	bool stop;
};

struct reader_thread {
	struct storage_threads *all;
	unsigned number;
	pthread_t id;
};

struct storage_threads {
	struct storage *s;
	struct bell writer_bell, reader_bell;
	pthread_t writer;
	struct reader_thread *readers;
	unsigned reader_count; /* that were started */
};

static void bell_init(struct bell *b)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&b->rung, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&b->lock, NULL);
	b->calls = 0;
	b->stop = false;
}

static void bell_fini(struct bell *b)
{
	pthread_cond_destroy(&b->rung);
	pthread_mutex_destroy(&b->lock);
}

static void bell_ring(struct bell *b, bool stop)
{
	pthread_mutex_lock(&b->lock);
	b->calls++;
	b->stop = b->stop || stop;
	/* Waking one reader per query is enough: those that are awake look again before they sleep. */
	if (stop)
		pthread_cond_broadcast(&b->rung);
	else
		pthread_cond_signal(&b->rung);
	pthread_mutex_unlock(&b->lock);
}

static uint64_t bell_calls(struct bell *b)
{
	pthread_mutex_lock(&b->lock);
	uint64_t calls = b->calls;
	pthread_mutex_unlock(&b->lock);
	return calls;
}

static struct timespec after_ms(uint64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Sleeps until there were more than `calls`, or for `ms` (UINT64_MAX: for ever). False when it is time to stop, and
 * nothing was called for since: what was submitted before the stop is still done. */
static bool bell_wait(struct bell *b, uint64_t calls, uint64_t ms)
{
	struct timespec until = after_ms(ms == UINT64_MAX ? 0 : ms);
	int timed_out = 0;
	pthread_mutex_lock(&b->lock);
	while (b->calls == calls && !b->stop && timed_out != ETIMEDOUT)
		timed_out = ms == UINT64_MAX ? pthread_cond_wait(&b->rung, &b->lock)
					     : pthread_cond_timedwait(&b->rung, &b->lock, &until);
	bool go_on = b->calls != calls || !b->stop;
	pthread_mutex_unlock(&b->lock);
	return go_on;
}

static uint64_t ms_until(const struct clock *clock, uint64_t at_ms)
{
	uint64_t now = clock_mono_ms(clock);
	return at_ms == UINT64_MAX ? UINT64_MAX : at_ms > now ? at_ms - now : 0;
}

static void *run_writer(void *ctx)
{
	struct storage_threads *t = ctx;
	uint64_t calls, at_ms;
	do {
		calls = bell_calls(&t->writer_bell);
		while ((at_ms = storage_writer_step(t->s)) == 0) {
		}
	} while (bell_wait(&t->writer_bell, calls, ms_until(t->s->options.clock, at_ms)));
	return NULL;
}

static void *run_reader(void *ctx)
{
	struct reader_thread *r = ctx;
	uint64_t calls;
	do {
		calls = bell_calls(&r->all->reader_bell);
		while (storage_reader_step(r->all->s, r->number)) {
		}
	} while (bell_wait(&r->all->reader_bell, calls, UINT64_MAX));
	return NULL;
}

static void wake_writer(void *ctx)
{
	struct storage_threads *t = ctx;
	bell_ring(&t->writer_bell, false);
}

static void wake_reader(void *ctx)
{
	struct storage_threads *t = ctx;
	bell_ring(&t->reader_bell, false);
}

static int start_all(struct storage_threads *t)
{
	if (pthread_create(&t->writer, NULL, run_writer, t))
		return -1;
	for (; t->reader_count < t->s->options.readers; t->reader_count++) {
		struct reader_thread *r = &t->readers[t->reader_count];
		*r = (struct reader_thread){ .all = t, .number = t->reader_count };
		if (pthread_create(&r->id, NULL, run_reader, r))
			break;
	}
	if (t->reader_count == t->s->options.readers)
		return 0;
	bell_ring(&t->writer_bell, true);
	pthread_join(t->writer, NULL);
	return -1;
}

static void threads_free(struct storage_threads *t)
{
	bell_fini(&t->writer_bell);
	bell_fini(&t->reader_bell);
	mem_free(t->readers);
	mem_free(t);
}

static void join_readers(struct storage_threads *t)
{
	bell_ring(&t->reader_bell, true);
	for (unsigned i = 0; i < t->reader_count; i++)
		pthread_join(t->readers[i].id, NULL);
}

struct storage_threads *storage_threads_start(struct storage *s)
{
	struct storage_threads *t = mem_zalloc(sizeof(*t));
	t->s = s;
	t->readers = mem_zalloc_array(s->options.readers, sizeof(t->readers[0]));
	bell_init(&t->writer_bell);
	bell_init(&t->reader_bell);
	s->wake_writer = wake_writer;
	s->wake_reader = wake_reader;
	s->wake_ctx = t;
	/* New threads inherit the mask: signals are for the main thread. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = start_all(t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return t;
	join_readers(t);
	s->wake_writer = s->wake_reader = NULL;
	threads_free(t);
	return NULL;
}

void storage_threads_stop(struct storage_threads **pointer)
{
	struct storage_threads *t = *pointer;
	*pointer = NULL;
	if (!t)
		return;
	bell_ring(&t->writer_bell, true);
	pthread_join(t->writer, NULL);
	join_readers(t);
	t->s->wake_writer = t->s->wake_reader = NULL;
	threads_free(t);
}
