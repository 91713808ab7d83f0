/* A login-and-chat scenario on the simulated server, in which one thing fails.
 *
 *     main.c     what is tried, and what is said of it
 *     points.c   where something can fail: forks there
 *     script.c   the scenario, and the checks at its end
 *     memory.c   allocations: ours, SQLite's, OpenSSL's
 *     sockets.c  what the server asks of its net
 *
 * The disk's failures are its own (tests/sim/disk.h). */
#ifndef LINNET_TESTS_FAULTS_FAULTS_H
#define LINNET_TESTS_FAULTS_FAULTS_H

#include "tests/sim/faults/points.h"
#include "tests/sim/storm/storm.h"

struct faults {
	struct points points;
	struct storm *storm;
	const char *step; /* the last one of the scenario that has begun */
	bool goes_on;     /* in a child: what has failed once still fails, until all is healed */
};

/* Before anything else is called: replaces the functions that allocate. */
void faults_hook_memory(struct faults *f);

/* For struct sim_options. */
void faults_hook_sockets(struct faults *f);
void faults_wrap_net(struct net *net);

/* In a child this does not return. */
void faults_play(struct faults *f, const struct storm_options *o);

/* The process of the server has ended in the middle of what it did: what its users were told must be there. */
NORETURN void faults_end_without_memory(struct faults *f);

#endif
