/* Tests of lib/xml/framer.c; with the parser behind it, where only both together say what a stream means. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/xml/corpus.h"
#include "tests/unit/xml/drive.h"

/* Cuts at `a` and `b`, and says what happened. */
static void drive_cut(struct drive *d, struct str in, size_t a, size_t b)
{
	drive_init(d, FRAMER_STREAM, &limits_before);
	drive_feed(d, str_first(in, a));
	drive_feed(d, str_first(str_from(in, a), b - a));
	drive_feed(d, str_from(in, b));
}

static void assert_same_events(struct str in, struct drive *whole, struct drive *cut, size_t a, size_t b)
{
	if (!str_eq(buf_str(&whole->events), buf_str(&cut->events)))
		fail_msg(STR_FMT "\ncut at %zu and %zu:\n" STR_FMT "instead of:\n" STR_FMT, STR_ARG(in), a, b,
			STR_ARG(buf_str(&cut->events)), STR_ARG(buf_str(&whole->events)));
}

static void corpus_cut_anywhere_means_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
		struct str in = corpus[i].text;
		struct drive whole, cut;
		drive_cut(&whole, in, in.n, in.n);
		if (whole.error != -(int)corpus[i].error)
			fail_msg(STR_FMT ": " STR_FMT, STR_ARG(in), STR_ARG(buf_str(&whole.events)));
		for (size_t a = 0; a <= in.n; a++) {
			for (size_t b = in.n < 70 ? a : in.n; b <= in.n; b++) {
				drive_cut(&cut, in, a, b);
				assert_same_events(in, &whole, &cut, a, b);
				drive_fini(&cut);
			}
		}
		drive_fini(&whole);
	}
}

static void corpus_byte_by_byte_means_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
		struct str in = corpus[i].text;
		struct drive whole, bytes;
		drive_cut(&whole, in, in.n, in.n);
		drive_init(&bytes, FRAMER_STREAM, &limits_before);
		for (size_t at = 0; at < in.n; at++)
			drive_feed(&bytes, str_make(in.p + at, 1));
		assert_same_events(in, &whole, &bytes, 1, 1);
		drive_fini(&bytes);
		drive_fini(&whole);
	}
}

/* Long runs of all kinds, so that the wide scans have something to do, cut at every place. */
static void long_elements_cut_anywhere_mean_the_same(void **state)
{
	(void)state;
	static const struct str in = STR_INIT(
		"<stream><message from='romeo@example.net/orchard' to='juliet@im.example.com/balcony' id=\"ktx72v49\" "
		"a-rather-long-attribute-name-indeed='x'><body>Art thou not Romeo, and a Montague? \xC3\xA9\xC3\xA9 "
		"&amp; so on and on</body><active xmlns='http://jabber.org/protocol/chatstates'/><x:y xmlns:x='urn:x'>"
		"<![CDATA[0123456789abcdef0123456789]]]]></x:y>tail of some length, over sixteen</message></stream>");
	struct drive whole, cut;
	drive_cut(&whole, in, in.n, in.n);
	assert_int_equal(whole.error, 0);
	assert_int_equal(whole.elements, 1);
	for (size_t a = 0; a <= in.n; a++) {
		drive_cut(&cut, in, a, in.n);
		assert_same_events(in, &whole, &cut, a, in.n);
		drive_fini(&cut);
	}
	drive_fini(&whole);
}

static struct frame feed_all(enum framer_mode mode, const struct xml_limits *limits, struct str in)
{
	struct framer f;
	struct frame frame = { 0 };
	framer_init(&f, mode);
	do {
		framer_feed(&f, limits, in, &frame);
		in = str_from(in, frame.skip + frame.take);
	} while (in.n && frame.kind != FRAME_ERROR);
	return frame;
}

static void element_is_known_with_its_last_byte(void **state)
{
	(void)state;
	static const struct str in = STR_INIT("<a b='1' c=\"2\" xmlns:d='e'>f<g/><![CDATA[h]]>i<j>k</j>l</a>");
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	framer_feed(&f, &limits_before, str_first(in, in.n - 1), &frame);
	assert_int_equal(frame.kind, FRAME_MORE);
	assert_int_equal(frame.take, in.n - 1);
	assert_false(framer_is_idle(&f));
	framer_feed(&f, &limits_before, str_from(in, in.n - 1), &frame);
	assert_int_equal(frame.kind, FRAME_ELEMENT);
	assert_int_equal(frame.take, 1);
	assert_true(framer_is_idle(&f));
	assert_int_equal(frame.bytes, in.n);
	assert_int_equal(frame.elements, 3);
	assert_int_equal(frame.attributes, 2);
	assert_int_equal(frame.declarations, 1);
	assert_int_equal(frame.texts, 4);
}

static void what_follows_an_element_is_not_taken(void **state)
{
	(void)state;
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	framer_feed(&f, &limits_before, STR(" \n<a/><b/>"), &frame);
	assert_int_equal(frame.kind, FRAME_ELEMENT);
	assert_int_equal(frame.skip, 2);
	assert_int_equal(frame.take, 4);
	assert_int_equal(frame.bytes, 4);
}

static void white_space_between_elements_is_skipped_and_nothing_kept(void **state)
{
	(void)state;
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	framer_feed(&f, &limits_before, STR(" \t\r\n"), &frame);
	assert_int_equal(frame.kind, FRAME_MORE);
	assert_int_equal(frame.skip, 4);
	assert_int_equal(frame.take, 0);
	assert_true(framer_is_idle(&f));
}

static void header_may_have_an_xml_declaration(void **state)
{
	(void)state;
	static const struct str in = STR_INIT("<?xml version='1.0'?>\n<s a='b' xmlns='c'>");
	struct frame frame = feed_all(FRAMER_STREAM, &limits_before, in);
	assert_int_equal(frame.kind, FRAME_OPEN);
	assert_int_equal(frame.skip, 0);
	assert_int_equal(frame.take, in.n);
	assert_int_equal(frame.attributes, 1);
	assert_int_equal(frame.declarations, 1);
}

static void elements_have_no_header_and_no_end(void **state)
{
	(void)state;
	assert_int_equal(feed_all(FRAMER_ELEMENTS, &limits_before, STR("<a></a>")).kind, FRAME_ELEMENT);
	assert_int_equal(feed_all(FRAMER_ELEMENTS, &limits_before, STR("</a>")).error, -XML_NOT_WELL_FORMED);
	assert_int_equal(feed_all(FRAMER_ELEMENTS, &limits_before, STR("<?xml version='1.0'?><a/>")).error,
		-XML_RESTRICTED);
}

static void error_is_said_again_at_every_call(void **state)
{
	(void)state;
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	framer_feed(&f, &limits_before, STR("<a><!--"), &frame);
	assert_int_equal(frame.error, -XML_RESTRICTED);
	const char *why = frame.why;
	framer_feed(&f, &limits_before, STR("<a/>"), &frame);
	assert_int_equal(frame.kind, FRAME_ERROR);
	assert_int_equal(frame.error, -XML_RESTRICTED);
	assert_ptr_equal(frame.why, why);
	assert_int_equal(frame.take, 0);
	framer_feed(&f, &limits_before, STR(""), &frame);
	assert_int_equal(frame.kind, FRAME_ERROR);
}

struct refusal {
	const char *in;
	int error;
	size_t at; /* bytes looked at, the wrong one included */
};

static void assert_refusal(enum framer_mode mode, const struct refusal *r)
{
	struct frame frame = feed_all(mode, &limits_before, str_from_c(r->in));
	if (frame.kind != FRAME_ERROR || frame.error != -r->error || frame.skip + frame.take != r->at)
		fail_msg("%s: kind %d, error %d at %zu", r->in, frame.kind, frame.error, frame.skip + frame.take);
}

static void restricted_xml_is_refused_where_it_is_recognised(void **state)
{
	(void)state;
	static const struct refusal stream[] = {
		{ "<!DOCTYPE a>", XML_RESTRICTED, 3 },
		{ "<!--", XML_RESTRICTED, 3 },
		{ "<?php", XML_RESTRICTED, 3 },
		{ "<?xmlx", XML_RESTRICTED, 6 },
		{ " <?xml version='1.0'?>", XML_RESTRICTED, 3 },
		{ "<?xml version='1.0'?><?xml", XML_RESTRICTED, 23 },
		{ "</s>", XML_NOT_WELL_FORMED, 2 },
	};
	static const struct refusal elements[] = {
		{ "<a><!--", XML_RESTRICTED, 6 },
		{ "<a>b<!DOCTYPE", XML_RESTRICTED, 7 },
		{ "<a><?b", XML_RESTRICTED, 5 },
		{ "<?", XML_RESTRICTED, 2 },
		{ "<a><!ENTITY", XML_RESTRICTED, 6 },
		{ "<![CDATA[", XML_NOT_WELL_FORMED, 3 },
		{ "<a><![CDATA ", XML_NOT_WELL_FORMED, 12 },
	};
	for (size_t i = 0; i < ARRAY_LEN(stream); i++)
		assert_refusal(FRAMER_STREAM, &stream[i]);
	for (size_t i = 0; i < ARRAY_LEN(elements); i++)
		assert_refusal(FRAMER_ELEMENTS, &elements[i]);
}

static void byte_order_mark_is_text_and_other_encodings_are_known(void **state)
{
	(void)state;
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("\xEF\xBB\xBF<s>")).error, -XML_NOT_WELL_FORMED);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("\xFF\xFE<\0s\0>\0")).error, -XML_ENCODING);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("\xFE\xFF\0<")).error, -XML_ENCODING);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("\0<\0s")).error, -XML_ENCODING);
}

static void stream_end_has_the_name_of_its_header(void **state)
{
	(void)state;
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("<a:b></a:b>")).kind, FRAME_CLOSE);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("<a:b></b>")).error, -XML_NOT_WELL_FORMED);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("<a:b></>")).error, -XML_NOT_WELL_FORMED);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("<a:b><c/><a:b/></a:b \n>")).kind, FRAME_CLOSE);
}

static void header_that_is_an_empty_element_is_refused(void **state)
{
	(void)state;
	struct frame frame = feed_all(FRAMER_STREAM, &limits_before, STR("<s a='b'/>"));
	assert_int_equal(frame.error, -XML_FORBIDDEN);
}

/* RFC 6120, 11.7; it is XML all the same, unlike what stands before the header or behind the end. */
static void text_between_elements_of_a_stream_has_no_place(void **state)
{
	(void)state;
	static const struct refusal stream[] = {
		{ "x<s>", XML_NOT_WELL_FORMED, 1 },
		{ "<s>x", XML_FORBIDDEN, 1 },
		{ "<s><a/> x", XML_FORBIDDEN, 2 },
		{ "<s>&lt;", XML_FORBIDDEN, 1 },
		{ "<s>\xEF\xBB\xBF", XML_FORBIDDEN, 1 },
		{ "<s><![CDATA[x", XML_FORBIDDEN, 3 },
		{ "<s><!]", XML_NOT_WELL_FORMED, 3 },
		{ "<s></s>x", XML_NOT_WELL_FORMED, 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(stream); i++)
		assert_refusal(FRAMER_STREAM, &stream[i]);
	assert_refusal(FRAMER_ELEMENTS, &(struct refusal){ "<a/>x", XML_NOT_WELL_FORMED, 1 });
}

static void only_white_space_follows_the_end_of_the_stream(void **state)
{
	(void)state;
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("<s></s>\r\n")).kind, FRAME_MORE);
	assert_int_equal(feed_all(FRAMER_STREAM, &limits_before, STR("<s></s>\r\n<s>")).error, -XML_NOT_WELL_FORMED);
}

/* Limits. */

static const struct xml_limits small = {
	.bytes = 60,
	.space_bytes = 5,
	.depth = 3,
	.elements = 4,
	.attributes = 2,
	.declarations = 2,
	.name_bytes = 8,
	.uri_bytes = 4,
	.value_bytes = 7,
};

static void what_is_at_its_limit_passes_and_one_more_does_not(void **state)
{
	(void)state;
	static const struct {
		const char *fits, *exceeds;
		size_t at; /* where that is known: bytes looked at */
	} cases[] = {
		{ "     <a/>", "      <a/>", 6 },
		{ "<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>", 11 },
		{ "<a><b/><b/><b/></a>", "<a><b/><b/><b/><b/></a>", 17 },
		{ "<a b='' c=''/>", "<a b='' c='' d=''/>", 15 },
		{ "<a xmlns='' xmlns:b='u'/>", "<a xmlns='' xmlns:b='u'><c xmlns='v'/></a>", 33 },
		{ "<abcdefgh/>", "<abcdefghi/>", 10 },
		{ "<a bcdefghi=''/>", "<a bcdefghij=''/>", 12 },
		{ "<a></a >", "<a></abcdefghi>", 14 },
		{ "<a xmlns='1234'/>", "<a xmlns='12345'/>", 15 },
		{ "<a b='1234567'/>", "<a b='12345678'/>", 14 },
		{ "<a>01234567890123456789012345678901234567890123456789012</a>",
			"<a>012345678901234567890123456789012345678901234567890123</a>", 60 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct frame frame = feed_all(FRAMER_ELEMENTS, &small, str_from_c(cases[i].fits));
		if (frame.kind != FRAME_ELEMENT)
			fail_msg("%s: %s", cases[i].fits, frame.why);
		frame = feed_all(FRAMER_ELEMENTS, &small, str_from_c(cases[i].exceeds));
		if (frame.error != -XML_LIMIT || frame.skip + frame.take != cases[i].at)
			fail_msg("%s: error %d at %zu", cases[i].exceeds, frame.error, frame.skip + frame.take);
	}
}

static void limits_are_met_at_the_same_byte_however_it_is_cut(void **state)
{
	(void)state;
	static const char *const streams[] = {
		"<s><a>      </a>       <b/>",
		"<s><a><b><c><d/></c></b></a>",
		"<s><a><b/><b/><b/><b/></a>",
		"<s><a b='' c='' d=''/>",
		"<s><a xmlns='' xmlns:b='u'><c xmlns='v'/></a>",
		"<s><abcdefghi/>",
		"<s><a bcdefghij=''/>",
		"<s><a></abcdefghi>",
		"<s><a xmlns='12345'/>",
		"<s><a xmlns:a='12345'/>",
		"<s><a b='12345678'/>",
		"<s xmlns='12345'>",
		"<stream:stream>",
		"<s><a>3456789012345678901234567890123456789012345678901234567</a>",
		"<s><a/>      <b/>",
	};
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		struct str in = str_from_c(streams[i]);
		struct drive whole, cut;
		drive_init(&whole, FRAMER_STREAM, &small);
		drive_feed(&whole, in);
		assert_int_equal(whole.error, -XML_LIMIT);
		for (size_t a = 0; a <= in.n; a++) {
			drive_init(&cut, FRAMER_STREAM, &small);
			drive_feed(&cut, str_first(in, a));
			drive_feed(&cut, str_from(in, a));
			assert_same_events(in, &whole, &cut, a, in.n);
			drive_fini(&cut);
		}
		drive_fini(&whole);
	}
}

static void limit_of_bytes_is_counted_for_each_element(void **state)
{
	(void)state;
	struct drive d;
	drive_init(&d, FRAMER_ELEMENTS, &small);
	for (int i = 0; i < 100; i++)
		drive_feed(&d, STR("<a>0123456789012345678901234567890123456789</a>  "));
	assert_int_equal(d.error, 0);
	assert_int_equal(d.elements, 100);
	drive_fini(&d);
}

static void element_of_exactly_the_limit_passes(void **state)
{
	(void)state;
	static const struct str in = STR_INIT("<a>3456789012345678901234567890123456789012345678901234567890</a>");
	struct xml_limits limits = small;
	limits.bytes = (uint32_t)in.n;
	assert_int_equal(feed_all(FRAMER_ELEMENTS, &limits, in).kind, FRAME_ELEMENT);
	limits.bytes--;
	struct frame frame = feed_all(FRAMER_ELEMENTS, &limits, in);
	assert_int_equal(frame.error, -XML_LIMIT);
	assert_int_equal(frame.take, limits.bytes);
	/* Not one byte later: nobody has to keep more than the limit. */
	assert_int_equal(feed_all(FRAMER_ELEMENTS, &limits, str_first(in, limits.bytes)).error, -XML_LIMIT);
}

static void depth_and_counts_never_exceed_what_the_parser_can_do(void **state)
{
	(void)state;
	struct drive d;
	drive_init(&d, FRAMER_ELEMENTS, &limits_none);
	for (int i = 0; i < XML_DEPTH_MAX; i++)
		drive_feed(&d, STR("<a>"));
	assert_int_equal(d.error, 0);
	drive_feed(&d, STR("<a>"));
	assert_int_equal(d.error, -XML_LIMIT);
	drive_fini(&d);
}

static void white_space_without_a_limit_never_ends(void **state)
{
	(void)state;
	struct framer f;
	struct frame frame;
	framer_init(&f, FRAMER_ELEMENTS);
	f.bytes = UINT32_MAX - 2; /* as after years of keepalives */
	framer_feed(&f, &limits_none, STR("         "), &frame);
	assert_int_equal(frame.kind, FRAME_MORE);
	assert_int_equal(frame.skip, 9);
	framer_feed(&f, &limits_none, STR("<a/>"), &frame);
	assert_int_equal(frame.kind, FRAME_ELEMENT);
	assert_int_equal(frame.bytes, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_cut_anywhere_means_the_same),
		cmocka_unit_test(corpus_byte_by_byte_means_the_same),
		cmocka_unit_test(long_elements_cut_anywhere_mean_the_same),
		cmocka_unit_test(element_is_known_with_its_last_byte),
		cmocka_unit_test(what_follows_an_element_is_not_taken),
		cmocka_unit_test(white_space_between_elements_is_skipped_and_nothing_kept),
		cmocka_unit_test(header_may_have_an_xml_declaration),
		cmocka_unit_test(elements_have_no_header_and_no_end),
		cmocka_unit_test(error_is_said_again_at_every_call),
		cmocka_unit_test(restricted_xml_is_refused_where_it_is_recognised),
		cmocka_unit_test(byte_order_mark_is_text_and_other_encodings_are_known),
		cmocka_unit_test(stream_end_has_the_name_of_its_header),
		cmocka_unit_test(header_that_is_an_empty_element_is_refused),
		cmocka_unit_test(text_between_elements_of_a_stream_has_no_place),
		cmocka_unit_test(only_white_space_follows_the_end_of_the_stream),
		cmocka_unit_test(what_is_at_its_limit_passes_and_one_more_does_not),
		cmocka_unit_test(limits_are_met_at_the_same_byte_however_it_is_cut),
		cmocka_unit_test(limit_of_bytes_is_counted_for_each_element),
		cmocka_unit_test(element_of_exactly_the_limit_passes),
		cmocka_unit_test(depth_and_counts_never_exceed_what_the_parser_can_do),
		cmocka_unit_test(white_space_without_a_limit_never_ends),
	};
	return cmocka_run_group_tests_name(GROUP("framer"), tests, NULL, NULL);
}
