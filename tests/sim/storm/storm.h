/* A storm: some people with some devices each log in, write to each other, make and end friendships, vanish, come back,
 * while the server is killed, loses power, has no room on its disk … all drawn from a seed. What they are told is
 * written down, and held against the promises of docs/GUARANTEES.md.
 *
 *     storm.c     draws what happens, and when all is calm
 *     client.c    a device: its stream, and what it knows by what it was told (roster, presence of others)
 *     ledger.c    messages: what was said, what became certain, what arrived, in what order
 *     rosters.c   rosters and subscriptions: what was written, and whether all sides agree
 *     presences.c whether everybody sees who is there
 *     tokens.c    tokens: where the server may have each, so whether it may let somebody in by it
 *     operator.c  revokes clients and sets passwords over the admin socket
 *     observer.c  looks into the server
 *
 * Checks look only at what clients were told, but for three things: whether an account has sessions (what is sent to
 * one without any must be kept), whether anything is uncommitted or the storage waits (as `linnet status` tells), and at
 * the end what is left in the database. */
#ifndef LINNET_TESTS_STORM_H
#define LINNET_TESTS_STORM_H

#include "lib/base/macros.h"
#include "tests/sim/sim.h"
#include "tests/sim/storm/client.h"
#include "tests/sim/storm/ledger.h"
#include "tests/sim/storm/operator.h"
#include "tests/sim/storm/rosters.h"

#include <stdbool.h>
#include <stdint.h>

#define STORM_ACTS_MAX      32
#define STORM_MODULES_MAX   32 /* and the end */
#define STORM_VIOLATION_MAX 1024

/* What a run has done and met. X(name, how it is printed) */
#define STORM_COUNTS(X)                                                                                                \
	X(messages, "messages")                                                                                        \
	X(certain, "certain")                                                                                          \
	X(received, "received")                                                                                        \
	X(redelivered, "redelivered")                                                                                  \
	X(refused, "refused")                                                                                          \
	X(logins, "logins")                                                                                            \
	X(disconnects, "disconnects")                                                                                  \
	X(kills, "kills")                                                                                              \
	X(power_cuts, "power cuts")                                                                                    \
	X(disk_troubles, "disk troubles")                                                                              \
	X(restarts, "restarts")                                                                                        \
	X(roster_writes, "roster writes")                                                                              \
	X(same_rosters, "rosters that a device had kept")                                                              \
	X(subscriptions, "subscription changes")                                                                       \
	X(tokens, "tokens")                                                                                            \
	X(token_logins, "logins by a token")                                                                           \
	X(refused_tokens, "refused tokens")                                                                            \
	X(rotations, "tokens replaced as they became old")                                                             \
	X(invalidations, "tokens given back")                                                                          \
	X(revocations, "commands of the operator")                                                                     \
	X(replaced, "sessions that their client replaced")                                                             \
	X(calms, "calms")

struct storm_counts {
#define X(name, text) uint64_t name;
	STORM_COUNTS(X)
#undef X
};

/* What a seed is like: some acts are frequent in it, others do not happen at all. */
struct storm_mood {
	bool power; /* durability: power, so that power may be cut */
	bool encoded;
	bool approves; /* who is asked for a subscription grants it at once */
	bool insists; /* who is refused one asks again at once */
	unsigned favourite; /* the account that most have to do with */
	unsigned workers;
	unsigned newer; /* of a thousand devices so many log in by SASL2 */
	unsigned weights[STORM_ACTS_MAX];
	unsigned steps_max; /* between two acts */
};

/* Listeners. */
enum { STORM_PLAIN, STORM_PROTECTED };

struct storm {
	struct sim sim;
	const struct module *modules[STORM_MODULES_MAX];
	struct log_sink sink;
	struct storm_mood mood;
	struct sasl_credentials credentials;
	struct arena *arena; /* of JIDs */
	const struct jid *accounts[STORM_ACCOUNTS];
	struct sim_actor actor;
	struct storm_client clients[STORM_CLIENTS];
	struct ledger ledger;
	struct rosters rosters;
	struct storm_operator operator;
	struct storm_counts counts;
	uint64_t step; /* so far */
	uint64_t epoch; /* lives of the server so far */
	uint64_t streams; /* connections so far */
	unsigned sessions[STORM_ACCOUNTS]; /* that the server has */
	uint64_t sessions_seen[STORM_ACCOUNTS]; /* the last step in which the server had a session of this account */
	uint64_t session_ended[STORM_ACCOUNTS]; /* the last step in which a session of this account ended */
	uint64_t changed[STORM_ACCOUNTS]; /* the last step in which a client of this account came, went, or changed its mind */
	uint64_t troubled; /* the last step in which the disk had a trouble */
	uint64_t clock_steps; /* so often the wall clock has jumped */
	uint64_t calm; /* the step of the last calm */
	uint64_t heard_ms; /* when a client last read something */
	bool is_ending; /* no acts any more: what is left is collected */
	bool has_failed;
	char violation[STORM_VIOLATION_MAX]; /* the first */
};

/* A promise has been broken. Only the first counts. */
void storm_violation(struct storm *st, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct storm_options {
	uint64_t seed;
	unsigned acts;
	FILE *trace; /* or NULL */
	FILE *log; /* of the server; or NULL */
	const struct storm_mood *mood; /* NULL: drawn, and conditions are, too; else nothing lags and nothing is cut */
	uint32_t iterations; /* of passwords; 0: 1, which is fast, but too few for SCRAM */
	void (*wrap_net)(struct net *net); /* as in struct sim_options */
};

struct storm_result {
	struct storm_counts counts;
	struct storm_mood mood;
	uint64_t trace;
	bool has_failed;
	char violation[STORM_VIOLATION_MAX];
};

void storm_run(const struct storm_options *o, struct storm_result *r_r);

/* For what plays something else to the same people (tests/sim/faults): the parts of a storm. */

struct storm *storm_new(const struct storm_options *o);
void storm_free(struct storm *st);
/* The server starts, if need be with its disk healed; dies; its disk is healed. */
void storm_start(struct storm *st);
void storm_die(struct storm *st, enum sim_death how);
void storm_heal(struct storm *st);
/* What is asked for now is not kept from being stored by any trouble. */
bool storm_is_well(const struct storm *st);
/* All is healed, the server runs, and time passes until nothing happens any more. */
void storm_still(struct storm *st);
/* The same, and what can be checked then is. */
void storm_calm(struct storm *st);
/* The end: everybody comes back and collects what was kept, and it is checked that all was. */
void storm_collect(struct storm *st);

/* The modules of the server, and one that watches its sessions. They live as long as the storm. */
const struct module *const *observer_modules(struct storm *st);
/* Behind each step. */
void observer_on_step(struct sim *s);

/* Presences: every client that is there sees those that it should, and only those. When all is calm. */
void presences_check(struct storm *st);

#endif
