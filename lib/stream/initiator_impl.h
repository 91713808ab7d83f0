/* What the files of the initiator share: initiator.c (states, headers, closing), initiator_features.c (what the server
 * offers, and what to do next), initiator_choose.c (how to log in), initiator_request.c (the first element of it),
 * initiator_sasl.c (the rest), initiator_outcome.c (what came of it) and initiator_bind.c. Nobody else includes this. A
 * handler returns true when it has filled in an event, false when initiator_next may go on. */
#ifndef LINNET_INITIATOR_IMPL_H
#define LINNET_INITIATOR_IMPL_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/stream/header.h"
#include "lib/stream/initiator.h"
#include "lib/stream/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names of one kind that a server may offer. */
#define OFFER_NAMES_MAX 32

/* Drawn in initiator.c; those from CHALLENGE to TASK in initiator_sasl.c. */
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
	STATE_TASK,
	STATE_BINDING,
	STATE_BOUND,
	STATE_CLOSING,
	STATE_ENDED,
};

static inline bool is_scram(enum sasl_mechanism m)
{
	return SASL_BIT(m) & SASL_SCRAM_BITS;
}

static inline bool is_token(enum sasl_mechanism m)
{
	return SASL_BIT(m) & SASL_TOKEN_BITS;
}

struct names {
	struct str list[OFFER_NAMES_MAX];
	size_t count;
};

/* What a server offers by one of the two ways to log in. The names are kept as they came, for the hash over them
 * (XEP-0474). */
struct offer {
	struct initiator_offer known;
	struct names mechanisms, bindings;
};

/* How to log in. */
struct choice {
	enum sasl_mechanism mechanism; /* SASL_MECHANISMS: there is none */
	bool is_sasl2;
	char flag;                 /* of SCRAM: 'n', 'y' or 'p' (RFC 5802, 7) */
	enum sasl_binding binding; /* of a mechanism that is bound */
	bool needs_hash;           /* the server has to prove what it has offered */
};

/* One try to log in, with one mechanism; initiator_sasl.c. The server's side of it is exchange.h's. */
struct attempt {
	struct arena *arena;
	struct choice choice;
	struct str password; /* prepared */
	struct str nonce, gs2, client_first_bare, server_first, without_proof;
	unsigned char proof[DIGEST_BYTES_MAX];     /* or the hash that a task asks for */
	unsigned char signature[DIGEST_BYTES_MAX]; /* what the server has to send */
	bool asks_bind;
	enum sasl_mechanism asks_token; /* SASL_MECHANISMS: it does not */
	unsigned upgrades;              /* asked for, and not done */
	enum sasl_mechanism task;       /* the upgrade that is being done; SASL_MECHANISMS: none */
};

/* What is needed until there is a session. */
struct login {
	struct arena *arena; /* of the offers */
	struct sasl_tls tls;
	struct offer sasl, sasl2;
	struct attempt *attempt;
	bool has_tried_token;
	bool is_early;       /* the login was begun before the features came (XEP-0509) */
	uint8_t early_state; /* where it stands meanwhile */
};

struct initiator {
	const struct initiator_config *config;
	struct reader reader;
	const struct xml_scope *scope; /* of the server's header; NULL before the first */
	struct arena *kept;            /* of jid */
	const struct jid *jid;         /* once bound */
	struct arena *names;           /* of the server's header: */
	struct str id, lang;
	struct arena *said;  /* of what an event points to */
	struct login *login; /* NULL once it is bound, or over */
	struct initiator_limits limits;
	uint8_t state;          /* enum initiator_state */
	uint8_t end, condition; /* once ended: what initiator_next repeats */
	bool has_tls : 1;
	bool is_open : 1;   /* our header has been sent on this stream */
	bool is_closed : 1; /* our closing tag has been sent */
	bool is_logged_in : 1;
	bool is_token_refused : 1;
};

/* initiator.c */

/* Tells the server what is wrong with its stream and ends. Always true. */
bool initiator_fail(
	struct initiator *i, enum stream_condition c, const char *why, struct buf *out, struct initiator_event *e);
/* Ends, since this leads nowhere. Always true. */
bool initiator_give_up(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e);
/* Memory of an event. */
struct arena *initiator_said(struct initiator *i);
/* The text of the server goes with the event. */
void initiator_quote(struct initiator *i, struct str text, struct initiator_event *e);

/* initiator_features.c */
bool initiator_on_features(
	struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e);

/* initiator_choose.c: how to log in with this offer. *why_r is static if the login has to be given up for safety. */
struct choice initiator_choose(
	const struct initiator *i, const struct initiator_offer *o, bool is_sasl2, const char **why_r);
/* The token to ask for; SASL_MECHANISMS: none. */
enum sasl_mechanism initiator_choose_token(const struct initiator *i, const struct initiator_offer *o);

/* initiator_request.c */

/* Begins to log in: with what the features offer. */
bool initiator_sasl_begin(struct initiator *i, struct buf *out, struct initiator_event *e);
/* Begins with what is known from before, if anything is. The header has been written, the server has not said anything.
 */
bool initiator_sasl_begin_early(struct initiator *i, struct buf *out, struct initiator_event *e);
/* initiator_sasl.c */

/* An element that is not <stream:error/>, while logging in. */
bool initiator_sasl_element(struct initiator *i, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct initiator_event *e);
/* The hash has come: sends the proof. */
void initiator_sasl_resume(struct initiator *i, struct buf *out);
/* The server is not what it should be. */
bool initiator_sasl_abort(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e);
/* Of the elements of SASL and SASL2 alike: the text of `element` decoded; empty if that is NULL. */
CHECK bool initiator_sasl_data(struct initiator *i, const struct xml_node *element, struct str *data_r);
/* The server's last message is what only who knows the password or the token can send. */
CHECK bool initiator_sasl_is_signed(const struct initiator *i, struct str message);
/* Asks for the hash of the password; both are checked. */
bool initiator_sasl_hash(struct initiator *i, enum digest d, struct str salt, uint64_t iterations, struct buf *out,
	struct initiator_event *e);
/* `<name xmlns='ns'`, and what follows the attributes: data in base64, if there is any, and the end. */
void initiator_open_element(struct buf *out, const char *name, struct str ns);
void initiator_write_data(struct buf *out, const char *name, struct str data);
/* What the choice binds the login with; NULL: nothing. */
const struct sasl_binding_data *initiator_binding(const struct initiator *i, const struct choice *c);
void initiator_wipe(struct str s);
void initiator_sasl_free(struct initiator *i);
void initiator_login_free(struct initiator *i);

/* initiator_outcome.c */
bool initiator_on_success(struct initiator *i, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct initiator_event *e);
bool initiator_on_failure(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e);
bool initiator_on_continue(
	struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e);
bool initiator_on_task_data(
	struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e);

/* initiator_bind.c */
void initiator_bind_ask(struct initiator *i, struct buf *out);
bool initiator_bind_element(
	struct initiator *i, const struct xml_node *root, struct arena *a, struct buf *out, struct initiator_event *e);
/* True, and i->jid, if it is a full address of an account. */
bool initiator_bind_take(struct initiator *i, struct str address);
/* Bound: the login is over. */
bool initiator_bind_done(struct initiator *i, struct initiator_event *e);

#endif
