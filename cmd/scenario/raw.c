/* Splitting of received bytes. Each look begins anew: the bytes are few, and a test asks seldom. */
#include "cmd/scenario/raw.h"

#include "cmd/scenario/scenario.h"
#include "lib/stream/header.h"
#include "lib/stream/limits.h"
#include "lib/xml/framer.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#define RAW_BYTES_MAX (16u << 20)

void raw_init(struct raw *r)
{
	*r = (struct raw){ 0 };
	buf_init(&r->in, RAW_BYTES_MAX);
}

void raw_fini(struct raw *r)
{
	buf_fini(&r->in);
	stream_scope_free(&r->scope);
}

void raw_item_fini(struct raw_item *item)
{
	arena_free(&item->arena);
}

static void fail(struct raw_item *item, const char *why)
{
	item->kind = RAW_ERROR;
	item->why = why;
}

static struct arena *item_arena(const struct frame *f)
{
	return arena_new(xml_parse_bytes(f), SIZE_MAX / 2);
}

static void read_header(struct str in, struct raw_item *item)
{
	struct framer framer;
	struct frame f;
	const struct xml_declaration *declarations;
	size_t count;
	framer_init(&framer, FRAMER_STREAM);
	framer_feed(&framer, &stream_limits_server, in, &f);
	if (f.kind == FRAME_MORE)
		return;
	if (f.kind != FRAME_OPEN) {
		fail(item, f.why ? f.why : "no stream header");
		return;
	}
	item->bytes = str_first(str_from(in, f.skip), f.take);
	item->used += f.skip + f.take;
	item->arena = item_arena(&f);
	if (xml_parse_open(item->arena, item->bytes, &item->root, &declarations, &count, &item->why) != 0)
		item->kind = RAW_ERROR;
	else
		item->kind = RAW_HEADER;
}

static void read_element(const struct raw *r, struct str in, struct raw_item *item)
{
	struct framer framer;
	struct frame f;
	framer_init(&framer, FRAMER_ELEMENTS);
	framer_feed(&framer, &stream_limits_server, in, &f);
	if (f.kind == FRAME_MORE)
		return;
	if (f.kind != FRAME_ELEMENT) {
		fail(item, f.why ? f.why : "no element");
		return;
	}
	item->bytes = str_first(str_from(in, f.skip), f.take);
	item->used += f.skip + f.take;
	item->arena = item_arena(&f);
	const struct xml_scope *scope = r->scope ? r->scope : &scenario_scope;
	if (xml_parse(item->arena, item->bytes, scope, NULL, &item->root, &item->why) != 0)
		item->kind = RAW_ERROR;
	else
		item->kind = RAW_ELEMENT;
}

/* 1 if `in` begins with `word`, 0 if that cannot be said yet, -1 if not. */
static int begins(struct str in, struct str word)
{
	if (str_has_prefix(in, word))
		return 1;
	return str_has_prefix(word, in) ? 0 : -1;
}

void raw_next(const struct raw *r, struct raw_item *item_r)
{
	struct str in = buf_str(&r->in), rest = in;
	*item_r = (struct raw_item){ .kind = RAW_MORE };
	while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\n' || rest.p[0] == '\r' || rest.p[0] == '\t'))
		rest = str_from(rest, 1);
	item_r->used = in.n - rest.n;
	if (rest.n == 0)
		return;
	int declaration = begins(rest, STR("<?xml")), header = begins(rest, STR("<stream:stream"));
	int close = begins(rest, STR("</stream:stream>"));
	if (declaration > 0 || header > 0) {
		read_header(rest, item_r);
	} else if (close > 0) {
		item_r->kind = RAW_CLOSE;
		item_r->used += STR("</stream:stream>").n;
	} else if (declaration < 0 && header < 0 && close < 0) {
		read_element(r, rest, item_r);
	}
}

void raw_take(struct raw *r, const struct raw_item *item)
{
	if (item->kind == RAW_HEADER) {
		struct stream_header header;
		const struct xml_scope *scope = NULL;
		const char *why;
		stream_scope_free(&r->scope);
		if (stream_header_parse(item->arena, item->bytes, &header, &scope, &why) == STREAM_OK)
			r->scope = scope;
	}
	buf_consume(&r->in, item->used);
}
