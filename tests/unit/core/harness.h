/* A whole server for tests: a simulation (tests/sim/sim.h) that is run until nothing happens any more, peers in it, and
 * assertions. What goes wrong fails the test.
 *
 *     harness_new ─▶ harness_account … ─▶ opens / logs_in ─▶ says, sees … ─▶ harness_free
 *
 * Peers come in two kinds. opens() makes a session behind a transport that is a struct here, without any stream;
 * logs_in() is a client over the network. Both say stanzas and write down those that they get. `sees` takes the
 * first of these that has not been looked at; in its pattern a `*` stands for any characters but quotes and angle
 * brackets, a `~` for anything.
 *
 * In the environment HARNESS_LOG shows the server's log, and HARNESS_SEED gives another order of all that is stepped:
 * no test depends on it.
 *
 * Parts of the server stand still when they are told so; the storage fails as `faults` say; harness_crash() loses all
 * that had not been committed. */
#ifndef LINNET_TESTS_CORE_HARNESS_H
#define LINNET_TESTS_CORE_HARNESS_H

#include "lib/stream/initiator.h"
#include "server/core/account.h"
#include "server/core/transport.h"
#include "tests/sim/sim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARNESS_PASSWORD "secret"

/* Failures of the storage, told by a part of the SQL text that they meet; NULL: none. */
struct faults {
	const char *query; /* these SELECTs cannot be answered at the moment (wait error) */
	const char *unit; /* these statements fail their unit */
	bool commit; /* nothing can be committed at the moment (wait error) */
	unsigned queries; /* asked so far */
};

struct harness {
	struct sim sim;
	struct log_sink sink;
	unsigned log_errors; /* lines */
	struct faults faults;
	struct sasl_credentials credentials; /* of HARNESS_PASSWORD; by SCRAM a client would refuse so few iterations */
	struct list peers;
	struct sim_actor actor; /* all of them */
};

/* With so many workers; `yaml` is added to the configuration. The host is localhost, its listeners have no TLS; rates
 * are not limited unless it has a section `limits`. */
struct harness *harness_new(unsigned workers, const char *yaml);
struct harness_options {
	unsigned workers;
	const char *yaml;
	const char *hosts; /* NULL: localhost */
	const struct module *const *modules; /* NULL: module_list */
	bool encoded; /* envelopes are encoded, connections do not move */
};
struct harness *harness_new_as(const struct harness_options *o);
/* Lets the server end in peace, and fails the test if it does not or anything is left over. */
void harness_free(struct harness **h);
/* Ends it as it stands: what the writer still has is lost. */
void harness_abandon(struct harness **h);
/* As kill -9: what was committed by now is all that a new server begins with. Peers are gone; nothing stands still or
 * fails any more. */
void harness_crash(struct harness *h);

/* Steps everything until nothing happens. */
void harness_run(struct harness *h);
/* Steps everything once. True if anything has happened. */
bool harness_step(struct harness *h);
/* Lets virtual time pass, with all that happens meanwhile, to the millisecond. */
void harness_advance(struct harness *h, uint64_t ms);
/* What was submitted is committed, once, and what the workers make of it happens; though the writer stands still. */
void harness_commit(struct harness *h);

/* A part of the server stands still from now on, or goes on. Not run. */
void stands_still(struct harness *h, enum sim_part part);
void goes_on(struct harness *h, enum sim_part part);
void everything_goes_on(struct harness *h);

/* Adds an account with HARNESS_PASSWORD. */
void harness_account(struct harness *h, const char *jid);
/* The worker of an account. */
struct worker *harness_worker(struct harness *h, const char *jid);
/* The account if it is in memory. */
struct account *harness_find(struct harness *h, const char *jid);
/* The answer, one number, of a SELECT with one parameter. */
int64_t harness_number(struct harness *h, const struct statement *st, const char *param);
/* Rows of the log of an account; of all outboxes. */
int64_t harness_log_rows(struct harness *h, const char *jid);
int64_t harness_outbox_rows(struct harness *h);
/* In a new arena, which is the caller's. */
const struct jid *harness_jid(struct arena *a, const char *text);
/* In the harness's arena. */
const struct jid *jid_of(struct harness *h, const char *text);
/* A reference, the caller's; as it would come from a client of `from` (or as it is, if NULL). */
struct stanza *stanza_of(struct harness *h, const char *from, const char *text);

/* Peers. */

struct peer {
	struct harness *h;
	struct list link;
	struct list seen; /* lines */
	const struct jid *jid;
	bool ended; /* its stream has ended: */
	enum stream_condition condition; /* with this error */
	char text[128]; /* of the error */
	void (*say)(struct peer *p, struct str stanza);
	void (*free)(struct peer *p);
	void (*leave)(struct peer *p); /* ends a session that the server's end does not; NULL: nothing to do */
	bool (*step)(struct peer *p); /* NULL: nothing to do. True if it has done something */
};

/* A session with that full JID behind a transport of our own; the account must exist. Everything is run. */
struct peer *opens(struct harness *h, const char *jid);
/* The same, and it sends <presence/>; what it is sent at first is passed over. */
struct peer *arrives(struct harness *h, const char *jid);
/* The stream under the session dies. Not run. */
void dies(struct peer *p);
/* The transport takes nothing any more, or (run) takes again. */
void becomes_full(struct peer *p);
void becomes_writable(struct peer *p);
/* The session; NULL once it has gone. */
struct session *session_of(struct peer *p);
/* The session has given up the transport. */
bool is_released(const struct peer *p);

/* A client over the network, with HARNESS_PASSWORD by PLAIN; bound when this returns. */
struct peer *logs_in(struct harness *h, const char *jid);
/* The same with what else it may want. Not run. */
struct peer *dials(struct harness *h, const char *jid, const char *password, unsigned mechanisms);
/* The same on the listener of another worker than the account's, if there is one. */
struct peer *dials_elsewhere(struct harness *h, const char *jid, const char *password, unsigned mechanisms);
bool is_bound(const struct peer *p);
enum sasl_failure login_failure(const struct peer *p);
/* Reads nothing any more. */
void stops_reading(struct peer *p);
/* Its connection is reset; or ends after its </stream:stream>. Not run. */
void is_cut(struct peer *p);
void closes(struct peer *p);
int socket_of(const struct peer *p);
struct net_address harness_port(unsigned worker);

/* Says a stanza; `says` runs everything then. */
void posts(struct peer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void says(struct peer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

void peer_note(struct peer *p, struct stanza *s, const struct jid *to);
void peer_sees(struct peer *p, bool any_place, const char *pattern, const char *file, int line);
void peer_sees_nothing(struct peer *p, const char *file, int line);
/* Takes the first line out; NULL if there is none. The caller frees it with mem_free(). */
char *peer_take(struct peer *p);
/* Forgets what was not looked at. */
void overlooks(struct peer *p);

/* For patterns. */
#define ERROR(type, condition)                                                                                         \
	"<error type='" type "'><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>~</error>"

/* The first stanza it has not looked at is this one; there is one such among them; there is none. */
#define sees(p, pattern) peer_sees(p, false, pattern, __FILE__, __LINE__)
#define sees_somewhere(p, pattern) peer_sees(p, true, pattern, __FILE__, __LINE__)
#define sees_nothing(p) peer_sees_nothing(p, __FILE__, __LINE__)

/* For harness.c: a back-end over SQLite that fails as the faults say; they travel in backend_options.vfs. */
extern const struct backend faulty_backend;

#endif
