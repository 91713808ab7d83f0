/* Envelopes: what is read back is what was written, for every kind; what nobody wrote never crashes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/core/harness.h"

#include "lib/base/mem.h"
#include "lib/xmpp/ns.h"

#define BYTES_MAX (64u << 20)

static struct stanza *stanza(const char *text)
{
	return stanza_of(NULL, NULL, text);
}

/* One with everything in it. */
static struct envelope *full_envelope(enum envelope_kind kind)
{
	struct envelope *v = envelope_new(kind, 4096);
	struct multicast_target *targets = arena_zalloc(v->arena, 3 * sizeof(*targets));
	v->to = harness_jid(v->arena, "romeo@localhost/phone");
	v->target = (struct remote_handle){ 3, 0xfffffffe };
	v->source = (struct remote_handle){ 0x01020304, 7 };
	v->stanza = stanza("<message from='juliet@localhost/b' to='romeo@localhost' id='m' "
		"type='chat'><body>a&lt;b</body>"
		"<x xmlns='urn:x'><message xmlns='jabber:client'/></x></message>");
	v->refusal = stanza_error_make(STANZA_UNEXPECTED_REQUEST, "no");
	v->refusal.app_ns = STR("urn:app");
	v->refusal.app_name = STR("why");
	memcpy(v->origin.stream, "0123456789abcdef", 16);
	v->origin.number = UINT64_MAX - 1;
	targets[0].to = harness_jid(v->arena, "a@localhost");
	targets[1].to = harness_jid(v->arena, "b@localhost/x");
	targets[2].to = harness_jid(v->arena, "localhost");
	v->targets = targets;
	v->target_count = 3;
	v->owner = STR("romeo@localhost");
	v->text = STR("text");
	v->bytes = str_make("\0\377\n", 3);
	v->number = 0x0102030405060708;
	v->condition = STREAM_UNSUPPORTED_VERSION;
	v->flag = true;
	return v;
}

static void assert_str(struct str x, struct str y)
{
	assert_int_equal(x.n, y.n);
	if (x.n)
		assert_memory_equal(x.p, y.p, x.n);
}

static void assert_jid(const struct jid *x, const struct jid *y)
{
	assert_true(!x == !y);
	if (x) {
		assert_true(jid_equal(x, y));
		assert_true(x->hash == y->hash);
	}
}

static void assert_stanza(const struct stanza *x, const struct stanza *y)
{
	assert_true(!x == !y);
	if (!x)
		return;
	assert_int_equal(x->kind, y->kind);
	assert_int_equal(x->type, y->type);
	assert_str(x->id, y->id);
	assert_jid(x->to, y->to);
	assert_jid(x->from, y->from);
	assert_true(xml_equal(x->root, y->root));
}

static void assert_same(const struct envelope *x, const struct envelope *y)
{
	assert_int_equal(x->kind, y->kind);
	assert_jid(x->to, y->to);
	assert_memory_equal(&x->target, &y->target, sizeof(x->target));
	assert_memory_equal(&x->source, &y->source, sizeof(x->source));
	assert_stanza(x->stanza, y->stanza);
	assert_int_equal(x->refusal.condition, y->refusal.condition);
	assert_int_equal(x->refusal.type, y->refusal.type);
	assert_str(x->refusal.text, y->refusal.text);
	assert_str(x->refusal.app_ns, y->refusal.app_ns);
	assert_str(x->refusal.app_name, y->refusal.app_name);
	assert_memory_equal(x->origin.stream, y->origin.stream, sizeof(x->origin.stream));
	assert_true(x->origin.number == y->origin.number);
	assert_int_equal(x->target_count, y->target_count);
	for (size_t i = 0; i < x->target_count; i++)
		assert_jid(x->targets[i].to, y->targets[i].to);
	assert_str(x->owner, y->owner);
	assert_str(x->text, y->text);
	assert_str(x->bytes, y->bytes);
	assert_true(x->number == y->number);
	assert_int_equal(x->condition, y->condition);
	assert_int_equal(x->flag, y->flag);
}

/* The envelope is taken. */
static void assert_survives(struct envelope *v)
{
	struct buf b, again;
	buf_init(&b, BYTES_MAX);
	buf_init(&again, BYTES_MAX);
	envelope_encode(v, &b);
	struct envelope *read = envelope_decode(buf_str(&b));
	assert_non_null(read);
	assert_same(v, read);
	envelope_encode(read, &again);
	assert_str(buf_str(&again), buf_str(&b));
	envelope_free(&read);
	envelope_free(&v);
	buf_fini(&b);
	buf_fini(&again);
}

static void every_kind_is_read_back_as_it_was_written(void **state)
{
	(void)state;
	for (enum envelope_kind kind = 0; kind < ENVELOPE_KINDS_END; kind++)
		assert_survives(full_envelope(kind));
}

static void an_empty_one_of_every_kind_is_read_back(void **state)
{
	(void)state;
	for (enum envelope_kind kind = 0; kind < ENVELOPE_KINDS_END; kind++)
		assert_survives(envelope_new(kind, 0));
}

static void a_stanza_that_grows_when_it_is_written_is_read_back(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, BYTES_MAX);
	buf_lit(&text, "<message xmlns:a='urn:a' xmlns:b='urn:b' from='a@localhost/a' to='b@localhost' x=\"");
	for (size_t i = 0; i < 60000; i++)
		buf_add_byte(&text, '\'');
	buf_lit(&text, "\"><body>");
	for (size_t i = 0; i < 150000; i++)
		buf_add_byte(&text, '"');
	buf_lit(&text, "</body></message>");
	buf_add_byte(&text, 0);
	struct envelope *v = envelope_new(ENVELOPE_STANZA, 0);
	v->stanza = stanza(buf_str(&text).p);
	assert_survives(v);
	buf_fini(&text);
}

static void many_changes_of_namespace_are_read_back(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, BYTES_MAX);
	buf_lit(&text, "<message xmlns:a='urn:a' from='a@localhost/a' to='b@localhost'>");
	for (size_t i = 0; i < 300; i++)
		buf_lit(&text, "<a:x/>");
	buf_lit(&text, "</message>");
	buf_add_byte(&text, 0);
	struct envelope *v = envelope_new(ENVELOPE_STANZA, 0);
	v->stanza = stanza(buf_str(&text).p);
	assert_survives(v);
	buf_fini(&text);
}

static void encode(struct buf *b)
{
	struct envelope *v = full_envelope(ENVELOPE_STANZA);
	buf_init(b, BYTES_MAX);
	envelope_encode(v, b);
	envelope_free(&v);
}

/* A copy of just that size, so that a sanitizer sees every byte beyond it. */
static struct envelope *decode_copy(const char *p, size_t n)
{
	char *copy = mem_alloc(n + !n);
	memcpy(copy, p, n);
	struct envelope *v = envelope_decode(str_make(copy, n));
	mem_free(copy);
	return v;
}

static void truncated_at_any_length_it_is_none(void **state)
{
	struct buf b;
	(void)state;
	encode(&b);
	for (size_t n = 0; n < buf_len(&b); n++)
		assert_null(decode_copy(buf_str(&b).p, n));
	buf_add_byte(&b, 0);
	assert_null(decode_copy(buf_str(&b).p, buf_len(&b)));
	buf_fini(&b);
}

/* Whatever comes of it can be written again. */
static void decode_and_encode(struct str bytes)
{
	struct buf b;
	struct envelope *v = decode_copy(bytes.p, bytes.n);
	if (!v)
		return;
	buf_init(&b, BYTES_MAX);
	envelope_encode(v, &b);
	buf_fini(&b);
	envelope_free(&v);
}

static void flipped_bytes_do_no_harm(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x80, 0xff, 0x20 };
	struct buf b;
	(void)state;
	encode(&b);
	for (size_t i = 0; i < buf_len(&b); i++) {
		for (size_t f = 0; f < ARRAY_LEN(flips); f++) {
			b.p[b.start + i] ^= (char)flips[f];
			decode_and_encode(buf_str(&b));
			b.p[b.start + i] ^= (char)flips[f];
		}
	}
	buf_fini(&b);
}

static void random_bytes_do_no_harm(void **state)
{
	struct random_seeded seeded;
	char bytes[300];
	(void)state;
	random_seeded_init(&seeded, 5);
	struct random_source random = random_seeded_source(&seeded);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)random_below(&random, sizeof(bytes));
		random_fill(&random, bytes, n);
		if (n)
			bytes[0] = (char)(bytes[0] & 15);
		/* Small lengths now and then, so that some get far. */
		for (size_t i = 1; i < n; i++)
			if (random_below(&random, 3))
				bytes[i] = 0;
		decode_and_encode(str_make(bytes, n));
	}
}

/* The encoding of an envelope with this text in the place of its stanza. */
static struct envelope *with_stanza_text(const char *text)
{
	struct envelope *v = envelope_new(ENVELOPE_STANZA, 0);
	struct buf b, forged;
	size_t before = 1 + 4 + 8 + 8;
	buf_init(&b, BYTES_MAX);
	buf_init(&forged, BYTES_MAX);
	envelope_encode(v, &b);
	buf_add(&forged, str_first(buf_str(&b), before));
	size_t n = strlen(text);
	for (int i = 0; i < 4; i++)
		buf_add_byte(&forged, (char)(n >> (8 * i)));
	buf_add(&forged, str_from_c(text));
	buf_add(&forged, str_from(buf_str(&b), before + 4));
	envelope_free(&v);
	v = envelope_decode(buf_str(&forged));
	buf_fini(&b);
	buf_fini(&forged);
	return v;
}

static void a_stanza_with_a_wrong_address_travels_as_far_as_it_is_one(void **state)
{
	(void)state;
	struct envelope *v = with_stanza_text("<message xmlns='jabber:client' to='@'/>");
	assert_non_null(v);
	assert_non_null(v->stanza);
	assert_null(v->stanza->to);
	envelope_free(&v);
}

static void an_element_that_is_no_stanza_makes_it_none(void **state)
{
	static const char *const texts[] = { "<a/>", "<message/>", "<message xmlns='jabber:server'/>",
		"<starttls xmlns='jabber:client'/>", "<message xmlns='jabber:client'>", "x", "<!DOCTYPE a><a/>" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_null(with_stanza_text(texts[i]));
}

static void a_huge_one_is_none_or_fits(void **state)
{
	/* More than any of ours has. */
	struct envelope *v = envelope_new(ENVELOPE_EDGE_WRITE, 0);
	struct buf b;
	size_t n = 17u << 20;
	char *bytes = mem_zalloc(n);
	(void)state;
	buf_init(&b, BYTES_MAX);
	v->bytes = str_make(bytes, n);
	envelope_encode(v, &b);
	assert_null(envelope_decode(buf_str(&b)));
	envelope_free(&v);
	buf_fini(&b);
	mem_free(bytes);
}

static void kinds_have_names(void **state)
{
	(void)state;
	for (enum envelope_kind kind = 0; kind < ENVELOPE_KINDS_END; kind++)
		assert_true(envelope_kind_name(kind).n > 0);
	assert_str(envelope_kind_name(ENVELOPE_OUTBOX_DONE), STR("outbox-done"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read_back_as_it_was_written),
		cmocka_unit_test(an_empty_one_of_every_kind_is_read_back),
		cmocka_unit_test(a_stanza_that_grows_when_it_is_written_is_read_back),
		cmocka_unit_test(many_changes_of_namespace_are_read_back),
		cmocka_unit_test(truncated_at_any_length_it_is_none),
		cmocka_unit_test(flipped_bytes_do_no_harm),
		cmocka_unit_test(random_bytes_do_no_harm),
		cmocka_unit_test(a_stanza_with_a_wrong_address_travels_as_far_as_it_is_one),
		cmocka_unit_test(an_element_that_is_no_stanza_makes_it_none),
		cmocka_unit_test(a_huge_one_is_none_or_fits),
		cmocka_unit_test(kinds_have_names),
	};
	return cmocka_run_group_tests_name("core/envelope", tests, NULL, NULL);
}
