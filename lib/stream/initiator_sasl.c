/* Logging in (RFC 6120, 6) from the side of the client.
 *
 *                              <challenge/>: on_server_first       initiator_hashed
 *         SCRAM ──► CHALLENGE ──────────────────────────► HASHING ──────────────────► HASHED ──► SIGNATURE
 *                                                                    initiator_sasl_resume: <response/>
 *         SIGNATURE ── <success/> with the right signature ──► logged in
 *                   ── <challenge/> with it, <response/> ──► SUCCESS ── <success/> ──► logged in
 *         PLAIN ──► SUCCESS
 *
 * The server has to prove that it knows the keys before we believe in its success (RFC 5802, 5). One failure is the
 * end: whoever drives this decides about another try, with another mechanism or another password. */
#include "lib/stream/initiator_impl.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/stream/scram.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/saslprep.h"

#define GS2_HEADER "n,,"

struct proof {
	struct arena *arena;
	enum sasl_mechanism mechanism;
	struct str password; /* prepared */
	struct str nonce, client_first_bare, server_first, without_proof;
	unsigned char proof[DIGEST_BYTES_MAX];
	unsigned char signature[DIGEST_BYTES_MAX]; /* what the server has to send */
};

static void wipe(struct str s)
{
	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
}

void initiator_sasl_free(struct initiator *i)
{
	struct proof *p = i->proof;
	i->proof = NULL;
	if (!p)
		return;
	if (p->password.p != i->config->password.p)
		wipe(p->password);
	arena_free(&p->arena);
	secret_wipe(p, sizeof(*p));
	mem_free(p);
}

/* <name attribute>base64</name> */
static void write_data(struct buf *out, const char *name, struct str mechanism, struct str data)
{
	buf_printf(out, "<%s", name);
	xml_write_attr(out, STR("xmlns"), NS_SASL);
	if (!str_is_empty(mechanism))
		xml_write_attr(out, STR("mechanism"), mechanism);
	if (str_is_empty(data)) {
		buf_lit(out, "/>");
		return;
	}
	buf_lit(out, ">");
	base64_add(out, data);
	buf_printf(out, "</%s>", name);
}

/* The server is not what it should be. */
static bool abort_login(struct initiator *i, const char *why, struct buf *out, struct initiator_event *e)
{
	write_data(out, "abort", STR(""), STR(""));
	return initiator_give_up(i, why, out, e);
}

/* The first message. */

static void begin_scram(struct initiator *i, struct buf *out)
{
	struct proof *p = i->proof;
	char nonce[SCRAM_NONCE_BYTES];
	random_text(i->config->random, nonce, sizeof(nonce));
	p->nonce = arena_dup(p->arena, str_make(nonce, sizeof(nonce)));
	/* RFC 6120, 6.3.7: the name is the localpart. */
	struct str name = scram_name_write(p->arena, jid_local(i->config->jid));
	struct str first =
		arena_printf(p->arena, GS2_HEADER "n=" STR_FMT ",r=" STR_FMT, STR_ARG(name), STR_ARG(p->nonce));
	p->client_first_bare = str_from(first, sizeof(GS2_HEADER) - 1);
	write_data(out, "auth", sasl_mechanism_name(p->mechanism), first);
	i->state = STATE_CHALLENGE;
}

static void begin_plain(struct initiator *i, struct buf *out)
{
	struct proof *p = i->proof;
	struct str name = jid_local(i->config->jid);
	size_t n = 2 + name.n + p->password.n;
	char *message = arena_alloc_bytes(p->arena, n);
	message[0] = message[1 + name.n] = '\0';
	memcpy(message + 1, name.p, name.n);
	memcpy(message + 2 + name.n, p->password.p, p->password.n);
	write_data(out, "auth", sasl_mechanism_name(SASL_PLAIN), str_make(message, n));
	secret_wipe(message, n);
	i->state = STATE_SUCCESS;
}

#define KNOWN (SASL_SCRAM_BITS & ~SASL_PLUS_BITS) | SASL_BIT(SASL_PLAIN)

/* Our order counts, not the server's (RFC 6120, 6.3.3). */
static bool choose(
	const struct initiator *i, const struct xml_node *features, struct arena *a, enum sasl_mechanism *m_r)
{
	const struct xml_node *offer = xml_child(features, NS_SASL, STR("mechanisms"));
	enum sasl_mechanism best = SASL_MECHANISMS, m;
	for (const struct xml_node *one = offer ? xml_first(offer) : NULL; one; one = xml_next(one)) {
		if (xml_is(one, NS_SASL, STR("mechanism")) && sasl_mechanism_parse(xml_text(one, a), &m) && m < best &&
			i->config->mechanisms & (KNOWN) & SASL_BIT(m))
			best = m;
	}
	*m_r = best;
	return best != SASL_MECHANISMS;
}

bool initiator_sasl_begin(
	struct initiator *i, const struct xml_node *features, struct buf *out, struct initiator_event *e)
{
	struct proof *p = mem_zalloc(sizeof(*p));
	p->arena = arena_new(1024, SIZE_MAX / 2);
	i->proof = p;
	if (!choose(i, features, p->arena, &p->mechanism)) {
		if (xml_child(features, NS_TLS, STR("starttls")))
			return initiator_give_up(i, "the server lets nobody log in without TLS", out, e);
		return initiator_give_up(i, "the server offers no mechanism that we may use", out, e);
	}
	if (saslprep(p->arena, i->config->password, &p->password))
		return initiator_give_up(i, "the password has characters that none can have", out, e);
	if (p->mechanism == SASL_PLAIN)
		begin_plain(i, out);
	else
		begin_scram(i, out);
	return false;
}

/* The exchange. */

static bool read_data(struct initiator *i, const struct xml_node *element, struct str *data_r)
{
	struct arena *a = i->proof->arena;
	struct str text = xml_text(element, a);
	size_t n;
	*data_r = STR("");
	if (str_is_empty(text) || str_eq(text, STR("=")))
		return true;
	char *p = arena_alloc_bytes(a, text.n);
	if (!base64_decode(text, p, &n))
		return false;
	*data_r = str_make(p, n);
	return true;
}

/* RFC 5802, 5.1: the nonce begins with ours. Few iterations would make the password cheap to guess for the server, or
 * for who plays it; very many would keep us busy (RFC 5802, 9). */
static bool on_server_first(struct initiator *i, struct str message, struct buf *out, struct initiator_event *e)
{
	struct proof *p = i->proof;
	struct scram_server_first m;
	if (!scram_server_first_parse(message, &m))
		return abort_login(i, "the server's challenge is malformed", out, e);
	if (!str_has_prefix(m.nonce, p->nonce) || m.nonce.n == p->nonce.n)
		return abort_login(i, "the server's nonce does not continue ours", out, e);
	if (m.iterations < SCRAM_ITERATIONS_MIN)
		return abort_login(i, "the server asks for too few iterations", out, e);
	if (m.iterations > i->config->iterations_max)
		return abort_login(i, "the server asks for too many iterations", out, e);
	char *salt = arena_alloc_bytes(p->arena, m.salt.n);
	size_t n;
	if (!base64_decode(m.salt, salt, &n))
		return abort_login(i, "the server's salt is malformed", out, e);
	p->server_first = message;
	p->nonce = m.nonce;
	i->state = STATE_HASHING;
	e->kind = INITIATOR_HASH;
	e->hash.digest = scram_digest(p->mechanism);
	e->hash.password = p->password;
	e->hash.salt = str_make(salt, n);
	e->hash.iterations = m.iterations;
	return true;
}

void initiator_hashed(struct initiator *i, const unsigned char *salted_password)
{
	struct proof *p = i->proof;
	if (i->state != STATE_HASHING)
		return;
	struct str binding = base64_dup(p->arena, STR(GS2_HEADER));
	p->without_proof = arena_printf(p->arena, "c=" STR_FMT ",r=" STR_FMT, STR_ARG(binding), STR_ARG(p->nonce));
	struct str about = scram_auth_message(p->arena, p->client_first_bare, p->server_first, p->without_proof);
	scram_prove(scram_digest(p->mechanism), salted_password, about, p->proof, p->signature);
	i->state = STATE_HASHED;
}

void initiator_sasl_resume(struct initiator *i, struct buf *out)
{
	struct proof *p = i->proof;
	struct str proof = base64_dup(p->arena, str_make(p->proof, digest_bytes(scram_digest(p->mechanism))));
	struct str message = arena_printf(p->arena, STR_FMT ",p=" STR_FMT, STR_ARG(p->without_proof), STR_ARG(proof));
	write_data(out, "response", STR(""), message);
	i->state = STATE_SIGNATURE;
}

static bool is_signed(struct initiator *i, struct str message)
{
	struct proof *p = i->proof;
	size_t n = digest_bytes(scram_digest(p->mechanism)), got;
	unsigned char bytes[BASE64_LEN(DIGEST_BYTES_MAX)];
	struct str base64;
	return scram_server_final_parse(message, &base64) && base64.n == BASE64_LEN(n) &&
	       base64_decode(base64, bytes, &got) && ct_equal(str_make(bytes, got), str_make(p->signature, n));
}

static bool on_challenge(struct initiator *i, struct str data, struct buf *out, struct initiator_event *e)
{
	if (i->state == STATE_CHALLENGE)
		return on_server_first(i, data, out, e);
	if (i->state != STATE_SIGNATURE)
		return abort_login(i, "the server sent a challenge out of place", out, e);
	/* RFC 6120, 6.3.10: the last message may come as a challenge, too. */
	if (!is_signed(i, data))
		return abort_login(i, "the server did not prove that it knows the password", out, e);
	write_data(out, "response", STR(""), STR(""));
	i->state = STATE_SUCCESS;
	return false;
}

static bool on_success(struct initiator *i, struct str data, struct buf *out, struct initiator_event *e)
{
	if (i->state == STATE_CHALLENGE || (i->state == STATE_SIGNATURE && !is_signed(i, data)))
		return initiator_give_up(i, "the server did not prove that it knows the password", out, e);
	e->kind = INITIATOR_LOGGED_IN;
	e->mechanism = i->proof->mechanism;
	initiator_sasl_free(i);
	reader_restart(&i->reader);
	i->is_logged_in = true;
	i->is_open = false;
	i->state = STATE_START;
	return true;
}

/* RFC 6120, 6.5 */
static bool on_failure(struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	struct str text = STR("");
	enum sasl_failure failure = SASL_OK;
	struct arena *a = arena_new(256, SIZE_MAX / 2);
	XML_FOR_EACH_CHILD(child, root)
	{
		if (xml_is(child, NS_SASL, STR("text")))
			text = xml_text(child, a);
		else if (failure == SASL_OK)
			failure = sasl_failure_parse(xml_name(child));
	}
	initiator_give_up(i, "the server refused the login", out, e);
	e->failure = failure == SASL_OK ? SASL_NOT_AUTHORIZED : failure;
	initiator_quote(i, text, e);
	arena_free(&a);
	return true;
}

bool initiator_sasl_element(
	struct initiator *i, const struct xml_node *root, struct buf *out, struct initiator_event *e)
{
	struct str data;
	bool is_challenge = xml_is(root, NS_SASL, STR("challenge")), is_success = xml_is(root, NS_SASL, STR("success"));
	if (xml_is(root, NS_SASL, STR("failure")))
		return on_failure(i, root, out, e);
	if (!is_challenge && !is_success)
		return initiator_fail(
			i, STREAM_UNSUPPORTED_STANZA_TYPE, "an element that has no place in a login", out, e);
	if (!read_data(i, root, &data))
		return abort_login(i, "the server's base64 is malformed", out, e);
	return is_challenge ? on_challenge(i, data, out, e) : on_success(i, data, out, e);
}
