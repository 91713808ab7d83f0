/* Logging in: every mechanism, every refusal, and that nobody can tell from outside whether an account exists. For
 * that, calls of the hash functions are counted: the linker puts ours in front of them (see meson.build). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/login.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/stream/ht.h"
#include "lib/stream/scram.h"
#include "lib/xmpp/ns.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* The wrapped hash functions: how often they ran, and over how many bytes. */
struct hashes {
	unsigned long calls, bytes;
};

static struct hashes hashes;

void __real_digest_compute(enum digest d, struct str data, unsigned char *out);
void __wrap_digest_compute(enum digest d, struct str data, unsigned char *out);
void __real_digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out);
void __wrap_digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out);
void __real_digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out);
void __wrap_digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out);

void __wrap_digest_compute(enum digest d, struct str data, unsigned char *out)
{
	hashes.calls++;
	hashes.bytes += data.n;
	__real_digest_compute(d, data, out);
}

void __wrap_digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out)
{
	hashes.calls++;
	hashes.bytes += key.n + data.n;
	__real_digest_hmac(d, key, data, out);
}

void __wrap_digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out)
{
	hashes.calls += iterations;
	hashes.bytes += password.n + salt.n;
	__real_digest_pbkdf2(d, password, salt, iterations, out);
}

static void open_stream(struct server *s, enum receiver_tls tls)
{
	server_init(s, tls, 1);
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

static void send_plain(struct server *s, struct str message)
{
	send_message(s, SASL_PLAIN, false, message);
}

static void expect_login(struct server *s, const char *jid, const char *mechanism)
{
	struct str t = buf_str(&s->transcript);
	struct arena *a = arena_new(256, 4096);
	if (!str_has_suffix(t, arena_printf(a, "[login %s %s]", jid, mechanism)))
		fail_msg("no login of %s: " STR_FMT, jid, STR_ARG(t));
	assert_int_equal(receiver_phase(s->receiver), RECEIVER_AUTHENTICATED);
	assert_true(str_eq(jid_full(receiver_jid(s->receiver)), str_from_c(jid)));
	arena_free(&a);
}

static void check_scram(const struct scram *c, const char *jid)
{
	struct server s;
	open_stream(&s, RECEIVER_TLS_DIRECT);
	run_scram(&s, c);
	expect_login(&s, jid, sasl_mechanism_name(scram_complete(c).mechanism).p);
	assert_true(str_has_prefix(buf_str(&s.transcript), STR("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>")));
	server_fini(&s);
}

static void check_scram_fails(const struct scram *c, const char *transcript)
{
	struct server s;
	open_stream(&s, RECEIVER_TLS_DIRECT);
	run_scram(&s, c);
	server_expect(&s, transcript);
	assert_null(receiver_jid(s.receiver));
	server_fini(&s);
}

static void scram_logs_in(void **state)
{
	(void)state;
	static const struct scram x[] = {
		{ 0 },
		{ .mechanism = SASL_SCRAM_SHA_1 },
		/* A client that could bind channels, a header with the own name, a name that is normalised, an
		   extension. */
		{ .gs2 = STR_INIT("y,,") },
		{ .gs2 = STR_INIT("n,a=Romeo@im.example,") },
		{ .username = STR_INIT("ROMEO") },
		{ .extension = ",x=y" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++)
		check_scram(&x[i], "romeo@im.example");
	check_scram(&(struct scram){ .username = STR("juliet"), .mechanism = SASL_SCRAM_SHA_1 }, "juliet@im.example");
	check_scram(&(struct scram){ .username = STR("nurse") }, "nurse@im.example");
}

static void server_proves_itself(void **state)
{
	(void)state;
	struct server s;
	struct scram c = { 0 };
	struct scram_run run;
	unsigned char signature[64];
	open_stream(&s, RECEIVER_TLS_DIRECT);
	send_first(&s, &run, &c);
	run.challenge = read_challenge(&s, run.arena);
	struct scram_server_first m;
	assert_true(scram_server_first_parse(run.challenge, &m));
	server_clear(&s);
	send_final(&s, &run, &c);
	struct str without = arena_printf(run.arena, "c=biws,r=" STR_FMT, STR_ARG(m.nonce));
	struct str about = scram_auth_message(run.arena, run.first_bare, run.challenge, without);
	digest_hmac(DIGEST_SHA256, str_make(s.romeo.keys[DIGEST_SHA256].server_key, 32), about, signature);
	struct str v = arena_printf(run.arena, "v=" STR_FMT, STR_ARG(base64_dup(run.arena, str_make(signature, 32))));
	struct str expected =
		arena_printf(run.arena, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" STR_FMT "</success>",
			STR_ARG(base64_dup(run.arena, v)));
	assert_true(str_has_prefix(buf_str(&s.transcript), expected));
	arena_free(&run.arena);
	server_fini(&s);
}

static void wrong_scram_fails(void **state)
{
	(void)state;
	static const struct scram wrong[] = {
		{ .password = STR_INIT("pencils") },
		{ .username = STR_INIT("tybalt") },
		{ .username = STR_INIT("rom@eo") },
		/* An account without the keys of this family looks like a wrong password. */
		{ .username = STR_INIT("juliet") },
		{ .username = STR_INIT("nurse"), .mechanism = SASL_SCRAM_SHA_1 },
		/* RFC 5802, 5.1 and 6: header and nonce are those of before. */
		{ .binding = STR_INIT("y,,") },
		{ .binding = STR_INIT("n,,more") },
		{ .nonce_suffix = "x" },
		{ .proof = "AAAA" },
		{ .proof = "not base64" },
		{ .proof = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		check_scram_fails(&wrong[i], FAILURE("not-authorized"));
	check_scram_fails(&(struct scram){ .extension = ",m=x" }, FAILURE("malformed-request"));
}

/* These end before storage is asked. */
static void wrong_first_messages_fail(void **state)
{
	(void)state;
	static const struct {
		const char *in, *transcript;
	} x[] = {
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "="), FAILURE("malformed-request") },
		/* n,,n=u */
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "biwsbj11"), FAILURE("malformed-request") },
		/* n,,n=a=b,r=n */
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "biwsbj1hPWIscj1u"), FAILURE("malformed-request") },
		/* p=tls-unique,,n=romeo,r=n: not offered */
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "cD10bHMtdW5pcXVlLCxuPXJvbWVvLHI9bg=="),
			FAILURE("malformed-request") },
		/* n,a=juliet@im.example,n=romeo,r=n (A2) */
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "bixhPWp1bGlldEBpbS5leGFtcGxlLG49cm9tZW8scj1u"),
			FAILURE("invalid-authzid") },
		/* n,a=romeo,n=romeo,r=n: not an address of an account */
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "bixhPXJvbWVvLG49cm9tZW8scj1u"),
			FAILURE("invalid-authzid") },
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "biws bj1yb21lbyxyPW4="), FAILURE("incorrect-encoding") },
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "biwsbj1yb21lbyxyPW5="), FAILURE("incorrect-encoding") },
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "biwsbj1yb21lbyxyPW4"), FAILURE("incorrect-encoding") },
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", " "), FAILURE("incorrect-encoding") },
		{ SASL("auth", " mechanism='SCRAM-SHA-256'", "===="), FAILURE("incorrect-encoding") },
		{ SASL("auth", " mechanism='PLAIN'", "<x/>"), FAILURE("malformed-request") },
		{ SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA==<x/>"), FAILURE("malformed-request") },
		{ SASL("auth", " mechanism='PLAIN'", "="), FAILURE("malformed-request") },
		/* \0romeo */
		{ SASL("auth", " mechanism='PLAIN'", "AHJvbWVv"), FAILURE("malformed-request") },
		{ SASL("auth", "", "AHJvbWVvAHBlbmNpbA=="), FAILURE("invalid-mechanism") },
		{ SASL("auth", " mechanism='plain'", "AHJvbWVvAHBlbmNpbA=="), FAILURE("invalid-mechanism") },
		{ SASL("auth", " mechanism='DIGEST-MD5'", "AHJvbWVvAHBlbmNpbA=="), FAILURE("invalid-mechanism") },
		{ SASL("auth", " mechanism='SCRAM-SHA-256-PLUS'", "biws"), FAILURE("invalid-mechanism") },
		{ SASL("response", "", "AHJvbWVvAHBlbmNpbA=="), FAILURE("malformed-request") },
		{ SASL_EMPTY("abort", ""), FAILURE("aborted") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_stream(&s, RECEIVER_TLS_DIRECT);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		/* The stream goes on. */
		server_feed_text(&s, PLAIN_AUTH);
		expect_login(&s, "romeo@im.example", "PLAIN");
		server_fini(&s);
	}
}

static void plain_logs_in(void **state)
{
	(void)state;
	static const struct {
		struct str message;
		const char *transcript;
	} x[] = {
		{ STR_INIT("\0romeo\0pencil"), "[find romeo@im.example][hash sha-256]" SASL_EMPTY(
						       "success", "") "[login romeo@im.example PLAIN]" },
		{ STR_INIT("romeo@im.example\0Romeo\0pencil"),
			"[find romeo@im.example][hash sha-256]" SASL_EMPTY(
				"success", "") "[login romeo@im.example PLAIN]" },
		{ STR_INIT("\0juliet\0pencil"), "[find juliet@im.example][hash sha-1]" SASL_EMPTY(
							"success", "") "[login juliet@im.example PLAIN]" },
		{ STR_INIT("\0nurse\0pencil"), "[find nurse@im.example][hash sha-256]" SASL_EMPTY(
						       "success", "") "[login nurse@im.example PLAIN]" },
		/* SASLprep: a soft hyphen is nothing. */
		{ STR_INIT("\0nurse\0pen\302\255cil"), "[find nurse@im.example][hash sha-256]" SASL_EMPTY(
							       "success", "") "[login nurse@im.example PLAIN]" },
		{ STR_INIT("\0romeo\0pencils"), "[find romeo@im.example][hash sha-256]" FAILURE("not-authorized") },
		/* SASLprep refuses controls: hashed as it is, and wrong. */
		{ STR_INIT("\0romeo\0pen\007cil"), "[find romeo@im.example][hash sha-256]" FAILURE("not-authorized") },
		{ STR_INIT("\0tybalt\0pencil"), "[find tybalt@im.example][hash sha-256]" FAILURE("not-authorized") },
		{ STR_INIT("\0rom@eo\0pencil"), "[hash sha-256]" FAILURE("not-authorized") },
		{ STR_INIT("juliet@im.example\0romeo\0pencil"), FAILURE("invalid-authzid") },
		{ STR_INIT("romeo@im.example/x\0romeo\0pencil"), FAILURE("invalid-authzid") },
		{ STR_INIT("romeo@other.example\0romeo\0pencil"), FAILURE("invalid-authzid") },
		{ STR_INIT("rom@eo\0rom@eo\0pencil"), FAILURE("invalid-authzid") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_stream(&s, RECEIVER_TLS_DIRECT);
		send_plain(&s, x[i].message);
		server_expect(&s, x[i].transcript);
		server_fini(&s);
	}
}

/* Not even if its hash is what is stored. */
static void password_that_cannot_be_one_is_wrong(void **state)
{
	(void)state;
	struct server s;
	unsigned char salted[DIGEST_BYTES_MAX];
	open_stream(&s, RECEIVER_TLS_DIRECT);
	struct scram_keys *k = &s.romeo.keys[DIGEST_SHA256];
	digest_pbkdf2(DIGEST_SHA256, STR("pen\007cil"), str_make(k->salt, k->salt_n), k->iterations, salted);
	scram_keys_from_salted(k, DIGEST_SHA256, salted);
	send_plain(&s, STR("\0romeo\0pen\007cil"));
	server_expect(&s, "[find romeo@im.example][hash sha-256]" FAILURE("not-authorized"));
	server_fini(&s);
}

/* RFC 6120, 6.3.10 */
static void initial_response_may_come_later(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s, RECEIVER_TLS_DIRECT);
	server_feed_text(&s, SASL_EMPTY("auth", " mechanism='PLAIN'"));
	server_expect(&s, SASL_EMPTY("challenge", ""));
	server_feed_text(&s, SASL_EMPTY("response", ""));
	server_expect(&s, FAILURE("malformed-request"));
	server_feed_text(&s, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'></auth>");
	server_expect(&s, SASL_EMPTY("challenge", ""));
	/* n,,n=romeo,r=n */
	server_feed_text(&s, SASL("response", "", "biwsbj1yb21lbyxyPW4="));
	assert_true(str_has_prefix(buf_str(&s.transcript),
		STR("[find romeo@im.example]<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>")));
	server_clear(&s);
	server_feed_text(&s, SASL("response", "", "biws"));
	server_expect(&s, FAILURE("malformed-request"));
	server_fini(&s);
}

/* RFC 6120, 6.4.2 and 6.4.4 */
static void handshake_may_be_given_up(void **state)
{
	(void)state;
	struct server s;
	struct scram_run run;
	struct scram c = { 0 };
	open_stream(&s, RECEIVER_TLS_DIRECT);
	send_first(&s, &run, &c);
	arena_free(&run.arena);
	server_clear(&s);
	server_feed_text(&s, SASL("response", "", "%%"));
	server_expect(&s, FAILURE("incorrect-encoding"));
	server_feed_text(&s, SASL_EMPTY("abort", ""));
	server_expect(&s, FAILURE("aborted"));
	server_feed_text(&s, SASL("response", "", "Yz1iaXdzLHI9bixwPXA="));
	server_expect(&s, FAILURE("malformed-request"));
	send_first(&s, &run, &c);
	arena_free(&run.arena);
	server_clear(&s);
	server_feed_text(&s, PLAIN_AUTH);
	expect_login(&s, "romeo@im.example", "PLAIN");
	server_fini(&s);
}

static void only_mechanisms_of_the_mask_are_offered(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.mechanisms = SASL_BIT(SASL_SCRAM_SHA_1);
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, SERVER_HEADER FEATURES(
				  SASL_LIST(LISTED("SCRAM-SHA-1")) SASL2_LIST(LISTED("SCRAM-SHA-1"), BIND2_FEATURE, "")
					  LIMITS("8192", "") CONFIG_VERSION));
	server_feed_text(&s, PLAIN_AUTH);
	server_expect(&s, FAILURE("invalid-mechanism"));
	server_fini(&s);
}

/* L5; RFC 6120, 6.4.5 */
static void wrong_proofs_are_counted(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s, RECEIVER_TLS_DIRECT);
	for (int i = 0; i < 3; i++) {
		/* Neither of these counts. */
		server_feed_text(&s, SASL_EMPTY("auth", " mechanism='X'") SASL("auth", " mechanism='PLAIN'", "="));
		server_expect(&s, FAILURE("invalid-mechanism") FAILURE("malformed-request"));
		send_plain(&s, STR("\0romeo\0wrong"));
		if (i < 2)
			server_expect(&s, "[find romeo@im.example][hash sha-256]" FAILURE("not-authorized"));
	}
	server_expect(&s, "[find romeo@im.example][hash sha-256]" FAILURE("not-authorized")
				  STREAM_ERROR("policy-violation", "too many tries to log in"));
	server_fini(&s);
}

/* Storage cannot be asked without end by somebody who never sends a proof. */
static void abandoned_handshakes_are_counted(void **state)
{
	(void)state;
	for (int how = 0; how < 2; how++) {
		struct server s;
		struct scram_run run;
		struct scram c = { 0 };
		open_stream(&s, RECEIVER_TLS_DIRECT);
		for (int i = 0; i < 4; i++) {
			send_first(&s, &run, &c);
			arena_free(&run.arena);
			if (how && i < 3)
				server_feed_text(&s, SASL_EMPTY("abort", ""));
			if (i < 2)
				assert_int_equal(s.last, RECEIVER_IDLE);
			if (i < 3)
				server_clear(&s);
		}
		assert_int_equal(s.last, RECEIVER_FAILED);
		server_expect(&s, how ? "[error policy-violation]"
				      : STREAM_ERROR("policy-violation", "too many tries to log in"));
		server_fini(&s);
	}
}

static void requests_are_bounded(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s, RECEIVER_TLS_DIRECT);
	for (int i = 0; i < 64; i++) {
		server_feed_text(&s, SASL_EMPTY("auth", " mechanism='PLAIN'"));
		server_expect(&s, SASL_EMPTY("challenge", ""));
	}
	server_feed_text(&s, SASL_EMPTY("auth", " mechanism='PLAIN'"));
	server_expect(&s, STREAM_ERROR("policy-violation", "too many requests to log in"));
	server_fini(&s);
}

static void broken_storage_is_nobodys_fault(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s, RECEIVER_TLS_DIRECT);
	s.is_broken = true;
	for (int i = 0; i < 5; i++) {
		server_feed_text(&s, PLAIN_AUTH);
		server_expect(&s, "[find romeo@im.example]" FAILURE("temporary-auth-failure"));
	}
	s.is_broken = false;
	server_feed_text(&s, PLAIN_AUTH);
	expect_login(&s, "romeo@im.example", "PLAIN");
	server_fini(&s);
}

/* RFC 6120, 6.4.6 */
static void login_must_match_the_from_of_a_protected_header(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(&s, CLIENT_HEADER_TO("im.example' from='juliet@im.example"));
	server_clear(&s);
	server_feed_text(&s, PLAIN_AUTH);
	server_expect(&s, "[find romeo@im.example][hash sha-256]" STREAM_ERROR(
				  "invalid-from", "the header&apos;s from is not who has logged in"));
	assert_null(receiver_jid(s.receiver));
	server_fini(&s);
	/* Without TLS anybody could have put it there. */
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER_TO("im.example' from='juliet@im.example") PLAIN_AUTH);
	expect_login(&s, "romeo@im.example", "PLAIN");
	server_fini(&s);
}

static void failed_login_names_who_was_meant(void **state)
{
	(void)state;
	struct server s;
	struct receiver_event e;
	struct buf out;
	buf_init(&out, 1 << 16);
	open_stream(&s, RECEIVER_TLS_DIRECT);
	s.is_silent = true;
	send_plain(&s, STR("\0Tybalt\0pencil"));
	receiver_credentials(s.receiver, NULL);
	assert_int_equal(receiver_next(s.receiver, &out, &e), RECEIVER_HASH);
	receiver_hashed(s.receiver, (const unsigned char[DIGEST_BYTES_MAX]){ 0 });
	assert_int_equal(receiver_next(s.receiver, &out, &e), RECEIVER_LOGIN_FAILED);
	assert_true(str_eq(e.username, STR("tybalt")));
	assert_true(str_eq(e.host, STR("im.example")));
	assert_int_equal(e.failure, SASL_NOT_AUTHORIZED);
	assert_int_equal(e.mechanism, SASL_PLAIN);
	buf_fini(&out);
	server_fini(&s);
}

/* What memory must not hold any more when it is given back: while it is being looked for. */
static const struct str secrets[] = { STR_INIT("pencil"), STR_INIT("AHJvbWVvAHBlbmNpbA=="), STR_INIT("HBlbmNpb"),
	STR_INIT("cGVuY2ls"), STR_INIT("BwZW5jaWw") };
static bool is_looking;
static unsigned long looks, leaks;

static void look_and_free(void *p)
{
	for (size_t i = 0; p && is_looking && i < ARRAY_LEN(secrets); i++) {
		looks++;
		leaks += memmem(p, malloc_usable_size(p), secrets[i].p, secrets[i].n) != NULL;
	}
	free(p);
}

static void die(size_t n)
{
	(void)n;
	abort();
}

static const struct mem_hooks hooks = {
	.alloc = malloc, .resize = realloc, .free = look_and_free, .out_of_memory = die
};

/* L8 */
static void password_is_wiped_from_memory_that_goes(void **state)
{
	(void)state;
	static const char *const logins[] = {
		PLAIN_AUTH,
		SASL_EMPTY("auth", " mechanism='PLAIN'") SASL("response", "", "AHJvbWVvAHBlbmNpbA=="),
		/* A soft hyphen before the password; another name; another identity; a zero byte behind; wrong base64.
		 */
		SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAMKtcGVuY2ls"),
		SASL("auth", " mechanism='PLAIN'", "AHR5YmFsdABwZW5jaWw="),
		SASL("auth", " mechanism='PLAIN'", "cm9tZW9AaW0uZXhhbXBsZS94AHJvbWVvAHBlbmNpbA=="),
		SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbAA="),
		SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA===="),
		/* Another mechanism; an element behind. */
		SASL("auth", " mechanism='X'", "AHJvbWVvAHBlbmNpbA=="),
		SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA==<x/>"),
		/* The same over SASL2; other features; a hash behind the login, of a wrong length and where none is due. */
		AUTHENTICATE_PLAIN(USER_AGENT BIND2("")),
		SASL2_EMPTY("authenticate", " mechanism='PLAIN'") SASL2("response", "", "AHJvbWVvAHBlbmNpbA=="),
		AUTHENTICATE("X", "AHJvbWVvAHBlbmNpbA==", ""),
		AUTHENTICATE_PLAIN("<config-version xmlns='urn:xmpp:iap:0' value='x'/>"),
		AUTHENTICATE("PLAIN", "AHJvbWVvAHBlbmNpbA==<x/>", ""),
		AUTHENTICATE("PLAIN", "AGp1bGlldABwZW5jaWw=",
			"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>")
			SASL2_EMPTY("next", " task='UPGR-SCRAM-SHA-256'")
			SASL2("task-data", "", "<hash xmlns='urn:xmpp:scram-upgrade:0'>cGVuY2ls</hash>"),
		SASL2("task-data", "", "<hash xmlns='urn:xmpp:scram-upgrade:0'>cGVuY2ls</hash>"),
	};
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		struct str in = str_from_c(logins[i]);
		for (size_t size = 1; size < 2 * in.n; size *= 2) {
			struct server s;
			server_init(&s, RECEIVER_TLS_DIRECT, 1);
			s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_256);
			server_feed_text(&s, CLIENT_HEADER);
			is_looking = true;
			looks = leaks = 0;
			for (size_t at = 0; at < in.n; at += size)
				server_feed(&s, str_first(str_from(in, at), size));
			receiver_free(&s.receiver);
			is_looking = false;
			assert_true(looks > 0);
			if (leaks)
				fail_msg("login %zu in pieces of %zu leaves %lu traces", i, size, leaks);
			server_fini(&s);
		}
	}
}

/* A message with the hash of a token that is none of the client's. */
static struct str write_token_message(struct arena *a, const struct scram *c)
{
	return ht_write(a, c->username, STR("another token"), NULL);
}

static struct str write_plain_message(struct arena *a, const struct scram *c)
{
	char *p = arena_alloc_bytes(a, c->username.n + c->password.n + 2);
	p[0] = p[c->username.n + 1] = 0;
	memcpy(p + 1, c->username.p, c->username.n);
	memcpy(p + c->username.n + 2, c->password.p, c->password.n);
	return str_make(p, c->username.n + c->password.n + 2);
}

static void open_for_all(struct server *s)
{
	static const char token[] = "0123456789012345678901234567890123456789012";
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	s->mechanisms = ~0u;
	server_set_bindings(s);
	for (size_t i = 0; i < SASL_TOKEN_SLOTS; i++) {
		s->tokens[i] = (struct sasl_token){ .n = sizeof(token) - 1, .mechanism = SASL_HT_SHA_256_NONE };
		memcpy(s->tokens[i].bytes, token, sizeof(token) - 1);
	}
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

/* The answers to one login, the salt blanked out, and the hashes it took (of both sides: those of the client are the same). */
static void record(struct server *s, const struct scram *usual, struct buf *answers_r, struct hashes *hashes_r)
{
	struct scram c = scram_complete(usual);
	struct scram_run run = { .arena = arena_new(4096, 1 << 20) };
	open_for_all(s);
	hashes = (struct hashes){ 0 };
	if (c.mechanism == SASL_PLAIN) {
		send_message(s, c.mechanism, c.is_sasl2, write_plain_message(run.arena, &c));
	} else if (SASL_TOKEN_BITS & SASL_BIT(c.mechanism)) {
		send_message_with(s, c.mechanism, c.more, write_token_message(run.arena, &c));
	} else {
		struct scram_server_first m;
		arena_free(&run.arena);
		send_first(s, &run, &c);
		run.challenge = read_challenge(s, run.arena);
		assert_true(scram_server_first_parse(run.challenge, &m));
		buf_printf(answers_r, "r=" STR_FMT ",%zu,i=%u,h=" STR_FMT ",t=" STR_FMT, STR_ARG(m.nonce), m.salt.n,
			m.iterations, STR_ARG(m.list_hash), STR_ARG(m.tls_version));
		buf_clear(&s->out);
		send_final(s, &run, &c);
	}
	arena_free(&run.arena);
	*hashes_r = hashes;
	buf_add(answers_r, buf_str(&s->out));
	server_fini(s);
}

static void check_alike(const struct scram *known, const struct scram *other)
{
	struct server s;
	struct hashes x, y;
	struct buf a, b;
	buf_init(&a, 1 << 16);
	buf_init(&b, 1 << 16);
	record(&s, known, &a, &x);
	record(&s, other, &b, &y);
	assert_true(x.calls >= 3);
	assert_true(buf_len(&a) > 0);
	assert_true(str_eq(buf_str(&a), buf_str(&b)));
	assert_int_equal(x.calls, y.calls);
	assert_int_equal(x.bytes, y.bytes);
	buf_fini(&a);
	buf_fini(&b);
}

/* L2 */
static void unknown_users_look_like_wrong_passwords(void **state)
{
	(void)state;
	static const struct str others[] = { STR_INIT("paris"), STR_INIT("pa@is") };
	for (enum sasl_mechanism m = SASL_SCRAM_SHA_512_PLUS; m <= SASL_PLAIN; m++) {
		for (size_t i = 0; i < 2 * ARRAY_LEN(others); i++) {
			struct scram known = { .mechanism = m, .password = STR("wrong"), .is_sasl2 = i & 1 }, other = known;
			other.username = others[i / 2];
			check_alike(&known, &other);
		}
	}
}

/* The same for tokens: of nobody, of somebody who can be nobody, of another client, and of one that does not say which it is. */
static void unknown_clients_look_like_wrong_tokens(void **state)
{
	(void)state;
	static const char fast[] = "<user-agent id='" SERVER_CLIENT "'/><fast xmlns='urn:xmpp:fast:0'/>";
	static const struct scram others[] = {
		{ .username = STR_INIT("paris"), .more = fast },
		{ .username = STR_INIT("pa@is"), .more = fast },
		{ .more = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87771'/><fast xmlns='urn:xmpp:fast:0'/>" },
		{ .more = "<fast xmlns='urn:xmpp:fast:0'/>" },
	};
	for (enum sasl_mechanism m = SASL_HT_SHA_256_EXPR; m <= SASL_HT_SHA_256_NONE; m++) {
		for (size_t i = 0; i < ARRAY_LEN(others); i++) {
			struct scram other = others[i];
			other.mechanism = m;
			check_alike(&(struct scram){ .mechanism = m, .more = fast }, &other);
		}
	}
}

/* An account with keys of one family only, asked for the other. */
static void missing_family_looks_like_a_wrong_password(void **state)
{
	(void)state;
	struct server s;
	struct hashes known, other;
	struct buf a, b;
	buf_init(&a, 1 << 16);
	buf_init(&b, 1 << 16);
	record(&s, &(struct scram){ .username = STR("nurse"), .password = STR("wrong") }, &a, &known);
	/* The name is as long as hers, so that the hashes are over as many bytes. */
	record(&s, &(struct scram){ .username = STR("juliet") }, &b, &other);
	assert_true(str_eq(buf_str(&a), buf_str(&b)));
	assert_int_equal(known.calls, other.calls);
	buf_fini(&a);
	buf_fini(&b);
}

static struct str salt_at(const char *header, const char *username, enum sasl_mechanism m, struct arena *a)
{
	struct server s;
	struct scram_run run;
	struct scram_server_first first;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(&s, header);
	server_clear(&s);
	send_first(&s, &run, &(struct scram){ .mechanism = m, .username = str_from_c(username) });
	run.challenge = read_challenge(&s, run.arena);
	assert_true(scram_server_first_parse(run.challenge, &first));
	struct str salt = arena_dup(a, first.salt);
	arena_free(&run.arena);
	server_fini(&s);
	return salt;
}

static struct str salt_of(const char *username, enum sasl_mechanism m, struct arena *a)
{
	return salt_at(CLIENT_HEADER, username, m, a);
}

static void derived_salts_are_stable_and_different(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, 1 << 16);
	struct str salt = salt_of("tybalt", SASL_SCRAM_SHA_256, a);
	assert_true(str_eq(salt, salt_of("tybalt", SASL_SCRAM_SHA_256, a)));
	assert_true(str_eq(salt, salt_of("Tybalt", SASL_SCRAM_SHA_256, a)));
	assert_false(str_eq(salt, salt_of("tybalt", SASL_SCRAM_SHA_1, a)));
	assert_false(str_eq(salt, salt_of("samson", SASL_SCRAM_SHA_256, a)));
	/* Equal ones would say that neither host has an account of this name. */
	assert_false(str_eq(salt, salt_at(CLIENT_HEADER_TO("other.example"), "tybalt", SASL_SCRAM_SHA_256, a)));
	assert_int_equal(salt.n, BASE64_LEN(SCRAM_SALT_BYTES));
	arena_free(&a);
}

int main(void)
{
	mem_set_hooks(&hooks);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scram_logs_in),
		cmocka_unit_test(server_proves_itself),
		cmocka_unit_test(wrong_scram_fails),
		cmocka_unit_test(wrong_first_messages_fail),
		cmocka_unit_test(plain_logs_in),
		cmocka_unit_test(password_that_cannot_be_one_is_wrong),
		cmocka_unit_test(initial_response_may_come_later),
		cmocka_unit_test(handshake_may_be_given_up),
		cmocka_unit_test(only_mechanisms_of_the_mask_are_offered),
		cmocka_unit_test(wrong_proofs_are_counted),
		cmocka_unit_test(abandoned_handshakes_are_counted),
		cmocka_unit_test(requests_are_bounded),
		cmocka_unit_test(broken_storage_is_nobodys_fault),
		cmocka_unit_test(login_must_match_the_from_of_a_protected_header),
		cmocka_unit_test(failed_login_names_who_was_meant),
		cmocka_unit_test(password_is_wiped_from_memory_that_goes),
		cmocka_unit_test(unknown_users_look_like_wrong_passwords),
		cmocka_unit_test(unknown_clients_look_like_wrong_tokens),
		cmocka_unit_test(missing_family_looks_like_a_wrong_password),
		cmocka_unit_test(derived_salts_are_stable_and_different),
	};
	return cmocka_run_group_tests_name("stream/receiver_sasl", tests, NULL, NULL);
}
