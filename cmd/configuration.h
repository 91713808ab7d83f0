/* Finds and reads the configuration for the commands that need one. */
#ifndef LINNET_CMD_CONFIGURATION_H
#define LINNET_CMD_CONFIGURATION_H

#include "cmd/options.h"
#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "server/core/config.h"

/* The two options of every command that works on a server's data. */
#define CONFIGURATION_OPTIONS                                                                                          \
	{ "config", "FILE", "the configuration; without it, everything has its default" },                             \
	{ "data", "DIR", "the data folder; overrides the configuration (./linnet-data if neither says)" }

/* Lives in `a` (of CONFIG_BYTES_MAX). 0; or an exit code, with what is wrong on stderr. */
CHECK int configuration_read(
	struct arena *a, const struct options *given, const char *command, const struct config **config_r);

#endif
