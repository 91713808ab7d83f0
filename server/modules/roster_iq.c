/* Roster gets and sets (RFC 6121, 2), and the module. A get may name a version: then the answer is empty, and what has
 * changed since comes behind it by pushes, if that is known and takes fewer bytes than the whole (2.6.3). */
#include "server/modules/roster.h"

#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/modules/presence.h"
#include "server/modules/roster_store.h"

#define NAME_BYTES_MAX 1023

static struct str version_of(const struct iq_call *call)
{
	return xml_attr(call->payload, STR("ver"));
}

/* 2.6.3: behind an answer that is empty. */
static void push_changes(const struct iq_call *call, struct outcome *o)
{
	struct roster_item **items;
	size_t count;
	if (!roster_changes(call->account, version_of(call), call->arena, &items, &count))
		return;
	for (size_t i = 0; i < count; i++)
		roster_push_to(call->session, items[i], o);
}

static struct iq_answer on_get(const struct iq_call *call)
{
	struct roster_item **items;
	size_t count;
	if (!xml_is_empty(call->payload))
		return iq_error(STANZA_BAD_REQUEST, "a roster get has no items");
	call->session->interested = true;
	if (roster_changes(call->account, version_of(call), call->arena, &items, &count)) {
		struct iq_answer empty = iq_result_of_state(NULL);
		empty.after = count ? push_changes : NULL;
		return empty;
	}
	struct xml_node *query = xml_new(call->arena, NS_ROSTER, STR("query"));
	size_t bytes = 0;
	xml_set(call->arena, query, STR("ver"), roster_version(call->account, call->arena));
	ROSTER_FOR_EACH(item, call->account) {
		if (!item->listed)
			continue;
		bytes += item->bytes;
		if (bytes > ROSTER_BYTES_MAX) /* stored before there was that bound */
			return iq_error(STANZA_RESOURCE_CONSTRAINT, "the roster is too large to be sent");
		roster_add_item(call->arena, query, item);
	}
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

static bool has_room(struct account *a, const struct roster_item *item, struct iq_answer *r)
{
	bool has = roster_has_room(a, item);
	if (!has)
		refuse(r, STANZA_RESOURCE_CONSTRAINT, "the roster is full");
	return has;
}

static struct iq_answer update(const struct iq_call *call, const struct xml_node *e, const struct jid *jid)
{
	struct account *a = call->account;
	struct roster_item *item = roster_item_new(jid);
	struct iq_answer refused;
	if (parse_item(e, item, &refused) || !has_room(a, item, &refused)) {
		roster_item_free(item);
		return refused;
	}
	struct unit *u = unit_new();
	roster_put(a, u, item);
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
	roster_remove(a, u, item);
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

static void on_account_remove(struct str owner, struct unit *u)
{
	roster_store_remove_all(u, owner);
}

const struct module roster_module = {
	.name = "roster",
	.version = "RFC 6121",
	.required = true,
	.summary = "Keeps each user's contacts",
	.migrations = roster_migrations,
	.stream_features = STR_INIT("<ver xmlns='urn:xmpp:features:rosterver'/>"),
	.part = &roster_part,
	.iq = (const struct iq_handler[]){
		{ IQ_GET, TO_SELF, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_get },
		{ IQ_SET, TO_SELF, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_set },
		{ IQ_GET, TO_ACCOUNT, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_foreign },
		{ IQ_SET, TO_ACCOUNT, STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_foreign },
		{ 0 } },
	.may_ask = may_ask,
	.on_account_remove = on_account_remove,
};
