/* Delivery to a local user (RFC 6121, 8.5), cell by cell: each kind of stanza, to a bare address, to a resource that is
 * there and to one that is not, in each situation of the account. A cell says what each session gets, what the sender
 * gets, and what is kept. Messages have the letters of table 1. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"

#include <stdio.h>

/* What the account is like. */
enum situation {
	NO_ACCOUNT,
	NO_SESSION,
	CONNECTED, /* /quiet, which has sent no presence */
	NEGATIVE, /* /low, priority -1 */
	ONE, /* /main, priority 0 */
	MIXED, /* /main and /low */
	EQUAL, /* /main and /twin, priority 0 */
	SEVERAL, /* /main, /high with priority 7, /low and /quiet */
	SITUATIONS
};

/* The sessions, as bits of a cell. */
enum { MAIN = 1, TWIN = 2, HIGH = 4, LOW = 8, QUIET = 16 };
static const char *const resources[] = { "main", "twin", "high", "low", "quiet" };
static const char *const presences[] = { "<presence/>", "<presence/>", "<presence><priority>7</priority></presence>",
	"<presence><priority>-1</priority></presence>", NULL };
static const unsigned there[SITUATIONS] = { 0, 0, QUIET, LOW, MAIN, MAIN | LOW, MAIN | TWIN, MAIN | HIGH | LOW | QUIET };
/* The resource that a full address names, where it is to match. */
static const unsigned match[SITUATIONS] = { 0, 0, QUIET, LOW, MAIN, MAIN, TWIN, MAIN };

/* What becomes of a stanza: sessions that get it, or one of these. */
enum { S = 0, /* silence */ O = 32, /* kept offline */ E = 64, /* service-unavailable to the sender */ X = 128 /* no such cell */ };

#define GONE "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
#define M(type) "<message id='i' to='%s' type='" type "'><body>1</body></message>"
#define PING "<ping xmlns='urn:xmpp:ping'/>"

struct row {
	const char *stanza;
	const char *resource; /* NULL: the bare address; "*": that matches; else as it is */
	/*                       NO_ACC. NO_SES. CONN.  NEGAT. ONE    MIXED  EQUAL         SEVERAL */
	unsigned cells[SITUATIONS];
};

/* 8.5.1 is the first column, 8.5.2.2 the second. */
static const struct row rows[] = {
	/* 8.5.2.1.1, 8.5.2.2.1: to the bare address. Of several, all of the highest priority. */
	{ M("normal"), NULL, { E, O, O, O, MAIN, MAIN, MAIN | TWIN, HIGH } },
	{ M("chat"), NULL, { E, O, O, O, MAIN, MAIN, MAIN | TWIN, HIGH } },
	{ M("groupchat"), NULL, { E, E, E, E, E, E, E, E } },
	{ M("headline"), NULL, { S, S, S, S, MAIN, MAIN, MAIN | TWIN, MAIN | HIGH } },
	{ "<message id='i' to='%s' type='error'>" GONE "</message>", NULL, { S, S, S, S, S, S, S, S } },
	/* 8.5.3.1: the resource matches, whatever its priority, or without presence. */
	{ M("normal"), "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ M("chat"), "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ M("groupchat"), "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ M("headline"), "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<message id='i' to='%s' type='error'>" GONE "</message>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	/* 8.5.3.2.1: it does not. */
	{ M("normal"), "none", { E, E, E, E, E, E, E, E } },
	{ M("chat"), "none", { E, O, O, O, MAIN, MAIN, MAIN | TWIN, HIGH } },
	{ M("groupchat"), "none", { E, E, E, E, E, E, E, E } },
	{ M("headline"), "none", { E, E, E, E, E, E, E, E } },
	{ "<message id='i' to='%s' type='error'>" GONE "</message>", "none", { S, S, S, S, S, S, S, S } },
	/* 8.5.2.1.2: presence to the bare address is for all that are available, of negative priority too. */
	{ "<presence id='i' to='%s'/>", NULL, { S, S, S, LOW, MAIN, MAIN | LOW, MAIN | TWIN, MAIN | HIGH | LOW } },
	{ "<presence id='i' to='%s' type='unavailable'/>", NULL,
		{ S, S, S, LOW, MAIN, MAIN | LOW, MAIN | TWIN, MAIN | HIGH | LOW } },
	{ "<presence id='i' to='%s' type='error'>" GONE "</presence>", NULL,
		{ S, S, S, LOW, MAIN, MAIN | LOW, MAIN | TWIN, MAIN | HIGH | LOW } },
	{ "<presence id='i' to='%s' type='probe'/>", NULL, { S, S, S, S, S, S, S, S } }, /* of a stranger: 4.3.2 */
	{ "<presence id='i' to='%s' type='subscribe'/>", NULL,
		{ S, S, S, LOW, MAIN, MAIN | LOW, MAIN | TWIN, MAIN | HIGH | LOW } }, /* 3.1.3 */
	{ "<presence id='i' to='%s' type='subscribed'/>", NULL, { S, S, S, S, S, S, S, S } },
	{ "<presence id='i' to='%s' type='unsubscribe'/>", NULL, { S, S, S, S, S, S, S, S } },
	{ "<presence id='i' to='%s' type='unsubscribed'/>", NULL, { S, S, S, S, S, S, S, S } },
	/* 8.5.3.1, 8.5.3.2.2 */
	{ "<presence id='i' to='%s'/>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<presence id='i' to='%s' type='unavailable'/>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<presence id='i' to='%s' type='error'>" GONE "</presence>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<presence id='i' to='%s' type='probe'/>", "*", { X, X, S, S, S, S, S, S } },
	{ "<presence id='i' to='%s'/>", "none", { S, S, S, S, S, S, S, S } },
	{ "<presence id='i' to='%s' type='unavailable'/>", "none", { S, S, S, S, S, S, S, S } },
	{ "<presence id='i' to='%s' type='probe'/>", "none", { S, S, S, S, S, S, S, S } },
	{ "<presence id='i' to='%s' type='subscribe'/>", "none",
		{ S, S, S, LOW, MAIN, MAIN | LOW, MAIN | TWIN, MAIN | HIGH | LOW } }, /* as to the bare address */
	{ "<presence id='i' to='%s' type='subscribed'/>", "none", { S, S, S, S, S, S, S, S } },
	/* 8.5.2.1.3, 8.5.2.2.3: the server answers for the account; here to a stranger, for whom it is as if there were
	 * none. */
	{ "<iq id='i' to='%s' type='get'>" PING "</iq>", NULL, { E, E, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='set'><x xmlns='urn:x'/></iq>", NULL, { E, E, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='result'/>", NULL, { S, S, S, S, S, S, S, S } },
	{ "<iq id='i' to='%s' type='error'>" GONE "</iq>", NULL, { S, S, S, S, S, S, S, S } },
	/* 8.5.3.1: requests of those to whom no presence is shown do not pass; answers do. */
	{ "<iq id='i' to='%s' type='get'>" PING "</iq>", "*", { X, X, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='set'><x xmlns='urn:x'/></iq>", "*", { X, X, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='result'/>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<iq id='i' to='%s' type='error'>" GONE "</iq>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	/* 8.5.3.2.3 */
	{ "<iq id='i' to='%s' type='get'>" PING "</iq>", "none", { E, E, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='set'><x xmlns='urn:x'/></iq>", "none", { E, E, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='result'/>", "none", { S, S, S, S, S, S, S, S } },
	{ "<iq id='i' to='%s' type='error'>" GONE "</iq>", "none", { S, S, S, S, S, S, S, S } },
};

/* The same for a contact who is subscribed: where it differs. */
static const struct row rows_of_contact[] = {
	{ "<iq id='i' to='%s' type='get'>" PING "</iq>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<iq id='i' to='%s' type='set'><x xmlns='urn:x'/></iq>", "*", { X, X, QUIET, LOW, MAIN, MAIN, TWIN, MAIN } },
	{ "<iq id='i' to='%s' type='get'>" PING "</iq>", "none", { X, E, E, E, E, E, E, E } },
	{ "<iq id='i' to='%s' type='set'><x xmlns='urn:x'/></iq>", NULL, { X, E, E, E, E, E, E, E } },
	{ M("normal"), "none", { X, E, E, E, E, E, E, E } },
};

struct cell {
	struct harness *h;
	struct peer *juliet, *sessions[ARRAY_LEN(resources)];
};

static void cell_init(struct cell *c, enum situation situation, bool is_contact)
{
	char jid[64];
	*c = (struct cell){ .h = harness_new(2, NULL) };
	harness_account(c->h, "juliet@localhost");
	c->juliet = arrives(c->h, "juliet@localhost/balcony");
	if (situation == NO_ACCOUNT)
		return;
	harness_account(c->h, "romeo@localhost");
	if (is_contact) {
		struct peer *romeo = opens(c->h, "romeo@localhost/first");
		subscribe(c->juliet, romeo);
		dies(romeo);
		harness_run(c->h);
	}
	for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
		if (!(there[situation] & 1u << i))
			continue;
		snprintf(jid, sizeof(jid), "romeo@localhost/%s", resources[i]);
		c->sessions[i] = opens(c->h, jid);
		if (presences[i])
			says(c->sessions[i], "%s", presences[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		if (c->sessions[i])
			overlooks(c->sessions[i]);
	overlooks(c->juliet);
}

/* True if it has got that one stanza, with the address that it was sent to (8.5.2.1.1), and nothing else. */
static bool got(struct peer *p, const char *to)
{
	char *line = p ? peer_take(p) : NULL, address[100];
	if (!line)
		return false;
	snprintf(address, sizeof(address), " id='i' to='%s'", to);
	if (!strstr(line, address))
		fail_msg("not what was sent to %s: %s", to, line);
	mem_free(line);
	sees_nothing(p);
	return true;
}

static bool came_back(struct cell *c)
{
	char *line = peer_take(c->juliet);
	if (!line)
		return false;
	if (!strstr(line, " id='i' to='juliet@localhost/balcony' type='error'>") ||
		!strstr(line, "<error type='cancel'><service-unavailable "))
		fail_msg("not the error: %s", line);
	mem_free(line);
	sees_nothing(c->juliet);
	return true;
}

static unsigned outcome_of(struct cell *c, const char *to)
{
	unsigned outcome = 0;
	for (unsigned i = 0; i < ARRAY_LEN(resources); i++)
		outcome |= got(c->sessions[i], to) ? 1u << i : 0;
	if (harness_log_rows(c->h, "romeo@localhost"))
		outcome |= O;
	return outcome | (came_back(c) ? E : 0);
}

static void address_of(const struct row *row, enum situation situation, char to[64])
{
	const char *resource = row->resource;
	for (size_t i = 0; resource && strcmp(resource, "*") == 0 && i < ARRAY_LEN(resources); i++)
		if (match[situation] & 1u << i)
			resource = resources[i];
	snprintf(to, 64, "romeo@localhost%s%s", resource ? "/" : "", resource ? resource : "");
}

static void check(const struct row *row, enum situation situation, bool is_contact)
{
	struct cell c;
	char to[64];
	cell_init(&c, situation, is_contact);
	address_of(row, situation, to);
	/* Subscriptions are between accounts: they arrive with the bare address (3.1.2). */
	const char *arrives_for = strstr(row->stanza, "'subscribe") ? "romeo@localhost" : to;
	char text[300];
	snprintf(text, sizeof(text), row->stanza, to);
	says(c.juliet, "%s", text);
	unsigned was = outcome_of(&c, arrives_for);
	if (was != row->cells[situation])
		fail_msg("%s in situation %d: %u, not %u", text, situation, was, row->cells[situation]);
	harness_free(&c.h);
}

static void check_rows(const struct row *table, size_t count, bool is_contact)
{
	for (size_t r = 0; r < count; r++)
		for (enum situation s = 0; s < SITUATIONS; s++)
			if (table[r].cells[s] != X)
				check(&table[r], s, is_contact);
}

static void every_cell_of_8_5(void **state)
{
	(void)state;
	check_rows(rows, ARRAY_LEN(rows), false);
}

static void contacts_reach_the_sessions_that_they_see(void **state)
{
	(void)state;
	check_rows(rows_of_contact, ARRAY_LEN(rows_of_contact), true);
}

/* 8.4, RFC 6120, 10.5.1: to the domain, with or without a resource. */
static void a_domain_answers_requests_and_reads_no_messages(void **state)
{
	(void)state;
	static const struct {
		const char *stanza, *answer; /* NULL: none */
	} cells[] = {
		{ M("normal"), "<message ~ type='error'>" ERROR("cancel", "service-unavailable") "</message>" },
		{ M("chat"), "<message ~ type='error'>" ERROR("cancel", "service-unavailable") "</message>" },
		{ M("groupchat"), "<message ~ type='error'>" ERROR("cancel", "service-unavailable") "</message>" },
		{ "<message id='i' to='%s' type='error'>" GONE "</message>", NULL },
		{ "<presence id='i' to='%s'/>", NULL },
		{ "<presence id='i' to='%s' type='unavailable'/>", NULL },
		{ "<presence id='i' to='%s' type='probe'/>", NULL },
		{ "<iq id='i' to='%s' type='get'>" PING "</iq>", "<iq ~ id='i' ~ type='result'/>" },
		{ "<iq id='i' to='%s' type='get'><x xmlns='urn:x'/></iq>", "<iq ~ type='error'>~"
			ERROR("cancel", "service-unavailable") "</iq>" },
		{ "<iq id='i' to='%s' type='result'/>", NULL },
		{ "<iq id='i' to='%s' type='error'>" GONE "</iq>", NULL },
	};
	static const char *const to[] = { "localhost", "localhost/resource" };
	struct cell c;
	cell_init(&c, NO_ACCOUNT, false);
	for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
		for (size_t k = 0; k < ARRAY_LEN(to); k++) {
			char text[300];
			snprintf(text, sizeof(text), cells[i].stanza, to[k]);
			says(c.juliet, "%s", text);
			if (cells[i].answer)
				sees(c.juliet, cells[i].answer);
			sees_nothing(c.juliet);
		}
	}
	harness_free(&c.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_8_5),
		cmocka_unit_test(contacts_reach_the_sessions_that_they_see),
		cmocka_unit_test(a_domain_answers_requests_and_reads_no_messages),
	};
	return cmocka_run_group_tests_name("modules/delivery", tests, NULL, NULL);
}
