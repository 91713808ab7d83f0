/* Who may do what to an account: operations × actors. A cell says what the actor is answered, and what the account's
 * session gets. The session of a victim gets nothing at all of a forgery (docs/SECURITY.md, F1 to F4, A3). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/modules/kit.h"

#include "lib/base/mem.h"
#include "server/core/admin.h"

#include <stdio.h>

enum actor {
	OWN, /* another session of the account */
	CONTACT, /* subscribed, both ways */
	STRANGER, /* another account of the host */
	ABROAD, /* one of another host of this server */
	NOBODY, /* a stream that has not logged in */
	ACTORS
};

static const char *const actors[ACTORS] = { "romeo@localhost/home", "juliet@localhost/balcony", "mercutio@localhost/street",
	"paris@other.example/court", NULL };

/* What the actor is answered: a pattern, NOTHING, or the condition that ends its stream. */
#define NOTHING NULL
#define ENDS "!invalid-from"
#define NOT_LOGGED_IN "!not-authorized"
#define UNKNOWN "<iq from='romeo@localhost*' id='i' to='*' type='error'>~" ERROR("cancel", "service-unavailable") "</iq>"
#define FORBIDDEN "<iq from='romeo@localhost' id='i' to='*' type='error'>~" ERROR("auth", "forbidden") "</iq>"
#define RESULT "<iq from='romeo@localhost' id='i' to='*' type='result'~"
#define ANYTHING "~"
#define IQ(type, to, payload) "<iq type='" type "' id='i' to='romeo@localhost" to "'>" payload "</iq>"
#define DISCO(what) "<query xmlns='http://jabber.org/protocol/disco#" what "'/>"
#define ADDED "<item jid='tybalt@localhost'/>"
#define CARBON                                                                                                         \
	"<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "       \
	"from='romeo@localhost/home' to='juliet@localhost'><body>2</body></message></forwarded></sent>"

struct cell {
	const char *answer; /* to the actor */
	const char *seen; /* by romeo@localhost/phone; NOTHING */
};

struct operation {
	const char *name, *stanza;
	struct cell cells[ACTORS];
};

#define OUTSIDE { NOT_LOGGED_IN, NOTHING }

static const struct operation operations[] = {
	/* Its roster (RFC 6121, 2.1.5). */
	{ "roster get", IQ("get", "", EMPTY), { { RESULT, NOTHING }, { FORBIDDEN, NOTHING }, { UNKNOWN, NOTHING },
		{ UNKNOWN, NOTHING }, OUTSIDE } },
	{ "roster set", IQ("set", "", ROSTER(ADDED)), { { RESULT, "<iq id='*' to='romeo@localhost/phone' type='set'>"
		HAS_ROSTER("<item jid='tybalt@localhost' subscription='none'/>") "</iq>" }, { FORBIDDEN, NOTHING },
		{ UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	{ "roster removal", IQ("set", "", ROSTER("<item jid='juliet@localhost' subscription='remove'/>")),
		{ { ANYTHING, ANYTHING }, { FORBIDDEN, NOTHING }, { UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	/* F2: what looks like a push comes from the account alone. */
	{ "roster push to a session", IQ("set", "/phone", ROSTER(ADDED)), { { NOTHING,
		"<iq from='romeo@localhost/home' id='i' to='romeo@localhost/phone' type='set'>~" }, { UNKNOWN, NOTHING },
		{ UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	{ "roster push that claims to be the account's", "<iq type='set' id='i' from='romeo@localhost' to='romeo@localhost/phone'>"
		ROSTER(ADDED) "</iq>", { { NOTHING, "<iq from='romeo@localhost/home' ~" }, { ENDS, NOTHING },
		{ ENDS, NOTHING }, { ENDS, NOTHING }, OUTSIDE } },
	{ "roster push that claims to be the server's", "<iq type='set' id='i' from='localhost' to='romeo@localhost/phone'>"
		ROSTER(ADDED) "</iq>", { { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING },
		OUTSIDE } },
	/* Disco and ping. */
	{ "disco info", IQ("get", "", DISCO("info")), { { RESULT, NOTHING }, { UNKNOWN, NOTHING }, { UNKNOWN, NOTHING },
		{ UNKNOWN, NOTHING }, OUTSIDE } },
	{ "disco items", IQ("get", "", DISCO("items")), { { RESULT, NOTHING }, { UNKNOWN, NOTHING }, { UNKNOWN, NOTHING },
		{ UNKNOWN, NOTHING }, OUTSIDE } },
	{ "ping", IQ("get", "", "<ping xmlns='urn:xmpp:ping'/>"), { { RESULT, NOTHING }, { RESULT, NOTHING },
		{ UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	{ "ping to a session", IQ("get", "/phone", "<ping xmlns='urn:xmpp:ping'/>"), { { NOTHING, "<iq ~ type='get'>~" },
		{ NOTHING, "<iq ~ type='get'>~" }, { UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	{ "session", IQ("set", "", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), { { RESULT, NOTHING },
		{ UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	{ "anything else", IQ("set", "", "<x xmlns='urn:x'/>"), { { UNKNOWN, NOTHING }, { UNKNOWN, NOTHING },
		{ UNKNOWN, NOTHING }, { UNKNOWN, NOTHING }, OUTSIDE } },
	/* Subscriptions. */
	{ "subscribe", "<presence id='i' type='subscribe' to='romeo@localhost'/>",
		{ { "<presence ~ type='error'>" ERROR("cancel", "not-allowed") "</presence>", NOTHING }, { NOTHING, NOTHING },
		{ NOTHING, "<presence from='mercutio@localhost' id='i' to='romeo@localhost' type='subscribe'/>" },
		{ NOTHING, "<presence from='paris@other.example' id='i' to='romeo@localhost' type='subscribe'/>" }, OUTSIDE } },
	{ "subscribed, which nobody has asked for", "<presence id='i' type='subscribed' to='romeo@localhost'/>",
		{ { ANYTHING, NOTHING }, { NOTHING, NOTHING }, { NOTHING, NOTHING }, { NOTHING, NOTHING }, OUTSIDE } },
	{ "unsubscribe", "<presence id='i' type='unsubscribe' to='romeo@localhost'/>",
		{ { ANYTHING, NOTHING }, { ANYTHING, "<presence from='juliet@localhost' id='i' ~ type='unsubscribe'/>" },
		{ NOTHING, NOTHING }, { NOTHING, NOTHING }, OUTSIDE } },
	{ "unsubscribed", "<presence id='i' type='unsubscribed' to='romeo@localhost'/>",
		{ { ANYTHING, NOTHING }, { ANYTHING, ANYTHING }, { NOTHING, NOTHING }, { NOTHING, NOTHING }, OUTSIDE } },
	{ "approval in the name of another", "<presence id='i' type='subscribed' from='benvolio@localhost' to='romeo@localhost'/>",
		{ { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, OUTSIDE } },
	{ "probe", "<presence id='i' type='probe' to='romeo@localhost'/>",
		{ { "<presence from='romeo@localhost/phone' ~", NOTHING }, { "<presence from='romeo@localhost/phone' ~", NOTHING },
		{ NOTHING, NOTHING }, { NOTHING, NOTHING }, OUTSIDE } },
	{ "probe of a session", "<presence id='i' type='probe' to='romeo@localhost/phone'/>",
		{ { "<presence from='romeo@localhost/phone' ~", NOTHING }, { "<presence from='romeo@localhost/phone' ~", NOTHING },
		{ NOTHING, NOTHING }, { NOTHING, NOTHING }, OUTSIDE } },
	/* Messages, and what they claim. */
	{ "message", "<message id='i' to='romeo@localhost/phone'><body>1</body></message>",
		{ { NOTHING, "<message from='romeo@localhost/home' ~" }, { NOTHING, "<message from='juliet@localhost/balcony' ~" },
		{ NOTHING, "<message from='mercutio@localhost/street' ~" }, { NOTHING, "<message from='paris@other.example/court' ~" },
		OUTSIDE } },
	{ "message in the name of another", "<message id='i' from='benvolio@localhost/x' to='romeo@localhost/phone'><body>1</body>"
		"</message>", { { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, OUTSIDE } },
	{ "message in the account's own name", "<message id='i' from='romeo@localhost' to='romeo@localhost/phone'><body>1</body>"
		"</message>", { { NOTHING, "<message from='romeo@localhost/home' ~" }, { ENDS, NOTHING }, { ENDS, NOTHING },
		{ ENDS, NOTHING }, OUTSIDE } },
	{ "carbon (F1)", "<message id='i' to='romeo@localhost/phone'>" CARBON "</message>",
		{ { NOTHING, "<message from='romeo@localhost/home' ~" }, { NOTHING, NOTHING }, { NOTHING, NOTHING },
		{ NOTHING, NOTHING }, OUTSIDE } },
	{ "stanza id and delay of ours (F4)", "<message id='i' to='romeo@localhost/phone'><stanza-id xmlns='urn:xmpp:sid:0' "
		"by='romeo@localhost' id='1'/><delay xmlns='urn:xmpp:delay' from='localhost' stamp='2002-09-10T23:08:25Z'/>"
		"<body>1</body></message>",
		{ { NOTHING, "<message from='*' id='i' to='*'><body>1</body></message>" },
		{ NOTHING, "<message from='*' id='i' to='*'><body>1</body></message>" },
		{ NOTHING, "<message from='*' id='i' to='*'><body>1</body></message>" },
		{ NOTHING, "<message from='*' id='i' to='*'><body>1</body></message>" }, OUTSIDE } },
	/* Presence that was sent to it shows who sent it; answers find the one who is asked. */
	{ "directed presence", "<presence id='i' to='romeo@localhost/phone'/>", { { NOTHING, "<presence from='romeo@localhost/home' ~" },
		{ NOTHING, "<presence from='juliet@localhost/balcony' ~" }, { NOTHING, "<presence from='mercutio@localhost/street' ~" },
		{ NOTHING, "<presence from='paris@other.example/court' ~" }, OUTSIDE } },
	{ "presence in the name of another", "<presence from='benvolio@localhost/x' to='romeo@localhost/phone'/>",
		{ { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, { ENDS, NOTHING }, OUTSIDE } },
	{ "answer to what was not asked", IQ("result", "", EMPTY), { { NOTHING, NOTHING }, { NOTHING, NOTHING },
		{ NOTHING, NOTHING }, { NOTHING, NOTHING }, OUTSIDE } },
};

struct fixture {
	struct harness *h;
	struct peer *victim, *all[ACTORS];
};

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .h = harness_new_as(
		&(struct harness_options){ .workers = 2, .hosts = "localhost, other.example" }) };
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	harness_account(f->h, "mercutio@localhost");
	harness_account(f->h, "paris@other.example");
	f->victim = logs_in(f->h, "romeo@localhost/phone");
	for (enum actor a = 0; a < NOBODY; a++)
		f->all[a] = logs_in(f->h, actors[a]);
	befriend(f->victim, f->all[CONTACT]);
	says(f->victim, "<iq type='get' id='g'>" EMPTY "</iq>");
	says(f->victim, "<presence/>");
	for (enum actor a = 0; a < NOBODY; a++)
		overlooks(f->all[a]);
	overlooks(f->victim);
}

/* Says it on a stream of its own before any login, and takes what is answered. */
static void check_nobody(struct fixture *f, const struct operation *o)
{
	struct network *n = &f->h->sim.network;
	struct net_address port = harness_port(0);
	struct buf heard;
	int socket = network_dial(n, &port);
	assert_true(socket >= 0);
	buf_init(&heard, 1u << 20);
	network_send(n, socket, STR("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
		"version='1.0' to='localhost'>"));
	network_send(n, socket, str_from_c(o->stanza));
	harness_run(f->h);
	network_receive(n, socket, &heard, SIZE_MAX);
	buf_add_byte(&heard, 0);
	if (!strstr(buf_str(&heard).p, "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"))
		fail_msg("%s before the login: %s", o->name, buf_str(&heard).p);
	buf_fini(&heard);
	network_close(n, socket);
	harness_run(f->h);
}

static void check_answer(struct peer *p, const struct operation *o, const char *answer)
{
	if (answer && answer[0] == '!') {
		if (!p->ended || p->condition != STREAM_INVALID_FROM)
			fail_msg("%s by " STR_FMT " did not end the stream", o->name, STR_ARG(jid_full(p->jid)));
	} else if (!answer) {
		sees_nothing(p);
	} else if (strcmp(answer, ANYTHING) != 0) {
		sees(p, answer);
	}
	overlooks(p);
}

static void check_cell(const struct operation *o, enum actor actor)
{
	struct fixture f;
	const struct cell *cell = &o->cells[actor];
	fixture_init(&f);
	if (actor == NOBODY) {
		check_nobody(&f, o);
	} else {
		says(f.all[actor], "%s", o->stanza);
		check_answer(f.all[actor], o, cell->answer);
	}
	if (!cell->seen)
		sees_nothing(f.victim);
	else if (strcmp(cell->seen, ANYTHING) != 0)
		sees(f.victim, cell->seen);
	overlooks(f.victim);
	assert_false(f.victim->ended);
	harness_free(&f.h);
}

static void by(enum actor actor)
{
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		check_cell(&operations[i], actor);
}

static void what_the_account_itself_may(void **state)
{
	(void)state;
	by(OWN);
}

static void what_a_contact_may(void **state)
{
	(void)state;
	by(CONTACT);
}

static void what_another_account_may(void **state)
{
	(void)state;
	by(STRANGER);
}

static void what_an_account_of_another_host_may(void **state)
{
	(void)state;
	by(ABROAD);
}

static void who_has_not_logged_in_may_nothing(void **state)
{
	(void)state;
	by(NOBODY);
}

/* The admin socket is for commands about accounts: it has no stanzas, and nobody's name. */
static void the_admin_socket_takes_no_stanzas(void **state)
{
	(void)state;
	struct fixture f;
	struct net_address a;
	struct buf heard;
	fixture_init(&f);
	assert_true(net_address_unix(STR(SIM_FOLDER "/" ADMIN_SOCKET), &a));
	buf_init(&heard, 1u << 20);
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		int socket = network_dial(&f.h->sim.network, &a);
		assert_true(socket >= 0);
		network_send(&f.h->sim.network, socket, str_from_c(operations[i].stanza));
		network_send(&f.h->sim.network, socket, STR("\n"));
		harness_run(f.h);
		buf_clear(&heard);
		network_receive(&f.h->sim.network, socket, &heard, SIZE_MAX);
		buf_add_byte(&heard, 0);
		assert_non_null(strstr(buf_str(&heard).p, "{\"error\":"));
		network_close(&f.h->sim.network, socket);
		sees_nothing(f.victim);
	}
	buf_fini(&heard);
	harness_free(&f.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_account_itself_may),
		cmocka_unit_test(what_a_contact_may),
		cmocka_unit_test(what_another_account_may),
		cmocka_unit_test(what_an_account_of_another_host_may),
		cmocka_unit_test(who_has_not_logged_in_may_nothing),
		cmocka_unit_test(the_admin_socket_takes_no_stanzas),
	};
	return cmocka_run_group_tests_name("modules/authorisation", tests, NULL, NULL);
}
