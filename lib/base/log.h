/* Logging with context: every object has a log of its own, child of its owner's, and each line names them all:
 *
 *     c2s=1f03 user=romeo@im.example closed reason=ping-timeout
 *
 * error: an operator must act · warn: will have to if it repeats · info: life of sessions · debug: a line per stanza.
 * Never a secret, never a message body. Bytes a peer chose are escaped by the log itself (controls, and bytes that
 * are not UTF-8, as \xNN), so they can neither break a line nor reach a terminal. Where a line goes is the sink's
 * business; a sink must be callable from the thread of its user. */
#ifndef LINNET_LOG_H
#define LINNET_LOG_H

#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_sink {
	/* `line` has no line feed. */
	void (*write)(void *ctx, enum log_level level, struct str line);
	void *ctx;
	enum log_level level; /* the most verbose that is written */
};

struct log {
	const struct log_sink *sink;
	const struct log *parent; /* or NULL */
	/* Appends "key=value" for the object around this log; NULL if it adds nothing. Called only when a line is
	 * written. */
	void (*describe)(const struct log *log, struct buf *b);
};

static inline struct log log_child(const struct log *parent, void (*describe)(const struct log *, struct buf *))
{
	return (struct log){ parent->sink, parent, describe };
}

void log_write(const struct log *log, enum log_level level, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_at(log, lvl, ...) ((lvl) <= (log)->sink->level ? log_write((log), (lvl), __VA_ARGS__) : (void)0)
#define log_error(log, ...) log_at(log, LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(log, ...) log_at(log, LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(log, ...) log_at(log, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_at(log, LOG_LEVEL_DEBUG, __VA_ARGS__)

/* "error", "warn", "info", "debug". */
const char *log_level_name(enum log_level level);

#endif
