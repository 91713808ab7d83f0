/* Where a socket is: an IPv4 or IPv6 address with a port, or a path of the file system (Unix sockets). Plain values. */
#ifndef LINNET_ADDRESS_H
#define LINNET_ADDRESS_H

#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum net_family { NET_NONE, NET_IPV4, NET_IPV6, NET_UNIX };

/* A path longer than this is refused by the system. */
#define NET_PATH_MAX 107

struct net_address {
	enum net_family family;
	uint16_t port;
	unsigned char ip[16]; /* IPv4 uses the first four; the rest is zero */
	char path[NET_PATH_MAX + 1];
};

/* Room for any address as text, with its terminating zero. */
#define NET_ADDRESS_TEXT (sizeof("unix:") + NET_PATH_MAX)

/* "127.0.0.1:5222", "[::1]:5222" or "unix:/run/linnet.sock". Numbers only, no names, no zones. False, and *a_r
 * untouched, for anything else. */
CHECK bool net_address_parse(struct str text, struct net_address *a_r);
/* The same from its parts; an IPv6 address may stand in brackets. An IPv4 address mapped to IPv6 becomes IPv4. */
CHECK bool net_address_make(struct str ip, uint16_t port, struct net_address *a_r);
/* False if the path is empty or too long, or has a zero byte in it. */
CHECK bool net_address_unix(struct str path, struct net_address *a_r);

/* The form that net_address_parse reads, terminated, in `text` of NET_ADDRESS_TEXT bytes; "none" for NET_NONE. */
struct str net_address_format(const struct net_address *a, char *text);

bool net_address_eq(const struct net_address *a, const struct net_address *b);
/* 127.0.0.0/8, ::1, and every Unix socket. */
bool net_address_is_loopback(const struct net_address *a);

#endif
