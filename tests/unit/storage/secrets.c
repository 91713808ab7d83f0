/* Secrets: made once, the same after every start, and each name has its own. */
#include "server/storage/secrets.h"

#include "tests/unit/storage/harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void secret_is_the_same_after_a_restart(void **state)
{
	struct fixture f;
	struct random_seeded seeded;
	unsigned char first[32], again[32], other[32], nothing[32] = { 0 };
	(void)state;
	random_seeded_init(&seeded, 1);
	struct random_source random = random_seeded_source(&seeded);
	fixture_init(&f);
	fixture_open(&f);
	assert_int_equal(secret_load(f.s, &random, STR("salt"), first, sizeof(first)), 0);
	assert_memory_not_equal(first, nothing, sizeof(first));
	fixture_close(&f);
	fixture_open(&f);
	assert_int_equal(secret_load(f.s, &random, STR("salt"), again, sizeof(again)), 0);
	assert_memory_equal(again, first, sizeof(first));
	assert_int_equal(secret_load(f.s, &random, STR("pepper"), other, sizeof(other)), 0);
	assert_memory_not_equal(other, first, sizeof(first));
	fixture_fini(&f);
}

static int load_apart(struct fixture *f, unsigned char *out)
{
	struct random_seeded seeded;
	random_seeded_init(&seeded, f->now_ms);
	struct random_source random = random_seeded_source(&seeded);
	return secret_load_apart(f->s, &random, "token-key", out, 32, f->why, sizeof(f->why));
}

static bool contains(const char *path, const unsigned char *p, size_t n)
{
	char bytes[1 << 18];
	FILE *file = fopen(path, "r");
	size_t got = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
	if (file)
		fclose(file);
	return memmem(bytes, got, p, n) != NULL;
}

static void secret_apart_is_in_a_file_of_its_own(void **state)
{
	struct fixture f;
	unsigned char first[32], again[32];
	char path[256];
	struct stat st;
	(void)state;
	fixture_init(&f);
	fixture_open(&f);
	f.now_ms = 1;
	assert_int_equal(load_apart(&f, first), 0);
	fixture_close(&f);
	fixture_path(&f, "token-key", path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(contains(path, first, sizeof(first)));
	fixture_path(&f, "linnet.db", path, sizeof(path));
	assert_false(contains(path, first, sizeof(first)));
	f.now_ms = 2; /* another one would be made */
	fixture_open(&f);
	assert_int_equal(load_apart(&f, again), 0);
	assert_memory_equal(again, first, sizeof(first));
	fixture_fini(&f);
}

static void damaged_or_open_secret_is_refused(void **state)
{
	struct fixture f;
	unsigned char bytes[32];
	char path[256];
	(void)state;
	fixture_init(&f);
	fixture_open(&f);
	f.now_ms = 1;
	assert_int_equal(load_apart(&f, bytes), 0);
	fixture_path(&f, "token-key", path, sizeof(path));
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(load_apart(&f, bytes), -STORAGE_UNIT);
	assert_non_null(strstr(f.why, "token-key in the data folder can be read by others"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(load_apart(&f, bytes), -STORAGE_UNIT);
	assert_non_null(strstr(f.why, "token-key in the data folder is damaged"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(load_apart(&f, bytes), 0);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secret_apart_is_in_a_file_of_its_own),
		cmocka_unit_test(damaged_or_open_secret_is_refused),
		cmocka_unit_test(secret_is_the_same_after_a_restart),
	};
	return cmocka_run_group_tests_name("storage/secrets", tests, NULL, NULL);
}
