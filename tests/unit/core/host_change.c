/* Hosts that come and go under a running server: at once, on every worker, durably, whatever is under way. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/admin.h"
#include "server/core/server.h"
#include "server/core/session.h"

#include <stdio.h>

#define PLAIN  SASL_BIT(SASL_PLAIN)
#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "          \
	"to='im.example'>"
/* \0juliet\0secret */
#define SECRET "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>"
#define BIND   "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define ADD    "{\"command\": \"host-add\", \"domain\": \"im.example\"}\n"
#define REMOVE "{\"command\": \"host-remove\", \"domain\": \"im.example\"}\n"
#define DONE   "{\"result\":null}\n"
#define BUSY   "{\"error\":\"another change of the hosts is under way; try again\"}\n"

/* The ways of a connection to its account. */
static const struct harness_options same = { .workers = 1 };
static const struct harness_options moved = { .workers = 3 };
static const struct harness_options apart = { .workers = 3, .encoded = true };

struct fixture {
	struct harness *h;
	int admin;
};

static void dial_admin(struct fixture *f)
{
	struct net_address a;
	assert_true(net_address_unix(STR(SIM_FOLDER "/" ADMIN_SOCKET), &a));
	f->admin = network_dial(&f->h->sim.network, &a);
	assert_true(f->admin >= 0);
}

static int begin(void **state, const struct harness_options *o)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(o);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@im.example");
	dial_admin(f);
	*state = f;
	return 0;
}

static int setup_same(void **state)
{
	return begin(state, &same);
}

static int setup_moved(void **state)
{
	return begin(state, &moved);
}

static int setup_apart(void **state)
{
	return begin(state, &apart);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->admin >= 0)
		network_close(&f->h->sim.network, f->admin);
	harness_free(&f->h);
	test_free(f);
	return 0;
}

/* Not run. */
static void orders(struct fixture *f, const char *line)
{
	network_send(&f->h->sim.network, f->admin, str_from_c(line));
}

static void answers(struct fixture *f, const char *expected)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	network_receive(&f->h->sim.network, f->admin, &b, SIZE_MAX);
	if (!str_eq(buf_str(&b), str_from_c(expected)))
		fail_msg("expected %s, got " STR_FMT, expected, STR_ARG(buf_str(&b)));
	buf_fini(&b);
}

static void asks(struct fixture *f, const char *line, const char *expected)
{
	orders(f, line);
	harness_run(f->h);
	answers(f, expected);
}

static bool is_served(struct fixture *f, const char *domain)
{
	return server_is_host(&f->h->sim.server, str_from_c(domain));
}

static unsigned count(struct fixture *f, bool edges)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < f->h->sim.server.worker_count; i++) {
		const struct worker *w = &f->h->sim.workers[i].worker;
		n += atomic_load(edges ? &w->edge_count : &w->session_count);
	}
	return n;
}

static void assert_nobody_is_there(struct fixture *f)
{
	assert_int_equal(count(f, true), 0);
	assert_int_equal(count(f, false), 0);
}

static struct peer *comes(struct fixture *f, const char *jid)
{
	struct peer *p = dials_elsewhere(f->h, jid, HARNESS_PASSWORD, PLAIN);
	harness_run(f->h);
	return p;
}

static int dials_raw(struct fixture *f)
{
	struct net_address a = harness_port((harness_worker(f->h, "juliet@im.example")->index + 1) %
		f->h->sim.server.worker_count);
	int socket = network_dial(&f->h->sim.network, &a);
	assert_true(socket >= 0);
	return socket;
}

/* What has come on a raw connection so far ends with the error of a host that has gone. */
static void hears_the_end(struct fixture *f, int socket)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	network_receive(&f->h->sim.network, socket, &b, SIZE_MAX);
	if (!str_has_suffix(buf_str(&b), STR("<stream:error><host-gone xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
		    "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>this host is not served any more</text>"
		    "</stream:error></stream:stream>")))
		fail_msg(STR_FMT, STR_ARG(buf_str(&b)));
	buf_fini(&b);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	network_close(&f->h->sim.network, socket);
}

/* Adding. */

static void an_added_host_is_served_at_once(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = comes(f, "romeo@localhost/phone");
	struct peer *early = comes(f, "juliet@im.example/early");
	assert_true(early->ended);
	assert_int_equal(early->condition, STREAM_HOST_UNKNOWN);
	says(romeo, "<message to='juliet@im.example' id='1' type='chat'><body>1</body></message>");
	sees(romeo, "<message ~" ERROR("cancel", "remote-server-not-found") "</message>");
	asks(f, ADD, DONE);
	assert_true(is_served(f, "im.example"));
	struct peer *juliet = comes(f, "juliet@im.example/balcony");
	assert_true(is_bound(juliet));
	says(juliet, "<presence/>");
	overlooks(juliet);
	says(romeo, "<message to='juliet@im.example' id='2' type='chat'><body>2</body></message>");
	sees(juliet, "<message ~ id='2' ~");
	says(juliet, "<message to='romeo@localhost/phone' id='3' type='chat'><body>3</body></message>");
	sees(romeo, "<message ~ id='3' ~");
}

/* Nothing is served before it is durable, nor is it answered. */
static void an_added_host_is_durable_first(void **state)
{
	struct fixture *f = *state;
	stands_still(f->h, SIM_WRITER);
	asks(f, ADD, "");
	assert_false(is_served(f, "im.example"));
	harness_commit(f->h);
	answers(f, DONE);
	assert_true(is_served(f, "im.example"));
	network_close(&f->h->sim.network, f->admin);
	harness_crash(f->h);
	assert_true(is_served(f, "im.example"));
	dial_admin(f);
	assert_true(is_bound(comes(f, "juliet@im.example/balcony")));
	stands_still(f->h, SIM_WRITER);
	asks(f, REMOVE, "");
	assert_true(is_served(f, "im.example"));
	network_close(&f->h->sim.network, f->admin);
	harness_crash(f->h);
	assert_true(is_served(f, "im.example"));
	dial_admin(f);
}

static void a_change_that_cannot_be_stored_changes_nothing(void **state)
{
	struct fixture *f = *state;
	f->h->faults.unit = "INTO hosts";
	asks(f, ADD, "{\"error\":\"the host could not be added\"}\n");
	assert_false(is_served(f, "im.example"));
	f->h->faults.unit = NULL;
	asks(f, ADD, DONE);
	struct peer *juliet = comes(f, "juliet@im.example/balcony");
	f->h->faults.unit = "FROM hosts";
	asks(f, REMOVE, "{\"error\":\"the host could not be removed\"}\n");
	f->h->faults.unit = NULL;
	assert_true(is_served(f, "im.example"));
	assert_false(juliet->ended);
	asks(f, REMOVE, DONE);
	assert_true(juliet->ended);
}

static void wrong_changes_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *line, *answer;
	} wrong[] = {
		{ "{\"command\": \"host-add\"}\n", "{\"error\":\"no domain is given\"}\n" },
		{ "{\"command\": \"host-add\", \"domain\": 5}\n", "{\"error\":\"no domain is given\"}\n" },
		{ "{\"command\": \"host-add\", \"domain\": \"LOCALHOST\"}\n", "{\"error\":\"this host is served already\"}\n" },
		{ "{\"command\": \"host-add\", \"domain\": \"x\", \"key\": \"/k\"}\n",
			"{\"error\":\"a certificate and its key are given together\"}\n" },
		{ "{\"command\": \"host-remove\"}\n", "{\"error\":\"no domain is given\"}\n" },
		{ REMOVE, "{\"error\":\"there is no such host\"}\n" },
		{ "{\"command\": \"host-remove\", \"domain\": \"localhost\"}\n",
			"{\"error\":\"this host is in the configuration file: remove it there, and restart the server\"}\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		asks(f, wrong[i].line, wrong[i].answer);
	asks(f, "{\"command\": \"host-list\"}\n",
		"{\"result\":[{\"domain\":\"localhost\",\"configured\":true,\"certificate\":\"\",\"key\":\"\"}]}\n");
	asks(f, "{\"command\": \"host-list\", \"from\": 1}\n", "{\"result\":[]}\n");
	asks(f, "{\"command\": \"host-list\", \"from\": -1}\n",
		"{\"result\":[{\"domain\":\"localhost\",\"configured\":true,\"certificate\":\"\",\"key\":\"\"}]}\n");
}

static void one_change_at_a_time(void **state)
{
	struct fixture *f = *state;
	int first = f->admin;
	stands_still(f->h, SIM_WRITER);
	asks(f, ADD, "");
	dial_admin(f);
	asks(f, "{\"command\": \"host-add\", \"domain\": \"other.example\"}\n", BUSY);
	asks(f, "{\"command\": \"host-remove\", \"domain\": \"localhost\"}\n", BUSY);
	/* Who began it leaves: it is made all the same, and nobody is in the way any more. */
	network_close(&f->h->sim.network, first);
	everything_goes_on(f->h);
	harness_run(f->h);
	assert_true(is_served(f, "im.example"));
	asks(f, REMOVE, DONE);
}

/* TLS contexts are made by the driver, on a thread of its own. */

struct loader {
	struct tls_load *asked;
};

static void load(void *ctx, struct tls_load *l)
{
	((struct loader *)ctx)->asked = l;
}

static void a_host_whose_certificate_cannot_be_loaded_is_not_added(void **state)
{
	struct fixture *f = *state;
	struct loader loader = { 0 };
	f->h->sim.server.tls_loader = (struct tls_loader){ load, &loader };
	asks(f, ADD, "");
	assert_int_equal(host_table_count(loader.asked->hosts), 2);
	assert_non_null(host_table_find(loader.asked->hosts, STR("im.example")));
	snprintf(loader.asked->why, sizeof(loader.asked->why), "certificate x.crt: not PEM");
	loader.asked->done(loader.asked);
	harness_run(f->h);
	answers(f, "{\"error\":\"certificate x.crt: not PEM\"}\n");
	assert_false(is_served(f, "im.example"));
	/* And the end of the server does not wait for one that is being made. */
	asks(f, ADD, "");
	loader.asked->done(loader.asked);
}

/* One that has sent its requests together. */
static void a_change_behind_one_that_failed_is_made(void **state)
{
	struct fixture *f = *state;
	struct loader loader = { 0 };
	asks(f, ADD, DONE);
	f->h->sim.server.tls_loader = (struct tls_loader){ load, &loader };
	asks(f, "{\"command\": \"host-add\", \"domain\": \"other.example\"}\n" REMOVE, "");
	loader.asked->done(loader.asked);
	harness_run(f->h);
	answers(f, "{\"error\":\"\"}\n" DONE);
	assert_false(is_served(f, "im.example"));
	f->h->faults.unit = "INTO hosts";
	f->h->sim.server.tls_loader = (struct tls_loader){ 0 };
	asks(f, ADD "{\"command\": \"host-remove\", \"domain\": \"im.example\"}\n",
		"{\"error\":\"the host could not be added\"}\n{\"error\":\"there is no such host\"}\n");
}

/* Removing. */

static void streams_of_a_removed_host_end_with_host_gone(void **state)
{
	struct fixture *f = *state;
	asks(f, ADD, DONE);
	harness_account(f->h, "nurse@im.example");
	struct peer *romeo = comes(f, "romeo@localhost/phone");
	struct peer *gone[] = { comes(f, "juliet@im.example/balcony"), comes(f, "juliet@im.example/hall"),
		comes(f, "nurse@im.example/kitchen"), arrives(f->h, "nurse@im.example/hall") };
	says(gone[0], "<presence to='romeo@localhost/phone'/>");
	sees(romeo, "<presence ~");
	asks(f, REMOVE, DONE);
	for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
		assert_true(gone[i]->ended);
		assert_int_equal(gone[i]->condition, STREAM_HOST_GONE);
	}
	sees(romeo, "<presence from='juliet@im.example/balcony' ~ type='unavailable'/>");
	assert_false(romeo->ended);
	assert_int_equal(count(f, false), 1);
	struct peer *late = comes(f, "juliet@im.example/late");
	assert_int_equal(late->condition, STREAM_HOST_UNKNOWN);
	says(romeo, "<message to='juliet@im.example' type='chat'><body>1</body></message>");
	sees(romeo, "<message ~" ERROR("cancel", "remote-server-not-found") "</message>");
	says(romeo, "<iq to='im.example' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(romeo, "<iq ~" ERROR("cancel", "remote-server-not-found") "</iq>");
	/* Nothing of it stays in memory. */
	harness_advance(f->h, 200000);
	assert_null(harness_find(f->h, "juliet@im.example"));
	assert_null(harness_find(f->h, "nurse@im.example"));
}

static void streams_that_are_not_bound_end_too(void **state)
{
	struct fixture *f = *state;
	static const char *const said[] = { HEADER, HEADER SECRET, HEADER SECRET HEADER };
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		asks(f, ADD, DONE);
		int socket = dials_raw(f);
		network_send(&f->h->sim.network, socket, str_from_c(said[i]));
		harness_run(f->h);
		asks(f, REMOVE, DONE);
		hears_the_end(f, socket);
		harness_run(f->h);
		assert_nobody_is_there(f);
	}
	/* One that has said nothing yet is for any host. */
	int socket = dials_raw(f);
	harness_run(f->h);
	asks(f, ADD, DONE);
	asks(f, REMOVE, DONE);
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	network_close(&f->h->sim.network, socket);
}

/* Whatever has been reached when it goes: the stream ends, and nobody is left in a session. */
static void a_host_may_go_at_any_step_of_a_login(void **state)
{
	struct fixture *f = *state;
	for (unsigned steps = 0; steps < 30; steps++) {
		asks(f, ADD, DONE);
		int socket = dials_raw(f);
		network_send(&f->h->sim.network, socket, STR(HEADER SECRET HEADER BIND "<presence/>"));
		for (unsigned i = 0; i < steps; i++)
			harness_step(f->h);
		asks(f, REMOVE, DONE);
		assert_true(network_peer_has_ended(&f->h->sim.network, socket));
		network_close(&f->h->sim.network, socket);
		harness_run(f->h);
		assert_nobody_is_there(f);
	}
}

/* It was on its way to a worker that has let go of the host already, from one that had not yet. */
static void one_that_arrives_behind_the_change_ends_too(void **state)
{
	struct fixture *f = *state;
	asks(f, ADD, DONE);
	struct server *server = &f->h->sim.server;
	struct worker *owner = harness_worker(f->h, "juliet@im.example");
	int socket = dials_raw(f);
	network_send(&f->h->sim.network, socket, STR(HEADER SECRET));
	stands_still(f->h, SIM_FIRST_WORKER + owner->index);
	harness_run(f->h);
	assert_false(inbox_is_empty(&owner->inbox));
	struct host_table *changed = host_table_without(server_hosts(server), STR("im.example"));
	changed = atomic_exchange(&server->hosts, changed);
	everything_goes_on(f->h);
	harness_run(f->h);
	hears_the_end(f, socket);
	changed = atomic_exchange(&server->hosts, changed);
	host_table_free(&changed);
}

static void what_a_removed_host_had_is_back_with_it(void **state)
{
	struct fixture *f = *state;
	asks(f, ADD, DONE);
	struct peer *romeo = comes(f, "romeo@localhost/phone"), *juliet = arrives(f->h, "juliet@im.example/balcony");
	says(romeo, "<presence/>");
	says(romeo, "<presence type='subscribe' to='juliet@im.example'/>");
	says(juliet, "<presence type='subscribed' to='romeo@localhost'/>");
	becomes_full(juliet);
	says(romeo, "<message to='juliet@im.example' id='1' type='chat'><body>1</body></message>");
	asks(f, REMOVE, DONE);
	assert_true(is_released(juliet));
	overlooks(romeo);
	/* What nobody had read yet waits for her. */
	assert_int_equal(harness_log_rows(f->h, "juliet@im.example"), 1);
	asks(f, ADD, DONE);
	juliet = arrives(f->h, "juliet@im.example/balcony");
	sees_somewhere(romeo, "<presence from='juliet@im.example/balcony' ~");
	says(juliet, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
	says(romeo, "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>");
	sees_somewhere(romeo, "<iq ~<item jid='juliet@im.example' subscription='to'/></query></iq>");
}

/* It was accepted, and is in both databases: it arrives, though the receiver's host has gone meanwhile. */
static void what_is_on_its_way_to_a_removed_host_arrives(void **state)
{
	struct fixture *f = *state;
	asks(f, ADD, DONE);
	struct peer *romeo = arrives(f->h, "romeo@localhost/phone");
	stands_still(f->h, SIM_WRITER);
	posts(romeo, "<presence type='subscribe' to='juliet@im.example'/>");
	posts(romeo, "<message to='juliet@im.example' id='1' type='chat'><body>1</body></message>");
	orders(f, REMOVE);
	harness_run(f->h);
	everything_goes_on(f->h);
	harness_run(f->h);
	answers(f, DONE);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	/* From now on it is a stranger's. */
	overlooks(romeo);
	says(romeo, "<presence type='subscribe' to='nurse@im.example'/>");
	sees_somewhere(romeo, "<presence ~" ERROR("cancel", "remote-server-not-found") "</presence>");
	assert_int_equal(harness_outbox_rows(f->h), 0);
	asks(f, ADD, DONE);
	struct peer *juliet = opens(f->h, "juliet@im.example/balcony");
	says(juliet, "<presence/>");
	sees_somewhere(juliet, "<presence from='romeo@localhost' ~ type='subscribe'/>");
	sees_somewhere(juliet, "<message ~ id='1' ~");
}

static void a_restart_finds_entries_of_a_removed_host(void **state)
{
	struct fixture *f = *state;
	asks(f, ADD, DONE);
	struct peer *juliet = arrives(f->h, "juliet@im.example/balcony");
	stands_still(f->h, SIM_WRITER);
	posts(juliet, "<presence type='subscribe' to='romeo@localhost'/>");
	orders(f, REMOVE);
	harness_run(f->h);
	harness_commit(f->h);
	network_close(&f->h->sim.network, f->admin);
	harness_crash(f->h);
	assert_false(is_served(f, "im.example"));
	dial_admin(f);
	assert_int_equal(harness_outbox_rows(f->h), 0);
	struct peer *romeo = opens(f->h, "romeo@localhost/phone");
	says(romeo, "<presence/>");
	sees_somewhere(romeo, "<presence from='juliet@im.example' ~ type='subscribe'/>");
	says(romeo, "<presence type='subscribed' to='juliet@im.example'/>");
	sees_somewhere(romeo, "<presence ~" ERROR("cancel", "remote-server-not-found") "</presence>");
}

/* As often as one likes: nothing is left over, which the end of the server and AddressSanitizer would tell. */
static void hosts_come_and_go_for_ever(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < 50; i++) {
		asks(f, ADD, DONE);
		asks(f, REMOVE, DONE);
	}
	orders(f, ADD);
	for (unsigned i = 0; i < 3; i++)
		harness_step(f->h);
	network_close(&f->h->sim.network, f->admin);
	harness_abandon(&f->h);
	f->h = harness_new_as(&same);
	dial_admin(f);
}

#define IN_ALL_WAYS(test)                                                                                              \
	{ #test, test, setup_same, teardown, NULL },                                                                   \
	{ #test "_where_connections_move", test, setup_moved, teardown, NULL },                                        \
	{ #test "_where_they_stay_elsewhere", test, setup_apart, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ALL_WAYS(an_added_host_is_served_at_once),
		cmocka_unit_test_setup_teardown(an_added_host_is_durable_first, setup_moved, teardown),
		cmocka_unit_test_setup_teardown(a_change_that_cannot_be_stored_changes_nothing, setup_moved, teardown),
		cmocka_unit_test_setup_teardown(wrong_changes_are_refused, setup_same, teardown),
		cmocka_unit_test_setup_teardown(one_change_at_a_time, setup_moved, teardown),
		cmocka_unit_test_setup_teardown(a_host_whose_certificate_cannot_be_loaded_is_not_added, setup_moved, teardown),
		cmocka_unit_test_setup_teardown(a_change_behind_one_that_failed_is_made, setup_moved, teardown),
		IN_ALL_WAYS(streams_of_a_removed_host_end_with_host_gone),
		IN_ALL_WAYS(streams_that_are_not_bound_end_too),
		IN_ALL_WAYS(a_host_may_go_at_any_step_of_a_login),
		cmocka_unit_test_setup_teardown(one_that_arrives_behind_the_change_ends_too, setup_moved, teardown),
		IN_ALL_WAYS(what_a_removed_host_had_is_back_with_it),
		IN_ALL_WAYS(what_is_on_its_way_to_a_removed_host_arrives),
		cmocka_unit_test_setup_teardown(a_restart_finds_entries_of_a_removed_host, setup_moved, teardown),
		cmocka_unit_test_setup_teardown(hosts_come_and_go_for_ever, setup_moved, teardown),
	};
	return cmocka_run_group_tests_name("core/host_change", tests, NULL, NULL);
}
