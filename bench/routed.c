/* What a routed message costs the server: CPU time of its process (getrusage) for chat messages of 300 bytes between
 * accounts that are there, from one client to another, by bare JID. The clients are another process, on another
 * processor if there is one.
 *
 *     pipelined   each sender keeps some messages under way
 *     ping-pong   one message at a time goes to and fro in each pair
 *
 * Messages are numbered, and each has to arrive, once and in order. The time is that between two meetings of the two
 * processes, when all have logged in and some messages have gone through. With several workers there are as many as
 * processors, and the clients share those: then the CPU time counts, not the rate. */
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/clients.h"
#include "bench/server.h"
#include "cmd/command.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MESSAGE_BYTES 300
#define ID_DIGITS     10
#define WARM_MESSAGES 20 /* a pair */
#define COUNT_MAX     100000000

static const struct shape {
	const char *name;
	bool answers;
} shapes[] = { { "pipelined", false }, { "ping-pong", true } };

static const struct kind {
	const char *name;
	bool tls;
} kinds[] = { { "plain", false }, { "TLS", true } };

struct settings {
	unsigned messages, pairs, window, workers;
	const char *stream, *shape; /* NULL: all of them */
	bool pinned;
	char folder[SERVER_FOLDER_BYTES];
};

static bool is_wanted(const char *wanted, const char *name)
{
	return !wanted || strcmp(wanted, name) == 0;
}

/* The clients. */

struct message {
	char bytes[MESSAGE_BYTES];
	char *id; /* in it */
};

struct pair {
	struct message there, back;
	unsigned sent, received;
};

struct run {
	const struct settings *settings;
	struct clients *clients;
	struct pair *pairs;
	bool answers;
	unsigned window, each, finished;
};

static void message_init(struct message *m, unsigned to)
{
	static const char text[] =
		"Wherefore art thou Romeo? Deny thy father and refuse thy name; or, if thou wilt not, be but sworn "
		"my love, and I'll no longer be a Capulet. Shall I hear more, or shall I speak at this?";
	char head[96];
	static const char tail[] = "</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
				   "<request xmlns='urn:xmpp:receipts'/></message>";
	int n = snprintf(head, sizeof(head), "<message to='user%u@" SERVER_DOMAIN "' type='chat' id='%0*u'><body>", to,
		ID_DIGITS, 0);
	size_t body = MESSAGE_BYTES - (size_t)n - (sizeof(tail) - 1);
	assert_always(body < sizeof(text));
	memcpy(m->bytes, head, (size_t)n);
	memcpy(m->bytes + n, text, body);
	memcpy(m->bytes + (size_t)n + body, tail, sizeof(tail) - 1);
	m->id = m->bytes + n - sizeof("'><body>") + 1 - ID_DIGITS;
}

static void send_next(struct run *r, size_t at)
{
	struct pair *p = &r->pairs[at];
	bool is_answer = r->answers && p->sent & 1;
	struct message *m = is_answer ? &p->back : &p->there;
	char id[ID_DIGITS + 1];
	snprintf(id, sizeof(id), "%0*u", ID_DIGITS, p->sent++);
	memcpy(m->id, id, ID_DIGITS);
	clients_send(r->clients, (unsigned)(2 * at + is_answer), str_make(m->bytes, MESSAGE_BYTES));
}

static void on_stanza(void *ctx, unsigned number, const struct stanza *s)
{
	struct run *r = ctx;
	struct pair *p = &r->pairs[number / 2];
	bool is_answer = r->answers && p->received & 1;
	uint64_t id;
	if (s->kind != STANZA_MESSAGE || s->type != MESSAGE_CHAT || !str_parse_u64(s->id, COUNT_MAX, &id) ||
		id != p->received || number % 2 != !is_answer)
		child_fail(
			"client %u: message %u of its pair was to come, but something else has", number, p->received);
	p->received++;
	r->finished += p->received == r->each;
	while (p->sent < r->each && p->sent - p->received < r->window)
		send_next(r, number / 2);
}

static bool is_finished(void *ctx)
{
	const struct run *r = ctx;
	return r->finished == r->settings->pairs;
}

static void exchange(struct run *r, bool answers, unsigned each)
{
	r->answers = answers;
	r->window = answers ? 1 : r->settings->window;
	r->each = each;
	r->finished = 0;
	for (size_t at = 0; at < r->settings->pairs; at++) {
		r->pairs[at].sent = r->pairs[at].received = 0;
		while (r->pairs[at].sent < each && r->pairs[at].sent < r->window)
			send_next(r, at);
	}
	clients_run_until(r->clients, is_finished, r);
}

static void run_kind(struct run *r, const struct kind *kind, const struct server_addresses *addresses, int link)
{
	unsigned each = r->settings->messages / r->settings->pairs;
	struct clients_options o = { .count = 2 * r->settings->pairs,
		.server = kind->tls ? addresses->tls : addresses->plain,
		.tls = kind->tls,
		.on_stanza = on_stanza,
		.ctx = r };
	r->clients = clients_new(&o);
	clients_login(r->clients, o.count);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		if (!is_wanted(r->settings->shape, shapes[i].name))
			continue;
		exchange(r, shapes[i].answers, WARM_MESSAGES);
		link_meet(link);
		exchange(r, shapes[i].answers, each);
		link_meet(link);
	}
	clients_free(&r->clients);
}

static int run_clients(void *ctx, int link)
{
	struct run r = { .settings = ctx };
	struct server_addresses addresses;
	if (r.settings->pinned)
		(void)child_pin(1); /* on the only one there is, else */
	link_receive(link, &addresses, sizeof(addresses));
	r.pairs = mem_zalloc_array(r.settings->pairs, sizeof(*r.pairs));
	for (unsigned i = 0; i < r.settings->pairs; i++) {
		message_init(&r.pairs[i].there, 2 * i + 1);
		message_init(&r.pairs[i].back, 2 * i);
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is_wanted(r.settings->stream, kinds[i].name))
			run_kind(&r, &kinds[i], &addresses, link);
	mem_free(r.pairs);
	return 0;
}

/* The server. */

struct spent {
	double user, system, wall; /* seconds */
};

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static struct spent spent_until_now(void)
{
	struct rusage u;
	struct timespec t;
	getrusage(RUSAGE_SELF, &u);
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct spent){ seconds(u.ru_utime), seconds(u.ru_stime), (double)t.tv_sec + (double)t.tv_nsec / 1e9 };
}

static void report(
	const struct settings *s, const char *kind, const char *shape, const struct spent *from, const struct spent *to)
{
	char name[128];
	double count = s->messages / s->pairs * s->pairs, user = to->user - from->user, sys = to->system - from->system;
	double million = 1e6 / count;
	printf("%-9u %-6s %-10s %9.2f %7.2f %7.2f %12.0f\n", s->workers, kind, shape, (user + sys) * million,
		user * million, sys * million, count / (to->wall - from->wall));
	snprintf(name, sizeof(name), "routed message, %s, %s, %u worker%s", kind, shape, s->workers,
		s->workers > 1 ? "s" : "");
	bench_figure(name, (user + sys) * million, "CPU s/million", "(ejabberd 72, a bare relay 2)");
}

static int run_server(void *ctx, int link)
{
	const struct settings *s = ctx;
	struct child clients;
	struct bench_server server;
	(void)link;
	child_start(&clients, run_clients, ctx);
	if (s->pinned && !child_pin(0))
		child_fail("cannot stay on one processor");
	server_start(&server, s->folder, s->workers, 2 * s->pairs);
	link_send(clients.link, &server.addresses, sizeof(server.addresses));
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
			if (!is_wanted(s->stream, kinds[k].name) || !is_wanted(s->shape, shapes[i].name))
				continue;
			link_meet(clients.link);
			struct spent from = spent_until_now();
			link_meet(clients.link);
			struct spent to = spent_until_now();
			report(s, kinds[k].name, shapes[i].name, &from, &to);
		}
	}
	bool done = child_end(&clients);
	server_stop(&server);
	return done ? EXIT_DONE : EXIT_REFUSED;
}

static void measure(struct settings s, unsigned workers)
{
	struct child server;
	s.workers = workers;
	s.pinned = workers == 1;
	server_make_folder(s.folder);
	child_start(&server, run_server, &s);
	bool done = child_end(&server);
	server_remove_folder(s.folder);
	if (!done)
		exit(EXIT_REFUSED);
}

static const struct command_option options[] = {
	{ "messages", "N", "in each of the measurements (200000)" },
	{ "pairs", "N", "of clients (50)" },
	{ "window", "N", "messages under way in a pair, pipelined (50)" },
	{ "workers", "N", "of the server; 1 has a processor to itself (both 1 and as many as processors)" },
	{ "stream", "NAME", "plain or TLS (both)" },
	{ "shape", "NAME", "pipelined or ping-pong (both)" },
	{ 0 },
};

static unsigned number(const struct options *given, const char *name, unsigned otherwise)
{
	const char *value = options_value(given, name);
	uint64_t n = otherwise;
	if (value && (!str_parse_u64(str_from_c(value), COUNT_MAX, &n) || n == 0))
		child_fail("--%s is no number from 1 to %d", name, COUNT_MAX);
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	struct options given;
	if (options_parse(options, "bench-routed", argc - 1, argv + 1, &given) != 0)
		return EXIT_USAGE;
	if (given.help) {
		options_print(options, stdout);
		return EXIT_DONE;
	}
	struct settings s = { .messages = number(&given, "messages", 200000),
		.pairs = number(&given, "pairs", 50),
		.window = number(&given, "window", 50),
		.stream = options_value(&given, "stream"),
		.shape = options_value(&given, "shape") };
	if (s.messages < s.pairs)
		child_fail("every pair wants a message");
	unsigned processors = child_processors();
	printf("Chat messages of %d bytes, %u pairs, pipelined %u; server and clients %s.\n", MESSAGE_BYTES, s.pairs,
		s.window,
		processors > 1 ? "on a processor each, unless there are several workers" : "on one processor");
	printf("workers   stream shape      CPU s/million  user  system   messages/s\n");
	if (options_has(&given, "workers")) {
		measure(s, number(&given, "workers", 1));
		return EXIT_DONE;
	}
	measure(s, 1);
	if (processors > 1)
		measure(s, processors);
	return EXIT_DONE;
}
