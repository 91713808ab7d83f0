/* Reading and writing stream headers, and what is kept of one. A new attribute goes into struct stream_header and into
 * stream_header_parse and stream_header_write. */
#include "lib/stream/header.h"

#include "lib/base/mem.h"
#include "lib/xml/node.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#include <string.h>

/* Longer than any registered language with all its subtags (RFC 5646, 4.4.1). */
#define LANG_BYTES_MAX 64

static const struct xml_declaration usual_declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
};

static const struct xml_scope usual_scope = {
	.declarations = usual_declarations,
	.count = ARRAY_LEN(usual_declarations),
	.content = STR_INIT("jabber:client"),
};

static bool is_usual(const struct xml_declaration *d, size_t count)
{
	if (count != ARRAY_LEN(usual_declarations))
		return false;
	size_t first = str_is_empty(d[0].prefix) ? 0 : 1;
	for (size_t i = 0; i < count; i++) {
		const struct xml_declaration *one = &d[i ^ first];
		if (!str_eq(one->prefix, usual_declarations[i].prefix) || !str_eq(one->uri, usual_declarations[i].uri))
			return false;
	}
	return true;
}

static struct str put(char **at, struct str s)
{
	char *p = *at;
	if (s.n)
		memcpy(p, s.p, s.n);
	*at += s.n;
	return str_make(p, s.n);
}

static size_t text_bytes(const struct xml_declaration *d, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += d[i].prefix.n + d[i].uri.n;
	return n;
}

/* A block of its own, strings included: the header it was read from goes. */
static const struct xml_scope *new_scope(const struct xml_declaration *d, size_t count)
{
	if (is_usual(d, count))
		return &usual_scope;
	struct xml_scope *scope = mem_alloc(sizeof(*scope) + count * sizeof(*d) + text_bytes(d, count));
	struct xml_declaration *own = (struct xml_declaration *)(scope + 1);
	char *at = (char *)(own + count);
	for (size_t i = 0; i < count; i++) {
		own[i].prefix = put(&at, d[i].prefix);
		own[i].uri = put(&at, d[i].uri);
	}
	*scope = (struct xml_scope){ .declarations = own, .count = count, .content = NS_CLIENT };
	return scope;
}

void stream_scope_free(const struct xml_scope **scope)
{
	if (*scope != &usual_scope)
		mem_free((void *)(uintptr_t)*scope);
	*scope = NULL;
}

size_t stream_scope_bytes(const struct xml_scope *scope)
{
	if (!scope || scope == &usual_scope)
		return 0;
	return sizeof(*scope) + scope->count * sizeof(*scope->declarations) +
	       text_bytes(scope->declarations, scope->count);
}

/* Letters, digits and hyphens; that is all that must be true of it to be passed on (RFC 6120, 4.7.4). */
static bool is_language(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return s.n > 0 && s.n <= LANG_BYTES_MAX;
}

/* RFC 6120, 4.7.5: two numbers; the minor one only has to be one. */
static bool is_current(struct str version)
{
	struct str rest = version, major;
	uint64_t n;
	return str_cut(&rest, '.', &major) && str_parse_u64(rest, UINT32_MAX, &n) &&
	       str_parse_u64(major, UINT32_MAX, &n) && n >= 1;
}

static struct str default_namespace(const struct xml_declaration *d, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_is_empty(d[i].prefix))
			return d[i].uri;
	}
	return STR("");
}

enum stream_condition stream_header_parse(struct arena *a, struct str bytes, struct stream_header *header_r,
	const struct xml_scope **scope_r, const char **why_r)
{
	const struct xml_node *root;
	const struct xml_declaration *declarations;
	size_t count;
	*header_r = (struct stream_header){ 0 };
	int rc = xml_parse_open(a, bytes, &root, &declarations, &count, why_r);
	if (rc)
		return stream_condition_of_xml(rc);
	*header_r = (struct stream_header){
		.to = xml_attr(root, STR("to")),
		.from = xml_attr(root, STR("from")),
		.id = xml_attr(root, STR("id")),
		.lang = xml_attr_ns(root, NS_XML, STR("lang")),
		.is_current = is_current(xml_attr(root, STR("version"))),
	};
	if (!is_language(header_r->lang))
		header_r->lang = str_make(NULL, 0);
	if (!str_eq(xml_ns(root), NS_STREAMS)) {
		*why_r = "the header is not in the namespace of streams";
		return STREAM_INVALID_NAMESPACE;
	}
	if (!str_eq(xml_name(root), STR("stream"))) {
		*why_r = "the header is not called stream";
		return STREAM_BAD_FORMAT;
	}
	/* RFC 6120, 4.8.2: the default namespace is the content's, unless each stanza says its own. */
	struct str content = default_namespace(declarations, count);
	if (!str_is_empty(content) && !str_eq(content, NS_CLIENT) && !str_eq(content, NS_STREAMS)) {
		*why_r = "the content namespace is not that of clients";
		return STREAM_INVALID_NAMESPACE;
	}
	*scope_r = new_scope(declarations, count);
	return STREAM_OK;
}

static void write_attribute(struct buf *out, struct str name, struct str value)
{
	if (value.p)
		xml_write_attr(out, name, value);
}

void stream_header_write(struct buf *out, const struct stream_header *h)
{
	/* RFC 6120, 11.5: the declaration SHOULD come first. */
	buf_lit(out, "<?xml version='1.0'?><stream:stream");
	xml_write_attr(out, STR("xmlns"), NS_CLIENT);
	xml_write_attr(out, STR("xmlns:stream"), NS_STREAMS);
	write_attribute(out, STR("id"), h->id);
	write_attribute(out, STR("from"), h->from);
	write_attribute(out, STR("to"), h->to);
	if (h->is_current)
		xml_write_attr(out, STR("version"), STR("1.0"));
	write_attribute(out, STR("xml:lang"), h->lang);
	buf_lit(out, ">");
}
