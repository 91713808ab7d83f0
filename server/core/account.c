/* The account entity: whether it exists, its sessions, the parts that modules keep of it, and where each kind of envelope goes. */
#include "server/core/account.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "server/core/deliver.h"
#include "server/core/edge.h"
#include "server/core/edge_limits.h"
#include "server/core/iq.h"
#include "server/core/mechanisms.h"
#include "server/core/outbox.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/token.h"
#include "server/core/worker.h"
#include "server/storage/accounts.h"
#include "server/storage/clients.h"

#include <stdint.h>

#define GENERATED_RESOURCE_CHARS 12
/* Time in units of 64 ms fits 32 bits and what is left over in struct account. */
#define TIME_SHIFT   6
#define MINUTE_UNITS (60000u >> TIME_SHIFT)

static struct account *account_of(struct entity *e)
{
	return CONTAINER_OF(e, struct account, entity);
}

struct str account_owner(const struct account *a)
{
	return jid_bare(a->entity.key);
}

/* Loading. */

static void on_existence(struct entity *e, const struct query *q, void *ctx)
{
	(void)ctx;
	struct account *a = account_of(e);
	/* Without an answer it stays unknown, and what waits is refused: see is_ready. */
	enum accounts_answer answer = accounts_exists_read(q);
	a->load_failed = answer == ACCOUNTS_UNREADABLE;
	if (!a->load_failed)
		a->state = answer == ACCOUNTS_FOUND ? ACCOUNT_EXISTS : ACCOUNT_MISSING;
	entity_resume(e);
}

static void load_existence(struct account *a)
{
	entity_wait(&a->entity);
	worker_query(&a->entity, accounts_exists(jid_domain(a->entity.key), jid_local(a->entity.key)), on_existence, NULL);
}

static void start(struct entity *e)
{
	list_init(&account_of(e)->sessions);
	load_existence(account_of(e));
}

/* The stanzas that need parts, as modules declare it. */
static unsigned needs_of(const struct envelope *v)
{
	if (v->kind == ENVELOPE_OUTBOX || v->kind == ENVELOPE_OUTBOX_DONE || v->kind == ENVELOPE_ACCOUNT_REMOVE)
		return NEEDED_FOR_OUTBOX;
	if (v->kind == ENVELOPE_MULTICAST)
		return NEEDED_FOR_PRESENCE;
	if (v->kind == ENVELOPE_SESSION_END)
		return NEEDED_FOR_PRESENCE | NEEDED_FOR_MESSAGE;
	if ((v->kind != ENVELOPE_STANZA && v->kind != ENVELOPE_SESSION_STANZA) || !v->stanza)
		return 0;
	switch (v->stanza->kind) {
	case STANZA_MESSAGE: return NEEDED_FOR_MESSAGE;
	case STANZA_PRESENCE: return NEEDED_FOR_PRESENCE;
	default: return NEEDED_FOR_IQ;
	}
}

static bool load_part(struct account *a, size_t at, const struct query *before);

static void drop_part(struct account *a, size_t at)
{
	struct account_part_state *state = &a->parts[at];
	if (state->part)
		a->entity.worker->server->modules[at]->part->free(state->part);
	*state = (struct account_part_state){ 0 };
}

static void on_part(struct entity *e, const struct query *q, void *ctx)
{
	struct account *a = account_of(e);
	size_t at = (size_t)(uintptr_t)ctx;
	const struct account_part *part = e->worker->server->modules[at]->part;
	struct account_part_state *state = &a->parts[at];
	if (q->error) {
		a->load_failed = true;
		drop_part(a, at); /* it may have begun; the next try begins anew */
	} else {
		state->part = part->parse(a, state->part, q, state->loaded);
		state->loaded += !q->more;
		load_part(a, at, q->more ? q : NULL);
	}
	entity_resume(e);
}

/* Begins the next query of a part, or goes on with one; false if there is none left to begin. */
static bool load_part(struct account *a, size_t at, const struct query *before)
{
	const struct account_part *part = a->entity.worker->server->modules[at]->part;
	if (a->parts[at].loaded == part->query_count)
		return false;
	entity_wait(&a->entity);
	worker_query(&a->entity, part->query(a, a->parts[at].loaded, before), on_part, (void *)(uintptr_t)at);
	return true;
}

/* True if all parts that `needs` names are there; otherwise their loads have begun. */
static bool have_parts(struct account *a, unsigned needs)
{
	const struct server *server = a->entity.worker->server;
	bool have = true;
	if (!a->parts)
		a->parts = mem_zalloc_array(server->module_count, sizeof(*a->parts));
	for (size_t i = 0; i < server->module_count; i++) {
		const struct account_part *part = server->modules[i]->part;
		if (part && part->needed_for & needs && load_part(a, i, NULL))
			have = false;
	}
	return have;
}

/* What nobody could be told is lost is not: it waits for better times. */
static bool may_refuse(const struct envelope *v)
{
	switch (v->kind) {
	case ENVELOPE_STANZA:
	case ENVELOPE_MULTICAST:
	case ENVELOPE_SESSION_OPEN:
	case ENVELOPE_SESSION_STANZA:
	case ENVELOPE_ACCOUNT_REMOVE:
	case ENVELOPE_SESSION_REVOKE: return true;
	default: return false;
	}
}

static bool is_ready(struct entity *e, const struct envelope *v)
{
	struct account *a = account_of(e);
	if (a->load_failed && may_refuse(v))
		return true; /* handle() refuses it; the next envelope tries again */
	if (a->load_failed) {
		a->load_failed = false;
		entity_retry(e);
		return false;
	}
	if (v->kind == ENVELOPE_ACCOUNT_CHANGED)
		return true;
	if (a->state == ACCOUNT_UNKNOWN) {
		load_existence(a);
		return false;
	}
	/* An account that was removed may still have something to tell others, and sessions to end. */
	if (a->state == ACCOUNT_MISSING && v->kind != ENVELOPE_OUTBOX_DONE && v->kind != ENVELOPE_SESSION_END)
		return true;
	return have_parts(a, needs_of(v));
}

void *account_part(struct account *a, const struct module *m)
{
	size_t at = server_module_index(a->entity.worker->server, m);
	assert_always(a->parts && a->parts[at].loaded == m->part->query_count);
	return a->parts[at].part;
}

bool account_has_part(const struct account *a, const struct module *m)
{
	return a->parts && a->parts[server_module_index(a->entity.worker->server, m)].loaded == m->part->query_count;
}

void account_drop_part(struct account *a, const struct module *m)
{
	if (a->parts)
		drop_part(a, server_module_index(a->entity.worker->server, m));
}

static bool is_busy(const struct account *a, size_t at)
{
	const struct account_part *part = a->entity.worker->server->modules[at]->part;
	return a->parts[at].part && part->is_busy && part->is_busy(a->parts[at].part);
}

static void drop_parts(struct account *a)
{
	for (size_t i = 0; a->parts && i < a->entity.worker->server->module_count; i++)
		drop_part(a, i);
	mem_free(a->parts);
	a->parts = NULL;
}

/* Nothing has happened for a while: the parts go, whether or not there are sessions. */
static bool is_idle(struct entity *e)
{
	struct account *a = account_of(e);
	const struct server *server = e->worker->server;
	for (size_t i = 0; a->parts && i < server->module_count; i++)
		if (is_busy(a, i))
			return false;
	drop_parts(a);
	return a->session_count == 0;
}

static void fini(struct entity *e)
{
	struct account *a = account_of(e);
	for (struct session *s; (s = account_first_session(a));)
		session_drop(s);
	drop_parts(a);
}

/* Sessions. */

struct session *account_first_session(struct account *a)
{
	return list_is_empty(&a->sessions) ? NULL : CONTAINER_OF(a->sessions.next, struct session, link);
}

struct session *account_next_session(struct account *a, struct session *s)
{
	return s->link.next == &a->sessions ? NULL : CONTAINER_OF(s->link.next, struct session, link);
}

struct session *account_find_session(struct account *a, struct str resource)
{
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (!s->closing && str_eq(jid_resource(s->jid), resource))
			return s;
	return NULL;
}

bool account_may_subscribe(struct account *a, const struct session *s)
{
	struct worker *w = a->entity.worker;
	const struct config_limits *limits = &w->server->config->limits;
	uint32_t now = (uint32_t)(worker_now(w) >> TIME_SHIFT), ahead = a->subscribes_at - now;
	if (!limits->rate)
		return true;
	if (ahead > MINUTE_UNITS)
		ahead = 0; /* it has passed */
	ahead += MINUTE_UNITS / (uint32_t)limits->subscriptions;
	if (ahead > MINUTE_UNITS) {
		limit_met(w, LIMIT_subscriptions_refused, &s->log, NULL);
		return false;
	}
	a->subscribes_at = now + ahead;
	return true;
}

static void refuse_open(struct account *a, const struct envelope *v, enum stanza_condition condition, const char *text)
{
	struct envelope *answer = envelope_new(ENVELOPE_SESSION_OPENED, 0);
	answer->target = v->source;
	answer->refusal = stanza_error_make(condition, text);
	worker_send(a->entity.worker, v->source.worker, answer);
}

/* Ends the older session of the same name (RFC 6120, 7.7.2.2, case 1), or those of the same client (XEP-0386, 4.1). False if there is
 * none. */
static bool end_older(struct account *a, struct str resource, bool is_of_client)
{
	struct str own = is_of_client ? str_from(resource, resource.n - CLIENT_RESOURCE_CHARS) : resource;
	bool any = false;
	ACCOUNT_FOR_EACH_SESSION(s, a) {
		struct str theirs = jid_resource(s->jid);
		if (s->closing || !(is_of_client ? str_has_suffix(theirs, own) : str_eq(theirs, own)))
			continue;
		session_end(s, STREAM_CONFLICT, "replaced by a new session");
		any = true;
	}
	return any;
}

static bool is_full(const struct account *a)
{
	return a->session_count >= (a->is_anonymous ? 1 : (unsigned)a->entity.worker->server->config->limits.sessions);
}

/* Binds a resource: the one asked for, or one of ours. An older session may have to give way. */
static void open_session(struct account *a, const struct envelope *v)
{
	struct worker *w = a->entity.worker;
	char generated[GENERATED_RESOURCE_CHARS];
	struct str resource = v->text;
	bool is_of_client = v->number & SESSION_OPEN_OF_CLIENT && resource.n >= CLIENT_RESOURCE_CHARS;
	if (str_is_empty(resource) || a->is_anonymous) {
		random_text(w->random, generated, sizeof(generated));
		resource = str_make(generated, sizeof(generated));
		is_of_client = false;
	}
	if (v->number & SESSION_OPEN_ANONYMOUS && !a->is_anonymous) {
		refuse_open(a, v, STANZA_CONFLICT, "there is an account of this name");
		return;
	}
	if (!end_older(a, resource, is_of_client) && is_full(a)) {
		limit_met(w, LIMIT_sessions_refused, &w->log, NULL);
		refuse_open(a, v, STANZA_RESOURCE_CONSTRAINT, "too many sessions of this account"); /* 7.6.2.1 */
		return;
	}
	struct envelope *answer = envelope_new(ENVELOPE_SESSION_OPENED, JID_BYTES_MAX + 256);
	const char *why;
	answer->target = v->source;
	if (jid_with_resource(answer->arena, a->entity.key, resource, &answer->to, &why) != 0) {
		answer->refusal = stanza_error_make(STANZA_BAD_REQUEST, why); /* 7.7.2.1 */
	} else {
		struct session *s = session_open(a, answer->to, edge_transport(w, v->source), &v->origin);
		answer->source = (struct remote_handle){ w->index, s->handle };
	}
	worker_send(w, v->source.worker, answer);
}

/* Accounts that last as long as their session (XEP-0175). */

static void become_anonymous(struct account *a)
{
	a->state = ACCOUNT_EXISTS;
	a->is_anonymous = true;
}

static void end_anonymous(struct account *a)
{
	if (!a->is_anonymous || a->session_count)
		return;
	a->is_anonymous = false;
	a->state = ACCOUNT_MISSING;
	drop_parts(a);
}

/* Stanzas to the account or one of its resources. */

/* RFC 6121, 8.5.3.1: requests only from those who know that it is there anyway. */
static bool may_ask(struct session *s, const struct stanza *iq)
{
	const struct server *server = s->account->entity.worker->server;
	if (iq->type != IQ_GET && iq->type != IQ_SET)
		return true;
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->may_ask && !server->modules[i]->may_ask(s, iq))
			return false;
	return true;
}

/* RFC 6120, 13.11: for all others it is as if the account did not exist. */
static bool is_known_to(struct account *a, const struct jid *who)
{
	const struct server *server = a->entity.worker->server;
	for (size_t i = 0; i < server->module_count; i++)
		if (server->modules[i]->knows && server->modules[i]->knows(a, who))
			return true;
	return false;
}

static void on_iq(struct account *a, struct stanza *iq)
{
	bool is_to_account = jid_is_bare(iq->to);
	struct session *s = is_to_account ? NULL : account_find_session(a, jid_resource(iq->to));
	if (is_to_account && is_known_to(a, iq->from))
		iq_handle(a->entity.worker, iq, a, NULL, str_make(NULL, 0));
	else if (s && may_ask(s, iq))
		session_send(s, iq, NULL);
	else
		account_refuse(a, iq, &(struct stanza_error){ .condition = STANZA_SERVICE_UNAVAILABLE,
			.type = STANZA_ERROR_CANCEL }); /* RFC 6121, 8.5.2.1.3, 8.5.3.2.3 */
}

static void on_stanza(struct account *a, struct envelope *v)
{
	struct stanza *s = v->stanza;
	switch (s->kind) {
	case STANZA_MESSAGE:
		v->stanza = NULL;
		deliver_incoming(a, s, &v->origin);
		break;
	case STANZA_PRESENCE:
		a->entity.worker->server->presence_module->on_presence(a, s, s->to);
		break;
	case STANZA_IQ:
		on_iq(a, s);
		break;
	}
}

static void tell_admin(struct worker *w, struct remote_handle admin, const char *error)
{
	struct envelope *v = envelope_new(ENVELOPE_ADMIN_DONE, 0);
	v->target = admin;
	v->text = str_from_c(error);
	worker_send(w, admin.worker, v);
}

/* RFC 6121, 8.5.1, and as an account does that exists: headlines to a bare address only are ignored. */
static bool is_ignored_by_nobody(const struct stanza *s)
{
	return s->kind == STANZA_PRESENCE || (s->type == MESSAGE_HEADLINE && jid_is_bare(s->to));
}

/* For an account that does not exist, or whose data could not be read. */
static void refuse(struct account *a, const struct envelope *v)
{
	bool missing = a->state == ACCOUNT_MISSING;
	struct session *s = session_get(a->entity.worker, v->target.handle);
	struct stanza_error error = stanza_error_make(missing ? STANZA_SERVICE_UNAVAILABLE : STANZA_RESOURCE_CONSTRAINT, NULL);
	if (v->kind == ENVELOPE_STANZA && !(missing && is_ignored_by_nobody(v->stanza)))
		route_error(a->entity.worker, v->stanza, &error);
	else if (v->kind == ENVELOPE_SESSION_STANZA && s)
		session_on_stanza(s, v->stanza, &error);
	else if (v->kind == ENVELOPE_SESSION_OPEN)
		refuse_open(a, v, missing ? STANZA_NOT_AUTHORIZED : STANZA_RESOURCE_CONSTRAINT, NULL);
	else if (v->kind == ENVELOPE_OUTBOX && missing)
		outbox_answer(a, v); /* nobody is there to apply it: done */
	else if (v->kind == ENVELOPE_ACCOUNT_REMOVE || v->kind == ENVELOPE_SESSION_REVOKE)
		tell_admin(a->entity.worker, v->source, missing ? "there is no such account" : "the storage cannot be read");
}

static bool refuse_surplus(struct entity *e, const struct envelope *v)
{
	if (may_refuse(v))
		refuse(account_of(e), v);
	return may_refuse(v);
}

/* Administration. */

/* An administrator has added or changed it: it is read anew, but for what is under way. */
static void on_changed(struct account *a)
{
	if (a->is_anonymous)
		return;
	a->state = ACCOUNT_UNKNOWN;
	for (size_t i = 0; a->parts && i < a->entity.worker->server->module_count; i++)
		if (!is_busy(a, i))
			drop_part(a, i);
}

static void on_account_removed(struct worker *w, slab_handle entity, const struct unit *u, void *ctx)
{
	struct remote_handle *admin = ctx;
	struct entity *e = entity_get(w, entity);
	tell_admin(w, *admin, u->error ? "the account could not be removed" : "");
	if (!e || u->error)
		return;
	account_of(e)->state = ACCOUNT_MISSING;
	mechanisms_account_changed(w, jid_domain(e->key), 0);
	ACCOUNT_FOR_EACH_SESSION(s, account_of(e))
		session_end(s, STREAM_NOT_AUTHORIZED, "the account has been removed");
	/* Those that have logged in and are not bound yet would become sessions of who gets the name next. */
	edge_close_revoked(w, e->key, STR(""), "the account has been removed");
}

/* One unit: the account, the rows of all modules, and what others have to be told. */
static void remove_account(struct account *a, const struct envelope *v)
{
	const struct server *server = a->entity.worker->server;
	struct unit *u = unit_new();
	struct remote_handle *admin = arena_alloc(u->arena, sizeof(*admin));
	*admin = v->source;
	accounts_remove(u, jid_domain(a->entity.key), jid_local(a->entity.key));
	clients_remove_owner(u, account_owner(a));
	for (size_t i = 0; i < server->module_count; i++) {
		if (server->modules[i]->on_account_leave)
			server->modules[i]->on_account_leave(a, u);
		if (server->modules[i]->on_account_remove)
			server->modules[i]->on_account_remove(account_owner(a), u);
	}
	worker_commit(&a->entity, u, on_account_removed, admin);
}

/* Those of one client, or all. Who comes back has to log in with a password. */
static void revoke_sessions(struct account *a, const struct envelope *v)
{
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (str_has_suffix(jid_resource(s->jid), v->text))
			session_end(s, STREAM_NOT_AUTHORIZED, "this client may not log in any more");
	tell_admin(a->entity.worker, v->source, "");
}

static void handle(struct entity *e, struct envelope *v)
{
	struct account *a = account_of(e);
	struct session *s = session_get(e->worker, v->target.handle);
	if (v->kind == ENVELOPE_SESSION_OPEN && v->number & SESSION_OPEN_ANONYMOUS && a->state == ACCOUNT_MISSING)
		become_anonymous(a);
	bool serves = a->state == ACCOUNT_EXISTS || v->kind == ENVELOPE_OUTBOX_DONE || v->kind == ENVELOPE_SESSION_END ||
		v->kind == ENVELOPE_ACCOUNT_CHANGED;
	if (!serves || a->load_failed) {
		a->load_failed = false;
		refuse(a, v);
		envelope_free(&v);
		return;
	}
	switch (v->kind) {
	case ENVELOPE_STANZA: on_stanza(a, v); break;
	case ENVELOPE_SESSION_OPEN:
		open_session(a, v);
		end_anonymous(a); /* if it got none */
		break;
	case ENVELOPE_SESSION_STANZA:
		if (s)
			session_on_stanza(s, v->stanza, &v->refusal);
		break;
	case ENVELOPE_SESSION_WRITABLE:
		if (s)
			session_on_writable(s, v->number);
		break;
	case ENVELOPE_SESSION_END:
		if (s)
			session_on_closed(s, v->text);
		end_anonymous(a);
		break;
	case ENVELOPE_MULTICAST: e->worker->server->presence_module->on_presence(a, v->stanza, v->to); break;
	case ENVELOPE_OUTBOX:
		if (a->is_anonymous)
			outbox_answer(a, v); /* it keeps no subscriptions */
		else
			outbox_on_entry(a, v);
		break;
	case ENVELOPE_OUTBOX_DONE: outbox_on_done(a, v); break;
	case ENVELOPE_ACCOUNT_CHANGED: on_changed(a); break;
	case ENVELOPE_ACCOUNT_REMOVE: remove_account(a, v); break;
	case ENVELOPE_SESSION_REVOKE:
		if (!v->flag) { /* once more, behind a session that is being opened in this turn by a login that was first */
			v->flag = true;
			worker_send(e->worker, e->worker->index, v);
			return;
		}
		revoke_sessions(a, v);
		break;
	default: fault_raise(__FILE__, __LINE__, "envelope for something else than an account");
	}
	envelope_free(&v);
}

bool account_has_session(const struct entity *e)
{
	return e->kind == &account_kind && CONTAINER_OF_CONST(e, struct account, entity)->session_count > 0;
}

void account_route(struct account *a, struct stanza *s)
{
	route(a->entity.worker, s, NULL);
}

void account_refuse(struct account *a, struct stanza *s, const struct stanza_error *error)
{
	route_error(a->entity.worker, s, error);
}

const struct entity_kind account_kind = {
	.name = "account",
	.bytes = sizeof(struct account),
	.start = start,
	.is_ready = is_ready,
	.refuse = refuse_surplus,
	.handle = handle,
	.is_idle = is_idle,
	.fini = fini,
};
