/* The commands of the admin socket about hosts. */
#include "server/core/admin_commands.h"
#include "server/core/host_change.h"
#include "server/core/server.h"
#include "server/core/worker.h"

#include "lib/base/arena.h"
#include "lib/xmpp/jid.h"

#define LIST_MAX 1000
#define SCRATCH_BYTES_MAX (1u << 20)

/* Empty if it is not given. */
static struct str member(const struct admin_call *call, const char *name)
{
	const json_t *j = json_object_get(call->request, name);
	return json_is_string(j) ? str_make(json_string_value(j), json_string_length(j)) : STR("");
}

/* Normalised, in `a`. False after the refusal. */
static bool domain_named(const struct admin_call *call, struct arena *a, struct str *domain_r)
{
	struct str text = member(call, "domain");
	const char *why = "no domain is given";
	if (!str_is_empty(text) && jid_normalise_domain(a, text, domain_r, &why) == 0)
		return true;
	admin_refuse(call->worker, call->client, why);
	return false;
}

void admin_run_host_add(const struct admin_call *call)
{
	struct arena *a = arena_new(1024, SCRATCH_BYTES_MAX);
	struct host h = { .certificate = member(call, "certificate"), .key = member(call, "key") };
	if (str_is_empty(h.certificate) != str_is_empty(h.key))
		admin_refuse(call->worker, call->client, "a certificate and its key are given together");
	else if (domain_named(call, a, &h.name))
		host_change_add(call->worker, call->client, &h);
	arena_free(&a);
}

void admin_run_host_remove(const struct admin_call *call)
{
	struct arena *a = arena_new(1024, SCRATCH_BYTES_MAX);
	struct str name;
	if (domain_named(call, a, &name))
		host_change_remove(call->worker, call->client, name);
	arena_free(&a);
}

/* {"from": how many have been listed already}. */
void admin_run_host_list(const struct admin_call *call)
{
	const struct host_table *t = server_hosts(call->worker->server);
	json_int_t from = json_integer_value(json_object_get(call->request, "from"));
	json_t *hosts = json_array();
	const struct host *h;
	for (size_t i = from > 0 ? (size_t)from : 0; json_array_size(hosts) < LIST_MAX && (h = host_table_get(t, i)); i++)
		json_array_append_new(hosts, json_pack("{s:s%, s:b, s:s%, s:s%}", "domain", h->name.p, h->name.n, "configured",
			h->is_configured, "certificate", h->certificate.n ? h->certificate.p : "", h->certificate.n, "key",
			h->key.n ? h->key.p : "", h->key.n));
	admin_answer(call->worker, call->client, hosts);
}
