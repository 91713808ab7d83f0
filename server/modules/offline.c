/* Messages for those who are away (XEP-0160): kept in the account's log, delivered when a session can take them, forgotten when that
 * session has shown that it has them.
 *
 * The cursor "offline" says how far the log has been delivered. To a session that becomes available, rows behind it go in
 * batches, a ping behind each; its answer moves the cursor (docs/GUARANTEES.md, D4: a client answers in order, so it has read the
 * batch). While that goes on, what arrives is kept too and takes its turn (D6).
 *
 *     IDLE ── a session is available, rows behind the cursor ──▶ READING ── rows ──▶ PINGED ── answer ──▶ READING …
 *       ◀──────────────────────────── no rows left, or the session has gone ───────────────────────────┘
 *                                  (RETRYING: the rows could not be read; a timer tries again)
 *
 * A session that does not answer is ended: the rows stay for one that does. */
#include "server/modules/offline.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/crypto/digest.h"
#include "lib/xmpp/delay.h"
#include "lib/xmpp/ns.h"
#include "server/core/account.h"
#include "server/core/deliver.h"
#include "server/core/server.h"
#include "server/core/session.h"
#include "server/core/worker.h"
#include "server/modules/message.h"
#include "server/storage/log.h"

#define CURSOR STR("offline")
#define BATCH_ROWS 50
#define BATCH_BYTES (128u << 10)
#define ROW_BYTES_MAX (SESSION_STANZA_BYTES_MAX + SESSION_STANZA_EXTRA_BYTES)
#define ID_BYTES 18
#define RETRY_MS 1000
#define ANSWER_MS 300000 /* for a batch and its ping over a slow link, and back */

enum offline_state { IDLE, READING, PINGED, RETRYING };

/* The part of an account. A row that could not be stored leaves a gap in the numbers, no more; a cursor that could not be moved
 * means that the batch comes again after a restart. */
struct offline {
	int64_t last; /* number of the newest row */
	int64_t delivered; /* the cursor */
	int64_t sent; /* the newest row of the batch that is out */
	int64_t asked; /* `last` when the rows were asked for: later ones are not in the answer */
	enum offline_state state;
	slab_handle session; /* that is being served */
};

static struct offline *offline_of(struct account *a)
{
	return account_part(a, &offline_module);
}

/* What is kept. */

static bool has_hint(const struct stanza *s, struct str name)
{
	return xml_child(s->root, NS_HINTS, name) != NULL;
}

/* XEP-0160, 3: normal and chat messages, but not those that only say that somebody is typing; XEP-0334, 4.2. */
static bool is_storable(const struct stanza *s)
{
	if ((s->type != MESSAGE_CHAT && s->type != MESSAGE_NORMAL) || has_hint(s, STR("no-store")))
		return false;
	XML_FOR_EACH_CHILD(child, s->root)
		if (!str_eq(xml_ns(child), NS_CHAT_STATES) && !xml_is(child, NS_CONTENT, STR("thread")))
			return true;
	return false;
}

/* The row's id is made from what caused it: the same cause makes the same id, so it is stored once. Without a cause it is random. */
static struct str make_id(struct account *a, const struct origin *o, char out[BASE64_LEN(ID_BYTES)])
{
	unsigned char bytes[DIGEST_BYTES_MAX];
	if (o->number) {
		char cause[sizeof(o->stream) + sizeof(o->number) + JID_BYTES_MAX];
		struct str owner = account_owner(a);
		memcpy(cause, o->stream, sizeof(o->stream));
		memcpy(cause + sizeof(o->stream), &o->number, sizeof(o->number));
		memcpy(cause + sizeof(o->stream) + sizeof(o->number), owner.p, owner.n);
		digest_compute(DIGEST_SHA256, str_make(cause, sizeof(o->stream) + sizeof(o->number) + owner.n), bytes);
	} else {
		random_fill(a->entity.worker->random, bytes, ID_BYTES);
	}
	base64_encode(str_make(bytes, ID_BYTES), out);
	return str_make(out, BASE64_LEN(ID_BYTES));
}

static enum verdict store(struct passage *p)
{
	struct account *a = p->account;
	struct worker *w = a->entity.worker;
	struct offline *o = offline_of(a);
	struct buf bytes;
	char id[BASE64_LEN(ID_BYTES)];
	if (storage_is_waiting(w->server->storage)) {
		p->refusal = stanza_error_make(STANZA_RESOURCE_CONSTRAINT, "nothing can be stored at the moment"); /* D9 */
		return PASS_REFUSED;
	}
	buf_init(&bytes, ROW_BYTES_MAX);
	stanza_write_stored(&bytes, p->stanza);
	struct log_row row = {
		.owner = account_owner(a),
		.n = ++o->last,
		.peer = jid_bare(p->stanza->from),
		.id = make_id(a, &p->origin, id),
		.stamp_ms = worker_wall(w),
		.stanza = buf_str(&bytes),
	};
	struct unit *u = unit_new();
	log_append(u, &row);
	buf_fini(&bytes);
	struct outcome *outcome = worker_commit(&a->entity, u, NULL, NULL);
	struct stanza_error error = stanza_error_make(STANZA_INTERNAL_SERVER_ERROR, "the message could not be stored");
	worker_route_fact(w, outcome, NULL, stanza_error_answer(p->stanza, &error)); /* D2 */
	return PASS_DONE;
}

static enum verdict on_undelivered(struct passage *p)
{
	if (is_storable(p->stanza))
		return store(p);
	/* What asks not to be kept, or says nothing that lasts, is dropped in silence. */
	return p->stanza->type == MESSAGE_NORMAL || p->stanza->type == MESSAGE_CHAT ? PASS_DONE : PASS;
}

/* Behind what is still being delivered, if it is for the session that this goes to, or for whichever session there is. */
static enum verdict on_deliver(struct passage *p)
{
	const struct offline *o = offline_of(p->account);
	if (o->state == IDLE || !is_storable(p->stanza))
		return PASS;
	if (jid_is_bare(p->stanza->to))
		return store(p);
	const struct session *s = account_find_session(p->account, jid_resource(p->stanza->to));
	if (s ? s->handle == o->session : p->stanza->type == MESSAGE_CHAT)
		return store(p);
	return PASS; /* RFC 6121, 8.5.3.1 and 8.5.3.2.1 */
}

/* Delivery. */

/* With its stanza-id (XEP-0359) and when it came (XEP-0203). */
static void send_row(struct account *a, struct session *s, const struct log_row *row)
{
	struct stanza *stored = stanza_parse_stored(row->stanza, NULL);
	if (!stored) {
		log_error(&s->log, "row %lld of the log cannot be read", (long long)row->n);
		return;
	}
	struct arena *scratch = arena_new(1024, 16384);
	struct xml_node *id = xml_new(scratch, NS_STANZA_ID, STR("stanza-id"));
	xml_set(scratch, id, STR("by"), account_owner(a));
	xml_set(scratch, id, STR("id"), row->id);
	id->next = delay_build(scratch, jid_to_domain(scratch, account_jid(a)), row->stamp_ms);
	struct stanza *marked = stanza_derive(stored, &(struct stanza_change){ .add = id });
	session_send_recorded(s, marked);
	stanza_unref(&marked);
	stanza_unref(&stored);
	arena_free(&scratch);
}

static void send_ping(struct account *a, struct session *s)
{
	struct stanza_draft draft = stanza_new(IQ_GET);
	const struct jid *host = jid_to_domain(draft.arena, account_jid(a));
	struct str id = arena_printf(draft.arena, "offline:%lld", (long long)offline_of(a)->sent);
	xml_add(draft.arena, draft.root, NS_PING, STR("ping"));
	struct stanza *ping = stanza_finish(&draft, id, host, s->jid);
	session_send(s, ping, NULL);
	stanza_unref(&ping);
}

static bool can_take(const struct session *s)
{
	return session_is_available(s) && s->priority >= 0 && !s->closing;
}

/* The next of those who can take the queue, when the one that did has gone. */
static void serve_another(struct account *a)
{
	struct offline *o = offline_of(a);
	o->state = IDLE;
	ACCOUNT_FOR_EACH_SESSION(s, a) {
		if (can_take(s)) {
			offline_serve(s);
			return;
		}
	}
}

static void read_on(struct account *a);

static void go_on(struct account *a)
{
	struct offline *o = offline_of(a);
	if (o->delivered < o->last)
		read_on(a);
	else
		o->state = IDLE;
}

static void on_rows(struct entity *e, const struct query *q, void *ctx)
{
	struct account *a = CONTAINER_OF(e, struct account, entity);
	struct offline *o = offline_of(a);
	struct session *s = session_get(e->worker, o->session);
	struct log_row row;
	size_t bytes = 0;
	(void)ctx;
	if (!s || !can_take(s)) {
		serve_another(a);
		return;
	}
	if (q->error) {
		log_warn(&s->log, "messages that wait cannot be read now; trying again");
		o->state = RETRYING;
		session_set_timer(s, &offline_module, worker_now(e->worker) + RETRY_MS);
		return;
	}
	for (size_t r = 0; r < q->rows && bytes < BATCH_BYTES && log_read_row(q, r, &row); r++) {
		send_row(a, s, &row);
		o->sent = row.n;
		bytes += row.stanza.n;
	}
	if (o->sent > o->delivered) {
		o->state = PINGED;
		send_ping(a, s);
		session_set_timer(s, &offline_module, worker_now(e->worker) + ANSWER_MS);
	} else {
		o->delivered = o->sent = o->asked;
		go_on(a);
	}
}

static void read_on(struct account *a)
{
	struct offline *o = offline_of(a);
	o->state = READING;
	o->asked = o->last;
	worker_query(&a->entity, log_read_after(account_owner(a), o->delivered, BATCH_ROWS), on_rows, NULL);
}

void offline_serve(struct session *s)
{
	struct offline *o = offline_of(s->account);
	if (o->state != IDLE || !can_take(s) || o->last == o->delivered)
		return;
	o->session = s->handle;
	o->sent = o->delivered;
	read_on(s->account);
}

static void on_iq_answer(struct session *s, struct stanza *iq)
{
	struct account *a = s->account;
	struct offline *o = offline_of(a);
	uint64_t n;
	if (o->state != PINGED || o->session != s->handle ||
		!str_parse_u64(str_from(iq->id, STR("offline:").n), INT64_MAX, &n) || (int64_t)n != o->sent)
		return;
	session_set_timer(s, &offline_module, UINT64_MAX);
	struct unit *u = unit_new();
	log_delete_queued(u, account_owner(a), o->delivered, o->sent);
	cursor_set(u, account_owner(a), CURSOR, o->sent);
	worker_commit(&a->entity, u, NULL, NULL);
	o->delivered = o->sent;
	go_on(a);
}

static void on_session_timer(struct session *s)
{
	struct offline *o = offline_of(s->account);
	if (o->session != s->handle)
		return;
	if (o->state == RETRYING)
		read_on(s->account);
	else if (o->state == PINGED)
		session_end(s, STREAM_CONNECTION_TIMEOUT, "no answer to the ping behind stored messages");
}

static void on_session_close(struct session *s)
{
	struct offline *o = offline_of(s->account);
	/* While reading, the answer of the query finds that it has gone. */
	if ((o->state == PINGED || o->state == RETRYING) && o->session == s->handle)
		serve_another(s->account);
}

/* The part. */

static struct query *query(struct account *a, unsigned which, const struct query *before)
{
	(void)before; /* a row each */
	return which == 0 ? log_last(account_owner(a)) : cursor_get(account_owner(a), CURSOR);
}

static void *parse(struct account *a, void *part, const struct query *q, unsigned which)
{
	struct offline *o = part ? part : mem_zalloc(sizeof(*o));
	(void)a;
	if (!(which == 0 ? log_last_read(q, &o->last) : cursor_get_read(q, &o->delivered)))
		log_error(&a->entity.worker->log, "the log of " STR_FMT " cannot be read", STR_ARG(account_owner(a)));
	o->sent = o->delivered;
	return o;
}

static void part_free(void *part)
{
	mem_free(part);
}

static void on_account_remove(struct str owner, struct unit *u)
{
	log_remove_owner(u, owner);
}

/* A delivery that is under way is known here only. */
static bool part_is_busy(const void *p)
{
	return ((const struct offline *)p)->state != IDLE;
}

static const struct account_part part = {
	.query_count = 2,
	.query = query,
	.parse = parse,
	.free = part_free,
	.is_busy = part_is_busy,
	.needed_for = NEEDED_FOR_MESSAGE | NEEDED_FOR_PRESENCE | NEEDED_FOR_IQ,
};

const struct module offline_module = {
	.name = "offline",
	.xep = 160,
	.version = "1.0.1",
	.summary = "Keeps messages for those who are away",
	.part = &part,
	.on_phase = {
		[PHASE_DELIVER] = on_deliver,
		[PHASE_UNDELIVERED] = on_undelivered,
	},
	.host_features = (const struct str[]){ STR_INIT("msgoffline"), { NULL, 0 } },
	.on_session_available = offline_serve,
	.on_session_timer = on_session_timer,
	.on_session_close = on_session_close,
	.on_iq_answer = on_iq_answer,
	.on_account_remove = on_account_remove,
};
