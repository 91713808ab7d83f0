/* What both kinds of peers have: stanzas out of text, and what they have seen. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "lib/stream/limits.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX (16u << 20)

struct line {
	struct list link;
	size_t n;
	char text[];
};

static bool is_subscription(const struct xml_node *root)
{
	static const char *const types[] = { "subscribe", "subscribed", "unsubscribe", "unsubscribed" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(xml_name(root), STR("presence")) && str_eq(xml_attr(root, STR("type")),
			str_from_c(types[i])))
			return true;
	return false;
}

/* As the receiver does it, in the same arena: RFC 6120, 8.1.2.1; RFC 6121, 3. */
static const struct xml_node *stamp(struct arena *a, const struct xml_node *root, const struct jid *from)
{
	struct xml_node *top = xml_new_like(a, root);
	xml_set(a, top, STR("from"), is_subscription(root) ? jid_bare(from) : jid_full(from));
	top->children = root->children;
	return top;
}

struct stanza *stanza_of(struct harness *h, const char *from, const char *text)
{
	const struct xml_declaration client = { STR(""), NS_CLIENT };
	struct xml_scope scope = { .declarations = &client, .count = 1, .content = NS_CLIENT };
	const struct xml_node *root;
	struct stanza *s;
	struct arena *a;
	const char *why;
	if (xml_parse_document(str_from_c(text), &stream_limits_client, &scope, &a, &root, &why) != 0)
		fail_msg("%s: %.200s", why, text);
	if (from)
		root = stamp(a, root, jid_of(h, from));
	if (stanza_take(&a, root, &s, &why) != STANZA_OK)
		fail_msg("%s: %.200s", why, text);
	return s;
}

static void vposts(struct peer *p, const char *fmt, va_list args)
{
	char *text;
	int n = vasprintf(&text, fmt, args);
	assert_true(n >= 0);
	p->say(p, str_make(text, (size_t)n));
	free(text);
}

void posts(struct peer *p, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vposts(p, fmt, args);
	va_end(args);
}

void says(struct peer *p, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vposts(p, fmt, args);
	va_end(args);
	harness_run(p->h);
}

/* What it has seen. */

void peer_note(struct peer *p, struct stanza *s, const struct jid *to)
{
	struct buf b;
	buf_init(&b, TEXT_BYTES_MAX);
	stanza_write(&b, s, NULL, to, &(struct xml_dialect){ NS_CLIENT, false });
	assert_false(buf_failed(&b));
	struct line *l = mem_alloc(sizeof(*l) + buf_len(&b) + 1);
	l->n = buf_len(&b);
	memcpy(l->text, buf_str(&b).p, l->n);
	l->text[l->n] = 0;
	list_add_last(&p->seen, &l->link);
	buf_fini(&b);
}

/* What a `*` may stand for; a `~` stands for anything. */
static bool may_pass(char star, char c)
{
	return star == '~' || (c != '<' && c != '>' && c != '\'');
}

/* A star takes as little as goes, and is tried again with more. */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;
	while (*text) {
		if (*pattern == '*' || *pattern == '~') {
			star = pattern++;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star && may_pass(*star, *from)) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*' || *pattern == '~')
		pattern++;
	return *pattern == 0;
}

static struct line *line_of(struct list *link)
{
	return CONTAINER_OF(link, struct line, link);
}

static void show(struct peer *p)
{
	print_error("what " STR_FMT " has seen:\n", STR_ARG(jid_full(p->jid)));
	LIST_FOR_EACH (link, &p->seen)
		print_error("    %.600s\n", line_of(link)->text);
}

void peer_sees(struct peer *p, bool any_place, const char *pattern, const char *file, int line)
{
	LIST_FOR_EACH (link, &p->seen) {
		if (matches(pattern, line_of(link)->text)) {
			list_remove(link);
			mem_free(line_of(link));
			return;
		}
		if (!any_place)
			break;
	}
	show(p);
	print_error("expected:\n    %.600s\n", pattern);
	_fail(file, line);
}

void peer_sees_nothing(struct peer *p, const char *file, int line)
{
	if (list_is_empty(&p->seen))
		return;
	show(p);
	print_error("expected: nothing\n");
	_fail(file, line);
}

char *peer_take(struct peer *p)
{
	struct list *link = list_take_first(&p->seen);
	if (!link)
		return NULL;
	struct line *l = line_of(link);
	char *text = mem_alloc(l->n + 1);
	memcpy(text, l->text, l->n + 1);
	mem_free(l);
	return text;
}

void overlooks(struct peer *p)
{
	for (struct list *l; (l = list_take_first(&p->seen));)
		mem_free(line_of(l));
}
