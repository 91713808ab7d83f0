/* The receiving side of one SASL exchange (RFC 4422), whatever profile carries it: what a mechanism reads and answers,
 * whose account it is about, which keys and hashes it takes. It knows no XML. The drawing of its steps is in
 * exchange.c.
 *
 * A profile makes one with exchange_new, gives it the client's messages with exchange_message, and acts on each result;
 * after an answer to an event it calls exchange_resume. It counts the tries: that is why looking up an account is a
 * result of its own.
 *
 * A mechanism is one struct exchange_mechanism, in a file of its own or beside its kin; exchange.c has the table. */
#ifndef LINNET_EXCHANGE_H
#define LINNET_EXCHANGE_H

#include "lib/base/arena.h"
#include "lib/stream/receiver.h"
#include "lib/stream/sasl.h"

#include <stdbool.h>

enum exchange_outcome {
	EXCHANGE_LOOK_UP, /* exchange_look_up is next, if the account may be looked up */
	EXCHANGE_ASKING, /* the event asks */
	EXCHANGE_CHALLENGE, /* `data` goes to the client, who has to answer */
	EXCHANGE_DONE, /* `jid` has logged in; `data` goes with the success, unless data.p is NULL */
	EXCHANGE_FAILED,
};

struct exchange_result {
	enum exchange_outcome outcome;
	struct str data;
	enum sasl_failure failure;
};

/* What an exchange knows of its stream; all of it lives longer. */
struct exchange_stream {
	const struct receiver_config *config;
	const struct sasl_tls *tls;
	struct str host;
	const struct jid *from; /* the only account that may log in; NULL: any */
	struct str client; /* by whose tokens; empty: it did not say */
	unsigned offered; /* mechanisms in the list of the profile */
	unsigned bindings; /* announced ones, a mask of 1u << binding */
};

enum exchange_step {
	EXCHANGE_PROMPTED,
	EXCHANGE_READ,
	EXCHANGE_FINDING,
	EXCHANGE_FOUND,
	EXCHANGE_CHALLENGED,
	EXCHANGE_HASHING,
	EXCHANGE_HASHED,
	EXCHANGE_BROKEN, /* storage or hash could not be had */
	EXCHANGE_OVER, /* to be freed when nobody holds its strings any more */
};

struct exchange {
	struct exchange_stream stream;
	struct arena *arena;
	const struct exchange_mechanism *ops;
	enum sasl_mechanism mechanism;
	enum exchange_step step;
	const struct jid *jid; /* who logs in; NULL if it can be nobody */
	struct str username; /* as it was sent */
	bool is_known; /* the account is there, and so are the keys that are needed */
	bool is_right; /* PLAIN: the password is */
	unsigned families; /* a mask of 1u << digest: keys that the account has */
	/* SCRAM and PLAIN */
	struct scram_keys keys; /* of the account, or derived */
	enum digest digest; /* of the keys */
	/* SCRAM */
	struct str binding, nonce, client_first_bare, server_first;
	/* PLAIN */
	struct str message, password;
	bool is_prepared;
	/* tokens */
	struct str hash;
	struct sasl_token tokens[SASL_TOKEN_SLOTS];
	enum sasl_token_slot used; /* SASL_TOKEN_SLOTS: none */
};

struct exchange_mechanism {
	struct exchange_result (*first)(struct exchange *x, struct str message);
	/* The account has been looked up. */
	struct exchange_result (*found)(struct exchange *x, struct receiver_event *e);
	/* The answer to a challenge; NULL: there is none. */
	struct exchange_result (*next)(struct exchange *x, struct str message);
	/* NULL: nothing is hashed. */
	struct exchange_result (*hashed)(struct exchange *x);
};

extern const struct exchange_mechanism exchange_scram, exchange_plain, exchange_external, exchange_anonymous,
	exchange_token;

struct exchange *exchange_new(const struct exchange_stream *s, enum sasl_mechanism m);
/* Sets NULL; NULL is fine. Secrets are wiped. */
void exchange_free(struct exchange **x);
/* Ends it; only its names are left. */
void exchange_end(struct exchange *x);
size_t exchange_bytes(const struct exchange *x);

/* There is no initial response. */
struct exchange_result exchange_prompt(struct exchange *x);
/* A message of the client, in memory of the exchange: the first one, or the answer to a challenge. */
struct exchange_result exchange_message(struct exchange *x, struct str message);
struct exchange_result exchange_look_up(struct exchange *x, struct receiver_event *e);
/* True if an answer has come with which it goes on. */
bool exchange_can_resume(const struct exchange *x);
struct exchange_result exchange_resume(struct exchange *x, struct receiver_event *e);
bool exchange_is_asking(const struct exchange *x);
/* True if the login shows that the client has the password (XEP-0480). */
bool exchange_is_by_password(const struct exchange *x);

/* Answers, as those of receiver.h. One that nobody waits for is ignored: false. */
bool exchange_credentials(struct exchange *x, const struct sasl_credentials *c);
bool exchange_tokens(struct exchange *x, const struct sasl_token *tokens);
bool exchange_hashed(struct exchange *x, const unsigned char *salted_password);
bool exchange_break(struct exchange *x);

/* For mechanisms. */

struct exchange_result exchange_fail(enum sasl_failure failure);
/* Sets who is meant. False if the authorization identity is not that account (RFC 6120, 6.3.8; A2), or the stream is
 * for another. */
CHECK bool exchange_identify(struct exchange *x, struct str username, struct str authzid);
/* Wipes what is no constant. */
void exchange_wipe(struct str s);

#endif
