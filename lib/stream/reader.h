/* What both sides of a stream do with input: bytes in, complete top-level items out, each ready to be parsed.
 *
 * A complete item is handed out where it lies in the caller's bytes. Only what has to wait is copied, into a tail of
 * the reader's own: the beginning of an item whose end has not arrived, and what stands behind a question nobody has
 * answered yet. The tail goes as soon as it is empty, and is wiped, since it may have held a password. */
#ifndef LINNET_STREAM_READER_H
#define LINNET_STREAM_READER_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"
#include "lib/xml/framer.h"
#include "lib/xml/parser.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stddef.h>

struct reader_tail;

struct reader {
	struct framer framer;
	struct str in; /* the caller's bytes that nobody has looked at */
	struct reader_tail *tail; /* comes before `in`; NULL when there is none */
};

void reader_init(struct reader *r);
void reader_fini(struct reader *r);

/* Bytes from now on belong to a new stream, which begins with a header; unread ones too. */
void reader_restart(struct reader *r);
/* Forgets all bytes. */
void reader_drop(struct reader *r);

/* Borrowed until reader_next says FRAME_MORE, or reader_save or reader_drop was called. */
void reader_input(struct reader *r, struct str in);
/* The next item: *item_r stays until reader_release, or any other call. frame_r->skip is the white space before it, or at the end of
 * the input. */
enum frame_kind reader_next(
	struct reader *r, const struct xml_limits *limits, struct frame *frame_r, struct str *item_r);
/* The item that was handed out has been parsed. */
void reader_release(struct reader *r);
/* Copies what is unread. False if that would make more than `max` bytes. */
CHECK bool reader_save(struct reader *r, size_t max);

/* Heap bytes held. */
size_t reader_bytes(const struct reader *r);

/* An arena for the tree of an item and `extra` bytes of whoever works on it. */
struct arena *reader_arena(const struct frame *frame, size_t extra);

#endif
