/* RFC 6121, Appendix A: tables 2 to 9. What the tables leave open is decided here: a pre-approval (3.4) stays when it
 * has been used, until the user takes it back. */
#include "server/modules/subscription.h"

#include "lib/base/fault.h"

#define TO SUBSCRIPTION_TO
#define FROM SUBSCRIPTION_FROM
#define PENDING_OUT SUBSCRIPTION_PENDING_OUT
#define PENDING_IN SUBSCRIPTION_PENDING_IN
#define APPROVED SUBSCRIPTION_APPROVED

static uint8_t with(uint8_t state, unsigned set, unsigned clear)
{
	return (uint8_t)((state & ~clear) | set);
}

/* A.2 */
static struct subscription_step sent(uint8_t s, enum stanza_type type)
{
	switch (type) {
	case PRESENCE_SUBSCRIBE: /* table 2 */
		return (struct subscription_step){ .state = s & TO ? s : with(s, PENDING_OUT, 0), .pass = true };
	case PRESENCE_UNSUBSCRIBE: /* table 3 */
		return (struct subscription_step){ .state = with(s, 0, TO | PENDING_OUT), .pass = true };
	case PRESENCE_SUBSCRIBED: /* table 4 */
		if (!(s & PENDING_IN))
			return (struct subscription_step){ .state = s & FROM ? s : with(s, APPROVED, 0) }; /* 3.4.2 */
		return (struct subscription_step){ .state = with(s, FROM, PENDING_IN), .pass = true };
	default: /* table 5 */
		return (struct subscription_step){ .state = with(s, 0, FROM | PENDING_IN | APPROVED),
			.pass = (s & (FROM | PENDING_IN)) != 0 };
	}
}

/* A.3 */
static struct subscription_step received(uint8_t s, enum stanza_type type)
{
	switch (type) {
	case PRESENCE_SUBSCRIBE: /* table 6 */
		if (s & FROM)
			return (struct subscription_step){ .state = s, .reply = PRESENCE_SUBSCRIBED };
		if (s & APPROVED)
			return (struct subscription_step){ .state = with(s, FROM, 0), .reply = PRESENCE_SUBSCRIBED };
		return (struct subscription_step){ .state = with(s, PENDING_IN, 0), .pass = !(s & PENDING_IN) };
	case PRESENCE_UNSUBSCRIBE: /* table 7 */
		if (!(s & (FROM | PENDING_IN)))
			return (struct subscription_step){ .state = s };
		return (struct subscription_step){ .state = with(s, 0, FROM | PENDING_IN), .pass = true,
			.reply = PRESENCE_UNSUBSCRIBED };
	case PRESENCE_SUBSCRIBED: /* table 8 */
		if (!(s & PENDING_OUT))
			return (struct subscription_step){ .state = s };
		return (struct subscription_step){ .state = with(s, TO, PENDING_OUT), .pass = true };
	default: /* table 9 */
		return (struct subscription_step){ .state = with(s, 0, TO | PENDING_OUT),
			.pass = (s & (TO | PENDING_OUT)) != 0 };
	}
}

bool subscription_is_visible(uint8_t before, uint8_t after)
{
	uint8_t mask = TO | FROM | PENDING_OUT | APPROVED;
	return (before & mask) != (after & mask);
}

struct subscription_step subscription_next(uint8_t state, enum subscription_way way, enum stanza_type type)
{
	assert_always(type == PRESENCE_SUBSCRIBE || type == PRESENCE_SUBSCRIBED || type == PRESENCE_UNSUBSCRIBE ||
		type == PRESENCE_UNSUBSCRIBED);
	struct subscription_step step = way == SUBSCRIPTION_SENT ? sent(state, type) : received(state, type);
	if (!step.reply)
		step.reply = PRESENCE_AVAILABLE;
	return step;
}
