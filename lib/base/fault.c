/* The one way the program stops on a bug of its own. */
#include "lib/base/fault.h"

#include <stdio.h>
#include <stdlib.h>

NORETURN void fault_raise(const char *file, int line, const char *what)
{
	fprintf(stderr, "linnet: bug at %s:%d: %s\n", file, line, what);
	abort();
}
