/* Tests of cmd/scenario/template.c and variables.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cmd/scenario/template.h"

#include <stdio.h>

struct scene {
	struct arena *arena;
	struct variables variables;
};

static int set_up(void **state)
{
	static struct scene scene;
	scene.arena = arena_new(4096, 64u << 20);
	variables_init(&scene.variables);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	variables_fini(&s->variables);
	arena_free(&s->arena);
	return 0;
}

static struct template parse(struct scene *s, const char *text)
{
	struct template t;
	const char *why = NULL;
	if (!template_parse(s->arena, str_from_c(text), &t, &why))
		fail_msg("\"%s\": %s", text, why);
	return t;
}

static bool matches(struct scene *s, const char *text, const char *received)
{
	struct template t = parse(s, text);
	return template_match(&t, str_from_c(received), &s->variables, s->arena);
}

static void expect_variable(struct scene *s, const char *name, const char *value)
{
	const struct str *found = variables_find(&s->variables, str_from_c(name));
	assert_non_null(found);
	assert_int_equal(found->n, strlen(value));
	assert_memory_equal(found->p, value, found->n);
}

static void literal_text_matches_itself_only(void **state)
{
	assert_true(matches(*state, "abc", "abc"));
	assert_false(matches(*state, "abc", "abcd"));
	assert_false(matches(*state, "abc", "ab"));
	assert_true(matches(*state, "", ""));
	assert_false(matches(*state, "", "a"));
}

static void any_matches_every_text(void **state)
{
	assert_true(matches(*state, "{any}", ""));
	assert_true(matches(*state, "{any}", "whatever"));
	assert_true(matches(*state, "a{any}c", "abc"));
	assert_true(matches(*state, "a{any}c", "ac"));
	assert_false(matches(*state, "a{any}c", "abd"));
	assert_false(matches(*state, "a{any}a", "a"));
}

static void the_last_literal_is_the_end(void **state)
{
	assert_true(matches(*state, "{any}ab", "xabab"));
	assert_true(matches(*state, "{any}-{any}-x", "a-b-c-x"));
	assert_false(matches(*state, "{any}ab", "xabac"));
}

static void open_variable_is_bound(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "romeo@localhost/{=resource}", "romeo@localhost/phone"));
	expect_variable(s, "resource", "phone");
	assert_true(matches(s, "<{=resource}>", "<phone>"));
	assert_false(matches(s, "<{=resource}>", "<tablet>"));
	expect_variable(s, "resource", "phone");
}

static void mismatch_binds_nothing(void **state)
{
	struct scene *s = *state;
	assert_false(matches(s, "{=x}-end", "value-start"));
	assert_null(variables_find(&s->variables, STR("x")));
	assert_int_equal(s->variables.count, 0);
}

static void variable_twice_in_one_text_is_the_same(void **state)
{
	struct scene *s = *state;
	assert_true(matches(s, "{=x}/{=x}", "a/a"));
	expect_variable(s, "x", "a");
	assert_false(matches(s, "{=y}/{=y}", "a/b"));
	assert_null(variables_find(&s->variables, STR("y")));
}

static void bound_variable_is_literal_text_for_the_places_around_it(void **state)
{
	struct scene *s = *state;
	variables_set(&s->variables, STR("x"), STR("b"), s->arena);
	assert_true(matches(s, "{any}a{=x}", "aaab"));
	assert_true(matches(s, "{any}a{=x}c{any}", "zabbabcd"));
	assert_false(matches(s, "{any}a{=x}c{any}", "zabbab"));
}

static void doubled_brace_is_a_brace(void **state)
{
	assert_true(matches(*state, "{{any}", "{any}"));
	assert_true(matches(*state, "{{{{", "{{"));
	assert_true(matches(*state, "a}b", "a}b"));
}

static void repetition_is_expanded(void **state)
{
	assert_true(matches(*state, "<{x*5}>", "<xxxxx>"));
	assert_true(matches(*state, "{é*2}", "éé"));
	assert_true(matches(*state, "{**3}", "***"));
	assert_true(matches(*state, "a{x*0}b", "ab"));
	assert_false(matches(*state, "{x*5}", "xxxx"));
}

static void repetition_is_bounded(void **state)
{
	struct scene *s = *state;
	struct template t;
	const char *why;
	assert_true(template_parse(s->arena, STR("{x*4194304}"), &t, &why));
	assert_false(template_parse(s->arena, STR("{x*4194305}"), &t, &why));
	assert_false(template_parse(s->arena, STR("{x*4194304}{y*1}"), &t, &why));
	assert_false(template_parse(s->arena, STR("{x*99999999999999999999999}"), &t, &why));
	assert_false(template_parse(s->arena, STR("{é*2097153}"), &t, &why));
}

static void unknown_words_in_braces_are_refused(void **state)
{
	static const char *const wrong[] = { "{", "{}", "{amy}", "{=}", "{=a b}", "{any", "{=x", "{x*}", "{x*y}",
		"{x*-1}", "{Any}", "{any }", "{xx*2}", "{=x}{=y}", "{any}{any}", "{any}{=x}", "{\xff*2}" };
	struct scene *s = *state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct template t;
		const char *why = NULL;
		if (template_parse(s->arena, str_from_c(wrong[i]), &t, &why))
			fail_msg("%s was accepted", wrong[i]);
		assert_non_null(why);
	}
}

static void flags_are_no_text(void **state)
{
	struct scene *s = *state;
	struct template t = parse(s, "{more}{ordered}");
	assert_true(t.has_more);
	assert_true(t.is_ordered);
	assert_int_equal(t.count, 0);
	assert_false(template_is_sendable(&t));
}

static void trimming_stops_at_places(void **state)
{
	struct scene *s = *state;
	struct template t = parse(s, " \n a {any} b \t{more} ");
	template_trim(&t);
	assert_true(template_match(&t, STR("a x b"), &s->variables, s->arena));
	t = parse(s, "  {any}  ");
	template_trim(&t);
	assert_int_equal(t.count, 1);
	t = parse(s, " \n ");
	template_trim(&t);
	assert_int_equal(t.count, 0);
}

static void expansion_wants_values(void **state)
{
	struct scene *s = *state;
	struct template t = parse(s, "to {=who}, {x*3}{{");
	struct str unbound;
	struct buf out;
	buf_init(&out, 100);
	assert_false(template_expand(&t, &s->variables, &out, &unbound));
	assert_true(str_eq(unbound, STR("who")));
	variables_set(&s->variables, STR("who"), STR("juliet"), s->arena);
	buf_clear(&out);
	assert_true(template_expand(&t, &s->variables, &out, &unbound));
	assert_true(str_eq(buf_str(&out), STR("to juliet, xxx{")));
	buf_fini(&out);
}

static void only_fixed_texts_can_be_sent(void **state)
{
	struct template t = parse(*state, "a{=x}b{y*2}");
	assert_true(template_is_sendable(&t));
	t = parse(*state, "a{any}");
	assert_false(template_is_sendable(&t));
}

static enum template_result start(struct scene *s, const char *text, const char *received, size_t *used_r)
{
	struct template t = parse(s, text);
	*used_r = 999;
	return template_match_start(&t, str_from_c(received), &s->variables, s->arena, used_r);
}

static void beginning_is_matched_as_soon_as_it_is_there(void **state)
{
	struct scene *s = *state;
	size_t used;
	assert_int_equal(start(s, "abc", "abcdef", &used), TEMPLATE_YES);
	assert_int_equal(used, 3);
	assert_int_equal(start(s, "abc", "ab", &used), TEMPLATE_NEEDS_MORE);
	assert_int_equal(start(s, "abc", "", &used), TEMPLATE_NEEDS_MORE);
	assert_int_equal(start(s, "abc", "abx", &used), TEMPLATE_NO);
	assert_int_equal(start(s, "id='{=id}'", "id='77", &used), TEMPLATE_NEEDS_MORE);
	assert_null(variables_find(&s->variables, STR("id")));
	assert_int_equal(start(s, "id='{=id}'", "id='77' to='x'", &used), TEMPLATE_YES);
	assert_int_equal(used, 7);
	expect_variable(s, "id", "77");
	assert_int_equal(start(s, "{any}>", "<a><b>", &used), TEMPLATE_YES);
	assert_int_equal(used, 3);
}

static void many_pieces_are_joined_in_linear_memory(void **state)
{
	struct scene *s = *state;
	enum { BRACES = 100000 };
	struct buf text, received;
	struct template t;
	const char *why;
	struct arena *a = arena_new(4096, 64u << 20);
	buf_init(&text, 2 * BRACES);
	buf_init(&received, BRACES);
	for (int i = 0; i < BRACES; i++) {
		buf_lit(&text, "{{");
		buf_lit(&received, "{");
	}
	assert_true(template_parse(a, buf_str(&text), &t, &why));
	assert_true(template_match(&t, buf_str(&received), &s->variables, a));
	buf_fini(&text);
	buf_fini(&received);
	arena_free(&a);
}

static void variables_are_rolled_back_and_kept(void **state)
{
	struct scene *s = *state;
	char value[] = "one";
	variables_bind(&s->variables, STR("a"), str_from_c(value));
	variables_keep(&s->variables, 0, s->arena);
	value[0] = 'x';
	variables_bind(&s->variables, STR("b"), STR("two"));
	variables_roll_back(&s->variables, 1);
	expect_variable(s, "a", "one");
	assert_null(variables_find(&s->variables, STR("b")));
	variables_set(&s->variables, STR("a"), STR("three"), s->arena);
	expect_variable(s, "a", "three");
	assert_int_equal(s->variables.count, 1);
	for (int i = 0; i < 100; i++)
		variables_bind(&s->variables, arena_printf(s->arena, "v%d", i), STR("v"));
	expect_variable(s, "v99", "v");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(literal_text_matches_itself_only),
		TEST(any_matches_every_text),
		TEST(the_last_literal_is_the_end),
		TEST(open_variable_is_bound),
		TEST(mismatch_binds_nothing),
		TEST(variable_twice_in_one_text_is_the_same),
		TEST(bound_variable_is_literal_text_for_the_places_around_it),
		TEST(doubled_brace_is_a_brace),
		TEST(repetition_is_expanded),
		TEST(repetition_is_bounded),
		TEST(unknown_words_in_braces_are_refused),
		TEST(flags_are_no_text),
		TEST(trimming_stops_at_places),
		TEST(expansion_wants_values),
		TEST(only_fixed_texts_can_be_sent),
		TEST(beginning_is_matched_as_soon_as_it_is_there),
		TEST(many_pieces_are_joined_in_linear_memory),
		TEST(variables_are_rolled_back_and_kept),
	};
	return cmocka_run_group_tests_name("scenario/template", tests, NULL, NULL);
}
