/* A page is an array of objects followed by a tag for each of them:
 *
 *     generation << 22            alive: the handle without its slot
 *     generation << 22 | link     free; the generation is that of the next life, the link is the slot, plus one, of the
 *                                 next free object, and its own in the last one
 *
 * Generations go from 1 to 1,023 and round again, so that no handle is 0 and none is below 1 << 22. */
#include "lib/base/slab.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <string.h>

#if UNDER_ASAN
#include <sanitizer/asan_interface.h>
#define REDZONE_BYTES 16
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define REDZONE_BYTES 0
#endif

#define PAGE_BYTES 65536
#define SLOT_BITS 22
#define SLOT_MASK ((1u << SLOT_BITS) - 1)
#define FIRST_GENERATION (1u << SLOT_BITS)

static size_t stride(const struct slab *s)
{
	return (size_t)s->object_bytes + REDZONE_BYTES;
}

static size_t page_bytes(const struct slab *s)
{
	return (stride(s) + sizeof(uint32_t)) << s->page_bits;
}

void slab_init(struct slab *s, size_t object_bytes, uint32_t max_objects)
{
	assert_always(object_bytes <= 1u << 24 && max_objects <= SLAB_OBJECTS_MAX);
	*s = (struct slab){ .object_bytes = (uint32_t)(object_bytes + 7) & ~7u, .max_objects = max_objects };
	while (page_bytes(s) <= PAGE_BYTES / 2)
		s->page_bits++;
}

void slab_fini(struct slab *s)
{
	for (uint32_t i = 0; i < s->page_count; i++) {
		ASAN_UNPOISON_MEMORY_REGION(s->pages[i], page_bytes(s));
		mem_free(s->pages[i]);
	}
	mem_free(s->pages);
	*s = (struct slab){ 0 };
}

static char *object_at(const struct slab *s, uint32_t slot)
{
	return s->pages[slot >> s->page_bits] + stride(s) * (slot & ((1u << s->page_bits) - 1));
}

static uint32_t *tag_at(const struct slab *s, uint32_t slot)
{
	void *tags = s->pages[slot >> s->page_bits] + (stride(s) << s->page_bits);
	return (uint32_t *)tags + (slot & ((1u << s->page_bits) - 1));
}

static void add_page(struct slab *s)
{
	/* The array doubles: it is full whenever its length is a power of two. */
	if ((s->page_count & (s->page_count - 1)) == 0)
		s->pages = mem_resize(s->pages, sizeof(*s->pages) * (s->page_count ? 2 * (size_t)s->page_count : 1));
	char *page = mem_alloc(page_bytes(s));
	ASAN_POISON_MEMORY_REGION(page, stride(s) << s->page_bits);
	s->pages[s->page_count++] = page;
}

/* The slot at the head of the free list. */
static uint32_t take_freed(struct slab *s)
{
	uint32_t slot = s->free_first - 1;
	uint32_t *tag = tag_at(s, slot);
	uint32_t link = *tag & SLOT_MASK;
	if (link == slot + 1)
		s->free_first = s->free_last = 0;
	else
		s->free_first = link;
	*tag &= ~SLOT_MASK;
	return slot;
}

static uint32_t take_new(struct slab *s)
{
	uint32_t slot = s->used++;
	if (slot >> s->page_bits == s->page_count)
		add_page(s);
	*tag_at(s, slot) = FIRST_GENERATION;
	return slot;
}

slab_handle slab_alloc(struct slab *s, void **object_r)
{
	*object_r = NULL;
	if (s->count == s->max_objects)
		return 0;
	s->count++;
	uint32_t slot = s->free_first ? take_freed(s) : take_new(s);
	char *object = object_at(s, slot);
	ASAN_UNPOISON_MEMORY_REGION(object, s->object_bytes);
	*object_r = memset(object, 0, s->object_bytes);
	return *tag_at(s, slot) | slot;
}

void *slab_get(const struct slab *s, slab_handle h)
{
	uint32_t slot = h & SLOT_MASK;
	if (slot >= s->used || *tag_at(s, slot) != (h & ~SLOT_MASK))
		return NULL;
	return object_at(s, slot);
}

void slab_free(struct slab *s, slab_handle h)
{
	char *object = slab_get(s, h);
	assert_always(object);
	uint32_t slot = h & SLOT_MASK;
	uint32_t generation = (h & ~SLOT_MASK) + FIRST_GENERATION;
	*tag_at(s, slot) = (generation ? generation : FIRST_GENERATION) | (slot + 1);
	if (s->free_last) {
		uint32_t *last = tag_at(s, s->free_last - 1);
		*last = (*last & ~SLOT_MASK) | (slot + 1);
	} else {
		s->free_first = slot + 1;
	}
	s->free_last = slot + 1;
	s->count--;
	ASAN_POISON_MEMORY_REGION(object, s->object_bytes);
}

slab_handle slab_next(const struct slab *s, slab_handle h)
{
	for (uint32_t slot = h ? (h & SLOT_MASK) + 1 : 0; slot < s->used; slot++) {
		uint32_t tag = *tag_at(s, slot);
		if ((tag & SLOT_MASK) == 0)
			return tag | slot;
	}
	return 0;
}
