/* What the files of the receiver share; nobody else includes this.
 *
 *     receiver.c            states, reading, closing
 *     receiver_header.c     headers
 *     receiver_features.c   what is offered
 *     receiver_login.c      logging in, whatever carries it; the exchange itself is exchange.c's
 *     receiver_sasl.c       … carried by SASL as RFC 6120 has it
 *     receiver_sasl2.c      … carried by SASL2, receiver_request.c: with what it asks for beside
 *     receiver_upgrade.c    … the tasks that may follow
 *     receiver_inline.c     … and what ends it: what is granted, the resource, <success/>
 *     receiver_stanza.c     binding, and what comes after
 *
 * A handler returns true when it has filled in an event, false when receiver_next may go on reading. */
#ifndef LINNET_RECEIVER_IMPL_H
#define LINNET_RECEIVER_IMPL_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/stream/exchange.h"
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
	STATE_INLINE,
	STATE_BIND,
	STATE_BINDING,
	STATE_BOUND,
	STATE_CLOSING,
	STATE_ENDED,
};

#define CONFIG_VERSION_BYTES 32

/* How far an <authenticate/> is. */
enum request_step {
	REQUEST_EXCHANGE,
	REQUEST_TASK_OFFERED, /* <continue/> has been sent */
	REQUEST_TASK_BEGUN, /* so has what the task needs */
	REQUEST_LOGGED_IN,
	REQUEST_GRANTING,
	REQUEST_GRANTED,
	REQUEST_NOT_GRANTED,
	REQUEST_BINDING,
	REQUEST_OVER, /* to be freed when nobody holds its strings any more */
};

/* What an <authenticate/> asks for beside the login, and what has come of it (XEP-0388). */
struct request {
	struct arena *arena;
	enum request_step step;
	struct receiver_grant grant;
	bool has_fast; /* a token is used */
	/* From the end of the exchange on. */
	const struct jid *jid;
	enum sasl_mechanism mechanism;
	struct str data; /* of the mechanism, for the client; p NULL: none, or sent */
	unsigned tasks; /* upgrades to be done, a mask of 1u << digest */
	enum digest task; /* the one under way */
	struct sasl_credentials keys; /* those that were upgraded */
	const struct xml_node *bind; /* NULL: no resource is asked for */
	struct str tag;
	struct str token, expiry; /* what was handed out; n 0: nothing */
};

/* What is needed before there is a session, and goes when there is one. */
struct login {
	struct arena *arena; /* of the header in force: host and from */
	struct str host; /* normalised */
	const struct jid *from; /* bare, or NULL */
	struct sasl_tls tls;
	struct arena *tls_arena; /* of its addresses; NULL if there are none */
	struct exchange *exchange; /* NULL between two */
	struct request *request; /* of the <authenticate/> that it belongs to; NULL in SASL */
	bool is_sasl2; /* the last element was of SASL2: so is a failure */
	bool has_continued; /* <continue/> has been sent */
	unsigned offered; /* mechanisms: what the features said holds for as long as the stream is at its login */
	unsigned char config_version[CONFIG_VERSION_BYTES]; /* of the features that were offered (XEP-0509) */
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

/* receiver.c */

/* Ends the stream with an error. Always true. */
bool receiver_fail(
	struct receiver *r, enum stream_condition c, const char *why, struct buf *out, struct receiver_event *e);
/* For a top-level element that has no place here. Always true. */
bool receiver_fail_unknown(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* Ends the stream with the place that the configuration names. Always true. */
bool receiver_redirect(struct receiver *r, struct buf *out, struct receiver_event *e);
/* A new header has to come (RFC 6120, 4.3.3); bytes that are here already belong to it. */
void receiver_restart(struct receiver *r);
/* The last part of a login: frees what only that needed. */
void receiver_login_free(struct receiver *r);
/* Those in force. */
const struct xml_limits *receiver_limits(const struct receiver *r);

/* receiver_header.c */

void receiver_write_header(struct receiver *r, struct str to, bool is_current, struct buf *out);
bool receiver_on_header(
	struct receiver *r, const struct frame *f, struct str bytes, struct buf *out, struct receiver_event *e);
void receiver_forget_header(struct login *l);

/* receiver_features.c */

void receiver_write_features(struct receiver *r, struct buf *out);

/* receiver_login.c */

/* What can be offered on this stream now, a mask with tokens included; from then on it is login->offered. */
unsigned receiver_offer(struct receiver *r);
/* A mask of the channel bindings that are announced. */
unsigned receiver_bindings(const struct receiver *r);
/* What TLS tells, copied. */
void receiver_keep_tls(struct login *l, const struct sasl_tls *tls);
/* An element of SASL or SASL2, in any state before a resource is bound. */
bool receiver_login_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* Goes on with answers that have come. */
bool receiver_login_resume(struct receiver *r, struct buf *out, struct receiver_event *e);
/* True while an answer is due. */
bool receiver_login_is_asking(const struct receiver *r);
/* Begins an exchange; the one before, if there was one, is forgotten. */
void receiver_login_begin(struct receiver *r, enum sasl_mechanism m);
/* Does what a result asks for, by the profile in force. */
bool receiver_login_act(struct receiver *r, struct exchange_result result, struct buf *out, struct receiver_event *e);
/* Ends the exchange, if there is one, with a failure. Always true. */
bool receiver_refuse(struct receiver *r, enum sasl_failure failure, struct buf *out, struct receiver_event *e);
/* The same with a condition of an extension, an element in SASL2's failure; empty: none. */
bool receiver_refuse_with(
	struct receiver *r, enum sasl_failure failure, struct str extension, struct buf *out, struct receiver_event *e);
/* From now on it is the account's stream: fills in the event, and ends the exchange. */
void receiver_log_in(struct receiver *r, const struct jid *jid, enum sasl_mechanism m, struct receiver_event *e);
void receiver_forget_login(struct login *l);
size_t receiver_login_bytes(const struct login *l);
/* Base64 in an element, decoded into `a`. */
enum sasl_failure receiver_read_data(struct arena *a, const struct xml_node *element, struct str *data_r);
/* <name xmlns='…'>base64</name> */
void receiver_write_data(struct buf *out, const char *name, struct str ns, struct str data);

/* receiver_sasl.c */

bool receiver_sasl_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
bool receiver_sasl_succeed(struct receiver *r, struct str data, struct buf *out, struct receiver_event *e);

/* receiver_sasl2.c */

bool receiver_sasl2_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
bool receiver_sasl2_succeed(struct receiver *r, struct str data, struct buf *out, struct receiver_event *e);
/* True while the client may send nothing but its part of the login (XEP-0388, 2.4). */
bool receiver_sasl2_is_strict(const struct receiver *r);

/* receiver_request.c */

/* Reads what an <authenticate/> asks for; what it asks for in a wrong way, it does not ask for. */
struct request *receiver_request_new(const struct receiver *r, const struct xml_node *authenticate);
/* Sets NULL; NULL is fine. */
void receiver_request_free(struct request **q);

/* receiver_upgrade.c */

/* The first task, or the next, of those that are left. */
void receiver_offer_task(struct receiver *r, struct buf *out);
/* <next/>, <task-data/> */
bool receiver_task_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* "UPGR-…" */
struct str receiver_task_name(struct arena *a, enum digest d);
/* Those that may be offered here, a mask of 1u << digest. */
unsigned receiver_tasks(const struct receiver *r);

/* receiver_inline.c */

/* All tasks are done. */
bool receiver_inline_begin(struct receiver *r, struct receiver_event *e);
bool receiver_inline_resume(struct receiver *r, struct buf *out, struct receiver_event *e);
bool receiver_inline_is_asking(const struct receiver *r);
void receiver_inline_bind(struct receiver *r, struct buf *out);
void receiver_inline_refuse_bind(struct receiver *r, const struct stanza_error *error, struct buf *out);

/* receiver_stanza.c */

/* A stanza before there is a resource: the request to bind one, or an error. */
bool receiver_bind_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e);
/* Any element of a bound stream. Takes *arena if it becomes part of the event. */
bool receiver_bound_element(struct receiver *r, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct receiver_event *e);
/* Bytes that receiver_bound_element adds to the tree of such a frame. */
size_t receiver_bound_bytes(const struct receiver *r, const struct frame *frame);

#endif
