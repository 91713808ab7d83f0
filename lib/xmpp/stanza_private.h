/* What a stanza is besides its public fields. Only for stanza.c and stanza_share.c.
 *
 * A stanza is one arena, with its struct inside. A derived one has a new top element, whose list of children runs on
 * into that of its origin:
 *
 *     derived   root → added → added ─┐
 *     origin    root ─────────────────┴→ child → child
 *
 * It keeps a reference on its origin, for what is in the children too. */
#ifndef LINNET_STANZA_PRIVATE_H
#define LINNET_STANZA_PRIVATE_H

#include "lib/base/macros.h"
#include "lib/xmpp/stanza.h"

#include <stdatomic.h>

struct stanza_children; /* on the heap; see stanza_share.c */

struct stanza_full {
	struct stanza s;
	atomic_uint references;
	struct arena *arena; /* this is inside it */
	struct stanza_full *origin; /* whose children, or what is in them, we use; or NULL */
	const struct xml_node *shared; /* the first child that is not our own: origin's first; or NULL */
	struct stanza_children *_Atomic own_bytes; /* of the children before it; NULL until they are needed */
};

static inline struct stanza_full *stanza_full(struct stanza *s)
{
	return CONTAINER_OF(s, struct stanza_full, s);
}

/* With one reference, and the fields that the root alone can give. False if its type is none of its kind. */
bool stanza_init(struct arena *arena, const struct xml_node *root, struct stanza_full **full_r);
/* A copy of the address in the arena and in the attribute; NULL for none. */
const struct jid *stanza_set_address(struct arena *a, struct xml_node *root, struct str name, const struct jid *j);
/* Appends a copy of a node of any arena. */
void stanza_add_copy(struct arena *a, struct xml_node *root, const struct xml_node *child);

#endif
