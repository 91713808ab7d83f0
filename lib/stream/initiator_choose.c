/* Which mechanism, and which channel binding: what both sides have, in our order (RFC 6120, 6.3.3), unless what the
 * server offers cannot be true (XEP-0440, 3; XEP-0474, 6):
 *
 *     it offers         types of binding              what we do if we could bind
 *     no PLUS           none                          flag "y": it refuses us if somebody took them out
 *     no PLUS           some                          give up, unless they are those of its tokens
 *     PLUS              none                          SASL2: give up. SASL: "p=tls-unique" if there is one, or "n"
 *     PLUS              one that we have              "p=" the best of them
 *     PLUS              only others                   "n"; without tls-server-end-point among them it has to prove its
 * offer
 *
 * Who cannot bind says "n". A new mechanism is ranked by its place in enum sasl_mechanism. */
#include "lib/stream/initiator_impl.h"

#include "lib/stream/ht.h"

#define BINDING_BIT(b) (1u << (b))

/* Those that the connection has and we may use. */
static unsigned available(const struct initiator *i)
{
	unsigned mask = 0;
	for (enum sasl_binding b = 0; b < SASL_BINDINGS; b++) {
		if (i->login->tls.bindings[b].n && i->config->bindings & BINDING_BIT(b))
			mask |= BINDING_BIT(b);
	}
	return mask;
}

/* Those that we may use, and have something for. */
static unsigned usable(const struct initiator *i)
{
	const struct initiator_config *c = i->config;
	unsigned mask = c->mechanisms & ~SASL_TOKEN_BITS;
	return c->password.p && jid_local(c->jid).n ? mask : mask & ~(SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN));
}

static unsigned lowest(unsigned mask, unsigned none)
{
	return mask ? (unsigned)__builtin_ctz(mask) : none;
}

static bool has_binding_of(const struct initiator *i, enum sasl_mechanism token)
{
	enum sasl_binding b = ht_binding(token);
	return b == SASL_BINDINGS || i->login->tls.bindings[b].n;
}

static void bind_with(struct choice *c, unsigned bindings)
{
	c->flag = 'p';
	c->binding = (enum sasl_binding)lowest(bindings, SASL_BINDINGS);
}

/* SASL without the types of XEP-0440. RFC 5802, 6.1 has all servers know tls-unique; TLS 1.3 does not have it, and
 * servers of that age do not know what has taken its place. */
static void guess_binding(struct choice *c, unsigned ours)
{
	if (ours & BINDING_BIT(SASL_TLS_UNIQUE))
		bind_with(c, BINDING_BIT(SASL_TLS_UNIQUE));
}

/* The table above. */
static const char *choose_binding(const struct initiator *i, const struct initiator_offer *o, struct choice *c)
{
	static const unsigned bound_tokens = SASL_BIT(SASL_HT_SHA_256_EXPR) | SASL_BIT(SASL_HT_SHA_256_ENDP);
	unsigned ours = usable(i) & SASL_PLUS_BITS ? available(i) : 0;
	if (!ours)
		return NULL;
	if (!o->has_plus) {
		if (o->has_bindings && !(o->tokens & bound_tokens))
			return "the server offers channel bindings, but no mechanism that has them";
		c->flag = 'y';
	} else if (!o->has_bindings) {
		if (c->is_sasl2)
			return "the server offers mechanisms with channel binding, but no kind of it";
		guess_binding(c, ours);
	} else if (ours & o->bindings) {
		bind_with(c, ours & o->bindings);
	} else {
		c->needs_hash = !(o->bindings & BINDING_BIT(SASL_TLS_SERVER_END_POINT));
	}
	return NULL;
}

static bool choose_token(const struct initiator *i, const struct initiator_offer *o, struct choice *c)
{
	const struct sasl_token *t = i->config->token;
	if (!c->is_sasl2 || !t || i->login->has_tried_token || str_is_empty(i->config->client) ||
		!(o->tokens & SASL_BIT(t->mechanism)) || !has_binding_of(i, t->mechanism))
		return false;
	c->mechanism = t->mechanism;
	c->binding = ht_binding(t->mechanism);
	return true;
}

struct choice initiator_choose(
	const struct initiator *i, const struct initiator_offer *o, bool is_sasl2, const char **why_r)
{
	struct choice c = { .mechanism = SASL_MECHANISMS, .is_sasl2 = is_sasl2, .flag = 'n', .binding = SASL_BINDINGS };
	unsigned common = o->mechanisms & usable(i);
	*why_r = NULL;
	if (choose_token(i, o, &c))
		return c;
	if (common & SASL_BIT(SASL_EXTERNAL)) {
		c.mechanism = SASL_EXTERNAL;
		return c;
	}
	*why_r = choose_binding(i, o, &c);
	if (c.flag != 'p')
		common &= ~SASL_PLUS_BITS;
	c.mechanism = (enum sasl_mechanism)lowest(common, SASL_MECHANISMS);
	if (c.flag == 'p' && !(SASL_BIT(c.mechanism) & SASL_PLUS_BITS)) {
		/* It binds, with no mechanism of ours. */
		c.flag = 'n';
		c.binding = SASL_BINDINGS;
	}
	return c;
}

enum sasl_mechanism initiator_choose_token(const struct initiator *i, const struct initiator_offer *o)
{
	if (str_is_empty(i->config->client))
		return SASL_MECHANISMS;
	for (enum sasl_mechanism m = 0; m < SASL_MECHANISMS; m++) {
		if (o->tokens & i->config->wanted_tokens & SASL_BIT(m) && has_binding_of(i, m))
			return m;
	}
	return SASL_MECHANISMS;
}
