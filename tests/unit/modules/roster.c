/* The roster (RFC 6121, 2): get, set, remove, pushes, and every refusal of 2.3.3. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"

#include <stdio.h>

#define QUERY(inside) "<query xmlns='jabber:iq:roster'>" inside "</query>"
#define EMPTY "<query xmlns='jabber:iq:roster'/>"
#define SELF " to='romeo@localhost/phone' "

struct fixture {
	struct harness *h;
	struct peer *romeo, *home, *juliet; /* two sessions of one account, and one of another */
};

static int begin(void **state, bool encoded)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(&(struct harness_options){ .workers = 3, .encoded = encoded });
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = opens(f->h, "romeo@localhost/phone");
	f->home = opens(f->h, "romeo@localhost/home");
	f->juliet = opens(f->h, "juliet@localhost/balcony");
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return begin(state, false);
}

static int setup_encoded(void **state)
{
	return begin(state, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static void reads_roster(struct peer *p, const char *items)
{
	char pattern[1200];
	says(p, "<iq type='get' id='get'>" EMPTY "</iq>");
	snprintf(pattern, sizeof(pattern), "<iq id='get' to='*' type='result'>%s%s%s</iq>",
		*items ? "<query xmlns='jabber:iq:roster'>" : EMPTY, items, *items ? "</query>" : "");
	sees(p, pattern);
}

static void an_empty_roster_is_an_empty_query(void **state)
{
	struct fixture *f = *state;
	reads_roster(f->romeo, "");
	says(f->romeo, "<iq type='get' id='g' to='romeo@localhost'>" EMPTY "</iq>");
	sees(f->romeo, "<iq from='romeo@localhost' id='g'" SELF "type='result'>" EMPTY "</iq>");
}

static void an_item_is_kept_whole(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='Nurse@LOCALHOST' name='N "
		"&lt;urse'><group>Servants</group>"
		"<group>A &amp; B</group></item>") "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sees_nothing(f->romeo);
	static const char item[] = "<item jid='nurse@localhost' name='N &lt;urse' "
		"subscription='none'><group>Servants</group>"
		"<group>A &amp; B</group></item>";
	reads_roster(f->romeo, item);
	/* Also from disk. */
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	reads_roster(f->romeo, item);
}

/* RFC 6121, 2.4: exactly as provided. */
static void an_update_replaces_name_and_groups(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost' "
		"name='Nurse'><group>Servants</group></item>")
		"</iq>");
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost'><group>Old</group></item>") "</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'><group>Old</group></item>");
}

/* 2.1.2.1 and 2.1.2.5: but for "remove" these are not the client's to say. */
static void what_a_client_says_of_subscriptions_is_ignored(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost' subscription='both' ask='subscribe' "
		"approved='true'/>") "</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
}

static void updates_do_not_touch_the_subscription(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='juliet@localhost' name='J'/>") "</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item ask='subscribe' jid='juliet@localhost' name='J' subscription='none'/>");
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	reads_roster(f->romeo, "<item ask='subscribe' jid='juliet@localhost' name='J' subscription='none'/>");
}

/* 2.1.6 */
static void pushes_go_to_interested_sessions_only(void **state)
{
	struct fixture *f = *state;
	reads_roster(f->home, "");
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost'/>") "</iq>");
	sees(f->home, "<iq id='*' to='romeo@localhost/home' type='set'>" QUERY("<item jid='nurse@localhost' "
		"subscription='none'/>") "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
	says(f->home, "<iq type='set' id='t'>" QUERY("<item jid='nurse@localhost' name='N'/>") "</iq>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" QUERY("<item jid='nurse@localhost' name='N' "
		"subscription='none'/>") "</iq>");
	sees(f->home, "<iq id='*' to='romeo@localhost/home' type='set'>~");
	sees(f->home, "<iq id='t' ~ type='result'/>");
	/* A push is answered by nobody else. */
	says(f->romeo, "<iq type='result' id='push'/>");
	sees_nothing(f->romeo);
	sees_nothing(f->home);
	sees_nothing(f->juliet);
}

/* 2.5 */
static void a_removed_item_is_gone_and_pushed(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost'/>") "</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
	says(f->romeo, "<iq type='set' id='r'>" QUERY("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" QUERY("<item jid='nurse@localhost' subscription='remove'/>")
		"</iq>");
	sees(f->romeo, "<iq id='r'" SELF "type='result'/>");
	reads_roster(f->romeo, "");
	says(f->romeo, "<iq type='set' id='r'>" QUERY("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	sees(f->romeo, "<iq id='r'" SELF "type='error'>~" ERROR("cancel", "item-not-found") "</iq>");
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	reads_roster(f->romeo, "");
}

/* What a push says stays as it was, whatever happens to the item before it leaves. */
static void pushes_that_wait_say_what_was_then(void **state)
{
	struct fixture *f = *state;
	reads_roster(f->romeo, "");
	f->h->stops.writer = true;
	says(f->romeo, "<iq type='set' id='1'>" QUERY("<item jid='nurse@localhost' name='One'><group>G</group></item>")
		"</iq>");
	says(f->romeo, "<iq type='set' id='2'>" QUERY("<item jid='nurse@localhost' name='Two'/>") "</iq>");
	says(f->romeo, "<iq type='set' id='3'>" QUERY("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	harness_commit(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" QUERY("<item jid='nurse@localhost' name='One' "
		"subscription='none'>"
		"<group>G</group></item>") "</iq>");
	sees(f->romeo, "<iq id='1'" SELF "type='result'/>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" QUERY("<item jid='nurse@localhost' name='Two' "
		"subscription='none'/>")
		"</iq>");
	sees(f->romeo, "<iq id='2'" SELF "type='result'/>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" QUERY("<item jid='nurse@localhost' subscription='remove'/>")
		"</iq>");
	sees(f->romeo, "<iq id='3'" SELF "type='result'/>");
}

/* docs/GUARANTEES.md, D1: nor does a result tell what a crash could undo. */
static void a_get_waits_for_what_is_not_durable_yet(void **state)
{
	struct fixture *f = *state;
	f->h->stops.writer = true;
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost'/>") "</iq>");
	says(f->home, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees_nothing(f->home);
	/* What says nothing of it does not wait for it. */
	says(f->juliet, "<iq type='get' id='p' to='romeo@localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->juliet, "<iq ~ id='p' ~ type='result'/>");
	harness_commit(f->h);
	sees(f->home, "<iq id='g' ~<item jid='nurse@localhost' subscription='none'/>~");
	/* And it does not tell what has failed. */
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	overlooks(f->home);
	says(f->home, "<iq type='get' id='h'>" EMPTY "</iq>");
	f->h->faults.unit = "DELETE FROM roster";
	harness_commit(f->h);
	sees(f->home, "<iq id='h' ~ type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
	f->h->faults.unit = NULL;
	f->h->stops.writer = false;
	reads_roster(f->home, "<item jid='nurse@localhost' subscription='none'/>");
}

/* Two accounts that are subscribed to each other. */
static void befriend(struct fixture *f)
{
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='subscribed' to='juliet@localhost'/>");
	overlooks(f->romeo);
	overlooks(f->juliet);
	reads_roster(f->romeo, "<item jid='juliet@localhost' subscription='both'/>");
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='both'/>");
}

/* 2.5.2 */
static void removing_a_contact_ends_both_subscriptions(void **state)
{
	struct fixture *f = *state;
	befriend(f);
	says(f->romeo, "<presence/>");
	says(f->juliet, "<presence/>");
	overlooks(f->romeo);
	overlooks(f->juliet);
	says(f->romeo, "<iq type='set' id='r'>" QUERY("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" QUERY("<item jid='juliet@localhost' subscription='remove'/>")
		"</iq>");
	sees(f->romeo, "<iq id='r'" SELF "type='result'/>");
	sees(f->romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost' type='unavailable'/>");
	sees_nothing(f->romeo);
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribe'/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribed'/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees_somewhere(f->juliet, "<iq ~" QUERY("<item jid='romeo@localhost' subscription='to'/>") "</iq>");
	sees_somewhere(f->juliet, "<iq ~" QUERY("<item jid='romeo@localhost' subscription='none'/>") "</iq>");
	sees_nothing(f->juliet);
	reads_roster(f->romeo, "");
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='none'/>");
}

static void removing_one_that_has_asked_denies_it(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='juliet@localhost'/>") "</iq>");
	reads_roster(f->juliet, "<item ask='subscribe' jid='romeo@localhost' subscription='none'/>");
	says(f->romeo, "<iq type='set' id='r'>" QUERY("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
	overlooks(f->juliet);
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='none'/>");
}

/* A.1, state 3 */
static void one_that_has_only_asked_is_no_item(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	reads_roster(f->romeo, "");
	says(f->romeo, "<iq type='set' id='r'>" QUERY("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
	sees(f->romeo, "<iq id='r'" SELF "type='error'>~" ERROR("cancel", "item-not-found") "</iq>");
	/* The request still waits. */
	says(f->romeo, "<presence/>");
	sees_somewhere(f->romeo, "<presence from='juliet@localhost' to='romeo@localhost' type='subscribe'/>");
}

/* 2.3.3, and what cannot be right. */

struct refusal {
	const char *inside; /* the query */
	const char *error;
};

static void what_is_wrong_is_refused(void **state)
{
	static const struct refusal refusals[] = {
		{ QUERY("<item jid='a@localhost'/><item jid='b@localhost'/>"), ERROR("modify", "bad-request") },
		{ EMPTY, ERROR("modify", "bad-request") },
		{ QUERY("<thing jid='a@localhost'/>"), ERROR("modify", "bad-request") },
		{ QUERY("<item xmlns='urn:x' jid='a@localhost'/>"), ERROR("modify", "bad-request") },
		{ QUERY("<item jid='a@localhost'><group>Servants</group><group>Servants</group></item>"),
			ERROR("modify", "bad-request") },
		{ QUERY("<item jid='a@localhost'><group/></item>"), ERROR("modify", "not-acceptable") },
		{ QUERY("<item jid='a@localhost'><group>x</group><group></group></item>"), ERROR("modify",
		"not-acceptable") },
		{ QUERY("<item jid='a@@localhost'/>"), ERROR("modify", "jid-malformed") },
		{ QUERY("<item jid=''/>"), ERROR("modify", "*") },
		{ QUERY("<item/>"), ERROR("modify", "*") },
		{ QUERY("<item jid='romeo@localhost'/>"), ERROR("cancel", "not-allowed") },
		{ QUERY("<item jid='ROMEO@localhost'/>"), ERROR("cancel", "not-allowed") },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		char pattern[300];
		says(f->romeo, "<iq type='set' id='s'>%s</iq>", refusals[i].inside);
		snprintf(pattern, sizeof(pattern), "<iq id='s'" SELF "type='error'>~%s</iq>", refusals[i].error);
		sees(f->romeo, pattern);
		sees_nothing(f->romeo);
	}
	reads_roster(f->romeo, "");
	assert_int_equal(storage_uncommitted_units(f->h->storage), 0);
}

static void names_and_groups_that_are_too_long_are_refused(void **state)
{
	struct fixture *f = *state;
	char fits[1024], name[1025];
	memset(fits, 'x', 1023);
	fits[1023] = 0;
	memset(name, 'x', 1024);
	name[1024] = 0;
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='a@localhost' name='%s'/>") "</iq>", name);
	sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("modify", "not-acceptable") "</iq>");
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='a@localhost'><group>%s</group></item>") "</iq>",
		name);
	sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("modify", "not-acceptable") "</iq>");
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='a@localhost' name='%s'><group>%s</group></item>")
		"</iq>",
		fits, fits);
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
}

static void sixty_four_groups_fit_and_no_more(void **state)
{
	struct fixture *f = *state;
	for (int groups = 64; groups <= 65; groups++) {
		struct buf b;
		buf_init(&b, 65536);
		for (int i = 0; i < groups; i++)
			buf_printf(&b, "<group>g%d</group>", i);
		says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='a@localhost'>" STR_FMT "</item>") "</iq>",
			STR_ARG(buf_str(&b)));
		buf_fini(&b);
		sees(f->romeo, groups == 64 ? "<iq id='s'" SELF "type='result'/>" :
			"<iq id='s'" SELF "type='error'>~" ERROR("modify", "not-acceptable") "</iq>");
	}
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(f->romeo, "<iq ~<group>g0</group>~<group>g63</group></item>~");
}

/* The largest item that passes must be stored as it is. */
static void the_largest_item_survives(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	char group[1024];
	buf_init(&b, 1u << 20);
	for (int i = 0; i < 64; i++) {
		memset(group, 'a', 1020);
		snprintf(group + 1020, 4, "%03d", i);
		buf_printf(&b, "<group>%s</group>", group);
	}
	says(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='a@localhost'>" STR_FMT "</item>") "</iq>",
		STR_ARG(buf_str(&b)));
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	buf_add_byte(&b, 0);
	char *line = peer_take(f->romeo);
	assert_non_null(strstr(line, buf_str(&b).p));
	mem_free(line);
	buf_fini(&b);
}

static void a_full_roster_takes_no_more(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 4096; i++) {
		posts(f->romeo, "<iq type='set' id='s'>" QUERY("<item jid='c%d@localhost'/>") "</iq>", i);
		if (i % 64 == 0)
			harness_run(f->h);
	}
	harness_run(f->h);
	overlooks(f->romeo);
	says(f->romeo, "<iq type='set' id='more'>" QUERY("<item jid='more@localhost'/>") "</iq>");
	sees(f->romeo, "<iq id='more'" SELF "type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
	says(f->romeo, "<iq type='set' id='known'>" QUERY("<item jid='c7@localhost' name='7'/>") "</iq>");
	sees(f->romeo, "<iq id='known'" SELF "type='result'/>");
	/* Nor requests of strangers; and nobody is hurt. */
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	assert_int_equal(harness_outbox_rows(f->h), 0);
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(f->romeo, "<iq ~jid='c4095@localhost'~");
}

static void a_get_with_something_in_it_is_refused(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='g'>" QUERY("<item jid='a@localhost'/>") "</iq>");
	sees(f->romeo, "<iq id='g'" SELF "type='error'>~" ERROR("modify", "bad-request") "</iq>");
}

/* 2.3.3, the second error: not the owner. */
static void the_roster_of_others_is_forbidden(void **state)
{
	struct fixture *f = *state;
	befriend(f);
	says(f->romeo, "<iq type='get' id='g' to='juliet@localhost'>" EMPTY "</iq>");
	sees(f->romeo, "<iq from='juliet@localhost' id='g'" SELF "type='error'>~" ERROR("auth", "forbidden") "</iq>");
	says(f->romeo, "<iq type='set' id='s' to='juliet@localhost'>" QUERY("<item jid='a@localhost'/>") "</iq>");
	sees(f->romeo, "<iq from='juliet@localhost' id='s'" SELF "type='error'>~" ERROR("auth", "forbidden") "</iq>");
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='both'/>");
	/* Nor does a host have one. */
	says(f->romeo, "<iq type='get' id='h' to='localhost'>" EMPTY "</iq>");
	sees(f->romeo, "<iq from='localhost' id='h'" SELF "type='error'>~" ERROR("cancel", "service-unavailable")
		"</iq>");
}

/* docs/SECURITY.md, F2: no push but the account's own reaches a session. */
static void a_push_of_others_does_not_reach_a_session(void **state)
{
	struct fixture *f = *state;
	befriend(f);
	says(f->romeo, "<presence/>");
	says(f->juliet, "<presence/>");
	overlooks(f->romeo);
	overlooks(f->juliet);
	says(f->romeo, "<iq type='set' id='s' to='juliet@localhost/balcony'>" QUERY("<item jid='evil@localhost'/>")
		"</iq>");
	sees_nothing(f->juliet);
	sees(f->romeo, "<iq ~ id='s' ~ type='error'>~");
	/* One's own session may. */
	says(f->romeo, "<iq type='set' id='s' to='romeo@localhost/home'>" QUERY("<item jid='a@localhost'/>") "</iq>");
	sees(f->home, "<iq from='romeo@localhost/phone' id='s' ~");
}

/* Both with envelopes as pointers and as bytes. */
#define TEST(name)                                                                                                     \
	{ #name, name, setup, teardown, NULL }, { #name "_encoded", name, setup_encoded, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_roster_is_an_empty_query),
		TEST(an_item_is_kept_whole),
		TEST(an_update_replaces_name_and_groups),
		TEST(what_a_client_says_of_subscriptions_is_ignored),
		TEST(updates_do_not_touch_the_subscription),
		TEST(pushes_go_to_interested_sessions_only),
		TEST(a_removed_item_is_gone_and_pushed),
		TEST(pushes_that_wait_say_what_was_then),
		TEST(a_get_waits_for_what_is_not_durable_yet),
		TEST(removing_a_contact_ends_both_subscriptions),
		TEST(removing_one_that_has_asked_denies_it),
		TEST(one_that_has_only_asked_is_no_item),
		TEST(what_is_wrong_is_refused),
		TEST(names_and_groups_that_are_too_long_are_refused),
		TEST(sixty_four_groups_fit_and_no_more),
		TEST(the_largest_item_survives),
		TEST(a_full_roster_takes_no_more),
		TEST(a_get_with_something_in_it_is_refused),
		TEST(the_roster_of_others_is_forbidden),
		TEST(a_push_of_others_does_not_reach_a_session),
	};
	return cmocka_run_group_tests_name("modules/roster", tests, NULL, NULL);
}
