/* Addresses. Each rate is one time: when all that was done is worked off. What would move it too far ahead is refused. */
#include "server/core/addresses.h"

#include "lib/base/fault.h"

#include <string.h>

#define MINUTE_MS 60000
#define PENALTY_MS 1000
/* Failures that are remembered beyond those without consequences: then the last of them is forgotten in ten minutes. */
#define FAILURES_MAX 10

struct address {
	struct hash_node node;
	struct list idle_link;
	struct source source;
	slab_handle self;
	unsigned guests;
	uint64_t connects_at; /* when the minute's share of connections is all there again */
	uint64_t forgiven_at; /* when all failures are forgotten, a minute each */
	uint64_t next_try_at;
};

struct source source_of(const struct net_address *a, unsigned bits_of_ipv4, unsigned bits_of_ipv6)
{
	struct source s = { .bytes = { (unsigned char)a->family } };
	size_t n = 0;
	if (a->family == NET_IPV4)
		n = bits_of_ipv4 / 8;
	else if (a->family == NET_IPV6)
		n = bits_of_ipv6 / 8;
	assert_always(n < sizeof(s.bytes));
	memcpy(s.bytes + 1, a->ip, n);
	return s;
}

struct str source_str(const struct source *s)
{
	return str_make((const char *)s->bytes, sizeof(s->bytes));
}

void addresses_init(struct addresses *as, const struct address_rules *rules, uint32_t max, const struct random_source *r)
{
	as->rules = *rules;
	as->key = hash_key_new(r);
	hash_table_init(&as->table, r);
	slab_init(&as->slab, sizeof(struct address), max);
	list_init(&as->idle);
}

void addresses_fini(struct addresses *as)
{
	hash_table_fini(&as->table);
	slab_fini(&as->slab);
}

static bool equals(const struct hash_node *node, const void *key)
{
	return memcmp(&CONTAINER_OF_CONST(node, struct address, node)->source, key, sizeof(struct source)) == 0;
}

static void forget(struct addresses *as, struct address *a)
{
	list_remove(&a->idle_link);
	hash_table_remove(&as->table, &a->node);
	slab_free(&as->slab, a->self);
}

static struct address *add(struct addresses *as, const struct source *s, uint64_t hash)
{
	void *object;
	if (as->slab.count == as->slab.max_objects) {
		assert_always(!list_is_empty(&as->idle));
		forget(as, CONTAINER_OF(as->idle.next, struct address, idle_link));
	}
	slab_handle h = slab_alloc(&as->slab, &object);
	struct address *a = object;
	assert_always(h);
	a->self = h;
	a->source = *s;
	list_init(&a->idle_link);
	hash_table_insert(&as->table, &a->node, hash);
	return a;
}

/* The one of this address; it has been used now. */
static struct address *use(struct addresses *as, const struct net_address *of)
{
	struct source s = source_of(of, 32, 64);
	uint64_t hash = hash_bytes(as->key, source_str(&s));
	struct hash_node *node = hash_table_find(&as->table, hash, equals, &s);
	struct address *a = node ? CONTAINER_OF(node, struct address, node) : add(as, &s, hash);
	list_remove(&a->idle_link);
	if (a->guests == 0)
		list_add_last(&as->idle, &a->idle_link);
	return a;
}

enum address_answer addresses_enter(struct addresses *as, const struct net_address *of, uint64_t now_ms)
{
	struct address *a = use(as, of);
	uint64_t at = a->connects_at > now_ms ? a->connects_at : now_ms;
	at += MINUTE_MS / as->rules.per_minute;
	if (at > now_ms + MINUTE_MS)
		return ADDRESS_COMES_TOO_OFTEN;
	a->connects_at = at;
	if (a->guests >= as->rules.guests)
		return ADDRESS_HAS_TOO_MANY;
	a->guests++;
	list_remove(&a->idle_link);
	return ADDRESS_WELCOME;
}

void addresses_leave(struct addresses *as, const struct net_address *of)
{
	struct address *a = use(as, of);
	assert_always(a->guests > 0);
	if (--a->guests == 0)
		list_add_last(&as->idle, &a->idle_link);
}

/* Between two tries; 0: no penalty. */
static uint64_t penalty_ms(const struct addresses *as, const struct address *a, uint64_t now_ms)
{
	uint64_t failures = a->forgiven_at > now_ms ? (a->forgiven_at - now_ms + MINUTE_MS - 1) / MINUTE_MS : 0;
	if (failures <= as->rules.failures)
		return 0;
	uint64_t surplus = failures - as->rules.failures;
	uint64_t ms = PENALTY_MS << (surplus <= FAILURES_MAX ? surplus - 1 : FAILURES_MAX);
	return ms < as->rules.penalty_max_ms ? ms : as->rules.penalty_max_ms;
}

bool addresses_may_try(struct addresses *as, const struct net_address *of, uint64_t now_ms)
{
	struct address *a = use(as, of);
	uint64_t ms = penalty_ms(as, a, now_ms);
	if (ms == 0)
		return true;
	if (now_ms < a->next_try_at)
		return false;
	/* Others that try at the same time wait, whatever comes of this one. */
	a->next_try_at = now_ms + ms;
	return true;
}

void addresses_failed(struct addresses *as, const struct net_address *of, uint64_t now_ms)
{
	struct address *a = use(as, of);
	uint64_t at = (a->forgiven_at > now_ms ? a->forgiven_at : now_ms) + MINUTE_MS;
	uint64_t most = now_ms + (uint64_t)MINUTE_MS * (as->rules.failures + FAILURES_MAX);
	a->forgiven_at = at < most ? at : most;
	a->next_try_at = now_ms + penalty_ms(as, a, now_ms);
}
