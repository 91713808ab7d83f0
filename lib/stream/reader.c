/* Items out of bytes: the framer, and the tail that holds what has to wait. See reader.h.
 *
 *     tail:  [start ........ framed) [framed ....... end)     then `in`
 *             the current item,       saved, not looked
 *             as far as it is here    at yet */
#include "lib/stream/reader.h"

#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/crypto/digest.h"

#include <string.h>

#define TAIL_FIRST_BYTES 512

struct reader_tail {
	size_t cap, start, framed, end;
	bool is_complete; /* [start, framed) is an item that was handed out */
	char p[];
};

void reader_init(struct reader *r)
{
	*r = (struct reader){ 0 };
	framer_init(&r->framer, FRAMER_STREAM);
}

static void free_tail(struct reader *r)
{
	if (r->tail) {
		secret_wipe(r->tail->p, r->tail->end);
		mem_free(r->tail);
		r->tail = NULL;
	}
}

void reader_fini(struct reader *r)
{
	free_tail(r);
}

void reader_restart(struct reader *r)
{
	reader_release(r);
	assert_always(!r->tail || r->tail->start == r->tail->framed);
	framer_init(&r->framer, FRAMER_STREAM);
}

void reader_drop(struct reader *r)
{
	free_tail(r);
	r->in = STR("");
}

void reader_input(struct reader *r, struct str in)
{
	assert_always(str_is_empty(r->in));
	r->in = in;
}

/* A tail with room for n more bytes. Grows to twice its size, so that an item costs O(bytes) in pieces of any length.
 */
static struct reader_tail *make_room(struct reader *r, size_t n)
{
	struct reader_tail *old = r->tail;
	size_t start = old ? old->start : 0, end = old ? old->end : 0;
	if (old && old->cap - end >= n)
		return old;
	size_t cap = old ? old->cap : TAIL_FIRST_BYTES, need;
	assert_always(!__builtin_add_overflow(end - start, n, &need) && need <= SIZE_MAX / 4);
	while (cap < need)
		cap *= 2;
	struct reader_tail *t = mem_alloc(sizeof(*t) + cap);
	*t = (struct reader_tail){ .cap = cap, .framed = old ? old->framed - start : 0, .end = end - start };
	if (old)
		memcpy(t->p, old->p + start, end - start);
	free_tail(r);
	r->tail = t;
	return t;
}

static void append(struct reader *r, struct str s, bool is_framed)
{
	if (str_is_empty(s))
		return;
	struct reader_tail *t = make_room(r, s.n);
	memcpy(t->p + t->end, s.p, s.n);
	t->end += s.n;
	if (is_framed)
		t->framed = t->end;
}

void reader_release(struct reader *r)
{
	struct reader_tail *t = r->tail;
	if (!t || !t->is_complete)
		return;
	t->is_complete = false;
	t->start = t->framed;
	if (t->start == t->end)
		free_tail(r);
}

/* Goes on in the bytes that were saved. */
static void next_in_tail(struct reader *r, const struct xml_limits *limits, struct frame *f, struct str *item_r)
{
	struct reader_tail *t = r->tail;
	framer_feed(&r->framer, limits, str_make(t->p + t->framed, t->end - t->framed), f);
	if (f->skip)
		t->start = t->framed + f->skip;
	t->framed += f->skip + f->take;
	*item_r = str_make(t->p + t->start, t->framed - t->start);
	t->is_complete = f->kind != FRAME_MORE;
	if (t->start == t->end)
		free_tail(r);
}

/* Goes on in the caller's bytes, behind the beginning of an item if there is one in the tail. */
static void next_in_input(struct reader *r, const struct xml_limits *limits, struct frame *f, struct str *item_r)
{
	framer_feed(&r->framer, limits, r->in, f);
	struct str taken = str_first(str_from(r->in, f->skip), f->take);
	r->in = str_from(r->in, f->skip + f->take);
	if (r->tail || f->kind == FRAME_MORE)
		append(r, taken, true);
	*item_r = taken;
	if (r->tail) {
		*item_r = str_make(r->tail->p + r->tail->start, r->tail->framed - r->tail->start);
		r->tail->is_complete = f->kind != FRAME_MORE;
	}
}

enum frame_kind reader_next(
	struct reader *r, const struct xml_limits *limits, struct frame *frame_r, struct str *item_r)
{
	reader_release(r);
	*frame_r = (struct frame){ .kind = FRAME_MORE };
	if (r->tail && r->tail->framed < r->tail->end)
		next_in_tail(r, limits, frame_r, item_r);
	if (frame_r->kind == FRAME_MORE && !str_is_empty(r->in)) {
		size_t skipped = frame_r->skip;
		next_in_input(r, limits, frame_r, item_r);
		frame_r->skip += skipped;
	}
	return frame_r->kind;
}

bool reader_save(struct reader *r, size_t max)
{
	reader_release(r);
	size_t held = r->tail ? r->tail->end - r->tail->start : 0;
	if (held > max || r->in.n > max - held)
		return false;
	append(r, r->in, false);
	r->in = STR("");
	return true;
}

size_t reader_bytes(const struct reader *r)
{
	return r->tail ? sizeof(*r->tail) + r->tail->cap : 0;
}

struct arena *reader_arena(const struct frame *frame, size_t extra)
{
	/* Both parts have their limits already; the maximum is here to catch a mistake. */
	size_t first = xml_parse_bytes(frame) + extra;
	return arena_new(first, 8 * first + (64 << 10));
}
