/* Who holds how much of the heap: our own code, OpenSSL and SQLite tell their allocations apart; the rest is the C
 * library's. */
#ifndef LINNET_BENCH_HEAP_H
#define LINNET_BENCH_HEAP_H

#include <stdint.h>
#include <stdio.h>

/* Bytes, with what malloc itself adds to a block. */
struct heap {
	int64_t all; /* mallinfo2 */
	int64_t ours, openssl, sqlite;
	int64_t resident; /* of the process, from the system */
};

/* Before the first allocation of any of them. */
void heap_watch(void);
struct heap heap_now(void);
/* What our own code and OpenSSL hold more than at the last call, by the size of the block, a line a size: so many for
 * each of `users`. Sizes of which there is less than a byte for each are left out. NULL: prints nothing. */
void heap_print_blocks(FILE *to, unsigned users);

#endif
