/* Stanzas: reading the fields of a tree and checking them, reference counts, making new ones and answers. How a stanza
 * is laid out: stanza_private.h; derived stanzas and writing: stanza_share.c. */
#include "lib/xmpp/stanza.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza_private.h"

#define DRAFT_BYTES 512
#define ECHO_BYTES_MAX 4096

static const struct str kind_names[] = {
	[STANZA_MESSAGE] = STR_INIT("message"),
	[STANZA_PRESENCE] = STR_INIT("presence"),
	[STANZA_IQ] = STR_INIT("iq"),
};

static const struct {
	enum stanza_kind kind;
	struct str name;
} types[] = {
	[MESSAGE_NORMAL] = { STANZA_MESSAGE, STR_INIT("") },
	[MESSAGE_CHAT] = { STANZA_MESSAGE, STR_INIT("chat") },
	[MESSAGE_GROUPCHAT] = { STANZA_MESSAGE, STR_INIT("groupchat") },
	[MESSAGE_HEADLINE] = { STANZA_MESSAGE, STR_INIT("headline") },
	[MESSAGE_ERROR] = { STANZA_MESSAGE, STR_INIT("error") },
	[PRESENCE_AVAILABLE] = { STANZA_PRESENCE, STR_INIT("") },
	[PRESENCE_UNAVAILABLE] = { STANZA_PRESENCE, STR_INIT("unavailable") },
	[PRESENCE_SUBSCRIBE] = { STANZA_PRESENCE, STR_INIT("subscribe") },
	[PRESENCE_SUBSCRIBED] = { STANZA_PRESENCE, STR_INIT("subscribed") },
	[PRESENCE_UNSUBSCRIBE] = { STANZA_PRESENCE, STR_INIT("unsubscribe") },
	[PRESENCE_UNSUBSCRIBED] = { STANZA_PRESENCE, STR_INIT("unsubscribed") },
	[PRESENCE_PROBE] = { STANZA_PRESENCE, STR_INIT("probe") },
	[PRESENCE_ERROR] = { STANZA_PRESENCE, STR_INIT("error") },
	[IQ_GET] = { STANZA_IQ, STR_INIT("get") },
	[IQ_SET] = { STANZA_IQ, STR_INIT("set") },
	[IQ_RESULT] = { STANZA_IQ, STR_INIT("result") },
	[IQ_ERROR] = { STANZA_IQ, STR_INIT("error") },
};

/* What a missing type is, and one that is not known; if there is no such, it is what still lets us answer. */
static const enum stanza_type plain_types[] = {
	[STANZA_MESSAGE] = MESSAGE_NORMAL,
	[STANZA_PRESENCE] = PRESENCE_AVAILABLE,
	[STANZA_IQ] = IQ_GET,
};

static const enum stanza_type error_types[] = {
	[STANZA_MESSAGE] = MESSAGE_ERROR,
	[STANZA_PRESENCE] = PRESENCE_ERROR,
	[STANZA_IQ] = IQ_ERROR,
};

struct str stanza_kind_name(enum stanza_kind kind)
{
	return kind_names[kind];
}

struct str stanza_type_name(enum stanza_type type)
{
	return types[type].name;
}

bool stanza_kind_of(const struct xml_node *root, enum stanza_kind *kind_r)
{
	for (size_t kind = 0; kind < ARRAY_LEN(kind_names); kind++) {
		if (xml_is(root, NS_CONTENT, kind_names[kind])) {
			*kind_r = (enum stanza_kind)kind;
			return true;
		}
	}
	return false;
}

_Static_assert(sizeof(struct stanza_full) + 8 <= STANZA_EXTRA_BYTES_MAX - 2 * JID_ARENA_BYTES_MAX, "see stanza.h");

size_t stanza_extra_bytes(struct str to, struct str from)
{
	return sizeof(struct stanza_full) + (to.n ? JID_ARENA_BYTES(to.n) : 0) + (from.n ? JID_ARENA_BYTES(from.n) : 0);
}

/* False, with the plain type of its kind, if there is no such type. */
static bool parse_type(enum stanza_kind kind, struct str name, enum stanza_type *type_r)
{
	*type_r = plain_types[kind];
	for (size_t t = 0; t < ARRAY_LEN(types); t++) {
		if (name.n && types[t].kind == kind && str_eq(types[t].name, name)) {
			*type_r = (enum stanza_type)t;
			return true;
		}
	}
	/* RFC 6121, 5.2.2: any other message is normal; 4.7.1: presence may have no type, but no other. */
	return kind == STANZA_MESSAGE || (kind == STANZA_PRESENCE && !name.p);
}

bool stanza_init(struct arena *arena, const struct xml_node *root, struct stanza_full **full_r)
{
	struct stanza_full *f = arena_zalloc(arena, sizeof(*f));
	struct stanza *s = &f->s;
	bool is_stanza = stanza_kind_of(root, &s->kind);
	assert_always(is_stanza);
	atomic_init(&f->references, 1);
	atomic_init(&f->own_bytes, NULL);
	f->arena = arena;
	s->root = root;
	s->id = xml_attr(root, STR("id"));
	s->lang = xml_attr_ns(root, NS_XML, STR("lang"));
	*full_r = f;
	return parse_type(s->kind, xml_attr(root, STR("type")), &s->type);
}

/* Receiving. */

/* The address of an attribute; the attribute then says it as it is normalised. Nobody else has seen the tree yet, so
 * it may still be changed in place. */
static const struct jid *take_address(struct stanza_full *f, struct str name, const char **why_r)
{
	const struct xml_node *root = f->s.root;
	const struct jid *j = NULL;
	for (size_t i = 0; i < root->attr_count; i++) {
		struct xml_attr *attr = (struct xml_attr *)&root->attrs[i];
		if (attr->ns || !str_eq(str_make(attr->name, attr->name_n), name))
			continue;
		if (jid_parse(f->arena, str_make(attr->value, attr->value_n), &j, why_r) != 0)
			return NULL;
		attr->value = j->p;
		attr->value_n = (uint32_t)jid_full(j).n;
	}
	return j;
}

/* RFC 6120, 8.2.3; NULL if all is well. */
static const char *check_iq(const struct stanza *s)
{
	size_t children = xml_child_count(s->root);
	if (str_is_empty(s->id))
		return "an iq without id";
	if ((s->type == IQ_GET || s->type == IQ_SET) && children != 1)
		return "a request that has not exactly one child";
	if (s->type == IQ_RESULT && children > 1)
		return "a result with more than one child";
	if (s->type == IQ_ERROR && !xml_child(s->root, NS_CONTENT, STR("error")))
		return "an iq of type error without <error/>";
	return NULL;
}

enum stanza_condition stanza_take(
	struct arena **arena, const struct xml_node *root, struct stanza **stanza_r, const char **why_r)
{
	struct stanza_full *f;
	bool has_type = stanza_init(*arena, root, &f);
	struct stanza *s = &f->s;
	const char *bad_address = NULL, *bad_request = NULL;
	*arena = NULL;
	*stanza_r = s;
	s->to = take_address(f, STR("to"), &bad_address);
	s->from = take_address(f, STR("from"), &bad_address);
	if (!has_type)
		bad_request = "an unknown type";
	else if (s->kind == STANZA_IQ)
		bad_request = check_iq(s);
	*why_r = bad_address ? bad_address : bad_request;
	if (bad_address)
		return STANZA_JID_MALFORMED;
	return bad_request ? STANZA_BAD_REQUEST : STANZA_OK;
}

/* Reference counts. */

struct stanza *stanza_ref(struct stanza *s)
{
	atomic_fetch_add_explicit(&stanza_full(s)->references, 1, memory_order_relaxed);
	return s;
}

void stanza_unref(struct stanza **pointer)
{
	struct stanza_full *f = *pointer ? stanza_full(*pointer) : NULL;
	*pointer = NULL;
	while (f && atomic_fetch_sub_explicit(&f->references, 1, memory_order_acq_rel) == 1) {
		struct stanza_full *origin = f->origin;
		struct arena *arena = f->arena;
		mem_free(atomic_load_explicit(&f->own_bytes, memory_order_relaxed));
		arena_free(&arena);
		f = origin;
	}
}

size_t stanza_bytes(const struct stanza *s)
{
	size_t bytes = 0;
	for (const struct stanza_full *f = CONTAINER_OF_CONST(s, struct stanza_full, s); f; f = f->origin)
		bytes += arena_bytes(f->arena);
	return bytes;
}

/* Making. */

const struct jid *stanza_set_address(struct arena *a, struct xml_node *root, struct str name, const struct jid *j)
{
	if (!j)
		return NULL;
	const struct jid *copy = jid_dup(a, j);
	xml_set(a, root, name, jid_full(copy));
	return copy;
}

void stanza_add_copy(struct arena *a, struct xml_node *root, const struct xml_node *child)
{
	if (child->kind == XML_TEXT)
		xml_add_text(a, root, arena_dup(a, str_make(child->p, child->n)));
	else
		xml_add_shared(a, root, xml_dup(a, child));
}

struct stanza_draft stanza_new(enum stanza_type type)
{
	struct arena *a = arena_new(DRAFT_BYTES, SIZE_MAX);
	struct xml_node *root = xml_new(a, NS_CONTENT, kind_names[types[type].kind]);
	if (types[type].name.n)
		xml_set(a, root, STR("type"), types[type].name);
	return (struct stanza_draft){ a, root };
}

struct stanza *stanza_finish(struct stanza_draft *draft, struct str id, const struct jid *from, const struct jid *to)
{
	struct arena *a = draft->arena;
	struct stanza_full *f;
	if (id.n)
		xml_set(a, draft->root, STR("id"), arena_dup(a, id));
	const struct jid *to_copy = stanza_set_address(a, draft->root, STR("to"), to);
	const struct jid *from_copy = stanza_set_address(a, draft->root, STR("from"), from);
	bool has_type = stanza_init(a, draft->root, &f);
	assert_always(has_type);
	f->s.to = to_copy;
	f->s.from = from_copy;
	*draft = (struct stanza_draft){ NULL, NULL };
	return &f->s;
}

struct stanza *stanza_result(const struct stanza *iq, const struct xml_node *payload)
{
	struct stanza_draft draft = stanza_new(IQ_RESULT);
	if (payload)
		stanza_add_copy(draft.arena, draft.root, payload);
	return stanza_finish(&draft, iq->id, iq->to, iq->from);
}

/* RFC 6120, 8.2.3 and 8.3.1: never for an error, never for a result. Presence that only tells something is not answered
 * either; what is left of it asks for a subscription or for presence, or to be let in somewhere (XEP-0045). */
static bool may_answer(enum stanza_type type)
{
	switch (type) {
	case MESSAGE_ERROR:
	case PRESENCE_UNAVAILABLE:
	case PRESENCE_SUBSCRIBED:
	case PRESENCE_UNSUBSCRIBE:
	case PRESENCE_UNSUBSCRIBED:
	case PRESENCE_ERROR:
	case IQ_RESULT:
	case IQ_ERROR:
		return false;
	default:
		return true;
	}
}

static bool is_small(const struct xml_node *root)
{
	struct buf b;
	buf_init(&b, ECHO_BYTES_MAX);
	xml_write_children(&b, root);
	bool small = !buf_failed(&b);
	buf_fini(&b);
	return small;
}

struct stanza *stanza_error_answer(const struct stanza *s, const struct stanza_error *error)
{
	if (!may_answer(s->type))
		return NULL;
	struct stanza_draft draft = stanza_new(error_types[s->kind]);
	if (s->kind == STANZA_IQ && is_small(s->root))
		for (const struct xml_node *child = s->root->children; child; child = child->next)
			stanza_add_copy(draft.arena, draft.root, child);
	xml_add_shared(draft.arena, draft.root, stanza_error_build(draft.arena, error));
	/* RFC 6120, 8.3.1, rule 3: the same id, be it empty, and an empty one for an iq that has none. */
	if (s->id.p || s->kind == STANZA_IQ)
		xml_set(draft.arena, draft.root, STR("id"), arena_dup(draft.arena, s->id));
	return stanza_finish(&draft, STR(""), s->to, s->from);
}
