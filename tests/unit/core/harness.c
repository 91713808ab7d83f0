/* The harness: how a server begins, is stepped, and ends. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/outbox.h"
#include "server/storage/accounts.h"
#include "server/storage/backend.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS_MAX 200000
#define QUIET_ROUNDS 2
#define FIRST_PORT 5222
#define ITERATIONS 4096

static void write_log(void *ctx, enum log_level level, struct str line)
{
	struct harness *h = ctx;
	if (level == LOG_LEVEL_ERROR)
		h->log_errors++;
	if (getenv("HARNESS_LOG"))
		fprintf(stderr, "%8llu %s " STR_FMT "\n", (unsigned long long)h->world.now_ms, log_level_name(level),
			STR_ARG(line));
}

static void on_fatal(void *ctx, const char *why)
{
	(void)ctx;
	fail_msg("the storage failed: %s", why);
}

/* The parts, as cmd/instance.c puts them together. */

static void open_storage(struct harness *h)
{
	char why[512];
	struct storage_options o = {
		.folder = h->folder,
		.backend = &faulty_backend,
		.vfs = (const char *)&h->faults,
		.durability = STORAGE_PROCESS,
		.migrations = h->migrations,
		.clock = &h->world.clock,
		.log = &h->log,
		.readers = 1,
		.on_batch = worker_on_batch,
		.on_query = worker_on_query,
		.on_fatal = on_fatal,
		.ctx = h,
	};
	if (storage_open(&o, &h->storage, why, sizeof(why)) != 0)
		fail_msg("storage_open: %s", why);
}

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	struct harness_worker *w = ctx;
	struct harness *h = CONTAINER_OF(w - w->worker.index, struct harness, workers);
	edge_accept(&w->worker, &h->edge_kind, socket, peer);
}

struct net_address harness_port(unsigned worker)
{
	return fake_address((uint16_t)(FIRST_PORT + worker));
}

static void make_worker(struct harness *h, uint32_t n)
{
	struct harness_worker *w = &h->workers[n];
	struct net_address a = harness_port(n);
	slab_handle listener;
	w->net = fake_net(&w->fake, &h->world);
	w->loop = loop_new(&w->net, &h->world.clock);
	w->listeners = listeners_new(w->loop);
	worker_init(&w->worker, &h->server, n, w->loop, &h->world.clock, &h->world.random, &h->log);
	server_add_worker(&h->server, &w->worker);
	assert_int_equal(listener_open(w->listeners, &a, NET_LISTEN_FIRST, on_accept, w, &listener), 0);
}

static void start_admin(struct harness *h)
{
	char why[256];
	struct admin_options o = { .worker = &h->workers[0].worker, .listeners = h->workers[0].listeners,
		.folder = str_from_c(h->folder), .bound = h->bound, .uid = 7, .pid = 4711 };
	h->bound[0] = harness_port(0);
	assert_int_equal(admin_start(&o, &h->admin, why, sizeof(why)), 0);
}

static void start(struct harness *h)
{
	char why[256] = "";
	snprintf(h->folder, sizeof(h->folder), "%s/life-%u", h->root, h->lives++);
	open_storage(h);
	h->hashpool = hashpool_new(NULL, NULL);
	struct server_parts parts = {
		.config = h->config,
		.modules = h->modules,
		.clock = &h->world.clock,
		.random = &h->world.random,
		.log = &h->log,
		.storage = h->storage,
		.hashpool = h->hashpool,
		.encodes_envelopes = h->encoded,
	};
	if (server_init(&h->server, &parts, why, sizeof(why)) != 0)
		fail_msg("server_init: %s", why);
	server_edge_kind(&h->server, &h->config->listeners[0], &h->edge_kind);
	for (uint32_t n = 0; n < h->server.worker_count; n++)
		make_worker(h, n);
	start_admin(h);
	outbox_recover(&h->server);
}

static void read_config(struct harness *h, unsigned workers, const char *yaml, const struct module *const *modules)
{
	struct buf errors;
	struct str text = arena_printf(h->arena,
		"hosts: [localhost]\nworkers: %u\ndurability: process\n"
		"listen: [{kind: c2s, address: 127.0.0.1, port: 5222, tls: none}]\n%s",
		workers, yaml ? yaml : "");
	struct config_context context = { .modules = modules, .data = STR("unused"), .cores = 1 };
	buf_init(&errors, CONFIG_ERRORS_BYTES_MAX);
	if (config_read(h->arena, text, &context, &h->config, &errors) != 0)
		fail_msg("config_read: " STR_FMT, STR_ARG(buf_str(&errors)));
	buf_fini(&errors);
}

static void make_credentials(struct sasl_credentials *c)
{
	struct scram_keys *keys[] = { &c->sha1, &c->sha256 };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		*keys[i] = (struct scram_keys){ .is_set = true, .iterations = ITERATIONS, .salt_n = SCRAM_SALT_BYTES };
		assert_true(scram_keys_derive(keys[i], i == 0 ? DIGEST_SHA1 : DIGEST_SHA256, STR(HARNESS_PASSWORD)));
	}
}

struct harness *harness_new_as(const struct harness_options *o)
{
	struct harness *h = mem_zalloc(sizeof(*h));
	const struct module *const *modules = o->modules ? o->modules : module_list;
	const char *tmp = getenv("TMPDIR");
	fake_init(&h->world, 1);
	random_seeded_init(&h->order_seed, 2);
	h->order = random_seeded_source(&h->order_seed);
	snprintf(h->root, sizeof(h->root), "%.40s/linnet-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(h->root));
	h->arena = arena_new(1024, CONFIG_BYTES_MAX + (1u << 20));
	h->sink = (struct log_sink){ write_log, h, LOG_LEVEL_DEBUG };
	h->log = (struct log){ &h->sink, NULL, NULL };
	h->migrations = server_migrations(modules);
	list_init(&h->peers);
	make_credentials(&h->credentials);
	read_config(h, o->workers, o->yaml, modules);
	h->modules = modules;
	h->encoded = o->encoded;
	start(h);
	return h;
}

struct harness *harness_new(unsigned workers, const char *yaml)
{
	return harness_new_as(&(struct harness_options){ .workers = workers, .yaml = yaml });
}

/* Steps. Each says whether anything has happened. */

static bool step_writer(struct harness *h)
{
	h->writer_at = storage_writer_step(h->storage);
	return h->writer_at == 0;
}

static bool worker_has_work(struct harness_worker *w)
{
	return !inbox_is_empty(&w->worker.inbox) || w->worker.out[w->worker.index].first || w->fake.woken ||
		loop_next_ms(w->loop) <= clock_mono_ms(w->worker.clock);
}

static bool step_worker(struct harness *h, struct harness_worker *w)
{
	unsigned before = h->world.reads + h->world.writes + h->world.watches;
	bool works = worker_has_work(w);
	worker_step(&w->worker, 0);
	return works || before != h->world.reads + h->world.writes + h->world.watches;
}

static bool step_peers(struct harness *h)
{
	bool works = false;
	LIST_FOR_EACH (link, &h->peers) {
		struct peer *p = CONTAINER_OF(link, struct peer, link);
		if (p->step)
			works |= p->step(p);
	}
	return works;
}

static bool step_one(struct harness *h, unsigned which)
{
	switch (which) {
	case 0: return !h->stops.writer && step_writer(h);
	case 1: return !h->stops.readers && storage_reader_step(h->storage, 0);
	case 2: return !h->stops.hasher && hashpool_step(h->hashpool);
	case 3: return step_peers(h);
	default: return step_worker(h, &h->workers[which - 4]);
	}
}

/* In an order of its own each time. */
bool harness_step(struct harness *h)
{
	unsigned order[4 + HARNESS_WORKERS_MAX], count = 4 + h->server.worker_count;
	bool works = false;
	for (unsigned i = 0; i < count; i++) {
		unsigned j = (unsigned)random_below(&h->order, i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (unsigned i = 0; i < count; i++)
		works |= step_one(h, order[i]);
	return works;
}

void harness_run(struct harness *h)
{
	unsigned quiet = 0;
	for (unsigned round = 0; quiet < QUIET_ROUNDS; round++) {
		assert_true(round < ROUNDS_MAX);
		quiet = harness_step(h) ? 0 : quiet + 1;
	}
}

static uint64_t next_ms(struct harness *h)
{
	uint64_t next = h->stops.writer ? UINT64_MAX : h->writer_at;
	for (uint32_t n = 0; n < h->server.worker_count; n++) {
		uint64_t at = loop_next_ms(h->workers[n].loop);
		if (at < next)
			next = at;
	}
	return next;
}

void harness_advance(struct harness *h, uint64_t ms)
{
	uint64_t until = h->world.now_ms + ms;
	harness_run(h);
	for (uint64_t next; (next = next_ms(h)) < until;) {
		assert_true(next > h->world.now_ms);
		h->world.now_ms = next;
		harness_run(h);
	}
	h->world.now_ms = until;
	harness_run(h);
}

void harness_commit(struct harness *h)
{
	(void)step_writer(h);
	harness_run(h);
}

/* The end. */

/* What a session says to an edge elsewhere at the very end has nobody to free it. */
static void let_clients_go(struct harness *h)
{
	LIST_FOR_EACH (link, &h->peers) {
		struct peer *p = CONTAINER_OF(link, struct peer, link);
		if (h->encoded && p->leave)
			p->leave(p);
	}
	harness_run(h);
}

static void finish(struct harness *h)
{
	h->stops.writer = h->stops.readers = h->stops.hasher = false;
	h->faults = (struct faults){ 0 };
	let_clients_go(h);
	for (int i = 0; i < 100 && storage_uncommitted_units(h->storage); i++)
		harness_advance(h, 1000);
	assert_int_equal(storage_uncommitted_units(h->storage), 0);
}

static void drop_peers(struct harness *h)
{
	for (struct list *l; (l = list_take_first(&h->peers));) {
		struct peer *p = CONTAINER_OF(l, struct peer, link);
		overlooks(p);
		p->free(p);
	}
}

static void stop(struct harness *h)
{
	admin_stop(&h->admin);
	for (uint32_t n = 0; n < h->config->workers; n++) {
		struct harness_worker *w = &h->workers[n];
		listeners_free(&w->listeners);
		worker_fini(&w->worker);
		loop_free(&w->loop);
	}
	server_fini(&h->server);
	hashpool_free(&h->hashpool);
	storage_close(&h->storage);
	drop_peers(h);
}

/* Calls `each` for the files of a folder; it may remove them. */
static void for_files(const char *folder, void (*each)(const char *path, const char *name, const char *to),
	const char *to)
{
	DIR *d = opendir(folder);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[512];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%.80s/%.255s", folder, e->d_name);
		each(path, e->d_name, to);
	}
	closedir(d);
}

static void remove_file(const char *path, const char *name, const char *to)
{
	(void)name;
	(void)to;
	unlink(path);
}

static void remove_folder(const char *path, const char *name, const char *to)
{
	(void)name;
	for_files(path, remove_file, to);
	rmdir(path);
}

/* The write-ahead log belongs to it; the index of that in shared memory would not survive. */
static void copy_file(const char *path, const char *name, const char *to)
{
	char target[512], bytes[4096];
	size_t n;
	if (strcmp(name, "linnet.db") != 0 && strcmp(name, "linnet.db-wal") != 0)
		return;
	snprintf(target, sizeof(target), "%.80s/%.255s", to, name);
	FILE *in = fopen(path, "rb"), *out = fopen(target, "wb");
	assert_true(in && out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

void harness_crash(struct harness *h)
{
	char next[80];
	snprintf(next, sizeof(next), "%s/life-%u", h->root, h->lives);
	assert_int_equal(mkdir(next, 0700), 0);
	for_files(h->folder, copy_file, next);
	/* What the old one still does, it does to files that nobody will look at. */
	finish(h);
	stop(h);
	start(h);
	harness_run(h);
}

static void discard(struct harness *h)
{
	stop(h);
	for_files(h->root, remove_folder, NULL);
	rmdir(h->root);
	fake_fini(&h->world);
	mem_free(h->migrations);
	arena_free(&h->arena);
	mem_free(h);
}

void harness_free(struct harness **pointer)
{
	finish(*pointer);
	harness_abandon(pointer);
}

void harness_abandon(struct harness **pointer)
{
	discard(*pointer);
	*pointer = NULL;
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
	return harness_jid(h->arena, text);
}

void harness_account(struct harness *h, const char *jid)
{
	const struct jid *j = jid_of(h, jid);
	struct unit *u = unit_new();
	accounts_put(u, &(struct account_row){ .host = jid_domain(j), .localpart = jid_local(j), .created_ms = 1 },
		&h->credentials);
	assert_int_equal(storage_commit_now(h->storage, u), 0);
	unit_free(&u);
}

struct worker *harness_worker(struct harness *h, const char *jid)
{
	return &h->workers[entity_worker(&h->workers[0].worker, jid_of(h, jid))].worker;
}

struct account *harness_find(struct harness *h, const char *jid)
{
	struct entity *e = entity_find(harness_worker(h, jid), jid_of(h, jid));
	return e ? CONTAINER_OF(e, struct account, entity) : NULL;
}

int64_t harness_number(struct harness *h, const struct statement *st, const char *param)
{
	struct query *q = query_new(st, VALUES(value_text(str_from_c(param))), 1);
	assert_int_equal(storage_query_now(h->storage, q), 0);
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
