/* The receiving side of a client stream: its states, headers, STARTTLS and closing.
 *
 *      receiver_new
 *           │
 *           ▼   on_header          on_starttls        receiver_tls_started
 *        HEADER ────────► STARTTLS ───────────► TLS ─────────────────────► HEADER, all else forgotten
 *           │   TLS is still missing
 *           │
 *           │   on_header           receiver_sasl.c
 *           ├───────────────► LOGIN ───────────────► HEADER, as a certain account
 *           │   TLS is there, or never will be
 *           │
 *           │   on_header          on_bind             receiver_bind
 *           └───────────────► BIND ───────────► BINDING ───────────► BOUND
 *               logged in      ▲                   │
 *                              └───────────────────┘
 *                               receiver_refuse_bind
 *
 *      any of them ── receiver_fail, on_close_tag, receiver_close with an error ──► ENDED
 *      any but BOUND ── receiver_close without one ──► CLOSING ── on_close_tag ──► ENDED     (BOUND stays BOUND)
 *
 * In TLS and BINDING, and in LOGIN while storage or a hash is asked for, nothing is read (say_wait). A new element of
 * the negotiation gets its namespace in on_negotiation; a new feature its line in write_features. */
#include "lib/stream/receiver.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/stream/limits.h"
#include "lib/stream/receiver_impl.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

#include <string.h>

struct receiver *receiver_new(const struct receiver_config *config)
{
	struct receiver *r = mem_zalloc(sizeof(*r));
	r->config = config;
	reader_init(&r->reader);
	r->login = mem_zalloc(sizeof(*r->login));
	r->has_tls = config->tls == RECEIVER_TLS_DIRECT;
	return r;
}

static void forget_header(struct login *l)
{
	arena_free(&l->arena);
	l->host = STR("");
	l->from = NULL;
}

void receiver_login_free(struct receiver *r)
{
	if (!r->login)
		return;
	receiver_sasl_free(r);
	forget_header(r->login);
	arena_free(&r->login->bind_arena);
	mem_free(r->login);
	r->login = NULL;
}

void receiver_free(struct receiver **pointer)
{
	struct receiver *r = *pointer;
	*pointer = NULL;
	if (!r)
		return;
	receiver_login_free(r);
	reader_fini(&r->reader);
	stream_scope_free(&r->scope);
	jid_free(&r->jid);
	mem_free(r->lang);
	mem_free(r);
}

static const struct xml_limits *limits_of(const struct receiver *r)
{
	return r->jid ? r->config->after : r->config->before;
}

/* Writing. */

static void write_header(struct receiver *r, struct str to, bool is_current, struct buf *out)
{
	random_text(r->config->random, r->login->id, sizeof(r->login->id));
	struct str host = receiver_host(r);
	stream_header_write(out, &(struct stream_header){
					 .id = receiver_id(r),
					 /* RFC 6120, 4.9.1.3: the empty string when the host is unknown. */
					 .from = host.p ? host : STR(""),
					 .to = to,
					 .lang = STR("en"),
					 .is_current = is_current,
				 });
	r->has_header = true;
}

/* In the order of preference (RFC 6120, 6.4.1). */
static void write_mechanisms(const struct receiver *r, struct buf *out)
{
	buf_lit(out, "<mechanisms");
	xml_write_attr(out, STR("xmlns"), NS_SASL);
	buf_lit(out, ">");
	unsigned offered = receiver_sasl_mechanisms(r);
	for (enum sasl_mechanism m = 0; m < SASL_MECHANISMS; m++) {
		if (offered & SASL_BIT(m)) {
			buf_lit(out, "<mechanism>");
			buf_add(out, sasl_mechanism_name(m));
			buf_lit(out, "</mechanism>");
		}
	}
	buf_lit(out, "</mechanisms>");
}

/* RFC 6120, 5.3.1: nothing beside STARTTLS as long as that is required. The order is XEP-0170's. */
static void write_features(const struct receiver *r, struct buf *out)
{
	buf_lit(out, "<stream:features>");
	if (r->state == STATE_STARTTLS) {
		buf_lit(out, "<starttls");
		xml_write_attr(out, STR("xmlns"), NS_TLS);
		buf_lit(out, "><required/></starttls>");
	} else if (r->state == STATE_LOGIN) {
		write_mechanisms(r, out);
	} else {
		buf_lit(out, "<bind");
		xml_write_attr(out, STR("xmlns"), NS_BIND);
		/* Clients of RFC 3921 ask for a session if it is there; newer ones know by <optional/> that they need
		 * not. */
		buf_lit(out, "/><session");
		xml_write_attr(out, STR("xmlns"), NS_SESSION);
		buf_lit(out, "><optional/></session>");
		buf_add(out, r->config->features);
	}
	buf_lit(out, "</stream:features>");
}

/* Our side of the stream ends. Nothing may be written between <proceed/> and the end of the handshake (RFC 6120,
 * 5.4.3.1), and nothing after our closing tag. */
static void write_close(struct receiver *r, enum stream_condition c, struct str text, struct buf *out)
{
	if (r->is_closed || r->state == STATE_TLS)
		return;
	if (!r->has_header)
		write_header(r, str_make(NULL, 0), true, out);
	if (c != STREAM_OK)
		stream_error_write(out, c, text);
	buf_add(out, STREAM_CLOSING_TAG);
	r->is_closed = true;
}

/* Ending. */

static void end(struct receiver *r, enum receiver_event_kind how, enum stream_condition c)
{
	r->state = STATE_ENDED;
	r->end = how;
	r->condition = c;
	reader_drop(&r->reader);
	receiver_login_free(r);
}

static bool say_end(struct receiver *r, const char *why, struct receiver_event *e)
{
	e->kind = r->end;
	e->condition = r->condition;
	e->why = why;
	return true;
}

bool receiver_fail(
	struct receiver *r, enum stream_condition c, const char *why, struct buf *out, struct receiver_event *e)
{
	write_close(r, c, str_from_c(why), out);
	end(r, RECEIVER_FAILED, c);
	return say_end(r, why, e);
}

bool receiver_fail_unknown(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	/* RFC 6120, 4.8.3 and 4.8.4. */
	if (str_eq(xml_ns(root), NS_SERVER))
		return receiver_fail(r, STREAM_INVALID_NAMESPACE, "this is a stream for clients", out, e);
	return receiver_fail(r, STREAM_UNSUPPORTED_STANZA_TYPE, "an element that has no place here", out, e);
}

static bool redirect(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	stream_redirect_write(out, r->config->redirect);
	write_close(r, STREAM_OK, STR(""), out);
	end(r, RECEIVER_FAILED, STREAM_SEE_OTHER_HOST);
	return say_end(r, "the listener redirects", e);
}

static bool fail_xml(struct receiver *r, int error, const char *why, struct buf *out, struct receiver_event *e)
{
	return receiver_fail(r, stream_condition_of_xml(error), why, out, e);
}

/* RFC 6120, 4.4 */
static bool on_close_tag(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	write_close(r, STREAM_OK, STR(""), out);
	end(r, RECEIVER_CLOSED, STREAM_OK);
	return say_end(r, NULL, e);
}

/* RFC 6120, 4.9.1.1: who receives a stream error closes as well. */
static bool on_stream_error(
	struct receiver *r, const struct xml_node *root, struct arena *a, struct buf *out, struct receiver_event *e)
{
	struct str text;
	enum stream_condition c = stream_error_parse(root, a, &text);
	write_close(r, STREAM_OK, STR(""), out);
	end(r, RECEIVER_CLOSED, c);
	return say_end(r, "the peer sent a stream error", e);
}

void receiver_close(struct receiver *r, enum stream_condition c, const char *text, struct buf *out)
{
	if (r->state == STATE_ENDED)
		return;
	write_close(r, c, str_from_c(text), out);
	if (c != STREAM_OK || r->state == STATE_TLS)
		end(r, c == STREAM_OK ? RECEIVER_CLOSED : RECEIVER_FAILED, c);
	else if (r->state != STATE_BOUND)
		r->state = STATE_CLOSING;
}

/* Headers. */

/* The host that is meant. RFC 6120, 4.9.1.3 treats a header without `to` like one with a wrong one. */
static enum stream_condition check_to(struct receiver *r, struct str to, const char **why_r)
{
	struct login *l = r->login;
	struct str host;
	const char *why;
	*why_r = "the header's to is no host served here";
	if (str_is_empty(to) || jid_normalise_domain(l->arena, to, &host, &why) ||
		!r->config->is_host(r->config->ctx, host))
		return STREAM_HOST_UNKNOWN;
	/* A1: logging in cannot be done for one host and used for another. */
	*why_r = "a restarted stream keeps its to";
	if (r->jid && !str_eq(host, jid_domain(r->jid)))
		return STREAM_NOT_AUTHORIZED;
	l->host = arena_dup(l->arena, host);
	return STREAM_OK;
}

static enum stream_condition check_from(struct receiver *r, struct str from, const char **why_r)
{
	struct login *l = r->login;
	const struct jid *jid;
	const char *why;
	*why_r = "the header's from is no address";
	if (str_is_empty(from))
		return STREAM_OK;
	if (jid_parse(l->arena, from, &jid, &why))
		return STREAM_INVALID_FROM;
	l->from = jid_to_bare(l->arena, jid);
	*why_r = "the header's from is not who has logged in";
	return !r->jid || jid_equal_bare(jid, r->jid) ? STREAM_OK : STREAM_INVALID_FROM;
}

/* The first thing that is wrong with a header that could be read; all of it is looked at, for the answer. */
static enum stream_condition check_header(struct receiver *r, const struct stream_header *h, const char **why_r)
{
	const char *why_from, *why_to;
	enum stream_condition from = check_from(r, h->from, &why_from), to = check_to(r, h->to, &why_to);
	*why_r = "the version of the protocol is below 1.0";
	if (!h->is_current)
		return STREAM_UNSUPPORTED_VERSION;
	*why_r = to != STREAM_OK ? why_to : why_from;
	return to != STREAM_OK ? to : from;
}

static void keep_lang(struct receiver *r, struct str lang)
{
	mem_free(r->lang);
	r->lang = mem_zalloc(lang.n + 1);
	memcpy(r->lang, lang.p, lang.n);
}

static bool on_header(
	struct receiver *r, const struct frame *f, struct str bytes, struct buf *out, struct receiver_event *e)
{
	struct stream_header h;
	const struct xml_scope *scope = NULL;
	const char *why;
	struct login *l = r->login;
	forget_header(l);
	l->arena = arena_new(512, 64 * (size_t)limits_of(r)->bytes + (64 << 10));
	struct arena *a = reader_arena(f, 0);
	enum stream_condition c = stream_header_parse(a, bytes, &h, &scope, &why);
	reader_release(&r->reader);
	stream_scope_free(&r->scope);
	r->scope = scope;
	if (c == STREAM_OK)
		c = check_header(r, &h, &why);
	if (r->jid && h.lang.p)
		keep_lang(r, h.lang);
	if (r->state == STATE_HEADER) {
		write_header(r, l->from ? jid_full(l->from) : str_make(NULL, 0), h.is_current || !scope, out);
		r->state = r->jid                                              ? STATE_BIND
			   : r->has_tls || r->config->tls == RECEIVER_TLS_NONE ? STATE_LOGIN
									       : STATE_STARTTLS;
	}
	arena_free(&a);
	if (c != STREAM_OK)
		return receiver_fail(r, c, why, out, e);
	/* RFC 6120, 4.9.3.19: only once TLS shows who says so. */
	if (r->state == STATE_LOGIN && r->config->redirect)
		return redirect(r, out, e);
	if (r->state != STATE_CLOSING)
		write_features(r, out);
	return false;
}

void receiver_restart(struct receiver *r)
{
	reader_restart(&r->reader);
	r->has_header = false;
	r->state = STATE_HEADER;
}

/* STARTTLS (RFC 6120, 5.4). */

/* T1: whatever stands behind <starttls/> was not sent under TLS, and so was not sent. */
static bool on_starttls(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	buf_lit(out, "<proceed");
	xml_write_attr(out, STR("xmlns"), NS_TLS);
	buf_lit(out, "/>");
	reader_drop(&r->reader);
	r->state = STATE_TLS;
	e->kind = RECEIVER_START_TLS;
	return true;
}

/* RFC 6120, 5.4.2.2: its own failure instead of a stream error. */
static bool refuse_starttls(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	buf_lit(out, "<failure");
	xml_write_attr(out, STR("xmlns"), NS_TLS);
	buf_lit(out, "/>");
	write_close(r, STREAM_OK, STR(""), out);
	end(r, RECEIVER_FAILED, STREAM_OK);
	return say_end(r, "STARTTLS was not offered", e);
}

/* RFC 6120, 5.4.3.3: nothing learnt before TLS is kept. */
void receiver_tls_started(struct receiver *r, const struct sasl_tls *tls)
{
	(void)tls;
	if (r->state != STATE_TLS)
		return;
	r->has_tls = true;
	stream_scope_free(&r->scope);
	forget_header(r->login);
	receiver_restart(r);
}

/* Reading. */

static bool on_negotiation(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	enum stanza_kind kind;
	if (str_eq(xml_ns(root), NS_TLS)) {
		if (r->state == STATE_STARTTLS && str_eq(xml_name(root), STR("starttls")))
			return on_starttls(r, out, e);
		return refuse_starttls(r, out, e);
	}
	if (str_eq(xml_ns(root), NS_SASL)) {
		if (++r->login->requests > REQUESTS_MAX)
			return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many requests to log in", out, e);
		if (r->state == STATE_LOGIN)
			return receiver_sasl_element(r, root, out, e);
		if (r->state == STATE_STARTTLS)
			return receiver_sasl_refuse(r, SASL_ENCRYPTION_REQUIRED, out, e);
		return receiver_fail(r, STREAM_NOT_AUTHORIZED, "already logged in", out, e);
	}
	if (!stanza_kind_of(root, &kind))
		return receiver_fail_unknown(r, root, out, e);
	/* RFC 6120, 4.9.3.12 */
	if (r->state != STATE_BIND)
		return receiver_fail(r, STREAM_NOT_AUTHORIZED, "a stanza before the login", out, e);
	return receiver_bind_element(r, root, out, e);
}

static bool on_element(
	struct receiver *r, const struct frame *f, struct str bytes, struct buf *out, struct receiver_event *e)
{
	const struct xml_node *root;
	const char *why;
	bool is_bound = r->state == STATE_BOUND, has_event;
	struct arena *a = reader_arena(f, is_bound ? receiver_bound_bytes(r, f) : 0);
	int rc = xml_parse(a, bytes, r->scope, &stream_rules, &root, &why);
	reader_release(&r->reader);
	if (rc)
		has_event = fail_xml(r, rc, why, out, e);
	else if (xml_is(root, NS_STREAMS, STR("error")))
		has_event = on_stream_error(r, root, a, out, e);
	else if (is_bound)
		has_event = receiver_bound_element(r, &a, root, out, e);
	else
		has_event = r->state != STATE_CLOSING && on_negotiation(r, root, out, e);
	arena_free(&a);
	return has_event;
}

/* The rest of the input has to be kept, up to the size of one element of this state. */
static bool say_wait(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	if (!reader_save(&r->reader, limits_of(r)->bytes))
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too much was sent ahead", out, e);
	e->kind = RECEIVER_WAIT;
	return true;
}

static bool read_item(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct frame f;
	struct str bytes;
	switch (reader_next(&r->reader, limits_of(r), &f, &bytes)) {
	case FRAME_OPEN: return on_header(r, &f, bytes, out, e);
	case FRAME_ELEMENT: return on_element(r, &f, bytes, out, e);
	case FRAME_CLOSE: return on_close_tag(r, out, e);
	case FRAME_ERROR: return fail_xml(r, f.error, f.why, out, e);
	case FRAME_MORE: break;
	}
	e->kind = RECEIVER_IDLE;
	return true;
}

static bool step(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	switch ((enum receiver_state)r->state) {
	case STATE_ENDED: return say_end(r, "the stream has ended", e);
	case STATE_TLS:
	case STATE_BINDING: return say_wait(r, out, e);
	case STATE_STARTTLS:
	case STATE_LOGIN:
		if (receiver_sasl_resume(r, out, e))
			return true;
		if (receiver_sasl_is_asking(r))
			return say_wait(r, out, e);
		break;
	case STATE_BIND:
		if (r->login->binds >= BINDS_MAX)
			return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many requests to bind", out, e);
		break;
	default: break;
	}
	return read_item(r, out, e);
}

void receiver_input(struct receiver *r, struct str in)
{
	if (r->state != STATE_TLS && r->state != STATE_ENDED)
		reader_input(&r->reader, in);
}

enum receiver_event_kind receiver_next(struct receiver *r, struct buf *out, struct receiver_event *event_r)
{
	*event_r = (struct receiver_event){ 0 };
	while (!step(r, out, event_r)) {
	}
	return event_r->kind;
}

void receiver_keep(struct receiver *r)
{
	bool kept = reader_save(&r->reader, SIZE_MAX);
	assert_always(kept);
}

/* What is known. */

enum receiver_phase receiver_phase(const struct receiver *r)
{
	if (r->state == STATE_ENDED)
		return RECEIVER_ENDED;
	if (r->state == STATE_BOUND)
		return RECEIVER_BOUND;
	if (r->jid)
		return RECEIVER_AUTHENTICATED;
	return r->login->id[0] ? RECEIVER_OPENED : RECEIVER_CONNECTED;
}

struct str receiver_host(const struct receiver *r)
{
	if (r->jid)
		return jid_domain(r->jid);
	return r->login ? r->login->host : STR("");
}

const struct jid *receiver_jid(const struct receiver *r)
{
	return r->jid;
}

struct str receiver_id(const struct receiver *r)
{
	const struct login *l = r->login;
	return l && l->id[0] ? str_make(l->id, sizeof(l->id)) : STR("");
}

bool receiver_has_tls(const struct receiver *r)
{
	return r->has_tls;
}

struct xml_dialect receiver_dialect(const struct receiver *r)
{
	(void)r;
	return STREAM_DIALECT;
}

size_t receiver_bytes(const struct receiver *r)
{
	size_t n = sizeof(*r) + reader_bytes(&r->reader) + stream_scope_bytes(r->scope);
	if (r->jid)
		n += sizeof(*r->jid) + jid_full(r->jid).n;
	if (r->lang)
		n += strlen(r->lang) + 1;
	if (r->login) {
		n += sizeof(*r->login) + receiver_sasl_bytes(r);
		n += r->login->arena ? arena_bytes(r->login->arena) : 0;
		n += r->login->bind_arena ? arena_bytes(r->login->bind_arena) : 0;
	}
	return n;
}
