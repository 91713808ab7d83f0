/* The statements of the outbox and of what was seen of others' outboxes. */
#include "server/storage/outbox.h"

#include "lib/base/fault.h"

static const struct statement add_st = {
	"INSERT INTO outbox (owner, n, target, kind, payload, basis) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};
static const struct statement remove_st = { "DELETE FROM outbox WHERE owner = ?1 AND n = ?2" };
/* Touches no row if the number, or a higher one, is there already. */
static const struct statement raise_st = {
	"INSERT INTO seen (owner, origin, n) VALUES (?1, ?2, ?3)"
	" ON CONFLICT (owner, origin) DO UPDATE SET n = excluded.n WHERE excluded.n > seen.n",
};
static const struct statement read_st = {
	"SELECT n, target, kind, payload, basis FROM outbox WHERE owner = ?1 AND n > ?2 ORDER BY n LIMIT ?3",
};
static const struct statement last_st = { "SELECT n FROM seen WHERE owner = ?1 AND origin = ''" };
static const struct statement owners_st = {
	"SELECT DISTINCT owner FROM outbox WHERE owner > ?1 ORDER BY owner LIMIT ?2",
};

void outbox_row_add(struct unit *u, const struct outbox_row *row)
{
	assert_always(row->n > 0);
	/* A number given twice would be taken for a repetition: then the unit had better fail. */
	UNIT_ADD_MUST(u, &raise_st, value_text(row->owner), value_text(STR("")), value_int(row->n));
	UNIT_ADD(u, &add_st, value_text(row->owner), value_int(row->n), value_text(row->target), value_int(row->kind),
		value_blob(row->payload), value_int(row->basis));
}

void outbox_row_remove(struct unit *u, struct str owner, int64_t n)
{
	UNIT_ADD(u, &remove_st, value_text(owner), value_int(n));
}

void outbox_apply_once(struct unit *u, struct str owner, struct str origin, int64_t n)
{
	assert_always(!str_is_empty(origin));
	UNIT_ADD_ONCE(u, &raise_st, value_text(owner), value_text(origin), value_int(n));
}

/* One row more than wanted tells whether there are others. */
static struct value limit_value(size_t limit)
{
	return value_int((int64_t)limit + 1);
}

struct query *outbox_read(struct str owner, int64_t after, size_t limit)
{
	return query_new(&read_st, VALUES(value_text(owner), value_int(after), limit_value(limit)), limit);
}

bool outbox_read_row(const struct query *q, size_t r, struct outbox_row *row_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 5 || v[0].kind != VALUE_INT || v[1].kind != VALUE_TEXT || v[2].kind != VALUE_INT ||
		v[3].kind != VALUE_BLOB || v[4].kind != VALUE_INT)
		return false;
	*row_r = (struct outbox_row){ .n = v[0].i, .target = v[1].s, .kind = (unsigned)v[2].i, .payload = v[3].s,
		.basis = v[4].i };
	return true;
}

struct query *outbox_last(struct str owner)
{
	return query_new(&last_st, VALUES(value_text(owner)), 1);
}

bool outbox_last_read(const struct query *q, int64_t *n_r)
{
	const struct value *v = query_row(q, 0);
	if (q->error || (v && v->kind != VALUE_INT))
		return false;
	*n_r = v ? v->i : 0;
	return true;
}

struct query *outbox_owners(struct str after, size_t limit)
{
	return query_new(&owners_st, VALUES(value_text(after), limit_value(limit)), limit);
}

bool outbox_owners_row(const struct query *q, size_t r, struct str *owner_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 1 || v[0].kind != VALUE_TEXT)
		return false;
	*owner_r = v[0].s;
	return true;
}
