/* Stream headers (RFC 6120, 4.7 and 4.8): reading and writing them is the same on both sides. */
#ifndef LINNET_STREAM_HEADER_H
#define LINNET_STREAM_HEADER_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/stream/stream_error.h"
#include "lib/xml/writer.h"
#include "lib/xml/xml.h"
#include "lib/xmpp/ns.h"

#include <stdbool.h>

/* Both streams of a connection have this content namespace. */
#define STREAM_DIALECT ((struct xml_dialect){ .content = NS_CLIENT, .declare = false })

/* The end of either stream (RFC 6120, 4.4). */
#define STREAM_CLOSING_TAG STR("</stream:stream>")

struct stream_header {
	/* p is NULL if it is missing. */
	struct str to, from, id;
	struct str lang; /* empty too if it is no language tag */
	bool is_current; /* version 1.0 or later (RFC 6120, 4.7.5) */
};

/* Reads a header out of the bytes of FRAME_OPEN. STREAM_OK, or what is wrong with it, *why_r static; *header_r is
 * filled in as far as possible in either case (slices live in `a`). For STREAM_OK only, *scope_r gets the namespaces in
 * force on the rest of the stream, for stream_scope_free. A wrong version, an unknown host and the like are the
 * caller's to judge. */
CHECK enum stream_condition stream_header_parse(struct arena *a, struct str bytes, struct stream_header *header_r,
	const struct xml_scope **scope_r, const char **why_r);

/* Attributes with p NULL are left out, and so is `version` unless is_current. */
void stream_header_write(struct buf *out, const struct stream_header *h);

/* Sets NULL; NULL is fine. */
void stream_scope_free(const struct xml_scope **scope);
/* Heap bytes; none for the one that nearly everybody declares, which is shared. */
size_t stream_scope_bytes(const struct xml_scope *scope);

#endif
