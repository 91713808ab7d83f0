/* Stream headers. What a receiver makes of them is in receiver.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/stream/header.h"
#include "lib/xmpp/ns.h"

#define STREAMS            "http://etherx.jabber.org/streams"
#define assert_str(s, lit) assert_true(str_eq((s), STR(lit)))

static void usual_declarations_cost_nothing(void **state)
{
	(void)state;
	static const char *const in[] = {
		"<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS "' to='a' version='1.0'>",
		"<?xml version='1.0'?> <stream:stream xmlns:stream='" STREAMS "' xmlns='jabber:client'>",
	};
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct arena *a = arena_new(1024, 1 << 20);
		struct stream_header h;
		const struct xml_scope *scope;
		const char *why;
		assert_int_equal(stream_header_parse(a, str_from_c(in[i]), &h, &scope, &why), STREAM_OK);
		assert_int_equal(stream_scope_bytes(scope), 0);
		assert_str(scope->content, "jabber:client");
		assert_int_equal(scope->count, 2);
		stream_scope_free(&scope);
		assert_null(scope);
		arena_free(&a);
	}
}

static void other_declarations_outlive_the_header(void **state)
{
	(void)state;
	static const char *const in[] = {
		"<s:stream xmlns='jabber:client' xmlns:s='" STREAMS "'>",
		"<s:stream xmlns:s='" STREAMS "'>",
		"<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS "' xmlns:db='jabber:server:dialback'>",
		"<stream:stream xmlns='" STREAMS "' xmlns:stream='" STREAMS "'>",
	};
	static const size_t counts[] = { 2, 1, 3, 2 };
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct arena *a = arena_new(1024, 1 << 20);
		struct stream_header h;
		const struct xml_scope *scope;
		const char *why;
		assert_int_equal(stream_header_parse(a, str_from_c(in[i]), &h, &scope, &why), STREAM_OK);
		arena_free(&a);
		assert_int_equal(scope->count, counts[i]);
		assert_str(scope->content, "jabber:client");
		assert_true(stream_scope_bytes(scope) > counts[i] * sizeof(struct xml_declaration));
		bool found = false;
		for (size_t j = 0; j < scope->count; j++)
			found |= str_eq(scope->declarations[j].uri, STR(STREAMS));
		assert_true(found);
		stream_scope_free(&scope);
	}
}

static void attributes_are_read(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, 1 << 20);
	struct stream_header h;
	const struct xml_scope *scope;
	const char *why;
	assert_int_equal(stream_header_parse(a,
				 STR("<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS
				     "' from='f' to='t' id='i' xml:lang='de-CH-1996' version='1.0'>"),
				 &h, &scope, &why),
		STREAM_OK);
	assert_str(h.from, "f");
	assert_str(h.to, "t");
	assert_str(h.id, "i");
	assert_str(h.lang, "de-CH-1996");
	assert_true(h.is_current);
	stream_scope_free(&scope);
	assert_int_equal(
		stream_header_parse(a, STR("<stream:stream xmlns:stream='" STREAMS "'>"), &h, &scope, &why), STREAM_OK);
	assert_null(h.from.p);
	assert_null(h.to.p);
	assert_null(h.id.p);
	assert_null(h.lang.p);
	assert_false(h.is_current);
	stream_scope_free(&scope);
	arena_free(&a);
}

/* RFC 6120, 4.7.5 */
static void versions_are_numbers(void **state)
{
	(void)state;
	static const struct {
		const char *version;
		bool is_current;
	} x[] = {
		{ "1.0", true },
		{ "1.13", true },
		{ "2.0", true },
		{ "10.0", true },
		{ "01.00", true },
		{ "0.9", false },
		{ "0.10", false },
		{ "", false },
		{ "1", false },
		{ "1.", false },
		{ ".1", false },
		{ "1.0.0", false },
		{ "-1.0", false },
		{ "1.x", false },
		{ "99999999999999999999.0", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct arena *a = arena_new(1024, 1 << 20);
		struct stream_header h;
		const struct xml_scope *scope;
		const char *why;
		struct str in =
			arena_printf(a, "<stream:stream xmlns:stream='" STREAMS "' version='%s'>", x[i].version);
		assert_int_equal(stream_header_parse(a, in, &h, &scope, &why), STREAM_OK);
		if (h.is_current != x[i].is_current)
			fail_msg("version %s", x[i].version);
		stream_scope_free(&scope);
		arena_free(&a);
	}
}

static void what_is_missing_is_not_written(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	stream_header_write(&b, &(struct stream_header){ .from = STR(""), .to = STR("a&b"), .is_current = true });
	assert_str(buf_str(&b), "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS
				"' from='' to='a&amp;b' version='1.0'>");
	buf_clear(&b);
	stream_header_write(&b, &(struct stream_header){ .id = STR("x"), .lang = STR("en") });
	assert_str(buf_str(&b), "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS
				"' id='x' xml:lang='en'>");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_declarations_cost_nothing),
		cmocka_unit_test(other_declarations_outlive_the_header),
		cmocka_unit_test(attributes_are_read),
		cmocka_unit_test(versions_are_numbers),
		cmocka_unit_test(what_is_missing_is_not_written),
	};
	return cmocka_run_group_tests_name("stream/header", tests, NULL, NULL);
}
