/* One element, read by us, by expat and by libxml2: what we accept, both accept as the same tree; what we refuse, one
 * of them refuses too, or it is a refusal of `is_documented`. What our writer makes of a tree is read by all three as
 * that tree. However the bytes are cut, the framer says the same. And the same again inside of a stream.
 *
 * Data that begins with < or white space is the element; other data is a recipe for one (recipe.h). */
#include "tests/fuzz/target.h"

#include "lib/xml/framer.h"
#include "lib/xml/parser.h"
#include "lib/xml/writer.h"
#include "tests/fuzz/oracles.h"
#include "tests/fuzz/recipe.h"

static unsigned long accepted, refused, refused_by_oracle, names_of_other_editions;

/* Larger than what anybody sends us; the oracles have no limits, so the parser's own are the only ones. */
static const struct xml_limits limits = {
	.bytes = 1 << 24,
	.depth = XML_DEPTH_MAX,
	.elements = 1 << 20,
	.attributes = XML_ATTRIBUTES_MAX,
	.declarations = 1 << 20,
	.name_bytes = 1 << 16,
	.uri_bytes = 1 << 16,
	.value_bytes = 1 << 20,
};

static NORETURN void disagree(const char *what, struct str text, const struct reading *x, const struct reading *y)
{
	fprintf(stderr, "%s\ntext: " STR_FMT "\n", what, STR_ARG(text));
	if (x)
		fprintf(stderr, "one: %d %s " STR_FMT "\n", x->code, x->why ? x->why : "", STR_ARG(buf_str(&x->form)));
	if (y)
		fprintf(stderr, "other: %d %s " STR_FMT "\n", y->code, y->why ? y->why : "",
			STR_ARG(buf_str(&y->form)));
	abort();
}

/* Our own trees. */

static struct str ns_of(const struct str *ns)
{
	return ns == &xml_ns_content ? STR("jabber:client") : *ns;
}

static void form_our_tag(struct reading *r, const struct xml_node *e)
{
	struct form_attr all[XML_ATTRIBUTES_MAX];
	form_open(r, ns_of(e->ns), xml_name(e));
	for (unsigned i = 0; i < e->attr_count; i++) {
		const struct xml_attr *a = &e->attrs[i];
		all[i].ns = a->ns ? *a->ns : (struct str){ 0 };
		all[i].name = str_make(a->name, a->name_n);
		all[i].value = str_make(a->value, a->value_n);
	}
	form_attrs(r, all, e->attr_count);
}

static void form_our_tree(struct reading *r, const struct xml_node *root)
{
	const struct xml_node *open[XML_DEPTH_MAX + 1];
	size_t depth = 0;
	for (const struct xml_node *n = root;;) {
		if (n && n->kind == XML_TEXT) {
			form_text(r, str_make(n->p, n->n));
			n = n->next;
		} else if (n) {
			form_our_tag(r, n);
			open[depth++] = n;
			n = n->children;
		} else {
			form_close(r);
			n = open[--depth];
			if (depth == 0)
				return;
			n = n->next;
		}
	}
}

/* Framing. */

struct framing {
	enum frame_kind kind;
	size_t at;
	struct frame frame;
};

/* The first item of `text`, fed in pieces whose lengths follow from `seed`; in one piece if that is 0. */
static struct framing frame_in_pieces(struct str text, uint32_t seed)
{
	struct framer f;
	struct framing r = { .kind = FRAME_MORE };
	framer_init(&f, FRAMER_ELEMENTS);
	while (text.n && r.kind == FRAME_MORE) {
		seed = seed * 1664525u + 1013904223u * (seed != 0);
		struct str piece = str_first(text, seed ? 1 + (seed >> 16) % (seed >> 28 ? 9 : 60) : text.n);
		framer_feed(&f, &limits, piece, &r.frame);
		r.kind = r.frame.kind;
		r.at += r.frame.skip + r.frame.take;
		text = str_from(text, r.frame.skip + r.frame.take);
	}
	return r;
}

static struct framing frame_all_ways(struct str text)
{
	struct framing whole = frame_in_pieces(text, 0);
	for (uint32_t seed = 1; seed < 4; seed++) {
		struct framing cut = frame_in_pieces(text, seed * 2654435761u ^ (uint32_t)text.n);
		if (cut.kind != whole.kind || cut.at != whole.at || cut.frame.error != whole.frame.error ||
			cut.frame.bytes != whole.frame.bytes || cut.frame.elements != whole.frame.elements ||
			cut.frame.attributes != whole.frame.attributes || cut.frame.texts != whole.frame.texts ||
			cut.frame.declarations != whole.frame.declarations || cut.frame.why != whole.frame.why)
			disagree("cut in other places, the framer says something else", text, NULL, NULL);
	}
	return whole;
}

/* Comparing. */

static bool contains(struct str text, struct str what)
{
	return text.p && memmem(text.p, text.n, what.p, what.n);
}

/* Refusals of what XML allows: docs/SECURITY.md, P1 and S4, and lib/xml/parser.h. */
static bool is_documented(int error, const char *why, struct str text)
{
	switch (-error) {
	case XML_RESTRICTED: return contains(text, STR("<!")) || contains(text, STR("<?")) || contains(text, STR("&"));
	case XML_LIMIT: return true;
	case XML_FORBIDDEN: return contains(text, STR("xml:"));
	case XML_NOT_WELL_FORMED:
		return str_eq(str_from_c(why), STR("a namespace that is no URI")) ||
			str_has_prefix(text, STR("\xEF\xBB\xBF"));
	default: return false;
	}
}

static bool is_ascii_only(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* expat knows the names of the fourth edition of XML 1.0 only; the fifth has more. */
static bool is_older_edition(const struct reading *expat, struct str text)
{
	return expat->code == XML_ERROR_INVALID_TOKEN && !is_ascii_only(text);
}

/* `ours` has been accepted, and was read from `text`. */
static void compare_with_oracles(struct str text, const struct reading *ours, const char *what)
{
	struct reading expat, libxml;
	reading_init(&expat);
	reading_init(&libxml);
	read_with_expat(text, &expat);
	read_with_libxml(text, &libxml);
	bool is_older = !expat.accepted && is_older_edition(&expat, text);
	names_of_other_editions += is_older;
	if (!is_older && (!expat.accepted || !str_eq(buf_str(&expat.form), buf_str(&ours->form))))
		disagree(what, text, ours, &expat);
	if (!libxml.accepted || !str_eq(buf_str(&libxml.form), buf_str(&ours->form)))
		disagree(what, text, ours, &libxml);
	reading_fini(&expat);
	reading_fini(&libxml);
}

static void compare_refusal(struct str text, int error, const char *why)
{
	/* Its entities could keep the oracles busy for ever. */
	if (error == -XML_RESTRICTED && contains(text, STR("<!D"))) {
		refused++;
		return;
	}
	struct reading expat, libxml;
	reading_init(&expat);
	reading_init(&libxml);
	read_with_expat(text, &expat);
	read_with_libxml(text, &libxml);
	bool by_oracle = !expat.accepted || !libxml.accepted;
	refused++;
	refused_by_oracle += by_oracle;
	if (!by_oracle && !is_documented(error, why, text))
		disagree(why, text, &expat, &libxml);
	reading_fini(&expat);
	reading_fini(&libxml);
}

static void check_written(const struct xml_node *root, const struct reading *ours)
{
	struct buf first, second;
	struct arena *a;
	const struct xml_node *again;
	const char *why;
	struct xml_dialect dialect = { .content = STR("jabber:client"), .declare = true };
	struct xml_scope scope = { .content = STR("jabber:client") };
	buf_init(&first, SIZE_MAX / 2);
	buf_init(&second, SIZE_MAX / 2);
	xml_write(&first, root, &dialect);
	compare_with_oracles(buf_str(&first), ours, "what we wrote is read differently");
	if (xml_parse_document(buf_str(&first), &limits, &scope, &a, &again, &why) != 0)
		disagree(why, buf_str(&first), ours, NULL);
	xml_write(&second, again, &dialect);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		disagree("written again, it is something else", buf_str(&second), NULL, NULL);
	arena_free(&a);
	buf_fini(&first);
	buf_fini(&second);
}

/* `framing` says that there is one element; 0 or the parser's error. */
static int parse_framed(const struct framing *framing, struct str text, const struct xml_scope *scope,
	struct arena **arena_r, const struct xml_node **root_r, const char **why_r)
{
	struct str element = str_first(str_from(text, framing->frame.skip), framing->frame.take);
	*arena_r = arena_new(xml_parse_bytes(&framing->frame), SIZE_MAX);
	int error = xml_parse(*arena_r, element, scope, NULL, root_r, why_r);
	if (error)
		arena_free(arena_r);
	return error;
}

static void check_alone(struct str text)
{
	struct framing framing = frame_all_ways(text);
	struct arena *a;
	const struct xml_node *root;
	const char *why = framing.frame.why;
	int error = framing.frame.error;
	struct str rest = str_from(text, framing.at);
	if (framing.kind == FRAME_MORE) {
		error = -XML_NOT_WELL_FORMED;
		why = "no whole element";
	} else if (framing.kind == FRAME_ELEMENT && str_trim(rest).n) {
		/* Something else follows, which is no part of it. */
		text = str_first(text, framing.at);
	}
	if (framing.kind == FRAME_ELEMENT)
		error = parse_framed(&framing, text, NULL, &a, &root, &why);
	if (error) {
		compare_refusal(text, error, why);
		return;
	}
	struct reading ours;
	reading_init(&ours);
	form_our_tree(&ours, root);
	compare_with_oracles(text, &ours, "we read it differently");
	check_written(root, &ours);
	accepted++;
	reading_fini(&ours);
	arena_free(&a);
}

/* The same element inside of a stream, whose header binds prefixes. */

#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p' "        \
	"xmlns:z='urn:z'>"
#define END "</stream:stream>"

static const struct xml_declaration declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
	{ STR_INIT("p"), STR_INIT("urn:p") },
	{ STR_INIT("z"), STR_INIT("urn:z") },
};

static const struct xml_scope scope = {
	.declarations = declarations,
	.count = ARRAY_LEN(declarations),
	.content = STR_INIT("jabber:client"),
};

static void check_in_stream(struct str text)
{
	struct framing framing = frame_in_pieces(text, 0);
	struct arena *a;
	const struct xml_node *root;
	const char *why;
	if (framing.kind != FRAME_ELEMENT)
		return;
	struct str element = str_first(str_from(text, framing.frame.skip), framing.frame.take);
	struct buf stream;
	buf_init(&stream, SIZE_MAX / 2);
	buf_lit(&stream, HEADER);
	buf_add(&stream, element);
	buf_lit(&stream, END);
	int error = parse_framed(&framing, text, &scope, &a, &root, &why);
	if (error) {
		compare_refusal(buf_str(&stream), error, why);
	} else {
		struct reading ours;
		reading_init(&ours);
		form_open(&ours, STR("http://etherx.jabber.org/streams"), STR("stream"));
		form_our_tree(&ours, root);
		form_close(&ours);
		compare_with_oracles(buf_str(&stream), &ours, "we read it differently in a stream");
		reading_fini(&ours);
		arena_free(&a);
	}
	buf_fini(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	bool is_text = n && (data[0] == '<' || data[0] == ' ' || data[0] == '\n' || data[0] == 0xEF);
	struct buf recipe;
	buf_init(&recipe, SIZE_MAX / 2);
	if (!is_text)
		recipe_write(data, n, &recipe);
	struct str text = is_text ? str_make(data, n) : buf_str(&recipe);
	check_alone(text);
	check_in_stream(text);
	buf_fini(&recipe);
	return 0;
}

int fuzz_report(void)
{
	printf("%lu accepted, %lu refused, %lu of them by an oracle; %lu names of a later edition than expat's\n",
		accepted, refused, refused_by_oracle, names_of_other_editions);
	/* Trees are compared only where there are some. */
	return accepted * 5 < accepted + refused;
}
