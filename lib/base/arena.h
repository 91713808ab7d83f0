/* Arenas: memory that belongs to a lifetime and goes in one piece.
 *
 * One owner, one thread at a time; what is inside may be read from any thread once it is no longer changed.
 * Under AddressSanitizer every allocation is an object of its own, so that overruns inside an arena are seen. */
#ifndef LINNET_ARENA_H
#define LINNET_ARENA_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stddef.h>

struct arena;

/* The first `first_bytes` cost one heap allocation, together with the arena itself. Taking more than
 * `max_bytes` in all (the sum of what was asked for, a terminating zero included) is a bug: callers check their
 * limits before they allocate. */
struct arena *arena_new(size_t first_bytes, size_t max_bytes);
void arena_free(struct arena **a);

/* Aligned to 8. Never NULL, also for n = 0. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* Not aligned: for text. */
char *arena_alloc_bytes(struct arena *a, size_t n);

/* A copy, followed by a zero byte that does not count. */
struct str arena_dup(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Heap bytes held, the unused rest of its chunks included. */
size_t arena_bytes(const struct arena *a);

#endif
