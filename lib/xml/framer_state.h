/* What the two files of the framer share: its states, its refusals, and the window on the input. Private to lib/xml. */
#ifndef LINNET_XML_FRAMER_STATE_H
#define LINNET_XML_FRAMER_STATE_H

#include "lib/xml/chars.h"
#include "lib/xml/framer.h"

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
	LOOSE_TEXT,
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

/* What of the input is still to be looked at. */
struct window {
	const char *p, *end;
	struct xml_limits limits; /* none is beyond what the parser can do */
	enum frame_kind done; /* FRAME_MORE until the item is complete */
};

static inline void refuse(struct framer *f, enum refusal why)
{
	f->state = FAILED;
	f->refusal = (uint8_t)why;
}

/* The byte at w->p breaks a rule; it counts as looked at. */
static inline void refuse_byte(struct framer *f, struct window *w, enum refusal why)
{
	w->p++;
	refuse(f, why);
}

static inline bool skip_space(struct window *w)
{
	while (w->p < w->end && xml_char_is(*w->p, XML_CHAR_SPACE))
		w->p++;
	return w->p < w->end;
}

static inline bool is_header(const struct framer *f)
{
	return f->mode == FRAMER_STREAM && !(f->flags & OPENED);
}

/* Tags: framer_tag.c. */

/* At the first byte of the name of a start tag, or behind the </ of an end tag. */
void framer_begin_start(struct framer *f, struct window *w);
void framer_begin_end(struct framer *f);
/* As far as the window goes, in any state of a tag. */
void framer_scan_tag(struct framer *f, struct window *w);
/* Behind the tag whose < is before `p`, or NULL with nothing changed: if it is not whole in the window, or out of the
 * ordinary. */
const char *framer_take_usual_tag(struct framer *f, const struct window *w, const char *p);

#endif
