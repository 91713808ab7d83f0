/* Tests of lib/xml/node.c (and walk.c): reading trees, and whether they are the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/xml/trees.h"

static void attributes_are_found_by_namespace_and_name(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a b='1' p:b='2' xml:b='3' c='' xmlns:p='u'/>"), NULL);
	assert_str_equal(xml_attr(t.root, STR("b")), STR("1"));
	assert_str_equal(xml_attr_ns(t.root, STR(""), STR("b")), STR("1"));
	assert_str_equal(xml_attr_ns(t.root, STR("u"), STR("b")), STR("2"));
	assert_str_equal(xml_attr_ns(t.root, XML_NS_XML, STR("b")), STR("3"));
	assert_null(xml_attr_ns(t.root, STR("v"), STR("b")).p);
	assert_null(xml_attr_ns(t.root, STR("u"), STR("c")).p);
	tree_free(&t);
}

static void missing_attribute_is_not_an_empty_one(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a b=''/>"), NULL);
	assert_non_null(xml_attr(t.root, STR("b")).p);
	assert_int_equal(xml_attr(t.root, STR("b")).n, 0);
	assert_null(xml_attr(t.root, STR("c")).p);
	tree_free(&t);
	t = tree_parse(STR("<a/>"), NULL);
	assert_null(xml_attr(t.root, STR("b")).p);
	tree_free(&t);
}

static void children_are_elements_in_order(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a>1<b/>2<c/><b x=''/>3</a>"), NULL);
	const char *names = "bcb";
	XML_FOR_EACH_CHILD(child, t.root)
		assert_int_equal(child->p[0], *names++);
	assert_int_equal(*names, 0);
	assert_int_equal(xml_child_count(t.root), 3);
	assert_int_equal(xml_child_count(xml_first(t.root)), 0);
	assert_null(xml_first(xml_first(t.root)));
	tree_free(&t);
}

static void child_is_the_first_of_its_namespace_and_name(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a><b xmlns='u'/><b n='1'/><c/><b n='2'/></a>"), NULL);
	const struct xml_node *b = xml_child(t.root, STR(""), STR("b"));
	assert_str_equal(xml_attr(b, STR("n")), STR("1"));
	assert_ptr_equal(xml_child(t.root, STR("u"), STR("b")), xml_first(t.root));
	assert_null(xml_child(t.root, STR("u"), STR("c")));
	assert_null(xml_child(t.root, STR(""), STR("d")));
	tree_free(&t);
}

static void element_of_white_space_is_empty(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		bool is_empty;
	} cases[] = {
		{ STR_INIT("<a/>"), true },
		{ STR_INIT("<a> \r\n\t</a>"), true },
		{ STR_INIT("<a> x</a>"), false },
		{ STR_INIT("<a> <b/> </a>"), false },
		{ STR_INIT("<a><![CDATA[]]></a>"), true },
		{ STR_INIT("<a>\xC2\xA0</a>"), false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tree t = tree_parse(cases[i].text, NULL);
		assert_int_equal(xml_is_empty(t.root), cases[i].is_empty);
		tree_free(&t);
	}
}

static void text_is_that_directly_inside(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a>1<b>x</b>2<c/>3</a>"), NULL);
	assert_str_equal(xml_text(t.root, t.arena), STR("123"));
	struct tree two = tree_parse(STR("<a>1<b/>2</a>"), NULL);
	assert_str_equal(xml_text(two.root, two.arena), STR("12"));
	tree_free(&two);
	const struct xml_node *b = xml_first(t.root);
	assert_ptr_equal(xml_text(b, t.arena).p, b->children->p);
	assert_int_equal(xml_text(xml_next(b), t.arena).n, 0);
	assert_non_null(xml_text(xml_next(b), t.arena).p);
	tree_free(&t);
}

static bool is_equal(const char *x, const char *y)
{
	struct tree t = tree_parse(str_from_c(x), NULL), u = tree_parse(str_from_c(y), NULL);
	bool equal = xml_equal(t.root, u.root);
	assert_int_equal(xml_equal(u.root, t.root), equal);
	tree_free(&t);
	tree_free(&u);
	return equal;
}

static void trees_are_equal_whatever_their_bytes(void **state)
{
	(void)state;
	assert_true(is_equal("<a/>", "<a></a>"));
	assert_true(is_equal("<a b='1' c='2'/>", "<a c='2' b='1'/>"));
	assert_true(is_equal("<a xmlns='u'><b/></a>", "<p:a xmlns:p='u'><q:b xmlns:q='u'/></p:a>"));
	assert_true(is_equal("<a p:b='1' xmlns:p='u'/>", "<a q:b='1' xmlns:q='u'/>"));
	assert_true(is_equal("<a>1<![CDATA[2]]>&#51;</a>", "<a>123</a>"));
	assert_true(is_equal("<a><b>1</b><b>2</b></a>", "<a><b>1</b><b>2</b></a>"));
}

static void trees_that_differ_anywhere_are_not_equal(void **state)
{
	(void)state;
	static const char *const trees[] = {
		"<a/>", "<b/>", "<a xmlns='u'/>", "<a> </a>", "<a>1</a>", "<a>12</a>", "<a><b/></a>", "<a><b/><b/></a>",
		"<a><b><b/></b></a>", "<a>1<b/></a>", "<a><b/>1</a>", "<a>1<b/>2</a>", "<a><b>1</b></a>", "<a b=''/>",
		"<a b='1'/>", "<a c=''/>", "<a b='' c=''/>", "<a b='1' c=''/>", "<a xml:b=''/>",
		"<a p:b='' xmlns:p='u'/>", "<a p:b='' xmlns:p='v'/>", "<a><b xmlns='u'/></a>", "<a><c/></a>",
		"<a><b/><c/></a>", "<a><c/><b/></a>",
	};
	for (size_t i = 0; i < ARRAY_LEN(trees); i++)
		for (size_t j = 0; j < ARRAY_LEN(trees); j++)
			if (is_equal(trees[i], trees[j]) != (i == j))
				fail_msg("%s and %s", trees[i], trees[j]);
}

static void text_in_pieces_is_equal_to_text_in_one(void **state)
{
	(void)state;
	struct arena *a = arena_new(0, SIZE_MAX);
	struct xml_node *x = xml_new(a, STR("u"), STR("a")), *y = xml_new(a, STR("u"), STR("a"));
	xml_add_text(a, x, STR("one two"));
	xml_add(a, x, STR("u"), STR("b"));
	xml_add_text(a, x, STR("three"));
	xml_add_text(a, y, STR("on"));
	xml_add_text(a, y, STR("e "));
	xml_add_text(a, y, STR("two"));
	xml_add(a, y, STR("u"), STR("b"));
	xml_add_text(a, y, STR("thre"));
	assert_false(xml_equal(x, y));
	xml_add_text(a, y, STR("e"));
	assert_true(xml_equal(x, y));
	assert_true(xml_equal(y, x));
	xml_add_text(a, y, STR("x"));
	assert_false(xml_equal(x, y));
	arena_free(&a);
}

static void what_stands_beside_a_tree_is_no_part_of_it(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a><b>1</b><c/><b>1</b>2</a>"), NULL);
	const struct xml_node *first = xml_first(t.root), *last = xml_next(xml_next(first));
	assert_true(xml_equal(first, last));
	assert_false(xml_equal(first, xml_next(first)));
	assert_false(xml_equal(last, last->next));
	assert_false(xml_equal(last->next, last));
	assert_true(xml_equal(last->next, last->next));
	struct xml_node *copy = xml_dup(t.arena, first);
	assert_null(copy->next);
	assert_true(xml_equal(copy, first));
	tree_free(&t);
}

static void content_namespace_is_equal_to_itself_only(void **state)
{
	(void)state;
	struct tree content = tree_parse(STR("<a/>"), &client_scope),
		    literal = tree_parse(STR("<a xmlns='jabber:client'/>"), NULL);
	assert_false(xml_equal(content.root, literal.root));
	assert_true(xml_equal(content.root, content.root));
	tree_free(&content);
	tree_free(&literal);
}

/* Deeper than any parsed tree: the stack of a walk grows. */
static void very_deep_trees_are_compared_without_recursion(void **state)
{
	(void)state;
	enum { DEPTH = 100000 };
	struct arena *a = arena_new(0, SIZE_MAX);
	struct xml_node *roots[2];
	struct xml_node *innermost = NULL;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		roots[i] = innermost = xml_new(a, STR("u"), STR("a"));
		for (int depth = 0; depth < DEPTH; depth++)
			innermost = xml_add(a, innermost, STR("u"), STR("a"));
	}
	assert_true(xml_equal(roots[0], roots[1]));
	xml_add_text(a, innermost, STR("x"));
	assert_false(xml_equal(roots[0], roots[1]));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_found_by_namespace_and_name),
		cmocka_unit_test(missing_attribute_is_not_an_empty_one),
		cmocka_unit_test(children_are_elements_in_order),
		cmocka_unit_test(child_is_the_first_of_its_namespace_and_name),
		cmocka_unit_test(element_of_white_space_is_empty),
		cmocka_unit_test(text_is_that_directly_inside),
		cmocka_unit_test(trees_are_equal_whatever_their_bytes),
		cmocka_unit_test(trees_that_differ_anywhere_are_not_equal),
		cmocka_unit_test(text_in_pieces_is_equal_to_text_in_one),
		cmocka_unit_test(what_stands_beside_a_tree_is_no_part_of_it),
		cmocka_unit_test(content_namespace_is_equal_to_itself_only),
		cmocka_unit_test(very_deep_trees_are_compared_without_recursion),
	};
	return cmocka_run_group_tests_name(GROUP("node"), tests, NULL, NULL);
}
