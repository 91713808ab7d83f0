/* The texts of the mistakes follow each other in one buffer; once there are too many, the last one is written over. */
#include "server/core/config_report.h"

#include "lib/base/fault.h"

#include <stdlib.h>

#define LINE_BYTES_MAX 4096

void config_report_init(struct config_report *r)
{
	r->count = 0;
	buf_init(&r->text, (CONFIG_MISTAKES_MAX + 1) * LINE_BYTES_MAX);
}

void config_report_fini(struct config_report *r)
{
	buf_fini(&r->text);
}

struct buf *config_mistake(struct config_report *r, struct config_place at)
{
	if (r->count <= CONFIG_MISTAKES_MAX)
		r->mistakes[r->count++] = (struct config_mistake){ at, buf_len(&r->text) };
	else
		buf_truncate(&r->text, r->mistakes[CONFIG_MISTAKES_MAX].start);
	return &r->text;
}

bool config_report_is_full(const struct config_report *r)
{
	return r->count > CONFIG_MISTAKES_MAX;
}

static struct str text_of(const struct config_report *r, const struct config_mistake *m)
{
	struct str text = str_from(buf_str(&r->text), m->start);
	return m + 1 < r->mistakes + r->count ? str_first(text, m[1].start - m->start) : text;
}

int config_place_cmp(struct config_place a, struct config_place b)
{
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return (a.column > b.column) - (a.column < b.column);
}

/* Those of one place in the order in which they were found. */
static int by_place(const void *x, const void *y)
{
	const struct config_mistake *a = *(const struct config_mistake *const *)x;
	const struct config_mistake *b = *(const struct config_mistake *const *)y;
	int order = config_place_cmp(a->at, b->at);
	return order ? order : (a > b) - (a < b);
}

static void write_line(const char *file, struct config_place at, struct str text, struct buf *errors)
{
	buf_printf(errors, "%s:%u:%u: ", file, at.line, at.column);
	buf_add(errors, text);
	buf_add_byte(errors, '\n');
}

void config_report_write(const struct config_report *r, const char *file, struct buf *errors)
{
	const struct config_mistake *sorted[CONFIG_MISTAKES_MAX];
	size_t told = r->count < CONFIG_MISTAKES_MAX ? r->count : CONFIG_MISTAKES_MAX;
	assert_always(!buf_failed(&r->text));
	for (size_t i = 0; i < told; i++)
		sorted[i] = &r->mistakes[i];
	qsort(sorted, told, sizeof(sorted[0]), by_place);
	for (size_t i = 0; i < told; i++)
		write_line(file, sorted[i]->at, text_of(r, sorted[i]), errors);
	if (told < r->count)
		write_line(file, r->mistakes[told].at, STR("this is a mistake, too; the rest is not told"), errors);
}
