/* Values of options: read, checked against their bounds, formatted. To add a kind: a reader with the sentence it fails
 * with, and a line in `readers` and in option_print_type(). */
#include "server/core/option.h"

#include "lib/base/fault.h"
#include "server/core/config_words.h"

#define DURATION_HINT "; write a number and its unit without a space: 500ms, 10s, 5m, 24h, 7d, or 0"
#define SIZE_HINT "; write a number of bytes or a number and its unit without a space: 512, 64KiB, 1MiB, 2GiB"

/* Largest first. */
struct unit {
	struct str name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{ STR_INIT("d"), 24 * 3600 * 1000 },
	{ STR_INIT("h"), 3600 * 1000 },
	{ STR_INIT("m"), 60 * 1000 },
	{ STR_INIT("s"), 1000 },
	{ STR_INIT("ms"), 1 },
};

static const struct unit sizes[] = {
	{ STR_INIT("TiB"), UINT64_C(1) << 40 },
	{ STR_INIT("GiB"), 1 << 30 },
	{ STR_INIT("MiB"), 1 << 20 },
	{ STR_INIT("KiB"), 1 << 10 },
	{ STR_INIT(""), 1 },
};

static size_t count_digits(struct str s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

static int parse_quantity(struct str text, const struct unit *units, size_t unit_count, uint64_t *value_r)
{
	size_t digits = count_digits(text);
	uint64_t factor = 0, number, value;
	for (size_t i = 0; i < unit_count; i++)
		if (str_eq(units[i].name, str_from(text, digits)))
			factor = units[i].factor;
	if (digits == 0 || factor == 0)
		return -EOPTION_FORM;
	if (!str_parse_u64(str_first(text, digits), UINT64_MAX, &number) ||
		__builtin_mul_overflow(number, factor, &value))
		return -EOPTION_RANGE;
	*value_r = value;
	return 0;
}

static void format_quantity(struct buf *b, const struct unit *units, uint64_t value)
{
	if (value == 0) {
		buf_add_byte(b, '0');
		return;
	}
	while (value % units->factor != 0)
		units++;
	buf_add_u64(b, value / units->factor);
	buf_add(b, units->name);
}

int option_parse_duration(struct str text, uint64_t *ms_r)
{
	if (str_eq(text, STR("0"))) {
		*ms_r = 0;
		return 0;
	}
	return parse_quantity(text, durations, ARRAY_LEN(durations), ms_r);
}

int option_parse_size(struct str text, uint64_t *bytes_r)
{
	return parse_quantity(text, sizes, ARRAY_LEN(sizes), bytes_r);
}

void option_format_duration(struct buf *b, uint64_t ms)
{
	format_quantity(b, durations, ms);
}

void option_format_size(struct buf *b, uint64_t bytes)
{
	format_quantity(b, sizes, bytes);
}

int option_parse_bool(struct str text, bool *value_r)
{
	static const struct str words[][2] = {
		{ STR_INIT("off"), STR_INIT("on") },
		{ STR_INIT("no"), STR_INIT("yes") },
		{ STR_INIT("false"), STR_INIT("true") },
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		for (unsigned value = 0; value < 2; value++) {
			if (str_eq_nocase(text, words[i][value])) {
				*value_r = value;
				return 0;
			}
		}
	}
	return -EOPTION_FORM;
}

static int parse_int(struct str text, int64_t *value_r)
{
	bool negative = text.n && text.p[0] == '-';
	struct str digits = str_from(text, negative);
	uint64_t magnitude;
	if (digits.n == 0 || count_digits(digits) != digits.n)
		return -EOPTION_FORM;
	if (!str_parse_u64(digits, (uint64_t)INT64_MAX + negative, &magnitude))
		return -EOPTION_RANGE;
	*value_r = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return 0;
}

const struct option *option_find(const struct option *table, struct str name)
{
	for (; table->kind != OPTION_END; table++)
		if (str_eq(str_from_c(table->name), name))
			return table;
	return NULL;
}

static bool has_bounds(const struct option *o)
{
	return o->min != 0 || o->max != 0;
}

static int64_t lower_bound(const struct option *o)
{
	if (has_bounds(o))
		return o->min;
	return o->kind == OPTION_INT ? INT64_MIN : 0;
}

static int64_t upper_bound(const struct option *o)
{
	if (has_bounds(o))
		return o->max;
	if (o->kind == OPTION_INT)
		return INT64_MAX;
	return o->kind == OPTION_DURATION ? OPTION_DURATION_MS_MAX : OPTION_SIZE_BYTES_MAX;
}

/* A number in the notation of its kind. */
static void format_number(const struct option *o, int64_t value, struct buf *b)
{
	if (o->kind == OPTION_DURATION)
		option_format_duration(b, (uint64_t)value);
	else if (o->kind == OPTION_SIZE)
		option_format_size(b, (uint64_t)value);
	else
		buf_printf(b, "%lld", (long long)value);
}

static void format_bounds(const struct option *o, struct buf *b)
{
	format_number(o, lower_bound(o), b);
	buf_lit(b, " to ");
	format_number(o, upper_bound(o), b);
}

static int out_of_range(const struct option *o, struct str text, struct buf *why)
{
	config_quote(why, text);
	buf_lit(why, " is out of range: ");
	format_bounds(o, why);
	return -1;
}

static int not_a(struct str text, const char *what, struct buf *why)
{
	config_quote(why, text);
	buf_printf(why, " is not %s", what);
	return -1;
}

static int read_bool(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	(void)a, (void)o;
	if (option_parse_bool(text, field) == 0)
		return 0;
	buf_lit(why, "expected 'on' or 'off', not ");
	config_quote(why, text);
	return -1;
}

static int read_int(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	(void)a;
	int64_t value;
	int r = parse_int(text, &value);
	if (r == -EOPTION_FORM)
		return not_a(text, "a whole number", why);
	if (r != 0 || value < lower_bound(o) || value > upper_bound(o))
		return out_of_range(o, text, why);
	*(int64_t *)field = value;
	return 0;
}

static int read_duration(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	(void)a;
	uint64_t ms;
	int r = option_parse_duration(text, &ms);
	if (r == -EOPTION_FORM)
		return not_a(text, "a duration" DURATION_HINT, why);
	if (r != 0 || ms < (uint64_t)lower_bound(o) || ms > (uint64_t)upper_bound(o))
		return out_of_range(o, text, why);
	*(uint64_t *)field = ms;
	return 0;
}

static int read_size(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	(void)a;
	uint64_t bytes;
	int r = option_parse_size(text, &bytes);
	if (r == -EOPTION_FORM)
		return not_a(text, "a size" SIZE_HINT, why);
	if (r != 0 || bytes < (uint64_t)lower_bound(o) || bytes > (uint64_t)upper_bound(o))
		return out_of_range(o, text, why);
	*(uint64_t *)field = bytes;
	return 0;
}

static int read_text(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	(void)o, (void)why;
	*(struct str *)field = arena_dup(a, text);
	return 0;
}

static int read_path(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	return text.n ? read_text(a, o, text, field, why) : not_a(text, "a path", why);
}

/* "a", "b" or "c", each between two marks. */
static void print_choices(const struct option *o, char mark, struct buf *b)
{
	for (size_t i = 0; o->choices[i]; i++) {
		if (i)
			buf_add(b, o->choices[i + 1] ? STR(", ") : STR(" or "));
		buf_printf(b, "%c%s%c", mark, o->choices[i], mark);
	}
}

static int read_choice(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why)
{
	(void)a;
	struct nearest nearest = nearest_to(text);
	for (int i = 0; o->choices[i]; i++) {
		if (str_eq(str_from_c(o->choices[i]), text)) {
			*(int *)field = i;
			return 0;
		}
		nearest_consider(&nearest, str_from_c(o->choices[i]));
	}
	buf_lit(why, "expected ");
	print_choices(o, '\'', why);
	buf_lit(why, ", not ");
	config_quote(why, text);
	if (o->choices[0] && o->choices[1])
		config_nearest_print(&nearest, why);
	return -1;
}

/* `field` has the type of the kind. */
typedef int reader(struct arena *a, const struct option *o, struct str text, void *field, struct buf *why);

static reader *const readers[] = {
	[OPTION_BOOL] = read_bool,
	[OPTION_INT] = read_int,
	[OPTION_DURATION] = read_duration,
	[OPTION_SIZE] = read_size,
	[OPTION_TEXT] = read_text,
	[OPTION_PATH] = read_path,
	[OPTION_CHOICE] = read_choice,
};

int option_read(struct arena *a, const struct option *o, struct str text, void *conf, struct buf *why)
{
	return readers[o->kind](a, o, text, (char *)conf + o->offset, why);
}

void option_set_defaults(struct arena *a, const struct option *table, void *conf)
{
	struct buf why;
	buf_init(&why, 1024);
	for (; table->kind != OPTION_END; table++)
		if (table->fallback)
			assert_always(option_read(a, table, str_from_c(table->fallback), conf, &why) == 0);
	buf_fini(&why);
}

void option_print_type(const struct option *o, struct buf *b)
{
	switch (o->kind) {
	case OPTION_BOOL: buf_lit(b, "`on` or `off`"); break;
	case OPTION_INT: buf_lit(b, "number"); break;
	case OPTION_DURATION: buf_lit(b, "duration"); break;
	case OPTION_SIZE: buf_lit(b, "size"); break;
	case OPTION_TEXT: buf_lit(b, "text"); break;
	case OPTION_PATH: buf_lit(b, "path"); break;
	case OPTION_CHOICE: print_choices(o, '`', b); break;
	case OPTION_END: break;
	}
	if (has_bounds(o)) {
		buf_lit(b, ", ");
		format_bounds(o, b);
	}
}

void option_print_fallback(const struct option *o, struct buf *b)
{
	uint64_t value;
	if (!o->fallback)
		return;
	struct str text = str_from_c(o->fallback);
	buf_add_byte(b, '`');
	if (o->kind == OPTION_DURATION && option_parse_duration(text, &value) == 0)
		option_format_duration(b, value);
	else if (o->kind == OPTION_SIZE && option_parse_size(text, &value) == 0)
		option_format_size(b, value);
	else
		buf_add(b, text.n ? text : STR("''"));
	buf_add_byte(b, '`');
}
