/* Accounts: made once, changed only if there, keys read back exactly or not at all. */
#include "server/storage/accounts.h"

#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static const struct statement damage = {
	"UPDATE accounts SET scram_sha256 = ?2 WHERE localpart = ?1",
};
static const struct statement read_keys = { "SELECT scram_sha256 FROM accounts WHERE localpart = ?1" };

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));
	fixture_init(f);
	f->options.migrations = NULL;
	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	free(*state);
	return 0;
}

static struct scram_keys keys(enum digest d, unsigned char seed, uint32_t salt_n)
{
	struct scram_keys k = { .is_set = true, .iterations = 10000u + seed, .salt_n = salt_n };
	memset(k.salt, seed, salt_n);
	for (size_t i = 0; i < digest_bytes(d); i++) {
		k.stored_key[i] = (unsigned char)(seed + i);
		k.server_key[i] = (unsigned char)(seed - i);
	}
	return k;
}

static struct sasl_credentials credentials(unsigned char seed)
{
	return (struct sasl_credentials){ { keys(DIGEST_SHA1, seed, 16), keys(DIGEST_SHA256, (unsigned char)(seed + 1), 24),
		keys(DIGEST_SHA512, (unsigned char)(seed + 2), 32) } };
}

static int put(struct fixture *f, const char *host, const char *localpart, const struct sasl_credentials *c)
{
	const struct account_row a = { str_from_c(host), str_from_c(localpart), 1700000000000, 0 };
	struct unit *u = unit_new();
	accounts_put(u, &a, c);
	return commit_unit(f, u);
}

static enum accounts_answer find(
	struct fixture *f, const char *host, const char *localpart, struct sasl_credentials *c_r, unsigned *flags_r)
{
	struct query *q = ask(f, accounts_find(str_from_c(host), str_from_c(localpart)));
	enum accounts_answer answer = accounts_find_read(q, c_r, flags_r);
	query_free(&q);
	return answer;
}

static enum accounts_answer exists(struct fixture *f, const char *host, const char *localpart)
{
	struct query *q = ask(f, accounts_exists(str_from_c(host), str_from_c(localpart)));
	enum accounts_answer answer = accounts_exists_read(q);
	query_free(&q);
	return answer;
}

static void assert_keys(const struct scram_keys *a, const struct scram_keys *b, enum digest d)
{
	assert_int_equal(a->is_set, b->is_set);
	assert_int_equal(a->iterations, b->iterations);
	assert_int_equal(a->salt_n, b->salt_n);
	assert_memory_equal(a->salt, b->salt, a->salt_n);
	assert_memory_equal(a->stored_key, b->stored_key, digest_bytes(d));
	assert_memory_equal(a->server_key, b->server_key, digest_bytes(d));
}

static void credentials_are_found_as_they_were_put(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1), found;
	unsigned flags = 77;
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	assert_int_equal(find(f, "example.org", "romeo", &found, &flags), ACCOUNTS_FOUND);
	for (enum digest d = 0; d < DIGESTS; d++)
		assert_keys(&found.keys[d], &c.keys[d], d);
	assert_int_equal(flags, 0);
}

static void one_family_is_enough(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = { .keys[DIGEST_SHA1] = keys(DIGEST_SHA1, 9, SCRAM_SALT_BYTES_MAX) }, found;
	unsigned flags;
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	memset(&found, 0xff, sizeof(found));
	assert_int_equal(find(f, "example.org", "romeo", &found, &flags), ACCOUNTS_FOUND);
	assert_keys(&found.keys[DIGEST_SHA1], &c.keys[DIGEST_SHA1], DIGEST_SHA1);
	assert_false(found.keys[DIGEST_SHA256].is_set);
	assert_false(found.keys[DIGEST_SHA512].is_set);
}

static void unknown_account_is_none(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1), found;
	unsigned flags;
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	assert_int_equal(find(f, "example.org", "juliet", &found, &flags), ACCOUNTS_NONE);
	assert_int_equal(find(f, "example.net", "romeo", &found, &flags), ACCOUNTS_NONE);
	assert_int_equal(exists(f, "example.org", "romeo"), ACCOUNTS_FOUND);
	assert_int_equal(exists(f, "example.org", "juliet"), ACCOUNTS_NONE);
	/* A name that no account can have is none either way, and never an accident. */
	assert_int_equal(exists(f, "example.org", "\xff"), ACCOUNTS_UNREADABLE);
}

static void account_is_put_once(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1), other = credentials(2), found;
	unsigned flags;
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	assert_int_equal(put(f, "example.org", "romeo", &other), -STORAGE_UNIT);
	assert_int_equal(find(f, "example.org", "romeo", &found, &flags), ACCOUNTS_FOUND);
	assert_keys(&found.keys[DIGEST_SHA1], &c.keys[DIGEST_SHA1], DIGEST_SHA1);
}

static void changes_want_an_account(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1), other = credentials(2), found;
	unsigned flags;
	for (int round = 0; round < 2; round++) {
		int expected = round ? 0 : -STORAGE_UNIT;
		struct unit *u = unit_new();
		accounts_set_credentials(u, STR("example.org"), STR("romeo"), &other);
		assert_int_equal(commit_unit(f, u), expected);
		u = unit_new();
		accounts_set_flags(u, STR("example.org"), STR("romeo"), ACCOUNTS_DISABLED);
		assert_int_equal(commit_unit(f, u), expected);
		if (round == 0)
			assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	}
	assert_int_equal(find(f, "example.org", "romeo", &found, &flags), ACCOUNTS_FOUND);
	assert_keys(&found.keys[DIGEST_SHA256], &other.keys[DIGEST_SHA256], DIGEST_SHA256);
	assert_int_equal(flags, ACCOUNTS_DISABLED);
}

static void removed_account_is_gone_and_can_be_made_again(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1);
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	for (int round = 0; round < 2; round++) {
		struct unit *u = unit_new();
		accounts_remove(u, STR("example.org"), STR("romeo"));
		assert_int_equal(commit_unit(f, u), round ? -STORAGE_UNIT : 0);
	}
	assert_int_equal(exists(f, "example.org", "romeo"), ACCOUNTS_NONE);
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
}

/* Puts `bytes` where the keys of romeo are and reads them. */
static enum accounts_answer find_damaged(struct fixture *f, struct value bytes)
{
	struct sasl_credentials found;
	unsigned flags;
	struct unit *u = unit_new();
	UNIT_ADD(u, &damage, value_text(STR("romeo")), bytes);
	assert_int_equal(commit_unit(f, u), 0);
	return find(f, "example.org", "romeo", &found, &flags);
}

static void damaged_keys_are_never_a_login(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1);
	unsigned char whole[256], bad[256];
	assert_int_equal(put(f, "example.org", "romeo", &c), 0);
	struct query *q = ask(f, query_new(&read_keys, VALUES(value_text(STR("romeo"))), 1));
	size_t n = query_row(q, 0)[0].s.n;
	memcpy(whole, query_row(q, 0)[0].s.p, n);
	query_free(&q);
	assert_int_equal(find_damaged(f, value_blob(str_make(whole, n))), ACCOUNTS_FOUND);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(find_damaged(f, value_blob(str_make(whole, cut))), ACCOUNTS_UNREADABLE);
	memcpy(bad, whole, n);
	bad[n] = 0;
	assert_int_equal(find_damaged(f, value_blob(str_make(bad, n + 1))), ACCOUNTS_UNREADABLE);
	/* Version; iterations too many, none; length of the salt wrong, none, over the limit. */
	static const struct {
		size_t at, count;
		unsigned char value;
	} changes[] = { { 0, 1, 2 }, { 1, 1, 0xff }, { 1, 4, 0 }, { 5, 1, 25 }, { 5, 1, 0 }, { 5, 1, 255 } };
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		memcpy(bad, whole, n);
		memset(bad + changes[i].at, changes[i].value, changes[i].count);
		assert_int_equal(find_damaged(f, value_blob(str_make(bad, n))), ACCOUNTS_UNREADABLE);
	}
}

static void accounts_are_listed_page_by_page(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = credentials(1);
	static const char *const hosts[] = { "b.example", "a.example" };
	char name[16], seen[64][32];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "user%02d", 39 - i);
		assert_int_equal(put(f, hosts[i % 2], name, &c), 0);
	}
	struct account_row a = { STR(""), STR(""), 0, 0 };
	char host[32] = "", localpart[32] = "";
	size_t count = 0;
	for (bool more = true; more;) {
		struct query *q = ask(f, accounts_list(str_from_c(host), str_from_c(localpart), 7));
		more = q->more;
		for (size_t r = 0; r < q->rows; r++, count++) {
			assert_true(accounts_list_row(q, r, &a));
			snprintf(seen[count], sizeof(seen[count]), STR_FMT "/" STR_FMT, STR_ARG(a.host),
				STR_ARG(a.localpart));
			assert_true(a.created_ms == 1700000000000);
			if (count)
				assert_true(strcmp(seen[count - 1], seen[count]) < 0);
		}
		assert_false(accounts_list_row(q, q->rows, &a));
		snprintf(host, sizeof(host), STR_FMT, STR_ARG(a.host));
		snprintf(localpart, sizeof(localpart), STR_FMT, STR_ARG(a.localpart));
		query_free(&q);
	}
	assert_int_equal(count, 40);
	assert_string_equal(seen[0], "a.example/user00");
	assert_string_equal(seen[39], "b.example/user39");
}

/* The row of an account that exists and the decoy of one that does not have the same columns, of the same sizes. */
static void answer_is_as_long_for_an_account_that_does_not_exist(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials c = { { keys(DIGEST_SHA1, 1, SCRAM_SALT_BYTES), keys(DIGEST_SHA256, 2, SCRAM_SALT_BYTES),
		keys(DIGEST_SHA512, 3, SCRAM_SALT_BYTES) } };
	unsigned flags;
	assert_int_equal(put(f, "a.example", "romeo", &c), 0);
	struct query *known = ask(f, accounts_find(STR("a.example"), STR("romeo")));
	struct query *unknown = ask(f, accounts_find(STR("a.example"), STR("nobody")));
	assert_int_equal(accounts_find_read(known, &c, &flags), ACCOUNTS_FOUND);
	assert_int_equal(accounts_find_read(unknown, &c, &flags), ACCOUNTS_NONE);
	assert_true(known->rows == 1 && unknown->rows == 1 && known->columns == unknown->columns);
	for (size_t i = 0; i < known->columns; i++) {
		const struct value *a = &query_row(known, 0)[i], *b = &query_row(unknown, 0)[i];
		assert_int_equal(a->kind, b->kind);
		if (a->kind == VALUE_BLOB)
			assert_int_equal(a->s.n, b->s.n);
	}
	query_free(&known);
	query_free(&unknown);
}

static void listing_uses_the_index(void **state)
{
	struct fixture *f = *state;
	char plan[512];
	struct query *q = accounts_list(STR("example.org"), STR("romeo"), 10);
	query_plan(f, q, plan, sizeof(plan));
	query_free(&q);
	assert_string_equal(plan, "SEARCH accounts USING PRIMARY KEY ((host,localpart)>(?,?))\n");
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static unsigned lacking(struct fixture *f, const char *host)
{
	struct query *q = ask(f, accounts_lacking(str_from_c(host)));
	unsigned digests = 99;
	assert_true(accounts_lacking_read(q, &digests));
	query_free(&q);
	return digests;
}

/* XEP-0480 */
static void keys_are_added_where_there_are_none(void **state)
{
	struct fixture *f = *state;
	struct sasl_credentials all = credentials(1), one = { 0 }, found;
	unsigned flags;
	one.keys[DIGEST_SHA1] = keys(DIGEST_SHA1, 50, 16);
	assert_int_equal(lacking(f, "im.example"), 0);
	assert_int_equal(put(f, "im.example", "romeo", &one), 0);
	assert_int_equal(put(f, "other.example", "romeo", &all), 0);
	assert_int_equal(lacking(f, "im.example"), 1u << DIGEST_SHA256 | 1u << DIGEST_SHA512);
	assert_int_equal(lacking(f, "other.example"), 0);
	struct unit *u = unit_new();
	accounts_add_credentials(u, STR("im.example"), STR("romeo"), &all);
	assert_int_equal(commit_unit(f, u), 0);
	assert_int_equal(find(f, "im.example", "romeo", &found, &flags), ACCOUNTS_FOUND);
	assert_keys(&found.keys[DIGEST_SHA1], &one.keys[DIGEST_SHA1], DIGEST_SHA1);
	assert_keys(&found.keys[DIGEST_SHA256], &all.keys[DIGEST_SHA256], DIGEST_SHA256);
	assert_keys(&found.keys[DIGEST_SHA512], &all.keys[DIGEST_SHA512], DIGEST_SHA512);
	assert_int_equal(lacking(f, "im.example"), 0);
	u = unit_new();
	accounts_add_credentials(u, STR("im.example"), STR("nobody"), &all);
	assert_int_equal(commit_unit(f, u), -STORAGE_UNIT);
}

static int requires_keys(struct fixture *f, const struct accounts_keys *k)
{
	struct unit *u = unit_new();
	accounts_require_keys(u, STR("example.org"), STR("romeo"), k);
	return commit_unit(f, u);
}

static void keys_of_another_password_are_not_those_required(void **state)
{
	struct fixture *f = *state;
	for (enum digest d = 0; d < DIGESTS; d++) {
		struct sasl_credentials one = { 0 }, other = credentials(40);
		one.keys[d] = keys(d, 1, 16);
		struct accounts_keys before = accounts_keys_of(&one);
		assert_int_equal(requires_keys(f, &before), -STORAGE_UNIT); /* there is no account */
		assert_int_equal(put(f, "example.org", "romeo", &one), 0);
		assert_int_equal(requires_keys(f, &before), 0);
		struct unit *u = unit_new();
		accounts_add_credentials(u, STR("example.org"), STR("romeo"), &other);
		assert_int_equal(commit_unit(f, u), 0);
		assert_int_equal(requires_keys(f, &before), 0); /* keys that were added change nothing */
		u = unit_new();
		accounts_set_credentials(u, STR("example.org"), STR("romeo"), &other);
		assert_int_equal(commit_unit(f, u), 0);
		assert_int_equal(requires_keys(f, &before), -STORAGE_UNIT);
		other.keys[d].is_set = false;
		u = unit_new();
		accounts_set_credentials(u, STR("example.org"), STR("romeo"), &other);
		assert_int_equal(commit_unit(f, u), 0);
		assert_int_equal(requires_keys(f, &before), -STORAGE_UNIT);
		u = unit_new();
		accounts_remove(u, STR("example.org"), STR("romeo"));
		assert_int_equal(commit_unit(f, u), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_are_added_where_there_are_none, setup, teardown),
		T(credentials_are_found_as_they_were_put),
		T(one_family_is_enough),
		T(unknown_account_is_none),
		T(account_is_put_once),
		T(changes_want_an_account),
		T(keys_of_another_password_are_not_those_required),
		T(removed_account_is_gone_and_can_be_made_again),
		T(damaged_keys_are_never_a_login),
		T(accounts_are_listed_page_by_page),
		T(answer_is_as_long_for_an_account_that_does_not_exist),
		T(listing_uses_the_index),
	};
	return cmocka_run_group_tests_name("storage/accounts", tests, NULL, NULL);
}
