/* The two PRECIS profiles that JIDs use (RFC 8265, 3.3 and 4.2).
 *
 * The rules are applied in the order of RFC 8264, 7: the mappings, then the directionality rule, then the check of the
 * code points. RFC 8265 lets a preparation check the code points before the mappings too; we do not, so that what can
 * be mapped is accepted (RFC 7622, 4), such as U+212B or a Hangul syllable spelled in jamo. */
#include "lib/xmpp/precis.h"

#include "lib/base/utf8.h"
#include "lib/xmpp/precis_rules.h"
#include "lib/xmpp/ucs4.h"

#include <stdbool.h>

struct profile {
	bool (*map)(struct ucs4 *s); /* says whether it changed anything */
	bool freeform, bidi;
};

static bool map_username(struct ucs4 *s)
{
	bool changed = ucs4_map_width(s);
	changed |= ucs4_map_lower(s);
	changed |= ucs4_normalise_nfc(s);
	return changed;
}

static bool map_opaque(struct ucs4 *s)
{
	bool changed = ucs4_map_spaces(s);
	changed |= ucs4_normalise_nfc(s);
	return changed;
}

static const struct profile username_case_mapped = { .map = map_username, .bidi = true };
static const struct profile opaque_string = { .map = map_opaque, .freeform = true };

/* RFC 8264, 7: again until the string is stable, three times at most after the first. */
static bool map_until_stable(const struct profile *profile, struct ucs4 *s, bool *changed_r)
{
	*changed_r = false;
	for (int again = 0; profile->map(s); again++) {
		*changed_r = true;
		if (again == 3)
			return false;
	}
	return true;
}

static int enforce(const struct profile *profile, struct arena *a, struct str in, struct str *out_r)
{
	struct ucs4 s;
	if (!ucs4_decode(&s, in))
		return -PRECIS_NOT_UTF8;
	bool changed;
	int error = 0;
	if (!map_until_stable(profile, &s, &changed))
		error = -PRECIS_BAD_CODE_POINT;
	else if (profile->bidi && !precis_bidi_holds(&s))
		error = -PRECIS_BAD_BIDI;
	else
		error = precis_check_class(&s, profile->freeform);
	if (!error)
		*out_r = changed ? ucs4_encode(&s, a) : in;
	ucs4_fini(&s);
	return error;
}

/* True if every byte is from `first` to the tilde; *upper_r says whether there are capitals. */
static bool is_printable(struct str in, unsigned char first, bool *upper_r)
{
	bool upper = false;
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		if (c < first || c > '~')
			return false;
		upper |= c >= 'A' && c <= 'Z';
	}
	*upper_r = upper;
	return true;
}

static struct str lower_ascii(struct arena *a, struct str in)
{
	char *p = arena_alloc_bytes(a, in.n);
	for (size_t i = 0; i < in.n; i++)
		p[i] = (char)(in.p[i] >= 'A' && in.p[i] <= 'Z' ? in.p[i] + ('a' - 'A') : in.p[i]);
	return str_make(p, in.n);
}

int precis_username_case_mapped(struct arena *a, struct str in, struct str *out_r)
{
	bool upper;
	if (str_is_empty(in))
		return -PRECIS_EMPTY;
	if (is_printable(in, '!', &upper)) {
		*out_r = upper ? lower_ascii(a, in) : in;
		return 0;
	}
	return utf8_is_ascii(in) ? -PRECIS_BAD_CODE_POINT : enforce(&username_case_mapped, a, in, out_r);
}

int precis_opaque_string(struct arena *a, struct str in, struct str *out_r)
{
	bool upper;
	if (str_is_empty(in))
		return -PRECIS_EMPTY;
	if (is_printable(in, ' ', &upper)) {
		*out_r = in;
		return 0;
	}
	return utf8_is_ascii(in) ? -PRECIS_BAD_CODE_POINT : enforce(&opaque_string, a, in, out_r);
}

const char *precis_error_text(int error)
{
	switch ((enum precis_error)-error) {
	case PRECIS_EMPTY:
		return "an empty string";
	case PRECIS_NOT_UTF8:
		return "bytes that are not UTF-8";
	case PRECIS_BAD_CODE_POINT:
		return "a character that is not allowed";
	case PRECIS_BAD_CONTEXT:
		return "a character that is not allowed where it stands";
	case PRECIS_BAD_BIDI:
		return "mixed directions of writing";
	}
	return "an invalid string";
}
