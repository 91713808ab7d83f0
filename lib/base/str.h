/* Slices: a pointer and a length, borrowed, not zero-terminated. The type for every run of bytes. */
#ifndef LINNET_STR_H
#define LINNET_STR_H

#include "lib/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p; /* may be NULL when n is 0 */
	size_t n;
};

/* From a string literal; STR_INIT where the language wants a constant. */
#define STR_INIT(lit) { "" lit, sizeof(lit) - 1 }
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })

/* For printf: STR_FMT takes STR_ARG(s). */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_make(const void *p, size_t n)
{
	return (struct str){ p, n };
}

/* From a zero-terminated string; NULL is the empty slice. */
static inline struct str str_from_c(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

static inline bool str_is_empty(struct str s)
{
	return s.n == 0;
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The bytes from `from` (at most s.n) to the end. */
static inline struct str str_from(struct str s, size_t from)
{
	return from >= s.n ? (struct str){ s.p ? s.p + s.n : s.p, 0 } : (struct str){ s.p + from, s.n - from };
}

/* The first n bytes, or all. */
static inline struct str str_first(struct str s, size_t n)
{
	return (struct str){ s.p, n < s.n ? n : s.n };
}

/* Byte order, as memcmp; a prefix sorts first. */
int str_cmp(struct str a, struct str b);

bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);

/* ASCII letters compare without case. */
bool str_eq_nocase(struct str a, struct str b);

/* Index of the first such byte, or s.n. */
size_t str_index(struct str s, char c);

/* Cuts at the first `c`: the part before it goes to *head_r, the rest after it to *s. False, with all of
 * it in *head_r and *s empty, when there is none. */
bool str_cut(struct str *s, char c, struct str *head_r);

/* Without white space (space, TAB, CR, LF) at both ends. */
struct str str_trim(struct str s);

/* A decimal number of digits only, at most `max`. False and *value_r untouched on anything else. */
CHECK bool str_parse_u64(struct str s, uint64_t max, uint64_t *value_r);

#endif
