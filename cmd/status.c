/* linnet status: what a running server says of itself. */
#include "cmd/admin_client.h"
#include "cmd/command.h"
#include "cmd/configuration.h"

#include <inttypes.h>
#include <stdio.h>

static const struct command_option options[] = {
	CONFIGURATION_OPTIONS,
	{ "json", NULL, "one JSON object" },
	{ 0 },
};

static void print_listeners(const json_t *listeners)
{
	size_t i;
	json_t *l;
	json_array_foreach((json_t *)listeners, i, l)
		printf("listener              %s %s, TLS %s\n", json_string_value(json_object_get(l, "kind")),
			json_string_value(json_object_get(l, "address")), json_string_value(json_object_get(l, "tls")));
}

static void print(const json_t *j)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)j, name, value) {
		if (json_is_integer(value))
			printf("%-21s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
		else if (json_is_string(value))
			printf("%-21s %s\n", name, json_string_value(value));
		else if (json_is_boolean(value))
			printf("%-21s %s\n", name, json_is_true(value) ? "yes" : "no");
		else if (json_is_object(value))
			print(value);
	}
	print_listeners(json_object_get(j, "listeners"));
}

static int ask(const struct options *given, const struct config *config)
{
	struct admin_client *c;
	switch (admin_connect("status", config->data, &c)) {
	case ADMIN_CONNECTED: break;
	case ADMIN_NOT_RUNNING:
		fprintf(stderr, "linnet status: no server runs on the data folder " STR_FMT "\n", STR_ARG(config->data));
		return EXIT_REFUSED;
	default: return EXIT_REFUSED;
	}
	json_t *j = admin_request(c, json_pack("{s:s}", "command", "status"));
	admin_disconnect(&c);
	if (!j)
		return EXIT_REFUSED;
	if (options_has(given, "json")) {
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print(j);
	}
	json_decref(j);
	return EXIT_DONE;
}

static int run(const struct options *given)
{
	struct arena *a = arena_new(65536, CONFIG_BYTES_MAX);
	const struct config *config;
	int code = configuration_read(a, given, "status", &config);
	if (!code)
		code = ask(given, config);
	arena_free(&a);
	return code;
}

const struct command status_command = {
	.name = "status",
	.summary = "Show what a running server is doing",
	.usage = "[--json] [--config FILE] [--data DIR]",
	.about = "Asks the server that runs on this data folder. Only its own user and root may.\n",
	.options = options,
	.run = run,
};
