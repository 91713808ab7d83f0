/* A bump allocator over a chain of chunks, each at least twice as large as the one before. */
#include "lib/base/arena.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* Every allocation is a chunk of its own. */
#define EACH_ITS_OWN UNDER_ASAN

#define ALIGNMENT 8
#define CHUNK_BYTES_MIN 512

struct chunk {
	struct chunk *next;
};

struct arena {
	char *at, *end; /* the free rest of the newest chunk */
	struct chunk *chunks; /* newest first; the first one of all is part of this allocation and not listed */
	size_t held; /* heap bytes */
	size_t left; /* of the bytes that may be taken */
	size_t next_chunk;
};

_Static_assert(sizeof(struct arena) % ALIGNMENT == 0 && sizeof(struct chunk) % ALIGNMENT == 0,
	"what follows them is aligned");

static size_t round_up(size_t n)
{
	return (n + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
}

struct arena *arena_new(size_t first_bytes, size_t max_bytes)
{
	size_t first = EACH_ITS_OWN ? 0 : round_up(first_bytes);
	struct arena *a = mem_alloc(sizeof(*a) + first);
	a->at = (char *)(a + 1);
	a->end = a->at + first;
	a->chunks = NULL;
	a->held = sizeof(*a) + first;
	a->left = max_bytes;
	a->next_chunk = first < CHUNK_BYTES_MIN / 2 ? CHUNK_BYTES_MIN : 2 * first;
	return a;
}

void arena_free(struct arena **pointer)
{
	struct arena *a = *pointer;
	*pointer = NULL;
	if (!a)
		return;
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		mem_free(c);
	}
	mem_free(a);
}

static void add_chunk(struct arena *a, size_t n)
{
	size_t bytes = n;
	if (!EACH_ITS_OWN) {
		if (bytes < a->next_chunk)
			bytes = a->next_chunk;
		a->next_chunk = 2 * bytes;
	}
	struct chunk *c = mem_alloc(sizeof(*c) + bytes);
	c->next = a->chunks;
	a->chunks = c;
	a->held += sizeof(*c) + bytes;
	a->at = (char *)(c + 1);
	a->end = a->at + bytes;
}

static void count(struct arena *a, size_t n)
{
	assert_always(n <= a->left);
	a->left -= n;
}

char *arena_alloc_bytes(struct arena *a, size_t n)
{
	count(a, n);
	if (EACH_ITS_OWN || UNLIKELY((size_t)(a->end - a->at) < n))
		add_chunk(a, n);
	char *p = a->at;
	a->at += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	count(a, n);
	size_t pad = EACH_ITS_OWN ? 0 : (size_t)(-(uintptr_t)a->at & (ALIGNMENT - 1));
	if (EACH_ITS_OWN || UNLIKELY((size_t)(a->end - a->at) < pad || (size_t)(a->end - a->at) - pad < n)) {
		add_chunk(a, n);
		pad = 0;
	}
	void *p = a->at + pad;
	a->at += pad + n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

struct str arena_dup(struct arena *a, struct str s)
{
	char *p = arena_alloc_bytes(a, s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return str_make(p, s.n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);
	/* Where the next bytes will be, if they fit. */
	size_t room = EACH_ITS_OWN ? 0 : (size_t)(a->end - a->at);
	int n = vsnprintf(a->at, room, fmt, args);
	va_end(args);
	assert_always(n >= 0);
	char *p = arena_alloc_bytes(a, (size_t)n + 1);
	if ((size_t)n >= room)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return str_make(p, (size_t)n);
}

size_t arena_bytes(const struct arena *a)
{
	return a->held;
}
