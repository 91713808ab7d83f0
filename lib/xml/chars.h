/* Characters: which are legal, which are white space, which may stand in a name (XML 1.0, fifth edition). Private to
 * lib/xml.
 *
 * Functions without a length read bytes that are followed by a zero byte, as the parser keeps them: no legal character
 * contains one, so every scan ends there at the latest. */
#ifndef LINNET_XML_CHARS_H
#define LINNET_XML_CHARS_H

#include "lib/base/macros.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	XML_CHAR_SPACE = 1,
	XML_CHAR_NAME = 2, /* in a name, but for the colon */
	XML_CHAR_START = 4, /* as its first character */
	XML_CHAR_ENDS = 16, /* ends a name */
	XML_CHAR_ESCAPE = 32, /* may have to be escaped by the writer */
	XML_CHAR_NO_URI = 8, /* not in a namespace (docs/SECURITY.md, S4) */
};

/* Of each ASCII byte; 0 for the others. */
extern const uint8_t xml_char_class[256];

static inline bool xml_char_is(char c, int classes)
{
	return xml_char_class[(unsigned char)c] & classes;
}

static inline bool xml_char_is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

/* Behind a run of characters beyond ASCII that begins at `p`; NULL if one of them is no legal character, *error_r and
 * *why_r saying what it is. */
char *xml_chars_beyond_ascii(char *p, int *error_r, const char **why_r);

/* Behind the name without colon that begins at `p`, NULL if none does. */
char *xml_name_end_slow(char *p);

static inline char *xml_name_end(char *p)
{
	if (LIKELY(xml_char_is(*p, XML_CHAR_START))) {
		char *q = p + 1;
		while (xml_char_is(*q, XML_CHAR_NAME))
			q++;
		if (LIKELY(xml_char_is_ascii(*q)))
			return q;
	}
	return xml_name_end_slow(p);
}

/* Whether it has nothing that is banned from namespaces; it is valid UTF-8 already. */
bool xml_is_namespace_uri(struct str uri);

#endif
