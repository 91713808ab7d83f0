/* Strings of code points: decoding, the mappings by code point, normalisation, encoding. */
#include "lib/xmpp/ucs4.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

/* Below this every code point is its own NFC, and combines with nothing before it. */
#define NFC_INERT_BELOW 0x300

/* The string may be a password: no copy is left behind in freed memory. */
static void set_capacity(struct ucs4 *s, size_t cap)
{
	size_t bytes;
	assert_always(cap >= s->n && !__builtin_mul_overflow(cap, sizeof(*s->p), &bytes));
	uint32_t *p = mem_alloc(bytes);
	struct ucs4 grown = { p, s->n, cap };
	if (s->n)
		memcpy(p, s->p, s->n * sizeof(*p));
	ucs4_fini(s);
	*s = grown;
}

bool ucs4_decode(struct ucs4 *s, struct str in)
{
	*s = (struct ucs4){ 0 };
	set_capacity(s, in.n);
	while (in.n) {
		int32_t c = utf8_take(&in);
		if (c < 0) {
			ucs4_fini(s);
			return false;
		}
		s->p[s->n++] = (uint32_t)c;
	}
	return true;
}

void ucs4_fini(struct ucs4 *s)
{
	if (s->p)
		explicit_bzero(s->p, s->cap * sizeof(*s->p));
	mem_free(s->p);
	*s = (struct ucs4){ 0 };
}

void ucs4_add(struct ucs4 *s, const uint32_t *p, size_t n)
{
	size_t need;
	assert_always(!__builtin_add_overflow(s->n, n, &need));
	if (need > s->cap)
		set_capacity(s, need > 2 * s->cap ? need : 2 * s->cap);
	if (n)
		memcpy(s->p + s->n, p, n * sizeof(*p));
	s->n = need;
}

struct str ucs4_encode(const struct ucs4 *s, struct arena *a)
{
	char bytes[4];
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += utf8_write(s->p[i], bytes);
	char *out = arena_alloc_bytes(a, n), *at = out;
	for (size_t i = 0; i < s->n; i++) {
		size_t len = utf8_write(s->p[i], bytes);
		memcpy(at, bytes, len);
		at += len;
	}
	return str_make(out, n);
}

bool ucs4_map_width(struct ucs4 *s)
{
	bool changed = false;
	for (size_t i = 0; i < s->n; i++) {
		/* All of them are U+3000 or in the block Halfwidth and Fullwidth Forms; each is one code point. */
		if (s->p[i] != 0x3000 && (s->p[i] < 0xff00 || s->p[i] > 0xffef))
			continue;
		int tag;
		ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
		if (uc_decomposition(s->p[i], &tag, parts) == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW)) {
			s->p[i] = parts[0];
			changed = true;
		}
	}
	return changed;
}

/* U+0130 is the only code point whose lower case is longer: i and a dot above. */
static void expand_dotted_i(struct ucs4 *s)
{
	struct ucs4 out = { 0 };
	for (size_t i = 0, from = 0; i <= s->n; i++) {
		if (i < s->n && s->p[i] != 0x130)
			continue;
		ucs4_add(&out, s->p + from, i - from);
		if (i < s->n)
			ucs4_add(&out, (const uint32_t[]){ 'i', 0x307 }, 2);
		from = i + 1;
	}
	ucs4_fini(s);
	*s = out;
}

bool ucs4_map_lower(struct ucs4 *s)
{
	bool changed = false, dotted_i = false;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t lower = uc_tolower(s->p[i]);
		if (lower == s->p[i])
			continue;
		changed = true;
		if (s->p[i] == 0x130)
			dotted_i = true;
		else
			s->p[i] = lower;
	}
	if (dotted_i)
		expand_dotted_i(s);
	return changed;
}

bool ucs4_map_spaces(struct ucs4 *s)
{
	bool changed = false;
	for (size_t i = 0; i < s->n; i++) {
		if (s->p[i] > 0x7f && uc_is_general_category_withtable(s->p[i], UC_CATEGORY_MASK_Zs)) {
			s->p[i] = ' ';
			changed = true;
		}
	}
	return changed;
}

static void add_normalised(struct ucs4 *out, uninorm_t form, const uint32_t *p, size_t n)
{
	if (n == 0)
		return;
	size_t count;
	uint32_t *added = u32_normalize(form, p, n, NULL, &count);
	assert_always(added); /* only want of memory makes it fail */
	ucs4_add(out, added, count);
	explicit_bzero(added, count * sizeof(*added));
	free(added);
}

static bool is_inert(const struct ucs4 *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i] >= NFC_INERT_BELOW)
			return false;
	return true;
}

bool ucs4_normalise_nfc(struct ucs4 *s)
{
	if (is_inert(s))
		return false;
	struct ucs4 out = { 0 };
	add_normalised(&out, UNINORM_NFC, s->p, s->n);
	bool changed = out.n != s->n || memcmp(out.p, s->p, out.n * sizeof(*out.p)) != 0;
	ucs4_fini(s);
	*s = out;
	return changed;
}

void ucs4_add_nfkc(struct ucs4 *out, const uint32_t *p, size_t n)
{
	add_normalised(out, UNINORM_NFKC, p, n);
}
