/* One write a line, so that lines of several threads do not mix. */
#include "cmd/log_stderr.h"

#include "lib/base/arena.h"
#include "lib/net/sysclock.h"
#include "lib/xmpp/delay.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096

static void write_line(void *ctx, enum log_level level, struct str line)
{
	char text[LINE_BYTES_MAX];
	struct arena *a = arena_new(128, 4096);
	struct str stamp = datetime_format(a, clock_wall_ms(&sysclock));
	(void)ctx;
	int n = snprintf(text, sizeof(text), STR_FMT " %-5s " STR_FMT "\n", STR_ARG(stamp), log_level_name(level), STR_ARG(line));
	arena_free(&a);
	size_t left = n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1;
	text[left - 1] = '\n';
	/* A log that cannot be written must not stop the server. */
	if (write(STDERR_FILENO, text, left) < 0)
		return;
}

bool log_stderr_init(struct log_sink *sink, const char *level)
{
	for (int l = LOG_LEVEL_ERROR; l <= LOG_LEVEL_DEBUG; l++) {
		if (strcmp(log_level_name((enum log_level)l), level) != 0)
			continue;
		*sink = (struct log_sink){ .write = write_line, .level = (enum log_level)l };
		return true;
	}
	return false;
}
