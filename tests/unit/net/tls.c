/* Tests of lib/net/tls.c and tls_error.c: who is believed, which certificate is shown, what is agreed on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/tlskit.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS 86400000LL

static int set_up(void **state)
{
	static struct pair pair;
	pair_init(&pair, 1);
	*state = &pair;
	return 0;
}

static int tear_down(void **state)
{
	pair_fini(*state);
	return 0;
}

/* One handshake with the uses as they are; the ends tell how it went. */
static void shake_hands(struct pair *p)
{
	p->server.tls = p->client.tls = p->server.closed = p->client.closed = 0;
	p->server.text[0] = p->client.text[0] = 0;
	pair_connect(p);
	pair_start_tls(p);
	pair_turns(p, 8);
}

static void hang_up(struct pair *p)
{
	conn_abort(p->conns, p->server.c);
	conn_abort(p->conns, p->client.c);
	pair_turns(p, 2);
}

static void assert_agreed(struct pair *p)
{
	shake_hands(p);
	if (p->server.tls != 1 || p->client.tls != 1)
		fail_msg("client: %s; server: %s", p->client.text, p->server.text);
	hang_up(p);
}

/* The client refuses, and the server learns that. */
static void assert_not_believed(struct pair *p, const char *why)
{
	shake_hands(p);
	assert_int_equal(p->client.tls, 0);
	assert_int_equal(p->client.reason, CONN_TLS_FAILED);
	assert_string_equal(p->client.text, why);
	assert_int_equal(p->server.reason, CONN_TLS_FAILED);
	if (!strstr(p->server.text, "refused by the peer"))
		fail_msg("%s", p->server.text);
}

static void use_client(struct pair *p, struct tls_context *t)
{
	tls_context_unref(&p->client_context);
	p->client_context = p->client_use.context = t;
}

static void use_server(struct pair *p, struct tls_context *t)
{
	tls_context_unref(&p->server_context);
	p->server_context = p->server_use.context = t;
}

static void wrong_name_is_refused(void **state)
{
	struct pair *p = *state;
	static const char *const names[] = { "other.example", "im.example.org", "m.example", "example", "x.im.example",
		"127.0.0.1", "::1", "*.example" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		p->client_use.host = names[i];
		bool is_address = names[i][0] == '1' || names[i][0] == ':';
		assert_not_believed(p,
			is_address ? "TLS handshake: the certificate is not valid (IP address mismatch)"
				   : "TLS handshake: the certificate is not valid (hostname mismatch)");
	}
	p->client_use.host = "IM.EXAMPLE";
	assert_agreed(p);
}

static void unknown_issuer_is_refused(void **state)
{
	struct pair *p = *state;
	kit_certificate(&p->kit, &p->world.clock, "unrelated", (const char *const[]){ "im.example", NULL });
	use_client(p, kit_client(&p->kit, &p->world.clock, p->kit.certificate));
	assert_not_believed(p, "TLS handshake: the certificate is not valid (self-signed certificate)");
}

static void system_store_does_not_know_us(void **state)
{
	struct pair *p = *state;
	struct tls_client_options o = { .clock = &p->world.clock };
	struct tls_context *t;
	assert_int_equal(tls_client_context_new(&o, &t, p->kit.why, sizeof(p->kit.why)), 0);
	use_client(p, t);
	assert_not_believed(p, "TLS handshake: the certificate is not valid (self-signed certificate)");
}

static void expired_certificate_is_refused(void **state)
{
	struct pair *p = *state;
	p->world.wall_offset_ms += 89 * DAY_MS;
	assert_agreed(p);
	p->world.wall_offset_ms += 2 * DAY_MS;
	assert_not_believed(p, "TLS handshake: the certificate is not valid (certificate has expired)");
}

static void certificate_of_the_future_is_refused(void **state)
{
	struct pair *p = *state;
	p->world.wall_offset_ms -= 2 * DAY_MS;
	assert_not_believed(p, "TLS handshake: the certificate is not valid (certificate is not yet valid)");
}

static void insecure_client_believes_everybody(void **state)
{
	struct pair *p = *state;
	use_client(p, kit_client(&p->kit, &p->world.clock, NULL));
	p->client_use.host = "other.example";
	p->world.wall_offset_ms += 1000 * DAY_MS;
	assert_agreed(p);
}

/* Certificates that tls_make_self_signed() would not make. */
static void make_certificate(struct kit *k, const char *name, EVP_PKEY *key, const char *cn, const char *san,
	int64_t now_s, EVP_PKEY *issuer)
{
	X509 *x = X509_new();
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)now_s - 100);
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)now_s + 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_NAME *issuer_name = X509_NAME_dup(X509_get_subject_name(x));
	if (issuer)
		X509_NAME_add_entry_by_txt(issuer_name, "O", MBSTRING_UTF8, (const unsigned char *)"CA", -1, -1, 0);
	X509_set_issuer_name(x, issuer_name);
	X509_NAME_free(issuer_name);
	X509_set_pubkey(x, key);
	if (san) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
		assert_int_equal(X509_add_ext(x, e, -1), 1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, issuer ? issuer : key, EVP_sha256()) > 0);
	snprintf(k->certificate, sizeof(k->certificate), "%s/%s.crt", k->folder, name);
	snprintf(k->key, sizeof(k->key), "%s/%s.key", k->folder, name);
	FILE *f = fopen(k->certificate, "w");
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	f = fopen(k->key, "w");
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	X509_free(x);
}

static int server_from(struct pair *p, const struct tls_identity *ids, size_t count, struct tls_context **t_r)
{
	static const struct str protocols[] = { STR_INIT("xmpp-client"), STR_INIT("xmpp-server") };
	struct tls_server_options o = {
		.identities = ids, .identity_count = count, .alpn = protocols, .alpn_count = 2
	};
	return tls_server_context_new(&o, t_r, p->kit.why, sizeof(p->kit.why));
}

static void serve_files(struct pair *p, const char *host)
{
	struct tls_identity id = { .host = host, .certificate_file = p->kit.certificate, .key_file = p->kit.key };
	struct tls_context *t;
	if (server_from(p, &id, 1, &t) < 0)
		fail_msg("%s", p->kit.why);
	use_server(p, t);
	use_client(p, kit_client(&p->kit, &p->world.clock, p->kit.certificate));
}

/* ca_file may hold the certificate itself, also one that is not self-signed. */
static void certificate_itself_may_be_trusted(void **state)
{
	struct pair *p = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer = EVP_EC_gen("P-256");
	make_certificate(&p->kit, "leaf", key, "x", "DNS:im.example", clock_wall_ms(&p->world.clock) / 1000, issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer);
	serve_files(p, "im.example");
	assert_agreed(p);
	kit_certificate(&p->kit, &p->world.clock, "unrelated", (const char *const[]){ "im.example", NULL });
	use_client(p, kit_client(&p->kit, &p->world.clock, p->kit.certificate));
	assert_not_believed(p, "TLS handshake: the certificate is not valid (unable to get local issuer certificate)");
}

/* RFC 9525: the common name is no identity. */
static void common_name_is_not_a_name(void **state)
{
	struct pair *p = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int64_t now_s = clock_wall_ms(&p->world.clock) / 1000;
	make_certificate(&p->kit, "cn", key, "im.example", NULL, now_s, NULL);
	serve_files(p, "im.example");
	assert_not_believed(p, "TLS handshake: the certificate is not valid (hostname mismatch)");
	make_certificate(&p->kit, "cn", key, "im.example", "email:im@im.example", now_s, NULL);
	serve_files(p, "im.example");
	assert_not_believed(p, "TLS handshake: the certificate is not valid (hostname mismatch)");
	make_certificate(&p->kit, "cn", key, "else.example", "DNS:im.example", now_s, NULL);
	serve_files(p, "im.example");
	assert_agreed(p);
	EVP_PKEY_free(key);
}

static void wildcard_names_one_label(void **state)
{
	struct pair *p = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int64_t now_s = clock_wall_ms(&p->world.clock) / 1000;
	make_certificate(&p->kit, "wild", key, "x", "DNS:*.example.org,DNS:a*.example.net,IP:127.0.0.1", now_s, NULL);
	EVP_PKEY_free(key);
	serve_files(p, "im.example.org");
	static const char *const good[] = { "im.example.org", "127.0.0.1" };
	static const char *const bad[] = { "example.org", "a.b.example.org", "ab.example.net" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		p->client_use.host = good[i];
		assert_agreed(p);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		p->client_use.host = bad[i];
		assert_not_believed(p, "TLS handshake: the certificate is not valid (hostname mismatch)");
	}
}

/* SNI */

static void server_name_chooses_the_certificate(void **state)
{
	struct pair *p = *state;
	static const char *const hosts[] = { "im.example", "a.example", "b.example" };
	struct kit kits[3];
	struct tls_identity ids[3];
	for (size_t i = 0; i < 3; i++) {
		kits[i] = p->kit;
		kit_certificate(&kits[i], &p->world.clock, hosts[i], (const char *const[]){ hosts[i], NULL });
		ids[i] = (struct tls_identity){ hosts[i], kits[i].certificate, kits[i].key, { 0 }, { 0 } };
	}
	struct tls_context *t;
	assert_int_equal(server_from(p, ids, 3, &t), 0);
	use_server(p, t);
	for (size_t i = 0; i < 3; i++) {
		use_client(p, kit_client(&p->kit, &p->world.clock, kits[i].certificate));
		p->client_use.host = hosts[i];
		assert_agreed(p);
	}
	p->client_use.host = "B.Example";
	assert_agreed(p);
	/* A name that is not ours, and none at all (an IP address is not sent), get the first certificate. */
	use_client(p, kit_client(&p->kit, &p->world.clock, kits[0].certificate));
	p->client_use.host = "unknown.example";
	assert_not_believed(p, "TLS handshake: the certificate is not valid (hostname mismatch)");
	p->client_use.host = "192.0.2.1";
	assert_not_believed(p, "TLS handshake: the certificate is not valid (IP address mismatch)");
	/* What is refused there is the name, not the certificate: under its own name it is believed. */
	p->client_use.host = "im.example";
	assert_agreed(p);
}

static void ecdsa_is_preferred_to_rsa(void **state)
{
	struct pair *p = *state;
	EVP_PKEY *keys[2] = { EVP_RSA_gen(2048), EVP_EC_gen("P-256") };
	int64_t now_s = clock_wall_ms(&p->world.clock) / 1000;
	struct kit kits[2] = { p->kit, p->kit };
	make_certificate(&kits[0], "rsa", keys[0], "x", "DNS:im.example", now_s, NULL);
	make_certificate(&kits[1], "ecdsa", keys[1], "x", "DNS:im.example", now_s, NULL);
	struct tls_identity ids[2];
	for (size_t i = 0; i < 2; i++) {
		ids[i] = (struct tls_identity){ "im.example", kits[i].certificate, kits[i].key, { 0 }, { 0 } };
		EVP_PKEY_free(keys[i]);
	}
	struct tls_context *t;
	assert_int_equal(server_from(p, ids, 2, &t), 0);
	use_server(p, t);
	use_client(p, kit_client(&p->kit, &p->world.clock, kits[1].certificate));
	assert_agreed(p);
	use_client(p, kit_client(&p->kit, &p->world.clock, kits[0].certificate));
	assert_not_believed(p, "TLS handshake: the certificate is not valid (self-signed certificate)");
	/* The RSA one alone works, too. */
	assert_int_equal(server_from(p, ids, 1, &t), 0);
	use_server(p, t);
	assert_agreed(p);
}

/* ALPN */

static struct tls_context *client_offering(struct pair *p, const char *protocol)
{
	struct str name = str_from_c(protocol);
	struct tls_client_options o = {
		.insecure = true, .clock = &p->world.clock, .alpn = &name, .alpn_count = !!protocol
	};
	struct tls_context *t;
	assert_int_equal(tls_client_context_new(&o, &t, p->kit.why, sizeof(p->kit.why)), 0);
	return t;
}

static void alpn_is_enforced_as_the_listener_says(void **state)
{
	struct pair *p = *state;
	static const struct {
		enum tls_alpn server;
		const char *offered;
		const char *selected; /* NULL: refused */
	} cases[] = {
		{ TLS_ALPN_IGNORED, NULL, "" },
		{ TLS_ALPN_IGNORED, "xmpp-client", "" },
		{ TLS_ALPN_IGNORED, "http/1.1", "" },
		{ TLS_ALPN_IF_OFFERED, NULL, "" },
		{ TLS_ALPN_IF_OFFERED, "xmpp-client", "xmpp-client" },
		{ TLS_ALPN_IF_OFFERED, "http/1.1", NULL },
		{ TLS_ALPN_IF_OFFERED, "xmpp-clien", NULL },
		{ TLS_ALPN_REQUIRED, NULL, NULL },
		{ TLS_ALPN_REQUIRED, "xmpp-client", "xmpp-client" },
		{ TLS_ALPN_REQUIRED, "http/1.1", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		use_client(p, client_offering(p, cases[i].offered));
		p->server_use.alpn = cases[i].server;
		p->client_use.alpn = TLS_ALPN_IF_OFFERED;
		shake_hands(p);
		assert_int_equal(p->server.tls, cases[i].selected != NULL);
		assert_int_equal(p->client.tls, cases[i].selected != NULL);
		struct tls_info info;
		if (cases[i].selected) {
			assert_true(conn_tls_info(p->conns, p->server.c, &info));
			assert_true(str_eq(info.alpn, str_from_c(cases[i].selected)));
			assert_true(conn_tls_info(p->conns, p->client.c, &info));
			assert_true(str_eq(info.alpn, str_from_c(cases[i].selected)));
		} else {
			assert_int_equal(p->server.reason, CONN_TLS_FAILED);
			assert_string_equal(
				p->client.text, "TLS handshake: refused by the peer (no application protocol)");
		}
		hang_up(p);
	}
}

static void client_may_require_alpn(void **state)
{
	struct pair *p = *state;
	p->client_use.alpn = TLS_ALPN_REQUIRED;
	p->server_use.alpn = TLS_ALPN_IF_OFFERED;
	assert_agreed(p);
	p->server_use.alpn = TLS_ALPN_IGNORED;
	shake_hands(p);
	assert_int_equal(p->client.tls, 0);
	assert_string_equal(p->client.text, "TLS handshake: the peer agreed on no protocol (ALPN)");
}

static void http_request_is_named(void **state)
{
	struct pair *p = *state;
	pair_connect(p);
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	assert_true(conn_write(p->conns, p->client.c, STR("GET / HTTP/1.1\r\nHost: im.example\r\n\r\n")));
	pair_turns(p, 6);
	assert_int_equal(p->server.reason, CONN_TLS_FAILED);
	assert_string_equal(p->server.text, "TLS handshake: http request");
}

/* Configuration */

static char *slurp(const char *file, char *room, size_t n)
{
	FILE *f = fopen(file, "r");
	assert_non_null(f);
	size_t got = fread(room, 1, n - 1, f);
	room[got] = 0;
	fclose(f);
	return room;
}

static void spit(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void identity_may_come_from_memory(void **state)
{
	struct pair *p = *state;
	char certificate[4096], key[4096];
	struct tls_identity id = { .host = "im.example" };
	id.certificate = str_from_c(slurp(p->kit.certificate, certificate, sizeof(certificate)));
	id.key = str_from_c(slurp(p->kit.key, key, sizeof(key)));
	struct tls_context *t;
	assert_int_equal(server_from(p, &id, 1, &t), 0);
	use_server(p, t);
	assert_agreed(p);
	id.key = (struct str){ 0 };
	assert_int_equal(server_from(p, &id, 1, &t), -EINVAL);
	assert_string_equal(p->kit.why, "key im.example: nothing of the kind in it in PEM form");
}

static void chain_of_a_file_is_sent(void **state)
{
	struct pair *p = *state;
	char leaf[4096], chain[8192];
	slurp(p->kit.certificate, leaf, sizeof(leaf));
	snprintf(chain, sizeof(chain), "%s\n%s", leaf, leaf);
	spit(p->kit.certificate, chain);
	serve_files(p, "im.example");
	assert_agreed(p);
	/* Damaged behind the first certificate. */
	size_t n = strlen(chain);
	memmove(chain + n - 100, chain + n - 90, 91);
	spit(p->kit.certificate, chain);
	struct tls_identity id = {
		.host = "im.example", .certificate_file = p->kit.certificate, .key_file = p->kit.key
	};
	struct tls_context *t;
	assert_int_equal(server_from(p, &id, 1, &t), -EINVAL);
}

static void assert_config_error(struct pair *p, const char *certificate, const char *key, const char *expected)
{
	struct tls_identity id = { .host = "im.example", .certificate_file = certificate, .key_file = key };
	struct tls_context *t = NULL;
	assert_int_equal(server_from(p, &id, 1, &t), -EINVAL);
	assert_null(t);
	assert_string_equal(p->kit.why, expected);
}

static void broken_configuration_is_named(void **state)
{
	struct pair *p = *state;
	char mine[128], empty[128], text[400];
	struct kit other = p->kit;
	kit_certificate(&other, &p->world.clock, "other", (const char *const[]){ "other.example", NULL });
	snprintf(mine, sizeof(mine), "%s", p->kit.certificate);
	snprintf(empty, sizeof(empty), "%s/empty", p->kit.folder);
	spit(empty, "");
	assert_config_error(p, "/nowhere/x.crt", p->kit.key, "certificate /nowhere/x.crt: No such file or directory");
	assert_config_error(p, mine, "/nowhere/x.key", "key /nowhere/x.key: No such file or directory");
	snprintf(text, sizeof(text), "certificate %s: nothing of the kind in it in PEM form", empty);
	assert_config_error(p, empty, p->kit.key, text);
	snprintf(text, sizeof(text), "key %s: nothing of the kind in it in PEM form", empty);
	assert_config_error(p, mine, empty, text);
	snprintf(text, sizeof(text), "key %s: key values mismatch", other.key);
	assert_config_error(p, mine, other.key, text);
	/* A key of another type. */
	struct kit rsa = p->kit;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	make_certificate(&rsa, "rsa", key, "x", NULL, 0, NULL);
	EVP_PKEY_free(key);
	struct tls_identity id = { "im.example", mine, rsa.key, { 0 }, { 0 } };
	struct tls_context *none;
	assert_int_equal(server_from(p, &id, 1, &none), -EINVAL);
	assert_non_null(strstr(p->kit.why, rsa.key));
	/* The second of two identities. */
	struct tls_identity ids[2] = { { "im.example", mine, p->kit.key, { 0 }, { 0 } },
		{ "b.example", "/nowhere/b.crt", p->kit.key, { 0 }, { 0 } } };
	struct tls_context *t;
	assert_int_equal(server_from(p, ids, 2, &t), -EINVAL);
	assert_non_null(strstr(p->kit.why, "/nowhere/b.crt"));
}

static void protected_key_is_refused_without_asking(void **state)
{
	struct pair *p = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *f = fopen(p->kit.key, "w");
	char password[] = "secret";
	assert_int_equal(PEM_write_PrivateKey(f, key, EVP_aes_128_cbc(), (unsigned char *)password, 6, NULL, NULL), 1);
	fclose(f);
	EVP_PKEY_free(key);
	struct tls_identity id = {
		.host = "im.example", .certificate_file = p->kit.certificate, .key_file = p->kit.key
	};
	struct tls_context *t;
	assert_int_equal(server_from(p, &id, 1, &t), -EINVAL);
	assert_non_null(strstr(p->kit.why, "protected by a password"));
}

static void missing_trust_is_named(void **state)
{
	struct pair *p = *state;
	struct tls_client_options o = { .ca_file = "/nowhere/ca.pem", .clock = &p->world.clock };
	struct tls_context *t = NULL;
	assert_int_equal(tls_client_context_new(&o, &t, p->kit.why, sizeof(p->kit.why)), -EINVAL);
	assert_null(t);
	assert_non_null(strstr(p->kit.why, "trusted certificates /nowhere/ca.pem: "));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_name_is_refused),
		TEST(unknown_issuer_is_refused),
		TEST(system_store_does_not_know_us),
		TEST(expired_certificate_is_refused),
		TEST(certificate_of_the_future_is_refused),
		TEST(insecure_client_believes_everybody),
		TEST(certificate_itself_may_be_trusted),
		TEST(common_name_is_not_a_name),
		TEST(wildcard_names_one_label),
		TEST(server_name_chooses_the_certificate),
		TEST(ecdsa_is_preferred_to_rsa),
		TEST(alpn_is_enforced_as_the_listener_says),
		TEST(client_may_require_alpn),
		TEST(http_request_is_named),
		TEST(identity_may_come_from_memory),
		TEST(chain_of_a_file_is_sent),
		TEST(broken_configuration_is_named),
		TEST(protected_key_is_refused_without_asking),
		TEST(missing_trust_is_named),
	};
	return cmocka_run_group_tests_name("net/tls", tests, NULL, NULL);
}
