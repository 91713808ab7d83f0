/* Binding a resource (RFC 6120, 7), and what a bound stream carries: stanzas, with `from` and `xml:lang` stamped, and
 * the top-level elements that extensions have asked for. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/fault.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

/* Room for an address in `to`; a longer one costs the arena a second allocation. */
#define USUAL_TO_BYTES 64

/* A3: the own full or bare JID, or nothing. Before there is a resource, the one that is hoped for is nobody's business.
 */
static bool is_own_from(const struct receiver *r, struct str from)
{
	if (!from.p || str_eq(from, jid_full(r->jid)) || str_eq(from, jid_bare(r->jid)))
		return true;
	const struct jid *jid;
	const char *why;
	struct arena *a = arena_new(1024, 64 * from.n + (64 << 10));
	bool is_own = !jid_parse(a, from, &jid, &why) && jid_equal_bare(jid, r->jid) &&
		      (jid_is_bare(jid) || jid_is_bare(r->jid) || jid_equal(jid, r->jid));
	arena_free(&a);
	return is_own;
}

/* Binding. */

static void begin_answer(struct receiver *r, struct str type, struct buf *out)
{
	buf_lit(out, "<iq");
	xml_write_attr(out, STR("type"), type);
	if (r->login->bind_id.p)
		xml_write_attr(out, STR("id"), r->login->bind_id);
	buf_lit(out, ">");
}

/* As part of a login by SASL2. */
static bool is_binding_inline(const struct receiver *r)
{
	return r->state == STATE_INLINE && r->login->request->step == REQUEST_BINDING;
}

void receiver_refuse_bind(struct receiver *r, const struct stanza_error *error, struct buf *out)
{
	if (is_binding_inline(r))
		receiver_inline_refuse_bind(r, error, out);
	if (r->state != STATE_BINDING)
		return;
	struct arena *a = arena_new(1024, 64 << 10);
	begin_answer(r, STR("error"), out);
	xml_write(out, stanza_error_build(a, error), &STREAM_DIALECT);
	buf_lit(out, "</iq>");
	arena_free(&a);
	arena_free(&r->login->bind_arena);
	r->login->binds++;
	r->state = STATE_BIND;
}

void receiver_bind(struct receiver *r, const struct jid *jid, struct buf *out)
{
	bool is_inline = is_binding_inline(r);
	if (r->state != STATE_BINDING && !is_inline)
		return;
	/* A1 */
	assert_always(jid_equal_bare(jid, r->jid) && !jid_is_bare(jid));
	jid_free(&r->jid);
	r->jid = jid_new(jid);
	if (is_inline) {
		receiver_inline_bind(r, out);
		return;
	}
	begin_answer(r, STR("result"), out);
	buf_lit(out, "<bind");
	xml_write_attr(out, STR("xmlns"), NS_BIND);
	buf_lit(out, "><jid>");
	xml_write_text(out, jid_full(jid));
	buf_lit(out, "</jid></bind></iq>");
	receiver_login_free(r);
	r->state = STATE_BOUND;
}

/* The resource that is wanted, normalised; empty: none (RFC 6120, 7.6.1 and 7.7.1). False if it cannot be one, or the
 * request is not what it should be. */
static bool read_resource(
	struct login *l, const struct xml_node *iq, const struct xml_node *bind, struct str *resource_r)
{
	const struct xml_node *resource = xml_first(bind);
	const char *why;
	*resource_r = STR("");
	if (!str_eq(xml_attr(iq, STR("type")), STR("set")) || !l->bind_id.p || xml_child_count(iq) != 1)
		return false;
	if (!resource)
		return true;
	if (!xml_is(resource, NS_BIND, STR("resource")) || xml_next(resource) || xml_first(resource))
		return false;
	struct str text = xml_text(resource, l->bind_arena);
	/* RFC 6120, 7.7.2.1: what cannot be taken as it is SHOULD be made fit; the empty one becomes the server's
	 * choice. */
	return str_is_empty(text) || !jid_normalise_resource(l->bind_arena, text, resource_r, &why);
}

/* RFC 6120, 7.1: a stanza for anybody but the server or the own account is no request to bind. */
static bool is_for_us(struct receiver *r, struct str to)
{
	const struct jid *jid;
	const char *why;
	struct arena *a = r->login->bind_arena;
	return !to.p || (!jid_parse(a, to, &jid, &why) && str_eq(jid_domain(jid), jid_domain(r->jid)) &&
				(jid_is_domain(jid) || jid_equal(jid, r->jid)));
}

/* The child of a request, whatever else is wrong with it. */
static const struct xml_node *find_bind(const struct xml_node *root)
{
	struct str type = xml_attr(root, STR("type"));
	if (!str_eq(xml_name(root), STR("iq")) || str_eq(type, STR("error")) || str_eq(type, STR("result")))
		return NULL;
	return xml_child(root, NS_BIND, STR("bind"));
}

bool receiver_bind_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	const struct xml_node *bind = find_bind(root);
	arena_free(&l->bind_arena);
	l->bind_arena = arena_new(256, 64 * (size_t)r->config->after->bytes);
	if (!bind || !is_for_us(r, xml_attr(root, STR("to"))))
		return receiver_fail(r, STREAM_NOT_AUTHORIZED, "a stanza before there is a resource", out, e);
	if (!is_own_from(r, xml_attr(root, STR("from"))))
		return receiver_fail(r, STREAM_INVALID_FROM, "from is not the sender", out, e);
	struct str id = xml_attr(root, STR("id"));
	l->bind_id = id.p ? arena_dup(l->bind_arena, id) : id;
	r->state = STATE_BINDING;
	if (!read_resource(l, root, bind, &e->bind.resource)) {
		struct stanza_error bad = stanza_error_make(STANZA_BAD_REQUEST, "cannot bind this");
		receiver_refuse_bind(r, &bad, out);
		return false;
	}
	e->bind.resource = arena_dup(l->bind_arena, e->bind.resource);
	e->kind = RECEIVER_BIND;
	return true;
}

/* Bound. */

static bool is_about_subscriptions(enum stanza_kind kind, struct str type)
{
	return kind == STANZA_PRESENCE &&
	       (str_eq(type, STR("subscribe")) || str_eq(type, STR("subscribed")) || str_eq(type, STR("unsubscribe")) ||
		       str_eq(type, STR("unsubscribed")));
}

size_t receiver_bound_bytes(const struct receiver *r, const struct frame *frame)
{
	struct str full = jid_full(r->jid);
	size_t attributes = frame->attributes < UINT16_MAX ? frame->attributes : UINT16_MAX;
	return sizeof(struct xml_node) + 32 + 2 * (attributes + 2) * sizeof(struct xml_attr) + full.n + str_from_c(r->lang).n + 16 +
	       stanza_extra_bytes(str_make(NULL, USUAL_TO_BYTES), full);
}

/* A new top element over the same children: RFC 6120, 8.1.2.1 and 4.7.4; RFC 6121, 3. */
static const struct xml_node *stamp(
	const struct receiver *r, struct arena *a, const struct xml_node *root, enum stanza_kind kind)
{
	struct xml_node *top = xml_new_like(a, root);
	bool is_bare = is_about_subscriptions(kind, xml_attr(root, STR("type")));
	xml_set(a, top, STR("from"), arena_dup(a, is_bare ? jid_bare(r->jid) : jid_full(r->jid)));
	if (r->lang && !xml_attr_ns(root, NS_XML, STR("lang")).p)
		xml_set_ns(a, top, NS_XML, STR("lang"), arena_dup(a, str_from_c(r->lang)));
	top->children = root->children;
	return top;
}

static bool is_extension(const struct receiver_config *c, struct str ns)
{
	for (size_t i = 0; i < c->element_namespace_count; i++) {
		if (str_eq(c->element_namespaces[i], ns))
			return true;
	}
	return false;
}

static bool on_stanza(struct receiver *r, struct arena **arena, const struct xml_node *root, enum stanza_kind kind,
	struct receiver_event *e)
{
	const char *why = NULL;
	root = stamp(r, *arena, root, kind);
	enum stanza_condition c = stanza_take(arena, root, &e->stanza, &why);
	if (c != STANZA_OK)
		e->refusal = stanza_error_make(c, why);
	e->kind = RECEIVER_STANZA;
	return true;
}

bool receiver_bound_element(struct receiver *r, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct receiver_event *e)
{
	enum stanza_kind kind;
	if (stanza_kind_of(root, &kind)) {
		if (!is_own_from(r, xml_attr(root, STR("from"))))
			return receiver_fail(r, STREAM_INVALID_FROM, "from is not the sender", out, e);
		return on_stanza(r, arena, root, kind, e);
	}
	if (!is_extension(r->config, xml_ns(root)))
		return receiver_fail_unknown(r, root, out, e);
	e->kind = RECEIVER_ELEMENT;
	e->arena = *arena;
	e->element = root;
	*arena = NULL;
	return true;
}
