/* Tests of lib/xml/bind.c: namespaces, and which elements are of the content namespace. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/xml/trees.h"

#include <stdio.h>

static void declarations_hold_inside_their_element(void **state)
{
	(void)state;
	assert_canonical(STR("<p:a xmlns:p='u'><p:b xmlns:p='v'><p:c/></p:b><p:d/></p:a>"),
		STR("<a xmlns='u'><b xmlns='v'><c/></b><d/></a>"));
	assert_canonical(STR("<a xmlns='u'><b xmlns='v'><c/></b><d/><e xmlns=''><f/></e><g/></a>"),
		STR("<a xmlns='u'><b xmlns='v'><c/></b><d/><e xmlns=''><f/></e><g/></a>"));
	assert_canonical(STR("<a><b xmlns='u'/><c/></a>"), STR("<a xmlns=''><b xmlns='u'/><c/></a>"));
	assert_canonical(STR("<a xmlns='u' xmlns:p='v'><p:b><c/><p:d p:e='f'/></p:b></a>"),
		STR("<a xmlns='u'><b xmlns='v'><c xmlns='u'/><d xmlns:a1='v' a1:e='f'/></b></a>"));
	assert_refused(STR("<a><b xmlns:p='u'/><p:c/></a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a><b xmlns:p='u'/><c p:d=''/></a>"), XML_NOT_WELL_FORMED);
}

static void declarations_hold_for_what_stands_before_them(void **state)
{
	(void)state;
	assert_canonical(STR("<p:a p:b='c' xmlns:p='u'/>"), STR("<a xmlns='u' xmlns:a1='u' a1:b='c'/>"));
	assert_canonical(STR("<a b='c' xmlns='u'/>"), STR("<a xmlns='u' b='c'/>"));
}

/* As the writer repeats them: what it has written must be readable. */
static void declarations_count_only_while_they_are_in_force(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_lit(&b, "<a>");
	for (int i = 0; i < 4 * XML_DECLARATIONS_MAX; i++)
		buf_lit(&b, "<b xmlns='u'><c xmlns:p='v' p:d=''/></b>");
	buf_lit(&b, "</a>");
	struct tree t = tree_parse(buf_str(&b), NULL);
	assert_int_equal(xml_child_count(t.root), 4 * XML_DECLARATIONS_MAX);
	tree_free(&t);
	buf_fini(&b);
}

static void default_namespace_is_not_for_attributes(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a xmlns='u' b='c'/>"), NULL);
	assert_str_equal(xml_attr(t.root, STR("b")), STR("c"));
	assert_null(xml_attr_ns(t.root, STR("u"), STR("b")).p);
	tree_free(&t);
}

static void prefixes_that_are_not_bound_are_refused(void **state)
{
	(void)state;
	assert_refused(STR("<p:a/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a p:b=''/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a xmlns:pp='u' p:b=''/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a xmlns:p='u'><pp:b/></a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<xmlns:a/>"), XML_NOT_WELL_FORMED);
}

/* Namespaces in XML 1.0, 3 and 5 */
static void reserved_names_are_declared_as_what_they_are_only(void **state)
{
	(void)state;
	assert_canonical(STR("<a xml:lang='en'/>"), STR("<a xmlns='' xml:lang='en'/>"));
	assert_canonical(STR("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>"),
		STR("<a xmlns='' xml:lang='en'/>"));
	static const struct str refused[] = {
		STR_INIT("<a xmlns:xml='u'/>"),
		STR_INIT("<a xmlns:xml=''/>"),
		STR_INIT("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>"),
		STR_INIT("<a xmlns='http://www.w3.org/XML/1998/namespace'/>"),
		STR_INIT("<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>"),
		STR_INIT("<a xmlns:xmlns='u'/>"),
		STR_INIT("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>"),
		STR_INIT("<a xmlns='http://www.w3.org/2000/xmlns/'/>"),
		STR_INIT("<a xmlns:p='http://www.w3.org/2000/xmlns&#x2F;'/>"),
		STR_INIT("<a xmlns:p=''/>"),
		STR_INIT("<a xmlns:p='u'><b xmlns:p=''/></a>"),
		STR_INIT("<a xmlns='u' xmlns='v'/>"),
		STR_INIT("<a xmlns:p='u' xmlns:p='u'/>"),
		STR_INIT("<a xmlns:p:q='u'/>"),
		STR_INIT("<a xmlns:='u'/>"),
	};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_refused(refused[i], XML_NOT_WELL_FORMED);
	assert_refused(STR("<xml:a/>"), XML_FORBIDDEN);
}

/* docs/SECURITY.md, S4 */
static void namespaces_with_controls_spaces_and_quotes_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		" ", "u v", "u\tv", "u\nv", "&#9;", "&#10;", "&#13;", "&lt;", ">", "&gt;", "&quot;", "&apos;", "|",
		"\x7F", "&#x80;", "&#x9F;", "\xC2\x85", "0123456789abcdef|", "0123456789abcde ",
		"0123456789abcdef0123456789abcdef>",
	};
	static const char *const right[] = { "u", "a~b}c{d", "\xC2\xA0", "\xC3\xA9", "&#xA0;", "&amp;",
		"0123456789abcdef~" };
	char text[200];
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		int n = snprintf(text, sizeof(text), "<a xmlns=\"%s\"/>", wrong[i]);
		assert_refused(str_make(text, (size_t)n), XML_NOT_WELL_FORMED);
		n = snprintf(text, sizeof(text), "<a xmlns:p=\"urn:%s\"/>", wrong[i]);
		assert_refused(str_make(text, (size_t)n), XML_NOT_WELL_FORMED);
	}
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		int n = snprintf(text, sizeof(text), "<a xmlns=\"%s\"/>", right[i]);
		struct tree t = tree_parse(str_make(text, (size_t)n), NULL);
		tree_free(&t);
	}
	/* As it could not be told from what stands for the content namespace. */
	assert_refused(STR("<a xmlns='\001content'/>"), XML_NOT_WELL_FORMED);
}

/* The scope of a stream. */

static bool is_content(const struct xml_node *e)
{
	return e->ns == &xml_ns_content;
}

static void elements_of_the_content_namespace_are_marked_from_the_top_down(void **state)
{
	(void)state;
	struct tree t =
		tree_parse(STR("<message><body/><x xmlns='urn:x'><message xmlns='jabber:client'><body/></message></x>"
			       "<y xmlns='jabber:client'/><c:z xmlns:c='jabber:client'><z/></c:z></message>"),
			&client_scope);
	assert_true(is_content(t.root));
	assert_true(xml_is(t.root, XML_NS_CONTENT, STR("message")));
	const struct xml_node *body = xml_first(t.root), *x = xml_next(body), *y = xml_next(x), *z = xml_next(y);
	assert_true(is_content(body));
	assert_str_equal(xml_ns(x), STR("urn:x"));
	/* What is inside something foreign stays what it says. */
	assert_str_equal(xml_ns(xml_first(x)), STR("jabber:client"));
	assert_str_equal(xml_ns(xml_first(xml_first(x))), STR("jabber:client"));
	/* A prefix or a declaration of its own makes no difference. */
	assert_true(is_content(y));
	assert_true(is_content(z));
	assert_true(is_content(xml_first(z)));
	tree_free(&t);
}

static void default_of_the_stream_inside_something_foreign_stays_itself(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<x:a xmlns:x='urn:x'><body/><body/></x:a>"), &client_scope);
	assert_str_equal(xml_ns(t.root), STR("urn:x"));
	assert_str_equal(xml_ns(xml_first(t.root)), STR("jabber:client"));
	assert_str_equal(xml_ns(xml_next(xml_first(t.root))), STR("jabber:client"));
	tree_free(&t);
}

static void attribute_of_the_content_namespace_stays_itself(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<c:a xmlns:c='jabber:client' c:b='d'/>"), &client_scope);
	assert_true(is_content(t.root));
	assert_str_equal(xml_attr_ns(t.root, STR("jabber:client"), STR("b")), STR("d"));
	tree_free(&t);
}

static void another_content_namespace_marks_other_elements(void **state)
{
	(void)state;
	struct xml_scope scope = client_scope;
	scope.content = STR("jabber:server");
	struct tree t = tree_parse(STR("<message/>"), &scope);
	assert_str_equal(xml_ns(t.root), STR("jabber:client"));
	tree_free(&t);
	t = tree_parse(STR("<message xmlns='jabber:server'><body/></message>"), &scope);
	assert_true(is_content(t.root));
	assert_true(is_content(xml_first(t.root)));
	tree_free(&t);
	scope.content = (struct str){ 0 };
	t = tree_parse(STR("<message><x xmlns=''/></message>"), &scope);
	assert_str_equal(xml_ns(t.root), STR("jabber:client"));
	assert_false(is_content(xml_first(t.root)));
	tree_free(&t);
}

static void prefixes_of_the_scope_are_bound_and_may_be_bound_anew(void **state)
{
	(void)state;
	struct tree t = tree_parse(
		STR("<db:result db:a=''><db:b xmlns:db='urn:x'/><stream:c/><db:d/></db:result>"), &client_scope);
	assert_true(xml_is(t.root, STR("jabber:server:dialback"), STR("result")));
	assert_non_null(xml_attr_ns(t.root, STR("jabber:server:dialback"), STR("a")).p);
	const struct xml_node *b = xml_first(t.root);
	assert_true(xml_is(b, STR("urn:x"), STR("b")));
	assert_true(xml_is(xml_next(b), STR("http://etherx.jabber.org/streams"), STR("c")));
	assert_true(xml_is(xml_next(xml_next(b)), STR("jabber:server:dialback"), STR("d")));
	tree_free(&t);
}

static void default_of_the_scope_can_be_undone(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a xmlns=''><b/><c xmlns='jabber:client'/></a>"), &client_scope);
	assert_str_equal(xml_ns(t.root), STR(""));
	assert_str_equal(xml_ns(xml_first(t.root)), STR(""));
	assert_str_equal(xml_ns(xml_next(xml_first(t.root))), STR("jabber:client"));
	tree_free(&t);
}

static void tree_does_not_need_the_scope_any_more(void **state)
{
	(void)state;
	char prefix[] = "p", uri[] = "urn:p", client[] = "jabber:client";
	struct xml_declaration declarations[] = {
		{ str_from_c(prefix), str_from_c(uri) },
		{ STR(""), str_from_c(client) },
	};
	struct xml_scope scope = { declarations, ARRAY_LEN(declarations), str_from_c(client) };
	struct tree t = tree_parse(STR("<p:a p:b='c'><d/></p:a>"), &scope);
	memset(prefix, 'x', sizeof(prefix));
	memset(uri, 'x', sizeof(uri));
	memset(client, 'x', sizeof(client));
	memset(declarations, 0, sizeof(declarations));
	assert_true(xml_is(t.root, STR("urn:p"), STR("a")));
	assert_non_null(xml_attr_ns(t.root, STR("urn:p"), STR("b")).p);
	assert_true(xml_is(xml_first(t.root), STR("jabber:client"), STR("d")));
	tree_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(declarations_hold_inside_their_element),
		cmocka_unit_test(declarations_hold_for_what_stands_before_them),
		cmocka_unit_test(declarations_count_only_while_they_are_in_force),
		cmocka_unit_test(default_namespace_is_not_for_attributes),
		cmocka_unit_test(prefixes_that_are_not_bound_are_refused),
		cmocka_unit_test(reserved_names_are_declared_as_what_they_are_only),
		cmocka_unit_test(namespaces_with_controls_spaces_and_quotes_are_refused),
		cmocka_unit_test(elements_of_the_content_namespace_are_marked_from_the_top_down),
		cmocka_unit_test(default_of_the_stream_inside_something_foreign_stays_itself),
		cmocka_unit_test(attribute_of_the_content_namespace_stays_itself),
		cmocka_unit_test(another_content_namespace_marks_other_elements),
		cmocka_unit_test(prefixes_of_the_scope_are_bound_and_may_be_bound_anew),
		cmocka_unit_test(default_of_the_scope_can_be_undone),
		cmocka_unit_test(tree_does_not_need_the_scope_any_more),
	};
	return cmocka_run_group_tests_name(GROUP("bind"), tests, NULL, NULL);
}
