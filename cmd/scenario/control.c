/* Running the control program. */
#include "cmd/scenario/control.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool control_start(struct control *c, enum server_act act)
{
	posix_spawn_file_actions_t files;
	char *const argv[] = { (char *)c->program, (char *)server_act_name(act), NULL };
	posix_spawn_file_actions_init(&files);
	/* Our stdout is for results. */
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	int r = posix_spawn(&c->pid, c->program, &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (r != 0) {
		c->pid = 0;
		fprintf(stderr, "linnet scenario: %s: %s\n", c->program, strerror(r));
	}
	return r == 0;
}

bool control_has_ended(struct control *c, const char **error_r)
{
	int status;
	*error_r = NULL;
	if (c->pid == 0)
		return false;
	pid_t pid = waitpid(c->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	c->pid = 0;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (pid > 0 && WIFEXITED(status))
		snprintf(c->error, sizeof(c->error), "%s: exit code %d", c->program, WEXITSTATUS(status));
	else
		snprintf(c->error, sizeof(c->error), "%s: died", c->program);
	*error_r = c->error;
	return true;
}
