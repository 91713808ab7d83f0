/* Drives a connection and, unless it is raw, the initiator on it. Whoever runs the scenario looks at the state at the
 * end of each turn of the loop, so nobody is told of changes. */
#include "cmd/scenario/client.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/stream/limits.h"
#include "lib/xmpp/ns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "reads slowly": so many bytes, so often. */
#define SLOW_BYTES     512
#define SLOW_MS        10
#define INBOX_MAX      100000
#define ITERATIONS_MAX 1000000
/* Ids of client_ping(); no scenario uses them. */
#define PING_PREFIX "linnet-scenario-"

static const struct conn_ops conn_ops;
/* Of a connection that nobody cares for any more. */
static const struct conn_ops deaf_ops;

void client_init(
	struct client *c, const struct client_site *site, const struct scenario_client *definition, unsigned number)
{
	*c = (struct client){ .site = site, .definition = definition, .number = number };
	list_init(&c->inbox);
	raw_init(&c->raw);
}

void client_reset(struct client *c)
{
	struct client_item *item;
	conn_set_owner(c->site->conns, c->conn, &deaf_ops, NULL);
	conn_abort(c->site->conns, c->conn);
	while ((item = client_first(c)))
		client_drop_item(c, item);
	initiator_free(&c->initiator);
	raw_fini(&c->raw);
	arena_free(&c->arena);
	struct client_memory memory = c->memory;
	client_init(c, c->site, c->definition, c->number);
	c->memory = memory;
}

void client_fini(struct client *c)
{
	client_reset(c);
	arena_free(&c->memory.arena);
}

/* The inbox. */

struct client_item *client_first(const struct client *c)
{
	return list_is_empty(&c->inbox) ? NULL : CONTAINER_OF(c->inbox.next, struct client_item, link);
}

void client_drop_item(struct client *c, struct client_item *item)
{
	list_remove(&item->link);
	c->inbox_count--;
	stanza_unref(&item->stanza);
	arena_free(&item->arena);
	mem_free(item);
}

static void add_item(struct client *c, struct stanza *stanza, struct arena *arena, const struct xml_node *root)
{
	struct client_item *item = mem_zalloc(sizeof(*item));
	*item = (struct client_item){ .stanza = stanza, .arena = arena, .root = root };
	list_add_last(&c->inbox, &item->link);
	if (++c->inbox_count > INBOX_MAX)
		conn_abort(c->site->conns, c->conn);
}

bool client_is_echo(const struct client *c, const struct xml_node *root)
{
	const struct jid *self = client_jid(c);
	struct str type = xml_attr(root, STR("type"));
	return self && xml_is(root, NS_CONTENT, STR("presence")) &&
	       str_eq(xml_attr(root, STR("from")), jid_full(self)) && (!type.p || str_eq(type, STR("unavailable")));
}

/* Pings. */

static bool is_from_server(const struct client *c, const struct jid *from)
{
	const struct jid *self = client_jid(c);
	return !from || (jid_is_domain(from) && str_eq(jid_domain(from), jid_domain(self))) ||
	       (jid_is_bare(from) && jid_equal_bare(from, self));
}

static bool is_server_ping(const struct client *c, const struct stanza *s)
{
	return s->kind == STANZA_IQ && s->type == IQ_GET && xml_child(s->root, NS_PING, STR("ping")) &&
	       is_from_server(c, s->from);
}

/* True if the stanza is one of those that nobody is to see. */
static bool take_ping(struct client *c, const struct stanza *s, struct buf *out)
{
	struct xml_dialect dialect = initiator_dialect(c->initiator);
	uint64_t n;
	if (!c->definition->pings_are_named && is_server_ping(c, s)) {
		struct stanza *answer = stanza_result(s, NULL);
		stanza_write(out, answer, NULL, NULL, &dialect);
		stanza_unref(&answer);
		return true;
	}
	if (s->kind != STANZA_IQ || (s->type != IQ_RESULT && s->type != IQ_ERROR) ||
		!str_has_prefix(s->id, STR(PING_PREFIX)) || !is_from_server(c, s->from))
		return false;
	if (str_parse_u64(str_from(s->id, sizeof(PING_PREFIX) - 1), UINT64_MAX, &n))
		c->pong = n;
	return true;
}

void client_ping(struct client *c)
{
	struct buf out;
	struct str domain = jid_domain(client_jid(c));
	buf_init(&out, 4096);
	buf_printf(&out, "<iq type='get' id='" PING_PREFIX "%llu' to='" STR_FMT "'><ping xmlns='urn:xmpp:ping'/></iq>",
		(unsigned long long)++c->ping, STR_ARG(domain));
	/* If it cannot be written the answer does not come, which the caller sees. */
	if (!client_write(c, buf_str(&out)))
		conn_abort(c->site->conns, c->conn);
	buf_fini(&out);
}

bool client_has_pong(const struct client *c)
{
	return c->pong == c->ping;
}

/* The initiator. */

const struct jid *client_jid(const struct client *c)
{
	return c->initiator ? initiator_jid(c->initiator) : NULL;
}

static void on_hash(struct client *c, const struct initiator_event *e)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	c->login.hashed |= 1u << e->hash.digest;
	digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
	initiator_hashed(c->initiator, salted);
}

static void keep_offer(struct client_memory *m, const struct initiator_offer *o)
{
	arena_free(&m->arena);
	m->arena = arena_new(256, SIZE_MAX / 2);
	m->offer = *o;
	if (o->version.p)
		m->offer.version = arena_dup(m->arena, o->version);
	if (o->scheme.p)
		m->offer.scheme = arena_dup(m->arena, o->scheme);
}

static void on_login(struct client *c, const struct initiator_event *e)
{
	const struct initiator_login *l = &e->login;
	c->login.binding = l->binding;
	c->login.is_token_refused = e->is_token_refused;
	c->login.has_bound = l->success && xml_child(l->success, NS_BIND2, STR("bound"));
	if (l->offer)
		keep_offer(&c->memory, l->offer);
	if (l->token) {
		c->memory.token = *l->token;
		c->login.tokens = SASL_BIT(l->token->mechanism);
	}
}

static void on_stanza(struct client *c, struct initiator_event *e, struct buf *out)
{
	struct stanza *s = e->stanza;
	if (e->refusal == STANZA_OK && take_ping(c, s, out))
		stanza_unref(&s);
	else
		add_item(c, s, NULL, s->root);
}

/* The server's words about it come with `text`, if only an empty one. */
static void on_failed(struct client *c, const struct initiator_event *e)
{
	struct client_end *end = &c->end;
	struct str condition = stream_condition_name(e->condition);
	end->by_server = e->text.p != NULL;
	end->condition = e->condition;
	end->failure = e->failure;
	end->refusal = e->refusal;
	if (e->failure)
		condition = sasl_failure_name(e->failure);
	else if (e->refusal)
		condition = stanza_condition_name(e->refusal);
	snprintf(end->text, sizeof(end->text), "%s%s" STR_FMT "%s" STR_FMT "%s", e->why, condition.n ? ": " : "",
		STR_ARG(condition), e->text.n ? " (\"" : "", STR_ARG(str_first(e->text, 100)), e->text.n ? "\")" : "");
}

/* False once the initiator has nothing more to say for now. */
static bool on_event(struct client *c, struct initiator_event *e, struct buf *out)
{
	switch (e->kind) {
	case INITIATOR_HASH: on_hash(c, e); return true;
	case INITIATOR_LOGGED_IN: on_login(c, e); return true;
	case INITIATOR_READY: c->state = CLIENT_BOUND; return true;
	case INITIATOR_STANZA: on_stanza(c, e, out); return true;
	case INITIATOR_ELEMENT: add_item(c, NULL, e->arena, e->element); return true;
	case INITIATOR_IDLE:
	case INITIATOR_WAIT:
	case INITIATOR_START_TLS: return false;
	case INITIATOR_CLOSED: snprintf(c->end.text, sizeof(c->end.text), "the server closed the stream"); return false;
	case INITIATOR_FAILED: on_failed(c, e); return false;
	}
	return false;
}

static void pump(struct client *c)
{
	struct initiator_event e;
	struct buf out;
	buf_init(&out, CLIENT_OUTPUT_MAX);
	do {
		initiator_next(c->initiator, &out, &e);
	} while (on_event(c, &e, &out));
	if (buf_len(&out) && c->state == CLIENT_OPENING)
		c->login.flights++;
	if (buf_len(&out) && !client_write(c, buf_str(&out)))
		conn_abort(c->site->conns, c->conn);
	buf_fini(&out);
	if (e.kind == INITIATOR_START_TLS)
		conn_start_tls(c->site->conns, c->conn, &c->tls);
	else if (e.kind == INITIATOR_CLOSED || e.kind == INITIATOR_FAILED)
		conn_close(c->site->conns, c->conn);
}

/* The connection. */

static enum initiator_tls tls_of(const struct scenario_host *host, const struct connect_how *how)
{
	return how->has_tls ? how->tls : host->tls;
}

static void on_ready(struct client *c)
{
	if (c->initiator)
		pump(c);
	else
		c->state = CLIENT_RAW;
}

static void on_connected(void *owner, slab_handle h)
{
	struct client *c = owner;
	if (tls_of(c->site->host, c->how) == INITIATOR_TLS_DIRECT)
		conn_start_tls(c->site->conns, h, &c->tls);
	else
		on_ready(c);
}

static void on_tls(void *owner, slab_handle h)
{
	struct client *c = owner;
	struct sasl_tls facts = { 0 };
	c->has_tls = true;
	c->login.flights = 0;
	if (c->initiator && conn_tls_facts(c->site->conns, h, NULL, c->arena, &facts))
		initiator_tls_started(c->initiator, &facts);
	on_ready(c);
}

static size_t on_data(void *owner, slab_handle h, struct str data)
{
	struct client *c = owner;
	bool is_slow = c->reading == CLIENT_READS_SLOWLY;
	struct str taken = is_slow ? str_first(data, SLOW_BYTES - c->slow_bytes) : data;
	if (c->initiator) {
		initiator_input(c->initiator, taken);
		pump(c);
	} else {
		buf_add(&c->raw.in, taken);
		if (buf_failed(&c->raw.in))
			conn_abort(c->site->conns, h);
	}
	if (is_slow && (c->slow_bytes += taken.n) == SLOW_BYTES) {
		c->slow_bytes = 0;
		conn_pause(c->site->conns, h);
		conn_set_deadline(c->site->conns, h, SLOW_MS);
	}
	return taken.n;
}

static void on_timeout(void *owner, slab_handle h, enum conn_timer which)
{
	struct client *c = owner;
	(void)which;
	if (c->reading == CLIENT_READS_SLOWLY)
		conn_resume(c->site->conns, h);
}

static void on_closed(void *owner, slab_handle h, const struct conn_end *end)
{
	struct client *c = owner;
	(void)h;
	c->conn = 0;
	c->state = CLIENT_OVER;
	if (!c->end.text[0])
		snprintf(c->end.text, sizeof(c->end.text), "the connection ended: %s", end->text);
}

static const struct conn_ops conn_ops = {
	.on_connected = on_connected,
	.on_data = on_data,
	.on_tls = on_tls,
	.on_timeout = on_timeout,
	.on_closed = on_closed,
};

/* Beginning. */

const struct net_address *client_server(const struct scenario_host *host, const struct connect_how *how)
{
	return &host->servers[tls_of(host, how)];
}

static const char *dup_c(struct arena *a, struct str s)
{
	return arena_dup(a, s).p;
}

static struct str password_of(const struct client *c, const struct connect_how *how)
{
	const struct scenario_host *host = c->site->host;
	struct str password = { 0 };
	if (how->has_password)
		return how->password;
	if (host->password)
		password = host->password(host->ctx, how->jid);
	return password.p ? password : jid_local(how->jid);
}

/* A UUID of version 4, as XEP-0388 wants it. */
static struct str installation(struct client *c)
{
	unsigned char bytes[16];
	char hex[32], *id = c->memory.id;
	if (!*id) {
		random_fill(c->site->host->random, bytes, sizeof(bytes));
		bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
		bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
		hex_encode(str_make(bytes, sizeof(bytes)), hex);
		snprintf(id, sizeof(c->memory.id), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	}
	return str_from_c(id);
}

/* What only SASL2 has. Who asks for nothing of it does not say which installation it is. */
static void plan_sasl2(struct client *c, const struct connect_how *how)
{
	struct initiator_config *i = &c->config;
	bool has_token = how->token != CONNECT_WITHOUT_TOKEN;
	i->sasl2 = how->sasl2;
	i->binds = how->has_tag || how->early != CONNECT_AS_USUAL;
	i->tag = how->tag;
	i->wanted_tokens = how->wanted_tokens;
	i->upgrades = how->upgrades;
	if (has_token || i->binds || how->wanted_tokens) {
		i->client = installation(c);
		i->software = STR("linnet scenario");
	}
	if (has_token) {
		i->token = &c->memory.token;
		i->invalidates = how->token == CONNECT_INVALIDATING_TOKEN;
		if (how->token != CONNECT_WITH_REFUSED_TOKEN)
			i->password = str_make(NULL, 0);
	}
	if (how->early != CONNECT_AS_USUAL) {
		c->known = c->memory.offer;
		if (how->early == CONNECT_WITH_WRONG_VERSION)
			c->known.version = STR("wrong");
		i->known = &c->known;
	}
}

const char *client_missing(const struct client *c, const struct connect_how *how)
{
	if (how->token != CONNECT_WITHOUT_TOKEN && !c->memory.token.n)
		return "it has got no token";
	if (how->early != CONNECT_AS_USUAL && !c->memory.offer.version.p)
		return "it has not been told a version of what the server offers (XEP-0509)";
	return NULL;
}

static void begin_login(struct client *c, const struct connect_how *how)
{
	c->config = (struct initiator_config){
		.jid = how->jid,
		.password = password_of(c, how),
		.tls = tls_of(c->site->host, how),
		.mechanisms = how->must_bind ? how->mechanisms & SASL_PLUS_BITS : how->mechanisms,
		.bindings = how->bindings,
		.iterations_max = ITERATIONS_MAX,
		.random = c->site->host->random,
		.limits = &stream_limits_server,
	};
	plan_sasl2(c, how);
	c->initiator = initiator_new(&c->config);
}

/* On loopback each client has an address of its own, so that limits per address do not join them. */
static const struct net_address *local_address(
	const struct client *c, const struct net_address *to, struct net_address *from)
{
	if (to->family != NET_IPV4 || to->ip[0] != 127)
		return NULL;
	*from = (struct net_address){ .family = NET_IPV4, .ip = { 127, 0, 0, (unsigned char)(2 + c->number) } };
	return from;
}

void client_connect(struct client *c, const struct connect_how *how, struct str domain)
{
	const struct net_address *to = client_server(c->site->host, how);
	struct net_address from;
	c->arena = arena_new(256, SIZE_MAX / 2);
	c->how = how;
	c->state = CLIENT_OPENING;
	c->tls = (struct tls_use){
		.context = c->site->host->tls_context,
		.host = dup_c(c->arena, how->jid ? jid_domain(how->jid) : domain),
		.alpn = tls_of(c->site->host, how) == INITIATOR_TLS_DIRECT ? TLS_ALPN_IF_OFFERED : TLS_ALPN_IGNORED,
	};
	if (how->jid)
		begin_login(c, how);
	int r = conn_connect(c->site->conns, to, local_address(c, to, &from), &conn_ops, c, &c->conn);
	if (r < 0) {
		c->state = CLIENT_OVER;
		snprintf(c->end.text, sizeof(c->end.text), "cannot connect: %s", strerror(-r));
	}
}

bool client_write(struct client *c, struct str bytes)
{
	return conn_write(c->site->conns, c->conn, bytes);
}

void client_start_tls(struct client *c)
{
	conn_start_tls(c->site->conns, c->conn, &c->tls);
}

void client_close(struct client *c)
{
	struct buf out;
	buf_init(&out, 4096);
	initiator_close(c->initiator, &out);
	if (!client_write(c, buf_str(&out)))
		conn_abort(c->site->conns, c->conn);
	buf_fini(&out);
}

void client_set_reading(struct client *c, enum client_reading reading)
{
	c->reading = reading;
	if (reading == CLIENT_READS_NOT)
		conn_pause(c->site->conns, c->conn);
	else
		conn_resume(c->site->conns, c->conn);
}
