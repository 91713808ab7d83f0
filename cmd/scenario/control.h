/* The program that can kill and start the server: run with one argument, "kill", "stop", "start" or "restart"; it exits
 * with 0 once that is done. No shell. */
#ifndef LINNET_SCENARIO_CONTROL_H
#define LINNET_SCENARIO_CONTROL_H

#include "cmd/scenario/scenario.h"
#include "lib/base/macros.h"

#include <stdbool.h>
#include <sys/types.h>

struct control {
	const char *program; /* NULL: there is none */
	pid_t pid;           /* of the one that is running; 0: none */
	char error[256];
};

/* Starts it; false if it cannot be started. */
CHECK bool control_start(struct control *c, enum server_act act);
/* True once the one that was started has ended; *error_r is NULL if it has done its work. */
CHECK bool control_has_ended(struct control *c, const char **error_r);

#endif
