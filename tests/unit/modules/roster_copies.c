/* A property of versions (RFC 6121, 2.6), under random changes: what a client has kept of the roster, brought up to date by answers
 * and pushes, is what the server has, whatever it has missed. To look at one run: its seed is in the message. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"
#include "server/modules/roster.h"

#include <stdio.h>
#include <stdlib.h>

#define DEVICES     3
#define CONTACTS    100 /* more than leave traces */
#define FAVOURITES  6 /* that most happens to */
#define RUNS        24
#define STEPS       150
#define IDLE_MS     600000

/* What a client keeps, also between its sessions. Memory of its own. */
struct copy {
	char *version; /* NULL: it has none */
	char *items[CONTACTS + 1];
	struct peer *peer; /* NULL: it is away */
};

struct fixture {
	struct harness *h;
	struct peer *friends[2];
	struct copy devices[DEVICES];
	uint64_t random;
};

static const char *const contacts[] = { "juliet", "nurse" };

static unsigned any(struct fixture *f, unsigned below)
{
	f->random = f->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(f->random >> 33) % below;
}

static char *text_between(const char *from, const char *to)
{
	size_t n = (size_t)(to - from);
	char *text = mem_zalloc(n + 1);
	return memcpy(text, from, n);
}

static void name_contact(unsigned n, char *out, size_t bytes)
{
	if (n < 2)
		snprintf(out, bytes, "%s@localhost", contacts[n]);
	else
		snprintf(out, bytes, "c%u@localhost", n);
}

/* The value of an attribute behind `at`; the caller frees it. NULL if there is none before `end`. */
static char *value_of(const char *at, const char *end, const char *name)
{
	const char *found = strstr(at, name);
	if (!found || found >= end)
		return NULL;
	found += strlen(name);
	return text_between(found, strchr(found, '\''));
}

static unsigned place_of(const char *jid)
{
	char name[60];
	for (unsigned n = 0; n < CONTACTS; n++) {
		name_contact(n, name, sizeof(name));
		if (strcmp(name, jid) == 0)
			return n;
	}
	fail_msg("who is %s?", jid);
	return 0;
}

static void forget_items(struct copy *c)
{
	for (unsigned n = 0; n < CONTACTS; n++) {
		mem_free(c->items[n]);
		c->items[n] = NULL;
	}
}

static void take_item(struct copy *c, const char *from, const char *end)
{
	char *jid = value_of(from, end, " jid='"), *subscription = value_of(from, end, " subscription='");
	unsigned n = place_of(jid);
	mem_free(c->items[n]);
	c->items[n] = strcmp(subscription, "remove") == 0 ? NULL : text_between(from, end);
	mem_free(jid);
	mem_free(subscription);
}

/* As a client does: an answer with items is the whole, a push one change; both have a version. */
static void take_line(struct copy *c, const char *line)
{
	const char *query = strstr(line, "<query xmlns='jabber:iq:roster'");
	if (!query || strstr(line, " type='error'"))
		return;
	char *version = value_of(query, strchr(query, '>'), " ver='");
	mem_free(c->version);
	c->version = version;
	if (strstr(line, " type='result'"))
		forget_items(c);
	for (const char *at = query, *end; (at = strstr(at, "<item ")); at = end) {
		end = strchr(at, '>') + 1;
		if (end[-2] != '/')
			end = strstr(end, "</item>") + 7;
		take_item(c, at, end);
	}
}

static void take_lines(struct copy *c)
{
	for (char *line; c->peer && (line = peer_take(c->peer)); mem_free(line))
		take_line(c, line);
}

static void copy_fini(struct copy *c)
{
	forget_items(c);
	mem_free(c->version);
	c->version = NULL;
}

/* Steps. */

static void comes(struct fixture *f, unsigned n)
{
	char jid[60];
	struct copy *c = &f->devices[n];
	snprintf(jid, sizeof(jid), "romeo@localhost/device%u", n);
	c->peer = opens(f->h, jid);
	if (any(f, 8) == 0)
		copy_fini(c); /* a new one */
	says(c->peer, "<iq type='get' id='g'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", c->version ? c->version : "");
	if (any(f, 2))
		says(c->peer, "<presence/>");
	take_lines(c);
}

static void goes(struct fixture *f, unsigned n)
{
	take_lines(&f->devices[n]);
	dies(f->devices[n].peer);
	harness_run(f->h);
	f->devices[n].peer = NULL;
}

static void friends_come(struct fixture *f)
{
	for (unsigned n = 0; n < 2; n++) {
		char jid[60];
		snprintf(jid, sizeof(jid), "%s@localhost/home", contacts[n]);
		f->friends[n] = arrives(f->h, jid);
	}
}

static void restarts(struct fixture *f)
{
	for (unsigned n = 0; n < DEVICES; n++) {
		take_lines(&f->devices[n]);
		f->devices[n].peer = NULL;
	}
	harness_crash(f->h);
	friends_come(f);
}

static void edits(struct fixture *f, struct peer *p, unsigned n)
{
	char jid[60];
	name_contact(n, jid, sizeof(jid));
	if (any(f, 3) == 0)
		posts(p, "<iq type='set' id='r'>" ROSTER("<item jid='%s' subscription='remove'/>") "</iq>", jid);
	else
		posts(p, "<iq type='set' id='s'>" ROSTER("<item jid='%s' name='N%u'><group>G%u</group></item>") "</iq>", jid,
			any(f, 5), any(f, 3));
}

static const char *any_subscription(struct fixture *f)
{
	static const char *const types[] = { "subscribe", "subscribed", "unsubscribe", "unsubscribed" };
	return types[any(f, 4)];
}

/* So many are removed that the oldest traces go. */
static void sweeps(struct fixture *f, struct peer *p)
{
	unsigned from = any(f, 20), to = from + any(f, CONTACTS - from);
	for (unsigned n = 2 + from; n < to; n++) {
		posts(p, "<iq type='set' id='s'>" ROSTER("<item jid='c%u@localhost'/>") "</iq>", n);
		posts(p, "<iq type='set' id='r'>" ROSTER("<item jid='c%u@localhost' subscription='remove'/>") "</iq>", n);
	}
}

static void device_acts(struct fixture *f, struct peer *p)
{
	char jid[60];
	unsigned n = any(f, 5) ? any(f, FAVOURITES) : any(f, CONTACTS);
	name_contact(n, jid, sizeof(jid));
	switch (any(f, 8)) {
	case 0:
	case 1:
	case 2: edits(f, p, n); break;
	case 3:
	case 4: posts(p, "<presence type='%s' to='%s'/>", any_subscription(f), jid); break;
	case 5:
		if (any(f, 4) == 0)
			sweeps(f, p);
		break;
	default: posts(f->friends[any(f, 2)], "<presence type='%s' to='romeo@localhost'/>", any_subscription(f)); break;
	}
}

static void something_happens(struct fixture *f)
{
	unsigned n = any(f, DEVICES);
	struct copy *c = &f->devices[n];
	switch (any(f, 24)) {
	case 0: restarts(f); break;
	case 1: harness_advance(f->h, IDLE_MS); break; /* what is idle is evicted */
	case 2: stands_still(f->h, SIM_WRITER); break;
	case 3: f->h->faults.unit = "INSERT INTO roster "; break;
	case 4:
	case 5:
	case 6:
		if (c->peer)
			goes(f, n);
		break;
	case 7:
		if (c->peer)
			becomes_full(c->peer);
		break;
	case 8:
		if (c->peer)
			becomes_writable(c->peer);
		break;
	default:
		if (c->peer)
			device_acts(f, c->peer);
		else
			comes(f, n);
	}
	if (any(f, 3) == 0) {
		f->h->faults.unit = NULL;
		everything_goes_on(f->h);
		harness_run(f->h);
	}
}

/* The property. */

static void settle(struct fixture *f)
{
	f->h->faults.unit = NULL;
	everything_goes_on(f->h);
	harness_run(f->h);
	for (unsigned n = 0; n < DEVICES; n++) {
		struct copy *c = &f->devices[n];
		if (c->peer && !c->peer->ended)
			becomes_writable(c->peer);
		take_lines(c);
		if (c->peer && c->peer->ended)
			c->peer = NULL;
		if (!c->peer)
			comes(f, n);
	}
	harness_run(f->h);
}

static void assert_same(const struct copy *a, const struct copy *b, unsigned seed, unsigned device)
{
	for (unsigned n = 0; n < CONTACTS; n++) {
		const char *x = a->items[n] ? a->items[n] : "-", *y = b->items[n] ? b->items[n] : "-";
		if (strcmp(x, y) != 0)
			fail_msg("seed %u, device %u has %s, the server %s (versions %s, %s)", seed, device, x, y, a->version,
				b->version);
	}
}

static void compare(struct fixture *f, unsigned seed)
{
	struct copy server = { .peer = opens(f->h, "romeo@localhost/reader") };
	settle(f);
	says(server.peer, "<iq type='get' id='g'>" EMPTY "</iq>");
	take_lines(&server);
	assert_non_null(server.version);
	for (unsigned n = 0; n < DEVICES; n++) {
		take_lines(&f->devices[n]);
		assert_same(&f->devices[n], &server, seed, n);
	}
	dies(server.peer);
	harness_run(f->h);
	copy_fini(&server);
}

static void run(unsigned seed, bool encoded)
{
	struct fixture f = { .random = seed * 0x9e3779b97f4a7c15u + 1 };
	f.h = harness_new_as(&(struct harness_options){ .workers = 2, .encoded = encoded });
	harness_account(f.h, "romeo@localhost");
	harness_account(f.h, "juliet@localhost");
	harness_account(f.h, "nurse@localhost");
	friends_come(&f);
	for (unsigned step = 0; step < STEPS; step++) {
		something_happens(&f);
		if (step % 25 == 24)
			compare(&f, seed);
	}
	for (unsigned n = 0; n < DEVICES; n++)
		copy_fini(&f.devices[n]);
	harness_free(&f.h);
}

static void copies_of_clients_are_what_the_server_has(void **state)
{
	const char *first = getenv("COPIES_SEED"), *runs = getenv("COPIES_RUNS");
	unsigned from = first ? (unsigned)strtoul(first, NULL, 10) : 1, count = runs ? (unsigned)strtoul(runs, NULL, 10) : RUNS;
	(void)state;
	for (unsigned seed = from; seed < from + count; seed++)
		run(seed, seed % 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(copies_of_clients_are_what_the_server_has) };
	return cmocka_run_group_tests_name("modules/roster_copies", tests, NULL, NULL);
}
