/* Beginning to log in: which way, and the first element, with all that goes with it (XEP-0388, 2.3; XEP-0386, 0480,
 * 0484, 0509). What can be asked for with a login is planned in plan() and written in write_authenticate(); a
 * mechanism's first message is made in first_message(). */
#include "lib/stream/initiator_impl.h"

#include "lib/base/mem.h"
#include "lib/stream/ht.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/saslprep.h"

/* The first message. */

static struct str gs2_header(const struct attempt *x)
{
	struct str name = x->choice.flag == 'p' ? sasl_binding_name(x->choice.binding) : STR("");
	return arena_printf(x->arena,
		"%c"
		"%s" STR_FMT ",,",
		x->choice.flag, name.n ? "=" : "", STR_ARG(name));
}

static struct str scram_message(struct initiator *i, struct attempt *x)
{
	char nonce[SCRAM_NONCE_BYTES];
	random_text(i->config->random, nonce, sizeof(nonce));
	x->nonce = arena_dup(x->arena, str_make(nonce, sizeof(nonce)));
	x->gs2 = gs2_header(x);
	/* RFC 6120, 6.3.7: the name is the localpart. */
	struct str name = scram_name_write(x->arena, jid_local(i->config->jid));
	struct str first = arena_printf(
		x->arena, STR_FMT "n=" STR_FMT ",r=" STR_FMT, STR_ARG(x->gs2), STR_ARG(name), STR_ARG(x->nonce));
	x->client_first_bare = str_from(first, x->gs2.n);
	i->state = STATE_CHALLENGE;
	return first;
}

static struct str plain_message(struct initiator *i, struct attempt *x)
{
	struct str name = jid_local(i->config->jid);
	size_t n = 2 + name.n + x->password.n;
	char *message = arena_alloc_bytes(x->arena, n);
	message[0] = message[1 + name.n] = '\0';
	if (name.n)
		memcpy(message + 1, name.p, name.n);
	if (x->password.n)
		memcpy(message + 2 + name.n, x->password.p, x->password.n);
	return str_make(message, n);
}

static struct str token_message(struct initiator *i, struct attempt *x)
{
	const struct sasl_token *t = i->config->token;
	struct str secret = str_make(t->bytes, t->n);
	const struct sasl_binding_data *binding = initiator_binding(i, &x->choice);
	ht_responder_hash(secret, binding, x->signature);
	i->login->has_tried_token = true;
	i->state = STATE_SIGNATURE;
	return ht_write(x->arena, jid_local(i->config->jid), secret, binding);
}

static struct str first_message(struct initiator *i, struct attempt *x)
{
	enum sasl_mechanism m = x->choice.mechanism;
	i->state = STATE_SUCCESS;
	if (is_scram(m))
		return scram_message(i, x);
	if (is_token(m))
		return token_message(i, x);
	if (m == SASL_PLAIN)
		return plain_message(i, x);
	/* XEP-0178: the address only where the certificate does not say it. XEP-0175: nothing about who is anonymous.
	 */
	return m == SASL_EXTERNAL && i->config->says_who ? jid_bare(i->config->jid) : STR("");
}

/* RFC 6120, 6.4.2: a message without a byte is "="; XEP-0175 has none. */
static void write_auth(const struct attempt *x, struct str message, struct buf *out)
{
	initiator_open_element(out, "auth", NS_SASL);
	xml_write_attr(out, STR("mechanism"), sasl_mechanism_name(x->choice.mechanism));
	if (str_is_empty(message) && x->choice.mechanism != SASL_ANONYMOUS)
		buf_lit(out, ">=</auth>");
	else
		initiator_write_data(out, "auth", message);
}

static void write_text_element(struct buf *out, const char *name, struct str text)
{
	if (str_is_empty(text))
		return;
	buf_printf(out, "<%s>", name);
	xml_write_text(out, text);
	buf_printf(out, "</%s>", name);
}

static void write_user_agent(const struct initiator_config *c, struct buf *out)
{
	if (!c->client.n && !c->software.n && !c->device.n)
		return;
	buf_lit(out, "<user-agent");
	if (c->client.n)
		xml_write_attr(out, STR("id"), c->client);
	buf_lit(out, ">");
	write_text_element(out, "software", c->software);
	write_text_element(out, "device", c->device);
	buf_lit(out, "</user-agent>");
}

static void write_bind(const struct initiator_config *c, struct buf *out)
{
	initiator_open_element(out, "bind", NS_BIND2);
	buf_lit(out, ">");
	write_text_element(out, "tag", c->tag);
	buf_lit(out, "</bind>");
}

static void write_fast(const struct initiator *i, const struct attempt *x, struct buf *out)
{
	if (is_token(x->choice.mechanism)) {
		initiator_open_element(out, "fast", NS_FAST);
		if (i->config->invalidates)
			xml_write_attr(out, STR("invalidate"), STR("true"));
		buf_lit(out, "/>");
	} else if (x->asks_token != SASL_MECHANISMS) {
		initiator_open_element(out, "request-token", NS_FAST);
		xml_write_attr(out, STR("mechanism"), sasl_mechanism_name(x->asks_token));
		buf_lit(out, "/>");
	}
}

static void write_upgrades(unsigned upgrades, struct buf *out)
{
	struct str names[SASL_MECHANISMS];
	size_t n = sasl_mechanism_names(upgrades, names);
	for (size_t k = 0; k < n; k++) {
		initiator_open_element(out, "upgrade", NS_UPGRADE);
		buf_lit(out, ">UPGR-");
		buf_add(out, names[k]);
		buf_lit(out, "</upgrade>");
	}
}

static void write_version(const struct initiator_offer *o, struct buf *out)
{
	initiator_open_element(out, "config-version", NS_IAP);
	if (o->scheme.p)
		xml_write_attr(out, STR("scheme"), o->scheme);
	xml_write_attr(out, STR("value"), o->version);
	buf_lit(out, "/>");
}

static void write_authenticate(const struct initiator *i, const struct attempt *x, struct str message,
	const struct initiator_offer *early, struct buf *out)
{
	initiator_open_element(out, "authenticate", NS_SASL2);
	xml_write_attr(out, STR("mechanism"), sasl_mechanism_name(x->choice.mechanism));
	buf_lit(out, "><initial-response");
	initiator_write_data(out, "initial-response", message);
	write_user_agent(i->config, out);
	if (x->asks_bind)
		write_bind(i->config, out);
	write_fast(i, x, out);
	write_upgrades(x->upgrades, out);
	if (early)
		write_version(early, out);
	buf_lit(out, "</authenticate>");
}

/* Beginning. */

static unsigned without_plus(enum sasl_mechanism m)
{
	static const unsigned of[] = { [DIGEST_SHA1] = SASL_BIT(SASL_SCRAM_SHA_1),
		[DIGEST_SHA256] = SASL_BIT(SASL_SCRAM_SHA_256),
		[DIGEST_SHA512] = SASL_BIT(SASL_SCRAM_SHA_512) };
	return of[scram_digest(m)];
}

/* What goes with the login. Keys are sent to who has proved to know others of the same password, and to nobody else. */
static void plan(const struct initiator *i, struct attempt *x, const struct initiator_offer *o)
{
	x->asks_token = x->task = SASL_MECHANISMS;
	if (!x->choice.is_sasl2)
		return;
	x->asks_bind = i->config->binds && o->has_bind;
	if (!is_token(x->choice.mechanism))
		x->asks_token = initiator_choose_token(i, o);
	if (is_scram(x->choice.mechanism))
		x->upgrades = i->config->upgrades & o->upgrades & ~without_plus(x->choice.mechanism);
}

static bool begin(struct initiator *i, const struct choice *c, const struct initiator_offer *o, bool is_early,
	struct buf *out, struct initiator_event *e)
{
	struct attempt *x = mem_zalloc(sizeof(*x));
	x->arena = arena_new(1024, SIZE_MAX / 2);
	x->choice = *c;
	i->login->attempt = x;
	if ((is_scram(c->mechanism) || c->mechanism == SASL_PLAIN) &&
		saslprep(x->arena, i->config->password, &x->password))
		return initiator_give_up(i, "the password has characters that none can have", out, e);
	plan(i, x, o);
	struct str message = first_message(i, x);
	if (c->is_sasl2)
		write_authenticate(i, x, message, is_early ? o : NULL, out);
	else
		write_auth(x, message, out);
	if (c->mechanism == SASL_PLAIN)
		initiator_wipe(message);
	return false;
}

/* Both ways, in their order. */
static struct choice choose(const struct initiator *i, const char **why_r)
{
	const struct initiator_config *c = i->config;
	const struct login *l = i->login;
	struct choice none = { .mechanism = SASL_MECHANISMS };
	*why_r = "the server does not offer SASL2";
	if (l->sasl2.mechanisms.count && i->has_tls && c->sasl2 != INITIATOR_SASL2_NEVER) {
		struct choice choice = initiator_choose(i, &l->sasl2.known, true, why_r);
		if (*why_r || choice.mechanism != SASL_MECHANISMS)
			return choice;
		*why_r = "the server offers no mechanism that we may use";
	}
	return c->sasl2 == INITIATOR_SASL2_REQUIRED ? none : initiator_choose(i, &l->sasl.known, false, why_r);
}

bool initiator_sasl_begin(struct initiator *i, struct buf *out, struct initiator_event *e)
{
	const char *why;
	struct choice c = choose(i, &why);
	if (!why && c.mechanism == SASL_MECHANISMS)
		why = "the server offers no mechanism that we may use";
	if (why)
		return initiator_give_up(i, why, out, e);
	return begin(i, &c, c.is_sasl2 ? &i->login->sasl2.known : &i->login->sasl.known, false, out, e);
}

bool initiator_sasl_begin_early(struct initiator *i, struct buf *out, struct initiator_event *e)
{
	const struct initiator_offer *o = i->config->known;
	const char *why;
	if (!o || !o->version.p || !i->has_tls || i->is_logged_in || i->config->sasl2 == INITIATOR_SASL2_NEVER)
		return false;
	struct choice c = initiator_choose(i, o, true, &why);
	if (why || c.mechanism == SASL_MECHANISMS)
		return false;
	if (begin(i, &c, o, true, out, e))
		return true;
	i->login->is_early = true;
	i->login->early_state = i->state;
	i->state = STATE_HEADER;
	return false;
}
