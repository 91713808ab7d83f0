/* The initiating side of a stream, driven by a script: what a server sends, and when what.
 *
 * An input is lines. The first says how: S, D or N (STARTTLS, direct TLS, none), then letters of what the client may
 * use: p PLAIN, 1, 2 and 5 SCRAM with SHA-1, -256 and -512, e EXTERNAL, o ANONYMOUS; b TLS has tls-exporter; 3 SASL2, r nothing else;
 * with it i a resource, t a token (q: which ends), w a new one, u new keys, k what the last stream offered; `a` answers its questions
 * at once. Each other line is one step, by its first byte:
 *
 *     <…   these bytes are received          "…   the bytes behind the quote are
 *     t?   a piece of `pieces` below, chosen by the next byte
 *     1-9  from now on in segments of so many bytes; 0: whole
 *     h    what was hashed is right          w    it is wrong        T    TLS is in place
 *     c    a challenge that continues the nonce that was sent        v    success with the right signature, or hash of the token
 *     V    the signature as a challenge      C    with a task        e    we close
 *
 * What must hold: no login without the signature that only who knows the password can make, or the hash of who knows the token (but
 * where the mechanism has none); no mechanism that was not allowed; no password before TLS where that is wanted, and no new keys for
 * who has not proved anything; no session before a login, no stanza before a session, nothing after the end; and all that is written
 * is, by our own parser, a stream, restarted where it has to be. */
#include "tests/fuzz/target.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/stream/ht.h"
#include "lib/stream/initiator.h"
#include "lib/stream/limits.h"
#include "lib/stream/scram.h"
#include "lib/xml/parser.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define SASL_NS          "urn:ietf:params:xml:ns:xmpp-sasl"
#define SASL2_NS         "urn:xmpp:sasl:2"
#define TOKEN            "a token"
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
	STR_INIT("<stream:features><authentication xmlns='" SASL2_NS "'><mechanism>SCRAM-SHA-512</mechanism>"
		 "<mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism>"
		 "<mechanism>PLAIN</mechanism><mechanism>EXTERNAL</mechanism><mechanism>ANONYMOUS</mechanism>"
		 "<inline><bind xmlns='urn:xmpp:bind:0'/><fast xmlns='urn:xmpp:fast:0'>"
		 "<mechanism>HT-SHA-256-NONE</mechanism></fast></inline>"
		 "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>"
		 "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade></authentication>"
		 "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>"
		 "<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='1'/></stream:features>"),
	STR_INIT("<stream:features><authentication xmlns='" SASL2_NS "'><mechanism>PLAIN</mechanism></authentication>"
		 "</stream:features>"),
	STR_INIT("<stream:features><mechanisms xmlns='" SASL_NS "'><mechanism>EXTERNAL</mechanism>"
		 "<mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>ANONYMOUS</mechanism></mechanisms>"
		 "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>"
		 "</stream:features>"),
	STR_INIT("<success xmlns='" SASL2_NS "'><authorization-identifier>romeo@im.example/r</authorization-identifier>"
		 "<bound xmlns='urn:xmpp:bind:0'/><token xmlns='urn:xmpp:fast:0' token='b token' "
		 "expiry='2027-01-02T03:04:05Z'/></success>"),
	STR_INIT("<success xmlns='" SASL2_NS "'><additional-data>dj1jMmxuYm1GMGRYSmw=</additional-data>"
		 "<authorization-identifier>romeo@im.example</authorization-identifier></success>"),
	STR_INIT("<failure xmlns='" SASL2_NS "'><not-authorized xmlns='" SASL_NS "'/><text>no</text></failure>"),
	STR_INIT("<challenge xmlns='" SASL2_NS "'/>"),
	STR_INIT("<continue xmlns='" SASL2_NS "'><tasks><task>UPGR-SCRAM-SHA-512</task></tasks></continue>"),
	STR_INIT("<task-data xmlns='" SASL2_NS "'><salt xmlns='urn:xmpp:scram-upgrade:0' iterations='4096'>c2FsdA==</salt>"
		 "</task-data>"),
	STR_INIT("<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[::1]:5</see-other-host>"
		 "</stream:error>"),
};

/* How far inputs came, for fuzz_report. */
static unsigned long logins, token_logins, bound_logins, keys, sessions, stanzas, ends;

struct run {
	struct random_seeded seeded;
	struct random_source random;
	struct arena *arena;
	struct initiator_config config;
	struct initiator *initiator;
	struct framer framer;
	struct buf rest; /* of what was written: an item that is not complete */
	bool is_secret, is_closed, has_tls, is_signed, is_sasl2, is_ready, has_login;
	enum sasl_mechanism mechanism; /* of the last try */
	struct sasl_tls tls;
	struct sasl_token token;
	struct initiator_offer known;
	size_t segment;
	bool answers_all;
	enum initiator_event_kind question, end;
	enum digest digest, hash_digest;
	struct str first_bare, challenge, without_proof; /* of SCRAM, as they were sent */
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

static bool is_scram(const struct run *r)
{
	return SASL_SCRAM_BITS & SASL_BIT(r->mechanism);
}

static bool is_token(const struct run *r)
{
	return SASL_TOKEN_BITS & SASL_BIT(r->mechanism);
}

static bool is_bound(const struct run *r)
{
	return SASL_PLUS_BITS & SASL_BIT(r->mechanism);
}

/* <auth/>, or <authenticate/>. */
static void check_auth(struct run *r, const struct xml_node *auth, struct arena *a)
{
	r->is_sasl2 = xml_is(auth, NS_SASL2, STR("authenticate"));
	const struct xml_node *initial = r->is_sasl2 ? xml_child(auth, NS_SASL2, STR("initial-response")) : auth;
	struct str text = initial ? xml_text(initial, a) : STR(""), data = decoded(r, str_eq(text, STR("=")) ? STR("") : text);
	assert_always(r->has_tls || (r->config.tls == INITIATOR_TLS_NONE && !r->is_sasl2));
	assert_always(sasl_mechanism_parse(xml_attr(auth, STR("mechanism")), &r->mechanism));
	assert_always(SASL_BIT(r->mechanism) & r->config.mechanisms ||
		      (is_token(r) && r->config.token && r->is_sasl2 && r->mechanism == r->token.mechanism));
	r->is_signed = false;
	r->first_bare = r->challenge = STR("");
	if (!is_scram(r))
		return;
	assert_always(is_bound(r) ? str_has_prefix(data, STR("p=tls-exporter,,"))
				  : str_has_prefix(data, STR("n,,")) || str_has_prefix(data, STR("y,,")));
	r->digest = scram_digest(r->mechanism);
	r->first_bare = str_from(data, is_bound(r) ? 16 : 3);
}

static void check_response(struct run *r, struct str message)
{
	struct scram_client_final m;
	r->without_proof = STR("");
	if (is_scram(r) && scram_client_final_parse(message, &m))
		r->without_proof = m.without_proof;
}

static void check_element(struct run *r, const struct xml_node *root, struct arena *a)
{
	struct str name = xml_name(root);
	if (xml_is(root, NS_SASL, STR("auth")) || xml_is(root, NS_SASL2, STR("authenticate"))) {
		check_auth(r, root, a);
	} else if (str_eq(name, STR("response"))) {
		check_response(r, decoded(r, xml_text(root, a)));
	} else if (xml_is(root, NS_SASL2, STR("task-data"))) {
		assert_always(r->is_signed && is_scram(r));
		keys++;
	}
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
		check_element(r, root, a);
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

static void salted_password(enum digest d, bool is_right, unsigned char *salted)
{
	memset(salted, 0, DIGEST_BYTES_MAX);
	/* Once: fuzzing is no place for thousands of rounds. What matters is that both sides have the same. */
	if (is_right)
		digest_pbkdf2(d, PASSWORD, STR(SALT), 1, salted);
}

static void answer(struct run *r, char how)
{
	unsigned char salted[DIGEST_BYTES_MAX];
	enum initiator_event_kind question = r->question;
	if (question == INITIATOR_HASH && (how == 'h' || how == 'w')) {
		r->question = INITIATOR_IDLE;
		salted_password(r->hash_digest, how == 'h', salted);
		initiator_hashed(r->initiator, salted);
	} else if (question == INITIATOR_START_TLS && how == 'T') {
		r->question = INITIATOR_IDLE;
		r->is_secret = false;
		r->has_tls = true;
		framer_init(&r->framer, FRAMER_STREAM);
		initiator_tls_started(r->initiator, &r->tls);
	}
}

static void check_login(struct run *r, const struct initiator_login *l)
{
	assert_always(r->is_signed || !(is_scram(r) || is_token(r)));
	assert_always(!r->has_login && l->mechanism == r->mechanism && l->is_sasl2 == r->is_sasl2);
	assert_always(is_bound(r) == (l->binding == SASL_TLS_EXPORTER) && (is_bound(r) || l->binding == SASL_BINDINGS));
	r->has_login = true;
	if (!r->is_sasl2)
		framer_init(&r->framer, FRAMER_STREAM);
	logins++;
	token_logins += is_token(r);
	bound_logins += is_bound(r);
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
		assert_always(e->hash.iterations > 0 && e->hash.iterations <= ITERATIONS);
		r->question = e->kind;
		r->hash_digest = e->hash.digest;
		break;
	case INITIATOR_LOGGED_IN:
		check_login(r, &e->login);
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

static const char *ns_of(const struct run *r)
{
	return r->is_sasl2 ? SASL2_NS : SASL_NS;
}

static void challenge(struct run *r)
{
	struct scram_client_first first;
	if (!scram_client_first_parse(arena_printf(r->arena, "n,," STR_FMT, STR_ARG(r->first_bare)), &first))
		return;
	r->challenge = arena_printf(r->arena, "r=" STR_FMT "more,s=" STR_FMT ",i=%d", STR_ARG(first.nonce),
		STR_ARG(base64_dup(r->arena, STR(SALT))), ITERATIONS);
	receive(r, arena_printf(r->arena, "<challenge xmlns='%s'>" STR_FMT "</challenge>", ns_of(r),
			   STR_ARG(base64_dup(r->arena, r->challenge))));
}

/* What only who has the keys, or the token, can say; n 0: this is not the time. */
static struct str signature_of(struct run *r)
{
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX];
	struct arena *a = r->arena;
	if (is_token(r)) {
		ht_responder_hash(STR(TOKEN), NULL, signature);
		return arena_dup(a, str_make(signature, HT_HASH_BYTES));
	}
	if (!is_scram(r) || !r->challenge.n || !r->without_proof.n)
		return STR("");
	salted_password(r->digest, true, salted);
	struct str about = scram_auth_message(a, r->first_bare, r->challenge, r->without_proof);
	scram_prove(r->digest, salted, about, proof, signature);
	return arena_printf(a, "v=" STR_FMT, STR_ARG(base64_dup(a, str_make(signature, digest_bytes(r->digest)))));
}

static void sign(struct run *r, char how)
{
	struct arena *a = r->arena;
	struct str text = signature_of(r);
	if (!text.n)
		return;
	r->is_signed = true;
	text = base64_dup(a, text);
	if (how == 'V')
		text = arena_printf(a, "<challenge xmlns='%s'>" STR_FMT "</challenge>", ns_of(r), STR_ARG(text));
	else if (how == 'C')
		text = arena_printf(a,
			"<continue xmlns='" SASL2_NS "'><additional-data>" STR_FMT "</additional-data><tasks>"
			"<task>UPGR-SCRAM-SHA-512</task></tasks></continue>", STR_ARG(text));
	else if (r->is_sasl2)
		text = arena_printf(a,
			"<success xmlns='" SASL2_NS "'><additional-data>" STR_FMT "</additional-data><authorization-identifier>"
			"romeo@im.example/r</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>", STR_ARG(text));
	else
		text = arena_printf(a, "<success xmlns='" SASL_NS "'>" STR_FMT "</success>", STR_ARG(text));
	receive(r, text);
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
	else if (how == 'v' || how == 'V' || how == 'C')
		sign(r, how);
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

static unsigned mechanisms(struct str line)
{
	static const struct {
		char letter;
		unsigned mask;
	} all[] = {
		{ 'p', SASL_BIT(SASL_PLAIN) },
		{ '1', SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_SCRAM_SHA_1_PLUS) },
		{ '2', SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) },
		{ '5', SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_512_PLUS) },
		{ 'e', SASL_BIT(SASL_EXTERNAL) },
		{ 'o', SASL_BIT(SASL_ANONYMOUS) },
	};
	unsigned mask = 0;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		mask |= has(line, all[i].letter) ? all[i].mask : 0;
	return mask;
}

static void configure(struct run *r, struct str line)
{
	const char *why;
	r->config = (struct initiator_config){
		.sasl2 = has(line, 'r')   ? INITIATOR_SASL2_REQUIRED
			 : has(line, '3') ? INITIATOR_SASL2_PREFERRED
					  : INITIATOR_SASL2_NEVER,
		.password = PASSWORD,
		.tls = has(line, 'S')   ? INITIATOR_TLS_STARTTLS
		       : has(line, 'D') ? INITIATOR_TLS_DIRECT
					: INITIATOR_TLS_NONE,
		.mechanisms = mechanisms(line),
		.bindings = 1u << SASL_TLS_EXPORTER,
		.iterations_max = ITERATIONS,
		.random = &r->random,
		.limits = &stream_limits_server,
		.client = STR("d4565fa7-4d72-4749-b3d3-740edbf87770"),
		.software = STR("S"),
		.binds = has(line, 'i'),
		.tag = STR("phone"),
		.wanted_tokens = has(line, 'w') ? SASL_TOKEN_BITS : 0,
		.token = has(line, 't') ? &r->token : NULL,
		.invalidates = has(line, 'q'),
		.upgrades = has(line, 'u') ? SASL_BIT(SASL_SCRAM_SHA_256) | SASL_BIT(SASL_SCRAM_SHA_512) : 0,
		.known = has(line, 'k') ? &r->known : NULL,
	};
	assert_always(!jid_parse(r->arena, STR("romeo@im.example/r"), &r->config.jid, &why));
}

/* What the first of the features of SASL2 in `pieces` offer. */
static void remember(struct run *r)
{
	unsigned plain = SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_256);
	r->known = (struct initiator_offer){ .version = STR("1"), .scheme = STR("opaque"),
		.mechanisms = plain | SASL_BIT(SASL_SCRAM_SHA_256_PLUS) | SASL_BIT(SASL_SCRAM_SHA_1) | SASL_BIT(SASL_PLAIN) |
			      SASL_BIT(SASL_EXTERNAL) | SASL_BIT(SASL_ANONYMOUS),
		.tokens = SASL_BIT(SASL_HT_SHA_256_NONE), .upgrades = plain, .bindings = 1u << SASL_TLS_EXPORTER,
		.has_plus = true, .has_bindings = true, .has_bind = true };
}

static void begin(struct run *r, struct str line)
{
	*r = (struct run){ .arena = arena_new(4096, SIZE_MAX / 2), .question = INITIATOR_IDLE, .end = INITIATOR_IDLE,
		.mechanism = SASL_MECHANISMS };
	random_seeded_init(&r->seeded, 1);
	r->random = random_seeded_source(&r->seeded);
	r->token = (struct sasl_token){ .n = sizeof(TOKEN) - 1, .mechanism = SASL_HT_SHA_256_NONE, .bytes = TOKEN };
	r->tls.version = 0x0304;
	if (has(line, 'b'))
		r->tls.bindings[SASL_TLS_EXPORTER] = (struct sasl_binding_data){ .n = 8, .bytes = "exporter" };
	remember(r);
	configure(r, line);
	r->has_tls = r->config.tls == INITIATOR_TLS_DIRECT;
	r->answers_all = has(line, 'a');
	framer_init(&r->framer, FRAMER_STREAM);
	buf_init(&r->rest, OUTPUT_BYTES_MAX);
	r->initiator = initiator_new(&r->config);
	if (r->has_tls)
		initiator_tls_started(r->initiator, &r->tls);
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
	printf("%lu logins, %lu by a token, %lu bound to TLS, %lu new keys, %lu sessions, %lu stanzas, %lu ends\n", logins, token_logins,
		bound_logins, keys, sessions, stanzas, ends);
	return !logins || !token_logins || !bound_logins || !keys || !sessions || !stanzas || !ends;
}
