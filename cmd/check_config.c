/* linnet check-config: reads the configuration as the server would. */
#include "cmd/command.h"
#include "cmd/configuration.h"

#include <stdio.h>

static const struct command_option options[] = {
	CONFIGURATION_OPTIONS,
	{ 0 },
};

static int run(const struct options *given)
{
	struct arena *a = arena_new(65536, CONFIG_BYTES_MAX);
	const struct config *config;
	int code = configuration_read(a, given, "check-config", &config);
	if (!code)
		printf("The configuration is right: %zu host%s, %zu listener%s, data in " STR_FMT "\n", config->host_count,
			config->host_count == 1 ? "" : "s", config->listener_count, config->listener_count == 1 ? "" : "s",
			STR_ARG(config->data));
	arena_free(&a);
	return code ? EXIT_REFUSED : EXIT_DONE;
}

const struct command check_config_command = {
	.name = "check-config",
	.summary = "Look for mistakes in a configuration",
	.usage = "[--config FILE] [--data DIR]",
	.about = "Reads it as \"linnet serve\" would, and tells every mistake with its line and column.\n",
	.options = options,
	.run = run,
};
