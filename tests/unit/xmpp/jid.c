/* JIDs as a whole: splitting, the examples of RFC 7622, lengths, comparing, the two paths. Domainparts are tested in
 * jid_domain.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/jid.h"

#include <string.h>

static int setup(void **state)
{
	*state = arena_new(4096, SIZE_MAX);
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	arena_free(&a);
	return 0;
}

static void assert_str(struct str s, struct str expected)
{
	assert_int_equal(s.n, expected.n);
	if (s.n)
		assert_memory_equal(s.p, expected.p, s.n);
}

static const struct jid *parse(struct arena *a, struct str in)
{
	const struct jid *j = NULL;
	const char *why = "";
	if (jid_parse(a, in, &j, &why) != 0)
		fail_msg("<" STR_FMT "> is refused: %s", STR_ARG(in), why);
	return j;
}

static void assert_jid(struct arena *a, const char *in, const char *local, const char *domain, const char *resource)
{
	const struct jid *j = parse(a, str_from_c(in));
	assert_str(jid_local(j), str_from_c(local));
	assert_str(jid_domain(j), str_from_c(domain));
	assert_str(jid_resource(j), str_from_c(resource));
}

static void assert_refused(struct arena *a, struct str in)
{
	const struct jid *untouched = (const struct jid *)&a, *j = untouched;
	const char *why = NULL;
	if (jid_parse(a, in, &j, &why) == 0)
		fail_msg("<" STR_FMT "> is taken", STR_ARG(in));
	assert_ptr_equal(j, untouched);
	assert_non_null(why);
}

/* RFC 7622, 3.5, table 1, by number. */
static void legal_examples_of_rfc_7622_are_taken(void **state)
{
	static const struct {
		int number;
		const char *in, *local, *domain, *resource;
	} examples[] = {
		{ 1, "juliet@example.com", "juliet", "example.com", "" },
		{ 2, "juliet@example.com/foo", "juliet", "example.com", "foo" },
		{ 3, "juliet@example.com/foo bar", "juliet", "example.com", "foo bar" },
		{ 4, "juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar" },
		{ 5, "foo\\20bar@example.com", "foo\\20bar", "example.com", "" },
		{ 6, "fussball@example.com", "fussball", "example.com", "" },
		{ 7, "fu\u00dfball@example.com", "fu\u00dfball", "example.com", "" },
		{ 8, "\u03c0@example.com", "\u03c0", "example.com", "" },
		{ 9, "\u03a3@example.com/foo", "\u03c3", "example.com", "foo" },
		{ 10, "\u03c3@example.com/foo", "\u03c3", "example.com", "foo" },
		{ 11, "\u03c2@example.com/foo", "\u03c2", "example.com", "foo" },
		{ 12, "king@example.com/\u265a", "king", "example.com", "\u265a" },
		{ 13, "example.com", "", "example.com", "" },
		{ 14, "example.com/foobar", "", "example.com", "foobar" },
		{ 15, "a.example.com/b@example.net", "", "a.example.com", "b@example.net" },
	};
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		assert_int_equal(examples[i].number, i + 1);
		assert_jid(*state, examples[i].in, examples[i].local, examples[i].domain, examples[i].resource);
	}
}

/* RFC 7622, 3.5, table 2, by number. */
static void illegal_examples_of_rfc_7622_are_refused(void **state)
{
	assert_refused(*state, STR("\"juliet\"@example.com")); /* 16 */
	assert_refused(*state, STR("foo bar@example.com")); /* 17 */
	assert_refused(*state, STR("@example.com/")); /* 19, in both its faults: */
	assert_refused(*state, STR("@example.com"));
	assert_refused(*state, STR("juliet@example.com/"));
	assert_refused(*state, STR("henry\u2163@example.com")); /* 20 */
	assert_refused(*state, STR("\u265a@example.com")); /* 21 */
	assert_refused(*state, STR("juliet@")); /* 22 */
	assert_refused(*state, STR("/foobar")); /* 23 */
}

/* Example 18 calls it a fault, but no rule does: the OpaqueString profile, which decides (RFC 7622, 3.4), has no
 * rule about where spaces stand. Refusing it would lose the messages of whoever has such a nickname elsewhere. */
static void example_18_a_leading_space_in_the_resourcepart_is_taken(void **state)
{
	assert_jid(*state, "juliet@example.com/ foo", "juliet", "example.com", " foo");
}

static void examples_9_and_10_are_equal_and_11_is_not(void **state)
{
	const struct jid *capital = parse(*state, STR("\u03a3@example.com/foo"));
	const struct jid *small = parse(*state, STR("\u03c3@example.com/foo"));
	const struct jid *final = parse(*state, STR("\u03c2@example.com/foo"));
	assert_true(jid_equal(capital, small));
	assert_int_equal(capital->hash, small->hash);
	assert_false(jid_equal(small, final));
	/* Nor does a capital become the final form at the end of a word. */
	assert_jid(*state, "\u039f\u03a3@example.com", "\u03bf\u03c3", "example.com", "");
}

static void first_slash_then_first_at_divide(void **state)
{
	assert_jid(*state, "a@b.example/c@d/e", "a", "b.example", "c@d/e");
	assert_jid(*state, "b.example//", "", "b.example", "/");
	assert_jid(*state, "b.example/@", "", "b.example", "@");
	assert_refused(*state, STR("a@b@c.example"));
	assert_refused(*state, STR("a@/b@c.example"));
}

static void separators_made_by_a_mapping_do_not_divide(void **state)
{
	assert_refused(*state, STR("a\uff20b.example")); /* fullwidth @ */
	assert_refused(*state, STR("a\uff20b@c.example"));
	assert_refused(*state, STR("a\uff0fb@c.example")); /* fullwidth / */
	assert_refused(*state, STR("a.example\uff0fb"));
	assert_jid(*state, "a.example/b\uff20c\uff0fd", "", "a.example", "b\uff20c\uff0fd");
}

static void excluded_characters_are_refused_in_the_localpart_alone(void **state)
{
	for (int c = 1; c < 128; c++) {
		char local[] = "a?b@example.com", resource[] = "example.com/a?b";
		local[1] = resource[13] = (char)c;
		bool excluded = c <= ' ' || c == 0x7f || strchr("\"&':<>", c);
		if (c == '/' || c == '@') /* they divide elsewhere */
			continue;
		if (excluded)
			assert_refused(*state, str_from_c(local));
		else
			parse(*state, str_from_c(local));
		if (c < ' ' || c == 0x7f)
			assert_refused(*state, str_from_c(resource));
		else
			assert_str(jid_resource(parse(*state, str_from_c(resource))), str_from_c(resource + 12));
	}
}

/* U+FF01 to U+FF5E are the same characters as "!" to "~": the slow path must do with them what the fast one does. */
static void fast_and_slow_path_agree_on_every_character(void **state)
{
	for (uint32_t c = '!'; c <= '~'; c++) {
		struct arena *a = *state;
		char wide[4], narrow = (char)c;
		size_t n = utf8_write(c + 0xfee0, wide);
		struct str slow;
		const char *why;
		int slow_error = jid_normalise_local(a, str_make(wide, n), &slow, &why);
		const struct jid *j;
		int fast_error = jid_make(a, str_make(&narrow, 1), STR("example.com"), STR(""), &j, &why);
		assert_int_equal(slow_error, fast_error);
		if (!fast_error)
			assert_str(jid_local(j), slow);
		slow_error = jid_normalise_domain(a, arena_printf(a, "a%.*sb", (int)n, wide), &slow, &why);
		fast_error = jid_make(a, STR(""), arena_printf(a, "a%cb", narrow), STR(""), &j, &why);
		assert_int_equal(slow_error, fast_error);
		if (!fast_error)
			assert_str(jid_domain(j), slow);
	}
}

static void ascii_is_put_in_lower_case_but_for_the_resource(void **state)
{
	assert_jid(*state, "JULIET@Capulet.EXAMPLE/Balcony", "juliet", "capulet.example", "Balcony");
	assert_jid(*state, "[]^_`{|}~!#$%()*+,-.;=?@a", "[]^_`{|}~!#$%()*+,-.;=?", "a", "");
}

static void unicode_is_mapped_by_the_profiles(void **state)
{
	assert_jid(*state, "\u00c5\uff21\u0130@example.com/\u212b\u00a0\uff21", "\u00e5ai\u0307", "example.com",
		"\u00c5 \uff21");
	assert_jid(*state, "\u1100\u1161@example.com", "\uac00", "example.com", ""); /* jamo that compose */
	assert_refused(*state, STR("\u1100@example.com"));
	assert_refused(*state, STR("\u05d0a@example.com")); /* the Bidi Rule */
	assert_jid(*state, "example.com/\u05d0a", "", "example.com", "\u05d0a");
}

static void bytes_that_are_not_utf8_are_refused_in_each_part(void **state)
{
	static const char *const bad[] = { "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_refused(*state, arena_printf(*state, "a%s@example.com", bad[i]));
		assert_refused(*state, arena_printf(*state, "a@ex%sample.com", bad[i]));
		assert_refused(*state, arena_printf(*state, "a@example.com/%s", bad[i]));
	}
}

static void zero_bytes_are_refused_in_each_part(void **state)
{
	assert_refused(*state, STR("a\0b@example.com"));
	assert_refused(*state, STR("a@exam\0ple.com"));
	assert_refused(*state, STR("a@example.com/b\0c"));
	assert_refused(*state, STR("\u00e4\0b@example.com"));
	assert_refused(*state, STR("a@\u00e4\0ple.com"));
	assert_refused(*state, STR("a@example.com/\u00e4\0c"));
	assert_refused(*state, STR("\0"));
}

static struct str repeat(struct arena *a, const char *s, size_t times)
{
	size_t n = strlen(s);
	char *p = arena_alloc_bytes(a, n * times + 1);
	for (size_t i = 0; i < times; i++)
		memcpy(p + i * n, s, n);
	return str_make(p, n * times);
}

static int make(struct arena *a, struct str local, struct str domain, struct str resource)
{
	const struct jid *j;
	const char *why;
	int error = jid_make(a, local, domain, resource, &j, &why);
	if (!error) {
		assert_true(jid_local(j).n <= 1023 && jid_domain(j).n <= 1023 && jid_resource(j).n <= 1023);
		assert_true(jid_equal(j, parse(a, jid_full(j))));
	}
	return error;
}

static void parts_have_1023_bytes_at_most_after_mapping(void **state)
{
	struct arena *a = *state;
	struct str d = STR("example.com"), none = STR("");
	assert_int_equal(make(a, repeat(a, "a", 1023), d, none), 0);
	assert_int_equal(make(a, repeat(a, "a", 1024), d, none), -EJID);
	assert_int_equal(make(a, none, d, repeat(a, "a", 1023)), 0);
	assert_int_equal(make(a, none, d, repeat(a, "a", 1024)), -EJID);
	assert_int_equal(make(a, repeat(a, "\u00e4", 511), d, repeat(a, "\u20ac", 341)), 0);
	assert_int_equal(make(a, repeat(a, "\u00e4", 512), d, none), -EJID);
	assert_int_equal(make(a, none, d, repeat(a, "\u20ac", 342)), -EJID);
	/* Mapped to fewer bytes, and to more. */
	assert_int_equal(make(a, repeat(a, "\uff41", 1023), d, none), 0);
	assert_int_equal(make(a, repeat(a, "\uff41", 1024), d, none), -EJID);
	assert_int_equal(make(a, repeat(a, "\u0130", 341), d, none), 0);
	assert_int_equal(make(a, repeat(a, "\u0130", 342), d, none), -EJID);
}

static void longest_jid_has_3071_bytes(void **state)
{
	struct arena *a = *state;
	struct str label = repeat(a, "d", 63), part = repeat(a, "x", 1023);
	char *domain = arena_alloc_bytes(a, 1024);
	for (size_t i = 0; i < 16; i++) {
		memcpy(domain + 64 * i, label.p, 63);
		domain[64 * i + 63] = '.';
	}
	assert_int_equal(make(a, part, str_make(domain, 1023), part), 0);
	assert_int_equal(make(a, part, str_make(domain, 1024), part), 0); /* the last byte is a dot */
	const struct jid *j;
	const char *why;
	assert_int_equal(jid_make(a, part, str_make(domain, 1023), part, &j, &why), 0);
	assert_int_equal(jid_full(j).n, JID_BYTES_MAX);
}

static void huge_input_is_refused_and_costs_nothing(void **state)
{
	struct arena *a = *state;
	struct str ascii = repeat(a, "a", 1 << 20), wide = repeat(a, "\u00e4", 1 << 19);
	size_t before = arena_bytes(a);
	assert_refused(a, ascii);
	assert_refused(a, wide);
	const struct jid *j;
	const char *why;
	assert_int_equal(jid_make(a, wide, STR("a"), STR(""), &j, &why), -EJID);
	assert_int_equal(jid_make(a, STR(""), STR("a"), wide, &j, &why), -EJID);
	assert_int_equal(jid_make(a, STR(""), wide, STR(""), &j, &why), -EJID);
	assert_int_equal(arena_bytes(a), before);
}

/* The A-label and the last byte send it down the slow path after the fast one has taken its bytes. */
static void jid_costs_an_arena_no_more_than_it_says(void **state)
{
	struct arena *a = *state, *bounded = arena_new(0, JID_ARENA_BYTES_MAX + 256);
	struct str part = repeat(a, "x", 1023);
	const struct jid *j;
	const char *why;
	assert_int_equal(jid_make(bounded, part, STR("xn--mnchen-3ya.example"), part, &j, &why), 0);
	assert_int_equal(jid_full(j).n, 1023 + 1 + strlen("m\u00fcnchen.example") + 1 + 1023);
	arena_free(&bounded);
	bounded = arena_new(0, JID_ARENA_BYTES_MAX + 256);
	assert_int_equal(jid_make(bounded, part, STR("example.com"), repeat(a, "\u20ac", 341), &j, &why), 0);
	arena_free(&bounded);
}

static void parsing_is_idempotent(void **state)
{
	static const char *const inputs[] = {
		"JULIET@CAPULET.EXAMPLE./Balcony", "\uff21\u0130\u03a3@xn--mnchen-3ya\u3002EXAMPLE/\u2003x\u3000",
		"\uff76\uff9e@[2001:DB8:0:0::1]/A\u030a", "\u1e9e@FA\u1e9e.example", "\u0345\u03b1@b.example",
	};
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		const struct jid *once = parse(*state, str_from_c(inputs[i]));
		const struct jid *twice = parse(*state, jid_full(once));
		assert_str(jid_full(twice), jid_full(once));
		assert_true(jid_equal(once, twice));
	}
}

static void bare_jid_is_a_prefix_and_gives_the_hash(void **state)
{
	const struct jid *full = parse(*state, STR("juliet@capulet.example/balcony"));
	const struct jid *bare = parse(*state, STR("Juliet@capulet.example"));
	assert_str(jid_bare(full), STR("juliet@capulet.example"));
	assert_str(jid_full(full), STR("juliet@capulet.example/balcony"));
	assert_ptr_equal(jid_bare(full).p, jid_full(full).p);
	assert_int_equal(full->hash, bare->hash);
	assert_true(full->hash != parse(*state, STR("romeo@capulet.example"))->hash);
	assert_true(jid_equal_bare(full, bare));
	assert_false(jid_equal(full, bare));
	assert_true(jid_is_bare(bare) && !jid_is_bare(full) && !jid_is_domain(bare));
	assert_true(jid_is_domain(parse(*state, STR("capulet.example"))));
	assert_false(jid_is_domain(parse(*state, STR("capulet.example/a"))));
}

static void parts_do_not_run_together_when_comparing(void **state)
{
	const struct jid *x = parse(*state, STR("ab.example")), *y = parse(*state, STR("a@b.example"));
	assert_false(jid_equal(x, y));
	assert_false(jid_equal_bare(x, y));
	assert_false(jid_equal(parse(*state, STR("a.example/b")), parse(*state, STR("a.example/c"))));
	assert_false(jid_equal(parse(*state, STR("a.example/b")), parse(*state, STR("a.example"))));
}

static void parts_of_other_jids_make_new_ones(void **state)
{
	struct arena *a = *state;
	const struct jid *full = parse(a, STR("juliet@capulet.example/balcony")), *other;
	const char *why;
	const struct jid *bare = jid_to_bare(a, full);
	assert_str(jid_full(bare), STR("juliet@capulet.example"));
	assert_int_equal(bare->hash, full->hash);
	assert_ptr_equal(jid_to_bare(a, bare), bare);
	const struct jid *domain = jid_to_domain(a, full);
	assert_str(jid_full(domain), STR("capulet.example"));
	assert_true(jid_equal(domain, parse(a, STR("capulet.example"))));
	assert_int_equal(domain->hash, parse(a, STR("capulet.example"))->hash);
	assert_int_equal(jid_with_resource(a, full, STR("a\u00a0b"), &other, &why), 0);
	assert_str(jid_full(other), STR("juliet@capulet.example/a b"));
	assert_int_equal(other->hash, full->hash);
	assert_int_equal(jid_with_resource(a, full, STR(""), &other, &why), -EJID);
	assert_int_equal(jid_with_resource(a, full, STR("\t"), &other, &why), -EJID);
}

static void copy_outlives_the_arena_of_the_original(void **state)
{
	struct arena *first = arena_new(256, SIZE_MAX);
	const struct jid *copy = jid_dup(*state, parse(first, STR("juliet@capulet.example/balcony")));
	arena_free(&first);
	assert_str(jid_full(copy), STR("juliet@capulet.example/balcony"));
	assert_true(jid_equal(copy, parse(*state, STR("juliet@capulet.example/balcony"))));
}

static void a_copy_of_its_own_outlives_every_arena(void **state)
{
	struct arena *first = arena_new(256, SIZE_MAX);
	const struct jid *j = parse(first, STR("juliet@capulet.example/balcony"));
	const struct jid *copy = jid_new(j), *bare = jid_new_bare(j);
	arena_free(&first);
	assert_str(jid_full(copy), STR("juliet@capulet.example/balcony"));
	assert_true(jid_equal(copy, parse(*state, STR("juliet@capulet.example/balcony"))));
	assert_true(jid_equal(bare, parse(*state, STR("juliet@capulet.example"))));
	assert_true(jid_equal_bare(copy, bare));
	jid_free(&copy);
	jid_free(&bare);
	assert_null(copy);
	jid_free(&copy);
}

static void normalised_parts_outlive_their_input(void **state)
{
	char local[] = "juliet", resource[] = "balcony", domain[] = "capulet.example";
	struct str l, r, d;
	const char *why;
	assert_int_equal(jid_normalise_local(*state, str_from_c(local), &l, &why), 0);
	assert_int_equal(jid_normalise_resource(*state, str_from_c(resource), &r, &why), 0);
	assert_int_equal(jid_normalise_domain(*state, str_from_c(domain), &d, &why), 0);
	memset(local, 'x', 6);
	memset(resource, 'x', 7);
	memset(domain, 'x', 15);
	assert_str(l, STR("juliet"));
	assert_str(r, STR("balcony"));
	assert_str(d, STR("capulet.example"));
	assert_int_equal(jid_normalise_local(*state, STR("a@b"), &l, &why), -EJID);
	assert_int_equal(jid_normalise_local(*state, STR(""), &l, &why), -EJID);
	assert_int_equal(jid_normalise_resource(*state, STR(""), &r, &why), -EJID);
}

static void hash_is_the_same_in_every_process(void **state)
{
	assert_int_equal(parse(*state, STR("juliet@capulet.example"))->hash, 0xab79d7891f1ad1d8);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(legal_examples_of_rfc_7622_are_taken),
		T(illegal_examples_of_rfc_7622_are_refused),
		T(example_18_a_leading_space_in_the_resourcepart_is_taken),
		T(examples_9_and_10_are_equal_and_11_is_not),
		T(first_slash_then_first_at_divide),
		T(separators_made_by_a_mapping_do_not_divide),
		T(excluded_characters_are_refused_in_the_localpart_alone),
		T(fast_and_slow_path_agree_on_every_character),
		T(ascii_is_put_in_lower_case_but_for_the_resource),
		T(unicode_is_mapped_by_the_profiles),
		T(bytes_that_are_not_utf8_are_refused_in_each_part),
		T(zero_bytes_are_refused_in_each_part),
		T(parts_have_1023_bytes_at_most_after_mapping),
		T(longest_jid_has_3071_bytes),
		T(huge_input_is_refused_and_costs_nothing),
		T(jid_costs_an_arena_no_more_than_it_says),
		T(parsing_is_idempotent),
		T(bare_jid_is_a_prefix_and_gives_the_hash),
		T(parts_do_not_run_together_when_comparing),
		T(parts_of_other_jids_make_new_ones),
		T(copy_outlives_the_arena_of_the_original),
		T(a_copy_of_its_own_outlives_every_arena),
		T(normalised_parts_outlive_their_input),
		T(hash_is_the_same_in_every_process),
	};
	return cmocka_run_group_tests_name("xmpp/jid", tests, NULL, NULL);
}
