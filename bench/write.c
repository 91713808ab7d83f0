/* From a tree to bytes: a whole stanza, and only the header of one, as for each recipient of a fan-out. A copy of the
 * same bytes stands beside it as the floor. */
#include "bench/bench.h"
#include "bench/samples.h"
#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/xml/parser.h"
#include "lib/xml/writer.h"

struct output {
	struct arena *arena;
	const struct xml_node *root;
	struct buf buf;
	struct str bytes;
};

static const struct xml_dialect dialect = { .content = STR_INIT("jabber:client"), .declare = false };

static void run_write(void *ctx)
{
	struct output *out = ctx;
	buf_clear(&out->buf);
	xml_write(&out->buf, out->root, &dialect);
	assert_always(!buf_failed(&out->buf));
}

static void run_header(void *ctx)
{
	struct output *out = ctx;
	buf_clear(&out->buf);
	xml_write_open(&out->buf, out->root, &dialect);
	buf_lit(&out->buf, ">");
	xml_write_close(&out->buf, out->root);
}

static void run_copy(void *ctx)
{
	struct output *out = ctx;
	buf_clear(&out->buf);
	buf_add(&out->buf, out->bytes);
}

static void measure(const struct sample *sample)
{
	struct output out = { .bytes = buf_str(&sample->bytes) };
	const char *why;
	assert_always(xml_parse_document(out.bytes, &sample_limits, &sample_scope, &out.arena, &out.root, &why) == 0);
	buf_init(&out.buf, 1 << 20);
	struct bench all[] = {
		{ "whole", run_write, &out },
		{ "header and end", run_header, &out },
		{ "copy", run_copy, &out },
	};
	bench_run(all, ARRAY_LEN(all));
	printf("%s, %zu bytes\n", sample->name, out.bytes.n);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		printf("  %-18s %9.0f ns  %7.3f ns/byte\n", all[i].name, all[i].ns, all[i].ns / (double)out.bytes.n);
	char name[64];
	snprintf(name, sizeof(name), "writer, %s of %zu bytes", sample->name, out.bytes.n);
	bench_figure(name, all[0].ns / (double)out.bytes.n, "ns/byte", "");
	buf_fini(&out.buf);
	arena_free(&out.arena);
}

int main(void)
{
	struct sample samples[SAMPLE_COUNT];
	samples_init(samples);
	for (int i = 0; i < SAMPLE_COUNT; i++)
		measure(&samples[i]);
	samples_fini(samples);
	return 0;
}
