/* Versions of rosters (RFC 6121, 2.6): who gets nothing, who the changes, who the whole roster. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"
#include "server/core/server.h"
#include "server/modules/roster.h"

#include <stdio.h>
#include <stdlib.h>

#define CONTACTS 12
#define VERSION_MAX 64
#define NOTHING_NEW "<iq id='g' to='*' type='result'/>"

/* What a client keeps between its sessions. */
struct version {
	char text[VERSION_MAX];
};

struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet;
};

static int begin(void **state, bool encoded)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(&(struct harness_options){ .workers = 2, .encoded = encoded });
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = opens(f->h, "romeo@localhost/phone");
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

static void sets(struct fixture *f, const char *item)
{
	says(f->romeo, "<iq type='set' id='s'><query xmlns='jabber:iq:roster'>%s</query></iq>", item);
}

/* Takes the next stanza, which has a roster, and returns its version. */
static struct version version_of(struct peer *p)
{
	struct version v = { "" };
	char *line = peer_take(p);
	assert_non_null(line);
	const char *at = strstr(line, "<query xmlns='jabber:iq:roster' ver='");
	if (!at || sscanf(at, "<query xmlns='jabber:iq:roster' ver='%63[^']'", v.text) != 1)
		fail_msg("no version: %s", line);
	mem_free(line);
	return v;
}

static uint64_t number_of(struct version v)
{
	const char *dot = strchr(v.text, '.');
	assert_non_null(dot);
	return strtoull(dot + 1, NULL, 10);
}

/* It asks for the roster without a version. */
static struct version reads(struct peer *p)
{
	overlooks(p);
	says(p, "<iq type='get' id='g'>" EMPTY "</iq>");
	return version_of(p);
}

static void asks_with(struct peer *p, const char *version)
{
	overlooks(p);
	says(p, "<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", version);
}

/* A roster of some size, as a client has it. */
static struct version fills(struct fixture *f)
{
	for (int i = 0; i < CONTACTS; i++) {
		char item[100];
		snprintf(item, sizeof(item), "<item jid='c%d@localhost' name='Contact number %d'/>", i, i);
		sets(f, item);
	}
	return reads(f->romeo);
}

/* A new session, which has asked for nothing yet. */
static void comes_back(struct fixture *f)
{
	dies(f->romeo);
	harness_run(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
}

/* 2.6.1 */
static void both_features_are_offered(void **state)
{
	struct fixture *f = *state;
	struct str features = buf_str(&f->h->sim.server.stream_features);
	char *text = mem_zalloc(features.n + 1);
	memcpy(text, features.p, features.n);
	assert_non_null(strstr(text, "<ver xmlns='urn:xmpp:features:rosterver'/>"));
	assert_non_null(strstr(text, "<sub xmlns='urn:xmpp:features:pre-approval'/>"));
	mem_free(text);
}

static void the_same_version_gets_an_empty_result(void **state)
{
	struct fixture *f = *state;
	struct version v = fills(f);
	for (int i = 0; i < 2; i++) {
		comes_back(f);
		asks_with(f->romeo, v.text);
		sees(f->romeo, NOTHING_NEW);
		sees_nothing(f->romeo);
	}
	/* It is one that gets pushes from now on. */
	sets(f, "<item jid='c1@localhost' name='1'/>");
	sees(f->romeo, "<iq id='*' to='romeo@localhost/phone' type='set'>" HAS_ROSTER("<item jid='c1@localhost' name='1' "
		"subscription='none'/>") "</iq>");
}

/* 2.6.2: ver='' asks for the whole, and so does no ver. */
static void without_a_version_the_whole_comes(void **state)
{
	struct fixture *f = *state;
	struct version v = fills(f), w;
	asks_with(f->romeo, "");
	w = version_of(f->romeo);
	assert_string_equal(v.text, w.text);
	sees_nothing(f->romeo);
}

/* One push for each item that has changed, with what it is in the end, in the order of the last changes. */
static void an_older_version_gets_the_changes_behind_the_result(void **state)
{
	struct fixture *f = *state;
	struct version old = fills(f);
	sets(f, "<item jid='c3@localhost' name='Three'/>");
	sets(f, "<item jid='c7@localhost' subscription='remove'/>");
	sets(f, "<item jid='new@localhost'/>");
	sets(f, "<item jid='c3@localhost' name='Three again'/>");
	struct version now = reads(f->romeo);
	for (int i = 0; i < 2; i++) {
		comes_back(f);
		asks_with(f->romeo, old.text);
		sees(f->romeo, NOTHING_NEW);
		sees(f->romeo, "<iq ~ type='set'>" HAS_ROSTER("<item jid='c7@localhost' subscription='remove'/>") "</iq>");
		sees(f->romeo, "<iq ~ type='set'>" HAS_ROSTER("<item jid='new@localhost' subscription='none'/>") "</iq>");
		struct version last = version_of(f->romeo);
		assert_string_equal(last.text, now.text);
		sees_nothing(f->romeo);
		harness_crash(f->h); /* also as it is loaded */
		f->romeo = opens(f->h, "romeo@localhost/phone");
	}
}

/* 2.6.3: each push has a version of its own, whatever made the change. */
static void versions_of_pushes_are_unique_and_rise(void **state)
{
	struct fixture *f = *state;
	uint64_t last = number_of(fills(f));
	sets(f, "<item jid='juliet@localhost'/>");
	says(f->romeo, "<presence type='subscribed' to='juliet@localhost'/>"); /* a pre-approval */
	says(f->romeo, "<presence type='subscribe' to='juliet@localhost'/>");
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(f->juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	sets(f, "<item jid='juliet@localhost' subscription='remove'/>");
	unsigned pushes = 0;
	for (char *line; (line = peer_take(f->romeo)); mem_free(line)) {
		const char *at = strstr(line, " ver='");
		if (!at || !strstr(line, "type='set'"))
			continue;
		uint64_t n = strtoull(strchr(at, '.') + 1, NULL, 10);
		assert_true(n > last);
		last = n;
		pushes++;
	}
	assert_true(pushes >= 7);
}

/* 2.6.3, the definition: what nobody is told is no modification. */
static void a_request_of_a_stranger_makes_no_version(void **state)
{
	struct fixture *f = *state;
	struct version v = fills(f);
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	struct version w = reads(f->romeo);
	assert_string_equal(v.text, w.text);
}

static void versions_go_on_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct version v = fills(f);
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	asks_with(f->romeo, v.text);
	sees(f->romeo, NOTHING_NEW);
	sets(f, "<item jid='c1@localhost' name='1'/>");
	struct version w = version_of(f->romeo);
	assert_int_equal(number_of(w), number_of(v) + 1);
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	asks_with(f->romeo, v.text);
	sees(f->romeo, NOTHING_NEW);
	sees(f->romeo, "<iq ~ type='set'>" HAS_ROSTER("<item jid='c1@localhost' name='1' subscription='none'/>") "</iq>");
}

static void a_version_of_nobodys_gets_the_whole(void **state)
{
	struct fixture *f = *state;
	struct version v = fills(f);
	char ahead[VERSION_MAX + 24], line[VERSION_MAX];
	snprintf(line, sizeof(line), "%.*s", ROSTER_LINE_CHARS, v.text);
	snprintf(ahead, sizeof(ahead), "%s.%llu", line, (unsigned long long)number_of(v) + 1);
	const char *const wrong[] = { ahead, line, "0", "12", ".", "x.12", "AAAAAAAAAAAA.3", "-1", " ", "&lt;&gt;",
		"99999999999999999999.99999999999999999999" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		asks_with(f->romeo, wrong[i]);
		struct version w = version_of(f->romeo);
		assert_string_equal(v.text, w.text);
		sees_nothing(f->romeo);
	}
}

/* It would take more bytes. */
static void many_changes_come_as_the_whole(void **state)
{
	struct fixture *f = *state;
	struct version old = fills(f);
	for (int i = 0; i < CONTACTS; i++) {
		char item[100];
		snprintf(item, sizeof(item), "<item jid='c%d@localhost' name='%d'/>", i, i);
		sets(f, item);
	}
	asks_with(f->romeo, old.text);
	(void)version_of(f->romeo);
	sees_nothing(f->romeo);
}

/* What has been removed is remembered so many times. */
static void the_oldest_trace_is_forgotten_and_versions_before_it_too(void **state)
{
	struct fixture *f = *state;
	static const struct statement traces = { "SELECT count(*) FROM roster WHERE listed = 0 AND owner = ?1", NULL };
	char item[100];
	for (int i = 0; i < 400; i++) { /* so that a hundred pushes are less than the whole */
		snprintf(item, sizeof(item), "<item jid='big%d@localhost' name='A contact with a long name'/>", i);
		sets(f, item);
	}
	struct version first = fills(f), second;
	sets(f, "<item jid='c1@localhost' subscription='remove'/>");
	second = reads(f->romeo);
	for (int i = 0; i < ROSTER_TRACES_MAX; i++) {
		snprintf(item, sizeof(item), "<item jid='t%d@localhost'/>", i);
		sets(f, item);
		snprintf(item, sizeof(item), "<item jid='t%d@localhost' subscription='remove'/>", i);
		sets(f, item);
	}
	assert_int_equal(harness_number(f->h, &traces, "romeo@localhost"), ROSTER_TRACES_MAX);
	struct version now = reads(f->romeo);
	for (int i = 0; i < 2; i++) {
		asks_with(f->romeo, first.text);
		struct version w = version_of(f->romeo);
		assert_string_equal(w.text, now.text);
		sees_nothing(f->romeo);
		/* This one has seen the one that is forgotten. */
		asks_with(f->romeo, second.text);
		sees(f->romeo, NOTHING_NEW);
		for (int k = 0; k < ROSTER_TRACES_MAX; k++)
			sees(f->romeo, "<iq ~" HAS_ROSTER("<item jid='t*@localhost' subscription='remove'/>") "</iq>");
		sees_nothing(f->romeo);
		harness_crash(f->h);
		f->romeo = opens(f->h, "romeo@localhost/phone");
	}
}

/* A trace becomes an item again, and the other way round. */
static void what_comes_back_is_no_longer_removed(void **state)
{
	struct fixture *f = *state;
	struct version old = fills(f);
	sets(f, "<item jid='c1@localhost' subscription='remove'/>");
	sets(f, "<item jid='c1@localhost' name='Back'/>");
	sets(f, "<item jid='c2@localhost' subscription='remove'/>");
	says(f->romeo, "<presence type='subscribed' to='c2@localhost'/>");
	comes_back(f);
	asks_with(f->romeo, old.text);
	sees(f->romeo, NOTHING_NEW);
	sees(f->romeo, "<iq ~" HAS_ROSTER("<item jid='c1@localhost' name='Back' subscription='none'/>") "</iq>");
	sees(f->romeo, "<iq ~" HAS_ROSTER("<item approved='true' jid='c2@localhost' subscription='none'/>") "</iq>");
	sees_nothing(f->romeo);
}

/* A request of one who has been removed hides nothing. */
static void a_trace_outlives_a_request(void **state)
{
	struct fixture *f = *state;
	(void)fills(f);
	sets(f, "<item jid='juliet@localhost' name='J'/>");
	struct version old = reads(f->romeo);
	sets(f, "<item jid='juliet@localhost' subscription='remove'/>");
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	for (int i = 0; i < 2; i++) {
		harness_crash(f->h);
		f->romeo = opens(f->h, "romeo@localhost/phone");
		asks_with(f->romeo, old.text);
		sees(f->romeo, NOTHING_NEW);
		sees(f->romeo, "<iq ~" HAS_ROSTER("<item jid='juliet@localhost' subscription='remove'/>") "</iq>");
		sees_nothing(f->romeo);
		says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	}
}

/* Nor does one that becomes a trace late bring back versions that have been forgotten. */
static void a_late_trace_is_no_old_one(void **state)
{
	struct fixture *f = *state;
	char item[100];
	for (int i = 0; i < 400; i++) {
		snprintf(item, sizeof(item), "<item jid='big%d@localhost' name='A contact with a long name'/>", i);
		sets(f, item);
	}
	sets(f, "<item jid='juliet@localhost'/>");
	sets(f, "<item jid='juliet@localhost' subscription='remove'/>");
	says(f->juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	struct version old = reads(f->romeo);
	for (int i = 0; i <= ROSTER_TRACES_MAX; i++) {
		snprintf(item, sizeof(item), "<item jid='big%d@localhost' subscription='remove'/>", i);
		sets(f, item);
	}
	says(f->romeo, "<presence type='unsubscribed' to='juliet@localhost'/>");
	asks_with(f->romeo, old.text);
	(void)version_of(f->romeo);
	sees_nothing(f->romeo);
	/* The last but one is still known. */
	old = reads(f->romeo);
	sets(f, "<item jid='big101@localhost' subscription='remove'/>");
	asks_with(f->romeo, old.text);
	sees(f->romeo, NOTHING_NEW);
	sees(f->romeo, "<iq ~" HAS_ROSTER("<item jid='big101@localhost' subscription='remove'/>") "</iq>");
}

/* docs/GUARANTEES.md, D1: neither the result nor the pushes tell what a crash could undo. */
static void result_and_changes_wait_until_all_is_durable(void **state)
{
	struct fixture *f = *state;
	struct version old = fills(f);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	stands_still(f->h, SIM_WRITER);
	sets(f, "<item jid='c1@localhost' name='1'/>");
	asks_with(home, old.text);
	sees_nothing(home);
	harness_commit(f->h);
	sees(home, NOTHING_NEW);
	sees(home, "<iq ~" HAS_ROSTER("<item jid='c1@localhost' name='1' subscription='none'/>") "</iq>");
	/* If it fails, nobody has seen a version of it. */
	sets(f, "<item jid='c2@localhost' name='2'/>");
	f->h->faults.unit = "INSERT INTO roster ";
	harness_commit(f->h);
	f->h->faults.unit = NULL;
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	sees_nothing(home);
	struct version now = reads(home);
	assert_int_equal(number_of(now), number_of(old) + 1);
}

/* As many pushes as there can be, and as large, wait in the session together. */
static void all_changes_fit_into_the_queue(void **state)
{
	struct fixture *f = *state;
	char item[100];
	for (int i = 0; i < 600; i++) {
		snprintf(item, sizeof(item), "<item jid='c%d@localhost' name='A contact with a name'/>", i);
		sets(f, item);
	}
	struct version old = reads(f->romeo);
	struct peer *home = opens(f->h, "romeo@localhost/home");
	unsigned changes = 0, pushes = 0;
	for (;; changes++) {
		snprintf(item, sizeof(item), "<item jid='c%u@localhost' name='.'/>", changes);
		sets(f, item);
		asks_with(home, old.text);
		char *line = peer_take(home);
		bool is_whole = strstr(line, "<query") != NULL;
		mem_free(line);
		if (is_whole)
			break;
	}
	assert_int_equal(changes, 64);
	/* One change less, while nothing may leave yet. */
	dies(home);
	harness_run(f->h);
	home = opens(f->h, "romeo@localhost/home");
	old = reads(f->romeo);
	for (unsigned i = 0; i + 1 < changes; i++) {
		snprintf(item, sizeof(item), "<item jid='c%u@localhost' name='+'/>", i);
		sets(f, item);
	}
	stands_still(f->h, SIM_WRITER);
	snprintf(item, sizeof(item), "<item jid='c%u@localhost' name='+'/>", changes);
	sets(f, item);
	asks_with(home, old.text);
	sees_nothing(home);
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	assert_non_null(session_of(home));
	sees(home, NOTHING_NEW);
	for (char *line; (line = peer_take(home)); mem_free(line))
		pushes++;
	assert_int_equal(pushes, changes);
}

static void removes_account(struct fixture *f, const char *jid)
{
	struct worker *w = harness_worker(f->h, jid);
	struct envelope *v = envelope_new(ENVELOPE_ACCOUNT_REMOVE, 256);
	v->to = jid_dup(v->arena, jid_of(f->h, jid));
	worker_send(w, w->index, v);
	harness_run(f->h);
}

/* Whoever gets the name anew gets another line: what clients have kept of the old roster is not taken for his. */
static void another_account_of_the_name_has_other_versions(void **state)
{
	struct fixture *f = *state;
	struct version old = fills(f);
	removes_account(f, "romeo@localhost");
	harness_account(f->h, "romeo@localhost");
	harness_crash(f->h);
	f->romeo = opens(f->h, "romeo@localhost/phone");
	asks_with(f->romeo, old.text);
	sees(f->romeo, "<iq id='g' ~ type='result'>" HAS_EMPTY "</iq>");
	for (uint64_t i = 0; i < number_of(old); i++)
		sets(f, "<item jid='other@localhost'/>");
	asks_with(f->romeo, old.text);
	struct version now = version_of(f->romeo);
	assert_int_equal(number_of(now), number_of(old));
	assert_string_not_equal(now.text, old.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_features_are_offered),
		TEST(the_same_version_gets_an_empty_result),
		TEST(without_a_version_the_whole_comes),
		TEST(an_older_version_gets_the_changes_behind_the_result),
		TEST(versions_of_pushes_are_unique_and_rise),
		TEST(a_request_of_a_stranger_makes_no_version),
		TEST(versions_go_on_after_a_restart),
		TEST(a_version_of_nobodys_gets_the_whole),
		TEST(many_changes_come_as_the_whole),
		TEST(the_oldest_trace_is_forgotten_and_versions_before_it_too),
		TEST(what_comes_back_is_no_longer_removed),
		TEST(a_trace_outlives_a_request),
		TEST(a_late_trace_is_no_old_one),
		TEST(result_and_changes_wait_until_all_is_durable),
		TEST(all_changes_fit_into_the_queue),
		TEST(another_account_of_the_name_has_other_versions),
	};
	return cmocka_run_group_tests_name("modules/roster_version", tests, NULL, NULL);
}
