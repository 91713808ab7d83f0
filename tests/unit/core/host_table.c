/* The table of hosts: what it finds, what it copies, and what the storage adds to the configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/host_table.h"
#include "server/storage/hosts.h"

#include <stdio.h>

static struct host host_of(struct arena *a, unsigned n)
{
	return (struct host){ .name = arena_printf(a, "customer-%04u.im.example.org", n) };
}

static void every_host_is_found_and_nothing_else(void **state)
{
	(void)state;
	static const size_t counts[] = { 0, 1, 2, 3, 8, 1000 };
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct arena *a = arena_new(1024, 1u << 20);
		struct host *hosts = arena_zalloc(a, (counts[i] + 1) * sizeof(*hosts));
		for (unsigned n = 0; n < counts[i]; n++)
			hosts[n] = host_of(a, n);
		struct host_table *t = host_table_new(hosts, counts[i]);
		assert_int_equal(host_table_count(t), counts[i]);
		for (unsigned n = 0; n < counts[i]; n++) {
			assert_true(str_eq(host_table_get(t, n)->name, hosts[n].name));
			assert_ptr_equal(host_table_find(t, hosts[n].name), host_table_get(t, n));
		}
		assert_null(host_table_get(t, counts[i]));
		assert_null(host_table_find(t, host_of(a, 1000).name));
		assert_null(host_table_find(t, STR("")));
		assert_null(host_table_find(t, STR("customer-0000.im.example.or")));
		assert_null(host_table_find(t, STR("ustomer-0000.im.example.org")));
		assert_null(host_table_find(t, STR("customer-0000.im.example.org.")));
		host_table_free(&t);
		assert_null(t);
		arena_free(&a);
	}
}

static void a_change_makes_another_table(void **state)
{
	(void)state;
	char name[] = "im.example", certificate[] = "/a.crt";
	const struct host first = { .name = STR("localhost"), .is_configured = true };
	struct host second = { str_from_c(name), str_from_c(certificate), STR("/a.key"), false };
	struct host_table *one = host_table_new(&first, 1), *two = host_table_with(one, &second);
	memset(name, 'x', sizeof(name) - 1);
	memset(certificate, 'x', sizeof(certificate) - 1);
	struct host_table *again = host_table_without(two, STR("localhost"));
	assert_int_equal(host_table_count(one), 1);
	host_table_free(&one);
	const struct host *h = host_table_find(two, STR("im.example"));
	assert_true(str_eq(h->certificate, STR("/a.crt")) && str_eq(h->key, STR("/a.key")) && !h->is_configured);
	assert_true(host_table_find(two, STR("localhost"))->is_configured);
	host_table_free(&two);
	assert_int_equal(host_table_count(again), 1);
	assert_non_null(host_table_find(again, STR("im.example")));
	assert_null(host_table_find(again, STR("localhost")));
	host_table_free(&again);
}

static void store(struct harness *h, const char *domain)
{
	struct unit *u = unit_new();
	hosts_add(u, &(struct host_row){ str_from_c(domain), STR("/x.crt"), STR("/x.key") });
	assert_int_equal(storage_commit_now(h->sim.storage, u), 0);
	unit_free(&u);
}

static void the_storage_adds_to_the_configuration(void **state)
{
	(void)state;
	char why[256];
	struct harness *h = harness_new(1, NULL);
	store(h, "b.example");
	store(h, "localhost"); /* it was added, and came into the file later */
	store(h, "a.example");
	struct host_table *t = host_table_read(h->sim.config, h->sim.storage, why, sizeof(why));
	assert_non_null(t);
	assert_int_equal(host_table_count(t), 3);
	assert_true(str_eq(host_table_get(t, 0)->name, STR("localhost")));
	assert_true(host_table_get(t, 0)->is_configured);
	assert_int_equal(host_table_get(t, 0)->certificate.n, 0);
	assert_true(str_eq(host_table_get(t, 1)->name, STR("a.example")));
	assert_true(str_eq(host_table_get(t, 1)->key, STR("/x.key")));
	assert_false(host_table_get(t, 1)->is_configured);
	assert_true(str_eq(host_table_get(t, 2)->name, STR("b.example")));
	host_table_free(&t);
	h->faults.query = "FROM hosts";
	assert_null(host_table_read(h->sim.config, h->sim.storage, why, sizeof(why)));
	assert_string_equal(why, "the hosts cannot be read");
	harness_free(&h);
}

/* More than one page of them. */
static void many_hosts_are_read(void **state)
{
	(void)state;
	char why[256], name[40];
	struct harness *h = harness_new(1, NULL);
	struct unit *u = unit_new();
	for (unsigned n = 0; n < 2500; n++) {
		snprintf(name, sizeof(name), "h%u.example", n);
		hosts_add(u, &(struct host_row){ str_from_c(name), STR(""), STR("") });
	}
	assert_int_equal(storage_commit_now(h->sim.storage, u), 0);
	unit_free(&u);
	struct host_table *t = host_table_read(h->sim.config, h->sim.storage, why, sizeof(why));
	assert_int_equal(host_table_count(t), 2501);
	for (unsigned n = 0; n < 2500; n++) {
		snprintf(name, sizeof(name), "h%u.example", n);
		assert_non_null(host_table_find(t, str_from_c(name)));
	}
	host_table_free(&t);
	harness_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_host_is_found_and_nothing_else),
		cmocka_unit_test(a_change_makes_another_table),
		cmocka_unit_test(the_storage_adds_to_the_configuration),
		cmocka_unit_test(many_hosts_are_read),
	};
	return cmocka_run_group_tests_name("core/host_table", tests, NULL, NULL);
}
