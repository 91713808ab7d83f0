/* The initiating side of a client stream (RFC 6120), driven like receiver.h: bytes in, events and bytes out. Ends in a
 * bound session, or says why not; it tries one mechanism, and a password where a token was refused. Whoever drives it
 * decides about another try. The drawing of its states is in initiator.c. */
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
	INITIATOR_TLS_DIRECT,   /* in place before the first byte */
	INITIATOR_TLS_NONE,     /* never */
};

/* The newer way to log in (XEP-0388), which saves round trips; under TLS only. */
enum initiator_sasl2 {
	INITIATOR_SASL2_PREFERRED, /* where it is offered */
	INITIATOR_SASL2_REQUIRED,
	INITIATOR_SASL2_NEVER,
};

/* What a server offered for a login by SASL2, as far as it matters to us. With a version it can be kept, and given to
 * the next stream to the same server, which then begins to log in with its first bytes (XEP-0509). */
struct initiator_offer {
	struct str version, scheme; /* of XEP-0509; p NULL: it does not have that */
	unsigned mechanisms;        /* mask of SASL_BIT */
	unsigned tokens;            /* likewise: of FAST (XEP-0484) */
	unsigned upgrades;          /* likewise, without PLUS (XEP-0480) */
	unsigned bindings;          /* mask of 1u << enum sasl_binding (XEP-0440) */
	bool has_plus;              /* any mechanism with channel binding, of ours or not */
	bool has_bindings;          /* any type of binding, known to us or not */
	bool has_bind;              /* a resource is bound with the login (XEP-0386) */
};

/* Outlives the initiator; immutable meanwhile. */
struct initiator_config {
	const struct jid
		*jid; /* whose session; its resource is asked for, none: the server chooses. A domain: for ANONYMOUS */
	struct str password; /* p NULL: there is none */
	enum initiator_tls tls;
	/* Mask of SASL_BIT: those it may use, the best first. EXTERNAL only with a certificate. Who has once logged in
	 * otherwise should not allow PLAIN to that server any more (XEP-0474, 6). */
	unsigned mechanisms;
	unsigned bindings;       /* mask of 1u << enum sasl_binding: those it may use; 0: logins are not bound to TLS */
	bool says_who;           /* EXTERNAL: the certificate names several addresses, or none (XEP-0178) */
	uint32_t iterations_max; /* a server that asks for more is refused */
	const struct random_source *random;
	const struct xml_limits *limits;
	struct str lang; /* of the stream; may be empty */

	/* All that follows is for SASL2; zeros do without. */
	enum initiator_sasl2 sasl2;
	struct str client; /* a UUID that this installation keeps; texts about it for the user; may be empty */
	struct str software, device;
	bool binds;     /* the resource with the login, where that is offered: the server makes one of `tag` */
	struct str tag; /* may be empty */
	/* A token for the next login is asked for, of the best of these that server and connection have (SASL_BIT);
	 * needs `client`. */
	unsigned wanted_tokens;
	const struct sasl_token *token; /* tried first; NULL: none. Needs `client` */
	bool invalidates;               /* it, with this login */
	unsigned upgrades; /* mask of SASL_BIT, without PLUS: keys that the server may have of a password that it knows
			    */
	const struct initiator_offer *known; /* of the last stream; NULL: of none */
};

enum initiator_event_kind {
	INITIATOR_IDLE,
	INITIATOR_WAIT,
	/* Flush, handshake (the certificate must name config.jid's domain), then initiator_tls_started(). */
	INITIATOR_START_TLS,
	/* Compute digest_pbkdf2 of `hash`; answer with initiator_hashed(). A driver may remember results. */
	INITIATOR_HASH,
	/* `login` has succeeded, and the server has proved that it knows the keys (SCRAM) or the token. */
	INITIATOR_LOGGED_IN,
	/* Bound as `jid`, which lives as long as the initiator. */
	INITIATOR_READY,
	/* One reference, the caller's; `from` is as received and may be NULL. If `refusal` is set it is malformed. */
	INITIATOR_STANZA,
	INITIATOR_ELEMENT, /* any other top-level element; `arena` is the caller's */
	INITIATOR_CLOSED,  /* both sides have closed */
	/* `condition`, `failure` or `refusal` says what the server said, with its `text`, or what it was told; if none
	 * is set, we went away. `why` is for people. What is in `out` may be flushed before the connection goes. A
	 * stream that had `known` may have failed because that is no longer so. */
	INITIATOR_FAILED,
};

/* Borrowed until the next call. */
struct initiator_login {
	enum sasl_mechanism mechanism;
	enum sasl_binding binding; /* SASL_BINDINGS: it is not bound to the connection */
	bool is_sasl2;
	/* The rest is of SASL2. */
	const struct initiator_offer *offer; /* for the next time, if it has a version */
	const struct sasl_token *token;      /* a new one, to be used from now on; NULL: none. A secret */
	struct str expiry;                   /* its end (XEP-0082) */
	const struct xml_node *success;      /* the whole answer; NULL: SASL */
};

struct initiator_event {
	enum initiator_event_kind kind;
	struct {
		enum digest digest;
		struct str password, salt;
		uint32_t iterations;
	} hash;
	struct initiator_login login;
	/* LOGGED_IN, FAILED: the server did not take config.token, which should be forgotten (XEP-0484, 4.1). */
	bool is_token_refused;
	const struct jid *jid;
	struct stanza *stanza;
	struct arena *arena;
	const struct xml_node *element;
	enum stream_condition condition;
	enum sasl_failure failure;
	enum stanza_condition refusal;
	/* The server's, for people, and the name of its own condition, in whatever namespace; may be empty. Both live
	 * until the next call, as the rest of what FAILED says. */
	struct str text, application;
	struct stream_redirect
		redirect; /* see-other-host; host empty: nowhere. TLS there must show config.jid's domain, too */
	const char *why;  /* static */
};

/* What the server says it will take (XEP-0478); 0: it does not say. Changes with each login. */
struct initiator_limits {
	uint32_t max_bytes;    /* of an element */
	uint32_t idle_seconds; /* of silence */
};

/* The first header is written by the first initiator_next(). */
struct initiator *initiator_new(const struct initiator_config *config);
void initiator_free(struct initiator **i);

void initiator_input(struct initiator *i, struct str in);
enum initiator_event_kind initiator_next(struct initiator *i, struct buf *out, struct initiator_event *event_r);

/* The handshake is done, asked for or (INITIATOR_TLS_DIRECT) before the first initiator_next(). Copied; addresses do
 * not matter. */
void initiator_tls_started(struct initiator *i, const struct sasl_tls *tls);
void initiator_hashed(struct initiator *i, const unsigned char *salted_password);

/* Writes </stream:stream>; INITIATOR_CLOSED comes when the peer has closed too. Idempotent. */
void initiator_close(struct initiator *i, struct buf *out);

/* NULL unless it has been bound. */
const struct jid *initiator_jid(const struct initiator *i);
struct initiator_limits initiator_limits(const struct initiator *i);
/* Of the server's last header: its id, and the language of texts that do not name theirs; empty if it did not say. */
struct str initiator_stream_id(const struct initiator *i);
struct str initiator_lang(const struct initiator *i);
struct xml_dialect initiator_dialect(const struct initiator *i);

#endif
