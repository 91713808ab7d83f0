/* A whole server in simulation: the real workers, storage and pools, stepped on one thread in an order drawn from a
 * seed, with simulated time (world.h), sockets (network.h) and disk (disk.h). Who else lives in that world, clients
 * above all, is an actor.
 *
 *     sim_init ─▶ sim_start ─▶ sim_account … sim_step, sim_run, sim_advance ─▶ sim_stop ─▶ sim_fini
 *                    ▲                              │
 *                    └───── sim_die: killed, or without power ◀── sim.failed: the storage has given up
 *
 * Nothing here judges: what goes wrong is told to the caller. */
#ifndef LINNET_TESTS_SIM_SIM_H
#define LINNET_TESTS_SIM_SIM_H

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/net/listen.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"
#include "lib/xmpp/jid.h"
#include "server/core/admin.h"
#include "server/core/edge.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "server/storage/storage.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/world.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_WORKERS_MAX   8
#define SIM_LISTENERS_MAX 3
#define SIM_PACE_MAX      1000
#define SIM_FOLDER        "simulated" /* where a name needs a data folder: the admin socket */

/* Hosts of the network. */
enum { SIM_CLIENTS, SIM_SERVER };

struct sim;

struct sim_door {
	struct worker *worker;
	const struct edge_kind *kind;
};

struct sim_worker {
	struct worker worker;
	struct sim_net sim_net;
	struct net net;
	struct loop *loop;
	struct listeners *listeners;
	struct sim_door doors[SIM_LISTENERS_MAX];
};

/* Not to be added or removed from within a step. */
struct sim_actor {
	struct list link;
	/* False if there was nothing to do. */
	bool (*step)(struct sim_actor *a);
	/* When it wants to be stepped though nothing has come in: a monotonic time, or UINT64_MAX. NULL: never. */
	uint64_t (*next_ms)(const struct sim_actor *a);
};

/* What a step steps. */
enum sim_part { SIM_WRITER, SIM_READERS, SIM_HASHER, SIM_ACTORS, SIM_FIRST_WORKER };
#define SIM_PARTS_MAX (SIM_FIRST_WORKER + SIM_WORKERS_MAX)

struct sim_options {
	uint64_t seed;
	/* As config.h reads it, without `workers` and `data`. Not kept. */
	const char *yaml;
	unsigned workers;
	const struct module *const *modules; /* NULL: module_list */
	bool encoded;                        /* envelopes are encoded, connections do not move */
	bool own_ports;                      /* worker n listens on the configured port + n, not all on the same */
	const struct backend *backend;       /* NULL: SQLite */
	const char *vfs;                     /* NULL: the simulated disk's */
	struct tls_context *tls;             /* borrowed; NULL: listeners with TLS are left out */
	/* Listeners with direct TLS are served without its bytes: what comes is taken as if it had come under TLS. */
	bool pretends_tls;
	const struct log_sink *sink;
	/* Stands between each worker and its net; NULL: nothing does. */
	void (*wrap_net)(struct net *net);
};

struct sim {
	struct world world;
	struct network network;
	struct disk disk;
	struct sim_options options;
	const struct module *const *modules;
	struct arena *arena; /* of the configuration */
	const struct config *config;
	struct log log;
	struct migration *migrations;
	struct list actors;
	/* How many times in SIM_PACE_MAX a step takes this part; at first always. 0: never, not even for sim_run. */
	unsigned pace[SIM_PARTS_MAX];
	void (*on_step)(struct sim *s); /* behind each step; may be NULL */
	bool runs;
	bool in_server; /* code of the server runs, not what is simulated around it */
	bool failed; /* the storage has: nothing but sim_die() makes sense any more */
	char why[512];

	/* While it runs. */
	struct storage *storage;
	uint64_t writer_at; /* when the writer wants to be stepped again */
	struct hashpool *hashpool;
	struct server server;
	struct sim_worker workers[SIM_WORKERS_MAX];
	struct edge_kind kinds[SIM_LISTENERS_MAX];
	struct net_address bound[SIM_LISTENERS_MAX];
	struct admin *admin;
};

/* World, network and disk; no server yet. Its address must not change. 0, or -1 with `why` set: the configuration. */
CHECK int sim_init(struct sim *s, const struct sim_options *o);
void sim_fini(struct sim *s);

/* 0, or a negative storage_error with `why` set; then it does not run. */
CHECK int sim_start(struct sim *s);

enum sim_death { SIM_KILLED, SIM_WITHOUT_POWER };
/* At once, between two steps of its parts (for the middle of a write: disk.dies_at). */
void sim_die(struct sim *s, enum sim_death how);
/* The same within a step, from what the server itself has called: nothing of it is freed. For a process that soon ends. */
void sim_abandon(struct sim *s, enum sim_death how);
/* Streams are ended, what is pending is committed, then the server ends. False, and it has been killed, if that could
 * not be done in some minutes of virtual time. */
bool sim_stop(struct sim *s);

/* Each part once, in an order of its own each time, as their paces have it. True if anything has happened. */
bool sim_step(struct sim *s);
/* One part, once, whatever its pace (SIM_FIRST_WORKER + n: worker n). True if anything has happened. */
bool sim_step_part(struct sim *s, enum sim_part part);
/* Steps everything until nothing happens. False if that does not come to an end. */
bool sim_run(struct sim *s);
/* When something happens next by itself; UINT64_MAX: never. */
uint64_t sim_next_ms(const struct sim *s);
/* Lets virtual time pass, with all that happens meanwhile, to the millisecond. False as sim_run(). */
bool sim_advance(struct sim *s, uint64_t ms);

void sim_add_actor(struct sim *s, struct sim_actor *a);
void sim_remove_actor(struct sim_actor *a);

/* Puts an account into the storage, at once. The JID is bare. */
void sim_account(struct sim *s, const struct jid *jid, const struct sasl_credentials *credentials);
/* Those of a password; with few iterations a login by PLAIN is fast. */
void sim_credentials(struct sasl_credentials *c, struct str password, uint32_t iterations);
/* Where a listener of the configuration, by number, is. */
struct net_address sim_address(const struct sim *s, size_t listener);

#endif
