/* Envelopes and their encoding: all fields of all kinds in one fixed order, numbers little-endian, slices behind their length; an
 * address or a stanza is its text. What is empty costs its length only, so one coder serves every kind.
 *
 *     kind            to  target source stanza refusal origin targets owner text bytes number basis condition flag
 *     STANZA          x                 x              x
 *     MULTICAST       x                 x                      x
 *     OUTBOX          x                 x                              x                x      x               x
 *     OUTBOX_DONE     x                                                x                x                      x
 *     SESSION_OPEN    x          x                     x                     x          x
 *     SESSION_OPENED  x   x      x             x
 *     SESSION_STANZA  x   x             x      x
 *     SESSION_END     x   x                                                  x
 *     EDGE_WRITE          x                                                        x
 *     EDGE_CLOSE          x                                                  x                         x
 *     ACCOUNT_CHANGED x
 *     ACCOUNT_REMOVE  x          x
 *     SESSION_REVOKE  x          x                                           x                                   x */
#include "server/core/envelope.h"

#include <string.h>

/* What is read takes more room than its bytes: addresses, above all. */
#define ARENA_BYTES_MAX (64u << 20)
#define TARGETS_MAX 65536

struct envelope *envelope_new(enum envelope_kind kind, size_t extra_bytes)
{
	struct arena *a = arena_new(sizeof(struct envelope) + extra_bytes, ARENA_BYTES_MAX);
	struct envelope *v = arena_zalloc(a, sizeof(*v));
	v->kind = kind;
	v->arena = a;
	return v;
}

void envelope_free(struct envelope **pointer)
{
	struct envelope *v = *pointer;
	*pointer = NULL;
	if (!v)
		return;
	stanza_unref(&v->stanza);
	struct arena *a = v->arena;
	arena_free(&a);
}

struct str envelope_kind_name(enum envelope_kind kind)
{
	static const struct str names[] = {
#define X(constant, name) [ENVELOPE_##constant] = STR_INIT(name),
		ENVELOPE_KINDS(X)
#undef X
	};
	return names[kind];
}

/* Writing. */

static void put_number(struct buf *b, uint64_t n, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_add_byte(b, (char)(n >> (8 * i)));
}

static void put_slice(struct buf *b, struct str s)
{
	put_number(b, s.n, 4);
	buf_add(b, s);
}

static void put_jid(struct buf *b, const struct jid *j)
{
	put_slice(b, j ? jid_full(j) : str_make(NULL, 0));
}

static void put_handle(struct buf *b, struct remote_handle h)
{
	put_number(b, h.worker, 4);
	put_number(b, h.handle, 4);
}

static void put_stanza(struct buf *b, struct stanza *s)
{
	struct buf text;
	buf_init(&text, ENVELOPE_BYTES_MAX);
	if (s)
		stanza_write_stored(&text, s);
	put_slice(b, buf_str(&text));
	buf_fini(&text);
}

static void put_refusal(struct buf *b, const struct stanza_error *e)
{
	put_number(b, e->condition, 1);
	put_number(b, e->type, 1);
	put_slice(b, e->text);
	put_slice(b, e->app_ns);
	put_slice(b, e->app_name);
}

void envelope_encode(const struct envelope *v, struct buf *b)
{
	put_number(b, v->kind, 1);
	put_jid(b, v->to);
	put_handle(b, v->target);
	put_handle(b, v->source);
	put_stanza(b, v->stanza);
	put_refusal(b, &v->refusal);
	buf_add(b, str_make(v->origin.stream, sizeof(v->origin.stream)));
	put_number(b, v->origin.number, 8);
	put_number(b, v->target_count, 4);
	for (size_t i = 0; i < v->target_count; i++)
		put_jid(b, v->targets[i].to);
	put_slice(b, v->owner);
	put_slice(b, v->text);
	put_slice(b, v->bytes);
	put_number(b, v->number, 8);
	put_number(b, v->basis, 8);
	put_number(b, v->condition, 1);
	put_number(b, v->flag, 1);
}

/* Reading: sticky; a reader that has failed reads zeros. */

struct reader {
	struct str rest;
	struct arena *arena;
	bool failed;
};

static struct str take(struct reader *r, size_t n)
{
	if (n > r->rest.n)
		r->failed = true;
	if (r->failed)
		return str_make(NULL, 0);
	struct str s = str_first(r->rest, n);
	r->rest = str_from(r->rest, n);
	return s;
}

static uint64_t take_number(struct reader *r, size_t bytes)
{
	struct str s = take(r, bytes);
	uint64_t n = 0;
	for (size_t i = s.n; i > 0; i--)
		n = n << 8 | (unsigned char)s.p[i - 1];
	return n;
}

static struct str take_slice(struct reader *r)
{
	return arena_dup(r->arena, take(r, (size_t)take_number(r, 4)));
}

static const struct jid *take_jid(struct reader *r)
{
	struct str s = take(r, (size_t)take_number(r, 4));
	const struct jid *j = NULL;
	const char *why;
	if (s.n && jid_parse(r->arena, s, &j, &why) != 0)
		r->failed = true;
	return j;
}

static struct remote_handle take_handle(struct reader *r)
{
	struct remote_handle h;
	h.worker = (uint32_t)take_number(r, 4);
	h.handle = (uint32_t)take_number(r, 4);
	return h;
}

static struct stanza *take_stanza(struct reader *r)
{
	struct str s = take(r, (size_t)take_number(r, 4));
	enum stanza_condition condition; /* one that is refused travels too, with its refusal beside it */
	struct stanza *stanza = s.n ? stanza_parse_stored(s, &condition) : NULL;
	if (s.n && !stanza)
		r->failed = true;
	return stanza;
}

static struct stanza_error take_refusal(struct reader *r)
{
	struct stanza_error e = { 0 };
	e.condition = (enum stanza_condition)take_number(r, 1);
	e.type = (enum stanza_error_type)take_number(r, 1);
	e.text = take_slice(r);
	e.app_ns = take_slice(r);
	e.app_name = take_slice(r);
	if (e.condition > STANZA_UNEXPECTED_REQUEST || e.type > STANZA_ERROR_WAIT)
		r->failed = true;
	return e;
}

static void take_targets(struct reader *r, struct envelope *v)
{
	uint64_t count = take_number(r, 4);
	if (count > TARGETS_MAX || count * 4 > r->rest.n) {
		r->failed = r->failed || count > 0;
		return;
	}
	struct multicast_target *targets = arena_zalloc(r->arena, (size_t)count * sizeof(*targets) + 1);
	for (size_t i = 0; i < count; i++) {
		targets[i].to = take_jid(r);
		r->failed |= !targets[i].to;
	}
	v->targets = targets;
	v->target_count = (size_t)count;
}

struct envelope *envelope_decode(struct str bytes)
{
	struct reader r = { .rest = bytes };
	uint64_t kind = take_number(&r, 1);
	if (r.failed || kind >= ENVELOPE_KINDS_END || bytes.n > ENVELOPE_BYTES_MAX)
		return NULL;
	struct envelope *v = envelope_new((enum envelope_kind)kind, bytes.n + 1024);
	r.arena = v->arena;
	v->to = take_jid(&r);
	v->target = take_handle(&r);
	v->source = take_handle(&r);
	v->stanza = take_stanza(&r);
	v->refusal = take_refusal(&r);
	struct str stream = take(&r, sizeof(v->origin.stream));
	if (stream.n)
		memcpy(v->origin.stream, stream.p, stream.n);
	v->origin.number = take_number(&r, 8);
	take_targets(&r, v);
	v->owner = take_slice(&r);
	v->text = take_slice(&r);
	v->bytes = take_slice(&r);
	v->number = take_number(&r, 8);
	v->basis = take_number(&r, 8);
	v->condition = (enum stream_condition)take_number(&r, 1);
	v->flag = take_number(&r, 1) != 0;
	if (r.failed || r.rest.n || v->condition > STREAM_UNSUPPORTED_VERSION)
		envelope_free(&v);
	return v;
}
