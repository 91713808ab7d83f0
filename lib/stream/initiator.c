/* The initiating side of a client stream: its states, headers, STARTTLS and closing. The server is not trusted: what it
 * sends is checked like a client's.
 *
 *      initiator_new
 *           │                  on_header       initiator_on_features
 *           ▼   write_header                                          <proceed/>        initiator_tls_started
 *         START ───────────► HEADER ───► FEATURES ───────► PROCEED ──────────────► TLS ────────────────────► START
 *                                           │     STARTTLS
 *                                           │                             SASL
 *                                           ├──────────────► initiator_sasl.c ──────► START, logged in
 *                                           │     initiator_sasl_begin     │
 *                                           │                              └────────► FEATURES, logged in, perhaps bound
 *                                           │                             SASL2
 *                                           ├──────────────────────────────► BOUND       (bound with the login)
 *                                           │
 *                                           └──────────────► BINDING ────────► BOUND
 *                                           initiator_bind_ask      initiator_bind_element
 *
 * An early login (XEP-0509) is begun in START; then the features only lead to where it stands.
 *
 *      any of them ── initiator_fail, initiator_give_up, on_close_tag ──► ENDED
 *      any but BOUND ── initiator_close ──► CLOSING ── on_close_tag ──► ENDED     (BOUND stays BOUND) */
#include "lib/stream/initiator.h"

#include "lib/base/mem.h"
#include "lib/stream/initiator_impl.h"
#include "lib/stream/limits.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

struct initiator *initiator_new(const struct initiator_config *config)
{
	struct initiator *i = mem_zalloc(sizeof(*i));
	i->config = config;
	i->has_tls = config->tls == INITIATOR_TLS_DIRECT;
	i->login = mem_zalloc(sizeof(*i->login));
	reader_init(&i->reader);
	return i;
}

void initiator_free(struct initiator **pointer)
{
	struct initiator *i = *pointer;
	*pointer = NULL;
	if (!i)
		return;
	initiator_login_free(i);
	reader_fini(&i->reader);
	stream_scope_free(&i->scope);
	arena_free(&i->names);
	arena_free(&i->kept);
	arena_free(&i->said);
	mem_free(i);
}

/* Ending. */

/* Nothing may be written once the TLS handshake has begun (RFC 6120, 5.4.3.1). */
static void write_close(struct initiator *i, enum stream_condition c, struct str text, struct buf *out)
{
	if (!i->is_open || i->is_closed || i->state == STATE_TLS)
		return;
	if (c != STREAM_OK)
		stream_error_write(out, c, text);
	buf_lit(out, "</stream:stream>");
	i->is_closed = true;
}

static bool end(struct initiator *i, enum initiator_event_kind how, enum stream_condition c)
{
	i->state = STATE_ENDED;
	i->end = how;
	i->condition = c;
	reader_drop(&i->reader);
	initiator_login_free(i);
	return true;
}

static bool say_end(struct initiator *i, const char *why, struct initiator_event *e)
{
	e->kind = i->end;
	e->condition = i->condition;
	e->is_token_refused = i->is_token_refused;
	e->why = why;
	return true;
}

bool initiator_fail(
	struct initiator *i, enum stream_condition c, const char *why, struct buf *out, struct initiator_event *e)
{
	write_close(i, c, str_from_c(why), out);
	end(i, INITIATOR_FAILED, c);
	return say_end(i, why, e);
}

bool initiator_give_up(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e)
{
	return initiator_fail(i, STREAM_OK, why, out, e);
}

struct arena *initiator_said(struct initiator *i)
{
	if (!i->said)
		i->said = arena_new(256, SIZE_MAX / 2);
	return i->said;
}

void initiator_quote(struct initiator *i, struct str text, struct initiator_event *e)
{
	e->text = arena_dup(initiator_said(i), text);
}

/* RFC 6120, 4.9.4 */
static struct str application_condition(struct initiator *i, const struct xml_node *error)
{
	for (const struct xml_node *one = xml_first(error); one; one = xml_next(one)) {
		if (!str_eq(xml_ns(one), NS_STREAM_ERRORS))
			return arena_dup(initiator_said(i), xml_name(one));
	}
	return STR("");
}

/* RFC 6120, 4.9.1.1 */
static bool on_stream_error(
	struct initiator *i, const struct xml_node *root, struct arena *a, struct buf *out, struct initiator_event *e)
{
	struct str text;
	enum stream_condition c = stream_error_parse(root, a, &text);
	write_close(i, STREAM_OK, STR(""), out);
	end(i, INITIATOR_FAILED, c);
	initiator_quote(i, text, e);
	e->application = application_condition(i, root);
	if (c != STREAM_SEE_OTHER_HOST || !stream_redirect_read(root, initiator_said(i), &e->redirect))
		e->redirect = (struct stream_redirect){ 0 };
	return say_end(i, "the server sent a stream error", e);
}

/* RFC 6120, 4.4 */
static bool on_close_tag(struct initiator *i, struct buf *out, struct initiator_event *e)
{
	write_close(i, STREAM_OK, STR(""), out);
	end(i, INITIATOR_CLOSED, STREAM_OK);
	return say_end(i, NULL, e);
}

void initiator_close(struct initiator *i, struct buf *out)
{
	if (i->state == STATE_ENDED)
		return;
	/* From <starttls/> on, the next bytes are those of TLS, or none. */
	if (i->state == STATE_PROCEED || i->state == STATE_TLS || !i->is_open) {
		end(i, INITIATOR_CLOSED, STREAM_OK);
		return;
	}
	write_close(i, STREAM_OK, STR(""), out);
	if (i->state != STATE_BOUND)
		i->state = STATE_CLOSING;
}

/* Headers. */

/* RFC 6120, 4.7.1: who we are is nobody's business before TLS. */
static void write_header(struct initiator *i, struct buf *out)
{
	const struct initiator_config *c = i->config;
	bool says_who = i->has_tls && !str_is_empty(jid_local(c->jid));
	stream_header_write(out, &(struct stream_header){
					 .to = jid_domain(c->jid),
					 .from = says_who ? jid_bare(c->jid) : str_make(NULL, 0),
					 .lang = str_is_empty(c->lang) ? str_make(NULL, 0) : c->lang,
					 .is_current = true,
				 });
	i->is_open = true;
	i->state = STATE_HEADER;
}

/* RFC 6120, 4.7. The server may go by another name than we called it; that it is the right one is shown by TLS. Older ones leave out
 * addresses and id. */
static enum stream_condition check_header(
	const struct initiator *i, const struct stream_header *h, struct arena *a, const char **why_r)
{
	const struct jid *jid;
	const char *why;
	*why_r = "the server's protocol is older than 1.0";
	if (!h->is_current)
		return STREAM_UNSUPPORTED_VERSION;
	*why_r = "the server's header comes from no host";
	if (h->from.n && (jid_parse(a, h->from, &jid, &why) || !jid_is_domain(jid) || !jid_is_bare(jid)))
		return STREAM_INVALID_FROM;
	*why_r = "the server's header is for somebody else";
	if (h->to.p && !str_is_empty(jid_local(i->config->jid)) &&
		(jid_parse(a, h->to, &jid, &why) || !jid_equal_bare(jid, i->config->jid)))
		return STREAM_IMPROPER_ADDRESSING;
	return STREAM_OK;
}

static void keep_names(struct initiator *i, const struct stream_header *h)
{
	arena_free(&i->names);
	i->names = arena_new(h->id.n + h->lang.n + 2, SIZE_MAX / 2);
	i->id = arena_dup(i->names, h->id);
	i->lang = arena_dup(i->names, h->lang);
}

static bool on_header(
	struct initiator *i, const struct frame *f, struct str bytes, struct buf *out, struct initiator_event *e)
{
	struct stream_header h;
	const struct xml_scope *scope = NULL;
	const char *why;
	struct arena *a = reader_arena(f, 0);
	enum stream_condition c = stream_header_parse(a, bytes, &h, &scope, &why);
	reader_release(&i->reader);
	stream_scope_free(&i->scope);
	i->scope = scope;
	if (c == STREAM_OK)
		c = check_header(i, &h, a, &why);
	if (c == STREAM_OK)
		keep_names(i, &h);
	arena_free(&a);
	if (c != STREAM_OK)
		return initiator_fail(i, c, why, out, e);
	if (i->state == STATE_HEADER)
		i->state = STATE_FEATURES;
	return false;
}

/* TLS. */

/* RFC 6120, 5.4.2. T1: what came with <proceed/> and not under TLS is not listened to. */
static bool on_proceed(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	if (!xml_is(root, NS_TLS, STR("proceed")))
		return initiator_give_up(i, "the server refused STARTTLS", out, e);
	reader_drop(&i->reader);
	i->state = STATE_TLS;
	e->kind = INITIATOR_START_TLS;
	return true;
}

/* RFC 6120, 5.4.3.3 */
void initiator_tls_started(struct initiator *i, const struct sasl_tls *tls)
{
	bool is_direct = i->config->tls == INITIATOR_TLS_DIRECT && i->state == STATE_START && i->login;
	if (i->state != STATE_TLS && !is_direct)
		return;
	i->login->tls = *tls;
	i->login->tls.addresses = NULL;
	i->login->tls.address_count = 0;
	if (is_direct)
		return;
	i->has_tls = true;
	reader_restart(&i->reader);
	stream_scope_free(&i->scope);
	i->is_open = false;
	i->state = STATE_START;
}

/* Reading. */

static bool on_bound(struct initiator *i, struct arena **arena, const struct xml_node *root, struct initiator_event *e)
{
	enum stanza_kind kind;
	(void)i;
	if (stanza_kind_of(root, &kind)) {
		e->refusal = stanza_take(arena, root, &e->stanza, &e->why);
		e->kind = INITIATOR_STANZA;
		return true;
	}
	e->kind = INITIATOR_ELEMENT;
	e->arena = *arena;
	e->element = root;
	*arena = NULL;
	return true;
}

static bool dispatch(struct initiator *i, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct initiator_event *e)
{
	if (xml_is(root, NS_STREAMS, STR("error")))
		return on_stream_error(i, root, *arena, out, e);
	switch ((enum initiator_state)i->state) {
	case STATE_FEATURES: return initiator_on_features(i, root, out, e);
	case STATE_PROCEED: return on_proceed(i, root, out, e);
	case STATE_BINDING: return initiator_bind_element(i, root, *arena, out, e);
	case STATE_BOUND: return on_bound(i, arena, root, e);
	case STATE_CLOSING: return false;
	default: return initiator_sasl_element(i, arena, root, out, e);
	}
}

static bool on_element(
	struct initiator *i, const struct frame *f, struct str bytes, struct buf *out, struct initiator_event *e)
{
	const struct xml_node *root;
	const char *why;
	struct arena *a = reader_arena(f, stanza_extra_bytes(STR(""), STR("")));
	int rc = xml_parse(a, bytes, i->scope, &stream_rules, &root, &why);
	reader_release(&i->reader);
	bool has_event =
		rc ? initiator_fail(i, stream_condition_of_xml(rc), why, out, e) : dispatch(i, &a, root, out, e);
	arena_free(&a);
	return has_event;
}

/* An honest server does not talk while it waits for us. */
static bool say_wait(struct initiator *i, struct buf *out, struct initiator_event *e)
{
	if (!reader_save(&i->reader, i->config->limits->bytes))
		return initiator_fail(i, STREAM_POLICY_VIOLATION, "too much was sent ahead", out, e);
	e->kind = INITIATOR_WAIT;
	return true;
}

static bool read_item(struct initiator *i, struct buf *out, struct initiator_event *e)
{
	struct frame f;
	struct str bytes;
	switch (reader_next(&i->reader, i->config->limits, &f, &bytes)) {
	case FRAME_OPEN: return on_header(i, &f, bytes, out, e);
	case FRAME_ELEMENT: return on_element(i, &f, bytes, out, e);
	case FRAME_CLOSE: return on_close_tag(i, out, e);
	case FRAME_ERROR: return initiator_fail(i, stream_condition_of_xml(f.error), f.why, out, e);
	case FRAME_MORE: break;
	}
	e->kind = INITIATOR_IDLE;
	return true;
}

static bool step(struct initiator *i, struct buf *out, struct initiator_event *e)
{
	switch ((enum initiator_state)i->state) {
	case STATE_ENDED: return say_end(i, "the stream has ended", e);
	case STATE_START:
		write_header(i, out);
		if (initiator_sasl_begin_early(i, out, e))
			return true;
		break;
	case STATE_TLS:
	case STATE_HASHING: return say_wait(i, out, e);
	case STATE_HASHED: initiator_sasl_resume(i, out); break;
	default: break;
	}
	return read_item(i, out, e);
}

void initiator_input(struct initiator *i, struct str in)
{
	if (i->state != STATE_TLS && i->state != STATE_ENDED)
		reader_input(&i->reader, in);
}

enum initiator_event_kind initiator_next(struct initiator *i, struct buf *out, struct initiator_event *event_r)
{
	*event_r = (struct initiator_event){ 0 };
	arena_free(&i->said);
	while (!step(i, out, event_r)) {
	}
	return event_r->kind;
}

const struct jid *initiator_jid(const struct initiator *i)
{
	return i->jid;
}

struct initiator_limits initiator_limits(const struct initiator *i)
{
	return i->limits;
}

struct str initiator_stream_id(const struct initiator *i)
{
	return i->id;
}

struct str initiator_lang(const struct initiator *i)
{
	return i->lang;
}

struct xml_dialect initiator_dialect(const struct initiator *i)
{
	(void)i;
	return STREAM_DIALECT;
}
