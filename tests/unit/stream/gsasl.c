/* Tests of lib/stream/receiver_sasl.c against another implementation: GNU SASL as the client, for every mechanism that
 * both have (it has no SCRAM-SHA-512). One with a password is a line of `mechanisms`; what both sides say of the channel is a fake, the
 * same for both. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/stream/limits.h"
#include "lib/stream/receiver.h"

#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SASL       " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define ITERATIONS 4096
#define SALT       "a salt of tests."
#define BINDING    "thirty-two bytes of this channel"
#define BINDING64  "dGhpcnR5LXR3byBieXRlcyBvZiB0aGlzIGNoYW5uZWw="
#define STEPS_MAX  8

static const struct {
	enum sasl_mechanism mechanism;
	const char *name;
	bool verifies; /* the client finds out whether the server knows the account */
} mechanisms[] = {
	{ SASL_SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS", true },
	{ SASL_SCRAM_SHA_1_PLUS, "SCRAM-SHA-1-PLUS", true },
	{ SASL_SCRAM_SHA_256, "SCRAM-SHA-256", true },
	{ SASL_SCRAM_SHA_1, "SCRAM-SHA-1", true },
	{ SASL_PLAIN, "PLAIN", false },
};

enum outcome { LOGGED_IN, REFUSED, CLIENT_GAVE_UP };

/* The account there is, and what the client takes for its name and password. */
struct people {
	const char *account, *password;
	const char *says, *with;
	const char *certificate; /* the address in the client's; NULL: it has none */
};

struct run {
	struct people people;
	struct random_seeded seeded;
	struct random_source random;
	struct receiver_config config;
	struct receiver *receiver;
	struct sasl_credentials credentials;
	struct buf out;
	Gsasl *gsasl;
	Gsasl_session *client;
	unsigned offered;
	enum sasl_failure failure;
	bool logged_in, failed, is_anonymous;
};

static unsigned offered(void *ctx, struct str host)
{
	const struct run *r = ctx;
	(void)host;
	return r->offered;
}

static bool is_host(void *ctx, struct str domain)
{
	(void)ctx;
	return str_eq(domain, STR("im.example"));
}

static void set_keys(struct run *r)
{
	for (enum digest d = 0; d < DIGESTS; d++) {
		struct scram_keys *k = &r->credentials.keys[d];
		*k = (struct scram_keys){ .is_set = true, .iterations = ITERATIONS, .salt_n = SCRAM_SALT_BYTES };
		memcpy(k->salt, SALT, SCRAM_SALT_BYTES);
		assert_true(scram_keys_derive(k, d, str_from_c(r->people.password)));
	}
}

static void begin(struct run *r, const struct people *p)
{
	*r = (struct run){ .people = *p };
	random_seeded_init(&r->seeded, 1);
	r->random = random_seeded_source(&r->seeded);
	r->config = (struct receiver_config){
		.tls = RECEIVER_TLS_DIRECT,
		.random = &r->random,
		.before = &stream_limits_before,
		.after = &stream_limits_client,
		.mechanisms = offered,
		.fake_salt_secret = STR("secret"),
		.fake_iterations = ITERATIONS,
		.tries = 3,
		.is_host = is_host,
		.ctx = r,
	};
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		r->offered |= SASL_BIT(mechanisms[i].mechanism);
	r->offered |= SASL_BIT(SASL_EXTERNAL) | SASL_BIT(SASL_ANONYMOUS);
	set_keys(r);
	buf_init(&r->out, 1 << 20);
	assert_int_equal(gsasl_init(&r->gsasl), GSASL_OK);
}

static void end(struct run *r)
{
	gsasl_done(r->gsasl);
	receiver_free(&r->receiver);
	buf_fini(&r->out);
}

/* The server. */

static void answer(struct run *r, const struct receiver_event *e)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	bool known = str_eq(e->username, str_from_c(r->people.account));
	switch (e->kind) {
	case RECEIVER_FIND_CREDENTIALS: receiver_credentials(r->receiver, known ? &r->credentials : NULL); break;
	case RECEIVER_HASH:
		digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
		receiver_hashed(r->receiver, salted);
		break;
	case RECEIVER_LOGIN_FAILED:
		r->failed = true;
		r->failure = e->failure;
		break;
	case RECEIVER_LOGGED_IN:
		r->logged_in = true;
		r->is_anonymous = e->mechanism == SASL_ANONYMOUS;
		assert_true(r->is_anonymous || str_eq(jid_local(e->jid), str_from_c(r->people.account)));
		break;
	default: fail_msg("event %d", e->kind);
	}
}

/* What it writes is in r->out. */
static void feed(struct run *r, const char *text)
{
	struct receiver_event e;
	buf_clear(&r->out);
	receiver_input(r->receiver, str_from_c(text));
	while (receiver_next(r->receiver, &r->out, &e) != RECEIVER_IDLE)
		answer(r, &e);
	buf_add(&r->out, STR("\0"));
}

static void open_stream(struct run *r)
{
	receiver_free(&r->receiver);
	r->receiver = receiver_new(&r->config);
	struct str address = str_from_c(r->people.certificate ? r->people.certificate : "");
	struct sasl_tls tls = { .version = 0x0304, .addresses = &address, .address_count = r->people.certificate != NULL };
	tls.bindings[SASL_TLS_EXPORTER].n = sizeof(BINDING) - 1;
	memcpy(tls.bindings[SASL_TLS_EXPORTER].bytes, BINDING, sizeof(BINDING) - 1);
	receiver_tls_started(r->receiver, &tls);
	r->logged_in = r->failed = r->is_anonymous = false;
	feed(r, "<stream:stream to='im.example' version='1.0' xmlns='jabber:client' "
		"xmlns:stream='http://etherx.jabber.org/streams'>");
}

static bool is_offered(const struct run *r, const char *name)
{
	char element[100];
	snprintf(element, sizeof(element), "<mechanism>%s</mechanism>", name);
	return strstr(buf_str(&r->out).p, element) != NULL;
}

/* The text of that element, or "" if it is empty; NULL if it was not written. */
static char *text_of(const struct run *r, const char *name)
{
	char start[100], *copy = NULL;
	snprintf(start, sizeof(start), "<%s" SASL, name);
	const char *p = strstr(buf_str(&r->out).p, start);
	if (!p)
		return NULL;
	p += strlen(start);
	if (*p == '/')
		return strdup("");
	assert_int_equal(*p, '>');
	copy = strndup(p + 1, strcspn(p + 1, "<"));
	assert_non_null(copy);
	return copy;
}

/* The client. */

static void start_client(struct run *r, const char *name)
{
	bool is_external = strcmp(name, "EXTERNAL") == 0;
	assert_int_equal(gsasl_client_start(r->gsasl, name, &r->client), GSASL_OK);
	assert_int_equal(gsasl_property_set(r->client, is_external ? GSASL_AUTHZID : GSASL_AUTHID, r->people.says), GSASL_OK);
	assert_int_equal(gsasl_property_set(r->client, GSASL_PASSWORD, r->people.with), GSASL_OK);
	assert_int_equal(gsasl_property_set(r->client, GSASL_ANONYMOUS_TOKEN, r->people.says), GSASL_OK);
	if (strstr(name, "PLUS"))
		assert_int_equal(gsasl_property_set(r->client, GSASL_CB_TLS_EXPORTER, BINDING64), GSASL_OK);
}

/* Its next message is sent; false if it does not want to go on. */
static bool say(struct run *r, const char *format, const char *name, const char *heard)
{
	char text[8192], *message = NULL;
	int code = gsasl_step64(r->client, heard, &message);
	if (code != GSASL_OK && code != GSASL_NEEDS_MORE)
		return false;
	snprintf(text, sizeof(text), format, name, *message ? message : "=");
	gsasl_free(message);
	feed(r, text);
	return true;
}

/* Does the client believe what comes with the success? */
static bool is_believed(struct run *r, const char *name, const char *with)
{
	char *more = NULL;
	if (!str_has_prefix(str_from_c(name), STR("SCRAM")))
		return true;
	int code = gsasl_step64(r->client, with, &more);
	gsasl_free(more);
	return code == GSASL_OK;
}

static enum outcome converse(struct run *r, const char *name)
{
	enum outcome outcome = CLIENT_GAVE_UP;
	bool goes_on = say(r, "<auth" SASL " mechanism='%s'>%s</auth>", name, NULL);
	char *text;
	for (unsigned i = 0; goes_on && i < STEPS_MAX && (text = text_of(r, "challenge")); i++) {
		goes_on = say(r, "<response" SASL "%.0s>%s</response>", name, text);
		free(text);
	}
	text = text_of(r, "success");
	if (text)
		outcome = is_believed(r, name, text) ? LOGGED_IN : CLIENT_GAVE_UP;
	else if (goes_on && r->failed)
		outcome = REFUSED;
	free(text);
	assert_true(outcome == LOGGED_IN ? r->logged_in : outcome != REFUSED || !r->logged_in);
	return outcome;
}

static enum outcome log_in(struct run *r, const char *name)
{
	open_stream(r);
	assert_true(is_offered(r, name));
	start_client(r, name);
	enum outcome outcome = converse(r, name);
	gsasl_finish(r->client);
	return outcome;
}

/* With each mechanism. */
static void expect(const struct people *p, enum outcome outcome, enum sasl_failure failure)
{
	struct run r;
	begin(&r, p);
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
		if (log_in(&r, mechanisms[i].name) != outcome)
			fail_msg("%s: %s with %s: %s", mechanisms[i].name, p->says, p->with, buf_str(&r.out).p);
		if (outcome == REFUSED)
			assert_int_equal(r.failure, failure);
	}
	end(&r);
}

static void expect_login(const char *account, const char *password)
{
	expect(&(struct people){ account, password, account, password }, LOGGED_IN, (enum sasl_failure)0);
}

static void every_mechanism_logs_in(void **state)
{
	(void)state;
	expect_login("romeo", "pencil");
}

static void wrong_passwords_are_refused(void **state)
{
	static const char *const wrong[] = { "Pencil", "pencil ", "p", "pencilpencil", "\xC3\xA9" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		expect(&(struct people){ "romeo", "pencil", "romeo", wrong[i] }, REFUSED, SASL_NOT_AUTHORIZED);
}

static void unknown_accounts_are_refused_in_the_same_way(void **state)
{
	(void)state;
	expect(&(struct people){ "romeo", "pencil", "juliet", "pencil" }, REFUSED, SASL_NOT_AUTHORIZED);
}

static void passwords_are_any_text(void **state)
{
	static const char *const passwords[] = {
		"p\xC3\xA4ssw\xC3\xB6rt",
		"\xD0\xBF\xD0\xB0\xD1\x80\xD0\xBE\xD0\xBB\xD1\x8C",
		"\xE5\xAF\x86\xE7\xA0\x81",
		"with spaces, commas=and n=r,x",
		"<&'\">",
		"=2C=3D",
		"a long one, of more bytes than a block of the digest has: so it is hashed first; and of more than 100",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(passwords); i++)
		expect_login("romeo", passwords[i]);
}

/* SASLprep (RFC 4013): a soft hyphen is nothing, a no-break space a space, a ligature its letters. */
static void passwords_are_prepared_by_both_sides(void **state)
{
	static const struct people pairs[] = {
		{ "romeo", "IX", "romeo", "I\xC2\xADX" },
		{ "romeo", "IX", "romeo", "\xE2\x85\xA8" },
		{ "romeo", "a b", "romeo",
			"a\xC2\xA0"
			"b" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		expect(&pairs[i], LOGGED_IN, (enum sasl_failure)0);
}

/* RFC 5802, 5.1: as =2C and =3D. */
static void names_have_commas_and_equals_signs(void **state)
{
	static const char *const names[] = { "a,b", "a=b", "=2c", "=3d", ",=,", "n=romeo,r=x", "rom\xC3\xA9o",
		"\xD1\x80" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		expect_login(names[i], "pencil");
}

/* A server that does not know the account's keys: the client finds out. */
static void clients_see_that_the_server_knows_the_account(void **state)
{
	struct run r;
	(void)state;
	begin(&r, &(struct people){ "romeo", "pencil", "romeo", "pencil" });
	for (enum digest d = 0; d < DIGESTS; d++)
		r.credentials.keys[d].server_key[0] ^= 1;
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		assert_int_equal(log_in(&r, mechanisms[i].name), mechanisms[i].verifies ? CLIENT_GAVE_UP : LOGGED_IN);
	end(&r);
}

/* XEP-0178: by the address in a certificate; who the client says it is may be left out. */
static void certificates_log_in_who_they_name(void **state)
{
	static const struct {
		const char *certificate, *says;
		enum outcome outcome;
		enum sasl_failure failure;
	} rows[] = {
		{ "romeo@im.example", "", LOGGED_IN, SASL_OK },
		{ "romeo@im.example", "romeo@im.example", LOGGED_IN, SASL_OK },
		{ "romeo@im.example", "juliet@im.example", REFUSED, SASL_INVALID_AUTHZID },
		{ "juliet@im.example", "", REFUSED, SASL_NOT_AUTHORIZED },
		{ "juliet@im.example", "romeo@im.example", REFUSED, SASL_INVALID_AUTHZID },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r;
		begin(&r, &(struct people){ "romeo", "pencil", rows[i].says, "pencil", rows[i].certificate });
		if (log_in(&r, "EXTERNAL") != rows[i].outcome)
			fail_msg("%zu: %s", i, buf_str(&r.out).p);
		assert_int_equal(r.failure, rows[i].failure);
		end(&r);
	}
}

/* XEP-0175: what it says of itself is for nobody. */
static void anybody_can_be_nobody(void **state)
{
	struct run r;
	(void)state;
	begin(&r, &(struct people){ "romeo", "pencil", "romeo@im.example", "" });
	assert_int_equal(log_in(&r, "ANONYMOUS"), LOGGED_IN);
	assert_true(r.is_anonymous);
	assert_true(jid_local(receiver_jid(r.receiver)).n == 36);
	end(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mechanism_logs_in),
		cmocka_unit_test(wrong_passwords_are_refused),
		cmocka_unit_test(unknown_accounts_are_refused_in_the_same_way),
		cmocka_unit_test(passwords_are_any_text),
		cmocka_unit_test(passwords_are_prepared_by_both_sides),
		cmocka_unit_test(names_have_commas_and_equals_signs),
		cmocka_unit_test(clients_see_that_the_server_knows_the_account),
		cmocka_unit_test(certificates_log_in_who_they_name),
		cmocka_unit_test(anybody_can_be_nobody),
	};
	return cmocka_run_group_tests_name("stream/gsasl", tests, NULL, NULL);
}
