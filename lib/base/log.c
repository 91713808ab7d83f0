/* Builds a line: the contexts from the outermost to the innermost, then the message, all escaped. Contexts may take
 * half of it, so that a long address never crowds out what happened. */
#include "lib/base/log.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 2048
#define CONTEXTS_BYTES (LINE_BYTES / 2)
#define DESCRIPTION_BYTES_MAX 8192 /* before it is cut; a JID has up to 3,071 */
#define DEPTH_MAX 16
#define CUT STR("\xe2\x80\xa6") /* U+2026 */

struct line {
	size_t n;
	size_t limit;
	bool full;
	char text[LINE_BYTES];
};

/* Appends it whole, or marks the cut. */
static void add_piece(struct line *l, struct str s)
{
	if (l->full)
		return;
	if (s.n > l->limit - CUT.n - l->n) {
		s = CUT;
		l->full = true;
	}
	memcpy(l->text + l->n, s.p, s.n);
	l->n += s.n;
}

/* What ends a line, drives a terminal or reorders its text: controls, separators, bidirectional overrides. */
static bool is_unsafe(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void add_escaped(struct line *l, struct str s)
{
	char escape[4 * 4];
	while (s.n > 0 && !l->full) {
		struct str rest = s;
		int32_t code_point = utf8_take(&rest);
		if (code_point < 0)
			rest = str_from(s, 1);
		struct str piece = str_first(s, s.n - rest.n);
		if (code_point < 0 || is_unsafe(code_point)) {
			for (size_t i = 0; i < piece.n; i++) {
				escape[4 * i] = '\\';
				escape[4 * i + 1] = 'x';
				hex_encode(str_make(piece.p + i, 1), escape + 4 * i + 2);
			}
			piece = str_make(escape, 4 * piece.n);
		}
		add_piece(l, piece);
		s = rest;
	}
}

static void add_contexts(struct line *l, const struct log *log)
{
	const struct log *chain[DEPTH_MAX];
	size_t depth = 0;
	for (; log; log = log->parent) {
		assert_always(depth < DEPTH_MAX);
		chain[depth++] = log;
	}
	struct buf b;
	buf_init(&b, DESCRIPTION_BYTES_MAX);
	while (depth-- > 0) {
		buf_clear(&b);
		if (chain[depth]->describe)
			chain[depth]->describe(chain[depth], &b);
		if (buf_len(&b) == 0 && !buf_failed(&b))
			continue;
		if (l->n > 0)
			add_piece(l, STR(" "));
		add_escaped(l, buf_str(&b));
		if (buf_failed(&b))
			add_piece(l, CUT);
	}
	buf_fini(&b);
}

void log_write(const struct log *log, enum log_level level, const char *fmt, ...)
{
	if (level > log->sink->level)
		return;
	struct line l = { .limit = CONTEXTS_BYTES };
	add_contexts(&l, log);
	l.full = false;
	l.limit = LINE_BYTES;
	if (l.n > 0)
		add_piece(&l, STR(" "));
	/* One that does not fit here does not fit into the line either, so its end is never seen. */
	char message[LINE_BYTES];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	assert_always(n >= 0);
	add_escaped(&l, str_make(message, (size_t)n < sizeof(message) ? (size_t)n : sizeof(message) - 1));
	log->sink->write(log->sink->ctx, level, str_make(l.text, l.n));
}

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARN] = "warn",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	assert_always(level < ARRAY_LEN(names));
	return names[level];
}
