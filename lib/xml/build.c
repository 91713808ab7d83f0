/* Building a tree. */
#include "lib/xml/node.h"

#include "lib/base/fault.h"
#include "lib/xml/walk.h"

#define FIRST_ATTRS 4

/* What xml_new makes: a node that can grow. */
struct built {
	struct xml_node node;
	struct xml_attr *attrs; /* the same as node.attrs */
	uint32_t attr_cap;
	struct xml_node *last; /* child */
	struct str ns;
};

static struct built *built_of(struct xml_node *e)
{
	assert_always(e->built);
	return CONTAINER_OF(e, struct built, node);
}

static uint32_t length(struct str s)
{
	assert_always(s.n <= UINT32_MAX);
	return (uint32_t)s.n;
}

/* Where the namespace lives if not in an arena; NULL otherwise. */
static const struct str *static_ns(struct str ns)
{
	if (str_eq(ns, xml_ns_content))
		return &xml_ns_content;
	return str_eq(ns, xml_ns_xml) ? &xml_ns_xml : NULL;
}

struct xml_node *xml_new(struct arena *a, struct str ns, struct str name)
{
	struct built *b = arena_zalloc(a, sizeof(*b));
	b->ns = ns;
	b->node.p = name.p;
	b->node.n = length(name);
	b->node.kind = XML_ELEMENT;
	b->node.built = 1;
	b->node.ns = static_ns(ns);
	if (!b->node.ns)
		b->node.ns = &b->ns;
	return &b->node;
}

static void reserve_attrs(struct arena *a, struct built *b, uint32_t cap)
{
	struct xml_attr *attrs = arena_alloc(a, cap * sizeof(*attrs));
	if (b->node.attr_count)
		memcpy(attrs, b->attrs, b->node.attr_count * sizeof(*attrs));
	b->attrs = attrs;
	b->attr_cap = cap;
	b->node.attrs = attrs;
}

void xml_set_ns(struct arena *a, struct xml_node *e, struct str ns, struct str name, struct str value)
{
	struct built *b = built_of(e);
	unsigned i = 0;
	for (; i < e->attr_count; i++) {
		struct xml_attr *old = &b->attrs[i];
		if (str_eq(str_make(old->name, old->name_n), name) &&
			str_eq(old->ns ? *old->ns : (struct str){ 0 }, ns))
			break;
	}
	if (i == e->attr_count) {
		assert_always(i < UINT16_MAX);
		if (i == b->attr_cap)
			reserve_attrs(a, b, i ? 2 * i : FIRST_ATTRS);
		b->attrs[i] = (struct xml_attr){ .name = name.p, .name_n = length(name) };
		if (ns.n && !(b->attrs[i].ns = static_ns(ns))) {
			struct str *kept = arena_alloc(a, sizeof(*kept));
			*kept = ns;
			b->attrs[i].ns = kept;
		}
		e->attr_count++;
	}
	b->attrs[i].value = value.p ? value.p : "";
	b->attrs[i].value_n = length(value);
}

void xml_set(struct arena *a, struct xml_node *e, struct str name, struct str value)
{
	xml_set_ns(a, e, (struct str){ 0 }, name, value);
}

static void append(struct xml_node *parent, struct xml_node *child)
{
	struct built *b = built_of(parent);
	if (b->last)
		b->last->next = child;
	else
		parent->children = child;
	b->last = child;
}

struct xml_node *xml_add(struct arena *a, struct xml_node *parent, struct str ns, struct str name)
{
	struct xml_node *child = xml_new(a, ns, name);
	append(parent, child);
	return child;
}

struct xml_node *xml_add_with_text(
	struct arena *a, struct xml_node *parent, struct str ns, struct str name, struct str text)
{
	struct xml_node *child = xml_add(a, parent, ns, name);
	xml_add_text(a, child, text);
	return child;
}

void xml_add_text(struct arena *a, struct xml_node *parent, struct str text)
{
	if (text.n == 0)
		return;
	struct xml_node *n = arena_zalloc(a, XML_NODE_BYTES_OF_TEXT);
	n->p = text.p;
	n->n = length(text);
	n->kind = XML_TEXT;
	append(parent, n);
}

static size_t node_bytes(const struct xml_node *n)
{
	if (n->kind == XML_TEXT)
		return XML_NODE_BYTES_OF_TEXT;
	return n->attr_count ? sizeof(*n) : XML_NODE_BYTES_WITHOUT_ATTRS;
}

void xml_add_shared(struct arena *a, struct xml_node *parent, const struct xml_node *child)
{
	size_t n = node_bytes(child);
	struct xml_node *copy = memcpy(arena_alloc(a, n), child, n);
	copy->next = NULL;
	copy->built = 0;
	append(parent, copy);
}

struct xml_node *xml_new_like(struct arena *a, const struct xml_node *e)
{
	struct xml_node *copy = xml_new(a, *e->ns, xml_name(e));
	if (e->attr_count) {
		struct built *b = built_of(copy);
		reserve_attrs(a, b, (uint32_t)e->attr_count + FIRST_ATTRS);
		memcpy(b->attrs, e->attrs, e->attr_count * sizeof(*e->attrs));
		copy->attr_count = e->attr_count;
	}
	return copy;
}

/* Copying. While a copy is open, its `next` points at the copy around it. */

static const struct str *dup_ns(struct arena *a, const struct str *ns)
{
	const struct str *kept = static_ns(*ns);
	if (kept)
		return kept;
	struct str *copy = arena_alloc(a, sizeof(*copy));
	*copy = arena_dup(a, *ns);
	return copy;
}

static struct xml_node *dup_tag(struct arena *a, const struct xml_node *e)
{
	struct xml_node *copy = xml_new_like(a, e);
	copy->p = arena_dup(a, xml_name(e)).p;
	copy->ns = dup_ns(a, e->ns);
	for (unsigned i = 0; i < e->attr_count; i++) {
		struct xml_attr *attr = &built_of(copy)->attrs[i];
		attr->name = arena_dup(a, str_make(attr->name, attr->name_n)).p;
		attr->value = arena_dup(a, str_make(attr->value, attr->value_n)).p;
		attr->ns = attr->ns ? dup_ns(a, attr->ns) : NULL;
	}
	return copy;
}

struct xml_node *xml_dup(struct arena *a, const struct xml_node *e)
{
	assert_always(e->kind == XML_ELEMENT);
	struct xml_walk w;
	struct xml_node *open = NULL, *done = NULL;
	xml_walk_begin(&w, e);
	for (enum xml_step step; (step = xml_walk_next(&w)) != XML_STEP_DONE;) {
		if (step == XML_STEP_ENTER) {
			struct xml_node *copy = dup_tag(a, w.node);
			copy->next = open;
			open = copy;
		} else if (step == XML_STEP_TEXT) {
			xml_add_text(a, open, arena_dup(a, str_make(w.node->p, w.node->n)));
		} else {
			done = open;
			open = (struct xml_node *)(uintptr_t)done->next;
			done->next = NULL;
			if (open)
				append(open, done);
		}
	}
	xml_walk_end(&w);
	return done;
}
