/* Reading scenario files, for parse.c (lines, words, XML) and grammar.c (what they mean) only. A function that returns
 * false has reported what is wrong. */
#ifndef LINNET_SCENARIO_PARSE_H
#define LINNET_SCENARIO_PARSE_H

#include "cmd/scenario/scenario.h"
#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 64

struct word {
	struct str text; /* of a quoted one: with its escapes resolved */
	bool is_quoted;
};

/* A line and the indented lines below it. */
struct statement {
	unsigned line;
	struct str text; /* the words as they were written */
	struct word words[WORDS_MAX];
	size_t count, at; /* `at`: the next word to look at */
	struct str block; /* XML on the line and all that is indented, or empty */
	unsigned block_line;
};

enum client_mode { CLIENT_IS_OFF, CLIENT_IS_IN, CLIENT_IS_RAW };

struct parser {
	struct arena *arena;
	struct scenario *scenario;
	struct str rest;
	unsigned line; /* of the beginning of `rest` */
	/* What has been parsed so far. */
	struct step *steps;
	size_t step_cap;
	const struct jid **accounts;
	size_t account_cap;
	struct scenario_client *clients; /* SCENARIO_CLIENTS_MAX of them */
	enum client_mode modes[SCENARIO_CLIENTS_MAX];
	char *why;
	size_t why_bytes;
};

/* Always false. */
bool parse_fail(struct parser *p, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Takes the next words if they are these. */
bool statement_take(struct statement *st, const char *words);
/* The next word, or an error that says what is missing. */
CHECK bool statement_word(struct parser *p, struct statement *st, const char *what, struct str *word_r);
/* Nothing is left. */
CHECK bool statement_end(struct parser *p, const struct statement *st);
CHECK bool statement_no_block(struct parser *p, const struct statement *st);

/* The elements of the block: one at least. */
struct parsed_element {
	const struct xml_node *root;
	unsigned line;
};
CHECK bool parse_elements(
	struct parser *p, const struct statement *st, const struct parsed_element **list_r, size_t *count_r);
/* The remaining words, and those of the block, are quoted strings: joined. */
CHECK bool parse_bytes(struct parser *p, struct statement *st, struct str *bytes_r);

/* grammar.c: adds what the statement says. */
CHECK bool grammar_statement(struct parser *p, struct statement *st);

/* grammar_connect.c: what follows "connects as", … */
CHECK bool grammar_connects(struct parser *p, struct statement *st, struct step *step);
CHECK bool grammar_connects_anonymously(struct parser *p, struct statement *st, struct step *step);
CHECK bool grammar_fails_to_connect(struct parser *p, struct statement *st, struct step *step);
CHECK bool grammar_opens_raw(struct parser *p, struct statement *st, struct step *step);
CHECK bool grammar_stream_condition(struct parser *p, struct statement *st, enum stream_condition *c_r);

#endif
