/* The writer. It writes straight into memory reserved in the buffer, somewhat more than what comes next needs, but
 * never more than the buffer may hold: it fails only if what is written does not fit. */
#include "lib/xml/writer.h"

#include "lib/base/mem.h"
#include "lib/xml/scan.h"
#include "lib/xml/walk.h"

#define SPARE_BYTES 512

struct sink {
	struct buf *buf;
	char *to; /* where the next byte goes */
	size_t left; /* of what has been reserved */
	size_t reserved;
};

static void sink_end(struct sink *k)
{
	if (k->reserved)
		buf_commit(k->buf, k->reserved - k->left);
	k->reserved = k->left = 0;
}

/* False if there is none. */
static bool make_room(struct sink *k, size_t n)
{
	sink_end(k);
	size_t free = k->buf->max - buf_len(k->buf);
	size_t want = n <= free && free - n < SPARE_BYTES ? n : n + SPARE_BYTES;
	k->to = buf_reserve(k->buf, want);
	k->reserved = k->left = k->to ? want : 0;
	return k->to;
}

/* Where n bytes, all of which will be written, can go; NULL if there is no room. Then take_room. */
static inline char *room(struct sink *k, size_t n)
{
	return LIKELY(k->left >= n) || make_room(k, n) ? k->to : NULL;
}

static inline void take_room(struct sink *k, const char *end)
{
	size_t n = (size_t)(end - k->to);
	k->to += n;
	k->left -= n;
}

/* Behind what has been copied. Most of it is short. */
static inline char *copy(char *to, struct str s)
{
	const char *from = s.p;
	size_t n = s.n;
	if (n > 16) {
		memcpy(to, from, n);
	} else if (n >= 8) {
		uint64_t first, last;
		memcpy(&first, from, 8);
		memcpy(&last, from + n - 8, 8);
		memcpy(to, &first, 8);
		memcpy(to + n - 8, &last, 8);
	} else if (n >= 4) {
		uint32_t first, last;
		memcpy(&first, from, 4);
		memcpy(&last, from + n - 4, 4);
		memcpy(to, &first, 4);
		memcpy(to + n - 4, &last, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
	return to + n;
}

/* `s` is not empty. */
static inline void put(struct sink *k, struct str s)
{
	char *to = room(k, s.n);
	if (to)
		take_room(k, copy(to, s));
}

static inline void put_byte(struct sink *k, char c)
{
	put(k, str_make(&c, 1));
}

/* Escapes. */

enum { ESCAPE_FIRST_IN_VALUE = 7 };

static const struct str escapes[] = {
	STR_INIT(""), /* as it is */
	STR_INIT("&lt;"), STR_INIT("&gt;"), STR_INIT("&amp;"),
	STR_INIT("&apos;"), STR_INIT("&quot;"), STR_INIT("&#13;"),
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

/* From the first byte that may have to be escaped. */
static void put_rest_escaped(struct sink *k, const char *p, const char *end, bool in_value)
{
	while (p < end) {
		struct str e = escape(*p, in_value);
		put(k, e.n ? e : str_make(p, 1));
		const char *run = p + 1;
		p = xml_scan_escape(run, end);
		if (p > run)
			put(k, str_make(run, (size_t)(p - run)));
	}
}

static inline void put_escaped(struct sink *k, struct str s, bool in_value)
{
	if (s.n == 0)
		return;
	const char *end = s.p + s.n, *p = xml_scan_escape(s.p, end);
	if (LIKELY(p == end)) {
		put(k, s);
	} else {
		if (p > s.p)
			put(k, str_make(s.p, (size_t)(p - s.p)));
		put_rest_escaped(k, p, end, in_value);
	}
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

#define PREFIX_BYTES 24

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

/* ` name='value'` behind a prefix, if there is one. */
static inline void put_attr(struct sink *k, struct str prefix, struct str name, struct str value)
{
	/* Escapes only make it longer. */
	char *to = room(k, 4 + prefix.n + (prefix.n != 0) + name.n + value.n);
	if (!to)
		return;
	*to++ = ' ';
	if (prefix.n) {
		to = copy(to, prefix);
		*to++ = ':';
	}
	to = copy(to, name);
	*to++ = '=';
	*to++ = '\'';
	take_room(k, to);
	put_escaped(k, value, true);
	put_byte(k, '\'');
}

/* The prefix of an attribute in a namespace is declared on its own element, xml but for. */
static void put_attrs(struct sink *k, const struct xml_attr **attrs, size_t count)
{
	const struct str *ns = NULL;
	char bytes[PREFIX_BYTES];
	struct str prefix = { 0 };
	unsigned number = 0;
	for (size_t i = 0; i < count; i++) {
		const struct xml_attr *a = attrs[i];
		if (a->ns && !(ns && is_same_ns(a->ns, ns))) {
			ns = a->ns;
			prefix = prefix_of(a, ns == &xml_ns_xml ? number : ++number, bytes);
			if (ns != &xml_ns_xml)
				put_attr(k, STR("xmlns"), prefix, *ns);
		}
		put_attr(k, prefix, str_make(a->name, a->name_n), str_make(a->value, a->value_n));
	}
}

/* <name attributes; `uri` is to be declared, unless it is NULL. */
static void put_tag(struct sink *k, const struct xml_node *e, const struct str *uri)
{
	char *to = room(k, 1 + (size_t)e->n);
	if (!to)
		return;
	*to++ = '<';
	take_room(k, copy(to, xml_name(e)));
	if (uri)
		put_attr(k, (struct str){ 0 }, STR("xmlns"), *uri);
	if (e->attr_count) {
		struct sorted sorted XML_UNINITIALIZED;
		sort_attrs(&sorted, e);
		put_attrs(k, sorted.attrs, sorted.count);
		free_sorted(&sorted);
	}
}

static void put_end_tag(struct sink *k, const struct xml_node *e)
{
	char *to = room(k, 3 + (size_t)e->n);
	if (!to)
		return;
	*to++ = '<';
	*to++ = '/';
	to = copy(to, xml_name(e));
	*to++ = '>';
	take_room(k, to);
}

/* Trees. Every element says its namespace without a prefix, so the default namespace is always that of the parent. */

static const struct str content_inside = STR_INIT(XML_CONTENT_INSIDE);

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

/* Behind the attributes of `e`, to its end. */
static void put_inside(struct sink *k, const struct xml_node *e)
{
	struct xml_walk w XML_UNINITIALIZED;
	xml_walk_begin(&w, e);
	xml_walk_push(&w, e);
	for (;;) {
		enum xml_step step = xml_walk_next(&w);
		if (step == XML_STEP_TEXT) {
			put_escaped(k, str_make(w.node->p, w.node->n), false);
		} else if (step == XML_STEP_ENTER) {
			put_tag(k, w.node, ns_inside(w.node, xml_walk_parent(&w)));
			put(k, w.node->children ? STR(">") : STR("/>"));
		} else if (w.depth == 0) {
			break;
		} else if (w.node->children) {
			put_end_tag(k, w.node);
		}
	}
	xml_walk_end(&w);
}

static void put_element(struct sink *k, const struct xml_node *e, const struct str *uri)
{
	put_tag(k, e, uri);
	if (!e->children) {
		put(k, STR("/>"));
		return;
	}
	put_byte(k, '>');
	put_inside(k, e);
	put_end_tag(k, e);
}

void xml_write(struct buf *b, const struct xml_node *e, const struct xml_dialect *d)
{
	struct sink k = { .buf = b };
	put_element(&k, e, ns_at_top(e, d));
	sink_end(&k);
}

void xml_write_open(struct buf *b, const struct xml_node *e, const struct xml_dialect *d)
{
	struct sink k = { .buf = b };
	put_tag(&k, e, ns_at_top(e, d));
	sink_end(&k);
}

void xml_write_children(struct buf *b, const struct xml_node *e)
{
	struct sink k = { .buf = b };
	put_inside(&k, e);
	sink_end(&k);
}

void xml_write_child(struct buf *b, const struct xml_node *parent, const struct xml_node *child)
{
	struct sink k = { .buf = b };
	if (child->kind == XML_TEXT)
		put_escaped(&k, str_make(child->p, child->n), false);
	else
		put_element(&k, child, ns_inside(child, parent));
	sink_end(&k);
}

void xml_write_close(struct buf *b, const struct xml_node *e)
{
	struct sink k = { .buf = b };
	put_end_tag(&k, e);
	sink_end(&k);
}

void xml_write_attr(struct buf *b, struct str name, struct str value)
{
	struct sink k = { .buf = b };
	put_attr(&k, (struct str){ 0 }, name, value);
	sink_end(&k);
}

void xml_write_text(struct buf *b, struct str text)
{
	struct sink k = { .buf = b };
	put_escaped(&k, text, false);
	sink_end(&k);
}
