/* Putting a server together: modules that cannot live together stop the start, and say why. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"
#include "tests/unit/base/dies.h"

#include "lib/base/mem.h"

#include <stdio.h>

static void on_presence(struct account *a, struct stanza *s, const struct jid *to)
{
	(void)a;
	(void)s;
	(void)to;
}

static struct iq_answer on_iq(const struct iq_call *call)
{
	(void)call;
	return iq_result(NULL);
}

static const struct migration first_migrations[] = { { "first", 1, "a" }, { "first", 2, "b" }, { NULL, 0, NULL } };
static const struct migration second_migrations[] = { { "second", 1, "c" }, { NULL, 0, NULL } };

static const struct module presence = { .name = "there", .version = "0", .summary = "Is there", .required = true,
	.on_presence = on_presence, .migrations = first_migrations, .stream_features = STR_INIT("<a xmlns='urn:a'/>") };
static const struct module rival = { .name = "here", .version = "0", .summary = "Is here too",
	.on_presence = on_presence };
static const struct module asked = { .name = "asked", .version = "0", .summary = "Answers",
	.migrations = second_migrations, .stream_features = STR_INIT("<b xmlns='urn:b'/>"),
	.iq = (const struct iq_handler[]){ { IQ_GET, TO_HOST, STR_INIT("urn:t"), STR_INIT("x"), on_iq }, { 0 } } };
static const struct module asked_too = { .name = "asked-too", .version = "0", .summary = "Answers as well",
	.iq = (const struct iq_handler[]){ { IQ_GET, TO_HOST, STR_INIT("urn:t"), STR_INIT("x"), on_iq }, { 0 } } };

struct attempt {
	struct server server;
	struct harness *h; /* lends its storage */
	int result;
	char why[256];
};

/* Initialises a server of these modules, those of `off` switched off. */
static struct attempt *attempt(const struct module *const *modules, const bool *on)
{
	struct attempt *t = test_calloc(1, sizeof(*t));
	struct config *c;
	size_t count = 0;
	while (modules[count])
		count++;
	t->h = harness_new(1, NULL);
	c = arena_zalloc(t->h->sim.arena, sizeof(*c));
	static const struct str hosts[] = { STR_INIT("localhost"), STR_INIT("im.example") };
	c->hosts = hosts;
	c->host_count = 2;
	c->workers = 2;
	c->module_on = on;
	c->module_conf = arena_zalloc(t->h->sim.arena, (count + 1) * sizeof(*c->module_conf));
	struct server_parts parts = { .config = c, .modules = modules, .clock = &t->h->sim.world.clock,
		.random = &t->h->sim.world.random, .log = &t->h->sim.log, .storage = t->h->sim.storage };
	t->result = server_init(&t->server, &parts, t->why, sizeof(t->why));
	return t;
}

static void attempt_free(struct attempt *t)
{
	if (t->result == 0)
		server_fini(&t->server);
	harness_free(&t->h);
	test_free(t);
}

static void assert_refused(const struct module *const *modules, const bool *on, const char *why)
{
	struct attempt *t = attempt(modules, on);
	assert_int_equal(t->result, -1);
	assert_string_equal(t->why, why);
	attempt_free(t);
}

static const bool all_on[] = { true, true, true, true };

static void two_modules_that_claim_one_iq_stop_the_start(void **state)
{
	(void)state;
	assert_refused((const struct module *const[]){ &presence, &asked, &asked_too, NULL }, all_on,
		"module asked-too answers an iq that another module answers already: x in urn:t");
	/* Unless one is off. */
	struct attempt *t = attempt((const struct module *const[]){ &presence, &asked, &asked_too, NULL },
		(const bool[]){ true, false, true });
	assert_int_equal(t->result, 0);
	assert_int_equal(t->server.module_count, 2);
	assert_int_equal(server_module_index(&t->server, &asked_too), 1);
	attempt_free(t);
}

static void presence_is_handled_by_exactly_one_module(void **state)
{
	(void)state;
	assert_refused((const struct module *const[]){ &presence, &rival, NULL }, all_on,
		"modules there and here both handle presence");
	assert_refused((const struct module *const[]){ &asked, NULL }, all_on, "no module handles presence");
}

static void a_required_module_cannot_be_switched_off(void **state)
{
	(void)state;
	assert_refused((const struct module *const[]){ &presence, &rival, NULL }, (const bool[]){ false, true },
		"module there cannot be switched off");
}

static void features_of_modules_follow_each_other(void **state)
{
	(void)state;
	struct attempt *t = attempt((const struct module *const[]){ &presence, &asked, NULL }, all_on);
	assert_int_equal(t->result, 0);
	struct str features = buf_str(&t->server.stream_features);
	assert_true(str_eq(features, STR("<a xmlns='urn:a'/><b xmlns='urn:b'/>")));
	attempt_free(t);
}

static void hosts_are_those_of_the_configuration(void **state)
{
	(void)state;
	struct attempt *t = attempt((const struct module *const[]){ &presence, NULL }, all_on);
	assert_true(server_is_host(&t->server, STR("localhost")));
	assert_true(server_is_host(&t->server, STR("im.example")));
	assert_false(server_is_host(&t->server, STR("im.example.org")));
	assert_false(server_is_host(&t->server, STR("example")));
	assert_false(server_is_host(&t->server, STR("")));
	attempt_free(t);
}

static uint64_t five(const void *conf)
{
	(void)conf;
	return 5;
}

static uint64_t never(const void *conf)
{
	(void)conf;
	return 0;
}

static uint64_t seven(const void *conf)
{
	(void)conf;
	return 7;
}

/* XEP-0478 */
static void idle_is_what_the_first_module_finds_idle(void **state)
{
	(void)state;
	static const struct module a = { .name = "a", .idle_ms = seven }, b = { .name = "b", .idle_ms = never };
	static const struct module c = { .name = "c", .idle_ms = five };
	struct attempt *t = attempt((const struct module *const[]){ &presence, &a, &b, &c, NULL }, all_on);
	assert_int_equal(server_idle_ms(&t->server), 5);
	attempt_free(t);
	t = attempt((const struct module *const[]){ &presence, &b, NULL }, all_on);
	assert_int_equal(server_idle_ms(&t->server), 0);
	attempt_free(t);
}

static void asking_for_a_module_that_is_off_is_a_bug(void **state)
{
	(void)state;
	struct attempt *t = attempt((const struct module *const[]){ &presence, &asked, NULL }, (const bool[]){ true,
		false });
	assert_dies((void)server_module_index(&t->server, &asked));
	attempt_free(t);
}

/* On or off: a module that is switched on again finds its tables. */
static void migrations_are_those_of_all_modules_in_order(void **state)
{
	(void)state;
	static const struct module *const modules[] = { &presence, &rival, &asked, NULL };
	struct migration *m = server_migrations(modules);
	assert_string_equal(m[0].sql, "a");
	assert_string_equal(m[1].sql, "b");
	assert_string_equal(m[2].sql, "c");
	assert_null(m[3].feature);
	mem_free(m);
}

/* The list that is built in can live together, whatever operators switch off. */
static void every_optional_module_can_be_switched_off(void **state)
{
	(void)state;
	for (size_t i = 0; module_list[i]; i++) {
		char yaml[100];
		if (module_list[i]->required)
			continue;
		snprintf(yaml, sizeof(yaml), "modules: {%s: off}\n", module_list[i]->name);
		struct harness *h = harness_new(1, yaml);
		harness_account(h, "romeo@localhost");
		harness_account(h, "juliet@localhost");
		struct peer *romeo = arrives(h, "romeo@localhost/phone"), *juliet = arrives(h,
			"juliet@localhost/balcony");
		says(romeo, "<message to='juliet@localhost' type='chat'><body>1</body></message>");
		sees(juliet, "<message ~");
		dies(juliet);
		harness_run(h);
		/* Without a store it comes back. */
		says(romeo, "<message to='juliet@localhost' type='chat'><body>1</body></message>");
		if (strcmp(module_list[i]->name, "offline") == 0)
			sees(romeo, "<message ~" ERROR("cancel", "service-unavailable") "</message>");
		sees_nothing(romeo);
		harness_free(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_modules_that_claim_one_iq_stop_the_start),
		cmocka_unit_test(presence_is_handled_by_exactly_one_module),
		cmocka_unit_test(a_required_module_cannot_be_switched_off),
		cmocka_unit_test(features_of_modules_follow_each_other),
		cmocka_unit_test(hosts_are_those_of_the_configuration),
		cmocka_unit_test(idle_is_what_the_first_module_finds_idle),
		cmocka_unit_test(asking_for_a_module_that_is_off_is_a_bug),
		cmocka_unit_test(migrations_are_those_of_all_modules_in_order),
		cmocka_unit_test(every_optional_module_can_be_switched_off),
	};
	return cmocka_run_group_tests_name("core/server", tests, NULL, NULL);
}
