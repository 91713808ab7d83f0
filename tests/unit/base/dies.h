/* For tests of what must not happen: runs a statement in a child, which has to end in assert_always. */
#ifndef LINNET_TEST_DIES_H
#define LINNET_TEST_DIES_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool dies_aborted(pid_t child)
{
	int status = 0;
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* In the child: no core file, no words on the terminal. */
static inline void dies_quietly(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	close(STDERR_FILENO);
}

#define assert_dies(statement)                                                                                         \
	do {                                                                                                           \
		pid_t child = fork();                                                                                  \
		if (child == 0) {                                                                                      \
			dies_quietly();                                                                                \
			statement;                                                                                     \
			_exit(0);                                                                                      \
		}                                                                                                      \
		assert_true(child > 0 && dies_aborted(child));                                                         \
	} while (0)

#endif
