/* The two mechanisms without a secret: EXTERNAL, where TLS has shown already who the client is (RFC 4422, A; XEP-0178,
 * 2), and ANONYMOUS, where it is nobody (RFC 4505; XEP-0175). */
#include "lib/stream/exchange.h"

#include "lib/base/base64.h"

#define UUID_BYTES 16
#define UUID_HEX   (2 * UUID_BYTES)

/* The address in the certificate that is meant when the client does not say: the only one of an account here (XEP-0178,
 * 2, step 11). False if there are several. */
static bool find_only_address(const struct exchange *x, const struct jid **jid_r)
{
	const struct receiver_config *config = x->stream.config;
	const struct sasl_tls *tls = x->stream.tls;
	const struct jid *only = NULL, *jid;
	const char *why;
	for (size_t i = 0; i < tls->address_count; i++) {
		if (jid_parse(x->arena, tls->addresses[i], &jid, &why) ||
			!config->is_host(config->ctx, jid_domain(jid)))
			continue;
		if (only && !jid_equal(only, jid))
			return false;
		only = jid;
	}
	*jid_r = only;
	return only;
}

/* The one that the client has chosen. */
static bool find_address(const struct exchange *x, struct str authzid, const struct jid **jid_r)
{
	const struct sasl_tls *tls = x->stream.tls;
	const char *why;
	if (jid_parse(x->arena, authzid, jid_r, &why))
		return false;
	for (size_t i = 0; i < tls->address_count; i++) {
		if (str_eq(tls->addresses[i], jid_full(*jid_r)))
			return true;
	}
	return false;
}

static struct exchange_result on_authzid(struct exchange *x, struct str authzid)
{
	const struct jid *jid;
	bool has_address = str_is_empty(authzid) ? find_only_address(x, &jid) : find_address(x, authzid, &jid);
	/* The host of the stream is the one that is logged in to. */
	if (!has_address || !exchange_identify(x, jid_local(jid), jid_full(jid)))
		return exchange_fail(SASL_INVALID_AUTHZID);
	return (struct exchange_result){ .outcome = EXCHANGE_LOOK_UP };
}

static struct exchange_result on_found(struct exchange *x, struct receiver_event *e)
{
	(void)e;
	if (!x->is_known)
		return exchange_fail(SASL_NOT_AUTHORIZED);
	return (struct exchange_result){ .outcome = EXCHANGE_DONE };
}

const struct exchange_mechanism exchange_external = { .first = on_authzid, .found = on_found };

/* RFC 9562, 5.4 */
static struct str make_uuid(struct exchange *x)
{
	unsigned char bytes[UUID_BYTES];
	char hex[UUID_HEX];
	random_fill(x->stream.config->random, bytes, sizeof(bytes));
	bytes[6] = (unsigned char)(0x40 | (bytes[6] & 0x0f));
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
	hex_encode(str_make(bytes, sizeof(bytes)), hex);
	return arena_printf(x->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* XEP-0175, 3. The trace data is not looked at, and neither is whom a header says it is from: nobody knows yet. */
static struct exchange_result on_trace(struct exchange *x, struct str trace)
{
	(void)trace;
	x->stream.from = NULL;
	if (!exchange_identify(x, make_uuid(x), STR("")) || !x->jid)
		return exchange_fail(SASL_TEMPORARY_AUTH_FAILURE);
	return (struct exchange_result){ .outcome = EXCHANGE_DONE };
}

const struct exchange_mechanism exchange_anonymous = { .first = on_trace };
