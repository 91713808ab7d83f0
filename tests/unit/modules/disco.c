/* Service discovery (XEP-0030): features come from the modules that are on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"

#define INFO "<query xmlns='http://jabber.org/protocol/disco#info'"
#define ITEMS "<query xmlns='http://jabber.org/protocol/disco#items'"

struct fixture {
	struct harness *h;
	struct peer *romeo;
};

static void begin(void **state, const char *yaml)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(1, yaml);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = opens(f->h, "romeo@localhost/phone");
	*state = f;
}

static int setup(void **state)
{
	begin(state, NULL);
	return 0;
}

static int setup_without_ping(void **state)
{
	begin(state, "modules: {ping: off}\n");
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static void a_host_tells_what_it_is_and_can(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='localhost'>" INFO "/></iq>");
	sees(f->romeo, "<iq from='localhost' id='1' ~ type='result'>" INFO "><identity category='server' name='Linnet' "
		"type='im'/>~<feature var='urn:xmpp:ping'/>~</query></iq>");
	says(f->romeo, "<iq type='get' id='1' to='localhost'>" INFO "/></iq>");
	sees(f->romeo, "<iq ~<feature var='msgoffline'/>~<feature var='http://jabber.org/protocol/disco#info'/>~");
}

static void an_account_tells_its_own_sessions(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='romeo@localhost'>" INFO "/></iq>");
	sees(f->romeo, "<iq from='romeo@localhost' id='1' ~ type='result'>" INFO "><identity category='account' "
		"type='registered'/>~<feature var='http://jabber.org/protocol/disco#info'/>~</query></iq>");
	says(f->romeo, "<iq type='get' id='2' to='romeo@localhost'>" ITEMS "/></iq>");
	sees(f->romeo, "<iq ~ id='2' ~ type='result'>" ITEMS "/></iq>");
}

/* XEP-0030, 8: whether an account exists is not told. */
static void strangers_learn_nothing_of_an_account(void **state)
{
	struct fixture *f = *state;
	static const char *const to[] = { "juliet@localhost", "nobody@localhost" };
	for (int i = 0; i < 2; i++) {
		says(f->romeo, "<iq type='get' id='1' to='%s'>" INFO "/></iq>", to[i]);
		sees(f->romeo, "<iq ~ id='1' ~ type='error'>" INFO "/>" ERROR("cancel", "service-unavailable") "</iq>");
		says(f->romeo, "<iq type='get' id='2' to='%s'>" ITEMS "/></iq>", to[i]);
		sees(f->romeo, "<iq ~ id='2' ~ type='error'>" ITEMS "/>" ERROR("cancel", "service-unavailable")
			"</iq>");
	}
}

static void a_host_has_no_items_and_no_nodes(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='localhost'>" ITEMS "/></iq>");
	sees(f->romeo, "<iq from='localhost' id='1' ~ type='result'>" ITEMS "/></iq>");
	says(f->romeo, "<iq type='get' id='2' to='localhost'>" ITEMS " node='n'/></iq>");
	sees(f->romeo, "<iq ~ id='2' ~ type='error'>~" ERROR("cancel", "item-not-found") "</iq>");
	says(f->romeo, "<iq type='get' id='3' to='localhost'>" INFO " node='n'/></iq>");
	sees(f->romeo, "<iq ~ id='3' ~ type='error'>~" ERROR("cancel", "item-not-found") "</iq>");
	says(f->romeo, "<iq type='get' id='4' to='romeo@localhost'>" INFO " node='n'/></iq>");
	sees(f->romeo, "<iq ~ id='4' ~ type='error'>~" ERROR("cancel", "item-not-found") "</iq>");
}

static void a_module_that_is_off_is_not_told_of_and_does_not_answer(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='1' to='localhost'>" INFO "/></iq>");
	char *line = peer_take(f->romeo);
	assert_non_null(strstr(line, "<feature var='msgoffline'/>"));
	assert_null(strstr(line, "urn:xmpp:ping"));
	mem_free(line);
	says(f->romeo, "<iq type='get' id='2' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->romeo, "<iq ~ id='2' ~ type='error'>~" ERROR("cancel", "service-unavailable") "</iq>");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_tells_what_it_is_and_can),
		TEST(an_account_tells_its_own_sessions),
		TEST(strangers_learn_nothing_of_an_account),
		TEST(a_host_has_no_items_and_no_nodes),
		cmocka_unit_test_setup_teardown(
			a_module_that_is_off_is_not_told_of_and_does_not_answer, setup_without_ping, teardown),
	};
	return cmocka_run_group_tests_name("modules/disco", tests, NULL, NULL);
}
