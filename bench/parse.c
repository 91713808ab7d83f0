/* From bytes to a tree with its namespaces resolved, against expat and libxml2 with handlers that do nothing. All three
 * are inside one long stream; ours makes and frees an arena for each stanza. */
#include "bench/bench.h"
#include "bench/samples.h"
#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/xml/framer.h"
#include "lib/xml/parser.h"

#include <expat.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

struct input {
	struct str bytes;
	struct framer framer;
	struct frame frame;
	XML_Parser expat;
	xmlParserCtxtPtr libxml;
	xmlSAXHandler sax;
};

static void run_framer(void *ctx)
{
	struct input *in = ctx;
	framer_feed(&in->framer, &sample_limits, in->bytes, &in->frame);
	assert_always(in->frame.kind == FRAME_ELEMENT);
}

static void run_parser(void *ctx)
{
	struct input *in = ctx;
	const struct xml_node *root;
	const char *why;
	struct arena *a = arena_new(xml_parse_bytes(&in->frame), 1 << 20);
	assert_always(xml_parse(a, in->bytes, &sample_scope, &sample_rules, &root, &why) == 0);
	arena_free(&a);
}

static void run_both(void *ctx)
{
	run_framer(ctx);
	run_parser(ctx);
}

static void run_expat(void *ctx)
{
	struct input *in = ctx;
	assert_always(XML_Parse(in->expat, in->bytes.p, (int)in->bytes.n, 0) == XML_STATUS_OK);
}

static void run_libxml(void *ctx)
{
	struct input *in = ctx;
	assert_always(xmlParseChunk(in->libxml, in->bytes.p, (int)in->bytes.n, 0) == 0);
}

static void expat_start(void *ctx, const char *name, const char **attrs)
{
	(void)ctx;
	(void)name;
	(void)attrs;
}

static void expat_end(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
}

static void expat_text(void *ctx, const char *p, int n)
{
	(void)ctx;
	(void)p;
	(void)n;
}

static void libxml_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
	int declaration_count, const xmlChar **declarations, int attr_count, int default_count, const xmlChar **attrs)
{
	(void)ctx;
	(void)name;
	(void)prefix;
	(void)uri;
	(void)declaration_count;
	(void)declarations;
	(void)attr_count;
	(void)default_count;
	(void)attrs;
}

static void libxml_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	(void)ctx;
	(void)name;
	(void)prefix;
	(void)uri;
}

static void libxml_text(void *ctx, const xmlChar *p, int n)
{
	(void)ctx;
	(void)p;
	(void)n;
}

static void input_init(struct input *in, struct str bytes)
{
	static const char header[] = SAMPLE_STREAM;
	*in = (struct input){ .bytes = bytes };
	framer_init(&in->framer, FRAMER_ELEMENTS);
	run_framer(in);
	in->expat = XML_ParserCreateNS("UTF-8", '\n');
	assert_always(in->expat);
	XML_SetElementHandler(in->expat, expat_start, expat_end);
	XML_SetCharacterDataHandler(in->expat, expat_text);
	assert_always(XML_Parse(in->expat, header, sizeof(header) - 1, 0) == XML_STATUS_OK);
	in->sax.initialized = XML_SAX2_MAGIC;
	in->sax.startElementNs = libxml_start;
	in->sax.endElementNs = libxml_end;
	in->sax.characters = libxml_text;
	in->sax.ignorableWhitespace = libxml_text;
	in->libxml = xmlCreatePushParserCtxt(&in->sax, NULL, header, sizeof(header) - 1, NULL);
	assert_always(in->libxml);
	xmlCtxtUseOptions(in->libxml, XML_PARSE_HUGE | XML_PARSE_NONET);
}

static void input_fini(struct input *in)
{
	XML_ParserFree(in->expat);
	xmlFreeParserCtxt(in->libxml);
}

static unsigned long allocations;

static void *alloc_counted(size_t n)
{
	allocations++;
	return malloc(n);
}

static void no_more(size_t n)
{
	(void)n;
	abort();
}

static void print_memory(struct input *in)
{
	static const struct mem_hooks counting = { alloc_counted, realloc, free, no_more };
	static const struct mem_hooks usual = { malloc, realloc, free, no_more };
	mem_set_hooks(&counting);
	allocations = 0;
	run_both(in);
	printf("  %lu allocation, of %zu bytes\n", allocations, xml_parse_bytes(&in->frame));
	mem_set_hooks(&usual);
}

static void compare(const struct sample *sample)
{
	struct input in;
	input_init(&in, buf_str(&sample->bytes));
	struct bench all[] = {
		{ "framer", run_framer, &in },
		{ "parser", run_parser, &in },
		{ "framer and parser", run_both, &in },
		{ "expat", run_expat, &in },
		{ "libxml2, SAX2", run_libxml, &in },
	};
	bench_run(all, ARRAY_LEN(all));
	printf("%s, %zu bytes\n", sample->name, in.bytes.n);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		printf("  %-18s %9.0f ns  %7.3f ns/byte  expat takes %5.2f times as long\n", all[i].name, all[i].ns,
			all[i].ns / (double)in.bytes.n, all[3].ns / all[i].ns);
	print_memory(&in);
	char name[64];
	snprintf(name, sizeof(name), "framer and parser, %s of %zu bytes", sample->name, in.bytes.n);
	bench_figure(name, all[2].ns / (double)in.bytes.n, "ns/byte", "(expat below it)");
	snprintf(name, sizeof(name), "expat, %s of %zu bytes", sample->name, in.bytes.n);
	bench_figure(name, all[3].ns / (double)in.bytes.n, "ns/byte", "");
	input_fini(&in);
}

int main(void)
{
	struct sample samples[SAMPLE_COUNT];
	samples_init(samples);
	for (int i = 0; i < SAMPLE_COUNT; i++)
		compare(&samples[i]);
	samples_fini(samples);
	return 0;
}
