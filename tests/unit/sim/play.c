/* Tests of tests/sim/play.c: what a scenario that passes in simulation means, and that others fail there. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "tests/sim/play.h"

#include <string.h>

#define SEEDS 12

struct theatre {
	struct contexts tls;
	struct buf text;
	uint64_t trace;
};

static int set_up(void **state)
{
	static struct theatre t;
	char why[256] = "";
	int r = contexts_init(&t.tls, PLAY_HOST, why, sizeof(why));
	assert_string_equal(why, "");
	buf_init(&t.text, 1u << 20);
	*state = &t;
	return r;
}

static int tear_down(void **state)
{
	struct theatre *t = *state;
	contexts_fini(&t->tls);
	buf_fini(&t->text);
	return 0;
}

static enum scenario_outcome play_with(struct theatre *t, const struct play_options *o, const char *lines)
{
	char why[512];
	struct buf text;
	struct scenario *s;
	buf_init(&text, 1u << 20);
	buf_lit(&text, "# test\naccount romeo@localhost\naccount juliet@localhost\n");
	buf_add(&text, str_from_c(lines));
	if (scenario_parse(buf_str(&text), STR("x"), &s, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	buf_fini(&text);
	buf_clear(&t->text);
	struct play_result r = play(s, o, &t->text);
	t->trace = r.trace;
	scenario_free(&s);
	return r.outcome;
}

static enum scenario_outcome play_plain(struct theatre *t, uint64_t seed, const char *lines)
{
	return play_with(t, &(struct play_options){ .seed = seed, .workers = 1 + (unsigned)(seed % 4) }, lines);
}

static void expect_text(struct theatre *t, const char *text)
{
	struct str all = buf_str(&t->text);
	if (!memmem(all.p, all.n, text, strlen(text)))
		fail_msg("\"%s\" is not in\n" STR_FMT, text, STR_ARG(all));
}

#define BOTH                                                                                                           \
	"romeo connects as romeo/phone\njuliet connects as juliet/balcony\njuliet sends <presence/>\n"                 \
	"juliet receives nothing\n"
#define SENT     "romeo sends <message to='juliet@localhost' type='chat' id='m1'><body>Hi</body></message>\n"
#define RECEIVED "juliet receives <message from='{=romeo.jid}' type='chat' id='m1'><body>Hi</body></message>\n"
/* Kept by the server meanwhile. */
#define LATER                                                                                                          \
	"juliet connects as juliet/balcony\njuliet sends <presence/>\n"                                                \
	"juliet receives <message from='{any}' type='chat' id='m1'><body>Hi</body>{more}</message>\n"

static void scenario_passes_with_every_seed(void **state)
{
	struct theatre *t = *state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		enum scenario_outcome outcome = play_plain(t, seed, BOTH SENT RECEIVED "juliet receives nothing\n");
		if (outcome != SCENARIO_PASSED)
			fail_msg("seed %u: " STR_FMT, (unsigned)seed, STR_ARG(buf_str(&t->text)));
	}
}

/* However long it is on its way. */
static void what_comes_is_never_nothing(void **state)
{
	struct theatre *t = *state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		assert_int_equal(play_plain(t, seed, BOTH SENT "juliet receives nothing\n"), SCENARIO_FAILED);
		expect_text(t, "x:9: juliet receives nothing\n  something came\n");
		expect_text(t, "  the server's log\n    info worker=");
	}
}

static void what_never_comes_is_a_failure_in_time(void **state)
{
	struct theatre *t = *state;
	assert_int_equal(play_plain(t, 1, BOTH RECEIVED), SCENARIO_FAILED);
	expect_text(t, "this did not happen in time");
}

static void scenario_that_never_ends_is_a_failure(void **state)
{
	struct theatre *t = *state;
	struct buf lines;
	buf_init(&lines, 65536);
	buf_lit(&lines, BOTH);
	/* Each of the messages takes five seconds. */
	for (int i = 0; i < 150; i++)
		buf_lit(&lines, "juliet reads slowly\n"
				"romeo sends <message to='juliet@localhost'><body>{a*250000}</body></message>\n"
				"juliet receives <message from='{any}'>{more}</message>\n");
	buf_add_byte(&lines, 0);
	assert_int_equal(play_plain(t, 1, buf_str(&lines).p), SCENARIO_FAILED);
	expect_text(t, "x: this does not end");
	buf_fini(&lines);
}

/* With odd seeds by a loss of power, with even ones by a kill. */
static void server_that_died_has_kept_what_it_has_promised(void **state)
{
	struct theatre *t = *state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		if (play_plain(t, seed, "romeo connects as romeo/phone\n" SENT "server is killed\n"
				"romeo is disconnected\nserver starts\n" LATER) != SCENARIO_PASSED)
			fail_msg("seed %u: " STR_FMT, (unsigned)seed, STR_ARG(buf_str(&t->text)));
}

static void server_stops_starts_and_restarts(void **state)
{
	struct theatre *t = *state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		if (play_plain(t, seed, "romeo connects as romeo/phone\n" SENT "server stops\n"
				"romeo is disconnected with stream error system-shutdown\n"
				"server starts\nserver restarts\n" LATER) != SCENARIO_PASSED)
			fail_msg("seed %u: " STR_FMT, (unsigned)seed, STR_ARG(buf_str(&t->text)));
}

static void what_cannot_be_done_to_the_server_is_a_failure(void **state)
{
	struct theatre *t = *state;
	assert_int_equal(play_plain(t, 1, "server starts\n"), SCENARIO_FAILED);
	expect_text(t, "the server runs already");
	assert_int_equal(play_plain(t, 1, "server stops\nserver is killed\n"), SCENARIO_FAILED);
	expect_text(t, "the server does not run");
	assert_int_equal(play_plain(t, 1, "server stops\nromeo connects as romeo/phone\n"), SCENARIO_FAILED);
	expect_text(t, "Connection refused");
}

static void seed_has_one_trace_and_others_have_others(void **state)
{
	struct theatre *t = *state;
	uint64_t traces[SEEDS];
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		assert_int_equal(play_plain(t, 1 + seed, BOTH SENT RECEIVED), SCENARIO_PASSED);
		traces[seed] = t->trace;
		assert_int_equal(play_plain(t, 1 + seed, BOTH SENT RECEIVED), SCENARIO_PASSED);
		assert_true(t->trace == traces[seed]);
		for (uint64_t i = 0; i < seed; i++)
			assert_false(t->trace == traces[i]);
	}
}

static void each_kind_of_tls_is_there_if_wanted(void **state)
{
	struct theatre *t = *state;
	const char *lines = "romeo connects as romeo/phone with tls direct\n"
			    "juliet connects as juliet/balcony with tls starttls\njuliet sends <presence/>\n"
			    "juliet receives nothing\n" SENT RECEIVED
			    "other connects as romeo/other with tls none\n";
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct play_options o = { .seed = seed, .workers = 2, .encoded = seed == 3, .tls = &t->tls };
		if (play_with(t, &o, lines) != SCENARIO_PASSED)
			fail_msg(STR_FMT, STR_ARG(buf_str(&t->text)));
	}
	assert_int_equal(play_plain(t, 1, lines), SCENARIO_SKIPPED);
	expect_text(t, "line 4: no address of the server is known for direct TLS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenario_passes_with_every_seed),
		cmocka_unit_test(what_comes_is_never_nothing),
		cmocka_unit_test(what_never_comes_is_a_failure_in_time),
		cmocka_unit_test(scenario_that_never_ends_is_a_failure),
		cmocka_unit_test(server_that_died_has_kept_what_it_has_promised),
		cmocka_unit_test(server_stops_starts_and_restarts),
		cmocka_unit_test(what_cannot_be_done_to_the_server_is_a_failure),
		cmocka_unit_test(seed_has_one_trace_and_others_have_others),
		cmocka_unit_test(each_kind_of_tls_is_there_if_wanted),
	};
	return cmocka_run_group_tests_name("sim/play", tests, set_up, tear_down);
}
