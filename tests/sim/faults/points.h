/* Points at which something can fail, of one kind each: an allocation, a write to the disk, a read of a socket … The
 * scenario runs once. At each point that is to be tried the process forks: in the child this one fails, and the
 * scenario goes on with what that means, to its end and its checks; the parent waits for what the child says, and goes
 * on without any failure. So each is tried in exactly the state it is met in, and costs only what comes after it. */
#ifndef LINNET_TESTS_FAULTS_POINTS_H
#define LINNET_TESTS_FAULTS_POINTS_H

#include "lib/base/macros.h"

#include <stdbool.h>
#include <stdint.h>

/* X(name, how many ways to fail there are, what a point is) */
#define POINT_KINDS(X)                                                                                                 \
	X(memory, 2, "an allocation of the server")                                                                    \
	X(sqlite, 3, "an allocation of SQLite")                                                                        \
	X(openssl, 2, "an allocation of OpenSSL")                                                                      \
	X(disk, 6, "a write, truncation, flush or deletion")                                                           \
	X(reads, 2, "a read of the disk")                                                                              \
	X(network, 4, "a call for a socket")

enum point_kind {
#define X(name, ways, text) POINT_##name,
	POINT_KINDS(X)
#undef X
};

struct points {
	enum point_kind kind;
	uint64_t first, stride; /* tries the points first, first + stride, … */
	bool stops;             /* one that is not survived is enough */
	bool all_ways;          /* at each point; else one, by turns */
	uint64_t met, tried, failed;
	bool is_over; /* nothing fails any more */
	bool is_child;
	unsigned way; /* how, in a child */
	uint64_t at;  /* where, in a child */
};

/* Of the kind that is being tried? Called before whatever it is. True, in a child, if it is to fail. */
bool points_meet(struct points *p, enum point_kind kind);

const char *point_kind_name(enum point_kind kind);
const char *point_kind_text(enum point_kind kind);
unsigned point_kind_ways(enum point_kind kind);

/* Ends a child. `what` is NULL if all that was promised was kept. */
NORETURN void points_end(const struct points *p, const char *what);

#endif
