/* Delivery of messages: table 1 of RFC 6121 (8.5.4), every cell, and what goes beyond it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/session.h"

#include <stdio.h>

/* Table 1. Of the choices that it leaves (/), the one that is ours. */

enum outcome_of_message {
	OFFLINE = 'O',
	ERROR_BACK = 'E',
	SILENT = 'S',
	DELIVERED = 'D', /* to the one addressed, or the only one */
	MOST = 'M', /* the highest priority that is not negative */
	ALL = 'A', /* all that are not negative */
};

enum { NO_ACCOUNT, NO_RESOURCES, NEGATIVE, ONE, SEVERAL, CONDITIONS };
enum { BARE, MATCH, NO_MATCH, ADDRESSES };

static const char *const types[] = { "normal", "chat", "groupchat", "headline" };

/* In the order of `types`; a space: there is no such cell. */
static const char table[CONDITIONS][ADDRESSES][5] = {
	[NO_ACCOUNT] = { "EEES", "    ", "EEEE" },
	[NO_RESOURCES] = { "OOES", "    ", "EOEE" },
	[NEGATIVE] = { "OOES", "DDDD", "EOEE" },
	[ONE] = { "DDED", "DDDD", "EDEE" },
	[SEVERAL] = { "MMEA", "DDDD", "EMEE" },
};

struct cell {
	struct harness *h;
	struct peer *juliet, *low, *high, *negative;
};

/* A server of its own for each cell. `low` (priority 0) and `high` (7) and `negative` (-1) as the condition has them.
 * */
static void cell_init(struct cell *c, int condition)
{
	*c = (struct cell){ .h = harness_new(1, NULL) };
	harness_account(c->h, "juliet@localhost");
	c->juliet = arrives(c->h, "juliet@localhost/balcony");
	if (condition == NO_ACCOUNT)
		return;
	harness_account(c->h, "romeo@localhost");
	if (condition == ONE || condition == SEVERAL)
		c->low = opens(c->h, "romeo@localhost/low");
	if (condition == SEVERAL)
		c->high = opens(c->h, "romeo@localhost/high");
	if (condition == NEGATIVE)
		c->negative = opens(c->h, "romeo@localhost/negative");
	if (c->low)
		says(c->low, "<presence/>");
	if (c->high)
		says(c->high, "<presence><priority>7</priority></presence>");
	if (c->negative)
		says(c->negative, "<presence><priority>-1</priority></presence>");
	struct peer *all[] = { c->low, c->high, c->negative };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i])
			overlooks(all[i]);
}

static bool saw(struct peer *p, const char *type)
{
	char *line = p ? peer_take(p) : NULL;
	char attribute[40];
	snprintf(attribute, sizeof(attribute), " type='%s'", type);
	if (!line)
		return false;
	assert_non_null(strstr(line, "<message from='juliet@localhost/balcony' "));
	assert_true(strstr(line, attribute) || strcmp(type, "normal") == 0);
	assert_non_null(strstr(line, "<body>1</body>"));
	mem_free(line);
	sees_nothing(p);
	return true;
}

/* The letter of what has become of it. */
static char judge(struct cell *c, const char *type, int address)
{
	bool low = saw(c->low, type), high = saw(c->high, type), negative = saw(c->negative, type);
	bool stored = harness_log_rows(c->h, "romeo@localhost") > 0;
	char *back = peer_take(c->juliet);
	bool returned = back != NULL;
	if (back) {
		assert_non_null(strstr(back, " type='error'><error type='cancel'><service-unavailable "));
		mem_free(back);
		sees_nothing(c->juliet);
	}
	assert_true(low + high + negative == 0 || (!stored && !returned));
	assert_false(stored && returned);
	if (low && high)
		return ALL;
	if (high)
		return MOST;
	if (low || (negative && address == MATCH))
		return DELIVERED;
	return negative ? '?' : stored ? OFFLINE : returned ? ERROR_BACK : SILENT;
}

static const char *address_of(int condition, int address)
{
	switch (address) {
	case BARE: return "romeo@localhost";
	case MATCH: return condition == NEGATIVE ? "romeo@localhost/negative" : "romeo@localhost/low";
	default: return "romeo@localhost/none";
	}
}

static void check_condition(int condition)
{
	for (int address = 0; address < ADDRESSES; address++) {
		for (size_t t = 0; t < ARRAY_LEN(types); t++) {
			struct cell c;
			char expected = table[condition][address][t];
			if (expected == ' ')
				continue;
			cell_init(&c, condition);
			says(c.juliet, "<message to='%s' type='%s'><body>1</body></message>", address_of(condition,
				address), types[t]);
			char was = judge(&c, types[t], address);
			if (was != expected)
				fail_msg("%s to %s: %c, not %c", types[t], address_of(condition, address), was,
					expected);
			harness_free(&c.h);
		}
	}
}

static void table_1_account_does_not_exist(void **state)
{
	(void)state;
	check_condition(NO_ACCOUNT);
}

static void table_1_no_active_resources(void **state)
{
	(void)state;
	check_condition(NO_RESOURCES);
}

static void table_1_only_negative_resources(void **state)
{
	(void)state;
	check_condition(NEGATIVE);
}

static void table_1_one_resource(void **state)
{
	(void)state;
	check_condition(ONE);
}

static void table_1_several_resources(void **state)
{
	(void)state;
	check_condition(SEVERAL);
}

/* Beyond the table. */

struct fixture {
	struct harness *h;
	struct peer *romeo, *juliet;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(1, NULL);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->romeo = arrives(f->h, "romeo@localhost/phone");
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static void the_address_is_not_rewritten(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='romeo@localhost' type='chat' id='1'><body>1</body></message>");
	sees(f->romeo, "<message from='juliet@localhost/balcony' id='1' to='romeo@localhost' "
		"type='chat'><body>1</body></message>");
	says(f->juliet, "<message to='romeo@localhost/gone' type='chat' id='2'><body>1</body></message>");
	sees(f->romeo, "<message from='juliet@localhost/balcony' id='2' to='romeo@localhost/gone' type='chat'>~");
}

static void errors_are_delivered_to_the_one_addressed_only(void **state)
{
	struct fixture *f = *state;
	static const char error[] = "type='error' id='e'>" ERROR("cancel", "gone") "</message>";
	says(f->juliet, "<message to='romeo@localhost/phone' %s", error);
	sees(f->romeo, "<message ~ id='e' ~");
	says(f->juliet, "<message to='romeo@localhost' %s", error);
	says(f->juliet, "<message to='romeo@localhost/gone' %s", error);
	sees_nothing(f->romeo);
	sees_nothing(f->juliet);
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 0);
}

static void equal_priorities_all_get_it(void **state)
{
	struct fixture *f = *state;
	struct peer *home = arrives(f->h, "romeo@localhost/home");
	overlooks(f->romeo);
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body></message>");
	sees(f->romeo, "<message ~");
	sees(home, "<message ~");
}

static void a_session_that_has_not_sent_presence_gets_what_is_for_it_only(void **state)
{
	struct fixture *f = *state;
	struct peer *quiet = opens(f->h, "romeo@localhost/quiet");
	says(f->juliet, "<message to='romeo@localhost' type='chat' id='1'><body>1</body></message>");
	says(f->juliet, "<message to='romeo@localhost/quiet' type='chat' id='2'><body>1</body></message>");
	sees(quiet, "<message ~ id='2' ~");
	sees_nothing(quiet);
	sees(f->romeo, "<message ~ id='1' ~");
	sees_nothing(f->romeo);
}

/* RFC 6120, 10.3.1 */
static void a_message_without_address_goes_to_oneself(void **state)
{
	struct fixture *f = *state;
	says(f->romeo, "<message type='chat' id='1'><body>1</body></message>");
	sees(f->romeo, "<message from='romeo@localhost/phone' id='1' to='romeo@localhost' "
		"type='chat'><body>1</body></message>");
}

static void a_host_reads_no_messages(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='localhost' id='1'><body>1</body></message>");
	sees(f->juliet, "<message from='localhost' id='1' to='juliet@localhost/balcony' type='error'>"
		ERROR("cancel", "service-unavailable") "</message>");
}

/* docs/SECURITY.md, F4 */
static void every_forged_id_of_ours_is_taken_out(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='romeo@localhost' type='chat'>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='1'/><body>1</body>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='other@localhost' id='2'/>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='3'/></message>");
	sees(f->romeo, "<message from='juliet@localhost/balcony' to='romeo@localhost' type='chat'><body>1</body>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='other@localhost' id='2'/></message>");
}

static void a_forged_delay_of_ours_is_taken_out(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body>"
		"<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2002-09-10T23:08:25Z'/>"
		"<delay xmlns='urn:xmpp:delay' from='romeo@localhost' stamp='2002-09-10T23:08:25Z'/>"
		"<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/></message>");
	sees(f->romeo, "<message from='juliet@localhost/balcony' to='romeo@localhost' type='chat'><body>1</body>"
		"<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/></message>");
}

/* docs/SECURITY.md, F1; also to a full address, and behind something else. */
static void copies_that_others_claim_to_carry_are_dropped(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { "sent", "received" }, *const to[] = { "romeo@localhost", "romeo@localhost/phone" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t k = 0; k < ARRAY_LEN(to); k++) {
			says(f->juliet, "<message to='%s' type='chat'><body>1</body><%s xmlns='urn:xmpp:carbons:2'>"
				"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='mercutio@localhost/x' "
				"to='romeo@localhost'><body>2</body></message></forwarded></%s></message>", to[k], names[i], names[i]);
			sees_nothing(f->romeo);
		}
	}
	/* A hint of the same namespace is none. */
	says(f->juliet, "<message to='romeo@localhost' type='chat'><body>1</body><private xmlns='urn:xmpp:carbons:2'/></message>");
	sees(f->romeo, "<message ~<private xmlns='urn:xmpp:carbons:2'/></message>");
	assert_int_equal(harness_log_rows(f->h, "romeo@localhost"), 0);
}

/* An address that is the same only once it is normalised. */
static void a_forged_id_is_found_however_it_is_spelt(void **state)
{
	struct fixture *f = *state;
	says(f->juliet, "<message to='romeo@localhost' type='chat'>"
		"<stanza-id xmlns='urn:xmpp:sid:0' by='ROMEO@localhost' id='1'/><body>1</body></message>");
	sees(f->romeo, "<message from='juliet@localhost/balcony' to='romeo@localhost' "
		"type='chat'><body>1</body></message>");
}

/* Text that the writer has to escape grows; no client may silence another one by it. */
static void a_message_of_quotes_reaches_a_client(void **state)
{
	struct fixture *f = *state;
	struct peer *client = logs_in(f->h, "romeo@localhost/client");
	char *body = mem_alloc(240001);
	memset(body, '\'', 240000);
	body[240000] = 0;
	f->h->sim.network.capacity = 8u << 20;
	says(f->juliet, "<message to='romeo@localhost/client' type='chat' id='1'><body>%s</body></message>", body);
	says(f->juliet, "<message to='romeo@localhost/client' type='chat' id='2'><body>1</body></message>");
	mem_free(body);
	sees_somewhere(client, "<message ~ id='2' ~");
}

/* Short prefixes of a long namespace, each written out. */
static void a_message_that_becomes_huge_is_refused(void **state)
{
	struct fixture *f = *state;
	struct peer *client = logs_in(f->h, "romeo@localhost/client");
	struct buf b;
	buf_init(&b, 1u << 20);
	buf_lit(&b, "<message to='romeo@localhost/client' type='chat' id='1' xmlns:a='urn:");
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&b, 'x');
	buf_lit(&b, "'>");
	for (int i = 0; i < 16000; i++)
		buf_lit(&b, "<a:b/>");
	buf_lit(&b, "</message>");
	says(f->juliet, STR_FMT, STR_ARG(buf_str(&b)));
	buf_fini(&b);
	sees(f->juliet, "<message from='romeo@localhost/client' id='1' to='juliet@localhost/balcony' type='error'>"
		ERROR("modify", "policy-violation") "</message>");
	sees_nothing(client);
	says(f->juliet, "<message to='romeo@localhost/client' type='chat' id='2'><body>1</body></message>");
	sees(client, "<message ~ id='2' ~");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_1_account_does_not_exist),
		cmocka_unit_test(table_1_no_active_resources),
		cmocka_unit_test(table_1_only_negative_resources),
		cmocka_unit_test(table_1_one_resource),
		cmocka_unit_test(table_1_several_resources),
		TEST(the_address_is_not_rewritten),
		TEST(errors_are_delivered_to_the_one_addressed_only),
		TEST(equal_priorities_all_get_it),
		TEST(a_session_that_has_not_sent_presence_gets_what_is_for_it_only),
		TEST(a_message_without_address_goes_to_oneself),
		TEST(a_host_reads_no_messages),
		TEST(every_forged_id_of_ours_is_taken_out),
		TEST(a_forged_delay_of_ours_is_taken_out),
		TEST(copies_that_others_claim_to_carry_are_dropped),
		TEST(a_forged_id_is_found_however_it_is_spelt),
		TEST(a_message_of_quotes_reaches_a_client),
		TEST(a_message_that_becomes_huge_is_refused),
	};
	return cmocka_run_group_tests_name("modules/message", tests, NULL, NULL);
}
