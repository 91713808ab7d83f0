/* What parser.c and document.c share: the parser's state, and how its functions read. Private to lib/xml.
 *
 * The functions that read take the place where they begin, and return the place behind what they have read: NULL if it
 * is wrong, p->error and p->why saying why. */
#ifndef LINNET_XML_PARSER_STATE_H
#define LINNET_XML_PARSER_STATE_H

#include "lib/xml/bind.h"
#include "lib/xml/chars.h"
#include "lib/xml/parser.h"

struct open {
	struct xml_node *node;
	struct str name; /* as it is written */
};

/* An attribute whose prefix waits for the declarations behind it. */
struct prefixed {
	unsigned index;
	struct str prefix;
};

struct parser {
	const char *end;
	struct arena *arena;
	const struct xml_rules *rules;
	const struct xml_node **link; /* where the next node goes */
	unsigned depth;
	int error;
	const char *why;
	/* Of the current tag. */
	bool empty, maybe_twice;
	unsigned attr_count, prefixed_count;
	uint64_t seen; /* a bit for each local name; two of the same may be a duplicate */
	struct xml_bindings bindings;
	struct xml_attr attrs[XML_ATTRIBUTES_MAX];
	struct prefixed prefixed[XML_ATTRIBUTES_MAX];
	struct open open[XML_DEPTH_MAX + 1]; /* at 1: the top */
};

/* Copies the bytes, with zeros behind them: where to begin, or NULL. *root_r gets the tree. */
char *xml_parser_begin(struct parser *p, struct arena *a, struct str bytes, const struct xml_scope *scope,
	const struct xml_rules *rules, const struct xml_node **root_r);

/* A start tag, at its <; p->depth is 0 again if it was an empty element at the top. */
char *xml_parser_read_start(struct parser *p, char *at);

static inline char *fail(struct parser *p, enum xml_error error, const char *why)
{
	p->error = -(int)error;
	p->why = why;
	return NULL;
}

/* What no rule expects at `at`: the end of all, or a byte that is wrong anywhere, or just wrong here. */
char *xml_parser_fail_at(struct parser *p, char *at, const char *why);

static inline char *skip_space(char *at)
{
	while (xml_char_is(*at, XML_CHAR_SPACE))
		at++;
	return at;
}

#endif
