/* What the parts of lib/xml share: errors, limits, and the names in force around an element.
 *
 * The XML of XMPP is a small part of XML 1.0 with namespaces: UTF-8; no DTD, comment, processing instruction or entity
 * but the predefined five (RFC 6120, 11). This library reads and writes just that, and knows nothing of XMPP itself.
 *
 *     bytes → framer (where does the next top-level element end?) → parser (a tree in an arena) → … → writer → bytes
 *
 * framer.h  resumable, a handful of bytes of state, enforces the limits     O(bytes) whatever the segmentation
 * parser.h  one pass over one complete element in contiguous memory
 * node.h    the tree, immutable once parsed, and how to build one
 * writer.h  the one way back to bytes */
#ifndef LINNET_XML_H
#define LINNET_XML_H

#include "lib/base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Returned as negative int. The comment is the stream error a receiver answers with (RFC 6120, 4.9.3). */
enum xml_error {
	XML_NOT_WELL_FORMED = 1, /* not-well-formed */
	XML_RESTRICTED, /* restricted-xml: DTD, comment, processing instruction, foreign entity */
	XML_LIMIT, /* policy-violation: one of struct xml_limits */
	XML_ENCODING, /* unsupported-encoding: bytes that are not UTF-8, or a declaration that says so */
	XML_VERSION, /* unsupported-version: an XML declaration of another version */
	XML_FORBIDDEN, /* bad-format: what struct xml_rules bans inside an element; text between elements; <stream/> */
};

/* "not well-formed", … Static. */
const char *xml_error_text(int error);

/* What one top-level element may cost (docs/SECURITY.md, P3). Checked while scanning, before anything is allocated.
 * All are inclusive maxima. */
struct xml_limits {
	uint32_t bytes; /* of the whole element; of a stream header with its XML declaration */
	uint32_t space_bytes; /* of white space between two elements; 0 is no limit */
	uint32_t depth; /* the top element is at 1; XML_DEPTH_MAX at most */
	uint32_t elements;
	uint32_t attributes; /* of one element, namespace declarations not counted; XML_ATTRIBUTES_MAX at most */
	uint32_t declarations; /* of namespaces, in the whole element; XML_DECLARATIONS_MAX in force at once, at most */
	uint32_t name_bytes; /* of an element or attribute, prefix included */
	uint32_t uri_bytes; /* of a namespace */
	uint32_t value_bytes; /* of an attribute, as it was sent */
};

#define XML_DEPTH_MAX 256
#define XML_ATTRIBUTES_MAX 256
#define XML_DECLARATIONS_MAX 256

/* One namespace declaration: prefix "" is the default namespace. */
struct xml_declaration {
	struct str prefix;
	struct str uri;
};

/* The declarations in force around a top-level element (those of a stream header), and which namespace is the
 * stream's content namespace: see XML_NS_CONTENT in node.h. Immutable while in use. */
struct xml_scope {
	const struct xml_declaration *declarations;
	size_t count;
	struct str content; /* empty: there is none */
};

/* What is refused below the top element, wherever it stands (docs/SECURITY.md, S5). Immutable. */
struct xml_rules {
	const struct str *forbidden_namespaces;
	size_t forbidden_count;
	struct str forbidden_prefix; /* empty: none */
};

#endif
