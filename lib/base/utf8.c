/* UTF-8. One decoder for all; runs of ASCII, which is most of what is read, go by eight bytes at a time. */
#include "lib/base/utf8.h"

#include "lib/base/fault.h"

#define HIGH_BITS 0x8080808080808080u

/* How many bytes at the front, in whole eights, are ASCII. */
static size_t ascii_prefix(const char *p, size_t n)
{
	size_t at = 0;
	for (; n - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, p + at, 8);
		if (word & HIGH_BITS)
			break;
	}
	return at;
}

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Decodes a sequence of two to four bytes (RFC 3629, 4) and returns its length, or 0 if it is not one. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *code_point_r)
{
	if (n < 2 || p[0] < 0xc2 || !is_continuation(p[1]))
		return 0;
	uint32_t v = p[1] & 0x3f;
	if (p[0] < 0xe0) {
		*code_point_r = (p[0] & 0x1fu) << 6 | v;
		return 2;
	}
	if (n < 3 || !is_continuation(p[2]))
		return 0;
	v = v << 6 | (p[2] & 0x3f);
	if (p[0] < 0xf0) {
		v |= (p[0] & 0x0fu) << 12;
		*code_point_r = v;
		return v >= 0x800 && (v < 0xd800 || v > 0xdfff) ? 3 : 0;
	}
	if (n < 4 || p[0] > 0xf4 || !is_continuation(p[3]))
		return 0;
	v = (p[0] & 0x07u) << 18 | v << 6 | (p[3] & 0x3f);
	*code_point_r = v;
	return v >= 0x10000 && v <= 0x10ffff ? 4 : 0;
}

bool utf8_is_valid(struct str s)
{
	uint32_t code_point;
	for (size_t at = 0; at < s.n;) {
		if ((unsigned char)s.p[at] < 0x80) {
			size_t run = ascii_prefix(s.p + at, s.n - at);
			at += run ? run : 1;
			continue;
		}
		size_t n = decode((const unsigned char *)s.p + at, s.n - at, &code_point);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

bool utf8_is_ascii(struct str s)
{
	for (size_t at = ascii_prefix(s.p, s.n); at < s.n; at++)
		if ((unsigned char)s.p[at] >= 0x80)
			return false;
	return true;
}

int32_t utf8_take(struct str *s)
{
	if (s->n == 0)
		return -1;
	uint32_t code_point = (unsigned char)s->p[0];
	size_t n = code_point < 0x80 ? 1 : decode((const unsigned char *)s->p, s->n, &code_point);
	if (n == 0)
		return -1;
	*s = str_from(*s, n);
	return (int32_t)code_point;
}

size_t utf8_write(uint32_t code_point, char out[4])
{
	assert_always(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	size_t n = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code_point & 0x3f));
		code_point >>= 6;
	}
	out[0] = (char)(lead[n] | code_point);
	return n;
}

struct str utf8_first(struct str s, size_t n)
{
	if (n >= s.n)
		return s;
	while (n > 0 && is_continuation((unsigned char)s.p[n]))
		n--;
	return str_first(s, n);
}
