/* Slabs: many objects of one size, named by 32-bit handles that notice when their object is gone.
 *
 * A handle is 22 bits of slot and 10 bits of generation, which is not 0: numbers up to SLAB_OBJECTS_MAX are no handles.
 * Freed slots are used again, before any new one, in the order in which they were freed; a stale handle meets its own
 * generation again only after 1,023 lives of its slot. Pages (about 64 KiB) are kept until the end. One thread. */
#ifndef LINNET_SLAB_H
#define LINNET_SLAB_H

#include "lib/base/macros.h"

#include <stddef.h>
#include <stdint.h>

#define SLAB_OBJECTS_MAX ((1u << 22) - 1)

typedef uint32_t slab_handle;

struct slab {
	char **pages;
	uint32_t page_count;
	uint32_t page_bits; /* a page has 1 << page_bits slots */
	uint32_t object_bytes;
	uint32_t max_objects;
	uint32_t count; /* live objects */
	uint32_t used; /* slots ever handed out */
	uint32_t free_first, free_last; /* slot + 1; 0 is none */
};

/* At most SLAB_OBJECTS_MAX objects. Each costs four bytes beside its own, rounded up to a multiple of 8. */
void slab_init(struct slab *s, size_t object_bytes, uint32_t max_objects);
/* All objects must have been freed, or need no end of their own. */
void slab_fini(struct slab *s);

/* A zeroed object, aligned to 8, at *object_r. 0, and NULL there, when max_objects are alive. */
CHECK slab_handle slab_alloc(struct slab *s, void **object_r);
/* NULL for 0 and for a handle whose object has been freed. The object does not move until then. */
void *slab_get(const struct slab *s, slab_handle h);
/* The handle must be alive. */
void slab_free(struct slab *s, slab_handle h);

/* Walks the live objects: 0 begins, 0 ends. Freeing the current one is fine. */
slab_handle slab_next(const struct slab *s, slab_handle h);

#endif
