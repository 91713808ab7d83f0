/* The readers: each answers one query after the other on a connection of its own, from what was committed before. */
#include "server/storage/internal.h"

#include "lib/base/fault.h"

void storage_query(struct storage *s, struct query *q)
{
	pthread_mutex_lock(&s->queue_lock);
	list_add_last(&s->queries, &q->link);
	pthread_mutex_unlock(&s->queue_lock);
	if (s->wake_reader)
		s->wake_reader(s->wake_ctx);
}

static struct query *take_query(struct storage *s)
{
	pthread_mutex_lock(&s->queue_lock);
	struct list *link = list_take_first(&s->queries);
	pthread_mutex_unlock(&s->queue_lock);
	return link ? CONTAINER_OF(link, struct query, link) : NULL;
}

/* For storage_close to free. */
static void keep(struct storage *s, struct query *q)
{
	pthread_mutex_lock(&s->queue_lock);
	list_add_first(&s->queries, &q->link);
	pthread_mutex_unlock(&s->queue_lock);
}

static int answer(struct storage *s, unsigned reader, struct query *q)
{
	q->error = q->invalid ? -STORAGE_UNIT : s->backend->query(s->readers[reader], q);
	if (q->error == -STORAGE_FATAL)
		storage_fail(s, s->backend->why(s->readers[reader]));
	else if (q->error && !q->invalid)
		log_warn(s->options.log, "query failed: %s", s->backend->why(s->readers[reader]));
	return q->error;
}

bool storage_reader_step(struct storage *s, unsigned reader)
{
	assert_always(reader < s->options.readers);
	struct query *q = s->failed ? NULL : take_query(s);
	if (!q)
		return false;
	bool answered = answer(s, reader, q) != -STORAGE_FATAL;
	pthread_mutex_lock(&s->release_lock);
	answered = answered && !s->failed;
	if (answered)
		s->options.on_query(q);
	pthread_mutex_unlock(&s->release_lock);
	if (!answered)
		keep(s, q);
	return answered;
}

int storage_query_now(struct storage *s, struct query *q)
{
	return s->failed ? -STORAGE_FATAL : answer(s, 0, q);
}
