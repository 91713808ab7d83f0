/* Heap memory. Never NULL: running out calls the hook, which does not return.
 *
 * The hooks are the only mutable global of the libraries. They may be set once, before any other call,
 * by the program that embeds us; any thread may allocate. */
#ifndef LINNET_MEM_H
#define LINNET_MEM_H

#include "lib/base/macros.h"

#include <stddef.h>

struct mem_hooks {
	void *(*alloc)(size_t n);
	void *(*resize)(void *p, size_t n);
	void (*free)(void *p);
	/* Must not return. */
	void (*out_of_memory)(size_t n);
};

/* Replaces all four; `hooks` must live as long as the process. */
void mem_set_hooks(const struct mem_hooks *hooks);

void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
/* An array of `count` objects of `size` bytes, zeroed; an overflowing product counts as out of memory. */
void *mem_zalloc_array(size_t count, size_t size);
void *mem_resize(void *p, size_t n);
/* What out of memory is to everybody, for those who call a library that allocates by itself: n bytes, 0 if unknown. */
NORETURN void mem_exhausted(size_t n);
/* NULL is fine. */
void mem_free(void *p);

#endif
