/* sim-faults: a login-and-chat scenario in which, one after the other, each thing that can fail does.
 *
 *     sim-faults [--seed N] [--count N | --all] [--expect-failure] KIND…
 *     sim-faults [--seed N] --only KIND POINT [--trace FILE] [--log FILE]
 *
 * KIND is memory, sqlite, openssl, disk, reads or network. --count: so many points, spread over all, each in one way
 * (default 60); --all: each point in every way. --only: one point, in every way; of the last one, trace and log.
 *
 * Exit code 0: all promises were kept, whatever failed (or, with --expect-failure, one was not). */
#include "tests/sim/faults/faults.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_COUNT 60

struct arguments {
	struct storm_options storm;
	uint64_t count; /* 0: all */
	uint64_t only;  /* 0: not only one */
	bool kinds[16];
	bool expects_failure;
};

static _Noreturn void complain(const char *what)
{
	fprintf(stderr, "sim-faults: %s\n", what);
	exit(2);
}

static uint64_t number(const char *text)
{
	uint64_t n;
	if (!text || !str_parse_u64(str_from_c(text), UINT32_MAX, &n))
		complain("a number is missing");
	return n;
}

static FILE *file(const char *name)
{
	FILE *f = name ? fopen(name, "we") : NULL;
	if (!f)
		complain("a file cannot be written");
	setvbuf(f, NULL, _IOLBF, 0);
	return f;
}

static const struct {
	enum point_kind kind;
} kinds[] = {
#define X(name, ways, text) { POINT_##name },
	POINT_KINDS(X)
#undef X
};

static void take_kind(struct arguments *a, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (name && strcmp(point_kind_name(kinds[i].kind), name) == 0) {
			a->kinds[i] = true;
			return;
		}
	}
	complain("this is no kind, and no option");
}

static void read_arguments(char **argv, struct arguments *a)
{
	*a = (struct arguments){ .storm.seed = 1, .count = DEFAULT_COUNT };
	for (char **p = argv + 1; *p; p++) {
		if (strcmp(*p, "--seed") == 0) {
			a->storm.seed = number(*++p);
		} else if (strcmp(*p, "--count") == 0) {
			a->count = number(*++p);
		} else if (strcmp(*p, "--all") == 0) {
			a->count = 0;
		} else if (strcmp(*p, "--expect-failure") == 0) {
			a->expects_failure = true;
		} else if (strcmp(*p, "--only") == 0) {
			take_kind(a, *++p);
			a->only = number(*++p);
		} else if (strcmp(*p, "--trace") == 0) {
			a->storm.trace = file(*++p);
		} else if (strcmp(*p, "--log") == 0) {
			a->storm.log = file(*++p);
		} else {
			take_kind(a, *p);
		}
	}
}

/* The points that there are: nothing fails. */
static uint64_t count_points(struct faults *f, const struct storm_options *o, enum point_kind kind)
{
	struct storm_options quiet = { .seed = o->seed };
	f->points = (struct points){ .kind = kind, .first = UINT64_MAX, .stride = 1 };
	faults_play(f, &quiet);
	return f->points.met;
}

/* Spread over all of them, and other ones for another seed. */
static void choose(struct points *p, const struct arguments *a, uint64_t all)
{
	*p = (struct points){ .kind = p->kind, .first = 1, .stride = 1, .all_ways = true, .stops = a->expects_failure };
	if (a->only) {
		p->first = a->only;
		p->stride = UINT64_MAX;
	} else if (a->count && a->count < all) {
		p->stride = all / a->count;
		p->first = 1 + a->storm.seed % p->stride;
		p->all_ways = false;
	}
}

/* How many have failed. */
static uint64_t try_kind(struct faults *f, const struct arguments *a, enum point_kind kind)
{
	uint64_t all = count_points(f, &a->storm, kind), failed = f->points.failed;
	choose(&f->points, a, all);
	faults_play(f, &a->storm);
	printf("%s: %s; %" PRIu64 " met, %" PRIu64 " failures tried, %" PRIu64 " not survived\n", point_kind_name(kind),
		point_kind_text(kind), all, f->points.tried, f->points.failed);
	fflush(stdout);
	/* One that tries nothing proves nothing. */
	return failed + f->points.failed + (f->points.tried == 0);
}

int main(int argc, char **argv)
{
	struct arguments a;
	static struct faults f;
	uint64_t failed = 0, count = 0;
	(void)argc;
	read_arguments(argv, &a);
	faults_hook_memory(&f);
	faults_hook_sockets(&f);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!a.kinds[i])
			continue;
		failed += try_kind(&f, &a, kinds[i].kind);
		count++;
	}
	if (count == 0)
		complain("no kind");
	return a.expects_failure ? failed == 0 : failed > 0;
}
