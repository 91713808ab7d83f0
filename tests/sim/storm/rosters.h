/* What was written into rosters, and whether all sides agree on who is subscribed to whom (RFC 6121, Appendix A). */
#ifndef LINNET_TESTS_STORM_ROSTERS_H
#define LINNET_TESTS_STORM_ROSTERS_H

#include "lib/xml/node.h"
#include "tests/sim/storm/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An entry was set (with a name of its own), or removed. */
struct roster_write {
	unsigned account, contact;
	bool removes;
	uint64_t sent; /* steps */
	uint64_t told; /* the writer was told what became of it; 0: not yet, or never */
	uint64_t settled; /* it was not, but by then it had happened or never would; 0: not yet */
	bool refused;
};

struct rosters {
	struct roster_write *list;
	size_t count, room;
};

void rosters_init(struct rosters *r);
void rosters_fini(struct rosters *r);

void rosters_set(struct storm_client *c, unsigned contact);
void rosters_remove(struct storm_client *c, unsigned contact);
/* The answer to such a request. */
void roster_on_answer(struct storm_client *c, uint64_t number, bool is_error);
/* The whole roster, or a push: the <query/>. */
void roster_on_query(struct storm_client *c, const struct xml_node *query, bool is_push);

/* An answer without one: what it has kept is right, but for pushes to come. */
void roster_on_same(struct storm_client *c);

/* A device of the account that knows the roster; NULL if none does. */
const struct storm_client *roster_holder(const struct storm *st, unsigned account);

/* When all is calm: the devices of one account know the same, contacts agree, and what was written is there. */
void rosters_check(struct storm *st);
/* The same when each account has one device, which has just logged in: requests that wait are among it. */
void rosters_check_end(struct storm *st);

#endif
