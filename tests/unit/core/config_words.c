/* Tests of server/core/config_words.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/core/config_words.h"

#define BYTES_64 "abcdefghijklmnopqrstuvwxyz012345ABCDEFGHIJKLMNOPQRSTUVWXYZ678901"

static void assert_quoted(const char *text, const char *expected)
{
	struct buf b;
	buf_init(&b, 256);
	config_quote(&b, str_from_c(text));
	buf_add_byte(&b, 0);
	assert_string_equal(buf_str(&b).p, expected);
	buf_fini(&b);
}

static void long_texts_are_cut_between_characters(void **state)
{
	(void)state;
	assert_quoted("", "''");
	assert_quoted("abc", "'abc'");
	assert_quoted(BYTES_64, "'" BYTES_64 "'");
	assert_quoted(BYTES_64 "x", "'" BYTES_64 "…'");
	const char *text = BYTES_64;
	char cut[68];
	memcpy(cut, text, 63);
	memcpy(cut + 63, "\xc3\xa9", 3);
	char expected[80] = "'";
	memcpy(expected + 1, text, 63);
	memcpy(expected + 64, "…'", sizeof("…'"));
	assert_quoted(cut, expected);
}

/* The names in order, up to NULL; NULL: none is near. */
static void assert_nearest(const char *wrong, const char *const *names, const char *expected)
{
	struct nearest nearest = nearest_to(str_from_c(wrong));
	for (; *names; names++)
		nearest_consider(&nearest, str_from_c(*names));
	assert_int_equal(nearest.best.n, expected ? strlen(expected) : 0);
	if (expected)
		assert_memory_equal(nearest.best.p, expected, nearest.best.n);
}

static const char *const names[] = { "interval", "timeout", "port", "on", "certificate", "certificates", NULL };

static void two_slips_are_near_three_are_not(void **state)
{
	(void)state;
	assert_nearest("intervall", names, "interval"); /* one too many */
	assert_nearest("interva", names, "interval"); /* one missing */
	assert_nearest("imterval", names, "interval"); /* a wrong one */
	assert_nearest("itnerval", names, "interval"); /* two swapped */
	assert_nearest("itnervla", names, "interval");
	assert_nearest("itmervxa", names, NULL);
	assert_nearest("tmeout", names, "timeout");
	assert_nearest("xyzzy", names, NULL);
	assert_nearest("", names, NULL);
}

static void short_names_are_near_if_half_of_them_is_right(void **state)
{
	(void)state;
	assert_nearest("pt", names, "port");
	assert_nearest("xy", names, NULL);
	assert_nearest("no", names, "on");
	assert_nearest("x", names, NULL);
}

static void beginnings_are_near(void **state)
{
	(void)state;
	assert_nearest("int", names, "interval");
	assert_nearest("cert", names, "certificate");
	assert_nearest("interval_of_pings", names, "interval");
	assert_nearest("i", names, NULL);
}

static void fewer_slips_win_then_the_first(void **state)
{
	(void)state;
	static const char *const more[] = { "baab", "aaac", "aaad", "aaae", NULL };
	assert_nearest("certificatess", names, "certificate"); /* begins both */
	assert_nearest("aaax", more, "aaac");
	assert_nearest("aaxb", more, "baab");
}

static void endless_names_are_not_near(void **state)
{
	(void)state;
	static const char *const longer[] = { BYTES_64 BYTES_64, NULL };
	static const char *const longest[] = { BYTES_64, NULL };
	assert_nearest(BYTES_64 BYTES_64, longer, NULL);
	assert_nearest(BYTES_64, longest, BYTES_64);
	assert_nearest(BYTES_64 "x", longest, NULL);
}

static void suggestion_is_a_question_or_nothing(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 256);
	struct nearest nearest = nearest_to(STR("prot"));
	config_nearest_print(&nearest, &b);
	assert_int_equal(buf_len(&b), 0);
	nearest_consider(&nearest, STR("port"));
	config_nearest_print(&nearest, &b);
	buf_add_byte(&b, 0);
	assert_string_equal(buf_str(&b).p, "; did you mean 'port'?");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(two_slips_are_near_three_are_not),
		cmocka_unit_test(short_names_are_near_if_half_of_them_is_right),
		cmocka_unit_test(beginnings_are_near),
		cmocka_unit_test(fewer_slips_win_then_the_first),
		cmocka_unit_test(endless_names_are_not_near),
		cmocka_unit_test(suggestion_is_a_question_or_nothing),
	};
	return cmocka_run_group_tests_name("core/config_words", tests, NULL, NULL);
}
