/* Probes (RFC 6121, 4.3.2, 4.6.6) and directed presence (4.6): who is answered what, and when it ends. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/presence_kit.h"

#include "server/core/session.h"

static void probes(struct peer *p, const char *to)
{
	overlooks(p);
	says(p, "<presence type='probe' id='p' to='%s'/>", to);
}

/* Case 4: the last presence of each available resource, with its own id; and nothing of one that is only connected. */
static void a_subscriber_is_told_of_each_available_session(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	(void)opens(f->h, "romeo@localhost/quiet");
	says(f->romeo, "<presence id='1'><show>away</show><status>out</status></presence>");
	says(f->romeo, "<presence id='2'><show>dnd</show></presence>");
	says(home, "<presence id='3'><priority>-1</priority></presence>");
	probes(f->nurse, "romeo@localhost");
	sees_somewhere(f->nurse, "<presence from='romeo@localhost/phone' id='2' to='nurse@localhost/kitchen'><show>dnd</show></presence>");
	sees_somewhere(f->nurse, "<presence from='romeo@localhost/home' id='3' to='nurse@localhost/kitchen'><priority>-1</priority>"
		"</presence>");
	sees_nothing(f->nurse);
}

/* Case 3, with the id of the probe (4.3.2.1). */
static void a_subscriber_is_told_that_nobody_is_there(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	for (int i = 0; i < 2; i++) {
		probes(f->nurse, "romeo@localhost");
		sees(f->nurse, "<presence from='romeo@localhost' id='p' to='nurse@localhost/kitchen' type='unavailable'/>");
		sees_nothing(f->nurse);
		dies(f->romeo); /* not even connected */
		harness_run(f->h);
		harness_advance(f->h, 200000);
	}
}

/* The server's own probes are not answered so: each login would bring as many stanzas as there are contacts. */
static void a_login_is_not_told_who_is_away(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->nurse, "<presence/>");
	sees(f->nurse, "<presence from='nurse@localhost/kitchen' ~");
	sees_nothing(f->nurse);
}

/* Case 1, locally: what a session asks beyond its subscriptions is not answered; it would have to be ignored (A.3.4). */
static void others_are_told_nothing(void **state)
{
	static const char *const to[] = { "romeo@localhost", "romeo@localhost/phone", "romeo@localhost/none", "nobody@localhost",
		"nobody@localhost/phone" };
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence/>");
	struct peer *tybalt = (harness_account(f->h, "tybalt@localhost"), arrives(f->h, "tybalt@localhost/street"));
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		probes(tybalt, to[i]);
		sees_nothing(tybalt);
	}
	/* Nor who is on the way: her request stays as it is, and a pre-approval too. */
	says(f->nurse, "<presence type='subscribed' to='tybalt@localhost'/>");
	says(tybalt, "<presence type='subscribe' to='romeo@localhost'/>");
	probes(tybalt, "romeo@localhost");
	sees_nothing(tybalt);
	assert_state(f->h, "tybalt", "romeo", SUBSCRIPTION_PENDING_OUT);
	probes(tybalt, "nurse@localhost");
	sees_nothing(tybalt);
	assert_true(is_approved(f->h, "nurse@localhost", "tybalt@localhost"));
	overlooks(f->romeo);
}

/* A full address is asked of that resource alone, and says no more than that it is there. */
static void of_one_session_its_mere_presence_is_told(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	(void)arrives(f->h, "romeo@localhost/home");
	says(f->romeo, "<presence id='1'><show>away</show></presence>");
	probes(f->nurse, "romeo@localhost/phone");
	sees(f->nurse, "<presence from='romeo@localhost/phone' id='1' to='nurse@localhost/kitchen'/>");
	sees_nothing(f->nurse);
	probes(f->nurse, "romeo@localhost/none");
	sees(f->nurse, "<presence from='romeo@localhost/none' id='p' to='nurse@localhost/kitchen' type='unavailable'/>");
	sees_nothing(f->nurse);
}

static void a_session_asks_for_its_own_kind(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence id='1'/>");
	struct peer *home = opens(f->h, "romeo@localhost/home");
	probes(home, "romeo@localhost");
	sees(home, "<presence from='romeo@localhost/phone' id='1' to='romeo@localhost/home'/>");
	sees_nothing(home);
}

/* 4.6.6: whoever was told directly may ask that resource, and no other, until it is taken back. */
static void whoever_was_told_directly_may_ask_that_session(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	(void)arrives(f->h, "romeo@localhost/home");
	says(f->romeo, "<presence to='juliet@localhost/balcony'><show>chat</show></presence>");
	probes(f->juliet, "romeo@localhost/phone");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost/balcony'/>");
	sees_nothing(f->juliet);
	probes(f->juliet, "romeo@localhost/home");
	sees_nothing(f->juliet);
	probes(f->juliet, "romeo@localhost");
	sees_nothing(f->juliet);
	struct peer *chamber = arrives(f->h, "juliet@localhost/chamber");
	probes(chamber, "romeo@localhost/phone");
	sees_nothing(chamber);
	says(f->romeo, "<presence type='unavailable' to='juliet@localhost/balcony'/>");
	probes(f->juliet, "romeo@localhost/phone");
	sees_nothing(f->juliet);
}

/* 4.6.1: an entity that has gone is told no more. */
static void whoever_goes_is_forgotten(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->juliet, "<presence to='romeo@localhost/phone'/>");
	says(f->romeo, "<presence to='juliet@localhost/balcony'/>");
	says(f->romeo, "<presence to='nurse@localhost'/>");
	says(f->juliet, "<presence type='unavailable' to='romeo@localhost/phone'/>");
	overlooks(f->juliet);
	says(f->nurse, "<presence/>");
	overlooks(f->nurse);
	dies(f->romeo);
	harness_run(f->h);
	sees_nothing(f->juliet);
	sees(f->nurse, "<presence from='romeo@localhost/phone' to='nurse@localhost' type='unavailable'/>");
}

/* 4.6.1: the end of a subscription takes precedence, and is told once. */
static void a_cancelled_subscription_ends_directed_presence_too(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence/>");
	says(f->juliet, "<presence/>");
	says(f->romeo, "<presence to='juliet@localhost/balcony'><show>chat</show></presence>");
	overlooks(f->juliet);
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	overlooks(f->juliet);
	says(f->juliet, "<iq type='get' id='v' to='romeo@localhost/phone'><query xmlns='jabber:iq:version'/></iq>");
	sees(f->juliet, "<iq ~ type='error'>~" ERROR("cancel", "service-unavailable") "</iq>");
	dies(f->romeo);
	harness_run(f->h);
	sees_nothing(f->juliet);
}

/* 4.6.3, 2: it is no subscription: what is broadcast does not go there. */
static void directed_presence_is_not_followed_by_broadcasts(void **state)
{
	struct fixture *f = *state;
	open_all(f);
	says(f->romeo, "<presence/>");
	says(f->romeo, "<presence to='juliet@localhost/balcony'/>");
	sees(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost/balcony'/>");
	says(f->romeo, "<presence><show>away</show></presence>");
	sees_nothing(f->juliet);
	/* 4.6.3, 1: nor does it disturb them where there is one. */
	befriend(f->romeo, f->nurse);
	says(f->nurse, "<presence/>");
	overlooks(f->nurse);
	says(f->romeo, "<presence to='nurse@localhost' type='unavailable'/>");
	sees(f->nurse, "<presence ~ type='unavailable'/>");
	says(f->romeo, "<presence><show>dnd</show></presence>");
	sees(f->nurse, "<presence from='romeo@localhost/phone' to='nurse@localhost'><show>dnd</show></presence>");
}

/* A session that has not sent presence gets what is addressed to it, and nothing that is told to its account. */
static void a_session_that_was_told_by_itself_is_told_the_end(void **state)
{
	struct fixture *f = *state;
	befriend_all(f);
	says(f->romeo, "<presence/>");
	struct peer *garden = opens(f->h, "juliet@localhost/garden");
	says(f->romeo, "<presence to='juliet@localhost/garden'/>");
	sees(garden, "<presence from='romeo@localhost/phone' to='juliet@localhost/garden'/>");
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	sees(garden, "<presence from='romeo@localhost/phone' ~ type='unavailable'/>");
	sees_nothing(garden);
	says(f->romeo, "<presence type='unavailable'/>");
	sees_nothing(garden);
	/* Nor can it be asked for any more. */
	overlooks(f->romeo);
	says(garden, "<iq type='get' id='v' to='romeo@localhost/phone'><x xmlns='urn:x'/></iq>");
	sees_nothing(f->romeo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_that_was_told_by_itself_is_told_the_end),
		TEST(a_subscriber_is_told_of_each_available_session),
		TEST(a_subscriber_is_told_that_nobody_is_there),
		TEST(a_login_is_not_told_who_is_away),
		TEST(others_are_told_nothing),
		TEST(of_one_session_its_mere_presence_is_told),
		TEST(a_session_asks_for_its_own_kind),
		TEST(whoever_was_told_directly_may_ask_that_session),
		TEST(whoever_goes_is_forgotten),
		TEST(a_cancelled_subscription_ends_directed_presence_too),
		TEST(directed_presence_is_not_followed_by_broadcasts),
	};
	return cmocka_run_group_tests_name("modules/presence_probe", tests, NULL, NULL);
}
