/* What a login needs from the rest of the server beside keys: the facts about its TLS, the tokens of a returning client, what it leaves
 * behind, and the resource it gets.
 *
 *     RECEIVER_FIND_TOKENS ─▶ query ─▶ receiver_tokens
 *     RECEIVER_GRANT ─▶ (once it has moved) one unit: token used, client, new token, keys ─▶ durable ─▶ receiver_granted
 *
 * The unit needs no account in memory: each of its statements says itself what must still be so, and a revocation that was first
 * makes it fail. */
#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/xmpp/delay.h"
#include "server/core/edge_impl.h"
#include "server/core/edge_limits.h"
#include "server/core/mechanisms.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "server/storage/accounts.h"

/* Of what a client says about itself, in bytes. */
#define DESCRIPTION_BYTES_MAX 255

void edge_tls_started(struct edge *e)
{
	struct arena *a = arena_new(512, CONN_FACTS_BYTES_MAX);
	struct sasl_tls facts;
	if (conn_tls_facts(e->worker->conns, e->conn, e->kind->tls.clients, a, &facts))
		receiver_tls_started(e->receiver, &facts);
	arena_free(&a);
}

/* Tokens. */

static struct str token_key(const struct server *s)
{
	return str_make(s->token_key, sizeof(s->token_key));
}

/* Keeps what the grant has to know of a token that is used. False if there is none. */
static bool remember(struct edge_intent *intent, size_t slot, const struct client_token *t)
{
	struct client_token *own = &intent->tokens[slot];
	*own = (struct client_token){ .mechanism = SASL_MECHANISMS };
	if (t->mechanism == SASL_MECHANISMS || t->salt.n != TOKEN_SALT_BYTES)
		return false;
	*own = *t;
	memcpy(intent->salts[slot], t->salt.p, TOKEN_SALT_BYTES);
	return true;
}

/* As many hashes whether there are tokens or not (L2). */
static void on_tokens(struct worker *w, slab_handle h, const struct query *q)
{
	struct edge *e = edge_answered(w, h);
	struct client_token rows[SASL_TOKEN_SLOTS];
	if (!e)
		return;
	if (!clients_find_read(q, rows)) {
		receiver_credentials_failed(e->receiver);
		edge_pump(e);
		return;
	}
	struct edge_intent *intent = &e->login->intent;
	struct sasl_token tokens[SASL_TOKEN_SLOTS];
	bool any = false;
	for (size_t i = 0; i < SASL_TOKEN_SLOTS; i++) {
		bool there = remember(intent, i, &rows[i]);
		token_derive(token_key(w->server), str_make(intent->salts[i], TOKEN_SALT_BYTES), q->params[2].s, q->params[3].s,
			there ? rows[i].mechanism : SASL_HT_SHA_256_NONE, &tokens[i]);
		tokens[i].is_expired = rows[i].expiry_ms <= worker_wall(w);
		if (!there)
			tokens[i].n = 0;
		any = any || there;
	}
	receiver_tokens(e->receiver, any ? tokens : NULL);
	secret_wipe(tokens, sizeof(tokens));
	edge_pump(e);
}

void edge_find_tokens(struct edge *e, const struct receiver_event *ev)
{
	if (!edge_may_try_login(e)) {
		receiver_credentials_failed(e->receiver);
		return;
	}
	struct arena *a = arena_new(512, 2 * JID_BYTES_MAX + 64);
	struct str owner = arena_printf(a, STR_FMT "@" STR_FMT, STR_ARG(ev->username), STR_ARG(ev->host));
	e->asks = true;
	worker_query_alone(
		e->worker, clients_find(ev->host, ev->username, owner, ev->client), on_tokens, e->handle);
	arena_free(&a);
}

/* What a login leaves behind. */

/* In the unit's arena, while it is on its way. */
struct pending_grant {
	slab_handle edge;
	struct sasl_token token; /* n 0: none is handed out */
	struct str expiry;
	struct str host; /* where an account has got keys; empty: none has */
};

static void on_granted(struct worker *w, slab_handle entity, const struct unit *u, void *ctx)
{
	struct pending_grant *p = ctx;
	struct edge *e = edge_answered(w, p->edge);
	(void)entity;
	if (!u->error && p->host.n)
		mechanisms_account_changed(w, p->host, 0);
	if (e) {
		if (u->error)
			receiver_grant_failed(e->receiver);
		else
			receiver_granted(e->receiver, str_make(p->token.bytes, p->token.n), p->expiry);
		edge_pump(e);
	}
	secret_wipe(&p->token, sizeof(p->token));
}

/* The mechanism of the token to hand out; SASL_MECHANISMS: none is due. One that is used in the last third of its life is replaced
 * (XEP-0484, 4.5). */
static enum sasl_mechanism token_due(const struct edge *e, const struct receiver_grant *g)
{
	const struct server *server = e->worker->server;
	if (!server->config->fast || !g->client.n)
		return SASL_MECHANISMS;
	if (g->token_for != SASL_MECHANISMS || g->invalidate || g->used == SASL_TOKEN_SLOTS)
		return g->token_for;
	const struct client_token *t = &e->login->intent.tokens[g->used];
	bool is_old = t->expiry_ms - worker_wall(e->worker) < (t->expiry_ms - t->issued_ms) / 3;
	return is_old ? t->mechanism : SASL_MECHANISMS;
}

static void add_token(struct edge *e, struct unit *u, struct pending_grant *p, struct str owner, struct str client,
	enum sasl_mechanism mechanism)
{
	struct worker *w = e->worker;
	unsigned char salt[TOKEN_SALT_BYTES];
	random_fill(w->random, salt, sizeof(salt));
	struct client_token t = { .mechanism = mechanism, .salt = str_make(salt, sizeof(salt)), .issued_ms = worker_wall(w),
		.expiry_ms = worker_wall(w) + (int64_t)w->server->config->token_lifetime_ms };
	clients_add_token(u, owner, client, &t);
	token_derive(token_key(w->server), t.salt, owner, client, mechanism, &p->token);
	p->expiry = datetime_format(u->arena, t.expiry_ms);
}

static struct str shortened(struct str s)
{
	size_t n = s.n < DESCRIPTION_BYTES_MAX ? s.n : DESCRIPTION_BYTES_MAX;
	while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_first(s, n);
}

static void put_client(struct edge *e, struct unit *u, const struct receiver_grant *g)
{
	const struct jid *jid = receiver_jid(e->receiver);
	char address[NET_ADDRESS_TEXT];
	int64_t now = worker_wall(e->worker);
	struct client_row row = {
		.owner = jid_bare(jid),
		.id = g->client,
		.software = shortened(g->software),
		.device = shortened(g->device),
		.created_ms = now,
		.last_login_ms = now,
		.mechanism = sasl_mechanism_name(e->login->intent.mechanism),
		.address = net_address_format(&e->login->peer, address),
	};
	clients_put(u, jid_domain(jid), jid_local(jid), &row);
	clients_trim(u, row.owner, row.id);
}

static void commit_grant(struct edge *e, const struct receiver_grant *g)
{
	const struct jid *jid = receiver_jid(e->receiver);
	struct edge_intent *intent = &e->login->intent;
	struct unit *u = unit_new();
	struct pending_grant *p = arena_zalloc(u->arena, sizeof(*p));
	enum sasl_mechanism due = token_due(e, g);
	p->edge = e->handle;
	if (g->used != SASL_TOKEN_SLOTS) {
		intent->tokens[g->used].salt = str_make(intent->salts[g->used], TOKEN_SALT_BYTES);
		clients_use_token(u, jid_bare(jid), g->client, g->used, &intent->tokens[g->used]);
	} else {
		/* A password that is changed during its login leaves nothing behind. */
		accounts_require_keys(u, jid_domain(jid), jid_local(jid), &intent->keys);
	}
	if (g->invalidate)
		clients_end_tokens(u, jid_bare(jid), g->client);
	if (g->client.n)
		put_client(e, u, g);
	if (due != SASL_MECHANISMS)
		add_token(e, u, p, jid_bare(jid), g->client, due);
	if (g->upgrade) {
		accounts_add_credentials(u, jid_domain(jid), jid_local(jid), g->upgrade);
		p->host = arena_dup(u->arena, jid_domain(jid));
	}
	e->asks = true;
	worker_commit_alone(e->worker, u, on_granted, p);
}

/* While nothing can be stored a login is not held up for what can wait (docs/GUARANTEES.md, D9): there is no token this time, and keys
 * are offered to be added again. Only the end of a token cannot be promised then. */
void edge_grant(struct edge *e, const struct receiver_grant *g)
{
	if (g->client.n == EDGE_CLIENT_BYTES)
		memcpy(e->login->intent.client, g->client.p, EDGE_CLIENT_BYTES);
	if (e->login->moving)
		e->login->intent.grant = g;
	else if (!storage_is_waiting(e->worker->server->storage))
		commit_grant(e, g);
	else if (g->invalidate)
		receiver_grant_failed(e->receiver);
	else
		receiver_granted(e->receiver, str_make(NULL, 0), str_make(NULL, 0));
}

void edge_resume_grant(struct edge *e)
{
	const struct receiver_grant *g = e->login->intent.grant;
	e->login->intent.grant = NULL;
	if (g)
		edge_grant(e, g);
}

/* The resource. */

struct str edge_inline_resource(struct edge *e, const struct receiver_event *ev, struct arena *a)
{
	const struct server *server = e->worker->server;
	char own[CLIENT_RESOURCE_CHARS];
	if (ev->bind.client.n)
		client_resource(str_make(server->resource_secret, sizeof(server->resource_secret)),
			jid_bare(receiver_jid(e->receiver)), ev->bind.client, own);
	else
		random_text(e->worker->random, own, sizeof(own));
	struct str generated = arena_dup(a, str_make(own, sizeof(own)));
	bool has_room = ev->bind.tag.n + 1 + sizeof(own) <= JID_PART_BYTES_MAX;
	return ev->bind.tag.n && has_room ? arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(ev->bind.tag), STR_ARG(generated)) : generated;
}
