/* A list that grows at the end, since what is bound last is taken back first. */
#include "cmd/scenario/variables.h"

#include "lib/base/mem.h"

void variables_init(struct variables *v)
{
	*v = (struct variables){ 0 };
}

void variables_fini(struct variables *v)
{
	mem_free(v->list);
	variables_init(v);
}

static struct variable *find(const struct variables *v, struct str name)
{
	for (size_t i = 0; i < v->count; i++)
		if (str_eq(v->list[i].name, name))
			return &v->list[i];
	return NULL;
}

const struct str *variables_find(const struct variables *v, struct str name)
{
	const struct variable *found = find(v, name);
	return found ? &found->value : NULL;
}

void variables_bind(struct variables *v, struct str name, struct str value)
{
	if (v->count == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 16;
		v->list = mem_resize(v->list, v->cap * sizeof(*v->list));
	}
	v->list[v->count++] = (struct variable){ name, value };
}

void variables_roll_back(struct variables *v, size_t count)
{
	v->count = count;
}

void variables_keep(struct variables *v, size_t count, struct arena *a)
{
	for (size_t i = count; i < v->count; i++)
		v->list[i].value = arena_dup(a, v->list[i].value);
}

void variables_set(struct variables *v, struct str name, struct str value, struct arena *a)
{
	struct variable *found = find(v, name);
	if (found)
		found->value = arena_dup(a, value);
	else
		variables_bind(v, arena_dup(a, name), arena_dup(a, value));
}
