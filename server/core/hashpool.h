/* The pool that computes PBKDF2 for PLAIN logins: 2 ms of work that no worker may do. Bounded: when too many logins wait, the next is
 * told to try again later. */
#ifndef LINNET_HASHPOOL_H
#define LINNET_HASHPOOL_H

#include "lib/base/slab.h"
#include "lib/base/str.h"
#include "lib/crypto/digest.h"

#include <stdbool.h>
#include <stdint.h>

struct hashpool;
struct worker;

/* `wake` says that there is something for hashpool_step(); any thread; may be NULL. */
struct hashpool *hashpool_new(void (*wake)(void *ctx), void *ctx);
void hashpool_free(struct hashpool **p);

/* On the worker, later: the salted password, or NULL if the pool is full. `handle` is passed through. */
typedef void hashpool_done(struct worker *w, slab_handle handle, const unsigned char *salted);
/* From a worker. The slices are copied, and wiped afterwards. */
void hashpool_submit(struct hashpool *p, struct worker *w, slab_handle handle, enum digest d, struct str password,
	struct str salt, uint32_t iterations, hashpool_done *on_done);

/* Computes one. False if nothing waits. Any number of threads. */
bool hashpool_step(struct hashpool *p);

#endif
