/* A fuzz target: one file that defines these two. libFuzzer calls them, or replay.c does with files. */
#ifndef LINNET_FUZZ_TARGET_H
#define LINNET_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when what must hold does not. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Called once after the last input of a replay: prints what was counted. 0, or 1 if the run proves nothing. */
int fuzz_report(void);

#endif
