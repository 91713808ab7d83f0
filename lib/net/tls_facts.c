/* What a login may know of the TLS connection below it: the data of the channel bindings, and the addresses in a client's
 * certificate. Both ends compute the bindings, and must agree to the byte. To add one: a constant in lib/stream/sasl.h, a
 * function here. */
#include "lib/net/tls_session.h"

#include "lib/xmpp/jid.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"
#define EXPORTER_BYTES 32
#define NAMES_MAX 64 /* of a certificate, that are looked at */
#define CHAIN_DEPTH_MAX 8
/* OpenSSL's measure: 112 bits, so RSA from 2,048 bits and no SHA-1. */
#define SECURITY_LEVEL 2

/* RFC 9266, 4.2: TLS 1.2 has it with the extended master secret only; without, one key can belong to two connections. */
static void set_exporter(SSL *s, struct sasl_binding_data *d)
{
	if (SSL_version(s) < TLS1_3_VERSION && SSL_get_extms_support(s) != 1)
		return;
	if (SSL_export_keying_material(s, d->bytes, EXPORTER_BYTES, EXPORTER_LABEL, sizeof(EXPORTER_LABEL) - 1, NULL, 0, 1) == 1)
		d->n = EXPORTER_BYTES;
}

/* RFC 5929, 4.1: the certificate under the hash function of its own signature, but SHA-256 for the two weak ones. A signature without
 * one hash function (EdDSA) leaves it undefined. */
static void set_end_point(SSL *s, const struct tls_context *t, struct sasl_binding_data *d)
{
	X509 *x = t->is_server ? SSL_get_certificate(s) : SSL_get0_peer_certificate(s);
	int nid = NID_undef;
	unsigned n = 0;
	if (!x || !X509_get_signature_info(x, &nid, NULL, NULL, NULL) || nid == NID_undef)
		return;
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	const EVP_MD *md = EVP_get_digestbynid(nid);
	if (md && (size_t)EVP_MD_get_size(md) <= sizeof(d->bytes) && X509_digest(x, md, d->bytes, &n) == 1)
		d->n = (uint8_t)n;
}

/* RFC 5929, 3.1: the first Finished of the handshake. There are no resumed sessions, so in TLS 1.2 that is the client's. TLS 1.3 does
 * not have this binding, but older libraries use it there, and take the client's too. */
static void set_unique(SSL *s, const struct tls_context *t, struct sasl_binding_data *d)
{
	size_t n = t->is_server ? SSL_get_peer_finished(s, d->bytes, sizeof(d->bytes))
				: SSL_get_finished(s, d->bytes, sizeof(d->bytes));
	if (n > 0 && n <= sizeof(d->bytes))
		d->n = (uint8_t)n;
}

/* Issued by one of those, for clients, valid now. */
static bool is_trusted(SSL *s, const struct tls_trust *t, X509 *leaf)
{
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	bool trusted = false;
	if (x && X509_STORE_CTX_init(x, t->store, leaf, SSL_get_peer_cert_chain(s)) &&
		X509_STORE_CTX_set_purpose(x, X509_PURPOSE_SSL_CLIENT)) {
		X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(x);
		X509_VERIFY_PARAM_set_time(p, (time_t)(clock_wall_ms(t->clock) / 1000));
		X509_VERIFY_PARAM_set_depth(p, CHAIN_DEPTH_MAX);
		X509_VERIFY_PARAM_set_auth_level(p, SECURITY_LEVEL);
		/* What stands in the file is trusted, whether or not what signed it does. */
		X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
		trusted = X509_verify_cert(x) == 1;
	}
	X509_STORE_CTX_free(x);
	return trusted;
}

/* id-on-xmppAddr (RFC 6120, 13.7.1.4), a bare JID; its normalised form. */
static bool take_address(const GENERAL_NAME *g, struct arena *a, struct str *address_r)
{
	if (g->type != GEN_OTHERNAME || OBJ_obj2nid(g->d.otherName->type_id) != NID_XmppAddr ||
		g->d.otherName->value->type != V_ASN1_UTF8STRING)
		return false;
	const ASN1_UTF8STRING *text = g->d.otherName->value->value.utf8string;
	struct str s = str_make(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
	const struct jid *jid;
	const char *why;
	if (s.n > JID_BYTES_MAX || jid_parse(a, s, &jid, &why) != 0 || !jid_is_bare(jid) || !jid->local_n)
		return false;
	*address_r = jid_bare(jid);
	return true;
}

static void set_addresses(SSL *s, const struct tls_trust *t, struct arena *a, struct sasl_tls *facts)
{
	X509 *leaf = SSL_get0_peer_certificate(s);
	if (!leaf || !is_trusted(s, t, leaf))
		return;
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	struct str *addresses = arena_zalloc(a, NAMES_MAX * sizeof(*addresses));
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_MAX; i++)
		if (take_address(sk_GENERAL_NAME_value(names, i), a, &addresses[facts->address_count]))
			facts->address_count++;
	facts->addresses = addresses;
	GENERAL_NAMES_free(names);
}

void tls_session_facts(
	SSL *s, const struct tls_context *t, const struct tls_trust *clients, struct arena *a, struct sasl_tls *facts_r)
{
	*facts_r = (struct sasl_tls){ .version = (unsigned)SSL_version(s) };
	set_exporter(s, &facts_r->bindings[SASL_TLS_EXPORTER]);
	set_end_point(s, t, &facts_r->bindings[SASL_TLS_SERVER_END_POINT]);
	set_unique(s, t, &facts_r->bindings[SASL_TLS_UNIQUE]);
	if (clients)
		set_addresses(s, clients, a, facts_r);
	ERR_clear_error(); /* what was refused above is nobody's error */
}
