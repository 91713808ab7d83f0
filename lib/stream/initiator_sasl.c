/* Logging in (RFC 6120, 6; XEP-0388) from the side of the client: what it sends, and what a server may ask. The two ways differ in the
 * names of their elements.
 *
 *                              <challenge/>: on_server_first       initiator_hashed
 *         SCRAM ──► CHALLENGE ──────────────────────────► HASHING ──────────────────► HASHED ──► SIGNATURE
 *                                                                    initiator_sasl_resume: <response/>
 *         tokens ─► SIGNATURE
 *         SIGNATURE ── <success/> with the right signature ──► logged in
 *                   ── <challenge/> with it, <response/> ──► SUCCESS ── <success/> ──► logged in      (not SASL2)
 *                   ── <continue/> with it, <next/> ──► TASK
 *         others ─► SUCCESS
 *                                                  initiator_hashed
 *         TASK ── <task-data/> ──► HASHING ──────────────────────────► HASHED ── <task-data/> ──► SUCCESS
 *         SUCCESS ── <success/> ──► logged in
 *                 ── <continue/>, <next/> ──► TASK
 *
 * What comes of it, and tasks, are in initiator_outcome.c. The server has to prove that it knows the keys, or the token, before we believe
 * in its success (RFC 5802, 5). A mechanism is added to the switches over its kind here. */
#include "lib/stream/initiator_impl.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/stream/ht.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/saslprep.h"

static bool is_scram(enum sasl_mechanism m)
{
	return SASL_BIT(m) & SASL_SCRAM_BITS;
}

static bool is_token(enum sasl_mechanism m)
{
	return SASL_BIT(m) & SASL_TOKEN_BITS;
}

static void wipe(struct str s)
{
	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
}

void initiator_sasl_free(struct initiator *i)
{
	struct exchange *x = i->login ? i->login->exchange : NULL;
	if (!x)
		return;
	i->login->exchange = NULL;
	if (x->password.p != i->config->password.p)
		wipe(x->password);
	arena_free(&x->arena);
	secret_wipe(x, sizeof(*x));
	mem_free(x);
}

void initiator_login_free(struct initiator *i)
{
	if (!i->login)
		return;
	initiator_sasl_free(i);
	arena_free(&i->login->arena);
	mem_free(i->login);
	i->login = NULL;
}

/* Writing. */

static void open_element(struct buf *out, const char *name, struct str ns)
{
	buf_printf(out, "<%s", name);
	xml_write_attr(out, STR("xmlns"), ns);
}

/* Behind the attributes. */
static void write_data(struct buf *out, const char *name, struct str data)
{
	if (str_is_empty(data)) {
		buf_lit(out, "/>");
		return;
	}
	buf_lit(out, ">");
	base64_add(out, data);
	buf_printf(out, "</%s>", name);
}

/* <response/>, <abort/>, … of the way that was chosen. */
static void write_element(const struct exchange *x, const char *name, struct str data, struct buf *out)
{
	open_element(out, name, x->choice.is_sasl2 ? NS_SASL2 : NS_SASL);
	write_data(out, name, data);
}

bool initiator_sasl_abort(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e)
{
	write_element(i->login->exchange, "abort", STR(""), out);
	return initiator_give_up(i, why, out, e);
}

/* The first message. */

static const struct sasl_binding_data *binding_of(const struct initiator *i, const struct choice *c)
{
	return c->binding == SASL_BINDINGS ? NULL : &i->login->tls.bindings[c->binding];
}

static struct str gs2_header(const struct exchange *x)
{
	struct str name = x->choice.flag == 'p' ? sasl_binding_name(x->choice.binding) : STR("");
	return arena_printf(x->arena, "%c" "%s" STR_FMT ",,", x->choice.flag, name.n ? "=" : "", STR_ARG(name));
}

static struct str scram_message(struct initiator *i, struct exchange *x)
{
	char nonce[SCRAM_NONCE_BYTES];
	random_text(i->config->random, nonce, sizeof(nonce));
	x->nonce = arena_dup(x->arena, str_make(nonce, sizeof(nonce)));
	x->gs2 = gs2_header(x);
	/* RFC 6120, 6.3.7: the name is the localpart. */
	struct str name = scram_name_write(x->arena, jid_local(i->config->jid));
	struct str first = arena_printf(x->arena, STR_FMT "n=" STR_FMT ",r=" STR_FMT, STR_ARG(x->gs2), STR_ARG(name),
		STR_ARG(x->nonce));
	x->client_first_bare = str_from(first, x->gs2.n);
	i->state = STATE_CHALLENGE;
	return first;
}

static struct str plain_message(struct initiator *i, struct exchange *x)
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

static struct str token_message(struct initiator *i, struct exchange *x)
{
	const struct sasl_token *t = i->config->token;
	struct str secret = str_make(t->bytes, t->n);
	const struct sasl_binding_data *binding = binding_of(i, &x->choice);
	ht_responder_hash(secret, binding, x->signature);
	i->login->has_tried_token = true;
	i->state = STATE_SIGNATURE;
	return ht_write(x->arena, jid_local(i->config->jid), secret, binding);
}

static struct str first_message(struct initiator *i, struct exchange *x)
{
	enum sasl_mechanism m = x->choice.mechanism;
	i->state = STATE_SUCCESS;
	if (is_scram(m))
		return scram_message(i, x);
	if (is_token(m))
		return token_message(i, x);
	if (m == SASL_PLAIN)
		return plain_message(i, x);
	/* XEP-0178: the address only where the certificate does not say it. XEP-0175: nothing about who is anonymous. */
	return m == SASL_EXTERNAL && i->config->says_who ? jid_bare(i->config->jid) : STR("");
}

/* RFC 6120, 6.4.2: a message without a byte is "="; XEP-0175 has none. */
static void write_auth(const struct exchange *x, struct str message, struct buf *out)
{
	open_element(out, "auth", NS_SASL);
	xml_write_attr(out, STR("mechanism"), sasl_mechanism_name(x->choice.mechanism));
	if (str_is_empty(message) && x->choice.mechanism != SASL_ANONYMOUS)
		buf_lit(out, ">=</auth>");
	else
		write_data(out, "auth", message);
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
	open_element(out, "bind", NS_BIND2);
	buf_lit(out, ">");
	write_text_element(out, "tag", c->tag);
	buf_lit(out, "</bind>");
}

static void write_fast(const struct initiator *i, const struct exchange *x, struct buf *out)
{
	if (is_token(x->choice.mechanism)) {
		open_element(out, "fast", NS_FAST);
		if (i->config->invalidates)
			xml_write_attr(out, STR("invalidate"), STR("true"));
		buf_lit(out, "/>");
	} else if (x->asks_token != SASL_MECHANISMS) {
		open_element(out, "request-token", NS_FAST);
		xml_write_attr(out, STR("mechanism"), sasl_mechanism_name(x->asks_token));
		buf_lit(out, "/>");
	}
}

static void write_upgrades(unsigned upgrades, struct buf *out)
{
	struct str names[SASL_MECHANISMS];
	size_t n = sasl_mechanism_names(upgrades, names);
	for (size_t k = 0; k < n; k++) {
		open_element(out, "upgrade", NS_UPGRADE);
		buf_lit(out, ">UPGR-");
		buf_add(out, names[k]);
		buf_lit(out, "</upgrade>");
	}
}

static void write_version(const struct initiator_offer *o, struct buf *out)
{
	open_element(out, "config-version", NS_IAP);
	if (o->scheme.p)
		xml_write_attr(out, STR("scheme"), o->scheme);
	xml_write_attr(out, STR("value"), o->version);
	buf_lit(out, "/>");
}

static void write_authenticate(const struct initiator *i, const struct exchange *x, struct str message,
	const struct initiator_offer *early, struct buf *out)
{
	open_element(out, "authenticate", NS_SASL2);
	xml_write_attr(out, STR("mechanism"), sasl_mechanism_name(x->choice.mechanism));
	buf_lit(out, "><initial-response");
	write_data(out, "initial-response", message);
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
static void plan(const struct initiator *i, struct exchange *x, const struct initiator_offer *o)
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
	struct exchange *x = mem_zalloc(sizeof(*x));
	x->arena = arena_new(1024, SIZE_MAX / 2);
	x->choice = *c;
	i->login->exchange = x;
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
		wipe(message);
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

/* The exchange. */

bool initiator_sasl_data(struct initiator *i, const struct xml_node *element, struct str *data_r)
{
	struct exchange *x = i->login->exchange;
	struct str text = element ? xml_text(element, x->arena) : STR("");
	size_t n;
	*data_r = STR("");
	/* XEP-0388, 2.2 is milder about white space, and has no "=". */
	if (x->choice.is_sasl2)
		text = str_trim(text);
	if (str_is_empty(text) || (!x->choice.is_sasl2 && str_eq(text, STR("="))))
		return true;
	char *p = arena_alloc_bytes(x->arena, text.n);
	if (!base64_decode(text, p, &n))
		return false;
	*data_r = str_make(p, n);
	return true;
}

/* Few iterations would make the password cheap to guess for the server, or for who plays it; very many would keep us busy (RFC 5802, 9). */
bool initiator_sasl_hash(struct initiator *i, enum digest d, struct str salt, uint64_t iterations, struct buf *out,
	struct initiator_event *e)
{
	struct exchange *x = i->login->exchange;
	char *bytes = arena_alloc_bytes(x->arena, salt.n + 1);
	size_t n;
	if (iterations < SCRAM_ITERATIONS_MIN)
		return initiator_sasl_abort(i, "the server asks for too few iterations", out, e);
	if (iterations > i->config->iterations_max)
		return initiator_sasl_abort(i, "the server asks for too many iterations", out, e);
	if (str_is_empty(salt) || !base64_decode(salt, bytes, &n))
		return initiator_sasl_abort(i, "the server's salt is malformed", out, e);
	i->state = STATE_HASHING;
	e->kind = INITIATOR_HASH;
	e->hash.digest = d;
	e->hash.password = x->password;
	e->hash.salt = str_make(bytes, n);
	e->hash.iterations = (uint32_t)iterations;
	return true;
}

/* What the server says it has offered, and over which TLS, is what we have seen: else somebody stands between. */
static const char *find_downgrade(const struct initiator *i, const struct scram_server_first *m)
{
	const struct exchange *x = i->login->exchange;
	const struct offer *o = x->choice.is_sasl2 ? &i->login->sasl2 : &i->login->sasl;
	struct str hash = scram_list_hash(x->arena, scram_digest(x->choice.mechanism), o->mechanisms.list,
		o->mechanisms.count, o->bindings.list, o->bindings.count);
	struct str version = scram_tls_version_write(x->arena, i->login->tls.version);
	if (m->list_hash.n && !str_eq(m->list_hash, hash))
		return "the server has offered other mechanisms than we have seen";
	if (!m->list_hash.n && x->choice.needs_hash)
		return "the server offers only channel bindings that we do not have";
	if (m->tls_version.n && !str_eq(m->tls_version, version))
		return "the server has another version of TLS than we have";
	return NULL;
}

/* RFC 5802, 5.1: the nonce begins with ours. */
static bool on_server_first(struct initiator *i, struct str message, struct buf *out, struct initiator_event *e)
{
	struct exchange *x = i->login->exchange;
	struct scram_server_first m;
	if (!scram_server_first_parse(message, &m))
		return initiator_sasl_abort(i, "the server's challenge is malformed", out, e);
	if (!str_has_prefix(m.nonce, x->nonce) || m.nonce.n == x->nonce.n)
		return initiator_sasl_abort(i, "the server's nonce does not continue ours", out, e);
	const char *why = find_downgrade(i, &m);
	if (why)
		return initiator_sasl_abort(i, why, out, e);
	x->server_first = message;
	x->nonce = m.nonce;
	return initiator_sasl_hash(i, scram_digest(x->choice.mechanism), m.salt, m.iterations, out, e);
}

static void make_proof(struct initiator *i, struct exchange *x, const unsigned char *salted_password)
{
	enum digest d = scram_digest(x->choice.mechanism);
	struct str binding = scram_binding_write(x->arena, x->gs2, binding_of(i, &x->choice));
	x->without_proof = arena_printf(x->arena, "c=" STR_FMT ",r=" STR_FMT, STR_ARG(binding), STR_ARG(x->nonce));
	struct str about = scram_auth_message(x->arena, x->client_first_bare, x->server_first, x->without_proof);
	scram_prove(d, salted_password, about, x->proof, x->signature);
}

void initiator_hashed(struct initiator *i, const unsigned char *salted_password)
{
	if (i->state != STATE_HASHING)
		return;
	struct exchange *x = i->login->exchange;
	if (x->task == SASL_MECHANISMS)
		make_proof(i, x, salted_password);
	else
		memcpy(x->proof, salted_password, digest_bytes(scram_digest(x->task)));
	i->state = STATE_HASHED;
}

/* XEP-0480, 3 */
static void write_hash(struct exchange *x, struct buf *out)
{
	open_element(out, "task-data", NS_SASL2);
	buf_lit(out, ">");
	open_element(out, "hash", NS_SCRAM_UPGRADE);
	write_data(out, "hash", str_make(x->proof, digest_bytes(scram_digest(x->task))));
	buf_lit(out, "</task-data>");
	x->task = SASL_MECHANISMS;
}

void initiator_sasl_resume(struct initiator *i, struct buf *out)
{
	struct exchange *x = i->login->exchange;
	if (x->task != SASL_MECHANISMS) {
		write_hash(x, out);
		i->state = STATE_SUCCESS;
		return;
	}
	struct str proof = base64_dup(x->arena, str_make(x->proof, digest_bytes(scram_digest(x->choice.mechanism))));
	struct str message = arena_printf(x->arena, STR_FMT ",p=" STR_FMT, STR_ARG(x->without_proof), STR_ARG(proof));
	write_element(x, "response", message, out);
	i->state = STATE_SIGNATURE;
}

bool initiator_sasl_is_signed(const struct initiator *i, struct str message)
{
	const struct exchange *x = i->login->exchange;
	unsigned char bytes[BASE64_LEN(DIGEST_BYTES_MAX)];
	struct str base64;
	size_t n, got;
	if (is_token(x->choice.mechanism))
		return ct_equal(message, str_make(x->signature, HT_HASH_BYTES));
	n = digest_bytes(scram_digest(x->choice.mechanism));
	return scram_server_final_parse(message, &base64) && base64.n == BASE64_LEN(n) &&
	       base64_decode(base64, bytes, &got) && ct_equal(str_make(bytes, got), str_make(x->signature, n));
}

static bool on_challenge(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	struct exchange *x = i->login->exchange;
	struct str data;
	if (!initiator_sasl_data(i, root, &data))
		return initiator_sasl_abort(i, "the server's base64 is malformed", out, e);
	if (i->state == STATE_CHALLENGE)
		return on_server_first(i, data, out, e);
	if (i->state != STATE_SIGNATURE || x->choice.is_sasl2)
		return initiator_sasl_abort(i, "the server sent a challenge out of place", out, e);
	/* RFC 6120, 6.3.10: the last message may come as a challenge, too. */
	if (!initiator_sasl_is_signed(i, data))
		return initiator_sasl_abort(i, "the server did not prove that it knows the password", out, e);
	write_element(x, "response", STR(""), out);
	i->state = STATE_SUCCESS;
	return false;
}

bool initiator_sasl_element(struct initiator *i, struct arena **arena, const struct xml_node *root, struct buf *out,
	struct initiator_event *e)
{
	bool is_sasl2 = i->login->exchange->choice.is_sasl2;
	struct str ns = is_sasl2 ? NS_SASL2 : NS_SASL;
	if (xml_is(root, ns, STR("challenge")))
		return on_challenge(i, root, out, e);
	if (xml_is(root, ns, STR("success")))
		return initiator_on_success(i, arena, root, out, e);
	if (xml_is(root, ns, STR("failure")))
		return initiator_on_failure(i, root, out, e);
	if (is_sasl2 && xml_is(root, ns, STR("continue")))
		return initiator_on_continue(i, root, out, e);
	if (is_sasl2 && xml_is(root, ns, STR("task-data")))
		return initiator_on_task_data(i, root, out, e);
	return initiator_fail(i, STREAM_UNSUPPORTED_STANZA_TYPE, "an element that has no place in a login", out, e);
}
