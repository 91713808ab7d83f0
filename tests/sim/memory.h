/* Memory of what is simulated around the server. It is not the server's: where allocations of the server are made to
 * fail (tests/sim/faults), these are not among them. */
#ifndef LINNET_TESTS_SIM_MEMORY_H
#define LINNET_TESTS_SIM_MEMORY_H

#include "lib/base/fault.h"

#include <stddef.h>
#include <stdlib.h>

static inline void *sim_resize(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	assert_always(p);
	return p;
}

static inline void *sim_alloc(size_t n)
{
	return sim_resize(NULL, n);
}

static inline void *sim_zalloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	assert_always(p);
	return p;
}

#endif
