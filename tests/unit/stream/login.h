/* For tests: the client's half of a login, by hand, with room for it to be wrong, over SASL or SASL2. */
#ifndef LINNET_TEST_STREAM_LOGIN_H
#define LINNET_TEST_STREAM_LOGIN_H

#include "tests/unit/stream/server.h"

#include "lib/base/arena.h"

#define SASL2(name, attributes, inside) "<" name " xmlns='urn:xmpp:sasl:2'" attributes ">" inside "</" name ">"
#define SASL2_EMPTY(name, attributes) "<" name " xmlns='urn:xmpp:sasl:2'" attributes "/>"
#define IDENTITY(jid)    "<authorization-identifier>" jid "</authorization-identifier>"
#define SUCCESS2(inside) SASL2("success", "", inside)
#define AUTHENTICATE(mechanism, base64, more)                                                                          \
	SASL2("authenticate", " mechanism='" mechanism "'", "<initial-response>" base64 "</initial-response>" more)
/* \0romeo\0pencil */
#define AUTHENTICATE_PLAIN(more) AUTHENTICATE("PLAIN", "AHJvbWVvAHBlbmNpbA==", more)
#define PLAIN_ANSWERS            "[find romeo@im.example][hash sha-256][login romeo@im.example PLAIN]"
#define USER_AGENT               "<user-agent id='" SERVER_CLIENT "'/>"
#define BIND2(inside)            "<bind xmlns='urn:xmpp:bind:0'>" inside "</bind>"
#define BOUND2                   "<bound xmlns='urn:xmpp:bind:0'/>"
#define FAILURE2_WITH(condition, more)                                                                                 \
	SASL2("failure", "", "<" condition " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" more) "[failed " condition "]"
#define FAILURE2(condition) FAILURE2_WITH(condition, "")

/* What is left out is SCRAM-SHA-256 and right. */
struct scram {
	enum sasl_mechanism mechanism; /* PLUS is with tls-exporter */
	struct str gs2, username, password;
	struct str binding; /* c=, decoded */
	const char *nonce_suffix; /* wrong: behind the nonce in the last message */
	const char *proof; /* wrong: in place of the proof */
	const char *extension; /* behind the last nonce */
	bool is_sasl2;
	const char *more; /* SASL2: inside <authenticate/>, behind the initial response */
};

struct scram_run {
	struct arena *arena;
	struct str first_bare, challenge;
};

struct scram scram_complete(const struct scram *c);
/* The first message, of any mechanism. */
void send_message(struct server *s, enum sasl_mechanism m, bool is_sasl2, struct str message);
void send_message_with(struct server *s, enum sasl_mechanism m, const char *more, struct str message);
/* run->arena is the caller's to free. */
void send_first(struct server *s, struct scram_run *run, const struct scram *usual);
/* The challenge in the transcript, decoded; empty if there is none. */
struct str read_challenge(struct server *s, struct arena *a);
void send_final(struct server *s, struct scram_run *run, const struct scram *usual);
/* All of it; only what came last is left in the transcript. */
void run_scram(struct server *s, const struct scram *c);

#endif
