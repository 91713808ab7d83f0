/* The system's clock, but it can be put forward, for what happens in a minute. A program that links far_clock.c has it
 * in place of lib/net/sysclock.c, whose variable it defines. */
#ifndef LINNET_BENCH_FAR_CLOCK_H
#define LINNET_BENCH_FAR_CLOCK_H

#include <stdint.h>

/* Whoever waits for a time notices when it wakes up. Any thread. */
void far_clock_forward(uint64_t ms);

#endif
