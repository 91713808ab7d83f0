/* The file of accounts. */
#include "cmd/scenario/passwords.h"

#include "lib/base/mem.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (256u << 20)

struct account_password {
	const struct jid *jid;
	struct str password;
};

void passwords_init(struct passwords *a)
{
	*a = (struct passwords){ 0 };
}

void passwords_fini(struct passwords *a)
{
	arena_free(&a->arena);
	mem_free(a->list);
	passwords_init(a);
}

static void add(struct passwords *a, const struct jid *jid, const char *password)
{
	if (a->count == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 16;
		a->list = mem_resize(a->list, a->cap * sizeof(*a->list));
	}
	a->list[a->count++] = (struct account_password){ jid, arena_dup(a->arena, str_from_c(password)) };
}

/* NULL, or what is wrong. */
static const char *read_line(struct passwords *a, const char *line)
{
	json_error_t error;
	const char *why = NULL;
	const struct jid *jid;
	json_t *object = json_loads(line, 0, &error);
	const char *text = json_string_value(json_object_get(object, "jid"));
	const char *password = json_string_value(json_object_get(object, "password"));
	if (!text)
		why = "this is no JSON object with a \"jid\"";
	else if (jid_parse(a->arena, str_from_c(text), &jid, &why) == 0 && password)
		add(a, jid, password);
	json_decref(object);
	return why;
}

static int read_lines(struct passwords *a, const char *file, FILE *in)
{
	char *line = NULL;
	size_t cap = 0;
	const char *why = NULL;
	unsigned number = 0;
	while (!why && getline(&line, &cap, in) > 0) {
		number++;
		if (line[strspn(line, " \t\r\n")])
			why = read_line(a, line);
	}
	if (!why && ferror(in))
		why = strerror(errno);
	if (why)
		fprintf(stderr, "%s:%u: %s\n", file, number, why);
	free(line);
	return why ? -1 : 0;
}

int passwords_read(struct passwords *a, const char *file)
{
	FILE *in = fopen(file, "re");
	if (!in) {
		fprintf(stderr, "%s: %s\n", file, strerror(errno));
		return -1;
	}
	a->arena = arena_new(4096, ARENA_BYTES_MAX);
	int r = read_lines(a, file, in);
	fclose(in);
	return r;
}

struct str passwords_find(const struct passwords *a, const struct jid *account)
{
	for (size_t i = 0; i < a->count; i++)
		if (jid_equal_bare(a->list[i].jid, account))
			return a->list[i].password;
	return str_make(NULL, 0);
}
