/* Tests of server/core/edge_login.c: what a login by SASL2 leaves behind, on which worker it ever began, and while the storage fails. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness_raw.h"

#include "lib/stream/scram.h"
#include "server/storage/accounts.h"
#include "server/storage/clients.h"

#include <stdio.h>

#define DAY_MS INT64_C(86400000)
#define FAST   "<fast xmlns='urn:xmpp:fast:0'/>"

static int setup(void **state)
{
	struct harness *h = harness_new(2, NULL);
	harness_account(h, "romeo@localhost");
	raw_protect(h);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	struct harness *h = *state;
	harness_free(&h);
	return 0;
}

static struct str token_of(struct raw *r)
{
	return raw_between(r, " token='", "'");
}

/* From a login that is over. */
static struct str gets_token(struct harness *h, unsigned worker)
{
	struct raw r;
	raw_init(&r, h, worker);
	raw_logs_in(&r, RAW_REQUEST RAW_BIND);
	assert_heard(&r, "<success");
	struct str token = token_of(&r);
	assert_int_equal(token.n, 43);
	raw_fini(&r);
	return token;
}

/* A login by that token, which is answered so. What it is given instead, if anything. */
static struct str uses_token(struct harness *h, struct str token, const char *answer)
{
	struct raw r;
	raw_init(&r, h, 0);
	raw_uses_token(&r, token, FAST RAW_BIND);
	assert_heard(&r, answer);
	struct str other = token_of(&r);
	raw_fini(&r);
	return other;
}

static void login_ends_where_the_account_is(void **state)
{
	struct harness *h = *state;
	for (unsigned worker = 0; worker < 2; worker++) {
		struct str token = gets_token(h, worker);
		struct raw r;
		raw_init(&r, h, worker);
		raw_uses_token(&r, token, FAST RAW_BIND);
		assert_heard(&r, "<bound xmlns='urn:xmpp:bind:0'/>");
		raw_says(&r, "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
		assert_heard(&r, "type='result'");
		raw_fini(&r);
	}
}

/* XEP-0484, 4.5 */
static void token_is_replaced_in_its_last_third(void **state)
{
	struct harness *h = *state;
	struct str first = gets_token(h, 0);
	h->sim.world.wall_offset_ms += 13 * DAY_MS;
	assert_int_equal(uses_token(h, first, "<success").n, 0);
	h->sim.world.wall_offset_ms += 2 * DAY_MS;
	struct str second = uses_token(h, first, "<success");
	assert_int_equal(second.n, 43);
	/* It was lost on its way: the first one goes on, and brings a third, with which the second ends. */
	struct str third = uses_token(h, first, "<success");
	assert_int_equal(third.n, 43);
	uses_token(h, second, "<not-authorized");
	uses_token(h, third, "<success");
	uses_token(h, first, "<not-authorized");
	h->sim.world.wall_offset_ms += 20 * DAY_MS;
	uses_token(h, third, "<success");
}

static void expired_token_is_told_from_a_wrong_one(void **state)
{
	struct harness *h = *state;
	struct str token = gets_token(h, 0);
	h->sim.world.wall_offset_ms += 22 * DAY_MS;
	uses_token(h, token, "<credentials-expired");
	uses_token(h, STR("wrong"), "<not-authorized");
}

static void tokens_survive_a_crash(void **state)
{
	struct harness *h = *state;
	struct str token = gets_token(h, 1);
	harness_crash(h);
	raw_protect(h);
	uses_token(h, token, "<success");
}

/* docs/GUARANTEES.md, D1 */
static void token_is_durable_before_it_is_told(void **state)
{
	struct harness *h = *state;
	struct raw r;
	raw_init(&r, h, 0);
	stands_still(h, SIM_WRITER);
	raw_logs_in(&r, RAW_REQUEST RAW_BIND);
	assert_not_heard(&r, "<success");
	goes_on(h, SIM_WRITER);
	harness_run(h);
	raw_listens(&r);
	assert_heard(&r, "<success");
	assert_int_equal(token_of(&r).n, 43);
	raw_fini(&r);
}

/* docs/GUARANTEES.md, D9 */
static void full_disk_holds_up_no_login(void **state)
{
	struct harness *h = *state;
	struct str token = gets_token(h, 0);
	struct raw r, other;
	raw_init(&other, h, 0);
	h->faults.commit = true;
	raw_logs_in(&other, RAW_REQUEST RAW_BIND); /* begins the wait */
	raw_init(&r, h, 0);
	raw_logs_in(&r, RAW_REQUEST RAW_BIND);
	assert_heard(&r, "<success");
	assert_int_equal(token_of(&r).n, 0);
	raw_fini(&r);
	uses_token(h, token, "<success");
	raw_init(&r, h, 0);
	raw_uses_token(&r, token, "<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>");
	assert_heard(&r, "<internal-server-error");
	raw_fini(&r);
	h->faults.commit = false;
	harness_advance(h, 60000);
	raw_listens(&other);
	assert_int_equal(token_of(&other).n, 43);
	raw_fini(&other);
}

static void login_that_cannot_be_kept_ends_the_stream(void **state)
{
	struct harness *h = *state;
	struct raw r;
	h->faults.unit = "INTO clients";
	raw_init(&r, h, 0);
	raw_logs_in(&r, RAW_BIND);
	assert_heard(&r, "<internal-server-error");
	assert_not_heard(&r, "<success");
	raw_fini(&r);
	h->faults.unit = NULL;
}

static void unreadable_storage_is_a_temporary_failure(void **state)
{
	struct harness *h = *state;
	struct str token = gets_token(h, 0);
	h->faults.query = "clients";
	uses_token(h, token, "<temporary-auth-failure");
	h->faults.query = NULL;
	uses_token(h, token, "<success");
}

static void end_of_the_connection_meanwhile_is_harmless(void **state)
{
	struct harness *h = *state;
	struct raw r;
	stands_still(h, SIM_WRITER);
	raw_init(&r, h, 1);
	raw_logs_in(&r, RAW_REQUEST RAW_BIND);
	raw_fini(&r);
	goes_on(h, SIM_WRITER);
	harness_run(h);
}

static void changes_password(struct harness *h)
{
	struct sasl_credentials c = { 0 };
	struct unit *u = unit_new();
	c.keys[DIGEST_SHA256].iterations = 4096;
	c.keys[DIGEST_SHA256].salt_n = SCRAM_SALT_BYTES;
	memset(c.keys[DIGEST_SHA256].salt, 's', SCRAM_SALT_BYTES);
	assert_true(scram_keys_derive(&c.keys[DIGEST_SHA256], DIGEST_SHA256, STR("another")));
	accounts_set_credentials(u, STR("localhost"), STR("romeo"), &c);
	clients_end_tokens(u, STR("romeo@localhost"), STR(""));
	assert_int_equal(storage_commit_now(h->sim.storage, u), 0);
	unit_free(&u);
}

/* Whoever has the old password and a login under way at any time would have outlived it. */
static void password_that_is_changed_during_its_login_gives_no_token(void **state)
{
	struct harness *h = *state;
	struct raw r;
	raw_init(&r, h, 0);
	stands_still(h, SIM_HASHER);
	raw_logs_in(&r, RAW_REQUEST RAW_BIND);
	changes_password(h);
	goes_on(h, SIM_HASHER);
	harness_run(h);
	raw_listens(&r);
	assert_not_heard(&r, "<success");
	assert_heard(&r, "<internal-server-error");
	raw_fini(&r);
}

/* A handle comes again when its slot has had 1,023 lives: an answer that was on its way meanwhile is about somebody else. */
static void answer_about_another_account_is_nobodys(void **state)
{
	static const char own[] = "\0juliet\0" HARNESS_PASSWORD, stolen[] = "\0romeo\0" HARNESS_PASSWORD;
	struct harness *h = harness_new(1, "limits: { rate: off }\n");
	struct worker *w = &h->sim.workers[0].worker;
	(void)state;
	harness_account(h, "romeo@localhost");
	harness_account(h, "juliet@localhost");
	changes_password(h);
	raw_protect(h);
	stands_still(h, SIM_READERS);
	struct raw r;
	raw_init(&r, h, 0);
	raw_authenticates(&r, "PLAIN", own, sizeof(own) - 1, "");
	slab_handle asking = slab_next(&w->edges, 0);
	do {
		raw_fini(&r);
		raw_init(&r, h, 0);
	} while (slab_next(&w->edges, 0) != asking);
	raw_authenticates(&r, "PLAIN", stolen, sizeof(stolen) - 1, "");
	goes_on(h, SIM_READERS);
	harness_run(h);
	raw_listens(&r);
	assert_heard(&r, "<not-authorized");
	raw_fini(&r);
	harness_free(&h);
}

static void client_is_described_in_bounds(void **state)
{
	struct harness *h = *state;
	static const struct statement length = {
		"SELECT length(CAST(software AS BLOB)) FROM clients WHERE owner = ?1"
	};
	struct raw r;
	char more[2048], name[601];
	for (size_t i = 0; i < 300; i++)
		memcpy(name + 2 * i, "\xc3\xa4", 2);
	name[600] = 0;
	raw_init(&r, h, 0);
	snprintf(more, sizeof(more), "<user-agent id='" RAW_CLIENT "'><software>%s</software></user-agent>", name);
	static const char message[] = "\0romeo\0" HARNESS_PASSWORD;
	raw_authenticates(&r, "PLAIN", message, sizeof(message) - 1, more);
	assert_heard(&r, "<success");
	assert_int_equal(harness_number(h, &length, "romeo@localhost"), 254);
	raw_fini(&r);
}

static void resource_is_the_same_each_time_and_after_a_crash(void **state)
{
	struct harness *h = *state;
	struct raw r;
	struct str jids[3];
	for (int i = 0; i < 3; i++) {
		raw_init(&r, h, 0);
		raw_logs_in(&r, i == 1 ? "<bind xmlns='urn:xmpp:bind:0'/>" : RAW_BIND);
		jids[i] = raw_between(&r, "<authorization-identifier>", "<");
		raw_fini(&r);
		harness_crash(h);
		raw_protect(h);
	}
	assert_true(str_has_prefix(jids[0], STR("romeo@localhost/Gajim/")));
	assert_true(str_eq(jids[0], jids[2]));
	assert_true(str_has_suffix(jids[0], str_from(jids[1], jids[1].n - CLIENT_RESOURCE_CHARS)));
	assert_int_equal(jids[1].n, strlen("romeo@localhost/") + CLIENT_RESOURCE_CHARS);
}

/* XEP-0386, 4.2: nor does one that leaves no room for what is ours keep a client out. */
static void tag_that_is_too_long_is_none(void **state)
{
	struct harness *h = *state;
	struct raw r;
	char tag[1024], more[1200];
	for (size_t n = 1009; n <= 1023; n++) {
		memset(tag, 't', n);
		tag[n] = 0;
		snprintf(more, sizeof(more), "<bind xmlns='urn:xmpp:bind:0'><tag>%s</tag></bind>", tag);
		raw_init(&r, h, 0);
		raw_logs_in(&r, more);
		assert_heard(&r, "<bound");
		struct str jid = raw_between(&r, "<authorization-identifier>", "<");
		bool fits = n + 1 + CLIENT_RESOURCE_CHARS <= 1023;
		assert_int_equal(jid.n, strlen("romeo@localhost/") + (fits ? n + 1 : 0) + CLIENT_RESOURCE_CHARS);
		raw_fini(&r);
	}
}

/* Two logins at the same time, as after a change of networks. */
static void token_may_be_used_twice_at_a_time(void **state)
{
	struct harness *h = *state;
	struct raw r, other;
	struct str token = gets_token(h, 0);
	stands_still(h, SIM_WRITER);
	raw_init(&r, h, 0);
	raw_init(&other, h, 1);
	raw_uses_token(&r, token, FAST);
	raw_uses_token(&other, token, FAST);
	goes_on(h, SIM_WRITER);
	harness_run(h);
	raw_listens(&r);
	raw_listens(&other);
	assert_heard(&r, "<success");
	assert_heard(&other, "<success");
	raw_fini(&r);
	raw_fini(&other);
}

static void older_sessions_of_the_client_end(void **state)
{
	struct harness *h = *state;
	struct raw first, second, third;
	raw_init(&first, h, 0);
	raw_logs_in(&first, RAW_BIND);
	raw_init(&second, h, 1);
	raw_logs_in(&second, "<bind xmlns='urn:xmpp:bind:0'><tag>Other</tag></bind>");
	assert_heard(&second, "<bound");
	raw_listens(&first);
	assert_heard(&first, "<conflict");
	raw_init(&third, h, 0);
	static const char message[] = "\0romeo\0" HARNESS_PASSWORD;
	raw_authenticates(&third, "PLAIN", message, sizeof(message) - 1, RAW_BIND);
	assert_heard(&third, "<bound");
	buf_clear(&second.heard);
	raw_says(&second, "<presence/>");
	assert_not_heard(&second, "<conflict");
	raw_fini(&first);
	raw_fini(&second);
	raw_fini(&third);
}

/* docs/SECURITY.md, L5 */
static void wrong_tokens_of_an_address_have_to_wait(void **state)
{
	struct harness *h = harness_new(2, "limits: { address_connections: 100 }\n");
	unsigned queries = 0;
	(void)state;
	harness_account(h, "romeo@localhost");
	raw_protect(h);
	struct str token = gets_token(h, 0);
	for (int i = 0; i < 12; i++) {
		queries = h->faults.queries;
		uses_token(h, STR("wrong"), i < 11 ? "<not-authorized" : "<temporary-auth-failure");
	}
	assert_int_equal(h->faults.queries, queries); /* the storage is not asked */
	harness_advance(h, 2000);
	uses_token(h, token, "<success");
	harness_free(&h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(login_ends_where_the_account_is),
		TEST(token_is_replaced_in_its_last_third),
		TEST(expired_token_is_told_from_a_wrong_one),
		TEST(tokens_survive_a_crash),
		cmocka_unit_test(wrong_tokens_of_an_address_have_to_wait),
		TEST(token_is_durable_before_it_is_told),
		TEST(full_disk_holds_up_no_login),
		TEST(login_that_cannot_be_kept_ends_the_stream),
		TEST(unreadable_storage_is_a_temporary_failure),
		TEST(end_of_the_connection_meanwhile_is_harmless),
		TEST(password_that_is_changed_during_its_login_gives_no_token),
		cmocka_unit_test(answer_about_another_account_is_nobodys),
		TEST(client_is_described_in_bounds),
		TEST(resource_is_the_same_each_time_and_after_a_crash),
		TEST(tag_that_is_too_long_is_none),
		TEST(token_may_be_used_twice_at_a_time),
		TEST(older_sessions_of_the_client_end),
	};
	return cmocka_run_group_tests_name("core/edge_login", tests, NULL, NULL);
}
