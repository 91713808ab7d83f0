/* The initiating side of a client stream: its states, headers, STARTTLS, binding and closing. The server is not
 * trusted: what it sends is checked like a client's.
 *
 *      initiator_new
 *           │                  on_header              on_features
 *           ▼   write_header                                          <proceed/>        initiator_tls_started
 *         START ───────────► HEADER ───► FEATURES ───────► PROCEED ──────────────► TLS ────────────────────► START
 *                                           │     STARTTLS
 *                                           │
 *                                           ├──────────────► initiator_sasl.c ──────► START, logged in
 *                                           │     initiator_sasl_begin
 *                                           │
 *                                           └──────────────► BINDING ────────► BOUND
 *                                                 write_bind          on_bind
 *
 *      any of them ── initiator_fail, initiator_give_up, on_close_tag ──► ENDED
 *      any but BOUND ── initiator_close ──► CLOSING ── on_close_tag ──► ENDED     (BOUND stays BOUND) */
#include "lib/stream/initiator.h"

#include "lib/base/mem.h"
#include "lib/stream/initiator_impl.h"
#include "lib/stream/limits.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

/* One request, on a stream that carries nothing else yet. */
#define BIND_ID STR("bind")

struct initiator *initiator_new(const struct initiator_config *config)
{
	struct initiator *i = mem_zalloc(sizeof(*i));
	i->config = config;
	i->has_tls = config->tls == INITIATOR_TLS_DIRECT;
	reader_init(&i->reader);
	return i;
}

void initiator_free(struct initiator **pointer)
{
	struct initiator *i = *pointer;
	*pointer = NULL;
	if (!i)
		return;
	initiator_sasl_free(i);
	reader_fini(&i->reader);
	stream_scope_free(&i->scope);
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
	initiator_sasl_free(i);
	return true;
}

static bool say_end(struct initiator *i, const char *why, struct initiator_event *e)
{
	e->kind = i->end;
	e->condition = i->condition;
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

void initiator_quote(struct initiator *i, struct str text, struct initiator_event *e)
{
	i->said = arena_new(text.n + 1, SIZE_MAX / 2);
	e->text = arena_dup(i->said, text);
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

/* Headers and features. */

/* RFC 6120, 4.7.1: who we are is nobody's business before TLS. */
static void write_header(struct initiator *i, struct buf *out)
{
	const struct initiator_config *c = i->config;
	stream_header_write(out, &(struct stream_header){
					 .to = jid_domain(c->jid),
					 .from = i->has_tls ? jid_bare(c->jid) : str_make(NULL, 0),
					 .lang = str_is_empty(c->lang) ? str_make(NULL, 0) : c->lang,
					 .is_current = true,
				 });
	i->is_open = true;
	i->state = STATE_HEADER;
}

/* The server may go by another name than we called it (RFC 6120, 4.7.1); that it is the right one is shown by TLS. */
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
	arena_free(&a);
	if (c != STREAM_OK)
		return initiator_fail(i, c, why, out, e);
	if (!h.is_current)
		return initiator_fail(i, STREAM_UNSUPPORTED_VERSION, "the server's protocol is older than 1.0", out, e);
	if (i->state == STATE_HEADER)
		i->state = STATE_FEATURES;
	return false;
}

static void write_bind(struct initiator *i, struct buf *out)
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

/* The order is that of XEP-0170: TLS, login, resource. */
static bool on_features(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	if (!xml_is(root, NS_STREAMS, STR("features")))
		return initiator_fail(i, STREAM_UNSUPPORTED_STANZA_TYPE, "the server sent no features", out, e);
	if (i->is_logged_in) {
		if (!xml_child(root, NS_BIND, STR("bind")))
			return initiator_give_up(i, "the server does not let us bind a resource", out, e);
		write_bind(i, out);
		return false;
	}
	if (i->has_tls || i->config->tls == INITIATOR_TLS_NONE)
		return initiator_sasl_begin(i, root, out, e);
	if (!xml_child(root, NS_TLS, STR("starttls")))
		return initiator_give_up(i, "the server does not offer STARTTLS", out, e);
	buf_lit(out, "<starttls");
	xml_write_attr(out, STR("xmlns"), NS_TLS);
	buf_lit(out, "/>");
	i->state = STATE_PROCEED;
	return false;
}

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
void initiator_tls_started(struct initiator *i)
{
	if (i->state != STATE_TLS)
		return;
	i->has_tls = true;
	reader_restart(&i->reader);
	stream_scope_free(&i->scope);
	i->is_open = false;
	i->state = STATE_START;
}

/* Binding (RFC 6120, 7). */

static bool on_bind_error(
	struct initiator *i, const struct xml_node *root, struct arena *a, struct buf *out, struct initiator_event *e)
{
	struct stanza_error error;
	stanza_error_parse(root, a, &error);
	initiator_give_up(i, "the server refused to bind a resource", out, e);
	e->refusal = error.condition;
	initiator_quote(i, error.text, e);
	return true;
}

/* RFC 6120, 4.3.6: our address is what the server says it is. */
static bool on_bind(
	struct initiator *i, const struct xml_node *root, struct arena *a, struct buf *out, struct initiator_event *e)
{
	enum stanza_kind kind;
	const char *why;
	if (!stanza_kind_of(root, &kind) || kind != STANZA_IQ || !str_eq(xml_attr(root, STR("id")), BIND_ID))
		return initiator_fail(i, STREAM_NOT_AUTHORIZED, "something else than the answer to bind", out, e);
	if (str_eq(xml_attr(root, STR("type")), STR("error")))
		return on_bind_error(i, root, a, out, e);
	const struct xml_node *bind = xml_child(root, NS_BIND, STR("bind"));
	const struct xml_node *jid = bind ? xml_child(bind, NS_BIND, STR("jid")) : NULL;
	struct str text = jid ? str_trim(xml_text(jid, a)) : STR("");
	i->kept = arena_new(sizeof(struct jid) + text.n + 8, 64 * text.n + (64 << 10));
	if (!str_eq(xml_attr(root, STR("type")), STR("result")) || jid_parse(i->kept, text, &i->jid, &why) ||
		str_is_empty(jid_local(i->jid)) || jid_is_bare(i->jid)) {
		i->jid = NULL;
		return initiator_give_up(i, "the server bound no address to us", out, e);
	}
	i->state = STATE_BOUND;
	e->kind = INITIATOR_READY;
	e->jid = i->jid;
	return true;
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
	case STATE_FEATURES: return on_features(i, root, out, e);
	case STATE_PROCEED: return on_proceed(i, root, out, e);
	case STATE_BINDING: return on_bind(i, root, *arena, out, e);
	case STATE_BOUND: return on_bound(i, arena, root, e);
	case STATE_CLOSING: return false;
	default: return initiator_sasl_element(i, root, out, e);
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
	case STATE_START: write_header(i, out); break;
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

struct xml_dialect initiator_dialect(const struct initiator *i)
{
	(void)i;
	return STREAM_DIALECT;
}
