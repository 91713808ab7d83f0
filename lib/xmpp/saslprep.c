/* SASLprep: map, normalise, prohibit, check directions (RFC 3454, 3, with the choices of RFC 4013).
 *
 * Unicode 3.2 throughout, so that a password hashes to the same bytes here and at any client, whatever Unicode either
 * has: what 3.2 had not assigned passes unchanged, and is normalised neither with what is before it nor behind it. */
#include "lib/xmpp/saslprep.h"

#include "lib/xmpp/saslprep_tables.h"
#include "lib/xmpp/ucs4.h"

#include <stdbool.h>

static bool is_in(uint32_t c, const struct range *table, size_t count)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c > table[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && c >= table[low].first;
}

#define IS_IN(c, table) is_in((c), (table), ARRAY_LEN(table))

static uint32_t as_in_3_2(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(corrected_later); i++)
		if (c == corrected_later[i].from)
			return corrected_later[i].to;
	return c;
}

/* RFC 4013, 2.1. U+200B is in both tables: a space, as it stands in the first. */
static void map(struct ucs4 *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t c = s->p[i];
		if (IS_IN(c, spaces))
			s->p[n++] = ' ';
		else if (!IS_IN(c, mapped_to_nothing))
			s->p[n++] = as_in_3_2(c);
	}
	s->n = n;
}

/* RFC 4013, 2.2, with the Unicode of today, of which the part that 3.2 knew is stable. */
static struct ucs4 normalised(const struct ucs4 *s)
{
	struct ucs4 out = { 0 };
	for (size_t i = 0, from = 0; i <= s->n; i++) {
		if (i < s->n && !IS_IN(s->p[i], unassigned))
			continue;
		ucs4_add_nfkc(&out, s->p + from, i - from);
		if (i < s->n)
			ucs4_add(&out, s->p + i, 1);
		from = i + 1;
	}
	return out;
}

static bool has_prohibited(const struct ucs4 *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (IS_IN(s->p[i], prohibited))
			return true;
	return false;
}

/* RFC 3454, 6, requirements 2 and 3. */
static bool bidi_holds(const struct ucs4 *s)
{
	bool right = false, left = false;
	for (size_t i = 0; i < s->n; i++) {
		right |= IS_IN(s->p[i], right_to_left);
		left |= IS_IN(s->p[i], left_to_right);
	}
	if (!right)
		return true;
	return !left && IS_IN(s->p[0], right_to_left) && IS_IN(s->p[s->n - 1], right_to_left);
}

static int prepare(struct arena *a, struct str in, struct str *out_r)
{
	struct ucs4 s;
	if (!ucs4_decode(&s, in))
		return -1;
	map(&s);
	struct ucs4 form = normalised(&s);
	ucs4_fini(&s);
	bool ok = form.n && !has_prohibited(&form) && bidi_holds(&form);
	if (ok)
		*out_r = ucs4_encode(&form, a);
	ucs4_fini(&form);
	return ok ? 0 : -1;
}

int saslprep(struct arena *a, struct str in, struct str *out_r)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] < ' ' || in.p[i] > '~') /* a negative char is not ASCII */
			return prepare(a, in, out_r);
	if (str_is_empty(in))
		return -1;
	*out_r = in;
	return 0;
}
