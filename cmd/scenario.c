/* linnet scenario: runs scenario files against a server, over real sockets and in real time. The engine is in
 * cmd/scenario/; this file gives it what it needs, and prints what comes of it. */
#include "cmd/command.h"
#include "cmd/scenario/control.h"
#include "cmd/scenario/passwords.h"
#include "cmd/scenario/report.h"
#include "cmd/scenario/run.h"
#include "cmd/scenario/scenario.h"
#include "lib/base/mem.h"
#include "lib/net/sysclock.h"
#include "lib/net/sysnet.h"
#include "lib/net/sysrandom.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How often a control program that is running is looked after. */
#define CONTROL_MS       20
#define STEP_SECONDS_MAX 3600
#define REPORT_BYTES_MAX (256u << 20)

static const struct command_option options[] = {
	{ "server", "HOST:PORT", "Where clients connect, with STARTTLS" },
	{ "direct", "HOST:PORT", "Where clients connect with TLS from the first byte" },
	{ "plain", "HOST:PORT", "Where clients connect without TLS" },
	{ "accounts", "FILE", "Passwords, as JSON lines {\"jid\", \"password\"}" },
	{ "ca", "FILE", "Trust the certificates in this file (PEM)" },
	{ "insecure", NULL, "Trust any certificate" },
	{ "certificate", "FILE", "What clients show to servers that ask (PEM), and its key:" },
	{ "key", "FILE", "for mechanism EXTERNAL" },
	{ "control", "PROGRAM", "Run with kill, stop, start or restart, it does that to the server" },
	{ "timeout", "SECONDS", "What each step may take (10)" },
	{ "junit", "FILE", "Write the results as JUnit XML, too" },
	{ 0 },
};

/* All that runs need. */
struct job {
	struct scenario **scenarios;
	struct report_case *cases;
	size_t count;
	struct sysnet sysnet;
	struct net net;
	struct passwords passwords;
	struct control control;
	struct scenario_host host;
};

/* What was given on the command line. */

static int complain(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Always EXIT_USAGE. */
static int complain(const char *fmt, ...)
{
	va_list args;
	fputs("linnet scenario: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

static bool take_address(const struct addrinfo *found, uint16_t port, struct net_address *a_r)
{
	char ip[INET6_ADDRSTRLEN];
	return getnameinfo(found->ai_addr, found->ai_addrlen, ip, sizeof(ip), NULL, 0, NI_NUMERICHOST) == 0 &&
	       net_address_make(str_from_c(ip), port, a_r);
}

/* HOST:PORT; a name takes its first address, an IPv6 address stands in brackets. */
static int resolve(const char *text, struct net_address *a_r)
{
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	char host[NI_MAXHOST];
	uint64_t port;
	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host) ||
		!str_parse_u64(str_from_c(colon + 1), UINT16_MAX, &port))
		return complain("\"%s\" is not HOST:PORT", text);
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	if (net_address_make(str_from_c(host), (uint16_t)port, a_r))
		return 0;
	int r = getaddrinfo(host, NULL, &hints, &found);
	if (r != 0)
		return complain("%s: %s", text, gai_strerror(r));
	bool is_fine = take_address(found, (uint16_t)port, a_r);
	freeaddrinfo(found);
	return is_fine ? 0 : complain("%s: no address", text);
}

static int read_addresses(struct job *s, const struct options *given)
{
	static const struct {
		const char *option;
		enum initiator_tls tls;
	} kinds[] = { { "server", INITIATOR_TLS_STARTTLS }, { "direct", INITIATOR_TLS_DIRECT },
		{ "plain", INITIATOR_TLS_NONE } };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *text = options_value(given, kinds[i].option);
		if (text && resolve(text, &s->host.servers[kinds[i].tls]) != 0)
			return EXIT_USAGE;
	}
	if (s->host.servers[INITIATOR_TLS_STARTTLS].family == NET_NONE)
		return complain("--server HOST:PORT is missing");
	return 0;
}

static int read_timeout(struct job *s, const struct options *given)
{
	const char *text = options_value(given, "timeout");
	uint64_t seconds = SCENARIO_STEP_MS / 1000;
	if (text && (!str_parse_u64(str_from_c(text), STEP_SECONDS_MAX, &seconds) || seconds == 0))
		return complain("--timeout: \"%s\" is no number of seconds", text);
	s->host.step_ms = (unsigned)seconds * 1000;
	return 0;
}

static int make_tls(struct job *s, const struct options *given)
{
	static const struct str alpn = STR_INIT("xmpp-client");
	char why[256];
	struct tls_client_options o = {
		.ca_file = options_value(given, "ca"),
		.insecure = options_has(given, "insecure"),
		.clock = &sysclock,
		.alpn = &alpn,
		.alpn_count = 1,
	};
	struct tls_identity identity = {
		.certificate_file = options_value(given, "certificate"),
		.key_file = options_value(given, "key"),
	};
	if (o.ca_file && o.insecure)
		return complain("--ca and --insecure exclude each other");
	if (!identity.certificate_file != !identity.key_file)
		return complain("--certificate and --key belong together");
	if (identity.certificate_file)
		o.identity = &identity;
	if (tls_client_context_new(&o, &s->host.tls_context, why, sizeof(why)) != 0)
		return complain("%s", why);
	return 0;
}

/* Scenario files. */

/* Room for one byte more than a scenario may have, so that a longer one is noticed. */
static int read_file(const char *file, struct buf *text)
{
	FILE *in = fopen(file, "re");
	if (!in)
		return complain("%s: %s", file, strerror(errno));
	char *room = buf_reserve(text, SCENARIO_BYTES_MAX + 1);
	buf_commit(text, fread(room, 1, SCENARIO_BYTES_MAX + 1, in));
	int r = ferror(in) ? complain("%s: %s", file, strerror(errno)) : 0;
	fclose(in);
	return r;
}

static int parse_file(struct job *s, const char *file)
{
	char why[512];
	struct buf text;
	buf_init(&text, SCENARIO_BYTES_MAX + 1);
	int r = read_file(file, &text);
	if (r == 0 &&
		scenario_parse(buf_str(&text), str_from_c(file), &s->scenarios[s->count], why, sizeof(why)) != 0) {
		fprintf(stderr, "%s\n", why);
		r = EXIT_USAGE;
	}
	if (r == 0)
		s->count++;
	buf_fini(&text);
	return r;
}

/* All of them are read before the first one runs; each that is wrong is named. */
static int parse_files(struct job *s, const struct options *given)
{
	int r = 0;
	s->scenarios = mem_zalloc_array((size_t)given->argument_count, sizeof(struct scenario *));
	for (int i = 0; i < given->argument_count; i++)
		if (parse_file(s, given->arguments[i]) != 0)
			r = EXIT_USAGE;
	return r;
}

/* The host of the runs. */

static struct str find_password(void *ctx, const struct jid *account)
{
	const struct job *s = ctx;
	return passwords_find(&s->passwords, account);
}

static bool act(void *ctx, enum server_act what)
{
	struct job *s = ctx;
	return control_start(&s->control, what);
}

static int prepare(struct job *s, const struct options *given)
{
	const char *accounts = options_value(given, "accounts");
	s->host.tls = INITIATOR_TLS_STARTTLS;
	s->host.random = &sysrandom;
	s->host.ctx = s;
	s->host.password = find_password;
	s->control.program = options_value(given, "control");
	s->host.act = s->control.program ? act : NULL;
	if (read_addresses(s, given) != 0 || read_timeout(s, given) != 0 || make_tls(s, given) != 0)
		return EXIT_USAGE;
	if (accounts && passwords_read(&s->passwords, accounts) != 0)
		return EXIT_USAGE;
	return parse_files(s, given);
}

/* Running. */

static void run_one(struct job *s, size_t i, struct buf *texts)
{
	struct loop *loop = s->host.loop;
	struct scenario_run *run = scenario_run_new(s->scenarios[i], &s->host);
	while (!scenario_run_is_finished(run)) {
		const char *error;
		loop_turn(loop, s->control.pid ? CONTROL_MS : INT_MAX);
		if (control_has_ended(&s->control, &error))
			scenario_run_server_done(run, error);
	}
	struct scenario_result result = scenario_run_result(run);
	buf_init(&texts[i], REPORT_BYTES_MAX);
	buf_add(&texts[i], result.text);
	s->cases[i] = (struct report_case){ s->scenarios[i]->name, result.outcome, buf_str(&texts[i]), result.ms };
	scenario_run_free(&run);
}

static void print(struct buf *out)
{
	struct str text = buf_str(out);
	fwrite(text.p, 1, text.n, stdout);
	fflush(stdout);
	buf_clear(out);
}

static int write_junit(const struct job *s, const char *file)
{
	struct buf out;
	buf_init(&out, REPORT_BYTES_MAX);
	report_junit(&out, STR("scenario"), s->cases, s->count);
	FILE *to = fopen(file, "we");
	bool is_written = to && fwrite(buf_str(&out).p, 1, buf_len(&out), to) == buf_len(&out);
	if (to && fclose(to) != 0)
		is_written = false;
	buf_fini(&out);
	return is_written ? 0 : complain("%s: %s", file, strerror(errno));
}

static int run_all(struct job *s, const char *junit)
{
	struct buf out, *texts = mem_zalloc_array(s->count, sizeof(*texts));
	int code = EXIT_DONE;
	buf_init(&out, REPORT_BYTES_MAX);
	s->cases = mem_zalloc_array(s->count, sizeof(*s->cases));
	for (size_t i = 0; i < s->count; i++) {
		run_one(s, i, texts);
		report_case(&out, &s->cases[i]);
		print(&out);
		if (s->cases[i].outcome == SCENARIO_FAILED)
			code = EXIT_REFUSED;
	}
	report_sum(&out, s->cases, s->count);
	print(&out);
	if (junit && write_junit(s, junit) != 0)
		code = EXIT_USAGE;
	for (size_t i = 0; i < s->count; i++)
		buf_fini(&texts[i]);
	mem_free(texts);
	buf_fini(&out);
	return code;
}

static int run_on_sockets(struct job *s, const char *junit)
{
	int r = sysnet_init(&s->sysnet);
	if (r < 0)
		return complain("cannot make an event loop: %s", strerror(-r));
	signal(SIGPIPE, SIG_IGN);
	s->net = sysnet_net(&s->sysnet);
	s->host.loop = loop_new(&s->net, &sysclock);
	int code = run_all(s, junit);
	loop_free(&s->host.loop);
	sysnet_fini(&s->sysnet);
	return code;
}

static int run(const struct options *given)
{
	struct job s = { 0 };
	passwords_init(&s.passwords);
	int code = prepare(&s, given);
	if (code == 0)
		code = run_on_sockets(&s, options_value(given, "junit"));
	for (size_t i = 0; i < s.count; i++)
		scenario_free(&s.scenarios[i]);
	mem_free(s.scenarios);
	mem_free(s.cases);
	passwords_fini(&s.passwords);
	tls_context_unref(&s.host.tls_context);
	return code;
}

const struct command scenario_command = {
	.name = "scenario",
	.summary = "Run scripts of XMPP conversations against a server",
	.usage = "--server HOST:PORT [--accounts FILE] [--ca FILE | --insecure] [--junit FILE] FILE…",
	.about =
		"A scenario is a plain-text script: who connects, what is sent, what is received.\n"
		"\n"
		"  # away_contact_receives_message            the first line is the scenario's name\n"
		"  account romeo@localhost                    must exist; its password is in --accounts, or \"romeo\"\n"
		"  account juliet@localhost\n"
		"  romeo connects as romeo/phone              TCP, TLS, login, resource\n"
		"  romeo sends\n"
		"      <message to='juliet@localhost' id='m1'><body>Hi</body></message>\n"
		"  juliet connects as juliet/balcony with mechanism PLAIN\n"
		"  juliet sends <presence/>\n"
		"  juliet receives\n"
		"      <message from='{=romeo.jid}' id='{any}'><body>Hi</body>{more}</message>\n"
		"  juliet receives nothing                    and so far has received nothing else\n"
		"  romeo disconnects\n"
		"\n"
		"What a client does\n"
		"  connects as WHO [with tls starttls|direct|none] [with mechanism NAME] [with password WORD]\n"
		"    [with|without sasl2] [with binding NAME | without binding] [with tag WORD] [upgrading to MECHANISM]\n"
		"    [requesting token MECHANISM] [with token | with refused token | invalidating token]\n"
		"    [in one round trip | with wrong version]\n"
		"  connects anonymously to DOMAIN [with …]\n"
		"  fails to connect as WHO [with …] with CONDITION | with stream error CONDITION\n"
		"  opens raw [with tls direct]                a connection, and no more: it sends bytes\n"
		"  starts tls                                 raw: the handshake\n"
		"  sends XML…                                 raw: <stream:stream to='…' version='1.0'/> is a header\n"
		"  sends bytes \"…\"                            with \\n, \\xNN; strings may go on below, indented\n"
		"  receives XML…                              one after another\n"
		"  receives in any order XML…\n"
		"  receives bytes \"…\"                         raw\n"
		"  receives nothing\n"
		"  is disconnected [with stream error CONDITION]\n"
		"  disconnects · drops                        closes its stream · cuts the connection\n"
		"  stops reading · reads slowly · resumes reading\n"
		"and what happens to the server (with --control): server is killed, stops, starts, restarts.\n"
		"\n"
		"Before that, \"hidden XML…\" says what clients may get besides: it is passed over where no step expects "
		"it.\n"
		"\n"
		"In XML and bytes: {any} any text · {=name} bound at first, compared later · {c*N} the character c, N "
		"times ·\n"
		"{more} further attributes and children are fine · {ordered} the order of children counts · {{ a "
		"brace.\n"
		"What is not named is an error, but for xml:lang, the own address in \"to\", the client's own presence "
		"coming\n"
		"back, and pings of the server, which are answered.\n"
		"\n"
		"Exit codes: 0 all passed or skipped, 1 some failed, 2 wrong use, a wrong file among them.\n",
	.options = options,
	.arguments_min = 1,
	.arguments_max = INT_MAX,
	.run = run,
};
