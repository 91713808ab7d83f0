/* The section `listen`. Sockets share ports with SO_REUSEPORT, so the kernel would not see two listeners on one port:
 * it is found here. Addresses are compared as IPv6, where IPv4 is ::ffff:0:0/96. */
#include "server/core/config_sections.h"
#include "server/core/config_words.h"

#include <arpa/inet.h>

#define LISTENERS_MAX 64

static const char *const kinds[] = { "c2s", NULL };
static const char *const tls_words[] = {
	[CONFIG_TLS_STARTTLS] = "starttls",
	[CONFIG_TLS_DIRECT] = "direct",
	[CONFIG_TLS_NONE] = "none",
	NULL,
};

struct listener {
	struct str address, redirect;
	int64_t port;
	int kind, tls;
	struct str client_ca;
	struct in6_addr ip;
	const struct stream_redirect *elsewhere;
	const struct config_node *node;
};

const struct option config_listener_options[] = {
	OPT_CHOICE(struct listener, kind, kinds, NULL, "Who connects: `c2s`, clients; required"),
	OPT_TEXT(struct listener, address, "::",
		"IP address; `::` is all addresses, those of IPv4 too, `0.0.0.0` all of IPv4"),
	OPT_INT(struct listener, port, 0, UINT16_MAX, NULL, "TCP port; `0` takes a free one; required"),
	OPT_CHOICE(struct listener, tls, tls_words, "starttls",
		"When TLS begins: asked for by the client, at once, or never (on loopback addresses only)"),
	OPT_TEXT(struct listener, redirect, NULL,
		"Serves nobody here: tells clients, under TLS, to go to this host, such as `b.example.org:5222` or `[2001:db8::1]`"),
	OPT_PATH(struct listener, client_ca, NULL,
		"File with the certificates (PEM) whose owners issue certificates for clients, who can then log in with these "
		"(`EXTERNAL`); left out: clients are not asked for any"),
	OPT_END,
};

static bool is_loopback(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
}

static bool is_any_ipv4(const struct in6_addr *ip)
{
	static const struct in6_addr any = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
	return IN6_ARE_ADDR_EQUAL(ip, &any);
}

/* Would each take connections to some common address? */
static bool is_overlapping(const struct in6_addr *a, const struct in6_addr *b)
{
	if (IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_UNSPECIFIED(b) || IN6_ARE_ADDR_EQUAL(a, b))
		return true;
	return IN6_IS_ADDR_V4MAPPED(a) && IN6_IS_ADDR_V4MAPPED(b) && (is_any_ipv4(a) || is_any_ipv4(b));
}

/* `text` is terminated. */
static bool parse_ip(struct str text, struct in6_addr *ip_r)
{
	if (inet_pton(AF_INET6, text.p, ip_r) == 1)
		return true;
	*ip_r = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	return inet_pton(AF_INET, text.p, ip_r->s6_addr + 12) == 1;
}

/* In the one notation of inet_ntop. */
static struct str format_ip(struct arena *a, const struct in6_addr *ip)
{
	char text[INET6_ADDRSTRLEN];
	const char *p;
	if (IN6_IS_ADDR_V4MAPPED(ip))
		p = inet_ntop(AF_INET, ip->s6_addr + 12, text, sizeof(text));
	else
		p = inet_ntop(AF_INET6, ip, text, sizeof(text));
	return arena_dup(a, str_from_c(p));
}

/* Of a member, or of the listener where it has none of that name. */
static struct config_place place_of(const struct config_node *listener, struct str name)
{
	const struct config_node *member = config_node_find(listener, name);
	return member ? member->at : listener->at;
}

static bool read_address(struct config_reader *r, struct listener *l)
{
	if (parse_ip(l->address, &l->ip)) {
		l->address = format_ip(r->a, &l->ip);
		return true;
	}
	struct buf *mistake = config_mistake(r->report, place_of(l->node, STR("address")));
	buf_lit(mistake, "address: ");
	config_quote(mistake, l->address);
	buf_lit(mistake, " is not an IP address, such as 127.0.0.1 or ::1; all addresses are '::'");
	return false;
}

static void check_tls(struct config_reader *r, const struct listener *l)
{
	if (l->tls == CONFIG_TLS_NONE && l->client_ca.n)
		buf_lit(config_mistake(r->report, place_of(l->node, STR("client_ca"))),
			"client_ca: there are no certificates where tls is 'none'");
	if (l->tls != CONFIG_TLS_NONE || is_loopback(&l->ip))
		return;
	struct buf *mistake = config_mistake(r->report, place_of(l->node, STR("tls")));
	buf_lit(mistake, "tls: 'none' is for loopback addresses only, such as 127.0.0.1 or ::1; this listener's is ");
	config_quote(mistake, l->address);
}

static void check_port(struct config_reader *r, const struct listener *l, const struct listener *others, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (l->port == 0 || others[i].port != l->port || !is_overlapping(&l->ip, &others[i].ip))
			continue;
		struct config_place taken = place_of(others[i].node, STR("port"));
		buf_printf(config_mistake(r->report, place_of(l->node, STR("port"))),
			"port %u on " STR_FMT " is taken by the listener on " STR_FMT " at line %u, column %u",
			(unsigned)l->port, STR_ARG(l->address), STR_ARG(others[i].address), taken.line, taken.column);
		return;
	}
}

static void read_redirect(struct config_reader *r, struct listener *l)
{
	if (!config_node_find(l->node, STR("redirect")))
		return;
	struct stream_redirect *redirect = arena_alloc(r->a, sizeof(*redirect));
	if (stream_redirect_parse(r->a, l->redirect, redirect)) {
		l->elsewhere = redirect;
		return;
	}
	struct buf *mistake = config_mistake(r->report, place_of(l->node, STR("redirect")));
	buf_lit(mistake, "redirect: ");
	config_quote(mistake, l->redirect);
	buf_lit(mistake, " is not a host, or a host and its port, such as b.example.org:5222 or '[2001:db8::1]:5222'");
}

static bool read_listener(struct config_reader *r, const struct config_node *node, struct listener *l)
{
	*l = (struct listener){ .node = node };
	if (node->kind != CONFIG_MAP) {
		if (node->kind != CONFIG_BROKEN)
			buf_lit(config_mistake(r->report, node->at), "listen: expected { kind: c2s, port: NUMBER, … }");
		return false;
	}
	option_set_defaults(r->a, config_listener_options, l);
	config_read_options(r, node, config_listener_options, "a listener", l);
	config_require(r, node, "kind", "listener");
	config_require(r, node, "port", "listener");
	if (!read_address(r, l))
		return false;
	check_tls(r, l);
	read_redirect(r, l);
	return true;
}

static void use_defaults(struct config *config)
{
	static const struct config_listener defaults[] = {
		{ STR_INIT("c2s"), STR_INIT("::"), 5222, CONFIG_TLS_STARTTLS, NULL, { NULL, 0 } },
		{ STR_INIT("c2s"), STR_INIT("::"), 5223, CONFIG_TLS_DIRECT, NULL, { NULL, 0 } },
	};
	config->listeners = defaults;
	config->listener_count = ARRAY_LEN(defaults);
}

void config_read_listen(struct config_reader *r, const struct config_node *value)
{
	struct listener read[LISTENERS_MAX];
	size_t n = 0;
	if (!value) {
		use_defaults(r->config);
		return;
	}
	if (value->count > LISTENERS_MAX) {
		buf_printf(config_mistake(r->report, value->at), "more than %d listeners", LISTENERS_MAX);
		return;
	}
	struct config_listener *listeners = arena_alloc(r->a, value->count * sizeof(*listeners));
	for (const struct config_node *node = value->first; node; node = node->next) {
		struct listener *l = &read[n];
		if (!read_listener(r, node, l))
			continue;
		check_port(r, l, read, n);
		listeners[n++] = (struct config_listener){ str_from_c(kinds[l->kind]), l->address, (uint16_t)l->port,
			(enum config_tls)l->tls, l->elsewhere, l->client_ca };
	}
	r->config->listeners = listeners;
	r->config->listener_count = n;
}
