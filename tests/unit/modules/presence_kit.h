/* What the tests of presence.c share: three accounts on three workers, and their subscriptions. Include it behind
 * cmocka. */
#ifndef LINNET_TEST_PRESENCE_KIT_H
#define LINNET_TEST_PRESENCE_KIT_H

#include "lib/base/mem.h"
#include "tests/unit/modules/kit.h"

struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet, *nurse;
};

static inline int begin(void **state, bool encoded)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(&(struct harness_options){ .workers = 3, .encoded = encoded });
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	harness_account(f->h, "nurse@localhost");
	assert_true(harness_worker(f->h, "romeo@localhost") != harness_worker(f->h, "juliet@localhost") &&
		harness_worker(f->h, "romeo@localhost") != harness_worker(f->h, "nurse@localhost") &&
		harness_worker(f->h, "juliet@localhost") != harness_worker(f->h, "nurse@localhost"));
	*state = f;
	return 0;
}

static inline int setup(void **state)
{
	return begin(state, false);
}

static inline int setup_encoded(void **state)
{
	return begin(state, true);
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

/* Bare sessions that only subscribe. */
static inline void open_all(struct fixture *f)
{
	f->romeo = opens(f->h, "romeo@localhost/phone");
	f->juliet = opens(f->h, "juliet@localhost/balcony");
	f->nurse = opens(f->h, "nurse@localhost/kitchen");
}

/* romeo and juliet see each other; nurse sees romeo, he does not see her. */
static inline void befriend_all(struct fixture *f)
{
	open_all(f);
	befriend(f->romeo, f->juliet);
	subscribe(f->nurse, f->romeo);
	assert_state(f->h, "romeo", "juliet", SUBSCRIPTION_BOTH);
	assert_state(f->h, "romeo", "nurse", SUBSCRIPTION_FROM);
}

#endif
