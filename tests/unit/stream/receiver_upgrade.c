/* Upgrades of the keys of an account, as tasks behind a login by SASL2 (XEP-0480). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/login.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"

#include <string.h>

#define UPGRADE(name)  "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-" name "</upgrade>"
#define NEXT(name)     SASL2_EMPTY("next", " task='UPGR-" name "'")
#define CONTINUE(name) SASL2("continue", "", "<tasks><task>UPGR-" name "</task></tasks>")
#define HASH(base64)   SASL2("task-data", "", "<hash xmlns='urn:xmpp:scram-upgrade:0'>" base64 "</hash>")
/* \0juliet\0pencil: her keys are of SHA-1. */
#define JULIET(more)    AUTHENTICATE("PLAIN", "AGp1bGlldABwZW5jaWw=", more)
#define JULIET_FOUND    "[find juliet@im.example][hash sha-1]"
#define JULIET_LOGIN    "[login juliet@im.example PLAIN]"
#define JULIET_SUCCESS  SUCCESS2(IDENTITY("juliet@im.example")) FEATURES(BIND_FEATURES)
#define JULIET_CONTINUE JULIET_FOUND CONTINUE("SCRAM-SHA-256")

static void open_stream(struct server *s)
{
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	s->mechanisms |= SASL_TOKEN_BITS;
	s->config.upgrades = SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_256);
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

static void upgrades_are_announced(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_256);
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, SERVER_HEADER FEATURES(SASL_LIST(USUAL_LIST) SASL2_LIST(USUAL_LIST, BIND2_FEATURE,
				  UPGRADE("SCRAM-SHA-256") UPGRADE("SCRAM-SHA-512")) LIMITS("8192", "") CONFIG_VERSION));
	server_fini(&s);
}

/* What the task asks for: salt and iterations. */
struct task {
	unsigned char salt[64];
	size_t salt_n;
	uint64_t iterations;
};

static void read_task(struct server *s, struct task *t_r)
{
	static const char before[] = "<task-data xmlns='urn:xmpp:sasl:2'><salt xmlns='urn:xmpp:scram-upgrade:0' iterations='";
	struct str t = buf_str(&s->transcript), number;
	assert_true(str_has_prefix(t, STR("<task-data")));
	assert_true(str_has_prefix(t, str_make(before, sizeof(before) - 1)));
	t = str_from(t, sizeof(before) - 1);
	assert_true(str_cut(&t, '\'', &number));
	assert_true(str_parse_u64(number, UINT32_MAX, &t_r->iterations));
	assert_true(str_has_suffix(t, STR("</salt></task-data>")));
	struct str salt = str_from(t, 1);
	assert_true(base64_decode(str_first(salt, str_index(salt, '<')), t_r->salt, &t_r->salt_n));
	server_clear(s);
}

static void do_task(struct server *s, enum digest d, const struct task *t)
{
	struct arena *a = arena_new(1024, 1 << 16);
	unsigned char salted[DIGEST_BYTES_MAX];
	digest_pbkdf2(d, STR("pencil"), str_make(t->salt, t->salt_n), (uint32_t)t->iterations, salted);
	struct str base64 = base64_dup(a, str_make(salted, digest_bytes(d)));
	server_feed(s, arena_printf(a, HASH(STR_FMT), STR_ARG(base64)));
	arena_free(&a);
}

static void password_is_hashed_for_a_new_family(void **state)
{
	(void)state;
	struct server s;
	struct task t;
	open_stream(&s);
	server_feed_text(&s, JULIET(UPGRADE("SCRAM-SHA-256") USER_AGENT BIND2("")));
	server_expect(&s, JULIET_CONTINUE);
	assert_null(receiver_jid(s.receiver));
	server_feed_text(&s, NEXT("SCRAM-SHA-256"));
	read_task(&s, &t);
	assert_int_equal(t.iterations, SCRAM_ITERATIONS);
	assert_int_equal(t.salt_n, SCRAM_SALT_BYTES);
	do_task(&s, DIGEST_SHA256, &t);
	server_expect(&s, JULIET_LOGIN "[grant " SERVER_CLIENT " upgrade sha-256][bind  inline tag= client=" SERVER_CLIENT "]"
			  SUCCESS2(IDENTITY("juliet@im.example/chosen") BOUND2) FEATURES(BOUND_FEATURES));
	/* They are the keys of the password. */
	struct scram_keys k = { .iterations = SCRAM_ITERATIONS, .salt_n = SCRAM_SALT_BYTES };
	memcpy(k.salt, t.salt, t.salt_n);
	assert_true(scram_keys_derive(&k, DIGEST_SHA256, STR("pencil")));
	assert_memory_equal(&k, &s.upgraded.keys[DIGEST_SHA256], sizeof(k));
	server_fini(&s);
}

static void upgrades_come_one_after_the_other(void **state)
{
	(void)state;
	struct server s;
	struct task first, second;
	open_stream(&s);
	server_feed_text(&s, JULIET(UPGRADE("SCRAM-SHA-512") UPGRADE("SCRAM-SHA-256") UPGRADE("SCRAM-SHA-256")
					"<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"));
	server_expect(&s, JULIET_CONTINUE);
	server_feed_text(&s, NEXT("SCRAM-SHA-256"));
	read_task(&s, &first);
	do_task(&s, DIGEST_SHA256, &first);
	server_expect(&s, CONTINUE("SCRAM-SHA-512"));
	server_feed_text(&s, NEXT("SCRAM-SHA-512"));
	read_task(&s, &second);
	assert_memory_not_equal(first.salt, second.salt, SCRAM_SALT_BYTES);
	do_task(&s, DIGEST_SHA512, &second);
	/* A client that does not say who it is has keys to keep, too, but no token to get. */
	server_expect(&s, JULIET_LOGIN "[grant  upgrade sha-256 upgrade sha-512]" JULIET_SUCCESS);
	server_fini(&s);
}

/* The server's proof goes with what ends the exchange of SCRAM. */
static void proof_comes_with_the_first_continue(void **state)
{
	(void)state;
	struct server s;
	struct task t;
	open_stream(&s);
	run_scram(&s, &(struct scram){ .mechanism = SASL_SCRAM_SHA_1,
			      .username = STR("juliet"),
			      .is_sasl2 = true,
			      .more = UPGRADE("SCRAM-SHA-512") });
	assert_true(str_has_prefix(buf_str(&s.transcript), STR("<continue xmlns='urn:xmpp:sasl:2'><additional-data>dj")));
	assert_true(str_has_suffix(buf_str(&s.transcript), STR("<task>UPGR-SCRAM-SHA-512</task></tasks></continue>")));
	server_clear(&s);
	server_feed_text(&s, NEXT("SCRAM-SHA-512"));
	read_task(&s, &t);
	do_task(&s, DIGEST_SHA512, &t);
	server_expect(&s, "[login juliet@im.example SCRAM-SHA-1][grant  upgrade sha-512]" JULIET_SUCCESS);
	server_fini(&s);
}

static void only_what_is_missing_and_offered_is_upgraded(void **state)
{
	(void)state;
	static const char *const wanted[] = {
		UPGRADE("SCRAM-SHA-1"),
		UPGRADE("PLAIN"),
		UPGRADE("SCRAM-SHA-256-PLUS"),
		"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>SCRAM-SHA-256</upgrade>",
		"<upgrade xmlns='urn:xmpp:sasl:2'>UPGR-SCRAM-SHA-256</upgrade>",
		"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'/>",
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		struct server s;
		struct arena *a = arena_new(1024, 1 << 16);
		open_stream(&s);
		server_feed_text(&s, arena_printf(a, JULIET("%s"), wanted[i]).p);
		server_expect(&s, JULIET_FOUND JULIET_LOGIN JULIET_SUCCESS);
		arena_free(&a);
		server_fini(&s);
	}
	/* romeo has them all. */
	struct server s;
	open_stream(&s);
	server_feed_text(&s, AUTHENTICATE_PLAIN(UPGRADE("SCRAM-SHA-256") UPGRADE("SCRAM-SHA-512")));
	server_expect(&s, PLAIN_ANSWERS SUCCESS2(IDENTITY("romeo@im.example")) FEATURES(BIND_FEATURES));
	server_fini(&s);
}

/* Who has a token or a certificate need not have the password. */
static void upgrades_need_the_password(void **state)
{
	(void)state;
	static const struct str addresses[] = { STR_INIT("juliet@im.example") };
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.mechanisms = SASL_BIT(SASL_EXTERNAL) | SASL_BIT(SASL_ANONYMOUS);
	s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_512);
	server_set_tls(&s, &(struct sasl_tls){ .version = 0x0304, .addresses = addresses, .address_count = 1 });
	server_feed_text(&s, CLIENT_HEADER);
	server_clear(&s);
	server_feed_text(&s, AUTHENTICATE("EXTERNAL", "", UPGRADE("SCRAM-SHA-512")));
	server_expect(&s, "[find juliet@im.example][login juliet@im.example EXTERNAL]" JULIET_SUCCESS);
	server_fini(&s);
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.mechanisms = SASL_TOKEN_BITS | SASL_BIT(SASL_ANONYMOUS);
	s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_512);
	s.tokens[SASL_TOKEN_NEW] = (struct sasl_token){ .n = 5, .mechanism = SASL_HT_SHA_256_NONE, .bytes = "token" };
	server_feed_text(&s, CLIENT_HEADER);
	server_clear(&s);
	/* romeo, a zero byte, and the hash */
	unsigned char message[38] = "romeo";
	digest_hmac(DIGEST_SHA256, STR("token"), STR("Initiator"), message + 6);
	send_message_with(&s, SASL_HT_SHA_256_NONE, USER_AGENT "<fast xmlns='urn:xmpp:fast:0'/>" UPGRADE("SCRAM-SHA-512"),
		str_make(message, sizeof(message)));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	server_fini(&s);
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.mechanisms = SASL_BIT(SASL_ANONYMOUS);
	s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_512);
	server_feed_text(&s, CLIENT_HEADER SASL2("authenticate", " mechanism='ANONYMOUS'", UPGRADE("SCRAM-SHA-512")));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	server_fini(&s);
}

#define AGAIN STREAM_ERROR("not-authorized", "the login has gone on without its end")

/* XEP-0388, 2.6.3 and 4.8: a task that fails is the login that fails, and there is no second one. */
static void failed_task_fails_the_login(void **state)
{
	(void)state;
	static const struct {
		const char *in, *transcript;
	} x[] = {
		{ NEXT("SCRAM-SHA-512"), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("next", ""), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("abort", ""), FAILURE2("aborted") },
	}, y[] = {
		{ HASH("AAAA"), FAILURE2("malformed-request") },
		{ HASH(""), FAILURE2("malformed-request") },
		{ HASH("=="), FAILURE2("incorrect-encoding") },
		{ HASH("AAAA<x/>"), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("task-data", ""), FAILURE2("malformed-request") },
		{ SASL2("task-data", "", "<hash>AAAA</hash>"), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("abort", ""), FAILURE2("aborted") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x) + ARRAY_LEN(y); i++) {
		struct server s;
		bool is_begun = i >= ARRAY_LEN(x);
		open_stream(&s);
		server_feed_text(&s, JULIET(UPGRADE("SCRAM-SHA-256") BIND2("") USER_AGENT));
		if (is_begun)
			server_feed_text(&s, NEXT("SCRAM-SHA-256"));
		server_clear(&s);
		server_feed_text(&s, is_begun ? y[i - ARRAY_LEN(x)].in : x[i].in);
		server_expect(&s, is_begun ? y[i - ARRAY_LEN(x)].transcript : x[i].transcript);
		assert_null(receiver_jid(s.receiver));
		server_feed_text(&s, i & 1 ? JULIET("") : PLAIN_AUTH);
		server_expect(&s, AGAIN);
		server_fini(&s);
	}
}

static void nothing_else_may_be_sent_during_a_task(void **state)
{
	(void)state;
	static const char *const wrong[] = { JULIET(""), SASL2("response", "", "AAAA"), "<presence/>", HASH("AAAA"), PLAIN_AUTH };
	static const char *const after_next[] = { JULIET(""), SASL2("response", "", "AAAA"), "<presence/>",
		NEXT("SCRAM-SHA-256"), PLAIN_AUTH };
	for (size_t i = 0; i < 2 * ARRAY_LEN(wrong); i++) {
		struct server s;
		open_stream(&s);
		server_feed_text(&s, JULIET(UPGRADE("SCRAM-SHA-256")));
		if (i & 1)
			server_feed_text(&s, NEXT("SCRAM-SHA-256"));
		server_clear(&s);
		server_feed_text(&s, i & 1 ? after_next[i / 2] : wrong[i / 2]);
		server_expect(&s, STREAM_ERROR("policy-violation", "something else during the login"));
		server_fini(&s);
	}
}

/* The third try is right, and the task that follows it is none. */
static void task_may_follow_the_last_try(void **state)
{
	(void)state;
	struct server s;
	struct task t;
	open_stream(&s);
	for (int i = 0; i < 2; i++)
		server_feed_text(&s, AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", ""));
	server_clear(&s);
	server_feed_text(&s, JULIET(UPGRADE("SCRAM-SHA-256")));
	server_expect(&s, JULIET_CONTINUE);
	server_feed_text(&s, NEXT("SCRAM-SHA-256"));
	read_task(&s, &t);
	do_task(&s, DIGEST_SHA256, &t);
	server_expect(&s, JULIET_LOGIN "[grant  upgrade sha-256]" JULIET_SUCCESS);
	server_fini(&s);
}

static void failed_task_names_who_was_meant(void **state)
{
	(void)state;
	struct server s;
	struct receiver_event e;
	struct buf out;
	buf_init(&out, 1 << 16);
	open_stream(&s);
	server_feed_text(&s, JULIET(UPGRADE("SCRAM-SHA-256") USER_AGENT));
	receiver_input(s.receiver, STR(SASL2_EMPTY("abort", "")));
	assert_int_equal(receiver_next(s.receiver, &out, &e), RECEIVER_LOGIN_FAILED);
	assert_true(str_eq(e.username, STR("juliet")));
	assert_true(str_eq(e.client, STR(SERVER_CLIENT)));
	assert_int_equal(e.mechanism, SASL_PLAIN);
	buf_fini(&out);
	server_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upgrades_are_announced),
		cmocka_unit_test(password_is_hashed_for_a_new_family),
		cmocka_unit_test(upgrades_come_one_after_the_other),
		cmocka_unit_test(proof_comes_with_the_first_continue),
		cmocka_unit_test(only_what_is_missing_and_offered_is_upgraded),
		cmocka_unit_test(upgrades_need_the_password),
		cmocka_unit_test(failed_task_fails_the_login),
		cmocka_unit_test(nothing_else_may_be_sent_during_a_task),
		cmocka_unit_test(task_may_follow_the_last_try),
		cmocka_unit_test(failed_task_names_who_was_meant),
	};
	return cmocka_run_group_tests_name("stream/receiver_upgrade", tests, NULL, NULL);
}
