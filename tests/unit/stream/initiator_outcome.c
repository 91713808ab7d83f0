/* Logins by SASL2 from the client's side: what is asked for, what a server may answer, tokens, upgrades and early
 * logins; against servers that are honest, and others. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/liar.h"

#include "lib/base/base64.h"
#include "lib/base/macros.h"
#include "lib/stream/ht.h"
#include "lib/stream/limits.h"

#include <stdio.h>
#include <string.h>

#define NS2       "urn:xmpp:sasl:2"
#define NS_ATTR   " xmlns='" NS2 "'"
#define CLIENT_ID "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define HEADER2   TO_SERVER_WITH("from='romeo@im.example' ")
#define INLINE(x) "<inline>" x "</inline>"
#define BIND2     "<bind xmlns='urn:xmpp:bind:0'/>"
#define FAST                                                                                                           \
	"<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism><mechanism>HT-SHA-256-EXPR</mechanism>"   \
	"<mechanism>HT-SHA-256-ENDP</mechanism></fast>"
#define OFFER2(inside) "<authentication" NS_ATTR ">" inside "</authentication>"
#define PLAIN2         "<mechanism>PLAIN</mechanism>"
#define SCRAM2         "<mechanism>SCRAM-SHA-256</mechanism>"
#define TYPES                                                                                                          \
	"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding "                                           \
	"type='tls-exporter'/></sasl-channel-binding>"
#define VERSION(v)                      "<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='" v "'/>"
#define SUCCESS(inside)                 "<success" NS_ATTR ">" inside "</success>"
#define IDENTIFIER(jid)                 "<authorization-identifier>" jid "</authorization-identifier>"
#define FAILURE2(inside)                "<failure" NS_ATTR ">" inside "</failure>"
#define CONDITION(name)                 "<" name " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
#define PLAIN_DATA                      "<initial-response>AHJvbWVvAHBlbmNpbA==</initial-response>"
#define AUTHENTICATE(mechanism, inside) "<authenticate" NS_ATTR " mechanism='" mechanism "'>" inside "</authenticate>"
#define ABORT2                          "<abort" NS_ATTR "/></stream:stream>"

static void start(struct client *c, unsigned mechanisms)
{
	client_init(c, "romeo@im.example/balcony", INITIATOR_TLS_DIRECT, mechanisms);
	client_has_tls(c, 0x0304, 3);
	c->config.bindings = 7;
	c->config.sasl2 = INITIATOR_SASL2_REQUIRED;
}

static void prepare_plain2(struct client *c)
{
	client_feed_text(c, FROM_SERVER FEATURES(OFFER2(PLAIN2)));
	client_expect(c, HEADER2 AUTHENTICATE("PLAIN", PLAIN_DATA));
}

/* Each is fed to a client that has begun with PLAIN, and asked for nothing more. */
static void answers_to_the_login(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ SUCCESS(IDENTIFIER("romeo@im.example")), "[login PLAIN]" },
		/* The resource comes as it always did. */
		{ SUCCESS(IDENTIFIER("romeo@im.example")) BIND_OFFER, "[login PLAIN]" BIND_SENT },
		{ SUCCESS(IDENTIFIER("romeo@im.example/x")) BIND_OFFER, "[login PLAIN]" BIND_SENT },
		{ SUCCESS(IDENTIFIER("romeo@im.example")) "<stream:features/>",
			"[login PLAIN]</stream:stream>[failed: the server does not let us bind a resource]" },
		{ SUCCESS(IDENTIFIER("romeo@im.example")) "<message/>",
			"[login PLAIN]" ERROR("unsupported-stanza-type",
				"the server sent no features") "[failed unsupported-stanza-type: the server sent no "
							       "features]" },
		{ SUCCESS(""), "</stream:stream>[failed: the server bound no address to us]" },
		{ SUCCESS("<additional-data>%</additional-data>" IDENTIFIER("romeo@im.example")),
			ABORT2 "[failed: the server's base64 is malformed]" },
		/* Nobody has asked for a token. */
		{ SUCCESS(IDENTIFIER("romeo@im.example") "<token xmlns='urn:xmpp:fast:0' token='t' expiry='e'/>"),
			"[login PLAIN]" },
		{ "<challenge" NS_ATTR ">eA==</challenge>",
			ABORT2 "[failed: the server sent a challenge out of place]" },
		{ "<task-data" NS_ATTR "/>", ABORT2 "[failed: the server's task is malformed]" },
		{ "<continue" NS_ATTR "><tasks><task>TOTP</task></tasks></continue>",
			ABORT2 "[failed: the server has a task that we cannot do]" },
		{ "<continue" NS_ATTR "/>", ABORT2 "[failed: the server has a task that we cannot do]" },
		/* Never asked for: PLAIN proves nothing. */
		{ "<continue" NS_ATTR "><tasks><task>UPGR-SCRAM-SHA-512</task></tasks></continue>",
			ABORT2 "[failed: the server has a task that we cannot do]" },
		{ FAILURE2(CONDITION("account-disabled") "<text>Call us</text><quota xmlns='urn:x'/>"),
			"</stream:stream>[failed account-disabled Call us quota: the server refused the login]" },
		{ FAILURE2("<text xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>No</text>" CONDITION("of-some-kind")),
			"</stream:stream>[failed not-authorized No: the server refused the login]" },
		{ FAILURE2(""), "</stream:stream>[failed not-authorized: the server refused the login]" },
		/* Not in an early login: a failure like others. */
		{ FAILURE2(CONDITION("aborted") "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>"),
			"</stream:stream>[failed aborted config-version-mismatch: the server refused the login]" },
		/* The other way's elements have no place in this one. */
		{ SASL_EMPTY("success", ""),
			ERROR("unsupported-stanza-type",
				"an element that has no place in a login") "[failed unsupported-stanza-type: an "
									   "element that has no place in a login]" },
		{ "</stream:stream>", "</stream:stream>[closed]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		start(&c, SASL_BIT(SASL_PLAIN));
		prepare_plain2(&c);
		client_feed_text(&c, x[i].in);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}

/* All that can be asked for, and all that is not offered. */
static void what_is_asked_for_depends_on_the_offer(void **state)
{
	(void)state;
	static const struct {
		const char *features, *sent;
	} x[] = {
		{ OFFER2(PLAIN2), "" },
		{ OFFER2(PLAIN2 INLINE(BIND2)), "<bind xmlns='urn:xmpp:bind:0'><tag>L&amp;t</tag></bind>" },
		{ OFFER2(PLAIN2 INLINE(FAST BIND2)),
			"<bind xmlns='urn:xmpp:bind:0'><tag>L&amp;t</tag></bind>"
			"<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>" },
		{ OFFER2(PLAIN2 INLINE("<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism>"
				       "<mechanism>PLAIN</mechanism></fast>")),
			"<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>" },
		{ OFFER2(PLAIN2 INLINE("<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-X</mechanism></fast>")), "" },
		/* PLAIN needs no upgrade: the server sees the password. */
		{ OFFER2(PLAIN2 "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>"), "" },
		/* The version is for those who guess. */
		{ OFFER2(PLAIN2) VERSION("v"), "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		char expected[1024];
		start(&c, SASL_BIT(SASL_PLAIN));
		c.config.client = STR(CLIENT_ID);
		c.config.software = STR("Linnet");
		c.config.device = STR("<phone>");
		c.config.binds = true;
		c.config.tag = STR("L&t");
		c.config.wanted_tokens = SASL_TOKEN_BITS;
		c.config.upgrades = SASL_SCRAM_BITS;
		client_feed_text(&c, FROM_SERVER "<stream:features>");
		client_feed_text(&c, x[i].features);
		client_feed_text(&c, "</stream:features>");
		snprintf(expected, sizeof(expected),
			HEADER2 AUTHENTICATE("PLAIN",
				PLAIN_DATA "<user-agent id='" CLIENT_ID "'><software>Linnet</software>"
					   "<device>&lt;phone&gt;</device></user-agent>%s"),
			x[i].sent);
		client_expect(&c, expected);
		client_fini(&c);
	}
}

static void prepare_bind2(struct client *c)
{
	start(c, SASL_BIT(SASL_PLAIN));
	c->config.binds = true;
	client_feed_text(c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(BIND2))));
	client_expect(c, HEADER2 AUTHENTICATE("PLAIN", PLAIN_DATA "<bind xmlns='urn:xmpp:bind:0'></bind>"));
}

#define BOUND(jid) SUCCESS(IDENTIFIER(jid) "<bound xmlns='urn:xmpp:bind:0'/>")

static void resource_comes_with_the_login(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		/* Ready when the features are there: what the server will take is in them. */
		{ BOUND("romeo@im.example/L/1"), "[login PLAIN]" },
		{ BOUND("romeo@im.example/L/1") "<stream:features/>", "[login PLAIN][ready romeo@im.example/L/1]" },
		{ BOUND("\n romeo@im.example/L/1 ") BIND_OFFER "<message/>",
			"[login PLAIN][ready romeo@im.example/L/1][stanza <message/>]" },
		/* The server would rather have it asked for. */
		{ SUCCESS(IDENTIFIER("romeo@im.example")) BIND_OFFER, "[login PLAIN]" BIND_SENT },
		{ BOUND("romeo@im.example/"), "</stream:stream>[failed: the server bound no address to us]" },
		{ BOUND("im.example/x"), "</stream:stream>[failed: the server bound no address to us]" },
		{ BOUND("@/x"), "</stream:stream>[failed: the server bound no address to us]" },
		{ BOUND("romeo@im.example/L/1") "<stream:features><x xmlns='urn:x'><required/></x></stream:features>",
			"[login PLAIN]" ERROR("unsupported-feature",
				"a feature is required that we do not have") "[failed unsupported-feature: a feature "
									     "is "
									     "required that we do not have]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		prepare_bind2(&c);
		client_feed_text(&c, x[i].in);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}

/* SCRAM. */

static void begin_scram2(struct client *c, struct liar *l, const char *more)
{
	*l = (struct liar){ .digest = DIGEST_SHA256, .iterations = 4096 };
	start(c, SASL_BIT(SASL_SCRAM_SHA_256));
	c->config.upgrades = SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_512);
	client_feed_text(c, FROM_SERVER "<stream:features>");
	client_feed_text(c, more);
	client_feed_text(c, "</stream:features>");
	liar_challenge(c, l, NS2, "initial-response");
}

static void say_with_data(struct client *c, const char *name, struct str data, const char *more)
{
	struct str base64 = base64_dup(c->arena, data);
	client_clear(c);
	client_feed(
		c, arena_printf(c->arena, "<%s" NS_ATTR "><additional-data>\n" STR_FMT "\n</additional-data>%s</%s>",
			   name, STR_ARG(base64), more, name));
}

static void success_must_be_signed(void **state)
{
	(void)state;
	struct client c;
	struct liar l;
	begin_scram2(&c, &l, OFFER2(SCRAM2));
	say_with_data(&c, "success", liar_signature(&c, &l, true), IDENTIFIER("romeo@im.example"));
	client_expect(&c, "[login SCRAM-SHA-256]");
	client_fini(&c);
	begin_scram2(&c, &l, OFFER2(SCRAM2));
	say_with_data(&c, "success", liar_signature(&c, &l, false), IDENTIFIER("romeo@im.example"));
	client_expect(&c, "</stream:stream>[failed: the server did not prove that it knows the password]");
	client_fini(&c);
	begin_scram2(&c, &l, OFFER2(SCRAM2));
	client_clear(&c);
	client_feed_text(&c, SUCCESS(IDENTIFIER("romeo@im.example")));
	client_expect(&c, "</stream:stream>[failed: the server did not prove that it knows the password]");
	client_fini(&c);
	/* In SASL2 it cannot come as a challenge. */
	begin_scram2(&c, &l, OFFER2(SCRAM2));
	liar_say(&c, NS2, "challenge", liar_signature(&c, &l, true));
	client_expect(&c, ABORT2 "[failed: the server sent a challenge out of place]");
	client_fini(&c);
}

#define UPGRADES                                                                                                       \
	"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>"                                        \
	"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>"                                        \
	"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-1-PLUS</upgrade>"                                     \
	"<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-OTHER</upgrade>"
#define TASK(name) "<tasks><task>OTHER</task><task>" name "</task></tasks>"
#define SALT(iterations, salt)                                                                                         \
	"<task-data" NS_ATTR "><salt xmlns='urn:xmpp:scram-upgrade:0' iterations='" iterations "'>" salt               \
	"</salt></task-data>"
#define NEXT512 "<next" NS_ATTR " task='UPGR-SCRAM-SHA-512'/>"

/* XEP-0480: what the server gets is what it could have made of the password itself. */
static void keys_are_upgraded(void **state)
{
	(void)state;
	struct client c;
	struct liar l;
	unsigned char salted[64];
	begin_scram2(&c, &l, OFFER2(SCRAM2 UPGRADES));
	/* Of the offered ones those that we know, and do not have the keys of already. */
	say_with_data(&c, "continue", liar_signature(&c, &l, true), TASK("UPGR-SCRAM-SHA-512"));
	client_expect(&c, NEXT512);
	client_feed_text(&c, SALT("5000", "\nc2FsdA==\n"));
	digest_pbkdf2(DIGEST_SHA512, STR("pencil"), STR("salt"), 5000, salted);
	struct str base64 = base64_dup(c.arena, str_make(salted, 64));
	struct str expected = arena_printf(c.arena,
		"[hash sha-512]<task-data" NS_ATTR "><hash xmlns='urn:xmpp:scram-upgrade:0'>" STR_FMT
		"</hash></task-data>",
		STR_ARG(base64));
	client_expect(&c, expected.p);
	client_feed_text(&c, SUCCESS(IDENTIFIER("romeo@im.example")));
	client_expect(&c, "[login SCRAM-SHA-256]");
	client_fini(&c);
}

static void upgrades_are_asked_for_once(void **state)
{
	(void)state;
	struct client c;
	struct liar l = { .digest = DIGEST_SHA256, .iterations = 4096 };
	start(&c, SASL_BIT(SASL_SCRAM_SHA_256));
	c.config.upgrades = SASL_SCRAM_BITS;
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(SCRAM2 UPGRADES)));
	assert_true(str_has_suffix(buf_str(&c.transcript),
		STR("</initial-response><upgrade "
		    "xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade></authenticate>")));
	liar_challenge(&c, &l, NS2, "initial-response");
	say_with_data(&c, "continue", liar_signature(&c, &l, true), TASK("UPGR-SCRAM-SHA-512"));
	client_feed_text(&c, SALT("4096", "c2FsdA=="));
	client_clear(&c);
	client_feed_text(&c, "<continue" NS_ATTR ">" TASK("UPGR-SCRAM-SHA-512") "</continue>");
	client_expect(&c, ABORT2 "[failed: the server has a task that we cannot do]");
	client_fini(&c);
}

static void nobody_gets_keys_without_a_proof(void **state)
{
	(void)state;
	struct client c;
	struct liar l;
	begin_scram2(&c, &l, OFFER2(SCRAM2 UPGRADES));
	say_with_data(&c, "continue", liar_signature(&c, &l, false), TASK("UPGR-SCRAM-SHA-512"));
	client_expect(&c, ABORT2 "[failed: the server did not prove that it knows the password]");
	client_fini(&c);
	static const char *const before_any[] = { "<continue" NS_ATTR ">" TASK("UPGR-SCRAM-SHA-512") "</continue>",
		SALT("4096", "c2FsdA==") };
	for (size_t i = 0; i < ARRAY_LEN(before_any); i++) {
		begin_scram2(&c, &l, OFFER2(SCRAM2 UPGRADES));
		client_clear(&c);
		client_feed_text(&c, before_any[i]);
		assert_true(str_has_prefix(buf_str(&c.transcript), STR(ABORT2)));
		client_fini(&c);
	}
}

static void tasks_are_checked(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ SALT("4095", "c2FsdA=="), ABORT2 "[failed: the server asks for too few iterations]" },
		{ SALT("100001", "c2FsdA=="), ABORT2 "[failed: the server asks for too many iterations]" },
		{ SALT("99999999999", "c2FsdA=="), ABORT2 "[failed: the server's task is malformed]" },
		{ SALT("-1", "c2FsdA=="), ABORT2 "[failed: the server's task is malformed]" },
		{ SALT("4096", ""), ABORT2 "[failed: the server's salt is malformed]" },
		{ SALT("4096", "c2FsdA"), ABORT2 "[failed: the server's salt is malformed]" },
		{ "<task-data" NS_ATTR "/>", ABORT2 "[failed: the server's task is malformed]" },
		{ "<task-data" NS_ATTR "><salt iterations='4096'>c2FsdA==</salt></task-data>",
			ABORT2 "[failed: the server's task is malformed]" },
		{ SUCCESS(IDENTIFIER("romeo@im.example")),
			"</stream:stream>[failed: the server did not prove that it knows the password]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		struct liar l;
		begin_scram2(&c, &l, OFFER2(SCRAM2 UPGRADES));
		say_with_data(&c, "continue", liar_signature(&c, &l, true), TASK("UPGR-SCRAM-SHA-512"));
		client_expect(&c, NEXT512);
		client_feed_text(&c, x[i].in);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}

/* Tokens. */

#define TOKEN_GIVEN(t) "<token xmlns='urn:xmpp:fast:0' token='" t "' expiry='2027-01-01T00:00:00Z'/>"

static void start_with_token(struct client *c, enum sasl_mechanism m)
{
	start(c, SASL_BIT(SASL_PLAIN));
	c->token = (struct sasl_token){ .n = 6, .mechanism = m };
	memcpy(c->token.bytes, "secret", 6);
	c->config.token = &c->token;
	c->config.client = STR(CLIENT_ID);
	c->config.wanted_tokens = SASL_TOKEN_BITS;
}

static struct str responder_data(struct client *c, enum sasl_mechanism m)
{
	char *hash = arena_alloc_bytes(c->arena, HT_HASH_BYTES);
	enum sasl_binding b = ht_binding(m);
	ht_responder_hash(STR("secret"), b == SASL_BINDINGS ? NULL : &c->tls.bindings[b], (unsigned char *)hash);
	return str_make(hash, HT_HASH_BYTES);
}

static void token_that_was_asked_for_comes_out(void **state)
{
	(void)state;
	struct client c;
	char long_token[SASL_TOKEN_BYTES_MAX + 200];
	start(&c, SASL_BIT(SASL_PLAIN));
	c.config.client = STR(CLIENT_ID);
	c.config.wanted_tokens = SASL_BIT(SASL_HT_SHA_256_ENDP) | SASL_BIT(SASL_HT_SHA_256_NONE);
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))));
	client_clear(&c);
	client_feed_text(&c, SUCCESS(IDENTIFIER("romeo@im.example") TOKEN_GIVEN("abc")));
	client_expect(&c, "[login PLAIN HT-SHA-256-ENDP abc 2027-01-01T00:00:00Z]");
	/* One that could not be kept is none. */
	client_renew(&c);
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))));
	client_clear(&c);
	memset(long_token, 'x', sizeof(long_token));
	snprintf(long_token + SASL_TOKEN_BYTES_MAX + 1, 100, "' expiry='e'/>");
	client_feed_text(
		&c, "<success" NS_ATTR ">" IDENTIFIER("romeo@im.example") "<token xmlns='urn:xmpp:fast:0' token='");
	client_feed_text(&c, long_token);
	client_feed_text(&c, "</success>");
	client_expect(&c, "[login PLAIN]");
	client_fini(&c);
}

static void token_is_used_where_it_can_be(void **state)
{
	(void)state;
	static const struct {
		enum sasl_mechanism mechanism;
		unsigned tls;
		const char *begun;
	} x[] = {
		{ SASL_HT_SHA_256_NONE, 0, "mechanism='HT-SHA-256-NONE'" },
		{ SASL_HT_SHA_256_EXPR, 1, "mechanism='HT-SHA-256-EXPR'" },
		{ SASL_HT_SHA_256_ENDP, 3, "mechanism='HT-SHA-256-ENDP'" },
		/* Without its binding it is of no use. */
		{ SASL_HT_SHA_256_EXPR, 2, "mechanism='PLAIN'" },
		{ SASL_HT_SHA_256_ENDP, 1, "mechanism='PLAIN'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		start_with_token(&c, x[i].mechanism);
		c.config.bindings = 0;
		client_has_tls(&c, 0x0304, x[i].tls);
		client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))));
		struct str t = buf_str(&c.transcript);
		assert_non_null(memmem(t.p, t.n, x[i].begun, strlen(x[i].begun)));
		client_fini(&c);
	}
}

static void server_proves_that_it_knows_the_token(void **state)
{
	(void)state;
	for (enum sasl_mechanism m = SASL_HT_SHA_256_EXPR; m <= SASL_HT_SHA_256_NONE; m++) {
		struct client c;
		struct ht_message heard;
		unsigned char hash[HT_HASH_BYTES];
		enum sasl_binding b = ht_binding(m);
		start_with_token(&c, m);
		client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST)) TYPES));
		assert_true(ht_parse(liar_hear(&c, "initial-response"), &heard));
		assert_true(str_eq(heard.username, STR("romeo")));
		ht_initiator_hash(STR("secret"), b == SASL_BINDINGS ? NULL : &c.tls.bindings[b], hash);
		assert_true(ct_equal(heard.hash, str_make(hash, sizeof(hash))));
		assert_true(str_has_suffix(buf_str(&c.transcript), STR("</initial-response><user-agent id='" CLIENT_ID
								       "'></user-agent><fast xmlns='urn:xmpp:fast:0'/>"
								       "</authenticate>")));
		/* It may hand out the next one, for the same use. */
		say_with_data(&c, "success", responder_data(&c, m), IDENTIFIER("romeo@im.example") TOKEN_GIVEN("next"));
		struct str t = buf_str(&c.transcript);
		assert_true(str_has_suffix(t, STR(" next 2027-01-01T00:00:00Z]")));
		assert_int_equal(c.token.mechanism, m);
		client_fini(&c);
		start_with_token(&c, m);
		client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST)) TYPES));
		client_clear(&c);
		client_feed_text(&c, SUCCESS(IDENTIFIER("romeo@im.example")));
		client_expect(&c, "</stream:stream>[failed: the server did not prove that it knows the password]");
		client_fini(&c);
	}
}

static void token_is_given_back(void **state)
{
	(void)state;
	struct client c;
	start_with_token(&c, SASL_HT_SHA_256_NONE);
	c.config.invalidates = true;
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST)) TYPES));
	assert_true(str_has_suffix(
		buf_str(&c.transcript), STR("<fast xmlns='urn:xmpp:fast:0' invalidate='true'/></authenticate>")));
	client_fini(&c);
}

#define AGENT "<user-agent id='" CLIENT_ID "'></user-agent>"
#define ASKING_AGAIN                                                                                                   \
	AUTHENTICATE("PLAIN", PLAIN_DATA AGENT "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>")

/* XEP-0484, 4.1 */
static void refused_token_is_followed_by_the_password(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ FAILURE2(CONDITION("credentials-expired")),
			"[login PLAIN refused HT-SHA-256-EXPR abc 2027-01-01T00:00:00Z]" },
		{ FAILURE2(CONDITION("not-authorized")),
			"[login PLAIN refused HT-SHA-256-EXPR abc 2027-01-01T00:00:00Z]" },
		/* It may be good another time. */
		{ FAILURE2(CONDITION("temporary-auth-failure")),
			"[login PLAIN HT-SHA-256-EXPR abc 2027-01-01T00:00:00Z]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		start_with_token(&c, SASL_HT_SHA_256_NONE);
		client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))));
		client_clear(&c);
		client_feed_text(&c, x[i].in);
		client_expect(&c, ASKING_AGAIN);
		client_feed_text(&c, SUCCESS(IDENTIFIER("romeo@im.example") TOKEN_GIVEN("abc")));
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
	struct client c;
	/* Then that is refused too. */
	start_with_token(&c, SASL_HT_SHA_256_NONE);
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))) FAILURE2(CONDITION("not-authorized")));
	client_clear(&c);
	client_feed_text(&c, FAILURE2(CONDITION("not-authorized")));
	client_expect(&c, "</stream:stream>[failed not-authorized refused: the server refused the login]");
	client_fini(&c);
	/* There is none. */
	start_with_token(&c, SASL_HT_SHA_256_NONE);
	c.config.password = str_make(NULL, 0);
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))));
	client_clear(&c);
	client_feed_text(&c, FAILURE2(CONDITION("credentials-expired") "<text>old</text>"));
	client_expect(&c, "</stream:stream>[failed credentials-expired old refused: the server offers no mechanism "
			  "that we may use]");
	client_fini(&c);
}

static void token_needs_a_client(void **state)
{
	(void)state;
	struct client c;
	start_with_token(&c, SASL_HT_SHA_256_NONE);
	c.config.client = STR("");
	client_feed_text(&c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(FAST))));
	client_expect(&c, HEADER2 AUTHENTICATE("PLAIN", PLAIN_DATA));
	client_fini(&c);
}

/* Early logins (XEP-0509). */

static void know(struct client *c)
{
	client_feed_text(c, FROM_SERVER FEATURES(OFFER2(PLAIN2 INLINE(BIND2 FAST)) VERSION("v1")));
	client_feed_text(c, BOUND("romeo@im.example/L/1") "<stream:features/>");
	assert_true(str_eq(c->offer.version, STR("v1")));
	c->config.known = &c->offer;
	client_renew(c);
}

#define EARLY_PLAIN                                                                                                    \
	AUTHENTICATE("PLAIN", PLAIN_DATA "<bind xmlns='urn:xmpp:bind:0'></bind>"                                       \
					 "<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='v1'/>")
#define LATE_PLAIN    AUTHENTICATE("PLAIN", PLAIN_DATA "<bind xmlns='urn:xmpp:bind:0'></bind>")
#define FEATURES_V(v) FEATURES(OFFER2(PLAIN2 INLINE(BIND2 FAST)) VERSION(v))
#define MISMATCH      FAILURE2(CONDITION("aborted") "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>")

static void login_begins_with_the_first_bytes(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ FROM_SERVER FEATURES_V("v1") BOUND("romeo@im.example/L/1") "<stream:features/>",
			"[login PLAIN v1][ready romeo@im.example/L/1]" },
		/* It knows better than we whether it matters. */
		{ FROM_SERVER FEATURES_V("v2") BOUND("romeo@im.example/L/1") "<stream:features/>",
			"[login PLAIN v2][ready romeo@im.example/L/1]" },
		/* It has changed: as if nothing had been said. */
		{ FROM_SERVER FEATURES_V("v2") MISMATCH, LATE_PLAIN },
		{ FROM_SERVER FEATURES_V("v2") MISMATCH BOUND("romeo@im.example/L/1") "<stream:features/>",
			LATE_PLAIN "[login PLAIN v2][ready romeo@im.example/L/1]" },
		{ FROM_SERVER FEATURES_V("v2") MISMATCH MISMATCH, LATE_PLAIN
			"</stream:stream>[failed aborted config-version-mismatch: the server refused the login]" },
		{ FROM_SERVER FEATURES(OFFER2(SCRAM2)) MISMATCH,
			"</stream:stream>[failed: the server offers no mechanism that we may use]" },
		{ FROM_SERVER FEATURES_V("v1") FAILURE2(CONDITION("not-authorized")),
			"</stream:stream>[failed not-authorized: the server refused the login]" },
		/* Out of order. */
		{ FROM_SERVER BOUND("romeo@im.example/L/1"),
			ERROR("unsupported-stanza-type",
				"the server sent no features") "[failed unsupported-stanza-type: the server sent no "
							       "features]" },
		{ FROM_SERVER MISMATCH, ERROR("unsupported-stanza-type",
						"the server sent no features") "[failed unsupported-stanza-type: the "
									       "server sent no features]" },
		{ FROM_SERVER FEATURES_V("v1") FEATURES_V("v1"),
			ERROR("unsupported-stanza-type",
				"an element that has no place in a login") "[failed unsupported-stanza-type: an "
									   "element that has no place in a login]" },
		{ FROM_SERVER "</stream:stream>", "</stream:stream>[closed]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		start(&c, SASL_BIT(SASL_PLAIN));
		c.config.binds = true;
		know(&c);
		client_go_on(&c);
		client_expect(&c, HEADER2 EARLY_PLAIN);
		client_feed_text(&c, x[i].in);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}

static void refused_early_token_is_tried_again_if_only_the_version_was_wrong(void **state)
{
	(void)state;
	for (int is_version = 0; is_version < 2; is_version++) {
		struct client c;
		start_with_token(&c, SASL_HT_SHA_256_NONE);
		c.config.binds = true;
		c.config.token = NULL;
		know(&c);
		c.config.token = &c.token;
		client_go_on(&c);
		struct str t = buf_str(&c.transcript);
		assert_non_null(memmem(t.p, t.n, "HT-SHA-256-NONE", 15));
		client_clear(&c);
		client_feed_text(&c, FROM_SERVER FEATURES_V("v2"));
		client_feed_text(&c, is_version ? MISMATCH : FAILURE2(CONDITION("not-authorized")));
		t = buf_str(&c.transcript);
		assert_true(str_has_prefix(t, is_version ? STR("<authenticate" NS_ATTR " mechanism='HT-SHA-256-NONE'>")
							 : STR("<authenticate" NS_ATTR " mechanism='PLAIN'>")));
		client_fini(&c);
	}
}

static void nothing_is_early_where_that_is_not_safe(void **state)
{
	(void)state;
	struct client c;
	struct initiator_offer no_version;
	start(&c, SASL_BIT(SASL_PLAIN));
	know(&c);
	no_version = c.offer;
	no_version.version = str_make(NULL, 0);
	c.config.known = &no_version;
	client_renew(&c);
	client_go_on(&c);
	client_expect(&c, HEADER2);
	/* A mechanism that was not offered then. */
	c.config.known = &c.offer;
	c.config.mechanisms = SASL_SCRAM_BITS;
	client_renew(&c);
	client_go_on(&c);
	client_expect(&c, HEADER2);
	/* Not wanted; not under TLS. */
	c.config.mechanisms = SASL_BIT(SASL_PLAIN);
	c.config.sasl2 = INITIATOR_SASL2_NEVER;
	client_renew(&c);
	client_go_on(&c);
	client_expect(&c, HEADER2);
	c.config.sasl2 = INITIATOR_SASL2_PREFERRED;
	c.config.tls = INITIATOR_TLS_STARTTLS;
	client_renew(&c);
	client_go_on(&c);
	client_expect(&c, TO_SERVER);
	client_fini(&c);
}

/* The server has gone back to the older way; that has a second stream, which is not for logging in. */
static void login_is_begun_early_once(void **state)
{
	(void)state;
	struct client c;
	start(&c, SASL_BIT(SASL_PLAIN));
	c.config.sasl2 = INITIATOR_SASL2_PREFERRED;
	c.config.binds = true;
	know(&c);
	client_feed_text(&c, FROM_SERVER MECHANISM("PLAIN") MISMATCH);
	client_expect(&c, HEADER2 EARLY_PLAIN SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA=="));
	client_feed_text(&c, SASL_EMPTY("success", ""));
	client_expect(&c, "[login PLAIN]" HEADER2);
	client_fini(&c);
}

/* What came before TLS does not change what comes after it: the early login is behind STARTTLS, too. */
static void login_begins_with_the_first_bytes_under_tls(void **state)
{
	(void)state;
	struct client c;
	start(&c, SASL_BIT(SASL_PLAIN));
	c.config.binds = true;
	know(&c);
	c.config.tls = INITIATOR_TLS_STARTTLS;
	client_renew(&c);
	client_feed_text(&c,
		FROM_SERVER FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") "<proceed "
											    "xmlns='urn:ietf:params:"
											    "xml:ns:xmpp-tls'/>");
	client_expect(&c, TO_SERVER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>[tls]" HEADER2 EARLY_PLAIN);
	client_fini(&c);
}

/* A whole early login with a token that was refused, cut in two at every byte. */
static void conversation_split_at_every_byte_is_the_same(void **state)
{
	(void)state;
	static const char said[] = "<?xml version='1.0'?>" FROM_SERVER FEATURES_V("v2")
		MISMATCH FAILURE2(CONDITION("credentials-expired") "<text>old</text>")
			BOUND("romeo@im.example/L/1") "<stream:features><limits "
						      "xmlns='urn:xmpp:stream-limits:0'><max-bytes>9</max-bytes></"
						      "limits></stream:features>"
						      "<message><body>x</body></message></stream:stream>";
	struct buf whole;
	buf_init(&whole, 1 << 16);
	for (size_t cut = 0; cut < sizeof(said); cut++) {
		struct client c;
		start_with_token(&c, SASL_HT_SHA_256_NONE);
		c.config.binds = true;
		c.config.token = NULL;
		know(&c);
		c.config.token = &c.token;
		client_feed(&c, str_make(said, cut));
		if (c.last == INITIATOR_IDLE)
			client_feed(&c, str_make(said + cut, sizeof(said) - 1 - cut));
		if (!cut)
			buf_add(&whole, buf_str(&c.transcript));
		if (!str_eq(buf_str(&whole), buf_str(&c.transcript)))
			fail_msg("cut at %zu: " STR_FMT, cut, STR_ARG(buf_str(&c.transcript)));
		client_fini(&c);
	}
	assert_true(str_has_suffix(buf_str(&whole),
		STR("[login PLAIN v2 refused][ready romeo@im.example/L/1][stanza <message><body>x</body></message>]"
		    "</stream:stream>[closed]")));
	buf_fini(&whole);
}

static void offers_are_bounded(void **state)
{
	(void)state;
	for (int is_sasl2 = 0; is_sasl2 < 2; is_sasl2++) {
		struct client c;
		struct buf b;
		buf_init(&b, 1 << 20);
		client_init(&c, "romeo@im.example", INITIATOR_TLS_DIRECT, SASL_BIT(SASL_PLAIN));
		buf_lit(&b, FROM_SERVER "<stream:features>");
		buf_printf(&b, is_sasl2 ? "<authentication" NS_ATTR ">"
					: "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
		for (int i = 0; i < 33; i++)
			buf_printf(&b, "<mechanism>X%d</mechanism>", i);
		buf_printf(&b, is_sasl2 ? "</authentication></stream:features>" : "</mechanisms></stream:features>");
		client_feed(&c, buf_str(&b));
		assert_true(str_has_suffix(
			buf_str(&c.transcript), STR("[failed policy-violation: too many ways to log in]")));
		client_fini(&c);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_to_the_login),
		cmocka_unit_test(what_is_asked_for_depends_on_the_offer),
		cmocka_unit_test(resource_comes_with_the_login),
		cmocka_unit_test(success_must_be_signed),
		cmocka_unit_test(keys_are_upgraded),
		cmocka_unit_test(upgrades_are_asked_for_once),
		cmocka_unit_test(nobody_gets_keys_without_a_proof),
		cmocka_unit_test(tasks_are_checked),
		cmocka_unit_test(token_that_was_asked_for_comes_out),
		cmocka_unit_test(token_is_used_where_it_can_be),
		cmocka_unit_test(server_proves_that_it_knows_the_token),
		cmocka_unit_test(token_is_given_back),
		cmocka_unit_test(refused_token_is_followed_by_the_password),
		cmocka_unit_test(token_needs_a_client),
		cmocka_unit_test(login_begins_with_the_first_bytes),
		cmocka_unit_test(refused_early_token_is_tried_again_if_only_the_version_was_wrong),
		cmocka_unit_test(nothing_is_early_where_that_is_not_safe),
		cmocka_unit_test(login_is_begun_early_once),
		cmocka_unit_test(login_begins_with_the_first_bytes_under_tls),
		cmocka_unit_test(conversation_split_at_every_byte_is_the_same),
		cmocka_unit_test(offers_are_bounded),
	};
	return cmocka_run_group_tests_name("stream/initiator_outcome", tests, NULL, NULL);
}
