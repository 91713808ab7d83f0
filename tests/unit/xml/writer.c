/* Tests of lib/xml/writer.c: one tree, one form. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/xml/trees.h"

static void five_signs_are_escaped_everywhere(void **state)
{
	(void)state;
	assert_canonical(STR("<a b='&lt;&gt;&amp;&apos;&quot;'>&lt;&gt;&amp;&apos;&quot;</a>"),
		STR("<a xmlns='' b='&lt;&gt;&amp;&apos;&quot;'>&lt;&gt;&amp;&apos;&quot;</a>"));
	assert_canonical(STR("<a b=\">'\">>'\"</a>"), STR("<a xmlns='' b='&gt;&apos;'>&gt;&apos;&quot;</a>"));
	assert_canonical(STR("<a xmlns='a&amp;b'/>"), STR("<a xmlns='a&amp;b'/>"));
}

static void white_space_that_a_parser_would_fold_is_escaped(void **state)
{
	(void)state;
	assert_canonical(STR("<a b='&#9;&#10;&#13; '>&#9;&#10;&#13; </a>"),
		STR("<a xmlns='' b='&#9;&#10;&#13; '>\t\n&#13; </a>"));
}

static void long_runs_are_escaped_at_every_offset(void **state)
{
	(void)state;
	static const char signs[] = "<>&'\"\r\n\t";
	struct buf b;
	buf_init(&b, 1 << 20);
	for (size_t n = 0; n < 40; n++) {
		for (size_t at = 0; at < n; at++) {
			for (size_t i = 0; i < sizeof(signs) - 1; i++) {
				char text[40];
				memset(text, i % 2 ? 'x' : (char)0xC3, n);
				text[at] = signs[i];
				bool in_text = i < 6;
				buf_clear(&b);
				xml_write_text(&b, str_make(text, n));
				assert_int_equal(buf_len(&b) == n, !in_text);
				assert_memory_equal(buf_str(&b).p, text, at);
				assert_memory_equal(
					buf_str(&b).p + buf_len(&b) - (n - at - 1), text + at + 1, n - at - 1);
				buf_clear(&b);
				xml_write_attr(&b, STR("a"), str_make(text, n));
				assert_true(buf_len(&b) > n + 5);
			}
		}
	}
	buf_fini(&b);
}

static void element_without_content_is_written_short(void **state)
{
	(void)state;
	assert_canonical(STR("<a></a>"), STR("<a xmlns=''/>"));
	assert_canonical(STR("<a><![CDATA[]]></a>"), STR("<a xmlns=''/>"));
	assert_canonical(STR("<a> </a>"), STR("<a xmlns=''> </a>"));
	assert_canonical(STR("<a><b></b></a>"), STR("<a xmlns=''><b/></a>"));
}

static void cdata_and_prefixes_are_gone(void **state)
{
	(void)state;
	assert_canonical(STR("<p:a xmlns:p='u'><![CDATA[<b>]]><p:c/><d/></p:a>"),
		STR("<a xmlns='u'>&lt;b&gt;<c/><d xmlns=''/></a>"));
}

static void attributes_are_written_in_one_order(void **state)
{
	(void)state;
	assert_canonical(STR("<a to='1' from='2' id='3' type='4' ida='5' i='6'/>"),
		STR("<a xmlns='' from='2' i='6' id='3' ida='5' to='1' type='4'/>"));
	assert_canonical(STR("<a q:b='1' p:c='2' b='3' q:a='4' xml:lang='5' p:a='6' xmlns:p='urn:2' xmlns:q='urn:1'/>"),
		STR("<a xmlns='' b='3' xml:lang='5' xmlns:a1='urn:1' a1:a='4' a1:b='1' xmlns:a2='urn:2' a2:a='6' "
		    "a2:c='2'/>"));
}

static void prefixes_of_attributes_are_numbered_anew_in_each_element(void **state)
{
	(void)state;
	assert_canonical(STR("<a p:x='' xmlns:p='u'><b p:y='' q:z='' xmlns:q='v'/></a>"),
		STR("<a xmlns='' xmlns:a1='u' a1:x=''><b xmlns:a1='u' a1:y='' xmlns:a2='v' a2:z=''/></a>"));
	struct arena *a = arena_new(0, SIZE_MAX);
	struct xml_node *e = xml_new(a, STR("u"), STR("e"));
	for (int i = 0; i < 1001; i++)
		xml_set_ns(a, e, arena_printf(a, "urn:%04d", i), STR("b"), STR(""));
	struct buf b;
	buf_init(&b, 1 << 20);
	struct str text = tree_write(&b, e, STR(""), false);
	assert_true(
		str_has_suffix(text, STR(" xmlns:a1000='urn:0999' a1000:b='' xmlns:a1001='urn:1000' a1001:b=''/>")));
	buf_fini(&b);
	arena_free(&a);
}

/* The content namespace. */

static const char message[] = "<message><body>hi</body><x xmlns='urn:x'><y/></x></message>";

static void content_namespace_is_that_of_the_stream(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1 << 20);
	struct tree t = tree_parse(str_from_c(message), &client_scope);
	assert_str_equal(tree_write(&b, t.root, STR("jabber:client"), false), str_from_c(message));
	assert_str_equal(tree_write(&b, t.root, STR("jabber:server"), false), str_from_c(message));
	assert_str_equal(tree_write(&b, t.root, STR("jabber:server"), true),
		STR("<message xmlns='jabber:server'><body>hi</body><x xmlns='urn:x'><y/></x></message>"));
	tree_free(&t);
	t = tree_parse(STR("<a xmlns='urn:a'/>"), &client_scope);
	assert_str_equal(tree_write(&b, t.root, STR("jabber:client"), false), STR("<a xmlns='urn:a'/>"));
	assert_str_equal(tree_write(&b, t.root, STR("jabber:client"), true), STR("<a xmlns='urn:a'/>"));
	tree_free(&t);
	buf_fini(&b);
}

static void content_inside_something_foreign_says_jabber_client(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1 << 20);
	struct tree t = tree_parse(str_from_c(message), &client_scope);
	struct xml_node *outer = xml_new(t.arena, XML_NS_CONTENT, STR("message"));
	struct xml_node *forwarded = xml_add(t.arena, outer, STR("urn:xmpp:forward:0"), STR("forwarded"));
	xml_add_shared(t.arena, forwarded, t.root);
	assert_str_equal(tree_write(&b, outer, STR("jabber:server"), true),
		STR("<message xmlns='jabber:server'><forwarded xmlns='urn:xmpp:forward:0'><message "
		    "xmlns='jabber:client'>"
		    "<body>hi</body><x xmlns='urn:x'><y/></x></message></forwarded></message>"));
	tree_free(&t);
	buf_fini(&b);
}

static void pieces_add_up_to_the_whole(void **state)
{
	(void)state;
	struct buf whole, pieces;
	buf_init(&whole, 1 << 20);
	buf_init(&pieces, 1 << 20);
	struct xml_dialect dialect = { .content = STR("jabber:server"), .declare = true };
	struct tree t =
		tree_parse(STR("<message to='a' xml:lang='en'>1<body>hi</body><x xmlns='urn:x'><y/></x>2</message>"),
			&client_scope);
	xml_write(&whole, t.root, &dialect);

	xml_write_open(&pieces, t.root, &dialect);
	buf_lit(&pieces, ">");
	xml_write_children(&pieces, t.root);
	xml_write_close(&pieces, t.root);
	assert_str_equal(buf_str(&pieces), buf_str(&whole));

	buf_clear(&pieces);
	xml_write_open(&pieces, t.root, &dialect);
	buf_lit(&pieces, ">");
	for (const struct xml_node *n = t.root->children; n; n = n->next)
		xml_write_child(&pieces, t.root, n);
	xml_write_close(&pieces, t.root);
	assert_str_equal(buf_str(&pieces), buf_str(&whole));

	buf_clear(&pieces);
	xml_write_attr(&pieces, STR("to"), STR("<a>\n"));
	assert_str_equal(buf_str(&pieces), STR(" to='&lt;a&gt;&#10;'"));
	buf_clear(&pieces);
	xml_write_text(&pieces, STR(""));
	assert_int_equal(buf_len(&pieces), 0);
	tree_free(&t);
	buf_fini(&whole);
	buf_fini(&pieces);
}

static void buffer_of_just_the_size_suffices_and_one_less_fails(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a b='&lt;'>x&amp;<c d='e'/>y</a>"), NULL);
	struct xml_dialect dialect = { .content = STR("") };
	struct buf b;
	buf_init(&b, 1 << 20);
	size_t n = tree_write(&b, t.root, STR(""), false).n;
	buf_fini(&b);
	for (size_t max = 0; max <= n; max++) {
		buf_init(&b, max);
		xml_write(&b, t.root, &dialect);
		assert_int_equal(buf_failed(&b), max < n);
		buf_fini(&b);
	}
	for (size_t max = 0; max <= 20; max++) {
		buf_init(&b, max);
		xml_write_attr(&b, STR("name"), STR("value"));
		assert_int_equal(buf_failed(&b), max < sizeof(" name='value'") - 1);
		buf_fini(&b);
	}
	tree_free(&t);
}

/* Properties. */

static void what_is_written_is_read_as_the_same_tree(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 1);
	struct random_source r = random_seeded_source(&seeded);
	struct buf b, again;
	buf_init(&b, 1 << 24);
	buf_init(&again, 1 << 24);
	for (int round = 0; round < 2000; round++) {
		struct arena *a = arena_new(0, SIZE_MAX);
		struct xml_node *tree = random_tree(a, &r, (unsigned)random_below(&r, 60));
		/* As on a stream, and as in storage. */
		for (int declare = 0; declare < 2; declare++) {
			struct xml_scope none = { .content = STR("jabber:client") };
			struct tree t = tree_parse(
				tree_write(&b, tree, STR("jabber:client"), declare), declare ? &none : &client_scope);
			assert_true(xml_equal(t.root, tree));
			assert_str_equal(tree_write(&again, t.root, STR("jabber:client"), declare), buf_str(&b));
			tree_free(&t);
		}
		arena_free(&a);
	}
	buf_fini(&b);
	buf_fini(&again);
}

/* The same elements, their attributes set in another order and their text in other pieces. */
static struct xml_node *shuffled(struct arena *a, const struct random_source *r, const struct xml_node *e)
{
	struct xml_node *copy = xml_new(a, xml_ns(e), xml_name(e));
	unsigned from = e->attr_count ? (unsigned)random_below(r, e->attr_count) : 0;
	for (unsigned i = 0; i < e->attr_count; i++) {
		const struct xml_attr *attr = &e->attrs[(from + i) % e->attr_count];
		xml_set_ns(a, copy, attr->ns ? *attr->ns : STR(""), str_make(attr->name, attr->name_n),
			str_make(attr->value, attr->value_n));
	}
	for (const struct xml_node *n = e->children; n; n = n->next) {
		if (n->kind == XML_TEXT) {
			size_t cut = (size_t)random_below(r, n->n + 1);
			xml_add_text(a, copy, str_make(n->p, cut));
			xml_add_text(a, copy, str_make(n->p + cut, n->n - cut));
		} else {
			xml_add_shared(a, copy, n);
		}
	}
	return copy;
}

static void equal_trees_give_equal_bytes(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 2);
	struct random_source r = random_seeded_source(&seeded);
	struct buf b, other;
	buf_init(&b, 1 << 24);
	buf_init(&other, 1 << 24);
	for (int round = 0; round < 2000; round++) {
		struct arena *a = arena_new(0, SIZE_MAX);
		struct xml_node *tree = random_tree(a, &r, (unsigned)random_below(&r, 60));
		struct xml_node *same = shuffled(a, &r, tree);
		assert_true(xml_equal(tree, same));
		assert_str_equal(tree_write(&other, same, STR("c"), true), tree_write(&b, tree, STR("c"), true));
		arena_free(&a);
	}
	buf_fini(&b);
	buf_fini(&other);
}

static void attributes_are_in_order_however_many_there_are(void **state)
{
	(void)state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 4);
	struct random_source r = random_seeded_source(&seeded);
	struct buf b, wanted;
	buf_init(&b, 1 << 20);
	buf_init(&wanted, 1 << 20);
	for (size_t count = 1; count < 100; count++) {
		struct arena *a = arena_new(0, SIZE_MAX);
		struct xml_node *e = xml_new(a, STR("u"), STR("e"));
		bool is_set[100] = { false };
		for (size_t i = 0; i < 2 * count; i++) {
			size_t number = random_below(&r, count);
			is_set[number] = true;
			xml_set(a, e, arena_printf(a, "a%02zu", number), STR(""));
		}
		buf_clear(&wanted);
		buf_lit(&wanted, "<e xmlns='u'");
		for (size_t i = 0; i < count; i++)
			if (is_set[i])
				buf_printf(&wanted, " a%02zu=''", i);
		buf_lit(&wanted, "/>");
		assert_str_equal(tree_write(&b, e, STR(""), false), buf_str(&wanted));
		arena_free(&a);
	}
	buf_fini(&b);
	buf_fini(&wanted);
}

static void very_deep_trees_are_written_without_recursion(void **state)
{
	(void)state;
	enum { DEPTH = 100000 };
	struct arena *a = arena_new(0, SIZE_MAX);
	struct xml_node *root = xml_new(a, STR("u"), STR("a")), *at = root;
	for (int depth = 0; depth < DEPTH; depth++)
		at = xml_add(a, at, STR("u"), STR("a"));
	struct buf b;
	buf_init(&b, 1 << 24);
	assert_int_equal(tree_write(&b, root, STR(""), false).n, DEPTH * 7 + sizeof("<a xmlns='u'></a>") - 1 - 3);
	buf_fini(&b);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_signs_are_escaped_everywhere),
		cmocka_unit_test(white_space_that_a_parser_would_fold_is_escaped),
		cmocka_unit_test(long_runs_are_escaped_at_every_offset),
		cmocka_unit_test(element_without_content_is_written_short),
		cmocka_unit_test(cdata_and_prefixes_are_gone),
		cmocka_unit_test(attributes_are_written_in_one_order),
		cmocka_unit_test(prefixes_of_attributes_are_numbered_anew_in_each_element),
		cmocka_unit_test(content_namespace_is_that_of_the_stream),
		cmocka_unit_test(content_inside_something_foreign_says_jabber_client),
		cmocka_unit_test(pieces_add_up_to_the_whole),
		cmocka_unit_test(buffer_of_just_the_size_suffices_and_one_less_fails),
		cmocka_unit_test(what_is_written_is_read_as_the_same_tree),
		cmocka_unit_test(equal_trees_give_equal_bytes),
		cmocka_unit_test(attributes_are_in_order_however_many_there_are),
		cmocka_unit_test(very_deep_trees_are_written_without_recursion),
	};
	return cmocka_run_group_tests_name(GROUP("writer"), tests, NULL, NULL);
}
