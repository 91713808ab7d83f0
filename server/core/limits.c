/* One lock around guests and addresses. */
#include "server/core/limits.h"

#include "lib/base/mem.h"
#include "server/core/addresses.h"
#include "server/core/guests.h"

#include <pthread.h>

/* Addresses that are remembered, beside those of guests: about a megabyte and a half. */
#define ADDRESSES_MAX 16384

struct limits {
	bool on;
	pthread_mutex_t lock;
	struct guests guests;
	struct addresses addresses;
};

static uint32_t places(const struct config_limits *config)
{
	uint64_t by_memory = config->unauthenticated_memory / GUEST_BYTES;
	return by_memory < (uint64_t)config->unauthenticated ? (uint32_t)by_memory : (uint32_t)config->unauthenticated;
}

struct limits *limits_new(const struct config_limits *config, const struct random_source *r)
{
	struct limits *l = mem_zalloc(sizeof(*l));
	struct address_rules rules = {
		.guests = (unsigned)config->address_unauthenticated,
		.per_minute = (unsigned)config->address_connections,
		.failures = (unsigned)config->login_failures,
		.penalty_max_ms = config->login_penalty,
	};
	l->on = config->rate;
	pthread_mutex_init(&l->lock, NULL);
	guests_init(&l->guests, places(config), r);
	addresses_init(&l->addresses, &rules, places(config) + ADDRESSES_MAX, r);
	return l;
}

void limits_free(struct limits **pointer)
{
	struct limits *l = *pointer;
	*pointer = NULL;
	if (!l)
		return;
	guests_fini(&l->guests);
	addresses_fini(&l->addresses);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

static void leave(struct limits *l, struct guest *g)
{
	addresses_leave(&l->addresses, &g->address);
	guests_remove(&l->guests, g);
}

static struct limits_entry enter(struct limits *l, const struct net_address *a, uint64_t now_ms, uint32_t worker,
	slab_handle edge)
{
	struct limits_entry e = { .answer = LIMITS_ADMITTED };
	switch (addresses_enter(&l->addresses, a, now_ms)) {
	case ADDRESS_WELCOME: break;
	case ADDRESS_HAS_TOO_MANY: e.answer = LIMITS_TOO_MANY; return e;
	case ADDRESS_COMES_TOO_OFTEN: e.answer = LIMITS_TOO_OFTEN; return e;
	}
	if (guests_is_full(&l->guests)) {
		struct guest *last = guests_last_welcome(&l->guests);
		e.evicted = (struct remote_handle){ last->worker, last->edge };
		leave(l, last);
	}
	e.guest = guests_add(&l->guests, a, worker, edge);
	return e;
}

struct limits_entry limits_enter(struct limits *l, const struct net_address *a, uint64_t now_ms, uint32_t worker,
	slab_handle edge)
{
	if (!l->on)
		return (struct limits_entry){ .answer = LIMITS_ADMITTED };
	pthread_mutex_lock(&l->lock);
	struct limits_entry e = enter(l, a, now_ms, worker, edge);
	pthread_mutex_unlock(&l->lock);
	return e;
}

void limits_leave(struct limits *l, slab_handle guest)
{
	if (!l->on || !guest)
		return;
	pthread_mutex_lock(&l->lock);
	struct guest *g = guests_get(&l->guests, guest);
	if (g)
		leave(l, g);
	pthread_mutex_unlock(&l->lock);
}

bool limits_may_log_in(struct limits *l, const struct net_address *a, uint64_t now_ms)
{
	if (!l->on)
		return true;
	pthread_mutex_lock(&l->lock);
	bool may = addresses_may_try(&l->addresses, a, now_ms);
	pthread_mutex_unlock(&l->lock);
	return may;
}

void limits_login_failed(struct limits *l, const struct net_address *a, uint64_t now_ms)
{
	if (!l->on)
		return;
	pthread_mutex_lock(&l->lock);
	addresses_failed(&l->addresses, a, now_ms);
	pthread_mutex_unlock(&l->lock);
}

struct limits_numbers limits_numbers(struct limits *l)
{
	pthread_mutex_lock(&l->lock);
	struct limits_numbers n = { .guests = l->guests.slab.count, .guests_max = l->guests.max,
		.addresses = l->addresses.slab.count };
	pthread_mutex_unlock(&l->lock);
	return n;
}
