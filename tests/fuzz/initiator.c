/* The initiating side of a stream, driven by a script: what a server sends, and when what.
 *
 * An input is lines. The first says how: S, D or N (STARTTLS, direct TLS, none), then letters of what the client may
 * use: p PLAIN, 1 and 2 SCRAM with SHA-1 and SHA-256; `a` answers its questions at once. Each other line is one step,
 * by its first byte:
 *
 *     <…   these bytes are received          "…   the bytes behind the quote are
 *     t?   a piece of `pieces` below, chosen by the next byte
 *     1-9  from now on in segments of so many bytes; 0: whole
 *     h    what was hashed is right          w    it is wrong        T    TLS is in place
 *     c    a challenge that continues the nonce that was sent        v    success with the right signature
 *     V    the signature as a challenge      e    we close
 *
 * What must hold: no login without the signature that only who knows the password can make (but for PLAIN); no password
 * before TLS where that is wanted; no session before a login, no stanza before a session, nothing after the end; and
 * all that is written is, by our own parser, a stream, restarted where it has to be. */
#include "tests/fuzz/target.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/stream/initiator.h"
#include "lib/stream/limits.h"
#include "lib/stream/scram.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define SASL_NS          "urn:ietf:params:xml:ns:xmpp-sasl"
#define PASSWORD         STR("pencil")
#define ITERATIONS       4096
#define SALT             "sixteen of bytes"
#define OUTPUT_BYTES_MAX (4u << 20)

static const struct str pieces[] = {
	STR_INIT("<?xml version='1.0'?><stream:stream from='im.example' id='1' version='1.0' xmlns='jabber:client' "
		 "xmlns:stream='http://etherx.jabber.org/streams'>"),
	STR_INIT("<stream:features><starttls "
		 "xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"),
	STR_INIT("<stream:features><mechanisms xmlns='" SASL_NS "'><mechanism>SCRAM-SHA-1</mechanism>"
		 "<mechanism>SCRAM-SHA-256</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>"),
	STR_INIT("<stream:features><mechanisms xmlns='" SASL_NS
		 "'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"),
	STR_INIT("<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"),
	STR_INIT("<stream:features/>"),
	STR_INIT("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
	STR_INIT("<success xmlns='" SASL_NS "'/>"),
	STR_INIT("<success xmlns='" SASL_NS "'>dj1jMmxuYm1GMGRYSmw=</success>"),
	STR_INIT("<challenge xmlns='" SASL_NS "'/>"),
	STR_INIT("<failure xmlns='" SASL_NS "'><not-authorized/><text>no</text></failure>"),
	STR_INIT("<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
		 "<jid>romeo@im.example/r</jid></bind></iq>"),
	STR_INIT("<iq type='error' id='bind'><error type='cancel'><conflict "
		 "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"),
	STR_INIT("<message from='juliet@im.example'><body>&lt;</body></message>"),
	STR_INIT("<presence/>"),
	STR_INIT("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
	STR_INIT("</stream:stream>"),
	STR_INIT(" "),
};

/* How far inputs came, for fuzz_report. */
static unsigned long logins, sessions, stanzas, ends;

struct run {
	struct random_seeded seeded;
	struct random_source random;
	struct arena *arena;
	struct initiator_config config;
	struct initiator *initiator;
	struct framer framer;
	struct buf rest; /* of what was written: an item that is not complete */
	bool is_secret, is_closed, has_tls, is_signed, is_plain, is_ready, has_login;
	size_t segment;
	bool answers_all;
	enum initiator_event_kind question, end;
	enum digest digest;
	struct str first_bare, challenge; /* of SCRAM, as they were sent */
};

static const struct xml_declaration declarations[] = {
	{ STR_INIT(""), STR_INIT("jabber:client") },
	{ STR_INIT("stream"), STR_INIT("http://etherx.jabber.org/streams") },
};
static const struct xml_scope scope = { declarations, ARRAY_LEN(declarations), STR_INIT("jabber:client") };

static struct str decoded(struct run *r, struct str text)
{
	size_t n;
	char *p = arena_alloc_bytes(r->arena, text.n + 1);
	assert_always(base64_decode(text, p, &n));
	return str_make(p, n);
}

static void check_auth(struct run *r, const struct xml_node *auth, struct arena *a)
{
	struct str name = xml_attr(auth, STR("mechanism"));
	struct str data = decoded(r, xml_text(auth, a));
	assert_always(r->has_tls || r->config.tls == INITIATOR_TLS_NONE);
	r->is_plain = str_eq(name, STR("PLAIN"));
	r->is_signed = false;
	if (r->is_plain)
		return;
	assert_always(str_has_prefix(data, STR("n,,")));
	r->digest = str_eq(name, STR("SCRAM-SHA-1")) ? DIGEST_SHA1 : DIGEST_SHA256;
	r->first_bare = str_from(data, 3);
	r->challenge = STR("");
}

static void check_item(struct run *r, const struct frame *f, struct str item)
{
	const struct xml_node *root;
	const struct xml_declaration *own;
	const char *why;
	size_t count;
	struct arena *a = arena_new(xml_parse_bytes(f), SIZE_MAX / 2);
	if (f->kind == FRAME_OPEN) {
		assert_always(xml_parse_open(a, item, &root, &own, &count, &why) == 0);
		assert_always(xml_is(root, NS_STREAMS, STR("stream")) && xml_attr(root, STR("to")).n);
	} else if (f->kind == FRAME_CLOSE) {
		r->is_closed = true;
	} else {
		assert_always(xml_parse(a, item, &scope, NULL, &root, &why) == 0);
		if (xml_is(root, NS_SASL, STR("auth")))
			check_auth(r, root, a);
	}
	arena_free(&a);
}

static void check_output(struct run *r, struct str out)
{
	struct frame f;
	buf_add(&r->rest, out);
	assert_always(!buf_failed(&r->rest) && (!out.n || !r->is_secret));
	struct str in = buf_str(&r->rest);
	while (in.n) {
		assert_always(!r->is_closed);
		framer_feed(&r->framer, &stream_limits_server, in, &f);
		/* A new header begins a new stream. */
		if (f.kind == FRAME_ERROR && str_has_prefix(in, STR("<?xml"))) {
			framer_init(&r->framer, FRAMER_STREAM);
			continue;
		}
		assert_always(f.kind != FRAME_ERROR && f.kind != FRAME_MORE);
		check_item(r, &f, str_first(str_from(in, f.skip), f.take));
		in = str_from(in, f.skip + f.take);
	}
	buf_clear(&r->rest);
}

static void salted_password(const struct run *r, bool is_right, unsigned char *salted)
{
	memset(salted, 0, DIGEST_BYTES_MAX);
	/* Once: fuzzing is no place for thousands of rounds. What matters is that both sides have the same. */
	if (is_right)
		digest_pbkdf2(r->digest, PASSWORD, STR(SALT), 1, salted);
}

static void answer(struct run *r, char how)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	enum initiator_event_kind question = r->question;
	if (question == INITIATOR_HASH && (how == 'h' || how == 'w')) {
		r->question = INITIATOR_IDLE;
		salted_password(r, how == 'h', salted);
		initiator_hashed(r->initiator, salted);
	} else if (question == INITIATOR_START_TLS && how == 'T') {
		r->question = INITIATOR_IDLE;
		r->is_secret = false;
		r->has_tls = true;
		framer_init(&r->framer, FRAMER_STREAM);
		initiator_tls_started(r->initiator, &(struct sasl_tls){ .version = 0x0304 });
	}
}

static void handle(struct run *r, struct initiator_event *e)
{
	switch (e->kind) {
	case INITIATOR_START_TLS:
		assert_always(r->config.tls == INITIATOR_TLS_STARTTLS && !r->has_tls);
		r->is_secret = true;
		r->question = e->kind;
		break;
	case INITIATOR_HASH:
		assert_always(e->hash.iterations == ITERATIONS || r->challenge.n == 0);
		r->question = e->kind;
		break;
	case INITIATOR_LOGGED_IN:
		assert_always((r->is_plain || r->is_signed) && !r->has_login);
		r->has_login = true;
		framer_init(&r->framer, FRAMER_STREAM);
		logins++;
		break;
	case INITIATOR_READY:
		assert_always(r->has_login && !r->is_ready && jid_resource(e->jid).n);
		r->is_ready = true;
		sessions++;
		break;
	case INITIATOR_STANZA:
		assert_always(r->is_ready);
		stanza_unref(&e->stanza);
		stanzas++;
		break;
	case INITIATOR_ELEMENT:
		assert_always(r->is_ready);
		arena_free(&e->arena);
		break;
	case INITIATOR_FAILED: assert_always(e->why); break;
	default: break;
	}
}

/* Until it needs something. */
static void go_on(struct run *r)
{
	enum initiator_event_kind kind;
	do {
		struct initiator_event e;
		struct buf out;
		buf_init(&out, OUTPUT_BYTES_MAX);
		kind = initiator_next(r->initiator, &out, &e);
		assert_always(kind == e.kind && !buf_failed(&out));
		assert_always(r->end == INITIATOR_IDLE || (kind == r->end && !buf_len(&out)));
		/* What was written before an event belongs to the stream before it. */
		check_output(r, buf_str(&out));
		handle(r, &e);
		buf_fini(&out);
		if ((kind == INITIATOR_CLOSED || kind == INITIATOR_FAILED) && r->end == INITIATOR_IDLE) {
			ends++;
			r->end = kind;
			r->question = INITIATOR_IDLE;
		}
		if (r->answers_all) {
			answer(r, 'h');
			answer(r, 'T');
		}
	} while (kind != INITIATOR_IDLE && kind != INITIATOR_WAIT && kind != INITIATOR_CLOSED &&
		 kind != INITIATOR_FAILED);
}

/* In segments, each of which goes when it has been looked at. */
static void receive(struct run *r, struct str in)
{
	while (in.n) {
		struct str part = str_first(in, r->segment ? r->segment : in.n);
		struct buf copy;
		buf_init(&copy, part.n);
		buf_add(&copy, part);
		initiator_input(r->initiator, buf_str(&copy));
		go_on(r);
		buf_fini(&copy);
		in = str_from(in, part.n);
	}
}

/* What a server that knows the account says. */

static void challenge(struct run *r)
{
	struct str nonce = r->first_bare;
	size_t at = str_index(nonce, ',');
	nonce = str_from(nonce, at + 3);
	r->challenge = arena_printf(r->arena, "r=" STR_FMT "more,s=" STR_FMT ",i=%d", STR_ARG(nonce),
		STR_ARG(base64_dup(r->arena, STR(SALT))), ITERATIONS);
	receive(r, arena_printf(r->arena, "<challenge xmlns='" SASL_NS "'>" STR_FMT "</challenge>",
			   STR_ARG(base64_dup(r->arena, r->challenge))));
}

static void sign(struct run *r, const char *element)
{
	struct scram_server_first m;
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX];
	struct arena *a = r->arena;
	if (!scram_server_first_parse(r->challenge, &m))
		return;
	salted_password(r, true, salted);
	struct str without = arena_printf(a, "c=biws,r=" STR_FMT, STR_ARG(m.nonce));
	scram_prove(r->digest, salted, scram_auth_message(a, r->first_bare, r->challenge, without), proof, signature);
	struct str text =
		arena_printf(a, "v=" STR_FMT, STR_ARG(base64_dup(a, str_make(signature, digest_bytes(r->digest)))));
	r->is_signed = true;
	receive(r, arena_printf(a, "<%s xmlns='" SASL_NS "'>" STR_FMT "</%s>", element, STR_ARG(base64_dup(a, text)),
			   element));
}

static void close_stream(struct run *r)
{
	struct buf out;
	buf_init(&out, OUTPUT_BYTES_MAX);
	initiator_close(r->initiator, &out);
	check_output(r, buf_str(&out));
	buf_fini(&out);
}

static void step(struct run *r, struct str line)
{
	char how = line.n ? line.p[0] : 0;
	struct str rest = str_from(line, 1);
	if (how == '<')
		receive(r, line);
	else if (how == '"')
		receive(r, rest);
	else if (how == 't' && rest.n)
		receive(r, pieces[((unsigned char)rest.p[0] - 'A') % ARRAY_LEN(pieces)]);
	else if (how >= '0' && how <= '9')
		r->segment = (size_t)(how - '0');
	else if (how == 'c' && r->first_bare.n)
		challenge(r);
	else if (how == 'v' || how == 'V')
		sign(r, how == 'v' ? "success" : "challenge");
	else if (how == 'e')
		close_stream(r);
	else if (how)
		answer(r, how);
	go_on(r);
}

static bool has(struct str line, char c)
{
	return str_index(line, c) < line.n;
}

static void begin(struct run *r, struct str line)
{
	const char *why;
	*r = (struct run){ .arena = arena_new(4096, SIZE_MAX / 2), .question = INITIATOR_IDLE, .end = INITIATOR_IDLE };
	random_seeded_init(&r->seeded, 1);
	r->random = random_seeded_source(&r->seeded);
	r->config = (struct initiator_config){
		.sasl2 = INITIATOR_SASL2_NEVER,
		.password = PASSWORD,
		.tls = has(line, 'S')   ? INITIATOR_TLS_STARTTLS
		       : has(line, 'D') ? INITIATOR_TLS_DIRECT
					: INITIATOR_TLS_NONE,
		.mechanisms = (has(line, 'p') ? SASL_BIT(SASL_PLAIN) : 0) |
			      (has(line, '1') ? SASL_BIT(SASL_SCRAM_SHA_1) : 0) |
			      (has(line, '2') ? SASL_BIT(SASL_SCRAM_SHA_256) : 0),
		.iterations_max = ITERATIONS,
		.random = &r->random,
		.limits = &stream_limits_server,
	};
	assert_always(!jid_parse(r->arena, STR("romeo@im.example/r"), &r->config.jid, &why));
	r->has_tls = r->config.tls == INITIATOR_TLS_DIRECT;
	r->answers_all = has(line, 'a');
	framer_init(&r->framer, FRAMER_STREAM);
	buf_init(&r->rest, OUTPUT_BYTES_MAX);
	r->initiator = initiator_new(&r->config);
	go_on(r);
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
	initiator_free(&r.initiator);
	buf_fini(&r.rest);
	arena_free(&r.arena);
	return 0;
}

int fuzz_report(void)
{
	printf("%lu logins, %lu sessions, %lu stanzas, %lu ends\n", logins, sessions, stanzas, ends);
	return !logins || !sessions || !stanzas || !ends;
}
