/* Derived stanzas, and the bytes that they share.
 *
 * Each stanza caches the bytes of the children that are its own; to write one is to add up those along its chain of
 * origins. The cache is made when it is first needed and published once, by whichever thread comes first. */
#include "lib/xmpp/stanza_private.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"

#define USUAL_ATTRIBUTES 8

struct stanza_children {
	size_t n;
	char p[];
};

/* Deriving. */

/* Addresses are set anew in any case, from the fields. */
static bool is_replaced(const struct stanza_change *c, const struct xml_attr *attr, struct str name)
{
	if (attr->ns)
		return c->lang.n && str_eq(*attr->ns, NS_XML) && str_eq(name, STR("lang"));
	return str_eq(name, STR("to")) || str_eq(name, STR("from")) || (c->id.n && str_eq(name, STR("id"))) ||
		(c->type.n && str_eq(name, STR("type")));
}

/* All strings are copied, so that the new stanza need not keep the old one for them. */
static struct xml_node *derive_root(struct arena *a, const struct stanza *s, const struct stanza_change *c)
{
	const struct xml_node *old = s->root;
	struct xml_node *root = xml_new(a, NS_CONTENT, stanza_kind_name(s->kind));
	for (size_t i = 0; i < old->attr_count; i++) {
		const struct xml_attr *attr = &old->attrs[i];
		struct str name = str_make(attr->name, attr->name_n);
		if (!is_replaced(c, attr, name))
			xml_set_ns(a, root, attr->ns ? arena_dup(a, *attr->ns) : STR(""), arena_dup(a, name),
				arena_dup(a, str_make(attr->value, attr->value_n)));
	}
	if (c->id.n)
		xml_set(a, root, STR("id"), arena_dup(a, c->id));
	if (c->type.n)
		xml_set(a, root, STR("type"), arena_dup(a, c->type));
	if (c->lang.n)
		xml_set_ns(a, root, NS_XML, STR("lang"), arena_dup(a, c->lang));
	return root;
}

/* Most of what a derived stanza will take. */
static size_t derived_bytes(const struct stanza *s)
{
	size_t n = 2 * sizeof(struct stanza_full) + 2 * sizeof(struct jid);
	for (size_t i = 0; i < s->root->attr_count; i++)
		n += 2 * sizeof(struct xml_attr) + 2 * s->root->attrs[i].value_n + s->root->attrs[i].name_n;
	return n;
}

static bool drops_any(const struct stanza *s, const struct stanza_change *c)
{
	if (!c->drop)
		return false;
	XML_FOR_EACH_CHILD(child, s->root) {
		if (c->drop(child, c->drop_ctx))
			return true;
	}
	return false;
}

/* Appends the children of `s` that are not dropped, sharing what is in them. */
static void keep_some(struct arena *a, struct xml_node *root, const struct stanza *s, const struct stanza_change *c)
{
	for (const struct xml_node *child = s->root->children; child; child = child->next)
		if (child->kind == XML_TEXT || !c->drop(child, c->drop_ctx))
			xml_add_shared(a, root, child);
}

/* Lets the list run on into that of `s`: the last step of building, for nothing can be appended any more. */
static void share_all(struct xml_node *root, const struct stanza *s)
{
	const struct xml_node *last = root->children;
	while (last && last->next)
		last = last->next;
	if (last)
		((struct xml_node *)last)->next = s->root->children; /* of our own arena, and not yet seen by anyone */
	else
		root->children = s->root->children;
}

static bool has_own_children(const struct stanza_full *f)
{
	return f->s.root->children != f->shared;
}

struct stanza *stanza_derive(struct stanza *s, const struct stanza_change *c)
{
	struct arena *a = arena_new(derived_bytes(s), SIZE_MAX);
	struct xml_node *root = derive_root(a, s, c);
	const struct jid *to = stanza_set_address(a, root, STR("to"), c->to ? c->to : c->drop_to ? NULL : s->to);
	const struct jid *from = stanza_set_address(a, root, STR("from"),
		c->from ? c->from : c->drop_from ? NULL : s->from);
	struct stanza_full *f, *origin = stanza_full(s);
	for (const struct xml_node *child = c->add; child; child = child->next)
		stanza_add_copy(a, root, child);
	bool shares = !drops_any(s, c);
	if (shares)
		share_all(root, s);
	else
		keep_some(a, root, s, c);
	(void)stanza_init(a, root, &f); /* a wrong type was wrong before */
	f->s.to = to;
	f->s.from = from;
	if (shares && !has_own_children(origin))
		origin = origin->origin;
	if (origin && root->children)
		f->origin = stanza_full(stanza_ref(&origin->s));
	f->shared = shares ? s->root->children : NULL;
	return &f->s;
}

/* Writing. */

/* Writes them, and keeps the bytes if they fit. */
static void make_own_bytes(struct buf *b, struct stanza_full *f)
{
	size_t start = buf_len(b);
	for (const struct xml_node *child = f->s.root->children; child != f->shared; child = child->next)
		xml_write_child(b, f->s.root, child);
	if (buf_failed(b))
		return;
	struct str bytes = str_from(buf_str(b), start);
	struct stanza_children *made = mem_alloc(sizeof(*made) + bytes.n), *first = NULL;
	made->n = bytes.n;
	if (bytes.n)
		memcpy(made->p, bytes.p, bytes.n);
	if (!atomic_compare_exchange_strong_explicit(
		    &f->own_bytes, &first, made, memory_order_acq_rel, memory_order_acquire))
		mem_free(made);
}

static void write_children(struct buf *b, struct stanza_full *f)
{
	for (; f; f = f->shared ? f->origin : NULL) {
		if (!has_own_children(f))
			continue;
		const struct stanza_children *own = atomic_load_explicit(&f->own_bytes, memory_order_acquire);
		if (own)
			buf_add(b, str_make(own->p, own->n));
		else
			make_own_bytes(b, f);
	}
}

static void replace_address(struct xml_attr *attrs, uint16_t *count, const char *name, const struct jid *j)
{
	uint16_t at = 0;
	if (!j)
		return;
	while (at < *count && (attrs[at].ns || !str_eq(str_make(attrs[at].name, attrs[at].name_n), str_from_c(name))))
		at++;
	if (at == *count)
		++*count;
	attrs[at] = (struct xml_attr){ NULL, name, j->p, (uint32_t)strlen(name), (uint32_t)jid_full(j).n };
}

/* The top element for one recipient, without the > of its tag. */
static void write_open(struct buf *b, const struct xml_node *root, const struct jid *from, const struct jid *to,
	const struct xml_dialect *dialect)
{
	struct xml_attr usual[USUAL_ATTRIBUTES + 2], *attrs = usual;
	uint16_t count = root->attr_count;
	if (count > USUAL_ATTRIBUTES)
		attrs = mem_zalloc_array(count + 2u, sizeof(*attrs));
	if (count)
		memcpy(attrs, root->attrs, count * sizeof(*attrs));
	replace_address(attrs, &count, "from", from);
	replace_address(attrs, &count, "to", to);
	struct xml_node top = { .kind = XML_ELEMENT, .p = root->p, .n = root->n, .ns = root->ns };
	top.attr_count = count;
	top.attrs = attrs;
	xml_write_open(b, &top, dialect);
	if (attrs != usual)
		mem_free(attrs);
}

void stanza_write(struct buf *b, struct stanza *s, const struct jid *from, const struct jid *to,
	const struct xml_dialect *dialect)
{
	write_open(b, s->root, from, to, dialect);
	if (!s->root->children) {
		buf_lit(b, "/>");
		return;
	}
	buf_add_byte(b, '>');
	write_children(b, stanza_full(s));
	xml_write_close(b, s->root);
}
