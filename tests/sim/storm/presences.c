/* Presence (RFC 6121, 4): who is there is seen by the account's own devices and by those who are subscribed, and nobody
 * who has gone is. */
#include "tests/sim/storm/storm.h"

/* -1: it cannot be told, because nobody who is there knows the roster. */
static int is_subscribed(const struct storm *st, unsigned account, unsigned contact)
{
	const struct storm_client *holder = roster_holder(st, account);
	if (account == contact)
		return 1;
	return holder ? (holder->items[contact].subscription & SUBSCRIBED_TO) != 0 : -1;
}

static void check(struct storm *st, const struct storm_client *c, const struct storm_client *other)
{
	int subscribed = is_subscribed(st, c->account, other->account);
	bool is_there = client_is_ready(other) && other->priority != STORM_AWAY;
	unsigned expected = subscribed && is_there ? other->status : 0;
	if (subscribed >= 0 && c != other && c->sees[other->number] != expected)
		storm_violation(st, "client %u sees client %u with status %u, not %u (0: not available)", c->number,
			other->number, c->sees[other->number], expected);
}

void presences_check(struct storm *st)
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		for (unsigned k = 0; k < STORM_CLIENTS; k++)
			if (client_is_ready(&st->clients[i]) && st->clients[i].priority != STORM_AWAY)
				check(st, &st->clients[i], &st->clients[k]);
}
