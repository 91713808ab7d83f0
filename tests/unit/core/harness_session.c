/* Peers behind a transport of our own: what a session needs of its edge, and no more. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "server/core/session.h"

#include <stdio.h>

struct fake_session {
	struct peer peer;
	struct transport transport;
	struct worker *worker;
	slab_handle session;
	bool full, released;
};

static struct fake_session *of_peer(struct peer *p)
{
	return CONTAINER_OF(p, struct fake_session, peer);
}

static const struct fake_session *of_const_peer(const struct peer *p)
{
	return CONTAINER_OF_CONST(p, struct fake_session, peer);
}

static struct fake_session *of_transport(struct transport *t)
{
	return CONTAINER_OF(t, struct fake_session, transport);
}

static bool transport_write(struct transport *t, struct stanza *s, const struct jid *to)
{
	struct fake_session *f = of_transport(t);
	assert_false(f->released);
	assert_false(f->peer.ended);
	if (f->full)
		return false;
	peer_note(&f->peer, s, to);
	return true;
}

static void transport_close(struct transport *t, enum stream_condition condition, const char *text)
{
	struct fake_session *f = of_transport(t);
	assert_false(f->released);
	assert_false(f->peer.ended);
	f->peer.ended = true;
	f->peer.condition = condition;
	snprintf(f->peer.text, sizeof(f->peer.text), "%s", text ? text : "");
}

static void transport_release(struct transport *t)
{
	struct fake_session *f = of_transport(t);
	assert_false(f->released);
	f->released = true;
}

static const struct transport_ops ops = {
	.name = "fake",
	.write = transport_write,
	.close = transport_close,
	.release = transport_release,
};

/* To the session, as its edge would. */
static struct envelope *envelope_to(struct fake_session *f, enum envelope_kind kind)
{
	struct envelope *v = envelope_new(kind, JID_BYTES_MAX + 256);
	v->to = jid_dup(v->arena, f->peer.jid);
	v->target = (struct remote_handle){ f->worker->index, f->session };
	return v;
}

static void send(struct fake_session *f, struct envelope *v)
{
	worker_send(f->worker, f->worker->index, v);
}

static void say(struct peer *p, struct str text)
{
	struct fake_session *f = of_peer(p);
	struct envelope *v = envelope_to(f, ENVELOPE_SESSION_STANZA);
	char *copy = mem_alloc(text.n + 1), full[JID_BYTES_MAX + 1];
	memcpy(copy, text.p, text.n);
	copy[text.n] = 0;
	snprintf(full, sizeof(full), STR_FMT, STR_ARG(jid_full(p->jid)));
	v->stanza = stanza_of(p->h, full, copy);
	mem_free(copy);
	send(f, v);
}

static void fake_session_free(struct peer *p)
{
	struct fake_session *f = of_peer(p);
	assert_true(f->released);
	mem_free(f);
}

void dies(struct peer *p)
{
	struct envelope *v = envelope_to(of_peer(p), ENVELOPE_SESSION_END);
	v->text = STR("it died");
	send(of_peer(p), v);
}

static void leave(struct peer *p)
{
	if (!p->ended)
		dies(p);
}

/* Makes the account's entity and loads what a session's end would need. */
static struct account *wake(struct harness *h, const char *jid)
{
	struct worker *w = harness_worker(h, jid);
	struct envelope *v = envelope_new(ENVELOPE_SESSION_END, JID_BYTES_MAX + 256);
	v->to = jid_dup(v->arena, jid_of(h, jid));
	worker_send(w, w->index, v);
	harness_run(h);
	struct account *a = harness_find(h, jid);
	assert_non_null(a);
	assert_int_equal(a->state, ACCOUNT_EXISTS);
	return a;
}

struct peer *opens(struct harness *h, const char *jid)
{
	struct account *a = wake(h, jid);
	struct fake_session *f = mem_zalloc(sizeof(*f));
	struct origin origin = { 0 };
	random_fill(&h->sim.world.random, origin.stream, sizeof(origin.stream));
	f->peer = (struct peer){ .h = h, .jid = jid_of(h, jid), .say = say, .free = fake_session_free,
		.leave = leave };
	f->transport.ops = &ops;
	f->worker = a->entity.worker;
	list_init(&f->peer.seen);
	list_add_last(&h->peers, &f->peer.link);
	f->session = session_open(a, f->peer.jid, &f->transport, &origin)->handle;
	harness_run(h);
	return &f->peer;
}

struct peer *arrives(struct harness *h, const char *jid)
{
	struct peer *p = opens(h, jid);
	says(p, "<presence/>");
	overlooks(p);
	return p;
}

void becomes_full(struct peer *p)
{
	of_peer(p)->full = true;
}

void becomes_writable(struct peer *p)
{
	of_peer(p)->full = false;
	send(of_peer(p), envelope_to(of_peer(p), ENVELOPE_SESSION_WRITABLE));
	harness_run(p->h);
}

struct session *session_of(struct peer *p)
{
	return session_get(of_peer(p)->worker, of_peer(p)->session);
}

bool is_released(const struct peer *p)
{
	return of_const_peer(p)->released;
}
