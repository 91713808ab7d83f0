/* The table of IQ handlers and the one place where requests are answered. */
#include "server/core/iq.h"

#include "lib/base/arena.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "server/core/account.h"
#include "server/core/route.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"

#include <stdio.h>

/* The tree of a whole roster (ROSTER_BYTES_MAX in groups of one letter) takes the most. */
#define ANSWER_BYTES_MAX (64u << 20)

struct entry {
	struct hash_node node;
	const struct iq_handler *handler;
	enum iq_target target; /* one of the handler's */
	size_t module;
};

struct iq_table {
	struct hash_key key;
	struct hash_table entries;
};

struct lookup {
	enum stanza_type type;
	enum iq_target target;
	struct str ns, name;
};

static uint64_t hash_of(const struct iq_table *t, const struct lookup *l)
{
	uint64_t parts[] = { hash_bytes(t->key, l->ns), hash_bytes(t->key, l->name), (uint64_t)l->type, (uint64_t)l->target };
	return hash_bytes(t->key, str_make(parts, sizeof(parts)));
}

static bool entry_equal(const struct hash_node *node, const void *key)
{
	const struct entry *e = CONTAINER_OF_CONST(node, struct entry, node);
	const struct lookup *l = key;
	return e->handler->type == l->type && e->target == l->target && str_eq(e->handler->ns, l->ns) &&
		str_eq(e->handler->name, l->name);
}

static struct entry *find(const struct iq_table *t, const struct lookup *l)
{
	struct hash_node *node = hash_table_find(&t->entries, hash_of(t, l), entry_equal, l);
	return node ? CONTAINER_OF(node, struct entry, node) : NULL;
}

static bool add(struct iq_table *t, const struct iq_handler *h, enum iq_target target, size_t module)
{
	struct lookup l = { h->type, target, h->ns, h->name };
	if (find(t, &l))
		return false;
	struct entry *e = mem_zalloc(sizeof(*e));
	*e = (struct entry){ .handler = h, .target = target, .module = module };
	hash_table_insert(&t->entries, &e->node, hash_of(t, &l));
	return true;
}

struct iq_table *iq_table_new(const struct module *const *modules, size_t count, const struct random_source *random,
	char *why, size_t why_bytes)
{
	struct iq_table *t = mem_zalloc(sizeof(*t));
	t->key = hash_key_new(random);
	hash_table_init(&t->entries, random);
	for (size_t m = 0; m < count; m++) {
		for (const struct iq_handler *h = modules[m]->iq; h && h->handle; h++) {
			for (unsigned target = TO_HOST; target <= TO_SELF; target <<= 1) {
				if (!(h->targets & target) || add(t, h, (enum iq_target)target, m))
					continue;
				snprintf(why, why_bytes, "module %s answers an iq that another module answers already: " STR_FMT
					" in " STR_FMT, modules[m]->name, STR_ARG(h->name), STR_ARG(h->ns));
				iq_table_free(&t);
				return NULL;
			}
		}
	}
	return t;
}

void iq_table_free(struct iq_table **pointer)
{
	struct iq_table *t = *pointer;
	*pointer = NULL;
	if (!t)
		return;
	for (struct hash_node *n; (n = hash_table_next(&t->entries, NULL));) {
		hash_table_remove(&t->entries, n);
		mem_free(CONTAINER_OF(n, struct entry, node));
	}
	hash_table_fini(&t->entries);
	mem_free(t);
}

/* Straight to the session that asked, if it is this account's, else through the router; behind the unit, if there is one. */
static void send_answer(struct worker *w, struct session *session, struct stanza *iq, struct stanza *answer,
	struct outcome *outcome)
{
	struct stanza_error failed = stanza_error_make(STANZA_RESOURCE_CONSTRAINT, "this could not be stored");
	struct stanza *otherwise = outcome ? stanza_error_answer(iq, &failed) : NULL;
	if (session) {
		session_send_fact(session, answer, outcome, otherwise);
		stanza_unref(&answer);
		stanza_unref(&otherwise);
	} else if (outcome) {
		worker_route_fact(w, outcome, answer, otherwise);
	} else {
		route(w, answer, NULL);
	}
}

static struct stanza *make_answer(const struct stanza *iq, const struct iq_answer *answer)
{
	return answer->kind == IQ_ANSWER_RESULT ? stanza_result(iq, answer->payload) : stanza_error_answer(iq, &answer->error);
}

static void handle(struct worker *w, const struct entry *e, struct iq_call *call)
{
	struct entity *entity = call->account ? &call->account->entity : NULL;
	call->conf = w->server->module_conf[e->module];
	call->arena = arena_new(1024, ANSWER_BYTES_MAX);
	uint64_t units = w->units_added;
	struct iq_answer answer = e->handler->handle(call);
	if (answer.kind != IQ_ANSWER_LATER) {
		struct outcome *outcome = NULL;
		if (entity && w->units_added != units)
			outcome = w->last_outcome;
		else if (entity && answer.of_state)
			outcome = worker_outcome(entity);
		send_answer(w, call->session, call->iq, make_answer(call->iq, &answer), outcome);
		if (answer.after)
			answer.after(call, outcome);
	}
	arena_free(&call->arena);
}

static void refuse(struct worker *w, struct session *session, struct stanza *iq, enum stanza_condition condition, const char *text)
{
	struct stanza_error error = stanza_error_make(condition, text);
	send_answer(w, session, iq, stanza_error_answer(iq, &error), NULL);
}

void iq_handle(struct worker *w, struct stanza *iq, struct account *account, struct session *session, struct str host)
{
	if (iq->type != IQ_GET && iq->type != IQ_SET)
		return;
	struct iq_call call = {
		.worker = w,
		.iq = iq,
		.payload = xml_first(iq->root),
		.account = account,
		.session = session,
		.host = host,
	};
	struct lookup l = { iq->type, account ? TO_ACCOUNT : TO_HOST, xml_ns(call.payload), xml_name(call.payload) };
	struct entry *e = NULL;
	if (session) {
		l.target = TO_SELF;
		e = find(w->server->iq, &l);
		l.target = TO_ACCOUNT;
	}
	if (!e)
		e = find(w->server->iq, &l);
	if (e && iq->type == IQ_SET && account && account->is_anonymous && !e->handler->keeps_nothing)
		refuse(w, session, iq, STANZA_NOT_ALLOWED, "an anonymous user keeps nothing here");
	else if (e)
		handle(w, e, &call);
	else
		refuse(w, session, iq, STANZA_SERVICE_UNAVAILABLE, NULL); /* RFC 6121, 8.5.2.1.3 */
}

void iq_answer_later(struct worker *w, struct stanza *iq, struct iq_answer answer)
{
	struct stanza *s = make_answer(iq, &answer);
	if (s)
		route(w, s, NULL);
	stanza_unref(&iq);
}
