/* Parsing, expanding and matching of texts. To add a word in braces: brace(), and a kind of piece if it stands for
 * text. */
#include "cmd/scenario/template.h"

#include "lib/base/utf8.h"

#include <string.h>

struct builder {
	struct arena *arena;
	struct piece *pieces;
	size_t count;
	size_t repeated; /* bytes made by repetitions */
	bool has_more, is_ordered;
};

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
			return false;
	}
	return s.n > 0;
}

static void add_text(struct builder *b, struct str text, size_t times)
{
	if (text.n && times)
		b->pieces[b->count++] = (struct piece){ PIECE_TEXT, text, times };
}

static const char *add_open(struct builder *b, enum piece_kind kind, struct str name)
{
	if (b->count && b->pieces[b->count - 1].kind != PIECE_TEXT)
		return "two places in braces need some text between them";
	b->pieces[b->count++] = (struct piece){ kind, name, 1 };
	return NULL;
}

static bool is_repetition(struct str inside)
{
	int32_t c = utf8_take(&inside);
	return c >= 0 && inside.n > 1 && inside.p[0] == '*';
}

/* c*N */
static const char *add_repetition(struct builder *b, struct str inside)
{
	struct str rest = inside;
	uint64_t times;
	(void)utf8_take(&rest);
	size_t n = inside.n - rest.n;
	if (!str_parse_u64(str_from(rest, 1), (TEMPLATE_BYTES_MAX - b->repeated) / n, &times))
		return "{c*N}: N must be a number, and not make more than 4 MiB in all";
	b->repeated += n * (size_t)times;
	add_text(b, str_first(inside, n), (size_t)times);
	return NULL;
}

/* What stands between braces. NULL, or what is wrong. */
static const char *brace(struct builder *b, struct str inside)
{
	if (str_eq(inside, STR("any")))
		return add_open(b, PIECE_ANY, STR(""));
	if (str_eq(inside, STR("more"))) {
		b->has_more = true;
		return NULL;
	}
	if (str_eq(inside, STR("ordered"))) {
		b->is_ordered = true;
		return NULL;
	}
	if (is_repetition(inside))
		return add_repetition(b, inside);
	if (inside.n && inside.p[0] == '=' && is_name(str_from(inside, 1)))
		return add_open(b, PIECE_VARIABLE, str_from(inside, 1));
	return "a brace begins {any}, {=name}, {c*N}, {more} or {ordered}; \"{{\" is a brace itself";
}

static const char *parse(struct builder *b, struct str in)
{
	while (in.n) {
		size_t at = str_index(in, '{');
		add_text(b, str_first(in, at), 1);
		in = str_from(in, at);
		if (in.n == 0)
			break;
		if (in.n > 1 && in.p[1] == '{') {
			add_text(b, str_first(in, 1), 1);
			in = str_from(in, 2);
			continue;
		}
		size_t end = str_index(in, '}');
		if (end == in.n)
			return "a brace is not closed; \"{{\" is a brace itself";
		const char *why = brace(b, str_make(in.p + 1, end - 1));
		if (why)
			return why;
		in = str_from(in, end + 1);
	}
	return NULL;
}

bool template_parse(struct arena *a, struct str in, struct template *t_r, const char **why_r)
{
	/* Each brace makes two pieces at most. */
	size_t most = 1;
	for (size_t i = 0; i < in.n; i++)
		most += in.p[i] == '{' ? 2 : 0;
	struct builder b = { .arena = a, .pieces = arena_alloc(a, most * sizeof(struct piece)) };
	const char *why = parse(&b, in);
	if (why) {
		*why_r = why;
		return false;
	}
	*t_r = (struct template){ b.pieces, b.count, b.has_more, b.is_ordered };
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void template_trim(struct template *t)
{
	struct piece *p = (struct piece *)(uintptr_t)t->pieces;
	while (t->count && p->kind == PIECE_TEXT && p->times == 1) {
		while (p->text.n && is_space(p->text.p[0]))
			p->text = str_from(p->text, 1);
		if (p->text.n)
			break;
		p++;
		t->count--;
	}
	t->pieces = p;
	while (t->count && p[t->count - 1].kind == PIECE_TEXT && p[t->count - 1].times == 1) {
		struct str *s = &p[t->count - 1].text;
		while (s->n && is_space(s->p[s->n - 1]))
			s->n--;
		if (s->n)
			break;
		t->count--;
	}
}

bool template_is_sendable(const struct template *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->pieces[i].kind == PIECE_ANY)
			return false;
	return !t->has_more && !t->is_ordered;
}

bool template_expand(const struct template *t, const struct variables *v, struct buf *out, struct str *unbound_r)
{
	for (size_t i = 0; i < t->count; i++) {
		struct str text = t->pieces[i].text;
		if (t->pieces[i].kind == PIECE_VARIABLE) {
			const struct str *value = variables_find(v, text);
			if (!value) {
				*unbound_r = text;
				return false;
			}
			text = *value;
		}
		for (size_t n = 0; n < t->pieces[i].times; n++)
			buf_add(out, text);
	}
	return true;
}

/* Matching: an open place and the literal text behind it. The first part has no open place. */
struct part {
	const struct piece *open; /* or NULL */
	struct str literal;
	char *own; /* the literal, once it has been joined from several */
	size_t cap;
};

static void join(struct arena *scratch, struct part *p, struct str more)
{
	size_t n = p->literal.n;
	if (n == 0) {
		p->literal = more;
		return;
	}
	if (n + more.n > p->cap) {
		p->cap = 2 * (n + more.n);
		char *grown = arena_alloc_bytes(scratch, p->cap);
		memcpy(grown, p->literal.p, n);
		p->own = grown;
	}
	if (more.n)
		memcpy(p->own + n, more.p, more.n);
	p->literal = str_make(p->own, n + more.n);
}

static struct str repeat(struct arena *scratch, const struct piece *piece)
{
	if (piece->times == 1)
		return piece->text;
	char *p = arena_alloc_bytes(scratch, piece->text.n * piece->times);
	for (size_t i = 0; i < piece->times; i++)
		memcpy(p + i * piece->text.n, piece->text.p, piece->text.n);
	return str_make(p, piece->text.n * piece->times);
}

static struct part *resolve(const struct template *t, const struct variables *v, struct arena *scratch, size_t *count_r)
{
	struct part *parts = arena_zalloc(scratch, (t->count + 1) * sizeof(*parts));
	size_t last = 0;
	for (size_t i = 0; i < t->count; i++) {
		const struct piece *piece = &t->pieces[i];
		const struct str *value = piece->kind == PIECE_VARIABLE ? variables_find(v, piece->text) : NULL;
		if (piece->kind == PIECE_TEXT)
			join(scratch, &parts[last], repeat(scratch, piece));
		else if (value)
			join(scratch, &parts[last], *value);
		else
			parts[++last].open = piece;
	}
	*count_r = last + 1;
	return parts;
}

/* Where `what` is met first; text.n + 1 if nowhere. */
static size_t find(struct str text, struct str what)
{
	if (what.n == 0)
		return 0;
	const char *p = text.n ? memmem(text.p, text.n, what.p, what.n) : NULL;
	return p ? (size_t)(p - text.p) : text.n + 1;
}

/* The same variable may have been bound by an earlier part. */
static bool bind(const struct piece *open, struct str value, struct variables *v)
{
	if (open->kind != PIECE_VARIABLE)
		return true;
	const struct str *bound = variables_find(v, open->text);
	if (bound)
		return str_eq(*bound, value);
	variables_bind(v, open->text, value);
	return true;
}

/* Length of what the open place of a part of the whole text takes; rest.n + 1 if nothing fits. */
static size_t reach_whole(const struct part *p, bool is_last, struct str rest)
{
	if (!is_last)
		return find(rest, p->literal);
	return str_has_suffix(rest, p->literal) ? rest.n - p->literal.n : rest.n + 1;
}

static bool match_whole(const struct part *parts, size_t count, struct str text, struct variables *v)
{
	if (!str_has_prefix(text, parts[0].literal))
		return false;
	struct str rest = str_from(text, parts[0].literal.n);
	for (size_t i = 1; i < count; i++) {
		size_t n = reach_whole(&parts[i], i + 1 == count, rest);
		if (n > rest.n || !bind(parts[i].open, str_first(rest, n), v))
			return false;
		rest = str_from(rest, n + parts[i].literal.n);
	}
	return rest.n == 0;
}

bool template_match(const struct template *t, struct str text, struct variables *v, struct arena *scratch)
{
	size_t count, bound = v->count;
	const struct part *parts = resolve(t, v, scratch, &count);
	bool matches = match_whole(parts, count, text, v);
	if (!matches)
		variables_roll_back(v, bound);
	return matches;
}

static enum template_result match_start(
	const struct part *parts, size_t count, struct str text, struct variables *v, size_t *used_r)
{
	struct str first = parts[0].literal;
	if (!str_has_prefix(text, first))
		return text.n < first.n && str_has_prefix(first, text) ? TEMPLATE_NEEDS_MORE : TEMPLATE_NO;
	struct str rest = str_from(text, first.n);
	for (size_t i = 1; i < count; i++) {
		size_t n = find(rest, parts[i].literal);
		if (n > rest.n)
			return TEMPLATE_NEEDS_MORE;
		if (!bind(parts[i].open, str_first(rest, n), v))
			return TEMPLATE_NO;
		rest = str_from(rest, n + parts[i].literal.n);
	}
	*used_r = text.n - rest.n;
	return TEMPLATE_YES;
}

enum template_result template_match_start(
	const struct template *t, struct str text, struct variables *v, struct arena *scratch, size_t *used_r)
{
	size_t count, bound = v->count;
	const struct part *parts = resolve(t, v, scratch, &count);
	enum template_result result = match_start(parts, count, text, v, used_r);
	if (result != TEMPLATE_YES)
		variables_roll_back(v, bound);
	return result;
}
