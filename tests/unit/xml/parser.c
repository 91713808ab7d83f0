/* Tests of lib/xml/parser.c: tags and trees. What is inside of them has tests of its own (chars.c, decode.c, bind.c).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "tests/unit/xml/trees.h"

#include <stdlib.h>

static void tree_has_what_the_text_says(void **state)
{
	(void)state;
	struct tree t = tree_parse(STR("<a b='c' d=\"e\">f<g/>h<i><j>k</j></i></a>"), NULL);
	assert_str_equal(xml_name(t.root), STR("a"));
	assert_str_equal(xml_ns(t.root), STR(""));
	assert_str_equal(xml_attr(t.root, STR("b")), STR("c"));
	assert_str_equal(xml_attr(t.root, STR("d")), STR("e"));
	const struct xml_node *n = t.root->children;
	assert_int_equal(n->kind, XML_TEXT);
	assert_str_equal(str_make(n->p, n->n), STR("f"));
	n = n->next;
	assert_int_equal(n->kind, XML_ELEMENT);
	assert_str_equal(xml_name(n), STR("g"));
	assert_null(n->children);
	n = n->next;
	assert_str_equal(str_make(n->p, n->n), STR("h"));
	n = n->next;
	assert_str_equal(xml_name(n), STR("i"));
	assert_null(n->next);
	n = n->children;
	assert_str_equal(xml_name(n), STR("j"));
	assert_str_equal(str_make(n->children->p, n->children->n), STR("k"));
	tree_free(&t);
}

static void tree_does_not_need_the_bytes_any_more(void **state)
{
	(void)state;
	char bytes[] = "<a b='c'>d</a>";
	struct tree t = tree_parse(str_from_c(bytes), NULL);
	memset(bytes, 'x', sizeof(bytes));
	assert_str_equal(xml_attr(t.root, STR("b")), STR("c"));
	assert_str_equal(xml_text(t.root, t.arena), STR("d"));
	tree_free(&t);
}

static void white_space_in_tags_is_free(void **state)
{
	(void)state;
	assert_canonical(STR("<a\n b\t=\r\n'c'  d = \"e\"\n></a\t>"), STR("<a xmlns='' b='c' d='e'/>"));
	assert_canonical(STR("<a />"), STR("<a xmlns=''/>"));
	assert_canonical(STR("<a></a>"), STR("<a xmlns=''/>"));
}

static void tags_that_do_not_match_are_refused(void **state)
{
	(void)state;
	assert_refused(STR("<a></b>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a></A>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a></aa>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<aa></a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a><b></a></b>"), XML_NOT_WELL_FORMED);
	/* By bytes, although both are in the same namespace. */
	assert_refused(STR("<p:a xmlns:p='u' xmlns:q='u'></q:a>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a xmlns='u' xmlns:q='u'></q:a>"), XML_NOT_WELL_FORMED);
}

static void tags_of_another_form_are_refused(void **state)
{
	(void)state;
	static const struct str cases[] = {
		STR_INIT(""), STR_INIT("x"), STR_INIT("<"), STR_INIT("<a"), STR_INIT("<a>"), STR_INIT("<a b"),
		STR_INIT("<a b='"), STR_INIT("<a>x"), STR_INIT("<a></"), STR_INIT("<a></a"), STR_INIT("<a/><b/>"),
		STR_INIT("<a/>x"), STR_INIT("x<a/>"), STR_INIT("<a b/>"), STR_INIT("<a b=/>"), STR_INIT("<a b=c/>"),
		STR_INIT("<a b='c'd='e'/>"), STR_INIT("<a b='c\"/>"), STR_INIT("<a 'b'/>"), STR_INIT("<a/ >"),
		STR_INIT("<a / >"), STR_INIT("<a></a b='c'>"), STR_INIT("< a/>"), STR_INIT("<a></ a>"),
		STR_INIT("<a b='<'/>"), STR_INIT("<a,b/>"), STR_INIT("<a b,c=''/>"), STR_INIT("</a>"),
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(cases[i], XML_NOT_WELL_FORMED);
}

static int parse_alone(struct str bytes, const struct xml_rules *rules, const char **why_r)
{
	struct arena *a = arena_new(0, SIZE_MAX);
	const struct xml_node *root = NULL;
	int error = xml_parse(a, bytes, &client_scope, rules, &root, why_r);
	assert_true(error ? !root : root != NULL);
	arena_free(&a);
	return error;
}

/* The parser has to stand on its own: every prefix, and every text with one byte changed, ends in a tree or an error.
 */
static void parser_alone_survives_what_no_framer_has_seen(void **state)
{
	(void)state;
	static const struct str in =
		STR_INIT("<a b='c' xmlns:d='e' d:f=\"&#65;g&lt;\">h<i/>&amp;<![CDATA[j]]><k>\xC3\xA9</k>\r\n</a>");
	static const char bytes[] = "\0<>/='\"&!?[]-:;# \r\xC3\xFFx";
	const char *why;
	for (size_t n = 0; n < in.n; n++)
		assert_true(parse_alone(str_first(in, n), NULL, &why) < 0);
	assert_int_equal(parse_alone(in, NULL, &why), 0);
	static const struct str long_name =
		STR_INIT("<a-name-that-is-much-longer-than-the-zeros-behind-it>x</a-name-that");
	for (size_t n = 0; n < long_name.n; n++)
		assert_int_equal(parse_alone(str_first(long_name, n), NULL, &why), -XML_NOT_WELL_FORMED);
	static const struct str no_elements[] = {
		STR_INIT(""), STR_INIT("x"), STR_INIT("</a>"), STR_INIT("<![CDATA[x]]>"), STR_INIT("<!"), STR_INIT("<"),
		STR_INIT(" <a/>"), STR_INIT("<a/> "), STR_INIT("xa/>"), STR_INIT("<a/><b/>"), STR_INIT("\0"),
		STR_INIT("<a/>\0"), STR_INIT("<?a?>"),
	};
	for (size_t i = 0; i < ARRAY_LEN(no_elements); i++)
		assert_int_equal(parse_alone(no_elements[i], NULL, &why), -XML_NOT_WELL_FORMED);
	char copy[200];
	for (size_t at = 0; at < in.n; at++) {
		for (size_t b = 0; b < sizeof(bytes) - 1; b++) {
			memcpy(copy, in.p, in.n);
			copy[at] = bytes[b];
			int error = parse_alone(str_make(copy, in.n), NULL, &why);
			assert_true(error <= 0 && error >= -XML_FORBIDDEN);
		}
	}
}

static void restricted_xml_is_refused_without_the_framer_too(void **state)
{
	(void)state;
	const char *why;
	assert_int_equal(parse_alone(STR("<a><!-- b --></a>"), NULL, &why), -XML_RESTRICTED);
	assert_int_equal(parse_alone(STR("<a>b<!DOCTYPE c></a>"), NULL, &why), -XML_RESTRICTED);
	assert_int_equal(parse_alone(STR("<a><?b?></a>"), NULL, &why), -XML_NOT_WELL_FORMED);
}

static void wrong_bytes_in_tags_are_told_from_wrong_characters(void **state)
{
	(void)state;
	assert_refused(STR("<a\xFF/>"), XML_ENCODING);
	assert_refused(STR("<a \xC3=''/>"), XML_ENCODING);
	assert_refused(STR("<a b\xED\xA0\x80=''/>"), XML_ENCODING);
	assert_refused(STR("<a></a\xFF>"), XML_ENCODING);
	assert_refused(STR("<\xFF/>"), XML_ENCODING);
	assert_refused(STR("<\xC3\x97/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a \xC3\x97=''/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a\x01/>"), XML_NOT_WELL_FORMED);
}

static void no_attribute_is_there_twice(void **state)
{
	(void)state;
	assert_refused(STR("<a b='1' b='1'/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a b='1' c='2' d='3' e='4' b='5'/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a p:b='1' xmlns:p='u' xmlns:q='u' q:b='2'/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a xml:lang='en' xml:lang='de'/>"), XML_NOT_WELL_FORMED);
	assert_canonical(STR("<a b='1' p:b='2' q:b='3' B='4' xmlns:p='u' xmlns:q='v'/>"),
		STR("<a xmlns='' B='4' b='1' xmlns:a1='u' a1:b='2' xmlns:a2='v' a2:b='3'/>"));
}

/* All names of the same length and ends, so that nothing but comparing tells them apart. */
static void duplicates_are_found_among_many_attributes(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 1 << 20);
	for (int twice = 0; twice < 2; twice++) {
		buf_clear(&b);
		buf_lit(&b, "<a");
		for (int i = 0; i < XML_ATTRIBUTES_MAX; i++)
			buf_printf(&b, " b%03dc=''", twice && i == 200 ? 100 : i);
		buf_lit(&b, "/>");
		if (twice) {
			assert_refused(buf_str(&b), XML_NOT_WELL_FORMED);
		} else {
			struct tree t = tree_parse(buf_str(&b), NULL);
			assert_int_equal(t.root->attr_count, XML_ATTRIBUTES_MAX);
			tree_free(&t);
		}
	}
	buf_fini(&b);
}

static void what_the_parser_can_do_is_checked_again(void **state)
{
	(void)state;
	struct buf b;
	const char *why;
	buf_init(&b, 1 << 20);
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		buf_lit(&b, "<a>");
	assert_int_equal(parse_alone(buf_str(&b), NULL, &why), -XML_LIMIT);
	buf_clear(&b);
	buf_lit(&b, "<a");
	for (int i = 0; i <= XML_ATTRIBUTES_MAX; i++)
		buf_printf(&b, " b%d=''", i);
	buf_lit(&b, "/>");
	assert_int_equal(parse_alone(buf_str(&b), NULL, &why), -XML_LIMIT);
	buf_clear(&b);
	buf_lit(&b, "<a");
	for (int i = 0; i <= XML_DECLARATIONS_MAX; i++)
		buf_printf(&b, " xmlns:b%d='u'", i);
	buf_lit(&b, "/>");
	assert_int_equal(parse_alone(buf_str(&b), NULL, &why), -XML_LIMIT);
	buf_fini(&b);
}

/* docs/SECURITY.md, S5 */
static void forbidden_namespaces_and_prefixes_are_refused_below_the_top(void **state)
{
	(void)state;
	static const struct str refused[] = {
		STR_INIT("<a><stream:b/></a>"),
		STR_INIT("<a><b><stream:c/></b></a>"),
		STR_INIT("<a><stream:b xmlns:stream='urn:other'/></a>"),
		STR_INIT("<a xmlns:stream='urn:other'><stream:b/></a>"),
		STR_INIT("<a><b xmlns:stream='urn:other'/></a>"),
		STR_INIT("<a><b stream:c=''/></a>"),
		STR_INIT("<a><b xmlns='http://etherx.jabber.org/streams'/></a>"),
		STR_INIT("<a xmlns:p='http://etherx.jabber.org/streams'><p:b/></a>"),
		STR_INIT("<a xmlns:p='http://etherx.jabber.org/streams'><b p:c=''/></a>"),
		STR_INIT("<a><b xmlns='urn:ietf:params:xml:ns:xmpp-framing'/></a>"),
		STR_INIT("<stream:a><stream:b/></stream:a>"),
		STR_INIT("<a xmlns='http://etherx.jabber.org/streams'><b/></a>"),
	};
	static const struct str accepted[] = {
		STR_INIT("<stream:features/>"),
		STR_INIT("<stream:error><b xmlns='urn:b'/></stream:error>"),
		STR_INIT("<features xmlns='http://etherx.jabber.org/streams'><b xmlns='urn:b'/></features>"),
		STR_INIT("<a xmlns:stream='http://etherx.jabber.org/streams' stream:b=''><c/></a>"),
		STR_INIT("<a><stream/></a>"),
		STR_INIT("<a>http://etherx.jabber.org/streams</a>"),
	};
	const char *why = NULL;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (parse_alone(refused[i], &client_rules, &why) != -XML_FORBIDDEN)
			fail_msg(STR_FMT ": not forbidden", STR_ARG(refused[i]));
		assert_int_equal(parse_alone(refused[i], NULL, &why), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
		if (parse_alone(accepted[i], &client_rules, &why) != 0)
			fail_msg(STR_FMT ": %s", STR_ARG(accepted[i]), why);
}

/* Headers. */

static void assert_header(struct str bytes, int wanted)
{
	struct arena *a = arena_new(0, SIZE_MAX);
	const struct xml_node *root;
	const struct xml_declaration *declarations;
	size_t count;
	const char *why = "accepted";
	int error = xml_parse_open(a, bytes, &root, &declarations, &count, &why);
	arena_free(&a);
	if (error != wanted)
		fail_msg(STR_FMT ": %d, %s", STR_ARG(bytes), error, why);
}

static void header_gives_its_declarations_in_order(void **state)
{
	(void)state;
	struct arena *a = arena_new(0, SIZE_MAX);
	const struct xml_node *root;
	const struct xml_declaration *d;
	size_t count;
	const char *why;
	assert_int_equal(0,
		xml_parse_open(a,
			STR("<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='x' "
			    "xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'>"),
			&root, &d, &count, &why));
	assert_true(xml_is(root, STR("http://etherx.jabber.org/streams"), STR("stream")));
	assert_str_equal(xml_attr(root, STR("to")), STR("x"));
	assert_null(root->children);
	assert_int_equal(count, 3);
	assert_str_equal(d[0].prefix, STR(""));
	assert_str_equal(d[0].uri, STR("jabber:client"));
	assert_str_equal(d[1].prefix, STR("stream"));
	assert_str_equal(d[1].uri, STR("http://etherx.jabber.org/streams"));
	assert_str_equal(d[2].prefix, STR("db"));
	assert_str_equal(d[2].uri, STR("jabber:server:dialback"));
	arena_free(&a);
}

static void xml_declaration_says_version_1_0_and_utf_8(void **state)
{
	(void)state;
	assert_header(STR("<s>"), 0);
	assert_header(STR("<?xml version='1.0'?><s>"), 0);
	assert_header(STR("<?xml version = \"1.0\" encoding\n=\n'uTf-8' standalone='no'?>\r\n<s>"), 0);
	assert_header(STR("<?xml version='1.0' standalone='yes' ?><s>"), 0);
	assert_header(STR("<?xml version='1.1'?><s>"), -XML_VERSION);
	assert_header(STR("<?xml version='1.00'?><s>"), -XML_VERSION);
	assert_header(STR("<?xml version='2.0' encoding='UTF-16'?><s>"), -XML_VERSION);
	assert_header(STR("<?xml version='1.0' encoding='UTF-16'?><s>"), -XML_ENCODING);
	assert_header(STR("<?xml version='1.0' encoding='utf8'?><s>"), -XML_ENCODING);
	assert_header(STR("<?xml version='1.0' encoding=''?><s>"), -XML_ENCODING);
}

static void xml_declaration_of_another_form_is_refused(void **state)
{
	(void)state;
	static const struct str cases[] = {
		STR_INIT("<?xml ?><s>"), STR_INIT("<?xml encoding='UTF-8'?><s>"), STR_INIT("<?xml version?><s>"),
		STR_INIT("<?xml version='1.0?><s>"), STR_INIT("<?xml version=1.0?><s>"),
		STR_INIT("<?xml version=x1.0x?><s>"), STR_INIT("<?xmlversion='1.0'?><s>"),
		STR_INIT("<?xml version='1.0' standalone='no' encoding='UTF-8'?><s>"),
		STR_INIT("<?xml version='1.0' version='1.0'?><s>"), STR_INIT("<?xml version='1.0' x='y'?><s>"),
		STR_INIT("<?xml version='1.0' standalone='NO'?><s>"),
		STR_INIT("<?xml version='1.0'encoding='UTF-8'?><s>"), STR_INIT("<?xml version='1.0'?"),
		STR_INIT("<?xml version='1.0'?>"), STR_INIT("<?xml version='1.0'?>x<s>"), STR_INIT(""),
		STR_INIT("<s>x"), STR_INIT("<s><a>"), STR_INIT(" <s>"), STR_INIT("</s>"),
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_header(cases[i], -XML_NOT_WELL_FORMED);
	assert_header(STR("<s/>"), -XML_FORBIDDEN);
}

/* Memory. */

static size_t heap_calls;

static void *alloc_counted(size_t n)
{
	heap_calls++;
	return malloc(n);
}

static void no_more(size_t n)
{
	(void)n;
	abort();
}

static const struct mem_hooks counting_hooks = { alloc_counted, realloc, free, no_more };

static bool arena_is_one_piece(void)
{
	struct arena *a = arena_new(100, SIZE_MAX);
	heap_calls = 0;
	arena_alloc(a, 8);
	arena_free(&a);
	return heap_calls == 0;
}

static struct frame frame_of(struct str in)
{
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	framer_feed(&f, &limits_none, in, &frame);
	assert_int_equal(frame.kind, FRAME_ELEMENT);
	return frame;
}

static void assert_one_allocation(struct str in)
{
	struct frame frame = frame_of(in);
	const struct xml_node *root;
	const char *why;
	heap_calls = 0;
	struct arena *a = arena_new(xml_parse_bytes(&frame), SIZE_MAX);
	assert_int_equal(xml_parse(a, in, &client_scope, &client_rules, &root, &why), 0);
	size_t bound = 4 * in.n + 64 * ((size_t)frame.elements + frame.attributes) + 4096;
	if (heap_calls != 1 || arena_bytes(a) > bound)
		fail_msg("%.60s: %zu allocations, %zu bytes, bound %zu", in.p, heap_calls, arena_bytes(a), bound);
	arena_free(&a);
}

/* What costs most for its bytes, over and over. docs/SECURITY.md, P4 */
static void tree_takes_one_allocation_and_no_more_than_its_bound(void **state)
{
	(void)state;
	static const char *const units[] = {
		"<a/>", "<a/>b", "<a>b</a>c", "<a></a>", "<a b=''/>", "<a b=''>c</a>d", "<a b='' c=''/>", "<a><b/></a>",
		"<a b='' c='' d='' e=''/>", "x", "&#9;", "<![CDATA[x]]>", "<a xml:b=''/>", "<a xml:b='' b=''/>x",
	};
	mem_set_hooks(&counting_hooks);
	if (!arena_is_one_piece()) {
		/* Under AddressSanitizer an arena makes many allocations. */
		print_message("skipped: arenas are in pieces here\n");
		return;
	}
	struct buf b;
	buf_init(&b, 1 << 24);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		for (size_t count = 1; count <= 10000; count *= 10) {
			buf_clear(&b);
			buf_lit(&b, "<t>");
			for (size_t j = 0; j < count; j++)
				buf_add(&b, str_from_c(units[i]));
			buf_lit(&b, "</t>");
			assert_one_allocation(buf_str(&b));
		}
	}
	buf_fini(&b);
}

static void declarations_are_within_the_bound_too(void **state)
{
	(void)state;
	static const char *const units[] = { " xmlns:%c%c='u'", " xmlns:%c%c='1234567890123456'" };
	mem_set_hooks(&counting_hooks);
	struct buf b;
	buf_init(&b, 1 << 24);
	for (size_t i = 0; i < ARRAY_LEN(units) && arena_is_one_piece(); i++) {
		buf_clear(&b);
		buf_lit(&b, "<t");
		for (int j = 0; j < XML_DECLARATIONS_MAX; j++)
			buf_printf(&b, units[i], 'a' + j / 16, 'a' + j % 16);
		buf_lit(&b, "/>");
		assert_one_allocation(buf_str(&b));
		buf_clear(&b);
		buf_lit(&b, "<t>");
		for (int j = 0; j < XML_DECLARATIONS_MAX; j++)
			buf_lit(&b, "<a xmlns=''>x</a>y");
		buf_lit(&b, "</t>");
		assert_one_allocation(buf_str(&b));
	}
	buf_fini(&b);
}

static void document_is_one_element_with_white_space_around_it(void **state)
{
	(void)state;
	assert_canonical(STR("\n <a/>\r\n\t "), STR("<a xmlns=''/>"));
	assert_refused(STR(" "), XML_NOT_WELL_FORMED);
	assert_refused(STR("<a/> <b/>"), XML_NOT_WELL_FORMED);
	assert_refused(STR("<?xml version='1.0'?><a/>"), XML_RESTRICTED);
	struct tree t;
	const char *why;
	assert_int_equal(xml_parse_document(STR("<a><b><c/></b></a>"),
				 &(struct xml_limits){ 100, 0, 2, 9, 9, 9, 9, 9, 9 }, NULL, &t.arena, &t.root, &why),
		-XML_LIMIT);
}

static void errors_have_names(void **state)
{
	(void)state;
	for (int e = XML_NOT_WELL_FORMED; e <= XML_FORBIDDEN; e++) {
		assert_string_not_equal(xml_error_text(-e), xml_error_text(0));
		assert_ptr_equal(xml_error_text(-e), xml_error_text(e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_has_what_the_text_says),
		cmocka_unit_test(tree_does_not_need_the_bytes_any_more),
		cmocka_unit_test(white_space_in_tags_is_free),
		cmocka_unit_test(tags_that_do_not_match_are_refused),
		cmocka_unit_test(tags_of_another_form_are_refused),
		cmocka_unit_test(parser_alone_survives_what_no_framer_has_seen),
		cmocka_unit_test(restricted_xml_is_refused_without_the_framer_too),
		cmocka_unit_test(wrong_bytes_in_tags_are_told_from_wrong_characters),
		cmocka_unit_test(no_attribute_is_there_twice),
		cmocka_unit_test(duplicates_are_found_among_many_attributes),
		cmocka_unit_test(what_the_parser_can_do_is_checked_again),
		cmocka_unit_test(forbidden_namespaces_and_prefixes_are_refused_below_the_top),
		cmocka_unit_test(header_gives_its_declarations_in_order),
		cmocka_unit_test(xml_declaration_says_version_1_0_and_utf_8),
		cmocka_unit_test(xml_declaration_of_another_form_is_refused),
		cmocka_unit_test(tree_takes_one_allocation_and_no_more_than_its_bound),
		cmocka_unit_test(declarations_are_within_the_bound_too),
		cmocka_unit_test(document_is_one_element_with_white_space_around_it),
		cmocka_unit_test(errors_have_names),
	};
	return cmocka_run_group_tests_name(GROUP("parser"), tests, NULL, NULL);
}
