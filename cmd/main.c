/* The program: finds the command, parses its options, runs it. How to add a command: docs/HACKING.md. */
#include "cmd/command.h"

#include "lib/base/nearest.h"

#include <errno.h>
#include <string.h>

const struct command *const commands[] = {
#define X(name) &name##_command,
	COMMANDS(X)
#undef X
		NULL,
};

const struct command *command_find(const char *name)
{
	struct nearest near = nearest_to(str_from_c(name));
	for (const struct command *const *c = commands; *c; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
		nearest_consider(&near, str_from_c((*c)->name));
	}
	fprintf(stderr, "linnet: there is no command \"%s\"", name);
	if (near.best.n)
		fprintf(stderr, "; did you mean \"" STR_FMT "\"?", STR_ARG(near.best));
	fputs("\nSee: linnet help\n", stderr);
	return NULL;
}

static int run_command(const struct command *c, int argc, char **argv)
{
	struct options given;
	if (options_parse(c->options, c->name, argc, argv, &given) != 0)
		return EXIT_USAGE;
	if (given.help) {
		help_print_command(c);
		return EXIT_DONE;
	}
	if (given.argument_count < c->arguments_min || given.argument_count > c->arguments_max) {
		bool few = given.argument_count < c->arguments_min;
		fprintf(stderr, "linnet %s: too %s arguments\nUsage: linnet %s%s%s\nSee: linnet %s --help\n", c->name,
			few ? "few" : "many", c->name, c->usage[0] ? " " : "", c->usage, c->name);
		return EXIT_USAGE;
	}
	return c->run(&given);
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		help_print_program(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0)
		name = "version";
	const struct command *c = command_find(name);
	return c ? run_command(c, argc - 2, argv + 2) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
	int code = run(argc, argv);
	/* A result that could not be written (a full disk) must not look like one. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_DONE) {
		fprintf(stderr, "linnet: cannot write the output: %s\n", strerror(errno));
		code = EXIT_REFUSED;
	}
	return code;
}
