/* Attribute values and text, decoded in place: references, line ends, CDATA. What is decoded is never longer than what
 * it was, so it is written over it. Private to lib/xml; for the bytes around `at` see chars.h. */
#ifndef LINNET_XML_DECODE_H
#define LINNET_XML_DECODE_H

#include <stddef.h>

/* From `at`, inside a value of which *n_r bytes before are plain already, to the closing quote. *n_r becomes the length
 * of the whole value. NULL with a negative enum xml_error if it is wrong. */
char *xml_decode_value(char *at, char quote, size_t *n_r, int *error_r, const char **why_r);

/* The same for text, which ends before the < of a tag; CDATA is part of it. */
char *xml_decode_text(char *at, size_t *n_r, int *error_r, const char **why_r);

#endif
