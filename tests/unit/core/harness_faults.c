/* SQLite that fails when told so. */
#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/storage/backend.h"

#include <string.h>

struct faulty {
	struct connection base;
	struct connection *real;
	struct faults *faults;
};

static struct faulty *of(struct connection *c)
{
	return CONTAINER_OF(c, struct faulty, base);
}

static int faulty_open(const struct backend_options *options, struct connection **c_r, char *why, size_t why_bytes)
{
	struct backend_options real = *options;
	struct faulty *f = mem_zalloc(sizeof(*f));
	f->base.backend = &faulty_backend;
	f->faults = (struct faults *)options->vfs;
	real.vfs = NULL;
	int error = sqlite_backend.open(&real, &f->real, why, why_bytes);
	if (error)
		mem_free(f);
	*c_r = error ? NULL : &f->base;
	return error;
}

static void faulty_close(struct connection **c, bool clean)
{
	if (*c) {
		sqlite_backend.close(&of(*c)->real, clean);
		mem_free(of(*c));
	}
	*c = NULL;
}

static int faulty_begin(struct connection *c)
{
	return sqlite_backend.begin(of(c)->real);
}

static int faulty_commit(struct connection *c)
{
	return of(c)->faults->commit ? -STORAGE_WAIT : sqlite_backend.commit(of(c)->real);
}

static int faulty_rollback(struct connection *c)
{
	return sqlite_backend.rollback(of(c)->real);
}

static int faulty_savepoint(struct connection *c)
{
	return sqlite_backend.savepoint(of(c)->real);
}

static int faulty_release(struct connection *c)
{
	return sqlite_backend.release(of(c)->real);
}

static int faulty_rollback_to(struct connection *c)
{
	return sqlite_backend.rollback_to(of(c)->real);
}

static bool meets(const struct statement *st, const char *part)
{
	return part && strstr(st->sql, part);
}

static int faulty_run(struct connection *c, const struct statement *st, const struct value *params, size_t count,
	uint64_t *changes_r)
{
	if (meets(st, of(c)->faults->unit))
		return -STORAGE_UNIT;
	return sqlite_backend.run(of(c)->real, st, params, count, changes_r);
}

static int faulty_query(struct connection *c, struct query *q)
{
	of(c)->faults->queries++;
	return meets(q->st, of(c)->faults->query) ? -STORAGE_WAIT : sqlite_backend.query(of(c)->real, q);
}

static int faulty_script(struct connection *c, const char *sql)
{
	return sqlite_backend.script(of(c)->real, sql);
}

static int faulty_tidy(struct connection *c, bool idle)
{
	return sqlite_backend.tidy(of(c)->real, idle);
}

static const char *faulty_why(const struct connection *c)
{
	(void)c;
	return "told to fail";
}

const struct backend faulty_backend = {
	.name = "faulty",
	.open = faulty_open,
	.close = faulty_close,
	.begin = faulty_begin,
	.commit = faulty_commit,
	.rollback = faulty_rollback,
	.savepoint = faulty_savepoint,
	.release = faulty_release,
	.rollback_to = faulty_rollback_to,
	.run = faulty_run,
	.query = faulty_query,
	.script = faulty_script,
	.tidy = faulty_tidy,
	.why = faulty_why,
};
