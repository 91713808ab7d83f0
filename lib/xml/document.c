/* What stands around elements: a stream's header with its XML declaration; a document that is one element. */
#include "lib/xml/parser_state.h"

#include "lib/xml/scan.h"

/* ` name = 'value'` inside an XML declaration. `at`, with an empty *value_r, if it is not there. */
static char *read_pseudo_attribute(char *at, struct str name, struct str *value_r)
{
	*value_r = (struct str){ 0 };
	char *p = skip_space(at);
	if (p == at || strncmp(p, name.p, name.n) != 0)
		return at;
	p = skip_space(p + name.n);
	if (*p != '=')
		return at;
	p = skip_space(p + 1);
	char *end = *p == '\'' || *p == '"' ? strchr(p + 1, *p) : NULL;
	if (!end)
		return at;
	*value_r = str_make(p + 1, (size_t)(end - p - 1));
	return end + 1;
}

/* XML 1.0, 2.8, productions 23 to 32 */
static char *read_xml_declaration(struct parser *p, char *at)
{
	struct str version, encoding, standalone;
	at = read_pseudo_attribute(at + sizeof("<?xml") - 1, STR("version"), &version);
	at = read_pseudo_attribute(at, STR("encoding"), &encoding);
	at = read_pseudo_attribute(at, STR("standalone"), &standalone);
	at = skip_space(at);
	if (!version.p)
		return xml_parser_fail_at(p, at, "an XML declaration without a version");
	if (!str_eq(version, STR("1.0")))
		return fail(p, XML_VERSION, "a version of XML other than 1.0");
	if (encoding.p && !str_eq_nocase(encoding, STR("UTF-8")))
		return fail(p, XML_ENCODING, "an encoding other than UTF-8");
	if (standalone.p && !str_eq(standalone, STR("yes")) && !str_eq(standalone, STR("no")))
		return fail(p, XML_NOT_WELL_FORMED, "standalone is neither yes nor no");
	if (at[0] != '?' || at[1] != '>')
		return xml_parser_fail_at(p, at, "an XML declaration that does not end");
	return skip_space(at + 2);
}

/* False if it is wrong. */
static bool read_header(struct parser *p, char *at)
{
	if (strncmp(at, "<?xml", 5) == 0)
		at = read_xml_declaration(p, at);
	if (!at)
		return false;
	if (*at != '<')
		return xml_parser_fail_at(p, at, "no stream header");
	at = xml_parser_read_start(p, at);
	if (at && p->depth == 0)
		return fail(p, XML_FORBIDDEN, "a stream header that is an empty element");
	if (at && at != p->end)
		return fail(p, XML_NOT_WELL_FORMED, "bytes behind the stream header");
	return at;
}

int xml_parse_open(struct arena *a, struct str bytes, const struct xml_node **root_r,
	const struct xml_declaration **declarations_r, size_t *count_r, const char **why_r)
{
	struct parser p XML_UNINITIALIZED;
	const struct xml_node *root = NULL;
	char *at = xml_parser_begin(&p, a, bytes, NULL, NULL, &root);
	if (!at || !read_header(&p, at)) {
		*why_r = p.why;
		return p.error;
	}
	size_t count = p.bindings.count;
	struct xml_declaration *declarations = arena_alloc(a, count * sizeof(*declarations));
	*declarations_r = declarations;
	*count_r = count;
	for (const struct xml_binding *b = p.bindings.newest; b; b = b->older)
		declarations[--count] = (struct xml_declaration){ str_make(b->prefix, b->prefix_n), b->uri };
	*root_r = root;
	return 0;
}

int xml_parse_document(struct str bytes, const struct xml_limits *limits, const struct xml_scope *scope,
	struct arena **arena_r, const struct xml_node **root_r, const char **why_r)
{
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	framer_feed(&f, limits, bytes, &frame);
	*why_r = frame.why;
	if (frame.kind == FRAME_ERROR)
		return frame.error;
	*why_r = "not one whole element";
	struct str element = str_first(str_from(bytes, frame.skip), frame.take);
	if (frame.kind != FRAME_ELEMENT || str_trim(str_from(bytes, frame.skip + frame.take)).n)
		return -XML_NOT_WELL_FORMED;
	struct arena *a = arena_new(xml_parse_bytes(&frame), SIZE_MAX);
	int error = xml_parse(a, element, scope, NULL, root_r, why_r);
	if (error)
		arena_free(&a);
	else
		*arena_r = a;
	return error;
}
