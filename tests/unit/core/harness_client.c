/* Clients over the network. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "lib/stream/limits.h"

#include <stdio.h>

#define BYTES_MAX (64u << 20)

struct client {
	struct peer peer;
	struct initiator_config config;
	struct initiator *initiator;
	int socket; /* -1: none any more */
	bool silent, bound;
	enum sasl_failure failure;
	struct buf in, out;
};

static struct client *of_peer(struct peer *p)
{
	return CONTAINER_OF(p, struct client, peer);
}

static const struct client *of_const_peer(const struct peer *p)
{
	return CONTAINER_OF_CONST(p, struct client, peer);
}

static void flush(struct client *c)
{
	if (buf_len(&c->out) && c->socket >= 0)
		network_send(&c->peer.h->sim.network, c->socket, buf_str(&c->out));
	buf_clear(&c->out);
}

static void hang_up(struct client *c)
{
	if (c->socket >= 0)
		network_close(&c->peer.h->sim.network, c->socket);
	c->socket = -1;
}

static void on_end(struct client *c, const struct initiator_event *e)
{
	c->peer.ended = true;
	c->peer.condition = e->condition;
	c->failure = e->failure;
	snprintf(c->peer.text, sizeof(c->peer.text), STR_FMT, STR_ARG(e->text));
	flush(c);
	hang_up(c);
}

static void on_hash(struct client *c, const struct initiator_event *e)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
	initiator_hashed(c->initiator, salted);
}

/* False when it has nothing more to say for now. */
static bool on_event(struct client *c, enum initiator_event_kind kind, struct initiator_event *e)
{
	switch (kind) {
	case INITIATOR_HASH: on_hash(c, e); return true;
	case INITIATOR_LOGGED_IN: return true;
	case INITIATOR_READY:
		c->bound = true;
		c->peer.jid = e->jid;
		return true;
	case INITIATOR_STANZA:
		peer_note(&c->peer, e->stanza, NULL);
		stanza_unref(&e->stanza);
		return true;
	case INITIATOR_ELEMENT: arena_free(&e->arena); return true;
	case INITIATOR_CLOSED:
	case INITIATOR_FAILED: on_end(c, e); return false;
	default: return false;
	}
}

static void pump(struct client *c)
{
	struct initiator_event e;
	enum initiator_event_kind kind;
	do
		kind = initiator_next(c->initiator, &c->out, &e);
	while (on_event(c, kind, &e));
	flush(c);
}

static bool step(struct peer *p)
{
	struct client *c = of_peer(p);
	struct network *n = &p->h->sim.network;
	if (c->socket < 0 || c->silent)
		return false;
	buf_clear(&c->in);
	network_receive(n, c->socket, &c->in, SIZE_MAX);
	if (buf_len(&c->in)) {
		initiator_input(c->initiator, buf_str(&c->in));
		pump(c);
		return true;
	}
	if (!network_peer_has_ended(n, c->socket) && !network_is_reset(n, c->socket))
		return false;
	p->ended = true;
	hang_up(c);
	return true;
}

static void say(struct peer *p, struct str text)
{
	network_send(&p->h->sim.network, of_peer(p)->socket, text);
}

static void client_free(struct peer *p)
{
	struct client *c = of_peer(p);
	hang_up(c);
	initiator_free(&c->initiator);
	buf_fini(&c->in);
	buf_fini(&c->out);
	mem_free(c);
}

static struct peer *dial(struct harness *h, const char *jid, const char *password, unsigned mechanisms, unsigned worker)
{
	struct client *c = mem_zalloc(sizeof(*c));
	struct net_address port = harness_port(worker);
	c->config = (struct initiator_config){ .jid = jid_of(h, jid), .password = str_from_c(password),
		.tls = INITIATOR_TLS_NONE, .mechanisms = mechanisms, .iterations_max = 100000,
		.random = &h->sim.world.random, .limits = &stream_limits_server };
	c->peer = (struct peer){ .h = h, .jid = c->config.jid, .say = say, .free = client_free, .step = step };
	list_init(&c->peer.seen);
	list_add_last(&h->peers, &c->peer.link);
	buf_init(&c->in, BYTES_MAX);
	buf_init(&c->out, BYTES_MAX);
	c->initiator = initiator_new(&c->config);
	c->socket = network_dial(&h->sim.network, &port);
	assert_true(c->socket >= 0);
	pump(c);
	return &c->peer;
}

struct peer *dials(struct harness *h, const char *jid, const char *password, unsigned mechanisms)
{
	return dial(h, jid, password, mechanisms, harness_worker(h, jid)->index);
}

struct peer *dials_elsewhere(struct harness *h, const char *jid, const char *password, unsigned mechanisms)
{
	return dial(h, jid, password, mechanisms, (harness_worker(h, jid)->index + 1) % h->sim.server.worker_count);
}

struct peer *logs_in(struct harness *h, const char *jid)
{
	struct peer *p = dials(h, jid, HARNESS_PASSWORD, SASL_BIT(SASL_PLAIN));
	harness_run(h);
	if (!is_bound(p))
		fail_msg("%s: login failed: %d %d %s", jid, of_peer(p)->failure, (int)p->condition, p->text);
	return p;
}

bool is_bound(const struct peer *p)
{
	return of_const_peer(p)->bound;
}

enum sasl_failure login_failure(const struct peer *p)
{
	return of_const_peer(p)->failure;
}

void stops_reading(struct peer *p)
{
	of_peer(p)->silent = true;
}

void is_cut(struct peer *p)
{
	network_reset(&p->h->sim.network, of_peer(p)->socket);
	of_peer(p)->socket = -1;
	p->ended = true;
}

void closes(struct peer *p)
{
	struct client *c = of_peer(p);
	initiator_close(c->initiator, &c->out);
	flush(c);
}

int socket_of(const struct peer *p)
{
	return of_const_peer(p)->socket;
}
