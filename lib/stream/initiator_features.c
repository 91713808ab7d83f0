/* What the server offers, and what to do next: TLS, login, resource (XEP-0170). A feature that we can use is read here,
 * into struct offer if it is about logging in. */
#include "lib/stream/initiator_impl.h"

#include "lib/base/macros.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

/* Names. */

/* False if there are too many. */
static bool add_name(struct names *n, struct arena *a, struct str name)
{
	if (n->count == OFFER_NAMES_MAX)
		return false;
	n->list[n->count++] = arena_dup(a, name);
	return true;
}

static bool read_mechanisms(struct offer *o, struct arena *a, const struct xml_node *list, struct str ns)
{
	enum sasl_mechanism m;
	for (const struct xml_node *one = xml_first(list); one; one = xml_next(one)) {
		if (!xml_is(one, ns, STR("mechanism")))
			continue;
		struct str name = xml_text(one, a);
		if (!add_name(&o->mechanisms, a, name))
			return false;
		if (str_has_suffix(name, STR("-PLUS")))
			o->known.has_plus = true;
		if (sasl_mechanism_parse(name, &m))
			o->known.mechanisms |= SASL_BIT(m) & ~SASL_TOKEN_BITS;
	}
	return true;
}

/* XEP-0440 */
static bool read_bindings(struct offer *o, struct arena *a, const struct xml_node *features)
{
	const struct xml_node *list = xml_child(features, NS_CHANNEL_BINDING, STR("sasl-channel-binding"));
	enum sasl_binding b;
	for (const struct xml_node *one = list ? xml_first(list) : NULL; one; one = xml_next(one)) {
		struct str name = xml_attr(one, STR("type"));
		if (!xml_is(one, NS_CHANNEL_BINDING, STR("channel-binding")))
			continue;
		if (!add_name(&o->bindings, a, name))
			return false;
		o->known.has_bindings = true;
		if (sasl_binding_parse(name, &b))
			o->known.bindings |= 1u << b;
	}
	return true;
}

/* XEP-0480 */
static void read_upgrades(struct offer *o, struct arena *a, const struct xml_node *list)
{
	enum sasl_mechanism m;
	for (const struct xml_node *one = xml_first(list); one; one = xml_next(one)) {
		struct str name = xml_is(one, NS_UPGRADE, STR("upgrade")) ? xml_text(one, a) : STR("");
		if (str_has_prefix(name, STR("UPGR-")) && sasl_mechanism_parse(str_from(name, 5), &m))
			o->known.upgrades |= SASL_BIT(m) & SASL_SCRAM_BITS & ~SASL_PLUS_BITS;
	}
}

static void read_inline(struct offer *o, struct arena *a, const struct xml_node *list)
{
	enum sasl_mechanism m;
	const struct xml_node *fast = xml_child(list, NS_FAST, STR("fast"));
	o->known.has_bind = xml_child(list, NS_BIND2, STR("bind")) != NULL;
	for (const struct xml_node *one = fast ? xml_first(fast) : NULL; one; one = xml_next(one)) {
		if (xml_is(one, NS_FAST, STR("mechanism")) && sasl_mechanism_parse(xml_text(one, a), &m))
			o->known.tokens |= SASL_BIT(m) & SASL_TOKEN_BITS;
	}
}

static struct str dup_attr(struct arena *a, const struct xml_node *e, struct str name)
{
	struct str value = xml_attr(e, name);
	return value.p ? arena_dup(a, value) : value;
}

static bool read_sasl(struct offer *o, struct arena *a, const struct xml_node *features)
{
	const struct xml_node *list = xml_child(features, NS_SASL, STR("mechanisms"));
	*o = (struct offer){ 0 };
	return !list || (read_mechanisms(o, a, list, NS_SASL) && read_bindings(o, a, features));
}

static bool read_sasl2(struct offer *o, struct arena *a, const struct xml_node *features)
{
	const struct xml_node *list = xml_child(features, NS_SASL2, STR("authentication"));
	*o = (struct offer){ 0 };
	if (!list)
		return true;
	const struct xml_node *extra = xml_child(list, NS_SASL2, STR("inline"));
	const struct xml_node *version = xml_child(features, NS_IAP, STR("config-version"));
	read_upgrades(o, a, list);
	if (extra)
		read_inline(o, a, extra);
	if (version) {
		o->known.version = dup_attr(a, version, STR("value"));
		o->known.scheme = dup_attr(a, version, STR("scheme"));
	}
	return read_mechanisms(o, a, list, NS_SASL2) && read_bindings(o, a, features);
}

static bool read_offers(struct initiator *i, const struct xml_node *features)
{
	struct login *l = i->login;
	arena_free(&l->arena);
	l->arena = arena_new(1024, SIZE_MAX / 2);
	return read_sasl(&l->sasl, l->arena, features) && read_sasl2(&l->sasl2, l->arena, features);
}

/* XEP-0478 */

static uint32_t read_number(const struct xml_node *list, struct str name, struct arena *a)
{
	const struct xml_node *e = xml_child(list, NS_STREAM_LIMITS, name);
	uint64_t n;
	return e && str_parse_u64(xml_text(e, a), UINT32_MAX, &n) ? (uint32_t)n : 0;
}

static void read_limits(struct initiator *i, const struct xml_node *features)
{
	const struct xml_node *list = xml_child(features, NS_STREAM_LIMITS, STR("limits"));
	i->limits = (struct initiator_limits){ 0 };
	if (!list)
		return;
	struct arena *a = arena_new(64, SIZE_MAX / 2);
	i->limits.max_bytes = read_number(list, STR("max-bytes"), a);
	i->limits.idle_seconds = read_number(list, STR("idle-seconds"), a);
	arena_free(&a);
}

/* What to do next. */

/* Features that end in something we can do. */
static bool is_known(const struct xml_node *feature)
{
	return xml_is(feature, NS_TLS, STR("starttls")) || xml_is(feature, NS_SASL, STR("mechanisms")) ||
	       xml_is(feature, NS_SASL2, STR("authentication")) || xml_is(feature, NS_BIND, STR("bind")) ||
	       xml_is(feature, NS_SESSION, STR("session"));
}

/* RFC 6120, 4.3.2 and 4.9.3.22 */
static bool needs_unknown(const struct xml_node *features)
{
	for (const struct xml_node *one = xml_first(features); one; one = xml_next(one)) {
		if (!is_known(one) && xml_child(one, xml_ns(one), STR("required")))
			return true;
	}
	return false;
}

static bool cannot_go_on(struct initiator *i, const struct xml_node *features, const char *why, struct buf *out,
	struct initiator_event *e)
{
	if (needs_unknown(features))
		return initiator_fail(
			i, STREAM_UNSUPPORTED_FEATURE, "a feature is required that we do not have", out, e);
	return initiator_give_up(i, why, out, e);
}

/* The early login goes on: its answer comes behind the features. */
static bool go_on_early(struct initiator *i)
{
	if (i->login->is_early)
		i->state = i->login->early_state;
	return i->login->is_early;
}

static bool log_in(struct initiator *i, const struct xml_node *features, struct buf *out, struct initiator_event *e)
{
	if (!read_offers(i, features))
		return initiator_fail(i, STREAM_POLICY_VIOLATION, "too many ways to log in", out, e);
	if (go_on_early(i))
		return false;
	if (i->login->sasl.mechanisms.count || i->login->sasl2.mechanisms.count)
		return initiator_sasl_begin(i, out, e);
	if (!i->has_tls && xml_child(features, NS_TLS, STR("starttls")))
		return initiator_give_up(i, "the server lets nobody log in without TLS", out, e);
	return cannot_go_on(i, features, "the server offers no way to log in", out, e);
}

static bool ask_for_tls(
	struct initiator *i, const struct xml_node *features, struct buf *out, struct initiator_event *e)
{
	if (!xml_child(features, NS_TLS, STR("starttls")))
		return cannot_go_on(i, features, "the server does not offer STARTTLS", out, e);
	buf_lit(out, "<starttls");
	xml_write_attr(out, STR("xmlns"), NS_TLS);
	buf_lit(out, "/>");
	i->state = STATE_PROCEED;
	return false;
}

/* Bound with the login, or to be bound now. */
static bool take_session(
	struct initiator *i, const struct xml_node *features, struct buf *out, struct initiator_event *e)
{
	if (i->jid && needs_unknown(features))
		return cannot_go_on(i, features, NULL, out, e);
	if (i->jid)
		return initiator_bind_done(i, e);
	if (!xml_child(features, NS_BIND, STR("bind")))
		return cannot_go_on(i, features, "the server does not let us bind a resource", out, e);
	initiator_bind_ask(i, out);
	return false;
}

bool initiator_on_features(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	if (!xml_is(root, NS_STREAMS, STR("features")))
		return initiator_fail(i, STREAM_UNSUPPORTED_STANZA_TYPE, "the server sent no features", out, e);
	read_limits(i, root);
	if (i->is_logged_in)
		return take_session(i, root, out, e);
	if (i->has_tls || i->config->tls == INITIATOR_TLS_NONE)
		return log_in(i, root, out, e);
	return ask_for_tls(i, root, out, e);
}
