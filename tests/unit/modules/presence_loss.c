/* Every way in which a session can be lost (RFC 6121, 4.5.2, 4.6.3): each time everybody who was told that it is there
 * is told, once, that it has gone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"
#include "server/core/session.h"

#include <stdio.h>

struct loss_test {
	struct harness *h;
	struct peer *romeo; /* over the network: it will be lost */
	struct peer *home; /* another session of the account */
	struct peer *juliet; /* a contact, both ways */
	struct peer *follower; /* a contact who is subscribed to romeo only */
	struct peer *followed; /* a contact to whom romeo is subscribed only: hears nothing */
	struct peer *friar; /* was told directly, by its bare address */
	struct peer *nurse; /* and this one by its full address */
	struct peer *stranger; /* hears nothing */
};

static void says_unavailable(struct loss_test *t)
{
	says(t->romeo, "<presence type='unavailable'/>");
}

static void closes_its_stream(struct loss_test *t)
{
	closes(t->romeo);
}

static void loses_its_connection(struct loss_test *t)
{
	is_cut(t->romeo);
}

static void breaks_the_stream(struct loss_test *t)
{
	says(t->romeo, "<presence></message>");
	assert_true(t->romeo->ended);
}

static void sends_what_is_no_stanza(struct loss_test *t)
{
	says(t->romeo, "<whatever/>");
	assert_true(t->romeo->ended);
}

/* It is pinged, and says nothing; the others have said something meanwhile. */
static void falls_silent(struct loss_test *t)
{
	struct peer *others[] = { t->home, t->juliet, t->follower, t->followed, t->friar, t->nurse, t->stranger };
	stops_reading(t->romeo);
	harness_advance(t->h, 50000);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		says(others[i], "<iq type='result' id='x' to='localhost'/>");
	harness_advance(t->h, 31000);
}

static void is_replaced(struct loss_test *t)
{
	(void)logs_in(t->h, "romeo@localhost/phone");
	assert_true(t->romeo->ended);
	assert_int_equal(t->romeo->condition, STREAM_CONFLICT);
}

/* It takes nothing any more while it is sent more than may wait. */
static void reads_too_slowly(struct loss_test *t)
{
	char *body = mem_alloc(60001);
	memset(body, 'x', 60000);
	body[60000] = 0;
	stops_reading(t->romeo);
	for (int i = 0; i < 400 && account_find_session(harness_find(t->h, "romeo@localhost"), STR("phone")); i++)
		says(t->home, "<message to='romeo@localhost/phone' type='headline'><body>%s</body></message>", body);
	mem_free(body);
	assert_null(account_find_session(harness_find(t->h, "romeo@localhost"), STR("phone")));
}

static void loses_its_account(struct loss_test *t)
{
	struct worker *w = harness_worker(t->h, "romeo@localhost");
	struct envelope *v = envelope_new(ENVELOPE_ACCOUNT_REMOVE, 256);
	v->to = jid_dup(v->arena, jid_of(t->h, "romeo@localhost"));
	worker_send(w, w->index, v);
	harness_run(t->h);
	assert_true(t->romeo->ended);
	assert_int_equal(t->romeo->condition, STREAM_NOT_AUTHORIZED);
}

static const struct loss {
	const char *name;
	void (*happens)(struct loss_test *t);
	bool home_goes_too;
} losses[] = {
	{ "unavailable presence", says_unavailable, false },
	{ "closing tag", closes_its_stream, false },
	{ "reset connection", loses_its_connection, false },
	{ "XML that is none", breaks_the_stream, false },
	{ "stream error", sends_what_is_no_stanza, false },
	{ "timeout", falls_silent, false },
	{ "conflict", is_replaced, false },
	{ "slow reader", reads_too_slowly, false },
	{ "removed account", loses_its_account, true },
};

static struct peer *account(struct harness *h, const char *jid)
{
	char bare[64];
	snprintf(bare, sizeof(bare), "%.*s", (int)(strchr(jid, '/') - jid), jid);
	harness_account(h, bare);
	return arrives(h, jid);
}

static void begin(struct loss_test *t, unsigned workers, bool encoded)
{
	*t = (struct loss_test){ .h = harness_new_as(&(struct harness_options){ .workers = workers, .encoded = encoded,
		.yaml = "modules: {ping: {interval: 60s, timeout: 20s}}\n" }) };
	t->home = account(t->h, "romeo@localhost/home");
	t->juliet = account(t->h, "juliet@localhost/balcony");
	t->follower = account(t->h, "follower@localhost/x");
	t->followed = account(t->h, "followed@localhost/x");
	t->friar = account(t->h, "friar@localhost/cell");
	t->nurse = account(t->h, "nurse@localhost/kitchen");
	t->stranger = account(t->h, "stranger@localhost/x");
	t->romeo = logs_in(t->h, "romeo@localhost/phone");
	befriend(t->romeo, t->juliet);
	subscribe(t->follower, t->romeo);
	subscribe(t->romeo, t->followed);
	says(t->romeo, "<presence/>");
	says(t->romeo, "<presence to='friar@localhost'/>");
	says(t->romeo, "<presence to='nurse@localhost/kitchen'/>");
	says(t->romeo, "<presence to='juliet@localhost'/>"); /* a contact is told once all the same */
	struct peer *all[] = { t->romeo, t->home, t->juliet, t->follower, t->followed, t->friar, t->nurse, t->stranger };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		overlooks(all[i]);
}

/* How often it was told so. */
static unsigned heard(struct peer *p)
{
	unsigned n = 0;
	for (char *line; (line = peer_take(p)); mem_free(line))
		n += strstr(line, "<presence from='romeo@localhost/phone' ") && strstr(line, "type='unavailable'");
	return n;
}

static void check(struct loss_test *t, const struct loss *loss)
{
	const struct {
		const char *name;
		struct peer *p;
		unsigned wanted;
	} cells[] = {
		{ "the other session", t->home, loss->home_goes_too ? 0 : 1 },
		{ "a contact", t->juliet, 1 },
		{ "a subscriber", t->follower, 1 },
		{ "one to whom it is subscribed", t->followed, 0 },
		{ "one who was told directly", t->friar, 1 },
		{ "one session that was told directly", t->nurse, 1 },
		{ "a stranger", t->stranger, 0 },
	};
	loss->happens(t);
	harness_run(t->h);
	for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
		unsigned n = heard(cells[i].p);
		if (n != cells[i].wanted && !(loss->home_goes_too && i == 0))
			fail_msg("%s: %s has heard of it %u times, not %u", loss->name, cells[i].name, n, cells[i].wanted);
	}
	/* What was lost is lost: its end says nothing new. */
	if (!t->romeo->ended && loss->happens != falls_silent && loss->happens != reads_too_slowly)
		is_cut(t->romeo);
	harness_run(t->h);
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		assert_int_equal(heard(cells[i].p), 0);
	harness_free(&t->h);
}

static void check_all(unsigned workers, bool encoded)
{
	for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
		struct loss_test t;
		begin(&t, workers, encoded);
		check(&t, &losses[i]);
	}
}

static void everybody_who_knew_is_told_on_every_loss(void **state)
{
	(void)state;
	check_all(1, false);
	check_all(3, false);
}

static void also_between_processes(void **state)
{
	(void)state;
	check_all(3, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_who_knew_is_told_on_every_loss),
		cmocka_unit_test(also_between_processes),
	};
	return cmocka_run_group_tests_name("modules/presence_loss", tests, NULL, NULL);
}
