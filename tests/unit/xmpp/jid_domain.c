/* Domainparts: host names, internationalised names, IPv6 literals. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/jid_domain.h"

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

/* Both ways into it, and what comes out goes in again. */
static void assert_domain(struct arena *a, const char *in, const char *expected)
{
	struct str out;
	const struct jid *j;
	const char *why = "";
	if (jid_normalise_domain(a, str_from_c(in), &out, &why) != 0)
		fail_msg("<%s> is refused: %s", in, why);
	assert_string_equal(arena_dup(a, out).p, expected);
	assert_int_equal(jid_parse(a, str_from_c(in), &j, &why), 0);
	assert_string_equal(arena_dup(a, jid_full(j)).p, expected);
	assert_int_equal(jid_normalise_domain(a, out, &out, &why), 0);
	assert_string_equal(arena_dup(a, out).p, expected);
}

static void assert_refused(struct arena *a, struct str in)
{
	struct str out = STR("untouched");
	const struct jid *j;
	const char *why = NULL;
	if (jid_normalise_domain(a, in, &out, &why) == 0)
		fail_msg("<" STR_FMT "> is taken", STR_ARG(in));
	assert_string_equal(out.p, "untouched");
	assert_non_null(why);
	assert_int_equal(jid_parse(a, in, &j, &why), -EJID);
}

static void host_names_are_put_in_lower_case(void **state)
{
	assert_domain(*state, "Example.COM", "example.com");
	assert_domain(*state, "localhost", "localhost");
	assert_domain(*state, "a", "a");
	assert_domain(*state, "r3---sn-x.example", "r3---sn-x.example");
	assert_domain(*state, "1.2.3.4", "1.2.3.4");
	assert_domain(*state, "xmpp.Example", "xmpp.example");
}

static void underscores_pass_anywhere_in_an_ascii_label(void **state)
{
	assert_domain(*state, "_xmpp-client._tcp.My_Host", "_xmpp-client._tcp.my_host");
	assert_refused(*state, STR("_\u00fc.example"));
}

static void one_trailing_dot_is_stripped(void **state)
{
	assert_domain(*state, "example.com.", "example.com");
	assert_domain(*state, "m\u00fcnchen.example.", "m\u00fcnchen.example");
	assert_refused(*state, STR("example.com.."));
	assert_refused(*state, STR("."));
	assert_refused(*state, STR(""));
	/* It is stripped before anything is mapped (RFC 7622, 3.2): this is no dot yet. */
	assert_refused(*state, STR("example.com\u3002"));
}

static void labels_must_be_host_names(void **state)
{
	static const char *const bad[] = {
		".example", "a..example", "-a.example", "a-.example", "a.-", "-", "a b.example", "a%b", "a:5222",
		"a,b", "a'b",
		"a\"b", "a<b", "a&b", "a\\b", "a*.example", "a+b", "a\tb", "a\x7f", "http:", "a.example?", "a~b",
		"a;b", "(a)",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(*state, str_from_c(bad[i]));
}

static void label_has_63_bytes_at_most(void **state)
{
	char label[65] = "";
	memset(label, 'a', 64);
	assert_refused(*state, str_make(label, 64));
	assert_refused(*state, arena_printf(*state, "%.64s.example", label));
	assert_refused(*state, arena_printf(*state, "example.%.64s", label));
	label[63] = 0;
	assert_domain(*state, label, label);
	assert_domain(*state, arena_printf(*state, "x.%s.y", label).p, arena_printf(*state, "x.%s.y", label).p);
}

static void u_label_is_as_long_as_its_a_label(void **state)
{
	char label[2 * 58 + 1];
	for (size_t i = 0; i < 58; i++)
		memcpy(label + 2 * i, "\u00e9", 3);
	label[2 * 57] = 0;
	assert_domain(*state, label, label);
	label[2 * 57] = (char)0xc3;
	assert_refused(*state, str_make(label, 2 * 58));
}

static void longer_labels_and_names_are_refused_before_they_fill_anything(void **state)
{
	struct arena *a = *state;
	for (size_t times = 1; times <= 2000; times = times * 3 / 2 + 1) {
		char *p = arena_alloc_bytes(a, 3 * times);
		for (size_t i = 0; i < times; i++)
			memcpy(p + 3 * i, "\u4e2d", 3);
		struct str out;
		const char *why;
		int error = jid_normalise_domain(a, str_make(p, 3 * times), &out, &why);
		assert_int_equal(error, times <= 42 ? 0 : -EJID);
	}
	for (size_t times = 500; times <= 520; times++) {
		char *p = arena_alloc_bytes(a, 2 * times);
		struct str out;
		const char *why;
		for (size_t i = 0; i < times; i++)
			memcpy(p + 2 * i, i ? ".a" : "\u00fc", 2);
		int error = jid_normalise_domain(a, str_make(p, 2 * times), &out, &why);
		assert_int_equal(error, 2 * times <= 1023 ? 0 : -EJID);
		if (!error)
			assert_int_equal(out.n, 2 * times);
	}
}

static void names_are_mapped_before_they_are_divided(void **state)
{
	assert_domain(*state, "M\u00dcNCHEN.example", "m\u00fcnchen.example");
	assert_domain(*state, "mu\u0308nchen.example", "m\u00fcnchen.example");
	assert_domain(*state, "\uff25xample\uff0ecom", "example.com");
	assert_domain(*state, "a\u3002b\uff61c", "a.b.c");
	assert_domain(*state, "\uff76\uff9e.example", "\u30ac.example");
	assert_domain(*state, "FA\u1e9e.example", "fa\u00df.example");
	assert_domain(*state, "\u0130.example", "i\u0307.example");
	assert_domain(*state, "\u03c3\u03a3.example", "\u03c3\u03c3.example");
	assert_domain(*state, "\u03c3\u03c2.example", "\u03c3\u03c2.example");
}

/* IDNA2008 has them in capitals. Found by the fuzzer: the A-label was taken, its U-label refused. */
static void cherokee_is_mapped_to_capitals(void **state)
{
	assert_domain(*state, "\u13a0\u13ef.example", "\u13a0\u13ef.example");
	assert_domain(*state, "\uab70\uabbf.example", "\u13a0\u13ef.example");
	assert_domain(*state, "\u13f0\u13fd", "\u13f0\u13f5");
	assert_domain(*state, "xn--xn--fiqs8s", "\u13efx\u13ebn-\u1412");
}

static void a_labels_become_u_labels(void **state)
{
	assert_domain(*state, "xn--mnchen-3ya.example", "m\u00fcnchen.example");
	assert_domain(*state, "XN--Mnchen-3YA.example", "m\u00fcnchen.example");
	assert_domain(*state, "example.xn--fiqs8s", "example.\u4e2d\u56fd");
	assert_domain(*state, "xn--fa-hia.xn--zca", "fa\u00df.\u00df");
	assert_domain(*state, "\uff58n--zca", "\u00df");
}

static void labels_that_only_look_like_a_labels_are_refused(void **state)
{
	static const char *const bad[] = {
		"xn--", "xn--a", "xn--a-", "xn---", "xn--abc-", /* no Punycode, or of ASCII alone */
		"xn--ls8h", /* U+1F4A9 */
		"xn--mnchen-3yA2", "xn--999999999999", "xn--mNchen-3y\u00e4",
		"xn--mnchen-psa", /* a capital U+00DC */
		"xn--munchen-gie", /* u and U+0308: not in NFC */
		"xn--xy-r13a", /* a dot made of U+3002 */
		"a.xn--.b", "xn--\u00fc",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(*state, str_from_c(bad[i]));
}

/* RFC 5891, 4.2. */
static void u_labels_are_checked_as_for_registration(void **state)
{
	static const char *const bad[] = {
		"a\u2665", "\u00a9", "-\u00fc", "\u00fc-", "ab--\u00fc", "\u0301\u00fc", "\u00fc b",
		"\u0640\u0628", "\u05d0a", "a\u05d0", "\u0660\u06f0", "a\u00b7l", "a\u200db", "\u30fb\u00fc",
		"\u00ad\u00fc", "\u1100", "\ue000", "\ufdd0", "\u0378", "\u00fc\u2024com", "\u00fc\u200b",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(*state, str_from_c(bad[i]));
	assert_domain(*state, "l\u00b7l.cat", "l\u00b7l.cat");
	assert_domain(*state, "\u0915\u094d\u200d\u0937.example", "\u0915\u094d\u200d\u0937.example");
	assert_domain(*state, "\u0627\u0628.example", "\u0627\u0628.example");
	assert_domain(*state, "\u30ab\u30fb\u30ab", "\u30ab\u30fb\u30ab");
}

static void ipv6_literals_get_one_spelling(void **state)
{
	assert_domain(*state, "[::1]", "[::1]");
	assert_domain(*state, "[2001:DB8:0:0:0::1]", "[2001:db8::1]");
	assert_domain(*state, "[2001:0db8::0001].", "[2001:db8::1]");
	assert_domain(*state, "[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]");
	assert_domain(*state, "[::]", "[::]");
}

static void other_bracketed_things_are_refused(void **state)
{
	static const char *const bad[] = {
		"[", "[]", "[::1", "::1]", "::1", "[::1]a", "[::1].a", "[[::1]]", "[1.2.3.4]", "[::1%25eth0]",
		"[fe80::1%eth0]",
		"[v1.a]", "[::g]", "[1:2:3:4:5:6:7:8:9]", "[ ::1]", "[::1]:5222", "[\u00fc]", "\uff3b::1]", "[:::]",
		"[0000000000000000000000000000000000000000000000000000000000000001::1]",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_refused(*state, str_from_c(bad[i]));
	assert_refused(*state, STR("[::1\0]"));
	assert_refused(*state, STR("[::1\0garbage]"));
}

static void fast_path_takes_no_more_than_the_slow_one(void **state)
{
	static const char *const names[] = {
		"a", "A.B", "a-b", "_a", "1.2.3.4", "xn--zca", "a.xn--zca", "XN--ZCA", "-a", "a-", "a..b", ".a", "a.",
		"", "\u00fc",
		"a b", "[::1]", "xn-", "xn--", "xnn--a", "a\x7f",
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char out[64];
		struct str in = str_from_c(names[i]), slow;
		const char *why;
		if (!jid_domain_lower_ascii(in, out))
			continue;
		assert_int_equal(jid_normalise_domain(*state, in, &slow, &why), 0);
		assert_true(str_eq(slow, str_make(out, in.n)));
	}
	char out[8];
	assert_true(jid_domain_lower_ascii(STR("A-1.b_C"), out));
	assert_memory_equal(out, "a-1.b_c", 7);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(host_names_are_put_in_lower_case),
		T(underscores_pass_anywhere_in_an_ascii_label),
		T(one_trailing_dot_is_stripped),
		T(labels_must_be_host_names),
		T(label_has_63_bytes_at_most),
		T(u_label_is_as_long_as_its_a_label),
		T(longer_labels_and_names_are_refused_before_they_fill_anything),
		T(names_are_mapped_before_they_are_divided),
		T(cherokee_is_mapped_to_capitals),
		T(a_labels_become_u_labels),
		T(labels_that_only_look_like_a_labels_are_refused),
		T(u_labels_are_checked_as_for_registration),
		T(ipv6_literals_get_one_spelling),
		T(other_bracketed_things_are_refused),
		T(fast_path_takes_no_more_than_the_slow_one),
	};
	return cmocka_run_group_tests_name("xmpp/jid_domain", tests, NULL, NULL);
}
