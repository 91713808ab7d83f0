/* The end of a login by SASL2: what it leaves behind is made durable, a resource is bound if one was asked for
 * (XEP-0386), and <success/> tells of all that at once. The stream goes on as it is. The drawing is in
 * receiver_sasl2.c. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/fault.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

bool receiver_inline_begin(struct receiver *r, struct receiver_event *e)
{
	struct request *q = r->login->request;
	q->step = REQUEST_LOGGED_IN;
	r->state = STATE_INLINE;
	receiver_log_in(r, q->jid, q->mechanism, e);
	return true;
}

bool receiver_inline_is_asking(const struct receiver *r)
{
	enum request_step step = r->login->request->step;
	return step == REQUEST_GRANTING || step == REQUEST_BINDING;
}

/* An account that goes with its session keeps nothing. */
static bool has_grant(const struct request *q)
{
	return q->mechanism != SASL_ANONYMOUS && (q->grant.client.n || q->grant.upgrade);
}

/* <success/>, and the features of the stream from now on (XEP-0388, 2.6.1). */
static void write_success(struct receiver *r, struct buf *out)
{
	const struct request *q = r->login->request;
	buf_lit(out, "<success");
	xml_write_attr(out, STR("xmlns"), NS_SASL2);
	buf_lit(out, ">");
	if (q->data.p)
		receiver_write_data(out, "additional-data", STR(""), q->data);
	buf_lit(out, "<authorization-identifier>");
	xml_write_text(out, jid_full(r->jid));
	buf_lit(out, "</authorization-identifier>");
	if (r->state == STATE_BOUND) {
		buf_lit(out, "<bound");
		xml_write_attr(out, STR("xmlns"), NS_BIND2);
		buf_lit(out, "/>");
	}
	if (q->token.n) {
		buf_lit(out, "<token");
		xml_write_attr(out, STR("xmlns"), NS_FAST);
		xml_write_attr(out, STR("expiry"), q->expiry);
		xml_write_attr(out, STR("token"), q->token);
		buf_lit(out, "/>");
	}
	buf_lit(out, "</success>");
	receiver_write_features(r, out);
}

static bool ask_for_bind(struct receiver *r, struct receiver_event *e)
{
	struct request *q = r->login->request;
	q->step = REQUEST_BINDING;
	e->kind = RECEIVER_BIND;
	e->bind.is_inline = true;
	e->bind.resource = STR("");
	e->bind.tag = q->tag;
	e->bind.client = q->grant.client;
	e->bind.request = q->bind;
	return true;
}

bool receiver_inline_resume(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct request *q = r->login->request;
	switch (q->step) {
	case REQUEST_LOGGED_IN:
		if (!has_grant(q))
			break;
		q->step = REQUEST_GRANTING;
		e->kind = RECEIVER_GRANT;
		e->grant = &q->grant;
		return true;
	case REQUEST_NOT_GRANTED:
		return receiver_fail(r, STREAM_INTERNAL_SERVER_ERROR, "the login could not be completed", out, e);
	case REQUEST_GRANTED: break;
	default: return false;
	}
	if (q->bind)
		return ask_for_bind(r, e);
	r->state = STATE_BIND;
	write_success(r, out);
	receiver_request_free(&r->login->request);
	return false;
}

/* Answers. */

static struct request *find_request(struct receiver *r, enum request_step step)
{
	struct request *q = r->state == STATE_INLINE ? r->login->request : NULL;
	return q && q->step == step ? q : NULL;
}

void receiver_granted(struct receiver *r, struct str token, struct str expiry)
{
	struct request *q = find_request(r, REQUEST_GRANTING);
	if (!q)
		return;
	q->token = arena_dup(q->arena, token);
	q->expiry = arena_dup(q->arena, expiry);
	q->step = REQUEST_GRANTED;
}

void receiver_grant_failed(struct receiver *r)
{
	struct request *q = find_request(r, REQUEST_GRANTING);
	if (q)
		q->step = REQUEST_NOT_GRANTED;
}

/* r->jid is the full one already. */
void receiver_inline_bind(struct receiver *r, struct buf *out)
{
	r->state = STATE_BOUND;
	write_success(r, out);
	receiver_login_free(r);
}

/* There is no answer for it in <success/>, and failing a login that was right would be wrong (docs/PROTOCOL.md). */
void receiver_inline_refuse_bind(struct receiver *r, const struct stanza_error *error, struct buf *out)
{
	enum stream_condition c = STREAM_INTERNAL_SERVER_ERROR;
	switch (error->condition) {
	case STANZA_RESOURCE_CONSTRAINT: c = STREAM_RESOURCE_CONSTRAINT; break;
	case STANZA_CONFLICT: c = STREAM_CONFLICT; break;
	case STANZA_NOT_ALLOWED:
	case STANZA_POLICY_VIOLATION: c = STREAM_POLICY_VIOLATION; break;
	default: break;
	}
	receiver_close(r, c, "no resource could be bound", out);
}
