/* The list of sessions goes from worker to worker: each adds its own, in a turn of its own, and the last one answers. Nothing is kept of
 * a session for it: its address and TLS are asked of its connection. */
#include "server/core/admin_sessions.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "server/core/account.h"
#include "server/core/client_json.h"
#include "server/core/edge.h"
#include "server/core/entity.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/token.h"
#include "server/core/worker.h"
#include "server/storage/accounts.h"
#include "server/storage/clients.h"

#define SESSIONS_LISTED_MAX 10000
/* An answer is written in one piece, and users choose how long their addresses are. */
#define SESSIONS_BYTES_MAX (2u << 20)
/* What a session takes of it beside its address. */
#define SESSION_BYTES 160
#define PAGE 1000

/* NULL after the refusal. */
static const struct jid *account_of(const struct admin_call *call, struct arena *a)
{
	const char *text = json_string_value(json_object_get(call->request, "jid")), *why = "no jid is given";
	const struct jid *jid;
	if (text && jid_parse(a, str_from_c(text), &jid, &why) == 0) {
		if (jid->local_n && jid_is_bare(jid))
			return jid;
		why = "not an account: it takes localpart@domain";
	}
	admin_refuse(call->worker, call->client, why);
	return NULL;
}

/* Sessions. */

struct survey {
	struct post post;
	struct remote_handle admin;
	const struct jid *jid; /* of whom; NULL: everybody. In memory of its own */
	json_t *sessions;
	size_t bytes; /* of them */
	json_int_t more; /* than fit */
	uint32_t at; /* the worker that is next */
};

static void survey_free(struct survey *v)
{
	json_decref(v->sessions);
	jid_free(&v->jid);
	mem_free(v);
}

static json_t *describe(const struct session *s)
{
	struct str jid = jid_full(s->jid);
	struct worker *w = s->account->entity.worker;
	struct net_address peer;
	struct tls_info tls = { 0 };
	char text[NET_ADDRESS_TEXT];
	json_t *j = json_pack("{s:o, s:I}", "jid", json_stringn(jid.p, jid.n), "idle_ms",
		(json_int_t)(worker_now(w) - s->last_input_ms));
	if (session_is_available(s))
		json_object_set_new(j, "priority", json_integer(s->priority));
	if (s->transport && edge_find_peer(s->transport, &peer, &tls)) {
		struct str address = net_address_format(&peer, text);
		json_object_set_new(j, "address", json_stringn(address.p, address.n));
	}
	if (tls.version)
		json_object_set_new(j, "tls", json_string(tls.version));
	return j;
}

static void survey_drop(struct worker *w, struct post *p)
{
	(void)w;
	survey_free(CONTAINER_OF(p, struct survey, post));
}

/* Of a JSON string: quotes and backslashes take two; a JID has no control characters. */
static size_t json_bytes(struct str s)
{
	size_t n = s.n;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '"' || s.p[i] == '\\';
	return n;
}

static bool fits(struct survey *v, const struct session *s)
{
	size_t bytes = SESSION_BYTES + json_bytes(jid_full(s->jid));
	if (json_array_size(v->sessions) == SESSIONS_LISTED_MAX || bytes > SESSIONS_BYTES_MAX - v->bytes)
		return false;
	v->bytes += bytes;
	return true;
}

static void survey_run(struct worker *w, struct post *p)
{
	struct survey *v = CONTAINER_OF(p, struct survey, post);
	if (v->at == w->server->worker_count) {
		admin_answer(w, v->admin.handle, json_pack("{s:O, s:I}", "sessions", v->sessions, "more", v->more));
		survey_free(v);
		return;
	}
	for (slab_handle h = 0; (h = slab_next(&w->sessions, h)) != 0;) {
		const struct session *s = session_get(w, h);
		if (s->closing || (v->jid && !jid_equal_bare(s->jid, v->jid)))
			continue;
		if (fits(v, s))
			json_array_append_new(v->sessions, describe(s));
		else
			v->more++;
	}
	v->at++;
	worker_post(w, v->at == w->server->worker_count ? v->admin.worker : v->at, p);
}

void admin_run_session_list(const struct admin_call *call)
{
	struct worker *w = call->worker;
	struct arena *a = arena_new(512, JID_ARENA_BYTES_MAX);
	const struct jid *jid = json_object_get(call->request, "jid") ? account_of(call, a) : NULL;
	if (jid || !json_object_get(call->request, "jid")) {
		struct survey *v = mem_zalloc(sizeof(*v));
		*v = (struct survey){ .post = { .run = survey_run, .drop = survey_drop }, .admin = { w->index, call->client },
			.jid = jid ? jid_new(jid) : NULL, .sessions = json_array() };
		worker_post(w, 0, &v->post);
	}
	arena_free(&a);
}

/* Clients. */

static void on_clients(struct worker *w, slab_handle client, const struct query *q)
{
	struct client_row row;
	if (q->error) {
		admin_refuse(w, client, "the storage cannot be read at the moment");
		return;
	}
	json_t *clients = json_array();
	for (size_t r = 0; clients_list_row(q, r, &row); r++)
		json_array_append_new(clients, client_json_build(&row, worker_wall(w)));
	admin_answer(w, client, clients);
}

void admin_run_client_list(const struct admin_call *call)
{
	const char *owner = json_string_value(json_object_get(call->request, "owner"));
	const char *id = json_string_value(json_object_get(call->request, "id"));
	struct arena *a = arena_new(512, JID_ARENA_BYTES_MAX);
	const struct jid *jid = json_object_get(call->request, "jid") ? account_of(call, a) : NULL;
	struct query *q = NULL;
	if (jid)
		q = clients_of(jid_bare(jid));
	else if (!json_object_get(call->request, "jid"))
		q = clients_list(str_from_c(owner ? owner : ""), str_from_c(id ? id : ""), PAGE);
	if (q)
		worker_query_alone(call->worker, q, on_clients, call->client);
	arena_free(&a);
}

/* In the unit's arena. */
struct revocation {
	uint32_t admin;
	const struct jid *jid;
	struct str client; /* empty: all */
};

/* Goes from worker to worker to end the logins that have no session yet: twice, since one that was on its way to another worker the
 * first time has arrived by the second. The account is the last one to hear of it. */
struct visit {
	struct post post;
	struct remote_handle admin;
	struct arena *arena;
	const struct jid *jid;
	struct str client; /* empty: all */
	uint32_t at;
};

static void visit_drop(struct worker *w, struct post *p)
{
	struct visit *v = CONTAINER_OF(p, struct visit, post);
	(void)w;
	arena_free(&v->arena);
	mem_free(v);
}

static void revoke_sessions(struct worker *w, const struct visit *visit)
{
	const struct server *server = w->server;
	char own[CLIENT_RESOURCE_CHARS];
	struct envelope *v = envelope_new(ENVELOPE_SESSION_REVOKE, JID_BYTES_MAX + 256);
	v->to = jid_dup(v->arena, visit->jid);
	v->source = visit->admin;
	if (visit->client.n) {
		client_resource(str_make(server->resource_secret, sizeof(server->resource_secret)), jid_bare(visit->jid),
			visit->client, own);
		v->text = arena_dup(v->arena, str_make(own, sizeof(own)));
	}
	worker_send(w, entity_worker(w, v->to), v);
}

static void visit_run(struct worker *w, struct post *p)
{
	struct visit *v = CONTAINER_OF(p, struct visit, post);
	edge_close_revoked(w, v->jid, v->client, "this client may not log in any more");
	if (++v->at < 2 * w->server->worker_count) {
		worker_post(w, v->at % w->server->worker_count, p);
		return;
	}
	revoke_sessions(w, v);
	visit_drop(w, p);
}

/* What was durable of it is gone; now its logins and sessions. */
static void on_revoked(struct worker *w, slab_handle entity, const struct unit *u, void *ctx)
{
	const struct revocation *r = ctx;
	(void)entity;
	if (u->error) {
		admin_refuse(w, r->admin, r->client.n ? "there is no such client" : "there is no such account");
		return;
	}
	struct visit *v = mem_zalloc(sizeof(*v));
	*v = (struct visit){ .post = { .run = visit_run, .drop = visit_drop }, .admin = { w->index, r->admin },
		.arena = arena_new(256, JID_ARENA_BYTES_MAX) };
	v->jid = jid_dup(v->arena, r->jid);
	v->client = arena_dup(v->arena, r->client);
	worker_post(w, 0, &v->post);
}

void admin_run_session_revoke(const struct admin_call *call)
{
	struct unit *u = unit_new();
	struct revocation *r = arena_zalloc(u->arena, sizeof(*r));
	const char *client = json_string_value(json_object_get(call->request, "client"));
	r->admin = call->client;
	r->jid = account_of(call, u->arena);
	r->client = arena_dup(u->arena, str_from_c(client ? client : ""));
	if (!r->jid) {
		unit_free(&u);
		return;
	}
	clients_revoke(u, r->jid, r->client);
	worker_commit_alone(call->worker, u, on_revoked, r);
}
