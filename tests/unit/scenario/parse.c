/* Tests of cmd/scenario/parse.c and grammar.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cmd/scenario/scenario.h"
#include "lib/base/buf.h"

#include <string.h>

#define HEAD "# name\naccount romeo@localhost\naccount juliet@localhost\n"
#define IN   "romeo connects as romeo/phone\n"
#define RAW  "raw opens raw\n"

static struct scenario *parse(const char *text)
{
	struct scenario *s = NULL;
	char why[512] = "";
	if (scenario_parse(str_from_c(text), STR("x.scenario"), &s, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_string_equal(why, "");
	return s;
}

/* With a message that begins so. */
static void expect_error_of(struct str text, const char *message)
{
	struct scenario *s = NULL;
	char why[512] = "";
	if (scenario_parse(text, STR("x.scenario"), &s, why, sizeof(why)) == 0)
		fail_msg("accepted, instead of: %s", message);
	assert_null(s);
	if (strncmp(why, message, strlen(message)) != 0)
		fail_msg("\"%s\" instead of \"%s\"", why, message);
}

static void expect_error(const char *text, const char *message)
{
	expect_error_of(str_from_c(text), message);
}

static void expect_str(struct str s, const char *text)
{
	if (!str_eq(s, str_from_c(text)))
		fail_msg("\"" STR_FMT "\" instead of \"%s\"", STR_ARG(s), text);
}

/* The file. */

static void example_of_the_manual_is_understood(void **state)
{
	(void)state;
	struct scenario *s = parse("# away_contact_receives_message_later\n"
				   "account romeo@localhost\n"
				   "account juliet@localhost\n"
				   "romeo connects as romeo/phone            # TCP, TLS, SASL, bind\n"
				   "romeo sends\n"
				   "    <message to='juliet@localhost' type='chat' id='m1'><body>Hi</body></message>\n"
				   "juliet connects as juliet/balcony\n"
				   "juliet sends <presence/>\n"
				   "juliet receives\n"
				   "    <message from='romeo@localhost/phone' id='m1'><body>Hi</body>{more}</message>\n"
				   "juliet receives nothing\n");
	static const enum step_kind kinds[] = { STEP_CONNECT, STEP_SEND, STEP_CONNECT, STEP_SEND, STEP_RECEIVE,
		STEP_RECEIVE_NOTHING };
	static const unsigned lines[] = { 4, 5, 7, 8, 10, 11 };
	expect_str(s->name, "away_contact_receives_message_later");
	assert_int_equal(s->account_count, 2);
	expect_str(jid_full(s->accounts[1]), "juliet@localhost");
	assert_int_equal(s->client_count, 2);
	expect_str(s->clients[0].name, "romeo");
	assert_int_equal(s->step_count, ARRAY_LEN(kinds));
	for (size_t i = 0; i < s->step_count; i++) {
		assert_int_equal(s->steps[i].kind, kinds[i]);
		assert_int_equal(s->steps[i].line, lines[i]);
	}
	expect_str(jid_full(s->steps[0].how->jid), "romeo@localhost/phone");
	expect_str(s->steps[0].text, "romeo connects as romeo/phone");
	expect_str(s->steps[3].text, "juliet sends");
	assert_int_equal(s->steps[4].client, 1);
	assert_true(s->steps[4].expected[0]->has_more);
	scenario_free(&s);
	assert_null(s);
	scenario_free(&s);
}

static void first_line_is_the_name(void **state)
{
	(void)state;
	struct scenario *s = parse("#name\r\n" RAW);
	expect_str(s->name, "name");
	scenario_free(&s);
	expect_error("", "x.scenario:1: the first line");
	expect_error(RAW, "x.scenario:1: the first line");
	expect_error("#\n" RAW, "x.scenario:1: the first line");
	expect_error("# two words\n" RAW, "x.scenario:1: the first line");
	expect_error("\n# name\n" RAW, "x.scenario:1: the first line");
}

static void blank_lines_and_comments_are_nothing(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD "\n# comment <x>\n   \n" IN "  # indented comment\nromeo sends   # one\n"
					"  <a/>  # between\n\n    # and\n\n  <b/>\n\n\nromeo drops\n");
	assert_int_equal(s->step_count, 3);
	assert_int_equal(s->steps[1].count, 2);
	expect_str(s->steps[1].text, "romeo sends");
	assert_int_equal(s->steps[1].line, 9);
	assert_int_equal(s->steps[2].line, 17);
	scenario_free(&s);
}

static void file_without_steps_is_refused(void **state)
{
	(void)state;
	expect_error(HEAD, "x.scenario:4: nothing happens");
}

static void file_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	expect_error("# name\nromeo\xff opens raw\n", "x.scenario:1: the file is not UTF-8");
}

static void file_that_is_too_long_is_refused(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 2 * SCENARIO_BYTES_MAX);
	buf_lit(&b, "# name\n");
	while (buf_len(&b) <= SCENARIO_BYTES_MAX)
		buf_lit(&b, "# comment\n");
	expect_error_of(buf_str(&b), "x.scenario:1: a scenario has at most 1 MiB");
	buf_fini(&b);
}

static void zero_bytes_do_no_harm(void **state)
{
	(void)state;
	expect_error_of(str_make("# name\n\0\0\0\n", 11), "x.scenario:2: what is this?");
	expect_error_of(str_make("# name\nraw opens raw\nraw sends <a>\0</a>\n", 39), "x.scenario:3: ");
}

static void every_beginning_of_a_file_is_survived(void **state)
{
	(void)state;
	static const char text[] =
		HEAD IN "romeo sends\n  <message id='{=x}'><body>{y*3}</body></message>\n"
			"romeo receives <a xmlns='urn:a'>{more}<![CDATA[x]]></a>\n" RAW
			"raw sends bytes \"\\x00\\n\"\n  \"{{\"\n"
			"raw receives bytes \"{any}>\"\nromeo is disconnected with stream error conflict\n";
	for (size_t n = 0; n < sizeof(text); n++) {
		struct scenario *s;
		char why[512];
		if (scenario_parse(str_make(text, n), STR("x"), &s, why, sizeof(why)) == 0)
			scenario_free(&s);
	}
	struct scenario *s = parse(text);
	assert_int_equal(s->step_count, 7);
	scenario_free(&s);
}

/* Accounts and connecting. */

static void accounts_are_bare_addresses(void **state)
{
	(void)state;
	expect_error("# n\naccount romeo@localhost/phone\n", "x.scenario:2: an account is localpart@domain");
	expect_error("# n\naccount localhost\n", "x.scenario:2: an account is localpart@domain");
	expect_error("# n\naccount\n", "x.scenario:2: the address of the account is missing");
	expect_error("# n\naccount @x\n", "x.scenario:2: \"@x\" is no address");
	expect_error("# n\naccount a@x a@y\n", "x.scenario:2: \"a@y\" has no place here");
	expect_error("# n\naccount a@x\naccount A@x\n", "x.scenario:3: A@x has been declared before");
	expect_error("# n\naccount a@x\n  <a/>\n", "x.scenario:3: no XML");
}

static void hidden_elements_add_up(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD "hidden <a xmlns='x'/>\nhidden\n  <b xmlns='x'/>\n  <c xmlns='x'/>\n" IN);
	assert_int_equal(s->hidden_count, 3);
	assert_int_equal(s->step_count, 1);
	scenario_free(&s);
	expect_error(HEAD "hidden\n", "x.scenario:4: ");
	expect_error(HEAD "hidden presence <a/>\n", "x.scenario:4: \"presence\" has no place here");
	expect_error(HEAD "hidden <a>{some}</a>\n", "x.scenario:4: ");
}

static void client_may_be_called_otherwise_than_its_account(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD "phone connects as romeo/phone\ntablet connects as romeo@localhost/tablet\n"
					"third connects as romeo\nnobody connects as nobody@localhost\n"
					"spaced connects as \"romeo/my phone\"\n");
	expect_str(jid_full(s->steps[0].how->jid), "romeo@localhost/phone");
	expect_str(jid_full(s->steps[1].how->jid), "romeo@localhost/tablet");
	expect_str(jid_full(s->steps[2].how->jid), "romeo@localhost");
	expect_str(jid_full(s->steps[3].how->jid), "nobody@localhost");
	expect_str(jid_full(s->steps[4].how->jid), "romeo@localhost/my phone");
	assert_int_equal(s->client_count, 5);
	scenario_free(&s);
}

static void wrong_accounts_are_refused(void **state)
{
	(void)state;
	expect_error(HEAD "a connects as nurse/x\n", "x.scenario:4: no account nurse@");
	expect_error(HEAD "a connects as romeo/\n", "x.scenario:4: the resource is missing");
	expect_error(HEAD "a connects as\n", "x.scenario:4: the account is missing");
	expect_error(HEAD "a connects as @\n", "x.scenario:4: \"@\" is no address");
	expect_error(HEAD "account romeo@example.org\na connects as romeo/x\n", "x.scenario:5: several accounts");
}

static void options_of_connecting(void **state)
{
	(void)state;
	struct scenario *s =
		parse(HEAD "a connects as romeo/x with tls direct with mechanism PLAIN with password \"a b\"\n"
			   "b opens raw with tls direct\nc connects as romeo\n");
	const struct connect_how *how = s->steps[0].how;
	assert_true(how->has_tls);
	assert_int_equal(how->tls, INITIATOR_TLS_DIRECT);
	assert_int_equal(how->mechanisms, SASL_BIT(SASL_PLAIN));
	expect_str(how->password, "a b");
	assert_null(s->steps[1].how->jid);
	assert_true(s->steps[1].how->has_tls);
	assert_false(s->steps[2].how->has_tls || s->steps[2].how->has_password);
	assert_int_equal(s->steps[2].how->mechanisms, SASL_SCRAM_BITS | SASL_BIT(SASL_PLAIN));
	scenario_free(&s);
	expect_error(HEAD "a connects as romeo with\n", "x.scenario:4: \"with\" is followed by tls, mechanism");
	expect_error(HEAD "a connects as romeo with tls\n", "x.scenario:4: \"tls\" is followed by");
	expect_error(HEAD "a connects as romeo with tls maybe\n", "x.scenario:4: \"tls\" is followed by");
	expect_error(HEAD "a connects as romeo with mechanism X\n", "x.scenario:4: there is no mechanism X");
	expect_error(HEAD "a connects as romeo with mechanism\n", "x.scenario:4: the mechanism is missing");
	expect_error(HEAD "a connects as romeo with password\n", "x.scenario:4: the password is missing");
	expect_error(HEAD "a connects as romeo with not-authorized\n", "x.scenario:4: \"with\" is followed");
	expect_error(HEAD "a connects as romeo twice\n", "x.scenario:4: \"twice\" has no place");
	expect_error(HEAD "a opens raw with password x\n", "x.scenario:4: \"with\" is followed by tls");
}

static void options_of_logins(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD "a connects as romeo with tag L requesting token HT-SHA-256-EXPR\n"
					"b connects as romeo/x without sasl2 with binding tls-exporter\n"
					"c connects as romeo with token in one round trip without binding\n"
					"d connects as romeo/x with sasl2 upgrading to SCRAM-SHA-512 with mechanism SCRAM-SHA-1\n"
					"e connects as romeo/x with refused token\n"
					"f connects as romeo/x invalidating token\n"
					"g connects as romeo with wrong version\n"
					"h connects anonymously to localhost\n"
					"i fails to connect as romeo/x with sasl2 with not-authorized with password x\n");
	const struct connect_how *how = s->steps[0].how;
	assert_true(how->has_tag);
	expect_str(how->tag, "L");
	assert_int_equal(how->sasl2, INITIATOR_SASL2_REQUIRED);
	assert_int_equal(how->wanted_tokens, SASL_BIT(SASL_HT_SHA_256_EXPR));
	assert_int_equal(how->bindings, 7);
	how = s->steps[1].how;
	assert_int_equal(how->sasl2, INITIATOR_SASL2_NEVER);
	assert_true(how->must_bind);
	assert_int_equal(how->bindings, 1u << SASL_TLS_EXPORTER);
	how = s->steps[2].how;
	assert_int_equal(how->token, CONNECT_WITH_TOKEN);
	assert_int_equal(how->early, CONNECT_IN_ONE_ROUND_TRIP);
	assert_int_equal(how->bindings, 0);
	assert_false(how->must_bind);
	assert_int_equal(s->steps[3].how->upgrades, SASL_BIT(SASL_SCRAM_SHA_512));
	assert_int_equal(s->steps[3].how->mechanisms, SASL_BIT(SASL_SCRAM_SHA_1));
	assert_int_equal(s->steps[4].how->token, CONNECT_WITH_REFUSED_TOKEN);
	assert_int_equal(s->steps[5].how->token, CONNECT_INVALIDATING_TOKEN);
	assert_int_equal(s->steps[6].how->early, CONNECT_WITH_WRONG_VERSION);
	expect_str(jid_full(s->steps[7].how->jid), "localhost");
	assert_int_equal(s->steps[7].how->mechanisms, SASL_BIT(SASL_ANONYMOUS));
	expect_str(s->steps[8].how->condition, "not-authorized");
	expect_str(s->steps[8].how->password, "x");
	scenario_free(&s);
}

static void wrong_options_of_logins_are_refused(void **state)
{
	(void)state;
	expect_error(HEAD "a connects as romeo/x with tag L\n", "x.scenario:4: with a tag the server makes the resource");
	expect_error(HEAD "a connects as romeo/x in one round trip\n", "x.scenario:4: in one round trip the server makes");
	expect_error(HEAD "a connects as romeo with tag\n", "x.scenario:4: the tag is missing");
	expect_error(HEAD "a connects as romeo with binding x\n", "x.scenario:4: there is no channel binding x");
	expect_error(HEAD "a connects as romeo with mechanism HT-SHA-256-NONE\n", "x.scenario:4: HT-SHA-256-NONE cannot");
	expect_error(HEAD "a connects as romeo requesting token PLAIN\n", "x.scenario:4: PLAIN cannot");
	expect_error(HEAD "a connects as romeo upgrading to SCRAM-SHA-1-PLUS\n", "x.scenario:4: SCRAM-SHA-1-PLUS cannot");
	expect_error(HEAD "a connects as romeo with token with refused token\n", "x.scenario:4: a token is used in one way");
	expect_error(HEAD "a connects anonymously to a@b\n", "x.scenario:4: \"a@b\" is no domain");
	expect_error(HEAD "a opens raw with sasl2\n", "x.scenario:4: \"with\" is followed by tls");
	expect_error(HEAD "a opens raw without sasl2\n", "x.scenario:4: \"without\" has no place");
}

static void failing_to_connect_says_how(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD "a fails to connect as romeo/x with password x with not-authorized\n"
					"a fails to connect as romeo/x with conflict\n"
					"a fails to connect as a@b/x with stream error host-unknown\n" IN);
	expect_str(s->steps[0].how->condition, "not-authorized");
	assert_false(s->steps[0].how->is_stream_error);
	expect_str(s->steps[2].how->condition, "host-unknown");
	assert_true(s->steps[2].how->is_stream_error);
	scenario_free(&s);
	expect_error(HEAD "a fails to connect as romeo\n", "x.scenario:4: say how it fails");
	expect_error(HEAD "a fails to connect as romeo with sadness\n", "x.scenario:4: \"sadness\" is no condition");
	expect_error(
		HEAD "a fails to connect as romeo with conflict with conflict\n", "x.scenario:4: it can fail in one");
	expect_error(HEAD "a fails to connect as romeo with stream error sadness\n",
		"x.scenario:4: there is no stream error");
	expect_error(HEAD "a fails to connect as romeo with stream error\n", "x.scenario:4: the condition is missing");
}

/* What makes sense when. */

static void clients_are_used_only_while_they_are_connected(void **state)
{
	(void)state;
	expect_error(HEAD "romeo sends <presence/>\n", "x.scenario:4: romeo is not connected here");
	expect_error(
		HEAD IN "romeo disconnects\nromeo receives nothing\n", "x.scenario:6: romeo is not connected here");
	expect_error(HEAD IN "romeo drops\nromeo drops\n", "x.scenario:6: romeo is not connected here");
	expect_error(HEAD IN IN, "x.scenario:5: romeo is connected already");
	expect_error(HEAD IN "romeo opens raw\n", "x.scenario:5: romeo is connected already");
	expect_error(
		HEAD IN "romeo fails to connect as romeo with conflict\n", "x.scenario:5: romeo is connected already");
	struct scenario *s = parse(HEAD IN "romeo is disconnected\n" IN "romeo drops\nromeo opens raw\n");
	assert_int_equal(s->step_count, 5);
	scenario_free(&s);
}

static void raw_clients_have_words_of_their_own(void **state)
{
	(void)state;
	struct scenario *s = parse("# n\n" RAW "raw sends bytes \"a\"\nraw receives bytes \"b\"\nraw sends <a/>\n"
				   "raw receives <stream:stream id='{any}'/>\nraw sends <stream:stream to='x'/>\n"
				   "raw starts tls\nraw is disconnected with stream error bad-format\n");
	assert_int_equal(s->step_count, 8);
	assert_int_equal(s->steps[7].condition, STREAM_BAD_FORMAT);
	scenario_free(&s);
	expect_error(HEAD IN "romeo starts tls\n", "x.scenario:5: romeo has logged in: this is for raw clients");
	expect_error(HEAD IN "romeo receives bytes \"a\"\n", "x.scenario:5: romeo has logged in");
	expect_error(HEAD IN "romeo sends <stream:stream/>\n", "x.scenario:5: stream headers are for raw clients");
	expect_error(HEAD IN "romeo receives\n <stream:stream/>\n", "x.scenario:6: stream headers are for raw clients");
	expect_error("# n\n" RAW "raw receives nothing\n", "x.scenario:3: raw is raw");
	expect_error("# n\n" RAW "raw disconnects\n", "x.scenario:3: raw is raw");
	expect_error("# n\n" RAW "raw receives in any order <a/>\n", "x.scenario:3: raw is raw");
	expect_error("# n\n" RAW "raw sends <stream:stream><a/></stream:stream>\n", "x.scenario:3: a stream header is");
}

/* Statements. */

static void unknown_statements_are_refused(void **state)
{
	(void)state;
	expect_error(HEAD "romeo\n", "x.scenario:4: what is this?");
	expect_error(HEAD "romeo sighs\n", "x.scenario:4: what is this?");
	expect_error(HEAD IN "romeo is sad\n", "x.scenario:5: what is this?");
	expect_error(HEAD IN "romeo is disconnected with sorrow\n", "x.scenario:5: \"with\" has no place");
	expect_error(HEAD IN "romeo drops everything\n", "x.scenario:5: \"everything\" has no place");
	expect_error(HEAD "<presence/>\n", "x.scenario:4: a statement begins with a word");
	expect_error("# n\n   romeo drops\n", "x.scenario:2: this is indented");
	expect_error("# n\n\n  <a/>\n", "x.scenario:3: this is indented");
}

static void server_statements(void **state)
{
	(void)state;
	struct scenario *s = parse("# n\nserver is killed\nserver stops\nserver starts\nserver restarts\n");
	assert_int_equal(s->steps[0].act, SERVER_KILL);
	assert_int_equal(s->steps[1].act, SERVER_STOP);
	assert_int_equal(s->steps[2].act, SERVER_START);
	assert_int_equal(s->steps[3].act, SERVER_RESTART);
	assert_string_equal(server_act_name(SERVER_KILL), "kill");
	assert_int_equal(s->client_count, 0);
	scenario_free(&s);
	expect_error("# n\nserver sleeps\n", "x.scenario:2: the server \"is killed\"");
	expect_error("# n\nserver stops now\n", "x.scenario:2: \"now\" has no place");
}

static void every_client_statement_is_understood(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum step_kind kind;
	} list[] = {
		{ "romeo sends <a/>", STEP_SEND },
		{ "romeo sends bytes \"a\"", STEP_SEND_BYTES },
		{ "romeo receives <a/>", STEP_RECEIVE },
		{ "romeo receives in any order <a/><b/>", STEP_RECEIVE_ANY_ORDER },
		{ "romeo receives nothing", STEP_RECEIVE_NOTHING },
		{ "romeo stops reading", STEP_STOP_READING },
		{ "romeo reads slowly", STEP_READ_SLOWLY },
		{ "romeo resumes reading", STEP_RESUME_READING },
		{ "romeo disconnects", STEP_DISCONNECT },
		{ "romeo drops", STEP_DROP },
		{ "romeo is disconnected", STEP_IS_DISCONNECTED },
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct buf b;
		buf_init(&b, 1000);
		buf_printf(&b, HEAD IN "%s\n", list[i].text);
		buf_add_byte(&b, 0);
		struct scenario *s = parse(buf_str(&b).p);
		assert_int_equal(s->steps[1].kind, list[i].kind);
		scenario_free(&s);
		buf_fini(&b);
	}
}

/* XML. */

static void xml_may_begin_on_the_line_and_go_on_below(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD IN "romeo sends <message\n    to='x'>\n  <body>a\n  b</body></message> # end\n"
					   "  <presence/>\nromeo drops\n");
	assert_int_equal(s->steps[1].count, 2);
	expect_str(xml_attr(s->steps[1].elements[0], STR("to")), "x");
	assert_int_equal(s->steps[2].kind, STEP_DROP);
	scenario_free(&s);
}

static void several_expected_elements_are_several_steps(void **state)
{
	(void)state;
	struct scenario *s =
		parse(HEAD IN "romeo receives\n  <a/>\n  <b/>\nromeo receives in any order\n  <a/>\n  <b/>\n");
	assert_int_equal(s->step_count, 4);
	assert_int_equal(s->steps[1].line, 6);
	assert_int_equal(s->steps[2].line, 7);
	expect_str(xml_name(s->steps[2].expected[0]->element), "b");
	assert_int_equal(s->steps[3].count, 2);
	scenario_free(&s);
}

static void elements_stand_on_a_client_stream(void **state)
{
	(void)state;
	struct scenario *s = parse(HEAD IN "romeo sends <message/><stream:features/>\n");
	expect_str(xml_ns(s->steps[1].elements[0]), "\001content");
	expect_str(xml_ns(s->steps[1].elements[1]), "http://etherx.jabber.org/streams");
	scenario_free(&s);
}

static void wrong_xml_is_named_by_its_line(void **state)
{
	(void)state;
	expect_error(HEAD IN "romeo sends\n", "x.scenario:5: an element should follow");
	expect_error(HEAD IN "romeo sends\n\n\n  <a>\n", "x.scenario:8: the element that begins here does not end");
	expect_error(HEAD IN "romeo sends\n  <a/>\n\n  <b></c>\n", "x.scenario:8: in the element that begins here");
	expect_error(HEAD IN "romeo sends <a/> text\n", "x.scenario:5: here an element should begin");
	expect_error(HEAD IN "romeo sends\n  text\n", "x.scenario:6: here an element should begin");
	expect_error(HEAD IN "romeo sends <a b='1' b='2'/>\n", "x.scenario:5: in the element");
	expect_error(HEAD IN "romeo sends <p:a/>\n", "x.scenario:5: in the element");
	expect_error(HEAD IN "romeo sends <a><!-- x --></a>\n", "x.scenario:5: ");
	expect_error(HEAD IN "romeo sends <!DOCTYPE x>\n", "x.scenario:5: ");
	expect_error(HEAD IN "romeo sends quickly <a/>\n", "x.scenario:5: \"quickly\" has no place here");
	expect_error(HEAD IN "romeo receives nothing <a/>\n", "x.scenario:5: no XML");
	expect_error(HEAD IN "romeo drops\n   <a/>\n", "x.scenario:6: no XML");
}

static void wrong_templates_are_named_by_their_line(void **state)
{
	(void)state;
	expect_error(HEAD IN "romeo receives\n  <a/>\n  <a b='{amy}'/>\n", "x.scenario:7: a brace begins");
	expect_error(HEAD IN "romeo sends\n  <a/>\n  <a b='{any}'/>\n", "x.scenario:7: what is sent holds");
	expect_error("# n\n" RAW "raw sends bytes \"{any}\"\n", "x.scenario:3: what is sent holds");
	expect_error("# n\n" RAW "raw receives bytes \"a{any}\"\n", "x.scenario:3: expected bytes end in some text");
	expect_error("# n\n" RAW "raw receives bytes \"{more}a\"\n", "x.scenario:3: {more} and {ordered}");
	expect_error("# n\n" RAW "raw receives bytes \"\"\n", "x.scenario:3: expected bytes end in some text");
}

static void named_pings_are_noticed(void **state)
{
	(void)state;
	struct scenario *s =
		parse(HEAD IN "juliet connects as juliet\n"
			      "romeo receives <iq type='get' id='{=id}'><ping xmlns='urn:xmpp:ping'/></iq>\n"
			      "juliet receives <iq type='result'><ping xmlns='urn:xmpp:ping'/></iq>\n");
	assert_true(s->clients[0].pings_are_named);
	assert_false(s->clients[1].pings_are_named);
	scenario_free(&s);
}

/* Bytes. */

static void quoted_strings_have_escapes_and_are_joined(void **state)
{
	(void)state;
	struct scenario *s =
		parse("# n\n" RAW "raw sends bytes \"a\\n\\r\\t\\0\\\"\\\\\" \"\\x41\\xfF\"   # one\n  \"<b/>\"\n"
		      "\n  # two\n  \"c # d\"\n");
	const struct template *t = &s->steps[1].bytes;
	assert_int_equal(t->count, 1);
	assert_true(str_eq(t->pieces[0].text, str_make("a\n\r\t\0\"\\A\xff<b/>c # d", 18)));
	scenario_free(&s);
}

static void wrong_bytes_are_refused(void **state)
{
	(void)state;
	expect_error("# n\n" RAW "raw sends bytes\n", "x.scenario:3: bytes in quotes should follow");
	expect_error("# n\n" RAW "raw sends bytes abc\n", "x.scenario:3: bytes in quotes should follow");
	expect_error("# n\n" RAW "raw sends bytes \"abc\n", "x.scenario:3: a quote is not closed");
	expect_error("# n\n" RAW "raw sends bytes \"a\\\"\n", "x.scenario:3: a quote is not closed");
	expect_error("# n\n" RAW "raw sends bytes \"a\\q\"\n", "x.scenario:3: in quotes a backslash");
	expect_error("# n\n" RAW "raw sends bytes \"a\\x4\"\n", "x.scenario:3: in quotes a backslash");
	expect_error("# n\n" RAW "raw sends bytes \"a\"\n  \"b\" <c/>\n", "x.scenario:4: bytes stand in quotes");
	expect_error("# n\n" RAW "raw sends bytes <c/>\n", "x.scenario:3: bytes stand in quotes");
}

/* Bounds. */

static void words_and_clients_are_bounded(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, SCENARIO_BYTES_MAX);
	buf_lit(&b, HEAD "romeo");
	for (int i = 0; i < 64; i++)
		buf_lit(&b, " x");
	expect_error_of(buf_str(&b), "x.scenario:4: a statement has at most 64 words");
	buf_clear(&b);
	buf_lit(&b, "# n\n");
	for (int i = 0; i <= SCENARIO_CLIENTS_MAX; i++)
		buf_printf(&b, "c%d opens raw\n", i);
	expect_error_of(buf_str(&b), "x.scenario:66: a scenario has at most 64 clients");
	buf_fini(&b);
}

static void full_files_are_parsed(void **state)
{
	(void)state;
	static const char *const lines[] = { "r sends<b/>\n", "r sends bytes \"\\n\" \"\"\"\"\"\"\n",
		"r receives<b a=''/><b/><b/>\n" };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct buf b;
		struct scenario *s;
		char why[512];
		buf_init(&b, SCENARIO_BYTES_MAX);
		buf_lit(&b, "# n\nr opens raw\n");
		while (buf_len(&b) + strlen(lines[i]) <= SCENARIO_BYTES_MAX)
			buf_add(&b, str_from_c(lines[i]));
		if (scenario_parse(buf_str(&b), STR("x"), &s, why, sizeof(why)) != 0)
			fail_msg("%s", why);
		assert_true(s->step_count > 10000);
		scenario_free(&s);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_the_manual_is_understood),
		cmocka_unit_test(first_line_is_the_name),
		cmocka_unit_test(blank_lines_and_comments_are_nothing),
		cmocka_unit_test(file_without_steps_is_refused),
		cmocka_unit_test(file_that_is_not_utf8_is_refused),
		cmocka_unit_test(file_that_is_too_long_is_refused),
		cmocka_unit_test(zero_bytes_do_no_harm),
		cmocka_unit_test(every_beginning_of_a_file_is_survived),
		cmocka_unit_test(accounts_are_bare_addresses),
		cmocka_unit_test(hidden_elements_add_up),
		cmocka_unit_test(client_may_be_called_otherwise_than_its_account),
		cmocka_unit_test(wrong_accounts_are_refused),
		cmocka_unit_test(options_of_connecting),
		cmocka_unit_test(options_of_logins),
		cmocka_unit_test(wrong_options_of_logins_are_refused),
		cmocka_unit_test(failing_to_connect_says_how),
		cmocka_unit_test(clients_are_used_only_while_they_are_connected),
		cmocka_unit_test(raw_clients_have_words_of_their_own),
		cmocka_unit_test(unknown_statements_are_refused),
		cmocka_unit_test(server_statements),
		cmocka_unit_test(every_client_statement_is_understood),
		cmocka_unit_test(xml_may_begin_on_the_line_and_go_on_below),
		cmocka_unit_test(several_expected_elements_are_several_steps),
		cmocka_unit_test(elements_stand_on_a_client_stream),
		cmocka_unit_test(wrong_xml_is_named_by_its_line),
		cmocka_unit_test(wrong_templates_are_named_by_their_line),
		cmocka_unit_test(named_pings_are_noticed),
		cmocka_unit_test(quoted_strings_have_escapes_and_are_joined),
		cmocka_unit_test(wrong_bytes_are_refused),
		cmocka_unit_test(words_and_clients_are_bounded),
		cmocka_unit_test(full_files_are_parsed),
	};
	return cmocka_run_group_tests_name("scenario/parse", tests, NULL, NULL);
}
