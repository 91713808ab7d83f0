/* linnet version. */
#include "cmd/command.h"

static int run(const struct options *given)
{
	(void)given;
	puts("linnet " LINNET_VERSION);
	return EXIT_DONE;
}

const struct command version_command = {
	.name = "version",
	.summary = "Print the version",
	.usage = "",
	.run = run,
};
