/* SASL-HT: its one message each way. See ht.h. */
#include "lib/stream/ht.h"

#include "lib/base/fault.h"
#include "lib/base/utf8.h"

#define LABEL_BYTES 9

enum sasl_binding ht_binding(enum sasl_mechanism m)
{
	switch (m) {
	case SASL_HT_SHA_256_EXPR: return SASL_TLS_EXPORTER;
	case SASL_HT_SHA_256_ENDP: return SASL_TLS_SERVER_END_POINT;
	default: assert_always(m == SASL_HT_SHA_256_NONE); return SASL_BINDINGS;
	}
}

static void hash(struct str token, const char *label, const struct sasl_binding_data *binding, unsigned char *hash_r)
{
	unsigned char about[LABEL_BYTES + DIGEST_BYTES_MAX];
	size_t n = binding ? binding->n : 0;
	assert_always(n <= DIGEST_BYTES_MAX);
	memcpy(about, label, LABEL_BYTES);
	if (n)
		memcpy(about + LABEL_BYTES, binding->bytes, n);
	digest_hmac(DIGEST_SHA256, token, str_make(about, LABEL_BYTES + n), hash_r);
}

void ht_initiator_hash(struct str token, const struct sasl_binding_data *binding, unsigned char *hash_r)
{
	hash(token, "Initiator", binding, hash_r);
}

void ht_responder_hash(struct str token, const struct sasl_binding_data *binding, unsigned char *hash_r)
{
	hash(token, "Responder", binding, hash_r);
}

struct str ht_write(struct arena *a, struct str username, struct str token, const struct sasl_binding_data *binding)
{
	char *p = arena_alloc_bytes(a, username.n + 1 + HT_HASH_BYTES);
	memcpy(p, username.p, username.n);
	p[username.n] = '\0';
	ht_initiator_hash(token, binding, (unsigned char *)p + username.n + 1);
	return str_make(p, username.n + 1 + HT_HASH_BYTES);
}

bool ht_parse(struct str message, struct ht_message *m_r)
{
	struct ht_message m = { .hash = message };
	if (!str_cut(&m.hash, '\0', &m.username) || str_is_empty(m.username) || !utf8_is_valid(m.username))
		return false;
	*m_r = m;
	return true;
}
