/* Timing for the benchmarks: each of the things compared runs in turns with the others, and the least time of all turns
 * counts, so that what else the machine does favours none of them. */
#ifndef LINNET_BENCH_H
#define LINNET_BENCH_H

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#define BENCH_TURNS 15
#define BENCH_TURN_NS 20e6

struct bench {
	const char *name;
	void (*run)(void *ctx); /* once */
	void *ctx;
	double ns; /* the result, of one run */
	unsigned long runs; /* of a turn */
};

static inline double bench_cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline double bench_turn(const struct bench *b)
{
	double begin = bench_cpu_ns();
	for (unsigned long i = 0; i < b->runs; i++)
		b->run(b->ctx);
	return (bench_cpu_ns() - begin) / (double)b->runs;
}

static inline void bench_run(struct bench *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		all[i].runs = 1;
		while (bench_turn(&all[i]) * (double)all[i].runs < BENCH_TURN_NS / 2)
			all[i].runs *= 2;
		all[i].ns = 1e30;
	}
	for (int turn = 0; turn < BENCH_TURNS; turn++) {
		for (size_t i = 0; i < count; i++) {
			double ns = bench_turn(&all[i]);
			all[i].ns = ns < all[i].ns ? ns : all[i].ns;
		}
	}
}

/* A line of the table that bench/run prints at its end; it finds it by the sign it begins with. */
static inline void bench_figure(const char *name, double value, const char *unit, const char *goal)
{
	printf("> %-52s %9.2f %-24s %s\n", name, value, unit, goal);
}

#endif
