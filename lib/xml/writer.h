/* The one way from a tree to bytes, for every stream and for storage. Received bytes are never forwarded.
 *
 * Canonical: no CDATA; a default namespace declaration where the namespace changes and no prefix on any element; the
 * attribute xml:lang has its prefix, an attribute in another namespace gets one declared on its own element (a1, a2,
 * …); < > & ' " are escaped everywhere, and CR, LF, TAB in attribute values (CR in text too: a parser would fold it).
 * An element without content is written <a/>. Attributes are in the order of their names. Equal trees give equal bytes.
 *
 * What does not fit into the buffer fails it (buf_failed); a part of an element may have been written by then. */
#ifndef LINNET_WRITER_H
#define LINNET_WRITER_H

#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"

#include <stdbool.h>

/* What XML_NS_CONTENT means below an element of another namespace, on every stream: a stanza that is put into another
 * one (forwarded, archived) can be shared as it is. */
#define XML_CONTENT_INSIDE "jabber:client"

/* What XML_NS_CONTENT means on the stream that is written to. */
struct xml_dialect {
	struct str content; /* e.g. jabber:client */
	bool declare; /* at the top element (WebSocket, BOSH, storage); a TCP stream's header has done so already */
};

/* The whole element. No recursion. */
void xml_write(struct buf *b, const struct xml_node *e, const struct xml_dialect *d);

/* The pieces of it, for a top element that is written anew for each recipient around the same children:
 * `<name attributes` without the closing > … */
void xml_write_open(struct buf *b, const struct xml_node *e, const struct xml_dialect *d);
/* … all that is inside, the same bytes on every stream … */
void xml_write_children(struct buf *b, const struct xml_node *e);
/* … one child like that … */
void xml_write_child(struct buf *b, const struct xml_node *parent, const struct xml_node *child);
/* … and </name>. */
void xml_write_close(struct buf *b, const struct xml_node *e);

/* ` name='value'`, escaped. */
void xml_write_attr(struct buf *b, struct str name, struct str value);
/* Escaped text. */
void xml_write_text(struct buf *b, struct str text);

#endif
