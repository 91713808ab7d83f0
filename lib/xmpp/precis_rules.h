/* The rules of PRECIS that look at a whole string; the property of a single code point is in precis.h. */
#ifndef LINNET_PRECIS_RULES_H
#define LINNET_PRECIS_RULES_H

#include "lib/base/macros.h"
#include "lib/xmpp/ucs4.h"

#include <stdbool.h>

/* The behavioral rules (RFC 8264, 7, step 6): every code point is valid, or allowed where it stands (RFC 5892, A).
 * `freeform` is the FreeformClass, else the IdentifierClass. 0, or a negative enum precis_error. */
CHECK int precis_check_class(const struct ucs4 *s, bool freeform);

/* The Bidi Rule (RFC 5893, 2); true also for a string without right-to-left characters. */
bool precis_bidi_holds(const struct ucs4 *s);

#endif
