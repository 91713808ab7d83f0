/* How the initiator logs in by SASL, against servers that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/liar.h"

#include "lib/base/base64.h"
#include "lib/stream/limits.h"
#include "lib/stream/scram.h"

#include <stdio.h>
#include <string.h>

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
	c.config.sasl2 = INITIATOR_SASL2_NEVER;
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
		c.config.sasl2 = INITIATOR_SASL2_NEVER;
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

#define SASL_NS "urn:ietf:params:xml:ns:xmpp-sasl"

enum fake_end { SIGNED, UNSIGNED, WRONGLY_SIGNED, SIGNED_IN_CHALLENGE, WRONGLY_IN_CHALLENGE, EARLY };

struct fake {
	struct liar liar;
	enum fake_end end;
};

static void run_fake(struct client *c, const struct fake *f)
{
	struct liar l = f->liar;
	l.digest = DIGEST_SHA256;
	client_init(c, "romeo@im.example", INITIATOR_TLS_NONE, SASL_BIT(SASL_SCRAM_SHA_256));
	client_feed_text(c, FROM_SERVER MECHANISM("SCRAM-SHA-256"));
	if (f->end == EARLY) {
		liar_say(c, SASL_NS, "success", STR(""));
		return;
	}
	liar_challenge(c, &l, SASL_NS, "auth");
	assert_true(str_eq(l.first.gs2, STR("n,,")));
	if (c->last != INITIATOR_IDLE)
		return;
	bool is_challenge = f->end == SIGNED_IN_CHALLENGE || f->end == WRONGLY_IN_CHALLENGE;
	struct str v = liar_signature(c, &l, f->end != WRONGLY_SIGNED && f->end != WRONGLY_IN_CHALLENGE);
	liar_say(c, SASL_NS, is_challenge ? "challenge" : "success", f->end == UNSIGNED ? STR("") : v);
}

static void honest_server_is_believed(void **state)
{
	(void)state;
	struct client c;
	run_fake(&c, &(struct fake){ .liar = { .iterations = 4096 } });
	client_expect(&c, "[login SCRAM-SHA-256]" TO_SERVER);
	client_fini(&c);
	/* RFC 6120, 6.3.10: without additional data with success. */
	run_fake(&c, &(struct fake){ .liar = { .iterations = 4096 }, .end = SIGNED_IN_CHALLENGE });
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
		{ { .liar = { .nonce = "another nonce", .iterations = 4096 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's challenge is malformed]" },
		{ { .liar = { .nonce = "anothernonce", .iterations = 4096 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's nonce does not continue ours]" },
		{ { .liar = { .nonce = "", .iterations = 4096 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's nonce does not continue ours]" },
		{ { .liar = { .salt = "c2FsdA", .iterations = 4096 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's salt is malformed]" },
		{ { .liar = { .iterations = 0 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server's challenge is malformed]" },
		{ { .liar = { .iterations = 4095 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server asks for too few iterations]" },
		{ { .liar = { .iterations = 100001 } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server asks for too many iterations]" },
		{ { .liar = { .iterations = UINT32_MAX } },
			SASL_EMPTY("abort", "") "</stream:stream>[failed: the server asks for too many iterations]" },
		{ { .liar = { .iterations = 4096 }, .end = EARLY },
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
		{ { .liar = { .iterations = 4096 }, .end = UNSIGNED },
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
		{ { .liar = { .iterations = 4096 }, .end = WRONGLY_IN_CHALLENGE },
			SASL_EMPTY("abort",
				"") "</stream:stream>[failed: the server did not prove that it knows the password]" },
		{ { .liar = { .iterations = 4096 }, .end = WRONGLY_SIGNED },
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		run_fake(&c, &x[i].fake);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}

/* What one login needs to be noticed, or not, as changed on its way. */
struct view {
	const char *features; /* as they arrived */
	const char *mechanism; /* begun with */
	const char *sent_mechanisms[4], *sent_bindings[4]; /* as they were sent */
	const char *version; /* that the server has; NULL: it does not say */
	bool has_hash;
	unsigned bindings; /* that we have */
	const char *why; /* NULL: it goes on */
};

static size_t names_of(const char *const words[4], struct str *names_r)
{
	size_t n = 0;
	while (n < 4 && words[n]) {
		names_r[n] = str_from_c(words[n]);
		n++;
	}
	return n;
}

static const char *protection(struct client *c, const struct view *v, enum digest d)
{
	struct str m[4], b[4];
	size_t mn = names_of(v->sent_mechanisms, m), bn = names_of(v->sent_bindings, b);
	struct str hash = scram_list_hash(c->arena, d, m, mn, b, bn);
	struct str more = arena_printf(c->arena, "%s" STR_FMT "%s%s", v->has_hash ? ",h=" : "",
		STR_ARG(v->has_hash ? hash : STR("")), v->version ? ",t=" : "", v->version ? v->version : "");
	return more.p;
}

static void check_view(const struct view *v)
{
	struct client c;
	enum sasl_mechanism m;
	char end[256];
	assert_true(sasl_mechanism_parse(str_from_c(v->mechanism), &m));
	client_init(&c, "romeo@im.example", INITIATOR_TLS_DIRECT, SASL_SCRAM_BITS);
	client_has_tls(&c, 0x0304, v->bindings);
	c.config.bindings = 7;
	client_feed_text(&c, FROM_SERVER "<stream:features>");
	client_feed_text(&c, v->features);
	client_feed_text(&c, "</stream:features>");
	struct liar l = { .digest = scram_digest(m), .iterations = 4096 };
	l.more = protection(&c, v, l.digest);
	liar_challenge(&c, &l, SASL_NS, "auth");
	if (v->why) {
		snprintf(end, sizeof(end), SASL_EMPTY("abort", "") "</stream:stream>[failed: %s]", v->why);
		client_expect(&c, end);
	} else {
		liar_say(&c, SASL_NS, "success", liar_signature(&c, &l, true));
		snprintf(end, sizeof(end), "[login %s", v->mechanism);
		assert_true(str_has_prefix(buf_str(&c.transcript), str_from_c(end)));
	}
	client_fini(&c);
}

#define OFFER_NAMES(a, b) SASL("mechanisms", "", "<mechanism>" a "</mechanism><mechanism>" b "</mechanism>")
#define OFFER_TYPE(type)                                                                                               \
	"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='" type "'/></sasl-channel-binding>"
#define OTHER_LISTS   "the server has offered other mechanisms than we have seen"
#define OTHER_VERSION "the server has another version of TLS than we have"

/* XEP-0474, 5.2; XEP-0515, 4.2; and rule 6 of XEP-0440. */
static void downgrade_ends_the_login(void **state)
{
	(void)state;
	static const struct view views[] = {
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-512"), "SCRAM-SHA-512", { "SCRAM-SHA-512", "SCRAM-SHA-1" }, { NULL },
			"0304", true, 0, NULL },
		{ OFFER_NAMES("SCRAM-SHA-1", "X-UNKNOWN"), "SCRAM-SHA-1", { "X-UNKNOWN", "SCRAM-SHA-1" }, { NULL }, NULL, true,
			0, NULL },
		/* A better mechanism was taken out; one was put in. */
		{ OFFER_NAMES("SCRAM-SHA-1", "PLAIN"), "SCRAM-SHA-1", { "SCRAM-SHA-1", "SCRAM-SHA-512" }, { NULL }, NULL, true,
			0, OTHER_LISTS },
		{ OFFER_NAMES("SCRAM-SHA-1", "PLAIN"), "SCRAM-SHA-1", { "SCRAM-SHA-1" }, { NULL }, NULL, true, 0,
			OTHER_LISTS },
		/* The types of binding. */
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS") OFFER_TYPE("tls-server-end-point"), "SCRAM-SHA-1-PLUS",
			{ "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS" }, { "tls-server-end-point" }, "0304", true, 7, NULL },
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS") OFFER_TYPE("tls-server-end-point"), "SCRAM-SHA-1-PLUS",
			{ "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS" }, { "tls-server-end-point", "tls-exporter" }, "0304", true, 7,
			OTHER_LISTS },
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"), "SCRAM-SHA-1", { "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS" },
			{ "tls-exporter" }, NULL, true, 3, OTHER_LISTS },
		/* None that we have, and not the one that all have: only if that is what was sent. */
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS") OFFER_TYPE("x"), "SCRAM-SHA-1",
			{ "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS" }, { "x" }, NULL, true, 3, NULL },
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS") OFFER_TYPE("x"), "SCRAM-SHA-1",
			{ "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS" }, { "tls-exporter" }, NULL, true, 3, OTHER_LISTS },
		{ OFFER_NAMES("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS") OFFER_TYPE("x"), "SCRAM-SHA-1", { NULL }, { NULL }, NULL,
			false, 3, "the server offers only channel bindings that we do not have" },
		/* TLS. */
		{ OFFER_NAMES("SCRAM-SHA-1", "PLAIN"), "SCRAM-SHA-1", { NULL }, { NULL }, "0304", false, 7, NULL },
		{ OFFER_NAMES("SCRAM-SHA-1", "PLAIN"), "SCRAM-SHA-1", { NULL }, { NULL }, "0303", false, 7, OTHER_VERSION },
		{ OFFER_NAMES("SCRAM-SHA-1", "PLAIN"), "SCRAM-SHA-1", { NULL }, { NULL }, "304", false, 7, OTHER_VERSION },
	};
	for (size_t i = 0; i < ARRAY_LEN(views); i++)
		check_view(&views[i]);
}

static void binding_is_part_of_the_proof(void **state)
{
	(void)state;
	struct client c;
	struct scram_client_final final;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_DIRECT, SASL_SCRAM_BITS);
	client_has_tls(&c, 0x0304, 3);
	c.config.bindings = 7;
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER_NAMES("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS") OFFER_TYPE("tls-exporter")));
	struct liar l = { .digest = DIGEST_SHA256, .iterations = 4096 };
	liar_challenge(&c, &l, SASL_NS, "auth");
	assert_true(str_eq(l.first.gs2, STR("p=tls-exporter,,")));
	assert_true(scram_client_final_parse(liar_hear(&c, "response"), &final));
	struct str expected = scram_binding_write(c.arena, l.first.gs2, &c.tls.bindings[SASL_TLS_EXPORTER]);
	assert_true(str_eq(final.binding, expected));
	liar_say(&c, SASL_NS, "success", liar_signature(&c, &l, true));
	client_expect(&c, "[login SCRAM-SHA-256-PLUS tls-exporter]" TO_SERVER_WITH("from='romeo@im.example' "));
	client_fini(&c);
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
	struct liar l = { .digest = DIGEST_SHA256, .iterations = 4096 };
	liar_challenge(&c, &l, SASL_NS, "auth");
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
		cmocka_unit_test(any_byte_may_be_wrong),
		cmocka_unit_test(wrong_password_is_refused),
		cmocka_unit_test(login_needs_a_mechanism),
		cmocka_unit_test(mechanisms_are_never_worse_than_allowed),
		cmocka_unit_test(password_that_cannot_be_one_is_not_sent),
		cmocka_unit_test(password_is_prepared),
		cmocka_unit_test(answers_to_plain),
		cmocka_unit_test(honest_server_is_believed),
		cmocka_unit_test(hostile_server_is_not_believed),
		cmocka_unit_test(downgrade_ends_the_login),
		cmocka_unit_test(binding_is_part_of_the_proof),
		cmocka_unit_test(talk_while_we_compute_is_bounded),
	};
	return cmocka_run_group_tests_name("stream/initiator_sasl", tests, NULL, NULL);
}
