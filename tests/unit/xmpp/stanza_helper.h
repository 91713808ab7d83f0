/* What the tests of stanzas share: reading an element as on a client's stream, writing a stanza for one. Included after
 * cmocka.h, by tests only. */
#ifndef LINNET_TEST_STANZA_HELPER_H
#define LINNET_TEST_STANZA_HELPER_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/stanza.h"

#include <string.h>

static inline void assert_str(struct str s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	if (s.n)
		assert_memory_equal(s.p, expected, s.n);
}

/* *arena_r is the caller's. */
static inline const struct xml_node *parse_element(const char *text, struct arena **arena_r)
{
	static const struct xml_limits limits = {
		.bytes = 1 << 20, .depth = 64, .elements = 1000, .attributes = 64, .declarations = 64,
			.name_bytes = 256,
		.uri_bytes = 256, .value_bytes = 65536,
	};
	static const struct xml_declaration declaration = { STR_INIT(""), STR_INIT("jabber:client") };
	struct xml_scope scope = { &declaration, 1, STR("jabber:client") };
	const struct xml_node *root = NULL;
	const char *why = "";
	if (xml_parse_document(str_from_c(text), &limits, &scope, arena_r, &root, &why) != 0)
		fail_msg("%s: %s", text, why);
	return root;
}

static inline struct stanza *take_stanza(const char *text)
{
	struct arena *a;
	struct stanza *s;
	const char *why = "";
	const struct xml_node *root = parse_element(text, &a);
	if (stanza_take(&a, root, &s, &why) != STANZA_OK)
		fail_msg("%s: %s", text, why);
	return s;
}

static inline const struct jid *jid(struct arena *a, const char *text)
{
	const struct jid *j = NULL;
	const char *why;
	assert_int_equal(jid_parse(a, str_from_c(text), &j, &why), 0);
	return j;
}

static inline void assert_written(struct stanza *s, const struct jid *from, const struct jid *to, const char *expected)
{
	static const struct xml_dialect client = { STR_INIT("jabber:client"), false };
	struct buf b;
	buf_init(&b, 1 << 20);
	stanza_write(&b, s, from, to, &client);
	assert_str(buf_str(&b), expected);
	buf_fini(&b);
}

#endif
