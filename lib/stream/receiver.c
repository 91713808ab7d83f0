/* The receiving side of a client stream: its states, STARTTLS and closing.
 *
 *      receiver_new
 *           │
 *           ▼   on_header          on_starttls        receiver_tls_started
 *        HEADER ────────► STARTTLS ───────────► TLS ─────────────────────► HEADER, all else forgotten
 *           │   TLS is still missing
 *           │
 *           │   on_header           receiver_sasl.c
 *           ├───────────────► LOGIN ───────────────► HEADER, as a certain account
 *           │   TLS is there,   │
 *           │   or never will   │   receiver_sasl2.c          receiver_inline.c
 *           │   be              └─────────────────────► INLINE ──────────────────► BIND, or BOUND
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
 * In TLS, INLINE and BINDING, and in LOGIN while storage or a hash is asked for, nothing is read (say_wait). A new element
 * of the negotiation gets its namespace in on_negotiation. */
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

void receiver_login_free(struct receiver *r)
{
	if (!r->login)
		return;
	receiver_forget_login(r->login);
	receiver_forget_header(r->login);
	arena_free(&r->login->tls_arena);
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

const struct xml_limits *receiver_limits(const struct receiver *r)
{
	return r->jid ? r->config->after : r->config->before;
}

/* Writing. */

/* Our side of the stream ends. Nothing may be written between <proceed/> and the end of the handshake (RFC 6120,
 * 5.4.3.1), and nothing after our closing tag. */
static void write_close(struct receiver *r, enum stream_condition c, struct str text, struct buf *out)
{
	if (r->is_closed || r->state == STATE_TLS)
		return;
	if (!r->has_header)
		receiver_write_header(r, str_make(NULL, 0), true, out);
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

bool receiver_redirect(struct receiver *r, struct buf *out, struct receiver_event *e)
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
	bool is_first = r->config->tls == RECEIVER_TLS_DIRECT && r->state == STATE_HEADER && !r->jid;
	if (r->state != STATE_TLS && !is_first)
		return;
	receiver_keep_tls(r->login, tls);
	if (is_first)
		return;
	r->has_tls = true;
	stream_scope_free(&r->scope);
	receiver_forget_header(r->login);
	receiver_restart(r);
}

/* Reading. */

static bool on_negotiation(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	enum stanza_kind kind;
	if (receiver_sasl2_is_strict(r) && !str_eq(xml_ns(root), NS_SASL2))
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "something else during the login", out, e);
	if (str_eq(xml_ns(root), NS_TLS)) {
		if (r->state == STATE_STARTTLS && str_eq(xml_name(root), STR("starttls")))
			return on_starttls(r, out, e);
		return refuse_starttls(r, out, e);
	}
	if (str_eq(xml_ns(root), NS_SASL) || str_eq(xml_ns(root), NS_SASL2))
		return receiver_login_element(r, root, out, e);
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
	if (!reader_save(&r->reader, receiver_limits(r)->bytes))
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too much was sent ahead", out, e);
	e->kind = RECEIVER_WAIT;
	return true;
}

static bool read_item(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct frame f;
	struct str bytes;
	enum frame_kind kind = reader_next(&r->reader, receiver_limits(r), &f, &bytes);
	if (f.skip && receiver_sasl2_is_strict(r))
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "white space during the login", out, e);
	switch (kind) {
	case FRAME_OPEN: return receiver_on_header(r, &f, bytes, out, e);
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
		if (receiver_login_resume(r, out, e))
			return true;
		if (receiver_login_is_asking(r))
			return say_wait(r, out, e);
		break;
	case STATE_INLINE:
		return receiver_inline_is_asking(r) ? say_wait(r, out, e) : receiver_inline_resume(r, out, e);
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
	return n + (r->login ? receiver_login_bytes(r->login) : 0);
}
