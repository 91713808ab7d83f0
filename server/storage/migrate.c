/* Migrations: each script of each feature runs once, in order, in one transaction with the row that says so. So a
 * half-applied one cannot exist, and a crash between two is continued by the next start.
 *
 * A number in the table that this program does not know means that a newer one wrote the tables. A feature that it does
 * not know is left alone: it was switched off. */
#include "server/storage/internal.h"

#include "lib/base/fault.h"

#include <inttypes.h>
#include <stdio.h>

static const char create_table[] = "CREATE TABLE IF NOT EXISTS migrations ("
				   "feature TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (feature, number)"
				   ") STRICT, WITHOUT ROWID";

static const struct statement last_st = { "SELECT max(number) FROM migrations WHERE feature = ?1" };
static const struct statement done_st = { "INSERT INTO migrations (feature, number) VALUES (?1, ?2)" };

static int in_transaction(struct connection *c, int error)
{
	const struct backend *backend = c->backend;
	if (!error)
		return backend->commit(c);
	if (error != -STORAGE_FATAL && backend->rollback(c))
		return -STORAGE_FATAL;
	return error;
}

static int make_table(struct connection *c)
{
	int error = c->backend->begin(c);
	if (!error)
		error = in_transaction(c, c->backend->script(c, create_table));
	return error;
}

static int last_number(struct connection *c, const char *feature, int64_t *number_r)
{
	struct query *q = query_new(&last_st, VALUES(value_text(str_from_c(feature))), 1);
	int error = c->backend->query(c, q);
	const struct value *row = error ? NULL : query_row(q, 0);
	*number_r = row && row[0].kind == VALUE_INT ? row[0].i : 0;
	query_free(&q);
	return error;
}

static int apply(struct connection *c, const struct migration *m)
{
	const struct value done[] = { value_text(str_from_c(m->feature)), value_int(m->number) };
	uint64_t changes;
	int error = c->backend->begin(c);
	if (error)
		return error;
	error = c->backend->script(c, m->sql);
	if (!error)
		error = c->backend->run(c, &done_st, done, ARRAY_LEN(done), &changes);
	return in_transaction(c, error);
}

static unsigned known_number(const struct migration *migrations, const char *feature)
{
	unsigned number = 0;
	for (const struct migration *m = migrations; m->feature; m++) {
		if (strcmp(m->feature, feature) != 0)
			continue;
		assert_always(m->number == number + 1);
		number = m->number;
	}
	return number;
}

static int refuse_newer(struct connection *c, const struct migration *migrations, const struct migration *m, char *why,
	size_t why_bytes)
{
	int64_t last;
	unsigned known = known_number(migrations, m->feature);
	int error = last_number(c, m->feature, &last);
	if (error) {
		snprintf(why, why_bytes, "cannot read what migrations were done: %s", c->backend->why(c));
		return error;
	}
	if (last <= known)
		return 0;
	snprintf(why, why_bytes,
		"the database was made by a newer version of Linnet (%s %" PRId64 ", this one knows %u)", m->feature,
		last, known);
	return -STORAGE_UNIT;
}

static int apply_if_due(struct connection *c, const struct migration *m, char *why, size_t why_bytes)
{
	int64_t last;
	int error = last_number(c, m->feature, &last);
	if (!error && last < m->number)
		error = apply(c, m);
	if (error)
		snprintf(why, why_bytes, "migration %s-%u: %s", m->feature, m->number, c->backend->why(c));
	return error;
}

int migrate(struct connection *c, const struct migration *migrations, char *why, size_t why_bytes)
{
	int error = make_table(c);
	if (error) {
		snprintf(why, why_bytes, "cannot migrate the database: %s", c->backend->why(c));
		return error;
	}
	for (const struct migration *m = migrations; m->feature && !error; m++)
		error = refuse_newer(c, migrations, m, why, why_bytes);
	for (const struct migration *m = migrations; m->feature && !error; m++)
		error = apply_if_due(c, m, why, why_bytes);
	return error;
}
