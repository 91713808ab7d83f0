/* Each client is an initiator on a connection. */
#include "bench/clients.h"

#include "bench/child.h"
#include "bench/server.h"
#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/net/conn.h"
#include "lib/net/sysclock.h"
#include "lib/net/sysnet.h"
#include "lib/net/sysrandom.h"
#include "lib/stream/initiator.h"
#include "lib/stream/limits.h"

#include <stdio.h>
#include <string.h>

#define SILENCE_MS 10000
#define TURN_MS    1000
/* Logins under way at a time: more would only wait in the server's queue for hashes. */
#define LOGINS_MAX     64
#define OUTPUT_MAX     (1u << 20)
#define ITERATIONS_MAX 4096
#define RESOURCE       STR("bench")

struct client {
	struct clients *all;
	struct arena *arena; /* of its JID */
	struct initiator_config config;
	struct initiator *initiator;
	struct tls_use tls;
	slab_handle conn;
	bool is_available;
};

struct clients {
	struct clients_options o;
	struct sysnet sysnet;
	struct net net;
	struct loop *loop;
	struct conns *conns;
	struct tls_context *tls;
	struct client *each;
	unsigned begun, available, wanted; /* logins */
	uint64_t progress;                 /* events so far */
	struct buf out;                    /* empty between two uses */
};

static unsigned number_of(const struct client *c)
{
	return (unsigned)(c - c->all->each);
}

static void send_out(struct client *c)
{
	struct buf *out = &c->all->out;
	if (buf_len(out) && !conn_write(c->all->conns, c->conn, buf_str(out)))
		child_fail("client %u cannot send", number_of(c));
	buf_clear(out);
}

static void on_stanza(struct client *c, const struct stanza *s)
{
	const struct clients_options *o = &c->all->o;
	if (s->kind != STANZA_PRESENCE) {
		if (o->on_stanza)
			o->on_stanza(o->ctx, number_of(c), s);
	} else if (!c->is_available && s->from && jid_equal(s->from, initiator_jid(c->initiator))) {
		c->is_available = true;
		c->all->available++;
	}
}

/* False once the initiator has nothing more to say for now. */
static bool on_event(struct client *c, struct initiator_event *e)
{
	switch (e->kind) {
	case INITIATOR_LOGGED_IN: return true;
	case INITIATOR_READY: buf_lit(&c->all->out, "<presence/>"); return true;
	case INITIATOR_STANZA:
		on_stanza(c, e->stanza);
		stanza_unref(&e->stanza);
		return true;
	case INITIATOR_IDLE:
	case INITIATOR_WAIT: return false;
	default: child_fail("client %u: %s", number_of(c), e->why ? e->why : "the stream ended");
	}
}

static void pump(struct client *c)
{
	struct initiator_event e;
	do {
		initiator_next(c->initiator, &c->all->out, &e);
	} while (on_event(c, &e));
	send_out(c);
	c->all->progress++;
}

static void on_connected(void *owner, slab_handle h)
{
	struct client *c = owner;
	if (c->all->o.tls)
		conn_start_tls(c->all->conns, h, &c->tls);
	else
		pump(c);
}

static void on_tls(void *owner, slab_handle h)
{
	(void)h;
	pump(owner);
}

static size_t on_data(void *owner, slab_handle h, struct str data)
{
	struct client *c = owner;
	(void)h;
	initiator_input(c->initiator, data);
	pump(c);
	return data.n;
}

static void on_closed(void *owner, slab_handle h, const struct conn_end *end)
{
	(void)h;
	child_fail("client %u: the connection ended: %s", number_of(owner), end->text);
}

static const struct conn_ops ops = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_tls = on_tls,
	.on_closed = on_closed,
};

static const struct jid *make_jid(struct client *c)
{
	const struct jid *jid;
	const char *why;
	char local[32];
	snprintf(local, sizeof(local), "user%u", number_of(c));
	c->arena = arena_new(128, JID_ARENA_BYTES_MAX);
	assert_always(jid_make(c->arena, str_from_c(local), STR(SERVER_DOMAIN), RESOURCE, &jid, &why) == 0);
	return jid;
}

/* A system has some 28,000 ports an address for outgoing connections: the clients share some addresses. */
static struct net_address address_of(unsigned number)
{
	return (struct net_address){ .family = NET_IPV4, .ip = { 127, 0, 1, (unsigned char)(1 + number % 8) } };
}

static void connect_client(struct client *c)
{
	struct clients *all = c->all;
	struct net_address from = address_of(number_of(c));
	c->config = (struct initiator_config){
		.jid = make_jid(c),
		.password = STR(SERVER_PASSWORD),
		.tls = all->o.tls ? INITIATOR_TLS_DIRECT : INITIATOR_TLS_NONE,
		.mechanisms = SASL_BIT(SASL_PLAIN),
		.iterations_max = ITERATIONS_MAX,
		.random = &sysrandom,
		.limits = &stream_limits_server,
	};
	c->tls = (struct tls_use){ .context = all->tls, .host = SERVER_DOMAIN, .alpn = TLS_ALPN_IF_OFFERED };
	c->initiator = initiator_new(&c->config);
	int r = conn_connect(all->conns, &all->o.server, &from, &ops, c, &c->conn);
	if (r != 0)
		child_fail("client %u cannot connect: %s", number_of(c), strerror(-r));
}

struct clients *clients_new(const struct clients_options *o)
{
	struct clients *c = mem_zalloc(sizeof(*c));
	struct tls_client_options tls = { .insecure = true, .clock = &sysclock };
	char why[256];
	c->o = *o;
	if (sysnet_init(&c->sysnet) != 0 || (o->tls && tls_client_context_new(&tls, &c->tls, why, sizeof(why)) != 0))
		child_fail("cannot make clients");
	c->net = sysnet_net(&c->sysnet);
	c->loop = loop_new(&c->net, &sysclock);
	c->conns = conns_new(c->loop, &conn_limits_default);
	c->each = mem_zalloc_array(o->count, sizeof(*c->each));
	for (unsigned i = 0; i < o->count; i++)
		c->each[i].all = c;
	buf_init(&c->out, OUTPUT_MAX);
	return c;
}

void clients_free(struct clients **pointer)
{
	struct clients *c = *pointer;
	*pointer = NULL;
	conns_free(&c->conns);
	loop_free(&c->loop);
	sysnet_fini(&c->sysnet);
	tls_context_unref(&c->tls);
	for (unsigned i = 0; i < c->o.count; i++) {
		initiator_free(&c->each[i].initiator);
		arena_free(&c->each[i].arena);
	}
	mem_free(c->each);
	buf_fini(&c->out);
	mem_free(c);
}

void clients_run_until(struct clients *c, bool (*is_done)(void *ctx), void *ctx)
{
	uint64_t progress = c->progress, since = loop_now_ms(c->loop);
	while (!is_done(ctx)) {
		loop_turn(c->loop, TURN_MS);
		if (c->progress != progress)
			since = loop_now_ms(c->loop);
		else if (loop_now_ms(c->loop) - since > SILENCE_MS)
			child_fail("nothing has come from the server for %u s: something was lost", SILENCE_MS / 1000);
		progress = c->progress;
	}
}

static bool have_logged_in(void *ctx)
{
	struct clients *c = ctx;
	while (c->begun < c->wanted && c->begun - c->available < LOGINS_MAX)
		connect_client(&c->each[c->begun++]);
	return c->available == c->wanted;
}

void clients_login(struct clients *c, unsigned count)
{
	c->wanted += count;
	assert_always(c->wanted <= c->o.count);
	clients_run_until(c, have_logged_in, c);
}

void clients_send(struct clients *c, unsigned number, struct str bytes)
{
	if (!conn_write(c->conns, c->each[number].conn, bytes))
		child_fail("client %u cannot send", number);
}
