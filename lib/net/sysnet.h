/* The system's sockets: net.h over epoll. */
#ifndef LINNET_SYSNET_H
#define LINNET_SYSNET_H

#include "lib/base/macros.h"
#include "lib/net/net.h"

struct sysnet {
	int epoll;
	int wakeup; /* an eventfd, watched by epoll */
	int spare; /* given up for a moment when there are no other descriptors; -1: none */
};

/* 0 or a negative errno. *s does not move until sysnet_fini. */
CHECK int sysnet_init(struct sysnet *s);
/* Sockets are not closed. */
void sysnet_fini(struct sysnet *s);

struct net sysnet_net(struct sysnet *s);

#endif
