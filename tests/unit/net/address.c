/* Tests of lib/net/address.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/net/address.h"

#include <string.h>

static struct net_address parsed(const char *text)
{
	struct net_address a;
	if (!net_address_parse(str_from_c(text), &a))
		fail_msg("refused: %s", text);
	return a;
}

static void assert_format(const struct net_address *a, const char *expected)
{
	char text[NET_ADDRESS_TEXT];
	struct str s = net_address_format(a, text);
	assert_string_equal(text, expected);
	assert_int_equal(s.n, strlen(expected));
}

static void what_is_parsed_is_formatted_the_same(void **state)
{
	(void)state;
	const char *const texts[] = { "127.0.0.1:5222", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:5222", "[::]:0",
		"[2001:db8::a:b]:443", "unix:/run/linnet/admin.sock", "unix:admin.sock" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct net_address a = parsed(texts[i]);
		assert_format(&a, texts[i]);
	}
}

static void addresses_have_one_form(void **state)
{
	(void)state;
	struct net_address a = parsed("[2001:DB8:0:0::1]:80");
	assert_format(&a, "[2001:db8::1]:80");
	a = parsed("[::ffff:192.0.2.7]:80");
	assert_format(&a, "192.0.2.7:80");
	struct net_address b = parsed("192.0.2.7:80");
	assert_true(net_address_eq(&a, &b));
}

static void everything_else_is_refused(void **state)
{
	(void)state;
	const char *const texts[] = { "", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
		"127.0.0.1:+80", "127.0.0.1: 80", "127.0.0.1:80 ", "127.1:80", "127.0.0.256:80", "0127.0.0.1:80",
		"localhost:80", "::1:80", "[::1]", "[::1]:", "[::1:80", "::1]:80", "[]:80", "[127.0.0.1]:80",
		"[[::1]]:80", "[fe80::1%lo]:80", "[:::1]:80", "unix:", "[1:2:3:4:5:6:7:8:9]:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1" };
	struct net_address a = { .port = 99 };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (net_address_parse(str_from_c(texts[i]), &a))
			fail_msg("accepted: %s", texts[i]);
	assert_int_equal(a.port, 99);
	assert_false(net_address_parse(str_make("127.0.0.1\0:80", 13), &a));
	assert_false(net_address_parse(str_make("unix:a\0b", 8), &a));
}

static void path_has_107_bytes_at_most(void **state)
{
	(void)state;
	char text[5 + NET_PATH_MAX + 1];
	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:", 5);
	struct net_address a;
	assert_true(net_address_parse(str_make(text, 5 + NET_PATH_MAX), &a));
	assert_int_equal(strlen(a.path), NET_PATH_MAX);
	char out[NET_ADDRESS_TEXT];
	assert_true(str_eq(net_address_format(&a, out), str_make(text, 5 + NET_PATH_MAX)));
	assert_false(net_address_parse(str_make(text, sizeof(text)), &a));
}

static void parts_make_an_address(void **state)
{
	(void)state;
	struct net_address a;
	assert_true(net_address_make(STR("::1"), 5222, &a));
	assert_format(&a, "[::1]:5222");
	assert_true(net_address_make(STR("[::1]"), 5222, &a));
	assert_format(&a, "[::1]:5222");
	assert_false(net_address_make(STR("[127.0.0.1]"), 1, &a));
	assert_false(net_address_make(STR(""), 1, &a));
	assert_false(net_address_make(STR("["), 1, &a));
	assert_false(net_address_make(STR("[]"), 1, &a));
	assert_false(net_address_make(STR("example.org"), 1, &a));
}

static void addresses_differ_by_family_port_and_bytes(void **state)
{
	(void)state;
	const char *const texts[] = { "127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "[::1]:1", "[7f00:1::]:1", "unix:a",
		"unix:b" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			struct net_address a = parsed(texts[i]), b = parsed(texts[j]);
			assert_int_equal(net_address_eq(&a, &b), i == j);
		}
	}
}

static void loopback_is_recognised(void **state)
{
	(void)state;
	const char *const yes[] = { "127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "unix:x", "[::ffff:127.0.0.1]:1" };
	const char *const no[] = { "128.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::2]:1", "[7f00::1]:1" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		struct net_address a = parsed(yes[i]);
		assert_true(net_address_is_loopback(&a));
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct net_address a = parsed(no[i]);
		assert_false(net_address_is_loopback(&a));
	}
	struct net_address none = { 0 };
	assert_false(net_address_is_loopback(&none));
	assert_format(&none, "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_parsed_is_formatted_the_same),
		cmocka_unit_test(addresses_have_one_form),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(path_has_107_bytes_at_most),
		cmocka_unit_test(parts_make_an_address),
		cmocka_unit_test(addresses_differ_by_family_port_and_bytes),
		cmocka_unit_test(loopback_is_recognised),
	};
	return cmocka_run_group_tests_name("net/address", tests, NULL, NULL);
}
