/* Tests of lib/xml/build.c: making trees. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/xml/trees.h"

struct fixture {
	struct arena *arena;
	struct buf buf;
};

static int setup(void **state)
{
	static struct fixture f;
	f.arena = arena_new(0, SIZE_MAX);
	buf_init(&f.buf, 1 << 24);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_free(&f->arena);
	buf_fini(&f->buf);
	return 0;
}

static struct str written(struct fixture *f, const struct xml_node *e)
{
	return tree_write(&f->buf, e, STR("jabber:client"), false);
}

static void tree_is_built_from_the_top_down(void **state)
{
	struct fixture *f = *state;
	struct arena *a = f->arena;
	struct xml_node *iq = xml_new(a, XML_NS_CONTENT, STR("iq"));
	xml_set(a, iq, STR("type"), STR("result"));
	struct xml_node *query = xml_add(a, iq, STR("urn:q"), STR("query"));
	xml_add_with_text(a, query, STR("urn:q"), STR("name"), STR("a & b"));
	xml_add_with_text(a, query, STR("urn:q"), STR("empty"), STR(""));
	xml_add_text(a, query, STR("tail"));
	xml_add(a, query, STR("urn:q"), STR("last"));
	assert_str_equal(written(f, iq),
		STR("<iq type='result'><query xmlns='urn:q'><name>a &amp; b</name><empty/>tail<last/></query></iq>"));
}

static void content_namespace_is_the_same_pointer_everywhere(void **state)
{
	struct fixture *f = *state;
	char name[] = "\001content";
	struct xml_node *e = xml_new(f->arena, str_from_c(name), STR("a"));
	assert_ptr_equal(e->ns, &xml_ns_content);
	assert_ptr_equal(xml_add(f->arena, e, XML_NS_CONTENT, STR("b"))->ns, &xml_ns_content);
	assert_ptr_equal(xml_new_like(f->arena, e)->ns, &xml_ns_content);
	assert_ptr_equal(xml_dup(f->arena, e)->ns, &xml_ns_content);
}

static void attribute_that_is_set_again_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct xml_node *e = xml_new(f->arena, STR("u"), STR("a"));
	xml_set(f->arena, e, STR("b"), STR("1"));
	xml_set_ns(f->arena, e, STR("v"), STR("b"), STR("2"));
	xml_set_ns(f->arena, e, XML_NS_XML, STR("lang"), STR("en"));
	xml_set(f->arena, e, STR("b"), STR("3"));
	xml_set_ns(f->arena, e, STR("v"), STR("b"), STR("4"));
	xml_set_ns(f->arena, e, XML_NS_XML, STR("lang"), STR("de"));
	assert_int_equal(e->attr_count, 3);
	assert_str_equal(written(f, e), STR("<a xmlns='u' b='3' xml:lang='de' xmlns:a1='v' a1:b='4'/>"));
}

static void attributes_grow_without_bound_of_the_first_room(void **state)
{
	struct fixture *f = *state;
	struct xml_node *e = xml_new(f->arena, STR("u"), STR("a"));
	for (int i = 0; i < 1000; i++)
		xml_set(f->arena, e, arena_printf(f->arena, "b%d", i), arena_printf(f->arena, "%d", i));
	assert_int_equal(e->attr_count, 1000);
	assert_str_equal(xml_attr(e, STR("b0")), STR("0"));
	assert_str_equal(xml_attr(e, STR("b999")), STR("999"));
}

static void empty_value_is_there(void **state)
{
	struct fixture *f = *state;
	struct xml_node *e = xml_new(f->arena, STR("u"), STR("a"));
	xml_set(f->arena, e, STR("b"), (struct str){ 0 });
	assert_non_null(xml_attr(e, STR("b")).p);
}

static void shared_child_keeps_its_place_in_its_own_tree(void **state)
{
	struct fixture *f = *state;
	struct tree t = tree_parse(STR("<x><a b='1'><c/>text</a><d/>tail</x>"), NULL);
	struct xml_node *e = xml_new(f->arena, STR("u"), STR("e"));
	const struct xml_node *a = xml_first(t.root), *d = xml_next(a);
	xml_add_shared(f->arena, e, d);
	xml_add_shared(f->arena, e, a);
	xml_add_shared(f->arena, e, d->next);
	assert_str_equal(written(f, e), STR("<e xmlns='u'><d xmlns=''/><a xmlns='' b='1'><c/>text</a>tail</e>"));
	assert_str_equal(written(f, t.root), STR("<x xmlns=''><a b='1'><c/>text</a><d/>tail</x>"));
	const struct xml_node *copy = xml_next(xml_first(e));
	assert_ptr_not_equal(copy, a);
	assert_ptr_equal(copy->children, a->children);
	assert_ptr_equal(copy->attrs, a->attrs);
	tree_free(&t);
}

static void shared_child_comes_without_its_siblings(void **state)
{
	struct fixture *f = *state;
	struct tree t = tree_parse(STR("<x><a/><b/>tail</x>"), NULL);
	struct xml_node *e = xml_new(f->arena, STR("u"), STR("e"));
	xml_add_shared(f->arena, e, xml_first(t.root));
	assert_str_equal(written(f, e), STR("<e xmlns='u'><a xmlns=''/></e>"));
	tree_free(&t);
}

static void built_child_can_be_shared_too(void **state)
{
	struct fixture *f = *state;
	struct xml_node *x = xml_new(f->arena, STR("u"), STR("x")), *y = xml_new(f->arena, STR("u"), STR("y"));
	struct xml_node *child = xml_add(f->arena, x, STR("v"), STR("c"));
	xml_set(f->arena, child, STR("b"), STR("1"));
	xml_add_shared(f->arena, y, child);
	xml_add(f->arena, y, STR("u"), STR("z"));
	assert_str_equal(written(f, y), STR("<y xmlns='u'><c xmlns='v' b='1'/><z/></y>"));
}

static void element_like_another_has_no_children_and_can_be_changed(void **state)
{
	struct fixture *f = *state;
	struct tree t = tree_parse(STR("<a b='1' xml:lang='en' xmlns='u'><c/></a>"), NULL);
	struct xml_node *e = xml_new_like(f->arena, t.root);
	assert_str_equal(written(f, e), STR("<a xmlns='u' b='1' xml:lang='en'/>"));
	xml_set(f->arena, e, STR("b"), STR("2"));
	for (int i = 0; i < 20; i++)
		xml_set(f->arena, e, arena_printf(f->arena, "n%d", i), STR(""));
	assert_str_equal(xml_attr(t.root, STR("b")), STR("1"));
	assert_int_equal(t.root->attr_count, 2);
	assert_int_equal(e->attr_count, 22);
	XML_FOR_EACH_CHILD(child, t.root)
		xml_add_shared(f->arena, e, child);
	assert_int_equal(xml_child_count(e), 1);
	tree_free(&t);
	t = tree_parse(STR("<a/>"), NULL);
	e = xml_new_like(f->arena, t.root);
	assert_int_equal(e->attr_count, 0);
	tree_free(&t);
}

static void copy_needs_nothing_of_the_original(void **state)
{
	struct fixture *f = *state;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 3);
	struct random_source r = random_seeded_source(&seeded);
	struct buf second;
	buf_init(&second, 1 << 24);
	for (int round = 0; round < 300; round++) {
		struct arena *a = arena_new(0, SIZE_MAX);
		struct xml_node *tree = random_tree(a, &r, (unsigned)random_below(&r, 100));
		struct xml_node *copy = xml_dup(f->arena, tree);
		assert_true(xml_equal(copy, tree));
		struct str before = written(f, tree);
		arena_free(&a);
		assert_str_equal(tree_write(&second, copy, STR("jabber:client"), false), before);
	}
	buf_fini(&second);
}

/* AddressSanitizer sees what is left behind. */
static void copy_of_a_parsed_tree_outlives_it(void **state)
{
	struct fixture *f = *state;
	struct tree t = tree_parse(STR("<p:a xmlns:p='urn:p' b='c' p:d='e'>f<g xmlns='urn:g'>h</g></p:a>"), NULL);
	struct xml_node *copy = xml_dup(f->arena, t.root);
	tree_free(&t);
	assert_str_equal(
		written(f, copy), STR("<a xmlns='urn:p' b='c' xmlns:a1='urn:p' a1:d='e'>f<g xmlns='urn:g'>h</g></a>"));
}

static void copy_can_be_added_to(void **state)
{
	struct fixture *f = *state;
	struct tree t = tree_parse(STR("<a><b/>c</a>"), NULL);
	struct xml_node *copy = xml_dup(f->arena, t.root);
	xml_add(f->arena, copy, STR(""), STR("d"));
	xml_set(f->arena, copy, STR("e"), STR("f"));
	assert_str_equal(written(f, copy), STR("<a xmlns='' e='f'><b/>c<d/></a>"));
	tree_free(&t);
}

static void very_deep_trees_are_copied_without_recursion(void **state)
{
	struct fixture *f = *state;
	struct xml_node *root = xml_new(f->arena, STR("u"), STR("a")), *at = root;
	for (int depth = 0; depth < 100000; depth++)
		at = xml_add(f->arena, at, STR("u"), STR("a"));
	assert_true(xml_equal(xml_dup(f->arena, root), root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tree_is_built_from_the_top_down, setup, teardown),
		cmocka_unit_test_setup_teardown(content_namespace_is_the_same_pointer_everywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(attribute_that_is_set_again_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(attributes_grow_without_bound_of_the_first_room, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_value_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(shared_child_keeps_its_place_in_its_own_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(shared_child_comes_without_its_siblings, setup, teardown),
		cmocka_unit_test_setup_teardown(built_child_can_be_shared_too, setup, teardown),
		cmocka_unit_test_setup_teardown(
			element_like_another_has_no_children_and_can_be_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(copy_needs_nothing_of_the_original, setup, teardown),
		cmocka_unit_test_setup_teardown(copy_of_a_parsed_tree_outlives_it, setup, teardown),
		cmocka_unit_test_setup_teardown(copy_can_be_added_to, setup, teardown),
		cmocka_unit_test_setup_teardown(very_deep_trees_are_copied_without_recursion, setup, teardown),
	};
	return cmocka_run_group_tests_name(GROUP("build"), tests, NULL, NULL);
}
