/* SASL as RFC 6120, 6 carries it: <auth/>, <challenge/>, <response/>, <success/>, and a new stream after it. Another
 * <auth/> begins anew from anywhere (6.4.2). */
#include "lib/stream/receiver_impl.h"

#include "lib/xmpp/ns.h"

/* RFC 6120, 6.4.6 */
bool receiver_sasl_succeed(struct receiver *r, struct str data, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	const struct exchange *x = l->exchange;
	if (r->has_tls && l->from && x->mechanism != SASL_ANONYMOUS && !jid_equal(l->from, x->jid))
		return receiver_fail(r, STREAM_INVALID_FROM, "the header's from is not who has logged in", out, e);
	receiver_write_data(out, "success", NS_SASL, data);
	receiver_log_in(r, x->jid, x->mechanism, e);
	receiver_restart(r);
	return true;
}

/* RFC 6120, 6.4.2: it stands for an empty message. */
static bool is_equals_sign(const struct xml_node *text)
{
	return text && !text->next && text->kind == XML_TEXT && str_eq(str_make(text->p, text->n), STR("="));
}

static bool on_message(struct receiver *r, const struct xml_node *element, struct buf *out, struct receiver_event *e)
{
	struct exchange *x = r->login->exchange;
	struct str data = STR("");
	enum sasl_failure failure = SASL_OK;
	if (!is_equals_sign(element->children))
		failure = receiver_read_data(x->arena, element, &data);
	if (failure != SASL_OK)
		return receiver_refuse(r, failure, out, e);
	return receiver_login_act(r, exchange_message(x, data), out, e);
}

static bool on_auth(struct receiver *r, const struct xml_node *element, struct buf *out, struct receiver_event *e)
{
	enum sasl_mechanism m;
	receiver_forget_login(r->login);
	if (!sasl_mechanism_parse(xml_attr(element, STR("mechanism")), &m) ||
		!(r->login->offered & ~SASL_TOKEN_BITS & SASL_BIT(m)))
		return receiver_refuse(r, SASL_INVALID_MECHANISM, out, e);
	receiver_login_begin(r, m);
	if (!element->children)
		return receiver_login_act(r, exchange_prompt(r->login->exchange), out, e);
	return on_message(r, element, out, e);
}

bool receiver_sasl_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	struct str name = xml_name(root);
	if (str_eq(name, STR("auth")))
		return on_auth(r, root, out, e);
	if (str_eq(name, STR("response"))) {
		if (!r->login->exchange)
			return receiver_refuse(r, SASL_MALFORMED_REQUEST, out, e);
		return on_message(r, root, out, e);
	}
	if (str_eq(name, STR("abort")))
		return receiver_refuse(r, SASL_ABORTED, out, e);
	return receiver_fail_unknown(r, root, out, e);
}
