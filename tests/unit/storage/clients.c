/* Clients: a token moves from slot to slot as it is handed out and used, and nothing brings back what was revoked. */
#include "server/storage/clients.h"

#include "server/storage/accounts.h"
#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define HOST  STR("im.example")
#define ROMEO STR("romeo@im.example")

static void put_account(struct fixture *f, struct str localpart, unsigned flags)
{
	struct sasl_credentials none = { 0 };
	struct account_row a = { HOST, localpart, 1, flags };
	struct unit *u = unit_new();
	accounts_put(u, &a, &none);
	assert_int_equal(commit_unit(f, u), 0);
}

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	f->options.migrations = NULL;
	fixture_open(f);
	put_account(f, STR("romeo"), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static int put(struct fixture *f, struct str id, int64_t now)
{
	struct client_row row = { ROMEO, id, STR("Gajim"), STR("laptop"), now, now, STR("SCRAM-SHA-256"), STR("192.0.2.1") };
	struct unit *u = unit_new();
	clients_put(u, HOST, STR("romeo"), &row);
	clients_trim(u, ROMEO, id);
	return commit_unit(f, u);
}

static struct client_token token(const char *salt, int64_t expiry)
{
	return (struct client_token){ SASL_HT_SHA_256_EXPR, str_from_c(salt), 10, expiry };
}

static int add_token(struct fixture *f, const char *id, const char *salt, int64_t expiry)
{
	struct client_token t = token(salt, expiry);
	struct unit *u = unit_new();
	clients_add_token(u, ROMEO, str_from_c(id), &t);
	return commit_unit(f, u);
}

static int use(struct fixture *f, const char *id, enum sasl_token_slot slot, const char *salt)
{
	struct client_token t = token(salt, 0);
	struct unit *u = unit_new();
	clients_use_token(u, ROMEO, str_from_c(id), slot, &t);
	return commit_unit(f, u);
}

static void assert_slot(const struct client_token *t, const char *salt)
{
	assert_int_equal(t->mechanism, salt ? SASL_HT_SHA_256_EXPR : SASL_MECHANISMS);
	if (salt && !str_eq(t->salt, str_from_c(salt)))
		fail_msg("salt " STR_FMT " instead of %s", STR_ARG(t->salt), salt);
}

/* NULL: none. */
static void assert_tokens(struct fixture *f, const char *id, const char *new_salt, const char *current_salt)
{
	struct client_token t[SASL_TOKEN_SLOTS];
	struct query *q = ask(f, clients_find(HOST, STR("romeo"), ROMEO, str_from_c(id)));
	assert_true(clients_find_read(q, t));
	assert_slot(&t[SASL_TOKEN_NEW], new_salt);
	assert_slot(&t[SASL_TOKEN_CURRENT], current_salt);
	query_free(&q);
}

static size_t count(struct fixture *f)
{
	struct query *q = ask(f, clients_of(ROMEO));
	size_t n = q->rows;
	query_free(&q);
	return n;
}

/* XEP-0484, 5.1 */
static void new_token_takes_the_place_of_the_current_one_when_used(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_tokens(f, "a", NULL, NULL);
	assert_int_equal(add_token(f, "a", "one", 100), 0);
	assert_tokens(f, "a", "one", NULL);
	assert_int_equal(use(f, "a", SASL_TOKEN_NEW, "one"), 0);
	assert_tokens(f, "a", NULL, "one");
	assert_int_equal(add_token(f, "a", "two", 200), 0);
	assert_tokens(f, "a", "two", "one");
	assert_int_equal(use(f, "a", SASL_TOKEN_CURRENT, "one"), 0);
	assert_tokens(f, "a", "two", "one");
	assert_int_equal(add_token(f, "a", "three", 200), 0);
	assert_tokens(f, "a", "three", "one");
	assert_int_equal(use(f, "a", SASL_TOKEN_NEW, "three"), 0);
	assert_tokens(f, "a", NULL, "three");
}

/* XEP-0484, 4.5 */
static void use_ends_what_would_end_earlier(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_int_equal(add_token(f, "a", "long", 500), 0);
	assert_int_equal(use(f, "a", SASL_TOKEN_NEW, "long"), 0);
	assert_int_equal(add_token(f, "a", "short", 300), 0);
	assert_int_equal(use(f, "a", SASL_TOKEN_CURRENT, "long"), 0);
	assert_tokens(f, "a", NULL, "long");
}

static void token_that_has_gone_cannot_be_used(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_int_equal(add_token(f, "a", "one", 100), 0);
	assert_int_equal(use(f, "a", SASL_TOKEN_CURRENT, "one"), -STORAGE_UNIT);
	assert_int_equal(use(f, "a", SASL_TOKEN_NEW, "other"), -STORAGE_UNIT);
	struct unit *u = unit_new();
	clients_end_tokens(u, ROMEO, STR("a"));
	assert_int_equal(commit_unit(f, u), 0);
	assert_tokens(f, "a", NULL, NULL);
	assert_int_equal(use(f, "a", SASL_TOKEN_NEW, "one"), -STORAGE_UNIT);
	assert_int_equal(count(f), 1);
}

static void removed_client_gets_no_token(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	struct unit *u = unit_new();
	clients_remove(u, ROMEO, STR("a"));
	assert_int_equal(commit_unit(f, u), 0);
	assert_int_equal(add_token(f, "a", "one", 100), -STORAGE_UNIT);
	u = unit_new();
	clients_remove(u, ROMEO, STR("a"));
	assert_int_equal(commit_unit(f, u), -STORAGE_UNIT);
}

static void account_that_is_missing_or_disabled_has_no_clients(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_int_equal(add_token(f, "a", "one", 100), 0);
	struct unit *u = unit_new();
	accounts_set_flags(u, HOST, STR("romeo"), ACCOUNTS_DISABLED);
	assert_int_equal(commit_unit(f, u), 0);
	assert_tokens(f, "a", NULL, NULL);
	assert_int_equal(put(f, STR("a"), 2), -STORAGE_UNIT);
	u = unit_new();
	accounts_remove(u, HOST, STR("romeo"));
	assert_int_equal(commit_unit(f, u), 0);
	assert_tokens(f, "a", NULL, NULL);
	assert_int_equal(put(f, STR("b"), 2), -STORAGE_UNIT);
}

static void least_recently_used_client_goes(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < CLIENTS_MAX; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		assert_int_equal(put(f, str_from_c(id), i), 0);
	}
	assert_int_equal(count(f), CLIENTS_MAX);
	assert_int_equal(put(f, STR("0"), 1000), 0);
	assert_int_equal(count(f), CLIENTS_MAX);
	/* The clock went back: the one that has just logged in stays all the same. */
	assert_int_equal(put(f, STR("late"), -5), 0);
	assert_int_equal(count(f), CLIENTS_MAX);
	assert_int_equal(add_token(f, "late", "one", 1), 0);
	assert_int_equal(add_token(f, "0", "one", 1), 0);
	assert_int_equal(add_token(f, "1", "one", 1), -STORAGE_UNIT);
}

static void login_keeps_when_the_client_was_made(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_int_equal(put(f, STR("a"), 7), 0);
	assert_int_equal(add_token(f, "a", "one", 100), 0);
	struct query *q = ask(f, clients_list(STR(""), STR(""), 10));
	struct client_row row;
	assert_true(clients_list_row(q, 0, &row));
	assert_int_equal(row.created_ms, 1);
	assert_int_equal(row.last_login_ms, 7);
	assert_true(str_eq(row.owner, ROMEO) && str_eq(row.id, STR("a")) && str_eq(row.software, STR("Gajim")));
	assert_true(str_eq(row.device, STR("laptop")) && str_eq(row.mechanism, STR("SCRAM-SHA-256")));
	assert_slot(&row.tokens[SASL_TOKEN_NEW], "one");
	assert_int_equal(row.tokens[SASL_TOKEN_NEW].expiry_ms, 100);
	assert_false(clients_list_row(q, 1, &row));
	query_free(&q);
}

static void pages_follow_each_other(void **state)
{
	struct fixture *f = *state;
	static const char *const ids[] = { "a", "b", "c" };
	struct client_row row;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_int_equal(put(f, str_from_c(ids[i]), 1), 0);
	struct query *q = ask(f, clients_list(STR(""), STR(""), 2));
	assert_int_equal(q->rows, 2);
	assert_true(q->more);
	query_free(&q);
	q = ask(f, clients_list(ROMEO, STR("b"), 2));
	assert_int_equal(q->rows, 1);
	assert_false(q->more);
	assert_true(clients_list_row(q, 0, &row) && str_eq(row.id, STR("c")));
	query_free(&q);
}

static void clients_of_one_account_go_with_it(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_int_equal(put(f, STR("b"), 1), 0);
	struct unit *u = unit_new();
	clients_remove_owner(u, STR("juliet@im.example"));
	assert_int_equal(commit_unit(f, u), 0);
	assert_int_equal(count(f), 2);
	u = unit_new();
	clients_remove_owner(u, ROMEO);
	assert_int_equal(commit_unit(f, u), 0);
	assert_int_equal(count(f), 0);
}

static void damaged_token_is_none(void **state)
{
	struct fixture *f = *state;
	static const struct statement damage = { "UPDATE clients SET new_mechanism = ?1" };
	assert_int_equal(put(f, STR("a"), 1), 0);
	assert_int_equal(add_token(f, "a", "one", 100), 0);
	static const char *const wrong[] = { "PLAIN", "", "HT-SHA-256" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct unit *u = unit_new();
		UNIT_ADD(u, &damage, value_text(str_from_c(wrong[i])));
		assert_int_equal(commit_unit(f, u), 0);
		assert_tokens(f, "a", NULL, NULL);
	}
}

/* L2: what an unknown account costs. */
static void unknown_client_is_looked_up_by_both_indexes(void **state)
{
	char plan[1024];
	struct query *q = clients_find(HOST, STR("romeo"), ROMEO, STR("a"));
	query_plan(*state, q, plan, sizeof(plan));
	query_free(&q);
	if (strstr(plan, "SCAN a") || strstr(plan, "SCAN c") || !strstr(plan, "SEARCH a") || !strstr(plan, "SEARCH c"))
		fail_msg("%s", plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_token_takes_the_place_of_the_current_one_when_used),
		TEST(use_ends_what_would_end_earlier),
		TEST(token_that_has_gone_cannot_be_used),
		TEST(removed_client_gets_no_token),
		TEST(account_that_is_missing_or_disabled_has_no_clients),
		TEST(least_recently_used_client_goes),
		TEST(login_keeps_when_the_client_was_made),
		TEST(pages_follow_each_other),
		TEST(clients_of_one_account_go_with_it),
		TEST(damaged_token_is_none),
		TEST(unknown_client_is_looked_up_by_both_indexes),
	};
	return cmocka_run_group_tests_name("storage/clients", tests, NULL, NULL);
}
