/* TLS on one connection: OpenSSL over a BIO that knows two things, the ciphertext that has just been read and the
 * buffer for what is to be written. */
#include "lib/net/tls_session.h"

#include "lib/base/fault.h"
#include "lib/net/address.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* What a client may show: a certificate and a few that signed it. */
#define CLIENT_CHAIN_BYTES_MAX 32768

/* Certificate names are compared with the host, and dates with our clock: RFC 9525; docs/SECURITY.md, A4. */
static bool set_peer(SSL *s, const struct tls_context *t, const char *host)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(s);
	X509_VERIFY_PARAM_set_time(p, (time_t)(clock_wall_ms(t->clock) / 1000));
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	struct net_address a;
	if (net_address_make(str_from_c(host), 0, &a))
		return X509_VERIFY_PARAM_set1_ip(p, a.ip, a.family == NET_IPV4 ? 4 : 16);
	return SSL_set_tlsext_host_name(s, host) && X509_VERIFY_PARAM_set1_host(p, host, 0);
}

/* NULL if there is no memory for it. */
static SSL *new_over(const struct tls_context *t, struct tls_io *io)
{
	SSL *s = SSL_new(t->first);
	BIO *b = s ? BIO_new(t->method) : NULL;
	if (!b) {
		SSL_free(s);
		return NULL;
	}
	BIO_set_init(b, 1);
	BIO_set_data(b, io);
	SSL_set_bio(s, b, b);
	return s;
}

SSL *tls_session_new(const struct tls_use *use, struct tls_io *io, char *why)
{
	const struct tls_context *t = use->context;
	ERR_clear_error();
	SSL *s = new_over(t, io);
	if (!s) {
		tls_error_text(NULL, "TLS", why, TLS_WHY_BYTES);
		return NULL;
	}
	if (t->is_server) {
		SSL_set_accept_state(s);
		if (use->clients) {
			SSL_set_verify(s, SSL_VERIFY_PEER, NULL);
			SSL_set_max_cert_list(s, CLIENT_CHAIN_BYTES_MAX);
		}
		return s;
	}
	bool is_set = true;
	SSL_set_connect_state(s);
	if (use->alpn != TLS_ALPN_IGNORED && t->alpn_bytes)
		is_set = SSL_set_alpn_protos(s, t->alpn, (unsigned)t->alpn_bytes) == 0;
	if (is_set && use->host && *use->host && set_peer(s, t, use->host))
		return s;
	snprintf(why, TLS_WHY_BYTES, "not a name that a certificate can have: '%s'", use->host ? use->host : "");
	ERR_clear_error();
	SSL_free(s);
	return NULL;
}

void tls_session_bind(SSL *s, struct tls_io *io)
{
	BIO_set_data(SSL_get_rbio(s), io);
}

void tls_session_free(SSL *s)
{
	SSL_free(s);
}

/* The error of a call that returned r <= 0. */
static enum tls_result result_of(const SSL *s, int r, const char *what, char *why)
{
	switch (SSL_get_error(s, r)) {
	case SSL_ERROR_WANT_READ: return TLS_WANT;
	case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
	default: tls_error_text(s, what, why, TLS_WHY_BYTES); return TLS_BROKEN;
	}
}

static bool has_alpn(const SSL *s)
{
	const unsigned char *p;
	unsigned n = 0;
	SSL_get0_alpn_selected(s, &p, &n);
	return n > 0;
}

enum tls_result tls_session_handshake(SSL *s, struct tls_io *io, char *why)
{
	ERR_clear_error();
	int r = SSL_do_handshake(s);
	if (r <= 0) {
		enum tls_result result = result_of(s, r, "TLS handshake", why);
		/* OpenSSL keeps a message of up to 128 KiB until it is complete: too much for somebody unknown. */
		if (result != TLS_WANT || BIO_number_read(SSL_get_rbio(s)) <= TLS_HANDSHAKE_BYTES_MAX)
			return result;
		snprintf(why, TLS_WHY_BYTES, "TLS handshake: more than %d bytes", TLS_HANDSHAKE_BYTES_MAX);
		return TLS_BROKEN;
	}
	if (io->alpn == TLS_ALPN_REQUIRED && !has_alpn(s)) {
		snprintf(why, TLS_WHY_BYTES, "TLS handshake: the peer agreed on no protocol (ALPN)");
		return TLS_BROKEN;
	}
	return TLS_DONE;
}

enum tls_result tls_session_read(SSL *s, char *p, size_t n, size_t *got_r, char *why)
{
	ERR_clear_error();
	*got_r = 0;
	int r = SSL_read_ex(s, p, n, got_r);
	return r > 0 ? TLS_DONE : result_of(s, r, "TLS", why);
}

enum tls_result tls_session_write(SSL *s, struct str data, char *why)
{
	while (data.n) {
		size_t written = 0;
		ERR_clear_error();
		int r = SSL_write_ex(s, data.p, data.n, &written);
		if (r <= 0) {
			/* The BIO takes all it is given, so this is no matter of trying again. */
			tls_error_text(s, "TLS", why, TLS_WHY_BYTES);
			return TLS_BROKEN;
		}
		data = str_from(data, written);
	}
	return TLS_DONE;
}

void tls_session_end(SSL *s)
{
	ERR_clear_error();
	(void)SSL_shutdown(s);
	ERR_clear_error();
}

void tls_session_info(const SSL *s, struct tls_info *info_r)
{
	const unsigned char *p = NULL;
	unsigned n = 0;
	SSL_get0_alpn_selected(s, &p, &n);
	*info_r = (struct tls_info){
		.version = SSL_get_version(s),
		.cipher = SSL_get_cipher_name(s),
		.alpn = str_make(p, n),
		.server_name = str_from_c(SSL_get_servername(s, TLSEXT_NAMETYPE_host_name)),
	};
}
