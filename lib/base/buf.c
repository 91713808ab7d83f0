/* Bounded byte buffers. */
#include "lib/base/buf.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define FIRST_BYTES 256

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
	mem_free(b->p);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->start = b->end = 0;
	b->failed = false;
}

void buf_truncate(struct buf *b, size_t n)
{
	assert_always(n <= buf_len(b));
	b->end = b->start + n;
}

void buf_consume(struct buf *b, size_t n)
{
	assert_always(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

/* To twice the size, and until n bytes fit. A quarter more than max holds: see make_room. */
static void grow(struct buf *b, size_t n)
{
	size_t limit;
	if (__builtin_add_overflow(b->max, b->max / 4, &limit))
		limit = SIZE_MAX;
	size_t cap = b->cap;
	do
		cap = cap > limit / 2 ? limit : cap ? 2 * cap : FIRST_BYTES;
	while (cap < n);
	b->cap = cap < limit ? cap : limit;
	b->p = mem_resize(b->p, b->cap);
}

/* Makes room for n bytes behind the content by moving it to the front. That costs its length, so it must not happen
 * each time a few bytes are taken and a few appended: it has to be paid for by a quarter of that length consumed
 * before, or the memory grows too. At full size a quarter has been consumed whenever the end is reached. */
static void make_room(struct buf *b, size_t n)
{
	size_t len = buf_len(b);
	bool paid = b->start >= len / 4;
	if (b->start && len)
		memmove(b->p, b->p + b->start, len);
	b->start = 0;
	b->end = len;
	if (!paid || b->cap - len < n || !b->p)
		grow(b, len + n);
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t len = buf_len(b);
	if (b->failed || n > b->max - len) {
		b->failed = true;
		return NULL;
	}
	if (b->cap - b->end < n || !b->p)
		make_room(b, n);
	return b->p + b->end;
}

void buf_commit(struct buf *b, size_t n)
{
	assert_always(n <= b->cap - b->end && n <= b->max - buf_len(b));
	b->end += n;
}

void buf_add(struct buf *b, struct str s)
{
	if (s.n == 0)
		return;
	char *p = buf_reserve(b, s.n);
	if (p) {
		memcpy(p, s.p, s.n);
		b->end += s.n;
	}
}

void buf_add_byte(struct buf *b, char c)
{
	char *p = buf_reserve(b, 1);
	if (p) {
		*p = c;
		b->end++;
	}
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, str_make(digits + at, sizeof(digits) - at));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	assert_always(n >= 0);
	if ((size_t)n < sizeof(small)) {
		buf_add(b, str_make(small, (size_t)n));
	} else if (buf_reserve(b, (size_t)n)) {
		/* vsnprintf wants a byte more for its zero than the content may have. */
		char *p = mem_alloc((size_t)n + 1);
		vsnprintf(p, (size_t)n + 1, fmt, again);
		buf_add(b, str_make(p, (size_t)n));
		mem_free(p);
	}
	va_end(again);
}
