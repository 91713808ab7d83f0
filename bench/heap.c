/* Counts as it hands on to malloc. Blocks are counted in groups: one for each size of malloc's (multiples of 16) up to
 * LARGE_BYTES, and one for all that is larger. */
#include "bench/heap.h"

#include "bench/child.h"
#include "lib/base/mem.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP_BYTES  16
#define LARGE_BYTES 4096
#define GROUPS      (LARGE_BYTES / STEP_BYTES + 1)
/* What malloc puts before a block. */
#define HEAD_BYTES sizeof(size_t)

enum user { OURS, OPENSSL, USERS };

struct group {
	_Atomic int64_t bytes, blocks;
	int64_t bytes_before, blocks_before; /* at the last heap_print_blocks */
};

static struct group groups[USERS][GROUPS];

static void *count(enum user user, void *p, int sign)
{
	size_t n = p ? malloc_usable_size(p) + HEAD_BYTES : 0;
	struct group *g = &groups[user][n < LARGE_BYTES ? n / STEP_BYTES : GROUPS - 1];
	if (p) {
		atomic_fetch_add_explicit(&g->bytes, sign * (int64_t)n, memory_order_relaxed);
		atomic_fetch_add_explicit(&g->blocks, sign, memory_order_relaxed);
	}
	return p;
}

static void *our_alloc(size_t n)
{
	return count(OURS, malloc(n), 1);
}

static void *our_resize(void *p, size_t n)
{
	return count(OURS, realloc(count(OURS, p, -1), n), 1);
}

static void our_free(void *p)
{
	free(count(OURS, p, -1));
}

static void out_of_memory(size_t n)
{
	child_fail("out of memory (%zu bytes wanted)", n);
}

static void *openssl_alloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return count(OPENSSL, malloc(n), 1);
}

static void *openssl_resize(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return count(OPENSSL, realloc(count(OPENSSL, p, -1), n), 1);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(count(OPENSSL, p, -1));
}

void heap_watch(void)
{
	static const struct mem_hooks hooks = { our_alloc, our_resize, our_free, out_of_memory };
	mem_set_hooks(&hooks);
	if (!CRYPTO_set_mem_functions(openssl_alloc, openssl_resize, openssl_free))
		child_fail("OpenSSL has allocated already");
}

static int64_t resident_bytes(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		child_fail("cannot read /proc/self/statm");
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static int64_t sum(enum user user)
{
	int64_t bytes = 0;
	for (size_t i = 0; i < GROUPS; i++)
		bytes += atomic_load(&groups[user][i].bytes);
	return bytes;
}

struct heap heap_now(void)
{
	struct mallinfo2 m = mallinfo2();
	return (struct heap){ (int64_t)(m.uordblks + m.hblkhd), sum(OURS), sum(OPENSSL), sqlite3_memory_used(),
		resident_bytes() };
}

void heap_print_blocks(FILE *to, unsigned users)
{
	static const char *const names[] = { "ours", "OpenSSL" };
	for (enum user user = OURS; user < USERS; user++) {
		for (size_t i = 0; i < GROUPS; i++) {
			struct group *g = &groups[user][i];
			int64_t all_bytes = atomic_load(&g->bytes), all_blocks = atomic_load(&g->blocks);
			double bytes = (double)(all_bytes - g->bytes_before) / users;
			double blocks = (double)(all_blocks - g->blocks_before) / users;
			g->bytes_before = all_bytes;
			g->blocks_before = all_blocks;
			if (to && (bytes >= 1 || bytes <= -1))
				fprintf(to, "  %-8s %s %5zu: %8.3f blocks, %9.1f bytes\n", names[user],
					i < GROUPS - 1 ? "     of" : "at least", i * STEP_BYTES, blocks, bytes);
		}
	}
}
