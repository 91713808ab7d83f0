/* Depth first through a tree, without recursion: a stack of open elements that grows on the heap. Private to lib/xml.
 *
 *     xml_walk_begin(&w, top);
 *     for (enum xml_step step; (step = xml_walk_next(&w)) != XML_STEP_DONE;)
 *             … w.node …
 *     xml_walk_end(&w); */
#ifndef LINNET_XML_WALK_H
#define LINNET_XML_WALK_H

#include "lib/base/macros.h"
#include "lib/xml/node.h"

#define XML_WALK_DEPTH_INSIDE 24

enum xml_step { XML_STEP_ENTER, XML_STEP_TEXT, XML_STEP_LEAVE, XML_STEP_DONE };

struct xml_walk {
	const struct xml_node *node; /* what the last step was about */
	const struct xml_node *next; /* what comes inside the innermost open element */
	const struct xml_node **open; /* `depth` of them */
	size_t depth, cap;
	const struct xml_node *inside[XML_WALK_DEPTH_INSIDE];
};

/* Around `top`: it is entered first and left last. */
void xml_walk_begin(struct xml_walk *w, const struct xml_node *top);
void xml_walk_end(struct xml_walk *w);

void xml_walk_grow(struct xml_walk *w);

static inline void xml_walk_push(struct xml_walk *w, const struct xml_node *e)
{
	if (UNLIKELY(w->depth == w->cap))
		xml_walk_grow(w);
	w->open[w->depth++] = e;
	w->next = e->children;
}

static inline enum xml_step xml_walk_next(struct xml_walk *w)
{
	w->node = w->next;
	if (w->node && w->node->kind == XML_TEXT) {
		w->next = w->depth ? w->node->next : NULL;
		return XML_STEP_TEXT;
	}
	if (w->node) {
		xml_walk_push(w, w->node);
		return XML_STEP_ENTER;
	}
	if (w->depth == 0)
		return XML_STEP_DONE;
	w->node = w->open[--w->depth];
	w->next = w->depth ? w->node->next : NULL;
	return XML_STEP_LEAVE;
}

/* The element around the one that has just been entered; NULL around the top. */
static inline const struct xml_node *xml_walk_parent(const struct xml_walk *w)
{
	return w->depth > 1 ? w->open[w->depth - 2] : NULL;
}

#endif
