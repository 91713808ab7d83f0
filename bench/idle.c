/* What a session costs that does nothing: logged in, bound, presence sent, empty roster. (heap after − heap before) /
 * sessions, of the server's process; the clients are another one. Once when all have just come, and once when nothing
 * has happened for more than a minute, so that what the server can load again has left memory.
 *
 * Some sessions are there before it begins: what is made once, by the first of them, is not the others' cost. SQLite's
 * page cache still grows with the accounts that are read; it has a limit of its own and is told apart. */
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/clients.h"
#include "bench/far_clock.h"
#include "bench/heap.h"
#include "bench/server.h"
#include "cmd/command.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

#define SESSIONS_MAX 1000000
/* An account gives up what it can load again when nothing has happened for 60 s. */
#define IDLE_MS 70000
/* It is quiet when in so many intervals, one after the other, the process takes less than that much CPU time. */
#define QUIET_NS        50000000
#define QUIET_INTERVALS 2
#define QUIET_SECONDS   0.001
#define QUIET_TRIES     600
/* Descriptors beside those of the sessions. */
#define OTHER_FILES 64

struct settings {
	unsigned sessions, first; /* measured; before them */
	bool tls, blocks;
	char folder[SERVER_FOLDER_BYTES];
};

static void raise_file_limit(const struct settings *s)
{
	struct rlimit l;
	rlim_t wanted = s->first + s->sessions + OTHER_FILES;
	getrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_cur >= wanted)
		return;
	l.rlim_cur = wanted < l.rlim_max ? wanted : l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_cur < wanted)
		child_fail("%u sessions want %u descriptors, and %u are allowed", s->sessions, (unsigned)wanted,
			(unsigned)l.rlim_max);
}

static int run_clients(void *ctx, int link)
{
	const struct settings *s = ctx;
	struct server_addresses addresses;
	link_receive(link, &addresses, sizeof(addresses));
	struct clients_options o = {
		.count = s->first + s->sessions, .server = s->tls ? addresses.tls : addresses.plain, .tls = s->tls
	};
	struct clients *c = clients_new(&o);
	clients_login(c, s->first);
	link_meet(link);
	link_meet(link);
	clients_login(c, s->sessions);
	link_meet(link);
	link_meet(link);
	clients_free(&c);
	return 0;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void wait_until_quiet(void)
{
	double before = cpu_seconds();
	for (int quiet = 0, tries = 0; quiet < QUIET_INTERVALS && tries < QUIET_TRIES; tries++) {
		nanosleep(&(struct timespec){ .tv_nsec = QUIET_NS }, NULL);
		double now = cpu_seconds();
		quiet = now - before < QUIET_SECONDS ? quiet + 1 : 0;
		before = now;
	}
}

/* A minute passes, and a connection that comes and goes lets the server notice. */
static void wait_until_idle(const struct bench_server *server)
{
	far_clock_forward(IDLE_MS);
	server_touch(server);
	wait_until_quiet();
}

static void print_row(const char *name, const struct settings *s, int64_t before, int64_t fresh, int64_t idle)
{
	printf("  %-26s %9.0f %9.0f\n", name, (double)(fresh - before) / s->sessions,
		(double)(idle - before) / s->sessions);
}

static int64_t rest(const struct heap *h)
{
	return h->all - h->ours - h->openssl - h->sqlite;
}

static void report(
	const struct settings *s, const struct heap *before, const struct heap *fresh, const struct heap *idle)
{
	const char *stream = s->tls ? "TLS" : "plain";
	char name[64];
	printf("%s, bytes a session:         just now  a minute later\n", stream);
	print_row("heap", s, before->all, fresh->all, idle->all);
	print_row("  our own", s, before->ours, fresh->ours, idle->ours);
	print_row("  OpenSSL", s, before->openssl, fresh->openssl, idle->openssl);
	print_row("  SQLite's cache", s, before->sqlite, fresh->sqlite, idle->sqlite);
	print_row("  C library", s, rest(before), rest(fresh), rest(idle));
	print_row("resident", s, before->resident, fresh->resident, idle->resident);
	double bytes = (double)(idle->all - idle->sqlite - before->all + before->sqlite) / s->sessions;
	snprintf(name, sizeof(name), "idle session, %s, without SQLite's cache", stream);
	bench_figure(name, bytes, "bytes", s->tls ? "(ejabberd 67 KB)" : "goal 1024 (ejabberd 67 KB)");
}

/* Each kind of stream has a process of its own: nothing of the other is left in its heap. */
static int run_server(void *ctx, int link)
{
	const struct settings *s = ctx;
	struct child clients;
	struct bench_server server;
	(void)link;
	raise_file_limit(s);
	child_start(&clients, run_clients, ctx);
	heap_watch();
	server_start(&server, s->folder, 1, s->first + s->sessions);
	link_send(clients.link, &server.addresses, sizeof(server.addresses));
	link_meet(clients.link);
	wait_until_quiet();
	wait_until_idle(&server);
	struct heap before = heap_now();
	heap_print_blocks(NULL, s->sessions);
	link_meet(clients.link);
	link_meet(clients.link);
	wait_until_quiet();
	struct heap fresh = heap_now();
	wait_until_idle(&server);
	struct heap idle = heap_now();
	report(s, &before, &fresh, &idle);
	if (s->blocks)
		heap_print_blocks(stdout, s->sessions);
	link_meet(clients.link);
	bool done = child_end(&clients);
	server_stop(&server);
	return done ? EXIT_DONE : EXIT_REFUSED;
}

static void measure(struct settings s, bool tls)
{
	struct child server;
	s.tls = tls;
	server_make_folder(s.folder);
	child_start(&server, run_server, &s);
	bool done = child_end(&server);
	server_remove_folder(s.folder);
	if (!done)
		exit(EXIT_REFUSED);
}

static const struct command_option options[] = {
	{ "sessions", "N", "how many (10000)" },
	{ "blocks", NULL, "Print what they hold in the end, by the size of the block" },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct options given;
	uint64_t sessions = 10000;
	if (options_parse(options, "bench-idle", argc - 1, argv + 1, &given) != 0)
		return EXIT_USAGE;
	if (given.help) {
		options_print(options, stdout);
		return EXIT_DONE;
	}
	const char *value = options_value(&given, "sessions");
	if (value && (!str_parse_u64(str_from_c(value), SESSIONS_MAX, &sessions) || sessions == 0))
		child_fail("--sessions is no number from 1 to %d", SESSIONS_MAX);
	struct settings s = { .sessions = (unsigned)sessions,
		.first = (unsigned)sessions / 40 + 1,
		.blocks = options_has(&given, "blocks") };
	measure(s, false);
	measure(s, true);
	return EXIT_DONE;
}
