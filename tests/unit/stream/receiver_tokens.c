/* FAST: logging in with tokens, and how they are asked for, replaced and given back (XEP-0484). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/login.h"

#include "lib/base/base64.h"
#include "lib/stream/ht.h"

#include <string.h>

#define FAST(attributes) "<fast xmlns='urn:xmpp:fast:0'" attributes "/>"
#define TOKEN(token)     "<token xmlns='urn:xmpp:fast:0' expiry='" SERVER_EXPIRY "' token='" token "'/>"
#define WANTED(name)     "<request-token xmlns='urn:xmpp:fast:0' mechanism='" name "'/>"
#define LOOK_UP          "[tokens " SERVER_CLIENT " of romeo@im.example]"

static void set_token(struct server *s, enum sasl_token_slot slot, enum sasl_mechanism m, const char *token)
{
	s->tokens[slot] = (struct sasl_token){ .n = (uint8_t)strlen(token), .mechanism = m };
	memcpy(s->tokens[slot].bytes, token, strlen(token));
}

static void open_stream(struct server *s)
{
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	s->mechanisms = SASL_TOKEN_BITS | SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_ANONYMOUS);
	server_set_bindings(s);
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
	set_token(s, SASL_TOKEN_CURRENT, SASL_HT_SHA_256_EXPR, "the current token");
}

static const struct sasl_binding_data *binding_of(const struct server *s, enum sasl_mechanism m)
{
	return ht_binding(m) == SASL_BINDINGS ? NULL : &s->tls.bindings[ht_binding(m)];
}

static void use_token_as(struct server *s, const char *name, enum sasl_mechanism m, const char *token, const char *more)
{
	struct arena *a = arena_new(1024, 1 << 16);
	struct str message = ht_write(a, str_from_c(name), str_from_c(token), binding_of(s, m));
	send_message_with(s, m, more, message);
	arena_free(&a);
}

static void use_token(struct server *s, enum sasl_mechanism m, const char *token, const char *more)
{
	use_token_as(s, "romeo", m, token, more);
}

/* The success of a token: with the server's hash. */
static void expect_success(
	struct server *s, enum sasl_mechanism m, const char *token, const char *grant, const char *given)
{
	struct arena *a = arena_new(4096, 1 << 16);
	unsigned char hash[HT_HASH_BYTES];
	ht_responder_hash(str_from_c(token), binding_of(s, m), hash);
	struct str name = sasl_mechanism_name(m), proof = base64_dup(a, str_make(hash, sizeof(hash)));
	server_expect(s, arena_printf(a,
				 LOOK_UP "[login romeo@im.example " STR_FMT "][grant " SERVER_CLIENT
					 "%s]<success xmlns='urn:xmpp:sasl:2'><additional-data>" STR_FMT
					 "</additional-data>" IDENTITY("romeo@im.example") "%s</success>" FEATURES(BIND_FEATURES),
				 STR_ARG(name), grant, STR_ARG(proof), given)
				 .p);
	arena_free(&a);
}

static void each_mechanism_logs_in_with_each_slot(void **state)
{
	(void)state;
	for (enum sasl_mechanism m = SASL_HT_SHA_256_EXPR; m <= SASL_HT_SHA_256_NONE; m++) {
		for (enum sasl_token_slot slot = 0; slot < SASL_TOKEN_SLOTS; slot++) {
			struct server s;
			open_stream(&s);
			set_token(&s, SASL_TOKEN_NEW, m, "the new token");
			set_token(&s, SASL_TOKEN_CURRENT, m, "the current token");
			const char *token = slot == SASL_TOKEN_NEW ? "the new token" : "the current token";
			use_token(&s, m, token, USER_AGENT FAST(" count='7'"));
			expect_success(&s, m, token, slot == SASL_TOKEN_NEW ? " used new" : " used current", "");
			server_fini(&s);
		}
	}
}

/* 5.1: it is looked at first. */
static void new_token_takes_precedence(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	set_token(&s, SASL_TOKEN_NEW, SASL_HT_SHA_256_EXPR, "the current token");
	s.tokens[SASL_TOKEN_CURRENT].is_expired = true;
	use_token(&s, SASL_HT_SHA_256_EXPR, "the current token", USER_AGENT FAST(""));
	expect_success(&s, SASL_HT_SHA_256_EXPR, "the current token", " used new", "");
	server_fini(&s);
}

/* One that was handed out for one mechanism works with no other (3.4). */
static void token_belongs_to_its_mechanism(void **state)
{
	(void)state;
	for (enum sasl_mechanism own = SASL_HT_SHA_256_EXPR; own <= SASL_HT_SHA_256_NONE; own++) {
		for (enum sasl_mechanism m = SASL_HT_SHA_256_EXPR; m <= SASL_HT_SHA_256_NONE; m++) {
			struct server s;
			open_stream(&s);
			set_token(&s, SASL_TOKEN_NEW, own, "the token");
			use_token(&s, m, "the token", USER_AGENT FAST(""));
			if (m == own)
				expect_success(&s, m, "the token", " used new", "");
			else
				server_expect(&s, LOOK_UP FAILURE2("not-authorized"));
			server_fini(&s);
		}
	}
}

static void wrong_tokens_fail(void **state)
{
	(void)state;
	static const struct {
		const char *name, *token, *more, *transcript;
	} x[] = {
		{ "romeo", "another token", USER_AGENT FAST(""), LOOK_UP FAILURE2("not-authorized") },
		{ "romeo", "", USER_AGENT FAST(""), LOOK_UP FAILURE2("not-authorized") },
		/* What stands in for a token that is not there is none. */
		{ "romeo", "0000000000000000000000000000000000000000000", USER_AGENT FAST(""),
			LOOK_UP FAILURE2("not-authorized") },
		{ "juliet", "the current token", USER_AGENT FAST(""),
			"[tokens " SERVER_CLIENT " of juliet@im.example]" FAILURE2("not-authorized") },
		{ "rom@eo", "the current token", USER_AGENT FAST(""), FAILURE2("not-authorized") },
		/* A client that does not say who it is has none. */
		{ "romeo", "the current token", FAST(""), FAILURE2("not-authorized") },
		{ "romeo", "the current token", "<user-agent id='no'/>" FAST(""), FAILURE2("not-authorized") },
		{ "romeo", "the current token", "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87771'/>" FAST(""),
			"[tokens d4565fa7-4d72-4749-b3d3-740edbf87771 of romeo@im.example]" FAILURE2("not-authorized") },
		/* Nor one that does not say that it uses one. */
		{ "romeo", "the current token", USER_AGENT, FAILURE2("malformed-request") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_stream(&s);
		s.tokens[SASL_TOKEN_NEW].mechanism = SASL_HT_SHA_256_EXPR;
		use_token_as(&s, x[i].name, SASL_HT_SHA_256_EXPR, x[i].token, x[i].more);
		server_expect(&s, x[i].transcript);
		/* The password still does (4.1). */
		server_feed_text(&s, AUTHENTICATE_PLAIN(""));
		assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
		server_fini(&s);
	}
}

static void malformed_messages_fail(void **state)
{
	(void)state;
	static const struct {
		struct str message;
		const char *transcript;
	} x[] = {
		{ STR_INIT(""), FAILURE2("malformed-request") },
		{ STR_INIT("romeo"), FAILURE2("malformed-request") },
		{ STR_INIT("\0hash"), FAILURE2("malformed-request") },
		{ STR_INIT("ro\377eo\0hash"), FAILURE2("malformed-request") },
		/* A hash of another length is a wrong one. */
		{ STR_INIT("romeo\0"), LOOK_UP FAILURE2("not-authorized") },
		{ STR_INIT("romeo\0hash"), LOOK_UP FAILURE2("not-authorized") },
		{ STR_INIT("romeo\0a hash that has more bytes than any of SHA-256 ever has"),
			LOOK_UP FAILURE2("not-authorized") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_stream(&s);
		send_message_with(&s, SASL_HT_SHA_256_NONE, USER_AGENT FAST(""), x[i].message);
		server_expect(&s, x[i].transcript);
		server_fini(&s);
	}
}

/* The hash is over what this connection is bound with. */
static void stolen_message_is_worth_nothing_elsewhere(void **state)
{
	(void)state;
	struct server s;
	struct arena *a = arena_new(1024, 1 << 16);
	const struct sasl_binding_data other = { .n = 8, .bytes = "exporteR" };
	open_stream(&s);
	send_message_with(&s, SASL_HT_SHA_256_EXPR, USER_AGENT FAST(""),
		ht_write(a, STR("romeo"), STR("the current token"), &other));
	server_expect(&s, LOOK_UP FAILURE2("not-authorized"));
	arena_free(&a);
	server_fini(&s);
}

/* 4.2: only who has it is told that it is over. */
static void expired_token_is_told_so(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	s.tokens[SASL_TOKEN_CURRENT].is_expired = true;
	use_token(&s, SASL_HT_SHA_256_EXPR, "the current token", USER_AGENT FAST(""));
	server_expect(&s, LOOK_UP FAILURE2("credentials-expired"));
	use_token(&s, SASL_HT_SHA_256_EXPR, "another token", USER_AGENT FAST(""));
	server_expect(&s, LOOK_UP FAILURE2("not-authorized"));
	server_fini(&s);
}

static void tokens_count_as_tries(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	for (int i = 0; i < 3; i++) {
		server_clear(&s);
		/* The second one is nobody's: that counts as well. */
		use_token_as(&s, i == 1 ? "rom@eo" : "romeo", SASL_HT_SHA_256_NONE, "wrong", USER_AGENT FAST(""));
	}
	server_expect(&s, LOOK_UP FAILURE2("not-authorized") STREAM_ERROR("policy-violation", "too many tries to log in"));
	server_fini(&s);
}

static void broken_storage_is_nobodys_fault(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	s.is_broken = true;
	for (int i = 0; i < 5; i++) {
		use_token(&s, SASL_HT_SHA_256_EXPR, "the current token", USER_AGENT FAST(""));
		server_expect(&s, LOOK_UP FAILURE2("temporary-auth-failure"));
	}
	s.is_broken = false;
	use_token(&s, SASL_HT_SHA_256_EXPR, "the current token", USER_AGENT FAST(""));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	server_fini(&s);
}

/* 3.1; a mechanism for each binding that is there. */
static void tokens_are_offered_as_bindings_allow(void **state)
{
	(void)state;
#define WITH_FAST(list)                                                                                                \
	FEATURES(SASL_LIST(LISTED("PLAIN")) SASL2_LIST(LISTED("PLAIN"),                                                \
		BIND2_FEATURE "<fast xmlns='urn:xmpp:fast:0'>" list "</fast>", "") LIMITS("8192", "") CONFIG_VERSION)
	static const struct {
		struct sasl_tls tls;
		const char *features;
	} x[] = {
		{ { .version = 0x0304, .bindings = { { .n = 1 }, { .n = 1 } } },
			WITH_FAST(LISTED("HT-SHA-256-EXPR") LISTED("HT-SHA-256-ENDP") LISTED("HT-SHA-256-NONE")) },
		{ { .version = 0x0303, .bindings = { [SASL_TLS_SERVER_END_POINT] = { .n = 1 } } },
			WITH_FAST(LISTED("HT-SHA-256-ENDP") LISTED("HT-SHA-256-NONE")) },
		{ { .version = 0x0304 }, WITH_FAST(LISTED("HT-SHA-256-NONE")) },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		struct arena *a = arena_new(1024, 1 << 16);
		server_init(&s, RECEIVER_TLS_DIRECT, 1);
		s.mechanisms = SASL_TOKEN_BITS | SASL_BIT(SASL_PLAIN);
		server_set_tls(&s, &x[i].tls);
		server_feed_text(&s, CLIENT_HEADER);
		server_expect(&s, arena_printf(a, "%s%s", SERVER_HEADER, x[i].features).p);
		arena_free(&a);
		server_fini(&s);
	}
}

/* They are no mechanisms of SASL as it was. */
static void tokens_need_sasl2(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	server_feed_text(&s, SASL("auth", " mechanism='HT-SHA-256-NONE'", "cm9tZW8A"));
	server_expect(&s, FAILURE("invalid-mechanism"));
	server_fini(&s);
}

#define NEW_ONE SUCCESS2(IDENTITY("romeo@im.example") TOKEN("fresh &amp; secret")) FEATURES(BIND_FEATURES)
#define NO_ONE  SUCCESS2(IDENTITY("romeo@im.example")) FEATURES(BIND_FEATURES)

/* 3.2 and 3.3 */
static void tokens_are_handed_out_when_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *in, *transcript;
	} x[] = {
		{ AUTHENTICATE_PLAIN(USER_AGENT WANTED("HT-SHA-256-EXPR")),
			PLAIN_ANSWERS "[grant " SERVER_CLIENT " token for HT-SHA-256-EXPR]" NEW_ONE },
		/* What was not asked for in the right way was not asked for. */
		{ AUTHENTICATE_PLAIN(USER_AGENT WANTED("PLAIN")), PLAIN_ANSWERS "[grant " SERVER_CLIENT "]" NO_ONE },
		{ AUTHENTICATE_PLAIN(USER_AGENT WANTED("HT-SHA-512-EXPR")), PLAIN_ANSWERS "[grant " SERVER_CLIENT "]" NO_ONE },
		{ AUTHENTICATE_PLAIN(WANTED("HT-SHA-256-EXPR")), PLAIN_ANSWERS NO_ONE },
		/* Invalidating needs a token. */
		{ AUTHENTICATE_PLAIN(USER_AGENT FAST(" invalidate='true'")), PLAIN_ANSWERS "[grant " SERVER_CLIENT "]" NO_ONE },
		{ AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", USER_AGENT WANTED("HT-SHA-256-EXPR")),
			"[find romeo@im.example][hash sha-256]" FAILURE2("not-authorized") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_stream(&s);
		s.new_token = "fresh & secret";
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		server_fini(&s);
	}
}

/* An account that goes with its session keeps nothing. */
static void nobody_gets_no_token(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	s.new_token = "fresh";
	server_feed_text(&s, SASL2("authenticate", " mechanism='ANONYMOUS'", USER_AGENT WANTED("HT-SHA-256-NONE")));
	struct str t = buf_str(&s.transcript);
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	assert_null(memmem(t.p, t.n, "[grant", 6));
	assert_null(memmem(t.p, t.n, "<token", 6));
	server_fini(&s);
}

/* 3.6 */
static void token_may_be_given_back(void **state)
{
	(void)state;
	static const struct {
		const char *more, *grant, *given;
	} x[] = {
		{ FAST(" invalidate='true'"), " used current invalidate", "" },
		{ FAST(" invalidate='1'"), " used current invalidate", "" },
		{ FAST(" invalidate='false'"), " used current", "" },
		{ FAST(" invalidate='TRUE'"), " used current", "" },
		{ FAST(" invalidate='true'") WANTED("HT-SHA-256-NONE"), " used current invalidate token for HT-SHA-256-NONE",
			TOKEN("fresh") },
		{ FAST("") WANTED("HT-SHA-256-EXPR"), " used current token for HT-SHA-256-EXPR", TOKEN("fresh") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		struct arena *a = arena_new(1024, 1 << 16);
		open_stream(&s);
		s.new_token = "fresh";
		use_token(&s, SASL_HT_SHA_256_EXPR, "the current token", arena_printf(a, USER_AGENT "%s", x[i].more).p);
		expect_success(&s, SASL_HT_SHA_256_EXPR, "the current token", x[i].grant, x[i].given);
		arena_free(&a);
		server_fini(&s);
	}
}

/* The whole beginning of a session in one go (XEP-0509): header, token, resource, another token, and stanzas behind them. */

static struct str write_conversation(struct arena *a, struct str version)
{
	struct server s;
	open_stream(&s);
	struct str message = ht_write(a, STR("romeo"), STR("the current token"), binding_of(&s, SASL_HT_SHA_256_EXPR));
	server_fini(&s);
	return arena_printf(a,
		CLIENT_HEADER_TO("im.example' from='romeo@im.example' xml:lang='it")
			AUTHENTICATE("HT-SHA-256-EXPR", STR_FMT,
				"<user-agent id='" SERVER_CLIENT "'><software>S</software></user-agent>" BIND2("<tag>T</tag>") FAST(
					" count='1'") WANTED("HT-SHA-256-EXPR") "<config-version xmlns='urn:xmpp:iap:0' "
										"value='" STR_FMT "'/>")
				"<presence/> <message to='juliet@im.example'><body>&lt;</body></message></stream:stream>",
		STR_ARG(base64_dup(a, message)), STR_ARG(version));
}

static void open_conversation(struct server *s)
{
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	s->mechanisms = SASL_TOKEN_BITS | SASL_BIT(SASL_PLAIN);
	server_set_bindings(s);
	set_token(s, SASL_TOKEN_CURRENT, SASL_HT_SHA_256_EXPR, "the current token");
	s->new_token = "fresh";
}

static struct str version_of_conversation(struct arena *a)
{
	struct server s;
	open_conversation(&s);
	server_feed_text(&s, CLIENT_HEADER_TO("im.example' from='romeo@im.example"));
	static const char before[] = "scheme='opaque' value='";
	struct str out = buf_str(&s.out);
	const char *at = memmem(out.p, out.n, before, sizeof(before) - 1);
	assert_non_null(at);
	out = str_from(out, (size_t)(at - out.p) + sizeof(before) - 1);
	struct str version = arena_dup(a, str_first(out, str_index(out, '\'')));
	server_fini(&s);
	return version;
}

static void check_conversation(struct server *s)
{
	struct arena *a = arena_new(4096, 1 << 16);
	unsigned char hash[HT_HASH_BYTES];
	ht_responder_hash(STR("the current token"), binding_of(s, SASL_HT_SHA_256_EXPR), hash);
	struct str proof = base64_dup(a, str_make(hash, sizeof(hash)));
	server_expect(s, arena_printf(a,
				 SERVER_HEADER_WITH("from='im.example' to='romeo@im.example' version='1.0'") WITH_FAST(
					 LISTED("HT-SHA-256-EXPR") LISTED("HT-SHA-256-ENDP") LISTED("HT-SHA-256-NONE"))
					 LOOK_UP "[login romeo@im.example HT-SHA-256-EXPR][grant " SERVER_CLIENT
						 " S/ used current token for HT-SHA-256-EXPR][bind  inline tag=T client=" SERVER_CLIENT
						 "]<success xmlns='urn:xmpp:sasl:2'><additional-data>" STR_FMT
						 "</additional-data>" IDENTITY("romeo@im.example/T/1") BOUND2 TOKEN("fresh") "</success>" FEATURES(
							 BOUND_FEATURES) "[stanza <presence from='romeo@im.example/T/1' xml:lang='it'/>]"
									 "[stanza <message from='romeo@im.example/T/1' "
									 "to='juliet@im.example' xml:lang='it'><body>&lt;</body>"
									 "</message>]</stream:stream>[closed]",
				 STR_ARG(proof))
				 .p);
	arena_free(&a);
}

static void session_in_one_go_may_be_split_at_every_byte(void **state)
{
	(void)state;
	struct arena *a = arena_new(4096, 1 << 16);
	struct str in = write_conversation(a, version_of_conversation(a));
	for (size_t at = 0; at <= in.n; at++) {
		struct server s;
		open_conversation(&s);
		server_feed(&s, str_first(in, at));
		if (at < in.n)
			server_feed(&s, str_from(in, at));
		check_conversation(&s);
		server_fini(&s);
	}
	for (size_t size = 1; size < 64; size++) {
		struct server s;
		open_conversation(&s);
		s.piece_bytes = size;
		server_feed(&s, in);
		check_conversation(&s);
		server_fini(&s);
	}
	arena_free(&a);
}

/* What stands in for a byte: white space, marks of the language, a letter, a digit, the ends of the range. */
static const char wrong_bytes[] = " <>/='\"&;A0\001\377";

/* Nobody becomes somebody else by it, and what proves the token is right in each byte. */
static void any_byte_of_it_may_be_wrong(void **state)
{
	(void)state;
	struct arena *a = arena_new(1 << 16, 1 << 20);
	struct str in = write_conversation(a, version_of_conversation(a));
	char *copy = arena_alloc_bytes(a, in.n);
	static const char before_proof[] = "<initial-response>";
	const char *proof = memmem(in.p, in.n, before_proof, sizeof(before_proof) - 1);
	assert_non_null(proof);
	size_t begin = (size_t)(proof - in.p) + sizeof(before_proof) - 1, end = begin + str_index(str_from(in, begin), '<');
	for (size_t i = 0; i < in.n * (sizeof(wrong_bytes) - 1); i++) {
		struct server s;
		size_t at = i / (sizeof(wrong_bytes) - 1);
		memcpy(copy, in.p, in.n);
		copy[at] = wrong_bytes[i % (sizeof(wrong_bytes) - 1)];
		if (copy[at] == in.p[at])
			continue;
		open_conversation(&s);
		server_feed(&s, str_make(copy, in.n));
		const struct jid *jid = receiver_jid(s.receiver);
		assert_true(!jid || str_eq(jid_bare(jid), STR("romeo@im.example")));
		if (at >= begin && at < end)
			assert_null(jid);
		server_fini(&s);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mechanism_logs_in_with_each_slot),
		cmocka_unit_test(new_token_takes_precedence),
		cmocka_unit_test(token_belongs_to_its_mechanism),
		cmocka_unit_test(wrong_tokens_fail),
		cmocka_unit_test(malformed_messages_fail),
		cmocka_unit_test(stolen_message_is_worth_nothing_elsewhere),
		cmocka_unit_test(expired_token_is_told_so),
		cmocka_unit_test(tokens_count_as_tries),
		cmocka_unit_test(broken_storage_is_nobodys_fault),
		cmocka_unit_test(tokens_are_offered_as_bindings_allow),
		cmocka_unit_test(tokens_need_sasl2),
		cmocka_unit_test(tokens_are_handed_out_when_asked_for),
		cmocka_unit_test(nobody_gets_no_token),
		cmocka_unit_test(token_may_be_given_back),
		cmocka_unit_test(session_in_one_go_may_be_split_at_every_byte),
		cmocka_unit_test(any_byte_of_it_may_be_wrong),
	};
	return cmocka_run_group_tests_name("stream/receiver_tokens", tests, NULL, NULL);
}
