/* One scenario, played to a simulated server of its own: fresh accounts, every kind of listener, the configuration that
 * tests/scenario/test_scenarios.py gives the real one.
 *
 * "receives nothing" is exact here: everything is stepped until nothing is on its way and nothing uncommitted; what
 * only a timer would do does not count. So is what happens to the server: it waits for the same, as what a scenario
 * expects afterwards is what has been promised. */
#ifndef LINNET_TESTS_SIM_PLAY_H
#define LINNET_TESTS_SIM_PLAY_H

#include "cmd/scenario/run.h"
#include "cmd/scenario/scenario.h"
#include "lib/base/buf.h"
#include "tests/sim/contexts.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The host of accounts, and of the certificate. */
#define PLAY_HOST "localhost"

struct play_options {
	/* The order of steps, and conditions: with 1 nothing lags and bytes arrive at once and whole; else latencies,
	 * pieces, parts that are slower than others, all of them mild: no scenario should notice. What dies is killed
	 * where acknowledged messages survive only that (even seeds), and loses power where they survive this, too. */
	uint64_t seed;
	unsigned workers;
	bool encoded;
	const struct contexts *tls; /* NULL: plain connections only; then a seed has one trace */
	FILE *steps;                /* NULL, or where each step is written */
};

struct play_result {
	enum scenario_outcome outcome;
	uint64_t trace;
};

/* Lines for people are appended to `text`: why it was skipped, or why it failed and the server's log. */
struct play_result play(const struct scenario *s, const struct play_options *o, struct buf *text);

#endif
