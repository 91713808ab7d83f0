/* Stanza errors: names, and the element. The conditions and their types are the table in error.h. */
#include "lib/xmpp/error.h"

#include "lib/base/fault.h"
#include "lib/xmpp/ns.h"

#define CONDITION_COUNT (STANZA_UNEXPECTED_REQUEST + 1)

static const struct str condition_names[CONDITION_COUNT] = {
#define X(constant, element, type) [STANZA_##constant] = STR_INIT(element),
	STANZA_ERRORS(X)
#undef X
};

static const enum stanza_error_type usual_types[CONDITION_COUNT] = {
#define X(constant, element, type) [STANZA_##constant] = STANZA_ERROR_##type,
	STANZA_ERRORS(X)
#undef X
};

static const struct str type_names[] = {
	[STANZA_ERROR_AUTH] = STR_INIT("auth"),
	[STANZA_ERROR_CANCEL] = STR_INIT("cancel"),
	[STANZA_ERROR_CONTINUE] = STR_INIT("continue"),
	[STANZA_ERROR_MODIFY] = STR_INIT("modify"),
	[STANZA_ERROR_WAIT] = STR_INIT("wait"),
};

struct stanza_error stanza_error_make(enum stanza_condition condition, const char *text)
{
	return (struct stanza_error){ condition, usual_types[condition], str_from_c(text), { NULL, 0 }, { NULL, 0 } };
}

struct str stanza_condition_name(enum stanza_condition c)
{
	return condition_names[c];
}

struct str stanza_error_type_name(enum stanza_error_type t)
{
	return type_names[t];
}

struct xml_node *stanza_error_build(struct arena *a, const struct stanza_error *error)
{
	assert_always(error->condition != STANZA_OK);
	struct xml_node *e = xml_new(a, NS_CONTENT, STR("error"));
	xml_set(a, e, STR("type"), type_names[error->type]);
	xml_add(a, e, NS_STANZA_ERRORS, condition_names[error->condition]);
	if (error->text.n) {
		struct xml_node *text = xml_add_with_text(a, e, NS_STANZA_ERRORS, STR("text"), arena_dup(a,
			error->text));
		xml_set_ns(a, text, NS_XML, STR("lang"), STR("en"));
	}
	if (error->app_name.n)
		xml_add(a, e, arena_dup(a, error->app_ns), arena_dup(a, error->app_name));
	return e;
}

/* RFC 6120, 8.3.2: a condition we do not know is as good as undefined-condition. */
static enum stanza_condition parse_condition(struct str name)
{
	for (int c = STANZA_OK + 1; c < CONDITION_COUNT; c++)
		if (str_eq(name, condition_names[c]))
			return (enum stanza_condition)c;
	return STANZA_UNDEFINED_CONDITION;
}

static enum stanza_error_type parse_type(struct str name, enum stanza_condition condition)
{
	for (size_t t = 0; t < ARRAY_LEN(type_names); t++)
		if (str_eq(name, type_names[t]))
			return (enum stanza_error_type)t;
	return usual_types[condition];
}

void stanza_error_parse(const struct xml_node *stanza, struct arena *a, struct stanza_error *error_r)
{
	*error_r = stanza_error_make(STANZA_UNDEFINED_CONDITION, NULL);
	const struct xml_node *e = xml_child(stanza, NS_CONTENT, STR("error"));
	if (!e)
		return;
	bool has_condition = false;
	XML_FOR_EACH_CHILD(child, e) {
		if (xml_is(child, NS_STANZA_ERRORS, STR("text"))) {
			error_r->text = xml_text(child, a);
		} else if (!str_eq(xml_ns(child), NS_STANZA_ERRORS)) {
			if (error_r->app_name.n)
				continue;
			error_r->app_ns = xml_ns(child);
			error_r->app_name = xml_name(child);
		} else if (!has_condition) {
			has_condition = true;
			error_r->condition = parse_condition(xml_name(child));
		}
	}
	error_r->type = parse_type(xml_attr(e, STR("type")), error_r->condition);
}
