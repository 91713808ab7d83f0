/* The parser: tags, and how they make a tree. What is inside quotes and between tags is in decode.c, prefixes are in
 * bind.c, characters in chars.c, stream headers in document.c.
 *
 * The element is copied into the arena once, and zero bytes behind it: names, values and text are slices of that copy,
 * and no scan needs to look for the end, since no legal character is zero. */
#include "lib/xml/parser_state.h"

#include "lib/xml/decode.h"
#include "lib/xml/scan.h"

char *xml_parser_fail_at(struct parser *p, char *at, const char *why)
{
	if (at == p->end)
		return fail(p, XML_NOT_WELL_FORMED, "an element that does not end");
	if (!xml_char_is_ascii(*at) && !xml_chars_beyond_ascii(at, &p->error, &p->why))
		return NULL;
	return fail(p, XML_NOT_WELL_FORMED, why);
}

/* A name as it is written (Namespaces in XML 1.0, production 7). */
struct qname {
	char *p, *end;
	char *local; /* is p if there is no prefix */
};

/* `end` is NULL if there is none. */
static inline struct qname read_qname(char *at)
{
	struct qname name = { .p = at, .local = at, .end = xml_name_end(at) };
	if (UNLIKELY(name.end && *name.end == ':')) {
		name.local = name.end + 1;
		name.end = xml_name_end(name.local);
	}
	return name;
}

static inline struct str prefix_of(struct qname name)
{
	return name.local == name.p ? (struct str){ 0 } : str_make(name.p, (size_t)(name.local - 1 - name.p));
}

static inline struct str local_of(struct qname name)
{
	return str_make(name.local, (size_t)(name.end - name.local));
}

static inline struct str whole_of(struct qname name)
{
	return str_make(name.p, (size_t)(name.end - name.p));
}

/* Below the top. */
static bool is_ruled(const struct parser *p)
{
	return p->rules && p->depth > 1;
}

static bool is_forbidden_prefix(const struct parser *p, struct str prefix)
{
	return is_ruled(p) && prefix.n && str_eq(prefix, p->rules->forbidden_prefix);
}

/* NULL, and failed, if it is not bound or may not be used here. */
static const struct xml_binding *find_prefix(struct parser *p, struct str prefix)
{
	const struct xml_binding *b = xml_binding_find(&p->bindings, prefix);
	if (b && !is_forbidden_prefix(p, prefix) && !(is_ruled(p) && b->is_forbidden))
		return b;
	if (b)
		fail(p, XML_FORBIDDEN, "a namespace or prefix that is forbidden inside an element");
	else
		fail(p, XML_NOT_WELL_FORMED, "a prefix that is not bound");
	return NULL;
}

/* Attributes. */

/* False, and failed, if it may not be declared. */
static bool declare(struct parser *p, struct str prefix, struct str uri)
{
	if (is_forbidden_prefix(p, prefix))
		return fail(p, XML_FORBIDDEN, "a prefix that is forbidden inside an element");
	p->error = xml_bind(&p->bindings, prefix, uri, (uint16_t)p->depth, &p->why);
	return p->error == 0;
}

/* One bit of 64, from the ends and the length of the name. */
static inline uint64_t bit_of(struct str name)
{
	return (uint64_t)1 << (((unsigned char)name.p[0] + 7 * (unsigned char)name.p[name.n - 1] + name.n) & 63);
}

static inline bool add_attribute(struct parser *p, struct qname name, char *value, size_t value_n)
{
	if (name.local != name.p) {
		if (str_eq(prefix_of(name), STR("xmlns")))
			return declare(p, local_of(name), str_make(value, value_n));
		p->prefixed[p->prefixed_count++] = (struct prefixed){ p->attr_count, prefix_of(name) };
	} else if (*name.p == 'x' && str_eq(whole_of(name), STR("xmlns"))) {
		return declare(p, (struct str){ 0 }, str_make(value, value_n));
	}
	struct str local = local_of(name);
	uint64_t bit = bit_of(local);
	p->maybe_twice |= (p->seen & bit) != 0;
	p->seen |= bit;
	p->attrs[p->attr_count++] = (struct xml_attr){
		.name = local.p,
		.value = value,
		.name_n = (uint32_t)local.n,
		.value_n = (uint32_t)value_n,
	};
	return true;
}

static inline char *read_attribute(struct parser *p, char *at)
{
	struct qname name = read_qname(at);
	if (UNLIKELY(!name.end))
		return xml_parser_fail_at(p, name.local, "an attribute without a name");
	at = name.end;
	if (UNLIKELY(*at != '='))
		at = skip_space(at);
	if (UNLIKELY(*at != '='))
		return xml_parser_fail_at(p, at, "an attribute without a value");
	char quote = *++at;
	if (UNLIKELY(quote != '\'' && quote != '"')) {
		at = skip_space(at);
		quote = *at;
		if (quote != '\'' && quote != '"')
			return xml_parser_fail_at(p, at, "an attribute without a quoted value");
	}
	char *value = ++at;
	at = xml_scan_value(value, quote);
	size_t value_n = (size_t)(at - value);
	if (UNLIKELY(*at != quote)) {
		at = xml_decode_value(at, quote, &value_n, &p->error, &p->why);
		if (!at)
			return NULL;
	}
	if (UNLIKELY(p->attr_count == XML_ATTRIBUTES_MAX))
		return fail(p, XML_LIMIT, "too many attributes");
	return add_attribute(p, name, value, value_n) ? at + 1 : NULL;
}

static bool resolve_attributes(struct parser *p)
{
	for (unsigned i = 0; i < p->prefixed_count; i++) {
		const struct xml_binding *b = find_prefix(p, p->prefixed[i].prefix);
		if (!b)
			return false;
		p->attrs[p->prefixed[i].index].ns = xml_binding_uri(&p->bindings, b);
	}
	return true;
}

static bool is_same_name(const struct xml_attr *x, const struct xml_attr *y)
{
	if (x->name_n != y->name_n || memcmp(x->name, y->name, x->name_n) != 0)
		return false;
	return x->ns == y->ns || (x->ns && y->ns && str_eq(*x->ns, *y->ns));
}

/* Every pair, of XML_ATTRIBUTES_MAX at most; seldom needed (Namespaces in XML 1.0, 6.3). */
static bool refuse_twice(struct parser *p)
{
	for (unsigned i = 1; i < p->attr_count; i++)
		for (unsigned j = 0; j < i; j++)
			if (is_same_name(&p->attrs[i], &p->attrs[j]))
				return fail(p, XML_NOT_WELL_FORMED, "an attribute twice");
	return true;
}

/* From behind the name of a start tag to behind its > or />. */
static char *read_attributes(struct parser *p, char *at)
{
	p->attr_count = p->prefixed_count = 0;
	p->maybe_twice = false;
	p->seen = 0;
	while (xml_char_is(*at, XML_CHAR_SPACE)) {
		at = skip_space(at + 1);
		if (*at == '>' || *at == '/')
			break;
		at = read_attribute(p, at);
		if (UNLIKELY(!at))
			return NULL;
	}
	p->empty = *at == '/';
	at += p->empty;
	if (UNLIKELY(*at != '>'))
		return xml_parser_fail_at(p, at, "a tag that does not end");
	if (p->prefixed_count && !resolve_attributes(p))
		return NULL;
	if (p->maybe_twice && !refuse_twice(p))
		return NULL;
	return at + 1;
}

/* Elements. */

/* NULL, and failed, if it is not bound or may not be used here. */
static const struct str *find_namespace(struct parser *p, struct qname name)
{
	const struct xml_binding *b = name.local == name.p ? xml_binding_default(&p->bindings)
							   : find_prefix(p, prefix_of(name));
	if (!b)
		return NULL;
	if (b->is_content && (p->depth <= 1 || p->open[p->depth - 1].node->ns == &xml_ns_content))
		return &xml_ns_content;
	const struct str *ns = xml_binding_uri(&p->bindings, b);
	if (UNLIKELY(b->is_forbidden && is_ruled(p)))
		fail(p, XML_FORBIDDEN, "a namespace that is forbidden inside an element");
	else if (UNLIKELY(ns == &xml_ns_xml)) /* it cannot be written without a prefix */
		fail(p, XML_FORBIDDEN, "an element in the namespace of xml:lang");
	else
		return ns;
	return NULL;
}

/* The node of the tag that has just been read, its attributes behind it in memory. */
static struct xml_node *new_element(struct parser *p, struct str name, const struct str *ns)
{
	size_t attrs_n = p->attr_count * sizeof(struct xml_attr);
	size_t node_n = p->attr_count ? sizeof(struct xml_node) : XML_NODE_BYTES_WITHOUT_ATTRS;
	struct xml_node *node = arena_alloc(p->arena, node_n + attrs_n);
	node->next = NULL;
	node->p = name.p;
	node->n = (uint32_t)name.n;
	node->attr_count = (uint16_t)p->attr_count;
	node->kind = XML_ELEMENT;
	node->built = 0;
	node->ns = ns;
	node->children = NULL;
	if (p->attr_count)
		node->attrs = memcpy(node + 1, p->attrs, attrs_n);
	return node;
}

/* Behind the end of the innermost open element. */
static inline void leave(struct parser *p)
{
	p->link = &p->open[p->depth].node->next;
	xml_unbind(&p->bindings, (uint16_t)p->depth);
	p->depth--;
}

char *xml_parser_read_start(struct parser *p, char *at)
{
	if (UNLIKELY(++p->depth > XML_DEPTH_MAX))
		return fail(p, XML_LIMIT, "elements nested too deeply");
	struct qname name = read_qname(at + 1);
	if (UNLIKELY(!name.end))
		return xml_parser_fail_at(p, name.local, "a tag without a name");
	at = read_attributes(p, name.end);
	if (UNLIKELY(!at))
		return NULL;
	const struct str *ns = find_namespace(p, name);
	if (UNLIKELY(!ns))
		return NULL;
	struct xml_node *node = new_element(p, local_of(name), ns);
	*p->link = node;
	p->link = &node->children;
	p->open[p->depth] = (struct open){ node, whole_of(name) };
	if (p->empty)
		leave(p);
	return at;
}

/* At </ */
static char *read_end(struct parser *p, char *at)
{
	struct str name = p->open[p->depth].name;
	at += 2;
	if ((size_t)(p->end - at) <= name.n || memcmp(at, name.p, name.n) != 0)
		return xml_parser_fail_at(p, at, "an end tag that does not match");
	at = skip_space(at + name.n);
	if (UNLIKELY(*at != '>'))
		return xml_parser_fail_at(p, at, "an end tag that does not match");
	leave(p);
	return at + 1;
}

static char *read_text(struct parser *p, char *at)
{
	char *text = at;
	at = xml_scan_text(text);
	size_t n = (size_t)(at - text);
	if (*at != '<' || at[1] == '!') {
		at = xml_decode_text(at, &n, &p->error, &p->why);
		if (!at)
			return NULL;
	}
	if (n == 0)
		return at;
	struct xml_node *node = arena_alloc(p->arena, XML_NODE_BYTES_OF_TEXT);
	node->next = NULL;
	node->p = text;
	node->n = (uint32_t)n;
	node->attr_count = 0;
	node->kind = XML_TEXT;
	node->built = 0;
	*p->link = node;
	p->link = &node->next;
	return at;
}

/* One whole element, and nothing else. False if it is wrong. */
static bool read_element(struct parser *p, char *at)
{
	at = *at == '<' ? xml_parser_read_start(p, at) : xml_parser_fail_at(p, at, "no element");
	while (at && p->depth) {
		if (*at != '<' || at[1] == '!')
			at = read_text(p, at);
		else if (at[1] == '/')
			at = read_end(p, at);
		else
			at = xml_parser_read_start(p, at);
	}
	if (at && at != p->end)
		at = fail(p, XML_NOT_WELL_FORMED, "bytes behind the element");
	return at;
}

char *xml_parser_begin(struct parser *p, struct arena *a, struct str bytes, const struct xml_scope *scope,
	const struct xml_rules *rules, const struct xml_node **root_r)
{
	if (bytes.n > UINT32_MAX)
		return fail(p, XML_LIMIT, "an element too large");
	char *copy = arena_alloc_bytes(a, bytes.n + XML_SCAN_PAD);
	if (bytes.n)
		memcpy(copy, bytes.p, bytes.n);
	memset(copy + bytes.n, 0, XML_SCAN_PAD);
	p->end = copy + bytes.n;
	p->arena = a;
	p->rules = rules;
	p->link = root_r;
	p->depth = 0;
	p->error = 0;
	xml_bindings_init(&p->bindings, a, scope, rules);
	return copy;
}

size_t xml_parse_bytes(const struct frame *frame)
{
	size_t n = (size_t)frame->bytes + XML_SCAN_PAD + 7; /* what follows the copy is aligned to 8 */
	n += (size_t)frame->elements * XML_NODE_BYTES_WITHOUT_ATTRS;
	/* Every element with attributes has the pointer to them, too. */
	n += (size_t)frame->attributes * (sizeof(struct xml_attr) + sizeof(struct xml_attr *));
	n += (size_t)frame->texts * XML_NODE_BYTES_OF_TEXT;
	n += (size_t)frame->declarations * sizeof(struct xml_binding);
	if (frame->kind == FRAME_OPEN)
		n += (size_t)frame->declarations * sizeof(struct xml_declaration);
	return n;
}

int xml_parse(struct arena *a, struct str bytes, const struct xml_scope *scope, const struct xml_rules *rules,
	const struct xml_node **root_r, const char **why_r)
{
	struct parser p XML_UNINITIALIZED;
	const struct xml_node *root = NULL;
	char *at = xml_parser_begin(&p, a, bytes, scope, rules, &root);
	if (at && read_element(&p, at)) {
		*root_r = root;
		return 0;
	}
	*why_r = p.why;
	return p.error;
}
