/* A command of the program: `linnet NAME …`. Each is one const struct in a file of its own, named for it (ping.c has
 * ping_command), and a word in COMMANDS below; its help is printed from the struct. */
#ifndef LINNET_COMMAND_H
#define LINNET_COMMAND_H

#include "cmd/options.h"

#include <stdio.h>

/* What every command exits with. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* refused or failed */
	EXIT_USAGE = 2,   /* wrong use, or it could not start */
};

struct command {
	const char *name;
	const char *summary;              /* one line, for `linnet help` */
	const char *usage;                /* what follows the name; empty if nothing does */
	const char *about;                /* the rest of its --help: paragraphs, each line with its line feed */
	const struct command_option *options;     /* ends with an empty one; NULL if there are none */
	int arguments_min, arguments_max; /* besides the options */
	int (*run)(const struct options *given);
};

/* All of them, in the order of `linnet help`. */
#define COMMANDS(X)                                                                                                    \
	X(serve) X(user) X(host) X(session) X(status) X(check_config) X(scenario) X(modules) X(options) X(jid) X(help) X(version)

#define X(name) extern const struct command name##_command;
COMMANDS(X)
#undef X

/* The same as a table; ends with NULL. */
extern const struct command *const commands[];

/* NULL, after an error on stderr that names the nearest one, if there is no such command. */
const struct command *command_find(const char *name);

/* The text of `linnet help`. */
void help_print_program(FILE *to);
/* The text of `linnet NAME --help`. */
void help_print_command(const struct command *c);

#endif
