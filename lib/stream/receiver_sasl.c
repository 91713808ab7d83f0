/* Logging in (RFC 6120, 6): the part of the receiver between its features and <success/>.
 *
 *                 auth, no data           response
 *         (none) ───────────────► PROMPTED ────────┐
 *           │                                      ▼ on_first              ask for credentials
 *           └──────── auth with data ──────────────┴─────────────► FINDING ────────────────────► FOUND
 *                                                                           receiver_credentials
 *         FOUND ── SCRAM: challenge ──► CHALLENGED ── response: on_scram_final ──► succeed, or refuse
 *               ── PLAIN: ask for the hash ──► HASHING ── receiver_hashed ──► HASHED ──► succeed, or refuse
 *
 * Every refusal ends in OVER, which lasts until the next call; another <auth/> begins anew from anywhere (6.4.2).
 *
 * What must not be seen from outside is whether an account exists (L2). So an unknown one gets keys derived from a
 * secret, and goes through the same steps and hashes; what is known about it is looked at in the last comparison only.
 * A name that no account can have is only different in that storage is not asked. */
#include "lib/stream/receiver_impl.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/saslprep.h"

enum handshake_step {
	STEP_PROMPTED,
	STEP_FINDING,
	STEP_FOUND,
	STEP_FIND_FAILED,
	STEP_CHALLENGED,
	STEP_HASHING,
	STEP_HASHED,
	STEP_OVER,
};

struct handshake {
	struct arena *arena;
	enum sasl_mechanism mechanism;
	enum handshake_step step;
	const struct jid *jid; /* who logs in; NULL if it can be nobody */
	struct str username; /* as it was sent */
	struct scram_keys keys; /* of the account, or derived */
	enum digest digest; /* of the keys */
	bool is_known; /* the keys are an account's */
	bool is_right; /* PLAIN: the password is */
	/* SCRAM */
	struct str binding; /* base64 of the header that was sent */
	struct str nonce, client_first_bare, server_first;
	/* PLAIN */
	struct str message, password;
	bool is_prepared;
};

static void wipe(struct str s)
{
	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
}

static void wipe_secrets(struct handshake *h)
{
	wipe(h->message);
	wipe(h->password);
	h->message = h->password = STR("");
	secret_wipe(&h->keys, sizeof(h->keys));
}

void receiver_sasl_free(struct receiver *r)
{
	struct handshake *h = r->login->handshake;
	if (!h)
		return;
	wipe_secrets(h);
	arena_free(&h->arena);
	mem_free(h);
	r->login->handshake = NULL;
}

size_t receiver_sasl_bytes(const struct receiver *r)
{
	const struct handshake *h = r->login->handshake;
	return h ? sizeof(*h) + arena_bytes(h->arena) : 0;
}

/* Writing. */

/* <name>base64</name> */
static void write_data(struct buf *out, const char *name, struct str data)
{
	buf_printf(out, "<%s", name);
	xml_write_attr(out, STR("xmlns"), NS_SASL);
	if (str_is_empty(data)) {
		buf_lit(out, "/>");
		return;
	}
	buf_lit(out, ">");
	base64_add(out, data);
	buf_printf(out, "</%s>", name);
}

bool receiver_sasl_refuse(struct receiver *r, enum sasl_failure failure, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	struct handshake *h = l->handshake;
	buf_lit(out, "<failure");
	xml_write_attr(out, STR("xmlns"), NS_SASL);
	buf_lit(out, "><");
	buf_add(out, sasl_failure_name(failure));
	buf_lit(out, "/></failure>");
	e->kind = RECEIVER_LOGIN_FAILED;
	e->failure = failure;
	e->host = l->host;
	if (h) {
		wipe_secrets(h);
		h->step = STEP_OVER;
		e->mechanism = h->mechanism;
		e->username = h->jid ? jid_local(h->jid) : STR("");
	}
	return true;
}

/* RFC 6120, 6.4.6 */
static bool succeed(struct receiver *r, struct str data, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	struct handshake *h = l->handshake;
	if (r->has_tls && l->from && !jid_equal(l->from, h->jid))
		return receiver_fail(r, STREAM_INVALID_FROM, "the header's from is not who has logged in", out, e);
	r->jid = jid_new(h->jid);
	e->kind = RECEIVER_LOGGED_IN;
	e->mechanism = h->mechanism;
	e->jid = r->jid;
	write_data(out, "success", data);
	receiver_sasl_free(r);
	receiver_restart(r);
	return true;
}

/* The account. */

/* Who is meant. RFC 6120, 6.3.8: an authorization identity is a bare JID; A2: nobody acts for another. */
static bool set_identity(struct receiver *r, struct handshake *h, struct str username, struct str authzid)
{
	const struct jid *jid;
	const char *why;
	h->username = username;
	if (jid_make(h->arena, username, r->login->host, STR(""), &h->jid, &why))
		h->jid = NULL;
	if (str_is_empty(authzid))
		return true;
	return !jid_parse(h->arena, authzid, &jid, &why) && h->jid && jid_equal(jid, h->jid);
}

/* The first message is fine: the account is needed. Each time counts as a try, whatever comes of it, or else storage
 * could be asked without end by somebody who never sends a proof (L5). */
static bool ask_for_credentials(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct login *l = r->login;
	struct handshake *h = l->handshake;
	if (l->tries >= r->config->tries)
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many tries to log in", out, e);
	l->tries++;
	h->step = STEP_FINDING;
	if (!h->jid) {
		receiver_credentials(r, NULL);
		return receiver_sasl_resume(r, out, e);
	}
	e->kind = RECEIVER_FIND_CREDENTIALS;
	e->username = jid_local(h->jid);
	e->host = l->host;
	return true;
}

/* Keys for nobody: the same salt for the same name at every try. Nobody knows a password for them. */
static void derive_keys(const struct receiver *r, const struct handshake *h, enum digest d, struct scram_keys *k)
{
	struct str secret = r->config->fake_salt_secret, name = digest_name(d);
	struct str username = h->jid ? jid_local(h->jid) : h->username;
	unsigned char hash[DIGEST_BYTES_MAX];
	char *p = arena_alloc_bytes(h->arena, name.n + username.n);
	memcpy(p, name.p, name.n);
	memcpy(p + name.n, username.p, username.n);
	digest_hmac(DIGEST_SHA256, secret, str_make(p, name.n + username.n), hash);
	*k = (struct scram_keys){ .iterations = r->config->fake_iterations, .salt_n = SCRAM_SALT_BYTES };
	memcpy(k->salt, hash, SCRAM_SALT_BYTES);
	secret_wipe(hash, sizeof(hash));
}

static void set_keys(struct receiver *r, struct handshake *h, const struct sasl_credentials *c)
{
	if (h->mechanism != SASL_PLAIN)
		h->digest = scram_digest(h->mechanism);
	else
		h->digest = c && !c->keys[DIGEST_SHA256].is_set && c->keys[DIGEST_SHA1].is_set ? DIGEST_SHA1 : DIGEST_SHA256;
	/* Made in any case, so that it takes the same time. */
	derive_keys(r, h, h->digest, &h->keys);
	const struct scram_keys *own = c ? &c->keys[h->digest] : NULL;
	h->is_known = own && own->is_set;
	if (h->is_known) {
		assert_always(own->iterations && own->salt_n && own->salt_n <= sizeof(own->salt));
		h->keys = *own;
	}
}

void receiver_credentials(struct receiver *r, const struct sasl_credentials *c)
{
	struct handshake *h = r->login ? r->login->handshake : NULL;
	if (!h || h->step != STEP_FINDING)
		return;
	set_keys(r, h, c);
	h->step = STEP_FOUND;
}

void receiver_credentials_failed(struct receiver *r)
{
	struct handshake *h = r->login ? r->login->handshake : NULL;
	if (!h || (h->step != STEP_FINDING && h->step != STEP_HASHING))
		return;
	wipe_secrets(h);
	r->login->tries--;
	h->step = STEP_FIND_FAILED;
}

/* SCRAM (RFC 5802). */

static bool on_scram_first(struct receiver *r, struct str message, struct buf *out, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	struct scram_client_first m;
	struct str username, authzid;
	if (!scram_client_first_parse(message, &m) || !scram_name_parse(h->arena, m.username, &username) ||
		!scram_name_parse(h->arena, m.authzid, &authzid))
		return receiver_sasl_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	/* RFC 5802, 6: no channel binding is offered, so it cannot be asked for ("p"); "y" is a client that could. */
	if (m.binding == 'p')
		return receiver_sasl_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	if (!set_identity(r, h, username, authzid))
		return receiver_sasl_refuse(r, SASL_INVALID_AUTHZID, out, e);
	h->binding = base64_dup(h->arena, m.gs2);
	h->nonce = m.nonce;
	h->client_first_bare = m.bare;
	return ask_for_credentials(r, out, e);
}

static bool challenge(struct receiver *r, struct buf *out)
{
	struct handshake *h = r->login->handshake;
	char own[SCRAM_NONCE_BYTES];
	random_text(r->config->random, own, sizeof(own));
	h->nonce = arena_printf(h->arena, STR_FMT "%.*s", STR_ARG(h->nonce), (int)sizeof(own), own);
	struct str salt = base64_dup(h->arena, str_make(h->keys.salt, h->keys.salt_n));
	h->server_first = arena_printf(
		h->arena, "r=" STR_FMT ",s=" STR_FMT ",i=%u", STR_ARG(h->nonce), STR_ARG(salt), h->keys.iterations);
	write_data(out, "challenge", h->server_first);
	h->step = STEP_CHALLENGED;
	return false;
}

/* A proof of another length is as wrong as any. */
static bool read_proof(struct str base64, enum digest d, unsigned char *proof_r)
{
	unsigned char bytes[BASE64_LEN(DIGEST_BYTES_MAX)];
	size_t n = 0;
	memset(proof_r, 0, DIGEST_BYTES_MAX);
	if (base64.n != BASE64_LEN(digest_bytes(d)) || !base64_decode(base64, bytes, &n) || n != digest_bytes(d))
		return false;
	memcpy(proof_r, bytes, n);
	return true;
}

static bool on_scram_final(struct receiver *r, struct str message, struct buf *out, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	struct scram_client_final m;
	unsigned char proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX];
	if (!scram_client_final_parse(message, &m))
		return receiver_sasl_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	bool has_proof = read_proof(m.proof, h->digest, proof);
	struct str about = scram_auth_message(h->arena, h->client_first_bare, h->server_first, m.without_proof);
	bool is_right = scram_verify(h->digest, &h->keys, about, proof, signature);
	if (!has_proof || !is_right || !h->is_known || !str_eq(m.nonce, h->nonce) || !str_eq(m.binding, h->binding))
		return receiver_sasl_refuse(r, SASL_NOT_AUTHORIZED, out, e);
	struct str base64 = base64_dup(h->arena, str_make(signature, digest_bytes(h->digest)));
	return succeed(r, arena_printf(h->arena, "v=" STR_FMT, STR_ARG(base64)), out, e);
}

/* PLAIN (RFC 4616). */

static bool on_plain(struct receiver *r, struct str message, struct buf *out, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	struct sasl_plain m;
	h->message = message;
	if (!sasl_plain_parse(message, &m))
		return receiver_sasl_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	if (!set_identity(r, h, m.username, m.authzid))
		return receiver_sasl_refuse(r, SASL_INVALID_AUTHZID, out, e);
	h->is_prepared = saslprep(h->arena, m.password, &h->password) == 0;
	if (!h->is_prepared)
		h->password = m.password;
	return ask_for_credentials(r, out, e);
}

static bool ask_for_hash(struct receiver *r, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	h->step = STEP_HASHING;
	e->kind = RECEIVER_HASH;
	e->hash.digest = h->digest;
	e->hash.password = h->password;
	e->hash.salt = str_make(h->keys.salt, h->keys.salt_n);
	e->hash.iterations = h->keys.iterations;
	return true;
}

void receiver_hashed(struct receiver *r, const unsigned char *salted_password)
{
	struct handshake *h = r->login ? r->login->handshake : NULL;
	if (!h || h->step != STEP_HASHING)
		return;
	struct scram_keys k;
	size_t n = digest_bytes(h->digest);
	scram_keys_from_salted(&k, h->digest, salted_password);
	bool is_equal = ct_equal(str_make(k.stored_key, n), str_make(h->keys.stored_key, n));
	h->is_right = is_equal && h->is_known && h->is_prepared;
	secret_wipe(&k, sizeof(k));
	wipe_secrets(h);
	h->step = STEP_HASHED;
}

/* Going on. */

bool receiver_sasl_is_asking(const struct receiver *r)
{
	const struct handshake *h = r->login->handshake;
	return h && (h->step == STEP_FINDING || h->step == STEP_HASHING);
}

bool receiver_sasl_resume(struct receiver *r, struct buf *out, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	if (h && h->step == STEP_OVER) {
		receiver_sasl_free(r);
		h = NULL;
	}
	/* RFC 6120, 6.4.5: the condition SHOULD be policy-violation. */
	if (!h && r->login->tries >= r->config->tries)
		return receiver_fail(r, STREAM_POLICY_VIOLATION, "too many tries to log in", out, e);
	switch (h ? h->step : STEP_OVER) {
	case STEP_FIND_FAILED: return receiver_sasl_refuse(r, SASL_TEMPORARY_AUTH_FAILURE, out, e);
	case STEP_FOUND: return h->mechanism == SASL_PLAIN ? ask_for_hash(r, e) : challenge(r, out);
	case STEP_HASHED:
		if (!h->is_right)
			return receiver_sasl_refuse(r, SASL_NOT_AUTHORIZED, out, e);
		return succeed(r, STR(""), out, e);
	default: return false;
	}
}

/* Requests. */

unsigned receiver_sasl_mechanisms(const struct receiver *r)
{
	return r->config->mechanisms(r->config->ctx, receiver_host(r));
}

/* The data of an element (RFC 6120, 6.4.2: "=" stands for none). The copy in the tree is wiped. */
static enum sasl_failure read_data(struct handshake *h, const struct xml_node *element, struct str *data_r)
{
	if (xml_first(element))
		return SASL_MALFORMED_REQUEST;
	struct str text = xml_text(element, h->arena);
	*data_r = STR("");
	if (str_is_empty(text) || str_eq(text, STR("=")))
		return SASL_OK;
	size_t n;
	char *p = arena_alloc_bytes(h->arena, text.n);
	bool ok = base64_decode(text, p, &n);
	wipe(text);
	if (!ok)
		return SASL_INCORRECT_ENCODING;
	*data_r = str_make(p, n);
	return SASL_OK;
}

static bool on_first(struct receiver *r, const struct xml_node *element, struct buf *out, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	struct str data;
	enum sasl_failure failure = read_data(h, element, &data);
	if (failure != SASL_OK)
		return receiver_sasl_refuse(r, failure, out, e);
	return h->mechanism == SASL_PLAIN ? on_plain(r, data, out, e) : on_scram_first(r, data, out, e);
}

static bool on_auth(struct receiver *r, const struct xml_node *element, struct buf *out, struct receiver_event *e)
{
	enum sasl_mechanism m;
	receiver_sasl_free(r);
	if (!sasl_mechanism_parse(xml_attr(element, STR("mechanism")), &m) || !(receiver_sasl_mechanisms(r) & SASL_BIT(m)))
		return receiver_sasl_refuse(r, SASL_INVALID_MECHANISM, out, e);
	struct handshake *h = mem_zalloc(sizeof(*h));
	h->arena = arena_new(1024, 64 * (size_t)r->config->before->bytes + (64 << 10));
	h->mechanism = m;
	r->login->handshake = h;
	if (element->children)
		return on_first(r, element, out, e);
	/* Both kinds begin with the client: an empty challenge asks for it (RFC 4422, 5.1). */
	h->step = STEP_PROMPTED;
	write_data(out, "challenge", STR(""));
	return false;
}

static bool on_response(struct receiver *r, const struct xml_node *element, struct buf *out, struct receiver_event *e)
{
	struct handshake *h = r->login->handshake;
	if (!h)
		return receiver_sasl_refuse(r, SASL_MALFORMED_REQUEST, out, e);
	if (h->step == STEP_PROMPTED)
		return on_first(r, element, out, e);
	assert_always(h->step == STEP_CHALLENGED);
	struct str data;
	enum sasl_failure failure = read_data(h, element, &data);
	if (failure != SASL_OK)
		return receiver_sasl_refuse(r, failure, out, e);
	return on_scram_final(r, data, out, e);
}

bool receiver_sasl_element(struct receiver *r, const struct xml_node *root, struct buf *out, struct receiver_event *e)
{
	struct str name = xml_name(root);
	if (str_eq(name, STR("auth")))
		return on_auth(r, root, out, e);
	if (str_eq(name, STR("response")))
		return on_response(r, root, out, e);
	if (str_eq(name, STR("abort")))
		return receiver_sasl_refuse(r, SASL_ABORTED, out, e);
	return receiver_fail_unknown(r, root, out, e);
}
