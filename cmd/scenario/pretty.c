/* Printing of what was expected and what was received. */
#include "cmd/scenario/pretty.h"

#include "lib/base/utf8.h"
#include "lib/stream/header.h"
#include "lib/xml/writer.h"

#define LINE_BYTES  110
#define TEXT_BYTES  200
#define BYTES_SHOWN 400
#define STEP        2

static void add_indent(struct buf *out, size_t n)
{
	while (n--)
		buf_add_byte(out, ' ');
}

/* An element that is open, and its next child. */
struct place {
	const struct xml_node *e, *next;
};

static void write_open(struct buf *out, const struct xml_node *e)
{
	xml_write_open(out, e, &STREAM_DIALECT);
}

static void write_text(struct buf *out, struct str text)
{
	xml_write_text(out, utf8_first(text, TEXT_BYTES));
	if (text.n > TEXT_BYTES)
		buf_printf(out, "… (%zu bytes)", text.n);
}

/* True if the whole element fits into one line, which has been written then. */
static bool write_short(struct buf *out, const struct xml_node *e, size_t indent)
{
	struct buf line;
	buf_init(&line, LINE_BYTES);
	xml_write(&line, e, &STREAM_DIALECT);
	bool fits = !buf_failed(&line) && buf_len(&line) + indent <= LINE_BYTES;
	if (fits)
		buf_add(out, buf_str(&line));
	buf_fini(&line);
	return fits;
}

/* True if it has children, which follow. */
static bool write_head(struct buf *out, const struct xml_node *e, size_t indent)
{
	add_indent(out, indent);
	if (write_short(out, e, indent)) {
		buf_lit(out, "\n");
		return false;
	}
	write_open(out, e);
	if (xml_first(e)) {
		buf_lit(out, ">\n");
		return true;
	}
	buf_lit(out, ">");
	for (const struct xml_node *text = e->children; text; text = text->next)
		write_text(out, str_make(text->p, text->n));
	xml_write_close(out, e);
	buf_lit(out, "\n");
	return false;
}

static void write_inner_text(struct buf *out, const struct xml_node *text, size_t indent)
{
	struct str s = str_trim(str_make(text->p, text->n));
	if (s.n == 0)
		return;
	add_indent(out, indent);
	write_text(out, s);
	buf_lit(out, "\n");
}

void pretty_element(struct buf *out, const struct xml_node *e, size_t indent)
{
	struct place stack[XML_DEPTH_MAX];
	size_t depth = 0;
	if (write_head(out, e, indent))
		stack[depth++] = (struct place){ e, e->children };
	while (depth) {
		struct place *p = &stack[depth - 1];
		const struct xml_node *node = p->next;
		if (!node) {
			depth--;
			add_indent(out, indent + depth * STEP);
			xml_write_close(out, p->e);
			buf_lit(out, "\n");
			continue;
		}
		p->next = node->next;
		if (node->kind == XML_TEXT)
			write_inner_text(out, node, indent + depth * STEP);
		else if (depth < XML_DEPTH_MAX && write_head(out, node, indent + depth * STEP))
			stack[depth++] = (struct place){ node, node->children };
	}
}

void pretty_bytes(struct buf *out, struct str bytes, size_t indent)
{
	add_indent(out, indent);
	buf_lit(out, "\"");
	for (size_t i = 0; i < bytes.n && i < BYTES_SHOWN; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		if (c == '\n')
			buf_lit(out, "\\n");
		else if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			buf_printf(out, "\\x%02x", c);
		else
			buf_add_byte(out, (char)c);
	}
	buf_lit(out, "\"");
	if (bytes.n > BYTES_SHOWN)
		buf_printf(out, " … (%zu bytes)", bytes.n);
	buf_lit(out, "\n");
}
