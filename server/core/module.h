/* A module: one feature of the server, in one file (or folder), ending in one const struct. From these structs come
 * dispatch, disco, the option reference, the list of supported XEPs. Which there are, and their order: module_list.c.
 *
 * Hooks run on the worker that owns the account in question, one at a time; they never block. What they write is a unit
 * (worker.h), and what they then say carries its ticket by itself. */
#ifndef LINNET_MODULE_H
#define LINNET_MODULE_H

#include "lib/base/str.h"
#include "lib/xmpp/error.h"
#include "lib/xmpp/stanza.h"
#include "server/core/option.h"
#include "server/storage/storage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct outbox_writer;
struct outcome;
struct passage;
struct session;
struct worker;
struct unit;

/* An entry of another account's outbox that has arrived: its number there, and how many of ours that account had applied when it made
 * the entry. */
struct outbox_arrival {
	struct stanza *payload;
	int64_t number, basis;
};

/* What an outbox entry has changed, from on_outbox to on_outbox_added. */
struct outbox_effect {
	bool deliver, push;
	uint8_t before, after;
};

/* IQ requests. */

enum iq_target {
	TO_HOST = 1, /* a served domain */
	TO_ACCOUNT = 2, /* a bare JID; asked by whoever may know of it (`knows`) */
	TO_SELF = 4, /* the sender's own account: its bare JID, or no address at all */
};

/* What a handler is given. Borrowed until it returns, but for `iq`, which it may ref. */
struct iq_call {
	struct worker *worker;
	const void *conf; /* the module's */
	struct stanza *iq;
	const struct xml_node *payload; /* its one child */
	struct arena *arena; /* for the answer */
	struct account *account; /* the one addressed (TO_ACCOUNT, TO_SELF); NULL for hosts */
	struct session *session; /* TO_SELF: the sender's; else NULL */
	struct str host; /* TO_HOST: the domain */
};

/* What it returns; the framework sends exactly one answer, after the units that the handler has added are durable. */
struct iq_answer {
	enum { IQ_ANSWER_RESULT, IQ_ANSWER_ERROR, IQ_ANSWER_LATER } kind;
	const struct xml_node *payload; /* of the result, in call->arena; may be NULL */
	bool of_state; /* it leaves when all is durable that the account has decided so far */
	/* NULL, or what is sent to the asking session behind the answer, with the outcome that the answer waits for
	 * (may be NULL). */
	void (*after)(const struct iq_call *call, struct outcome *o);
	struct stanza_error error;
};

static inline struct iq_answer iq_result(const struct xml_node *payload)
{
	return (struct iq_answer){ .kind = IQ_ANSWER_RESULT, .payload = payload };
}

/* A result that tells what is stored of the account. */
static inline struct iq_answer iq_result_of_state(const struct xml_node *payload)
{
	return (struct iq_answer){ .kind = IQ_ANSWER_RESULT, .payload = payload, .of_state = true };
}

static inline struct iq_answer iq_error(enum stanza_condition condition, const char *text)
{
	return (struct iq_answer){ .kind = IQ_ANSWER_ERROR, .error = stanza_error_make(condition, text) };
}

/* The handler has kept a reference of the iq and answers with iq_answer_later() in iq.h. */
static inline struct iq_answer iq_later(void)
{
	return (struct iq_answer){ .kind = IQ_ANSWER_LATER };
}

/* One IQ that a module answers. No two modules may claim the same (type, target, namespace, name). */
struct iq_handler {
	enum stanza_type type; /* IQ_GET or IQ_SET */
	unsigned targets; /* mask of enum iq_target */
	struct str ns, name;
	struct iq_answer (*handle)(const struct iq_call *call);
	/* A set of the own account that keeps nothing, so that an anonymous user may send it, too. */
	bool keeps_nothing;
};

/* The way of a message, in named phases. Inside a phase the order of the module list counts. */

enum phase {
	PHASE_OUTGOING_FILTER, /* the sender's account: blocking */
	PHASE_OUTGOING_RECORD, /* the sender's account: its log */
	PHASE_INCOMING_FILTER, /* the recipient's account, from here on: blocking */
	PHASE_INCOMING_RECORD, /* its log, stanza-id */
	PHASE_COPY, /* carbons */
	PHASE_DELIVER, /* to sessions (RFC 6121, 8.5) */
	PHASE_UNDELIVERED, /* no session could take it: offline, push */
	PHASES
};

enum verdict {
	PASS, /* on to the next */
	PASS_DONE, /* taken care of: the way ends here */
	PASS_REFUSED, /* passage->refusal is answered to the sender; the way ends here */
	PASS_UNDELIVERED, /* of PHASE_DELIVER: on to PHASE_UNDELIVERED */
};

/* What a module keeps in memory of an account, loaded from storage when an envelope needs it, dropped when idle. */
struct account_part {
	/* The queries that load it, one after the other, as many as query_count. `before` is NULL, or the answer to the same one that was
	 * cut short (query.more): asked again, it goes on behind the last row of that. */
	unsigned query_count;
	struct query *(*query)(struct account *a, unsigned which, const struct query *before);
	/* The answer of one, or its next piece, without error. `part` is NULL for the first; returns the part, never NULL. */
	void *(*parse)(struct account *a, void *part, const struct query *q, unsigned which);
	void (*free)(void *part);
	/* True if it must stay in memory. NULL: never. */
	bool (*is_busy)(const void *part);
	/* Which stanzas need it (mask of NEEDED_FOR_…), whether routed to the account or sent by one of its sessions. */
	unsigned needed_for;
};

#define NEEDED_FOR_MESSAGE 1u
#define NEEDED_FOR_PRESENCE 2u
#define NEEDED_FOR_IQ 4u
#define NEEDED_FOR_OUTBOX 8u

struct module {
	const char *name; /* as in the configuration */
	unsigned xep; /* 0: an RFC */
	const char *version; /* of the specification that is implemented */
	const char *summary; /* one line for operators */
	bool required; /* cannot be switched off */

	const struct option *options; /* NULL: none */
	size_t conf_bytes; /* of the struct that the options fill; 0: none */

	const struct migration *migrations; /* ends with feature NULL; NULL: none */
	const struct account_part *part; /* NULL: none */
	const struct iq_handler *iq; /* ends with handle NULL */
	enum verdict (*on_phase[PHASES])(struct passage *p);

	/* disco#info features of hosts and of accounts; end with an empty slice. */
	const struct str *host_features, *account_features;
	/* Written inside <stream:features/> after login. */
	struct str stream_features;

	/* Presence sent by a session: any, addressed or not. Exactly one module has it. */
	void (*on_presence_sent)(struct session *s, struct stanza *presence);
	/* Presence for the account or a session of it: `to`, which need not be the stanza's own address (multicast). Exactly one
	 * module has it. */
	void (*on_presence)(struct account *a, struct stanza *presence, const struct jid *to);
	/* An outbox entry of another account (outbox.h): apply it in the unit; then, once the unit has been added, say so to the
	 * user's sessions. */
	void (*on_outbox)(
		struct account *a, const struct outbox_arrival *entry, struct unit *u, struct outbox_effect *effect);
	void (*on_outbox_added)(
		struct account *a, struct stanza *payload, const struct outbox_effect *effect, struct outcome *o);
	/* It had been applied before, or its unit has failed: what on_outbox has changed in memory does not count. */
	void (*on_outbox_undone)(struct account *a);

	/* False if this request (an IQ get or set, of whomever) may not reach the session it is for (RFC 6121, 8.5.3.1). */
	bool (*may_ask)(struct session *s, const struct stanza *iq);

	/* True if that address may learn that the account exists: TO_ACCOUNT handlers answer nobody else. True if any
	 * module says so. */
	bool (*knows)(struct account *a, const struct jid *who);

	void (*on_session_open)(struct session *s);
	/* The session's presence has become available, or its priority has changed. */
	void (*on_session_available)(struct session *s);
	/* After how long without traffic it looks after a client; 0: never. NULL: it does not. */
	uint64_t (*idle_ms)(const void *conf);
	/* A time that the module asked for with session_set_timer() has come. */
	void (*on_session_timer)(struct session *s);
	/* Its stream is gone; it is no longer among the account's sessions. */
	void (*on_session_close)(struct session *s);
	/* Instead of on_session_close when the server itself ends: frees what the module keeps of the session, no more. */
	void (*on_session_drop)(struct session *s);
	/* An IQ result or error for the server itself, from a session, whose id begins with the module's name and a colon. */
	void (*on_iq_answer)(struct session *s, struct stanza *iq);
	/* The account is being removed while the server runs: add what tells others (outbox_send). */
	void (*on_account_leave)(struct account *a, struct unit *u);
	/* The account (a bare JID) is being removed while no server runs: the same from what is stored. False if that cannot be
	 * read. */
	bool (*on_stored_account_leave)(struct storage *s, const struct jid *account, struct outbox_writer *o);
	/* The account `owner` (a bare JID) is being removed: add what deletes the module's rows. Also without a server. */
	void (*on_account_remove)(struct str owner, struct unit *u);
};

/* Ends with NULL. */
extern const struct module *const module_list[];

#endif
