/* How the simulated server begins, is stepped, and ends. The parts are put together as in cmd/instance.c, which has a
 * thread for each. */
#include "tests/sim/sim.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/core/hashpool.h"
#include "server/core/outbox.h"
#include "server/storage/accounts.h"

#include <stdio.h>

#define ROUNDS_MAX    200000
#define QUIET_ROUNDS  2
#define STOP_MS_MAX   600000
#define STOP_STEP_MS  1000
#define SERVER_UID    7
#define SERVER_PID    4711

/* The beginning. */

static int read_config(struct sim *s)
{
	struct buf errors;
	struct str text = arena_printf(s->arena, "workers: %u\n%s", s->options.workers, s->options.yaml);
	struct config_context context = { .modules = s->modules, .data = STR(SIM_FOLDER), .cores = 1 };
	buf_init(&errors, CONFIG_ERRORS_BYTES_MAX);
	int r = config_read(s->arena, text, &context, &s->config, &errors);
	if (r != 0)
		snprintf(s->why, sizeof(s->why), STR_FMT, STR_ARG(buf_str(&errors)));
	buf_fini(&errors);
	if (r == 0)
		assert_always(s->config->workers <= SIM_WORKERS_MAX && s->config->listener_count <= SIM_LISTENERS_MAX);
	return r;
}

int sim_init(struct sim *s, const struct sim_options *o)
{
	*s = (struct sim){ .options = *o };
	world_init(&s->world, o->seed);
	network_init(&s->network, &s->world);
	disk_init(&s->disk, &s->world);
	s->modules = o->modules ? o->modules : module_list;
	s->arena = arena_new(1024, CONFIG_BYTES_MAX + (1u << 20));
	s->log = (struct log){ .sink = o->sink };
	s->migrations = server_migrations(s->modules);
	list_init(&s->actors);
	for (size_t i = 0; i < SIM_PARTS_MAX; i++)
		s->pace[i] = SIM_PACE_MAX;
	int r = read_config(s);
	s->options.yaml = NULL;
	return r;
}

void sim_fini(struct sim *s)
{
	if (s->runs)
		sim_die(s, SIM_KILLED);
	disk_fini(&s->disk);
	network_fini(&s->network);
	mem_free(s->migrations);
	arena_free(&s->arena);
}

static void on_fatal(void *ctx, const char *why)
{
	struct sim *s = ctx;
	s->failed = true;
	snprintf(s->why, sizeof(s->why), "%s", why);
	world_trace(&s->world, "fatal", 0, 0, str_from_c(why));
}

static int open_storage(struct sim *s)
{
	struct storage_options o = {
		.backend = s->options.backend,
		.vfs = s->options.vfs ? s->options.vfs : DISK_NAME,
		.durability = s->config->durability == CONFIG_POWER ? STORAGE_POWER : STORAGE_PROCESS,
		.migrations = s->migrations,
		.clock = &s->world.clock,
		.log = &s->log,
		.readers = 1,
		.on_batch = worker_on_batch,
		.on_query = worker_on_query,
		.on_fatal = on_fatal,
		.ctx = s,
	};
	return storage_open(&o, &s->storage, s->why, sizeof(s->why));
}

static int make_server(struct sim *s)
{
	s->hashpool = hashpool_new(NULL, NULL);
	struct server_parts parts = {
		.config = s->config,
		.modules = s->modules,
		.clock = &s->world.clock,
		.random = &s->world.random,
		.log = &s->log,
		.storage = s->storage,
		.hashpool = s->hashpool,
		.encodes_envelopes = s->options.encoded,
	};
	if (server_init(&s->server, &parts, s->why, sizeof(s->why)) != 0) {
		hashpool_free(&s->hashpool);
		storage_close(&s->storage);
		return -STORAGE_FATAL;
	}
	if (s->options.tls)
		server_set_tls(&s->server, tls_context_ref(s->options.tls));
	return 0;
}

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	const struct sim_door *d = ctx;
	edge_accept(d->worker, d->kind, socket, peer);
}

static bool is_served(const struct sim *s, size_t listener)
{
	enum config_tls tls = s->config->listeners[listener].tls;
	return tls == CONFIG_TLS_NONE || s->options.tls || (tls == CONFIG_TLS_DIRECT && s->options.pretends_tls);
}

static void make_kinds(struct sim *s)
{
	for (size_t n = 0; n < s->config->listener_count; n++) {
		const struct config_listener *l = &s->config->listeners[n];
		server_edge_kind(&s->server, l, &s->kinds[n]);
		s->kinds[n].tls.alpn = s->kinds[n].direct_tls ? TLS_ALPN_IF_OFFERED : TLS_ALPN_IGNORED;
		/* Its streams still believe that they are protected. */
		if (s->options.pretends_tls)
			s->kinds[n].direct_tls = false;
		assert_always(net_address_make(l->address, l->port, &s->bound[n]));
	}
}

static void listen(struct sim *s, struct sim_worker *w, size_t n)
{
	struct net_address a = s->bound[n];
	slab_handle h;
	if (s->options.own_ports)
		a.port = (uint16_t)(a.port + w->worker.index);
	w->doors[n] = (struct sim_door){ &w->worker, &s->kinds[n] };
	assert_always(listener_open(w->listeners, &a, NET_LISTEN_JOIN, on_accept, &w->doors[n], &h) == 0);
}

static void make_worker(struct sim *s, uint32_t n)
{
	struct sim_worker *w = &s->workers[n];
	w->net = sim_net_init(&w->sim_net, &s->network, SIM_SERVER);
	w->sim_net.never_sleeps = true;
	if (s->options.wrap_net)
		s->options.wrap_net(&w->net);
	w->loop = loop_new(&w->net, &s->world.clock);
	w->listeners = listeners_new(w->loop);
	worker_init(&w->worker, &s->server, n, w->loop, &s->world.clock, &s->world.random, &s->log);
	server_add_worker(&s->server, &w->worker);
	for (size_t l = 0; l < s->config->listener_count; l++)
		if (is_served(s, l))
			listen(s, w, l);
}

static void start_admin(struct sim *s)
{
	char why[256];
	struct admin_options o = { .worker = &s->workers[0].worker, .listeners = s->workers[0].listeners,
		.folder = STR(SIM_FOLDER), .bound = s->bound, .uid = SERVER_UID, .pid = SERVER_PID };
	assert_always(admin_start(&o, &s->admin, why, sizeof(why)) == 0);
}

static int start(struct sim *s)
{
	int error = open_storage(s);
	world_trace(&s->world, "start", (uint64_t)-error, 0, STR(""));
	if (error)
		return error;
	s->writer_at = UINT64_MAX;
	error = make_server(s);
	if (error)
		return error;
	make_kinds(s);
	for (uint32_t n = 0; n < s->config->workers; n++)
		make_worker(s, n);
	start_admin(s);
	outbox_recover(&s->server);
	s->runs = true;
	return 0;
}

int sim_start(struct sim *s)
{
	assert_always(!s->runs);
	s->failed = false;
	s->in_server = true;
	int error = start(s);
	s->in_server = false;
	return error;
}

/* Steps. Each says whether anything has happened. */

static bool step_writer(struct sim *s)
{
	if (s->failed)
		return false;
	s->writer_at = storage_writer_step(s->storage);
	return s->writer_at == 0;
}

static bool step_actors(struct sim *s)
{
	bool works = false;
	LIST_FOR_EACH (link, &s->actors) {
		struct sim_actor *a = CONTAINER_OF(link, struct sim_actor, link);
		works |= a->step(a);
	}
	return works;
}

static bool worker_has_work(const struct sim *s, struct sim_worker *w)
{
	return !inbox_is_empty(&w->worker.inbox) || w->worker.out[w->worker.index].first || w->sim_net.woken ||
	       loop_next_ms(w->loop) <= s->world.now_ms;
}

static unsigned calls(const struct network *n)
{
	return n->reads + n->writes + n->watches;
}

static bool step_worker(struct sim *s, struct sim_worker *w)
{
	unsigned before = calls(&s->network);
	bool works = worker_has_work(s, w);
	worker_step(&w->worker, 0);
	return works || before != calls(&s->network);
}

static bool step_part(struct sim *s, enum sim_part part)
{
	switch (part) {
	case SIM_WRITER: return s->runs && step_writer(s);
	case SIM_READERS: return s->runs && !s->failed && storage_reader_step(s->storage, 0);
	case SIM_HASHER: return s->runs && hashpool_step(s->hashpool);
	case SIM_ACTORS: return step_actors(s);
	default: return s->runs && step_worker(s, &s->workers[part - SIM_FIRST_WORKER]);
	}
}

bool sim_step_part(struct sim *s, enum sim_part part)
{
	s->in_server = part != SIM_ACTORS;
	bool works = step_part(s, part);
	s->in_server = false;
	return works;
}

/* With `all`, those that are only slow are not passed over. */
static bool step(struct sim *s, bool all)
{
	unsigned order[SIM_PARTS_MAX], count = SIM_FIRST_WORKER + s->config->workers;
	bool works = false;
	for (unsigned i = 0; i < count; i++) {
		unsigned j = (unsigned)world_below(&s->world, i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned pace = s->pace[order[i]];
		if (pace >= SIM_PACE_MAX || (pace && all) || world_chance(&s->world, pace))
			works |= sim_step_part(s, order[i]);
	}
	if (s->on_step)
		s->on_step(s);
	return works;
}

bool sim_step(struct sim *s)
{
	return step(s, false);
}

bool sim_run(struct sim *s)
{
	for (unsigned round = 0, quiet = 0; round < ROUNDS_MAX; round++) {
		quiet = step(s, quiet > 0) ? 0 : quiet + 1;
		if (quiet > QUIET_ROUNDS)
			return true;
	}
	return false;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t sim_next_ms(const struct sim *s)
{
	uint64_t next = network_next_ms(&s->network);
	LIST_FOR_EACH (link, &s->actors) {
		const struct sim_actor *a = CONTAINER_OF(link, struct sim_actor, link);
		if (a->next_ms)
			next = least(next, a->next_ms(a));
	}
	if (!s->runs || s->failed)
		return next;
	if (s->pace[SIM_WRITER])
		next = least(next, s->writer_at);
	for (uint32_t n = 0; n < s->server.worker_count; n++)
		if (s->pace[SIM_FIRST_WORKER + n])
			next = least(next, loop_next_ms(s->workers[n].loop));
	return next;
}

bool sim_advance(struct sim *s, uint64_t ms)
{
	uint64_t until = s->world.now_ms + ms;
	if (!sim_run(s))
		return false;
	for (uint64_t next; (next = sim_next_ms(s)) < until;) {
		if (next > s->world.now_ms)
			s->world.now_ms = next;
		if (!sim_run(s))
			return false;
	}
	s->world.now_ms = until;
	return sim_run(s);
}

void sim_add_actor(struct sim *s, struct sim_actor *a)
{
	list_add_last(&s->actors, &a->link);
}

void sim_remove_actor(struct sim_actor *a)
{
	list_remove(&a->link);
}

/* The end. */

static void free_server(struct sim *s)
{
	admin_stop(&s->admin);
	for (uint32_t n = 0; n < s->config->workers; n++) {
		struct sim_worker *w = &s->workers[n];
		listeners_free(&w->listeners);
		worker_fini(&w->worker);
		loop_free(&w->loop);
	}
	server_fini(&s->server);
	hashpool_free(&s->hashpool);
	storage_close(&s->storage);
	s->runs = false;
}

void sim_die(struct sim *s, enum sim_death how)
{
	assert_always(s->runs);
	world_trace(&s->world, "die", how, 0, STR(""));
	network_cut(&s->network, SIM_SERVER);
	s->disk.dead = true;
	free_server(s);
	if (how == SIM_KILLED)
		disk_kill(&s->disk);
	else
		disk_cut_power(&s->disk);
}

void sim_abandon(struct sim *s, enum sim_death how)
{
	world_trace(&s->world, "abandon", how, 0, STR(""));
	network_cut(&s->network, SIM_SERVER);
	network_abandon(&s->network, SIM_SERVER);
	disk_abandon(&s->disk);
	if (how == SIM_WITHOUT_POWER)
		disk_cut_power(&s->disk);
	s->runs = s->in_server = false;
}

static bool is_quiet(const struct sim *s)
{
	for (uint32_t n = 0; n < s->server.worker_count; n++) {
		const struct worker *w = &s->workers[n].worker;
		if (w->session_count || w->edge_count)
			return false;
	}
	return storage_uncommitted_units(s->storage) == 0;
}

bool sim_stop(struct sim *s)
{
	s->in_server = true;
	for (uint32_t n = 0; n < s->server.worker_count; n++)
		edge_close_all(&s->workers[n].worker, STREAM_SYSTEM_SHUTDOWN, "the server stops");
	s->in_server = false;
	bool moves = sim_run(s);
	for (unsigned ms = 0; moves && !s->failed && ms < STOP_MS_MAX && !is_quiet(s); ms += STOP_STEP_MS)
		moves = sim_advance(s, STOP_STEP_MS);
	if (!moves || s->failed || !is_quiet(s)) {
		sim_die(s, SIM_KILLED);
		return false;
	}
	world_trace(&s->world, "stop", 0, 0, STR(""));
	free_server(s);
	disk_kill(&s->disk);
	return true;
}

/* What is needed to begin with. */

void sim_credentials(struct sasl_credentials *c, struct str password, uint32_t iterations)
{
	*c = (struct sasl_credentials){ 0 };
	for (enum digest d = 0; d < DIGESTS; d++) {
		c->keys[d] = (struct scram_keys){ .is_set = true, .iterations = iterations, .salt_n = SCRAM_SALT_BYTES };
		assert_always(scram_keys_derive(&c->keys[d], d, password));
	}
}

void sim_account(struct sim *s, const struct jid *jid, const struct sasl_credentials *credentials)
{
	struct unit *u = unit_new();
	accounts_put(u, &(struct account_row){ .host = jid_domain(jid), .localpart = jid_local(jid), .created_ms = 1 },
		credentials);
	assert_always(storage_commit_now(s->storage, u) == 0);
	unit_free(&u);
}

struct net_address sim_address(const struct sim *s, size_t listener)
{
	return s->bound[listener];
}
