/* The statements of the log and of its cursors. */
#include "server/storage/log.h"

#include "lib/base/fault.h"

/* As the statements below spell it. */
_Static_assert(LOG_ARCHIVED == 1, "see delete_queued_st");

static const struct statement append_st = {
	"INSERT INTO log (owner, n, peer, id, flags, stamp, stanza) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	" ON CONFLICT (owner, id) DO NOTHING",
};
static const struct statement delete_queued_st = {
	"DELETE FROM log WHERE owner = ?1 AND n > ?2 AND n <= ?3 AND flags & 1 = 0",
};
static const struct statement set_cursor_st = {
	"INSERT INTO cursors (owner, name, n) VALUES (?1, ?2, ?3)"
	" ON CONFLICT (owner, name) DO UPDATE SET n = excluded.n WHERE excluded.n > cursors.n",
};
static const struct statement remove_cursor_st = { "DELETE FROM cursors WHERE owner = ?1 AND name = ?2" };
static const struct statement remove_log_st = { "DELETE FROM log WHERE owner = ?1" };
static const struct statement remove_cursors_st = { "DELETE FROM cursors WHERE owner = ?1" };

static const struct statement read_st = {
	"SELECT n, peer, id, flags, stamp, stanza FROM log WHERE owner = ?1 AND n > ?2 ORDER BY n LIMIT ?3",
};
/* A cursor can be ahead of every row: those before it were deleted. */
static const struct statement last_st = {
	"SELECT max(n) FROM (SELECT max(n) AS n FROM log WHERE owner = ?1"
	" UNION ALL SELECT max(n) FROM cursors WHERE owner = ?1) AS numbers",
};
static const struct statement get_cursor_st = { "SELECT n FROM cursors WHERE owner = ?1 AND name = ?2" };
static const struct statement list_cursors_st = {
	"SELECT name, n FROM cursors WHERE owner = ?1 AND name <> '' ORDER BY name LIMIT ?2",
};

void log_append(struct unit *u, const struct log_row *row)
{
	assert_always(row->n > 0);
	UNIT_ADD_ONCE(u, &append_st, value_text(row->owner), value_int(row->n), value_text(row->peer),
		value_text(row->id), value_int(row->flags), value_int(row->stamp_ms), value_blob(row->stanza));
}

static void move_cursor(struct unit *u, struct str owner, struct str name, int64_t n)
{
	UNIT_ADD(u, &set_cursor_st, value_text(owner), value_text(name), value_int(n));
}

void log_delete_queued(struct unit *u, struct str owner, int64_t after, int64_t up_to)
{
	UNIT_ADD(u, &delete_queued_st, value_text(owner), value_int(after), value_int(up_to));
	/* A number given twice would fall behind the cursors and never be delivered. */
	move_cursor(u, owner, STR(""), up_to);
}

void cursor_set(struct unit *u, struct str owner, struct str name, int64_t n)
{
	assert_always(!str_is_empty(name));
	move_cursor(u, owner, name, n);
}

void cursor_remove(struct unit *u, struct str owner, struct str name)
{
	assert_always(!str_is_empty(name));
	UNIT_ADD(u, &remove_cursor_st, value_text(owner), value_text(name));
}

void log_remove_owner(struct unit *u, struct str owner)
{
	UNIT_ADD(u, &remove_log_st, value_text(owner));
	UNIT_ADD(u, &remove_cursors_st, value_text(owner));
}

/* One row more than wanted tells whether there are others. */
static struct value limit_value(size_t limit)
{
	return value_int((int64_t)limit + 1);
}

struct query *log_read_after(struct str owner, int64_t after, size_t limit)
{
	return query_new(&read_st, VALUES(value_text(owner), value_int(after), limit_value(limit)), limit);
}

bool log_read_row(const struct query *q, size_t r, struct log_row *row_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 6 || v[0].kind != VALUE_INT || v[1].kind != VALUE_TEXT || v[2].kind != VALUE_TEXT ||
		v[3].kind != VALUE_INT || v[4].kind != VALUE_INT || v[5].kind != VALUE_BLOB)
		return false;
	*row_r = (struct log_row){
		.n = v[0].i,
		.peer = v[1].s,
		.id = v[2].s,
		.flags = (unsigned)v[3].i,
		.stamp_ms = v[4].i,
		.stanza = v[5].s,
	};
	return true;
}

/* The answer is one number, or none, which counts as 0. */
static bool read_number(const struct query *q, int64_t *n_r)
{
	const struct value *v = query_row(q, 0);
	if (q->error || (v && v->kind != VALUE_INT && v->kind != VALUE_NULL))
		return false;
	*n_r = v && v->kind == VALUE_INT ? v->i : 0;
	return true;
}

struct query *log_last(struct str owner)
{
	return query_new(&last_st, VALUES(value_text(owner)), 1);
}

bool log_last_read(const struct query *q, int64_t *n_r)
{
	return read_number(q, n_r);
}

struct query *cursor_get(struct str owner, struct str name)
{
	return query_new(&get_cursor_st, VALUES(value_text(owner), value_text(name)), 1);
}

bool cursor_get_read(const struct query *q, int64_t *n_r)
{
	return read_number(q, n_r);
}

struct query *cursor_list(struct str owner, size_t limit)
{
	return query_new(&list_cursors_st, VALUES(value_text(owner), limit_value(limit)), limit);
}

bool cursor_list_row(const struct query *q, size_t r, struct str *name_r, int64_t *n_r)
{
	const struct value *v = query_row(q, r);
	if (!v || q->columns != 2 || v[0].kind != VALUE_TEXT || v[1].kind != VALUE_INT)
		return false;
	*name_r = v[0].s;
	*n_r = v[1].i;
	return true;
}
