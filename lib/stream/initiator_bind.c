/* Binding a resource (RFC 6120, 7), where that did not come with the login. */
#include "lib/stream/initiator_impl.h"

#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

/* One request, on a stream that carries nothing else yet. */
#define BIND_ID STR("bind")

void initiator_bind_ask(struct initiator *i, struct buf *out)
{
	struct str resource = jid_resource(i->config->jid);
	buf_lit(out, "<iq type='set'");
	xml_write_attr(out, STR("id"), BIND_ID);
	buf_lit(out, "><bind");
	xml_write_attr(out, STR("xmlns"), NS_BIND);
	if (str_is_empty(resource)) {
		buf_lit(out, "/></iq>");
	} else {
		buf_lit(out, "><resource>");
		xml_write_text(out, resource);
		buf_lit(out, "</resource></bind></iq>");
	}
	i->state = STATE_BINDING;
}

/* RFC 6120, 4.3.6: our address is what the server says it is. */
bool initiator_bind_take(struct initiator *i, struct str address)
{
	const char *why;
	address = str_trim(address);
	arena_free(&i->kept);
	i->kept = arena_new(address.n <= JID_BYTES_MAX ? JID_ARENA_BYTES(address.n) : 1, JID_ARENA_BYTES_MAX);
	if (jid_parse(i->kept, address, &i->jid, &why) == 0 && !str_is_empty(jid_local(i->jid)) && !jid_is_bare(i->jid))
		return true;
	i->jid = NULL;
	return false;
}

bool initiator_bind_done(struct initiator *i, struct initiator_event *e)
{
	initiator_login_free(i);
	i->state = STATE_BOUND;
	e->kind = INITIATOR_READY;
	e->jid = i->jid;
	return true;
}

static bool on_error(
	struct initiator *i, const struct xml_node *root, struct arena *a, struct buf *out, struct initiator_event *e)
{
	struct stanza_error error;
	stanza_error_parse(root, a, &error);
	initiator_give_up(i, "the server refused to bind a resource", out, e);
	e->refusal = error.condition;
	initiator_quote(i, error.text, e);
	return true;
}

bool initiator_bind_element(
	struct initiator *i, const struct xml_node *root, struct arena *a, struct buf *out, struct initiator_event *e)
{
	enum stanza_kind kind;
	if (!stanza_kind_of(root, &kind) || kind != STANZA_IQ || !str_eq(xml_attr(root, STR("id")), BIND_ID))
		return initiator_fail(i, STREAM_NOT_AUTHORIZED, "something else than the answer to bind", out, e);
	if (str_eq(xml_attr(root, STR("type")), STR("error")))
		return on_error(i, root, a, out, e);
	const struct xml_node *bind = xml_child(root, NS_BIND, STR("bind"));
	const struct xml_node *jid = bind ? xml_child(bind, NS_BIND, STR("jid")) : NULL;
	if (!str_eq(xml_attr(root, STR("type")), STR("result")) ||
		!initiator_bind_take(i, jid ? xml_text(jid, a) : STR("")))
		return initiator_give_up(i, "the server bound no address to us", out, e);
	return initiator_bind_done(i, e);
}
