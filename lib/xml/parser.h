/* The parser: one pass over one complete element, as the framer cut it, into a tree. Strict: UTF-8 and XML Char on
 * every byte, names by XML 1.0 (fifth edition) and Namespaces in XML 1.0, no attribute twice (after resolution), every
 * prefix bound, namespace URIs without controls, spaces and <>"'| (docs/SECURITY.md, S1 to S7). No recursion, no state.
 */
#ifndef LINNET_PARSER_H
#define LINNET_PARSER_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/framer.h"
#include "lib/xml/node.h"
#include "lib/xml/xml.h"

/* Arena bytes that suffice for the tree of such a frame, so that xml_parse needs no second allocation (but for URIs of
 * the scope other than the content namespace, if they are used). At most 4 × bytes + 64 × (elements + attributes) +
 * 4 KiB, with no more than 256 declarations (docs/SECURITY.md, P4). */
size_t xml_parse_bytes(const struct frame *frame);

/* `bytes` is one whole element, nothing before or behind it; copied into the arena, so it may go afterwards, and so may
 * the scope. The limits have been kept by the framer; XML_DEPTH_MAX, XML_ATTRIBUTES_MAX and XML_DECLARATIONS_MAX are
 * checked again. `scope` and `rules` may be NULL. 0, or a negative enum xml_error with *why_r a static string and
 * *root_r untouched.
 *
 * Refused although well-formed: a namespace with controls, spaces or <>"'| in it, an element in the namespace of
 * xml:lang (the writer gives no prefix to elements). */
CHECK int xml_parse(struct arena *a, struct str bytes, const struct xml_scope *scope, const struct xml_rules *rules,
	const struct xml_node **root_r, const char **why_r);

/* A stream header (FRAME_OPEN): optional XML declaration and one start tag. The element comes without children; its
 * declarations, in order of appearance, live in the arena. */
CHECK int xml_parse_open(struct arena *a, struct str bytes, const struct xml_node **root_r,
	const struct xml_declaration **declarations_r, size_t *count_r, const char **why_r);

/* A whole document that must be one element, white space around it allowed: framer and parser in one call, for stored
 * elements and tests. On success *arena_r is the caller's. */
CHECK int xml_parse_document(struct str bytes, const struct xml_limits *limits, const struct xml_scope *scope,
	struct arena **arena_r, const struct xml_node **root_r, const char **why_r);

#endif
