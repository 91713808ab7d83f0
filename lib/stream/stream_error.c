/* Stream errors: their names, how they are written, how a received one is read. The list itself is in the header. */
#include "lib/stream/stream_error.h"

#include "lib/base/macros.h"
#include "lib/xml/writer.h"
#include "lib/xml/xml.h"
#include "lib/xmpp/jid.h"
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

/* Redirects (RFC 6120, 4.9.3.19). */

/* The colon of the port, or the end. Those inside of brackets belong to the address. */
static size_t host_bytes(struct str text)
{
	size_t bracket = str_index(text, ']');
	if (bracket < text.n)
		return bracket + 1;
	return str_index(text, ':');
}

static bool parse_port(struct str rest, uint16_t *port_r)
{
	uint64_t port = 0;
	*port_r = 0;
	if (str_is_empty(rest))
		return true;
	if (rest.p[0] != ':' || !str_parse_u64(str_from(rest, 1), UINT16_MAX, &port) || port == 0)
		return false;
	*port_r = (uint16_t)port;
	return true;
}

bool stream_redirect_parse(struct arena *a, struct str text, struct stream_redirect *redirect_r)
{
	struct stream_redirect r;
	const char *why;
	text = str_trim(text);
	size_t n = host_bytes(text);
	if (!parse_port(str_from(text, n), &r.port) || jid_normalise_domain(a, str_first(text, n), &r.host, &why) != 0)
		return false;
	*redirect_r = r;
	return true;
}

void stream_redirect_write(struct buf *out, const struct stream_redirect *redirect)
{
	buf_lit(out, "<stream:error><see-other-host");
	xml_write_attr(out, STR("xmlns"), NS_STREAM_ERRORS);
	buf_lit(out, ">");
	xml_write_text(out, redirect->host);
	if (redirect->port)
		buf_printf(out, ":%u", redirect->port);
	buf_lit(out, "</see-other-host></stream:error>");
}

bool stream_redirect_read(const struct xml_node *e, struct arena *a, struct stream_redirect *redirect_r)
{
	XML_FOR_EACH_CHILD(child, e)
	{
		if (xml_is(child, NS_STREAM_ERRORS, STR("see-other-host")))
			return stream_redirect_parse(a, xml_text(child, a), redirect_r);
	}
	return false;
}
