/* From libyaml's events to a tree, without recursion: `open` holds the lists and maps that are not finished.
 *
 * libyaml speaks to those who know its grammar; `phrases` says the same to those who do not. To add one, look for
 * "this is not YAML" in what somebody was told. */
#include "server/core/config_yaml.h"

#include "lib/base/fault.h"
#include "lib/base/utf8.h"
#include "server/core/config_words.h"

#include <stdlib.h>
#include <yaml.h>

struct level {
	struct config_node *node;
	struct config_node **tail; /* where its next member goes */
};

struct builder {
	struct arena *a;
	struct config_report *report;
	struct config_node document; /* a list of the one value that the file is */
	struct level open[CONFIG_DEPTH_MAX + 1]; /* the outermost is `document` */
	size_t depth; /* of the innermost */
	size_t nodes;
	bool has_key; /* the next node is the value of this one */
	struct str key;
	struct config_place key_at;
};

static bool is_control(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
		c == 0xffff;
}

/* `c` is what begins `text`, -1 if that is no character; `indenting`: only spaces precede it in its line. */
static bool check_character(struct config_report *r, struct config_place at, struct str text, int32_t c, bool indenting)
{
	if (c < 0)
		buf_printf(config_mistake(r, at), "the byte 0x%02X is not UTF-8; save the file as UTF-8",
			(unsigned)(unsigned char)text.p[0]);
	else if (c == '\t' && indenting)
		buf_lit(config_mistake(r, at), "a tab character; YAML is indented with spaces");
	else if (is_control(c) && c != '\t' && c != '\n' && c != '\r')
		buf_printf(config_mistake(r, at), "the control character U+%04X is not allowed", (unsigned)c);
	else
		return true;
	return false;
}

/* Every character for itself, before libyaml sees any: what it says of these mistakes puzzles. */
static bool check_characters(struct config_report *r, struct str text)
{
	struct config_place at = { 1, 1 };
	bool indenting = true;
	while (text.n) {
		struct str here = text;
		int32_t c = utf8_take(&text);
		if (!check_character(r, at, here, c, indenting))
			return false;
		if (c == '\n' || (c == '\r' && !str_has_prefix(text, STR("\n")))) {
			at = (struct config_place){ at.line + 1, 1 };
			indenting = true;
		} else {
			at.column++;
			indenting = indenting && c == ' ';
		}
	}
	return true;
}

static struct config_place place_of(yaml_mark_t mark)
{
	return (struct config_place){ (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

/* Anchors with aliases let a file of a few lines stand for a billion values; tags would give a text a second type. */
static void refuse_decorations(struct builder *b, const yaml_char_t *anchor, const yaml_char_t *tag, yaml_mark_t mark)
{
	if (anchor)
		buf_lit(config_mistake(b->report, place_of(mark)),
			"anchors ('&name') are not used here; put a text that begins with '&' in quotes");
	if (tag)
		buf_lit(config_mistake(b->report, place_of(mark)),
			"tags ('!name') are not used here; put a text that begins with '!' in quotes");
}

/* NULL, after a word about it, if there are too many. */
static struct config_node *add_node(struct builder *b, enum config_node_kind kind, yaml_mark_t mark)
{
	if (++b->nodes > CONFIG_NODES_MAX) {
		buf_printf(config_mistake(b->report, place_of(mark)), "more than %d values", CONFIG_NODES_MAX);
		return NULL;
	}
	struct level *in = &b->open[b->depth];
	struct config_node *node = arena_zalloc(b->a, sizeof(*node));
	node->kind = kind;
	node->at = place_of(mark);
	if (b->has_key) {
		node->key = b->key;
		node->key_at = b->key_at;
	}
	b->has_key = false;
	*in->tail = node;
	in->tail = &node->next;
	in->node->count++;
	return node;
}

static bool is_key_next(const struct builder *b)
{
	return b->open[b->depth].node->kind == CONFIG_MAP && !b->has_key;
}

static bool is_one_line(struct str text)
{
	while (text.n)
		if (is_control(utf8_take(&text)))
			return false;
	return true;
}

static bool on_key(struct builder *b, const yaml_event_t *event)
{
	struct config_place at = place_of(event->start_mark);
	struct str key = STR("");
	if (event->type == YAML_SCALAR_EVENT)
		key = str_make(event->data.scalar.value, event->data.scalar.length);
	if (event->type != YAML_SCALAR_EVENT || !is_one_line(key)) {
		buf_lit(config_mistake(b->report, at), "expected a name here, then ':' and a value");
		return false;
	}
	refuse_decorations(b, event->data.scalar.anchor, event->data.scalar.tag, event->start_mark);
	b->has_key = true;
	b->key = arena_dup(b->a, key);
	b->key_at = at;
	return true;
}

static bool on_text(struct builder *b, const yaml_event_t *event)
{
	struct str text = str_make(event->data.scalar.value, event->data.scalar.length);
	struct config_node *node = add_node(b, CONFIG_TEXT, event->start_mark);
	if (!node)
		return false;
	refuse_decorations(b, event->data.scalar.anchor, event->data.scalar.tag, event->start_mark);
	if (is_one_line(text)) {
		node->text = arena_dup(b->a, text);
	} else {
		node->kind = CONFIG_BROKEN;
		buf_lit(config_mistake(b->report, node->at), "this text has several lines or a control character");
	}
	node->empty = text.n == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (node->empty && node->key.p)
		node->at = node->key_at;
	return true;
}

static bool on_alias(struct builder *b, const yaml_event_t *event)
{
	buf_lit(config_mistake(b->report, place_of(event->start_mark)),
		"aliases ('*name') are not used here; put a text that begins with '*' in quotes");
	return add_node(b, CONFIG_BROKEN, event->start_mark);
}

static bool on_begin(struct builder *b, enum config_node_kind kind, yaml_mark_t mark)
{
	if (b->depth == CONFIG_DEPTH_MAX) {
		buf_printf(config_mistake(b->report, place_of(mark)), "lists and options are nested more than %d deep",
			CONFIG_DEPTH_MAX);
		return false;
	}
	struct config_node *node = add_node(b, kind, mark);
	if (!node)
		return false;
	b->open[++b->depth] = (struct level){ node, &node->first };
	return true;
}

static int by_key(const void *x, const void *y)
{
	const struct config_node *a = *(struct config_node *const *)x, *b = *(struct config_node *const *)y;
	int order = str_cmp(a->key, b->key);
	if (order == 0)
		order = config_place_cmp(a->key_at, b->key_at);
	return order;
}

/* Sorted, because a map may have thousands of keys. */
static void refuse_repeated_keys(struct builder *b, const struct config_node *map)
{
	struct config_node **sorted = arena_alloc(b->a, map->count * sizeof(*sorted));
	struct config_node *first = NULL;
	size_t n = 0;
	for (struct config_node *member = map->first; member; member = member->next)
		sorted[n++] = member;
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (size_t i = 0; i < n; i++) {
		if (!first || !str_eq(first->key, sorted[i]->key)) {
			first = sorted[i];
			continue;
		}
		struct buf *text = config_mistake(b->report, sorted[i]->key_at);
		config_quote(text, first->key);
		buf_printf(
			text, " is given twice, first at line %u, column %u", first->key_at.line, first->key_at.column);
		sorted[i]->kind = CONFIG_BROKEN;
	}
}

static bool on_end(struct builder *b)
{
	const struct config_node *node = b->open[b->depth--].node;
	if (node->kind == CONFIG_MAP)
		refuse_repeated_keys(b, node);
	return true;
}

static bool on_document(struct builder *b, yaml_mark_t mark)
{
	if (b->document.count == 0)
		return true;
	buf_lit(config_mistake(b->report, place_of(mark)), "a second document begins here; only one is read");
	return false;
}

/* False: there is no use in going on. */
static bool on_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT: return on_document(b, event->start_mark);
	case YAML_ALIAS_EVENT: return is_key_next(b) ? on_key(b, event) : on_alias(b, event);
	case YAML_SCALAR_EVENT: return is_key_next(b) ? on_key(b, event) : on_text(b, event);
	case YAML_SEQUENCE_START_EVENT:
		refuse_decorations(
			b, event->data.sequence_start.anchor, event->data.sequence_start.tag, event->start_mark);
		return is_key_next(b) ? on_key(b, event) : on_begin(b, CONFIG_LIST, event->start_mark);
	case YAML_MAPPING_START_EVENT:
		refuse_decorations(
			b, event->data.mapping_start.anchor, event->data.mapping_start.tag, event->start_mark);
		return is_key_next(b) ? on_key(b, event) : on_begin(b, CONFIG_MAP, event->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: return on_end(b);
	default: return true;
	}
}

/* `problem` is how libyaml's words begin. `opened`: the mistake is told at, or with, the place where what is unfinished
 * began. */
struct phrase {
	struct str problem;
	enum { HERE, HERE_AND_OPENED, AT_OPENED } where;
	const char *text;
};

static const struct phrase phrases[] = {
	{ STR_INIT("mapping values are not allowed"), HERE,
		"this ':' is not expected; look for one that is missing or has no space behind it, for a line that is "
		"indented wrongly, for a text with ':' that is not in quotes" },
	{ STR_INIT("did not find expected key"), HERE,
		"this does not belong here; is the line indented differently from those above it, or does something "
		"follow a closing quote or bracket?" },
	{ STR_INIT("did not find expected '-' indicator"), HERE,
		"expected '-' as in the lines above it; is the line indented differently?" },
	{ STR_INIT("did not find expected node content"), HERE, "a value is missing here" },
	{ STR_INIT("did not find expected ',' or ']'"), HERE_AND_OPENED, "expected ',' or ']'; the '[' is" },
	{ STR_INIT("did not find expected ',' or '}'"), HERE_AND_OPENED, "expected ',' or '}'; the '{' is" },
	{ STR_INIT("could not find expected ':'"), AT_OPENED, "expected ':' and a space after this name" },
	{ STR_INIT("found unexpected end of stream"), AT_OPENED, "this quote is never closed" },
	{ STR_INIT("found unexpected document indicator"), AT_OPENED, "this quote is never closed" },
	{ STR_INIT("found unknown escape character"), HERE,
		"between double quotes a backslash has a meaning of its own; use single quotes" },
	{ STR_INIT("did not find expected alphabetic or numeric character"), AT_OPENED,
		"put a text that begins with '*' or '&' in quotes" },
	{ STR_INIT("found character that cannot start any token"), HERE,
		"put a text that begins with this character in quotes" },
	{ STR_INIT("block sequence entries are not allowed"), HERE, "a list with '-' begins on a line of its own" },
};

static void tell_syntax(struct config_report *r, const yaml_parser_t *parser)
{
	assert_always(parser->error != YAML_MEMORY_ERROR);
	struct config_place here = place_of(parser->problem_mark), opened = place_of(parser->context_mark);
	struct str problem = str_from_c(parser->problem);
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		if (!str_has_prefix(problem, phrases[i].problem))
			continue;
		struct buf *text = config_mistake(r, phrases[i].where == AT_OPENED ? opened : here);
		buf_add(text, str_from_c(phrases[i].text));
		if (phrases[i].where == HERE_AND_OPENED)
			buf_printf(text, " at line %u, column %u", opened.line, opened.column);
		return;
	}
	struct buf *text = config_mistake(r, here);
	buf_lit(text, "this is not YAML: ");
	buf_add(text, problem);
}

/* False if it stopped before the end. */
static bool read_events(struct builder *b, yaml_parser_t *parser)
{
	for (bool done = false; !done;) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event)) {
			tell_syntax(b->report, parser);
			return false;
		}
		done = event.type == YAML_STREAM_END_EVENT;
		bool go_on = on_event(b, &event);
		yaml_event_delete(&event);
		if (!go_on)
			return false;
	}
	return true;
}

static bool is_nothing(const struct config_node *node)
{
	return !node || (node->kind == CONFIG_TEXT && node->empty);
}

const struct config_node *config_yaml_read(struct arena *a, struct str text, struct config_report *report)
{
	static const struct config_node empty_map = { .kind = CONFIG_MAP, .at = { 1, 1 } };
	struct builder b = { .a = a, .report = report, .document = { .kind = CONFIG_LIST } };
	b.open[0] = (struct level){ &b.document, &b.document.first };
	if (text.n > CONFIG_FILE_BYTES_MAX) {
		buf_printf(config_mistake(report, (struct config_place){ 1, 1 }), "the file is larger than %u bytes",
			CONFIG_FILE_BYTES_MAX);
		return NULL;
	}
	if (str_has_prefix(text, STR("\xef\xbb\xbf")))
		text = str_from(text, 3);
	if (!check_characters(report, text))
		return NULL;

	yaml_parser_t parser;
	assert_always(yaml_parser_initialize(&parser));
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
	bool complete = read_events(&b, &parser);
	yaml_parser_delete(&parser);
	if (!complete)
		return NULL;
	return is_nothing(b.document.first) ? &empty_map : b.document.first;
}

const struct config_node *config_node_find(const struct config_node *map, struct str key)
{
	const struct config_node *member = map->first;
	while (member && !str_eq(member->key, key))
		member = member->next;
	return member;
}
