/* Tests of connections under TLS when OpenSSL finds no memory: whichever of its allocations fails, in the handshake or
 * later, of the server or of the client, the connection ends or goes on, and the next one works. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/net/tlskit.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* Every so many allocations are tried; a prime, so that all kinds of them are. */
#define STRIDE   13
#define ENOUGH   12
#define QUESTION "<iq type='get'/>"
#define ANSWER   "<iq type='result'/>"

/* OpenSSL's hooks have no context. */
static struct {
	bool is_on, goes_on;
	uint64_t met, fails_at;
} memory;

static bool fails(void)
{
	if (!memory.is_on)
		return false;
	memory.met++;
	return memory.goes_on ? memory.met >= memory.fails_at : memory.met == memory.fails_at;
}

static void *get(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return n == 0 || fails() ? NULL : malloc(n);
}

static void give_back(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	if (n == 0) {
		give_back(p, file, line);
		return NULL;
	}
	return fails() ? NULL : realloc(p, n);
}

static void reset_end(struct end *e)
{
	buf_clear(&e->got);
	e->tls = e->closed = 0;
}

static void write_once(struct pair *p, struct end *e, const char *text)
{
	if (e->tls && !e->closed)
		assert_true(conn_write(p->conns, e->c, str_from_c(text)));
}

/* A whole session: handshake, a question and its answer, the end. */
static void live(struct pair *p)
{
	reset_end(&p->server);
	reset_end(&p->client);
	pair_connect(p);
	pair_start_tls(p);
	pair_turns(p, ENOUGH);
	write_once(p, &p->client, QUESTION);
	pair_turns(p, ENOUGH);
	write_once(p, &p->server, ANSWER);
	pair_turns(p, ENOUGH);
	if (!p->client.closed)
		conn_close(p->conns, p->client.c);
	if (!p->server.closed)
		conn_close(p->conns, p->server.c);
	p->world.now_ms += pair_limits.close_ms;
	pair_turns(p, ENOUGH);
}

static bool has_all(const struct end *e, const char *text)
{
	return str_eq(buf_str(&e->got), str_from_c(text));
}

/* What was received is what was sent, or some of it; and both ends have been told of the end. */
static void check(struct pair *p)
{
	assert_true(str_has_prefix(STR(QUESTION), buf_str(&p->server.got)));
	assert_true(str_has_prefix(STR(ANSWER), buf_str(&p->client.got)));
	assert_int_equal(p->server.closed, 1);
	assert_int_equal(p->client.closed, 1);
	assert_int_equal(network_open_count(&p->network), 0);
}

static void live_well(struct pair *p)
{
	memory.is_on = false;
	live(p);
	check(p);
	assert_true(has_all(&p->server, QUESTION) && has_all(&p->client, ANSWER));
}

static uint64_t count_allocations(struct pair *p)
{
	memory.is_on = true;
	memory.met = 0;
	memory.fails_at = UINT64_MAX;
	live(p);
	memory.is_on = false;
	return memory.met;
}

static void try_each(bool goes_on)
{
	static struct pair pair;
	pair_init(&pair, 1);
	live_well(&pair);
	uint64_t all = count_allocations(&pair), broken = 0;
	assert_true(all > STRIDE);
	for (uint64_t n = 1; n <= all; n += STRIDE) {
		memory.is_on = true;
		memory.met = 0;
		memory.fails_at = n;
		memory.goes_on = goes_on;
		live(&pair);
		memory.is_on = false;
		check(&pair);
		broken += !has_all(&pair.client, ANSWER);
		if (n % 10 == 0)
			live_well(&pair);
	}
	live_well(&pair);
	/* Else nothing has been tried. */
	assert_true(broken > 0);
	pair_fini(&pair);
}

static void failed_allocation_ends_one_connection_at_most(void **state)
{
	(void)state;
	try_each(false);
}

static void lack_of_memory_ends_when_memory_is_back(void **state)
{
	(void)state;
	try_each(true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_allocation_ends_one_connection_at_most),
		cmocka_unit_test(lack_of_memory_ends_when_memory_is_back),
	};
	if (CRYPTO_set_mem_functions(get, resize, give_back) != 1)
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("net/tls_memory", tests, NULL, NULL);
}
