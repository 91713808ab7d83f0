/* Compiling and filling of elements, without recursion: each keeps a stack of the elements that are open. */
#include "cmd/scenario/pattern.h"

#include "lib/xml/xml.h"

#include <string.h>

static bool is_blank(struct str s)
{
	return str_is_empty(str_trim(s));
}

static struct str attr_ns(const struct xml_attr *attr)
{
	return attr->ns ? *attr->ns : STR("");
}

/* Compiling. */

static bool compile_attributes(struct arena *a, struct pattern *p, const char **why_r)
{
	const struct xml_node *e = p->element;
	struct pattern_attribute *list = arena_alloc(a, e->attr_count * sizeof(*list));
	for (size_t i = 0; i < e->attr_count; i++) {
		const struct xml_attr *attr = &e->attrs[i];
		list[i] = (struct pattern_attribute){ .ns = attr_ns(attr), .name = str_make(attr->name, attr->name_n) };
		if (!template_parse(a, str_make(attr->value, attr->value_n), &list[i].value, why_r))
			return false;
		if (list[i].value.has_more || list[i].value.is_ordered) {
			*why_r = "{more} and {ordered} are text of an element, no value of an attribute";
			return false;
		}
	}
	p->attributes = list;
	p->attribute_count = e->attr_count;
	return true;
}

/* All but the children, which are given later. */
static struct pattern *compile_head(struct arena *a, const struct xml_node *e, const char **why_r)
{
	struct pattern *p = arena_zalloc(a, sizeof(*p));
	p->element = e;
	p->children = arena_alloc(a, xml_child_count(e) * sizeof(struct pattern *));
	if (!compile_attributes(a, p, why_r) || !template_parse(a, xml_text(e, a), &p->text, why_r))
		return NULL;
	p->has_more = p->text.has_more;
	p->is_ordered = p->text.is_ordered;
	p->is_trimmed = xml_first(e) || p->has_more || p->is_ordered;
	if (p->is_trimmed)
		template_trim(&p->text);
	return p;
}

bool pattern_compile(struct arena *a, const struct xml_node *root, const struct pattern **p_r, const char **why_r)
{
	struct pattern *open[XML_DEPTH_MAX];
	const struct xml_node *next[XML_DEPTH_MAX];
	size_t depth = 0;
	const struct xml_node *e = root;
	while (e || depth) {
		if (!e) {
			depth--;
			e = depth ? next[depth - 1] : NULL;
			continue;
		}
		struct pattern *p = compile_head(a, e, why_r);
		if (!p)
			return false;
		if (depth) {
			struct pattern *parent = open[depth - 1];
			parent->children[parent->child_count++] = p;
			next[depth - 1] = xml_next(e);
		} else {
			*p_r = p;
		}
		open[depth++] = p;
		e = xml_first(e);
	}
	return true;
}

/* Sent elements: a walk that knows the element around each node. */

struct place {
	const struct xml_node *node; /* the next one inside */
	struct xml_node *copy;       /* of the element; NULL while only checking */
	bool has_children;
};

struct filler {
	struct arena *arena;
	const struct variables *variables; /* NULL: only checking */
	const char *why;
	struct str unbound;
};

static bool fill_text(struct filler *f, struct str in, struct str *out_r)
{
	struct template t;
	if (!template_parse(f->arena, in, &t, &f->why))
		return false;
	if (!template_is_sendable(&t)) {
		f->why = "what is sent holds variables and repetitions only";
		return false;
	}
	if (!f->variables)
		return true;
	struct buf text;
	buf_init(&text, 2 * TEMPLATE_BYTES_MAX);
	bool filled = template_expand(&t, f->variables, &text, &f->unbound);
	if (filled)
		*out_r = arena_dup(f->arena, buf_str(&text));
	buf_fini(&text);
	return filled;
}

static bool fill_element(struct filler *f, const struct xml_node *e, struct xml_node *copy)
{
	for (size_t i = 0; i < e->attr_count; i++) {
		const struct xml_attr *attr = &e->attrs[i];
		struct str value;
		if (!fill_text(f, str_make(attr->value, attr->value_n), &value))
			return false;
		if (copy && attr->ns)
			xml_set_ns(f->arena, copy, *attr->ns, str_make(attr->name, attr->name_n), value);
		else if (copy)
			xml_set(f->arena, copy, str_make(attr->name, attr->name_n), value);
	}
	return true;
}

static bool fill_inner_text(struct filler *f, const struct place *around, struct str text)
{
	struct str filled;
	if (around->has_children && is_blank(text))
		return true;
	if (!fill_text(f, text, &filled))
		return false;
	if (around->copy)
		xml_add_text(f->arena, around->copy, filled);
	return true;
}

static bool fill(struct filler *f, const struct xml_node *root, struct xml_node *copy)
{
	struct place stack[XML_DEPTH_MAX];
	size_t depth = 0;
	stack[depth++] = (struct place){ root->children, copy, xml_first(root) };
	if (!fill_element(f, root, copy))
		return false;
	while (depth) {
		struct place *around = &stack[depth - 1];
		const struct xml_node *node = around->node;
		if (!node) {
			depth--;
			continue;
		}
		around->node = node->next;
		if (node->kind == XML_TEXT) {
			if (!fill_inner_text(f, around, str_make(node->p, node->n)))
				return false;
			continue;
		}
		struct xml_node *child =
			around->copy ? xml_add(f->arena, around->copy, xml_ns(node), xml_name(node)) : NULL;
		if (!fill_element(f, node, child))
			return false;
		stack[depth++] = (struct place){ node->children, child, xml_first(node) };
	}
	return true;
}

bool pattern_check_sent(struct arena *scratch, const struct xml_node *root, const char **why_r)
{
	struct filler f = { .arena = scratch };
	bool is_fine = fill(&f, root, NULL);
	if (!is_fine)
		*why_r = f.why;
	return is_fine;
}

bool pattern_fill(struct arena *a, const struct xml_node *root, const struct variables *v,
	const struct xml_node **filled_r, struct str *unbound_r)
{
	struct filler f = { .arena = a, .variables = v };
	struct xml_node *copy = xml_new(a, xml_ns(root), xml_name(root));
	bool filled = fill(&f, root, copy);
	*filled_r = copy;
	*unbound_r = f.unbound;
	return filled;
}
