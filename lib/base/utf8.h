/* UTF-8, strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef LINNET_UTF8_H
#define LINNET_UTF8_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool utf8_is_valid(struct str s);
bool utf8_is_ascii(struct str s);

/* Takes the first code point off *s. -1, with *s untouched, if it does not begin with a valid one or is empty. */
int32_t utf8_take(struct str *s);

/* Writes 1 to 4 bytes for a valid code point and returns how many. */
size_t utf8_write(uint32_t code_point, char out[4]);

/* The longest prefix of at most n bytes that does not end inside a code point; `s` is valid. */
struct str utf8_first(struct str s, size_t n);

#endif
