/* SCRAM (RFC 5802, RFC 7677), with channel binding and the two attributes that protect against downgrades (XEP-0474,
 * XEP-0515). */
#include "lib/stream/exchange.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"

/* RFC 5802, 6. What cannot be is refused before anybody is looked up: a name of a binding that is not ours or not
 * there, a binding in a mechanism without, none in one with. "y" is from a client that has seen no PLUS where we have
 * offered it: somebody took it away. */
static enum sasl_failure read_binding(struct exchange *x, const struct scram_client_first *m)
{
	const struct exchange_stream *s = &x->stream;
	bool is_plus = SASL_PLUS_BITS & SASL_BIT(x->mechanism);
	const struct sasl_binding_data *data = NULL;
	enum sasl_binding b;
	if ((m->binding == 'p') != is_plus)
		return SASL_MALFORMED_REQUEST;
	if (m->binding == 'y' && s->offered & SASL_PLUS_BITS)
		return SASL_NOT_AUTHORIZED;
	if (is_plus) {
		if (!sasl_binding_parse(m->binding_name, &b) || !s->tls->bindings[b].n)
			return SASL_MALFORMED_REQUEST;
		data = &s->tls->bindings[b];
	}
	x->binding = scram_binding_write(x->arena, m->gs2, data);
	return SASL_OK;
}

static struct exchange_result on_first(struct exchange *x, struct str message)
{
	struct scram_client_first m;
	struct str username, authzid;
	if (!scram_client_first_parse(message, &m) || !scram_name_parse(x->arena, m.username, &username) ||
		!scram_name_parse(x->arena, m.authzid, &authzid))
		return exchange_fail(SASL_MALFORMED_REQUEST);
	enum sasl_failure failure = read_binding(x, &m);
	if (failure != SASL_OK)
		return exchange_fail(failure);
	if (!exchange_identify(x, username, authzid))
		return exchange_fail(SASL_INVALID_AUTHZID);
	x->nonce = m.nonce;
	x->client_first_bare = m.bare;
	return (struct exchange_result){ .outcome = EXCHANGE_LOOK_UP };
}

/* What we have offered, as a client can check it (L3). */
static struct str hash_offer(const struct exchange *x)
{
	struct str mechanisms[SASL_MECHANISMS], bindings[SASL_BINDINGS];
	size_t m = sasl_mechanism_names(x->stream.offered, mechanisms),
	       b = sasl_binding_names(x->stream.bindings, bindings);
	return scram_list_hash(x->arena, x->digest, mechanisms, m, bindings, b);
}

static struct exchange_result challenge(struct exchange *x, struct receiver_event *e)
{
	(void)e;
	char own[SCRAM_NONCE_BYTES];
	random_text(x->stream.config->random, own, sizeof(own));
	x->nonce = arena_printf(x->arena, STR_FMT "%.*s", STR_ARG(x->nonce), (int)sizeof(own), own);
	unsigned version = x->stream.tls->version;
	x->server_first = scram_server_first_write(
		x->arena, &(struct scram_server_first){
				  .nonce = x->nonce,
				  .salt = base64_dup(x->arena, str_make(x->keys.salt, x->keys.salt_n)),
				  .iterations = x->keys.iterations,
				  .list_hash = hash_offer(x),
				  .tls_version = version ? scram_tls_version_write(x->arena, version) : STR(""),
			  });
	x->step = EXCHANGE_CHALLENGED;
	return (struct exchange_result){ .outcome = EXCHANGE_CHALLENGE, .data = x->server_first };
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

static struct exchange_result on_final(struct exchange *x, struct str message)
{
	struct scram_client_final m;
	unsigned char proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX];
	if (!scram_client_final_parse(message, &m))
		return exchange_fail(SASL_MALFORMED_REQUEST);
	bool has_proof = read_proof(m.proof, x->digest, proof);
	struct str about = scram_auth_message(x->arena, x->client_first_bare, x->server_first, m.without_proof);
	bool is_right = scram_verify(x->digest, &x->keys, about, proof, signature);
	bool is_bound = ct_equal(m.binding, x->binding);
	if (!has_proof || !is_right || !is_bound || !x->is_known || !str_eq(m.nonce, x->nonce))
		return exchange_fail(SASL_NOT_AUTHORIZED);
	struct str base64 = base64_dup(x->arena, str_make(signature, digest_bytes(x->digest)));
	return (struct exchange_result){
		.outcome = EXCHANGE_DONE,
		.data = arena_printf(x->arena, "v=" STR_FMT, STR_ARG(base64)),
	};
}

const struct exchange_mechanism exchange_scram = { .first = on_first, .found = challenge, .next = on_final };
