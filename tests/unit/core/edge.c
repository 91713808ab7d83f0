/* Edges: client connections from the first byte to the last, on the account's worker, moved there, or staying
 * elsewhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "lib/stream/scram.h"
#include "server/core/hashpool.h"

#include <stdio.h>

#define PLAIN SASL_BIT(SASL_PLAIN)
#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "          \
	"to='localhost'>"
#define BIND_REQUEST                                                                                                   \
	"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>raw</resource></bind></iq>"
#define SECRET "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>"
#define WRONG "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdyb25n</auth>"
#define NOBODY "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG5vYm9keQBzZWNyZXQ=</auth>"

/* The ways of a connection to its account. */
static const struct harness_options same = { .workers = 1 };
static const struct harness_options moved = { .workers = 3 };
static const struct harness_options apart = { .workers = 3, .encoded = true };

struct fixture {
	struct harness *h;
	struct peer *juliet;
};

static int begin(void **state, const struct harness_options *o)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new_as(o);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	f->juliet = arrives(f->h, "juliet@localhost/balcony");
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

static unsigned edges(struct harness *h)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < h->sim.server.worker_count; i++)
		n += atomic_load(&h->sim.workers[i].worker.edge_count);
	return n;
}

static unsigned sessions(struct harness *h)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < h->sim.server.worker_count; i++)
		n += atomic_load(&h->sim.workers[i].worker.session_count);
	return n;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

static struct peer *comes(struct fixture *f, const char *jid)
{
	struct peer *p = dials_elsewhere(f->h, jid, HARNESS_PASSWORD, PLAIN);
	harness_run(f->h);
	assert_true(is_bound(p));
	return p;
}

/* Logging in. */

static void every_mechanism_logs_in(void **state)
{
	struct fixture *f = *state;
	static const enum sasl_mechanism mechanisms[] = { SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_1, SASL_PLAIN };
	sim_credentials(&f->h->credentials, STR(HARNESS_PASSWORD), SCRAM_ITERATIONS_MIN);
	harness_account(f->h, "mercutio@localhost");
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
		struct peer *p = dials_elsewhere(f->h, "mercutio@localhost/phone", HARNESS_PASSWORD,
			SASL_BIT(mechanisms[i]));
		harness_run(f->h);
		assert_true(is_bound(p));
		closes(p);
		harness_run(f->h);
		assert_true(p->ended);
		assert_int_equal(p->condition, STREAM_OK);
	}
	assert_int_equal(edges(f->h), 0);
	assert_int_equal(sessions(f->h), 1);
}

static void a_session_talks_both_ways(void **state)
{
	struct fixture *f = *state;
	struct peer *romeo = comes(f, "romeo@localhost/phone");
	says(romeo, "<presence/>");
	sees(romeo, "<presence from='romeo@localhost/phone' to='romeo@localhost'/>");
	for (int n = 0; n < 30; n++) {
		posts(romeo, "<message to='juliet@localhost' type='chat' id='r%d'><body>&lt;%d&gt;</body></message>",
			n, n);
		posts(f->juliet, "<message to='romeo@localhost' type='chat' id='j%d'><body>%d</body></message>", n, n);
	}
	harness_run(f->h);
	for (int n = 0; n < 30; n++) {
		char pattern[200];
		snprintf(pattern, sizeof(pattern), "<message from='romeo@localhost/phone' id='r%d' "
			"to='juliet@localhost' "
			"type='chat'><body>&lt;%d&gt;</body></message>", n, n);
		sees(f->juliet, pattern);
		snprintf(pattern, sizeof(pattern), "<message from='juliet@localhost/balcony' id='j%d' "
			"~<body>%d</body></message>",
			n, n);
		sees(romeo, pattern);
	}
	sees_nothing(romeo);
	assert_int_equal(edges(f->h), 1);
}

static void the_server_chooses_a_resource_where_none_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct peer *a = comes(f, "romeo@localhost"), *b = comes(f, "romeo@localhost");
	assert_false(jid_is_bare(a->jid));
	assert_false(jid_equal(a->jid, b->jid));
	says(a, "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(a, "<iq id='p' ~ type='result'/>");
}

static int raw(struct fixture *f)
{
	unsigned worker = (harness_worker(f->h, "romeo@localhost")->index + 1) % f->h->sim.server.worker_count;
	struct net_address port = harness_port(worker);
	int socket = network_dial(&f->h->sim.network, &port);
	assert_true(socket >= 0);
	return socket;
}

static void sends(struct fixture *f, int socket, const char *text)
{
	network_send(&f->h->sim.network, socket, str_from_c(text));
	harness_run(f->h);
}

/* What has come contains all of these, in this order. */
static void hears(struct fixture *f, int socket, const char *const *parts)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	network_receive(&f->h->sim.network, socket, &b, SIZE_MAX);
	buf_add_byte(&b, 0);
	const char *at = buf_str(&b).p;
	for (; *parts; parts++) {
		const char *found = strstr(at, *parts);
		if (!found)
			fail_msg("no %s in %s", *parts, buf_str(&b).p);
		at = found + strlen(*parts);
	}
	buf_fini(&b);
}

#define HEARS(f, socket, ...) hears((f), (socket), (const char *const[]){ __VA_ARGS__, NULL })

/* All that a client may say before it has heard anything. */
static void a_pipelined_login_works(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER BIND_REQUEST
		"<presence/><message to='juliet@localhost' type='chat' id='m'><body>1</body></message>");
	HEARS(f, socket, "<success ", "<bind ", "romeo@localhost/raw</jid>", "<presence ");
	sees(f->juliet, "<message from='romeo@localhost/raw' id='m' ~");
	sends(f, socket, "</stream:stream>");
	HEARS(f, socket, "</stream:stream>");
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
	assert_int_equal(sessions(f->h), 1);
}

static void two_pipelined_logins_do_not_mix(void **state)
{
	struct fixture *f = *state;
	int a = raw(f), b = raw(f);
	struct network *n = &f->h->sim.network;
	network_send(n, a, STR(HEADER SECRET HEADER));
	network_send(n, b, STR(HEADER WRONG SECRET HEADER));
	harness_run(f->h);
	sends(f, a, "<iq type='set' id='b'><bind "
		"xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>a</resource></bind></iq>");
	sends(f, b, "<iq type='set' id='b'><bind "
		"xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>b</resource></bind></iq>");
	HEARS(f, a, "<success ", "romeo@localhost/a</jid>");
	HEARS(f, b, "<failure ", "<not-authorized/>", "<success ", "romeo@localhost/b</jid>");
	network_close(n, a);
	network_close(n, b);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
}

/* In pieces of any size. */
static void a_login_in_pieces_works(void **state)
{
	struct fixture *f = *state;
	f->h->sim.network.chunk = 3;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<message to='juliet@localhost' type='chat' id='m'><body>1</body></message>");
	sees(f->juliet, "<message ~ id='m' ~");
}

static void a_wrong_password_counts(void **state)
{
	struct fixture *f = *state;
	struct peer *p = dials_elsewhere(f->h, "romeo@localhost/phone", "wrong", PLAIN);
	harness_run(f->h);
	assert_int_equal(login_failure(p), SASL_NOT_AUTHORIZED);
	/* docs/SECURITY.md, L5 */
	int socket = raw(f);
	sends(f, socket, HEADER WRONG);
	HEARS(f, socket, "<not-authorized/>");
	sends(f, socket, NOBODY);
	HEARS(f, socket, "<not-authorized/>");
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	sends(f, socket, WRONG);
	HEARS(f, socket, "<not-authorized/>", "</stream:stream>");
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
	uint64_t failures = 0;
	for (uint32_t i = 0; i < f->h->sim.server.worker_count; i++)
		failures += atomic_load(&f->h->sim.workers[i].worker.counters.login_failures);
	assert_int_equal(failures, 4);
}

/* docs/SECURITY.md, L2: the same reads and the same hashes, too. */
static void an_unknown_user_looks_like_a_wrong_password(void **state)
{
	struct fixture *f = *state;
	unsigned reads[2], hashes[2];
	static const char *const tries[] = { WRONG, NOBODY };
	for (int i = 0; i < 2; i++) {
		int socket = raw(f);
		unsigned before = f->h->faults.queries;
		stands_still(f->h, SIM_HASHER);
		sends(f, socket, HEADER);
		sends(f, socket, tries[i]);
		for (hashes[i] = 0; hashpool_step(f->h->sim.hashpool); hashes[i]++)
			harness_run(f->h);
		goes_on(f->h, SIM_HASHER);
		harness_run(f->h);
		reads[i] = f->h->faults.queries - before;
		HEARS(f, socket, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
		network_close(&f->h->sim.network, socket);
		harness_run(f->h);
	}
	assert_int_equal(reads[0], reads[1]);
	assert_int_equal(hashes[0], 1);
	assert_int_equal(hashes[1], 1);
}

static void a_disabled_account_cannot_log_in(void **state)
{
	struct fixture *f = *state;
	struct unit *u = unit_new();
	static const struct statement st = { "UPDATE accounts SET flags = 1 WHERE localpart = ?1", NULL };
	UNIT_ADD(u, &st, value_text(STR("romeo")));
	assert_int_equal(storage_commit_now(f->h->sim.storage, u), 0);
	unit_free(&u);
	struct peer *p = dials_elsewhere(f->h, "romeo@localhost/phone", HARNESS_PASSWORD, PLAIN);
	harness_run(f->h);
	assert_false(is_bound(p));
	assert_int_equal(login_failure(p), SASL_NOT_AUTHORIZED);
}

/* docs/SECURITY.md, Q3. */

static void a_connection_without_a_byte_has_ten_seconds(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	harness_run(f->h);
	harness_advance(f->h, 9990);
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	harness_advance(f->h, 10);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	HEARS(f, socket, "<stream:error><connection-timeout ", "</stream:stream>");
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
}

static void a_login_has_thirty_seconds(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	harness_run(f->h);
	harness_advance(f->h, 5000);
	sends(f, socket, HEADER);
	harness_advance(f->h, 24990);
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	harness_advance(f->h, 10);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	HEARS(f, socket, "<connection-timeout ");
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
}

/* From accept to bind, wherever it has moved meanwhile. */
static void one_that_has_logged_in_but_binds_nothing_has_no_longer(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	sends(f, socket, HEADER);
	harness_advance(f->h, 20000);
	sends(f, socket, SECRET HEADER);
	HEARS(f, socket, "<success ");
	harness_advance(f->h, 9990);
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	harness_advance(f->h, 10);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
}

static void a_bound_one_has_all_the_time_in_the_world(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	harness_advance(f->h, 86400000);
	assert_false(p->ended);
	says(p, "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(p, "<iq id='p' ~ type='result'/>");
}

/* Connections that die, in every state; teardown finds what is left over. */

static void assert_gone(struct fixture *f)
{
	everything_goes_on(f->h);
	harness_run(f->h);
	harness_advance(f->h, 60000);
	assert_int_equal(edges(f->h), 0);
	assert_int_equal(sessions(f->h), 1);
}

/* Cut at every point of a login: after so many rounds of everything. */
static void a_connection_that_dies_at_any_time_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	for (unsigned cut = 0; cut < 40; cut++) {
		for (int how = 0; how < 2; how++) {
			int socket = raw(f);
			network_send(&f->h->sim.network, socket, STR(HEADER SECRET HEADER BIND_REQUEST "<presence/>"));
			for (unsigned i = 0; i < cut; i++)
				harness_step(f->h);
			if (how == 0)
				network_reset(&f->h->sim.network, socket);
			else
				network_end(&f->h->sim.network, socket);
			harness_run(f->h);
			if (how == 1)
				network_close(&f->h->sim.network, socket);
			assert_gone(f);
		}
	}
}

static void one_that_dies_while_its_credentials_are_read(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	stands_still(f->h, SIM_READERS);
	sends(f, socket, HEADER SECRET);
	network_reset(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
	assert_gone(f);
}

static void one_that_dies_while_its_password_is_hashed(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	stands_still(f->h, SIM_HASHER);
	sends(f, socket, HEADER SECRET);
	network_reset(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
	assert_gone(f);
}

static void one_that_dies_while_its_session_is_opened(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 200000); /* the account has to be read */
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER);
	stands_still(f->h, SIM_READERS);
	sends(f, socket, BIND_REQUEST);
	network_reset(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(sessions(f->h), 1);
	assert_gone(f);
}

static void one_that_times_out_while_its_session_is_opened(void **state)
{
	struct fixture *f = *state;
	harness_advance(f->h, 200000);
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER);
	stands_still(f->h, SIM_READERS);
	sends(f, socket, BIND_REQUEST);
	harness_advance(f->h, 31000);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	goes_on(f->h, SIM_READERS);
	harness_run(f->h);
	network_close(&f->h->sim.network, socket);
	assert_gone(f);
}

static void ignore_hash(struct worker *w, slab_handle handle, const unsigned char *salted)
{
	(void)w;
	(void)handle;
	(void)salted;
}

static void a_full_pool_is_a_temporary_failure(void **state)
{
	struct fixture *f = *state;
	int sockets[4];
	stands_still(f->h, SIM_HASHER);
	struct worker *w = harness_worker(f->h, "romeo@localhost");
	for (int i = 0; i < 1024; i++)
		hashpool_submit(f->h->sim.hashpool, w, 0, DIGEST_SHA1, STR("p"), STR("s"), 1, ignore_hash);
	for (int i = 0; i < 4; i++) {
		sockets[i] = raw(f);
		sends(f, sockets[i], HEADER SECRET);
		HEARS(f, sockets[i], "<failure ", "<temporary-auth-failure/>");
		network_close(&f->h->sim.network, sockets[i]);
	}
	assert_gone(f);
}

/* Streams. */

static void bytes_behind_the_end_of_a_stream_are_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	int socket = socket_of(p);
	sends(f, socket, "</stream:stream><message to='juliet@localhost' type='chat'><body>1</body></message>");
	sees_nothing(f->juliet);
	assert_int_equal(sessions(f->h), 1);
}

/* RFC 6120, 7.6.2.1, 7.7.2.1 and 7.7.3 */
static void a_refused_resource_may_be_asked_for_again(void **state)
{
	struct fixture *f = *state;
	unsigned most = (unsigned)f->h->sim.config->limits.sessions;
	for (unsigned n = 0; n < most; n++) {
		char jid[64];
		snprintf(jid, sizeof(jid), "romeo@localhost/n%u", n);
		(void)comes(f, jid);
	}
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER BIND_REQUEST);
	HEARS(f, socket, "<iq type='error' id='b'><error type='wait'><resource-constraint ");
	sends(f, socket, "<iq type='set' id='c'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>\n</resource></bind></iq>");
	HEARS(f, socket, "<iq type='error' id='c'><error type='modify'><bad-request ");
	/* One that is in use may be had. */
	sends(f, socket, "<iq type='set' id='d'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>n3</resource></bind></iq>");
	HEARS(f, socket, "<iq type='result' id='d'>", "<jid>romeo@localhost/n3</jid>");
	assert_int_equal(sessions(f->h), most + 1);
	network_close(&f->h->sim.network, socket);
}

/* RFC 6120, 4.4: what was said before the closing tag has been handled and answered before ours. */
static void a_closing_tag_is_answered_behind_what_came_before_it(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	int socket = socket_of(p);
	network_send(&f->h->sim.network, socket,
		STR("<message to='juliet@localhost' type='chat' id='last'><body>1</body></message>"
		    "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>"));
	harness_run(f->h);
	sees(f->juliet, "<message ~ id='last' ~");
	sees(p, "<iq ~id='p' ~type='result'/>");
	assert_true(p->ended);
	assert_int_equal(p->condition, STREAM_OK);
	assert_int_equal(sessions(f->h), 1);
}

/* Nor does a session that cannot take its leave hold back the closing tag for ever. */
static void a_closing_tag_is_answered_though_the_session_cannot_end(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER BIND_REQUEST);
	harness_advance(f->h, 120000); /* what it had loaded is dropped */
	stands_still(f->h, SIM_READERS);
	sends(f, socket, "</stream:stream>");
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	harness_advance(f->h, 5000);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	HEARS(f, socket, "</stream:stream>");
	network_close(&f->h->sim.network, socket);
	everything_goes_on(f->h);
	harness_run(f->h);
	assert_gone(f);
}

static void bytes_behind_a_closing_tag_do_not_hurry_ours(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER BIND_REQUEST);
	harness_advance(f->h, 120000); /* what it had loaded is dropped: the message and the end have to wait */
	stands_still(f->h, SIM_READERS);
	sends(f, socket, "<message to='juliet@localhost' type='chat' id='last'><body>1</body></message></stream:stream>");
	sends(f, socket, "\n");
	assert_false(network_peer_has_ended(&f->h->sim.network, socket));
	everything_goes_on(f->h);
	harness_run(f->h);
	sees(f->juliet, "<message ~ id='last' ~");
	HEARS(f, socket, "</stream:stream>");
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	network_close(&f->h->sim.network, socket);
	assert_gone(f);
}

/* Half-closed without a closing tag: nobody is there to write to. */
static void the_end_of_the_connection_is_the_end_of_the_stream(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<presence to='juliet@localhost/balcony'/>");
	sees(f->juliet, "<presence ~/>");
	network_send(&f->h->sim.network, socket_of(p),
		STR("<message to='juliet@localhost' type='chat' id='last'><body>1</body></message><message to='jul"));
	network_end(&f->h->sim.network, socket_of(p));
	harness_run(f->h);
	sees(f->juliet, "<message ~ id='last' ~");
	sees(f->juliet, "<presence ~ type='unavailable'/>");
	assert_int_equal(sessions(f->h), 1);
	assert_int_equal(edges(f->h), 0);
}

/* RFC 6120, 4.4, 3: both streams are void after a while, and what comes meanwhile is not ours any more (4.9.1.1). */
static void a_client_that_does_not_close_its_side_is_left(void **state)
{
	struct fixture *f = *state;
	int socket = raw(f);
	sends(f, socket, HEADER SECRET HEADER BIND_REQUEST);
	sends(f, socket, "<presence to='juliet@localhost/balcony'/>");
	sees(f->juliet, "<presence ~/>");
	struct peer *p = comes(f, "romeo@localhost/raw"); /* takes its place */
	HEARS(f, socket, "<stream:error><conflict ", "</stream:stream>");
	sees(f->juliet, "<presence ~ type='unavailable'/>");
	sends(f, socket, "<message to='juliet@localhost' type='chat'><body>late</body></message>");
	sees_nothing(f->juliet);
	assert_int_equal(edges(f->h), 2);
	harness_advance(f->h, 10000);
	assert_int_equal(edges(f->h), 1);
	assert_false(p->ended);
	network_close(&f->h->sim.network, socket);
}

static void a_stream_error_ends_the_session(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<presence to='juliet@localhost/balcony'/>");
	sees(f->juliet, "<presence ~/>");
	says(p, "<message to='juliet@localhost' type='chat' id='last'><body>1</body></message><a:b/>");
	sees(f->juliet, "<message ~ id='last' ~");
	sees(f->juliet, "<presence ~ type='unavailable'/>");
	assert_true(p->ended);
	assert_int_equal(p->condition, STREAM_NOT_WELL_FORMED);
	assert_int_equal(sessions(f->h), 1);
}

static void a_foreign_from_ends_the_stream(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<message from='romeo@localhost' to='juliet@localhost' id='own'><body>1</body></message>");
	sees(f->juliet, "<message from='romeo@localhost/phone' id='own' ~");
	says(p, "<message from='juliet@localhost' to='juliet@localhost'><body>1</body></message>");
	assert_int_equal(p->condition, STREAM_INVALID_FROM);
	sees_nothing(f->juliet);
}

static void a_malformed_stanza_is_answered(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<iq type='get' id='2' to='a@@b'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(p, "<iq ~ type='error'>~<jid-malformed ~");
	says(p, "<iq type='wrong' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
	sees(p, "<iq ~id='1' ~ type='error'>~<bad-request ~");
	assert_false(p->ended);
}

static void all_streams_end_with_a_word_when_the_server_stops(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<presence to='juliet@localhost/balcony'/>");
	overlooks(f->juliet);
	int socket = raw(f);
	sends(f, socket, HEADER);
	for (uint32_t i = 0; i < f->h->sim.server.worker_count; i++)
		edge_close_all(&f->h->sim.workers[i].worker, STREAM_SYSTEM_SHUTDOWN, "the server stops");
	harness_run(f->h);
	assert_int_equal(p->condition, STREAM_SYSTEM_SHUTDOWN);
	HEARS(f, socket, "<system-shutdown ", "</stream:stream>");
	sees(f->juliet, "<presence ~ type='unavailable'/>");
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
	assert_int_equal(edges(f->h), 0);
	assert_int_equal(sessions(f->h), 1);
}

/* A reader that is slow for a while, a lot of output, and a bound. */
static void much_output_arrives_whole(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<presence/>");
	overlooks(p);
	f->h->sim.network.capacity = 4096;
	for (int n = 0; n < 60; n++)
		says(f->juliet, "<message to='romeo@localhost' id='l%d' type='chat'><body>%9000d</body></message>",
			n, n);
	harness_run(f->h);
	for (int n = 0; n < 60; n++) {
		char pattern[64];
		snprintf(pattern, sizeof(pattern), "<message ~ id='l%d' ~", n);
		sees(p, pattern);
	}
	sees_nothing(p);
}

static void a_client_that_stops_reading_is_ended_and_loses_nothing_queued(void **state)
{
	struct fixture *f = *state;
	struct peer *p = comes(f, "romeo@localhost/phone");
	says(p, "<presence/>");
	stops_reading(p);
	for (int n = 0; n < 100; n++)
		says(f->juliet, "<message to='romeo@localhost' id='l%d' type='chat'><body>%9000d</body></message>",
			n, n);
	harness_advance(f->h, 120000);
	assert_int_equal(sessions(f->h), 1);
	assert_int_equal(edges(f->h), 0);
	/* The connection took some of them; the rest, in one piece from somewhere on, is kept. */
	int64_t kept = harness_log_rows(f->h, "romeo@localhost");
	assert_in_range(kept, 10, 99);
	p = opens(f->h, "romeo@localhost/again");
	says(p, "<presence/>");
	sees(p, "<presence ~");
	char *line = peer_take(p);
	char first[32];
	snprintf(first, sizeof(first), " id='l%d' ", 100 - (int)kept);
	assert_non_null(strstr(line, first));
	mem_free(line);
}

#define TEST(name)                                                                                                     \
	{ #name, name, setup_same, teardown, NULL },                                                                   \
	{ #name "_after_a_move", name, setup_moved, teardown, NULL },                                                  \
	{ #name "_from_elsewhere", name, setup_apart, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_mechanism_logs_in),
		TEST(a_session_talks_both_ways),
		TEST(the_server_chooses_a_resource_where_none_is_asked_for),
		TEST(a_pipelined_login_works),
		TEST(two_pipelined_logins_do_not_mix),
		TEST(a_login_in_pieces_works),
		TEST(a_wrong_password_counts),
		TEST(an_unknown_user_looks_like_a_wrong_password),
		TEST(a_disabled_account_cannot_log_in),
		TEST(a_connection_without_a_byte_has_ten_seconds),
		TEST(a_login_has_thirty_seconds),
		TEST(one_that_has_logged_in_but_binds_nothing_has_no_longer),
		TEST(a_bound_one_has_all_the_time_in_the_world),
		TEST(a_connection_that_dies_at_any_time_leaves_nothing),
		TEST(one_that_dies_while_its_credentials_are_read),
		TEST(one_that_dies_while_its_password_is_hashed),
		TEST(one_that_dies_while_its_session_is_opened),
		TEST(one_that_times_out_while_its_session_is_opened),
		TEST(a_full_pool_is_a_temporary_failure),
		TEST(bytes_behind_the_end_of_a_stream_are_nothing),
		TEST(a_refused_resource_may_be_asked_for_again),
		TEST(a_closing_tag_is_answered_behind_what_came_before_it),
		TEST(a_closing_tag_is_answered_though_the_session_cannot_end),
		TEST(bytes_behind_a_closing_tag_do_not_hurry_ours),
		TEST(the_end_of_the_connection_is_the_end_of_the_stream),
		TEST(a_client_that_does_not_close_its_side_is_left),
		TEST(a_stream_error_ends_the_session),
		TEST(a_foreign_from_ends_the_stream),
		TEST(a_malformed_stanza_is_answered),
		TEST(all_streams_end_with_a_word_when_the_server_stops),
		TEST(much_output_arrives_whole),
		TEST(a_client_that_stops_reading_is_ended_and_loses_nothing_queued),
	};
	return cmocka_run_group_tests_name("core/edge", tests, NULL, NULL);
}
