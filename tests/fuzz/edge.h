/* The world of edge.c: a server of one worker on a simulated network and disk, callers that the script plays, an administrator, and a
 * bystander who has logged in before and only listens. After each step it looks whether all still holds. What the server allocates is
 * counted to the byte.
 *
 * To begin with a server of its own takes an input longer than what it has to say. So a server serves many, each of which finds it as
 * the first one did: accounts are removed and added anew, all limits are forgotten, and the order of all steps is drawn anew. */
#ifndef LINNET_FUZZ_EDGE_H
#define LINNET_FUZZ_EDGE_H

#include "server/core/scram_json.h"
#include "tests/fuzz/output.h"
#include "tests/sim/sim.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGE_PASSWORD "secret"
#define EDGE_CALLERS  2
#define BYSTANDER_CHARS 32

/* docs/SECURITY.md, Q3. */
#define FIRST_BYTE_MS 10000
#define UNBOUND_MS    30000
/* For a session to take its leave, and then for the connection to be closed. */
#define GOODBYE_MS (5000 + 5000 + 1)
/* Of what is sent, that is not too fast to be read at once. */
#define ODD_BYTES 4096
/* Until an account that nobody uses has been dropped. */
#define FORGOTTEN_MS 180000
/* What tables and spare buffers of the server may have grown by, with one input and with all. */
#define SLACK_BYTES     65536
#define SLACK_BYTES_ALL 262144
#define INPUTS_A_SERVER 200

struct run;

struct caller {
	struct run *run;
	int socket; /* -1: none */
	uint64_t dialed_ms;
	uint64_t gone_ms; /* either side has closed the stream or its side of the connection since; 0: neither has */
	bool has_spoken, is_bound, is_deaf;
	bool is_odd; /* what it has said may be anything: nobody knows when a closing tag is one */
	size_t sent; /* bytes */
	unsigned headers_sent, headers_heard;
	struct output output;
	/* Of SCRAM, the last one. */
	struct str challenge;
	bool is_sasl2;
};

struct run {
	struct sim sim;
	struct log_sink sink;
	unsigned inputs;
	size_t first_bytes; /* of the server before all of them */

	/* Of one input. */
	struct arena *arena;
	struct caller callers[EDGE_CALLERS], *caller;
	bool is_hasty;
	struct str token; /* the last one that was given out */
	struct str bystander_jid;
	char bystander_name[BYSTANDER_CHARS + sizeof("@localhost")];
	int bystander, admin; /* sockets */
	struct output hears; /* the bystander */
	bool is_listening; /* she has logged in */
	unsigned long sent_to_bystander, heard_by_bystander, messages_heard;
	size_t bytes; /* of the server before it */
};

/* An element that a caller has been sent. */
void caller_hears(struct caller *c, const struct xml_node *root);

/* Memory: each block begins with its size. */

static size_t edge_bytes;

static inline void *edge_alloc(size_t n)
{
	size_t *p = malloc(16 + n);
	assert_always(p);
	*p = n;
	edge_bytes += n;
	return (char *)p + 16;
}

static inline void edge_release(void *p)
{
	if (!p)
		return;
	size_t *head = (size_t *)(void *)((char *)p - 16);
	edge_bytes -= *head;
	free(head);
}

static inline void *edge_resize(void *p, size_t n)
{
	void *q = edge_alloc(n);
	if (p) {
		size_t old = *(size_t *)(void *)((char *)p - 16);
		memcpy(q, p, old < n ? old : n);
		edge_release(p);
	}
	return q;
}

static inline void edge_out_of_memory(size_t n)
{
	(void)n;
	abort();
}

static inline void count_memory(void)
{
	static const struct mem_hooks hooks = { edge_alloc, edge_resize, edge_release, edge_out_of_memory };
	static bool is_done;
	if (!is_done)
		mem_set_hooks(&hooks);
	is_done = true;
}

/* What they hear. */

static inline void check_header(const struct xml_node *root)
{
	assert_always(xml_is(root, NS_STREAMS, STR("stream")));
	assert_always(xml_attr(root, STR("id")).n >= 22 && xml_attr(root, STR("from")).p);
}

static inline bool has(struct str text, struct str part)
{
	return text.n && memmem(text.p, text.n, part.p, part.n) != NULL;
}

/* The localpart of who has said it is somebody's of the script. */
static inline void check_sender(struct run *r, struct str from)
{
	struct str local = str_first(from, str_index(from, '@'));
	assert_always(str_eq(local, STR("romeo")) || (local.n == 36 && has(from, STR("@anon.example"))) ||
		      str_eq(from, STR("localhost")) || str_eq(from, STR("anon.example")));
	assert_always(!has(from, r->bystander_jid));
}

static inline void bystander_hears(struct output *o, const struct frame *f, const struct xml_node *root)
{
	struct run *r = o->ctx;
	if (f->kind == FRAME_OPEN)
		check_header(root);
	o->is_restarted = xml_is(root, NS_SASL, STR("success"));
	if (f->kind == FRAME_OPEN || !r->is_listening)
		return;
	r->heard_by_bystander++;
	r->messages_heard += str_eq(xml_name(root), STR("message"));
	assert_always(r->sent_to_bystander && r->messages_heard <= r->sent_to_bystander);
	struct str from = xml_attr(root, STR("from"));
	/* Roster pushes are her own account's. */
	if (xml_is(root, NS_CONTENT, STR("iq")) && (!from.n || str_eq(from, r->bystander_jid)))
		assert_always(xml_child(root, NS_ROSTER, STR("query")));
	else
		check_sender(r, from);
}

static inline void on_caller_item(struct output *o, const struct frame *f, const struct xml_node *root)
{
	struct caller *c = o->ctx;
	if (f->kind == FRAME_OPEN) {
		check_header(root);
		c->headers_heard++;
		return;
	}
	o->is_restarted = xml_is(root, NS_SASL, STR("success"));
	/* Nobody becomes her. */
	const struct xml_node *bind = xml_child(root, NS_BIND, STR("bind"));
	struct str text = xml_text(bind ? bind : root, c->run->arena);
	assert_always(!has(text, c->run->bystander_jid) || xml_is(root, NS_CONTENT, STR("message")));
	caller_hears(c, root);
}

static inline void listen_to(struct run *r, int socket, struct output *o)
{
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	network_receive(&r->sim.network, socket, &b, SIZE_MAX);
	output_check(o, buf_str(&b));
	buf_fini(&b);
}

static inline bool is_gone(struct run *r, const struct caller *c)
{
	return network_peer_has_ended(&r->sim.network, c->socket) || network_is_reset(&r->sim.network, c->socket);
}

static inline void hang_up(struct run *r, struct caller *c, bool by_reset)
{
	if (by_reset)
		network_reset(&r->sim.network, c->socket);
	else
		network_close(&r->sim.network, c->socket);
	output_fini(&c->output);
	c->socket = -1;
}

static inline bool is_overdue(const struct run *r, const struct caller *c)
{
	uint64_t now = r->sim.world.now_ms;
	return (!c->has_spoken && now > c->dialed_ms + FIRST_BYTE_MS + GOODBYE_MS) ||
	       (!c->is_bound && now > c->dialed_ms + UNBOUND_MS + GOODBYE_MS) || (c->gone_ms && now > c->gone_ms + GOODBYE_MS);
}

/* Deadlines are no excuse for who does not read: then all it has missed is read first. */
static inline void check_caller(struct run *r, struct caller *c)
{
	if (c->socket < 0 || (c->is_deaf && !is_overdue(r, c)))
		return;
	listen_to(r, c->socket, &c->output);
	if (c->output.is_closed && !c->gone_ms)
		c->gone_ms = r->sim.world.now_ms;
	if (c->is_deaf && is_overdue(r, c)) {
		assert_always(sim_run(&r->sim));
		listen_to(r, c->socket, &c->output);
	}
	if (is_gone(r, c))
		hang_up(r, c, false);
	else
		assert_always(!is_overdue(r, c));
}

static inline void run_looks(struct run *r)
{
	listen_to(r, r->bystander, &r->hears);
	assert_always(!network_peer_has_ended(&r->sim.network, r->bystander) && !r->hears.is_closed);
	network_receive(&r->sim.network, r->admin, NULL, SIZE_MAX);
	for (size_t i = 0; i < EDGE_CALLERS; i++)
		check_caller(r, &r->callers[i]);
}

static inline void run_goes_on(struct run *r)
{
	if (r->is_hasty)
		(void)sim_step(&r->sim);
	else
		assert_always(sim_run(&r->sim));
	run_looks(r);
}

/* Acts. */

static inline void run_waits(struct run *r, uint64_t ms)
{
	assert_always(sim_advance(&r->sim, ms));
}

static inline int dial(struct run *r, uint16_t port)
{
	struct net_address to = network_address(port);
	int socket = network_dial(&r->sim.network, &to);
	assert_always(socket >= 0);
	return socket;
}

static inline void run_dials(struct run *r, bool has_tls)
{
	struct caller *c = r->caller;
	if (c->socket >= 0)
		return;
	*c = (struct caller){ .run = r, .socket = dial(r, has_tls ? 5223 : 5222), .dialed_ms = r->sim.world.now_ms };
	output_init(&c->output, on_caller_item, c);
}

static inline unsigned count_headers(struct str bytes)
{
	static const struct str tag = STR_INIT("<stream:stream");
	const char *at;
	unsigned n = 0;
	while (bytes.n && (at = memmem(bytes.p, bytes.n, tag.p, tag.n))) {
		bytes = str_from(bytes, (size_t)(at - bytes.p) + tag.n);
		n++;
	}
	return n;
}

static inline void run_sends(struct run *r, struct str bytes)
{
	struct caller *c = r->caller;
	if (!bytes.n || c->gone_ms)
		return;
	c->has_spoken = true;
	c->sent += bytes.n;
	c->headers_sent += count_headers(bytes);
	network_send(&r->sim.network, c->socket, bytes);
	/* Where it does not close the stream it is an error, but inside a header that was no header. */
	if (c->is_bound && !c->is_odd && c->sent <= ODD_BYTES && c->headers_sent == c->headers_heard &&
		str_eq(bytes, STR("</stream:stream>")))
		c->gone_ms = r->sim.world.now_ms;
}

static inline void run_ends(struct run *r, char how)
{
	struct caller *c = r->caller;
	if (how == '/' && !c->gone_ms) {
		network_end(&r->sim.network, c->socket);
		c->gone_ms = r->sim.world.now_ms;
	} else if (how == '!' || how == 'x') {
		hang_up(r, c, how == '!');
	} else if (how == 'd' || how == 'r') {
		c->is_deaf = how == 'd';
	}
}

static inline void run_administers(struct run *r, const char *command)
{
	network_send(&r->sim.network, r->admin, str_from_c(command));
}

static inline void run_paces(struct run *r, char which)
{
	unsigned *pace = r->sim.pace;
	if (which == 'w')
		pace[SIM_WRITER] = 0;
	else if (which == 'r')
		pace[SIM_READERS] = 0;
	else if (which == 'h')
		pace[SIM_HASHER] = 0;
	else
		pace[SIM_WRITER] = pace[SIM_READERS] = pace[SIM_HASHER] = SIM_PACE_MAX;
}

/* The beginning. */

static inline void write_log(void *ctx, enum log_level level, struct str line)
{
	(void)ctx;
	(void)level;
	(void)line;
	/* An operator must act: nothing that a peer does makes that so. */
	abort();
}

/* By the administrator: who had asked for it before it was there is told. */
static inline void add_account(struct run *r, struct str jid, const char *password)
{
	struct sasl_credentials c;
	sim_credentials(&c, str_from_c(password), 16);
	json_t *keys = scram_json_build(&c);
	char *text = json_dumps(keys, JSON_COMPACT);
	struct str command = arena_printf(r->arena, "{\"command\": \"user-add\", \"jid\": \"" STR_FMT "\", \"scram\": %s}\n",
		STR_ARG(jid), text);
	run_administers(r, command.p);
	free(text);
	json_decref(keys);
	assert_always(sim_run(&r->sim));
}

#define EDGE_HEADER                                                                                                    \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='localhost'>"

static inline void place_bystander(struct run *r)
{
	char *name = r->bystander_name;
	random_text(&r->sim.world.random, name, BYSTANDER_CHARS);
	for (size_t i = 0; i < BYSTANDER_CHARS; i++)
		name[i] = (char)('a' + (unsigned char)name[i] % 26);
	memcpy(name + BYSTANDER_CHARS, "@localhost", sizeof("@localhost"));
	r->bystander_jid = str_from_c(name);
	add_account(r, r->bystander_jid, "of no use to scripts");
	struct str message = arena_printf(r->arena, "%c%.*s%cof no use to scripts", 0, BYSTANDER_CHARS, name, 0);
	struct str all = arena_printf(r->arena,
		EDGE_HEADER "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" STR_FMT "</auth>" EDGE_HEADER
			    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
			    "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>",
		STR_ARG(base64_dup(r->arena, message)));
	r->bystander = dial(r, 5222);
	network_send(&r->sim.network, r->bystander, all);
	assert_always(sim_run(&r->sim));
	listen_to(r, r->bystander, &r->hears);
	r->is_listening = true;
}

static inline struct run *run_new(void)
{
	static const char config[] = "hosts: [localhost, anon.example]\nanonymous: [anon.example]\ndurability: process\n"
				     "limits: { unauthenticated: 2, login_failures: 4 }\nlisten:\n"
				     "  - { kind: c2s, address: 127.0.0.1, port: 5222, tls: none }\n"
				     "  - { kind: c2s, address: 127.0.0.1, port: 5223, tls: none }\n";
	struct net_address admin;
	count_memory();
	struct run *r = calloc(1, sizeof(*r));
	assert_always(r);
	r->sink = (struct log_sink){ write_log, NULL, LOG_LEVEL_ERROR };
	struct sim_options o = { .seed = 1, .yaml = config, .workers = 1, .sink = &r->sink };
	assert_always(sim_init(&r->sim, &o) == 0 && sim_start(&r->sim) == 0);
	/* The second believes that there is TLS below it. */
	r->sim.kinds[1].receiver.tls = RECEIVER_TLS_DIRECT;
	for (size_t i = 0; i < EDGE_CALLERS; i++)
		r->callers[i].socket = -1;
	assert_always(net_address_unix(STR(SIM_FOLDER "/" ADMIN_SOCKET), &admin));
	r->admin = network_dial(&r->sim.network, &admin);
	assert_always(r->admin >= 0 && sim_run(&r->sim));
	return r;
}

static inline void run_begin(struct run *r)
{
	struct world *w = &r->sim.world;
	random_seeded_init(&w->chance_seed, 1);
	r->arena = arena_new(4096, SIZE_MAX / 2);
	r->caller = &r->callers[0];
	r->token = STR("");
	r->is_hasty = r->is_listening = false;
	r->sent_to_bystander = r->heard_by_bystander = r->messages_heard = 0;
	output_init(&r->hears, bystander_hears, r);
	add_account(r, STR("romeo@localhost"), EDGE_PASSWORD);
	place_bystander(r);
	r->bytes = edge_bytes;
	r->first_bytes = r->inputs++ ? r->first_bytes : edge_bytes;
}

/* All have gone but the bystander. */
static inline void check_rest(struct run *r)
{
	struct sim_worker *w = &r->sim.workers[0];
	assert_always(atomic_load(&w->worker.edge_count) == 1 && atomic_load(&w->worker.session_count) == 1);
	assert_always(limits_numbers(r->sim.server.limits).guests == 0);
	assert_always(edge_bytes <= r->bytes + SLACK_BYTES && edge_bytes <= r->first_bytes + SLACK_BYTES_ALL);
}

static inline void remove_accounts(struct run *r)
{
	char command[sizeof(r->bystander_name) + 64];
	snprintf(command, sizeof(command), "{\"command\": \"user-remove\", \"jid\": \"%s\"}\n", r->bystander_name);
	run_administers(r, command);
	run_administers(r, "{\"command\": \"user-remove\", \"jid\": \"romeo@localhost\"}\n");
	network_close(&r->sim.network, r->bystander);
	assert_always(sim_run(&r->sim));
	network_receive(&r->sim.network, r->admin, NULL, SIZE_MAX);
}

static inline void run_end(struct run *r)
{
	r->is_hasty = false;
	run_paces(r, 'g');
	run_goes_on(r);
	for (size_t i = 0; i < EDGE_CALLERS; i++)
		if (r->callers[i].socket >= 0)
			hang_up(r, &r->callers[i], false);
	arena_free(&r->arena);
	run_waits(r, FORGOTTEN_MS);
	run_goes_on(r);
	check_rest(r);
	remove_accounts(r);
	output_fini(&r->hears);
}

/* Whatever it still has it frees. */
static inline void run_free(struct run **pointer)
{
	struct run *r = *pointer;
	network_close(&r->sim.network, r->admin);
	assert_always(sim_stop(&r->sim));
	sim_fini(&r->sim);
	free(r);
	assert_always(edge_bytes == 0);
	*pointer = NULL;
}

#endif
