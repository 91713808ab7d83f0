/* Logging in (RFC 6120, 6; XEP-0388) from the side of the client: what a server may ask, and the answers. The two ways
 * differ in the names of their elements.
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
 * How it begins is in initiator_request.c; what comes of it, and tasks, are in initiator_outcome.c. The server has to
 * prove that it knows the keys, or the token, before we believe in its success (RFC 5802, 5). */
#include "lib/stream/initiator_impl.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/stream/ht.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

void initiator_wipe(struct str s)
{
	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
}

const struct sasl_binding_data *initiator_binding(const struct initiator *i, const struct choice *c)
{
	return c->binding == SASL_BINDINGS ? NULL : &i->login->tls.bindings[c->binding];
}

void initiator_sasl_free(struct initiator *i)
{
	struct attempt *x = i->login ? i->login->attempt : NULL;
	if (!x)
		return;
	i->login->attempt = NULL;
	if (x->password.p != i->config->password.p)
		initiator_wipe(x->password);
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

void initiator_open_element(struct buf *out, const char *name, struct str ns)
{
	buf_printf(out, "<%s", name);
	xml_write_attr(out, STR("xmlns"), ns);
}

void initiator_write_data(struct buf *out, const char *name, struct str data)
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
static void write_element(const struct attempt *x, const char *name, struct str data, struct buf *out)
{
	initiator_open_element(out, name, x->choice.is_sasl2 ? NS_SASL2 : NS_SASL);
	initiator_write_data(out, name, data);
}

bool initiator_sasl_abort(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e)
{
	write_element(i->login->attempt, "abort", STR(""), out);
	return initiator_give_up(i, why, out, e);
}

/* The messages. */

bool initiator_sasl_data(struct initiator *i, const struct xml_node *element, struct str *data_r)
{
	struct attempt *x = i->login->attempt;
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

/* Few iterations would make the password cheap to guess for the server, or for who plays it; very many would keep us
 * busy (RFC 5802, 9). */
bool initiator_sasl_hash(struct initiator *i, enum digest d, struct str salt, uint64_t iterations, struct buf *out,
	struct initiator_event *e)
{
	struct attempt *x = i->login->attempt;
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
	const struct attempt *x = i->login->attempt;
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
	struct attempt *x = i->login->attempt;
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

static void make_proof(struct initiator *i, struct attempt *x, const unsigned char *salted_password)
{
	enum digest d = scram_digest(x->choice.mechanism);
	struct str binding = scram_binding_write(x->arena, x->gs2, initiator_binding(i, &x->choice));
	x->without_proof = arena_printf(x->arena, "c=" STR_FMT ",r=" STR_FMT, STR_ARG(binding), STR_ARG(x->nonce));
	struct str about = scram_auth_message(x->arena, x->client_first_bare, x->server_first, x->without_proof);
	scram_prove(d, salted_password, about, x->proof, x->signature);
}

void initiator_hashed(struct initiator *i, const unsigned char *salted_password)
{
	if (i->state != STATE_HASHING)
		return;
	struct attempt *x = i->login->attempt;
	if (x->task == SASL_MECHANISMS)
		make_proof(i, x, salted_password);
	else
		memcpy(x->proof, salted_password, digest_bytes(scram_digest(x->task)));
	i->state = STATE_HASHED;
}

/* XEP-0480, 3 */
static void write_hash(struct attempt *x, struct buf *out)
{
	initiator_open_element(out, "task-data", NS_SASL2);
	buf_lit(out, ">");
	initiator_open_element(out, "hash", NS_SCRAM_UPGRADE);
	initiator_write_data(out, "hash", str_make(x->proof, digest_bytes(scram_digest(x->task))));
	buf_lit(out, "</task-data>");
	x->task = SASL_MECHANISMS;
}

void initiator_sasl_resume(struct initiator *i, struct buf *out)
{
	struct attempt *x = i->login->attempt;
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
	const struct attempt *x = i->login->attempt;
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
	struct attempt *x = i->login->attempt;
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
	bool is_sasl2 = i->login->attempt->choice.is_sasl2;
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
