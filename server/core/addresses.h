/* What is known of where connections come from: for each address how many of its connections have not logged in, how often it
 * connects, how often its logins failed (docs/SECURITY.md, Q2 and L5). One of IPv6 is its first 64 bits, which is what a customer
 * gets. A table of bounded size: of those without such connections the one used longest ago is forgotten first.
 *
 * Time is monotonic, and may come from several clocks that do not quite agree. limits.c has the lock. */
#ifndef LINNET_ADDRESSES_H
#define LINNET_ADDRESSES_H

#include "lib/base/hash.h"
#include "lib/base/list.h"
#include "lib/base/slab.h"
#include "lib/net/address.h"

#include <stdbool.h>
#include <stdint.h>

/* The first bits of an address, behind its family: what counts as one source. */
struct source {
	unsigned char bytes[9];
};

struct source source_of(const struct net_address *a, unsigned bits_of_ipv4, unsigned bits_of_ipv6);
struct str source_str(const struct source *s);

struct address_rules {
	unsigned guests; /* that have not logged in, at once */
	unsigned per_minute; /* new connections; so many at once, then one each time a minute's share has passed */
	unsigned failures; /* of logins, without consequences; one is forgotten each minute */
	uint64_t penalty_max_ms; /* between two tries, which begins with a second and doubles with each failure */
};

struct address; /* pinned while it has guests */

struct addresses {
	struct address_rules rules;
	struct hash_key key;
	struct hash_table table;
	struct slab slab;
	struct list idle; /* those without guests, the one used longest ago first */
};

/* At most `max` of them, more than there may be guests. */
void addresses_init(struct addresses *as, const struct address_rules *rules, uint32_t max, const struct random_source *r);
void addresses_fini(struct addresses *as);

enum address_answer { ADDRESS_WELCOME, ADDRESS_HAS_TOO_MANY, ADDRESS_COMES_TOO_OFTEN };
/* A connection. If it is welcome it counts as a guest until addresses_leave(). */
enum address_answer addresses_enter(struct addresses *as, const struct net_address *a, uint64_t now_ms);
void addresses_leave(struct addresses *as, const struct net_address *a);

/* A try to log in. False: too early after failures. */
bool addresses_may_try(struct addresses *as, const struct net_address *a, uint64_t now_ms);
void addresses_failed(struct addresses *as, const struct net_address *a, uint64_t now_ms);

#endif
