/* The writer: takes the batches that have gathered, commits them as one transaction, hands them back in order.
 *
 *          submit                    0                 next step
 *     idle ──────▶ take a group ─▶ commit ─▶ hand back ─────────▶ idle
 *                                    │ unit error: again, each unit in a savepoint of its own
 *                                    │ wait error: keep the group; the step after `retry_at` commits it again
 *                                    └ fatal error: storage_fail(); the group stays, nothing is handed back any more
 *
 * While a transaction is written and flushed the next group gathers; that is the whole of group commit: the slower the
 * disk, the larger the groups. */
#include "server/storage/internal.h"

/* A transaction ends with the batch that reaches this; it bounds how long the first unit waits for the last. */
#define GROUP_UNITS_MAX 256
#define RETRY_FIRST_MS 10
#define RETRY_MAX_MS 500

void storage_submit(struct storage *s, struct batch *b)
{
	uint64_t units = 0;
	LIST_FOR_EACH(link, &b->units)
	units++;
	s->uncommitted += units;
	pthread_mutex_lock(&s->queue_lock);
	list_add_last(&s->batches, &b->link);
	pthread_mutex_unlock(&s->queue_lock);
	if (s->wake_writer)
		s->wake_writer(s->wake_ctx);
}

static uint64_t count_units(const struct batch *b)
{
	uint64_t n = 0;
	LIST_FOR_EACH(link, &b->units)
	n++;
	return n;
}

static void take_group(struct storage *s)
{
	uint64_t units = 0;
	struct list *link;
	pthread_mutex_lock(&s->queue_lock);
	while (units < GROUP_UNITS_MAX && (link = list_take_first(&s->batches))) {
		list_add_last(&s->taken, link);
		units += count_units(CONTAINER_OF(link, struct batch, link));
	}
	pthread_mutex_unlock(&s->queue_lock);
}

static int run_unit(struct storage *s, struct unit *u)
{
	u->error = 0;
	u->repeated = false;
	if (u->invalid)
		return -STORAGE_UNIT;
	for (const struct unit_step *step = u->first; step; step = step->next) {
		uint64_t changes = 0;
		int error = s->backend->run(s->writer, step->st, step->params, step->count, &changes);
		if (error)
			return error;
		if (changes || step->kind == STEP_ANY)
			continue;
		if (step->kind == STEP_MUST)
			return -STORAGE_UNIT;
		u->repeated = true;
		break;
	}
	return 0;
}

/* Runs one unit so that its failure leaves no trace. */
static int run_apart(struct storage *s, struct unit *u)
{
	int error = s->backend->savepoint(s->writer);
	if (error)
		return error;
	error = run_unit(s, u);
	if (error == -STORAGE_UNIT) {
		u->error = -STORAGE_UNIT;
		u->repeated = false;
		return s->backend->rollback_to(s->writer);
	}
	return error ? error : s->backend->release(s->writer);
}

static int run_all(struct storage *s, struct list *batches, int (*run)(struct storage *, struct unit *))
{
	LIST_FOR_EACH(batch_link, batches)
	{
		struct batch *b = CONTAINER_OF(batch_link, struct batch, link);
		LIST_FOR_EACH(link, &b->units)
		{
			int error = run(s, CONTAINER_OF(link, struct unit, link));
			if (error)
				return error;
		}
	}
	return 0;
}

static int transact(struct storage *s, struct list *batches, int (*run)(struct storage *, struct unit *))
{
	int error = s->backend->begin(s->writer);
	if (!error)
		error = run_all(s, batches, run);
	if (!error)
		error = s->backend->commit(s->writer);
	if (error && error != -STORAGE_FATAL && s->backend->rollback(s->writer))
		return -STORAGE_FATAL;
	return error;
}

int writer_commit(struct storage *s, struct list *batches)
{
	int error = transact(s, batches, run_unit);
	if (error == -STORAGE_UNIT)
		error = transact(s, batches, run_apart);
	/* What is no unit's fault has been asked of the database wrongly. */
	return error == -STORAGE_UNIT ? -STORAGE_FATAL : error;
}

static void refuse(struct batch *b)
{
	LIST_FOR_EACH(link, &b->units)
	CONTAINER_OF(link, struct unit, link)->error = -STORAGE_UNIT;
}

static void hand_back(struct storage *s)
{
	struct list *link;
	pthread_mutex_lock(&s->release_lock);
	while (!s->failed && (link = list_take_first(&s->taken))) {
		struct batch *b = CONTAINER_OF(link, struct batch, link);
		s->uncommitted -= count_units(b);
		s->options.on_batch(b);
	}
	pthread_mutex_unlock(&s->release_lock);
}

static void note_commit(struct storage *s)
{
	if (s->waiting)
		log_info(s->options.log, "storage writes again");
	s->waiting = false;
	s->retry_ms = 0;
	if (s->progressed)
		return;
	s->progressed = true;
	if (s->folder.fd >= 0)
		folder_clear_failures(&s->folder);
}

static uint64_t note_wait(struct storage *s)
{
	if (!s->waiting)
		log_warn(s->options.log, "storage waits: %s", s->backend->why(s->writer));
	s->waiting = true;
	s->retry_ms = s->retry_ms ? 2 * s->retry_ms : RETRY_FIRST_MS;
	if (s->retry_ms > RETRY_MAX_MS)
		s->retry_ms = RETRY_MAX_MS;
	s->retry_at_ms = clock_mono_ms(s->options.clock) + s->retry_ms;
	return s->retry_at_ms;
}

static uint64_t commit_group(struct storage *s)
{
	int error = writer_commit(s, &s->taken);
	if (error == -STORAGE_WAIT)
		return note_wait(s);
	if (error) {
		storage_fail(s, s->backend->why(s->writer));
		return UINT64_MAX;
	}
	note_commit(s);
	hand_back(s);
	/* A reader may have failed meanwhile: then this connection is not touched any more either. */
	if (!s->failed && s->backend->tidy(s->writer, false))
		storage_fail(s, s->backend->why(s->writer));
	return 0;
}

static uint64_t refuse_group(struct storage *s)
{
	LIST_FOR_EACH(link, &s->taken)
	refuse(CONTAINER_OF(link, struct batch, link));
	hand_back(s);
	return 0;
}

static uint64_t rest(struct storage *s)
{
	if (s->writer && s->backend->tidy(s->writer, true))
		storage_fail(s, s->backend->why(s->writer));
	return UINT64_MAX;
}

uint64_t storage_writer_step(struct storage *s)
{
	if (s->failed)
		return UINT64_MAX;
	if (s->waiting && clock_mono_ms(s->options.clock) < s->retry_at_ms)
		return s->retry_at_ms;
	if (list_is_empty(&s->taken))
		take_group(s);
	if (list_is_empty(&s->taken))
		return rest(s);
	return s->read_only ? refuse_group(s) : commit_group(s);
}

int storage_commit_now(struct storage *s, struct unit *u)
{
	if (s->failed)
		return -STORAGE_FATAL;
	if (s->read_only)
		return u->error = -STORAGE_UNIT;
	struct batch b;
	struct list batches;
	list_init(&batches);
	list_init(&b.units);
	list_add_last(&batches, &b.link);
	list_add_last(&b.units, &u->link);
	int error = writer_commit(s, &batches);
	list_remove(&u->link);
	if (error == -STORAGE_FATAL)
		storage_fail(s, s->backend->why(s->writer));
	else if (!error)
		note_commit(s);
	return error ? error : u->error;
}
