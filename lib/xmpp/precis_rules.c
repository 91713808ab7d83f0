/* The derived property of a code point (RFC 8264, 8 and 9), the contextual rules (RFC 5892, appendix A), and the Bidi
 * Rule (RFC 5893, 2). A code point that some new RFC treats apart goes into `exceptions`. */
#include "lib/xmpp/precis_rules.h"

#include "lib/base/fault.h"
#include "lib/xmpp/precis.h"

#include <string.h>
#include <unictype.h>
#include <uninorm.h>

/* RFC 5892, 2.6 (F); (G) is empty. Sorted. */
static const struct exception {
	uint16_t first, last;
	enum precis_property property;
} exceptions[] = {
	{ 0x00b7, 0x00b7, PRECIS_CONTEXTO },
	{ 0x00df, 0x00df, PRECIS_PVALID },
	{ 0x0375, 0x0375, PRECIS_CONTEXTO },
	{ 0x03c2, 0x03c2, PRECIS_PVALID },
	{ 0x05f3, 0x05f4, PRECIS_CONTEXTO },
	{ 0x0640, 0x0640, PRECIS_DISALLOWED },
	{ 0x0660, 0x0669, PRECIS_CONTEXTO },
	{ 0x06f0, 0x06f9, PRECIS_CONTEXTO },
	{ 0x06fd, 0x06fe, PRECIS_PVALID },
	{ 0x07fa, 0x07fa, PRECIS_DISALLOWED },
	{ 0x0f0b, 0x0f0b, PRECIS_PVALID },
	{ 0x3007, 0x3007, PRECIS_PVALID },
	{ 0x302e, 0x302f, PRECIS_DISALLOWED },
	{ 0x3031, 0x3035, PRECIS_DISALLOWED },
	{ 0x303b, 0x303b, PRECIS_DISALLOWED },
	{ 0x30fb, 0x30fb, PRECIS_CONTEXTO },
};

static const struct exception *find_exception(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(exceptions) && c >= exceptions[i].first; i++)
		if (c <= exceptions[i].last)
			return &exceptions[i];
	return NULL;
}

/* RFC 5892, 2.9 (I): Hangul_Syllable_Type is L, V or T. No later version of Unicode has added any. */
static bool is_old_hangul_jamo(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) || (c >= 0xd7b0 && c <= 0xd7c6) ||
		(c >= 0xd7cb && c <= 0xd7fb);
}

/* RFC 8264, 9.17 (Q): toNFKC(cp) != cp. */
static bool has_compat(uint32_t c)
{
	int tag;
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	bool is_hangul_syllable = c >= 0xac00 && c <= 0xd7a3;
	if (is_hangul_syllable || uc_decomposition(c, &tag, parts) < 0)
		return false;
	if (tag != UC_DECOMP_CANONICAL)
		return true;
	struct ucs4 form = { 0 };
	ucs4_add_nfkc(&form, &c, 1);
	bool same = form.n == 1 && form.p[0] == c;
	ucs4_fini(&form);
	return !same;
}

static enum precis_property ascii_property(uint32_t c)
{
	if (c > 0x20 && c < 0x7f)
		return PRECIS_PVALID;
	return c == 0x20 ? PRECIS_FREE : PRECIS_DISALLOWED;
}

#define LETTER_DIGITS                                                                                                  \
	(UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo | UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | \
		UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Mc)
#define OTHER_LETTER_DIGITS (UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No | UC_CATEGORY_MASK_Me)
#define SPACES_SYMBOLS_PUNCTUATION (UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S | UC_CATEGORY_MASK_P)

/* The order is that of RFC 8264, 8. */
enum precis_property precis_property(uint32_t c)
{
	if (c <= 0x7f)
		return ascii_property(c);
	const struct exception *exception = find_exception(c);
	if (exception)
		return exception->property;
	uint32_t category = uc_general_category(c).bitmask;
	bool noncharacter = uc_is_property_not_a_character(c);
	if (category == UC_CATEGORY_MASK_Cn && !noncharacter)
		return PRECIS_UNASSIGNED;
	if (c == 0x200c || c == 0x200d)
		return PRECIS_CONTEXTJ;
	if (is_old_hangul_jamo(c) || noncharacter || uc_is_property_default_ignorable_code_point(c) ||
		category == UC_CATEGORY_MASK_Cc)
		return PRECIS_DISALLOWED;
	if (has_compat(c))
		return PRECIS_FREE;
	if (category & LETTER_DIGITS)
		return PRECIS_PVALID;
	if (category & (OTHER_LETTER_DIGITS | SPACES_SYMBOLS_PUNCTUATION))
		return PRECIS_FREE;
	return PRECIS_DISALLOWED;
}

static bool has_script(uint32_t c, const char *name)
{
	const uc_script_t *script = uc_script(c);
	return script && strcmp(script->name, name) == 0;
}

static bool is_after_virama(const struct ucs4 *s, size_t at)
{
	return at > 0 && uc_combining_class(s->p[at - 1]) == UC_CCC_VR;
}

/* Skips transparent characters from `at` on, in steps of 1 or -1. */
static bool joins(const struct ucs4 *s, ptrdiff_t at, int step, int side)
{
	for (; at >= 0 && (size_t)at < s->n; at += step) {
		int type = uc_joining_type(s->p[at]);
		if (type != UC_JOINING_TYPE_T)
			return type == side || type == UC_JOINING_TYPE_D;
	}
	return false;
}

/* RFC 5892, A.1. The joiner itself is no T, so what lies between two of them is looked at twice at most. */
static bool zwnj_is_allowed(const struct ucs4 *s, size_t at)
{
	ptrdiff_t here = (ptrdiff_t)at;
	return is_after_virama(s, at) ||
		(joins(s, here - 1, -1, UC_JOINING_TYPE_L) && joins(s, here + 1, 1, UC_JOINING_TYPE_R));
}

/* The rules of one place; those on the whole string are in digits_and_dots_are_allowed. */
static bool is_allowed_here(const struct ucs4 *s, size_t at)
{
	uint32_t before = at ? s->p[at - 1] : 0, after = at + 1 < s->n ? s->p[at + 1] : 0;
	switch (s->p[at]) {
	case 0x200c:
		return zwnj_is_allowed(s, at);
	case 0x200d: /* RFC 5892, A.2 */
		return is_after_virama(s, at);
	case 0x00b7: /* A.3, middle dot */
		return before == 'l' && after == 'l';
	case 0x0375: /* A.4, keraia */
		return has_script(after, "Greek");
	case 0x05f3: /* A.5, geresh */
	case 0x05f4: /* A.6, gershayim */
		return has_script(before, "Hebrew");
	default:
		return true;
	}
}

/* RFC 5892, A.7 to A.9: a katakana middle dot needs kana or Han; the two kinds of Arabic digits do not mix. */
static bool digits_and_dots_are_allowed(const struct ucs4 *s)
{
	bool dot = false, arabic = false, extended = false;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t c = s->p[i];
		dot |= c == 0x30fb;
		arabic |= c >= 0x0660 && c <= 0x0669;
		extended |= c >= 0x06f0 && c <= 0x06f9;
	}
	for (size_t i = 0; i < s->n && dot; i++) {
		uint32_t c = s->p[i];
		dot = !has_script(c, "Hiragana") && !has_script(c, "Katakana") && !has_script(c, "Han");
	}
	return !dot && !(arabic && extended);
}

int precis_check_class(const struct ucs4 *s, bool freeform)
{
	bool context = false;
	for (size_t i = 0; i < s->n; i++) {
		switch (precis_property(s->p[i])) {
		case PRECIS_PVALID:
			break;
		case PRECIS_FREE:
			if (!freeform)
				return -PRECIS_BAD_CODE_POINT;
			break;
		case PRECIS_CONTEXTJ:
		case PRECIS_CONTEXTO:
			context = true;
			if (!is_allowed_here(s, i))
				return -PRECIS_BAD_CONTEXT;
			break;
		default:
			return -PRECIS_BAD_CODE_POINT;
		}
	}
	return context && !digits_and_dots_are_allowed(s) ? -PRECIS_BAD_CONTEXT : 0;
}

#define BIDI(class) (1u << UC_BIDI_##class)
#define RTL (BIDI(R) | BIDI(AL) | BIDI(AN))
#define RTL_ALLOWED                                                                                                    \
	(RTL | BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM))

bool precis_bidi_holds(const struct ucs4 *s)
{
	uint32_t first = 0, last = 0, seen = 0;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t class = 1u << uc_bidi_class(s->p[i]);
		if (i == 0)
			first = class;
		if (class != BIDI(NSM))
			last = class;
		seen |= class;
	}
	if (!(seen & RTL))
		return true;
	/* Conditions 1 to 4. Nothing right-to-left can meet condition 5, so 6 need not be asked. */
	return (first & (BIDI(R) | BIDI(AL))) && !(seen & ~RTL_ALLOWED) && (last & (RTL | BIDI(EN))) &&
		!((seen & BIDI(EN)) && (seen & BIDI(AN)));
}
