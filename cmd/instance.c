/* Real drivers for everything that has a step(): one thread a worker, the storage's own, and one for PBKDF2.
 *
 * Order of the start: data folder, certificates, workers, listeners (so that a busy port ends it before anything runs), threads.
 * The stop goes the other way; see instance_stop. */
#include "cmd/instance.h"

#include "cmd/certificates.h"
#include "cmd/command.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/net/listen.h"
#include "lib/net/sysclock.h"
#include "lib/net/sysnet.h"
#include "lib/net/sysrandom.h"
#include "server/core/admin.h"
#include "server/core/edge.h"
#include "server/core/hashpool.h"
#include "server/core/outbox.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "server/storage/thread.h"

#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 60000
#define STOP_SECONDS 10
#define READY_BYTES_MAX 65536
#define READERS 2
#define DESCRIPTORS_KEPT 128
#define PATH_BYTES 4096 /* the configuration's are shorter */
/* Of each thread's heap, free at its end. */
#define KEPT_BYTES   (16 << 20)
#define MAPPED_BYTES (1 << 20)

struct worker_thread {
	struct instance *instance;
	struct worker worker;
	struct sysnet sysnet;
	struct net net;
	struct loop *loop;
	struct listeners *listeners;
	pthread_t thread;
	bool runs;
};

/* A listener on one worker. */
struct door {
	struct worker *worker;
	const struct edge_kind *kind;
};

struct instance {
	const struct config *config;
	const struct log *log;
	bool encodes_envelopes;
	struct migration *migrations;
	struct storage *storage;
	struct storage_threads *storage_threads;
	struct hashpool *hashpool;
	struct server server;
	bool server_made;
	pthread_t loader; /* of certificates, while the server runs */
	struct tls_load *load; /* the last it was given; NULL: it has never run */
	struct worker_thread *workers;
	uint32_t workers_made;
	struct edge_kind *kinds; /* one a listener */
	struct tls_trust **trusts; /* one a listener; NULL where clients show no certificates */
	struct door *doors; /* listeners × workers */
	struct admin *admin;
	struct net_address *bound; /* one a listener */
	pthread_t hasher;
	bool hasher_runs;
	sem_t hash_jobs;
	_Atomic bool stopping, failed;
	struct buf ready;
};

/* Threads. */

static void *worker_main(void *ctx)
{
	struct worker_thread *t = ctx;
	while (!atomic_load(&t->instance->stopping))
		worker_step(&t->worker, WAIT_MS);
	return NULL;
}

static void *hasher_main(void *ctx)
{
	struct instance *i = ctx;
	while (!atomic_load(&i->stopping)) {
		while (hashpool_step(i->hashpool))
			;
		while (sem_wait(&i->hash_jobs) != 0)
			;
	}
	return NULL;
}

static void wake_hasher(void *ctx)
{
	sem_post(&((struct instance *)ctx)->hash_jobs);
}

/* Called by the storage's thread: the process has to end without another word to anybody. */
static void on_fatal(void *ctx, const char *why)
{
	struct instance *i = ctx;
	log_error(i->log, "the storage has failed and the server stops: %s", why);
	atomic_store(&i->failed, true);
	kill(getpid(), SIGTERM);
}

/* Files are read for a host that is added, and keys may have to be made. One at a time: see host_change.h. */
static void *loader_main(void *ctx)
{
	struct instance *i = ctx;
	struct tls_load *l = i->load;
	if (certificates_load(i->config->data, l->hosts, i->log, &l->tls, l->why, sizeof(l->why)) != 0)
		l->tls = NULL;
	l->done(l);
	return NULL;
}

static void join_loader(struct instance *i)
{
	if (i->load)
		pthread_join(i->loader, NULL);
	i->load = NULL;
}

static void load_certificates(void *ctx, struct tls_load *l)
{
	struct instance *i = ctx;
	join_loader(i); /* it has called done(): nothing is left but its return */
	i->load = l;
	int error = pthread_create(&i->loader, NULL, loader_main, i);
	if (!error)
		return;
	i->load = NULL;
	snprintf(l->why, sizeof(l->why), "no thread to read the certificates: %s", strerror(error));
	l->done(l);
}

/* The parts, in the order of the start. */

static int open_storage(struct instance *i, char *why, size_t why_bytes)
{
	char *folder = mem_alloc(i->config->data.n + 1);
	memcpy(folder, i->config->data.p, i->config->data.n);
	folder[i->config->data.n] = 0;
	i->migrations = server_migrations(module_list);
	struct storage_options o = {
		.folder = folder,
		.durability = i->config->durability == CONFIG_POWER ? STORAGE_POWER : STORAGE_PROCESS,
		.migrations = i->migrations,
		.clock = &sysclock,
		.log = i->log,
		.readers = READERS,
		.on_batch = worker_on_batch,
		.on_query = worker_on_query,
		.on_fatal = on_fatal,
		.ctx = i,
	};
	int r = storage_open(&o, &i->storage, why, why_bytes);
	mem_free(folder);
	return r == 0 ? 0 : EXIT_USAGE;
}

/* As many as the system lets us have, less what storage, listeners and administration need. */
static uint64_t descriptors_for_connections(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return 0;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) != 0 || getrlimit(RLIMIT_NOFILE, &l) != 0)
		return 0;
	return l.rlim_cur > 2 * DESCRIPTORS_KEPT ? l.rlim_cur - DESCRIPTORS_KEPT : l.rlim_cur / 2;
}

static int make_server(struct instance *i, char *why, size_t why_bytes)
{
	i->hashpool = hashpool_new(wake_hasher, i);
	struct server_parts parts = {
		.config = i->config,
		.modules = module_list,
		.clock = &sysclock,
		.random = &sysrandom,
		.log = i->log,
		.storage = i->storage,
		.hashpool = i->hashpool,
		.tls_loader = { load_certificates, i },
		.descriptors = descriptors_for_connections(),
		.encodes_envelopes = i->encodes_envelopes,
	};
	if (server_init(&i->server, &parts, why, why_bytes) != 0)
		return EXIT_USAGE;
	i->server_made = true;
	struct tls_context *tls;
	if (certificates_load(i->config->data, server_hosts(&i->server), i->log, &tls, why, why_bytes) != 0)
		return EXIT_USAGE;
	server_set_tls(&i->server, tls);
	return 0;
}

static int make_workers(struct instance *i, char *why, size_t why_bytes)
{
	i->workers = mem_zalloc_array(i->config->workers, sizeof(*i->workers));
	for (uint32_t n = 0; n < i->config->workers; n++) {
		struct worker_thread *t = &i->workers[n];
		int r = sysnet_init(&t->sysnet);
		if (r < 0) {
			snprintf(why, why_bytes, "cannot make an event loop: %s", strerror(-r));
			return EXIT_USAGE;
		}
		t->instance = i;
		t->net = sysnet_net(&t->sysnet);
		t->loop = loop_new(&t->net, &sysclock);
		t->listeners = listeners_new(t->loop);
		worker_init(&t->worker, &i->server, n, t->loop, &sysclock, &sysrandom, i->log);
		server_add_worker(&i->server, &t->worker);
		i->workers_made++;
	}
	return 0;
}

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	const struct door *d = ctx;
	edge_accept(d->worker, d->kind, socket, peer);
}

/* Where the system has no IPv6, "all addresses" are those of IPv4. */
static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int load_trust(const struct config_listener *l, struct tls_trust **t_r, char *why, size_t why_bytes)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), STR_FMT, STR_ARG(l->client_ca));
	return tls_trust_new(path, &sysclock, t_r, why, why_bytes);
}

/* One listener on every worker: the first one finds the port, the others join it. */
static int listen_on(struct instance *i, size_t n, char *why, size_t why_bytes)
{
	const struct config_listener *l = &i->config->listeners[n];
	struct net_address a;
	if (!net_address_make(l->address, l->port, &a)) {
		snprintf(why, why_bytes, "not an address: " STR_FMT, STR_ARG(l->address));
		return EXIT_USAGE;
	}
	server_edge_kind(&i->server, l, &i->kinds[n]);
	if (!has_ipv6() && str_eq(l->address, STR("::")))
		a = (struct net_address){ .family = NET_IPV4, .port = l->port };
	i->kinds[n].tls.alpn = i->kinds[n].direct_tls ? TLS_ALPN_IF_OFFERED : TLS_ALPN_IGNORED;
	if (l->client_ca.n && load_trust(l, &i->trusts[n], why, why_bytes) != 0)
		return EXIT_USAGE;
	i->kinds[n].tls.clients = i->trusts[n];
	if (l->tls == CONFIG_TLS_NONE)
		log_warn(i->log, "logins on " STR_FMT " port %u are not protected by TLS", STR_ARG(l->address), l->port);
	for (uint32_t w = 0; w < i->workers_made; w++) {
		struct door *d = &i->doors[n * i->workers_made + w];
		*d = (struct door){ &i->workers[w].worker, &i->kinds[n] };
		slab_handle h;
		enum net_listen how = w == 0 ? NET_LISTEN_FIRST : NET_LISTEN_JOIN;
		int r = listener_open(i->workers[w].listeners, &a, how, on_accept, d, &h);
		if (r == 0 && w == 0)
			r = listener_address(i->workers[w].listeners, h, &a);
		if (r < 0) {
			char text[NET_ADDRESS_TEXT];
			snprintf(why, why_bytes, "cannot listen on " STR_FMT ": %s", STR_ARG(net_address_format(&a, text)),
				strerror(-r));
			return EXIT_USAGE;
		}
	}
	i->bound[n] = a;
	return 0;
}

static int listen_everywhere(struct instance *i, char *why, size_t why_bytes)
{
	size_t count = i->config->listener_count;
	i->kinds = mem_zalloc_array(count + 1, sizeof(*i->kinds));
	i->bound = mem_zalloc_array(count + 1, sizeof(*i->bound));
	i->trusts = mem_zalloc_array(count + 1, sizeof(*i->trusts));
	i->doors = mem_zalloc_array(count * i->workers_made + 1, sizeof(*i->doors));
	for (size_t n = 0; n < count; n++) {
		int code = listen_on(i, n, why, why_bytes);
		if (code)
			return code;
	}
	struct admin_options o = { .worker = &i->workers[0].worker, .listeners = i->workers[0].listeners,
		.folder = i->config->data, .bound = i->bound, .uid = geteuid(), .pid = (int)getpid() };
	return admin_start(&o, &i->admin, why, why_bytes) == 0 ? 0 : EXIT_USAGE;
}

static void start_threads(struct instance *i)
{
	sem_init(&i->hash_jobs, 0, 0);
	i->storage_threads = storage_threads_start(i->storage);
	i->hasher_runs = pthread_create(&i->hasher, NULL, hasher_main, i) == 0;
	for (uint32_t w = 0; w < i->workers_made; w++)
		i->workers[w].runs = pthread_create(&i->workers[w].thread, NULL, worker_main, &i->workers[w]) == 0;
}

static const char *listener_name(const struct config_listener *l)
{
	switch (l->tls) {
	case CONFIG_TLS_DIRECT: return "c2s-direct";
	case CONFIG_TLS_NONE: return "c2s-plain";
	default: return "c2s";
	}
}

static void write_ready_line(struct instance *i)
{
	buf_init(&i->ready, READY_BYTES_MAX);
	buf_printf(&i->ready, "ready pid=%d data=" STR_FMT " admin=" STR_FMT "/admin.sock", (int)getpid(),
		STR_ARG(i->config->data), STR_ARG(i->config->data));
	for (size_t n = 0; n < i->config->listener_count; n++) {
		char text[NET_ADDRESS_TEXT];
		buf_printf(&i->ready, " %s=" STR_FMT, listener_name(&i->config->listeners[n]),
			STR_ARG(net_address_format(&i->bound[n], text)));
	}
	buf_add_byte(&i->ready, 0);
}

/* What a busy turn has freed the next one needs again: given back to the system, it would come back as page faults, a third of the
 * cost of a message. Setting one threshold fixes the other, too, which would have adapted itself. */
static void keep_freed_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

int instance_start(const struct instance_options *o, struct instance **i_r, char *why, size_t why_bytes)
{
	keep_freed_memory();
	struct instance *i = mem_zalloc(sizeof(*i));
	i->config = o->config;
	i->log = o->log;
	i->encodes_envelopes = o->encodes_envelopes;
	int code = open_storage(i, why, why_bytes);
	if (!code)
		code = make_server(i, why, why_bytes);
	if (!code)
		code = make_workers(i, why, why_bytes);
	if (!code)
		code = listen_everywhere(i, why, why_bytes);
	if (code) {
		instance_stop(&i);
		return code;
	}
	outbox_recover(&i->server);
	write_ready_line(i);
	start_threads(i);
	*i_r = i;
	return 0;
}

const char *instance_ready_line(const struct instance *i)
{
	return buf_str(&i->ready).p;
}

bool instance_has_failed(const struct instance *i)
{
	return atomic_load(&((struct instance *)i)->failed);
}

/* The end. */

static void close_streams(struct worker *w, struct post *p)
{
	mem_free(p);
	edge_close_all(w, STREAM_SYSTEM_SHUTDOWN, "the server stops");
}

static bool is_quiet(struct instance *i)
{
	for (uint32_t w = 0; w < i->workers_made; w++)
		if (atomic_load(&i->workers[w].worker.session_count) || atomic_load(&i->workers[w].worker.edge_count))
			return false;
	return storage_uncommitted_units(i->storage) == 0;
}

/* Streams end, and what their end means for presence is told and stored; then the threads end. */
static void drain(struct instance *i)
{
	for (uint32_t w = 0; w < i->workers_made; w++) {
		struct post *p = mem_zalloc(sizeof(*p));
		p->run = close_streams;
		worker_post_from_outside(&i->workers[w].worker, p);
	}
	for (int tries = 0; tries < STOP_SECONDS * 100 && !is_quiet(i) && !instance_has_failed(i); tries++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

/* What the storage handed back when its worker had ended already: taken here, in this thread. */
static void settle(struct instance *i)
{
	for (int round = 0; round < STOP_SECONDS * 10 && !instance_has_failed(i); round++) {
		bool quiet = true;
		for (uint32_t w = 0; w < i->workers_made; w++) {
			quiet = quiet && inbox_is_empty(&i->workers[w].worker.inbox);
			worker_step(&i->workers[w].worker, 0);
		}
		storage_writer_step(i->storage);
		while (storage_reader_step(i->storage, 0))
			;
		if (quiet && storage_uncommitted_units(i->storage) == 0)
			return;
	}
}

static void end_threads(struct instance *i)
{
	atomic_store(&i->stopping, true);
	for (uint32_t w = 0; w < i->workers_made; w++) {
		loop_wake(i->workers[w].loop);
		if (i->workers[w].runs)
			pthread_join(i->workers[w].thread, NULL);
	}
	join_loader(i);
	if (i->hasher_runs) {
		wake_hasher(i);
		pthread_join(i->hasher, NULL);
	}
	if (i->storage_threads) {
		storage_threads_stop(&i->storage_threads);
		settle(i);
	}
}

static void free_workers(struct instance *i)
{
	for (uint32_t w = 0; w < i->workers_made; w++) {
		struct worker_thread *t = &i->workers[w];
		listeners_free(&t->listeners);
		worker_fini(&t->worker);
		loop_free(&t->loop);
		sysnet_fini(&t->sysnet);
	}
	mem_free(i->workers);
}

void instance_stop(struct instance **pointer)
{
	struct instance *i = *pointer;
	*pointer = NULL;
	if (i->storage_threads)
		drain(i);
	end_threads(i);
	admin_stop(&i->admin);
	free_workers(i);
	if (i->server_made)
		server_fini(&i->server);
	hashpool_free(&i->hashpool);
	for (size_t n = 0; i->trusts && n < i->config->listener_count; n++)
		tls_trust_free(&i->trusts[n]);
	mem_free(i->trusts);
	storage_close(&i->storage);
	mem_free(i->migrations);
	mem_free(i->kinds);
	mem_free(i->bound);
	mem_free(i->doors);
	buf_fini(&i->ready);
	mem_free(i);
}
