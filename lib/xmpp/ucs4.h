/* Strings of code points: what the rules of PRECIS, SASLprep and IDNA work on, between UTF-8 in and UTF-8 out.
 * Only strings that are not plain ASCII come here. Unicode data from libunistring. */
#ifndef LINNET_UCS4_H
#define LINNET_UCS4_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On the heap. One owner. */
struct ucs4 {
	uint32_t *p;
	size_t n, cap;
};

/* False, with nothing to free, if it is not UTF-8. */
CHECK bool ucs4_decode(struct ucs4 *s, struct str in);
/* Gives the memory back; the string is empty afterwards. */
void ucs4_fini(struct ucs4 *s);
void ucs4_add(struct ucs4 *s, const uint32_t *p, size_t n);
struct str ucs4_encode(const struct ucs4 *s, struct arena *a);

/* The mappings below say whether they changed anything. */

/* Fullwidth and halfwidth forms to what they decompose to (RFC 8264, 5.2.1). */
bool ucs4_map_width(struct ucs4 *s);
/* Unicode's toLowercase without its one rule that looks at neighbours: a capital sigma is σ wherever it stands
 * (RFC 7622, 3.5, on examples 9 to 11). */
bool ucs4_map_lower(struct ucs4 *s);
/* The non-ASCII spaces (Zs) to U+0020. */
bool ucs4_map_spaces(struct ucs4 *s);
bool ucs4_normalise_nfc(struct ucs4 *s);

/* Appends n code points to `out` in normalisation form KC. */
void ucs4_add_nfkc(struct ucs4 *out, const uint32_t *p, size_t n);

#endif
