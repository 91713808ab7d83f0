/* An array of hosts with an index by open addressing. Names that others choose are only looked up, never put in, so a fixed hash
 * key does: a search ends after the few entries that operators' names make. */
#include "server/core/host_table.h"

#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/net/tls.h"
#include "server/core/config.h"
#include "server/storage/hosts.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES_MAX ((size_t)1 << 30)
#define PAGE            1000

static const struct hash_key key = { 0x6c696e6e65742d68, 0x6f7374732d746162 };

struct host_table {
	struct arena *arena;
	struct host *hosts;
	size_t count;
	uint32_t *index; /* place in `hosts` plus one; 0: free. Twice as many as hosts, or more; a power of two */
	size_t mask;
	struct tls_context *tls;
};

static void put(struct host_table *t, const struct host *h)
{
	struct host *own = &t->hosts[t->count++];
	*own = (struct host){ arena_dup(t->arena, h->name), arena_dup(t->arena, h->certificate),
		arena_dup(t->arena, h->key), h->is_configured };
	size_t at = hash_bytes(key, own->name) & t->mask;
	while (t->index[at])
		at = (at + 1) & t->mask;
	t->index[at] = (uint32_t)t->count;
}

static struct host_table *table_new(size_t capacity)
{
	assert_always(capacity <= HOSTS_MAX);
	struct host_table *t = mem_zalloc(sizeof(*t));
	size_t slots = 4;
	while (slots < 2 * capacity)
		slots *= 2;
	t->arena = arena_new(1024, ARENA_BYTES_MAX);
	t->hosts = mem_zalloc_array(capacity + 1, sizeof(*t->hosts));
	t->index = mem_zalloc_array(slots, sizeof(*t->index));
	t->mask = slots - 1;
	return t;
}

struct host_table *host_table_new(const struct host *hosts, size_t count)
{
	struct host_table *t = table_new(count);
	for (size_t i = 0; i < count; i++)
		put(t, &hosts[i]);
	return t;
}

static struct host configured_host(const struct config *c, struct str name)
{
	struct host h = { .name = name, .is_configured = true };
	for (size_t i = 0; i < c->certificate_count; i++) {
		if (str_eq(c->certificates[i].host, name)) {
			h.certificate = c->certificates[i].certificate;
			h.key = c->certificates[i].key;
		}
	}
	return h;
}

struct gathered {
	struct arena *arena;
	struct host *hosts;
	size_t count, room;
};

static void gather(struct gathered *g, const struct host *h)
{
	if (g->count == g->room) {
		g->room = g->room ? 2 * g->room : 16;
		g->hosts = mem_resize(g->hosts, g->room * sizeof(*g->hosts));
	}
	g->hosts[g->count++] = (struct host){ arena_dup(g->arena, h->name), arena_dup(g->arena, h->certificate),
		arena_dup(g->arena, h->key), h->is_configured };
}

/* A page of the storage's, but for those that the configuration has too. How many rows there were, or -1. */
static int gather_page(struct gathered *g, const struct host_table *configured, struct storage *s, struct str *after)
{
	struct query *q = hosts_list(*after, PAGE);
	struct host_row row;
	int count = storage_query_now(s, q) == 0 ? 0 : -1;
	while (count >= 0 && hosts_list_row(q, (size_t)count, &row)) {
		if (!host_table_find(configured, row.domain))
			gather(g, &(struct host){ row.domain, row.certificate, row.key, false });
		*after = arena_dup(g->arena, row.domain);
		count++;
	}
	query_free(&q);
	return count;
}

struct host_table *host_table_read(const struct config *c, struct storage *s, char *why, size_t why_bytes)
{
	struct gathered g = { .arena = arena_new(1024, ARENA_BYTES_MAX) };
	struct host_table *t = NULL;
	struct str after = STR("");
	int count = PAGE;
	for (size_t i = 0; i < c->host_count; i++) {
		struct host h = configured_host(c, c->hosts[i]);
		gather(&g, &h);
	}
	struct host_table *configured = host_table_new(g.hosts, g.count);
	while (count == PAGE && g.count <= HOSTS_MAX)
		count = gather_page(&g, configured, s, &after);
	if (count < 0)
		snprintf(why, why_bytes, "the hosts cannot be read");
	else if (g.count > HOSTS_MAX)
		snprintf(why, why_bytes, "more than %d hosts", HOSTS_MAX);
	else
		t = host_table_new(g.hosts, g.count);
	host_table_free(&configured);
	mem_free(g.hosts);
	arena_free(&g.arena);
	return t;
}

struct host_table *host_table_with(const struct host_table *t, const struct host *h)
{
	struct host_table *other = table_new(t->count + 1);
	for (size_t i = 0; i < t->count; i++)
		put(other, &t->hosts[i]);
	put(other, h);
	return other;
}

struct host_table *host_table_without(const struct host_table *t, struct str name)
{
	struct host_table *other = table_new(t->count);
	for (size_t i = 0; i < t->count; i++)
		if (!str_eq(t->hosts[i].name, name))
			put(other, &t->hosts[i]);
	return other;
}

void host_table_free(struct host_table **pointer)
{
	struct host_table *t = *pointer;
	*pointer = NULL;
	if (!t)
		return;
	tls_context_unref(&t->tls);
	arena_free(&t->arena);
	mem_free(t->hosts);
	mem_free(t->index);
	mem_free(t);
}

size_t host_table_count(const struct host_table *t)
{
	return t->count;
}

const struct host *host_table_get(const struct host_table *t, size_t i)
{
	return i < t->count ? &t->hosts[i] : NULL;
}

const struct host *host_table_find(const struct host_table *t, struct str name)
{
	/* Most servers have one. */
	if (t->count == 1)
		return str_eq(t->hosts[0].name, name) ? t->hosts : NULL;
	for (size_t at = hash_bytes(key, name) & t->mask; t->index[at]; at = (at + 1) & t->mask) {
		const struct host *h = &t->hosts[t->index[at] - 1];
		if (str_eq(h->name, name))
			return h;
	}
	return NULL;
}

void host_table_set_tls(struct host_table *t, struct tls_context *tls)
{
	assert_always(!t->tls);
	t->tls = tls;
}

struct tls_context *host_table_tls(const struct host_table *t)
{
	return t->tls;
}
