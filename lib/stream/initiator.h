/* The initiating side of a client stream (RFC 6120), driven like receiver.h: bytes in, events and bytes out. Ends in a
 * bound session. What a login needs and nothing more; the drawing of its states is in initiator.c. */
#ifndef LINNET_INITIATOR_H
#define LINNET_INITIATOR_H

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/random.h"
#include "lib/base/str.h"
#include "lib/stream/sasl.h"
#include "lib/stream/stream_error.h"
#include "lib/xml/xml.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/stanza.h"

#include <stdbool.h>

struct initiator;

enum initiator_tls {
	INITIATOR_TLS_STARTTLS, /* must be offered, else it fails */
	INITIATOR_TLS_DIRECT, /* in place before the first byte */
	INITIATOR_TLS_NONE, /* never */
};

/* Outlives the initiator; immutable meanwhile. */
struct initiator_config {
	const struct jid *jid; /* whose session; its resource is asked for, none: the server chooses */
	struct str password;
	enum initiator_tls tls;
	unsigned mechanisms; /* mask of SASL_BIT: those it may use, best first */
	uint32_t iterations_max; /* a server that asks for more is refused */
	const struct random_source *random;
	const struct xml_limits *limits;
	struct str lang; /* of the stream; may be empty */
};

enum initiator_event_kind {
	INITIATOR_IDLE,
	INITIATOR_WAIT,
	/* Flush, handshake (the certificate must name config.jid's domain), then initiator_tls_started(). */
	INITIATOR_START_TLS,
	/* Compute digest_pbkdf2 of `hash`; answer with initiator_hashed(). A driver may remember results. */
	INITIATOR_HASH,
	/* `mechanism` succeeded and the server has proved that it knows the keys (SCRAM). */
	INITIATOR_LOGGED_IN,
	/* Bound as `jid`, which lives as long as the initiator. */
	INITIATOR_READY,
	/* One reference, the caller's; `from` is as received and may be NULL. If `refusal` is set it is malformed. */
	INITIATOR_STANZA,
	INITIATOR_ELEMENT, /* any other top-level element; `arena` is the caller's */
	INITIATOR_CLOSED, /* both sides have closed */
	/* `condition`, `failure` or `refusal` says what the server said, with its `text`, or what it was told; if none
	 * is set, we went away. `why` is for people. What is in `out` may be flushed before the connection goes. */
	INITIATOR_FAILED,
};

struct initiator_event {
	enum initiator_event_kind kind;
	struct {
		enum digest digest;
		struct str password, salt;
		uint32_t iterations;
	} hash;
	enum sasl_mechanism mechanism;
	const struct jid *jid;
	struct stanza *stanza;
	struct arena *arena;
	const struct xml_node *element;
	enum stream_condition condition;
	enum sasl_failure failure;
	enum stanza_condition refusal;
	struct str text; /* the server's, for people; may be empty; lives until the next call */
	const char *why; /* static */
};

/* The first header is written by the first initiator_next(). */
struct initiator *initiator_new(const struct initiator_config *config);
void initiator_free(struct initiator **i);

void initiator_input(struct initiator *i, struct str in);
enum initiator_event_kind initiator_next(struct initiator *i, struct buf *out, struct initiator_event *event_r);

void initiator_tls_started(struct initiator *i);
void initiator_hashed(struct initiator *i, const unsigned char *salted_password);

/* Writes </stream:stream>; INITIATOR_CLOSED comes when the peer has closed too. Idempotent. */
void initiator_close(struct initiator *i, struct buf *out);

const struct jid *initiator_jid(const struct initiator *i);
struct xml_dialect initiator_dialect(const struct initiator *i);

#endif
