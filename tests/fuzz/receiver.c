/* The receiving side of a stream, driven by a script: what a peer sends, and when and how the questions are answered.
 *
 * An input is lines. The first says how: S, D or N (STARTTLS, direct TLS, none); letters behind it: `a` answers all questions at
 * once and rightly, `b` TLS has channel bindings, `c` and `C` the client has a certificate for one address, for two. Each other line
 * is one step, by its first byte:
 *
 *     <…   these bytes are received          "…   the bytes behind the quote are     \…   the same and a line feed
 *     t?   a piece of `pieces` below, chosen by the next byte
 *     1-9  from now on in segments of so many bytes; 0: whole
 *     k u f   the account, or the client with its tokens, is known, unknown; storage fails       e   the tokens have expired
 *     p w     the hash is right, wrong                              g G n   a grant is durable, with a token and without; it failed
 *     s S     the right response to the last challenge of SCRAM, without and with tls-exporter
 *     h?      a login by a token: n the new one, e the current one, with tls-exporter, w a wrong one
 *     b r     the resource is bound, refused                        T       TLS is in place           c x   we close, with an error
 *
 * What must hold: nothing but questions is answered with waiting; no login without a known account, a certificate for it or a token
 * that is valid; nothing left behind by logins that are not; no stanza before a resource, and none with another sender; nothing
 * after the end; little memory; and all that is written is, by our own parser, a stream, restarted where it has to be. */
#include "tests/fuzz/output.h"
#include "tests/fuzz/target.h"

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/stream/ht.h"
#include "lib/stream/receiver.h"
#include "lib/stream/scram.h"
#include "lib/xmpp/ns.h"

#include <stdio.h>
#include <string.h>

#define SASL_NS           "urn:ietf:params:xml:ns:xmpp-sasl"
#define SASL2_NS          "urn:xmpp:sasl:2"
#define EXTRA_NS          "urn:example:extra"
#define CLIENT_FIRST_BARE "n=romeo,r=x"
#define CLIENT            "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define BIND2             "<bind xmlns='urn:xmpp:bind:0'><tag>phone</tag><x xmlns='urn:example:x'/></bind>"
#define AUTHENTICATE(mechanism, data, more)                                                                            \
	"<authenticate xmlns='" SASL2_NS "' mechanism='" mechanism "'><initial-response>" data "</initial-response>"     \
	"<user-agent id='" CLIENT "'><software>S</software><device>D</device></user-agent>" more "</authenticate>"
#define NEW_TOKEN         "the new token"
#define CURRENT_TOKEN     "the current token"
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
	/* Romeo's password by PLAIN; p=tls-exporter,,n=romeo,r=x; y,,n=romeo,r=x. */
	STR_INIT(AUTHENTICATE("PLAIN", "AHJvbWVvAHBlbmNpbA==",
		BIND2 "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>"
		      "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-512</upgrade>")),
	STR_INIT(AUTHENTICATE("PLAIN", "AHJvbWVvAHBlbmNpbA==", "")),
	STR_INIT(AUTHENTICATE("SCRAM-SHA-256-PLUS", "cD10bHMtZXhwb3J0ZXIsLG49cm9tZW8scj14", BIND2)),
	STR_INIT(AUTHENTICATE("SCRAM-SHA-256", "biwsbj1yb21lbyxyPXg=", BIND2)),
	STR_INIT(AUTHENTICATE("SCRAM-SHA-1", "eSwsbj1yb21lbyxyPXg=", "")),
	STR_INIT(AUTHENTICATE("EXTERNAL", "", BIND2)),
	STR_INIT(AUTHENTICATE("ANONYMOUS", "", BIND2)),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='SCRAM-SHA-1-PLUS'>cD10bHMtZXhwb3J0ZXIsLG49cm9tZW8scj14</auth>"),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='EXTERNAL'>=</auth>"),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='EXTERNAL'>cm9tZW9AaW0uZXhhbXBsZQ==</auth>"),
	STR_INIT("<auth xmlns='" SASL_NS "' mechanism='ANONYMOUS'/>"),
	STR_INIT("<next xmlns='" SASL2_NS "' task='UPGR-SCRAM-SHA-512'/>"),
	STR_INIT("<task-data xmlns='" SASL2_NS "'><hash xmlns='urn:xmpp:scram-upgrade:0'>"
		 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
		 "</hash></task-data>"),
	STR_INIT("<abort xmlns='" SASL2_NS "'/>"),
};

/* How far inputs came, for fuzz_report. */
static unsigned long logins, bound_logins, grants, upgrades, sessions, stanzas, ends;

struct run {
	struct random_seeded seeded;
	struct random_source random;
	struct arena *arena;
	struct receiver_config config;
	struct sasl_credentials romeo;
	struct sasl_tls tls;
	struct receiver *receiver;
	struct output output; /* what is written, read back */
	struct str challenge; /* the last one, decoded, in the arena of the run */
	bool is_sasl2; /* which was that of SASL2 */
	bool is_secret; /* between <proceed/> and the header behind TLS */
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
	bool is_login; /* since then nothing has failed */
	bool is_known; /* the account of the current handshake */
	enum receiver_phase phase;
};

static void on_item(struct output *o, const struct frame *f, const struct xml_node *root)
{
	struct run *r = o->ctx;
	size_t n;
	if (f->kind == FRAME_OPEN) {
		assert_always(xml_is(root, NS_STREAMS, STR("stream")));
		assert_always(xml_attr(root, STR("id")).n >= 22 && xml_attr(root, STR("from")).p);
		return;
	}
	r->is_secret = xml_is(root, NS_TLS, STR("proceed"));
	o->is_restarted = r->is_secret || xml_is(root, NS_SASL, STR("success"));
	struct str text = xml_text(root, r->arena);
	if (str_eq(xml_name(root), STR("challenge")) && text.n) {
		r->is_sasl2 = xml_is(root, NS_SASL2, STR("challenge"));
		char *p = arena_alloc_bytes(r->arena, text.n);
		assert_always(base64_decode(text, p, &n));
		r->challenge = str_make(p, n);
	}
}

/* Nothing may come after the closing tag, nor in plain text after <proceed/>; what is written is whole. */
static void check_output(struct run *r, struct str out)
{
	assert_always(!out.n || !r->is_secret);
	output_check(&r->output, out);
	assert_always(output_is_whole(&r->output));
}

static unsigned mechanisms(void *ctx, struct str host)
{
	(void)ctx;
	(void)host;
	return SASL_BIT(SASL_MECHANISMS) - 1;
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

static struct sasl_token make_token(enum sasl_mechanism m, const char *text, bool is_expired)
{
	struct sasl_token t = { .n = (uint8_t)strlen(text), .is_expired = is_expired, .mechanism = m };
	memcpy(t.bytes, text, t.n);
	return t;
}

static void answer_tokens(struct run *r, char how)
{
	const struct sasl_token tokens[SASL_TOKEN_SLOTS] = {
		[SASL_TOKEN_NEW] = make_token(SASL_HT_SHA_256_NONE, NEW_TOKEN, how == 'e'),
		[SASL_TOKEN_CURRENT] = make_token(SASL_HT_SHA_256_EXPR, CURRENT_TOKEN, how == 'e'),
	};
	r->is_known = how == 'k' && r->is_romeo;
	if (how == 'f')
		receiver_credentials_failed(r->receiver);
	else
		receiver_tokens(r->receiver, r->is_romeo && how != 'u' ? tokens : NULL);
}

static void answer_grant(struct run *r, char how)
{
	if (how == 'n')
		receiver_grant_failed(r->receiver);
	else
		receiver_granted(r->receiver, how == 'g' ? STR(NEW_TOKEN) : STR(""), STR("2027-01-02T03:04:05Z"));
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
	} else if (question == RECEIVER_FIND_TOKENS && strchr("kufe", how)) {
		answer_tokens(r, how);
	} else if (question == RECEIVER_GRANT && strchr("gGn", how)) {
		answer_grant(r, how);
	} else if (question == RECEIVER_HASH && strchr("pw", how)) {
		answer_hash(r, how == 'p');
	} else if (question == RECEIVER_BIND && strchr("br", how)) {
		answer_bind(r, how == 'b');
	} else if (question == RECEIVER_START_TLS && how == 'T') {
		r->is_secret = false;
		receiver_tls_started(r->receiver, &r->tls);
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

static void check_login(struct run *r, const struct receiver_event *e)
{
	bool is_bound = SASL_PLUS_BITS & SASL_BIT(e->mechanism) || e->mechanism == SASL_HT_SHA_256_EXPR;
	assert_always(jid_is_bare(e->jid));
	if (e->mechanism == SASL_ANONYMOUS)
		assert_always(jid_local(e->jid).n == 36 && str_eq(jid_domain(e->jid), STR("im.example")));
	else
		assert_always(r->is_known && str_eq(jid_full(e->jid), STR("romeo@im.example")));
	assert_always(e->mechanism != SASL_EXTERNAL || r->tls.address_count);
	assert_always(!is_bound || r->tls.bindings[SASL_TLS_EXPORTER].n);
	r->is_login = true;
	logins++;
	bound_logins += is_bound;
}

/* Only what a login has earned is kept, and tokens and new keys are no one's without a name. */
static void check_grant(struct run *r, const struct receiver_grant *g)
{
	assert_always(r->is_login && r->is_known);
	assert_always(g->client.n || g->upgrade);
	assert_always(!g->client.n || str_eq(g->client, STR(CLIENT)) || g->client.n == strlen(CLIENT));
	assert_always(g->client.n || (g->token_for == SASL_MECHANISMS && g->used == SASL_TOKEN_SLOTS));
	grants++;
	upgrades += g->upgrade != NULL;
}

static void handle(struct run *r, struct receiver_event *e)
{
	switch (e->kind) {
	case RECEIVER_START_TLS:
	case RECEIVER_FIND_CREDENTIALS:
	case RECEIVER_FIND_TOKENS:
	case RECEIVER_HASH:
	case RECEIVER_GRANT:
	case RECEIVER_BIND:
		if (e->kind == RECEIVER_GRANT)
			check_grant(r, e->grant);
		r->question = e->kind;
		r->is_romeo = str_eq(e->username, STR("romeo"));
		r->hash.digest = e->hash.digest;
		r->hash.password = e->hash.password;
		r->hash.salt = e->hash.salt;
		r->hash.iterations = e->hash.iterations;
		break;
	case RECEIVER_LOGGED_IN: check_login(r, e); break;
	case RECEIVER_LOGIN_FAILED: r->is_login = false; break;
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
			assert_always(r->output.is_closed || r->is_secret);
			r->end = kind;
			r->question = RECEIVER_IDLE;
		}
		for (const char *how = "kpgbT"; r->answers_all && r->question != RECEIVER_IDLE && *how; how++)
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
static void respond(struct run *r, struct str binding)
{
	struct scram_server_first m;
	unsigned char salted[DIGEST_BYTES_MAX], proof[DIGEST_BYTES_MAX], signature[DIGEST_BYTES_MAX], salt[256];
	struct arena *a = r->arena;
	size_t n;
	if (!scram_server_first_parse(r->challenge, &m) || m.salt.n > sizeof(salt) ||
		!base64_decode(m.salt, salt, &n))
		return;
	enum digest d = str_has_prefix(str_make(salt, n), STR("1")) ? DIGEST_SHA1 : DIGEST_SHA256;
	digest_pbkdf2(d, STR("pencil"), str_make(salt, n), m.iterations, salted);
	struct str without =
		arena_printf(a, "c=" STR_FMT ",r=" STR_FMT, STR_ARG(base64_dup(a, binding)), STR_ARG(m.nonce));
	scram_prove(d, salted, scram_auth_message(a, STR(CLIENT_FIRST_BARE), r->challenge, without), proof, signature);
	struct str proof64 = base64_dup(a, str_make(proof, digest_bytes(d)));
	struct str message = base64_dup(a, arena_printf(a, STR_FMT ",p=" STR_FMT, STR_ARG(without), STR_ARG(proof64)));
	receive(r, arena_printf(a, "<response xmlns='%s'>" STR_FMT "</response>", r->is_sasl2 ? SASL2_NS : SASL_NS,
			   STR_ARG(message)));
}

static void use_token(struct run *r, char which)
{
	struct arena *a = r->arena;
	struct str token = which == 'n' ? STR(NEW_TOKEN) : which == 'e' ? STR(CURRENT_TOKEN) : STR("another token");
	const struct sasl_binding_data *binding = which == 'e' ? &r->tls.bindings[SASL_TLS_EXPORTER] : NULL;
	struct str message = base64_dup(a, ht_write(a, STR("romeo"), token, binding));
	receive(r, arena_printf(a,
			   AUTHENTICATE("HT-SHA-256-%s", STR_FMT, "<fast xmlns='urn:xmpp:fast:0' count='1'%s/>" BIND2),
			   binding ? "EXPR" : "NONE", STR_ARG(message), which == 'e' ? " invalidate='true'" : ""));
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
		respond(r, STR("n,,"));
	else if (how == 'S')
		respond(r, STR("p=tls-exporter,,exporter"));
	else if (how == 'h' && rest.n)
		use_token(r, rest.p[0]);
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

static bool has(struct str line, char c)
{
	return str_index(line, c) < line.n;
}

static void begin(struct run *r, struct str line)
{
	static const struct str addresses[] = { STR_INIT("romeo@im.example"), STR_INIT("juliet@im.example") };
	static const enum receiver_tls tls[] = { RECEIVER_TLS_NONE, RECEIVER_TLS_DIRECT, RECEIVER_TLS_STARTTLS };
	*r = (struct run){ .arena = arena_new(4096, SIZE_MAX / 2), .question = RECEIVER_IDLE, .end = RECEIVER_IDLE };
	random_seeded_init(&r->seeded, 1);
	r->random = random_seeded_source(&r->seeded);
	r->config = (struct receiver_config){
		.upgrades = SASL_BIT(SASL_SCRAM_SHA_512) | SASL_BIT(SASL_SCRAM_SHA_256),
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
	r->answers_all = has(line, 'a');
	r->tls = (struct sasl_tls){ .version = 0x0304, .addresses = addresses,
		.address_count = has(line, 'C') ? 2 : has(line, 'c') };
	if (has(line, 'b'))
		r->tls.bindings[SASL_TLS_EXPORTER] = (struct sasl_binding_data){ .n = 8, .bytes = "exporter" };
	/* The first byte of the salt tells respond() which family it is. */
	set_keys(&r->romeo.keys[DIGEST_SHA1], DIGEST_SHA1, "1 salt of romeo.");
	set_keys(&r->romeo.keys[DIGEST_SHA256], DIGEST_SHA256, "2 salt of romeo.");
	output_init(&r->output, on_item, r);
	r->receiver = receiver_new(&r->config);
	if (r->config.tls == RECEIVER_TLS_DIRECT)
		receiver_tls_started(r->receiver, &r->tls);
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
	output_fini(&r.output);
	arena_free(&r.arena);
	return 0;
}

int fuzz_report(void)
{
	printf("%lu logins, %lu of them bound to TLS, %lu grants, %lu of them with new keys, %lu sessions, %lu stanzas, %lu ends\n",
		logins, bound_logins, grants, upgrades, sessions, stanzas, ends);
	return !logins || !bound_logins || !grants || !upgrades || !sessions || !stanzas || !ends;
}
