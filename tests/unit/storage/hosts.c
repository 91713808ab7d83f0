/* Hosts that were added: what is kept of them, and what is refused. */
#include "server/storage/hosts.h"

#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int add(struct fixture *f, const char *domain, const char *certificate, const char *key)
{
	struct unit *u = unit_new();
	hosts_add(u, &(struct host_row){ str_from_c(domain), str_from_c(certificate), str_from_c(key) });
	int r = storage_commit_now(f->s, u);
	unit_free(&u);
	return r;
}

static int drop(struct fixture *f, const char *domain)
{
	struct unit *u = unit_new();
	hosts_remove(u, str_from_c(domain));
	int r = storage_commit_now(f->s, u);
	unit_free(&u);
	return r;
}

/* All rows behind `after`, as text. */
static void check_list(struct fixture *f, const char *after, size_t limit, const char *expected)
{
	struct query *q = hosts_list(str_from_c(after), limit);
	struct host_row row;
	struct buf b;
	buf_init(&b, 4096);
	assert_int_equal(storage_query_now(f->s, q), 0);
	for (size_t r = 0; hosts_list_row(q, r, &row); r++)
		buf_printf(&b, STR_FMT "," STR_FMT "," STR_FMT ";", STR_ARG(row.domain), STR_ARG(row.certificate),
			STR_ARG(row.key));
	if (!str_eq(buf_str(&b), str_from_c(expected)))
		fail_msg("expected %s, got " STR_FMT, expected, STR_ARG(buf_str(&b)));
	buf_fini(&b);
	query_free(&q);
}

static void hosts_outlive_a_restart_in_order(void **state)
{
	struct fixture f;
	(void)state;
	fixture_init(&f);
	fixture_open(&f);
	check_list(&f, "", 10, "");
	assert_int_equal(add(&f, "b.example", "", ""), 0);
	assert_int_equal(add(&f, "a.example", "/a.crt", "/a.key"), 0);
	assert_int_equal(add(&f, "c.example", "", ""), 0);
	fixture_close(&f);
	fixture_open(&f);
	check_list(&f, "", 10, "a.example,/a.crt,/a.key;b.example,,;c.example,,;");
	check_list(&f, "", 2, "a.example,/a.crt,/a.key;b.example,,;");
	check_list(&f, "b.example", 2, "c.example,,;");
	fixture_fini(&f);
}

static void a_host_is_added_and_removed_once(void **state)
{
	struct fixture f;
	(void)state;
	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(add(&f, "a.example", "", ""), 0);
	assert_int_equal(add(&f, "a.example", "/a.crt", "/a.key"), -STORAGE_UNIT);
	check_list(&f, "", 10, "a.example,,;");
	assert_int_equal(drop(&f, "a.example"), 0);
	assert_int_equal(drop(&f, "a.example"), -STORAGE_UNIT);
	check_list(&f, "", 10, "");
	assert_int_equal(add(&f, "a.example", "/a.crt", "/a.key"), 0);
	check_list(&f, "", 10, "a.example,/a.crt,/a.key;");
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_outlive_a_restart_in_order),
		cmocka_unit_test(a_host_is_added_and_removed_once),
	};
	return cmocka_run_group_tests_name("storage/hosts", tests, NULL, NULL);
}
