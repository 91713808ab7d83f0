/* The namespace declarations in force while an element is parsed. Private to lib/xml.
 *
 * A list in the arena, newest first, of which what an element declared is taken off at its end. Looking up a prefix
 * walks it: its length is bounded by XML_DECLARATIONS_MAX, whatever a peer nests and redeclares. */
#ifndef LINNET_XML_BIND_H
#define LINNET_XML_BIND_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/xml/xml.h"

#include <stdbool.h>

/* 40 bytes: see xml_parse_bytes. */
struct xml_binding {
	struct str uri; /* empty: no namespace; for nodes see xml_binding_uri */
	const struct xml_binding *older;
	const char *prefix;
	uint32_t prefix_n; /* 0: the default namespace */
	uint16_t depth;
	bool is_content, is_forbidden;
};

struct xml_bindings {
	struct arena *arena;
	const struct xml_scope *scope; /* may be NULL, as may be rules */
	const struct xml_rules *rules;
	const struct xml_binding *newest;
	const struct xml_binding *imported; /* copies of those of the scope that have been used */
	const struct xml_binding *fallback; /* the default namespace in force; NULL: not looked up yet */
	unsigned count; /* in force */
	/* The scope's default namespace, if that is the content namespace: it is seldom needed as a copy. */
	struct xml_binding content;
};

void xml_bindings_init(
	struct xml_bindings *b, struct arena *a, const struct xml_scope *scope, const struct xml_rules *rules);

/* A declaration by an element at `depth`. 0, or a negative enum xml_error. */
CHECK int xml_bind(struct xml_bindings *b, struct str prefix, struct str uri, uint16_t depth, const char **why_r);

/* The element at `depth` is over. */
void xml_unbind_slow(struct xml_bindings *b, uint16_t depth);

static inline void xml_unbind(struct xml_bindings *b, uint16_t depth)
{
	if (b->newest && b->newest->depth == depth)
		xml_unbind_slow(b, depth);
}

/* NULL if the prefix is not bound; never for the empty one. */
const struct xml_binding *xml_binding_find(struct xml_bindings *b, struct str prefix);
/* Its URI, to be kept: it lives in the arena, or is static. */
const struct str *xml_binding_uri(struct xml_bindings *b, const struct xml_binding *binding);

static inline const struct xml_binding *xml_binding_default(struct xml_bindings *b)
{
	if (!b->fallback)
		b->fallback = xml_binding_find(b, (struct str){ 0 });
	return b->fallback;
}

#endif
