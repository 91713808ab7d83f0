/* Delivery of messages to the sessions of an account: RFC 6121, 8.5.2.1.1, 8.5.3.1, 8.5.3.2.1; its table 1 is a test. Of several
 * sessions, the most available are those of the highest priority that is not negative; all of them get it. */
#include "server/modules/message.h"

#include "lib/base/arena.h"
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/deliver.h"
#include "server/core/session.h"

static enum verdict refuse(struct passage *p, enum stanza_condition condition)
{
	p->refusal = stanza_error_make(condition, NULL);
	return PASS_REFUSED;
}

/* True if the address is the account's own, however it is spelt, or its host's. */
static bool is_ours(struct str text, const struct account *a)
{
	struct arena *arena = arena_new(512, 64 * text.n + (64u << 10));
	const struct jid *j;
	const char *why;
	bool ours = jid_parse(arena, text, &j, &why) == 0 && jid_is_bare(j) &&
		(jid_equal_bare(j, account_jid(a)) || (!j->local_n && str_eq(jid_domain(j), jid_domain(account_jid(a)))));
	arena_free(&arena);
	return ours;
}

static bool is_forged(const struct xml_node *child, const void *account)
{
	if (xml_is(child, NS_STANZA_ID, STR("stanza-id")))
		return is_ours(xml_attr(child, STR("by")), account);
	return xml_is(child, NS_DELAY, STR("delay")) && is_ours(xml_attr(child, STR("from")), account);
}

/* docs/SECURITY.md, F1: a client may take the message inside for one that the user has sent or got. */
static bool is_forged_copy(const struct passage *p)
{
	const struct xml_node *root = p->stanza->root;
	return (xml_child(root, NS_CARBONS, STR("sent")) || xml_child(root, NS_CARBONS, STR("received"))) &&
		!jid_equal_bare(p->stanza->from, account_jid(p->account));
}

/* docs/SECURITY.md, F4: only we say what an id of ours is (XEP-0359, 5, rule 3), and that something was late with us. */
static enum verdict on_incoming(struct passage *p)
{
	if (is_forged_copy(p))
		return PASS_DONE;
	XML_FOR_EACH_CHILD(child, p->stanza->root) {
		if (!is_forged(child, p->account))
			continue;
		passage_replace(p, stanza_derive(p->stanza, &(struct stanza_change){ .drop = is_forged, .drop_ctx = p->account }));
		break;
	}
	return PASS;
}

/* Not negative: a session of negative priority gets nothing that is sent to the bare JID (4.7.2.3). */
static bool takes_messages(const struct session *s)
{
	return session_is_available(s) && s->priority >= 0 && !s->closing;
}

static void to_all(struct passage *p, int least)
{
	unsigned takers = 0;
	ACCOUNT_FOR_EACH_SESSION(s, p->account)
		takers += takes_messages(s) && s->priority >= least;
	struct copies *copies = takers > 1 ? copies_new() : NULL;
	ACCOUNT_FOR_EACH_SESSION(s, p->account)
		if (takes_messages(s) && s->priority >= least)
			session_send_copy(s, p->stanza, copies);
	copies_unref(&copies);
}

static int highest_priority(struct account *a)
{
	int highest = -1;
	ACCOUNT_FOR_EACH_SESSION(s, a)
		if (takes_messages(s) && s->priority > highest)
			highest = s->priority;
	return highest;
}

bool message_has_taker(struct account *a)
{
	return highest_priority(a) >= 0;
}

static enum verdict to_bare(struct passage *p)
{
	int highest = highest_priority(p->account);
	switch (p->stanza->type) {
	case MESSAGE_GROUPCHAT: return refuse(p, STANZA_SERVICE_UNAVAILABLE);
	case MESSAGE_ERROR: return PASS_DONE;
	case MESSAGE_HEADLINE: to_all(p, 0); return PASS_DONE;
	default: break;
	}
	if (highest < 0)
		return PASS_UNDELIVERED;
	to_all(p, highest);
	return PASS_DONE;
}

static enum verdict on_deliver(struct passage *p)
{
	struct stanza *s = p->stanza;
	if (jid_is_bare(s->to))
		return to_bare(p);
	struct session *session = account_find_session(p->account, jid_resource(s->to));
	if (session && !session->closing) {
		session_send(session, s, NULL);
		return PASS_DONE;
	}
	switch (s->type) {
	case MESSAGE_CHAT: return to_bare(p); /* 8.5.3.2.1 */
	case MESSAGE_ERROR: return PASS_DONE;
	default: return refuse(p, STANZA_SERVICE_UNAVAILABLE);
	}
}

/* Nobody has kept it either. */
static enum verdict on_undelivered(struct passage *p)
{
	return refuse(p, STANZA_SERVICE_UNAVAILABLE);
}

const struct module message_module = {
	.name = "message",
	.version = "RFC 6121",
	.required = true,
	.summary = "Delivers messages to the sessions of an account",
	.on_phase = {
		[PHASE_INCOMING_FILTER] = on_incoming,
		[PHASE_DELIVER] = on_deliver,
		[PHASE_UNDELIVERED] = on_undelivered,
	},
};
