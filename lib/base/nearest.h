/* "Did you mean": the nearest of some names to one that was mistyped: two slips away at most, or one begins with the other. */
#ifndef LINNET_NEAREST_H
#define LINNET_NEAREST_H

#include "lib/base/str.h"

#include <stddef.h>

struct nearest {
	struct str wrong;
	struct str best; /* empty: none is near */
	size_t slips; /* to `best` */
};

static inline struct nearest nearest_to(struct str wrong)
{
	return (struct nearest){ .wrong = wrong };
}

/* `name` is borrowed as long as `n` is used. Of equally near ones the first counts. */
void nearest_consider(struct nearest *n, struct str name);

#endif
