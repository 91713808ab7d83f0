/* The system's clock. Any thread. */
#ifndef LINNET_SYSCLOCK_H
#define LINNET_SYSCLOCK_H

#include "lib/base/clock.h"

extern const struct clock sysclock;

#endif
