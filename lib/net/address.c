/* Addresses as text and back. inet_pton and inet_ntop do the numbers; they are strict about what they read. */
#include "lib/net/address.h"

#include "lib/base/fault.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool parse_ip(const char *text, struct net_address *a_r)
{
	struct net_address a = { .family = NET_IPV4 };
	if (inet_pton(AF_INET, text, a.ip) != 1) {
		a.family = NET_IPV6;
		if (inet_pton(AF_INET6, text, a.ip) != 1)
			return false;
		if (memcmp(a.ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
			a.family = NET_IPV4;
			memcpy(a.ip, a.ip + 12, 4);
			memset(a.ip + 4, 0, 12);
		}
	}
	*a_r = a;
	return true;
}

bool net_address_make(struct str ip, uint16_t port, struct net_address *a_r)
{
	bool bracketed = str_has_prefix(ip, STR("[")) && str_has_suffix(ip, STR("]"));
	if (bracketed)
		ip = str_make(ip.p + 1, ip.n - 2);
	char text[INET6_ADDRSTRLEN];
	if (ip.n == 0 || ip.n >= sizeof(text) || memchr(ip.p, 0, ip.n))
		return false;
	memcpy(text, ip.p, ip.n);
	text[ip.n] = 0;
	struct net_address a;
	if ((bracketed && !strchr(text, ':')) || !parse_ip(text, &a))
		return false;
	a.port = port;
	*a_r = a;
	return true;
}

bool net_address_unix(struct str path, struct net_address *a_r)
{
	if (path.n == 0 || path.n > NET_PATH_MAX || memchr(path.p, 0, path.n))
		return false;
	*a_r = (struct net_address){ .family = NET_UNIX };
	memcpy(a_r->path, path.p, path.n);
	return true;
}

bool net_address_parse(struct str text, struct net_address *a_r)
{
	struct str prefix = STR("unix:");
	if (str_has_prefix(text, prefix))
		return net_address_unix(str_from(text, prefix.n), a_r);
	size_t colon = text.n;
	while (colon > 0 && text.p[colon - 1] != ':')
		colon--;
	uint64_t port;
	if (colon == 0 || !str_parse_u64(str_from(text, colon), UINT16_MAX, &port))
		return false;
	struct str ip = str_first(text, colon - 1);
	/* "::1:80" could be meant in two ways. */
	if (str_index(ip, ':') < ip.n && !str_has_prefix(ip, STR("[")))
		return false;
	return net_address_make(ip, (uint16_t)port, a_r);
}

struct str net_address_format(const struct net_address *a, char *text)
{
	char ip[INET6_ADDRSTRLEN] = "";
	if (a->family == NET_IPV4 || a->family == NET_IPV6)
		assert_always(inet_ntop(a->family == NET_IPV4 ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip)));
	int n = 0;
	switch (a->family) {
	case NET_NONE: n = snprintf(text, NET_ADDRESS_TEXT, "none"); break;
	case NET_IPV4: n = snprintf(text, NET_ADDRESS_TEXT, "%s:%u", ip, a->port); break;
	case NET_IPV6: n = snprintf(text, NET_ADDRESS_TEXT, "[%s]:%u", ip, a->port); break;
	case NET_UNIX: n = snprintf(text, NET_ADDRESS_TEXT, "unix:%s", a->path); break;
	}
	assert_always(n > 0 && (size_t)n < NET_ADDRESS_TEXT);
	return str_make(text, (size_t)n);
}

bool net_address_eq(const struct net_address *a, const struct net_address *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 &&
		str_eq(str_from_c(a->path), str_from_c(b->path));
}

bool net_address_is_loopback(const struct net_address *a)
{
	static const unsigned char v6[16] = { [15] = 1 };
	switch (a->family) {
	case NET_NONE: return false;
	case NET_IPV4: return a->ip[0] == 127;
	case NET_IPV6: return memcmp(a->ip, v6, sizeof(v6)) == 0;
	case NET_UNIX: return true;
	}
	return false;
}
