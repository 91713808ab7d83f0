/* What the files of the receiver share: receiver.c (states, headers, closing), receiver_sasl.c (logging in) and
 * receiver_stanza.c (binding, and what comes after). Nobody else includes this.
 *
 * A handler returns true when it has filled in an event, false when receiver_next may go on reading. */
#ifndef LINNET_RECEIVER_IMPL_H
#define LINNET_RECEIVER_IMPL_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/stream/header.h"
#include "lib/stream/reader.h"
#include "lib/stream/receiver.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the base64url alphabet: 132 bits. */
#define STREAM_ID_BYTES 22
/* Elements of SASL on one stream before it is closed. Far more than an honest client sends; ends a peer that would make
 * us answer for nothing. */
#define REQUESTS_MAX 64
/* RFC 6120, 7.7.3: between 5 and 10. */
#define BINDS_MAX 10

/* Drawn in receiver.c. */
enum receiver_state {
	STATE_HEADER,
	STATE_STARTTLS,
	STATE_TLS,
	STATE_LOGIN,
	STATE_BIND,
	STATE_BINDING,
	STATE_BOUND,
	STATE_CLOSING,
	STATE_ENDED,
};

struct handshake;

/* What is needed before there is a session, and goes when there is one. */
struct login {
	struct arena *arena; /* of the header in force: host and from */
	struct str host; /* normalised */
	const struct jid *from; /* bare, or NULL */
	struct handshake *handshake; /* receiver_sasl.c; NULL between two */
	unsigned tries, requests, binds;
	char id[STREAM_ID_BYTES]; /* of the stream; zeros before the first header */
	struct arena *bind_arena; /* of bind_id, while the request is being considered */
	struct str bind_id;
};

struct receiver {
	const struct receiver_config *config;
	struct reader reader;
	const struct xml_scope *scope; /* of the peer's header; NULL before the first */
	const struct jid *jid; /* from login on, in memory of its own */
	char *lang; /* of the peer's stream, terminated, in memory of its own; NULL if it did not say */
	struct login *login; /* until it is bound */
	uint8_t state; /* enum receiver_state */
	uint8_t end, condition; /* once ended: what receiver_next repeats */
	bool has_tls : 1;
	bool has_header : 1; /* ours has been sent on this stream */
	bool is_closed : 1; /* our closing tag has been sent */
};

/* Ends the stream with an error. Always true. */
bool receiver_fail(
	struct receiver *r, enum stream_condition c, const char *why, struct buf *out, struct receiver_event *e);
/* For a top-level element that has no place here. Always true. */
bool receiver_fail_unknown(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* A new header has to come (RFC 6120, 4.3.3); bytes that are here already belong to it. */
void receiver_restart(struct receiver *r);
/* The last part of a login: frees what only that needed. */
void receiver_login_free(struct receiver *r);

/* receiver_sasl.c */

/* A mask of what is offered on this stream. */
unsigned receiver_sasl_mechanisms(const struct receiver *r);
/* An element of the namespace of SASL. */
bool receiver_sasl_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* Goes on with answers that have come. */
bool receiver_sasl_resume(struct receiver *r, struct buf *out, struct receiver_event *e);
/* True while an answer is due. */
bool receiver_sasl_is_asking(const struct receiver *r);
/* Answers a request with a failure, outside any handshake too. Always true. */
bool receiver_sasl_refuse(struct receiver *r, enum sasl_failure failure, struct buf *out, struct receiver_event *e);
void receiver_sasl_free(struct receiver *r);
size_t receiver_sasl_bytes(const struct receiver *r);

/* receiver_stanza.c */

/* A stanza before there is a resource: the request to bind one, or an error. */
bool receiver_bind_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* Any element of a bound stream. Takes *arena if it becomes part of the event. */
bool receiver_bound_element(struct receiver *r, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct receiver_event *e);
/* Bytes that receiver_bound_element adds to the tree of such a frame. */
size_t receiver_bound_bytes(const struct receiver *r, const struct frame *frame);

#endif
