/* Tests of lib/net/tls_facts.c: both ends of a connection see the same channel bindings, and a client's certificate counts only if one
 * whom the listener trusts has issued it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/net/tls_session.h"
#include "tests/unit/net/tlskit.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define SAN_ADDRESS "otherName:1.3.6.1.5.5.7.8.5;UTF8:"

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

/* What both ends see. */
struct seen {
	struct arena *arena;
	struct sasl_tls server, client;
};

static void shake_hands(struct pair *p)
{
	pair_connect(p);
	pair_start_tls(p);
	pair_turns(p, 8);
	if (p->server.tls != 1 || p->client.tls != 1)
		fail_msg("client: %s; server: %s", p->client.text, p->server.text);
}

static struct seen see(struct pair *p)
{
	struct seen s = { .arena = arena_new(1024, CONN_FACTS_BYTES_MAX) };
	assert_true(conn_tls_facts(p->conns, p->server.c, p->server_use.clients, s.arena, &s.server));
	assert_true(conn_tls_facts(p->conns, p->client.c, NULL, s.arena, &s.client));
	return s;
}

static void limit_to(struct pair *p, int version)
{
	SSL_CTX_set_max_proto_version(p->client_context->first, version);
}

static void assert_agree(const struct seen *s, enum sasl_binding b, size_t n)
{
	assert_int_equal(s->server.bindings[b].n, n);
	assert_int_equal(s->client.bindings[b].n, n);
	assert_memory_equal(s->server.bindings[b].bytes, s->client.bindings[b].bytes, n);
}

static void both_ends_agree_under_tls_1_3(void **state)
{
	struct pair *p = *state;
	shake_hands(p);
	struct seen s = see(p);
	assert_int_equal(s.server.version, 0x0304);
	assert_int_equal(s.client.version, 0x0304);
	assert_agree(&s, SASL_TLS_EXPORTER, 32);
	assert_agree(&s, SASL_TLS_SERVER_END_POINT, 32);
	assert_true(s.server.bindings[SASL_TLS_UNIQUE].n >= 32);
	assert_agree(&s, SASL_TLS_UNIQUE, s.server.bindings[SASL_TLS_UNIQUE].n);
	arena_free(&s.arena);
}

static void both_ends_agree_under_tls_1_2(void **state)
{
	struct pair *p = *state;
	limit_to(p, TLS1_2_VERSION);
	shake_hands(p);
	struct seen s = see(p);
	assert_int_equal(s.server.version, 0x0303);
	assert_agree(&s, SASL_TLS_EXPORTER, 32);
	assert_agree(&s, SASL_TLS_SERVER_END_POINT, 32);
	assert_agree(&s, SASL_TLS_UNIQUE, 12); /* RFC 5246, 7.4.9 */
	arena_free(&s.arena);
}

/* RFC 9266, 4.2 */
static void exporter_needs_the_extended_master_secret(void **state)
{
	struct pair *p = *state;
	limit_to(p, TLS1_2_VERSION);
	SSL_CTX_set_options(p->client_context->first, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	shake_hands(p);
	struct seen s = see(p);
	assert_agree(&s, SASL_TLS_EXPORTER, 0);
	assert_agree(&s, SASL_TLS_UNIQUE, 12);
	arena_free(&s.arena);
}

static void two_connections_share_nothing_but_the_end_point(void **state)
{
	struct pair *p = *state;
	shake_hands(p);
	struct seen a = see(p);
	p->server.tls = p->client.tls = 0;
	shake_hands(p);
	struct seen b = see(p);
	assert_memory_not_equal(a.server.bindings[SASL_TLS_EXPORTER].bytes, b.server.bindings[SASL_TLS_EXPORTER].bytes, 32);
	assert_memory_not_equal(a.server.bindings[SASL_TLS_UNIQUE].bytes, b.server.bindings[SASL_TLS_UNIQUE].bytes, 32);
	assert_memory_equal(
		a.server.bindings[SASL_TLS_SERVER_END_POINT].bytes, b.server.bindings[SASL_TLS_SERVER_END_POINT].bytes, 32);
	arena_free(&a.arena);
	arena_free(&b.arena);
}

static void plain_connection_has_no_facts(void **state)
{
	struct pair *p = *state;
	pair_connect(p);
	struct arena *a = arena_new(1024, CONN_FACTS_BYTES_MAX);
	struct sasl_tls facts;
	assert_false(conn_tls_facts(p->conns, p->server.c, NULL, a, &facts));
	arena_free(&a);
}

/* Certificates. */

struct issued {
	X509 *x;
	EVP_PKEY *key;
	char certificate_file[128], key_file[128];
};

struct wish {
	const char *name;
	EVP_PKEY *key; /* NULL: a new one of P-256 */
	const struct issued *issuer; /* NULL: itself */
	const char *san, *key_usage; /* may be NULL */
	const EVP_MD *md; /* NULL: SHA-256 */
	long from_s, until_s;
	bool is_ca;
};

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;
	assert_true(!value || (e && X509_add_ext(x, e, -1)));
	X509_EXTENSION_free(e);
}

static struct issued issue(struct pair *p, const struct wish *w)
{
	static long serial = 1;
	struct issued i = { X509_new(), w->key ? w->key : EVP_EC_gen("P-256"), "", "" };
	time_t now = (time_t)(clock_wall_ms(&p->world.clock) / 1000);
	const struct issued *issuer = w->issuer ? w->issuer : &i;
	X509_set_version(i.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(i.x), serial++);
	ASN1_TIME_set(X509_getm_notBefore(i.x), now + w->from_s);
	ASN1_TIME_set(X509_getm_notAfter(i.x), now + (w->until_s ? w->until_s : DAY_S));
	X509_set_pubkey(i.x, i.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(i.x), "CN", MBSTRING_UTF8, (const unsigned char *)w->name, -1, -1, 0);
	X509_set_issuer_name(i.x, X509_get_subject_name(issuer->x));
	add_extension(i.x, NID_basic_constraints, w->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	add_extension(i.x, NID_subject_alt_name, w->san);
	add_extension(i.x, NID_ext_key_usage, w->key_usage);
	bool has_own_hash = EVP_PKEY_get_base_id(issuer->key) == EVP_PKEY_ED25519;
	assert_true(X509_sign(i.x, issuer->key, has_own_hash ? NULL : w->md ? w->md : EVP_sha256()) > 0);
	snprintf(i.certificate_file, sizeof(i.certificate_file), "%s/%s.crt", p->kit.folder, w->name);
	snprintf(i.key_file, sizeof(i.key_file), "%s/%s.key", p->kit.folder, w->name);
	FILE *f = fopen(i.certificate_file, "w");
	assert_true(f && PEM_write_X509(f, i.x) && fclose(f) == 0);
	f = fopen(i.key_file, "w");
	assert_true(f && PEM_write_PrivateKey(f, i.key, NULL, NULL, 0, NULL, NULL) && fclose(f) == 0);
	return i;
}

static void issued_fini(struct issued *i)
{
	X509_free(i->x);
	EVP_PKEY_free(i->key);
}

static void use_server(struct pair *p, const struct tls_server_options *o)
{
	tls_context_unref(&p->server_context);
	if (tls_server_context_new(o, &p->server_context, p->kit.why, sizeof(p->kit.why)) != 0)
		fail_msg("%s", p->kit.why);
	p->server_use.context = p->server_context;
}

static struct tls_trust *trust_in(struct pair *p, const struct issued *ca)
{
	struct tls_trust *t = NULL;
	if (tls_trust_new(ca->certificate_file, &p->world.clock, &t, p->kit.why, sizeof(p->kit.why)) != 0)
		fail_msg("%s", p->kit.why);
	return t;
}

static void show(struct pair *p, const struct issued *i)
{
	struct tls_identity id = { .certificate_file = i->certificate_file, .key_file = i->key_file };
	struct tls_client_options o = { .insecure = true, .clock = &p->world.clock, .identity = &id };
	tls_context_unref(&p->client_context);
	if (tls_client_context_new(&o, &p->client_context, p->kit.why, sizeof(p->kit.why)) != 0)
		fail_msg("%s", p->kit.why);
	p->client_use.context = p->client_context;
}

/* The addresses that the server takes from a client with such a certificate, with spaces between. */
static void assert_addresses(struct pair *p, const struct issued *ca, const struct issued *shown, const char *expected)
{
	char text[512] = "";
	struct tls_trust *clients = trust_in(p, ca);
	p->server.tls = p->client.tls = 0;
	p->server_use.clients = clients;
	if (shown)
		show(p, shown);
	shake_hands(p);
	struct seen s = see(p);
	for (size_t i = 0; i < s.server.address_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s" STR_FMT, i ? " " : "",
			STR_ARG(s.server.addresses[i]));
	assert_string_equal(text, expected);
	assert_int_equal(s.client.address_count, 0);
	arena_free(&s.arena);
	p->server_use.clients = NULL;
	tls_trust_free(&clients);
}

/* RFC 6120, 13.7.1.4 */
static void trusted_certificate_names_normalised_addresses(void **state)
{
	struct pair *p = *state;
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	struct issued romeo = issue(p, &(struct wish){ .name = "romeo", .issuer = &ca,
		.san = SAN_ADDRESS "Romeo@IM.example,DNS:im.example," SAN_ADDRESS "montague@net.example,email:x@y.example" });
	assert_addresses(p, &ca, &romeo, "romeo@im.example montague@net.example");
	issued_fini(&romeo);
	issued_fini(&ca);
}

static void what_is_no_account_is_left_out(void **state)
{
	struct pair *p = *state;
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	struct issued odd = issue(p, &(struct wish){ .name = "odd", .issuer = &ca, .san = SAN_ADDRESS "@@," SAN_ADDRESS
		"im.example," SAN_ADDRESS "romeo@im.example/orchard,otherName:1.3.6.1.5.5.7.8.5;IA5:romeo@im.example,"
		"otherName:1.3.6.1.5.5.7.8.7;UTF8:romeo@im.example,email:romeo@im.example" });
	assert_addresses(p, &ca, &odd, "");
	issued_fini(&odd);
	issued_fini(&ca);
}

static void untrusted_certificates_do_not_end_the_handshake(void **state)
{
	struct pair *p = *state;
	static const char san[] = SAN_ADDRESS "romeo@im.example";
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	struct issued other = issue(p, &(struct wish){ .name = "other", .is_ca = true });
	struct wish wishes[] = {
		{ .name = "stranger", .issuer = &other, .san = san },
		{ .name = "alone", .san = san },
		{ .name = "expired", .issuer = &ca, .san = san, .from_s = -2 * DAY_S, .until_s = -DAY_S },
		{ .name = "early", .issuer = &ca, .san = san, .from_s = DAY_S / 2 },
		{ .name = "server", .issuer = &ca, .san = san, .key_usage = "serverAuth" },
	};
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		struct issued shown = issue(p, &wishes[i]);
		assert_addresses(p, &ca, &shown, "");
		issued_fini(&shown);
	}
	struct issued client = issue(p, &(struct wish){ .name = "client", .issuer = &ca, .san = san, .key_usage = "clientAuth" });
	assert_addresses(p, &ca, &client, "romeo@im.example");
	assert_addresses(p, &ca, NULL, "romeo@im.example"); /* once more, as it was */
	issued_fini(&client);
	issued_fini(&other);
	issued_fini(&ca);
}

/* An account's certificate issues no others. */
static void certificate_signed_by_no_issuer_is_not_trusted(void **state)
{
	struct pair *p = *state;
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	struct issued romeo = issue(p, &(struct wish){ .name = "romeo", .issuer = &ca, .san = SAN_ADDRESS "romeo@im.example" });
	struct issued forged = issue(p, &(struct wish){ .name = "forged", .issuer = &romeo, .san = SAN_ADDRESS "juliet@im.example" });
	FILE *f = fopen(forged.certificate_file, "a");
	assert_true(f && PEM_write_X509(f, romeo.x) && fclose(f) == 0);
	assert_addresses(p, &ca, &forged, "");
	issued_fini(&forged);
	issued_fini(&romeo);
	issued_fini(&ca);
}

static void client_without_certificate_is_let_in(void **state)
{
	struct pair *p = *state;
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	assert_addresses(p, &ca, NULL, "");
	issued_fini(&ca);
}

static void certificate_is_not_asked_for_without_issuers(void **state)
{
	struct pair *p = *state;
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	struct issued romeo = issue(p, &(struct wish){ .name = "romeo", .issuer = &ca, .san = SAN_ADDRESS "romeo@im.example" });
	struct tls_trust *clients = trust_in(p, &ca);
	show(p, &romeo);
	shake_hands(p);
	p->server_use.clients = clients;
	struct seen s = see(p);
	assert_int_equal(s.server.address_count, 0);
	arena_free(&s.arena);
	tls_trust_free(&clients);
	issued_fini(&romeo);
	issued_fini(&ca);
}

static void file_of_issuers_must_hold_some(void **state)
{
	struct pair *p = *state;
	struct issued ca = issue(p, &(struct wish){ .name = "ca", .is_ca = true });
	struct tls_trust *t = NULL;
	assert_int_not_equal(tls_trust_new(ca.key_file, &p->world.clock, &t, p->kit.why, sizeof(p->kit.why)), 0);
	assert_non_null(strstr(p->kit.why, ca.key_file));
	assert_int_not_equal(tls_trust_new("/no/such/file", &p->world.clock, &t, p->kit.why, sizeof(p->kit.why)), 0);
	assert_null(t);
	issued_fini(&ca);
}

/* RFC 5929, 4.1 */
static void end_point_is_hashed_as_its_signature(void **state)
{
	struct pair *p = *state;
	struct issued ed = issue(p, &(struct wish){ .name = "ed", .is_ca = true, .key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") });
	const struct {
		struct wish wish;
		const EVP_MD *md;
	} rows[] = {
		{ { .name = "a.example" }, EVP_sha256() },
		{ { .name = "b.example", .md = EVP_sha384() }, EVP_sha384() },
		{ { .name = "c.example", .md = EVP_sha512() }, EVP_sha512() },
		{ { .name = "d.example", .md = EVP_sha1() }, EVP_sha256() },
		{ { .name = "e.example", .issuer = &ed }, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct issued own = issue(p, &rows[i].wish);
		struct tls_identity id = { .host = "im.example", .certificate_file = own.certificate_file, .key_file = own.key_file };
		use_server(p, &(struct tls_server_options){ .identities = &id, .identity_count = 1 });
		tls_context_unref(&p->client_context);
		p->client_context = p->client_use.context = kit_client(&p->kit, &p->world.clock, NULL);
		p->server.tls = p->client.tls = 0;
		shake_hands(p);
		struct seen s = see(p);
		unsigned char expected[EVP_MAX_MD_SIZE];
		unsigned n = 0;
		if (rows[i].md)
			assert_int_equal(X509_digest(own.x, rows[i].md, expected, &n), 1);
		assert_agree(&s, SASL_TLS_SERVER_END_POINT, n);
		assert_memory_equal(s.server.bindings[SASL_TLS_SERVER_END_POINT].bytes, expected, n);
		arena_free(&s.arena);
		issued_fini(&own);
	}
	issued_fini(&ed);
}

static void end_point_is_the_certificate_that_was_chosen(void **state)
{
	struct pair *p = *state;
	struct issued one = issue(p, &(struct wish){ .name = "one" });
	struct issued two = issue(p, &(struct wish){ .name = "two" });
	struct tls_identity ids[] = {
		{ .host = "one.example", .certificate_file = one.certificate_file, .key_file = one.key_file },
		{ .host = "two.example", .certificate_file = two.certificate_file, .key_file = two.key_file },
	};
	use_server(p, &(struct tls_server_options){ .identities = ids, .identity_count = 2 });
	tls_context_unref(&p->client_context);
	p->client_context = p->client_use.context = kit_client(&p->kit, &p->world.clock, NULL);
	p->client_use.host = "two.example";
	shake_hands(p);
	struct seen s = see(p);
	unsigned char expected[EVP_MAX_MD_SIZE];
	assert_int_equal(X509_digest(two.x, EVP_sha256(), expected, NULL), 1);
	assert_agree(&s, SASL_TLS_SERVER_END_POINT, 32);
	assert_memory_equal(s.server.bindings[SASL_TLS_SERVER_END_POINT].bytes, expected, 32);
	arena_free(&s.arena);
	issued_fini(&one);
	issued_fini(&two);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ends_agree_under_tls_1_3),
		TEST(both_ends_agree_under_tls_1_2),
		TEST(exporter_needs_the_extended_master_secret),
		TEST(two_connections_share_nothing_but_the_end_point),
		TEST(plain_connection_has_no_facts),
		TEST(trusted_certificate_names_normalised_addresses),
		TEST(what_is_no_account_is_left_out),
		TEST(untrusted_certificates_do_not_end_the_handshake),
		TEST(certificate_signed_by_no_issuer_is_not_trusted),
		TEST(client_without_certificate_is_let_in),
		TEST(certificate_is_not_asked_for_without_issuers),
		TEST(file_of_issuers_must_hold_some),
		TEST(end_point_is_hashed_as_its_signature),
		TEST(end_point_is_the_certificate_that_was_chosen),
	};
	return cmocka_run_group_tests_name("net/tls_facts", tests, NULL, NULL);
}
