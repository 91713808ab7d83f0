/* What the bombs of docs/SECURITY.md cost for each of their bytes, while they are within the limits of an authenticated
 * client: framer, a copy of what comes in pieces, and parser. The goal is 50 ns/byte. */
#include "bench/bench.h"
#include "bench/samples.h"
#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/xml/framer.h"
#include "lib/xml/parser.h"

struct bomb {
	const char *name, *head, *unit, *tail;
	size_t count;
};

#define TIMES_8(x) x x x x x x x x
#define TIMES_64(x) TIMES_8(TIMES_8(x))

static const struct bomb bombs[] = {
	{ "3 nested elements", TIMES_8(TIMES_8("<a>")), "", TIMES_8(TIMES_8("</a>")), 0 },
	{ "4 siblings", "<a>", "<b/>", "</a>", 16000 },
	{ "4 siblings with text", "<a>", "<b>c</b>d", "</a>", 16000 },
	{ "5 attributes", "<a", " b%02d=''", "/>", 64 },
	{ "5 attributes alike", "<a", " b%02dc=''", "/>", 64 },
	{ "6 declarations", "<a", " xmlns:b%02d='u'", "/>", 100 },
	{ "8 namespace", "<a xmlns='", "u", "'/>", 1000 },
	{ "9 value", "<a b='", "c", "'/>", 65000 },
	{ "9 value of references", "<a b='", "&lt;", "'/>", 16000 },
	{ "11 text", "<a>", "0123456789abcdef", "</a>", 16000 },
	{ "11 text in Chinese", "<a>", "\xE4\xBD\xA0", "</a>", 80000 },
	{ "11 text of line ends", "<a>", "\r\n", "</a>", 100000 },
	{ "12 CDATA", "<a>", "<![CDATA[b]]>", "</a>", 10000 },
	{ "13 space in a tag", "<a ", " ", "/>", 250000 },
	{ "17 references", "<a>", "&#65;", "</a>", 50000 },
	{ "18 brackets", "<a>", "]]", "</a>", 120000 },
	{ "19 prefixes redeclared", TIMES_8(TIMES_8("<p:a xmlns:p='u'>")), "", TIMES_8(TIMES_8("</p:a>")), 0 },
	{ "19 farthest prefix", "<a xmlns:f='u'><a" TIMES_64(" xmlns:p%02d='u'") ">", "<f:b/>", "</a></a>", 10000 },
	{ "20 white space", "<a/>", " ", "", 250000 },
};

struct thrown {
	struct buf bytes, pending;
	struct framer framer;
	size_t chunk;
};

static void add_bomb(struct buf *b, const struct bomb *bomb)
{
	/* The declarations of the farthest prefix are numbered, too. */
	int number = 0;
	for (const char *p = bomb->head; *p; p++) {
		if (*p == '%') {
			buf_printf(b, "%02d", number++);
			p += 3;
		} else {
			buf_add_byte(b, *p);
		}
	}
	struct str unit = str_from_c(bomb->unit);
	size_t percent = str_index(unit, '%');
	for (size_t i = 0; i < bomb->count; i++) {
		buf_add(b, str_first(unit, percent));
		if (percent < unit.n)
			buf_printf(b, "%02zu", i);
		buf_add(b, str_from(unit, percent + 4));
	}
	buf_add(b, str_from_c(bomb->tail));
}

static void take_element(const struct frame *frame, struct str bytes)
{
	const struct xml_node *root;
	const char *why;
	struct arena *a = arena_new(xml_parse_bytes(frame), 1 << 24);
	assert_always(xml_parse(a, bytes, &sample_scope, &sample_rules, &root, &why) == 0);
	arena_free(&a);
}

static void run_bomb(void *ctx)
{
	struct thrown *t = ctx;
	struct str all = buf_str(&t->bytes);
	while (all.n) {
		struct frame frame;
		struct str in = str_first(all, t->chunk);
		framer_feed(&t->framer, &sample_limits, in, &frame);
		assert_always(frame.kind != FRAME_ERROR);
		in = str_first(str_from(in, frame.skip), frame.take);
		all = str_from(all, frame.skip + frame.take);
		if (frame.kind == FRAME_MORE || buf_len(&t->pending))
			buf_add(&t->pending, in);
		if (frame.kind == FRAME_ELEMENT) {
			take_element(&frame, buf_len(&t->pending) ? buf_str(&t->pending) : in);
			buf_clear(&t->pending);
		}
	}
}

int main(void)
{
	static const size_t chunks[] = { 1, 64, 1448, 16384 };
	double worst = 0;
	printf("ns/byte in chunks of          1      64    1448   16384\n");
	for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
		struct thrown t = { .chunk = 0 };
		buf_init(&t.bytes, 1 << 20);
		buf_init(&t.pending, 1 << 20);
		framer_init(&t.framer, FRAMER_ELEMENTS);
		add_bomb(&t.bytes, &bombs[i]);
		printf("%-23s", bombs[i].name);
		for (size_t j = 0; j < ARRAY_LEN(chunks); j++) {
			t.chunk = chunks[j];
			struct bench b = { bombs[i].name, run_bomb, &t };
			bench_run(&b, 1);
			double ns = b.ns / (double)buf_len(&t.bytes);
			worst = ns > worst ? ns : worst;
			printf(" %7.2f", ns);
		}
		printf("\n");
		buf_fini(&t.bytes);
		buf_fini(&t.pending);
	}
	bench_figure("the worst bomb", worst, "ns/byte", "goal 50");
	return 0;
}
