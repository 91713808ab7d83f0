/* A change of the hosts, from the request to its answer. */
#include "server/core/host_change.h"

#include "lib/base/mem.h"
#include "lib/net/tls.h"
#include "server/core/account.h"
#include "server/core/admin.h"
#include "server/core/edge.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/storage/hosts.h"

#include <stdio.h>

#define GONE "this host is not served any more"

struct host_change {
	struct worker *worker; /* of the admin socket */
	uint32_t client;
	bool removes;
	struct host_table *table; /* the new one, until it is published; then the old one */
	struct host host; /* what is added or removed, in one of these tables */
	struct tls_load load;
	struct post loaded;
	uint32_t unconfirmed; /* workers */
};

/* To a worker and back. */
struct adoption {
	struct post post;
	struct host_change *change;
};

void host_change_free(struct server *s)
{
	struct host_change *c = s->host_change;
	s->host_change = NULL;
	if (!c)
		return;
	tls_context_unref(&c->load.tls);
	host_table_free(&c->table);
	mem_free(c);
}

/* The answer is last: the client's next request, which may be such a change, is read within it. */
static void finish(struct host_change *c, const char *error)
{
	struct worker *w = c->worker;
	uint32_t client = c->client;
	char why[sizeof(c->load.why)] = "";
	if (error)
		snprintf(why, sizeof(why), "%s", error);
	else
		log_info(&w->log, "host %s domain=" STR_FMT, c->removes ? "removed" : "added", STR_ARG(c->host.name));
	host_change_free(w->server);
	if (error)
		admin_refuse(w, client, why);
	else
		admin_answer(w, client, json_null());
}

/* Publishing. */

static void confirm(struct worker *w, struct post *p)
{
	struct host_change *c = CONTAINER_OF(p, struct adoption, post)->change;
	(void)w;
	mem_free(CONTAINER_OF(p, struct adoption, post));
	if (--c->unconfirmed == 0)
		finish(c, NULL);
}

/* Streams end with host-gone (RFC 6120, 4.9.3.5), those with a session through that. */
static void let_go(struct worker *w)
{
	for (slab_handle h = 0; (h = slab_next(&w->entities, h)) != 0;) {
		struct entity *e = entity_get(w, h);
		if (e->kind != &account_kind || server_is_host(w->server, jid_domain(e->key)))
			continue;
		ACCOUNT_FOR_EACH_SESSION(s, CONTAINER_OF(e, struct account, entity))
			session_end(s, STREAM_HOST_GONE, GONE);
	}
	edge_close_unserved(w, GONE);
}

static void adopt(struct worker *w, struct post *p)
{
	struct host_change *c = CONTAINER_OF(p, struct adoption, post)->change;
	if (c->removes)
		let_go(w);
	p->run = confirm;
	worker_post(w, c->worker->index, p);
}

static void drop_adoption(struct worker *w, struct post *p)
{
	(void)w;
	mem_free(CONTAINER_OF(p, struct adoption, post));
}

static void publish(struct host_change *c)
{
	struct worker *w = c->worker;
	c->table = atomic_exchange(&w->server->hosts, c->table);
	c->unconfirmed = w->server->worker_count;
	for (uint32_t i = 0; i < w->server->worker_count; i++) {
		struct adoption *a = mem_zalloc(sizeof(*a));
		a->change = c;
		a->post.run = adopt;
		a->post.drop = drop_adoption;
		worker_post(w, i, &a->post);
	}
}

/* Storing. */

static void on_written(struct worker *w, slab_handle entity, const struct unit *u, void *ctx)
{
	struct host_change *c = ctx;
	(void)w;
	(void)entity;
	if (u->error)
		finish(c, c->removes ? "the host could not be removed" : "the host could not be added");
	else
		publish(c);
}

static void store(struct host_change *c)
{
	struct unit *u = unit_new();
	if (c->removes)
		hosts_remove(u, c->host.name);
	else
		hosts_add(u, &(struct host_row){ c->host.name, c->host.certificate, c->host.key });
	worker_commit_alone(c->worker, u, on_written, c);
}

/* TLS. */

static void on_loaded(struct worker *w, struct post *p)
{
	struct host_change *c = CONTAINER_OF(p, struct host_change, loaded);
	(void)w;
	if (!c->load.tls) {
		finish(c, c->load.why);
		return;
	}
	host_table_set_tls(c->table, c->load.tls);
	c->load.tls = NULL;
	store(c);
}

/* The change is its server's. */
static void drop_loaded(struct worker *w, struct post *p)
{
	(void)w;
	(void)p;
}

static void on_load_done(struct tls_load *l)
{
	struct host_change *c = CONTAINER_OF(l, struct host_change, load);
	c->loaded = (struct post){ .run = on_loaded, .drop = drop_loaded };
	worker_post_from_outside(c->worker, &c->loaded);
}

static struct host_change *begin(struct worker *w, uint32_t client, struct host_table *table)
{
	struct host_change *c = w->server->host_change = mem_zalloc(sizeof(*c));
	c->worker = w;
	c->client = client;
	c->table = table;
	return c;
}

static void keep_tls(struct host_change *c)
{
	struct tls_context *tls = host_table_tls(server_hosts(c->worker->server));
	if (tls)
		host_table_set_tls(c->table, tls_context_ref(tls));
}

static const char busy[] = "another change of the hosts is under way; try again";

void host_change_add(struct worker *w, uint32_t client, const struct host *h)
{
	struct server *server = w->server;
	const struct host_table *now = server_hosts(server);
	const char *why = server->host_change                    ? busy
			  : host_table_find(now, h->name)         ? "this host is served already"
			  : host_table_count(now) >= HOSTS_MAX    ? "there are as many hosts as there can be"
								  : NULL;
	if (why) {
		admin_refuse(w, client, why);
		return;
	}
	struct host_change *c = begin(w, client, host_table_with(now, h));
	c->host = *host_table_find(c->table, h->name);
	if (!server->tls_loader.load) {
		keep_tls(c);
		store(c);
		return;
	}
	c->load.hosts = c->table;
	c->load.done = on_load_done;
	server->tls_loader.load(server->tls_loader.ctx, &c->load);
}

void host_change_remove(struct worker *w, uint32_t client, struct str name)
{
	struct server *server = w->server;
	const struct host_table *now = server_hosts(server);
	const struct host *h = host_table_find(now, name);
	const char *why = server->host_change ? busy
			  : !h                ? "there is no such host"
			  : h->is_configured  ? "this host is in the configuration file: remove it there, and restart the server"
					      : NULL;
	if (why) {
		admin_refuse(w, client, why);
		return;
	}
	struct host_change *c = begin(w, client, host_table_without(now, name));
	c->removes = true;
	c->host = *h; /* lives in the table of now, which is freed last */
	/* Its certificate stays loaded until the next context is made: no other host's can stand in the way of a removal. */
	keep_tls(c);
	store(c);
}
