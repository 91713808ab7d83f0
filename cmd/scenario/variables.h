/* The variables of a run, {=name}. Bound once; a match that fails takes back what it has bound. */
#ifndef LINNET_SCENARIO_VARIABLES_H
#define LINNET_SCENARIO_VARIABLES_H

#include "lib/base/arena.h"
#include "lib/base/str.h"

#include <stddef.h>

struct variable {
	struct str name, value;
};

struct variables {
	struct variable *list;
	size_t count, cap;
};

void variables_init(struct variables *v);
void variables_fini(struct variables *v);

/* NULL if it has no value. */
const struct str *variables_find(const struct variables *v, struct str name);
/* Both slices are borrowed. */
void variables_bind(struct variables *v, struct str name, struct str value);

/* Takes back all bindings but the first `count`. */
void variables_roll_back(struct variables *v, size_t count);
/* Copies the values of all but the first `count` into `a`. */
void variables_keep(struct variables *v, size_t count, struct arena *a);

/* Gives a variable its first or another value, which is copied. Not while something is being matched. */
void variables_set(struct variables *v, struct str name, struct str value, struct arena *a);

#endif
