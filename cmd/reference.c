/* linnet modules, linnet options: the references, printed from the tables that the server itself works from. */
#include "cmd/command.h"

#include "lib/base/buf.h"
#include "server/core/config.h"

#include <stdio.h>

#define REFERENCE_BYTES_MAX (16u << 20)

static int print(void (*reference)(struct buf *b, const struct module *const *modules))
{
	struct buf b;
	buf_init(&b, REFERENCE_BYTES_MAX);
	reference(&b, module_list);
	fwrite(buf_str(&b).p, 1, buf_len(&b), stdout);
	buf_fini(&b);
	return EXIT_DONE;
}

static int run_modules(const struct options *given)
{
	(void)given;
	return print(config_print_modules);
}

static int run_options(const struct options *given)
{
	(void)given;
	return print(config_print_reference);
}

const struct command modules_command = {
	.name = "modules",
	.summary = "List the modules and the specifications they implement",
	.usage = "",
	.about = "Prints docs/MODULES.md.\n",
	.run = run_modules,
};

const struct command options_command = {
	.name = "options",
	.summary = "List all options of the configuration",
	.usage = "",
	.about = "Prints docs/OPTIONS.md.\n",
	.run = run_options,
};
