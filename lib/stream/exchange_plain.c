/* PLAIN (RFC 4616): the password itself, which is hashed off the worker and wiped as soon as that is done. */
#include "lib/stream/exchange.h"

#include "lib/xmpp/saslprep.h"

static struct exchange_result on_first(struct exchange *x, struct str message)
{
	struct sasl_plain m;
	x->message = message;
	if (!sasl_plain_parse(message, &m))
		return exchange_fail(SASL_MALFORMED_REQUEST);
	if (!exchange_identify(x, m.username, m.authzid))
		return exchange_fail(SASL_INVALID_AUTHZID);
	/* One that nobody can have is hashed too, and wrong. */
	x->is_prepared = saslprep(x->arena, m.password, &x->password) == 0;
	if (!x->is_prepared)
		x->password = m.password;
	return (struct exchange_result){ .outcome = EXCHANGE_LOOK_UP };
}

static struct exchange_result ask_for_hash(struct exchange *x, struct receiver_event *e)
{
	x->step = EXCHANGE_HASHING;
	e->kind = RECEIVER_HASH;
	e->hash.digest = x->digest;
	e->hash.password = x->password;
	e->hash.salt = str_make(x->keys.salt, x->keys.salt_n);
	e->hash.iterations = x->keys.iterations;
	return (struct exchange_result){ .outcome = EXCHANGE_ASKING };
}

static struct exchange_result on_hashed(struct exchange *x)
{
	if (!x->is_right)
		return exchange_fail(SASL_NOT_AUTHORIZED);
	return (struct exchange_result){ .outcome = EXCHANGE_DONE };
}

const struct exchange_mechanism exchange_plain = { .first = on_first, .found = ask_for_hash, .hashed = on_hashed };
