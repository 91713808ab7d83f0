/* Skipping over runs of bytes, sixteen at a time where the machine can. Private to lib/xml.
 *
 * The framer's runs end at `end`: it reads the caller's buffer. The parser's have no end: it reads a copy of its own
 * that is followed by XML_SCAN_PAD zero bytes, and zero ends every run. */
#ifndef LINNET_XML_SCAN_H
#define LINNET_XML_SCAN_H

#include "lib/base/macros.h"
#include "lib/xml/chars.h"

#include <stdbool.h>
#include <stdint.h>

#define XML_SCAN_PAD 16

/* For a large local variable that is used from its beginning only: it is not filled with zeros. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define XML_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef XML_UNINITIALIZED
#define XML_UNINITIALIZED
#endif

#if defined(__SSE2__) && !defined(LINNET_NO_SIMD)
#include <emmintrin.h>
#define XML_SCAN_WIDE 1
#else
#define XML_SCAN_WIDE 0
#endif

#if XML_SCAN_WIDE

static inline __m128i xml_scan_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i xml_scan_is(__m128i bytes, char c)
{
	return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

/* Below the space, or beyond ASCII: as a signed byte, both are less. */
static inline __m128i xml_scan_is_odd(__m128i bytes)
{
	return _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
}

static inline unsigned xml_scan_mask(__m128i bytes)
{
	return (unsigned)_mm_movemask_epi8(bytes);
}

#endif

/* The first `a` or `b`, or `end`. */
static inline const char *xml_scan_either(const char *p, const char *end, char a, char b)
{
#if XML_SCAN_WIDE
	for (; end - p >= 16; p += 16) {
		__m128i v = xml_scan_load(p);
		unsigned mask = xml_scan_mask(_mm_or_si128(xml_scan_is(v, a), xml_scan_is(v, b)));
		if (mask)
			return p + __builtin_ctz(mask);
	}
#endif
	while (p < end && *p != a && *p != b)
		p++;
	return p;
}

/* The first byte of an attribute value that needs a look: the quote, < & controls, anything beyond ASCII. */
static inline char *xml_scan_value(char *p, char quote)
{
#if XML_SCAN_WIDE
	for (;; p += 16) {
		__m128i v = xml_scan_load(p);
		__m128i hit = _mm_or_si128(_mm_or_si128(xml_scan_is(v, quote), xml_scan_is(v, '<')),
			_mm_or_si128(xml_scan_is(v, '&'), xml_scan_is_odd(v)));
		unsigned mask = xml_scan_mask(hit);
		if (LIKELY(mask))
			return p + __builtin_ctz(mask);
	}
#else
	while ((signed char)*p >= ' ' && *p != quote && *p != '<' && *p != '&')
		p++;
	return p;
#endif
}

/* The same for text: < & ] controls, anything beyond ASCII. */
static inline char *xml_scan_text(char *p)
{
	return xml_scan_value(p, ']');
}

/* True if all bytes are ASCII and fine in a namespace; false is no answer. Reads up to fifteen bytes too many. */
static inline bool xml_scan_is_plain_uri(const char *p, size_t n)
{
#if XML_SCAN_WIDE
	for (const char *end = p + n; p < end; p += 16) {
		__m128i v = xml_scan_load(p);
		__m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(' ' + 1));
		__m128i angle = xml_scan_is(_mm_or_si128(v, _mm_set1_epi8(2)), '>');
		__m128i quote = _mm_or_si128(xml_scan_is(v, '"'), xml_scan_is(v, '\''));
		__m128i high = xml_scan_is(_mm_or_si128(v, _mm_set1_epi8(3)), 0x7F); /* | } ~ DEL */
		unsigned mask = xml_scan_mask(_mm_or_si128(_mm_or_si128(odd, angle), _mm_or_si128(quote, high)));
		if (end - p < 16)
			mask &= (1u << (end - p)) - 1;
		if (mask)
			return false;
	}
	return true;
#else
	(void)p;
	return n == 0;
#endif
}

#if XML_SCAN_WIDE

static inline unsigned xml_scan_escape_mask(const char *p)
{
	__m128i v = xml_scan_load(p), last_control = _mm_set1_epi8(0x1F);
	__m128i control = _mm_cmpeq_epi8(_mm_max_epu8(v, last_control), last_control);
	__m128i angle = xml_scan_is(_mm_or_si128(v, _mm_set1_epi8(2)), '>');
	__m128i single = xml_scan_is(_mm_or_si128(v, _mm_set1_epi8(1)), '\'');
	return xml_scan_mask(_mm_or_si128(_mm_or_si128(control, angle), _mm_or_si128(single, xml_scan_is(v, '"'))));
}

#endif

/* The first byte that the writer may have to escape, or `end`: XML_CHAR_ESCAPE. */
static inline const char *xml_scan_escape(const char *p, const char *end)
{
#if XML_SCAN_WIDE
	if (end - p >= 16) {
		for (; end - p >= 16; p += 16) {
			unsigned mask = xml_scan_escape_mask(p);
			if (mask)
				return p + __builtin_ctz(mask);
		}
		/* The last sixteen bytes, without those that have been looked at. */
		unsigned mask = xml_scan_escape_mask(end - 16) >> (16 - (end - p));
		return mask ? p + __builtin_ctz(mask) : end;
	}
#endif
	while (p < end && !xml_char_is(*p, XML_CHAR_ESCAPE))
		p++;
	return p;
}

#endif
