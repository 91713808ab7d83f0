/* Binding a resource, and what a bound stream carries. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/server.h"

#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define BIND(inside) "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" inside "</bind>"
#define BAD_REQUEST(attributes)                                                                                        \
	"<iq type='error'" attributes                                                                                  \
	"><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"                             \
	"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>cannot bind this</text></error></iq>"
#define TOO_EARLY STREAM_ERROR("not-authorized", "a stanza before there is a resource")
#define NOT_YOURS STREAM_ERROR("invalid-from", "from is not the sender")

struct exchange {
	const char *in, *transcript;
};

static void check(const struct exchange *x, size_t count, void (*prepare)(struct server *))
{
	for (size_t i = 0; i < count; i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_NONE, 1);
		prepare(&s);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		server_fini(&s);
	}
}

/* RFC 6120, 7.6.1 and 7.7.1 */
static void resource_is_bound(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ BIND_REQUEST, "[bind balcony]" BIND_RESULT },
		{ "<iq type='set' id='b1' to='im.example' from='romeo@im.example/hope'>" BIND(
			  "<resource>balcony</resource>") "</iq>",
			"[bind balcony]" BIND_RESULT },
		{ "<iq type='set' id='b1' to='romeo@im.example'>" BIND("<resource>balcony</resource>") "</iq>",
			"[bind balcony]" BIND_RESULT },
		/* The profile maps a full-width space to a space. */
		{ "<iq type='set' id='&apos;'>" BIND("<resource>my\343\200\200place</resource>") "</iq>",
			"[bind my place]<iq type='result' id='&apos;'>" BIND(
				"<jid>romeo@im.example/my place</jid>") "</iq>" },
		{ "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
			"[bind ]<iq type='result' id='b1'>" BIND("<jid>romeo@im.example/chosen</jid>") "</iq>" },
		{ "<iq type='set' id='b1'>" BIND("<resource/>") "</iq>",
			"[bind ]<iq type='result' id='b1'>" BIND("<jid>romeo@im.example/chosen</jid>") "</iq>" },
	};
	check(x, ARRAY_LEN(x), server_log_in);
}

static void malformed_request_to_bind_is_answered(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		/* Not a resource (RFC 7622, 3.4): an unassigned code point. */
		{ "<iq type='set' id='b1'>" BIND("<resource>\315\270</resource>") "</iq>", BAD_REQUEST(" id='b1'") },
		{ "<iq type='set' id='b1'>" BIND("<resource>a</resource><resource>b</resource>") "</iq>",
			BAD_REQUEST(" id='b1'") },
		{ "<iq type='set' id='b1'>" BIND("<resource><a/></resource>") "</iq>", BAD_REQUEST(" id='b1'") },
		{ "<iq type='set' id='b1'>" BIND("<jid>romeo@im.example/x</jid>") "</iq>", BAD_REQUEST(" id='b1'") },
		{ "<iq type='set' id='b1'>" BIND("") BIND("") "</iq>", BAD_REQUEST(" id='b1'") },
		{ "<iq type='get' id='b1'>" BIND("") "</iq>", BAD_REQUEST(" id='b1'") },
		{ "<iq id='b1'>" BIND("") "</iq>", BAD_REQUEST(" id='b1'") },
		{ "<iq type='set'>" BIND("") "</iq>", BAD_REQUEST("") },
	};
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_NONE, 1);
		server_log_in(&s);
		server_feed_text(&s, x[i].in);
		server_expect(&s, x[i].transcript);
		server_feed_text(&s, BIND_REQUEST);
		server_expect(&s, "[bind balcony]" BIND_RESULT);
		server_fini(&s);
	}
}

/* RFC 6120, 7.1 */
static void stanzas_before_a_resource_end_the_stream(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<message/>", TOO_EARLY },
		{ "<presence/>", TOO_EARLY },
		{ "<iq type='set' id='b1'/>", TOO_EARLY },
		{ "<iq type='get' id='b1'><query xmlns='jabber:iq:roster'/></iq>", TOO_EARLY },
		{ "<iq type='result' id='b1'>" BIND("") "</iq>", TOO_EARLY },
		{ "<iq type='error' id='b1'>" BIND("") "</iq>", TOO_EARLY },
		{ "<message>" BIND("") "</message>", TOO_EARLY },
		{ "<iq type='set' id='b1'><bind/></iq>", TOO_EARLY },
		{ "<iq type='set' id='b1' to='juliet@im.example'>" BIND("") "</iq>", TOO_EARLY },
		{ "<iq type='set' id='b1' to='other.example'>" BIND("") "</iq>", TOO_EARLY },
		{ "<iq type='set' id='b1' to=''>" BIND("") "</iq>", TOO_EARLY },
		{ "<iq type='set' id='b1' from='juliet@im.example'>" BIND("") "</iq>", NOT_YOURS },
		{ "<iq type='set' id='b1' from='im.example'>" BIND("") "</iq>", NOT_YOURS },
	};
	check(x, ARRAY_LEN(x), server_log_in);
}

/* RFC 6120, 7.7.3 */
static void requests_to_bind_are_bounded(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_log_in(&s);
	s.bind_refusal = STANZA_CONFLICT;
	for (int i = 0; i < 10; i++) {
		server_expect(&s, "");
		server_feed_text(&s, BIND_REQUEST);
		if (i < 9)
			server_expect(&s, "[bind balcony]<iq type='error' id='b1'><error type='cancel'>"
					  "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
	}
	server_expect(&s, "[bind balcony]<iq type='error' id='b1'><error type='cancel'>"
			  "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>" STREAM_ERROR(
				  "policy-violation", "too many requests to bind"));
	server_fini(&s);
}

/* A3; RFC 6120, 8.1.2.1 */
static void from_is_stamped(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<presence/>", "[stanza <presence from='romeo@im.example/balcony'/>]" },
		{ "<presence from='romeo@im.example'/>", "[stanza <presence from='romeo@im.example/balcony'/>]" },
		{ "<presence from='romeo@im.example/balcony'/>",
			"[stanza <presence from='romeo@im.example/balcony'/>]" },
		{ "<presence from='Romeo@IM.example/balcony'/>",
			"[stanza <presence from='romeo@im.example/balcony'/>]" },
		{ "<message from='ROMEO@im.example' to='juliet@im.example'><body>a</body><x "
		  "xmlns='urn:x'><y/></x></message>",
			"[stanza <message from='romeo@im.example/balcony' to='juliet@im.example'><body>a</body>"
			"<x xmlns='urn:x'><y/></x></message>]" },
		/* RFC 6121, 3: from the account. */
		{ "<presence type='subscribe' to='a@b.example' from='romeo@im.example/balcony'/>",
			"[stanza <presence from='romeo@im.example' to='a@b.example' type='subscribe'/>]" },
		{ "<presence type='subscribed' to='a@b.example'/>",
			"[stanza <presence from='romeo@im.example' to='a@b.example' type='subscribed'/>]" },
		{ "<presence type='unsubscribe' to='a@b.example'/>",
			"[stanza <presence from='romeo@im.example' to='a@b.example' type='unsubscribe'/>]" },
		{ "<presence type='unsubscribed' to='a@b.example'/>",
			"[stanza <presence from='romeo@im.example' to='a@b.example' type='unsubscribed'/>]" },
		{ "<presence type='unavailable'/>",
			"[stanza <presence from='romeo@im.example/balcony' type='unavailable'/>]" },
		{ "<iq type='get' id='1' to='im.example'><a xmlns='urn:a'/></iq>",
			"[stanza <iq from='romeo@im.example/balcony' id='1' to='im.example' type='get'><a "
			"xmlns='urn:a'/></iq>]" },
		/* A second from, in another namespace, is somebody's extension. */
		{ "<presence p:from='x' xmlns:p='urn:p'/>",
			"[stanza <presence from='romeo@im.example/balcony' xmlns:a1='urn:p' a1:from='x'/>]" },
	};
	check(x, ARRAY_LEN(x), server_bind);
}

static void wrong_from_ends_the_stream(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<message from='juliet@im.example'/>", NOT_YOURS },
		{ "<message from='romeo@im.example/orchard'/>", NOT_YOURS },
		{ "<message from='romeo@im.example/Balcony'/>", NOT_YOURS },
		{ "<message from='im.example'/>", NOT_YOURS },
		{ "<message from='romeo@im.exampl'/>", NOT_YOURS },
		{ "<message from=''/>", NOT_YOURS },
		{ "<message from='@@'/>", NOT_YOURS },
		{ "<iq type='result' id='1' from='im.example'/>", NOT_YOURS },
	};
	check(x, ARRAY_LEN(x), server_bind);
}

/* RFC 6120, 4.7.4 */
static void language_of_the_stream_is_stamped(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER_TO("im.example' xml:lang='en")
				     PLAIN_AUTH CLIENT_HEADER_TO("im.example' xml:lang='de-CH") BIND_REQUEST);
	server_clear(&s);
	server_feed_text(&s, "<presence/><presence xml:lang='fr'/><presence xml:lang=''/>");
	server_expect(&s, "[stanza <presence from='romeo@im.example/balcony' xml:lang='de-CH'/>]"
			  "[stanza <presence from='romeo@im.example/balcony' xml:lang='fr'/>]"
			  "[stanza <presence from='romeo@im.example/balcony' xml:lang=''/>]");
	server_fini(&s);
}

static void what_is_no_language_is_not_stamped(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_feed_text(&s, CLIENT_HEADER PLAIN_AUTH CLIENT_HEADER_TO("im.example' xml:lang='not a language")
				     BIND_REQUEST "<presence/>");
	assert_true(
		str_has_suffix(buf_str(&s.transcript), STR("[stanza <presence from='romeo@im.example/balcony'/>]")));
	server_fini(&s);
}

static void malformed_stanzas_come_with_their_refusal(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<message to='@@'/><presence/>",
			"[refused jid-malformed <message from='romeo@im.example/balcony' to='@@'/>]"
			"[stanza <presence from='romeo@im.example/balcony'/>]" },
		{ "<iq type='get' id='1'/>",
			"[refused bad-request <iq from='romeo@im.example/balcony' id='1' type='get'/>]" },
		{ "<iq id='1'/>", "[refused bad-request <iq from='romeo@im.example/balcony' id='1'/>]" },
	};
	check(x, ARRAY_LEN(x), server_bind);
}

/* S5, S6 */
static void only_stanzas_of_the_content_namespace_are_stanzas(void **state)
{
	(void)state;
	static const struct exchange x[] = {
		{ "<message xmlns='urn:example:other'/>",
			STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<msg/>", STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<message xmlns='jabber:server'/>",
			STREAM_ERROR("invalid-namespace", "this is a stream for clients") },
		{ PLAIN_AUTH, STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
			STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<stream:features/>", STREAM_ERROR("unsupported-stanza-type", "an element that has no place here") },
		{ "<message xmlns='jabber:client'/>", "[stanza <message from='romeo@im.example/balcony'/>]" },
		{ "<extra xmlns='" NS_EXTRA "' a='b'>c</extra>",
			"[element <extra xmlns='" NS_EXTRA "' a='b'>c</extra>]" },
	};
	check(x, ARRAY_LEN(x), server_bind);
}

static void forbidden_namespaces_inside_end_the_stream(void **state)
{
	(void)state;
	static const char *const in[] = {
		"<message><stream:features/></message>",
		"<message><a xmlns='urn:a'><features xmlns='http://etherx.jabber.org/streams'/></a></message>",
		"<message><close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/></message>",
		"<message><stream:a xmlns:stream='urn:a'/></message>",
		"<extra xmlns='" NS_EXTRA "'><stream:error/></extra>",
	};
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct server s;
		server_init(&s, RECEIVER_TLS_NONE, 1);
		server_bind(&s);
		server_feed_text(&s, in[i]);
		assert_int_equal(s.last, RECEIVER_FAILED);
		assert_true(str_has_suffix(buf_str(&s.transcript), STR("[error bad-format]")));
		server_fini(&s);
	}
}

/* RFC 6120, 4.8.2: every stanza may say its namespace itself; and the prefix of streams may be any. */
static void prefix_free_streams_work(void **state)
{
	(void)state;
	struct server s;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	static const char header[] =
		"<s:stream to='im.example' version='1.0' xmlns:s='http://etherx.jabber.org/streams' "
		"xmlns:sasl='urn:ietf:params:xml:ns:xmpp-sasl' xmlns:c='jabber:client'>";
	server_feed_text(&s, header);
	server_feed_text(&s, "<sasl:auth mechanism='PLAIN'>AHJvbWVvAHBlbmNpbA==</sasl:auth>");
	server_feed_text(&s, header);
	server_feed_text(&s,
		"<iq xmlns='jabber:client' type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
		"<resource>balcony</resource></bind></iq>");
	server_clear(&s);
	server_feed_text(&s, "<c:message><c:body>a</c:body></c:message><message/>");
	server_expect(&s, "[stanza <message from='romeo@im.example/balcony'><body>a</body></message>]" STREAM_ERROR(
				  "unsupported-stanza-type", "an element that has no place here"));
	server_fini(&s);
}

/* The largest stanza that is allowed, with as many attributes at its top as there may be. */
static void large_stanzas_fit(void **state)
{
	(void)state;
	struct server s;
	struct buf b;
	buf_init(&b, 256 << 10);
	buf_lit(&b, "<message");
	for (int i = 0; i < 64; i++)
		buf_printf(&b, " a%d='&lt;'", i);
	buf_lit(&b, ">");
	for (int i = 0; i < 16383; i++)
		buf_lit(&b, "<a b=''/>");
	while (buf_len(&b) < (256 << 10) - 10)
		buf_add_byte(&b, '\'');
	buf_lit(&b, "</message>");
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_bind(&s);
	server_feed(&s, buf_str(&b));
	assert_true(str_has_prefix(buf_str(&s.transcript), STR("[stanza <message ")));
	assert_int_equal(s.last, RECEIVER_IDLE);
	server_fini(&s);
	buf_fini(&b);
}

/* The bytes that were given may go; what comes later stands behind them. */
static void what_is_unread_is_kept_for_later(void **state)
{
	(void)state;
	struct server s;
	struct receiver_event e;
	char in[256];
	unsigned stanzas = 0;
	server_init(&s, RECEIVER_TLS_NONE, 1);
	server_bind(&s);
	snprintf(in, sizeof(in), "<presence id='0'/><presence id='1'/> <presence id='2'/><presen");
	receiver_input(s.receiver, str_from_c(in));
	for (int kept = 0; kept < 3; kept++) {
		char id[2] = { (char)('0' + kept), 0 };
		assert_int_equal(receiver_next(s.receiver, &s.out, &e), RECEIVER_STANZA);
		assert_true(str_eq(e.stanza->id, str_from_c(id)));
		stanza_unref(&e.stanza);
		receiver_keep(s.receiver);
		memset(in, '<', sizeof(in));
	}
	assert_int_equal(receiver_next(s.receiver, &s.out, &e), RECEIVER_IDLE);
	receiver_input(s.receiver, STR("ce id='3'/><presence id='4'/>"));
	while (receiver_next(s.receiver, &s.out, &e) == RECEIVER_STANZA) {
		stanza_unref(&e.stanza);
		stanzas++;
	}
	assert_int_equal(stanzas, 2);
	server_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resource_is_bound),
		cmocka_unit_test(malformed_request_to_bind_is_answered),
		cmocka_unit_test(stanzas_before_a_resource_end_the_stream),
		cmocka_unit_test(requests_to_bind_are_bounded),
		cmocka_unit_test(from_is_stamped),
		cmocka_unit_test(wrong_from_ends_the_stream),
		cmocka_unit_test(language_of_the_stream_is_stamped),
		cmocka_unit_test(what_is_no_language_is_not_stamped),
		cmocka_unit_test(malformed_stanzas_come_with_their_refusal),
		cmocka_unit_test(only_stanzas_of_the_content_namespace_are_stanzas),
		cmocka_unit_test(forbidden_namespaces_inside_end_the_stream),
		cmocka_unit_test(prefix_free_streams_work),
		cmocka_unit_test(large_stanzas_fit),
		cmocka_unit_test(what_is_unread_is_kept_for_later),
	};
	return cmocka_run_group_tests_name("stream/receiver_stanza", tests, NULL, NULL);
}
