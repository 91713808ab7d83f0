/* Units, batches and queries as their makers see them: values copied into an arena, nothing else. */
#include "server/storage/internal.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

/* A unit of one message fits its first chunk. */
#define UNIT_FIRST_BYTES 1024
#define QUERY_FIRST_BYTES 512
#define PARAMS_MAX 32
#define ROWS_FIRST 16

static bool is_allowed(const struct value *v)
{
	if (v->kind != VALUE_TEXT && v->kind != VALUE_BLOB)
		return true;
	if (v->s.n > VALUE_BYTES_MAX)
		return false;
	return v->kind == VALUE_BLOB || (utf8_is_valid(v->s) && str_index(v->s, 0) == v->s.n);
}

static bool are_allowed(const struct value *params, size_t count)
{
	assert_always(count <= PARAMS_MAX);
	for (size_t i = 0; i < count; i++)
		if (!is_allowed(&params[i]))
			return false;
	return true;
}

static size_t bytes_of(const struct value *params, size_t count)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += sizeof(params[i]) + params[i].s.n + 1;
	return bytes;
}

static void copy_values(struct arena *a, struct value *to, const struct value *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		to[i] = from[i];
		if (from[i].kind == VALUE_TEXT || from[i].kind == VALUE_BLOB)
			to[i].s = arena_dup(a, from[i].s);
	}
}

struct unit *unit_new(void)
{
	/* The arena's chunks grow by doubling: what it holds may pass the limit that add() keeps by one of them. */
	struct arena *a = arena_new(UNIT_FIRST_BYTES, 4 * UNIT_BYTES_MAX);
	struct unit *u = arena_zalloc(a, sizeof(*u));
	list_init(&u->link);
	u->arena = a;
	return u;
}

void unit_free(struct unit **pointer)
{
	struct unit *u = *pointer;
	*pointer = NULL;
	if (!u)
		return;
	struct arena *a = u->arena;
	list_remove(&u->link);
	arena_free(&a);
}

static void add(
	struct unit *u, enum step_kind kind, const struct statement *st, const struct value *params, size_t count)
{
	if (!are_allowed(params, count) || arena_bytes(u->arena) + bytes_of(params, count) > UNIT_BYTES_MAX) {
		u->invalid = true;
		return;
	}
	struct unit_step *step = arena_alloc(u->arena, sizeof(*step) + count * sizeof(step->params[0]));
	*step = (struct unit_step){ .st = st, .kind = kind, .count = count };
	copy_values(u->arena, step->params, params, count);
	if (u->last)
		u->last->next = step;
	else
		u->first = step;
	u->last = step;
}

void unit_add(struct unit *u, const struct statement *st, const struct value *params, size_t count)
{
	add(u, STEP_ANY, st, params, count);
}

void unit_add_once(struct unit *u, const struct statement *st, const struct value *params, size_t count)
{
	add(u, STEP_ONCE, st, params, count);
}

void unit_add_must(struct unit *u, const struct statement *st, const struct value *params, size_t count)
{
	add(u, STEP_MUST, st, params, count);
}

struct batch *batch_new(void *owner, uint64_t ticket)
{
	struct batch *b = mem_alloc(sizeof(*b));
	*b = (struct batch){ .owner = owner, .ticket = ticket };
	list_init(&b->link);
	list_init(&b->units);
	return b;
}

void batch_free(struct batch **pointer)
{
	struct batch *b = *pointer;
	*pointer = NULL;
	if (!b)
		return;
	LIST_FOR_EACH_SAFE(link, &b->units)
	{
		struct unit *u = CONTAINER_OF(link, struct unit, link);
		unit_free(&u);
	}
	list_remove(&b->link);
	mem_free(b);
}

struct query *query_new(const struct statement *st, const struct value *params, size_t count, size_t rows_max)
{
	/* No limit of its own: the back-end stops at QUERY_BYTES_MAX and a row, and no row is longer than a unit. */
	struct arena *a = arena_new(QUERY_FIRST_BYTES, SIZE_MAX / 2);
	struct query *q = arena_zalloc(a, sizeof(*q));
	list_init(&q->link);
	q->arena = a;
	q->st = st;
	q->rows_max = rows_max;
	q->invalid = !are_allowed(params, count);
	if (q->invalid)
		return q;
	q->params = arena_alloc(a, count * sizeof(q->params[0]));
	q->param_count = count;
	copy_values(a, q->params, params, count);
	return q;
}

void query_free(struct query **pointer)
{
	struct query *q = *pointer;
	*pointer = NULL;
	if (!q)
		return;
	struct arena *a = q->arena;
	list_remove(&q->link);
	arena_free(&a);
}

const struct value *query_row(const struct query *q, size_t r)
{
	return r < q->rows ? q->values + r * q->columns : NULL;
}

struct value *query_add_row(struct query *q)
{
	if (q->rows == q->row_room) {
		size_t room = q->row_room ? 2 * q->row_room : q->rows_max < ROWS_FIRST ? q->rows_max : ROWS_FIRST;
		struct value *values = arena_alloc(q->arena, room * q->columns * sizeof(*values));
		if (q->rows)
			memcpy(values, q->values, q->rows * q->columns * sizeof(*values));
		q->values = values;
		q->row_room = room;
	}
	return q->values + q->rows++ * q->columns;
}
