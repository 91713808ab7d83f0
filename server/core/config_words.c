/* Quotes and suggestions. */
#include "server/core/config_words.h"

#include "lib/base/utf8.h"

#define QUOTE_BYTES_MAX 64

void config_quote(struct buf *b, struct str text)
{
	struct str shown = utf8_first(text, QUOTE_BYTES_MAX);
	buf_add_byte(b, '\'');
	buf_add(b, shown);
	if (shown.n < text.n)
		buf_lit(b, "…");
	buf_add_byte(b, '\'');
}

void config_nearest_print(const struct nearest *n, struct buf *b)
{
	if (n->best.n == 0)
		return;
	buf_lit(b, "; did you mean ");
	config_quote(b, n->best);
	buf_add_byte(b, '?');
}
