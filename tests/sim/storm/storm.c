/* The storm itself: what happens is drawn, act by act; now and then all is healed and becomes calm, and what clients
 * know is checked; at the end everybody comes back once and collects what was kept. */
#include "tests/sim/storm/storm.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/storage/storage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MOST_STEPS         40
#define ACTS_BETWEEN_CALMS 25 /* on average */
#define CALM_MS            20000
#define SILENCE_MS         5000
#define REST_MS_MAX        3600000
#define FLOOD_LEAST        90
#define FLOOD_CHUNK_LEAST  1000
#define SLOW_WRITER        50
#define STARTS_MAX         20
#define DAYS_MAX           3
#define DAY_MS             UINT64_C(86400000)
/* All come from one address. Nobody is refused, but whoever floods is read at a rate. */
#define LISTENERS                                                                                                      \
	"hosts: [localhost]\nlisten:\n"                                                                                \
	"  - {kind: c2s, address: 127.0.0.1, port: 5222, tls: none}\n"                                                  \
	"  - {kind: c2s, address: 127.0.0.1, port: 5223, tls: direct}\n"                                                \
	"limits: { address_connections: 60000, address_unauthenticated: 1000, login_failures: 1000, subscriptions: 900,\n"  \
	"  read_rate: 200000, read_burst: 16KiB }\n"                                                                      \
	"token_lifetime: 6d\n"

void storm_violation(struct storm *st, const char *fmt, ...)
{
	va_list args;
	if (st->has_failed)
		return;
	st->has_failed = true;
	va_start(args, fmt);
	vsnprintf(st->violation, sizeof(st->violation), fmt, args);
	va_end(args);
	world_trace(&st->sim.world, "violation", 0, 0, str_from_c(st->violation));
}

/* Not twice in the arguments of one call: compilers differ in which they evaluate first. */
static uint64_t draw(struct storm *st, uint64_t bound)
{
	return world_below(&st->sim.world, bound);
}

/* Time. */

static bool step_clients(struct sim_actor *a)
{
	struct storm *st = CONTAINER_OF(a, struct storm, actor);
	bool works = false;
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		works |= client_step(&st->clients[i]);
	return operator_step(st) || works;
}

void storm_start(struct storm *st)
{
	struct disk *d = &st->sim.disk;
	for (unsigned i = 0; i < STARTS_MAX && !st->sim.runs; i++) {
		if (sim_start(&st->sim) == 0)
			break;
		/* Without power in the middle of its start; or there is no room even for that. */
		if (d->dead)
			disk_cut_power(d);
		else
			disk_kill(d);
		if (i > 0)
			storm_heal(st);
	}
	if (!st->sim.runs)
		storm_violation(st, "the server does not start any more: %s", st->sim.why);
	st->epoch++;
}

void storm_die(struct storm *st, enum sim_death how)
{
	st->troubled = st->step;
	if (how == SIM_KILLED)
		st->counts.kills++;
	else
		st->counts.power_cuts++;
	sim_die(&st->sim, how);
	for (unsigned i = 0; i < STORM_ACCOUNTS; i++)
		st->changed[i] = st->step;
}

void storm_heal(struct storm *st)
{
	struct disk *d = &st->sim.disk;
	d->room = UINT64_MAX;
	d->held = d->reads_fail = d->writes_fail = d->syncs_fail = false;
	d->dies_at = 0;
}

bool storm_is_well(const struct storm *st)
{
	const struct disk *d = &st->sim.disk;
	return st->sim.runs && !st->sim.failed && d->room == UINT64_MAX && !d->held && !d->reads_fail && !d->writes_fail &&
	       !d->syncs_fail && !storage_is_waiting(st->sim.storage);
}

/* The disk has lost power, or the storage has given up: the process is gone, and somebody starts it again. */
static void look_after(struct storm *st)
{
	if (st->sim.runs && st->sim.disk.dead)
		storm_die(st, SIM_WITHOUT_POWER);
	else if (st->sim.runs && st->sim.failed && draw(st, 4) == 0)
		storm_die(st, st->mood.power && draw(st, 2) ? SIM_WITHOUT_POWER : SIM_KILLED);
	if (!st->sim.runs) {
		if (draw(st, 2))
			storm_heal(st);
		storm_start(st);
	}
}

static void pass(struct storm *st, unsigned steps)
{
	struct world *w = &st->sim.world;
	for (unsigned i = 0; i < steps && !st->has_failed; i++) {
		bool works = sim_step(&st->sim);
		look_after(st);
		if (draw(st, 4) == 0)
			w->now_ms += draw(st, 5);
		uint64_t next = works ? UINT64_MAX : sim_next_ms(&st->sim);
		if (next != UINT64_MAX && next > w->now_ms && next - w->now_ms < 500)
			w->now_ms = next;
	}
}

/* Acts. Each takes what it needs from chance, and does nothing where it makes no sense. */

/* Any device that is in the wanted state; NULL if none is. */
static struct storm_client *any(struct storm *st, bool (*is_wanted)(const struct storm_client *c))
{
	unsigned first = (unsigned)draw(st, STORM_CLIENTS);
	for (unsigned i = 0; i < STORM_CLIENTS; i++) {
		struct storm_client *c = &st->clients[(first + i) % STORM_CLIENTS];
		if (is_wanted(c))
			return c;
	}
	return NULL;
}

static bool is_off(const struct storm_client *c)
{
	return !c->initiator;
}

static bool is_on(const struct storm_client *c)
{
	return c->initiator != NULL;
}

/* Mostly the same: then a message goes to several devices. */
static int a_priority(struct storm *st)
{
	return draw(st, 2) ? 0 : (int)draw(st, 5) - 1;
}

/* One account has more to do with all others than others have: then what concerns two of them coincides. */
static unsigned an_account(struct storm *st)
{
	return draw(st, 2) ? st->mood.favourite : (unsigned)draw(st, STORM_ACCOUNTS);
}

static void say(struct storm_client *c, unsigned to)
{
	static const enum said_type types[] = { SAID_CHAT, SAID_CHAT, SAID_CHAT, SAID_NORMAL, SAID_HEADLINE };
	struct storm *st = c->storm;
	for (uint64_t n = 1 + draw(st, 8); n; n--) {
		int resource = draw(st, 3) ? -1 : (int)draw(st, STORM_RESOURCES);
		enum said_type type = types[draw(st, ARRAY_LEN(types))];
		/* Mostly short, so that streams and queues fill now and then only. */
		unsigned bytes = (unsigned)draw(st, draw(st, 5) ? 20 : LEDGER_PADDING_MAX);
		ledger_say(c, to, resource, type, bytes);
	}
	if (draw(st, 4))
		ledger_ask(c, to);
}

static bool is_unseen(const struct storm_client *c)
{
	return client_is_ready(c) && c->priority == STORM_AWAY;
}

static bool takes_messages(const struct storm_client *c)
{
	return client_is_ready(c) && c->priority >= 0;
}

static void act_connect(struct storm *st)
{
	struct storm_client *c = any(st, is_off);
	if (c)
		client_connect(c);
}

/* Somebody writes to it while it comes, mostly who has written to it last: this meets what waits there. */
static void act_appear(struct storm *st)
{
	struct storm_client *c = any(st, draw(st, 2) ? is_unseen : client_is_ready);
	if (!c)
		return;
	struct storm_client *writer = ledger_last_writer(st, c->account);
	if (!writer)
		writer = any(st, client_is_ready);
	if (draw(st, 2))
		writer = NULL;
	bool is_first = draw(st, 2);
	if (writer && is_first)
		say(writer, c->account);
	if (!c->has_roster && draw(st, 4))
		client_ask_for_roster(c);
	client_appear(c, draw(st, 6) ? a_priority(st) : STORM_AWAY);
	if (writer && !is_first)
		say(writer, c->account);
}

static void act_say(struct storm *st)
{
	struct storm_client *c = any(st, client_is_ready);
	if (c)
		say(c, an_account(st));
}

/* A device stops reading while its account is sent more than fits between server and device: some of it waits in the
 * session, and is left over when that ends. The other devices get all of it. */
static void act_flood(struct storm *st)
{
	struct storm_client *from = any(st, client_is_ready), *to = any(st, takes_messages);
	/* A few bytes at a time it would take ages. */
	if (!from || !to || from == to || (st->sim.network.chunk && st->sim.network.chunk < FLOOD_CHUNK_LEAST))
		return;
	for (unsigned i = to->account * STORM_RESOURCES; i < (to->account + 1) * STORM_RESOURCES; i++)
		if (client_is_ready(&st->clients[i]) && i != to->number)
			client_appear(&st->clients[i], to->priority);
	to->silent = true;
	for (uint64_t n = FLOOD_LEAST + draw(st, FLOOD_LEAST); n; n--)
		ledger_say(from, to->account, -1, SAID_CHAT, LEDGER_PADDING_MAX);
}

static void act_write_roster(struct storm *st)
{
	struct storm_client *c = any(st, client_is_ready);
	unsigned contact = an_account(st);
	if (!c || contact == c->account)
		return;
	if (draw(st, 5))
		rosters_set(c, contact);
	else
		rosters_remove(c, contact);
}

/* Mostly one that waits for an answer, if one does. */
static unsigned a_contact(struct storm *st, const struct storm_client *c)
{
	unsigned contact = an_account(st);
	for (unsigned i = 0; i < STORM_ACCOUNTS && draw(st, 8); i++)
		if (c->asked_by[(contact + i) % STORM_ACCOUNTS])
			return (contact + i) % STORM_ACCOUNTS;
	return contact;
}

static void act_subscribe(struct storm *st)
{
	static const char *const types[] = { "subscribe", "subscribe", "subscribed", "subscribed", "subscribed",
		"unsubscribe", "unsubscribed" };
	struct storm_client *c = any(st, client_is_ready);
	if (!c)
		return;
	unsigned contact = a_contact(st, c);
	if (contact == c->account)
		return;
	for (uint64_t n = 1 + draw(st, 3); n; n--)
		client_subscribe(c, types[draw(st, ARRAY_LEN(types))], contact);
}

static bool is_newer_and_off(const struct storm_client *c)
{
	return !c->initiator && c->is_newer;
}

/* Mostly by a token, then. */
static void act_come_back(struct storm *st)
{
	struct storm_client *c = any(st, draw(st, 2) ? is_newer_and_off : client_is_ready);
	if (!c)
		return;
	if (client_is_ready(c))
		client_connect_again(c);
	else
		client_connect(c);
}

static bool has_token(const struct storm_client *c)
{
	return tokens_any(c);
}

static bool is_newer_and_on(const struct storm_client *c)
{
	return c->is_newer && client_is_ready(c);
}

static void act_ask_operator(struct storm *st)
{
	static const enum operator_command commands[] = { OPERATOR_REVOKES_ONE, OPERATOR_REVOKES_ONE, OPERATOR_REVOKES_ALL,
		OPERATOR_SETS_PASSWORD, OPERATOR_SETS_PASSWORD };
	const struct storm_client *c = any(st, draw(st, 2) ? has_token : is_newer_and_on);
	if (c)
		operator_asks(st, commands[draw(st, ARRAY_LEN(commands))], c);
}

static void act_close(struct storm *st)
{
	struct storm_client *c = any(st, client_is_ready);
	if (c)
		client_close(c);
}

static void act_cut(struct storm *st)
{
	struct storm_client *c = any(st, is_on);
	if (c)
		client_cut(c, (unsigned)draw(st, 1000));
}

static void act_fall_silent(struct storm *st)
{
	struct storm_client *c = any(st, is_on);
	if (c)
		c->silent = !c->silent;
}

static void act_kill(struct storm *st)
{
	storm_die(st, SIM_KILLED);
}

static void act_cut_power(struct storm *st)
{
	if (!st->mood.power)
		return;
	if (draw(st, 4))
		st->sim.disk.dies_at = st->sim.disk.touches + 1 + draw(st, draw(st, 2) ? 40 : 4);
	else
		storm_die(st, SIM_WITHOUT_POWER);
}

static void act_trouble_disk(struct storm *st)
{
	struct disk *d = &st->sim.disk;
	st->troubled = st->step;
	st->counts.disk_troubles++;
	switch (draw(st, 8)) {
	case 0: d->syncs_fail = true; break;
	case 1: d->writes_fail = true; break;
	case 2: d->reads_fail = true; break;
	case 3:
	case 4: d->held = true; break;
	default: d->room = d->used + draw(st, 20000); break;
	}
}

static void act_heal(struct storm *st)
{
	st->troubled = st->step;
	storm_heal(st);
}

static void act_restart(struct storm *st)
{
	if (st->sim.failed)
		return;
	st->counts.restarts++;
	st->troubled = st->step;
	if (!sim_stop(&st->sim))
		st->counts.kills++;
	/* What was to be told at the end is on its way. */
	for (unsigned i = 0; i < STORM_ACCOUNTS; i++)
		st->changed[i] = st->step;
}

/* docs/GUARANTEES.md, F18: the wall clock may step; nothing may depend on it. */
static void act_step_clock(struct storm *st)
{
	static const int64_t by_ms[] = { 3600000, -3600000, 86400000, -86400000 };
	st->sim.world.wall_offset_ms += by_ms[draw(st, ARRAY_LEN(by_ms))];
	st->clock_steps++;
}

/* Tokens grow old. */
static void act_let_days_pass(struct storm *st)
{
	st->sim.world.wall_offset_ms += (int64_t)draw(st, DAYS_MAX * DAY_MS);
	st->clock_steps++;
}

static void act_pause(struct storm *st)
{
	st->sim.world.now_ms += draw(st, 5000);
}

static const struct {
	void (*run)(struct storm *st);
	unsigned weight; /* at most */
} acts[] = {
	{ act_connect, 30 },
	{ act_appear, 30 },
	{ act_say, 60 },
	{ act_write_roster, 30 },
	{ act_subscribe, 30 },
	{ act_close, 8 },
	{ act_cut, 8 },
	{ act_fall_silent, 8 },
	{ act_kill, 6 },
	{ act_cut_power, 8 },
	{ act_trouble_disk, 4 },
	{ act_heal, 8 },
	{ act_restart, 2 },
	{ act_step_clock, 2 },
	{ act_pause, 10 },
	{ act_flood, 3 },
	{ act_come_back, 60 },
	{ act_ask_operator, 8 },
	{ act_let_days_pass, 8 },
};

_Static_assert(ARRAY_LEN(acts) <= STORM_ACTS_MAX, "see struct storm_mood");

static void act(struct storm *st)
{
	unsigned sum = 0;
	if (!st->sim.runs)
		storm_start(st);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		sum += st->mood.weights[i];
	uint64_t drawn = draw(st, sum);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (drawn < st->mood.weights[i]) {
			world_trace(&st->sim.world, "act", i, 0, STR(""));
			acts[i].run(st);
			return;
		}
		drawn -= st->mood.weights[i];
	}
}

/* Calm. */

static bool is_quiet(struct storm *st)
{
	return !st->sim.failed && storage_uncommitted_units(st->sim.storage) == 0;
}

/* For a while nothing was asked for, and on slow networks nothing is on its way any more. */
static bool is_calm(const struct storm *st, uint64_t since)
{
	uint64_t now = st->sim.world.now_ms;
	return now - since >= CALM_MS && now - st->heard_ms >= SILENCE_MS;
}

void storm_still(struct storm *st)
{
	storm_heal(st);
	if (st->sim.runs && st->sim.disk.dead)
		storm_die(st, SIM_WITHOUT_POWER);
	else if (st->sim.runs && st->sim.failed)
		storm_die(st, SIM_KILLED);
	if (!st->sim.runs)
		storm_start(st);
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		st->clients[i].silent = false;
	uint64_t since = st->sim.world.now_ms;
	while (!is_calm(st, since) && !st->has_failed) {
		if (!sim_advance(&st->sim, 1000) || st->sim.world.now_ms - since > REST_MS_MAX)
			storm_violation(st, "the server does not come to rest");
	}
	if (!st->has_failed && !is_quiet(st))
		storm_violation(st, "something stays uncommitted%s%s", st->sim.failed ? ": " : "",
			st->sim.failed ? st->sim.why : "");
}

static void check_answers(struct storm *st)
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		if (st->clients[i].bound && st->clients[i].unanswered)
			storm_violation(st, "client %u waits for %u answers", i, st->clients[i].unanswered);
}

void storm_calm(struct storm *st)
{
	st->counts.calms++;
	storm_still(st);
	check_answers(st);
	ledger_check(st);
	rosters_check(st);
	presences_check(st);
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		client_check(&st->clients[i]);
	operator_check(st);
	st->calm = st->step++;
}

/* The end. */

static int64_t number(struct storm *st, const struct statement *count)
{
	struct query *q = query_new(count, NULL, 0, 1);
	assert_always(storage_query_now(st->sim.storage, q) == 0 && q->rows == 1);
	int64_t n = query_row(q, 0)[0].i;
	query_free(&q);
	return n;
}

static void write_rows(FILE *to, const struct query *q)
{
	for (size_t r = 0; r < q->rows; r++) {
		for (size_t c = 0; c < q->columns; c++) {
			const struct value *v = &query_row(q, r)[c];
			if (v->kind == VALUE_INT)
				fprintf(to, " %lld", (long long)v->i);
			else
				fprintf(to, " " STR_FMT, STR_ARG(v->s));
		}
		fputc('\n', to);
	}
}

/* For people who look for the cause: what the database has at the end. */
static void write_tables(struct storm *st, FILE *to)
{
	static const struct statement tables[] = {
		{ "SELECT 'roster', owner, jid, name, state, listed, request FROM roster", NULL },
		{ "SELECT 'outbox', owner, n, target, payload FROM outbox", NULL },
		{ "SELECT 'seen', owner, origin, n FROM seen", NULL },
		{ "SELECT 'log', owner, n, peer, stanza FROM log", NULL },
	};
	for (size_t i = 0; st->sim.runs && !st->sim.failed && i < ARRAY_LEN(tables); i++) {
		struct query *q = query_new(&tables[i], NULL, 0, 10000);
		if (storage_query_now(st->sim.storage, q) == 0)
			write_rows(to, q);
		query_free(&q);
	}
}

/* Everybody has collected everything: nothing is left in the database that should have gone. */
static void check_remains(struct storm *st)
{
	static const struct statement log = { "SELECT count(*) FROM log", NULL },
				      outbox = { "SELECT count(*) FROM outbox", NULL };
	int64_t rows = number(st, &log), entries = number(st, &outbox);
	if (rows || entries)
		storm_violation(st, "%lld messages and %lld entries of outboxes are left", (long long)rows,
			(long long)entries);
}

static void everybody(struct storm *st, void (*does)(struct storm_client *c), bool (*if_it)(const struct storm_client *c))
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		if (if_it(&st->clients[i]))
			does(&st->clients[i]);
	storm_still(st);
}

static bool is_first(const struct storm_client *c)
{
	return c->resource == 0;
}

static void appear(struct storm_client *c)
{
	client_ask_for_roster(c);
	client_appear(c, 0);
}

void storm_collect(struct storm *st)
{
	st->is_ending = true;
	everybody(st, client_close, client_is_ready);
	everybody(st, client_connect, is_first);
	for (unsigned i = 0; i < STORM_CLIENTS && !st->has_failed; i++)
		if (is_first(&st->clients[i]) != client_is_ready(&st->clients[i]))
			storm_violation(st, "client %u is %slogged in", i, is_first(&st->clients[i]) ? "not " : "");
	if (!st->has_failed)
		everybody(st, appear, is_first);
	if (st->has_failed)
		return;
	check_answers(st);
	ledger_check(st);
	ledger_check_end(st);
	rosters_check_end(st);
	presences_check(st);
	check_remains(st);
}

/* The beginning. */

static void draw_mood(struct world *w, struct storm_mood *m)
{
	static const unsigned newer[] = { 0, 250, 500, 1000 };
	m->power = world_chance(w, 750);
	m->encoded = world_chance(w, 250);
	m->approves = world_chance(w, 500);
	m->insists = world_chance(w, 500);
	m->favourite = (unsigned)world_below(w, STORM_ACCOUNTS);
	m->workers = 1 + (unsigned)world_below(w, 4);
	m->steps_max = 1 + (unsigned)world_below(w, MOST_STEPS);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		m->weights[i] = world_chance(w, 150) ? 0 : 1 + (unsigned)world_below(w, acts[i].weight);
	m->newer = newer[world_below(w, ARRAY_LEN(newer))];
	/* Without these nothing happens at all. */
	m->weights[0] += 10;
	m->weights[1] += 10;
	m->weights[2] += 10;
}

/* Slow networks, small buffers, parts that lag behind. */
static void draw_conditions(struct storm *st)
{
	static const unsigned latencies[] = { 0, 0, 3, 50, 400 }, paces[] = { 1000, 1000, 1000, 300, 60 };
	static const size_t chunks[] = { 0, 0, 1000, 40, 3 }, capacities[] = { 65536, 65536, 8000, 1500 };
	struct network *n = &st->sim.network;
	n->latency_ms = latencies[draw(st, ARRAY_LEN(latencies))];
	n->chunk = chunks[draw(st, ARRAY_LEN(chunks))];
	n->capacity = capacities[draw(st, ARRAY_LEN(capacities))];
	for (unsigned i = 0; i < SIM_PARTS_MAX; i++)
		st->sim.pace[i] = paces[draw(st, ARRAY_LEN(paces))];
	/* Much is uncommitted, then. */
	if (draw(st, 2))
		st->sim.pace[SIM_WRITER] = SLOW_WRITER;
}

static void write_log(void *ctx, enum log_level level, struct str line)
{
	fprintf(ctx, "%s " STR_FMT "\n", log_level_name(level), STR_ARG(line));
}

static void write_nothing(void *ctx, enum log_level level, struct str line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void make_people(struct storm *st, const struct storm_options *o)
{
	const char *why;
	st->arena = arena_new(1024, 1u << 20);
	sim_credentials(&st->credentials, STR("secret"), o->iterations ? o->iterations : 1);
	for (unsigned i = 0; i < STORM_ACCOUNTS; i++) {
		struct str jid = arena_printf(st->arena, "u%u@localhost", i);
		assert_always(jid_parse(st->arena, jid, &st->accounts[i], &why) == 0);
		sim_account(&st->sim, st->accounts[i], &st->credentials);
	}
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		client_init(st, i);
	operator_init(st);
	st->actor.step = step_clients;
	sim_add_actor(&st->sim, &st->actor);
	st->sim.on_step = observer_on_step;
}

struct storm *storm_new(const struct storm_options *o)
{
	struct storm *st = mem_zalloc(sizeof(*st));
	struct world moods;
	world_init(&moods, o->seed);
	draw_mood(&moods, &st->mood);
	if (o->mood)
		st->mood = *o->mood;
	st->step = 1; /* after the calm at 0 */
	st->sink = (struct log_sink){ o->log ? write_log : write_nothing, o->log,
		o->log ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR };
	struct sim_options sim = {
		.seed = o->seed,
		.yaml = st->mood.power ? LISTENERS "durability: power\n" : LISTENERS "durability: process\n",
		.workers = st->mood.workers,
		.encoded = st->mood.encoded,
		.pretends_tls = true,
		.modules = observer_modules(st),
		.sink = &st->sink,
		.wrap_net = o->wrap_net,
	};
	assert_always(sim_init(&st->sim, &sim) == 0);
	st->sim.world.print = o->trace;
	ledger_init(&st->ledger);
	rosters_init(&st->rosters);
	storm_start(st);
	make_people(st, o);
	if (!o->mood)
		draw_conditions(st);
	return st;
}

void storm_free(struct storm *st)
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		client_fini(&st->clients[i]);
	operator_fini(st);
	sim_remove_actor(&st->actor);
	sim_fini(&st->sim);
	ledger_fini(&st->ledger);
	rosters_fini(&st->rosters);
	arena_free(&st->arena);
	mem_free(st);
}

void storm_run(const struct storm_options *o, struct storm_result *r_r)
{
	struct storm *st = storm_new(o);
	for (unsigned i = 1; i <= o->acts && !st->has_failed; i++) {
		act(st);
		pass(st, (unsigned)draw(st, st->mood.steps_max));
		if (!st->has_failed && draw(st, ACTS_BETWEEN_CALMS) == 0)
			storm_calm(st);
	}
	if (!st->has_failed)
		storm_calm(st);
	if (!st->has_failed)
		storm_collect(st);
	*r_r = (struct storm_result){ .counts = st->counts, .mood = st->mood, .trace = st->sim.world.trace,
		.has_failed = st->has_failed };
	memcpy(r_r->violation, st->violation, sizeof(r_r->violation));
	if (o->log)
		write_tables(st, o->log);
	storm_free(st);
}
