/* Rosters and subscriptions, as clients make them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include <stdio.h>

void reads_roster(struct peer *p, const char *items)
{
	char pattern[1200];
	says(p, "<iq type='get' id='get'>" EMPTY "</iq>");
	snprintf(pattern, sizeof(pattern), "<iq id='get' to='*' type='result'>%s%s%s</iq>",
		*items ? "<query xmlns='jabber:iq:roster' ver='*'>" : HAS_EMPTY, items, *items ? "</query>" : "");
	sees(p, pattern);
}

void subscribe(struct peer *from, struct peer *to)
{
	says(from, "<presence type='subscribe' to='" STR_FMT "'/>", STR_ARG(jid_bare(to->jid)));
	says(to, "<presence type='subscribed' to='" STR_FMT "'/>", STR_ARG(jid_bare(from->jid)));
	overlooks(from);
	overlooks(to);
}

void befriend(struct peer *a, struct peer *b)
{
	subscribe(a, b);
	subscribe(b, a);
}

static uint8_t stored(struct harness *h, const char *owner, const char *contact)
{
	static const struct statement st = {
		"SELECT coalesce(max(state), 0) FROM roster WHERE owner || ' ' || jid = ?1", NULL };
	char key[200];
	snprintf(key, sizeof(key), "%s %s", owner, contact);
	return (uint8_t)harness_number(h, &st, key);
}

uint8_t state_of(struct harness *h, const char *owner, const char *contact)
{
	return stored(h, owner, contact) & (uint8_t)~SUBSCRIPTION_APPROVED;
}

bool is_approved(struct harness *h, const char *owner, const char *contact)
{
	return stored(h, owner, contact) & SUBSCRIPTION_APPROVED;
}

uint8_t mirrored(uint8_t s)
{
	return (uint8_t)((s & SUBSCRIPTION_TO ? SUBSCRIPTION_FROM : 0) | (s & SUBSCRIPTION_FROM ? SUBSCRIPTION_TO : 0) |
		(s & SUBSCRIPTION_PENDING_OUT ? SUBSCRIPTION_PENDING_IN : 0) |
		(s & SUBSCRIPTION_PENDING_IN ? SUBSCRIPTION_PENDING_OUT : 0));
}
