/* The numbers of docs/SECURITY.md, P3 and S5. A new kind of peer gets a constant of its own here. */
#include "lib/stream/limits.h"

#include "lib/base/macros.h"
#include "lib/xmpp/ns.h"

const struct xml_limits stream_limits_before = {
	.bytes = 8 << 10,
	.space_bytes = 1 << 10,
	.depth = 8,
	.elements = 32,
	.attributes = 16,
	.declarations = 8,
	.name_bytes = 64,
	.uri_bytes = 256,
	.value_bytes = 4 << 10,
};

/* White space is how a session is kept alive (RFC 6120, 4.6.1): no end of it is too much here. */
const struct xml_limits stream_limits_client = {
	.bytes = 256 << 10,
	.space_bytes = 0,
	.depth = 64,
	.elements = 16 << 10,
	.attributes = 64,
	.declarations = 128,
	.name_bytes = 256,
	.uri_bytes = 1 << 10,
	.value_bytes = 64 << 10,
};

const struct xml_limits stream_limits_server = {
	.bytes = 4 << 20,
	.space_bytes = 0,
	.depth = 64,
	.elements = 64 << 10,
	.attributes = 64,
	.declarations = 64 << 10, /* those in force at once are bounded by the parser */
	.name_bytes = 256,
	.uri_bytes = 1 << 10,
	.value_bytes = 64 << 10,
};

static const struct str forbidden[] = {
	STR_INIT("http://etherx.jabber.org/streams"),
	STR_INIT("urn:ietf:params:xml:ns:xmpp-framing"),
};

const struct xml_rules stream_rules = {
	.forbidden_namespaces = forbidden,
	.forbidden_count = ARRAY_LEN(forbidden),
	.forbidden_prefix = STR_INIT("stream"),
};
