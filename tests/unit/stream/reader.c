/* The reader: items out of bytes, whatever the segmentation, with as little copying as possible. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/stream/limits.h"
#include "lib/stream/reader.h"

#include <string.h>

/* One item a line. Adds what is there to `log`. */
static enum frame_kind read_all(struct reader *r, struct buf *log)
{
	struct frame f;
	struct str item;
	enum frame_kind kind;
	while ((kind = reader_next(r, &stream_limits_client, &f, &item)) != FRAME_MORE && kind != FRAME_ERROR) {
		buf_add(log, item);
		buf_lit(log, "\n");
		reader_release(r);
	}
	return kind;
}

static void feed(struct reader *r, struct str in, struct buf *log)
{
	char *copy = mem_alloc(in.n + 1);
	if (in.n)
		memcpy(copy, in.p, in.n);
	reader_input(r, str_make(copy, in.n));
	assert_int_equal(read_all(r, log), FRAME_MORE);
	mem_free(copy);
}

static void whole_items_are_not_copied(void **state)
{
	(void)state;
	struct reader r;
	struct frame f;
	struct str item, in = STR(" <s> <a>b</a>\n<c/></s>");
	static const struct {
		enum frame_kind kind;
		size_t at, n;
	} x[] = { { FRAME_OPEN, 1, 3 }, { FRAME_ELEMENT, 5, 8 }, { FRAME_ELEMENT, 14, 4 }, { FRAME_CLOSE, 18, 4 } };
	reader_init(&r);
	reader_input(&r, in);
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), x[i].kind);
		assert_ptr_equal(item.p, in.p + x[i].at);
		assert_int_equal(item.n, x[i].n);
		assert_int_equal(reader_bytes(&r), 0);
	}
	assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), FRAME_MORE);
	reader_fini(&r);
}

static void tail_lives_as_long_as_an_incomplete_item(void **state)
{
	(void)state;
	struct reader r;
	struct buf log;
	buf_init(&log, 4096);
	reader_init(&r);
	feed(&r, STR("<s> "), &log);
	assert_int_equal(reader_bytes(&r), 0);
	feed(&r, STR("<a>"), &log);
	assert_true(reader_bytes(&r) > 0);
	feed(&r, STR("b</a> "), &log);
	assert_int_equal(reader_bytes(&r), 0);
	assert_true(str_eq(buf_str(&log), STR("<s>\n<a>b</a>\n")));
	buf_fini(&log);
	reader_fini(&r);
}

static void items_are_the_same_in_any_pieces(void **state)
{
	(void)state;
	const struct str all =
		STR("<?xml version='1.0'?>\n<s x='>'>  <a b='/>'><c/></a><d><![CDATA[</d>]]></d> <e/><f></f>\t</s>");
	struct random_seeded seeded;
	random_seeded_init(&seeded, 7);
	struct random_source random = random_seeded_source(&seeded);
	for (int round = 0; round < 500; round++) {
		struct reader r;
		struct buf log;
		struct str rest = all;
		buf_init(&log, 4096);
		reader_init(&r);
		while (rest.n) {
			size_t n = 1 + (size_t)random_below(&random, 20);
			struct str piece = str_first(rest, n);
			rest = str_from(rest, n);
			char *copy = mem_alloc(piece.n);
			memcpy(copy, piece.p, piece.n);
			reader_input(&r, str_make(copy, piece.n));
			/* Sometimes it has to wait, and to be kept. */
			if (random_below(&random, 3))
				assert_int_equal(read_all(&r, &log), FRAME_MORE);
			else
				assert_true(reader_save(&r, 4096));
			mem_free(copy);
		}
		assert_int_equal(read_all(&r, &log), FRAME_MORE);
		assert_true(str_eq(buf_str(&log), STR("<?xml version='1.0'?>\n<s x='>'>\n<a b='/>'><c/></a>\n"
						      "<d><![CDATA[</d>]]></d>\n<e/>\n<f></f>\n</s>\n")));
		assert_int_equal(reader_bytes(&r), 0);
		buf_fini(&log);
		reader_fini(&r);
	}
}

static void saved_bytes_are_bounded(void **state)
{
	(void)state;
	struct reader r;
	reader_init(&r);
	reader_input(&r, STR("<s><a>"));
	assert_true(reader_save(&r, 6));
	reader_input(&r, STR("<b/>"));
	assert_false(reader_save(&r, 9));
	assert_true(reader_save(&r, 10));
	assert_true(reader_save(&r, 10));
	reader_fini(&r);
}

static void restart_keeps_what_is_unread(void **state)
{
	(void)state;
	struct reader r;
	struct frame f;
	struct str item;
	for (int is_saved = 0; is_saved < 2; is_saved++) {
		reader_init(&r);
		reader_input(&r, STR("<s><a/><t><b/>"));
		if (is_saved)
			assert_true(reader_save(&r, 100));
		assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), FRAME_OPEN);
		assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), FRAME_ELEMENT);
		reader_restart(&r);
		assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), FRAME_OPEN);
		assert_true(str_eq(item, STR("<t>")));
		assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), FRAME_ELEMENT);
		reader_drop(&r);
		assert_int_equal(reader_next(&r, &stream_limits_client, &f, &item), FRAME_MORE);
		assert_int_equal(reader_bytes(&r), 0);
		reader_fini(&r);
	}
}

static void limits_hold_in_pieces(void **state)
{
	(void)state;
	struct reader r;
	struct frame f;
	struct str item;
	size_t fed = 3;
	reader_init(&r);
	reader_input(&r, STR("<s>"));
	assert_int_equal(reader_next(&r, &stream_limits_before, &f, &item), FRAME_OPEN);
	reader_input(&r, STR("<a>"));
	enum frame_kind kind = reader_next(&r, &stream_limits_before, &f, &item);
	for (; kind == FRAME_MORE; fed++) {
		reader_input(&r, STR("x"));
		kind = reader_next(&r, &stream_limits_before, &f, &item);
	}
	assert_int_equal(kind, FRAME_ERROR);
	assert_int_equal(f.error, -XML_LIMIT);
	assert_in_range(fed, 8 << 10, (8 << 10) + 2);
	assert_true(reader_bytes(&r) < 3 * (8 << 10));
	reader_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_items_are_not_copied),
		cmocka_unit_test(tail_lives_as_long_as_an_incomplete_item),
		cmocka_unit_test(items_are_the_same_in_any_pieces),
		cmocka_unit_test(saved_bytes_are_bounded),
		cmocka_unit_test(restart_keeps_what_is_unread),
		cmocka_unit_test(limits_hold_in_pieces),
	};
	return cmocka_run_group_tests_name("stream/reader", tests, NULL, NULL);
}
