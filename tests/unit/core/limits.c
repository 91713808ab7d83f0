/* Limits of connections, addresses, logins and rates (server/core/limits.c, edge_limits.c): what each side sees when one is met, and
 * that those next to it see nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness_raw.h"

#include "lib/base/mem.h"

#include <stdio.h>
#include <string.h>

#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "          \
	"to='localhost'>"
#define AUTH(name) "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" name "</auth>"
#define RIGHT AUTH("AHJvbWVvAHNlY3JldA==")
#define WRONG AUTH("AHJvbWVvAHdyb25n")
#define BIND                                                                                                           \
	"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>raw</resource></bind></iq>"
#define SOCKETS 16

struct fixture {
	struct harness *h;
	int sockets[SOCKETS]; /* -1: none */
};

static struct fixture *begin(unsigned workers, const char *yaml)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	for (int i = 0; i < SOCKETS; i++)
		f->sockets[i] = -1;
	f->h = harness_new(workers, yaml);
	harness_account(f->h, "romeo@localhost");
	harness_account(f->h, "juliet@localhost");
	return f;
}

static void end(struct fixture *f)
{
	for (int i = 0; i < SOCKETS; i++)
		if (f->sockets[i] >= 0)
			network_close(&f->h->sim.network, f->sockets[i]);
	harness_run(f->h);
	harness_free(&f->h);
	test_free(f);
}

static int dial(struct fixture *f, const char *ip, unsigned worker)
{
	struct net_address to = harness_port(worker), from;
	assert_true(net_address_make(str_from_c(ip), 40000, &from));
	int socket = network_dial_from(&f->h->sim.network, &to, &from);
	assert_true(socket >= 0);
	return socket;
}

/* Number `i` comes from there, to one worker after another. */
static void comes(struct fixture *f, int i, const char *ip)
{
	f->sockets[i] = dial(f, ip, (unsigned)i % f->h->sim.server.worker_count);
	harness_run(f->h);
}

static void says_raw(struct fixture *f, int i, const char *text)
{
	network_send(&f->h->sim.network, f->sockets[i], str_from_c(text));
	harness_run(f->h);
}

/* All that has come to it has this in it; NULL: it is nothing at all. */
static void hears(struct fixture *f, int i, const char *part)
{
	struct buf b;
	buf_init(&b, 1u << 20);
	network_receive(&f->h->sim.network, f->sockets[i], &b, SIZE_MAX);
	if (!part)
		assert_int_equal(buf_len(&b), 0);
	buf_add_byte(&b, 0);
	if (part && !strstr(buf_str(&b).p, part))
		fail_msg("no %s in %s", part, buf_str(&b).p);
	buf_fini(&b);
}

static bool is_there(struct fixture *f, int i)
{
	return !network_peer_has_ended(&f->h->sim.network, f->sockets[i]) &&
		!network_is_reset(&f->h->sim.network, f->sockets[i]);
}

static void goes(struct fixture *f, int i)
{
	network_close(&f->h->sim.network, f->sockets[i]);
	f->sockets[i] = -1;
	harness_run(f->h);
}

#define COUNTER(f, name) counter((f), offsetof(struct worker_counters, name))

static uint64_t counter(const struct fixture *f, size_t offset)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < f->h->sim.server.worker_count; i++)
		n += atomic_load((const _Atomic(uint64_t) *)((const char *)&f->h->sim.workers[i].worker.counters + offset));
	return n;
}

static struct limits_numbers numbers(const struct fixture *f)
{
	return limits_numbers(f->h->sim.server.limits);
}

/* Connections that have not logged in (Q1). */

static void the_oldest_of_the_largest_network_makes_room(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { unauthenticated: 4 }");
	comes(f, 0, "203.0.113.1");
	comes(f, 1, "198.51.100.1");
	comes(f, 2, "198.51.100.2");
	comes(f, 3, "192.0.2.1");
	says_raw(f, 1, HEADER);
	hears(f, 1, "<stream:features>");
	assert_int_equal(numbers(f).guests, 4);
	comes(f, 4, "192.0.2.2");
	assert_int_equal(numbers(f).guests, 4);
	/* RFC 6120, 4.9.3.17 */
	hears(f, 1, "<stream:error><resource-constraint ");
	assert_false(is_there(f, 1));
	/* The other network has as many by now, and has had them for longer. */
	comes(f, 5, "2001:db8::1");
	hears(f, 3, "<resource-constraint ");
	assert_false(is_there(f, 3));
	assert_true(is_there(f, 0) && is_there(f, 2) && is_there(f, 4) && is_there(f, 5));
	assert_int_equal(COUNTER(f, evicted), 2);
	end(f);
}

static void the_memory_set_aside_limits_their_number_too(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { unauthenticated_memory: 288KiB }");
	assert_int_equal(numbers(f).guests_max, 3);
	for (int i = 0; i < 4; i++)
		comes(f, i, "192.0.2.1");
	assert_false(is_there(f, 0));
	assert_true(is_there(f, 1) && is_there(f, 2) && is_there(f, 3));
	end(f);
}

static void one_that_has_logged_in_never_makes_room(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { unauthenticated: 2 }");
	comes(f, 0, "192.0.2.1");
	says_raw(f, 0, HEADER RIGHT HEADER);
	hears(f, 0, "<success ");
	comes(f, 1, "192.0.2.1");
	says_raw(f, 1, HEADER RIGHT HEADER BIND);
	hears(f, 1, "<jid>");
	assert_int_equal(numbers(f).guests, 0);
	for (int i = 2; i < 8; i++)
		comes(f, i, "192.0.2.1");
	assert_true(is_there(f, 0) && is_there(f, 1));
	assert_int_equal(COUNTER(f, evicted), 4);
	assert_int_equal(numbers(f).guests, 2);
	end(f);
}

/* It is told to go, and logs in before that has reached its worker. */
static void one_that_logs_in_while_it_is_told_to_go_stays(void **state)
{
	(void)state;
	struct fixture *f = begin(2, "limits: { unauthenticated: 1 }");
	f->sockets[0] = dial(f, "192.0.2.1", 0);
	says_raw(f, 0, HEADER);
	stands_still(f->h, SIM_HASHER);
	says_raw(f, 0, RIGHT);
	stands_still(f->h, SIM_FIRST_WORKER);
	goes_on(f->h, SIM_HASHER);
	harness_run(f->h);
	f->sockets[1] = dial(f, "192.0.2.2", 1);
	harness_run(f->h);
	assert_int_equal(numbers(f).guests, 1);
	everything_goes_on(f->h);
	harness_run(f->h);
	hears(f, 0, "<success ");
	assert_true(is_there(f, 0));
	assert_true(is_there(f, 1));
	end(f);
}

static void a_place_comes_back_however_its_connection_ends(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { unauthenticated: 8 }");
	for (int i = 0; i < 4; i++)
		comes(f, i, "192.0.2.1");
	assert_int_equal(numbers(f).guests, 4);
	goes(f, 0);
	says_raw(f, 1, "</stream:stream>");
	says_raw(f, 2, HEADER RIGHT);
	goes(f, 1);
	assert_int_equal(numbers(f).guests, 1);
	harness_advance(f->h, 40000);
	assert_int_equal(numbers(f).guests, 0);
	end(f);
}

/* Addresses (Q2). */

static void an_address_with_too_many_is_refused(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { address_unauthenticated: 2 }");
	comes(f, 0, "192.0.2.1");
	comes(f, 1, "192.0.2.1");
	comes(f, 2, "192.0.2.1");
	assert_false(is_there(f, 2));
	hears(f, 2, "<stream:error><policy-violation "); /* RFC 6120, 4.9.3.14 */
	comes(f, 3, "192.0.2.2");
	assert_true(is_there(f, 0) && is_there(f, 1) && is_there(f, 3));
	assert_int_equal(COUNTER(f, refused_per_address), 1);
	/* One that has logged in makes room. */
	says_raw(f, 0, HEADER RIGHT);
	comes(f, 4, "192.0.2.1");
	assert_true(is_there(f, 4));
	end(f);
}

static void an_address_that_comes_too_often_is_refused(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { address_connections: 3 }");
	for (int i = 0; i < 3; i++) {
		comes(f, i, "192.0.2.1");
		assert_true(is_there(f, i));
		goes(f, i);
	}
	comes(f, 3, "192.0.2.1");
	assert_false(is_there(f, 3));
	hears(f, 3, "<policy-violation ");
	assert_int_equal(COUNTER(f, refused_per_minute), 1);
	comes(f, 4, "192.0.2.2");
	assert_true(is_there(f, 4));
	harness_advance(f->h, 20000);
	comes(f, 5, "192.0.2.1");
	assert_true(is_there(f, 5));
	end(f);
}

static void without_rates_everybody_is_let_in(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { rate: off, address_connections: 1, unauthenticated: 1, "
		"address_unauthenticated: 1, login_failures: 1 }");
	for (int i = 0; i < 10; i++) {
		comes(f, i, "192.0.2.1");
		says_raw(f, i, HEADER WRONG);
		hears(f, i, "<not-authorized/>");
	}
	says_raw(f, 9, RIGHT);
	hears(f, 9, "<success ");
	end(f);
}

static void the_whole_server_has_so_many_connections(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { rate: off, connections: 16 }");
	int more[18];
	for (int i = 0; i < 18; i++) {
		more[i] = dial(f, "192.0.2.1", 0);
		harness_run(f->h);
	}
	f->sockets[0] = more[15];
	f->sockets[1] = more[16];
	assert_true(is_there(f, 0));
	assert_false(is_there(f, 1));
	hears(f, 1, "<resource-constraint ");
	assert_int_equal(COUNTER(f, refused_full), 2);
	for (int i = 0; i < 18; i++)
		if (i != 15 && i != 16)
			network_close(&f->h->sim.network, more[i]);
	harness_run(f->h);
	comes(f, 2, "192.0.2.1");
	assert_true(is_there(f, 2));
	end(f);
}

/* Logins that fail (L5). */

static void failed_logins_put_off_the_next_of_their_address(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { login_failures: 2 }");
	for (int i = 0; i < 3; i++) {
		comes(f, i, "192.0.2.1");
		says_raw(f, i, HEADER WRONG);
		hears(f, i, "<not-authorized/>");
	}
	unsigned queries = f->h->faults.queries;
	comes(f, 3, "192.0.2.1");
	says_raw(f, 3, HEADER RIGHT);
	hears(f, 3, "<temporary-auth-failure/>"); /* RFC 6120, 6.5.11 */
	assert_int_equal(f->h->faults.queries, queries);
	assert_int_equal(COUNTER(f, logins_put_off), 1);
	/* The account is not locked. */
	comes(f, 4, "192.0.2.2");
	says_raw(f, 4, HEADER RIGHT);
	hears(f, 4, "<success ");
	/* Nor is the address, for long; what was put off was no failure. */
	harness_advance(f->h, 1000);
	says_raw(f, 3, RIGHT);
	hears(f, 3, "<success ");
	end(f);
}

static void only_wrong_proofs_are_failures(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { login_failures: 1 }");
	comes(f, 0, "192.0.2.1");
	says_raw(f, 0, HEADER);
	for (int i = 0; i < 3; i++)
		says_raw(f, 0, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='DIGEST-MD5'/>");
	says_raw(f, 0, AUTH("?") RIGHT);
	hears(f, 0, "<success ");
	end(f);
}

#define FAST "<fast xmlns='urn:xmpp:fast:0'/>"

static void says_token(struct fixture *f, struct str token, const char *answer)
{
	struct raw r;
	raw_init(&r, f->h, 0);
	raw_uses_token(&r, token, FAST RAW_BIND);
	assert_heard(&r, answer);
	raw_fini(&r);
}

/* Tokens are guesses like others: who has guessed passwords waits with them, and the other way round. */
static void failed_tokens_put_off_the_next_of_their_address(void **state)
{
	(void)state;
	struct fixture *f = begin(2, "limits: { login_failures: 2 }");
	struct raw r;
	raw_protect(f->h);
	raw_init(&r, f->h, 0);
	raw_logs_in(&r, RAW_REQUEST RAW_BIND);
	struct str token = raw_between(&r, " token='", "'");
	assert_int_equal(token.n, 43);
	raw_fini(&r);
	for (int i = 0; i < 3; i++)
		says_token(f, STR("wrong"), "<not-authorized ");
	unsigned queries = f->h->faults.queries;
	says_token(f, token, "<temporary-auth-failure ");
	assert_int_equal(f->h->faults.queries, queries);
	assert_int_equal(COUNTER(f, logins_put_off), 1);
	raw_init(&r, f->h, 0);
	raw_logs_in(&r, "");
	assert_heard(&r, "<temporary-auth-failure ");
	raw_fini(&r);
	/* What was put off was no failure, and the token is as good as before. */
	harness_advance(f->h, 1000);
	says_token(f, token, "<success ");
	end(f);
}

/* Sessions. */

static void an_account_has_so_many_sessions(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { sessions: 2, rate: off }");
	logs_in(f->h, "romeo@localhost/a");
	struct peer *b = logs_in(f->h, "romeo@localhost/b");
	struct peer *c = dials(f->h, "romeo@localhost/c", HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	harness_run(f->h);
	assert_false(is_bound(c));
	assert_int_equal(COUNTER(f, sessions_refused), 1);
	closes(b);
	harness_run(f->h);
	logs_in(f->h, "romeo@localhost/d");
	end(f);
}

/* Requests for subscriptions. */

#define SUBSCRIBE "<presence type='subscribe' to='c%d@localhost'/>"

static void an_account_asks_for_so_many_subscriptions_a_minute(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { subscriptions: 3 }");
	struct peer *a = logs_in(f->h, "romeo@localhost/a"), *b = logs_in(f->h, "romeo@localhost/b");
	struct peer *juliet = logs_in(f->h, "juliet@localhost/a");
	for (int i = 0; i < 3; i++)
		says(i % 2 ? a : b, SUBSCRIBE, i);
	says(a, SUBSCRIBE, 3);
	sees_somewhere(a, "<presence ~ type='error'>" ERROR("wait", "policy-violation") "~");
	assert_int_equal(COUNTER(f, subscriptions_refused), 1);
	says(a, "<presence type='unsubscribe' to='c0@localhost'/>");
	says(juliet, SUBSCRIBE, 4);
	assert_int_equal(COUNTER(f, subscriptions_refused), 1);
	harness_advance(f->h, 20000);
	says(b, SUBSCRIBE, 5);
	assert_int_equal(COUNTER(f, subscriptions_refused), 1);
	says(b, SUBSCRIBE, 6);
	assert_int_equal(COUNTER(f, subscriptions_refused), 2);
	/* Days later nothing is left of it. */
	harness_advance(f->h, UINT64_C(30) * 86400000);
	for (int i = 0; i < 3; i++)
		says(a, SUBSCRIBE, 10 + i);
	assert_int_equal(COUNTER(f, subscriptions_refused), 2);
	end(f);
}

/* Rates. */

#define PING "<iq type='get' id='%u' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"

static void sends_pings(struct fixture *f, struct peer *p, unsigned count)
{
	struct buf b;
	buf_init(&b, 16u << 20);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&b, PING, 10000 + i);
	network_send(&f->h->sim.network, socket_of(p), buf_str(&b));
	buf_fini(&b);
}

static void one_that_sends_too_much_is_read_at_its_rate(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { read_rate: 10000, read_burst: 100KiB }");
	struct peer *romeo = logs_in(f->h, "romeo@localhost/phone");
	uint64_t before = COUNTER(f, stanzas_in);
	/* 70 bytes each, and 256 more, are 326: 3,260,000 in all. */
	sends_pings(f, romeo, 10000);
	harness_run(f->h);
	assert_true(COUNTER(f, throttled) > 0);
	assert_in_range(COUNTER(f, stanzas_in) - before, 300, 1400);
	harness_advance(f->h, 100000);
	assert_in_range(COUNTER(f, stanzas_in) - before, 3000, 4600);
	assert_false(romeo->ended);
	/* In the end nothing is lost. */
	harness_advance(f->h, 300000);
	assert_int_equal(COUNTER(f, stanzas_in) - before, 10000);
	end(f);
}

static void one_that_does_not_send_too_much_never_waits(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { read_rate: 10000, read_burst: 100KiB }");
	struct peer *romeo = logs_in(f->h, "romeo@localhost/phone");
	for (unsigned i = 0; i < 600; i++) {
		uint64_t before = COUNTER(f, stanzas_in);
		sends_pings(f, romeo, 20);
		harness_run(f->h);
		assert_int_equal(COUNTER(f, stanzas_in) - before, 20);
		harness_advance(f->h, 1000);
		overlooks(romeo);
	}
	assert_int_equal(COUNTER(f, throttled), 0);
	end(f);
}

static bool has_seen(struct peer *p)
{
	return !list_is_empty(&p->seen);
}

/* Without rates: the turn alone is fair. Time stands still, so latency is what the others have had done meanwhile. */
static void one_that_floods_does_not_delay_the_others(void **state)
{
	(void)state;
	struct fixture *f = begin(1, "limits: { rate: off }");
	struct peer *flood = logs_in(f->h, "romeo@localhost/phone");
	struct peer *juliet = logs_in(f->h, "juliet@localhost/balcony");
	/* What has to be loaded is there. */
	says(flood, "<presence/>");
	says(juliet, PING, 99);
	overlooks(juliet);
	struct buf b;
	buf_init(&b, 16u << 20);
	for (unsigned i = 0; i < 20000; i++)
		buf_lit(&b, "<presence/>");
	network_send(&f->h->sim.network, socket_of(flood), buf_str(&b));
	buf_fini(&b);
	uint64_t most = 0;
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before = COUNTER(f, stanzas_in);
		posts(juliet, PING, i);
		while (!has_seen(juliet))
			harness_step(f->h);
		overlooks(juliet);
		uint64_t meanwhile = COUNTER(f, stanzas_in) - before;
		most = meanwhile > most ? meanwhile : most;
	}
	/* Each step is a turn: two rounds of 128 in the first of a read, one in the others; the answer takes a turn or two. */
	assert_in_range(most, 2, 4 * 128);
	harness_run(f->h);
	assert_int_equal(COUNTER(f, stanzas_in), 20000 + 20 + 2);
	end(f);
}

/* All that is pipelined behind the request to bind, too. */
static void a_flood_behind_the_login_is_read_in_turns(void **state)
{
	(void)state;
	struct fixture *f = begin(3, "limits: { rate: off }");
	struct buf b;
	buf_init(&b, 16u << 20);
	/* What has to be loaded is there. */
	says(logs_in(f->h, "romeo@localhost/other"), "<presence/>");
	comes(f, 0, "192.0.2.1");
	says_raw(f, 0, HEADER RIGHT HEADER);
	buf_lit(&b, BIND);
	for (unsigned i = 0; i < 3000; i++)
		buf_lit(&b, "<presence/>");
	network_send(&f->h->sim.network, f->sockets[0], buf_str(&b));
	buf_fini(&b);
	uint64_t before = COUNTER(f, stanzas_in), most = 0;
	for (unsigned n = 0; n < 1000; n++) {
		harness_step(f->h);
		uint64_t now = COUNTER(f, stanzas_in);
		most = now - before > most ? now - before : most;
		before = now;
	}
	harness_run(f->h);
	assert_int_equal(COUNTER(f, stanzas_in), 3001);
	assert_in_range(most, 1, 3 * 128);
	end(f);
}

/* Time (Q3): a byte now and then keeps nobody alive, wherever it stands. */

static void whoever_dribbles_has_thirty_seconds_at_each_step(void **state)
{
	(void)state;
	static const struct {
		const char *first;
		char dribble;
	} steps[] = {
		{ "<stream:str", 'x' },
		{ HEADER, ' ' },
		{ HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>", 'A' },
		{ HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'/>", ' ' },
		{ HEADER WRONG, ' ' },
		{ HEADER RIGHT, ' ' },
		{ HEADER RIGHT HEADER, ' ' },
		{ HEADER RIGHT HEADER "<iq type='set' id='", 'b' },
	};
	struct fixture *f = begin(3, "limits: { rate: on }");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		comes(f, 0, "192.0.2.1");
		says_raw(f, 0, steps[i].first);
		for (int second = 0; second < 29; second++) {
			char text[2] = { steps[i].dribble, 0 };
			harness_advance(f->h, 1000);
			says_raw(f, 0, text);
			assert_true(is_there(f, 0));
		}
		harness_advance(f->h, 1000);
		assert_false(is_there(f, 0));
		hears(f, 0, "<connection-timeout ");
		goes(f, 0);
		assert_int_equal(COUNTER(f, login_timeouts), i + 1);
		assert_int_equal(numbers(f).guests, 0);
		harness_advance(f->h, 60000);
	}
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_of_the_largest_network_makes_room),
		cmocka_unit_test(the_memory_set_aside_limits_their_number_too),
		cmocka_unit_test(one_that_has_logged_in_never_makes_room),
		cmocka_unit_test(one_that_logs_in_while_it_is_told_to_go_stays),
		cmocka_unit_test(a_place_comes_back_however_its_connection_ends),
		cmocka_unit_test(an_address_with_too_many_is_refused),
		cmocka_unit_test(an_address_that_comes_too_often_is_refused),
		cmocka_unit_test(without_rates_everybody_is_let_in),
		cmocka_unit_test(the_whole_server_has_so_many_connections),
		cmocka_unit_test(failed_logins_put_off_the_next_of_their_address),
		cmocka_unit_test(failed_tokens_put_off_the_next_of_their_address),
		cmocka_unit_test(only_wrong_proofs_are_failures),
		cmocka_unit_test(an_account_has_so_many_sessions),
		cmocka_unit_test(an_account_asks_for_so_many_subscriptions_a_minute),
		cmocka_unit_test(one_that_sends_too_much_is_read_at_its_rate),
		cmocka_unit_test(one_that_does_not_send_too_much_never_waits),
		cmocka_unit_test(one_that_floods_does_not_delay_the_others),
		cmocka_unit_test(a_flood_behind_the_login_is_read_in_turns),
		cmocka_unit_test(whoever_dribbles_has_thirty_seconds_at_each_step),
	};
	return cmocka_run_group_tests_name("core/limits", tests, NULL, NULL);
}
