/* Tests of server/core/addresses.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/core/addresses.h"

#include <stdio.h>

#define MAX 8
#define START 1000000

struct fixture {
	struct random_seeded seed;
	struct random_source random;
	struct addresses as;
};

static const struct address_rules rules = { .guests = 3, .per_minute = 6, .failures = 2, .penalty_max_ms = 10000 };

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	random_seeded_init(&f->seed, 1);
	f->random = random_seeded_source(&f->seed);
	addresses_init(&f->as, &rules, MAX, &f->random);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	addresses_fini(&f->as);
	test_free(f);
	return 0;
}

static struct net_address at(const char *ip)
{
	struct net_address a;
	assert_true(net_address_make(str_from_c(ip), 40000, &a));
	return a;
}

static enum address_answer enters(struct fixture *f, const char *ip, uint64_t now)
{
	struct net_address a = at(ip);
	return addresses_enter(&f->as, &a, now);
}

static void leaves(struct fixture *f, const char *ip)
{
	struct net_address a = at(ip);
	addresses_leave(&f->as, &a);
}

static bool may_try(struct fixture *f, const char *ip, uint64_t now)
{
	struct net_address a = at(ip);
	return addresses_may_try(&f->as, &a, now);
}

static void fails(struct fixture *f, const char *ip, uint64_t now)
{
	struct net_address a = at(ip);
	addresses_failed(&f->as, &a, now);
}

static void an_address_has_so_many_guests_and_no_more(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(enters(f, "192.0.2.1", START), ADDRESS_WELCOME);
	assert_int_equal(enters(f, "192.0.2.1", START), ADDRESS_HAS_TOO_MANY);
	assert_int_equal(enters(f, "192.0.2.2", START), ADDRESS_WELCOME);
	leaves(f, "192.0.2.1");
	assert_int_equal(enters(f, "192.0.2.1", START), ADDRESS_WELCOME);
}

static void an_address_comes_so_often_in_a_minute(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(enters(f, "192.0.2.1", START), ADDRESS_WELCOME);
		leaves(f, "192.0.2.1");
	}
	assert_int_equal(enters(f, "192.0.2.1", START), ADDRESS_COMES_TOO_OFTEN);
	assert_int_equal(enters(f, "192.0.2.1", START + 9999), ADDRESS_COMES_TOO_OFTEN);
	/* Those that were refused cost nothing. */
	assert_int_equal(enters(f, "192.0.2.1", START + 10000), ADDRESS_WELCOME);
	assert_int_equal(enters(f, "192.0.2.1", START + 10000), ADDRESS_COMES_TOO_OFTEN);
	leaves(f, "192.0.2.1");
	for (int i = 0; i < 6; i++) {
		assert_int_equal(enters(f, "192.0.2.1", START + 70000), ADDRESS_WELCOME);
		leaves(f, "192.0.2.1");
	}
	assert_int_equal(enters(f, "192.0.2.1", START + 70000), ADDRESS_COMES_TOO_OFTEN);
}

static void an_ipv6_address_is_its_first_half(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		char ip[64];
		snprintf(ip, sizeof(ip), "2001:db8:0:1:%d::%d", i, i);
		assert_int_equal(enters(f, ip, START), ADDRESS_WELCOME);
	}
	assert_int_equal(enters(f, "2001:db8:0:1::", START), ADDRESS_HAS_TOO_MANY);
	assert_int_equal(enters(f, "2001:db8:0:2::", START), ADDRESS_WELCOME);
	/* The bytes of an IPv4 address are not those of an IPv6 one. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(enters(f, "32.1.13.184", START), ADDRESS_WELCOME);
}

static void an_ipv4_address_mapped_to_ipv6_is_itself(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(enters(f, "::ffff:192.0.2.1", START), ADDRESS_WELCOME);
	assert_int_equal(enters(f, "192.0.2.1", START), ADDRESS_HAS_TOO_MANY);
}

static void a_full_table_forgets_whom_it_heard_of_longest_ago(void **state)
{
	struct fixture *f = *state;
	char ip[32];
	assert_int_equal(enters(f, "192.0.2.200", START), ADDRESS_WELCOME);
	for (int i = 0; i < 1000; i++) {
		snprintf(ip, sizeof(ip), "192.0.%d.%d", i / 100, i % 100);
		assert_int_equal(enters(f, ip, START), ADDRESS_WELCOME);
		leaves(f, ip);
		assert_true(f->as.slab.count <= MAX);
	}
	/* One with guests is not forgotten; the last ones are known. */
	assert_int_equal(enters(f, "192.0.2.200", START), ADDRESS_WELCOME);
	assert_int_equal(enters(f, "192.0.2.200", START), ADDRESS_WELCOME);
	assert_int_equal(enters(f, "192.0.2.200", START), ADDRESS_HAS_TOO_MANY);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(enters(f, ip, START), ADDRESS_WELCOME);
		leaves(f, ip);
	}
	assert_int_equal(enters(f, ip, START), ADDRESS_COMES_TOO_OFTEN);
}

static void the_first_failures_have_no_consequences(void **state)
{
	struct fixture *f = *state;
	fails(f, "192.0.2.1", START);
	fails(f, "192.0.2.1", START);
	for (int i = 0; i < 100; i++)
		assert_true(may_try(f, "192.0.2.1", START));
}

static void the_wait_doubles_with_each_failure_up_to_its_end(void **state)
{
	struct fixture *f = *state;
	uint64_t now = START;
	static const uint64_t waits[] = { 1000, 2000, 4000, 8000, 10000, 10000, 10000 };
	fails(f, "192.0.2.1", now);
	fails(f, "192.0.2.1", now);
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		fails(f, "192.0.2.1", now);
		assert_false(may_try(f, "192.0.2.1", now));
		assert_false(may_try(f, "192.0.2.1", now + waits[i] - 1));
		now += waits[i];
		assert_true(may_try(f, "192.0.2.1", now));
		/* Nor do several at once help. */
		assert_false(may_try(f, "192.0.2.1", now));
	}
	assert_true(may_try(f, "192.0.2.2", now));
}

static void failures_are_forgotten_one_a_minute(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 4; i++)
		fails(f, "192.0.2.1", START);
	assert_true(may_try(f, "192.0.2.1", START + 60000));
	assert_false(may_try(f, "192.0.2.1", START + 60000));
	/* Two are left, which are free. */
	for (int i = 0; i < 10; i++)
		assert_true(may_try(f, "192.0.2.1", START + 120000));
}

static void no_number_of_failures_is_remembered_for_long(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 100000; i++)
		fails(f, "192.0.2.1", START);
	assert_true(may_try(f, "192.0.2.1", START + 10000));
	assert_true(may_try(f, "192.0.2.1", START + 600000));
	assert_true(may_try(f, "192.0.2.1", START + 600000));
}

static void clocks_that_disagree_a_little_do_no_harm(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(enters(f, "192.0.2.1", START - (uint64_t)i), ADDRESS_WELCOME);
		leaves(f, "192.0.2.1");
	}
	assert_int_equal(enters(f, "192.0.2.1", START - 6), ADDRESS_COMES_TOO_OFTEN);
	for (int i = 0; i < 4; i++)
		fails(f, "192.0.2.1", START - (uint64_t)i);
	assert_false(may_try(f, "192.0.2.1", START - 4));
	assert_true(may_try(f, "192.0.2.1", START + 10000));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_has_so_many_guests_and_no_more),
		TEST(an_address_comes_so_often_in_a_minute),
		TEST(an_ipv6_address_is_its_first_half),
		TEST(an_ipv4_address_mapped_to_ipv6_is_itself),
		TEST(a_full_table_forgets_whom_it_heard_of_longest_ago),
		TEST(the_first_failures_have_no_consequences),
		TEST(the_wait_doubles_with_each_failure_up_to_its_end),
		TEST(failures_are_forgotten_one_a_minute),
		TEST(no_number_of_failures_is_remembered_for_long),
		TEST(clocks_that_disagree_a_little_do_no_harm),
	};
	return cmocka_run_group_tests_name("core/addresses", tests, NULL, NULL);
}
