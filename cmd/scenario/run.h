/* Runs one scenario on a loop, step by step, at the end of each turn. Whoever has the loop drives it:
 *
 *     struct scenario_run *run = scenario_run_new(scenario, host);
 *     while (!scenario_run_is_finished(run))
 *             loop_turn(host->loop, UINT_MAX);
 *     … scenario_run_result(run) …
 *     scenario_run_free(&run);
 *
 * Time is the loop's; a step that takes longer than host->step_ms fails. One thread; not to be made or freed from
 * within a turn. */
#ifndef LINNET_SCENARIO_RUN_H
#define LINNET_SCENARIO_RUN_H

#include "cmd/scenario/host.h"
#include "cmd/scenario/scenario.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct scenario_run;

enum scenario_outcome { SCENARIO_PASSED, SCENARIO_FAILED, SCENARIO_SKIPPED };

struct scenario_result {
	enum scenario_outcome outcome;
	struct str text; /* lines: where and why it failed; or why it was skipped */
	uint64_t ms;
};

/* Both outlive it. */
struct scenario_run *scenario_run_new(const struct scenario *s, const struct scenario_host *host);
/* Drops its connections. Sets NULL; NULL is fine. */
void scenario_run_free(struct scenario_run **run);

bool scenario_run_is_finished(const struct scenario_run *run);
/* Once it is finished; lives as long as the run. */
struct scenario_result scenario_run_result(const struct scenario_run *run);

/* Answers of the host: see struct scenario_host. `error` is NULL if it worked. */
void scenario_run_server_done(struct scenario_run *run, const char *error);
void scenario_run_settled(struct scenario_run *run);

#endif
