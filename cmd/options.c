/* Parsing and printing of option tables. */
#include "cmd/options.h"

#include "lib/base/fault.h"
#include "lib/base/nearest.h"

#include <string.h>

static int count(const struct command_option *table)
{
	int n = 0;
	while (table && table[n].name)
		n++;
	assert_always(n <= OPTIONS_MAX);
	return n;
}

/* Its place in the table, or -1. */
static int find(const struct command_option *table, const char *name, size_t n)
{
	for (int i = 0, end = count(table); i < end; i++)
		if (strlen(table[i].name) == n && strncmp(table[i].name, name, n) == 0)
			return i;
	return -1;
}

static void report_unknown(const struct command_option *table, const char *command, const char *name, size_t n)
{
	struct nearest near = nearest_to(str_make(name, n));
	for (int i = 0, end = count(table); i < end; i++)
		nearest_consider(&near, str_from_c(table[i].name));
	nearest_consider(&near, STR("help"));
	fprintf(stderr, "linnet %s: there is no option --%.*s", command, (int)n, name);
	if (near.best.n)
		fprintf(stderr, "; did you mean --" STR_FMT "?", STR_ARG(near.best));
	fprintf(stderr, "\nSee: linnet %s --help\n", command);
}

/* One option, at `text` behind its dashes; its value may be `*next`, which is then used up. */
static int take_option(struct options *given, const char *command, const char *text, char **next, bool *used_next_r)
{
	size_t n = strcspn(text, "=");
	const char *value = text[n] ? text + n + 1 : NULL;
	int at = find(given->table, text, n);
	if (at < 0 && n == strlen("help") && strncmp(text, "help", n) == 0 && !value) {
		given->help = true;
		return 0;
	}
	if (at < 0) {
		report_unknown(given->table, command, text, n);
		return -1;
	}
	const struct command_option *o = &given->table[at];
	if (!o->value && value) {
		fprintf(stderr, "linnet %s: --%s takes no value\n", command, o->name);
		return -1;
	}
	if (o->value && !value) {
		if (!*next) {
			fprintf(stderr, "linnet %s: --%s wants a value: --%s %s\n", command, o->name, o->name,
				o->value);
			return -1;
		}
		value = *next;
		*used_next_r = true;
	}
	given->values[at] = o->value ? value : "";
	return 0;
}

int options_parse(const struct command_option *table, const char *command, int argc, char **argv, struct options *given_r)
{
	*given_r = (struct options){ .table = table, .arguments = argv };
	bool ended = false;
	for (int i = 0; i < argc; i++) {
		bool used_next = false;
		char *word = argv[i];
		if (ended || word[0] != '-' || strcmp(word, "-") == 0) {
			argv[given_r->argument_count++] = word;
		} else if (strcmp(word, "--") == 0) {
			ended = true;
		} else if (strcmp(word, "-h") == 0) {
			given_r->help = true;
		} else if (word[1] != '-') {
			fprintf(stderr, "linnet %s: %s is no option: options begin with two dashes\n", command, word);
			return -1;
		} else if (take_option(given_r, command, word + 2, &argv[i + 1], &used_next) != 0) {
			return -1;
		}
		i += used_next;
	}
	return 0;
}

const char *options_value(const struct options *given, const char *name)
{
	int at = find(given->table, name, strlen(name));
	assert_always(at >= 0);
	return given->values[at];
}

bool options_has(const struct options *given, const char *name)
{
	return options_value(given, name) != NULL;
}

static void print_option(const char *name, const char *value, const char *help, FILE *to)
{
	int used = fprintf(to, "  --%s%s%s", name, value ? " " : "", value ? value : "");
	fprintf(to, "%*s%s\n", used < 24 ? 24 - used : 2, "", help);
}

void options_print(const struct command_option *table, FILE *to)
{
	for (int i = 0, end = count(table); i < end; i++)
		print_option(table[i].name, table[i].value, table[i].help, to);
	print_option("help", NULL, "Print this", to);
}
