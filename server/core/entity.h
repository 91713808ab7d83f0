/* Entities: accounts today, rooms and nodes later. Each lives on exactly one worker, the one its key hashes to, and is
 * touched by no other; there are no locks inside.
 *
 * An entity is made when an envelope for it arrives, loads what it needs while further envelopes wait in it, keeps its hot
 * state in memory and is evicted when idle. Everything that happens to it comes as an envelope, one at a time, in order. */
#ifndef LINNET_ENTITY_H
#define LINNET_ENTITY_H

#include "lib/base/hash.h"
#include "lib/base/slab.h"
#include "lib/base/str.h"
#include "lib/base/wheel.h"
#include "server/core/envelope.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;
struct entity;
struct outcome;

#define ENTITY_SLOTS 4096
/* Envelopes that wait for an entity to load; of what comes on top, its kind refuses what it may. */
#define ENTITY_WAITING_MAX 4096

/* What is particular to a kind of entity. */
struct entity_kind {
	const char *name;
	size_t bytes; /* of the struct that begins with struct entity */
	/* The entity has been made: begin to load what it always needs, if anything (entity_wait). */
	void (*start)(struct entity *e);
	/* True if the envelope can be handled now; otherwise loads have begun (entity_wait), and it is asked again. */
	bool (*is_ready)(struct entity *e, const struct envelope *v);
	/* Too many wait already. True if it has answered the envelope (borrowed), false if that one must wait all the same. */
	bool (*refuse)(struct entity *e, const struct envelope *v);
	/* Handles it; the envelope is the kind's to free. */
	void (*handle)(struct entity *e, struct envelope *v);
	/* Unused for a while: gives back what can be loaded again. True if nothing is left that must stay in memory. */
	bool (*is_idle)(struct entity *e);
	void (*fini)(struct entity *e);
};

struct entity {
	struct hash_node node; /* in worker->entities, by key */
	struct worker *worker;
	const struct entity_kind *kind;
	const struct jid *key; /* a bare JID, in memory of its own */
	slab_handle handle; /* of its struct entity_slot in worker->entities */
	uint64_t used_ms; /* last activity; the timer is re-armed lazily */
	bool timer_set;
	bool retries; /* the timer ends a pause, which counts as a load */
	uint16_t loads; /* under way */
	uint32_t waiting_count;
	struct envelope *waiting_first, *waiting_last;
	uint64_t ticket; /* of its last unit: reads start after its release */
	struct outcome *outcome; /* of its last unit; see worker_outcome() */
};

/* What worker->entities holds: entities differ in size. */
struct entity_slot {
	struct entity *entity;
	struct wheel_node timer; /* eviction */
};

/* The slot of a key, the same in every process: hash % ENTITY_SLOTS. */
uint32_t entity_slot_of(const struct jid *key);
/* The worker that owns the key. */
uint32_t entity_worker(const struct worker *w, const struct jid *key);

/* On the owner: the entity if it is in memory, else NULL. */
struct entity *entity_find(struct worker *w, const struct jid *key);
/* On the owner: handles the envelope (taken), making the entity if need be. */
void entity_deliver(struct worker *w, const struct entity_kind *kind, struct envelope *v);

/* A load has begun; envelopes wait until as many entity_resume() calls. */
void entity_wait(struct entity *e);
void entity_resume(struct entity *e);
/* Nothing could be loaded and what waits first cannot be refused: it is asked again whether it is ready in a second. */
void entity_retry(struct entity *e);

/* By handle, after a callback; NULL if it has gone. */
struct entity *entity_get(struct worker *w, slab_handle h);
/* It has become idle, as far as its owner knows: looks again when it has been unused for a while. */
void entity_touch(struct entity *e);
/* Its timer: evicts what has been idle long enough. `ctx` is the worker. */
void entity_on_timer(void *ctx, slab_handle h);
/* At the end of the worker: all of them. */
void entity_drop_all(struct worker *w);

#endif
