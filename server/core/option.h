/* Options: a table says the name, the type, the default and what it is for; the reader of the configuration, its errors
 * and the printed reference all work from it. A new kind is a line in `enum option_kind` and a reader in option.c. */
#ifndef LINNET_OPTION_H
#define LINNET_OPTION_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_END,
	OPTION_BOOL, /* bool: on, off, yes, no, true, false */
	OPTION_INT, /* int64_t between min and max */
	OPTION_DURATION, /* uint64_t, milliseconds: 500ms 10s 5m 24h 7d; 0 */
	OPTION_SIZE, /* uint64_t, bytes: 512 64KiB 1MiB 2GiB 1TiB; 0 */
	OPTION_TEXT, /* struct str */
	OPTION_PATH, /* struct str, not empty; one in the configuration is relative to the folder of its file */
	OPTION_CHOICE, /* int: index into choices */
};

/* Bounds of the types, where an option has none of its own. A duration then fits a timer (lib/base/wheel.h). */
#define OPTION_DURATION_MS_MAX (INT64_C(100) * 24 * 3600 * 1000)
#define OPTION_SIZE_BYTES_MAX (INT64_C(1) << 50)

struct option {
	enum option_kind kind;
	const char *name;
	size_t offset; /* in the configuration struct */
	const char *fallback; /* the default, as an operator writes it; NULL: none, the help says what happens then */
	const char *help; /* one line, no full stop */
	int64_t min, max; /* of numbers, durations and sizes; both 0: no bounds but those of the type */
	const char *const *choices; /* for OPTION_CHOICE; ends with NULL */
};

#define OPT_BOOL(type, field, fallback, help) { OPTION_BOOL, #field, offsetof(type, field), fallback, help, 0, 0, NULL }
#define OPT_INT(type, field, min, max, fallback, help)                                                                 \
	{ OPTION_INT, #field, offsetof(type, field), fallback, help, min, max, NULL }
#define OPT_DURATION(type, field, fallback, help)                                                                      \
	{ OPTION_DURATION, #field, offsetof(type, field), fallback, help, 0, 0, NULL }
#define OPT_DURATION_BETWEEN(type, field, min_ms, max_ms, fallback, help)                                              \
	{ OPTION_DURATION, #field, offsetof(type, field), fallback, help, min_ms, max_ms, NULL }
#define OPT_SIZE(type, field, fallback, help) { OPTION_SIZE, #field, offsetof(type, field), fallback, help, 0, 0, NULL }
#define OPT_SIZE_BETWEEN(type, field, min_bytes, max_bytes, fallback, help)                                            \
	{ OPTION_SIZE, #field, offsetof(type, field), fallback, help, min_bytes, max_bytes, NULL }
#define OPT_TEXT(type, field, fallback, help) { OPTION_TEXT, #field, offsetof(type, field), fallback, help, 0, 0, NULL }
#define OPT_PATH(type, field, fallback, help) { OPTION_PATH, #field, offsetof(type, field), fallback, help, 0, 0, NULL }
#define OPT_CHOICE(type, field, choices, fallback, help)                                                               \
	{ OPTION_CHOICE, #field, offsetof(type, field), fallback, help, 0, 0, choices }
#define OPT_END { OPTION_END, NULL, 0, NULL, NULL, 0, 0, NULL }

enum { EOPTION_FORM = 1 /* not a value of the type */, EOPTION_RANGE = 2 /* too large for it */ };

/* 0 or a negative code; *_r is untouched on error. */
CHECK int option_parse_bool(struct str text, bool *value_r);
CHECK int option_parse_duration(struct str text, uint64_t *ms_r);
CHECK int option_parse_size(struct str text, uint64_t *bytes_r);
/* In the largest unit that needs no fraction; what the parsers read back. */
void option_format_duration(struct buf *b, uint64_t ms);
void option_format_size(struct buf *b, uint64_t bytes);

/* The end of the table (kind OPTION_END) is not found. */
const struct option *option_find(const struct option *table, struct str name);

/* Reads `text` into the option's field of `conf`; a text is copied into `a`. 0; or -1, the field untouched, with what
 * is wrong appended to `why`: "'10 minutes' is not a duration; …". */
CHECK int option_read(struct arena *a, const struct option *o, struct str text, void *conf, struct buf *why);
/* Fills in the defaults of a table; fields without one stay as they are. A default that cannot be read is a bug. */
void option_set_defaults(struct arena *a, const struct option *table, void *conf);

/* What may be written, in Markdown: "`power` or `process`", "1 to 256". */
void option_print_type(const struct option *o, struct buf *b);
/* The default, in Markdown; durations and sizes in their shortest form. Nothing if there is none. */
void option_print_fallback(const struct option *o, struct buf *b);

#endif
