/* The writer. Every tag and every text is measured first and then written into memory reserved for just that, so that a
 * buffer is never failed for want of room that is not needed. */
#include "lib/xml/writer.h"

#include "lib/base/mem.h"
#include "lib/xml/scan.h"
#include "lib/xml/walk.h"

/* Escapes. */

enum { ESCAPE_FIRST_IN_VALUE = 7 };

static const struct str escapes[] = {
	STR_INIT(""), /* as it is */
	STR_INIT("&lt;"), STR_INIT("&gt;"), STR_INIT("&amp;"), STR_INIT("&apos;"), STR_INIT("&quot;"), STR_INIT("&#13;"),
	/* In attribute values only: */
	STR_INIT("&#10;"), STR_INIT("&#9;"),
};

static const uint8_t escape_of[256] = {
	['<'] = 1, ['>'] = 2, ['&'] = 3, ['\''] = 4, ['"'] = 5, ['\r'] = 6, ['\n'] = 7, ['\t'] = 8,
};

static struct str escape(char c, bool in_value)
{
	unsigned i = escape_of[(unsigned char)c];
	return escapes[in_value || i < ESCAPE_FIRST_IN_VALUE ? i : 0];
}

static size_t escaped_bytes(struct str s, bool in_value)
{
	if (s.n == 0)
		return 0;
	size_t n = s.n;
	const char *end = s.p + s.n;
	for (const char *p = xml_scan_escape(s.p, end); p < end; p = xml_scan_escape(p + 1, end)) {
		struct str e = escape(*p, in_value);
		n += e.n ? e.n - 1 : 0;
	}
	return n;
}

/* Where bytes go; with `to` NULL they are only counted. */
struct sink {
	char *to;
	size_t n;
};

static inline void put(struct sink *k, struct str s)
{
	if (k->to && s.n)
		memcpy(k->to + k->n, s.p, s.n);
	k->n += s.n;
}

static void put_runs(struct sink *k, struct str s, bool in_value)
{
	if (s.n == 0)
		return;
	const char *end = s.p + s.n;
	for (const char *p = s.p, *run = p; run < end; run = ++p) {
		p = xml_scan_escape(run, end);
		put(k, str_make(run, (size_t)(p - run)));
		if (p == end)
			return;
		struct str e = escape(*p, in_value);
		put(k, e.n ? e : str_make(p, 1));
	}
}

static void put_escaped(struct sink *k, struct str s, bool in_value)
{
	if (k->to)
		put_runs(k, s, in_value);
	else
		k->n += escaped_bytes(s, in_value);
}

/* Attributes are written in the order of their names, those in a namespace last: equal trees give equal bytes. */

static int compare(const struct xml_attr *x, const struct xml_attr *y)
{
	if (x->ns != y->ns) {
		if (!x->ns || !y->ns)
			return x->ns ? 1 : -1;
		int d = str_cmp(*x->ns, *y->ns);
		if (d)
			return d;
	}
	unsigned char c = (unsigned char)x->name[0], d = (unsigned char)y->name[0];
	return c != d ? c - d : str_cmp(str_make(x->name, x->name_n), str_make(y->name, y->name_n));
}

/* By insertion, in ever smaller steps (Shell). */
static void sort(const struct xml_attr **attrs, size_t count)
{
	for (size_t gap = count > 8 ? count / 3 : 1; gap; gap = gap > 1 && gap < 3 ? 1 : gap / 3) {
		for (size_t i = gap; i < count; i++) {
			const struct xml_attr *a = attrs[i];
			size_t j = i;
			for (; j >= gap && compare(attrs[j - gap], a) > 0; j -= gap)
				attrs[j] = attrs[j - gap];
			attrs[j] = a;
		}
	}
}

#define FEW_ATTRS 16

struct sorted {
	const struct xml_attr **attrs;
	size_t count;
	const struct xml_attr *few[FEW_ATTRS];
};

static void sort_attrs(struct sorted *s, const struct xml_node *e)
{
	s->count = e->attr_count;
	s->attrs = s->count <= FEW_ATTRS ? s->few : mem_zalloc_array(s->count, sizeof(*s->attrs));
	for (size_t i = 0; i < s->count; i++)
		s->attrs[i] = &e->attrs[i];
	sort(s->attrs, s->count);
}

static void free_sorted(struct sorted *s)
{
	if (s->attrs != s->few)
		mem_free(s->attrs);
}

/* Tags. */

#define PREFIX_BYTES 8

/* `xml`, or `a` and a number. */
static struct str prefix_of(const struct xml_attr *a, unsigned number, char out[PREFIX_BYTES])
{
	if (a->ns == &xml_ns_xml)
		return STR("xml");
	size_t at = PREFIX_BYTES;
	for (; number || at == PREFIX_BYTES; number /= 10)
		out[--at] = (char)('0' + number % 10);
	out[--at] = 'a';
	return str_make(out + at, PREFIX_BYTES - at);
}

static bool is_same_ns(const struct str *x, const struct str *y)
{
	return x == y || str_eq(*x, *y);
}

struct tag {
	struct str name, end; /* what comes behind the attributes */
	const struct str *uri; /* to be declared as the default namespace, or NULL */
	struct sorted sorted;
};

/* ` name='value'` behind a prefix, if there is one. */
static void put_attr(struct sink *k, struct str prefix, struct str name, struct str value)
{
	put(k, STR(" "));
	if (prefix.n) {
		put(k, prefix);
		put(k, STR(":"));
	}
	put(k, name);
	put(k, STR("='"));
	put_escaped(k, value, true);
	put(k, STR("'"));
}

static void put_tag(struct sink *k, const struct tag *t)
{
	const struct str *ns = NULL;
	char bytes[PREFIX_BYTES];
	struct str prefix = { 0 };
	unsigned number = 0;
	put(k, STR("<"));
	put(k, t->name);
	if (t->uri)
		put_attr(k, prefix, STR("xmlns"), *t->uri);
	for (size_t i = 0; i < t->sorted.count; i++) {
		const struct xml_attr *a = t->sorted.attrs[i];
		if (a->ns && !(ns && is_same_ns(a->ns, ns))) {
			ns = a->ns;
			prefix = prefix_of(a, ns == &xml_ns_xml ? number : ++number, bytes);
			if (ns != &xml_ns_xml)
				put_attr(k, STR("xmlns"), prefix, *ns);
		}
		put_attr(k, prefix, str_make(a->name, a->name_n), str_make(a->value, a->value_n));
	}
	put(k, t->end);
}

/* `uri` is to be declared, unless it is NULL. */
static void write_tag(struct buf *b, const struct xml_node *e, const struct str *uri, struct str end)
{
	struct tag t;
	t.name = xml_name(e);
	t.end = end;
	t.uri = uri;
	sort_attrs(&t.sorted, e);
	struct sink k = { 0 };
	put_tag(&k, &t);
	k.to = buf_reserve(b, k.n);
	if (k.to) {
		k.n = 0;
		put_tag(&k, &t);
		buf_commit(b, k.n);
	}
	free_sorted(&t.sorted);
}

static void write_end_tag(struct buf *b, const struct xml_node *e)
{
	struct sink k = { .to = buf_reserve(b, e->n + 3) };
	if (!k.to)
		return;
	put(&k, STR("</"));
	put(&k, xml_name(e));
	put(&k, STR(">"));
	buf_commit(b, k.n);
}

static void write_escaped(struct buf *b, struct str s, bool in_value)
{
	struct sink k = { .to = buf_reserve(b, escaped_bytes(s, in_value)) };
	if (!k.to)
		return;
	put_runs(&k, s, in_value);
	buf_commit(b, k.n);
}

/* Trees. Every element says its namespace without a prefix, so the default namespace is always that of the parent. */

static const struct str content_inside = STR_INIT("jabber:client");

static const struct str *ns_inside(const struct xml_node *e, const struct xml_node *parent)
{
	if (is_same_ns(e->ns, parent->ns))
		return NULL;
	return e->ns == &xml_ns_content ? &content_inside : e->ns;
}

static const struct str *ns_at_top(const struct xml_node *e, const struct xml_dialect *d)
{
	if (e->ns != &xml_ns_content)
		return e->ns;
	return d->declare ? &d->content : NULL;
}

/* What is inside the element that the walk is in, up to and with its end. */
static void write_inside(struct buf *b, struct xml_walk *w)
{
	while (w->depth) {
		switch (xml_walk_next(w)) {
		case XML_STEP_ENTER:
			write_tag(b, w->node, ns_inside(w->node, xml_walk_parent(w)),
				w->node->children ? STR(">") : STR("/>"));
			break;
		case XML_STEP_TEXT:
			xml_write_text(b, str_make(w->node->p, w->node->n));
			break;
		default:
			if (w->node->children && w->depth)
				write_end_tag(b, w->node);
			break;
		}
	}
}

void xml_write_open(struct buf *b, const struct xml_node *e, const struct xml_dialect *d)
{
	write_tag(b, e, ns_at_top(e, d), (struct str){ 0 });
}

void xml_write_children(struct buf *b, const struct xml_node *e)
{
	struct xml_walk w;
	xml_walk_begin(&w, e);
	xml_walk_push(&w, e);
	write_inside(b, &w);
	xml_walk_end(&w);
}

void xml_write_child(struct buf *b, const struct xml_node *parent, const struct xml_node *child)
{
	if (child->kind == XML_TEXT) {
		xml_write_text(b, str_make(child->p, child->n));
		return;
	}
	write_tag(b, child, ns_inside(child, parent), child->children ? STR(">") : STR("/>"));
	xml_write_children(b, child);
	if (child->children)
		write_end_tag(b, child);
}

void xml_write_close(struct buf *b, const struct xml_node *e)
{
	write_end_tag(b, e);
}

void xml_write(struct buf *b, const struct xml_node *e, const struct xml_dialect *d)
{
	write_tag(b, e, ns_at_top(e, d), e->children ? STR(">") : STR("/>"));
	xml_write_children(b, e);
	if (e->children)
		write_end_tag(b, e);
}

void xml_write_attr(struct buf *b, struct str name, struct str value)
{
	struct sink k = { 0 };
	put_attr(&k, (struct str){ 0 }, name, value);
	k.to = buf_reserve(b, k.n);
	if (!k.to)
		return;
	k.n = 0;
	put_attr(&k, (struct str){ 0 }, name, value);
	buf_commit(b, k.n);
}

void xml_write_text(struct buf *b, struct str text)
{
	write_escaped(b, text, false);
}
