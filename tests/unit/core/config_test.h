/* What the tests of the configuration share: a few modules, and a reading of a text. Include after cmocka.h. */
#ifndef LINNET_TESTS_CONFIG_TEST_H
#define LINNET_TESTS_CONFIG_TEST_H

#include "server/core/config.h"

struct echo_conf {
	uint64_t interval, reply_bytes;
	bool loud;
	int mood;
	int64_t count;
	struct str greeting, script;
};

static const char *const moods[] = { "glad", "sad", NULL };
static const struct option echo_options[] = {
	OPT_DURATION(struct echo_conf, interval, "600s", "How often; 0 is never"),
	OPT_SIZE_BETWEEN(struct echo_conf, reply_bytes, 512, 65536, "1024", "Largest reply"),
	OPT_BOOL(struct echo_conf, loud, "off", "Whether it shouts"),
	OPT_CHOICE(struct echo_conf, mood, moods, "glad", "Its mood: glad|sad"),
	OPT_INT(struct echo_conf, count, -1, 9, "3", "How many times"),
	OPT_TEXT(struct echo_conf, greeting, "hello", "What it says first"),
	OPT_PATH(struct echo_conf, script, NULL, "File with what it says then; left out: nothing"),
	OPT_END,
};

static const struct module echo_module = {
	.name = "echo",
	.xep = 7,
	.version = "1.0.2",
	.summary = "Says again what was said",
	.options = echo_options,
	.conf_bytes = sizeof(struct echo_conf),
};
static const struct module plain_module = {
	.name = "plain",
	.version = "RFC 9999",
	.summary = "Has no options | and needs none",
};
static const struct module needed_module = {
	.name = "needed",
	.version = "RFC 9998",
	.summary = "Has others that need it",
	.required = true,
};
static const struct module *const modules[] = { &echo_module, &plain_module, &needed_module, NULL };

static const struct config_context context = {
	.file = "/etc/linnet/l.yml",
	.modules = modules,
	.data = STR_INIT("data-default"),
	.cores = 4,
};

struct reading {
	struct arena *arena;
	const struct config *config;
	struct buf errors;
	int result;
};

static inline struct reading read_with(const struct config_context *c, struct str text)
{
	struct reading r = { .arena = arena_new(1024, CONFIG_BYTES_MAX) };
	buf_init(&r.errors, CONFIG_ERRORS_BYTES_MAX);
	r.result = config_read(r.arena, text, c, &r.config, &r.errors);
	return r;
}

static inline void reading_fini(struct reading *r)
{
	arena_free(&r->arena);
	buf_fini(&r->errors);
}

/* Terminated, in the arena of the reading. */
static inline const char *errors_of(struct reading *r)
{
	return arena_dup(r->arena, buf_str(&r->errors)).p;
}

/* The text must be without mistakes. */
static inline struct reading read_good(const char *text)
{
	struct reading r = read_with(&context, str_from_c(text));
	assert_string_equal(errors_of(&r), "");
	assert_int_equal(r.result, 0);
	return r;
}

static inline void assert_str(struct str s, const char *expected)
{
	assert_int_equal(s.n, strlen(expected));
	assert_memory_equal(s.p, expected, s.n);
}

#endif
