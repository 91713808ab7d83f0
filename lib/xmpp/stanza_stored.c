/* Stanzas as bytes at rest: written by the one writer, read by the one parser, as strictly as from a peer. */
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

/* What was taken from a client, with what writing it anew may add: escapes, declarations, our own elements. */
static const struct xml_limits limits = {
	.bytes = 4u << 20,
	.depth = XML_DEPTH_MAX,
	.elements = 65536,
	.attributes = 128,
	.declarations = 1u << 20, /* the writer repeats them where they change */
	.name_bytes = 1024,
	.uri_bytes = 4096,
	.value_bytes = 1u << 20,
};

void stanza_write_stored(struct buf *b, struct stanza *s)
{
	stanza_write(b, s, NULL, NULL, &(struct xml_dialect){ .content = NS_CLIENT, .declare = true });
}

struct stanza *stanza_parse_stored(struct str bytes, enum stanza_condition *condition_r)
{
	struct xml_scope scope = { .content = NS_CLIENT };
	const struct xml_node *root;
	struct arena *a;
	enum stanza_kind kind;
	struct stanza *s;
	const char *why;
	if (xml_parse_document(bytes, &limits, &scope, &a, &root, &why) != 0)
		return NULL;
	if (!stanza_kind_of(root, &kind)) {
		arena_free(&a);
		return NULL;
	}
	enum stanza_condition condition = stanza_take(&a, root, &s, &why);
	if (condition_r)
		*condition_r = condition;
	else if (condition != STANZA_OK)
		stanza_unref(&s);
	return s;
}
