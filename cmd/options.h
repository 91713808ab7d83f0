/* Options of a command line, declared as a table and parsed into what was given.
 *
 * --name VALUE, --name=VALUE, or --name for a flag; they may follow the arguments; "--" ends them; -h is --help, which
 * every command has. What is given twice counts as given last. */
#ifndef LINNET_OPTIONS_H
#define LINNET_OPTIONS_H

#include "lib/base/macros.h"

#include <stdbool.h>
#include <stdio.h>

#define OPTIONS_MAX 16

struct command_option {
	const char *name;  /* without the dashes */
	const char *value; /* what its value is called in the help; NULL for a flag */
	const char *help;  /* one line */
};

/* What was given. Borrows the table and argv. */
struct options {
	const struct command_option *table;      /* ends with an empty one; may be NULL */
	const char *values[OPTIONS_MAX]; /* by place in the table; NULL: not given */
	bool help;                       /* --help: nothing else counts */
	char **arguments;                /* what is no option, in order; inside argv, which is sorted in place */
	int argument_count;
};

/* argv holds what follows the name of the command. On wrong use says why on stderr, as `command`, and returns -1. */
CHECK int options_parse(
	const struct command_option *table, const char *command, int argc, char **argv, struct options *given_r);

/* NULL if it was not given; a flag that was given has the value "". The name must be in the table. */
const char *options_value(const struct options *given, const char *name);
bool options_has(const struct options *given, const char *name);

/* A line for each option of the table, and one for --help. */
void options_print(const struct command_option *table, FILE *to);

#endif
