/* The server of the tests; see server.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/server.h"

#include "lib/base/mem.h"
#include "lib/stream/limits.h"
#include "lib/xml/writer.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define USUAL_ITERATIONS 16

static unsigned mechanisms(void *ctx, struct str host)
{
	const struct server *s = ctx;
	(void)host;
	return s->mechanisms;
}

static bool is_host(void *ctx, struct str domain)
{
	(void)ctx;
	return str_eq(domain, STR("im.example")) || str_eq(domain, STR("other.example"));
}

static void set_keys(struct scram_keys *k, enum digest d, const char *salt, uint32_t iterations)
{
	*k = (struct scram_keys){ .iterations = iterations, .salt_n = SCRAM_SALT_BYTES };
	memcpy(k->salt, salt, SCRAM_SALT_BYTES);
	assert_true(scram_keys_derive(k, d, STR("pencil")));
}

void server_set_iterations(struct server *s, uint32_t iterations)
{
	s->config.fake_iterations = iterations;
	set_keys(&s->romeo.keys[DIGEST_SHA1], DIGEST_SHA1, "romeos salt one.", iterations);
	set_keys(&s->romeo.keys[DIGEST_SHA256], DIGEST_SHA256, "romeos salt two.", iterations);
	set_keys(&s->romeo.keys[DIGEST_SHA512], DIGEST_SHA512, "romeos third salt", iterations);
	set_keys(&s->juliet.keys[DIGEST_SHA1], DIGEST_SHA1, "juliets own salt", iterations);
	set_keys(&s->nurse.keys[DIGEST_SHA256], DIGEST_SHA256, "the nurse's salt", iterations);
}

static const struct str namespaces[] = { STR_INIT(NS_EXTRA) };

void server_init(struct server *s, enum receiver_tls tls, uint64_t seed)
{
	*s = (struct server){ .mechanisms = SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_256) };
	random_seeded_init(&s->seeded, seed);
	s->random = random_seeded_source(&s->seeded);
	s->config = (struct receiver_config){
		.tls = tls,
		.random = &s->random,
		.before = &stream_limits_before,
		.after = &stream_limits_client,
		.mechanisms = mechanisms,
		.ctx = s,
		.fake_salt_secret = STR("secret"),
		.tries = 3,
		.is_host = is_host,
		.features = STR("<extra xmlns='" NS_EXTRA "'/>"),
		.element_namespaces = namespaces,
		.element_namespace_count = ARRAY_LEN(namespaces),
	};
	server_set_iterations(s, USUAL_ITERATIONS);
	buf_init(&s->transcript, 16 << 20);
	buf_init(&s->out, 16 << 20);
	s->receiver = receiver_new(&s->config);
	server_set_tls(s, &(struct sasl_tls){ .version = 0x0304 });
}

void server_set_tls(struct server *s, const struct sasl_tls *tls)
{
	s->tls = *tls;
	if (s->config.tls == RECEIVER_TLS_DIRECT)
		receiver_tls_started(s->receiver, tls);
}

void server_set_bindings(struct server *s)
{
	server_set_tls(s, &(struct sasl_tls){
				  .version = 0x0304,
				  .bindings = {
					  [SASL_TLS_EXPORTER] = { .n = 8, .bytes = "exporter" },
					  [SASL_TLS_SERVER_END_POINT] = { .n = 9, .bytes = "end-point" },
					  [SASL_TLS_UNIQUE] = { .n = 6, .bytes = "unique" },
				  },
			  });
}

void server_fini(struct server *s)
{
	receiver_free(&s->receiver);
	assert_null(s->receiver);
	receiver_free(&s->receiver);
	assert_false(buf_failed(&s->transcript));
	buf_fini(&s->transcript);
	buf_fini(&s->out);
}

/* What is random, or depends on everything. */
static const struct {
	struct str before;
	const char *instead;
} masks[] = {
	{ STR_INIT("/streams' id='"), "ID" },
	{ STR_INIT("scheme='opaque' value='"), "VERSION" },
};

static void write_masked(struct buf *b, struct str s)
{
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		struct str before = masks[i].before;
		const char *at = s.n ? memmem(s.p, s.n, before.p, before.n) : NULL;
		if (!at)
			continue;
		size_t n = (size_t)(at - s.p) + before.n;
		buf_add(b, str_first(s, n));
		buf_add(b, str_from_c(masks[i].instead));
		s = str_from(s, n);
		s = str_from(s, str_index(s, '\''));
	}
	buf_add(b, s);
}

static void note_stanza(struct server *s, struct receiver_event *e)
{
	struct xml_dialect d = receiver_dialect(s->receiver);
	if (e->refusal.condition == STANZA_OK)
		buf_lit(&s->transcript, "[stanza ");
	else
		buf_printf(
			&s->transcript, "[refused " STR_FMT " ", STR_ARG(stanza_condition_name(e->refusal.condition)));
	stanza_write(&s->transcript, e->stanza, NULL, NULL, &d);
	buf_lit(&s->transcript, "]");
	stanza_unref(&e->stanza);
}

static void answer_find(struct server *s, const struct receiver_event *e)
{
	buf_printf(&s->transcript, "[find " STR_FMT "@" STR_FMT "]", STR_ARG(e->username), STR_ARG(e->host));
	if (s->is_silent)
		return;
	bool is_here = str_eq(e->host, STR("im.example"));
	if (s->is_broken)
		receiver_credentials_failed(s->receiver);
	else if (is_here && str_eq(e->username, STR("romeo")))
		receiver_credentials(s->receiver, &s->romeo);
	else if (is_here && str_eq(e->username, STR("juliet")))
		receiver_credentials(s->receiver, &s->juliet);
	else if (is_here && str_eq(e->username, STR("nurse")))
		receiver_credentials(s->receiver, &s->nurse);
	else
		receiver_credentials(s->receiver, NULL);
}

static void answer_hash(struct server *s, const struct receiver_event *e)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	buf_printf(&s->transcript, "[hash " STR_FMT "]", STR_ARG(digest_name(e->hash.digest)));
	if (s->is_silent)
		return;
	assert_int_equal(e->hash.iterations, s->config.fake_iterations);
	assert_int_equal(e->hash.salt.n, SCRAM_SALT_BYTES);
	digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
	receiver_hashed(s->receiver, salted);
}

static void answer_tokens(struct server *s, const struct receiver_event *e)
{
	buf_printf(&s->transcript, "[tokens " STR_FMT " of " STR_FMT "@" STR_FMT "]", STR_ARG(e->client),
		STR_ARG(e->username), STR_ARG(e->host));
	if (s->is_silent)
		return;
	bool is_known = str_eq(e->client, STR(SERVER_CLIENT)) && str_eq(e->username, STR("romeo")) &&
			str_eq(e->host, STR("im.example"));
	if (s->is_broken)
		receiver_credentials_failed(s->receiver);
	else
		receiver_tokens(s->receiver, is_known ? s->tokens : NULL);
}

static void note_grant(struct server *s, const struct receiver_grant *g)
{
	struct buf *t = &s->transcript;
	buf_printf(t, "[grant " STR_FMT, STR_ARG(g->client));
	if (g->software.n || g->device.n)
		buf_printf(t, " " STR_FMT "/" STR_FMT, STR_ARG(g->software), STR_ARG(g->device));
	if (g->used != SASL_TOKEN_SLOTS)
		buf_printf(t, " used %s", g->used == SASL_TOKEN_NEW ? "new" : "current");
	buf_printf(t, "%s", g->invalidate ? " invalidate" : "");
	if (g->token_for != SASL_MECHANISMS)
		buf_printf(t, " token for " STR_FMT, STR_ARG(sasl_mechanism_name(g->token_for)));
	for (enum digest d = 0; g->upgrade && d < DIGESTS; d++) {
		if (g->upgrade->keys[d].is_set)
			buf_printf(t, " upgrade " STR_FMT, STR_ARG(digest_name(d)));
	}
	buf_lit(t, "]");
}

static void answer_grant(struct server *s, const struct receiver_grant *g)
{
	note_grant(s, g);
	s->upgraded = g->upgrade ? *g->upgrade : (struct sasl_credentials){ 0 };
	if (s->is_silent)
		return;
	if (s->cannot_grant)
		receiver_grant_failed(s->receiver);
	else if (g->token_for != SASL_MECHANISMS && s->new_token)
		receiver_granted(s->receiver, str_from_c(s->new_token), STR(SERVER_EXPIRY));
	else
		receiver_granted(s->receiver, STR(""), STR(""));
}

/* What is wanted beside the tag. */
static void note_request(struct server *s, const struct receiver_event *e)
{
	buf_printf(&s->transcript, " inline tag=" STR_FMT " client=" STR_FMT, STR_ARG(e->bind.tag), STR_ARG(e->bind.client));
	XML_FOR_EACH_CHILD (child, e->bind.request) {
		if (!xml_is(child, NS_BIND2, STR("tag")))
			buf_printf(&s->transcript, " " STR_FMT, STR_ARG(xml_name(child)));
	}
}

static void answer_bind(struct server *s, const struct receiver_event *e, struct buf *out)
{
	struct arena *a = arena_new(256, 1 << 16);
	struct str resource = str_is_empty(e->bind.resource) ? STR("chosen") : e->bind.resource;
	const struct jid *jid;
	const char *why;
	buf_printf(&s->transcript, "[bind " STR_FMT, STR_ARG(e->bind.resource));
	if (e->bind.is_inline)
		note_request(s, e);
	buf_lit(&s->transcript, "]");
	if (e->bind.is_inline && e->bind.tag.n)
		resource = arena_printf(a, STR_FMT "/1", STR_ARG(e->bind.tag));
	if (s->bind_refusal != STANZA_OK && !s->is_silent) {
		struct stanza_error error = stanza_error_make(s->bind_refusal, NULL);
		receiver_refuse_bind(s->receiver, &error, out);
	} else if (!s->is_silent) {
		assert_int_equal(jid_with_resource(a, receiver_jid(s->receiver), resource, &jid, &why), 0);
		receiver_bind(s->receiver, jid, out);
	}
	arena_free(&a);
}

static void note_element(struct server *s, struct receiver_event *e)
{
	struct xml_dialect d = receiver_dialect(s->receiver);
	buf_lit(&s->transcript, "[element ");
	xml_write(&s->transcript, e->element, &d);
	buf_lit(&s->transcript, "]");
	arena_free(&e->arena);
}

static void handle(struct server *s, struct receiver_event *e, struct buf *out)
{
	struct buf *t = &s->transcript;
	switch (e->kind) {
	case RECEIVER_IDLE:
	case RECEIVER_WAIT: break;
	case RECEIVER_START_TLS:
		buf_lit(t, "[tls]");
		if (!s->is_silent)
			receiver_tls_started(s->receiver, &s->tls);
		break;
	case RECEIVER_FIND_CREDENTIALS: answer_find(s, e); break;
	case RECEIVER_FIND_TOKENS: answer_tokens(s, e); break;
	case RECEIVER_GRANT: answer_grant(s, e->grant); break;
	case RECEIVER_HASH: answer_hash(s, e); break;
	case RECEIVER_LOGIN_FAILED:
		buf_printf(t, "[failed " STR_FMT "]", STR_ARG(sasl_failure_name(e->failure)));
		break;
	case RECEIVER_LOGGED_IN:
		buf_printf(t, "[login " STR_FMT " " STR_FMT "]", STR_ARG(jid_full(e->jid)),
			STR_ARG(sasl_mechanism_name(e->mechanism)));
		break;
	case RECEIVER_BIND: answer_bind(s, e, out); break;
	case RECEIVER_STANZA: note_stanza(s, e); break;
	case RECEIVER_ELEMENT: note_element(s, e); break;
	case RECEIVER_CLOSED: buf_lit(t, "[closed]"); break;
	case RECEIVER_FAILED:
		assert_non_null(e->why);
		buf_printf(t, "[error " STR_FMT "]", STR_ARG(stream_condition_name(e->condition)));
		break;
	}
}

void server_go_on(struct server *s)
{
	struct receiver_event e;
	do {
		struct buf out;
		buf_init(&out, 1 << 20);
		s->last = receiver_next(s->receiver, &out, &e);
		assert_int_equal(s->last, e.kind);
		write_masked(&s->transcript, buf_str(&out));
		buf_add(&s->out, buf_str(&out));
		buf_clear(&out);
		handle(s, &e, &out);
		write_masked(&s->transcript, buf_str(&out));
		buf_add(&s->out, buf_str(&out));
		assert_false(buf_failed(&out));
		buf_fini(&out);
	} while (s->last != RECEIVER_IDLE && s->last != RECEIVER_WAIT && s->last != RECEIVER_CLOSED &&
		 s->last != RECEIVER_FAILED);
}

/* The copy goes when the receiver has said that it may. */
static void feed(struct server *s, struct str in)
{
	char *copy = mem_alloc(in.n ? in.n : 1);
	if (in.n)
		memcpy(copy, in.p, in.n);
	receiver_input(s->receiver, str_make(copy, in.n));
	server_go_on(s);
	memset(copy, '#', in.n);
	mem_free(copy);
}

void server_feed(struct server *s, struct str in)
{
	size_t n = s->piece_bytes ? s->piece_bytes : in.n;
	size_t at = 0;
	do {
		feed(s, str_first(str_from(in, at), n));
		at += n;
	} while (at < in.n);
}

void server_feed_text(struct server *s, const char *in)
{
	server_feed(s, str_from_c(in));
}

void server_clear(struct server *s)
{
	buf_clear(&s->transcript);
	buf_clear(&s->out);
}

void server_log_in(struct server *s)
{
	server_feed_text(s, CLIENT_HEADER PLAIN_AUTH CLIENT_HEADER);
	assert_int_equal(receiver_phase(s->receiver), RECEIVER_AUTHENTICATED);
	server_clear(s);
}

void server_bind(struct server *s)
{
	server_log_in(s);
	server_feed_text(s, BIND_REQUEST);
	assert_int_equal(receiver_phase(s->receiver), RECEIVER_BOUND);
	server_clear(s);
}

void server_expect(struct server *s, const char *transcript)
{
	if (!str_eq(buf_str(&s->transcript), str_from_c(transcript))) {
		/* fail_msg alone would cut them. */
		fprintf(stderr, "expected: %s\ngot:      " STR_FMT "\n", transcript, STR_ARG(buf_str(&s->transcript)));
		fail();
	}
	server_clear(s);
}
