/* Bounded byte buffers: append at the end, take from the front. Appending is sticky: write freely, ask once
 * with buf_failed(). One owner, one thread. No heap is held before the first byte and after buf_fini. */
#ifndef LINNET_BUF_H
#define LINNET_BUF_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *p;
	size_t start, end; /* the content is p[start, end) */
	size_t cap;
	size_t max; /* of the content */
	bool failed;
};

/* Holds at most `max` bytes; no memory yet. */
void buf_init(struct buf *b, size_t max);
/* Gives all memory back; the buffer is as after buf_init. */
void buf_fini(struct buf *b);

/* The content, valid until the next change. */
static inline struct str buf_str(const struct buf *b)
{
	return str_make(b->p ? b->p + b->start : NULL, b->end - b->start);
}

static inline size_t buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* True once an append did not fit; what did fit before it is still there, nothing after it is. */
static inline bool buf_failed(const struct buf *b)
{
	return b->failed;
}

/* Empties it, clears the failure, keeps the memory. */
void buf_clear(struct buf *b);
/* Shortens the content to its first n bytes. */
void buf_truncate(struct buf *b, size_t n);
/* Drops n bytes from the front. */
void buf_consume(struct buf *b, size_t n);

/* Room for n more bytes at the end, or NULL (and failed) if that would exceed max. Then buf_commit what was used, n at
 * most. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* `s` is not part of the buffer itself. */
void buf_add(struct buf *b, struct str s);
void buf_add_byte(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For literals: buf_lit(b, "text"). */
#define buf_lit(b, lit) buf_add((b), STR(lit))

#endif
