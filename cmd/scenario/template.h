/* Texts of a scenario, some places of which stand for something else:
 *
 *     {any}        any text               {=name}     a variable: bound where it is met first, compared later
 *     {c*2000}     c, so many times       {{          an opening brace
 *     {more}, {ordered}                   no text: they say something of the element around them
 *
 * A place that is open ({any}, an unbound variable) reaches as far as the text behind it is met first, so that no
 * matching takes more than one look at each byte of what is received. */
#ifndef LINNET_SCENARIO_TEMPLATE_H
#define LINNET_SCENARIO_TEMPLATE_H

#include "cmd/scenario/variables.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* What repetitions may make of one text. */
#define TEMPLATE_BYTES_MAX (4u << 20)

enum piece_kind { PIECE_TEXT, PIECE_ANY, PIECE_VARIABLE };

struct piece {
	enum piece_kind kind;
	struct str text; /* or the name of the variable */
	size_t times;    /* of a text; made when it is needed */
};

struct template
{
	const struct piece *pieces; /* no two open ones side by side */
	size_t count;
	bool has_more, is_ordered;
};

/* Lives in `a`; slices of `in` are borrowed. False, with *why_r static, if a brace begins nothing that is known. */
CHECK bool template_parse(struct arena *a, struct str in, struct template *t_r, const char **why_r);
/* Without white space at its ends. */
void template_trim(struct template *t);
/* True if it stands for one text only, once its variables have values. */
bool template_is_sendable(const struct template *t);

/* The text, with the values of its variables. False, with the name of a variable that has none. */
CHECK bool template_expand(const struct template *t, const struct variables *v, struct buf *out, struct str *unbound_r);

/* True if all of `text` is what the template says; then its open variables have been bound, to slices of `text`. */
bool template_match(const struct template *t, struct str text, struct variables *v, struct arena *scratch);

enum template_result { TEMPLATE_NO, TEMPLATE_YES, TEMPLATE_NEEDS_MORE };

/* The same for the beginning of what may go on; *used_r bytes are what matched. An open place at the end is empty. */
enum template_result template_match_start(
	const struct template *t, struct str text, struct variables *v, struct arena *scratch, size_t *used_r);

#endif
