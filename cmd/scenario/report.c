/* Printing of results. */
#include "cmd/scenario/report.h"

#include "lib/base/utf8.h"
#include "lib/xml/node.h"
#include "lib/xml/writer.h"

static const char *const outcome_names[] = {
	[SCENARIO_PASSED] = "passed",
	[SCENARIO_FAILED] = "FAILED",
	[SCENARIO_SKIPPED] = "skipped",
};

static void add_seconds(struct buf *out, uint64_t ms)
{
	buf_printf(out, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

void report_case(struct buf *out, const struct report_case *c)
{
	buf_printf(out, "%-8s" STR_FMT " (", outcome_names[c->outcome], STR_ARG(c->name));
	add_seconds(out, c->ms);
	buf_lit(out, " s)");
	if (c->outcome == SCENARIO_SKIPPED)
		buf_printf(out, ": " STR_FMT, STR_ARG(c->text));
	buf_lit(out, "\n");
	if (c->outcome == SCENARIO_FAILED)
		buf_add(out, c->text);
}

static size_t count_of(const struct report_case *list, size_t count, enum scenario_outcome outcome)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += list[i].outcome == outcome;
	return n;
}

void report_sum(struct buf *out, const struct report_case *list, size_t count)
{
	buf_printf(out, "%zu passed, %zu failed, %zu skipped\n", count_of(list, count, SCENARIO_PASSED),
		count_of(list, count, SCENARIO_FAILED), count_of(list, count, SCENARIO_SKIPPED));
}

/* What XML cannot hold (a file's name may be anything) becomes a question mark. */
static void add_text(struct buf *out, struct str text)
{
	while (text.n) {
		struct str rest = text;
		if (utf8_take(&rest) < 0)
			rest = str_from(text, 1);
		struct str one = str_first(text, text.n - rest.n);
		xml_write_text(out, xml_is_text(one) ? one : STR("?"));
		text = rest;
	}
}

static void add_attribute(struct buf *out, const char *name, struct str value)
{
	buf_printf(out, " %s='", name);
	add_text(out, value);
	buf_lit(out, "'");
}

static void add_case(struct buf *out, const struct report_case *c)
{
	struct str rest = c->text, first;
	str_cut(&rest, '\n', &first);
	buf_lit(out, "<testcase");
	add_attribute(out, "name", c->name);
	buf_lit(out, " time='");
	add_seconds(out, c->ms);
	buf_lit(out, "'");
	if (c->outcome == SCENARIO_PASSED) {
		buf_lit(out, "/>\n");
		return;
	}
	const char *element = c->outcome == SCENARIO_FAILED ? "failure" : "skipped";
	buf_printf(out, "><%s", element);
	add_attribute(out, "message", first);
	buf_lit(out, ">");
	add_text(out, rest);
	buf_printf(out, "</%s></testcase>\n", element);
}

void report_junit(struct buf *out, struct str suite, const struct report_case *list, size_t count)
{
	buf_lit(out, "<?xml version='1.0' encoding='UTF-8'?>\n<testsuites><testsuite");
	add_attribute(out, "name", suite);
	buf_printf(out, " tests='%zu' failures='%zu' skipped='%zu'>\n", count,
		count_of(list, count, SCENARIO_FAILED), count_of(list, count, SCENARIO_SKIPPED));
	for (size_t i = 0; i < count; i++)
		add_case(out, &list[i]);
	buf_lit(out, "</testsuite></testsuites>\n");
}
