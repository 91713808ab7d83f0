/* RFC 6121, Appendix A: tables 2 to 9, every cell. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/modules/subscription.h"
#include "tests/unit/base/dies.h"

#include "lib/base/macros.h"

/* The nine states in the order of the tables. */
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
};

struct row {
	enum state before;
	bool pass;
	enum state after;
	enum stanza_type reply; /* MESSAGE_NORMAL, that is 0: none */
};

struct table {
	int number;
	enum subscription_way way;
	enum stanza_type type;
	struct row rows[9];
};

static const struct table tables[] = {
	{ 2, SUBSCRIPTION_SENT, PRESENCE_SUBSCRIBE, {
		{ NONE, true, NONE_OUT },
		{ NONE_OUT, true, NONE_OUT },
		{ NONE_IN, true, NONE_OUT_IN },
		{ NONE_OUT_IN, true, NONE_OUT_IN },
		{ TO, true, TO },
		{ TO_IN, true, TO_IN },
		{ FROM, true, FROM_OUT },
		{ FROM_OUT, true, FROM_OUT },
		{ BOTH, true, BOTH },
	} },
	{ 3, SUBSCRIPTION_SENT, PRESENCE_UNSUBSCRIBE, {
		{ NONE, true, NONE },
		{ NONE_OUT, true, NONE },
		{ NONE_IN, true, NONE_IN },
		{ NONE_OUT_IN, true, NONE_IN },
		{ TO, true, NONE },
		{ TO_IN, true, NONE_IN },
		{ FROM, true, FROM },
		{ FROM_OUT, true, FROM },
		{ BOTH, true, FROM },
	} },
	/* Pre-approval (3.4) is not offered: no state change. */
	{ 4, SUBSCRIPTION_SENT, PRESENCE_SUBSCRIBED, {
		{ NONE, false, NONE },
		{ NONE_OUT, false, NONE_OUT },
		{ NONE_IN, true, FROM },
		{ NONE_OUT_IN, true, FROM_OUT },
		{ TO, false, TO },
		{ TO_IN, true, BOTH },
		{ FROM, false, FROM },
		{ FROM_OUT, false, FROM_OUT },
		{ BOTH, false, BOTH },
	} },
	{ 5, SUBSCRIPTION_SENT, PRESENCE_UNSUBSCRIBED, {
		{ NONE, false, NONE },
		{ NONE_OUT, false, NONE_OUT },
		{ NONE_IN, true, NONE },
		{ NONE_OUT_IN, true, NONE_OUT },
		{ TO, false, TO },
		{ TO_IN, true, TO },
		{ FROM, true, NONE },
		{ FROM_OUT, true, NONE_OUT },
		{ BOTH, true, TO },
	} },
	{ 6, SUBSCRIPTION_RECEIVED, PRESENCE_SUBSCRIBE, {
		{ NONE, true, NONE_IN },
		{ NONE_OUT, true, NONE_OUT_IN },
		{ NONE_IN, false, NONE_IN },
		{ NONE_OUT_IN, false, NONE_OUT_IN },
		{ TO, true, TO_IN },
		{ TO_IN, false, TO_IN },
		{ FROM, false, FROM, PRESENCE_SUBSCRIBED },
		{ FROM_OUT, false, FROM_OUT, PRESENCE_SUBSCRIBED },
		{ BOTH, false, BOTH, PRESENCE_SUBSCRIBED },
	} },
	{ 7, SUBSCRIPTION_RECEIVED, PRESENCE_UNSUBSCRIBE, {
		{ NONE, false, NONE },
		{ NONE_OUT, false, NONE_OUT },
		{ NONE_IN, true, NONE, PRESENCE_UNSUBSCRIBED },
		{ NONE_OUT_IN, true, NONE_OUT, PRESENCE_UNSUBSCRIBED },
		{ TO, false, TO },
		{ TO_IN, true, TO, PRESENCE_UNSUBSCRIBED },
		{ FROM, true, NONE, PRESENCE_UNSUBSCRIBED },
		{ FROM_OUT, true, NONE_OUT, PRESENCE_UNSUBSCRIBED },
		{ BOTH, true, TO, PRESENCE_UNSUBSCRIBED },
	} },
	{ 8, SUBSCRIPTION_RECEIVED, PRESENCE_SUBSCRIBED, {
		{ NONE, false, NONE },
		{ NONE_OUT, true, TO },
		{ NONE_IN, false, NONE_IN },
		{ NONE_OUT_IN, true, TO_IN },
		{ TO, false, TO },
		{ TO_IN, false, TO_IN },
		{ FROM, false, FROM },
		{ FROM_OUT, true, BOTH },
		{ BOTH, false, BOTH },
	} },
	{ 9, SUBSCRIPTION_RECEIVED, PRESENCE_UNSUBSCRIBED, {
		{ NONE, false, NONE },
		{ NONE_OUT, true, NONE },
		{ NONE_IN, false, NONE_IN },
		{ NONE_OUT_IN, true, NONE_IN },
		{ TO, true, NONE },
		{ TO_IN, true, NONE_IN },
		{ FROM, false, FROM },
		{ FROM_OUT, true, FROM },
		{ BOTH, true, FROM },
	} },
};

static void every_cell_is_as_the_tables_say(void **state)
{
	(void)state;
	unsigned cells = 0;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t r = 0; r < 9; r++) {
			const struct row *row = &tables[t].rows[r];
			struct subscription_step s =
				subscription_next((uint8_t)row->before, tables[t].way, tables[t].type);
			enum stanza_type reply = row->reply ? row->reply : PRESENCE_AVAILABLE;
			if (s.state != row->after || s.pass != row->pass || s.reply != reply)
				fail_msg("table %d, row %zu: state %u pass %d reply %d", tables[t].number, r + 1, s.state,
					s.pass, s.reply);
			cells++;
		}
	}
	assert_int_equal(cells, 72);
}

static void every_new_state_is_one_of_the_nine(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t r = 0; r < 9; r++) {
			uint8_t before = (uint8_t)tables[0].rows[r].before;
			uint8_t s = subscription_next(before, tables[t].way, tables[t].type).state;
			assert_false(s & SUBSCRIPTION_TO && s & SUBSCRIPTION_PENDING_OUT);
			assert_false(s & SUBSCRIPTION_FROM && s & SUBSCRIPTION_PENDING_IN);
			assert_true(s < 16);
		}
	}
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
		cmocka_unit_test(every_new_state_is_one_of_the_nine),
		cmocka_unit_test(other_types_are_a_bug),
	};
	return cmocka_run_group_tests_name("modules/subscription", tests, NULL, NULL);
}
