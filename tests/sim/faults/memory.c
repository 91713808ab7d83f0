/* Three allocators, each with hooks of its own. Ours never gives NULL to those who ask: running out of memory ends the
 * process, and what is checked is what its successor finds. The libraries' do, and whoever has called them must live
 * with it. Memory that is not the server's does not count: that of the clients and of what is simulated. */
#include "tests/sim/faults/faults.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdlib.h>

/* The hooks have no context of their own. */
static struct faults *faults;

static bool fails(enum point_kind kind)
{
	if (!faults->storm || !faults->storm->sim.in_server || faults->points.kind != kind)
		return false;
	if (faults->points.is_child)
		return faults->goes_on;
	if (!points_meet(&faults->points, kind))
		return false;
	faults->goes_on = faults->points.way > 0 && kind != POINT_memory;
	return true;
}

/* Ours. */

static void *our_alloc(size_t n)
{
	return fails(POINT_memory) ? NULL : malloc(n);
}

static void *our_resize(void *p, size_t n)
{
	return fails(POINT_memory) ? NULL : realloc(p, n);
}

static void our_out_of_memory(size_t n)
{
	(void)n;
	faults_end_without_memory(faults);
}

static const struct mem_hooks our_hooks = { our_alloc, our_resize, free, our_out_of_memory };

/* SQLite's, over those it has by itself, which know the sizes. */

static sqlite3_mem_methods sqlite_own;

static void *sqlite_alloc(int n)
{
	return fails(POINT_sqlite) ? NULL : sqlite_own.xMalloc(n);
}

static void *sqlite_resize(void *p, int n)
{
	return fails(POINT_sqlite) ? NULL : sqlite_own.xRealloc(p, n);
}

/* OpenSSL's. */

static void *openssl_alloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return n == 0 || fails(POINT_openssl) ? NULL : malloc(n);
}

static void *openssl_resize(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	if (n == 0) {
		free(p);
		return NULL;
	}
	return fails(POINT_openssl) ? NULL : realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

void faults_hook_memory(struct faults *f)
{
	sqlite3_mem_methods methods;
	faults = f;
	mem_set_hooks(&our_hooks);
	assert_always(CRYPTO_set_mem_functions(openssl_alloc, openssl_resize, openssl_free) == 1);
	assert_always(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own) == SQLITE_OK);
	methods = sqlite_own;
	methods.xMalloc = sqlite_alloc;
	methods.xRealloc = sqlite_resize;
	assert_always(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}
