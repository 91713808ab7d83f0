/* random.h over getrandom. */
#include "lib/net/sysrandom.h"

#include "lib/base/fault.h"

#include <errno.h>
#include <sys/random.h>

static void fill(void *ctx, void *p, size_t n)
{
	(void)ctx;
	char *at = p;
	while (n) {
		ssize_t got = getrandom(at, n, 0);
		/* Large requests may be interrupted; nothing else goes wrong once the system is up. */
		assert_always(got > 0 || errno == EINTR);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		}
	}
}

const struct random_source sysrandom = { .fill = fill };
