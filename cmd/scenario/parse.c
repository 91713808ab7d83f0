/* Scenario files: lines into statements, words, quoted strings and XML. What the words mean is grammar.c's business. */
#include "cmd/scenario/parse.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/utf8.h"
#include "lib/stream/limits.h"
#include "lib/xml/framer.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#include <stdarg.h>
#include <stdio.h>

/* Trees, steps, and the bytes that repetitions make. */
#define ARENA_BYTES_MAX (256u << 20)

static const struct xml_declaration declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
};
const struct xml_scope scenario_scope = {
	.declarations = declarations,
	.count = ARRAY_LEN(declarations),
	.content = STR_INIT("jabber:client"),
};

bool parse_fail(struct parser *p, unsigned line, const char *fmt, ...)
{
	int n = snprintf(p->why, p->why_bytes, STR_FMT ":%u: ", STR_ARG(p->scenario->file), line);
	if (n < 0 || (size_t)n >= p->why_bytes)
		return false;
	va_list args;
	va_start(args, fmt);
	vsnprintf(p->why + n, p->why_bytes - (size_t)n, fmt, args);
	va_end(args);
	return false;
}

/* Words. */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Behind a backslash at the beginning of *in; appends one byte. */
static bool take_escape(struct str *in, char *out)
{
	static const char from[] = "nrt0\\\"", to[] = "\n\r\t\0\\\"";
	if (in->n < 2)
		return false;
	for (size_t i = 0; i < sizeof(from) - 1; i++) {
		if (in->p[1] == from[i]) {
			*out = to[i];
			*in = str_from(*in, 2);
			return true;
		}
	}
	if (in->p[1] != 'x' || in->n < 4 || hex_digit(in->p[2]) < 0 || hex_digit(in->p[3]) < 0)
		return false;
	*out = (char)(hex_digit(in->p[2]) * 16 + hex_digit(in->p[3]));
	*in = str_from(*in, 4);
	return true;
}

/* A quoted string at the beginning of *in, which is one line. */
static bool take_quoted(struct parser *p, unsigned line, struct str *in, struct str *text_r)
{
	char *out = arena_alloc_bytes(p->arena, in->n);
	size_t n = 0;
	*in = str_from(*in, 1);
	while (in->n && in->p[0] != '"') {
		if (in->p[0] != '\\') {
			out[n++] = in->p[0];
			*in = str_from(*in, 1);
		} else if (!take_escape(in, &out[n++])) {
			return parse_fail(
				p, line, "in quotes a backslash begins \\n, \\r, \\t, \\0, \\\", \\\\ or \\xNN");
		}
	}
	if (in->n == 0)
		return parse_fail(p, line, "a quote is not closed on its line");
	*in = str_from(*in, 1);
	*text_r = str_make(out, n);
	return true;
}

static struct str skip_space(struct str s)
{
	while (s.n && is_space(s.p[0]))
		s = str_from(s, 1);
	return s;
}

static struct str take_bare(struct str *in)
{
	size_t n = 0;
	while (n < in->n && !is_space(in->p[n]) && in->p[n] != '<')
		n++;
	struct str word = str_first(*in, n);
	*in = str_from(*in, n);
	return word;
}

/* Up to the end of the line, a comment, or XML, which *line is left with. */
static bool take_words(struct parser *p, struct statement *st, unsigned number, struct str *line)
{
	for (;;) {
		*line = skip_space(*line);
		if (line->n == 0 || line->p[0] == '<')
			return true;
		if (line->p[0] == '#') {
			line->n = 0;
			return true;
		}
		if (st->count == WORDS_MAX)
			return parse_fail(p, number, "a statement has at most %d words", WORDS_MAX);
		struct word *w = &st->words[st->count++];
		w->is_quoted = line->p[0] == '"';
		if (!w->is_quoted)
			w->text = take_bare(line);
		else if (!take_quoted(p, number, line, &w->text))
			return false;
	}
}

bool statement_take(struct statement *st, const char *words)
{
	struct str rest = str_from_c(words), word;
	size_t at = st->at;
	while (rest.n) {
		str_cut(&rest, ' ', &word);
		if (at == st->count || st->words[at].is_quoted || !str_eq(st->words[at].text, word))
			return false;
		at++;
	}
	st->at = at;
	return true;
}

bool statement_word(struct parser *p, struct statement *st, const char *what, struct str *word_r)
{
	if (st->at == st->count)
		return parse_fail(p, st->line, "%s is missing at the end of the line", what);
	*word_r = st->words[st->at++].text;
	return true;
}

bool statement_end(struct parser *p, const struct statement *st)
{
	if (st->at < st->count)
		return parse_fail(p, st->line, "\"" STR_FMT "\" has no place here", STR_ARG(st->words[st->at].text));
	return true;
}

bool statement_no_block(struct parser *p, const struct statement *st)
{
	if (st->block.n)
		return parse_fail(p, st->block_line, "no XML, nor anything indented, has a place here");
	return true;
}

/* Elements. */

static unsigned count_lines(struct str s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

/* White space and comments between elements. */
static void skip_between(struct str *in, unsigned *line)
{
	while (in->n) {
		if (in->p[0] == '\n')
			++*line;
		if (in->p[0] == '#')
			*in = str_from(*in, str_index(*in, '\n'));
		else if (is_space(in->p[0]) || in->p[0] == '\n')
			*in = str_from(*in, 1);
		else
			break;
	}
}

static bool parse_element(struct parser *p, struct str *in, unsigned line, const struct xml_node **root_r)
{
	struct framer framer;
	struct frame frame;
	const char *why;
	if (in->p[0] != '<')
		return parse_fail(p, line, "here an element should begin");
	framer_init(&framer, FRAMER_ELEMENTS);
	framer_feed(&framer, &stream_limits_server, *in, &frame);
	if (frame.kind == FRAME_MORE)
		return parse_fail(p, line, "the element that begins here does not end");
	if (frame.kind != FRAME_ELEMENT)
		return parse_fail(p, line + count_lines(str_first(*in, frame.take)), "%s", frame.why);
	if (xml_parse(p->arena, str_first(*in, frame.take), &scenario_scope, NULL, root_r, &why) != 0)
		return parse_fail(p, line, "in the element that begins here: %s", why);
	*in = str_from(*in, frame.take);
	return true;
}

bool parse_elements(struct parser *p, const struct statement *st, const struct parsed_element **list_r, size_t *count_r)
{
	struct parsed_element *list = NULL;
	size_t count = 0, cap = 0;
	struct str in = st->block;
	unsigned line = st->block_line;
	for (;;) {
		skip_between(&in, &line);
		if (in.n == 0)
			break;
		if (count == cap) {
			cap = cap ? 2 * cap : 4;
			struct parsed_element *grown = arena_alloc(p->arena, cap * sizeof(*grown));
			if (count)
				memcpy(grown, list, count * sizeof(*grown));
			list = grown;
		}
		struct str before = in;
		list[count].line = line;
		if (!parse_element(p, &in, line, &list[count].root))
			return false;
		line += count_lines(str_first(before, before.n - in.n));
		count++;
	}
	if (count == 0)
		return parse_fail(p, st->line, "an element should follow, on the line or indented below it");
	*list_r = list;
	*count_r = count;
	return true;
}

static bool take_line(struct str *rest, struct str *line_r)
{
	if (rest->n == 0)
		return false;
	str_cut(rest, '\n', line_r);
	return true;
}

bool parse_bytes(struct parser *p, struct statement *st, struct str *bytes_r)
{
	struct str block = st->block, line;
	unsigned number = st->block_line;
	size_t first = st->at;
	for (; take_line(&block, &line); number++) {
		if (!take_words(p, st, number, &line))
			return false;
		if (line.n)
			return parse_fail(p, number, "bytes stand in quotes");
	}
	struct buf joined;
	buf_init(&joined, SCENARIO_BYTES_MAX);
	bool is_fine = first < st->count;
	for (size_t i = first; i < st->count; i++) {
		is_fine = is_fine && st->words[i].is_quoted;
		buf_add(&joined, st->words[i].text);
	}
	*bytes_r = arena_dup(p->arena, buf_str(&joined));
	buf_fini(&joined);
	st->at = st->count;
	return is_fine || parse_fail(p, st->line, "bytes in quotes should follow, and nothing else");
}

/* Statements. */

static bool is_blank(struct str line)
{
	return str_is_empty(str_trim(line));
}

static bool is_indented(struct str line)
{
	return line.n && is_space(line.p[0]);
}

/* Takes the lines below a statement that belong to it. */
static struct str take_block(struct parser *p)
{
	struct str start = p->rest, rest = p->rest, line, end = p->rest;
	unsigned number = p->line;
	while (take_line(&rest, &line) && (is_blank(line) || is_indented(line))) {
		number++;
		if (is_blank(line))
			continue;
		end = rest;
		p->line = number;
	}
	p->rest = end;
	return str_make(start.p, start.n - end.n);
}

static bool parse_statement(struct parser *p, struct str line)
{
	struct statement st = { .line = p->line++, .text = line };
	if (is_indented(line))
		return parse_fail(p, st.line, "this is indented, but belongs to no statement above it");
	if (!take_words(p, &st, st.line, &line))
		return false;
	bool has_inline = line.n;
	st.text = str_trim(str_first(st.text, (size_t)(line.p - st.text.p)));
	st.block_line = has_inline ? st.line : p->line;
	st.block = take_block(p);
	if (has_inline)
		st.block = str_make(line.p, (size_t)(st.block.p - line.p) + st.block.n);
	skip_between(&st.block, &st.block_line);
	return grammar_statement(p, &st);
}

/* # name_of_the_scenario */
static bool parse_name(struct parser *p)
{
	struct str line = STR("");
	take_line(&p->rest, &line);
	struct str name = str_trim(str_from(str_trim(line), 1));
	if (line.n == 0 || line.p[0] != '#' || name.n == 0 || str_index(name, ' ') < name.n)
		return parse_fail(p, p->line, "the first line is the scenario's name, one word behind #: # like_this");
	p->scenario->name = name;
	p->line++;
	return true;
}

static bool parse_file(struct parser *p)
{
	struct str line;
	if (!utf8_is_valid(p->rest))
		return parse_fail(p, 1, "the file is not UTF-8");
	if (!parse_name(p))
		return false;
	while (take_line(&p->rest, &line)) {
		if (is_blank(line) || line.p[0] == '#')
			p->line++;
		else if (!parse_statement(p, line))
			return false;
	}
	return p->scenario->step_count || parse_fail(p, p->line, "nothing happens in this scenario");
}

int scenario_parse(struct str text, struct str file, struct scenario **s_r, char *why, size_t why_bytes)
{
	struct arena *a = arena_new(4096 + 2 * str_first(text, SCENARIO_BYTES_MAX).n, ARENA_BYTES_MAX);
	struct scenario *s = arena_zalloc(a, sizeof(*s));
	s->arena = a;
	s->file = arena_dup(a, file);
	struct parser p = { .arena = a, .scenario = s, .line = 1, .why = why, .why_bytes = why_bytes };
	p.clients = arena_alloc(a, SCENARIO_CLIENTS_MAX * sizeof(*p.clients));
	bool is_fine = text.n <= SCENARIO_BYTES_MAX || parse_fail(&p, 1, "a scenario has at most 1 MiB");
	if (is_fine) {
		p.rest = arena_dup(a, text);
		is_fine = parse_file(&p);
	}
	if (!is_fine) {
		arena_free(&a);
		return -1;
	}
	*s_r = s;
	return 0;
}

void scenario_free(struct scenario **pointer)
{
	struct scenario *s = *pointer;
	*pointer = NULL;
	if (!s)
		return;
	struct arena *a = s->arena;
	arena_free(&a);
}
