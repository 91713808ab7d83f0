/* docs/SECURITY.md, L2: whoever tries to log in cannot tell an account that does not exist from a wrong password, by
 * what the server says, reads or computes. Calls of the hash functions are counted: the linker puts ours in front of
 * them (see meson.build). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness_raw.h"

#include "lib/base/base64.h"
#include "lib/base/mem.h"
#include "lib/stream/scram.h"
#include "server/storage/accounts.h"

#include <stdio.h>
#include <string.h>

#define HEADER                                                                                                         \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' "          \
	"to='localhost'>"
#define SASL        "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define NONCE       "fyko+d2lbbFgONRv9qkxdawL"
#define KNOWN       "romeo"
#define UNKNOWN     "nobod" /* of the same length: hashes run over names */
#define BYTES_MAX   65536
#define LOGIN_TRIES 3

/* What the server has done. The wrapped functions have nothing but this to write to. */
struct hashes {
	uint64_t calls, bytes;
};
static struct hashes hashes;

void __real_digest_compute(enum digest d, struct str data, unsigned char *out);
void __wrap_digest_compute(enum digest d, struct str data, unsigned char *out);
void __real_digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out);
void __wrap_digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out);
void __real_digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out);
void __wrap_digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out);

void __wrap_digest_compute(enum digest d, struct str data, unsigned char *out)
{
	hashes.calls++;
	hashes.bytes += data.n;
	__real_digest_compute(d, data, out);
}

void __wrap_digest_hmac(enum digest d, struct str key, struct str data, unsigned char *out)
{
	hashes.calls++;
	hashes.bytes += key.n + data.n;
	__real_digest_hmac(d, key, data, out);
}

void __wrap_digest_pbkdf2(enum digest d, struct str password, struct str salt, uint32_t iterations, unsigned char *out)
{
	hashes.calls += iterations;
	hashes.bytes += password.n + salt.n;
	__real_digest_pbkdf2(d, password, salt, iterations, out);
}

/* A client that says exactly this, and what it hears. */

struct fixture {
	struct harness *h;
	struct buf heard; /* since the header, nonces and salts replaced */
	struct buf salts; /* that were announced */
	char nonce[100];  /* of the last challenge */
	struct hashes hashes;
	unsigned queries;
};

/* The keys as `linnet user` makes them. */
static void add_account(struct harness *h)
{
	struct sasl_credentials c = { 0 };
	struct account_row row = { .host = STR("localhost"), .localpart = STR(KNOWN) };
	struct unit *u = unit_new();
	c.keys[DIGEST_SHA1].iterations = c.keys[DIGEST_SHA256].iterations = SCRAM_ITERATIONS;
	c.keys[DIGEST_SHA1].salt_n = c.keys[DIGEST_SHA256].salt_n = SCRAM_SALT_BYTES;
	assert_true(scram_keys_derive(&c.keys[DIGEST_SHA1], DIGEST_SHA1, STR(HARNESS_PASSWORD)));
	assert_true(scram_keys_derive(&c.keys[DIGEST_SHA256], DIGEST_SHA256, STR(HARNESS_PASSWORD)));
	accounts_put(u, &row, &c);
	assert_int_equal(storage_commit_now(h->sim.storage, u), 0);
	unit_free(&u);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->h = harness_new(2, NULL);
	add_account(f->h);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	harness_free(&f->h);
	test_free(f);
	return 0;
}

/* A server-first message without what is random in it: how much of it there is stays. */
static void add_challenge(struct fixture *f, struct str message)
{
	struct scram_server_first m;
	assert_true(scram_server_first_parse(message, &m));
	assert_true(str_has_prefix(m.nonce, STR(NONCE)));
	snprintf(f->nonce, sizeof(f->nonce), STR_FMT, STR_ARG(m.nonce));
	buf_printf(&f->heard, "nonce of %zu, salt of %zu, %u iterations", m.nonce.n, m.salt.n, m.iterations);
	buf_add(&f->salts, m.salt);
	buf_add_byte(&f->salts, ' ');
}

/* All that has come, with challenges decoded. */
static void note(struct fixture *f, struct str s)
{
	static const char begin[] = "<challenge " SASL ">", end[] = "</challenge>";
	while (s.n) {
		const char *at = memmem(s.p, s.n, begin, sizeof(begin) - 1);
		size_t before = at ? (size_t)(at - s.p) + sizeof(begin) - 1 : s.n, n;
		unsigned char message[1000];
		buf_add(&f->heard, str_make(s.p, before));
		s = str_from(s, before);
		if (!at)
			return;
		const char *to = memmem(s.p, s.n, end, sizeof(end) - 1);
		assert_non_null(to);
		assert_true((size_t)(to - s.p) < sizeof(message));
		assert_true(base64_decode(str_make(s.p, (size_t)(to - s.p)), message, &n));
		add_challenge(f, str_make(message, n));
		s = str_from(s, (size_t)(to - s.p));
	}
}

static void says_and_hears(struct fixture *f, int socket, struct str text)
{
	struct buf in;
	buf_init(&in, BYTES_MAX);
	network_send(&f->h->sim.network, socket, text);
	harness_run(f->h);
	network_receive(&f->h->sim.network, socket, &in, SIZE_MAX);
	note(f, buf_str(&in));
	buf_fini(&in);
}

/* <tag …>base64 of data</name> */
static void says_data(struct fixture *f, int socket, const char *tag, const char *name, struct str data)
{
	struct buf b;
	buf_init(&b, BYTES_MAX);
	buf_printf(&b, "<%s " SASL ">", tag);
	base64_add(&b, data);
	buf_printf(&b, "</%s>", name);
	says_and_hears(f, socket, buf_str(&b));
	buf_fini(&b);
}

static void tries_plain(struct fixture *f, int socket, const char *name)
{
	char message[100];
	int n = snprintf(message, sizeof(message), "%c%s%cwrong", 0, name, 0);
	says_data(f, socket, "auth mechanism='PLAIN'", "auth", str_make(message, (size_t)n));
}

/* All right but for the proof. */
static void tries_scram(struct fixture *f, int socket, const char *name, enum sasl_mechanism mechanism)
{
	unsigned char proof[DIGEST_BYTES_MAX] = { 1 };
	char tag[100], message[300], base64[BASE64_LEN(DIGEST_BYTES_MAX) + 1];
	size_t proof_n = digest_bytes(scram_digest(mechanism));
	struct str mechanism_name = sasl_mechanism_name(mechanism);
	snprintf(tag, sizeof(tag), "auth mechanism='" STR_FMT "'", STR_ARG(mechanism_name));
	int n = snprintf(message, sizeof(message), "n,,n=%s,r=" NONCE, name);
	says_data(f, socket, tag, "auth", str_make(message, (size_t)n));
	base64_encode(str_make(proof, proof_n), base64);
	n = snprintf(message, sizeof(message), "c=biws,r=%s,p=%.*s", f->nonce, (int)BASE64_LEN(proof_n), base64);
	says_data(f, socket, "response", "response", str_make(message, (size_t)n));
}

/* As often as a stream allows, with all that this costs. */
static void tries(struct fixture *f, const char *name, enum sasl_mechanism mechanism)
{
	struct net_address port = harness_port(0);
	int socket = network_dial(&f->h->sim.network, &port);
	struct buf header;
	buf_init(&header, BYTES_MAX);
	buf_init(&f->heard, BYTES_MAX);
	buf_init(&f->salts, BYTES_MAX);
	network_send(&f->h->sim.network, socket, STR(HEADER));
	harness_run(f->h);
	network_receive(&f->h->sim.network, socket, &header, SIZE_MAX); /* the id in it is random */
	buf_fini(&header);
	struct hashes hashes_before = hashes;
	unsigned queries_before = f->h->faults.queries;
	for (int i = 0; i < LOGIN_TRIES; i++)
		if (mechanism == SASL_PLAIN)
			tries_plain(f, socket, name);
		else
			tries_scram(f, socket, name, mechanism);
	assert_true(network_peer_has_ended(&f->h->sim.network, socket));
	f->queries = f->h->faults.queries - queries_before;
	f->hashes = (struct hashes){ hashes.calls - hashes_before.calls, hashes.bytes - hashes_before.bytes };
	network_close(&f->h->sim.network, socket);
	harness_run(f->h);
}

static void forgets(struct fixture *f)
{
	buf_fini(&f->heard);
	buf_fini(&f->salts);
}

static void assert_same_text(const struct buf *a, const struct buf *b)
{
	struct str x = buf_str(a), y = buf_str(b);
	if (!str_eq(x, y))
		fail_msg("one hears\n" STR_FMT "\nthe other\n" STR_FMT, STR_ARG(x), STR_ARG(y));
}

static void looks_the_same(struct fixture *f, enum sasl_mechanism mechanism)
{
	tries(f, KNOWN, mechanism);
	struct fixture known = *f;
	tries(f, UNKNOWN, mechanism);
	assert_same_text(&known.heard, &f->heard);
	assert_non_null(memmem(buf_str(&f->heard).p, buf_str(&f->heard).n, "<not-authorized/>", 17));
	assert_int_equal(known.queries, LOGIN_TRIES);
	assert_int_equal(f->queries, LOGIN_TRIES);
	assert_int_equal(known.hashes.calls, f->hashes.calls);
	assert_int_equal(known.hashes.bytes, f->hashes.bytes);
	assert_true(f->hashes.calls >= LOGIN_TRIES * (mechanism == SASL_PLAIN ? SCRAM_ITERATIONS_MIN : 3));
	forgets(&known);
	forgets(f);
}

static void an_unknown_user_of_plain_looks_like_a_wrong_password(void **state)
{
	looks_the_same(*state, SASL_PLAIN);
}

static void an_unknown_user_of_scram_sha_1_looks_like_a_wrong_password(void **state)
{
	looks_the_same(*state, SASL_SCRAM_SHA_1);
}

static void an_unknown_user_of_scram_sha_256_looks_like_a_wrong_password(void **state)
{
	looks_the_same(*state, SASL_SCRAM_SHA_256);
}

/* A token that is wrong, of somebody who has a client, who has none, and who is not there. */
static void tries_token(struct fixture *f, struct raw *r, const char *name, const char *client)
{
	char message[5 + 1 + 32], more[512];
	memset(message, 'x', sizeof(message));
	snprintf(message, 6, "%s", name);
	snprintf(more, sizeof(more), "<user-agent id='%s'/><fast xmlns='urn:xmpp:fast:0'/>", client);
	struct hashes before = hashes;
	unsigned queries_before = f->h->faults.queries;
	raw_authenticates(r, "HT-SHA-256-NONE", message, sizeof(message), more);
	assert_heard(r, "<not-authorized");
	f->hashes = (struct hashes){ hashes.calls - before.calls, hashes.bytes - before.bytes };
	f->queries = f->h->faults.queries - queries_before;
}

static void an_unknown_client_looks_like_a_wrong_token(void **state)
{
	static const struct {
		const char *name, *client;
	} others[] = { { KNOWN, "9e1b3a54-0c7e-4d4b-8a35-9a5f6d1c2b3a" }, { UNKNOWN, RAW_CLIENT } };
	struct fixture *f = *state;
	struct raw r;
	raw_protect(f->h);
	raw_init(&r, f->h, 0);
	raw_logs_in(&r, RAW_REQUEST);
	assert_heard(&r, "<token ");
	raw_fini(&r);
	raw_init(&r, f->h, 0);
	tries_token(f, &r, KNOWN, RAW_CLIENT);
	struct fixture known = *f;
	assert_int_equal(known.queries, 1);
	assert_true(known.hashes.calls >= 4);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		tries_token(f, &r, others[i].name, others[i].client);
		assert_int_equal(f->queries, known.queries);
		assert_int_equal(f->hashes.calls, known.hashes.calls);
		assert_int_equal(f->hashes.bytes, known.hashes.bytes);
	}
	raw_fini(&r);
}

/* Also after a restart, as that of an account does. */
static void the_salt_of_an_unknown_user_stays(void **state)
{
	struct fixture *f = *state;
	tries(f, UNKNOWN, SASL_SCRAM_SHA_256);
	struct fixture before = *f;
	harness_crash(f->h);
	tries(f, UNKNOWN, SASL_SCRAM_SHA_256);
	assert_same_text(&before.salts, &f->salts);
	assert_true(buf_str(&f->salts).n > 0);
	forgets(f);
	/* Each name has its own. */
	tries(f, "nobodi", SASL_SCRAM_SHA_256);
	assert_false(str_eq(buf_str(&before.salts), buf_str(&f->salts)));
	forgets(&before);
	forgets(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_user_of_plain_looks_like_a_wrong_password),
		TEST(an_unknown_user_of_scram_sha_1_looks_like_a_wrong_password),
		TEST(an_unknown_user_of_scram_sha_256_looks_like_a_wrong_password),
		TEST(an_unknown_client_looks_like_a_wrong_token),
		TEST(the_salt_of_an_unknown_user_stays),
	};
	return cmocka_run_group_tests_name("core/login", tests, NULL, NULL);
}
