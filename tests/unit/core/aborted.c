/* Connections that come so far and are cut, over and over, at every step of the protocol: the heap is as it was (docs/SECURITY.md,
 * Q4), and before the login none of them ever takes more than is set aside for it (Q1).
 *
 * The whole server is simulated; what its code and OpenSSL allocate is counted to the byte, but for what the clients here do.
 * ABORTED_CYCLES in the environment: how many a step; a few without it, which is enough to see a leak of some bytes each. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/sim/contexts.h"
#include "tests/sim/sim.h"

#include "lib/base/mem.h"
#include "lib/net/tls_session.h"
#include "server/core/guests.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE  10
#define CYCLES   600
#define QUIET_MS 300000
/* What tables and spare buffers keep, whatever the number of cycles. */
#define SLACK_BYTES 16384

#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "          \
	"to='localhost'>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define SASL(element, rest) "<" element " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'" rest
#define PLAIN(text) SASL("auth", " mechanism='PLAIN'>" text "</auth>")
#define RIGHT PLAIN("AHJvbWVvAHNlY3JldA==")
#define WRONG PLAIN("AHJvbWVvAHdyb25n")
/* n,,n=romeo,r=abc */
#define SCRAM(family) SASL("auth", " mechanism='SCRAM-" family "'>biwsbj1yb21lbyxyPWFiYw==</auth>")
/* Base64 of c=biws,r=abc,p=AA== */
#define WRONG_PROOF SASL("response", ">Yz1iaXdzLHI9YWJjLHA9QUE9PQ==</response>")
#define BIND "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define SASL2(mechanism, message, more)                                                                                \
	"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" mechanism "'><initial-response>" message "</initial-response>" \
	"<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>S</software></user-agent>" more "</authenticate>"
#define EVERYTHING                                                                                                     \
	"<bind xmlns='urn:xmpp:bind:0'><tag>S</tag></bind>"                                                            \
	"<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"
#define RIGHT2 SASL2("PLAIN", "AHJvbWVvAHNlY3JldA==", EVERYTHING)
#define WRONG2 SASL2("PLAIN", "AHJvbWVvAHdyb25n", EVERYTHING)
/* romeo\0 and 32 bytes of 0 */
#define WRONG_TOKEN                                                                                                    \
	SASL2("HT-SHA-256-NONE", "cm9tZW8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "<fast xmlns='urn:xmpp:fast:0'/>" EVERYTHING)
#define GREEDY SASL("auth", " mechanism='PLAIN'>%7000d")

/* Counting. Each block begins with its size and whose it is. */

struct head {
	size_t bytes;
	size_t of_client;
};

static struct {
	size_t server; /* live bytes */
	bool in_client;
} heap;

static void *heap_alloc(size_t n)
{
	struct head *h = malloc(sizeof(*h) + n);
	if (!h)
		abort();
	*h = (struct head){ n, heap.in_client };
	heap.server += heap.in_client ? 0 : n;
	return h + 1;
}

static void heap_free(void *p)
{
	if (!p)
		return;
	struct head *h = (struct head *)p - 1;
	heap.server -= h->of_client ? 0 : h->bytes;
	free(h);
}

static void *heap_resize(void *p, size_t n)
{
	void *q = heap_alloc(n);
	if (p) {
		size_t old = ((struct head *)p - 1)->bytes;
		memcpy(q, p, old < n ? old : n);
		heap_free(p);
	}
	return q;
}

static void *openssl_alloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n ? heap_alloc(n) : NULL;
}

static void *openssl_resize(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return heap_resize(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	heap_free(p);
}

static void out_of_memory(size_t n)
{
	(void)n;
	abort();
}

static const struct mem_hooks hooks = { heap_alloc, heap_resize, heap_free, out_of_memory };

/* The steps. */

enum listener { WITH_STARTTLS, WITH_TLS, WITHOUT_TLS };
enum hello { NO_TLS, LONG_HELLO, HALF_A_HELLO, HELLO, TLS };

struct step {
	const char *name;
	enum listener listener;
	const char *plain; /* before any TLS; NULL: nothing */
	enum hello hello;
	const char *text; /* behind TLS, or in plain where there is none */
	bool at_once; /* it is cut in the middle of what the server does about it */
	bool is_guest; /* has not logged in */
};

static const struct step steps[] = {
	{ "accepted", WITH_STARTTLS, .is_guest = true },
	{ "half a header", WITH_STARTTLS, "<stream:str", .is_guest = true },
	{ "header", WITH_STARTTLS, HEADER, .is_guest = true },
	{ "starttls", WITH_STARTTLS, HEADER STARTTLS, .is_guest = true },
	{ "half a hello", WITH_STARTTLS, HEADER STARTTLS, HALF_A_HELLO, .is_guest = true },
	{ "a long hello", WITH_TLS, NULL, LONG_HELLO, .is_guest = true },
	{ "hello", WITH_STARTTLS, HEADER STARTTLS, HELLO, .is_guest = true },
	{ "half a hello, direct", WITH_TLS, NULL, HALF_A_HELLO, .is_guest = true },
	{ "hello, direct", WITH_TLS, NULL, HELLO, .is_guest = true },
	{ "TLS", WITH_STARTTLS, HEADER STARTTLS, TLS, .is_guest = true },
	{ "TLS and a header", WITH_STARTTLS, HEADER STARTTLS, TLS, HEADER, .is_guest = true },
	{ "TLS and a large element", WITH_TLS, NULL, TLS, HEADER GREEDY, .is_guest = true },
	{ "TLS and a challenge", WITH_TLS, NULL, TLS, HEADER SCRAM("SHA-256"), .is_guest = true },
	{ "SASL2 and a challenge", WITH_TLS, NULL, TLS, HEADER SASL2("SCRAM-SHA-512", "biwsbj1yb21lbyxyPWFiYw==", EVERYTHING),
		.is_guest = true },
	{ "SASL2, wrong", WITH_TLS, NULL, TLS, HEADER WRONG2, .is_guest = true },
	{ "SASL2, wrong token", WITH_TLS, NULL, TLS, HEADER WRONG_TOKEN, .is_guest = true },
	{ "SASL2, while it is granted and bound", WITH_TLS, NULL, TLS, HEADER RIGHT2, .at_once = true },
	{ "SASL2 and bound", WITH_TLS, NULL, TLS, HEADER RIGHT2 "<presence/>" },
	{ "TLS and bound", WITH_TLS, NULL, TLS, HEADER RIGHT HEADER BIND },
	{ "TLS and in a stanza", WITH_TLS, NULL, TLS, HEADER RIGHT HEADER BIND "<presence/><message><body>x" },
	{ "PLAIN, while its account is read", WITHOUT_TLS, .text = HEADER RIGHT, .at_once = true, .is_guest = true },
	{ "PLAIN, prompted", WITHOUT_TLS, .text = HEADER SASL("auth", " mechanism='PLAIN'/>"), .is_guest = true },
	{ "PLAIN, wrong", WITHOUT_TLS, .text = HEADER WRONG, .is_guest = true },
	{ "SCRAM-SHA-1, challenged", WITHOUT_TLS, .text = HEADER SCRAM("SHA-1"), .is_guest = true },
	{ "SCRAM-SHA-256, challenged", WITHOUT_TLS, .text = HEADER SCRAM("SHA-256"), .is_guest = true },
	{ "SCRAM-SHA-256, wrong", WITHOUT_TLS, .text = HEADER SCRAM("SHA-256") WRONG_PROOF, .is_guest = true },
	{ "logged in", WITHOUT_TLS, .text = HEADER RIGHT },
	{ "logged in, header", WITHOUT_TLS, .text = HEADER RIGHT HEADER },
	{ "while it is bound", WITHOUT_TLS, .text = HEADER RIGHT HEADER BIND, .at_once = true },
	{ "bound", WITHOUT_TLS, .text = HEADER RIGHT HEADER BIND },
	{ "present", WITHOUT_TLS, .text = HEADER RIGHT HEADER BIND "<presence/>" },
	{ "in a stanza", WITHOUT_TLS, .text = HEADER RIGHT HEADER BIND "<presence/><message to='romeo@localhost'><bo" },
};

/* Clients. */

struct client {
	int socket;
	SSL *ssl;
	struct tls_io io;
};

struct fixture {
	struct sim sim;
	struct contexts tls;
	struct log_sink sink;
	struct client clients[AT_ONCE];
	char greedy[16384];
};

static const char config[] =
	"hosts: [localhost]\ndurability: process\nlimits: { rate: off }\nlisten:\n"
	"  - { kind: c2s, address: 127.0.0.1, port: 5222, tls: starttls }\n"
	"  - { kind: c2s, address: 127.0.0.1, port: 5223, tls: direct }\n"
	"  - { kind: c2s, address: 127.0.0.1, port: 5224, tls: none }\n";

static void run(struct fixture *f)
{
	heap.in_client = false;
	assert_true(sim_run(&f->sim));
	heap.in_client = true;
}

static void advance(struct fixture *f, uint64_t ms)
{
	heap.in_client = false;
	assert_true(sim_advance(&f->sim, ms));
	heap.in_client = true;
}

static void ignore_line(void *ctx, enum log_level level, struct str line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct sasl_credentials c;
	struct arena *a;
	const struct jid *romeo;
	const char *why;
	heap.in_client = true;
	assert_int_equal(contexts_init(&f->tls, "localhost", f->greedy, sizeof(f->greedy)), 0);
	snprintf(f->greedy, sizeof(f->greedy), HEADER GREEDY, 7);
	f->sink = (struct log_sink){ ignore_line, NULL, LOG_LEVEL_ERROR };
	struct sim_options o = { .seed = 1, .yaml = config, .workers = 3, .tls = f->tls.server, .sink = &f->sink };
	assert_int_equal(sim_init(&f->sim, &o), 0);
	heap.in_client = false;
	assert_int_equal(sim_start(&f->sim), 0);
	a = arena_new(1024, 65536);
	assert_int_equal(jid_parse(a, STR("romeo@localhost"), &romeo, &why), 0);
	sim_credentials(&c, STR("secret"), 64);
	sim_account(&f->sim, romeo, &c);
	arena_free(&a);
	run(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	heap.in_client = false;
	assert_true(sim_stop(&f->sim));
	sim_fini(&f->sim);
	contexts_fini(&f->tls);
	test_free(f);
	return 0;
}

static void send_made(struct fixture *f, struct client *c, size_t max)
{
	network_send(&f->sim.network, c->socket, str_first(buf_str(&c->io.out), max));
	buf_clear(&c->io.out);
	run(f);
}

/* Most of a ClientHello of 131,072 bytes, in records. */
static void send_long_hello(struct fixture *f, struct client *c)
{
	char record[5 + TLS_RECORD_BYTES] = { 0x16, 3, 1, 0x40, 0, 1, 2, 0, 0, 3, 3 };
	for (int i = 0; i < 7; i++) {
		network_send(&f->sim.network, c->socket, str_make(record, sizeof(record)));
		memset(record + 5, 0, 6);
		run(f);
	}
}

/* A flight of the handshake, or both. */
static void shake_hands(struct fixture *f, struct client *c, const struct step *s)
{
	struct tls_use use = { .context = f->tls.client, .host = "localhost", .alpn = TLS_ALPN_IF_OFFERED };
	char why[TLS_WHY_BYTES];
	buf_init(&c->io.out, 1u << 20);
	network_receive(&f->sim.network, c->socket, NULL, SIZE_MAX);
	assert_non_null(c->ssl = tls_session_new(&use, &c->io, why));
	assert_int_equal(tls_session_handshake(c->ssl, &c->io, why), TLS_WANT);
	send_made(f, c, s->hello == HALF_A_HELLO ? 100 : SIZE_MAX);
	if (s->hello != TLS)
		return;
	struct buf in;
	buf_init(&in, 1u << 20);
	network_receive(&f->sim.network, c->socket, &in, SIZE_MAX);
	c->io.in = buf_str(&in);
	if (tls_session_handshake(c->ssl, &c->io, why) != TLS_DONE)
		fail_msg("%s", why);
	buf_fini(&in);
	send_made(f, c, SIZE_MAX);
}

static void comes(struct fixture *f, struct client *c, const struct step *s)
{
	static const uint16_t ports[] = { 5222, 5223, 5224 };
	struct net_address to = network_address(ports[s->listener]);
	char why[TLS_WHY_BYTES];
	c->socket = network_dial(&f->sim.network, &to);
	assert_true(c->socket >= 0);
	if (s->plain)
		network_send(&f->sim.network, c->socket, str_from_c(s->plain));
	if (s->hello != NO_TLS || s->plain)
		run(f);
	if (s->hello == LONG_HELLO)
		send_long_hello(f, c);
	else if (s->hello != NO_TLS)
		shake_hands(f, c, s);
	if (!s->text)
		return;
	struct str text = strstr(s->text, "%7000d") ? str_from_c(f->greedy) : str_from_c(s->text);
	if (!c->ssl) {
		network_send(&f->sim.network, c->socket, text);
		return;
	}
	assert_int_equal(tls_session_write(c->ssl, text, why), TLS_DONE);
	network_send(&f->sim.network, c->socket, buf_str(&c->io.out));
	buf_clear(&c->io.out);
}

static void is_cut(struct fixture *f, struct client *c, bool by_reset)
{
	if (by_reset)
		network_reset(&f->sim.network, c->socket);
	else
		network_close(&f->sim.network, c->socket);
	if (c->ssl)
		tls_session_free(c->ssl);
	buf_fini(&c->io.out);
	*c = (struct client){ 0 };
}

/* Some of them at once; what they take of the heap together. */
static size_t cycle(struct fixture *f, const struct step *s, unsigned n)
{
	size_t before = heap.server;
	heap.in_client = true;
	for (size_t i = 0; i < AT_ONCE; i++)
		comes(f, &f->clients[i], s);
	if (s->at_once) {
		heap.in_client = false;
		for (unsigned i = 0; i < 1 + n % 12; i++)
			sim_step(&f->sim);
		heap.in_client = true;
	} else {
		run(f);
	}
	size_t taken = heap.server > before ? heap.server - before : 0;
	for (size_t i = 0; i < AT_ONCE; i++)
		is_cut(f, &f->clients[i], (i + n) % 2);
	run(f);
	return taken;
}

static unsigned edges(const struct fixture *f)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < f->sim.server.worker_count; i++)
		n += atomic_load(&f->sim.workers[i].worker.edge_count) + atomic_load(&f->sim.workers[i].worker.session_count);
	return n;
}

static void memory_is_flat(void **state)
{
	struct fixture *f = *state;
	const char *given = getenv("ABORTED_CYCLES");
	uint64_t cycles = CYCLES;
	assert_true(!given || str_parse_u64(str_from_c(given), 1000000000, &cycles));
	for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
		for (unsigned n = 0; n < 12; n++)
			cycle(f, &steps[k], n);
		advance(f, QUIET_MS);
		size_t before = heap.server;
		for (unsigned n = 0; n < cycles / AT_ONCE; n++)
			cycle(f, &steps[k], n);
		advance(f, QUIET_MS);
		assert_int_equal(edges(f), 0);
		if (heap.server > before + SLACK_BYTES)
			fail_msg("%s: %zu bytes more", steps[k].name, heap.server - before);
		if (given)
			print_message("%s: %zd bytes more after %u cycles\n", steps[k].name, (ssize_t)(heap.server - before),
				(unsigned)cycles);
	}
}

static void no_guest_takes_more_than_is_set_aside_for_it(void **state)
{
	struct fixture *f = *state;
	size_t most = 0;
	for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
		cycle(f, &steps[k], 0);
		advance(f, QUIET_MS);
		size_t each = cycle(f, &steps[k], 0) / AT_ONCE;
		if (!steps[k].is_guest)
			continue;
		if (each > GUEST_BYTES)
			fail_msg("%s: %zu bytes", steps[k].name, each);
		most = each > most ? each : most;
		if (getenv("ABORTED_CYCLES"))
			print_message("%s: %zu bytes each\n", steps[k].name, each);
	}
	/* Something was measured. */
	assert_true(most > 10000);
}

int main(void)
{
	mem_set_hooks(&hooks);
	if (!CRYPTO_set_mem_functions(openssl_alloc, openssl_resize, openssl_free))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_is_flat, setup, teardown),
		cmocka_unit_test_setup_teardown(no_guest_takes_more_than_is_set_aside_for_it, setup, teardown),
	};
	return cmocka_run_group_tests_name("core/aborted", tests, NULL, NULL);
}
