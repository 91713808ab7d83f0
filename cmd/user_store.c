/* Accounts, in the server or in the folder; see store.h. */
#include "cmd/user_store.h"

#include "cmd/command.h"
#include "cmd/store.h"
#include "lib/base/mem.h"
#include "lib/net/sysclock.h"
#include "server/core/outbox.h"
#include "server/core/scram_json.h"
#include "server/storage/accounts.h"
#include "server/storage/clients.h"

#include <stdio.h>
#include <string.h>

#define PAGE 1000
#define CHUNK 1000

struct user_store {
	struct store store;
	struct host_table *hosts;
};

int user_store_open(const struct config *config, struct user_store **s_r)
{
	struct user_store *s = mem_zalloc(sizeof(*s));
	int code = store_open("user", config, &s->store);
	if (!code)
		code = store_hosts(&s->store, &s->hosts);
	if (code)
		user_store_close(&s);
	else
		*s_r = s;
	return code;
}

void user_store_close(struct user_store **pointer)
{
	struct user_store *s = *pointer;
	*pointer = NULL;
	if (!s)
		return;
	host_table_free(&s->hosts);
	store_close(&s->store);
	mem_free(s);
}

bool user_store_is_host(const struct user_store *s, struct str domain)
{
	return host_table_find(s->hosts, domain) != NULL;
}

static json_t *jid_json(const struct jid *jid)
{
	return json_stringn(jid_bare(jid).p, jid_bare(jid).n);
}

/* Through the server in pieces: it has been made sure that none of them exists. */
static int add_by_server(struct user_store *s, const struct user_record *records, size_t count)
{
	for (size_t i = 0; i < count;) {
		json_t *users = json_array();
		for (size_t n = 0; n < CHUNK && i < count; n++, i++)
			json_array_append_new(users, json_pack("{s:o, s:o}", "jid", jid_json(records[i].jid), "scram",
				scram_json_build(&records[i].credentials)));
		int code = count == 1 ? store_ask(&s->store, json_pack("{s:s, s:O, s:O}", "command", "user-add", "jid",
						json_object_get(json_array_get(users, 0), "jid"), "scram",
						json_object_get(json_array_get(users, 0), "scram")))
				      : store_ask(&s->store, json_pack("{s:s, s:O}", "command", "user-import", "users", users));
		json_decref(users);
		if (code)
			return code;
	}
	return 0;
}

int user_store_add(struct user_store *s, const struct user_record *records, size_t count)
{
	if (s->store.server)
		return add_by_server(s, records, count);
	struct unit *u = unit_new();
	for (size_t i = 0; i < count; i++) {
		struct account_row row = { .host = jid_domain(records[i].jid), .localpart = jid_local(records[i].jid),
			.created_ms = clock_wall_ms(&sysclock) };
		accounts_put(u, &row, &records[i].credentials);
	}
	return store_commit(&s->store, u, count == 1 ? "the account exists already" : "one of the accounts exists already");
}

int user_store_set_credentials(struct user_store *s, const struct user_record *r)
{
	if (s->store.server)
		return store_ask(&s->store, json_pack("{s:s, s:o, s:o}", "command", "user-passwd", "jid", jid_json(r->jid), "scram",
			scram_json_build(&r->credentials)));
	struct unit *u = unit_new();
	accounts_set_credentials(u, jid_domain(r->jid), jid_local(r->jid), &r->credentials);
	clients_end_tokens(u, jid_bare(r->jid), STR(""));
	return store_commit(&s->store, u, "there is no such account");
}

int user_store_remove(struct user_store *s, const struct jid *jid)
{
	if (s->store.server)
		return store_ask(&s->store, json_pack("{s:s, s:o}", "command", "user-remove", "jid", jid_json(jid)));
	struct unit *u = unit_new();
	struct outbox_writer o;
	accounts_remove(u, jid_domain(jid), jid_local(jid));
	clients_remove_owner(u, jid_bare(jid));
	bool ok = outbox_writer_init(&o, s->store.storage, jid_bare(jid), u);
	for (const struct module *const *m = module_list; *m && ok; m++) {
		if ((*m)->on_stored_account_leave)
			ok = (*m)->on_stored_account_leave(s->store.storage, jid, &o);
		if ((*m)->on_account_remove)
			(*m)->on_account_remove(jid_bare(jid), u);
	}
	if (ok)
		return store_commit(&s->store, u, "there is no such account");
	unit_free(&u);
	fprintf(stderr, "linnet user: the data cannot be read\n");
	return EXIT_REFUSED;
}

/* Pages. Each function sets the place after its last row, and returns how many there were, or -1. */

struct place {
	struct arena *arena;
	struct str host, localpart;
	bool stopped;
};

static int page_of_server(struct user_store *s, struct place *p, user_store_each *each, void *ctx)
{
	json_t *request = json_pack("{s:s, s:s%, s:s%}", "command", "user-list", "host", p->host.p ? p->host.p : "",
		p->host.n, "localpart", p->localpart.p ? p->localpart.p : "", p->localpart.n);
	json_t *users = admin_request(s->store.server, request), *user;
	size_t i;
	if (!users)
		return -1;
	int count = (int)json_array_size(users);
	json_array_foreach(users, i, user) {
		p->host = arena_dup(p->arena, str_from_c(json_string_value(json_object_get(user, "host"))));
		p->localpart = arena_dup(p->arena, str_from_c(json_string_value(json_object_get(user, "localpart"))));
		if (!each(ctx, p->host, p->localpart)) {
			p->stopped = true;
			break;
		}
	}
	json_decref(users);
	return count;
}

static int page_of_storage(struct user_store *s, struct place *p, user_store_each *each, void *ctx)
{
	struct query *q = accounts_list(p->host, p->localpart, PAGE);
	struct account_row row;
	int count = -1;
	if (storage_query_now(s->store.storage, q) == 0)
		for (count = 0; accounts_list_row(q, (size_t)count, &row); count++) {
			p->host = arena_dup(p->arena, row.host);
			p->localpart = arena_dup(p->arena, row.localpart);
			if (!each(ctx, p->host, p->localpart)) {
				p->stopped = true;
				break;
			}
		}
	else
		fprintf(stderr, "linnet user: the accounts cannot be read\n");
	query_free(&q);
	return count;
}

int user_store_list(struct user_store *s, user_store_each *each, void *ctx)
{
	struct place p = { .arena = arena_new(65536, (size_t)1 << 32), .host = STR(""), .localpart = STR("") };
	int count;
	do
		count = s->store.server ? page_of_server(s, &p, each, ctx) : page_of_storage(s, &p, each, ctx);
	while (count > 0 && !p.stopped);
	arena_free(&p.arena);
	return count < 0 ? EXIT_REFUSED : 0;
}
