/* The receiver: headers, STARTTLS, order, limits, closing; and a whole conversation in pieces of every kind. How one
 * logs in is in receiver_sasl.c, what happens on a bound stream in receiver_stanza.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/server.h"

#include "lib/base/mem.h"
#include "lib/stream/limits.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define OPENING        FEATURES(MECHANISMS)
#define PLAIN_OPENING  FEATURES(MECHANISMS_WITHOUT_TLS)
#define HEADER_NO_FROM SERVER_HEADER_WITH("from='' version='1.0'")
#define NOT_TO_US      "the header&apos;s to is no host served here"

/* What is fed to a new receiver, or to one in a certain state, and all that comes back. */
struct exchange {
	const char *in, *transcript;
};

static void check(const struct exchange *x, size_t count, enum receiver_tls tls, void (*prepare)(struct server *))
{
	for (size_t i = 0; i < count; i++) {
		struct server s;
		server_init(&s, tls, 1);
		if (prepare)
			prepare(&s);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		server_fini(&s);
	}
}

static void open_stream(struct server *s)
{
	server_feed_text(s, CLIENT_HEADER);
	server_clear(s);
}

/* RFC 6120, 4.7 and 4.8 */
static void headers_are_answered(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ CLIENT_HEADER, SERVER_HEADER PLAIN_OPENING },
		{ "<?xml version='1.0'?>\n" CLIENT_HEADER, SERVER_HEADER PLAIN_OPENING },
		/* The host and the address are normalised. */
		{ CLIENT_HEADER_TO("IM.Example"), SERVER_HEADER PLAIN_OPENING },
		{ CLIENT_HEADER_TO("other.example' from='Romeo@im.example/balcony"),
			SERVER_HEADER_WITH("from='other.example' to='romeo@im.example' version='1.0'") PLAIN_OPENING },
		{ CLIENT_HEADER_TO("im.example' from='"), SERVER_HEADER PLAIN_OPENING },
		/* An id of the client is ignored (4.7.3); our language is English whatever it asks for (4.7.4). */
		{ CLIENT_HEADER_TO("im.example' id='mine' xml:lang='de-CH"), SERVER_HEADER PLAIN_OPENING },
		/* Numbers, not strings (4.7.5). */
		{ "<stream:stream to='im.example' version='01.12' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			SERVER_HEADER PLAIN_OPENING },
		{ "<stream:stream to='im.example' version='11.0' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			SERVER_HEADER PLAIN_OPENING },
		/* Other prefixes, and the content's namespace on each stanza (4.8.2, 4.8.5). */
		{ "<s:stream to='im.example' version='1.0' xmlns='jabber:client' "
		  "xmlns:s='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'></s:stream>",
			SERVER_HEADER PLAIN_OPENING "</stream:stream>[closed]" },
		{ "<stream to='im.example' version='1.0' xmlns='http://etherx.jabber.org/streams'></stream>",
			SERVER_HEADER PLAIN_OPENING "</stream:stream>[closed]" },
		{ "<s:stream to='im.example' version='1.0' xmlns:s='http://etherx.jabber.org/streams'></s:stream>",
			SERVER_HEADER PLAIN_OPENING "</stream:stream>[closed]" },
	};
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, NULL);
}

/* RFC 6120, 4.9.1.2 and 4.9.1.3: our header goes before the error. */
static void wrong_headers_are_refused(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ CLIENT_HEADER_TO("elsewhere.example"), HEADER_NO_FROM STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ CLIENT_HEADER_TO(""), HEADER_NO_FROM STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ CLIENT_HEADER_TO("romeo@im.example"), HEADER_NO_FROM STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ CLIENT_HEADER_TO("im.example/x"), HEADER_NO_FROM STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ CLIENT_HEADER_TO("elsewhere.example' from='romeo@im.example"),
			SERVER_HEADER_WITH("from='' to='romeo@im.example' version='1.0'")
				STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ "<stream:stream version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
			HEADER_NO_FROM STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ CLIENT_HEADER_TO("im.example' from='@"),
			SERVER_HEADER STREAM_ERROR("invalid-from", "the header&apos;s from is no address") },
		{ "<stream:stream to='im.example' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			SERVER_HEADER_WITH("from='im.example'")
				STREAM_ERROR("unsupported-version", "the version of the protocol is below 1.0") },
		{ "<stream:stream to='im.example' version='0.9' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			SERVER_HEADER_WITH("from='im.example'")
				STREAM_ERROR("unsupported-version", "the version of the protocol is below 1.0") },
		{ "<stream:stream to='im.example' version='one' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			SERVER_HEADER_WITH("from='im.example'")
				STREAM_ERROR("unsupported-version", "the version of the protocol is below 1.0") },
		{ "<stream:stream to='im.example' version='1.0' xmlns='jabber:client' "
		  "xmlns:stream='urn:example:wrong'>",
			HEADER_NO_FROM STREAM_ERROR(
				"invalid-namespace", "the header is not in the namespace of streams") },
		{ "<stream:stream to='im.example' version='1.0' xmlns='jabber:server' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			HEADER_NO_FROM STREAM_ERROR(
				"invalid-namespace", "the content namespace is not that of clients") },
		{ "<stream:flow to='im.example' version='1.0' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'>",
			HEADER_NO_FROM STREAM_ERROR("bad-format", "the header is not called stream") },
		{ "<message>", HEADER_NO_FROM STREAM_ERROR(
				       "invalid-namespace", "the header is not in the namespace of streams") },
	};
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, NULL);
}

static void redirect(struct server *s)
{
	static const struct stream_redirect elsewhere = { STR_INIT("[2001:db8::1]"), 9222 };
	s->config.redirect = &elsewhere;
}

#define SEE_OTHER_HOST                                                                                                 \
	"<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[2001:db8::1]:9222"                 \
	"</see-other-host></stream:error></stream:stream>[error see-other-host]"

/* RFC 6120, 4.9.3.19: not before TLS; and only who asks for one of our hosts learns it. */
static void streams_are_sent_elsewhere_once_they_are_protected(void **state)
{
	(void)state;
	static const struct exchange protected[] = {
		{ CLIENT_HEADER PLAIN_AUTH, SERVER_HEADER SEE_OTHER_HOST },
		{ CLIENT_HEADER_TO("elsewhere.example"), HEADER_NO_FROM STREAM_ERROR("host-unknown", NOT_TO_US) },
	};
	check(protected, ARRAY_LEN(protected), RECEIVER_TLS_DIRECT, redirect);
	check(protected, ARRAY_LEN(protected), RECEIVER_TLS_NONE, redirect);
	struct server s;
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	redirect(&s);
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, SERVER_HEADER FEATURES(STARTTLS_FEATURE));
	server_feed_text(&s, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	server_clear(&s);
	receiver_tls_started(s.receiver, &(struct sasl_tls){ .version = 0x0304 });
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, SERVER_HEADER SEE_OTHER_HOST);
	server_fini(&s);
}

/* The conditions of what XML refuses; the texts are that floor's business. */
static void wrong_xml_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *in, *condition;
	} x[] = {
		{ "GET / HTTP/1.1\r\n", "not-well-formed" },
		{ "<!DOCTYPE x>", "restricted-xml" },
		{ "<stream:stream>", "not-well-formed" },
		{ "<?xml version='1.1'?>" CLIENT_HEADER, "unsupported-version" },
		{ "<?xml version='1.0' encoding='latin1'?>" CLIENT_HEADER, "unsupported-encoding" },
		{ "\376\377", "unsupported-encoding" },
		{ CLIENT_HEADER "<!-- x -->", "restricted-xml" },
		{ CLIENT_HEADER "<?x?>", "restricted-xml" },
		{ CLIENT_HEADER "<a>&b;</a>", "restricted-xml" },
		{ CLIENT_HEADER "<a></b>", "not-well-formed" },
		{ CLIENT_HEADER "<p:a/>", "not-well-formed" },
		{ CLIENT_HEADER "text", "bad-format" },
		{ CLIENT_HEADER "<a>\377</a>", "unsupported-encoding" },
		{ CLIENT_HEADER "<a><b xmlns='http://etherx.jabber.org/streams'/></a>", "bad-format" },
		{ CLIENT_HEADER "<a><b xmlns='urn:ietf:params:xml:ns:xmpp-framing'/></a>", "bad-format" },
		{ CLIENT_HEADER "<a><stream:b/></a>", "bad-format" },
		{ CLIENT_HEADER "</stream:strea>", "not-well-formed" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		char end[64];
		server_init(&s, RECEIVER_TLS_NONE, 1);
		server_feed_text(&s, x[i].in);
		assert_int_equal(s.last, RECEIVER_FAILED);
		assert_int_equal(receiver_phase(s.receiver), RECEIVER_ENDED);
		snprintf(end, sizeof(end), "</stream:error></stream:stream>[error %s]", x[i].condition);
		if (!str_has_suffix(buf_str(&s.transcript), str_from_c(end)) ||
			!str_has_prefix(buf_str(&s.transcript), STR("<?xml version='1.0'?><stream:stream ")))
			fail_msg("%s: " STR_FMT, x[i].in, STR_ARG(buf_str(&s.transcript)));
		server_fini(&s);
	}
}

static void every_header_gets_a_new_id(void **state)
{
	(void)state;
	struct server s;
	char id[64] = { 0 };
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	assert_int_equal(receiver_id(s.receiver).n, 0);
	for (int i = 0; i < 3; i++) {
		server_feed_text(&s, i == 0   ? CLIENT_HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
				     : i == 1 ? CLIENT_HEADER PLAIN_AUTH
					      : CLIENT_HEADER);
		struct str now = receiver_id(s.receiver);
		assert_true(now.n * 6 >= 128);
		assert_false(str_eq(now, str_from_c(id)));
		memcpy(id, now.p, now.n);
	}
	server_fini(&s);
}

static void tls_comes_first(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ CLIENT_HEADER, SERVER_HEADER FEATURES(STARTTLS_FEATURE) },
		{ CLIENT_HEADER PLAIN_AUTH, SERVER_HEADER FEATURES(STARTTLS_FEATURE) FAILURE("encryption-required") },
		{ CLIENT_HEADER "<message/>", SERVER_HEADER FEATURES(STARTTLS_FEATURE)
						      STREAM_ERROR("not-authorized", "a stanza before the login") },
		{ CLIENT_HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
			SERVER_HEADER FEATURES(
				STARTTLS_FEATURE) "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>[tls]" },
	};
	check(x, ARRAY_LEN(x), RECEIVER_TLS_STARTTLS, NULL);
}

/* RFC 6120, 5.4.2.2 */
static void starttls_is_refused_where_it_was_not_offered(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
			"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>[error ]" },
		{ "<startls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
			"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>[error ]" },
	};
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, open_stream);
	check(x, ARRAY_LEN(x), RECEIVER_TLS_DIRECT, open_stream);
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, server_log_in);
	check(x + 1, 1, RECEIVER_TLS_STARTTLS, open_stream);
}

/* T1 */
static void bytes_behind_starttls_are_never_acted_on(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	s.is_silent = true;
	server_feed_text(
		&s, CLIENT_HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" CLIENT_HEADER PLAIN_AUTH);
	assert_int_equal(s.last, RECEIVER_WAIT);
	assert_false(receiver_has_tls(s.receiver));
	/* What a driver would read and wrongly pass on before TLS is in place. */
	server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH);
	assert_int_equal(s.last, RECEIVER_WAIT);
	receiver_tls_started(s.receiver, &(struct sasl_tls){ .version = 0x0304 });
	assert_true(receiver_has_tls(s.receiver));
	assert_int_equal(receiver_host(s.receiver).n, 0);
	server_clear(&s);
	server_go_on(&s);
	server_expect(&s, "");
	server_feed_text(&s, CLIENT_HEADER_TO("other.example"));
	server_expect(&s, SERVER_HEADER_WITH("from='other.example' version='1.0'") FEATURES(MECHANISMS));
	server_fini(&s);
}

static void tls_needs_a_new_header(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	server_feed_text(&s, CLIENT_HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	server_clear(&s);
	server_feed_text(&s, PLAIN_AUTH);
	assert_int_equal(s.last, RECEIVER_FAILED);
	server_expect(
		&s, HEADER_NO_FROM STREAM_ERROR("invalid-namespace", "the header is not in the namespace of streams"));
	server_fini(&s);
}

static void login_needs_a_new_header(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH);
	server_clear(&s);
	server_feed_text(&s, BIND_REQUEST);
	server_expect(
		&s, SERVER_HEADER STREAM_ERROR("invalid-namespace", "the header is not in the namespace of streams"));
	server_fini(&s);
}

/* A1 */
static void restarted_stream_keeps_host_and_identity(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ CLIENT_HEADER_TO("IM.example"), SERVER_HEADER FEATURES(BIND_FEATURES) },
		{ CLIENT_HEADER_TO("im.example' from='romeo@im.example"),
			SERVER_HEADER_WITH("from='im.example' to='romeo@im.example' version='1.0'")
				FEATURES(BIND_FEATURES) },
		{ CLIENT_HEADER_TO("other.example"),
			SERVER_HEADER STREAM_ERROR("not-authorized", "a restarted stream keeps its to") },
		{ CLIENT_HEADER_TO("elsewhere.example"), SERVER_HEADER STREAM_ERROR("host-unknown", NOT_TO_US) },
		{ CLIENT_HEADER_TO("im.example' from='juliet@im.example"),
			SERVER_HEADER_WITH("from='im.example' to='juliet@im.example' version='1.0'")
				STREAM_ERROR("invalid-from", "the header&apos;s from is not who has logged in") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_NONE, 1);
		server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH);
		server_clear(&s);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		assert_true(str_eq(jid_full(receiver_jid(s.receiver)), STR("romeo@im.example")));
		assert_true(str_eq(receiver_host(s.receiver), STR("im.example")));
		server_fini(&s);
	}
}

static void elements_that_have_no_place_end_the_stream(void **state)
{
	(void)state;
	static const struct exchange opened[] = {
		{ "<message/>", STREAM_ERROR("not-authorized", "a stanza before the login") },
		{ "<presence/>", STREAM_ERROR("not-authorized", "a stanza before the login") },
		{ BIND_REQUEST, STREAM_ERROR("not-authorized", "a stanza before the login") },
		{ "<pubsub/>", STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<message xmlns='urn:example:other'/>",
			STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<extra xmlns='" NS_EXTRA "'/>",
			STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<message xmlns='jabber:server'/>",
			STREAM_ERROR("invalid-namespace", "this is a stream for clients") },
		{ "<stream:features/>", STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
			STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
	};
	static const struct exchange logged_in[] = {
		{ "<message/>", STREAM_ERROR("not-authorized", "a stanza before there is a resource") },
		{ "<extra xmlns='" NS_EXTRA "'/>",
			STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ PLAIN_AUTH, STREAM_ERROR("not-authorized", "already logged in") },
	};
	check(opened, ARRAY_LEN(opened), RECEIVER_TLS_NONE, open_stream);
	check(logged_in, ARRAY_LEN(logged_in), RECEIVER_TLS_NONE, server_log_in);
}

/* RFC 6120, 4.9.1.1 and 4.4 */
static void peer_may_close_anywhere(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "</stream:stream>", "</stream:stream>[closed]" },
		{ "</stream:stream >", "</stream:stream>[closed]" },
		{ "</stream:stream><message/>", "</stream:stream>[closed]" },
		{ "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
			"</stream:stream>[closed]" },
		{ "<stream:error/></stream:stream>", "</stream:stream>[closed]" },
	};
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, open_stream);
	check(x, ARRAY_LEN(x), RECEIVER_TLS_STARTTLS, open_stream);
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, server_log_in);
	check(x, ARRAY_LEN(x), RECEIVER_TLS_NONE, server_bind);
}

static void close_stream(struct server *s, enum stream_condition c, const char *text)
{
	struct buf out;
	buf_init(&out, 1 << 20);
	receiver_close(s->receiver, c, text, &out);
	buf_add(&s->transcript, buf_str(&out));
	buf_fini(&out);
}

static void stanzas_are_delivered_until_both_have_closed(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_bind(&s);
	close_stream(&s, STREAM_OK, NULL);
	server_expect(&s, "</stream:stream>");
	close_stream(&s, STREAM_OK, NULL);
	server_expect(&s, "");
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_BOUND);
	server_feed_text(&s, "<presence/></stream:stream>");
	server_expect(&s, "[stanza <presence from='romeo@im.example/balcony'/>][closed]");
	close_stream(&s, STREAM_OK, NULL);
	server_expect(&s, "");
	server_fini(&s);
}

static void nothing_is_written_behind_the_closing_tag(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_bind(&s);
	close_stream(&s, STREAM_OK, NULL);
	server_clear(&s);
	server_feed_text(&s, "<pubsub/>");
	server_expect(&s, "[error unsupported-stanza-type]");
	close_stream(&s, STREAM_SYSTEM_SHUTDOWN, NULL);
	server_expect(&s, "");
	server_fini(&s);
}

static void negotiation_stops_when_we_close(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER);
	close_stream(&s, STREAM_OK, NULL);
	server_clear(&s);
	server_feed_text(&s, PLAIN_AUTH "<message/></stream:stream>");
	server_expect(&s, "[closed]");
	server_fini(&s);
}

static void close_without_a_header_sends_one(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	struct buf out;
	buf_init(&out, 4096);
	receiver_close(s.receiver, STREAM_SYSTEM_SHUTDOWN, "bye & good night", &out);
	assert_true(str_has_prefix(buf_str(&out), STR("<?xml version='1.0'?><stream:stream ")));
	assert_true(str_has_suffix(buf_str(&out),
		STR("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		    "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>bye &amp; good night</text>"
		    "</stream:error></stream:stream>")));
	buf_fini(&out);
	/* After an error nothing more is read. */
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, "[error system-shutdown]");
	server_fini(&s);

	server_init(&s, RECEIVER_TLS_NONE, 1);
	close_stream(&s, STREAM_OK, NULL);
	server_clear(&s);
	server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH "</stream:stream>");
	server_expect(&s, "[closed]");
	server_fini(&s);
}

/* RFC 6120, 5.4.3.1 */
static void nothing_is_written_during_the_handshake_of_tls(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_STARTTLS, 1);
	s.is_silent = true;
	server_feed_text(&s, CLIENT_HEADER "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	server_clear(&s);
	close_stream(&s, STREAM_SYSTEM_SHUTDOWN, NULL);
	server_expect(&s, "");
	receiver_tls_started(s.receiver, &(struct sasl_tls){ .version = 0x0304 });
	server_feed_text(&s, CLIENT_HEADER);
	server_expect(&s, "[error system-shutdown]");
	server_fini(&s);
}

static void late_answers_are_ignored(void **state)
{
	(void)state;
	struct server s;
	unsigned char salted[DIGEST_BYTES_MAX] = { 0 };
	struct arena *a = arena_new(256, 4096);
	const struct jid *jid;
	const char *why;
	assert_int_equal(jid_parse(a, STR("romeo@im.example/x"), &jid, &why), 0);
	for (int how = 0; how < 2; how++) {
		server_init(&s, RECEIVER_TLS_NONE, 1);
		s.is_silent = true;
		server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH);
		close_stream(&s, how ? STREAM_OK : STREAM_CONFLICT, NULL);
		server_clear(&s);
		receiver_credentials(s.receiver, &s.romeo);
		receiver_credentials_failed(s.receiver);
		receiver_hashed(s.receiver, salted);
		receiver_tls_started(s.receiver, &(struct sasl_tls){ .version = 0x0304 });
		receiver_bind(s.receiver, jid, &s.transcript);
		receiver_refuse_bind(s.receiver, &(struct stanza_error){ .condition = STANZA_CONFLICT }, &s.transcript);
		server_go_on(&s);
		server_expect(&s, how ? "" : "[error conflict]");
		assert_null(receiver_jid(s.receiver));
		server_fini(&s);
	}
	arena_free(&a);
}

static void how_it_ended_is_repeated(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER "<message/>");
	server_clear(&s);
	for (int i = 0; i < 3; i++) {
		struct receiver_event e;
		struct buf out;
		buf_init(&out, 100);
		assert_int_equal(receiver_next(s.receiver, &out, &e), RECEIVER_FAILED);
		assert_int_equal(e.condition, STREAM_NOT_AUTHORIZED);
		assert_int_equal(buf_len(&out), 0);
		buf_fini(&out);
	}
	server_fini(&s);
}

/* P3 */
static void limits_are_those_of_the_state(void **state)
{
	(void)state;
	static const size_t sizes[] = { 8 << 10, (8 << 10) + 1, 256 << 10, (256 << 10) + 1 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (int is_bound = 0; is_bound < 2; is_bound++) {
			struct server s;
			server_init(&s, RECEIVER_TLS_NONE, 1);
			if (is_bound)
				server_bind(&s);
			else
				open_stream(&s);
			char *p = mem_alloc(sizes[i]);
			memset(p, 'x', sizes[i]);
			memcpy(p, "<message>", 9);
			memcpy(p + sizes[i] - 10, "</message>", 10);
			server_feed(&s, str_make(p, sizes[i]));
			mem_free(p);
			struct str t = buf_str(&s.transcript);
			if (sizes[i] > (size_t)(is_bound ? 256 << 10 : 8 << 10))
				assert_true(str_has_suffix(t, STR("[error policy-violation]")));
			else if (is_bound)
				assert_true(str_has_prefix(t, STR("[stanza ")));
			else
				assert_true(str_has_suffix(t, STR("[error not-authorized]")));
			server_fini(&s);
		}
	}
}

static void white_space_is_for_sessions(void **state)
{
	(void)state;
	struct server s;
	char space[2048];
	memset(space, ' ', sizeof(space));
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_bind(&s);
	for (int i = 0; i < 600; i++)
		server_feed(&s, str_make(space, sizeof(space)));
	server_expect(&s, "");
	server_fini(&s);
	server_init(&s, RECEIVER_TLS_NONE, 1);
	open_stream(&s);
	server_feed(&s, str_make(space, sizeof(space)));
	assert_int_equal(s.last, RECEIVER_FAILED);
	server_fini(&s);
}

/* The rest of the input waits with the question, up to the size of one element. */
static void input_behind_a_question_is_kept_and_bounded(void **state)
{
	(void)state;
	struct server s;
	char space[1000];
	memset(space, '\n', sizeof(space));
	server_init(&s, RECEIVER_TLS_NONE, 1);
	s.is_silent = true;
	server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH "</stream:stream>");
	server_expect(&s, SERVER_HEADER PLAIN_OPENING "[find romeo@im.example]");
	assert_int_equal(s.last, RECEIVER_WAIT);
	for (size_t kept = 16; kept + sizeof(space) <= 8 << 10; kept += sizeof(space)) {
		server_feed(&s, str_make(space, sizeof(space)));
		assert_int_equal(s.last, RECEIVER_WAIT);
	}
	assert_true(receiver_bytes(s.receiver) < 32 << 10);
	server_feed(&s, str_make(space, sizeof(space)));
	server_expect(&s, STREAM_ERROR("policy-violation", "too much was sent ahead"));
	receiver_credentials(s.receiver, &s.romeo);
	server_fini(&s);
}

#define CONVERSATION_PLAIN_TEXT                                                                                        \
	"<?xml version='1.0'?>\n" CLIENT_HEADER "\n<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define CONVERSATION                                                                                                   \
	CLIENT_HEADER_TO("im.example' from='romeo@im.example' xml:lang='en")                                           \
	SASL_EMPTY("auth", " mechanism='PLAIN'")                                                                       \
	SASL("response", "", "AHJvbWVvAHdyb25n")                                                                       \
	SASL_EMPTY("abort", "")                                                                                        \
	PLAIN_AUTH CLIENT_HEADER_TO(                                                                                   \
		"im.example' xml:lang='it") "<iq id='b0' type='set'><bind "                                            \
					    "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><x/></bind></iq>" BIND_REQUEST   \
					    "<presence/> \n<message to='juliet@im.example' "                           \
					    "xml:lang='de'><body>&lt;\303\244&#x10FFFD;</body></message>"              \
					    "<extra xmlns='" NS_EXTRA                                                  \
					    "'/><presence type='subscribe' to='juliet@im.example'/>"                   \
					    "<iq type='get'/><a xmlns='" NS_EXTRA                                      \
					    "'><![CDATA[<]]></a></stream:stream>"

static const char conversation_transcript[] = SERVER_HEADER
	FEATURES(STARTTLS_FEATURE) "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>[tls]" SERVER_HEADER_WITH(
		"from='im.example' to='romeo@im.example' version='1.0'") OPENING SASL_EMPTY("challenge",
		"") "[find romeo@im.example][hash sha-256]" FAILURE("not-authorized")
		FAILURE("aborted") "[find romeo@im.example][hash sha-256]" SASL_EMPTY(
			"success", "") "[login romeo@im.example PLAIN]" SERVER_HEADER
			FEATURES(BIND_FEATURES) "<iq type='error' id='b0'><error type='modify'>"
						"<bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
						"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' "
						"xml:lang='en'>cannot bind this</text></error></iq>"
						"[bind balcony]" BIND_RESULT
						"[stanza <presence from='romeo@im.example/balcony' xml:lang='it'/>]"
						"[stanza <message from='romeo@im.example/balcony' "
						"to='juliet@im.example' xml:lang='de'>"
						"<body>&lt;\303\244\364\217\277\275</body></message>]"
						"[element <extra xmlns='" NS_EXTRA "'/>]"
						"[stanza <presence from='romeo@im.example' to='juliet@im.example' "
						"type='subscribe' xml:lang='it'/>]"
						"[refused bad-request <iq from='romeo@im.example/balcony' type='get' "
						"xml:lang='it'/>]"
						"[element <a xmlns='" NS_EXTRA "'>&lt;</a>]</stream:stream>[closed]";

static void feed_in_two(struct server *s, struct str in, size_t at)
{
	server_feed(s, str_first(in, at));
	if (at < in.n)
		server_feed(s, str_from(in, at));
}

static void conversation_split_at_every_byte_is_the_same(void **state)
{
	(void)state;
	struct str first = STR(CONVERSATION_PLAIN_TEXT), second = STR(CONVERSATION);
	for (size_t at = 0; at <= first.n + second.n; at++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_STARTTLS, 1);
		feed_in_two(&s, first, at < first.n ? at : first.n);
		feed_in_two(&s, second, at > first.n ? at - first.n : 0);
		server_expect(&s, conversation_transcript);
		server_fini(&s);
	}
}

static void conversation_in_pieces_of_any_size_is_the_same(void **state)
{
	(void)state;
	struct str parts[] = { STR(CONVERSATION_PLAIN_TEXT), STR(CONVERSATION) };
	for (size_t size = 1; size < 64; size++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_STARTTLS, size);
		for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
			for (size_t at = 0; at < parts[i].n; at += size)
				server_feed(&s, str_first(str_from(parts[i], at), size));
		}
		server_expect(&s, conversation_transcript);
		server_fini(&s);
	}
}

/* Answers that come later, one by one, and not from inside the loop. */
static void answers_may_come_late(void **state)
{
	(void)state;
	struct server s;
	unsigned char salted[DIGEST_BYTES_MAX];
	server_init(&s, RECEIVER_TLS_NONE, 1);
	s.is_silent = true;
	server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH CLIENT_HEADER BIND_REQUEST "<presence/>");
	server_clear(&s);
	receiver_credentials(s.receiver, &s.romeo);
	server_go_on(&s);
	server_expect(&s, "[hash sha-256]");
	server_go_on(&s);
	server_expect(&s, "");
	assert_int_equal(s.last, RECEIVER_WAIT);
	digest_pbkdf2(DIGEST_SHA256, STR("pencil"), str_make(s.romeo.keys[DIGEST_SHA256].salt, 16), 16, salted);
	receiver_hashed(s.receiver, salted);
	server_go_on(&s);
	server_expect(&s, SASL_EMPTY("success", "") "[login romeo@im.example PLAIN]" SERVER_HEADER FEATURES(
				  BIND_FEATURES) "[bind balcony]");
	struct arena *a = arena_new(256, 4096);
	const struct jid *jid;
	const char *why;
	assert_int_equal(jid_parse(a, STR("romeo@im.example/balcony"), &jid, &why), 0);
	receiver_bind(s.receiver, jid, &s.transcript);
	arena_free(&a);
	server_go_on(&s);
	server_expect(&s, BIND_RESULT "[stanza <presence from='romeo@im.example/balcony'/>]");
	server_fini(&s);
}

static void phases_follow_the_states(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_DIRECT, 1);
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_CONNECTED);
	assert_true(receiver_has_tls(s.receiver));
	assert_int_equal(receiver_host(s.receiver).n, 0);
	assert_null(receiver_jid(s.receiver));
	server_feed_text(&s, CLIENT_HEADER);
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_OPENED);
	assert_true(str_eq(receiver_host(s.receiver), STR("im.example")));
	server_feed_text(&s, PLAIN_AUTH);
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_AUTHENTICATED);
	server_feed_text(&s, CLIENT_HEADER BIND_REQUEST);
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_BOUND);
	assert_true(str_eq(jid_full(receiver_jid(s.receiver)), STR("romeo@im.example/balcony")));
	server_feed_text(&s, "</stream:stream>");
	assert_int_equal(receiver_phase(s.receiver), RECEIVER_ENDED);
	server_fini(&s);
}

static void bound_stream_holds_little_when_idle(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_bind(&s);
	size_t idle = receiver_bytes(s.receiver);
	print_message("an idle bound stream holds %zu bytes\n", idle);
#ifndef __SANITIZE_ADDRESS__
	assert_true(idle < 200);
#endif
	server_feed_text(&s, "<message><body>the beginning of a story");
	assert_true(receiver_bytes(s.receiver) > idle);
	server_feed_text(&s, "</body></message>");
	assert_int_equal(receiver_bytes(s.receiver), idle);
	server_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_answered),
		cmocka_unit_test(wrong_headers_are_refused),
		cmocka_unit_test(streams_are_sent_elsewhere_once_they_are_protected),
		cmocka_unit_test(wrong_xml_is_refused),
		cmocka_unit_test(every_header_gets_a_new_id),
		cmocka_unit_test(tls_comes_first),
		cmocka_unit_test(starttls_is_refused_where_it_was_not_offered),
		cmocka_unit_test(bytes_behind_starttls_are_never_acted_on),
		cmocka_unit_test(tls_needs_a_new_header),
		cmocka_unit_test(login_needs_a_new_header),
		cmocka_unit_test(restarted_stream_keeps_host_and_identity),
		cmocka_unit_test(elements_that_have_no_place_end_the_stream),
		cmocka_unit_test(peer_may_close_anywhere),
		cmocka_unit_test(stanzas_are_delivered_until_both_have_closed),
		cmocka_unit_test(nothing_is_written_behind_the_closing_tag),
		cmocka_unit_test(negotiation_stops_when_we_close),
		cmocka_unit_test(close_without_a_header_sends_one),
		cmocka_unit_test(nothing_is_written_during_the_handshake_of_tls),
		cmocka_unit_test(late_answers_are_ignored),
		cmocka_unit_test(how_it_ended_is_repeated),
		cmocka_unit_test(limits_are_those_of_the_state),
		cmocka_unit_test(white_space_is_for_sessions),
		cmocka_unit_test(input_behind_a_question_is_kept_and_bounded),
		cmocka_unit_test(conversation_split_at_every_byte_is_the_same),
		cmocka_unit_test(conversation_in_pieces_of_any_size_is_the_same),
		cmocka_unit_test(answers_may_come_late),
		cmocka_unit_test(phases_follow_the_states),
		cmocka_unit_test(bound_stream_holds_little_when_idle),
	};
	return cmocka_run_group_tests_name("stream/receiver", tests, NULL, NULL);
}
