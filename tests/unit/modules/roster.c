/* The roster (RFC 6121, 2): get, set, remove, pushes, and every refusal of 2.3.3. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"
#include "server/modules/roster.h"
#include "server/modules/roster_store.h"

#include <stdio.h>

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

static void an_empty_roster_is_an_empty_query(void **state)
{
	struct fixture *f = *state;
	reads_roster(f->romeo, "");
	says(f->romeo, "<iq type='get' id='g' to='romeo@localhost'>" EMPTY "</iq>");
	sees(f->romeo, "<iq from='romeo@localhost' id='g'" SELF "type='result'>" HAS_EMPTY "</iq>");
}

static void an_item_is_kept_whole(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='Nurse@LOCALHOST' name='N "
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
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost' "
		"name='Nurse'><group>Servants</group></item>")
		"</iq>");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost'><group>Old</group></item>")
		"</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'><group>Old</group></item>");
}

/* 2.1.2.1 and 2.1.2.5: but for "remove" these are not the client's to say. */
static void what_a_client_says_of_subscriptions_is_ignored(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost' subscription='both' "
		"ask='subscribe' approved='true'/>") "</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
}

static void updates_do_not_touch_the_subscription(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='juliet@localhost' name='J'/>") "</iq>");
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
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost'/>") "</iq>");
	sees(f->home, "<iq id='*' to='romeo@localhost/home' type='set'>" HAS_ROSTER("<item jid='nurse@localhost' "
		"subscription='none'/>") "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
	says(f->home, "<iq type='set' id='t'>" ROSTER("<item jid='nurse@localhost' name='N'/>") "</iq>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" HAS_ROSTER("<item jid='nurse@localhost' name='N' "
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
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost'/>") "</iq>");
	overlooks(f->romeo);
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
	says(f->romeo, "<iq type='set' id='r'>" ROSTER("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" HAS_ROSTER("<item jid='nurse@localhost' subscription='remove'/>")
		"</iq>");
	sees(f->romeo, "<iq id='r'" SELF "type='result'/>");
	reads_roster(f->romeo, "");
	says(f->romeo, "<iq type='set' id='r'>" ROSTER("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
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
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<iq type='set' id='1'>" ROSTER("<item jid='nurse@localhost' name='One'><group>G</group></item>")
		"</iq>");
	says(f->romeo, "<iq type='set' id='2'>" ROSTER("<item jid='nurse@localhost' name='Two'/>") "</iq>");
	says(f->romeo, "<iq type='set' id='3'>" ROSTER("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	harness_commit(f->h);
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" HAS_ROSTER("<item jid='nurse@localhost' name='One' "
		"subscription='none'>"
		"<group>G</group></item>") "</iq>");
	sees(f->romeo, "<iq id='1'" SELF "type='result'/>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" HAS_ROSTER("<item jid='nurse@localhost' name='Two' "
		"subscription='none'/>")
		"</iq>");
	sees(f->romeo, "<iq id='2'" SELF "type='result'/>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" HAS_ROSTER("<item jid='nurse@localhost' subscription='remove'/>")
		"</iq>");
	sees(f->romeo, "<iq id='3'" SELF "type='result'/>");
}

/* docs/GUARANTEES.md, D1: nor does a result tell what a crash could undo. */
static void a_get_waits_for_what_is_not_durable_yet(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<presence to='juliet@localhost/balcony'/>");
	overlooks(f->juliet);
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost'/>") "</iq>");
	says(f->home, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees_nothing(f->home);
	/* What says nothing of it does not wait for it. */
	says(f->juliet, "<iq type='get' id='p' to='romeo@localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(f->juliet, "<iq ~ id='p' ~ type='result'/>");
	harness_commit(f->h);
	sees(f->home, "<iq id='g' ~<item jid='nurse@localhost' subscription='none'/>~");
	/* And it does not tell what has failed. */
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	overlooks(f->home);
	says(f->home, "<iq type='get' id='h'>" EMPTY "</iq>");
	f->h->faults.unit = "INSERT INTO roster ";
	harness_commit(f->h);
	sees(f->home, "<iq id='h' ~ type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
	f->h->faults.unit = NULL;
	goes_on(f->h, SIM_WRITER);
	reads_roster(f->home, "<item jid='nurse@localhost' subscription='none'/>");
}

/* The storage has noticed that it cannot commit: by something that another account wants to keep. */
static void fills_up(struct fixture *f)
{
	f->h->faults.commit = true;
	says(f->juliet, "<iq type='set' id='s'>" ROSTER("<item jid='tybalt@localhost'/>") "</iq>");
	harness_advance(f->h, 100);
	sees_nothing(f->juliet);
	assert_true(storage_is_waiting(f->h->sim.storage));
}

/* D9 */
static void a_set_is_refused_while_nothing_can_be_stored(void **state)
{
	struct fixture *f = *state;
	static const char *const items[] = { "<item jid='friar@localhost'/>", "<item jid='nurse@localhost' name='N'/>",
		"<item jid='nurse@localhost' subscription='remove'/>" };
	reads_roster(f->home, "");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost'/>") "</iq>");
	overlooks(f->romeo);
	overlooks(f->home);
	fills_up(f);
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		says(f->romeo, "<iq type='set' id='s'>" ROSTER("%s") "</iq>", items[i]);
		sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
	}
	/* What is wrong with it in any case is said in any case. */
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='romeo@localhost'/>") "</iq>");
	sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("cancel", "not-allowed") "</iq>");
	/* It has left nothing behind, in memory or in the queue. */
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
	sees_nothing(f->home);
	assert_int_equal(storage_uncommitted_units(f->h->sim.storage), 1);
	f->h->faults.commit = false;
	harness_advance(f->h, 2000);
	sees(f->juliet, "<iq id='s' ~ type='result'/>");
	reads_roster(f->romeo, "<item jid='nurse@localhost' subscription='none'/>");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='nurse@localhost' subscription='remove'/>") "</iq>");
	sees_somewhere(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sees_somewhere(f->home, "<iq ~<item jid='nurse@localhost' subscription='remove'/>~");
	sees_nothing(f->home);
}

/* Who have each other in their rosters, and want to be told. */
static void make_friends(struct fixture *f)
{
	befriend(f->romeo, f->juliet);
	reads_roster(f->romeo, "<item jid='juliet@localhost' subscription='both'/>");
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='both'/>");
}

/* 2.5.2 */
static void removing_a_contact_ends_both_subscriptions(void **state)
{
	struct fixture *f = *state;
	make_friends(f);
	says(f->romeo, "<presence/>");
	says(f->juliet, "<presence/>");
	overlooks(f->romeo);
	overlooks(f->juliet);
	says(f->romeo, "<iq type='set' id='r'>" ROSTER("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
	sees(f->romeo, "<iq id='*'" SELF "type='set'>" HAS_ROSTER("<item jid='juliet@localhost' subscription='remove'/>")
		"</iq>");
	sees(f->romeo, "<iq id='r'" SELF "type='result'/>");
	sees(f->romeo, "<presence from='juliet@localhost/balcony' to='romeo@localhost' type='unavailable'/>");
	sees_nothing(f->romeo);
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribe'/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost' to='juliet@localhost' type='unsubscribed'/>");
	sees_somewhere(f->juliet, "<presence from='romeo@localhost/phone' to='juliet@localhost' type='unavailable'/>");
	sees_somewhere(f->juliet, "<iq ~" HAS_ROSTER("<item jid='romeo@localhost' subscription='to'/>") "</iq>");
	sees_somewhere(f->juliet, "<iq ~" HAS_ROSTER("<item jid='romeo@localhost' subscription='none'/>") "</iq>");
	sees_nothing(f->juliet);
	reads_roster(f->romeo, "");
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='none'/>");
}

static void removing_one_that_has_asked_denies_it(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='juliet@localhost'/>") "</iq>");
	reads_roster(f->juliet, "<item ask='subscribe' jid='romeo@localhost' subscription='none'/>");
	says(f->romeo, "<iq type='set' id='r'>" ROSTER("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
	overlooks(f->juliet);
	reads_roster(f->juliet, "<item jid='romeo@localhost' subscription='none'/>");
}

/* A.1, state 3 */
static void one_that_has_only_asked_is_no_item(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	reads_roster(f->romeo, "");
	says(f->romeo, "<iq type='set' id='r'>" ROSTER("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
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
		{ ROSTER("<item jid='a@localhost'/><item jid='b@localhost'/>"), ERROR("modify", "bad-request") },
		{ EMPTY, ERROR("modify", "bad-request") },
		{ ROSTER("<thing jid='a@localhost'/>"), ERROR("modify", "bad-request") },
		{ ROSTER("<item xmlns='urn:x' jid='a@localhost'/>"), ERROR("modify", "bad-request") },
		{ ROSTER("<item jid='a@localhost'><group>Servants</group><group>Servants</group></item>"),
			ERROR("modify", "bad-request") },
		{ ROSTER("<item jid='a@localhost'><group/></item>"), ERROR("modify", "not-acceptable") },
		{ ROSTER("<item jid='a@localhost'><group>x</group><group></group></item>"), ERROR("modify",
		"not-acceptable") },
		{ ROSTER("<item jid='a@@localhost'/>"), ERROR("modify", "jid-malformed") },
		{ ROSTER("<item jid=''/>"), ERROR("modify", "*") },
		{ ROSTER("<item/>"), ERROR("modify", "*") },
		{ ROSTER("<item jid='romeo@localhost'/>"), ERROR("cancel", "not-allowed") },
		{ ROSTER("<item jid='ROMEO@localhost'/>"), ERROR("cancel", "not-allowed") },
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
	assert_int_equal(storage_uncommitted_units(f->h->sim.storage), 0);
}

static void names_and_groups_that_are_too_long_are_refused(void **state)
{
	struct fixture *f = *state;
	char fits[1024], name[1025];
	memset(fits, 'x', 1023);
	fits[1023] = 0;
	memset(name, 'x', 1024);
	name[1024] = 0;
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='a@localhost' name='%s'/>") "</iq>", name);
	sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("modify", "not-acceptable") "</iq>");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='a@localhost'><group>%s</group></item>") "</iq>",
		name);
	sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("modify", "not-acceptable") "</iq>");
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='a@localhost' name='%s'><group>%s</group></item>")
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
		says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='a@localhost'>" STR_FMT "</item>") "</iq>",
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
	says(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='a@localhost'>" STR_FMT "</item>") "</iq>",
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
		posts(f->romeo, "<iq type='set' id='s'>" ROSTER("<item jid='c%d@localhost'/>") "</iq>", i);
		if (i % 64 == 0)
			harness_run(f->h);
	}
	harness_run(f->h);
	overlooks(f->romeo);
	says(f->romeo, "<iq type='set' id='more'>" ROSTER("<item jid='more@localhost'/>") "</iq>");
	sees(f->romeo, "<iq id='more'" SELF "type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
	says(f->romeo, "<iq type='set' id='known'>" ROSTER("<item jid='c7@localhost' name='7'/>") "</iq>");
	sees(f->romeo, "<iq id='known'" SELF "type='result'/>");
	/* Nor requests of strangers; and nobody is hurt. */
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	assert_int_equal(harness_outbox_rows(f->h), 0);
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	says(f->romeo, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(f->romeo, "<iq ~jid='c4095@localhost'~");
}

/* A roster set whose item takes `text` for each of 64 groups. */
static void sets_groups(struct peer *p, const char *jid, const char *text)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	for (int g = 0; g < 64; g++)
		buf_printf(&b, "<group>%d%s</group>", g, text);
	buf_add_byte(&b, 0);
	says(p, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='%s'>%s</item></query></iq>", jid,
		buf_str(&b).p);
	buf_fini(&b);
}

/* An answer is written in one piece, so there is a bound for all items together, and what fits can be read. */
static void a_roster_of_the_largest_items(struct fixture *f, struct peer *tablet, const char *text)
{
	bool is_refused = false;
	for (int i = 0; i < 2000 && !is_refused; i++) {
		char jid[40];
		snprintf(jid, sizeof(jid), "c%d@localhost", i);
		sets_groups(f->romeo, jid, text);
		char *line = peer_take(f->romeo);
		is_refused = strstr(line, "resource-constraint");
		mem_free(line);
	}
	assert_true(is_refused);
	/* While something is being written, too: then it waits as a tree. */
	stands_still(f->h, SIM_WRITER);
	says(f->romeo, "<iq type='set' id='r'>" ROSTER("<item jid='c1@localhost' subscription='remove'/>") "</iq>");
	says(tablet, "<iq type='get' id='g'>" EMPTY "</iq>");
	everything_goes_on(f->h);
	harness_run(f->h);
	sees(tablet, "<iq id='g' ~jid='c0@localhost'~");
	assert_false(tablet->ended);
	/* Now there is room for it, and none for another. */
	overlooks(f->romeo);
	sets_groups(f->romeo, "c1@localhost", text);
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sets_groups(f->romeo, "c0@localhost", text);
	sees(f->romeo, "<iq id='s'" SELF "type='result'/>");
	sets_groups(f->romeo, "another@localhost", text);
	sees(f->romeo, "<iq id='s'" SELF "type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
}

static void a_roster_of_the_longest_groups_can_be_read(void **state)
{
	char text[1001] = "";
	memset(text, 'g', sizeof(text) - 1);
	struct fixture *f = *state;
	a_roster_of_the_largest_items(f, logs_in(f->h, "romeo@localhost"), text);
}

static void a_roster_of_groups_that_are_escaped_can_be_read(void **state)
{
	char text[6 * 160 + 1] = "";
	for (int i = 0; i < 160; i++)
		memcpy(text + 6 * i, "&quot;", 7);
	struct fixture *f = *state;
	a_roster_of_the_largest_items(f, logs_in(f->h, "romeo@localhost"), text);
}

static void a_roster_of_the_smallest_groups_can_be_read(void **state)
{
	struct fixture *f = *state;
	a_roster_of_the_largest_items(f, f->home, ""); /* a client of ours would not take so many elements */
}

/* Nor do requests take more room, of contacts whose addresses are long. */
static void a_roster_of_the_longest_addresses_can_be_read(void **state)
{
	struct fixture *f = *state;
	struct peer *tablet = logs_in(f->h, "romeo@localhost");
	char domain[1001] = "";
	for (int i = 0; i < 1000; i++)
		domain[i] = i % 50 == 49 ? '.' : 'd';
	domain[999] = 'd';
	for (int i = 0; i < 1800; i++)
		says(f->romeo, "<presence type='subscribe' to='%0900d@%s'/>", i, domain);
	sees_somewhere(f->romeo, "<presence ~" ERROR("wait", "resource-constraint") "</presence>");
	says(tablet, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(tablet, "<iq id='g' ~ ask='subscribe' ~");
}

static void a_get_with_something_in_it_is_refused(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<iq type='get' id='g'>" ROSTER("<item jid='a@localhost'/>") "</iq>");
	sees(f->romeo, "<iq id='g'" SELF "type='error'>~" ERROR("modify", "bad-request") "</iq>");
}

/* 2.3.3, the second error: not the owner. */
static void the_roster_of_others_is_forbidden(void **state)
{
	struct fixture *f = *state;
	make_friends(f);
	says(f->romeo, "<iq type='get' id='g' to='juliet@localhost'>" EMPTY "</iq>");
	sees(f->romeo, "<iq from='juliet@localhost' id='g'" SELF "type='error'>~" ERROR("auth", "forbidden") "</iq>");
	says(f->romeo, "<iq type='set' id='s' to='juliet@localhost'>" ROSTER("<item jid='a@localhost'/>") "</iq>");
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
	make_friends(f);
	says(f->romeo, "<presence/>");
	says(f->juliet, "<presence/>");
	overlooks(f->romeo);
	overlooks(f->juliet);
	says(f->romeo, "<iq type='set' id='s' to='juliet@localhost/balcony'>" ROSTER("<item jid='evil@localhost'/>")
		"</iq>");
	sees_nothing(f->juliet);
	sees(f->romeo, "<iq ~ id='s' ~ type='error'>~");
	/* One's own session may. */
	says(f->romeo, "<iq type='set' id='s' to='romeo@localhost/home'>" ROSTER("<item jid='a@localhost'/>") "</iq>");
	sees(f->home, "<iq from='romeo@localhost/phone' id='s' ~");
}

/* As a roster may have been stored before there was ROSTER_BYTES_MAX. */
static void store_items(struct harness *h, struct account *a, int count, int group_bytes)
{
	struct unit *u = unit_new();
	for (int n = 0; n < count; n++) {
		char jid[40];
		snprintf(jid, sizeof(jid), "c%d@localhost", n);
		struct roster_item *item = roster_item_new(jid_of(h, jid));
		item->listed = true;
		item->groups = arena_alloc(item->arena, ROSTER_GROUPS_MAX * sizeof(*item->groups));
		for (int g = 0; g < ROSTER_GROUPS_MAX; g++)
			item->groups[item->group_count++] = arena_printf(item->arena, "%0*d", group_bytes, g);
		roster_store_put(u, account_owner(a), item);
		roster_item_free(item);
	}
	worker_commit(&a->entity, u, NULL, NULL);
}

/* More than one query answers (QUERY_BYTES_MAX). */
static void a_large_roster_is_loaded_whole(void **state)
{
	enum { ITEMS = 80 };
	struct fixture *f = *state;
	store_items(f->h, harness_find(f->h, "juliet@localhost"), ITEMS, 1000);
	harness_run(f->h);
	harness_crash(f->h);
	f->juliet = opens(f->h, "juliet@localhost/balcony");
	says(f->juliet, "<presence/>");
	struct account *a = harness_find(f->h, "juliet@localhost");
	assert_int_equal(roster_of(a)->count, ITEMS);
	/* It cannot be written in one piece. */
	overlooks(f->juliet);
	says(f->juliet, "<iq type='get' id='g'>" EMPTY "</iq>");
	sees(f->juliet, "<iq id='g' ~ type='error'>~" ERROR("wait", "resource-constraint") "</iq>");
	says(f->juliet, "<iq type='set' id='r'>" ROSTER("<item jid='c1@localhost' subscription='remove'/>") "</iq>");
	sees_somewhere(f->juliet, "<iq id='r' ~ type='result'/>");
}

/* Wherever the storage fails in between, what has been read by then is not there twice. */
static void a_load_that_is_cut_short_begins_anew(void **state)
{
	enum { ITEMS = 80, QUERIES = 8 };
	struct fixture *f = *state;
	store_items(f->h, harness_find(f->h, "juliet@localhost"), ITEMS, 1000);
	harness_run(f->h);
	harness_crash(f->h);
	f->juliet = opens(f->h, "juliet@localhost/balcony");
	for (unsigned n = 0; n < QUERIES; n++) {
		harness_advance(f->h, 200000); /* the roster is evicted */
		struct account *a = harness_find(f->h, "juliet@localhost");
		assert_false(account_has_part(a, &roster_module));
		unsigned before = f->h->faults.queries;
		posts(f->juliet, "<presence/>");
		while (f->h->faults.queries < before + n && harness_step(f->h))
			;
		f->h->faults.query = "FROM roster";
		harness_run(f->h);
		f->h->faults.query = NULL;
		says(f->juliet, "<presence/>");
		assert_int_equal(roster_of(a)->count, ITEMS);
	}
}

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
		TEST(a_set_is_refused_while_nothing_can_be_stored),
		TEST(removing_a_contact_ends_both_subscriptions),
		TEST(removing_one_that_has_asked_denies_it),
		TEST(one_that_has_only_asked_is_no_item),
		TEST(what_is_wrong_is_refused),
		TEST(names_and_groups_that_are_too_long_are_refused),
		TEST(sixty_four_groups_fit_and_no_more),
		TEST(the_largest_item_survives),
		TEST(a_full_roster_takes_no_more),
		TEST(a_roster_of_the_longest_groups_can_be_read),
		TEST(a_roster_of_groups_that_are_escaped_can_be_read),
		TEST(a_roster_of_the_smallest_groups_can_be_read),
		TEST(a_roster_of_the_longest_addresses_can_be_read),
		TEST(a_get_with_something_in_it_is_refused),
		TEST(the_roster_of_others_is_forbidden),
		TEST(a_push_of_others_does_not_reach_a_session),
		TEST(a_large_roster_is_loaded_whole),
		TEST(a_load_that_is_cut_short_begins_anew),
	};
	return cmocka_run_group_tests_name("modules/roster", tests, NULL, NULL);
}
