/* What was said, and what came of it.
 *
 * A message becomes *certain* (docs/GUARANTEES.md, D2, as far as it holds without stream management) when: its
 * recipient had no session while it was under way; the answer to a request behind it has come from the recipient's
 * account, so it had been dealt with, and not refused; and then nothing was uncommitted. A message that is certain
 * arrives, whatever happens later. */
#ifndef LINNET_TESTS_STORM_LEDGER_H
#define LINNET_TESTS_STORM_LEDGER_H

#include "lib/base/str.h"
#include "tests/sim/storm/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STANZA_ID_MAX      48
#define LEDGER_PADDING_MAX 4000

enum said_type { SAID_CHAT, SAID_NORMAL, SAID_HEADLINE };

struct said {
	unsigned from; /* the client's number */
	uint64_t stream; /* and its stream's */
	unsigned to; /* account */
	int resource; /* -1: to the bare JID */
	enum said_type type;
	uint64_t step, epoch;
	bool dealt_with, certain, refused;
	bool acknowledged; /* whoever got it has acknowledged it, durably: it may not come again */
	unsigned copies[STORM_RESOURCES]; /* received by each device */
	uint64_t received_on[STORM_RESOURCES]; /* by which stream, last */
	char id[STANZA_ID_MAX]; /* stanza-id, once one was seen */
};

struct ledger {
	struct said *list;
	size_t count, room;
	size_t checked; /* all before this one need no look when all is calm */
	size_t uncertain; /* all before this one are certain, or never will be */
};

void ledger_init(struct ledger *l);
void ledger_fini(struct ledger *l);

/* The client says something of so many bytes. resource -1: to the bare JID. */
void ledger_say(struct storm_client *c, unsigned to, int resource, enum said_type type, unsigned padding_n);
/* It asks the account for an answer, behind all that it has said to it. */
void ledger_ask(struct storm_client *c, unsigned to);
/* The answer. */
void ledger_on_answer(struct storm_client *c, uint64_t number);

/* The device that has written to the account last, if it can go on; NULL if not. */
struct storm_client *ledger_last_writer(struct storm *st, unsigned to);

/* Arrivals. id: empty if it had none. */
void ledger_on_message(struct storm_client *c, uint64_t number, struct str from, struct str id, bool is_delayed);
void ledger_on_error(struct storm_client *c, uint64_t number);

/* Nothing is uncommitted. */
void ledger_on_durable(struct storm *st);
/* When all is calm. */
void ledger_check(struct storm *st);
/* When everybody has collected what was waiting. */
void ledger_check_end(struct storm *st);

#endif
