/* How the initiator logs in: against a receiver, back to back; and against servers that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/client.h"

#include "lib/base/base64.h"
#include "lib/stream/limits.h"
#include "lib/stream/scram.h"

#include <stdio.h>
#include <string.h>

static void check_login(
	const char *jid, enum sasl_mechanism expected, unsigned mechanisms, enum initiator_tls tls, uint64_t seed)
{
	static const enum receiver_tls tls_of[] = { [INITIATOR_TLS_STARTTLS] = RECEIVER_TLS_STARTTLS,
		[INITIATOR_TLS_DIRECT] = RECEIVER_TLS_DIRECT,
		[INITIATOR_TLS_NONE] = RECEIVER_TLS_NONE };
	struct client c;
	struct server s;
	struct random_seeded seeded;
	random_seeded_init(&seeded, seed);
	struct random_source random = random_seeded_source(&seeded);
	client_init(&c, jid, tls, mechanisms);
	c.config.lang = STR("de");
	server_init(&s, tls_of[tls], seed);
	server_set_iterations(&s, 4096);
	client_converse(&c, &s, 1 + (size_t)random_below(&random, seed ? 100 : 4000), &random);
	assert_non_null(initiator_jid(c.initiator));
	assert_true(jid_equal_bare(initiator_jid(c.initiator), c.config.jid));
	assert_true(jid_equal(initiator_jid(c.initiator), receiver_jid(s.receiver)));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_BOUND);
	char login[64];
	snprintf(login, sizeof(login), "[login %s]", sasl_mechanism_name(expected).p);
	struct str t = buf_str(&c.transcript);
	assert_non_null(memmem(t.p, t.n, login, strlen(login)));
	/* Some talk, and the end. */
	client_clear(&c);
	server_clear(&s);
	buf_lit(&c.out, "<presence/>");
	buf_lit(&s.out, "<message from='im.example'><body>welcome</body></message><presence to='@'/>");
	initiator_close(c.initiator, &c.out);
	client_converse(&c, &s, 50, &random);
	assert_int_equal(c.last, INITIATOR_CLOSED);
	assert_int_equal(s.last, RECEIVER_CLOSED);
	client_expect(&c, "[stanza <message from='im.example'><body>welcome</body></message>]"
			  "[malformed <presence to='@'/>][closed]");
	client_fini(&c);
	server_fini(&s);
}

static void every_mechanism_works_with_every_kind_of_tls(void **state)
{
	(void)state;
	for (enum initiator_tls tls = INITIATOR_TLS_STARTTLS; tls <= INITIATOR_TLS_NONE; tls++) {
		for (uint64_t seed = 0; seed < 4; seed++) {
			for (enum sasl_mechanism m = SASL_SCRAM_SHA_256; m <= SASL_PLAIN; m++)
				check_login("romeo@im.example/balcony", m, SASL_BIT(m), tls, seed);
			/* The best one is taken. */
			check_login("romeo@im.example", SASL_SCRAM_SHA_256, ALL_MECHANISMS, tls, seed);
			check_login("juliet@im.example/x", SASL_SCRAM_SHA_1,
				SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_PLAIN), tls, seed);
		}
	}
}

/* What stands between the tags of an element of SASL. */
struct range {
	size_t from, to;
};

static struct range find_data(struct str all, const char *tag)
{
	const char *at = memmem(all.p, all.n, tag, strlen(tag));
	assert_non_null(at);
	struct range r = { .from = (size_t)(at - all.p) };
	r.from += str_index(str_from(all, r.from), '>') + 1;
	r.to = r.from + str_index(str_from(all, r.from), '<');
	return r;
}

static void hear_login(struct buf *heard)
{
	struct client c;
	struct server s;
	struct random_seeded seeded;
	random_seeded_init(&seeded, 1);
	struct random_source random = random_seeded_source(&seeded);
	client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_DIRECT, SASL_BIT(SASL_SCRAM_SHA_256));
	c.heard = heard;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_set_iterations(&s, 4096);
	client_converse(&c, &s, 4000, &random);
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_BOUND);
	client_fini(&c);
	server_fini(&s);
}

/* All that a server says in a login, with any one byte replaced. What SCRAM protects is protected: there is no login.
 */
static void any_byte_may_be_wrong(void **state)
{
	(void)state;
	static const char bytes[] = { '<', '&', '\'', 'x', '\377' };
	unsigned char salted[DIGEST_BYTES_MAX];
	struct buf heard;
	buf_init(&heard, 1 << 16);
	hear_login(&heard);
	struct str all = buf_str(&heard);
	char *p = heard.p + heard.start;
	struct range first = find_data(all, "<challenge"), last = find_data(all, "<success");
	digest_pbkdf2(DIGEST_SHA256, STR("pencil"), STR("romeos salt two."), 4096, salted);
	for (size_t i = 0; i < all.n * sizeof(bytes); i++) {
		size_t at = i / sizeof(bytes);
		char old = p[at];
		struct client c;
		client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_DIRECT, SASL_BIT(SASL_SCRAM_SHA_256));
		c.hash = salted;
		p[at] = bytes[i % sizeof(bytes)];
		client_feed(&c, all);
		struct str t = buf_str(&c.transcript);
		bool has_login = memmem(t.p, t.n, "[login", 6) != NULL;
		bool is_data = (at >= first.from && at < first.to) || (at >= last.from && at < last.to);
		if (is_data && has_login != (p[at] == old))
			fail_msg("byte %zu does not matter", at);
		p[at] = old;
		client_fini(&c);
	}
	buf_fini(&heard);
}

static void wrong_password_is_refused(void **state)
{
	(void)state;
	for (enum sasl_mechanism m = SASL_SCRAM_SHA_256; m <= SASL_PLAIN; m++) {
		struct client c;
		struct server s;
		struct random_seeded seeded;
		random_seeded_init(&seeded, 1);
		struct random_source random = random_seeded_source(&seeded);
		client_init(&c, "romeo@im.example", INITIATOR_TLS_STARTTLS, SASL_BIT(m));
		c.config.password = STR("pencils");
		server_init(&s, RECEIVER_TLS_STARTTLS, 1);
		server_set_iterations(&s, 4096);
		client_converse(&c, &s, 4000, &random);
		assert_int_equal(c.last, INITIATOR_FAILED);
		assert_true(str_has_suffix(buf_str(&c.transcript),
			STR("</stream:stream>[failed not-authorized: the server refused the login]")));
		assert_int_equal(s.last, RECEIVER_CLOSED);
		client_fini(&c);
		server_fini(&s);
	}
}

static void login_needs_a_mechanism(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<stream:features/>", "</stream:stream>[failed: the server offers no way to log in]" },
		{ FEATURES(SASL_EMPTY("mechanisms", "")), "</stream:stream>[failed: the server offers no way to log in]" },
		{ MECHANISM("DIGEST-MD5"), "</stream:stream>[failed: the server offers no mechanism that we may use]" },
		{ FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
			"</stream:stream>[failed: the server lets nobody log in without TLS]" },
		{ FEATURES("<mechanisms xmlns='urn:x'><mechanism>PLAIN</mechanism></mechanisms>"),
			"</stream:stream>[failed: the server offers no way to log in]" },
		{ "<message/>", ERROR("unsupported-stanza-type",
					"the server sent no features") "[failed unsupported-stanza-type: the server "
								       "sent no features]" },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, client_prepare_header);
}

static void mechanisms_are_never_worse_than_allowed(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, SASL_BIT(SASL_SCRAM_SHA_256));
	client_feed_text(&c, FROM_SERVER MECHANISM("PLAIN"));
	client_expect(&c, TO_SERVER "</stream:stream>[failed: the server offers no mechanism that we may use]");
	client_fini(&c);
}

static void password_that_cannot_be_one_is_not_sent(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	c.config.password = STR("a\007b");
	client_feed_text(&c, FROM_SERVER MECHANISM("PLAIN"));
	client_expect(&c, TO_SERVER "</stream:stream>[failed: the password has characters that none can have]");
	client_fini(&c);
}

/* SASLprep: a soft hyphen is nothing. */
static void password_is_prepared(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, SASL_BIT(SASL_PLAIN));
	c.config.password = STR("pen\302\255cil");
	client_feed_text(&c, FROM_SERVER MECHANISM("PLAIN"));
	client_expect(&c, TO_SERVER SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA=="));
	client_fini(&c);
}

static void answers_to_plain(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ SASL("success", "", "="), "[login PLAIN]" TO_SERVER },
		{ SASL_EMPTY("challenge", ""),
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server sent a challenge out of place]" },
		{ SASL("success", "", "%%"),
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's base64 is malformed]" },
		{ SASL("failure", "", "<account-disabled/><text>Call us</text>"),
			"</stream:stream>[failed account-disabled Call us: the server refused the login]" },
		{ SASL("failure", "", "<of-some-kind/>"),
			"</stream:stream>[failed not-authorized: the server refused the login]" },
		{ SASL_EMPTY("failure", ""), "</stream:stream>[failed not-authorized: the server refused the login]" },
		{ "<success xmlns='urn:x'/>",
			ERROR("unsupported-stanza-type",
				"an element that has no place in a login") "[failed unsupported-stanza-type: an "
									   "element that has no place in a login]" },
		{ "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		  "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>see you</text></stream:error></stream:stream>",
			"</stream:stream>[failed reset see you: the server sent a stream error]" },
		{ "</stream:stream>", "</stream:stream>[closed]" },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, client_prepare_plain);
}

/* The server's part of SCRAM, with room for it to be wrong. */
struct fake {
	const char *nonce; /* in place of ours and its own */
	const char *salt; /* in place of base64 */
	unsigned iterations;
	enum { SIGNED, UNSIGNED, WRONGLY_SIGNED, SIGNED_IN_CHALLENGE, WRONGLY_IN_CHALLENGE, EARLY } end;
};

static struct str last_data(struct client *c)
{
	struct str t = buf_str(&c->transcript);
	size_t to = t.n, from;
	while (to && t.p[to - 1] != '<')
		to--;
	assert_true(to > 0);
	for (from = to - 1; from && t.p[from - 1] != '>'; from--) {
	}
	struct str base64 = str_make(t.p + from, to - 1 - from);
	char *p = arena_alloc_bytes(c->arena, base64.n);
	size_t n;
	assert_true(base64_decode(base64, p, &n));
	return str_make(p, n);
}

static void say(struct client *c, const char *name, struct str data)
{
	struct str base64 = base64_dup(c->arena, data);
	client_clear(c);
	client_feed(c, arena_printf(c->arena, "<%s xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" STR_FMT "</%s>", name,
			       STR_ARG(base64), name));
}

static void finish(struct client *c, const struct fake *f, struct str first_bare, struct str challenge)
{
	struct scram_keys k = { .iterations = f->iterations, .salt_n = 4, .salt = "salt" };
	unsigned char signature[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX + 16];
	struct scram_client_final final;
	size_t n;
	assert_true(scram_client_final_parse(last_data(c), &final));
	assert_true(base64_decode(final.proof, proof, &n));
	assert_true(scram_keys_derive(&k, DIGEST_SHA256, STR("pencil")));
	struct str about = scram_auth_message(c->arena, first_bare, challenge, final.without_proof);
	assert_true(scram_verify(DIGEST_SHA256, &k, about, proof, signature));
	if (f->end == WRONGLY_SIGNED || f->end == WRONGLY_IN_CHALLENGE)
		signature[31] ^= 1;
	struct str base64 = base64_dup(c->arena, str_make(signature, 32));
	struct str v = arena_printf(c->arena, "v=" STR_FMT, STR_ARG(base64));
	if (f->end == SIGNED_IN_CHALLENGE || f->end == WRONGLY_IN_CHALLENGE)
		say(c, "challenge", v);
	else
		say(c, "success", f->end == UNSIGNED ? STR("") : v);
}

static void run_fake(struct client *c, const struct fake *f)
{
	struct scram_client_first first;
	client_init(c, "romeo@im.example", INITIATOR_TLS_NONE, SASL_BIT(SASL_SCRAM_SHA_256));
	client_feed_text(c, FROM_SERVER MECHANISM("SCRAM-SHA-256"));
	assert_true(scram_client_first_parse(last_data(c), &first));
	assert_true(str_eq(first.gs2, STR("n,,")));
	assert_true(str_eq(first.username, STR("romeo")));
	assert_true(first.nonce.n >= 22);
	if (f->end == EARLY) {
		say(c, "success", STR(""));
		return;
	}
	struct str nonce =
		f->nonce ? str_from_c(f->nonce) : arena_printf(c->arena, STR_FMT "server", STR_ARG(first.nonce));
	if (f->nonce && !*f->nonce)
		nonce = first.nonce;
	struct str challenge = arena_printf(
		c->arena, "r=" STR_FMT ",s=%s,i=%u", STR_ARG(nonce), f->salt ? f->salt : "c2FsdA==", f->iterations);
	say(c, "challenge", challenge);
	if (c->last == INITIATOR_IDLE)
		finish(c, f, first.bare, challenge);
}

static void honest_server_is_believed(void **state)
{
	(void)state;
	struct client c;
	run_fake(&c, &(struct fake){ .iterations = 4096 });
	client_expect(&c, "[login SCRAM-SHA-256]" TO_SERVER);
	client_fini(&c);
	/* RFC 6120, 6.3.10: without additional data with success. */
	run_fake(&c, &(struct fake){ .iterations = 4096, .end = SIGNED_IN_CHALLENGE });
	client_expect(&c, SASL_EMPTY("response", ""));
	client_feed_text(&c, SASL_EMPTY("success", ""));
	client_expect(&c, "[login SCRAM-SHA-256]" TO_SERVER);
	client_fini(&c);
}

static void hostile_server_is_not_believed(void **state)
{
	(void)state;
	static const struct {
		struct fake fake;
		const char *transcript;
	} x[] = {
		{ { .nonce = "another nonce", .iterations = 4096 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's challenge is malformed]" },
		{ { .nonce = "anothernonce", .iterations = 4096 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's nonce does not continue ours]" },
		{ { .nonce = "", .iterations = 4096 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's nonce does not continue ours]" },
		{ { .salt = "c2FsdA", .iterations = 4096 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's salt is malformed]" },
		{ { .iterations = 0 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's challenge is malformed]" },
		{ { .iterations = 4095 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server asks for too few iterations]" },
		{ { .iterations = 100001 },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server asks for too many iterations]" },
		{ { .iterations = UINT32_MAX },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server asks for too many iterations]" },
		{ { .iterations = 4096, .end = EARLY },
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
		{ { .iterations = 4096, .end = UNSIGNED },
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
		{ { .iterations = 4096, .end = WRONGLY_IN_CHALLENGE },
			SASL_EMPTY("abort",
				"") "</stream:stream>[failed: the server did not prove that it knows the password]" },
		{ { .iterations = 4096, .end = WRONGLY_SIGNED },
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		run_fake(&c, &x[i].fake);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}

static void talk_while_we_compute_is_bounded(void **state)
{
	(void)state;
	struct client c;
	struct xml_limits small = stream_limits_server;
	small.bytes = 1000;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, SASL_BIT(SASL_SCRAM_SHA_256));
	c.config.limits = &small;
	c.is_silent = true;
	client_feed_text(&c, FROM_SERVER MECHANISM("SCRAM-SHA-256"));
	struct scram_client_first first;
	assert_true(scram_client_first_parse(last_data(&c), &first));
	say(&c, "challenge", arena_printf(c.arena, "r=" STR_FMT "x,s=c2FsdA==,i=4096", STR_ARG(first.nonce)));
	assert_int_equal(c.last, INITIATOR_WAIT);
	client_clear(&c);
	char space[400];
	memset(space, ' ', sizeof(space));
	for (int i = 0; i < 3; i++)
		client_feed(&c, str_make(space, sizeof(space)));
	client_expect(&c, ERROR("policy-violation",
				  "too much was sent ahead") "[failed policy-violation: too much was sent ahead]");
	initiator_hashed(c.initiator, (const unsigned char[DIGEST_BYTES_MAX]){ 0 });
	client_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mechanism_works_with_every_kind_of_tls),
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(wrong_password_is_refused),
		cmocka_unit_test(login_needs_a_mechanism),
		cmocka_unit_test(mechanisms_are_never_worse_than_allowed),
		cmocka_unit_test(password_that_cannot_be_one_is_not_sent),
		cmocka_unit_test(password_is_prepared),
		cmocka_unit_test(answers_to_plain),
		cmocka_unit_test(honest_server_is_believed),
		cmocka_unit_test(hostile_server_is_not_believed),
		cmocka_unit_test(talk_while_we_compute_is_bounded),
	};
	return cmocka_run_group_tests_name("stream/initiator_sasl", tests, NULL, NULL);
}
