/* The scenario: two people log in, befriend each other and chat; one of them is away and collects what was kept; a
 * device vanishes, the server restarts; both leave. Each step puts right first what a failure has undone (somebody who
 * was thrown out logs in again), so that the rest of it is met after any failure.
 *
 * What must hold is what a storm checks (docs/GUARANTEES.md): at the end power goes, the server starts again, everybody
 * comes back, and what was certain is there, once, in order; rosters of both sides agree. */
#include "tests/sim/faults/faults.h"

#include <string.h>

#define WAIT_MS    5000
#define TRIES_MAX  6
#define WORDS      10
#define ITERATIONS 4096 /* the fewest that a client takes */

/* By their numbers in storm.clients: each account has STORM_RESOURCES of them. */
enum { ROMEO, ROMEO_TABLET, JULIET = STORM_RESOURCES };
enum { ROMEOS_ACCOUNT, JULIETS_ACCOUNT };

static const struct storm_mood mood = { .power = true, .approves = true, .workers = 2, .steps_max = 1 };

static struct storm_client *client(struct faults *f, unsigned number)
{
	return &f->storm->clients[number];
}

static void check(struct faults *f)
{
	if (f->storm->has_failed && f->points.is_child)
		points_end(&f->points, f->storm->violation);
}

/* Until nothing happens any more. What has begun to fail goes on to for the first seconds. */
static void rest(struct faults *f)
{
	struct storm *st = f->storm;
	if (st->sim.runs && !st->sim.failed && !sim_advance(&st->sim, WAIT_MS))
		storm_violation(st, "the server does not come to rest");
	f->goes_on = false;
	/* Checks that hold only where nothing has gone wrong. */
	if (f->points.is_child)
		st->troubled = st->step;
	if (st->sim.runs && st->sim.failed)
		storm_die(st, SIM_WITHOUT_POWER);
	storm_still(st);
	check(f);
}

/* One thing towards it; false if nothing is left to do. */
static bool come(struct storm_client *c)
{
	if (client_is_ready(c) && c->priority != STORM_AWAY)
		return false;
	if (client_is_ready(c)) {
		client_ask_for_roster(c);
		client_appear(c, 0);
	} else if (!c->initiator) {
		client_connect(c);
	}
	return true;
}

static void be_there(struct faults *f, unsigned number)
{
	unsigned tries = 0;
	while (tries++ < TRIES_MAX && come(client(f, number)))
		rest(f);
	if (!client_is_ready(client(f, number)))
		storm_violation(f->storm, "client %u cannot log in any more", number);
	check(f);
}

/* Something that is kept for who is away, and a question behind it. */
static void tell(struct faults *f, unsigned number, unsigned to, unsigned count)
{
	struct storm_client *c = client(f, number);
	be_there(f, number);
	for (unsigned i = 0; i < count; i++)
		ledger_say(c, to, -1, SAID_CHAT, WORDS);
	ledger_ask(c, to);
	rest(f);
}

static void leave(struct faults *f, unsigned number)
{
	if (client_is_ready(client(f, number)))
		client_close(client(f, number));
	rest(f);
}

static void log_in(struct faults *f)
{
	be_there(f, ROMEO);
	be_there(f, JULIET);
}

static void befriend(struct faults *f)
{
	be_there(f, ROMEO);
	client_subscribe(client(f, ROMEO), "subscribe", JULIETS_ACCOUNT);
	rest(f);
	be_there(f, JULIET);
	rosters_set(client(f, JULIET), ROMEOS_ACCOUNT);
	client_subscribe(client(f, JULIET), "subscribe", ROMEOS_ACCOUNT);
	rest(f);
}

static void chat(struct faults *f)
{
	tell(f, ROMEO, JULIETS_ACCOUNT, 2);
	tell(f, JULIET, ROMEOS_ACCOUNT, 1);
	be_there(f, ROMEO_TABLET);
	tell(f, JULIET, ROMEOS_ACCOUNT, 1);
}

static void write_to_who_is_away(struct faults *f)
{
	leave(f, JULIET);
	tell(f, ROMEO, JULIETS_ACCOUNT, 3);
}

static void collect(struct faults *f)
{
	be_there(f, JULIET);
}

static void vanish(struct faults *f)
{
	struct storm_client *c = client(f, JULIET);
	if (c->initiator)
		client_cut(c, 500);
	rest(f);
	tell(f, ROMEO, JULIETS_ACCOUNT, 2);
}

static void restart(struct faults *f)
{
	struct storm *st = f->storm;
	bool stops = !st->sim.failed && sim_stop(&st->sim);
	if (!stops && !f->points.is_child)
		storm_violation(st, "the server does not come to its end");
	if (st->sim.runs)
		storm_die(st, SIM_WITHOUT_POWER);
	if (sim_start(&st->sim) != 0)
		disk_kill(&st->sim.disk);
	f->goes_on = false;
	storm_start(st);
	rest(f);
	tell(f, ROMEO, JULIETS_ACCOUNT, 1);
}

static void end_friendship(struct faults *f)
{
	be_there(f, JULIET);
	client_subscribe(client(f, JULIET), "unsubscribe", ROMEOS_ACCOUNT);
	rest(f);
	be_there(f, ROMEO);
	rosters_remove(client(f, ROMEO), JULIETS_ACCOUNT);
	rest(f);
}

static void part(struct faults *f)
{
	leave(f, ROMEO_TABLET);
	leave(f, ROMEO);
	leave(f, JULIET);
}

static const struct {
	const char *name;
	void (*run)(struct faults *f);
} steps[] = {
	{ "log in", log_in },
	{ "befriend", befriend },
	{ "chat", chat },
	{ "write to who is away", write_to_who_is_away },
	{ "collect", collect },
	{ "vanish", vanish },
	{ "restart", restart },
	{ "end the friendship", end_friendship },
	{ "part", part },
};

/* Nothing fails any more, but power goes, and everybody comes back. */
static void come_to_the_end(struct faults *f)
{
	struct storm *st = f->storm;
	f->points.is_over = true;
	st->troubled = st->step;
	if (st->sim.runs)
		storm_die(st, SIM_WITHOUT_POWER);
	storm_calm(st);
	if (!st->has_failed)
		storm_collect(st);
	if (f->points.is_child)
		points_end(&f->points, st->has_failed ? st->violation : NULL);
}

NORETURN void faults_end_without_memory(struct faults *f)
{
	struct storm *st = f->storm;
	f->goes_on = false;
	sim_abandon(&st->sim, f->points.way ? SIM_WITHOUT_POWER : SIM_KILLED);
	memset(st->sessions, 0, sizeof(st->sessions));
	for (unsigned i = 0; i < STORM_ACCOUNTS; i++)
		st->changed[i] = st->session_ended[i] = st->step;
	storm_start(st);
	come_to_the_end(f);
	__builtin_unreachable();
}

static enum disk_fault find_fault(void *ctx, bool is_read)
{
	static const enum disk_fault ways[] = { DISK_ERROR, DISK_ERROR_IN_PART, DISK_FULL };
	struct faults *f = ctx;
	enum point_kind kind = is_read ? POINT_reads : POINT_disk;
	unsigned way_count = is_read ? 1 : ARRAY_LEN(ways);
	if (f->points.kind != kind)
		return DISK_WELL;
	/* The second half of the ways: it goes on. */
	if (points_meet(&f->points, kind))
		f->goes_on = f->points.way >= way_count;
	else if (!f->goes_on)
		return DISK_WELL;
	return ways[f->points.way % way_count];
}

void faults_play(struct faults *f, const struct storm_options *given)
{
	struct storm_options o = *given;
	o.mood = &mood;
	o.iterations = ITERATIONS;
	o.wrap_net = faults_wrap_net;
	struct storm *st = storm_new(&o);
	st->clients[JULIET].config.mechanisms = SASL_BIT(SASL_SCRAM_SHA_256);
	st->sim.disk.find_fault = find_fault;
	st->sim.disk.fault_ctx = f;
	f->storm = st;
	for (size_t i = 0; i < ARRAY_LEN(steps) && !st->has_failed; i++) {
		f->step = steps[i].name;
		world_trace(&st->sim.world, f->step, 0, 0, STR(""));
		steps[i].run(f);
	}
	if (!st->has_failed)
		come_to_the_end(f);
	if (st->has_failed)
		printf("without any failure: %s\n", st->violation);
	f->points.failed += st->has_failed;
	f->storm = NULL;
	storm_free(st);
}
