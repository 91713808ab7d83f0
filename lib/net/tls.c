/* TLS contexts: what all connections of a listener, or of a client, share. The callbacks at the end run inside of
 * a handshake. */
#include "lib/net/tls.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/net/tls_session.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#define CIPHERS_1_2                                                                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"                   \
	"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384"

static int io_read(BIO *b, char *p, int n)
{
	struct tls_io *io = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	if (io->in.n == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	struct str part = str_first(io->in, (size_t)n);
	memcpy(p, part.p, part.n);
	io->in = str_from(io->in, part.n);
	return (int)part.n;
}

static int io_write(BIO *b, const char *p, int n)
{
	struct tls_io *io = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	buf_add(&io->out, str_make(p, (size_t)n));
	return buf_failed(&io->out) ? -1 : n;
}

static long io_ctrl(BIO *b, int command, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *new_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "linnet");
	assert_always(
		m && BIO_meth_set_read(m, io_read) && BIO_meth_set_write(m, io_write) && BIO_meth_set_ctrl(m, io_ctrl));
	return m;
}

static SSL_CTX *new_ctx(const SSL_METHOD *method)
{
	SSL_CTX *c = SSL_CTX_new(method);
	assert_always(c && SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) && SSL_CTX_set_max_proto_version(c, 0) &&
		SSL_CTX_set_cipher_list(c, CIPHERS_1_2) && SSL_CTX_set_ciphersuites(c, CIPHERS_1_3) &&
		SSL_CTX_set1_groups_list(c, GROUPS) && SSL_CTX_set_num_tickets(c, 0));
	SSL_CTX_set_options(c,
		SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
			SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(
		c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	return c;
}

static struct tls_context *context_new(bool is_server, const struct str *alpn, size_t alpn_count)
{
	struct tls_context *t = mem_zalloc(sizeof(*t));
	atomic_init(&t->references, 1);
	t->is_server = is_server;
	t->method = new_method();
	for (size_t i = 0; i < alpn_count; i++)
		t->alpn_bytes += 1 + alpn[i].n;
	unsigned char *p = t->alpn = mem_alloc(t->alpn_bytes);
	for (size_t i = 0; i < alpn_count; i++) {
		assert_always(alpn[i].n >= 1 && alpn[i].n <= 255);
		*p++ = (unsigned char)alpn[i].n;
		memcpy(p, alpn[i].p, alpn[i].n);
		p += alpn[i].n;
	}
	return t;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
	atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
	return t;
}

void tls_context_unref(struct tls_context **pointer)
{
	struct tls_context *t = *pointer;
	*pointer = NULL;
	if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < t->host_count; i++) {
		SSL_CTX_free(t->hosts[i].ctx);
		mem_free(t->hosts[i].name);
	}
	BIO_meth_free(t->method);
	mem_free(t->hosts);
	mem_free(t->alpn);
	mem_free(t);
}

static char *lower_case(const char *name)
{
	struct str s = str_from_c(name);
	char *p = mem_alloc(s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + ('a' - 'A') : s.p[i]);
	p[s.n] = 0;
	return p;
}

static int compare_hosts(const void *a, const void *b)
{
	const struct tls_host *x = a, *y = b;
	return str_cmp(str_from_c(x->name), str_from_c(y->name));
}

static SSL_CTX *find_host(const struct tls_context *t, const char *name)
{
	if (t->host_count == 0)
		return NULL;
	struct tls_host key = { .name = lower_case(name) };
	const struct tls_host *h = bsearch(&key, t->hosts, t->host_count, sizeof(key), compare_hosts);
	mem_free(key.name);
	return h ? h->ctx : NULL;
}

/* The context of a host, which is added if it is new. The hosts stay sorted. */
static SSL_CTX *host_ctx(struct tls_context *t, const char *name)
{
	SSL_CTX *c = find_host(t, name);
	if (c)
		return c;
	c = new_ctx(TLS_server_method());
	t->hosts = mem_resize(t->hosts, (t->host_count + 1) * sizeof(*t->hosts));
	t->hosts[t->host_count++] = (struct tls_host){ lower_case(name), c };
	qsort(t->hosts, t->host_count, sizeof(*t->hosts), compare_hosts);
	return c;
}

static BIO *open_pem(const char *file, struct str text)
{
	return file ? BIO_new_file(file, "r")
		    : BIO_new_mem_buf(text.n ? text.p : "", text.n < INT_MAX ? (int)text.n : 0);
}

/* OpenSSL would ask on the terminal. */
static int no_password(char *p, int n, int writing, void *ctx)
{
	(void)p;
	(void)n;
	(void)writing;
	(void)ctx;
	return -1;
}

static bool use_chain(SSL_CTX *c, BIO *pem)
{
	X509 *leaf = pem ? PEM_read_bio_X509_AUX(pem, NULL, no_password, NULL) : NULL;
	bool ok = leaf && SSL_CTX_use_certificate(c, leaf);
	X509_free(leaf);
	X509 *next;
	while (ok && (next = PEM_read_bio_X509(pem, NULL, no_password, NULL))) {
		ok = SSL_CTX_add0_chain_cert(c, next);
		if (!ok)
			X509_free(next);
	}
	/* The end of the file is an error, too. */
	if (ok && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	if (ok)
		ERR_clear_error();
	return ok;
}

static bool use_key(SSL_CTX *c, BIO *pem)
{
	EVP_PKEY *key = pem ? PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL) : NULL;
	bool ok = key && SSL_CTX_use_PrivateKey(c, key) && SSL_CTX_check_private_key(c);
	EVP_PKEY_free(key);
	return ok;
}

static int use_identity(SSL_CTX *c, const struct tls_identity *id, char *why, size_t why_bytes)
{
	char what[160];
	ERR_clear_error();
	BIO *pem = open_pem(id->certificate_file, id->certificate);
	bool ok = use_chain(c, pem);
	BIO_free(pem);
	snprintf(what, sizeof(what), "certificate %s", id->certificate_file ? id->certificate_file : id->host);
	if (ok) {
		pem = open_pem(id->key_file, id->key);
		ok = use_key(c, pem);
		BIO_free(pem);
		snprintf(what, sizeof(what), "key %s", id->key_file ? id->key_file : id->host);
	}
	if (!ok)
		tls_error_text(NULL, what, why, why_bytes);
	return ok ? 0 : -EINVAL;
}

static int on_alpn(
	SSL *s, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n, void *arg)
{
	const struct tls_context *t = arg;
	const struct tls_io *io = BIO_get_data(SSL_get_rbio(s));
	if (io->alpn == TLS_ALPN_IGNORED || t->alpn_bytes == 0)
		return SSL_TLSEXT_ERR_NOACK;
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, out_n, t->alpn, (unsigned)t->alpn_bytes, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int on_client_hello(SSL *s, int *alert, void *arg)
{
	(void)arg;
	const struct tls_io *io = BIO_get_data(SSL_get_rbio(s));
	const unsigned char *p;
	size_t n;
	if (io->alpn != TLS_ALPN_REQUIRED ||
		SSL_client_hello_get0_ext(s, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int on_server_name(SSL *s, int *alert, void *arg)
{
	(void)alert;
	const struct tls_context *t = arg;
	const char *name = SSL_get_servername(s, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *c = name ? find_host(t, name) : NULL;
	if (!c)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(s, c);
	return SSL_TLSEXT_ERR_OK;
}

/* Any certificate will do, where one is asked for: who believes it is tls_facts.c's business. */
static int on_client_certificate(X509_STORE_CTX *x, void *arg)
{
	(void)x;
	(void)arg;
	return 1;
}

static void set_callbacks(struct tls_context *t, SSL_CTX *c)
{
	SSL_CTX_set_client_hello_cb(c, on_client_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(c, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(c, t);
	SSL_CTX_set_alpn_select_cb(c, on_alpn, t);
	SSL_CTX_set_cert_verify_callback(c, on_client_certificate, NULL);
}

int tls_server_context_new(const struct tls_server_options *o, struct tls_context **t_r, char *why, size_t why_bytes)
{
	assert_always(o->identity_count > 0);
	struct tls_context *t = context_new(true, o->alpn, o->alpn_count);
	int r = 0;
	for (size_t i = 0; i < o->identity_count && r == 0; i++)
		r = use_identity(host_ctx(t, o->identities[i].host), &o->identities[i], why, why_bytes);
	if (r < 0) {
		tls_context_unref(&t);
		return r;
	}
	for (size_t i = 0; i < t->host_count; i++)
		set_callbacks(t, t->hosts[i].ctx);
	t->first = find_host(t, o->identities[0].host);
	*t_r = t;
	return 0;
}

static bool set_trust(SSL_CTX *c, const struct tls_client_options *o)
{
	SSL_CTX_set_verify(c, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (o->insecure)
		return true;
	if (!o->ca_file)
		return SSL_CTX_set_default_verify_paths(c);
	/* A server's own certificate may stand in the file as it is. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN);
	return SSL_CTX_load_verify_file(c, o->ca_file);
}

int tls_client_context_new(const struct tls_client_options *o, struct tls_context **t_r, char *why, size_t why_bytes)
{
	struct tls_context *t = context_new(false, o->alpn, o->alpn_count);
	t->clock = o->clock;
	t->first = new_ctx(TLS_client_method());
	t->hosts = mem_zalloc(sizeof(*t->hosts));
	t->hosts[0].ctx = t->first;
	t->host_count = 1;
	ERR_clear_error();
	if (!set_trust(t->first, o)) {
		char what[160];
		snprintf(what, sizeof(what), "trusted certificates %s", o->ca_file ? o->ca_file : "of the system");
		tls_error_text(NULL, what, why, why_bytes);
		tls_context_unref(&t);
		return -EINVAL;
	}
	if (o->identity && use_identity(t->first, o->identity, why, why_bytes) < 0) {
		tls_context_unref(&t);
		return -EINVAL;
	}
	*t_r = t;
	return 0;
}

int tls_trust_new(const char *file, const struct clock *clock, struct tls_trust **t_r, char *why, size_t why_bytes)
{
	struct tls_trust *t = mem_zalloc(sizeof(*t));
	t->clock = clock;
	t->store = X509_STORE_new();
	assert_always(t->store);
	ERR_clear_error();
	if (!X509_STORE_load_file(t->store, file)) {
		char what[160];
		snprintf(what, sizeof(what), "trusted certificates %s", file);
		tls_error_text(NULL, what, why, why_bytes);
		tls_trust_free(&t);
		return -EINVAL;
	}
	*t_r = t;
	return 0;
}

void tls_trust_free(struct tls_trust **pointer)
{
	struct tls_trust *t = *pointer;
	*pointer = NULL;
	if (!t)
		return;
	X509_STORE_free(t->store);
	mem_free(t);
}
