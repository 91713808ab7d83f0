/* What can be seen of the server from inside, and no client is told: when accounts have sessions. It is a module of the
 * server under test. */
#include "lib/base/fault.h"
#include "server/core/account.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "tests/sim/storm/storm.h"

static struct storm *storm_of(const struct session *s)
{
	struct server *server = s->account->entity.worker->server;
	return CONTAINER_OF(CONTAINER_OF(server, struct sim, server), struct storm, sim);
}

static unsigned account_of(const struct storm *st, const struct session *s)
{
	unsigned i = 0;
	while (i < STORM_ACCOUNTS - 1 && !jid_equal_bare(st->accounts[i], s->jid))
		i++;
	return i;
}

/* Steps are counted when they are over. */
static uint64_t now(const struct storm *st)
{
	return st->step + 1;
}

static void on_session_open(struct session *s)
{
	struct storm *st = storm_of(s);
	unsigned account = account_of(st, s);
	st->sessions[account]++;
	st->sessions_seen[account] = now(st);
}

static void on_session_close(struct session *s)
{
	struct storm *st = storm_of(s);
	unsigned account = account_of(st, s);
	st->sessions[account]--;
	st->sessions_seen[account] = st->session_ended[account] = now(st);
}

static const struct module observer = {
	.name = "observer",
	.summary = "Tells the storm of sessions",
	.on_session_open = on_session_open,
	.on_session_close = on_session_close,
	.on_session_drop = on_session_close,
};

const struct module *const *observer_modules(struct storm *st)
{
	size_t n = 0;
	for (; module_list[n]; n++)
		st->modules[n] = module_list[n];
	assert_always(n + 1 < ARRAY_LEN(st->modules));
	st->modules[n] = &observer;
	return st->modules;
}

void observer_on_step(struct sim *s)
{
	struct storm *st = CONTAINER_OF(s, struct storm, sim);
	st->step++;
	for (unsigned i = 0; i < STORM_ACCOUNTS; i++)
		if (st->sessions[i])
			st->sessions_seen[i] = st->step;
	if (st->sim.runs && !st->sim.failed && storage_uncommitted_units(st->sim.storage) == 0)
		ledger_on_durable(st);
}
