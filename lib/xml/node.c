/* Reading a tree. */
#include "lib/xml/node.h"

#include "lib/xml/walk.h"

const struct str xml_ns_content = STR_INIT("\001content");
const struct str xml_ns_xml = STR_INIT("http://www.w3.org/XML/1998/namespace");

static const struct xml_attr *find_attr(const struct xml_node *e, struct str ns, struct str name)
{
	for (unsigned i = 0; i < e->attr_count; i++) {
		const struct xml_attr *a = &e->attrs[i];
		if (str_eq(str_make(a->name, a->name_n), name) && str_eq(a->ns ? *a->ns : (struct str){ 0 }, ns))
			return a;
	}
	return NULL;
}

struct str xml_attr_ns(const struct xml_node *e, struct str ns, struct str name)
{
	const struct xml_attr *a = find_attr(e, ns, name);
	return a ? str_make(a->value, a->value_n) : (struct str){ 0 };
}

struct str xml_attr(const struct xml_node *e, struct str name)
{
	return xml_attr_ns(e, (struct str){ 0 }, name);
}

static const struct xml_node *element_from(const struct xml_node *n)
{
	while (n && n->kind != XML_ELEMENT)
		n = n->next;
	return n;
}

const struct xml_node *xml_first(const struct xml_node *e)
{
	return element_from(e->children);
}

const struct xml_node *xml_next(const struct xml_node *e)
{
	return element_from(e->next);
}

const struct xml_node *xml_child(const struct xml_node *e, struct str ns, struct str name)
{
	XML_FOR_EACH_CHILD(child, e)
		if (xml_is(child, ns, name))
			return child;
	return NULL;
}

size_t xml_child_count(const struct xml_node *e)
{
	size_t count = 0;
	XML_FOR_EACH_CHILD(child, e)
		count++;
	return count;
}

bool xml_is_empty(const struct xml_node *e)
{
	for (const struct xml_node *n = e->children; n; n = n->next)
		if (n->kind == XML_ELEMENT || str_trim(str_make(n->p, n->n)).n)
			return false;
	return true;
}

struct str xml_text(const struct xml_node *e, struct arena *a)
{
	const struct xml_node *only = NULL;
	size_t total = 0, pieces = 0;
	for (const struct xml_node *n = e->children; n; n = n->next) {
		if (n->kind != XML_TEXT)
			continue;
		only = n;
		total += n->n;
		pieces++;
	}
	if (pieces <= 1)
		return only ? str_make(only->p, only->n) : (struct str){ "", 0 };
	char *joined = arena_alloc_bytes(a, total), *to = joined;
	for (const struct xml_node *n = e->children; n; n = n->next) {
		if (n->kind != XML_TEXT)
			continue;
		memcpy(to, n->p, n->n);
		to += n->n;
	}
	return str_make(joined, total);
}

static bool is_same_tag(const struct xml_node *x, const struct xml_node *y)
{
	if (x->attr_count != y->attr_count || !xml_is(x, *y->ns, xml_name(y)))
		return false;
	/* No name is there twice, so it is enough to look for those of one side. */
	for (unsigned i = 0; i < x->attr_count; i++) {
		const struct xml_attr *a = &x->attrs[i];
		const struct xml_attr *same =
			find_attr(y, a->ns ? *a->ns : (struct str){ 0 }, str_make(a->name, a->name_n));
		if (!same || !str_eq(str_make(a->value, a->value_n), str_make(same->value, same->value_n)))
			return false;
	}
	return true;
}

/* Moves both behind the text they are at, however it is cut into nodes. False if it is not the same. */
static bool skip_same_text(const struct xml_node **x, const struct xml_node **y)
{
	struct str s = { 0 }, t = { 0 };
	for (;;) {
		for (; s.n == 0 && *x && (*x)->kind == XML_TEXT; *x = (*x)->next)
			s = str_make((*x)->p, (*x)->n);
		for (; t.n == 0 && *y && (*y)->kind == XML_TEXT; *y = (*y)->next)
			t = str_make((*y)->p, (*y)->n);
		size_t n = s.n < t.n ? s.n : t.n;
		if (n == 0)
			return s.n == t.n;
		if (memcmp(s.p, t.p, n) != 0)
			return false;
		s = str_from(s, n);
		t = str_from(t, n);
	}
}

/* Both at once, as long as they agree. */
static bool walk_both(struct xml_walk *x, struct xml_walk *y)
{
	enum xml_step step;
	do {
		if (!skip_same_text(&x->next, &y->next))
			return false;
		step = xml_walk_next(x);
		if (step != xml_walk_next(y))
			return false;
		if (step == XML_STEP_ENTER && !is_same_tag(x->node, y->node))
			return false;
	} while (step != XML_STEP_DONE);
	return true;
}

bool xml_equal(const struct xml_node *x, const struct xml_node *y)
{
	if (x->kind == XML_TEXT && y->kind == XML_TEXT)
		return str_eq(str_make(x->p, x->n), str_make(y->p, y->n));
	struct xml_walk walk_x, walk_y;
	xml_walk_begin(&walk_x, x);
	xml_walk_begin(&walk_y, y);
	bool equal = walk_both(&walk_x, &walk_y);
	xml_walk_end(&walk_x);
	xml_walk_end(&walk_y);
	return equal;
}
