/* The receiving side of a stream, driven by a script: what a peer sends, and when and how the questions are answered.
 *
 * An input is lines. The first says how: S, D or N (STARTTLS, direct TLS, none); `a` behind it answers all questions at
 * once and rightly. Each other line is one step, by its first byte:
 *
 *     <…   these bytes are received          "…   the bytes behind the quote are     \…   the same and a line feed
 *     t?   a piece of `pieces` below, chosen by the next byte
 *     1-9  from now on in segments of so many bytes; 0: whole
 *     k u f   the account is known, unknown; storage fails          p w   the hash is right, wrong
 *     s       the right response to the last challenge of SCRAM     T     TLS is in place
 *     b r     the resource is bound, refused                        c x   we close, with an error
 *
 * What must hold: nothing but questions is answered with waiting; no login without a known account; no stanza before a
 * resource, and none with another sender; nothing after the end; little memory; and all that is written is, by our own
 * parser, a stream, restarted where it has to be. */
#include "tests/fuzz/target.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/stream/limits.h"
#include "lib/stream/receiver.h"
#include "lib/stream/scram.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define SASL_NS           "urn:ietf:params:xml:ns:xmpp-sasl"
#define EXTRA_NS          "urn:example:extra"
#define CLIENT_FIRST_BARE "n=romeo,r=x"
#define OUTPUT_BYTES_MAX  (4u << 20)
#define HELD_BYTES_MAX    (128u << 10)

static const struct str pieces[] = {
	STR_INIT("<stream:stream to='im.example' version='1.0' xmlns='jabber:client' "
		 "xmlns:stream='http://etherx.jabber.org/streams'>"),
	STR_INIT("<?xml version='1.0'?><stream:stream to='im.example' from='romeo@im.example' xml:lang='de' "
		 "version='1.0' "
		 "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"),
	STR_INIT("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='PLAIN'>AHJvbWVvAHBlbmNpbA==</auth>"),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='PLAIN'/>"),
	STR_INIT("<response xmlns='" SASL_NS "'>AHJvbWVvAHBlbmNpbA==</response>"),
	/* n,,n=romeo,r=x */
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-256'>biwsbj1yb21lbyxyPXg=</auth>"),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-1'>biwsbj1yb21lbyxyPXg=</auth>"),
	STR_INIT("<response xmlns='" SASL_NS "'/>"),
	STR_INIT("<abort xmlns='" SASL_NS "'/>"),
	STR_INIT("<iq type='set' id='b'><bind "
		 "xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>"),
	STR_INIT("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
	STR_INIT("<presence/>"),
	STR_INIT("<message to='juliet@im.example'><body>&lt;</body></message>"),
	STR_INIT("<presence type='subscribe' to='a@b' from='romeo@im.example'/>"),
	STR_INIT("<extra xmlns='" EXTRA_NS "'/>"),
	STR_INIT("<stream:error/>"),
	STR_INIT("</stream:stream>"),
	STR_INIT(" "),
};

/* How far inputs came, for fuzz_report. */
static unsigned long logins, sessions, stanzas, ends;

/* What is written, read back. */
struct output {
	struct framer framer;
	struct buf rest; /* of an item that is not complete */
	struct str challenge; /* the last one, decoded, in the arena of the run */
	bool is_secret; /* between <proceed/> and the header behind TLS */
	bool is_closed;
};

struct run {
	struct random_seeded seeded;
	struct random_source random;
	struct arena *arena;
	struct receiver_config config;
	struct sasl_credentials romeo;
	struct receiver *receiver;
	struct output output;
	size_t segment;
	bool answers_all;
	/* The open question; IDLE is none. */
	enum receiver_event_kind question, end;
	struct {
		enum digest digest;
		struct str password, salt;
		uint32_t iterations;
	} hash;
	bool is_romeo; /* the account that was asked for */
	bool is_known; /* the account of the current handshake */
	enum receiver_phase phase;
};

static const struct xml_declaration declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
};
static const struct xml_scope scope = { declarations, ARRAY_LEN(declarations), STR_INIT("jabber:client") };

static void check_item(struct run *r, const struct frame *f, struct str item)
{
	struct output *o = &r->output;
	const struct xml_node *root;
	const struct xml_declaration *own;
	const char *why;
	size_t count;
	struct arena *a = arena_new(xml_parse_bytes(f), SIZE_MAX / 2);
	if (f->kind == FRAME_OPEN) {
		assert_always(xml_parse_open(a, item, &root, &own, &count, &why) == 0);
		assert_always(xml_is(root, NS_STREAMS, STR("stream")) && count == 2);
		assert_always(xml_attr(root, STR("id")).n >= 22 && xml_attr(root, STR("from")).p);
	} else if (f->kind == FRAME_CLOSE) {
		o->is_closed = true;
	} else {
		assert_always(xml_parse(a, item, &scope, NULL, &root, &why) == 0);
		o->is_secret = xml_is(root, NS_TLS, STR("proceed"));
		if (o->is_secret || xml_is(root, NS_SASL, STR("success")))
			framer_init(&o->framer, FRAMER_STREAM);
		struct str text = xml_text(root, a);
		if (xml_is(root, NS_SASL, STR("challenge")) && text.n) {
			char *p = arena_alloc_bytes(r->arena, text.n);
			assert_always(base64_decode(text, p, &count));
			o->challenge = str_make(p, count);
		}
	}
	arena_free(&a);
}

/* Nothing may come after the closing tag, nor in plain text after <proceed/>. */
static void check_output(struct run *r, struct str out)
{
	struct output *o = &r->output;
	struct frame f;
	buf_add(&o->rest, out);
	assert_always(!buf_failed(&o->rest));
	assert_always(!out.n || !o->is_secret);
	struct str in = buf_str(&o->rest);
	while (in.n) {
		assert_always(!o->is_closed);
		framer_feed(&o->framer, &stream_limits_server, in, &f);
		assert_always(f.kind != FRAME_ERROR && f.kind != FRAME_MORE);
		check_item(r, &f, str_first(str_from(in, f.skip), f.take));
		in = str_from(in, f.skip + f.take);
	}
	buf_clear(&o->rest);
}

static unsigned mechanisms(void *ctx, struct str host)
{
	(void)ctx;
	(void)host;
	return SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_256);
}

static bool is_host(void *ctx, struct str domain)
{
	(void)ctx;
	return str_eq(domain, STR("im.example"));
}

/* Answers. */

static void answer_credentials(struct run *r, char how)
{
	r->is_known = how == 'k' && r->is_romeo;
	if (how == 'f')
		receiver_credentials_failed(r->receiver);
	else
		receiver_credentials(r->receiver, r->is_known ? &r->romeo : NULL);
}

static void answer_hash(struct run *r, bool is_right)
{
	unsigned char salted[DIGEST_BYTES_MAX] = { 0 };
	if (is_right)
		digest_pbkdf2(r->hash.digest, r->hash.password, r->hash.salt, r->hash.iterations, salted);
	receiver_hashed(r->receiver, salted);
}

static void answer_bind(struct run *r, bool is_bound)
{
	struct buf out;
	const struct jid *jid;
	const char *why;
	struct stanza_error error = stanza_error_make(STANZA_CONFLICT, NULL);
	buf_init(&out, OUTPUT_BYTES_MAX);
	assert_always(!jid_with_resource(r->arena, receiver_jid(r->receiver), STR("r"), &jid, &why));
	if (is_bound)
		receiver_bind(r->receiver, jid, &out);
	else
		receiver_refuse_bind(r->receiver, &error, &out);
	sessions += is_bound;
	check_output(r, buf_str(&out));
	buf_fini(&out);
}

static void answer(struct run *r, char how)
{
	enum receiver_event_kind question = r->question;
	r->question = RECEIVER_IDLE;
	if (question == RECEIVER_FIND_CREDENTIALS && strchr("kuf", how)) {
		answer_credentials(r, how);
	} else if (question == RECEIVER_HASH && strchr("pw", how)) {
		answer_hash(r, how == 'p');
	} else if (question == RECEIVER_BIND && strchr("br", how)) {
		answer_bind(r, how == 'b');
	} else if (question == RECEIVER_START_TLS && how == 'T') {
		r->output.is_secret = false;
		receiver_tls_started(r->receiver, &(struct sasl_tls){ .version = 0x0304 });
	} else {
		r->question = question;
	}
}

/* Events. */

static void check_stanza(struct run *r, struct receiver_event *e)
{
	const struct jid *own = receiver_jid(r->receiver), *from = e->stanza->from;
	assert_always(receiver_phase(r->receiver) == RECEIVER_BOUND && !jid_is_bare(own));
	assert_always(str_eq(xml_attr(e->stanza->root, STR("from")), jid_full(own)) ||
		      str_eq(xml_attr(e->stanza->root, STR("from")), jid_bare(own)));
	assert_always(!from || jid_equal_bare(from, own));
	stanza_unref(&e->stanza);
	stanzas++;
}

static void handle(struct run *r, struct receiver_event *e)
{
	switch (e->kind) {
	case RECEIVER_START_TLS:
	case RECEIVER_FIND_CREDENTIALS:
	case RECEIVER_HASH:
	case RECEIVER_BIND:
		r->question = e->kind;
		r->is_romeo = str_eq(e->username, STR("romeo"));
		r->hash.digest = e->hash.digest;
		r->hash.password = e->hash.password;
		r->hash.salt = e->hash.salt;
		r->hash.iterations = e->hash.iterations;
		break;
	case RECEIVER_LOGGED_IN:
		assert_always(r->is_known && jid_is_bare(e->jid));
		assert_always(str_eq(jid_full(e->jid), STR("romeo@im.example")));
		logins++;
		break;
	case RECEIVER_STANZA: check_stanza(r, e); break;
	case RECEIVER_ELEMENT:
		assert_always(receiver_phase(r->receiver) == RECEIVER_BOUND);
		assert_always(xml_is(e->element, STR(EXTRA_NS), xml_name(e->element)));
		arena_free(&e->arena);
		break;
	default: break;
	}
}

static void check_state(struct run *r)
{
	enum receiver_phase phase = receiver_phase(r->receiver);
	assert_always(phase >= r->phase);
	r->phase = phase;
	assert_always(
		(phase >= RECEIVER_AUTHENTICATED && phase < RECEIVER_ENDED) == (receiver_jid(r->receiver) != NULL) ||
		phase == RECEIVER_ENDED);
	assert_always(receiver_bytes(r->receiver) <= HELD_BYTES_MAX);
}

/* Until the receiver needs something. */
static void go_on(struct run *r)
{
	enum receiver_event_kind kind;
	do {
		struct receiver_event e;
		struct buf out;
		buf_init(&out, OUTPUT_BYTES_MAX);
		bool was_asking = r->question != RECEIVER_IDLE;
		kind = receiver_next(r->receiver, &out, &e);
		assert_always(kind == e.kind && !buf_failed(&out));
		assert_always(!was_asking || kind == RECEIVER_WAIT || kind == RECEIVER_FAILED ||
			      kind == RECEIVER_IDLE || kind == RECEIVER_CLOSED);
		assert_always(r->end == RECEIVER_IDLE || (kind == r->end && !buf_len(&out)));
		check_output(r, buf_str(&out));
		handle(r, &e);
		buf_fini(&out);
		check_state(r);
		if (kind == RECEIVER_CLOSED || kind == RECEIVER_FAILED) {
			ends += r->end == RECEIVER_IDLE;
			assert_always(r->output.is_closed || r->output.is_secret);
			r->end = kind;
			r->question = RECEIVER_IDLE;
		}
		for (const char *how = "kpbT"; r->answers_all && r->question != RECEIVER_IDLE && *how; how++)
			answer(r, *how);
	} while (kind != RECEIVER_IDLE && kind != RECEIVER_WAIT && kind != RECEIVER_CLOSED && kind != RECEIVER_FAILED);
}

/* In segments, each of which goes when it has been looked at. */
static void receive(struct run *r, struct str in)
{
	while (in.n) {
		struct str part = str_first(in, r->segment ? r->segment : in.n);
		struct buf copy;
		buf_init(&copy, part.n);
		buf_add(&copy, part);
		receiver_input(r->receiver, buf_str(&copy));
		go_on(r);
		buf_fini(&copy);
		in = str_from(in, part.n);
	}
}

/* The proof that the account's password is known. */
static void respond(struct run *r)
{
	struct scram_server_first m;
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX], salt[256];
	struct arena *a = r->arena;
	size_t n;
	if (!scram_server_first_parse(r->output.challenge, &m) || m.salt.n > sizeof(salt) ||
		!base64_decode(m.salt, salt, &n))
		return;
	enum digest d = str_has_prefix(str_make(salt, n), STR("1")) ? DIGEST_SHA1 : DIGEST_SHA256;
	digest_pbkdf2(d, STR("pencil"), str_make(salt, n), m.iterations, salted);
	struct str without = arena_printf(a, "c=biws,r=" STR_FMT, STR_ARG(m.nonce));
	scram_prove(d, salted, scram_auth_message(a, STR(CLIENT_FIRST_BARE), r->output.challenge, without), proof,
		signature);
	struct str proof64 = base64_dup(a, str_make(proof, digest_bytes(d)));
	struct str message = base64_dup(a, arena_printf(a, STR_FMT ",p=" STR_FMT, STR_ARG(without), STR_ARG(proof64)));
	receive(r, arena_printf(a, "<response xmlns='" SASL_NS "'>" STR_FMT "</response>", STR_ARG(message)));
}

static void close_stream(struct run *r, bool is_error)
{
	struct buf out;
	buf_init(&out, OUTPUT_BYTES_MAX);
	receiver_close(r->receiver, is_error ? STREAM_CONFLICT : STREAM_OK, is_error ? "enough" : NULL, &out);
	check_output(r, buf_str(&out));
	buf_fini(&out);
	r->question = RECEIVER_IDLE;
}

static void step(struct run *r, struct str line)
{
	char how = line.n ? line.p[0] : 0;
	struct str rest = str_from(line, 1);
	if (how == '<')
		receive(r, line);
	else if (how == '"')
		receive(r, rest);
	else if (how == '\\')
		receive(r, arena_printf(r->arena, STR_FMT "\n", STR_ARG(rest)));
	else if (how == 't' && rest.n)
		receive(r, pieces[((unsigned char)rest.p[0] - 'A') % ARRAY_LEN(pieces)]);
	else if (how >= '0' && how <= '9')
		r->segment = (size_t)(how - '0');
	else if (how == 's')
		respond(r);
	else if (how == 'c' || how == 'x')
		close_stream(r, how == 'x');
	else if (how)
		answer(r, how);
	go_on(r);
}

static void set_keys(struct scram_keys *k, enum digest d, const char *salt)
{
	*k = (struct scram_keys){ .iterations = 1, .salt_n = SCRAM_SALT_BYTES };
	memcpy(k->salt, salt, SCRAM_SALT_BYTES);
	assert_always(scram_keys_derive(k, d, STR("pencil")));
}

static const struct xml_limits before = { .bytes = 2048,
	.space_bytes = 256,
	.depth = 8,
	.elements = 32,
	.attributes = 16,
	.declarations = 8,
	.name_bytes = 64,
	.uri_bytes = 256,
	.value_bytes = 1024 };
static const struct xml_limits after = { .bytes = 8192,
	.depth = 16,
	.elements = 256,
	.attributes = 32,
	.declarations = 32,
	.name_bytes = 128,
	.uri_bytes = 512,
	.value_bytes = 4096 };
static const struct str namespaces[] = { STR_INIT(EXTRA_NS) };

static void begin(struct run *r, struct str line)
{
	static const enum receiver_tls tls[] = { RECEIVER_TLS_NONE, RECEIVER_TLS_DIRECT, RECEIVER_TLS_STARTTLS };
	*r = (struct run){ .arena = arena_new(4096, SIZE_MAX / 2), .question = RECEIVER_IDLE, .end = RECEIVER_IDLE };
	random_seeded_init(&r->seeded, 1);
	r->random = random_seeded_source(&r->seeded);
	r->config = (struct receiver_config){
		.tls = tls[line.n ? (line.p[0] == 'S' ? 2 : line.p[0] == 'D') : 0],
		.random = &r->random,
		.before = &before,
		.after = &after,
		.mechanisms = mechanisms,
		.fake_salt_secret = STR("secret"),
		.fake_iterations = 1,
		.tries = 3,
		.is_host = is_host,
		.features = STR("<extra xmlns='" EXTRA_NS "'/>"),
		.element_namespaces = namespaces,
		.element_namespace_count = ARRAY_LEN(namespaces),
	};
	r->answers_all = line.n > 1 && line.p[1] == 'a';
	/* The first byte of the salt tells respond() which family it is. */
	set_keys(&r->romeo.keys[DIGEST_SHA1], DIGEST_SHA1, "1 salt of romeo.");
	set_keys(&r->romeo.keys[DIGEST_SHA256], DIGEST_SHA256, "2 salt of romeo.");
	framer_init(&r->output.framer, FRAMER_STREAM);
	buf_init(&r->output.rest, OUTPUT_BYTES_MAX);
	r->receiver = receiver_new(&r->config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run r;
	struct str in = str_make(data, n), line;
	str_cut(&in, '\n', &line);
	begin(&r, line);
	while (in.n) {
		str_cut(&in, '\n', &line);
		step(&r, line);
	}
	receiver_free(&r.receiver);
	buf_fini(&r.output.rest);
	arena_free(&r.arena);
	return 0;
}

int fuzz_report(void)
{
	printf("%lu logins, %lu sessions, %lu stanzas, %lu ends\n", logins, sessions, stanzas, ends);
	return !logins || !sessions || !stanzas || !ends;
}
