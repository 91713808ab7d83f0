/* sim-storm: runs storms, one a seed, and says what each has done and met.
 *
 *     sim-storm [--seeds FIRST COUNT] [--acts N] [--expect-failure] [--quiet]
 *     sim-storm --seed N [--acts N] [--trace FILE] [--log FILE]
 *
 * Exit code 0: all promises were kept (or, with --expect-failure, one was not). */
#include "lib/base/macros.h"
#include "tests/sim/storm/storm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 200
#define ACTS  250

struct arguments {
	uint64_t first, count;
	struct storm_options storm;
	bool expects_failure, is_quiet;
};

static _Noreturn void complain(const char *what)
{
	fprintf(stderr, "sim-storm: %s\n", what);
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
	return f;
}

static void read_arguments(char **argv, struct arguments *a)
{
	*a = (struct arguments){ .first = 1, .count = SEEDS, .storm.acts = ACTS };
	for (char **p = argv + 1; *p; p++) {
		if (strcmp(*p, "--seeds") == 0) {
			a->first = number(*++p);
			a->count = number(*p ? *++p : NULL);
		} else if (strcmp(*p, "--seed") == 0) {
			a->first = number(*++p);
			a->count = 1;
		} else if (strcmp(*p, "--acts") == 0) {
			a->storm.acts = (unsigned)number(*++p);
		} else if (strcmp(*p, "--trace") == 0) {
			a->storm.trace = file(*++p);
		} else if (strcmp(*p, "--log") == 0) {
			a->storm.log = file(*++p);
		} else if (strcmp(*p, "--expect-failure") == 0) {
			a->expects_failure = true;
		} else if (strcmp(*p, "--quiet") == 0) {
			a->is_quiet = true;
		} else {
			complain("unknown argument");
		}
		if (!*p)
			complain("an argument is missing");
	}
}

static void print_counts(const struct storm_counts *c)
{
#define X(name, text) printf(" %" PRIu64 " " text ",", c->name);
	STORM_COUNTS(X)
#undef X
}

static void print_result(uint64_t seed, const struct storm_result *r)
{
	printf("seed %" PRIu64 ":", seed);
	print_counts(&r->counts);
	printf(" %u workers, durability %s%s, trace %016" PRIx64 "\n", r->mood.workers,
		r->mood.power ? "power" : "process", r->mood.encoded ? ", envelopes encoded" : "", r->trace);
	if (r->has_failed)
		printf("seed %" PRIu64 " FAILED: %s\n", seed, r->violation);
	fflush(stdout);
}

static void add(struct storm_counts *sum, const struct storm_counts *c)
{
#define X(name, text) sum->name += c->name;
	STORM_COUNTS(X)
#undef X
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct storm_counts sum = { 0 };
	uint64_t failures = 0, runs = 0;
	char found[STORM_VIOLATION_MAX] = "";
	(void)argc;
	read_arguments(argv, &a);
	for (uint64_t seed = a.first; seed < a.first + a.count; seed++) {
		struct storm_result r;
		a.storm.seed = seed;
		storm_run(&a.storm, &r);
		runs++;
		add(&sum, &r.counts);
		failures += r.has_failed;
		if (!a.is_quiet || r.has_failed)
			print_result(seed, &r);
		memcpy(found, r.violation, sizeof(found));
		if (a.expects_failure && r.has_failed)
			break;
	}
	printf("%" PRIu64 " storms, %" PRIu64 " failed:", runs, failures);
	print_counts(&sum);
	printf(" in all\n");
	if (a.expects_failure && failures)
		printf("the storm of seed %" PRIu64 " has found: %s\n", a.first + runs - 1, found);
	return a.expects_failure ? failures == 0 : failures > 0;
}
