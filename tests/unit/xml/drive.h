/* Framer and parser driven as a connection drives them: chunks go in, what is incomplete is kept, what happened comes
 * out as text, with the place in the stream where it was known. For tests. */
#ifndef LINNET_TEST_XML_DRIVE_H
#define LINNET_TEST_XML_DRIVE_H

#include "lib/base/buf.h"
#include "lib/xml/framer.h"
#include "lib/xml/parser.h"
#include "lib/xml/writer.h"

#ifdef LINNET_NO_SIMD
#define GROUP(name) "xml/" name "-scalar"
#else
#define GROUP(name) "xml/" name
#endif

/* docs/SECURITY.md, P3 */
static const struct xml_limits limits_before = {
	.bytes = 8192,
	.space_bytes = 1024,
	.depth = 8,
	.elements = 32,
	.attributes = 16,
	.declarations = 8,
	.name_bytes = 64,
	.uri_bytes = 256,
	.value_bytes = 4096,
};

static const struct xml_limits limits_after = {
	.bytes = 256 << 10,
	.space_bytes = 1024,
	.depth = 64,
	.elements = 16384,
	.attributes = 64,
	.declarations = 128,
	.name_bytes = 256,
	.uri_bytes = 1024,
	.value_bytes = 64 << 10,
};

/* All that the parser can do. */
static const struct xml_limits limits_none = {
	.bytes = UINT32_MAX,
	.space_bytes = 0,
	.depth = UINT32_MAX,
	.elements = UINT32_MAX,
	.attributes = UINT32_MAX,
	.declarations = UINT32_MAX,
	.name_bytes = UINT32_MAX,
	.uri_bytes = UINT32_MAX,
	.value_bytes = UINT32_MAX,
};

struct drive {
	struct framer framer;
	const struct xml_limits *limits;
	const struct xml_rules *rules;
	struct xml_scope scope; /* of the header, if there was one */
	struct arena *header;
	struct buf pending; /* of an incomplete item */
	struct buf events; /* one line each */
	size_t at; /* bytes of the stream looked at */
	size_t elements;
	int error;
	const char *why;
	/* Largest so far: the arena of an item above what P4 grants it (0: never), and the bytes of one kept. */
	size_t over_bound, pending_max;
	bool is_quiet; /* no events but the error */
};

static inline void drive_init(struct drive *d, enum framer_mode mode, const struct xml_limits *limits)
{
	*d = (struct drive){ .limits = limits };
	framer_init(&d->framer, mode);
	buf_init(&d->pending, SIZE_MAX / 2);
	buf_init(&d->events, SIZE_MAX / 2);
}

static inline void drive_fini(struct drive *d)
{
	arena_free(&d->header);
	buf_fini(&d->pending);
	buf_fini(&d->events);
}

static inline void drive_fail(struct drive *d, int error, const char *why)
{
	d->error = error;
	d->why = why;
	buf_printf(&d->events, "%zu %s: %s\n", d->at, xml_error_text(error), why);
}

static inline void drive_tree(struct drive *d, const char *what, const struct xml_node *root)
{
	if (d->is_quiet)
		return;
	struct xml_dialect dialect = { .content = STR("the content namespace"), .declare = true };
	buf_printf(&d->events, "%zu %s ", d->at, what);
	xml_write(&d->events, root, &dialect);
	buf_lit(&d->events, "\n");
}

static inline void drive_bound(struct drive *d, const struct frame *frame, const struct arena *a)
{
	size_t bound = 4 * (size_t)frame->bytes + 64 * ((size_t)frame->elements + frame->attributes) + 4096;
	if (arena_bytes(a) > bound && arena_bytes(a) - bound > d->over_bound)
		d->over_bound = arena_bytes(a) - bound;
}

/* One complete item. */
static inline void drive_item(struct drive *d, const struct frame *frame, struct str bytes)
{
	const struct xml_node *root;
	const char *why;
	struct arena *a = arena_new(xml_parse_bytes(frame), SIZE_MAX);
	if (frame->kind == FRAME_OPEN) {
		int error = xml_parse_open(a, bytes, &root, &d->scope.declarations, &d->scope.count, &why);
		if (error) {
			drive_fail(d, error, why);
		} else {
			d->scope.content = STR("jabber:client");
			drive_tree(d, "open", root);
		}
		drive_bound(d, frame, a);
		d->header = a;
		return;
	}
	int error = xml_parse(a, bytes, &d->scope, d->rules, &root, &why);
	if (error)
		drive_fail(d, error, why);
	else
		drive_tree(d, "element", root);
	drive_bound(d, frame, a);
	d->elements++;
	arena_free(&a);
}

static inline void drive_feed(struct drive *d, struct str in)
{
	while (in.n && !d->error) {
		struct frame frame;
		framer_feed(&d->framer, d->limits, in, &frame);
		d->at += frame.skip + frame.take;
		struct str taken = str_first(str_from(in, frame.skip), frame.take);
		in = str_from(in, frame.skip + frame.take);
		if (frame.kind == FRAME_ERROR) {
			drive_fail(d, frame.error, frame.why);
			return;
		}
		if (frame.kind == FRAME_MORE || buf_len(&d->pending)) {
			buf_add(&d->pending, taken);
			taken = buf_str(&d->pending);
			if (taken.n > d->pending_max)
				d->pending_max = taken.n;
		}
		if (frame.kind == FRAME_CLOSE && !d->is_quiet)
			buf_printf(&d->events, "%zu close\n", d->at);
		else if (frame.kind == FRAME_OPEN || frame.kind == FRAME_ELEMENT)
			drive_item(d, &frame, taken);
		if (frame.kind != FRAME_MORE)
			buf_clear(&d->pending);
	}
}

#endif
