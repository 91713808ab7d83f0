/* A log sink that writes to stderr, with the time and the level. */
#ifndef LINNET_CMD_LOG_STDERR_H
#define LINNET_CMD_LOG_STDERR_H

#include "lib/base/log.h"
#include "lib/base/macros.h"

#include <stdbool.h>

/* False if there is no such level. */
CHECK bool log_stderr_init(struct log_sink *sink, const char *level);

#endif
