/* Compares expected elements with received ones. Pure.
 *
 * The order of attributes does not count, that of children only where {ordered} says so; what is not named is an error
 * unless {more} says otherwise. Children of one name that could be each other's are tried in all ways, with what the
 * variables are bound to, up to a bound on the work.
 *
 * Not named, and no error: an xml:lang anywhere, which servers fill in (RFC 6120, 8.1.5); of a stanza the `to`, if it
 * is the receiver itself (8.1.1.1); of an iq the `from`, if it is the receiver's account (8.1.2.1); of a delay the
 * `from`, if it is the receiver's account or server, and the text (XEP-0203, 2); the `ver` of a roster, which a server may give any
 * time (RFC 6121, 2.6.3). */
#ifndef LINNET_SCENARIO_MATCH_H
#define LINNET_SCENARIO_MATCH_H

#include "cmd/scenario/pattern.h"
#include "cmd/scenario/variables.h"
#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"
#include "lib/xmpp/jid.h"

#include <stdbool.h>
#include <stddef.h>

/* Comparisons of two elements before a match is given up. */
#define MATCH_STEPS_MAX 200000

struct match {
	const struct jid *self;      /* who received it; NULL: nobody knows */
	struct variables *variables; /* bound by a match; as before if there is none */
	struct arena *arena;         /* for the values, and for `why` */
	struct str why;              /* without a match: what differs, of the attempt that came furthest */
};

/* One element. */
CHECK bool match_element(struct match *m, const struct pattern *p, const struct xml_node *e);
/* As many elements as patterns, in any order. */
CHECK bool match_set(struct match *m, const struct pattern *const *p, const struct xml_node *const *e, size_t count);

#endif
