/* The client of the tests; see client.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/stream/client.h"

#include "lib/base/mem.h"
#include "lib/stream/limits.h"
#include "lib/xml/writer.h"

#include <stdio.h>
#include <string.h>

void client_init(struct client *c, const char *jid, enum initiator_tls tls, unsigned mechanisms)
{
	const char *why;
	*c = (struct client){ 0 };
	random_seeded_init(&c->seeded, 99);
	c->random = random_seeded_source(&c->seeded);
	c->arena = arena_new(1024, 1 << 20);
	c->config = (struct initiator_config){
		.password = STR("pencil"),
		.tls = tls,
		.mechanisms = mechanisms,
		.iterations_max = 100000,
		.random = &c->random,
		.limits = &stream_limits_server,
	};
	assert_int_equal(jid_parse(c->arena, str_from_c(jid), &c->config.jid, &why), 0);
	buf_init(&c->out, 1 << 20);
	buf_init(&c->transcript, 1 << 20);
	c->initiator = initiator_new(&c->config);
	client_set_tls(c, &(struct sasl_tls){ .version = tls == INITIATOR_TLS_NONE ? 0 : 0x0304 });
}

void client_set_tls(struct client *c, const struct sasl_tls *tls)
{
	c->tls = *tls;
	if (c->config.tls == INITIATOR_TLS_DIRECT)
		initiator_tls_started(c->initiator, &c->tls);
}

void client_has_tls(struct client *c, unsigned version, unsigned bindings)
{
	struct sasl_tls tls = { .version = version };
	for (unsigned b = 0; b < SASL_BINDINGS; b++) {
		if (bindings & 1u << b) {
			tls.bindings[b].n = 32;
			memset(tls.bindings[b].bytes, (int)('a' + b), 32);
		}
	}
	client_set_tls(c, &tls);
}

void client_renew(struct client *c)
{
	initiator_free(&c->initiator);
	client_clear(c);
	c->initiator = initiator_new(&c->config);
	if (c->config.tls == INITIATOR_TLS_DIRECT)
		initiator_tls_started(c->initiator, &c->tls);
}

void client_fini(struct client *c)
{
	initiator_free(&c->initiator);
	assert_null(c->initiator);
	initiator_free(&c->initiator);
	buf_fini(&c->out);
	buf_fini(&c->transcript);
	arena_free(&c->arena);
}

static struct str dup_version(struct client *c, struct str s)
{
	return s.p ? arena_dup(c->arena, s) : s;
}

static void keep_offer(struct client *c, const struct initiator_offer *o)
{
	c->offer = *o;
	c->offer.version = dup_version(c, o->version);
	c->offer.scheme = dup_version(c, o->scheme);
}

static void note_words(struct client *c, const struct str *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i].n)
			buf_printf(&c->transcript, " " STR_FMT, STR_ARG(words[i]));
	}
}

static void note_failure(struct client *c, const struct initiator_event *e)
{
	const struct str words[] = { stream_condition_name(e->condition), sasl_failure_name(e->failure),
		e->refusal == STANZA_OK ? STR("") : stanza_condition_name(e->refusal), e->text, e->application,
		e->redirect.host, e->is_token_refused ? STR("refused") : STR("") };
	buf_lit(&c->transcript, "[failed");
	assert_non_null(e->why);
	note_words(c, words, ARRAY_LEN(words));
	if (e->redirect.port)
		buf_printf(&c->transcript, ":%u", e->redirect.port);
	buf_printf(&c->transcript, ": %s]", e->why);
}

static void note_login(struct client *c, const struct initiator_event *e)
{
	const struct initiator_login *l = &e->login;
	const struct str words[] = { sasl_mechanism_name(l->mechanism),
		l->binding == SASL_BINDINGS ? STR("") : sasl_binding_name(l->binding),
		l->offer ? l->offer->version : STR(""), e->is_token_refused ? STR("refused") : STR(""),
		l->token ? sasl_mechanism_name(l->token->mechanism) : STR(""),
		l->token ? str_make(l->token->bytes, l->token->n) : STR(""), l->expiry };
	buf_lit(&c->transcript, "[login");
	note_words(c, words, ARRAY_LEN(words));
	buf_lit(&c->transcript, "]");
	assert_true(l->is_sasl2 == (l->success != NULL));
	if (l->token)
		c->token = *l->token;
	if (l->offer)
		keep_offer(c, l->offer);
}

static void handle(struct client *c, struct initiator_event *e)
{
	struct buf *t = &c->transcript;
	struct xml_dialect d = initiator_dialect(c->initiator);
	unsigned char salted[DIGEST_BYTES_MAX];
	switch (e->kind) {
	case INITIATOR_IDLE:
	case INITIATOR_WAIT: break;
	case INITIATOR_START_TLS:
		buf_lit(t, "[tls]");
		if (!c->is_silent)
			initiator_tls_started(c->initiator, &c->tls);
		break;
	case INITIATOR_HASH:
		buf_printf(t, "[hash " STR_FMT "]", STR_ARG(digest_name(e->hash.digest)));
		if (c->is_silent)
			break;
		if (!c->hash)
			digest_pbkdf2(e->hash.digest, e->hash.password, e->hash.salt, e->hash.iterations, salted);
		initiator_hashed(c->initiator, c->hash ? c->hash : salted);
		break;
	case INITIATOR_LOGGED_IN:
		note_login(c, e);
		break;
	case INITIATOR_READY: buf_printf(t, "[ready " STR_FMT "]", STR_ARG(jid_full(e->jid))); break;
	case INITIATOR_STANZA:
		buf_add(t, e->refusal == STANZA_OK ? STR("[stanza ") : STR("[malformed "));
		stanza_write(t, e->stanza, NULL, NULL, &d);
		buf_lit(t, "]");
		stanza_unref(&e->stanza);
		break;
	case INITIATOR_ELEMENT:
		buf_lit(t, "[element ");
		xml_write(t, e->element, &d);
		buf_lit(t, "]");
		arena_free(&e->arena);
		break;
	case INITIATOR_CLOSED: buf_lit(t, "[closed]"); break;
	case INITIATOR_FAILED: note_failure(c, e); break;
	}
}

void client_go_on(struct client *c)
{
	struct initiator_event e;
	do {
		size_t before = buf_len(&c->out);
		c->last = initiator_next(c->initiator, &c->out, &e);
		assert_int_equal(c->last, e.kind);
		buf_add(&c->transcript, str_from(buf_str(&c->out), before));
		handle(c, &e);
	} while (c->last != INITIATOR_IDLE && c->last != INITIATOR_WAIT && c->last != INITIATOR_CLOSED &&
		 c->last != INITIATOR_FAILED);
}

void client_feed(struct client *c, struct str in)
{
	if (c->heard)
		buf_add(c->heard, in);
	char *copy = mem_alloc(in.n ? in.n : 1);
	if (in.n)
		memcpy(copy, in.p, in.n);
	initiator_input(c->initiator, str_make(copy, in.n));
	client_go_on(c);
	mem_free(copy);
}

void client_feed_text(struct client *c, const char *in)
{
	client_feed(c, str_from_c(in));
}

void client_clear(struct client *c)
{
	buf_clear(&c->transcript);
	buf_clear(&c->out);
}

void client_expect(struct client *c, const char *transcript)
{
	if (!str_eq(buf_str(&c->transcript), str_from_c(transcript))) {
		fprintf(stderr, "expected: %s\ngot:      " STR_FMT "\n", transcript, STR_ARG(buf_str(&c->transcript)));
		fail();
	}
	client_clear(c);
}

/* Lets both talk until neither has anything to say, in pieces of 1 to `most` bytes. */
void client_converse(struct client *c, struct server *s, size_t most, const struct random_source *random)
{
	client_go_on(c);
	while (buf_len(&c->out) || buf_len(&s->out)) {
		struct buf *from =
			buf_len(&c->out) && (!buf_len(&s->out) || random_below(random, 2)) ? &c->out : &s->out;
		char piece[4096];
		size_t n = 1 + (size_t)random_below(random, most);
		n = n < buf_len(from) ? n : buf_len(from);
		memcpy(piece, buf_str(from).p, n);
		buf_consume(from, n);
		if (from == &c->out && s->last != RECEIVER_CLOSED)
			server_feed(s, str_make(piece, n));
		if (from == &s->out && c->last != INITIATOR_CLOSED && c->last != INITIATOR_FAILED)
			client_feed(c, str_make(piece, n));
	}
}

void client_prepare_header(struct client *c)
{
	client_feed_text(c, FROM_SERVER);
	client_clear(c);
}

void client_prepare_plain(struct client *c)
{
	client_feed_text(c, FROM_SERVER MECHANISM("PLAIN"));
	client_expect(c, TO_SERVER SASL("auth", " mechanism='PLAIN'", "AHJvbWVvAHBlbmNpbA=="));
}

void client_check(const struct exchange *x, size_t count, enum initiator_tls tls, void (*prepare)(struct client *))
{
	for (size_t i = 0; i < count; i++) {
		struct client c;
		client_init(&c, "romeo@im.example/balcony", tls, ALL_MECHANISMS);
		if (prepare)
			prepare(&c);
		client_feed_text(&c, x[i].in);
		client_expect(&c, x[i].transcript);
		client_fini(&c);
	}
}
