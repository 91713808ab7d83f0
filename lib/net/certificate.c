/* The certificate that a server without one makes for itself on its first start. */
#include "lib/base/fault.h"
#include "lib/net/tls.h"
#include "lib/net/tls_session.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERIAL_BYTES 16
#define DAY_S 86400
/* For clients whose clock is behind. */
#define BEFORE_S DAY_S

static bool set_times(X509 *x, const struct tls_self_signed *s)
{
	int64_t now = clock_wall_ms(s->clock) / 1000;
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)(now - BEFORE_S));
	ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(now + (int64_t)s->days * DAY_S));
	bool ok = from && until && X509_set1_notBefore(x, from) && X509_set1_notAfter(x, until);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return ok;
}

static bool set_serial(X509 *x, const struct tls_self_signed *s)
{
	unsigned char bytes[SERIAL_BYTES];
	random_fill(s->random, bytes, sizeof(bytes));
	/* Positive, and not 0. */
	bytes[0] = (bytes[0] & 0x3f) | 0x40;
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

/* Nobody reads it (RFC 9525), but it is shown to people. A common name holds 64 bytes. */
static bool set_names(X509 *x, const char *host)
{
	const char *cn = strlen(host) <= 64 ? host : "Linnet";
	X509_NAME *name = X509_get_subject_name(x);
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) &&
		X509_set_issuer_name(x, name);
}

static bool add_host(GENERAL_NAMES *names, const char *host)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool ok = g && text && ASN1_STRING_set(text, host, -1) && sk_GENERAL_NAME_push(names, g);
	if (ok) {
		GENERAL_NAME_set0_value(g, GEN_DNS, text);
		return true;
	}
	GENERAL_NAME_free(g);
	ASN1_IA5STRING_free(text);
	return false;
}

static bool set_hosts(X509 *x, const struct tls_self_signed *s)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool ok = names != NULL;
	for (size_t i = 0; i < s->host_count && ok; i++)
		ok = add_host(names, s->hosts[i]);
	ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
	GENERAL_NAMES_free(names);
	return ok;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	bool ok = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key, const struct tls_self_signed *s)
{
	return X509_set_version(x, X509_VERSION_3) && set_serial(x, s) && set_times(x, s) &&
		set_names(x, s->hosts[0]) && X509_set_pubkey(x, key) && set_hosts(x, s) &&
		add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(x, NID_key_usage, "critical,digitalSignature") &&
		add_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
		add_extension(x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256());
}

static int write_all(int fd, struct str data)
{
	while (data.n) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		data = str_from(data, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) ? -errno : 0;
}

static int sync_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	char folder[4096];
	int n = slash ? snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - file), file)
		      : snprintf(folder, sizeof(folder), ".");
	if (n < 0 || (size_t)n >= sizeof(folder))
		return -ENAMETOOLONG;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) ? -errno : 0;
	close(fd);
	return r;
}

/* Entirely or not at all: a file beside it takes its name once it is on disk. */
static int write_file(const char *file, mode_t mode, struct str data)
{
	char beside[4096];
	int n = snprintf(beside, sizeof(beside), "%s.new", file);
	if (n < 0 || (size_t)n >= sizeof(beside))
		return -ENAMETOOLONG;
	/* What an interrupted start has left. */
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	/* Whatever the umask. */
	int r = fchmod(fd, mode) ? -errno : write_all(fd, data);
	close(fd);
	if (r == 0 && rename(beside, file))
		r = -errno;
	if (r < 0)
		unlink(beside);
	return r < 0 ? r : sync_folder(file);
}

/* The content of a memory BIO. */
static int write_pem(BIO *pem, const char *file, mode_t mode, char *why, size_t why_bytes)
{
	char *p;
	long n = BIO_get_mem_data(pem, &p);
	char text[128];
	int r = write_file(file, mode, str_make(p, (size_t)n));
	if (r < 0)
		snprintf(why, why_bytes, "cannot write %s: %s", file, strerror_r(-r, text, sizeof(text)));
	return r;
}

int tls_make_self_signed(const struct tls_self_signed *s, const char *certificate_file, const char *key_file, char *why,
	size_t why_bytes)
{
	assert_always(s->host_count > 0);
	ERR_clear_error();
	int r = -EINVAL;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	/* OpenSSL wipes the memory of such a BIO when it is freed. */
	BIO *key_pem = BIO_new(BIO_s_mem()), *certificate_pem = BIO_new(BIO_s_mem());
	if (!key || !x || !key_pem || !certificate_pem || !fill_certificate(x, key, s) ||
		!PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) ||
		!PEM_write_bio_X509(certificate_pem, x)) {
		tls_error_text(NULL, "cannot make a certificate", why, why_bytes);
		goto out;
	}
	r = write_pem(key_pem, key_file, S_IRUSR | S_IWUSR, why, why_bytes);
	if (r == 0)
		r = write_pem(certificate_pem, certificate_file, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH, why, why_bytes);
out:
	BIO_free(certificate_pem);
	BIO_free(key_pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
