/* The system's randomness: getrandom(2). Any thread. */
#ifndef LINNET_SYSRANDOM_H
#define LINNET_SYSRANDOM_H

#include "lib/base/random.h"

extern const struct random_source sysrandom;

#endif
