/* Forks, and counts what becomes of the children. A child that does not come to its end is killed by its alarm. */
#include "tests/sim/faults/points.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SECONDS_MAX 60

static const struct {
	const char *name, *text;
	unsigned ways;
} kinds[] = {
#define X(name, ways, text) { #name, text, ways },
	POINT_KINDS(X)
#undef X
};

const char *point_kind_name(enum point_kind kind)
{
	return kinds[kind].name;
}

const char *point_kind_text(enum point_kind kind)
{
	return kinds[kind].text;
}

unsigned point_kind_ways(enum point_kind kind)
{
	return kinds[kind].ways;
}

NORETURN void points_end(const struct points *p, const char *what)
{
	if (what)
		printf("%s %" PRIu64 ", way %u: %s\n", point_kind_name(p->kind), p->at, p->way, what);
	fflush(stdout);
	_exit(what ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* 0 if it was well. */
static int outcome_of(const struct points *p, unsigned way, pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) != child)
		abort();
	if (WIFSIGNALED(status))
		printf("%s %" PRIu64 ", way %u: %s\n", point_kind_name(p->kind), p->met, way,
			WTERMSIG(status) == SIGALRM ? "does not come to an end" : strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) > EXIT_FAILURE)
		printf("%s %" PRIu64 ", way %u: exit code %d\n", point_kind_name(p->kind), p->met, way,
			WEXITSTATUS(status));
	return status;
}

/* True in the child. */
static bool try(struct points *p, unsigned way)
{
	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		alarm(CHILD_SECONDS_MAX);
		p->is_child = true;
		p->way = way;
		p->at = p->met;
		return true;
	}
	p->tried++;
	p->failed += outcome_of(p, way, child) != 0;
	p->is_over = p->stops && p->failed;
	return false;
}

bool points_meet(struct points *p, enum point_kind kind)
{
	if (p->is_child || p->is_over || kind != p->kind)
		return false;
	p->met++;
	if (p->met < p->first || (p->met - p->first) % p->stride != 0)
		return false;
	unsigned ways = point_kind_ways(kind);
	if (!p->all_ways)
		return try(p, (unsigned)((p->met - p->first) / p->stride % ways));
	for (unsigned way = 0; way < ways && !p->is_over; way++)
		if (try(p, way))
			return true;
	return false;
}
