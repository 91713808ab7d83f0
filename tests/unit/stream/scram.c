/* SCRAM: the example exchanges of RFC 5802 and RFC 7677 from both sides, and its grammar. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/base64.h"
#include "lib/stream/scram.h"

#define assert_str(s, lit) assert_true(str_eq((s), STR(lit)))

/* An exchange as the documents print it; the password is "pencil". */
struct exchange {
	enum digest digest;
	struct str first, challenge, final, signature;
};

static const struct exchange rfc5802 = {
	DIGEST_SHA1,
	STR_INIT("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
	STR_INIT("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"),
	STR_INIT("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="),
	STR_INIT("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
};

static const struct exchange rfc7677 = {
	DIGEST_SHA256,
	STR_INIT("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
	STR_INIT("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
	STR_INIT("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		 "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
	STR_INIT("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
};

/* The example of XEP-0515, 4.3: with a channel binding and both attributes against downgrades. */
static const struct exchange xep0515 = {
	DIGEST_SHA1,
	STR_INIT("p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6"),
	STR_INIT("r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i=4096,"
		 "h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,t=0304"),
	STR_INIT("c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,"
		 "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,p=KHUfN8dSy1K95crT4D5y1ItLJfs="),
	STR_INIT("v=3w34ZIMVRkx2f2Ozb3/ecRPVdv4="),
};

/* What all sides of an exchange know of it, read out of its messages. */
struct parsed {
	struct arena *arena;
	struct scram_client_first first;
	struct scram_server_first challenge;
	struct scram_client_final final;
	struct str about;
	struct scram_keys keys; /* with salt and iterations, underived */
};

static void parse(struct parsed *p, const struct exchange *x)
{
	p->arena = arena_new(1024, 1 << 16);
	assert_true(scram_client_first_parse(x->first, &p->first));
	assert_true(scram_server_first_parse(x->challenge, &p->challenge));
	assert_true(scram_client_final_parse(x->final, &p->final));
	p->about = scram_auth_message(p->arena, p->first.bare, x->challenge, p->final.without_proof);
	p->keys = (struct scram_keys){ .iterations = p->challenge.iterations };
	size_t n;
	assert_true(base64_decode(p->challenge.salt, p->keys.salt, &n));
	p->keys.salt_n = (uint32_t)n;
}

static void check_client(const struct exchange *x)
{
	struct parsed p;
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX];
	size_t n = digest_bytes(x->digest);
	struct str expected;
	parse(&p, x);
	digest_pbkdf2(x->digest, STR("pencil"), str_make(p.keys.salt, p.keys.salt_n), p.keys.iterations, salted);
	scram_prove(x->digest, salted, p.about, proof, signature);
	assert_true(str_eq(base64_dup(p.arena, str_make(proof, n)), p.final.proof));
	assert_true(scram_server_final_parse(x->signature, &expected));
	assert_true(str_eq(base64_dup(p.arena, str_make(signature, n)), expected));
	arena_free(&p.arena);
}

static void check_server(const struct exchange *x)
{
	struct parsed p;
	unsigned char proof[2 * DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX];
	size_t n = digest_bytes(x->digest), got;
	struct str expected;
	parse(&p, x);
	assert_true(scram_keys_derive(&p.keys, x->digest, STR("pencil")));
	assert_true(p.keys.is_set);
	assert_true(base64_decode(p.final.proof, proof, &got));
	assert_int_equal(got, n);
	assert_true(scram_verify(x->digest, &p.keys, p.about, proof, signature));
	assert_true(scram_server_final_parse(x->signature, &expected));
	assert_true(str_eq(base64_dup(p.arena, str_make(signature, n)), expected));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		proof[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_false(scram_verify(x->digest, &p.keys, p.about, proof, signature));
		proof[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	arena_free(&p.arena);
}

static void client_makes_the_proofs_of_the_documents(void **state)
{
	(void)state;
	check_client(&rfc5802);
	check_client(&rfc7677);
	check_client(&xep0515);
}

static void server_accepts_only_the_proofs_of_the_documents(void **state)
{
	(void)state;
	check_server(&rfc5802);
	check_server(&rfc7677);
	check_server(&xep0515);
}

static void signature_is_made_for_a_wrong_proof_too(void **state)
{
	(void)state;
	struct scram_keys k = { .iterations = 1, .salt_n = 1 };
	unsigned char proof[DIGEST_BYTES_MAX] = { 0 }, signature[DIGEST_BYTES_MAX] = { 0 }, wanted[DIGEST_BYTES_MAX];
	assert_true(scram_keys_derive(&k, DIGEST_SHA256, STR("pencil")));
	assert_false(scram_verify(DIGEST_SHA256, &k, STR("about"), proof, signature));
	digest_hmac(DIGEST_SHA256, str_make(k.server_key, 32), STR("about"), wanted);
	assert_memory_equal(signature, wanted, 32);
}

static void client_first_is_read(void **state)
{
	(void)state;
	struct scram_client_first m;
	assert_true(scram_client_first_parse(STR("y,a=who=2Cever,n=us=3Der,r=a!~z,x=1,y=="), &m));
	assert_int_equal(m.binding, 'y');
	assert_str(m.gs2, "y,a=who=2Cever,");
	assert_str(m.authzid, "who=2Cever");
	assert_str(m.username, "us=3Der");
	assert_str(m.nonce, "a!~z");
	assert_str(m.bare, "n=us=3Der,r=a!~z,x=1,y==");
	assert_true(scram_client_first_parse(STR("p=tls-exporter,,n=u,r=n"), &m));
	assert_int_equal(m.binding, 'p');
	assert_str(m.binding_name, "tls-exporter");
	assert_str(m.gs2, "p=tls-exporter,,");
	assert_true(scram_client_first_parse(STR("n,,n=u,r=n"), &m));
	assert_str(m.binding_name, "");
}

static void malformed_client_first_is_refused(void **state)
{
	(void)state;
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("n"),
		STR_INIT("n,"),
		STR_INIT("n,,"),
		STR_INIT("n,,n=user"),
		STR_INIT("n,,n=user,"),
		STR_INIT("n,,n=user,r="),
		STR_INIT("n,,n=,r=nonce"),
		STR_INIT("n,,r=nonce,n=user"),
		STR_INIT("n,,user,r=nonce"),
		STR_INIT(",,n=user,r=nonce"),
		STR_INIT("x,,n=user,r=nonce"),
		STR_INIT("nn,,n=user,r=nonce"),
		STR_INIT("p,,n=user,r=nonce"),
		STR_INIT("p=,,n=user,r=nonce"),
		STR_INIT("n,a=,n=user,r=nonce"),
		STR_INIT("n,b=admin,n=user,r=nonce"),
		STR_INIT("n,admin,n=user,r=nonce"),
		STR_INIT("n,n=user,r=nonce"),
		STR_INIT("n,,m=ext,n=user,r=nonce"),
		STR_INIT("n,,n=user,r=nonce,m=ext"),
		STR_INIT("n,,n=user,r=nonce,"),
		STR_INIT("n,,n=user,r=nonce,,x=1"),
		STR_INIT("n,,n=user,r=nonce,x"),
		STR_INIT("n,,n=user,r=nonce,x="),
		STR_INIT("n,,n=user,r=nonce,1=1"),
		STR_INIT("n,,n=user,r=no nce"),
		STR_INIT("n,,n=user,r=no\177nce"),
		STR_INIT("n,,n=user,r=n\303\266nce"),
		STR_INIT("n,,n=us\377er,r=nonce"),
		STR_INIT("n,,n=us\0er,r=nonce"),
		STR_INIT("N,,n=user,r=nonce"),
	};
	struct scram_client_first m;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (scram_client_first_parse(bad[i], &m))
			fail_msg("accepted: " STR_FMT, STR_ARG(bad[i]));
	}
}

static void malformed_server_first_is_refused(void **state)
{
	(void)state;
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("r=n,s=c2FsdA=="),
		STR_INIT("r=n,i=4096"),
		STR_INIT("s=c2FsdA==,r=n,i=4096"),
		STR_INIT("r=,s=c2FsdA==,i=4096"),
		STR_INIT("r=n,s=,i=4096"),
		STR_INIT("r=n,s=c2FsdA==,i="),
		STR_INIT("r=n,s=c2FsdA==,i=0"),
		STR_INIT("r=n,s=c2FsdA==,i=04096"),
		STR_INIT("r=n,s=c2FsdA==,i=-1"),
		STR_INIT("r=n,s=c2FsdA==,i=4096 "),
		STR_INIT("r=n,s=c2FsdA==,i=4294967296"),
		STR_INIT("r=n,s=c2FsdA==,i=18446744073709551617"),
		STR_INIT("m=x,r=n,s=c2FsdA==,i=4096"),
		STR_INIT("r=n,s=c2FsdA==,i=4096,m=x"),
		STR_INIT("e=other-error"),
		STR_INIT("r=n,s=c2FsdA==,i=4096,h="),
		STR_INIT("r=n,s=c2FsdA==,i=4096,h=aGFzaA==,h=aGFzaA=="),
		STR_INIT("r=n,s=c2FsdA==,i=4096,t=0304,x=y,t=0303"),
	};
	struct scram_server_first m;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (scram_server_first_parse(bad[i], &m))
			fail_msg("accepted: " STR_FMT, STR_ARG(bad[i]));
	}
	assert_true(scram_server_first_parse(STR("r=n,s=c2FsdA==,i=4294967295,x=y"), &m));
	assert_int_equal(m.iterations, UINT32_MAX);
}

/* Its only new attributes may stand in any order, among others. */
static void protection_against_downgrades_is_read_as_it_is_written(void **state)
{
	(void)state;
	struct arena *a = arena_new(256, 4096);
	struct scram_server_first m, written = { .nonce = STR("n"), .salt = STR("c2FsdA=="), .iterations = 4096 };
	assert_str(scram_server_first_write(a, &written), "r=n,s=c2FsdA==,i=4096");
	assert_true(scram_server_first_parse(STR("r=n,s=c2FsdA==,i=4096,x=y"), &m));
	assert_true(str_is_empty(m.list_hash) && str_is_empty(m.tls_version));
	written.list_hash = STR("G6k/rBLDqgOhRRaCuuatSDFkJ08=");
	written.tls_version = scram_tls_version_write(a, 0x0304);
	/* The message of XEP-0515, 4.3, but for its nonce and salt. */
	assert_str(scram_server_first_write(a, &written), "r=n,s=c2FsdA==,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,t=0304");
	assert_true(scram_server_first_parse(scram_server_first_write(a, &written), &m));
	assert_true(str_eq(m.list_hash, written.list_hash) && str_eq(m.tls_version, written.tls_version));
	assert_true(scram_server_first_parse(STR("r=n,s=c2FsdA==,i=4096,t=0303,x=y,h=YQ=="), &m));
	assert_str(m.list_hash, "YQ==");
	assert_str(m.tls_version, "0303");
	arena_free(&a);
}

/* XEP-0474, 6.3 */
static void lists_are_hashed_as_in_the_example(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, 1 << 16);
	static const struct str mechanisms[] = { STR_INIT("SCRAM-SHA-1-PLUS"), STR_INIT("SCRAM-SHA-1") };
	static const struct str bindings[] = { STR_INIT("tls-server-end-point"), STR_INIT("tls-exporter") };
	assert_str(scram_list_hash(a, DIGEST_SHA1, mechanisms, 2, bindings, 2), "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
	/* Without bindings nothing stands behind the mechanisms. */
	unsigned char hash[DIGEST_BYTES_MAX];
	digest_compute(DIGEST_SHA512, STR("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS"), hash);
	assert_true(str_eq(scram_list_hash(a, DIGEST_SHA512, mechanisms, 2, NULL, 0), base64_dup(a, str_make(hash, 64))));
	digest_compute(DIGEST_SHA256, STR(""), hash);
	assert_true(str_eq(scram_list_hash(a, DIGEST_SHA256, NULL, 0, NULL, 0), base64_dup(a, str_make(hash, 32))));
	arena_free(&a);
}

/* The last message of XEP-0474, 6.3, carries these. */
static void binding_is_the_header_and_the_bytes(void **state)
{
	(void)state;
	struct arena *a = arena_new(256, 4096);
	const struct sasl_binding_data data = { .n = 20, .bytes = "THIS IS FAKE CB DATA" };
	assert_str(scram_binding_write(a, STR("n,,"), NULL), "biws");
	assert_str(scram_binding_write(a, STR("p=tls-exporter,,"), &data),
		"cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB");
	arena_free(&a);
}

static void client_final_is_read(void **state)
{
	(void)state;
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("p=cHJvb2Y="),
		STR_INIT(",p=cHJvb2Y="),
		STR_INIT("c=biws,r=n"),
		STR_INIT("c=biws,r=n,p="),
		STR_INIT("c=biws,r=n,p=cHJvb2Y=,x=y"),
		STR_INIT("c=biws,r=n,,p=cHJvb2Y="),
		STR_INIT("c=,r=n,p=cHJvb2Y="),
		STR_INIT("r=n,c=biws,p=cHJvb2Y="),
		STR_INIT("c=biws,p=cHJvb2Y="),
		STR_INIT("c=biws,r=,p=cHJvb2Y="),
		STR_INIT("c=biws,r=n,m=x,p=cHJvb2Y="),
		STR_INIT("c=biws,r=n,q=cHJvb2Y="),
	};
	struct scram_client_final m;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (scram_client_final_parse(bad[i], &m))
			fail_msg("accepted: " STR_FMT, STR_ARG(bad[i]));
	}
	assert_true(scram_client_final_parse(STR("c=biws,r=n,x=y,p=cHJvb2Y="), &m));
	assert_str(m.without_proof, "c=biws,r=n,x=y");
	assert_str(m.binding, "biws");
	assert_str(m.nonce, "n");
	assert_str(m.proof, "cHJvb2Y=");
}

static void server_final_is_a_signature_or_nothing(void **state)
{
	(void)state;
	struct str s;
	assert_true(scram_server_final_parse(STR("v=c2ln,x=y"), &s));
	assert_str(s, "c2ln");
	assert_false(scram_server_final_parse(STR("e=invalid-proof"), &s));
	assert_false(scram_server_final_parse(STR(""), &s));
	assert_false(scram_server_final_parse(STR("v=c2ln,"), &s));
	assert_false(scram_server_final_parse(STR("x=y,v=c2ln"), &s));
}

static void names_are_escaped_and_unescaped(void **state)
{
	(void)state;
	struct arena *a = arena_new(256, 4096);
	struct str name;
	assert_str(scram_name_write(a, STR("a,b=c")), "a=2Cb=3Dc");
	assert_str(scram_name_write(a, STR("")), "");
	assert_true(scram_name_parse(a, STR("a=2Cb=3Dc"), &name));
	assert_str(name, "a,b=c");
	assert_false(scram_name_parse(a, STR("a=2cb"), &name));
	assert_false(scram_name_parse(a, STR("a=3"), &name));
	assert_false(scram_name_parse(a, STR("a="), &name));
	assert_false(scram_name_parse(a, STR("=41"), &name));
	arena_free(&a);
}

static void passwords_are_prepared(void **state)
{
	(void)state;
	struct scram_keys plain = { .iterations = 7, .salt_n = 4, .salt = "salt" }, mapped = plain, refused = plain;
	/* RFC 4013, 3: SOFT HYPHEN is mapped to nothing; a control character is prohibited. */
	assert_true(scram_keys_derive(&plain, DIGEST_SHA1, STR("IX")));
	assert_true(scram_keys_derive(&mapped, DIGEST_SHA1, STR("I\302\255X")));
	assert_memory_equal(plain.stored_key, mapped.stored_key, 20);
	assert_memory_equal(plain.server_key, mapped.server_key, 20);
	assert_false(scram_keys_derive(&refused, DIGEST_SHA1, STR("\007")));
	assert_false(refused.is_set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_makes_the_proofs_of_the_documents),
		cmocka_unit_test(server_accepts_only_the_proofs_of_the_documents),
		cmocka_unit_test(signature_is_made_for_a_wrong_proof_too),
		cmocka_unit_test(client_first_is_read),
		cmocka_unit_test(malformed_client_first_is_refused),
		cmocka_unit_test(malformed_server_first_is_refused),
		cmocka_unit_test(protection_against_downgrades_is_read_as_it_is_written),
		cmocka_unit_test(lists_are_hashed_as_in_the_example),
		cmocka_unit_test(binding_is_the_header_and_the_bytes),
		cmocka_unit_test(client_final_is_read),
		cmocka_unit_test(server_final_is_a_signature_or_nothing),
		cmocka_unit_test(names_are_escaped_and_unescaped),
		cmocka_unit_test(passwords_are_prepared),
	};
	return cmocka_run_group_tests_name("stream/scram", tests, NULL, NULL);
}
