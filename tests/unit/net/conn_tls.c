/* Tests of connections under TLS (lib/net/conn_input.c, conn_output.c), on a network in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/tlskit.h"

#include <string.h>

#define SEEDS 12
/* What TLS 1.3 adds to a record: header, kind, tag. */
#define RECORD_OVERHEAD (5 + 1 + 16)

static int set_up(void **state)
{
	static struct pair pair;
	pair_init(&pair, 1);
	pair_connect(&pair);
	*state = &pair;
	return 0;
}

static int tear_down(void **state)
{
	pair_fini(*state);
	return 0;
}

static void secure(struct pair *p)
{
	pair_start_tls(p);
	pair_turns(p, 6);
	assert_int_equal(p->server.tls, 1);
	assert_int_equal(p->client.tls, 1);
}

#define PATTERN_BYTES 4000000

static struct str pattern_from(size_t from, size_t n)
{
	static char bytes[PATTERN_BYTES];
	assert_true(n <= sizeof(bytes) - from);
	for (size_t i = 0; bytes[1] == 0 && i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	return str_make(bytes + from, n);
}

static struct str pattern(size_t n)
{
	return pattern_from(0, n);
}

static void assert_got(const struct end *e, struct str expected)
{
	assert_int_equal(buf_len(&e->got), expected.n);
	if (expected.n)
		assert_memory_equal(buf_str(&e->got).p, expected.p, expected.n);
}

static void data_passes_both_ways(void **state)
{
	struct pair *p = *state;
	secure(p);
	assert_true(conn_write(p->conns, p->client.c, STR("<stream>")));
	assert_true(conn_write(p->conns, p->server.c, STR("<features/>")));
	pair_turns(p, 2);
	assert_got(&p->server, STR("<stream>"));
	assert_got(&p->client, STR("<features/>"));
	struct tls_info info;
	assert_true(conn_tls_info(p->conns, p->server.c, &info));
	assert_string_equal(info.version, "TLSv1.3");
	assert_string_equal(info.cipher, "TLS_AES_128_GCM_SHA256");
	assert_true(str_eq(info.server_name, STR("im.example")));
	assert_int_equal(info.alpn.n, 0);
	assert_true(conn_tls_info(p->conns, p->client.c, &info));
}

static void output_waits_for_the_handshake(void **state)
{
	struct pair *p = *state;
	pair_start_tls(p);
	assert_true(conn_write(p->conns, p->client.c, STR("early")));
	assert_true(conn_write(p->conns, p->server.c, STR("bird")));
	struct tls_info info;
	assert_false(conn_tls_info(p->conns, p->client.c, &info));
	pair_turns(p, 6);
	assert_got(&p->server, STR("early"));
	assert_got(&p->client, STR("bird"));
}

static void handshake_takes_three_writes(void **state)
{
	struct pair *p = *state;
	secure(p);
	/* ClientHello, the server's flight, the client's Finished; no tickets. */
	assert_int_equal(p->network.writes, 3);
}

static void many_writes_of_a_turn_are_one_record(void **state)
{
	struct pair *p = *state;
	secure(p);
	unsigned writes = p->network.writes;
	conn_pause(p->conns, p->client.c);
	for (int i = 0; i < 10; i++)
		assert_true(conn_write(p->conns, p->server.c, STR("<message/>")));
	pair_turns(p, 1);
	assert_int_equal(p->network.writes, writes + 1);
	assert_int_equal(network_waiting(&p->network, p->client_socket), 100 + RECORD_OVERHEAD);
	assert_int_equal(conn_pending_bytes(p->conns, p->server.c), 0);
}

static void small_records_of_a_read_are_one_on_data(void **state)
{
	struct pair *p = *state;
	secure(p);
	conn_pause(p->conns, p->client.c);
	for (int i = 0; i < 10; i++) {
		assert_true(conn_write(p->conns, p->server.c, STR("0123456789")));
		pair_turns(p, 1);
	}
	conn_resume(p->conns, p->client.c);
	pair_turns(p, 2);
	assert_int_equal(p->client.data_calls, 1);
	assert_int_equal(buf_len(&p->client.got), 100);
}

static void bytes_pass_unchanged_whatever_the_sizes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p;
		pair_init(&p, seed);
		p.network.chunk = 1 + (seed * seed * 37) % 3000;
		p.network.capacity = 1 + (seed * 911) % 5000;
		pair_connect(&p);
		pair_start_tls(&p);
		size_t sent = 0, answered = 0;
		while (buf_len(&p.server.got) < 20000 || buf_len(&p.client.got) < 20000) {
			size_t n = (size_t)random_below(&p.world.random, 900);
			if (conn_write(p.conns, p.client.c, pattern_from(sent, n)))
				sent += n;
			n = (size_t)random_below(&p.world.random, 900);
			if (conn_write(p.conns, p.server.c, pattern_from(answered, n)))
				answered += n;
			assert_int_equal(p.server.closed + p.client.closed, 0);
			pair_turns(&p, 20);
		}
		assert_memory_equal(
			buf_str(&p.server.got).p, pattern(buf_len(&p.server.got)).p, buf_len(&p.server.got));
		assert_memory_equal(
			buf_str(&p.client.got).p, pattern(buf_len(&p.client.got)).p, buf_len(&p.client.got));
		pair_fini(&p);
	}
}

/* STARTTLS */

static void answer_proceed(struct end *e, struct str data)
{
	(void)data;
	assert_true(conn_write(e->conns, e->c, STR("<proceed/>")));
	e->on_data = NULL;
}

static void starttls_upgrades_a_plain_connection(void **state)
{
	struct pair *p = *state;
	p->server.on_data = answer_proceed;
	p->server.starts = &p->server_use;
	p->client.starts = &p->client_use;
	assert_true(conn_write(p->conns, p->client.c, STR("<starttls/>")));
	pair_turns(p, 3);
	assert_got(&p->client, STR("<proceed/>"));
	pair_turns(p, 6);
	assert_int_equal(p->server.tls + p->client.tls, 2);
	assert_true(conn_write(p->conns, p->client.c, STR("secret")));
	pair_turns(p, 2);
	assert_got(&p->server, STR("<starttls/>secret"));
}

/* T1: in the same segment, taken or not by on_data. */
static void what_comes_behind_starttls_in_plain_is_never_delivered(void **state)
{
	struct pair *p = *state;
	for (int takes_all = 0; takes_all < 2; takes_all++) {
		p->server.take = takes_all ? SIZE_MAX : 11;
		p->server.on_data = answer_proceed;
		p->server.starts = &p->server_use;
		p->client.starts = &p->client_use;
		assert_true(conn_write(p->conns, p->client.c, STR("<starttls/><evil/>")));
		pair_turns(p, 8);
		assert_int_equal(p->server.tls, takes_all + 1);
		assert_true(conn_write(p->conns, p->client.c, STR("good")));
		p->server.take = SIZE_MAX;
		conn_resume(p->conns, p->server.c);
		pair_turns(p, 3);
		assert_got(&p->server, takes_all ? STR("<starttls/><evil/>good") : STR("<starttls/>good"));
		buf_clear(&p->server.got);
		buf_clear(&p->client.got);
		conn_abort(p->conns, p->server.c);
		conn_abort(p->conns, p->client.c);
		pair_turns(p, 1);
		pair_connect(p);
	}
}

/* T1: kept from an earlier turn, when TLS begins outside of on_data. */
static void what_was_kept_before_tls_is_never_delivered(void **state)
{
	struct pair *p = *state;
	p->server.take = 1;
	assert_true(conn_write(p->conns, p->client.c, STR("xyz")));
	pair_turns(p, 2);
	assert_got(&p->server, STR("x"));
	p->server.take = SIZE_MAX;
	conn_resume(p->conns, p->server.c);
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	conn_start_tls(p->conns, p->client.c, &p->client_use);
	pair_turns(p, 6);
	assert_int_equal(p->server.tls, 1);
	assert_true(conn_write(p->conns, p->client.c, STR("good")));
	pair_turns(p, 2);
	assert_got(&p->server, STR("xgood"));
}

/* T1, the other side: a client must not believe what somebody put behind <proceed/>. */
static void what_comes_behind_proceed_in_plain_is_never_delivered(void **state)
{
	struct pair *p = *state;
	p->client.take = 10;
	p->client.starts = &p->client_use;
	assert_true(conn_write(p->conns, p->server.c, STR("<proceed/><success/>")));
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	pair_turns(p, 8);
	assert_int_equal(p->client.tls, 1);
	p->client.take = SIZE_MAX;
	conn_resume(p->conns, p->client.c);
	assert_true(conn_write(p->conns, p->server.c, STR("<stream>")));
	pair_turns(p, 3);
	assert_got(&p->client, STR("<proceed/><stream>"));
}

/* In a segment of its own, the plain text meets the handshake. */
static void plain_text_instead_of_a_handshake_fails(void **state)
{
	struct pair *p = *state;
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	assert_true(conn_write(p->conns, p->client.c, STR("<?xml version='1.0'?><stream:stream>")));
	pair_turns(p, 6);
	/* What does not look like TLS is not told anything in TLS. */
	assert_int_equal(p->client.reason, CONN_PEER_CLOSED);
	assert_int_equal(buf_len(&p->client.got), 0);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_TLS_FAILED);
	assert_string_equal(p->server.text, "TLS handshake: wrong version number");
	assert_int_equal(p->server.data_calls, 0);
}

/* Failing */

static void handshake_has_a_deadline(void **state)
{
	struct pair *p = *state;
	uint64_t begin = p->world.now_ms;
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	assert_true(conn_write(p->conns, p->client.c, STR("\x16\x03\x01")));
	while (p->world.now_ms < begin + 9999)
		loop_turn(p->loop, (unsigned)(begin + 9999 - p->world.now_ms));
	assert_int_equal(p->server.closed, 0);
	loop_turn(p->loop, 1);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_TIMED_OUT);
	assert_string_equal(p->server.text, "timed out in the TLS handshake");
}

/* Of a hello of 131,072 bytes, which OpenSSL would wait for. */
static void a_handshake_that_is_too_long_ends(void **state)
{
	struct pair *p = *state;
	char record[5 + 1024] = { 0x16, 3, 1, 4, 0, 1, 2, 0, 0, 3, 3 };
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	for (size_t sent = 0; sent <= 32768; sent += sizeof(record)) {
		assert_int_equal(p->server.closed, 0);
		assert_true(conn_write(p->conns, p->client.c, str_make(record, sizeof(record))));
		memset(record + 5, 0, 6);
		pair_turns(p, 3);
	}
	pair_turns(p, 10);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_TLS_FAILED);
	assert_string_equal(p->server.text, "TLS handshake: more than 32768 bytes");
}

static void deadline_of_the_handshake_ends_with_it(void **state)
{
	struct pair *p = *state;
	secure(p);
	for (int i = 0; i < 100; i++)
		loop_turn(p->loop, 1000);
	assert_int_equal(p->server.closed + p->client.closed, 0);
}

static void end_of_input_ends_a_handshake(void **state)
{
	struct pair *p = *state;
	conn_start_tls(p->conns, p->server.c, &p->server_use);
	assert_true(conn_write(p->conns, p->server.c, STR("never")));
	conn_abort(p->conns, p->client.c);
	pair_turns(p, 3);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_PEER_CLOSED);
}

static void changed_record_fails(void **state)
{
	struct pair *p = *state;
	secure(p);
	conn_pause(p->conns, p->server.c);
	assert_true(conn_write(p->conns, p->client.c, STR("genuine")));
	pair_turns(p, 1);
	struct buf wire;
	buf_init(&wire, SIZE_MAX / 2);
	network_receive(&p->network, p->server_socket, &wire, SIZE_MAX);
	wire.p[wire.end - 1] ^= 1;
	network_send(&p->network, p->client_socket, buf_str(&wire));
	buf_fini(&wire);
	conn_resume(p->conns, p->server.c);
	pair_turns(p, 6);
	assert_int_equal(p->server.data_calls, 0);
	assert_int_equal(p->server.reason, CONN_TLS_FAILED);
	assert_string_equal(p->server.text, "TLS: decryption failed or bad record mac");
	assert_int_equal(p->client.reason, CONN_TLS_FAILED);
	assert_string_equal(p->client.text, "TLS: refused by the peer (bad record mac)");
}

static void bad_host_name_is_told(void **state)
{
	struct pair *p = *state;
	char host[300];
	memset(host, 'x', sizeof(host));
	host[299] = 0;
	const char *const hosts[] = { host, "", NULL };
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		p->client.closed = 0;
		p->client_use.host = hosts[i];
		conn_start_tls(p->conns, p->client.c, &p->client_use);
		conn_abort(p->conns, p->server.c);
		pair_turns(p, 3);
		assert_int_equal(p->client.closed, 1);
		assert_int_equal(p->client.reason, CONN_TLS_FAILED);
		assert_non_null(strstr(p->client.text, "not a name that a certificate can have"));
		pair_connect(p);
	}
}

static void bad_host_name_is_told_while_connecting(void **state)
{
	struct pair *p = *state;
	struct net_address a = network_address(9);
	struct end e;
	end_init(&e, p->conns);
	assert_int_equal(conn_connect(p->conns, &a, NULL, &end_ops, &e, &e.c), 0);
	p->client_use.host = "";
	conn_start_tls(p->conns, e.c, &p->client_use);
	pair_turns(p, 1);
	assert_int_equal(e.closed, 1);
	assert_int_equal(e.reason, CONN_TLS_FAILED);
	end_fini(&e);
}

static void direct_tls_begins_when_connected(void **state)
{
	struct pair *p = *state;
	struct net_address a = network_address(5223), seen;
	int listener = net_listen(loop_net(p->loop), &a, NET_LISTEN_FIRST);
	struct end client, server;
	end_init(&client, p->conns);
	end_init(&server, p->conns);
	assert_int_equal(conn_connect(p->conns, &a, NULL, &end_ops, &client, &client.c), 0);
	conn_start_tls(p->conns, client.c, &p->client_use);
	assert_true(conn_write(p->conns, client.c, STR("<stream>")));
	int socket = net_accept(loop_net(p->loop), listener, &seen);
	assert_int_equal(conn_accept(p->conns, socket, &end_ops, &server, &server.c), 0);
	conn_start_tls(p->conns, server.c, &p->server_use);
	pair_turns(p, 6);
	assert_int_equal(client.tls + server.tls, 2);
	assert_got(&server, STR("<stream>"));
	conn_abort(p->conns, client.c);
	conn_abort(p->conns, server.c);
	pair_turns(p, 1);
	net_close(loop_net(p->loop), listener);
	end_fini(&client);
	end_fini(&server);
}

/* Closing */

static void close_sends_data_and_close_notify_in_one_write(void **state)
{
	struct pair *p = *state;
	secure(p);
	unsigned writes = p->network.writes;
	assert_true(conn_write(p->conns, p->server.c, STR("</stream>")));
	conn_close(p->conns, p->server.c);
	pair_turns(p, 1);
	assert_int_equal(p->network.writes, writes + 1);
	pair_turns(p, 5);
	assert_got(&p->client, STR("</stream>"));
	assert_int_equal(p->client.closed, 1);
	assert_int_equal(p->client.reason, CONN_PEER_CLOSED);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_CLOSED);
}

static void close_in_the_handshake_still_sends(void **state)
{
	struct pair *p = *state;
	pair_start_tls(p);
	assert_true(conn_write(p->conns, p->server.c, STR("too many connections")));
	conn_close(p->conns, p->server.c);
	pair_turns(p, 8);
	assert_got(&p->client, STR("too many connections"));
	assert_int_equal(p->server.reason, CONN_CLOSED);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.tls, 0);
}

static void close_without_output_sends_close_notify(void **state)
{
	struct pair *p = *state;
	secure(p);
	conn_close(p->conns, p->client.c);
	pair_turns(p, 1);
	assert_int_equal(network_waiting(&p->network, p->server_socket), 2 + RECORD_OVERHEAD);
	pair_turns(p, 4);
	assert_int_equal(p->server.reason, CONN_PEER_CLOSED);
	assert_int_equal(p->client.reason, CONN_CLOSED);
}

/* Back-pressure */

static void slow_reader_is_bounded_and_loses_nothing(void **state)
{
	struct pair *p = *state;
	secure(p);
	p->network.capacity = 10000;
	conn_pause(p->conns, p->client.c);
	size_t sent = 0;
	while (conn_write(p->conns, p->server.c, pattern_from(sent, 50000))) {
		sent += 50000;
		pair_turns(p, 1);
		assert_true(conn_pending_bytes(p->conns, p->server.c) <= pair_limits.output_max + 2000);
	}
	assert_in_range(sent, 950000, 1050000);
	assert_true(conn_is_congested(p->conns, p->server.c));
	conn_resume(p->conns, p->client.c);
	for (int i = 0; i < 1000 && buf_len(&p->client.got) < sent; i++)
		pair_turns(p, 1);
	assert_got(&p->client, pattern(sent));
	assert_int_equal(p->server.writable, 1);
	assert_int_equal(conn_pending_bytes(p->conns, p->server.c), 0);
}

static void large_output_is_written_in_trains(void **state)
{
	struct pair *p = *state;
	secure(p);
	p->network.capacity = SIZE_MAX / 2;
	unsigned writes = p->network.writes;
	assert_true(conn_write(p->conns, p->server.c, pattern(1000000)));
	pair_turns(p, 1);
	assert_in_range(p->network.writes - writes, 1, 5);
	for (int i = 0; i < 40; i++)
		pair_turns(p, 1);
	assert_got(&p->client, pattern(1000000));
	assert_in_range(p->network.writes - writes, 16, 17);
}

static void pause_in_on_tls(struct end *e)
{
	conn_pause(e->conns, e->c);
}

static void pausing_in_on_tls_holds_what_came_with_the_handshake(void **state)
{
	struct pair *p = *state;
	p->server.on_tls = pause_in_on_tls;
	pair_start_tls(p);
	assert_true(conn_write(p->conns, p->client.c, STR("hello")));
	pair_turns(p, 10);
	assert_int_equal(p->server.tls, 1);
	assert_int_equal(p->server.data_calls, 0);
	conn_resume(p->conns, p->server.c);
	pair_turns(p, 2);
	assert_got(&p->server, STR("hello"));
}

static void what_was_not_taken_comes_again(void **state)
{
	struct pair *p = *state;
	secure(p);
	p->server.take = 7;
	assert_true(conn_write(p->conns, p->client.c, STR("0123456789")));
	pair_turns(p, 2);
	assert_got(&p->server, STR("0123456"));
	p->server.take = SIZE_MAX;
	assert_true(conn_write(p->conns, p->client.c, STR("abc")));
	conn_resume(p->conns, p->server.c);
	pair_turns(p, 3);
	assert_got(&p->server, STR("0123456789abc"));
}

static void close_notify_waits_for_what_was_not_taken(void **state)
{
	struct pair *p = *state;
	secure(p);
	p->server.take = 1;
	assert_true(conn_write(p->conns, p->client.c, STR("ab")));
	conn_close(p->conns, p->client.c);
	pair_turns(p, 3);
	assert_int_equal(p->server.closed, 0);
	conn_resume(p->conns, p->server.c);
	pair_turns(p, 4);
	assert_got(&p->server, STR("ab"));
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_PEER_CLOSED);
}

static void yield_twice(struct end *e, struct str data)
{
	(void)data;
	if (e->data_calls < 3)
		conn_yield(e->conns, e->c);
}

/* Nor is a connection over that has yielded, and has something to go on with. */
static void close_notify_waits_for_one_that_yields(void **state)
{
	struct pair *p = *state;
	secure(p);
	p->server.data_calls = 0;
	p->server.on_data = yield_twice;
	assert_true(conn_write(p->conns, p->client.c, STR("ab")));
	conn_close(p->conns, p->client.c);
	pair_turns(p, 8);
	assert_got(&p->server, STR("ab"));
	assert_int_equal(p->server.data_calls, 3);
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_PEER_CLOSED);
}

/* The move */

static void moved_session_goes_on_in_the_middle_of_a_record(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair p;
		pair_init(&p, seed);
		struct sim_net other_sim_net;
		struct net other_net = sim_net_init(&other_sim_net, &p.network, 0);
		struct loop *loops[] = { p.loop, loop_new(&other_net, &p.world.clock) };
		struct conns *conns[] = { p.conns, conns_new(loops[1], &pair_limits) };
		pair_connect(&p);
		secure(&p);
		p.network.chunk = 700;
		p.network.capacity = 2000;
		size_t sent = 0, answered = 0;
		int at = 0, moves = 0;
		while (buf_len(&p.server.got) < 50000 || buf_len(&p.client.got) < 50000) {
			size_t n = (size_t)random_below(&p.world.random, 3000);
			if (conn_write(p.conns, p.client.c, pattern_from(sent, n)))
				sent += n;
			n = (size_t)random_below(&p.world.random, 3000);
			if (conn_write(conns[at], p.server.c, pattern_from(answered, n)))
				answered += n;
			p.server.take = (size_t)random_below(&p.world.random, 5) ? SIZE_MAX : 100;
			for (int i = 0; i < 8; i++) {
				loop_turn(loops[0], 0);
				loop_turn(loops[1], 0);
			}
			conn_resume(conns[at], p.server.c);
			struct conn_parts parts;
			if (random_below(&p.world.random, 3) == 0 && conn_detach(conns[at], p.server.c, &parts)) {
				at = !at;
				assert_int_equal(conn_attach(conns[at], &parts, &end_ops, &p.server, &p.server.c), 0);
				p.server.conns = conns[at];
				moves++;
			}
			assert_int_equal(p.server.closed + p.client.closed, 0);
		}
		assert_true(moves > 1);
		assert_memory_equal(
			buf_str(&p.server.got).p, pattern(buf_len(&p.server.got)).p, buf_len(&p.server.got));
		assert_memory_equal(
			buf_str(&p.client.got).p, pattern(buf_len(&p.client.got)).p, buf_len(&p.client.got));
		conns_free(&conns[1]);
		loop_free(&loops[1]);
		pair_fini(&p);
	}
}

static void session_in_a_handshake_does_not_move(void **state)
{
	struct pair *p = *state;
	struct conn_parts parts;
	pair_start_tls(p);
	assert_false(conn_detach(p->conns, p->server.c, &parts));
	pair_turns(p, 6);
	assert_true(conn_detach(p->conns, p->server.c, &parts));
	conn_parts_discard(&parts, loop_net(p->loop));
}

/* A context is given up while connections use it: a reload. */
static void connections_outlive_the_reload_of_their_context(void **state)
{
	struct pair *p = *state;
	pair_start_tls(p);
	tls_context_unref(&p->server_context);
	tls_context_unref(&p->client_context);
	pair_turns(p, 6);
	assert_int_equal(p->server.tls + p->client.tls, 2);
	assert_true(conn_write(p->conns, p->client.c, STR("still here")));
	pair_turns(p, 2);
	assert_got(&p->server, STR("still here"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(data_passes_both_ways),
		TEST(output_waits_for_the_handshake),
		TEST(handshake_takes_three_writes),
		TEST(many_writes_of_a_turn_are_one_record),
		TEST(small_records_of_a_read_are_one_on_data),
		cmocka_unit_test(bytes_pass_unchanged_whatever_the_sizes),
		TEST(starttls_upgrades_a_plain_connection),
		TEST(what_comes_behind_starttls_in_plain_is_never_delivered),
		TEST(what_was_kept_before_tls_is_never_delivered),
		TEST(what_comes_behind_proceed_in_plain_is_never_delivered),
		TEST(plain_text_instead_of_a_handshake_fails),
		TEST(handshake_has_a_deadline),
		TEST(a_handshake_that_is_too_long_ends),
		TEST(deadline_of_the_handshake_ends_with_it),
		TEST(end_of_input_ends_a_handshake),
		TEST(changed_record_fails),
		TEST(bad_host_name_is_told),
		TEST(bad_host_name_is_told_while_connecting),
		TEST(direct_tls_begins_when_connected),
		TEST(close_sends_data_and_close_notify_in_one_write),
		TEST(close_in_the_handshake_still_sends),
		TEST(close_without_output_sends_close_notify),
		TEST(slow_reader_is_bounded_and_loses_nothing),
		TEST(large_output_is_written_in_trains),
		TEST(pausing_in_on_tls_holds_what_came_with_the_handshake),
		TEST(what_was_not_taken_comes_again),
		TEST(close_notify_waits_for_what_was_not_taken),
		TEST(close_notify_waits_for_one_that_yields),
		cmocka_unit_test(moved_session_goes_on_in_the_middle_of_a_record),
		TEST(session_in_a_handshake_does_not_move),
		TEST(connections_outlive_the_reload_of_their_context),
	};
	return cmocka_run_group_tests_name("net/conn_tls", tests, NULL, NULL);
}
