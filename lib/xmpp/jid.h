/* JIDs: localpart@domainpart/resourcepart, normalised once and immutable afterwards (RFC 7622).
 *
 * One run of bytes holds the whole address, so the bare JID is a prefix of the full one and nothing is joined again.
 * A JID is usable from any thread as long as its arena lives. */
#ifndef LINNET_JID_H
#define LINNET_JID_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define JID_PART_BYTES_MAX 1023 /* RFC 7622, 3.2 to 3.4 */
#define JID_BYTES_MAX (3 * JID_PART_BYTES_MAX + 2)
/* What making a JID from n bytes costs an arena: as a rule, and at most. */
#define JID_ARENA_BYTES(n) (sizeof(struct jid) + (n) + 2 + 8)
#define JID_ARENA_BYTES_MAX (2 * JID_ARENA_BYTES(JID_BYTES_MAX))

enum { EJID = 1 }; /* not a JID */

struct jid {
	uint64_t hash; /* of the bare JID; the same in every process, so tables salt it (lib/base/hash.h) */
	const char *p;
	uint16_t local_n, domain_n, resource_n;
};

/* Parse and normalise. 0, or -EJID with *why_r a static string, which names what is wrong ("an empty localpart");
 * *jid_r is untouched on error. What it takes of the arena, on error too: JID_ARENA_BYTES.
 *
 * What passes as a domainpart, one trailing dot ignored:
 *     host names     labels of 1 to 63 letters, digits, hyphens (not at the ends) and underscores (which are in use),
 *                    in lower case; one label is enough, and IPv4 addresses are not told apart
 *     U-labels       as IDNA2008 has them (RFC 5891, 4.2), after the mapping of RFC 5895; A-labels become U-labels
 *     [IPv6]         respelled as in RFC 5952; without zone
 * A domainpart has 1,023 bytes at most; that DNS has only 253 is for whoever looks it up. */
CHECK int jid_parse(struct arena *a, struct str in, const struct jid **jid_r, const char **why_r);
/* The same from parts that are not normalised yet; empty local and resource mean there is none. */
CHECK int jid_make(struct arena *a, struct str local, struct str domain, struct str resource, const struct jid **jid_r,
	const char **why_r);
/* With another resource, normalised here. */
CHECK int jid_with_resource(struct arena *a, const struct jid *j, struct str resource, const struct jid **jid_r,
	const char **why_r);
/* Without its resource; `j` itself if it has none. */
const struct jid *jid_to_bare(struct arena *a, const struct jid *j);
/* Its domain alone. */
const struct jid *jid_to_domain(struct arena *a, const struct jid *j);
/* A copy that lives in `a`. */
const struct jid *jid_dup(struct arena *a, const struct jid *j);
/* A copy in a block of its own, for what is kept for long. */
const struct jid *jid_new(const struct jid *j);
/* The same without the resource. */
const struct jid *jid_new_bare(const struct jid *j);
/* Of those two. Sets NULL; NULL is fine. */
void jid_free(const struct jid **j);

/* Borrowed. Empty for what is missing. */
static inline struct str jid_local(const struct jid *j)
{
	return str_make(j->p, j->local_n);
}

static inline struct str jid_domain(const struct jid *j)
{
	return str_make(j->p + (j->local_n ? j->local_n + 1u : 0u), j->domain_n);
}

/* localpart@domainpart, or the domainpart. */
static inline struct str jid_bare(const struct jid *j)
{
	return str_make(j->p, (j->local_n ? j->local_n + 1u : 0u) + j->domain_n);
}

static inline struct str jid_resource(const struct jid *j)
{
	return str_make(j->p + jid_bare(j).n + (j->resource_n ? 1u : 0u), j->resource_n);
}

/* All of it. */
static inline struct str jid_full(const struct jid *j)
{
	return str_make(j->p, jid_bare(j).n + (j->resource_n ? j->resource_n + 1u : 0u));
}

static inline bool jid_is_bare(const struct jid *j)
{
	return j->resource_n == 0;
}

static inline bool jid_is_domain(const struct jid *j)
{
	return j->local_n == 0 && j->resource_n == 0;
}

bool jid_equal(const struct jid *x, const struct jid *y);
/* The resources do not count. */
bool jid_equal_bare(const struct jid *x, const struct jid *y);

/* Normalises one part alone into `a`. Errors as jid_parse. */
CHECK int jid_normalise_local(struct arena *a, struct str in, struct str *out_r, const char **why_r);
CHECK int jid_normalise_domain(struct arena *a, struct str in, struct str *out_r, const char **why_r);
CHECK int jid_normalise_resource(struct arena *a, struct str in, struct str *out_r, const char **why_r);

#endif
