/* Initiator and receiver, back to back: each mechanism each way, what a returning client does, and how many flights it
 * needs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/client.h"

#include "lib/base/macros.h"
#include "lib/stream/limits.h"

#include <stdio.h>
#include <string.h>

#define JID       "romeo@im.example/balcony"
#define SCRAM_ALL (SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN))

/* The two of them, and the chance that cuts what they say. */
struct pair {
	struct client c;
	struct server s;
	struct random_seeded seeded;
	struct random_source random;
};

static void pair_init(struct pair *p, const char *jid, enum initiator_tls tls, unsigned mechanisms, uint64_t seed)
{
	static const enum receiver_tls of[] = { [INITIATOR_TLS_STARTTLS] = RECEIVER_TLS_STARTTLS,
		[INITIATOR_TLS_DIRECT] = RECEIVER_TLS_DIRECT,
		[INITIATOR_TLS_NONE] = RECEIVER_TLS_NONE };
	random_seeded_init(&p->seeded, seed);
	p->random = random_seeded_source(&p->seeded);
	client_init(&p->c, jid, tls, mechanisms);
	server_init(&p->s, of[tls], seed);
	server_set_iterations(&p->s, 4096);
	p->s.mechanisms = mechanisms;
}

static void pair_fini(struct pair *p)
{
	client_fini(&p->c);
	server_fini(&p->s);
}

/* The same connection below both. */
static void bind_pair(struct pair *p)
{
	server_set_bindings(&p->s);
	client_set_tls(&p->c, &p->s.tls);
	p->c.config.bindings = 7;
}

static void talk(struct pair *p)
{
	client_converse(&p->c, &p->s, 1 + (size_t)random_below(&p->random, 300), &p->random);
}

static bool heard(const struct client *c, const char *what)
{
	struct str t = buf_str(&c->transcript);
	return memmem(t.p, t.n, what, strlen(what)) != NULL;
}

static void expect_bound(struct pair *p, enum sasl_mechanism m)
{
	char login[64];
	const struct jid *jid = initiator_jid(p->c.initiator);
	snprintf(login, sizeof(login), "[login %s", sasl_mechanism_name(m).p);
	if (!jid || !heard(&p->c, login))
		fail_msg("%s: " STR_FMT, login, STR_ARG(buf_str(&p->c.transcript)));
	assert_int_equal(receiver_phase(p->s.receiver), RECEIVER_BOUND);
	assert_true(jid_equal(jid, receiver_jid(p->s.receiver)));
}

/* Some talk, and the end. */
static void say_good_bye(struct pair *p)
{
	client_clear(&p->c);
	server_clear(&p->s);
	buf_lit(&p->c.out, "<presence/>");
	buf_lit(&p->s.out, "<message from='im.example'><body>welcome</body></message><presence to='@'/>");
	initiator_close(p->c.initiator, &p->c.out);
	talk(p);
	assert_int_equal(p->c.last, INITIATOR_CLOSED);
	assert_int_equal(p->s.last, RECEIVER_CLOSED);
	client_expect(&p->c, "[stanza <message from='im.example'><body>welcome</body></message>]"
			     "[malformed <presence to='@'/>][closed]");
}

static void check_login(const char *jid, enum sasl_mechanism expected, unsigned mechanisms, enum initiator_tls tls,
	enum initiator_sasl2 sasl2, uint64_t seed)
{
	struct pair p;
	pair_init(&p, jid, tls, mechanisms, seed);
	p.c.config.lang = STR("de");
	p.c.config.sasl2 = sasl2;
	if (SASL_BIT(expected) & SASL_PLUS_BITS)
		bind_pair(&p);
	talk(&p);
	expect_bound(&p, expected);
	assert_true(jid_equal_bare(initiator_jid(p.c.initiator), p.c.config.jid));
	assert_int_equal(initiator_limits(p.c.initiator).max_bytes, stream_limits_client.bytes);
	say_good_bye(&p);
	pair_fini(&p);
}

static void every_mechanism_works_each_way_with_every_kind_of_tls(void **state)
{
	(void)state;
	for (enum initiator_tls tls = INITIATOR_TLS_STARTTLS; tls <= INITIATOR_TLS_NONE; tls++) {
		bool has_tls = tls != INITIATOR_TLS_NONE;
		for (enum initiator_sasl2 way = has_tls ? INITIATOR_SASL2_REQUIRED : INITIATOR_SASL2_NEVER;
			way <= INITIATOR_SASL2_NEVER; way++) {
			for (enum sasl_mechanism m = has_tls ? SASL_SCRAM_SHA_512_PLUS : SASL_SCRAM_SHA_512;
				m <= SASL_PLAIN; m++)
				check_login(JID, m, SASL_BIT(m), tls, way, tls + 2 * (uint64_t)m);
			/* The best one is taken. */
			check_login("romeo@im.example", has_tls ? SASL_SCRAM_SHA_512_PLUS : SASL_SCRAM_SHA_512,
				has_tls ? SCRAM_ALL : SCRAM_ALL & ~SASL_PLUS_BITS, tls, way, 1);
			check_login("juliet@im.example/x", SASL_SCRAM_SHA_1,
				SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_PLAIN), tls, way, 2);
		}
	}
}

static void each_binding_binds(void **state)
{
	(void)state;
	for (unsigned b = SASL_TLS_EXPORTER; b <= SASL_TLS_SERVER_END_POINT; b++) {
		struct pair p;
		char login[64];
		pair_init(&p, JID, INITIATOR_TLS_DIRECT, SCRAM_ALL, b);
		bind_pair(&p);
		p.c.config.bindings = 1u << b;
		talk(&p);
		snprintf(login, sizeof(login), "[login SCRAM-SHA-512-PLUS %s",
			sasl_binding_name((enum sasl_binding)b).p);
		assert_true(heard(&p.c, login));
		pair_fini(&p);
	}
}

/* Somebody stands between: two connections with other bindings. */
static void two_connections_are_not_one(void **state)
{
	(void)state;
	for (int other = 0; other < 3; other++) {
		struct pair p;
		pair_init(&p, JID, INITIATOR_TLS_DIRECT, SASL_SCRAM_BITS, 1);
		bind_pair(&p);
		struct sasl_tls tls = p.s.tls;
		if (other == 0)
			tls.bindings[SASL_TLS_EXPORTER].bytes[0] ^= 1;
		else if (other == 1)
			tls.version = 0x0303;
		else
			tls.bindings[SASL_TLS_EXPORTER].n--;
		client_set_tls(&p.c, &tls);
		talk(&p);
		assert_int_equal(p.c.last, INITIATOR_FAILED);
		assert_null(initiator_jid(p.c.initiator));
		pair_fini(&p);
	}
}

static void certificates_and_nobodies_log_in(void **state)
{
	(void)state;
	static const struct str address = STR_INIT("romeo@im.example");
	for (enum initiator_sasl2 way = INITIATOR_SASL2_REQUIRED; way <= INITIATOR_SASL2_NEVER; way++) {
		for (int says_who = 0; says_who < 2; says_who++) {
			struct pair p;
			pair_init(&p, JID, INITIATOR_TLS_DIRECT, SCRAM_ALL | SASL_BIT(SASL_EXTERNAL), 1);
			server_set_tls(&p.s,
				&(struct sasl_tls){ .version = 0x0304, .addresses = &address, .address_count = 1 });
			p.c.config.sasl2 = way;
			p.c.config.says_who = says_who;
			talk(&p);
			expect_bound(&p, SASL_EXTERNAL);
			pair_fini(&p);
		}
		struct pair p;
		pair_init(&p, "im.example", INITIATOR_TLS_DIRECT, SASL_BIT(SASL_ANONYMOUS), 1);
		p.c.config.sasl2 = way;
		talk(&p);
		expect_bound(&p, SASL_ANONYMOUS);
		assert_true(str_eq(jid_domain(initiator_jid(p.c.initiator)), STR("im.example")));
		pair_fini(&p);
	}
}

/* Returning. */

#define FAST_BITS (SCRAM_ALL | SASL_TOKEN_BITS)

static void begin_phone(struct pair *p, uint64_t seed)
{
	pair_init(p, "romeo@im.example", INITIATOR_TLS_DIRECT, FAST_BITS, seed);
	bind_pair(p);
	p->c.config.mechanisms = SCRAM_ALL;
	p->c.config.client = STR(SERVER_CLIENT);
	p->c.config.binds = true;
	p->c.config.tag = STR("Linnet");
	p->c.config.wanted_tokens = SASL_TOKEN_BITS;
	p->s.new_token = "a token of the server";
}

/* The server keeps what it gave; the phone comes with it, and with what it has learnt. */
static void come_back(struct pair *p)
{
	if (p->c.token.n)
		p->s.tokens[SASL_TOKEN_CURRENT] = p->c.token;
	p->c.config.token = p->c.token.n ? &p->c.token : NULL;
	p->c.config.known = p->c.offer.version.p ? &p->c.offer : NULL;
	client_renew(&p->c);
	receiver_free(&p->s.receiver);
	p->s.receiver = receiver_new(&p->s.config);
	server_clear(&p->s);
	server_set_tls(&p->s, &p->s.tls);
}

/* Each side in turn says all it has. How often the client did. */
static unsigned count_flights(struct pair *p)
{
	unsigned flights = 0;
	client_go_on(&p->c);
	while (buf_len(&p->c.out)) {
		struct arena *a = arena_new(4096, SIZE_MAX / 2);
		struct str said = arena_dup(a, buf_str(&p->c.out));
		buf_clear(&p->c.out);
		flights++;
		server_feed(&p->s, said);
		said = arena_dup(a, buf_str(&p->s.out));
		buf_clear(&p->s.out);
		client_feed(&p->c, said);
		arena_free(&a);
	}
	return flights;
}

static void returning_phone_is_online_in_one_round_trip(void **state)
{
	(void)state;
	struct pair p;
	begin_phone(&p, 1);
	/* Header; login; proof. */
	assert_int_equal(count_flights(&p), 3);
	expect_bound(&p, SASL_SCRAM_SHA_512_PLUS);
	assert_int_equal(p.c.token.mechanism, SASL_HT_SHA_256_EXPR);
	assert_true(heard(&p.c, "[ready romeo@im.example/Linnet/1]"));
	come_back(&p);
	assert_int_equal(count_flights(&p), 1);
	expect_bound(&p, SASL_HT_SHA_256_EXPR);
	assert_true(heard(&p.c, "[ready romeo@im.example/Linnet/1]"));
	/* By password it takes the proof, too; and by the older way all that it ever took. */
	come_back(&p);
	p.c.config.token = NULL;
	assert_int_equal(count_flights(&p), 2);
	expect_bound(&p, SASL_SCRAM_SHA_512_PLUS);
	come_back(&p);
	p.c.config.sasl2 = INITIATOR_SASL2_NEVER;
	assert_int_equal(count_flights(&p), 5);
	expect_bound(&p, SASL_SCRAM_SHA_512_PLUS);
	pair_fini(&p);
}

static void server_that_has_changed_costs_one_round_trip_more(void **state)
{
	(void)state;
	struct pair p;
	begin_phone(&p, 1);
	count_flights(&p);
	come_back(&p);
	p.s.mechanisms &= ~SASL_BIT(SASL_SCRAM_SHA_1);
	assert_int_equal(count_flights(&p), 2);
	expect_bound(&p, SASL_HT_SHA_256_EXPR);
	/* The next time it knows. */
	come_back(&p);
	assert_int_equal(count_flights(&p), 1);
	expect_bound(&p, SASL_HT_SHA_256_EXPR);
	pair_fini(&p);
}

static void revoked_token_is_replaced_by_the_password(void **state)
{
	(void)state;
	for (int is_early = 0; is_early < 2; is_early++) {
		struct pair p;
		begin_phone(&p, 1);
		count_flights(&p);
		come_back(&p);
		if (!is_early)
			p.c.config.known = NULL;
		memset(p.s.tokens, 0, sizeof(p.s.tokens));
		talk(&p);
		expect_bound(&p, SASL_SCRAM_SHA_512_PLUS);
		assert_true(heard(&p.c, " refused HT-SHA-256-EXPR a token of the server " SERVER_EXPIRY "]"));
		pair_fini(&p);
	}
}

static void tokens_of_other_connections_are_bound_to_this_one(void **state)
{
	(void)state;
	struct pair p;
	begin_phone(&p, 1);
	count_flights(&p);
	come_back(&p);
	p.c.tls.bindings[SASL_TLS_EXPORTER].bytes[0] ^= 1;
	client_set_tls(&p.c, &p.c.tls);
	p.c.config.bindings = 0;
	p.c.config.mechanisms = SASL_BIT(SASL_PLAIN);
	p.c.config.known = NULL;
	client_renew(&p.c);
	talk(&p);
	assert_true(heard(&p.c, " refused"));
	pair_fini(&p);
}

static void token_is_invalidated(void **state)
{
	(void)state;
	struct pair p;
	begin_phone(&p, 1);
	count_flights(&p);
	come_back(&p);
	p.c.config.invalidates = true;
	talk(&p);
	expect_bound(&p, SASL_HT_SHA_256_EXPR);
	struct str t = buf_str(&p.s.transcript);
	assert_non_null(memmem(t.p, t.n, " used current invalidate]", 25));
	pair_fini(&p);
}

/* All that a server says to a returning phone, with any one byte replaced: what it proves its knowledge of the token with is
 * looked at to the last bit, and nothing else does any harm. */
static void any_byte_of_a_login_by_token_may_be_wrong(void **state)
{
	(void)state;
	static const char bytes[] = { '<', '>', '&', '\'', '/', 'x', '\0', '\377' };
	static const char tag[] = "<additional-data>";
	struct pair p;
	struct buf heard_bytes;
	buf_init(&heard_bytes, 1 << 20);
	begin_phone(&p, 1);
	count_flights(&p);
	come_back(&p);
	p.c.heard = &heard_bytes;
	count_flights(&p);
	p.c.heard = NULL;
	expect_bound(&p, SASL_HT_SHA_256_EXPR);
	struct str all = buf_str(&heard_bytes);
	char *said = heard_bytes.p + heard_bytes.start;
	const char *at = memmem(all.p, all.n, tag, sizeof(tag) - 1);
	assert_non_null(at);
	size_t from = (size_t)(at - all.p) + sizeof(tag) - 1, to = from + str_index(str_from(all, from), '<');
	for (size_t i = 0; i < all.n * sizeof(bytes); i++) {
		size_t where = i / sizeof(bytes);
		char old = said[where];
		said[where] = bytes[i % sizeof(bytes)];
		client_renew(&p.c);
		client_feed(&p.c, all);
		if (where >= from && where < to && heard(&p.c, "[login HT-") != (said[where] == old))
			fail_msg("byte %zu does not matter", where);
		said[where] = old;
	}
	buf_fini(&heard_bytes);
	pair_fini(&p);
}

static void keys_are_added_by_an_upgrade(void **state)
{
	(void)state;
	struct pair p;
	pair_init(&p, JID, INITIATOR_TLS_DIRECT, SASL_BIT(SASL_SCRAM_SHA_1), 1);
	p.s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_512);
	p.s.romeo.keys[DIGEST_SHA256].is_set = p.s.romeo.keys[DIGEST_SHA512].is_set = false;
	p.c.config.upgrades = SASL_SCRAM_BITS;
	p.c.config.client = STR(SERVER_CLIENT);
	talk(&p);
	expect_bound(&p, SASL_SCRAM_SHA_1);
	for (enum digest d = DIGEST_SHA256; d <= DIGEST_SHA512; d++) {
		struct scram_keys made = p.s.upgraded.keys[d];
		assert_true(made.is_set);
		assert_true(scram_keys_derive(&made, d, STR("pencil")));
		assert_memory_equal(made.stored_key, p.s.upgraded.keys[d].stored_key, digest_bytes(d));
	}
	pair_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mechanism_works_each_way_with_every_kind_of_tls),
		cmocka_unit_test(each_binding_binds),
		cmocka_unit_test(two_connections_are_not_one),
		cmocka_unit_test(certificates_and_nobodies_log_in),
		cmocka_unit_test(returning_phone_is_online_in_one_round_trip),
		cmocka_unit_test(server_that_has_changed_costs_one_round_trip_more),
		cmocka_unit_test(revoked_token_is_replaced_by_the_password),
		cmocka_unit_test(tokens_of_other_connections_are_bound_to_this_one),
		cmocka_unit_test(token_is_invalidated),
		cmocka_unit_test(any_byte_of_a_login_by_token_may_be_wrong),
		cmocka_unit_test(keys_are_added_by_an_upgrade),
	};
	return cmocka_run_group_tests_name("stream/initiator_receiver", tests, NULL, NULL);
}
