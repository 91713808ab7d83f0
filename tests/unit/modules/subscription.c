/* RFC 6121, Appendix A: tables 2 to 9, every cell, with and without a pre-approval (3.4). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/modules/subscription.h"
#include "tests/unit/base/dies.h"

#include "lib/base/macros.h"

/* The nine states in the order of the tables, and the three of them that a pre-approval (3.4) can be given in. It stays
 * when it is used: then there are three more. */
enum state {
	NONE = 0,
	NONE_OUT = SUBSCRIPTION_PENDING_OUT,
	NONE_IN = SUBSCRIPTION_PENDING_IN,
	NONE_OUT_IN = SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_PENDING_IN,
	TO = SUBSCRIPTION_TO,
	TO_IN = SUBSCRIPTION_TO | SUBSCRIPTION_PENDING_IN,
	FROM = SUBSCRIPTION_FROM,
	FROM_OUT = SUBSCRIPTION_FROM | SUBSCRIPTION_PENDING_OUT,
	BOTH = SUBSCRIPTION_BOTH,
	NONE_APPROVED = SUBSCRIPTION_APPROVED,
	NONE_OUT_APPROVED = SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_APPROVED,
	TO_APPROVED = SUBSCRIPTION_TO | SUBSCRIPTION_APPROVED,
	FROM_APPROVED = SUBSCRIPTION_FROM | SUBSCRIPTION_APPROVED,
	FROM_OUT_APPROVED = SUBSCRIPTION_FROM | SUBSCRIPTION_PENDING_OUT | SUBSCRIPTION_APPROVED,
	BOTH_APPROVED = SUBSCRIPTION_BOTH | SUBSCRIPTION_APPROVED,
};

#define STATES 15
#define NINE   9 /* the first ones are the RFC's */

static const enum state states[STATES] = { NONE, NONE_OUT, NONE_IN, NONE_OUT_IN, TO, TO_IN, FROM, FROM_OUT, BOTH, NONE_APPROVED,
	NONE_OUT_APPROVED, TO_APPROVED, FROM_APPROVED, FROM_OUT_APPROVED, BOTH_APPROVED };

enum pass { NO, MUST };
enum { NO_REPLY = 0, REPLY_SUBSCRIBED = PRESENCE_SUBSCRIBED, REPLY_UNSUBSCRIBED = PRESENCE_UNSUBSCRIBED };

/* A row as the RFC prints it: existing state, route or deliver?, new state; and the note on what is answered. */
struct row {
	enum state before;
	enum pass pass;
	enum state after;
	unsigned reply;
};

struct table {
	int number;
	enum subscription_way way;
	enum stanza_type type;
	struct row rows[STATES];
};

static const struct table tables[] = {
	/* Table 2: outbound "subscribe" (A.2.1) */
	{ 2, SUBSCRIPTION_SENT, PRESENCE_SUBSCRIBE, {
		{ NONE, MUST, NONE_OUT },
		{ NONE_OUT, MUST, NONE_OUT },
		{ NONE_IN, MUST, NONE_OUT_IN },
		{ NONE_OUT_IN, MUST, NONE_OUT_IN },
		{ TO, MUST, TO },
		{ TO_IN, MUST, TO_IN },
		{ FROM, MUST, FROM_OUT },
		{ FROM_OUT, MUST, FROM_OUT },
		{ BOTH, MUST, BOTH },
		{ NONE_APPROVED, MUST, NONE_OUT_APPROVED },
		{ NONE_OUT_APPROVED, MUST, NONE_OUT_APPROVED },
		{ TO_APPROVED, MUST, TO_APPROVED },
		{ FROM_APPROVED, MUST, FROM_OUT_APPROVED },
		{ FROM_OUT_APPROVED, MUST, FROM_OUT_APPROVED },
		{ BOTH_APPROVED, MUST, BOTH_APPROVED },
	} },
	/* Table 3: outbound "unsubscribe" (A.2.2) */
	{ 3, SUBSCRIPTION_SENT, PRESENCE_UNSUBSCRIBE, {
		{ NONE, MUST, NONE },
		{ NONE_OUT, MUST, NONE },
		{ NONE_IN, MUST, NONE_IN },
		{ NONE_OUT_IN, MUST, NONE_IN },
		{ TO, MUST, NONE },
		{ TO_IN, MUST, NONE_IN },
		{ FROM, MUST, FROM },
		{ FROM_OUT, MUST, FROM },
		{ BOTH, MUST, FROM },
		{ NONE_APPROVED, MUST, NONE_APPROVED },
		{ NONE_OUT_APPROVED, MUST, NONE_APPROVED },
		{ TO_APPROVED, MUST, NONE_APPROVED },
		{ FROM_APPROVED, MUST, FROM_APPROVED },
		{ FROM_OUT_APPROVED, MUST, FROM_APPROVED },
		{ BOTH_APPROVED, MUST, FROM_APPROVED },
	} },
	/* Table 4: outbound "subscribed" (A.2.3, 3.4.2) */
	{ 4, SUBSCRIPTION_SENT, PRESENCE_SUBSCRIBED, {
		{ NONE, NO, NONE_APPROVED },
		{ NONE_OUT, NO, NONE_OUT_APPROVED },
		{ NONE_IN, MUST, FROM },
		{ NONE_OUT_IN, MUST, FROM_OUT },
		{ TO, NO, TO_APPROVED },
		{ TO_IN, MUST, BOTH },
		{ FROM, NO, FROM },
		{ FROM_OUT, NO, FROM_OUT },
		{ BOTH, NO, BOTH },
		{ NONE_APPROVED, NO, NONE_APPROVED },
		{ NONE_OUT_APPROVED, NO, NONE_OUT_APPROVED },
		{ TO_APPROVED, NO, TO_APPROVED },
		{ FROM_APPROVED, NO, FROM_APPROVED },
		{ FROM_OUT_APPROVED, NO, FROM_OUT_APPROVED },
		{ BOTH_APPROVED, NO, BOTH_APPROVED },
	} },
	/* Table 5: outbound "unsubscribed" (A.2.4, 3.2.2) */
	{ 5, SUBSCRIPTION_SENT, PRESENCE_UNSUBSCRIBED, {
		{ NONE, NO, NONE },
		{ NONE_OUT, NO, NONE_OUT },
		{ NONE_IN, MUST, NONE },
		{ NONE_OUT_IN, MUST, NONE_OUT },
		{ TO, NO, TO },
		{ TO_IN, MUST, TO },
		{ FROM, MUST, NONE },
		{ FROM_OUT, MUST, NONE_OUT },
		{ BOTH, MUST, TO },
		{ NONE_APPROVED, NO, NONE },
		{ NONE_OUT_APPROVED, NO, NONE_OUT },
		{ TO_APPROVED, NO, TO },
		{ FROM_APPROVED, MUST, NONE },
		{ FROM_OUT_APPROVED, MUST, NONE_OUT },
		{ BOTH_APPROVED, MUST, TO },
	} },
	/* Table 6: inbound "subscribe" (A.3.1) */
	{ 6, SUBSCRIPTION_RECEIVED, PRESENCE_SUBSCRIBE, {
		{ NONE, MUST, NONE_IN },
		{ NONE_OUT, MUST, NONE_OUT_IN },
		{ NONE_IN, NO, NONE_IN },
		{ NONE_OUT_IN, NO, NONE_OUT_IN },
		{ TO, MUST, TO_IN },
		{ TO_IN, NO, TO_IN },
		{ FROM, NO, FROM, REPLY_SUBSCRIBED },
		{ FROM_OUT, NO, FROM_OUT, REPLY_SUBSCRIBED },
		{ BOTH, NO, BOTH, REPLY_SUBSCRIBED },
		{ NONE_APPROVED, NO, FROM_APPROVED, REPLY_SUBSCRIBED },
		{ NONE_OUT_APPROVED, NO, FROM_OUT_APPROVED, REPLY_SUBSCRIBED },
		{ TO_APPROVED, NO, BOTH_APPROVED, REPLY_SUBSCRIBED },
		{ FROM_APPROVED, NO, FROM_APPROVED, REPLY_SUBSCRIBED },
		{ FROM_OUT_APPROVED, NO, FROM_OUT_APPROVED, REPLY_SUBSCRIBED },
		{ BOTH_APPROVED, NO, BOTH_APPROVED, REPLY_SUBSCRIBED },
	} },
	/* Table 7: inbound "unsubscribe" (A.3.2) */
	{ 7, SUBSCRIPTION_RECEIVED, PRESENCE_UNSUBSCRIBE, {
		{ NONE, NO, NONE },
		{ NONE_OUT, NO, NONE_OUT },
		{ NONE_IN, MUST, NONE, REPLY_UNSUBSCRIBED },
		{ NONE_OUT_IN, MUST, NONE_OUT, REPLY_UNSUBSCRIBED },
		{ TO, NO, TO },
		{ TO_IN, MUST, TO, REPLY_UNSUBSCRIBED },
		{ FROM, MUST, NONE, REPLY_UNSUBSCRIBED },
		{ FROM_OUT, MUST, NONE_OUT, REPLY_UNSUBSCRIBED },
		{ BOTH, MUST, TO, REPLY_UNSUBSCRIBED },
		{ NONE_APPROVED, NO, NONE_APPROVED },
		{ NONE_OUT_APPROVED, NO, NONE_OUT_APPROVED },
		{ TO_APPROVED, NO, TO_APPROVED },
		{ FROM_APPROVED, MUST, NONE_APPROVED, REPLY_UNSUBSCRIBED },
		{ FROM_OUT_APPROVED, MUST, NONE_OUT_APPROVED, REPLY_UNSUBSCRIBED },
		{ BOTH_APPROVED, MUST, TO_APPROVED, REPLY_UNSUBSCRIBED },
	} },
	/* Table 8: inbound "subscribed" (A.3.3) */
	{ 8, SUBSCRIPTION_RECEIVED, PRESENCE_SUBSCRIBED, {
		{ NONE, NO, NONE },
		{ NONE_OUT, MUST, TO },
		{ NONE_IN, NO, NONE_IN },
		{ NONE_OUT_IN, MUST, TO_IN },
		{ TO, NO, TO },
		{ TO_IN, NO, TO_IN },
		{ FROM, NO, FROM },
		{ FROM_OUT, MUST, BOTH },
		{ BOTH, NO, BOTH },
		{ NONE_APPROVED, NO, NONE_APPROVED },
		{ NONE_OUT_APPROVED, MUST, TO_APPROVED },
		{ TO_APPROVED, NO, TO_APPROVED },
		{ FROM_APPROVED, NO, FROM_APPROVED },
		{ FROM_OUT_APPROVED, MUST, BOTH_APPROVED },
		{ BOTH_APPROVED, NO, BOTH_APPROVED },
	} },
	/* Table 9: inbound "unsubscribed" (A.3.4) */
	{ 9, SUBSCRIPTION_RECEIVED, PRESENCE_UNSUBSCRIBED, {
		{ NONE, NO, NONE },
		{ NONE_OUT, MUST, NONE },
		{ NONE_IN, NO, NONE_IN },
		{ NONE_OUT_IN, MUST, NONE_IN },
		{ TO, MUST, NONE },
		{ TO_IN, MUST, NONE_IN },
		{ FROM, NO, FROM },
		{ FROM_OUT, MUST, FROM },
		{ BOTH, MUST, FROM },
		{ NONE_APPROVED, NO, NONE_APPROVED },
		{ NONE_OUT_APPROVED, MUST, NONE_APPROVED },
		{ TO_APPROVED, MUST, NONE_APPROVED },
		{ FROM_APPROVED, NO, FROM_APPROVED },
		{ FROM_OUT_APPROVED, MUST, FROM_APPROVED },
		{ BOTH_APPROVED, MUST, FROM_APPROVED },
	} },
};

static void every_cell_is_as_the_tables_say(void **state)
{
	(void)state;
	unsigned cells = 0;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t r = 0; r < STATES; r++) {
			const struct row *row = &tables[t].rows[r];
			struct subscription_step s =
				subscription_next((uint8_t)row->before, tables[t].way, tables[t].type);
			enum stanza_type reply = row->reply ? (enum stanza_type)row->reply : PRESENCE_AVAILABLE;
			assert_int_equal(row->before, states[r]);
			if (s.state != row->after || s.pass != (row->pass == MUST) || s.reply != reply)
				fail_msg("table %d, row %zu: state %u pass %d reply %d", tables[t].number, r + 1, s.state,
					s.pass, s.reply);
			cells++;
		}
	}
	assert_int_equal(cells, 8 * STATES);
}

static void every_new_state_is_one_of_those(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t r = 0; r < STATES; r++) {
			uint8_t s = subscription_next((uint8_t)states[r], tables[t].way, tables[t].type).state;
			size_t i = 0;
			while (i < STATES && s != states[i])
				i++;
			assert_true(i < STATES);
			/* Without a pre-approval there is none unless the user gives it. */
			if (r < NINE && tables[t].number != 4)
				assert_true(i < NINE);
		}
	}
}

/* 3.4: but for the contact's request, and the two words that give and take it, it changes nothing. */
static void a_preapproval_changes_nothing_else(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t r = 0; r < STATES; r++) {
			if (!(states[r] & SUBSCRIPTION_APPROVED) || tables[t].number == 4 || tables[t].number == 5 ||
				tables[t].number == 6)
				continue;
			uint8_t without = (uint8_t)states[r] & (uint8_t)~SUBSCRIPTION_APPROVED;
			struct subscription_step x = subscription_next((uint8_t)states[r], tables[t].way, tables[t].type),
				y = subscription_next(without, tables[t].way, tables[t].type);
			assert_int_equal(x.state, y.state | SUBSCRIPTION_APPROVED);
			assert_int_equal(x.pass, y.pass);
			assert_int_equal(x.reply, y.reply);
		}
	}
}

/* A.1, state 3: "pending in" is not in the roster; all else is. */
static void a_request_alone_is_not_visible(void **state)
{
	(void)state;
	for (size_t x = 0; x < STATES; x++)
		for (size_t y = 0; y < STATES; y++)
			assert_int_equal(subscription_is_visible((uint8_t)states[x], (uint8_t)states[y]),
				(states[x] & ~SUBSCRIPTION_PENDING_IN) != (states[y] & ~SUBSCRIPTION_PENDING_IN));
}

static void other_types_are_a_bug(void **state)
{
	(void)state;
	assert_dies((void)subscription_next(NONE, SUBSCRIPTION_SENT, PRESENCE_PROBE));
	assert_dies((void)subscription_next(NONE, SUBSCRIPTION_RECEIVED, MESSAGE_CHAT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_is_as_the_tables_say),
		cmocka_unit_test(every_new_state_is_one_of_those),
		cmocka_unit_test(a_preapproval_changes_nothing_else),
		cmocka_unit_test(a_request_alone_is_not_visible),
		cmocka_unit_test(other_types_are_a_bug),
	};
	return cmocka_run_group_tests_name("modules/subscription", tests, NULL, NULL);
}
