/* The life of a run: which step it is, how long it may take, and how it ends. */
#include "cmd/scenario/run.h"

#include "cmd/scenario/failure.h"
#include "cmd/scenario/run_private.h"
#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_BYTES_MAX (1u << 20)
/* A server may need longer to come back than to answer. */
#define SERVER_ACT_MS 60000

static struct conn_limits limits(void)
{
	struct conn_limits l = conn_limits_default;
	l.connections = 2 * SCENARIO_CLIENTS_MAX;
	l.output_max = CLIENT_OUTPUT_MAX;
	l.close_ms = SCENARIO_STEP_MS;
	return l;
}

/* The end. */

static const struct step *present_step(const struct scenario_run *run)
{
	return &run->scenario->steps[run->at];
}

bool run_fail(struct scenario_run *run, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	failure_begin(&run->text, run->scenario, present_step(run), fmt, args);
	va_end(args);
	run->is_finished = true;
	run->outcome = SCENARIO_FAILED;
	return false;
}

void run_skip(struct scenario_run *run, const char *fmt, ...)
{
	char text[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_add(&run->text, str_from_c(text));
	run->is_finished = true;
	run->outcome = SCENARIO_SKIPPED;
}

static void finish(struct scenario_run *run)
{
	run->ended_ms = loop_now_ms(run->host->loop);
	loop_clear_timer(run->host->loop, run->timer_kind, run->timer);
	if (run->outcome == SCENARIO_FAILED)
		failure_unread(&run->text, run->clients, run->scenario->client_count);
}

/* What the host cannot do is known before anything happens. */

static const char *tls_name(const struct scenario_run *run, const struct connect_how *how)
{
	static const char *const names[] = {
		[INITIATOR_TLS_STARTTLS] = "STARTTLS",
		[INITIATOR_TLS_DIRECT] = "direct TLS",
		[INITIATOR_TLS_NONE] = "no TLS",
	};
	return names[how->has_tls ? how->tls : run->host->tls];
}

static bool needs_tls(const struct scenario_run *run, const struct step *step)
{
	if (step->kind == STEP_START_TLS)
		return true;
	if (!step->how || (!step->how->jid && !step->how->has_tls))
		return false;
	return (step->how->has_tls ? step->how->tls : run->host->tls) != INITIATOR_TLS_NONE;
}

static bool needs_sasl2(const struct step *step)
{
	return step->how && step->how->jid && step->how->sasl2 == INITIATOR_SASL2_REQUIRED;
}

static bool is_possible(struct scenario_run *run, const struct step *step)
{
	const struct scenario_host *host = run->host;
	if (step->how && client_server(host, step->how)->family == NET_NONE)
		run_skip(
			run, "line %u: no address of the server is known for %s", step->line, tls_name(run, step->how));
	else if (needs_tls(run, step) && !host->tls_context)
		run_skip(run, "line %u: there is no TLS here", step->line);
	else if (needs_sasl2(step) && !needs_tls(run, step))
		run_skip(run, "line %u: without TLS there is no SASL2", step->line);
	else if (step->kind == STEP_SERVER && !host->act)
		run_skip(run, "line %u: nothing is known to %s the server", step->line, server_act_name(step->act));
	return !run->is_finished;
}

/* Steps. */

static void begin(struct scenario_run *run, const struct step *step)
{
	unsigned ms = run->host->step_ms;
	if (step->kind == STEP_SERVER && ms < SERVER_ACT_MS)
		ms = SERVER_ACT_MS;
	run->has_begun = true;
	run->timed_out = false;
	loop_set_timer(run->host->loop, run->timer_kind, run->timer, loop_now_ms(run->host->loop) + ms);
	if (step_ops[step->kind].begin)
		step_ops[step->kind].begin(run, &run->clients[step->client], step);
}

/* False: it has to wait, or the scenario is over. */
static bool do_step(struct scenario_run *run, const struct step *step)
{
	if (!run->has_begun)
		begin(run, step);
	if (run->is_finished)
		return false;
	if (step_ops[step->kind].poll(run, &run->clients[step->client], step))
		return true;
	if (!run->is_finished && run->timed_out) {
		run_fail(run, "this did not happen in time");
		explain_expected(run, step);
	}
	return false;
}

static void on_turn(void *ctx)
{
	struct scenario_run *run = ctx;
	if (run->is_finished)
		return;
	while (run->at < run->scenario->step_count && do_step(run, present_step(run))) {
		run->at++;
		run->has_begun = false;
	}
	if (run->at == run->scenario->step_count)
		run->is_finished = true;
	if (run->is_finished)
		finish(run);
}

static void on_timer(void *ctx, slab_handle h)
{
	struct scenario_run *run = ctx;
	(void)h;
	run->timed_out = true;
}

/* Life. */

static void add_timer(struct scenario_run *run)
{
	void *object;
	slab_init(&run->timers, sizeof(struct run_timer), 1);
	run->timer_kind = loop_add_kind(run->host->loop, &(struct loop_kind){
								 .slab = &run->timers,
								 .timer_offset = offsetof(struct run_timer, node),
								 .on_timer = on_timer,
								 .ctx = run,
							 });
	run->timer = slab_alloc(&run->timers, &object);
}

struct scenario_run *scenario_run_new(const struct scenario *s, const struct scenario_host *host)
{
	struct scenario_run *run = mem_zalloc(sizeof(*run));
	struct conn_limits l = limits();
	run->scenario = s;
	run->host = host;
	run->site = (struct client_site){ host, conns_new(host->loop, &l) };
	run->clients = mem_zalloc_array(s->client_count, sizeof(*run->clients));
	for (size_t i = 0; i < s->client_count; i++)
		client_init(&run->clients[i], &run->site, &s->clients[i], (unsigned)i);
	run->arena = arena_new(1024, SIZE_MAX / 2);
	variables_init(&run->variables);
	buf_init(&run->text, TEXT_BYTES_MAX);
	run->started_ms = run->ended_ms = loop_now_ms(host->loop);
	add_timer(run);
	run->hook = (struct loop_hook){ .run = on_turn, .ctx = run };
	loop_add_hook(host->loop, LOOP_END, &run->hook);
	for (size_t i = 0; i < s->step_count && is_possible(run, &s->steps[i]); i++) {
	}
	loop_need(host->loop, LOOP_END);
	return run;
}

void scenario_run_free(struct scenario_run **pointer)
{
	struct scenario_run *run = *pointer;
	*pointer = NULL;
	if (!run)
		return;
	loop_remove_hook(&run->hook);
	loop_clear_timer(run->host->loop, run->timer_kind, run->timer);
	loop_remove_kind(run->host->loop, run->timer_kind);
	slab_free(&run->timers, run->timer);
	slab_fini(&run->timers);
	for (size_t i = 0; i < run->scenario->client_count; i++)
		client_fini(&run->clients[i]);
	mem_free(run->clients);
	conns_free(&run->site.conns);
	variables_fini(&run->variables);
	arena_free(&run->arena);
	buf_fini(&run->text);
	mem_free(run);
}

bool scenario_run_is_finished(const struct scenario_run *run)
{
	return run->is_finished;
}

struct scenario_result scenario_run_result(const struct scenario_run *run)
{
	return (struct scenario_result){ run->outcome, buf_str(&run->text), run->ended_ms - run->started_ms };
}

void scenario_run_server_done(struct scenario_run *run, const char *error)
{
	run->server_is_busy = false;
	run->server_error = error;
	loop_need(run->host->loop, LOOP_END);
}

void scenario_run_settled(struct scenario_run *run)
{
	run->settled = true;
	loop_need(run->host->loop, LOOP_END);
}
