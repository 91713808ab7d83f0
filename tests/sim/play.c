/* The clients of a scenario are an actor of the simulation, with a loop of their own. What they want of their host is
 * noted within a step, and done between two of them, when nothing moves any more. */
#include "tests/sim/play.h"

#include "lib/base/mem.h"
#include "tests/sim/sim.h"

#include <stdarg.h>

#define PLAY_MS_MAX    600000 /* virtual */
#define STEP_MS        30000
#define ITERATIONS     4096
#define PLAIN_SEED     1
#define LATENCY_MS_MAX 50
#define LOG_BYTES_MAX  (1u << 20)

/* By enum initiator_tls. */
#define LISTENERS                                                                                                      \
	"hosts: [" PLAY_HOST "]\n"                                                                                     \
	"listen:\n"                                                                                                    \
	"  - { kind: c2s, address: 127.0.0.1, port: 5222, tls: starttls }\n"                                           \
	"  - { kind: c2s, address: 127.0.0.1, port: 5223, tls: direct }\n"                                             \
	"  - { kind: c2s, address: 127.0.0.1, port: 5224, tls: none }\n"                                               \
	"limits: { rate: off }\n"

struct stage {
	const struct scenario *scenario;
	struct sim sim;
	struct sim_net sim_net;
	struct net net;
	struct loop *loop;
	struct sim_actor actor;
	struct scenario_host host;
	struct scenario_run *run;
	enum sim_death death;
	uint64_t until_ms;
	bool acts, settles; /* the run waits for this */
	enum server_act act;
	bool has_failed; /* for a reason that the run knows nothing of */
	struct buf *text;
	struct log_sink sink;
	struct buf log;
};

/* Always false. */
static bool fail(struct stage *st, const char *fmt, ...) PRINTF_LIKE(2, 3);

static bool fail(struct stage *st, const char *fmt, ...)
{
	char why[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	buf_printf(st->text, STR_FMT ": %s\n", STR_ARG(st->scenario->file), why);
	st->has_failed = true;
	return false;
}

/* The clients. */

static bool step_clients(struct sim_actor *a)
{
	struct stage *st = CONTAINER_OF(a, struct stage, actor);
	const struct network *n = &st->sim.network;
	unsigned calls = n->reads + n->writes + n->watches;
	bool works = st->sim_net.woken || loop_next_ms(st->loop) <= st->sim.world.now_ms;
	loop_turn(st->loop, 0);
	return works || calls != n->reads + n->writes + n->watches;
}

static uint64_t clients_next_ms(const struct sim_actor *a)
{
	return loop_next_ms(CONTAINER_OF(a, struct stage, actor)->loop);
}

static bool on_act(void *ctx, enum server_act act)
{
	struct stage *st = ctx;
	st->act = act;
	st->acts = true;
	return true;
}

static void on_settle(void *ctx)
{
	struct stage *st = ctx;
	st->settles = true;
}

/* The server. */

static const char *start(struct stage *st)
{
	if (st->sim.runs)
		return "the server runs already";
	return sim_start(&st->sim) == 0 ? NULL : st->sim.why;
}

static const char *stop(struct stage *st)
{
	return sim_stop(&st->sim) ? NULL : "the server did not come to its end";
}

/* NULL, or what went wrong. */
static const char *do_act(struct stage *st)
{
	if (st->act == SERVER_START)
		return start(st);
	if (!st->sim.runs)
		return "the server does not run";
	if (st->act == SERVER_KILL) {
		sim_die(&st->sim, st->death);
		return NULL;
	}
	const char *error = stop(st);
	return error || st->act == SERVER_STOP ? error : start(st);
}

static void act(struct stage *st)
{
	st->acts = false;
	scenario_run_server_done(st->run, do_act(st));
}

/* Time. */

/* When something happens that has begun already; UINT64_MAX: nothing has. */
static uint64_t moving_ms(const struct stage *st)
{
	if (st->sim.runs && storage_uncommitted_units(st->sim.storage))
		return sim_next_ms(&st->sim);
	return network_next_ms(&st->sim.network);
}

static bool pass_time(struct stage *st, uint64_t at_ms)
{
	struct world *w = &st->sim.world;
	if (at_ms > st->until_ms)
		return fail(st, "this does not end: nothing happens any more, or too much time has passed");
	if (at_ms > w->now_ms)
		w->now_ms = at_ms;
	return true;
}

/* False once it is over. */
static bool go_on(struct stage *st)
{
	if (!sim_run(&st->sim))
		return fail(st, "this does not come to rest");
	if (scenario_run_is_finished(st->run))
		return false;
	if (st->sim.failed)
		return fail(st, "the storage has failed: %s", st->sim.why);
	uint64_t moving = moving_ms(st);
	if (moving != UINT64_MAX)
		return pass_time(st, moving);
	if (st->acts) {
		act(st);
	} else if (st->settles) {
		st->settles = false;
		scenario_run_settled(st->run);
	} else {
		return pass_time(st, sim_next_ms(&st->sim));
	}
	return true;
}

/* The beginning. */

static void write_log(void *ctx, enum log_level level, struct str line)
{
	struct stage *st = ctx;
	buf_printf(&st->log, "    %s " STR_FMT "\n", log_level_name(level), STR_ARG(line));
}

/* What comes behind <starttls/> is dropped if it comes with it; later it would be the handshake. */
static bool starts_tls(const struct scenario *s)
{
	for (size_t i = 0; i < s->step_count; i++)
		if (s->steps[i].kind == STEP_START_TLS)
			return true;
	return false;
}

static void draw_conditions(struct stage *st, uint64_t seed)
{
	static const size_t chunks[] = { 0, 0, 1500, 300, 100 };
	static const unsigned paces[] = { 1000, 1000, 300, 60 };
	struct world *w = &st->sim.world;
	if (seed == PLAIN_SEED)
		return;
	st->sim.network.latency_ms = (unsigned)world_below(w, LATENCY_MS_MAX + 1);
	st->sim.network.chunk = chunks[world_below(w, ARRAY_LEN(chunks))];
	if (starts_tls(st->scenario))
		st->sim.network.chunk = 0;
	for (size_t i = 0; i < SIM_PARTS_MAX; i++)
		st->sim.pace[i] = paces[world_below(w, ARRAY_LEN(paces))];
}

static void make_accounts(struct stage *st)
{
	for (size_t i = 0; i < st->scenario->account_count; i++) {
		const struct jid *jid = st->scenario->accounts[i];
		struct sasl_credentials c;
		sim_credentials(&c, jid_local(jid), ITERATIONS);
		sim_account(&st->sim, jid, &c);
	}
}

static void make_host(struct stage *st, const struct contexts *tls)
{
	st->net = sim_net_init(&st->sim_net, &st->sim.network, SIM_CLIENTS);
	st->sim_net.never_sleeps = true;
	st->loop = loop_new(&st->net, &st->sim.world.clock);
	st->actor = (struct sim_actor){ .step = step_clients, .next_ms = clients_next_ms };
	st->host = (struct scenario_host){
		.loop = st->loop,
		.random = &st->sim.world.random,
		.tls = tls ? INITIATOR_TLS_STARTTLS : INITIATOR_TLS_NONE,
		.tls_context = tls ? tls->client : NULL,
		.step_ms = STEP_MS,
		.act = on_act,
		.settle = on_settle,
		.ctx = st,
	};
	for (size_t i = tls ? INITIATOR_TLS_STARTTLS : INITIATOR_TLS_NONE; i <= INITIATOR_TLS_NONE; i++)
		st->host.servers[i] = sim_address(&st->sim, i);
}

/* False: the server does not start. */
static bool set_up(struct stage *st, const struct play_options *o)
{
	bool dies_by_power = o->seed % 2 == 1;
	struct sim_options sim = {
		.seed = o->seed,
		.yaml = dies_by_power ? LISTENERS "durability: power\n" : LISTENERS "durability: process\n",
		.workers = o->workers,
		.encoded = o->encoded,
		.tls = o->tls ? o->tls->server : NULL,
		.sink = &st->sink,
	};
	st->death = dies_by_power ? SIM_WITHOUT_POWER : SIM_KILLED;
	buf_init(&st->log, LOG_BYTES_MAX);
	st->sink = (struct log_sink){ write_log, st, LOG_LEVEL_INFO };
	if (sim_init(&st->sim, &sim) != 0)
		return fail(st, "%s", st->sim.why);
	st->sim.world.print = o->steps;
	if (sim_start(&st->sim) != 0)
		return fail(st, "%s", st->sim.why);
	make_accounts(st);
	make_host(st, o->tls);
	draw_conditions(st, o->seed);
	return true;
}

/* The run, and the end. */

static enum scenario_outcome finish(struct stage *st)
{
	struct scenario_result r = scenario_run_result(st->run);
	if (!st->has_failed)
		buf_add(st->text, r.text);
	return st->has_failed ? SCENARIO_FAILED : r.outcome;
}

static enum scenario_outcome run(struct stage *st)
{
	sim_add_actor(&st->sim, &st->actor);
	st->run = scenario_run_new(st->scenario, &st->host);
	st->until_ms = st->sim.world.now_ms + PLAY_MS_MAX;
	while (go_on(st))
		;
	enum scenario_outcome outcome = finish(st);
	sim_remove_actor(&st->actor);
	scenario_run_free(&st->run);
	return outcome;
}

/* As an operator would end it. */
static bool ends_well(struct stage *st)
{
	const char *error = st->sim.runs ? stop(st) : NULL;
	return error ? fail(st, "%s", error) : true;
}

struct play_result play(const struct scenario *s, const struct play_options *o, struct buf *text)
{
	struct play_result result = { .outcome = SCENARIO_FAILED };
	struct stage *st = mem_zalloc(sizeof(*st));
	st->scenario = s;
	st->text = text;
	if (set_up(st, o))
		result.outcome = run(st);
	if (result.outcome == SCENARIO_PASSED && !ends_well(st))
		result.outcome = SCENARIO_FAILED;
	result.trace = st->sim.world.trace;
	if (result.outcome == SCENARIO_FAILED && buf_len(&st->log))
		buf_printf(text, "  the server's log\n" STR_FMT, STR_ARG(buf_str(&st->log)));
	loop_free(&st->loop);
	sim_fini(&st->sim);
	buf_fini(&st->log);
	mem_free(st);
	return result;
}
