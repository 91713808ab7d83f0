/* SASL2: its elements and refusals, who the client says it is, and binding a resource with it (XEP-0388, XEP-0386, XEP-0509). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/login.h"

#include "lib/base/base64.h"
#include "lib/stream/scram.h"

#include <string.h>

#define ENDS(text) STREAM_ERROR("policy-violation", text)

static void open_stream(struct server *s)
{
	server_init(s, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

struct talk {
	const char *in, *transcript;
};

static void check(const struct talk *x, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct server s;
		open_stream(&s);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		server_fini(&s);
	}
}

/* XEP-0388, 2.6.1: no new stream; a resource is bound as ever. */
static void login_goes_on_without_a_new_stream(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(&s, CLIENT_HEADER_TO("im.example' xml:lang='it"));
	server_clear(&s);
	server_feed_text(&s, AUTHENTICATE_PLAIN(""));
	server_expect(&s, PLAIN_ANSWERS SUCCESS2(IDENTITY("romeo@im.example")) FEATURES(BIND_FEATURES));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	server_feed_text(&s, " \n" BIND_REQUEST "<presence/>");
	/* The language is that of the only header there was. */
	server_expect(&s, "[bind balcony]" BIND_RESULT "[stanza <presence from='romeo@im.example/balcony' xml:lang='it'/>]");
	server_fini(&s);
}

static void server_proves_itself_in_the_success(void **state)
{
	(void)state;
	struct server s;
	struct scram_run run;
	struct scram c = { .is_sasl2 = true };
	unsigned char signature[64];
	struct scram_server_first m;
	open_stream(&s);
	send_first(&s, &run, &c);
	run.challenge = read_challenge(&s, run.arena);
	assert_true(scram_server_first_parse(run.challenge, &m));
	server_clear(&s);
	send_final(&s, &run, &c);
	struct arena *a = run.arena;
	struct str about = scram_auth_message(
		a, run.first_bare, run.challenge, arena_printf(a, "c=biws,r=" STR_FMT, STR_ARG(m.nonce)));
	digest_hmac(DIGEST_SHA256, str_make(s.romeo.keys[DIGEST_SHA256].server_key, 32), about, signature);
	struct str v = arena_printf(a, "v=" STR_FMT, STR_ARG(base64_dup(a, str_make(signature, 32))));
	server_expect(&s, arena_printf(a,
				  "[login romeo@im.example SCRAM-SHA-256]<success xmlns='urn:xmpp:sasl:2'><additional-data>" STR_FMT
				  "</additional-data>" IDENTITY("romeo@im.example") "</success>" FEATURES(BIND_FEATURES),
				  STR_ARG(base64_dup(a, v)))
				  .p);
	arena_free(&run.arena);
	server_fini(&s);
}

static void wrong_requests_fail_and_the_stream_goes_on(void **state)
{
	(void)state;
	static const struct talk x[] = {
		{ SASL2_EMPTY("authenticate", ""), FAILURE2("invalid-mechanism") },
		{ AUTHENTICATE("plain", "AHJvbWVvAHBlbmNpbA==", ""), FAILURE2("invalid-mechanism") },
		{ AUTHENTICATE("HT-SHA-256-NONE", "AA==", ""), FAILURE2("invalid-mechanism") },
		{ AUTHENTICATE("PLAIN", "AHJvbWVvAHBlbmNpbA", ""), FAILURE2("incorrect-encoding") },
		{ AUTHENTICATE("PLAIN", " AHJvbWVvAHBlbmNpbA==", ""), FAILURE2("incorrect-encoding") },
		/* There is no need of another way to be empty (2.2). */
		{ AUTHENTICATE("PLAIN", "=", ""), FAILURE2("incorrect-encoding") },
		{ AUTHENTICATE("PLAIN", "", ""), FAILURE2("malformed-request") },
		{ AUTHENTICATE("PLAIN", "AHJvbWVvAHBlbmNpbA==<x/>", ""), FAILURE2("malformed-request") },
		{ AUTHENTICATE("PLAIN", "AHJvbWVv", ""), FAILURE2("malformed-request") },
		/* The name of another namespace is not the name. */
		{ SASL2("authenticate", " mechanism='PLAIN'",
			  "<initial-response xmlns='urn:example'>AHJvbWVvAHBlbmNpbA==</initial-response>") SASL2_EMPTY("abort", ""),
			SASL2_EMPTY("challenge", "") FAILURE2("aborted") },
		{ AUTHENTICATE("PLAIN", "cm9tZW9AaW0uZXhhbXBsZS94AHJvbWVvAHBlbmNpbA==", ""), FAILURE2("invalid-authzid") },
		{ SASL2("response", "", "AHJvbWVvAHBlbmNpbA=="), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("next", " task='UPGR-SCRAM-SHA-256'"), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("task-data", ""), FAILURE2("malformed-request") },
		{ SASL2_EMPTY("abort", ""), FAILURE2("aborted") },
		{ AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", ""), "[find romeo@im.example][hash sha-256]" FAILURE2("not-authorized") },
		{ AUTHENTICATE("PLAIN", "AHR5YmFsdABwZW5jaWw=", ""),
			"[find tybalt@im.example][hash sha-256]" FAILURE2("not-authorized") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		open_stream(&s);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		/* Not during a login any more: with white space, and by either profile. */
		server_feed_text(&s, i & 1 ? " " PLAIN_AUTH : " " AUTHENTICATE_PLAIN(""));
		assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
		server_fini(&s);
	}
}

static void response_may_be_asked_for(void **state)
{
	(void)state;
	static const struct talk x[] = {
		{ SASL2_EMPTY("authenticate", " mechanism='PLAIN'") SASL2("response", "", "AHJvbWVvAHBlbmNpbA=="),
			SASL2_EMPTY("challenge", "") PLAIN_ANSWERS SUCCESS2(IDENTITY("romeo@im.example"))
				FEATURES(BIND_FEATURES) },
		{ SASL2_EMPTY("authenticate", " mechanism='SCRAM-SHA-1'") SASL2("response", "", "biws"),
			SASL2_EMPTY("challenge", "") FAILURE2("malformed-request") },
		{ SASL2_EMPTY("authenticate", " mechanism='SCRAM-SHA-1'") SASL2_EMPTY("abort", ""),
			SASL2_EMPTY("challenge", "") FAILURE2("aborted") },
	};
	check(x, ARRAY_LEN(x));
}

#define BEGINNING        SASL2_EMPTY("authenticate", " mechanism='PLAIN'")
#define BEGUN            SASL2_EMPTY("challenge", "")
#define SOMETHING_ELSE   BEGUN ENDS("something else during the login")
#define WHITE_SPACE      BEGUN ENDS("white space during the login")

/* XEP-0388, 2.4 */
static void nothing_else_may_be_sent_during_the_login(void **state)
{
	(void)state;
	static const struct talk x[] = {
		{ BEGINNING "<presence/>", SOMETHING_ELSE },
		{ BEGINNING BEGINNING, SOMETHING_ELSE },
		{ BEGINNING AUTHENTICATE_PLAIN(""), SOMETHING_ELSE },
		{ BEGINNING PLAIN_AUTH, SOMETHING_ELSE },
		{ BEGINNING SASL_EMPTY("abort", ""), SOMETHING_ELSE },
		{ BEGINNING SASL2_EMPTY("next", " task='UPGR-SCRAM-SHA-256'"), SOMETHING_ELSE },
		{ BEGINNING SASL2_EMPTY("task-data", ""), SOMETHING_ELSE },
		{ BEGINNING "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", SOMETHING_ELSE },
		{ BEGINNING "<extra xmlns='" NS_EXTRA "'/>", SOMETHING_ELSE },
		{ BEGINNING " ", WHITE_SPACE },
		{ BEGINNING "\n" SASL2("response", "", "AHJvbWVvAHBlbmNpbA=="), WHITE_SPACE },
		/* Leaving is always allowed. */
		{ BEGINNING "</stream:stream>", BEGUN "</stream:stream>[closed]" },
		{ BEGINNING "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
			BEGUN "</stream:stream>[closed]" },
	};
	check(x, ARRAY_LEN(x));
	/* In pieces it is white space, too. */
	struct server s;
	open_stream(&s);
	server_feed_text(&s, BEGINNING);
	server_feed_text(&s, "\n");
	server_expect(&s, WHITE_SPACE);
	server_fini(&s);
	/* Kept behind a question, and read when that is answered: the login is not over. */
	for (int is_answered_first = 0; is_answered_first < 2; is_answered_first++) {
		open_stream(&s);
		s.is_silent = true;
		server_feed_text(&s, AUTHENTICATE("SCRAM-SHA-256", "biwsbj1yb21lbyxyPW4=", ""));
		server_feed_text(&s, " ");
		if (is_answered_first)
			receiver_credentials(s.receiver, &s.romeo);
		server_feed_text(&s, SASL2_EMPTY("abort", ""));
		receiver_credentials(s.receiver, &s.romeo);
		server_go_on(&s);
		assert_int_equal(s.last, RECEIVER_FAILED);
		server_fini(&s);
	}
}

/* XEP-0388, 4.8 */
static void nobody_logs_in_twice(void **state)
{
	(void)state;
	static const char *const again[] = { AUTHENTICATE_PLAIN(""), PLAIN_AUTH, SASL2_EMPTY("abort", "") };
	for (size_t i = 0; i < ARRAY_LEN(again); i++) {
		struct server s;
		open_stream(&s);
		server_feed_text(&s, AUTHENTICATE_PLAIN(""));
		server_clear(&s);
		server_feed_text(&s, again[i]);
		server_expect(&s, STREAM_ERROR("not-authorized", "already logged in"));
		server_fini(&s);
	}
}

/* XEP-0388, 3 */
static void protected_streams_only(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	server_feed_text(&s, CLIENT_HEADER AUTHENTICATE_PLAIN(""));
	server_expect(&s, SERVER_HEADER FEATURES(STARTTLS_FEATURE) FAILURE2("encryption-required"));
	server_feed_text(&s, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>[tls]" SERVER_HEADER FEATURES(MECHANISMS));
	server_feed_text(&s, AUTHENTICATE_PLAIN(""));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	server_fini(&s);
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER AUTHENTICATE_PLAIN(""));
	server_expect(&s, SERVER_HEADER FEATURES(MECHANISMS_WITHOUT_TLS) FAILURE2("encryption-required"));
	server_fini(&s);
}

/* XEP-0388, 2.3 and 4.4: nobody is asked for. */
static void login_is_of_whom_the_header_is_from(void **state)
{
	(void)state;
	static const char *const logins[] = {
		AUTHENTICATE_PLAIN(""),
		/* juliet@im.example as romeo */
		AUTHENTICATE("PLAIN", "anVsaWV0QGltLmV4YW1wbGUAcm9tZW8AcGVuY2ls", ""),
		/* n,,n=romeo,r=n */
		AUTHENTICATE("SCRAM-SHA-256", "biwsbj1yb21lbyxyPW4=", ""),
	};
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_DIRECT, 1);
		server_feed_text(&s, CLIENT_HEADER_TO("im.example' from='juliet@im.example"));
		server_clear(&s);
		server_feed_text(&s, logins[i]);
		server_expect(&s, FAILURE2("invalid-authzid"));
		/* juliet's own login. */
		server_feed_text(&s, AUTHENTICATE("PLAIN", "AGp1bGlldABwZW5jaWw=", ""));
		assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
		server_fini(&s);
	}
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(&s, CLIENT_HEADER_TO("im.example' from='romeo@other.example"));
	server_expect(&s, SERVER_HEADER_WITH("from='im.example' to='romeo@other.example' version='1.0'")
				  STREAM_ERROR("invalid-from", "the header&apos;s from is of another host"));
	server_fini(&s);
}

#define GRANTED(what) PLAIN_ANSWERS "[grant " what "]" SUCCESS2(IDENTITY("romeo@im.example")) FEATURES(BIND_FEATURES)

/* XEP-0388, 2.3: what is no UUID of version 4 names nobody. */
static void client_is_who_it_says(void **state)
{
	(void)state;
#define WITH_ID(id) AUTHENTICATE_PLAIN("<user-agent id='" id "'/>")
#define NOBODY      PLAIN_ANSWERS SUCCESS2(IDENTITY("romeo@im.example")) FEATURES(BIND_FEATURES)
	static const struct talk x[] = {
		{ WITH_ID("d4565fa7-4d72-4749-b3d3-740edbf87770"), GRANTED("d4565fa7-4d72-4749-b3d3-740edbf87770") },
		{ WITH_ID("D4565FA7-4D72-4749-B3D3-740EDBF87770"), GRANTED("d4565fa7-4d72-4749-b3d3-740edbf87770") },
		{ AUTHENTICATE_PLAIN("<user-agent id='" SERVER_CLIENT
				     "'><software>A &amp; B</software><device>Kiva's Phone</device></user-agent>"),
			GRANTED(SERVER_CLIENT " A & B/Kiva's Phone") },
		{ WITH_ID("d4565fa7-4d72-1749-b3d3-740edbf87770"), NOBODY },
		{ WITH_ID("d4565fa7-4d72-4749-73d3-740edbf87770"), NOBODY },
		{ WITH_ID("d4565fa7-4d72-4749-b3d3-740edbf8777"), NOBODY },
		{ WITH_ID("d4565fa7-4d72-4749-b3d3-740edbf877700"), NOBODY },
		{ WITH_ID("d4565fa7 4d72 4749 b3d3 740edbf87770"), NOBODY },
		{ WITH_ID("g4565fa7-4d72-4749-b3d3-740edbf87770"), NOBODY },
		{ WITH_ID(""), NOBODY },
		{ AUTHENTICATE_PLAIN("<user-agent><software>A</software></user-agent>"), NOBODY },
		{ AUTHENTICATE_PLAIN("<user-agent xmlns='urn:example' id='" SERVER_CLIENT "'/>"), NOBODY },
		{ AUTHENTICATE_PLAIN("<what xmlns='urn:example:else'/>"), NOBODY },
	};
	check(x, ARRAY_LEN(x));
}

static void login_that_cannot_be_kept_ends_the_stream(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	s.cannot_grant = true;
	server_feed_text(&s, AUTHENTICATE_PLAIN(USER_AGENT BIND2("")));
	server_expect(&s, PLAIN_ANSWERS "[grant " SERVER_CLIENT "]"
			  STREAM_ERROR("internal-server-error", "the login could not be completed"));
	server_fini(&s);
}

/* Bind 2. */

#define INLINE(tag, client, what) "[bind  inline tag=" tag " client=" client what "]"
#define BOUND_AS(jid)             SUCCESS2(IDENTITY(jid) BOUND2) FEATURES(BOUND_FEATURES)

static void resource_is_bound_with_the_login(void **state)
{
	(void)state;
	static const struct talk x[] = {
		{ AUTHENTICATE_PLAIN(BIND2("")), PLAIN_ANSWERS INLINE("", "", "") BOUND_AS("romeo@im.example/chosen") },
		{ AUTHENTICATE_PLAIN(BIND2("<tag>Awesome</tag>") USER_AGENT) "<presence/>",
			PLAIN_ANSWERS "[grant " SERVER_CLIENT "]" INLINE("Awesome", SERVER_CLIENT, "")
				BOUND_AS("romeo@im.example/Awesome/1") "[stanza <presence from='romeo@im.example/Awesome/1'/>]" },
		/* What it wants beside is the driver's business. */
		{ AUTHENTICATE_PLAIN(BIND2("<enable xmlns='urn:xmpp:carbons:2'/><tag>A</tag><inactive xmlns='urn:xmpp:csi:0'/>")),
			PLAIN_ANSWERS INLINE("A", "", " enable inactive") BOUND_AS("romeo@im.example/A/1") },
		/* A tag that cannot be part of a resource is none; others are made fit. */
		{ AUTHENTICATE_PLAIN(BIND2("<tag>a\302\205b</tag>")),
			PLAIN_ANSWERS INLINE("", "", "") BOUND_AS("romeo@im.example/chosen") },
		{ AUTHENTICATE_PLAIN(BIND2("<tag>a\302\240b</tag>")),
			PLAIN_ANSWERS INLINE("a b", "", "") BOUND_AS("romeo@im.example/a b/1") },
		{ AUTHENTICATE_PLAIN(BIND2("<tag xmlns='urn:example'>A</tag>")),
			PLAIN_ANSWERS INLINE("", "", " tag") BOUND_AS("romeo@im.example/chosen") },
		/* Nothing of it without the login. */
		{ AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", BIND2("") USER_AGENT),
			"[find romeo@im.example][hash sha-256]" FAILURE2("not-authorized") },
	};
	check(x, ARRAY_LEN(x));
}

static void features_of_binding_are_listed(void **state)
{
	(void)state;
	static const struct str features[] = { STR_INIT("urn:xmpp:carbons:2"), STR_INIT("urn:xmpp:sm:3") };
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	s.config.bind_features = features;
	s.config.bind_feature_count = ARRAY_LEN(features);
	s.config.idle_seconds = 300;
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, SERVER_HEADER FEATURES(SASL_LIST(USUAL_LIST) SASL2_LIST(USUAL_LIST,
				  BIND2("<inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:sm:3'/></inline>"), "")
					  LIMITS("8192", "") CONFIG_VERSION));
	/* XEP-0478: other limits hold from the login on. */
	server_feed_text(&s, AUTHENTICATE_PLAIN(""));
	struct str t = buf_str(&s.transcript);
	assert_non_null(memmem(t.p, t.n, LIMITS("262144", "<idle-seconds>300</idle-seconds>"),
		sizeof(LIMITS("262144", "<idle-seconds>300</idle-seconds>")) - 1));
	server_fini(&s);
}

static void refused_resource_ends_the_stream(void **state)
{
	(void)state;
	static const struct {
		enum stanza_condition refusal;
		const char *transcript;
	} x[] = {
		{ STANZA_RESOURCE_CONSTRAINT, STREAM_ERROR("resource-constraint", "no resource could be bound") },
		{ STANZA_CONFLICT, STREAM_ERROR("conflict", "no resource could be bound") },
		{ STANZA_NOT_ALLOWED, STREAM_ERROR("policy-violation", "no resource could be bound") },
		{ STANZA_INTERNAL_SERVER_ERROR, STREAM_ERROR("internal-server-error", "no resource could be bound") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		struct arena *a = arena_new(1024, 1 << 16);
		open_stream(&s);
		s.bind_refusal = x[i].refusal;
		server_feed_text(&s, AUTHENTICATE_PLAIN(BIND2("")));
		server_expect(&s, arena_printf(a, "%s%s", PLAIN_ANSWERS INLINE("", "", ""), x[i].transcript).p);
		arena_free(&a);
		server_fini(&s);
	}
}

/* IAP. */

static struct str version_of(struct server *s, struct arena *a)
{
	static const char before[] = "scheme='opaque' value='";
	struct str out = buf_str(&s->out);
	const char *at = memmem(out.p, out.n, before, sizeof(before) - 1);
	assert_non_null(at);
	struct str version = str_from(out, (size_t)(at - out.p) + sizeof(before) - 1);
	return arena_dup(a, str_first(version, str_index(version, '\'')));
}

/* XEP-0509: the same features have the same version, others another. */
static void version_is_that_of_the_features(void **state)
{
	(void)state;
	struct arena *a = arena_new(1024, 1 << 16);
	struct str versions[4];
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_DIRECT, i);
		if (i == 2)
			s.mechanisms |= SASL_BIT(SASL_SCRAM_SHA_512);
		if (i == 3)
			s.config.upgrades = SASL_BIT(SASL_SCRAM_SHA_512);
		server_feed_text(&s, CLIENT_HEADER);
		versions[i] = version_of(&s, a);
		unsigned char hash[DIGEST_BYTES_MAX];
		struct str out = buf_str(&s.out);
		const char *features = memmem(out.p, out.n, "<stream:features>", 17);
		const char *end = memmem(out.p, out.n, "<config-version", 15);
		digest_compute(DIGEST_SHA256, str_make(features + 17, (size_t)(end - features - 17)), hash);
		assert_true(str_eq(versions[i], base64_dup(a, str_make(hash, 32))));
		server_fini(&s);
	}
	assert_true(str_eq(versions[0], versions[1]));
	assert_false(str_eq(versions[0], versions[2]));
	assert_false(str_eq(versions[0], versions[3]));
	arena_free(&a);
}

static const char *with_version(struct arena *a, struct str version)
{
	return arena_printf(a,
		AUTHENTICATE_PLAIN("<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='" STR_FMT "'/>"), STR_ARG(version))
		.p;
}

static void login_for_other_features_is_refused_without_counting(void **state)
{
	(void)state;
	struct server s;
	struct arena *a = arena_new(4096, 1 << 16);
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(&s, CLIENT_HEADER);
	struct str version = version_of(&s, a);
	server_clear(&s);
	for (int i = 0; i < 5; i++) {
		server_feed_text(&s, with_version(a, i & 1 ? STR("V2VsbCwgb2YgY291cnNl") : str_first(version, version.n - 1)));
		server_expect(&s, FAILURE2_WITH("aborted", "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>"));
	}
	server_feed_text(&s, with_version(a, version));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	arena_free(&a);
	server_fini(&s);
}

/* Tries. */

static void tries_are_counted_over_both_profiles(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	server_feed_text(&s, AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", ""));
	server_feed_text(&s, SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHdyb25n"));
	/* A handshake that is given up counts. */
	server_feed_text(&s, AUTHENTICATE("SCRAM-SHA-256", "biwsbj1yb21lbyxyPW4=", ""));
	assert_int_equal(s.last, RECEIVER_IDLE);
	server_clear(&s);
	server_feed_text(&s, SASL2_EMPTY("abort", ""));
	server_expect(&s, FAILURE2("aborted") ENDS("too many tries to log in"));
	server_fini(&s);
}

static void last_try_may_be_right(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	for (int i = 0; i < 2; i++)
		server_feed_text(&s, AUTHENTICATE("PLAIN", "AHJvbWVvAHdyb25n", ""));
	server_clear(&s);
	server_feed_text(&s, AUTHENTICATE_PLAIN(BIND2("") USER_AGENT));
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_BOUND);
	server_fini(&s);
}

static void requests_are_bounded(void **state)
{
	(void)state;
	struct server s;
	open_stream(&s);
	for (int i = 0; i < 64; i++) {
		server_feed_text(&s, SASL2_EMPTY("authenticate", " mechanism='X'"));
		server_expect(&s, FAILURE2("invalid-mechanism"));
	}
	server_feed_text(&s, SASL2_EMPTY("authenticate", " mechanism='X'"));
	server_expect(&s, ENDS("too many requests to log in"));
	server_fini(&s);
}

/* Answers that come late, or too late. */

static void answers_may_come_late(void **state)
{
	(void)state;
	struct server s;
	unsigned char salted[DIGEST_BYTES_MAX];
	struct arena *a = arena_new(256, 4096);
	const struct jid *jid;
	const char *why;
	assert_int_equal(jid_parse(a, STR("romeo@im.example/A"), &jid, &why), 0);
	open_stream(&s);
	s.is_silent = true;
	server_feed_text(&s, AUTHENTICATE_PLAIN(USER_AGENT BIND2("<tag>A</tag>")) "<presence/>");
	receiver_credentials(s.receiver, &s.romeo);
	server_go_on(&s);
	digest_pbkdf2(DIGEST_SHA256, STR("pencil"), str_make(s.romeo.keys[DIGEST_SHA256].salt, 16), 16, salted);
	receiver_hashed(s.receiver, salted);
	server_go_on(&s);
	server_expect(&s, PLAIN_ANSWERS "[grant " SERVER_CLIENT "]");
	server_go_on(&s);
	assert_int_equal(s.last, RECEIVER_WAIT);
	/* Not asked for yet, or any more. */
	receiver_bind(s.receiver, jid, &s.transcript);
	receiver_tokens(s.receiver, NULL);
	receiver_hashed(s.receiver, salted);
	server_expect(&s, "");
	receiver_granted(s.receiver, STR("token"), STR(SERVER_EXPIRY));
	receiver_granted(s.receiver, STR("another"), STR(SERVER_EXPIRY));
	receiver_grant_failed(s.receiver);
	server_go_on(&s);
	server_expect(&s, INLINE("A", SERVER_CLIENT, ""));
	receiver_bind(s.receiver, jid, &s.transcript);
	server_go_on(&s);
	server_expect(&s, SUCCESS2(IDENTITY("romeo@im.example/A") BOUND2
					   "<token xmlns='urn:xmpp:fast:0' expiry='" SERVER_EXPIRY "' token='token'/>")
				  FEATURES(BOUND_FEATURES) "[stanza <presence from='romeo@im.example/A'/>]");
	receiver_granted(s.receiver, STR("late"), STR(SERVER_EXPIRY));
	receiver_grant_failed(s.receiver);
	server_fini(&s);
	arena_free(&a);
}

/* From this side, while something is asked for. */
static void stream_may_be_closed_at_any_question(void **state)
{
	(void)state;
	for (int questions = 1; questions <= 4; questions++) {
		struct server s;
		struct arena *a = arena_new(256, 4096);
		const struct jid *jid;
		const char *why;
		unsigned char salted[DIGEST_BYTES_MAX] = { 0 };
		assert_int_equal(jid_parse(a, STR("romeo@im.example/A"), &jid, &why), 0);
		open_stream(&s);
		s.is_silent = true;
		server_feed_text(&s, AUTHENTICATE_PLAIN(USER_AGENT BIND2("")));
		digest_pbkdf2(DIGEST_SHA256, STR("pencil"), str_make(s.romeo.keys[DIGEST_SHA256].salt, 16), 16, salted);
		if (questions > 1)
			receiver_credentials(s.receiver, &s.romeo);
		server_go_on(&s);
		if (questions > 2)
			receiver_hashed(s.receiver, salted);
		server_go_on(&s);
		if (questions > 3)
			receiver_granted(s.receiver, STR(""), STR(""));
		server_go_on(&s);
		server_clear(&s);
		receiver_close(s.receiver, questions & 1 ? STREAM_OK : STREAM_SYSTEM_SHUTDOWN, "bye", &s.transcript);
		server_clear(&s);
		receiver_credentials(s.receiver, NULL);
		receiver_hashed(s.receiver, salted);
		receiver_granted(s.receiver, STR("t"), STR("e"));
		receiver_bind(s.receiver, jid, &s.transcript);
		/* It is no login any more, so white space and stanzas of before are only passed over. */
		server_feed_text(&s, " <presence/> </stream:stream>");
		server_expect(&s, questions & 1 ? "[closed]" : "[error system-shutdown]");
		arena_free(&a);
		server_fini(&s);
	}
}

static void bound_stream_holds_as_little_as_after_sasl(void **state)
{
	(void)state;
	struct server s, other;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	server_bind(&s);
	server_init(&other, RECEIVER_TLS_DIRECT, 1);
	server_feed_text(&other, CLIENT_HEADER AUTHENTICATE_PLAIN(USER_AGENT BIND2("<tag>balco</tag>")));
	assert_int_equal(receiver_phase(other.receiver), RECEIVER_BOUND);
	assert_int_equal(receiver_bytes(s.receiver), receiver_bytes(other.receiver));
	server_fini(&s);
	server_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_goes_on_without_a_new_stream),
		cmocka_unit_test(server_proves_itself_in_the_success),
		cmocka_unit_test(wrong_requests_fail_and_the_stream_goes_on),
		cmocka_unit_test(response_may_be_asked_for),
		cmocka_unit_test(nothing_else_may_be_sent_during_the_login),
		cmocka_unit_test(nobody_logs_in_twice),
		cmocka_unit_test(protected_streams_only),
		cmocka_unit_test(login_is_of_whom_the_header_is_from),
		cmocka_unit_test(client_is_who_it_says),
		cmocka_unit_test(login_that_cannot_be_kept_ends_the_stream),
		cmocka_unit_test(resource_is_bound_with_the_login),
		cmocka_unit_test(features_of_binding_are_listed),
		cmocka_unit_test(refused_resource_ends_the_stream),
		cmocka_unit_test(version_is_that_of_the_features),
		cmocka_unit_test(login_for_other_features_is_refused_without_counting),
		cmocka_unit_test(tries_are_counted_over_both_profiles),
		cmocka_unit_test(last_try_may_be_right),
		cmocka_unit_test(requests_are_bounded),
		cmocka_unit_test(answers_may_come_late),
		cmocka_unit_test(stream_may_be_closed_at_any_question),
		cmocka_unit_test(bound_stream_holds_as_little_as_after_sasl),
	};
	return cmocka_run_group_tests_name("stream/receiver_sasl2", tests, NULL, NULL);
}
