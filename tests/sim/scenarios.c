/* sim-scenarios: plays scenario files to the simulated server, in virtual time and an order drawn from a seed.
 *
 *     sim-scenarios [--mode one|move|encoded] [--seed N | --seeds FIRST COUNT] [--plain] [--trace] [--steps FILE]
 *                   [--junit FILE] FILE…
 *
 * Each file has a server of its own; with several seeds it is played with each, until one fails. The modes are those of
 * tests/scenario/test_scenarios.py. --plain: without any TLS; then a seed has one trace, which --trace prints, and
 * --steps writes what it is made of; scenarios that need TLS are skipped.
 *
 * Exit code 0: all passed or were skipped, 1: some failed, 2: wrong use, a wrong file among them. */
#include "cmd/scenario/report.h"
#include "lib/base/mem.h"
#include "lib/net/sysclock.h"
#include "tests/sim/play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_BYTES_MAX (64u << 20)

enum { ALL_PASSED, SOME_FAILED, WRONG_USE };

struct mode {
	const char *name;
	unsigned workers;
	bool encoded;
};

static const struct mode modes[] = { { "one", 1, false }, { "move", 4, false }, { "encoded", 4, true } };

struct job {
	const struct mode *mode;
	uint64_t first_seed, seed_count;
	bool is_plain, prints_trace;
	const char *junit;
	struct contexts tls;
	struct play_options play;
	/* Those of the files, in their order. */
	struct scenario **scenarios;
	struct report_case *cases;
	struct buf *texts;
	size_t count;
};

/* What was given on the command line. */

static _Noreturn void complain(const char *what, const char *why)
{
	fprintf(stderr, "sim-scenarios: %s%s%s\n", what, why ? ": " : "", why ? why : "");
	exit(WRONG_USE);
}

static uint64_t number(const char *text)
{
	uint64_t n;
	if (!text || !str_parse_u64(str_from_c(text), UINT32_MAX, &n))
		complain("a number is missing", NULL);
	return n;
}

static const char *word(const char *text)
{
	if (!text)
		complain("an argument is missing", NULL);
	return text;
}

static FILE *open_or_complain(const char *name, const char *how)
{
	FILE *f = fopen(word(name), how);
	if (!f)
		complain(name, strerror(errno));
	return f;
}

static const struct mode *mode_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(modes[i].name, word(name)) == 0)
			return &modes[i];
	complain("this is no mode", name);
}

static bool take_option(struct job *job, char ***at)
{
	const char *option = **at;
	if (strcmp(option, "--mode") == 0) {
		job->mode = mode_named(*++*at);
	} else if (strcmp(option, "--seed") == 0) {
		job->first_seed = number(*++*at);
		job->seed_count = 1;
	} else if (strcmp(option, "--seeds") == 0) {
		job->first_seed = number(*++*at);
		job->seed_count = number(*++*at);
	} else if (strcmp(option, "--junit") == 0) {
		job->junit = word(*++*at);
	} else if (strcmp(option, "--steps") == 0) {
		job->play.steps = open_or_complain(*++*at, "we");
	} else if (strcmp(option, "--plain") == 0) {
		job->is_plain = true;
	} else if (strcmp(option, "--trace") == 0) {
		job->prints_trace = true;
	} else {
		return false;
	}
	return true;
}

static void add_file(struct job *job, const char *file)
{
	char why[512];
	struct buf text;
	FILE *in = open_or_complain(file, "re");
	buf_init(&text, SCENARIO_BYTES_MAX + 1);
	buf_commit(&text, fread(buf_reserve(&text, SCENARIO_BYTES_MAX + 1), 1, SCENARIO_BYTES_MAX + 1, in));
	if (ferror(in))
		complain(file, strerror(errno));
	fclose(in);
	if (scenario_parse(buf_str(&text), str_from_c(file), &job->scenarios[job->count], why, sizeof(why)) != 0)
		complain(why, NULL);
	job->count++;
	buf_fini(&text);
}

static void read_arguments(struct job *job, int argc, char **argv)
{
	job->scenarios = mem_zalloc_array((size_t)argc, sizeof(struct scenario *));
	for (char **at = argv + 1; *at; at++) {
		if (take_option(job, &at))
			continue;
		if (str_has_prefix(str_from_c(*at), STR("--")))
			complain("unknown option", *at);
		add_file(job, *at);
	}
	if (job->count == 0 || job->seed_count == 0)
		complain("nothing to play", NULL);
}

/* Playing. */

/* True if it passed, or was skipped, with this seed. */
static bool play_once(struct job *job, size_t i)
{
	struct report_case *c = &job->cases[i];
	buf_clear(&job->texts[i]);
	if (job->seed_count > 1)
		buf_printf(&job->texts[i], "with --seed %" PRIu64 ": ", job->play.seed);
	struct play_result r = play(job->scenarios[i], &job->play, &job->texts[i]);
	c->outcome = r.outcome;
	if (job->prints_trace)
		printf("trace %016" PRIx64 " " STR_FMT " %" PRIu64 "\n", r.trace, STR_ARG(c->name), job->play.seed);
	return r.outcome != SCENARIO_FAILED;
}

static void play_file(struct job *job, size_t i)
{
	uint64_t began_ms = clock_mono_ms(&sysclock);
	bool goes_on = true;
	buf_init(&job->texts[i], REPORT_BYTES_MAX);
	job->cases[i] = (struct report_case){ .name = job->scenarios[i]->name };
	for (uint64_t n = 0; n < job->seed_count && goes_on; n++) {
		job->play.seed = job->first_seed + n;
		goes_on = play_once(job, i);
	}
	job->cases[i].text = buf_str(&job->texts[i]);
	job->cases[i].ms = clock_mono_ms(&sysclock) - began_ms;
}

static void print(struct buf *out, FILE *to)
{
	struct str text = buf_str(out);
	fwrite(text.p, 1, text.n, to);
	buf_clear(out);
}

static void write_junit(const struct job *job, struct buf *out)
{
	FILE *to = open_or_complain(job->junit, "we");
	report_junit(out, str_from_c(job->mode->name), job->cases, job->count);
	print(out, to);
	if (fclose(to) != 0)
		complain(job->junit, strerror(errno));
}

static int play_all(struct job *job)
{
	struct buf out;
	int code = ALL_PASSED;
	buf_init(&out, REPORT_BYTES_MAX);
	job->cases = mem_zalloc_array(job->count, sizeof(*job->cases));
	job->texts = mem_zalloc_array(job->count, sizeof(*job->texts));
	for (size_t i = 0; i < job->count; i++) {
		play_file(job, i);
		report_case(&out, &job->cases[i]);
		print(&out, stdout);
		if (job->cases[i].outcome == SCENARIO_FAILED)
			code = SOME_FAILED;
	}
	report_sum(&out, job->cases, job->count);
	print(&out, stdout);
	if (job->junit)
		write_junit(job, &out);
	buf_fini(&out);
	return code;
}

static void job_fini(struct job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		scenario_free(&job->scenarios[i]);
		buf_fini(&job->texts[i]);
	}
	mem_free(job->scenarios);
	mem_free(job->cases);
	mem_free(job->texts);
	contexts_fini(&job->tls);
	if (job->play.steps)
		fclose(job->play.steps);
}

int main(int argc, char **argv)
{
	char why[256];
	struct job job = { .mode = &modes[0], .first_seed = 1, .seed_count = 1 };
	read_arguments(&job, argc, argv);
	if (!job.is_plain && contexts_init(&job.tls, PLAY_HOST, why, sizeof(why)) != 0)
		complain("no certificate", why);
	job.play.workers = job.mode->workers;
	job.play.encoded = job.mode->encoded;
	job.play.tls = job.is_plain ? NULL : &job.tls;
	int code = play_all(&job);
	job_fini(&job);
	return code;
}
