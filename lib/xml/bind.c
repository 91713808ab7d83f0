/* Namespaces in XML 1.0, 3, 5 and 6: declaring and looking up. */
#include "lib/xml/bind.h"

#include "lib/xml/chars.h"
#include "lib/xml/node.h"
#include "lib/xml/scan.h"

#define NS_XMLNS STR("http://www.w3.org/2000/xmlns/")

static const struct xml_binding no_namespace = { 0 };
static const struct xml_binding xml_namespace = { .uri = STR_INIT("http://www.w3.org/XML/1998/namespace") };

static bool is_for(const struct xml_binding *binding, struct str prefix)
{
	return binding->prefix_n == prefix.n && str_eq(str_make(binding->prefix, binding->prefix_n), prefix);
}

static bool is_forbidden(const struct xml_rules *rules, struct str uri)
{
	for (size_t i = 0; rules && i < rules->forbidden_count; i++)
		if (str_eq(rules->forbidden_namespaces[i], uri))
			return true;
	return false;
}

static bool is_content(const struct xml_scope *scope, struct str uri)
{
	return scope && uri.n && str_eq(scope->content, uri);
}

static struct xml_binding *new_binding(struct xml_bindings *b, struct str prefix, struct str uri)
{
	struct xml_binding *binding = arena_alloc(b->arena, sizeof(*binding));
	*binding = (struct xml_binding){
		.uri = uri,
		.prefix = prefix.p,
		.prefix_n = (uint32_t)prefix.n,
		.is_content = is_content(b->scope, uri),
		.is_forbidden = is_forbidden(b->rules, uri),
	};
	return binding;
}

/* What is wrong with declaring it, or NULL (Namespaces in XML 1.0, 3, "Reserved Prefixes and Namespace Names"). */
static const char *refuse(struct str prefix, struct str uri)
{
	bool is_xml = str_eq(prefix, STR("xml"));
	if (is_xml != str_eq(uri, XML_NS_XML))
		return "a declaration of the prefix xml or its namespace";
	if (str_eq(prefix, STR("xmlns")) || str_eq(uri, NS_XMLNS))
		return "a declaration of the prefix xmlns or its namespace";
	if (prefix.n && !uri.n)
		return "a prefix bound to no namespace";
	if (!xml_scan_is_plain_uri(uri.p, uri.n) && !xml_is_namespace_uri(uri))
		return "a namespace that is no URI";
	return NULL;
}

int xml_bind(struct xml_bindings *b, struct str prefix, struct str uri, uint16_t depth, const char **why_r)
{
	*why_r = refuse(prefix, uri);
	if (*why_r)
		return -XML_NOT_WELL_FORMED;
	for (const struct xml_binding *same = b->newest; same && same->depth == depth; same = same->older) {
		if (is_for(same, prefix)) {
			*why_r = "a prefix declared twice";
			return -XML_NOT_WELL_FORMED;
		}
	}
	if (++b->count > XML_DECLARATIONS_MAX) {
		*why_r = "too many namespace declarations in force";
		return -XML_LIMIT;
	}
	struct xml_binding *binding = new_binding(b, prefix, uri);
	binding->older = b->newest;
	binding->depth = depth;
	b->newest = binding;
	if (prefix.n == 0)
		b->fallback = binding;
	return 0;
}

void xml_unbind_slow(struct xml_bindings *b, uint16_t depth)
{
	for (; b->newest && b->newest->depth == depth; b->newest = b->newest->older) {
		if (b->newest->prefix_n == 0)
			b->fallback = NULL;
		b->count--;
	}
}

void xml_bindings_init(
	struct xml_bindings *b, struct arena *a, const struct xml_scope *scope, const struct xml_rules *rules)
{
	*b = (struct xml_bindings){ .arena = a, .scope = scope, .rules = rules };
	if (scope)
		b->content = (struct xml_binding){
			.uri = scope->content,
			.is_content = true,
			.is_forbidden = is_forbidden(rules, scope->content),
		};
}

static const struct xml_declaration *find_in_scope(const struct xml_scope *scope, struct str prefix)
{
	for (size_t i = 0; scope && i < scope->count; i++)
		if (str_eq(scope->declarations[i].prefix, prefix))
			return &scope->declarations[i];
	return NULL;
}

/* Copied once: the scope may go before the tree does. */
static const struct xml_binding *import(struct xml_bindings *b, struct str prefix)
{
	for (const struct xml_binding *old = b->imported; old; old = old->older)
		if (is_for(old, prefix))
			return old;
	const struct xml_declaration *d = find_in_scope(b->scope, prefix);
	if (!d)
		return NULL;
	struct xml_binding *binding = new_binding(b, d->prefix, arena_dup(b->arena, d->uri));
	binding->older = b->imported;
	b->imported = binding;
	return binding;
}

static const struct xml_binding *find_default_in_scope(struct xml_bindings *b)
{
	const struct xml_declaration *d = find_in_scope(b->scope, (struct str){ 0 });
	if (!d || d->uri.n == 0)
		return &no_namespace;
	return is_content(b->scope, d->uri) ? &b->content : import(b, d->prefix);
}

const struct xml_binding *xml_binding_find(struct xml_bindings *b, struct str prefix)
{
	/* Declared or not. */
	if (str_eq(prefix, STR("xml")))
		return &xml_namespace;
	for (const struct xml_binding *binding = b->newest; binding; binding = binding->older)
		if (is_for(binding, prefix))
			return binding;
	return prefix.n ? import(b, prefix) : find_default_in_scope(b);
}

const struct str *xml_binding_uri(struct xml_bindings *b, const struct xml_binding *binding)
{
	if (binding == &b->content)
		binding = import(b, (struct str){ 0 });
	return binding == &xml_namespace ? &xml_ns_xml : &binding->uri;
}
