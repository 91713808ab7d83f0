/* Tests of lib/base/log.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/base/dies.h"
#include "lib/base/log.h"
#include "lib/base/utf8.h"

#define LONGEST 2048

/* Keeps the last line. */
struct capture {
	char text[LONGEST + 1];
	size_t n;
	enum log_level level;
	unsigned lines;
};

static void capture_line(void *ctx, enum log_level level, struct str line)
{
	struct capture *c = ctx;
	assert_true(line.n <= LONGEST);
	memcpy(c->text, line.p, line.n);
	c->text[line.n] = 0;
	c->n = line.n;
	c->level = level;
	c->lines++;
}

static void describe_connection(const struct log *log, struct buf *b)
{
	(void)log;
	buf_lit(b, "c2s=1f03");
}

struct session {
	struct log log;
	struct str user;
};

static void describe_user(const struct log *log, struct buf *b)
{
	buf_lit(b, "user=");
	buf_add(b, CONTAINER_OF_CONST(log, struct session, log)->user);
}

static void describe_nothing(const struct log *log, struct buf *b)
{
	(void)log, (void)b;
}

struct fixture {
	struct capture capture;
	struct log_sink sink;
	struct log root, connection;
	struct session session;
};

static void set_up(struct fixture *f, struct str user)
{
	f->capture = (struct capture){ 0 };
	f->sink = (struct log_sink){ capture_line, &f->capture, LOG_LEVEL_INFO };
	f->root = (struct log){ &f->sink, NULL, NULL };
	f->connection = log_child(&f->root, describe_connection);
	f->session = (struct session){ log_child(&f->connection, describe_user), user };
}

static void contexts_stand_before_the_message_outermost_first(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, STR("romeo@im.example"));
	log_info(&f.session.log, "closed reason=%s after=%d", "ping-timeout", 30);
	assert_string_equal(f.capture.text, "c2s=1f03 user=romeo@im.example closed reason=ping-timeout after=30");
	assert_int_equal(f.capture.level, LOG_LEVEL_INFO);
	log_error(&f.root, "no context");
	assert_string_equal(f.capture.text, "no context");
	assert_int_equal(f.capture.level, LOG_LEVEL_ERROR);
}

static void empty_context_leaves_no_space(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, STR("x"));
	struct log silent = log_child(&f.connection, describe_nothing);
	log_warn(&silent, "m");
	assert_string_equal(f.capture.text, "c2s=1f03 m");
}

static void lines_above_the_level_are_not_built(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, STR("x"));
	int evaluated = 0;
	log_debug(&f.root, "%d", ++evaluated);
	log_write(&f.root, LOG_LEVEL_DEBUG, "%d", 1);
	assert_int_equal(evaluated, 0);
	assert_int_equal(f.capture.lines, 0);
	f.sink.level = LOG_LEVEL_DEBUG;
	log_debug(&f.root, "%d", ++evaluated);
	assert_int_equal(evaluated, 1);
	assert_int_equal(f.capture.lines, 1);
}

static void hostile_bytes_are_escaped_in_context_and_message(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, STR("a\nb\0c\x7f"));
	log_info(&f.session.log, "\r\x1b[31m %s \t", "\xff\xc0\xaf\xc3");
	assert_string_equal(f.capture.text,
		"c2s=1f03 user=a\\x0ab\\x00c\\x7f \\x0d\\x1b[31m \\xff\\xc0\\xaf\\xc3 \\x09");
}

static void unsafe_code_points_are_escaped_and_others_kept(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, STR("x"));
	/* NEL (a C1 control), LINE SEPARATOR, RIGHT-TO-LEFT OVERRIDE, FIRST STRONG ISOLATE */
	log_info(&f.root, "%s", "\xc2\x85 \xe2\x80\xa8 \xe2\x80\xae \xe2\x81\xa8");
	assert_string_equal(f.capture.text, "\\xc2\\x85 \\xe2\\x80\\xa8 \\xe2\\x80\\xae \\xe2\\x81\\xa8");
	/* NO-BREAK SPACE is the first after C1; e acute, euro, a smile */
	log_info(&f.root, "%s", "\xc2\xa0 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 ~");
	assert_string_equal(f.capture.text, "\xc2\xa0 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 ~");
}

static bool ends_with_cut(const struct capture *c)
{
	return str_has_suffix(str_make(c->text, c->n), STR("\xe2\x80\xa6"));
}

/* Messages of every length around the limit, of characters of one to four bytes and of escapes. */
static void long_message_is_cut_at_a_code_point_and_marked(void **state)
{
	(void)state;
	static const char *const units[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff", "\xc2\x85" };
	static const size_t written[] = { 1, 2, 3, 4, 4, 8 };
	struct fixture f;
	set_up(&f, STR("x"));
	static char message[4 * LONGEST];
	for (size_t unit = 0; unit < ARRAY_LEN(units); unit++) {
		for (size_t lead = 0; lead < 8; lead++) {
			memset(message, 'a', lead);
			size_t n = lead, out = lead;
			while (n < sizeof(message) - 8) {
				memcpy(message + n, units[unit], strlen(units[unit]));
				n += strlen(units[unit]);
				message[n] = 0;
				out += written[unit];
				if (out < LONGEST - 20 || (out > LONGEST + 20 && n < sizeof(message) - 20))
					continue;
				log_info(&f.root, "%s", message);
				assert_true(utf8_is_valid(str_make(f.capture.text, f.capture.n)));
				if (out <= LONGEST - 3) {
					assert_int_equal(f.capture.n, out);
					assert_false(ends_with_cut(&f.capture));
				} else {
					assert_in_range(f.capture.n, LONGEST - 8, LONGEST);
					assert_true(ends_with_cut(&f.capture));
				}
			}
		}
	}
}

static void long_context_leaves_room_for_the_message(void **state)
{
	(void)state;
	static char name[20000];
	memset(name, 'n', sizeof(name));
	static const size_t lengths[] = { 990, 1000, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 3071, 8180, 20000 };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct fixture f;
		set_up(&f, str_make(name, lengths[i]));
		log_info(&f.session.log, "closed reason=%s", "bored");
		assert_true(str_has_prefix(str_make(f.capture.text, f.capture.n), STR("c2s=1f03 user=")));
		assert_true(str_has_suffix(str_make(f.capture.text, f.capture.n), STR(" closed reason=bored")));
		bool is_cut = strstr(f.capture.text, "\xe2\x80\xa6 closed") != NULL;
		assert_int_equal(is_cut, lengths[i] > 1007);
		if (!is_cut)
			assert_int_equal(f.capture.n, strlen("c2s=1f03 user= closed reason=bored") + lengths[i]);
	}
}

static void chain_of_endless_parents_is_a_bug(void **state)
{
	(void)state;
	struct fixture f;
	set_up(&f, STR("x"));
	f.root.parent = &f.root;
	assert_dies(log_info(&f.root, "x"));
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_string_equal(log_level_name(LOG_LEVEL_ERROR), "error");
	assert_string_equal(log_level_name(LOG_LEVEL_WARN), "warn");
	assert_string_equal(log_level_name(LOG_LEVEL_INFO), "info");
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts_stand_before_the_message_outermost_first),
		cmocka_unit_test(empty_context_leaves_no_space),
		cmocka_unit_test(lines_above_the_level_are_not_built),
		cmocka_unit_test(hostile_bytes_are_escaped_in_context_and_message),
		cmocka_unit_test(unsafe_code_points_are_escaped_and_others_kept),
		cmocka_unit_test(long_message_is_cut_at_a_code_point_and_marked),
		cmocka_unit_test(long_context_leaves_room_for_the_message),
		cmocka_unit_test(chain_of_endless_parents_is_a_bug),
		cmocka_unit_test(levels_have_names),
	};
	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
