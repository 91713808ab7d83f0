/* The table is small, mostly empty, and asked once a stream: a lock is all it needs. */
#include "server/core/mechanisms.h"

#include "lib/base/fault.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/stream/sasl.h"
#include "server/core/config.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "server/storage/accounts.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* What the accounts of a host lack. */
struct entry {
	struct hash_node node;
	unsigned lacking; /* mask of 1u << digest */
	uint32_t asked; /* the storage, so many times: only the last answer counts */
	size_t n;
	char host[];
};

struct mechanisms {
	const struct config *config;
	pthread_mutex_t lock;
	struct hash_key key;
	struct hash_table hosts;
};

static bool entry_equal(const struct hash_node *node, const void *key)
{
	const struct entry *e = CONTAINER_OF_CONST(node, struct entry, node);
	return str_eq(str_make(e->host, e->n), *(const struct str *)key);
}

static struct entry *find(const struct mechanisms *m, struct str host)
{
	struct hash_node *node = hash_table_find(&m->hosts, hash_bytes(m->key, host), entry_equal, &host);
	return node ? CONTAINER_OF(node, struct entry, node) : NULL;
}

static struct entry *find_or_add(struct mechanisms *m, struct str host)
{
	struct entry *e = find(m, host);
	if (e)
		return e;
	e = mem_zalloc(sizeof(*e) + host.n);
	e->n = host.n;
	memcpy(e->host, host.p, host.n);
	hash_table_insert(&m->hosts, &e->node, hash_bytes(m->key, host));
	return e;
}

static int read_hosts(struct mechanisms *m, struct storage *s)
{
	struct str host;
	unsigned lacking;
	struct query *q = accounts_lacking_hosts();
	int r = storage_query_now(s, q);
	for (size_t i = 0; r == 0 && accounts_lacking_host(q, i, &host, &lacking); i++)
		find_or_add(m, host)->lacking |= lacking;
	if (q->more)
		r = -STORAGE_UNIT;
	query_free(&q);
	return r;
}

struct mechanisms *mechanisms_new(
	const struct config *c, struct storage *s, const struct random_source *random, char *why, size_t why_bytes)
{
	struct mechanisms *m = mem_zalloc(sizeof(*m));
	m->config = c;
	m->key = hash_key_new(random);
	hash_table_init(&m->hosts, random);
	pthread_mutex_init(&m->lock, NULL);
	if (read_hosts(m, s) != 0) {
		snprintf(why, why_bytes, "the accounts cannot be read");
		mechanisms_free(&m);
	}
	return m;
}

void mechanisms_free(struct mechanisms **pointer)
{
	struct mechanisms *m = *pointer;
	*pointer = NULL;
	if (!m)
		return;
	for (struct hash_node *n; (n = hash_table_next(&m->hosts, NULL));) {
		hash_table_remove(&m->hosts, n);
		mem_free(CONTAINER_OF(n, struct entry, node));
	}
	hash_table_fini(&m->hosts);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

unsigned mechanisms_allowed(const struct config *c)
{
	return c->mechanisms | (c->fast ? SASL_TOKEN_BITS : 0);
}

static bool is_anonymous(const struct config *c, struct str host)
{
	for (size_t i = 0; i < c->anonymous_count; i++)
		if (str_eq(c->anonymous[i], host))
			return true;
	return false;
}

unsigned mechanisms_of(const struct mechanisms *m, struct str host)
{
	static const unsigned families[DIGESTS] = {
		[DIGEST_SHA1] = SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS),
		[DIGEST_SHA256] = SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS),
		[DIGEST_SHA512] = SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_512_PLUS),
	};
	struct mechanisms *unlocked = (struct mechanisms *)m;
	pthread_mutex_lock(&unlocked->lock);
	const struct entry *e = find(m, host);
	unsigned lacking = e ? e->lacking : 0, offered = mechanisms_allowed(m->config);
	pthread_mutex_unlock(&unlocked->lock);
	for (enum digest d = 0; d < DIGESTS; d++)
		if (lacking & 1u << d)
			offered &= ~families[d];
	if (is_anonymous(m->config, host))
		offered |= SASL_BIT(SASL_ANONYMOUS);
	return offered;
}

static void on_lacking(struct worker *w, slab_handle asked, const struct query *q)
{
	struct mechanisms *m = w->server->mechanisms;
	unsigned lacking;
	if (!accounts_lacking_read(q, &lacking))
		return; /* then it stays as cautious as it is */
	pthread_mutex_lock(&m->lock);
	struct entry *e = find(m, q->params[0].s);
	if (e && e->asked == asked)
		e->lacking = lacking;
	pthread_mutex_unlock(&m->lock);
}

unsigned mechanisms_lacking(const struct sasl_credentials *c)
{
	unsigned lacking = 0;
	for (enum digest d = 0; d < DIGESTS; d++)
		if (!c->keys[d].is_set)
			lacking |= 1u << d;
	return lacking;
}

void mechanisms_account_changed(struct worker *w, struct str host, unsigned lacking)
{
	struct mechanisms *m = w->server->mechanisms;
	pthread_mutex_lock(&m->lock);
	struct entry *e = find(m, host);
	/* Where all have everything, another one that has everything changes nothing. */
	bool asks = lacking || (e && e->lacking);
	uint32_t asked = 0;
	if (asks) {
		e = find_or_add(m, host);
		e->lacking |= lacking;
		asked = ++e->asked;
	}
	pthread_mutex_unlock(&m->lock);
	if (asks)
		worker_query_alone(w, accounts_lacking(host), on_lacking, asked);
}
