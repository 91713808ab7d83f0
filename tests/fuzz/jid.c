/* JIDs from any bytes. What is accepted stays what it is, in whole and in parts, and keeps the bounds; the fast path
 * for ASCII and the slow one agree. Then the same bytes as a string for PRECIS and SASLprep. */
#include "tests/fuzz/target.h"

#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/jid_domain.h"
#include "lib/xmpp/precis.h"
#include "lib/xmpp/saslprep.h"

#include <stdio.h>

static unsigned long accepted, refused, compared;

/* Printable ASCII as its fullwidth forms, which only the slow path knows. */
static struct str widen(struct arena *a, struct str s)
{
	char *p = arena_alloc_bytes(a, 3 * s.n + 1), *at = p;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] > ' ' && s.p[i] <= '~')
			at += utf8_write((uint32_t)s.p[i] + 0xfee0, at);
		else
			*at++ = s.p[i];
	}
	return str_make(p, (size_t)(at - p));
}

static void compare_local_paths(struct arena *a, struct str local)
{
	const struct jid *j;
	struct str slow;
	const char *why;
	int error = jid_make(a, local, STR("a"), STR(""), &j, &why);
	assert_always(jid_normalise_local(a, widen(a, local), &slow, &why) == error);
	assert_always(error || str_eq(jid_local(j), slow));
}

static void compare_domain_paths(struct arena *a, struct str domain)
{
	struct str narrow, wide;
	const char *why;
	char *fast = arena_alloc_bytes(a, domain.n + 1);
	bool is_fast = jid_domain_lower_ascii(domain, fast);
	int error = jid_normalise_domain(a, domain, &narrow, &why);
	if (is_fast)
		assert_always(!error && str_eq(narrow, str_make(fast, domain.n)));
	if (domain.n == 0 || domain.p[0] == '[' || domain.p[domain.n - 1] == '.')
		return; /* an IP literal and a final dot are looked for before the mapping */
	assert_always(jid_normalise_domain(a, widen(a, domain), &wide, &why) == error);
	assert_always(error || str_eq(narrow, wide));
}

static void compare_resource_paths(struct arena *a, struct str resource)
{
	const struct jid *j;
	struct str slow, longer = arena_printf(a, STR_FMT "\u00e9", STR_ARG(resource));
	const char *why;
	int error = jid_make(a, STR(""), STR("a"), resource, &j, &why);
	assert_always(jid_normalise_resource(a, longer, &slow, &why) == error);
	assert_always(error || str_eq(jid_resource(j), str_first(slow, resource.n)));
}

static void compare_paths(struct arena *a, struct str in)
{
	struct str rest = in, before_slash, local = { NULL, 0 };
	if (!utf8_is_ascii(in) || memchr(in.p, 0, in.n))
		return;
	compared++;
	str_cut(&rest, '/', &before_slash);
	if (str_index(before_slash, '@') < before_slash.n)
		str_cut(&before_slash, '@', &local);
	if (local.n && local.n <= JID_PART_BYTES_MAX)
		compare_local_paths(a, local);
	if (before_slash.n <= JID_PART_BYTES_MAX)
		compare_domain_paths(a, before_slash);
	if (rest.n && rest.n <= JID_PART_BYTES_MAX - 2)
		compare_resource_paths(a, rest);
}

static void check_part(int (*normalise)(struct arena *, struct str, struct str *, const char **), struct arena *a,
	struct str part)
{
	struct str again;
	const char *why;
	assert_always(part.n <= JID_PART_BYTES_MAX && utf8_is_valid(part));
	if (part.n)
		assert_always(normalise(a, part, &again, &why) == 0 && str_eq(part, again));
}

static void check_accepted(struct arena *a, const struct jid *j)
{
	const struct jid *again;
	const char *why;
	check_part(jid_normalise_local, a, jid_local(j));
	check_part(jid_normalise_domain, a, jid_domain(j));
	check_part(jid_normalise_resource, a, jid_resource(j));
	assert_always(jid_domain(j).n > 0);
	assert_always(str_index(jid_bare(j), '/') == jid_bare(j).n && str_index(jid_domain(j), '@') == jid_domain(j).n);
	assert_always(jid_parse(a, jid_full(j), &again, &why) == 0);
	assert_always(str_eq(jid_full(again), jid_full(j)) && jid_equal(again, j));
	assert_always(jid_make(a, jid_local(j), jid_domain(j), jid_resource(j), &again, &why) == 0);
	assert_always(jid_equal(again, j) && jid_equal(jid_dup(a, j), j));
	assert_always(jid_equal_bare(jid_to_bare(a, j), j) && jid_is_domain(jid_to_domain(a, j)));
}

static void check_strings(struct arena *a, struct str in)
{
	struct str once, twice;
	if (precis_username_case_mapped(a, in, &once) == 0)
		assert_always(precis_username_case_mapped(a, once, &twice) == 0 && str_eq(once, twice));
	if (precis_opaque_string(a, in, &once) == 0)
		assert_always(precis_opaque_string(a, once, &twice) == 0 && str_eq(once, twice));
	if (saslprep(a, in, &once) == 0)
		assert_always(saslprep(a, once, &twice) == 0 && str_eq(once, twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena *a = arena_new(4096, SIZE_MAX), *bounded = arena_new(4096, 4096 + JID_ARENA_BYTES_MAX + 256);
	struct str in = str_make(data, n);
	const struct jid *j = NULL;
	const char *why = NULL;
	if (jid_parse(bounded, in, &j, &why) == 0) {
		accepted++;
		check_accepted(a, j);
	} else {
		refused++;
		assert_always(!j && why);
	}
	compare_paths(a, in);
	check_strings(a, in);
	arena_free(&bounded);
	arena_free(&a);
	return 0;
}

int fuzz_report(void)
{
	printf("%lu accepted, %lu refused, %lu on both paths\n", accepted, refused, compared);
	return accepted == 0 || refused == 0 || compared == 0;
}
