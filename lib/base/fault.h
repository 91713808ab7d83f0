/* Our own bugs: what must be true is asserted, in release builds too. */
#ifndef LINNET_FAULT_H
#define LINNET_FAULT_H

#include "lib/base/macros.h"

/* States an invariant. False means a bug of ours: says where on stderr and aborts. */
#define assert_always(x) (LIKELY(x) ? (void)0 : fault_raise(__FILE__, __LINE__, #x))

NORETURN void fault_raise(const char *file, int line, const char *what);

#endif
