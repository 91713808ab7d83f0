/* Puts a server together from its configuration and its modules. */
#include "server/core/server.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/stream/limits.h"
#include "server/core/edge.h"
#include "server/core/iq.h"
#include "server/core/limits.h"
#include "server/core/mechanisms.h"
#include "server/core/worker.h"
#include "server/storage/secrets.h"

#include <stdio.h>
#include <string.h>

#define FEATURES_BYTES_MAX 65536
#define LOGIN_TRIES 3
#define TOKEN_KEY_FILE "token-key"
/* Families of keys that an account may be given at a login; SHA-1 has had its time. */
#define UPGRADES (SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_512))

static int choose_modules(struct server *s, const struct module *const *modules, char *why, size_t why_bytes)
{
	size_t all = 0;
	while (modules[all])
		all++;
	s->modules = mem_zalloc_array(all + 1, sizeof(*s->modules));
	s->module_conf = mem_zalloc_array(all + 1, sizeof(*s->module_conf));
	for (size_t i = 0; i < all; i++) {
		if (!s->config->module_on[i] && modules[i]->required) {
			snprintf(why, why_bytes, "module %s cannot be switched off", modules[i]->name);
			return -1;
		}
		if (!s->config->module_on[i])
			continue;
		s->modules[s->module_count] = modules[i];
		s->module_conf[s->module_count++] = s->config->module_conf[i];
	}
	return 0;
}

/* Kept over restarts: the salt of an unknown account must not change where that of a known one stays (L2); tokens and resources are
 * to last. */
static int load_secrets(struct server *s, char *why, size_t why_bytes)
{
	int r = secret_load_apart(
		s->storage, s->random, TOKEN_KEY_FILE, s->token_key, sizeof(s->token_key), why, why_bytes);
	if (r != 0)
		return r;
	r = secret_load(s->storage, s->random, STR("fake-salt"), s->fake_salt_secret, sizeof(s->fake_salt_secret));
	if (r == 0)
		r = secret_load(s->storage, s->random, STR("resource"), s->resource_secret, sizeof(s->resource_secret));
	if (r != 0)
		snprintf(why, why_bytes, "the server's secrets cannot be read or written%s",
			r == -STORAGE_WAIT ? "; is the disk full?" : "");
	return r;
}

static int load_hosts(struct server *s, char *why, size_t why_bytes)
{
	struct host_table *hosts = host_table_read(s->config, s->storage, why, why_bytes);
	atomic_init(&s->hosts, hosts);
	return hosts ? 0 : -1;
}

static int load_mechanisms(struct server *s, char *why, size_t why_bytes)
{
	s->mechanisms = mechanisms_new(s->config, s->storage, s->random, why, why_bytes);
	return s->mechanisms ? 0 : -1;
}

static int check_presence(struct server *s, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < s->module_count; i++) {
		const struct module *m = s->modules[i];
		buf_add(&s->stream_features, m->stream_features);
		if (!m->on_presence)
			continue;
		if (s->presence_module) {
			snprintf(why, why_bytes, "modules %s and %s both handle presence", s->presence_module->name, m->name);
			return -1;
		}
		s->presence_module = m;
	}
	if (!s->presence_module) {
		snprintf(why, why_bytes, "no module handles presence");
		return -1;
	}
	return 0;
}

int server_init(struct server *s, const struct server_parts *parts, char *why, size_t why_bytes)
{
	*s = (struct server){
		.config = parts->config,
		.storage = parts->storage,
		.hashpool = parts->hashpool,
		.tls_loader = parts->tls_loader,
		.encodes_envelopes = parts->encodes_envelopes,
		.clock = parts->clock,
		.random = parts->random,
		.log = parts->log,
	};
	buf_init(&s->stream_features, FEATURES_BYTES_MAX);
	s->limits = limits_new(&s->config->limits, s->random);
	s->connections_max = (uint64_t)s->config->limits.connections;
	if (parts->descriptors && parts->descriptors < s->connections_max)
		s->connections_max = parts->descriptors;
	s->workers = mem_zalloc_array(s->config->workers, sizeof(*s->workers));
	s->worker_count = s->config->workers;
	if (choose_modules(s, parts->modules, why, why_bytes) == 0 && check_presence(s, why, why_bytes) == 0 &&
		load_secrets(s, why, why_bytes) == 0 && load_hosts(s, why, why_bytes) == 0 &&
		load_mechanisms(s, why, why_bytes) == 0)
		s->iq = iq_table_new(s->modules, s->module_count, s->random, why, why_bytes);
	if (s->iq)
		return 0;
	server_fini(s);
	return -1;
}

void server_add_worker(struct server *s, struct worker *w)
{
	assert_always(w->index < s->worker_count && !s->workers[w->index]);
	s->workers[w->index] = w;
}

void server_fini(struct server *s)
{
	struct host_table *hosts = atomic_load(&s->hosts);
	host_change_free(s);
	host_table_free(&hosts);
	mechanisms_free(&s->mechanisms);
	iq_table_free(&s->iq);
	limits_free(&s->limits);
	buf_fini(&s->stream_features);
	mem_free(s->workers);
	mem_free(s->modules);
	mem_free(s->module_conf);
	*s = (struct server){ 0 };
}

const struct host_table *server_hosts(const struct server *s)
{
	return atomic_load_explicit(&((struct server *)s)->hosts, memory_order_acquire);
}

void server_set_tls(struct server *s, struct tls_context *tls)
{
	host_table_set_tls(atomic_load(&s->hosts), tls);
}

bool server_is_host(const struct server *s, struct str domain)
{
	return host_table_find(server_hosts(s), domain) != NULL;
}

size_t server_module_index(const struct server *s, const struct module *m)
{
	for (size_t i = 0; i < s->module_count; i++)
		if (s->modules[i] == m)
			return i;
	fault_raise(__FILE__, __LINE__, "a module that is off runs");
}

const void *server_module_conf(const struct server *s, const struct module *m)
{
	return s->module_conf[server_module_index(s, m)];
}

static unsigned mechanisms(void *ctx, struct str host)
{
	return mechanisms_of(((const struct server *)ctx)->mechanisms, host);
}

uint64_t server_idle_ms(const struct server *s)
{
	uint64_t least = 0;
	for (size_t i = 0; i < s->module_count; i++) {
		uint64_t ms = s->modules[i]->idle_ms ? s->modules[i]->idle_ms(s->module_conf[i]) : 0;
		if (ms && (!least || ms < least))
			least = ms;
	}
	return least;
}

static bool is_host(void *ctx, struct str domain)
{
	return server_is_host(ctx, domain);
}

void server_edge_kind(const struct server *s, const struct config_listener *l, struct edge_kind *kind_r)
{
	static const enum receiver_tls tls[] = {
		[CONFIG_TLS_STARTTLS] = RECEIVER_TLS_STARTTLS,
		[CONFIG_TLS_DIRECT] = RECEIVER_TLS_DIRECT,
		[CONFIG_TLS_NONE] = RECEIVER_TLS_NONE,
	};
	kind_r->direct_tls = l->tls == CONFIG_TLS_DIRECT;
	kind_r->receiver = (struct receiver_config){
		.tls = tls[l->tls],
		.random = s->random,
		.before = &stream_limits_before,
		.after = &stream_limits_client,
		.mechanisms = mechanisms,
		.upgrades = mechanisms_allowed(s->config) & UPGRADES,
		.idle_seconds = (uint32_t)((server_idle_ms(s) + 999) / 1000),
		.fake_salt_secret = str_make(s->fake_salt_secret, sizeof(s->fake_salt_secret)),
		.fake_iterations = SCRAM_ITERATIONS,
		.tries = LOGIN_TRIES,
		.redirect = l->redirect,
		.is_host = is_host,
		.ctx = (void *)s,
		.features = buf_str(&s->stream_features),
	};
}

struct migration *server_migrations(const struct module *const *modules)
{
	size_t count = 0;
	for (size_t i = 0; modules[i]; i++)
		for (const struct migration *m = modules[i]->migrations; m && m->feature; m++)
			count++;
	struct migration *all = mem_zalloc_array(count + 1, sizeof(*all));
	count = 0;
	for (size_t i = 0; modules[i]; i++)
		for (const struct migration *m = modules[i]->migrations; m && m->feature; m++)
			all[count++] = *m;
	return all;
}
