/* A device: a client over the simulated network. It answers pings, keeps a copy of the roster, and passes on what the
 * ledger and the rosters want to know. What is on its way to it is lost when it goes; nothing of that is remembered. */
#include "tests/sim/storm/client.h"

#include "lib/base/fault.h"
#include "lib/stream/limits.h"
#include "lib/xml/node.h"
#include "lib/xmpp/ns.h"
#include "tests/sim/storm/storm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX      (64u << 20)
#define TEXT_BYTES_MAX 8192
#define PASSWORD       STR("secret")
#define ITERATIONS_MAX 4096

void client_init(struct storm *st, unsigned number)
{
	struct storm_client *c = &st->clients[number];
	*c = (struct storm_client){ .storm = st, .number = number, .account = number / STORM_RESOURCES,
		.resource = number % STORM_RESOURCES, .socket = -1, .ghost = -1, .priority = STORM_AWAY };
	struct str jid = arena_printf(st->arena, "u%u@localhost/r%u", c->account, c->resource);
	const char *why;
	assert_always(jid_parse(st->arena, jid, &c->config.jid, &why) == 0);
	c->jid = c->config.jid;
	c->config.password = PASSWORD;
	c->config.tls = INITIATOR_TLS_NONE;
	c->config.iterations_max = ITERATIONS_MAX;
	c->config.mechanisms = SASL_BIT(SASL_PLAIN);
	c->config.random = &st->sim.world.random;
	c->config.limits = &stream_limits_server;
	c->is_newer = world_chance(&st->sim.world, st->mood.newer);
	c->config.binds = c->is_newer && world_chance(&st->sim.world, 750);
	if (c->is_newer)
		tokens_init(c);
	buf_init(&c->in, BYTES_MAX);
	buf_init(&c->out, BYTES_MAX);
}

/* Everything that belongs to a stream. */
static void forget(struct storm_client *c)
{
	struct storm *st = c->storm;
	tokens_on_end(c);
	initiator_free(&c->initiator);
	buf_clear(&c->in);
	buf_clear(&c->out);
	c->socket = -1;
	c->bound = c->silent = c->closes = c->has_roster = false;
	c->priority = STORM_AWAY;
	c->unanswered = 0;
	c->answered = 0;
	memset(c->items, 0, sizeof(c->items));
	memset(c->asked_by, 0, sizeof(c->asked_by));
	memset(c->sees, 0, sizeof(c->sees));
	memset(c->newest, 0, sizeof(c->newest));
	st->changed[c->account] = st->step;
}

static void leave_ghost(struct storm_client *c)
{
	if (c->ghost >= 0)
		network_close(&c->storm->sim.network, c->ghost);
	c->ghost = -1;
}

static void hang_up(struct storm_client *c)
{
	leave_ghost(c);
	if (c->socket >= 0) {
		network_close(&c->storm->sim.network, c->socket);
		c->storm->counts.disconnects++;
	}
	forget(c);
}

void client_fini(struct storm_client *c)
{
	hang_up(c);
	buf_fini(&c->in);
	buf_fini(&c->out);
}

static void flush(struct storm_client *c)
{
	if (buf_len(&c->out))
		network_send(&c->storm->sim.network, c->socket, buf_str(&c->out));
	buf_clear(&c->out);
}

/* What the client says. */

static void post(struct storm_client *c, const char *fmt, va_list args)
{
	char text[TEXT_BYTES_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, args);
	assert_always(n >= 0 && (size_t)n < sizeof(text));
	buf_add(&c->out, str_make(text, (size_t)n));
	flush(c);
}

void client_post(struct storm_client *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	post(c, fmt, args);
	va_end(args);
}

void client_ask(struct storm_client *c, const char *fmt, ...)
{
	va_list args;
	c->unanswered++;
	va_start(args, fmt);
	post(c, fmt, args);
	va_end(args);
}

void client_appear(struct storm_client *c, int priority)
{
	struct storm *st = c->storm;
	if (priority == STORM_AWAY) {
		client_post(c, "<presence type='unavailable'/>");
	} else {
		c->status++;
		client_post(c, "<presence><priority>%d</priority><status>%u</status></presence>", priority, c->status);
	}
	c->priority = priority;
	st->changed[c->account] = st->step;
}

void client_subscribe(struct storm_client *c, const char *type, unsigned contact)
{
	c->storm->counts.subscriptions++;
	client_post(c, "<presence to='u%u@localhost' type='%s'/>", contact, type);
}

void client_ask_for_roster(struct storm_client *c)
{
	if (c->stream % 4)
		client_ask(c, "<iq type='get' id='%" PRIu64 "-g'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", c->stream,
			c->version);
	else
		client_ask(c, "<iq type='get' id='%" PRIu64 "-g'><query xmlns='jabber:iq:roster'/></iq>", c->stream);
}

/* What it is told. */

static bool number_of(struct str id, char kind, uint64_t *n_r)
{
	return id.n > 1 && id.p[0] == kind && str_parse_u64(str_from(id, 1), UINT32_MAX, n_r);
}

/* Requests are named for their stream, too: answers go to a full JID, and an earlier stream may have had the same. */
static bool is_ours(const struct storm_client *c, struct str id, struct str *rest_r)
{
	struct str stream;
	uint64_t n;
	*rest_r = id;
	return str_cut(rest_r, '-', &stream) && str_parse_u64(stream, UINT32_MAX, &n) && n == c->stream;
}

/* The number of a device by its full JID, or -1. */
static int device_of(const struct storm *st, const struct jid *j)
{
	for (unsigned i = 0; i < STORM_CLIENTS; i++)
		if (jid_equal(st->clients[i].jid, j))
			return (int)i;
	return -1;
}

static int account_of(const struct storm *st, const struct jid *j)
{
	for (unsigned i = 0; i < STORM_ACCOUNTS; i++)
		if (jid_equal_bare(st->accounts[i], j))
			return (int)i;
	return -1;
}

static void on_message(struct storm_client *c, const struct stanza *s)
{
	uint64_t n;
	if (!number_of(s->id, 'm', &n)) {
		storm_violation(c->storm, "client %u got a message that nobody has sent: " STR_FMT, c->number,
			STR_ARG(s->id));
		return;
	}
	if (s->type == MESSAGE_ERROR) {
		ledger_on_error(c, n);
		return;
	}
	const struct xml_node *id = xml_child(s->root, NS_STANZA_ID, STR("stanza-id"));
	bool is_delayed = xml_child(s->root, NS_DELAY, STR("delay")) != NULL;
	ledger_on_message(c, n, s->from ? jid_full(s->from) : STR(""), id ? xml_attr(id, STR("id")) : STR(""),
		is_delayed);
}

static unsigned status_of(const struct stanza *s)
{
	const struct xml_node *status = xml_child(s->root, NS_CONTENT, STR("status"));
	struct arena *scratch = arena_new(256, 4096);
	uint64_t n = 0;
	if (status && !str_parse_u64(xml_text(status, scratch), UINT32_MAX, &n))
		n = 0;
	arena_free(&scratch);
	return (unsigned)n;
}

static void on_subscription(struct storm_client *c, enum stanza_type type, unsigned account)
{
	const struct storm *st = c->storm;
	if (type == PRESENCE_SUBSCRIBE)
		c->asked_by[account] = true;
	else if (type == PRESENCE_UNSUBSCRIBE)
		c->asked_by[account] = false;
	if (st->is_ending || c->closes)
		return;
	if (type == PRESENCE_SUBSCRIBE && st->mood.approves)
		client_subscribe(c, "subscribed", account);
	else if (type == PRESENCE_UNSUBSCRIBED && st->mood.insists)
		client_subscribe(c, "subscribe", account);
}

static void on_presence(struct storm_client *c, const struct stanza *s)
{
	int account = s->from ? account_of(c->storm, s->from) : -1;
	int device = s->from ? device_of(c->storm, s->from) : -1;
	switch (s->type) {
	case PRESENCE_SUBSCRIBE:
	case PRESENCE_SUBSCRIBED:
	case PRESENCE_UNSUBSCRIBE:
	case PRESENCE_UNSUBSCRIBED:
		if (account >= 0)
			on_subscription(c, s->type, (unsigned)account);
		break;
	case PRESENCE_AVAILABLE:
		if (device < 0 || !status_of(s))
			storm_violation(c->storm, "client %u got the presence of nobody", c->number);
		else if (device == (int)c->number || c->sees[c->number])
			c->sees[device] = status_of(s); /* not what was asked for before it became unavailable */
		break;
	case PRESENCE_UNAVAILABLE:
		if (device == (int)c->number)
			memset(c->sees, 0, sizeof(c->sees)); /* RFC 6121, 4.5.2: it is told nothing of others now */
		else if (device >= 0)
			c->sees[device] = 0;
		break;
	default: break;
	}
}

static void answer(struct storm_client *c, const struct stanza *iq)
{
	client_post(c, "<iq type='result' id='" STR_FMT "'%s" STR_FMT "%s/>", STR_ARG(iq->id), iq->from ? " to='" : "",
		STR_ARG(iq->from ? jid_full(iq->from) : STR("")), iq->from ? "'" : "");
}

static void on_request(struct storm_client *c, const struct stanza *iq)
{
	const struct xml_node *query = xml_child(iq->root, NS_ROSTER, STR("query"));
	answer(c, iq);
	if (query)
		roster_on_query(c, query, true);
	else if (str_has_prefix(iq->id, STR("offline:")))
		c->answered = c->storm->ledger.count;
}

static void on_answer(struct storm_client *c, const struct stanza *iq)
{
	const struct xml_node *query = xml_child(iq->root, NS_ROSTER, STR("query"));
	struct str id;
	uint64_t n;
	if (!is_ours(c, iq->id, &id))
		return;
	if (c->unanswered == 0) {
		storm_violation(c->storm, "client %u got an answer too many: " STR_FMT, c->number, STR_ARG(iq->id));
		return;
	}
	c->unanswered--;
	if (number_of(id, 'k', &n))
		ledger_on_answer(c, n);
	else if (number_of(id, 'r', &n))
		roster_on_answer(c, n, iq->type == IQ_ERROR);
	else if (query)
		roster_on_query(c, query, false);
	else if (str_eq(id, STR("g")) && iq->type == IQ_RESULT)
		roster_on_same(c);
}

static void on_stanza(struct storm_client *c, const struct stanza *s)
{
	switch (s->kind) {
	case STANZA_MESSAGE: on_message(c, s); break;
	case STANZA_PRESENCE: on_presence(c, s); break;
	default:
		if (s->type == IQ_RESULT || s->type == IQ_ERROR)
			on_answer(c, s);
		else
			on_request(c, s);
	}
}

/* The stream. */

static void on_hash(struct storm_client *c, const struct initiator_event *e)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
	initiator_hashed(c->initiator, salted);
}

/* XEP-0386, 4.2: a client gets the same resource each time. */
static void take_jid(struct storm_client *c, const struct jid *jid)
{
	bool is_first = jid_equal(c->jid, c->config.jid);
	if (c->config.binds && is_first)
		c->jid = jid_dup(c->storm->arena, jid);
	if (!jid_equal(c->jid, jid))
		storm_violation(c->storm, "client %u was bound as " STR_FMT ", not as " STR_FMT, c->number,
			STR_ARG(jid_full(jid)), STR_ARG(jid_full(c->jid)));
}

static void on_ready(struct storm_client *c, const struct jid *jid)
{
	take_jid(c, jid);
	c->bound = true;
	c->storm->counts.logins++;
	c->storm->changed[c->account] = c->storm->step;
}

/* False when it has nothing more to say for now, or is gone. */
static bool on_event(struct storm_client *c, struct initiator_event *e)
{
	switch (e->kind) {
	case INITIATOR_HASH: on_hash(c, e); return true;
	case INITIATOR_LOGGED_IN: tokens_on_login(c, e); return true;
	case INITIATOR_READY: on_ready(c, e->jid); return true;
	case INITIATOR_STANZA:
		on_stanza(c, e->stanza);
		stanza_unref(&e->stanza);
		return true;
	case INITIATOR_ELEMENT: arena_free(&e->arena); return true;
	case INITIATOR_CLOSED:
	case INITIATOR_FAILED:
		tokens_on_failure(c, e);
		flush(c);
		hang_up(c);
		return false;
	default: return false;
	}
}

static void pump(struct storm_client *c)
{
	struct initiator_event e;
	do
		initiator_next(c->initiator, &c->out, &e);
	while (on_event(c, &e));
	flush(c);
}

void client_connect(struct storm_client *c)
{
	struct storm *st = c->storm;
	struct net_address to = sim_address(&st->sim, c->is_newer ? STORM_PROTECTED : STORM_PLAIN);
	int socket = network_dial(&st->sim.network, &to);
	if (socket < 0)
		return;
	c->socket = socket;
	c->stream = ++st->streams;
	if (c->is_newer)
		tokens_begin(c);
	c->initiator = initiator_new(&c->config);
	st->changed[c->account] = st->step;
	pump(c);
}

void client_connect_again(struct storm_client *c)
{
	leave_ghost(c);
	c->ghost = c->socket;
	c->storm->counts.disconnects++;
	forget(c);
	client_connect(c);
	if (!c->initiator)
		leave_ghost(c);
}

void client_check(struct storm_client *c)
{
	if (c->bound && c->ghost >= 0)
		storm_violation(c->storm, "client %u has come back, and its older session has not ended", c->number);
}

void client_cut(struct storm_client *c, unsigned permille)
{
	static const char words[] = "<message to='u0@localhost' type='chat' id='m0'><body>cut</body></message>";
	if (client_is_ready(c))
		client_post(c, "%.*s", (int)((sizeof(words) - 2) * permille / 1000), words);
	network_reset(&c->storm->sim.network, c->socket);
	leave_ghost(c);
	c->storm->counts.disconnects++;
	forget(c);
}

void client_close(struct storm_client *c)
{
	struct storm *st = c->storm;
	c->closes = true;
	st->changed[c->account] = st->step;
	initiator_close(c->initiator, &c->out);
	flush(c);
}

/* It reads on, so that the server can say goodbye. */
static void step_ghost(struct storm_client *c)
{
	struct network *n = &c->storm->sim.network;
	if (c->ghost < 0)
		return;
	buf_clear(&c->in);
	network_receive(n, c->ghost, &c->in, SIZE_MAX);
	bool has_ended = network_peer_has_ended(n, c->ghost);
	c->storm->counts.replaced += has_ended;
	if (has_ended || network_is_reset(n, c->ghost))
		leave_ghost(c);
}

bool client_step(struct storm_client *c)
{
	struct network *n = &c->storm->sim.network;
	step_ghost(c);
	if (!c->initiator || c->silent)
		return false;
	buf_clear(&c->in);
	network_receive(n, c->socket, &c->in, SIZE_MAX);
	if (buf_len(&c->in)) {
		c->storm->heard_ms = c->storm->sim.world.now_ms;
		initiator_input(c->initiator, buf_str(&c->in));
		pump(c);
		return true;
	}
	if (!network_peer_has_ended(n, c->socket) && !network_is_reset(n, c->socket))
		return false;
	hang_up(c);
	return true;
}
