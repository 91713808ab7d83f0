/* The section `limits` of the configuration. A limit is a line here and a field in `struct config_limits`; what happens where it is
 * met is docs/PROTOCOL.md's. */
#include "server/core/config_sections.h"

const struct option config_limit_options[] = {
	OPT_BOOL(struct config_limits, rate, "on",
		"Whether rates, addresses and connections without login are limited at all; sizes and sessions always are"),
	OPT_INT(struct config_limits, connections, 16, 4000000, "1000000",
		"Connections of the process; never more than its file descriptors, less a reserve"),
	OPT_INT(struct config_limits, sessions, 1, 1000, "16", "Sessions of an account"),
	OPT_INT(struct config_limits, subscriptions, 1, 900, "60", "Requests for subscriptions a minute of an account"),
	OPT_INT(struct config_limits, unauthenticated, 1, 1000000, "2000",
		"Connections that have not logged in, of the process; when there are more, the oldest of the network with the "
		"most (a /24, a /48) is ended"),
	OPT_SIZE_BETWEEN(struct config_limits, unauthenticated_memory, 96 << 10, INT64_C(1) << 40, "192MiB",
		"What they may take in memory: 96 KiB is set aside for each, so this limits their number too"),
	OPT_INT(struct config_limits, address_unauthenticated, 1, 1000000, "32",
		"Connections that have not logged in, of one address (of IPv6: of its first 64 bits)"),
	OPT_INT(struct config_limits, address_connections, 1, 60000, "60", "New connections a minute of one address"),
	OPT_INT(struct config_limits, login_failures, 1, 1000, "10",
		"Failed logins of one address without consequences; one is forgotten each minute. After more, the next try has to "
		"wait a second, then two, four and so on"),
	OPT_DURATION_BETWEEN(struct config_limits, login_penalty, 1000, 24 * 3600 * 1000, "1m", "The longest such wait"),
	OPT_SIZE_BETWEEN(struct config_limits, read_rate, 1000, 1 << 30, "20000",
		"Bytes a second that a client is read on average; each stanza counts 256 more than it has. Who sends faster is "
		"read more slowly"),
	OPT_SIZE_BETWEEN(struct config_limits, read_burst, 16 << 10, 1 << 30, "256KiB", "Bytes that it may send at once"),
	OPT_END,
};

void config_read_limits(struct config_reader *r, const struct config_node *value)
{
	struct config_limits *limits = &r->config->limits;
	option_set_defaults(r->a, config_limit_options, limits);
	if (value)
		config_read_options(r, value, config_limit_options, "limits", limits);
}
