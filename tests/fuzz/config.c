/* Fuzz target: the configuration. Whatever is read either becomes a configuration that keeps its promises, without a
 * word, or is refused with lines that can be shown: FILE:LINE:COLUMN: text, in order, UTF-8 without control characters.
 */
#include "tests/fuzz/target.h"

#include "lib/base/fault.h"
#include "lib/base/utf8.h"
#include "server/core/config.h"

#include <stdio.h>

#define FILE_NAME "/f/l.yml"
#define LINES_MAX 51

struct fuzz_conf {
	uint64_t interval, bytes;
	bool flag;
	int mood;
	int64_t count;
	struct str text, path;
};

static const char *const moods[] = { "glad", "sad", NULL };
static const struct option options[] = {
	OPT_DURATION(struct fuzz_conf, interval, "10m", "A duration"),
	OPT_SIZE(struct fuzz_conf, bytes, "1KiB", "A size"),
	OPT_BOOL(struct fuzz_conf, flag, "off", "A flag"),
	OPT_CHOICE(struct fuzz_conf, mood, moods, "glad", "A choice"),
	OPT_INT(struct fuzz_conf, count, -1, 9, "3", "A number"),
	OPT_TEXT(struct fuzz_conf, text, "hello", "A text"),
	OPT_PATH(struct fuzz_conf, path, NULL, "A path"),
	OPT_END,
};

static const struct module ping = { .name = "ping", .options = options, .conf_bytes = sizeof(struct fuzz_conf) };
static const struct module roster = { .name = "roster" };
static const struct module *const modules[] = { &ping, &roster, NULL };

static struct {
	unsigned long read, refused;
} counts;

/* Takes one line off *errors. */
static void check_line(struct str *errors)
{
	struct str line, part;
	uint64_t number;
	assert_always(str_cut(errors, '\n', &line));
	assert_always(str_has_prefix(line, STR(FILE_NAME ":")));
	line = str_from(line, sizeof(FILE_NAME ":") - 1);
	for (int i = 0; i < 2; i++) {
		assert_always(str_cut(&line, ':', &part));
		assert_always(str_parse_u64(part, UINT32_MAX, &number) && number > 0);
	}
	assert_always(line.n > 1 && line.p[0] == ' ');
	while (line.n) {
		int32_t c = utf8_take(&line);
		assert_always(c >= 0x20 && (c < 0x7f || c > 0x9f));
	}
}

static void check_errors(struct str errors)
{
	unsigned lines = 0;
	assert_always(errors.n > 0);
	for (; errors.n; lines++)
		check_line(&errors);
	assert_always(lines <= LINES_MAX);
}

static void check_module(const struct config *c)
{
	const struct fuzz_conf *conf = config_of_module(c, modules, &ping);
	assert_always((conf != NULL) == c->module_on[0]);
	assert_always(config_of_module(c, modules, &roster) == NULL);
	if (!conf)
		return;
	assert_always(
		conf->interval <= (uint64_t)OPTION_DURATION_MS_MAX && conf->bytes <= (uint64_t)OPTION_SIZE_BYTES_MAX);
	assert_always(conf->mood == 0 || conf->mood == 1);
	assert_always(conf->count >= -1 && conf->count <= 9);
	assert_always(conf->path.n == 0 || conf->path.p[0] == '/');
}

static void check_config(const struct config *c)
{
	assert_always(c->host_count >= 1 && c->listener_count >= 1 && c->workers >= 1 && c->data.n > 0);
	for (size_t i = 0; i < c->host_count; i++)
		assert_always(c->hosts[i].n > 0);
	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *l = &c->listeners[i];
		assert_always(l->tls != CONFIG_TLS_NONE || str_has_prefix(l->address, STR("127.")) ||
			str_eq(l->address, STR("::1")));
	}
	for (size_t i = 0; i < c->certificate_count; i++)
		assert_always(
			c->certificates[i].host.n && c->certificates[i].certificate.n && c->certificates[i].key.n);
	check_module(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct config_context context = { .file = FILE_NAME, .modules = modules, .data = STR("/d"), .cores = 2 };
	struct arena *a = arena_new(256, CONFIG_BYTES_MAX);
	const struct config *c = NULL;
	struct buf errors;
	buf_init(&errors, CONFIG_ERRORS_BYTES_MAX);
	int result = config_read(a, str_make(data, n), &context, &c, &errors);
	assert_always(!buf_failed(&errors));
	/* A node of three bytes ("a, ") becomes the slice of a host at most; paths grow by their folder. */
	assert_always(arena_bytes(a) <= 4096 + 64 * n);
	if (result == 0) {
		assert_always(buf_len(&errors) == 0);
		check_config(c);
		counts.read++;
	} else {
		assert_always(c == NULL);
		check_errors(buf_str(&errors));
		counts.refused++;
	}
	buf_fini(&errors);
	arena_free(&a);
	return 0;
}

int fuzz_report(void)
{
	printf("%lu read, %lu refused\n", counts.read, counts.refused);
	return counts.read == 0 || counts.refused == 0;
}
