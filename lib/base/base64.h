/* Base64, strictly (RFC 4648, 4: no line feeds, no stray characters, canonical padding), and lower-case hexadecimal. */
#ifndef LINNET_BASE64_H
#define LINNET_BASE64_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* BASE64_LEN(in.n) characters, not terminated. */
void base64_encode(struct str in, char *out);
struct str base64_dup(struct arena *a, struct str in);
void base64_add(struct buf *b, struct str in);

/* Decodes into `out`, which holds in.n / 4 * 3 bytes at least. False for anything that base64_encode would not
 * have written; *n_r is untouched then. */
CHECK bool base64_decode(struct str in, void *out, size_t *n_r);

/* 2 * in.n characters, not terminated. */
void hex_encode(struct str in, char *out);
/* in.n / 2 bytes. Either case. False for odd lengths and other characters. */
CHECK bool hex_decode(struct str in, void *out);

#endif
