/* For tests: drives one receiver as a server does, and writes down all that happens. Accounts of im.example, password
 * "pencil": romeo has keys of all families, juliet of SHA-1 only (an import), nurse of SHA-256 only.
 *
 * The client SERVER_CLIENT of romeo has the tokens in `tokens`.
 *
 * The transcript holds what is sent to the client, as it is but for stream ids and versions of features, and events in brackets, in
 * their order:
 *
 *     <?xml version='1.0'?><stream:stream … id='ID' …>…[find romeo@im.example]<challenge …>…[closed] */
#ifndef LINNET_TEST_STREAM_SERVER_H
#define LINNET_TEST_STREAM_SERVER_H

#include "lib/base/buf.h"
#include "lib/stream/receiver.h"
#include "lib/stream/sasl.h"

#define NS_EXTRA "urn:example:extra"

#define CLIENT_HEADER_TO(to)                                                                                           \
	"<stream:stream to='" to "' version='1.0' xmlns='jabber:client' "                                              \
	"xmlns:stream='http://etherx.jabber.org/streams'>"
#define CLIENT_HEADER CLIENT_HEADER_TO("im.example")
#define SERVER_HEADER_WITH(attributes)                                                                                 \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "                                                   \
	"xmlns:stream='http://etherx.jabber.org/streams' id='ID' " attributes " xml:lang='en'>"
#define SERVER_HEADER SERVER_HEADER_WITH("from='im.example' version='1.0'")
#define STREAM_ERROR(condition, text)                                                                                  \
	"<stream:error><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"                                   \
	"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>" text "</text></stream:error>"               \
	"</stream:stream>[error " condition "]"
#define FEATURES(inside) "<stream:features>" inside "</stream:features>"
#define STARTTLS_FEATURE "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
#define LIMITS(bytes, more)                                                                                            \
	"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" bytes "</max-bytes>" more "</limits>"
/* Of a protected stream; the value is blanked out in transcripts. */
#define CONFIG_VERSION    "<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='VERSION'/>"
#define LISTED(name)     "<mechanism>" name "</mechanism>"
#define SASL_LIST(inside) "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" inside "</mechanisms>"
#define SASL2_LIST(list, inline, upgrades)                                                                             \
	"<authentication xmlns='urn:xmpp:sasl:2'>" list "<inline>" inline "</inline>" upgrades "</authentication>"
#define BIND2_FEATURE "<bind xmlns='urn:xmpp:bind:0'/>"
#define USUAL_LIST    LISTED("SCRAM-SHA-256") LISTED("SCRAM-SHA-1") LISTED("PLAIN")
/* What is offered by default, with TLS and on a listener without. */
#define MECHANISMS                                                                                                     \
	SASL_LIST(USUAL_LIST) SASL2_LIST(USUAL_LIST, BIND2_FEATURE, "") LIMITS("8192", "") CONFIG_VERSION
#define MECHANISMS_WITHOUT_TLS SASL_LIST(USUAL_LIST) LIMITS("8192", "")
#define BIND_FEATURES                                                                                                  \
	"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"                                                             \
	"<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"                                   \
	BOUND_FEATURES
#define BOUND_FEATURES "<extra xmlns='" NS_EXTRA "'/>" LIMITS("262144", "")
#define SASL(name, attributes, inside)                                                                                 \
	"<" name " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'" attributes ">" inside "</" name ">"
#define SASL_EMPTY(name, attributes) "<" name " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'" attributes "/>"
#define FAILURE(condition)           SASL("failure", "", "<" condition "/>") "[failed " condition "]"
/* \0romeo\0pencil */
#define PLAIN_AUTH SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA==")
#define BIND_REQUEST                                                                                                   \
	"<iq type='set' id='b1'><bind "                                                                                \
	"xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>"
#define BIND_RESULT                                                                                                    \
	"<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"                                    \
	"<jid>romeo@im.example/balcony</jid></bind></iq>"

#define SERVER_CLIENT "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define SERVER_EXPIRY "2027-01-02T03:04:05Z"

struct server {
	struct random_seeded seeded;
	struct random_source random;
	struct receiver_config config;
	unsigned mechanisms; /* offered */
	struct receiver *receiver;
	struct buf transcript;
	struct buf out; /* what is to be sent to the client; who reads it consumes it */
	struct sasl_credentials romeo, juliet, nurse;
	size_t piece_bytes; /* all input comes in pieces of so many; 0: whole */
	bool is_silent; /* leaves questions unanswered */
	bool is_broken; /* its storage cannot be asked */
	struct sasl_tls tls;
	struct sasl_token tokens[SASL_TOKEN_SLOTS];
	const char *new_token; /* handed out with each grant that asks for one; NULL: none */
	bool cannot_grant;
	struct sasl_credentials upgraded; /* of the last grant */
	enum stanza_condition bind_refusal; /* if set, binds nothing */
	enum receiver_event_kind last;
};

/* With a seed for nonces and ids. Change `config` before the first input. */
void server_init(struct server *s, enum receiver_tls tls, uint64_t seed);
void server_fini(struct server *s);
/* Few by default, so that tests are quick; a client takes 4,096 at least. */
void server_set_iterations(struct server *s, uint32_t iterations);

/* What TLS tells from now on, at once with direct TLS. */
void server_set_tls(struct server *s, const struct sasl_tls *tls);
/* TLS 1.3 with all three bindings: "exporter", "end-point", "unique". */
void server_set_bindings(struct server *s);

/* Feeds a copy of exactly these bytes (or of pieces of them, one by one) and answers until the receiver wants more, or the end. */
void server_feed(struct server *s, struct str in);
void server_feed_text(struct server *s, const char *in);
/* Goes on after an answer was given by hand. */
void server_go_on(struct server *s);
/* Forgets the transcript so far. */
void server_clear(struct server *s);
/* Through the login of romeo, and through bind. */
void server_log_in(struct server *s);
void server_bind(struct server *s);

/* Compares the transcript, shows both if they differ, and clears it. */
void server_expect(struct server *s, const char *transcript);

#endif
