/* Tests of server/core/admin_sessions.c: sessions of all workers are listed, and a client that is revoked is out for good. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness_raw.h"

#include "server/core/admin.h"

#include <jansson.h>
#include <string.h>

#define FAST "<fast xmlns='urn:xmpp:fast:0'/>"

struct fixture {
	struct harness *h;
	int socket;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct net_address a;
	f->h = harness_new(3, NULL);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	raw_protect(f->h);
	assert_true(net_address_unix(STR(SIM_FOLDER "/" ADMIN_SOCKET), &a));
	f->socket = network_dial(&f->h->sim.network, &a);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	network_close(&f->h->sim.network, f->socket);
	harness_free(&f->h);
	test_free(f);
	return 0;
}

/* NULL: no answer yet. A new reference. */
static json_t *hears(struct fixture *f)
{
	struct buf b;
	buf_init(&b, 10000000);
	/* The network takes a long answer in several pieces. */
	for (size_t before = SIZE_MAX; before != buf_len(&b); harness_run(f->h)) {
		before = buf_len(&b);
		network_receive(&f->h->sim.network, f->socket, &b, SIZE_MAX);
	}
	json_t *j = buf_len(&b) ? json_loadb(buf_str(&b).p, buf_len(&b) - 1, 0, NULL) : NULL;
	buf_fini(&b);
	return j;
}

static json_t *asks(struct fixture *f, const char *line)
{
	network_send(&f->h->sim.network, f->socket, str_from_c(line));
	network_send(&f->h->sim.network, f->socket, STR("\n"));
	harness_run(f->h);
	return hears(f);
}

static void assert_error(json_t *answer, const char *error)
{
	const char *text = json_string_value(json_object_get(answer, "error"));
	assert_string_equal(text ? text : "", error);
	json_decref(answer);
}

/* By a token of its own; bound. */
static struct str comes_back(struct fixture *f, struct raw *r)
{
	raw_init(r, f->h, 1);
	raw_logs_in(r, RAW_REQUEST);
	struct str token = raw_between(r, " token='", "'");
	raw_fini(r);
	raw_init(r, f->h, 1);
	raw_uses_token(r, token, FAST RAW_BIND);
	assert_heard(r, "<bound");
	return token;
}

static void assert_refused(struct fixture *f, struct str token)
{
	struct raw r;
	raw_init(&r, f->h, 0);
	raw_uses_token(&r, token, FAST RAW_BIND);
	assert_heard(&r, "<not-authorized");
	raw_fini(&r);
}

#define REVOKE(client) "{\"command\": \"session-revoke\", \"jid\": \"romeo@localhost\", \"client\": \"" client "\"}"

/* An answer has a bound, and users choose their resources. */
static void addresses_of_any_length_are_listed_as_far_as_they_fit(void **state)
{
	enum { SESSIONS = 2000, RESOURCE = 1000 };
	struct fixture *f = *state;
	char jid[RESOURCE + 100];
	int head = snprintf(jid, sizeof(jid), "juliet@localhost/");
	memset(jid + head, '"', RESOURCE);
	for (int i = 0; i < SESSIONS; i++) {
		snprintf(jid + head + RESOURCE, sizeof(jid) - (size_t)head - RESOURCE, "%d", i);
		opens(f->h, jid);
	}
	json_t *j = asks(f, "{\"command\": \"session-list\"}");
	assert_non_null(j);
	const json_t *result = json_object_get(j, "result");
	json_int_t listed = (json_int_t)json_array_size(json_object_get(result, "sessions"));
	assert_in_range(listed, 500, SESSIONS - 1);
	assert_int_equal(listed + json_integer_value(json_object_get(result, "more")), SESSIONS);
	json_decref(j);
}

static void sessions_of_all_workers_are_listed(void **state)
{
	struct fixture *f = *state;
	static const char *const others[] = { "a@localhost", "b@localhost", "c@localhost", "d@localhost" };
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		char jid[64];
		harness_account(f->h, others[i]);
		snprintf(jid, sizeof(jid), "%s/x", others[i]);
		arrives(f->h, jid);
	}
	struct raw r;
	comes_back(f, &r);
	json_t *j = asks(f, "{\"command\": \"session-list\"}");
	const json_t *sessions = json_object_get(json_object_get(j, "result"), "sessions");
	assert_int_equal(json_array_size(sessions), ARRAY_LEN(others) + 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "result"), "more")), 0);
	json_decref(j);
	j = asks(f, "{\"command\": \"session-list\", \"jid\": \"romeo@localhost\"}");
	sessions = json_object_get(json_object_get(j, "result"), "sessions");
	assert_int_equal(json_array_size(sessions), 1);
	assert_non_null(json_object_get(json_array_get(sessions, 0), "address"));
	json_decref(j);
	raw_fini(&r);
}

static void revocation_is_durable_before_it_is_told(void **state)
{
	struct fixture *f = *state;
	struct raw r;
	struct str token = comes_back(f, &r);
	stands_still(f->h, SIM_WRITER);
	assert_null(asks(f, REVOKE(RAW_CLIENT)));
	raw_listens(&r);
	assert_not_heard(&r, "stream:error");
	harness_commit(f->h);
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	json_t *j = hears(f);
	assert_non_null(j);
	assert_error(j, "");
	raw_listens(&r);
	assert_heard(&r, "<not-authorized");
	assert_refused(f, token);
	raw_fini(&r);
	harness_crash(f->h);
	raw_protect(f->h);
	assert_refused(f, token);
}

static void other_sessions_stay(void **state)
{
	struct fixture *f = *state;
	struct raw r, plain;
	struct peer *juliet = arrives(f->h, "juliet@localhost/balcony");
	comes_back(f, &r);
	raw_init(&plain, f->h, 0);
	static const char message[] = "\0romeo\0" HARNESS_PASSWORD;
	raw_authenticates(&plain, "PLAIN", message, sizeof(message) - 1, RAW_BIND);
	assert_error(asks(f, REVOKE(RAW_CLIENT)), "");
	raw_says(&plain, "<presence/>");
	assert_not_heard(&plain, "stream:error");
	assert_error(asks(f, REVOKE("")), "");
	raw_listens(&plain);
	assert_heard(&plain, "<not-authorized");
	assert_false(juliet->ended);
	raw_fini(&r);
	raw_fini(&plain);
}

/* The login was first, by its commit: its session is ended, although it is opened behind the revocation. */
static void session_that_is_being_opened_ends_too(void **state)
{
	struct fixture *f = *state;
	struct raw r;
	struct str token = comes_back(f, &r);
	raw_fini(&r);
	raw_init(&r, f->h, 1);
	stands_still(f->h, SIM_WRITER);
	raw_uses_token(&r, token, FAST RAW_BIND);
	assert_null(asks(f, REVOKE(RAW_CLIENT)));
	goes_on(f->h, SIM_WRITER);
	harness_run(f->h);
	assert_error(hears(f), "");
	raw_listens(&r);
	assert_heard(&r, "<stream:error");
	json_t *j = asks(f, "{\"command\": \"session-list\"}");
	assert_int_equal(json_array_size(json_object_get(json_object_get(j, "result"), "sessions")), 0);
	json_decref(j);
	raw_fini(&r);
}

/* The login was first, and there is no session yet that could be ended: the client takes its time to bind. */
static void login_without_a_session_ends_too(void **state)
{
	static const char *const revocations[] = { REVOKE(RAW_CLIENT), REVOKE("") };
	static const char message[] = "\0romeo\0" HARNESS_PASSWORD;
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(revocations); i++) {
		for (unsigned worker = 0; worker < 3; worker++) {
			struct raw r, other;
			struct str token = comes_back(f, &r);
			raw_fini(&r);
			raw_init(&other, f->h, worker);
			raw_authenticates(&other, "PLAIN", message, sizeof(message) - 1, "");
			assert_heard(&other, "<success");
			raw_init(&r, f->h, worker);
			raw_uses_token(&r, token, FAST);
			assert_heard(&r, "<success");
			assert_error(asks(f, revocations[i]), "");
			raw_says(&r, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
			assert_heard(&r, "<not-authorized");
			assert_not_heard(&r, "<jid>");
			raw_says(&other, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
			if (i == 0)
				assert_heard(&other, "<jid>");
			else
				assert_heard(&other, "<not-authorized");
			raw_fini(&r);
			raw_fini(&other);
		}
	}
}

/* Or it would bind a resource of who gets the name next. */
static void login_ends_with_its_account(void **state)
{
	struct fixture *f = *state;
	static const char message[] = "\0romeo\0" HARNESS_PASSWORD;
	struct raw r;
	raw_init(&r, f->h, 1);
	raw_authenticates(&r, "PLAIN", message, sizeof(message) - 1, "");
	assert_heard(&r, "<success");
	assert_error(asks(f, "{\"command\": \"user-remove\", \"jid\": \"romeo@localhost\"}"), "");
	raw_listens(&r);
	assert_heard(&r, "<not-authorized");
	raw_fini(&r);
}

static void what_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	assert_error(asks(f, REVOKE(RAW_CLIENT)), "there is no such client");
	assert_error(asks(f, "{\"command\": \"session-revoke\", \"jid\": \"nobody@localhost\"}"), "there is no such account");
	assert_error(asks(f, "{\"command\": \"session-revoke\"}"), "no jid is given");
	assert_error(asks(f, "{\"command\": \"session-list\", \"jid\": \"romeo@localhost/x\"}"),
		"not an account: it takes localpart@domain");
	f->h->faults.query = "clients";
	assert_error(asks(f, "{\"command\": \"client-list\"}"), "the storage cannot be read at the moment");
	f->h->faults.query = NULL;
	json_t *j = asks(f, "{\"command\": \"client-list\", \"jid\": \"romeo@localhost\"}");
	assert_int_equal(json_array_size(json_object_get(j, "result")), 0);
	json_decref(j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sessions_of_all_workers_are_listed),
		TEST(addresses_of_any_length_are_listed_as_far_as_they_fit),
		TEST(revocation_is_durable_before_it_is_told),
		TEST(other_sessions_stay),
		TEST(session_that_is_being_opened_ends_too),
		TEST(login_without_a_session_ends_too),
		TEST(login_ends_with_its_account),
		TEST(what_is_not_there_is_told),
	};
	return cmocka_run_group_tests_name("core/admin_sessions", tests, NULL, NULL);
}
