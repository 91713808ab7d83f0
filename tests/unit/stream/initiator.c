/* The initiator: headers, STARTTLS, binding, closing, against servers that are wrong, hostile or both. How it logs in
 * is in initiator_sasl.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/client.h"

#include <string.h>

static void prepare_logged_in(struct client *c)
{
	client_prepare_plain(c);
	client_feed_text(c, SASL_EMPTY("success", ""));
	client_expect(c, "[login PLAIN]" TO_SERVER);
	client_feed_text(c, FROM_SERVER);
}

static void prepare_binding(struct client *c)
{
	prepare_logged_in(c);
	client_feed_text(c, BIND_OFFER);
	client_expect(c, BIND_SENT);
}

static void prepare_bound(struct client *c)
{
	prepare_binding(c);
	client_feed_text(c, "<iq type='result' id='bind'>" BIND("<jid>romeo@im.example/b</jid>") "</iq>");
	client_expect(c, "[ready romeo@im.example/b]");
}

#define HEADER_WITH(attributes)                                                                                        \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' " attributes ">"
#define FROM_NO_HOST                                                                                                   \
	ERROR("invalid-from", "the server&apos;s header comes from no host")                                           \
	"[failed invalid-from: the server's header comes from no host]"
#define FOR_SOMEBODY_ELSE                                                                                              \
	ERROR("improper-addressing", "the server&apos;s header is for somebody else")                                  \
	"[failed improper-addressing: the server's header is for somebody else]"

static void headers_are_checked(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "", TO_SERVER },
		{ FROM_SERVER, TO_SERVER },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='i'>",
			TO_SERVER ERROR("unsupported-version",
				"the server&apos;s protocol is older than 1.0") "[failed unsupported-version: the "
										"server's protocol is older "
										"than 1.0]" },
		{ "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
			TO_SERVER ERROR("invalid-namespace",
				"the content namespace is not that of clients") "[failed invalid-namespace: the "
										"content namespace is "
										"not that of clients]" },
		/* Another of the server's names; none (RFC 3920). */
		{ HEADER_WITH("id='i' from='other.example'"), TO_SERVER },
		{ HEADER_WITH("id='i'"), TO_SERVER },
		{ HEADER_WITH("from='im.example'"), TO_SERVER },
		{ HEADER_WITH("id='i' from='im.example' to='Romeo@im.example' xml:lang='de'"), TO_SERVER },
		{ HEADER_WITH("id='i' from='juliet@im.example'"), TO_SERVER FROM_NO_HOST },
		{ HEADER_WITH("id='i' from='im.example/x'"), TO_SERVER FROM_NO_HOST },
		/* One that has no host of that name (4.9.1.3). */
		{ HEADER_WITH("id='i' from=''"), TO_SERVER },
		{ HEADER_WITH("id='i' from='im.example' to='juliet@im.example'"), TO_SERVER FOR_SOMEBODY_ELSE },
		{ HEADER_WITH("id='i' from='im.example' to='im.example'"), TO_SERVER FOR_SOMEBODY_ELSE },
		{ HEADER_WITH("id='i' from='im.example' to='@'"), TO_SERVER FOR_SOMEBODY_ELSE },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, NULL);
}

static void names_of_the_server_are_kept(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	assert_true(str_is_empty(initiator_stream_id(c.initiator)));
	client_feed_text(&c, HEADER_WITH("id='one' xml:lang='de'") MECHANISM("PLAIN"));
	assert_true(str_eq(initiator_stream_id(c.initiator), STR("one")));
	assert_true(str_eq(initiator_lang(c.initiator), STR("de")));
	/* A new stream has a new id, and perhaps another language. */
	client_feed_text(&c, SASL_EMPTY("success", "") HEADER_WITH("id='two' xml:lang='not one'"));
	assert_true(str_eq(initiator_stream_id(c.initiator), STR("two")));
	assert_true(str_is_empty(initiator_lang(c.initiator)));
	client_fini(&c);
}

/* RFC 6120, 4.7.1 */
static void we_say_who_we_are_under_tls_only(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_STARTTLS, ALL_MECHANISMS);
	client_feed_text(&c,
		FROM_SERVER FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") "<proceed "
											    "xmlns='urn:ietf:params:"
											    "xml:ns:xmpp-tls'/>");
	client_expect(&c, TO_SERVER
		"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>[tls]" TO_SERVER_WITH("from='romeo@im.example' "));
	client_fini(&c);
}

/* No way around TLS. */
static void missing_starttls_is_the_end(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ MECHANISM("PLAIN"), "</stream:stream>[failed: the server does not offer STARTTLS]" },
		{ "<stream:features/>", "</stream:stream>[failed: the server does not offer STARTTLS]" },
		{ FEATURES("<starttls xmlns='urn:x'/>"),
			"</stream:stream>[failed: the server does not offer STARTTLS]" },
		{ FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") "<failure "
										  "xmlns='urn:ietf:params:xml:ns:xmpp-"
										  "tls'/>",
			"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>[failed: the server "
			"refused STARTTLS]" },
		{ FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") SASL_EMPTY("success", ""),
			"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>[failed: the server "
			"refused STARTTLS]" },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_STARTTLS, client_prepare_header);
}

/* T1, from this side. */
static void bytes_behind_proceed_are_never_acted_on(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_STARTTLS, ALL_MECHANISMS);
	c.is_silent = true;
	client_feed_text(&c,
		FROM_SERVER FEATURES(
			"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") "<proceed "
									       "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
									       "/>" FROM_SERVER MECHANISM("PLAIN"));
	client_clear(&c);
	client_feed_text(&c, FROM_SERVER MECHANISM("PLAIN"));
	assert_int_equal(c.last, INITIATOR_WAIT);
	initiator_tls_started(c.initiator, &c.tls);
	client_go_on(&c);
	client_expect(&c, TO_SERVER_WITH("from='romeo@im.example' "));
	assert_int_equal(c.last, INITIATOR_IDLE);
	client_feed_text(&c, MECHANISM("PLAIN"));
	assert_int_equal(c.last, INITIATOR_FAILED);
	client_fini(&c);
}

static void answers_to_the_second_header(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ BIND_OFFER, BIND_SENT },
		{ "<stream:features/>", "</stream:stream>[failed: the server does not let us bind a resource]" },
		{ MECHANISM("PLAIN"), "</stream:stream>[failed: the server does not let us bind a resource]" },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, prepare_logged_in);
}

#define NO_ADDRESS "</stream:stream>[failed: the server bound no address to us]"
#define NO_ANSWER                                                                                                      \
	ERROR("not-authorized", "something else than the answer to bind")                                              \
	"[failed not-authorized: something else than the answer to bind]"

static void answers_to_bind(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		/* RFC 6120, 4.3.6: whatever it is. */
		{ "<iq type='result' id='bind'>" BIND("<jid> Romeo@im.example/else\n</jid>") "</iq>",
			"[ready romeo@im.example/else]" },
		{ "<iq type='result' id='bind'>" BIND("<jid>romeo@im.example</jid>") "</iq>", NO_ADDRESS },
		{ "<iq type='result' id='bind'>" BIND("<jid>im.example/x</jid>") "</iq>", NO_ADDRESS },
		{ "<iq type='result' id='bind'>" BIND("<jid>@</jid>") "</iq>", NO_ADDRESS },
		{ "<iq type='result' id='bind'>" BIND("<jid/>") "</iq>", NO_ADDRESS },
		{ "<iq type='result' id='bind'>" BIND("") "</iq>", NO_ADDRESS },
		{ "<iq type='result' id='bind'/>", NO_ADDRESS },
		{ "<iq type='set' id='bind'>" BIND("<jid>romeo@im.example/b</jid>") "</iq>", NO_ADDRESS },
		{ "<iq type='result' id='other'>" BIND("<jid>romeo@im.example/b</jid>") "</iq>", NO_ANSWER },
		{ "<message/>", NO_ANSWER },
		{ "<a xmlns='urn:a'/>", NO_ANSWER },
		{ "<iq type='error' id='bind'><error type='cancel'><conflict "
		  "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
		  "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>twice</text></error></iq>",
			"</stream:stream>[failed conflict twice: the server refused to bind a resource]" },
		/* The server has enough of us, or of our name. */
		{ "<iq type='error' id='bind'><error type='wait'><resource-constraint "
		  "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
			"</stream:stream>[failed resource-constraint: the server refused to bind a resource]" },
		{ "<iq type='result' id='bind'>" BIND("<jid>romeo@im.example/a</jid>") BIND("<jid>x@im.example/b</jid>") "</iq>",
			"[ready romeo@im.example/a]" },
		{ BIND_OFFER, NO_ANSWER },
		{ SASL_EMPTY("success", ""), NO_ANSWER },
		{ "<iq type='error' id='bind'/>",
			"</stream:stream>[failed undefined-condition: the server refused to bind a resource]" },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, prepare_binding);
}

static void bound_stream_carries_stanzas(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<message from='a@b.example'/><iq type='result' id='1'/>",
			"[stanza <message from='a@b.example'/>][stanza <iq id='1' type='result'/>]" },
		{ "<iq/>", "[malformed <iq/>]" },
		{ "<r xmlns='urn:xmpp:sm:3'/>", "[element <r xmlns='urn:xmpp:sm:3'/>]" },
		{ "<stream:error><system-shutdown "
		  "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
			"</stream:stream>[failed system-shutdown: the server sent a stream error]" },
		{ "</stream:stream>", "</stream:stream>[closed]" },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, prepare_bound);
}

static void close_is_answered_or_silent(void **state)
{
	(void)state;
	struct client c;
	/* Nothing was sent: there is no stream. */
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	initiator_close(c.initiator, &c.transcript);
	client_go_on(&c);
	client_expect(&c, "[closed]");
	client_fini(&c);
	/* In the middle of the negotiation. */
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	client_prepare_header(&c);
	initiator_close(c.initiator, &c.transcript);
	initiator_close(c.initiator, &c.transcript);
	client_feed_text(&c, MECHANISM("PLAIN") "</stream:stream>");
	client_expect(&c, "</stream:stream>[closed]");
	client_fini(&c);
	/* The next bytes are those of TLS. */
	client_init(&c, "romeo@im.example", INITIATOR_TLS_STARTTLS, ALL_MECHANISMS);
	client_prepare_header(&c);
	client_feed_text(&c, FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	client_clear(&c);
	initiator_close(c.initiator, &c.transcript);
	client_expect(&c, "");
	client_fini(&c);
}

#define CONDITION(name, inside) "<" name " xmlns='urn:ietf:params:xml:ns:xmpp-streams'>" inside "</" name ">"
#define SENT_ERROR(inside)      "<stream:error>" inside "</stream:error></stream:stream>"
#define ITS_ERROR               ": the server sent a stream error]"

/* RFC 6120, 4.9: at any time, with or without what belongs to one. */
static void stream_errors_are_told_with_all_they_say(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ SENT_ERROR(CONDITION("conflict", "") CONDITION("text", "x &lt; y")), "</stream:stream>[failed conflict x < y" ITS_ERROR },
		{ SENT_ERROR(CONDITION("policy-violation", "") "<slow-down xmlns='urn:x'/><more xmlns='urn:y'/>"),
			"</stream:stream>[failed policy-violation slow-down" ITS_ERROR },
		{ SENT_ERROR("<own xmlns='urn:x'/>"), "</stream:stream>[failed undefined-condition own" ITS_ERROR },
		{ SENT_ERROR(""), "</stream:stream>[failed undefined-condition" ITS_ERROR },
		{ SENT_ERROR(CONDITION("of-tomorrow", "")), "</stream:stream>[failed undefined-condition" ITS_ERROR },
		{ SENT_ERROR(CONDITION("see-other-host", "im.example")),
			"</stream:stream>[failed see-other-host im.example" ITS_ERROR },
		{ SENT_ERROR(CONDITION("see-other-host", " Other.example:9222\n")),
			"</stream:stream>[failed see-other-host other.example:9222" ITS_ERROR },
		{ SENT_ERROR(CONDITION("see-other-host", "[2001:db8::1]:5222")),
			"</stream:stream>[failed see-other-host [2001:db8::1]:5222" ITS_ERROR },
		{ SENT_ERROR(CONDITION("see-other-host", "")), "</stream:stream>[failed see-other-host" ITS_ERROR },
		{ SENT_ERROR(CONDITION("see-other-host", "a b:1")), "</stream:stream>[failed see-other-host" ITS_ERROR },
		{ SENT_ERROR(CONDITION("see-other-host", "im.example:0")), "</stream:stream>[failed see-other-host" ITS_ERROR },
		/* Nobody is sent anywhere by another error. */
		{ SENT_ERROR(CONDITION("reset", "") CONDITION("see-other-host", "im.example")),
			"</stream:stream>[failed reset" ITS_ERROR },
	};
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, client_prepare_header);
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, client_prepare_plain);
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, prepare_logged_in);
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, prepare_binding);
	client_check(x, ARRAY_LEN(x), INITIATOR_TLS_NONE, prepare_bound);
}

/* RFC 6120, 4.4, from either side and at any time. */
static void streams_close_in_every_state(void **state)
{
	(void)state;
	static void (*const prepare[])(struct client *) = { client_prepare_header, client_prepare_plain, prepare_logged_in,
		prepare_binding, prepare_bound };
	for (size_t i = 0; i < ARRAY_LEN(prepare); i++) {
		struct client c;
		client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_NONE, ALL_MECHANISMS);
		prepare[i](&c);
		client_feed_text(&c, "</stream:stream>");
		client_expect(&c, "</stream:stream>[closed]");
		/* That is the end: it is said again, and nothing is heard. */
		client_feed_text(&c, "<message/>");
		client_expect(&c, "[closed]");
		client_fini(&c);
		client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_NONE, ALL_MECHANISMS);
		prepare[i](&c);
		initiator_close(c.initiator, &c.transcript);
		client_expect(&c, "</stream:stream>");
		/* What the server was about to say is no longer answered. */
		client_feed_text(&c, SASL_EMPTY("success", ""));
		client_clear(&c);
		client_feed_text(&c, "</stream:stream>");
		client_expect(&c, "[closed]");
		client_fini(&c);
	}
}

/* RFC 6120, 4.4: until the server has closed too, it is heard. */
static void stanzas_are_heard_until_the_server_closes(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	prepare_bound(&c);
	initiator_close(c.initiator, &c.transcript);
	client_feed_text(&c, "<message/></stream:stream>");
	client_expect(&c, "</stream:stream>[stanza <message/>][closed]");
	client_fini(&c);
}

#define UNKNOWN(inside) "<magic xmlns='urn:x'>" inside "</magic>"
#define REQUIRES                                                                                                       \
	ERROR("unsupported-feature", "a feature is required that we do not have")                                      \
	"[failed unsupported-feature: a feature is required that we do not have]"

/* RFC 6120, 4.3.2 and 4.9.3.22 */
static void features_that_we_do_not_have_are_passed_over_unless_all_depends_on_them(void **state)
{
	(void)state;
	static const struct exchange first[] = {
		{ FEATURES(UNKNOWN("<required/>")), REQUIRES },
		{ FEATURES(UNKNOWN("<required xmlns='urn:y'/>")), "</stream:stream>[failed: the server offers no way to log in]" },
		{ FEATURES(UNKNOWN("")), "</stream:stream>[failed: the server offers no way to log in]" },
		{ FEATURES(UNKNOWN("<required/>") SASL("mechanisms", "", "<mechanism>PLAIN</mechanism>")),
			SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA==") },
	};
	static const struct exchange second[] = {
		{ FEATURES(UNKNOWN("<required/>")), REQUIRES },
		{ FEATURES(UNKNOWN("<required/>") "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), BIND_SENT },
		{ FEATURES(UNKNOWN("") "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"), BIND_SENT },
	};
	client_check(first, ARRAY_LEN(first), INITIATOR_TLS_NONE, client_prepare_header);
	client_check(second, ARRAY_LEN(second), INITIATOR_TLS_NONE, prepare_logged_in);
}

static void check_limits(const struct client *c, uint32_t max_bytes, uint32_t idle_seconds)
{
	struct initiator_limits l = initiator_limits(c->initiator);
	assert_int_equal(l.max_bytes, max_bytes);
	assert_int_equal(l.idle_seconds, idle_seconds);
}

#define TOLD_LIMITS(inside) "<limits xmlns='urn:xmpp:stream-limits:0'>" inside "</limits>"

/* XEP-0478 */
static void limits_of_the_server_are_those_it_told_last(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	client_feed_text(&c, FROM_SERVER FEATURES(TOLD_LIMITS("<max-bytes>10000</max-bytes>")
					  SASL("mechanisms", "", "<mechanism>PLAIN</mechanism>")));
	check_limits(&c, 10000, 0);
	client_feed_text(&c, SASL_EMPTY("success", "") FROM_SERVER FEATURES(
				     "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>" TOLD_LIMITS(
					     "<max-bytes>262144</max-bytes><idle-seconds>1800</idle-seconds>")));
	check_limits(&c, 262144, 1800);
	client_feed_text(&c, "<iq type='result' id='bind'>" BIND("<jid>romeo@im.example/b</jid>") "</iq>");
	check_limits(&c, 262144, 1800);
	client_fini(&c);
	/* It no longer says. */
	client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
	client_feed_text(&c, FROM_SERVER FEATURES(TOLD_LIMITS("<max-bytes>10000</max-bytes>")
					  SASL("mechanisms", "", "<mechanism>PLAIN</mechanism>")));
	client_feed_text(&c, SASL_EMPTY("success", "") FROM_SERVER BIND_OFFER);
	check_limits(&c, 0, 0);
	client_fini(&c);
	static const char *const nonsense[] = { TOLD_LIMITS(""), TOLD_LIMITS("<max-bytes>-1</max-bytes>"),
		TOLD_LIMITS("<max-bytes>4294967296</max-bytes>"), TOLD_LIMITS("<max-bytes> 5 </max-bytes>"),
		"<limits><max-bytes>5</max-bytes></limits>", TOLD_LIMITS("<max-bytes xmlns='urn:x'>5</max-bytes>") };
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		client_init(&c, "romeo@im.example", INITIATOR_TLS_NONE, ALL_MECHANISMS);
		client_feed_text(&c, FROM_SERVER "<stream:features>");
		client_feed_text(&c, nonsense[i]);
		client_feed_text(&c, SASL("mechanisms", "", "<mechanism>PLAIN</mechanism>") "</stream:features>");
		check_limits(&c, 0, 0);
		client_fini(&c);
	}
}

static void wrong_xml_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *in, *end;
	} x[] = {
		{ "<message>&x;</message>", "[failed restricted-xml" },
		{ "<message><stream:error/></message>", "[failed bad-format" },
		{ "</stream:strea>", "[failed not-well-formed" },
		{ "text", "[failed bad-format" },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_NONE, ALL_MECHANISMS);
		prepare_bound(&c);
		client_feed_text(&c, x[i].in);
		struct str t = buf_str(&c.transcript);
		assert_non_null(memmem(t.p, t.n, x[i].end, strlen(x[i].end)));
		assert_true(str_has_prefix(t, STR("<stream:error>")));
		client_fini(&c);
	}
}

/* An element that declares `each` prefixes, `count` times inside of one message. */
static void feed_declarations(struct client *c, unsigned count, unsigned each)
{
	struct buf b;
	buf_init(&b, 1 << 22);
	buf_lit(&b, "<message>");
	for (unsigned i = 0; i < count; i++) {
		buf_lit(&b, "<x");
		for (unsigned j = 0; j < each; j++)
			buf_printf(&b, " xmlns:p%u='u'", j);
		buf_lit(&b, "/>");
	}
	buf_lit(&b, "</message>");
	client_feed(c, buf_str(&b));
	buf_fini(&b);
}

static bool heard(const struct client *c, struct str what)
{
	return memmem(buf_str(&c->transcript).p, buf_len(&c->transcript), what.p, what.n) != NULL;
}

/* A large result may declare the same namespace for each of its items. */
static void a_server_may_declare_much_but_not_at_once(void **state)
{
	(void)state;
	static const struct {
		unsigned count, each;
		struct str outcome;
	} x[] = {
		{ 16000, 4, STR_INIT("[stanza <message") },
		{ 256, XML_DECLARATIONS_MAX, STR_INIT("[stanza <message") },
		{ 1, XML_DECLARATIONS_MAX + 1, STR_INIT("[failed policy-violation") },
		{ 257, XML_DECLARATIONS_MAX, STR_INIT("[failed policy-violation") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct client c;
		client_init(&c, "romeo@im.example/balcony", INITIATOR_TLS_NONE, ALL_MECHANISMS);
		prepare_bound(&c);
		feed_declarations(&c, x[i].count, x[i].each);
		assert_true(heard(&c, x[i].outcome));
		client_fini(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(names_of_the_server_are_kept),
		cmocka_unit_test(stream_errors_are_told_with_all_they_say),
		cmocka_unit_test(streams_close_in_every_state),
		cmocka_unit_test(stanzas_are_heard_until_the_server_closes),
		cmocka_unit_test(features_that_we_do_not_have_are_passed_over_unless_all_depends_on_them),
		cmocka_unit_test(limits_of_the_server_are_those_it_told_last),
		cmocka_unit_test(we_say_who_we_are_under_tls_only),
		cmocka_unit_test(missing_starttls_is_the_end),
		cmocka_unit_test(bytes_behind_proceed_are_never_acted_on),
		cmocka_unit_test(answers_to_the_second_header),
		cmocka_unit_test(answers_to_bind),
		cmocka_unit_test(bound_stream_carries_stanzas),
		cmocka_unit_test(close_is_answered_or_silent),
		cmocka_unit_test(wrong_xml_is_refused),
		cmocka_unit_test(a_server_may_declare_much_but_not_at_once),
	};
	return cmocka_run_group_tests_name("stream/initiator", tests, NULL, NULL);
}
