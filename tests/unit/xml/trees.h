/* Trees for tests: from text, and at random. */
#ifndef LINNET_TEST_XML_TREES_H
#define LINNET_TEST_XML_TREES_H

#include "lib/base/random.h"
#include "tests/unit/xml/drive.h"

struct tree {
	struct arena *arena;
	const struct xml_node *root;
};

static const struct xml_declaration client_declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
	{ STR_INIT("db"), STR_INIT("jabber:server:dialback") },
};

/* Around the elements of a client's stream. */
static const struct xml_scope client_scope = {
	.declarations = client_declarations,
	.count = ARRAY_LEN(client_declarations),
	.content = STR_INIT("jabber:client"),
};

static const struct str inside_forbidden[] = {
	STR_INIT("http://etherx.jabber.org/streams"),
	STR_INIT("urn:ietf:params:xml:ns:xmpp-framing"),
};

static const struct xml_rules client_rules = {
	.forbidden_namespaces = inside_forbidden,
	.forbidden_count = ARRAY_LEN(inside_forbidden),
	.forbidden_prefix = STR_INIT("stream"),
};

/* 0 or an error; the tree must be freed if it is 0. */
static inline int tree_try(struct tree *t, struct str text, const struct xml_scope *scope, const char **why_r)
{
	*t = (struct tree){ 0 };
	return xml_parse_document(text, &limits_none, scope, &t->arena, &t->root, why_r);
}

static inline struct tree tree_parse(struct str text, const struct xml_scope *scope)
{
	struct tree t;
	const char *why = NULL;
	if (tree_try(&t, text, scope, &why) != 0)
		fail_msg(STR_FMT ": %s", STR_ARG(text), why);
	return t;
}

static inline void tree_free(struct tree *t)
{
	arena_free(&t->arena);
}

/* Whose text lives until the buffer changes. */
static inline struct str tree_write(struct buf *b, const struct xml_node *root, struct str content, bool declare)
{
	struct xml_dialect dialect = { .content = content, .declare = declare };
	buf_clear(b);
	xml_write(b, root, &dialect);
	assert_false(buf_failed(b));
	return buf_str(b);
}

#define assert_str_equal(got, wanted)                                                                                  \
	do {                                                                                                           \
		struct str got_ = (got), wanted_ = (wanted);                                                           \
		if (!str_eq(got_, wanted_))                                                                            \
			fail_msg("got " STR_FMT ", wanted " STR_FMT, STR_ARG(got_), STR_ARG(wanted_));                 \
	} while (0)

/* What the tree of `text`, in no scope, is written as. */
#define assert_canonical(text, wanted)                                                                                 \
	do {                                                                                                           \
		struct tree tree_ = tree_parse(text, NULL);                                                            \
		struct buf buf_;                                                                                       \
		buf_init(&buf_, SIZE_MAX / 2);                                                                         \
		assert_str_equal(tree_write(&buf_, tree_.root, STR(""), false), wanted);                               \
		buf_fini(&buf_);                                                                                       \
		tree_free(&tree_);                                                                                     \
	} while (0)

#define assert_refused(text, wanted)                                                                                   \
	do {                                                                                                           \
		struct tree tree_;                                                                                     \
		const char *why_ = "accepted";                                                                         \
		struct str text_ = (text);                                                                             \
		int error_ = tree_try(&tree_, text_, NULL, &why_);                                                     \
		tree_free(&tree_);                                                                                     \
		if (error_ != -(int)(wanted))                                                                          \
			fail_msg(STR_FMT ": %d, %s", STR_ARG(text_), error_, why_);                                    \
	} while (0)

/* Random trees: few names, so that they collide; texts with all that is escaped; namespaces that come and go. */

static inline struct str random_pick(const struct random_source *r, const struct str *from, size_t count)
{
	return from[random_below(r, count)];
}

static const struct str random_namespaces[] = {
	STR_INIT("\001content"), STR_INIT("urn:a"), STR_INIT("urn:b"), STR_INIT(""), STR_INIT("a&b"),
	STR_INIT("\xC3\xA9"),
};

static const struct str random_names[] = {
	STR_INIT("a"), STR_INIT("b"), STR_INIT("message"), STR_INIT("x-y.z_1"), STR_INIT("\xE4\xBD\xA0"),
};

static const struct str random_attr_namespaces[] = {
	STR_INIT(""), STR_INIT(""), STR_INIT(""), STR_INIT("http://www.w3.org/XML/1998/namespace"), STR_INIT("urn:a"),
	STR_INIT("urn:b"), STR_INIT("a&b"),
};

static const struct str random_texts[] = {
	STR_INIT(""), STR_INIT("x"), STR_INIT("]]>"), STR_INIT("<&>'\""), STR_INIT("\r\n\t"), STR_INIT("  \n "),
	STR_INIT("a sentence of plain text that is longer than sixteen bytes"), STR_INIT("\xF0\x9F\x98\x80\xC3\xA9"),
	STR_INIT("sixteen bytes to<"), STR_INIT("&amp;"),
};

/* As many as `budget` says, below and beside each other. An element inside a foreign one is never content. */
static inline struct xml_node *random_tree(struct arena *a, const struct random_source *r, unsigned budget)
{
	struct xml_node *path[XML_DEPTH_MAX];
	size_t depth = 0;
	struct str ns = random_pick(r, random_namespaces, ARRAY_LEN(random_namespaces));
	struct xml_node *root = xml_new(a, ns, random_pick(r, random_names, ARRAY_LEN(random_names)));
	path[depth++] = root;
	for (; budget; budget--) {
		struct xml_node *top = path[depth - 1];
		switch (random_below(r, 6)) {
		case 0:
			depth -= depth > 1;
			break;
		case 1:
		case 2:
			xml_set_ns(a, top, random_pick(r, random_attr_namespaces, ARRAY_LEN(random_attr_namespaces)),
				random_pick(r, random_names, ARRAY_LEN(random_names)),
				random_pick(r, random_texts, ARRAY_LEN(random_texts)));
			break;
		case 3:
			xml_add_text(a, top, random_pick(r, random_texts, ARRAY_LEN(random_texts)));
			break;
		default:
			ns = random_pick(r, random_namespaces, ARRAY_LEN(random_namespaces));
			if (top->ns != &xml_ns_content && ns.n && ns.p[0] == 1)
				ns = STR("urn:a");
			top = xml_add(a, top, ns, random_pick(r, random_names, ARRAY_LEN(random_names)));
			if (depth < ARRAY_LEN(path))
				path[depth++] = top;
		}
	}
	return root;
}

#endif
