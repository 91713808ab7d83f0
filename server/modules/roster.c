/* The roster (RFC 6121, 2): loaded with the account, kept while it is active, answered and changed by IQ, pushed to the sessions
 * that have asked for it. Subscriptions are presence.c's business; it changes the state of an item through this file. */
#include "server/modules/roster.h"

#include "lib/base/mem.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/modules/presence.h"
#include "server/modules/roster_store.h"
#include "server/modules/subscription.h"

#define NAME_BYTES_MAX 1023
#define PUSH_BYTES_MAX (1u << 20)

struct roster *roster_of(struct account *a)
{
	return account_part(a, &roster_module);
}

struct roster_item *roster_find(struct account *a, const struct jid *jid)
{
	ROSTER_FOR_EACH(item, a)
		if (jid_equal(item->jid, jid))
			return item;
	return NULL;
}

bool roster_tells(struct account *a, const struct jid *jid)
{
	if (jid_equal_bare(jid, account_jid(a)))
		return true;
	ROSTER_FOR_EACH(item, a)
		if (jid_equal_bare(item->jid, jid) && item->state & SUBSCRIPTION_FROM)
			return true;
	return false;
}

/* Changes in memory. */

static void item_free(struct roster_item *item)
{
	stanza_unref(&item->request);
	struct arena *arena = item->arena;
	arena_free(&arena);
}

static void item_remove(struct roster *r, struct roster_item *item)
{
	list_remove(&item->link);
	r->count--;
	item_free(item);
}

/* Puts `item` in the place of an older one of the same JID, or at the end. */
static void item_put(struct account *a, struct roster_item *item)
{
	struct roster *r = roster_of(a);
	struct roster_item *old = roster_find(a, item->jid);
	list_add_last(&r->items, &item->link);
	r->count++;
	if (old)
		item_remove(r, old);
}

bool roster_set_state(struct account *a, struct unit *u, const struct jid *jid, uint8_t state, struct stanza *request)
{
	struct roster *r = roster_of(a);
	struct roster_item *item = roster_find(a, jid);
	if (!item) {
		if (r->count >= ROSTER_ITEMS_MAX)
			return false;
		item = roster_item_new(jid);
		list_add_last(&r->items, &item->link);
		r->count++;
	}
	item->state = state;
	if (state & ~SUBSCRIPTION_PENDING_IN)
		item->listed = true;
	if (request && state & SUBSCRIPTION_PENDING_IN) {
		stanza_unref(&item->request);
		item->request = stanza_ref(request);
	} else if (!(state & SUBSCRIPTION_PENDING_IN)) {
		stanza_unref(&item->request);
	}
	if (item->listed || item->state) {
		roster_store_put(u, account_owner(a), item);
	} else {
		roster_store_remove(u, account_owner(a), item->jid);
		item_remove(r, item);
	}
	return true;
}

void roster_on_unit(struct worker *w, uint32_t entity, const struct unit *u, void *ctx)
{
	struct entity *e = entity_get(w, entity);
	(void)ctx;
	if (e && (u->error || u->repeated))
		account_drop_part(CONTAINER_OF(e, struct account, entity), &roster_module);
}

/* Items as XML (RFC 6121, 2.1.2). */

static struct str subscription_name(uint8_t state)
{
	switch (state & SUBSCRIPTION_BOTH) {
	case SUBSCRIPTION_TO: return STR("to");
	case SUBSCRIPTION_FROM: return STR("from");
	case SUBSCRIPTION_BOTH: return STR("both");
	default: return STR("none");
	}
}

static void add_item(struct arena *a, struct xml_node *query, const struct roster_item *item)
{
	struct xml_node *e = xml_add(a, query, NS_ROSTER, STR("item"));
	xml_set(a, e, STR("jid"), jid_full(item->jid));
	if (!str_is_empty(item->name))
		xml_set(a, e, STR("name"), item->name);
	xml_set(a, e, STR("subscription"), subscription_name(item->state));
	if (item->state & SUBSCRIPTION_PENDING_OUT)
		xml_set(a, e, STR("ask"), STR("subscribe"));
	for (size_t i = 0; i < item->group_count; i++)
		xml_add_with_text(a, e, NS_ROSTER, STR("group"), item->groups[i]);
}

static void add_removed(struct arena *a, struct xml_node *query, const struct jid *jid)
{
	struct xml_node *e = xml_add(a, query, NS_ROSTER, STR("item"));
	xml_set(a, e, STR("jid"), jid_full(jid));
	xml_set(a, e, STR("subscription"), STR("remove"));
}

static void push_to(struct session *s, const struct jid *jid, const struct roster_item *item, struct outcome *o)
{
	struct stanza_draft draft = stanza_new(IQ_SET);
	struct xml_node *query = xml_new(draft.arena, NS_ROSTER, STR("query"));
	char id[22];
	random_text(s->account->entity.worker->random, id, sizeof(id));
	if (item && item->listed)
		add_item(draft.arena, query, item);
	else
		add_removed(draft.arena, query, jid);
	/* It may have to wait, longer than the item lives. */
	xml_add_shared(draft.arena, draft.root, xml_dup(draft.arena, query));
	/* Without `from`: from the user's account itself (2.1.6). */
	struct stanza *push = stanza_finish(&draft, str_make(id, sizeof(id)), NULL, s->jid);
	session_send_fact(s, push, o, NULL);
	stanza_unref(&push);
}

void roster_push(struct account *a, const struct jid *jid, struct outcome *o)
{
	const struct roster_item *item = roster_find(a, jid);
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (s->interested)
			push_to(s, jid, item, o);
}

/* IQs. */

static struct iq_answer on_get(const struct iq_call *call)
{
	if (!xml_is_empty(call->payload))
		return iq_error(STANZA_BAD_REQUEST, "a roster get has no items");
	struct xml_node *query = xml_new(call->arena, NS_ROSTER, STR("query"));
	ROSTER_FOR_EACH(item, call->account)
		if (item->listed)
			add_item(call->arena, query, item);
	call->session->interested = true;
	return iq_result_of_state(query);
}

static const struct iq_answer *refuse(struct iq_answer *r, enum stanza_condition condition, const char *text)
{
	*r = iq_error(condition, text);
	return r;
}

/* Name and groups of a roster set (2.3.3). NULL, or the answer that refuses it. */
static const struct iq_answer *parse_item(const struct xml_node *e, struct roster_item *item, struct iq_answer *r)
{
	item->name = arena_dup(item->arena, xml_attr(e, STR("name")));
	if (item->name.n > NAME_BYTES_MAX)
		return refuse(r, STANZA_NOT_ACCEPTABLE, "the name is too long");
	item->groups = arena_alloc(item->arena, sizeof(*item->groups) * ROSTER_GROUPS_MAX);
	XML_FOR_EACH_CHILD(child, e) {
		if (!xml_is(child, NS_ROSTER, STR("group")))
			continue;
		struct str group = arena_dup(item->arena, xml_text(child, item->arena));
		if (group.n == 0 || group.n > NAME_BYTES_MAX || item->group_count == ROSTER_GROUPS_MAX)
			return refuse(r, STANZA_NOT_ACCEPTABLE, "a group without a name, too long, or too many groups");
		for (size_t i = 0; i < item->group_count; i++)
			if (str_eq(item->groups[i], group))
				return refuse(r, STANZA_BAD_REQUEST, "the same group twice");
		item->groups[item->group_count++] = group;
	}
	return NULL;
}

static struct iq_answer update(const struct iq_call *call, const struct xml_node *e, const struct jid *jid)
{
	struct account *a = call->account;
	struct roster_item *old = roster_find(a, jid);
	if (!old && roster_of(a)->count >= ROSTER_ITEMS_MAX)
		return iq_error(STANZA_RESOURCE_CONSTRAINT, "the roster is full");
	struct roster_item *item = roster_item_new(jid);
	struct iq_answer refused;
	if (parse_item(e, item, &refused)) {
		item_free(item);
		return refused;
	}
	item->listed = true;
	if (old) {
		item->state = old->state;
		item->request = old->request ? stanza_ref(old->request) : NULL;
		item->heard = old->heard;
	}
	item_put(a, item);
	struct unit *u = unit_new();
	roster_store_put(u, account_owner(a), item);
	roster_push(a, jid, worker_commit(&a->entity, u, roster_on_unit, NULL));
	return iq_result(NULL);
}

/* 2.5.2: what was granted and asked for ends with the item. */
static struct iq_answer remove_item(const struct iq_call *call, const struct jid *jid)
{
	struct account *a = call->account;
	struct roster_item *item = roster_find(a, jid);
	if (!item || !item->listed)
		return iq_error(STANZA_ITEM_NOT_FOUND, "no such contact");
	struct unit *u = unit_new();
	uint8_t state = item->state;
	presence_cancel(a, u, item);
	roster_store_remove(u, account_owner(a), jid);
	item_remove(roster_of(a), item);
	struct outcome *o = worker_commit(&a->entity, u, presence_on_unit, NULL);
	roster_push(a, jid, o);
	presence_withdraw(a, jid, state, 0);
	return iq_result(NULL);
}

static struct iq_answer on_set(const struct iq_call *call)
{
	const struct xml_node *e = xml_first(call->payload);
	const struct jid *jid;
	const char *why;
	if (!e || !xml_is(e, NS_ROSTER, STR("item")) || xml_next(e))
		return iq_error(STANZA_BAD_REQUEST, "a roster set has exactly one item");
	if (jid_parse(call->arena, xml_attr(e, STR("jid")), &jid, &why) != 0)
		return iq_error(STANZA_JID_MALFORMED, why);
	if (jid_equal(jid, account_jid(call->account)))
		return iq_error(STANZA_NOT_ALLOWED, "an account cannot be its own contact");
	if (storage_is_waiting(call->worker->server->storage))
		return iq_error(STANZA_RESOURCE_CONSTRAINT, "nothing can be stored at the moment"); /* D9 */
	if (str_eq(xml_attr(e, STR("subscription")), STR("remove")))
		return remove_item(call, jid);
	return update(call, e, jid);
}

/* docs/SECURITY.md, F2: a push that is not the account's own does not reach a client that may believe it. */
static bool may_ask(struct session *s, const struct stanza *iq)
{
	bool is_push = iq->type == IQ_SET && xml_child(iq->root, NS_ROSTER, STR("query"));
	return !is_push || jid_equal_bare(iq->from, account_jid(s->account));
}

/* Somebody else's roster (2.3.3). */
static struct iq_answer on_foreign(const struct iq_call *call)
{
	(void)call;
	return iq_error(STANZA_FORBIDDEN, NULL);
}

/* The part. */

static void *parse(struct account *a, void *part, const struct query *q, unsigned which)
{
	struct roster *r = part ? part : mem_zalloc(sizeof(*r));
	(void)a;
	(void)which;
	if (!part)
		list_init(&r->items);
	for (size_t i = 0; i < q->rows; i++) {
		struct roster_item *item = roster_store_parse(q->values + i * q->columns, q->columns);
		if (!item)
			continue;
		list_add_last(&r->items, &item->link);
		r->count++;
	}
	return r;
}

static void part_free(void *part)
{
	struct roster *r = part;
	for (struct list *l; (l = list_take_first(&r->items));)
		item_free(CONTAINER_OF(l, struct roster_item, link));
	mem_free(r);
}

static struct query *query(struct account *a, unsigned which, const struct query *before)
{
	(void)which;
	return roster_store_query(account_owner(a), before, ROSTER_ITEMS_MAX);
}

static void on_account_remove(struct str owner, struct unit *u)
{
	roster_store_remove_all(u, owner);
}

static const struct account_part part = {
	.query_count = 1,
	.query = query,
	.parse = parse,
	.free = part_free,
	.needed_for = NEEDED_FOR_PRESENCE | NEEDED_FOR_IQ | NEEDED_FOR_OUTBOX,
};

const struct module roster_module = {
	.name = "roster",
	.version = "RFC 6121",
	.required = true,
	.summary = "Keeps each user's contacts",
	.migrations = roster_migrations,
	.part = &part,
	.iq = (const struct iq_handler[]){
		{ IQ_GET, TO_SELF, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_get },
		{ IQ_SET, TO_SELF, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_set },
		{ IQ_GET, TO_ACCOUNT, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_foreign },
		{ IQ_SET, TO_ACCOUNT, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_foreign },
		{ 0 } },
	.may_ask = may_ask,
	.on_account_remove = on_account_remove,
};
