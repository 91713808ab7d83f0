/* Tests of server/core/config*.c: mistakes, and the lines that tell them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/xmpp/jid.h"
#include "tests/unit/core/config_test.h"

#include <string.h>

#define NO_DURATION(name, text)                                                                                        \
	name ": '" text "' is not a duration; write a number and its unit without a space: 500ms, 10s, 5m, 24h, 7d, "  \
	"or 0\n"
#define QUOTED_128 QUOTED_32 QUOTED_32 QUOTED_32 QUOTED_32
#define QUOTED_32 "abcdefghijklmnopqrstuvwxyz012345"

struct mistake {
	const char *text;
	const char *errors;
};

static void assert_errors_in(const char *file, struct str text, const char *expected)
{
	struct config_context c = context;
	c.file = file;
	struct reading r = read_with(&c, text);
	assert_string_equal(errors_of(&r), expected);
	assert_int_equal(r.result, -1);
	assert_null(r.config);
	reading_fini(&r);
}

static void assert_errors(struct str text, const char *expected)
{
	assert_errors_in("l.yml", text, expected);
}

static void assert_all(const struct mistake *mistakes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_errors(str_from_c(mistakes[i].text), mistakes[i].errors);
}

static void characters_that_are_no_text(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "hosts:\n\t- a\n", "l.yml:2:1: a tab character; YAML is indented with spaces\n" },
		{ "hosts:\n  \t- a\n", "l.yml:2:3: a tab character; YAML is indented with spaces\n" },
		{ "hosts: [\xe9t\xe9]\n", "l.yml:1:9: the byte 0xE9 is not UTF-8; save the file as UTF-8\n" },
		{ "# \xc3\xa9\n# \xc3\xa9 \xc3", "l.yml:2:5: the byte 0xC3 is not UTF-8; save the file as UTF-8\n" },
		{ "\xff\xfeh\n", "l.yml:1:1: the byte 0xFF is not UTF-8; save the file as UTF-8\n" },
		{ "data: /x\r\nx: \x1b[31m\n", "l.yml:2:4: the control character U+001B is not allowed\n" },
		{ "data: a\xe2\x80\xa8hosts: []\n", "l.yml:1:8: the control character U+2028 is not allowed\n" },
		{ "data: \"\\e[31m\"\n", "l.yml:1:7: this text has several lines or a control character\n" },
		{ "data: |\n  a\n  b\n", "l.yml:1:7: this text has several lines or a control character\n" },
		{ "\"a\\nb\": c\n", "l.yml:1:1: expected a name here, then ':' and a value\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
	assert_errors(STR("h\0o"), "l.yml:1:2: the control character U+0000 is not allowed\n");
}

static void syntax_that_is_no_yaml(void **state)
{
	(void)state;
#define STRAY_COLON                                                                                                    \
	"this ':' is not expected; look for one that is missing or has no space behind it, for a line that is "        \
	"indented wrongly, for a text with ':' that is not in quotes\n"
#define NOT_HERE                                                                                                       \
	"this does not belong here; is the line indented differently from those above it, or does something follow a " \
	"closing quote or bracket?\n"
	static const struct mistake mistakes[] = {
		{ "workers:4\nhosts: [a]\n", "l.yml:2:6: " STRAY_COLON },
		{ "data: b\n  workers: 4\n", "l.yml:2:10: " STRAY_COLON },
		{ "hosts:\n  - a\n b: c\n", "l.yml:3:2: " NOT_HERE },
		{ "data: 'it's'\n", "l.yml:1:11: " NOT_HERE },
		{ "workers: 2\nhosts\ndata: x\n", "l.yml:2:1: expected ':' and a space after this name\n" },
		{ "hosts: [a\nworkers: 2\n", "l.yml:2:8: expected ',' or ']'; the '[' is at line 1, column 8\n" },
		{ "limits: { rate: off\n", "l.yml:2:1: expected ',' or '}'; the '{' is at line 1, column 9\n" },
		{ "hosts: [a, , b]\n", "l.yml:1:12: a value is missing here\n" },
		{ "hosts: - a\n", "l.yml:1:8: a list with '-' begins on a line of its own\n" },
		{ "hosts: [\"a]\n", "l.yml:1:9: this quote is never closed\n" },
		{ "data: \"C:\\data\"\n",
			"l.yml:1:10: between double quotes a backslash has a meaning of its own; use single quotes\n" },
		{ "hosts: [*.a.example]\n", "l.yml:1:9: put a text that begins with '*' or '&' in quotes\n" },
		{ "data: @b\n", "l.yml:1:7: put a text that begins with this character in quotes\n" },
		{ "- a\n - b\n- c\n  d: e", "l.yml:4:4: " STRAY_COLON },
		{ "%YAML 3.0\n---\na: b\n", "l.yml:1:1: this is not YAML: found incompatible YAML document\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void yaml_that_is_not_used(void **state)
{
	(void)state;
#define ALIAS "aliases ('*name') are not used here; put a text that begins with '*' in quotes\n"
	static const struct mistake mistakes[] = {
		{ "data: &x a\nhosts: [!h b]\nworkers: *x\n",
			"l.yml:1:7: anchors ('&name') are not used here; put a text that begins with '&' in quotes\n"
			"l.yml:2:9: tags ('!name') are not used here; put a text that begins with '!' in quotes\n"
			"l.yml:3:10: " ALIAS },
		{ "limits: &l { rate: on }\n",
			"l.yml:1:9: anchors ('&name') are not used here; put a text that begins with '&' in quotes\n" },
		{ "hosts: !!seq [a]\n",
			"l.yml:1:8: tags ('!name') are not used here; put a text that begins with '!' in quotes\n" },
		{ "&k data: a\n",
			"l.yml:1:1: anchors ('&name') are not used here; put a text that begins with '&' in quotes\n" },
		{ "*k : a\n", "l.yml:1:1: expected a name here, then ':' and a value\n" },
		{ "? [a]\n: b\n", "l.yml:1:3: expected a name here, then ':' and a value\n" },
		{ "{ { a: b }: c }\n", "l.yml:1:3: expected a name here, then ':' and a value\n" },
		{ "data: a\n---\ndata: b\n", "l.yml:2:1: a second document begins here; only one is read\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void what_cannot_be_read_is_told_once(void **state)
{
	(void)state;
	static const char *const texts[] = { "*x", "hosts: *x", "hosts: [a, *x]", "listen: *x", "listen: [*x]",
		"certificates: { localhost: *x }", "limits: { rate: *x }", "modules: { echo: *x }", "workers: *x" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct arena *a = arena_new(512, 1 << 16);
		struct str expected = arena_printf(a, "l.yml:1:%zu: " ALIAS, strcspn(texts[i], "*") + 1);
		assert_errors(str_from_c(texts[i]), expected.p);
		arena_free(&a);
	}
}

/* A few lines that would be very many values, were they followed. */
static void bombs_of_aliases_are_not_followed(void **state)
{
	(void)state;
	struct buf bomb, expected;
	buf_init(&bomb, 4096);
	buf_init(&expected, 1 << 16);
	buf_lit(&bomb, "a0: [x, x]\n");
	buf_lit(&expected, "l.yml:1:1: unknown option 'a0'\n");
	for (int i = 1; i < 6; i++) {
		buf_printf(&bomb, "a%d: [*a%d, *a%d]\n", i, i - 1, i - 1);
		buf_printf(&expected, "l.yml:%d:1: unknown option 'a%d'\n", i + 1, i);
		for (int column = 6; column <= 11; column += 5)
			buf_printf(&expected,
				"l.yml:%d:%d: " ALIAS,
				i + 1, column);
	}
	buf_add_byte(&expected, 0);
	assert_errors(buf_str(&bomb), buf_str(&expected).p);
	buf_fini(&bomb);
	buf_fini(&expected);
}

static void keys_given_twice_name_both_places(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "workers: 1\ndata: d\nworkers: 2\n",
			"l.yml:3:1: 'workers' is given twice, first at line 1, column 1\n" },
		{ "limits: { rate: on, rate: of, 'rate': on }\n",
			"l.yml:1:21: 'rate' is given twice, first at line 1, column 11\n"
			"l.yml:1:31: 'rate' is given twice, first at line 1, column 11\n" },
		{ "modules: { plain: on }\nmodules: { plain: maybe }\n",
			"l.yml:2:1: 'modules' is given twice, first at line 1, column 1\n" },
		{ "listen: [{ kind: c2s, port: 1, kind: c2s }]\n",
			"l.yml:1:32: 'kind' is given twice, first at line 1, column 12\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void unknown_names_suggest_the_nearest(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "host: [a]\nworkrs: 3\nxyzzy: 1\nlimit:\n",
			"l.yml:1:1: unknown option 'host'; did you mean 'hosts'?\n"
			"l.yml:2:1: unknown option 'workrs'; did you mean 'workers'?\n"
			"l.yml:3:1: unknown option 'xyzzy'\n"
			"l.yml:4:1: unknown option 'limit'; did you mean 'limits'?\n" },
		{ "echo: off\n", "l.yml:1:1: unknown option 'echo'; modules are written under 'modules:'\n" },
		{ "modules:\n  echo:\n    intervall: 1s\n    xyzzy: 1\n  plian: off\n",
			"l.yml:3:5: unknown option 'intervall' of module echo; did you mean 'interval'?\n"
			"l.yml:4:5: unknown option 'xyzzy' of module echo\n"
			"l.yml:5:3: unknown module 'plian'; did you mean 'plain'?\n" },
		{ "modules: { plain: { interval: 1s } }\n", "l.yml:1:21: unknown option 'interval' of module plain\n" },
		{ "limits: { rates: off }\n", "l.yml:1:11: unknown option 'rates' of limits; did you mean 'rate'?\n" },
		{ "listen: [{ kind: c2s, prt: 1, port: 2 }]\n",
			"l.yml:1:23: unknown option 'prt' of a listener; did you mean 'port'?\n" },
		{ "certificates: { localhost: { cert: a, certificate: a, key: b } }\n",
			"l.yml:1:30: unknown option 'cert' of a certificate; did you mean 'certificate'?\n" },
		{ "'': 1\n", "l.yml:1:1: unknown option ''\n" },
		{ QUOTED_128 ": 1\n", "l.yml:1:1: unknown option '" QUOTED_32 QUOTED_32 "…'\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void values_of_the_wrong_type(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "workers: many\n", "l.yml:1:10: workers: 'many' is not a whole number\n" },
		{ "workers: 0\n", "l.yml:1:10: workers: '0' is out of range: 1 to 256\n" },
		{ "workers: 257\n", "l.yml:1:10: workers: '257' is out of range: 1 to 256\n" },
		{ "workers: [2]\n", "l.yml:1:10: workers: expected a single value\n" },
		{ "workers: { a: b }\n", "l.yml:1:10: workers: expected a single value\n" },
		{ "workers:\n", "l.yml:1:1: workers: the value is missing\n" },
		{ "workers: ''\n", "l.yml:1:10: workers: '' is not a whole number\n" },
		{ "data: ''\n", "l.yml:1:7: data: '' is not a path\n" },
		{ "data:\n", "l.yml:1:1: data: the value is missing\n" },
		{ "durability: pwer\n",
			"l.yml:1:13: durability: expected 'power' or 'process', not 'pwer'; did you mean 'power'?\n" },
		{ "limits: { rate: 5 }\n", "l.yml:1:17: rate: expected 'on' or 'off', not '5'\n" },
		{ "limits: off\n", "l.yml:1:9: limits: expected options, such as { rate: off }\n" },
		{ "modules: [echo]\n", "l.yml:1:10: modules: expected options, such as { ping: off }\n" },
		{ "modules: { echo: maybe, plain: [off] }\n",
			"l.yml:1:18: echo: expected 'on', 'off' or options, such as { NAME: VALUE }\n"
			"l.yml:1:32: plain: expected 'on', 'off' or options, such as { NAME: VALUE }\n" },
		{ "modules: { needed: off, plain: off }\n",
			"l.yml:1:20: needed: this module cannot be switched off\n" },
		{ "modules: { echo: '' }\n",
			"l.yml:1:18: echo: expected 'on', 'off' or options, such as { NAME: VALUE }\n" },
		{ "modules: { echo: { interval: 10 minutes, reply_bytes: 100, script: '' } }\n",
			"l.yml:1:30: " NO_DURATION("interval", "10 minutes")
			"l.yml:1:55: reply_bytes: '100' is out of range: 512 to 64KiB\n"
			"l.yml:1:68: script: '' is not a path\n" },
		{ "hello\n", "l.yml:1:1: expected options, such as 'hosts: [example.org]'\n" },
		{ "''\n", "l.yml:1:1: expected options, such as 'hosts: [example.org]'\n" },
		{ "- a\n", "l.yml:1:1: expected options, such as 'hosts: [example.org]'\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void paths_count_with_the_folder_in_front(void **state)
{
	(void)state;
	char text[1100] = "data: ";
	memset(text + 6, 'd', 1021);
	assert_errors_in("/a/l.yml", str_make(text, 6 + 1021), "/a/l.yml:1:7: data: a path of more than 1023 bytes\n");
	assert_errors_in("/a/l.yml", STR("data: ''"), "/a/l.yml:1:7: data: '' is not a path\n");
	struct config_context c = context;
	c.file = "/a/l.yml";
	struct reading r = read_with(&c, str_make(text, 6 + 1020));
	assert_int_equal(r.result, 0);
	assert_int_equal(r.config->data.n, 1023);
	reading_fini(&r);
}

static void hosts_that_are_none(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "hosts: example.org\n", "l.yml:1:8: hosts: expected a list, such as [example.org, example.net]\n" },
		{ "hosts:\n", "l.yml:1:1: hosts: expected a list, such as [example.org, example.net]\n" },
		{ "hosts: []\n",
			"l.yml:1:8: hosts: the list is empty; leave it out or write, for example, "
			"[example.org, example.net]\n" },
		{ "hosts: [a, { b: c }, [d]]\n",
			"l.yml:1:12: hosts: expected a domain, such as example.org\n"
			"l.yml:1:22: hosts: expected a domain, such as example.org\n" },
		{ "hosts: [a, b, A, a.]\n",
			"l.yml:1:15: the host 'a' is repeated, first at line 1, column 9\n"
			"l.yml:1:18: the host 'a' is repeated, first at line 1, column 9\n" },
		{ "hosts:\n  - b\xc3\xbc"
		  "cher.example\n  - xn--bcher-kva.example\n",
			"l.yml:3:5: the host 'b\xc3\xbc"
			"cher.example' is repeated, first at line 2, column 5\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

/* The reason is lib/xmpp's own. */
static void domains_that_are_none_are_told_with_the_reason(void **state)
{
	(void)state;
	static const char *const domains[] = { "exa mple", "a..b", "", "romeo@a.example", "a/b", "-a", "xn--a" };
	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		struct arena *a = arena_new(512, 1 << 16);
		struct str name, text = str_from_c(domains[i]);
		const char *why = NULL;
		assert_int_equal(jid_normalise_domain(a, text, &name, &why), -EJID);
		struct str expected = arena_printf(a, "l.yml:1:9: '%s' is not a domain: %s\n", domains[i], why);
		assert_errors(
			arena_printf(a, "hosts: ['%s']\ncertificates: { x: { certificate: c, key: k } }", domains[i]),
			expected.p);
		arena_free(&a);
	}
}

static void certificates_without_host_or_file(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "hosts: [a.example]\ncertificates: { b.example: { certificate: c, key: k } }\n",
			"l.yml:2:17: certificates: 'b.example' is not one of the hosts; did you mean 'a.example'?\n" },
		{ "certificates: { b.example: { certificate: c, key: k } }\n",
			"l.yml:1:17: certificates: 'b.example' is not one of the hosts: 'hosts' is left out, so "
			"there is only 'localhost'\n" },
		{ "certificates: { localhost: { certificate: c, key: k }, LOCALHOST: { certificate: c, key: k } }\n",
			"l.yml:1:56: certificates: 'localhost' is given twice, first at line 1, column 17\n" },
		{ "certificates: { localhost: { key: k } }\n", "l.yml:1:28: this certificate lacks 'certificate'\n" },
		{ "certificates:\n  localhost:\n    certificate: c\n", "l.yml:3:5: this certificate lacks 'key'\n" },
		{ "certificates: { localhost: { certificate: , key: '' } }\n",
			"l.yml:1:30: certificate: the value is missing\n"
			"l.yml:1:50: key: '' is not a path\n" },
		{ "certificates: { localhost: c.pem }\n",
			"l.yml:1:28: certificates: expected { certificate: FILE, key: FILE }\n" },
		{ "certificates: { localhost: }\n",
			"l.yml:1:17: certificates: expected { certificate: FILE, key: FILE }\n" },
		{ "certificates: [c.pem]\n",
			"l.yml:1:15: certificates: expected options, such as "
			"{ example.org: { certificate: chain.pem, key: key.pem } }\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void listeners_that_cannot_be(void **state)
{
	(void)state;
#define NO_IP(text) "address: '" text "' is not an IP address, such as 127.0.0.1 or ::1; all addresses are '::'\n"
#define NO_PLACE(text)                                                                                                 \
	"redirect: '" text "' is not a host, or a host and its port, such as b.example.org:5222 or '[2001:db8::1]:5222'\n"
#define NO_TLS(address)                                                                                                \
	"tls: 'none' is for loopback addresses only, such as 127.0.0.1 or ::1; this listener's is '" address "'\n"
	static const struct mistake mistakes[] = {
		{ "listen: [{ kind: s2s, port: 5269 }]\n", "l.yml:1:18: kind: expected 'c2s', not 's2s'\n" },
		{ "listen: [{ kind: c2s, port: 65536, tls: startls }]\n",
			"l.yml:1:29: port: '65536' is out of range: 0 to 65535\n"
			"l.yml:1:41: tls: expected 'starttls', 'direct' or 'none', not 'startls'; did you mean "
			"'starttls'?\n" },
		{ "listen:\n  - address: '::1'\n",
			"l.yml:2:5: this listener lacks 'kind'\n"
			"l.yml:2:5: this listener lacks 'port'\n" },
		{ "listen: [{ kind: c2s, port: 1, address: localhost, tls: none }]\n",
			"l.yml:1:41: " NO_IP("localhost") },
		{ "listen: [{ kind: c2s, port: 1, address: 127.1 }]\n",
			"l.yml:1:41: " NO_IP("127.1") },
		{ "listen: [{ kind: c2s, port: 1, tls: none }]\n", "l.yml:1:37: " NO_TLS("::") },
		{ "listen: [{ kind: c2s, port: 1, address: 0.0.0.0, tls: none }]\n", "l.yml:1:55: " NO_TLS("0.0.0.0") },
		{ "listen: [{ kind: c2s, port: 1, address: 128.0.0.1, tls: none }]\n",
			"l.yml:1:57: " NO_TLS("128.0.0.1") },
		{ "listen: [{ kind: c2s, port: 1, address: '::2', tls: none }]\n", "l.yml:1:53: " NO_TLS("::2") },
		{ "listen: [{ kind: c2s, port: 1, address: '2001:db8::7f00:1', tls: none }]\n",
			"l.yml:1:66: " NO_TLS("2001:db8::7f00:1") },
		{ "listen: [{ kind: c2s, port: 1, redirect: '' }]\n", "l.yml:1:42: " NO_PLACE("") },
		{ "listen: [{ kind: c2s, port: 1, redirect: '::1' }]\n", "l.yml:1:42: " NO_PLACE("::1") },
		{ "listen: [{ kind: c2s, port: 1, redirect: 'b.example:0' }]\n", "l.yml:1:42: " NO_PLACE("b.example:0") },
		{ "listen: [c2s, [1]]\n",
			"l.yml:1:10: listen: expected { kind: c2s, port: NUMBER, … }\n"
			"l.yml:1:15: listen: expected { kind: c2s, port: NUMBER, … }\n" },
		{ "listen: []\n",
			"l.yml:1:9: listen: the list is empty; leave it out or write, for example, "
			"[{ kind: c2s, port: 5222, tls: starttls }]\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

static void listeners_that_share_a_port(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{ "::", "::" },
		{ "::", "127.0.0.1" },
		{ "::1", "::" },
		{ "0.0.0.0", "::" },
		{ "127.0.0.1", "127.0.0.1" },
		{ "0.0.0.0", "192.0.2.1" },
		{ "192.0.2.1", "0.0.0.0" },
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct arena *a = arena_new(512, 1 << 16);
		struct str text = arena_printf(a,
			"listen:\n"
			"- { kind: c2s, port: 7, address: '%s' }\n"
			"- { kind: c2s, port: 8, address: '%s' }\n"
			"- { kind: c2s, port: 7, address: '%s', tls: direct }\n",
			pairs[i][0], pairs[i][0], pairs[i][1]);
		struct str expected = arena_printf(a,
			"l.yml:4:22: port 7 on %s is taken by the listener on %s at line 2, column 22\n", pairs[i][1],
			pairs[i][0]);
		assert_errors(text, expected.p);
		arena_free(&a);
	}
}

static void mistakes_of_all_sections_are_told_in_the_order_of_the_file(void **state)
{
	(void)state;
	assert_errors(STR("modules: { echo: { interval: 5 } }\n"
			  "listen: [{ kind: c2s, port: x }]\n"
			  "hosts: [a, a]\n"
			  "colour: red\n"
			  "workers: -1\n"
			  "workers: 2\n"
			  "certificates: { b: { certificate: c, key: k } }\n"),
		"l.yml:1:30: " NO_DURATION("interval", "5")
		"l.yml:2:29: port: 'x' is not a whole number\n"
		"l.yml:3:12: the host 'a' is repeated, first at line 3, column 9\n"
		"l.yml:4:1: unknown option 'colour'\n"
		"l.yml:5:10: workers: '-1' is out of range: 1 to 256\n"
		"l.yml:6:1: 'workers' is given twice, first at line 5, column 1\n"
		"l.yml:7:17: certificates: 'b' is not one of the hosts\n");
}

static void only_the_first_fifty_mistakes_are_told(void **state)
{
	(void)state;
	struct buf text, expected;
	buf_init(&text, 1 << 20);
	buf_init(&expected, 1 << 16);
	for (int i = 1; i <= 10000; i++)
		buf_printf(&text, "x%d: 1\n", i);
	for (int i = 1; i <= 50; i++)
		buf_printf(&expected, "l.yml:%d:1: unknown option 'x%d'\n", i, i);
	buf_lit(&expected, "l.yml:51:1: this is a mistake, too; the rest is not told\n");
	buf_add_byte(&expected, 0);
	assert_errors(buf_str(&text), buf_str(&expected).p);
	buf_fini(&text);
	buf_fini(&expected);
}

static void sizes_are_bounded(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, (2 << 20) + 100);
	buf_lit(&text, "hosts: [a");
	for (int i = 0; i < 16384; i++)
		buf_lit(&text, ",a");
	assert_errors(buf_str(&text), "l.yml:1:32773: more than 16384 values\n");
	buf_clear(&text);
	buf_lit(&text, "listen:\n");
	for (int i = 0; i < 65; i++)
		buf_lit(&text, "- x\n");
	assert_errors(buf_str(&text), "l.yml:2:1: more than 64 listeners\n");
	buf_clear(&text);
	buf_lit(&text, "data: /");
	for (int i = 0; i < 1023; i++)
		buf_lit(&text, "d");
	assert_errors(buf_str(&text), "l.yml:1:7: data: a path of more than 1023 bytes\n");
	buf_clear(&text);
	for (int i = 0; i < 1000; i++)
		buf_lit(&text, "[");
	assert_errors(buf_str(&text), "l.yml:1:9: lists and options are nested more than 8 deep\n");
	buf_clear(&text);
	while (buf_len(&text) < 1 << 20)
		buf_lit(&text, "# comment\n");
	assert_errors(buf_str(&text), "l.yml:1:1: the file is larger than 1048576 bytes\n");
	buf_fini(&text);
}

static void mistakes_without_a_file_have_a_name(void **state)
{
	(void)state;
	struct config_context c = context;
	c.file = NULL;
	struct reading r = read_with(&c, STR("x: 1"));
	assert_string_equal(errors_of(&r), "configuration:1:1: unknown option 'x'\n");
	reading_fini(&r);
}

static void ways_to_log_in(void **state)
{
	(void)state;
	static const struct mistake mistakes[] = {
		{ "mechanisms: [SCRAM-SHA-256, SCRAM-SHA-2]\n",
			"l.yml:1:29: mechanisms: unknown mechanism 'SCRAM-SHA-2'; did you mean 'SCRAM-SHA-256'?\n" },
		{ "mechanisms: [ANONYMOUS]\n", "l.yml:1:14: mechanisms: unknown mechanism 'ANONYMOUS'\n" },
		{ "mechanisms: [[PLAIN]]\n", "l.yml:1:14: mechanisms: expected a name, such as SCRAM-SHA-256\n" },
		{ "mechanisms: []\n",
			"l.yml:1:13: mechanisms: the list is empty; leave it out or write, for example, [SCRAM-SHA-256, SCRAM-SHA-1]\n" },
		{ "hosts: [a.example]\nanonymous: [b.example]\n",
			"l.yml:2:13: anonymous: 'b.example' is not one of the hosts; did you mean 'a.example'?\n" },
		{ "anonymous: [{ a: b }]\n", "l.yml:1:13: anonymous: expected a domain, such as example.org\n" },
		{ "token_lifetime: 1s\n", "l.yml:1:17: token_lifetime: '1s' is out of range: 1m to 100d\n" },
		{ "listen: [{ kind: c2s, port: 1, address: 127.0.0.1, tls: none, client_ca: a.pem }]\n",
			"l.yml:1:74: client_ca: there are no certificates where tls is 'none'\n" },
	};
	assert_all(mistakes, ARRAY_LEN(mistakes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_to_log_in),
		cmocka_unit_test(characters_that_are_no_text),
		cmocka_unit_test(syntax_that_is_no_yaml),
		cmocka_unit_test(yaml_that_is_not_used),
		cmocka_unit_test(what_cannot_be_read_is_told_once),
		cmocka_unit_test(bombs_of_aliases_are_not_followed),
		cmocka_unit_test(keys_given_twice_name_both_places),
		cmocka_unit_test(unknown_names_suggest_the_nearest),
		cmocka_unit_test(values_of_the_wrong_type),
		cmocka_unit_test(paths_count_with_the_folder_in_front),
		cmocka_unit_test(hosts_that_are_none),
		cmocka_unit_test(domains_that_are_none_are_told_with_the_reason),
		cmocka_unit_test(certificates_without_host_or_file),
		cmocka_unit_test(listeners_that_cannot_be),
		cmocka_unit_test(listeners_that_share_a_port),
		cmocka_unit_test(mistakes_of_all_sections_are_told_in_the_order_of_the_file),
		cmocka_unit_test(only_the_first_fifty_mistakes_are_told),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(mistakes_without_a_file_have_a_name),
	};
	return cmocka_run_group_tests_name("core/config_errors", tests, NULL, NULL);
}
