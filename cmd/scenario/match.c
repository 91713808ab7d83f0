/* A search over goals. A goal says: this pattern is that element; or: these patterns are among those elements, each
 * another. The first kind has one outcome; the second is a choice, and the search comes back to the last choice when a
 * goal fails.
 *
 *     IS(pattern, element) ── head differs ──▶ back
 *          └── name, attributes, text agree ──▶ AMONG(children of both)
 *     AMONG(patterns, at = all of them) ──▶ done
 *     AMONG(patterns, at) ── for each element not used yet ──▶ IS(patterns[at], it), then AMONG(patterns, at + 1)
 *
 * Goals are lists that share their tails, so that going back is forgetting. */
#include "cmd/scenario/match.h"

#include "lib/base/utf8.h"
#include "lib/xmpp/ns.h"

#include <stdarg.h>
#include <stdio.h>

struct family {
	const struct pattern *const *patterns;
	size_t pattern_count;
	const struct xml_node *const *elements;
	size_t element_count;
	const struct xml_node *parent; /* NULL: they are stanzas */
	bool is_ordered;
};

/* Elements that have been taken, the last one first. */
struct used {
	const struct used *before;
	size_t index;
};

struct goal {
	const struct goal *next;
	const struct pattern *pattern; /* IS; NULL: AMONG */
	const struct xml_node *element;
	const struct family *family;
	size_t at;
	const struct used *used;
};

struct choice {
	struct choice *before;
	const struct goal *goal; /* AMONG */
	size_t from;             /* the element to go on with */
	size_t bound;            /* variables */
	size_t solved;
};

struct search {
	struct match *match;
	struct arena *scratch;
	const struct goal *goals;
	struct choice *choices;
	size_t steps, solved, furthest;
	char why[512]; /* of the attempt that came furthest */
};

/* What differs. */

static void PRINTF_LIKE(2, 3) differ(struct search *s, const char *fmt, ...)
{
	if (s->why[0] && s->solved < s->furthest)
		return;
	va_list args;
	va_start(args, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, args);
	va_end(args);
	s->furthest = s->solved;
}

static struct str shown(struct str value)
{
	return utf8_first(value, 100);
}

/* The head: name, attributes, text. */

static bool is_stanza(const struct xml_node *e)
{
	return str_eq(xml_ns(e), NS_CONTENT);
}

/* Attributes that need not be named. */
static bool is_implied(const struct search *s, const struct xml_node *e, bool is_top, const struct xml_attr *a)
{
	const struct jid *self = s->match->self;
	struct str name = str_make(a->name, a->name_n), value = str_make(a->value, a->value_n);
	if (a->ns)
		return str_eq(*a->ns, NS_XML) && str_eq(name, STR("lang"));
	if (xml_is(e, NS_DELAY, STR("delay")) && str_eq(name, STR("from")))
		return self && (str_eq(value, jid_domain(self)) || str_eq(value, jid_bare(self)));
	if (xml_is(e, NS_ROSTER, STR("query")))
		return str_eq(name, STR("ver"));
	if (!is_top || !is_stanza(e))
		return false;
	if (str_eq(name, STR("to")))
		return !self || str_eq(value, jid_full(self)) || str_eq(value, jid_bare(self));
	return str_eq(name, STR("from")) && str_eq(xml_name(e), STR("iq")) && self && str_eq(value, jid_bare(self));
}

static const struct pattern_attribute *find_named(const struct pattern *p, const struct xml_attr *a)
{
	for (size_t i = 0; i < p->attribute_count; i++) {
		const struct pattern_attribute *named = &p->attributes[i];
		if (str_eq(named->name, str_make(a->name, a->name_n)) && str_eq(named->ns, a->ns ? *a->ns : STR("")))
			return named;
	}
	return NULL;
}

static bool match_attribute(struct search *s, const struct pattern *p, const struct xml_node *e, size_t i)
{
	const struct pattern_attribute *named = &p->attributes[i];
	struct str value = xml_attr_ns(e, named->ns, named->name);
	if (!value.p) {
		differ(s, "<" STR_FMT "/> has no attribute " STR_FMT, STR_ARG(xml_name(e)), STR_ARG(named->name));
		return false;
	}
	if (template_match(&named->value, value, s->match->variables, s->scratch))
		return true;
	differ(s, "the attribute " STR_FMT " of <" STR_FMT "/> is \"" STR_FMT "\"", STR_ARG(named->name),
		STR_ARG(xml_name(e)), STR_ARG(shown(value)));
	return false;
}

static bool match_attributes(struct search *s, const struct pattern *p, const struct xml_node *e, bool is_top)
{
	for (size_t i = 0; i < p->attribute_count; i++)
		if (!match_attribute(s, p, e, i))
			return false;
	for (size_t i = 0; i < e->attr_count; i++) {
		const struct xml_attr *a = &e->attrs[i];
		if (find_named(p, a) || is_implied(s, e, is_top, a))
			continue;
		/* A stanza for somebody else is wrong whatever else it may have. */
		bool is_address = is_top && is_stanza(e) && !a->ns && str_eq(str_make(a->name, a->name_n), STR("to"));
		if (p->has_more && !is_address)
			continue;
		differ(s, "<" STR_FMT "/> has an attribute " STR_FMT ", \"" STR_FMT "\", that is not expected",
			STR_ARG(xml_name(e)), STR_ARG(str_make(a->name, a->name_n)),
			STR_ARG(shown(str_make(a->value, a->value_n))));
		return false;
	}
	return true;
}

static bool match_text(struct search *s, const struct pattern *p, const struct xml_node *e)
{
	struct str text = xml_text(e, s->scratch);
	if (p->is_trimmed || xml_first(e))
		text = str_trim(text);
	if (p->text.count == 0 && (p->has_more || xml_is(e, NS_DELAY, STR("delay"))))
		return true;
	if (template_match(&p->text, text, s->match->variables, s->scratch))
		return true;
	differ(s, "the text of <" STR_FMT "/> is \"" STR_FMT "\"", STR_ARG(xml_name(e)), STR_ARG(shown(text)));
	return false;
}

static bool match_head(struct search *s, const struct pattern *p, const struct xml_node *e, bool is_top)
{
	if (!xml_is(e, xml_ns(p->element), xml_name(p->element))) {
		differ(s, "it is <" STR_FMT "/> in the namespace " STR_FMT ", not <" STR_FMT "/>", STR_ARG(xml_name(e)),
			STR_ARG(is_stanza(e) ? NS_CLIENT : xml_ns(e)), STR_ARG(xml_name(p->element)));
		return false;
	}
	return match_attributes(s, p, e, is_top) && match_text(s, p, e);
}

/* Children. */

static const struct family *family_of(struct search *s, const struct pattern *p, const struct xml_node *e)
{
	struct family *f = arena_zalloc(s->scratch, sizeof(*f));
	const struct xml_node **elements = arena_alloc(s->scratch, xml_child_count(e) * sizeof(struct xml_node *));
	XML_FOR_EACH_CHILD(child, e)
		elements[f->element_count++] = child;
	f->elements = elements;
	f->patterns = p->children;
	f->pattern_count = p->child_count;
	f->parent = e;
	f->is_ordered = p->is_ordered;
	return f;
}

static bool has_pattern_for(const struct pattern *p, const struct xml_node *child)
{
	for (size_t i = 0; i < p->child_count; i++)
		if (xml_is(child, xml_ns(p->children[i]->element), xml_name(p->children[i]->element)))
			return true;
	return false;
}

/* Names the surplus if a name alone shows it. */
static void differ_in_count(struct search *s, const struct pattern *p, const struct family *f)
{
	for (size_t i = 0; i < f->element_count; i++) {
		const struct xml_node *child = f->elements[i];
		if (!has_pattern_for(p, child)) {
			differ(s, "<" STR_FMT "/> has a child <" STR_FMT "/> that is not expected",
				STR_ARG(xml_name(f->parent)), STR_ARG(xml_name(child)));
			return;
		}
	}
	differ(s, "<" STR_FMT "/> has %zu children, not %zu", STR_ARG(xml_name(f->parent)), f->element_count,
		f->pattern_count);
}

static struct goal *push(struct search *s)
{
	struct goal *g = arena_zalloc(s->scratch, sizeof(*g));
	g->next = s->goals;
	s->goals = g;
	return g;
}

static bool solve_is(struct search *s, const struct goal *g)
{
	const struct pattern *p = g->pattern;
	if (!match_head(s, p, g->element, !g->family->parent))
		return false;
	const struct family *f = family_of(s, p, g->element);
	if (f->element_count < f->pattern_count || (f->element_count > f->pattern_count && !p->has_more)) {
		differ_in_count(s, p, f);
		return false;
	}
	s->solved++;
	push(s)->family = f;
	return true;
}

static bool is_used(const struct used *u, size_t index)
{
	for (; u; u = u->before)
		if (u->index == index)
			return true;
	return false;
}

/* Of children, those of the right name. A stanza of another name is tried, for what differs is worth telling then. */
static bool is_candidate(const struct goal *g, size_t index)
{
	const struct family *f = g->family;
	const struct xml_node *named = f->patterns[g->at]->element;
	return !is_used(g->used, index) && (!f->parent || xml_is(f->elements[index], xml_ns(named), xml_name(named)));
}

/* The next element for the pattern of an AMONG; element_count if there is none. */
static size_t next_candidate(const struct goal *g, size_t from)
{
	if (g->family->is_ordered && g->used && from <= g->used->index)
		from = g->used->index + 1;
	while (from < g->family->element_count && !is_candidate(g, from))
		from++;
	return from;
}

static bool solve_among(struct search *s, const struct goal *g, size_t from)
{
	const struct family *f = g->family;
	if (g->at == f->pattern_count)
		return true;
	size_t index = next_candidate(g, from);
	if (index == f->element_count) {
		if (from == 0)
			differ(s, "<" STR_FMT "/> is missing, or too few of it",
				STR_ARG(xml_name(f->patterns[g->at]->element)));
		return false;
	}
	struct choice *c = arena_zalloc(s->scratch, sizeof(*c));
	*c = (struct choice){ s->choices, g, index + 1, s->match->variables->count, s->solved };
	s->choices = c;
	struct used *u = arena_alloc(s->scratch, sizeof(*u));
	*u = (struct used){ g->used, index };
	struct goal *rest = push(s);
	rest->family = f;
	rest->at = g->at + 1;
	rest->used = u;
	struct goal *is = push(s);
	is->pattern = f->patterns[g->at];
	is->element = f->elements[index];
	is->family = f;
	return true;
}

/* Another way at the last choice. */
static bool go_back(struct search *s)
{
	while (s->choices) {
		const struct choice *c = s->choices;
		s->choices = c->before;
		s->goals = c->goal->next;
		s->solved = c->solved;
		variables_roll_back(s->match->variables, c->bound);
		if (solve_among(s, c->goal, c->from))
			return true;
	}
	return false;
}

static bool solve(struct search *s)
{
	while (s->goals) {
		if (++s->steps > MATCH_STEPS_MAX) {
			s->furthest = 0;
			differ(s, "there are too many ways to compare it");
			return false;
		}
		const struct goal *g = s->goals;
		s->goals = g->next;
		if (!(g->pattern ? solve_is(s, g) : solve_among(s, g, 0)) && !go_back(s))
			return false;
	}
	return true;
}

bool match_set(struct match *m, const struct pattern *const *p, const struct xml_node *const *e, size_t count)
{
	struct search s = { .match = m, .scratch = arena_new(4096, SIZE_MAX / 2) };
	struct family f = { .patterns = p, .pattern_count = count, .elements = e, .element_count = count };
	size_t bound = m->variables->count;
	m->why = STR("");
	push(&s)->family = &f;
	bool matches = solve(&s);
	if (matches)
		variables_keep(m->variables, bound, m->arena);
	else
		variables_roll_back(m->variables, bound);
	if (!matches)
		m->why = arena_dup(m->arena, str_from_c(s.why));
	arena_free(&s.scratch);
	return matches;
}

bool match_element(struct match *m, const struct pattern *p, const struct xml_node *e)
{
	return match_set(m, &p, &e, 1);
}
