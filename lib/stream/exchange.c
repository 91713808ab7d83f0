/* The steps of an exchange, the same for all mechanisms; see exchange.h.
 *
 *              exchange_prompt           message
 *         (new) ──────────────► PROMPTED ───────┐
 *           │                                   ▼ first             exchange_look_up
 *           └──────────── message ──────────────┴────────► READ ──────────────────────► FINDING
 *
 *         FINDING ── the answer ──► FOUND ── found: challenge ──► CHALLENGED ── message: next ──► the end
 *                                         ── found: a hash ──► HASHING ── the answer ──► HASHED ── hashed ──► the end
 *                                         ── found ──► the end: done, or failed
 *
 * What must not be seen from outside is whether an account exists (L2). So an unknown one gets keys derived from a
 * secret, or tokens that nobody has, and goes through the same steps and hashes; what is known about it is looked at in
 * the last comparison only. A name that no account can have is only different in that storage is not asked. */
#include "lib/stream/exchange.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/stream/scram.h"

static const struct exchange_mechanism *const mechanisms[SASL_MECHANISMS] = {
	[SASL_EXTERNAL] = &exchange_external,
	[SASL_SCRAM_SHA_512_PLUS] = &exchange_scram,
	[SASL_SCRAM_SHA_256_PLUS] = &exchange_scram,
	[SASL_SCRAM_SHA_1_PLUS] = &exchange_scram,
	[SASL_SCRAM_SHA_512] = &exchange_scram,
	[SASL_SCRAM_SHA_256] = &exchange_scram,
	[SASL_SCRAM_SHA_1] = &exchange_scram,
	[SASL_PLAIN] = &exchange_plain,
	[SASL_ANONYMOUS] = &exchange_anonymous,
	[SASL_HT_SHA_256_EXPR] = &exchange_token,
	[SASL_HT_SHA_256_ENDP] = &exchange_token,
	[SASL_HT_SHA_256_NONE] = &exchange_token,
};

struct exchange *exchange_new(const struct exchange_stream *s, enum sasl_mechanism m)
{
	struct exchange *x = mem_zalloc(sizeof(*x));
	x->stream = *s;
	x->arena = arena_new(1024, 64 * (size_t)s->config->before->bytes + (64 << 10));
	x->mechanism = m;
	x->ops = mechanisms[m];
	x->used = SASL_TOKEN_SLOTS;
	return x;
}

void exchange_wipe(struct str s)
{
	if (s.n)
		secret_wipe((void *)(uintptr_t)s.p, s.n);
}

static void wipe_secrets(struct exchange *x)
{
	exchange_wipe(x->message);
	exchange_wipe(x->password);
	/* Without a binding it could be sent again. */
	exchange_wipe(x->hash);
	x->message = x->password = x->hash = STR("");
	secret_wipe(&x->keys, sizeof(x->keys));
	secret_wipe(x->tokens, sizeof(x->tokens));
}

void exchange_free(struct exchange **pointer)
{
	struct exchange *x = *pointer;
	*pointer = NULL;
	if (!x)
		return;
	wipe_secrets(x);
	arena_free(&x->arena);
	mem_free(x);
}

void exchange_end(struct exchange *x)
{
	wipe_secrets(x);
	x->step = EXCHANGE_OVER;
}

size_t exchange_bytes(const struct exchange *x)
{
	return x ? sizeof(*x) + arena_bytes(x->arena) : 0;
}

struct exchange_result exchange_fail(enum sasl_failure failure)
{
	return (struct exchange_result){ .outcome = EXCHANGE_FAILED, .failure = failure };
}

static bool has_bit(const struct exchange *x, unsigned mask)
{
	return mask & SASL_BIT(x->mechanism);
}

bool exchange_is_by_password(const struct exchange *x)
{
	return has_bit(x, SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN));
}

/* Messages. */

struct exchange_result exchange_prompt(struct exchange *x)
{
	/* XEP-0175, 4: nobody waits for trace data. */
	if (x->mechanism == SASL_ANONYMOUS)
		return exchange_message(x, STR(""));
	/* All of them begin with the client: an empty challenge asks for it (RFC 4422, 5.1). */
	x->step = EXCHANGE_PROMPTED;
	return (struct exchange_result){ .outcome = EXCHANGE_CHALLENGE, .data = STR("") };
}

struct exchange_result exchange_message(struct exchange *x, struct str message)
{
	if (x->step == EXCHANGE_CHALLENGED)
		return x->ops->next(x, message);
	assert_always(x->step == EXCHANGE_PROMPTED);
	x->step = EXCHANGE_READ;
	return x->ops->first(x, message);
}

bool exchange_identify(struct exchange *x, struct str username, struct str authzid)
{
	const struct jid *jid;
	const char *why;
	x->username = username;
	if (jid_make(x->arena, username, x->stream.host, STR(""), &x->jid, &why))
		x->jid = NULL;
	if (!str_is_empty(authzid) && (jid_parse(x->arena, authzid, &jid, &why) || !x->jid || !jid_equal(jid, x->jid)))
		return false;
	return !x->stream.from || (x->jid && jid_equal(x->stream.from, x->jid));
}

/* The account. */

struct exchange_result exchange_look_up(struct exchange *x, struct receiver_event *e)
{
	bool is_token = has_bit(x, SASL_TOKEN_BITS);
	x->step = EXCHANGE_FINDING;
	if (!x->jid || (is_token && str_is_empty(x->stream.client))) {
		bool ok = is_token ? exchange_tokens(x, NULL) : exchange_credentials(x, NULL);
		assert_always(ok);
		return exchange_resume(x, e);
	}
	e->kind = is_token ? RECEIVER_FIND_TOKENS : RECEIVER_FIND_CREDENTIALS;
	e->username = jid_local(x->jid);
	e->host = x->stream.host;
	e->client = x->stream.client;
	return (struct exchange_result){ .outcome = EXCHANGE_ASKING };
}

/* Keys for nobody: the same salt for the same address at every try, and another one at another host: two hosts that agree would say that
 * the name is nobody's at either. Nobody knows a password for them. */
static void derive_keys(const struct exchange *x, enum digest d, struct scram_keys *k)
{
	const struct receiver_config *config = x->stream.config;
	struct str name = digest_name(d), username = x->jid ? jid_local(x->jid) : x->username, host = x->stream.host;
	unsigned char hash[DIGEST_BYTES_MAX];
	struct str about = arena_printf(x->arena, STR_FMT STR_FMT "@" STR_FMT, STR_ARG(name), STR_ARG(username), STR_ARG(host));
	digest_hmac(DIGEST_SHA256, config->fake_salt_secret, about, hash);
	*k = (struct scram_keys){ .iterations = config->fake_iterations, .salt_n = SCRAM_SALT_BYTES };
	memcpy(k->salt, hash, SCRAM_SALT_BYTES);
	secret_wipe(hash, sizeof(hash));
}

/* The keys that a password is compared with: those that are there, the ones every client's mechanisms like best first.
 */
static enum digest digest_for_plain(unsigned families)
{
	static const enum digest order[] = { DIGEST_SHA256, DIGEST_SHA512, DIGEST_SHA1 };
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (families & 1u << order[i])
			return order[i];
	}
	return DIGEST_SHA256;
}

bool exchange_credentials(struct exchange *x, const struct sasl_credentials *c)
{
	if (!x || x->step != EXCHANGE_FINDING || has_bit(x, SASL_TOKEN_BITS))
		return false;
	x->step = EXCHANGE_FOUND;
	x->is_known = c;
	for (size_t d = 0; c && d < DIGESTS; d++)
		x->families |= c->keys[d].is_set ? 1u << d : 0;
	if (!exchange_is_by_password(x))
		return true;
	x->digest = x->mechanism == SASL_PLAIN ? digest_for_plain(x->families) : scram_digest(x->mechanism);
	/* Made in any case, so that it takes the same time. */
	derive_keys(x, x->digest, &x->keys);
	const struct scram_keys *own = c ? &c->keys[x->digest] : NULL;
	x->is_known = own && own->is_set;
	if (x->is_known) {
		assert_always(own->iterations && own->salt_n && own->salt_n <= sizeof(own->salt));
		x->keys = *own;
	}
	return true;
}

bool exchange_tokens(struct exchange *x, const struct sasl_token *tokens)
{
	if (!x || x->step != EXCHANGE_FINDING || !has_bit(x, SASL_TOKEN_BITS))
		return false;
	x->step = EXCHANGE_FOUND;
	for (size_t i = 0; tokens && i < SASL_TOKEN_SLOTS; i++) {
		assert_always(tokens[i].n <= SASL_TOKEN_BYTES_MAX);
		x->tokens[i] = tokens[i];
	}
	return true;
}

bool exchange_hashed(struct exchange *x, const unsigned char *salted_password)
{
	if (!x || x->step != EXCHANGE_HASHING)
		return false;
	struct scram_keys k;
	size_t n = digest_bytes(x->digest);
	scram_keys_from_salted(&k, x->digest, salted_password);
	bool is_equal = ct_equal(str_make(k.stored_key, n), str_make(x->keys.stored_key, n));
	x->is_right = is_equal && x->is_known && x->is_prepared;
	secret_wipe(&k, sizeof(k));
	wipe_secrets(x);
	x->step = EXCHANGE_HASHED;
	return true;
}

bool exchange_break(struct exchange *x)
{
	if (!exchange_is_asking(x))
		return false;
	wipe_secrets(x);
	x->step = EXCHANGE_BROKEN;
	return true;
}

/* Going on. */

bool exchange_is_asking(const struct exchange *x)
{
	return x && (x->step == EXCHANGE_FINDING || x->step == EXCHANGE_HASHING);
}

bool exchange_can_resume(const struct exchange *x)
{
	return x && (x->step == EXCHANGE_FOUND || x->step == EXCHANGE_HASHED || x->step == EXCHANGE_BROKEN);
}

struct exchange_result exchange_resume(struct exchange *x, struct receiver_event *e)
{
	switch (x->step) {
	case EXCHANGE_FOUND: return x->ops->found(x, e);
	case EXCHANGE_HASHED: return x->ops->hashed(x);
	default: assert_always(x->step == EXCHANGE_BROKEN); return exchange_fail(SASL_TEMPORARY_AUTH_FAILURE);
	}
}
