/* Stream errors: their names, how they are written, how a received one is read. The list itself is in the header. */
#include "lib/stream/stream_error.h"

#include "lib/base/macros.h"
#include "lib/xml/writer.h"
#include "lib/xml/xml.h"
#include "lib/xmpp/ns.h"

static const struct str names[] = { [STREAM_OK] = STR_INIT(""),
#define X(constant, element) [STREAM_##constant] = STR_INIT(element),
	STREAM_ERRORS(X)
#undef X
};

struct str stream_condition_name(enum stream_condition c)
{
	return names[c];
}

enum stream_condition stream_condition_parse(struct str name)
{
	for (size_t i = STREAM_OK + 1; i < ARRAY_LEN(names); i++) {
		if (str_eq(names[i], name))
			return (enum stream_condition)i;
	}
	return STREAM_UNDEFINED_CONDITION;
}

enum stream_condition stream_condition_of_xml(int error)
{
	switch (-error) {
	case XML_RESTRICTED: return STREAM_RESTRICTED_XML;
	case XML_LIMIT: return STREAM_POLICY_VIOLATION;
	case XML_ENCODING: return STREAM_UNSUPPORTED_ENCODING;
	case XML_VERSION: return STREAM_UNSUPPORTED_VERSION;
	case XML_FORBIDDEN: return STREAM_BAD_FORMAT;
	default: return STREAM_NOT_WELL_FORMED;
	}
}

void stream_error_write(struct buf *out, enum stream_condition c, struct str text)
{
	buf_lit(out, "<stream:error><");
	buf_add(out, names[c]);
	xml_write_attr(out, STR("xmlns"), NS_STREAM_ERRORS);
	buf_lit(out, "/>");
	if (!str_is_empty(text)) {
		buf_lit(out, "<text");
		xml_write_attr(out, STR("xmlns"), NS_STREAM_ERRORS);
		buf_lit(out, " xml:lang='en'>");
		xml_write_text(out, text);
		buf_lit(out, "</text>");
	}
	buf_lit(out, "</stream:error>");
}

enum stream_condition stream_error_parse(const struct xml_node *e, struct arena *a, struct str *text_r)
{
	enum stream_condition c = STREAM_OK;
	*text_r = STR("");
	XML_FOR_EACH_CHILD(child, e)
	{
		if (!str_eq(xml_ns(child), NS_STREAM_ERRORS))
			continue;
		if (str_eq(xml_name(child), STR("text")))
			*text_r = xml_text(child, a);
		else if (c == STREAM_OK)
			c = stream_condition_parse(xml_name(child));
	}
	return c == STREAM_OK ? STREAM_UNDEFINED_CONDITION : c;
}
