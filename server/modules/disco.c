/* Service discovery (XEP-0030): what the server, and an account, can do. The features are those that modules declare; the server
 * has no items, nor nodes. */
#include "server/core/account.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "lib/xmpp/ns.h"

extern const struct module disco_module;

static void add_identity(struct arena *a, struct xml_node *query, struct str category, struct str type, struct str name)
{
	struct xml_node *e = xml_add(a, query, NS_DISCO_INFO, STR("identity"));
	xml_set(a, e, STR("category"), category);
	xml_set(a, e, STR("type"), type);
	if (!str_is_empty(name))
		xml_set(a, e, STR("name"), name);
}

static void add_features(struct arena *a, struct xml_node *query, const struct str *features)
{
	for (; features && features->n; features++)
		xml_set(a, xml_add(a, query, NS_DISCO_INFO, STR("feature")), STR("var"), *features);
}

static bool has_node(const struct iq_call *call)
{
	return !str_is_empty(xml_attr(call->payload, STR("node")));
}

static struct iq_answer on_host_info(const struct iq_call *call)
{
	const struct server *server = call->worker->server;
	if (has_node(call))
		return iq_error(STANZA_ITEM_NOT_FOUND, "no such node"); /* XEP-0030, 7 */
	struct xml_node *query = xml_new(call->arena, NS_DISCO_INFO, STR("query"));
	add_identity(call->arena, query, STR("server"), STR("im"), STR("Linnet"));
	for (size_t i = 0; i < server->module_count; i++)
		add_features(call->arena, query, server->modules[i]->host_features);
	return iq_result(query);
}

static struct iq_answer on_account_info(const struct iq_call *call)
{
	const struct server *server = call->worker->server;
	if (has_node(call))
		return iq_error(STANZA_ITEM_NOT_FOUND, "no such node");
	struct xml_node *query = xml_new(call->arena, NS_DISCO_INFO, STR("query"));
	struct str type = call->account->is_anonymous ? STR("anonymous") : STR("registered"); /* XEP-0175, 5 */
	add_identity(call->arena, query, STR("account"), type, str_make(NULL, 0));
	for (size_t i = 0; i < server->module_count; i++)
		add_features(call->arena, query, server->modules[i]->account_features);
	return iq_result(query);
}

static struct iq_answer on_items(const struct iq_call *call)
{
	if (has_node(call))
		return iq_error(STANZA_ITEM_NOT_FOUND, "no such node");
	return iq_result(xml_new(call->arena, NS_DISCO_ITEMS, STR("query")));
}

const struct module disco_module = {
	.name = "disco",
	.xep = 30,
	.version = "2.5.0",
	.summary = "Tells what the server and the accounts can do",
	.iq = (const struct iq_handler[]){
		{ IQ_GET, TO_HOST, STR_INIT("http://jabber.org/protocol/disco#info"), STR_INIT("query"), on_host_info },
		{ IQ_GET, TO_SELF, STR_INIT("http://jabber.org/protocol/disco#info"), STR_INIT("query"), on_account_info },
		{ IQ_GET, TO_HOST | TO_SELF, STR_INIT("http://jabber.org/protocol/disco#items"), STR_INIT("query"), on_items },
		{ 0 } },
	.host_features = (const struct str[]){ STR_INIT("http://jabber.org/protocol/disco#info"),
		STR_INIT("http://jabber.org/protocol/disco#items"), { NULL, 0 } },
	.account_features = (const struct str[]){ STR_INIT("http://jabber.org/protocol/disco#info"),
		STR_INIT("http://jabber.org/protocol/disco#items"), { NULL, 0 } },
};
