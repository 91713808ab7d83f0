/* Tests of server/core/guests.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/core/guests.h"


#define MAX 6

struct fixture {
	struct random_seeded seed;
	struct random_source random;
	struct guests g;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	random_seeded_init(&f->seed, 1);
	f->random = random_seeded_source(&f->seed);
	guests_init(&f->g, MAX, &f->random);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	guests_fini(&f->g);
	test_free(f);
	return 0;
}

static slab_handle comes(struct fixture *f, const char *ip, slab_handle edge)
{
	struct net_address a;
	assert_true(net_address_make(str_from_c(ip), 40000, &a));
	return guests_add(&f->g, &a, 7, edge);
}

static void goes(struct fixture *f, slab_handle h)
{
	guests_remove(&f->g, guests_get(&f->g, h));
}

/* The edge of the one that has to go, which goes. */
static slab_handle gives_way(struct fixture *f)
{
	struct guest *g = guests_last_welcome(&f->g);
	slab_handle edge = g->edge;
	assert_int_equal(g->worker, 7);
	guests_remove(&f->g, g);
	return edge;
}

static void the_oldest_of_the_largest_network_gives_way(void **state)
{
	struct fixture *f = *state;
	comes(f, "198.51.100.1", 1);
	comes(f, "192.0.2.1", 2);
	comes(f, "192.0.2.2", 3);
	comes(f, "2001:db8:1::1", 4);
	comes(f, "2001:db8:1:ffff::1", 5);
	comes(f, "192.0.2.255", 6);
	assert_true(guests_is_full(&f->g));
	assert_int_equal(gives_way(f), 2);
	assert_false(guests_is_full(&f->g));
	/* Two networks have two: the one that has had so many for longest. */
	assert_int_equal(gives_way(f), 4);
	assert_int_equal(gives_way(f), 3);
	assert_int_equal(gives_way(f), 1);
	assert_int_equal(gives_way(f), 5);
	assert_int_equal(gives_way(f), 6);
	assert_int_equal(f->g.networks.count, 0);
}

static void networks_are_24_bits_of_ipv4_and_48_of_ipv6(void **state)
{
	struct fixture *f = *state;
	comes(f, "192.0.2.1", 1);
	comes(f, "192.0.3.1", 2);
	assert_int_equal(f->g.networks.count, 2);
	comes(f, "2001:db8:1::1", 3);
	comes(f, "2001:db8:2::1", 4);
	assert_int_equal(f->g.networks.count, 4);
	comes(f, "2001:db8:1:2:3:4:5:6", 5);
	comes(f, "192.0.2.254", 6);
	assert_int_equal(f->g.networks.count, 4);
}

static void a_place_is_free_again_when_its_guest_has_gone(void **state)
{
	struct fixture *f = *state;
	slab_handle h[MAX];
	for (uint32_t i = 0; i < MAX; i++)
		h[i] = comes(f, "192.0.2.1", i + 1);
	goes(f, h[0]);
	assert_null(guests_get(&f->g, h[0]));
	goes(f, h[1]);
	comes(f, "192.0.2.1", 9);
	assert_int_equal(gives_way(f), 3);
	for (uint32_t i = 3; i < MAX; i++)
		goes(f, h[i]);
	assert_int_equal(gives_way(f), 9);
}

/* Against one that counts. */
static void the_largest_network_is_known_whatever_happens(void **state)
{
	struct fixture *f = *state;
	static const char *const ips[] = { "192.0.2.1", "198.51.100.1", "203.0.113.1" };
	slab_handle at[MAX] = { 0 };
	unsigned of[MAX] = { 0 };
	for (int step = 0; step < 10000; step++) {
		size_t i = (size_t)random_below(&f->random, MAX);
		if (at[i]) {
			goes(f, at[i]);
			at[i] = 0;
		} else {
			of[i] = (unsigned)random_below(&f->random, 3);
			at[i] = comes(f, ips[of[i]], (slab_handle)i + 1);
		}
		unsigned count[3] = { 0 }, most = 0;
		for (size_t k = 0; k < MAX; k++)
			if (at[k] && ++count[of[k]] > most)
				most = count[of[k]];
		assert_int_equal(f->g.most, most);
		if (most) {
			const struct guest *g = guests_last_welcome(&f->g);
			assert_int_equal(count[of[g->edge - 1]], most);
		}
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_of_the_largest_network_gives_way),
		TEST(networks_are_24_bits_of_ipv4_and_48_of_ipv6),
		TEST(a_place_is_free_again_when_its_guest_has_gone),
		TEST(the_largest_network_is_known_whatever_happens),
	};
	return cmocka_run_group_tests_name("core/guests", tests, NULL, NULL);
}
