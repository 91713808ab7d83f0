/* Writing of failures. */
#include "cmd/scenario/failure.h"

#include "cmd/scenario/pretty.h"

#include <stdarg.h>
#include <stdio.h>

#define INDENT 4
/* Of one client's inbox. */
#define ITEMS_SHOWN 10

void failure_begin(struct buf *out, const struct scenario *s, const struct step *step, const char *fmt, va_list args)
{
	char text[1024];
	vsnprintf(text, sizeof(text), fmt, args);
	buf_printf(out, STR_FMT ":%u: " STR_FMT "\n  %s\n", STR_ARG(s->file), step->line, STR_ARG(step->text), text);
}

void failure_element(struct buf *out, const char *title, const struct xml_node *e)
{
	buf_printf(out, "  %s\n", title);
	pretty_element(out, e, INDENT);
}

void failure_bytes(struct buf *out, const char *title, struct str bytes)
{
	buf_printf(out, "  %s\n", title);
	pretty_bytes(out, bytes, INDENT);
}

static void write_inbox(struct buf *out, const struct client *c)
{
	size_t shown = 0;
	LIST_FOR_EACH(link, &c->inbox)
		if (shown++ < ITEMS_SHOWN)
			pretty_element(out, CONTAINER_OF(link, struct client_item, link)->root, INDENT);
	if (shown > ITEMS_SHOWN)
		buf_printf(out, "%*s… and %zu more\n", INDENT, "", shown - ITEMS_SHOWN);
}

void failure_unread(struct buf *out, const struct client *clients, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct client *c = &clients[i];
		struct str bytes = buf_str(&c->raw.in);
		if (list_is_empty(&c->inbox) && bytes.n == 0)
			continue;
		buf_printf(out, "  not looked at by " STR_FMT "\n", STR_ARG(c->definition->name));
		write_inbox(out, c);
		if (bytes.n)
			pretty_bytes(out, bytes, INDENT);
	}
}
