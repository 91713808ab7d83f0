/* Elements of a scenario with templates in them: expected ones, which are matched (match.h), and sent ones. */
#ifndef LINNET_SCENARIO_PATTERN_H
#define LINNET_SCENARIO_PATTERN_H

#include "cmd/scenario/template.h"
#include "cmd/scenario/variables.h"
#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/node.h"

#include <stdbool.h>
#include <stddef.h>

struct pattern_attribute {
	struct str ns, name; /* ns empty: in none */
	struct template value;
};

/* An expected element. Immutable. */
struct pattern {
	const struct xml_node *element; /* as it was written */
	const struct pattern_attribute *attributes;
	size_t attribute_count;
	const struct pattern **children;
	size_t child_count;
	struct template text; /* directly inside */
	/* {more}: further attributes, children and text are fine. {ordered}: the order of the children counts. */
	bool has_more, is_ordered;
	/* White space at the ends of the text, and between children, counts only in an element that holds text alone.
	 */
	bool is_trimmed;
};

/* False, with *why_r static, if a template is wrong. `root` lives as long as `a`. */
CHECK bool pattern_compile(
	struct arena *a, const struct xml_node *root, const struct pattern **p_r, const char **why_r);

/* Checks the templates of an element that is to be sent. */
CHECK bool pattern_check_sent(struct arena *scratch, const struct xml_node *root, const char **why_r);
/* A copy in `a` with the templates filled in, and without white space between children. False, with the name of a
 * variable that has no value. */
CHECK bool pattern_fill(struct arena *a, const struct xml_node *root, const struct variables *v,
	const struct xml_node **filled_r, struct str *unbound_r);

#endif
