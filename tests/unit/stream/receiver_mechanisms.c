/* Each mechanism over both profiles, as far as it depends on the connection below: channel bindings, what protects against
 * downgrades, certificates, and nobody at all. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/login.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"

#include <string.h>

#define ALL (SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_EXTERNAL))

#define FOR_EACH_PROFILE(is_sasl2) for (int is_sasl2 = 0; is_sasl2 < 2; is_sasl2++)

static void open_bound(struct server *s)
{
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	s->mechanisms = ALL;
	server_set_bindings(s);
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

static void expect_jid(const struct server *s, const char *jid)
{
	assert_int_equal(receiver_phase(s->receiver), RECEIVER_AUTHENTICATED);
	assert_true(str_eq(jid_full(receiver_jid(s->receiver)), str_from_c(jid)));
}

static void expect_failure(struct server *s, const char *before, const char *failure, bool is_sasl2)
{
	struct arena *a = arena_new(1024, 1 << 16);
	struct str t = is_sasl2 ? arena_printf(a,
					  "%s<failure xmlns='urn:xmpp:sasl:2'><%s xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
					  "</failure>[failed %s]",
					  before, failure, failure)
				: arena_printf(a,
					  "%s<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><%s/></failure>[failed %s]",
					  before, failure, failure);
	server_expect(s, t.p);
	arena_free(&a);
}

/* Channel bindings. */

static const enum sasl_mechanism plus[] = { SASL_SCRAM_SHA_512_PLUS, SASL_SCRAM_SHA_256_PLUS, SASL_SCRAM_SHA_1_PLUS };

/* L9: also the one that is not announced. */
static void bound_login_works_with_each_binding_and_hash(void **state)
{
	(void)state;
	static const struct str headers[] = { STR_INIT("p=tls-exporter,,"), STR_INIT("p=tls-server-end-point,,"),
		STR_INIT("p=tls-unique,,") };
	static const struct str both[] = { STR_INIT("p=tls-exporter,,exporter"),
		STR_INIT("p=tls-server-end-point,,end-point"), STR_INIT("p=tls-unique,,unique") };
	for (size_t i = 0; i < ARRAY_LEN(plus) * SASL_BINDINGS; i++) {
		enum sasl_binding b = i % SASL_BINDINGS;
		FOR_EACH_PROFILE (is_sasl2) {
			struct server s;
			open_bound(&s);
			run_scram(&s, &(struct scram){ .mechanism = plus[i / SASL_BINDINGS],
					      .gs2 = headers[b],
					      .binding = both[b],
					      .is_sasl2 = is_sasl2 });
			expect_jid(&s, "romeo@im.example");
			server_fini(&s);
		}
	}
}

static void bound_login_may_come_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t size = 1; size < 300; size++) {
		FOR_EACH_PROFILE (is_sasl2) {
			struct server s;
			server_init(&s, RECEIVER_TLS_DIRECT, size);
			s.mechanisms = ALL;
			s.piece_bytes = size;
			server_set_bindings(&s);
			server_feed_text(&s, CLIENT_HEADER);
			server_clear(&s);
			run_scram(&s, &(struct scram){ .mechanism = SASL_SCRAM_SHA_512_PLUS,
					      .is_sasl2 = is_sasl2,
					      .more = is_sasl2 ? USER_AGENT BIND2("<tag>T</tag>") : NULL });
			assert_int_equal(receiver_phase(s.receiver), is_sasl2 ? RECEIVER_BOUND : RECEIVER_AUTHENTICATED);
			server_fini(&s);
		}
	}
}

static void unbound_login_works_where_binding_is_offered(void **state)
{
	(void)state;
	for (enum sasl_mechanism m = SASL_SCRAM_SHA_512; m <= SASL_SCRAM_SHA_1; m++) {
		FOR_EACH_PROFILE (is_sasl2) {
			struct server s;
			open_bound(&s);
			run_scram(&s, &(struct scram){ .mechanism = m, .is_sasl2 = is_sasl2 });
			expect_jid(&s, "romeo@im.example");
			server_fini(&s);
		}
	}
}

static void other_binding_data_fails(void **state)
{
	(void)state;
	static const struct str wrong[] = { STR_INIT("p=tls-exporter,,exporteR"), STR_INIT("p=tls-exporter,,"),
		STR_INIT("p=tls-exporter,,exporterr"), STR_INIT("p=tls-server-end-point,,end-point"),
		STR_INIT("n,,exporter") };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		FOR_EACH_PROFILE (is_sasl2) {
			struct server s;
			open_bound(&s);
			run_scram(&s, &(struct scram){ .mechanism = SASL_SCRAM_SHA_256_PLUS,
					      .binding = wrong[i],
					      .is_sasl2 = is_sasl2 });
			expect_failure(&s, "", "not-authorized", is_sasl2);
			server_fini(&s);
		}
	}
}

/* L5: these are mistakes, not tries, and nobody is looked up for them. */
static void bindings_that_cannot_be_are_refused_without_counting(void **state)
{
	(void)state;
	static const struct {
		enum sasl_mechanism mechanism;
		struct str gs2;
		const char *failure;
	} x[] = {
		{ SASL_SCRAM_SHA_256_PLUS, STR_INIT("n,,"), "malformed-request" },
		{ SASL_SCRAM_SHA_256_PLUS, STR_INIT("y,,"), "malformed-request" },
		{ SASL_SCRAM_SHA_256_PLUS, STR_INIT("p=tls-everything,,"), "malformed-request" },
		{ SASL_SCRAM_SHA_256_PLUS, STR_INIT("p=TLS-EXPORTER,,"), "malformed-request" },
		/* This connection has no such. */
		{ SASL_SCRAM_SHA_256_PLUS, STR_INIT("p=tls-unique,,"), "malformed-request" },
		{ SASL_SCRAM_SHA_256, STR_INIT("p=tls-exporter,,"), "malformed-request" },
		{ SASL_SCRAM_SHA_256_PLUS, STR_INIT("p=tls-exporter,a=juliet@im.example,"), "invalid-authzid" },
	};
	FOR_EACH_PROFILE (is_sasl2) {
		struct server s;
		server_init(&s, RECEIVER_TLS_DIRECT, 1);
		s.mechanisms = ALL;
		server_set_tls(&s, &(struct sasl_tls){ .version = 0x0304,
					   .bindings = { [SASL_TLS_EXPORTER] = { .n = 8, .bytes = "exporter" } } });
		server_feed_text(&s, CLIENT_HEADER);
		for (size_t i = 0; i < ARRAY_LEN(x); i++) {
			server_clear(&s);
			run_scram(&s, &(struct scram){
					      .mechanism = x[i].mechanism, .gs2 = x[i].gs2, .is_sasl2 = is_sasl2 });
			expect_failure(&s, "", x[i].failure, is_sasl2);
		}
		run_scram(&s, &(struct scram){ .mechanism = SASL_SCRAM_SHA_256_PLUS, .is_sasl2 = is_sasl2 });
		expect_jid(&s, "romeo@im.example");
		server_fini(&s);
	}
}

/* RFC 5802, 6 */
static void client_that_saw_no_binding_where_one_was_offered_is_refused(void **state)
{
	(void)state;
	FOR_EACH_PROFILE (is_sasl2) {
		for (enum sasl_mechanism m = SASL_SCRAM_SHA_512; m <= SASL_SCRAM_SHA_1; m++) {
			struct server s;
			open_bound(&s);
			run_scram(&s, &(struct scram){ .mechanism = m, .gs2 = STR("y,,"), .is_sasl2 = is_sasl2 });
			expect_failure(&s, "", "not-authorized", is_sasl2);
			server_fini(&s);
		}
		/* It is right where the host offers none. */
		struct server s;
		server_init(&s, RECEIVER_TLS_DIRECT, 1);
		s.mechanisms = ALL & ~SASL_PLUS_BITS;
		server_set_bindings(&s);
		server_feed_text(&s, CLIENT_HEADER);
		run_scram(&s, &(struct scram){ .gs2 = STR("y,,"), .is_sasl2 = is_sasl2 });
		expect_jid(&s, "romeo@im.example");
		server_fini(&s);
	}
}

#define CB(name) "<channel-binding type='" name "'/>"
#define CB_LIST(inside)                                                                                                \
	"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>" inside "</sasl-channel-binding>"
#define OFFER(list) SASL_LIST(list) SASL2_LIST(list, BIND2_FEATURE, "") LIMITS("8192", "") CONFIG_VERSION

/* XEP-0440 */
static void bindings_are_announced_with_what_needs_them(void **state)
{
	(void)state;
	static const struct {
		struct sasl_tls tls;
		unsigned mechanisms;
		const char *features;
	} x[] = {
		{ { .version = 0x0304, .bindings = { { .n = 1 }, { .n = 1 }, { .n = 1 } } },
			SASL_BIT(SASL_SCRAM_SHA_256) | SASL_PLUS_BITS,
			FEATURES(CB_LIST(CB("tls-exporter") CB("tls-server-end-point"))
					OFFER(LISTED("SCRAM-SHA-512-PLUS") LISTED("SCRAM-SHA-256-PLUS")
							LISTED("SCRAM-SHA-1-PLUS") LISTED("SCRAM-SHA-256"))) },
		{ { .version = 0x0303, .bindings = { [SASL_TLS_SERVER_END_POINT] = { .n = 1 } } },
			SASL_BIT(SASL_SCRAM_SHA_1_PLUS),
			FEATURES(CB_LIST(CB("tls-server-end-point")) OFFER(LISTED("SCRAM-SHA-1-PLUS"))) },
		/* Not without PLUS, and PLUS not without one that can be announced. */
		{ { .version = 0x0304, .bindings = { { .n = 1 }, { .n = 1 }, { .n = 1 } } },
			SASL_BIT(SASL_SCRAM_SHA_1), FEATURES(OFFER(LISTED("SCRAM-SHA-1"))) },
		{ { .version = 0x0304, .bindings = { [SASL_TLS_UNIQUE] = { .n = 1 } } },
			SASL_BIT(SASL_SCRAM_SHA_1) | SASL_PLUS_BITS, FEATURES(OFFER(LISTED("SCRAM-SHA-1"))) },
		/* What nobody may use needs no SASL2. */
		{ { .version = 0x0304 }, SASL_PLUS_BITS,
			FEATURES("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></mechanisms>" LIMITS("8192", "")) },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_DIRECT, 1);
		s.mechanisms = x[i].mechanisms;
		server_set_tls(&s, &x[i].tls);
		server_feed_text(&s, CLIENT_HEADER);
		struct arena *a = arena_new(4096, 1 << 16);
		server_expect(&s, arena_printf(a, "%s%s", SERVER_HEADER, x[i].features).p);
		arena_free(&a);
		server_fini(&s);
	}
}

/* T1: what was learnt before is not kept. */
static void tls_counts_from_the_handshake_on(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	s.mechanisms = ALL;
	server_set_bindings(&s);
	server_feed_text(&s, CLIENT_HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	server_clear(&s);
	server_feed_text(&s, CLIENT_HEADER);
	/* Too late. */
	receiver_tls_started(s.receiver, &(struct sasl_tls){ .version = 0x0304 });
	run_scram(&s, &(struct scram){ .mechanism = SASL_SCRAM_SHA_512_PLUS });
	expect_jid(&s, "romeo@im.example");
	server_fini(&s);
}

/* L3: XEP-0474 and XEP-0515. */
static void offer_and_version_are_in_the_first_answer(void **state)
{
	(void)state;
	static const struct str mechanisms[] = { STR_INIT("SCRAM-SHA-1"), STR_INIT("SCRAM-SHA-256-PLUS"), STR_INIT("PLAIN") };
	static const struct str bindings[] = { STR_INIT("tls-server-end-point"), STR_INIT("tls-exporter") };
	FOR_EACH_PROFILE (is_sasl2) {
		struct server s;
		struct scram_run run;
		struct scram_server_first m;
		server_init(&s, RECEIVER_TLS_DIRECT, 1);
		/* Tokens are in no list. */
		s.mechanisms = SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_PLAIN) |
			       SASL_TOKEN_BITS;
		server_set_bindings(&s);
		server_feed_text(&s, CLIENT_HEADER);
		send_first(&s, &run, &(struct scram){ .mechanism = SASL_SCRAM_SHA_256_PLUS, .is_sasl2 = is_sasl2 });
		run.challenge = read_challenge(&s, run.arena);
		assert_true(scram_server_first_parse(run.challenge, &m));
		assert_true(str_eq(m.tls_version, STR("0304")));
		assert_true(str_eq(m.list_hash,
			scram_list_hash(run.arena, DIGEST_SHA256, mechanisms, ARRAY_LEN(mechanisms), bindings, 2)));
		arena_free(&run.arena);
		server_fini(&s);
	}
	/* Without TLS there is no version, and no binding. */
	struct server s;
	struct scram_run run;
	struct scram_server_first m;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	s.mechanisms = ALL;
	server_feed_text(&s, CLIENT_HEADER);
	send_first(&s, &run, &(struct scram){ .mechanism = SASL_SCRAM_SHA_1 });
	run.challenge = read_challenge(&s, run.arena);
	static const struct str plain[] = { STR_INIT("SCRAM-SHA-512"), STR_INIT("SCRAM-SHA-256"), STR_INIT("SCRAM-SHA-1"),
		STR_INIT("PLAIN") };
	assert_true(scram_server_first_parse(run.challenge, &m));
	assert_true(str_is_empty(m.tls_version));
	assert_true(str_eq(m.list_hash, scram_list_hash(run.arena, DIGEST_SHA1, plain, 4, NULL, 0)));
	arena_free(&run.arena);
	server_fini(&s);
}

/* A configuration that changes meanwhile is for streams that come later: or else the hash above would accuse the wrong. */
static void offer_of_a_stream_does_not_change(void **state)
{
	(void)state;
	FOR_EACH_PROFILE (is_sasl2) {
		struct server s;
		open_bound(&s);
		s.mechanisms = SASL_BIT(SASL_ANONYMOUS);
		send_message(&s, SASL_ANONYMOUS, is_sasl2, STR(""));
		expect_failure(&s, "", "invalid-mechanism", is_sasl2);
		run_scram(&s, &(struct scram){ .mechanism = SASL_SCRAM_SHA_1_PLUS, .is_sasl2 = is_sasl2 });
		expect_jid(&s, "romeo@im.example");
		server_fini(&s);
	}
}

/* EXTERNAL. */

#define ROMEO  STR_INIT("romeo@im.example")
#define JULIET STR_INIT("juliet@im.example")

static void open_with_certificate(struct server *s, const struct str *addresses)
{
	size_t n = 0;
	while (addresses[n].p)
		n++;
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	s->mechanisms = ALL;
	server_set_tls(s, &(struct sasl_tls){ .version = 0x0304, .addresses = addresses, .address_count = n });
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

/* XEP-0178, 2, steps 10 and 11. */
static void certificate_logs_in_as_one_of_its_addresses(void **state)
{
	(void)state;
	static const struct {
		struct str addresses[4];
		struct str authzid;
		const char *jid; /* NULL: it fails */
		const char *transcript;
	} x[] = {
		{ { ROMEO }, STR_INIT(""), "romeo@im.example", "" },
		{ { STR_INIT("ROMEO@IM.example") }, STR_INIT("Romeo@im.example"), "romeo@im.example", "" },
		{ { ROMEO, JULIET }, STR_INIT("juliet@im.example"), "juliet@im.example", "" },
		/* Twice the same is one; one that is of no host here is none of an account here. */
		{ { ROMEO, STR_INIT("Romeo@im.example") }, STR_INIT(""), "romeo@im.example", "" },
		{ { STR_INIT("romeo@elsewhere.example"), ROMEO }, STR_INIT(""), "romeo@im.example", "" },
		{ { STR_INIT("im.example"), STR_INIT("romeo@im.example/x"), STR_INIT("@"), ROMEO }, STR_INIT(""),
			"romeo@im.example", "" },
		/* Several need a choice, on other hosts that are served here too. */
		{ { ROMEO, JULIET }, STR_INIT(""), NULL, "invalid-authzid" },
		{ { ROMEO, STR_INIT("romeo@other.example") }, STR_INIT(""), NULL, "invalid-authzid" },
		/* A2; and the stream is for one host. */
		{ { ROMEO }, STR_INIT("juliet@im.example"), NULL, "invalid-authzid" },
		{ { ROMEO, STR_INIT("romeo@other.example") }, STR_INIT("romeo@other.example"), NULL, "invalid-authzid" },
		{ { ROMEO }, STR_INIT("romeo@im.example/x"), NULL, "invalid-authzid" },
		{ { ROMEO }, STR_INIT("romeo"), NULL, "invalid-authzid" },
		{ { ROMEO }, STR_INIT("\377"), NULL, "invalid-authzid" },
		{ { ROMEO }, STR_INIT("romeo@im.example\0"), NULL, "invalid-authzid" },
		/* There is no such account. */
		{ { STR_INIT("tybalt@im.example") }, STR_INIT(""), NULL, "not-authorized" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		FOR_EACH_PROFILE (is_sasl2) {
			struct str addresses[5] = { { NULL, 0 } };
			struct server s;
			memcpy(addresses, x[i].addresses, sizeof(x[i].addresses));
			open_with_certificate(&s, addresses);
			send_message(&s, SASL_EXTERNAL, is_sasl2, x[i].authzid);
			if (x[i].jid)
				expect_jid(&s, x[i].jid);
			else
				expect_failure(&s, str_eq(x[i].addresses[0], STR("tybalt@im.example")) ? "[find tybalt@im.example]" : "",
					x[i].transcript, is_sasl2);
			server_fini(&s);
		}
	}
}

static void certificate_is_offered_only_for_its_host(void **state)
{
	(void)state;
	static const struct str elsewhere[] = { STR_INIT("romeo@other.example"), STR_INIT("im.example"),
		STR_INIT("romeo@im.example.org"), { NULL, 0 } };
	static const struct str here[] = { ROMEO, { NULL, 0 } };
	struct server s;
	open_with_certificate(&s, elsewhere);
	send_message(&s, SASL_EXTERNAL, false, STR("romeo@other.example"));
	server_expect(&s, FAILURE("invalid-mechanism"));
	send_message(&s, SASL_EXTERNAL, true, STR(""));
	server_expect(&s, FAILURE2("invalid-mechanism"));
	server_fini(&s);
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.mechanisms = SASL_BIT(SASL_EXTERNAL);
	server_set_tls(&s, &(struct sasl_tls){ .version = 0x0304, .addresses = here, .address_count = 1 });
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, SERVER_HEADER FEATURES(OFFER(LISTED("EXTERNAL"))));
	/* "=" is an empty answer; none at all is asked for. */
	server_feed_text(&s, SASL_EMPTY("auth", " mechanism='EXTERNAL'"));
	server_expect(&s, SASL_EMPTY("challenge", ""));
	server_feed_text(&s, SASL("response", "", "="));
	server_expect(&s, "[find romeo@im.example]" SASL_EMPTY("success", "") "[login romeo@im.example EXTERNAL]");
	server_fini(&s);
}

/* Storage may not be asked without end here either. */
static void certificates_count_as_tries(void **state)
{
	(void)state;
	static const struct str addresses[] = { STR_INIT("tybalt@im.example"), { NULL, 0 } };
	struct server s;
	open_with_certificate(&s, addresses);
	for (int i = 0; i < 3; i++)
		send_message(&s, SASL_EXTERNAL, i & 1, STR(""));
	assert_int_equal(s.last, RECEIVER_FAILED);
	server_fini(&s);
}

/* ANONYMOUS. */

static void open_anonymous(struct server *s, uint64_t seed)
{
	server_init(s, RECEIVER_TLS_DIRECT, seed);
	s->mechanisms = SASL_BIT(SASL_ANONYMOUS);
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

/* XEP-0175, 3 and 4; the localpart is a UUID of version 4. */
static void anybody_becomes_somebody_new(void **state)
{
	(void)state;
	static const char *const logins[] = {
		SASL_EMPTY("auth", " mechanism='ANONYMOUS'"),
		SASL("auth", " mechanism='ANONYMOUS'", "="),
		/* romeo: trace data is not a name. */
		SASL("auth", " mechanism='ANONYMOUS'", "cm9tZW8="),
		SASL2_EMPTY("authenticate", " mechanism='ANONYMOUS'"),
		SASL2("authenticate", " mechanism='ANONYMOUS'", "<initial-response>cm9tZW8=</initial-response>"),
	};
	for (size_t i = 0; i < 2 * ARRAY_LEN(logins); i++) {
		struct server s;
		open_anonymous(&s, i);
		server_feed_text(&s, logins[i / 2]);
		assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
		struct str local = jid_local(receiver_jid(s.receiver));
		assert_int_equal(local.n, 36);
		assert_int_equal(local.p[14], '4');
		assert_non_null(strchr("89ab", local.p[19]));
		assert_true(local.p[8] == '-' && local.p[13] == '-' && local.p[18] == '-' && local.p[23] == '-');
		assert_true(str_eq(jid_domain(receiver_jid(s.receiver)), STR("im.example")));
		server_fini(&s);
	}
	struct server s, other;
	open_anonymous(&s, 1);
	open_anonymous(&other, 2);
	server_feed_text(&s, logins[0]);
	server_feed_text(&other, logins[0]);
	assert_false(jid_equal(receiver_jid(s.receiver), receiver_jid(other.receiver)));
	server_fini(&s);
	server_fini(&other);
}

static void nobody_is_let_in_unasked(void **state)
{
	(void)state;
	struct server s;
	open_bound(&s);
	server_feed_text(&s, SASL_EMPTY("auth", " mechanism='ANONYMOUS'"));
	server_expect(&s, FAILURE("invalid-mechanism"));
	server_feed_text(&s, SASL2_EMPTY("authenticate", " mechanism='ANONYMOUS'"));
	server_expect(&s, FAILURE2("invalid-mechanism"));
	server_fini(&s);
}

/* The keys of whom PLAIN is compared with: SHA-256, SHA-512, SHA-1, the first that is there. */
static void plain_takes_the_keys_that_are_there(void **state)
{
	(void)state;
	static const struct {
		unsigned missing;
		const char *transcript;
	} x[] = {
		{ 0, "[find romeo@im.example][hash sha-256]" },
		{ 1u << DIGEST_SHA256, "[find romeo@im.example][hash sha-512]" },
		{ 1u << DIGEST_SHA256 | 1u << DIGEST_SHA512, "[find romeo@im.example][hash sha-1]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_bound(&s);
		for (enum digest d = 0; d < DIGESTS; d++)
			s.romeo.keys[d].is_set = !(x[i].missing & 1u << d);
		server_feed_text(&s, PLAIN_AUTH);
		assert_true(str_has_prefix(buf_str(&s.transcript), str_from_c(x[i].transcript)));
		expect_jid(&s, "romeo@im.example");
		server_fini(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bound_login_works_with_each_binding_and_hash),
		cmocka_unit_test(bound_login_may_come_in_pieces_of_any_size),
		cmocka_unit_test(unbound_login_works_where_binding_is_offered),
		cmocka_unit_test(other_binding_data_fails),
		cmocka_unit_test(bindings_that_cannot_be_are_refused_without_counting),
		cmocka_unit_test(client_that_saw_no_binding_where_one_was_offered_is_refused),
		cmocka_unit_test(bindings_are_announced_with_what_needs_them),
		cmocka_unit_test(tls_counts_from_the_handshake_on),
		cmocka_unit_test(offer_and_version_are_in_the_first_answer),
		cmocka_unit_test(offer_of_a_stream_does_not_change),
		cmocka_unit_test(certificate_logs_in_as_one_of_its_addresses),
		cmocka_unit_test(certificate_is_offered_only_for_its_host),
		cmocka_unit_test(certificates_count_as_tries),
		cmocka_unit_test(anybody_becomes_somebody_new),
		cmocka_unit_test(nobody_is_let_in_unasked),
		cmocka_unit_test(plain_takes_the_keys_that_are_there),
	};
	return cmocka_run_group_tests_name("stream/receiver_mechanisms", tests, NULL, NULL);
}
