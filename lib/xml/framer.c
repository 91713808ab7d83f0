/* The framer: a state machine over bytes. A state is what the next byte is part of; the scanning functions below run
 * through as many states as the input has, and leave the last one for the next call.
 *
 *     START  -- <?xml --> DECLARATION -- ?> --> PROLOG -- < --> MARKUP          (FRAMER_STREAM only)
 *     BETWEEN, AFTER_CLOSE -- < --> MARKUP
 *
 *     MARKUP -- name --> NAME -- space --> TAG -- name --> ATTR_NAME --> EQUALS --> QUOTE --> VALUE --> TAG
 *                        NAME, TAG -- / --> EMPTY -- > --> TEXT            NAME, TAG -- > --> TEXT
 *            -- / -----> END_NAME --> END_SPACE -- > --> TEXT
 *            -- ! -----> BANG -- [ --> CDATA_OPEN --> CDATA -- ]]> --> TEXT
 *     TEXT   -- < --> MARKUP
 *
 * Instead of TEXT comes BETWEEN where that ends an item. What is refused goes to FAILED. To refuse something new, add it
 * to `refusals`. Every limit is checked at the byte that breaks it, so the place does not depend on the segmentation. */
#include "lib/xml/framer.h"

#include "lib/xml/chars.h"
#include "lib/xml/scan.h"

enum state {
	START,
	BETWEEN,
	AFTER_CLOSE,
	FAILED,
	DECLARATION_OPEN,
	DECLARATION,
	PROLOG,
	MARKUP,
	BANG,
	CDATA_OPEN,
	CDATA,
	TEXT,
	NAME,
	TAG,
	ATTR_NAME,
	EQUALS,
	QUOTE,
	VALUE,
	EMPTY,
	END_NAME,
	END_SPACE,
};

enum flag {
	OPENED = 1, /* the stream header is complete */
	FIRST = 2, /* the item is the very first of its stream, so that an XML declaration may begin it */
	IN_TEXT = 4, /* the current run of text has been counted */
	DECLARES = 8, /* the current attribute is a namespace declaration */
};

enum refusal {
	NONE,
	NOT_UTF8,
	OUTSIDE,
	CLOSED,
	SPACE_LIMIT,
	BYTES_LIMIT,
	INSTRUCTION,
	BAD_DECLARATION,
	COMMENT_OR_DTD,
	BAD_BANG,
	BAD_NAME,
	BAD_TAG,
	BAD_ATTRIBUTE,
	BAD_VALUE,
	NOTHING_OPEN,
	EMPTY_HEADER,
	OTHER_NAME,
	DEPTH_LIMIT,
	ELEMENTS_LIMIT,
	ATTRIBUTES_LIMIT,
	DECLARATIONS_LIMIT,
	NAME_LIMIT,
	VALUE_LIMIT,
	URI_LIMIT,
};

static const struct {
	enum xml_error error;
	const char *why;
} refusals[] = {
	[NOT_UTF8] = { XML_ENCODING, "not UTF-8" },
	[OUTSIDE] = { XML_NOT_WELL_FORMED, "text outside of an element" },
	[CLOSED] = { XML_NOT_WELL_FORMED, "bytes behind the end of the stream" },
	[SPACE_LIMIT] = { XML_LIMIT, "too much white space" },
	[BYTES_LIMIT] = { XML_LIMIT, "an element too large" },
	[INSTRUCTION] = { XML_RESTRICTED, "a processing instruction" },
	[BAD_DECLARATION] = { XML_NOT_WELL_FORMED, "no element behind the XML declaration" },
	[COMMENT_OR_DTD] = { XML_RESTRICTED, "a comment or document type" },
	[BAD_BANG] = { XML_NOT_WELL_FORMED, "<! of no known kind" },
	[BAD_NAME] = { XML_NOT_WELL_FORMED, "a tag without a name" },
	[BAD_TAG] = { XML_NOT_WELL_FORMED, "a tag that does not end" },
	[BAD_ATTRIBUTE] = { XML_NOT_WELL_FORMED, "an attribute without a quoted value" },
	[BAD_VALUE] = { XML_NOT_WELL_FORMED, "< in an attribute value" },
	[NOTHING_OPEN] = { XML_NOT_WELL_FORMED, "an end tag without a start tag" },
	[EMPTY_HEADER] = { XML_FORBIDDEN, "a stream header that is an empty element" },
	[OTHER_NAME] = { XML_NOT_WELL_FORMED, "the stream's end tag has another name" },
	[DEPTH_LIMIT] = { XML_LIMIT, "elements nested too deeply" },
	[ELEMENTS_LIMIT] = { XML_LIMIT, "too many elements" },
	[ATTRIBUTES_LIMIT] = { XML_LIMIT, "too many attributes" },
	[DECLARATIONS_LIMIT] = { XML_LIMIT, "too many namespace declarations" },
	[NAME_LIMIT] = { XML_LIMIT, "a name too long" },
	[VALUE_LIMIT] = { XML_LIMIT, "an attribute value too long" },
	[URI_LIMIT] = { XML_LIMIT, "a namespace too long" },
};

/* What of the input is still to be looked at. */
struct window {
	const char *p, *end;
	struct xml_limits limits; /* none is beyond what the parser can do */
	enum frame_kind done; /* FRAME_MORE until the item is complete */
};

static void refuse(struct framer *f, enum refusal why)
{
	f->state = FAILED;
	f->refusal = (uint8_t)why;
}

/* The byte at w->p breaks a rule; it counts as looked at. */
static void refuse_byte(struct framer *f, struct window *w, enum refusal why)
{
	w->p++;
	refuse(f, why);
}

static struct window new_window(const struct xml_limits *limits, struct str in)
{
	struct window w = { .p = in.p, .end = in.p + in.n, .limits = *limits, .done = FRAME_MORE };
	if (w.limits.depth > XML_DEPTH_MAX)
		w.limits.depth = XML_DEPTH_MAX;
	if (w.limits.attributes > XML_ATTRIBUTES_MAX)
		w.limits.attributes = XML_ATTRIBUTES_MAX;
	if (w.limits.declarations > XML_DECLARATIONS_MAX)
		w.limits.declarations = XML_DECLARATIONS_MAX;
	return w;
}

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

static bool skip_space(struct window *w)
{
	while (w->p < w->end && xml_char_is(*w->p, XML_CHAR_SPACE))
		w->p++;
	return w->p < w->end;
}

static bool is_header(const struct framer *f)
{
	return f->mode == FRAMER_STREAM && !(f->flags & OPENED);
}

/* Behind the tag that ends an element. */
static void leave_element(struct framer *f, struct window *w)
{
	f->depth--;
	f->state = f->depth ? TEXT : BETWEEN;
	if (f->depth == 0)
		w->done = FRAME_ELEMENT;
}

static void begin_name(struct framer *f)
{
	f->length = 0;
	f->hash = 0;
	f->matched = 0;
	f->flags &= (uint8_t)~IN_TEXT;
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

/* At the first byte of a start tag's name. */
static void begin_element(struct framer *f, struct window *w)
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

static void scan_markup(struct framer *f, struct window *w)
{
	char c = *w->p;
	if (c == '/') {
		if (f->depth == 0 && !(f->flags & OPENED)) {
			refuse_byte(f, w, NOTHING_OPEN);
			return;
		}
		w->p++;
		begin_name(f);
		f->state = END_NAME;
	} else if (c == '!') {
		w->p++;
		f->state = BANG;
	} else if (c == '?') {
		if (!(f->flags & FIRST)) {
			refuse_byte(f, w, INSTRUCTION);
			return;
		}
		w->p++;
		f->matched = 0;
		f->state = DECLARATION_OPEN;
	} else if (xml_char_is(c, XML_CHAR_ENDS)) {
		refuse_byte(f, w, BAD_NAME);
	} else {
		begin_element(f, w);
	}
}

/* Behind <? at the very start of a stream. */
static void scan_declaration_open(struct framer *f, struct window *w)
{
	static const char word[] = "xml";
	char c = *w->p;
	bool fits = f->matched < 3 ? c == word[f->matched] : xml_char_is(c, XML_CHAR_SPACE);
	if (!fits) {
		refuse_byte(f, w, INSTRUCTION);
		return;
	}
	w->p++;
	if (f->matched++ == 3) {
		f->matched = 0;
		f->state = DECLARATION;
	}
}

static void scan_declaration(struct framer *f, struct window *w)
{
	while (w->p < w->end) {
		char c = *w->p++;
		if (c == '>' && f->matched) {
			f->state = PROLOG;
			return;
		}
		f->matched = c == '?';
	}
}

static void scan_prolog(struct framer *f, struct window *w)
{
	if (!skip_space(w))
		return;
	if (*w->p != '<') {
		refuse_byte(f, w, BAD_DECLARATION);
		return;
	}
	w->p++;
	f->flags &= (uint8_t)~FIRST;
	f->state = MARKUP;
}

static void begin_text(struct framer *f)
{
	if (!(f->flags & IN_TEXT))
		f->texts++;
	f->flags |= IN_TEXT;
}

static void scan_bang(struct framer *f, struct window *w)
{
	char c = *w->p;
	if (c == '-' || xml_char_is(c, XML_CHAR_START)) {
		refuse_byte(f, w, COMMENT_OR_DTD);
	} else if (c == '[' && f->depth) {
		w->p++;
		f->matched = 0;
		f->state = CDATA_OPEN;
	} else {
		refuse_byte(f, w, BAD_BANG);
	}
}

static void scan_cdata_open(struct framer *f, struct window *w)
{
	static const char word[] = "CDATA[";
	while (w->p < w->end) {
		if (*w->p != word[f->matched]) {
			refuse_byte(f, w, BAD_BANG);
			return;
		}
		w->p++;
		if (++f->matched == sizeof(word) - 1) {
			f->matched = 0;
			f->state = CDATA;
			begin_text(f);
			return;
		}
	}
}

/* f->matched: how many ] are before the next byte; two are as good as more. */
static void scan_cdata(struct framer *f, struct window *w)
{
	while (w->p < w->end) {
		char c = *w->p++;
		if (c == ']') {
			f->matched = f->matched ? 2 : 1;
		} else if (c == '>' && f->matched == 2) {
			f->state = TEXT;
			return;
		} else {
			f->matched = 0;
			w->p = xml_scan_either(w->p, w->end, ']', ']');
		}
	}
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

/* Behind the tag whose < is before `p`, or NULL with nothing changed. */
static const char *take_usual_tag(struct framer *f, const struct window *w, const char *p)
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

static void scan_text(struct framer *f, struct window *w)
{
	do {
		const char *to = xml_scan_either(w->p, w->end, '<', '<');
		if (to > w->p)
			begin_text(f);
		w->p = to;
		if (to == w->end)
			return;
		const char *behind = take_usual_tag(f, w, to + 1);
		if (!behind) {
			w->p++;
			f->state = MARKUP;
			return;
		}
		w->p = behind;
		f->flags &= (uint8_t)~IN_TEXT;
	} while (f->depth);
	f->state = BETWEEN;
	w->done = FRAME_ELEMENT;
}

/* Until the item or the window ends. */
static void scan_item(struct framer *f, struct window *w)
{
	while (w->p < w->end && w->done == FRAME_MORE && f->state != FAILED) {
		switch (f->state) {
		case DECLARATION_OPEN: scan_declaration_open(f, w); break;
		case DECLARATION: scan_declaration(f, w); break;
		case PROLOG: scan_prolog(f, w); break;
		case MARKUP: scan_markup(f, w); break;
		case BANG: scan_bang(f, w); break;
		case CDATA_OPEN: scan_cdata_open(f, w); break;
		case CDATA: scan_cdata(f, w); break;
		case TEXT: scan_text(f, w); break;
		case NAME: scan_start(f, w); break;
		case EMPTY: scan_empty(f, w); break;
		case END_NAME:
		case END_SPACE: scan_end(f, w); break;
		default: scan_attributes(f, w); break;
		}
	}
}

/* White space between items, which f->bytes counts, up to the < of the next one. False if the input ends before that. */
static bool begin_item(struct framer *f, struct window *w)
{
	const char *from = w->p;
	uint32_t max = w->limits.space_bytes ? w->limits.space_bytes : UINT32_MAX;
	while (w->p < w->end && xml_char_is(*w->p, XML_CHAR_SPACE)) {
		if (f->bytes == max && w->limits.space_bytes) {
			refuse_byte(f, w, SPACE_LIMIT);
			return false;
		}
		f->bytes += f->bytes < max;
		w->p++;
	}
	if (f->state == START && w->p > from)
		f->state = BETWEEN;
	if (w->p == w->end)
		return false;
	if (f->state == AFTER_CLOSE) {
		refuse_byte(f, w, CLOSED);
		return false;
	}
	if (*w->p != '<') {
		/* The first byte of UTF-16 or UTF-32; a byte order mark in UTF-8 is text (RFC 6120, 11.6). */
		unsigned char c = (unsigned char)*w->p;
		refuse_byte(f, w, c == 0xFE || c == 0xFF || c == 0 ? NOT_UTF8 : OUTSIDE);
		return false;
	}
	f->flags = (uint8_t)((f->flags & OPENED) | (f->state == START ? FIRST : 0));
	f->bytes = f->elements = f->attributes = f->declarations = f->texts = 0;
	f->state = TEXT;
	return true;
}

void framer_init(struct framer *f, enum framer_mode mode)
{
	*f = (struct framer){ .mode = (uint8_t)mode, .state = mode == FRAMER_STREAM ? START : BETWEEN };
}

bool framer_is_idle(const struct framer *f)
{
	return f->state == START || f->state == BETWEEN || f->state == AFTER_CLOSE;
}

static void report(struct framer *f, enum frame_kind kind, struct frame *frame_r)
{
	frame_r->kind = kind;
	if (kind == FRAME_ERROR) {
		frame_r->error = -(int)refusals[f->refusal].error;
		frame_r->why = refusals[f->refusal].why;
	} else if (kind != FRAME_MORE) {
		frame_r->bytes = f->bytes;
		frame_r->elements = f->elements;
		frame_r->attributes = f->attributes;
		frame_r->declarations = f->declarations;
		frame_r->texts = f->texts;
		f->bytes = 0;
	}
}

/* As much of the item as the window has, and as it may have. */
static void take_item(struct framer *f, struct window *w)
{
	const char *from = w->p;
	size_t left = w->limits.bytes > f->bytes ? w->limits.bytes - f->bytes : 0;
	bool cut = (size_t)(w->end - w->p) >= left;
	if (cut)
		w->end = w->p + left;
	scan_item(f, w);
	f->bytes += (uint32_t)(w->p - from);
	if (cut && w->done == FRAME_MORE && f->state != FAILED)
		refuse(f, BYTES_LIMIT);
}

void framer_feed(struct framer *f, const struct xml_limits *limits, struct str in, struct frame *frame_r)
{
	*frame_r = (struct frame){ .kind = FRAME_MORE };
	if (in.n == 0 && f->state != FAILED)
		return;
	struct window w = new_window(limits, in);
	bool begun = !framer_is_idle(f) || begin_item(f, &w);
	frame_r->skip = (size_t)(w.p - in.p);
	if (begun && f->state != FAILED)
		take_item(f, &w);
	frame_r->take = (size_t)(w.p - in.p) - frame_r->skip;
	report(f, f->state == FAILED ? FRAME_ERROR : w.done, frame_r);
}
