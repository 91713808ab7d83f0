/* Tests of server/core/option.c: values of each kind. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "server/core/option.h"

struct conf {
	bool flag;
	int64_t number, any;
	uint64_t span, long_span, bytes;
	struct str text, path;
	int colour;
};

static const char *const colours[] = { "red", "green", "blue", NULL };
static const struct option table[] = {
	OPT_BOOL(struct conf, flag, "on", "A flag"),
	OPT_INT(struct conf, number, -5, 70, "-5", "A number"),
	OPT_INT(struct conf, any, 0, 0, "0", "Any number"),
	OPT_DURATION(struct conf, span, "90s", "A duration"),
	OPT_DURATION_BETWEEN(struct conf, long_span, 1000, INT64_MAX, "36500d", "A long duration"),
	OPT_SIZE(struct conf, bytes, "2048", "A size"),
	OPT_TEXT(struct conf, text, "", "A text"),
	OPT_PATH(struct conf, path, NULL, "A path"),
	OPT_CHOICE(struct conf, colour, colours, "green", "A colour"),
	OPT_END,
};

struct fixture {
	struct arena *arena;
	struct conf conf;
	struct buf why;
};

static int set_up(void **state)
{
	struct arena *arena = arena_new(256, 1 << 16);
	struct fixture *f = arena_zalloc(arena, sizeof(*f));
	f->arena = arena;
	buf_init(&f->why, 4096);
	option_set_defaults(arena, table, &f->conf);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct arena *arena = f->arena;
	buf_fini(&f->why);
	arena_free(&arena);
	return 0;
}

static int read_one(struct fixture *f, const char *name, const char *text)
{
	buf_clear(&f->why);
	const struct option *o = option_find(table, str_from_c(name));
	assert_non_null(o);
	return option_read(f->arena, o, str_from_c(text), &f->conf, &f->why);
}

static void expect_good(struct fixture *f, const char *name, const char *text)
{
	assert_int_equal(read_one(f, name, text), 0);
	assert_int_equal(buf_len(&f->why), 0);
}

/* The struct is as before, and `why` is told. */
static void expect_bad(struct fixture *f, const char *name, const char *text, const char *why)
{
	struct conf before = f->conf;
	assert_int_equal(read_one(f, name, text), -1);
	assert_string_equal(arena_dup(f->arena, buf_str(&f->why)).p, why);
	assert_memory_equal(&before, &f->conf, sizeof(before));
}

static void defaults_fill_what_has_one(void **state)
{
	struct fixture *f = *state;
	assert_true(f->conf.flag);
	assert_int_equal(f->conf.number, -5);
	assert_int_equal(f->conf.span, 90000);
	assert_int_equal(f->conf.long_span, UINT64_C(36500) * 24 * 3600 * 1000);
	assert_int_equal(f->conf.bytes, 2048);
	assert_int_equal(f->conf.text.n, 0);
	assert_null(f->conf.path.p);
	assert_int_equal(f->conf.colour, 1);
}

static void names_are_found_exactly(void **state)
{
	(void)state;
	assert_ptr_equal(option_find(table, STR("bytes")), &table[5]);
	assert_null(option_find(table, STR("byte")));
	assert_null(option_find(table, STR("Bytes")));
	assert_null(option_find(table, STR("")));
}

static void flags_have_six_words_in_either_case(void **state)
{
	static const char *const on[] = { "on", "yes", "true", "On", "YES" };
	static const char *const off[] = { "off", "no", "false", "oFF", "NO" };
	for (size_t i = 0; i < ARRAY_LEN(on); i++) {
		expect_good(*state, "flag", off[i]);
		assert_false(((struct fixture *)*state)->conf.flag);
		expect_good(*state, "flag", on[i]);
		assert_true(((struct fixture *)*state)->conf.flag);
	}
	expect_bad(*state, "flag", "1", "expected 'on' or 'off', not '1'");
	expect_bad(*state, "flag", "", "expected 'on' or 'off', not ''");
	expect_bad(*state, "flag", "of", "expected 'on' or 'off', not 'of'");
}

static void numbers_are_whole_and_in_bounds(void **state)
{
	struct fixture *f = *state;
	expect_good(f, "number", "70");
	assert_int_equal(f->conf.number, 70);
	expect_good(f, "number", "-5");
	assert_int_equal(f->conf.number, -5);
	expect_good(f, "number", "007");
	assert_int_equal(f->conf.number, 7);
	expect_bad(f, "number", "71", "'71' is out of range: -5 to 70");
	expect_bad(f, "number", "-6", "'-6' is out of range: -5 to 70");
	expect_bad(f, "number", "99999999999999999999", "'99999999999999999999' is out of range: -5 to 70");
	static const char *const wrong[] = { "", "-", "+1", "1.0", "1e3", "0x10", " 1", "1 ", "--1", "many" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct str why = arena_printf(f->arena, "'%s' is not a whole number", wrong[i]);
		expect_bad(f, "number", wrong[i], why.p);
	}
}

static void numbers_reach_the_ends_of_their_type(void **state)
{
	struct fixture *f = *state;
	expect_good(f, "any", "9223372036854775807");
	assert_true(f->conf.any == INT64_MAX);
	expect_good(f, "any", "-9223372036854775808");
	assert_true(f->conf.any == INT64_MIN);
	expect_bad(f, "any", "9223372036854775808",
		"'9223372036854775808' is out of range: -9223372036854775808 to 9223372036854775807");
	expect_bad(f, "any", "-9223372036854775809",
		"'-9223372036854775809' is out of range: -9223372036854775808 to 9223372036854775807");
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = { { "0", 0 }, { "0s", 0 }, { "500ms", 500 }, { "10s", 10000 }, { "5m", 300000 }, { "24h", 86400000 },
		{ "7d", 604800000 }, { "100d", OPTION_DURATION_MS_MAX } };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		expect_good(f, "span", good[i].text);
		assert_int_equal(f->conf.span, good[i].ms);
	}
	static const char *const wrong[] = { "", "10", "00", "s", "10 s", "10 minutes", "1h30m", "-5s", "1.5s", "5M",
		"10sec" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct str why = arena_printf(f->arena,
			"'%s' is not a duration; write a number and its unit without a space: 500ms, 10s, 5m, 24h, 7d, "
			"or 0",
			wrong[i]);
		expect_bad(f, "span", wrong[i], why.p);
	}
}

static void durations_fit_a_timer_unless_their_option_says_otherwise(void **state)
{
	struct fixture *f = *state;
	expect_bad(f, "span", "101d", "'101d' is out of range: 0 to 100d");
	expect_bad(f, "span", "18446744073709551616ms", "'18446744073709551616ms' is out of range: 0 to 100d");
	expect_bad(f, "span", "213503982335d", "'213503982335d' is out of range: 0 to 100d");
	expect_good(f, "long_span", "101d");
	expect_bad(f, "long_span", "999ms", "'999ms' is out of range: 1s to 9223372036854775807ms");
	expect_bad(f, "long_span", "9223372036854775808ms",
		"'9223372036854775808ms' is out of range: 1s to 9223372036854775807ms");
}

static void sizes_are_bytes_or_have_binary_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 }, { "512", 512 }, { "64KiB", 65536 }, { "1MiB", 1 << 20 }, { "2GiB", UINT64_C(2) << 30 },
		{ "3TiB", UINT64_C(3) << 40 } };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		expect_good(f, "bytes", good[i].text);
		assert_int_equal(f->conf.bytes, good[i].bytes);
	}
	static const char *const wrong[] = { "", "KiB", "64K", "64KB", "64kib", "64 KiB", "-1", "1.5MiB" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct str why = arena_printf(f->arena,
			"'%s' is not a size; write a number of bytes or a number and its unit "
			"without a space: 512, 64KiB, 1MiB, 2GiB",
			wrong[i]);
		expect_bad(f, "bytes", wrong[i], why.p);
	}
	expect_bad(f, "bytes", "1025TiB", "'1025TiB' is out of range: 0 to 1024TiB");
	expect_bad(f, "bytes", "16777216TiB", "'16777216TiB' is out of range: 0 to 1024TiB"); /* 2^64 */
}

static void texts_may_be_empty_but_not_paths(void **state)
{
	struct fixture *f = *state;
	expect_good(f, "text", "good morning");
	assert_int_equal(f->conf.text.n, 12);
	expect_good(f, "text", "");
	assert_int_equal(f->conf.text.n, 0);
	expect_bad(f, "path", "", "'' is not a path");
	expect_good(f, "path", "/a/b");
	assert_string_equal(f->conf.path.p, "/a/b");
}

static void texts_are_copied(void **state)
{
	struct fixture *f = *state;
	char text[] = "before";
	expect_good(f, "text", text);
	memset(text, 'x', sizeof(text) - 1);
	assert_memory_equal(f->conf.text.p, "before", 6);
}

static void choices_suggest_the_nearest(void **state)
{
	struct fixture *f = *state;
	expect_good(f, "colour", "blue");
	assert_int_equal(f->conf.colour, 2);
	expect_bad(f, "colour", "bleu", "expected 'red', 'green' or 'blue', not 'bleu'; did you mean 'blue'?");
	expect_bad(f, "colour", "gre", "expected 'red', 'green' or 'blue', not 'gre'; did you mean 'green'?");
	expect_bad(f, "colour", "Red", "expected 'red', 'green' or 'blue', not 'Red'; did you mean 'red'?");
	expect_bad(f, "colour", "mauve", "expected 'red', 'green' or 'blue', not 'mauve'");
}

/* What is formatted is read back, and no larger unit would do. */
static void quantities_survive_formatting_and_reading(void **state)
{
	struct fixture *f = *state;
	static const uint64_t values[] = { 0, 1, 999, 1000, 1001, 1023, 1024, 60000, 61000, 3600000, 90000000, 86400000,
		1 << 20, (1 << 20) + 1, UINT64_C(5) << 30, UINT64_C(1) << 40, UINT64_MAX };
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		uint64_t again = ~values[i];
		buf_clear(&f->why);
		option_format_duration(&f->why, values[i]);
		assert_int_equal(option_parse_duration(buf_str(&f->why), &again), 0);
		assert_true(again == values[i]);
		buf_clear(&f->why);
		option_format_size(&f->why, values[i]);
		assert_int_equal(option_parse_size(buf_str(&f->why), &again), 0);
		assert_true(again == values[i]);
	}
}

static void quantities_are_formatted_in_the_largest_unit_that_fits(void **state)
{
	struct fixture *f = *state;
	static const uint64_t durations[] = { 0, 1500, 90000, 7200000, 172800000 };
	static const uint64_t sizes[] = { 0, 1000, 1536, 65536, 3 << 20 };
	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		option_format_duration(&f->why, durations[i]);
		buf_add_byte(&f->why, ' ');
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		option_format_size(&f->why, sizes[i]);
		buf_add_byte(&f->why, ' ');
	}
	assert_string_equal(arena_dup(f->arena, buf_str(&f->why)).p, "0 1500ms 90s 2h 2d 0 1000 1536 64KiB 3MiB ");
}

static void overflow_is_told_from_nonsense(void **state)
{
	(void)state;
	uint64_t value = 42;
	assert_int_equal(option_parse_duration(STR("99999999999999999999s"), &value), -EOPTION_RANGE);
	assert_int_equal(option_parse_duration(STR("18446744073709551615s"), &value), -EOPTION_RANGE);
	assert_int_equal(option_parse_duration(STR("99999999999999999999"), &value), -EOPTION_FORM);
	assert_int_equal(option_parse_size(STR("18446744073709551615"), &value), 0);
	assert_true(value == UINT64_MAX);
	value = 42;
	assert_int_equal(option_parse_size(STR("18446744073709551616"), &value), -EOPTION_RANGE);
	assert_int_equal(option_parse_size(STR("18014398509481984KiB"), &value), -EOPTION_RANGE);
	assert_int_equal(value, 42);
}

static void types_are_printed_with_their_bounds(void **state)
{
	struct fixture *f = *state;
	for (const struct option *o = table; o->kind != OPTION_END; o++) {
		option_print_type(o, &f->why);
		buf_lit(&f->why, " = ");
		option_print_fallback(o, &f->why);
		buf_add_byte(&f->why, '\n');
	}
	assert_string_equal(arena_dup(f->arena, buf_str(&f->why)).p,
		"`on` or `off` = `on`\n"
		"number, -5 to 70 = `-5`\n"
		"number = `0`\n"
		"duration = `90s`\n"
		"duration, 1s to 9223372036854775807ms = `36500d`\n"
		"size = `2KiB`\n"
		"text = `''`\n"
		"path = \n"
		"`red`, `green` or `blue` = `green`\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults_fill_what_has_one, set_up, tear_down),
		cmocka_unit_test(names_are_found_exactly),
		cmocka_unit_test_setup_teardown(flags_have_six_words_in_either_case, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers_are_whole_and_in_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers_reach_the_ends_of_their_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(durations_have_units, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			durations_fit_a_timer_unless_their_option_says_otherwise, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes_are_bytes_or_have_binary_units, set_up, tear_down),
		cmocka_unit_test_setup_teardown(texts_may_be_empty_but_not_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(texts_are_copied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(choices_suggest_the_nearest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(quantities_survive_formatting_and_reading, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			quantities_are_formatted_in_the_largest_unit_that_fits, set_up, tear_down),
		cmocka_unit_test(overflow_is_told_from_nonsense),
		cmocka_unit_test_setup_teardown(types_are_printed_with_their_bounds, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("core/option", tests, NULL, NULL);
}
