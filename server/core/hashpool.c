/* A bounded queue of PBKDF2 jobs. */
#include "server/core/hashpool.h"

#include "lib/base/list.h"
#include "lib/base/mem.h"
#include "server/core/worker.h"

#include <pthread.h>

#define JOBS_MAX 1024

struct hashpool {
	pthread_mutex_t lock;
	struct list jobs;
	unsigned count;
	void (*wake)(void *ctx);
	void *ctx;
};

struct job {
	struct list link;
	struct post post;
	struct worker *worker;
	slab_handle handle;
	hashpool_done *on_done;
	bool refused;
	enum digest digest;
	uint32_t iterations;
	unsigned char salted[DIGEST_BYTES_MAX];
	size_t salt_n, password_n;
	char bytes[]; /* salt, password */
};

struct hashpool *hashpool_new(void (*wake)(void *ctx), void *ctx)
{
	struct hashpool *p = mem_zalloc(sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	list_init(&p->jobs);
	p->wake = wake;
	p->ctx = ctx;
	return p;
}

static void job_free(struct job *j)
{
	secret_wipe(j, sizeof(*j) + j->salt_n + j->password_n);
	mem_free(j);
}

void hashpool_free(struct hashpool **pointer)
{
	struct hashpool *p = *pointer;
	*pointer = NULL;
	if (!p)
		return;
	for (struct list *l; (l = list_take_first(&p->jobs));)
		job_free(CONTAINER_OF(l, struct job, link));
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

static void job_run(struct worker *w, struct post *post)
{
	struct job *j = CONTAINER_OF(post, struct job, post);
	j->on_done(w, j->handle, j->refused ? NULL : j->salted);
	job_free(j);
}

static void job_drop(struct worker *w, struct post *post)
{
	(void)w;
	job_free(CONTAINER_OF(post, struct job, post));
}

void hashpool_submit(struct hashpool *p, struct worker *w, slab_handle handle, enum digest d, struct str password,
	struct str salt, uint32_t iterations, hashpool_done *on_done)
{
	struct job *j = mem_zalloc(sizeof(*j) + salt.n + password.n);
	j->post.run = job_run;
	j->post.drop = job_drop;
	j->worker = w;
	j->handle = handle;
	j->on_done = on_done;
	j->digest = d;
	j->iterations = iterations;
	j->salt_n = salt.n;
	j->password_n = password.n;
	memcpy(j->bytes, salt.p, salt.n);
	memcpy(j->bytes + salt.n, password.p, password.n);
	pthread_mutex_lock(&p->lock);
	j->refused = p->count >= JOBS_MAX;
	if (!j->refused) {
		list_add_last(&p->jobs, &j->link);
		p->count++;
	}
	pthread_mutex_unlock(&p->lock);
	if (j->refused)
		worker_post(w, w->index, &j->post);
	else if (p->wake)
		p->wake(p->ctx);
}

bool hashpool_step(struct hashpool *p)
{
	pthread_mutex_lock(&p->lock);
	struct list *l = list_take_first(&p->jobs);
	if (l)
		p->count--;
	pthread_mutex_unlock(&p->lock);
	if (!l)
		return false;
	struct job *j = CONTAINER_OF(l, struct job, link);
	digest_pbkdf2(j->digest, str_make(j->bytes + j->salt_n, j->password_n), str_make(j->bytes, j->salt_n),
		j->iterations, j->salted);
	worker_post_from_outside(j->worker, &j->post);
	return true;
}
