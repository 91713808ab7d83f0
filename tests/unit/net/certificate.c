/* Tests of lib/net/certificate.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/tlskit.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct scene {
	struct world world;
	struct kit kit;
};

static int set_up(void **state)
{
	static struct scene scene;
	world_init(&scene.world, 1);
	kit_init(&scene.kit);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	kit_fini(&s->kit);
	return 0;
}

static X509 *read_certificate(const char *file)
{
	FILE *f = fopen(file, "r");
	assert_non_null(f);
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
	assert_non_null(x);
	fclose(f);
	return x;
}

static mode_t mode_of(const char *file)
{
	struct stat st;
	assert_int_equal(stat(file, &st), 0);
	return st.st_mode & 07777;
}

static size_t count_files(const char *folder)
{
	size_t n = 0;
	DIR *d = opendir(folder);
	struct dirent *e;
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int make(struct scene *s, const char *certificate, const char *key)
{
	struct tls_self_signed o = { .hosts = (const char *const[]){ "im.example" },
		.host_count = 1,
		.days = 30,
		.clock = &s->world.clock,
		.random = &s->world.random };
	return tls_make_self_signed(&o, certificate, key, s->kit.why, sizeof(s->kit.why));
}

static void all_hosts_are_named(void **state)
{
	struct scene *s = *state;
	static const char *const hosts[] = { "localhost", "im.example", "xn--bcher-kva.example", "a,DNS:evil.example",
		NULL };
	kit_certificate(&s->kit, &s->world.clock, "many", hosts);
	X509 *x = read_certificate(s->kit.certificate);
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(names), 4);
	for (int i = 0; i < 4; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		assert_int_equal(g->type, GEN_DNS);
		assert_int_equal(g->d.dNSName->length, strlen(hosts[i]));
		assert_memory_equal(g->d.dNSName->data, hosts[i], strlen(hosts[i]));
	}
	GENERAL_NAMES_free(names);
	X509_free(x);
}

static void it_is_valid_now_and_signed_by_its_key(void **state)
{
	struct scene *s = *state;
	kit_certificate(&s->kit, &s->world.clock, "one", (const char *const[]){ "im.example", NULL });
	X509 *x = read_certificate(s->kit.certificate);
	time_t now = (time_t)(clock_wall_ms(&s->world.clock) / 1000), day = 86400;
	time_t before = now - day + 1, first = now - day, last = now + 90 * day - 1, after = now + 90 * day + 1;
	assert_true(X509_cmp_time(X509_get0_notBefore(x), &before) < 0);
	time_t too_early = first - 1;
	assert_true(X509_cmp_time(X509_get0_notBefore(x), &too_early) > 0);
	assert_true(X509_cmp_time(X509_get0_notAfter(x), &last) > 0);
	assert_true(X509_cmp_time(X509_get0_notAfter(x), &after) < 0);
	EVP_PKEY *key = X509_get0_pubkey(x);
	assert_int_equal(X509_verify(x, key), 1);
	char group[32];
	assert_int_equal(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL), 1);
	assert_string_equal(group, "prime256v1");
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_ca(x), 0);
	X509_free(x);
}

static void long_host_does_not_need_a_common_name(void **state)
{
	struct scene *s = *state;
	char host[201];
	for (size_t i = 0; i < 200; i++)
		host[i] = i % 50 == 49 ? '.' : 'a';
	host[200] = 0;
	kit_certificate(&s->kit, &s->world.clock, "long", (const char *const[]){ host, NULL });
	X509 *x = read_certificate(s->kit.certificate);
	assert_int_equal(X509_check_host(x, host, 200, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
	X509_free(x);
}

static void serial_numbers_differ(void **state)
{
	struct scene *s = *state;
	char file[2][300], key[300];
	ASN1_INTEGER *serials[2];
	for (int i = 0; i < 2; i++) {
		snprintf(file[i], sizeof(file[i]), "%s/%d.crt", s->kit.folder, i);
		snprintf(key, sizeof(key), "%s/%d.key", s->kit.folder, i);
		assert_int_equal(make(s, file[i], key), 0);
		X509 *x = read_certificate(file[i]);
		serials[i] = ASN1_INTEGER_dup(X509_get0_serialNumber(x));
		assert_int_equal(serials[i]->length, 16);
		assert_int_equal(serials[i]->type, V_ASN1_INTEGER);
		X509_free(x);
	}
	assert_int_not_equal(ASN1_INTEGER_cmp(serials[0], serials[1]), 0);
	ASN1_INTEGER_free(serials[0]);
	ASN1_INTEGER_free(serials[1]);
}

static void key_is_for_its_owner_whatever_the_umask(void **state)
{
	struct scene *s = *state;
	static const mode_t masks[] = { 0, 077, 0777 };
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		mode_t before = umask(masks[i]);
		kit_certificate(&s->kit, &s->world.clock, "modes", (const char *const[]){ "im.example", NULL });
		umask(before);
		assert_int_equal(mode_of(s->kit.key), 0600);
		assert_int_equal(mode_of(s->kit.certificate), 0644);
	}
}

static void existing_files_are_replaced_and_nothing_is_left_over(void **state)
{
	struct scene *s = *state;
	char beside[300];
	kit_certificate(&s->kit, &s->world.clock, "again", (const char *const[]){ "im.example", NULL });
	X509 *first = read_certificate(s->kit.certificate);
	/* What an interrupted start has left. */
	snprintf(beside, sizeof(beside), "%s.new", s->kit.key);
	FILE *f = fopen(beside, "w");
	fputs("half a ke", f);
	fclose(f);
	assert_int_equal(make(s, s->kit.certificate, s->kit.key), 0);
	X509 *second = read_certificate(s->kit.certificate);
	assert_int_not_equal(X509_cmp(first, second), 0);
	assert_int_equal(count_files(s->kit.folder), 2);
	X509_free(first);
	X509_free(second);
}

static void link_beside_the_key_is_not_followed(void **state)
{
	struct scene *s = *state;
	char key[300], certificate[300], beside[320], victim[300];
	snprintf(key, sizeof(key), "%s/a.key", s->kit.folder);
	snprintf(certificate, sizeof(certificate), "%s/a.crt", s->kit.folder);
	snprintf(beside, sizeof(beside), "%s.new", key);
	snprintf(victim, sizeof(victim), "%s/victim", s->kit.folder);
	FILE *f = fopen(victim, "w");
	fclose(f);
	assert_int_equal(symlink(victim, beside), 0);
	assert_int_equal(make(s, certificate, key), 0);
	struct stat st;
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void folder_that_cannot_be_written_is_named(void **state)
{
	struct scene *s = *state;
	char key[300], certificate[300], expected[400];
	snprintf(key, sizeof(key), "%s/missing/a.key", s->kit.folder);
	snprintf(certificate, sizeof(certificate), "%s/a.crt", s->kit.folder);
	assert_int_equal(make(s, certificate, key), -ENOENT);
	snprintf(expected, sizeof(expected), "cannot write %s: No such file or directory", key);
	assert_string_equal(s->kit.why, expected);
	/* The key comes first: no certificate without one. */
	assert_int_equal(count_files(s->kit.folder), 0);
	assert_int_equal(make(s, "/dev/null/a.crt", key), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_hosts_are_named),
		TEST(it_is_valid_now_and_signed_by_its_key),
		TEST(long_host_does_not_need_a_common_name),
		TEST(serial_numbers_differ),
		TEST(key_is_for_its_owner_whatever_the_umask),
		TEST(existing_files_are_replaced_and_nothing_is_left_over),
		TEST(link_beside_the_key_is_not_followed),
		TEST(folder_that_cannot_be_written_is_named),
	};
	return cmocka_run_group_tests_name("net/certificate", tests, NULL, NULL);
}
