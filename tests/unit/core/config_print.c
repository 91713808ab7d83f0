/* Tests of server/core/config_print.c: the references. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/config_test.h"

#include <string.h>

/* Terminated; to be given back with buf_fini. */
static struct buf reference_of(const struct module *const *list)
{
	struct buf b;
	buf_init(&b, 1 << 16);
	config_print_reference(&b, list);
	buf_add_byte(&b, 0);
	assert_false(buf_failed(&b));
	return b;
}

static void options_of_modules_are_printed_with_their_defaults(void **state)
{
	(void)state;
	struct buf b = reference_of(modules);
	const char *echo = strstr(buf_str(&b).p, "### echo");
	assert_non_null(echo);
	assert_string_equal(echo,
		"### echo\n\n"
		"Says again what was said ([XEP-0007](https://xmpp.org/extensions/xep-0007.html) 1.0.2).\n\n"
		"| option | value | default | meaning |\n"
		"| --- | --- | --- | --- |\n"
		"| `interval` | duration | `10m` | How often; 0 is never |\n"
		"| `reply_bytes` | size, 512 to 64KiB | `1KiB` | Largest reply |\n"
		"| `loud` | `on` or `off` | `off` | Whether it shouts |\n"
		"| `mood` | `glad` or `sad` | `glad` | Its mood: glad\\|sad |\n"
		"| `count` | number, -1 to 9 | `3` | How many times |\n"
		"| `greeting` | text | `hello` | What it says first |\n"
		"| `script` | path |  | File with what it says then; left out: nothing |\n");
	buf_fini(&b);
}

static void every_general_option_is_in_the_reference(void **state)
{
	(void)state;
	static const char *const names[] = { "| `data` |", "| `workers` |", "| `durability` |", "## hosts", "## listen",
		"| `kind` |", "| `address` |", "| `port` |", "| `tls` |", "## certificates", "| `certificate` |",
		"| `key` |", "## limits", "| `rate` |", "## modules" };
	struct buf b = reference_of(modules);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(strstr(buf_str(&b).p, names[i]));
	buf_fini(&b);
}

static void reference_is_the_same_each_time(void **state)
{
	(void)state;
	struct buf first = reference_of(modules), second = reference_of(modules);
	assert_string_equal(buf_str(&first).p, buf_str(&second).p);
	buf_fini(&first);
	buf_fini(&second);
}

/* Appends what stands between the fences of a YAML example. */
static unsigned gather_examples(const char *markdown, struct buf *yaml)
{
	unsigned count = 0;
	for (const char *at = markdown; (at = strstr(at, "```yaml\n")); count++) {
		at += strlen("```yaml\n");
		const char *end = strstr(at, "```\n");
		assert_non_null(end);
		buf_add(yaml, str_make(at, (size_t)(end - at)));
		at = end + strlen("```\n");
	}
	return count;
}

static void examples_of_the_reference_are_a_configuration(void **state)
{
	(void)state;
	static const struct module ping = { .name = "ping", .version = "1", .summary = "Pings" };
	static const struct module *const list[] = { &ping, NULL };
	struct config_context c = context;
	c.modules = list;
	struct buf b = reference_of(list), yaml;
	buf_init(&yaml, 4096);
	assert_int_equal(gather_examples(buf_str(&b).p, &yaml), 7);
	struct reading r = read_with(&c, buf_str(&yaml));
	assert_string_equal(errors_of(&r), "");
	assert_int_equal(r.config->certificate_count, 1);
	assert_false(r.config->module_on[0]);
	reading_fini(&r);
	buf_fini(&yaml);
	buf_fini(&b);
}

static void modules_are_printed_with_their_specification(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	config_print_modules(&b, modules);
	buf_add_byte(&b, 0);
	const char *table = strstr(buf_str(&b).p, "| module |");
	assert_non_null(table);
	assert_string_equal(table,
		"| module | specification | what it does |\n"
		"| --- | --- | --- |\n"
		"| `echo` | [XEP-0007](https://xmpp.org/extensions/xep-0007.html) 1.0.2 | Says again what was said |\n"
		"| `plain` | RFC 9999 | Has no options \\| and needs none |\n"
		"| `needed` | RFC 9998 | Has others that need it; always on |\n");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_modules_are_printed_with_their_defaults),
		cmocka_unit_test(every_general_option_is_in_the_reference),
		cmocka_unit_test(reference_is_the_same_each_time),
		cmocka_unit_test(examples_of_the_reference_are_a_configuration),
		cmocka_unit_test(modules_are_printed_with_their_specification),
	};
	return cmocka_run_group_tests_name("core/config_print", tests, NULL, NULL);
}
