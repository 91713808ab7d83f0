/* linnet jid: shows how an address is normalised, or why it is none. */
#include "cmd/command.h"

#include "lib/base/arena.h"
#include "lib/base/utf8.h"
#include "lib/xmpp/jid.h"

#include <limits.h>

/* An address is far below this; jid_parse needs room for its normalisation. */
#define ARENA_BYTES     4096
#define ARENA_BYTES_MAX (1u << 20)

struct part {
	const char *name; /* for --part */
	struct str (*get)(const struct jid *j);
};

static const struct part parts[] = {
	{ "local", jid_local },
	{ "domain", jid_domain },
	{ "resource", jid_resource },
	{ "bare", jid_bare },
};

/* NULL if there is none of that name. */
static const struct part *find_part(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (strcmp(parts[i].name, name) == 0)
			return &parts[i];
	return NULL;
}

static void print_part(const char *title, struct str part)
{
	if (part.n)
		printf("  %-14s" STR_FMT "\n", title, STR_ARG(part));
}

static void print_jid(const struct jid *j)
{
	printf(STR_FMT "\n", STR_ARG(jid_full(j)));
	print_part("localpart", jid_local(j));
	print_part("domainpart", jid_domain(j));
	print_part("resourcepart", jid_resource(j));
}

/* A refused address may hold anything: what a terminal would act on, and what is not UTF-8, is shown as \xNN. */
static void print_refusal(struct str address, const char *why)
{
	fputs("linnet jid: \"", stderr);
	while (address.n) {
		struct str rest = address;
		int32_t code_point = utf8_take(&rest);
		if (code_point < 0)
			rest = str_from(address, 1);
		bool is_shown = code_point >= 0x20 && (code_point < 0x7f || code_point >= 0xa0);
		for (size_t i = 0; i < address.n - rest.n; i++)
			fprintf(stderr, is_shown ? "%c" : "\\x%02x", (unsigned char)address.p[i]);
		address = rest;
	}
	fprintf(stderr, "\": %s\n", why);
}

/* `only` may be NULL: all of it. False if it is no address. */
static bool show(struct str address, const struct part *only)
{
	struct arena *a = arena_new(ARENA_BYTES, ARENA_BYTES_MAX);
	const struct jid *j;
	const char *why;
	bool ok = jid_parse(a, address, &j, &why) == 0;
	if (!ok)
		print_refusal(address, why);
	else if (only)
		printf(STR_FMT "\n", STR_ARG(only->get(j)));
	else
		print_jid(j);
	arena_free(&a);
	return ok;
}

static int run(const struct options *given)
{
	const char *name = options_value(given, "part");
	const struct part *only = name ? find_part(name) : NULL;
	if (name && !only) {
		fprintf(stderr, "linnet jid: --part is local, domain, resource or bare, not \"%s\"\n", name);
		return EXIT_USAGE;
	}
	int code = EXIT_DONE;
	for (int i = 0; i < given->argument_count; i++)
		if (!show(str_from_c(given->arguments[i]), only))
			code = EXIT_REFUSED;
	return code;
}

const struct command jid_command = {
	.name = "jid",
	.summary = "Normalise addresses (JIDs) and show their parts",
	.usage = "[--part PART] ADDRESS…",
	.about = "Each address is prepared as RFC 7622 says and printed with its parts, or refused with\n"
		 "the reason on stderr; then the exit code is 1.\n",
	.options = (const struct command_option[]){ { "part", "PART", "Print only this: local, domain, resource or bare" },
		{ 0 } },
	.arguments_min = 1,
	.arguments_max = INT_MAX,
	.run = run,
};
