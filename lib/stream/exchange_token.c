/* The mechanisms of tokens (XEP-0484, 5.1 and 6; lib/stream/ht.h). Both slots are tried and the answer is made whatever
 * is in them, with a token that nobody has where there is none (L2). */
#include "lib/stream/exchange.h"

#include "lib/stream/ht.h"

/* As long as those that are handed out; what counts is that both are one block of the hash. */
#define NO_TOKEN STR("0000000000000000000000000000000000000000000")

static struct exchange_result on_first(struct exchange *x, struct str message)
{
	struct ht_message m;
	if (!ht_parse(message, &m))
		return exchange_fail(SASL_MALFORMED_REQUEST);
	if (!exchange_identify(x, m.username, STR("")))
		return exchange_fail(SASL_INVALID_AUTHZID);
	x->hash = m.hash;
	return (struct exchange_result){ .outcome = EXCHANGE_LOOK_UP };
}

static struct str token_bytes(const struct sasl_token *t)
{
	return t->n ? str_make(t->bytes, t->n) : NO_TOKEN;
}

static struct exchange_result on_found(struct exchange *x, struct receiver_event *e)
{
	(void)e;
	enum sasl_binding b = ht_binding(x->mechanism);
	const struct sasl_binding_data *binding = b == SASL_BINDINGS ? NULL : &x->stream.tls->bindings[b];
	unsigned char hash[HT_HASH_BYTES];
	bool is_expired = false;
	for (enum sasl_token_slot slot = 0; slot < SASL_TOKEN_SLOTS; slot++) {
		const struct sasl_token *t = &x->tokens[slot];
		ht_initiator_hash(token_bytes(t), binding, hash);
		bool is_equal = ct_equal(x->hash, str_make(hash, sizeof(hash)));
		if (is_equal && t->n && t->mechanism == x->mechanism && x->used == SASL_TOKEN_SLOTS) {
			x->used = slot;
			is_expired = t->is_expired;
		}
	}
	size_t chosen = x->used == SASL_TOKEN_SLOTS ? SASL_TOKEN_CURRENT : x->used;
	ht_responder_hash(token_bytes(&x->tokens[chosen]), binding, hash);
	if (x->used == SASL_TOKEN_SLOTS)
		return exchange_fail(SASL_NOT_AUTHORIZED);
	if (is_expired)
		return exchange_fail(SASL_CREDENTIALS_EXPIRED);
	return (struct exchange_result){
		.outcome = EXCHANGE_DONE,
		.data = arena_dup(x->arena, str_make(hash, sizeof(hash))),
	};
}

const struct exchange_mechanism exchange_token = { .first = on_first, .found = on_found };
