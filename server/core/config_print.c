/* The references of options and modules, in Markdown, from the tables that the reader works with. */
#include "server/core/config_sections.h"

/* Inside a table a bar would begin the next cell. */
static void print_cell(struct buf *b, struct str text)
{
	struct str part;
	while (str_cut(&text, '|', &part)) {
		buf_add(b, part);
		buf_lit(b, "\\|");
	}
	buf_add(b, part);
}

static void print_options(struct buf *b, const struct option *table)
{
	buf_lit(b, "| option | value | default | meaning |\n| --- | --- | --- | --- |\n");
	for (; table->kind != OPTION_END; table++) {
		buf_printf(b, "| `%s` | ", table->name);
		option_print_type(table, b);
		buf_lit(b, " | ");
		option_print_fallback(table, b);
		buf_lit(b, " | ");
		print_cell(b, str_from_c(table->help));
		buf_lit(b, " |\n");
	}
}

static void print_section(struct buf *b, const struct config_section *s)
{
	buf_printf(b, "\n## %s\n\n%s. Left out: %s.\n\n```yaml\n%s: %s\n```\n", s->name, s->help, s->fallback, s->name,
		s->example);
	if (s->options) {
		buf_add_byte(b, '\n');
		print_options(b, s->options);
	}
}

/* "[XEP-0199](https://…) 2.0.1", or what the version says. */
static void print_specification(struct buf *b, const struct module *m)
{
	if (m->xep)
		buf_printf(b, "[XEP-%04u](https://xmpp.org/extensions/xep-%04u.html) ", m->xep, m->xep);
	print_cell(b, str_from_c(m->version));
}

static void print_module_options(struct buf *b, const struct module *m)
{
	buf_printf(b, "\n### %s\n\n%s (", m->name, m->summary);
	print_specification(b, m);
	buf_lit(b, ").\n\n");
	print_options(b, m->options);
}

void config_print_reference(struct buf *b, const struct module *const *modules)
{
	buf_lit(b,
		"# Options\n\n"
		"The configuration is a YAML file, named with `--config FILE`. All of it may be left out.\n"
		"`linnet check-config` tells each mistake with its line and column.\n\n"
		"A duration is a number and its unit: `500ms`, `10s`, `5m`, `24h`, `7d`, or `0`. A size is a number\n"
		"of bytes, or one with a unit: `512`, `64KiB`, `1MiB`, `2GiB`. For `on` and `off` also `yes` and\n"
		"`no`, `true` and `false` may be written. A relative path begins at the folder of the configuration\n"
		"file.\n\n"
		"## General\n\n");
	print_options(b, config_general);
	for (const struct config_section *s = config_sections; s->name; s++)
		print_section(b, s);
	for (; *modules; modules++)
		if ((*modules)->options)
			print_module_options(b, *modules);
}

void config_print_modules(struct buf *b, const struct module *const *modules)
{
	buf_lit(b,
		"# Modules\n\n"
		"All are on. In the configuration, `off` switches one off that others can do without:\n"
		"`modules: { NAME: off }`. Their options are in [OPTIONS.md](OPTIONS.md).\n\n"
		"| module | specification | what it does |\n| --- | --- | --- |\n");
	for (; *modules; modules++) {
		buf_printf(b, "| `%s` | ", (*modules)->name);
		print_specification(b, *modules);
		buf_lit(b, " | ");
		print_cell(b, str_from_c((*modules)->summary));
		buf_add(b, (*modules)->required ? STR("; always on |\n") : STR(" |\n"));
	}
}
