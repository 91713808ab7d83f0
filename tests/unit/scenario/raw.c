/* Tests of cmd/scenario/raw.c and pretty.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cmd/scenario/pretty.h"
#include "cmd/scenario/raw.h"
#include "cmd/scenario/scenario.h"
#include "lib/stream/limits.h"
#include "lib/xml/parser.h"

#include <string.h>

#define HEADER                                                                                                         \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "   \
	"id='7' from='x'>"

static int set_up(void **state)
{
	static struct raw raw;
	raw_init(&raw);
	*state = &raw;
	return 0;
}

static int tear_down(void **state)
{
	raw_fini(*state);
	return 0;
}

/* Takes the next item, which is of this kind; returns what it says of itself. */
static struct str expect(struct raw *r, enum raw_kind kind)
{
	struct raw_item item;
	raw_next(r, &item);
	assert_int_equal(item.kind, kind);
	struct str bytes = item.bytes;
	if (kind != RAW_MORE && kind != RAW_ERROR)
		raw_take(r, &item);
	else
		bytes = str_from_c(item.why);
	raw_item_fini(&item);
	return bytes;
}

static void add(struct raw *r, const char *text)
{
	buf_add(&r->in, str_from_c(text));
}

static void stream_is_split_into_items(void **state)
{
	struct raw *r = *state;
	add(r, HEADER " \n<stream:features/><message><body>a</body></message>\t</stream:stream>");
	expect(r, RAW_HEADER);
	expect(r, RAW_ELEMENT);
	expect(r, RAW_ELEMENT);
	expect(r, RAW_CLOSE);
	expect(r, RAW_MORE);
	assert_int_equal(buf_len(&r->in), 0);
}

static void items_are_complete_with_their_last_byte(void **state)
{
	static const char text[] = HEADER "<stream:features><a xmlns='u'/></stream:features></stream:stream>";
	static const enum raw_kind kinds[] = { RAW_HEADER, RAW_ELEMENT, RAW_CLOSE };
	struct raw *r = *state;
	size_t seen = 0;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		struct raw_item item;
		buf_add_byte(&r->in, text[i]);
		raw_next(r, &item);
		if (item.kind != RAW_MORE) {
			assert_true(seen < ARRAY_LEN(kinds));
			assert_int_equal(item.kind, kinds[seen++]);
			assert_int_equal(item.used, buf_len(&r->in));
			raw_take(r, &item);
		}
		raw_item_fini(&item);
	}
	assert_int_equal(seen, ARRAY_LEN(kinds));
}

static void item_stays_until_it_is_taken(void **state)
{
	struct raw *r = *state;
	struct raw_item item;
	add(r, "<a/><b/>");
	for (int i = 0; i < 3; i++) {
		raw_next(r, &item);
		assert_true(str_eq(xml_name(item.root), STR("a")));
		raw_item_fini(&item);
	}
	expect(r, RAW_ELEMENT);
	raw_next(r, &item);
	assert_true(str_eq(xml_name(item.root), STR("b")));
	raw_item_fini(&item);
}

static void prefixes_of_the_header_are_known_behind_it(void **state)
{
	struct raw *r = *state;
	struct raw_item item;
	add(r, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
	       "xmlns:stream='http://etherx.jabber.org/streams' "
	       "xmlns:db='urn:db' id='1'><db:x/>");
	expect(r, RAW_HEADER);
	raw_next(r, &item);
	assert_int_equal(item.kind, RAW_ELEMENT);
	assert_true(str_eq(xml_ns(item.root), STR("urn:db")));
	raw_item_fini(&item);
}

static void second_stream_replaces_the_first(void **state)
{
	struct raw *r = *state;
	add(r, HEADER HEADER "<message/>");
	expect(r, RAW_HEADER);
	expect(r, RAW_HEADER);
	expect(r, RAW_ELEMENT);
}

static void what_is_no_xml_is_an_error(void **state)
{
	static const char *const wrong[] = { "HTTP/1.1 200 OK\r\n", "<a><b></a></a>", "<p:a/>", "<!-- -->", "</a>",
		"<?xml version='1.0'?><stream:stream/>", "<stream:stream a='1' a='1'>", "<?xmlx?>" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct raw *r = *state;
		raw_fini(r);
		raw_init(r);
		add(r, wrong[i]);
		assert_true(expect(r, RAW_ERROR).n > 0);
	}
}

/* Printing. */

static void expect_pretty(const char *element, const char *lines)
{
	struct arena *a;
	const struct xml_node *root;
	const char *why;
	struct buf out;
	buf_init(&out, 1u << 16);
	assert_int_equal(
		xml_parse_document(str_from_c(element), &stream_limits_server, &scenario_scope, &a, &root, &why), 0);
	pretty_element(&out, root, 2);
	if (!str_eq(buf_str(&out), str_from_c(lines)))
		fail_msg("\n" STR_FMT "instead of\n%s", STR_ARG(buf_str(&out)), lines);
	buf_fini(&out);
	arena_free(&a);
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static void short_elements_take_one_line(void **state)
{
	(void)state;
	expect_pretty(
		"<message id='1'>\n  <body>a</body>\n</message>", "  <message id='1'>\n  <body>a</body>\n</message>\n");
	expect_pretty("<message/>", "  <message/>\n");
}

static void long_elements_are_indented(void **state)
{
	(void)state;
	expect_pretty("<message id='" LONG "'><body>" LONG "</body><x xmlns='urn:x'><y><z a='" LONG "'>" LONG
		      "</z></y>t</x></message>",
		"  <message id='" LONG "'>\n"
		"    <body>" LONG "</body>\n"
		"    <x xmlns='urn:x'>\n"
		"      <y xmlns='urn:x'>\n"
		"        <z xmlns='urn:x' a='" LONG "'>" LONG "</z>\n"
		"      </y>\n"
		"      t\n"
		"    </x>\n"
		"  </message>\n");
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	expect_pretty("<body>" LONG LONG LONG LONG "</body>",
		"  <body>" LONG LONG
		"012345678901234567890123456789012345678901234567890123456789… (280 bytes)</body>\n");
}

static void bytes_are_escaped_and_cut(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 10000);
	pretty_bytes(&out, str_make("a\n\"\\\0\xff~", 7), 1);
	assert_true(str_eq(buf_str(&out), STR(" \"a\\n\\\"\\\\\\x00\\xff~\"\n")));
	buf_clear(&out);
	char many[500];
	memset(many, 'x', sizeof(many));
	pretty_bytes(&out, str_make(many, sizeof(many)), 0);
	assert_true(str_has_suffix(buf_str(&out), STR("x\" … (500 bytes)\n")));
	buf_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stream_is_split_into_items),
		TEST(items_are_complete_with_their_last_byte),
		TEST(item_stays_until_it_is_taken),
		TEST(prefixes_of_the_header_are_known_behind_it),
		TEST(second_stream_replaces_the_first),
		TEST(what_is_no_xml_is_an_error),
		cmocka_unit_test(short_elements_take_one_line),
		cmocka_unit_test(long_elements_are_indented),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(bytes_are_escaped_and_cut),
	};
	return cmocka_run_group_tests_name("scenario/raw", tests, NULL, NULL);
}
