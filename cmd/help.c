/* linnet help: all commands, or one of them. */
#include "cmd/command.h"

void help_print_program(FILE *to)
{
	fputs("Linnet, an XMPP suite.\n\nUsage: linnet COMMAND [OPTION…] [ARGUMENT…]\n\nCommands:\n", to);
	for (const struct command *const *c = commands; *c; c++)
		fprintf(to, "  %-14s%s\n", (*c)->name, (*c)->summary);
	fputs("\nlinnet COMMAND --help tells more about one.\n"
	      "Exit codes: 0 done, 1 refused or failed, 2 wrong use or could not start.\n",
		to);
}

void help_print_command(const struct command *c)
{
	printf("linnet %s: %s\n\nUsage: linnet %s%s%s\n\n", c->name, c->summary, c->name, c->usage[0] ? " " : "",
		c->usage);
	if (c->about)
		printf("%s\n", c->about);
	puts("Options:");
	options_print(c->options, stdout);
}

static int run(const struct options *given)
{
	if (given->argument_count == 0) {
		help_print_program(stdout);
		return EXIT_DONE;
	}
	const struct command *c = command_find(given->arguments[0]);
	if (!c)
		return EXIT_USAGE;
	help_print_command(c);
	return EXIT_DONE;
}

const struct command help_command = {
	.name = "help",
	.summary = "List the commands, or tell about one",
	.usage = "[COMMAND]",
	.arguments_max = 1,
	.run = run,
};
