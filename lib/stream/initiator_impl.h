/* What the files of the initiator share: initiator.c (states) and initiator_sasl.c (logging in). Nobody else includes
 * this. A handler returns true when it has filled in an event, false when initiator_next may go on. */
#ifndef LINNET_INITIATOR_IMPL_H
#define LINNET_INITIATOR_IMPL_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/stream/header.h"
#include "lib/stream/initiator.h"
#include "lib/stream/reader.h"

#include <stdbool.h>
#include <stdint.h>

/* Drawn in initiator.c; those from CHALLENGE to SUCCESS in initiator_sasl.c. */
enum initiator_state {
	STATE_START,
	STATE_HEADER,
	STATE_FEATURES,
	STATE_PROCEED,
	STATE_TLS,
	STATE_CHALLENGE,
	STATE_HASHING,
	STATE_HASHED,
	STATE_SIGNATURE,
	STATE_SUCCESS,
	STATE_BINDING,
	STATE_BOUND,
	STATE_CLOSING,
	STATE_ENDED,
};

/* What one login needs; goes when it is over. */
struct proof;

struct initiator {
	const struct initiator_config *config;
	struct reader reader;
	const struct xml_scope *scope; /* of the server's header; NULL before the first */
	struct arena *kept; /* of jid */
	const struct jid *jid; /* once bound */
	struct arena *said; /* of the text of an event */
	struct proof *proof; /* initiator_sasl.c */
	uint8_t state; /* enum initiator_state */
	uint8_t end, condition; /* once ended: what initiator_next repeats */
	bool has_tls : 1;
	bool is_open : 1; /* our header has been sent on this stream */
	bool is_closed : 1; /* our closing tag has been sent */
	bool is_logged_in : 1;
};

/* Tells the server what is wrong with its stream and ends. Always true. */
bool initiator_fail(
	struct initiator *i, enum stream_condition c, const char *why, struct buf *out, struct initiator_event *e);
/* Ends, since this leads nowhere. Always true. */
bool initiator_give_up(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e);
/* The text of the server goes with the event. */
void initiator_quote(struct initiator *i, struct str text, struct initiator_event *e);

/* Begins with the best mechanism that both have. */
bool initiator_sasl_begin(
	struct initiator *i, const struct xml_node *features, struct buf *out, struct initiator_event *e);
/* An element that is not <stream:error/>, while logging in. */
bool initiator_sasl_element(
	struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e);
/* The hash has come: sends the proof. */
void initiator_sasl_resume(struct initiator *i, struct buf *out);
void initiator_sasl_free(struct initiator *i);

#endif
