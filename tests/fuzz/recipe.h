/* Fuzz data as a recipe for XML that is mostly well-formed, so that mutations of the data change what a document says
 * rather than break it. For xml.c. To make it write something new, add it to a table. */
#ifndef LINNET_FUZZ_RECIPE_H
#define LINNET_FUZZ_RECIPE_H

#include "lib/base/buf.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECIPE_DEPTH 12

struct recipe {
	const uint8_t *p, *end;
	struct buf *out;
	const char *open[RECIPE_DEPTH];
	size_t depth;
};

/* The next byte; 0 behind the end. */
static inline unsigned recipe_take(struct recipe *r)
{
	return r->p < r->end ? *r->p++ : 0;
}

static inline void recipe_add(struct recipe *r, const char *s)
{
	buf_add(r->out, str_from_c(s));
}

#define RECIPE_PICK(r, table) (table)[recipe_take(r) % (sizeof(table) / sizeof((table)[0]))]

static const char *const recipe_names[] = {
	"a", "b", "message", "body", "p:a", "p:b", "q:a", "long-name_with.all-1", "caf\xC3\xA9", "\xE4\xBD\xA0", "xmlx",
	"stream",
};

static const char *const recipe_attributes[] = {
	"a", "b", "to", "id", "p:a", "q:a", "p:b", "xml:lang", "xml:space", "xmlnsx", "a\xC3\xA9", "type", "from",
	"q:to",
};

static const char *const recipe_declarations[] = {
	" xmlns='u'", " xmlns=\"\"", " xmlns:p='urn:p'", " xmlns:q='urn:p'", " xmlns:p='urn:q'", " xmlns:q='u'",
	" xmlns='urn:p'", " xmlns = 'a&amp;b'", " xmlns:xml='http://www.w3.org/XML/1998/namespace'",
	" xmlns='jabber:client'", " xmlns='urn:with:a:name:of:some:length'", " xmlns:p='caf\xC3\xA9'", " xmlns='a~b'",
};

static const char *const recipe_pieces[] = {
	"x", " ", "plain words, more than sixteen of them", "&lt;", "&gt;", "&amp;", "&apos;", "&quot;", "&#65;",
	"&#x1F600;", "&#10;", "&#13;", "&#9;", "\n", "\r\n", "\r", "\t", "caf\xC3\xA9", "\xE4\xBD\xA0\xE5\xA5\xBD",
	"\xF0\x9F\x98\x80", "]]", "]", ">", "=", "/", "\xEF\xBB\xBF", "\x7F", "\xC2\x85", "\xE2\x80\xA8",
	"0123456789abcdef",
};

static const char *const recipe_cdata[] = {
	"<![CDATA[]]>", "<![CDATA[x]]>", "<![CDATA[<&>]]>", "<![CDATA[]]]>", "<![CDATA[\r\n\r]]>",
	"<![CDATA[]]]]><![CDATA[>]]>", "<![CDATA[caf\xC3\xA9]]>",
};

/* What is wrong, or wrong in most places, or to expat alone. */
static const char *const recipe_poison[] = {
	"<\xF0\x90\x80\x80/>",
	"<", "&", "\"", "'", "]]>", "<!--", "<!-- c -->", "<?pi?>", "&nbsp;", "&#0;", "&#xD800;", "&#xFFFE;", "\x01",
	"\x1F", "\x80", "\xC0\xAF", "\xED\xA0\x80", "\xEF\xBF\xBF", "\xF4\x90\x80\x80", "</a>", "</b>", "<a>", "<p:a",
	" b", "=''", " xmlns:p=''", " xmlns:xmlns='u'", " xmlns='a b'", " xmlns:r='|'",
	" xmlns='http://www.w3.org/XML/1998/namespace'", " xmlns='http://www.w3.org/2000/xmlns/'", "<:a/>", "<a:/>",
	"<a:b:c/>", "<z:a/>", "<xml:a/>", "<1/>", "<a b='c' b='d'/>", "<a xmlns:c='u' xmlns:d='u' c:e='' d:e=''/>",
	"<!DOCTYPE a>", "<a z:b=''/>", "<a b='<'/>", "<a / >", "<a></ a>", "<a b=c/>", "<a b='1'c='2'/>", "<![CDATA[",
	"<a xmlns:xml='u'/>", "&#x110000;", "&lt",
};

static inline void recipe_value(struct recipe *r)
{
	const char *quote = recipe_take(r) % 2 ? "'" : "\"";
	recipe_add(r, quote);
	for (unsigned n = recipe_take(r) % 4; n; n--)
		recipe_add(r, RECIPE_PICK(r, recipe_pieces));
	recipe_add(r, quote);
}

/* Each attribute from a stretch of the table of its own, so that none comes twice. */
static inline void recipe_attributes_of(struct recipe *r)
{
	size_t count = sizeof(recipe_attributes) / sizeof(recipe_attributes[0]);
	for (size_t at = recipe_take(r) % (2 * count); at < count; at += 1 + recipe_take(r) % 5) {
		recipe_add(r, recipe_take(r) % 8 ? " " : "\r\n\t");
		recipe_add(r, recipe_attributes[at]);
		recipe_add(r, recipe_take(r) % 8 ? "=" : " = ");
		recipe_value(r);
	}
}

static inline void recipe_start(struct recipe *r)
{
	const char *name = RECIPE_PICK(r, recipe_names);
	bool empty = r->depth == RECIPE_DEPTH || recipe_take(r) % 4 == 0;
	recipe_add(r, "<");
	recipe_add(r, name);
	if (r->depth == 0)
		recipe_add(r, " xmlns:p='urn:p' xmlns:q='urn:other'");
	else if (recipe_take(r) % 3 == 0)
		recipe_add(r, RECIPE_PICK(r, recipe_declarations));
	recipe_attributes_of(r);
	recipe_add(r, recipe_take(r) % 8 ? "" : " ");
	/* The top is never empty. */
	if (empty && r->depth) {
		recipe_add(r, "/>");
		return;
	}
	recipe_add(r, ">");
	if (r->depth < RECIPE_DEPTH)
		r->open[r->depth++] = name;
}

static inline void recipe_end(struct recipe *r)
{
	recipe_add(r, "</");
	recipe_add(r, r->open[--r->depth]);
	recipe_add(r, recipe_take(r) % 8 ? ">" : "\n>");
}

static inline void recipe_write(const uint8_t *data, size_t n, struct buf *out)
{
	struct recipe r = { .p = data, .end = data + n, .out = out };
	recipe_start(&r);
	while (r.p < r.end && r.depth) {
		unsigned what = recipe_take(&r);
		if (what < 90)
			recipe_start(&r);
		else if (what < 130 && r.depth > 1)
			recipe_end(&r);
		else if (what < 225)
			recipe_add(&r, RECIPE_PICK(&r, recipe_pieces));
		else if (what < 252)
			recipe_add(&r, RECIPE_PICK(&r, recipe_cdata));
		else
			recipe_add(&r, RECIPE_PICK(&r, recipe_poison));
	}
	while (r.depth)
		recipe_end(&r);
}

#endif
