/* The slow paths of values and text. The parser has skipped what is plain; here each round of a loop copies one plain
 * run and then handles one thing that is not. */
#include "lib/xml/decode.h"

#include "lib/base/utf8.h"
#include "lib/xml/chars.h"
#include "lib/xml/scan.h"

/* Reads at `from`, writes at `to`, which is never ahead. */
struct decoder {
	char *from, *to;
	int *error_r;
	const char **why_r;
};

static bool fail(struct decoder *d, enum xml_error error, const char *why)
{
	*d->error_r = -(int)error;
	*d->why_r = why;
	return false;
}

/* Keeps what is before `end` as it is. */
static void keep(struct decoder *d, char *end)
{
	size_t n = (size_t)(end - d->from);
	if (d->to != d->from)
		memmove(d->to, d->from, n);
	d->from = end;
	d->to += n;
}

/* Replaces n bytes by one. */
static void put(struct decoder *d, char c, size_t n)
{
	*d->to++ = c;
	d->from += n;
}

static bool keep_beyond_ascii(struct decoder *d)
{
	char *end = xml_chars_beyond_ascii(d->from, d->error_r, d->why_r);
	if (!end)
		return false;
	keep(d, end);
	return true;
}

static int digit(char c, unsigned base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* XML 1.0, 2.2 */
static bool is_xml_char(uint32_t u)
{
	if (u < ' ')
		return u == '\t' || u == '\n' || u == '\r';
	return u <= 0x10FFFF && (u < 0xD800 || u > 0xDFFF) && u != 0xFFFE && u != 0xFFFF;
}

/* At &# */
static bool decode_character(struct decoder *d)
{
	const char *p = d->from + 2;
	unsigned base = *p == 'x' ? 16 : 10;
	p += base == 16;
	uint32_t u = 0;
	for (int v; (v = digit(*p, base)) >= 0; p++)
		u = u <= 0x10FFFF ? u * base + (uint32_t)v : u;
	if (*p != ';')
		return fail(d, XML_NOT_WELL_FORMED, "a character reference that is none");
	if (!is_xml_char(u))
		return fail(d, XML_NOT_WELL_FORMED, "a reference to a character that XML does not allow");
	char utf8[4];
	size_t n = utf8_write(u, utf8);
	memcpy(d->to, utf8, n);
	d->to += n;
	d->from += p + 1 - d->from;
	return true;
}

/* At & */
static bool decode_reference(struct decoder *d)
{
	static const struct {
		struct str text;
		char c;
	} entities[] = { { STR_INIT("&lt;"), '<' }, { STR_INIT("&gt;"), '>' }, { STR_INIT("&amp;"), '&' },
		{ STR_INIT("&apos;"), '\'' }, { STR_INIT("&quot;"), '"' } };
	if (d->from[1] == '#')
		return decode_character(d);
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		/* The zero behind all makes it differ before it ends. */
		if (strncmp(d->from, entities[i].text.p, entities[i].text.n) == 0) {
			put(d, entities[i].c, entities[i].text.n);
			return true;
		}
	}
	const char *end = xml_name_end(d->from + 1);
	if (end && *end == ';')
		return fail(d, XML_RESTRICTED, "a reference to an entity");
	return fail(d, XML_NOT_WELL_FORMED, "& that is no reference");
}

static bool refuse_byte(struct decoder *d)
{
	return *d->from == '<' ? fail(d, XML_NOT_WELL_FORMED, "< in an attribute value")
			       : fail(d, XML_NOT_WELL_FORMED, "a character that XML does not allow");
}

/* White space but the space itself; CR LF is one line end (XML 1.0, 2.11). */
static size_t line_end_bytes(const struct decoder *d)
{
	return d->from[0] == '\r' && d->from[1] == '\n' ? 2 : 1;
}

static bool decode_in_value(struct decoder *d)
{
	if (!xml_char_is_ascii(*d->from))
		return keep_beyond_ascii(d);
	switch (*d->from) {
	case '&': return decode_reference(d);
	case '\t':
	case '\n':
	case '\r': put(d, ' ', line_end_bytes(d)); return true; /* XML 1.0, 3.3.3 */
	default: return refuse_byte(d);
	}
}

char *xml_decode_value(char *at, char quote, size_t *n_r, int *error_r, const char **why_r)
{
	struct decoder d = { .from = at, .to = at, .error_r = error_r, .why_r = why_r };
	while (*d.from != quote) {
		if (!decode_in_value(&d))
			return NULL;
		keep(&d, xml_scan_value(d.from, quote));
	}
	*n_r += (size_t)(d.to - at);
	return d.from;
}

/* At <! */
static bool decode_cdata(struct decoder *d)
{
	static const struct str open = STR_INIT("<![CDATA[");
	if (strncmp(d->from, open.p, open.n) != 0)
		return fail(d, XML_RESTRICTED, "a comment or document type");
	d->from += open.n;
	for (;;) {
		keep(d, xml_scan_value(d->from, ']'));
		char c = *d->from;
		if (!xml_char_is_ascii(c)) {
			if (!keep_beyond_ascii(d))
				return false;
		} else if (c == ']' && d->from[1] == ']' && d->from[2] == '>') {
			d->from += 3;
			return true;
		} else if (c == '\r') {
			put(d, '\n', line_end_bytes(d));
		} else if (c == ']' || c == '&' || c == '<' || c == '\t' || c == '\n') {
			keep(d, d->from + 1);
		} else {
			return fail(d, XML_NOT_WELL_FORMED, "a character that XML does not allow");
		}
	}
}

static bool decode_in_text(struct decoder *d)
{
	if (!xml_char_is_ascii(*d->from))
		return keep_beyond_ascii(d);
	switch (*d->from) {
	case '&': return decode_reference(d);
	case '<': return decode_cdata(d);
	case '\r': put(d, '\n', line_end_bytes(d)); return true;
	case ']':
		if (d->from[1] == ']' && d->from[2] == '>')
			return fail(d, XML_NOT_WELL_FORMED, "]]> in text");
		__attribute__((fallthrough));
	case '\t':
	case '\n': keep(d, d->from + 1); return true;
	default: return refuse_byte(d);
	}
}

char *xml_decode_text(char *at, size_t *n_r, int *error_r, const char **why_r)
{
	struct decoder d = { .from = at, .to = at, .error_r = error_r, .why_r = why_r };
	while (*d.from != '<' || d.from[1] == '!') {
		if (!decode_in_text(&d))
			return NULL;
		keep(&d, xml_scan_text(d.from));
	}
	*n_r += (size_t)(d.to - at);
	return d.from;
}
