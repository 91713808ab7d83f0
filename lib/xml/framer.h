/* The framer: finds where the next top-level item of a stream ends, keeps the limits, and refuses what XMPP's XML does
 * not have, without storing a byte of it.
 *
 * The caller keeps the bytes: feed() says how many of the new ones belong to the current item. While an item is
 * incomplete, the caller saves them behind those it has saved before; once it is complete, it hands the whole run to
 * the parser. No byte is looked at more than twice, whatever the segmentation, and an item is reported with its last
 * byte.
 *
 *     FRAMER_STREAM     [<?xml …?>] <stream …>  item*  </stream>      a stream over TCP (RFC 6120, 4.2)
 *     FRAMER_ELEMENTS   item*                                         WebSocket messages, BOSH bodies, stored elements
 *
 * The framer knows tags, quotes, CDATA and depth, and that the stream's end tag is named like its header; that other
 * names match, characters are legal and prefixes are bound is the parser's to check. What the framer accepts may still
 * be refused by the parser, never the reverse in effect: an input both would refuse may be refused by either.
 *
 * A stream header that is an empty element (<stream/>) is refused: a stream is opened by a start tag (RFC 6120, 4.2).
 * So is a byte order mark, which is no white space (11.6), and an XML declaration anywhere but in the first bytes. */
#ifndef LINNET_FRAMER_H
#define LINNET_FRAMER_H

#include "lib/base/str.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framer_mode { FRAMER_STREAM, FRAMER_ELEMENTS };

enum frame_kind {
	FRAME_MORE, /* all input is used; the item, if one has begun, is not complete */
	FRAME_OPEN, /* the stream header is complete */
	FRAME_ELEMENT, /* an element is complete */
	FRAME_CLOSE, /* the closing tag of the stream; nothing may follow */
	FRAME_ERROR, /* the stream is beyond repair: every further call says the same */
};

struct frame {
	enum frame_kind kind;
	/* How many bytes of this input to take: `skip` of white space before the item, then `take` of the item. After
	 * FRAME_ERROR: how many were looked at; the last of them is the one that broke a rule. */
	size_t skip, take;
	/* For FRAME_ELEMENT and FRAME_OPEN: what the parser needs to size its arena. */
	uint32_t bytes, elements, attributes, declarations, texts;
	/* For FRAME_ERROR: a negative enum xml_error and what is wrong, static. */
	int error;
	const char *why;
};

/* The state between two calls; no heap. Opaque but for its size. */
struct framer {
	uint8_t mode, state, quote, flags;
	uint16_t depth;
	uint8_t matched; /* progress inside a fixed word such as "]]>" or "xmlns:" */
	uint8_t refusal;
	uint32_t bytes; /* of the current item so far; of white space between items */
	uint32_t elements, attributes_here, attributes, declarations, texts;
	uint32_t length; /* of the current name or value */
	uint32_t hash, root; /* of the current name, of the stream header's */
};

void framer_init(struct framer *f, enum framer_mode mode);
/* True between two items: nothing is pending that a caller would have to keep. */
bool framer_is_idle(const struct framer *f);

/* Looks at `in` up to the end of the current item or of `in`. Calling it again with the rest goes on. */
void framer_feed(struct framer *f, const struct xml_limits *limits, struct str in, struct frame *frame_r);

#endif
