/* The server of the tests of runs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/scenario/server.h"

#include "lib/net/conn.h"
#include "lib/net/listen.h"
#include "lib/stream/limits.h"
#include "lib/xmpp/ns.h"
#include "lib/xmpp/stanza.h"

#include <string.h>

#define ITERATIONS 4096

static void send_bytes(struct test_session *t, struct str bytes)
{
	if (t->conn && bytes.n && !conn_write(t->server->conns, t->conn, bytes))
		conn_abort(t->server->conns, t->conn);
}

static void send_stanza(struct test_session *t, struct stanza *s)
{
	struct xml_dialect dialect = receiver_dialect(t->receiver);
	struct buf out;
	buf_init(&out, 1u << 20);
	stanza_write(&out, s, NULL, NULL, &dialect);
	send_bytes(t, buf_str(&out));
	buf_fini(&out);
}

static void close_stream(struct test_session *t, enum stream_condition c)
{
	struct buf out;
	buf_init(&out, 4096);
	receiver_close(t->receiver, c, "as you wish", &out);
	send_bytes(t, buf_str(&out));
	buf_fini(&out);
	if (c != STREAM_OK)
		conn_close(t->server->conns, t->conn);
}

/* Logging in. */

static void find_credentials(struct test_session *t, const struct receiver_event *e)
{
	t->credentials = (struct sasl_credentials){ 0 };
	t->credentials.keys[DIGEST_SHA1].iterations = t->credentials.keys[DIGEST_SHA256].iterations = ITERATIONS;
	t->credentials.keys[DIGEST_SHA1].salt_n = t->credentials.keys[DIGEST_SHA256].salt_n = SCRAM_SALT_BYTES;
	assert_true(scram_keys_derive(&t->credentials.keys[DIGEST_SHA1], DIGEST_SHA1, e->username));
	assert_true(scram_keys_derive(&t->credentials.keys[DIGEST_SHA256], DIGEST_SHA256, e->username));
	receiver_credentials(t->receiver, str_eq(e->username, STR("nobody")) ? NULL : &t->credentials);
}

static void hash(struct test_session *t, const struct receiver_event *e)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
	receiver_hashed(t->receiver, salted);
}

/* "taken" is refused, "other" becomes something else. */
static void bind_resource(struct test_session *t, struct str wanted, struct buf *out)
{
	struct arena *a = arena_new(1024, 65536);
	const struct jid *jid;
	const char *why;
	if (str_eq(wanted, STR("taken"))) {
		struct stanza_error error = stanza_error_make(STANZA_CONFLICT, "it is in use");
		receiver_refuse_bind(t->receiver, &error, out);
	} else {
		if (wanted.n == 0 || str_eq(wanted, STR("other")))
			wanted = STR("chosen");
		assert_int_equal(jid_with_resource(a, receiver_jid(t->receiver), wanted, &jid, &why), 0);
		receiver_bind(t->receiver, jid, out);
	}
	arena_free(&a);
}

/* Stanzas. */

static void route(struct test_server *server, struct stanza *s)
{
	for (size_t i = 0; i < TEST_SESSIONS_MAX; i++) {
		struct test_session *t = &server->sessions[i];
		const struct jid *jid =
			t->conn && receiver_phase(t->receiver) == RECEIVER_BOUND ? receiver_jid(t->receiver) : NULL;
		if (jid && (jid_equal(jid, s->to) || (jid_is_bare(s->to) && jid_equal_bare(jid, s->to))))
			send_stanza(t, s);
	}
}

static void send_ping(struct test_session *t)
{
	send_bytes(t, STR("<iq type='get' id='p1' from='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"));
}

static void obey(struct test_session *t, const struct stanza *s)
{
	struct arena *a = arena_new(256, 1u << 20);
	const struct xml_node *body = xml_child(s->root, NS_CONTENT, STR("body"));
	struct str order = body ? xml_text(body, a) : STR("");
	if (str_eq(order, STR("ping")))
		send_ping(t);
	else if (str_eq(order, STR("conflict")))
		close_stream(t, STREAM_CONFLICT);
	else if (str_eq(order, STR("close")))
		close_stream(t, STREAM_OK);
	else if (str_eq(order, STR("cut")))
		conn_abort(t->server->conns, t->conn);
	else if (str_eq(order, STR("silence")))
		t->server->is_silent = true;
	arena_free(&a);
}

static void on_stanza(struct test_session *t, struct stanza *s)
{
	if (t->server->is_silent)
		return;
	if (s->to && s->to->local_n) {
		route(t->server, s);
	} else if (s->kind == STANZA_PRESENCE) {
		send_stanza(t, s);
	} else if (s->kind == STANZA_MESSAGE) {
		obey(t, s);
	} else if (s->type == IQ_GET || s->type == IQ_SET) {
		struct stanza *answer = stanza_result(s, NULL);
		send_stanza(t, answer);
		stanza_unref(&answer);
	} else {
		t->server->pongs++;
	}
}

/* The stream. */

static bool on_event(struct test_session *t, struct receiver_event *e, struct buf *out)
{
	switch (e->kind) {
	case RECEIVER_FIND_CREDENTIALS: find_credentials(t, e); return true;
	case RECEIVER_HASH: hash(t, e); return true;
	case RECEIVER_BIND: bind_resource(t, e->bind.resource, out); return true;
	case RECEIVER_STANZA: {
		struct stanza *s = e->stanza;
		send_bytes(t, buf_str(out));
		buf_clear(out);
		if (!e->refusal.condition)
			on_stanza(t, s);
		stanza_unref(&s);
		return true;
	}
	case RECEIVER_LOGIN_FAILED:
	case RECEIVER_LOGGED_IN: return true;
	default: return false;
	}
}

static size_t on_data(void *owner, slab_handle h, struct str data)
{
	struct test_session *t = owner;
	struct receiver_event e;
	struct buf out;
	buf_init(&out, 1u << 20);
	receiver_input(t->receiver, data);
	do {
		receiver_next(t->receiver, &out, &e);
	} while (on_event(t, &e, &out));
	send_bytes(t, buf_str(&out));
	buf_fini(&out);
	if (e.kind == RECEIVER_CLOSED || e.kind == RECEIVER_FAILED)
		conn_close(t->server->conns, h);
	return data.n;
}

static void on_closed(void *owner, slab_handle h, const struct conn_end *end)
{
	struct test_session *t = owner;
	(void)h;
	(void)end;
	t->conn = 0;
	receiver_free(&t->receiver);
}

static const struct conn_ops ops = { .on_data = on_data, .on_closed = on_closed };

static void on_accept(void *ctx, int socket, const struct net_address *peer)
{
	struct test_server *s = ctx;
	s->last_peer = *peer;
	for (size_t i = 0; i < TEST_SESSIONS_MAX; i++) {
		struct test_session *t = &s->sessions[i];
		if (t->conn)
			continue;
		t->server = s;
		t->receiver = receiver_new(&s->config);
		assert_int_equal(conn_accept(s->conns, socket, &ops, t, &t->conn), 0);
		return;
	}
	fail_msg("too many sessions");
}

static unsigned mechanisms(void *ctx, struct str host)
{
	(void)ctx;
	(void)host;
	return SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_PLAIN);
}

static bool is_host(void *ctx, struct str domain)
{
	(void)ctx;
	return str_eq(domain, STR("localhost"));
}

void test_server_init(struct test_server *s, struct network *n, uint16_t port)
{
	struct net_address a = network_address(port);
	slab_handle h;
	*s = (struct test_server){ .world = n->world };
	s->net = sim_net_init(&s->sim_net, n, 0);
	s->loop = loop_new(&s->net, &s->world->clock);
	s->listeners = listeners_new(s->loop);
	s->conns = conns_new(s->loop, &conn_limits_default);
	s->config = (struct receiver_config){
		.tls = RECEIVER_TLS_NONE,
		.random = &s->world->random,
		.before = &stream_limits_before,
		.after = &stream_limits_client,
		.mechanisms = mechanisms,
		.fake_salt_secret = STR("secret"),
		.fake_iterations = ITERATIONS,
		.tries = 3,
		.is_host = is_host,
	};
	assert_int_equal(listener_open(s->listeners, &a, NET_LISTEN_FIRST, on_accept, s, &h), 0);
}

void test_server_fini(struct test_server *s)
{
	listeners_free(&s->listeners);
	conns_free(&s->conns);
	loop_free(&s->loop);
	for (size_t i = 0; i < TEST_SESSIONS_MAX; i++)
		receiver_free(&s->sessions[i].receiver);
}
