/* Names of mechanisms and failures, and the one message of PLAIN. A mechanism is added to the enum in sasl.h (its place
 * there is its rank), to the names here, to exchange.c and to initiator_sasl.c. */
#include "lib/stream/sasl.h"

#include "lib/base/utf8.h"

static const struct str mechanisms[SASL_MECHANISMS] = {
	[SASL_EXTERNAL] = STR_INIT("EXTERNAL"),
	[SASL_SCRAM_SHA_512_PLUS] = STR_INIT("SCRAM-SHA-512-PLUS"),
	[SASL_SCRAM_SHA_256_PLUS] = STR_INIT("SCRAM-SHA-256-PLUS"),
	[SASL_SCRAM_SHA_1_PLUS] = STR_INIT("SCRAM-SHA-1-PLUS"),
	[SASL_SCRAM_SHA_512] = STR_INIT("SCRAM-SHA-512"),
	[SASL_SCRAM_SHA_256] = STR_INIT("SCRAM-SHA-256"),
	[SASL_SCRAM_SHA_1] = STR_INIT("SCRAM-SHA-1"),
	[SASL_PLAIN] = STR_INIT("PLAIN"),
	[SASL_ANONYMOUS] = STR_INIT("ANONYMOUS"),
	[SASL_HT_SHA_256_EXPR] = STR_INIT("HT-SHA-256-EXPR"),
	[SASL_HT_SHA_256_ENDP] = STR_INIT("HT-SHA-256-ENDP"),
	[SASL_HT_SHA_256_NONE] = STR_INIT("HT-SHA-256-NONE"),
};

static const struct str bindings[SASL_BINDINGS] = {
	[SASL_TLS_EXPORTER] = STR_INIT("tls-exporter"),
	[SASL_TLS_SERVER_END_POINT] = STR_INIT("tls-server-end-point"),
	[SASL_TLS_UNIQUE] = STR_INIT("tls-unique"),
};

static const struct str failures[] = { [SASL_OK] = STR_INIT(""),
#define X(constant, element) [SASL_##constant] = STR_INIT(element),
	SASL_FAILURES(X)
#undef X
};

struct str sasl_mechanism_name(enum sasl_mechanism m)
{
	return mechanisms[m];
}

bool sasl_mechanism_parse(struct str name, enum sasl_mechanism *m_r)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
		if (str_eq(mechanisms[i], name)) {
			*m_r = (enum sasl_mechanism)i;
			return true;
		}
	}
	return false;
}

struct str sasl_binding_name(enum sasl_binding b)
{
	return bindings[b];
}

bool sasl_binding_parse(struct str name, enum sasl_binding *b_r)
{
	for (size_t i = 0; i < ARRAY_LEN(bindings); i++) {
		if (str_eq(bindings[i], name)) {
			*b_r = (enum sasl_binding)i;
			return true;
		}
	}
	return false;
}

static size_t names(const struct str *all, size_t count, unsigned mask, struct str *names_r)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (mask & 1u << i)
			names_r[n++] = all[i];
	}
	return n;
}

size_t sasl_mechanism_names(unsigned mask, struct str *names_r)
{
	return names(mechanisms, ARRAY_LEN(mechanisms), mask, names_r);
}

size_t sasl_binding_names(unsigned mask, struct str *names_r)
{
	return names(bindings, ARRAY_LEN(bindings), mask, names_r);
}

struct str sasl_failure_name(enum sasl_failure f)
{
	return failures[f];
}

enum sasl_failure sasl_failure_parse(struct str name)
{
	for (size_t i = SASL_OK + 1; i < ARRAY_LEN(failures); i++) {
		if (str_eq(failures[i], name))
			return (enum sasl_failure)i;
	}
	return SASL_NOT_AUTHORIZED;
}

bool sasl_plain_parse(struct str message, struct sasl_plain *plain_r)
{
	struct sasl_plain p;
	struct str rest = message;
	if (!utf8_is_valid(message) || !str_cut(&rest, '\0', &p.authzid) || !str_cut(&rest, '\0', &p.username))
		return false;
	p.password = rest;
	if (str_is_empty(p.username) || str_is_empty(p.password) || str_index(rest, '\0') < rest.n)
		return false;
	*plain_r = p;
	return true;
}
