/* Tests of lib/net/tls_session.c, and of what tls.c allows, against a client of OpenSSL's own that does what ours would
 * not, on a network in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/tlskit.h"

#include <openssl/ssl.h>
#include <string.h>

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

/* The client: OpenSSL over buffers in memory. */
struct raw_client {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	int socket;
};

static void raw_exchange(struct pair *p, struct raw_client *r)
{
	char *bytes;
	long n = BIO_get_mem_data(r->out, &bytes);
	network_send(&p->network, r->socket, str_make(bytes, (size_t)n));
	(void)BIO_reset(r->out);
	pair_turns(p, 2);
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	network_receive(&p->network, r->socket, &b, SIZE_MAX);
	if (buf_len(&b))
		assert_int_equal(BIO_write(r->in, buf_str(&b).p, (int)buf_len(&b)), buf_len(&b));
	buf_fini(&b);
}

static int raw_handshake(struct pair *p, struct raw_client *r)
{
	int done = 0;
	for (int i = 0; i < 6 && done != 1; i++) {
		done = SSL_do_handshake(r->ssl);
		raw_exchange(p, r);
	}
	return done;
}

static void raw_start(struct pair *p, struct raw_client *r, int version)
{
	r->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(r->ctx, 0);
	SSL_CTX_set_min_proto_version(r->ctx, version);
	SSL_CTX_set_max_proto_version(r->ctx, version);
	r->ssl = SSL_new(r->ctx);
	r->in = BIO_new(BIO_s_mem());
	r->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(r->in, -1);
	SSL_set_bio(r->ssl, r->in, r->out);
	SSL_set_connect_state(r->ssl);
	conn_abort(p->conns, p->client.c);
	conn_abort(p->conns, p->server.c);
	pair_turns(p, 1);
	int mine;
	network_pair(&p->network, &mine, &r->socket);
	p->server.closed = p->server.tls = 0;
	assert_int_equal(conn_accept(p->conns, mine, &end_ops, &p->server, &p->server.c), 0);
	conn_start_tls(p->conns, p->server.c, &p->server_use);
}

static void raw_stop(struct pair *p, struct raw_client *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	network_receive(&p->network, r->socket, NULL, SIZE_MAX);
	network_close(&p->network, r->socket);
}

static void versions_before_1_2_are_refused(void **state)
{
	struct pair *p = *state;
	const int versions[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION };
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct raw_client r;
		raw_start(p, &r, versions[i]);
		bool modern = versions[i] >= TLS1_2_VERSION;
		assert_int_equal(raw_handshake(p, &r) == 1, modern);
		assert_int_equal(p->server.tls, modern);
		raw_stop(p, &r);
	}
}

static void only_ephemeral_and_authenticated_ciphers_are_spoken(void **state)
{
	struct pair *p = *state;
	static const struct {
		const char *cipher;
		bool fine;
	} cases[] = { { "ECDHE-ECDSA-AES128-GCM-SHA256", true }, { "ECDHE-ECDSA-AES256-GCM-SHA384", true },
		{ "ECDHE-ECDSA-CHACHA20-POLY1305", true }, { "ECDHE-ECDSA-AES128-SHA", false },
		{ "ECDHE-ECDSA-AES256-SHA384", false }, { "ECDHE-ECDSA-AES128-CCM", false },
		{ "AECDH-AES128-SHA", false }, { "AES128-GCM-SHA256", false }, { "DHE-RSA-AES128-GCM-SHA256", false },
		{ "ADH-AES128-GCM-SHA256", false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct raw_client r;
		raw_start(p, &r, TLS1_2_VERSION);
		assert_int_equal(SSL_set_cipher_list(r.ssl, cases[i].cipher), 1);
		bool done = raw_handshake(p, &r) == 1;
		if (done != cases[i].fine)
			fail_msg("%s", cases[i].cipher);
		raw_stop(p, &r);
	}
}

static void server_chooses_the_cipher(void **state)
{
	struct pair *p = *state;
	static const struct {
		int version;
		const char *offered, *chosen;
	} cases[] = {
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
			"ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
		/* But who puts ChaCha20 first has no AES in hardware. */
		{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
			"TLS_CHACHA20_POLY1305_SHA256" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct raw_client r;
		raw_start(p, &r, cases[i].version);
		if (cases[i].version == TLS1_2_VERSION)
			assert_int_equal(SSL_set_cipher_list(r.ssl, cases[i].offered), 1);
		else
			assert_int_equal(SSL_set_ciphersuites(r.ssl, cases[i].offered), 1);
		assert_int_equal(raw_handshake(p, &r), 1);
		assert_string_equal(SSL_get_cipher_name(r.ssl), cases[i].chosen);
		raw_stop(p, &r);
	}
}

/* close_notify has come, the end of the socket has not: the loop it moves to has to know. */
static void end_of_a_session_moves_with_it(void **state)
{
	struct pair *p = *state;
	struct raw_client r;
	raw_start(p, &r, TLS1_3_VERSION);
	assert_int_equal(raw_handshake(p, &r), 1);
	p->server.take = 1;
	assert_int_equal(SSL_write(r.ssl, "ab", 2), 2);
	assert_int_equal(SSL_shutdown(r.ssl), 0);
	raw_exchange(p, &r);
	assert_int_equal(p->server.closed, 0);
	struct conn_parts parts;
	assert_true(conn_detach(p->conns, p->server.c, &parts));
	assert_int_equal(conn_attach(p->conns, &parts, &end_ops, &p->server, &p->server.c), 0);
	pair_turns(p, 4);
	assert_true(str_eq(buf_str(&p->server.got), STR("ab")));
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->server.reason, CONN_PEER_CLOSED);
	raw_stop(p, &r);
}

static void nothing_can_be_resumed_compressed_or_renegotiated(void **state)
{
	struct pair *p = *state;
	const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		struct raw_client r;
		raw_start(p, &r, versions[i]);
		SSL_clear_options(r.ssl, SSL_OP_NO_COMPRESSION);
		assert_int_equal(raw_handshake(p, &r), 1);
		const SSL_SESSION *session = SSL_get0_session(r.ssl);
		assert_false(SSL_SESSION_has_ticket(session));
		unsigned id_bytes;
		SSL_SESSION_get_id(session, &id_bytes);
		if (versions[i] == TLS1_2_VERSION)
			assert_int_equal(id_bytes, 0);
		assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
		assert_null(SSL_get_current_compression(r.ssl));
		if (versions[i] == TLS1_2_VERSION) {
			assert_int_equal(SSL_renegotiate(r.ssl), 1);
			assert_int_not_equal(raw_handshake(p, &r), 1);
		}
		raw_stop(p, &r);
	}
}

/* Key updates that want an answer, from a peer that reads nothing. */
static void peer_that_asks_and_does_not_read_is_bounded(void **state)
{
	struct pair *p = *state;
	struct raw_client r;
	raw_start(p, &r, TLS1_3_VERSION);
	assert_int_equal(raw_handshake(p, &r), 1);
	p->network.capacity = 0;
	size_t most = 0;
	for (int i = 0; i < 40000 && !p->server.closed; i++) {
		assert_int_equal(SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(r.ssl), 1);
		if (i % 500 == 499)
			raw_exchange(p, &r);
		size_t pending = conn_pending_bytes(p->conns, p->server.c);
		most = pending > most ? pending : most;
	}
	assert_true(most <= 128 * 1024);
	assert_int_equal(p->server.closed, 1);
	assert_string_equal(p->server.text, "No buffer space available");
	raw_stop(p, &r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(versions_before_1_2_are_refused),
		TEST(only_ephemeral_and_authenticated_ciphers_are_spoken),
		TEST(server_chooses_the_cipher),
		TEST(end_of_a_session_moves_with_it),
		TEST(nothing_can_be_resumed_compressed_or_renegotiated),
		TEST(peer_that_asks_and_does_not_read_is_bounded),
	};
	return cmocka_run_group_tests_name("net/tls_session", tests, NULL, NULL);
}
