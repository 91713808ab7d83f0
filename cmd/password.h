/* Passwords for commands: from a file, a terminal (twice, unseen), or standard input; never from the command line. */
#ifndef LINNET_CMD_PASSWORD_H
#define LINNET_CMD_PASSWORD_H

#include "lib/base/macros.h"

#include <stddef.h>

#define PASSWORD_BYTES_MAX 1024

/* The first line of `file` ("-": standard input; NULL: asks at the terminal, or reads standard input if there is none), without its
 * line feed. 0, or an exit code with the reason on stderr. Wipe it after use. */
CHECK int password_read(const char *command, const char *file, char password[PASSWORD_BYTES_MAX + 1]);

#endif
