#include "bench/child.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void child_fail(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

void child_start(struct child *c, int (*main)(void *ctx, int link), void *ctx)
{
	int ends[2];
	fflush(NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 || (c->pid = fork()) < 0)
		child_fail("cannot start a process: %s", strerror(errno));
	close(ends[c->pid == 0 ? 0 : 1]);
	c->link = ends[c->pid == 0 ? 1 : 0];
	if (c->pid == 0)
		exit(main(ctx, c->link));
}

bool child_end(struct child *c)
{
	int status;
	pid_t ended;
	do
		ended = waitpid(c->pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	close(c->link);
	return ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void link_send(int link, const void *object, size_t bytes)
{
	if (send(link, object, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		child_fail("the other process has gone");
}

void link_receive(int link, void *object_r, size_t bytes)
{
	if (recv(link, object_r, bytes, MSG_WAITALL) != (ssize_t)bytes)
		child_fail("the other process has gone");
}

void link_meet(int link)
{
	char there = 1;
	link_send(link, &there, 1);
	link_receive(link, &there, 1);
}

static cpu_set_t processors(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		child_fail("sched_getaffinity: %s", strerror(errno));
	return set;
}

unsigned child_processors(void)
{
	cpu_set_t set = processors();
	return (unsigned)CPU_COUNT(&set);
}

bool child_pin(unsigned nth)
{
	cpu_set_t set = processors(), one;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set) || nth--)
			continue;
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) == 0;
	}
	return false;
}
