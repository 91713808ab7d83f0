/* Tags, as the framer sees them: how they end, how many attributes they have and how long the parts of those are. First
 * the states, through which any tag can go byte by byte; then the usual tag, which is taken in one go. */
#include "lib/xml/framer_state.h"
#include "lib/xml/scan.h"

/* The end of what may be looked at for a run of `max` bytes that has f->length already: one byte too many shows. */
static const char *run_end(const struct framer *f, const struct window *w, uint32_t max)
{
	size_t left = (max > f->length ? (size_t)(max - f->length) : 0) + 1;
	return (size_t)(w->end - w->p) > left ? w->p + left : w->end;
}

/* Adds what is before `to` to the run. False, and refused, if that makes it too long. */
static bool take_run(struct framer *f, struct window *w, const char *to, uint32_t max, enum refusal why)
{
	f->length += (uint32_t)(to - w->p);
	w->p = to;
	if (LIKELY(f->length <= max))
		return true;
	refuse(f, why);
	return false;
}

static void begin_name(struct framer *f)
{
	f->length = 0;
	f->hash = 0;
	f->matched = 0;
	f->flags &= (uint8_t)~IN_TEXT;
}

void framer_begin_start(struct framer *f, struct window *w)
{
	if (++f->elements > w->limits.elements) {
		refuse_byte(f, w, ELEMENTS_LIMIT);
		return;
	}
	if (!is_header(f) && ++f->depth > w->limits.depth) {
		refuse_byte(f, w, DEPTH_LIMIT);
		return;
	}
	begin_name(f);
	f->attributes_here = 0;
	f->state = NAME;
}

void framer_begin_end(struct framer *f)
{
	begin_name(f);
	f->state = END_NAME;
}

/* Names are short: byte by byte is as good as any, if the end is not asked for at each of them. */
static const char *name_end(const char *p, const char *end)
{
	for (; end - p >= 4; p += 4) {
		if (xml_char_is(p[0], XML_CHAR_ENDS))
			return p;
		if (xml_char_is(p[1], XML_CHAR_ENDS))
			return p + 1;
		if (xml_char_is(p[2], XML_CHAR_ENDS))
			return p + 2;
		if (xml_char_is(p[3], XML_CHAR_ENDS))
			return p + 3;
	}
	while (p < end && !xml_char_is(*p, XML_CHAR_ENDS))
		p++;
	return p;
}

/* The stream's own name is kept as four bytes (FNV-1a): its end tag comes when the header is long gone. */
static bool scan_element_name(struct framer *f, struct window *w)
{
	uint32_t max = w->limits.name_bytes;
	const char *to = name_end(w->p, run_end(f, w, max));
	if (f->depth == 0)
		for (const char *p = w->p; p < to; p++)
			f->hash = (f->hash ^ (unsigned char)*p) * 16777619u;
	return take_run(f, w, to, max, NAME_LIMIT) && w->p < w->end;
}

/* Behind the tag that ends an element. */
static void leave_element(struct framer *f, struct window *w)
{
	f->depth--;
	f->state = f->depth ? TEXT : BETWEEN;
	if (f->depth == 0)
		w->done = FRAME_ELEMENT;
}

/* Behind the name of a start tag, or behind an attribute: no name follows. */
static void leave_tag(struct framer *f, struct window *w)
{
	if (*w->p == '>') {
		w->p++;
		f->state = TEXT;
		if (is_header(f)) {
			f->flags |= OPENED;
			f->root = f->hash;
			f->state = BETWEEN;
			w->done = FRAME_OPEN;
		}
	} else if (*w->p == '/') {
		w->p++;
		f->state = EMPTY;
	} else {
		refuse_byte(f, w, BAD_TAG);
	}
}

static void scan_empty(struct framer *f, struct window *w)
{
	if (*w->p != '>') {
		refuse_byte(f, w, BAD_TAG);
	} else if (is_header(f)) {
		refuse_byte(f, w, EMPTY_HEADER);
	} else {
		w->p++;
		leave_element(f, w);
	}
}

static void scan_end(struct framer *f, struct window *w)
{
	if (f->state == END_NAME) {
		if (!scan_element_name(f, w))
			return;
		f->state = END_SPACE;
	}
	if (!skip_space(w))
		return;
	if (*w->p != '>') {
		refuse_byte(f, w, BAD_TAG);
	} else if (f->depth) {
		w->p++;
		leave_element(f, w);
	} else if (f->hash != f->root) {
		refuse_byte(f, w, OTHER_NAME);
	} else {
		w->p++;
		f->state = AFTER_CLOSE;
		w->done = FRAME_CLOSE;
	}
}

/* f->matched counts how much of xmlns: the name begins with, so that a declaration is known by its name. */
static bool scan_attribute_name(struct framer *f, struct window *w)
{
	static const char word[] = "xmlns:";
	uint32_t max = w->limits.name_bytes;
	const char *to = name_end(w->p, run_end(f, w, max));
	for (const char *p = w->p; p < to && f->matched < 6 && f->matched == f->length + (size_t)(p - w->p); p++)
		f->matched += *p == word[f->matched];
	if (!take_run(f, w, to, max, NAME_LIMIT) || w->p == w->end)
		return false;
	bool declares = f->matched == 6 || (f->matched == 5 && f->length == 5);
	f->flags = (uint8_t)(declares ? f->flags | DECLARES : f->flags & ~DECLARES);
	if (declares && ++f->declarations > w->limits.declarations) {
		refuse_byte(f, w, DECLARATIONS_LIMIT);
		return false;
	}
	f->attributes += !declares;
	if (!declares && ++f->attributes_here > w->limits.attributes) {
		refuse_byte(f, w, ATTRIBUTES_LIMIT);
		return false;
	}
	return true;
}

/* Up to and with the closing quote. */
static bool scan_value(struct framer *f, struct window *w)
{
	bool declares = f->flags & DECLARES;
	uint32_t max = declares ? w->limits.uri_bytes : w->limits.value_bytes;
	const char *to = xml_scan_either(w->p, run_end(f, w, max), (char)f->quote, '<');
	if (!take_run(f, w, to, max, declares ? URI_LIMIT : VALUE_LIMIT) || w->p == w->end)
		return false;
	if (*w->p == '<') {
		refuse_byte(f, w, BAD_VALUE);
		return false;
	}
	w->p++;
	return true;
}

/* A start tag behind its name, in the order in which the parts of an attribute come. */
static void scan_attributes(struct framer *f, struct window *w)
{
	for (;;) {
		switch (f->state) {
		case TAG:
			if (!skip_space(w))
				return;
			if (xml_char_is(*w->p, XML_CHAR_ENDS)) {
				leave_tag(f, w);
				return;
			}
			f->length = 0;
			f->matched = 0;
			f->state = ATTR_NAME;
			__attribute__((fallthrough));
		case ATTR_NAME:
			if (!scan_attribute_name(f, w))
				return;
			f->state = EQUALS;
			__attribute__((fallthrough));
		case EQUALS:
			if (!skip_space(w))
				return;
			if (*w->p != '=') {
				refuse_byte(f, w, BAD_ATTRIBUTE);
				return;
			}
			w->p++;
			f->state = QUOTE;
			__attribute__((fallthrough));
		case QUOTE:
			if (!skip_space(w))
				return;
			if (*w->p != '\'' && *w->p != '"') {
				refuse_byte(f, w, BAD_ATTRIBUTE);
				return;
			}
			f->quote = (uint8_t)*w->p++;
			f->length = 0;
			f->state = VALUE;
			__attribute__((fallthrough));
		default:
			if (!scan_value(f, w))
				return;
			f->state = TAG;
		}
	}
}

static void scan_start(struct framer *f, struct window *w)
{
	if (!scan_element_name(f, w))
		return;
	f->state = TAG;
	scan_attributes(f, w);
}

void framer_scan_tag(struct framer *f, struct window *w)
{
	switch (f->state) {
	case NAME: scan_start(f, w); break;
	case EMPTY: scan_empty(f, w); break;
	case END_NAME:
	case END_SPACE: scan_end(f, w); break;
	default: scan_attributes(f, w); break;
	}
}

/* The usual case: a tag that is whole in the window, its attributes apart by one space each, all within the limits. It
 * takes a fifth of the time that the states above need. Of any other tag nothing is taken, so no byte is looked at more
 * than twice. */

/* Of the current tag. */
struct usual {
	uint32_t attributes, declarations;
};

/* Behind an attribute that begins at `p`, or NULL. */
static const char *take_usual_attribute(const struct window *w, struct usual *u, const char *p)
{
	const char *equals = name_end(p, w->end);
	size_t n = (size_t)(equals - p);
	if (w->end - equals < 3 || *equals != '=' || n == 0 || n > w->limits.name_bytes)
		return NULL;
	char quote = equals[1];
	if (quote != '\'' && quote != '"')
		return NULL;
	const char *value = equals + 2, *to = xml_scan_either(value, w->end, quote, '<');
	if (to == w->end || *to != quote)
		return NULL;
	bool declares = *p == 'x' && n >= 5 && memcmp(p, "xmlns", 5) == 0 && (n == 5 || p[5] == ':');
	u->declarations += declares;
	u->attributes += !declares;
	return (size_t)(to - value) > (declares ? w->limits.uri_bytes : w->limits.value_bytes) ? NULL : to + 1;
}

/* `p` is behind the < of a start tag. Behind its >, or NULL. */
static const char *take_usual_start(const struct window *w, struct usual *u, const char *p, bool *empty_r)
{
	const char *name = p;
	p = name_end(p, w->end);
	size_t n = (size_t)(p - name);
	if (n == 0 || n > w->limits.name_bytes)
		return NULL;
	while (p < w->end && *p == ' ') {
		p = take_usual_attribute(w, u, p + 1);
		if (!p)
			return NULL;
	}
	*empty_r = p < w->end && *p == '/';
	p += *empty_r;
	return p < w->end && *p == '>' ? p + 1 : NULL;
}

const char *framer_take_usual_tag(struct framer *f, const struct window *w, const char *p)
{
	if (p == w->end || *p == '!' || is_header(f))
		return NULL;
	if (*p == '/') {
		const char *to = name_end(p + 1, w->end);
		if (f->depth == 0 || to == w->end || *to != '>' || (size_t)(to - p - 1) > w->limits.name_bytes)
			return NULL;
		f->depth--;
		return to + 1;
	}
	struct usual u = { 0 };
	bool empty;
	p = take_usual_start(w, &u, p, &empty);
	if (!p || f->elements >= w->limits.elements || f->depth >= w->limits.depth ||
		u.attributes > w->limits.attributes ||
		u.declarations + f->declarations > w->limits.declarations)
		return NULL;
	f->elements++;
	f->attributes += u.attributes;
	f->declarations += u.declarations;
	f->depth += !empty;
	return p;
}
