/* What a raw client has received: bytes, and the same as stream headers, elements and the end of the stream, for as
 * long as they are XML. */
#ifndef LINNET_SCENARIO_RAW_H
#define LINNET_SCENARIO_RAW_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"
#include "lib/xml/xml.h"

#include <stddef.h>

struct raw {
	struct buf in;
	const struct xml_scope *scope; /* of the last header; NULL: none, or the usual one */
};

enum raw_kind {
	RAW_MORE,   /* nothing is complete */
	RAW_HEADER, /* `root` has its attributes */
	RAW_ELEMENT,
	RAW_CLOSE, /* </stream:stream> */
	RAW_ERROR, /* no XML: `why` */
};

struct raw_item {
	enum raw_kind kind;
	struct arena *arena; /* of root; of whoever called raw_next */
	const struct xml_node *root;
	struct str bytes; /* of the item, in `in` */
	size_t used;      /* with what stands before it */
	const char *why;  /* static */
};

void raw_init(struct raw *r);
void raw_fini(struct raw *r);

/* Looks at the next item; it stays until raw_take(). */
void raw_next(const struct raw *r, struct raw_item *item_r);
void raw_take(struct raw *r, const struct raw_item *item);
/* Frees its tree. */
void raw_item_fini(struct raw_item *item);

#endif
