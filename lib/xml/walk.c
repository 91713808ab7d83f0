/* The stack of a walk. */
#include "lib/xml/walk.h"

#include "lib/base/mem.h"

void xml_walk_begin(struct xml_walk *w, const struct xml_node *top)
{
	w->node = NULL;
	w->next = top;
	w->open = w->inside;
	w->depth = 0;
	w->cap = XML_WALK_DEPTH_INSIDE;
}

void xml_walk_end(struct xml_walk *w)
{
	if (w->open != w->inside)
		mem_free(w->open);
}

void xml_walk_grow(struct xml_walk *w)
{
	size_t bytes = w->cap * sizeof(const struct xml_node *);
	const struct xml_node **open = mem_resize(w->open == w->inside ? NULL : w->open, 2 * bytes);
	if (w->open == w->inside)
		memcpy(open, w->inside, bytes);
	w->open = open;
	w->cap *= 2;
}
