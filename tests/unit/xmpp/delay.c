/* Dates, and <delay/>. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xmpp/delay.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>

static int setup(void **state)
{
	*state = arena_new(1024, SIZE_MAX);
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static void assert_parsed(const char *s, int64_t expected_ms)
{
	int64_t ms = -1;
	if (!datetime_parse(str_from_c(s), &ms))
		fail_msg("%s is refused", s);
	if (ms != expected_ms)
		fail_msg("%s is %lld, not %lld", s, (long long)ms, (long long)expected_ms);
}

static void assert_refused(const char *s)
{
	int64_t ms = 42;
	if (datetime_parse(str_from_c(s), &ms))
		fail_msg("%s is taken", s);
	assert_int_equal(ms, 42);
}

static void known_instants_are_written(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} known[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -14159025000, "1969-07-21T02:56:15.000Z" },
		{ 951782399999, "2000-02-28T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 951868800000, "2000-03-01T00:00:00.000Z" },
		{ 1031699305000, "2002-09-10T23:08:25.000Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ -62167219200000, "0000-01-01T00:00:00.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct str s = datetime_format(*state, known[i].ms);
		assert_int_equal(s.n, DATETIME_BYTES);
		assert_string_equal(arena_dup(*state, s).p, known[i].text);
		assert_parsed(known[i].text, known[i].ms);
	}
}

static void what_is_outside_four_digit_years_is_clamped(void **state)
{
	assert_string_equal(datetime_format(*state, INT64_MIN).p, "0000-01-01T00:00:00.000Z");
	assert_string_equal(datetime_format(*state, INT64_MAX).p, "9999-12-31T23:59:59.999Z");
	assert_string_equal(datetime_format(*state, 253402300800000).p, "9999-12-31T23:59:59.999Z");
}

/* Counted on day by day, the first and the last day of each month must be what the arithmetic says. */
static void every_month_of_ten_thousand_years_is_right(void **state)
{
	(void)state;
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t ms = -62167219200000;
	for (int year = 0; year <= 9999; year++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		for (int month = 1; month <= 12; month++) {
			int days = month_days[month - 1] + (month == 2 && leap);
			for (int day = 1; day <= days; day++, ms += 86400000) {
				char text[64];
				int64_t parsed;
				if (day > 1 && day < days)
					continue;
				snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00Z", year, month, day);
				assert_true(datetime_parse(str_from_c(text), &parsed));
				assert_int_equal(parsed, ms);
				struct arena *line = arena_new(64, SIZE_MAX);
				assert_memory_equal(datetime_format(line, ms + 43200000).p, text, 11);
				arena_free(&line);
			}
		}
	}
	assert_int_equal(ms, 253402300800000);
}

static void offsets_are_taken_off(void **state)
{
	(void)state;
	assert_parsed("1969-07-20T21:56:15-05:00", -14159025000); /* XEP-0082, 3.2 */
	assert_parsed("1970-01-01T00:00:00+00:00", 0);
	assert_parsed("1970-01-01T00:00:00-00:00", 0);
	assert_parsed("1970-01-01T05:45:00+05:45", 0);
	assert_parsed("1970-01-01T14:00:00+14:00", 0);
	assert_parsed("1969-12-31T10:00:00-14:00", 0);
	assert_parsed("2000-02-28T23:30:00-01:00", 951784200000);
}

static void fractions_of_any_length_are_cut_to_milliseconds(void **state)
{
	(void)state;
	assert_parsed("1970-01-01T00:00:00.1Z", 100);
	assert_parsed("1970-01-01T00:00:00.12Z", 120);
	assert_parsed("1970-01-01T00:00:00.1239999999999999999999999999999Z", 123);
	assert_parsed("1970-01-01T00:00:00.000001Z", 0);
	assert_parsed("1969-12-31T23:59:59.5Z", -500);
}

static void leap_second_is_the_second_after_it(void **state)
{
	(void)state;
	assert_parsed("2016-12-31T23:59:60Z", 1483228800000);
	assert_parsed("2016-12-31T23:59:60.25Z", 1483228800250);
	assert_parsed("2017-01-01T05:29:60+05:30", 1483228800000);
}

static void end_of_a_day_is_the_start_of_the_next(void **state)
{
	(void)state;
	assert_parsed("1970-01-01T24:00:00Z", 86400000);
	assert_refused("1970-01-01T24:00:01Z");
	assert_refused("1970-01-01T24:01:00Z");
	assert_refused("1970-01-01T24:00:00.001Z");
	assert_refused("9999-12-31T24:00:00Z");
}

static void what_is_no_datetime_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "Z", "1970", "1970-01-01", "00:00:00Z", "1970-01-01T00:00:00", "1970-01-01T00:00Z",
		"1970-01-01 00:00:00Z", "1970-01-01t00:00:00Z", "1970-01-01T00:00:00z", "19700101T00:00:00",
		"1970-1-01T00:00:00Z", "1970-01-1T00:00:00Z", "70-01-01T00:00:00Z", "+1970-01-01T00:00:00Z",
		"-1970-01-01T00:00:00Z", "11970-01-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-13-01T00:00:00Z",
		"1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z", "1970-04-31T00:00:00Z", "1970-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "1970-01-01T25:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
		"1970-01-01T00:00:00.Z", "1970-01-01T00:00:00,5Z", "1970-01-01T00:00:00.-1Z", "1970-01-01T00:00:00.5",
		"1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+01",
		"1970-01-01T00:00:00+14:01",
		"1970-01-01T00:00:00+01:60", "1970-01-01T00:00:00 Z", "1970-01-01T00:00:00Z ", " 1970-01-01T00:00:00Z",
		"1970-01-01T00:00:00ZZ", "1970-01-01T 0:00:00Z", "1970-01-01T+1:00:00Z", "197\xd9\xa0-01-01T00:00:00Z",
		"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(bad[i]);
	int64_t ms;
	assert_false(datetime_parse(STR("1970-01-01T00:00:00Z\0"), &ms));
	assert_false(datetime_parse(STR("1970-01-01T00:00\0:00Z"), &ms));
}

static void delay_names_sender_and_time(void **state)
{
	const struct jid *from;
	const char *why;
	assert_int_equal(jid_parse(*state, STR("capulet.example"), &from, &why), 0);
	struct xml_node *delay = delay_build(*state, from, 1031699305000);
	assert_true(xml_is(delay, NS_DELAY, STR("delay")));
	assert_true(str_eq(xml_attr(delay, STR("from")), STR("capulet.example")));
	assert_true(str_eq(xml_attr(delay, STR("stamp")), STR("2002-09-10T23:08:25.000Z")));
	assert_null(delay->children);
	assert_null(xml_attr(delay_build(*state, NULL, 0), STR("from")).p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(known_instants_are_written),
		T(what_is_outside_four_digit_years_is_clamped),
		T(every_month_of_ten_thousand_years_is_right),
		T(offsets_are_taken_off),
		T(fractions_of_any_length_are_cut_to_milliseconds),
		T(leap_second_is_the_second_after_it),
		T(end_of_a_day_is_the_start_of_the_next),
		T(what_is_no_datetime_is_refused),
		T(delay_names_sender_and_time),
	};
	return cmocka_run_group_tests_name("xmpp/delay", tests, NULL, NULL);
}
