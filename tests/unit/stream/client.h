/* For tests: drives one initiator as a client does, and writes down all that happens: what it sends as it is, and
 * events in brackets. */
#ifndef LINNET_TEST_STREAM_CLIENT_H
#define LINNET_TEST_STREAM_CLIENT_H

#include "tests/unit/stream/server.h"

#include "lib/stream/initiator.h"

#define ALL_MECHANISMS (SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_256))
#define TO_SERVER_WITH(attributes)                                                                                     \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "                                                   \
	"xmlns:stream='http://etherx.jabber.org/streams' " attributes "to='im.example' version='1.0'>"
#define TO_SERVER TO_SERVER_WITH("")
#define FROM_SERVER                                                                                                    \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='i' "                 \
	"from='im.example' version='1.0'>"
#define MECHANISM(name) FEATURES(SASL("mechanisms", "", "<mechanism>" name "</mechanism>"))
#define BIND_OFFER      FEATURES("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
#define BIND(inside)    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" inside "</bind>"
#define BIND_SENT       "<iq type='set' id='bind'>" BIND("<resource>balcony</resource>") "</iq>"

#define ERROR(condition, text)                                                                                         \
	"<stream:error><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"                                   \
	"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>" text "</text></stream:error>"               \
	"</stream:stream>"

struct client {
	struct random_seeded seeded;
	struct random_source random;
	struct arena *arena;
	struct initiator_config config;
	struct initiator *initiator;
	struct buf out, transcript;
	struct sasl_tls tls; /* of its connection */
	bool is_silent; /* does not answer questions */
	const unsigned char *hash; /* if set, every hash; else it is computed */
	struct buf *heard; /* if set, gets what the server says */
	enum initiator_event_kind last;
	/* What the last login by SASL2 left. */
	struct sasl_token token;
	struct initiator_offer offer;
};

void client_init(struct client *c, const char *jid, enum initiator_tls tls, unsigned mechanisms);
void client_fini(struct client *c);
/* What TLS tells: 1.3 without bindings, if not this. Before the first byte. */
void client_set_tls(struct client *c, const struct sasl_tls *tls);
/* The connection has these bindings (mask of 1u << enum sasl_binding); 32 times 'a', 'b' or 'c'. Before the first byte. */
void client_has_tls(struct client *c, unsigned version, unsigned bindings);
/* The same client comes again, with `config` as it is now. */
void client_renew(struct client *c);

/* Feeds a copy of exactly these bytes and answers until the initiator wants more, or the end. */
void client_feed(struct client *c, struct str in);
void client_feed_text(struct client *c, const char *in);
/* Goes on after an answer was given by hand. */
void client_go_on(struct client *c);
/* Forgets the transcript so far. */
void client_clear(struct client *c);
/* Compares the transcript, shows both if they differ, and clears it. */
void client_expect(struct client *c, const char *transcript);

/* Lets both talk until neither has anything to say, in pieces of 1 to `most` bytes. */
void client_converse(struct client *c, struct server *s, size_t most, const struct random_source *random);

/* What a server says, and all that comes back: for new clients of romeo@im.example/balcony, after `prepare` if there is
 * one. */
struct exchange {
	const char *in, *transcript;
};
void client_check(const struct exchange *x, size_t count, enum initiator_tls tls, void (*prepare)(struct client *));
/* The header of the server has come; PLAIN has been begun. */
void client_prepare_header(struct client *c);
void client_prepare_plain(struct client *c);

#endif
