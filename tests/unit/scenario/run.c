/* Tests of cmd/scenario/run.c, steps*.c and client.c: whole scenarios against the small server, in virtual time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cmd/scenario/run.h"
#include "tests/unit/scenario/server.h"

#include <stdio.h>
#include <string.h>

#define PORT      5222
#define TURNS_MAX 200000
#define CLIENTS   1 /* their host; the server's is 0 */

struct scene {
	struct world world;
	struct network network;
	struct test_server server;
	struct sim_net sim_net;
	struct net net;
	struct loop *loop;
	struct scenario_host host;
	struct scenario *scenario;
	struct scenario_run *run;
	struct scenario_result result;
	uint64_t began_ms;
	/* What the host was asked for. */
	char asked[256];
	const char *act_error;
	bool act_is_impossible;
	bool delays_settling;
};

static int set_up(void **state)
{
	static struct scene scene;
	struct scene *s = &scene;
	scene = (struct scene){ 0 };
	world_init(&s->world, 7);
	network_init(&s->network, &s->world);
	test_server_init(&s->server, &s->network, PORT);
	s->net = sim_net_init(&s->sim_net, &s->network, CLIENTS);
	s->loop = loop_new(&s->net, &s->world.clock);
	s->host = (struct scenario_host){
		.loop = s->loop,
		.random = &s->world.random,
		.tls = INITIATOR_TLS_NONE,
		.step_ms = SCENARIO_STEP_MS,
		.ctx = s,
	};
	s->host.servers[INITIATOR_TLS_NONE] = network_address(PORT);
	*state = s;
	return 0;
}

static void end_run(struct scene *s)
{
	scenario_run_free(&s->run);
	scenario_free(&s->scenario);
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	end_run(s);
	test_server_fini(&s->server);
	loop_free(&s->loop);
	network_fini(&s->network);
	return 0;
}

static void note(struct scene *s, const char *what)
{
	size_t n = strlen(s->asked);
	snprintf(s->asked + n, sizeof(s->asked) - n, "%s ", what);
}

static void drive(struct scene *s)
{
	for (int i = 0; i < TURNS_MAX && !scenario_run_is_finished(s->run); i++) {
		loop_turn(s->server.loop, 0);
		loop_turn(s->loop, 1);
	}
	assert_true(scenario_run_is_finished(s->run));
	s->result = scenario_run_result(s->run);
}

/* Runs accounts and these lines. */
static enum scenario_outcome run(struct scene *s, const char *lines)
{
	char why[512];
	struct buf text;
	end_run(s);
	buf_init(&text, 1u << 20);
	buf_lit(&text, "# test\naccount romeo@localhost\naccount juliet@localhost\n");
	buf_add(&text, str_from_c(lines));
	if (scenario_parse(buf_str(&text), STR("x"), &s->scenario, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	buf_fini(&text);
	s->began_ms = s->world.now_ms;
	s->run = scenario_run_new(s->scenario, &s->host);
	drive(s);
	return s->result.outcome;
}

static void expect_pass(struct scene *s, const char *lines)
{
	if (run(s, lines) != SCENARIO_PASSED)
		fail_msg("" STR_FMT, STR_ARG(s->result.text));
	assert_int_equal(s->result.text.n, 0);
}

/* `text` is in the report. */
static void expect_text(struct scene *s, const char *text)
{
	if (!memmem(s->result.text.p, s->result.text.n, text, strlen(text)))
		fail_msg("\"%s\" is not in\n" STR_FMT, text, STR_ARG(s->result.text));
}

static void expect_failure(struct scene *s, const char *lines, const char *text)
{
	assert_int_equal(run(s, lines), SCENARIO_FAILED);
	expect_text(s, text);
}

#define ROMEO  "romeo connects as romeo/phone\n"
#define JULIET "juliet connects as juliet/balcony\n"

/* Connecting. */

static void client_logs_in_with_each_mechanism(void **state)
{
	expect_pass(*state, "a connects as romeo/a with mechanism SCRAM-SHA-256\n"
			    "b connects as romeo/b with mechanism SCRAM-SHA-1\n"
			    "c connects as romeo/c with mechanism PLAIN\nd connects as romeo/d\n");
}

static void client_gets_the_resource_that_the_server_chooses(void **state)
{
	expect_pass(*state, "romeo connects as romeo\nromeo sends <message to='{=romeo.jid}'><body>x</body></message>\n"
			    "romeo receives <message from='romeo@localhost/chosen' to='romeo@localhost/chosen'>\n"
			    "  <body>x</body></message>\n");
}

static void another_resource_than_wanted_is_a_failure(void **state)
{
	expect_failure(*state, "romeo connects as romeo/other\n",
		"x:4: romeo connects as romeo/other\n"
		"  the server bound it as romeo@localhost/chosen\n");
}

static void failed_logins_are_expected(void **state)
{
	expect_pass(*state, "romeo fails to connect as romeo/phone with password wrong with not-authorized\n"
			    "nobody fails to connect as nobody@localhost/x with not-authorized\n"
			    "romeo fails to connect as romeo/taken with conflict\n"
			    "romeo fails to connect as romeo@elsewhere with stream error host-unknown\n" ROMEO);
}

static void login_that_fails_otherwise_is_a_failure(void **state)
{
	struct scene *s = *state;
	expect_failure(s, "romeo fails to connect as romeo/phone with not-authorized\n", "it has been let in");
	expect_failure(s, "romeo fails to connect as romeo/taken with not-authorized\n",
		"it failed otherwise: the server refused to bind a resource: conflict (\"it is in use\")");
	expect_failure(s, "romeo connects as romeo/phone with password wrong\n", "not-authorized");
}

static struct str find_password(void *ctx, const struct jid *account)
{
	(void)ctx;
	return str_eq(jid_local(account), STR("romeo")) ? STR("wrong") : str_make(NULL, 0);
}

static void passwords_come_from_the_host(void **state)
{
	struct scene *s = *state;
	s->host.password = find_password;
	expect_pass(s, "romeo fails to connect as romeo/phone with not-authorized\n" JULIET
		       "romeo connects as romeo/phone with password romeo\n");
}

static void server_that_is_not_there_is_a_failure(void **state)
{
	struct scene *s = *state;
	s->host.servers[INITIATOR_TLS_NONE].port = 9999;
	expect_failure(s, ROMEO, "Connection refused");
}

static void server_that_is_silent_times_out(void **state)
{
	struct scene *s = *state;
	s->host.servers[INITIATOR_TLS_NONE].port = 9;
	expect_failure(s, ROMEO, "this did not happen in time");
	assert_in_range(s->world.now_ms - s->began_ms, SCENARIO_STEP_MS, SCENARIO_STEP_MS + 100);
	assert_in_range(s->result.ms, SCENARIO_STEP_MS, SCENARIO_STEP_MS + 100);
}

static void each_client_has_an_address_of_its_own(void **state)
{
	struct scene *s = *state;
	struct net_address a[2];
	size_t n = 0;
	expect_pass(s, ROMEO JULIET);
	for (int i = 0; i < (int)s->network.socket_count && n < 2; i++)
		if (s->network.sockets[i] && network_host_of(&s->network, i) == CLIENTS)
			assert_int_equal(net_local_address(&s->net, i, &a[n++]), 0);
	assert_int_equal(n, 2);
	assert_false(memcmp(a[0].ip, a[1].ip, 4) == 0);
	assert_int_equal(a[0].ip[0], 127);
}

/* Sending and receiving. */

static void stanzas_go_from_one_client_to_another(void **state)
{
	expect_pass(*state,
		ROMEO JULIET "romeo sends\n  <message to='juliet@localhost' id='{x*3}'><body>Hi</body></message>\n"
			     "  <message to='juliet@localhost' id='2'/>\n"
			     "juliet receives\n  <message from='romeo@localhost/phone' id='{=id}'>\n"
			     "    <body>{any}</body></message>\n  <message from='{=romeo.jid}' id='2'/>\n"
			     "juliet receives nothing\n"
			     "juliet sends <message to='romeo@localhost' id='{=id}'/>\n"
			     "romeo receives <message from='{=juliet.jid}' id='xxx'/>\nromeo receives nothing\n");
}

static void unexpected_stanza_is_a_failure_with_all_there_is_to_know(void **state)
{
	struct scene *s = *state;
	expect_failure(s,
		ROMEO JULIET "romeo sends\n  <message to='juliet@localhost' id='1'><body>One</body></message>\n"
			     "  <message to='juliet@localhost' id='2'/>\n"
			     "romeo receives nothing\njuliet receives nothing\n",
		"x:10: juliet receives nothing\n  something came\n");
	expect_failure(s,
		ROMEO JULIET "romeo sends\n  <message to='juliet@localhost' id='1'><body>One</body></message>\n"
			     "  <message to='juliet@localhost' id='2'/>\nromeo receives nothing\n"
			     "juliet receives\n  <message from='{=romeo.jid}' id='3'><body>One</body></message>\n",
		"x:11: juliet receives\n"
		"  the attribute id of <message/> is \"1\"\n"
		"  expected\n"
		"    <message from='{=romeo.jid}' id='3'><body>One</body></message>\n"
		"  received\n");
	expect_text(s, "  not looked at by juliet\n    <message");
}

static void what_does_not_come_times_out(void **state)
{
	struct scene *s = *state;
	expect_failure(s, ROMEO "romeo receives <message id='never'/>\n",
		"x:5: romeo receives\n"
		"  this did not happen in time\n"
		"  expected\n    <message id='never'/>\n");
	assert_in_range(s->world.now_ms - s->began_ms, SCENARIO_STEP_MS, SCENARIO_STEP_MS + 200);
}

static void several_stanzas_are_received_in_any_order(void **state)
{
	const char *sent =
		ROMEO JULIET "romeo sends\n  <message to='juliet@localhost' id='1'/>\n"
			     "  <presence to='juliet@localhost'/>\n  <message to='juliet@localhost' id='2'/>\n";
	struct buf b;
	buf_init(&b, 4096);
	buf_printf(&b,
		"%sjuliet receives in any order\n  <message from='{any}' id='2'/>\n  <message from='{any}' id='1'/>\n"
		"  <presence from='{=romeo.jid}'/>\njuliet receives nothing\n",
		sent);
	buf_add_byte(&b, 0);
	expect_pass(*state, buf_str(&b).p);
	buf_clear(&b);
	buf_printf(&b,
		"%sjuliet receives in any order\n  <message from='{any}' id='2'/>\n  <message from='{any}' id='1'/>\n",
		sent);
	buf_add_byte(&b, 0);
	expect_failure(*state, buf_str(&b).p, "something came that is none of those expected");
	buf_clear(&b);
	buf_printf(&b,
		"%sjuliet receives in any order\n  <message from='{any}' id='1'/>\n  <message from='{any}' id='1'/>\n"
		"  <presence from='{any}'/>\n",
		sent);
	buf_add_byte(&b, 0);
	expect_failure(*state, buf_str(&b).p, "none of those expected");
	buf_fini(&b);
}

static void set_binds_only_what_matches_as_a_whole(void **state)
{
	/* The first message alone could be either of them. */
	expect_pass(*state,
		ROMEO "romeo sends\n  <message to='romeo@localhost' id='1'/>\n  <message to='romeo@localhost' id='2'/>\n"
		      "romeo receives in any order\n  <message id='{=other}'>{more}</message>\n"
		      "  <message id='1'>{more}</message>\nromeo sends <message to='romeo@localhost' id='{=other}'/>\n"
		      "romeo receives <message from='{any}' id='2'/>\n");
}

static void set_that_is_not_complete_times_out(void **state)
{
	expect_failure(*state,
		ROMEO "romeo sends <message to='romeo@localhost' id='1'/>\n"
		      "romeo receives in any order\n  <message from='{any}' id='1'/>\n  <presence from='x'/>\n",
		"this did not happen in time\n  expected\n    <message from='{any}' id='1'/>\n  and\n    <presence "
		"from='x'/>\n");
}

static void variable_without_a_value_cannot_be_sent(void **state)
{
	struct scene *s = *state;
	expect_failure(s, ROMEO "romeo sends <message id='{=nobody}'/>\n", "{=nobody} has no value yet");
	expect_failure(s, "raw opens raw\nraw sends bytes \"{=nobody}\"\n", "{=nobody} has no value yet");
}

/* What is hidden. */

static void own_presence_is_hidden_unless_it_is_named(void **state)
{
	expect_pass(*state, ROMEO "romeo sends <presence/>\nromeo receives nothing\n"
				  "romeo sends <presence type='unavailable'/>\nromeo receives nothing\n"
				  "romeo sends <presence/>\nromeo receives <presence from='{=romeo.jid}'/>\n"
				  "romeo sends <presence/><message to='romeo@localhost'/>\n"
				  "romeo receives <message from='{=romeo.jid}'/>\nromeo receives nothing\n");
}

static void what_is_declared_hidden_is_passed_over(void **state)
{
	static const char twice[] = "hidden\n  <x xmlns='urn:a'/>\n  <message id='{=id}'>{more}</message>\n" ROMEO
				    "romeo sends <message to='romeo@localhost' id='1'/><message to='romeo@localhost'/>\n";
	struct scene *s = *state;
	char lines[1024];
	snprintf(lines, sizeof(lines), "%sromeo receives <message from='{any}'/>\n", twice);
	expect_pass(s, lines);
	snprintf(lines, sizeof(lines), "%sromeo receives in any order <message from='{any}'/>\n", twice);
	expect_pass(s, lines);
	snprintf(lines, sizeof(lines), "%sromeo receives nothing\n", twice);
	expect_failure(s, lines, "something came");
	/* A step that names it gets it, and hiding binds nothing. */
	snprintf(lines, sizeof(lines), "%sromeo receives <message from='{any}' id='1'/>\n", twice);
	expect_pass(s, lines);
	snprintf(lines, sizeof(lines),
		"%sromeo receives <message from='{any}'/>\nromeo sends <message id='{=id}'/>\n", twice);
	expect_failure(s, lines, "{=id} has no value yet");
}

static void pings_of_the_server_are_answered_and_hidden(void **state)
{
	struct scene *s = *state;
	expect_pass(s, ROMEO "romeo sends <message to='localhost'><body>ping</body></message>\nromeo receives nothing\n"
			     "romeo receives nothing\n");
	assert_int_equal(s->server.pongs, 1);
}

static void pings_that_are_named_are_not_answered(void **state)
{
	struct scene *s = *state;
	expect_pass(s,
		ROMEO "romeo sends <message to='localhost'><body>ping</body></message>\n"
		      "romeo receives <iq type='get' id='{=id}' from='localhost'><ping xmlns='urn:xmpp:ping'/></iq>\n"
		      "romeo receives nothing\n");
	assert_int_equal(s->server.pongs, 0);
}

static void pings_of_others_are_seen(void **state)
{
	expect_pass(*state, ROMEO JULIET
		"juliet sends <iq type='get' id='7' to='romeo@localhost/phone'><ping xmlns='urn:xmpp:ping'/></iq>\n"
		"juliet receives nothing\nromeo sends <iq type='result' id='7' to='juliet@localhost/balcony'/>\n"
		"juliet receives <iq type='result' id='7' from='romeo@localhost/phone'/>\n"
		"romeo receives <iq type='get' id='7' from='{any}'><ping xmlns='urn:xmpp:ping'/></iq>\n");
}

/* Juliet's own ping would overtake Romeo's long message; his ping first makes sure that it does not. */
static void nothing_sees_what_others_have_sent_before(void **state)
{
	struct scene *s = *state;
	s->network.chunk = 7;
	expect_failure(s,
		ROMEO JULIET "romeo sends <message to='juliet@localhost'><body>{x*5000}</body></message>\n"
			     "juliet receives nothing\n",
		"something came");
}

static void nothing_wants_an_answer(void **state)
{
	expect_failure(*state,
		ROMEO "romeo sends <message to='localhost'><body>silence</body></message>\n"
		      "romeo receives nothing\n",
		"this did not happen in time");
}

static void settle(void *ctx)
{
	struct scene *s = ctx;
	note(s, "settle");
	if (!s->delays_settling)
		scenario_run_settled(s->run);
}

static void host_may_know_that_nothing_will_come(void **state)
{
	struct scene *s = *state;
	s->host.settle = settle;
	expect_pass(s,
		ROMEO "romeo sends <message to='localhost'><body>silence</body></message>\nromeo receives nothing\n");
	assert_string_equal(s->asked, "settle ");
	s->delays_settling = true;
	expect_failure(s, ROMEO "romeo receives nothing\n", "this did not happen in time");
}

/* Ending. */

static void clients_disconnect_and_come_back(void **state)
{
	struct scene *s = *state;
	expect_pass(s, ROMEO "romeo disconnects\n" ROMEO "romeo drops\n" ROMEO "romeo receives nothing\n");
}

static void end_by_the_server_is_expected(void **state)
{
	struct scene *s = *state;
	expect_pass(s,
		ROMEO "romeo sends <message to='localhost'><body>conflict</body></message>\n"
		      "romeo is disconnected with stream error conflict\n" ROMEO
		      "romeo sends <message to='localhost'><body>close</body></message>\nromeo is disconnected\n" ROMEO
		      "romeo sends <message to='localhost'><body>cut</body></message>\nromeo is disconnected\n");
}

static void end_by_the_server_that_differs_is_a_failure(void **state)
{
	struct scene *s = *state;
	expect_failure(s,
		ROMEO "romeo sends <message to='localhost'><body>conflict</body></message>\nromeo is disconnected\n",
		"the stream ended with the error conflict");
	expect_failure(s,
		ROMEO "romeo sends <message to='localhost'><body>close</body></message>\n"
		      "romeo is disconnected with stream error conflict\n",
		"the stream ended without error");
	expect_failure(s, ROMEO "romeo is disconnected\n", "this did not happen in time");
	expect_failure(s,
		ROMEO "romeo sends <message to='romeo@localhost'/>\n"
		      "romeo sends <message to='localhost'><body>close</body></message>\nromeo is disconnected\n",
		"something came\n");
}

static void end_in_between_is_noticed_by_the_next_step(void **state)
{
	struct scene *s = *state;
	const char *cut = ROMEO "romeo sends <message to='localhost'><body>conflict</body></message>\n";
	static const char *const next[] = { "romeo receives <a/>\n", "romeo receives nothing\n",
		"romeo receives in any order <a/>\n" };
	for (size_t i = 0; i < ARRAY_LEN(next); i++) {
		struct buf b;
		buf_init(&b, 4096);
		buf_printf(&b, "%s%s", cut, next[i]);
		buf_add_byte(&b, 0);
		expect_failure(s, buf_str(&b).p, "the server sent a stream error: conflict (\"as you wish\")");
		buf_fini(&b);
	}
}

/* Raw clients. */

#define HEADER "raw sends <stream:stream to='localhost' version='1.0'/>\n"

static void raw_client_sees_what_the_server_says(void **state)
{
	expect_pass(*state,
		"raw opens raw\n" HEADER
		"raw receives <stream:stream from='localhost' id='{=id}' version='1.0' xml:lang='en'/>\n"
		"raw receives <stream:features>{more}</stream:features>\n"
		"raw sends <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHJvbWVv</auth>\n"
		"raw receives <success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n" HEADER
		"raw receives <stream:features><bind "
		"xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>{more}</stream:features>\n"
		"raw sends bytes \"</stream:stream>\"\nraw is disconnected\n");
}

static void raw_client_sees_bytes(void **state)
{
	struct scene *s = *state;
	expect_pass(s, "raw opens raw\nraw sends bytes \"<?xml version='1.0'?>\"\n"
		       "  \"<stream:stream xmlns='jabber:client' to='localhost' version='1.0' \"\n"
		       "  \"xmlns:stream='http://etherx.jabber.org/streams'>\"\n"
		       "raw receives bytes \"<?xml version='1.0'?><stream:stream {any} id='{=id}'{any}>\"\n"
		       "raw receives bytes \"<stream:features>\"\n");
	expect_failure(s, "raw opens raw\n" HEADER "raw receives bytes \"HTTP\"\n", "other bytes came");
	expect_text(s, "  not looked at by raw\n    \"<?xml version='1.0'?>");
}

static void raw_client_sees_stream_errors(void **state)
{
	struct scene *s = *state;
	expect_pass(s, "raw opens raw\n" HEADER "raw receives <stream:features>{more}</stream:features>\n"
		       "raw sends <message/>\nraw is disconnected with stream error not-authorized\n");
	expect_pass(
		s, "raw opens raw\nraw sends bytes \"<a>\"\nraw is disconnected with stream error invalid-namespace\n");
	expect_failure(s,
		"raw opens raw\n" HEADER "raw receives <stream:features>{more}</stream:features>\n"
		"raw sends <message/>\nraw is disconnected with stream error bad-format\n",
		"the stream ended with the error not-authorized");
	expect_failure(s,
		"raw opens raw\n" HEADER "raw sends <message/>\n"
		"raw is disconnected with stream error not-authorized\n",
		"something came before the end");
}

static void raw_client_sees_the_end(void **state)
{
	expect_failure(*state,
		"raw opens raw\n" HEADER "raw receives <stream:features>{more}</stream:features>\n"
		"raw sends bytes \"</stream:stream>\"\nraw receives <a/>\n",
		"the server closed the stream");
}

static void bytes_of_a_client_that_has_logged_in(void **state)
{
	expect_pass(*state, ROMEO "romeo sends bytes \"<message><body></message></body>\"\n"
				  "romeo is disconnected with stream error not-well-formed\n");
}

static void client_in_the_middle_of_an_element_is_not_asked(void **state)
{
	expect_pass(*state, ROMEO JULIET "romeo sends bytes \"<message to='juliet@localhost'><bo\"\njuliet receives nothing\n"
					 "romeo sends bytes \"dy/></message>\"\n"
					 "juliet receives <message from='{=romeo.jid}'><body/></message>\n"
					 "romeo sends <message to='juliet@localhost' id='2'/>\n");
	/* And is asked again once it has sent elements. */
	expect_failure(*state, ROMEO JULIET "romeo sends bytes \" \"\nromeo sends <message to='juliet@localhost'/>\n"
					    "juliet receives nothing\n", "something came");
}

/* Reading. */

static void client_stops_reading_and_resumes(void **state)
{
	struct scene *s = *state;
	expect_pass(s,
		ROMEO JULIET "juliet stops reading\nromeo sends <message to='juliet@localhost'><body>{x*100000}</body>"
			     "</message>\nromeo receives nothing\njuliet resumes reading\n"
			     "juliet receives <message from='{any}'><body>{x*100000}</body></message>\n");
	expect_failure(s,
		ROMEO "romeo stops reading\nromeo sends <message to='romeo@localhost'/>\n"
		      "romeo receives <message from='{any}'/>\n",
		"this did not happen in time");
}

static void slow_client_takes_its_time(void **state)
{
	struct scene *s = *state;
	/* However the bytes are cut. */
	for (s->network.chunk = 0; s->network.chunk <= 100; s->network.chunk += 100) {
		expect_pass(s,
			ROMEO JULIET
			"juliet reads slowly\nromeo sends <message to='juliet@localhost'><body>{x*100000}</body>"
			"</message>\njuliet receives <message from='{any}'><body>{x*100000}</body></message>\n"
			"juliet resumes reading\njuliet receives nothing\n");
		/* 512 bytes in 10 ms. */
		assert_in_range(s->result.ms, 1800, 3000);
	}
}

/* What the host can do. */

static bool act(void *ctx, enum server_act what)
{
	struct scene *s = ctx;
	note(s, server_act_name(what));
	if (!s->act_is_impossible)
		scenario_run_server_done(s->run, s->act_error);
	return !s->act_is_impossible;
}

static void server_is_acted_upon_by_the_host(void **state)
{
	struct scene *s = *state;
	s->host.act = act;
	expect_pass(
		s, ROMEO "server is killed\nserver starts\nromeo receives nothing\nserver restarts\nserver stops\n");
	assert_string_equal(s->asked, "kill start restart stop ");
	s->act_error = "it does not die";
	expect_failure(s, "server is killed\n", "x:4: server is killed\n  it does not die\n");
}

static bool act_for_ever(void *ctx, enum server_act what)
{
	note(ctx, server_act_name(what));
	return true;
}

static void server_has_a_minute(void **state)
{
	struct scene *s = *state;
	s->host.act = act_for_ever;
	expect_failure(s, "server restarts\n", "this did not happen in time");
	assert_in_range(s->result.ms, 60000, 60100);
}

static void scenario_is_skipped_if_the_host_cannot(void **state)
{
	struct scene *s = *state;
	assert_int_equal(run(s, ROMEO "server is killed\n"), SCENARIO_SKIPPED);
	expect_text(s, "line 5: nothing is known to kill the server");
	assert_int_equal(run(s, "romeo connects as romeo with tls starttls\n"), SCENARIO_SKIPPED);
	expect_text(s, "no address of the server is known for STARTTLS");
	assert_int_equal(run(s, "raw opens raw with tls direct\n"), SCENARIO_SKIPPED);
	expect_text(s, "direct TLS");
	assert_int_equal(run(s, "raw opens raw\nraw starts tls\n"), SCENARIO_SKIPPED);
	expect_text(s, "there is no TLS here");
	s->host.act = act;
	s->act_is_impossible = true;
	assert_int_equal(run(s, "server restarts\n"), SCENARIO_SKIPPED);
	expect_text(s, "it is not possible to restart the server");
}

static void runs_may_be_left_in_the_middle(void **state)
{
	struct scene *s = *state;
	char why[256];
	for (int turns = 0; turns < 40; turns++) {
		end_run(s);
		assert_int_equal(scenario_parse(STR("# t\naccount romeo@localhost\n" ROMEO "romeo receives <a/>\n"),
					 STR("x"), &s->scenario, why, sizeof(why)),
			0);
		s->run = scenario_run_new(s->scenario, &s->host);
		for (int i = 0; i < turns; i++) {
			loop_turn(s->server.loop, 0);
			loop_turn(s->loop, 1);
		}
		assert_false(scenario_run_is_finished(s->run));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(client_logs_in_with_each_mechanism),
		TEST(client_gets_the_resource_that_the_server_chooses),
		TEST(another_resource_than_wanted_is_a_failure),
		TEST(failed_logins_are_expected),
		TEST(login_that_fails_otherwise_is_a_failure),
		TEST(passwords_come_from_the_host),
		TEST(server_that_is_not_there_is_a_failure),
		TEST(server_that_is_silent_times_out),
		TEST(each_client_has_an_address_of_its_own),
		TEST(stanzas_go_from_one_client_to_another),
		TEST(unexpected_stanza_is_a_failure_with_all_there_is_to_know),
		TEST(what_does_not_come_times_out),
		TEST(several_stanzas_are_received_in_any_order),
		TEST(set_binds_only_what_matches_as_a_whole),
		TEST(set_that_is_not_complete_times_out),
		TEST(variable_without_a_value_cannot_be_sent),
		TEST(own_presence_is_hidden_unless_it_is_named),
		TEST(what_is_declared_hidden_is_passed_over),
		TEST(pings_of_the_server_are_answered_and_hidden),
		TEST(pings_that_are_named_are_not_answered),
		TEST(pings_of_others_are_seen),
		TEST(nothing_sees_what_others_have_sent_before),
		TEST(nothing_wants_an_answer),
		TEST(host_may_know_that_nothing_will_come),
		TEST(clients_disconnect_and_come_back),
		TEST(end_by_the_server_is_expected),
		TEST(end_by_the_server_that_differs_is_a_failure),
		TEST(end_in_between_is_noticed_by_the_next_step),
		TEST(raw_client_sees_what_the_server_says),
		TEST(raw_client_sees_bytes),
		TEST(raw_client_sees_stream_errors),
		TEST(raw_client_sees_the_end),
		TEST(bytes_of_a_client_that_has_logged_in),
		TEST(client_in_the_middle_of_an_element_is_not_asked),
		TEST(client_stops_reading_and_resumes),
		TEST(slow_client_takes_its_time),
		TEST(server_is_acted_upon_by_the_host),
		TEST(server_has_a_minute),
		TEST(scenario_is_skipped_if_the_host_cannot),
		TEST(runs_may_be_left_in_the_middle),
	};
	return cmocka_run_group_tests_name("scenario/run", tests, NULL, NULL);
}
