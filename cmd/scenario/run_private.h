/* What the files of a run share: run.c (its life, and whose turn it is), steps.c (what each step does), steps_receive.c
 * (those that wait for input). Nobody else includes this. */
#ifndef LINNET_SCENARIO_RUN_PRIVATE_H
#define LINNET_SCENARIO_RUN_PRIVATE_H

#include "cmd/scenario/client.h"
#include "cmd/scenario/run.h"
#include "cmd/scenario/scenario.h"
#include "cmd/scenario/variables.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/slab.h"
#include "lib/base/wheel.h"
#include "lib/net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The object behind the timer of a run. */
struct run_timer {
	struct wheel_node node;
};

struct scenario_run {
	const struct scenario *scenario;
	const struct scenario_host *host;
	struct client_site site;
	struct client *clients;
	struct arena *arena; /* of values */
	struct variables variables;
	struct loop_hook hook;
	struct slab timers;
	unsigned timer_kind;
	slab_handle timer;

	size_t at;      /* the step */
	bool has_begun; /* it */
	bool timed_out;
	bool server_is_busy, settled, asked_last; /* of this step */
	const char *server_error;

	bool is_finished;
	enum scenario_outcome outcome;
	struct buf text;
	uint64_t started_ms, ended_ms;
};

/* The scenario has failed at its present step. Always false; more may be appended to run->text. */
bool run_fail(struct scenario_run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
void run_skip(struct scenario_run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What a step does. begin may be NULL; poll says whether it is done, and is asked again after each turn until then,
 * unless the scenario has failed. */
struct step_ops {
	void (*begin)(struct scenario_run *run, struct client *c, const struct step *step);
	bool (*poll)(struct scenario_run *run, struct client *c, const struct step *step);
};

extern const struct step_ops step_ops[STEP_KINDS];

/* steps_receive.c */
bool poll_receive(struct scenario_run *run, struct client *c, const struct step *step);
bool poll_receive_any_order(struct scenario_run *run, struct client *c, const struct step *step);
bool poll_receive_bytes(struct scenario_run *run, struct client *c, const struct step *step);
void begin_receive_nothing(struct scenario_run *run, struct client *c, const struct step *step);
bool poll_receive_nothing(struct scenario_run *run, struct client *c, const struct step *step);
bool poll_is_disconnected(struct scenario_run *run, struct client *c, const struct step *step);
/* Appends what the step expects, if it does. */
void explain_expected(struct scenario_run *run, const struct step *step);

#endif
