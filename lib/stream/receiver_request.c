/* What an <authenticate/> of SASL2 asks for beside the login (XEP-0388, 2.3): who the client is, a resource (XEP-0386),
 * tokens (XEP-0484), upgrades of the stored keys (XEP-0480). A new thing that can be asked for gets a field in struct
 * request, a line in receiver_request_new, and its part in receiver_inline.c. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"

#define UUID_BYTES 36

/* In lower case; false if it is no UUID of version 4 (RFC 9562, 5.4). */
static bool read_uuid(struct str s, char *uuid_r)
{
	if (s.n != UUID_BYTES)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		if (is_dash ? c != '-' : !is_hex)
			return false;
		uuid_r[i] = c;
	}
	return uuid_r[14] == '4' && (uuid_r[19] == '8' || uuid_r[19] == '9' || uuid_r[19] == 'a' || uuid_r[19] == 'b');
}

/* The text of a child, in the request's memory; empty if there is none. */
static struct str read_child(struct request *q, const struct xml_node *parent, struct str name)
{
	const struct xml_node *child = xml_child(parent, NS_SASL2, name);
	return child ? arena_dup(q->arena, xml_text(child, q->arena)) : STR("");
}

/* XEP-0388, 2.3: the id MUST be a UUID of version 4; one that is not is none. */
static void read_user_agent(struct request *q, const struct xml_node *authenticate)
{
	const struct xml_node *agent = xml_child(authenticate, NS_SASL2, STR("user-agent"));
	char uuid[UUID_BYTES];
	if (!agent)
		return;
	if (read_uuid(xml_attr(agent, STR("id")), uuid))
		q->grant.client = arena_dup(q->arena, str_make(uuid, sizeof(uuid)));
	q->grant.software = read_child(q, agent, STR("software"));
	q->grant.device = read_child(q, agent, STR("device"));
}

static bool is_true(struct str s)
{
	return str_eq(s, STR("true")) || str_eq(s, STR("1"));
}

/* Its count is for early data, which is never taken (T2). */
static void read_tokens(struct request *q, const struct receiver *r, const struct xml_node *authenticate)
{
	const struct xml_node *fast = xml_child(authenticate, NS_FAST, STR("fast"));
	const struct xml_node *wanted = xml_child(authenticate, NS_FAST, STR("request-token"));
	enum sasl_mechanism m;
	q->has_fast = fast;
	q->grant.invalidate = fast && is_true(xml_attr(fast, STR("invalidate")));
	/* A token belongs to a client (XEP-0484, 4.1). */
	if (wanted && q->grant.client.n && sasl_mechanism_parse(xml_attr(wanted, STR("mechanism")), &m) &&
		r->login->offered & SASL_TOKEN_BITS & SASL_BIT(m))
		q->grant.token_for = m;
}

static void read_upgrades(struct request *q, const struct receiver *r, const struct xml_node *authenticate)
{
	unsigned offered = receiver_tasks(r);
	XML_FOR_EACH_CHILD (child, authenticate) {
		if (!xml_is(child, NS_UPGRADE, STR("upgrade")))
			continue;
		struct str name = xml_text(child, q->arena);
		for (enum digest d = 0; d < DIGESTS; d++) {
			if (offered & 1u << d && str_eq(name, receiver_task_name(q->arena, d)))
				q->tasks |= 1u << d;
		}
	}
}

/* XEP-0386, 3.2.1: the tag is subject to what a resource can be; one that cannot be (part of) one is none. */
static void read_bind(struct request *q, const struct xml_node *authenticate)
{
	const struct xml_node *bind = xml_child(authenticate, NS_BIND2, STR("bind"));
	const char *why;
	if (!bind)
		return;
	q->bind = xml_dup(q->arena, bind);
	const struct xml_node *tag = xml_child(q->bind, NS_BIND2, STR("tag"));
	struct str text = tag ? xml_text(tag, q->arena) : STR("");
	if (str_is_empty(text) || jid_normalise_resource(q->arena, text, &q->tag, &why))
		q->tag = STR("");
}

struct request *receiver_request_new(const struct receiver *r, const struct xml_node *authenticate)
{
	struct request *q = mem_zalloc(sizeof(*q));
	q->arena = arena_new(512, 64 * (size_t)r->config->before->bytes + (64 << 10));
	q->grant.token_for = SASL_MECHANISMS;
	q->grant.used = SASL_TOKEN_SLOTS;
	read_user_agent(q, authenticate);
	read_tokens(q, r, authenticate);
	read_upgrades(q, r, authenticate);
	read_bind(q, authenticate);
	return q;
}

void receiver_request_free(struct request **pointer)
{
	struct request *q = *pointer;
	*pointer = NULL;
	if (!q)
		return;
	exchange_wipe(q->token);
	secret_wipe(&q->keys, sizeof(q->keys));
	arena_free(&q->arena);
	mem_free(q);
}
