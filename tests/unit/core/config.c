/* Tests of server/core/config*.c: what a configuration without mistakes becomes. Mistakes: config_errors.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/stream/sasl.h"
#include "tests/unit/core/config_test.h"

#include <stdio.h>

static const struct echo_conf *echo_of(const struct reading *r)
{
	return config_of_module(r->config, modules, &echo_module);
}

static void assert_listener(const struct config_listener *l, const char *address, unsigned port, enum config_tls tls)
{
	assert_str(l->kind, "c2s");
	assert_str(l->address, address);
	assert_int_equal(l->port, port);
	assert_int_equal(l->tls, tls);
}

static void assert_all_defaults(const char *text)
{
	struct reading r = read_good(text);
	const struct config *c = r.config;
	assert_int_equal(c->host_count, 1);
	assert_str(c->hosts[0], "localhost");
	assert_str(c->data, "data-default");
	assert_int_equal(c->workers, 4);
	assert_int_equal(c->listener_count, 2);
	assert_listener(&c->listeners[0], "::", 5222, CONFIG_TLS_STARTTLS);
	assert_listener(&c->listeners[1], "::", 5223, CONFIG_TLS_DIRECT);
	assert_int_equal(c->certificate_count, 0);
	assert_true(c->limits.rate);
	/* docs/SECURITY.md */
	assert_int_equal(c->limits.sessions, 16);
	assert_int_equal(c->limits.unauthenticated, 2000);
	assert_int_equal(c->limits.address_unauthenticated, 32);
	assert_int_equal(c->limits.address_connections, 60);
	assert_int_equal(c->limits.read_rate, 20000);
	assert_int_equal(c->limits.read_burst, 256 << 10);
	assert_int_equal(c->durability, CONFIG_POWER);
	assert_true(c->module_on[0]);
	assert_true(c->module_on[1]);
	assert_int_equal(echo_of(&r)->interval, 600000);
	assert_int_equal(echo_of(&r)->reply_bytes, 1024);
	assert_str(echo_of(&r)->greeting, "hello");
	assert_null(echo_of(&r)->script.p);
	reading_fini(&r);
}

static void a_listener_may_redirect(void **state)
{
	(void)state;
	struct reading r = read_good("listen:\n"
		"  - { kind: c2s, port: 1 }\n"
		"  - { kind: c2s, port: 2, redirect: B.Example.org }\n"
		"  - { kind: c2s, port: 3, redirect: '[2001:DB8::1]:5222' }\n");
	assert_null(r.config->listeners[0].redirect);
	assert_str(r.config->listeners[1].redirect->host, "b.example.org");
	assert_int_equal(r.config->listeners[1].redirect->port, 0);
	assert_str(r.config->listeners[2].redirect->host, "[2001:db8::1]");
	assert_int_equal(r.config->listeners[2].redirect->port, 5222);
	reading_fini(&r);
}

static void nothing_is_all_defaults(void **state)
{
	(void)state;
	assert_all_defaults("");
	assert_all_defaults("\n\n");
	assert_all_defaults("# only a comment\n");
	assert_all_defaults("---\n...\n");
	assert_all_defaults("{}");
	assert_all_defaults("\xef\xbb\xbf");
}

static void empty_sections_of_options_are_left_out(void **state)
{
	(void)state;
	assert_all_defaults("certificates:\nlimits:\nmodules:\n");
	assert_all_defaults("certificates: {}\nlimits: {}\nmodules: {}\n");
	assert_all_defaults("modules:\n  echo:\n  plain:\n");
}

static void every_option_is_read(void **state)
{
	(void)state;
	struct reading r = read_good(
		"%YAML 1.1\n"
		"---\n"
		"hosts: [example.org, Example.NET]\n"
		"data: /var/lib/linnet\n"
		"workers: 2\n"
		"listen:\n"
		"  - { kind: c2s, address: 127.0.0.1, port: 5280, tls: none }\n"
		"  - kind: c2s\n"
		"    port: '65535'\n"
		"    tls: \"direct\"\n"
		"certificates: { example.org: { certificate: /c.pem, key: /k.pem } }\n"
		"limits: { rate: off, sessions: 3, read_burst: 1MiB, login_penalty: 5m }\n"
		"modules:\n"
		"  echo: { interval: 10m, reply_bytes: 1KiB, loud: yes, mood: sad, count: -1, greeting: 'on: no' }\n"
		"durability: process\n"
		"...\n");
	const struct config *c = r.config;
	assert_int_equal(c->host_count, 2);
	assert_str(c->hosts[0], "example.org");
	assert_str(c->hosts[1], "example.net");
	assert_str(c->data, "/var/lib/linnet");
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->listener_count, 2);
	assert_listener(&c->listeners[0], "127.0.0.1", 5280, CONFIG_TLS_NONE);
	assert_listener(&c->listeners[1], "::", 65535, CONFIG_TLS_DIRECT);
	assert_int_equal(c->certificate_count, 1);
	assert_str(c->certificates[0].host, "example.org");
	assert_str(c->certificates[0].certificate, "/c.pem");
	assert_str(c->certificates[0].key, "/k.pem");
	assert_false(c->limits.rate);
	assert_int_equal(c->limits.sessions, 3);
	assert_int_equal(c->limits.read_burst, 1 << 20);
	assert_int_equal(c->limits.login_penalty, 300000);
	assert_int_equal(c->limits.read_rate, 20000);
	assert_int_equal(c->durability, CONFIG_PROCESS);
	const struct echo_conf *echo = echo_of(&r);
	assert_int_equal(echo->interval, 600000);
	assert_int_equal(echo->reply_bytes, 1024);
	assert_true(echo->loud);
	assert_int_equal(echo->mood, 1);
	assert_int_equal(echo->count, -1);
	assert_str(echo->greeting, "on: no");
	reading_fini(&r);
}

/* YAML would call these a boolean, a number, nothing, and a date. */
static void scalars_are_texts_until_their_option_types_them(void **state)
{
	(void)state;
	static const char *const texts[] = { "no", "007", "~", "null", "2001-01-01", "''" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char yaml[64];
		snprintf(yaml, sizeof(yaml), "modules: { echo: { greeting: %s } }", texts[i]);
		struct reading r = read_good(yaml);
		assert_str(echo_of(&r)->greeting, texts[i][0] == '\'' ? "" : texts[i]);
		reading_fini(&r);
	}
}

static void hosts_are_normalised(void **state)
{
	(void)state;
	struct reading r = read_good("hosts: [EXAMPLE.org., B\xc3\x9c"
				     "CHER.example, xn--bcher-kva.example.net, '[::1]']");
	assert_int_equal(r.config->host_count, 4);
	assert_str(r.config->hosts[0], "example.org");
	assert_str(r.config->hosts[1],
		"b\xc3\xbc"
		"cher.example");
	assert_str(r.config->hosts[2],
		"b\xc3\xbc"
		"cher.example.net");
	assert_str(r.config->hosts[3], "[::1]");
	reading_fini(&r);
}

static void certificates_belong_to_normalised_hosts(void **state)
{
	(void)state;
	struct reading r = read_good("hosts: [b\xc3\xbc"
				     "cher.example, a.example]\n"
				     "certificates:\n"
				     "  A.example.: { certificate: c1, key: k1 }\n"
				     "  xn--bcher-kva.example: { certificate: c2, key: k2 }\n");
	assert_int_equal(r.config->certificate_count, 2);
	assert_str(r.config->certificates[0].host, "a.example");
	assert_str(r.config->certificates[1].host,
		"b\xc3\xbc"
		"cher.example");
	reading_fini(&r);
}

static void certificate_for_the_default_host(void **state)
{
	(void)state;
	struct reading r = read_good("certificates: { localhost: { certificate: c, key: k } }");
	assert_str(r.config->certificates[0].host, "localhost");
	reading_fini(&r);
}

static void assert_paths(const char *file, const char *data, const char *key, const char *script)
{
	struct config_context c = context;
	c.file = file;
	struct reading r = read_with(&c,
		STR("data: d\n"
		    "certificates: { localhost: { certificate: /abs, key: sub/../k } }\n"
		    "modules: { echo: { script: s.txt } }"));
	assert_int_equal(r.result, 0);
	assert_str(r.config->data, data);
	assert_str(r.config->certificates[0].certificate, "/abs");
	assert_str(r.config->certificates[0].key, key);
	assert_str(echo_of(&r)->script, script);
	reading_fini(&r);
}

static void relative_paths_begin_at_the_folder_of_the_file(void **state)
{
	(void)state;
	assert_paths("/etc/linnet/l.yml", "/etc/linnet/d", "/etc/linnet/sub/../k", "/etc/linnet/s.txt");
	assert_paths("../l.yml", "../d", "../sub/../k", "../s.txt");
	assert_paths("/l.yml", "/d", "/sub/../k", "/s.txt");
	assert_paths("l.yml", "d", "sub/../k", "s.txt");
	assert_paths(NULL, "d", "sub/../k", "s.txt");
}

static void data_folder_of_the_context_is_copied_as_it_is(void **state)
{
	(void)state;
	char folder[] = "data-given";
	struct config_context c = context;
	c.data = str_from_c(folder);
	struct reading r = read_with(&c, STR("workers: 1"));
	memset(folder, '!', sizeof(folder) - 1);
	assert_str(r.config->data, "data-given");
	reading_fini(&r);
}

static void default_workers_are_the_cores_within_the_bounds(void **state)
{
	(void)state;
	static const unsigned cores[][2] = { { 0, 1 }, { 1, 1 }, { 64, 64 }, { 1000, 256 } };
	for (size_t i = 0; i < ARRAY_LEN(cores); i++) {
		struct config_context c = context;
		c.cores = cores[i][0];
		struct reading r = read_with(&c, STR(""));
		assert_int_equal(r.config->workers, cores[i][1]);
		reading_fini(&r);
	}
}

static void modules_are_switched(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool echo, plain;
	} cases[] = {
		{ "modules: { echo: off }", false, true },
		{ "modules: { echo: no, plain: 'false' }", false, false },
		{ "modules: { echo: on, plain: off }", true, false },
		{ "modules: { echo: {}, plain: {}, needed: on }", true, true },
		{ "modules: { echo, plain: true }", true, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reading r = read_good(cases[i].text);
		assert_int_equal(r.config->module_on[0], cases[i].echo);
		assert_int_equal(r.config->module_on[1], cases[i].plain);
		assert_true(r.config->module_on[2]);
		assert_int_equal(echo_of(&r) != NULL, cases[i].echo);
		if (cases[i].echo)
			assert_int_equal(echo_of(&r)->interval, 600000);
		assert_null(config_of_module(r.config, modules, &plain_module));
		reading_fini(&r);
	}
}

static void module_that_is_not_listed_has_no_configuration(void **state)
{
	(void)state;
	struct reading r = read_good("");
	struct module stranger = { .name = "stranger" };
	assert_null(config_of_module(r.config, modules, &stranger));
	reading_fini(&r);
}

static void addresses_are_written_in_one_way(void **state)
{
	(void)state;
	struct reading r = read_good("listen:\n"
				     "- { kind: c2s, address: '0:0:0::1', port: 1 }\n"
				     "- { kind: c2s, address: '::ffff:192.0.2.1', port: 2 }\n"
				     "- { kind: c2s, address: '2001:DB8::A', port: 3 }\n"
				     "- { kind: c2s, address: 0.0.0.0, port: 4 }\n"
				     "- { kind: c2s, address: '::', port: 5 }\n");
	static const char *const expected[] = { "::1", "192.0.2.1", "2001:db8::a", "0.0.0.0", "::" };
	assert_int_equal(r.config->listener_count, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_listener(&r.config->listeners[i], expected[i], (unsigned)i + 1, CONFIG_TLS_STARTTLS);
	reading_fini(&r);
}

static void loopback_may_go_without_tls(void **state)
{
	(void)state;
	static const char *const addresses[] = { "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1" };
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		char yaml[128];
		snprintf(
			yaml, sizeof(yaml), "listen: [{ kind: c2s, address: '%s', port: 1, tls: none }]", addresses[i]);
		struct reading r = read_good(yaml);
		assert_int_equal(r.config->listeners[0].tls, CONFIG_TLS_NONE);
		reading_fini(&r);
	}
}

static void ports_are_shared_by_different_addresses_and_free_ones_always(void **state)
{
	(void)state;
	struct reading r = read_good("listen:\n"
				     "- { kind: c2s, address: 127.0.0.1, port: 5222 }\n"
				     "- { kind: c2s, address: 127.0.0.2, port: 5222 }\n"
				     "- { kind: c2s, address: '::1', port: 5222 }\n"
				     "- { kind: c2s, address: 0.0.0.0, port: 5223 }\n"
				     "- { kind: c2s, address: '::1', port: 5223 }\n"
				     "- { kind: c2s, port: 0 }\n"
				     "- { kind: c2s, port: 0 }\n");
	assert_int_equal(r.config->listener_count, 7);
	reading_fini(&r);
}

static void result_does_not_borrow_from_the_text(void **state)
{
	(void)state;
	char yaml[] =
		"hosts: [example.org]\ndata: /d\nlisten: [{ kind: c2s, address: 127.0.0.1, port: 1 }]\n"
		"certificates: { example.org: { certificate: c, key: k } }\nmodules: { echo: { greeting: hi } }\n";
	struct reading r = read_with(&context, str_from_c(yaml));
	memset(yaml, '!', sizeof(yaml) - 1);
	assert_int_equal(r.result, 0);
	assert_str(r.config->hosts[0], "example.org");
	assert_str(r.config->data, "/d");
	assert_str(r.config->listeners[0].address, "127.0.0.1");
	assert_str(r.config->certificates[0].host, "example.org");
	assert_str(r.config->certificates[0].key, "/etc/linnet/k");
	assert_str(echo_of(&r)->greeting, "hi");
	reading_fini(&r);
}

/* What a line is does not depend on who wrote it. */
static void windows_line_ends_are_fine(void **state)
{
	(void)state;
	struct reading r = read_good("hosts:\r\n  - example.org\r\nworkers: 3\r\n");
	assert_str(r.config->hosts[0], "example.org");
	assert_int_equal(r.config->workers, 3);
	reading_fini(&r);
}

static void tabs_between_words_are_fine(void **state)
{
	(void)state;
	struct reading r = read_good("workers:\t3 \t# three\ndata: \t/x\n");
	assert_int_equal(r.config->workers, 3);
	assert_str(r.config->data, "/x");
	reading_fini(&r);
}

static void thousands_of_hosts_are_read(void **state)
{
	(void)state;
	struct buf yaml;
	buf_init(&yaml, 1 << 20);
	buf_lit(&yaml, "hosts:\n");
	for (int i = 0; i < 4000; i++)
		buf_printf(&yaml, "- h%d.example\n", i * 7919 % 4000);
	buf_lit(&yaml, "certificates:\n");
	for (int i = 0; i < 4000; i++)
		buf_printf(&yaml, "  h%d.example: { certificate: c%d, key: k }\n", i, i);
	struct config_context c = context;
	c.file = "x.yml";
	struct reading r = read_with(&c, buf_str(&yaml));
	assert_string_equal(errors_of(&r), "");
	assert_int_equal(r.config->host_count, 4000);
	assert_str(r.config->hosts[1], "h3919.example");
	assert_str(r.config->certificates[3999].host, "h3999.example");
	assert_str(r.config->certificates[3999].certificate, "c3999");
	buf_fini(&yaml);
	reading_fini(&r);
}

static void ways_to_log_in_are_chosen(void **state)
{
	(void)state;
	struct reading r = read_good("");
	assert_int_equal(r.config->mechanisms, SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_EXTERNAL));
	assert_true(r.config->fast);
	assert_int_equal(r.config->token_lifetime_ms, 21 * 86400000LL);
	assert_int_equal(r.config->anonymous_count, 0);
	assert_int_equal(r.config->listeners[0].client_ca.n, 0);
	reading_fini(&r);
	r = read_good("hosts: [a.example, Guest.EXAMPLE]\nmechanisms: [SCRAM-SHA-256, EXTERNAL]\nfast: off\n"
			  "token_lifetime: 1h\nanonymous: [guest.example]\n"
			  "listen: [{ kind: c2s, port: 5222, client_ca: /etc/ca.pem }]\n");
	assert_int_equal(r.config->mechanisms,
		SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_EXTERNAL));
	assert_false(r.config->fast);
	assert_int_equal(r.config->token_lifetime_ms, 3600000);
	assert_int_equal(r.config->anonymous_count, 1);
	assert_str(r.config->anonymous[0], "guest.example");
	assert_str(r.config->listeners[0].client_ca, "/etc/ca.pem");
	reading_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_to_log_in_are_chosen),
		cmocka_unit_test(nothing_is_all_defaults),
		cmocka_unit_test(a_listener_may_redirect),
		cmocka_unit_test(empty_sections_of_options_are_left_out),
		cmocka_unit_test(every_option_is_read),
		cmocka_unit_test(scalars_are_texts_until_their_option_types_them),
		cmocka_unit_test(hosts_are_normalised),
		cmocka_unit_test(certificates_belong_to_normalised_hosts),
		cmocka_unit_test(certificate_for_the_default_host),
		cmocka_unit_test(relative_paths_begin_at_the_folder_of_the_file),
		cmocka_unit_test(data_folder_of_the_context_is_copied_as_it_is),
		cmocka_unit_test(default_workers_are_the_cores_within_the_bounds),
		cmocka_unit_test(modules_are_switched),
		cmocka_unit_test(module_that_is_not_listed_has_no_configuration),
		cmocka_unit_test(addresses_are_written_in_one_way),
		cmocka_unit_test(loopback_may_go_without_tls),
		cmocka_unit_test(ports_are_shared_by_different_addresses_and_free_ones_always),
		cmocka_unit_test(result_does_not_borrow_from_the_text),
		cmocka_unit_test(windows_line_ends_are_fine),
		cmocka_unit_test(tabs_between_words_are_fine),
		cmocka_unit_test(thousands_of_hosts_are_read),
	};
	return cmocka_run_group_tests_name("core/config", tests, NULL, NULL);
}
