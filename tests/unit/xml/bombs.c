/* The twenty bombs of docs/SECURITY.md, "XML": where each is refused, what it costs until then, and how the cost grows.
 *
 * A bomb is a head, a unit over and over, and a tail; to add one, add it to `bombs`. It is thrown in chunks of 1, 64,
 * 1,448 and 16,384 bytes: the refusal must come at the same byte each time, and no arena may be larger than P4 grants.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "tests/unit/xml/trees.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

#define STREAM "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#define TIMES_10(x) x x x x x x x x x x
#define TIMES_50(x) TIMES_10(x) TIMES_10(x) TIMES_10(x) TIMES_10(x) TIMES_10(x)

struct bomb {
	int number;
	const char *prelude; /* harmless, before it */
	const char *head;
	const char *unit; /* with %d in it: the number of the repetition */
	size_t count;
	const char *tail;
	int error;
	size_t before, after; /* bytes of the bomb looked at when it is refused, before and after authentication */
};

static const struct bomb bombs[] = {
	{ 1, "", "<!DOCTYPE a [<!ENTITY a 'a'>", "<!ENTITY b%d '&a;&a;'>", 1000, "]><a/>", XML_RESTRICTED, 3, 3 },
	{ 1, "<?xml version='1.0'?>", "<!DOCTYPE a [", "<!ENTITY b%d '&a;'>", 1000, "]>", XML_RESTRICTED, 3, 3 },
	{ 2, "", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;", "", 1, "</a>", XML_RESTRICTED, 3, 3 },
	{ 2, STREAM, "<a>&b;", "", 1, "</a>", XML_RESTRICTED, 10, 10 },
	{ 3, STREAM, "", "<a>", 1000000, "", XML_LIMIT, 8 * 3 + 2, 64 * 3 + 2 },
	{ 4, STREAM, "<a>", "<b/>", 1000000, "</a>", XML_LIMIT, 3 + 31 * 4 + 2, 3 + 16383 * 4 + 2 },
	{ 5, STREAM, "<a", " b%06d=''", 100000, "/>", XML_LIMIT, 2 + 16 * 11 + 9, 2 + 64 * 11 + 9 },
	{ 6, STREAM, "<a", " xmlns:b%06d='u'", 100000, "/>", XML_LIMIT, 2 + 8 * 18 + 15, 2 + 128 * 18 + 15 },
	{ 7, STREAM, "<", "a", 1 << 20, "/>", XML_LIMIT, 1 + 65, 1 + 257 },
	{ 7, STREAM, "<a ", "b", 1 << 20, "=''/>", XML_LIMIT, 3 + 65, 3 + 257 },
	{ 7, STREAM, "<a></", "a", 1 << 20, ">", XML_LIMIT, 5 + 65, 5 + 257 },
	{ 8, STREAM, "<a xmlns='", "u", 1 << 20, "'/>", XML_LIMIT, 10 + 257, 10 + 1025 },
	{ 8, STREAM, "<a xmlns:b='", "u", 1 << 20, "'/>", XML_LIMIT, 12 + 257, 12 + 1025 },
	{ 9, STREAM, "<a b='", "c", 1 << 20, "'/>", XML_LIMIT, 6 + 4097, 6 + 65537 },
	{ 10, STREAM, "<a>", "b", 1 << 20, "</a>", XML_LIMIT, 8192, 256 << 10 },
	{ 11, STREAM, "<a>", "0123456789abcdef", 1 << 20, "</a>", XML_LIMIT, 8192, 256 << 10 },
	{ 12, STREAM, "<a><![CDATA[", "b", 1 << 20, "", XML_LIMIT, 8192, 256 << 10 },
	{ 13, STREAM, "<a ", " ", 1 << 20, "", XML_LIMIT, 8192, 256 << 10 },
	{ 13, "", "<a ", " ", 1 << 20, "", XML_LIMIT, 8192, 256 << 10 },
	{ 14, STREAM, "<a b='", ">", 1 << 20, "", XML_LIMIT, 6 + 4097, 6 + 65537 },
	{ 15, STREAM, "<a><!--", "b", 1 << 20, "", XML_RESTRICTED, 6, 6 },
	{ 15, STREAM, "<!--", "b", 1 << 20, "", XML_RESTRICTED, 3, 3 },
	{ 16, STREAM, "", "<?a?>", 1 << 20, "", XML_RESTRICTED, 2, 2 },
	{ 16, STREAM, "<a>", "<?a?>", 1 << 20, "", XML_RESTRICTED, 5, 5 },
	{ 16, "", "", "<?a?>", 1 << 20, "", XML_RESTRICTED, 3, 3 },
	{ 17, STREAM, "<a>", "&#65;", 1000000, "</a>", XML_LIMIT, 8192, 256 << 10 },
	{ 17, STREAM, "<a b='", "&#65;", 1000000, "'/>", XML_LIMIT, 6 + 4097, 6 + 65537 },
	{ 18, STREAM, "<a>", "]]", 1000000, "></a>", XML_LIMIT, 8192, 256 << 10 },
	{ 18, STREAM, "<a>", "]]", 1000, "></a>", XML_NOT_WELL_FORMED, 2008, 2008 },
	{ 18, STREAM, "<a><![CDATA[", "]]", 1000000, "></a>", XML_LIMIT, 8192, 256 << 10 },
	{ 19, STREAM, "", "<p:a xmlns:p='u'><q:a xmlns:q='u'>", 1000, "", XML_LIMIT, 8 * 17 + 2, 64 * 17 + 2 },
	{ 19, STREAM, "<a>", "<p:a xmlns:p='u'/>", 1000, "</a>", XML_LIMIT, 3 + 8 * 18 + 13, 3 + 128 * 18 + 13 },
	{ 20, STREAM "<a/>", "", " ", 1 << 20, "", XML_LIMIT, 1025, 1025 },
	{ 20, STREAM, "<a>", " ", 1 << 20, "", XML_LIMIT, 8192, 256 << 10 },
	{ 20, "<?xml version='1.0'?>", "", " ", 1 << 20, "", XML_LIMIT, 8192 - 21, (256 << 10) - 21 },
};

static void add_bomb(struct buf *b, const struct bomb *bomb, size_t count)
{
	buf_add(b, str_from_c(bomb->head));
	struct str unit = str_from_c(bomb->unit);
	size_t percent = str_index(unit, '%');
	for (size_t i = 0; i < count; i++) {
		if (percent == unit.n) {
			buf_add(b, unit);
			continue;
		}
		/* %d or %06d */
		bool is_wide = unit.p[percent + 1] == '0';
		buf_add(b, str_first(unit, percent));
		buf_printf(b, is_wide ? "%06zu" : "%zu", i);
		buf_add(b, str_from(unit, percent + (is_wide ? 4 : 2)));
	}
	buf_add(b, str_from_c(bomb->tail));
}

static const size_t chunks[] = { 1, 64, 1448, 16384 };

static void throw_bomb(struct drive *d, struct str bytes, size_t chunk)
{
	for (; bytes.n && !d->error; bytes = str_from(bytes, chunk))
		drive_feed(d, str_first(bytes, chunk));
}

/* Only what may be looked at: the bombs of mebibytes are not built for their first kibibytes. */
static size_t count_needed(const struct bomb *bomb, size_t refused_at)
{
	size_t units = refused_at / (strlen(bomb->unit) ? strlen(bomb->unit) : 1) + 100;
	return units < bomb->count ? units : bomb->count;
}

static void assert_bomb(const struct bomb *bomb, const struct xml_limits *limits, size_t wanted, struct buf *b)
{
	buf_clear(b);
	add_bomb(b, bomb, count_needed(bomb, wanted));
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct drive d;
		drive_init(&d, FRAMER_STREAM, limits);
		d.rules = &client_rules;
		d.is_quiet = true;
		drive_feed(&d, str_from_c(bomb->prelude));
		assert_int_equal(d.error, 0);
		throw_bomb(&d, buf_str(b), chunks[i]);
		size_t at = d.at - strlen(bomb->prelude);
		if (d.error != -bomb->error || at != wanted)
			fail_msg("bomb %d, %s%s..., in chunks of %zu: %s at %zu, wanted %zu", bomb->number, bomb->head,
				bomb->unit, chunks[i], d.error ? d.why : "accepted", at, wanted);
		/* What a connection kept of it. */
		assert_true(d.pending_max <= limits->bytes);
		drive_fini(&d);
	}
}

static void each_bomb_is_refused_at_its_byte_before_authentication(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < ARRAY_LEN(bombs); i++)
		assert_bomb(&bombs[i], &limits_before, bombs[i].before, &b);
	buf_fini(&b);
}

static void each_bomb_is_refused_at_its_byte_after_authentication(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < ARRAY_LEN(bombs); i++)
		assert_bomb(&bombs[i], &limits_after, bombs[i].after, &b);
	buf_fini(&b);
}

/* Growth. What is allowed to be large, as large as can be, with all limits but those of the parser lifted; a stretch of
 * the stream that is repeated, so that its length is free. */

struct stretch {
	const char *name, *head, *unit, *tail;
	size_t count; /* of units in an element; the element is repeated instead, if it is not 0 */
};

static const struct stretch stretches[] = {
	{ "3 nested elements", TIMES_50("<a>") TIMES_50("<a>") TIMES_50("<a>") TIMES_50("<a>") TIMES_50("<a>"), "",
		TIMES_50("</a>") TIMES_50("</a>") TIMES_50("</a>") TIMES_50("</a>") TIMES_50("</a>"), 1 },
	{ "4 siblings", "<a>", "<b/>", "</a>", 0 },
	{ "4 siblings with text", "<a>", "<b>c</b>d", "</a>", 0 },
	{ "5 attributes", "<a", " b%03d=''", "/>", XML_ATTRIBUTES_MAX },
	{ "5 attributes that look alike", "<a", " b%03dc=''", "/>", XML_ATTRIBUTES_MAX },
	{ "6 declarations", "<a", " xmlns:b%03d='u'", "/>", XML_DECLARATIONS_MAX },
	{ "6 declarations of siblings", "<a>", "<b xmlns='u'/><b xmlns:b='u'/>", "</a>", 0 },
	{ "7 names", "<", "a", "/>", 0 },
	{ "8 namespaces", "<a xmlns='", "u", "'/>", 0 },
	{ "9 attribute values", "<a b='", "c", "'/>", 0 },
	{ "9 attribute values of references", "<a b='", "&lt;", "'/>", 0 },
	{ "11 text", "<a>", "0123456789abcdef", "</a>", 0 },
	{ "11 text in Chinese", "<a>", "\xE4\xBD\xA0\xE5\xA5\xBD", "</a>", 0 },
	{ "11 text of line ends", "<a>", "\r\n", "</a>", 0 },
	{ "12 CDATA", "<a>", "<![CDATA[b]]>", "</a>", 0 },
	{ "12 CDATA of brackets", "<a><![CDATA[", "]", "]]></a>", 0 },
	{ "13 white space in tags", "<a ", " ", "/>", 0 },
	{ "14 signs in quotes", "<a b='", ">", "'/>", 0 },
	{ "17 character references", "<a>", "&#65;", "</a>", 0 },
	{ "17 long character references", "<a>&#", "0", "65;</a>", 0 },
	{ "18 brackets", "<a>", "]]", "</a>", 0 },
	{ "19 prefixes redeclared",
		TIMES_50("<p:a xmlns:p='u'><q:a xmlns:q='u'>") TIMES_50("<p:a xmlns:p='u'><q:a xmlns:q='u'>"), "",
		TIMES_50("</q:a></p:a>") TIMES_50("</q:a></p:a>"), 1 },
	{ "19 the farthest of many prefixes",
		"<a xmlns:f='u' " TIMES_50("xmlns:n='u'><a ") TIMES_50("xmlns:n='u'><a ") TIMES_50("xmlns:n='u'><a ")
			TIMES_50("xmlns:n='u'><a ") TIMES_50("xmlns:n='u'><a ") ">",
		"<f:b/>", TIMES_50("</a>") TIMES_50("</a>") TIMES_50("</a>") TIMES_50("</a>") TIMES_50("</a>") "</a>",
		0 },
	{ "20 white space", "<a/>", " ", "", 0 },
};

/* About `bytes` of it. */
static void add_stretch(struct buf *b, const struct stretch *s, size_t bytes)
{
	struct bomb bomb = { .head = s->head, .unit = s->unit, .tail = s->tail };
	size_t per_unit = strlen(s->unit) ? strlen(s->unit) : 1;
	do
		add_bomb(b, &bomb, s->count ? s->count : bytes / per_unit);
	while (buf_len(b) < bytes);
}

static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds_of(const struct stretch *s, struct drive *d, struct str bytes, size_t chunk)
{
	double begin = cpu_seconds();
	throw_bomb(d, bytes, chunk);
	double seconds = cpu_seconds() - begin;
	if (d->error || d->elements == 0)
		fail_msg("%s: %s", s->name, d->error ? d->why : "nothing");
	return seconds;
}

struct least {
	double half, whole;
	size_t half_bytes, whole_bytes;
};

static double growth(const struct least *least)
{
	return least->whole / least->half * (2.0 * (double)least->half_bytes / (double)least->whole_bytes);
}

/* A few times, with all memory in another place for each `placement`: copies are slow where their addresses happen to
 * fall badly. One connection is kept, and warm: how its buffer once grew is the heap's affair. */
static void measure(const struct stretch *s, size_t chunk, unsigned placement, struct least *least)
{
	struct buf half, whole;
	struct drive d;
	void *spacer = mem_alloc(1 + 1000 * (size_t)placement);
	buf_init(&half, SIZE_MAX / 2);
	buf_init(&whole, SIZE_MAX / 2);
	drive_init(&d, FRAMER_ELEMENTS, &limits_none);
	d.is_quiet = true;
	/* More than two of the largest chunks; a tree of twice that fits into the cache of one processor. */
	add_stretch(&half, s, 35000);
	add_stretch(&whole, s, 2 * buf_len(&half));
	least->half_bytes = buf_len(&half);
	least->whole_bytes = buf_len(&whole);
	for (int i = 0; i < 50 && (i < 3 || growth(least) > 2.2); i++) {
		double t = seconds_of(s, &d, buf_str(&whole), chunk);
		least->whole = t < least->whole ? t : least->whole;
		t = seconds_of(s, &d, buf_str(&half), chunk);
		least->half = t < least->half ? t : least->half;
	}
	drive_fini(&d);
	buf_fini(&half);
	buf_fini(&whole);
	mem_free(spacer);
}

/* Noise only ever adds, so the least of several is nearest to the truth; many more are taken if it looks bad. */
static void twice_the_bytes_take_no_more_than_twice_the_time(void **state)
{
	(void)state;
	if (IS_SANITIZED) {
		print_message("skipped: a sanitizer's own costs do not grow like that\n");
		return;
	}
	/* The heap keeps what it has: pages that go back to the system and come again have a price that is not ours. */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	for (size_t i = 0; i < ARRAY_LEN(stretches); i++) {
		for (size_t j = 0; j < ARRAY_LEN(chunks); j++) {
			struct least least = { .half = 1e9, .whole = 1e18, .half_bytes = 1, .whole_bytes = 1 };
			for (unsigned k = 0; k < 20 && growth(&least) > 2.2; k++)
				measure(&stretches[i], chunks[j], k, &least);
			if (growth(&least) > 2.3)
				fail_msg("%s, in chunks of %zu: %.2f times", stretches[i].name, chunks[j],
					growth(&least));
		}
	}
}

/* docs/SECURITY.md, P4 */
static void no_tree_is_larger_than_its_bound(void **state)
{
	(void)state;
	if (IS_SANITIZED) {
		print_message("skipped: under AddressSanitizer each allocation is on its own\n");
		return;
	}
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < ARRAY_LEN(stretches); i++) {
		for (size_t bytes = 100; bytes <= 1000000; bytes *= 10) {
			buf_clear(&b);
			add_stretch(&b, &stretches[i], bytes);
			struct drive d;
			drive_init(&d, FRAMER_ELEMENTS, &limits_none);
			d.is_quiet = true;
			drive_feed(&d, buf_str(&b));
			if (d.error || d.over_bound)
				fail_msg("%s: %zu bytes over the bound", stretches[i].name, d.over_bound);
			drive_fini(&d);
		}
	}
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bomb_is_refused_at_its_byte_before_authentication),
		cmocka_unit_test(each_bomb_is_refused_at_its_byte_after_authentication),
		cmocka_unit_test(twice_the_bytes_take_no_more_than_twice_the_time),
		cmocka_unit_test(no_tree_is_larger_than_its_bound),
	};
	return cmocka_run_group_tests_name(GROUP("bombs"), tests, NULL, NULL);
}
