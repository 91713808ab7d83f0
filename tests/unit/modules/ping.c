/* Pings (XEP-0199): answered, and sent to clients that have gone silent, to the millisecond of virtual time (in ticks
 * of the wheel). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "server/core/session.h"

#define PING                                                                                                           \
	"<iq from='localhost' id='ping:alive' to='romeo@localhost/phone' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
#define ANSWER "<iq type='result' to='localhost' id='ping:alive'/>"

struct fixture {
	struct harness *h;
	struct peer *romeo;
};

static struct fixture *begin(void **state, const char *yaml)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(1, yaml);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = opens(f->h, "romeo@localhost/phone");
	*state = f;
	return f;
}

static int setup(void **state)
{
	(void)begin(state, "modules: {ping: {interval: 60s, timeout: 20s}}\n");
	return 0;
}

static int setup_default(void **state)
{
	(void)begin(state, NULL);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static void hosts_and_accounts_answer(void **state)
{
	struct fixture *f = *state;
	struct peer *juliet = opens(f->h, "juliet@localhost/balcony");
	says(juliet, "<presence to='romeo@localhost/phone'/>");
	overlooks(f->romeo);
	static const char *const to[] = { "to='localhost'", "to='juliet@localhost'", "to='romeo@localhost'", "" };
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		says(f->romeo, "<iq type='get' id='p' %s><ping xmlns='urn:xmpp:ping'/></iq>", to[i]);
		sees(f->romeo, "<iq ~id='p' to='romeo@localhost/phone' type='result'/>");
	}
	/* Once she has gone he has no business with her: unit/modules/harvesting. */
	dies(juliet);
	harness_run(f->h);
	overlooks(f->romeo);
	says(f->romeo, "<iq type='get' id='p' to='juliet@localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->romeo, "<iq ~ type='error'>~" ERROR("cancel", "service-unavailable") "</iq>");
	says(f->romeo, "<iq type='set' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->romeo, "<iq ~ type='error'>~" ERROR("cancel", "service-unavailable") "</iq>");
}

static void silent_client_is_pinged_then_closed(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 59990);
	sees_nothing(f->romeo);
	harness_advance(f->h, 10);
	sees(f->romeo, PING);
	harness_advance(f->h, 19990);
	assert_false(f->romeo->ended);
	sees_nothing(f->romeo);
	harness_advance(f->h, 10);
	assert_true(f->romeo->ended);
	assert_int_equal(f->romeo->condition, STREAM_CONNECTION_TIMEOUT);
	assert_true(is_released(f->romeo));
}

static void a_client_that_answers_stays(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 5; i++) {
		harness_advance(f->h, 60000);
		sees(f->romeo, PING);
		harness_advance(f->h, 15000);
		says(f->romeo, ANSWER);
	}
	sees_nothing(f->romeo);
	assert_false(f->romeo->ended);
	/* The next one is due an interval behind the answer. */
	harness_advance(f->h, 59990);
	sees_nothing(f->romeo);
	harness_advance(f->h, 10);
	sees(f->romeo, PING);
}

/* XEP-0199, 4.1: a client that does not know pings says so, and is alive. */
static void an_error_is_an_answer(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 60000);
	sees(f->romeo, PING);
	says(f->romeo, "<iq type='error' to='localhost' id='ping:alive'><ping xmlns='urn:xmpp:ping'/>"
		ERROR("cancel", "service-unavailable") "</iq>");
	harness_advance(f->h, 50000);
	assert_false(f->romeo->ended);
}

static void a_client_that_talks_is_not_pinged(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 10; i++) {
		harness_advance(f->h, 50000);
		says(f->romeo, "<message to='juliet@localhost' type='headline'/>");
	}
	sees_nothing(f->romeo);
	harness_advance(f->h, 59990);
	sees_nothing(f->romeo);
	harness_advance(f->h, 10);
	sees(f->romeo, PING);
}

/* RFC 6120, 4.6.1: no answer comes to white space, nor any to the server's. */
static void a_client_that_sends_white_space_is_not_pinged(void **state)
{
	struct fixture *f = *state;
	struct peer *juliet = logs_in(f->h, "juliet@localhost/balcony");
	for (int i = 0; i < 10; i++) {
		harness_advance(f->h, 50000);
		network_send(&f->h->sim.network, socket_of(juliet), STR(" "));
		harness_run(f->h);
	}
	sees_nothing(juliet);
	assert_false(juliet->ended);
	harness_advance(f->h, 59990);
	sees_nothing(juliet);
	harness_advance(f->h, 10);
	sees(juliet, "<iq from='localhost' id='ping:alive' ~");
	/* Pinged, it says that it is there in the shortest way. */
	harness_advance(f->h, 10000);
	network_send(&f->h->sim.network, socket_of(juliet), STR("\n"));
	harness_advance(f->h, 10000);
	assert_false(juliet->ended);
	harness_advance(f->h, 200000);
	assert_true(juliet->ended);
	assert_int_equal(juliet->condition, STREAM_CONNECTION_TIMEOUT);
}

/* What a client says shows that it is there, whatever it is. */
static void a_client_that_talks_instead_of_answering_stays(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 60000);
	sees(f->romeo, PING);
	harness_advance(f->h, 10000);
	says(f->romeo, "<message to='juliet@localhost' type='headline'/>");
	harness_advance(f->h, 10000);
	assert_false(f->romeo->ended);
}

static void an_interval_of_zero_does_nothing(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 86400000);
	sees_nothing(f->romeo);
	assert_false(f->romeo->ended);
}

static void nor_does_an_answer_that_nobody_asked_for(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, ANSWER);
	harness_advance(f->h, 86400000);
	sees_nothing(f->romeo);
	assert_false(f->romeo->ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hosts_and_accounts_answer),
		TEST(silent_client_is_pinged_then_closed),
		TEST(a_client_that_answers_stays),
		TEST(an_error_is_an_answer),
		TEST(a_client_that_talks_is_not_pinged),
		TEST(a_client_that_sends_white_space_is_not_pinged),
		TEST(a_client_that_talks_instead_of_answering_stays),
		cmocka_unit_test_setup_teardown(an_interval_of_zero_does_nothing, setup_default, teardown),
		cmocka_unit_test_setup_teardown(nor_does_an_answer_that_nobody_asked_for, setup_default, teardown),
	};
	return cmocka_run_group_tests_name("modules/ping", tests, NULL, NULL);
}
