/* linnet serve: the server, until it is told to stop. */
#include "cmd/command.h"
#include "cmd/configuration.h"
#include "cmd/instance.h"
#include "cmd/log_stderr.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct command_option options[] = {
	CONFIGURATION_OPTIONS,
	{ "envelopes", "MODE", "pointers (the default), or encoded: a test mode in which workers share nothing" },
	{ "log", "LEVEL", "error, warn, info (the default) or debug" },
	{ 0 },
};

/* The signals that end the server, for sigwait; blocked in every thread. */
static sigset_t block_signals(void)
{
	sigset_t set;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return set;
}

static int serve(const struct instance_options *o)
{
	sigset_t set = block_signals();
	struct instance *i;
	char why[1024];
	int received;
	int code = instance_start(o, &i, why, sizeof(why));
	if (code) {
		fprintf(stderr, "linnet serve: %s\n", why);
		return code;
	}
	puts(instance_ready_line(i));
	fflush(stdout);
	sigwait(&set, &received);
	bool failed = instance_has_failed(i);
	log_info(o->log, "stopping");
	instance_stop(&i);
	return failed ? EXIT_REFUSED : EXIT_DONE;
}

static int run(const struct options *given)
{
	struct log_sink sink;
	const char *level = options_value(given, "log");
	if (!log_stderr_init(&sink, level ? level : "info")) {
		fprintf(stderr, "linnet serve: \"%s\" is no log level: error, warn, info or debug\n", level);
		return EXIT_USAGE;
	}
	const char *envelopes = options_value(given, "envelopes");
	bool encoded = envelopes && strcmp(envelopes, "encoded") == 0;
	if (envelopes && !encoded && strcmp(envelopes, "pointers") != 0) {
		fprintf(stderr, "linnet serve: \"%s\" is no mode of envelopes: pointers or encoded\n", envelopes);
		return EXIT_USAGE;
	}
	struct log log = { .sink = &sink };
	struct arena *a = arena_new(65536, CONFIG_BYTES_MAX);
	const struct config *config;
	int code = configuration_read(a, given, "serve", &config);
	if (!code)
		code = serve(&(struct instance_options){ config, &log, encoded });
	arena_free(&a);
	return code;
}

const struct command serve_command = {
	.name = "serve",
	.summary = "Run the server",
	.usage = "[--config FILE] [--data DIR] [--log LEVEL]",
	.about = "Runs in the foreground until SIGTERM or SIGINT. Without a configuration it serves the domain localhost\n"
		 "on ports 5222 (STARTTLS) and 5223 (TLS), with its data in ./linnet-data and a certificate made on the\n"
		 "first start. When it accepts connections it prints one line that begins with \"ready\".\n",
	.options = options,
	.run = run,
};
