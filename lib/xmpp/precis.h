/* PRECIS (RFC 8264): the property of each code point, and the two profiles that JIDs use (RFC 8265, by RFC 7622, 3).
 * Unicode properties come from libunistring. ASCII takes a fast path. No state, any thread. */
#ifndef LINNET_PRECIS_H
#define LINNET_PRECIS_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdint.h>

/* RFC 8264, 8: the derived property values, those of the two string classes joined (ID_DIS or FREE_PVAL is
 * PRECIS_FREE). */
enum precis_property {
	PRECIS_PVALID,
	PRECIS_FREE, /* FREE_PVAL for the FreeformClass, ID_DIS for the IdentifierClass */
	PRECIS_CONTEXTJ,
	PRECIS_CONTEXTO,
	PRECIS_DISALLOWED,
	PRECIS_UNASSIGNED,
};

enum precis_property precis_property(uint32_t code_point);

/* Returned as negative int. */
enum precis_error { PRECIS_EMPTY = 1, PRECIS_NOT_UTF8, PRECIS_BAD_CODE_POINT, PRECIS_BAD_CONTEXT, PRECIS_BAD_BIDI };

/* Prepare and enforce; 0 with a slice in `a` (or `in` itself when it is unchanged), or a negative enum precis_error. */
CHECK int precis_username_case_mapped(struct arena *a, struct str in, struct str *out_r);
CHECK int precis_opaque_string(struct arena *a, struct str in, struct str *out_r);

/* Static text for an enum precis_error, negative as returned. */
const char *precis_error_text(int error);

#endif
