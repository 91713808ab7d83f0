/* SASL2 (XEP-0388): <authenticate/>, with all that is wanted behind the login, and its exchange. It goes on in
 * receiver_upgrade.c and receiver_inline.c, without a new stream.
 *
 *         (none) ── authenticate ──► EXCHANGE ── done, upgrades are wanted ──► TASK_OFFERED ── next ──► TASK_BEGUN
 *                                       │                                          ▲                        │ task-data
 *                                       │ done                                     └── more upgrades ───────┤
 *                                       └─────────────────────────► LOGGED_IN ◄─────────────────────────────┘
 *
 *         LOGGED_IN ── RECEIVER_GRANT ──► GRANTING ── answer ──► GRANTED ── RECEIVER_BIND ──► BINDING ──► <success/>
 *                   ── nothing to keep ────────────────────────►         ── no resource is wanted ──────► <success/>
 *
 * Every refusal ends in OVER, which lasts until the next call. From <authenticate/> to its end the client may send
 * nothing but its part of the login, no white space either (2.4). */
#include "lib/stream/receiver_impl.h"

#include "lib/base/base64.h"
#include "lib/xmpp/ns.h"

#define MISMATCH "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>"

bool receiver_sasl2_is_strict(const struct receiver *r)
{
	const struct request *q = r->state == STATE_LOGIN ? r->login->request : NULL;
	return q && q->step != REQUEST_OVER;
}

bool receiver_sasl2_succeed(struct receiver *r, struct str data, struct buf *out, struct receiver_event *e)
{
	struct request *q = r->login->request;
	const struct exchange *x = r->login->exchange;
	q->data = data.p ? arena_dup(q->arena, data) : data;
	q->jid = jid_dup(q->arena, x->jid);
	q->mechanism = x->mechanism;
	q->grant.used = x->used;
	q->grant.invalidate = q->grant.invalidate && x->used != SASL_TOKEN_SLOTS;
	/* Who shows the password only may have it hashed anew. */
	q->tasks = exchange_is_by_password(x) ? q->tasks & ~x->families : 0;
	exchange_free(&r->login->exchange);
	if (!q->tasks)
		return receiver_inline_begin(r, e);
	receiver_offer_task(r, out);
	return false;
}

static bool on_message(struct receiver *r, const struct xml_node *element, struct buf *out, struct receiver_event *e)
{
	struct exchange *x = r->login->exchange;
	struct str data;
	enum sasl_failure failure = receiver_read_data(x->arena, element, &data);
	if (failure != SASL_OK)
		return receiver_refuse(r, failure, out, e);
	return receiver_login_act(r, exchange_message(x, data), out, e);
}

/* XEP-0509, 2.3.1: what is compared are bytes. A version that is not sent matches. */
static bool is_config_version(const struct receiver *r, const struct xml_node *authenticate)
{
	const struct xml_node *version = xml_child(authenticate, NS_IAP, STR("config-version"));
	char own[BASE64_LEN(CONFIG_VERSION_BYTES)];
	base64_encode(str_make(r->login->config_version, CONFIG_VERSION_BYTES), own);
	return !version || str_eq(xml_attr(version, STR("value")), str_make(own, sizeof(own)));
}

static bool on_authenticate(
	struct receiver *r, const struct xml_node *authenticate, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	enum sasl_mechanism m;
	receiver_forget_login(l);
	l->request = receiver_request_new(r, authenticate);
	if (!is_config_version(r, authenticate))
		return receiver_refuse_with(r, SASL_ABORTED, STR(MISMATCH), out, e);
	if (!sasl_mechanism_parse(xml_attr(authenticate, STR("mechanism")), &m) || !(l->offered & SASL_BIT(m)))
		return receiver_refuse(r, SASL_INVALID_MECHANISM, out, e);
	/* XEP-0484, 3.4: the client says that it uses a token. */
	if (SASL_TOKEN_BITS & SASL_BIT(m) && !l->request->has_fast)
		return receiver_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	receiver_login_begin(r, m);
	const struct xml_node *initial = xml_child(authenticate, NS_SASL2, STR("initial-response"));
	if (!initial)
		return receiver_login_act(r, exchange_prompt(l->exchange), out, e);
	return on_message(r, initial, out, e);
}

/* An element during the login. */
static bool on_step(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	enum request_step step = r->login->request->step;
	struct str name = xml_name(root);
	if (str_eq(name, STR("abort")))
		return receiver_refuse(r, SASL_ABORTED, out, e);
	if (step == REQUEST_EXCHANGE && str_eq(name, STR("response")))
		return on_message(r, root, out, e);
	if ((step == REQUEST_TASK_OFFERED && str_eq(name, STR("next"))) ||
		(step == REQUEST_TASK_BEGUN && str_eq(name, STR("task-data"))))
		return receiver_task_element(r, root, out, e);
	return receiver_fail(r, STREAM_POLICY_VIOLATION, "something else during the login", out, e);
}

bool receiver_sasl2_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	struct str name = xml_name(root);
	/* XEP-0388, 3: only after TLS. */
	if (!r->has_tls)
		return receiver_refuse(r, SASL_ENCRYPTION_REQUIRED, out, e);
	if (receiver_sasl2_is_strict(r))
		return on_step(r, root, out, e);
	if (str_eq(name, STR("authenticate")))
		return on_authenticate(r, root, out, e);
	if (str_eq(name, STR("abort")))
		return receiver_refuse(r, SASL_ABORTED, out, e);
	if (str_eq(name, STR("response")) || str_eq(name, STR("next")) || str_eq(name, STR("task-data")))
		return receiver_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	return receiver_fail_unknown(r, root, out, e);
}
