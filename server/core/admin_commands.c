/* The commands of the admin socket: status, the accounts, and the table of all. */
#include "server/core/account.h"
#include "server/core/admin_commands.h"
#include "server/core/admin_sessions.h"
#include "server/core/config.h"
#include "server/core/entity.h"
#include "server/core/mechanisms.h"
#include "server/core/scram_json.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "server/storage/accounts.h"
#include "server/storage/clients.h"

#include "lib/base/arena.h"
#include "lib/base/mem.h"
#include "lib/stream/sasl.h"
#include "lib/xmpp/jid.h"

#include <string.h>

#define LIST_MAX 1000

static void run_status(const struct admin_call *call)
{
	const struct server *s = call->worker->server;
	uint64_t sessions = 0, connections = 0;
	struct limits_numbers numbers = limits_numbers(s->limits);
	json_t *j = json_object(), *listeners = json_array(), *counters = json_object();
	for (uint32_t i = 0; i < s->worker_count; i++) {
		sessions += atomic_load(&s->workers[i]->session_count);
		connections += atomic_load(&s->workers[i]->edge_count);
	}
	for (size_t i = 0; i < s->config->listener_count; i++) {
		char text[NET_ADDRESS_TEXT];
		static const char *const tls[] = { "starttls", "direct", "none" };
		json_array_append_new(listeners, json_pack("{s:s, s:s, s:s}", "kind", "c2s", "address",
			net_address_format(&admin_options(call->admin)->bound[i], text).p, "tls", tls[s->config->listeners[i].tls]));
	}
#define X(name, help)                                                                                                  \
	{                                                                                                              \
		uint64_t sum = 0;                                                                                      \
		for (uint32_t i = 0; i < s->worker_count; i++)                                                         \
			sum += atomic_load(&s->workers[i]->counters.name);                                             \
		json_object_set_new(counters, #name, json_integer((json_int_t)sum));                                   \
	}
	WORKER_COUNTERS(X)
#undef X
	json_object_set_new(j, "pid", json_integer(admin_options(call->admin)->pid));
	json_object_set_new(j, "version", json_string(LINNET_VERSION));
	json_object_set_new(j, "workers", json_integer(s->worker_count));
	json_object_set_new(j, "sessions", json_integer((json_int_t)sessions));
	json_object_set_new(j, "open_connections", json_integer((json_int_t)connections));
	json_object_set_new(j, "unauthenticated", json_integer(numbers.guests));
	json_object_set_new(j, "unauthenticated_max", json_integer(numbers.guests_max));
	json_object_set_new(j, "addresses", json_integer(numbers.addresses));
	json_object_set_new(j, "uncommitted_units", json_integer((json_int_t)storage_uncommitted_units(s->storage)));
	json_object_set_new(j, "durability", json_string(s->config->durability == CONFIG_POWER ? "power" : "process"));
	json_object_set_new(j, "storage_waiting", json_boolean(storage_is_waiting(s->storage)));
	json_object_set_new(j, "listeners", listeners);
	json_object_set_new(j, "counters", counters);
	admin_answer(call->worker, call->client, j);
}

/* Accounts. */

/* The account that the request names: in `a`, bare, on a host of ours. NULL after the refusal. */
static const struct jid *account_named(const struct admin_call *call, const json_t *j, struct arena *a, const char **why_r)
{
	const char *text = json_string_value(json_object_get(j, "jid"));
	const struct jid *jid;
	*why_r = "no jid is given";
	if (!text || jid_parse(a, str_from_c(text), &jid, why_r) != 0)
		return NULL;
	*why_r = "not an account: it takes localpart@domain";
	if (!jid->local_n || !jid_is_bare(jid))
		return NULL;
	*why_r = "this server does not serve that domain";
	return server_is_host(call->worker->server, jid_domain(jid)) ? jid : NULL;
}

/* What goes on after the unit; in its arena. */
struct job {
	uint32_t client;
	const char *failure;
	const struct jid **jids; /* whose entities read their account anew */
	unsigned *lacking; /* of each: mechanisms_lacking() */
	size_t count;
};

static void on_written(struct worker *w, slab_handle entity, const struct unit *u, void *ctx)
{
	struct job *job = ctx;
	(void)entity;
	for (size_t i = 0; i < job->count && !u->error; i++) {
		struct envelope *v = envelope_new(ENVELOPE_ACCOUNT_CHANGED, JID_BYTES_MAX + 256);
		v->to = jid_dup(v->arena, job->jids[i]);
		worker_send(w, entity_worker(w, v->to), v);
		mechanisms_account_changed(w, jid_domain(job->jids[i]), job->lacking[i]);
	}
	if (u->error)
		admin_refuse(w, job->client, job->failure);
	else
		admin_answer(w, job->client, json_null());
}

static struct job *job_new(const struct admin_call *call, struct unit *u, size_t jids, const char *failure)
{
	struct job *job = arena_zalloc(u->arena, sizeof(*job));
	*job = (struct job){ .client = call->client, .failure = failure };
	job->jids = arena_zalloc(u->arena, (jids + 1) * sizeof(*job->jids));
	job->lacking = arena_zalloc(u->arena, (jids + 1) * sizeof(*job->lacking));
	return job;
}

/* One account with its keys into the unit. False after the refusal. */
static bool add_account(const struct admin_call *call, struct job *job, struct unit *u, const json_t *j, bool is_new)
{
	struct sasl_credentials c;
	const char *why;
	const struct jid *jid = account_named(call, j, u->arena, &why);
	if (!jid || !scram_json_parse(json_object_get(j, "scram"), &c, &why)) {
		admin_refuse(call->worker, call->client, why);
		return false;
	}
	struct account_row row = { .host = jid_domain(jid), .localpart = jid_local(jid),
		.created_ms = worker_wall(call->worker) };
	if (is_new) {
		accounts_put(u, &row, &c);
	} else {
		accounts_set_credentials(u, row.host, row.localpart, &c);
		clients_end_tokens(u, jid_bare(jid), STR("")); /* who had the old password may have got one */
	}
	job->lacking[job->count] = mechanisms_lacking(&c);
	secret_wipe(&c, sizeof(c));
	job->jids[job->count++] = jid;
	return true;
}

static void write_one(const struct admin_call *call, bool is_new, const char *failure)
{
	struct unit *u = unit_new();
	struct job *job = job_new(call, u, 1, failure);
	if (add_account(call, job, u, call->request, is_new))
		worker_commit_alone(call->worker, u, on_written, job);
	else
		unit_free(&u);
}

static void run_user_add(const struct admin_call *call)
{
	write_one(call, true, "the account exists already");
}

static void run_user_passwd(const struct admin_call *call)
{
	write_one(call, false, "there is no such account");
}

/* {"users": [{"jid", "scram"} …]}: all or none. */
static void run_user_import(const struct admin_call *call)
{
	const json_t *users = json_object_get(call->request, "users");
	size_t at;
	json_t *user;
	if (!json_is_array(users)) {
		admin_refuse(call->worker, call->client, "users is no list");
		return;
	}
	struct unit *u = unit_new();
	struct job *job = job_new(call, u, json_array_size(users), "one of the accounts exists already; none was imported");
	json_array_foreach((json_t *)users, at, user) {
		if (!add_account(call, job, u, user, true)) {
			unit_free(&u);
			return;
		}
	}
	worker_commit_alone(call->worker, u, on_written, job);
}

static void run_user_remove(const struct admin_call *call)
{
	struct worker *w = call->worker;
	struct envelope *v = envelope_new(ENVELOPE_ACCOUNT_REMOVE, JID_BYTES_MAX + 256);
	const char *why;
	v->to = account_named(call, call->request, v->arena, &why);
	v->source = (struct remote_handle){ w->index, call->client };
	if (v->to) {
		worker_send(w, entity_worker(w, v->to), v);
		return;
	}
	envelope_free(&v);
	admin_refuse(w, call->client, why);
}

static void on_list(struct worker *w, slab_handle client, const struct query *q)
{
	struct account_row row;
	json_t *users = json_array();
	if (q->error) {
		json_decref(users);
		admin_refuse(w, client, "the storage cannot be read at the moment");
		return;
	}
	for (size_t r = 0; r < q->rows && accounts_list_row(q, r, &row); r++) {
		json_t *host = json_stringn(row.host.p, row.host.n), *local = json_stringn(row.localpart.p, row.localpart.n);
		json_array_append_new(users, json_pack("{s:o, s:o, s:I}", "host", host, "localpart", local, "created_ms",
			(json_int_t)row.created_ms));
	}
	admin_answer(w, client, users);
}

/* {"host", "localpart"} of the last one of the page before; both empty at first. */
static void run_user_list(const struct admin_call *call)
{
	const char *host = json_string_value(json_object_get(call->request, "host"));
	const char *local = json_string_value(json_object_get(call->request, "localpart"));
	struct query *q = accounts_list(str_from_c(host ? host : ""), str_from_c(local ? local : ""), LIST_MAX);
	worker_query_alone(call->worker, q, on_list, call->client);
}

static const struct admin_command commands[] = {
	{ "client-list", admin_run_client_list },
	{ "host-add", admin_run_host_add },
	{ "host-list", admin_run_host_list },
	{ "host-remove", admin_run_host_remove },
	{ "session-list", admin_run_session_list },
	{ "session-revoke", admin_run_session_revoke },
	{ "status", run_status },
	{ "user-add", run_user_add },
	{ "user-import", run_user_import },
	{ "user-list", run_user_list },
	{ "user-passwd", run_user_passwd },
	{ "user-remove", run_user_remove },
};

const struct admin_command *admin_find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
