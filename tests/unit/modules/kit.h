/* What the tests of several modules share: rosters, and accounts that are subscribed to each other. Include it behind
 * cmocka. */
#ifndef LINNET_TEST_MODULES_KIT_H
#define LINNET_TEST_MODULES_KIT_H

#include "server/modules/subscription.h"
#include "tests/unit/core/harness.h"

#include <stdint.h>

#define ROSTER(items) "<query xmlns='jabber:iq:roster'>" items "</query>"
#define EMPTY         "<query xmlns='jabber:iq:roster'/>"
/* The same in patterns: they come with a version. */
#define HAS_ROSTER(items) "<query xmlns='jabber:iq:roster' ver='*'>" items "</query>"
#define HAS_EMPTY         "<query xmlns='jabber:iq:roster' ver='*'/>"

/* It asks for its roster, which has these items. */
void reads_roster(struct peer *p, const char *items);

/* `from` asks to see `to`, who agrees; both accounts see each other. What the two peers are told is passed over. */
void subscribe(struct peer *from, struct peer *to);
void befriend(struct peer *a, struct peer *b);

/* The state of `contact` in the stored roster of `owner`; 0 if it has no such item. Without SUBSCRIPTION_APPROVED: that
 * is no affair of the other side's. */
uint8_t state_of(struct harness *h, const char *owner, const char *contact);
bool is_approved(struct harness *h, const char *owner, const char *contact);
/* A state seen from the other side. */
uint8_t mirrored(uint8_t state);

/* Both accounts, by localpart, have it so: `state` is the first one's. */
#define assert_state(h, owner, contact, state)                                                                         \
	do {                                                                                                           \
		assert_int_equal(state_of(h, owner "@localhost", contact "@localhost"), state);                        \
		assert_int_equal(state_of(h, contact "@localhost", owner "@localhost"), mirrored(state));              \
	} while (0)

/* Two tests, with envelopes as pointers and as bytes: by a setup and a setup_encoded of the file. */
#define TEST(name)                                                                                                     \
	{ #name, name, setup, teardown, NULL }, { #name "_encoded", name, setup_encoded, teardown, NULL }

#endif
