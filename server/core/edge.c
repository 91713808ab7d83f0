/* Drives the stream of a client connection, and asks others for what the stream cannot know. */
#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/mem.h"
#include "lib/stream/header.h"
#include "server/core/edge_impl.h"
#include "server/core/edge_limits.h"
#include "server/core/entity.h"
#include "server/core/hashpool.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/storage/accounts.h"

/* docs/SECURITY.md, Q3. */
#define FIRST_BYTE_MS 10000
/* For a session to take its leave, should the storage be in no state to let it. */
#define CLOSING_MS 5000
/* What one stanza may become when it is written. */
#define SCRATCH_BYTES_MAX (4u << 20)
/* A tag, which is one text of a client that has not logged in yet, and what is put behind it. */
#define INLINE_RESOURCE_BYTES_MAX 65536
/* First room in an envelope for an address of the usual length. */
#define JID_ROOM 128

static void describe(const struct log *log, struct buf *b)
{
	const struct edge *e = CONTAINER_OF_CONST(log, struct edge, log);
	buf_printf(b, "c2s=%x", e->handle);
	if (receiver_jid(e->receiver))
		buf_printf(b, " user=" STR_FMT, STR_ARG(jid_full(receiver_jid(e->receiver))));
}

void edge_worker_init(struct worker *w)
{
	slab_init(&w->edges, sizeof(struct edge), SLAB_OBJECTS_MAX);
	list_init(&w->moving);
	buf_init(&w->scratch, SCRATCH_BYTES_MAX);
	buf_init(&w->transport_scratch, SCRATCH_BYTES_MAX);
	struct conn_limits limits = conn_limits_default;
	limits.connections = SLAB_OBJECTS_MAX;
	/* A connection that is not congested takes any stanza, behind what a session elsewhere may have on its way. */
	limits.output_max = 2 * limits.output_high + SESSION_STANZA_BYTES_MAX + SESSION_STANZA_EXTRA_BYTES;
	const struct config_limits *rates = &w->server->config->limits;
	limits.rate_bytes_per_s = rates->rate ? (uint32_t)rates->read_rate : 0;
	limits.rate_burst_bytes = (uint32_t)rates->read_burst;
	w->conns = conns_new(w->loop, &limits);
}

static void free_login(struct edge *e)
{
	if (!e->login)
		return;
	edge_leave_guests(e);
	list_remove(&e->login->move_link);
	mem_free((char *)e->login->wanted.p);
	mem_free(e->login);
	e->login = NULL;
}

/* All but its handle goes. */
static void let_go(struct edge *e)
{
	receiver_free(&e->receiver);
	free_login(e);
	atomic_fetch_sub_explicit(&e->worker->edge_count, 1, memory_order_relaxed);
}

void edge_free(struct edge *e)
{
	let_go(e);
	slab_free(&e->worker->edges, e->handle);
}

struct edge *edge_answered(struct worker *w, slab_handle h)
{
	struct edge *e = slab_get(&w->edges, h);
	assert_always(e && e->asks);
	e->asks = false;
	if (e->conn)
		return e;
	slab_free(&w->edges, h);
	return NULL;
}

void edge_worker_fini(struct worker *w)
{
	conns_free(&w->conns);
	for (slab_handle h = 0; (h = slab_next(&w->edges, h)) != 0;) {
		struct edge *e = slab_get(&w->edges, h);
		if (e->conn || !e->asks)
			edge_free(e);
	}
	slab_fini(&w->edges);
	buf_fini(&w->scratch);
	buf_fini(&w->transport_scratch);
}

/* Sends what the stream has written. */
static void send_scratch(struct edge *e)
{
	struct buf *b = &e->worker->scratch;
	if (buf_len(b) && !conn_write(e->worker->conns, e->conn, buf_str(b)))
		conn_abort(e->worker->conns, e->conn);
	buf_clear(b);
}

/* With the certificates of this moment's hosts. */
static void start_tls(struct edge *e)
{
	struct tls_use use = e->kind->tls;
	use.context = host_table_tls(server_hosts(e->worker->server));
	conn_start_tls(e->worker->conns, e->conn, &use);
}

/* Questions of the stream. */

static void on_credentials(struct worker *w, slab_handle h, const struct query *q)
{
	struct edge *e = edge_answered(w, h);
	if (!e)
		return;
	struct sasl_credentials c;
	unsigned flags;
	enum accounts_answer answer = accounts_find_read(q, &c, &flags);
	if (answer != ACCOUNTS_UNREADABLE)
		e->login->intent.keys = accounts_keys_of(&c);
	if (answer == ACCOUNTS_UNREADABLE)
		receiver_credentials_failed(e->receiver);
	else
		receiver_credentials(e->receiver, answer == ACCOUNTS_FOUND && !(flags & ACCOUNTS_DISABLED) ? &c : NULL);
	secret_wipe(&c, sizeof(c));
	edge_pump(e);
}

static void find_credentials(struct edge *e, const struct receiver_event *ev)
{
	if (!edge_may_try_login(e)) {
		receiver_credentials_failed(e->receiver);
		return;
	}
	e->asks = true;
	worker_query_alone(e->worker, accounts_find(ev->host, ev->username), on_credentials, e->handle);
}

static void on_hashed(struct worker *w, slab_handle h, const unsigned char *salted)
{
	struct edge *e = edge_answered(w, h);
	if (!e)
		return;
	if (salted)
		receiver_hashed(e->receiver, salted);
	else
		receiver_credentials_failed(e->receiver);
	edge_pump(e);
}

void edge_open_session(struct edge *e, struct str resource)
{
	struct worker *w = e->worker;
	const struct jid *jid = receiver_jid(e->receiver);
	struct envelope *v = envelope_new(ENVELOPE_SESSION_OPEN, 2 * JID_BYTES_MAX + 256);
	v->to = jid_dup(v->arena, jid);
	v->source = (struct remote_handle){ w->index, e->handle };
	v->text = arena_dup(v->arena, resource);
	v->number = e->login->intent.open_flags;
	random_fill(w->random, v->origin.stream, sizeof(v->origin.stream));
	e->state = EDGE_OPENING;
	worker_send(w, entity_worker(w, jid), v);
}

/* The session is opened where the account is. */
static void on_bind(struct edge *e, const struct receiver_event *ev)
{
	struct arena *a = arena_new(256, INLINE_RESOURCE_BYTES_MAX);
	struct str resource = ev->bind.resource;
	if (ev->bind.is_inline) {
		resource = edge_inline_resource(e, ev, a);
		e->login->intent.open_flags |= ev->bind.client.n ? SESSION_OPEN_OF_CLIENT : 0;
	}
	if (!e->login->moving) {
		edge_open_session(e, resource);
	} else {
		char *p = mem_alloc(resource.n + 1);
		if (resource.n)
			memcpy(p, resource.p, resource.n);
		e->login->wanted = str_make(p, resource.n);
	}
	arena_free(&a);
}

static void forward(struct edge *e, struct receiver_event *ev)
{
	struct envelope *v = envelope_new(ENVELOPE_SESSION_STANZA, JID_ROOM);
	v->stanza = ev->stanza;
	v->to = jid_dup(v->arena, receiver_jid(e->receiver));
	v->target = e->session;
	v->refusal = ev->refusal;
	worker_send(e->worker, e->session.worker, v);
}

/* Tells the session, if there is one, that its stream is over. */
static void end_session(struct edge *e, const char *why)
{
	if (e->state != EDGE_BOUND || e->ended)
		return;
	e->ended = true;
	struct envelope *v = envelope_new(ENVELOPE_SESSION_END, JID_ROOM);
	v->to = jid_dup(v->arena, receiver_jid(e->receiver));
	v->target = e->session;
	v->text = arena_dup(v->arena, str_from_c(why));
	worker_send(e->worker, e->session.worker, v);
}

/* RFC 6120, 4.4: the client hears all that there is for it before our closing tag, which is held back until its session, to which
 * its last stanzas are on their way, has let go. */
static void on_close(struct edge *e)
{
	struct worker *w = e->worker;
	if (e->closing)
		return; /* more bytes have come behind the client's */
	if (e->state == EDGE_BOUND && !e->ended && str_eq(buf_str(&w->scratch), STREAM_CLOSING_TAG)) {
		buf_clear(&w->scratch);
		e->closing = true;
		end_session(e, "closed by the client");
		conn_set_deadline(w->conns, e->conn, CLOSING_MS);
		return;
	}
	send_scratch(e);
	end_session(e, "closed by the client");
	conn_close(w->conns, e->conn);
}

void edge_close_behind(struct edge *e)
{
	struct conns *conns = e->worker->conns;
	if (!e->closing || !e->conn)
		return;
	e->closing = false;
	if (!conn_write(conns, e->conn, STREAM_CLOSING_TAG))
		conn_abort(conns, e->conn);
	conn_close(conns, e->conn);
}

static void on_failed(struct edge *e, const struct receiver_event *ev)
{
	struct str name = stream_condition_name(ev->condition);
	worker_count(e->worker, stream_errors);
	log_info(&e->log, "stream error condition=" STR_FMT " why=\"%s\"", STR_ARG(name), ev->why ? ev->why : "");
	end_session(e, ev->why ? ev->why : "stream error");
	conn_close(e->worker->conns, e->conn);
}

static void on_logged_in(struct edge *e, const struct receiver_event *ev)
{
	struct str mechanism = sasl_mechanism_name(ev->mechanism);
	worker_count(e->worker, logins);
	edge_leave_guests(e);
	e->login->intent.mechanism = ev->mechanism;
	e->login->intent.open_flags = ev->mechanism == SASL_ANONYMOUS ? SESSION_OPEN_ANONYMOUS : 0;
	log_info(&e->log, "logged in mechanism=" STR_FMT " tls=%s", STR_ARG(mechanism),
		receiver_has_tls(e->receiver) ? "yes" : "no");
	if (entity_worker(e->worker, ev->jid) != e->worker->index && !e->worker->server->encodes_envelopes) {
		e->login->moving = true;
		list_add_last(&e->worker->moving, &e->login->move_link);
	}
}

static void on_login_failed(struct edge *e, const struct receiver_event *ev)
{
	char address[NET_ADDRESS_TEXT];
	worker_count(e->worker, login_failures);
	edge_note_login_failure(e, ev->failure);
	log_info(&e->log, "login failed user=" STR_FMT "@" STR_FMT " reason=" STR_FMT " address=" STR_FMT,
		STR_ARG(ev->username), STR_ARG(ev->host), STR_ARG(sasl_failure_name(ev->failure)),
		STR_ARG(net_address_format(&e->login->peer, address)));
}

/* False when the stream has nothing more to say for now. */
static bool on_event(struct edge *e, enum receiver_event_kind kind, struct receiver_event *ev)
{
	struct worker *w = e->worker;
	switch (kind) {
	case RECEIVER_IDLE:
	case RECEIVER_WAIT: return false;
	case RECEIVER_START_TLS:
		send_scratch(e);
		start_tls(e);
		return false;
	case RECEIVER_FIND_CREDENTIALS: find_credentials(e, ev); return true;
	case RECEIVER_FIND_TOKENS: edge_find_tokens(e, ev); return true;
	case RECEIVER_GRANT: edge_grant(e, ev->grant); return true;
	case RECEIVER_HASH:
		e->asks = true;
		hashpool_submit(w->server->hashpool, w, e->handle, ev->hash.digest, ev->hash.password, ev->hash.salt,
			ev->hash.iterations, on_hashed);
		return true;
	case RECEIVER_LOGIN_FAILED: on_login_failed(e, ev); return true;
	case RECEIVER_LOGGED_IN: on_logged_in(e, ev); return true;
	case RECEIVER_BIND: on_bind(e, ev); return true;
	case RECEIVER_STANZA: forward(e, ev); return true;
	case RECEIVER_ELEMENT: arena_free(&ev->arena); return true; /* no module takes any yet: none is configured */
	case RECEIVER_CLOSED: on_close(e); return false;
	case RECEIVER_FAILED:
		send_scratch(e);
		on_failed(e, ev);
		return false;
	}
	return false;
}

void edge_pump(struct edge *e)
{
	struct receiver_event ev;
	unsigned stanzas = 0;
	bool more;
	do {
		enum receiver_event_kind kind = receiver_next(e->receiver, &e->worker->scratch, &ev);
		stanzas += kind == RECEIVER_STANZA;
		more = on_event(e, kind, &ev);
	} while (more && stanzas < EDGE_STANZAS_A_TURN);
	if (more) {
		receiver_keep(e->receiver);
		conn_yield(e->worker->conns, e->conn);
	}
	edge_charge(e, 0, stanzas);
	send_scratch(e);
}

/* From the connection. */

static size_t on_data(void *owner, slab_handle c, struct str data)
{
	struct edge *e = owner;
	(void)c;
	if (receiver_phase(e->receiver) == RECEIVER_CONNECTED)
		conn_set_timeout(e->worker->conns, e->conn, 0);
	/* Nothing: it goes on with what it has kept. */
	if (data.n)
		receiver_input(e->receiver, data);
	edge_charge(e, data.n, 0);
	edge_pump(e);
	return data.n;
}

static void on_tls(void *owner, slab_handle c)
{
	(void)c;
	edge_tls_started(owner);
}

static void on_timeout(void *owner, slab_handle c, enum conn_timer which)
{
	struct edge *e = owner;
	(void)c;
	(void)which;
	if (e->closing) {
		edge_close_behind(e);
		return;
	}
	receiver_close(e->receiver, STREAM_CONNECTION_TIMEOUT, "no login in time", &e->worker->scratch);
	send_scratch(e);
	limit_met(e->worker, LIMIT_login_timeouts, &e->log, e->login ? &e->login->peer : NULL);
	conn_close(e->worker->conns, e->conn);
}

/* What did not fit, or came before the stream was bound, can be written now; a session elsewhere is told how much. */
static void invite_writing(struct edge *e)
{
	if (e->state != EDGE_BOUND || e->ended)
		return;
	struct envelope *v = envelope_new(ENVELOPE_SESSION_WRITABLE, JID_ROOM);
	v->to = jid_dup(v->arena, receiver_jid(e->receiver));
	v->target = e->session;
	v->number = e->unacknowledged;
	e->unacknowledged = 0;
	worker_send(e->worker, e->session.worker, v);
}

static void on_writable(void *owner, slab_handle c)
{
	(void)c;
	invite_writing(owner);
}

static void on_closed(void *owner, slab_handle c, const struct conn_end *end)
{
	struct edge *e = owner;
	(void)c;
	e->conn = 0;
	log_debug(&e->log, "connection ended: %s", end->text);
	end_session(e, end->text);
	if (e->state != EDGE_UNBOUND)
		return;
	if (e->asks)
		let_go(e);
	else
		edge_free(e);
}

const struct conn_ops edge_conn_ops = {
	.on_data = on_data,
	.on_writable = on_writable,
	.on_tls = on_tls,
	.on_timeout = on_timeout,
	.on_closed = on_closed,
};

struct edge *edge_new(struct worker *w, const struct edge_kind *kind, const struct net_address *peer)
{
	void *object;
	slab_handle h = slab_alloc(&w->edges, &object);
	struct edge *e = object;
	if (!h)
		return NULL;
	e->transport.ops = &edge_transport_ops;
	e->worker = w;
	e->kind = kind;
	e->handle = h;
	e->log = log_child(&w->log, describe);
	e->login = mem_zalloc(sizeof(*e->login));
	e->login->edge = e;
	e->login->peer = *peer;
	list_init(&e->login->move_link);
	atomic_fetch_add_explicit(&w->edge_count, 1, memory_order_relaxed);
	return e;
}

void edge_accept(struct worker *w, const struct edge_kind *kind, int socket, const struct net_address *peer)
{
	struct edge *e = edge_new(w, kind, peer);
	if (!e) {
		net_close(loop_net(w->loop), socket);
		return;
	}
	e->receiver = receiver_new(&kind->receiver);
	if (!edge_may_enter(e, socket)) {
		edge_free(e);
		return;
	}
	if (conn_accept(w->conns, socket, &edge_conn_ops, e, &e->conn) != 0) {
		edge_free(e);
		return;
	}
	worker_count(w, connections);
	conn_set_timeout(w->conns, e->conn, FIRST_BYTE_MS);
	conn_set_deadline(w->conns, e->conn, EDGE_UNBOUND_MS);
	e->login->bind_by_ms = worker_now(w) + EDGE_UNBOUND_MS;
	if (kind->direct_tls)
		start_tls(e);
}

/* SESSION_OPENED: the owner has answered. */
static void on_opened(struct edge *e, const struct envelope *v)
{
	if (v->refusal.condition != STANZA_OK) {
		e->state = EDGE_UNBOUND;
		if (!e->conn) {
			edge_free(e);
			return;
		}
		receiver_refuse_bind(e->receiver, &v->refusal, &e->worker->scratch);
	} else {
		e->state = EDGE_BOUND;
		e->session = v->source;
		receiver_bind(e->receiver, v->to, &e->worker->scratch);
		free_login(e);
		if (!e->conn) {
			buf_clear(&e->worker->scratch);
			end_session(e, "closed before it was bound");
			return;
		}
		conn_set_deadline(e->worker->conns, e->conn, 0);
		invite_writing(e);
	}
	edge_pump(e);
}

/* EDGE_WRITE: a session elsewhere has written. */
static void on_written(struct edge *e, const struct envelope *v)
{
	struct conns *conns = e->worker->conns;
	if (!e->conn)
		return;
	if (!conn_write(conns, e->conn, v->bytes))
		conn_abort(conns, e->conn);
	e->unacknowledged += v->bytes.n;
	if (!conn_is_congested(conns, e->conn))
		invite_writing(e);
}

/* EDGE_CLOSE: a session elsewhere has let go. */
static void on_released(struct edge *e, const struct envelope *v)
{
	struct str text = arena_dup(v->arena, v->text);
	e->transport.ops->close(&e->transport, v->condition, text.p);
	e->transport.ops->release(&e->transport);
}

void edge_receive(struct worker *w, struct envelope *v)
{
	struct edge *e = slab_get(&w->edges, v->target.handle);
	if (e && v->kind == ENVELOPE_SESSION_OPENED)
		on_opened(e, v);
	else if (e && v->kind == ENVELOPE_EDGE_WRITE)
		on_written(e, v);
	else if (e && v->kind == ENVELOPE_EDGE_CLOSE)
		on_released(e, v);
	envelope_free(&v);
}

void edge_end(struct edge *e, enum stream_condition condition, const char *text)
{
	receiver_close(e->receiver, condition, text, &e->worker->scratch);
	send_scratch(e);
	end_session(e, text);
	conn_close(e->worker->conns, e->conn);
}

void edge_close_unserved(struct worker *w, const char *text)
{
	for (slab_handle h = 0; (h = slab_next(&w->edges, h)) != 0;) {
		struct edge *e = slab_get(&w->edges, h);
		if (!e->conn || e->state == EDGE_BOUND)
			continue;
		struct str host = receiver_host(e->receiver);
		if (!str_is_empty(host) && !server_is_host(w->server, host))
			edge_end(e, STREAM_HOST_GONE, text);
	}
}

void edge_close_revoked(struct worker *w, const struct jid *jid, struct str client, const char *text)
{
	for (slab_handle h = 0; (h = slab_next(&w->edges, h)) != 0;) {
		struct edge *e = slab_get(&w->edges, h);
		const struct jid *own = e->conn && e->login ? receiver_jid(e->receiver) : NULL;
		if (!own || !jid_equal_bare(own, jid))
			continue;
		if (!client.n || str_eq(client, str_make(e->login->intent.client, EDGE_CLIENT_BYTES)))
			edge_end(e, STREAM_NOT_AUTHORIZED, text);
	}
}

void edge_close_all(struct worker *w, enum stream_condition condition, const char *text)
{
	for (slab_handle h = 0; (h = slab_next(&w->edges, h)) != 0;) {
		struct edge *e = slab_get(&w->edges, h);
		if (e->conn)
			edge_end(e, condition, text);
	}
}
