/* Stanzas: message, presence, iq. Immutable once made, reference counted with their arena, shared between threads.
 *
 * To change one, derive: a new top element that shares the children, and their bytes. What is inside is serialised at
 * most once, however many recipients and kinds of stream there are; each recipient costs one small header. */
#ifndef LINNET_STANZA_H
#define LINNET_STANZA_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/jid.h"

#include <stdbool.h>

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };

enum stanza_type {
	/* message; without a type, or with an unknown one, it is normal (RFC 6121, 5.2.2) */
	MESSAGE_NORMAL,
	MESSAGE_CHAT,
	MESSAGE_GROUPCHAT,
	MESSAGE_HEADLINE,
	MESSAGE_ERROR,
	/* presence */
	PRESENCE_AVAILABLE, /* has no type */
	PRESENCE_UNAVAILABLE,
	PRESENCE_SUBSCRIBE,
	PRESENCE_SUBSCRIBED,
	PRESENCE_UNSUBSCRIBE,
	PRESENCE_UNSUBSCRIBED,
	PRESENCE_PROBE,
	PRESENCE_ERROR,
	/* iq */
	IQ_GET,
	IQ_SET,
	IQ_RESULT,
	IQ_ERROR,
};

struct stanza {
	enum stanza_kind kind;
	enum stanza_type type;
	struct str id; /* p is NULL if there is none */
	struct str lang; /* xml:lang of the top element, likewise */
	const struct jid *from, *to; /* NULL if there is none */
	const struct xml_node *root; /* its attributes say the same as the fields above */
};

/* Arena bytes a stanza needs beside its tree, for sizing the arena it is parsed into: as a rule, with the values of its
 * two attributes (they may be empty: none), and at most. */
size_t stanza_extra_bytes(struct str to, struct str from);
#define STANZA_EXTRA_BYTES_MAX (256 + 2 * JID_ARENA_BYTES_MAX)

/* From a tree parsed into *arena, which is taken whatever the outcome (on error too the stanza is returned, as far
 * as it could be read, for its answer). STANZA_OK, or the condition to refuse it with (RFC 6120, 8.1 to 8.2; a wrong
 * address is jid-malformed, a wrong type or child count bad-request), *why_r static. The root must be NS_CONTENT
 * and one of the three names (stanza_kind_of). One reference, the caller's. The tree must not have been shown to anyone
 * else yet: addresses are put into their normalised form in it. */
enum stanza_condition stanza_take(
	struct arena **arena, const struct xml_node *root, struct stanza **stanza_r, const char **why_r);
/* False if the element is not a stanza. */
CHECK bool stanza_kind_of(const struct xml_node *root, enum stanza_kind *kind_r);

struct stanza *stanza_ref(struct stanza *s);
/* Sets NULL; NULL is fine. Any thread. */
void stanza_unref(struct stanza **s);
/* Heap bytes that a reference keeps alive: its own arena, and those of the stanzas it shares children with. */
size_t stanza_bytes(const struct stanza *s);

/* What is different in a derived stanza. NULL and empty: as it was. All is copied. */
struct stanza_change {
	const struct jid *from, *to;
	bool drop_to, drop_from;
	struct str id, type, lang;
	/* Put before the children: a list linked by next, of any arena. */
	const struct xml_node *add;
	/* Children for which it says true are left out, all of them (the bytes are made anew then). May be NULL. */
	bool (*drop)(const struct xml_node *child, const void *ctx);
	const void *drop_ctx;
};
/* A new stanza with one reference; it holds one on `s`. */
struct stanza *stanza_derive(struct stanza *s, const struct stanza_change *change);

/* Made here: build with stanza_new, fill `root`, then stanza_finish; after that it is immutable. A draft that is not
 * finished ends with its arena. */
struct stanza_draft {
	struct arena *arena;
	struct xml_node *root;
};
struct stanza_draft stanza_new(enum stanza_type type);
/* The draft is taken. Addresses may be NULL and are copied; an empty id means none. */
struct stanza *stanza_finish(struct stanza_draft *draft, struct str id, const struct jid *from, const struct jid *to);

/* The result of an IQ: addresses swapped, same id; `payload` (shared with its arena's bytes copied) may be NULL. */
struct stanza *stanza_result(const struct stanza *iq, const struct xml_node *payload);
/* The error answer to any stanza, with the children of the original only for IQs of at most 4 KiB (RFC 6120, 8.3.1).
 * NULL where no error may be sent: an error, an IQ result, or a presence that is no request. */
struct stanza *stanza_error_answer(const struct stanza *s, const struct stanza_error *error);

/* Writes it for one recipient. `to` and `from`, if not NULL, replace those of the top element. */
void stanza_write(struct buf *b, struct stanza *s, const struct jid *from, const struct jid *to,
	const struct xml_dialect *dialect);

/* A stanza as it is stored, and carried between processes of ours: one element that declares jabber:client. */
void stanza_write_stored(struct buf *b, struct stanza *s);
/* One reference; NULL if the bytes are none. *condition_r as stanza_take says; NULL: a stanza that is to be refused counts
 * as none. */
struct stanza *stanza_parse_stored(struct str bytes, enum stanza_condition *condition_r);

struct str stanza_kind_name(enum stanza_kind kind);
/* Empty for the types that are written by leaving the attribute out. */
struct str stanza_type_name(enum stanza_type type);

#endif
