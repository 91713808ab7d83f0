/* Allocation that succeeds or does not return. */
#include "lib/base/mem.h"

#include "lib/base/fault.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(size_t n)
{
	if (n)
		fprintf(stderr, "linnet: out of memory (%zu bytes wanted)\n", n);
	else
		fputs("linnet: out of memory\n", stderr);
	abort();
}

static const struct mem_hooks default_hooks = {
	.alloc = malloc,
	.resize = realloc,
	.free = free,
	.out_of_memory = out_of_memory,
};

static const struct mem_hooks *hooks = &default_hooks;

void mem_set_hooks(const struct mem_hooks *new_hooks)
{
	hooks = new_hooks;
}

NORETURN void mem_exhausted(size_t n)
{
	hooks->out_of_memory(n);
	abort();
}

void *mem_alloc(size_t n)
{
	void *p = hooks->alloc(n ? n : 1);
	if (UNLIKELY(!p))
		mem_exhausted(n);
	return p;
}

void *mem_zalloc(size_t n)
{
	void *p = mem_alloc(n);
	memset(p, 0, n);
	return p;
}

void *mem_zalloc_array(size_t count, size_t size)
{
	size_t n;
	if (UNLIKELY(__builtin_mul_overflow(count, size, &n)))
		mem_exhausted(SIZE_MAX);
	return mem_zalloc(n);
}

void *mem_resize(void *p, size_t n)
{
	void *q = hooks->resize(p, n ? n : 1);
	if (UNLIKELY(!q))
		mem_exhausted(n);
	return q;
}

void mem_free(void *p)
{
	if (p)
		hooks->free(p);
}
