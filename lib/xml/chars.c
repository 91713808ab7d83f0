/* Tables and slow paths of the character classes. */
#include "lib/xml/chars.h"

#include "lib/base/utf8.h"
#include "lib/xml/node.h"

#define START (XML_CHAR_START | XML_CHAR_NAME)

#define CONTROL (XML_CHAR_ENDS | XML_CHAR_ESCAPE | XML_CHAR_NO_URI)

const uint8_t xml_char_class[256] = {
	[0 ... 8] = CONTROL,
	['\t' ... '\n'] = CONTROL | XML_CHAR_SPACE,
	[11 ... 12] = CONTROL,
	['\r'] = CONTROL | XML_CHAR_SPACE,
	[14 ... 31] = CONTROL,
	[' '] = XML_CHAR_ENDS | XML_CHAR_SPACE | XML_CHAR_NO_URI,
	['"'] = XML_CHAR_ESCAPE | XML_CHAR_NO_URI,
	['&'] = XML_CHAR_ESCAPE,
	['\''] = XML_CHAR_ESCAPE | XML_CHAR_NO_URI,
	['-'] = XML_CHAR_NAME,
	['.'] = XML_CHAR_NAME,
	['/'] = XML_CHAR_ENDS,
	['0' ... '9'] = XML_CHAR_NAME,
	['<'] = XML_CHAR_ENDS | XML_CHAR_ESCAPE | XML_CHAR_NO_URI,
	['='] = XML_CHAR_ENDS,
	['>'] = XML_CHAR_ENDS | XML_CHAR_ESCAPE | XML_CHAR_NO_URI,
	['?'] = XML_CHAR_ENDS,
	['A' ... 'Z'] = START,
	['_'] = START,
	['a' ... 'z'] = START,
	['|'] = XML_CHAR_NO_URI,
	[127] = XML_CHAR_NO_URI,
};

static bool continues(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

static unsigned bits(char c)
{
	return (unsigned char)c & 0x3F;
}

/* The code point that begins at `p` with a byte beyond ASCII, and its length; 0 if it is not UTF-8 (RFC 3629, 4). */
static uint32_t decode(const char *p, unsigned *n_r)
{
	unsigned c = (unsigned char)*p;
	if (c < 0xC2 || c > 0xF4 || !continues(p[1]))
		return 0;
	*n_r = 2;
	if (c < 0xE0)
		return (c & 0x1F) << 6 | bits(p[1]);
	if (!continues(p[2]))
		return 0;
	*n_r = 3;
	uint32_t u = (c & 0x0F) << 12 | bits(p[1]) << 6 | bits(p[2]);
	if (c < 0xF0)
		return u < 0x800 || (u >= 0xD800 && u < 0xE000) ? 0 : u;
	if (!continues(p[3]))
		return 0;
	*n_r = 4;
	u = (c & 0x07) << 18 | bits(p[1]) << 12 | bits(p[2]) << 6 | bits(p[3]);
	return u < 0x10000 || u > 0x10FFFF ? 0 : u;
}

char *xml_chars_beyond_ascii(char *p, int *error_r, const char **why_r)
{
	unsigned n;
	for (; !xml_char_is_ascii(*p); p += n) {
		uint32_t u = decode(p, &n);
		if (UNLIKELY(u == 0)) {
			*error_r = -XML_ENCODING;
			*why_r = "bytes that are not UTF-8";
			return NULL;
		}
		if (UNLIKELY((u | 1) == 0xFFFF)) {
			*error_r = -XML_NOT_WELL_FORMED;
			*why_r = "a character that XML does not allow";
			return NULL;
		}
	}
	return p;
}

struct range {
	uint32_t first, last;
};

/* XML 1.0, 2.3, production 4; beyond ASCII. */
static const struct range start_ranges[] = {
	{ 0xC0, 0xD6 }, { 0xD8, 0xF6 }, { 0xF8, 0x2FF }, { 0x370, 0x37D }, { 0x37F, 0x1FFF }, { 0x200C, 0x200D },
	{ 0x2070, 0x218F }, { 0x2C00, 0x2FEF }, { 0x3001, 0xD7FF }, { 0xF900, 0xFDCF }, { 0xFDF0, 0xFFFD },
	{ 0x10000, 0xEFFFF },
};

/* What production 4a adds. */
static const struct range more_ranges[] = { { 0xB7, 0xB7 }, { 0x300, 0x36F }, { 0x203F, 0x2040 } };

static bool is_in(uint32_t u, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (u >= ranges[i].first && u <= ranges[i].last)
			return true;
	return false;
}

char *xml_name_end_slow(char *p)
{
	for (bool first = true;; first = false) {
		unsigned n = 1;
		bool fits;
		if (xml_char_is_ascii(*p)) {
			fits = xml_char_is(*p, first ? XML_CHAR_START : XML_CHAR_NAME);
		} else {
			uint32_t u = decode(p, &n);
			fits = is_in(u, start_ranges, ARRAY_LEN(start_ranges)) ||
				(!first && is_in(u, more_ranges, ARRAY_LEN(more_ranges)));
		}
		if (!fits)
			return first ? NULL : p;
		p += n;
	}
}

bool xml_is_namespace_uri(struct str uri)
{
	for (const char *p = uri.p, *end = uri.p + uri.n; p < end; p++) {
		if (xml_char_is(*p, XML_CHAR_NO_URI))
			return false;
		/* U+0080 to U+009F; what follows is valid UTF-8. */
		if ((unsigned char)*p == 0xC2 && (unsigned char)p[1] < 0xA0)
			return false;
	}
	return true;
}

bool xml_is_text(struct str s)
{
	while (s.n) {
		int32_t u = utf8_take(&s);
		if (u < ' ' && u != '\t' && u != '\n' && u != '\r')
			return false;
		if ((u | 1) == 0xFFFF)
			return false;
	}
	return true;
}
