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
 * Instead of TEXT comes BETWEEN where that ends an item. What is refused goes to FAILED. Tags are in framer_tag.c. To
 * refuse something new, add it to `refusals`. Every limit is checked at the byte that breaks it, so the place does not
 * depend on the segmentation. */
#include "lib/xml/framer_state.h"
#include "lib/xml/scan.h"

static const struct {
	enum xml_error error;
	const char *why;
} refusals[] = {
	[NOT_UTF8] = { XML_ENCODING, "not UTF-8" },
	[OUTSIDE] = { XML_NOT_WELL_FORMED, "text outside of an element" },
	[LOOSE_TEXT] = { XML_FORBIDDEN, "text between elements" },
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

static struct window new_window(const struct xml_limits *limits, struct str in)
{
	struct window w = { .p = in.p, .end = in.p + in.n, .limits = *limits, .done = FRAME_MORE };
	if (w.limits.depth > XML_DEPTH_MAX)
		w.limits.depth = XML_DEPTH_MAX;
	if (w.limits.attributes > XML_ATTRIBUTES_MAX)
		w.limits.attributes = XML_ATTRIBUTES_MAX;
	return w;
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
		framer_begin_end(f);
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
		framer_begin_start(f, w);
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
		refuse_byte(f, w, c == '[' && f->flags & OPENED ? LOOSE_TEXT : BAD_BANG);
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

static void scan_text(struct framer *f, struct window *w)
{
	do {
		const char *to = xml_scan_either(w->p, w->end, '<', '<');
		if (to > w->p)
			begin_text(f);
		w->p = to;
		if (to == w->end)
			return;
		const char *behind = framer_take_usual_tag(f, w, to + 1);
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
		default: framer_scan_tag(f, w); break;
		}
	}
}

/* White space between items, which f->bytes counts, up to the < of the next one. False if the input ends before that.
 */
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
		/* The first byte of UTF-16 or UTF-32; a byte order mark in UTF-8 is text (RFC 6120, 11.6). In a stream that is XML, but
		 * only white space may stand there (11.7). */
		unsigned char c = (unsigned char)*w->p;
		bool other = c == 0xFE || c == 0xFF || c == 0;
		refuse_byte(f, w, other ? NOT_UTF8 : f->flags & OPENED ? LOOSE_TEXT : OUTSIDE);
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
