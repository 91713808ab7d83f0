/* The harness: a simulation's beginning, steps and end, with assertions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT 5222
#define ITERATIONS 64
#define SEED "1"

#define CONFIG                                                                                                         \
	"hosts: [%s]\ndurability: process\n"                                                                           \
	"listen: [{kind: c2s, address: 127.0.0.1, port: 5222, tls: none}]\n"

static void write_log(void *ctx, enum log_level level, struct str line)
{
	struct harness *h = ctx;
	if (level == LOG_LEVEL_ERROR)
		h->log_errors++;
	if (getenv("HARNESS_LOG"))
		fprintf(stderr, "%8llu %s " STR_FMT "\n", (unsigned long long)h->sim.world.now_ms,
			log_level_name(level), STR_ARG(line));
}

static bool step_peers(struct sim_actor *actor)
{
	struct harness *h = CONTAINER_OF(actor, struct harness, actor);
	bool works = false;
	LIST_FOR_EACH (link, &h->peers) {
		struct peer *p = CONTAINER_OF(link, struct peer, link);
		if (p->step)
			works |= p->step(p);
	}
	return works;
}

/* The beginning. */

static uint64_t seed(void)
{
	const char *given = getenv("HARNESS_SEED");
	uint64_t n = 0;
	assert_true(str_parse_u64(str_from_c(given ? given : SEED), UINT64_MAX, &n));
	return n;
}

static void start(struct harness *h)
{
	if (sim_start(&h->sim) != 0)
		fail_msg("sim_start: %s", h->sim.why);
}

static void init(struct harness *h, const struct harness_options *o, const char *yaml)
{
	struct sim_options options = {
		.seed = seed(),
		.yaml = yaml,
		.workers = o->workers,
		.modules = o->modules,
		.encoded = o->encoded,
		.own_ports = true,
		.backend = &faulty_backend,
		.vfs = (const char *)&h->faults,
		.sink = &h->sink,
	};
	if (sim_init(&h->sim, &options) != 0)
		fail_msg("sim_init: %s", h->sim.why);
}

struct harness *harness_new_as(const struct harness_options *o)
{
	struct harness *h = mem_zalloc(sizeof(*h));
	struct buf yaml;
	buf_init(&yaml, CONFIG_BYTES_MAX);
	buf_printf(&yaml, CONFIG "%s", o->hosts ? o->hosts : "localhost", o->yaml ? o->yaml : "");
	if (!o->yaml || !strstr(o->yaml, "limits:"))
		buf_lit(&yaml, "\nlimits: { rate: off }\n");
	buf_add_byte(&yaml, 0);
	assert_false(buf_failed(&yaml));
	h->sink = (struct log_sink){ write_log, h, LOG_LEVEL_DEBUG };
	h->actor.step = step_peers;
	list_init(&h->peers);
	sim_credentials(&h->credentials, STR(HARNESS_PASSWORD), ITERATIONS);
	init(h, o, buf_str(&yaml).p);
	buf_fini(&yaml);
	sim_add_actor(&h->sim, &h->actor);
	start(h);
	return h;
}

struct harness *harness_new(unsigned workers, const char *yaml)
{
	return harness_new_as(&(struct harness_options){ .workers = workers, .yaml = yaml });
}

struct net_address harness_port(unsigned worker)
{
	return network_address((uint16_t)(FIRST_PORT + worker));
}

/* Steps. */

static void assert_moves(struct harness *h, bool moves)
{
	if (h->sim.failed)
		fail_msg("the storage failed: %s", h->sim.why);
	if (!moves)
		fail_msg("this does not come to rest");
}

bool harness_step(struct harness *h)
{
	bool works = sim_step(&h->sim);
	assert_moves(h, true);
	return works;
}

void harness_run(struct harness *h)
{
	assert_moves(h, sim_run(&h->sim));
}

void harness_advance(struct harness *h, uint64_t ms)
{
	assert_moves(h, sim_advance(&h->sim, ms));
}

void harness_commit(struct harness *h)
{
	(void)sim_step_part(&h->sim, SIM_WRITER);
	harness_run(h);
}

void stands_still(struct harness *h, enum sim_part part)
{
	h->sim.pace[part] = 0;
}

void goes_on(struct harness *h, enum sim_part part)
{
	h->sim.pace[part] = SIM_PACE_MAX;
}

void everything_goes_on(struct harness *h)
{
	for (unsigned part = 0; part < SIM_PARTS_MAX; part++)
		goes_on(h, part);
}

/* The end. */

static void mend(struct harness *h)
{
	everything_goes_on(h);
	h->faults = (struct faults){ 0 };
}

static void drop_peers(struct harness *h)
{
	for (struct list *l; (l = list_take_first(&h->peers));) {
		struct peer *p = CONTAINER_OF(l, struct peer, link);
		overlooks(p);
		p->free(p);
	}
}

void harness_crash(struct harness *h)
{
	sim_die(&h->sim, SIM_KILLED);
	drop_peers(h);
	mend(h);
	start(h);
	harness_run(h);
}

static void discard(struct harness **pointer)
{
	struct harness *h = *pointer;
	drop_peers(h);
	sim_fini(&h->sim);
	mem_free(h);
	*pointer = NULL;
}

void harness_free(struct harness **pointer)
{
	struct harness *h = *pointer;
	mend(h);
	LIST_FOR_EACH (link, &h->peers) {
		struct peer *p = CONTAINER_OF(link, struct peer, link);
		if (p->leave)
			p->leave(p);
	}
	if (!sim_stop(&h->sim))
		fail_msg("the server does not end in peace: %s", h->sim.why);
	discard(pointer);
}

void harness_abandon(struct harness **pointer)
{
	sim_die(&(*pointer)->sim, SIM_KILLED);
	discard(pointer);
}

/* Looking inside, and making what tests need. */

const struct jid *harness_jid(struct arena *a, const char *text)
{
	const struct jid *j;
	const char *why;
	if (jid_parse(a, str_from_c(text), &j, &why) != 0)
		fail_msg("%s: %s", text, why);
	return j;
}

const struct jid *jid_of(struct harness *h, const char *text)
{
	return harness_jid(h->sim.arena, text);
}

void harness_account(struct harness *h, const char *jid)
{
	sim_account(&h->sim, jid_of(h, jid), &h->credentials);
}

struct worker *harness_worker(struct harness *h, const char *jid)
{
	return &h->sim.workers[entity_worker(&h->sim.workers[0].worker, jid_of(h, jid))].worker;
}

struct account *harness_find(struct harness *h, const char *jid)
{
	struct entity *e = entity_find(harness_worker(h, jid), jid_of(h, jid));
	return e ? CONTAINER_OF(e, struct account, entity) : NULL;
}

int64_t harness_number(struct harness *h, const struct statement *st, const char *param)
{
	struct query *q = query_new(st, VALUES(value_text(str_from_c(param))), 1);
	assert_int_equal(storage_query_now(h->sim.storage, q), 0);
	assert_int_equal(q->rows, 1);
	int64_t n = query_row(q, 0)[0].i;
	query_free(&q);
	return n;
}

int64_t harness_log_rows(struct harness *h, const char *jid)
{
	static const struct statement count = { "SELECT count(*) FROM log WHERE owner = ?1", NULL };
	return harness_number(h, &count, jid);
}

int64_t harness_outbox_rows(struct harness *h)
{
	static const struct statement count = { "SELECT count(*) FROM outbox WHERE ?1 = ''", NULL };
	return harness_number(h, &count, "");
}
