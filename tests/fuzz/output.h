/* What a side of a stream has written, read back by our own parser: it must be a stream, item by item, and nothing may come behind
 * its closing tag. For targets that drive one; the items are handed to on_item(). */
#ifndef LINNET_FUZZ_OUTPUT_H
#define LINNET_FUZZ_OUTPUT_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/stream/limits.h"
#include "lib/xml/parser.h"

struct output {
	struct framer framer;
	struct buf rest; /* of an item that is not complete, */
	size_t fed; /* of which the framer has so much */
	bool is_closed;
	bool is_restarted; /* set by on_item: a new stream begins behind this item */
	/* A header, or an element; both live until it returns. */
	void (*on_item)(struct output *o, const struct frame *f, const struct xml_node *root);
	void *ctx;
};

static inline void output_init(
	struct output *o, void (*on_item)(struct output *o, const struct frame *f, const struct xml_node *root), void *ctx)
{
	*o = (struct output){ .on_item = on_item, .ctx = ctx };
	framer_init(&o->framer, FRAMER_STREAM);
	buf_init(&o->rest, SIZE_MAX / 2);
}

static inline void output_fini(struct output *o)
{
	buf_fini(&o->rest);
}

static inline void output_item(struct output *o, const struct frame *f, struct str item)
{
	static const struct xml_declaration declarations[] = {
		{ STR_INIT(""), STR_INIT("jabber:client") },
		{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
	};
	static const struct xml_scope scope = { declarations, ARRAY_LEN(declarations), STR_INIT("jabber:client") };
	const struct xml_node *root;
	const struct xml_declaration *own;
	const char *why;
	size_t count;
	struct arena *a = arena_new(xml_parse_bytes(f), SIZE_MAX / 2);
	if (f->kind == FRAME_OPEN) {
		assert_always(xml_parse_open(a, item, &root, &own, &count, &why) == 0);
		o->on_item(o, f, root);
	} else if (f->kind == FRAME_CLOSE) {
		o->is_closed = true;
	} else {
		assert_always(xml_parse(a, item, &scope, NULL, &root, &why) == 0);
		o->on_item(o, f, root);
	}
	arena_free(&a);
	if (o->is_restarted)
		framer_init(&o->framer, FRAMER_STREAM);
	o->is_restarted = false;
}

/* Takes bytes; in pieces as they may come over a network. */
static inline void output_check(struct output *o, struct str bytes)
{
	struct frame f;
	buf_add(&o->rest, bytes);
	assert_always(!buf_failed(&o->rest));
	while (o->fed < buf_len(&o->rest)) {
		assert_always(!o->is_closed);
		framer_feed(&o->framer, &stream_limits_server, str_from(buf_str(&o->rest), o->fed), &f);
		assert_always(f.kind != FRAME_ERROR);
		buf_consume(&o->rest, f.skip);
		o->fed += f.take;
		if (f.kind == FRAME_MORE)
			continue;
		output_item(o, &f, str_first(buf_str(&o->rest), o->fed));
		buf_consume(&o->rest, o->fed);
		o->fed = 0;
	}
}

/* Nothing is left of an item that has begun. */
static inline bool output_is_whole(const struct output *o)
{
	return buf_len(&o->rest) == 0;
}

#endif
