/* The receiving side of a client stream (RFC 6120): a pure state machine. Bytes go in; events and bytes come out. It
 * reads no clock and no socket, and whatever it cannot know (accounts, hashes, resources) it asks for with an event.
 * The drawing of its states is in receiver.c.
 *
 * How to drive it: give it input with receiver_input(), then call receiver_next() until it says RECEIVER_IDLE or ends.
 * An event that asks must be answered before receiver_next() goes on (it says RECEIVER_WAIT meanwhile); input that is
 * already here is kept, and more may follow, up to the size of one element of the state; beyond that the stream fails.
 * So pipelined input is fine, but better not read while it waits. An answer that comes too late, because the stream has
 * been closed, is ignored. After RECEIVER_CLOSED or RECEIVER_FAILED only receiver_free() is left: receiver_next()
 * repeats them, and input is ignored.
 *
 * What it writes is appended to the `out` of the call; who drives it sends that, in order, before anything later.
 *
 * Timeouts before the session exists are the driver's: receiver_phase() tells how far it is. Single-threaded; it may
 * be handed to another thread between two calls. An idle, bound stream holds this struct and no buffer. */
#ifndef LINNET_RECEIVER_H
#define LINNET_RECEIVER_H

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

struct receiver;

enum receiver_tls {
	RECEIVER_TLS_STARTTLS, /* offered and required before anything else */
	RECEIVER_TLS_DIRECT, /* in place before the first byte */
	RECEIVER_TLS_NONE, /* a listener without TLS (loopback): logins are allowed without */
};

/* Immutable and shared by all streams of a listener. */
struct receiver_config {
	enum receiver_tls tls;
	const struct random_source *random;
	const struct xml_limits *before; /* authentication; see limits.h */
	const struct xml_limits *after;
	/* What may be offered at a host: a mask of SASL_BIT. Of these a stream offers what its connection can do: PLUS only with a
	 * channel binding, EXTERNAL only with a certificate that names an address of the host, the token mechanisms in SASL2 only. Those of
	 * tokens are FAST's (XEP-0484). */
	unsigned (*mechanisms)(void *ctx, struct str host);
	/* SCRAM mechanisms (without PLUS) to which keys can be upgraded at a login (XEP-0480). */
	unsigned upgrades;
	/* From it the salts of unknown accounts are derived, so that they look the same at every try (L2). */
	struct str fake_salt_secret;
	uint32_t fake_iterations;
	/* Wrong proofs on one stream before it is closed (L5). A handshake that is given up after the account was
	 * looked up counts as one. */
	unsigned tries;
	/* True if `domain` (normalised) is served here. A header without a `to` is for an unknown host
	 * (RFC 6120, 4.9.1.3). */
	bool (*is_host)(void *ctx, struct str domain);
	void *ctx;
	/* Not NULL: nobody is served here; streams are sent there once they are protected (RFC 6120, 4.9.3.19). */
	const struct stream_redirect *redirect;
	/* Written inside <stream:features/> after authentication, behind <bind/>: what modules offer. */
	struct str features;
	/* Namespaces of top-level elements that are no stanzas and become RECEIVER_ELEMENT once bound. */
	const struct str *element_namespaces;
	size_t element_namespace_count;
	/* Told to clients (XEP-0478): after so long a silence they are asked whether they are still there; 0: not told. The size of
	 * elements comes from `before` and `after`. */
	uint32_t idle_seconds;
	/* What a client may ask for while binding by Bind 2 (XEP-0386, 3.1): values of `var`. */
	const struct str *bind_features;
	size_t bind_feature_count;
};

enum receiver_phase {
	RECEIVER_CONNECTED, /* no stream header yet */
	RECEIVER_OPENED, /* negotiating TLS or SASL */
	RECEIVER_AUTHENTICATED, /* not bound yet */
	RECEIVER_BOUND,
	RECEIVER_ENDED,
};

enum receiver_event_kind {
	RECEIVER_IDLE, /* all input is used */
	RECEIVER_WAIT, /* the last question has not been answered */
	/* Flush `out` (it ends with <proceed/>), drop every byte of plain text received, do the TLS handshake, then
	 * receiver_tls_started(). */
	RECEIVER_START_TLS,
	/* Find the account `username`@`host`, both normalised; answer with receiver_credentials(). */
	RECEIVER_FIND_CREDENTIALS,
	/* Find the tokens of the client `client` of the account `username`@`host`; answer with receiver_tokens(). */
	RECEIVER_FIND_TOKENS,
	/* Compute digest_pbkdf2(hash.digest, hash.password, hash.salt, hash.iterations) off the worker; answer with
	 * receiver_hashed(). The slices live until the answer. */
	RECEIVER_HASH,
	/* A try to log in failed with `failure`; the stream goes on, or RECEIVER_FAILED follows. For logs and
	 * penalties. */
	RECEIVER_LOGIN_FAILED,
	/* Logged in as `jid` (bare) with `mechanism`. No answer needed: in SASL a stream restart and the request to bind come next, in
	 * SASL2 the two events that follow here, as far as they are wanted. */
	RECEIVER_LOGGED_IN,
	/* SASL2: before the client is told of its success, make `grant` durable, in one unit; answer with receiver_granted() or
	 * receiver_grant_failed(). Only if there is something to keep: a client with an id, upgraded keys. */
	RECEIVER_GRANT,
	/* A resource is wanted. Without `bind.is_inline`: `bind.resource`, normalised; empty: the server chooses. With it (Bind 2): the
	 * server makes one of `bind.tag` and something of its own, the same at each time for the same `bind.client` if there is one, and
	 * then ends older sessions of that client. Answer with receiver_bind() or receiver_refuse_bind(). */
	RECEIVER_BIND,
	/* A stanza, one reference of it, with `from` stamped and checked (A3) and xml:lang filled in. If `refusal` is
	 * set, it is malformed and must not be routed: answer it with stanza_error_answer(). */
	RECEIVER_STANZA,
	/* An element of config.element_namespaces: `element` in `arena`, both the caller's. */
	RECEIVER_ELEMENT,
	/* The peer closed its stream, with a stream error if `condition` is set; the answer, if one was due, is in
	 * `out`. Flush and disconnect. */
	RECEIVER_CLOSED,
	/* A stream error is in `out` (`condition`, `why` for the log), unless we had closed before. STREAM_OK: STARTTLS
	 * was refused with its own <failure/> (RFC 6120, 5.4.2.2). Flush and disconnect. */
	RECEIVER_FAILED,
};

/* What a login by SASL2 has to leave behind. Slices live until the answer. */
struct receiver_grant {
	/* The client, as it describes itself (XEP-0388, 2.3): a UUID in lower case, and texts for people; empty: it did not say. */
	struct str client, software, device;
	/* The token that was used to log in: its slot; SASL_TOKEN_SLOTS: none was. A new one that was used takes the place of the current
	 * one (XEP-0484, 5.1). */
	enum sasl_token_slot used;
	bool invalidate; /* the token that was used ends with this login */
	/* A new token is asked for, for this mechanism; SASL_MECHANISMS: not asked for (the driver may hand one out still when that used
	 * is near its end, unless `invalidate`). */
	enum sasl_mechanism token_for;
	/* Keys to add to those of the account; is_set where there is one. A secret. NULL: none. */
	const struct sasl_credentials *upgrade;
};

struct receiver_event {
	enum receiver_event_kind kind;
	/* FIND_CREDENTIALS, FIND_TOKENS, LOGIN_FAILED (as far as known); borrowed until the next call */
	struct str username, host, client;
	struct {
		enum digest digest;
		struct str password, salt;
		uint32_t iterations;
	} hash;
	enum sasl_failure failure;
	enum sasl_mechanism mechanism;
	const struct jid *jid; /* LOGGED_IN; lives until it is bound */
	const struct receiver_grant *grant;
	struct {
		bool is_inline;
		struct str resource, tag, client;
		/* <bind xmlns='urn:xmpp:bind:0'/> with what else it asks for; NULL unless is_inline. All live until the answer. */
		const struct xml_node *request;
	} bind;
	struct stanza *stanza;
	struct stanza_error refusal; /* condition STANZA_OK: none */
	struct arena *arena;
	const struct xml_node *element;
	enum stream_condition condition;
	const char *why; /* static */
};

/* `config` outlives it. */
struct receiver *receiver_new(const struct receiver_config *config);
void receiver_free(struct receiver **r);

/* Gives it bytes. They are looked at by the following receiver_next() calls and must stay where they are until one of
 * them says other than an event that leaves input unread: IDLE, WAIT, START_TLS, CLOSED, FAILED. What is incomplete
 * by then has been copied. Not while earlier input is unread. */
void receiver_input(struct receiver *r, struct str in);
enum receiver_event_kind receiver_next(struct receiver *r, struct buf *out, struct receiver_event *event_r);

/* Instead of calling receiver_next() until all is used: what is unread is kept, so that the driver may go on later. It gives no
 * input until then. */
void receiver_keep(struct receiver *r);

/* Answers. */

/* The handshake is done, asked for or (RECEIVER_TLS_DIRECT) before the first byte. Copied. */
void receiver_tls_started(struct receiver *r, const struct sasl_tls *tls);
/* NULL: there is no such account, or it may not log in. Copied. */
void receiver_credentials(struct receiver *r, const struct sasl_credentials *c);
/* The storage could not be asked, or there is no room for another hash: temporary-auth-failure. */
void receiver_credentials_failed(struct receiver *r);
void receiver_hashed(struct receiver *r, const unsigned char *salted_password);
/* Of the client that was asked for: SASL_TOKEN_SLOTS of them; NULL: there are none, or the account may not log in. Copied. */
void receiver_tokens(struct receiver *r, const struct sasl_token *tokens);
/* `token`: what to hand out (XML characters, no secret of ours can be found from it); n 0: none. `expiry` is its end (XEP-0082). */
void receiver_granted(struct receiver *r, struct str token, struct str expiry);
/* It could not be made durable: the stream ends with internal-server-error, since nothing else would be true. */
void receiver_grant_failed(struct receiver *r);
/* `jid` is the full JID of the session now, of the account that has logged in; copied. */
void receiver_bind(struct receiver *r, const struct jid *jid, struct buf *out);
void receiver_refuse_bind(struct receiver *r, const struct stanza_error *error, struct buf *out);

/* Ends the stream from this side: an error unless STREAM_OK, then </stream:stream>, with a header before it if none has
 * been sent. After an error nothing more is read. Without one, receiver_next() goes on delivering stanzas until the
 * peer has closed too; the driver limits that time. Idempotent. */
void receiver_close(struct receiver *r, enum stream_condition c, const char *text, struct buf *out);

enum receiver_phase receiver_phase(const struct receiver *r);
/* The host the stream is for, normalised; empty before a valid header. */
struct str receiver_host(const struct receiver *r);
/* The bare JID after login, the full one once bound; NULL before. */
const struct jid *receiver_jid(const struct receiver *r);
/* The stream id sent last; empty before the first header, and once it is bound. */
struct str receiver_id(const struct receiver *r);
/* True once TLS protects it. */
bool receiver_has_tls(const struct receiver *r);
/* How to write to the peer. */
struct xml_dialect receiver_dialect(const struct receiver *r);
/* Heap bytes held, this struct included. */
size_t receiver_bytes(const struct receiver *r);

#endif
