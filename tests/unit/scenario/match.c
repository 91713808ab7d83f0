/* Tests of cmd/scenario/match.c and pattern.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cmd/scenario/match.h"
#include "cmd/scenario/scenario.h"
#include "lib/stream/header.h"
#include "lib/stream/limits.h"
#include "lib/xml/parser.h"

#include <string.h>

struct scene {
	struct arena *arena;
	struct variables variables;
	const struct jid *self;
	struct arena *trees[64];
	size_t tree_count;
	struct str why;
};

static int set_up(void **state)
{
	static struct scene scene;
	const char *why;
	scene = (struct scene){ .arena = arena_new(4096, 512u << 20) };
	variables_init(&scene.variables);
	assert_int_equal(jid_parse(scene.arena, STR("juliet@localhost/balcony"), &scene.self, &why), 0);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < s->tree_count; i++)
		arena_free(&s->trees[i]);
	variables_fini(&s->variables);
	arena_free(&s->arena);
	return 0;
}

static const struct xml_node *tree(struct scene *s, struct str text)
{
	const struct xml_node *root;
	const char *why = NULL;
	assert_true(s->tree_count < ARRAY_LEN(s->trees));
	if (xml_parse_document(text, &stream_limits_server, &scenario_scope, &s->trees[s->tree_count], &root, &why) !=
		0)
		fail_msg("%s", why);
	s->tree_count++;
	return root;
}

static const struct pattern *pattern(struct scene *s, struct str text)
{
	const struct pattern *p;
	const char *why = NULL;
	if (!pattern_compile(s->arena, tree(s, text), &p, &why))
		fail_msg("%s", why);
	return p;
}

static bool matches_str(struct scene *s, struct str expected, struct str received)
{
	struct match m = { .self = s->self, .variables = &s->variables, .arena = s->arena };
	size_t bound = s->variables.count;
	const struct pattern *p = pattern(s, expected);
	bool does = match_element(&m, p, tree(s, received));
	s->why = m.why;
	if (!does) {
		assert_int_equal(s->variables.count, bound);
		assert_true(m.why.n > 0);
	}
	return does;
}

static bool matches(struct scene *s, const char *expected, const char *received)
{
	return matches_str(s, str_from_c(expected), str_from_c(received));
}

static void expect_why(struct scene *s, const char *part)
{
	if (!memmem(s->why.p, s->why.n, part, strlen(part)))
		fail_msg("\"" STR_FMT "\" does not say \"%s\"", STR_ARG(s->why), part);
}

static void expect_variable(struct scene *s, const char *name, const char *value)
{
	const struct str *found = variables_find(&s->variables, str_from_c(name));
	assert_non_null(found);
	if (!str_eq(*found, str_from_c(value)))
		fail_msg("%s is \"" STR_FMT "\"", name, STR_ARG(*found));
}

/* Names, attributes, text. */

static void order_of_attributes_does_not_count(void **state)
{
	assert_true(matches(*state, "<message id='1' type='chat'/>", "<message type='chat' id='1'/>"));
}

static void attribute_that_is_not_named_is_an_error(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<message id='1'/>", "<message id='1' type='chat'/>"));
	expect_why(s, "attribute type, \"chat\"");
}

static void attribute_that_is_missing_is_an_error(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<message id='{any}'/>", "<message/>"));
	expect_why(s, "no attribute id");
	assert_true(matches(s, "<message id='{any}'/>", "<message id=''/>"));
}

static void values_are_compared(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<message id='1'/>", "<message id='2'/>"));
	expect_why(s, "the attribute id of <message/> is \"2\"");
}

static void namespaces_are_compared(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<message><x xmlns='a'/></message>", "<message><x xmlns='b'/></message>"));
	assert_false(matches(s, "<message/>", "<message xmlns='jabber:server'/>"));
	expect_why(s, "namespace jabber:server");
	assert_true(matches(s, "<p:x xmlns:p='urn:p'/>", "<x xmlns='urn:p'/>"));
	assert_true(matches(s, "<x p:a='1' xmlns:p='urn:p'/>", "<x q:a='1' xmlns:q='urn:p'/>"));
	assert_false(matches(s, "<x p:a='1' xmlns:p='urn:p'/>", "<x a='1'/>"));
	assert_false(matches(s, "<x a='1'/>", "<x p:a='1' xmlns:p='urn:p'/>"));
}

static void text_is_compared_exactly_in_a_leaf(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<body>Hi</body>", "<body>Hi</body>"));
	assert_false(matches(s, "<body>Hi</body>", "<body> Hi</body>"));
	expect_why(s, "the text of <body/>");
	assert_false(matches(s, "<body/>", "<body> </body>"));
	assert_false(matches(s, "<body>Hi</body>", "<body/>"));
	assert_true(matches(s, "<body>a &amp; b &lt;</body>", "<body>a <![CDATA[& b <]]></body>"));
	assert_true(matches(s, "<body>{any}</body>", "<body/>"));
}

static void white_space_between_children_does_not_count(void **state)
{
	assert_true(matches(*state, "<message>\n  <body>Hi</body>\n\t<thread>t</thread>\n</message>",
		"<message><body>Hi</body><thread>t</thread></message>"));
	assert_true(matches(*state, "<message><body>Hi</body></message>", "<message> <body>Hi</body>\n</message>"));
}

static void text_beside_children_counts(void **state)
{
	assert_false(matches(*state, "<message><body/></message>", "<message>boo<body/></message>"));
	assert_true(matches(*state, "<message> boo <body/></message>", "<message>boo<body/></message>"));
}

/* What need not be named. */

static void lang_need_not_be_named(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<message><body>a</body></message>",
		"<message xml:lang='en'><body xml:lang='de'>a</body></message>"));
	assert_false(matches(s, "<message xml:lang='de'/>", "<message xml:lang='en'/>"));
	assert_false(matches(s, "<message xml:lang='de'/>", "<message/>"));
}

static void own_address_in_to_need_not_be_named(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<message/>", "<message to='juliet@localhost/balcony'/>"));
	assert_true(matches(s, "<presence/>", "<presence to='juliet@localhost'/>"));
	assert_false(matches(s, "<message/>", "<message to='juliet@localhost/chamber'/>"));
	assert_false(matches(s, "<message/>", "<message to='romeo@localhost'/>"));
	assert_false(matches(s, "<message to='juliet@localhost'/>", "<message to='juliet@localhost/balcony'/>"));
}

static void foreign_to_is_an_error_despite_more(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<message>{more}</message>", "<message to='romeo@localhost'/>"));
	expect_why(s, "attribute to");
	assert_true(matches(s, "<message to='{any}'>{more}</message>", "<message to='romeo@localhost'/>"));
}

static void own_account_in_from_of_an_iq_need_not_be_named(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<iq id='1'/>", "<iq id='1' from='juliet@localhost'/>"));
	assert_true(matches(s, "<iq id='1'/>", "<iq id='1'/>"));
	assert_false(matches(s, "<iq id='1'/>", "<iq id='1' from='juliet@localhost/balcony'/>"));
	assert_false(matches(s, "<iq id='1'/>", "<iq id='1' from='localhost'/>"));
	assert_false(matches(s, "<message/>", "<message from='juliet@localhost'/>"));
}

static void version_of_a_roster_need_not_be_named(void **state)
{
	struct scene *s = *state;
	const char *received = "<iq><query xmlns='jabber:iq:roster' ver='7'/></iq>";
	assert_true(matches(s, "<iq><query xmlns='jabber:iq:roster'/></iq>", received));
	assert_true(matches(s, "<iq><query xmlns='jabber:iq:roster' ver='7'/></iq>", received));
	assert_false(matches(s, "<iq><query xmlns='jabber:iq:roster' ver='8'/></iq>", received));
	assert_false(matches(s, "<iq><query xmlns='urn:x'/></iq>", "<iq><query xmlns='urn:x' ver='7'/></iq>"));
}

static void text_of_a_delay_need_not_be_named(void **state)
{
	struct scene *s = *state;
	const char *received = "<message><delay xmlns='urn:xmpp:delay' stamp='1'>Kept</delay></message>";
	assert_true(matches(s, "<message><delay xmlns='urn:xmpp:delay' stamp='1'/></message>", received));
	assert_true(matches(s, "<message><delay xmlns='urn:xmpp:delay' stamp='1'>Kept</delay></message>", received));
	assert_false(matches(s, "<message><delay xmlns='urn:xmpp:delay' stamp='1'>Lost</delay></message>", received));
}

static void own_server_in_from_of_a_delay_need_not_be_named(void **state)
{
	struct scene *s = *state;
	const char *expected = "<message><delay xmlns='urn:xmpp:delay' stamp='{any}'/></message>";
	assert_true(
		matches(s, expected, "<message><delay xmlns='urn:xmpp:delay' stamp='1' from='localhost'/></message>"));
	assert_true(matches(s, expected, "<message><delay xmlns='urn:xmpp:delay' stamp='1'/></message>"));
	assert_false(matches(s, expected, "<message><delay xmlns='urn:xmpp:delay' stamp='1' from='evil'/></message>"));
}

static void only_stanzas_have_addresses_that_go_without_saying(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<message><x/></message>", "<message><x to='juliet@localhost'/></message>"));
	assert_false(matches(s, "<x xmlns='urn:x'/>", "<x xmlns='urn:x' to='juliet@localhost'/>"));
}

/* Children. */

static void order_of_children_does_not_count(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q><a/><b/><c/></q>", "<q><c/><a/><b/></q>"));
}

static void order_of_children_counts_if_ordered(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q>{ordered}<a/><b/><c/></q>", "<q><a/><b/><c/></q>"));
	assert_false(matches(s, "<q>{ordered}<a/><b/><c/></q>", "<q><a/><c/><b/></q>"));
	assert_true(matches(s, "<q>{ordered}<a/><c/>{more}</q>", "<q><a/><b/><c/><d/></q>"));
	assert_false(matches(s, "<q>{ordered}{more}<c/><a/></q>", "<q><a/><b/><c/></q>"));
	assert_true(matches(s, "<q>{ordered}<i>1</i><i>2</i></q>", "<q><i>1</i><i>2</i></q>"));
	assert_false(matches(s, "<q>{ordered}<i>1</i><i>2</i></q>", "<q><i>2</i><i>1</i></q>"));
	assert_true(matches(s, "<q><i>1</i><i>2</i></q>", "<q><i>2</i><i>1</i></q>"));
}

static void ordered_is_about_one_element(void **state)
{
	assert_true(matches(*state, "<q>{ordered}<a><x/><y/></a><b/></q>", "<q><a><y/><x/></a><b/></q>"));
}

static void children_that_are_not_named_are_an_error(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<q><a/></q>", "<q><a/><b/></q>"));
	expect_why(s, "a child <b/>");
	assert_false(matches(s, "<q><a/></q>", "<q><a/><a/></q>"));
	expect_why(s, "2 children, not 1");
	assert_false(matches(s, "<q/>", "<q><a/></q>"));
}

static void children_that_are_missing_are_an_error(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<q><a/><b/></q>", "<q><a/><c/></q>"));
	assert_false(matches(s, "<q><a/><a/>{more}</q>", "<q><a/><b/><c/></q>"));
	expect_why(s, "<a/> is missing");
}

static void more_allows_attributes_children_and_text(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q>{more}</q>", "<q a='1'>text<b/></q>"));
	assert_true(matches(s, "<q a='1'><b/>{more}</q>", "<q a='1' c='2'><d/><b/><e/></q>"));
	assert_false(matches(s, "<q a='1'>{more}</q>", "<q c='2'/>"));
	assert_false(matches(s, "<q>text{more}</q>", "<q>other<b/></q>"));
	assert_true(matches(s, "<q>text {more}</q>", "<q>text<b/></q>"));
}

static void more_is_about_one_element(void **state)
{
	assert_false(matches(*state, "<q><a/>{more}</q>", "<q><a x='1'/></q>"));
	assert_false(matches(*state, "<q><a>{more}</a></q>", "<q y='1'><a x='1'/></q>"));
}

static void each_child_is_used_once(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "<q><i>{any}</i><i>1</i></q>", "<q><i>1</i></q>"));
	assert_true(matches(s, "<q><i>{any}</i><i>1</i></q>", "<q><i>1</i><i>2</i></q>"));
}

static void children_are_tried_in_all_ways(void **state)
{
	struct scene *s = *state;
	/* The first two take what the later ones need, if nobody goes back. */
	assert_true(matches(s, "<q><i a='{any}'>{more}</i><i b='{any}'>{more}</i><i a='1' b='2'/></q>",
		"<q><i a='1' b='2'/><i a='3'/><i b='4'/></q>"));
	assert_false(matches(s, "<q><i a='{any}'>{more}</i><i a='{any}'>{more}</i><i a='1' b='2'/></q>",
		"<q><i a='1' b='2'/><i a='3'/><i b='4'/></q>"));
}

/* Variables. */

static void variable_is_compared_within_an_element(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q a='{=x}' b='{=x}'/>", "<q a='1' b='1'/>"));
	assert_false(matches(s, "<q a='{=y}' b='{=y}'/>", "<q a='1' b='2'/>"));
	assert_null(variables_find(&s->variables, STR("y")));
}

static void variable_is_compared_across_elements(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<message id='{=id}'/>", "<message id='77'/>"));
	expect_variable(s, "id", "77");
	assert_true(matches(s, "<message id='{=id}'/>", "<message id='77'/>"));
	assert_false(matches(s, "<message id='{=id}'/>", "<message id='78'/>"));
}

static void binding_is_taken_back_when_another_child_is_tried(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q><i id='{=x}'/><ref to='{=x}'/></q>", "<q><i id='1'/><ref to='1'/></q>"));
	assert_true(matches(s, "<q><i id='{=y}'/><i id='{any}'/><ref to='{=y}'/></q>",
		"<q><i id='1'/><i id='2'/><ref to='2'/></q>"));
	expect_variable(s, "y", "2");
}

static void binding_deep_inside_is_taken_back_too(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q><g><i>{=x}</i>{more}</g><ref>{=x}</ref></q>",
		"<q><g><i>1</i><i>2</i><i>3</i></g><ref>3</ref></q>"));
	expect_variable(s, "x", "3");
}

static void values_outlive_what_they_were_read_from(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "<q><i>{=x}</i></q>", "<q><i>a<![CDATA[b]]>c</i></q>"));
	arena_free(&s->trees[--s->tree_count]);
	expect_variable(s, "x", "abc");
}

/* Sets. */

static void set_is_matched_in_any_order(void **state)
{
	struct scene *s = *state;
	const struct pattern *p[] = { pattern(s, STR("<presence from='{=who}'/>")),
		pattern(s, STR("<message from='{=who}'/>")), pattern(s, STR("<presence from='a'/>")) };
	const struct xml_node *e[] = { tree(s, STR("<presence from='a' to='juliet@localhost'/>")),
		tree(s, STR("<message from='b'/>")),
		tree(s, STR("<presence from='b' to='juliet@localhost/balcony'/>")) };
	struct match m = { .self = s->self, .variables = &s->variables, .arena = s->arena };
	assert_true(match_set(&m, p, e, 3));
	expect_variable(s, "who", "b");
}

static void set_with_one_wrong_member_does_not_match(void **state)
{
	struct scene *s = *state;
	const struct pattern *p[] = { pattern(s, STR("<presence from='{=who}'/>")), pattern(s, STR("<message/>")) };
	const struct xml_node *e[] = { tree(s, STR("<presence from='a'/>")), tree(s, STR("<presence from='b'/>")) };
	struct match m = { .self = s->self, .variables = &s->variables, .arena = s->arena };
	assert_false(match_set(&m, p, e, 2));
	assert_int_equal(s->variables.count, 0);
}

/* Bounds. */

static struct str repeated(struct scene *s, const char *before, const char *item, int count, const char *after)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_add(&b, str_from_c(before));
	for (int i = 0; i < count; i++)
		buf_printf(&b, item, i);
	buf_add(&b, str_from_c(after));
	struct str text = arena_dup(s->arena, buf_str(&b));
	buf_fini(&b);
	return text;
}

static void hopeless_comparison_ends(void **state)
{
	struct scene *s = *state;
	/* Any of 30 fits any of 30, but what comes last never fits: 30! ways. */
	struct str expected = repeated(s, "<q>", "<i a='{any}'/>", 30, "<z>1</z></q>");
	struct str received = repeated(s, "<q>", "<i a='%d'/>", 30, "<z>2</z></q>");
	assert_false(matches_str(s, expected, received));
	expect_why(s, "too many ways");
}

static void many_children_are_matched_quickly(void **state)
{
	struct scene *s = *state;
	struct str expected = repeated(s, "<q>", "<item jid='c%d'/>", 400, "</q>");
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_lit(&b, "<q>");
	for (int i = 400; i-- > 0;)
		buf_printf(&b, "<item jid='c%d'/>", i);
	buf_lit(&b, "</q>");
	assert_true(matches_str(s, expected, buf_str(&b)));
	buf_fini(&b);
}

static void deep_trees_are_matched(void **state)
{
	struct scene *s = *state;
	struct str inside = repeated(s, "", "<x>", 60, "deep");
	struct str text = repeated(s, inside.p, "</x>", 60, "");
	assert_true(matches_str(s, text, text));
	assert_false(matches_str(s, text, STR("<x><x>deep</x></x>")));
}

/* Compiling and filling. */

static void wrong_templates_are_refused(void **state)
{
	static const char *const wrong[] = { "<a b='{amy}'/>", "<a>{</a>", "<a><b>{=}</b></a>", "<a b='{more}'/>",
		"<a b='{ordered}'/>" };
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const struct pattern *p;
		const char *why = NULL;
		assert_false(pattern_compile(s->arena, tree(s, str_from_c(wrong[i])), &p, &why));
		assert_non_null(why);
	}
}

static void expect_sent(struct scene *s, const char *element, const char *bytes)
{
	const struct xml_node *root = tree(s, str_from_c(element)), *filled;
	const char *why;
	struct str unbound;
	struct buf out;
	buf_init(&out, 1000);
	assert_true(pattern_check_sent(s->arena, root, &why));
	assert_true(pattern_fill(s->arena, root, &s->variables, &filled, &unbound));
	xml_write(&out, filled, &STREAM_DIALECT);
	if (!str_eq(buf_str(&out), str_from_c(bytes)))
		fail_msg("sent " STR_FMT, STR_ARG(buf_str(&out)));
	buf_fini(&out);
}

static void sent_elements_are_filled_in(void **state)
{
	struct scene *s = *state;
	variables_set(&s->variables, STR("id"), STR("<7>"), s->arena);
	expect_sent(s, "<message id='{=id}' xml:lang='de'>\n  <body>{x*3} {=id}</body>\n</message>",
		"<message id='&lt;7&gt;' xml:lang='de'><body>xxx &lt;7&gt;</body></message>");
	expect_sent(
		s, "<p xmlns='urn:p'>one <b>two</b> three<i/>\n</p>", "<p xmlns='urn:p'>one <b>two</b> three<i/></p>");
	expect_sent(s, "<body> </body>", "<body> </body>");
	expect_sent(s, "<a><b><c/></b><d/></a>", "<a><b><c/></b><d/></a>");
}

static void what_is_sent_has_no_open_places(void **state)
{
	static const char *const wrong[] = { "<a b='{any}'/>", "<a>{more}</a>", "<a><b>{ordered}</b></a>",
		"<a>{oops}</a>" };
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *why = NULL;
		assert_false(pattern_check_sent(s->arena, tree(s, str_from_c(wrong[i])), &why));
		assert_non_null(why);
	}
}

static void sending_wants_values(void **state)
{
	struct scene *s = *state;
	const struct xml_node *filled;
	struct str unbound;
	const struct xml_node *root = tree(s, STR("<a><b c='{=nobody}'/></a>"));
	assert_false(pattern_fill(s->arena, root, &s->variables, &filled, &unbound));
	assert_true(str_eq(unbound, STR("nobody")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(order_of_attributes_does_not_count),
		TEST(attribute_that_is_not_named_is_an_error),
		TEST(attribute_that_is_missing_is_an_error),
		TEST(values_are_compared),
		TEST(namespaces_are_compared),
		TEST(text_is_compared_exactly_in_a_leaf),
		TEST(white_space_between_children_does_not_count),
		TEST(text_beside_children_counts),
		TEST(lang_need_not_be_named),
		TEST(own_address_in_to_need_not_be_named),
		TEST(foreign_to_is_an_error_despite_more),
		TEST(own_account_in_from_of_an_iq_need_not_be_named),
		TEST(own_server_in_from_of_a_delay_need_not_be_named),
		TEST(version_of_a_roster_need_not_be_named),
		TEST(text_of_a_delay_need_not_be_named),
		TEST(only_stanzas_have_addresses_that_go_without_saying),
		TEST(order_of_children_does_not_count),
		TEST(order_of_children_counts_if_ordered),
		TEST(ordered_is_about_one_element),
		TEST(children_that_are_not_named_are_an_error),
		TEST(children_that_are_missing_are_an_error),
		TEST(more_allows_attributes_children_and_text),
		TEST(more_is_about_one_element),
		TEST(each_child_is_used_once),
		TEST(children_are_tried_in_all_ways),
		TEST(variable_is_compared_within_an_element),
		TEST(variable_is_compared_across_elements),
		TEST(binding_is_taken_back_when_another_child_is_tried),
		TEST(binding_deep_inside_is_taken_back_too),
		TEST(values_outlive_what_they_were_read_from),
		TEST(set_is_matched_in_any_order),
		TEST(set_with_one_wrong_member_does_not_match),
		TEST(hopeless_comparison_ends),
		TEST(many_children_are_matched_quickly),
		TEST(deep_trees_are_matched),
		TEST(wrong_templates_are_refused),
		TEST(sent_elements_are_filled_in),
		TEST(what_is_sent_has_no_open_places),
		TEST(sending_wants_values),
	};
	return cmocka_run_group_tests_name("scenario/match", tests, NULL, NULL);
}
