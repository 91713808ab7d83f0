/* The limits that hold for the process, whatever the worker: of connections before their login (guests.h) and of addresses
 * (addresses.h). They are looked at when a connection comes, logs in, fails to, or goes, never for a stanza; so one lock does, and
 * the workers share nothing else. (A share for each worker would be simpler, but the system deals connections out by a hash of
 * their ports: one that floods could fill a worker's share, and be counted anew on each.)
 *
 * With `limits: { rate: off }` everybody is admitted and nothing is counted. Any thread. */
#ifndef LINNET_LIMITS_H
#define LINNET_LIMITS_H

#include "lib/base/random.h"
#include "lib/base/slab.h"
#include "lib/net/address.h"
#include "server/core/config.h"
#include "server/core/envelope.h"

#include <stdbool.h>
#include <stdint.h>

/* What may be met. Each is a counter of workers (worker.h); X(name, help) */
#define LIMITS(X)                                                                                                      \
	X(refused_per_address, "connections refused: too many of their address have not logged in")                    \
	X(refused_per_minute, "connections refused: their address connects too often")                                 \
	X(refused_full, "connections refused: the server has all it may have")                                         \
	X(evicted, "connections ended before their login to make room for others")                                     \
	X(login_timeouts, "connections ended that were not bound in time")                                             \
	X(logins_put_off, "logins refused for a while after failures from their address")                              \
	X(throttled, "times a client sent faster than it is read")                                                     \
	X(sessions_refused, "sessions refused: their account has all it may have")                                     \
	X(subscriptions_refused, "requests for subscriptions refused: their account makes too many")

enum limit {
#define X(name, help) LIMIT_##name,
	LIMITS(X)
#undef X
	LIMIT_COUNT
};

struct limits;

struct limits *limits_new(const struct config_limits *config, const struct random_source *r);
void limits_free(struct limits **l);

enum limits_answer { LIMITS_ADMITTED, LIMITS_TOO_MANY, LIMITS_TOO_OFTEN };
struct limits_entry {
	enum limits_answer answer;
	slab_handle guest; /* to be given back with limits_leave(); 0: there is nothing to give back */
	struct remote_handle evicted; /* handle 0: nobody; else the edge that has lost its place to this one */
};

/* A connection has come to this worker, to be served by this edge. */
struct limits_entry limits_enter(struct limits *l, const struct net_address *a, uint64_t now_ms, uint32_t worker,
	slab_handle edge);
/* It has logged in or gone. Nothing if it has lost its place before. */
void limits_leave(struct limits *l, slab_handle guest);

/* False: this login is not to be looked at, so soon after others failed from there. */
bool limits_may_log_in(struct limits *l, const struct net_address *a, uint64_t now_ms);
void limits_login_failed(struct limits *l, const struct net_address *a, uint64_t now_ms);

struct limits_numbers {
	uint32_t guests, guests_max, addresses;
};
struct limits_numbers limits_numbers(struct limits *l);

#endif
