/* A process of the clients beside that of the server, so that neither's time nor memory counts for the other's. The two
 * talk over a link: whole objects, and single bytes where only the moment counts. Whoever meets the end of the other
 * fails. */
#ifndef LINNET_BENCH_CHILD_H
#define LINNET_BENCH_CHILD_H

#include "lib/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int link;
};

/* Ends the process with a line on stderr. */
NORETURN void child_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Before there are threads. In the new process runs main(ctx, link), whose result is its exit code. */
void child_start(struct child *c, int (*main)(void *ctx, int link), void *ctx);
/* Waits for its end. False if it has failed; it has said why. */
CHECK bool child_end(struct child *c);

void link_send(int link, const void *object, size_t bytes);
void link_receive(int link, void *object_r, size_t bytes);
/* Each waits for the same of the other. */
void link_meet(int link);

/* This process, and the threads it starts later, on the nth processor that it may use. False if there are not so many.
 * It stays there: begin in a process of its own. */
bool child_pin(unsigned nth);
/* How many processors this process may use. */
unsigned child_processors(void);

#endif
