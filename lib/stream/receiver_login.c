/* Logging in, as far as SASL (receiver_sasl.c) and SASL2 (receiver_sasl2.c) do it alike: what this stream can offer,
 * the tries, the driver's answers, failures. What happens inside an exchange is exchange.c's.
 *
 * Every refusal leaves the exchange OVER, which lasts until the next call, since the event borrows from it. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/stream/ht.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

/* What TLS tells. */

/* Of the addresses only those of accounts (RFC 6120, 13.7.1.4), normalised. */
void receiver_keep_tls(struct login *l, const struct sasl_tls *tls)
{
	arena_free(&l->tls_arena);
	l->tls = *tls;
	l->tls.addresses = NULL;
	l->tls.address_count = 0;
	if (!tls->address_count)
		return;
	l->tls_arena = arena_new(1024, SIZE_MAX / 2);
	struct str *kept = arena_alloc(l->tls_arena, tls->address_count * sizeof(*kept));
	for (size_t i = 0; i < tls->address_count; i++) {
		const struct jid *jid;
		const char *why;
		if (!jid_parse(l->tls_arena, tls->addresses[i], &jid, &why) && jid_is_bare(jid) && !jid_is_domain(jid))
			kept[l->tls.address_count++] = jid_full(jid);
	}
	l->tls.addresses = kept;
}

static bool has_address_here(const struct login *l)
{
	for (size_t i = 0; i < l->tls.address_count; i++) {
		struct str address = l->tls.addresses[i];
		if (str_eq(str_from(address, str_index(address, '@') + 1), l->host))
			return true;
	}
	return false;
}

/* What can be offered. */

/* L9: tls-unique is not announced, but taken from those who ask for it. */
unsigned receiver_bindings(const struct receiver *r)
{
	const struct sasl_binding_data *b = r->login->tls.bindings;
	return (b[SASL_TLS_EXPORTER].n ? 1u << SASL_TLS_EXPORTER : 0) |
	       (b[SASL_TLS_SERVER_END_POINT].n ? 1u << SASL_TLS_SERVER_END_POINT : 0);
}

/* FAST is for protected streams only (XEP-0484, 6), and each of its mechanisms for those that have its binding. */
static unsigned usable_tokens(const struct receiver *r)
{
	unsigned usable = 0;
	for (enum sasl_mechanism m = SASL_HT_SHA_256_EXPR; m <= SASL_HT_SHA_256_NONE; m++) {
		enum sasl_binding b = ht_binding(m);
		if (r->has_tls && (b == SASL_BINDINGS || r->login->tls.bindings[b].n))
			usable |= SASL_BIT(m);
	}
	return usable;
}

unsigned receiver_offer(struct receiver *r)
{
	unsigned wanted = r->config->mechanisms(r->config->ctx, receiver_host(r));
	unsigned usable = SASL_SCRAM_BITS | SASL_BIT(SASL_EXTERNAL) | SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_ANONYMOUS);
	if (!receiver_bindings(r))
		usable &= ~SASL_PLUS_BITS;
	if (!has_address_here(r->login))
		usable &= ~SASL_BIT(SASL_EXTERNAL);
	r->login->offered = wanted & (usable | usable_tokens(r));
	return r->login->offered;
}

/* Writing and reading. */

void receiver_write_data(struct buf *out, const char *name, struct str ns, struct str data)
{
	buf_printf(out, "<%s", name);
	if (!str_is_empty(ns))
		xml_write_attr(out, STR("xmlns"), ns);
	if (str_is_empty(data)) {
		buf_lit(out, "/>");
		return;
	}
	buf_lit(out, ">");
	base64_add(out, data);
	buf_printf(out, "</%s>", name);
}

enum sasl_failure receiver_read_data(struct arena *a, const struct xml_node *element, struct str *data_r)
{
	struct str text = xml_text(element, a);
	char *p = arena_alloc_bytes(a, text.n);
	size_t n = 0;
	bool ok = base64_decode(text, p, &n);
	exchange_wipe(text);
	*data_r = str_make(p, n);
	if (!xml_first(element))
		return ok ? SASL_OK : SASL_INCORRECT_ENCODING;
	exchange_wipe(*data_r);
	return SASL_MALFORMED_REQUEST;
}

static void wipe_text(const struct xml_node *element)
{
	for (const struct xml_node *n = element->children; n; n = n->next) {
		if (n->kind == XML_TEXT)
			exchange_wipe(str_make(n->p, n->n));
	}
}

/* Failing. */

bool receiver_refuse_with(
	struct receiver *r, enum sasl_failure failure, struct str extension, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	struct exchange *x = l->exchange;
	buf_lit(out, "<failure");
	xml_write_attr(out, STR("xmlns"), l->is_sasl2 ? NS_SASL2 : NS_SASL);
	buf_lit(out, "><");
	buf_add(out, sasl_failure_name(failure));
	if (l->is_sasl2)
		xml_write_attr(out, STR("xmlns"), NS_SASL);
	buf_lit(out, "/>");
	buf_add(out, extension);
	buf_lit(out, "</failure>");
	e->kind = RECEIVER_LOGIN_FAILED;
	e->failure = failure;
	e->host = l->host;
	if (x) {
		exchange_end(x);
		e->mechanism = x->mechanism;
		e->username = x->jid ? jid_local(x->jid) : STR("");
	} else if (l->request && l->request->jid) {
		e->mechanism = l->request->mechanism;
		e->username = jid_local(l->request->jid);
	}
	if (l->request) {
		l->request->step = REQUEST_OVER;
		e->client = l->request->grant.client;
	}
	return true;
}

bool receiver_refuse(struct receiver *r, enum sasl_failure failure, struct buf *out, struct receiver_event *e)
{
	return receiver_refuse_with(r, failure, STR(""), out, e);
}

/* The exchange. */

void receiver_login_begin(struct receiver *r, enum sasl_mechanism m)
{
	struct login *l = r->login;
	exchange_free(&l->exchange);
	l->exchange = exchange_new(
		&(struct exchange_stream){
			.config = r->config,
			.tls = &l->tls,
			.host = l->host,
			.from = l->request ? l->from : NULL,
			.client = l->request ? l->request->grant.client : STR(""),
			.offered = l->offered & ~SASL_TOKEN_BITS,
			.bindings = l->offered & SASL_PLUS_BITS ? receiver_bindings(r) : 0,
		},
		m);
}

/* Each look-up counts as a try, whatever comes of it, or else storage could be asked without end by somebody who never
 * sends a proof (L5). */
static bool look_up(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	if (l->tries >= r->config->tries)
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many tries to log in", out, e);
	l->tries++;
	return receiver_login_act(r, exchange_look_up(l->exchange, e), out, e);
}

bool receiver_login_act(struct receiver *r, struct exchange_result result, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	switch (result.outcome) {
	case EXCHANGE_LOOK_UP: return look_up(r, out, e);
	case EXCHANGE_ASKING: return true;
	case EXCHANGE_CHALLENGE:
		receiver_write_data(out, "challenge", l->is_sasl2 ? NS_SASL2 : NS_SASL, result.data);
		return false;
	case EXCHANGE_DONE:
		return l->is_sasl2 ? receiver_sasl2_succeed(r, result.data, out, e)
				   : receiver_sasl_succeed(r, result.data, out, e);
	case EXCHANGE_FAILED: break;
	}
	return receiver_refuse(r, result.failure, out, e);
}

void receiver_log_in(struct receiver *r, const struct jid *jid, enum sasl_mechanism m, struct receiver_event *e)
{
	r->jid = jid_new(jid);
	e->kind = RECEIVER_LOGGED_IN;
	e->mechanism = m;
	e->jid = r->jid;
	exchange_free(&r->login->exchange);
}

void receiver_forget_login(struct login *l)
{
	exchange_free(&l->exchange);
	receiver_request_free(&l->request);
}

size_t receiver_login_bytes(const struct login *l)
{
	size_t n = sizeof(*l) + exchange_bytes(l->exchange);
	if (l->request)
		n += sizeof(*l->request) + arena_bytes(l->request->arena);
	const struct arena *arenas[] = { l->arena, l->tls_arena, l->bind_arena };
	for (size_t i = 0; i < ARRAY_LEN(arenas); i++)
		n += arenas[i] ? arena_bytes(arenas[i]) : 0;
	return n;
}

/* Going on. */

bool receiver_login_is_asking(const struct receiver *r)
{
	return exchange_is_asking(r->login->exchange);
}

bool receiver_login_resume(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	if (l->exchange && l->exchange->step == EXCHANGE_OVER)
		exchange_free(&l->exchange);
	if (l->request && l->request->step == REQUEST_OVER)
		receiver_request_free(&l->request);
	/* RFC 6120, 6.4.5: the condition SHOULD be policy-violation. */
	if (!l->exchange && !l->request && l->tries >= r->config->tries)
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many tries to log in", out, e);
	return exchange_can_resume(l->exchange) && receiver_login_act(r, exchange_resume(l->exchange, e), out, e);
}

/* Elements. */

static bool on_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	if (++l->requests > REQUESTS_MAX)
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many requests to log in", out, e);
	if (r->jid)
		return receiver_fail(r, STREAM_NOT_AUTHORIZED, "already logged in", out, e);
	/* XEP-0388, 4.8 */
	if (l->has_continued && !l->request)
		return receiver_fail(r, STREAM_NOT_AUTHORIZED, "the login has gone on without its end", out, e);
	l->is_sasl2 = str_eq(xml_ns(root), NS_SASL2);
	if (r->state == STATE_STARTTLS)
		return receiver_refuse(r, SASL_ENCRYPTION_REQUIRED, out, e);
	return l->is_sasl2 ? receiver_sasl2_element(r, root, out, e) : receiver_sasl_element(r, root, out, e);
}

/* Whatever was done with it, its secrets do not outlive it: they stand in it, or in a child. */
bool receiver_login_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	bool has_event = on_element(r, root, out, e);
	wipe_text(root);
	XML_FOR_EACH_CHILD (child, root)
		wipe_text(child);
	return has_event;
}

/* Answers. */

void receiver_credentials(struct receiver *r, const struct sasl_credentials *c)
{
	exchange_credentials(r->login ? r->login->exchange : NULL, c);
}

void receiver_tokens(struct receiver *r, const struct sasl_token *tokens)
{
	exchange_tokens(r->login ? r->login->exchange : NULL, tokens);
}

void receiver_hashed(struct receiver *r, const unsigned char *salted_password)
{
	exchange_hashed(r->login ? r->login->exchange : NULL, salted_password);
}

void receiver_credentials_failed(struct receiver *r)
{
	if (r->login && exchange_break(r->login->exchange))
		r->login->tries--;
}
