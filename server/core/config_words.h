/* Words for the errors of the configuration: text quoted from the file, and "did you mean". */
#ifndef LINNET_CONFIG_WORDS_H
#define LINNET_CONFIG_WORDS_H

#include "lib/base/buf.h"
#include "lib/base/nearest.h"
#include "lib/base/str.h"

/* 'text', cut with an ellipsis when it is long. `text` is UTF-8 without control characters. */
void config_quote(struct buf *b, struct str text);

/* "; did you mean 'name'?", or nothing. */
void config_nearest_print(const struct nearest *n, struct buf *b);

#endif
